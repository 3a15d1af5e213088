package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/hudrl/hudrl/internal/optim"
	"github.com/hudrl/hudrl/internal/policy"
	"github.com/hudrl/hudrl/internal/store"
	"github.com/hudrl/hudrl/runtime/hud"
)

// OptimStep takes one AdamW step with what has accumulated, saves weights and
// optimizer state as a checkpoint, makes it the head and stores req.State, all
// in one atomic act. The step number is the model's: it never goes back, while
// Adam's own count is the checkpoint's. Errors: CodeNoGradient when nothing
// accumulated; CodeConflict when less did than req.MinDatums; CodeConflict when another process moved the head; a gradient or
// update that is not finite is refused. Whatever fails after validation, also
// for ctx, clears what had accumulated and leaves the head, so the caller can
// repeat the step from its first pass. An operation that reached the disk is finished even if
// ctx ends.
func (s *Service) OptimStep(ctx context.Context, modelID string, req *hud.OptimStepRequest) (res *hud.OptimStepResult, err error) {
	const op = "optim_step"
	h := optim.Hyper{LearningRate: req.LearningRate, Beta1: req.Beta1, Beta2: req.Beta2, Eps: req.Eps, WeightDecay: req.WeightDecay}
	if err := checkHyper(op, h); err != nil {
		return nil, err
	}
	for name, v := range req.State {
		if !json.Valid(v) {
			return nil, invalid(op, "state %q: got %d bytes that are not JSON", name, len(v))
		}
	}
	t, unlock, err := s.enterOr(ctx, op, modelID, func(t *trainer) { t.drop("an optim_step that was stopped") })
	if err != nil {
		return nil, err
	}
	defer unlock()
	if got := t.pending.stats.datums; got < req.MinDatums {
		e := conflict(op, "%d of the %d datums that were accumulated for this step are gone", req.MinDatums-got, req.MinDatums)
		if t.lost != "" {
			e.Detail += ": " + t.lost
		} else {
			e.Detail += ": the service began anew since, or another client stepped"
		}
		t.clear()
		t.lost = ""
		return nil, hinted(e, "repeat the step from its first forward_backward")
	}
	if t.pending.grad == nil {
		return nil, t.noGradient(op)
	}
	defer func() {
		if err != nil {
			t.drop("an optim_step that failed")
			return
		}
		t.clear()
		t.lost = ""
	}()
	if err := t.load(ctx, op); err != nil {
		return nil, err
	}
	if err := t.loadOptimizer(ctx, op); err != nil {
		return nil, err
	}
	norm := optim.Norm(t.pending.grad)
	if !finite(norm) {
		return nil, hinted(invalid(op, "the accumulated gradient is not finite: its norm is %v: it was cleared and the head stays", norm),
			"look for enormous ratios or advantages in the batch")
	}
	old := t.weights
	params := slices.Clone(old.Params)
	next := t.nextOptimizer()
	next.Step(params, t.pending.grad, h, optim.ClipScale(norm, t.row.GradClip))
	moved, size := optim.Distance(params, old.Params), optim.Norm(params)
	if !finite(size) || !finite(moved) || !finite(optim.Norm(next.M)) || !finite(optim.Norm(next.V)) {
		return nil, hinted(invalid(op, "the step would make weights that are not finite: learning_rate %v, gradient norm %v: nothing was changed", h.LearningRate, norm),
			"lower learning_rate or raise eps")
	}
	weights, err := policy.New(old.Config, params)
	if err != nil {
		return nil, failed(op, hud.CodeServer, http.StatusInternalServerError, "%v", err)
	}
	c := t.checkpointOf(h, norm, moved, size)
	c.AdamT = next.T
	if err := ctx.Err(); err != nil {
		return nil, stopped(op, ctx)
	}
	c, err = t.save(context.WithoutCancel(ctx), op, c, weights, next, req)
	if err != nil {
		return nil, err
	}
	t.row.Head, t.row.Steps = c.ID, c.Step
	t.weights, t.opt, t.idle = weights, next, t.opt
	s.loaded.drop(old)
	t.passes.invalidate("optim_step to " + stepName(c.Step))
	return &hud.OptimStepResult{
		Step: c.Step, CheckpointID: c.ID, Model: t.row.Slug,
		SamplerPath: samplerPath(t.row.Slug, c.Step), StatePath: statePath(t.row.Slug, c.Step),
	}, nil
}

