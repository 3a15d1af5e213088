package local

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
)

func TestChatIsValidated(t *testing.T) {
	t.Parallel()
	s, _ := newTiny(t)
	nan := math.NaN()
	for _, tt := range []struct {
		name string
		edit func(*hud.ChatRequest)
		code hud.Code
		part string
	}{
		{"no model", func(r *hud.ChatRequest) { r.Model = "" }, hud.CodeValidation, "model: got an empty name"},
		{"unknown model", func(r *hud.ChatRequest) { r.Model = "tony" }, hud.CodeNotFound, `model "tony" not found`},
		{"no messages", func(r *hud.ChatRequest) { r.Messages = nil }, hud.CodeValidation, "messages: got 0"},
		{"unknown role", func(r *hud.ChatRequest) { r.Messages[0].Role = "robot" }, hud.CodeValidation, `message 1: unknown role "robot"`},
		{"negative max_tokens", func(r *hud.ChatRequest) { r.MaxTokens = -1 }, hud.CodeValidation, "max_tokens: got -1"},
		{"negative temperature", func(r *hud.ChatRequest) { r.Temperature = new(-0.5) }, hud.CodeValidation, "temperature: got -0.5"},
		{"nan temperature", func(r *hud.ChatRequest) { r.Temperature = &nan }, hud.CodeValidation, "temperature: got NaN"},
		{"top_p 0", func(r *hud.ChatRequest) { r.TopP = new(0.0) }, hud.CodeValidation, "top_p: got 0"},
		{"top_p above 1", func(r *hud.ChatRequest) { r.TopP = new(1.5) }, hud.CodeValidation, "top_p: got 1.5"},
		{"negative top_k", func(r *hud.ChatRequest) { r.TopK = -2 }, hud.CodeValidation, "top_k: got -2"},
		{"min_p above 1", func(r *hud.ChatRequest) { r.MinP = 2 }, hud.CodeValidation, "min_p: got 2"},
		{"nan min_p", func(r *hud.ChatRequest) { r.MinP = nan }, hud.CodeValidation, "min_p: got NaN"},
		{"negative n", func(r *hud.ChatRequest) { r.N = -1 }, hud.CodeValidation, "n: got -1"},
		{"enormous n", func(r *hud.ChatRequest) { r.N = 1 << 20 }, hud.CodeValidation, "n: got 1048576, want 1 to 128"},
		{"empty stop", func(r *hud.ChatRequest) { r.Stop = []string{"a", ""} }, hud.CodeValidation, "stop[2]: got an empty string"},
		{"logprobs mode", func(r *hud.ChatRequest) { r.LogprobsMode = "row" }, hud.CodeValidation, `logprobs_mode: got "row"`},
		{"negative continuation", func(r *hud.ChatRequest) { r.ContinuationFrom = -1 }, hud.CodeValidation, "continuation_from: got -1"},
		{"continuation beyond the messages", func(r *hud.ChatRequest) {
			r.PromptTokenIDs, r.ContinuationFrom = []int{256}, 2
		}, hud.CodeValidation, "continuation_from: got 2, want at most the 1 messages"},
		{"prompt token outside", func(r *hud.ChatRequest) { r.PromptTokenIDs = []int{1, 999} }, hud.CodeValidation, "prompt_token_ids[2]: got 999, want a token id of 0 to 263"},
		{"long prompt", func(r *hud.ChatRequest) { r.Messages[0].Content = strings.Repeat("x", 100) }, hud.CodeValidation, "the prompt has 103 tokens, want fewer than the model's context of 96"},
		{"unknown checkpoint", func(r *hud.ChatRequest) { r.Checkpoint = "step-0001" }, hud.CodeNotFound, `checkpoint "step-0001" not found`},
		{"checkpoint of a base", func(r *hud.ChatRequest) { r.Model, r.Checkpoint = "hudrl/nano", "step-0001" }, hud.CodeNotFound, "is a base model and has none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := seeded("tiny", "hi", 1)
			tt.edit(req)
			_, err := s.Chat(bg, req)
			wantError(t, err, "chat", tt.code, tt.part)
		})
	}
}

