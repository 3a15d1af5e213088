package local

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/internal/policy"
	"github.com/hudrl/hudrl/runtime/hud"
)

// roomy is a shape that holds a prompt with tools and learns a text by heart.
var roomy = policy.Config{
	Vocab: 264, Dim: 32, Layers: 2, Heads: 2, KVHeads: 2, FFN: 64, MaxContext: 512, RopeTheta: 10000, NormEps: 1e-5, Tied: true,
}

var adder = hud.Tool{Name: "add", Description: "a + b", Parameters: json.RawMessage(`{"type":"object","properties":{"a":{"type":"number"}}}`)}

const adderPrompt = "<tools>\n" + `{"name":"add","description":"a + b","parameters":{"properties":{"a":{"type":"number"}},"type":"object"}}` + "\n" +
	`</tools>` + "\n" + `To call one: <tool_call>{"name":"...","arguments":{...}}</tool_call>`

// teach makes a model say the last message of each conversation by heart.
func teach(t *testing.T, s *Service, name string, steps int, conversations ...[]hud.Message) {
	t.Helper()
	m := create(t, s, CreateOptions{Name: name, Config: &roomy, Seed: 3, GradClip: 1})
	var in []hud.TrainInput
	for _, c := range conversations {
		p, err := hud.SFT(s.tok, c)
		if err != nil {
			t.Fatal(err)
		}
		in = append(in, hud.TrainInput{Payload: p})
	}
	for range steps {
		accumulate(t, s, m.ID, fb(hud.LossCrossEntropy, in))
		stepWith(t, s, m.ID, 1e-2)
	}
}

func tokens(parts ...any) []int {
	var ids []int
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			ids = append(ids, p)
		case string:
			for i := range len(p) {
				ids = append(ids, int(p[i]))
			}
		}
	}
	return ids
}

// The prompts are put together by hand from the chat format: markers are
// documented in internal/tokenizer.
func TestToolPrompts(t *testing.T) {
	t.Parallel()
	s := openIn(t, t.TempDir(), Options{})
	create(t, s, CreateOptions{Name: "m", Config: &roomy, Seed: 1})
	user := hud.Message{Role: "user", Content: "1 + 2?"}
	calling := hud.Message{Role: "assistant", Content: "Well. ", ToolCalls: []hud.ToolCall{{ID: "x", Name: "add", Arguments: `{"a": 1}`}}}
	answer := hud.Message{Role: "tool", ToolCallID: "x", Name: "add", Content: "3"}
	const called = `Well. <tool_call>{"name":"add","arguments":{"a": 1}}</tool_call>`
	for _, tt := range []struct {
		name string
		edit func(*hud.ChatRequest)
		want []int
	}{
		{"no tools", func(*hud.ChatRequest) {}, tokens(256, 258, "1 + 2?", 259)},
		{"no tools with calls in the past", func(r *hud.ChatRequest) { r.Messages = []hud.Message{user, calling, answer} },
			tokens(256, 258, "1 + 2?", 259, called, 261, 260, "3", 259)},
		{"tools", func(r *hud.ChatRequest) { r.Tools = []hud.Tool{adder} }, tokens(256, 257, adderPrompt, 258, "1 + 2?", 259)},
		{"tools after a system message", func(r *hud.ChatRequest) {
			r.Tools, r.ToolChoice = []hud.Tool{adder}, hud.ToolAuto
			r.Messages = []hud.Message{{Role: "system", Content: "Be brief."}, user}
		}, tokens(256, 257, "Be brief.\n"+adderPrompt, 258, "1 + 2?", 259)},
		{"tools not to be called", func(r *hud.ChatRequest) { r.Tools, r.ToolChoice = []hud.Tool{adder}, hud.ToolNone },
			tokens(256, 258, "1 + 2?", 259)},
		{"the tokens of the past", func(r *hud.ChatRequest) {
			r.Tools, r.Messages = []hud.Tool{adder}, []hud.Message{user, calling, answer}
			r.PromptTokenIDs, r.ContinuationFrom = tokens(256, 257, "T", 258, "Q", 259, "A", 261), 2
		}, tokens(256, 257, "T", 258, "Q", 259, "A", 261, 260, "3", 259)},
		{"the tokens of the past after a system message", func(r *hud.ChatRequest) {
			r.Tools, r.Messages = []hud.Tool{adder}, []hud.Message{{Role: "system", Content: "s"}, user, calling, answer, user}
			r.PromptTokenIDs, r.ContinuationFrom = tokens(256, 9, 261), 3
		}, tokens(256, 9, 261, 258, "1 + 2?", 259)},
	} {
		req := &hud.ChatRequest{Model: "m", Messages: []hud.Message{user}, MaxTokens: 1, ReturnTokenIDs: true}
		tt.edit(req)
		if got := chat(t, s, req).Choices[0].PromptTokenIDs; !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, s.tok.Decode(got), s.tok.Decode(tt.want))
		}
	}
	for _, tt := range []struct {
		edit func(*hud.ChatRequest)
		want string
	}{
		{func(r *hud.ChatRequest) { r.Tools = []hud.Tool{{Name: "a b"}} }, `tools[1].name: got "a b"`},
		{func(r *hud.ChatRequest) { r.Tools, r.ToolChoice = []hud.Tool{adder}, hud.ToolRequired }, `tool_choice: got "required", want auto or none: nothing makes`},
		{func(r *hud.ChatRequest) { r.Tools, r.ToolChoice = []hud.Tool{adder}, "add" }, `tool_choice: got "add", want auto or none`},
		{func(r *hud.ChatRequest) { r.Tools, r.ToolChoice = []hud.Tool{adder}, "sub" }, `tool_choice: got "sub", which is none of the tools`},
		{func(r *hud.ChatRequest) { r.ToolChoice = hud.ToolRequired }, "tool_choice: got required, want tools to choose from"},
		{func(r *hud.ChatRequest) { r.TopLogprobs = 21 }, "top_logprobs: got 21, want 0 to 20"},
	} {
		req := &hud.ChatRequest{Model: "m", Messages: []hud.Message{user}, MaxTokens: 1}
		tt.edit(req)
		_, err := s.Chat(bg, req)
		wantError(t, err, "chat", hud.CodeValidation, tt.want)
	}
}

