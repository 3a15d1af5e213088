package replay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/replay"
)

const model = "11111111-1111-4111-8111-111111111111"

func input(reward float64, output ...int) hud.TrainInput {
	return hud.TrainInput{Payload: &hud.TrajectoryPayload{Reward: reward, Samples: []hud.TrajectorySample{{PromptTokenIDs: []int{1, 2}, OutputTokenIDs: output}}}}
}

// canned answers whatever it is asked.
type canned struct{ hud.Service }

func (canned) ForwardBackward(context.Context, string, *hud.ForwardBackwardRequest) (*hud.ForwardBackwardResult, error) {
	return &hud.ForwardBackwardResult{Metrics: map[string]float64{}}, nil
}
func (canned) OptimStep(context.Context, string, *hud.OptimStepRequest) (*hud.OptimStepResult, error) {
	return &hud.OptimStepResult{CheckpointID: "c"}, nil
}
func (canned) Resolve(_ context.Context, name string) (hud.Model, error) {
	return hud.Model{ID: model, ModelName: name}, nil
}
func (canned) Chat(_ context.Context, req *hud.ChatRequest) (*hud.ChatResponse, error) {
	return &hud.ChatResponse{ID: req.Messages[0].Content, Choices: []hud.Choice{{}}}, nil
}
func (canned) Backward(_ context.Context, _ string, req *hud.BackwardRequest) (*hud.ForwardBackwardResult, error) {
	return &hud.ForwardBackwardResult{NumDatums: len(req.Weights)}, nil
}

// A call is one thing that a test asks, and its answer's error.
type call func(hud.Service) error

func chat(text string, seed uint64) call {
	return func(svc hud.Service) error {
		res, err := svc.Chat(context.Background(), &hud.ChatRequest{Model: "m", Messages: []hud.Message{{Role: "user", Content: text}}, Seed: &seed})
		if err == nil && res.ID != text {
			err = fmt.Errorf("asked %q, got the answer of %q", text, res.ID)
		}
		return err
	}
}

func pass(loss string, inputs ...hud.TrainInput) call {
	return func(svc hud.Service) error {
		_, err := svc.ForwardBackward(context.Background(), model, &hud.ForwardBackwardRequest{Inputs: inputs, LossFn: loss, RewardScale: 1})
		return err
	}
}

func backward(weights ...[]float32) call {
	return func(svc hud.Service) error {
		_, err := svc.Backward(context.Background(), model, &hud.BackwardRequest{ForwardID: "f", Weights: weights})
		return err
	}
}

func step(rate float64) call {
	return func(svc hud.Service) error {
		_, err := svc.OptimStep(context.Background(), model, &hud.OptimStepRequest{LearningRate: rate})
		return err
	}
}

func resolve(name string) call {
	return func(svc hud.Service) error {
		_, err := svc.Resolve(context.Background(), name)
		return err
	}
}

// play makes the calls and returns the first error, or that of the end.
func play(p *replay.Player, calls []call) error {
	for _, c := range calls {
		if err := c(p); err != nil {
			return err
		}
	}
	return p.Close()
}

