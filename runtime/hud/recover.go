package hud

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/hudrl/hudrl/runtime/hud/journal"
)

// BaseCheckpoint is what SetHead takes for the weights a model began with,
// where the service can go back to them: the embedded one can, HUD's cannot.
const BaseCheckpoint = "base"

// answerWithin is how long a call may take at the service by HUD's contract:
// after that it is no longer running.
const answerWithin = 10 * time.Minute

// RecoverOptions are the options of Recover; the zero value only looks.
type RecoverOptions struct {
	// Discard makes sure that nothing is accumulated when the step in doubt
	// did not take place, by setting the head to where it is, so that the step
	// can be repeated from its first pass.
	Discard bool
}

// A Recovery is what Recover found out.
type Recovery struct {
	Outcome      journal.Outcome
	Step         int    // the last step of the model that is known to be applied, 0 for none
	CheckpointID string // of the step in doubt when it was applied, else ""
	Hint         string // what is known, and what to do
}

// Recover finds out what became of the calls whose outcome is unknown: after
// a timeout, a cut connection or, with a journal that was opened again, a
// crash. Until it did, the model's passes and steps fail with CodeConflict.
//
// An optim_step is Applied when the tree has just one new checkpoint and that
// fits: its parent is the head before, its learning rate the one that was
// sent, its step number higher. It is NotApplied when the tree is as it was,
// and the service has since answered another call of the model's queue, or
// had the ten minutes that a call may take. Anything else, such as
// checkpoints of somebody else, is Unknown, and the doubt stays until the
// head is set.
//
// What a pass accumulated nobody can see: a pass in doubt is Unknown. With
// Discard it is discarded, and the outcome is NotApplied: nothing is
// accumulated, and the step can be repeated. That needs a checkpoint, or a
// service that knows BaseCheckpoint.
//
// With nothing in doubt the outcome is that of the last call.
func (c *TrainingClient) Recover(ctx context.Context, o RecoverOptions) (*Recovery, error) {
	const op = "recover"
	id, err := c.resolve(ctx, op)
	if err != nil {
		return nil, err
	}
	done, ok := c.journal.Ask(id)
	if !ok {
		return nil, &Error{Op: op, Code: CodeConflict, Status: 409, Detail: "calls of this model are still under way", Hint: "wait for them first"}
	}
	defer done()
	st := c.journal.Status(id)
	list, err := c.svc.Checkpoints(ctx, id)
	if err != nil {
		return nil, failure(op, err)
	}
	steps := slices.DeleteFunc(slices.Clone(st.Calls), func(s journal.Sent) bool { return s.Op != journal.OptimStep })
	if len(steps) > 0 {
		return c.recoverStep(ctx, op, id, st, steps, list, o)
	}
	c.moved(op, st, treeOf(list))
	switch {
	case len(st.Calls) > 0:
		if o.Discard {
			return c.discard(ctx, op, id, list, fmt.Sprintf("the outcome of a %s is not known", st.Calls[0].Op))
		}
		return &Recovery{Outcome: journal.Unknown, Step: treeOf(list).Step, Hint: fmt.Sprintf(
			"nobody can see whether the %s was accumulated: trainer:recover{ discard = true } discards what is accumulated, by set_head to %s; then repeat the step from its first pass",
			st.Calls[0].Op, headText(list))}, nil
	case st.Passes > 0 && (o.Discard || st.Stale):
		if o.Discard {
			return c.discard(ctx, op, id, list, "the step they were for was given up")
		}
		return &Recovery{Outcome: journal.NotApplied, Step: treeOf(list).Step, Hint: staleText(st.Passes)}, nil
	}
	r := &Recovery{Outcome: journal.NotApplied, Step: treeOf(list).Step, Hint: "nothing is in doubt"}
	if st.OK {
		r.Outcome = journal.Applied
	}
	return r, nil
}

