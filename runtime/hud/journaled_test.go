package hud_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/hud/journal"
)

// A run that is to survive a crash takes no step from a tree it could not
// read, and none that it could not write down.
func TestJournaledStepNeedsItsJournal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		dir := t.TempDir()
		j, err := journal.Open(filepath.Join(dir, "steps.jsonl"), journal.Run{})
		if err != nil {
			t.Fatal(err)
		}
		c := r.trainer(j)
		doubtful[2].prepare(r, c)
		r.server.Spoil("checkpoints", hudtest.Body(500, "?"))
		var e *hud.Error
		if _, err := c.OptimStep(t.Context(), rate); !errors.As(err, &e) || e.Code != hud.CodeServer || e.Unknown || !strings.Contains(e.Detail, "nothing was sent") {
			t.Errorf("got %v, want a step that was not sent", err)
		}
		if n := r.server.Seen("optim-step"); n != 0 {
			t.Errorf("the server saw %d steps", n)
		}
		if _, err := c.OptimStep(t.Context(), rate); err != nil {
			t.Errorf("again: %v", err)
		}

		j.Close(false)
		if _, err := c.ForwardBackward(t.Context(), items(), hud.ForwardBackwardOptions{}); !errors.As(err, &e) || e.Code != hud.CodeLimit || e.Unknown || !strings.Contains(e.Detail, "nothing was sent") {
			t.Errorf("without its journal: got %v, want a pass that was not sent", err)
		}
		blocked := filepath.Join(dir, "file")
		if err := os.WriteFile(blocked, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		seen := r.server.Seen("forward-backward")
		if j, err := journal.Open(filepath.Join(blocked, "runs", "steps.jsonl"), journal.Run{}); err == nil {
			_, err := r.trainer(j).ForwardBackward(t.Context(), items(), hud.ForwardBackwardOptions{})
			if !errors.As(err, &e) || e.Code != hud.CodeLimit || !strings.Contains(e.Hint, "--data DIR") {
				t.Errorf("without a place: got %v, want a hint", err)
			}
		}
		if now := r.server.Seen("forward-backward"); now != seen {
			t.Errorf("the server saw %d passes that were not written down", now-seen)
		}
	})
}

// A head that somebody moved while the run was down is told of.
func TestMovedHeadIsTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := filepath.Join(t.TempDir(), "steps.jsonl")
	var warned []string
	step := func() {
		t.Helper()
		j, err := journal.Open(path, journal.Run{})
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close(false)
		c := hud.NewTrainingClient(r.remote, r.model.ModelName, hud.TrainingClientOptions{Warn: func(m string) { warned = append(warned, m) }, Journal: j})
		if _, err := c.Step(t.Context(), items(), hud.StepOptions{LearningRate: 0.1}); err != nil {
			t.Fatal(err)
		}
	}
	step()
	step()
	if len(warned) > 0 {
		t.Fatalf("warned of %q", warned)
	}
	other := r.step()
	step()
	if len(warned) != 1 || !strings.Contains(warned[0], "is "+other+", and was ") {
		t.Errorf("got %q, want a warning that names %s", warned, other)
	}

	// Also where a pass of the run is to be discarded.
	warned = nil
	j, err := journal.Open(path, journal.Run{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.trainer(j).ForwardBackward(t.Context(), items(), hud.ForwardBackwardOptions{}); err != nil {
		t.Fatal(err)
	}
	j.Close(false)
	other = r.step()
	if j, err = journal.Open(path, journal.Run{}); err != nil {
		t.Fatal(err)
	}
	defer j.Close(false)
	c := hud.NewTrainingClient(r.remote, r.model.ModelName, hud.TrainingClientOptions{Warn: func(m string) { warned = append(warned, m) }, Journal: j})
	if _, err := c.Recover(t.Context(), hud.RecoverOptions{Discard: true}); err != nil {
		t.Fatal(err)
	}
	if len(warned) != 1 || !strings.Contains(warned[0], "is "+other+", and was ") {
		t.Errorf("with a pass to discard: got %q, want a warning that names %s", warned, other)
	}
}

// What a journal says was sent is the same for the same batch, and differs
// for another.
func TestJournalTellsBatchesApart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := filepath.Join(t.TempDir(), "steps.jsonl")
	j, err := journal.Open(path, journal.Run{})
	if err != nil {
		t.Fatal(err)
	}
	c := r.trainer(j)
	other := items()
	other[0].(*hud.TrajectoryPayload).Samples[0].OutputTokenIDs[1]++
	for _, batch := range [][]hud.Item{items(), items(), other} {
		if _, err := c.ForwardBackward(t.Context(), batch, hud.ForwardBackwardOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.ForwardBackward(t.Context(), items(), hud.ForwardBackwardOptions{RewardScale: new(2.0)}); err != nil {
		t.Fatal(err)
	}
	j.Close(true)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var hashes []string
	for line := range strings.Lines(string(text)) {
		if _, rest, ok := strings.Cut(line, `"hash":"`); ok {
			hash, _, _ := strings.Cut(rest, `"`)
			hashes = append(hashes, hash)
		}
	}
	if len(hashes) != 4 || hashes[0] != hashes[1] || hashes[2] == hashes[0] || hashes[3] == hashes[0] || hashes[3] == hashes[2] {
		t.Errorf("got %q, want the first two alike and no others", hashes)
	}
}
