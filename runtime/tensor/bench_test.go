package tensor_test

import (
	"fmt"
	"testing"

	"github.com/hudrl/hudrl/runtime/tensor"
)

// BenchmarkTiny is one recorded operation on three elements.
func BenchmarkTiny(b *testing.B) {
	a := tensor.NewAllocator(tensor.NewLimit(1 << 30))
	x, y := a.Full(1, 3).RequireGrad(), a.Full(2, 3)
	b.ReportAllocs()
	for b.Loop() {
		_ = x.Mul(y)
	}
}

// BenchmarkDatum is the double-sided importance-sampling loss of one datum,
// forward and backward, operation by operation.
func BenchmarkDatum(b *testing.B) {
	for _, n := range []int{64, 512, 4096} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			a := tensor.NewAllocator(tensor.NewLimit(1 << 30))
			x, y := a.Full(-1, n).RequireGrad(), a.Full(-1.1, n)
			lo, hi, adv := tensor.Scalar(.8), tensor.Scalar(1.28), tensor.Scalar(.5)
			b.ReportAllocs()
			for b.Loop() {
				r := x.Sub(y).Exp()
				m := r.Ge(lo).Mul(r.Le(hi))
				if err := r.Mul(adv).Mul(m).Sum().Div(m.Sum()).Neg().Backward(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
