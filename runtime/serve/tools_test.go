package serve_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/serve"
)

// A caller answers what it was told to and remembers what it was asked.
type caller struct {
	*hudtest.Fake
	pieces []string
	answer hud.ChatResponse
	asked  *hud.ChatRequest
}

func (c *caller) Chat(_ context.Context, req *hud.ChatRequest) (*hud.ChatResponse, error) {
	asked := *req
	asked.Stream = nil
	c.asked = &asked
	for _, piece := range c.pieces {
		if req.Stream != nil {
			req.Stream(piece)
		}
	}
	return &c.answer, nil
}

func newCaller() *caller {
	return &caller{Fake: hudtest.NewFake(), pieces: []string{"Let "}, answer: hud.ChatResponse{ID: "x", Model: "m", CheckpointID: "c", Choices: []hud.Choice{
		{FinishReason: "tool_calls", Message: hud.Message{Role: "assistant", Content: "Let me see.", ToolCalls: []hud.ToolCall{
			{ID: "call_1", Name: "add", Arguments: `{"a":"<1>"}`}, {ID: "call_2", Name: "now", Arguments: "{}"},
		}}},
		{FinishReason: "tool_calls", Message: hud.Message{Role: "assistant", ToolCalls: []hud.ToolCall{{ID: "call_3", Name: "add", Arguments: "{}"}}}},
	}}}
}

const toolsRequest = `{"model":"m","n":2,"messages":[{"role":"user","content":"x","name":"ann"},
	{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"now","arguments":""}}]},{"role":"tool","tool_call_id":"c","content":[{"type":"text","text":"12"}]}],
	"tools":[{"type":"function","function":{"name":"add","description":"a + b","parameters":{"type":"object"},"strict":true}},{"type":"function","function":{"name":"now","parameters":null}}],
	"tool_choice":{"type":"function","function":{"name":"add"}},"parallel_tool_calls":false`

// The members are those of OpenAI's reference of chat completions.
func TestToolsReachTheService(t *testing.T) {
	t.Parallel()
	svc := newCaller()
	w := ask(svc, toolsRequest+"}")
	want := &hud.ChatRequest{
		Model: "m", N: 2, Messages: []hud.Message{
			{Role: "user", Content: "x", Name: "ann"}, {Role: "assistant", ToolCalls: []hud.ToolCall{{ID: "c", Name: "now"}}}, {Role: "tool", Content: "12", ToolCallID: "c"},
		},
		Tools:      []hud.Tool{{Name: "add", Description: "a + b", Parameters: json.RawMessage(`{"type":"object"}`), Strict: new(true)}, {Name: "now"}},
		ToolChoice: "add", ParallelToolCalls: new(false),
	}
	if !reflect.DeepEqual(svc.asked, want) {
		t.Errorf("the service was asked %+v, want %+v", svc.asked, want)
	}
	for _, part := range []string{
		`"message":{"role":"assistant","content":"Let me see.","tool_calls":[{"id":"call_1","type":"function","function":{"name":"add","arguments":"{\"a\":\"\u003c1\u003e\"}"}},{"id":"call_2",`,
		`"message":{"role":"assistant","content":null,"tool_calls":[{"id":"call_3"`, `"finish_reason":"tool_calls"`,
	} {
		if !strings.Contains(w.Body.String(), part) {
			t.Errorf("got %s, want %s in it", w.Body, part)
		}
	}
	for choice, want := range map[string]hud.ToolChoice{`"auto"`: hud.ToolAuto, `"none"`: hud.ToolNone, `"required"`: hud.ToolRequired, "null": ""} {
		ask(svc, `{"model":"m","messages":[{"role":"user","content":"x"}],"tools":null,"tool_choice":`+choice+"}")
		if svc.asked.ToolChoice != want {
			t.Errorf("tool_choice %s: the service was asked %q, want %q", choice, svc.asked.ToolChoice, want)
		}
	}
}

// A stream tells the text, then the calls, as OpenAI's clients put them
// together: by choice and by index.
func TestToolCallsInStreams(t *testing.T) {
	t.Parallel()
	w := ask(newCaller(), toolsRequest+`,"stream":true}`)
	list, done := events(t, w.Body.String())
	if !done {
		t.Error("the stream does not end with [DONE]")
	}
	for i, want := range newCaller().answer.Choices {
		if text, finish, _ := said(list, i); text != want.Message.Content || finish != "tool_calls" {
			t.Errorf("choice %d: got %q, ended %q, want %q", i, text, finish, want.Message.Content)
		}
	}
	calls := map[int][]hud.ToolCall{}
	for _, line := range strings.Split(w.Body.String(), "\n\n") {
		var e struct {
			Choices []struct {
				Index int
				Delta struct {
					ToolCalls []struct {
						Index    *int
						ID, Type string
						Function struct{ Name, Arguments string }
					} `json:"tool_calls"`
				}
			}
		}
		if json.Unmarshal([]byte(strings.TrimPrefix(line, "data: ")), &e) != nil {
			continue
		}
		for _, c := range e.Choices {
			for _, d := range c.Delta.ToolCalls {
				if d.Index == nil || *d.Index != len(calls[c.Index]) || d.Type != "function" {
					t.Fatalf("got %s", line)
				}
				calls[c.Index] = append(calls[c.Index], hud.ToolCall{ID: d.ID, Name: d.Function.Name, Arguments: d.Function.Arguments})
			}
		}
	}
	for i, want := range newCaller().answer.Choices {
		if !reflect.DeepEqual(calls[i], want.Message.ToolCalls) {
			t.Errorf("choice %d: got %+v, want %+v", i, calls[i], want.Message.ToolCalls)
		}
	}
}

// What goes over HTTP arrives as it was sent, both ways.
func TestToolsOverHTTP(t *testing.T) {
	t.Parallel()
	svc := newCaller()
	server := httptest.NewServer(serve.Handler(svc, serve.Options{}))
	defer server.Close()
	client, err := hud.Dial(hud.Config{Settings: hud.Settings{APIKey: "none", APIURL: server.URL, RLURL: server.URL, GatewayURL: server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for i := range svc.answer.Choices {
		c := &svc.answer.Choices[i]
		c.PromptTokenIDs, c.TokenIDs, c.Logprobs = []int{1}, []int{7, 8}, []float32{-0.5, -0.25}
		c.TopLogprobs = [][]hud.TokenLogprob{{{TokenID: 7, Token: "\xff", Logprob: -0.5}, {TokenID: 261, Logprob: -3}}, {}}
	}
	req := &hud.ChatRequest{
		Model: "m", Messages: []hud.Message{
			{Role: "assistant", ToolCalls: []hud.ToolCall{{ID: "c", Name: "now", Arguments: "{"}}}, {Role: "tool", Content: "12", ToolCallID: "c", Name: "now"},
		},
		Tools:      []hud.Tool{{Name: "add", Parameters: json.RawMessage(`{"type":"object"}`)}},
		ToolChoice: "add", ParallelToolCalls: new(false), TopLogprobs: 2, Logprobs: true, ReturnTokenIDs: true,
	}
	res, err := client.Chat(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(svc.asked, req) {
		t.Errorf("the service was asked %+v, want %+v", svc.asked, req)
	}
	want := svc.answer
	for i := range want.Choices {
		want.Choices[i].TopLogprobs = [][]hud.TokenLogprob{want.Choices[i].TopLogprobs[0], nil}
	}
	got := *res
	for i := range got.Choices {
		if len(got.Choices[i].TopLogprobs) == 2 && len(got.Choices[i].TopLogprobs[1]) == 0 {
			got.Choices[i].TopLogprobs[1] = nil
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
