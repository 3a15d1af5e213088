package runtime

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// Sentinels of the host's own calls.
var (
	ErrClosed = errors.New("runtime: the Runtime is closed")               // returned by every method after Close
	ErrBusy   = errors.New("runtime: the Runtime is running another call") // returned to a second entrant, and to a call from inside a host function
)

var errNoContext = errors.New("runtime: ctx: got nil, want a context")

// Sentinels of a stop, found in an [Error] with errors.Is.
var (
	ErrSteps       = errors.New("step limit")      // Limits.Steps is used up
	ErrMemory      = errors.New("memory limit")    // Limits.HeapBytes is exceeded
	ErrDepth       = errors.New("depth limit")     // Limits.CallDepth is used up
	ErrSize        = errors.New("size limit")      // a string, table, source text or tensor would be too large
	ErrCount       = errors.New("count limit")     // too many tasks or coroutines
	ErrInterrupted = errors.New("interrupted")     // Interrupt was called without a cause
	ErrIncomplete  = errors.New("unfinished text") // the source ends in the middle of a statement: a REPL reads on
	ErrDeadlock    = errors.New("deadlock")        // tasks wait for each other
	ErrHostBug     = errors.New("host bug")        // a host function panicked; the fault is the host's, not the script's
)

// The codes of errors that the host itself raises, beside those of the services.
const (
	CodeValidation = "validation" // an argument is wrong
	CodeLimit      = "limit"      // a limit of the host was reached
	CodeTimeout    = "timeout"    // a timeout or deadline passed
	CodeCanceled   = "canceled"   // the task or the run was cancelled
	CodeHostBug    = "host_bug"   // a host function panicked
	CodeError      = "error"      // anything else
)

// An Error is what a script did wrong, or what was done to it. Unwrap gives
// the Go error behind it, also when that error passed through pcall and was
// raised again.
type Error struct {
	Message   string // what was raised, without the position
	Source    string // the chunk's name, "" when unknown
	Line      int    // 0 when unknown
	Text      string // the source line, "" when unknown
	Traceback string // the Lua traceback, one call a line; for a host bug the Go stack follows
	Hint      string // what to do about it, or ""
	Code      string // as e.code in Lua; CodeError when the script raised a plain value
	Value     any    // what was raised, as a Go value
	Err       error  // the Go error behind it, or nil

	raw lua.LValue // what was raised; raised again unchanged in the same VM
	vm  *VM        // of raw
}

// Error is one line: position and message. Line breaks of the message are shown
// as \n there.
func (e *Error) Error() string { return oneLine.Replace(e.lines()) }

func (e *Error) lines() string {
	if e.Source == "" {
		return e.Message
	}
	return fmt.Sprintf("%s:%d: %s", e.Source, e.Line, e.Message)
}

// Lines is an error that came out of a Runtime as a person reads it: what
// err.Error puts on one line stands on as many as it has.
func Lines(err error) string {
	if many, ok := err.(*taskErrors); ok {
		lines := make([]string, len(many.errs))
		for i, err := range many.errs {
			lines[i] = Lines(err)
		}
		return strings.Join(lines, "\n")
	}
	text := err.Error()
	var e *Error
	if errors.As(err, &e) {
		text = strings.Replace(text, e.Error(), e.lines(), 1)
	}
	return text
}

var oneLine = strings.NewReplacer("\r\n", `\n`, "\n", `\n`, "\r", `\n`)

func (e *Error) Unwrap() error { return e.Err }

// ErrorCode, ErrorHint are read when the error enters Lua again.
func (e *Error) ErrorCode() string { return e.Code }
func (e *Error) ErrorHint() string { return e.Hint }

// A LimitError says which limit stopped what, and how to raise it. It wraps
// one of the sentinels.
type LimitError struct {
	What  string // "step limit"
	Used  string // what was needed
	Limit string // what was allowed
	Raise string // the flag and the Config field that raise it
	Err   error  // the sentinel
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: used %s of %s", e.What, e.Used, e.Limit)
}
func (e *LimitError) Unwrap() error     { return e.Err }
func (e *LimitError) ErrorCode() string { return CodeLimit }
func (e *LimitError) ErrorHint() string {
	if instead, none := strings.CutPrefix(e.Raise, "nothing: "); none {
		return "no flag raises it: " + instead
	}
	return "raise it with " + e.Raise
}

func newLimit(sentinel error, what string, used, limit any, raise string) *LimitError {
	return &LimitError{What: what, Used: fmt.Sprint(used), Limit: fmt.Sprint(limit), Raise: raise, Err: sentinel}
}

// wallTimeError is the deadline of Limits.WallTime.
type wallTimeError struct{ limit time.Duration }

