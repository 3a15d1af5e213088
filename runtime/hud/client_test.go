package hud_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
)

// payload is a trajectory of one turn of two tokens.
func payload(reward float64) *hud.TrajectoryPayload {
	return &hud.TrajectoryPayload{Reward: reward, Samples: []hud.TrajectorySample{{
		PromptTokenIDs: []int{257, 49}, OutputTokenIDs: []int{50, 261}, OutputLogprobs: []float32{-1.5, -0.5},
	}}}
}

// run is a rollout of one turn.
func run(group string, reward float64) *hud.Run {
	return &hud.Run{TraceID: "t-" + group, GroupID: group, Reward: reward, Status: hud.StatusCompleted, StopReason: hud.StopDone, Samples: payload(0).Samples}
}

// fixture is a client over a fake service, and the warnings it gave.
type fixture struct {
	*hud.TrainingClient
	fake     *hudtest.Fake
	warnings []string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{fake: hudtest.NewFake()}
	f.TrainingClient = hud.NewTrainingClient(f.fake, hudtest.FakeModel, hud.TrainingClientOptions{
		Warn: func(m string) { f.warnings = append(f.warnings, m) },
	})
	return f
}

func wantError(t *testing.T, err error, code hud.Code, text string) {
	t.Helper()
	var e *hud.Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want a *hud.Error with code %s", err, code)
	}
	if e.Code != code {
		t.Errorf("got code %s (%v), want %s", e.Code, err, code)
	}
	if !strings.Contains(err.Error(), text) {
		t.Errorf("got error %q, want it to contain %q", err, text)
	}
}

