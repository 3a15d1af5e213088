package loss

import (
	"errors"

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
	// NormalizeWeights divides the correction's weights by their mean over the
	// loss tokens of the batch.
	NormalizeWeights bool
	// Expert says of each datum, [D], whether its tokens are an expert's; where it
	// is nil, the datum's extra.expert does. For chord, whose part of experts has
	// ExpertDenominator in place of Denominator.
	Expert            []bool
	ExpertDenominator float64
	// PositiveDenominator is to a term that only datums with a reward above 0
	// have what Denominator is to the rest of the loss. For vapo_pos_nll.
	PositiveDenominator float64
	// Observation is the weight of each position, [N], as an observation, 0 for
	// what is none. Where it is nil, a datum's extra.observation_mask is, a list
	// of one number for each position, and without that the positions outside the
	// mask behind the first loss token: what the environment answered, not the
	// prompt. For echo.
	Observation []float32
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
	how := t.aggregation(s)
	_, err := how.Scales(nil, nil, s.MaxLength, s.Denominator)
	if err == nil && t.positive {
		_, err = how.Scales(nil, nil, s.MaxLength, s.PositiveDenominator)
	}
	return err
}

// Ready finds what a batch lacks for the loss before it has logprobs.
func (t *TokenLoss) Ready(s Settings) func(p *hud.Packed) error {
	return func(p *hud.Packed) (err error) {
		switch {
		case t.reference && p.RefLogprobs == nil:
			return noReference(t.name)
		case t.name == "chord" && s.Expert == nil:
			_, err = experts(p, nil)
		}
		return err
	}
}

// A batchFunc is a loss of a batch and its metrics, with sign times the gradient
// into grad, which is 0; sure is whether all of it is finite for certain.
type batchFunc = func(b *Batch, s Settings, grad []float32, sign float64) (value float64, metrics map[string]float64, sure bool, err error)

// asTensor is a loss with a gradient of its own as a tensor.
func asTensor(name string, b *Batch, s Settings, evaluate batchFunc) (*tensor.Tensor, map[string]float64, error) {
	if err := b.Logprobs.Err(); err != nil {
		return nil, nil, err
	}
	grad := make([]float32, b.Logprobs.Len())
	value, metrics, _, err := evaluate(b, s, grad, 1)
	if err != nil {
		return nil, nil, err
	}
	out := tensor.Fused(name, value, []*tensor.Tensor{b.Logprobs}, [][]float32{grad})
	return out, metrics, out.Err()
}

// Loss is the loss of the batch as a tensor, with its metrics: loss_tokens and
// masked_tokens, the positions the mask leaves out; for losses with bounds
// clip_fraction, of the loss tokens, and its parts clip_fraction_low and
// clip_fraction_high; for glm_double_sided trained_tokens and masked_tokens are
// those within and outside its bounds, and its denominators count the trained
// ones; for vapo_pos_nll positive_tokens, the loss tokens of datums with a
// reward above 0; agg/empty, 1 where no token is left; those of [Drift] for
// losses that look at the sampling policy. The advantage is the batch's, reward
// minus the group's mean with each trajectory counted once, unless s has
// another. With a correction also correction_weight, the mean weight, and
// correction_fraction, the share of the tokens that it limited or dropped.
func (t *TokenLoss) Loss(b *Batch, s Settings) (*tensor.Tensor, map[string]float64, error) {
	if err := b.Logprobs.Err(); err != nil {
		return nil, nil, err
	}
	p := *b.Packed
	p.Logprobs = b.Logprobs.Data()
	grad := make([]float32, len(p.Logprobs))
	value, metrics, _, err := t.evaluate(&p, &s, grad, 1)
	if err != nil && !errors.Is(err, errNotFinite) {
		return nil, nil, err
	}
	out := tensor.Fused(t.name, value, []*tensor.Tensor{b.Logprobs}, [][]float32{grad})
	return out, metrics, out.Err()
}

func noReference(op string) error {
	return &hud.Error{Op: op, Code: hud.CodeValidation, Detail: "ref_logprobs: got none, want the reference's logprobs",
		Hint: "name a checkpoint as the reference of forward_backward_custom"}
}
