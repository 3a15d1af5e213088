package loss

import (
	"math"
	"sync"

	"github.com/hudrl/hudrl/internal/kernel"
)

// tileLen is how many tokens a loss works on at a time: its tiles fit the
// first level cache.
const tileLen = 1024

// constants of a tile.
var (
	zeros [tileLen]float32
	minus = func() (x [tileLen]float32) {
		for i := range x {
			x[i] = -1
		}
		return x
	}()
	scalar0, scalar1 = []float32{0}, []float32{1}
)

// A tile is the tokens that a loss works on, and what it makes of them. Where
// the mask is 0, l and ref are −1 and d and r are 0. q is a free tile.
type tile struct {
	*Span
	l, q, ref    []float32 // logprobs
	d, r         []float32 // ℓ − q and exp(ℓ − q)
	mask, chosen []float32
	value, slope []float32 // what the loss fills
	u, v, w      []float32 // free
	low, high    float64   // what the loss counts
	unfit        bool      // float32 does not do for these tokens
	p            []float32 // q before the mask
	piece        Span      // for bySign
	sums         Sums
	found        kernel.Ratios
	buffers      [11][tileLen]float32
}

var tiles = sync.Pool{New: func() any { return new(tile) }}

// cut makes t the tokens from lo to hi of s.
func (t *tile) cut(s *Span, lo, hi int) {
	t.Span = s
	for i, x := range []*[]float32{&t.l, &t.q, &t.ref, &t.d, &t.r, &t.value, &t.slope, &t.u, &t.v, &t.w} {
		*x = t.buffers[i][:hi-lo]
	}
	t.mask = s.Mask[lo:hi]
	if s.chosen != nil {
		t.chosen = s.chosen[lo:hi]
	}
}

// only is dst = x where the mask is not 0, else −1.
func (t *tile) only(dst, x []float32) { kernel.SelectTo(dst, t.mask, x, minus[:len(dst)]) }

// unless is dst = x where drop is 0, else 0.
func unless(dst, drop, x []float32) { kernel.SelectTo(dst, drop, zeros[:len(dst)], x) }

func timesTo(dst, x []float32, c float64) { kernel.MulTo(dst, x, []float32{float32(c)}) }

// above and below are 1 where x is, else 0.
func above(dst, x []float32, bound float64) { kernel.LtTo(dst, []float32{float32(bound)}, x) }
func below(dst, x []float32, bound float64) { kernel.LtTo(dst, x, []float32{float32(bound)}) }

// count is how many loss tokens have a mark other than 0.
func (t *tile) count(mark []float32) float64 {
	kernel.AndTo(t.w, mark, t.mask)
	return kernel.Sum(t.w)
}

// scales is the slice that multiplies the tokens from lo to hi; space holds it
// where there is none.
func (s *Span) scales(lo, hi int, space *[tileLen]float32) []float32 {
	if s.Weight == nil {
		return s.Mask[lo:hi]
	}
	kernel.MulTo(space[:hi-lo], s.Mask[lo:hi], s.Weight[lo:hi])
	return space[:hi-lo]
}

// against is what ratios are to: the logprobs themselves for a loss without.
func (s *Span) against() []float32 {
	if s.Sampling == nil {
		return s.Logprobs
	}
	return s.Sampling
}

// piecewise is one pass of the kernel over the datum, with factor times the
// gradient. It reports whether the log-ratios are what it is made for.
func (s *Span) piecewise(sums *kernel.Ratios, dlogprobs []float32, p *kernel.Piecewise, factor float32) bool {
	if s.Weight == nil {
		kernel.PiecewiseTo(sums, dlogprobs, s.Logprobs, s.against(), s.Mask, s.Mask, p, factor)
		return sums.MaxLog < kernel.MaxLogRatio
	}
	return s.weighed(sums, func(sums *kernel.Ratios, lo, hi int, scale []float32) {
		kernel.PiecewiseTo(sums, part(dlogprobs, lo, hi), s.Logprobs[lo:hi], s.against()[lo:hi], s.Mask[lo:hi], scale, p, factor)
	})
}

// ratios is such a pass for the sums: Loss is what the tokens' losses are
// multiplied by in sum.
func (s *Span) ratios(sums *kernel.Ratios) bool {
	if s.Weight == nil {
		kernel.RatioSums(sums, s.Logprobs, s.against(), s.Mask, s.Mask)
		return sums.MaxLog < kernel.MaxLogRatio
	}
	return s.weighed(sums, func(sums *kernel.Ratios, lo, hi int, scale []float32) {
		kernel.RatioSums(sums, s.Logprobs[lo:hi], s.against()[lo:hi], s.Mask[lo:hi], scale)
	})
}

// weighed is a pass over tokens with weights, a tile at a time.
func (s *Span) weighed(sums *kernel.Ratios, pass func(sums *kernel.Ratios, lo, hi int, scale []float32)) bool {
	t := tiles.Get().(*tile)
	defer tiles.Put(t)
	*sums = kernel.Ratios{}
	for lo := 0; lo < len(s.Mask); lo += tileLen {
		hi := min(lo+tileLen, len(s.Mask))
		pass(&t.found, lo, hi, s.scales(lo, hi, &t.buffers[0]))
		sums.Add(&t.found)
	}
	return sums.MaxLog < kernel.MaxLogRatio
}

// part is x[lo:hi], nil for nil.
func part(x []float32, lo, hi int) []float32 {
	if x == nil {
		return nil
	}
	return x[lo:hi]
}

// of are the sums of a pass of a loss with traits t.
func (s *Sums) of(r *kernel.Ratios, t *traits) {
	s.Loss, s.Tokens, s.Clipped, s.Low = r.Loss, r.Tokens, 0, 0
	if t.clips {
		s.Clipped, s.Low = r.Low+r.High, r.Low
	}
	if t.sampling {
		s.Drift.of(r)
	} else {
		s.Drift = Drift{}
	}
}

