package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// tileBenchmarks are the operations on slices x, y and z, with the number of slices each reads and writes.
var tileBenchmarks = func() []tileBenchmark {
	one := []float32{0.5}
	l := []tileBenchmark{
		{"AddOne", 2, func(x, _, z []float32) { AddTo(z, x, one) }},
		{"Select", 4, func(x, y, z []float32) { SelectTo(z, x, x, y) }},
		{"Clamp", 2, func(x, _, z []float32) { ClampTo(z, x, -1, 1) }},
		{"MinimumBack", 5, func(x, y, z []float32) { MinimumBack(z, x, x, y) }},
		{"DivBack", 5, func(x, y, z []float32) { DivBack(z, x, x, y) }},
		{"AddCentered", 3, func(x, _, z []float32) { AddCentered(z, x, 0.5, 1e-9) }},
		{"Pow", 3, func(x, y, z []float32) { PowTo(z, x, y) }},
		{"Exp", 2, func(x, _, z []float32) { ExpTo(z, x) }},
		{"ExpDiff", 3, func(x, y, z []float32) { ExpDiffTo(z, x, y) }},
		{"Sum", 1, func(x, _, _ []float32) { Sum(x) }},
		{"SumSquares", 1, func(x, _, _ []float32) { SumSquares(x) }},
		{"SumProducts", 2, func(x, y, _ []float32) { SumProducts(x, y) }},
		{"Within", 2, func(x, _, z []float32) { WithinTo(z, x, -1, 1) }},
		{"SumScaled", 2, func(x, y, _ []float32) { SumScaled(0.5, x, y) }},
		{"SumWhere", 2, func(x, y, _ []float32) { SumWhere(x, y) }},
		{"CenteredSumSquares", 1, func(x, _, _ []float32) { CenteredSumSquares(x, 0.5) }},
		{"Max", 1, func(x, _, _ []float32) { Max(x) }},
		{"CountNonZero", 1, func(x, _, _ []float32) { CountNonZero(x) }},
		{"Dot", 2, func(x, y, _ []float32) { Dot(x, y) }},
		{"LogSumExp", 1, func(x, _, _ []float32) { LogSumExp(x) }},
		{"Softmax", 2, func(x, _, z []float32) { SoftmaxTo(z, x) }},
		{"LogSoftmax", 2, func(x, _, z []float32) { LogSoftmaxTo(z, x) }},
		{"SoftmaxBack", 4, func(x, y, z []float32) { SoftmaxBack(z, x, y) }},
	}
	for _, p := range pairs {
		l = append(l, tileBenchmark{p.name, 3, func(x, y, z []float32) { p.f(z, x, y) }})
	}
	for _, m := range masked {
		l = append(l, tileBenchmark{m.name, 4, func(x, y, z []float32) { m.f(z, x, y) }})
	}
	for _, fn := range functions {
		l = append(l, tileBenchmark{fn.name, 2, func(x, _, z []float32) { fn.f(z, x) }})
	}
	return l
}()

type tileBenchmark struct {
	name   string
	slices int
	f      func(x, y, z []float32)
}

// BenchmarkTile runs elementwise operations and reductions on short rows, on tiles in the first-level cache, and out of
// the second. Floor in the first: two loads and a store of a vector a cycle, or what the operation's own instructions
// take (a division of sixteen values 14 cycles, an exponential 8); out of the second the time of a copy.
func BenchmarkTile(b *testing.B) {
	for _, n := range []int{16, 256, 4096, 1 << 20} {
		r := rand.New(rand.NewPCG(1, 2))
		x, y, z := randoms(r, n), randoms(r, n), make([]float32, n)
		for _, t := range tileBenchmarks {
			b.Run(fmt.Sprintf("%s/%d", t.name, n), func(b *testing.B) {
				b.SetBytes(int64(4 * n * t.slices))
				for b.Loop() {
					t.f(x, y, z)
				}
			})
		}
	}
}
