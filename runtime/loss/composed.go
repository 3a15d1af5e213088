package loss

import (
	"maps"
	"math"

	"github.com/hudrl/hudrl/runtime/tensor"
)

// Every loss is here a second time, written with tensor operations: what
// [TokenLoss.Tokens] and [PairLoss.Pairs] give, for arithmetic of one's own
// with the parts of a loss. Both forms agree, within 1e-6·max(1, |loss|) for
// each token, value and gradient.

// A form is the loss of each token, [N], before mask and weights.
type form func(x *terms, c map[string]float64) *tensor.Tensor

// composed holds the form of every loss of tokens.
var composed = func() map[string]form {
	all := map[string]form{}
	for _, table := range []map[string]form{plainForms, clippedForms, gatedForms, sequenceForms, imitationForms, covForms, mixtureForms, klForms} {
		maps.Copy(all, table)
	}
	return all
}()

// terms are what a form is made of. Positions whose mask is 0 hold 0 in all
// of them, by selection.
type terms struct {
	l, q, ref *tensor.Tensor // [N]
	advantage *tensor.Tensor // [N]
	a, reward *tensor.Tensor // [D]; a is that of the first position
	positive  *tensor.Tensor // [D] what the term of rewards above 0 is multiplied by; nil: 1
	expert    *tensor.Tensor // [D] 1 where the datum is an expert's; nil: none is
	chosen    *tensor.Tensor // [N] for losses that choose tokens
	tokens    *tensor.Tensor // [D] the loss tokens of each datum, at least 1
	mask      []float32      // [N]
	offsets   []int
}

var (
	zero = tensor.Scalar(0).ReadOnly()
	one  = tensor.Scalar(1).ReadOnly()
)

func num(x float64) *tensor.Tensor { return tensor.Scalar(x) }

// each is x, one value for each datum, at its positions.
func (x *terms) each(v *tensor.Tensor) *tensor.Tensor { return v.SegmentExpand(x.offsets) }

// total and mean are over a datum's loss tokens.
func (x *terms) total(v *tensor.Tensor) *tensor.Tensor { return v.SegmentSum(x.offsets) }
func (x *terms) mean(v *tensor.Tensor) *tensor.Tensor  { return x.total(v).Div(x.tokens) }

// held is a log-ratio held within ±20.
func held(d *tensor.Tensor) *tensor.Tensor { return d.Clamp(-maxLogRatio, maxLogRatio) }

// atMost is x, flat where it is held at most.
func atMost(x *tensor.Tensor, most float64) *tensor.Tensor { return x.Clamp(math.Inf(-1), most) }

// maxExact is above the largest log-ratio whose exponential is a float32.
const maxExact = 89

// ratio is exp(ℓ−q), with ℓ−q held within ±most. Its exponent is exact to more
// than float32, because exp turns the error of its argument into a relative
// one: what rounding took from ℓ−q is worked out and multiplied back in.
func (x *terms) ratio(most float64) *tensor.Tensor {
	d := x.l.Sub(x.q)
	l, s := x.l.Detach(), d.Detach()
	near := l.Sub(s)                                                      // q, but for rounding
	lost := l.Sub(s.Add(near)).Add(near.Sub(x.q))                         // (ℓ−q) − d, exactly: Knuth's two-sum
	lost = tensor.Where(s.Abs().Le(num(min(most, maxExact))), lost, zero) // elsewhere d was held, or is infinite
	if most == maxLogRatio {
		d = held(d)
	}
	return d.Exp().Mul(lost.Add(one))
}

// limited is the ratio of the losses that hold log-ratios within ±20, free
// that of those that follow their service.
func (x *terms) limited() *tensor.Tensor { return x.ratio(maxLogRatio) }
func (x *terms) free() *tensor.Tensor    { return x.ratio(maxExact) }

// times is r·a, 0 where a is: also where r is infinite.
func times(r, a *tensor.Tensor) *tensor.Tensor { return tensor.Where(a, r.Mul(a), zero) }

// clipped is −min(r·a, clip(r, lo, hi)·a).
func clipped(r, a *tensor.Tensor, lo, hi float64) *tensor.Tensor {
	return times(r, a).Minimum(times(r.Clamp(lo, hi), a)).Neg()
}

