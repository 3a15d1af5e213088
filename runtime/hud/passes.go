package hud

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hudrl/hudrl/runtime/hud/journal"
)

// builtinLosses are the names of the protocol; a service may know more.
var builtinLosses = []string{LossCrossEntropy, LossImportanceSampling, LossPPO, LossCISPO, LossDRO}

// ForwardBackwardOptions are the arguments of ForwardBackward. A nil pointer
// is the default; an explicit value is checked, so new(0) is refused where 0
// makes no sense.
type ForwardBackwardOptions struct {
	LossFn       string             // default importance_sampling
	LossFnConfig map[string]float64 // the loss's own settings; ppo's epsilon means clipping to [1−ε, 1+ε]
	GroupSize    *int               // contiguous trajectories that share a baseline; nil: all of them
	RewardScale  *float64           // default 1
	NumSubsteps  *int               // default 1: the batch in so many parts, gradients added
}

// ForwardBackward accumulates the gradient of a built-in loss. The result's
// metrics are the service's, and offpolicy_samples:sum and policy_lag:max
// when the samples say how they were drawn.
func (c *TrainingClient) ForwardBackward(ctx context.Context, batch []Item, o ForwardBackwardOptions) (*ForwardBackwardResult, error) {
	const op = "forward_backward"
	send, err := c.prepare(op, batch, o)
	if err != nil {
		return nil, err
	}
	return send(ctx)
}

// prepare validates and returns what sends the pass.
func (c *TrainingClient) prepare(op string, batch []Item, o ForwardBackwardOptions) (func(context.Context) (*ForwardBackwardResult, error), error) {
	req := &ForwardBackwardRequest{
		LossFn:      o.LossFn,
		RewardScale: or(o.RewardScale, 1),
		NumSubsteps: or(o.NumSubsteps, 1),
	}
	if req.LossFn == "" {
		req.LossFn = LossImportanceSampling
	}
	rule := logprobsOptional
	if req.LossFn != LossCrossEntropy && slices.Contains(builtinLosses, req.LossFn) {
		rule = logprobsRequired
	}
	b, err := plan(op, batch, o.GroupSize, req.RewardScale, rule)
	if err != nil {
		return nil, err
	}
	if req.NumSubsteps < 1 {
		return nil, invalid(op, "num_substeps: got %d, want at least 1", req.NumSubsteps)
	}
	if req.LossFnConfig, err = lossConfig(op, req.LossFn, o.LossFnConfig); err != nil {
		return nil, err
	}
	req.Inputs, req.GroupSize = b.inputs, b.groupSize

	return func(ctx context.Context) (*ForwardBackwardResult, error) {
		id, err := c.resolve(ctx, op)
		if err != nil {
			return nil, err
		}
		if err := c.settled(op, id, journal.ForwardBackward); err != nil {
			return nil, err
		}
		if err := c.checkLoss(ctx, op, id, req.LossFn); err != nil {
			return nil, err
		}
		usesRewards := req.LossFn != LossCrossEntropy && req.LossFn != LossDRO
		c.warnBatch(op, batch, b, usesRewards, req.LossFn != LossCrossEntropy)
		// The head may move while the pass runs, so the lag is read before it.
		extra := c.provenance(ctx, id, b, req.LossFn != LossCrossEntropy)
		call, err := c.begin(op, journal.Sent{Op: journal.ForwardBackward, Model: id}, req.hash)
		if err != nil {
			return nil, err
		}
		began := c.passBegins()
		res, err := c.svc.ForwardBackward(ctx, id, req)
		if err != nil {
			c.lost(call, id, err)
			return nil, failure(op, err)
		}
		call.Acknowledge("", 0)
		c.accumulated(began, res.NumDatums, b.empty && usesRewards && rule == logprobsRequired)
		return withMetrics(res, extra), nil
	}, nil
}

// lossConfig copies a configuration, with ppo's epsilon as the thresholds
// the service knows.
func lossConfig(op, loss string, config map[string]float64) (map[string]float64, error) {
	if err := checkMetrics(op, "loss_fn_config", config); err != nil {
		return nil, err
	}
	eps, given := config["epsilon"]
	if loss != LossPPO || !given {
		return maps.Clone(config), nil
	}
	for _, name := range []string{"clip_low_threshold", "clip_high_threshold"} {
		if _, both := config[name]; both {
			return nil, invalid(op, "loss_fn_config: got epsilon and %s, want one way to say where to clip", name)
		}
	}
	if eps < 0 {
		return nil, invalid(op, "loss_fn_config: epsilon: got %v, want at least 0", eps)
	}
	out := maps.Clone(config)
	delete(out, "epsilon")
	out["clip_low_threshold"], out["clip_high_threshold"] = 1-eps, 1+eps
	return out, nil
}

