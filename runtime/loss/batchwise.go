package loss

import (
	"errors"
	"fmt"
	"sync"

	"github.com/hudrl/hudrl/internal/kernel"
	"github.com/hudrl/hudrl/runtime/hud"
)

// A pass is one evaluation of a loss over a batch. Datums are independent: each
// has its own sums, added up in order, so that the result does not depend on
// the number of cores.
type pass struct {
	loss    *TokenLoss
	s       *Settings
	batch   *hud.Packed
	datumA  []float64 // [D] nil: 0
	tokenA  []float32 // [N] in place of advant
	old     []float32 // what ratios are to, where not the sampling policy
	mask    []float32
	grad    []float32
	sign    float32 // what grad is multiplied by
	weights []float32
	chosen  []float32

	pieces  []int // datums: piece i goes from pieces[i] to pieces[i+1]
	sums    []Sums
	counts  []int
	limited []int
	scales  []float64
	expert  []bool // nil: none
	// positive is what the term of rewards above 0 is multiplied by before the
	// datum's scale is, [D]; nil: 1.
	positive []float64
	spans    []Span // of each piece: the datum at hand
	exact    []bool // of each piece: a datum was beyond the kernels
}

var passPool = sync.Pool{New: func() any { return new(pass) }}

// done gives p back.
func (p *pass) done() {
	clear(p.spans)
	*p = pass{pieces: p.pieces, sums: p.sums, counts: p.counts, limited: p.limited, spans: p.spans, exact: p.exact}
	passPool.Put(p)
}

// resized is x with n elements, of which the first may hold anything.
func resized[T any](x []T, n int) []T {
	if cap(x) < n {
		return make([]T, n)
	}
	return x[:n]
}

// cut makes the pieces: as many datums as have pieceTokens, or a part of all
// that leaves some pieces to each core.
func (p *pass) cut() {
	b := p.batch
	least := max(pieceTokens, b.Tokens()/32)
	p.pieces = append(p.pieces[:0], 0)
	for d, from := 0, 0; d < b.Len(); d++ {
		if b.Offsets[d+1]-from >= least || d+1 == b.Len() {
			p.pieces = append(p.pieces, d+1)
			from = b.Offsets[d+1]
		}
	}
	n := b.Len()
	p.sums, p.counts, p.limited = resized(p.sums, n), resized(p.counts, n), resized(p.limited, n)
	p.exact, p.spans = resized(p.exact, len(p.pieces)-1), resized(p.spans, len(p.pieces)-1)
}

// each calls f with every datum and its positions, those of a piece in order
// on one core; with back the pieces that were last come first.
func (p *pass) each(back bool, f func(piece, d, lo, hi int)) {
	divide(len(p.pieces)-1, p.batch.Tokens(), back, func(i int) {
		for d := p.pieces[i]; d < p.pieces[i+1]; d++ {
			f(i, d, p.batch.Offsets[d], p.batch.Offsets[d+1])
		}
	})
}

// span makes s datum d.
func (p *pass) span(s *Span, d, lo, hi int) {
	b := p.batch
	s.Logprobs, s.Mask, s.Reference = b.Logprobs[lo:hi], p.mask[lo:hi], part(b.RefLogprobs, lo, hi)
	if s.Sampling = part(p.old, lo, hi); p.old == nil {
		s.Sampling = part(b.SamplingLogprobs, lo, hi)
	}
	if p.weights != nil {
		s.Weight = p.weights[lo:hi]
	}
	if p.chosen != nil {
		s.chosen = p.chosen[lo:hi]
	}
	if p.datumA != nil {
		s.Advantage = p.datumA[d]
	}
	if p.tokenA != nil {
		s.Advantages = p.tokenA[lo:hi]
	}
	if b.Reward != nil {
		s.Reward = b.Reward[d]
	}
	s.Expert = p.expert != nil && p.expert[d]
	if p.positive != nil {
		s.positive = &p.positive[d]
	}
}

