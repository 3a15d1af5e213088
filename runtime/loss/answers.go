package loss

import (
	"maps"
	"math"
	"slices"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// An AnswerLoss looks at each answer, a trajectory, by the sum over its loss
// tokens, without a counterpart. An answer is desirable if its Extra has
// "desirable" true, or, where its Extra says nothing, if its reward is above 0.
// The loss is the mean over answers.
type AnswerLoss struct {
	name      string
	config    map[string]float64
	reference bool
	f         func(x *answerSet) error
	running   Running
}

// Running is a mean of all numbers seen so far: the state of bco, to be saved
// and restored with a run.
type Running struct {
	Mean  float64 `json:"mean"`
	Count float64 `json:"count"`
}

// Add takes more numbers into the mean.
func (r *Running) Add(x ...float64) {
	for _, v := range x {
		r.Count++
		r.Mean += (v - r.Mean) / r.Count
	}
}

// answerSet is what an AnswerLoss is computed from, and what comes out.
type answerSet struct {
	op         string
	b          *Batch
	answers    []*answer
	mismatched []*answer
	running    *Running
	value      []float64                                   // of each answer
	slope      []float64                                   // of each answer with respect to Σℓ
	token      func(i int, l, ref float64) (slope float64) // beside slope, of each token of answer i; may be nil
	metrics    map[string]float64
}

type answerSpec struct {
	reference bool
	defaults  map[string]float64
	f         func(c map[string]float64) func(x *answerSet) error
}

const (
	keyDesirable   = "desirable_weight"
	keyUndesirable = "undesirable_weight"
	keyKL          = "kl"
	keyUpdate      = "update"
	keyBeta2       = "beta2"
)

// judged sets value and slope of each answer to f of it and whether it is
// desirable.
func (x *answerSet) judged(f func(s side, desirable bool) (value, slope float64)) error {
	good := 0.0
	for i, a := range x.answers {
		desirable, has, err := a.flag(x.op, extraDesirable)
		switch {
		case err != nil:
			return err
		case !has && x.b.Reward == nil:
			return invalid(x.op, "trajectory %d: got neither extra.desirable nor a reward, want one of them", a.traj+1)
		case !has:
			desirable = a.reward > 0
		}
		if desirable {
			good++
		}
		x.value[i], x.slope[i] = f(a.side, desirable)
	}
	x.metrics["desirable"] = good
	return nil
}

// each calls f with the loss tokens of an answer.
func (x *answerSet) each(a *answer, f func(l, ref, m float64)) {
	logprobs := x.b.Logprobs.Data()
	for _, d := range a.datums {
		lo, hi := x.b.Range(d)
		for i := lo; i < hi; i++ {
			if m := x.b.Packed.Mask[i]; m != 0 {
				f(float64(logprobs[i]), float64(x.b.Packed.RefLogprobs[i]), float64(m))
			}
		}
	}
}

// answerSpecs are losses of single answers, with x = Σ(ℓ − ℓ_ref). Sources:
// TRL's kto_trainer.py for kto and apo_zero_unpaired, its experimental/bco,
// experimental/nash_md and experimental/a2po.
var answerSpecs = map[string]answerSpec{
	// λ_D(1 − σ(β(x − k))) for a desirable answer, λ_U(1 − σ(β(k − x))) for
	// another, where k is held constant: the mean x of the answers whose Extra has
	// "mismatched" true, which belong to another prompt than the one before them,
	// or 0 if that is below; kl, where at least 0, takes its place.
	"kto": {reference: true, defaults: map[string]float64{keyBeta: 0.1, keyDesirable: 1, keyUndesirable: 1, keyKL: -1}, f: func(c map[string]float64) func(x *answerSet) error {
		beta, good, bad := c[keyBeta], c[keyDesirable], c[keyUndesirable]
		return func(x *answerSet) error {
			k := c[keyKL]
			if k < 0 {
				if len(x.mismatched) == 0 && len(x.answers) > 0 {
					return noMismatched(x.op)
				}
				k = 0
				for _, a := range x.mismatched {
					k += a.x() / float64(len(x.mismatched))
				}
				k = max(0, k)
			}
			x.metrics["kl"] = k
			return x.judged(func(s side, desirable bool) (float64, float64) {
				if desirable {
					value, slope := sigmoid(beta * (k - s.x()))
					return good * value, -good * beta * slope
				}
				value, slope := sigmoid(beta * (s.x() - k))
				return bad * value, bad * beta * slope
			})
		}
	}},
	// λ_D(1 − σ(βx)) for a desirable answer, λ_U·σ(βx) for another.
	"apo_zero_unpaired": {reference: true, defaults: map[string]float64{keyBeta: 0.1, keyDesirable: 1, keyUndesirable: 1}, f: func(c map[string]float64) func(x *answerSet) error {
		beta, good, bad := c[keyBeta], c[keyDesirable], c[keyUndesirable]
		return func(x *answerSet) error {
			return x.judged(func(s side, desirable bool) (float64, float64) {
				if desirable {
					value, slope := sigmoid(-beta * s.x())
					return good * value, -good * beta * slope
				}
				value, slope := sigmoid(beta * s.x())
				return bad * value, bad * beta * slope
			})
		}
	}},
	// −log σ(βx − δ) for a desirable answer, −log σ(δ − βx) for another, with δ
	// the mean of βx over this batch and all before it. update = 0 leaves the mean
	// as it is.
	"bco": {reference: true, defaults: map[string]float64{keyBeta: 0.1, keyUpdate: 1}, f: func(c map[string]float64) func(x *answerSet) error {
		beta := c[keyBeta]
		return func(x *answerSet) error {
			running := *x.running
			if c[keyUpdate] != 0 {
				for _, a := range x.answers {
					running.Add(beta * a.x())
				}
			}
			err := x.judged(func(s side, desirable bool) (float64, float64) {
				if desirable {
					value, slope := smoothed(beta*s.x()-running.Mean, 1, 0)
					return value, beta * slope
				}
				value, slope := smoothed(beta*s.x()-running.Mean, 0, 1)
				return value, beta * slope
			})
			if err == nil {
				*x.running = running
			}
			x.metrics["delta"] = running.Mean
			return err
		}
	}},
	// β·Σ_t sg(ℓ − ℓ_ref)·ℓ − (p_win − ½)·Σ_t ℓ.
	"nash_md": {reference: true, defaults: map[string]float64{keyBeta: 0.1}, f: func(c map[string]float64) func(x *answerSet) error {
		beta := c[keyBeta]
		return func(x *answerSet) error {
			for i, a := range x.answers {
				p, err := a.win(x.op)
				if err != nil {
					return err
				}
				x.slope[i] = 0.5 - p
				x.value[i] = (0.5 - p) * a.l
				x.each(a, func(l, ref, m float64) { x.value[i] += beta * m * (l - ref) * l })
			}
			x.token = func(_ int, l, ref float64) float64 { return beta * (l - ref) }
			return nil
		}
	}},
	// (β2·x − (R − V*))², V* that of the prompt: see OptimalValue.
	"a2po": {reference: true, defaults: map[string]float64{keyBeta2: 1e-3}, f: func(c map[string]float64) func(x *answerSet) error {
		beta := c[keyBeta2]
		return func(x *answerSet) error {
			if x.b.Reward == nil && len(x.answers) > 0 {
				return invalid(x.op, "reward: got 0 values for %d datums", x.b.Len())
			}
			for i, a := range x.answers {
				v, err := a.optimum(x.op)
				if err != nil {
					return err
				}
				d := beta*a.x() - (a.reward - v)
				x.value[i], x.slope[i] = d*d, 2*beta*d
			}
			return nil
		}
	}},
}

// AnswerNames lists the losses of answers, sorted.
func AnswerNames() []string { return slices.Sorted(maps.Keys(answerSpecs)) }

// NewAnswers is the loss of answers of that name.
func NewAnswers(name string, config map[string]float64) (*AnswerLoss, error) {
	sp, ok := answerSpecs[name]
	if !ok {
		return nil, unknown("loss", "loss of answers", name, AnswerNames())
	}
	c, err := complete(name, name, config)
	if err != nil {
		return nil, err
	}
	for _, k := range []string{keyBeta, keyBeta2} {
		if v, ok := c[k]; ok && !(v > 0) {
			return nil, invalid(name, "%s: got %v, want above 0", k, v)
		}
	}
	for _, k := range []string{keyDesirable, keyUndesirable} {
		if c[k] < 0 {
			return nil, invalid(name, "%s: got %v, want at least 0", k, c[k])
		}
	}
	return &AnswerLoss{name: name, config: c, reference: sp.reference, f: sp.f(c)}, nil
}

// Name is the loss's name.
func (t *AnswerLoss) Name() string { return t.name }

// Config is every option with its value.
func (t *AnswerLoss) Config() map[string]float64 { return maps.Clone(t.config) }

// UsesReference reports whether the loss looks at a reference's logprobs: all
// do.
func (t *AnswerLoss) UsesReference() bool { return t.reference }

// State is what the loss remembers from batch to batch, for those that do: bco.
func (t *AnswerLoss) State() Running { return t.running }

// SetState makes the loss go on from a state.
func (t *AnswerLoss) SetState(r Running) error {
	if !(r.Count >= 0) || math.IsInf(r.Count, 0) || math.IsNaN(r.Mean) || math.IsInf(r.Mean, 0) {
		return invalid(t.name, "state: got mean %v of %v numbers, want finite ones", r.Mean, r.Count)
	}
	t.running = r
	return nil
}

// HasState reports whether the loss remembers anything from batch to batch. It
// belongs to one goroutine at a time then.
func (t *AnswerLoss) HasState() bool { _, ok := t.config[keyUpdate]; return ok }

// Check finds what is wrong with s whatever the batch is: of the settings a
// loss of answers knows the denominator only.
func (t *AnswerLoss) Check(s Settings) error { return onlyDenominator(t.name, "answers", s) }

// onlyDenominator refuses the settings of a loss of tokens.
func onlyDenominator(op, over string, s Settings) error {
	switch {
	case s.Aggregate != "" || s.MaxLength != 0 || s.Advantage != nil || s.Correction != nil || s.Old != nil:
		return invalid(op, "got settings of a token loss, want at most a denominator: it is averaged over %s", over)
	case s.Denominator < 0 || math.IsNaN(s.Denominator):
		return invalid(op, "denominator: got %v, want above 0", s.Denominator)
	}
	return nil
}

// Loss is the mean over the batch's answers, as a tensor, with metrics:
// answers; desirable, how many of them are; kto's kl and bco's delta; and
// margin, how much likelier than the reference the policy finds an answer in
// the mean. A denominator in s takes the place of the number of answers.
func (t *AnswerLoss) Loss(b *Batch, s Settings) (*tensor.Tensor, map[string]float64, error) {
	return asTensor(t.name, b, s, t.evaluate)
}

// Ready finds what a batch lacks for the loss before it has logprobs.
func (t *AnswerLoss) Ready(Settings) func(p *hud.Packed) error {
	return func(p *hud.Packed) error {
		r := rosters.Get().(*roster)
		defer r.done()
		if err := t.list(r, p); err != nil {
			return err
		}
		running := t.running
		x := &answerSet{op: t.name, b: &Batch{Packed: p, Logprobs: tensor.From(nil, 0)}, running: &running}
		return x.judge(r.answers, t.f)
	}
}

// list finds the answers of a batch.
func (t *AnswerLoss) list(r *roster, p *hud.Packed) error {
	if t.reference && p.RefLogprobs == nil {
		return noReference(t.name)
	}
	return r.list(t.name, p)
}

// judge tells answers from those that only serve as a measure, and has f fill in
// what comes out.
func (x *answerSet) judge(all []*answer, f func(x *answerSet) error) error {
	x.metrics = map[string]float64{}
	for _, a := range all {
		apart, _, err := a.flag(x.op, extraMismatched)
		switch {
		case err != nil:
			return err
		case apart:
			x.mismatched = append(x.mismatched, a)
		default:
			x.answers = append(x.answers, a)
		}
	}
	x.value, x.slope = make([]float64, len(x.answers)), make([]float64, len(x.answers))
	return f(x)
}

// evaluate is the loss and its metrics, with sign times the gradient into grad,
// which is 0; sure is whether all of it is finite for certain.
func (t *AnswerLoss) evaluate(b *Batch, s Settings, grad []float32, sign float64) (value float64, metrics map[string]float64, sure bool, err error) {
	if err := t.Check(s); err != nil {
		return 0, nil, false, err
	}
	r := rosters.Get().(*roster)
	defer r.done()
	if err := t.list(r, b.Packed); err != nil {
		return 0, nil, false, err
	}
	logprobs := b.Logprobs.Data()
	b.each(len(r.answers), func(i int) { b.sum(r.answers[i], logprobs) })
	x := &answerSet{op: t.name, b: b, running: &t.running}
	if err := x.judge(r.answers, t.f); err != nil {
		return 0, nil, false, err
	}
	whole := orCount(s.Denominator, len(x.answers))
	var margin float64
	sure = x.token == nil
	for i, a := range x.answers {
		value += x.value[i] / whole
		margin += a.x() / max(1, float64(len(x.answers)))
		sure = sure && a.sure(x.slope[i]*sign/whole)
	}
	b.each(len(x.answers), func(i int) {
		if x.token != nil {
			x.perToken(grad, i, sign/whole)
		} else {
			b.spread(grad, x.answers[i], x.slope[i]*sign/whole)
		}
	})
	x.metrics["answers"], x.metrics["margin"] = float64(len(x.answers)), margin
	return value, x.metrics, sure && finite(value), nil
}

// perToken is spread with slopes that differ from token to token, times factor.
func (x *answerSet) perToken(grad []float32, i int, factor float64) {
	logprobs := x.b.Logprobs.Data()
	for _, d := range x.answers[i].datums {
		lo, hi := x.b.Range(d)
		for k := lo; k < hi; k++ {
			if m := x.b.Packed.Mask[k]; m != 0 {
				slope := x.slope[i] + x.token(i, float64(logprobs[k]), float64(x.b.Packed.RefLogprobs[k]))
				grad[k] = float32(float64(m) * slope * factor)
			}
		}
	}
}
