// Package optim is the optimizer of the embedded service: AdamW over one slab
// of parameters, and the norms and clipping that go with it.
//
// A step is deterministic: the slabs are cut into blocks of fixed length, so
// that the bits depend neither on the number of cores nor on timing.
package optim

import (
	"fmt"
	"math"
	"slices"

	"github.com/hudrl/hudrl/internal/kernel"
)

// block is the number of elements that one worker takes at a time.
const block = 1 << 15

// Hyper are the settings of one step, those of torch.optim.AdamW.
type Hyper struct {
	LearningRate float64
	Beta1, Beta2 float64
	Eps          float64
	WeightDecay  float64 // decoupled, on every parameter
}

// Validate says which setting no step can use.
func (h Hyper) Validate() error {
	finite := func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
	switch {
	case !finite(h.LearningRate) || h.LearningRate < 0:
		return fmt.Errorf("adamw: learning_rate must be a finite number, at least 0: got %v", h.LearningRate)
	case !(h.Beta1 >= 0 && h.Beta1 < 1):
		return fmt.Errorf("adamw: beta1 must be in [0, 1): got %v", h.Beta1)
	case !(h.Beta2 >= 0 && h.Beta2 < 1):
		return fmt.Errorf("adamw: beta2 must be in [0, 1): got %v", h.Beta2)
	case !finite(h.Eps) || h.Eps < 0:
		return fmt.Errorf("adamw: eps must be a finite number, at least 0: got %v", h.Eps)
	case !finite(h.WeightDecay) || h.WeightDecay < 0:
		return fmt.Errorf("adamw: weight_decay must be a finite number, at least 0: got %v", h.WeightDecay)
	}
	return nil
}

// AdamW is the optimizer's state: running averages of the gradient and of its
// square, and the number of steps they have seen.
type AdamW struct {
	M, V []float32 // like the parameters
	T    int       // steps taken since M and V were zero
}

// New returns the state before the first step for n parameters.
func New(n int) *AdamW {
	return &AdamW{M: make([]float32, n), V: make([]float32, n)}
}

// Clone returns an independent copy, to step from while the original stays
// valid until the step is committed.
func (a *AdamW) Clone() *AdamW {
	return &AdamW{M: slices.Clone(a.M), V: slices.Clone(a.V), T: a.T}
}

// Step updates params and the state in place for a gradient that is multiplied
// by scale first (1, or what [ClipScale] says). Slabs of another length than
// the state's panic. With g the scaled gradient:
//
//	m ← β₁·m + (1−β₁)·g          v ← β₂·v + (1−β₂)·g²
//	w ← w·(1−lr·λ) − lr·m̂/(√v̂+ε),  m̂ = m/(1−β₁ᵗ),  v̂ = v/(1−β₂ᵗ)
//
// (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019.)
func (a *AdamW) Step(params, grad []float32, h Hyper, scale float64) {
	if len(params) != len(a.M) || len(grad) != len(a.M) {
		panic(fmt.Sprintf("optim.AdamW.Step: wrong lengths: got %d parameters and %d gradients, want %d", len(params), len(grad), len(a.M)))
	}
	a.T++
	p := kernel.AdamWParams{
		LearningRate: h.LearningRate, Beta1: h.Beta1, Beta2: h.Beta2, Eps: h.Eps,
		WeightDecay: h.WeightDecay, Step: a.T, GradScale: scale,
	}
	blocks(len(params), func(_, lo, hi int) {
		kernel.AdamW(params[lo:hi], grad[lo:hi], a.M[lo:hi], a.V[lo:hi], p)
	})
}

// Reference is Step in float64, as torch.optim.AdamW writes it: one element at
// a time, bias corrections applied to the averages. t counts from 1.
func Reference(w, g, m, v []float64, t int, h Hyper, scale float64) {
	c1, c2 := 1-math.Pow(h.Beta1, float64(t)), 1-math.Pow(h.Beta2, float64(t))
	for i := range w {
		d := g[i] * scale
		m[i] = h.Beta1*m[i] + (1-h.Beta1)*d
		v[i] = h.Beta2*v[i] + (1-h.Beta2)*d*d
		w[i] *= 1 - h.LearningRate*h.WeightDecay
		w[i] -= h.LearningRate * (m[i] / c1) / (math.Sqrt(v[i]/c2) + h.Eps)
	}
}

// Norm is the Euclidean norm √Σx², summed in float64. It is not finite exactly
// when an element is not.
func Norm(x []float32) float64 {
	sums := make([]float64, (len(x)+block-1)/block)
	blocks(len(x), func(i, lo, hi int) { sums[i] = kernel.SumSquares(x[lo:hi]) })
	total := 0.0
	for _, s := range sums {
		total += s
	}
	return math.Sqrt(total)
}

// Distance is √Σ(x−y)² of two slabs of equal length: how far a step went.
func Distance(x, y []float32) float64 {
	sums := make([]float64, (len(x)+block-1)/block)
	blocks(len(x), func(i, lo, hi int) {
		s := 0.0
		for j, v := range x[lo:hi] {
			d := float64(v) - float64(y[lo+j])
			s += d * d
		}
		sums[i] = s
	})
	total := 0.0
	for _, s := range sums {
		total += s
	}
	return math.Sqrt(total)
}

// ClipScale is the factor that brings a gradient of the given norm down to
// limit, as torch.nn.utils.clip_grad_norm_ computes it: min(1,
// limit/(norm+1e-6)). A limit of 0 clips nothing.
func ClipScale(norm, limit float64) float64 {
	if limit <= 0 {
		return 1
	}
	return min(1, limit/(norm+1e-6))
}

func blocks(n int, f func(i, lo, hi int)) {
	kernel.Parallel((n+block-1)/block, func(i int) { f(i, i*block, min((i+1)*block, n)) })
}
