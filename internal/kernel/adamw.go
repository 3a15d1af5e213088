package kernel

import (
	"math"
	"unsafe"
)

// AdamWParams are the settings of one [AdamW] update.
type AdamWParams struct {
	LearningRate float64
	Beta1, Beta2 float64
	Eps          float64
	WeightDecay  float64
	Step         int     // counts from 1; corrects the bias of the averages
	GradScale    float64 // multiplies every gradient first, for clipping and averaging; 1 leaves it alone
}

// adamwFactors are the settings as the inner loop uses them.
type adamwFactors[F Float] struct {
	scale, decay, beta1, rest1, beta2, rest2, root, eps, rate F
}

func factors[F Float](p AdamWParams) adamwFactors[F] {
	c1 := 1 - math.Pow(p.Beta1, float64(p.Step))
	c2 := 1 - math.Pow(p.Beta2, float64(p.Step))
	return adamwFactors[F]{
		scale: F(p.GradScale),
		decay: F(1 - p.LearningRate*p.WeightDecay),
		beta1: F(p.Beta1), rest1: F(1 - p.Beta1),
		beta2: F(p.Beta2), rest2: F(1 - p.Beta2),
		root: F(1 / math.Sqrt(c2)),
		eps:  F(p.Eps),
		rate: F(p.LearningRate / c1),
	}
}

// AdamW updates the weights w and the averages m and v for the gradient g, with decoupled weight decay (Loshchilov
// and Hutter, "Decoupled Weight Decay Regularization", 2019, algorithm 2, in the form torch.optim.AdamW gives it):
//
//	g' = GradScale·g
//	m  = β₁·m + (1−β₁)·g'        v = β₂·v + (1−β₂)·g'²
//	w  = w·(1−lr·λ) − lr/(1−β₁ᵗ) · m / (√v/√(1−β₂ᵗ) + ε)
func AdamW(w, g, m, v []float32, p AdamWParams) {
	checkLen("AdamW", "g", len(g), len(w))
	checkLen("AdamW", "m", len(m), len(w))
	checkLen("AdamW", "v", len(v), len(w))
	if active >= levelAVX2 {
		f := factors[float32](p)
		adamwSIMD(unsafe.SliceData(w), unsafe.SliceData(g), unsafe.SliceData(m), unsafe.SliceData(v), uintptr(len(w)), &f)
		return
	}
	AdamWRef(w, g, m, v, p)
}

// AdamWRef is the plain Go [AdamW].
func AdamWRef[F Float](w, g, m, v []F, p AdamWParams) {
	f := factors[F](p)
	for i, d := range g {
		d *= f.scale
		m[i] = F(f.beta1*m[i]) + F(f.rest1*d)
		v[i] = F(f.beta2*v[i]) + F(f.rest2*F(d*d))
		den := F(F(math.Sqrt(float64(v[i])))*f.root) + f.eps
		w[i] = F(w[i]*f.decay) - F(f.rate*m[i])/den
	}
}
