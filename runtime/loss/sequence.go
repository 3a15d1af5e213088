package loss

import "math"

// ratioSums are what the losses with one ratio per sequence begin with: the
// tokens looked at, what their losses are multiplied by in sum, and the sum of
// f over their log-ratios.
func (s *Span) ratioSums(f func(d float64) float64) (tokens int, scale, sum float64) {
	for i, m := range s.Mask {
		if m == 0 {
			continue
		}
		tokens++
		scale += s.scale(i, m)
		sum += f(float64(s.Logprobs[i]) - float64(s.Sampling[i]))
	}
	return tokens, scale, sum
}

// fill sets the slopes of the tokens looked at.
func (s *Span) fill(dlogprobs []float32, slope func(i int, d float64) float64) {
	if dlogprobs == nil {
		return
	}
	for i, m := range s.Mask {
		if m != 0 {
			dlogprobs[i] = float32(slope(i, float64(s.Logprobs[i])-float64(s.Sampling[i])))
		}
	}
}

func limit(d float64) float64 { return min(max(d, -maxLogRatio), maxLogRatio) }

// whole is the sums of a sequence whose tokens all have one value.
func whole(tokens int, scale, value float64, clipped bool) Sums {
	s := Sums{Tokens: tokens}
	if scale != 0 {
		s.Loss = scale * value
	}
	if clipped {
		s.Clipped = tokens
	}
	return s
}

// sequenceRatio is the clipped surrogate of s = exp(mean d).
func sequenceRatio(c map[string]float64) spanFunc {
	lo, hi := c[keyLow], c[keyHigh]
	return func(s *Span, dlogprobs []float32) Sums {
		n, scale, sum := s.ratioSums(limit)
		if n == 0 {
			return Sums{}
		}
		value, slope, clipped := surrogate(math.Exp(sum/float64(n)), s.Advantage, lo, hi)
		each := scale * slope / float64(n)
		s.fill(dlogprobs, func(_ int, d float64) float64 {
			return flat(each, d >= -maxLogRatio && d <= maxLogRatio)
		})
		return whole(n, scale, value, clipped)
	}
}

