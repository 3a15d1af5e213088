// Package hudtest holds every hud.Service to the protocol. RunService is the
// compliance suite: a service's own tests call it with a function that opens
// one. Fake is a small service for tests of clients, and Server an HTTP server
// that fails as a test tells it to.
package hudtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
)

// A Config says what RunService may assume of a service.
type Config struct {
	Model      string  // a small model to fork; tests train its forks only
	MaxContext int     // its longest sequence; 0 leaves the tests of it out
	Tolerance  float64 // between the trainer's and the sampler's logprobs; 0 is 1e-5

	// SeparateTurns says that turns are never merged into one datum.
	SeparateTurns bool
}

// RunService runs the compliance suite. open is called once; what it opens is
// shared by all tests, which run in parallel on forks of their own.
func RunService(t *testing.T, open func(t testing.TB) hud.Service, c Config) {
	if c.Tolerance == 0 {
		c.Tolerance = 1e-5
	}
	svc := open(t)
	base, err := svc.Resolve(t.Context(), c.Model)
	if err != nil {
		t.Fatalf("resolve %s: %v", c.Model, err)
	}
	for _, group := range [][]check{catalogChecks, forwardChecks, backwardChecks, lossChecks, stepChecks, chatChecks, traceChecks, generalChecks} {
		for _, one := range group {
			t.Run(one.name, func(t *testing.T) {
				t.Parallel()
				one.run(&suite{T: t, svc: svc, base: base, Config: c})
			})
		}
	}
}

// A check is one rule of the protocol.
type check struct {
	name string
	run  func(s *suite)
}

// A suite is one running check.
type suite struct {
	*testing.T
	Config
	svc  hud.Service
	base hud.Model
}

var forkNumber atomic.Int64

// fork makes a model that only this check trains.
func (s *suite) fork() hud.Model {
	s.Helper()
	name := fmt.Sprintf("hudtest-%s-%d", strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(s.Name()[strings.LastIndexByte(s.Name(), '/')+1:])), forkNumber.Add(1))
	m, err := s.svc.Fork(s.Context(), s.base.ID, name)
	if err != nil {
		s.Fatalf("fork: %v", err)
	}
	return m
}

// refused wants an error with one of the codes, and the status that belongs
// to it where the error has one.
func (s *suite) refused(what string, err error, codes ...hud.Code) {
	s.Helper()
	var e *hud.Error
	if !errors.As(err, &e) {
		s.Errorf("%s: got error %v, want a *hud.Error with code %v", what, err, codes)
		return
	}
	for _, c := range codes {
		if e.Code != c {
			continue
		}
		want := map[hud.Code][]int{hud.CodeValidation: {413, 422}, hud.CodeNotFound: {404}, hud.CodeConflict: {409}, hud.CodeNoGradient: {409}}[c]
		if e.Status == 0 {
			return
		}
		for _, status := range want {
			if e.Status == status {
				return
			}
		}
		s.Errorf("%s: code %s with status %d, want %v", what, c, e.Status, want)
		return
	}
	s.Errorf("%s: got code %s (%v), want %v", what, e.Code, err, codes)
}

// turn is a sample of the given tokens with no logprobs.
func turn(prompt, output []int) hud.TrajectorySample {
	return hud.TrajectorySample{PromptTokenIDs: prompt, OutputTokenIDs: output}
}

func trajectory(reward float64, turns ...hud.TrajectorySample) hud.TrainInput {
	return hud.TrainInput{Payload: &hud.TrajectoryPayload{Reward: reward, Samples: turns}}
}

// mixed is a batch of four trajectories, two groups of two with spread: one
// of them has two turns that merge, one two that do not.
func mixed() []hud.TrainInput {
	return []hud.TrainInput{
		trajectory(1, turn([]int{1, 2}, []int{3, 4}), turn([]int{1, 2, 3, 4, 5, 6}, []int{7})),
		trajectory(0, turn([]int{1, 2}, []int{8, 9, 10})),
		trajectory(0.25, turn([]int{11, 12}, []int{3}), turn([]int{9, 5, 6}, []int{7, 2})),
		trajectory(2, turn([]int{4}, []int{5, 6, 7, 8})),
	}
}

// shifts are the log ratios that sampled gives successive tokens: inside and
// far outside every clip range, both ways.
var shifts = []float64{0, 0.1, -0.1, 0.5, -0.5, 2, -2, 0.02}

