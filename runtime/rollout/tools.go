package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hudrl/hudrl/runtime/hud"
)

// A Tool is a function that the model may call.
type Tool struct {
	hud.Tool

	// Run answers a call with what the model is told: its result, or what went
	// wrong with it. arguments is a JSON object. An error ends the turn. With a
	// nil Run the reply has the calls, and the caller answers them.
	Run func(ctx context.Context, s *ChatSession, arguments json.RawMessage) (result string, err error)
}

// NoResult is what the model is told of a call that gave no text, as HUD's
// agents tell it.
const NoResult = "Tool executed successfully"

func (a *Agent) validateTools() error {
	tools := make([]hud.Tool, len(a.Tools))
	for i := range a.Tools {
		tools[i] = a.Tools[i].Tool
	}
	if err := hud.CheckTools(tools); err != nil {
		return invalid("agent: %v", err)
	}
	return nil
}

func (a *Agent) tool(name string) *Tool {
	if i := slices.IndexFunc(a.Tools, func(t Tool) bool { return t.Name == name }); i >= 0 {
		return &a.Tools[i]
	}
	return nil
}

// answers reports whether the agent answers calls itself: there are some, and
// none is for the caller to run.
func (a *Agent) answers(calls []hud.ToolCall) bool {
	own := func(t Tool) bool { return t.Run != nil }
	return len(calls) > 0 && slices.ContainsFunc(a.Tools, own) && !slices.ContainsFunc(calls, func(c hud.ToolCall) bool {
		t := a.tool(c.Name)
		return t != nil && !own(*t)
	})
}

// callTools runs calls one after the other and returns their results in order.
// A call that cannot be run is answered with the reason, so that the model may
// do better.
func (s *ChatSession) callTools(ctx context.Context, calls []hud.ToolCall) ([]hud.Message, error) {
	results := make([]hud.Message, len(calls))
	for i, c := range calls {
		arguments := json.RawMessage(c.Arguments)
		if strings.TrimSpace(c.Arguments) == "" {
			arguments = json.RawMessage("{}")
		}
		var object map[string]json.RawMessage
		t := s.agent.tool(c.Name)
		result, err := "", error(nil)
		switch {
		case t == nil:
			var names []string
			for _, t := range s.agent.Tools {
				names = append(names, t.Name)
			}
			result = fmt.Sprintf("error: no tool %q, want one of %s", c.Name, strings.Join(names, ", "))
		case json.Unmarshal(arguments, &object) != nil || object == nil:
			result = "error: the arguments are no JSON object"
		default:
			if result, err = t.Run(ctx, s, arguments); err != nil {
				return nil, err
			}
		}
		if result == "" {
			result = NoResult
		}
		results[i] = hud.Message{Role: "tool", Content: result, ToolCallID: c.ID, Name: c.Name}
	}
	return results, nil
}
