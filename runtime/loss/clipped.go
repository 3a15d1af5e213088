package loss

import "math"

// maxLogRatio limits a log-ratio before it is exponentiated, as verl does.
const maxLogRatio = 20

// limited is exp(d) with d held within ±20, and whether d is inside, so that
// the ratio has a gradient.
func limited(d float64) (r float64, inside bool) {
	return math.Exp(min(max(d, -maxLogRatio), maxLogRatio)), d >= -maxLogRatio && d <= maxLogRatio
}

// surrogate is −min(r·A, clip(r, lo, hi)·A) and its derivative with respect to
// log r.
func surrogate(r, a, lo, hi float64) (value, slope float64, clipped bool) {
	switch {
	case a > 0 && r > hi:
		return -hi * a, 0, true
	case a < 0 && r < lo:
		return -lo * a, 0, true
	}
	return -r * a, -r * a, false
}

// flat is slope, or 0 for a log-ratio that was limited.
func flat(slope float64, inside bool) float64 {
	if !inside {
		return 0
	}
	return slope
}

// clippedToken is −min(r·A, clip(r, lo, hi)·A).
func clippedToken(c map[string]float64) tokenFunc {
	lo, hi := c[keyLow], c[keyHigh]
	return func(x point) (float64, float64, bool) {
		r, inside := limited(x.l - x.q)
		value, slope, clipped := surrogate(r, x.a, lo, hi)
		return value, flat(slope, inside), clipped
	}
}

func clipTraits() traits { return traits{sampling: true, advantage: factor, clips: true} }