// plainForms: see plainSpecs.
var plainForms = map[string]form{
	"cross_entropy":       func(x *terms, _ map[string]float64) *tensor.Tensor { return x.l.Neg() },
	"importance_sampling": func(x *terms, _ map[string]float64) *tensor.Tensor { return times(x.free(), x.advantage).Neg() },
	"ppo": func(x *terms, c map[string]float64) *tensor.Tensor {
		return clipped(x.free(), x.advantage, c[keyLow], c[keyHigh])
	},
	"cispo": func(x *terms, c map[string]float64) *tensor.Tensor {
		return x.free().Clamp(c[keyLow], c[keyHigh]).Detach().Mul(x.advantage).Mul(x.l).Neg()
	},
	"dro": func(x *terms, c map[string]float64) *tensor.Tensor {
		return x.l.Sub(x.q).Square().Mul(num(c[keyBeta] / 2)).Sub(x.l.Mul(x.advantage))
	},
	"reinforce": func(x *terms, _ map[string]float64) *tensor.Tensor { return x.l.Mul(x.advantage).Neg() },
	"glm_double_sided": func(x *terms, c map[string]float64) *tensor.Tensor {
		r := x.free()
		in := r.Ge(num(c[keyLow])).And(r.Le(num(c[keyHigh])))
		return tensor.Where(in, r.Mul(x.advantage).Neg(), zero)
	},
	"gpg": func(x *terms, _ map[string]float64) *tensor.Tensor { return x.l.Mul(x.advantage).Neg() },
	"opmd_loss": func(x *terms, c map[string]float64) *tensor.Tensor {
		return x.l.Mul(x.advantage).Mul(num(-1 / (1 + c[keyTau])))
	},
	"dft": func(x *terms, _ map[string]float64) *tensor.Tensor {
		p := x.l.Detach().Minimum(zero).Exp()
		return tensor.Where(p, p.Mul(x.l).Neg(), zero)
	},
}

// clippedForms: see clippedSpecs.
var clippedForms = map[string]form{
	"dapo": boundedForm, "bnpo": boundedForm, "dr_grpo": boundedForm,
	"ppo_dual_clip": func(x *terms, c map[string]float64) *tensor.Tensor {
		a := x.advantage
		v := boundedForm(x, c)
		return tensor.Where(a.Lt(zero), v.Minimum(a.Mul(num(-c[keyDual]))), v)
	},
	"ppo_delta": func(x *terms, c map[string]float64) *tensor.Tensor {
		r, a := x.limited(), x.advantage
		return atMost(r, c[keyDelta]).Mul(a).Minimum(r.Clamp(c[keyLow], c[keyHigh]).Mul(a)).Neg()
	},
	"grpo": func(x *terms, c map[string]float64) *tensor.Tensor {
		v := boundedForm(x, c)
		if beta := c[keyBeta]; beta != 0 {
			v = v.Add(x.k3().Mul(num(beta)))
		}
		return v
	},
	"sapo": func(x *terms, c map[string]float64) *tensor.Tensor {
		a := x.advantage
		tau := tensor.Where(a.Gt(zero), num(c[keyTauPos]), num(c[keyTauNeg]))
		return x.limited().Sub(one).Mul(tau).Sigmoid().Mul(a).Mul(num(-4)).Div(tau)
	},
	"rollout_is": func(x *terms, c map[string]float64) *tensor.Tensor {
		r := x.limited().Detach()
		in := r.Gt(num(c[keyLow])).And(r.Lt(num(c[keyHigh])))
		return tensor.Where(in, r.Mul(x.advantage).Mul(x.l).Neg(), zero)
	},
	"vapo_pos_nll": func(x *terms, c map[string]float64) *tensor.Tensor {
		good := x.each(x.reward).Gt(zero)
		weight := num(c[keyMu])
		if x.positive != nil {
			weight = x.each(x.positive).Mul(weight)
		}
		return boundedForm(x, c).Sub(tensor.Where(good, x.l.Mul(weight), zero))
	},
}

// boundedForm is ppo with log-ratios held within ±20.
func boundedForm(x *terms, c map[string]float64) *tensor.Tensor {
	return clipped(x.limited(), x.advantage, c[keyLow], c[keyHigh])
}

// gatedForms: see gatedSpecs.
var gatedForms = map[string]form{
	"dppo_tv": func(x *terms, c map[string]float64) *tensor.Tensor {
		return x.gated(x.advantage, x.movedTooFar(c), 1, 0)
	},
	"dppo_kl": func(x *terms, c map[string]float64) *tensor.Tensor {
		a, kl, l := x.advantage, x.binaryKL(), x.l.Detach()
		up := a.Gt(zero).And(l.Gt(x.q)).And(kl.Gt(num(c[keyDeltaHi])))
		down := a.Lt(zero).And(l.Lt(x.q)).And(kl.Gt(num(c[keyDeltaLo])))
		return x.gated(a, up.Or(down), 1, 0)
	},
	"prime_default": func(x *terms, c map[string]float64) *tensor.Tensor {
		return x.gated(x.advantage, x.movedTooFar(c), c[keyAdvTau], c[keyKLTau])
	},
	"prime_ipo": func(x *terms, c map[string]float64) *tensor.Tensor {
		return x.gated(x.advantage, x.moved().Abs().Gt(num(c[keyDelta])), c[keyAdvTau], c[keyKLTau])
	},
	"ref_kl_pg": func(x *terms, c map[string]float64) *tensor.Tensor {
		return x.gated(x.ref.Sub(x.l.Detach()), x.moved().Lt(num(-c[keyDeltaLo])), 1, c[keyKLTau])
	},
}

