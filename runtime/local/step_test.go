package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/internal/store"
	"github.com/hudrl/hudrl/runtime/hud"
)

func TestHyperparametersAreChecked(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	accumulate(t, s, m.ID, fb(hud.LossCrossEntropy, randomInputs(1, 2)))
	for _, tt := range []struct {
		name string
		edit func(*hud.OptimStepRequest)
		part string
	}{
		{"zero rate", func(r *hud.OptimStepRequest) { r.LearningRate = 0 }, "learning_rate: got 0, want a finite number above 0"},
		{"negative rate", func(r *hud.OptimStepRequest) { r.LearningRate = -1 }, "learning_rate: got -1"},
		{"nan rate", func(r *hud.OptimStepRequest) { r.LearningRate = math.NaN() }, "learning_rate: got NaN"},
		{"infinite rate", func(r *hud.OptimStepRequest) { r.LearningRate = math.Inf(1) }, "learning_rate: got +Inf"},
		{"beta1", func(r *hud.OptimStepRequest) { r.Beta1 = 1 }, "beta1: got 1, want at least 0 and below 1"},
		{"beta2", func(r *hud.OptimStepRequest) { r.Beta2 = -0.1 }, "beta2: got -0.1"},
		{"eps", func(r *hud.OptimStepRequest) { r.Eps = -1 }, "eps: got -1"},
		{"weight decay", func(r *hud.OptimStepRequest) { r.WeightDecay = -1 }, "weight_decay: got -1"},
		{"state", func(r *hud.OptimStepRequest) { r.State = map[string]json.RawMessage{"x": json.RawMessage("{")} }, `state "x": got 1 bytes that are not JSON`},
	} {
		req := adam(1e-3)
		tt.edit(req)
		_, err := s.OptimStep(bg, m.ID, req)
		wantError(t, err, "optim_step", hud.CodeValidation, tt.part)
	}
	// Nothing was spent: the gradient is still there.
	stepWith(t, s, m.ID, 1e-3)
}

// TestStepResult: names follow the step number, and the head serves at once.
func TestStepResult(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	if c := head(t, s, m.ID); c != nil {
		t.Fatalf("head of a fresh model: got %+v, want none", c)
	}
	got := train(t, s, m.ID, 1)
	want := hud.OptimStepResult{Step: 1, CheckpointID: got.CheckpointID, SamplerPath: "tiny/step-0001", StatePath: "tiny/state/step-0001", Model: "tiny"}
	if *got != want {
		t.Errorf("got %+v, want %+v", *got, want)
	}
	c := head(t, s, m.ID)
	if c == nil || c.ID != got.CheckpointID || c.Name != "step-0001" || c.CheckpointName != "tiny/step-0001" || c.PrevModelCheckpointID != "" || c.Step != 1 {
		t.Errorf("head: got %+v", c)
	}
	if r := chat(t, s, seeded("tiny", "hi", 1)); r.CheckpointID != got.CheckpointID {
		t.Errorf("chat served %q, want %q", r.CheckpointID, got.CheckpointID)
	}
	second := train(t, s, m.ID, 2)
	if c := head(t, s, m.ID); c.PrevModelCheckpointID != got.CheckpointID || c.ID != second.CheckpointID {
		t.Errorf("second head: got %+v", c)
	}
}

