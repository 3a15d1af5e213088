package hud

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// A Tool is a function that the model may ask the caller to run.
type Tool struct {
	Name        string
	Description string          // what it does, for the model
	Parameters  json.RawMessage // a JSON schema of an object; nil: no arguments
	Strict      *bool           // passed on to a service; the embedded one promises nothing either way
}

// A ToolCall is the model asking for a function's result. A message of role
// "tool" with its id answers it.
type ToolCall struct {
	ID        string
	Name      string
	Arguments string // JSON, as the model wrote it: it may be anything
}

// toolJSON and toolCallJSON are OpenAI's objects.
type toolJSON struct {
	Type     string `json:"type"`
	Function struct {
		Name        string          `json:"name"`
		Description string          `json:"description,omitempty"`
		Parameters  json.RawMessage `json:"parameters,omitempty"`
		Strict      *bool           `json:"strict,omitempty"`
	} `json:"function"`
}

type toolCallJSON struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

// MarshalJSON writes OpenAI's object of type "function".
func (t Tool) MarshalJSON() ([]byte, error) {
	out := toolJSON{Type: "function"}
	f := &out.Function
	f.Name, f.Description, f.Parameters, f.Strict = t.Name, t.Description, t.Parameters, t.Strict
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *Tool) UnmarshalJSON(data []byte) error {
	var in toolJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("tool: %w", err)
	}
	f := in.Function
	*t = Tool{f.Name, f.Description, f.Parameters, f.Strict}
	return nil
}

// MarshalJSON writes OpenAI's object of type "function".
func (c ToolCall) MarshalJSON() ([]byte, error) {
	out := toolCallJSON{ID: c.ID, Type: "function"}
	out.Function.Name, out.Function.Arguments = c.Name, c.Arguments
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (c *ToolCall) UnmarshalJSON(data []byte) error {
	var in toolCallJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("tool call: %w", err)
	}
	*c = ToolCall{in.ID, in.Function.Name, in.Function.Arguments}
	return nil
}

// A ToolChoice says whether tools are called: "" and ToolAuto leave it to the
// model, ToolNone shows it none, ToolRequired wants a call, and any other text
// is the name of the one tool that must be called.
type ToolChoice string

// The choices that are no tool's name.
const (
	ToolAuto     ToolChoice = "auto"
	ToolNone     ToolChoice = "none"
	ToolRequired ToolChoice = "required"
)

// MarshalJSON writes a string, or OpenAI's object that names a function.
func (c ToolChoice) MarshalJSON() ([]byte, error) {
	switch c {
	case "", ToolAuto, ToolNone, ToolRequired:
		return json.Marshal(string(c))
	}
	type function struct {
		Name string `json:"name"`
	}
	return json.Marshal(struct {
		Type     string   `json:"type"`
		Function function `json:"function"`
	}{"function", function{string(c)}})
}

// ToolsShown are the tools of a request that its model is to see.
func (r *ChatRequest) ToolsShown() []Tool {
	if r.ToolChoice == ToolNone {
		return nil
	}
	return r.Tools
}

// CheckTools refuses tools that a model could not call: names that are no
// names or come twice, parameters that are no JSON object.
func CheckTools(tools []Tool) error {
	seen := map[string]bool{}
	for i, t := range tools {
		bad := func(format string, args ...any) error {
			return invalid("", "tools[%d]%s", i+1, fmt.Sprintf(format, args...))
		}
		switch {
		case !isToolName(t.Name):
			return bad(".name: got %q, want 1 to 64 letters, digits, _, - or .", t.Name)
		case t.Name == string(ToolAuto) || t.Name == string(ToolNone) || t.Name == string(ToolRequired):
			return bad(".name: got %q, which as a tool_choice means something else", t.Name)
		case seen[t.Name]:
			return bad(".name: got %q twice", t.Name)
		}
		seen[t.Name] = true
		if len(t.Parameters) > 0 {
			if text := bytes.TrimLeft(t.Parameters, " \t\r\n"); !json.Valid(text) || text[0] != '{' {
				return bad(".parameters: got %s, want a JSON schema: an object", clipText(string(t.Parameters)))
			}
		}
	}
	return nil
}

func isToolName(name string) bool {
	for _, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-', c == '.':
		default:
			return false
		}
	}
	return len(name) > 0 && len(name) <= 64
}

// The text form of tools, for models that see text alone. It is the one of
// Hermes and Qwen, short because the embedded models read bytes:
//
//	<tools>
//	{"name":"add","description":"Adds.","parameters":{…}}
//	</tools>
//	To call one: <tool_call>{"name":"…","arguments":{…}}</tool_call>
//
// stands at the end of the system message, and an assistant's calls at the end
// of its message, one after the other as the last line shows. What a tool
// answered is the content of its message.
const (
	toolsBegin = "<tools>\n"
	toolsEnd   = "</tools>\nTo call one: <tool_call>{\"name\":\"...\",\"arguments\":{...}}</tool_call>"
	callBegin  = "<tool_call>"
	callEnd    = ToolCallEnd
)

