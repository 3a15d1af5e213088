package local

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/loss"
)

// TestCustomEqualsBuiltin: the loss package's loss of the same name and
// configuration, as a custom loss, gives bit-equal weights.
func TestCustomEqualsBuiltin(t *testing.T) {
	t.Parallel()
	in := randomInputs(3, 12)
	var items []hud.Item
	for _, x := range in {
		items = append(items, x.Payload)
	}
	for _, tt := range []struct {
		loss   string
		config map[string]float64
		group  int
	}{
		{hud.LossCrossEntropy, nil, 12},
		{hud.LossImportanceSampling, nil, 12},
		{hud.LossImportanceSampling, nil, 4},
		{hud.LossPPO, nil, 12},
		{hud.LossPPO, map[string]float64{"epsilon": 0.3}, 4},
		{hud.LossPPO, map[string]float64{"clip_low_threshold": 0.7, "clip_high_threshold": 1.1}, 4},
		{hud.LossCISPO, map[string]float64{"clip_low_threshold": 0.9, "clip_high_threshold": 1.5}, 3},
		{hud.LossDRO, map[string]float64{"beta": 0.3}, 6},
	} {
		t.Run(fmt.Sprintf("%s %v by %d", tt.loss, tt.config, tt.group), func(t *testing.T) {
			t.Parallel()
			s := openIn(t, t.TempDir(), Options{})
			a := create(t, s, CreateOptions{Name: "a", Config: &tiny, Seed: 1})
			b := create(t, s, CreateOptions{Name: "b", Config: &tiny, Seed: 1})
			req := fb(tt.loss, in)
			req.LossFnConfig, req.GroupSize = tt.config, tt.group
			builtin := accumulate(t, s, a.ID, req)
			f, err := loss.AsCustom(tt.loss, tt.config, loss.Settings{})
			if err != nil {
				t.Fatal(err)
			}
			client := hud.NewTrainingClient(s, "b", hud.TrainingClientOptions{Warn: func(string) {}})
			custom, err := client.ForwardBackwardCustom(bg, items, f, hud.CustomOptions{GroupSize: &tt.group})
			if err != nil {
				t.Fatal(err)
			}
			// The custom loss's value was a float32: 2⁻²⁴ relative.
			if x, y := builtin.Metrics[metricLoss], custom.Metrics[metricLoss]; math.Abs(x-y) > 6e-8*math.Abs(x) {
				t.Errorf("got losses %v and %v, want them equal", x, y)
			}
			if x, y := builtin.Metrics[metricClipped], custom.Metrics["clip_fraction"]; x != y {
				t.Errorf("got clip fractions %v and %v, want them equal", x, y)
			}
			stepWith(t, s, a.ID, 1e-2)
			stepWith(t, s, b.ID, 1e-2)
			pa, pb := paramsOf(t, s, a.ID), paramsOf(t, s, b.ID)
			if !slices.Equal(pa, pb) {
				t.Errorf("weights differ by up to %v", difference(pa, pb))
			}
			if slices.Equal(pa, tiny.Init(1)) {
				t.Error("the step moved nothing")
			}
		})
	}
}