// checkLoss refuses a loss that is neither of the protocol nor in the
// service's list. A service that cannot list leaves it to the pass.
func (c *TrainingClient) checkLoss(ctx context.Context, op, id, loss string) error {
	if slices.Contains(builtinLosses, loss) {
		return nil
	}
	known, err := c.svc.Losses(ctx, id)
	if err != nil || slices.Contains(known, loss) {
		return nil
	}
	return &Error{
		Op: op, Code: CodeValidation, Hint: Suggest(loss, known),
		Detail: fmt.Sprintf("loss_fn: got %q, want one of %s", loss, strings.Join(known, ", ")),
	}
}

// warnBatch gives the warnings a batch deserves.
func (c *TrainingClient) warnBatch(op string, batch []Item, b *batchPlan, usesRewards, usesLogprobs bool) {
	if b.noSpread && usesRewards {
		c.warnOnce("spread", noSpreadWarning)
	}
	if n, known, example := offPolicy(b.inputs); n > 0 && usesLogprobs {
		c.warnOnce("offpolicy", fmt.Sprintf("%s: %d of %d samples were not drawn from the policy itself (%s), "+
			"so their logprobs are not the sampling distribution's and importance ratios are biased; "+
			"sample at temperature 1 without truncation to train", op, n, known, example))
	}
	var failed []string
	for i, item := range batch {
		if r, ok := item.(*Run); ok && r.Status == StatusError {
			failed = append(failed, fmt.Sprintf("trajectory %d, run %s (%s)", i+1, r.TraceID, r.Error))
		}
	}
	if len(failed) > 0 {
		c.warn(fmt.Sprintf("%s: training on runs whose status is error: %s", op, strings.Join(failed, "; ")))
	}
}

// provenance returns the metrics that say how far the samples are from the
// policy.
func (c *TrainingClient) provenance(ctx context.Context, id string, b *batchPlan, wanted bool) map[string]float64 {
	n, known, _ := offPolicy(b.inputs)
	if known == 0 || !wanted {
		return nil
	}
	m := map[string]float64{"offpolicy_samples:sum": float64(n)}
	if lag, ok := c.policyLag(ctx, id, b.inputs); ok {
		m["policy_lag:max"] = float64(lag)
	}
	return m
}

// withMetrics returns a copy of the result with more metrics; the service's
// own win.
func withMetrics(res *ForwardBackwardResult, extra map[string]float64) *ForwardBackwardResult {
	out := &ForwardBackwardResult{NumDatums: res.NumDatums, Metrics: map[string]float64{}}
	maps.Copy(out.Metrics, extra)
	maps.Copy(out.Metrics, res.Metrics)
	return out
}

// StepOptions are the arguments of Step: those of ForwardBackward and the two
// of OptimStep that HUD's step takes.
type StepOptions struct {
	ForwardBackwardOptions
	LearningRate float64 // above 0, required
	WeightDecay  float64 // default 0

	State, Cursors map[string]json.RawMessage // as in OptimStepOptions
}

// A StepResult is the optimizer step's, with the pass before it.
type StepResult struct {
	OptimStepResult
	ForwardBackward *ForwardBackwardResult `json:"forward_backward"`
}

// Step is one ForwardBackward followed by one OptimStep. Both are validated
// before either is sent.
func (c *TrainingClient) Step(ctx context.Context, batch []Item, o StepOptions) (*StepResult, error) {
	const op = "step"
	optim := OptimStepOptions{LearningRate: o.LearningRate, WeightDecay: o.WeightDecay, State: o.State}
	req, err := optim.request(op)
	if err != nil {
		return nil, err
	}
	send, err := c.prepare(op, batch, o.ForwardBackwardOptions)
	if err != nil {
		return nil, err
	}
	pass, err := send(ctx)
	if err != nil {
		return nil, err
	}
	id, err := c.resolve(ctx, op)
	if err != nil {
		return nil, err
	}
	res, err := c.optimStep(ctx, op, id, req, o.Cursors)
	if err != nil {
		return nil, err
	}
	return &StepResult{OptimStepResult: *res, ForwardBackward: pass}, nil
}

