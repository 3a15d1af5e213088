package loss

import (
	"errors"
	"fmt"

	"github.com/hudrl/hudrl/internal/kernel"
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// A Batch is a packed batch as tensors over the same memory. They are
// read-only: values for all N positions, of which a [Batch.Datum] is a view.
type Batch struct {
	*hud.Packed
	Logprobs         *tensor.Tensor // [N] requires grad where gradients are wanted
	SamplingLogprobs *tensor.Tensor // [N]
	Mask             *tensor.Tensor // [N]
	RefLogprobs      *tensor.Tensor // [N], nil without a reference
}

// A Datum is one datum of a Batch.
type Datum struct {
	Logprobs         *tensor.Tensor // [T] a view of the batch's: gradients add
	SamplingLogprobs *tensor.Tensor
	Mask             *tensor.Tensor
	RefLogprobs      *tensor.Tensor // nil without a reference
	Reward           float64
	Advantage        float64
	TrajIdx          int
	GroupIdx         int // -1 when there are no groups
	Extra            map[string]any
}

// NewBatch makes the tensors of p, which must not change while they are in
// use. With grad the logprobs are one leaf over all positions.
func NewBatch(a *tensor.Allocator, p *hud.Packed, grad bool) (*Batch, error) {
	n := p.Tokens()
	over := func(data []float32) *tensor.Tensor {
		if data == nil {
			return nil
		}
		return a.From(data, n).ReadOnly()
	}
	b := &Batch{Packed: p, Logprobs: over(p.Logprobs), SamplingLogprobs: over(p.SamplingLogprobs), Mask: over(p.Mask), RefLogprobs: over(p.RefLogprobs)}
	for _, t := range []*tensor.Tensor{b.Logprobs, b.SamplingLogprobs, b.Mask} {
		if err := t.Err(); err != nil {
			return nil, fmt.Errorf("forward: the service's batch is malformed: %w", err)
		}
	}
	if grad {
		b.Logprobs.RequireGrad()
	}
	return b, nil
}

// Datum makes the views of datum d, from 0 on.
func (b *Batch) Datum(d int) Datum {
	p := b.Packed
	lo, hi := p.Range(d)
	cut := func(t *tensor.Tensor) *tensor.Tensor {
		if t == nil {
			return nil
		}
		return t.Narrow(0, lo, hi-lo)
	}
	x := Datum{Logprobs: cut(b.Logprobs), SamplingLogprobs: cut(b.SamplingLogprobs), Mask: cut(b.Mask), RefLogprobs: cut(b.RefLogprobs),
		Reward: p.Reward[d], TrajIdx: p.TrajIdx[d], GroupIdx: -1}
	if p.GroupIdx != nil {
		x.GroupIdx = p.GroupIdx[d]
	}
	if p.Advantage != nil {
		x.Advantage = p.Advantage[d]
	}
	if p.Extra != nil {
		x.Extra = p.Extra[d]
	}
	return x
}

// A TensorLoss computes a loss, a tensor with one element that depends on the
// batch's Logprobs, and metrics to report.
type TensorLoss func(b *Batch) (*tensor.Tensor, map[string]float64, error)

// Custom turns a loss written with tensors into what
// hud.TrainingClient.ForwardBackwardCustom takes: it runs the graph backwards
// and hands over −dC/dlogprob, the protocol's sign. Storage is counted by a,
// which may be nil. A datum no path of the graph leads to is untouched.
func Custom(a *tensor.Allocator, f TensorLoss) hud.CustomLoss {
	return func(p *hud.Packed, weights []float32) (hud.CustomResult, error) {
		const op = "forward_backward_custom"
		b, err := NewBatch(a, p, true)
		if err != nil {
			return hud.CustomResult{}, err
		}
		c, metrics, err := f(b)
		if err != nil {
			return hud.CustomResult{}, err
		}
		if err := c.Err(); err != nil {
			return hud.CustomResult{}, err
		}
		if c.Len() != 1 {
			return hud.CustomResult{}, &hud.Error{Op: op, Code: hud.CodeValidation,
				Detail: fmt.Sprintf("custom loss: got shape %v, want one element", c.Shape()), Hint: "reduce it with sum or mean"}
		}
		value, err := c.Item()
		if err != nil {
			return hud.CustomResult{}, err
		}
		out := hud.CustomResult{Loss: value, Metrics: metrics, Touched: make([]bool, p.Len())}
		if !c.RequiresGrad() {
			return out, nil
		}
		if err := c.Backward(); err != nil {
			return hud.CustomResult{}, err
		}
		if g := b.Logprobs.Grad(); g != nil {
			kernel.NegTo(weights, g.Data())
			if err := refuse(op, p, value, weights); err != nil {
				return hud.CustomResult{}, err
			}
		}
		for d := range out.Touched {
			out.Touched[d] = b.Logprobs.Touched(p.Range(d))
		}
		return out, nil
	}
}

// custom is the loss without tensors: the gradient goes straight to the
// weights, and all that is kept for the next batch is the sums' memory. A datum
// without loss tokens is untouched.
func (t *TokenLoss) custom(s Settings) hud.CustomLoss {
	return func(p *hud.Packed, weights []float32) (hud.CustomResult, error) {
		const op = "forward_backward_custom"
		if len(weights) != p.Tokens() || len(p.Logprobs) != len(weights) || len(p.SamplingLogprobs) != len(weights) || len(p.Mask) != len(weights) {
			return hud.CustomResult{}, invalid("forward", "the service's batch is malformed: got %d logprobs, %d sampling logprobs and a mask of %d for %d positions",
				len(p.Logprobs), len(p.SamplingLogprobs), len(p.Mask), p.Tokens())
		}
		value, metrics, touched, err := t.evaluate(p, &s, weights, -1)
		if errors.Is(err, errNotFinite) {
			err = refuse(op, p, value, weights)
		}
		if err != nil {
			return hud.CustomResult{}, err
		}
		return hud.CustomResult{Loss: value, Metrics: metrics, Touched: touched}, nil
	}
}

// ofAnswers is a loss of pairs or answers without a graph. Every datum that has
// positions is touched.
func ofAnswers(s Settings, evaluate batchFunc) hud.CustomLoss {
	return func(p *hud.Packed, weights []float32) (hud.CustomResult, error) {
		b, err := NewBatch(nil, p, false)
		if err != nil {
			return hud.CustomResult{}, err
		}
		out := hud.CustomResult{Touched: make([]bool, p.Len())}
		var sure bool
		if out.Loss, out.Metrics, sure, err = evaluate(b, s, weights, -1); err != nil {
			return hud.CustomResult{}, err
		}
		for d := range out.Touched {
			lo, hi := p.Range(d)
			out.Touched[d] = hi > lo
		}
		if sure {
			return out, nil
		}
		return out, refuse("forward_backward_custom", p, out.Loss, weights)
	}
}

// AsCustom is a loss of this package as what ForwardBackwardCustom takes, so
// that AsCustom("ppo", …) does what the service's own ppo does. What a batch may
// lack, as pairs or a reference, is found before anything is spent where
// hud.CustomOptions.Check is the loss's Ready, see [BatchLoss].
func AsCustom(name string, config map[string]float64, s Settings) (hud.CustomLoss, error) {
	t, err := NewBatchLoss(name, config)
	if err != nil {
		return nil, err
	}
	if err := t.Check(s); err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case *TokenLoss:
		return t.custom(s), nil
	case *PairLoss:
		return ofAnswers(s, t.evaluate), nil
	case *AnswerLoss:
		return ofAnswers(s, t.evaluate), nil
	}
	return Custom(nil, func(b *Batch) (*tensor.Tensor, map[string]float64, error) { return t.Loss(b, s) }), nil
}
