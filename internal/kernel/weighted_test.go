package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestWeightedSums(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(13, 14))
		for _, n := range append(lengths(), 127, 4096) {
			x, y, mask, _ := logratios(r, n, 3)
			for i, m := range mask {
				if m != 0 && r.IntN(3) == 0 {
					mask[i] = float32(4 * (r.Float64() - 0.5))
				}
			}
			var big [2]float64
			var sum [2]float64
			want := Weighted{}
			for i, m := range mask {
				if m == 0 {
					continue
				}
				for k, v := range []float32{x[i], y[i]} {
					sum[k] += float64(m) * float64(v)
					big[k] += math.Abs(float64(m) * float64(v))
				}
				want.Count++
				want.Most = max(want.Most, float32(math.Abs(float64(m))))
			}
			got := WeightedSums(x, y, mask)
			if math.Abs(got.X-sum[0]) > 1e-13*big[0] || math.Abs(got.Y-sum[1]) > 1e-13*big[1] || got.Count != want.Count || got.Most != want.Most {
				t.Fatalf("%d: got %+v, want %v and %v of %d up to %v", n, got, sum[0], sum[1], want.Count, want.Most)
			}
			if ref := WeightedSumsRef(x, y, mask); got != ref {
				t.Fatalf("%d: got %+v, want every bit of %+v", n, got, ref)
			}
			if alone := WeightedSums(x, nil, mask); alone.X != got.X || alone.Y != 0 || alone.Count != got.Count {
				t.Fatalf("%d: got %+v without y, want that of %+v", n, alone, got)
			}
		}
	})
}

func TestWeightedSumsBroken(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	eachLevel(t, func(t *testing.T) {
		for _, at := range []int{0, 5, 31, 36} {
			x, mask := make([]float32, 37), make([]float32, 37)
			for i := range mask {
				x[i], mask[i] = 1, 1
			}
			x[at] = nan
			if s := WeightedSums(x, x, mask); !math.IsNaN(s.X) || !math.IsNaN(s.Y) {
				t.Errorf("NaN at %d: got %+v, want NaN", at, s)
			}
			x[at], mask[at] = 1, inf
			if s := WeightedSums(x, x, mask); !math.IsInf(s.X, -1) || !math.IsInf(float64(s.Most), 1) {
				t.Errorf("a mask of -Inf at %d: got %+v, want -Inf, at most +Inf", at, s)
			}
		}
	})
	wantPanic(t, "kernel.WeightedSums: mask has another length: got 3, want 2", func() { WeightedSums(make([]float32, 2), nil, make([]float32, 3)) })
}

func TestMark(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(17, 18))
		for _, n := range lengths() {
			_, _, mask, _ := logratios(r, n, 1)
			for i := range mask {
				switch r.IntN(5) {
				case 0:
					mask[i] = float32(math.NaN())
				case 1:
					mask[i] = float32(math.Copysign(0, -1))
				}
			}
			g, want := newGuarded(r, n, n%5, false).seal(), make([]float32, n)
			MarkTo(g.x, mask, -2.5)
			g.check(t, "MarkTo")
			MarkRef(want, mask, -2.5)
			if !sameBits(g.x, want) {
				t.Fatalf("%d: got %v, want %v", n, g.x, want)
			}
		}
	})
	wantPanic(t, "kernel.MarkTo: mask has another length: got 3, want 2", func() { MarkTo(make([]float32, 2), make([]float32, 3), 1) })
}

// BenchmarkWeightedSums reads 12 bytes a position; 14 vector instructions for 16 of them.
func BenchmarkWeightedSums(b *testing.B) {
	const n = 1 << 14
	r := rand.New(rand.NewPCG(15, 16))
	x, y, mask := randoms(r, n), randoms(r, n), randoms(r, n)
	b.SetBytes(12 * n)
	for b.Loop() {
		WeightedSums(x, y, mask)
	}
}
