package loss

import (
	"math"

	"github.com/hudrl/hudrl/internal/kernel"
)

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

// same is the sums of a sequence whose tokens all have one value.
func same(tokens int, scale, value float64, by cut) Sums {
	s := Sums{Tokens: tokens}
	if scale != 0 {
		s.Loss = scale * value
	}
	s.cut(by)
	return s
}

// cut says that all tokens are cut, or none.
func (s *Sums) cut(by cut) {
	s.Clipped, s.Low = 0, 0
	if by != uncut {
		s.Clipped = s.Tokens
	}
	if by == cutLow {
		s.Low = s.Tokens
	}
}

// logRatio is Σ d over the loss tokens, from the sums of ℓ and of q in float64.
func (s *Span) logRatio() float64 { return difference(s.Mask, s.Logprobs, s.Sampling) }

// meanLogRatio is the mean of d over the loss tokens, for a comparison with the
// logarithms of lo and hi: what the pass has added up, unless that is too rough
// for it.
func (s *Span) meanLogRatio(r *kernel.Ratios, lo, hi float64) float64 {
	n := float64(max(1, r.Tokens))
	// The kernel's sum is 16 roundings of partial sums off, of up to 16 log-ratios:
	// half of 16·2⁻²⁴ for each, and its own rounding.
	mean, off := r.Log/n, 6e-7*float64(r.MaxLog)
	if off < 5e-7 && math.Abs(mean-lo) > off && math.Abs(mean-hi) > off {
		return mean
	}
	return s.logRatio() / n
}

// each is the loss that is 1 on every token, with the slope 1: its sum is that
// of the scales.
var each = kernel.Piecewise{Low: math.Inf(1), High: math.Inf(1), LowSlope: 1, LowValue: 1}

// sequenceRatioFast is sequenceRatio with the kernel.
func sequenceRatioFast(c map[string]float64) fastFunc {
	lo, hi := c[keyLow], c[keyHigh]
	logLo, logHi := logBound(lo), logBound(hi)
	return func(s *Span, dlogprobs []float32, sums *Sums) bool {
		var r kernel.Ratios
		ok := s.ratios(&r)
		n := float64(max(1, r.Tokens))
		value, slope, by := surrogate(math.Exp(s.meanLogRatio(&r, logLo, logHi)), s.Advantage, lo, hi)
		if dlogprobs != nil {
			kernel.MarkTo(dlogprobs, s.Mask, float32(r.Loss*slope/n*float64(s.times.of(r.Tokens))))
		}
		sums.sequence(&r, r.Loss*value, by)
		return ok
	}
}

// sequence are the sums of a pass over a sequence with one ratio.
func (s *Sums) sequence(r *kernel.Ratios, loss float64, by cut) {
	s.of(r, &traits{sampling: true})
	s.Loss = loss
	s.cut(by)
}

// weightedFast is the loss c·ℓ with c found from Σ d.
func weightedFast(f func(s *Span, sum float64) (c float64, by cut)) fastFunc {
	return func(s *Span, dlogprobs []float32, sums *Sums) bool {
		one := constant(1)
		var r kernel.Ratios
		ok := s.piecewise(&r, dlogprobs, &one, 1)
		c, by := f(s, s.logRatio())
		kernel.Scale(float32(c), dlogprobs)
		sums.sequence(&r, c*r.Loss, by)
		return ok
	}
}

// maxTokenLogRatio limits gspo_token's log-ratio, as verl does.
const maxTokenLogRatio = 10

// sequenceRatio is the clipped surrogate of s = exp(mean d).
func sequenceRatio(c map[string]float64) spanFunc {
	lo, hi := c[keyLow], c[keyHigh]
	return func(s *Span, dlogprobs []float32) Sums {
		n, scale, sum := s.ratioSums(limit)
		if n == 0 {
			return Sums{}
		}
		value, slope, by := surrogate(math.Exp(sum/float64(n)), s.Advantage, lo, hi)
		each := scale * slope / float64(n)
		s.fill(dlogprobs, func(_ int, d float64) float64 {
			return flat(each, d >= -maxLogRatio && d <= maxLogRatio)
		})
		return same(n, scale, value, by)
	}
}

// vespoWeight is −φ·A.
func vespoWeight(c map[string]float64) func(s *Span, sum float64) (float64, cut) {
	kPos, lambdaPos, kNeg, lambdaNeg := c[keyKPos], c[keyLamPos], c[keyKNeg], c[keyLamNeg]
	least := math.Log(1e-8)
	return func(s *Span, sum float64) (float64, cut) {
		k, lambda := kPos, lambdaPos
		if s.Advantage < 0 {
			k, lambda = kNeg, lambdaNeg
		}
		log := min(max(sum, least), maxLogRatio)
		return -math.Exp(lambda+k*log-lambda*math.Exp(log)) * s.Advantage, uncut
	}
}

// toprWeight is −α·R.
func toprWeight(s *Span, sum, threshold float64) (float64, cut) {
	if s.Reward > threshold {
		return -s.Reward, uncut
	}
	if sum > 0 {
		return -s.Reward, cutHigh
	}
	return -math.Exp(sum) * s.Reward, uncut
}

