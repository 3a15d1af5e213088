package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkTile runs elementwise operations on tiles in the first-level cache, in the second and beyond. Floor in the
// first: two loads and a store of a vector a cycle, or what the operation's own instructions take.
func BenchmarkTile(b *testing.B) {
	for _, n := range []int{16, 256, 4096, 1 << 20} {
		r := rand.New(rand.NewPCG(1, 2))
		x, y, z := randoms(r, n), randoms(r, n), make([]float32, n)
		run := func(name string, slices int, f func()) {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.SetBytes(int64(4 * n * slices))
				for b.Loop() {
					f()
				}
			})
		}
		for _, p := range pairs {
			run(p.name, 3, func() { p.f(z, x, y) })
		}
		one := []float32{0.5}
		run("AddOne", 2, func() { AddTo(z, x, one) })
		for _, m := range masked {
			run(m.name, 4, func() { m.f(z, x, y) })
		}
		run("Select", 4, func() { SelectTo(z, x, x, y) })
		for _, fn := range functions {
			run(fn.name, 2, func() { fn.f(z, x) })
		}
		run("Exp", 2, func() { ExpTo(z, x) })
		run("Sum", 1, func() { Sum(x) })
		run("SumSquares", 1, func() { SumSquares(x) })
		run("Max", 1, func() { Max(x) })
		run("Dot", 2, func() { Dot(x, y) })
	}
}
