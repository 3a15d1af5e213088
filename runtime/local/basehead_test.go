package local

import (
	"slices"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
)

// set_head to "base" goes back to the first weights: the same step from there
// makes the first step's weights again, on a branch of its own.
func TestSetHeadToBase(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	first := train(t, s, m.ID, 1)
	train(t, s, m.ID, 2)
	accumulate(t, s, m.ID, fb(hud.LossImportanceSampling, randomInputs(9, 6)))
	if err := s.SetHead(bg, m.ID, hud.BaseCheckpoint); err != nil {
		t.Fatal(err)
	}
	if h := head(t, s, m.ID); h != nil {
		t.Errorf("got the head %+v, want none", h)
	}
	_, err := s.OptimStep(bg, m.ID, adam(1e-2))
	wantError(t, err, "optim_step", hud.CodeNoGradient, "set_head to the base weights discarded those of 1 passes")
	again := train(t, s, m.ID, 1)
	if again.Step != 3 || !slices.Equal(paramsOf(t, s, first.CheckpointID), paramsOf(t, s, again.CheckpointID)) {
		t.Errorf("got step %d, want step 3 with the weights of step 1", again.Step)
	}
	if h := head(t, s, m.ID); h == nil || h.PrevModelCheckpointID != "" {
		t.Errorf("got %+v, want a checkpoint of the base weights", h)
	}
	wantError(t, s.SetHead(bg, "hudrl/nano", hud.BaseCheckpoint), "set_head", hud.CodeValidation, "cannot be trained")
}