// clippedSpecs are PPO's relatives: a bound on each token's ratio. Sources:
// verl's core_algos.py for ppo_dual_clip; TRL's grpo_trainer.py for ppo_delta,
// grpo, bnpo, dr_grpo, dapo and sapo; SkyRL's ppo_utils.py for rollout_is; NeMo
// RL's loss_functions.py for vapo_pos_nll.
var clippedSpecs = map[string]spec{
	// ppo, but a token with A < 0 loses at most −c·A.
	"ppo_dual_clip": {
		traits:    clipTraits(),
		defaults:  map[string]float64{keyLow: 0.8, keyHigh: 1.2, keyDual: 3},
		short:     true,
		aggregate: TokenMean,
		token: func(c map[string]float64) tokenFunc {
			lo, hi, dual := c[keyLow], c[keyHigh], c[keyDual]
			return func(x point) (float64, float64, bool) {
				r, inside := limited(x.l - x.q)
				value, slope, clipped := surrogate(r, x.a, lo, hi)
				if most := -dual * x.a; x.a < 0 && value > most {
					return most, 0, true
				}
				return value, flat(slope, inside), clipped
			}
		},
	},
	// −min(min(r, δ)·A, clip(r, lo, hi)·A).
	"ppo_delta": {
		traits:    clipTraits(),
		defaults:  map[string]float64{keyLow: 0.8, keyHigh: 1.2, keyDelta: 4},
		short:     true,
		aggregate: TokenMean,
		token: func(c map[string]float64) tokenFunc {
			lo, hi, delta := c[keyLow], c[keyHigh], c[keyDelta]
			return func(x point) (float64, float64, bool) {
				r, inside := limited(x.l - x.q)
				if x.a == 0 {
					return 0, 0, false
				}
				first, second := min(r, delta)*x.a, min(max(r, lo), hi)*x.a
				if first <= second {
					return -first, flat(-r*x.a, inside && r <= delta), r > delta
				}
				within := r >= lo && r <= hi
				return -second, flat(-r*x.a, inside && within), !within
			}
		},
	},
	// ppo with the wider upper bound of DAPO, averaged over tokens.
	"dapo": {traits: clipTraits(), defaults: map[string]float64{keyLow: 0.8, keyHigh: 1.28}, short: true, aggregate: TokenMean, token: clippedToken},
	// ppo averaged over the batch's tokens.
	"bnpo": {traits: clipTraits(), defaults: map[string]float64{keyLow: 0.8, keyHigh: 1.2}, short: true, aggregate: TokenMean, token: clippedToken},
	// ppo divided by the number of datums and the longest answer possible.
	"dr_grpo": {traits: clipTraits(), defaults: map[string]float64{keyLow: 0.8, keyHigh: 1.2}, short: true, aggregate: SeqMeanTokenSumNorm, token: clippedToken},
	// ppo + β·k3(reference).
	"grpo": {
		traits:    clipTraits(),
		defaults:  map[string]float64{keyLow: 0.8, keyHigh: 1.2, keyBeta: 0},
		short:     true,
		aggregate: SeqMeanTokenMean,
		adapt: func(c map[string]float64, t *traits) {
			if t.reference = c[keyBeta] != 0; t.reference {
				t.advantage = term
			}
		},
		token: func(c map[string]float64) tokenFunc {
			policy, beta := clippedToken(c), c[keyBeta]
			if beta == 0 {
				return policy
			}
			return func(x point) (float64, float64, bool) {
				value, slope, clipped := policy(x)
				kl, dkl := k3(x.l, x.ref)
				return value + beta*kl, slope + beta*dkl, clipped
			}
		},
	},
	// −σ(τ(r−1))·(4/τ)·A: a gate that is 1 in slope at r = 1 and falls off
	// smoothly, with another τ for A ≤ 0.
	"sapo": {
		traits:    traits{sampling: true, advantage: factor},
		defaults:  map[string]float64{keyTauPos: 1, keyTauNeg: 1.05},
		aggregate: SeqMeanTokenMean,
		token: func(c map[string]float64) tokenFunc {
			pos, neg := c[keyTauPos], c[keyTauNeg]
			return func(x point) (float64, float64, bool) {
				tau := neg
				if x.a > 0 {
					tau = pos
				}
				r, inside := limited(x.l - x.q)
				z := tau * (r - 1)
				e := math.Exp(-math.Abs(z))
				sigmoid := 1 / (1 + e)
				if z < 0 {
					sigmoid = e / (1 + e)
				}
				return -sigmoid * 4 / tau * x.a, flat(-4*e/((1+e)*(1+e))*r*x.a, inside), false
			}
		},
	},
	// −sg(r)·A·ℓ where lo < r < hi, nothing elsewhere: unlike cispo, which
	// bounds the weight, a token outside has no gradient.
	"rollout_is": {
		traits:    traits{sampling: true, advantage: factor, clips: true, detached: true},
		defaults:  map[string]float64{keyLow: 0.8, keyHigh: 1.2},
		short:     true,
		aggregate: TokenMean,
		token: func(c map[string]float64) tokenFunc {
			lo, hi := c[keyLow], c[keyHigh]
			return func(x point) (float64, float64, bool) {
				r, _ := limited(x.l - x.q)
				if !(r > lo && r < hi) {
					return 0, 0, true
				}
				return -r * x.a * x.l, -r * x.a, false
			}
		},
	},
	// ppo − μ·ℓ on datums with a reward above 0. Both terms are divided by the
	// same number of tokens; VAPO's paper divides the second by the tokens of
	// those datums.
	"vapo_pos_nll": {
		traits:    traits{sampling: true, advantage: term, clips: true, reward: true},
		defaults:  map[string]float64{keyLow: 0.8, keyHigh: 1.28, keyMu: 0.1},
		short:     true,
		aggregate: TokenMean,
		token: func(c map[string]float64) tokenFunc {
			policy, mu := clippedToken(c), c[keyMu]
			return func(x point) (float64, float64, bool) {
				value, slope, clipped := policy(x)
				if x.reward > 0 {
					value -= mu * x.l
					slope -= mu
				}
				return value, slope, clipped
			}
		},
	},
}
