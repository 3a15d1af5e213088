package local

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
)

// agreement is the bound on |sampler's logprob − trainer's|. Both run the same
// kernels on rows that do not depend on their batch, so it is met with room.
const agreement = 1e-5

// conversation samples turns of a growing chat with token continuation and
// returns it as a trajectory.
func conversation(t *testing.T, s *Service, model string, seed uint64, turns, maxTokens int, message string) hud.TrainInput {
	t.Helper()
	var samples []hud.TrajectorySample
	req := &hud.ChatRequest{Model: model, MaxTokens: maxTokens, ReturnTokenIDs: true, Messages: []hud.Message{{Role: "system", Content: "be brief"}}}
	for k := range turns {
		req.Messages = append(req.Messages, hud.Message{Role: "user", Content: fmt.Sprint(message, k)})
		at := seed + uint64(k)<<32
		req.Seed = &at
		r, err := s.Chat(bg, req)
		if err != nil {
			t.Error(err)
			return hud.TrainInput{}
		}
		c := r.Choices[0]
		samples = append(samples, turn(c.PromptTokenIDs, c.TokenIDs, c.Logprobs...))
		req.Messages = append(req.Messages, c.Message)
		req.PromptTokenIDs = append(slices.Clone(c.PromptTokenIDs), c.TokenIDs...)
		req.ContinuationFrom = len(req.Messages) - 1 // the system message is not counted
	}
	return payload(float64(seed%3), samples...)
}

// checkAgreement holds forward's logprobs against the sampled ones.
func checkAgreement(t *testing.T, s *Service, id string, in []hud.TrainInput, wantDatums int) {
	t.Helper()
	fwd, err := s.Forward(bg, id, &hud.ForwardRequest{Inputs: in, RewardScale: 1})
	if err != nil {
		t.Fatal(err)
	}
	p := fwd.Data
	if p.Len() != wantDatums {
		t.Errorf("datums: got %d, want %d", p.Len(), wantDatums)
	}
	actions := 0
	for i, m := range p.Mask {
		if m == 0 {
			continue
		}
		actions++
		if d := math.Abs(float64(p.Logprobs[i]) - float64(p.SamplingLogprobs[i])); !(d <= agreement) {
			t.Fatalf("position %d: trainer %v, sampler %v: off by %v", i, p.Logprobs[i], p.SamplingLogprobs[i], d)
		}
	}
	if actions == 0 {
		t.Error("no action tokens")
	}
	// And the training pass itself: on policy the estimate of the KL is its
	// mean difference and the largest ratio is 1.
	res := accumulate(t, s, id, fb(hud.LossImportanceSampling, in))
	if math.Abs(res.Metrics[metricKL]) > agreement || math.Abs(res.Metrics[metricRatio]-1) > 2*agreement {
		t.Errorf("on-policy metrics: got %v", res.Metrics)
	}
}

// TestTrainerAgreesWithSampler compares every sampled token's logprob in the
// sampler with the trainer's: batches of 1, 7 and 64 sampled at once, over a
// three-turn continuation, right after a step and after set_head, and that the
// tokens do not depend on what was sampled beside them.
func TestTrainerAgreesWithSampler(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	sample := func(concurrent, n int) []hud.TrainInput {
		in := make([]hud.TrainInput, n)
		slots := make(chan struct{}, concurrent)
		var wg sync.WaitGroup
		for i := range n {
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				in[i] = conversation(t, s, "tiny", uint64(i), 3, 9, "q")
			})
		}
		wg.Wait()
		return in
	}
	stages := []struct {
		name   string
		before func()
	}{
		{"fresh", func() {}},
		{"after a step", func() { train(t, s, m.ID, 1) }},
		{"after another step", func() { train(t, s, m.ID, 2) }},
		{"after set_head", func() {
			if err := s.SetHead(bg, m.ID, "step-0001"); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, st := range stages {
		st.before()
		alone := sample(1, 7)
		for _, n := range []int{1, 7, 64} {
			in := sample(n, n)
			checkAgreement(t, s, m.ID, in, n)
			for i := range min(n, 7) {
				if !samePayload(in[i].Payload, alone[i].Payload) {
					t.Errorf("%s: conversation %d differs at %d concurrent", st.name, i, n)
				}
			}
		}
	}
}

func samePayload(a, b *hud.TrajectoryPayload) bool {
	return slices.EqualFunc(a.Samples, b.Samples, func(x, y hud.TrajectorySample) bool {
		return slices.Equal(x.PromptTokenIDs, y.PromptTokenIDs) && slices.Equal(x.OutputTokenIDs, y.OutputTokenIDs) && slices.Equal(x.OutputLogprobs, y.OutputLogprobs)
	})
}

// TestTrainerAgreesAtFullContext fills the context of a base model's shape.
func TestTrainerAgreesAtFullContext(t *testing.T) {
	t.Parallel()
	s := openIn(t, t.TempDir(), Options{})
	m := create(t, s, CreateOptions{Name: "nano", Shape: "nano", Seed: 3})
	req := seeded("nano", "What is 17 + 25?", 5)
	req.MaxTokens = 0
	var in []hud.TrainInput
	for seed := range uint64(40) {
		req.Seed = &seed
		c := chat(t, s, req).Choices[0]
		full := len(c.PromptTokenIDs)+len(c.TokenIDs) == 512
		if full != (c.FinishReason == "length") {
			t.Fatalf("%d tokens in all, finish_reason %s", len(c.PromptTokenIDs)+len(c.TokenIDs), c.FinishReason)
		}
		if full {
			in = append(in, payload(1, turn(c.PromptTokenIDs, c.TokenIDs, c.Logprobs...)))
		}
		if len(in) == 2 {
			break
		}
	}
	if len(in) == 0 {
		t.Fatal("no completion filled the context")
	}
	checkAgreement(t, s, m.ID, in, len(in))
}