// gated is −τ·r·a where drop is 0, + κ·d² everywhere.
func (x *terms) gated(a, drop *tensor.Tensor, advTau, klTau float64) *tensor.Tensor {
	v := tensor.Where(drop, zero, x.limited().Mul(a).Mul(num(-advTau)))
	if klTau != 0 {
		v = v.Add(x.l.Sub(x.q).Square().Mul(num(klTau)))
	}
	return v
}

// moved is how far a token's probability moved from where it was sampled.
func (x *terms) moved() *tensor.Tensor { return x.l.Detach().Exp().Sub(x.q.Exp()) }

// movedTooFar is 1 where the step that A asks for has been made already.
func (x *terms) movedTooFar(c map[string]float64) *tensor.Tensor {
	a, moved := x.advantage, x.moved()
	up := a.Gt(zero).And(moved.Gt(num(c[keyDeltaHi])))
	return up.Or(a.Lt(zero).And(moved.Lt(num(-c[keyDeltaLo]))))
}

// binaryKL is KL(sampling‖policy) over {this token, another}.
func (x *terms) binaryKL() *tensor.Tensor {
	l, q := x.l.Detach().Minimum(zero), x.q.Minimum(zero)
	mu, rest := q.Exp(), q.Expm1().Neg()
	this := tensor.Where(mu, mu.Mul(q.Sub(l)), zero)
	other := tensor.Where(rest, rest.Mul(rest.Log().Sub(l.Expm1().Neg().Log())), zero)
	return this.Add(other)
}

// sequenceForms: see sequenceSpecs.
var sequenceForms = map[string]form{
	"gspo": sequenceForm, "luspo": sequenceForm,
	"gspo_token": func(x *terms, c map[string]float64) *tensor.Tensor {
		s := x.mean(held(x.l.Sub(x.q))).Detach()
		r := x.l.Sub(x.l.Detach()).Add(x.each(s))
		r = atMost(r, 10).Exp()
		return clipped(r, x.advantage, c[keyLow], c[keyHigh])
	},
	"gmpo": func(x *terms, c map[string]float64) *tensor.Tensor {
		d, a := x.l.Sub(x.q), x.advantage
		up := d.Clamp(-maxLogRatio, min(maxLogRatio, c[keyLogHigh]))
		down := d.Clamp(max(-maxLogRatio, c[keyLogLow]), maxLogRatio)
		s := x.mean(tensor.Where(a.Gt(zero), up, down)).Exp()
		return x.each(times(s, x.a).Neg())
	},
	"vespo": func(x *terms, c map[string]float64) *tensor.Tensor {
		w := x.total(held(x.l.Sub(x.q)).Detach()).Clamp(leastWeight, maxLogRatio)
		down := x.a.Lt(zero)
		k := tensor.Where(down, num(c[keyKNeg]), num(c[keyKPos]))
		lambda := tensor.Where(down, num(c[keyLamNeg]), num(c[keyLamPos]))
		// λ + k·log w − λ·w, with w − 1 in place of w: λ cancels.
		phi := k.Mul(w).Sub(lambda.Mul(w.Expm1())).Exp()
		return x.constant(phi.Mul(x.a))
	},
	"topr": func(x *terms, c map[string]float64) *tensor.Tensor {
		w := x.total(held(x.l.Sub(x.q)).Detach()).Minimum(zero).Exp()
		alpha := tensor.Where(x.reward.Gt(num(c[keyReward])), one, w)
		return x.constant(alpha.Mul(x.reward))
	},
}

// leastWeight is log 1e-8.
const leastWeight = -18.420680743952367

// constant is −c·ℓ with one c for each datum, 0 where c is: also where ℓ is
// infinite.
func (x *terms) constant(c *tensor.Tensor) *tensor.Tensor {
	c = x.each(c)
	return tensor.Where(c, c.Mul(x.l).Neg(), zero)
}

// sequenceForm is the clipped surrogate of exp(mean d).
func sequenceForm(x *terms, c map[string]float64) *tensor.Tensor {
	s := x.mean(held(x.l.Sub(x.q))).Exp()
	return x.each(clipped(s, x.a, c[keyLow], c[keyHigh]))
}

