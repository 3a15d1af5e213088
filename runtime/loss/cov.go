package loss

import (
	"container/heap"
	"math"
	"math/rand/v2"

	"github.com/hudrl/hudrl/internal/kernel"
)

// A covariance is (A − Ā)·(ℓ − ℓ̄) of every loss token, the means over the loss
// tokens of the batch: how much the token moves the policy's entropy.
type covariance struct {
	tokens    int
	advantage float64 // Ā
	logprob   float64 // ℓ̄
}

func covarianceOf(spans []Span) (c covariance) {
	t := tiles.Get().(*tile)
	defer tiles.Put(t)
	for i := range spans {
		s := &spans[i]
		n := 0
		for lo := 0; lo < len(s.Mask); lo += tileLen {
			hi := min(lo+tileLen, len(s.Mask))
			t.cut(s, lo, hi)
			unmasked(t.u, t.mask, s.Logprobs[lo:hi])
			c.logprob += kernel.Sum(t.u)
			kernel.NeTo(t.u, t.mask, scalar0)
			n += int(kernel.Sum(t.u))
		}
		c.tokens += n
		if s.Advantages == nil {
			c.advantage += float64(n) * s.Advantage
			continue
		}
		for lo := 0; lo < len(s.Mask); lo += tileLen {
			hi := min(lo+tileLen, len(s.Mask))
			unmasked(t.buffers[0][:hi-lo], s.Mask[lo:hi], s.Advantages[lo:hi])
			c.advantage += kernel.Sum(t.buffers[0][:hi-lo])
		}
	}
	n := max(1, float64(c.tokens))
	c.advantage /= n
	c.logprob /= n
	return c
}

// above calls f with every loss token whose covariance may be above least,
// which f may raise, in order.
func (c *covariance) above(spans []Span, least *float64, f func(s *Span, i int, cov float64)) {
	t := tiles.Get().(*tile)
	defer tiles.Put(t)
	for k := range spans {
		s := &spans[k]
		for lo := 0; lo < len(s.Mask); lo += tileLen {
			hi := min(lo+tileLen, len(s.Mask))
			t.cut(s, lo, hi)
			kernel.SubTo(t.u, s.Logprobs[lo:hi], []float32{float32(c.logprob)})
			if s.Advantages == nil {
				timesTo(t.u, t.u, s.Advantage-c.advantage)
			} else {
				kernel.SubTo(t.v, s.Advantages[lo:hi], []float32{float32(c.advantage)})
				kernel.MulTo(t.u, t.u, t.v)
			}
			kernel.SelectTo(t.u, t.mask, t.u, lowest[:hi-lo])
			if float64(kernel.Max(t.u)) < *least-1e-5*(1+math.Abs(*least)) {
				continue // float32 is that far off at most
			}
			for i := lo; i < hi; i++ {
				if s.Mask[i] == 0 {
					continue
				}
				if cov := (s.advantage(i) - c.advantage) * (float64(s.Logprobs[i]) - c.logprob); cov > *least {
					f(s, i, cov)
				}
			}
		}
	}
}

var lowest = func() (x [tileLen]float32) {
	for i := range x {
		x[i] = -math.MaxFloat32
	}
	return x
}()

// share is how many of n tokens a ratio of them is, at least 1.
func share(ratio float64, n int) int { return max(1, int(ratio*float64(n))) }

// token is a token of a span.
type token struct {
	s   *Span
	i   int
	cov float64
}

// byCovariance is a heap with the least on top, the last of equals first.
type byCovariance []token

func (h byCovariance) Len() int           { return len(h) }
func (h byCovariance) Less(i, j int) bool { return h[i].cov < h[j].cov }
func (h byCovariance) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byCovariance) Push(x any)        { *h = append(*h, x.(token)) }
func (h *byCovariance) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// eachChosen calls f with the loss tokens chosen.
func (s *Span) eachChosen(f func(i int, scale float64)) {
	for lo := 0; lo < len(s.chosen); lo += tileLen {
		hi := min(lo+tileLen, len(s.chosen))
		if kernel.Sum(s.chosen[lo:hi]) == 0 {
			continue
		}
		for i := lo; i < hi; i++ {
			if s.chosen[i] != 0 && s.Mask[i] != 0 {
				f(i, s.scale(i, s.Mask[i]))
			}
		}
	}
}

const (
	keyCovLow   = "cov_low"
	keyCovHigh  = "cov_high"
	keyCovRatio = "cov_ratio"
	keySeed     = "seed"
)

