package local

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/hudrl/hudrl/internal/policy"
	"github.com/hudrl/hudrl/internal/store"
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/loss"
)

// Losses lists the built-in losses: those of the protocol.
func (s *Service) Losses(ctx context.Context, modelID string) ([]string, error) {
	if _, err := s.resolve(ctx, "losses", modelID); err != nil {
		return nil, err
	}
	return loss.Builtins(), nil
}

// ForwardBackward adds the gradient of a built-in loss, summed over the action
// tokens of all datums, to what the model has accumulated. Advantages are
// reward_scale·(reward − group mean). A group whose rewards are all equal has
// advantage exactly 0; a pass of importance_sampling, ppo or cispo without any
// other group accumulates nothing. num_substeps cuts the batch into so many
// parts whose gradients add up; it does not step.
func (s *Service) ForwardBackward(ctx context.Context, modelID string, req *hud.ForwardBackwardRequest) (*hud.ForwardBackwardResult, error) {
	const op = "forward_backward"
	name := req.LossFn
	if name == "" {
		name = hud.LossImportanceSampling
	}
	fn, err := builtin(op, name, req.LossFnConfig)
	if err != nil {
		return nil, err
	}
	if req.NumSubsteps < 0 {
		return nil, invalid(op, "num_substeps: got %d, want at least 1", req.NumSubsteps)
	}
	t, unlock, err := s.enter(ctx, op, modelID)
	if err != nil {
		return nil, err
	}
	defer unlock()
	payloads, shape, err := s.inputs(ctx, op, t.row, req.Inputs, req.GroupSize, req.RewardScale)
	if err != nil {
		return nil, err
	}
	rewards := rewardsOf(payloads)
	var stats stepStats
	stats.describeRewards(rewards, req.GroupSize)
	adv, noSpread := advantages(rewards, req.GroupSize, req.RewardScale)
	if fn.UsesAdvantage() {
		stats.noSpread = noSpread
	} else {
		clear(adv)
	}
	for i, a := range adv {
		if !finite(a) {
			return nil, invalid(op, "trajectory %d: advantage: got %v from reward %v and reward_scale %v, want a finite number", i+1, a, rewards[i], req.RewardScale)
		}
	}
	stats.losses = []string{name}

	// Contiguous parts of nearly equal numbers of trajectories.
	n := max(1, min(req.NumSubsteps, len(payloads)))
	parts := make([]*batch, n)
	perDatum := make([][]datumStats, n)
	for k := range parts {
		b, err := datums(op, shape, payloads, k*len(payloads)/n, (k+1)*len(payloads)/n, fn.UsesSampling(), s.opts.SeparateTurns)
		if err != nil {
			return nil, err
		}
		parts[k], perDatum[k] = b, make([]datumStats, b.len())
	}
	if err := t.load(ctx, op); err != nil {
		return nil, err
	}
	coef := func(k, d int, logprobs, dlogprobs []float32) {
		b := parts[k]
		b.coefficients(fn, d, adv[b.traj[d]], logprobs, dlogprobs, &perDatum[k][d])
	}
	keep := !fn.ZeroWithoutAdvantage() || slices.ContainsFunc(adv, func(a float64) bool { return a != 0 })
	err = t.accumulate(ctx, op, parts, coef, keep, func() error {
		for k, b := range parts {
			if err := broken(op, b, perDatum[k]); err != nil {
				return err
			}
			stats.addDatums(b, perDatum[k])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	t.pending.stats.merge(stats)
	return stats.result(), nil
}

// builtin is a loss of the protocol; what is wrong with it is op's error.
func builtin(op, name string, config map[string]float64) (*loss.TokenLoss, error) {
	fn, err := loss.Builtin(name, config)
	var e *hud.Error
	if errors.As(err, &e) {
		return nil, hinted(invalid(op, "%v", e), "%s", e.Hint)
	}
	return fn, err
}

// coefficients fills dLoss/dlogprob of datum d, whose trajectory has advantage
// adv, and counts its metrics.
func (b *batch) coefficients(fn *loss.TokenLoss, d int, adv float64, logprobs, dlogprobs []float32, stats *datumStats) {
	lo, hi := b.at(d)
	q, mask := b.q[lo:hi], b.mask[lo:hi]
	sums := fn.Eval(logprobs, q, mask, adv, dlogprobs)
	stats.loss, stats.clipped = sums.Loss, sums.Clipped
	if fn.Clips() {
		stats.bounded = sums.Tokens
	}
	for i, lp := range logprobs {
		if mask[i] == 0 {
			continue
		}
		p := float64(lp)
		stats.observe(p, float64(q[i]), b.known[d], adv)
		switch {
		case !finite(p):
			stats.fail(i+1, fmt.Sprintf("the model's logprob is %v", p))
		case !finite(float64(dlogprobs[i])),
			// The sum may overflow although no token does.
			!finite(sums.Loss) && !finite(fn.Eval(logprobs[i:i+1], q[i:i+1], mask[i:i+1], adv, nil).Loss):
			dlogprobs[i] = 0
			stats.fail(i+1, fmt.Sprintf("the loss is not finite: %s of logprob %v, sampling logprob %v, advantage %v", fn.Name(), p, q[i], adv))
		}
	}
}

// broken is the error of the first datum whose numbers broke.
func broken(op string, b *batch, stats []datumStats) error {
	for d, st := range stats {
		if st.bad != 0 {
			return invalid(op, "trajectory %d, datum %d, position %d: %s", b.traj[d]+1, d+1, st.bad, st.badDetail)
		}
	}
	return nil
}

// inputs validates what every pass has in common and resolves traces.
func (s *Service) inputs(ctx context.Context, op string, row store.Model, in []hud.TrainInput, groupSize int, scale float64) ([]*hud.TrajectoryPayload, policy.Config, error) {
	shape, err := parseConfig(row.Config)
	if err != nil {
		return nil, shape, storeError(op, err)
	}
	if !finite(scale) {
		return nil, shape, invalid(op, "reward_scale: got %v, want a finite number", scale)
	}
	payloads, err := s.resolveInputs(ctx, op, in)
	if err != nil {
		return nil, shape, err
	}
	return payloads, shape, checkGroups(op, len(payloads), groupSize)
}

func rewardsOf(payloads []*hud.TrajectoryPayload) []float64 {
	r := make([]float64, len(payloads))
	for i, p := range payloads {
		r[i] = p.Reward
	}
	return r
}

// Forward computes the logprobs of every position, also of observations, under
// the head, and keeps the pass for one Backward: for an hour, until the next
// step or head change, and for the last 64 passes. With req.Checkpoint it
// scores under another model's head or a checkpoint instead (a frozen
// reference) and nothing is kept. DatumTensors' reward is reward_scale·reward.
func (s *Service) Forward(ctx context.Context, modelID string, req *hud.ForwardRequest) (*hud.ForwardResult, error) {
	const op = "forward"
	if req.Checkpoint != "" {
		return s.reference(ctx, op, modelID, req)
	}
	t, unlock, err := s.enter(ctx, op, modelID)
	if err != nil {
		return nil, err
	}
	defer unlock()
	payloads, shape, err := s.inputs(ctx, op, t.row, req.Inputs, req.GroupSize, req.RewardScale)
	if err != nil {
		return nil, err
	}
	b, err := datums(op, shape, payloads, 0, len(payloads), false, s.opts.SeparateTurns)
	if err != nil {
		return nil, err
	}
	if err := t.load(ctx, op); err != nil {
		return nil, err
	}
	packed, err := scoreAll(ctx, op, t.weights, b, payloads, req)
	if err != nil {
		return nil, err
	}
	rewards := rewardsOf(payloads)
	pass := &forwardPass{batch: b, expires: s.opts.now().Add(forwardTTL)}
	pass.stats.describeRewards(rewards, req.GroupSize)
	pass.advantages, pass.stats.noSpread = advantages(rewards, req.GroupSize, req.RewardScale)
	id := newID()
	t.passes.add(id, pass)
	return &hud.ForwardResult{ForwardID: id, Data: packed}, nil
}

// reference scores under weights that no training touches, so it waits for
// nobody.
func (s *Service) reference(ctx context.Context, op, modelID string, req *hud.ForwardRequest) (*hud.ForwardResult, error) {
	row, err := s.trainable(ctx, op, modelID)
	if err != nil {
		return nil, err
	}
	weights, err := s.frozen(ctx, op, row, req.Checkpoint)
	if err != nil {
		return nil, err
	}
	if !finite(req.RewardScale) {
		return nil, invalid(op, "reward_scale: got %v, want a finite number", req.RewardScale)
	}
	payloads, err := s.resolveInputs(ctx, op, req.Inputs)
	if err != nil {
		return nil, err
	}
	if err := checkGroups(op, len(payloads), req.GroupSize); err != nil {
		return nil, err
	}
	b, err := datums(op, weights.Config, payloads, 0, len(payloads), false, s.opts.SeparateTurns)
	if err != nil {
		return nil, err
	}
	packed, err := scoreAll(ctx, op, weights, b, payloads, req)
	if err != nil {
		return nil, err
	}
	return &hud.ForwardResult{Data: packed}, nil
}

// frozen finds the weights of a checkpoint of the model, of any checkpoint, or
// of another model's head.
func (s *Service) frozen(ctx context.Context, op string, row store.Model, name string) (*policy.Model, error) {
	c, err := s.checkpoint(ctx, op, row, name)
	if err != nil {
		var found bool
		if c, row, found = s.anyCheckpoint(ctx, name); !found {
			c = store.Checkpoint{}
		}
	}
	if c.ID != "" {
		if c.Weights == "" {
			return nil, s.pruned(op, c)
		}
		m, err := s.blobWeights(row.Config, c.Weights)
		return m, storeError(op, err)
	}
	r, err := s.resolve(ctx, op, name)
	if err != nil {
		var e *hud.Error
		if errors.As(err, &e) && e.Code == hud.CodeNotFound {
			e.Detail = fmt.Sprintf("reference: neither a checkpoint nor a model: %q not found", name)
		}
		return nil, err
	}
	_, m, err := s.serving(ctx, r)
	return m, storeError(op, err)
}

// scoreAll packs a batch with the logprobs of every position.
func scoreAll(ctx context.Context, op string, m *policy.Model, b *batch, payloads []*hud.TrajectoryPayload, req *hud.ForwardRequest) (*hud.Packed, error) {
	all := b.tokens
	all.Need = nil
	if err := m.Logprobs(ctx, &all, b.logprobs); err != nil {
		return nil, stopped(op, ctx)
	}
	p := &hud.Packed{
		Offsets: slices.Clone(all.Offsets), Logprobs: b.logprobs, SamplingLogprobs: slices.Clone(b.q), Mask: slices.Clone(b.mask),
		Reward: make([]float64, b.len()), TrajIdx: slices.Clone(b.traj), GroupIdx: make([]int, b.len()),
	}
	b.logprobs = make([]float32, len(b.logprobs)) // the caller owns what it was given
	for d, i := range b.traj {
		p.Reward[d], p.GroupIdx[d] = req.RewardScale*payloads[i].Reward, -1
		if req.GroupSize > 0 {
			p.GroupIdx[d] = i / req.GroupSize
		}
		if !finite(p.Reward[d]) {
			return nil, invalid(op, "trajectory %d: reward: got %v from reward %v and reward_scale %v, want a finite number", i+1, p.Reward[d], payloads[i].Reward, req.RewardScale)
		}
		lo, hi := b.at(d)
		for k, lp := range p.Logprobs[lo:hi] {
			if !finite(float64(lp)) {
				return nil, invalid(op, "trajectory %d, datum %d, position %d: the model's logprob is %v", i+1, d+1, k+1, lp)
			}
		}
	}
	return p, nil
}

// Backward adds the gradient of −Σ weights·logprobs for the datums of a
// forward pass: weights[d][t] = −dC/dlogprob. Weights are taken as they are,
// also at observations. All weights 0 accumulates nothing. The forward pass is
// used up unless the request was invalid. The caller's metrics are merged over
// the service's.
func (s *Service) Backward(ctx context.Context, modelID string, req *hud.BackwardRequest) (*hud.ForwardBackwardResult, error) {
	const op = "backward"
	t, unlock, err := s.enter(ctx, op, modelID)
	if err != nil {
		return nil, err
	}
	defer unlock()
	pass, err := t.passes.peek(req.ForwardID, s.opts.now())
	if errors.Is(err, errUnknownPass) {
		return nil, notFound(op, "forward_id %q not found", req.ForwardID)
	}
	if err != nil {
		return nil, hinted(conflict(op, "forward_id %q cannot be used: %v", req.ForwardID, err),
			"run forward again: a forward pass is good for one backward, until the next optim_step or set_head")
	}
	b := pass.batch
	zero, observed, err := checkWeights(op, b, req.Weights)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(req.Metrics)) {
		if v := req.Metrics[name]; !finite(v) {
			return nil, invalid(op, "metrics: %s: got %v, want a finite number", name, v)
		}
	}
	if err := t.load(ctx, op); err != nil {
		return nil, err
	}
	part := *b
	if observed {
		part.tokens.Need = nil
	}
	perDatum := make([]datumStats, b.len())
	coef := func(_, d int, logprobs, dlogprobs []float32) {
		b.weigh(d, req.Weights[d], pass.advantages[b.traj[d]], logprobs, dlogprobs, &perDatum[d])
	}
	stats := pass.stats
	stats.losses = []string{"custom"}
	err = t.accumulate(ctx, op, []*batch{&part}, coef, !zero, func() error {
		if err := broken(op, b, perDatum); err != nil {
			return err
		}
		stats.addDatums(b, perDatum)
		return nil
	})
	if err != nil {
		return nil, err
	}
	t.passes.kill(req.ForwardID, "it was used by a backward already")
	t.pending.stats.merge(stats)
	res := stats.result()
	maps.Copy(res.Metrics, req.Metrics)
	return res, nil
}

// weigh turns datum d's weights into dC/dlogprob.
func (b *batch) weigh(d int, weights []float32, adv float64, logprobs, dlogprobs []float32, stats *datumStats) {
	lo, _ := b.at(d)
	for i, w := range weights {
		p := float64(logprobs[i])
		if b.mask[lo+i] != 0 {
			stats.observe(p, float64(b.q[lo+i]), b.known[d], adv)
		}
		if w != 0 {
			stats.loss -= float64(w) * p
			if !finite(p) {
				stats.fail(i+1, fmt.Sprintf("the model's logprob is %v", p))
			}
		}
		dlogprobs[i] = -w
	}
}

// checkWeights validates a backward's weights and reports whether all are
// zero, and whether some weigh an observation.
func checkWeights(op string, b *batch, weights [][]float32) (zero, observed bool, err error) {
	if len(weights) != b.len() {
		return false, false, invalid(op, "weights: got %d datums, want %d as forward returned", len(weights), b.len())
	}
	zero = true
	for d, row := range weights {
		lo, hi := b.at(d)
		if len(row) != hi-lo {
			return false, false, invalid(op, "weights: datum %d: got %d positions, want %d as forward returned", d+1, len(row), hi-lo)
		}
		for i, w := range row {
			if math.IsNaN(float64(w)) || math.IsInf(float64(w), 0) {
				return false, false, invalid(op, "weights: datum %d, position %d: got %v, want a finite number", d+1, i+1, w)
			}
			if w != 0 {
				zero = false
				observed = observed || b.mask[lo+i] == 0
			}
		}
	}
	return zero, observed, nil
}
