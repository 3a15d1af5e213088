package local

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/internal/policy"
	"github.com/hudrl/hudrl/runtime/hud"
)

var bg = context.Background()

// tiny is a shape small enough that a test may take hundreds of steps.
var tiny = policy.Config{
	Vocab: 264, Dim: 16, Layers: 2, Heads: 2, KVHeads: 1, FFN: 24, MaxContext: 96, RopeTheta: 10000, NormEps: 1e-5, Tied: true,
}

func openIn(t testing.TB, dir string, o Options) *Service {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// newTiny is a service with one tiny model.
func newTiny(t testing.TB) (*Service, hud.Model) {
	t.Helper()
	s := openIn(t, t.TempDir(), Options{})
	return s, create(t, s, CreateOptions{Name: "tiny", Config: &tiny, Seed: 1})
}

func create(t testing.TB, s *Service, o CreateOptions) hud.Model {
	t.Helper()
	m, err := s.Create(bg, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// payload is one trajectory of turns: prompt, output, logprobs, ….
func payload(reward float64, samples ...hud.TrajectorySample) hud.TrainInput {
	return hud.TrainInput{Payload: &hud.TrajectoryPayload{Samples: samples, Reward: reward}}
}

func turn(prompt, output []int, logprobs ...float32) hud.TrajectorySample {
	return hud.TrajectorySample{PromptTokenIDs: prompt, OutputTokenIDs: output, OutputLogprobs: logprobs}
}

// randomInputs are n trajectories with off-policy logprobs and rewards that
// differ within groups. Every other trajectory has two turns; every fourth's
// second turn has another prompt, so that it makes two datums.
func randomInputs(seed uint64, n int) []hud.TrainInput {
	rng := rand.New(rand.NewPCG(seed, 1))
	var in []hud.TrainInput
	for i := range n {
		prompt := []int{256, 258}
		for range 3 + rng.IntN(5) {
			prompt = append(prompt, 'a'+rng.IntN(26))
		}
		var samples []hud.TrajectorySample
		for range 1 + i%2 {
			var output []int
			var q []float32
			for range 1 + rng.IntN(6) {
				output = append(output, 'a'+rng.IntN(26))
				q = append(q, float32(-5.57+rng.NormFloat64()))
			}
			samples = append(samples, turn(prompt, output, q...))
			prompt = append(append(slices.Clone(prompt), output...), 258, 'x', 259)
			if i%4 == 3 {
				prompt = prompt[1:]
			}
		}
		in = append(in, payload(float64(i%3)+rng.Float64(), samples...))
	}
	return in
}

func fb(loss string, in []hud.TrainInput) *hud.ForwardBackwardRequest {
	return &hud.ForwardBackwardRequest{Inputs: in, LossFn: loss, RewardScale: 1, NumSubsteps: 1}
}

func adam(lr float64) *hud.OptimStepRequest {
	return &hud.OptimStepRequest{LearningRate: lr, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8}
}

func accumulate(t testing.TB, s *Service, id string, req *hud.ForwardBackwardRequest) *hud.ForwardBackwardResult {
	t.Helper()
	res, err := s.ForwardBackward(bg, id, req)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func stepWith(t testing.TB, s *Service, id string, lr float64) *hud.OptimStepResult {
	t.Helper()
	res, err := s.OptimStep(bg, id, adam(lr))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// train takes step number n: the batch and the learning rate follow from it.
func train(t testing.TB, s *Service, id string, n int) *hud.OptimStepResult {
	t.Helper()
	accumulate(t, s, id, fb(hud.LossImportanceSampling, randomInputs(uint64(n), 6)))
	return stepWith(t, s, id, 1e-2/float64(n))
}

// paramsOf are the weights of a model's head or of a checkpoint, read back
// from the disk.
func paramsOf(t testing.TB, s *Service, name string) []float32 {
	t.Helper()
	fresh := openIn(t, s.Dir(), Options{ReadOnly: true})
	m, _, err := fresh.exported(bg, "test", name)
	if err != nil {
		t.Fatal(err)
	}
	return m.Params
}

func head(t testing.TB, s *Service, id string) *hud.Checkpoint {
	t.Helper()
	cs, err := s.Checkpoints(bg, id)
	if err != nil {
		t.Fatal(err)
	}
	for i := range cs {
		if cs[i].IsActive {
			return &cs[i]
		}
	}
	return nil
}

// wantError checks an error's code, that it names the operation, and that its
// text has a part.
func wantError(t testing.TB, err error, op string, code hud.Code, part string) {
	t.Helper()
	var e *hud.Error
	if !errors.As(err, &e) {
		t.Errorf("got error %v, want a *hud.Error of code %s", err, code)
		return
	}
	if e.Code != code || e.Op != op || !strings.Contains(e.Error(), part) {
		t.Errorf("got %s (%s, status %d): %q, want %s (%s) with %q", e.Op, e.Code, e.Status, e.Error(), op, code, part)
	}
}

// difference is the largest |x−y|.
func difference(x, y []float32) float64 {
	if len(x) != len(y) {
		return math.Inf(1)
	}
	worst := 0.0
	for i := range x {
		worst = max(worst, math.Abs(float64(x[i])-float64(y[i])))
	}
	return worst
}

// seeded is a chat request of one user message.
func seeded(model, text string, seed uint64) *hud.ChatRequest {
	return &hud.ChatRequest{
		Model: model, Messages: []hud.Message{{Role: "user", Content: text}}, MaxTokens: 6, Seed: &seed, ReturnTokenIDs: true,
	}
}

func chat(t testing.TB, s *Service, req *hud.ChatRequest) *hud.ChatResponse {
	t.Helper()
	res, err := s.Chat(bg, req)
	if err != nil {
		t.Fatal(err)
	}
	return res
}