// count is the loss tokens of every datum.
func (p *pass) count() {
	p.each(false, func(_, d, lo, hi int) { p.counts[d] = countOf(p.mask[lo:hi]) })
}

// countOf is how many elements are not 0.
func countOf(mask []float32) int {
	t := tiles.Get().(*tile)
	defer tiles.Put(t)
	n := 0.0
	for lo := 0; lo < len(mask); lo += tileLen {
		m := mask[lo:min(lo+tileLen, len(mask))]
		kernel.NeTo(t.buffers[0][:len(m)], m, scalar0)
		n += kernel.Sum(t.buffers[0][:len(m)])
	}
	return int(n)
}

// run evaluates: the value, and the sums of all datums. Where the factors depend
// on the tokens of all datums, the gradients are multiplied in a second pass,
// which takes less time than to count the tokens in one ahead.
func (p *pass) run() (value float64, all Sums, err error) {
	t := p.loss
	clear(p.exact)
	how := t.aggregation(*p.s)
	known := t.positive || !t.surviving && !how.counts()
	own := !known && how == SeqMeanTokenMean && p.expert == nil
	if t.positive {
		p.count()
	}
	if known {
		if err := p.scale(); err != nil {
			return 0, all, err
		}
	}
	whole := multiplier{factor: float64(p.sign) / orCount(p.s.Denominator, p.batch.Len()), mean: true}
	p.each(false, func(piece, d, lo, hi int) {
		s, grad := &p.spans[piece], p.grad[lo:hi]
		p.span(s, d, lo, hi)
		times := multiplier{}
		switch {
		case known:
			times.factor = float64(p.factor(d))
		case own:
			times = whole
		}
		heeded := t.heeds && s.Advantages == nil && !(own && t.surviving)
		if s.times = (multiplier{}); heeded {
			s.times = times
		}
		sums := &p.sums[d]
		if t.eval(s, grad, sums) {
			p.exact[piece] = true
		}
		if p.counts[d] = sums.Tokens; t.surviving {
			p.counts[d] -= sums.Clipped
		}
		switch f := times.of(p.counts[d]); {
		case (known || own) && times.factor == 0:
			clear(grad)
		case !heeded && f != 1:
			kernel.Scale(f, grad)
		}
	})
	if !known {
		if err := p.scale(); err != nil {
			return 0, all, err
		}
	}
	if !known && !own {
		p.each(true, func(_, d, lo, hi int) {
			if f := p.factor(d); f != 1 {
				kernel.Scale(f, p.grad[lo:hi])
			}
		})
	}
	for d := range p.sums {
		value += p.scales[d] * p.sums[d].Loss
		all.add(&p.sums[d])
	}
	return value, all, nil
}

// factor is what datum d's gradient is multiplied by.
func (p *pass) factor(d int) float32 { return p.sign * float32(p.scales[d]) }

// scale finds the factor of each datum, with denominators of their own for an
// expert's and for the term of rewards above 0.
func (p *pass) scale() (err error) {
	if p.expert == nil {
		p.scales, err = p.loss.aggregation(*p.s).Scales(p.counts, p.batch.GroupIdx, p.s.MaxLength, p.s.Denominator)
		if err == nil && p.loss.positive {
			err = p.scalePositive()
		}
		return err
	}
	p.scales = make([]float64, len(p.counts))
	if err := p.scaleSome(p.scales, p.s.Denominator, func(d int) bool { return !p.expert[d] }); err != nil {
		return err
	}
	return p.scaleSome(p.scales, p.s.ExpertDenominator, func(d int) bool { return p.expert[d] })
}

// scaleSome fills scales for the datums that are in, aggregated by themselves.
func (p *pass) scaleSome(scales []float64, denominator float64, in func(d int) bool) error {
	groups := p.batch.GroupIdx
	var at, counts, group []int
	for d, n := range p.counts {
		if !in(d) {
			continue
		}
		at, counts = append(at, d), append(counts, n)
		if groups != nil {
			group = append(group, groups[d])
		}
	}
	some, err := p.loss.aggregation(*p.s).Scales(counts, group, p.s.MaxLength, denominator)
	if err != nil {
		return err
	}
	for i, d := range at {
		scales[d] = some[i]
	}
	return nil
}

