package hud_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
)

var adder = hud.Tool{Name: "add", Description: "Adds <two> numbers.", Parameters: json.RawMessage(`{"type": "object",
	"properties": {"b": {"type": "number"}, "a": {"type": "number", "maximum": 1e3}}, "required": ["a", "b"]}`)}

// The prompts are written out from the text form's description, which is that
// of Hermes' and Qwen's templates.
func TestWithTools(t *testing.T) {
	t.Parallel()
	const call = "</tools>\nTo call one: <tool_call>{\"name\":\"...\",\"arguments\":{...}}</tool_call>"
	const add = `{"name":"add","description":"Adds <two> numbers.","parameters":{"properties":{"a":{"maximum":1e3,"type":"number"},"b":{"type":"number"}},"required":["a","b"],"type":"object"}}` + "\n"
	user := hud.Message{Role: "user", Content: "hi"}
	for _, tt := range []struct {
		name     string
		messages []hud.Message
		tools    []hud.Tool
		want     []hud.Message
	}{
		{"no tools", []hud.Message{user}, nil, []hud.Message{user}},
		{"no messages", nil, []hud.Tool{{Name: "now"}}, []hud.Message{{Role: "system", Content: "<tools>\n{\"name\":\"now\"}\n" + call}}},
		{"no system message", []hud.Message{user}, []hud.Tool{adder}, []hud.Message{{Role: "system", Content: "<tools>\n" + add + call}, user}},
		{"a system message", []hud.Message{{Role: "system", Content: "Be brief."}, user}, []hud.Tool{adder, {Name: "now", Description: `"now"`}},
			[]hud.Message{{Role: "system", Content: "Be brief.\n<tools>\n" + add + `{"name":"now","description":"\"now\""}` + "\n" + call}, user}},
	} {
		before := append([]hud.Message{}, tt.messages...)
		got := hud.WithTools(tt.messages, tt.tools)
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		if len(before) > 0 && !reflect.DeepEqual(tt.messages, before) {
			t.Errorf("%s: the caller's messages were changed to %q", tt.name, tt.messages)
		}
	}
	// What travelled as JSON reads the same.
	text, err := json.Marshal([]hud.Tool{adder})
	if err != nil {
		t.Fatal(err)
	}
	var travelled []hud.Tool
	if err := json.Unmarshal(text, &travelled); err != nil {
		t.Fatal(err)
	}
	if a, b := hud.WithTools(nil, []hud.Tool{adder}), hud.WithTools(nil, travelled); !reflect.DeepEqual(a, b) {
		t.Errorf("after %s: got %q, want %q", text, b, a)
	}
}

func TestToolsOnTheWire(t *testing.T) {
	t.Parallel()
	req := hud.ChatRequest{
		Model: "m", Messages: []hud.Message{
			{Role: "assistant", ToolCalls: []hud.ToolCall{{ID: "c1", Name: "add", Arguments: `{"a":1}`}}},
			{Role: "tool", ToolCallID: "c1", Name: "add", Content: "3"},
		},
		Tools:      []hud.Tool{{Name: "add", Parameters: json.RawMessage(`{"type":"object"}`), Strict: new(true)}},
		ToolChoice: "add", ParallelToolCalls: new(false), TopLogprobs: 2,
	}
	// OpenAI's reference of chat completions.
	const want = `{"model":"m","messages":[` +
		`{"role":"assistant","content":"","tool_calls":[{"id":"c1","type":"function","function":{"name":"add","arguments":"{\"a\":1}"}}]},` +
		`{"role":"tool","content":"3","tool_call_id":"c1","name":"add"}],"top_logprobs":2,` +
		`"tools":[{"type":"function","function":{"name":"add","parameters":{"type":"object"},"strict":true}}],` +
		`"tool_choice":{"type":"function","function":{"name":"add"}},"parallel_tool_calls":false}`
	got, err := json.Marshal(&req)
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	var messages []hud.Message
	text, _ := json.Marshal(req.Messages)
	if err := json.Unmarshal(text, &messages); err != nil || !reflect.DeepEqual(messages, req.Messages) {
		t.Errorf("read back %+v, %v, want %+v", messages, err, req.Messages)
	}
	for choice, want := range map[hud.ToolChoice]string{hud.ToolAuto: `"auto"`, hud.ToolNone: `"none"`, hud.ToolRequired: `"required"`} {
		if got, err := json.Marshal(choice); err != nil || string(got) != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
}

func TestCheckTools(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		tools []hud.Tool
		want  string
	}{
		{nil, ""},
		{[]hud.Tool{adder, {Name: "a.b-c_9"}}, ""},
		{[]hud.Tool{{}}, `tools[1].name: got "", want 1 to 64 letters`},
		{[]hud.Tool{{Name: "a b"}}, `tools[1].name: got "a b"`},
		{[]hud.Tool{{Name: strings.Repeat("x", 65)}}, "want 1 to 64 letters"},
		{[]hud.Tool{{Name: "required"}}, `got "required", which as a tool_choice means something else`},
		{[]hud.Tool{adder, adder}, `tools[2].name: got "add" twice`},
		{[]hud.Tool{{Name: "f", Parameters: json.RawMessage(`[]`)}}, "tools[1].parameters: got [], want a JSON schema"},
		{[]hud.Tool{{Name: "f", Parameters: json.RawMessage(`{`)}}, "tools[1].parameters: got {"},
		{[]hud.Tool{{Name: "f", Parameters: json.RawMessage(" ")}}, "tools[1].parameters: got"},
	} {
		err := hud.CheckTools(tt.tools)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%+v: got %v, want %q", tt.tools, err, tt.want)
		}
	}
}

