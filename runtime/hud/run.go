package hud

import "fmt"

// An Item is one element of a training batch: a TraceID, a
// *TrajectoryPayload or a *Run.
type Item interface {
	// input converts the item to what is sent; the error says only what was
	// wrong, the caller adds the position.
	input() (TrainInput, error)
}

// A TraceID is a batch item that names a recorded trace, which the service
// turns into tokens and a reward.
type TraceID string

// A Run is the record of one rollout. It is a batch item: its samples are
// sent inline, or its trace id when it carries none.
type Run struct {
	TraceID string
	GroupID string // rollouts of the same task share it; "" when ungrouped
	Task    string // the task's name
	Repeat  int    // position within the group, from 0
	Seed    uint64 // for the randomness of the run's grader or episode

	Reward  float64
	Samples []TrajectorySample // one per turn of the policy; empty in an evaluation

	Status     string // StatusCompleted, StatusError or StatusCancelled
	StopReason string // StopDone, StopLength, StopMaxSteps or StopTimeout
	Error      string // what went wrong when Status is not StatusCompleted
	Err        error  // the error behind Error, or nil

	Messages []Message      // the conversation, system message first
	Info     any            // what the grader or the episode returned beside the reward
	Extra    map[string]any // carried to a custom loss, never sent
	Tokens   int            // tokens sampled by the run's own session
	Seconds  float64        // wall time
}

// The statuses of a Run.
const (
	StatusCompleted = "completed"
	StatusError     = "error"
	StatusCancelled = "cancelled"
)

// Why a Run stopped.
const (
	StopDone     = "done"
	StopLength   = "length"    // the last answer hit max_tokens or the context
	StopMaxSteps = "max_steps" // the session had no turns left
	StopTimeout  = "timeout"
)

func (id TraceID) input() (TrainInput, error) {
	if id == "" {
		return TrainInput{}, fmt.Errorf("got an empty trace id")
	}
	return TrainInput{TraceID: string(id)}, nil
}

func (p *TrajectoryPayload) input() (TrainInput, error) {
	if p == nil {
		return TrainInput{}, fmt.Errorf("got a nil payload")
	}
	return TrainInput{Payload: p}, nil
}

func (r *Run) input() (TrainInput, error) {
	if r == nil {
		return TrainInput{}, fmt.Errorf("got a nil run")
	}
	if r.StopReason == StopTimeout {
		return TrainInput{}, fmt.Errorf("timed-out runs require an explicit training reward")
	}
	var turns []TrajectorySample
	for _, s := range r.Samples {
		if len(s.OutputTokenIDs) > 0 {
			turns = append(turns, s)
		}
	}
	if len(turns) > 0 {
		return TrainInput{Payload: &TrajectoryPayload{Samples: turns, Reward: r.Reward, TraceID: r.TraceID, Extra: r.Extra}}, nil
	}
	if r.TraceID != "" {
		return TrainInput{TraceID: r.TraceID}, nil
	}
	return TrainInput{}, fmt.Errorf("run carries neither token-level samples nor a trace_id to train on; " +
		"it must come from a trainable-model rollout (local) or a reported trace (remote)")
}

// Items makes a batch of runs.
func Items(runs []*Run) []Item {
	items := make([]Item, len(runs))
	for i, r := range runs {
		items[i] = r
	}
	return items
}
