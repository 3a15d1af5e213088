package rollout

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/hudrl/hudrl/runtime/hud"
)

// A Job is a list of runs: those of one Taskset.Run, or of all that were told
// to append to it. It is safe for concurrent use.
type Job struct {
	ID    string
	Name  string
	Group int // default number of runs per task

	mu      sync.Mutex
	runs    []*hud.Run
	seconds float64
	step    uint64
	calls   uint64 // Taskset.Run calls begun in this step
}

// NewJob starts a job that tasksets can append to.
func NewJob(name string, group int) (*Job, error) {
	if group < 1 {
		return nil, named("job", invalid("group: got %d, want at least 1", group))
	}
	return &Job{ID: newID(), Name: name, Group: group}, nil
}

// newID is a uuid4 without dashes, as HUD's local ids are.
func newID() string { return strings.ReplaceAll(uuid.NewString(), "-", "") }

// begin returns how many calls of the same step came before this one, so that
// two calls in one step draw different randomness, and do so again on resume.
func (j *Job) begin(step uint64) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	if step != j.step {
		j.step, j.calls = step, 0
	}
	j.calls++
	return j.calls - 1
}

func (j *Job) add(runs []*hud.Run, seconds float64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.runs = append(j.runs, runs...)
	j.seconds += seconds
}

// Runs are the job's runs, task by task, the repeats of a task together.
func (j *Job) Runs() []*hud.Run {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.runs)
}

// Reward is the mean reward of all runs, failed ones counting 0, and 0
// without runs.
func (j *Job) Reward() float64 {
	runs := j.Runs()
	if len(runs) == 0 {
		return 0
	}
	sum := 0.0
	for _, r := range runs {
		sum += r.Reward
	}
	return sum / float64(len(runs))
}

// Tokens is the number of tokens the runs sampled.
func (j *Job) Tokens() int {
	n := 0
	for _, r := range j.Runs() {
		n += r.Tokens
	}
	return n
}

// Seconds is the wall time spent rolling out.
func (j *Job) Seconds() float64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.seconds
}

// HasSpread reports whether some group's rewards differ: without that, the
// losses that use a group baseline have nothing to learn from.
func (j *Job) HasSpread() bool {
	for _, group := range groups(j.Runs()) {
		for _, r := range group {
			if r.Reward != group[0].Reward {
				return true
			}
		}
	}
	return false
}

// Trainable returns the runs of the groups in which every run completed and
// has samples, in order. When no group is left the error says why.
func (j *Job) Trainable() ([]*hud.Run, error) {
	var kept []*hud.Run
	all := groups(j.Runs())
	dropped, reason := 0, ""
	for _, group := range all {
		bad := slices.IndexFunc(group, func(r *hud.Run) bool { return failed(r) != "" })
		if bad < 0 {
			kept = append(kept, group...)
			continue
		}
		if dropped == 0 {
			reason = fmt.Sprintf("run %s of task %s: %s", group[bad].TraceID, group[bad].Task, failed(group[bad]))
		}
		dropped++
	}
	switch {
	case len(all) == 0:
		return nil, named("trainable", invalid("the job has no runs"))
	case len(kept) == 0:
		return nil, named("trainable", invalid("all %d groups have a failed run; the first: %s", dropped, reason))
	}
	return kept, nil
}

// failed says why a run cannot be trained on, or "".
func failed(r *hud.Run) string {
	switch {
	case r.Status != hud.StatusCompleted && r.Error != "":
		return r.Error
	case r.Status != hud.StatusCompleted:
		return r.Status
	case r.StopReason == hud.StopTimeout:
		return "timed out"
	case len(r.Samples) == 0:
		return "no samples were captured"
	}
	return ""
}

// groups gathers runs by group id, groups by first appearance; a run without
// one is a group of its own.
func groups(runs []*hud.Run) [][]*hud.Run {
	at := map[string]int{}
	var out [][]*hud.Run
	for _, r := range runs {
		k, known := at[r.GroupID]
		if !known || r.GroupID == "" {
			k = len(out)
			at[r.GroupID] = k
			out = append(out, nil)
		}
		out[k] = append(out[k], r)
	}
	return out
}