func TestParseToolCalls(t *testing.T) {
	t.Parallel()
	const add = `<tool_call>{"name":"add","arguments":{"a":1}}</tool_call>`
	one := []hud.ToolCall{{Name: "add", Arguments: `{"a":1}`}}
	for _, tt := range []struct {
		text, content string
		calls         []hud.ToolCall
	}{
		{"", "", nil},
		{"7", "7", nil},
		{add, "", one},
		{"Let me see.\n" + add, "Let me see.\n", one},
		{add + "\n" + add + " \n", "", []hud.ToolCall{one[0], one[0]}},
		{"<tool_call>\n{\"arguments\": {\"a\":1}, \"name\": \"add\"}\n</tool_call>", "", one},
		{`<tool_call>{"name":"now"}</tool_call>`, "", []hud.ToolCall{{Name: "now", Arguments: "{}"}}},
		{`<tool_call>{"name":"say","arguments":{"text":"</tool_call>"}}</tool_call>`, "", []hud.ToolCall{{Name: "say", Arguments: `{"text":"</tool_call>"}`}}},
		{"a " + add + " b", "a  b", one},
		// Malformed: it stays text.
		{"<tool_call>", "<tool_call>", nil},
		{`<tool_call>{"name":"add","arguments":{"a":1}}`, `<tool_call>{"name":"add","arguments":{"a":1}}`, nil},
		{`<tool_call>{"name":"add","arguments":[1]}</tool_call>`, `<tool_call>{"name":"add","arguments":[1]}</tool_call>`, nil},
		{`<tool_call>{"name":"add","arguments":"{}"}</tool_call>`, `<tool_call>{"name":"add","arguments":"{}"}</tool_call>`, nil},
		{`<tool_call>{"name":7}</tool_call>`, `<tool_call>{"name":7}</tool_call>`, nil},
		{`<tool_call>{"arguments":{}}</tool_call>`, `<tool_call>{"arguments":{}}</tool_call>`, nil},
		{`<tool_call>add(1)</tool_call>`, `<tool_call>add(1)</tool_call>`, nil},
		{"<tool_call>" + add, "<tool_call>", one},
		{`<tool_call>{"name":}</tool_call>` + add, `<tool_call>{"name":}</tool_call>`, one},
	} {
		content, calls := hud.ParseToolCalls(tt.text)
		if content != tt.content || !reflect.DeepEqual(calls, tt.calls) {
			t.Errorf("%q: got %q and %+v, want %q and %+v", tt.text, content, calls, tt.content, tt.calls)
		}
	}
	// What cannot be written as it is becomes a string.
	m := hud.Message{Role: "assistant", Content: "x", ToolCalls: []hud.ToolCall{{Name: "f"}, {Name: "g", Arguments: "{<"}}}
	if got, want := m.Text(), `x<tool_call>{"name":"f","arguments":{}}</tool_call><tool_call>{"name":"g","arguments":"{<"}</tool_call>`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// However a text comes in pieces, what is passed on before its calls is a
// beginning of its content; and what is written is read back.
func FuzzToolCalls(f *testing.F) {
	f.Add("a<tool_call>{\"name\":\"f\"}</tool_call>b", uint8(3))
	f.Add("<tool_call><tool_cal", uint8(1))
	f.Add("<<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":\"</tool_call>\"}}</tool_call>", uint8(7))
	f.Fuzz(func(t *testing.T, text string, step uint8) {
		content, calls := hud.ParseToolCalls(text)
		told := ""
		stream := hud.BeforeToolCalls(func(piece string) {
			if piece == "" {
				t.Fatal("an empty piece")
			}
			told += piece
		})
		for rest := text; rest != ""; {
			n := min(int(step%16)+1, len(rest))
			stream(rest[:n])
			rest = rest[n:]
		}
		if !strings.HasPrefix(content, told) {
			t.Fatalf("passed on %q of %q", told, content)
		}
		if !strings.Contains(text, "<") && told != text {
			t.Fatalf("passed on %q of %q", told, text)
		}
		if len(calls) == 0 {
			if content != text {
				t.Fatalf("got %q without calls, want %q", content, text)
			}
			return
		}
		m := hud.Message{ToolCalls: calls}
		if again, same := hud.ParseToolCalls(m.Text()); again != "" || !reflect.DeepEqual(same, calls) {
			t.Fatalf("wrote %s, read %q and %+v", m.Text(), again, same)
		}
	})
}
