package hud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/rng"
	"github.com/hudrl/hudrl/runtime/rollout"
)

// A tool is a hud.Tool whose calls a Lua function answers, or nobody.
type tool struct {
	hud.Tool
	run    *lua.LFunction
	failed *sync.Once // the user is told of the first failure
}

var toolFields = []string{"name", "description", "parameters", "strict", "run"}

// tools reads the option tools: a list, or a table by name, whose order is the
// names'.
func (l *library) tools(a *luax.Args, t *lua.LTable) []tool {
	if t == nil {
		return nil
	}
	var out []tool
	if n := t.Len(); n > 0 {
		for i := range n {
			at := fmt.Sprintf("tools[%d]", i+1)
			out = append(out, l.tool(a, at, "", t.RawGetInt(i+1)))
		}
	} else {
		for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
			name := a.AsString("tools: a name", k)
			out = append(out, l.tool(a, "tools."+name, name, v))
		}
		slices.SortFunc(out, func(x, y tool) int { return strings.Compare(x.Name, y.Name) })
	}
	if len(out) == 0 {
		a.Fail("tools: got none, want at least one")
	}
	l.check(a.L, named(a.Name(), hud.CheckTools(described(out))))
	return out
}

// named says in which function a package's error arose.
func named(op string, err error) error {
	var e *hud.Error
	if errors.As(err, &e) {
		e.Op = op
	}
	return err
}

func described(tools []tool) []hud.Tool {
	var out []hud.Tool
	for _, t := range tools {
		out = append(out, t.Tool)
	}
	return out
}

// tool reads one tool: a function, { description =, parameters =, run = }, or
// what OpenAI's clients write.
func (l *library) tool(a *luax.Args, at, name string, v lua.LValue) tool {
	if fn, ok := v.(*lua.LFunction); ok && name != "" {
		return tool{hud.Tool{Name: name}, fn, new(sync.Once)}
	}
	t := a.AsTable(at, v)
	if inner := t.RawGetString("function"); inner != lua.LNil && name == "" {
		known(a, at, t, []string{"type", "function"})
		t, at = a.AsTable(at+".function", inner), at+".function"
	}
	known(a, at, t, toolFields)
	out := tool{hud.Tool{Name: name, Description: field(at, t, "description", a.AsString)}, field(at, t, "run", a.AsFunc), new(sync.Once)}
	if name == "" {
		out.Name = a.AsString(at+".name", t.RawGetString("name"))
	} else if t.RawGetString("name") != lua.LNil && a.AsString(at+".name", t.RawGetString("name")) != name {
		a.Fail("%s.name: got %q, want %q or nothing", at, string(t.RawGetString("name").(lua.LString)), name)
	}
	if schema := field(at, t, "parameters", a.AsTable); schema != nil {
		out.Parameters = l.encode(a.L, schema)
	}
	if t.RawGetString("strict") != lua.LNil {
		strict := a.AsBool(at+".strict", t.RawGetString("strict"))
		out.Strict = &strict
	}
	return out
}

// playing is the agent with tools that can run: runOf is what they see of the
// run that they are called in.
func (l *library) playing(with *agent, runOf func(*hud.Run) lua.LValue) *rollout.Agent {
	if len(with.tools) == 0 {
		return with.Agent
	}
	played := *with.Agent
	played.Tools = make([]rollout.Tool, len(with.tools))
	for i, t := range with.tools {
		played.Tools[i].Tool = t.Tool
		if t.run == nil {
			continue
		}
		played.Tools[i].Run = func(ctx context.Context, s *rollout.ChatSession, arguments json.RawMessage) (string, error) {
			return l.callTool(ctx, t, s, arguments, runOf(s.Run()))
		}
	}
	return &played
}

// inEpisode is the context key of calls that an episode makes, whose random
// stream is its own.
type inEpisode struct{}