// Every refusal happens before the service is called at all.
func TestRefusedBeforeSending(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	nan, inf := math.NaN(), math.Inf(1)
	spoilt := func(f func(*hud.TrajectoryPayload)) []hud.Item {
		p := payload(1)
		f(p)
		return []hud.Item{payload(0), p}
	}
	good := []hud.Item{payload(0), payload(1)}
	fb := func(batch []hud.Item, o hud.ForwardBackwardOptions) func(*fixture) error {
		return func(f *fixture) error { _, err := f.ForwardBackward(ctx, batch, o); return err }
	}
	step := func(batch []hud.Item, o hud.StepOptions) func(*fixture) error {
		return func(f *fixture) error { _, err := f.Step(ctx, batch, o); return err }
	}
	optim := func(o hud.OptimStepOptions) func(*fixture) error {
		return func(f *fixture) error { _, err := f.OptimStep(ctx, o); return err }
	}
	back := func(id string, w [][]float32, m map[string]float64) func(*fixture) error {
		return func(f *fixture) error { _, err := f.Backward(ctx, id, w, m); return err }
	}
	timedOut, bare := run("a", 1), &hud.Run{Reward: 1}
	timedOut.StopReason = hud.StopTimeout
	var nilRun *hud.Run
	var nilPayload *hud.TrajectoryPayload

	tests := []struct {
		name, want string
		call       func(*fixture) error
	}{
		{"timed-out run", "forward_backward: trajectory 1: timed-out runs require an explicit training reward", fb([]hud.Item{timedOut}, hud.ForwardBackwardOptions{})},
		{"bare run", "forward_backward: trajectory 2: run carries neither token-level samples nor a trace_id to train on; it must come from a trainable-model rollout (local) or a reported trace (remote)", fb([]hud.Item{payload(1), bare}, hud.ForwardBackwardOptions{})},
		{"nil item", "trajectory 1: got nil", fb([]hud.Item{nil}, hud.ForwardBackwardOptions{})},
		{"nil run", "trajectory 1: got a nil run", fb([]hud.Item{nilRun}, hud.ForwardBackwardOptions{})},
		{"nil payload", "trajectory 1: got a nil payload", fb([]hud.Item{nilPayload}, hud.ForwardBackwardOptions{})},
		{"empty trace id", "trajectory 1: got an empty trace id", fb([]hud.Item{hud.TraceID("")}, hud.ForwardBackwardOptions{})},
		{"group_size 0", "forward_backward: group_size: got 0, want at least 1", fb(good, hud.ForwardBackwardOptions{GroupSize: new(0)})},
		{"group_size -2", "group_size: got -2, want at least 1", fb(good, hud.ForwardBackwardOptions{GroupSize: new(-2)})},
		{"ragged", "3 trajectories do not divide evenly into groups of 2; GRPO normalizes advantages within each group, so every group must be full",
			fb([]hud.Item{payload(0), payload(1), payload(1)}, hud.ForwardBackwardOptions{GroupSize: new(2)})},
		{"incomplete", "forward_backward: incomplete GRPO groups: ['a', 'b']",
			fb([]hud.Item{run("a", 0), run("a", 1), run("a", 0), run("b", 1)}, hud.ForwardBackwardOptions{GroupSize: new(2)})},
		{"empty batch", "forward_backward: batch: got 0 trajectories, want at least 1", fb(nil, hud.ForwardBackwardOptions{})},
		{"empty batch with groups", "batch: got 0 trajectories", fb(nil, hud.ForwardBackwardOptions{GroupSize: new(2)})},
		{"num_substeps 0", "num_substeps: got 0, want at least 1", fb(good, hud.ForwardBackwardOptions{NumSubsteps: new(0)})},
		{"reward_scale NaN", "reward_scale: got NaN", fb(good, hud.ForwardBackwardOptions{RewardScale: &nan})},
		{"reward NaN", "trajectory 2: reward: got NaN, want a finite number", fb(spoilt(func(p *hud.TrajectoryPayload) { p.Reward = nan }), hud.ForwardBackwardOptions{})},
		{"reward of a run", "trajectory 1: reward: got +Inf", fb([]hud.Item{run("a", inf)}, hud.ForwardBackwardOptions{})},
		{"logprob Inf", "trajectory 2, sample 1: output_logprobs[2]: got -Inf, want a finite number",
			fb(spoilt(func(p *hud.TrajectoryPayload) { p.Samples[0].OutputLogprobs[1] = float32(-inf) }), hud.ForwardBackwardOptions{})},
		{"missing logprobs", "trajectory 2, sample 1: output_logprobs: got 0 values for 2 output tokens, want one each",
			fb(spoilt(func(p *hud.TrajectoryPayload) { p.Samples[0].OutputLogprobs = nil }), hud.ForwardBackwardOptions{})},
		{"short logprobs", "output_logprobs: got 1 values for 2 output tokens",
			fb(spoilt(func(p *hud.TrajectoryPayload) { p.Samples[0].OutputLogprobs = []float32{-1} }), hud.ForwardBackwardOptions{LossFn: hud.LossCrossEntropy})},
		{"no samples", "trajectory 2: samples: got 0, want at least 1", fb(spoilt(func(p *hud.TrajectoryPayload) { p.Samples = nil }), hud.ForwardBackwardOptions{})},
		{"no prompt", "prompt_token_ids: got 0 tokens", fb(spoilt(func(p *hud.TrajectoryPayload) { p.Samples[0].PromptTokenIDs = nil }), hud.ForwardBackwardOptions{})},
		{"no output", "output_token_ids: got 0 tokens", fb(spoilt(func(p *hud.TrajectoryPayload) { p.Samples[0].OutputTokenIDs = nil }), hud.ForwardBackwardOptions{})},
		{"negative token", "output_token_ids[1]: got -7", fb(spoilt(func(p *hud.TrajectoryPayload) { p.Samples[0].OutputTokenIDs[0] = -7 }), hud.ForwardBackwardOptions{})},
		{"negative prompt token", "prompt_token_ids[2]: got -1", fb(spoilt(func(p *hud.TrajectoryPayload) { p.Samples[0].PromptTokenIDs[1] = -1 }), hud.ForwardBackwardOptions{})},
		{"config NaN", `loss_fn_config["beta"]: got NaN`, fb(good, hud.ForwardBackwardOptions{LossFn: hud.LossDRO, LossFnConfig: map[string]float64{"beta": nan}})},
		{"epsilon twice", "loss_fn_config: got epsilon and clip_high_threshold", fb(good, hud.ForwardBackwardOptions{LossFn: hud.LossPPO, LossFnConfig: map[string]float64{"epsilon": 0.2, "clip_high_threshold": 2}})},
		{"epsilon negative", "epsilon: got -0.1, want at least 0", fb(good, hud.ForwardBackwardOptions{LossFn: hud.LossPPO, LossFnConfig: map[string]float64{"epsilon": -0.1}})},

		{"learning_rate 0", "step: learning_rate: got 0, want a finite number above 0", step(good, hud.StepOptions{})},
		{"weight_decay", "step: weight_decay: got -1", step(good, hud.StepOptions{LearningRate: 1, WeightDecay: -1})},
		{"step on ragged groups", "step: 2 trajectories do not divide", step(good, hud.StepOptions{LearningRate: 1, ForwardBackwardOptions: hud.ForwardBackwardOptions{GroupSize: new(3)}})},
		{"optim learning_rate 0", "optim_step: learning_rate: got 0", optim(hud.OptimStepOptions{})},
		{"optim learning_rate NaN", "learning_rate: got NaN", optim(hud.OptimStepOptions{LearningRate: nan})},
		{"optim learning_rate Inf", "learning_rate: got +Inf", optim(hud.OptimStepOptions{LearningRate: inf})},
		{"beta1", "beta1: got 1, want a number in [0, 1)", optim(hud.OptimStepOptions{LearningRate: 1, Beta1: new(1.0)})},
		{"beta2", "beta2: got -0.1", optim(hud.OptimStepOptions{LearningRate: 1, Beta2: new(-0.1)})},
		{"eps", "eps: got 0, want", optim(hud.OptimStepOptions{LearningRate: 1, Eps: new(0.0)})},
		{"weight_decay NaN", "weight_decay: got NaN", optim(hud.OptimStepOptions{LearningRate: 1, WeightDecay: nan})},

		{"backward without id", "forward_id: got an empty string", back("", [][]float32{{1}}, nil)},
		{"backward without weights", "weights: got 0 datums", back("x", nil, nil)},
		{"set_head without id", "checkpoint_id: got an empty string", func(f *fixture) error { return f.SetHead(ctx, "") }},
		{"forward on an empty batch", "forward: batch: got 0", func(f *fixture) error { _, err := f.Forward(ctx, nil, hud.ForwardOptions{}); return err }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			wantError(t, tt.call(f), hud.CodeValidation, tt.want)
			if n := len(f.fake.Calls()); n != 0 {
				t.Errorf("the service was called %d times, want 0", n)
			}
		})
	}
}