// scalePositive finds, for datums with a reward above 0, what their own scale
// is of the datum's.
func (p *pass) scalePositive() error {
	p.positive = make([]float64, len(p.counts))
	if err := p.scaleSome(p.positive, p.s.PositiveDenominator, func(d int) bool { return p.batch.Reward[d] > 0 }); err != nil {
		return err
	}
	for d, all := range p.scales {
		if all != 0 { // it is 0 under an infinite denominator
			p.positive[d] /= all
		}
	}
	return nil
}

// choose lets the loss look at the whole batch.
func (p *pass) choose() {
	p.chosen = make([]float32, p.batch.Tokens())
	spans := make([]Span, p.batch.Len())
	p.each(false, func(_, d, lo, hi int) { p.span(&spans[d], d, lo, hi) })
	p.loss.choose(spans)
}

// prepare is the evaluation of t over b up to the first datum: it checks what
// is given, corrects and chooses. What corrections and choices have to tell goes
// into metrics.
func (t *TokenLoss) prepare(b *hud.Packed, s *Settings, metrics map[string]float64) (*pass, error) {
	n, tokens := b.Len(), b.Tokens()
	advantage := b.Advantage
	if s.Advantage != nil {
		advantage = s.Advantage
	}
	perToken := advantage != nil && len(advantage) != n
	switch {
	case perToken && len(advantage) != tokens:
		return nil, invalid(t.name, "advantage: got %d values for %d datums", len(advantage), n)
	case perToken && !t.PerToken():
		return nil, invalid(t.name, "advantage: got one for each token, want one for each datum: the loss has one ratio per sequence")
	case t.reference && b.RefLogprobs == nil:
		return nil, noReference(t.name)
	case b.RefLogprobs != nil && len(b.RefLogprobs) != tokens:
		return nil, invalid(t.name, "ref_logprobs: got %d positions, want %d as logprobs has", len(b.RefLogprobs), tokens)
	case b.GroupIdx != nil && len(b.GroupIdx) != n:
		return nil, invalid(t.name, "group_idx: got %d values for %d datums", len(b.GroupIdx), n)
	case t.reward && len(b.Reward) != n:
		return nil, invalid(t.name, "reward: got %d values for %d datums", len(b.Reward), n)
	case s.Old != nil && len(s.Old) != tokens:
		return nil, invalid(t.name, "old_logprobs: got %d positions, want %d as logprobs has", len(s.Old), tokens)
	}
	p := passPool.Get().(*pass)
	p.loss, p.s, p.batch, p.old, p.mask = t, s, b, s.Old, b.Mask
	if p.old == nil && s.Correction.onPolicy() {
		p.old = b.Logprobs
	}
	if perToken {
		p.tokenA = make([]float32, tokens)
		for i, a := range advantage {
			p.tokenA[i] = float32(a)
		}
	} else {
		p.datumA = advantage
	}
	p.cut()
	var err error
	if t.observations {
		p.mask, err = observed(b, s.Observation)
	}
	if t.name == "chord" && err == nil {
		p.expert, err = experts(b, s.Expert)
	}
	if err != nil {
		p.done()
		return nil, err
	}
	if s.Correction != nil {
		p.correct(metrics)
	}
	if t.choose != nil {
		p.choose()
		metrics["cov_tokens"] = float64(countOf(p.chosen))
	}
	return p, nil
}

// advantage is that of position i, which is in datum d.
func (p *pass) advantage(i, d int) float64 {
	switch {
	case p.tokenA != nil:
		return float64(p.tokenA[i])
	case p.datumA != nil:
		return p.datumA[d]
	}
	return 0
}

