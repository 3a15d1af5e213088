package loss

import (
	"maps"
	"math"

	"github.com/hudrl/hudrl/runtime/tensor"
)

// A pairForm is the loss of each pair, [P].
type pairForm func(p *pairTerms, c map[string]float64) *tensor.Tensor

// pairTerms are what a pairForm is made of.
type pairTerms struct {
	chosen, rejected, gold sums           // gold only where the loss wants one
	referenceChosen        *tensor.Tensor // [P] where the loss wants to know
	pairs                  []pairing
}

// delta is Δ.
func (p *pairTerms) delta() *tensor.Tensor { return p.chosen.x.Sub(p.rejected.x) }

// sums are those of answers: ℓ and x = ℓ − ℓ_ref, each [P], and the loss
// tokens.
type sums struct{ l, x, n *tensor.Tensor }

func (s sums) meanL() *tensor.Tensor { return s.l.Div(s.n) }
func (s sums) meanX() *tensor.Tensor { return s.x.Div(s.n) }

// Pairs is the loss of each pair, [P], in order of appearance and without the
// ties, written with tensor operations. Of the settings it takes none.
func (t *PairLoss) Pairs(b *Batch, s Settings) (*tensor.Tensor, error) {
	if err := t.Check(s); err != nil {
		return nil, err
	}
	var r roster
	if _, err := t.pairs(&r, b.Packed); err != nil {
		return nil, err
	}
	pairs := r.pairs
	rows := make([][]*answer, len(pairs))
	first := make([]float32, len(pairs))
	for i, p := range pairs {
		rows[i] = p.answers()
		if p.referenceChosen {
			first[i] = 1
		}
	}
	a := b.arrange(rows)
	x := &pairTerms{chosen: a.sums(0), rejected: a.sums(1), referenceChosen: tensor.From(first, len(first)), pairs: pairs}
	if t.want.gold {
		x.gold = a.sums(2)
	}
	out := composedPairs[t.name](x, t.config)
	return out, out.Err()
}

// An arrangement is a batch's tokens in the order of rows of answers, of
// which each has as many.
type arrangement struct {
	l, d    *tensor.Tensor // [N'] ℓ and ℓ − ℓ_ref times the mask; d is nil without a reference
	mask    *tensor.Tensor // [N']
	offsets []int          // of the rows
	place   []int          // [N'] which of the row's answers a loss token belongs to, -1 for others
}

// arrange puts the tokens of the rows' answers in order: runs of datums that
// are in order already stay together.
func (b *Batch) arrange(rows [][]*answer) *arrangement {
	a := &arrangement{offsets: []int{0}}
	place := map[int]int{}
	row := map[int]int{}
	for i, answers := range rows {
		for k, x := range answers {
			for _, d := range x.datums {
				place[d], row[d] = k, i
			}
		}
	}
	order := make([][]int, len(rows)) // the datums of each row, in the batch's order
	for d := range b.Len() {
		if i, used := row[d]; used {
			order[i] = append(order[i], d)
		}
	}
	var runs [][2]int
	weights := []float32{}
	for _, datums := range order {
		for _, d := range datums {
			lo, hi := b.Range(d)
			if k := len(runs) - 1; k >= 0 && runs[k][1] == lo {
				runs[k][1] = hi
			} else {
				runs = append(runs, [2]int{lo, hi})
			}
			for _, m := range b.Packed.Mask[lo:hi] {
				weights = append(weights, m)
				if m == 0 {
					a.place = append(a.place, -1)
				} else {
					a.place = append(a.place, place[d])
				}
			}
		}
		a.offsets = append(a.offsets, len(weights))
	}
	mask := tensor.From(weights, len(weights))
	gather := func(t *tensor.Tensor) *tensor.Tensor {
		parts := make([]*tensor.Tensor, len(runs))
		for i, r := range runs {
			parts[i] = t.Narrow(0, r[0], r[1]-r[0])
		}
		if len(parts) == 0 {
			return t.Narrow(0, 0, 0)
		}
		return tensor.Where(mask, tensor.Cat(parts, 0), zero)
	}
	l := gather(b.Logprobs)
	if b.RefLogprobs != nil {
		a.d = l.Sub(gather(b.RefLogprobs)).Mul(mask)
	}
	a.l, a.mask = l.Mul(mask), mask
	return a
}

// sums are those of the k-th answer of each row.
func (a *arrangement) sums(k int) sums {
	in := make([]float32, len(a.place))
	n := make([]float64, len(a.offsets)-1)
	for i := range n {
		for j := a.offsets[i]; j < a.offsets[i+1]; j++ {
			if a.place[j] == k {
				in[j] = 1
				n[i]++
			}
		}
		n[i] = max(1, n[i])
	}
	here := tensor.From(in, len(in))
	total := func(t *tensor.Tensor) *tensor.Tensor {
		if t == nil {
			return nil
		}
		return tensor.Where(here, t, zero).SegmentSum(a.offsets)
	}
	return sums{l: total(a.l), x: total(a.d), n: column(n)}
}

