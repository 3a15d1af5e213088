package hud_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/hud/journal"
)

// quiet makes a training client of the rig's model.
func (r *rig) trainer(j *journal.Journal) *hud.TrainingClient {
	return hud.NewTrainingClient(r.remote, r.model.ModelName, hud.TrainingClientOptions{Warn: func(m string) { r.Logf("warning: %s", m) }, Journal: j})
}

func items() []hud.Item {
	var list []hud.Item
	for _, in := range inputs() {
		list = append(list, in.Payload)
	}
	return list
}

var rate = hud.OptimStepOptions{LearningRate: 0.1}

// doubtful are the calls that change something, and what must come before.
var doubtful = []struct {
	call    string
	prepare func(r *rig, c *hud.TrainingClient) // may be nil
	run     func(ctx context.Context, r *rig, c *hud.TrainingClient) error
}{
	{call: "forward-backward", run: func(ctx context.Context, _ *rig, c *hud.TrainingClient) error {
		_, err := c.ForwardBackward(ctx, items(), hud.ForwardBackwardOptions{})
		return err
	}},
	{call: "backward", run: func(ctx context.Context, _ *rig, c *hud.TrainingClient) error {
		_, err := c.ForwardBackwardCustom(ctx, items(), func(b *hud.Packed, w []float32) (hud.CustomResult, error) {
			w[1] = 1
			return hud.CustomResult{Loss: 1}, nil
		}, hud.CustomOptions{})
		return err
	}},
	{call: "optim-step", run: func(ctx context.Context, _ *rig, c *hud.TrainingClient) error {
		_, err := c.OptimStep(ctx, rate)
		return err
	}, prepare: func(r *rig, c *hud.TrainingClient) {
		if _, err := c.ForwardBackward(r.Context(), items(), hud.ForwardBackwardOptions{}); err != nil {
			r.Fatal(err)
		}
	}},
}

// Every fault of every call that changes something: whether it leaves a
// doubt, and what recover makes of it. For a step that is a fact; of a pass
// nobody can know.
func TestRecoverFromFaults(t *testing.T) {
	t.Parallel()
	faults := []struct {
		fault   hudtest.Fault
		doubt   bool
		applied bool
	}{
		{fault: hudtest.DropBefore, doubt: true},
		{fault: hudtest.DropAfter, doubt: true, applied: true},
		{fault: hudtest.Truncated, doubt: true, applied: true},
		{fault: hudtest.Half, doubt: true, applied: true},
		{fault: hudtest.Empty, doubt: true, applied: true},
		{fault: hudtest.Garbage, doubt: true},
		{fault: hudtest.Delay(time.Hour), doubt: true, applied: true},
		{fault: hudtest.Drip(time.Hour), doubt: true, applied: true},
		{fault: hudtest.After(502), doubt: true, applied: true},
		{fault: hudtest.Body(500, "?"), doubt: true},
		{fault: hudtest.Body(502, "?"), doubt: true},
		{fault: hudtest.Body(503, "?"), doubt: true},
		{fault: hudtest.Body(504, "?"), doubt: true},
		{fault: hudtest.Body(400, "?")},
		{fault: hudtest.Body(409, "?")},
		{fault: hudtest.Body(422, "?")},
		{fault: hudtest.Body(429, "?")},
		{fault: hudtest.Body(500, `{"detail":"it failed","code":"server"}`)},
		{fault: hudtest.Redirect},
	}
	for _, d := range doubtful {
		for _, f := range faults {
			for _, stepped := range []bool{false, true} { // before: base weights, or a head
				t.Run(fmt.Sprintf("%s/%s/%v", d.call, f.fault, stepped), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						r := newRig(t)
						c := r.trainer(nil)
						steps := 0
						if stepped {
							r.step()
							steps++
						}
						if d.prepare != nil {
							d.prepare(r, c)
						}
						r.server.Spoil(d.call, f.fault)
						err := d.run(t.Context(), r, c)
						var e *hud.Error
						if !errors.As(err, &e) || e.Unknown != f.doubt {
							t.Fatalf("got %v, want an error whose outcome is unknown: %v", err, f.doubt)
						}
						if !f.doubt {
							rec, err := c.Recover(t.Context(), hud.RecoverOptions{})
							if err != nil || rec.Outcome != journal.NotApplied || rec.Step != steps {
								t.Errorf("got %+v, %v, want not applied, step %d", rec, err, steps)
							}
							return
						}
						if !strings.Contains(e.Hint, "recover()") {
							t.Errorf("got the hint %q, want one that names recover", e.Hint)
						}
						// Nothing goes on in doubt.
						seen := r.server.Seen("forward-backward") + r.server.Seen("optim-step") + r.server.Seen("backward") + r.server.Seen("forward")
						for _, again := range doubtful {
							var refused *hud.Error
							if err := again.run(t.Context(), r, c); !errors.As(err, &refused) || refused.Code != hud.CodeConflict || !strings.Contains(refused.Hint, "trainer:recover()") {
								t.Errorf("%s in doubt: got %v, want a refusal that names recover", again.call, err)
							}
						}
						if now := r.server.Seen("forward-backward") + r.server.Seen("optim-step") + r.server.Seen("backward") + r.server.Seen("forward"); now != seen {
							t.Errorf("the server saw %d calls in doubt", now-seen)
						}

						rec, err := c.Recover(t.Context(), hud.RecoverOptions{})
						if err != nil {
							t.Fatal(err)
						}
						want := journal.Unknown
						if d.call == "optim-step" {
							want = journal.NotApplied
							if f.applied {
								want = journal.Applied
								steps++
							}
						}
						if rec.Outcome != want || rec.Step != steps || rec.Hint == "" || (rec.CheckpointID != "") != (want == journal.Applied) {
							t.Fatalf("got %+v, want %s at step %d with a hint", rec, want, steps)
						}
						r.repeat(c, want, stepped)
						if got := r.server.Seen("optim-step"); got > 3 {
							t.Errorf("the server saw %d optim_steps", got)
						}
					})
				})
			}
		}
	}
}

