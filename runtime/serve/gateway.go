package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hudrl/hudrl/internal/httpjson"
	"github.com/hudrl/hudrl/runtime/hud"
)

// chat answers as OpenAI's chat completions do, with HUD's token capture.
func (h *handler) chat(w http.ResponseWriter, r *http.Request) error {
	req := chatRequest{ChatRequest: hud.ChatRequest{TraceID: r.Header.Get("Trace-Id")}}
	err := body(r, "chat", func(j *httpjson.Reader) error { return j.Fields(req.fields(j)...) })
	if err != nil {
		return err
	}
	if req.usage && !req.stream {
		return refuse("chat", http.StatusUnprocessableEntity, "stream_options: got some, want none without stream")
	}
	if err := req.limits(); err != nil {
		return err
	}
	write := h.completions(r.Context(), &req)
	if req.stream {
		return h.stream(w, r, &req, write)
	}
	res, err := h.svc.Chat(r.Context(), &req.ChatRequest)
	if err != nil {
		return err
	}
	h.meter.chat(res.Usage.PromptTokens, res.Usage.CompletionTokens)
	return answer(w, http.StatusOK, write.whole(res))
}

// A chatRequest is a service's, and how it wants its answer.
type chatRequest struct {
	hud.ChatRequest
	stream bool
	usage  bool // at the end of the stream

	maxCompletion int // max_tokens under its other name
}

// limits settles how the request's limit is called.
func (req *chatRequest) limits() error {
	switch {
	case req.maxCompletion == 0:
	case req.MaxTokens == 0:
		req.MaxTokens = req.maxCompletion
	case req.MaxTokens != req.maxCompletion:
		return refuse("chat", http.StatusUnprocessableEntity, "max_completion_tokens: got %d beside a max_tokens of %d, want one of them", req.maxCompletion, req.MaxTokens)
	}
	return nil
}

func (req *chatRequest) fields(j *httpjson.Reader) []httpjson.Field {
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
		{Name: "max_completion_tokens", Read: atLeastOne(j, &req.maxCompletion)},
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
		{Name: "stream", Read: httpjson.Into(&req.stream, j.Bool)},
		{Name: "logprobs", Read: httpjson.Into(&req.Logprobs, j.Bool)},
		{Name: "top_logprobs", Read: httpjson.Into(&req.TopLogprobs, j.Int)},
		{Name: "logprobs_mode", Read: httpjson.Into(&req.LogprobsMode, j.String)},
		{Name: "return_token_ids", Read: httpjson.Into(&req.ReturnTokenIDs, j.Bool)},
		{Name: "prompt_token_ids", Read: httpjson.Into(&req.PromptTokenIDs, func() ([]int, error) { return j.Ints(nil) })},
		{Name: "continuation_from", Read: httpjson.Into(&req.ContinuationFrom, j.Int)},
		{Name: "checkpoint", Read: httpjson.Into(&req.Checkpoint, j.String)},
		{Name: "tools", Read: func() error {
			return j.List(func(int) error {
				t, err := readTool(j)
				req.Tools = append(req.Tools, t)
				return err
			})
		}},
		{Name: "tool_choice", Read: httpjson.Into(&req.ToolChoice, func() (hud.ToolChoice, error) { return readToolChoice(j) })},
		{Name: "parallel_tool_calls", Read: func() error {
			v, err := j.Bool()
			req.ParallelToolCalls = &v
			return err
		}},
		{Name: "stream_options", Read: func() error {
			return j.Fields(
				httpjson.Field{Name: "include_usage", Read: httpjson.Into(&req.usage, j.Bool)},
				httpjson.Field{Name: "include_obfuscation", Read: j.Skip}, // there is none
			)
		}},

		// What other services do and this one does not is refused unless it asks
		// for nothing; what says who is asking is passed over.
		{Name: "functions", Read: none(j, "functions are tools now")},
		{Name: "function_call", Read: only(j, "functions are tools now", `"none"`, `"auto"`)},
		{Name: "response_format", Read: only(j, "answers are plain text", `{"type":"text"}`)},
		{Name: "chat_template_kwargs", Read: only(j, "the chat template takes none", `{}`)},
		{Name: "logit_bias", Read: only(j, "sampling has no biases", `{}`)},
		{Name: "frequency_penalty", Read: only(j, "sampling has no penalties", "0", "0.0")},
		{Name: "presence_penalty", Read: only(j, "sampling has no penalties", "0", "0.0")},
		{Name: "repetition_penalty", Read: only(j, "sampling has no penalties", "1", "1.0")},
		{Name: "reasoning_effort", Read: only(j, "the models do not reason", `"none"`)},
		{Name: "modalities", Read: only(j, "answers are plain text", `["text"]`)},
		{Name: "prediction", Read: j.Skip}, // of the answer, to be quick
		{Name: "user", Read: j.Skip},
		{Name: "metadata", Read: j.Skip},
		{Name: "store", Read: j.Skip},
		{Name: "service_tier", Read: j.Skip},
		{Name: "safety_identifier", Read: j.Skip},
		{Name: "prompt_cache_key", Read: j.Skip},
	}
}

// none reads a list that must be empty.
func none(j *httpjson.Reader, why string) func() error {
	return func() error {
		return j.List(func(int) error { return &httpjson.Error{Detail: "got one, want none: " + why} })
	}
}

// only reads a value that must be one of the texts.
func only(j *httpjson.Reader, why string, texts ...string) func() error {
	return func() error {
		raw, err := j.Raw()
		if err != nil {
			return err
		}
		var text bytes.Buffer
		if err := json.Compact(&text, raw); err != nil {
			return &httpjson.Error{Detail: err.Error()}
		}
		if !slices.Contains(texts, text.String()) {
			got := text.String()
			if len(got) > 40 {
				got = strings.ToValidUTF8(got[:40], "") + "…"
			}
			return &httpjson.Error{Detail: fmt.Sprintf("got %s, want %s: %s", got, texts[0], why)}
		}
		return nil
	}
}