func staleText(passes int) string {
	return fmt.Sprintf("the step was not applied, and its %d passes may still be accumulated: call optim_step again, "+
		"or discard them with trainer:recover{ discard = true } and repeat the step from its first pass", passes)
}

func headText(list []Checkpoint) string {
	if t := treeOf(list); t.Head != "" {
		return "the present head " + t.Head
	}
	return "the base weights"
}

// recoverStep is Recover for optimizer steps in doubt.
func (c *TrainingClient) recoverStep(ctx context.Context, op, id string, st journal.Status, steps []journal.Sent, list []Checkpoint, o RecoverOptions) (*Recovery, error) {
	fresh, why := newCheckpoints(steps, list)
	running := ""
	if why == "" && len(fresh) == 0 {
		// It may be running, or wait its turn. The service works through a
		// model's calls in order: one that is answered shows it is not.
		running = c.overtaken(ctx, id, st.Since)
		var err error
		if list, err = c.svc.Checkpoints(ctx, id); err != nil {
			return nil, failure(op, err)
		}
		fresh, why = newCheckpoints(steps, list)
	}
	now, passes := treeOf(list), st.Passes+len(st.Calls)-len(steps)
	switch {
	case why != "":
		return &Recovery{Outcome: journal.Unknown, Step: now.Step, Hint: why +
			": look at trainer:checkpoints(), and say where to go on from with trainer:set_head(id)"}, nil
	case len(fresh) == 0 && running != "":
		return &Recovery{Outcome: journal.Unknown, Step: now.Step, Hint: fmt.Sprintf(
			"the head is as it was before, but the %s may still be running (%s): call recover again in a while", steps[0].Op, running)}, nil
	case len(fresh) == 0:
		if o.Discard && passes > 0 {
			return c.discard(ctx, op, id, list, "the optim_step was not applied")
		}
		if err := c.settle(op, id, journal.NotApplied, now, false); err != nil {
			return nil, err
		}
		r := &Recovery{Outcome: journal.NotApplied, Step: now.Step, Hint: "the step was not applied: repeat it from its first pass"}
		if passes > 0 {
			r.Hint = staleText(passes)
		}
		return r, nil
	}
	last := fresh[len(fresh)-1]
	if err := c.settle(op, id, journal.Applied, now, true); err != nil {
		return nil, err
	}
	c.lineage.stepped(last.ID)
	_, cleared := c.clears()
	cleared(true)
	r := &Recovery{Outcome: journal.Applied, Step: last.Step, CheckpointID: last.ID, Hint: "the step was applied: go on with the next"}
	if now.Head != last.ID {
		r.Hint = fmt.Sprintf("the step was applied, and somebody has set the head to %s since", orBase(now.Head))
	}
	return r, nil
}

func orBase(head string) string {
	if head == "" {
		return "the base weights"
	}
	return head
}

func (c *TrainingClient) settle(op, id string, o journal.Outcome, now journal.Tree, cleared bool) error {
	if err := c.journal.Settle(id, o, now, cleared); err != nil {
		return refused(op, err)
	}
	return nil
}