func TestBackwardNamesDatumAndPosition(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, err := f.Backward(t.Context(), "forward-1", [][]float32{{0, 1}, {2, float32(math.NaN())}}, nil)
	wantError(t, err, hud.CodeValidation, "backward: weights: datum 2, position 2: got NaN, want a finite number")
	_, err = f.Backward(t.Context(), "forward-1", [][]float32{{0, 1}}, map[string]float64{"kl": math.Inf(1)})
	wantError(t, err, hud.CodeValidation, `backward: metrics["kl"]: got +Inf, want a finite number`)
	if n := f.fake.Count("backward"); n != 0 {
		t.Errorf("backward was sent %d times, want 0", n)
	}
}

func TestRequestsCarryTheDefaults(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	res, err := f.Step(t.Context(), []hud.Item{payload(0), payload(1)}, hud.StepOptions{LearningRate: 1e-3})
	if err != nil {
		t.Fatal(err)
	}
	if res.Step != 1 || res.CheckpointID == "" || res.ForwardBackward.NumDatums != 2 {
		t.Errorf("got %+v, want step 1 of 2 datums", res)
	}
	for _, c := range f.fake.Calls() {
		switch req := c.Req.(type) {
		case *hud.ForwardBackwardRequest:
			if req.LossFn != "importance_sampling" || req.LossFnConfig != nil || req.GroupSize != 0 || req.RewardScale != 1 || req.NumSubsteps != 1 {
				t.Errorf("forward_backward: got %+v, want the defaults of hud's client", req)
			}
		case *hud.OptimStepRequest:
			want := hud.OptimStepRequest{LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8}
			if req.LearningRate != want.LearningRate || req.Beta1 != want.Beta1 || req.Beta2 != want.Beta2 || req.Eps != want.Eps || req.WeightDecay != 0 {
				t.Errorf("optim_step: got %+v, want %+v", req, want)
			}
		}
	}
}

