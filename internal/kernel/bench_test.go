package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func peakGo(n int) float64 {
	a, b := make([]float32, 256), make([]float32, 256*goCols)
	for range n/256 + 1 {
		multiplyTileGo(a, a, b)
	}
	return float64(2 * goRows * goCols * 256 * (n/256 + 1))
}

// share times f, which does flops operations, in turn with the peak loop, and reports the median rate and its part
// of the peak's: on a shared machine only such a ratio repeats.
func share(b *testing.B, flops float64, f func()) {
	f()
	start := time.Now()
	f()
	length := min(time.Since(start), time.Millisecond)
	depth := 1000
	for start = time.Now(); ; start = time.Now() {
		if peak(depth); time.Since(start) >= length {
			break
		}
		depth *= 2
	}
	var own, floor []float64
	for b.Loop() {
		t0 := time.Now()
		f()
		t1 := time.Now()
		done := peak(depth)
		own = append(own, flops/t1.Sub(t0).Seconds())
		floor = append(floor, done/time.Since(t1).Seconds())
	}
	slices.Sort(own)
	slices.Sort(floor)
	rate, top := own[len(own)/2], floor[len(floor)/2]
	b.ReportMetric(rate/1e9, "GFLOP/s")
	b.ReportMetric(top/1e9, "peak-GFLOP/s")
	b.ReportMetric(100*rate/top, "%peak")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkGemm multiplies at the shapes of a small policy. Floor: the multiply-add peak, reported beside. Expect 80 to
// 95 % of it with AVX-512 or AVX2 from about 100 rows on.
func BenchmarkGemm(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range []struct {
		l       Layout
		m, n, k int
	}{
		{NN, 128, 128, 128}, {NN, 256, 256, 256}, {NN, 512, 512, 512}, {NN, 1024, 1024, 1024},
		{NN, 2048, 384, 128}, {NN, 2048, 512, 128}, {NN, 2048, 128, 512}, {NN, 128, 512, 2048}, {NN, 2048, 384, 1536},
		{NT, 480, 96, 96}, {NT, 480, 256, 96}, {NT, 480, 96, 256}, {NT, 480, 264, 96}, {NT, 480, 352, 128}, {NT, 480, 128, 352},
		{NN, 480, 256, 96}, {NN, 480, 128, 352}, {TN, 96, 96, 480}, {TN, 256, 96, 480}, {TN, 96, 256, 480}, {TN, 264, 96, 480}, {TN, 352, 128, 2048},
		{NT, 30, 30, 32}, {NN, 30, 32, 30}, {TN, 30, 32, 30}, {NT, 128, 128, 32}, {NN, 128, 32, 128}, {TN, 128, 32, 128},
	} {
		b.Run(fmt.Sprintf("%v-%dx%dx%d", s.l, s.m, s.n, s.k), func(b *testing.B) {
			ar, ac, br, bc := stored(s.l, s.m, s.n, s.k)
			x, y, z := randoms(r, ar*ac), randoms(r, br*bc), make([]float32, s.m*s.n)
			share(b, 2*float64(s.m)*float64(s.n)*float64(s.k), func() { Gemm(s.l, s.m, s.n, s.k, x, ac, y, bc, z, s.n, false) })
		})
	}
}

// BenchmarkElementwise runs rows of a policy's lengths and one that leaves the caches. Floor: their bytes at the bandwidth
// of the level they are in (about 100 GB/s a core from L2, 30 from memory), or for the exponential about 20 vector
// instructions for 16 values.
func BenchmarkElementwise(b *testing.B) {
	for _, op := range operations {
		for _, n := range []int{32, 96, 352, 1 << 20} {
			b.Run(fmt.Sprintf("%s/%d", op.name, n), func(b *testing.B) {
				r := rand.New(rand.NewPCG(1, 2))
				var in, out [][]float32
				for range op.ins {
					in = append(in, randoms(r, n))
				}
				for range op.outs {
					out = append(out, make([]float32, n))
				}
				b.SetBytes(int64(4 * n * (op.ins + op.outs)))
				for b.Loop() {
					op.run(in, out)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/value")
			})
		}
	}
}

// BenchmarkFunction runs the elementwise functions on a million values. Floor: 8 bytes a value at the bandwidth of the
// last level of cache, or 15 to 35 vector instructions for 8 values.
func BenchmarkFunction(b *testing.B) {
	const n = 1 << 20
	x, y := randoms(rand.New(rand.NewPCG(1, 2)), n), make([]float32, n)
	for _, fn := range append(functions, function{name: "Exp", f: ExpTo}) {
		b.Run(fn.name, func(b *testing.B) {
			b.SetBytes(8 * n)
			for b.Loop() {
				fn.f(y, x)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/value")
		})
	}
}

// BenchmarkParallel joins two empty items, right after one another and so on a polling worker. Expect well under a
// microsecond on two idle cores.
func BenchmarkParallel(b *testing.B) {
	for b.Loop() {
		Parallel(2, func(int) {})
	}
}

// BenchmarkGemmPanel multiplies few rows with packed weights, as a sampler does. Floor: the weights' bytes through the
// cache they fit in until about six rows, the multiply-add peak after.
func BenchmarkGemmPanel(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range [][2]int{{96, 96}, {256, 96}, {96, 256}, {264, 96}, {352, 128}, {128, 352}} {
		for _, m := range []int{1, 2, 3, 4, 6, 8, 12, 13, 16, 32, 64, 480} {
			b.Run(fmt.Sprintf("%dx%dx%d", m, s[0], s[1]), func(b *testing.B) {
				n, k := s[0], s[1]
				x, y, z := randoms(r, m*k), randoms(r, n*k), make([]float32, m*n)
				var p Panel
				p.Pack(NT, n, k, y, k)
				share(b, 2*float64(m)*float64(n)*float64(k), func() { GemmPanel(m, x, k, &p, z, n, false) })
			})
		}
	}
}
