package local

import (
	"context"

	"github.com/hudrl/hudrl/internal/store"
	"github.com/hudrl/hudrl/runtime/hud"
)

// EnterTrace opens the record of a rollout. Chats that carry its id, with or
// without dashes, are recorded under it.
func (s *Service) EnterTrace(ctx context.Context, t hud.TraceEnter) error {
	const op = "enter_trace"
	if store.TraceKey(t.TraceID) == "" {
		return invalid(op, "trace_id: got %q, want an id", t.TraceID)
	}
	return storeError(op, s.store.EnterTrace(ctx, store.Trace{
		ID: t.TraceID, JobID: t.JobID, GroupID: t.GroupID, TaskSlug: t.TaskSlug, Model: t.Model,
	}))
}

// ExitTrace closes the record of a rollout. With a reward the trace's id is a
// valid training input from then on, unless it timed out.
func (s *Service) ExitTrace(ctx context.Context, t hud.TraceExit) error {
	const op = "exit_trace"
	if store.TraceKey(t.TraceID) == "" {
		return invalid(op, "trace_id: got %q, want an id", t.TraceID)
	}
	switch t.Status {
	case "completed", "error", "cancelled":
	default:
		return invalid(op, "status: got %q, want completed, error or cancelled", t.Status)
	}
	if t.Reward != nil && !finite(*t.Reward) {
		return invalid(op, "reward: got %v, want a finite number", *t.Reward)
	}
	return storeError(op, s.store.ExitTrace(ctx, store.Trace{
		ID: t.TraceID, Status: t.Status, Reward: t.Reward, StopReason: t.StopReason, Error: t.Error,
	}))
}

// RecordSample implements hud.SampleRecorder. The turns that Chat recorded are
// not recorded again; a service opened read-only keeps none.
func (s *Service) RecordSample(ctx context.Context, traceID string, sample hud.TrajectorySample) error {
	const op = "record_sample"
	if store.TraceKey(traceID) == "" {
		return invalid(op, "trace_id: got %q, want an id", traceID)
	}
	prompt, err := promptOf(op, 0, 0, &sample)
	if err != nil {
		return err
	}
	if len(prompt) == 0 || len(sample.OutputTokenIDs) == 0 || len(sample.OutputLogprobs) != len(sample.OutputTokenIDs) {
		return invalid(op, "got %d prompt tokens, %d output tokens and %d logprobs, want some tokens of each kind and a logprob for each of the output",
			len(prompt), len(sample.OutputTokenIDs), len(sample.OutputLogprobs))
	}
	if s.opts.ReadOnly {
		return nil
	}
	return storeError(op, s.store.AddSampleOnce(ctx, traceID, store.Sample{Prompt: prompt, Output: sample.OutputTokenIDs, Logprobs: sample.OutputLogprobs}))
}
