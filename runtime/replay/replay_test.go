package replay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/replay"
	"github.com/hudrl/hudrl/runtime/rollout"
)

// record runs f with a recorder of svc and returns the recording.
func record(t *testing.T, svc hud.Service, f func(hud.Service)) []byte {
	t.Helper()
	var file bytes.Buffer
	rec, err := replay.Record(svc, &file, replay.Options{About: replay.About{Service: "fake"}})
	if err != nil {
		t.Fatal(err)
	}
	f(rec)
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func open(t *testing.T, recording []byte) *replay.Player {
	t.Helper()
	p, err := replay.Open(bytes.NewReader(recording), replay.PlayOptions{})
	if err != nil {
		t.Fatalf("%v in\n%s", err, recording)
	}
	return p
}

// A diary is what somebody learns from a service.
type diary struct{ strings.Builder }

func (d *diary) note(what string, v any, err error) {
	var e *hud.Error
	if errors.As(err, &e) {
		fmt.Fprintf(d, "%s: %v, %+v %v\n", what, v, hud.Error{Op: e.Op, Code: e.Code, Status: e.Status, Detail: e.Detail, Hint: e.Hint, Unknown: e.Unknown}, err)
		return
	}
	fmt.Fprintf(d, "%s: %+v, %v\n", what, v, err)
}

// train uses every call there is, and samples so many rollouts at once.
func train(t *testing.T, svc hud.Service, concurrent int) string {
	t.Helper()
	ctx, d := t.Context(), &diary{}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	models, err := svc.Models(ctx)
	d.note("models", models, err)
	_, err = svc.Resolve(ctx, "nobody")
	d.note("resolve", nil, err)
	m, err := hud.Fork(ctx, svc, hudtest.FakeModel, "mine")
	must(err)
	d.note("fork", m, nil)
	tok, err := svc.(hud.TokenizerSource).Tokenizer(ctx, "mine")
	must(err)
	ids, err := tok.Render([]hud.Message{{Role: "user", Content: "Hi \xff"}}, true)
	d.note("render", ids, err)
	d.note("tokens", fmt.Sprint(tok.Encode("aé"), tok.Decode([]int{72, 105}), tok.EndOfTurn()), nil)
	state, err := svc.(hud.StateKeeper).State(ctx, "run")
	d.note("state", string(state), err)

	grade := func(_ context.Context, answer string, _ *hud.Run) (float64, any, error) {
		return float64(len(answer)%3) / 3, nil, nil
	}
	tasks := &rollout.Taskset{Name: "sums"}
	for i := range 4 {
		tasks.Tasks = append(tasks.Tasks, rollout.Task{Prompt: []hud.Message{{Role: "user", Content: fmt.Sprintf("What is %d + 1?", i/2)}}, Grade: grade})
	}
	tasks.Tasks[3] = rollout.Task{Run: func(ctx context.Context, agent *rollout.ChatSession, _ *rollout.RunContext) (float64, any, error) {
		if _, err := agent.Say(ctx, "Guess."); err != nil {
			return 0, nil, err
		}
		second, err := agent.Say(ctx, "Again.")
		return float64(len(second.Text)), nil, err
	}}
	trainer := hud.NewTrainingClient(svc, "mine", hud.TrainingClientOptions{Warn: func(string) {}})
	for step := range 2 {
		job, err := tasks.Run(ctx, svc, &rollout.Agent{Model: "mine", MaxTokens: 5}, rollout.Options{
			Group: new(4), MaxConcurrent: concurrent, Step: step, Warn: func(w string) { d.note("warning", w, nil) },
		})
		must(err)
		var traces []hud.Item
		for _, run := range job.Runs() {
			d.note("run", fmt.Sprint(run.Reward, run.Messages, run.Samples[0].OutputTokenIDs, run.Samples[0].OutputLogprobs), nil)
			traces = append(traces, hud.TraceID(run.TraceID))
		}
		res, err := trainer.Step(ctx, hud.Items(job.Runs()), hud.StepOptions{LearningRate: 0.1, State: map[string]json.RawMessage{"run": json.RawMessage(fmt.Sprintf(`{"at":%d}`, step))}, ForwardBackwardOptions: hud.ForwardBackwardOptions{GroupSize: new(4)}})
		must(err)
		d.note("step", fmt.Sprint(res.OptimStepResult, res.ForwardBackward), nil)
		pass, err := trainer.ForwardBackward(ctx, traces, hud.ForwardBackwardOptions{GroupSize: new(4)})
		d.note("traces", pass, err)
		custom, err := trainer.ForwardBackwardCustom(ctx, hud.Items(job.Runs()), func(b *hud.Packed, weights []float32) (hud.CustomResult, error) {
			for i, lp := range b.Logprobs {
				weights[i] = b.Mask[i] * lp / 7
			}
			return hud.CustomResult{Loss: 1. / 3}, nil
		}, hud.CustomOptions{})
		must(err)
		d.note("custom", *custom, nil)
	}
	losses, err := trainer.AvailableLosses(ctx)
	d.note("losses", losses, err)
	tree, err := trainer.Checkpoints(ctx)
	text, _ := json.Marshal(tree) // of which some are pointers
	d.note("checkpoints", string(text), err)
	state, err = svc.(hud.StateKeeper).State(ctx, "run")
	d.note("state", string(state), err)
	d.note("set_head", nil, trainer.SetHead(ctx, tree[0].ID))
	_, err = trainer.OptimStep(ctx, hud.OptimStepOptions{LearningRate: 1})
	d.note("optim_step", nil, err)
	d.note("set_head", nil, trainer.SetHead(ctx, "nowhere"))
	var streamed []string
	res, err := svc.Chat(ctx, &hud.ChatRequest{
		Model: "mine", Messages: []hud.Message{{Role: "user", Content: "<&> €"}}, MaxTokens: 6, Seed: new(uint64(1<<64 - 1)), N: 2, ReturnTokenIDs: true,
		Stream: func(delta string) { streamed = append(streamed, delta) },
	})
	must(err)
	d.note("chat", fmt.Sprintf("%+v %q", *res, streamed), nil)
	return d.String()
}

// keeping is a service that keeps the state of scripts.
type keeping struct {
	*hudtest.Fake
	mu    sync.Mutex
	state map[string]json.RawMessage
}

func newKeeping() *keeping {
	return &keeping{Fake: hudtest.NewFake(), state: map[string]json.RawMessage{}}
}

func (k *keeping) OptimStep(ctx context.Context, id string, req *hud.OptimStepRequest) (*hud.OptimStepResult, error) {
	res, err := k.Fake.OptimStep(ctx, id, req)
	if err == nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		maps.Copy(k.state, req.State)
	}
	return res, err
}

