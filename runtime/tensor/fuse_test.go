package tensor_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hudrl/hudrl/runtime/tensor"
)

// TestMaskedSums: sums of scaled and masked values by segments, whose steps are
// joined, and their gradients are bit for bit what the operations give one by
// one: with either factor first, scales for the same segments and for others,
// segments of any length, and values that are special.
func TestMaskedSums(t *testing.T) {
	t.Parallel()
	split := func(r *rand.Rand, n, most int) []int {
		out := []int{0}
		for at := 0; at < n; {
			at = min(n, at+r.IntN(most+1))
			out = append(out, at)
		}
		return out
	}
	within := func(r T) T { return r.Ge(tensor.Scalar(0.8)).Mul(r.Le(tensor.Scalar(1.28))) }
	forms := []struct {
		name string
		loss func(r, scale, other T, offsets []int) T
	}{
		{"scaled", func(r, scale, _ T, o []int) T { return r.Mul(scale).Mul(within(r)).SegmentSum(o) }},
		{"mask first", func(r, scale, _ T, o []int) T { return within(r).Mul(scale.Mul(r)).SegmentSum(o) }},
		{"mask alone", func(r, _, _ T, o []int) T { return r.Mul(r.Lt(tensor.Scalar(1))).SegmentSum(o) }},
		{"other segments", func(r, scale, other T, o []int) T {
			return r.Mul(other).Mul(within(r)).SegmentSum(o).Add(other.Mul(scale).Mul(r).SegmentSum(o))
		}},
		{"number", func(r, _, _ T, o []int) T { return r.Mul(tensor.Scalar(-1.7)).Mul(within(r)).SegmentMean(o) }},
		{"scale twice", func(r, scale, _ T, o []int) T {
			x := r.Mul(scale)
			return x.Mul(within(r)).SegmentSum(o).Add(x.Sub(scale).SegmentSum(o))
		}},
		{"scales only", func(r, scale, other T, o []int) T {
			return r.Add(scale.Mul(other)).Mul(scale.Sub(scale)).SegmentSum(o).Add(scale.Mul(scale.Gt(tensor.Scalar(0))).SegmentSum(o))
		}},
		{"mean", func(r, scale, _ T, o []int) T {
			m := within(r)
			return r.Mul(scale).Mul(m).SegmentSum(o).Div(m.SegmentSum(o).Add(tensor.Scalar(1)))
		}},
	}
	type result struct{ loss, x, scale []float32 }
	run := func(a *tensor.Allocator, form func(r, scale, other T, o []int) T, n, most int, special bool) result {
		r := rand.New(rand.NewPCG(uint64(n), uint64(most)))
		o, elsewhere := split(r, n, most), split(r, n, 2*most)
		normal := func(n int, at float64) T {
			x := make([]float32, n)
			for i := range x {
				x[i] = float32(at + 0.2*r.NormFloat64())
				if special && r.IntN(50) == 0 {
					x[i] = []float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 200}[r.IntN(6)]
				}
			}
			return a.From(x, n)
		}
		x, q := normal(n, 0).RequireGrad(), normal(n, 0)
		scale, other := normal(len(o)-1, 0).RequireGrad(), normal(len(elsewhere)-1, 1)
		l := form(x.Sub(q).Exp(), scale.SegmentExpand(o), other.SegmentExpand(elsewhere), o)
		if err := l.Sum().Backward(); err != nil {
			t.Fatal(err)
		}
		out := result{loss: l.Data(), x: x.Grad().Data()}
		if g := scale.Grad(); g != nil {
			out.scale = g.Data()
		}
		return out
	}
	for _, f := range forms {
		for _, n := range []int{128, 1025, 5000, 1<<15 + 700} {
			for _, most := range []int{3, 300, 3000} {
				for _, special := range []bool{false, true} {
					late := tensor.Late()
					late.SetRunner(func(work func()) error { work(); return nil })
					got, want := run(late, f.loss, n, most, special), run(tensor.Eager(), f.loss, n, most, special)
					for i, w := range [][]float32{want.loss, want.x, want.scale} {
						g := [][]float32{got.loss, got.x, got.scale}[i]
						for k := range w {
							if math.Float32bits(g[k]) != math.Float32bits(w[k]) && (g[k] == g[k] || w[k] == w[k]) {
								t.Fatalf("%s, %d by up to %d, special %v: result %d at %d: got %v, want %v", f.name, n, most, special, i, k, g[k], w[k])
							}
						}
					}
				}
			}
		}
	}
}