func TestEpsilonBecomesThresholds(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	config := map[string]float64{"epsilon": 0.25}
	if _, err := f.ForwardBackward(t.Context(), []hud.Item{payload(0), payload(1)}, hud.ForwardBackwardOptions{LossFn: hud.LossPPO, LossFnConfig: config}); err != nil {
		t.Fatal(err)
	}
	for _, c := range f.fake.Calls() {
		if req, ok := c.Req.(*hud.ForwardBackwardRequest); ok {
			got := req.LossFnConfig
			if len(got) != 2 || got["clip_low_threshold"] != 0.75 || got["clip_high_threshold"] != 1.25 {
				t.Errorf("got config %v, want 0.75 and 1.25", got)
			}
		}
	}
	if len(config) != 1 {
		t.Errorf("the caller's config was changed: %v", config)
	}
}

func TestUnknownLossSuggests(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, err := f.ForwardBackward(t.Context(), []hud.Item{payload(0), payload(1)}, hud.ForwardBackwardOptions{LossFn: "importance_samplin"})
	wantError(t, err, hud.CodeValidation, `forward_backward: loss_fn: got "importance_samplin", want one of cross_entropy, importance_sampling, ppo, cispo, dro`)
	var e *hud.Error
	errors.As(err, &e)
	if want := `did you mean "importance_sampling"?`; e.Hint != want {
		t.Errorf("got hint %q, want %q", e.Hint, want)
	}
	if n := f.fake.Count("forward_backward"); n != 0 {
		t.Errorf("the pass was sent %d times, want 0", n)
	}
}

