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
	if want := `{"index":1,"delta":{"role":"assistant"},`; !strings.Contains(w.Body.String(), want) {
		t.Errorf("got %s, want no content where nothing is said: %s", w.Body, want)
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

// What OpenAI's clients may ask for, of the embedded service.
func TestOpenAIParameters(t *testing.T) {
	t.Parallel()
	svc := open(t)
	type answer struct {
		Choices []struct {
			Index        int
			Message      struct{ Content string }
			FinishReason string `json:"finish_reason"`
			Logprobs     *struct {
				Content []struct {
					Token       string
					Logprob     float64
					TopLogprobs []struct {
						Token   string
						Logprob float64
						Bytes   []int
					} `json:"top_logprobs"`
				}
			}
		}
		Usage struct {
			Prompt     int `json:"prompt_tokens"`
			Completion int `json:"completion_tokens"`
			Total      int `json:"total_tokens"`
		}
	}
	get := func(extra string) (a answer) {
		t.Helper()
		if !strings.Contains(extra, "seed") {
			extra += `,"seed":4`
		}
		w := ask(svc, `{"model":"tiny","messages":[{"role":"user","content":"hi"}],"max_completion_tokens":20`+extra+"}")
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 200 {
			t.Fatalf("%s: got %d %s", extra, w.Code, w.Body)
		}
		for i, c := range a.Choices {
			if c.Index != i {
				t.Errorf("%s: choice %d has index %d", extra, i, c.Index)
			}
		}
		if a.Usage.Total != a.Usage.Prompt+a.Usage.Completion || a.Usage.Prompt != 5 { // bos, user, h, i, assistant
			t.Errorf("%s: got usage %+v", extra, a.Usage)
		}
		return a
	}
	one := get("")
	text := one.Choices[0].Message.Content
	if len(one.Choices) != 1 || one.Usage.Completion > 20 || (one.Usage.Completion == 20) != (one.Choices[0].FinishReason == "length") || one.Choices[0].Logprobs != nil {
		t.Fatalf("got %+v, want one choice of at most 20 tokens and no logprobs", one)
	}
	if got := get(`,"max_tokens":20`); got.Choices[0].Message.Content != text {
		t.Errorf("both names of the limit: got %q, want %q", got.Choices[0].Message.Content, text)
	}
	many := get(`,"n":3`)
	if len(many.Choices) != 3 || many.Choices[0].Message.Content != text || many.Choices[1].Message.Content == text || many.Usage.Completion <= one.Usage.Completion {
		t.Errorf("got %+v, want three choices, the first the one of the seed", many)
	}
	if get(`,"seed":5`).Choices[0].Message.Content == text {
		t.Error("two seeds gave the same text")
	}
	letter := ""
	for _, c := range text {
		if c > ' ' && c < 0x7f {
			letter = string(c)
			break
		}
	}
	quoted, _ := json.Marshal(letter)
	for _, stop := range []string{string(quoted), `["never in it",` + string(quoted) + "]"} {
		got := get(`,"stop":` + stop).Choices[0]
		if want, _, found := strings.Cut(text, letter); !found || got.Message.Content != want || got.FinishReason != "stop" {
			t.Errorf("stop %s: got %q (%s) of %q", stop, got.Message.Content, got.FinishReason, text)
		}
	}
	for _, extra := range []string{`,"logprobs":true,"top_logprobs":2`, `,"top_logprobs":2`} {
		c := get(extra).Choices[0]
		if c.Message.Content != text || c.Logprobs == nil || len(c.Logprobs.Content) != one.Usage.Completion {
			t.Fatalf("%s: got %+v", extra, c)
		}
		for i, token := range c.Logprobs.Content {
			top := token.TopLogprobs
			if len(top) != 2 || top[0].Logprob < top[1].Logprob || top[0].Logprob < token.Logprob || top[0].Bytes == nil {
				t.Errorf("%s: token %d: got %+v", extra, i, token)
			}
		}
	}
	for i, token := range get(`,"logprobs":true`).Choices[0].Logprobs.Content {
		if token.TopLogprobs == nil || len(token.TopLogprobs) > 0 {
			t.Errorf("token %d: got top_logprobs %v, want an empty list", i, token.TopLogprobs)
		}
	}
	// A stream says the same, and its usage where it was asked for.
	w := ask(svc, `{"model":"tiny","messages":[{"role":"user","content":"hi"}],"seed":4,"max_completion_tokens":20,"n":3,"top_logprobs":2,"stream":true,"stream_options":{"include_usage":true}}`)
	list, done := events(t, w.Body.String())
	for i, c := range many.Choices {
		if got, finish, _ := said(list, i); got != c.Message.Content || finish != c.FinishReason {
			t.Errorf("choice %d: the stream says %q (%s), want %q (%s)", i, got, finish, c.Message.Content, c.FinishReason)
		}
	}
	last, err := json.Marshal(map[string]int{"prompt_tokens": 5, "completion_tokens": many.Usage.Completion, "total_tokens": many.Usage.Total})
	var got, want map[string]int
	if err != nil || json.Unmarshal(list[len(list)-1].Usage, &got) != nil || json.Unmarshal(last, &want) != nil || !reflect.DeepEqual(got, want) || !done {
		t.Errorf("the stream ends with the usage %s, want %s", list[len(list)-1].Usage, last)
	}
}