// sequenceSpecs have one ratio per sequence. Sources: TRL's grpo_trainer.py
// for gspo (importance_sampling_level="sequence"), luspo and vespo; verl's
// core_algos.py for gspo_token and gmpo; Trinity-RFT's topr_policy_loss.py.
// gspo's bounds are those of its paper, arXiv 2507.18071.
var sequenceSpecs = map[string]spec{
	// ppo with s = exp(mean_t d) in place of r.
	"gspo": {
		traits:    clipTraits(),
		defaults:  map[string]float64{keyLow: 1 - 3e-4, keyHigh: 1 + 4e-4},
		short:     true,
		aggregate: SeqMeanTokenMean,
		span:      sequenceRatio,
	},
	// gspo, each sequence counted as often as it has tokens.
	"luspo": {
		traits:    clipTraits(),
		defaults:  map[string]float64{keyLow: 1 - 3e-4, keyHigh: 1 + 4e-4},
		short:     true,
		aggregate: SeqMeanTokenSum,
		span:      sequenceRatio,
	},
	// ppo with log r = ℓ − sg(ℓ) + sg(log s), at most 10.
	"gspo_token": {
		traits:    traits{sampling: true, advantage: factor, clips: true, detached: true},
		defaults:  map[string]float64{keyLow: 1 - 3e-4, keyHigh: 1 + 4e-4},
		short:     true,
		aggregate: SeqMeanTokenMean,
		span: func(c map[string]float64) spanFunc {
			lo, hi := c[keyLow], c[keyHigh]
			const most = 10
			return func(s *Span, dlogprobs []float32) Sums {
				n, scale, sum := s.ratioSums(limit)
				if n == 0 {
					return Sums{}
				}
				log := sum / float64(n)
				value, slope, clipped := surrogate(math.Exp(min(log, most)), s.Advantage, lo, hi)
				slope = flat(slope, log <= most)
				s.fill(dlogprobs, func(i int, _ float64) float64 { return s.scale(i, s.Mask[i]) * slope })
				return whole(n, scale, value, clipped)
			}
		},
	},
	// −A·exp(mean_t d'), where d' is d held below log_clip_high for A > 0 and
	// above log_clip_low for A < 0: a geometric mean of clipped ratios.
	"gmpo": {
		traits:    clipTraits(),
		defaults:  map[string]float64{keyLogLow: -0.2, keyLogHigh: 0.2},
		aggregate: SeqMeanTokenMean,
		span: func(c map[string]float64) spanFunc {
			lo, hi := c[keyLogLow], c[keyLogHigh]
			return func(s *Span, dlogprobs []float32) Sums {
				bottom, top := -float64(maxLogRatio), float64(maxLogRatio)
				switch {
				case s.Advantage > 0:
					top = min(top, hi)
				case s.Advantage < 0:
					bottom = max(bottom, lo)
				default:
					n, _, _ := s.ratioSums(limit)
					return Sums{Tokens: n}
				}
				clipped := 0
				n, scale, sum := s.ratioSums(func(d float64) float64 {
					if d > top || d < bottom {
						clipped++
					}
					return min(max(d, bottom), top)
				})
				if n == 0 {
					return Sums{}
				}
				value := -s.Advantage * math.Exp(sum/float64(n))
				each := scale * value / float64(n)
				s.fill(dlogprobs, func(_ int, d float64) float64 { return flat(each, d >= bottom && d <= top) })
				sums := whole(n, scale, value, false)
				sums.Clipped = clipped
				return sums
			}
		},
	},
	// −sg(φ)·A·ℓ with w = exp(Σ_t d) and φ = exp(λ + k·log w − λ·w), which is 1
	// at w = 1. log w is held within [log 1e-8, 20].
	"vespo": {
		traits:    traits{sampling: true, advantage: factor, detached: true},
		defaults:  map[string]float64{keyKPos: 2, keyLamPos: 3, keyKNeg: 3, keyLamNeg: 2},
		aggregate: TokenMean,
		span: func(c map[string]float64) spanFunc {
			kPos, lambdaPos, kNeg, lambdaNeg := c[keyKPos], c[keyLamPos], c[keyKNeg], c[keyLamNeg]
			least := math.Log(1e-8)
			return func(s *Span, dlogprobs []float32) Sums {
				n, _, sum := s.ratioSums(limit)
				k, lambda := kPos, lambdaPos
				if s.Advantage < 0 {
					k, lambda = kNeg, lambdaNeg
				}
				log := min(max(sum, least), maxLogRatio)
				return s.weighted(n, -math.Exp(lambda+k*log-lambda*math.Exp(log))*s.Advantage, dlogprobs)
			}
		},
	},
	// −sg(α)·R·ℓ with α = 1 where R > reward_threshold, else exp(Σ_t d) held at
	// most at 1: bad answers count only as far as the policy would still give
	// them.
	"topr": {
		traits:    traits{sampling: true, reward: true, clips: true, detached: true},
		defaults:  map[string]float64{keyReward: 0},
		aggregate: TokenMean,
		span: func(c map[string]float64) spanFunc {
			threshold := c[keyReward]
			return func(s *Span, dlogprobs []float32) Sums {
				n, _, sum := s.ratioSums(limit)
				alpha, clipped := 1.0, false
				if !(s.Reward > threshold) {
					alpha, clipped = math.Exp(min(sum, 0)), sum > 0
				}
				sums := s.weighted(n, -alpha*s.Reward, dlogprobs)
				if clipped {
					sums.Clipped = n
				}
				return sums
			}
		},
	},
}

// weighted is the sums of c·ℓ over n tokens, with c held constant.
func (s *Span) weighted(n int, c float64, dlogprobs []float32) Sums {
	sums := Sums{Tokens: n}
	for i, m := range s.Mask {
		if m == 0 {
			continue
		}
		w := s.scale(i, m) * c
		if w == 0 {
			continue // also where ℓ is infinite
		}
		sums.Loss += w * float64(s.Logprobs[i])
		if dlogprobs != nil {
			dlogprobs[i] = float32(w)
		}
	}
	return sums
}