// evaluate computes the loss of a batch with its metrics and sign times its
// gradient, into grad. The metrics are those of [TokenLoss.Loss].
func (t *TokenLoss) evaluate(b *hud.Packed, s *Settings, grad []float32, sign float32) (value float64, metrics map[string]float64, touched []bool, err error) {
	metrics = make(map[string]float64, 24) // all there are
	p, err := t.prepare(b, s, metrics)
	if err != nil {
		return 0, nil, nil, err
	}
	defer p.done()
	p.grad, p.sign = grad, sign
	value, all, err := p.run()
	if err != nil {
		return 0, nil, nil, err
	}
	touched = make([]bool, b.Len())
	for d := range touched {
		touched[d] = p.sums[d].Tokens > 0
	}
	t.report(metrics, &all, b.Tokens())
	if t.positive {
		n := 0
		for d, r := range b.Reward {
			if r > 0 {
				n += p.sums[d].Tokens
			}
		}
		metrics["positive_tokens"] = float64(n)
	}
	for i, exact := range p.exact {
		lo, hi := b.Offsets[p.pieces[i]], b.Offsets[p.pieces[i+1]]
		if exact && !finite(value+kernel.Sum(grad[lo:hi])) {
			return value, metrics, touched, errNotFinite
		}
	}
	return value, metrics, touched, nil
}

// report adds the metrics of all datums of a batch with that many positions.
func (t *TokenLoss) report(metrics map[string]float64, all *Sums, positions int) {
	n := max(1, float64(all.Tokens))
	metrics["loss_tokens"] = float64(all.Tokens)
	trained := all.Tokens
	if t.surviving {
		trained -= all.Clipped
		metrics["trained_tokens"], metrics["masked_tokens"] = float64(trained), float64(all.Clipped)
	} else {
		metrics["masked_tokens"] = float64(positions - all.Tokens)
	}
	if trained == 0 {
		metrics["agg/empty"] = 1
	}
	if t.clips {
		metrics["clip_fraction"] = float64(all.Clipped) / n
		metrics["clip_fraction_low"], metrics["clip_fraction_high"] = float64(all.Low)/n, float64(all.Clipped-all.Low)/n
	}
	all.Drift.metrics(metrics)
}

// errNotFinite says that a gradient holds what no service takes.
var errNotFinite = errors.New("a weight is not finite")

// refuse is the error of the first weight that is not finite or, where only
// the loss is not, of the first loss token that could make it so; nil without
// one.
func refuse(op string, b *hud.Packed, value float64, weights []float32) error {
	if finite(value) && finite(kernel.Sum(weights)) {
		return nil // a sum of finite float32s in float64 is finite
	}
	for d := range b.Len() {
		lo, hi := b.Range(d)
		for i, w := range weights[lo:hi] {
			cause := badInput(b, lo+i)
			what := fmt.Sprintf("weight is %v", w)
			switch {
			case !finite(float64(w)):
				if cause == "" {
					cause = "the loss has no finite derivative there"
				}
			case finite(value) || cause == "" || b.Mask[lo+i] == 0 && w == 0:
				continue
			default:
				what = fmt.Sprintf("the loss is %v", value)
			}
			return &hud.Error{Op: op, Code: hud.CodeValidation,
				Detail: fmt.Sprintf("datum %d, position %d: %s: %s: logprob %v, sampling logprob %v", d+1, i+1, what, cause, b.Logprobs[lo+i], b.SamplingLogprobs[lo+i]),
				Hint:   "limit the log-ratio before it is exponentiated, and select where the mask is 0 instead of multiplying by it"}
		}
	}
	return nil
}

// badInput says what of position i is not finite.
func badInput(b *hud.Packed, i int) string {
	switch {
	case !finite(float64(b.Logprobs[i])):
		return "the policy's logprob is not finite"
	case !finite(float64(b.SamplingLogprobs[i])):
		return "the sampling policy's logprob is not finite"
	case b.RefLogprobs != nil && !finite(float64(b.RefLogprobs[i])):
		return fmt.Sprintf("the reference's logprob is %v", b.RefLogprobs[i])
	}
	return ""
}