// callTool runs a Lua tool. What it raises the model is told, and the user
// once, unless the whole run is being stopped.
func (l *library) callTool(ctx context.Context, t tool, s *rollout.ChatSession, arguments json.RawMessage, run lua.LValue) (string, error) {
	L := thread(ctx)
	if r := s.Run(); r != nil && ctx.Value(inEpisode{}) == nil {
		l.vm.Reseed(L, rng.Derive(r.Seed, rng.Hash("tool"), uint64(s.Steps())))
	}
	result, err := l.toolResult(ctx, t, arguments, run)
	if err == nil {
		return result, nil
	}
	end, bounded := ctx.Deadline()
	var failure *runtime.Error
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case l.vm.Context(L).Err() != nil, bounded && !time.Now().Before(end), errors.Is(err, runtime.ErrHostBug),
		errors.As(err, &failure) && failure.Code == runtime.CodeLimit:
		return "", err
	}
	t.failed.Do(func() { l.warn(fmt.Sprintf("the model was told that tool %s failed: %s", t.Name, err)) })
	text := err.Error()
	if failure != nil {
		text = strings.TrimPrefix(failure.Message, fmt.Sprintf("%s:%d: ", failure.Source, failure.Line))
	}
	return "error: " + text, nil
}

func (l *library) toolResult(ctx context.Context, t tool, arguments json.RawMessage, run lua.LValue) (string, error) {
	L := thread(ctx)
	args, err := l.vm.Call(L, l.jsonDecode, lua.LString(arguments))
	if err != nil {
		return "", err
	}
	out, err := l.callUntil(ctx, t.run, args[0], run)
	if err != nil || len(out) == 0 || out[0] == lua.LNil {
		return "", err
	}
	switch v := out[0].(type) {
	case lua.LString:
		return string(v), nil
	case lua.LNumber:
		return runtime.FormatNumber(float64(v)), nil
	}
	text, err := l.tryEncode(L, out[0])
	return string(text), err
}

// callUntil calls a Lua function under ctx's deadline.
func (l *library) callUntil(ctx context.Context, fn *lua.LFunction, args ...lua.LValue) ([]lua.LValue, error) {
	L := thread(ctx)
	if end, ok := ctx.Deadline(); ok {
		if outer, bounded := l.vm.Context(L).Deadline(); !bounded || end.Before(outer) {
			return l.vm.CallTimeout(L, time.Until(end), fn, args...)
		}
	}
	return l.vm.Call(L, fn, args...)
}

var callFields = []string{"id", "type", "name", "arguments", "function"}

// toolCalls reads the calls of a message, as messageTable writes them or as
// OpenAI's clients do.
func (l *library) toolCalls(a *luax.Args, name string, t *lua.LTable) []hud.ToolCall {
	var out []hud.ToolCall
	for i := range t.Len() {
		at := fmt.Sprintf("%s[%d]", name, i+1)
		call := a.AsTable(at, t.RawGetInt(i+1))
		known(a, at, call, callFields)
		c := hud.ToolCall{ID: field(at, call, "id", a.AsString)}
		if inner := field(at, call, "function", a.AsTable); inner != nil {
			call, at = inner, at+".function"
			known(a, at, call, []string{"name", "arguments"})
		}
		c.Name = a.AsString(at+".name", call.RawGetString("name"))
		switch v := call.RawGetString("arguments").(type) {
		case *lua.LNilType:
			c.Arguments = "{}"
		case lua.LString:
			c.Arguments = string(v)
		case *lua.LTable:
			c.Arguments = string(l.encode(a.L, v))
		default:
			a.Bad(at+".arguments", v, "a table or its JSON")
		}
		out = append(out, c)
	}
	return out
}

func (l *library) toolCallList(calls []hud.ToolCall) *lua.LTable {
	t := l.vm.NewTable(len(calls), 0)
	for i, c := range calls {
		call := l.vm.NewTable(0, 3)
		setText(call, "id", c.ID)
		call.RawSetString("name", lua.LString(c.Name))
		call.RawSetString("arguments", lua.LString(c.Arguments))
		t.RawSetInt(i+1, luax.Record(l.vm, "tool call", call, func(L *lua.LState, t *lua.LTable) string {
			vm := runtime.VMOf(L)
			return vm.Text(L, t.RawGetString("name")) + vm.Text(L, t.RawGetString("arguments"))
		}))
	}
	return t
}
