package tensor

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hudrl/hudrl/internal/kernel"
)

// A large product in pieces has the bits of one that is made at once, in every
// layout, and ends where its context does.
func TestGemmInPieces(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	fill := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(r.Float64() - 0.5)
		}
		return x
	}
	m, n, k := 700, 1111, 193
	for _, l := range []kernel.Layout{kernel.NN, kernel.NT, kernel.TN} {
		a, b, c := fill(m*k), fill(k*n), fill(m*n)
		lda, ldb := k, n
		if l == kernel.TN {
			lda = m
		}
		if l == kernel.NT {
			ldb = k
		}
		for _, accumulate := range []bool{false, true} {
			want, got := slices.Clone(c), slices.Clone(c)
			kernel.Gemm(l, m, n, k, a, lda, b, ldb, want, n, accumulate)
			gemm(t.Context(), l, m, n, k, a, lda, b, ldb, got, n, accumulate)
			if !slices.Equal(want, got) {
				t.Errorf("%v, accumulate %v: the pieces differ", l, accumulate)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		got := slices.Clone(c)
		if gemm(ctx, l, m, n, k, a, lda, b, ldb, got, n, false); !slices.Equal(got, c) {
			t.Errorf("%v: it did not end", l)
		}
	}
}
