package hud

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// MarshalJSON writes a trace id as a string and a payload as an object.
func (in TrainInput) MarshalJSON() ([]byte, error) {
	switch {
	case in.TraceID != "" && in.Payload != nil:
		return nil, fmt.Errorf("train input: got a trace id and a payload, want one of them")
	case in.Payload != nil:
		return json.Marshal(in.Payload)
	case in.TraceID != "":
		return json.Marshal(in.TraceID)
	}
	return nil, fmt.Errorf("train input: got neither a trace id nor a payload")
}

// UnmarshalJSON reads a string or an object. It is strict: unknown fields,
// missing fields, and nulls where a number belongs are errors.
func (in *TrainInput) UnmarshalJSON(data []byte) error {
	data = bytes.TrimLeft(data, " \t\r\n")
	if len(data) == 0 {
		return fmt.Errorf("train input: got nothing, want a trace id or a trajectory object")
	}
	switch data[0] {
	case '"':
		var id string
		if err := json.Unmarshal(data, &id); err != nil {
			return err
		}
		if id == "" {
			return fmt.Errorf("train input: got an empty trace id")
		}
		*in = TrainInput{TraceID: id}
		return nil
	case '{':
		p := new(TrajectoryPayload)
		if err := json.Unmarshal(data, p); err != nil {
			return err
		}
		*in = TrainInput{Payload: p}
		return nil
	}
	return fmt.Errorf("train input: got %s, want a trace id or a trajectory object", clip(data))
}

type wirePayload struct {
	Samples *[]TrajectorySample `json:"samples"`
	Reward  *float64            `json:"reward"`
	TraceID *string             `json:"trace_id"`
}

// UnmarshalJSON reads the protocol's object, strictly.
func (p *TrajectoryPayload) UnmarshalJSON(data []byte) error {
	var w wirePayload
	if err := strict(data, &w); err != nil {
		return fmt.Errorf("trajectory: %w", err)
	}
	switch {
	case w.Samples == nil || len(*w.Samples) == 0:
		return fmt.Errorf("trajectory: samples: got none, want at least 1")
	case w.Reward == nil:
		return fmt.Errorf("trajectory: reward: missing")
	}
	*p = TrajectoryPayload{Samples: *w.Samples, Reward: *w.Reward}
	if w.TraceID != nil {
		p.TraceID = *w.TraceID
	}
	return nil
}

// wireSample is TrajectorySample as it travels. Its lists refuse nulls, which
// encoding/json would read as zeros.
type wireSample struct {
	PromptTokenIDs intList     `json:"prompt_token_ids,omitempty"`
	PromptChunks   []chunk     `json:"prompt_chunks,omitempty"`
	OutputTokenIDs *intList    `json:"output_token_ids"`
	OutputLogprobs float32List `json:"output_logprobs"`
}

// MarshalJSON writes the protocol's object: the output lists always, as []
// when empty, the prompt only when there is one.
func (s TrajectorySample) MarshalJSON() ([]byte, error) {
	outputs := intList(s.OutputTokenIDs)
	w := wireSample{PromptTokenIDs: s.PromptTokenIDs, OutputTokenIDs: &outputs, OutputLogprobs: s.OutputLogprobs}
	for _, c := range s.PromptChunks {
		w.PromptChunks = append(w.PromptChunks, chunk(c))
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads the protocol's object, strictly. Empty lists are read
// as nil, whichever way the sender spelt them.
func (s *TrajectorySample) UnmarshalJSON(data []byte) error {
	var w wireSample
	if err := strict(data, &w); err != nil {
		return fmt.Errorf("sample: %w", err)
	}
	if w.OutputTokenIDs == nil {
		return fmt.Errorf("sample: output_token_ids: missing")
	}
	*s = TrajectorySample{PromptTokenIDs: someOf(w.PromptTokenIDs), OutputTokenIDs: someOf(*w.OutputTokenIDs), OutputLogprobs: someOf(w.OutputLogprobs)}
	for _, c := range w.PromptChunks {
		s.PromptChunks = append(s.PromptChunks, json.RawMessage(c))
	}
	return nil
}

func someOf[S ~[]E, E any](list S) S {
	if len(list) == 0 {
		return nil
	}
	return list
}

// chunk is one prompt chunk, an object that is kept as it came.
type chunk json.RawMessage

func (c chunk) MarshalJSON() ([]byte, error) { return json.RawMessage(c).MarshalJSON() }

func (c *chunk) UnmarshalJSON(data []byte) error {
	if data[0] != '{' {
		return fmt.Errorf("prompt_chunks: got %s, want an object", clip(data))
	}
	*c = append((*c)[:0], data...)
	return nil
}

type intList []int

func (l intList) MarshalJSON() ([]byte, error) {
	buf := make([]byte, 0, 2+6*len(l))
	buf = append(buf, '[')
	for i, v := range l {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = strconv.AppendInt(buf, int64(v), 10)
	}
	return append(buf, ']'), nil
}

func (l *intList) UnmarshalJSON(data []byte) error {
	*l = intList{}
	return eachElement(data, func(i int, text []byte) error {
		v, err := strconv.Atoi(string(text))
		if err != nil {
			return fmt.Errorf("token %d: got %s, want an integer", i+1, clip(text))
		}
		*l = append(*l, v)
		return nil
	})
}

type float32List []float32

func (l float32List) MarshalJSON() ([]byte, error) {
	buf := make([]byte, 0, 2+12*len(l))
	buf = append(buf, '[')
	for i, v := range l {
		if !finite(float64(v)) {
			return nil, fmt.Errorf("value %d: got %v, want a finite number", i+1, v)
		}
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = strconv.AppendFloat(buf, float64(v), 'g', -1, 32)
	}
	return append(buf, ']'), nil
}

func (l *float32List) UnmarshalJSON(data []byte) error {
	*l = float32List{}
	return eachElement(data, func(i int, text []byte) error {
		v, err := strconv.ParseFloat(string(text), 32)
		if err != nil || !finite(v) || text[0] != '-' && (text[0] < '0' || text[0] > '9') {
			return fmt.Errorf("value %d: got %s, want a finite number", i+1, clip(text))
		}
		*l = append(*l, float32(v))
		return nil
	})
}

// eachElement calls f with the text of each element of a JSON array of
// scalars, or does nothing for null. The caller of an UnmarshalJSON has
// checked the syntax; an element that holds commas of its own is cut at them
// and refused by f.
func eachElement(data []byte, f func(i int, text []byte) error) error {
	data = bytes.TrimSpace(data)
	if string(data) == "null" {
		return nil
	}
	if len(data) < 2 || data[0] != '[' {
		return fmt.Errorf("got %s, want a list of numbers", clip(data))
	}
	data = bytes.TrimSpace(data[1 : len(data)-1])
	for i := 0; len(data) > 0; i++ {
		text, rest, _ := bytes.Cut(data, []byte{','})
		text = bytes.TrimSpace(text)
		if len(text) == 0 {
			return fmt.Errorf("element %d: got nothing, want a number", i+1)
		}
		if err := f(i, text); err != nil {
			return err
		}
		data = rest
	}
	return nil
}

// strict decodes one object and refuses fields that v does not have.
func strict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// clip shortens text for an error message.
func clip(text []byte) string {
	const most = 40
	if len(text) > most {
		return string(bytes.ToValidUTF8(text[:most], nil)) + "…"
	}
	return string(text)
}
