package loss

import (
	"fmt"
	"math"
	"strings"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// A Status is how a property of a loss turned out.
type Status string

// The statuses.
const (
	StatusOK   Status = "ok"
	StatusNote Status = "note" // holds not, or not quite, and may be meant so
	StatusFail Status = "fail"
)

// A Property is one thing that [Check] looked at.
type Property struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	Text   string `json:"text"`             // what was found
	Advice string `json:"advice,omitempty"` // what to do about it
}

// A Report is what [Check] found out about a loss.
type Report struct {
	Loss       string     `json:"loss"`
	Properties []Property `json:"properties"`
}

// Failed are the names of the properties that do not hold.
func (r *Report) Failed() []string { return r.with(StatusFail) }

func (r *Report) with(s Status) (names []string) {
	for _, p := range r.Properties {
		if p.Status == s {
			names = append(names, p.Name)
		}
	}
	return names
}

// Verdict is the report in one line.
func (r *Report) Verdict() string {
	failed, notes := r.Failed(), r.with(StatusNote)
	switch {
	case len(failed) > 0:
		return fmt.Sprintf("%s failed: %s", r.Loss, strings.Join(failed, ", "))
	case len(notes) > 0:
		return fmt.Sprintf("%s is sound; to know: %s", r.Loss, strings.Join(notes, ", "))
	}
	return r.Loss + " is sound"
}

// String is one line for each property, what to do about those that fail, and
// the verdict.
func (r *Report) String() string {
	var b strings.Builder
	b.WriteString(r.Loss + "\n")
	for _, p := range r.Properties {
		mark := string(p.Status)
		if p.Status == StatusFail {
			mark = "FAIL"
		}
		fmt.Fprintf(&b, "  %-5s %-14s %s\n", mark, p.Name, p.Text)
		if p.Advice != "" {
			fmt.Fprintf(&b, "  %-5s %-14s -> %s\n", "", "", p.Advice)
		}
	}
	b.WriteString(r.Verdict())
	return b.String()
}

// CheckOptions are the settings of [Check].
type CheckOptions struct {
	Name string // of the loss, for the report
	Seed uint64 // of the batch
	// Detached says that the loss holds a part constant on purpose, or that it
	// does not; nil that it is not known.
	Detached *bool
	// Overflows says that the loss follows its service where a ratio
	// overflows.
	Overflows bool
	// Draws says that the loss draws tokens by their places, so that the order of
	// datums matters.
	Draws bool
	// Turns says that the loss is for the worse answer where the two are close.
	Turns bool
	// Whole is the loss with the denominator that the whole batch has, so that
	// chunks of it add up; nil where the loss takes none.
	Whole     func(whole *Batch) (TensorLoss, error)
	Allocator *tensor.Allocator
	batch     func(seed uint64) *hud.Packed // nil: CheckBatch
}

// Check tries a loss on small batches with every kind of token, and reports
// which properties of a sound loss it has: its gradient is the derivative of
// its value, masked tokens do not matter whatever they hold, extreme tokens
// leave it finite, neither padding nor the order of datums changes it, chunks
// add up to the whole; how large it is, and whether it is for the answers of
// higher rewards. The loss is called some hundred times.
func Check(f TensorLoss, o CheckOptions) *Report {
	if o.batch == nil {
		o.batch = CheckBatch
	}
	c := &checker{CheckOptions: o, f: f, packed: o.batch(o.Seed)}
	c.datums = unpack(c.packed)
	report := &Report{Loss: o.Name}
	if report.Loss == "" {
		report.Loss = "the loss"
	}
	add := func(p Property) { report.Properties = append(report.Properties, p) }
	c.base = c.eval(c.packed)
	if err := c.base.err; err != nil {
		add(Property{"runs", StatusFail, err.Error(), ""})
		return report
	}
	if !c.base.finite() {
		add(Property{"runs", StatusFail, fmt.Sprintf("the loss of ordinary data is %v", c.base.what()), "look for a division by 0 or the logarithm of a negative number"})
		return report
	}
	if again := c.eval(c.packed); c.differ(c.base, again) != "" {
		add(Property{"runs", StatusFail, "two calls with the same data give " + c.differ(c.base, again),
			"draw random numbers from a seeded stream, and keep no state between calls"})
		return report
	}
	for _, property := range []func() Property{
		c.touched, c.gradient, c.masked, c.nonfinite, c.extremes, c.empty, c.padding, c.order, c.groups, c.chunks, c.size, c.rewards, c.direction,
	} {
		add(property())
	}
	return report
}

// CheckNamed checks a loss of this package with its options and settings.
func CheckNamed(name string, config map[string]float64, s Settings, o CheckOptions) (*Report, error) {
	l, err := NewBatchLoss(name, config)
	if err != nil {
		return nil, err
	}
	if err := l.Check(s); err != nil {
		return nil, err
	}
	answers, _ := l.(*AnswerLoss)
	loss := func(s Settings) TensorLoss {
		return func(b *Batch) (*tensor.Tensor, map[string]float64, error) {
			if answers != nil {
				answers.running = Running{} // no call knows of the one before
			}
			return l.Loss(b, s)
		}
	}
	o.Name = name
	detached := s.Correction != nil
	if t, ok := l.(interface{ Detached() bool }); ok {
		detached = detached || t.Detached()
	}
	o.Detached, o.Overflows = &detached, overflows[name]
	_, o.Draws = l.Config()[keySeed]
	o.Turns = name == "discopop" // its blend rises faster around 0 than its parts fall
	o.Whole = func(whole *Batch) (TensorLoss, error) {
		with, err := wholeDenominators(l, whole, s)
		if err != nil {
			return nil, err
		}
		return loss(with), nil
	}
	third, observations := thirdAnswer(l), false
	if t, ok := l.(*TokenLoss); ok {
		observations = t.observations
	}
	o.batch = func(seed uint64) *hud.Packed { return checkBatch(seed, third, observations) }
	return Check(loss(s), o), nil
}

