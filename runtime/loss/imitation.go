package loss

import "sync"

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
		traits:    traits{sampling: true, reference: true, advantage: term, clips: true, detached: true, perToken: true},
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
					a += s.advantage(i)
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
						sums.Low++
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
		fast: minillmFast,
	},
}

// advised is a datum with advantages made for it.
type advised struct {
	span      Span
	advantage []float32
}

var advisedPool = sync.Pool{New: func() any { return new(advised) }}

// minillmFast makes the advantages and leaves the rest to ppo.
func minillmFast(c map[string]float64) fastFunc {
	gamma, normalised := c[keyGamma], c[keyLengthNorm] != 0
	policy := bySign(clippedPass(c))
	return func(s *Span, dlogprobs []float32, sums *Sums) bool {
		x := advisedPool.Get().(*advised)
		defer advisedPool.Put(x)
		x.advantage = resized(x.advantage, len(s.Mask))
		s.toTeacher(x.advantage, gamma, normalised)
		x.span = *s
		x.span.Advantages = x.advantage
		ok := policy(&x.span, dlogprobs, sums)
		x.span = Span{}
		return ok
	}
}

// toTeacher fills dst with minillm's advantages.
func (s *Span) toTeacher(dst []float32, gamma float64, normalised bool) {
	var later, steps float64
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = 0
		if s.Mask[i] == 0 {
			continue
		}
		later = float64(s.Reference[i]) - float64(s.Logprobs[i]) + gamma*later
		steps = 1 + gamma*steps
		a := later
		if normalised && gamma != 0 {
			a /= steps
		}
		dst[i] = float32(a + s.advantage(i))
	}
}