// A pieceFunc is a loss that the kernel computes in one pass.
type pieceFunc = func(s *Span) kernel.Piecewise

// onePass is the fastFunc of a loss that the kernel computes.
func onePass(t traits, piece pieceFunc) fastFunc {
	return func(s *Span, dlogprobs []float32, sums *Sums) bool {
		p := piece(s)
		factor := s.times.before()
		var r kernel.Ratios
		ok := s.piecewise(&r, dlogprobs, &p, factor)
		sums.of(&r, &t)
		if f := s.times.of(sums.Tokens); f != factor {
			kernel.Scale(f, dlogprobs)
		}
		return ok
	}
}

// tiled is the fast form of a spec.
func tiled(t traits, first pieceFunc, rest func(c map[string]float64) func(t *tile)) func(c map[string]float64) fastFunc {
	return func(c map[string]float64) fastFunc { return byTiles(t, first, rest(c)) }
}

// constant is the loss c·ℓ.
func constant(c float64) kernel.Piecewise {
	return kernel.Piecewise{Low: math.Inf(1), High: math.Inf(1), LowSlope: float32(c), TimesX: true}
}

// byTiles is the fastFunc of a loss written with tiles. Where there is a first
// pass, its value and gradient are added, and d and r are not there.
func byTiles(traits traits, first pieceFunc, rest func(t *tile)) fastFunc {
	return func(s *Span, dlogprobs []float32, sums *Sums) bool {
		t := tiles.Get().(*tile)
		defer tiles.Put(t)
		t.low, t.high, t.unfit = 0, 0, false
		var piece kernel.Piecewise
		if first != nil {
			piece = first(s)
		}
		var all kernel.Ratios
		for lo := 0; lo < len(s.Mask); lo += tileLen {
			hi := min(lo+tileLen, len(s.Mask))
			t.cut(s, lo, hi)
			x, q, scale := s.Logprobs[lo:hi], s.against()[lo:hi], s.scales(lo, hi, &t.buffers[10])
			grad := part(dlogprobs, lo, hi)
			var r kernel.Ratios
			switch {
			case first != nil:
				kernel.PiecewiseTo(&t.found, grad, x, q, t.mask, scale, &piece, 1)
				r = t.found
			case traits.sampling:
				r = kernel.RatioTo(t.d, t.r, x, q, t.mask)
			default:
				kernel.NeTo(t.w, t.mask, scalar0)
				r.Tokens = int(kernel.Sum(t.w))
			}
			t.only(t.l, x)
			t.p = q
			if traits.reference {
				t.only(t.ref, s.Reference[lo:hi])
			}
			rest(t)
			kernel.MulTo(t.value, t.value, scale)
			unmasked(t.value, t.mask, t.value)
			r.Loss += kernel.Sum(t.value)
			if grad != nil {
				kernel.MulTo(t.slope, t.slope, scale)
				unmasked(t.slope, t.mask, t.slope)
				if first != nil {
					kernel.AddTo(grad, grad, t.slope)
				} else {
					copy(grad, t.slope)
				}
			}
			all.Add(&r)
		}
		all.Low += int(t.low)
		all.High += int(t.high)
		sums.of(&all, &traits)
		return all.MaxLog < kernel.MaxLogRatio && !t.unfit
	}
}

// bySign is the fastFunc of a loss that is proportional to the advantage, with
// an advantage of each token: that of A = 1 where it is above 0, weighed by it,
// that of A = −1 where it is below, and that of 0.
func bySign(fast fastFunc) fastFunc {
	return func(s *Span, dlogprobs []float32, sums *Sums) bool {
		t := tiles.Get().(*tile)
		defer tiles.Put(t)
		*sums = Sums{}
		for lo := 0; lo < len(s.Mask); lo += tileLen {
			hi := min(lo+tileLen, len(s.Mask))
			t.cut(s, lo, hi)
			a, grad := s.Advantages[lo:hi], part(dlogprobs, lo, hi)
			if unmasked(t.u, t.mask, a); !finite(kernel.Sum(t.u)) {
				return false
			}
			kernel.AbsTo(t.v, a)
			if s.Weight != nil {
				kernel.MulTo(t.v, t.v, s.Weight[lo:hi])
			}
			t.Span = &t.piece
			t.piece = Span{Logprobs: s.Logprobs[lo:hi], Sampling: part(s.Sampling, lo, hi), Reference: part(s.Reference, lo, hi), Reward: s.Reward,
				Expert: s.Expert, Mask: t.u, Weight: t.v, chosen: part(s.chosen, lo, hi)}
			clear(grad)
			for _, sign := range []float64{1, -1, 0} {
				switch sign {
				case 1:
					above(t.u, a, 0)
				case -1:
					below(t.u, a, 0)
				default:
					kernel.EqTo(t.u, a, scalar0)
				}
				unmasked(t.u, t.u, t.mask)
				if sum := kernel.Sum(t.u); sum == 0 {
					continue
				}
				t.piece.Advantage = sign
				out := part(t.slope, 0, hi-lo)
				if grad == nil {
					out = nil
				}
				if !fast(&t.piece, out, &t.sums) {
					return false
				}
				sums.add(&t.sums)
				if grad != nil {
					kernel.AddTo(grad, grad, out)
				}
			}
		}
		t.piece = Span{}
		return true
	}
}

// unmasked is dst = x where the mask is not 0, else 0.
func unmasked(dst, mask, x []float32) { kernel.SelectTo(dst, mask, x, zeros[:len(dst)]) }