// TestLossIsChecked: what the loss package refuses is forward_backward's
// error, and nothing accumulates.
func TestLossIsChecked(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	for _, tt := range []struct {
		loss       string
		config     map[string]float64
		part, hint string
	}{
		{"pp0", nil, `forward_backward: loss_fn: got "pp0", want one of cross_entropy, importance_sampling, ppo, cispo, dro`, `did you mean "ppo"?`},
		{"reinforce", nil, `loss_fn: got "reinforce", want one of`, ""},
		{"ppo", map[string]float64{"clip_low": 1}, `forward_backward: loss_fn_config: unknown key "clip_low" for ppo: it knows clip_high_threshold, clip_low_threshold, epsilon`, ""},
		{"ppo", map[string]float64{"clip_low_treshold": 1}, `unknown key "clip_low_treshold"`, `did you mean "clip_low_threshold"?`},
		{"ppo", map[string]float64{"epsilon": 0.1, "clip_low_threshold": 0.9}, "loss_fn_config: got both epsilon and clip_low_threshold", ""},
		{"cispo", map[string]float64{"clip_high_threshold": math.Inf(1)}, "loss_fn_config: clip_high_threshold: got +Inf, want a finite number", ""},
	} {
		req := fb(tt.loss, randomInputs(1, 2))
		req.LossFnConfig = tt.config
		_, err := s.ForwardBackward(bg, m.ID, req)
		wantError(t, err, "forward_backward", hud.CodeValidation, tt.part)
		if e := new(hud.Error); !errors.As(err, &e) || e.Status != 422 || tt.hint != "" && e.Hint != tt.hint {
			t.Errorf("%s %v: got %#v, want status 422 and hint %q", tt.loss, tt.config, err, tt.hint)
		}
	}
	_, err := s.OptimStep(bg, m.ID, adam(1e-3))
	wantError(t, err, "optim_step", hud.CodeNoGradient, "no pass since the last step")
}

// TestAccumulation: gradients of several passes add up: two calls, one call
// with both batches, and num_substeps cut anywhere give the same update up to
// the order of the sums.
func TestAccumulation(t *testing.T) {
	t.Parallel()
	in := randomInputs(5, 8)
	s := openIn(t, t.TempDir(), Options{})
	run := func(name string, passes ...*hud.ForwardBackwardRequest) []float32 {
		m := create(t, s, CreateOptions{Name: name, Config: &tiny, Seed: 2})
		datums := 0
		for _, req := range passes {
			datums += accumulate(t, s, m.ID, req).NumDatums
		}
		if want := 10; datums != want {
			t.Errorf("%s: got %d datums, want %d", name, datums, want)
		}
		// One step of plain scaled descent: β = 0 and a large eps keep Adam
		// linear in the gradient, so that sums can be compared.
		if _, err := s.OptimStep(bg, m.ID, &hud.OptimStepRequest{LearningRate: 1, Eps: 1e6}); err != nil {
			t.Fatal(err)
		}
		return paramsOf(t, s, m.ID)
	}
	grouped := func(in []hud.TrainInput, substeps int) *hud.ForwardBackwardRequest {
		req := fb(hud.LossPPO, in)
		req.GroupSize, req.NumSubsteps = 2, substeps
		return req
	}
	whole := run("whole", grouped(in, 1))
	for name, got := range map[string][]float32{
		"two calls":      run("two", grouped(in[:4], 1), grouped(in[4:], 1)),
		"3 substeps":     run("three", grouped(in, 3)),
		"8 substeps":     run("eight", grouped(in, 8)),
		"too many":       run("many", grouped(in, 100)),
		"substeps unset": run("unset", grouped(in, 0)),
	} {
		if d := difference(got, whole); d > 1e-8 {
			t.Errorf("%s: weights differ from the whole batch by up to %v", name, d)
		}
	}
}

// TestNoSpread: equal rewards within every group accumulate nothing for the
// three centred losses, and something for the others; the refusal says so.
func TestNoSpread(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	var in []hud.TrainInput
	for _, r := range []float64{0.1, 0.1, 0.1, 0.7, 0.7, 0.7} {
		in = append(in, payload(r, turn([]int{1, 2}, []int{3, 4}, -5, -6)))
	}
	for _, name := range loss.Builtins() {
		t.Run(name, func(t *testing.T) {
			req := fb(name, in)
			req.GroupSize = 3
			res := accumulate(t, s, m.ID, req)
			if res.NumDatums != 6 {
				t.Errorf("datums: got %d, want 6", res.NumDatums)
			}
			_, err := s.OptimStep(bg, m.ID, adam(1e-3))
			if name == hud.LossCrossEntropy || name == hud.LossDRO {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, "optim_step", hud.CodeNoGradient, "no accumulated gradients: 1 passes since the last step, none with a gradient")
			if res.Metrics[metricLoss] != 0 || res.Metrics[metricNoSpread] != 2 || res.Metrics[metricAdvantage] != 0 {
				t.Errorf("metrics: got %v, want loss 0, 2 groups without spread, advantages 0", res.Metrics)
			}
		})
	}
	// Across the groups the rewards do differ.
	accumulate(t, s, m.ID, fb(hud.LossPPO, in))
	stepWith(t, s, m.ID, 1e-3)
}