func TestFirstDivergence(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long ", 100)
	recorded := []call{ // lines 2 to 9, the chats sorted
		resolve("m"), chat("a", 1), chat("b", 2), chat(long+"x", 3),
		pass("ppo", input(1, 3, 4), input(0.5, 5)), step(0.1), chat("a", 1), backward([]float32{0.25, -0.1}, []float32{1}),
	}
	recording := record(t, canned{}, func(svc hud.Service) {
		for _, c := range recorded {
			if err := c(svc); err != nil {
				t.Fatal(err)
			}
		}
	})
	with := func(i int, calls ...call) []call { return slices.Concat(recorded[:i], calls, recorded[i+1:]) }
	for _, c := range []struct {
		name  string
		calls []call
		want  string // of the error, or "" for none
	}{
		{"the same", recorded, ""},
		{"chats in another order", slices.Concat([]call{recorded[2], recorded[3], recorded[1], recorded[0]}, recorded[4:]), ""},
		{"a lookup made twice", with(1, recorded[0], recorded[1]), ""},
		{"another text", with(2, chat("B", 2)), `replay: chat: messages[1].content: the script has "B"; line 3 of the recording has "b"`},
		{"another seed", with(2, chat("b", 4)), `replay: chat: seed: the script has 4; line 3 of the recording has 2`},
		{"the end of a long text", with(3, chat(long+"y", 3)), ` long y"; line 4 of the recording has "…`},
		{"a chat too many", with(1, recorded[1], recorded[1]), `replay: chat: messages[1].content: the script has "a"; line 3 of the recording has "b"`},
		{"a chat too few", with(2), `replay: the script asks forward_backward {"model_id":"` + model + `"`},
		{"a chat too late", with(2, recorded[4], recorded[2]), `; line 3 of the recording has chat {"model":"m","messages":[{"role":"user","content":"b"}],"seed":2}`},
		{"another loss", with(4, pass("dro", input(1, 3, 4), input(0.5, 5))), `replay: forward_backward: loss_fn: the script has "dro"; line 6 of the recording has "ppo"`},
		{"another reward", with(4, pass("ppo", input(1, 3, 4), input(0.25, 5))), `inputs[2].payload.reward: the script has 0.25; line 6 of the recording has 0.5`},
		{"another token", with(4, pass("ppo", input(1, 3, 7), input(0.5, 5))), `inputs[1].payload.samples[1].output_token_ids[2]: the script has 7; line 6 of the recording has 4`},
		{"another number of inputs", with(4, pass("ppo", input(1, 3, 4))), `inputs: the script has 1 value; line 6 of the recording has 2 values`},
		{"an argument left out", with(4, pass("", input(1, 3, 4), input(0.5, 5))), `loss_fn: the script has none; line 6 of the recording has "ppo"`},
		{"the last digit of a weight", with(7, backward([]float32{0.25, -0.10000001}, []float32{1})), `weights[1][2]: the script has -0.100000009; line 9 of the recording has -0.100000001`},
		{"another operation", with(5, recorded[4]), `replay: the script asks forward_backward {"model_id":"` + model + `","inputs":[{"payload":{"samples":[{"prompt_token_ids":[1,2],"output_to…; line 7 of the recording has optim_step {"model_id":"` + model + `","learning_rate":0.1}`},
		{"another model", with(0, resolve("n")), `replay: resolve: model: the script has "n"; line 5 of the recording has "m"`},
		{"more than there is", append(slices.Clone(recorded), step(1)), `replay: the script asks optim_step {"model_id":"` + model + `","learning_rate":1}; the recording ends at line 10`},
		{"less than there is", recorded[:5], `replay: the script has ended; line 7 of the recording has optim_step`},
		{"nothing", nil, `replay: the script has ended; line 2 of the recording has chat`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var told []*replay.Divergence
			p, err := replay.Open(bytes.NewReader(recording), replay.PlayOptions{OnDivergence: func(d *replay.Divergence) { told = append(told, d) }})
			if err != nil {
				t.Fatal(err)
			}
			err = play(p, c.calls)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var d *replay.Divergence
			if err == nil || !errors.As(err, &d) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v\nwant %s\nin\n%s", err, c.want, recording)
			}
			if d != p.Divergence() || d.Op != "" && (len(told) != 1 || told[0] != d) {
				t.Errorf("told %v, remembered %v, returned %v", told, p.Divergence(), d)
			}
			// Nothing is answered any more, and the first difference stays.
			if again := recorded[0](p); !errors.Is(again, error(d)) || p.Close() != error(d) {
				t.Errorf("afterwards: got %v and %v", again, p.Close())
			}
		})
	}
}

// Where sampling and training overlap, the order between them is anybody's.
func TestOverlappingCalls(t *testing.T) {
	t.Parallel()
	slow := &stalling{entered: make(chan struct{}), leave: make(chan struct{})}
	recording := record(t, slow, func(svc hud.Service) {
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := pass("ppo", input(1, 2))(svc); err != nil {
				t.Error(err)
			}
		})
		<-slow.entered
		if err := errors.Join(chat("a", 1)(svc), chat("b", 1)(svc)); err != nil {
			t.Error(err)
		}
		close(slow.leave)
		wg.Wait()
		if err := errors.Join(step(1)(svc), chat("c", 1)(svc)); err != nil {
			t.Error(err)
		}
	})
	if n := bytes.Count(recording, []byte(`"overlaps":true`)); n != 1 {
		t.Errorf("%d lines say overlaps, want 1:\n%s", n, recording)
	}
	train, optim := pass("ppo", input(1, 2)), step(1)
	a, b, c := chat("a", 1), chat("b", 1), chat("c", 1)
	for _, order := range [][]call{{train, a, b, optim, c}, {a, train, c, b, optim}, {c, train, optim, b, a}} {
		if err := play(open(t, recording), order); err != nil {
			t.Error(err)
		}
	}
	for want, order := range map[string][]call{
		"the script asks optim_step": {a, optim, train},
		"the script has ended; line": {a, b, train, optim},
		"the script has 2; line":     {a, b, train, step(2)},
	} {
		if err := play(open(t, recording), order); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A stalling service takes its time over a pass.
type stalling struct {
	canned
	entered, leave chan struct{}
}

func (s *stalling) ForwardBackward(ctx context.Context, id string, req *hud.ForwardBackwardRequest) (*hud.ForwardBackwardResult, error) {
	close(s.entered)
	<-s.leave
	return s.canned.ForwardBackward(ctx, id, req)
}
