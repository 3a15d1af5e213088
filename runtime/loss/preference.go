package loss

import (
	"math"
	"slices"
)

// maxExponent bounds the exponentials of divergences, as TRL does: e^80 is
// still far from the largest float32.
const maxExponent = 80

// ofDivergence is dpo of f(x_c) − f(x_r) in place of Δ, where f, with value
// and derivative, is the derivative of an f-divergence at e^x.
func ofDivergence(defaults map[string]float64, f func(c map[string]float64) func(x float64) (value, slope float64)) pairSpec {
	d := map[string]float64{keyBeta: 0.1}
	for k, v := range defaults {
		d[k] = v
	}
	return pairSpec{reference: true, defaults: d, f: func(c map[string]float64) pairFunc {
		beta, g := c[keyBeta], f(c)
		return func(chosen, rejected side) (float64, float64, float64) {
			vc, dc := g(chosen.x())
			vr, dr := g(rejected.x())
			value, slope := smoothed(beta*(vc-vr), 1, 0)
			return value, beta * slope * dc, -beta * slope * dr
		}
	}}
}

// power is e^(a·x)/a and its derivative, a·x held at most at 80.
func power(a, x float64) (value, slope float64) {
	z := a * x
	e := math.Exp(min(z, maxExponent))
	return e / a, flat(e, z <= maxExponent)
}

// sorted is the positions of x from the smallest value to the largest, equals
// in their order.
func sorted(x []float64) []int {
	at := make([]int, len(x))
	for i := range at {
		at[i] = i
	}
	slices.SortStableFunc(at, func(i, j int) int {
		switch {
		case x[i] < x[j]:
			return -1
		case x[i] > x[j]:
			return 1
		}
		return 0
	})
	return at
}

// transported is cdpo of sort(up) − sort(down): the k-th smallest of one side
// against the k-th smallest of the other. apply adds value and slope to the
// terms that up's and down's k-th came from.
func transported(c map[string]float64, up, down []float64, apply func(u, d int, value, slope float64)) {
	beta, e := c[keyBeta], c[keySmoothing]
	us, ds := sorted(up), sorted(down)
	for k, u := range us {
		value, slope := smoothed(beta*(up[u]-down[ds[k]]), 1-e, e)
		apply(u, ds[k], value, beta*slope)
	}
}

// withGold is f, a loss of a pair, + alpha·NLL of a third answer.
func withGold(f func(c map[string]float64) pairFunc) func(c map[string]float64) func(p []pairing) []pairTerm {
	return func(c map[string]float64) func(p []pairing) []pairTerm {
		pair, alpha := f(c), c[keyAlpha]
		return func(p []pairing) []pairTerm {
			out := pair.all(p)
			for i := range p {
				if g := p[i].gold; g != nil {
					out[i].value -= alpha * g.l / g.n
					out[i].gold = -alpha / g.n
				}
			}
			return out
		}
	}
}

// morePairs are preference losses of more than a pair's two sums. Sources:
// TRL's dpo_trainer.py for aot, aot_unpaired and the f-divergences, its
// experimental/tpo for tpo and tpo_l, experimental/xpo for xpo.
var morePairs = map[string]pairSpec{
	// −log σ(β(f(x_c) − f(x_r))), f(x) = −e^−x.
	"dpo_forward_kl": ofDivergence(nil, func(map[string]float64) func(x float64) (float64, float64) {
		return func(x float64) (float64, float64) { return power(-1, x) }
	}),
	// The same with f(x) = log σ(x).
	"dpo_js": ofDivergence(nil, func(map[string]float64) func(x float64) (float64, float64) { return logSigmoid }),
	// The same with f(x) = e^((α−1)x)/(α−1), x for α = 1.
	"dpo_alpha": ofDivergence(map[string]float64{keyAlpha: 0.5}, func(c map[string]float64) func(x float64) (float64, float64) {
		a := c[keyAlpha] - 1
		return func(x float64) (float64, float64) {
			if math.Abs(a) < 1e-6 {
				return x, 1
			}
			return power(a, x)
		}
	}),
	// cdpo of sort(Σℓ_c − Σℓ_r) − sort(Σℓ_ref,c − Σℓ_ref,r), sorted over the
	// batch's pairs.
	"aot": {reference: true, defaults: map[string]float64{keyBeta: 0.1, keySmoothing: 0}, all: func(c map[string]float64) func(p []pairing) []pairTerm {
		return func(p []pairing) []pairTerm {
			policy, reference, out := make([]float64, len(p)), make([]float64, len(p)), make([]pairTerm, len(p))
			for i := range p {
				policy[i], reference[i] = p[i].chosen.l-p[i].rejected.l, p[i].chosen.ref-p[i].rejected.ref
			}
			transported(c, policy, reference, func(u, _ int, value, slope float64) {
				out[u] = pairTerm{value: value, chosen: slope, rejected: -slope}
			})
			return out
		}
	}},
	// cdpo of sort(x_c) − sort(x_r).
	"aot_unpaired": {reference: true, defaults: map[string]float64{keyBeta: 0.1, keySmoothing: 0}, all: func(c map[string]float64) func(p []pairing) []pairTerm {
		return func(p []pairing) []pairTerm {
			good, bad, out := make([]float64, len(p)), make([]float64, len(p)), make([]pairTerm, len(p))
			for i := range p {
				good[i], bad[i] = p[i].chosen.x(), p[i].rejected.x()
			}
			transported(c, good, bad, func(u, d int, value, slope float64) {
				out[u].value, out[u].chosen, out[d].rejected = value, slope, -slope
			})
			return out
		}
	}},
	// cdpo of β(Σℓ_c − Σℓ_r) without a reference, + alpha·NLL(gold).
	"tpo": {want: members{gold: true}, defaults: map[string]float64{keyBeta: 0.01, keyAlpha: 1, keySmoothing: 0},
		all: withGold(func(c map[string]float64) pairFunc {
			beta, e := c[keyBeta], c[keySmoothing]
			return func(chosen, rejected side) (float64, float64, float64) {
				value, slope := smoothed(beta*(chosen.l-rejected.l), 1-e, e)
				return value, beta * slope, -beta * slope
			}
		})},
	// cdpo of β(ℓ_c/n_c − ℓ_r/n_r) − γ, + alpha·NLL(gold).
	"tpo_l": {want: members{gold: true}, defaults: map[string]float64{keyBeta: 0.01, keyAlpha: 1, keyGamma: 0.5, keySmoothing: 0},
		all: withGold(func(c map[string]float64) pairFunc {
			beta, gamma, e := c[keyBeta], c[keyGamma], c[keySmoothing]
			return func(chosen, rejected side) (float64, float64, float64) {
				value, slope := smoothed(beta*(chosen.l/chosen.n-rejected.l/rejected.n)-gamma, 1-e, e)
				return value, beta * slope / chosen.n, -beta * slope / rejected.n
			}
		})},
	// −log σ(βΔ) + alpha·Σℓ of the answer that the reference gave.
	"xpo": {reference: true, want: members{fromReference: true}, defaults: map[string]float64{keyBeta: 0.1, keyAlpha: 1e-5},
		all: func(c map[string]float64) func(p []pairing) []pairTerm {
			alpha, dpo := c[keyAlpha], simplePairs["dpo"].f(c)
			return func(p []pairing) []pairTerm {
				out := dpo.all(p)
				for i := range p {
					if p[i].referenceChosen {
						out[i].value += alpha * p[i].chosen.l
						out[i].chosen += alpha
					} else {
						out[i].value += alpha * p[i].rejected.l
						out[i].rejected += alpha
					}
				}
				return out
			}
		}},
}