// sampled fills in logprobs, such that token i's ratio between the policy and
// the sampler is exp(shift(i)).
func (s *suite) sampled(m hud.Model, inputs []hud.TrainInput, shift func(i int) float64) []hud.TrainInput {
	s.Helper()
	out := make([]hud.TrainInput, len(inputs))
	n := 0
	for k, in := range inputs {
		p := *in.Payload
		p.Samples = append([]hud.TrajectorySample(nil), p.Samples...)
		for i := range p.Samples {
			turn := &p.Samples[i]
			res := s.forward(m, []hud.TrainInput{trajectory(0, *turn)}, 0)
			lps := res.Data.Logprobs[len(turn.PromptTokenIDs)-1:]
			turn.OutputLogprobs = nil
			for _, lp := range lps {
				turn.OutputLogprobs = append(turn.OutputLogprobs, lp-float32(shift(n)))
				n++
			}
		}
		out[k] = hud.TrainInput{Payload: &p}
	}
	return out
}

func onPolicy(int) float64 { return 0 }
func offPolicy(i int) float64 {
	return shifts[i%len(shifts)]
}

func (s *suite) forward(m hud.Model, inputs []hud.TrainInput, group int) *hud.ForwardResult {
	s.Helper()
	res := try(s, "forward", func() (*hud.ForwardResult, error) {
		return s.svc.Forward(s.Context(), m.ID, &hud.ForwardRequest{Inputs: inputs, GroupSize: group, RewardScale: 1})
	})
	if res.Data == nil {
		s.Fatal("forward: no data")
	}
	return res
}

// try stops the check on an error.
func try[T any](s *suite, what string, f func() (T, error)) T {
	s.Helper()
	v, err := f()
	if err != nil {
		s.Fatalf("%s: %v", what, err)
	}
	return v
}

// pass is a forward-backward request with the defaults.
func pass(loss string, group int, inputs ...hud.TrainInput) *hud.ForwardBackwardRequest {
	return &hud.ForwardBackwardRequest{Inputs: inputs, LossFn: loss, GroupSize: group, RewardScale: 1, NumSubsteps: 1}
}

func (s *suite) forwardBackward(m hud.Model, req *hud.ForwardBackwardRequest) *hud.ForwardBackwardResult {
	s.Helper()
	return try(s, "forward_backward "+req.LossFn, func() (*hud.ForwardBackwardResult, error) {
		return s.svc.ForwardBackward(s.Context(), m.ID, req)
	})
}

// gentle is an optimizer step whose update is nearly linear in the gradient:
// with a large eps, rounding in a gradient near 0 does not become a whole
// step of Adam's.
var gentle = hud.OptimStepRequest{LearningRate: 0.02, Beta1: 0.9, Beta2: 0.95, Eps: 0.1}

func (s *suite) optimStep(m hud.Model) *hud.OptimStepResult {
	s.Helper()
	return try(s, "optim_step", func() (*hud.OptimStepResult, error) {
		req := gentle
		return s.svc.OptimStep(s.Context(), m.ID, &req)
	})
}

// noGradient wants optim_step to refuse and the head to stay.
func (s *suite) noGradient(what string, m hud.Model) {
	s.Helper()
	before := s.head(m)
	req := gentle
	_, err := s.svc.OptimStep(s.Context(), m.ID, &req)
	s.refused(what+": optim_step", err, hud.CodeNoGradient)
	if after := s.head(m); after != before {
		s.Errorf("%s: a refused optim_step moved the head from %q to %q", what, before, after)
	}
}

// head is the id of the active checkpoint, or "".
func (s *suite) head(m hud.Model) string {
	s.Helper()
	id := ""
	for _, c := range try(s, "checkpoints", func() ([]hud.Checkpoint, error) { return s.svc.Checkpoints(s.Context(), m.ID) }) {
		if c.IsActive {
			if id != "" {
				s.Errorf("two active checkpoints: %s and %s", id, c.ID)
			}
			id = c.ID
		}
	}
	return id
}

// probe is the logprobs of a fixed text under the model's head.
func (s *suite) probe(m hud.Model) []float32 {
	s.Helper()
	return s.forward(m, mixed(), 0).Data.Logprobs
}

// distance is the largest difference between two lists.
func distance(a, b []float32) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	most := 0.0
	for i := range a {
		most = max(most, math.Abs(float64(a[i])-float64(b[i])))
	}
	return most
}

// near wants two lists to agree within tol.
func (s *suite) near(what string, got, want []float32, tol float64) {
	s.Helper()
	if d := distance(got, want); !(d <= tol) {
		s.Errorf("%s: the logprobs differ by %.3g, want at most %.3g", what, d, tol)
	}
}

// moved wants training to have had an effect, so that equality means
// something.
func (s *suite) moved(what string, before, after []float32) {
	s.Helper()
	if d := distance(before, after); d < 1e-3 {
		s.Errorf("%s: no logprob moved by more than %.3g, want at least 1e-3", what, d)
	}
}

// cancelled is a context that is over.
func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