// TestSetHead: after 10 steps and set_head to step 3 the next step is 11 with
// Adam's count 4, it extends step 3, and repeating the batch of step 4 gives
// the weights of step 4 bit for bit.
func TestSetHead(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	var steps []*hud.OptimStepResult
	for n := 1; n <= 10; n++ {
		steps = append(steps, train(t, s, m.ID, n))
	}
	accumulate(t, s, m.ID, fb(hud.LossCrossEntropy, randomInputs(9, 2)))
	if err := s.SetHead(bg, m.ID, steps[2].CheckpointID); err != nil {
		t.Fatal(err)
	}
	if c := head(t, s, m.ID); c.Step != 3 {
		t.Fatalf("head: got step %d, want 3", c.Step)
	}
	_, err := s.OptimStep(bg, m.ID, adam(1e-3))
	wantError(t, err, "optim_step", hud.CodeNoGradient, "no accumulated gradients: set_head to step-0003 discarded those of 1 passes")

	again := train(t, s, m.ID, 4)
	if again.Step != 11 {
		t.Errorf("step: got %d, want 11", again.Step)
	}
	c := head(t, s, m.ID)
	if c.PrevModelCheckpointID != steps[2].CheckpointID {
		t.Errorf("parent: got %s, want step 3", c.PrevModelCheckpointID)
	}
	row, err := s.store.Checkpoint(bg, c.ID)
	if err != nil || row.AdamT != 4 {
		t.Errorf("Adam's count: got %d, %v, want 4", row.AdamT, err)
	}
	if a, b := paramsOf(t, s, steps[3].CheckpointID), paramsOf(t, s, again.CheckpointID); !slices.Equal(a, b) {
		t.Errorf("weights differ from step 4's by up to %v", difference(a, b))
	}
	// And the moments: the next step agrees with step 5 too.
	if a, b := paramsOf(t, s, steps[4].CheckpointID), paramsOf(t, s, train(t, s, m.ID, 5).CheckpointID); !slices.Equal(a, b) {
		t.Errorf("weights differ from step 5's by up to %v", difference(a, b))
	}

	for name, want := range map[string]struct {
		code hud.Code
		part string
	}{
		"nothing":   {hud.CodeNotFound, `checkpoint "nothing" not found in the tree of tiny`},
		"step-0099": {hud.CodeNotFound, "not found"},
		"":          {hud.CodeNotFound, "not found"},
		bases[0].id: {hud.CodeNotFound, "not found"},
	} {
		wantError(t, s.SetHead(bg, m.ID, name), "set_head", want.code, want.part)
	}
	if err := s.SetHead(bg, m.ID, "tiny/step-0002"); err != nil {
		t.Errorf("by sampler path: %v", err)
	}
	if err := s.SetHead(bg, m.ID, "step-0001"); err != nil {
		t.Errorf("by name: %v", err)
	}
}

// TestSetHeadToAPrunedNode refuses with a hint and changes nothing.
func TestSetHeadToAPrunedNode(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	first := train(t, s, m.ID, 1)
	for n := 2; n <= 16; n++ {
		train(t, s, m.ID, n)
	}
	err := s.SetHead(bg, m.ID, first.CheckpointID)
	wantError(t, err, "set_head", hud.CodeNotFound, "checkpoint tiny/step-0001: its optimizer state was pruned")
	var e *hud.Error
	if errors.As(err, &e); !strings.Contains(e.Hint, "fork tiny/step-0001") || e.Status != 404 {
		t.Errorf("got status %d, hint %q, want 404 with a way out", e.Status, e.Hint)
	}
	if c := head(t, s, m.ID); c.Step != 16 {
		t.Errorf("head: got step %d, want 16", c.Step)
	}
	// Its weights are still there to sample and to fork.
	if r := chat(t, s, &hud.ChatRequest{Model: "tiny", Messages: []hud.Message{{Role: "user", Content: "x"}}, MaxTokens: 1, Checkpoint: "step-0001"}); r.CheckpointID != first.CheckpointID {
		t.Errorf("chat served %s", r.CheckpointID)
	}
	if _, err := s.Fork(bg, first.SamplerPath, "again"); err != nil {
		t.Error(err)
	}
}

// TestResumeIsExact: 10 steps straight equal 5 steps, a closed and reopened
// service, and 5 more, bit for bit.
func TestResumeIsExact(t *testing.T) {
	t.Parallel()
	run := func(reopenAfter int) []float32 {
		dir := t.TempDir()
		s, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		m := create(t, s, CreateOptions{Name: "tiny", Config: &tiny, Seed: 1})
		for n := 1; n <= 10; n++ {
			if got := train(t, s, m.ID, n); got.Step != n {
				t.Fatalf("step: got %d, want %d", got.Step, n)
			}
			if n == reopenAfter {
				s.Close()
				if s, err = Open(dir); err != nil {
					t.Fatal(err)
				}
			}
		}
		defer s.Close()
		return paramsOf(t, s, m.ID)
	}
	straight, resumed := run(0), run(5)
	if !slices.Equal(straight, resumed) {
		t.Errorf("weights differ by up to %v", difference(straight, resumed))
	}
}

