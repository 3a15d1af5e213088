package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/hudrl/hudrl/runtime/hud"
)

// chunk is a piece of a chat's answer.
type chunk struct {
	ID           string        `json:"id"`
	Object       string        `json:"object"`
	Created      int64         `json:"created"`
	Model        string        `json:"model"`
	Choices      []chunkChoice `json:"choices"`
	Usage        any           `json:"usage,omitempty"`         // a usage, or a null that OpenAI's clients expect
	CheckpointID *string       `json:"checkpoint_id,omitempty"` // hudrl's own, when it is known
}

type chunkChoice struct {
	Index        int           `json:"index"`
	Delta        delta         `json:"delta"`
	Logprobs     *logprobsJSON `json:"logprobs"`
	FinishReason *string       `json:"finish_reason"`
	captured
}

type delta struct {
	Role    string  `json:"role,omitempty"`
	Content *string `json:"content,omitempty"`

	ToolCalls []toolCallDelta `json:"tool_calls,omitempty"`
}

// toolCallDelta is a whole call: none is told before it is known to be one.
type toolCallDelta struct {
	Index int `json:"index"`
	hud.ToolCall
}

// MarshalJSON puts the index before the call's members, which would else be
// all there is.
func (d toolCallDelta) MarshalJSON() ([]byte, error) {
	call, err := json.Marshal(d.ToolCall)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `{"index":%d,%s`, d.Index, call[1:]), nil
}

// events are an answer in pieces, as server-sent events. The first choice's
// text comes as it is sampled, that of the others when all are done; tool calls
// come after a choice's text, tokens and logprobs with its last piece.
type events struct {
	*completions
	w     http.ResponseWriter
	req   *chatRequest
	id    string
	began bool
	err   error // of the first write that failed
}

// stream answers in pieces. An error before the first has a status; one that
// comes later is an event, and no [DONE] follows it.
func (h *handler) stream(w http.ResponseWriter, r *http.Request, req *chatRequest, c *completions) error {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	s := &events{completions: c, w: w, req: req, id: "chatcmpl-" + uuid.NewString()}
	var told strings.Builder
	req.Stream = func(text string) {
		if told.Len() == 0 {
			s.role(0, true)
		}
		told.WriteString(text)
		if s.text(0, text); s.err != nil {
			cancel(s.err) // nobody reads on
		}
	}
	res, err := h.svc.Chat(ctx, &req.ChatRequest)
	if err != nil {
		if !s.began {
			return err
		}
		_, shown := h.explain(err)
		s.event(failure(shown))
		return nil
	}
	h.meter.chat(res.Usage.PromptTokens, res.Usage.CompletionTokens)
	for i := range res.Choices {
		choice := &res.Choices[i]
		if i > 0 || told.Len() == 0 {
			s.role(i, choice.Message.Content != "" || len(choice.Message.ToolCalls) == 0)
		}
		rest := choice.Message.Content
		if i == 0 { // a service may stream nothing, or a part
			var ok bool
			if rest, ok = strings.CutPrefix(rest, told.String()); !ok {
				rest = ""
			}
		}
		if rest != "" {
			s.text(i, rest)
		}
		if calls := choice.Message.ToolCalls; len(calls) > 0 {
			s.calls(i, calls)
		}
		s.chunk([]chunkChoice{{Index: i, Logprobs: s.logprobsOf(choice), FinishReason: &choice.FinishReason, captured: s.captured(choice)}}, &res.CheckpointID, nil)
	}
	if req.usage {
		u := usageOf(res.Usage)
		s.chunk([]chunkChoice{}, nil, &u)
	}
	s.line([]byte("[DONE]"))
	return nil
}

// role begins a choice; one that calls tools and says nothing has no content,
// as in an answer in one piece.
func (s *events) role(i int, speaks bool) {
	d := delta{Role: "assistant"}
	if speaks {
		d.Content = new(string)
	}
	s.chunk([]chunkChoice{{Index: i, Delta: d}}, nil, nil)
}

func (s *events) text(i int, text string) {
	s.chunk([]chunkChoice{{Index: i, Delta: delta{Content: &text}}}, nil, nil)
}

func (s *events) calls(i int, calls []hud.ToolCall) {
	d := delta{ToolCalls: make([]toolCallDelta, len(calls))}
	for k, call := range calls {
		d.ToolCalls[k] = toolCallDelta{k, call}
	}
	s.chunk([]chunkChoice{{Index: i, Delta: d}}, nil, nil)
}

func (s *events) chunk(choices []chunkChoice, checkpoint *string, u *usage) {
	c := chunk{ID: s.id, Object: "chat.completion.chunk", Created: s.created, Model: s.req.Model, Choices: choices, CheckpointID: checkpoint}
	switch {
	case u != nil:
		c.Usage = u
	case s.req.usage:
		c.Usage = json.RawMessage("null")
	}
	s.event(c)
}

func (s *events) event(v any) {
	text, err := json.Marshal(v)
	if err != nil {
		text, _ = json.Marshal(failure(&hud.Error{Code: hud.CodeServer, Detail: "the service failed"}))
	}
	s.line(text)
}

// failure is the event of an error.
func failure(e *hud.Error) map[string]*openAIError {
	return map[string]*openAIError{"error": openAIErrorOf(e)}
}

// line sends an event at once.
func (s *events) line(data []byte) {
	if s.err != nil {
		return
	}
	if !s.began {
		s.began = true
		s.w.Header().Set("Content-Type", "text/event-stream")
		s.w.Header().Set("Cache-Control", "no-cache")
		s.w.Header().Set("X-Content-Type-Options", "nosniff")
		s.w.WriteHeader(http.StatusOK)
	}
	line := append(append([]byte("data: "), data...), "\n\n"...)
	if _, s.err = s.w.Write(line); s.err == nil {
		_ = http.NewResponseController(s.w).Flush() // a writer that keeps nothing back has none
	}
}