// gmpoFast is gmpo with the kernel: dlogprobs holds 1 where a token's ratio is
// within the bounds, until the factor is known.
func gmpoFast(c map[string]float64) fastFunc {
	return func(s *Span, dlogprobs []float32, sums *Sums) bool {
		var r kernel.Ratios
		ok := s.ratios(&r)
		sums.sequence(&r, 0, uncut)
		if s.Advantage == 0 || r.Tokens == 0 {
			clear(dlogprobs)
			return ok
		}
		bottom, top := gmpoBounds(s.Advantage, c)
		t := tiles.Get().(*tile)
		defer tiles.Put(t)
		sum, inside := 0.0, 0.0
		for lo := 0; lo < len(s.Mask); lo += tileLen {
			hi := min(lo+tileLen, len(s.Mask))
			t.cut(s, lo, hi)
			t.only(t.u, s.Logprobs[lo:hi])
			t.only(t.v, s.Sampling[lo:hi])
			kernel.SubTo(t.d, t.u, t.v)
			kernel.ClampTo(t.u, t.d, float32(bottom), float32(top))
			unmasked(t.u, t.mask, t.u)
			sum += kernel.Sum(t.u)
			kernel.LeTo(t.u, []float32{float32(bottom)}, t.d)
			kernel.LeTo(t.v, t.d, []float32{float32(top)})
			kernel.AndTo(t.u, t.u, t.v)
			kernel.AndTo(t.u, t.u, t.mask)
			inside += kernel.Sum(t.u)
			copy(part(dlogprobs, lo, hi), t.u)
		}
		n := float64(r.Tokens)
		value := -s.Advantage * math.Exp(sum/n)
		kernel.Scale(float32(r.Loss*value/n), dlogprobs)
		sums.Loss = r.Loss * value
		if sums.Clipped = r.Tokens - int(inside); s.Advantage < 0 {
			sums.Low = sums.Clipped
		}
		return ok
	}
}

// gmpoBounds are those of d: an upper one for A > 0, a lower one for A < 0,
// within ±20.
func gmpoBounds(a float64, c map[string]float64) (bottom, top float64) {
	bottom, top = -maxLogRatio, maxLogRatio
	switch {
	case a > 0:
		top = min(top, c[keyLogHigh])
	case a < 0:
		bottom = max(bottom, c[keyLogLow])
	}
	return bottom, top
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
		fast:      sequenceRatioFast,
		heeds:     true,
	},
	// gspo, each sequence counted as often as it has tokens.
	"luspo": {
		traits:    clipTraits(),
		defaults:  map[string]float64{keyLow: 1 - 3e-4, keyHigh: 1 + 4e-4},
		short:     true,
		aggregate: SeqMeanTokenSum,
		span:      sequenceRatio,
		fast:      sequenceRatioFast,
		heeds:     true,
	},
	// ppo with log r = ℓ − sg(ℓ) + sg(log s), at most 10.
	"gspo_token": {
		traits:    traits{sampling: true, advantage: factor, clips: true, detached: true},
		defaults:  map[string]float64{keyLow: 1 - 3e-4, keyHigh: 1 + 4e-4},
		short:     true,
		aggregate: SeqMeanTokenMean,
		span: func(c map[string]float64) spanFunc {
			lo, hi := c[keyLow], c[keyHigh]
			return func(s *Span, dlogprobs []float32) Sums {
				n, scale, sum := s.ratioSums(limit)
				if n == 0 {
					return Sums{}
				}
				log := sum / float64(n)
				value, slope, by := surrogate(math.Exp(min(log, maxTokenLogRatio)), s.Advantage, lo, hi)
				slope = flat(slope, log <= maxTokenLogRatio)
				s.fill(dlogprobs, func(i int, _ float64) float64 { return s.scale(i, s.Mask[i]) * slope })
				return same(n, scale, value, by)
			}
		},
		fast: func(c map[string]float64) fastFunc {
			lo, hi := c[keyLow], c[keyHigh]
			logLo, logHi := logBound(lo), logBound(hi)
			return func(s *Span, dlogprobs []float32, sums *Sums) bool {
				var r kernel.Ratios
				ok := s.piecewise(&r, dlogprobs, &each, 1)
				log := s.meanLogRatio(&r, logLo, logHi)
				value, slope, by := surrogate(math.Exp(min(log, maxTokenLogRatio)), s.Advantage, lo, hi)
				kernel.Scale(float32(flat(slope, log <= maxTokenLogRatio)), dlogprobs)
				sums.sequence(&r, r.Loss*value, by)
				return ok
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
			return func(s *Span, dlogprobs []float32) Sums {
				if s.Advantage == 0 {
					n, _, _ := s.ratioSums(limit)
					return Sums{Tokens: n}
				}
				bottom, top := gmpoBounds(s.Advantage, c)
				clipped, low := 0, 0
				n, scale, sum := s.ratioSums(func(d float64) float64 {
					switch beyond(d, bottom, top) {
					case cutLow:
						clipped++
						low++
					case cutHigh:
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
				sums := same(n, scale, value, uncut)
				sums.Clipped, sums.Low = clipped, low
				return sums
			}
		},
		fast: gmpoFast,
	},
	// −sg(φ)·A·ℓ with w = exp(Σ_t d) and φ = exp(λ + k·log w − λ·w), which is 1
	// at w = 1. log w is held within [log 1e-8, 20].
	"vespo": {
		traits:    traits{sampling: true, advantage: factor, detached: true},
		defaults:  map[string]float64{keyKPos: 2, keyLamPos: 3, keyKNeg: 3, keyLamNeg: 2},
		aggregate: TokenMean,
		span: func(c map[string]float64) spanFunc {
			weight := vespoWeight(c)
			return func(s *Span, dlogprobs []float32) Sums {
				n, _, sum := s.ratioSums(limit)
				w, _ := weight(s, sum)
				return s.weighted(n, w, dlogprobs)
			}
		},
		fast: func(c map[string]float64) fastFunc { return weightedFast(vespoWeight(c)) },
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
				c, by := toprWeight(s, sum, threshold)
				sums := s.weighted(n, c, dlogprobs)
				sums.cut(by)
				return sums
			}
		},
		fast: func(c map[string]float64) fastFunc {
			return weightedFast(func(s *Span, sum float64) (float64, cut) { return toprWeight(s, sum, c[keyReward]) })
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
