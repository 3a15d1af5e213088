package local

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
)

// TestAlignment: position t predicts token t+1, turns merge while a prompt
// extends everything before it. The examples are the protocol's (input tokens,
// targets, mask, sampling logprobs).
func TestAlignment(t *testing.T) {
	t.Parallel()
	chunk := func(s string) json.RawMessage { return json.RawMessage(s) }
	for _, tt := range []struct {
		name     string
		in       []hud.TrainInput
		separate bool
		offsets  []int
		tokens   []int32
		targets  []int32
		mask     []float32
		q        []float32
		traj     []int
	}{
		{
			name: "one turn", in: []hud.TrainInput{payload(1, turn([]int{1, 2}, []int{3, 4}, -0.2, -0.1))},
			offsets: []int{0, 3}, tokens: []int32{1, 2, 3}, targets: []int32{2, 3, 4}, mask: []float32{0, 1, 1}, q: []float32{0, -0.2, -0.1}, traj: []int{0},
		},
		{
			name:    "two turns merge",
			in:      []hud.TrainInput{payload(1, turn([]int{1, 2}, []int{3, 4}, -1, -2), turn([]int{1, 2, 3, 4, 5, 6}, []int{7}, -3))},
			offsets: []int{0, 6}, tokens: []int32{1, 2, 3, 4, 5, 6}, targets: []int32{2, 3, 4, 5, 6, 7},
			mask: []float32{0, 1, 1, 0, 0, 1}, q: []float32{0, -1, -2, 0, 0, -3}, traj: []int{0},
		},
		{
			name:    "another prompt starts another datum",
			in:      []hud.TrainInput{payload(1, turn([]int{1, 2}, []int{3, 4}, -1, -2), turn([]int{9, 5, 6}, []int{7}, -3))},
			offsets: []int{0, 3, 6}, tokens: []int32{1, 2, 3, 9, 5, 6}, targets: []int32{2, 3, 4, 5, 6, 7},
			mask: []float32{0, 1, 1, 0, 0, 1}, q: []float32{0, -1, -2, 0, 0, -3}, traj: []int{0, 0},
		},
		{
			name:     "merging off",
			in:       []hud.TrainInput{payload(1, turn([]int{1}, []int{2}, -1), turn([]int{1, 2, 3}, []int{4}, -2))},
			separate: true,
			offsets:  []int{0, 1, 4}, tokens: []int32{1, 1, 2, 3}, targets: []int32{2, 2, 3, 4},
			mask: []float32{1, 0, 0, 1}, q: []float32{-1, 0, 0, -2}, traj: []int{0, 0},
		},
		{
			name:    "a prompt that is exactly what was said continues at once",
			in:      []hud.TrainInput{payload(1, turn([]int{1}, []int{2}, -1), turn([]int{1, 2}, []int{3}, -2))},
			offsets: []int{0, 2}, tokens: []int32{1, 2}, targets: []int32{2, 3}, mask: []float32{1, 1}, q: []float32{-1, -2}, traj: []int{0},
		},
		{
			name:    "trajectories do not merge with each other",
			in:      []hud.TrainInput{payload(1, turn([]int{1}, []int{2}, -1)), payload(0, turn([]int{1, 2}, []int{3}, -2))},
			offsets: []int{0, 1, 3}, tokens: []int32{1, 1, 2}, targets: []int32{2, 2, 3}, mask: []float32{1, 0, 1}, q: []float32{-1, 0, -2}, traj: []int{0, 1},
		},
		{
			name: "chunks are the prompt",
			in: []hud.TrainInput{payload(1, hud.TrajectorySample{
				PromptTokenIDs: []int{8, 8}, PromptChunks: []json.RawMessage{chunk(`{"type":"encoded_text","tokens":[1]}`), chunk(`{"type":"encoded_text","tokens":[2]}`)},
				OutputTokenIDs: []int{3}, OutputLogprobs: []float32{-1},
			})},
			offsets: []int{0, 2}, tokens: []int32{1, 2}, targets: []int32{2, 3}, mask: []float32{0, 1}, q: []float32{0, -1}, traj: []int{0},
		},
		{
			name:    "no logprobs",
			in:      []hud.TrainInput{payload(0, turn([]int{1}, []int{2}))},
			offsets: []int{0, 1}, tokens: []int32{1}, targets: []int32{2}, mask: []float32{1}, q: []float32{0}, traj: []int{0},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var payloads []*hud.TrajectoryPayload
			for _, in := range tt.in {
				payloads = append(payloads, in.Payload)
			}
			b, err := datums("forward", tiny, payloads, 0, len(payloads), false, tt.separate)
			if err != nil {
				t.Fatal(err)
			}
			if err := tiny.Check(&b.tokens); err != nil {
				t.Error(err)
			}
			for _, c := range []struct {
				what      string
				got, want any
			}{
				{"offsets", b.tokens.Offsets, tt.offsets}, {"tokens", b.tokens.Tokens, tt.tokens}, {"targets", b.tokens.Targets, tt.targets},
				{"mask", b.mask, tt.mask}, {"sampling logprobs", b.q, tt.q}, {"trajectories", b.traj, tt.traj},
			} {
				if !reflect.DeepEqual(c.got, c.want) {
					t.Errorf("%s: got %v, want %v", c.what, c.got, c.want)
				}
			}
		})
	}
}