// A model that has learned to call a tool calls it, whole and in pieces; its
// next turn goes on from the tokens of the first.
func TestToolCalls(t *testing.T) {
	t.Parallel()
	s := openIn(t, t.TempDir(), Options{})
	question := hud.Message{Role: "user", Content: "1 + 2?"}
	call := hud.Message{Role: "assistant", Content: "Sum: ", ToolCalls: []hud.ToolCall{
		{Name: "add", Arguments: `{"a":1,"b":2}`}, {Name: "add", Arguments: `{"a":9}`},
	}}
	asked := hud.WithTools([]hud.Message{question}, []hud.Tool{adder})
	teach(t, s, "m", 120, append(asked, call),
		append(slices.Clone(asked), call, hud.Message{Role: "tool", Content: "3"}, hud.Message{Role: "assistant", Content: "It is 3."}),
		[]hud.Message{question, {Role: "assistant", Content: "<tool_call>{no}</tool_call>"}})

	var told []string
	ask := func(edit func(*hud.ChatRequest), messages ...hud.Message) hud.Choice {
		t.Helper()
		told = nil
		req := &hud.ChatRequest{Model: "m", Messages: messages, Tools: []hud.Tool{adder}, Temperature: new(0.0), MaxTokens: 150, ReturnTokenIDs: true}
		req.Stream = func(text string) { told = append(told, text) }
		edit(req)
		c := chat(t, s, req).Choices[0]
		if got := strings.Join(told, ""); got != c.Message.Content || slices.Contains(told, "") {
			t.Errorf("streamed %q, want %q", told, c.Message.Content)
		}
		return c
	}
	nothing := func(*hud.ChatRequest) {}

	c := ask(nothing, question)
	want := slices.Clone(call.ToolCalls)
	for i := range want {
		if len(c.Message.ToolCalls) == 2 {
			want[i].ID = c.Message.ToolCalls[i].ID
		}
	}
	if c.FinishReason != "tool_calls" || c.Message.Content != "Sum: " || !reflect.DeepEqual(c.Message.ToolCalls, want) || len(told) < 5 {
		t.Fatalf("got %q, %s (streamed %q), want %+v", s.tok.Decode(c.TokenIDs), c.FinishReason, told, call)
	}
	if a, b := want[0].ID, want[1].ID; a == b || !strings.HasPrefix(a, "call_") || len(a) != 29 {
		t.Errorf("got ids %q and %q, want two", a, b)
	}
	if again := ask(nothing, question); !reflect.DeepEqual(again.Message, c.Message) {
		t.Errorf("the same tokens gave %+v, then %+v", c.Message, again.Message)
	}

	// The answer to the call, with the tokens so far and without.
	result := hud.Message{Role: "tool", ToolCallID: want[0].ID, Content: "3"}
	next := ask(func(r *hud.ChatRequest) {
		r.PromptTokenIDs, r.ContinuationFrom = append(slices.Clone(c.PromptTokenIDs), c.TokenIDs...), 2
	}, question, c.Message, result)
	whole := ask(nothing, question, c.Message, result)
	if next.Message.Content != "It is 3." || next.FinishReason != "stop" || !reflect.DeepEqual(next, whole) {
		t.Errorf("got %+v, and %+v without the tokens, want that it is 3", next.Message, whole.Message)
	}

	// At most one call; a call that is cut off is none, and the whole is told.
	c = ask(func(r *hud.ChatRequest) { r.ParallelToolCalls = new(false) }, question)
	if c.FinishReason != "tool_calls" || len(c.Message.ToolCalls) != 1 || c.Message.ToolCalls[0].Arguments != `{"a":1,"b":2}` {
		t.Errorf("got %+v, %s, want one call", c.Message, c.FinishReason)
	}
	c = ask(func(r *hud.ChatRequest) { r.MaxTokens = 30 }, question)
	if c.FinishReason != "length" || c.Message.ToolCalls != nil || c.Message.Content != call.Text()[:30] {
		t.Errorf("got %+v, %s, want text that is cut off", c.Message, c.FinishReason)
	}
	// Without tools the same text is text, and so is what is malformed.
	c = ask(func(r *hud.ChatRequest) { r.Tools = nil }, hud.WithTools([]hud.Message{question}, []hud.Tool{adder})...)
	if c.FinishReason != "stop" || c.Message.ToolCalls != nil || c.Message.Content != call.Text() {
		t.Errorf("got %+v, %s, want text", c.Message, c.FinishReason)
	}
	c = ask(func(r *hud.ChatRequest) { r.PromptTokenIDs, r.ContinuationFrom = tokens(256, 258, "1 + 2?"), 1 }, question)
	if c.Message.ToolCalls != nil || c.Message.Content != "<tool_call>{no}</tool_call>" || c.FinishReason != "stop" {
		t.Errorf("got %+v, %s, want text that is no call", c.Message, c.FinishReason)
	}
}

