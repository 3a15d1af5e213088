package hud

import (
	"context"
	"net/http"
	"time"
)

// EnterTrace implements Tracer, and reports the trace's job before its first
// trace. Without telemetry it does nothing.
func (r *Remote) EnterTrace(ctx context.Context, t TraceEnter) error {
	const op = "enter_trace"
	if err := r.enterJob(ctx, op, t); err != nil {
		return err
	}
	return r.report(ctx, op, "/v2/trace/"+pythonQuote(t.TraceID)+"/enter", struct {
		JobID    string `json:"job_id,omitempty"`
		GroupID  string `json:"group_id,omitempty"`
		TaskSlug string `json:"task_slug,omitempty"`
		Model    string `json:"model,omitempty"`
	}{t.JobID, t.GroupID, t.TaskSlug, t.Model})
}

// ExitTrace implements Tracer. Without telemetry it does nothing.
func (r *Remote) ExitTrace(ctx context.Context, t TraceExit) error {
	const op = "exit_trace"
	if t.Reward != nil && !finite(*t.Reward) {
		return invalid(op, "reward: got %v, want a finite number", *t.Reward)
	}
	return r.report(ctx, op, "/v2/trace/"+pythonQuote(t.TraceID)+"/exit", struct {
		Status     string   `json:"status"`
		Reward     *float64 `json:"reward,omitempty"`
		Error      string   `json:"error,omitempty"`
		StopReason string   `json:"stop_reason,omitempty"`
	}{t.Status, t.Reward, t.Error, t.StopReason})
}

// A job is one that rollouts belong to.
type job struct {
	turn     chan struct{} // holds a value while somebody reports it
	reported bool          // read and written by whoever has the turn
}

// enterJob reports a trace's job unless that has been done. Traces of the same
// job wait for it.
func (r *Remote) enterJob(ctx context.Context, op string, t TraceEnter) error {
	if t.JobID == "" {
		return nil
	}
	r.mu.Lock()
	j := r.jobs[t.JobID]
	if j == nil {
		j = &job{turn: make(chan struct{}, 1)}
		r.jobs[t.JobID] = j
	}
	r.mu.Unlock()
	select {
	case j.turn <- struct{}{}:
	case <-ctx.Done():
		return r.stopped(ctx, &request{op: op}, false)
	}
	defer func() { <-j.turn }()
	if j.reported {
		return nil
	}
	err := r.report(ctx, op, "/v2/trace/job/"+pythonQuote(t.JobID)+"/enter", struct {
		Name  string `json:"name"`
		Group int    `json:"group"`
	}{t.JobName, max(t.Group, 1)})
	j.reported = err == nil
	return err
}

// report sends a note about a rollout. HUD's client tries all of it twice.
func (r *Remote) report(ctx context.Context, op, path string, body any) error {
	if r.config.NoTelemetry {
		return nil
	}
	q := &request{op: op, method: http.MethodPost, url: r.config.APIURL + path, policy: patiently, body: object(body), read: unheard}
	err := r.do(ctx, q)
	if err == nil || ctx.Err() != nil || !r.authorized() {
		return err
	}
	timer := time.NewTimer(500 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return r.do(ctx, q)
	case <-ctx.Done():
		return err
	}
}
