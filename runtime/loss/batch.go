package loss

import (
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// Settings are what the losses of this package need beside the batch.
type Settings struct {
	Aggregate   Aggregation // "" is the loss's own
	MaxLength   float64     // for seq_mean_token_sum_norm
	Denominator float64     // see Aggregation.Scales; 0: the batch's own
	Advantage   []float64   // [D] in place of the batch's
	// Correction weighs tokens; nil does not.
	Correction *Correction
	// Old is the logprobs of the policy before the first of several steps on the
	// batch, [N]. Where given, ratios are to it instead of the sampling policy.
	// Where it is not, a Correction takes the current policy for it, which makes
	// the ratios 1: right for the first step.
	Old []float32
}

// aggregation is how s adds up the losses of t.
func (t *TokenLoss) aggregation(s Settings) Aggregation {
	if s.Aggregate == "" {
		return t.aggregate
	}
	return s.Aggregate
}

// Check finds what is wrong with s whatever the batch is.
func (t *TokenLoss) Check(s Settings) error {
	_, err := t.aggregation(s).Scales(nil, nil, s.MaxLength, s.Denominator)
	return err
}

// span is datum d.
func (b *Batch) span(d int, advantage float64) Span {
	lo, hi := b.Range(d)
	s := Span{Logprobs: b.Logprobs.Data()[lo:hi], Sampling: b.Packed.SamplingLogprobs[lo:hi], Mask: b.Packed.Mask[lo:hi], Advantage: advantage}
	if ref := b.Packed.RefLogprobs; ref != nil {
		s.Reference = ref[lo:hi]
	}
	if b.Reward != nil {
		s.Reward = b.Reward[d]
	}
	return s
}

// Loss is the loss of the batch as a tensor, with its metrics: loss_tokens,
// and for losses with bounds clip_fraction (of the loss tokens); for
// glm_double_sided trained_tokens and masked_tokens, and its denominators
// count the trained ones; those of [Drift] for losses that look at the
// sampling policy. The advantage is the batch's, reward minus the group's mean
// with each trajectory counted once, unless s has another. With a correction
// also correction_weight, the mean weight, and correction_fraction, the share
// of the tokens that it limited or dropped.
func (t *TokenLoss) Loss(b *Batch, s Settings) (*tensor.Tensor, map[string]float64, error) {
	advantage := b.Advantage
	if s.Advantage != nil {
		advantage = s.Advantage
	}
	if advantage == nil {
		advantage = make([]float64, b.Len())
	}
	if len(advantage) != b.Len() {
		return nil, nil, invalid(t.name, "advantage: got %d values for %d datums", len(advantage), b.Len())
	}
	if t.reference && b.Packed.RefLogprobs == nil {
		return nil, nil, noReference(t.name)
	}
	if t.reward && len(b.Reward) != b.Len() {
		return nil, nil, invalid(t.name, "reward: got %d values for %d datums", len(b.Reward), b.Len())
	}
	n := b.Logprobs.Len()
	if s.Old != nil && len(s.Old) != n {
		return nil, nil, invalid(t.name, "old_logprobs: got %d positions, want %d as logprobs has", len(s.Old), n)
	}
	old := s.Old
	if old == nil && s.Correction.onPolicy() {
		old = b.Logprobs.Data()
	}
	grad := make([]float32, n)
	var weights []float32
	limited := 0
	if s.Correction != nil {
		weights = make([]float32, n)
	}
	sums, counts := make([]Sums, b.Len()), make([]int, b.Len())
	var all Sums
	for d := range sums {
		lo, hi := b.Range(d)
		span := b.span(d, advantage[d])
		sampling := span.Sampling
		if old != nil {
			span.Sampling = old[lo:hi]
		}
		if s.Correction != nil {
			span.Weight = weights[lo:hi]
			limited += s.Correction.Weights(&span, span.Sampling, sampling, span.Weight)
		}
		sums[d] = t.EvalSpan(&span, grad[lo:hi])
		all.add(&sums[d])
		counts[d] = sums[d].Tokens
		if t.surviving {
			counts[d] -= sums[d].Clipped
		}
	}
	scales, err := t.aggregation(s).Scales(counts, b.GroupIdx, s.MaxLength, s.Denominator)
	if err != nil {
		return nil, nil, err
	}
	value := 0.0
	for d, scale := range scales {
		value += scale * sums[d].Loss
		if scale == 1 {
			continue
		}
		lo, hi := b.Range(d)
		for i, g := range grad[lo:hi] {
			grad[lo+i] = float32(float64(g) * scale)
		}
	}
	metrics := map[string]float64{"loss_tokens": float64(all.Tokens)}
	if t.sampling {
		all.Drift.metrics(metrics)
	}
	if t.surviving {
		metrics["trained_tokens"] = float64(all.Tokens - all.Clipped)
		metrics["masked_tokens"] = float64(all.Clipped)
	} else if t.Clips() {
		metrics["clip_fraction"] = float64(all.Clipped) / max(1, float64(all.Tokens))
	}
	if s.Correction != nil {
		sum := 0.0
		for _, w := range weights {
			sum += float64(w)
		}
		metrics["correction_weight"] = sum / max(1, float64(all.Tokens))
		metrics["correction_fraction"] = float64(limited) / max(1, float64(all.Tokens))
	}
	out := tensor.Fused(t.name, value, []*tensor.Tensor{b.Logprobs}, [][]float32{grad})
	return out, metrics, out.Err()
}

func noReference(op string) error {
	return &hud.Error{Op: op, Code: hud.CodeValidation, Detail: "ref_logprobs: got none, want the reference's logprobs",
		Hint: "name a checkpoint as the reference of forward_backward_custom"}
}