// repeat does what recover's hint says, and sees that the model has the
// weights of two steps at most, each of one pass.
func (r *rig) repeat(c *hud.TrainingClient, o journal.Outcome, stepped bool) {
	r.Helper()
	ctx := r.Context()
	pass := func() error {
		_, err := c.ForwardBackward(ctx, items(), hud.ForwardBackwardOptions{})
		return err
	}
	switch o {
	case journal.Applied:
		if err := pass(); err != nil {
			r.Errorf("after applied: %v", err)
		}
		return
	case journal.NotApplied: // what was accumulated is there
		var e *hud.Error
		if err := pass(); !errors.As(err, &e) || e.Code != hud.CodeConflict || !strings.Contains(e.Hint, "discard") {
			r.Errorf("a pass on top of what is accumulated: got %v, want a refusal", err)
		}
		if _, err := c.OptimStep(ctx, rate); err != nil {
			r.Errorf("the step again: %v", err)
		}
		if err := pass(); err != nil {
			r.Errorf("the next pass: %v", err)
		}
		return
	}
	// A pass: recover discards it where there is a checkpoint to go back to.
	rec, err := c.Recover(ctx, hud.RecoverOptions{Discard: true})
	if !stepped {
		if err != nil || rec.Outcome != journal.Unknown || !strings.Contains(rec.Hint, "fork") {
			r.Errorf("on base weights: got %+v, %v, want unknown with a hint to fork", rec, err)
		}
		if err := pass(); err == nil {
			r.Error("a run that stays in doubt goes on")
		}
		return
	}
	if err != nil || rec.Outcome != journal.NotApplied {
		r.Fatalf("got %+v, %v, want what was accumulated discarded", rec, err)
	}
	var e *hud.Error
	if _, err := c.OptimStep(ctx, rate); !errors.As(err, &e) || e.Code != hud.CodeNoGradient {
		r.Errorf("a step after discarding: got %v, want no gradient", err)
	}
	if err := pass(); err != nil {
		r.Errorf("the pass again: %v", err)
	}
}

