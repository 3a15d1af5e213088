//go:build !purego

package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestSameBits compares AVX-512 with AVX2, which agree in every bit: a run repeats on either.
func TestSameBits(t *testing.T) {
	if active < levelAVX512 {
		t.Logf("one vector implementation only: %v", active)
		return
	}
	defer func() { active = levelAVX512 }()
	r := rand.New(rand.NewPCG(12, 13))
	for _, s := range [][3]int{{30, 70, 33}, {1, 129, 400}, {2, 200, 900}} {
		m, n, k := s[0], s[1], s[2]
		a, b, c := randoms(r, m*k), randoms(r, n*k), [2][]float32{randoms(r, m*n)}
		c[1] = append([]float32(nil), c[0]...)
		for i, lv := range []level{levelAVX512, levelAVX2} {
			active = lv
			Gemm(NT, m, n, k, a, k, b, k, c[i], n, true)
		}
		if !sameBits(c[0], c[1]) {
			t.Errorf("Gemm %v: AVX-512 and AVX2 differ", s)
		}
	}
	// Every exponent and sign, denormals, NaN and infinities among them.
	x := make([]float32, 1<<18)
	for i := range x {
		x[i] = math.Float32frombits(r.Uint32())
	}
	copy(x, specials)
	for i := len(x) / 2; i < len(x); i++ {
		x[i] = float32(r.NormFloat64()) * 60
	}
	for _, fn := range append(functions, function{name: "Exp", f: ExpTo}) {
		var y [2][]float32
		for i, lv := range []level{levelAVX512, levelAVX2} {
			active, y[i] = lv, make([]float32, len(x))
			fn.f(y[i], x)
		}
		for i, v := range x {
			if !equalBits(y[0][i], y[1][i]) {
				t.Errorf("%s(%v): got %v with AVX-512, %v with AVX2", fn.name, v, y[0][i], y[1][i])
				break
			}
		}
	}
	for _, op := range operations {
		for _, n := range []int{1, 7, 24, 100, 1000, 5003} {
			var in [][]float32
			for range op.ins {
				in = append(in, randoms(r, n))
			}
			levels := []level{levelAVX512, levelAVX2}
			switch op.name {
			case "Axpy", "Scale", "SoftmaxBack", "RMSNormTo", "RMSNormBack", "AdamW":
				levels = append(levels, levelGo)
			}
			start := make([][]float32, op.outs)
			for k := range start {
				start[k] = randoms(r, n)
			}
			var want [][]float32
			for _, lv := range levels {
				active = lv
				var got [][]float32
				for _, x := range start {
					got = append(got, append([]float32(nil), x...))
				}
				got = append(got, op.run(in, got))
				if want == nil {
					want = got
				}
				for k := range want {
					if !sameBits(got[k], want[k]) {
						t.Errorf("%s of %d: result %d differs between %v and %v", op.name, n, k, levels[0], lv)
					}
				}
			}
		}
	}
}

func TestCapLevel(t *testing.T) {
	for _, tt := range []struct {
		best level
		name string
		want level
	}{
		{levelAVX512, "", levelAVX512}, {levelAVX512, "avx2", levelAVX2}, {levelAVX2, "avx512", levelAVX2}, {levelAVX512, "go", levelGo}, {levelAVX2, "neon", levelAVX2},
	} {
		if got := capLevel(tt.best, tt.name); got != tt.want {
			t.Errorf("capLevel(%v, %q): got %v, want %v", tt.best, tt.name, got, tt.want)
		}
	}
}
