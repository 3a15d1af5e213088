package hudtest

import (
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/hudrl/hudrl/runtime/hud"
)

func (s *suite) chat(req *hud.ChatRequest) *hud.ChatResponse {
	s.Helper()
	res := try(s, "chat", func() (*hud.ChatResponse, error) { return s.svc.Chat(s.Context(), req) })
	if len(res.Choices) != max(req.N, 1) {
		s.Fatalf("chat: got %d choices, want %d", len(res.Choices), max(req.N, 1))
	}
	return res
}

// captured is a request with token capture.
func captured(m hud.Model, seed uint64, messages ...hud.Message) *hud.ChatRequest {
	return &hud.ChatRequest{Model: m.ModelName, Messages: messages, MaxTokens: 12, Seed: &seed, ReturnTokenIDs: true}
}

// graded checks one captured choice.
func (s *suite) graded(what string, c hud.Choice) {
	s.Helper()
	if len(c.TokenIDs) == 0 || len(c.Logprobs) != len(c.TokenIDs) || len(c.PromptTokenIDs) == 0 {
		s.Errorf("%s: got %d tokens, %d logprobs and a prompt of %d, want some and one logprob each", what, len(c.TokenIDs), len(c.Logprobs), len(c.PromptTokenIDs))
	}
	for i, lp := range c.Logprobs {
		if math.IsNaN(float64(lp)) || math.IsInf(float64(lp), 0) || lp > 0 {
			s.Errorf("%s: logprob %d is %v", what, i, lp)
		}
	}
	if c.FinishReason != "stop" && c.FinishReason != "length" || c.Message.Role != "assistant" {
		s.Errorf("%s: got finish_reason %q of role %q", what, c.FinishReason, c.Message.Role)
	}
}

// retrained is the trainer's logprobs of a choice's tokens.
func (s *suite) retrained(m hud.Model, c hud.Choice) []float32 {
	s.Helper()
	p := s.forward(m, []hud.TrainInput{trajectory(0, turn(c.PromptTokenIDs, c.TokenIDs))}, 0).Data
	return p.Logprobs[len(c.PromptTokenIDs)-1:]
}

