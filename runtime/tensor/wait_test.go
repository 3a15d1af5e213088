package tensor_test

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/hudrl/hudrl/runtime/tensor"
)

// TestManyNumbers: single values computed of sums that nobody asked for, and of
// each other, are what each operation gives by itself, in every bit, on any
// number of cores; so are the gradients.
func TestManyNumbers(t *testing.T) {
	const n, datums = 200, 700
	loss := func(d int, x, q T) T {
		r := x.Sub(q).Exp()
		m := r.Ge(tensor.Scalar(0.5)).Mul(r.Le(tensor.Scalar(2)))
		s, c := r.Mul(m).Sum(), m.Sum()
		switch d % 9 {
		case 1:
			return s.Div(c.Add(tensor.Scalar(1))).Exp().Log()
		case 2:
			return s.Div(r.Max()).Neg().Clamp(-3, 30)
		case 3: // of a reduction by rows
			rows := x.Reshape(2, -1).Mul(q.Reshape(2, -1)).Mean(1)
			return rows.Select(0, 1).Mul(rows.Select(0, 0)).Sub(s.Reshape(1).Sum())
		case 4:
			return tensor.Where(s.Gt(c), s.Mul(tensor.Scalar(0.25)), c.Mul(s))
		case 5: // wanted by an operation on many elements
			return x.Sub(x.Mean()).Square().Mean().Sqrt().Minimum(s)
		case 6:
			return s.Pow(tensor.Scalar(2)).Div(c.Maximum(tensor.Scalar(1)))
		case 7: // an element of what is late
			return s.Mul(r.Select(0, 3)).Sub(r.Narrow(0, 5, 1).Sum())
		case 8:
			return tensor.Stack([]T{s, c, s.Mul(c)}, 0).Mean()
		}
		return s.Div(c)
	}
	run := func(a *tensor.Allocator) [][]float32 {
		r := rand.New(rand.NewPCG(7, 8))
		p, s := make([]float32, n*datums), make([]float32, n*datums)
		for i := range p {
			p[i], s[i] = float32(r.NormFloat64())/2, float32(r.NormFloat64())/2
		}
		x, q := a.From(p, n*datums).RequireGrad(), a.From(s, n*datums)
		total, best := a.Scalar(0), a.Scalar(-100)
		var each []T
		for d := range datums {
			l := loss(d, x.Narrow(0, d*n, n), q.Narrow(0, d*n, n))
			total, best = total.Sub(l), best.Maximum(l.Detach())
			each = append(each, l)
		}
		total = total.Div(best)
		if err := total.Backward(); err != nil {
			t.Fatal(err)
		}
		out := [][]float32{x.Grad().Data(), total.Data(), best.Data()}
		for _, l := range each {
			out = append(out, l.Data())
		}
		return out
	}
	want := run(tensor.Eager())
	for _, cores := range []int{1, 2, 4} {
		was := runtime.GOMAXPROCS(cores)
		a := tensor.Late()
		a.SetRunner(func(work func()) error { work(); return nil })
		got := run(a)
		runtime.GOMAXPROCS(was)
		for i := range want {
			if !slices.Equal(got[i], want[i]) {
				t.Errorf("%d cores: result %d differs", cores, i)
			}
		}
	}
}

// TestNumbersAssigned: a single value that was not asked for reads what its
// operands were when it was computed, and may itself be changed.
func TestNumbersAssigned(t *testing.T) {
	t.Parallel()
	a := tensor.NewAllocator(tensor.NewLimit(1 << 20))
	a.SetRunner(func(work func()) error { work(); return nil })
	x, k := a.Full(1, 300), a.Scalar(2)
	sum := x.Add(tensor.Scalar(1)).Sum() // 600
	twice := sum.Mul(k)
	if err := k.Assign("set", a.Scalar(5)); err != nil {
		t.Fatal(err)
	}
	if err := x.Assign("set", a.Scalar(7)); err != nil {
		t.Fatal(err)
	}
	five := sum.Mul(k)
	if err := sum.Assign("set", a.Scalar(1)); err != nil {
		t.Fatal(err)
	}
	one := sum.Mul(k)
	for i, tt := range []struct {
		got  T
		want float64
	}{{twice, 1200}, {five, 3000}, {one, 5}, {sum, 1}} {
		if got, err := tt.got.Item(); err != nil || got != tt.want {
			t.Errorf("%d: got %v %v, want %v", i, got, err, tt.want)
		}
	}
}
