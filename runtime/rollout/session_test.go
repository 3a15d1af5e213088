package rollout_test

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/rollout"
)

func lastChat(f *hudtest.Fake) *hud.ChatRequest {
	var req *hud.ChatRequest
	for _, c := range f.Calls() {
		if r, ok := c.Req.(*hud.ChatRequest); ok {
			req = r
		}
	}
	return req
}

func session(t *testing.T, svc hud.Service, a rollout.Agent) *rollout.ChatSession {
	t.Helper()
	s, err := rollout.NewSession(svc, &a)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRequestOfATurn(t *testing.T) {
	t.Parallel()
	fake := hudtest.NewFake()
	s := session(t, fake, rollout.Agent{
		Model: hudtest.FakeModel, SystemPrompt: "Be brief.", MaxTokens: 5, TopP: new(0.9), TopK: 40, MinP: 0.01, Stop: []string{"!"}, Seed: new(uint64(3)),
	})
	first, err := s.Say(t.Context(), "hi")
	if err != nil {
		t.Fatal(err)
	}
	req := lastChat(fake)
	if *req.Temperature != 1 || *req.TopP != 0.9 || req.TopK != 40 || req.MinP != 0.01 || req.Stop[0] != "!" || req.MaxTokens != 5 || !req.ReturnTokenIDs || !req.Logprobs {
		t.Errorf("got %+v, want the agent's options, temperature 1 and token capture", req)
	}
	if len(req.Messages) != 2 || req.Messages[0].Role != "system" || req.PromptTokenIDs != nil {
		t.Errorf("first turn: got %+v", req)
	}
	want := hud.SamplingInfo{Temperature: 1, TopP: 0.9, TopK: 40, MinP: 0.01, FinishReason: first.FinishReason}
	if first.Sample == nil || *first.Sample.Sampling != want {
		t.Errorf("got sample %+v, want it drawn as %+v", first.Sample, want)
	}

	// The second turn sends what is known: the system message is not counted.
	seed := *req.Seed
	if _, err := s.Say(t.Context(), "more"); err != nil {
		t.Fatal(err)
	}
	req = lastChat(fake)
	known := append(slices.Clone(first.Sample.PromptTokenIDs), first.Sample.OutputTokenIDs...)
	if req.ContinuationFrom != 2 || !slices.Equal(req.PromptTokenIDs, known) || len(req.Messages) != 4 {
		t.Errorf("second turn: got continuation_from %d over %d tokens and %d messages, want 2, %d, 4", req.ContinuationFrom, len(req.PromptTokenIDs), len(req.Messages), len(known))
	}
	if *req.Seed == seed {
		t.Error("two turns have one seed")
	}
	if s.Steps() != 2 || len(s.Samples()) != 2 || len(s.Messages()) != 5 {
		t.Errorf("got %d steps, %d samples, %d messages", s.Steps(), len(s.Samples()), len(s.Messages()))
	}
}

// A turn the service captured no tokens of leaves the tokens known before it,
// and the messages they cover, as they were.
func TestTurnWithoutTokens(t *testing.T) {
	t.Parallel()
	fake := hudtest.NewFake()
	s := session(t, fake, rollout.Agent{Model: hudtest.FakeModel, MaxTokens: 4})
	if _, err := s.Say(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	fake.After = func(op string, res any) error {
		if r, ok := res.(*hud.ChatResponse); ok {
			r.Choices[0].PromptTokenIDs, r.Choices[0].TokenIDs = nil, nil
		}
		return nil
	}
	r, err := s.Say(t.Context(), "two")
	if err != nil || r.Sample != nil {
		t.Fatalf("got %+v, %v, want a reply without a sample", r, err)
	}
	if _, err := s.Say(t.Context(), "three"); err != nil {
		t.Fatal(err)
	}
	if req := lastChat(fake); req.ContinuationFrom != 2 || len(req.Messages) != 5 {
		t.Errorf("got continuation_from %d of %d messages, want 2 of 5", req.ContinuationFrom, len(req.Messages))
	}
}

func TestSystemMessageOfTheFirstTurn(t *testing.T) {
	t.Parallel()
	fake := hudtest.NewFake()
	s := session(t, fake, rollout.Agent{Model: hudtest.FakeModel, MaxTokens: 4})
	if _, err := s.Chat(t.Context(), hud.Message{Role: "system", Content: "Be brief."}, hud.Message{Role: "user", Content: "hi"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Say(t.Context(), "more"); err != nil {
		t.Fatal(err)
	}
	if req := lastChat(fake); req.ContinuationFrom != 2 || req.Messages[0].Role != "system" || len(req.Messages) != 4 {
		t.Errorf("got %+v, want the system message outside the two covered ones", req)
	}
}

func TestRefusedTurns(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	u, sys := hud.Message{Role: "user", Content: "hi"}, hud.Message{Role: "system", Content: "x"}
	plain := rollout.Agent{Model: hudtest.FakeModel, MaxTokens: 3, MaxSteps: 1}
	prompted := plain
	prompted.SystemPrompt = "y"
	tests := []struct {
		want     string
		agent    rollout.Agent
		messages []hud.Message
	}{
		{"chat: messages: got 0, want at least 1", plain, nil},
		{"chat: messages: got only a system message", plain, []hud.Message{sys}},
		{"chat: messages: got a system message, but the agent has a system_prompt", prompted, []hud.Message{sys, u}},
		{"chat: messages[2]: got a system message, which may only open the conversation", plain, []hud.Message{u, sys}},
		{`chat: messages[1]: role: got "narrator"`, plain, []hud.Message{{Role: "narrator"}}},
	}
	for _, tt := range tests {
		fake := hudtest.NewFake()
		s := session(t, fake, tt.agent)
		if _, err := s.Chat(ctx, tt.messages...); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("got error %v, want %q", err, tt.want)
		}
		if len(fake.Calls()) != 0 || len(s.Messages()) > 1 {
			t.Errorf("%s: the refused turn left a trace", tt.want)
		}
		// The session still works, once.
		if _, err := s.Chat(ctx, u); err != nil {
			t.Errorf("after %s: %v", tt.want, err)
		}
		if _, err := s.Chat(ctx, u); !errors.Is(err, rollout.ErrMaxSteps) {
			t.Errorf("got %v, want ErrMaxSteps", err)
		}
	}
}

func TestFailedTurnLeavesTheHistory(t *testing.T) {
	t.Parallel()
	fake := hudtest.NewFake()
	s := session(t, fake, rollout.Agent{Model: hudtest.FakeModel, MaxTokens: 3})
	if _, err := s.Say(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	before := s.Messages()
	if _, err := s.Say(ctx, "two"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if !reflect.DeepEqual(s.Messages(), before) || s.Steps() != 1 {
		t.Errorf("a failed turn changed the history to %v", s.Messages())
	}
	fake.After = func(op string, res any) error {
		if r, ok := res.(*hud.ChatResponse); ok {
			r.Choices = nil
		}
		return nil
	}
	if _, err := s.Say(t.Context(), "two"); err == nil || !strings.Contains(err.Error(), "without a choice") {
		t.Errorf("got %v, want an error about no choice", err)
	}
}

func TestOneTurnAtATime(t *testing.T) {
	t.Parallel()
	fake := hudtest.NewFake()
	s := session(t, fake, rollout.Agent{Model: hudtest.FakeModel, MaxTokens: 3})
	var inner error
	fake.Before = func(op string, _ any) error {
		if op == "chat" && inner == nil {
			_, inner = s.Say(t.Context(), "and me")
		}
		return nil
	}
	if _, err := s.Say(t.Context(), "first"); err != nil {
		t.Fatal(err)
	}
	if inner == nil || !strings.Contains(inner.Error(), "one turn at a time") {
		t.Errorf("a second turn during the first gave %v", inner)
	}
}

func TestCompletionKwargs(t *testing.T) {
	t.Parallel()
	a := rollout.Agent{Model: "m"}
	err := a.SetKwargs(map[string]any{
		"temperature": 0.5, "max_tokens": 7.0, "top_p": 1, "stop": []any{"a", "b"}, "seed": 9.0, "stream": true, "model": "other", "logprobs": true,
		"extra_body": map[string]any{"return_token_ids": true, "top_k": 3, "min_p": 0.1, "checkpoint": "c"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if *a.Temperature != 0.5 || a.MaxTokens != 7 || *a.TopP != 1 || len(a.Stop) != 2 || *a.Seed != 9 || a.TopK != 3 || a.MinP != 0.1 || a.Checkpoint != "c" || a.Model != "m" {
		t.Errorf("got %+v", a)
	}
	for want, values := range map[string]map[string]any{
		`unknown field "temprature"`:                        {"temprature": 1.0},
		"temperature: got string, want a number":            {"temperature": "hot"},
		"max_tokens: got 1.5, want an integer":              {"max_tokens": 1.5},
		"top_k: got bool, want an integer":                  {"top_k": true},
		"stop: got int, want a string or a list of strings": {"stop": 3},
		"checkpoint: got int, want a string":                {"checkpoint": 3},
		"logprobs: got false, want true":                    {"logprobs": false},
		"extra_body inside extra_body":                      {"extra_body": map[string]any{"extra_body": map[string]any{}}},
		"extra_body: got int, want a table":                 {"extra_body": 1},
		"agent: temperature: got -1":                        {"temperature": -1.0},
		"min_p: got string, want a number":                  {"min_p": "x"},
		"seed: got +Inf, want an integer":                   {"seed": math.Inf(1)},
	} {
		before := a
		if err := a.SetKwargs(values); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got error %v, want %q", values, err, want)
		}
		if a.Temperature != before.Temperature || a.MaxTokens != before.MaxTokens {
			t.Errorf("%v: the agent was changed", values)
		}
	}
	var e *hud.Error
	if errors.As(a.SetKwargs(map[string]any{"temprature": 1.0}), &e); e.Hint != `did you mean "temperature"?` {
		t.Errorf("got hint %q", e.Hint)
	}
}

func TestJobs(t *testing.T) {
	t.Parallel()
	fake := hudtest.NewFake()
	boss, err := rollout.NewJob("arith", 4)
	if err != nil {
		t.Fatal(err)
	}
	if boss.Reward() != 0 || boss.HasSpread() {
		t.Error("an empty job has a reward or a spread")
	}
	if _, err := boss.Trainable(); err == nil || !strings.Contains(err.Error(), "the job has no runs") {
		t.Errorf("got %v", err)
	}
	one := play(t, fake, sums(2), rollout.Options{Job: boss})
	two := play(t, fake, sums(3), rollout.Options{Job: boss, Group: new(2)})
	if one.Name != "arith" || one.ID != boss.ID || len(one.Runs()) != 8 || len(two.Runs()) != 6 || len(boss.Runs()) != 14 {
		t.Errorf("got %d, %d and %d runs, want 8, 6 and 14", len(one.Runs()), len(two.Runs()), len(boss.Runs()))
	}
	if boss.Tokens() != one.Tokens()+two.Tokens() || boss.Seconds() != one.Seconds()+two.Seconds() || one.Tokens() == 0 {
		t.Errorf("got %d tokens in %v s", boss.Tokens(), boss.Seconds())
	}
	if want := (one.Reward()*8 + two.Reward()*6) / 14; math.Abs(boss.Reward()-want) > 1e-12 {
		t.Errorf("got reward %v, want %v", boss.Reward(), want)
	}

	constant := &rollout.Taskset{Name: "c", Tasks: []rollout.Task{
		{Prompt: user("a"), Grade: func(context.Context, string, *hud.Run) (float64, any, error) { return 1, nil, nil }},
		{Prompt: user("b"), Grade: func(context.Context, string, *hud.Run) (float64, any, error) { return 0, nil, nil }},
	}}
	if play(t, fake, constant, rollout.Options{Group: new(3)}).HasSpread() {
		t.Error("two constant groups have spread: groups are compared with each other")
	}
	constant.Tasks[1].Grade = func(_ context.Context, _ string, r *hud.Run) (float64, any, error) {
		if r.Repeat == 2 {
			return 0, nil, errors.New("odd one out")
		}
		return 1, nil, nil
	}
	job := play(t, fake, constant, rollout.Options{Group: new(3)})
	kept, err := job.Trainable()
	if err != nil || len(kept) != 3 || kept[0].Task != "c-1" || !job.HasSpread() {
		t.Errorf("got %d trainable runs, %v, want the whole first group", len(kept), err)
	}
}