// TestForkStartsFresh: weights of the source's head, no moments, an empty
// tree, first step 1.
func TestForkStartsFresh(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	train(t, s, m.ID, 1)
	train(t, s, m.ID, 2)
	f, err := s.Fork(bg, m.ID, "The Fork")
	if err != nil {
		t.Fatal(err)
	}
	if f.ModelName != "the-fork" || f.Name != "The Fork" || !f.IsTrainable {
		t.Errorf("fork: got %+v", f)
	}
	if !slices.Equal(paramsOf(t, s, m.ID), paramsOf(t, s, f.ID)) {
		t.Error("the fork's weights are not the head's")
	}
	if cs, err := s.Checkpoints(bg, f.ID); err != nil || len(cs) != 0 {
		t.Errorf("the fork's tree: got %v, %v, want none", cs, err)
	}
	if r := chat(t, s, seeded("the-fork", "x", 1)); r.CheckpointID != "" {
		t.Errorf("the fork serves checkpoint %q, want base weights", r.CheckpointID)
	}
	got := train(t, s, f.ID, 7)
	row, err := s.store.Checkpoint(bg, got.CheckpointID)
	if err != nil || got.Step != 1 || row.AdamT != 1 {
		t.Errorf("first step of the fork: got step %d, Adam's count %d, %v, want 1 and 1", got.Step, row.AdamT, err)
	}
	if c := head(t, s, m.ID); c.Step != 2 {
		t.Errorf("the source moved to step %d", c.Step)
	}
}

// TestGradientThatIsNotFinite is refused and cleared; the head stays.
func TestGradientThatIsNotFinite(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	fwd, err := s.Forward(bg, m.ID, &hud.ForwardRequest{Inputs: randomInputs(1, 1), RewardScale: 1})
	if err != nil {
		t.Fatal(err)
	}
	w := make([]float32, fwd.Data.Tokens())
	for i := range w {
		w[i] = math.MaxFloat32
	}
	if _, err := s.Backward(bg, m.ID, &hud.BackwardRequest{ForwardID: fwd.ForwardID, Weights: [][]float32{w}}); err != nil {
		t.Fatal(err)
	}
	_, err = s.OptimStep(bg, m.ID, adam(1e-3))
	wantError(t, err, "optim_step", hud.CodeValidation, "the accumulated gradient is not finite")
	if head(t, s, m.ID) != nil {
		t.Error("the head moved")
	}
	_, err = s.OptimStep(bg, m.ID, adam(1e-3))
	wantError(t, err, "optim_step", hud.CodeNoGradient, "no accumulated gradients")

	accumulate(t, s, m.ID, fb(hud.LossCrossEntropy, randomInputs(1, 2)))
	_, err = s.OptimStep(bg, m.ID, adam(1e300))
	wantError(t, err, "optim_step", hud.CodeValidation, "the step would make weights that are not finite")
	if got := train(t, s, m.ID, 1); got.Step != 1 {
		t.Errorf("step after the refusals: got %d, want 1", got.Step)
	}
}