// The likeliest tokens are the distribution's, sorted; the sampled one is
// among them when all are told; what filters exclude is not.
func TestTopLogprobs(t *testing.T) {
	t.Parallel()
	s, _ := newTiny(t)
	plain := chat(t, s, seeded("tiny", "hi", 5)).Choices[0]
	for _, mode := range []string{"raw", "processed"} {
		req := seeded("tiny", "hi", 5)
		req.TopLogprobs, req.LogprobsMode = 20, mode
		if mode == "processed" {
			req.TopK, req.Temperature = 7, new(0.7)
		}
		c := chat(t, s, req).Choices[0]
		if mode == "raw" && !slices.Equal(c.TokenIDs, plain.TokenIDs) {
			t.Errorf("telling the likeliest changed the tokens: %v, %v", c.TokenIDs, plain.TokenIDs)
		}
		if len(c.TopLogprobs) != len(c.TokenIDs) {
			t.Fatalf("%s: got %d lists for %d tokens", mode, len(c.TopLogprobs), len(c.TokenIDs))
		}
		for i, list := range c.TopLogprobs {
			if want := map[string]int{"raw": 20, "processed": 7}[mode]; len(list) != want {
				t.Fatalf("%s: token %d: got %d, want %d", mode, i, len(list), want)
			}
			met := mode == "raw" // the sampled token may be a rare one
			for k, o := range list {
				met = met || o.TokenID == c.TokenIDs[i]
				if o.TokenID == c.TokenIDs[i] && o.Logprob != c.Logprobs[i] {
					t.Errorf("%s: token %d: got logprob %v, want %v", mode, i, o.Logprob, c.Logprobs[i])
				}
				if k > 0 && o.Logprob > list[k-1].Logprob || o.Token != s.tok.Decode([]int{o.TokenID}) {
					t.Errorf("%s: token %d: got %v after %v", mode, i, o, list[max(k-1, 0)])
				}
			}
			if !met {
				t.Errorf("%s: token %d: %d is not among %v", mode, i, c.TokenIDs[i], list)
			}
		}
	}
	req := seeded("tiny", "hi", 5)
	req.TopLogprobs, req.LogprobsMode, req.Temperature = 3, "processed", new(0.0)
	for i, list := range chat(t, s, req).Choices[0].TopLogprobs {
		if fmt.Sprint(len(list), list[0].Logprob) != "1 0" {
			t.Errorf("greedy: token %d: got %v, want one of logprob 0", i, list)
		}
	}
}
