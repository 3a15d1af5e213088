package tensor_test

import (
	"math/rand/v2"
	"testing"

	"github.com/hudrl/hudrl/runtime/tensor"
)

// TestPartsOfLeaf: parts of a leaf that overlap, meet or leave gaps, in any
// order, get the sum of what each adds, and the rest 0. The numbers are whole,
// so sums are exact.
func TestPartsOfLeaf(t *testing.T) {
	t.Parallel()
	const n = 6000
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		a := tensor.NewAllocator(tensor.NewLimit(1 << 28))
		a.SetRunner(func(work func()) error { work(); return nil })
		x := a.Full(1, n).RequireGrad()
		var want [n]float32
		for range 3 { // gradients add up; memory that is used again holds others
			loss := a.Scalar(0)
			size := 1 + r.IntN(2000)
			for k := range 1 + r.IntN(60) {
				lo, hi := r.IntN(n), n
				switch seed % 4 {
				case 0: // one after the other
					lo, hi = min(n, k*size), min(n, (k+1)*size)
				case 1: // from the end
					lo, hi = max(0, n-(k+1)*size), max(0, n-k*size)
				case 2:
					hi = lo + r.IntN(n-lo)
				case 3:
					hi = min(n, lo+size)
				}
				part := x.Narrow(0, lo, hi-lo)
				weight := make([]float32, hi-lo)
				for i := range weight {
					weight[i] = float32(r.IntN(9) - 4)
					want[lo+i] += weight[i]
				}
				if k%7 == 3 && (hi-lo)%2 == 0 { // columns have gaps between them
					part = part.Reshape(2, -1).T().Clone()
					turned := make([]float32, 0, len(weight))
					for i := range len(weight) / 2 {
						turned = append(turned, weight[i], weight[len(weight)/2+i])
					}
					loss = loss.Sub(part.Neg().Mul(a.From(turned, len(turned)/2, 2)).Sum())
					continue
				}
				loss = loss.Add(part.Mul(a.From(weight, len(weight))).Sum())
			}
			if err := loss.Backward(); err != nil {
				t.Fatal(err)
			}
			for i, g := range x.Grad().Data() {
				if g != want[i] {
					t.Fatalf("seed %d: gradient of element %d: got %v, want %v", seed, i, g, want[i])
				}
			}
		}
	}
}