func TestResolution(t *testing.T) {
	t.Parallel()
	const id = "0123abcd-4567-89ab-cdef-0123456789ab"
	// Python's uuid.UUID accepts all of these spellings.
	for _, spelling := range []string{
		id, strings.ToUpper(id), strings.ReplaceAll(id, "-", ""), "{" + id + "}", "urn:uuid:" + id, "0123abcd456789abcdef-0123456789ab", "01-23abcd456789abcdef0123456789-ab",
	} {
		f := hudtest.NewFake()
		got, err := hud.NewTrainingClient(f, spelling, hud.TrainingClientOptions{}).ID(t.Context())
		if err != nil || got != id {
			t.Errorf("%s: got %q, %v, want %q", spelling, got, err, id)
		}
		if len(f.Calls()) != 0 {
			t.Errorf("%s: a UUID was looked up", spelling)
		}
	}

	f := newFixture(t)
	models, err := f.fake.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if got, err := f.ID(t.Context()); err != nil || got != models[0].ID {
			t.Fatalf("got %q, %v, want %q", got, err, models[0].ID)
		}
	}
	if n := f.fake.Count("resolve"); n != 1 {
		t.Errorf("resolved %d times, want once", n)
	}

	// When resolving fails the list is searched by id, name and slug.
	f = newFixture(t)
	f.fake.Before = func(op string, _ any) error {
		if op == "resolve" {
			return &hud.Error{Op: op, Code: hud.CodeServer, Status: 500}
		}
		return nil
	}
	models, err = f.fake.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := f.ID(t.Context()); err != nil || got != models[0].ID {
		t.Errorf("by the list: got %q, %v, want %q", got, err, models[0].ID)
	}
	c := hud.NewTrainingClient(f.fake, "fake/bigran", hud.TrainingClientOptions{})
	_, err = c.Checkpoints(t.Context())
	wantError(t, err, hud.CodeNotFound, "checkpoints: Model 'fake/bigran' not found. Run `hud models` to list available models.")
	var e *hud.Error
	if errors.As(err, &e); e.Hint != `did you mean "fake/bigram"?` || e.Err == nil {
		t.Errorf("got hint %q and cause %v", e.Hint, e.Err)
	}

	// A cancelled context is not an unknown model.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newFixture(t).Head(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestHeadAndTree(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := newFixture(t)
	if head, err := f.Head(ctx); err != nil || head != nil {
		t.Fatalf("base weights: got %v, %v, want no head", head, err)
	}
	var ids []string
	for range 3 {
		res, err := f.Step(ctx, []hud.Item{payload(0), payload(1)}, hud.StepOptions{LearningRate: 1e-3})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, res.CheckpointID)
	}
	if err := f.SetHead(ctx, ids[0]); err != nil {
		t.Fatal(err)
	}
	head, err := f.Head(ctx)
	if err != nil || head == nil || head.ID != ids[0] {
		t.Errorf("got head %v, %v, want %s", head, err, ids[0])
	}
	tree, err := f.Checkpoints(ctx)
	if err != nil || len(tree) != 3 || tree[2].ID != ids[2] {
		t.Errorf("got %d checkpoints, %v, want 3, the last %s", len(tree), err, ids[2])
	}
	losses, err := f.AvailableLosses(ctx)
	if err != nil || !slices.Contains(losses, hud.LossDRO) {
		t.Errorf("got losses %v, %v", losses, err)
	}
	wantError(t, f.SetHead(ctx, "nowhere"), hud.CodeNotFound, "nowhere")
}

// A service error that says no operation gets the client's; others keep
// theirs; an error of another kind becomes a *hud.Error around it.
func TestServiceErrors(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	tests := []struct {
		give error
		code hud.Code
		text string
	}{
		{&hud.Error{Code: hud.CodeRateLimited, Detail: "slow down"}, hud.CodeRateLimited, "optim_step: slow down"},
		{&hud.Error{Op: "train", Code: hud.CodeAuth, Detail: "who"}, hud.CodeAuth, "train: who"},
		{boom, hud.CodeServer, "optim_step: boom"},
		{context.DeadlineExceeded, hud.CodeTimeout, "optim_step: context deadline exceeded"},
	}
	for _, tt := range tests {
		f := newFixture(t)
		f.fake.Before = func(op string, _ any) error {
			if op == "optim_step" {
				return tt.give
			}
			return nil
		}
		_, err := f.OptimStep(t.Context(), hud.OptimStepOptions{LearningRate: 1})
		wantError(t, err, tt.code, tt.text)
		if tt.give == boom && !errors.Is(err, boom) {
			t.Errorf("the cause was lost: %v", err)
		}
		if n := f.fake.Count("optim_step"); n != 1 {
			t.Errorf("a training call was sent %d times, want once", n)
		}
	}
}

func TestClientHammer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for range 4 {
				p := payload(1)
				p.Samples[0].Sampling = &hud.SamplingInfo{Temperature: 1, TopP: 1}
				_, err := f.Step(t.Context(), []hud.Item{payload(0), p}, hud.StepOptions{LearningRate: 1e-3})
				var e *hud.Error
				if err != nil && !(errors.As(err, &e) && e.Code == hud.CodeNoGradient) { // another's step took the gradients
					t.Error(err)
				}
				head, err := f.Head(t.Context())
				if err != nil || head == nil {
					t.Errorf("got head %v, %v", head, err)
					continue
				}
				if err := f.SetHead(t.Context(), head.ID); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
