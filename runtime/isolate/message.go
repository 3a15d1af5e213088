package isolate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"unicode/utf8"

	"github.com/hudrl/hudrl/runtime"
)

// A message goes from a child to its parent, one a line.
type message struct {
	Out    []byte   `json:"out,omitempty"`
	Err    []byte   `json:"err,omitempty"`
	Done   bool     `json:"done,omitempty"`
	Values []any    `json:"values,omitempty"`
	Exit   *int     `json:"exit,omitempty"` // of os.exit
	Error  *failure `json:"error,omitempty"`
}

// failure is a *runtime.Error on the wire.
type failure struct {
	Message, Source, Text, Hint, Code, Traceback string
	Line                                         int
	Is                                           []int // of sentinels, those that errors.Is finds in it
}

// sentinels are what errors.Is finds in an error on this side, too.
var sentinels = []error{
	runtime.ErrSteps, runtime.ErrMemory, runtime.ErrDepth, runtime.ErrSize, runtime.ErrCount, runtime.ErrDeadlock,
	runtime.ErrHostBug, runtime.ErrIncomplete, context.DeadlineExceeded, context.Canceled,
}

// remote is a child's error.
type remote struct {
	message string
	is      []error
}

func (e *remote) Error() string   { return e.message }
func (e *remote) Unwrap() []error { return e.is }

// answer is the last message of a child.
func answer(values []any, err error) message {
	if err == nil {
		for i, v := range values {
			if err = plain(v); err != nil {
				err = fmt.Errorf("isolate: result %d cannot be sent: %w", i+1, err)
				break
			}
		}
	}
	var exit *runtime.ExitError
	switch {
	case err == nil:
		return message{Done: true, Values: values}
	case errors.As(err, &exit):
		return message{Done: true, Exit: &exit.Code}
	}
	f := &failure{Message: err.Error()}
	var e *runtime.Error
	if errors.As(err, &e) {
		f = &failure{Message: e.Message, Source: e.Source, Text: e.Text, Hint: e.Hint, Code: e.Code, Traceback: e.Traceback, Line: e.Line}
	}
	for i, s := range sentinels {
		if errors.Is(err, s) {
			f.Is = append(f.Is, i)
		}
	}
	return message{Done: true, Error: f}
}

// plain reports why v would not arrive as it is.
func plain(v any) error {
	switch v := v.(type) {
	case nil, bool:
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("got %v, want a finite number", v)
		}
	case string:
		if !utf8.ValidString(v) {
			return errors.New("a string is not UTF-8")
		}
	case []any:
		for _, e := range v {
			if err := plain(e); err != nil {
				return err
			}
		}
	case map[string]any:
		for k, e := range v {
			if err := errors.Join(plain(k), plain(e)); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("got a %T, want plain data: numbers, strings, lists and tables with string keys", v)
	}
	return nil
}

// result is what Run returns.
func (m *message) result() ([]any, error) {
	if m.Exit != nil {
		return nil, &runtime.ExitError{Code: *m.Exit}
	}
	f := m.Error
	if f == nil {
		return m.Values, nil
	}
	cause := &remote{message: f.Message}
	for _, i := range f.Is {
		if i >= 0 && i < len(sentinels) {
			cause.is = append(cause.is, sentinels[i])
		}
	}
	return nil, &runtime.Error{Message: f.Message, Source: f.Source, Line: f.Line, Text: f.Text, Hint: f.Hint, Code: f.Code, Traceback: f.Traceback, Err: cause}
}

// maxPart of what a script prints goes into one message.
const maxPart = 64 << 10

// A writer sends what a script prints.
type writer func(text []byte)

func (w writer) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), maxPart)
		w(rest[:n])
		rest = rest[n:]
	}
	return len(p), nil
}

// A reader takes a child's messages, none of which it trusts.
type reader struct {
	o    Options
	most int
	rest []byte
	last *message
	err  error
}

func (r *reader) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		line, after, whole := bytes.Cut(p, []byte{'\n'})
		r.rest = append(r.rest, line...)
		if len(r.rest) > r.most {
			r.err = &Ended{"result limit", fmt.Sprintf("more than %d bytes", r.most)}
			return 0, r.err
		}
		if !whole {
			break
		}
		if err := r.message(r.rest); err != nil {
			r.err = err
			return 0, err
		}
		r.rest, p = r.rest[:0], after
	}
	return n, nil
}

func (r *reader) message(line []byte) error {
	var m message
	if err := json.Unmarshal(line, &m); err != nil || r.last != nil {
		return &Ended{"crashed", "what it sent is no answer"}
	}
	show := func(w io.Writer, text []byte) {
		if w != nil && len(text) > 0 {
			w.Write(text)
		}
	}
	show(r.o.Stdout, m.Out)
	show(r.o.Stderr, m.Err)
	if m.Done {
		r.last = &m
	}
	return nil
}
