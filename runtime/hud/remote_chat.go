package hud

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/hudrl/hudrl/internal/httpjson"
)

// chatBody is a ChatRequest as it travels.
type chatBody struct {
	*ChatRequest
	Stream           bool   `json:"stream"`
	Logprobs         bool   `json:"logprobs,omitempty"`
	Seed             *int64 `json:"seed,omitempty"`
	ContinuationFrom *int   `json:"continuation_from,omitempty"`
}

// Chat implements Sampler. The answer comes in one piece: a Stream is called
// once, with the whole text.
func (r *Remote) Chat(ctx context.Context, req *ChatRequest) (*ChatResponse, error) {
	const op = "chat"
	for _, x := range []struct {
		name string
		v    *float64
	}{{"temperature", req.Temperature}, {"top_p", req.TopP}, {"min_p", &req.MinP}} {
		if x.v != nil && !finite(*x.v) {
			return nil, invalid(op, "%s: got %v, want a finite number", x.name, *x.v)
		}
	}
	body := chatBody{ChatRequest: req, Logprobs: req.Logprobs || req.ReturnTokenIDs}
	if req.Seed != nil {
		// Gateways take 64 bits with a sign: the upper half is negative there.
		body.Seed = new(int64(*req.Seed))
	}
	if len(req.PromptTokenIDs) > 0 {
		body.ContinuationFrom = &req.ContinuationFrom // 0 is said too
	}
	header := http.Header{}
	if req.TraceID != "" {
		header.Set("Trace-Id", req.TraceID)
	}
	var res *ChatResponse
	err := r.do(ctx, &request{
		op: op, method: http.MethodPost, url: r.config.GatewayURL + "/chat/completions", header: header, policy: asOpenAI, body: object(body),
		read: func(j *httpjson.Reader) (err error) {
			res, err = readChat(j)
			return err
		},
	})
	if err != nil {
		return nil, err
	}
	if res.Model == "" {
		res.Model = req.Model
	}
	for i := range res.Choices {
		c := &res.Choices[i]
		if req.ReturnTokenIDs && len(c.Logprobs) > 0 && len(c.Logprobs) != len(c.TokenIDs) && len(c.TokenIDs) > 0 {
			return nil, &Error{Op: op, Code: CodeServer, Detail: fmt.Sprintf("choice %d: the service answered %d logprobs for %d tokens, want one each", i+1, len(c.Logprobs), len(c.TokenIDs))}
		}
	}
	if req.Stream != nil {
		req.Stream(res.Choices[0].Message.Content)
	}
	return res, nil
}

func readChat(r *httpjson.Reader) (*ChatResponse, error) {
	res := &ChatResponse{CheckpointID: CheckpointUnknown}
	err := members(r, map[string]func() error{
		"id":            text(r, &res.ID),
		"model":         text(r, &res.Model),
		"checkpoint_id": text(r, &res.CheckpointID), // hudrl's own
		"usage": func() error {
			return members(r, map[string]func() error{
				"prompt_tokens": whole(r, &res.Usage.PromptTokens), "completion_tokens": whole(r, &res.Usage.CompletionTokens),
			})
		},
		"choices": func() error {
			return r.List(func(int) error {
				c, err := readChoice(r)
				res.Choices = append(res.Choices, c)
				return err
			})
		},
	})
	if err == nil && len(res.Choices) == 0 {
		err = &httpjson.Error{Path: "choices", Detail: "got none, want at least 1"}
	}
	return res, err
}

func readChoice(r *httpjson.Reader) (c Choice, err error) {
	ints := func(dst *[]int) func() error {
		return httpjson.Into(dst, func() ([]int, error) { return r.Ints(nil) })
	}
	c.Message.Role = "assistant"
	err = members(r, map[string]func() error{
		"finish_reason":    text(r, &c.FinishReason),
		"prompt_token_ids": ints(&c.PromptTokenIDs),
		"token_ids":        ints(&c.TokenIDs),
		"message": func() error {
			return members(r, map[string]func() error{"role": text(r, &c.Message.Role), "content": text(r, &c.Message.Content)})
		},
		"logprobs": func() error {
			return members(r, map[string]func() error{"content": func() error {
				return r.List(func(int) error {
					var lp float64
					err := members(r, map[string]func() error{"logprob": number(r, &lp)})
					c.Logprobs = append(c.Logprobs, float32(lp))
					return err
				})
			}})
		},
	})
	return c, err
}

// EnterTrace implements Tracer, and reports the trace's job before its first
// trace. Without telemetry it does nothing.
func (r *Remote) EnterTrace(ctx context.Context, t TraceEnter) error {
	const op = "enter_trace"
	if t.JobID != "" && r.newJob(t.JobID) {
		err := r.report(ctx, op, "/v2/trace/job/"+pythonQuote(t.JobID)+"/enter", struct {
			Name  string `json:"name"`
			Group int    `json:"group"`
		}{t.JobName, max(t.Group, 1)})
		if err != nil {
			r.forgetJob(t.JobID)
			return err
		}
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

// newJob reports whether a job is not reported yet, and counts it as reported.
func (r *Remote) newJob(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.jobs[id]
	r.jobs[id] = true
	return !known
}

func (r *Remote) forgetJob(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.jobs, id)
}

// report sends a note about a rollout. HUD's client tries all of it twice.
func (r *Remote) report(ctx context.Context, op, path string, body any) error {
	if r.config.NoTelemetry {
		return nil
	}
	q := &request{op: op, method: http.MethodPost, url: r.config.APIURL + path, policy: patiently, body: object(body), read: (*httpjson.Reader).Skip}
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
