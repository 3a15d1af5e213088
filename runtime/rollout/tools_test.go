package rollout_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/rollout"
)

// calling makes the fake answer with these calls, turn by turn, and then with
// its own words.
func calling(turns ...[]hud.ToolCall) *hudtest.Fake {
	fake := hudtest.NewFake()
	var mu sync.Mutex
	fake.After = func(_ string, res any) error {
		mu.Lock()
		defer mu.Unlock()
		if r, ok := res.(*hud.ChatResponse); ok {
			r.Choices[0].FinishReason = "stop" // whatever its words were
			if len(turns) > 0 {
				r.Choices[0].Message.ToolCalls, r.Choices[0].FinishReason = turns[0], "tool_calls"
				turns = turns[1:]
			}
		}
		return nil
	}
	return fake
}

func one(name, arguments string) []hud.ToolCall {
	return []hud.ToolCall{{ID: "call_" + name, Name: name, Arguments: arguments}}
}

// double answers twice its argument, and nothing to 0.
func double(_ context.Context, _ *rollout.ChatSession, arguments json.RawMessage) (string, error) {
	var in struct{ X int }
	if err := json.Unmarshal(arguments, &in); err != nil {
		return "", err
	}
	if in.X == 0 {
		return "", nil
	}
	return fmt.Sprint(2 * in.X), nil
}

func TestToolLoop(t *testing.T) {
	t.Parallel()
	own := rollout.Tool{Tool: hud.Tool{Name: "double"}, Run: double}
	theirs := rollout.Tool{Tool: hud.Tool{Name: "ask"}}
	for _, tt := range []struct {
		name    string
		tools   []rollout.Tool
		max     int
		turns   [][]hud.ToolCall
		results []string // what the model was told, in order
		left    int      // calls in the reply
		stop    string
	}{
		{"no calls", []rollout.Tool{own}, 0, nil, nil, 0, hud.StopDone},
		{"one call", []rollout.Tool{own}, 0, [][]hud.ToolCall{one("double", `{"x":21}`)}, []string{"42"}, 0, hud.StopDone},
		{"calls of two turns", []rollout.Tool{own}, 0, [][]hud.ToolCall{append(one("double", `{"x":1}`), one("double", `{"x":0}`)...), one("double", `{"x":2}`)},
			[]string{"2", rollout.NoResult, "4"}, 0, hud.StopDone},
		{"no such tool", []rollout.Tool{own, theirs}, 0, [][]hud.ToolCall{one("halve", `{"x":1}`)}, []string{`error: no tool "halve", want one of double, ask`}, 0, hud.StopDone},
		{"arguments that are none", []rollout.Tool{own}, 0, [][]hud.ToolCall{append(append(one("double", `{`), one("double", `[1]`)...), one("double", ``)...)},
			[]string{"error: the arguments are no JSON object", "error: the arguments are no JSON object", rollout.NoResult}, 0, hud.StopDone},
		{"calls for the caller", []rollout.Tool{own, theirs}, 0, [][]hud.ToolCall{append(one("double", `{"x":1}`), one("ask", "{}")...)}, nil, 2, hud.StopDone},
		{"tools for the caller alone", []rollout.Tool{theirs}, 0, [][]hud.ToolCall{one("ask", "{}")}, nil, 1, hud.StopDone},
		{"calls without an end", []rollout.Tool{own}, 3, [][]hud.ToolCall{one("double", `{"x":1}`), one("double", `{"x":1}`), one("double", `{"x":1}`)}, []string{"2", "2"}, 1, hud.StopMaxSteps},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fake := calling(tt.turns...)
			agent := &rollout.Agent{Model: hudtest.FakeModel, MaxTokens: 4, Tools: tt.tools, MaxSteps: tt.max}
			var reply *rollout.Reply
			ts := &rollout.Taskset{Name: "t", Tasks: []rollout.Task{{Run: func(ctx context.Context, s *rollout.ChatSession, rc *rollout.RunContext) (_ float64, _ any, err error) {
				if s.Run() != rc.Run {
					t.Errorf("got run %p, want %p", s.Run(), rc.Run)
				}
				reply, err = s.Say(ctx, "hi")
				return 1, nil, err
			}}}}
			job, err := ts.Run(t.Context(), fake, agent, rollout.Options{})
			if err != nil || reply == nil {
				t.Fatal(err, job.Runs()[0].Err)
			}
			run := job.Runs()[0]
			if len(reply.Message.ToolCalls) != tt.left || run.StopReason != tt.stop {
				t.Errorf("got %d calls left and stop reason %s, want %d and %s", len(reply.Message.ToolCalls), run.StopReason, tt.left, tt.stop)
			}
			var results []string
			for i, m := range run.Messages {
				if m.Role != "tool" {
					continue
				}
				results = append(results, m.Content)
				if m.ToolCallID != "call_"+m.Name {
					t.Errorf("message %d answers %q, want call_%s", i+1, m.ToolCallID, m.Name)
				}
			}
			if !slices.Equal(results, tt.results) {
				t.Errorf("the model was told %q, want %q", results, tt.results)
			}
			// Every turn is a sample whose prompt extends the one before, and was
			// asked with the tools.
			for i, s := range run.Samples {
				if i > 0 {
					before := append(slices.Clone(run.Samples[i-1].PromptTokenIDs), run.Samples[i-1].OutputTokenIDs...)
					if len(s.PromptTokenIDs) <= len(before) || !slices.Equal(s.PromptTokenIDs[:len(before)], before) {
						t.Errorf("turn %d does not extend the one before", i+1)
					}
				}
			}
			if got := len(lastChat(fake).Tools); got != len(tt.tools) {
				t.Errorf("asked with %d tools, want %d", got, len(tt.tools))
			}
		})
	}
}

