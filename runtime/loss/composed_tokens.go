package loss

import (
	"slices"

	"github.com/hudrl/hudrl/runtime/tensor"
)

// Tokens is the loss of each token, [N], written with tensor operations: 0
// where the mask is, and neither a value nor a gradient gets there from what
// the batch holds. The settings are those of [TokenLoss.Loss], with the
// aggregation left out: [Batch.Aggregate] adds the tokens up. A loss with one
// ratio per sequence gives all its tokens the same value. The term of
// vapo_pos_nll that has denominators of its own is multiplied so that
// [Batch.Aggregate] with the same settings gives [TokenLoss.Loss]; it is as it
// is where s names no aggregation.
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
	if err := b.Logprobs.Err(); err != nil {
		return nil, nil, err
	}
	packed := *b.Packed
	packed.Logprobs = b.Logprobs.Data()
	p, err := t.prepare(&packed, &s, map[string]float64{})
	if err != nil {
		return nil, nil, err
	}
	defer p.done()
	over := func(data []float32) *tensor.Tensor { return tensor.From(data, len(data)) }
	mask := over(p.mask)
	live := func(v *tensor.Tensor) *tensor.Tensor { return tensor.Where(mask, v, zero) }
	x := &terms{l: live(b.Logprobs), mask: p.mask, offsets: b.Offsets}
	scale := mask
	if p.weights != nil {
		scale = scale.Mul(over(p.weights))
	}
	if t.sampling {
		q := b.SamplingLogprobs
		if p.old != nil {
			q = over(slices.Clone(p.old))
		}
		x.q = live(q)
	}
	if t.reference {
		x.ref = live(b.RefLogprobs)
	}
	if t.reward {
		x.reward = column(b.Reward)
	}
	if p.chosen != nil {
		x.chosen = over(p.chosen)
	}
	first, counts, expert := make([]float64, b.Len()), make([]float64, b.Len()), make([]float64, b.Len())
	for d := range b.Len() {
		lo, hi := b.Range(d)
		if lo < hi {
			first[d] = p.advantage(lo, d)
		}
		if p.expert != nil && p.expert[d] {
			expert[d] = 1
		}
		counts[d] = max(1, float64(countOf(p.mask[lo:hi])))
	}
	x.a, x.tokens = column(first), column(counts)
	if p.tokenA != nil {
		x.advantage = over(p.tokenA)
	} else {
		x.advantage = x.each(x.a)
	}
	if p.expert != nil {
		x.expert = column(expert)
	}
	if t.positive && s.Aggregate != "" {
		p.count()
		if err := p.scale(); err != nil {
			return nil, nil, err
		}
		x.positive = column(p.positive)
	}
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
