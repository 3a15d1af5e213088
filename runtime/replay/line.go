package replay

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/hudrl/hudrl/runtime/hud"
)

// Version is the format of the recordings that this package makes and reads.
const Version = 1

// About says what was recorded, for people; all of it is optional.
type About struct {
	Hudrl   string `json:"hudrl,omitempty"`   // the version that recorded
	Service string `json:"service,omitempty"` // "local", or an address
	Script  string `json:"script,omitempty"`
	Source  string `json:"source,omitempty"`  // a hash of its text
	Kernels string `json:"kernels,omitempty"` // the arithmetic, whose last digits differ
	Seed    *int64 `json:"seed,omitempty"`
}

// header is a recording's first line.
type header struct {
	Recording int `json:"recording"` // Version
	About
}

// A line is an exchange, or the end of the recording.
type line struct {
	Op      string          `json:"op"`
	At      string          `json:"at"` // the address that a script gave
	Request json.RawMessage `json:"request"`
	Answer  json.RawMessage `json:"answer"`
	Error   json.RawMessage `json:"error"` // a failure
	Deltas  []string        `json:"deltas"`

	// Overlaps says that this call, or one not written yet, was under way
	// together with one that changes a model.
	Overlaps bool `json:"overlaps"`

	End *summary `json:"end"`
}

// A summary is what the last line says.
type summary struct {
	Exchanges int      `json:"exchanges"`
	Models    []string `json:"models"` // that were asked for by name
}

// A failure is a recorded error.
type failure struct {
	Op, Detail, Hint string
	Code             hud.Code
	Status           int
	Unknown          bool
	Cause            string // "canceled" or "deadline": the caller had stopped waiting
	Plain            bool   // it was no *hud.Error
}

const (
	causeCanceled = "canceled"
	causeDeadline = "deadline"
)

func failureOf(err error) *failure {
	f := &failure{Detail: err.Error(), Plain: true}
	if e := (*hud.Error)(nil); errors.As(err, &e) {
		f = &failure{Op: e.Op, Detail: e.Detail, Hint: e.Hint, Code: e.Code, Status: e.Status, Unknown: e.Unknown}
	}
	switch {
	case errors.Is(err, context.Canceled):
		f.Cause = causeCanceled
	case errors.Is(err, context.DeadlineExceeded):
		f.Cause = causeDeadline
	}
	return f
}

func (f *failure) err() error {
	cause := map[string]error{causeCanceled: context.Canceled, causeDeadline: context.DeadlineExceeded}[f.Cause]
	if f.Plain {
		if cause != nil && f.Detail == cause.Error() {
			return cause
		}
		return &plainError{f.Detail, cause}
	}
	return &hud.Error{Op: f.Op, Detail: f.Detail, Hint: f.Hint, Code: f.Code, Status: f.Status, Unknown: f.Unknown, Err: cause}
}

// A plainError is a recorded error that was not the protocol's.
type plainError struct {
	text  string
	cause error
}

func (e *plainError) Error() string { return e.text }
func (e *plainError) Unwrap() error { return e.cause }

// changes are the operations that change a model.
var changes = map[string]bool{"forward_backward": true, "backward": true, "optim_step": true, "set_head": true, "fork": true}
