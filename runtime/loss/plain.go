package loss

import (
	"math"

	"github.com/hudrl/hudrl/internal/kernel"
	"github.com/hudrl/hudrl/runtime/hud"
)

// plainSpecs are the services' losses and those that weigh a logprob without
// limits. Sources: the Tinker documentation's loss page for the built-in ones;
// verl's core_algos.py for reinforce and gpg; HUD's cookbook
// rl-training/ppo_custom_loss.py for glm_double_sided; TRL's loss_type="dft"
// for dft; Trinity-RFT's opmd for opmd_loss.
var plainSpecs = map[string]spec{
	// −ℓ.
	hud.LossCrossEntropy: {
		token: func(map[string]float64) tokenFunc {
			return func(x point) (float64, float64, cut) { return -x.l, -1, uncut }
		},
		pass: func(map[string]float64) pieceFunc {
			return func(*Span) kernel.Piecewise { return constant(-1) }
		},
	},
	// −r·A.
	hud.LossImportanceSampling: {
		traits: traits{sampling: true, advantage: factor},
		token: func(map[string]float64) tokenFunc {
			return func(x point) (float64, float64, cut) {
				v := -ratio(x.l, x.q, x.a)
				return v, v, uncut
			}
		},
		pass: func(map[string]float64) pieceFunc {
			return func(s *Span) kernel.Piecewise { return linear(s.Advantage) }
		},
	},
	// −min(r·A, clip(r, lo, hi)·A).
	hud.LossPPO: {
		traits:   traits{sampling: true, advantage: factor, clips: true},
		defaults: map[string]float64{keyLow: 0.8, keyHigh: 1.2},
		short:    true,
		token: func(c map[string]float64) tokenFunc {
			lo, hi := c[keyLow], c[keyHigh]
			return func(x point) (float64, float64, cut) {
				r := math.Exp(x.l - x.q)
				switch {
				case x.a > 0 && r > hi:
					return -hi * x.a, 0, cutHigh
				case x.a < 0 && r < lo:
					return -lo * x.a, 0, cutLow
				}
				v := -ratio(x.l, x.q, x.a)
				return v, v, uncut
			}
		},
		pass: clippedPiece,
	},
	// −sg(clip(r, lo, hi))·A·ℓ.
	hud.LossCISPO: {
		traits:   traits{sampling: true, advantage: factor, clips: true, detached: true},
		defaults: map[string]float64{keyLow: 0, keyHigh: 4},
		token: func(c map[string]float64) tokenFunc {
			lo, hi := c[keyLow], c[keyHigh]
			return func(x point) (float64, float64, cut) {
				r := math.Exp(x.l - x.q)
				w := min(max(r, lo), hi) * x.a
				return -w * x.l, -w, beyond(r, lo, hi)
			}
		},
		pass: func(c map[string]float64) pieceFunc {
			lo, hi := c[keyLow], c[keyHigh]
			logLo, logHi := logBound(lo), logBound(hi)
			return func(s *Span) kernel.Piecewise {
				a := s.Advantage
				return kernel.Piecewise{Low: logLo, High: logHi, Slope: float32(-a), LowSlope: float32(-lo * a), HighSlope: float32(-hi * a), TimesX: true}
			}
		},
	},
	// −(ℓ·A − ½·β·d²).
	hud.LossDRO: {
		traits:   traits{sampling: true, advantage: term},
		defaults: map[string]float64{keyBeta: 0.05},
		token: func(c map[string]float64) tokenFunc {
			beta := c[keyBeta]
			return func(x point) (float64, float64, cut) {
				d := x.l - x.q
				return -(x.l*x.a - beta*d*d/2), -(x.a - beta*d), uncut
			}
		},
		fast: tiled(traits{sampling: true, advantage: term}, nil, func(c map[string]float64) func(t *tile) {
			beta := c[keyBeta]
			return func(t *tile) {
				timesTo(t.slope, t.d, beta)
				kernel.MulTo(t.value, t.slope, t.d)
				timesTo(t.value, t.value, 0.5)
				timesTo(t.u, t.l, t.Advantage)
				kernel.SubTo(t.value, t.value, t.u)
				kernel.SubTo(t.slope, t.slope, []float32{float32(t.Advantage)})
			}
		}),
	},
	// −A·ℓ.
	"reinforce": {
		traits: traits{advantage: factor},
		token: func(map[string]float64) tokenFunc {
			return func(x point) (float64, float64, cut) { return -x.a * x.l, -x.a, uncut }
		},
		pass: func(map[string]float64) pieceFunc {
			return func(s *Span) kernel.Piecewise { return constant(-s.Advantage) }
		},
	},
	// −r·A where lo ≤ r ≤ hi, nothing elsewhere.
	"glm_double_sided": {
		traits:    traits{sampling: true, advantage: factor, clips: true, surviving: true},
		defaults:  map[string]float64{keyLow: 0.8, keyHigh: 1.28},
		aggregate: TokenMean,
		token: func(c map[string]float64) tokenFunc {
			lo, hi := c[keyLow], c[keyHigh]
			return func(x point) (float64, float64, cut) {
				// The negation also drops a ratio that is NaN.
				switch r := math.Exp(x.l - x.q); {
				case r < lo:
					return 0, 0, cutLow
				case !(r <= hi):
					return 0, 0, cutHigh
				}
				v := -ratio(x.l, x.q, x.a)
				return v, v, uncut
			}
		},
		pass: func(c map[string]float64) pieceFunc {
			lo, hi := logBound(c[keyLow]), logBound(c[keyHigh])
			return func(s *Span) kernel.Piecewise {
				return kernel.Piecewise{Low: lo, High: hi, Slope: float32(-s.Advantage)}
			}
		},
	},
	// −A·ℓ, to be used with the advantages gpg_adv.
	"gpg": {
		traits:    traits{advantage: factor},
		aggregate: TokenMean,
		token: func(map[string]float64) tokenFunc {
			return func(x point) (float64, float64, cut) { return -x.a * x.l, -x.a, uncut }
		},
		pass: func(map[string]float64) pieceFunc {
			return func(s *Span) kernel.Piecewise { return constant(-s.Advantage) }
		},
	},
	// −A·ℓ/(1+τ), to be used with the advantages opmd.
	"opmd_loss": {
		traits:    traits{advantage: factor},
		defaults:  map[string]float64{keyTau: 0},
		aggregate: TokenMean,
		token: func(c map[string]float64) tokenFunc {
			scale := 1 / (1 + c[keyTau])
			return func(x point) (float64, float64, cut) { return -x.a * x.l * scale, -x.a * scale, uncut }
		},
		pass: func(c map[string]float64) pieceFunc {
			scale := 1 / (1 + c[keyTau])
			return func(s *Span) kernel.Piecewise { return constant(-s.Advantage * scale) }
		},
	},
	// −sg(p)·ℓ with p = exp ℓ: what cross_entropy becomes when it is corrected
	// as if the data were sampled from the policy.
	"dft": {
		traits:    traits{detached: true},
		aggregate: TokenMean,
		token: func(map[string]float64) tokenFunc {
			return func(x point) (float64, float64, cut) {
				p := math.Exp(min(x.l, 0)) // a probability, whatever rounding made of ℓ
				if p == 0 {
					return 0, 0, uncut // p·ℓ → 0
				}
				return -p * x.l, -p, uncut
			}
		},
		fast: tiled(traits{detached: true}, nil, func(map[string]float64) func(t *tile) {
			return func(t *tile) {
				kernel.MinimumTo(t.u, t.l, scalar0)
				kernel.ExpTo(t.u, t.u)
				kernel.NegTo(t.slope, t.u)
				kernel.MulTo(t.value, t.slope, t.l)
			}
		}),
	},
}

// ratio is exp(ℓ−q)·a, 0 when a is: also where the exponential overflows.
func ratio(l, q, a float64) float64 {
	if a == 0 {
		return 0
	}
	return math.Exp(l-q) * a
}