// A tool that fails ends the turn, and the session is as it was.
func TestToolFailure(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	fake := calling(one("double", `{}`), one("fail", `{}`))
	fail := func(context.Context, *rollout.ChatSession, json.RawMessage) (string, error) { return "", boom }
	s := session(t, fake, rollout.Agent{Model: hudtest.FakeModel, MaxTokens: 4, Tools: []rollout.Tool{
		{Tool: hud.Tool{Name: "double"}, Run: double}, {Tool: hud.Tool{Name: "fail"}, Run: fail},
	}})
	if _, err := s.Say(t.Context(), "hi"); err != boom {
		t.Errorf("got %v, want %v", err, boom)
	}
	if len(s.Messages()) != 0 || len(s.Samples()) != 0 || s.Steps() != 0 || s.Tokens() == 0 {
		t.Errorf("got %d messages, %d samples, %d steps and %d tokens, want a session as before and what was sampled", len(s.Messages()), len(s.Samples()), s.Steps(), s.Tokens())
	}
	if reply, err := s.Say(t.Context(), "hi"); err != nil || len(s.Messages()) != 2 {
		t.Errorf("got %v, %v, want a turn from the beginning", reply, err)
	}
	// A tool may not speak in its own session.
	fake = calling(one("again", "{}"))
	s = session(t, fake, rollout.Agent{Model: hudtest.FakeModel, MaxTokens: 4, Tools: []rollout.Tool{{Tool: hud.Tool{Name: "again"},
		Run: func(ctx context.Context, s *rollout.ChatSession, _ json.RawMessage) (string, error) {
			_, err := s.Say(ctx, "hi")
			return "", err
		}}}})
	if _, err := s.Say(t.Context(), "hi"); err == nil || !strings.Contains(err.Error(), "one turn at a time") {
		t.Errorf("got %v, want an error about two turns at once", err)
	}
}

func TestToolOptions(t *testing.T) {
	t.Parallel()
	a := rollout.Agent{Model: hudtest.FakeModel, Tools: []rollout.Tool{{Tool: hud.Tool{Name: "f"}}, {Tool: hud.Tool{Name: "f"}}}}
	if err := a.Validate(); err == nil || !strings.Contains(err.Error(), `agent: tools[2].name: got "f" twice`) {
		t.Errorf("got %v, want an error about the name", err)
	}
	a.Tools = a.Tools[:1]
	if err := a.SetKwargs(map[string]any{"tool_choice": "none", "parallel_tool_calls": false, "tools": "ignored"}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"tool_choice": "got int, want a string", "parallel_tool_calls": "got int, want a boolean"} {
		if err := a.SetKwargs(map[string]any{name: 1}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	fake := hudtest.NewFake()
	if _, err := session(t, fake, a).Say(t.Context(), "hi"); err != nil {
		t.Fatal(err)
	}
	if req := lastChat(fake); req.ToolChoice != hud.ToolNone || !reflect.DeepEqual(req.ParallelToolCalls, new(false)) || len(req.Tools) != 1 {
		t.Errorf("got %+v, want the agent's choice", req)
	}
}
