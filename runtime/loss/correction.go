package loss

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/hudrl/hudrl/internal/kernel"
)

// A Correction weighs the tokens of any loss for the difference between the
// policy that sampled them and the one the batch is trained from: the same
// weights in numbers differ where the sampler computes in another precision or
// is some steps behind. With p the old policy's logprob (see Settings.Old) and
// w = exp(p − q), p − q held within ±20:
//
//   - tis: min(w, high); high 2. Source: TRL, NeMo RL (truncated importance
//     sampling), verl's rollout_is = token;
//   - seq_tis: min(exp(Σ(p − q)), high) on every token of the sequence, the
//     exponent held within ±20; high 2. Source: verl's rollout_is = sequence;
//   - icepop: w where low ≤ w ≤ high, else 0; 0.5 and 5. Source: NeMo RL;
//   - seq_mask_tis: w where the sequence's exp(mean(p − q)) lies within low
//     and high, else 0; 0.999 and 1.002. Source: NeMo RL;
//   - off_policy_seq_mask: 1 where the token's A ≥ 0 or the sequence's
//     mean(q − ℓ) ≤ high, else 0; high has no default. Source: TRL, after DeepSeek-V3.2.
//
// Weights are constants to the gradient. A token of weight 0 is still one of
// the tokens that an aggregation divides by; one that [NewRejection] rejects is
// not.
type Correction struct {
	name      string
	low, high float64
	reject    *rejection
	next      *Correction
}

// The keys of a correction's and a rejection's options.
const (
	keyCorrectionLow  = "correction_low"
	keyCorrectionHigh = "correction_high"
	keyRejectionLow   = "rejection_low"
	keyRejectionHigh  = "rejection_high"
)

// corrections holds the default bounds; NaN is a bound without default.
var corrections = map[string]map[string]float64{
	"tis":                 {keyCorrectionHigh: 2},
	"seq_tis":             {keyCorrectionHigh: 2},
	"icepop":              {keyCorrectionLow: 0.5, keyCorrectionHigh: 5},
	"seq_mask_tis":        {keyCorrectionLow: 0.999, keyCorrectionHigh: 1.002},
	"off_policy_seq_mask": {keyCorrectionHigh: math.NaN()},
}

// Corrections lists the names, sorted.
func Corrections() []string { return slices.Sorted(maps.Keys(corrections)) }

// NewCorrection is the correction of that name. The keys are correction_low
// and correction_high.
func NewCorrection(name string, config map[string]float64) (*Correction, error) {
	const op = "correction"
	defaults, ok := corrections[name]
	if !ok {
		return nil, unknown(op, "correction", name, Corrections())
	}
	c := maps.Clone(defaults)
	for _, k := range slices.Sorted(maps.Keys(config)) {
		if _, ok := c[k]; !ok {
			return nil, invalid(op, "%s has no %s", name, k)
		}
		if v := config[k]; math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
			return nil, invalid(op, "%s: got %v, want at least 0", k, v)
		}
		c[k] = config[k]
	}
	for k, v := range c {
		if math.IsNaN(v) {
			return nil, invalid(op, "%s: got no %s, want a number: it has no default", name, k)
		}
	}
	if low, high := c[keyCorrectionLow], c[keyCorrectionHigh]; low > high {
		return nil, invalid(op, "got %s %v above %s %v", keyCorrectionLow, low, keyCorrectionHigh, high)
	}
	return &Correction{name: name, low: c[keyCorrectionLow], high: c[keyCorrectionHigh]}, nil
}

// With is c and then o: weights multiply, and what either rejects is rejected.
// Both are left as they are; either may be nil.
func (c *Correction) With(o *Correction) *Correction {
	if c == nil {
		return o
	}
	out := *c
	out.next = c.next.With(o)
	return &out
}

// String is the correction with its bounds.
func (c *Correction) String() string {
	var parts []string
	for ; c != nil; c = c.next {
		parts = append(parts, fmt.Sprintf("%s[%v, %v]", c.name, c.low, c.high))
	}
	return strings.Join(parts, " · ")
}

// onPolicy reports whether the loss's own ratio is to the old policy, as the
// weight makes up for the rest.
func (c *Correction) onPolicy() bool {
	for ; c != nil; c = c.next {
		if c.reject == nil && c.name != "off_policy_seq_mask" {
			return true
		}
	}
	return false
}

// rejects reports whether c takes tokens out of the loss.
func (c *Correction) rejects() bool {
	for ; c != nil; c = c.next {
		if c.reject != nil {
			return true
		}
	}
	return false
}

// Weights fills weights for one datum, 0 where the mask is 0 and where it
// rejects, and returns how many loss tokens it limited, dropped or rejected.
// sampling and s.Logprobs are q and ℓ; old is p.
func (c *Correction) Weights(s *Span, old, sampling, weights []float32) (limited int) {
	return c.weights(s, old, sampling, weights, weights)
}

// weights is Weights with what is rejected set to 0 in keep instead.
func (c *Correction) weights(s *Span, old, sampling, weights, keep []float32) (limited int) {
	t := tiles.Get().(*tile)
	defer tiles.Put(t)
	kernel.NeTo(weights, s.Mask, scalar0)
	for ; c != nil; c = c.next {
		if c.reject != nil {
			limited += c.reject.weigh(t, s.Mask, old, sampling, keep)
		} else {
			limited += c.weigh(t, s, old, sampling, weights)
		}
	}
	return limited
}

