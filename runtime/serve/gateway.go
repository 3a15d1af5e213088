package serve

import (
	"net/http"
	"strings"
	"time"

	"github.com/hudrl/hudrl/internal/httpjson"
	"github.com/hudrl/hudrl/runtime/hud"
)

// chat answers as OpenAI's chat completions do, with HUD's token capture.
func (h *handler) chat(w http.ResponseWriter, r *http.Request) error {
	req := &hud.ChatRequest{TraceID: r.Header.Get("Trace-Id")}
	stream := false
	err := body(r, "chat", func(j *httpjson.Reader) error {
		return j.Fields(chatFields(j, req, &stream)...)
	})
	if err != nil {
		return err
	}
	if stream {
		return refuse("chat", http.StatusUnprocessableEntity, "stream: got true, want false")
	}
	res, err := h.svc.Chat(r.Context(), req)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, completionOf(req, res))
}

func chatFields(j *httpjson.Reader, req *hud.ChatRequest, stream *bool) []httpjson.Field {
	pointer := func(dst **float64) func() error {
		return func() error {
			v, err := j.Float()
			*dst = &v
			return err
		}
	}
	return []httpjson.Field{
		{Name: "model", Required: true, Read: httpjson.Into(&req.Model, j.String)},
		{Name: "messages", Required: true, Read: func() error {
			return j.List(func(int) error {
				m, err := readMessage(j)
				req.Messages = append(req.Messages, m)
				return err
			})
		}},
		{Name: "max_tokens", Read: atLeastOne(j, &req.MaxTokens)},
		{Name: "max_completion_tokens", Read: atLeastOne(j, &req.MaxTokens)},
		{Name: "temperature", Read: pointer(&req.Temperature)},
		{Name: "top_p", Read: pointer(&req.TopP)},
		{Name: "top_k", Read: httpjson.Into(&req.TopK, j.Int)},
		{Name: "min_p", Read: httpjson.Into(&req.MinP, j.Float)},
		{Name: "stop", Read: func() error {
			if j.Kind() == '"' {
				s, err := j.String()
				req.Stop = []string{s}
				return err
			}
			return j.List(func(int) error {
				s, err := j.String()
				req.Stop = append(req.Stop, s)
				return err
			})
		}},
		{Name: "seed", Read: func() error {
			seed, err := j.Int()
			req.Seed = new(uint64(seed)) // 64 bits, whichever half they name
			return err
		}},
		{Name: "n", Read: atLeastOne(j, &req.N)},
		{Name: "stream", Read: httpjson.Into(stream, j.Bool)},
		{Name: "logprobs", Read: httpjson.Into(&req.Logprobs, j.Bool)},
		{Name: "logprobs_mode", Read: httpjson.Into(&req.LogprobsMode, j.String)},
		{Name: "return_token_ids", Read: httpjson.Into(&req.ReturnTokenIDs, j.Bool)},
		{Name: "prompt_token_ids", Read: httpjson.Into(&req.PromptTokenIDs, func() ([]int, error) { return j.Ints(nil) })},
		{Name: "continuation_from", Read: httpjson.Into(&req.ContinuationFrom, j.Int)},
		{Name: "checkpoint", Read: httpjson.Into(&req.Checkpoint, j.String)},
	}
}

// readMessage reads a message: its role, and its content as a string or as
// parts of text. What else an assistant's or a tool's message carries names
// calls whose text is in the content.
func readMessage(j *httpjson.Reader) (m hud.Message, err error) {
	ignored := func(name string) httpjson.Field { return httpjson.Field{Name: name, Read: j.Skip} }
	err = j.Fields(
		httpjson.Field{Name: "role", Required: true, Read: httpjson.Into(&m.Role, j.String)},
		httpjson.Field{Name: "content", Read: func() error {
			if j.Kind() == '"' {
				m.Content, err = j.String()
				return err
			}
			var parts []string
			err := j.List(func(int) error {
				kind, text := "", ""
				err := j.Fields(
					httpjson.Field{Name: "type", Required: true, Read: httpjson.Into(&kind, j.String)},
					httpjson.Field{Name: "text", Read: httpjson.Into(&text, j.String)},
					ignored("image_url"),
				)
				if err == nil && kind != "text" {
					err = &httpjson.Error{Path: "type", Detail: "got " + kind + ", want text: the models read nothing else"}
				}
				parts = append(parts, text)
				return err
			})
			m.Content = strings.Join(parts, "")
			return err
		}},
		ignored("name"), ignored("tool_call_id"), ignored("tool_calls"), ignored("refusal"), ignored("reasoning_content"), ignored("reasoning"),
		ignored("reasoning_details"), ignored("annotations"), ignored("audio"), ignored("function_call"),
	)
	return m, err
}

type completion struct {
	ID           string             `json:"id"`
	Object       string             `json:"object"`
	Created      int64              `json:"created"`
	Model        string             `json:"model"`
	Choices      []completionChoice `json:"choices"`
	Usage        usage              `json:"usage"`
	CheckpointID string             `json:"checkpoint_id"` // hudrl's own; "" for base weights
}

type usage struct {
	hud.Usage
	TotalTokens int `json:"total_tokens"`
}

type completionChoice struct {
	Index          int           `json:"index"`
	Message        hud.Message   `json:"message"`
	FinishReason   string        `json:"finish_reason"`
	Logprobs       *logprobsJSON `json:"logprobs"`
	PromptTokenIDs []int         `json:"prompt_token_ids,omitempty"`
	TokenIDs       []int         `json:"token_ids,omitempty"`
}

type logprobsJSON struct {
	Content []tokenLogprob `json:"content"`
}

// tokenLogprob is an entry of OpenAI's shape. The text of a single token of
// bytes may be no text, so it is not told.
type tokenLogprob struct {
	Token       string     `json:"token"`
	Logprob     exact      `json:"logprob"`
	Bytes       []int      `json:"bytes"`
	TopLogprobs []struct{} `json:"top_logprobs"`
}

// exact is a number from whose text the same float32 is read, also by way of
// float64.
type exact float32

func (f exact) MarshalJSON() ([]byte, error) {
	return httpjson.AppendFloat32s(nil, []float32{float32(f)})
}

func completionOf(req *hud.ChatRequest, res *hud.ChatResponse) completion {
	out := completion{
		ID: res.ID, Object: "chat.completion", Created: time.Now().Unix(), Model: res.Model, CheckpointID: res.CheckpointID,
		Choices: []completionChoice{},
		Usage:   usage{res.Usage, res.Usage.PromptTokens + res.Usage.CompletionTokens},
	}
	for i, c := range res.Choices {
		choice := completionChoice{Index: i, Message: c.Message, FinishReason: c.FinishReason, PromptTokenIDs: c.PromptTokenIDs, TokenIDs: c.TokenIDs}
		if req.Logprobs || req.ReturnTokenIDs {
			choice.Logprobs = &logprobsJSON{Content: make([]tokenLogprob, len(c.Logprobs))}
			for k, lp := range c.Logprobs {
				choice.Logprobs.Content[k] = tokenLogprob{Logprob: exact(lp), TopLogprobs: []struct{}{}}
			}
		}
		out.Choices = append(out.Choices, choice)
	}
	return out
}
