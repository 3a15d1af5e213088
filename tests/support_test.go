package tests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/internal/policy"
	"github.com/hudrl/hudrl/internal/safetensors"
	"github.com/hudrl/hudrl/internal/store"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/local"
)

// tiny is a shape small enough that a test may take many steps.
var tiny = policy.Config{
	Vocab: 264, Dim: 32, Layers: 2, Heads: 2, KVHeads: 2, FFN: 48, MaxContext: 128, RopeTheta: 10000, NormEps: 1e-5, Tied: true,
}

// A lab is an embedded service with one random model, "tiny".
type lab struct {
	*local.Service
	model hud.Model

	mu      sync.Mutex
	weights [][]float32 // of the last backward that was asked for
}

func newLab(t testing.TB) *lab {
	t.Helper()
	return labIn(t, t.TempDir())
}

// labIn opens dir, and makes the model if dir has none yet.
func labIn(t testing.TB, dir string) *lab {
	t.Helper()
	svc, err := local.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = svc.Close() })
	m, err := svc.Resolve(t.Context(), "tiny")
	if err != nil {
		m, err = svc.Create(t.Context(), local.CreateOptions{Name: "tiny", Config: &tiny, Seed: 1})
	}
	if err != nil {
		t.Fatal(err)
	}
	return &lab{Service: svc, model: m}
}

func (l *lab) Backward(ctx context.Context, id string, req *hud.BackwardRequest) (*hud.ForwardBackwardResult, error) {
	l.mu.Lock()
	l.weights = nil
	for _, w := range req.Weights {
		l.weights = append(l.weights, slices.Clone(w))
	}
	l.mu.Unlock()
	return l.Service.Backward(ctx, id, req)
}

// A script is a VM over a service, with what it printed and warned of.
type script struct {
	*runtime.Runtime
	out, log *bytes.Buffer
}

