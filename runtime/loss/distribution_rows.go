package loss

import (
	"fmt"
	"math"
	"slices"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// infinite is the error of a divergence that has no finite value.
func (x *row) infinite(op, has, excludes string, v int) error {
	return &hud.Error{Op: op, Code: hud.CodeValidation,
		Detail: fmt.Sprintf("position %d: token %d has a probability in the %s and none in the %s: the divergence is infinite", x.at+1, v, has, excludes),
		Hint:   "gkd_jsd stays finite; or give both the same logits of −inf"}
}

// klTo is KL(p‖q) of the policy from the teacher, its derivatives times w;
// p = 0 adds 0.
func (x *row) klTo(op string, w float64) (value float64, err error) {
	for v, p := range x.p {
		if p == 0 {
			continue
		}
		d := x.lp[v] - x.lq[v]
		if math.IsInf(d, 1) {
			return 0, x.infinite(op, "student", "teacher", v)
		}
		value += p * d
		x.grad[v] += w * p * (d + 1)
	}
	return value, nil
}

// klFrom is KL(q‖p) of the teacher from the policy, its derivatives times w.
func (x *row) klFrom(op string, w float64) (value float64, err error) {
	for v, q := range x.q {
		if q == 0 {
			continue
		}
		d := x.lq[v] - x.lp[v]
		if math.IsInf(d, 1) {
			return 0, x.infinite(op, "teacher", "student", v)
		}
		value += q * d
		x.grad[v] -= w * q
	}
	return value, nil
}

// jsd is β·KL(q‖m) + (1−β)·KL(p‖m) with m = βq + (1−β)p; KL(q‖p) for β = 0 and
// KL(p‖q) for β = 1.
func (x *row) jsd(op string, beta float64) (value float64, err error) {
	switch beta {
	case 0:
		return x.klFrom(op, 1)
	case 1:
		return x.klTo(op, 1)
	}
	for v, p := range x.p {
		q := x.q[v]
		m := beta*q + (1-beta)*p
		if m == 0 {
			continue
		}
		lm := math.Log(m)
		if q > 0 {
			value += beta * q * (x.lq[v] - lm)
		}
		if p > 0 {
			// What m changes adds up to nothing beside this.
			g := (1 - beta) * p * (x.lp[v] - lm)
			value += g
			x.grad[v] += g
		}
	}
	return value, nil
}

// maxTail holds the mass of the top k below 1, as TRL does: log(1 − 1e-7).
const maxTail = -1e-7

// topk is jsd over the policy's k most likely tokens, equals by their number,
// and over a bucket of all others; without tail over the k alone, as if there
// were no others.
func (x *row) topk(op string, k int, alpha float64, tail bool) (value float64, err error) {
	k = min(k, len(x.lp))
	x.order = largest(x.order[:0], x.lp, k)
	top := x.order
	cut := row{at: x.at, lp: make([]float64, k, k+1), lq: make([]float64, k, k+1)}
	for j, v := range top {
		cut.lp[j], cut.lq[j] = x.lp[v], x.lq[v]
	}
	massP, massQ := logSum(cut.lp), logSum(cut.lq)
	restP, restQ := 0.0, 0.0
	if tail {
		restP, restQ = logRest(min(massP, maxTail)), logRest(min(massQ, maxTail))
		cut.lp, cut.lq = append(cut.lp, restP), append(cut.lq, restQ)
	} else {
		if math.IsInf(massQ, -1) {
			return 0, x.infinite(op, "student", "teacher", top[0])
		}
		for j := range top {
			cut.lp[j] -= massP
			cut.lq[j] -= massQ
		}
	}
	cut.p, cut.q, cut.grad = exps(cut.lp), exps(cut.lq), make([]float64, len(cut.lp))
	if value, err = cut.jsd(op, alpha); err != nil {
		return 0, err
	}
	// The bucket, or the common divisor, depends on the logprobs of the k.
	var shared float64
	switch {
	case tail && massP <= maxTail:
		shared = -cut.grad[k] * math.Exp(massP-restP)
	case !tail:
		for _, g := range cut.grad {
			shared -= g
		}
	}
	for j, v := range top {
		x.grad[v] = cut.grad[j]
		if x.p[v] > 0 {
			x.grad[v] += shared * math.Exp(x.lp[v]-massP)
		}
	}
	return value, nil
}

// largest appends to top the positions of the k largest of x, from the largest
// on, equals in their order.
func largest(top []int, x []float64, k int) []int {
	for v, l := range x {
		if len(top) == k {
			if !(l > x[top[k-1]]) {
				continue
			}
			top = top[:k-1]
		}
		at, _ := slices.BinarySearchFunc(top, l, func(u int, l float64) int {
			if x[u] >= l {
				return -1
			}
			return 1
		})
		top = slices.Insert(top, at, v)
	}
	return top
}

func exps(x []float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = math.Exp(v)
	}
	return out
}

// logSum is log Σ exp.
func logSum(x []float64) float64 {
	top := slices.Max(x)
	if math.IsInf(top, -1) {
		return top
	}
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(v - top)
	}
	return top + math.Log(sum)
}

// logRest is log(1 − exp x) for x < 0.
func logRest(x float64) float64 {
	if x > -math.Ln2 {
		return math.Log(-math.Expm1(x))
	}
	return math.Log1p(-math.Exp(x))
}