// TestPassMetrics: 3 tokens of one trajectory with advantage ½ and 1 of
// another with −½, under logprobs that forward reports.
func TestPassMetrics(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	q := []float32{-5, -6, -4, -5.5}
	in := []hud.TrainInput{
		payload(1, turn([]int{1, 2}, []int{3, 4, 5}, q[:3]...)),
		payload(0, turn([]int{1, 2}, []int{6}, q[3])),
	}
	fwd, err := s.Forward(bg, m.ID, &hud.ForwardRequest{Inputs: in, RewardScale: 1})
	if err != nil {
		t.Fatal(err)
	}
	var p []float64
	for i, mask := range fwd.Data.Mask {
		if mask == 1 {
			p = append(p, float64(fwd.Data.Logprobs[i]))
		}
	}
	adv := []float64{0.5, 0.5, 0.5, -0.5}
	want := map[string]float64{metricTokens: 4, metricNoSpread: 0, metricAdvantage: 0.5, metricEntropy: (5 + 6 + 4 + 5.5) / 4}
	for i := range p {
		r := math.Exp(p[i] - float64(q[i]))
		held := min(max(r, 0.8), 1.2)
		want[metricLoss] -= min(r*adv[i], held*adv[i])
		want[metricKL] += (float64(q[i]) - p[i]) / 4
		want[metricRatio] = max(want[metricRatio], r)
		if held*adv[i] < r*adv[i] {
			want[metricClipped] += 0.25
		}
	}
	res := accumulate(t, s, m.ID, fb(hud.LossPPO, in))
	if len(res.Metrics) != len(want) {
		t.Errorf("metrics: got %v, want %v", res.Metrics, want)
	}
	for name, w := range want {
		if got, ok := res.Metrics[name]; !ok || math.Abs(got-w) > 1e-5 {
			t.Errorf("%s: got %v, want %v", name, got, w)
		}
	}
	// Tokens of a loss without bounds are no part of the fraction.
	accumulate(t, s, m.ID, fb(hud.LossCrossEntropy, in))
	stepWith(t, s, m.ID, 1e-3)
	if got := head(t, s, m.ID).Metrics["clip_fraction"]; got != want[metricClipped] || got == 0 {
		t.Errorf("clip_fraction of ppo and cross_entropy: got %v, want %v", got, want[metricClipped])
	}
	s, m = newTiny(t)
	accumulate(t, s, m.ID, fb(hud.LossPPO, in))
	stepWith(t, s, m.ID, 1e-3)
	c := head(t, s, m.ID)
	for name, w := range map[string]float64{
		"reward_std": 0.5, "reward_min": 0, "reward_max": 1, "within_group_reward_std": 0.5, "sampling_logprob_mean": -want[metricEntropy],
		"kl_sample_train": want[metricKL], "clip_fraction": want[metricClipped],
	} {
		if got, ok := c.Metrics[name]; !ok || math.Abs(got-w) > 1e-5 {
			t.Errorf("checkpoint's %s: got %v, want %v", name, got, w)
		}
	}
	for _, name := range []string{"grad_norm", "update_norm", "param_norm"} {
		if !(c.Metrics[name] > 0) {
			t.Errorf("checkpoint's %s: got %v, want more than 0", name, c.Metrics[name])
		}
	}
	if *c.NumTraces != 2 || *c.NumDatums != 2 || *c.NumTokens != 6 || *c.MeanReward != 0.5 || *c.LearningRate != 1e-3 || c.LossFn != "ppo" {
		t.Errorf("checkpoint: got %+v", c)
	}
}