// TestGradClip: a model's limit scales the gradient to that norm, the metric
// is the norm before. With β = 0 and a large eps the update is proportional to
// the gradient, so its norm tells.
func TestGradClip(t *testing.T) {
	t.Parallel()
	s := openIn(t, t.TempDir(), Options{})
	norms := map[float64]map[string]float64{}
	for _, clip := range []float64{0, 0.5, 1e9} {
		m := create(t, s, CreateOptions{Name: fmt.Sprint("clip ", clip), Config: &tiny, Seed: 1, GradClip: clip})
		accumulate(t, s, m.ID, fb(hud.LossCrossEntropy, randomInputs(1, 4)))
		if _, err := s.OptimStep(bg, m.ID, &hud.OptimStepRequest{LearningRate: 1e3, Eps: 1e6}); err != nil {
			t.Fatal(err)
		}
		norms[clip] = head(t, s, m.ID).Metrics
	}
	if norms[0.5]["grad_norm"] != norms[0]["grad_norm"] || norms[0]["grad_norm"] < 1 {
		t.Errorf("grad_norm: got %v clipped and %v not, want the same norm above 1", norms[0.5]["grad_norm"], norms[0]["grad_norm"])
	}
	// update = lr·g/(|g|+eps) ≈ 1e-3·g
	for clip, want := range map[float64]float64{0: norms[0]["grad_norm"], 0.5: 0.5, 1e9: norms[0]["grad_norm"]} {
		if got := norms[clip]["update_norm"] * 1e3; math.Abs(got-want) > 0.01*want {
			t.Errorf("clip %v: got an update of norm %v, want %v", clip, got, want)
		}
	}
	if _, err := s.Create(bg, CreateOptions{Name: "x", Config: &tiny, GradClip: -1}); err == nil {
		t.Error("a negative limit was accepted")
	}
}

// TestState is stored with the step and only with it.
func TestState(t *testing.T) {
	t.Parallel()
	fail := false
	dir := t.TempDir()
	s := openIn(t, dir, Options{atPhase: func(p store.Phase) error {
		if fail && p == store.PhaseCommit {
			return errors.New("injected")
		}
		return nil
	}})
	m := create(t, s, CreateOptions{Name: "tiny", Config: &tiny, Seed: 1})
	stepState := func(v string) error {
		accumulate(t, s, m.ID, fb(hud.LossCrossEntropy, randomInputs(1, 2)))
		req := adam(1e-3)
		req.State = map[string]json.RawMessage{"loop": json.RawMessage(v)}
		_, err := s.OptimStep(bg, m.ID, req)
		return err
	}
	if v, err := s.State(bg, "loop"); err != nil || v != nil {
		t.Fatalf("before: got %s, %v, want nil", v, err)
	}
	if err := stepState(`{"n": 1}`); err != nil {
		t.Fatal(err)
	}
	fail = true
	wantError(t, stepState(`{"n": 2}`), "optim_step", hud.CodeServer, "injected")
	fail = false
	if v, err := s.State(bg, "loop"); err != nil || string(v) != `{"n": 1}` {
		t.Fatalf("after a failed step: got %s, %v", v, err)
	}
	_, err := s.OptimStep(bg, m.ID, adam(1e-3))
	wantError(t, err, "optim_step", hud.CodeNoGradient, "no accumulated gradients")
	if err := stepState(`{"n": 3}`); err != nil {
		t.Fatal(err)
	}
	if c := head(t, s, m.ID); c.Step != 2 {
		t.Errorf("got step %d after a failure, want 2", c.Step)
	}
	if v, _ := openIn(t, dir, Options{}).State(bg, "loop"); string(v) != `{"n": 3}` {
		t.Errorf("another service reads %s", v)
	}
}

