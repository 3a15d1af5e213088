package loss

import (
	"math"

	"github.com/hudrl/hudrl/internal/kernel"
)

// Drift is how far the policy is from the one that sampled, added up over the
// loss tokens. Log-ratios d are held within ±20, so that one extreme token
// leaves the others visible.
type Drift struct {
	Tokens   int
	Extreme  int     // tokens whose log-ratio lies beyond ±20
	Ratio    float64 // Σ r
	Squares  float64 // Σ r²
	Log      float64 // Σ d
	K2       float64 // Σ ½d²
	K3       float64 // Σ r − 1 − d
	MaxRatio float64
}

func (x *Drift) add(o *Drift) {
	x.Tokens += o.Tokens
	x.Extreme += o.Extreme
	x.Ratio += o.Ratio
	x.Squares += o.Squares
	x.Log += o.Log
	x.K2 += o.K2
	x.K3 += o.K3
	x.MaxRatio = max(x.MaxRatio, o.MaxRatio)
}

// drift adds up token by token, in float64.
func (s *Span) drift() (x Drift) {
	for i, m := range s.Mask {
		if m == 0 {
			continue
		}
		free := float64(s.Logprobs[i]) - float64(s.Sampling[i])
		d := limit(free)
		if d != free {
			x.Extreme++
		}
		r := math.Exp(d)
		x.Tokens++
		x.Ratio += r
		x.Squares += r * r
		x.Log += d
		x.K2 += d * d / 2
		x.K3 += math.Expm1(d) - d
		x.MaxRatio = max(x.MaxRatio, r)
	}
	return x
}

// of is what a pass found. The sum of r − 1 − d loses its digits where
// all d are small, so it is held to what it can be: φ(d)·½d² with φ rising.
func (x *Drift) of(r *kernel.Ratios) {
	n, k2 := float64(r.Tokens), r.LogSquares/2
	k3 := r.Ratio - n - r.Log
	if k2 < 1e-3*n {
		most := float64(r.MaxLog)
		k3 = min(max(k3, phi(-most)*k2), phi(most)*k2)
	}
	// Field by field: a copy of the whole waits for what the pass has just written.
	x.Tokens, x.Extreme = r.Tokens, 0
	x.Ratio, x.Squares, x.Log = r.Ratio, r.Squares, r.Log
	x.K2, x.K3, x.MaxRatio = k2, k3, float64(r.MaxRatio)
}

// phi is (e^d − 1 − d)/(½d²), 1 at 0.
func phi(d float64) float64 {
	if math.Abs(d) < 0.5 {
		return 1 + d*(1./3+d*(1./12+d*(1./60+d*(1./360+d*(1./2520+d/20160)))))
	}
	return 2 * (math.Expm1(d) - d) / (d * d)
}

// metrics adds ratio_mean and ratio_max; kl_k1, kl_k2 and kl_k3, the means of
// q − ℓ, ½(ℓ − q)² and e^(ℓ−q) − (ℓ−q) − 1, which estimate KL(sampling‖policy)
// from the sampling policy's tokens; ess, (Σr)²/(n·Σr²), the share of the
// tokens that still counts; and extreme_tokens, those whose log-ratio lies
// beyond ±20.
func (x *Drift) metrics(m map[string]float64) {
	if x.Tokens == 0 {
		return
	}
	n := float64(x.Tokens)
	m["ratio_mean"], m["ratio_max"] = x.Ratio/n, x.MaxRatio
	m["kl_k1"], m["kl_k2"], m["kl_k3"] = -x.Log/n, x.K2/n, x.K3/n
	m["ess"] = min(1, x.Ratio*x.Ratio/(n*x.Squares))
	m["extreme_tokens"] = float64(x.Extreme)
}