// TestContinuation: the prompt is the trusted tokens, as they are, then the
// messages they do not cover, whether or not a system message leads.
func TestContinuation(t *testing.T) {
	t.Parallel()
	s, _ := newTiny(t)
	trusted := []int{256, 258, 'h', 'i', 259, 'y', 'o', 261}
	history := []hud.Message{{Role: "user", Content: "hi"}, {Role: "assistant", Content: "not what was sampled"}, {Role: "user", Content: "b"}}
	want := append(slices.Clone(trusted), 258, 'b', 259)
	for _, messages := range [][]hud.Message{history, append([]hud.Message{{Role: "system", Content: "s"}}, history...)} {
		req := &hud.ChatRequest{Model: "tiny", Messages: messages, PromptTokenIDs: trusted, ContinuationFrom: 2, MaxTokens: 2, ReturnTokenIDs: true}
		c := chat(t, s, req).Choices[0]
		if !slices.Equal(c.PromptTokenIDs, want) {
			t.Errorf("prompt of %d messages: got %v, want %v", len(messages), c.PromptTokenIDs, want)
		}
	}
	// Without trusted tokens everything is rendered.
	c := chat(t, s, &hud.ChatRequest{Model: "tiny", Messages: history[:1], ContinuationFrom: 1, MaxTokens: 1, ReturnTokenIDs: true}).Choices[0]
	if want := []int{256, 258, 'h', 'i', 259}; !slices.Equal(c.PromptTokenIDs, want) {
		t.Errorf("rendered prompt: got %v, want %v", c.PromptTokenIDs, want)
	}
	tok, err := s.Tokenizer(bg, "tiny")
	if err != nil {
		t.Fatal(err)
	}
	if ids, err := tok.Render(history[:1], true); err != nil || !slices.Equal(ids, c.PromptTokenIDs) {
		t.Errorf("tokenizer renders %v, %v, chat %v", ids, err, c.PromptTokenIDs)
	}
	if _, err := s.Tokenizer(bg, "nothing"); err == nil {
		t.Error("a tokenizer of an unknown model")
	}
}

func TestChoices(t *testing.T) {
	t.Parallel()
	s, _ := newTiny(t)
	req := seeded("tiny", "hi", 42)
	req.N = 4
	r := chat(t, s, req)
	if len(r.Choices) != 4 || r.Usage.PromptTokens != len(r.Choices[0].PromptTokenIDs) {
		t.Fatalf("got %d choices, usage %+v", len(r.Choices), r.Usage)
	}
	total := 0
	for i, c := range r.Choices {
		total += len(c.TokenIDs)
		if len(c.Logprobs) != len(c.TokenIDs) || c.Message.Role != "assistant" {
			t.Errorf("choice %d: got %d logprobs for %d tokens, role %q", i, len(c.Logprobs), len(c.TokenIDs), c.Message.Role)
		}
		if (c.FinishReason == "stop") != (c.TokenIDs[len(c.TokenIDs)-1] == 261) {
			t.Errorf("choice %d: finish_reason %s with tokens %v", i, c.FinishReason, c.TokenIDs)
		}
	}
	if r.Usage.CompletionTokens != total {
		t.Errorf("completion tokens: got %d, want %d", r.Usage.CompletionTokens, total)
	}
	if slices.Equal(r.Choices[0].TokenIDs, r.Choices[1].TokenIDs) {
		t.Error("two choices are the same")
	}
	again := chat(t, s, req)
	if !reflect.DeepEqual(again.Choices, r.Choices) {
		t.Error("the same seed gave other choices")
	}
	req.N = 1
	if one := chat(t, s, req); !reflect.DeepEqual(one.Choices[0], r.Choices[0]) {
		t.Error("choice 0 depends on n")
	}
	req.Seed, req.ReturnTokenIDs = nil, false
	plain := chat(t, s, req).Choices[0]
	if plain.TokenIDs != nil || plain.PromptTokenIDs != nil || plain.Logprobs != nil {
		t.Errorf("nothing was asked for: got %+v", plain)
	}
	req.Logprobs = true
	if c := chat(t, s, req).Choices[0]; len(c.Logprobs) == 0 || c.TokenIDs != nil {
		t.Errorf("logprobs only: got %+v", c)
	}
}

// TestProcessedLogprobs: greedy sampling is certain of what it took; raw
// logprobs are the model's own.
func TestProcessedLogprobs(t *testing.T) {
	t.Parallel()
	s, _ := newTiny(t)
	req := seeded("tiny", "hi", 1)
	req.Temperature = new(0.0)
	raw := chat(t, s, req).Choices[0]
	req.LogprobsMode = "processed"
	processed := chat(t, s, req).Choices[0]
	if !slices.Equal(raw.TokenIDs, processed.TokenIDs) {
		t.Errorf("the mode changed the tokens: %v and %v", raw.TokenIDs, processed.TokenIDs)
	}
	for i := range processed.Logprobs {
		if processed.Logprobs[i] != 0 || !(raw.Logprobs[i] < -1) {
			t.Errorf("token %d: got processed %v, raw %v, want 0 and about −5", i, processed.Logprobs[i], raw.Logprobs[i])
		}
	}
}