// TestForwardData: rewards are scaled, groups are null without a group size,
// and observations have the model's real logprobs.
func TestForwardData(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	in := []hud.TrainInput{
		payload(2, turn([]int{1, 2}, []int{3}, -1), turn([]int{9}, []int{8}, -2)),
		payload(-1, turn([]int{1, 2, 4}, []int{3})),
	}
	for _, group := range []int{0, 1, 2} {
		res, err := s.Forward(bg, m.ID, &hud.ForwardRequest{Inputs: in, GroupSize: group, RewardScale: 3})
		if err != nil {
			t.Fatal(err)
		}
		wantGroups := map[int][]int{0: {-1, -1, -1}, 1: {0, 0, 1}, 2: {0, 0, 0}}[group]
		p := res.Data
		if res.ForwardID == "" || !slices.Equal(p.GroupIdx, wantGroups) || !slices.Equal(p.TrajIdx, []int{0, 0, 1}) || !slices.Equal(p.Reward, []float64{6, 6, -3}) {
			t.Errorf("group size %d: got groups %v, trajectories %v, rewards %v", group, p.GroupIdx, p.TrajIdx, p.Reward)
		}
		for i, lp := range p.Logprobs {
			// A fresh model is close to uniform over 264 tokens.
			if math.Abs(float64(lp)+math.Log(264)) > 1 {
				t.Errorf("logprob %d: got %v, want about %v", i, lp, -math.Log(264))
			}
		}
	}
}

func TestForwardIDs(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := openIn(t, t.TempDir(), Options{now: func() time.Time { return now }})
	m := create(t, s, CreateOptions{Name: "tiny", Config: &tiny, Seed: 1})
	other := create(t, s, CreateOptions{Name: "other", Config: &tiny, Seed: 1})
	in := randomInputs(1, 2)
	forward := func() string {
		t.Helper()
		res, err := s.Forward(bg, m.ID, &hud.ForwardRequest{Inputs: in, RewardScale: 1})
		if err != nil {
			t.Fatal(err)
		}
		return res.ForwardID
	}
	weights := func(w float32) [][]float32 {
		var payloads []*hud.TrajectoryPayload
		for _, x := range in {
			payloads = append(payloads, x.Payload)
		}
		b, err := datums("test", tiny, payloads, 0, len(payloads), false, false)
		if err != nil {
			t.Fatal(err)
		}
		rows := make([][]float32, b.len())
		for d := range rows {
			lo, hi := b.at(d)
			rows[d] = make([]float32, hi-lo)
			for i := range rows[d] {
				rows[d][i] = w
			}
		}
		return rows
	}
	backward := func(model, id string, w [][]float32) error {
		_, err := s.Backward(bg, model, &hud.BackwardRequest{ForwardID: id, Weights: w})
		return err
	}
	const op = "backward"
	wantError(t, backward(m.ID, "nothing", nil), op, hud.CodeNotFound, `forward_id "nothing" not found`)

	id := forward()
	wantError(t, backward(other.ID, id, weights(1)), op, hud.CodeNotFound, "not found")
	// Invalid weights do not use the pass up.
	w := weights(1)
	wantError(t, backward(m.ID, id, w[:1]), op, hud.CodeValidation, "weights: got 1 datums, want 2")
	w[1] = w[1][1:]
	wantError(t, backward(m.ID, id, w), op, hud.CodeValidation, "weights: datum 2: got")
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
		w = weights(1)
		w[1][2] = bad
		wantError(t, backward(m.ID, id, w), op, hud.CodeValidation, "weights: datum 2, position 3: got")
	}
	if _, err := s.Backward(bg, m.ID, &hud.BackwardRequest{ForwardID: id, Weights: weights(1), Metrics: map[string]float64{"x": math.NaN()}}); err == nil {
		t.Error("a metric that is not a number was accepted")
	}
	res, err := s.Backward(bg, m.ID, &hud.BackwardRequest{ForwardID: id, Weights: weights(1), Metrics: map[string]float64{"mine": 7, metricTokens: 42}})
	if err != nil || res.Metrics["mine"] != 7 || res.Metrics[metricTokens] != 42 || res.NumDatums != 2 {
		t.Fatalf("got %+v, %v, want the caller's metrics over the service's", res, err)
	}
	wantError(t, backward(m.ID, id, weights(1)), op, hud.CodeConflict, "used by a backward already")

	stale := forward()
	step := stepWith(t, s, m.ID, 1e-3)
	wantError(t, backward(m.ID, stale, weights(1)), op, hud.CodeConflict, "stale after optim_step to step-0001")
	stale = forward()
	if err := s.SetHead(bg, m.ID, step.CheckpointID); err != nil {
		t.Fatal(err)
	}
	wantError(t, backward(m.ID, stale, weights(1)), op, hud.CodeConflict, "stale after set_head to step-0001")
	stale = forward()
	now = now.Add(forwardTTL + time.Second)
	wantError(t, backward(m.ID, stale, weights(1)), op, hud.CodeConflict, "expired after 1h")

	first := forward()
	for range maxOpen {
		forward()
	}
	wantError(t, backward(m.ID, first, weights(1)), op, hud.CodeConflict, "more than 64 forward passes")

	// All weights zero accumulate nothing.
	if err := backward(m.ID, forward(), weights(0)); err != nil {
		t.Fatal(err)
	}
	_, err = s.OptimStep(bg, m.ID, adam(1e-3))
	wantError(t, err, "optim_step", hud.CodeNoGradient, "none with a gradient")
}

