package kernel

import (
	"fmt"
	"math/rand/v2"
	"runtime"
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

// policyShapes are m, n and k of products in the training of policies with 1 to 12 million parameters, and cubes;
// tests/bench/gemm.py has the same.
var policyShapes = [][3]int{
	{128, 128, 128}, {256, 256, 256}, {512, 512, 512}, {1024, 1024, 1024}, {2048, 2048, 2048}, {2048, 384, 128},
	{2048, 512, 128}, {2048, 128, 512}, {128, 512, 2048}, {2048, 1152, 384}, {2048, 384, 1536}, {2048, 2048, 384},
}

// eachShape gives f a product of each of the policyShapes and how many operations it is.
func eachShape(b *testing.B, f func(b *testing.B, flops float64, product func())) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range policyShapes {
		m, n, k := s[0], s[1], s[2]
		b.Run(fmt.Sprintf("%dx%dx%d", m, n, k), func(b *testing.B) {
			x, y, z := randoms(r, m*k), randoms(r, k*n), make([]float32, m*n)
			f(b, 2*float64(m)*float64(n)*float64(k), func() { Gemm(NN, m, n, k, x, k, y, n, z, n, false) })
		})
	}
}

// BenchmarkGemm multiplies on one core. Peer: OpenBLAS. Floor: the multiply-add peak, measured in the same run.
func BenchmarkGemm(b *testing.B) {
	eachShape(b, func(b *testing.B, flops float64, product func()) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		share(b, flops, product)
	})
}

// BenchmarkGemmCores multiplies on one core and on all in turn, and reports how much faster all are. Floor: the number
// of cores.
func BenchmarkGemmCores(b *testing.B) {
	all := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(all)
	eachShape(b, func(b *testing.B, flops float64, product func()) {
		times := [2][]float64{}
		for b.Loop() {
			for i, cores := range []int{1, all} {
				runtime.GOMAXPROCS(cores)
				for end := time.Now().Add(time.Millisecond); time.Now().Before(end); { // wakes the workers
					product()
				}
				for range 5 {
					start := time.Now()
					product()
					times[i] = append(times[i], time.Since(start).Seconds())
				}
			}
		}
		one, many := slices.Min(times[0]), slices.Min(times[1]) // a shared machine has two free cores only now and then
		b.ReportMetric(one/many, "x-one-core")
		b.ReportMetric(flops/many/1e9, "GFLOP/s")
		b.ReportMetric(0, "ns/op")
	})
}

// BenchmarkGemmLayouts multiplies at the shapes of the service's models, forwards and backwards. Floor: the multiply-add
// peak, reported beside.
func BenchmarkGemmLayouts(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range []struct {
		l       Layout
		m, n, k int
	}{
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