// TestTwoServicesOnOneDirectory: the head is the database's; a step that
// started from a head that moved is a conflict and changes nothing.
func TestTwoServicesOnOneDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var hook func(store.Phase)
	a := openIn(t, dir, Options{atPhase: func(p store.Phase) error {
		if hook != nil {
			hook(p)
		}
		return nil
	}})
	b := openIn(t, dir, Options{})
	m := create(t, a, CreateOptions{Name: "tiny", Config: &tiny, Seed: 1})
	accumulate(t, a, m.ID, fb(hud.LossCrossEntropy, randomInputs(1, 2)))
	fwd, err := a.Forward(bg, m.ID, &hud.ForwardRequest{Inputs: randomInputs(1, 1), RewardScale: 1})
	if err != nil {
		t.Fatal(err)
	}
	first := train(t, b, m.ID, 1)
	_, err = a.OptimStep(bg, m.ID, adam(1e-3))
	wantError(t, err, "optim_step", hud.CodeConflict, "another process moved the head from the base weights to checkpoint "+first.CheckpointID)
	_, err = a.Backward(bg, m.ID, &hud.BackwardRequest{ForwardID: fwd.ForwardID})
	wantError(t, err, "backward", hud.CodeConflict, "stale after another process moved the head")
	// Then a continues from b's head, and samples it.
	if r := chat(t, a, seeded("tiny", "x", 1)); r.CheckpointID != first.CheckpointID {
		t.Errorf("a serves %q, want %q", r.CheckpointID, first.CheckpointID)
	}
	second := train(t, a, m.ID, 2)
	if second.Step != 2 || head(t, b, m.ID).ID != second.CheckpointID {
		t.Errorf("a's step: got %+v", second)
	}
	if err := b.SetHead(bg, m.ID, first.CheckpointID); err != nil {
		t.Fatal(err)
	}
	if third := train(t, a, m.ID, 2); third.Step != 3 || head(t, a, m.ID).PrevModelCheckpointID != first.CheckpointID {
		t.Errorf("after b's set_head: got %+v", third)
	} else if !slices.Equal(paramsOf(t, a, third.CheckpointID), paramsOf(t, a, second.CheckpointID)) {
		t.Error("the same batch from the same head gave other weights")
	}
	// A collision inside the step itself.
	accumulate(t, a, m.ID, fb(hud.LossCrossEntropy, randomInputs(1, 2)))
	hook = func(p store.Phase) {
		if p == store.PhaseRename {
			train(t, b, m.ID, 3)
		}
	}
	_, err = a.OptimStep(bg, m.ID, adam(1e-3))
	wantError(t, err, "optim_step", hud.CodeConflict, "the head moved")
	if cs, _ := a.Checkpoints(bg, m.ID); len(cs) != 4 {
		t.Errorf("got %d checkpoints, want 4", len(cs))
	}
}

// TestFailedDiskLeavesTheHead: whatever phase fails, the head stays, the
// gradients are cleared, and the loop's next attempt works.
func TestFailedDiskLeavesTheHead(t *testing.T) {
	t.Parallel()
	for _, phase := range []store.Phase{store.PhaseBlobWrite, store.PhaseRename, store.PhaseCommit} {
		var armed bool
		s := openIn(t, t.TempDir(), Options{atPhase: func(p store.Phase) error {
			if armed && p == phase {
				return errors.New("injected")
			}
			return nil
		}})
		m := create(t, s, CreateOptions{Name: "tiny", Config: &tiny, Seed: 1})
		train(t, s, m.ID, 1)
		accumulate(t, s, m.ID, fb(hud.LossCrossEntropy, randomInputs(1, 2)))
		armed = true
		_, err := s.OptimStep(bg, m.ID, adam(1e-3))
		wantError(t, err, "optim_step", hud.CodeServer, "injected")
		armed = false
		_, err = s.OptimStep(bg, m.ID, adam(1e-3))
		wantError(t, err, "optim_step", hud.CodeNoGradient, "")
		if got := train(t, s, m.ID, 2); got.Step != 2 {
			t.Errorf("%s: next step: got %d, want 2", phase, got.Step)
		}
	}
}

// TestWeightDecayIsDecoupled: with gradients that are all but zero beside eps,
// a step multiplies every parameter by 1 − lr·λ.
func TestWeightDecayIsDecoupled(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	accumulate(t, s, m.ID, fb(hud.LossCrossEntropy, randomInputs(1, 2)))
	if _, err := s.OptimStep(bg, m.ID, &hud.OptimStepRequest{LearningRate: 0.5, Eps: 1e12, WeightDecay: 0.5}); err != nil {
		t.Fatal(err)
	}
	before, after := tiny.Init(1), paramsOf(t, s, m.ID)
	for i := range before {
		if want := before[i] * 0.75; math.Abs(float64(after[i]-want)) > 1e-7 {
			t.Fatalf("parameter %d: got %v, want %v", i, after[i], want)
		}
	}
}