func (e *wallTimeError) Error() string {
	return fmt.Sprintf("time limit: used %v of %v", e.limit, e.limit)
}
func (e *wallTimeError) Unwrap() error     { return context.DeadlineExceeded }
func (e *wallTimeError) ErrorCode() string { return CodeLimit }
func (e *wallTimeError) ErrorHint() string {
	return "raise it with --timeout or Limits.WallTime"
}

// An ExitError is what Run returns when the script called os.exit.
type ExitError struct{ Code int }

func (e *ExitError) Error() string { return fmt.Sprintf("exit %d", e.Code) }

// A Fault is an error made for a script: a code to branch on, a message in
// the form "function: what was wrong: the values", and a hint.
type Fault struct {
	Code    string
	Message string
	Hint    string
	Status  int   // HTTP status, or 0
	Err     error // the cause, or nil
}

func (f *Fault) Error() string     { return f.Message }
func (f *Fault) Unwrap() error     { return f.Err }
func (f *Fault) ErrorCode() string { return f.Code }
func (f *Fault) ErrorHint() string { return f.Hint }
func (f *Fault) ErrorStatus() int  { return f.Status }

// maxQuoted bytes of a text stand in a message: a script's own text may be
// megabytes, which take longer to quote than a stop may take.
const maxQuoted = 200

// Quote is s in quotes, as messages show it: cut where it is long.
func Quote(s string) string {
	if len(s) > maxQuoted {
		return fmt.Sprintf("%q…", s[:maxQuoted])
	}
	return fmt.Sprintf("%q", s)
}

// maxInserted bytes of one text are put into the message of a Fault.
const maxInserted = 2_000

// Faultf makes a Fault; %w keeps a cause. Of a long text among args the
// beginning stands in the message.
func Faultf(code, format string, args ...any) *Fault {
	for i, a := range args {
		if s, ok := a.(string); ok && len(s) > maxInserted {
			args[i] = s[:maxInserted] + "…"
		}
	}
	err := fmt.Errorf(format, args...)
	return &Fault{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// canceledError is the cause that ended the caller's context. It is also the
// context's error, so that errors.Is finds context.Canceled where a cause was
// given.
type canceledError struct{ cause, err error }

func (e *canceledError) Error() string   { return e.cause.Error() }
func (e *canceledError) Unwrap() []error { return []error{e.cause, e.err} }

// withContext adds what ended ctx to err, which it caused.
func withContext(ctx context.Context, err error) error {
	cause := causeOf(ctx)
	if cause == nil || errors.Is(err, ctx.Err()) || !errors.Is(err, cause) {
		return err
	}
	both := &canceledError{cause, ctx.Err()}
	var e *Error
	if err == cause {
		return both
	}
	if errors.As(err, &e) && e.Err == cause {
		e.Err = both
		if e.Code == CodeError {
			e.Code = errorCode(ctx.Err())
		}
	}
	return err
}

// taskErrors are the error of a call and those of tasks that nobody waited for.
type taskErrors struct{ errs []error }

func (t *taskErrors) Error() string {
	lines := make([]string, len(t.errs))
	for i, err := range t.errs {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "; ")
}
func (t *taskErrors) Unwrap() []error { return t.errs }

// hostBug is a panic of a host function.
type hostBug struct {
	value any
	stack string
}

func (b *hostBug) Error() string {
	return fmt.Sprintf("host bug: %v (a host function panicked; the Go stack is in the traceback)", b.value)
}
func (b *hostBug) Unwrap() []error {
	if err, ok := b.value.(error); ok {
		return []error{ErrHostBug, err}
	}
	return []error{ErrHostBug}
}
func (b *hostBug) ErrorCode() string { return CodeHostBug }

// These small interfaces are found with errors.As, so that the packages which
// define errors need not know this one.
type (
	coder    interface{ ErrorCode() string }
	hinter   interface{ ErrorHint() string }
	statuser interface{ ErrorStatus() int }
)

func errorCode(err error) string {
	var c coder
	switch {
	case errors.As(err, &c) && c.ErrorCode() != "":
		return c.ErrorCode()
	case errors.Is(err, context.DeadlineExceeded):
		return CodeTimeout
	case errors.Is(err, context.Canceled):
		return CodeCanceled
	}
	return CodeError
}

func errorHint(err error) string {
	var h hinter
	if errors.As(err, &h) {
		return h.ErrorHint()
	}
	return ""
}

func errorStatus(err error) int {
	var s statuser
	if errors.As(err, &s) {
		return s.ErrorStatus()
	}
	return 0
}

// stopMessage says why a thread was stopped.
func stopMessage(cause error) string {
	switch {
	case cause == context.Canceled:
		return "the run was cancelled"
	case cause == context.DeadlineExceeded:
		return "the deadline passed"
	}
	return strings.TrimSpace(cause.Error())
}
