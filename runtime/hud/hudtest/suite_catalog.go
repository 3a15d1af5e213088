package hudtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"sync"

	"github.com/hudrl/hudrl/runtime/hud"
)

const unknownID = "00000000-0000-4000-8000-000000000000"

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

var catalogChecks = []check{
	{"catalog/models are listed and resolved", func(s *suite) {
		ctx := s.Context()
		m := s.fork()
		models := try(s, "models", func() ([]hud.Model, error) { return s.svc.Models(ctx) })
		at := slices.IndexFunc(models, func(x hud.Model) bool { return x.ID == m.ID })
		if at < 0 {
			s.Fatalf("the list of models lacks the fork %s", m.ID)
		}
		if got := models[at]; got != m {
			s.Errorf("the list has %+v, the fork was %+v", got, m)
		}
		if !uuidForm.MatchString(m.ID) || !m.IsTrainable || m.SDKAgentType != "openai_compatible" || m.ModelName == "" || m.Name == "" {
			s.Errorf("got %+v, want a UUID, a name, a slug, trainable and openai_compatible", m)
		}
		for _, name := range []string{m.ID, m.ModelName, m.Name} {
			got, err := s.svc.Resolve(ctx, name)
			if err != nil || got.ID != m.ID {
				s.Errorf("resolve %q: got %q, %v, want %q", name, got.ID, err, m.ID)
			}
		}
		for _, name := range []string{"hudtest-no-such-model", unknownID} {
			_, err := s.svc.Resolve(ctx, name)
			s.refused("resolve "+name, err, hud.CodeNotFound)
		}
	}},
	{"catalog/a fork starts at the source's head with a tree of its own", func(s *suite) {
		ctx := s.Context()
		m := s.fork()
		s.forwardBackward(m, pass(hud.LossCrossEntropy, 0, mixed()...))
		s.optimStep(m)
		after := s.probe(m)
		fork, err := s.svc.Fork(ctx, m.ID, m.Name+"-fork")
		if err != nil {
			s.Fatalf("fork: %v", err)
		}
		s.near("fork", s.probe(fork), after, s.Tolerance)
		if tree := try(s, "checkpoints", func() ([]hud.Checkpoint, error) { return s.svc.Checkpoints(ctx, fork.ID) }); len(tree) != 0 {
			s.Errorf("the fork has %d checkpoints before its first step, want 0", len(tree))
		}
		s.forwardBackward(fork, pass(hud.LossCrossEntropy, 0, mixed()...))
		if res := s.optimStep(fork); res.Step != 1 {
			s.Errorf("the fork's first step is %d, want 1", res.Step)
		}
		s.near("the source after the fork's step", s.probe(m), after, 0)
	}},
	{"catalog/a fork has no optimizer state", func(s *suite) {
		// A step too small to move a weight leaves moments behind.
		m, fresh := s.fork(), s.fork()
		s.forwardBackward(m, pass(hud.LossCrossEntropy, 0, mixed()...))
		still := gentle
		still.LearningRate = 1e-15
		try(s, "optim_step", func() (*hud.OptimStepResult, error) { return s.svc.OptimStep(s.Context(), m.ID, &still) })
		fork, err := s.svc.Fork(s.Context(), m.ID, m.Name+"-fork")
		if err != nil {
			s.Fatalf("fork: %v", err)
		}
		before := s.probe(fresh)
		s.near("a tiny step", s.probe(fork), before, s.Tolerance)
		other := trajectory(1, turn([]int{1, 2}, []int{8, 9, 10}))
		for _, x := range []hud.Model{fork, fresh, m} {
			s.forwardBackward(x, pass(hud.LossCrossEntropy, 0, other))
			s.optimStep(x)
		}
		after := s.probe(fresh)
		s.moved("a step", before, after)
		s.near("the fork's first step", s.probe(fork), after, afterStep)
		s.moved("momentum of the source", after, s.probe(m))
	}},
	{"catalog/pending gradients are not forked", func(s *suite) {
		m := s.fork()
		s.forwardBackward(m, pass(hud.LossCrossEntropy, 0, mixed()...))
		fork, err := s.svc.Fork(s.Context(), m.ID, m.Name+"-fork")
		if err != nil {
			s.Fatalf("fork: %v", err)
		}
		s.noGradient("a fork", fork)
		s.optimStep(m) // the source's are still there
	}},
	{"catalog/losses", func(s *suite) {
		m := s.fork()
		losses := try(s, "losses", func() ([]string, error) { return s.svc.Losses(s.Context(), m.ID) })
		for _, name := range []string{hud.LossCrossEntropy, hud.LossImportanceSampling, hud.LossPPO, hud.LossCISPO, hud.LossDRO} {
			if !slices.Contains(losses, name) {
				s.Errorf("got %v, want %s among them", losses, name)
			}
		}
	}},
	{"catalog/unknown models are not found", func(s *suite) {
		ctx := s.Context()
		_, err := s.svc.Checkpoints(ctx, unknownID)
		s.refused("checkpoints", err, hud.CodeNotFound)
		s.refused("set_head", s.svc.SetHead(ctx, unknownID, unknownID), hud.CodeNotFound)
		_, err = s.svc.Fork(ctx, unknownID, "hudtest-of-nothing")
		s.refused("fork", err, hud.CodeNotFound)
		_, err = s.svc.Losses(ctx, unknownID)
		s.refused("losses", err, hud.CodeNotFound)
		_, err = s.svc.ForwardBackward(ctx, unknownID, pass(hud.LossCrossEntropy, 0, mixed()...))
		s.refused("forward_backward", err, hud.CodeNotFound)
		_, err = s.svc.Forward(ctx, unknownID, &hud.ForwardRequest{Inputs: mixed(), RewardScale: 1})
		s.refused("forward", err, hud.CodeNotFound)
		_, err = s.svc.Backward(ctx, unknownID, &hud.BackwardRequest{ForwardID: "x", Weights: [][]float32{{1}}})
		s.refused("backward", err, hud.CodeNotFound)
		req := gentle
		_, err = s.svc.OptimStep(ctx, unknownID, &req)
		s.refused("optim_step", err, hud.CodeNotFound)
		_, err = s.svc.Chat(ctx, &hud.ChatRequest{Model: "hudtest-no-such-model", Messages: user("hi")})
		s.refused("chat", err, hud.CodeNotFound)
	}},
}