var chatChecks = []check{
	{"chat/captures tokens whose logprobs are the trainer's", func(s *suite) {
		m := s.fork()
		for round := range 3 {
			for seed := range uint64(4) {
				req := captured(m, seed, user("What is 3 + 4?")...)
				if seed == 3 {
					req.Temperature, req.TopK = new(0.5), 20 // the reported logprobs stay the model's own
				}
				res := s.chat(req)
				c := res.Choices[0]
				s.graded("chat", c)
				s.near("sampler and trainer", c.Logprobs, s.retrained(m, c), s.Tolerance)
				if res.Usage.PromptTokens != len(c.PromptTokenIDs) || res.Usage.CompletionTokens != len(c.TokenIDs) {
					s.Errorf("got usage %+v for %d and %d tokens", res.Usage, len(c.PromptTokenIDs), len(c.TokenIDs))
				}
				if got := s.head(m); res.CheckpointID != got {
					s.Errorf("chat answered from %q while the head is %q", res.CheckpointID, got)
				}
			}
			if round < 2 { // and again right after a step
				s.forwardBackward(m, pass(hud.LossCrossEntropy, 0, mixed()...))
				s.optimStep(m)
			}
		}
	}},
	{"chat/depends on the seed and not on company", func(s *suite) {
		m := s.fork()
		const n = 12
		alone := make([]hud.Choice, n)
		for i := range alone {
			alone[i] = s.chat(captured(m, uint64(i), user("What is 3 + 4?")...)).Choices[0]
		}
		together, errs := make([]hud.Choice, n), make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				res, err := s.svc.Chat(s.Context(), captured(m, uint64(i), user("What is 3 + 4?")...))
				if errs[i] = err; err == nil {
					together[i] = res.Choices[0]
				}
			})
		}
		wg.Wait()
		different := false
		for i := range n {
			if errs[i] != nil {
				s.Fatal(errs[i])
			}
			if !slices.Equal(alone[i].TokenIDs, together[i].TokenIDs) {
				s.Errorf("seed %d: %v alone, %v among others", i, alone[i].TokenIDs, together[i].TokenIDs)
			}
			s.near("logprobs among others", together[i].Logprobs, alone[i].Logprobs, s.Tolerance)
			different = different || !slices.Equal(alone[i].TokenIDs, alone[0].TokenIDs)
		}
		if !different {
			s.Errorf("%d seeds all gave the same tokens", n)
		}
	}},
	{"chat/n, max_tokens and greedy decoding", func(s *suite) {
		m := s.fork()
		req := captured(m, 5, user("What is 3 + 4?")...)
		req.N = 4
		res := s.chat(req)
		total := 0
		for _, c := range res.Choices {
			s.graded("n", c)
			total += len(c.TokenIDs)
		}
		if res.Usage.CompletionTokens != total {
			s.Errorf("got usage of %d completion tokens for %d", res.Usage.CompletionTokens, total)
		}
		req = captured(m, 5, user("What is 3 + 4?")...)
		req.MaxTokens = 1
		if c := s.chat(req).Choices[0]; len(c.TokenIDs) != 1 {
			s.Errorf("max_tokens 1: got %d tokens", len(c.TokenIDs))
		}
		var greedy []int
		for seed := range uint64(3) {
			req := captured(m, seed, user("What is 3 + 4?")...)
			req.Temperature = new(0.0)
			c := s.chat(req).Choices[0]
			s.near("greedy logprobs", c.Logprobs, s.retrained(m, c), s.Tolerance)
			if greedy == nil {
				greedy = c.TokenIDs
			}
			if !slices.Equal(c.TokenIDs, greedy) {
				s.Errorf("temperature 0: %v with seed %d, %v with seed 0", c.TokenIDs, seed, greedy)
			}
		}
		req = captured(m, 9, user("What is 3 + 4?")...)
		req.TopK = 1
		if c := s.chat(req).Choices[0]; !slices.Equal(c.TokenIDs, greedy) {
			s.Errorf("top_k 1 gave %v, greedy %v", c.TokenIDs, greedy)
		}
	}},
	{"chat/processed logprobs are of the distribution sampled", func(s *suite) {
		m := s.fork()
		req := captured(m, 2, user("What is 3 + 4?")...)
		req.TopK, req.LogprobsMode = 1, "processed"
		for i, lp := range s.chat(req).Choices[0].Logprobs {
			if math.Abs(float64(lp)) > 1e-6 {
				s.Errorf("top_k 1: processed logprob %d is %v, want 0", i, lp)
			}
		}
	}},
	{"chat/without return_token_ids there are none", func(s *suite) {
		m := s.fork()
		res := s.chat(&hud.ChatRequest{Model: m.ModelName, Messages: user("hi"), MaxTokens: 4})
		if c := res.Choices[0]; c.TokenIDs != nil || c.PromptTokenIDs != nil {
			s.Errorf("got tokens %v and a prompt %v unasked", c.TokenIDs, c.PromptTokenIDs)
		}
	}},
	{"chat/stop strings end the text", func(s *suite) {
		m := s.fork()
		for seed := range uint64(20) {
			req := captured(m, seed, user("What is 3 + 4?")...)
			full := s.chat(req).Choices[0].Message.Content
			if len(full) < 2 || full[0] == full[1] || full[1] >= 0x80 {
				continue
			}
			req = captured(m, seed, user("What is 3 + 4?")...)
			req.Stop = []string{full[1:2]}
			c := s.chat(req).Choices[0]
			if c.FinishReason != "stop" || strings.Contains(c.Message.Content, full[1:2]) || !strings.HasPrefix(full, c.Message.Content) {
				s.Errorf("stop at %q of %q: got %q, %s", full[1:2], full, c.Message.Content, c.FinishReason)
			}
			s.graded("stop", c)
			return
		}
	}},
	{"chat/continuation extends the tokens exactly", func(s *suite) {
		m := s.fork()
		ask, more := hud.Message{Role: "user", Content: "What is 3 + 4?"}, hud.Message{Role: "user", Content: "And 5?"}
		first := s.chat(captured(m, 1, ask)).Choices[0]
		known := append(slices.Clone(first.PromptTokenIDs), first.TokenIDs...)
		// Trusted even where a rendering would give something else.
		odd := append(slices.Clone(known), 65, 66)
		var tails [][]int
		for _, tokens := range [][]int{known, odd} {
			for _, system := range []bool{false, true} {
				var messages []hud.Message
				if system { // the leading system message is not counted
					messages = append(messages, hud.Message{Role: "system", Content: "Be brief."})
				}
				req := captured(m, 2, append(messages, ask, first.Message, more)...)
				req.PromptTokenIDs, req.ContinuationFrom = tokens, 2
				c := s.chat(req).Choices[0]
				s.graded("continuation", c)
				if len(c.PromptTokenIDs) <= len(tokens) || !slices.Equal(c.PromptTokenIDs[:len(tokens)], tokens) {
					s.Fatalf("the prompt %v does not extend the %d trusted tokens", c.PromptTokenIDs, len(tokens))
				}
				tails = append(tails, c.PromptTokenIDs[len(tokens):])
				s.near("continued logprobs", c.Logprobs, s.retrained(m, c), s.Tolerance)
			}
		}
		for _, tail := range tails {
			if !slices.Equal(tail, tails[0]) {
				s.Errorf("the same uncovered message was rendered as %v and %v", tails[0], tail)
			}
		}
		if source, ok := s.svc.(hud.TokenizerSource); ok {
			tok := try(s, "tokenizer", func() (hud.Tokenizer, error) { return source.Tokenizer(s.Context(), m.ModelName) })
			for _, messages := range [][]hud.Message{{ask}, {{Role: "system", Content: "Be brief."}, ask, first.Message, more}} {
				want := try(s, "render", func() ([]int, error) { return tok.Render(messages, true) })
				if got := s.chat(captured(m, 1, messages...)).Choices[0].PromptTokenIDs; !slices.Equal(got, want) {
					s.Errorf("chat used the prompt %v, the tokenizer renders %v", got, want)
				}
			}
			if got := tok.Decode(tok.Encode("What is 3 + 4?")); got != "What is 3 + 4?" {
				s.Errorf("encoding and decoding gave %q", got)
			}
			if c := first; c.FinishReason == "stop" && c.TokenIDs[len(c.TokenIDs)-1] != tok.EndOfTurn() {
				s.Errorf("a stopped answer ends in token %d, want the sampled end of turn %d", c.TokenIDs[len(c.TokenIDs)-1], tok.EndOfTurn())
			}
		}
	}},
	{"chat/a checkpoint can be asked for", func(s *suite) {
		ctx, m := s.Context(), s.fork()
		var answers []hud.Choice
		for range 2 {
			s.forwardBackward(m, pass(hud.LossCrossEntropy, 0, mixed()...))
			s.optimStep(m)
			answers = append(answers, s.chat(captured(m, 3, user("hi")...)).Choices[0])
		}
		tree := try(s, "checkpoints", func() ([]hud.Checkpoint, error) { return s.svc.Checkpoints(ctx, m.ID) })
		for i, c := range tree {
			for _, name := range []string{c.ID, c.CheckpointName} {
				req := captured(m, 3, user("hi")...)
				req.Checkpoint = name
				res := s.chat(req)
				if res.CheckpointID != c.ID || !slices.Equal(res.Choices[0].TokenIDs, answers[i].TokenIDs) {
					s.Errorf("checkpoint %s: answered %v from %s, want %v from %s", name, res.Choices[0].TokenIDs, res.CheckpointID, answers[i].TokenIDs, c.ID)
				}
				s.near("checkpoint "+name, res.Choices[0].Logprobs, answers[i].Logprobs, s.Tolerance)
			}
		}
		req := captured(m, 3, user("hi")...)
		req.Checkpoint = "hudtest-nowhere"
		_, err := s.svc.Chat(ctx, req)
		s.refused("an unknown checkpoint", err, hud.CodeNotFound)
	}},
	{"chat/bad requests are refused", func(s *suite) {
		m := s.fork()
		bad := map[string]func(*hud.ChatRequest){
			"no messages":          func(r *hud.ChatRequest) { r.Messages = nil },
			"an unknown role":      func(r *hud.ChatRequest) { r.Messages = []hud.Message{{Role: "narrator", Content: "x"}} },
			"temperature -1":       func(r *hud.ChatRequest) { r.Temperature = new(-1.0) },
			"temperature NaN":      func(r *hud.ChatRequest) { r.Temperature = new(math.NaN()) },
			"covered past the end": func(r *hud.ChatRequest) { r.PromptTokenIDs, r.ContinuationFrom = []int{1, 2}, 9 },
			"a token out of range": func(r *hud.ChatRequest) { r.PromptTokenIDs, r.ContinuationFrom = []int{1 << 30}, 0 },
			"a nameless tool":      func(r *hud.ChatRequest) { r.Tools = []hud.Tool{{Description: "what is it called?"}} },
			"tools of one name":    func(r *hud.ChatRequest) { r.Tools = []hud.Tool{{Name: "f"}, {Name: "f"}} },
			"top_logprobs 21":      func(r *hud.ChatRequest) { r.TopLogprobs = 21 },
		}
		if s.MaxContext > 0 {
			bad["a prompt past the context"] = func(r *hud.ChatRequest) { r.Messages = user(strings.Repeat("long ", s.MaxContext)) }
		}
		for name, spoil := range bad {
			req := captured(m, 1, user("hi")...)
			spoil(req)
			_, err := s.svc.Chat(s.Context(), req)
			s.refused(name, err, hud.CodeValidation)
		}
	}},
	{"chat/tells the likeliest tokens", func(s *suite) {
		m := s.fork()
		plain := s.chat(captured(m, 6, user("hi")...)).Choices[0]
		req := captured(m, 6, user("hi")...)
		req.TopLogprobs = 5
		c := s.chat(req).Choices[0]
		if !slices.Equal(c.TokenIDs, plain.TokenIDs) || plain.TopLogprobs != nil || len(c.TopLogprobs) != len(c.TokenIDs) {
			s.Fatalf("got %d lists for tokens %v, and tokens %v without", len(c.TopLogprobs), c.TokenIDs, plain.TokenIDs)
		}
		for i, list := range c.TopLogprobs {
			if len(list) != 5 || list[0].Logprob < c.Logprobs[i] {
				s.Fatalf("token %d of logprob %v: got %v, want five", i, c.Logprobs[i], list)
			}
			for k, o := range list {
				if k > 0 && o.Logprob > list[k-1].Logprob || o.TokenID == c.TokenIDs[i] && o.Logprob != c.Logprobs[i] {
					s.Errorf("token %d: got %v", i, list)
				}
			}
		}
	}},
	{"chat/tools stand in the prompt, unless they are not to be called", func(s *suite) {
		m := s.fork()
		plain := s.chat(captured(m, 2, user("hi")...)).Choices[0]
		with := func(choice hud.ToolChoice) hud.Choice {
			req := captured(m, 2, user("hi")...)
			req.Tools, req.ToolChoice = []hud.Tool{{Name: "f"}}, choice
			return s.chat(req).Choices[0]
		}
		if c := with(hud.ToolNone); !slices.Equal(c.PromptTokenIDs, plain.PromptTokenIDs) || !slices.Equal(c.TokenIDs, plain.TokenIDs) {
			s.Errorf("tools that are not to be called changed the prompt or the answer")
		}
		if s.MaxContext < 256 {
			return // they do not fit
		}
		c := with("")
		if len(c.PromptTokenIDs) <= len(plain.PromptTokenIDs) || !slices.Equal(c.PromptTokenIDs, with(hud.ToolAuto).PromptTokenIDs) {
			s.Errorf("a prompt of %d tokens with tools, %d without", len(c.PromptTokenIDs), len(plain.PromptTokenIDs))
		}
		s.graded("with tools", c)
		s.near("sampler and trainer", c.Logprobs, s.retrained(m, c), s.Tolerance)
		// A turn of calls and results goes on from the tokens so far.
		req := captured(m, 3, append(user("hi"),
			hud.Message{Role: "assistant", ToolCalls: []hud.ToolCall{{ID: "c", Name: "f", Arguments: "{}"}}},
			hud.Message{Role: "tool", ToolCallID: "c", Content: "7"})...)
		req.Tools = []hud.Tool{{Name: "f"}}
		req.PromptTokenIDs, req.ContinuationFrom = append(slices.Clone(c.PromptTokenIDs), c.TokenIDs...), 2
		next := s.chat(req).Choices[0]
		if n := len(req.PromptTokenIDs); len(next.PromptTokenIDs) <= n || len(next.PromptTokenIDs) > n+10 || !slices.Equal(next.PromptTokenIDs[:n], req.PromptTokenIDs) {
			s.Errorf("the next prompt has %d tokens, want %d and the result", len(next.PromptTokenIDs), n)
		}
		s.graded("after a tool", next)
	}},
	{"chat/streams the text of the first choice", func(s *suite) {
		m := s.fork()
		var b strings.Builder
		req := captured(m, 4, user("What is 3 + 4?")...)
		req.Stream = func(delta string) { b.WriteString(delta) }
		// A delta may end inside a character; only the whole is text.
		c := s.chat(req).Choices[0]
		if got := strings.ToValidUTF8(b.String(), "\uFFFD"); got != strings.ToValidUTF8(c.Message.Content, "\uFFFD") {
			s.Errorf("streamed %q of %q", got, c.Message.Content)
		}
	}},
}

