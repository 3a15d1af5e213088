package hud

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"github.com/hudrl/hudrl/internal/httpjson"
)

// positions bounds the positions of a batch's inline inputs.
func positions(inputs []TrainInput) (n int) {
	for _, in := range inputs {
		if in.Payload == nil {
			continue
		}
		for i := range in.Payload.Samples {
			s := &in.Payload.Samples[i]
			n += len(s.PromptTokenIDs) + len(s.OutputTokenIDs)
		}
	}
	return n
}

// readForward reads the answer of forward straight into packed slices.
func readForward(r *httpjson.Reader, req *ForwardRequest) (*ForwardResult, error) {
	n := positions(req.Inputs)
	p := &Packed{
		Offsets:  []int{0},
		Logprobs: make([]float32, 0, n), SamplingLogprobs: make([]float32, 0, n), Mask: make([]float32, 0, n),
	}
	res := &ForwardResult{Data: p}
	reward, traj, group := math.NaN(), -1, -1
	list := func(dst *[]float32) func() error {
		return func() (err error) {
			*dst, err = r.Float32s(*dst)
			return err
		}
	}
	readers := map[string]func() error{
		"reward": number(r, &reward), "traj_idx": whole(r, &traj), "group_idx": whole(r, &group),
		"logprobs": list(&p.Logprobs), "sampling_logprobs": list(&p.SamplingLogprobs), "mask": list(&p.Mask),
	}
	datum := func(d int) error {
		reward, traj, group = math.NaN(), -1, -1
		at := p.Tokens()
		if mean := at / max(d, 1); d > 0 && cap(p.Logprobs)-at < mean {
			// There are as many datums as inputs, most likely, and they are as long.
			rest := mean * (max(len(req.Inputs), d+1) - d)
			p.Logprobs, p.SamplingLogprobs, p.Mask = slices.Grow(p.Logprobs, rest), slices.Grow(p.SamplingLogprobs, rest), slices.Grow(p.Mask, rest)
		}
		if err := members(r, readers); err != nil {
			return err
		}
		if math.IsNaN(reward) {
			return lack("reward")
		}
		if traj < 0 {
			return lack("traj_idx")
		}
		if len(p.Mask) != len(p.Logprobs) || len(p.SamplingLogprobs) != len(p.Logprobs) {
			return &httpjson.Error{Detail: fmt.Sprintf("got %d logprobs, %d sampling_logprobs and %d values of mask, want as many of each",
				len(p.Logprobs)-at, len(p.SamplingLogprobs)-at, len(p.Mask)-at)}
		}
		p.Offsets = append(p.Offsets, len(p.Logprobs))
		p.Reward, p.TrajIdx, p.GroupIdx = append(p.Reward, reward), append(p.TrajIdx, traj), append(p.GroupIdx, group)
		return nil
	}
	met := false
	err := members(r, map[string]func() error{
		"forward_id": text(r, &res.ForwardID),
		"data": func() error {
			met = true
			return r.List(datum)
		},
	})
	switch {
	case err != nil:
		return nil, err
	case res.ForwardID == "" && req.Checkpoint == "":
		return nil, lack("forward_id")
	case !met:
		return nil, lack("data")
	}
	return res, nil
}

// weightsRow is how many weights are one piece of a body.
const weightsRow = 4096

// weightsBody writes every member always: metrics too, {} when there are none.
func weightsBody(req *BackwardRequest) func([]byte) ([]byte, error) {
	d, at, begun := 0, 0, false
	return func(b []byte) ([]byte, error) {
		if !begun {
			begun = true
			b = appendString(append(b, `{"forward_id":`...), req.ForwardID)
			b = append(b, `,"weights":[`...)
		}
		if d == len(req.Weights) {
			b = append(b, `],"metrics":{`...)
			for i, name := range slices.Sorted(maps.Keys(req.Metrics)) {
				if i > 0 {
					b = append(b, ',')
				}
				var err error
				if b, err = appendFloat(append(appendString(b, name), ':'), req.Metrics[name]); err != nil {
					return b, fmt.Errorf("metrics: %s: %w", name, err)
				}
			}
			return append(b, "}}"...), io.EOF
		}
		row := req.Weights[d]
		switch {
		case at > 0:
			b = append(b, ',')
		case d > 0:
			b = append(b, ",["...)
		default:
			b = append(b, '[')
		}
		end := min(at+weightsRow, len(row))
		b, err := httpjson.AppendFloat32s(b, row[at:end])
		if err != nil {
			return b, fmt.Errorf("weights: datum %d: %w", d+1, err)
		}
		if at = end; at == len(row) {
			b = append(b, ']')
			d, at = d+1, 0
		}
		return b, nil
	}
}