// TestBadBatches: each refusal names the trajectory and position, for every
// pass, and nothing is accumulated.
func TestBadBatches(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	good := payload(1, turn([]int{1, 2}, []int{3, 4}, -1, -1))
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	long := make([]int, 95)
	for _, tt := range []struct {
		name string
		in   []hud.TrainInput
		size int
		part string
	}{
		{"no inputs", nil, 0, "inputs: got 0 trajectories, want at least 1"},
		{"ragged groups", []hud.TrainInput{good, good, good}, 2, "3 trajectories do not divide evenly into groups of 2"},
		{"negative group", []hud.TrainInput{good}, -1, "group_size: got -1, want at least 1"},
		{"neither", []hud.TrainInput{good, {}}, 0, "trajectory 2: got neither a trace id nor a payload"},
		{"both", []hud.TrainInput{{TraceID: "x", Payload: good.Payload}}, 0, "trajectory 1: got both a trace id and a payload"},
		{"no samples", []hud.TrainInput{good, payload(1)}, 0, "trajectory 2: samples: got 0"},
		{"nan reward", []hud.TrainInput{good, payload(math.NaN(), turn([]int{1}, []int{2}, -1))}, 0, "trajectory 2: reward: got NaN"},
		{"infinite reward", []hud.TrainInput{payload(math.Inf(1), turn([]int{1}, []int{2}, -1))}, 0, "trajectory 1: reward: got +Inf"},
		{"empty prompt", []hud.TrainInput{good, payload(1, turn(nil, []int{2}, -1))}, 0, "trajectory 2, sample 1: prompt_token_ids: got 0 tokens"},
		{"empty output", []hud.TrainInput{payload(1, turn([]int{1}, []int{2}, -1), turn([]int{2}, nil))}, 0, "trajectory 1, sample 2: output_token_ids: got 0 tokens"},
		{"token too large", []hud.TrainInput{payload(1, turn([]int{1}, []int{2, 264}, -1, -1))}, 0, "trajectory 1, sample 1: output_token_ids[2]: got 264, want a token id of 0 to 263"},
		{"negative token", []hud.TrainInput{payload(1, turn([]int{1, -5}, []int{2}, -1))}, 0, "prompt_token_ids[2]: got -5"},
		{"too many logprobs", []hud.TrainInput{payload(1, turn([]int{1}, []int{2}, -1, -1))}, 0, "output_logprobs: got 2 values for 1 output tokens"},
		{"nan logprob", []hud.TrainInput{good, payload(1, turn([]int{1}, []int{2, 3}, -1, nan))}, 0, "trajectory 2, sample 1: output_logprobs[2]: got NaN, want a finite number"},
		{"infinite logprob", []hud.TrainInput{payload(1, turn([]int{1}, []int{2}, inf))}, 0, "output_logprobs[1]: got -Inf"},
		{"too long", []hud.TrainInput{payload(1, turn(long, []int{1, 2, 3}, -1, -1, -1))}, 0, "prompt and output have 98 tokens, want at most 97"},
		{"an image", []hud.TrainInput{payload(1, hud.TrajectorySample{
			PromptChunks: []json.RawMessage{json.RawMessage(`{"type":"image","data":""}`)}, OutputTokenIDs: []int{1}, OutputLogprobs: []float32{-1},
		})}, 0, `prompt_chunks[1]: type: got "image", want encoded_text`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := s.ForwardBackward(bg, m.ID, &hud.ForwardBackwardRequest{Inputs: tt.in, GroupSize: tt.size, LossFn: "ppo", RewardScale: 1, NumSubsteps: 1})
			wantError(t, err, "forward_backward", hud.CodeValidation, tt.part)
			_, err = s.Forward(bg, m.ID, &hud.ForwardRequest{Inputs: tt.in, GroupSize: tt.size, RewardScale: 1})
			wantError(t, err, "forward", hud.CodeValidation, tt.part)
			_, err = s.Forward(bg, m.ID, &hud.ForwardRequest{Inputs: tt.in, GroupSize: tt.size, RewardScale: 1, Checkpoint: m.ID})
			wantError(t, err, "forward", hud.CodeValidation, tt.part)
		})
	}
	for _, tt := range []struct {
		name string
		req  hud.ForwardBackwardRequest
		part string
	}{
		{"no logprobs for a ratio loss", hud.ForwardBackwardRequest{LossFn: "dro", Inputs: []hud.TrainInput{payload(1, turn([]int{1}, []int{2}))}, RewardScale: 1}, "got 0 values for 1 output tokens"},
		{"nan scale", hud.ForwardBackwardRequest{LossFn: "ppo", Inputs: []hud.TrainInput{good}, RewardScale: math.NaN()}, "reward_scale: got NaN"},
		{"negative substeps", hud.ForwardBackwardRequest{LossFn: "ppo", Inputs: []hud.TrainInput{good}, RewardScale: 1, NumSubsteps: -1}, "num_substeps: got -1"},
		{"overflowing advantage", hud.ForwardBackwardRequest{LossFn: "ppo", Inputs: []hud.TrainInput{
			payload(1e308, turn([]int{1}, []int{2}, -1)), payload(-1e308, turn([]int{1}, []int{2}, -1)),
		}, RewardScale: 10}, "trajectory 1: advantage: got +Inf"},
		{"overflowing ratio", hud.ForwardBackwardRequest{LossFn: "importance_sampling", Inputs: []hud.TrainInput{
			payload(1, turn([]int{1}, []int{2, 3}, -1, -500)), payload(0, turn([]int{1}, []int{2}, -1)),
		}, RewardScale: 1}, "trajectory 1, datum 1, position 2: the loss is not finite"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := s.ForwardBackward(bg, m.ID, &tt.req)
			wantError(t, err, "forward_backward", hud.CodeValidation, tt.part)
		})
	}
	_, err := s.OptimStep(bg, m.ID, adam(1e-3))
	wantError(t, err, "optim_step", hud.CodeNoGradient, "no accumulated gradients: no pass since the last step")
}
