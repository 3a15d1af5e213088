package loss

import (
	"maps"
	"math"
	"slices"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// A PairLoss compares two answers to one prompt. A pair is two trajectories
// whose Extra has the same "pair", a number or a string, or else a group of
// two, so that group_size = 2 pairs a batch. The chosen answer is the one whose
// Extra has "chosen" = 1, or else the one with the higher reward. A
// trajectory's logprob is the sum over the loss tokens of its datums.
type PairLoss struct {
	name      string
	config    map[string]float64
	reference bool
	want      members
	pair      pairFunc // or, where pairs depend on each other or have more than two answers,
	all       func(p []pairing) []pairTerm
}

// A pairFunc is the loss of a pair, and its derivatives with respect to the
// sums of the logprobs.
type pairFunc func(chosen, rejected side) (value, dchosen, drejected float64)

// pairTerm is the loss of a pair, and its derivatives with respect to the sums
// of the logprobs.
type pairTerm struct{ value, chosen, rejected, gold float64 }

// slopes are the derivatives times factor, in the order of a pairing's answers.
func (t *pairTerm) slopes(factor float64) [3]float64 {
	return [3]float64{t.chosen * factor, t.rejected * factor, t.gold * factor}
}

type pairSpec struct {
	reference bool
	defaults  map[string]float64
	want      members
	f         func(c map[string]float64) pairFunc // or, where pairs depend on each other or have more than two answers,
	all       func(c map[string]float64) func(p []pairing) []pairTerm
}

// all is what a loss of one pair at a time is to all pairs.
func (f pairFunc) all(p []pairing) []pairTerm {
	out := make([]pairTerm, len(p))
	for i := range p {
		out[i].value, out[i].chosen, out[i].rejected = f(p[i].chosen.side, p[i].rejected.side)
	}
	return out
}

const (
	keySmoothing = "label_smoothing"
	keyAlpha     = "alpha"
	keyGamma     = "gamma"
)

// logSigmoid is log σ(x) and σ(−x), its derivative.
func logSigmoid(x float64) (value, slope float64) {
	e := math.Exp(-math.Abs(x))
	value = min(x, 0) - math.Log1p(e)
	if x > 0 {
		return value, e / (1 + e)
	}
	return value, 1 / (1 + e)
}

// sigmoid is σ(x) and its derivative.
func sigmoid(x float64) (value, slope float64) {
	e := math.Exp(-math.Abs(x))
	value, slope = 1/(1+e), e/((1+e)*(1+e))
	if x < 0 {
		value = e / (1 + e)
	}
	return value, slope
}

// ofMargin is a loss of β·Δ, with Δ = x_c − x_r: f gives value and derivative.
func ofMargin(defaults map[string]float64, f func(c map[string]float64) func(z float64) (value, slope float64)) pairSpec {
	d := map[string]float64{keyBeta: 0.1}
	maps.Copy(d, defaults)
	return pairSpec{reference: true, defaults: d, f: func(c map[string]float64) pairFunc {
		beta, g := c[keyBeta], f(c)
		return func(chosen, rejected side) (float64, float64, float64) {
			value, slope := g(beta * (chosen.x() - rejected.x()))
			return value, beta * slope, -beta * slope
		}
	}}
}

// ofSides is a loss of β·x_c and β·x_r: f gives value and derivatives.
func ofSides(f func(c, r float64) (value, dc, dr float64)) pairSpec {
	return pairSpec{reference: true, defaults: map[string]float64{keyBeta: 0.1}, f: func(c map[string]float64) pairFunc {
		beta := c[keyBeta]
		return func(chosen, rejected side) (float64, float64, float64) {
			value, dc, dr := f(beta*chosen.x(), beta*rejected.x())
			return value, beta * dc, beta * dr
		}
	}}
}

// smoothed is a·(−log σ(z)) + b·(−log σ(−z)) and its derivative.
func smoothed(z, a, b float64) (value, slope float64) {
	up, dup := logSigmoid(z)
	if b == 0 {
		return -a * up, -a * dup
	}
	down, ddown := logSigmoid(-z)
	return -a*up - b*down, -a*dup + b*ddown
}

// averaged is −log σ(β(f(mean ℓ_c) − f(mean ℓ_r)) − γ), where f gives value
// and derivative.
func averaged(beta, gamma float64, f func(l float64) (value, slope float64)) pairFunc {
	return func(chosen, rejected side) (float64, float64, float64) {
		c, dc := f(chosen.l / chosen.n)
		r, dr := f(rejected.l / rejected.n)
		value, slope := logSigmoid(beta*(c-r) - gamma)
		return -value, -slope * beta * dc / chosen.n, slope * beta * dr / rejected.n
	}
}

// logOdds is log p/(1−p) of p = exp l and its derivative; l is held below
// −1e-6, as the odds of a certainty are infinite.
func logOdds(l float64) (value, slope float64) {
	const most = -1e-6
	if l > most {
		return most - math.Log(-math.Expm1(most)), 0
	}
	rest := -math.Expm1(l)
	return l - math.Log(rest), 1 / rest
}

// pairSpecs are preference losses, with x = Σ(ℓ − ℓ_ref) of an answer, Δ = x_c
// − x_r and n an answer's loss tokens. Sources: TRL's dpo_trainer.py; for cdpo
// OpenRLHF; for cpo, simpo and alphapo TRL's experimental/cpo; for orpo its
// experimental/orpo. NLL is the mean over a chosen answer's tokens, where TRL
// takes that over all chosen answers of a batch.
var pairSpecs = func() map[string]pairSpec {
	all := maps.Clone(simplePairs)
	maps.Copy(all, morePairs)
	return all
}()

var simplePairs = map[string]pairSpec{
	// −log σ(βΔ).
	"dpo": ofMargin(nil, func(map[string]float64) func(z float64) (float64, float64) {
		return func(z float64) (float64, float64) { return smoothed(z, 1, 0) }
	}),
	// −(1−ε)·log σ(βΔ) − ε·log σ(−βΔ).
	"cdpo": ofMargin(map[string]float64{keySmoothing: 0.1}, func(c map[string]float64) func(z float64) (float64, float64) {
		e := c[keySmoothing]
		return func(z float64) (float64, float64) { return smoothed(z, 1-e, e) }
	}),
	// (−(1−ε)·log σ(βΔ) + ε·log σ(−βΔ))/(1−2ε).
	"dpo_robust": ofMargin(map[string]float64{keySmoothing: 0.1}, func(c map[string]float64) func(z float64) (float64, float64) {
		e := c[keySmoothing]
		return func(z float64) (float64, float64) { return smoothed(z, (1-e)/(1-2*e), -e/(1-2*e)) }
	}),
	// max(0, 1 − βΔ).
	"slic_hinge": ofMargin(nil, func(map[string]float64) func(z float64) (float64, float64) {
		return func(z float64) (float64, float64) {
			if z >= 1 {
				return 0, 0
			}
			return 1 - z, -1
		}
	}),
	// σ(βΔ)(log σ(βΔ) − log(1−ε)) + σ(−βΔ)(log σ(−βΔ) − log ε).
	"exo_pair": ofMargin(map[string]float64{keySmoothing: 1e-3}, func(c map[string]float64) func(z float64) (float64, float64) {
		keep, flip := math.Log1p(-c[keySmoothing]), math.Log(c[keySmoothing])
		return func(z float64) (float64, float64) {
			p, dp := sigmoid(z)
			q, _ := sigmoid(-z)
			up, _ := logSigmoid(z)
			down, _ := logSigmoid(-z)
			// The derivatives of the logarithms cancel: p·q − q·p = 0.
			return p*(up-keep) + q*(down-flip), dp * (up - keep - down + flip)
		}
	}),
	// (1−g)·(−log σ(βΔ)) + g·exp(−βΔ) with g = σ(βΔ/τ); the exponent is at
	// most 20.
	"discopop": ofMargin(map[string]float64{keyTau: 0.05}, func(c map[string]float64) func(z float64) (float64, float64) {
		tau := c[keyTau]
		return func(z float64) (float64, float64) {
			g, dg := sigmoid(z / tau)
			up, dup := logSigmoid(z)
			e := math.Exp(min(-z, maxLogRatio))
			return -(1-g)*up + g*e, dg/tau*(up+e) - (1-g)*dup - g*flat(e, -z <= maxLogRatio)
		}
	}),
	// (x_c/n_c − x_r/n_r − 1/(2β))².
	"ipo": {reference: true, defaults: map[string]float64{keyBeta: 0.1}, f: func(c map[string]float64) pairFunc {
		target := 1 / (2 * c[keyBeta])
		return func(chosen, rejected side) (float64, float64, float64) {
			d := chosen.x()/chosen.n - rejected.x()/rejected.n - target
			return d * d, 2 * d / chosen.n, -2 * d / rejected.n
		}
	}},
	// −log σ(β(x_c/n_c − x_r/n_r)).
	"sigmoid_norm": {reference: true, defaults: map[string]float64{keyBeta: 0.1}, f: func(c map[string]float64) pairFunc {
		beta := c[keyBeta]
		return func(chosen, rejected side) (float64, float64, float64) {
			value, slope := smoothed(beta*(chosen.x()/chosen.n-rejected.x()/rejected.n), 1, 0)
			return value, beta * slope / chosen.n, -beta * slope / rejected.n
		}
	}},
	// −log σ(βx_c) − ½·log σ(−βx_c) − ½·log σ(−βx_r).
	"nca_pair": ofSides(func(c, r float64) (float64, float64, float64) {
		vc, dc := smoothed(c, 1, 0.5)
		vr, dr := smoothed(r, 0, 0.5)
		return vc + vr, dc, dr
	}),
	// −log σ(βx_c) − log σ(−βx_r).
	"bco_pair": ofSides(func(c, r float64) (float64, float64, float64) {
		vc, dc := smoothed(c, 1, 0)
		vr, dr := smoothed(r, 0, 1)
		return vc + vr, dc, dr
	}),
	// (x_c − 1/(2β))² + (x_r + 1/(2β))².
	"sppo_hard": {reference: true, defaults: map[string]float64{keyBeta: 0.1}, f: func(c map[string]float64) pairFunc {
		target := 1 / (2 * c[keyBeta])
		return func(chosen, rejected side) (float64, float64, float64) {
			c, r := chosen.x()-target, rejected.x()+target
			return c*c + r*r, 2 * c, 2 * r
		}
	}},
	// 1 − σ(βx_c) + σ(βx_r).
	"apo_zero": ofSides(func(c, r float64) (float64, float64, float64) {
		_, dc := sigmoid(c)
		vc, _ := sigmoid(-c)
		vr, dr := sigmoid(r)
		return vc + vr, -dc, dr
	}),
	// σ(βx_c) + 1 − σ(βΔ).
	"apo_down": ofSides(func(c, r float64) (float64, float64, float64) {
		vc, dc := sigmoid(c)
		vd, dd := sigmoid(r - c)
		return vc + vd, dc - dd, dd
	}),
	// −log σ(β(Σℓ_c − Σℓ_r)) + α·NLL(chosen).
	"cpo": {defaults: map[string]float64{keyBeta: 0.1, keyAlpha: 1}, f: func(c map[string]float64) pairFunc {
		beta, alpha := c[keyBeta], c[keyAlpha]
		return func(chosen, rejected side) (float64, float64, float64) {
			value, slope := smoothed(beta*(chosen.l-rejected.l), 1, 0)
			return value - alpha*chosen.l/chosen.n, beta*slope - alpha/chosen.n, -beta * slope
		}
	}},
	// −log σ(β(ℓ_c/n_c − ℓ_r/n_r) − γ).
	"simpo": {defaults: map[string]float64{keyBeta: 0.1, keyGamma: 0.5}, f: func(c map[string]float64) pairFunc {
		return averaged(c[keyBeta], c[keyGamma], func(l float64) (float64, float64) { return l, 1 })
	}},
	// simpo of (1 − p^−α)/α in place of log p, p = exp(ℓ/n); ℓ itself for α = 0.
	// The exponent is at most 20.
	"alphapo": {defaults: map[string]float64{keyBeta: 0.1, keyGamma: 0.5, keyAlpha: 0.25}, f: func(c map[string]float64) pairFunc {
		alpha := c[keyAlpha]
		return averaged(c[keyBeta], c[keyGamma], func(l float64) (float64, float64) {
			if alpha == 0 {
				return l, 1
			}
			z := limit(-alpha * l)
			return -math.Expm1(z) / alpha, flat(math.Exp(z), z == -alpha*l)
		})
	}},
	// NLL(chosen) − β·log σ(o_c − o_r) with o the log-odds of exp(ℓ/n).
	"orpo": {defaults: map[string]float64{keyBeta: 0.1}, f: func(c map[string]float64) pairFunc {
		odds := averaged(1, 0, logOdds)
		beta := c[keyBeta]
		return func(chosen, rejected side) (float64, float64, float64) {
			value, dc, dr := odds(chosen, rejected)
			return beta*value - chosen.l/chosen.n, beta*dc - 1/chosen.n, beta * dr
		}
	}},
}

// PairNames lists the losses of pairs, sorted.
func PairNames() []string { return slices.Sorted(maps.Keys(pairSpecs)) }

// NewPair is the preference loss of that name.
func NewPair(name string, config map[string]float64) (*PairLoss, error) {
	sp, ok := pairSpecs[name]
	if !ok {
		return nil, unknown("loss", "preference loss", name, PairNames())
	}
	c, err := complete(name, name, config)
	if err != nil {
		return nil, err
	}
	for _, k := range []string{keyBeta, keyTau} {
		if v, ok := c[k]; ok && v == 0 {
			return nil, invalid(name, "%s: got 0, want above 0", k)
		}
	}
	if e, ok := c[keySmoothing]; ok {
		switch {
		case sp.defaults[keySmoothing] == 0 && !(e >= 0 && e < 0.5):
			return nil, invalid(name, "%s: got %v, want at least 0 and below 0.5", keySmoothing, e)
		case sp.defaults[keySmoothing] != 0 && !(e > 0 && e < 0.5):
			return nil, invalid(name, "%s: got %v, want above 0 and below 0.5", keySmoothing, e)
		}
	}
	t := &PairLoss{name: name, config: c, reference: sp.reference, want: sp.want}
	if t.want.gold && c[keyAlpha] == 0 {
		t.want.gold = false
	}
	if sp.all != nil {
		t.all = sp.all(c)
	} else {
		t.pair = sp.f(c)
	}
	return t, nil
}

// Name is the loss's name.
func (t *PairLoss) Name() string { return t.name }

// Config is every option with its value.
func (t *PairLoss) Config() map[string]float64 { return maps.Clone(t.config) }

// UsesReference reports whether the loss looks at a reference's logprobs.
func (t *PairLoss) UsesReference() bool { return t.reference }

// Check finds what is wrong with s whatever the batch is: of the settings a
// loss of pairs knows the denominator only.
func (t *PairLoss) Check(s Settings) error { return onlyDenominator(t.name, "pairs", s) }

// Ready finds what a batch lacks for the loss before it has logprobs.
func (t *PairLoss) Ready(Settings) func(p *hud.Packed) error {
	return func(p *hud.Packed) error {
		r := rosters.Get().(*roster)
		defer r.done()
		_, err := t.pairs(r, p)
		return err
	}
}

// pairs finds the pairs of a batch.
func (t *PairLoss) pairs(r *roster, p *hud.Packed) (ties int, err error) {
	if t.reference && p.RefLogprobs == nil {
		return 0, noReference(t.name)
	}
	return r.pair(t.name, p, t.want)
}

// Loss is the mean over the batch's pairs, as a tensor, with metrics: pairs;
// ties, groups whose rewards are equal and which are left out; and of the
// pairs accuracy, the share with the chosen answer ahead, and margin, how far
// it is ahead in the mean: Δ, or without a reference the difference of mean
// logprobs. A denominator in s takes the place of the number of pairs.
func (t *PairLoss) Loss(b *Batch, s Settings) (*tensor.Tensor, map[string]float64, error) {
	return asTensor(t.name, b, s, t.evaluate)
}

// evaluate is the loss and its metrics, with sign times the gradient into grad,
// which is 0; sure is whether all of it is finite for certain.
func (t *PairLoss) evaluate(b *Batch, s Settings, grad []float32, sign float64) (value float64, metrics map[string]float64, sure bool, err error) {
	if err := t.Check(s); err != nil {
		return 0, nil, false, err
	}
	r := rosters.Get().(*roster)
	defer r.done()
	ties, err := t.pairs(r, b.Packed)
	if err != nil {
		return 0, nil, false, err
	}
	pairs := r.pairs
	whole := orCount(s.Denominator, len(pairs))
	r.terms = resized(r.terms, len(pairs))
	terms := r.terms
	clear(terms)
	logprobs := b.Logprobs.Data()
	sum := func(i int) {
		for _, x := range pairs[i].space(new([3]*answer)) {
			b.sum(x, logprobs)
		}
	}
	spread := func(i int) {
		slopes := terms[i].slopes(sign / whole)
		for k, x := range pairs[i].space(new([3]*answer)) {
			b.spread(grad, x, slopes[k])
		}
	}
	if t.pair != nil {
		b.each(len(pairs), func(i int) { // while the tokens are near
			sum(i)
			p, term := &pairs[i], &terms[i]
			term.value, term.chosen, term.rejected = t.pair(p.chosen.side, p.rejected.side)
			spread(i)
		})
	} else {
		b.each(len(pairs), sum)
		terms = t.all(pairs)
		b.each(len(pairs), spread)
	}
	var ahead, margin float64
	sure = true
	for i := range terms {
		p := &pairs[i]
		value += terms[i].value / whole
		slopes := terms[i].slopes(sign / whole)
		for k, x := range p.space(new([3]*answer)) {
			sure = sure && x.sure(slopes[k])
		}
		delta := p.chosen.l/p.chosen.n - p.rejected.l/p.rejected.n
		if t.reference {
			delta = p.chosen.x() - p.rejected.x()
		}
		margin += delta
		if delta > 0 {
			ahead++
		}
	}
	n := max(1, float64(len(pairs)))
	return value, map[string]float64{"pairs": float64(len(pairs)), "ties": float64(ties), "accuracy": ahead / n, "margin": margin / n}, sure && finite(value), nil
}