// weigh multiplies weights.
func (c *Correction) weigh(t *tile, s *Span, old, sampling, weights []float32) (limited int) {
	n, sum := logRatio(t, s.Mask, old, sampling)
	tokens := max(1, float64(n))
	all := func(w float64, cut bool) int {
		kernel.Scale(float32(w), weights)
		if cut {
			return n
		}
		return 0
	}
	switch c.name {
	case "seq_tis":
		w := math.Exp(limit(difference(s.Mask, old, sampling)))
		return all(min(w, c.high), w > c.high)
	case "off_policy_seq_mask":
		if behind := difference(s.Mask, sampling, s.Logprobs); behind/tokens <= c.high {
			return 0
		}
		if s.Advantages == nil {
			if s.Advantage >= 0 {
				return 0
			}
			return all(0, true)
		}
		for i, m := range s.Mask {
			if m != 0 && !(s.Advantages[i] >= 0) {
				weights[i] = 0
				limited++
			}
		}
		return limited
	case "seq_mask_tis":
		if mean := math.Exp(sum / tokens); !(mean >= c.low && mean <= c.high) {
			return all(0, true)
		}
	}
	cut := 0.0
	for lo := 0; lo < len(s.Mask); lo += tileLen {
		hi := min(lo+tileLen, len(s.Mask))
		t.cut(s, lo, hi)
		t.ratios(old[lo:hi], sampling[lo:hi])
		switch c.name {
		case "tis":
			above(t.u, t.r, c.high)
			kernel.MinimumTo(t.r, t.r, []float32{float32(c.high)})
			cut += t.count(t.u)
		case "icepop":
			above(t.u, t.r, c.high)
			below(t.v, t.r, c.low)
			kernel.OrTo(t.u, t.u, t.v)
			unless(t.r, t.u, t.r)
			cut += t.count(t.u)
		}
		kernel.MulTo(weights[lo:hi], weights[lo:hi], t.r)
	}
	return int(cut)
}

// ratios fills d and r with p − q, held within ±20, and its exponential.
func (t *tile) ratios(p, q []float32) {
	if r := kernel.RatioTo(t.d, t.r, p, q, t.mask); r.MaxLog < kernel.MaxLogRatio {
		return
	}
	for i, m := range t.mask {
		t.d[i], t.r[i] = 0, 0
		if m != 0 {
			d := limit(float64(p[i]) - float64(q[i]))
			t.d[i], t.r[i] = float32(d), float32(math.Exp(d))
		}
	}
}

// logRatio is the number of loss tokens and Σ p − q over them, each held
// within ±20.
func logRatio(t *tile, mask, p, q []float32) (n int, sum float64) {
	for lo := 0; lo < len(mask); lo += tileLen {
		hi := min(lo+tileLen, len(mask))
		u, v := t.buffers[0][:hi-lo], t.buffers[1][:hi-lo]
		m, x, y := mask[lo:hi], p[lo:hi], q[lo:hi]
		r := kernel.RatioTo(u, v, x, y, m)
		n += r.Tokens
		if r.MaxLog < kernel.MaxLogRatio {
			sum += difference(m, x, y)
			continue
		}
		for i, m := range m {
			if m != 0 {
				sum += limit(float64(x[i]) - float64(y[i]))
			}
		}
	}
	return n, sum
}

// difference is Σ p − q over the loss tokens.
func difference(mask, p, q []float32) float64 {
	return kernel.SumWhere(p, mask) - kernel.SumWhere(q, mask)
}

// correct fills the weights of the pass and takes what is rejected out of its
// mask; it adds correction_weight, the mean weight of the loss tokens before,
// and correction_fraction, the share that is limited, dropped or rejected, with
// rejection also rejected_fraction.
func (p *pass) correct(metrics map[string]float64) {
	c, b := p.s.Correction, p.batch
	p.weights = make([]float32, b.Tokens())
	keep := p.weights
	if c.rejects() {
		keep = slices.Clone(p.mask)
	}
	p.count()
	p.each(false, func(piece, d, lo, hi int) {
		s := &p.spans[piece]
		p.span(s, d, lo, hi)
		old := b.Logprobs
		if p.old != nil {
			old = p.old
		}
		p.limited[d] = c.weights(s, old[lo:hi], b.SamplingLogprobs[lo:hi], p.weights[lo:hi], keep[lo:hi])
	})
	sum, tokens, limited := 0.0, 0, 0
	for d, n := range p.counts {
		lo, hi := b.Range(d)
		sum += kernel.Sum(p.weights[lo:hi])
		tokens += n
		limited += p.limited[d]
	}
	n := max(1, float64(tokens))
	metrics["correction_weight"], metrics["correction_fraction"] = sum/n, float64(limited)/n
	if p.s.NormalizeWeights && sum > 0 {
		p.each(false, func(_, _, lo, hi int) { kernel.Scale(float32(n/sum), p.weights[lo:hi]) })
	}
	if c.rejects() {
		p.mask = keep
		left := 0
		p.count()
		for _, n := range p.counts {
			left += n
		}
		metrics["rejected_fraction"] = float64(tokens-left) / n
	}
}
