package hud_test

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
)

func TestInputsOnTheWire(t *testing.T) {
	t.Parallel()
	tests := []struct {
		give hud.TrainInput
		want string
	}{
		{hud.TrainInput{TraceID: "3f..a1"}, `"3f..a1"`},
		// The example of the protocol, with the logprobs in the nine digits that fix a float32.
		{hud.TrainInput{Payload: &hud.TrajectoryPayload{Reward: 1, Samples: []hud.TrajectorySample{{
			PromptTokenIDs: []int{1, 2}, OutputTokenIDs: []int{3, 4}, OutputLogprobs: []float32{-0.2, -0.1},
		}}}}, `{"samples":[{"prompt_token_ids":[1,2],"output_token_ids":[3,4],"output_logprobs":[-0.200000003,-0.100000001]}],"reward":1}`},
		// The output lists are there even when empty; the prompt and the trace
		// id are left out; sampling and extra never travel; nulls inside a chunk
		// are kept.
		{hud.TrainInput{Payload: &hud.TrajectoryPayload{TraceID: "t", Extra: map[string]any{"x": 1}, Samples: []hud.TrajectorySample{{
			PromptChunks: []json.RawMessage{json.RawMessage(`{"type":"image","expected_tokens":null}`)}, Sampling: &hud.SamplingInfo{},
		}}}}, `{"samples":[{"prompt_chunks":[{"type":"image","expected_tokens":null}],"output_token_ids":[],"output_logprobs":[]}],"reward":0,"trace_id":"t"}`},
	}
	for _, tt := range tests {
		got, err := json.Marshal(tt.give)
		if err != nil || string(got) != tt.want {
			t.Errorf("got %s, %v, want %s", got, err, tt.want)
			continue
		}
		var back hud.TrainInput
		if err := json.Unmarshal(got, &back); err != nil {
			t.Errorf("%s: %v", got, err)
		}
	}
	for _, bad := range []hud.TrainInput{
		{}, {TraceID: "t", Payload: payload(1)},
		{Payload: &hud.TrajectoryPayload{Samples: []hud.TrajectorySample{{OutputLogprobs: []float32{float32(math.NaN())}}}}},
	} {
		if got, err := json.Marshal(bad); err == nil {
			t.Errorf("%+v: got %s, want an error", bad, got)
		}
	}
}

func TestInputsAreReadStrictly(t *testing.T) {
	t.Parallel()
	const sample = `{"output_token_ids":[3],"output_logprobs":[-0.5]}`
	good := []string{
		`"t"`, ` "t" `,
		`{"samples":[` + sample + `],"reward":1}`,
		`{"samples":[` + sample + `],"reward":-1e3,"trace_id":null}`,
		`{"samples":[{"prompt_token_ids":null,"prompt_chunks":null,"output_token_ids":[ 3 , 4 ],"output_logprobs":[]}],"reward":1}`,
		`{"samples":[{"prompt_token_ids":[1],"output_token_ids":[]}],"reward":1}`,
	}
	for _, text := range good {
		var in hud.TrainInput
		if err := json.Unmarshal([]byte(text), &in); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	bad := []string{
		`""`, `3`, `null`, `[]`, `true`, `{}`,
		`{"samples":[` + sample + `]}`,
		`{"samples":[],"reward":1}`,
		`{"samples":null,"reward":1}`,
		`{"samples":[` + sample + `],"reward":null}`,
		`{"samples":[` + sample + `],"reward":"1"}`,
		`{"samples":[` + sample + `],"reward":1,"rewards":1}`,
		`{"samples":[{"output_token_ids":[3],"extra":1}],"reward":1}`,
		`{"samples":[{"output_logprobs":[]}],"reward":1}`,
		`{"samples":[{"output_token_ids":[1,null]}],"reward":1}`,
		`{"samples":[{"output_token_ids":[1.5]}],"reward":1}`,
		`{"samples":[{"output_token_ids":["1"]}],"reward":1}`,
		`{"samples":[{"output_token_ids":[[1]]}],"reward":1}`,
		`{"samples":[{"output_token_ids":1}],"reward":1}`,
		`{"samples":[{"output_token_ids":[99999999999999999999]}],"reward":1}`,
		`{"samples":[{"output_token_ids":[1],"output_logprobs":[null]}],"reward":1}`,
		`{"samples":[{"output_token_ids":[1],"output_logprobs":[1e99]}],"reward":1}`,
		`{"samples":[{"output_token_ids":[1],"output_logprobs":["Inf"]}],"reward":1}`,
		`{"samples":[{"output_token_ids":[1],"prompt_chunks":[7]}],"reward":1}`,
	}
	for _, text := range bad {
		in := hud.TrainInput{TraceID: "before"}
		if err := json.Unmarshal([]byte(text), &in); err == nil {
			t.Errorf("%s: got %+v, want an error", text, in)
		} else if in.TraceID != "before" {
			t.Errorf("%s: a failed read changed the value", text)
		}
	}
}

// Whatever can be read is written back and read again as the same input.
func FuzzTrainInput(f *testing.F) {
	for _, seed := range []string{
		`"t"`, `{"samples":[{"prompt_token_ids":[1,2],"output_token_ids":[3,4],"output_logprobs":[-0.2,-1e-9]}],"reward":1.5,"trace_id":"x"}`,
		`{"samples":[{"prompt_chunks":[{"a":[1,{"b":null}]}],"output_token_ids":[]}],"reward":-0}`, `{"samples":[{"output_token_ids":[,]}]}`, `[`, "\"\\ud800\"",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var in hud.TrainInput
		if json.Unmarshal(data, &in) != nil {
			return
		}
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatalf("%q was read but not written: %v", data, err)
		}
		var back hud.TrainInput
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatalf("%q was written as %q, which is not read: %v", data, text, err)
		}
		again, err := json.Marshal(back)
		if err != nil || string(again) != string(text) {
			t.Fatalf("%q was written as %q and then %q (%v)", data, text, again, err)
		}
		if in.Payload != nil && len(in.Payload.Samples[0].PromptChunks) == 0 && !reflect.DeepEqual(in, back) {
			t.Fatalf("%q: got %+v, want %+v", data, back.Payload, in.Payload)
		}
	})
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	known := []string{"learning_rate", "loss_fn", "group_size", "ppo"}
	for name, want := range map[string]string{
		"learning_rat": `did you mean "learning_rate"?`, "learnign_rate": `did you mean "learning_rate"?`,
		"groupsize": `did you mean "group_size"?`, "pp": `did you mean "ppo"?`,
		"temperature": "", "": "", "ppo": "",
	} {
		if got := hud.Suggest(name, known); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
