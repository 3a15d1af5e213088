package loss

import (
	"math"

	"github.com/hudrl/hudrl/internal/kernel"
)

// maxLogRatio limits a log-ratio before it is exponentiated, as verl does.
const maxLogRatio = kernel.MaxLogRatio

// limited is exp(d) with d held within ±20, and whether d is inside, so that
// the ratio has a gradient.
func limited(d float64) (r float64, inside bool) {
	return math.Exp(min(max(d, -maxLogRatio), maxLogRatio)), d >= -maxLogRatio && d <= maxLogRatio
}

// surrogate is −min(r·A, clip(r, lo, hi)·A) and its derivative with respect to
// log r.
func surrogate(r, a, lo, hi float64) (value, slope float64, by cut) {
	switch {
	case a > 0 && r > hi:
		return -hi * a, 0, cutHigh
	case a < 0 && r < lo:
		return -lo * a, 0, cutLow
	}
	return -r * a, -r * a, uncut
}

// beyond says which bound r is outside of.
func beyond(r, lo, hi float64) cut {
	switch {
	case r < lo:
		return cutLow
	case r > hi:
		return cutHigh
	}
	return uncut
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
	return func(x point) (float64, float64, cut) {
		r, inside := limited(x.l - x.q)
		value, slope, by := surrogate(r, x.a, lo, hi)
		return value, flat(slope, inside), by
	}
}

// logBound is the logarithm of a bound on the ratio: one of 0 or less bounds
// nothing from below, and everything from above.
func logBound(r float64) float64 { return math.Log(max(r, 0)) }

// linear is −r·A.
func linear(a float64) kernel.Piecewise {
	return kernel.Piecewise{Low: math.Inf(-1), High: math.Inf(1), Slope: float32(-a)}
}

// clippedPiece is clippedToken for the kernel.
func clippedPiece(c map[string]float64) pieceFunc {
	lo, hi := c[keyLow], c[keyHigh]
	logLo, logHi := logBound(lo), logBound(hi)
	return func(s *Span) kernel.Piecewise {
		p := linear(s.Advantage)
		switch {
		case s.Advantage > 0:
			p.High, p.HighValue = logHi, float32(-hi*s.Advantage)
		case s.Advantage < 0:
			p.Low, p.LowValue = logLo, float32(-lo*s.Advantage)
		}
		return p
	}
}

