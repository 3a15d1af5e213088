package loss

const keyLengthNorm = "length_normalization"

// imitationSpecs learn from a teacher through the logprobs of the tokens that
// the student sampled. Source: TRL's experimental/minillm.
var imitationSpecs = map[string]spec{
	// ppo with A_t = A + Σ_{s≥t} γ^(s−t)·R_s / Σ_{s≥t} γ^(s−t), R = ℓ_teacher − ℓ,
	// held constant, where the reference is the teacher and s and t count loss
	// tokens; not divided for length_normalization = 0. A datum's own advantage A
	// is that of the task, 0 for distillation alone. MiniLLM's other term, the
	// divergence of each single step, is kd_reverse.
	"minillm": {
		traits:    traits{sampling: true, reference: true, advantage: term, clips: true, detached: true},
		defaults:  map[string]float64{keyLow: 0.8, keyHigh: 1.2, keyGamma: 0, keyLengthNorm: 1},
		short:     true,
		aggregate: TokenMean,
		span: func(c map[string]float64) spanFunc {
			lo, hi, gamma, normalised := c[keyLow], c[keyHigh], c[keyGamma], c[keyLengthNorm] != 0
			return func(s *Span, dlogprobs []float32) Sums {
				var sums Sums
				var later, steps float64
				for i := len(s.Mask) - 1; i >= 0; i-- {
					m := s.Mask[i]
					if m == 0 {
						continue
					}
					l := float64(s.Logprobs[i])
					later = float64(s.Reference[i]) - l + gamma*later
					steps = 1 + gamma*steps
					a := later
					if normalised {
						a /= steps
					}
					a += s.Advantage
					r, inside := limited(l - float64(s.Sampling[i]))
					value, slope := -r*a, flat(-r*a, inside)
					sums.Tokens++
					switch {
					case a > 0 && r > hi:
						value, slope = -hi*a, 0
						sums.Clipped++
					case a < 0 && r < lo:
						value, slope = -lo*a, 0
						sums.Clipped++
					}
					scale := s.scale(i, m)
					if scale == 0 {
						continue // by selection: what is dropped may be infinite
					}
					sums.Loss += scale * value
					if dlogprobs != nil {
						dlogprobs[i] = float32(scale * slope)
					}
				}
				return sums
			}
		},
	},
}