// TestStreamAndStop: the stream is the text, from the caller's goroutine, and
// a stop string ends it without being part of it.
func TestStreamAndStop(t *testing.T) {
	t.Parallel()
	s, _ := newTiny(t)
	var streamed strings.Builder
	var req *hud.ChatRequest
	var text string
	for seed := range uint64(100) { // a completion of ASCII letters somewhere
		req = seeded("tiny", "hi", seed)
		req.MaxTokens = 40
		streamed.Reset()
		req.Stream = func(d string) { streamed.WriteString(d) }
		text = chat(t, s, req).Choices[0].Message.Content
		if streamed.String() != text {
			t.Fatalf("seed %d: streamed %q, message %q", seed, streamed.String(), text)
		}
		at := strings.IndexFunc(text, func(r rune) bool { return r >= 'a' && r <= 'z' })
		if at < 1 {
			continue
		}
		req.Stop, req.Stream = []string{text[at : at+1]}, nil
		c := chat(t, s, req).Choices[0]
		if c.Message.Content != text[:strings.Index(text, req.Stop[0])] || c.FinishReason != "stop" {
			t.Errorf("stop %q: got %q (%s) of %q", req.Stop[0], c.Message.Content, c.FinishReason, text)
		}
		if len(c.Logprobs) != len(c.TokenIDs) {
			t.Errorf("got %d logprobs for %d tokens", len(c.Logprobs), len(c.TokenIDs))
		}
		return
	}
	t.Fatal("no completion has a letter")
}

// TestCheckpointRouting: id, name and sampler path reach the same weights,
// whatever the head is, and a chat under way keeps the weights it began with.
func TestCheckpointRouting(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	base := chat(t, s, seeded("tiny", "hi", 9))
	one := train(t, s, m.ID, 1)
	first := chat(t, s, seeded("tiny", "hi", 9))
	train(t, s, m.ID, 2)
	if first.CheckpointID != one.CheckpointID || base.CheckpointID != "" || reflect.DeepEqual(first.Choices, base.Choices) {
		t.Errorf("served %q then %q, same choices: %v", base.CheckpointID, first.CheckpointID, reflect.DeepEqual(first.Choices, base.Choices))
	}
	for _, name := range []string{one.CheckpointID, strings.ToUpper(one.CheckpointID), one.SamplerPath, "step-0001"} {
		req := seeded("tiny", "hi", 9)
		req.Checkpoint = name
		if got := chat(t, s, req); got.CheckpointID != one.CheckpointID || !reflect.DeepEqual(got.Choices, first.Choices) {
			t.Errorf("checkpoint %q: served %q with other choices", name, got.CheckpointID)
		}
	}
}

// TestCancelledChat ends at once, and the service lives on.
func TestCancelledChat(t *testing.T) {
	t.Parallel()
	s, _ := newTiny(t)
	ctx, cancel := context.WithCancel(bg)
	req := seeded("tiny", "hi", 1)
	req.MaxTokens, req.N = 0, 8
	req.Stream = func(string) { cancel() }
	_, err := s.Chat(ctx, req)
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	_, err = s.Chat(ctx, seeded("tiny", "hi", 1))
	wantError(t, err, "chat", hud.CodeTimeout, "stopped before it was done")
	chat(t, s, seeded("tiny", "hi", 1))
}

func TestClosedService(t *testing.T) {
	t.Parallel()
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m := create(t, s, CreateOptions{Name: "tiny", Config: &tiny})
	var wg sync.WaitGroup
	for i := range 8 { // chats and passes under way end, with or without an error
		wg.Go(func() {
			_, _ = s.Chat(bg, seeded("tiny", "hi", uint64(i)))
			_, _ = s.ForwardBackward(bg, m.ID, fb("ppo", randomInputs(uint64(i), 4)))
		})
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Error("second close:", err)
	}
	for name, call := range map[string]func() error{
		"chat":             func() error { _, err := s.Chat(bg, seeded("tiny", "hi", 1)); return err },
		"optim_step":       func() error { _, err := s.OptimStep(bg, m.ID, adam(1)); return err },
		"forward_backward": func() error { _, err := s.ForwardBackward(bg, m.ID, fb("ppo", randomInputs(1, 2))); return err },
		"models":           func() error { _, err := s.Models(bg); return err },
		"fork":             func() error { _, err := s.Fork(bg, m.ID, "x"); return err },
		"forward":          func() error { _, err := s.Forward(bg, m.ID, &hud.ForwardRequest{}); return err },
		"set_head":         func() error { return s.SetHead(bg, m.ID, "step-0001") },
		"gc":               func() error { _, err := s.GC(bg); return err },
		"state":            func() error { _, err := s.State(bg, "x"); return err },
		"enter_trace":      func() error { return s.EnterTrace(bg, hud.TraceEnter{TraceID: "x"}) },
	} {
		wantError(t, call(), name, hud.CodeServer, "the service is closed")
	}
}

