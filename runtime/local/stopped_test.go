package local

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
)

// TestStoppedStepCanBeRepeated: a step whose context ends, at whatever moment,
// leaves no gradients behind, so running it again from its first pass counts
// nothing twice.
func TestStoppedStepCanBeRepeated(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	reference, rm := newTiny(t)
	want := paramsOf(t, reference, train(t, reference, rm.ID, 1).CheckpointID)

	ended, cancel := context.WithCancel(bg)
	cancel()
	pass := fb(hud.LossImportanceSampling, randomInputs(1, 6))
	accumulate(t, s, m.ID, pass)
	_, err := s.OptimStep(ended, m.ID, adam(1e-2))
	wantError(t, err, "optim_step", hud.CodeTimeout, "stopped before it was done")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	_, err = s.OptimStep(bg, m.ID, adam(1e-2))
	wantError(t, err, "optim_step", hud.CodeNoGradient, "an optim_step that was stopped discarded those of 1 passes")

	// It left while another operation had its turn, and one stood behind.
	accumulate(t, s, m.ID, pass)
	tr, unlock, err := s.enter(bg, "test", m.ID)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.OptimStep(ended, m.ID, adam(1e-2))
	wantError(t, err, "optim_step", hud.CodeTimeout, "stopped")
	if tr.pending.passes != 1 {
		t.Errorf("got %d passes pending during another's turn, want 1", tr.pending.passes)
	}
	unlock()
	accumulate(t, s, m.ID, pass)
	if got := paramsOf(t, s, stepWith(t, s, m.ID, 1e-2).CheckpointID); !slices.Equal(got, want) {
		t.Errorf("weights differ from one step's by up to %v", difference(got, want))
	}

	// The client's step in one piece, stopped between its two halves.
	client := hud.NewTrainingClient(between{s, ended}, m.ID, hud.TrainingClientOptions{Warn: func(string) {}})
	batch := []hud.Item{randomInputs(1, 2)[0].Payload, randomInputs(1, 2)[1].Payload}
	if _, err = client.Step(bg, batch, hud.StepOptions{LearningRate: 1e-2}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	_, err = s.OptimStep(bg, m.ID, adam(1e-2))
	wantError(t, err, "optim_step", hud.CodeNoGradient, "discarded those of 1 passes")
}

// between is a service whose caller gives up right after a pass.
type between struct {
	*Service
	ended context.Context
}

func (b between) OptimStep(_ context.Context, id string, req *hud.OptimStepRequest) (*hud.OptimStepResult, error) {
	return b.Service.OptimStep(b.ended, id, req)
}

// TestRefusalNamesEveryReason: gradients that were discarded, and passes since
// then that had none.
func TestRefusalNamesEveryReason(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	first := train(t, s, m.ID, 1)
	accumulate(t, s, m.ID, fb("ppo", randomInputs(1, 4)))
	if err := s.SetHead(bg, m.ID, first.CheckpointID); err != nil {
		t.Fatal(err)
	}
	flat := randomInputs(1, 4)
	for i := range flat {
		flat[i].Payload.Reward = 1
	}
	accumulate(t, s, m.ID, fb("ppo", flat))
	_, err := s.OptimStep(bg, m.ID, adam(1e-3))
	wantError(t, err, "optim_step", hud.CodeNoGradient,
		"set_head to step-0001 discarded those of 1 passes; 1 passes since then, none with a gradient")
	accumulate(t, s, m.ID, fb("ppo", randomInputs(1, 4)))
	_, err = s.OptimStep(bg, m.ID, adam(1e300))
	wantError(t, err, "optim_step", hud.CodeValidation, "not finite")
	_, err = s.OptimStep(bg, m.ID, adam(1e-3))
	wantError(t, err, "optim_step", hud.CodeNoGradient, "an optim_step that failed discarded those of 1 passes")
	_, err = s.OptimStep(bg, m.ID, adam(1e-3))
	wantError(t, err, "optim_step", hud.CodeNoGradient, "no pass since the last step")
}

// TestManyModels: training states of models not used for long are let go of,
// except where something is pending, and read again without a difference.
func TestManyModels(t *testing.T) {
	t.Parallel()
	s := openIn(t, t.TempDir(), Options{})
	const n = 10
	var models []hud.Model
	for range n {
		models = append(models, create(t, s, CreateOptions{Name: "one", Config: &tiny, Seed: 1}))
	}
	for _, m := range models {
		train(t, s, m.ID, 1)
	}
	accumulate(t, s, models[0].ID, fb(hud.LossImportanceSampling, randomInputs(2, 6)))
	for _, m := range models[1:] {
		train(t, s, m.ID, 2)
		chat(t, s, seeded(m.ModelName, "hi", 1))
		loaded := 0
		for _, tr := range s.trainers {
			if tr.opt != nil || tr.weights != nil || tr.idle != nil || tr.spare != nil {
				loaded++
			}
		}
		if loaded > maxTrainers+1 {
			t.Fatalf("got %d training states in memory, want at most %d and the one with gradients", loaded, maxTrainers)
		}
	}
	stepWith(t, s, models[0].ID, 1e-2/2)
	want := paramsOf(t, s, models[0].ModelName)
	for _, m := range models[1:] {
		if got := paramsOf(t, s, m.ModelName); !slices.Equal(got, want) {
			t.Errorf("%s: weights differ by up to %v", m.ModelName, difference(got, want))
		}
	}
}
