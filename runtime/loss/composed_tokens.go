package loss

import (
	"github.com/hudrl/hudrl/runtime/tensor"
)

// Tokens is the loss of each token, [N], written with tensor operations: 0
// where the mask is, and neither a value nor a gradient gets there from what
// the batch holds. The settings are those of [TokenLoss.Loss], with the
// aggregation left out: [Batch.Aggregate] adds the tokens up. A loss with one
// ratio per sequence gives all its tokens the same value.
func (t *TokenLoss) Tokens(b *Batch, s Settings) (*tensor.Tensor, error) {
	x, scale, err := t.terms(b, s)
	if err != nil {
		return nil, err
	}
	v := composed[t.name](x, t.config)
	out := tensor.Where(scale, v.Mul(scale), zero)
	return out, out.Err()
}

// terms are the tensors that t is made of, and what its token losses are
// multiplied by: mask and correction.
func (t *TokenLoss) terms(b *Batch, s Settings) (*terms, *tensor.Tensor, error) {
	advantage := b.Advantage
	if s.Advantage != nil {
		advantage = s.Advantage
	}
	if advantage == nil {
		advantage = make([]float64, b.Len())
	}
	n := b.Logprobs.Len()
	switch {
	case len(advantage) != b.Len():
		return nil, nil, invalid(t.name, "advantage: got %d values for %d datums", len(advantage), b.Len())
	case t.reference && b.Packed.RefLogprobs == nil:
		return nil, nil, noReference(t.name)
	case t.reward && len(b.Reward) != b.Len():
		return nil, nil, invalid(t.name, "reward: got %d values for %d datums", len(b.Reward), b.Len())
	case s.Old != nil && len(s.Old) != n:
		return nil, nil, invalid(t.name, "old_logprobs: got %d positions, want %d as logprobs has", len(s.Old), n)
	}
	old := s.Old
	if old == nil && s.Correction.onPolicy() {
		old = b.Logprobs.Data()
	}
	scale := b.Mask
	if s.Correction != nil {
		weights := make([]float32, n)
		for d := range b.Len() {
			lo, hi := b.Range(d)
			span := b.span(d, advantage[d])
			sampling := span.Sampling
			if old != nil {
				span.Sampling = old[lo:hi]
			}
			s.Correction.Weights(&span, span.Sampling, sampling, weights[lo:hi])
		}
		scale = scale.Mul(tensor.From(weights, n))
	}
	live := func(v *tensor.Tensor) *tensor.Tensor { return tensor.Where(b.Mask, v, zero) }
	x := &terms{l: live(b.Logprobs), a: column(advantage), mask: b.Packed.Mask, offsets: b.Offsets}
	if t.sampling {
		q := b.SamplingLogprobs
		if old != nil {
			q = tensor.From(old, n)
		}
		x.q = live(q)
	}
	if t.reference {
		x.ref = live(b.RefLogprobs)
	}
	if t.reward {
		x.reward = column(b.Reward)
	}
	counts := make([]float64, b.Len())
	for d, n := range b.counts() {
		counts[d] = max(1, float64(n))
	}
	x.tokens = column(counts)
	return x, scale, nil
}

// column is x as a tensor.
func column(x []float64) *tensor.Tensor {
	data := make([]float32, len(x))
	for i, v := range x {
		data[i] = float32(v)
	}
	return tensor.From(data, len(data))
}

// counts are the loss tokens of each datum.
func (b *Batch) counts() []int {
	counts := make([]int, b.Len())
	for d := range counts {
		lo, hi := b.Range(d)
		for _, m := range b.Packed.Mask[lo:hi] {
			if m != 0 {
				counts[d]++
			}
		}
	}
	return counts
}

// Aggregate adds up what each token loses, [N], as s says: "" is sum. The
// tokens counted are those whose mask is not 0.
func (b *Batch) Aggregate(tokens *tensor.Tensor, s Settings) (*tensor.Tensor, error) {
	if err := tokens.Err(); err != nil {
		return nil, err
	}
	if n := b.Logprobs.Len(); tokens.Dims() != 1 || tokens.Len() != n {
		return nil, invalid("aggregate", "got shape %v, want [%d]: one value for each position", tokens.Shape(), n)
	}
	scales, err := s.Aggregate.Scales(b.counts(), b.GroupIdx, s.MaxLength, s.Denominator)
	if err != nil {
		return nil, err
	}
	live := tensor.Where(b.Mask, tokens, zero)
	out := live.SegmentSum(b.Offsets).Mul(column(scales)).Sum()
	return out, out.Err()
}