// distributionSpecs are functions of each position's distributions p of the
// policy and q of the teacher. Sources: verl, TRL and prime-rl for
// entropy_bonus; torchtune's kd_losses.py and NeMo RL's DistillationLossFn for
// kd_*, where torchtune's forward divergence leaves out the teacher's entropy,
// which has no gradient; TRL's experimental/gkd and experimental/sdft; ST-MoE,
// arXiv 2202.08906, for z_loss.
var distributionSpecs = map[string]distributionSpec{
	// coef·Σ p(log p − log q).
	"kl.exact": {teacher: true, scaled: true, metric: keyKL, defaults: map[string]float64{keyCoef: 1, keyTemperature: 1},
		f: func(op string, c map[string]float64) rowFunc {
			return func(x *row) (float64, error) {
				kl, err := x.klTo(op, c[keyCoef])
				x.stat = kl
				return c[keyCoef] * kl, err
			}
		},
		form: func(lp, lq, _ *tensor.Tensor, c map[string]float64) *tensor.Tensor {
			return klForm(lp, lq).Mul(tensor.Scalar(c[keyCoef]))
		}},
	// coef·Σ p·log p: minus the entropy.
	"entropy_bonus": {scaled: true, metric: "entropy", defaults: map[string]float64{keyCoef: 1, keyTemperature: 1},
		f: func(_ string, c map[string]float64) rowFunc {
			coef := c[keyCoef]
			return func(x *row) (float64, error) {
				h := 0.0
				for v, p := range x.p {
					if p > 0 {
						h -= p * x.lp[v]
						x.grad[v] = coef * p * (x.lp[v] + 1)
					}
				}
				x.stat = h
				return -coef * h, nil
			}
		},
		form: func(lp, _, _ *tensor.Tensor, c map[string]float64) *tensor.Tensor {
			return timesLog(lp, lp).Sum(-1).Mul(tensor.Scalar(c[keyCoef]))
		}},
	// coef·logsumexp(z)².
	"z_loss": {metric: "z", defaults: map[string]float64{keyCoef: 1},
		f: func(_ string, c map[string]float64) rowFunc {
			coef := c[keyCoef]
			return func(x *row) (float64, error) {
				x.zgrad, x.stat = true, x.lse
				for v, p := range x.p {
					x.grad[v] = 2 * coef * x.lse * p
				}
				return coef * x.lse * x.lse, nil
			}
		},
		form: func(_, _, z *tensor.Tensor, c map[string]float64) *tensor.Tensor {
			return z.LogSumExp(-1).Square().Mul(tensor.Scalar(c[keyCoef]))
		}},
	// KL(q‖p).
	"kd_forward": {teacher: true, scaled: true, metric: keyKL, defaults: map[string]float64{keyTemperature: 1},
		f: func(op string, _ map[string]float64) rowFunc {
			return func(x *row) (float64, error) { return x.klFrom(op, 1) }
		},
		form: func(lp, lq, _ *tensor.Tensor, _ map[string]float64) *tensor.Tensor { return klForm(lq, lp) }},
	// KL(p‖q).
	"kd_reverse": {teacher: true, scaled: true, metric: keyKL, defaults: map[string]float64{keyTemperature: 1},
		f: func(op string, _ map[string]float64) rowFunc {
			return func(x *row) (float64, error) { return x.klTo(op, 1) }
		},
		form: func(lp, lq, _ *tensor.Tensor, _ map[string]float64) *tensor.Tensor { return klForm(lp, lq) }},
	// ratio·KL(q‖p) + (1 − ratio)·KL(p‖q).
	"kd_sym": {teacher: true, scaled: true, metric: keyKL, defaults: map[string]float64{keyRatio: 0.5, keyTemperature: 1},
		f: func(op string, c map[string]float64) rowFunc {
			ratio := c[keyRatio]
			return func(x *row) (value float64, err error) {
				if ratio > 0 {
					if value, err = x.klFrom(op, ratio); err != nil {
						return 0, err
					}
					value *= ratio
				}
				if ratio < 1 {
					to, err := x.klTo(op, 1-ratio)
					return value + (1-ratio)*to, err
				}
				return value, nil
			}
		},
		form: func(lp, lq, _ *tensor.Tensor, c map[string]float64) *tensor.Tensor {
			return klForm(lq, lp).Mul(tensor.Scalar(c[keyRatio])).Add(klForm(lp, lq).Mul(tensor.Scalar(1 - c[keyRatio])))
		}},
	// β·KL(q‖m) + (1 − β)·KL(p‖m), m = βq + (1 − β)p.
	"gkd_jsd": {teacher: true, scaled: true, metric: keyKL, defaults: map[string]float64{keyBeta: 0.5, keyTemperature: 0.9},
		f: func(op string, c map[string]float64) rowFunc {
			return func(x *row) (float64, error) { return x.jsd(op, c[keyBeta]) }
		},
		form: func(lp, lq, _ *tensor.Tensor, c map[string]float64) *tensor.Tensor {
			return jsdForm(lp, lq, c[keyBeta])
		}},
	// gkd_jsd with β = alpha over the policy's top_k tokens and a bucket of the
	// others; tail = 0 leaves these out.
	"sdft_topk": {teacher: true, scaled: true, metric: keyKL, defaults: map[string]float64{keyTopK: 100, keyAlpha: 0.5, keyTail: 1, keyTemperature: 1},
		f: func(op string, c map[string]float64) rowFunc {
			return func(x *row) (float64, error) { return x.topk(op, int(c[keyTopK]), c[keyAlpha], c[keyTail] != 0) }
		},
		form: topkForm},
}