var traceChecks = []check{
	{"traces/a recorded and graded trace is an input", func(s *suite) {
		tracer, ok := s.svc.(hud.Tracer)
		if !ok {
			return
		}
		ctx, m := s.Context(), s.fork()
		ids := []string{traceID(m, '1'), traceID(m, '2')}
		rewards := []float64{1, 0}
		var inline []hud.TrainInput
		for i, id := range ids {
			if err := tracer.EnterTrace(ctx, hud.TraceEnter{TraceID: id, JobID: "job", GroupID: "group", TaskSlug: "sum", Model: m.ModelName}); err != nil {
				s.Fatal(err)
			}
			req := captured(m, uint64(i), user("What is 3 + 4?")...)
			req.TraceID = id
			c := s.chat(req).Choices[0]
			inline = append(inline, trajectory(rewards[i], hud.TrajectorySample{PromptTokenIDs: c.PromptTokenIDs, OutputTokenIDs: c.TokenIDs, OutputLogprobs: c.Logprobs}))
			if err := tracer.ExitTrace(ctx, hud.TraceExit{TraceID: id, Status: hud.StatusCompleted, Reward: &rewards[i], StopReason: hud.StopDone}); err != nil {
				s.Fatal(err)
			}
		}
		want := s.forward(m, inline, 0).Data
		// Dashes and case do not matter.
		spelt := []hud.TrainInput{{TraceID: ids[0]}, {TraceID: strings.ToUpper(ids[1][:8] + "-" + ids[1][8:])}}
		got := s.forward(m, spelt, 0).Data
		if !slices.Equal(got.Offsets, want.Offsets) || !slices.Equal(got.Mask, want.Mask) || !slices.Equal(got.Reward, want.Reward) {
			s.Errorf("traces gave %v %v %v, the same inline %v %v %v", got.Offsets, got.Mask, got.Reward, want.Offsets, want.Mask, want.Reward)
		}
		s.near("sampling logprobs", got.SamplingLogprobs, want.SamplingLogprobs, 0)
		s.forwardBackward(m, pass(hud.LossImportanceSampling, 2, spelt...))
		s.optimStep(m)
	}},
	{"traces/others are refused", func(s *suite) {
		ctx, m := s.Context(), s.fork()
		_, err := s.svc.ForwardBackward(ctx, m.ID, pass(hud.LossCrossEntropy, 0, hud.TrainInput{TraceID: strings.Repeat("f", 32)}))
		s.refused("an unknown trace", err, hud.CodeNotFound)
		tracer, ok := s.svc.(hud.Tracer)
		if !ok {
			return
		}
		reward := 1.0
		for name, exit := range map[string]hud.TraceExit{
			"ungraded":  {TraceID: traceID(m, '3'), Status: hud.StatusCompleted},
			"timed out": {TraceID: traceID(m, '4'), Status: hud.StatusError, Reward: &reward, StopReason: hud.StopTimeout},
			"no tokens": {TraceID: traceID(m, '5'), Status: hud.StatusCompleted, Reward: &reward},
		} {
			if err := tracer.EnterTrace(ctx, hud.TraceEnter{TraceID: exit.TraceID, Model: m.ModelName}); err != nil {
				s.Fatal(err)
			}
			if name != "no tokens" {
				req := captured(m, 1, user("hi")...)
				req.TraceID = exit.TraceID
				s.chat(req)
			}
			if err := tracer.ExitTrace(ctx, exit); err != nil {
				s.Fatal(err)
			}
			_, err := s.svc.ForwardBackward(ctx, m.ID, pass(hud.LossCrossEntropy, 0, hud.TrainInput{TraceID: exit.TraceID}))
			s.refused(name, err, hud.CodeValidation)
		}
	}},
}

// traceID is 32 hex digits that belong to a check's own model.
func traceID(m hud.Model, last byte) string {
	id := strings.ReplaceAll(m.ID, "-", "")
	return id[:len(id)-1] + string(last)
}
