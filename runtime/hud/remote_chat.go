package hud

import (
	"context"
	"fmt"
	"net/http"

	"github.com/hudrl/hudrl/internal/httpjson"
)

// chatBody is a ChatRequest as it travels.
type chatBody struct {
	*ChatRequest
	Stream           bool   `json:"stream"`
	StreamOptions    any    `json:"stream_options,omitempty"`
	Logprobs         bool   `json:"logprobs,omitempty"`
	Seed             *int64 `json:"seed,omitempty"`
	ContinuationFrom *int   `json:"continuation_from,omitempty"`
}

// Chat implements Sampler. Services of hudrl's stream their answer where the
// request wants that; those of others come in one piece, and a Stream is then
// called once, with the whole text. An answer that breaks off when a part of it
// was told is not asked for again.
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
	body := chatBody{ChatRequest: req, Logprobs: req.Logprobs || req.ReturnTokenIDs || req.TopLogprobs > 0}
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
	q := &request{op: op, method: http.MethodPost, url: r.config.GatewayURL + "/chat/completions", header: header, policy: asOpenAI}
	pieces := &streamed{emit: req.Stream}
	if req.Stream != nil {
		var err error
		if body.Stream, err = r.streams(ctx, op); err != nil {
			return nil, err
		}
	}
	if body.Stream {
		body.StreamOptions = map[string]bool{"include_usage": true}
		q.events, q.final = pieces.read, func() bool { return pieces.told }
	}
	q.body = object(body)
	var res *ChatResponse
	q.read = func(j *httpjson.Reader) (err error) {
		if res, err = readChat(j); err != nil {
			res = nil
		}
		return err
	}
	if err := r.do(ctx, q); err != nil {
		return nil, err
	}
	if res == nil {
		res = pieces.res
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
	if content := res.Choices[0].Message.Content; req.Stream != nil && content != "" && !pieces.told {
		req.Stream(content)
	}
	return res, nil
}

func readChat(r *httpjson.Reader) (*ChatResponse, error) {
	res := &ChatResponse{CheckpointID: CheckpointUnknown}
	err := members(r, answerReaders(r, res, func(_ int, c Choice) error {
		res.Choices = append(res.Choices, c)
		return nil
	}))
	if err == nil && len(res.Choices) == 0 {
		err = &httpjson.Error{Path: "choices", Detail: "got none, want at least 1"}
	}
	return res, err
}

// answerReaders read the members of an answer, or of a piece of one. choice is
// given each choice, with its index.
func answerReaders(r *httpjson.Reader, res *ChatResponse, choice func(index int, c Choice) error) map[string]func() error {
	return map[string]func() error{
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
				index, c, err := readChoice(r)
				if err != nil {
					return err
				}
				return choice(index, c)
			})
		},
	}
}

// readChoice reads a choice, or a piece of one.
func readChoice(r *httpjson.Reader) (index int, c Choice, err error) {
	ints := func(dst *[]int) func() error {
		return httpjson.Into(dst, func() ([]int, error) { return r.Ints(nil) })
	}
	c.Message.Role = "assistant"
	message := func() error {
		return members(r, map[string]func() error{
			"role": text(r, &c.Message.Role), "content": text(r, &c.Message.Content),
			"tool_calls": func() error {
				return r.List(func(int) error {
					call, err := readToolCall(r)
					if call.Name != "" { // another kind of tool
						c.Message.ToolCalls = append(c.Message.ToolCalls, call)
					}
					return err
				})
			},
		})
	}
	err = members(r, map[string]func() error{
		"index":            whole(r, &index),
		"finish_reason":    text(r, &c.FinishReason),
		"prompt_token_ids": ints(&c.PromptTokenIDs),
		"token_ids":        ints(&c.TokenIDs),
		"message":          message,
		"delta":            message,
		"logprobs": func() error {
			return members(r, map[string]func() error{"content": func() error {
				return r.List(func(i int) error {
					var lp float64
					var top []TokenLogprob
					err := members(r, map[string]func() error{"logprob": number(r, &lp), "top_logprobs": func() error {
						return r.List(func(int) error {
							t, err := readTokenLogprob(r)
							top = append(top, t)
							return err
						})
					}})
					c.Logprobs = append(c.Logprobs, float32(lp))
					if top != nil && c.TopLogprobs == nil {
						c.TopLogprobs = make([][]TokenLogprob, i)
					}
					if c.TopLogprobs != nil {
						c.TopLogprobs = append(c.TopLogprobs, top)
					}
					return err
				})
			}})
		},
	})
	return index, c, err
}

// readToolCall reads a call of a function; arguments that are no string are
// kept as they are written.
func readToolCall(r *httpjson.Reader) (c ToolCall, err error) {
	err = members(r, map[string]func() error{
		"id": text(r, &c.ID),
		"function": func() error {
			return members(r, map[string]func() error{"name": text(r, &c.Name), "arguments": func() error {
				if r.Kind() == '{' || r.Kind() == '[' {
					raw, err := r.Raw()
					c.Arguments = string(raw)
					return err
				}
				return text(r, &c.Arguments)()
			}})
		},
	})
	return c, err
}

// readTokenLogprob reads a token that could have been: its bytes where they
// are told, as its text may show them as U+FFFD.
func readTokenLogprob(r *httpjson.Reader) (TokenLogprob, error) {
	t, lp := TokenLogprob{TokenID: -1}, 0.0
	var exact []int
	err := members(r, map[string]func() error{
		"token": text(r, &t.Token), "logprob": number(r, &lp), "token_id": whole(r, &t.TokenID), // hudrl's own
		"bytes": func() (err error) {
			exact, err = r.Ints(nil)
			return err
		},
	})
	t.Logprob = float32(lp)
	if len(exact) > 0 {
		b := make([]byte, len(exact))
		for i, v := range exact {
			b[i] = byte(v)
		}
		t.Token = string(b)
	}
	return t, err
}
