package loss

import (
	"math"

	"github.com/hudrl/hudrl/internal/kernel"
)

// maxK3 bounds k3's value, as verl does.
const maxK3 = 10

// k3 is e^x − x − 1 with x = ℓ_ref − ℓ held within ±20, at most 10, and its
// derivative with respect to ℓ.
func k3(l, ref float64) (value, slope float64) {
	x := limit(ref - l)
	e := math.Expm1(x)
	if value = e - x; value > maxK3 {
		return maxK3, 0
	}
	return value, flat(-e, x == ref-l)
}

// k3 is the function k3 of every token.
func (t *tile) k3(value, slope []float32) {
	kernel.SubTo(t.u, t.ref, t.l)
	kernel.Expm1To(slope, t.u)
	kernel.SubTo(value, slope, t.u)
	above(t.v, value, maxK3)
	kernel.NegTo(slope, slope)
	unless(slope, t.v, slope)
	kernel.MinimumTo(value, value, []float32{maxK3})
}

// klSpec is coef times an estimator of KL(policy‖reference), one token's value
// and derivative.
func klSpec(t traits, defaults map[string]float64, f func(c map[string]float64) func(x point) (value, slope float64), onTile func(t *tile, c map[string]float64)) spec {
	t.reference = true
	d := map[string]float64{keyCoef: 1}
	for k, v := range defaults {
		d[k] = v
	}
	return spec{traits: t, defaults: d, aggregate: TokenMean, token: func(c map[string]float64) tokenFunc {
		coef, estimate := c[keyCoef], f(c)
		return func(x point) (float64, float64, cut) {
			value, slope := estimate(x)
			return coef * value, coef * slope, uncut
		}
	}, fast: func(c map[string]float64) fastFunc {
		coef := c[keyCoef]
		return byTiles(t, nil, func(t *tile) {
			onTile(t, c)
			if coef != 1 {
				timesTo(t.value, t.value, coef)
				timesTo(t.slope, t.slope, coef)
			}
		})
	}}
}

// pointwise is an estimator without options.
func pointwise(f func(x point) (value, slope float64)) func(map[string]float64) func(x point) (value, slope float64) {
	return func(map[string]float64) func(x point) (value, slope float64) { return f }
}

