package loss

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/hudrl/hudrl/internal/kernel"
)

// A Correction weighs the tokens of any loss for the difference between the
// policy that sampled them and the one the batch is trained from: the same
// weights in numbers differ where the sampler computes in another precision or
// is some steps behind. With p the old policy's logprob (see Settings.Old) and
// w = exp(p − q), p − q held within ±20:
//
//   - tis: min(w, high); high 2. Source: TRL, NeMo RL (truncated importance
//     sampling);
//   - icepop: w where low ≤ w ≤ high, else 0; 0.5 and 5. Source: NeMo RL;
//   - seq_mask_tis: w where the sequence's exp(mean(p − q)) lies within low
//     and high, else 0; 0.999 and 1.002. Source: NeMo RL;
//   - off_policy_seq_mask: 1 where A ≥ 0 or the sequence's mean(q − ℓ) ≤ high,
//     else 0; high has no default. Source: TRL, after DeepSeek-V3.2.
//
// Weights are constants to the gradient. A token of weight 0 is still one of
// the tokens that an aggregation divides by.
type Correction struct {
	name      string
	low, high float64
}

// The keys of a correction's options.
const (
	keyCorrectionLow  = "correction_low"
	keyCorrectionHigh = "correction_high"
)

// corrections holds the default bounds; NaN is a bound without default.
var corrections = map[string]map[string]float64{
	"tis":                 {keyCorrectionHigh: 2},
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

// String is the correction with its bounds.
func (c *Correction) String() string { return fmt.Sprintf("%s[%v, %v]", c.name, c.low, c.high) }

// onPolicy reports whether the loss's own ratio is to the old policy, as the
// weight makes up for the rest.
func (c *Correction) onPolicy() bool { return c != nil && c.name != "off_policy_seq_mask" }

// correct fills the weights of the pass, and adds their metrics.
func (p *pass) correct(metrics map[string]float64) {
	c, b := p.s.Correction, p.batch
	p.weights = make([]float32, b.Tokens())
	p.count()
	p.each(func(piece, d, lo, hi int) {
		s := &p.spans[piece]
		p.span(s, d, lo, hi)
		p.limited[d] = c.Weights(s, s.Sampling, b.SamplingLogprobs[lo:hi], p.weights[lo:hi])
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
}

// Weights fills weights for one datum, 0 where the mask is 0, and returns how
// many loss tokens it limited or dropped. sampling and s.Logprobs are q and ℓ;
// old is p.
func (c *Correction) Weights(s *Span, old, sampling, weights []float32) (limited int) {
	var sum, behind, n float64
	for i, m := range s.Mask {
		if m != 0 {
			n++
			sum += limit(float64(old[i]) - float64(sampling[i]))
			behind += float64(sampling[i]) - float64(s.Logprobs[i])
		}
	}
	mean := math.Exp(sum / max(1, n))
	for i, m := range s.Mask {
		weights[i] = 0
		if m == 0 {
			continue
		}
		w := math.Exp(limit(float64(old[i]) - float64(sampling[i])))
		cut := false
		switch c.name {
		case "tis":
			w, cut = min(w, c.high), w > c.high
		case "icepop":
			if cut = !(w >= c.low && w <= c.high); cut {
				w = 0
			}
		case "seq_mask_tis":
			if cut = !(mean >= c.low && mean <= c.high); cut {
				w = 0
			}
		case "off_policy_seq_mask":
			w = 1
			if cut = !(s.Advantage >= 0 || behind/n <= c.high); cut {
				w = 0
			}
		}
		weights[i] = float32(w)
		if cut {
			limited++
		}
	}
	return limited
}
