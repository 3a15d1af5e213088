package serve

import (
	"strings"

	"github.com/hudrl/hudrl/internal/httpjson"
	"github.com/hudrl/hudrl/runtime/hud"
)

func ignored(j *httpjson.Reader, name string) httpjson.Field {
	return httpjson.Field{Name: name, Read: j.Skip}
}

// readMessage reads a message: its role, its content as a string or as parts
// of text, and what tools it calls or answers. What else a message carries is
// about what is in its content.
func readMessage(j *httpjson.Reader) (m hud.Message, err error) {
	err = j.Fields(
		httpjson.Field{Name: "role", Required: true, Read: httpjson.Into(&m.Role, j.String)},
		httpjson.Field{Name: "content", Read: httpjson.Into(&m.Content, func() (string, error) { return readContent(j) })},
		httpjson.Field{Name: "name", Read: httpjson.Into(&m.Name, j.String)},
		httpjson.Field{Name: "tool_call_id", Read: httpjson.Into(&m.ToolCallID, j.String)},
		httpjson.Field{Name: "tool_calls", Read: func() error {
			return j.List(func(int) error {
				c, err := readToolCall(j)
				m.ToolCalls = append(m.ToolCalls, c)
				return err
			})
		}},
		httpjson.Field{Name: "function_call", Read: func() error {
			return &httpjson.Error{Detail: "got one, want tool_calls"}
		}},
		ignored(j, "refusal"), ignored(j, "reasoning_content"), ignored(j, "reasoning"), ignored(j, "reasoning_details"),
		ignored(j, "annotations"), ignored(j, "audio"),
	)
	return m, err
}

func readContent(j *httpjson.Reader) (string, error) {
	if j.Kind() == '"' {
		return j.String()
	}
	if j.Kind() != '[' {
		return "", j.Expected("a string or a list of parts")
	}
	var content strings.Builder
	err := j.List(func(int) error {
		kind, text := "", ""
		err := j.Fields(
			httpjson.Field{Name: "type", Required: true, Read: httpjson.Into(&kind, j.String)},
			httpjson.Field{Name: "text", Read: httpjson.Into(&text, j.String)},
			ignored(j, "image_url"),
		)
		if err == nil && kind != "text" {
			err = &httpjson.Error{Path: "type", Detail: "got " + kind + ", want text: the models read nothing else"}
		}
		content.WriteString(text)
		return err
	})
	return content.String(), err
}

// readFunction reads what is of type "function", the only one there is.
func readFunction(j *httpjson.Reader, function []httpjson.Field, others ...httpjson.Field) error {
	kind := "function"
	err := j.Fields(append([]httpjson.Field{
		{Name: "type", Read: httpjson.Into(&kind, j.String)},
		{Name: "function", Required: true, Read: func() error { return j.Fields(function...) }},
	}, others...)...)
	if err == nil && kind != "function" {
		err = &httpjson.Error{Path: "type", Detail: "got " + kind + ", want function"}
	}
	return err
}

func readTool(j *httpjson.Reader) (t hud.Tool, err error) {
	err = readFunction(j, []httpjson.Field{
		{Name: "name", Required: true, Read: httpjson.Into(&t.Name, j.String)},
		{Name: "description", Read: httpjson.Into(&t.Description, j.String)},
		{Name: "parameters", Read: httpjson.Into(&t.Parameters, j.Raw)},
		{Name: "strict", Read: func() error {
			v, err := j.Bool()
			t.Strict = &v
			return err
		}},
	})
	return t, err
}

func readToolCall(j *httpjson.Reader) (c hud.ToolCall, err error) {
	err = readFunction(j, []httpjson.Field{
		{Name: "name", Required: true, Read: httpjson.Into(&c.Name, j.String)},
		{Name: "arguments", Read: httpjson.Into(&c.Arguments, j.String)},
	}, httpjson.Field{Name: "id", Read: httpjson.Into(&c.ID, j.String)}, ignored(j, "index"))
	return c, err
}

func readToolChoice(j *httpjson.Reader) (hud.ToolChoice, error) {
	if j.Kind() != '"' {
		var name string
		err := readFunction(j, []httpjson.Field{{Name: "name", Required: true, Read: httpjson.Into(&name, j.String)}})
		return hud.ToolChoice(name), err
	}
	text, err := j.String()
	choice := hud.ToolChoice(text)
	if err == nil && choice != hud.ToolAuto && choice != hud.ToolNone && choice != hud.ToolRequired {
		err = &httpjson.Error{Detail: "got " + text + ", want auto, none, required or an object that names a function"}
	}
	return choice, err
}
