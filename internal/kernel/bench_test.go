package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

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