// A pass in doubt is also answered by set_head, and what recover says changes
// with what the tree shows.
func TestRecoverTells(t *testing.T) {
	t.Parallel()
	lost := func(r *rig, c *hud.TrainingClient, f hudtest.Fault) {
		r.Helper()
		if _, err := c.ForwardBackward(r.Context(), items(), hud.ForwardBackwardOptions{}); err != nil {
			r.Fatal(err)
		}
		r.server.Spoil("optim-step", f)
		if _, err := c.OptimStep(r.Context(), rate); err == nil {
			r.Fatal("the fault did not hit")
		}
	}
	foreign := func(r *rig, lr float64) string {
		r.Helper()
		res, err := r.fake.OptimStep(context.Background(), r.model.ID, &hud.OptimStepRequest{LearningRate: lr, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8})
		if err != nil {
			r.Fatal(err)
		}
		return res.CheckpointID
	}
	cases := map[string]struct {
		before func(r *rig, c *hud.TrainingClient)
		want   journal.Outcome
		hint   string
		after  func(r *rig, c *hud.TrainingClient)
	}{
		"nothing was sent": {
			before: func(*rig, *hud.TrainingClient) {},
			want:   journal.NotApplied, hint: "nothing is in doubt",
		},
		"somebody else's learning rate": {
			before: func(r *rig, c *hud.TrainingClient) {
				lost(r, c, hudtest.DropBefore)
				foreign(r, 0.3)
			},
			want: journal.Unknown, hint: "has the learning rate 0.3, not 0.1",
			after: func(r *rig, c *hud.TrainingClient) {
				if _, err := c.OptimStep(r.Context(), rate); err == nil {
					r.Error("the run goes on in doubt")
				}
				head, err := c.Head(r.Context())
				if err != nil {
					r.Fatal(err)
				}
				if err := c.SetHead(r.Context(), head.ID); err != nil {
					r.Fatal(err)
				}
				if _, err := c.Step(r.Context(), items(), hud.StepOptions{LearningRate: 0.1}); err != nil {
					r.Errorf("after set_head: %v", err)
				}
			},
		},
		"two new checkpoints": {
			before: func(r *rig, c *hud.TrainingClient) {
				lost(r, c, hudtest.DropAfter)
				r.step()
			},
			want: journal.Unknown, hint: "2 checkpoints are new and 1 steps are in doubt",
		},
		"a step elsewhere in the tree": {
			before: func(r *rig, c *hud.TrainingClient) {
				first := r.step()
				r.step()
				lost(r, c, hudtest.DropBefore)
				if err := r.fake.SetHead(context.Background(), r.model.ID, first); err != nil {
					r.Fatal(err)
				}
				r.step()
			},
			want: journal.Unknown, hint: "follows ",
		},
		"the head was moved since": {
			before: func(r *rig, c *hud.TrainingClient) {
				first := r.step()
				lost(r, c, hudtest.DropAfter)
				if err := r.fake.SetHead(context.Background(), r.model.ID, first); err != nil {
					r.Fatal(err)
				}
			},
			want: journal.Applied, hint: "somebody has set the head to ",
		},
		"it may be running still": {
			before: func(r *rig, c *hud.TrainingClient) {
				lost(r, c, hudtest.DropBefore)
				r.server.Spoil("forward", hudtest.Body(503, "busy"))
			},
			want: journal.Unknown, hint: "may still be running",
			after: func(r *rig, c *hud.TrainingClient) {
				r.server.Spoil("forward", hudtest.Body(503, "busy"))
				time.Sleep(11 * time.Minute) // of the test's clock: nothing takes that long
				rec, err := c.Recover(r.Context(), hud.RecoverOptions{})
				if err != nil || rec.Outcome != journal.NotApplied {
					r.Errorf("after 11 minutes: got %+v, %v, want not applied", rec, err)
				}
			},
		},
		"it was running still": {
			before: func(r *rig, c *hud.TrainingClient) {
				lost(r, c, hudtest.DropBefore)
				r.fake.Before = func(op string, _ any) error {
					if op == "forward" { // what came before is done first
						r.fake.Before = nil
						foreign(r, 0.1)
					}
					return nil
				}
			},
			want: journal.Applied, hint: "the step was applied",
		},
		"set_head answers a pass": {
			before: func(r *rig, c *hud.TrainingClient) {
				head := r.step()
				r.server.Spoil("forward-backward", hudtest.DropAfter)
				if _, err := c.ForwardBackward(r.Context(), items(), hud.ForwardBackwardOptions{}); err == nil {
					r.Fatal("the fault did not hit")
				}
				if err := c.SetHead(r.Context(), head); err != nil {
					r.Fatal(err)
				}
			},
			want: journal.NotApplied, hint: "nothing is in doubt",
		},
		"a step of a client that looked at nothing": {
			before: func(r *rig, c *hud.TrainingClient) {
				r.step()
				if _, err := c.ForwardBackward(r.Context(), items(), hud.ForwardBackwardOptions{}); err != nil {
					r.Fatal(err)
				}
				r.server.Spoil("checkpoints", hudtest.Body(500, "?"))
				r.server.Spoil("optim-step", hudtest.DropAfter)
				if _, err := c.OptimStep(r.Context(), rate); err == nil {
					r.Fatal("the fault did not hit")
				}
			},
			want: journal.Unknown, hint: "the head before the step is not known",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				c := r.trainer(nil)
				tc.before(r, c)
				rec, err := c.Recover(t.Context(), hud.RecoverOptions{})
				if err != nil || rec.Outcome != tc.want || !strings.Contains(rec.Hint, tc.hint) {
					t.Fatalf("got %+v, %v, want %s, %q", rec, err, tc.want, tc.hint)
				}
				if tc.after != nil {
					tc.after(r, c)
				}
			})
		})
	}
}