func newScript(t testing.TB, svc hud.Service, seed int64, args ...string) *script {
	t.Helper()
	s := &script{out: &bytes.Buffer{}, log: &bytes.Buffer{}}
	cfg := bindings.Default(svc)
	cfg.Stdout, cfg.Seed, cfg.Args = s.out, seed, append([]string{"test.lua"}, args...)
	cfg.Logger = slog.New(slog.NewTextHandler(s.log, nil))
	var err error
	if s.Runtime, err = runtime.New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

const prelude = `local hud = require "hud"; local tensor = hud.tensor; `

// try runs source, after prelude on its first line.
func (s *script) try(ctx context.Context, source string, args ...any) ([]any, error) {
	chunk, err := runtime.Compile("test.lua", prelude+source)
	if err != nil {
		return nil, err
	}
	return s.Run(ctx, chunk, args...)
}

// must is try for scripts that succeed.
func (s *script) must(t testing.TB, source string, args ...any) []any {
	t.Helper()
	out, err := s.try(t.Context(), source, args...)
	if err != nil {
		t.Fatalf("%s\nprinted:\n%s", explain(err), s.out)
	}
	return out
}

// explain is an error with its traceback.
func explain(err error) string {
	var e *runtime.Error
	if errors.As(err, &e) {
		return fmt.Sprintf("%v\n%s", err, e.Traceback)
	}
	return err.Error()
}

// lua runs source in a VM of its own, seed 1.
func (l *lab) lua(t testing.TB, source string, args ...any) []any {
	t.Helper()
	return newScript(t, l, 1).must(t, source, args...)
}

// fork makes a model with the weights of tiny's head.
func (l *lab) fork(t testing.TB, name string) hud.Model {
	t.Helper()
	m, err := l.Fork(t.Context(), l.model.ID, name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// tree is the model's checkpoints as the store keeps them, oldest first.
func tree(t testing.TB, dir, modelID string) []store.Checkpoint {
	t.Helper()
	st, err := store.Open(t.Context(), dir, store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	cs, err := st.Checkpoints(t.Context(), modelID)
	if err != nil {
		t.Fatal(err)
	}
	return cs
}

// firstGradient is the gradient behind a model's first step, up to one factor
// for all entries: Adam's first average starts at 0, so that after one step it
// is (1 − β₁)·g.
func firstGradient(t testing.TB, dir, modelID string) []float32 {
	t.Helper()
	cs := tree(t, dir, modelID)
	if len(cs) != 1 {
		t.Fatalf("got %d checkpoints, want the first step's", len(cs))
	}
	st, err := store.Open(t.Context(), dir, store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	data, err := st.Blob(cs[0].Moments)
	if err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	var g []float32
	for _, spec := range tiny.Tensors() {
		m, ok := f.Tensor("exp_avg." + spec.Name)
		if !ok {
			t.Fatalf("no average of %s", spec.Name)
		}
		g = append(g, m.Data...)
	}
	return g
}

// A trajectories builder makes payloads of random tokens.
type trajectories struct{ rng *rand.Rand }

func (b trajectories) tokens(n int) []int {
	ids := make([]int, n)
	for i := range ids {
		ids[i] = 'a' + b.rng.IntN(26)
	}
	return ids
}

// payloads are n trajectories of one datum, of one datum merged from two
// turns, and of two datums, in turn. Rewards differ within every group of 4.
func (b trajectories) payloads(n int) []*hud.TrajectoryPayload {
	var list []*hud.TrajectoryPayload
	for i := range n {
		p := &hud.TrajectoryPayload{Reward: math.Round(10*b.rng.Float64())/8 + float64(i%4)}
		prompt := append([]int{256, 258}, b.tokens(3+b.rng.IntN(5))...)
		for turn := range 1 + min(i%3, 1) {
			if turn > 0 && i%3 == 1 { // extends the turn before
				last := p.Samples[0]
				prompt = append(append(slices.Clone(prompt), last.OutputTokenIDs...), 258, 'x', 259)
			} else if turn > 0 {
				prompt = append([]int{256, 258}, b.tokens(4)...)
			}
			out := b.tokens(1 + b.rng.IntN(6))
			p.Samples = append(p.Samples, hud.TrajectorySample{PromptTokenIDs: prompt, OutputTokenIDs: out, OutputLogprobs: make([]float32, len(out))})
		}
		list = append(list, p)
	}
	return list
}

// items are payloads as a batch of the Go client.
func items(list []*hud.TrajectoryPayload) []hud.Item {
	out := make([]hud.Item, len(list))
	for i, p := range list {
		out[i] = p
	}
	return out
}

// offPolicy sets the sampling logprobs to the model's own plus noise of the
// given size, so that ratios leave every clip range on both sides.
func (b trajectories) offPolicy(t testing.TB, svc hud.Service, modelID string, list []*hud.TrajectoryPayload, size float64) {
	t.Helper()
	res, err := hud.NewTrainingClient(svc, modelID, hud.TrainingClientOptions{Warn: func(string) {}}).
		Forward(t.Context(), items(list), hud.ForwardOptions{})
	if err != nil {
		t.Fatal(err)
	}
	of := make([][]float32, len(list)) // the model's logprobs of all output tokens of a trajectory
	for d, traj := range res.Data.TrajIdx {
		lo, hi := res.Data.Range(d)
		for i := lo; i < hi; i++ {
			if res.Data.Mask[i] == 1 {
				of[traj] = append(of[traj], res.Data.Logprobs[i])
			}
		}
	}
	for i, p := range list {
		for s := range p.Samples {
			q := p.Samples[s].OutputLogprobs
			for k := range q {
				noise := 0.0
				if size > 0 {
					noise = size * b.rng.NormFloat64()
				}
				q[k] = of[i][0] + float32(noise)
				of[i] = of[i][1:]
			}
		}
	}
}

// toLua is a batch as plain tables.
func toLua(list []*hud.TrajectoryPayload) []any {
	var out []any
	for _, p := range list {
		var samples []any
		for _, s := range p.Samples {
			samples = append(samples, map[string]any{
				"prompt_token_ids": s.PromptTokenIDs, "output_token_ids": s.OutputTokenIDs, "output_logprobs": s.OutputLogprobs,
			})
		}
		out = append(out, map[string]any{"samples": samples, "reward": p.Reward})
	}
	return out
}

// worst is the largest |x−y|, infinite where the lengths differ.
func worst(x, y []float32) float64 {
	if len(x) != len(y) {
		return math.Inf(1)
	}
	d := 0.0
	for i := range x {
		d = max(d, math.Abs(float64(x[i])-float64(y[i])))
	}
	return d
}

func largest(x []float32) float64 {
	m := 0.0
	for _, v := range x {
		m = max(m, math.Abs(float64(v)))
	}
	return m
}

// numbers flattens what Lua returned.
func numbers(t testing.TB, v any) []float32 {
	t.Helper()
	switch v := v.(type) {
	case float64:
		return []float32{float32(v)}
	case []any:
		var out []float32
		for _, e := range v {
			out = append(out, numbers(t, e)...)
		}
		return out
	}
	t.Fatalf("got %T, want numbers", v)
	return nil
}

// lines are the lines of a text that contain part.
func lines(text, part string) []string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		if strings.Contains(line, part) {
			out = append(out, line)
		}
	}
	return out
}