// TestTraces: recorded chats become training inputs under their id, dashed or
// not, and the same batch as payloads gives the same weights.
func TestTraces(t *testing.T) {
	t.Parallel()
	s := openIn(t, t.TempDir(), Options{})
	a := create(t, s, CreateOptions{Name: "a", Config: &tiny, Seed: 1})
	b := create(t, s, CreateOptions{Name: "b", Config: &tiny, Seed: 1})
	var ids, inline []hud.TrainInput
	for i := range 4 {
		dashed := fmt.Sprintf("0000000%d-ABCD-4000-8000-00000000000%d", i, i)
		plain := strings.ToLower(strings.ReplaceAll(dashed, "-", ""))
		if err := s.EnterTrace(bg, hud.TraceEnter{TraceID: dashed, JobID: "j", TaskSlug: "t", Model: "a"}); err != nil {
			t.Fatal(err)
		}
		req := seeded("a", "hi", uint64(i))
		req.TraceID = plain
		c := chat(t, s, req).Choices[0]
		reward := float64(i % 2)
		if err := s.ExitTrace(bg, hud.TraceExit{TraceID: plain, Status: "completed", Reward: &reward, StopReason: "done"}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, hud.TrainInput{TraceID: dashed})
		inline = append(inline, payload(reward, turn(c.PromptTokenIDs, c.TokenIDs, c.Logprobs...)))
	}
	accumulate(t, s, a.ID, fb("ppo", ids))
	accumulate(t, s, b.ID, fb("ppo", inline))
	stepWith(t, s, a.ID, 1e-2)
	stepWith(t, s, b.ID, 1e-2)
	if !slices.Equal(paramsOf(t, s, a.ID), paramsOf(t, s, b.ID)) {
		t.Error("traces and payloads gave other weights")
	}

	exit := func(id, status, reason string, reward *float64) {
		t.Helper()
		if err := s.ExitTrace(bg, hud.TraceExit{TraceID: id, Status: status, StopReason: reason, Reward: reward}); err != nil {
			t.Fatal(err)
		}
	}
	record := func(id string) {
		t.Helper()
		req := seeded("a", "x", 1)
		req.TraceID = id
		chat(t, s, req)
	}
	record("ungraded")
	record("failed")
	exit("failed", "error", "", nil)
	record("late")
	exit("late", "completed", "timeout", new(1.0))
	exit("silent", "completed", "done", new(1.0))
	record("graded")
	exit("graded", "completed", "done", new(0.0))
	for id, want := range map[string]struct {
		code hud.Code
		part string
	}{
		"unknown":  {hud.CodeNotFound, `trajectory 1: trace "unknown" not found`},
		"ungraded": {hud.CodeValidation, `trace "ungraded" has no reward`},
		"failed":   {hud.CodeValidation, `trace "failed" has no reward`},
		"late":     {hud.CodeValidation, "timed-out runs require an explicit training reward"},
		"silent":   {hud.CodeValidation, `trace "silent" has no token data`},
	} {
		_, err := s.ForwardBackward(bg, a.ID, fb("ppo", []hud.TrainInput{{TraceID: id}}))
		wantError(t, err, "forward_backward", want.code, want.part)
	}
	accumulate(t, s, a.ID, fb(hud.LossCrossEntropy, []hud.TrainInput{{TraceID: "GRADED"}}))

	wantError(t, s.EnterTrace(bg, hud.TraceEnter{TraceID: "--"}), "enter_trace", hud.CodeValidation, "trace_id")
	wantError(t, s.ExitTrace(bg, hud.TraceExit{TraceID: "x", Status: "fine"}), "exit_trace", hud.CodeValidation, `status: got "fine"`)
	wantError(t, s.ExitTrace(bg, hud.TraceExit{TraceID: "x", Status: "error", Reward: new(math.Inf(1))}), "exit_trace", hud.CodeValidation, "reward: got +Inf")
}