// nls is −log σ(x).
func nls(x *tensor.Tensor) *tensor.Tensor { return x.LogSigmoid().Neg() }

// cdpoOf is −(1−ε)·log σ(z) − ε·log σ(−z).
func cdpoOf(z *tensor.Tensor, e float64) *tensor.Tensor {
	if e == 0 {
		return nls(z)
	}
	return nls(z).Mul(num(1 - e)).Add(nls(z.Neg()).Mul(num(e)))
}

// ofDelta is a form of z = βΔ, ofX one of βx_c and βx_r.
func ofDelta(f func(z *tensor.Tensor, c map[string]float64) *tensor.Tensor) pairForm {
	return func(p *pairTerms, c map[string]float64) *tensor.Tensor { return f(p.delta().Mul(num(c[keyBeta])), c) }
}

func ofX(f func(xc, xr *tensor.Tensor) *tensor.Tensor) pairForm {
	return func(p *pairTerms, c map[string]float64) *tensor.Tensor {
		return f(p.chosen.x.Mul(num(c[keyBeta])), p.rejected.x.Mul(num(c[keyBeta])))
	}
}

// composedPairs holds the form of every loss of pairs: see pairSpecs.
var composedPairs = func() map[string]pairForm {
	all := maps.Clone(simplePairForms)
	maps.Copy(all, morePairForms)
	return all
}()

var simplePairForms = map[string]pairForm{
	"dpo":  ofDelta(func(z *tensor.Tensor, _ map[string]float64) *tensor.Tensor { return nls(z) }),
	"cdpo": ofDelta(func(z *tensor.Tensor, c map[string]float64) *tensor.Tensor { return cdpoOf(z, c[keySmoothing]) }),
	"dpo_robust": ofDelta(func(z *tensor.Tensor, c map[string]float64) *tensor.Tensor {
		e := c[keySmoothing]
		return nls(z).Mul(num((1 - e) / (1 - 2*e))).Sub(nls(z.Neg()).Mul(num(e / (1 - 2*e))))
	}),
	"slic_hinge": ofDelta(func(z *tensor.Tensor, _ map[string]float64) *tensor.Tensor { return one.Sub(z).ReLU() }),
	"exo_pair": ofDelta(func(z *tensor.Tensor, c map[string]float64) *tensor.Tensor {
		keep, flip := math.Log1p(-c[keySmoothing]), math.Log(c[keySmoothing])
		up := z.Sigmoid().Mul(z.LogSigmoid().Sub(num(keep)))
		return up.Add(z.Neg().Sigmoid().Mul(z.Neg().LogSigmoid().Sub(num(flip))))
	}),
	"discopop": ofDelta(func(z *tensor.Tensor, c map[string]float64) *tensor.Tensor {
		g := z.Div(num(c[keyTau]))
		logistic := g.Neg().Sigmoid().Mul(nls(z))
		return logistic.Add(g.Sigmoid().Mul(atMost(z.Neg(), maxLogRatio).Exp()))
	}),
	"ipo": func(p *pairTerms, c map[string]float64) *tensor.Tensor {
		return p.chosen.meanX().Sub(p.rejected.meanX()).Sub(num(1 / (2 * c[keyBeta]))).Square()
	},
	"sigmoid_norm": func(p *pairTerms, c map[string]float64) *tensor.Tensor {
		return nls(p.chosen.meanX().Sub(p.rejected.meanX()).Mul(num(c[keyBeta])))
	},
	"nca_pair": ofX(func(xc, xr *tensor.Tensor) *tensor.Tensor {
		return nls(xc).Add(nls(xc.Neg()).Add(nls(xr.Neg())).Mul(num(0.5)))
	}),
	"bco_pair": ofX(func(xc, xr *tensor.Tensor) *tensor.Tensor { return nls(xc).Add(nls(xr.Neg())) }),
	"sppo_hard": func(p *pairTerms, c map[string]float64) *tensor.Tensor {
		target := num(1 / (2 * c[keyBeta]))
		return p.chosen.x.Sub(target).Square().Add(p.rejected.x.Add(target).Square())
	},
	"apo_zero": ofX(func(xc, xr *tensor.Tensor) *tensor.Tensor { return xc.Neg().Sigmoid().Add(xr.Sigmoid()) }),
	"apo_down": ofX(func(xc, xr *tensor.Tensor) *tensor.Tensor { return xc.Sigmoid().Add(xr.Sub(xc).Sigmoid()) }),
	"cpo": func(p *pairTerms, c map[string]float64) *tensor.Tensor {
		return nls(p.chosen.l.Sub(p.rejected.l).Mul(num(c[keyBeta]))).Sub(p.chosen.meanL().Mul(num(c[keyAlpha])))
	},
	"simpo": func(p *pairTerms, c map[string]float64) *tensor.Tensor {
		return averagedForm(p, c, func(l *tensor.Tensor) *tensor.Tensor { return l })
	},
	"alphapo": func(p *pairTerms, c map[string]float64) *tensor.Tensor {
		alpha := c[keyAlpha]
		return averagedForm(p, c, func(l *tensor.Tensor) *tensor.Tensor {
			if alpha == 0 {
				return l
			}
			return held(l.Mul(num(-alpha))).Expm1().Mul(num(-1 / alpha))
		})
	},
	"orpo": func(p *pairTerms, c map[string]float64) *tensor.Tensor {
		odds := func(l *tensor.Tensor) *tensor.Tensor {
			l = atMost(l, -1e-6)
			return l.Sub(l.Expm1().Neg().Log())
		}
		up, down := p.chosen.meanL(), p.rejected.meanL()
		return nls(odds(up).Sub(odds(down))).Mul(num(c[keyBeta])).Sub(up)
	},
}

