package loss

import (
	"math"
	"sync"

	"github.com/hudrl/hudrl/internal/kernel"
)

// quickVocab is from how many tokens on a row is worth the kernels.
const quickVocab = 128

// mostLog bounds what float32 may round to within 1e-6 after it is multiplied
// by a probability.
const mostLog = 8

// quickRow is the distribution at one position in float32: with a = (z − max
// z)/T, the probabilities are exp(a)/sum and their logarithms a − rest; b, eb
// and so on are the teacher's. Differences of logprobs are taken of a and b, so
// that what is common to all tokens enters sums in float64.
type quickRow struct {
	a, ea, b, eb []float32
	sum, rest    float64
	sumB, restB  float64
	lse          float64   // log Σ exp(z/T)
	u, v         []float32 // free
	out          []float32 // the gradient with respect to the logits, to be added to; nil for none
	scale        float64   // what it is multiplied by
}

// A quickFunc is a rowFunc with its statistic that also adds the gradient. It
// reports false, and what it did is nothing, where float32 does not do: a value
// that is not finite, as that of tokens without a probability, is left to the
// rowFunc.
type quickFunc func(x *quickRow) (value, stat float64, ok bool)

var quickRows = sync.Pool{New: func() any { return new(quickRow) }}

// load fills a and e with z's.
func load(z []float32, temperature float64, a, e []float32) (sum, rest, lse float64, ok bool) {
	top := kernel.Max(z)
	if !finite(float64(top)) {
		return 0, 0, 0, false
	}
	kernel.SubTo(a, z, []float32{top})
	if temperature != 1 {
		kernel.DivTo(a, a, []float32{float32(temperature)})
	}
	kernel.ExpTo(e, a)
	sum = kernel.Sum(e)
	rest = math.Log(sum)
	return sum, rest, float64(top)/temperature + rest, true
}

// quickly is t's value at a position with the kernels, and its gradient times
// scale into out, which is 0.
func (t *DistributionLoss) quickly(x *quickRow, temperature float64, z, teacher, out []float32, scale float64) (value, stat float64, ok bool) {
	n := len(z)
	for _, s := range []*[]float32{&x.a, &x.ea, &x.b, &x.eb, &x.u, &x.v} {
		*s = resized(*s, n)
	}
	x.out, x.scale = out, scale
	if x.sum, x.rest, x.lse, ok = load(z, temperature, x.a, x.ea); !ok {
		return 0, 0, false
	}
	if teacher != nil {
		if x.sumB, x.restB, _, ok = load(teacher, temperature, x.b, x.eb); !ok {
			return 0, 0, false
		}
	}
	value, stat, ok = t.quick(x)
	if ok = ok && finite(value); !ok {
		clear(out)
	}
	return value, stat, ok
}

// add adds c times d to the gradient.
func (x *quickRow) add(c float64, d []float32) {
	if x.out != nil {
		kernel.Axpy(float32(x.scale*c), d, x.out)
	}
}

// around adds c·p·(d − mean): what a sum of p·d has for a gradient, where the
// mean of d is that. It destroys d.
func (x *quickRow) around(c float64, d []float32, mean float64) {
	if x.out != nil {
		kernel.SubTo(d, d, []float32{float32(mean)})
		kernel.MulTo(d, d, x.ea)
		x.add(c/x.sum, d)
	}
}

// klTo is row.klTo.
func (x *quickRow) klTo(w float64) (value float64, ok bool) {
	kernel.MulTo(x.v, x.ea, x.b)
	kernel.SubTo(x.u, x.a, x.b)
	mean := kernel.SumProducts(x.ea, x.u) / x.sum
	if ok = math.Abs(mean) < mostLog && -float64(kernel.Min(x.v))/x.sum < mostLog; ok {
		x.around(w, x.u, mean)
	}
	return mean - x.rest + x.restB, ok
}

// klFrom is row.klFrom.
func (x *quickRow) klFrom(w float64) (value float64, ok bool) {
	kernel.SubTo(x.u, x.b, x.a)
	value = kernel.SumProducts(x.eb, x.u)/x.sumB - x.restB + x.rest
	x.add(w/x.sum, x.ea)
	x.add(-w/x.sumB, x.eb)
	return value, finite(value)
}

// jsd is row.jsd.
func (x *quickRow) jsd(beta float64) (value float64, ok bool) {
	switch beta {
	case 0:
		return x.klFrom(1)
	case 1:
		return x.klTo(1)
	}
	kernel.MulTo(x.u, x.ea, []float32{float32((1 - beta) / x.sum)})
	kernel.Axpy(float32(beta/x.sumB), x.eb, x.u)
	kernel.MaximumTo(x.u, x.u, []float32{1e-38}) // no probability to speak of
	kernel.LogTo(x.u, x.u)
	kernel.SubTo(x.v, x.b, x.u)
	from := kernel.SumProducts(x.eb, x.v)/x.sumB - x.restB
	kernel.SubTo(x.v, x.a, x.u)
	mean := kernel.SumProducts(x.ea, x.v) / x.sum
	x.around(1-beta, x.v, mean)
	return beta*from + (1-beta)*(mean-x.rest), math.Abs(mean) < 2*mostLog
}

// entropy is the entropy, and its gradient times −coef.
func (x *quickRow) entropy(coef float64) float64 {
	mean := kernel.SumProducts(x.ea, x.a) / x.sum
	copy(x.u, x.a)
	x.around(coef, x.u, mean)
	return x.rest - mean
}

// divergence is a quickFunc of one value, which is what it reports too.
func divergence(f func(x *quickRow) (value float64, ok bool)) quickFunc {
	return func(x *quickRow) (float64, float64, bool) {
		value, ok := f(x)
		return value, value, ok
	}
}

// quickDistributions are the quick forms of distributionSpecs.
var quickDistributions = map[string]func(c map[string]float64) quickFunc{
	"kl.exact": func(c map[string]float64) quickFunc {
		return func(x *quickRow) (float64, float64, bool) {
			kl, ok := x.klTo(c[keyCoef])
			return c[keyCoef] * kl, kl, ok
		}
	},
	"entropy_bonus": func(c map[string]float64) quickFunc {
		return func(x *quickRow) (float64, float64, bool) {
			h := x.entropy(c[keyCoef])
			return -c[keyCoef] * h, h, true
		}
	},
	"z_loss": func(c map[string]float64) quickFunc {
		return func(x *quickRow) (float64, float64, bool) {
			x.add(2*c[keyCoef]*x.lse/x.sum, x.ea)
			return c[keyCoef] * x.lse * x.lse, x.lse, true
		}
	},
	"kd_forward": func(map[string]float64) quickFunc {
		return divergence(func(x *quickRow) (float64, bool) { return x.klFrom(1) })
	},
	"kd_reverse": func(map[string]float64) quickFunc {
		return divergence(func(x *quickRow) (float64, bool) { return x.klTo(1) })
	},
	"kd_sym": func(c map[string]float64) quickFunc {
		ratio := c[keyRatio]
		return divergence(func(x *quickRow) (value float64, ok bool) {
			ok = true
			if ratio > 0 {
				value, ok = x.klFrom(ratio)
				value *= ratio
			}
			if ratio < 1 && ok {
				var to float64
				to, ok = x.klTo(1 - ratio)
				value += (1 - ratio) * to
			}
			return value, ok
		})
	},
	"gkd_jsd": func(c map[string]float64) quickFunc {
		return divergence(func(x *quickRow) (float64, bool) { return x.jsd(c[keyBeta]) })
	},
}
