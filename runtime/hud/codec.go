package hud

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/hudrl/hudrl/internal/httpjson"
)

// MarshalJSON writes a trace id as a string and a payload as an object.
func (in TrainInput) MarshalJSON() ([]byte, error) { return appendInput(nil, in) }

// UnmarshalJSON reads a string or an object. It is strict: unknown fields,
// missing fields, and nulls where a number belongs are errors.
func (in *TrainInput) UnmarshalJSON(data []byte) error {
	return unmarshal(in, data, "train input", readInput)
}

// MarshalJSON writes the protocol's object.
func (p *TrajectoryPayload) MarshalJSON() ([]byte, error) { return appendPayload(nil, p) }

// UnmarshalJSON reads the protocol's object, strictly.
func (p *TrajectoryPayload) UnmarshalJSON(data []byte) error {
	return unmarshal(p, data, "trajectory", readPayload)
}

// MarshalJSON writes the protocol's object: the output lists always, as []
// when empty, the prompt only when there is one.
func (s TrajectorySample) MarshalJSON() ([]byte, error) { return appendSample(nil, &s) }

// UnmarshalJSON reads the protocol's object, strictly. Empty lists are read
// as nil, whichever way the sender spelt them.
func (s *TrajectorySample) UnmarshalJSON(data []byte) error {
	return unmarshal(s, data, "sample", readSample)
}

func unmarshal[T any](dst *T, data []byte, what string, read func(*httpjson.Reader) (T, error)) error {
	v, err := read(httpjson.Bytes(data))
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	*dst = v
	return nil
}

func readInput(r *httpjson.Reader) (in TrainInput, err error) {
	switch r.Kind() {
	case '"':
		in.TraceID, err = r.String()
		if err == nil && in.TraceID == "" {
			err = &httpjson.Error{Detail: "got an empty trace id"}
		}
	case '{':
		p, err := readPayload(r)
		return TrainInput{Payload: &p}, err
	default:
		err = r.Expected("a trace id or a trajectory object")
	}
	return in, err
}

func readPayload(r *httpjson.Reader) (p TrajectoryPayload, err error) {
	err = r.Fields(
		httpjson.Field{Name: "samples", Required: true, Read: func() error {
			err := r.List(func(int) error {
				s, err := readSample(r)
				p.Samples = append(p.Samples, s)
				return err
			})
			if err == nil && len(p.Samples) == 0 {
				err = &httpjson.Error{Detail: "got none, want at least 1"}
			}
			return err
		}},
		httpjson.Field{Name: "reward", Required: true, Read: httpjson.Into(&p.Reward, r.Float)},
		httpjson.Field{Name: "trace_id", Read: httpjson.Into(&p.TraceID, r.String)},
	)
	return p, err
}

func readSample(r *httpjson.Reader) (s TrajectorySample, err error) {
	ints := func(dst *[]int) func() error {
		return httpjson.Into(dst, func() ([]int, error) { return r.Ints(nil) })
	}
	err = r.Fields(
		httpjson.Field{Name: "prompt_token_ids", Read: ints(&s.PromptTokenIDs)},
		httpjson.Field{Name: "prompt_chunks", Read: func() error {
			return r.List(func(int) error {
				if r.Kind() != '{' {
					return r.Expected("an object")
				}
				chunk, err := r.Raw()
				s.PromptChunks = append(s.PromptChunks, chunk)
				return err
			})
		}},
		httpjson.Field{Name: "output_token_ids", Required: true, Read: ints(&s.OutputTokenIDs)},
		httpjson.Field{Name: "output_logprobs", Read: httpjson.Into(&s.OutputLogprobs, func() ([]float32, error) { return r.Float32s(nil) })},
	)
	return s, err
}

func appendInput(b []byte, in TrainInput) ([]byte, error) {
	switch {
	case in.TraceID != "" && in.Payload != nil:
		return nil, fmt.Errorf("train input: got a trace id and a payload, want one of them")
	case in.Payload != nil:
		return appendPayload(b, in.Payload)
	case in.TraceID != "":
		return appendString(b, in.TraceID), nil
	}
	return nil, fmt.Errorf("train input: got neither a trace id nor a payload")
}

func appendPayload(b []byte, p *TrajectoryPayload) ([]byte, error) {
	var err error
	b = append(b, `{"samples":[`...)
	for i := range p.Samples {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendSample(b, &p.Samples[i]); err != nil {
			return nil, fmt.Errorf("samples[%d]: %w", i+1, err)
		}
	}
	b = append(b, `],"reward":`...)
	if b, err = appendFloat(b, p.Reward); err != nil {
		return nil, fmt.Errorf("reward: %w", err)
	}
	if p.TraceID != "" {
		b = append(b, `,"trace_id":`...)
		b = appendString(b, p.TraceID)
	}
	return append(b, '}'), nil
}

func appendSample(b []byte, s *TrajectorySample) ([]byte, error) {
	b = append(b, '{')
	if len(s.PromptTokenIDs) > 0 {
		b = append(b, `"prompt_token_ids":`...)
		b = append(appendInts(b, s.PromptTokenIDs), ',')
	}
	if len(s.PromptChunks) > 0 {
		// As they are: a null inside a chunk stays.
		chunks, err := json.Marshal(s.PromptChunks)
		if err != nil {
			return nil, fmt.Errorf("prompt_chunks: %w", err)
		}
		b = append(b, `"prompt_chunks":`...)
		b = append(append(b, chunks...), ',')
	}
	b = append(b, `"output_token_ids":`...)
	b = appendInts(b, s.OutputTokenIDs)
	b = append(b, `,"output_logprobs":[`...)
	b, err := httpjson.AppendFloat32s(b, s.OutputLogprobs)
	if err != nil {
		return nil, fmt.Errorf("output_logprobs: %w", err)
	}
	return append(b, "]}"...), nil
}

func appendInts(b []byte, list []int) []byte {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(v), 10)
	}
	return append(b, ']')
}

func appendFloat(b []byte, v float64) ([]byte, error) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil, fmt.Errorf("got %v, want a finite number", v)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64), nil
}

func appendString(b []byte, s string) []byte {
	text, _ := json.Marshal(s) // a string can always be written
	return append(b, text...)
}