// nextOptimizer is a copy of the head's optimizer state to step from, in the
// memory of the one before it.
func (t *trainer) nextOptimizer() *optim.AdamW {
	if t.idle == nil {
		t.idle = optim.New(len(t.opt.M))
	}
	copy(t.idle.M, t.opt.M)
	copy(t.idle.V, t.opt.V)
	t.idle.T = t.opt.T
	return t.idle
}

// save makes a step durable: blobs first, then the row, the promotion and the
// script's state in one transaction.
func (t *trainer) save(ctx context.Context, op string, c store.Checkpoint, weights *policy.Model, o *optim.AdamW, req *hud.OptimStepRequest) (store.Checkpoint, error) {
	w, m := takeBuffer(), takeBuffer()
	defer buffers.Put(w)
	defer buffers.Put(m)
	var errs [2]error
	var wg sync.WaitGroup
	wg.Go(func() { errs[0] = writeWeights(w, weights.Config, weights.Params) })
	wg.Go(func() { errs[1] = writeMoments(m, weights.Config, o) })
	wg.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return c, failed(op, hud.CodeServer, http.StatusInternalServerError, "%v", err)
	}
	err := t.svc.withBlobs([][]byte{w.Bytes(), m.Bytes()}, func(hashes []string) (err error) {
		c.Weights, c.Moments = hashes[0], hashes[1]
		t.svc.loaded.put(weightsKey(t.row.Config, c.Weights), weights) // before a chat looks for them
		c, err = t.svc.store.CommitStep(ctx, c, req.State)
		return err
	})
	if errors.Is(err, store.ErrMoved) {
		t.passes.invalidate("another process moved the head")
		return c, hinted(conflict(op, "%v: the accumulated gradients were discarded", err),
			"repeat the step from its first forward_backward; run one trainer per model")
	}
	return c, storeError(op, err)
}

// checkpointOf describes the step about to be committed.
func (t *trainer) checkpointOf(h optim.Hyper, gradNorm, updateNorm, paramNorm float64) store.Checkpoint {
	st := &t.pending.stats
	c := store.Checkpoint{
		ID: newID(), ModelID: t.row.ID, Step: t.row.Steps + 1, Parent: t.row.Head,
		NumTraces: new(len(st.rewards)), NumDatums: new(st.datums), NumTokens: new(st.inputs),
		LearningRate: new(h.LearningRate), LossFn: describe(st.losses), Metrics: st.checkpointMetrics(),
	}
	if len(st.rewards) > 0 {
		if mu := mean(st.rewards); finite(mu) {
			c.MeanReward = &mu
		}
	}
	c.Metrics["grad_norm"] = gradNorm // before clipping
	c.Metrics["update_norm"] = updateNorm
	c.Metrics["param_norm"] = paramNorm
	onlyFinite(c.Metrics)
	return c
}

// describe is the losses of a step as its checkpoint's row names them.
func describe(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return fmt.Sprintf("mixed (%s)", strings.Join(names, ", "))
}

// noGradient is the refusal of a step with nothing to apply, and forgets the
// passes that accumulated nothing.
func (t *trainer) noGradient(op string) error {
	why, hint := "no pass since the last step", "call forward_backward first"
	if t.lost != "" {
		why, hint = t.lost, "repeat the step from its first forward_backward"
	}
	if t.pending.passes > 0 {
		since := "the last step"
		if t.lost != "" {
			since = "then"
			why += "; "
		} else {
			why = ""
		}
		why += fmt.Sprintf("%d passes since %s, none with a gradient: every advantage or weight was 0", t.pending.passes, since)
		hint = ""
	}
	t.lost = ""
	t.clear()
	e := failed(op, hud.CodeNoGradient, http.StatusConflict, "no accumulated gradients: %s", why)
	e.Hint = hint
	return e
}

func checkHyper(op string, h optim.Hyper) error {
	for _, f := range []struct {
		name string
		v    float64
		ok   bool
		want string
	}{
		{"learning_rate", h.LearningRate, h.LearningRate > 0, "a finite number above 0"},
		{"beta1", h.Beta1, h.Beta1 >= 0 && h.Beta1 < 1, "at least 0 and below 1"},
		{"beta2", h.Beta2, h.Beta2 >= 0 && h.Beta2 < 1, "at least 0 and below 1"},
		{"eps", h.Eps, h.Eps >= 0, "a finite number of 0 or more"},
		{"weight_decay", h.WeightDecay, h.WeightDecay >= 0, "a finite number of 0 or more"},
	} {
		if !f.ok || math.IsInf(f.v, 0) {
			return invalid(op, "%s: got %v, want %s", f.name, f.v, f.want)
		}
	}
	return nil
}