// newCheckpoints are those that the steps in doubt made; why says that others
// are new, or that nobody can tell.
func newCheckpoints(steps []journal.Sent, list []Checkpoint) (fresh []Checkpoint, why string) {
	before := steps[0].Tree
	if before == nil {
		if len(list) == 0 {
			return nil, ""
		}
		return nil, "the head before the step is not known"
	}
	fresh = list
	if before.Newest != "" {
		at := slices.IndexFunc(list, func(c Checkpoint) bool { return c.ID == before.Newest })
		if at < 0 {
			return nil, fmt.Sprintf("checkpoint %s, the newest before the step, is gone", before.Newest)
		}
		fresh = list[at+1:]
	}
	if len(fresh) == 0 {
		return nil, ""
	}
	if len(fresh) != len(steps) {
		return nil, fmt.Sprintf("%d checkpoints are new and %d steps are in doubt: somebody else trains this model", len(fresh), len(steps))
	}
	parents := slices.ContainsFunc(list, func(c Checkpoint) bool { return c.PrevModelCheckpointID != "" })
	parent := before.Head
	for i, c := range fresh {
		var odd []string
		if parents && c.PrevModelCheckpointID != parent {
			odd = append(odd, fmt.Sprintf("follows %s, not %s", orBase(c.PrevModelCheckpointID), orBase(parent)))
		}
		if rate := c.LearningRate; rate != nil && math.Abs(*rate-steps[i].LearningRate) > 1e-6*steps[i].LearningRate {
			odd = append(odd, fmt.Sprintf("has the learning rate %v, not %v", *rate, steps[i].LearningRate))
		}
		if c.Step > 0 && c.Step <= before.Step {
			odd = append(odd, fmt.Sprintf("is of step %d, not after %d", c.Step, before.Step))
		}
		if odd != nil {
			return nil, fmt.Sprintf("checkpoint %s is new and %s: it is somebody else's", c.ID, strings.Join(odd, ", "))
		}
		parent = c.ID
	}
	return fresh, ""
}

// overtaken makes sure that a call sent at since is not running any more; what
// it returns is why that is not certain, or "".
func (c *TrainingClient) overtaken(ctx context.Context, id string, since time.Time) string {
	if time.Since(since) > answerWithin {
		return ""
	}
	// The smallest pass there is. It changes nothing.
	_, err := c.svc.Forward(ctx, id, &ForwardRequest{RewardScale: 1, Inputs: []TrainInput{{Payload: &TrajectoryPayload{
		Samples: []TrajectorySample{{PromptTokenIDs: []int{1}, OutputTokenIDs: []int{2}, OutputLogprobs: []float32{}}},
	}}}})
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Detail
	}
	return err.Error()
}

// discard sets the head to where it is, which discards what is accumulated.
func (c *TrainingClient) discard(ctx context.Context, op, id string, list []Checkpoint, why string) (*Recovery, error) {
	now := treeOf(list)
	head := now.Head
	if head == "" {
		head = BaseCheckpoint
	}
	_, cleared := c.clears()
	err := c.svc.SetHead(ctx, id, head)
	cleared(err == nil)
	if err != nil {
		var e *Error
		if now.Head == "" && errors.As(err, &e) && (e.Code == CodeNotFound || e.Code == CodeValidation) {
			return &Recovery{Outcome: journal.Unknown, Hint: why + ", and this service cannot discard what a model without a checkpoint has accumulated: " +
				"fork the source again, which starts from the same weights, and begin the run anew"}, nil
		}
		return nil, failure(op, err)
	}
	if err := c.settle(op, id, journal.NotApplied, now, true); err != nil {
		return nil, err
	}
	c.lineage.moved(now.Head)
	return &Recovery{Outcome: journal.NotApplied, Step: now.Step, Hint: why + ": what was accumulated is discarded; repeat the step from its first pass"}, nil
}

// decided tells the journal that somebody set the head.
func (c *TrainingClient) decided(ctx context.Context, id, checkpointID string) {
	ours := false
	for _, s := range c.journal.Status(id).Calls {
		if s.Op != journal.OptimStep || s.Tree == nil {
			continue
		}
		list, err := c.svc.Checkpoints(ctx, id)
		if err != nil {
			break
		}
		at := slices.IndexFunc(list, func(c Checkpoint) bool {
			return checkpointID != "" && (c.ID == checkpointID || c.Name == checkpointID || c.CheckpointName == checkpointID)
		})
		known := slices.IndexFunc(list, func(c Checkpoint) bool { return c.ID == s.Tree.Newest })
		ours = ours || at > known
	}
	c.journal.Moved(id, checkpointID, ours)
	c.journal.Know(id, nil) // what was given may be a name
}