// While a call is under way recover waits for nobody.
func TestRecoverDuringACall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := r.trainer(nil)
		r.server.Spoil("forward-backward", hudtest.Delay(time.Minute))
		done := make(chan error, 1)
		go func() {
			_, err := c.ForwardBackward(t.Context(), items(), hud.ForwardBackwardOptions{})
			done <- err
		}()
		synctest.Wait()
		var e *hud.Error
		if _, err := c.Recover(t.Context(), hud.RecoverOptions{}); !errors.As(err, &e) || e.Code != hud.CodeConflict || !strings.Contains(e.Detail, "under way") {
			t.Errorf("got %v, want a refusal", err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}

		// While it asks, calls of the model wait for it.
		r.server.Spoil("checkpoints", hudtest.Delay(time.Minute))
		go func() {
			_, err := c.Recover(t.Context(), hud.RecoverOptions{})
			done <- err
		}()
		synctest.Wait()
		if _, err := c.OptimStep(t.Context(), rate); !errors.As(err, &e) || e.Code != hud.CodeConflict || !strings.Contains(e.Hint, "recover") {
			t.Errorf("got %v, want a refusal", err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if _, err := c.OptimStep(t.Context(), rate); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// A step that a proxy delivers when nobody waits for it any more finds nothing
// to apply: what it was for was applied by the step that was taken in its place.
func TestLateStep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c := r.trainer(nil)
		doubtful[2].prepare(r, c)
		r.server.Spoil("optim-step", hudtest.Late(time.Hour))
		if _, err := c.OptimStep(t.Context(), rate); err == nil {
			t.Fatal("the fault did not hit")
		}
		rec, err := c.Recover(t.Context(), hud.RecoverOptions{})
		if err != nil || rec.Outcome != journal.NotApplied {
			t.Fatalf("got %+v, %v, want not applied", rec, err)
		}
		if _, err := c.OptimStep(t.Context(), rate); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour) // of the test's clock
		tree, err := c.Checkpoints(t.Context())
		if err != nil || len(tree) != 1 || r.server.Applied("optim-step") != 2 {
			t.Errorf("got %d checkpoints (%v) of %d requests, want 1 of 2", len(tree), err, r.server.Applied("optim-step"))
		}
	})
}

// A step that somebody else takes in between is noticed.
func TestStepsInBetweenAreNoticed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var warned []string
		c := hud.NewTrainingClient(r.remote, r.model.ModelName, hud.TrainingClientOptions{Warn: func(m string) { warned = append(warned, m) }})
		step := func() {
			if _, err := c.Step(t.Context(), items(), hud.StepOptions{LearningRate: 0.1}); err != nil {
				t.Fatal(err)
			}
		}
		step()
		step()
		if len(warned) > 0 {
			t.Fatalf("warned of %q", warned)
		}
		r.step()
		step()
		if len(warned) != 1 || !strings.Contains(warned[0], "went from step 2 to step 4") {
			t.Errorf("got %q, want a warning of the step in between", warned)
		}
	})
}

