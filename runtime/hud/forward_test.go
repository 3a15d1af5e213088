package hud

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/internal/httpjson"
)

// A long answer, which several goroutines read, is what encoding/json makes of
// it, whatever is known of its length; and what is wrong in the middle of it is
// named.
func TestLongForwardAnswers(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	rng := rand.New(rand.NewPCG(1, 2))
	type datum struct {
		Reward           float64   `json:"reward"`
		TrajIdx          int       `json:"traj_idx"`
		GroupIdx         *int      `json:"group_idx"`
		Logprobs         []float32 `json:"logprobs"`
		SamplingLogprobs []float32 `json:"sampling_logprobs"`
		Mask             []float32 `json:"mask"`
		More             any       `json:"more,omitempty"`
	}
	answer := struct {
		Data      []datum `json:"data"`
		ForwardID string  `json:"forward_id"`
	}{ForwardID: "f"}
	want := &Packed{Offsets: []int{0}}
	for d := range 300 {
		x := datum{Reward: rng.Float64(), TrajIdx: d / 2}
		group := -1
		if d%3 > 0 {
			group = d / 6
			x.GroupIdx = &group
		}
		if d%7 == 0 {
			x.More = []any{"]", map[string]any{"}": "\\\""}, []int{1}}
		}
		for range rng.IntN(400) {
			x.Logprobs = append(x.Logprobs, -float32(rng.ExpFloat64()))
			x.SamplingLogprobs = append(x.SamplingLogprobs, -rng.Float32())
			x.Mask = append(x.Mask, float32(rng.IntN(2)))
		}
		answer.Data = append(answer.Data, x)
		want.Logprobs, want.SamplingLogprobs, want.Mask = append(want.Logprobs, x.Logprobs...), append(want.SamplingLogprobs, x.SamplingLogprobs...), append(want.Mask, x.Mask...)
		want.Offsets = append(want.Offsets, len(want.Logprobs))
		want.Reward, want.TrajIdx, want.GroupIdx = append(want.Reward, x.Reward), append(want.TrajIdx, x.TrajIdx), append(want.GroupIdx, group)
	}
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	body := strings.ReplaceAll(string(text), ":null", ":[]") // of lists, but for the groups
	body = strings.ReplaceAll(body, `"group_idx":[]`, `"group_idx":null`)
	for _, inputs := range []int{0, 10, 300, 5000} {
		got, err := readForward(httpjson.NewReader(strings.NewReader(body)), &ForwardRequest{Inputs: make([]TrainInput, inputs)})
		if err != nil || got.ForwardID != "f" || !reflect.DeepEqual(got.Data, want) {
			t.Fatalf("%d inputs: got %+v, %v", inputs, got, err)
		}
	}
	for _, d := range []int{1, 150, 300} {
		at := 0
		for range d {
			at += strings.Index(body[at:], `"mask":[`) + len(`"mask":[`)
		}
		bad := body[:at] + `"x",` + body[at:]
		_, err := readForward(httpjson.NewReader(strings.NewReader(bad)), &ForwardRequest{})
		if detail := fmt.Sprintf(`data[%d].mask[1]: got "x", want a number`, d); err == nil || err.Error() != detail {
			t.Errorf("got %v, want %s", err, detail)
		}
	}
	cut := body[:strings.LastIndexByte(body[:len(body)/2], ',')]
	if _, err := readForward(httpjson.NewReader(strings.NewReader(cut)), &ForwardRequest{}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("the text ends after %d bytes", len(cut))) {
		t.Errorf("cut short: got %v", err)
	}
}
