package hud

import "strings"

// A Code says what kind of failure an Error is.
type Code string

// The codes. A script reads them as e.code.
const (
	CodeValidation  Code = "validation"   // the request is wrong; nothing was spent
	CodeAuth        Code = "auth"         // no key, or a refused one
	CodeNotFound    Code = "not_found"    // no such model, checkpoint, forward pass or trace
	CodeRateLimited Code = "rate_limited" // too many requests
	CodeTimeout     Code = "timeout"      // no answer in time: the outcome is unknown
	CodeNetwork     Code = "network"      // the service could not be reached
	CodeConflict    Code = "conflict"     // stale forward pass, or state that moved on
	CodeNoGradient  Code = "no_gradient"  // an optimizer step with nothing accumulated
	CodeServer      Code = "server"       // the service failed
	CodeLimit       Code = "limit"        // a host limit was reached
)

// An Error is every failure of a Service and of the TrainingClient. It never
// holds a key.
type Error struct {
	Op     string // the operation, as a script calls it: "optim_step"
	Code   Code
	Status int    // HTTP status, or what it would have been; 0 for errors found before sending
	Detail string // what was wrong, with the values
	Hint   string // what to do about it, or ""
	Err    error  // the cause, or nil

	// Unknown says that the request was sent and the service did not say what
	// became of it: it may have had its effect.
	Unknown bool
}

// Error is one line: the operation, then the detail.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op)
		b.WriteString(": ")
	}
	if e.Detail == "" {
		b.WriteString(string(e.Code))
	} else {
		b.WriteString(e.Detail)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// ErrorCode, ErrorHint and ErrorStatus let a scripting host read an Error
// without knowing this package.
func (e *Error) ErrorCode() string { return string(e.Code) }
func (e *Error) ErrorHint() string { return e.Hint }
func (e *Error) ErrorStatus() int  { return e.Status }