// The fate of the call under way when a process ends is found out by the next
// one, from the journal: of every call, before and after it took place.
func TestJournalAfterACrash(t *testing.T) {
	t.Parallel()
	for _, d := range doubtful {
		for _, f := range []hudtest.Fault{hudtest.DropBefore, hudtest.DropAfter} {
			t.Run(d.call+"/"+f.Name, func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				path := filepath.Join(t.TempDir(), "run", "steps.jsonl")
				j, err := journal.Open(path, journal.Run{Seed: 1})
				if err != nil {
					t.Fatal(err)
				}
				j.Enter(journal.Place{Loop: 1, Step: 1, Of: 9})
				c := r.trainer(j)
				if _, err := c.Step(t.Context(), items(), hud.StepOptions{LearningRate: 0.1, State: map[string]json.RawMessage{"n": []byte("1")}}); err != nil {
					t.Fatal(err)
				}
				j.Enter(journal.Place{Loop: 1, Step: 2, Of: 9})
				if d.prepare != nil {
					d.prepare(r, c)
				}
				r.server.Spoil(d.call, f)
				_ = d.run(t.Context(), r, c)
				// What the process that dies had not written yet: the answer.
				if err := j.Close(false); err != nil {
					t.Fatal(err)
				}
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				lines := strings.SplitAfter(string(text), "\n")
				lines = lines[:len(lines)-2]
				if err := os.WriteFile(path, []byte(strings.Join(lines, "")+`{"kind":"unkn`), 0o600); err != nil {
					t.Fatal(err)
				}

				j, err = journal.Open(path, journal.Run{Seed: 2})
				if err != nil {
					t.Fatal(err)
				}
				defer j.Close(false)
				if !j.Continued() || j.Run().Seed != 1 || len(j.Models()) != 1 || j.Models()[0] != r.model.ID {
					t.Fatalf("got continued %v, %+v, models %v in doubt", j.Continued(), j.Run(), j.Models())
				}
				c = r.trainer(j)
				var e *hud.Error
				if _, err := c.OptimStep(t.Context(), rate); !errors.As(err, &e) || e.Code != hud.CodeConflict || !strings.Contains(e.Detail, "the program ended before the answer came") {
					t.Fatalf("got %v, want a refusal", err)
				}
				rec, err := c.Recover(t.Context(), hud.RecoverOptions{Discard: true})
				if err != nil {
					t.Fatal(err)
				}
				want, after := journal.NotApplied, 1
				if d.call == "optim-step" && f.Name == hudtest.DropAfter.Name {
					want, after = journal.Applied, 2
				}
				if at, err := j.After(1, 9, false); rec.Outcome != want || err != nil || at != after || !j.Resumes(1, after) {
					t.Fatalf("got %+v, after step %d (%v), want %s after %d", rec, at, err, want, after)
				}
				if got := string(j.State("n")); after == 1 && got != "1" || after == 2 && got != "" {
					t.Errorf("got the state %q", got)
				}
				res, err := c.Step(t.Context(), items(), hud.StepOptions{LearningRate: 0.1})
				if err != nil || res.Step != after+1 {
					t.Errorf("got %+v, %v, want step %d", res, err, after+1)
				}
			})
		}
	}
}

// No key is ever in a journal: not the user's, not the one an address has in
// it, not one that the service sends back.
func TestJournalsHaveNoKeys(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := filepath.Join(t.TempDir(), "steps.jsonl")
	j, err := journal.Open(path, journal.Run{})
	if err != nil {
		t.Fatal(err)
	}
	c := r.trainer(j)
	r.server.Spoil("optim-step", hudtest.Body(500, `{"detail":"the key `+testKey+` is odd"}`))
	if _, err := c.Step(t.Context(), items(), hud.StepOptions{LearningRate: 0.1}); err == nil {
		t.Fatal("the fault did not hit")
	}
	if _, err := c.Recover(t.Context(), hud.RecoverOptions{}); err != nil {
		t.Fatal(err)
	}
	j.Close(true)
	text, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(text), testKey) || !strings.Contains(string(text), "[secret] is odd") {
		t.Errorf("got %s (%v), want the service's text without the key", text, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want a file that only its owner reads", info.Mode(), err)
	}
}