// ForwardOptions are the arguments of Forward. A nil pointer is the default.
type ForwardOptions struct {
	GroupSize   *int     // nil: one group of all trajectories
	RewardScale *float64 // default 1
}

// Forward computes the current policy's logprobs of a batch. Packed.TrajIdx
// numbers trajectories in the caller's order, also where keyed groups had to
// be brought together to be sent; Packed.Advantage and Packed.Extra are
// filled in.
func (c *TrainingClient) Forward(ctx context.Context, batch []Item, o ForwardOptions) (*ForwardResult, error) {
	const op = "forward"
	b, id, err := c.prepareForward(ctx, op, batch, o)
	if err != nil {
		return nil, err
	}
	return c.forward(ctx, op, id, batch, b, or(o.RewardScale, 1))
}

func (c *TrainingClient) prepareForward(ctx context.Context, op string, batch []Item, o ForwardOptions) (*batchPlan, string, error) {
	b, err := plan(op, batch, o.GroupSize, or(o.RewardScale, 1), logprobsOptional)
	if err != nil {
		return nil, "", err
	}
	id, err := c.resolve(ctx, op)
	if err != nil {
		return nil, "", err
	}
	c.warnBatch(op, batch, b, true, true)
	return b, id, nil
}

func (c *TrainingClient) forward(ctx context.Context, op, id string, batch []Item, b *batchPlan, scale float64) (*ForwardResult, error) {
	res, err := c.svc.Forward(ctx, id, &ForwardRequest{Inputs: b.inputs, GroupSize: b.groupSize, RewardScale: scale})
	if err != nil {
		return nil, failure(op, err)
	}
	if err := checkPacked(op, res.Data, len(b.inputs)); err != nil {
		return nil, err
	}
	own := *res.Data // the service may keep what it answered for the backward pass
	p := &own
	p.TrajIdx = slices.Clone(p.TrajIdx)
	b.globalTrajectories(p)
	p.Advantage = advantages(p)
	p.carry(batch)
	return &ForwardResult{ForwardID: res.ForwardID, Data: p}, nil
}

// Backward accumulates the gradient of a caller's loss C against a forward
// pass: weights[d][t] = −dC/dlogprob of position t of datum d. metrics are
// returned with the service's own. A forward pass can be used once, and not
// after a step or a head change.
func (c *TrainingClient) Backward(ctx context.Context, forwardID string, weights [][]float32, metrics map[string]float64) (*ForwardBackwardResult, error) {
	const op = "backward"
	if forwardID == "" {
		return nil, invalid(op, "forward_id: got an empty string")
	}
	if len(weights) == 0 {
		return nil, invalid(op, "weights: got 0 datums, want as many as the forward pass")
	}
	id, err := c.resolve(ctx, op)
	if err != nil {
		return nil, err
	}
	return c.backward(ctx, op, id, forwardID, weights, metrics)
}

func (c *TrainingClient) backward(ctx context.Context, op, id, forwardID string, weights [][]float32, metrics map[string]float64) (*ForwardBackwardResult, error) {
	zero, err := checkWeights(op, weights)
	if err != nil {
		return nil, err
	}
	if err := checkMetrics(op, "metrics", metrics); err != nil {
		return nil, err
	}
	req := &BackwardRequest{ForwardID: forwardID, Weights: weights, Metrics: map[string]float64{}}
	maps.Copy(req.Metrics, metrics)
	call, err := c.begin(op, journal.Sent{Op: journal.Backward, Model: id}, req.hash)
	if err != nil {
		return nil, err
	}
	began := c.passBegins()
	res, err := c.svc.Backward(ctx, id, req)
	if err != nil {
		c.lost(call, id, err)
		return nil, failure(op, err)
	}
	call.Acknowledge("", 0)
	c.accumulated(began, res.NumDatums, zero)
	return withMetrics(res, nil), nil
}

// A CustomLoss computes a loss C over a packed batch and writes
// weights[i] = −dC/dlogprobs[i], the protocol's sign, for each of the N
// positions; weights arrives zeroed. It must neither change nor keep the batch.
type CustomLoss func(b *Packed, weights []float32) (CustomResult, error)

// A CustomResult is what a CustomLoss found.
type CustomResult struct {
	Loss    float64
	Metrics map[string]float64

	// Touched says for each datum whether its logprobs take part in the loss;
	// nil means all do. Untouched datums get zero weights and are counted in
	// the metric untouched_datums.
	Touched []bool
}