// klSpecs estimate KL(policy‖reference) from tokens sampled from the policy;
// kl.k3_is weighs them for tokens sampled from another. The values of k1, k2
// and k3 have that divergence as their mean (k2 to second order), but as
// losses only k2's and k3_score's gradients have its gradient as theirs; k1's
// is 0 in the mean. Sources: verl's kl_penalty for k1, abs, k2, k3 and k3_st;
// TRL's use_bias_correction_kl and, with ratio_cap 2, Trinity-RFT for k3_is;
// NeMo RL's loss_functions.py (arXiv 2506.09477) for k3_score.
var klSpecs = map[string]spec{
	// ℓ − ℓ_ref.
	"kl.k1": klSpec(traits{}, nil, pointwise(func(x point) (float64, float64) { return x.l - x.ref, 1 }), func(t *tile, _ map[string]float64) {
		kernel.SubTo(t.value, t.l, t.ref)
		kernel.SubTo(t.slope, zeros[:len(t.slope)], minus[:1])
	}),
	// |ℓ − ℓ_ref|.
	"kl.abs": klSpec(traits{}, nil, pointwise(func(x point) (float64, float64) {
		d := x.l - x.ref
		switch {
		case d > 0:
			return d, 1
		case d < 0:
			return -d, -1
		}
		return d, 0
	}), func(t *tile, _ map[string]float64) {
		kernel.SubTo(t.u, t.l, t.ref)
		kernel.AbsTo(t.value, t.u)
		above(t.slope, t.u, 0)
		below(t.v, t.u, 0)
		kernel.SubTo(t.slope, t.slope, t.v)
	}),
	// ½(ℓ − ℓ_ref)².
	"kl.k2": klSpec(traits{}, nil, pointwise(func(x point) (float64, float64) {
		d := x.l - x.ref
		return d * d / 2, d
	}), func(t *tile, _ map[string]float64) {
		kernel.SubTo(t.slope, t.l, t.ref)
		kernel.MulTo(t.value, t.slope, t.slope)
		timesTo(t.value, t.value, 0.5)
	}),
	// e^x − x − 1 with x = ℓ_ref − ℓ.
	"kl.k3": klSpec(traits{}, nil, pointwise(func(x point) (float64, float64) { return k3(x.l, x.ref) }), func(t *tile, _ map[string]float64) { t.k3(t.value, t.slope) }),
	// k3's value with k2's gradient.
	"kl.k3_st": klSpec(traits{detached: true}, nil, pointwise(func(x point) (float64, float64) {
		value, _ := k3(x.l, x.ref)
		return value, x.l - x.ref
	}), func(t *tile, _ map[string]float64) {
		t.k3(t.value, t.slope)
		kernel.SubTo(t.slope, t.l, t.ref)
	}),
	// k3·r, with r held at most at ratio_cap where that is above 0; the
	// gradient goes through both.
	"kl.k3_is": klSpec(traits{sampling: true}, map[string]float64{keyCap: 0}, func(c map[string]float64) func(x point) (float64, float64) {
		most := c[keyCap]
		return func(x point) (float64, float64) {
			r, inside := limited(x.l - x.q)
			if most > 0 && r > most {
				r, inside = most, false
			}
			value, slope := k3(x.l, x.ref)
			return value * r, slope*r + flat(value*r, inside)
		}
	}, func(t *tile, c map[string]float64) {
		t.k3(t.value, t.slope)
		if most := c[keyCap]; most > 0 {
			above(t.v, t.r, most)
			kernel.MinimumTo(t.r, t.r, []float32{float32(most)})
			kernel.MulTo(t.value, t.value, t.r)
			unless(t.u, t.v, t.value)
		} else {
			t.unfit = t.unfit || kernel.Max(t.r) > 20 // too large a factor for what k3 has lost
			kernel.MulTo(t.value, t.value, t.r)
			copy(t.u, t.value)
		}
		kernel.MulTo(t.slope, t.slope, t.r)
		kernel.AddTo(t.slope, t.slope, t.u)
	}),
	// k3·exp(ℓ − sg(ℓ)): k3's value; its gradient and that of having sampled
	// the token.
	"kl.k3_score": klSpec(traits{detached: true}, nil, pointwise(func(x point) (float64, float64) {
		value, slope := k3(x.l, x.ref)
		return value, slope + value
	}), func(t *tile, _ map[string]float64) {
		t.k3(t.value, t.slope)
		kernel.AddTo(t.slope, t.slope, t.value)
	}),
}

// AdaptiveKL is the next coefficient of a KL term: beta·(1 + clip(kl/target −
// 1, ±0.2)·n/horizon) after n samples with a mean divergence kl. Source:
// verl's AdaptiveKLController, after arXiv 1909.08593.
func AdaptiveKL(beta, kl, target, n, horizon float64) (float64, error) {
	const op = "controller_adaptive"
	for _, p := range []struct {
		name  string
		value float64
		ok    bool
		want  string
	}{
		{"beta", beta, beta >= 0 && !math.IsInf(beta, 0), "at least 0"},
		{"kl", kl, !math.IsNaN(kl) && !math.IsInf(kl, 0), "a finite number"},
		{"target", target, target > 0 && !math.IsInf(target, 0), "above 0"},
		{"n", n, n >= 0 && !math.IsInf(n, 0), "at least 0"},
		{"horizon", horizon, horizon > 0 && !math.IsInf(horizon, 0), "above 0"},
	} {
		if !p.ok {
			return 0, invalid(op, "%s: got %v, want %s", p.name, p.value, p.want)
		}
	}
	return beta * (1 + min(max(kl/target-1, -0.2), 0.2)*n/horizon), nil
}
