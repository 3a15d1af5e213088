package loss

import "math"

// gatedToken is −τ·r·A + κ·d², with the first term dropped where drop says so
// of the probabilities p of the policy and mu of the sampling policy.
func gatedToken(advTau, klTau float64, drop func(x point) bool) tokenFunc {
	return func(x point) (float64, float64, bool) {
		d := x.l - x.q
		value, slope := klTau*d*d, 2*klTau*d
		if klTau == 0 {
			value, slope = 0, 0 // d may be infinite
		}
		if drop(x) {
			return value, slope, true
		}
		r, inside := limited(d)
		v := -advTau * r * x.a
		return value + v, slope + flat(v, inside), false
	}
}

// dropTV reports whether the step that A asks for has already moved the
// token's probability by more than allowed.
func dropTV(c map[string]float64) func(x point) bool {
	lo, hi := c[keyDeltaLo], c[keyDeltaHi]
	return func(x point) bool {
		diff := math.Exp(x.l) - math.Exp(x.q)
		return x.a > 0 && diff > hi || x.a < 0 && diff < -lo
	}
}

// binaryKL is the divergence of the distributions over {this token, another}:
// KL(sampling‖policy). It is +Inf where the policy excludes what the sampling
// policy allows.
func binaryKL(l, q float64) float64 {
	l, q = min(l, 0), min(q, 0)
	kl := 0.0
	if mu := math.Exp(q); mu > 0 {
		kl = mu * (q - l)
	}
	if rest := -math.Expm1(q); rest > 0 {
		kl += rest * (math.Log(rest) - math.Log(-math.Expm1(l)))
	}
	return kl
}

// gatedSpecs drop the policy gradient of tokens outside a trust region of
// probabilities instead of bounding ratios. Sources: SkyRL's ppo_utils.py for
// dppo_*; prime-rl's trainer/rl/loss.py for the others.
var gatedSpecs = map[string]spec{
	// −r·A, dropped where A > 0 and p − μ > δ_high, or A < 0 and μ − p > δ_low.
	"dppo_tv": {
		traits:    clipTraits(),
		defaults:  map[string]float64{keyDeltaLo: 0.2, keyDeltaHi: 0.2},
		aggregate: TokenMean,
		token:     func(c map[string]float64) tokenFunc { return gatedToken(1, 0, dropTV(c)) },
	},
	// −r·A, dropped where the binary KL(μ‖p) exceeds δ_high and A > 0 and
	// p > μ, or δ_low and A < 0 and p < μ.
	"dppo_kl": {
		traits:    clipTraits(),
		defaults:  map[string]float64{keyDeltaLo: 0.05, keyDeltaHi: 0.05},
		aggregate: TokenMean,
		token: func(c map[string]float64) tokenFunc {
			lo, hi := c[keyDeltaLo], c[keyDeltaHi]
			return gatedToken(1, 0, func(x point) bool {
				switch {
				case x.a > 0 && x.l > x.q:
					return binaryKL(x.l, x.q) > hi
				case x.a < 0 && x.l < x.q:
					return binaryKL(x.l, x.q) > lo
				}
				return false
			})
		},
	},
	// dppo_tv with A scaled by adv_tau, + kl_tau·d² on every token.
	"prime_default": {
		traits:   traits{sampling: true, advantage: term, clips: true},
		defaults: map[string]float64{keyDeltaLo: 0.2, keyDeltaHi: 0.2, keyAdvTau: 1, keyKLTau: 1e-3},
		token: func(c map[string]float64) tokenFunc {
			return gatedToken(c[keyAdvTau], c[keyKLTau], dropTV(c))
		},
	},
	// −r·A where |p − μ| ≤ δ, + kl_tau·d² on every token. Not the preference
	// loss of that name.
	"prime_ipo": {
		traits:   traits{sampling: true, advantage: term, clips: true},
		defaults: map[string]float64{keyDelta: 0.2, keyAdvTau: 1, keyKLTau: 1e-3},
		token: func(c map[string]float64) tokenFunc {
			delta := c[keyDelta]
			return gatedToken(c[keyAdvTau], c[keyKLTau], func(x point) bool {
				return math.Abs(math.Exp(x.l)-math.Exp(x.q)) > delta
			})
		},
	},
	// −sg(ℓ_ref − ℓ)·r where p − μ ≥ −δ_low, + kl_tau·d² on every token: a
	// policy gradient whose advantage is how much likelier the reference finds
	// the token.
	"ref_kl_pg": {
		traits:   traits{sampling: true, reference: true, clips: true, detached: true},
		defaults: map[string]float64{keyDeltaLo: 0.2, keyKLTau: 1e-3},
		token: func(c map[string]float64) tokenFunc {
			lo := c[keyDeltaLo]
			gated := gatedToken(1, c[keyKLTau], func(x point) bool { return math.Exp(x.l)-math.Exp(x.q) < -lo })
			return func(x point) (float64, float64, bool) {
				x.a = x.ref - x.l
				return gated(x)
			}
		},
	},
}