var generalChecks = []check{
	{"general/a cancelled context stops every operation", func(s *suite) {
		m := s.fork()
		ctx := cancelled()
		ops := map[string]func() error{
			"models":      func() error { _, err := s.svc.Models(ctx); return err },
			"checkpoints": func() error { _, err := s.svc.Checkpoints(ctx, m.ID); return err },
			"forward_backward": func() error {
				_, err := s.svc.ForwardBackward(ctx, m.ID, pass(hud.LossCrossEntropy, 0, mixed()...))
				return err
			},
			"forward": func() error {
				_, err := s.svc.Forward(ctx, m.ID, &hud.ForwardRequest{Inputs: mixed(), RewardScale: 1})
				return err
			},
			"optim_step": func() error { req := gentle; _, err := s.svc.OptimStep(ctx, m.ID, &req); return err },
			"chat": func() error {
				_, err := s.svc.Chat(ctx, &hud.ChatRequest{Model: m.ModelName, Messages: user("hi"), MaxTokens: 4})
				return err
			},
		}
		for name, op := range ops {
			if err := op(); !errors.Is(err, context.Canceled) {
				s.Errorf("%s: got %v, want context.Canceled", name, err)
			}
		}
		s.noGradient("after cancelled passes", m)
	}},
	{"general/hammer", func(s *suite) {
		m := s.fork()
		batch := s.sampled(m, mixed(), onPolicy)
		const goroutines, rounds = 4, 3
		var wg sync.WaitGroup
		errs := make(chan error, goroutines*rounds*3)
		for range goroutines {
			wg.Go(func() {
				for range rounds {
					_, err := s.svc.ForwardBackward(s.Context(), m.ID, pass(hud.LossImportanceSampling, 2, batch...))
					errs <- err
					_, err = s.svc.Chat(s.Context(), &hud.ChatRequest{Model: m.ModelName, Messages: user("hi"), MaxTokens: 3})
					errs <- err
					req := gentle
					_, err = s.svc.OptimStep(s.Context(), m.ID, &req)
					var e *hud.Error
					if errors.As(err, &e) && e.Code == hud.CodeNoGradient {
						err = nil // another goroutine's step took the gradients
					}
					errs <- err
				}
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				s.Error(err)
			}
		}
		tree := try(s, "checkpoints", func() ([]hud.Checkpoint, error) { return s.svc.Checkpoints(s.Context(), m.ID) })
		for i, c := range tree {
			prev := ""
			if i > 0 {
				prev = tree[i-1].ID
			}
			if c.PrevModelCheckpointID != prev {
				s.Errorf("checkpoint %d follows %q, want %q", i, c.PrevModelCheckpointID, prev)
			}
		}
	}},
	{"general/script state is saved with the step", func(s *suite) {
		keeper, ok := s.svc.(hud.StateKeeper)
		if !ok {
			return
		}
		ctx, m := s.Context(), s.fork()
		name := fmt.Sprintf("hudtest-%s", m.ID)
		if got, err := keeper.State(ctx, name); err != nil || got != nil {
			s.Errorf("before any step: got %s, %v, want nothing", got, err)
		}
		save := func(text string) error {
			req := gentle
			req.State = map[string]json.RawMessage{name: json.RawMessage(text)}
			_, err := s.svc.OptimStep(ctx, m.ID, &req)
			return err
		}
		s.forwardBackward(m, pass(hud.LossCrossEntropy, 0, mixed()...))
		if err := save(`{"cursor":7}`); err != nil {
			s.Fatal(err)
		}
		s.refused("a step with nothing accumulated", save(`{"cursor":8}`), hud.CodeNoGradient)
		got, err := keeper.State(ctx, name)
		var v struct{ Cursor int }
		if err != nil || json.Unmarshal(got, &v) != nil || v.Cursor != 7 {
			s.Errorf("got %s, %v, want the acknowledged step's cursor 7", got, err)
		}
	}},
}

// checkedMetrics wants a map that JSON can carry.
func (s *suite) checkedMetrics(what string, metrics map[string]float64) {
	s.Helper()
	if metrics == nil {
		s.Errorf("%s: metrics are nil, want a map", what)
	}
	for name, v := range metrics {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			s.Errorf("%s: metric %s is %v, want a finite number", what, name, v)
		}
	}
}

func user(text string) []hud.Message { return []hud.Message{{Role: "user", Content: text}} }
