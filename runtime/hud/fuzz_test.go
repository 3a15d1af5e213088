package hud

import (
	"encoding/json"
	"io"
	"math"
	"testing"

	"github.com/hudrl/hudrl/internal/httpjson"
)

// Whatever a service answers, reading it ends, without a panic, and a batch
// that was taken has the shape of one.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		`{"forward_id":"f","data":[{"reward":1,"traj_idx":0,"group_idx":null,"logprobs":[-1,-2],"sampling_logprobs":[0,-2],"mask":[0,1]}]}`,
		`{"choices":[{"message":{"role":"assistant","content":"x"},"token_ids":[1],"logprobs":{"content":[{"logprob":-1}]}}],"usage":{"prompt_tokens":1}}`,
		`{"id":"c","name":"step-0001","created_at":"2026-01-02T03:04:05Z","metrics":{"a":"1"},"is_active":true,"num_traces":null}`,
		`{"detail":[{"loc":["body",1],"msg":"x"}],"code":"conflict","hint":null}`, `{"detail":{}}`, `<html>`, ``,
	} {
		f.Add([]byte(seed), 409)
	}
	f.Fuzz(func(t *testing.T, text []byte, status int) {
		read := func() *httpjson.Reader { return httpjson.Bytes(text) }
		if res, err := readForward(read(), &ForwardRequest{}); err == nil {
			p := res.Data
			n, count := len(p.Logprobs), len(p.Offsets)-1
			if res.ForwardID == "" || p.Tokens() != n || len(p.SamplingLogprobs) != n || len(p.Mask) != n ||
				len(p.Reward) != count || len(p.TrajIdx) != count || len(p.GroupIdx) != count {
				t.Errorf("%q was taken as %+v", text, p)
			}
		}
		if res, err := readChat(read()); err == nil && len(res.Choices) == 0 {
			t.Errorf("%q was taken as a chat without a choice", text)
		}
		if c, err := readCheckpoint(read()); err == nil && (c.ID == "" || c.Metrics == nil) {
			t.Errorf("%q was taken as the checkpoint %+v", text, c)
		}
		_, _ = readModel(read())
		if e := readAnswer(status, text).failure("op"); e.Code == "" || e.Detail == "" || len(e.Detail) > 2*maxErrorText {
			t.Errorf("%d %q: got %+v, want a code and a detail", status, text, e)
		}
	})
}

// Weights are read back the same, bit for bit, and what JSON cannot carry is an
// error.
func FuzzWeights(f *testing.F) {
	f.Add("f-1", "loss:sum", 0.5, []byte{0, 0, 128, 63, 205, 204, 204, 61}, uint8(1))
	f.Add("\x00\xff\u2028", "", -1e-300, []byte{1, 0, 0, 0, 255, 255, 127, 127, 0, 0, 0, 128}, uint8(2))
	f.Add("f", "m", math.Inf(1), []byte{0, 0, 128, 127}, uint8(1))
	f.Fuzz(func(t *testing.T, id, name string, metric float64, data []byte, width uint8) {
		req, good := &BackwardRequest{ForwardID: id, Metrics: map[string]float64{name: metric}}, finite(metric)
		var row []float32
		for ; len(data) >= 4; data = data[4:] {
			v := math.Float32frombits(uint32(data[0]) | uint32(data[1])<<8 | uint32(data[2])<<16 | uint32(data[3])<<24)
			good = good && finite(float64(v))
			if row = append(row, v); len(row) > int(width) {
				req.Weights, row = append(req.Weights, row), nil
			}
		}
		req.Weights = append(req.Weights, row)
		text, err := io.ReadAll(httpjson.NewStream(weightsBody(req)))
		if (err == nil) != good {
			t.Fatalf("%+v: got %v, want success %v", req, err, good)
		}
		if !good {
			return
		}
		var back struct {
			ForwardID string `json:"forward_id"`
			Weights   [][]float64
			Metrics   map[string]float64
		}
		if err := json.Unmarshal(text, &back); err != nil || len(back.Weights) != len(req.Weights) || len(back.Metrics) != 1 {
			t.Fatalf("%+v was written as %s: %v", req, text, err)
		}
		for d, row := range req.Weights {
			if len(back.Weights[d]) != len(row) {
				t.Fatalf("%v was written as %v", row, back.Weights[d])
			}
			for i, v := range row {
				if got := float32(back.Weights[d][i]); math.Float32bits(got) != math.Float32bits(v) {
					t.Fatalf("%v was written as %v", v, got)
				}
			}
		}
		for _, v := range back.Metrics {
			if v != metric {
				t.Fatalf("%v was written as %v", metric, v)
			}
		}
	})
}
