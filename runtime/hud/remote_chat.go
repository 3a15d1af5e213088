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
