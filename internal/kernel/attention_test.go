package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestAttend compares every length up to five pages with float64, and with Gemm bit by bit.
func TestAttend(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		for _, d := range []int{2, 30, 32, 64, 96} {
			const at = 7
			size := at + 2*d*PageLen
			for n := 1; n <= 5*PageLen; n += 1 + r.IntN(3) {
				pages := make([]*float32, (n+PageLen-1)/PageLen)
				data := make([][]float32, len(pages))
				for i := range pages {
					data[i] = randoms(r, size)
					for p := min(n-i*PageLen, PageLen); p < PageLen; p++ { // nobody may use these
						for e := range d {
							data[i][at+e*PageLen+p] = float32(math.NaN())
							data[i][at+(PageLen+p)*d+e] = float32(math.Inf(1))
						}
					}
					pages[i] = &data[i][0]
				}
				q := randoms(r, d)
				score, out := make([]float32, len(pages)*PageLen), randoms(r, d)
				Attend(out, score, q, pages, at, n)

				name := fmt.Sprintf("d=%d n=%d", d, n)
				want, other := make([]float32, d), make([]float32, len(pages)*PageLen)
				for i := range pages {
					Gemm(NN, 1, PageLen, d, q, d, data[i][at:], PageLen, other[i*PageLen:], PageLen, false)
				}
				SoftmaxTo(other[:n], other[:n])
				for i := range pages {
					Gemm(NN, 1, d, min(PageLen, n-i*PageLen), other[i*PageLen:], PageLen, data[i][at+d*PageLen:], d, want, d, i > 0)
				}
				if !sameBits(out, want) {
					t.Fatalf("%s: differs from Gemm", name)
				}
				s := make([]float64, n)
				for p := range s {
					for e := range d {
						s[p] += float64(q[e]) * float64(data[p/PageLen][at+e*PageLen+p%PageLen])
					}
				}
				SoftmaxRef(s, s)
				for e := range d {
					var v float64
					for p, w := range s {
						v += w * float64(data[p/PageLen][at+(PageLen+p%PageLen)*d+e])
					}
					near(t, out[e], v, 3e-5, "%s: out[%d]", name, e)
				}
			}
		}
	})
	wantPanic(t, "kernel.Attend: sizes differ: got 33 positions in 1 pages, room for 32 scores, 2 results for 2 values", func() {
		Attend(make([]float32, 2), make([]float32, 32), make([]float32, 2), make([]*float32, 1), 0, 33)
	})
}

// BenchmarkAttend is one head of 32 values on 128 positions. Floor: 32 KB through the cache they are in.
func BenchmarkAttend(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	const d, n = 32, 128
	var pages []*float32
	for range n / PageLen {
		pages = append(pages, &randoms(r, 2*d*PageLen)[0])
	}
	q, score, out := randoms(r, d), make([]float32, n), make([]float32, d)
	b.SetBytes(8 * d * n)
	for b.Loop() {
		Attend(out, score, q, pages, 0, n)
	}
}