// imitationForms: see imitationSpecs.
var imitationForms = map[string]form{
	"minillm": func(x *terms, c map[string]float64) *tensor.Tensor {
		return clipped(x.limited(), x.advantage.Add(x.later(c[keyGamma], c[keyLengthNorm] != 0)), c[keyLow], c[keyHigh])
	},
}

// later is Σ_{s≥t} γ^(s−t)·(ℓ_ref − ℓ)_s over the loss tokens of a datum,
// divided by Σ γ^(s−t) or not: a constant.
func (x *terms) later(gamma float64, divided bool) *tensor.Tensor {
	out := make([]float32, len(x.mask))
	gain := doubles(x.ref.Sub(x.l.Detach()))
	for d := range len(x.offsets) - 1 {
		sum, steps := 0.0, 0.0
		for i := x.offsets[d+1] - 1; i >= x.offsets[d]; i-- {
			if x.mask[i] == 0 {
				continue
			}
			sum, steps = gain[i]+gamma*sum, 1+gamma*steps
			v := sum
			if divided {
				v /= steps
			}
			out[i] = float32(v)
		}
	}
	return tensor.From(out, len(out))
}

// covForms: see covSpecs.
var covForms = map[string]form{
	"clip_cov": func(x *terms, c map[string]float64) *tensor.Tensor {
		return tensor.Where(x.chosen, zero, boundedForm(x, c))
	},
	"kl_cov": func(x *terms, c map[string]float64) *tensor.Tensor {
		d := x.l.Sub(x.q).Abs().Mul(num(c[keyCoef]))
		return tensor.Where(x.chosen, d, zero).Sub(x.limited().Mul(x.advantage))
	},
}

// mixtureForms: see mixtureSpecs.
var mixtureForms = map[string]form{
	"chord": func(x *terms, c map[string]float64) *tensor.Tensor {
		policy := boundedForm(x, c).Mul(num(1 - c[keyMu]))
		if x.expert == nil {
			return policy
		}
		weight := num(c[keyMu])
		if c[keyPhi] != 0 {
			l := x.l.Detach().Minimum(zero)
			weight = l.Exp().Mul(l.Expm1().Neg()).Mul(weight)
		}
		return tensor.Where(x.each(x.expert), tensor.Where(weight, weight.Mul(x.l).Neg(), zero), policy)
	},
	"echo": func(x *terms, c map[string]float64) *tensor.Tensor { return x.l.Mul(num(-c[keyAlpha])) },
}

// klForms: see klSpecs.
var klForms = map[string]form{
	"kl.k1":  scaledForm(func(x *terms, _ map[string]float64) *tensor.Tensor { return x.l.Sub(x.ref) }),
	"kl.abs": scaledForm(func(x *terms, _ map[string]float64) *tensor.Tensor { return x.l.Sub(x.ref).Abs() }),
	"kl.k2":  scaledForm(func(x *terms, _ map[string]float64) *tensor.Tensor { return x.k2() }),
	"kl.k3":  scaledForm(func(x *terms, _ map[string]float64) *tensor.Tensor { return x.k3() }),
	"kl.k3_st": scaledForm(func(x *terms, _ map[string]float64) *tensor.Tensor {
		k2 := x.k2()
		return x.k3().Detach().Add(k2.Sub(k2.Detach())) // which adds 0, exactly
	}),
	"kl.k3_is": scaledForm(func(x *terms, c map[string]float64) *tensor.Tensor {
		r := x.limited()
		if most := c[keyCap]; most > 0 {
			r = atMost(r, most)
		}
		return x.k3().Mul(r)
	}),
	"kl.k3_score": scaledForm(func(x *terms, _ map[string]float64) *tensor.Tensor {
		return x.k3().Mul(x.l.Sub(x.l.Detach()).Exp())
	}),
}

func scaledForm(f form) form {
	return func(x *terms, c map[string]float64) *tensor.Tensor { return f(x, c).Mul(num(c[keyCoef])) }
}

func (x *terms) k2() *tensor.Tensor { return x.l.Sub(x.ref).Square().Mul(num(0.5)) }

// k3 is e^d − d − 1 with d = ℓ_ref − ℓ: near 0 as d²/2 + d³/6 + …, where the
// difference would leave few digits.
func (x *terms) k3() *tensor.Tensor {
	d := held(x.ref.Sub(x.l))
	series := num(1. / 40320)
	for _, k := range []float64{5040, 720, 120, 24, 6, 2} {
		series = series.Mul(d).Add(num(1 / k))
	}
	near := d.Detach().Abs().Le(num(0.5))
	return atMost(tensor.Where(near, d.Square().Mul(series), d.Expm1().Sub(d)), maxK3)
}