// TestWeightsOnObservationsCount: weights are taken as they are, not
// multiplied by the mask.
func TestWeightsOnObservationsCount(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	in := []hud.TrainInput{payload(0, turn([]int{1, 2, 3}, []int{4}, -1))}
	fwd, err := s.Forward(bg, m.ID, &hud.ForwardRequest{Inputs: in, RewardScale: 1})
	if err != nil {
		t.Fatal(err)
	}
	before := fwd.Data.Logprobs[0]
	if _, err := s.Backward(bg, m.ID, &hud.BackwardRequest{ForwardID: fwd.ForwardID, Weights: [][]float32{{1, 0, 0}}}); err != nil {
		t.Fatal(err)
	}
	stepWith(t, s, m.ID, 1e-2)
	fwd, err = s.Forward(bg, m.ID, &hud.ForwardRequest{Inputs: in, RewardScale: 1})
	if err != nil {
		t.Fatal(err)
	}
	if after := fwd.Data.Logprobs[0]; after < before+0.1 {
		t.Errorf("logprob of the observation: got %v after a step, was %v, want it clearly larger", after, before)
	}
}

// TestReference: a forward on another model or checkpoint scores under its
// weights, keeps no pass and changes nothing.
func TestReference(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	in := randomInputs(4, 4)
	forward := func(checkpoint string) *hud.ForwardResult {
		t.Helper()
		res, err := s.Forward(bg, m.ID, &hud.ForwardRequest{Inputs: in, RewardScale: 1, Checkpoint: checkpoint})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	frozen, err := s.Fork(bg, m.ID, "frozen")
	if err != nil {
		t.Fatal(err)
	}
	base := forward("").Data.Logprobs
	one := train(t, s, m.ID, 1)
	first := forward("").Data.Logprobs
	train(t, s, m.ID, 2)
	for name, want := range map[string][]float32{
		frozen.ID: base, frozen.ModelName: base, one.CheckpointID: first, one.SamplerPath: first, "step-0001": first,
	} {
		res := forward(name)
		if res.ForwardID != "" || !slices.Equal(res.Data.Logprobs, want) {
			t.Errorf("reference %s: got forward_id %q, logprobs off by up to %v", name, res.ForwardID, difference(res.Data.Logprobs, want))
		}
	}
	_, err = s.Forward(bg, m.ID, &hud.ForwardRequest{Inputs: in, RewardScale: 1, Checkpoint: "nothing"})
	wantError(t, err, "forward", hud.CodeNotFound, `"nothing" not found`)
	if slices.Equal(base, first) {
		t.Error("the step changed nothing")
	}
}

// TestBaseModelsCannotBeTrained names the way out.
func TestBaseModelsCannotBeTrained(t *testing.T) {
	t.Parallel()
	s, _ := newTiny(t)
	for i := range bases {
		_, err := s.ForwardBackward(bg, bases[i].id, fb("ppo", randomInputs(1, 2)))
		wantError(t, err, "forward_backward", hud.CodeValidation, "is a base model, which cannot be trained")
		var e *hud.Error
		if errors.As(err, &e); e.Status != 403 || e.Hint == "" {
			t.Errorf("got status %d, hint %q, want 403 with a hint", e.Status, e.Hint)
		}
	}
}

// TestCancelledPassAddsNothing: a context that ends before or during a pass
// leaves the accumulated gradient as it was.
func TestCancelledPassAddsNothing(t *testing.T) {
	t.Parallel()
	s := openIn(t, t.TempDir(), Options{})
	a := create(t, s, CreateOptions{Name: "a", Config: &tiny, Seed: 1})
	b := create(t, s, CreateOptions{Name: "b", Config: &tiny, Seed: 1})
	ctx, cancel := context.WithCancelCause(bg)
	cancel(errors.New("enough"))
	for _, id := range []string{a.ID, b.ID} {
		accumulate(t, s, id, fb(hud.LossCrossEntropy, randomInputs(1, 3)))
	}
	_, err := s.ForwardBackward(ctx, a.ID, fb(hud.LossCrossEntropy, randomInputs(2, 3)))
	wantError(t, err, "forward_backward", hud.CodeTimeout, "stopped before it was done")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	stepWith(t, s, a.ID, 1e-2)
	stepWith(t, s, b.ID, 1e-2)
	if !slices.Equal(paramsOf(t, s, a.ID), paramsOf(t, s, b.ID)) {
		t.Error("a cancelled pass left something behind")
	}
	_, err = s.OptimStep(ctx, a.ID, adam(1e-3))
	if err == nil {
		t.Error("a cancelled step was taken")
	}
}

// TestHammerPasses runs passes, forwards, steps and chats on several models at
// once; the race detector watches, and each model's steps are numbered in turn.
func TestHammerPasses(t *testing.T) {
	t.Parallel()
	s := openIn(t, t.TempDir(), Options{})
	const models, workers, rounds = 2, 3, 4
	var wg sync.WaitGroup
	for k := range models {
		m := create(t, s, CreateOptions{Name: fmt.Sprint("m", k), Config: &tiny, Seed: 1})
		for w := range workers {
			wg.Go(func() {
				for r := range rounds {
					seed := uint64(100*k + 10*w + r)
					if _, err := s.ForwardBackward(bg, m.ID, fb(hud.LossCrossEntropy, randomInputs(seed, 3))); err != nil {
						t.Error(err)
					}
					if _, err := s.Forward(bg, m.ID, &hud.ForwardRequest{Inputs: randomInputs(seed, 2), RewardScale: 1}); err != nil {
						t.Error(err)
					}
					if _, err := s.Chat(bg, seeded(m.ModelName, "hello", seed)); err != nil {
						t.Error(err)
					}
					var e *hud.Error
					if _, err := s.OptimStep(bg, m.ID, adam(1e-3)); err != nil && (!errors.As(err, &e) || e.Code != hud.CodeNoGradient) {
						t.Error(err)
					}
				}
			})
		}
		defer func() {
			cs, err := s.Checkpoints(bg, m.ID)
			if err != nil || len(cs) == 0 {
				t.Fatalf("got %d checkpoints, %v", len(cs), err)
			}
			for i, c := range cs {
				if c.Step != i+1 {
					t.Errorf("checkpoint %d: got step %d", i, c.Step)
				}
			}
		}()
	}
	wg.Wait()
}
