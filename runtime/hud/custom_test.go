package hud_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
)

// importance is the importance-sampling loss, its weights written out:
// −dC/dlp = r·A on action tokens.
func importance(p *hud.Packed, weights []float32) (hud.CustomResult, error) {
	loss := 0.0
	for d := range p.Len() {
		lo, hi := p.Range(d)
		for i := lo; i < hi; i++ {
			r := math.Exp(float64(p.Logprobs[i]-p.SamplingLogprobs[i])) * float64(p.Mask[i])
			weights[i] = float32(r * p.Advantage[d])
			loss -= r * p.Advantage[d]
		}
	}
	return hud.CustomResult{Loss: loss, Metrics: map[string]float64{"mine": 3}}, nil
}

func last[T any](f *hudtest.Fake) (req T) {
	for _, c := range f.Calls() {
		if r, ok := c.Req.(T); ok {
			req = r
		}
	}
	return req
}

func TestCustomLossEqualsTheBuiltin(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	batch := []hud.Item{payload(0), payload(1), payload(0), payload(0)}
	a, b := newFixture(t), newFixture(t)
	want, err := a.ForwardBackward(ctx, batch, hud.ForwardBackwardOptions{GroupSize: new(2)})
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.ForwardBackwardCustom(ctx, batch, importance, hud.CustomOptions{GroupSize: new(2)})
	if err != nil {
		t.Fatal(err)
	}
	if d := math.Abs(got.Metrics["loss:sum"] - want.Metrics["loss:sum"]); d > 1e-6 {
		t.Errorf("loss:sum: got %v, want %v", got.Metrics["loss:sum"], want.Metrics["loss:sum"])
	}
	if got.Metrics["mine"] != 3 || got.Metrics["untouched_datums"] != 0 || got.NumDatums != 4 {
		t.Errorf("got %+v, want mine = 3 and no untouched datum of 4", got)
	}
	var heads [2]*hud.Checkpoint
	for i, f := range []*fixture{a, b} {
		if _, err := f.OptimStep(ctx, hud.OptimStepOptions{LearningRate: 1e-3}); err != nil {
			t.Fatal(err)
		}
		if heads[i], err = f.Head(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if x, y := heads[0].Metrics["grad_norm"], heads[1].Metrics["grad_norm"]; math.Abs(x-y) > 1e-6*x {
		t.Errorf("grad_norm: got %v from the custom loss, want %v", y, x)
	}
}

func TestUntouchedDatums(t *testing.T) {
	t.Parallel()
	batch := []hud.Item{payload(0), payload(1)}
	loss := func(touched []bool) hud.CustomLoss {
		return func(p *hud.Packed, weights []float32) (hud.CustomResult, error) {
			for i := range weights {
				weights[i] = 1
			}
			return hud.CustomResult{Touched: touched}, nil
		}
	}
	f := newFixture(t)
	res, err := f.ForwardBackwardCustom(t.Context(), batch, loss([]bool{false, true}), hud.CustomOptions{})
	if err != nil || res.Metrics["untouched_datums"] != 1 {
		t.Fatalf("got %+v, %v, want untouched_datums 1", res, err)
	}
	w := last[*hud.BackwardRequest](f.fake).Weights
	if w[0][0] != 0 || w[0][1] != 0 || w[1][0] != 1 {
		t.Errorf("got weights %v, want zeros for the first datum", w)
	}
	_, err = f.ForwardBackwardCustom(t.Context(), batch, loss([]bool{false, false}), hud.CustomOptions{})
	wantError(t, err, hud.CodeValidation, "custom loss produced no gradient for any of the 2 datums' logprobs")
	_, err = f.ForwardBackwardCustom(t.Context(), batch, loss([]bool{true}), hud.CustomOptions{})
	wantError(t, err, hud.CodeValidation, "touched: got 1 values for 2 datums")
	if n := f.fake.Count("backward"); n != 1 {
		t.Errorf("backward was sent %d times, want once", n)
	}
}

func TestCustomLossErrors(t *testing.T) {
	t.Parallel()
	batch := []hud.Item{payload(0), payload(1)}
	boom := errors.New("boom")
	tests := []struct {
		name string
		loss hud.CustomLoss
		want string
	}{
		{"raises", func(*hud.Packed, []float32) (hud.CustomResult, error) { return hud.CustomResult{}, boom }, "boom"},
		{"NaN loss", func(*hud.Packed, []float32) (hud.CustomResult, error) {
			return hud.CustomResult{Loss: math.NaN()}, nil
		}, "forward_backward_custom: loss: got NaN, want a finite number"},
		// The second trajectory has five tokens, so four positions.
		{"Inf weight", func(_ *hud.Packed, w []float32) (hud.CustomResult, error) {
			w[len(w)-1] = float32(math.Inf(-1))
			return hud.CustomResult{}, nil
		}, "forward_backward_custom: weights: datum 2, position 4: got -Inf, want a finite number"},
		{"NaN metric", func(_ *hud.Packed, w []float32) (hud.CustomResult, error) {
			return hud.CustomResult{Metrics: map[string]float64{"kl": math.NaN()}}, nil
		}, `forward_backward_custom: metrics["kl"]: got NaN`},
	}
	for _, tt := range tests {
		f := newFixture(t)
		p := payload(1)
		p.Samples[0].PromptTokenIDs = []int{257, 48, 49}
		_, err := f.ForwardBackwardCustom(t.Context(), []hud.Item{batch[0], p}, tt.loss, hud.CustomOptions{})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got error %v, want %q", tt.name, err, tt.want)
		}
		if tt.name == "raises" && !errors.Is(err, boom) {
			t.Errorf("the loss's own error was lost: %v", err)
		}
		if n := f.fake.Count("backward"); n != 0 {
			t.Errorf("%s: backward was sent", tt.name)
		}
	}
}

func TestReference(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f := newFixture(t)
	better := payload(1)
	better.Samples[0].OutputTokenIDs = []int{52, 261} // other tokens, or the two gradients would cancel
	batch := []hud.Item{payload(0), better}
	res, err := f.Step(ctx, batch, hud.StepOptions{LearningRate: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Step(ctx, batch, hud.StepOptions{LearningRate: 0.1}); err != nil {
		t.Fatal(err)
	}
	var now, ref []float32
	_, err = f.ForwardBackwardCustom(ctx, batch, func(p *hud.Packed, w []float32) (hud.CustomResult, error) {
		now, ref = p.Logprobs, p.RefLogprobs
		return importance(p, w)
	}, hud.CustomOptions{Reference: res.CheckpointID})
	if err != nil {
		t.Fatal(err)
	}
	if len(ref) != len(now) || ref[1] == now[1] {
		t.Errorf("got reference %v beside %v, want other values of the same length", ref, now)
	}

	// An unsupported reference is refused before the pass itself is spent.
	before := f.fake.Count("forward")
	f.fake.Before = func(op string, req any) error {
		if r, ok := req.(*hud.ForwardRequest); ok && r.Checkpoint != "" {
			return &hud.Error{Op: op, Code: hud.CodeValidation, Status: 422, Detail: "no references here"}
		}
		return nil
	}
	_, err = f.ForwardBackwardCustom(ctx, batch, importance, hud.CustomOptions{Reference: "base"})
	wantError(t, err, hud.CodeValidation, "no references here")
	if n := f.fake.Count("forward") - before; n != 1 {
		t.Errorf("%d forward passes were sent, want only the refused one", n)
	}
}

func TestMalformedBatches(t *testing.T) {
	t.Parallel()
	spoil := map[string]func(*hud.Packed){
		"no offsets":         func(p *hud.Packed) { p.Offsets = nil },
		"offsets from 1":     func(p *hud.Packed) { p.Offsets[0] = 1 },
		"falling offsets":    func(p *hud.Packed) { p.Offsets[1] = 99 },
		"short mask":         func(p *hud.Packed) { p.Mask = p.Mask[1:] },
		"short rewards":      func(p *hud.Packed) { p.Reward = nil },
		"trajectory 9":       func(p *hud.Packed) { p.TrajIdx[0] = 9 },
		"NaN logprob":        func(p *hud.Packed) { p.Logprobs[0] = float32(math.NaN()) },
		"negative positions": func(p *hud.Packed) { p.TrajIdx[0] = -1 },
	}
	for name, f := range spoil {
		fx := newFixture(t)
		fx.fake.After = func(op string, res any) error {
			if op == "forward" {
				f(res.(*hud.ForwardResult).Data)
			}
			return nil
		}
		_, err := fx.Forward(t.Context(), []hud.Item{payload(0), payload(1)}, hud.ForwardOptions{})
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		wantError(t, err, hud.CodeServer, "the service answered a malformed batch")
	}
}

func TestNoGradient(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	flat := []hud.Item{payload(1), payload(1)}
	f := newFixture(t)
	_, err := f.Step(ctx, flat, hud.StepOptions{LearningRate: 1e-3})
	wantError(t, err, hud.CodeNoGradient, "no accumulated gradients")
	var e *hud.Error
	if errors.As(err, &e); e.Status != 409 || !strings.Contains(e.Hint, "has_spread") {
		t.Errorf("got status %d, hint %q", e.Status, e.Hint)
	}
	if head, err := f.Head(ctx); err != nil || head != nil {
		t.Errorf("the head moved: %v, %v", head, err)
	}

	// A service that only fails, as HUD's does, gets the reason from the
	// client; one that fails for another cause keeps its own words.
	confusing := &hud.Error{Op: "optim_step", Code: hud.CodeServer, Status: 500, Detail: "internal error"}
	fail := func(f *fixture) {
		f.fake.Before = func(op string, _ any) error {
			if op == "optim_step" {
				return confusing
			}
			return nil
		}
	}
	f = newFixture(t)
	fail(f)
	fwd, err := f.Forward(ctx, []hud.Item{payload(0), payload(1)}, hud.ForwardOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Backward(ctx, fwd.ForwardID, [][]float32{{0, 0}, {0, 0, 0}}[:0:0], nil); err == nil {
		t.Fatal("no weights were accepted")
	}
	zero := make([][]float32, fwd.Data.Len())
	for d := range zero {
		lo, hi := fwd.Data.Range(d)
		zero[d] = make([]float32, hi-lo)
	}
	if _, err := f.Backward(ctx, fwd.ForwardID, zero, nil); err != nil {
		t.Fatal(err)
	}
	_, err = f.OptimStep(ctx, hud.OptimStepOptions{LearningRate: 1e-3})
	wantError(t, err, hud.CodeNoGradient, "1 passes since the last step, none with a gradient")
	if !errors.Is(err, confusing) {
		t.Errorf("the service's error was lost: %v", err)
	}
	for _, o := range []hud.ForwardBackwardOptions{{LossFn: hud.LossDRO}, {LossFn: hud.LossCrossEntropy}} {
		f = newFixture(t)
		fail(f)
		if _, err := f.ForwardBackward(ctx, flat, o); err != nil {
			t.Fatal(err)
		}
		_, err = f.OptimStep(ctx, hud.OptimStepOptions{LearningRate: 1e-3})
		wantError(t, err, hud.CodeServer, "internal error")
	}
	f = newFixture(t)
	fail(f)
	_, err = f.OptimStep(ctx, hud.OptimStepOptions{LearningRate: 1e-3}) // nothing of this client's: not its to explain
	wantError(t, err, hud.CodeServer, "internal error")
}

// TestCustomCheck sees the batch before anything is sent.
func TestCustomCheck(t *testing.T) {
	t.Parallel()
	f, seen := newFixture(t), (*hud.Packed)(nil)
	lack := errors.New("lack")
	one, two := payload(1), payload(0)
	one.Extra = map[string]any{"pair": "a"}
	_, err := f.ForwardBackwardCustom(t.Context(), []hud.Item{one, two}, importance, hud.CustomOptions{GroupSize: new(1), RewardScale: new(3.0), Reference: "base",
		Check: func(p *hud.Packed) error {
			seen = p
			return lack
		}})
	if !errors.Is(err, lack) {
		t.Errorf("got %v, want the check's error", err)
	}
	if seen.Len() != 2 || seen.Tokens() != 0 || seen.Reward[0] != 3 || seen.Reward[1] != 0 || seen.TrajIdx[1] != 1 || seen.GroupIdx[1] != 1 || seen.RefLogprobs == nil ||
		seen.Extra[0]["pair"] != "a" || seen.Extra[1] != nil {
		t.Errorf("got %+v, want two trajectories with what is known of them", seen)
	}
	if n := f.fake.Count("forward") + f.fake.Count("backward"); n != 0 {
		t.Errorf("got %d passes, want none", n)
	}
	if _, err := f.ForwardBackwardCustom(t.Context(), []hud.Item{one, two}, importance, hud.CustomOptions{Check: func(p *hud.Packed) error {
		if p.GroupIdx[0] != -1 || p.RefLogprobs != nil {
			t.Errorf("got groups %v and reference %v, want none", p.GroupIdx, p.RefLogprobs)
		}
		return nil
	}}); err != nil {
		t.Error(err)
	}
}