// thirdAnswer is the flag of a third answer that a loss wants in a group.
func thirdAnswer(l BatchLoss) string {
	if p, ok := l.(*PairLoss); ok && p.want.gold {
		return extraGold
	}
	if _, ok := l.Config()[keyKL]; ok {
		return extraMismatched
	}
	return ""
}

// overflows are the losses that follow their services and hold no ratio.
var overflows = map[string]bool{hud.LossImportanceSampling: true, hud.LossPPO: true, hud.LossCISPO: true, hud.LossDRO: true, "glm_double_sided": true}

// A checker is one run of Check.
type checker struct {
	CheckOptions
	f      TensorLoss
	packed *hud.Packed
	datums []checkDatum // of packed
	base   evaluation   // of packed
}

// An evaluation is a loss and its gradient.
type evaluation struct {
	value   float64
	grad    []float32
	touched []bool
	err     error
}

func (c *checker) eval(p *hud.Packed) evaluation { return c.evalWith(c.f, p) }

func (c *checker) evalWith(f TensorLoss, p *hud.Packed) evaluation {
	e, err := c.run(f, p)
	if err != nil {
		return evaluation{err: err}
	}
	return e
}

// run is what Custom does, without refusing what is not finite.
func (c *checker) run(f TensorLoss, p *hud.Packed) (e evaluation, err error) {
	b, err := NewBatch(c.Allocator, p, true)
	if err != nil {
		return e, err
	}
	out, _, err := f(b)
	if err != nil {
		return e, err
	}
	if err := out.Err(); err != nil {
		return e, err
	}
	if out.Len() != 1 {
		return e, fmt.Errorf("the loss has the shape %v, want one element: reduce it with sum or mean", out.Shape())
	}
	if e.value, err = out.Item(); err != nil {
		return e, err
	}
	e.grad, e.touched = make([]float32, p.Tokens()), make([]bool, p.Len())
	if !out.RequiresGrad() {
		return e, nil
	}
	if err := out.Backward(); err != nil {
		return e, err
	}
	if g := b.Logprobs.Grad(); g != nil {
		copy(e.grad, g.Data())
	}
	for d := range e.touched {
		e.touched[d] = b.Logprobs.Touched(p.Range(d))
	}
	return e, nil
}

// value is the loss alone.
func (c *checker) value(p *hud.Packed) (float64, error) {
	b, err := NewBatch(c.Allocator, p, false)
	if err != nil {
		return 0, err
	}
	out, _, err := c.f(b)
	if err != nil {
		return 0, err
	}
	return out.Item()
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// finite reports whether value and gradient are.
func (e evaluation) finite() bool {
	for _, g := range e.grad {
		if !finite(float64(g)) {
			return false
		}
	}
	return finite(e.value)
}

// what is the part that is not finite.
func (e evaluation) what() string {
	if !finite(e.value) {
		return fmt.Sprint(e.value)
	}
	return "finite and its gradient is not"
}

// size is what the rounding of e's value is relative to.
func (e evaluation) size() float64 {
	sum := math.Abs(e.value)
	for _, g := range e.grad {
		sum += math.Abs(float64(g))
	}
	return sum
}

// norm is the length of the gradient.
func (e evaluation) norm() float64 {
	sum := 0.0
	for _, g := range e.grad {
		sum += float64(g) * float64(g)
	}
	return math.Sqrt(sum)
}

// differ says in what b differs from a, "" where it does not beyond rounding.
func (c *checker) differ(a, b evaluation) string {
	if b.err != nil {
		return "an error: " + b.err.Error()
	}
	if !(math.Abs(a.value-b.value) <= 1e-5*max(1e-6, a.size())) {
		return fmt.Sprintf("the value %.6g instead of %.6g", b.value, a.value)
	}
	for i, g := range a.grad {
		if !(math.Abs(float64(g)-float64(b.grad[i])) <= 1e-5*max(math.Abs(float64(g)), a.norm())) {
			return fmt.Sprintf("the gradient %.6g instead of %.6g at token %d", b.grad[i], g, i+1)
		}
	}
	return ""
}

func ok(name, format string, args ...any) Property {
	return Property{name, StatusOK, fmt.Sprintf(format, args...), ""}
}

// wholeDenominators is s with the denominators that b, a whole batch, has in l.
func wholeDenominators(l BatchLoss, b *Batch, s Settings) (Settings, error) {
	_, metrics, err := l.Loss(b, s)
	if err != nil {
		return s, err
	}
	t, ok := l.(*TokenLoss)
	if !ok {
		s.Denominator = max(metrics["pairs"], metrics["answers"])
		return s, nil
	}
	all, some := map[int]bool{}, map[int]bool{} // groups, and those with a reward above 0
	datums := 0.0
	for d := range b.Len() {
		g := at(b.GroupIdx, d)
		if all[g] = true; b.Reward[d] > 0 {
			some[g] = true
			datums++
		}
	}
	positive := 0.0
	switch t.aggregation(s) {
	case Sum:
		return s, nil
	case TokenMean:
		if s.Denominator, ok = metrics["trained_tokens"]; !ok {
			s.Denominator = metrics["loss_tokens"]
		}
		positive = metrics["positive_tokens"]
	case PromptMean:
		s.Denominator, positive = float64(len(all)), float64(len(some))
	case TokenMeanLegacy:
		s.Denominator, positive = float64(len(all)), float64(len(all)) // as many chunks
	default:
		s.Denominator, positive = float64(b.Len()), datums
	}
	if t.positive {
		s.PositiveDenominator = positive
	}
	return s, nil
}