// covSpecs look at the whole batch before its tokens: what they choose depends
// on it, so that chunks do not add up to the whole. A datum evaluated alone is
// a batch. Source: verl's core_algos.py, after arXiv 2505.22617.
var covSpecs = map[string]spec{
	// ppo without cov_ratio of the loss tokens, at least 1, drawn from those with
	// cov_low < covariance < cov_high that ppo does not cut. The draw depends on
	// seed alone.
	"clip_cov": {
		traits:    clipTraits(),
		defaults:  map[string]float64{keyLow: 0.8, keyHigh: 1.2, keyCovRatio: 2e-4, keyCovLow: 1, keyCovHigh: 5, keySeed: 0},
		short:     true,
		aggregate: TokenMean,
		token: func(c map[string]float64) tokenFunc {
			policy := clippedToken(c)
			return func(x point) (float64, float64, cut) {
				if x.chosen {
					return 0, 0, uncut
				}
				return policy(x)
			}
		},
		fast: func(c map[string]float64) fastFunc {
			policy := clippedPass(c)
			return func(s *Span, dlogprobs []float32, sums *Sums) bool {
				if !policy(s, dlogprobs, sums) {
					return false
				}
				s.eachChosen(func(i int, scale float64) {
					// What is chosen is within the bounds.
					sums.Loss += scale * s.advantage(i) * math.Exp(float64(s.Logprobs[i])-float64(s.Sampling[i]))
					if dlogprobs != nil {
						dlogprobs[i] = 0
					}
				})
				return true
			}
		},
		choose: func(c map[string]float64) func(spans []Span) {
			policy, high, ratio, seed := clippedToken(c), c[keyCovHigh], c[keyCovRatio], c[keySeed]
			return func(spans []Span) {
				cov, least := covarianceOf(spans), c[keyCovLow]
				var found []token
				cov.above(spans, &least, func(s *Span, i int, v float64) {
					if v >= high {
						return
					}
					if _, _, by := policy(point{l: float64(s.Logprobs[i]), q: float64(s.Sampling[i]), a: s.advantage(i)}); by == uncut {
						found = append(found, token{s, i, v})
					}
				})
				r := rand.New(rand.NewPCG(uint64(int64(seed)), 0))
				for k := range min(len(found), share(ratio, cov.tokens)) {
					j := k + r.IntN(len(found)-k)
					found[k], found[j] = found[j], found[k]
					found[k].s.chosen[found[k].i] = 1
				}
			}
		},
	},
	// −r·A, + coef·|d| on the cov_ratio of the loss tokens, at least 1, with the
	// greatest covariance.
	"kl_cov": {
		traits:    traits{sampling: true, advantage: term},
		defaults:  map[string]float64{keyCovRatio: 2e-4, keyCoef: 1},
		aggregate: TokenMean,
		token: func(c map[string]float64) tokenFunc {
			coef := c[keyCoef]
			return func(x point) (float64, float64, cut) {
				d := x.l - x.q
				r, inside := limited(d)
				value, slope := -r*x.a, flat(-r*x.a, inside)
				if x.chosen {
					value += coef * math.Abs(d)
					slope += coef * sign(d)
				}
				return value, slope, uncut
			}
		},
		fast: func(c map[string]float64) fastFunc {
			coef := c[keyCoef]
			policy := onePass(traits{sampling: true}, func(s *Span) kernel.Piecewise { return linear(s.Advantage) })
			return func(s *Span, dlogprobs []float32, sums *Sums) bool {
				if !policy(s, dlogprobs, sums) {
					return false
				}
				s.eachChosen(func(i int, scale float64) {
					d := float64(s.Logprobs[i]) - float64(s.Sampling[i])
					sums.Loss += scale * coef * math.Abs(d)
					if dlogprobs != nil {
						dlogprobs[i] = float32(scale * (coef*sign(d) - s.advantage(i)*math.Exp(d)))
					}
				})
				return true
			}
		},
		choose: func(c map[string]float64) func(spans []Span) {
			ratio := c[keyCovRatio]
			return func(spans []Span) {
				cov, least := covarianceOf(spans), math.Inf(-1)
				var most byCovariance
				n := share(ratio, cov.tokens)
				cov.above(spans, &least, func(s *Span, i int, v float64) {
					if heap.Push(&most, token{s, i, v}); len(most) > n {
						heap.Pop(&most)
					}
					if len(most) == n {
						least = most[0].cov
					}
				})
				for _, x := range most {
					x.s.chosen[x.i] = 1
				}
			}
		},
	},
}

// sign is −1, 0 or 1.
func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}
