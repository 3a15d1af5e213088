// Package rollout turns a policy and a set of tasks into graded runs.
//
// An Agent says which model answers, how it is sampled and which tools it may
// call. A Task is a prompt with a Grader, or an Episode: a function that talks
// to the agent for as many turns as it likes. A Taskset runs each of its tasks
// a number of times, concurrently, and the Job it returns holds the runs in
// task order, ready to be trained on:
//
//	job, err := taskset.Run(ctx, svc, agent, rollout.Options{Group: 8, Seed: new(uint64(1))})
//	result, err := trainer.Step(ctx, hud.Items(job.Runs()), …)
//
// What is sampled depends on the seed, step, task, repeat and turn, never on
// timing: any MaxConcurrent gives the same runs.
//
// A host that runs graders under a lock of its own can use the package as it
// is: nothing here blocks except the Service's methods and the Spawner's
// wait, and no lock is held during either.
package rollout

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/hudrl/hudrl/runtime/hud"
)

// An Agent is a model and how to sample it. The zero value of an option is
// its default. An Agent is not changed by use and may be shared.
type Agent struct {
	Model        string
	SystemPrompt string
	MaxSteps     int      // turns a session may take; 0 is 10
	MaxTokens    int      // per turn; 0 is up to the model's context
	Temperature  *float64 // nil is 1, which is what training on the samples assumes
	TopP         *float64 // nil is off
	TopK         int      // 0 is off
	MinP         float64  // 0 is off
	Stop         []string
	Seed         *uint64 // nil is the seed of the call, or 0
	Checkpoint   string  // sample this checkpoint instead of the head

	Tools             []Tool
	ToolChoice        hud.ToolChoice // of every turn
	ParallelToolCalls *bool          // false: at most one call a turn
}

// DefaultMaxSteps is the number of turns of an Agent that does not say.
const DefaultMaxSteps = 10

// Validate reports the first option that makes no sense.
func (a *Agent) Validate() error {
	switch {
	case a == nil:
		return invalid("agent: got nil")
	case a.Model == "":
		return invalid("agent: model: got an empty name")
	case a.MaxSteps < 0:
		return invalid("agent: max_steps: got %d, want at least 1", a.MaxSteps)
	case a.MaxTokens < 0:
		return invalid("agent: max_tokens: got %d, want at least 1", a.MaxTokens)
	case a.Temperature != nil && !(*a.Temperature >= 0 && *a.Temperature <= math.MaxFloat64):
		return invalid("agent: temperature: got %v, want a finite number of at least 0", *a.Temperature)
	case a.TopP != nil && !(*a.TopP > 0 && *a.TopP <= 1):
		return invalid("agent: top_p: got %v, want a number above 0 and at most 1", *a.TopP)
	case a.TopK < 0:
		return invalid("agent: top_k: got %d, want at least 0", a.TopK)
	case !(a.MinP >= 0 && a.MinP <= 1):
		return invalid("agent: min_p: got %v, want a number from 0 to 1", a.MinP)
	case slices.Contains(a.Stop, ""):
		return invalid("agent: stop: got an empty string")
	}
	return a.validateTools()
}

// kwargs are the request fields that SetKwargs understands.
var kwargs = []string{
	"max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "min_p", "stop", "seed", "checkpoint",
	"logprobs", "return_token_ids", "tool_choice", "parallel_tool_calls", "extra_body",
}

// SetKwargs sets options by the names of the request's fields, as HUD's
// completion_kwargs does: model, messages, stream and tools are ignored,
// extra_body's own entries count as if they stood outside, and logprobs and
// return_token_ids, which are always on, must not be switched off. On an error
// the agent is as it was.
func (a *Agent) SetKwargs(values map[string]any) error {
	changed := *a
	if err := changed.setKwargs(values); err != nil {
		return err
	}
	if err := changed.Validate(); err != nil {
		return err
	}
	*a = changed
	return nil
}

func (a *Agent) setKwargs(values map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v := values[name]
		var err error
		switch name {
		case "model", "messages", "stream", "tools":
		case "max_tokens", "max_completion_tokens":
			a.MaxTokens, err = integer(name, v)
		case "temperature":
			a.Temperature, err = number(name, v)
		case "top_p":
			a.TopP, err = number(name, v)
		case "top_k":
			a.TopK, err = integer(name, v)
		case "min_p":
			var p *float64
			if p, err = number(name, v); err == nil {
				a.MinP = *p
			}
		case "seed":
			var n int
			if n, err = integer(name, v); err == nil {
				a.Seed = new(uint64(n))
			}
		case "stop":
			a.Stop, err = texts(name, v)
		case "checkpoint", "tool_choice":
			s, ok := v.(string)
			switch {
			case !ok:
				err = mistyped(name, v, "a string")
			case name == "checkpoint":
				a.Checkpoint = s
			default:
				a.ToolChoice = hud.ToolChoice(s)
			}
		case "parallel_tool_calls":
			on, ok := v.(bool)
			if !ok {
				err = mistyped(name, v, "a boolean")
			}
			a.ParallelToolCalls = &on
		case "logprobs", "return_token_ids":
			if on, ok := v.(bool); !ok || !on {
				err = invalid("agent: completion_kwargs: %s: got %v, want true: token ids and logprobs are always captured", name, v)
			}
		case "extra_body":
			inner, ok := v.(map[string]any)
			if !ok {
				err = mistyped(name, v, "a table")
				break
			}
			if _, again := inner["extra_body"]; again {
				err = invalid("agent: completion_kwargs: extra_body inside extra_body")
				break
			}
			err = a.setKwargs(inner)
		default:
			e := invalid("agent: completion_kwargs: unknown field %q", name)
			e.Hint = hud.Suggest(name, kwargs)
			err = e
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func invalid(format string, args ...any) *hud.Error {
	return &hud.Error{Code: hud.CodeValidation, Detail: fmt.Sprintf(format, args...)}
}

func mistyped(name string, v any, want string) error {
	return invalid("agent: completion_kwargs: %s: got %T, want %s", name, v, want)
}

func number(name string, v any) (*float64, error) {
	switch v := v.(type) {
	case float64:
		return &v, nil
	case int:
		return new(float64(v)), nil
	}
	return nil, mistyped(name, v, "a number")
}

func integer(name string, v any) (int, error) {
	switch v := v.(type) {
	case int:
		return v, nil
	case float64:
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			return 0, invalid("agent: completion_kwargs: %s: got %v, want an integer", name, v)
		}
		return int(v), nil
	}
	return 0, mistyped(name, v, "an integer")
}

func texts(name string, v any) ([]string, error) {
	switch v := v.(type) {
	case string:
		return []string{v}, nil
	case []string:
		return slices.Clone(v), nil
	case []any:
		var out []string
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, mistyped(name, e, "strings")
			}
			out = append(out, s)
		}
		return out, nil
	}
	return nil, mistyped(name, v, "a string or a list of strings")
}
