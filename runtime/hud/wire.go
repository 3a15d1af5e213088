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

// A datumReader reads datums into a batch: that of an answer, or a part of it.
type datumReader struct {
	r       *httpjson.Reader
	readers map[string]func() error

	p           *Packed
	reward      float64
	traj, group int

	room func(datums int) // in the answer's batch
	to   *Packed          // that batch, where p is only a part of it
}

// newDatumReader makes a reader into p.
func newDatumReader(r *httpjson.Reader, p *Packed, room func(int)) *datumReader {
	x := &datumReader{r: r, p: p, room: room}
	list := func(dst *[]float32) func() error {
		return func() (err error) {
			*dst, err = r.Float32s(*dst)
			return err
		}
	}
	x.readers = map[string]func() error{
		"reward": number(r, &x.reward), "traj_idx": whole(r, &x.traj), "group_idx": whole(r, &x.group),
		"logprobs": list(&p.Logprobs), "sampling_logprobs": list(&p.SamplingLogprobs), "mask": list(&p.Mask),
	}
	return x
}

// Element implements httpjson.Part.
func (x *datumReader) Element(int) error {
	p := x.p
	x.reward, x.traj, x.group = math.NaN(), -1, -1
	at := p.Tokens()
	if x.to == nil {
		x.room(1)
	}
	if err := members(x.r, x.readers); err != nil {
		return err
	}
	if math.IsNaN(x.reward) {
		return lack("reward")
	}
	if x.traj < 0 {
		return lack("traj_idx")
	}
	if len(p.Mask) != len(p.Logprobs) || len(p.SamplingLogprobs) != len(p.Logprobs) {
		return &httpjson.Error{Detail: fmt.Sprintf("got %d logprobs, %d sampling_logprobs and %d values of mask, want as many of each",
			len(p.Logprobs)-at, len(p.SamplingLogprobs)-at, len(p.Mask)-at)}
	}
	p.Offsets = append(p.Offsets, len(p.Logprobs))
	p.Reward, p.TrajIdx, p.GroupIdx = append(p.Reward, x.reward), append(p.TrajIdx, x.traj), append(p.GroupIdx, x.group)
	return nil
}

// Merge implements httpjson.Part.
func (x *datumReader) Merge() error {
	p, to := x.p, x.to
	x.room(p.Len())
	for _, end := range p.Offsets[1:] {
		to.Offsets = append(to.Offsets, to.Tokens()+end-p.Offsets[0])
		p.Offsets[0] = end
	}
	to.Logprobs, to.SamplingLogprobs, to.Mask = append(to.Logprobs, p.Logprobs...), append(to.SamplingLogprobs, p.SamplingLogprobs...), append(to.Mask, p.Mask...)
	to.Reward, to.TrajIdx, to.GroupIdx = append(to.Reward, p.Reward...), append(to.TrajIdx, p.TrajIdx...), append(to.GroupIdx, p.GroupIdx...)
	p.Offsets = append(p.Offsets[:0], 0)
	p.Logprobs, p.SamplingLogprobs, p.Mask = p.Logprobs[:0], p.SamplingLogprobs[:0], p.Mask[:0]
	p.Reward, p.TrajIdx, p.GroupIdx = p.Reward[:0], p.TrajIdx[:0], p.GroupIdx[:0]
	return nil
}

// readForward reads the answer of forward straight into packed slices.
func readForward(r *httpjson.Reader, req *ForwardRequest) (*ForwardResult, error) {
	n := positions(req.Inputs)
	p := &Packed{
		Offsets:  []int{0},
		Logprobs: make([]float32, 0, n), SamplingLogprobs: make([]float32, 0, n), Mask: make([]float32, 0, n),
	}
	res := &ForwardResult{Data: p}
	// There are as many datums as inputs, most likely, and they are as long as
	// those so far.
	room := func(datums int) {
		d := p.Len()
		if mean := p.Tokens() / max(d, 1); cap(p.Logprobs)-len(p.Logprobs) < mean*datums {
			rest := mean * max(len(req.Inputs)-d, datums)
			p.Logprobs, p.SamplingLogprobs, p.Mask = slices.Grow(p.Logprobs, rest), slices.Grow(p.SamplingLogprobs, rest), slices.Grow(p.Mask, rest)
		}
	}
	part := func(r *httpjson.Reader) httpjson.Part {
		const some = 4 << 10
		x := newDatumReader(r, &Packed{
			Offsets: []int{0}, Logprobs: make([]float32, 0, some), SamplingLogprobs: make([]float32, 0, some), Mask: make([]float32, 0, some),
		}, room)
		x.to = p
		return x
	}
	met := false
	err := members(r, map[string]func() error{
		"forward_id": text(r, &res.ForwardID),
		"data": func() error {
			met = true
			return r.Spread(newDatumReader(r, p, room).Element, part)
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
