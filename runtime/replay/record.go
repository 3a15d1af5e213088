package replay

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/hudrl/hudrl/runtime/hud"
)

// Options configure Record.
type Options struct {
	About

	// OnError is told once when the recording cannot be written; the calls go
	// on, unrecorded. It may be nil: Close tells too.
	OnError func(error)
}

// A Recorder is a hud.Service, and whatever else a service may be, that asks
// another and writes down what was said.
type Recorder struct {
	*service
	tape *tape
}

// Record begins a recording of svc. w is written to at once; a line is one
// Write.
func Record(svc hud.Service, w io.Writer, o Options) (*Recorder, error) {
	t := &tape{w: w, onError: o.OnError, models: map[string]bool{}}
	t.write(append(new(encoder).encode(header{Version, o.About}), '\n'))
	if t.err != nil {
		return nil, t.err
	}
	return &Recorder{&service{medium: t, inner: svc, names: newNames()}, t}, nil
}

// Close writes what was held back and the end. It closes neither the service
// nor the writer, and returns the error of the first write that failed. Calls
// made afterwards are passed on unrecorded.
func (r *Recorder) Close() error {
	t := r.tape
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return t.err
	}
	t.flush()
	end := summary{Exchanges: t.exchanges, Models: slices.Sorted(maps.Keys(t.models))}
	t.write(append(new(encoder).encode(struct{ End *summary }{&end}), '\n'))
	t.closed = true
	return t.err
}

// mostHeld is how many bytes wait for their place in the order.
const mostHeld = 64 << 20

// A tape is a recording that is being made.
type tape struct {
	onError func(error)

	mu        sync.Mutex
	w         io.Writer
	err       error // of the first write that failed
	closed    bool
	exchanges int
	models    map[string]bool

	underWay int // calls
	changing int // of them those that change a model
	overlaps bool

	held     []*told // since the last call that changes a model
	heldSize int
}

// told is an exchange that is over.
type told struct {
	*exchange
	text []byte
}

// byRequest orders exchanges by what they ask.
func byRequest(a, b *told) int {
	return cmp.Or(strings.Compare(a.op, b.op), strings.Compare(a.at, b.at), bytes.Compare(a.request, b.request))
}

// pass implements medium.
func (t *tape) pass(_ context.Context, x *exchange, live func() (any, error)) (answer any, recorded []byte, err error) {
	t.mu.Lock()
	t.begin(x)
	t.mu.Unlock()
	over := false
	defer func() {
		if !over { // live panicked
			t.mu.Lock()
			t.end(x)
			t.mu.Unlock()
		}
	}()
	answer, err = live()
	text := x.line(answer, err)
	t.mu.Lock()
	defer t.mu.Unlock()
	over = true
	t.end(x)
	if t.closed || t.err != nil {
		return answer, nil, err
	}
	if x.named != "" {
		t.models[x.named] = true
	}
	t.held = append(t.held, &told{x, text})
	t.heldSize += len(text) + len(x.request)
	if changes[x.op] || t.heldSize > mostHeld {
		t.flush()
	}
	return answer, nil, err
}

func (t *tape) begin(x *exchange) {
	if t.changing > 0 || changes[x.op] && t.underWay > 0 {
		t.overlaps = true
	}
	t.underWay++
	if changes[x.op] {
		t.changing++
	}
}

func (t *tape) end(x *exchange) {
	t.underWay--
	if changes[x.op] {
		t.changing--
	}
}

// line is an exchange's text, without its last brace.
func (x *exchange) line(answer any, err error) []byte {
	var plain encoder
	b := append([]byte(`{"op":`), strconv.Quote(x.op)...)
	if x.at != "" {
		b = appendText(append(b, `,"at":`...), x.at)
	}
	b = append(append(b, `,"request":`...), x.request...)
	if x.state != nil {
		b = append(append(b, `,"state":`...), x.state...)
	}
	if x.deltas != nil {
		b = append(append(b, `,"deltas":`...), plain.encode(x.deltas)...)
	}
	if err != nil {
		return append(append(b, `,"error":`...), plain.encode(failureOf(err))...)
	}
	if _, nothing := answer.(struct{}); nothing {
		return b
	}
	return append(append(b, `,"answer":`...), plain.encode(answer)...)
}

// flush writes what is held. Calls that may come in any order are sorted by what
// they ask, the same ones as they ended; a lookup that was made again, for the
// same answer, is left out. A call that changes a model is the last of those
// held.
func (t *tape) flush() {
	some, last := t.held, []*told(nil)
	if n := len(some); n > 0 && changes[some[n-1].op] {
		some, last = some[:n-1], some[n-1:]
	}
	slices.SortStableFunc(some, byRequest)
	some = slices.CompactFunc(some, func(a, b *told) bool { return lookups[a.op] && byRequest(a, b) == 0 && bytes.Equal(a.text, b.text) })
	for _, e := range slices.Concat(some, last) {
		if t.overlaps {
			e.text = append(e.text, `,"overlaps":true`...)
			t.overlaps = false
		}
		t.exchanges++
		t.write(append(e.text, "}\n"...))
	}
	t.held, t.heldSize = nil, 0
}

func (t *tape) write(text []byte) {
	if t.err != nil {
		return
	}
	n, err := t.w.Write(text)
	if err == nil && n < len(text) {
		err = io.ErrShortWrite
	}
	if err != nil {
		t.err = fmt.Errorf("record: %w", err)
		if t.onError != nil {
			t.onError(t.err)
		}
	}
}
