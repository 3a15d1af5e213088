package tensor_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hudrl/hudrl/runtime/tensor"
)

// Losses of datums one after another, of a few forms in turn, give what each
// operation gives by itself: however alike two of them are, in all but numbers,
// in the reduction, or in which operand is which.
func TestLossesAlike(t *testing.T) {
	t.Parallel()
	forms := []func(x, q T, c float64) T{
		func(x, q T, c float64) T {
			r := x.Sub(q).Exp()
			m := r.Ge(tensor.Scalar(c)).Mul(r.Le(tensor.Scalar(2 + c)))
			return r.Mul(tensor.Scalar(c)).Mul(m).Sum().Div(m.Sum())
		},
		func(x, q T, c float64) T {
			r := x.Sub(q).Exp()
			m := r.Ge(tensor.Scalar(c)).Mul(r.Le(tensor.Scalar(2 + c)))
			return r.Mul(tensor.Scalar(c)).Mul(m).Max().Div(m.Sum())
		},
		func(x, q T, c float64) T {
			r := q.Sub(x).Exp()
			m := r.Ge(tensor.Scalar(c)).Mul(r.Le(tensor.Scalar(2 + c)))
			return r.Mul(tensor.Scalar(c)).Mul(m).Sum().Div(m.Sum())
		},
		func(x, q T, c float64) T { return x.Sub(q).Clamp(-c, c).Sum() },
		func(x, q T, c float64) T { return x.Sub(q).Mul(q).Mul(tensor.Scalar(c)).Mean() },
		func(x, q T, c float64) T { return q.Mul(x).Minimum(x.Mul(tensor.Scalar(c))).Sum() },
		func(x, q T, c float64) T { return x.Sub(q).Mul(q.Gt(tensor.Scalar(c))).Mul(tensor.Scalar(c)).Sum() },
	}
	const n, datums = 300, 40
	run := func(a *tensor.Allocator, period int) [][]float32 {
		r := rand.New(rand.NewPCG(5, 6))
		p, s := make([]float32, n*datums), make([]float32, n*datums)
		for i := range p {
			p[i], s[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
		}
		x, q := a.From(p, n*datums).RequireGrad(), a.From(s, n*datums)
		total := a.Scalar(0)
		var out [][]float32
		for d := range datums {
			l := forms[d/3%period](x.Narrow(0, d*n, n), q.Narrow(0, d*n, n), 0.1+0.02*float64(d))
			out = append(out, slices.Clone(l.Data()))
			total = total.Sub(l)
		}
		if err := total.Backward(); err != nil {
			t.Fatal(err)
		}
		out = append(out, x.Grad().Data())
		for d := range 6 { // each a leaf of its own
			y := a.From(p[d*n:][:n], n).RequireGrad()
			if err := y.Sub(q.Narrow(0, d*n, n)).Exp().Mul(tensor.Scalar(float64(d))).Exp().Sum().Backward(); err != nil {
				t.Fatal(err)
			}
			out = append(out, y.Grad().Data())
		}
		return out
	}
	for period := 1; period <= len(forms); period++ {
		late, once := run(tensor.Late(), period), run(tensor.Eager(), period)
		for i := range once {
			if !slices.Equal(late[i], once[i]) {
				t.Errorf("%d forms: result %d differs", period, i)
			}
		}
	}
}