func clippedPass(c map[string]float64) fastFunc { return onePass(clipTraits(), clippedPiece(c)) }

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
			return func(x point) (float64, float64, cut) {
				r, inside := limited(x.l - x.q)
				value, slope, by := surrogate(r, x.a, lo, hi)
				if most := -dual * x.a; x.a < 0 && value > most {
					return most, 0, cutHigh
				}
				return value, flat(slope, inside), by
			}
		},
		pass: func(c map[string]float64) pieceFunc {
			clipped, lo, dual := clippedPiece(c), c[keyLow], c[keyDual]
			logDual := logBound(dual)
			return func(s *Span) kernel.Piecewise {
				p := clipped(s)
				if s.Advantage < 0 {
					p.High, p.HighValue = logDual, float32(-dual*s.Advantage)
					if dual < lo { // every loss is above −c·A
						p.Low, p.High = math.Inf(-1), math.Inf(-1)
					}
				}
				return p
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
			return func(x point) (float64, float64, cut) {
				r, inside := limited(x.l - x.q)
				if x.a == 0 {
					return 0, 0, uncut
				}
				first, second := min(r, delta)*x.a, min(max(r, lo), hi)*x.a
				if first <= second {
					return -first, flat(-r*x.a, inside && r <= delta), beyond(r, 0, delta)
				}
				by := beyond(r, lo, hi)
				return -second, flat(-r*x.a, inside && by == uncut), by
			}
		},
		pass: func(c map[string]float64) pieceFunc {
			lo, hi, delta := c[keyLow], c[keyHigh], c[keyDelta]
			return func(s *Span) kernel.Piecewise {
				// min(min(r, δ), clip(r)) for A > 0 and the maximum of both for A < 0
				// are r between two bounds.
				p, bottom, top := linear(s.Advantage), math.Inf(-1), math.Inf(1)
				switch {
				case s.Advantage > 0:
					top = min(delta, hi)
				case s.Advantage < 0:
					bottom, top = lo, max(delta, hi)
				}
				if bottom > 0 {
					p.Low, p.LowValue = math.Log(bottom), float32(-bottom*s.Advantage)
				}
				if !math.IsInf(top, 1) {
					p.High, p.HighValue = logBound(top), float32(-top*s.Advantage)
				}
				return p
			}
		},
	},
	// ppo with the wider upper bound of DAPO, averaged over tokens.
	"dapo": {traits: clipTraits(), defaults: map[string]float64{keyLow: 0.8, keyHigh: 1.28}, short: true, aggregate: TokenMean, token: clippedToken, fast: clippedPass},
	// ppo averaged over the batch's tokens.
	"bnpo": {traits: clipTraits(), defaults: map[string]float64{keyLow: 0.8, keyHigh: 1.2}, short: true, aggregate: TokenMean, token: clippedToken, fast: clippedPass},
	// ppo divided by the number of datums and the longest answer possible.
	"dr_grpo": {traits: clipTraits(), defaults: map[string]float64{keyLow: 0.8, keyHigh: 1.2}, short: true, aggregate: SeqMeanTokenSumNorm, token: clippedToken, fast: clippedPass},
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
			return func(x point) (float64, float64, cut) {
				value, slope, by := policy(x)
				kl, dkl := k3(x.l, x.ref)
				return value + beta*kl, slope + beta*dkl, by
			}
		},
		fast: func(c map[string]float64) fastFunc {
			beta := c[keyBeta]
			if beta == 0 {
				return clippedPass(c)
			}
			t := clipTraits()
			t.reference = true
			return byTiles(t, clippedPiece(c), func(t *tile) {
				t.k3(t.value, t.slope)
				timesTo(t.value, t.value, beta)
				timesTo(t.slope, t.slope, beta)
			})
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
			return func(x point) (float64, float64, cut) {
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
				return -sigmoid * 4 / tau * x.a, flat(-4*e/((1+e)*(1+e))*r*x.a, inside), uncut
			}
		},
		fast: tiled(traits{sampling: true, advantage: factor}, nil, func(c map[string]float64) func(t *tile) {
			pos, neg := c[keyTauPos], c[keyTauNeg]
			return func(t *tile) {
				tau := neg
				if t.Advantage > 0 {
					tau = pos
				}
				kernel.SubTo(t.u, t.r, scalar1)
				timesTo(t.u, t.u, tau)
				kernel.SigmoidTo(t.value, t.u)
				kernel.NegTo(t.u, t.u)
				kernel.SigmoidTo(t.u, t.u)
				timesTo(t.value, t.value, -4/tau*t.Advantage)
				kernel.MulTo(t.slope, t.value, t.u)
				kernel.MulTo(t.slope, t.slope, t.r)
				timesTo(t.slope, t.slope, tau)
			}
		}),
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
			return func(x point) (float64, float64, cut) {
				r, _ := limited(x.l - x.q)
				switch {
				case r <= lo:
					return 0, 0, cutLow
				case !(r < hi):
					return 0, 0, cutHigh
				}
				return -r * x.a * x.l, -r * x.a, uncut
			}
		},
		pass: func(c map[string]float64) pieceFunc {
			// The bounds themselves are outside.
			lo, hi := math.Nextafter(logBound(c[keyLow]), math.Inf(1)), math.Nextafter(logBound(c[keyHigh]), math.Inf(-1))
			return func(s *Span) kernel.Piecewise {
				return kernel.Piecewise{Low: lo, High: hi, Slope: float32(-s.Advantage), TimesX: true}
			}
		},
	},
	// ppo − μ·ℓ on datums with a reward above 0. The second term is aggregated
	// over those datums alone, with denominators of its own, after VAPO's paper
	// (arXiv 2504.05118).
	"vapo_pos_nll": {
		traits:    traits{sampling: true, advantage: term, clips: true, reward: true, positive: true},
		defaults:  map[string]float64{keyLow: 0.8, keyHigh: 1.28, keyMu: 0.1},
		short:     true,
		aggregate: TokenMean,
		token: func(c map[string]float64) tokenFunc {
			policy, mu := clippedToken(c), c[keyMu]
			return func(x point) (float64, float64, cut) {
				value, slope, by := policy(x)
				if x.reward > 0 {
					value -= mu * x.share * x.l
					slope -= mu * x.share
				}
				return value, slope, by
			}
		},
		fast: func(c map[string]float64) fastFunc {
			mu := c[keyMu]
			alone := clippedPass(c)
			both := byTiles(traits{sampling: true, clips: true}, clippedPiece(c), func(t *tile) {
				weight := mu * t.share()
				timesTo(t.value, t.l, -weight)
				kernel.SubTo(t.slope, zeros[:len(t.slope)], []float32{float32(weight)})
			})
			return func(s *Span, dlogprobs []float32, sums *Sums) bool {
				if s.Reward > 0 {
					return both(s, dlogprobs, sums)
				}
				return alone(s, dlogprobs, sums)
			}
		},
	},
}