// CustomOptions are the arguments of ForwardBackwardCustom.
type CustomOptions struct {
	GroupSize   *int     // nil: one group of all trajectories
	RewardScale *float64 // default 1

	// Reference is a model or checkpoint whose logprobs of the same tokens
	// fill Packed.RefLogprobs; "" for none. A service that cannot compute
	// them refuses before the pass itself is spent.
	Reference string

	// Check, where it is not nil, says what the batch lacks for the loss before
	// anything is spent on it. It gets what is known by then: the rewards of
	// payloads, groups and extras, with one datum without positions for each
	// trajectory, and RefLogprobs that are nil without a reference.
	Check func(b *Packed) error
}

// ForwardBackwardCustom runs Forward, the caller's loss, and Backward. The
// result has the metrics of the loss; loss:sum is its value unless the loss
// set that name itself.
func (c *TrainingClient) ForwardBackwardCustom(ctx context.Context, batch []Item, loss CustomLoss, o CustomOptions) (*ForwardBackwardResult, error) {
	const op = "forward_backward_custom"
	b, id, err := c.prepareForward(ctx, op, batch, ForwardOptions{GroupSize: o.GroupSize, RewardScale: o.RewardScale})
	if err != nil {
		return nil, err
	}
	if err := c.settled(op, id, journal.Backward); err != nil {
		return nil, err
	}
	scale := or(o.RewardScale, 1)
	if o.Check != nil {
		if err := o.Check(b.outline(batch, scale, o.Reference != "")); err != nil {
			return nil, err
		}
	}
	var ref *Packed
	if o.Reference != "" {
		res, err := c.svc.Forward(ctx, id, &ForwardRequest{Inputs: b.inputs, GroupSize: b.groupSize, RewardScale: scale, Checkpoint: o.Reference})
		if err != nil {
			return nil, failure(op, err)
		}
		if err := checkPacked(op, res.Data, len(b.inputs)); err != nil {
			return nil, err
		}
		ref = res.Data
	}
	extra := c.provenance(ctx, id, b, true)
	fwd, err := c.forward(ctx, op, id, batch, b, scale)
	if err != nil {
		return nil, err
	}
	p := fwd.Data
	if ref != nil {
		if !slices.Equal(ref.Offsets, p.Offsets) {
			return nil, &Error{Op: op, Code: CodeServer, Detail: fmt.Sprintf(
				"the service answered a reference of %d datums and %d positions, want %d and %d of the same lengths", ref.Len(), ref.Tokens(), p.Len(), p.Tokens())}
		}
		p.RefLogprobs = ref.Logprobs
	}

	packed := make([]float32, p.Tokens())
	out, err := loss(p, packed)
	if err != nil {
		return nil, err
	}
	weights, metrics, err := customWeights(op, p, packed, out)
	if err != nil {
		return nil, err
	}
	res, err := c.backward(ctx, op, id, fwd.ForwardID, weights, metrics)
	if err != nil {
		return nil, err
	}
	return withMetrics(res, extra), nil
}

// customWeights checks what a loss answered and cuts its weights by datum.
func customWeights(op string, p *Packed, packed []float32, out CustomResult) ([][]float32, map[string]float64, error) {
	if !finite(out.Loss) {
		return nil, nil, invalid(op, "loss: got %v, want a finite number", out.Loss)
	}
	if out.Touched != nil && len(out.Touched) != p.Len() {
		return nil, nil, invalid(op, "touched: got %d values for %d datums, want one each", len(out.Touched), p.Len())
	}
	untouched := 0
	weights := make([][]float32, p.Len())
	for d := range weights {
		lo, hi := p.Range(d)
		weights[d] = packed[lo:hi:hi]
		if out.Touched != nil && !out.Touched[d] {
			clear(weights[d])
			untouched++
		}
	}
	if untouched == p.Len() {
		return nil, nil, &Error{
			Op: op, Code: CodeValidation,
			Detail: fmt.Sprintf("custom loss produced no gradient for any of the %d datums' logprobs", p.Len()),
			Hint:   "compute the loss from the logprobs the function is given",
		}
	}
	metrics := map[string]float64{"loss:sum": out.Loss, "untouched_datums": float64(untouched)}
	maps.Copy(metrics, out.Metrics)
	return weights, metrics, nil
}