// ToolCallEnd ends the text form of a tool call.
const ToolCallEnd = "</tool_call>"

// WithTools puts the text form of tools into the system message, which it adds
// where there is none. Without tools the messages are as they were.
func WithTools(messages []Message, tools []Tool) []Message {
	if len(tools) == 0 {
		return messages
	}
	var b strings.Builder
	if len(messages) > 0 && messages[0].Role == "system" {
		if b.WriteString(messages[0].Content); b.Len() > 0 {
			b.WriteByte('\n')
		}
		messages = messages[1:]
	}
	b.WriteString(toolsBegin)
	for _, t := range tools {
		fmt.Fprintf(&b, `{"name":%s`, jsonText(t.Name))
		if t.Description != "" {
			fmt.Fprintf(&b, `,"description":%s`, jsonText(t.Description))
		}
		if len(t.Parameters) > 0 {
			fmt.Fprintf(&b, `,"parameters":%s`, canonical(t.Parameters))
		}
		b.WriteString("}\n")
	}
	b.WriteString(toolsEnd)
	return append([]Message{{Role: "system", Content: b.String()}}, messages...)
}

// Text is the message as a model that sees text alone reads or writes it: its
// content, and after it the text form of its tool calls.
func (m *Message) Text() string {
	if len(m.ToolCalls) == 0 {
		return m.Content
	}
	var b strings.Builder
	b.WriteString(m.Content)
	for _, c := range m.ToolCalls {
		arguments := c.Arguments
		switch {
		case strings.TrimSpace(arguments) == "":
			arguments = "{}"
		case !json.Valid([]byte(arguments)):
			arguments = jsonText(arguments)
		}
		fmt.Fprintf(&b, `%s{"name":%s,"arguments":%s}%s`, callBegin, jsonText(c.Name), arguments, callEnd)
	}
	return b.String()
}

// ParseToolCalls takes the tool calls out of what a model wrote. A call is an
// object with a name and, unless there are none, arguments that are an object.
// What is malformed stays text, and so does what stands before the calls; text
// after a call stays unless it is white space. Calls have no ids yet.
func ParseToolCalls(text string) (content string, calls []ToolCall) {
	var kept strings.Builder
	for from := 0; ; {
		at := strings.Index(text[from:], callBegin)
		if at < 0 {
			keepText(&kept, text, calls)
			return kept.String(), calls
		}
		at += from
		call, length, ok := parseCall(text[at+len(callBegin):])
		if !ok {
			from = at + len(callBegin)
			continue
		}
		keepText(&kept, text[:at], calls)
		calls = append(calls, call)
		text, from = text[at+len(callBegin)+length:], 0
	}
}

func keepText(b *strings.Builder, text string, calls []ToolCall) {
	if len(calls) == 0 || strings.TrimSpace(text) != "" {
		b.WriteString(text)
	}
}

// parseCall reads what follows <tool_call>, up to and with its end.
func parseCall(text string) (call ToolCall, length int, ok bool) {
	d := json.NewDecoder(strings.NewReader(text))
	var got struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	}
	if d.Decode(&got) != nil || got.Name == "" {
		return call, 0, false
	}
	switch {
	case len(got.Arguments) == 0:
		got.Arguments = json.RawMessage("{}")
	case got.Arguments[0] != '{':
		return call, 0, false
	}
	rest := text[d.InputOffset():]
	end := len(rest) - len(strings.TrimLeft(rest, " \t\r\n"))
	if !strings.HasPrefix(rest[end:], callEnd) {
		return call, 0, false
	}
	return ToolCall{Name: got.Name, Arguments: string(got.Arguments)}, int(d.InputOffset()) + end + len(callEnd), true
}

// BeforeToolCalls passes a stream of text on until a tool call begins: what
// may be the beginning of one is held back, and all that follows one. What was
// passed on is a beginning of the content that ParseToolCalls makes of the
// whole.
func BeforeToolCalls(emit func(text string)) (stream func(text string)) {
	held, over := "", false
	return func(text string) {
		if over {
			return
		}
		held += text
		free := len(held)
		if at := strings.Index(held, callBegin); at >= 0 {
			free, over = at, true
		} else {
			for n := min(len(callBegin)-1, len(held)); n > 0; n-- {
				if strings.HasSuffix(held, callBegin[:n]) {
					free -= n
					break
				}
			}
		}
		if free > 0 {
			emit(held[:free])
			held = held[free:]
		}
	}
}

// canonical is the one text of a JSON value, however it was written.
func canonical(text json.RawMessage) string {
	var v any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return string(text)
	}
	return jsonText(v)
}

// jsonText is v as JSON that a model may read: < is <.
func jsonText(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}