func (k *keeping) State(_ context.Context, name string) (json.RawMessage, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state[name], nil
}

var ids = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|"created_at":"[^"]*"`)

// same replaces what a service makes anew: each id by its number.
func same(recording []byte) string {
	known := map[string]string{}
	return ids.ReplaceAllStringFunc(string(recording), func(id string) string {
		if known[id] == "" {
			known[id] = fmt.Sprintf("<%d>", len(known))
		}
		return known[id]
	})
}

// A replay gives what the service gave, to the last digit and word, however
// many rollouts run at once; and so many make the same recording.
func TestReplayIsTheSame(t *testing.T) {
	t.Parallel()
	var want string
	one := record(t, newKeeping(), func(svc hud.Service) { want = train(t, svc, 1) })
	many := record(t, newKeeping(), func(svc hud.Service) { train(t, svc, 16) })
	wantLines(t, same(many), same(one))
	for _, concurrent := range []int{1, 16} {
		p := open(t, one)
		wantLines(t, train(t, p, concurrent), want)
		if err := p.Close(); err != nil {
			t.Errorf("%d at once: %v", concurrent, err)
		}
	}
	if about := open(t, one).About(); about.Service != "fake" {
		t.Errorf("got %+v", about)
	}
}

func wantLines(t *testing.T, got, want string) {
	t.Helper()
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(a), len(b)) {
		if i >= min(len(a), len(b)) || a[i] != b[i] {
			t.Fatalf("line %d of %d, want %d: got\n%s\nwant\n%s", i+1, len(a), len(b), a[min(i, len(a)-1)], b[min(i, len(b)-1)])
		}
	}
}

// A recorder changes nothing of what it passes on.
func TestRecorderIsAService(t *testing.T) {
	t.Parallel()
	rec, err := replay.Record(newKeeping(), io.Discard, replay.Options{})
	if err != nil {
		t.Fatal(err)
	}
	hudtest.RunService(t, func(testing.TB) hud.Service { return rec }, hudtest.Config{Model: hudtest.FakeModel, MaxContext: 512})
}