// averagedForm is −log σ(β(f(mean ℓ_c) − f(mean ℓ_r)) − γ).
func averagedForm(p *pairTerms, c map[string]float64, f func(l *tensor.Tensor) *tensor.Tensor) *tensor.Tensor {
	return nls(f(p.chosen.meanL()).Sub(f(p.rejected.meanL())).Mul(num(c[keyBeta])).Sub(num(c[keyGamma])))
}

// morePairForms: see morePairs.
var morePairForms = map[string]pairForm{
	"dpo_forward_kl": divergenceForm(func(x *tensor.Tensor, _ map[string]float64) *tensor.Tensor { return powerForm(x, -1) }),
	"dpo_js":         divergenceForm(func(x *tensor.Tensor, _ map[string]float64) *tensor.Tensor { return x.LogSigmoid() }),
	"dpo_alpha": divergenceForm(func(x *tensor.Tensor, c map[string]float64) *tensor.Tensor {
		a := c[keyAlpha] - 1
		if math.Abs(a) < 1e-6 {
			return x
		}
		return powerForm(x, a)
	}),
	"aot": func(p *pairTerms, c map[string]float64) *tensor.Tensor {
		policy, reference := make([]float64, len(p.pairs)), make([]float64, len(p.pairs))
		l := p.chosen.l.Sub(p.rejected.l)
		ref := l.Detach().Sub(p.delta().Detach()).Data()
		for i, v := range l.Data() {
			policy[i], reference[i] = float64(v), float64(ref[i])
		}
		partner := make([]float64, len(policy))
		down := sorted(reference)
		for k, u := range sorted(policy) {
			partner[u] = reference[down[k]]
		}
		return cdpoOf(l.Sub(column(partner)).Mul(num(c[keyBeta])), c[keySmoothing])
	},
	"aot_unpaired": func(p *pairTerms, c map[string]float64) *tensor.Tensor {
		down := sorted(doubles(p.rejected.x))
		partner := make([]*tensor.Tensor, len(p.pairs))
		for k, u := range sorted(doubles(p.chosen.x)) {
			partner[u] = p.rejected.x.Narrow(0, down[k], 1)
		}
		if len(partner) == 0 {
			return p.chosen.x
		}
		return cdpoOf(p.chosen.x.Sub(tensor.Cat(partner, 0)).Mul(num(c[keyBeta])), c[keySmoothing])
	},
	"tpo": func(p *pairTerms, c map[string]float64) *tensor.Tensor {
		return p.withGold(cdpoOf(p.chosen.l.Sub(p.rejected.l).Mul(num(c[keyBeta])), c[keySmoothing]), c)
	},
	"tpo_l": func(p *pairTerms, c map[string]float64) *tensor.Tensor {
		z := p.chosen.meanL().Sub(p.rejected.meanL()).Mul(num(c[keyBeta])).Sub(num(c[keyGamma]))
		return p.withGold(cdpoOf(z, c[keySmoothing]), c)
	},
	"xpo": func(p *pairTerms, c map[string]float64) *tensor.Tensor {
		given := tensor.Where(p.referenceChosen, p.chosen.l, p.rejected.l)
		return nls(p.delta().Mul(num(c[keyBeta]))).Add(given.Mul(num(c[keyAlpha])))
	},
}

// withGold is v + alpha·NLL of the third answer.
func (p *pairTerms) withGold(v *tensor.Tensor, c map[string]float64) *tensor.Tensor {
	if p.gold.l == nil {
		return v
	}
	return v.Sub(p.gold.meanL().Mul(num(c[keyAlpha])))
}

// divergenceForm is −log σ(β(f(x_c) − f(x_r))).
func divergenceForm(f func(x *tensor.Tensor, c map[string]float64) *tensor.Tensor) pairForm {
	return func(p *pairTerms, c map[string]float64) *tensor.Tensor {
		return nls(f(p.chosen.x, c).Sub(f(p.rejected.x, c)).Mul(num(c[keyBeta])))
	}
}

// powerForm is e^(a·x)/a, a·x held at most at 80.
func powerForm(x *tensor.Tensor, a float64) *tensor.Tensor {
	return atMost(x.Mul(num(a)), maxExponent).Exp().Mul(num(1 / a))
}

// doubles is t's values.
func doubles(t *tensor.Tensor) []float64 {
	out := make([]float64, t.Len())
	for i, v := range t.Data() {
		out[i] = float64(v)
	}
	return out
}
