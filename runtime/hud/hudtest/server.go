package hudtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// A Server is an HTTP server in memory whose answers a test spoils. Nothing of
// it touches the network, so it also runs on the clock of testing/synctest.
type Server struct {
	URL string // for the addresses of a hud.Config, beside DialContext

	handler http.Handler
	conns   chan net.Conn
	closed  chan struct{}
	close   func()

	mu      sync.Mutex
	faults  map[string][]Fault
	seen    map[string]int
	applied map[string]int
	headers []http.Header
	dialled int
}

// NewServer serves h until the test ends.
func NewServer(t testing.TB, h http.Handler) *Server {
	s := &Server{
		URL: "http://hud.test", handler: h, conns: make(chan net.Conn), closed: make(chan struct{}),
		faults: map[string][]Fault{}, seen: map[string]int{}, applied: map[string]int{},
	}
	server := &http.Server{Handler: http.HandlerFunc(s.serve)}
	s.close = sync.OnceFunc(func() {
		close(s.closed)
		server.Close()
	})
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.Serve(memory{s})
	}()
	t.Cleanup(func() {
		s.close()
		<-served
	})
	return s
}

// DialContext connects to the server, whatever the address.
func (s *Server) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	s.mu.Lock()
	s.dialled++
	s.mu.Unlock()
	ours, theirs := net.Pipe()
	select {
	case s.conns <- theirs:
		return ours, nil
	case <-s.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Stop closes the server: connections are refused from then on.
func (s *Server) Stop() { s.close() }

// memory is the server's listener.
type memory struct{ *Server }

func (m memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}
func (m memory) Close() error   { return nil }
func (m memory) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

// lastStep is how the calls of a path are counted: by its last step.
func lastStep(r *http.Request) string { return path.Base(r.URL.Path) }

// Spoil makes the next requests whose path ends in call ("optim-step") meet
// the faults, one each, in this order.
func (s *Server) Spoil(call string, faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[call] = append(s.faults[call], faults...)
}

// Seen is how many requests arrived whose path ends in call.
func (s *Server) Seen(call string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[call]
}

// Applied is how often the handler was given such a request.
func (s *Server) Applied(call string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.applied[call]
}

// Headers are those of every request so far.
func (s *Server) Headers() []http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.headers)
}

// Dialled is how many connections were made.
func (s *Server) Dialled() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dialled
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	name := lastStep(r)
	s.mu.Lock()
	s.seen[name]++
	s.headers = append(s.headers, r.Header.Clone())
	var f Fault
	if queue := s.faults[name]; len(queue) > 0 {
		f, s.faults[name] = queue[0], queue[1:]
	}
	s.mu.Unlock()
	if f.spoil == nil {
		s.count(name)
		s.handler.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client gave up
	}
	f.spoil(&exchange{s, name, w, r, body})
}

func (s *Server) count(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.applied[name]++
}

// An exchange is one request that meets a fault.
type exchange struct {
	*Server
	name string
	w    http.ResponseWriter
	r    *http.Request
	body []byte
}

// apply gives the request to the handler.
func (x *exchange) apply() *httptest.ResponseRecorder {
	x.count(x.name)
	r := x.r.Clone(x.r.Context())
	r.Body = io.NopCloser(bytes.NewReader(x.body))
	rec := httptest.NewRecorder()
	x.handler.ServeHTTP(rec, r)
	return rec
}

// drop cuts the connection.
func (x *exchange) drop() {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err == nil {
		conn.Close()
	}
}

// pass sends an answer on.
func (x *exchange) pass(rec *httptest.ResponseRecorder) {
	for name, values := range rec.Header() {
		x.w.Header()[name] = values
	}
	x.w.WriteHeader(rec.Code)
	x.w.Write(rec.Body.Bytes())
}

// wait waits, unless the client goes first.
func (x *exchange) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-x.r.Context().Done():
		return false
	}
}

// A Fault is what happens to a request. The zero value is nothing.
type Fault struct {
	Name  string
	spoil func(*exchange)
}

func (f Fault) String() string { return f.Name }

// The faults.
var (
	// DropBefore cuts the connection before the request has an effect.
	DropBefore = Fault{"drop before apply", (*exchange).drop}
	// DropAfter cuts it after the effect.
	DropAfter = Fault{"drop after apply", func(x *exchange) { x.apply(); x.drop() }}
	// Duplicate is a proxy that sends a request twice and passes the second
	// answer on.
	Duplicate = Fault{"duplicate", func(x *exchange) { x.apply(); x.pass(x.apply()) }}
	// Truncated announces the whole answer and sends half of it.
	Truncated = Fault{"truncated body", func(x *exchange) {
		rec := x.apply()
		whole := rec.Body.Bytes()
		x.w.Header().Set("Content-Type", "application/json")
		x.w.Header().Set("Content-Length", strconv.Itoa(len(whole)))
		x.w.Write(whole[:len(whole)/2])
		http.NewResponseController(x.w).Flush()
		x.drop()
	}}
	// Half is half of the answer as if it were the whole.
	Half = Fault{"half an answer", func(x *exchange) {
		rec := x.apply()
		x.w.Write(rec.Body.Bytes()[:rec.Body.Len()/2])
	}}
	// Garbage is a page for people.
	Garbage = Body(200, "<html>It works!</html>")
	// Empty is success without a word.
	Empty = Fault{"204", func(x *exchange) { x.apply(); x.w.WriteHeader(204) }}
	// Redirect leads to the same place.
	Redirect = Fault{"redirect", func(x *exchange) { http.Redirect(x.w, x.r, x.r.URL.String(), http.StatusTemporaryRedirect) }}
)

// Body answers with a status and a text, and the request has no effect.
func Body(status int, text string) Fault {
	return Fault{fmt.Sprintf("%d %s", status, text), func(x *exchange) {
		x.w.WriteHeader(status)
		io.WriteString(x.w, text)
	}}
}

// After answers with a status after the effect, as a gateway that lost the
// answer does.
func After(status int) Fault {
	return Fault{fmt.Sprintf("%d after apply", status), func(x *exchange) { x.apply(); x.w.WriteHeader(status) }}
}

// Delay has its effect and answers when d has passed, if the client still
// waits then.
func Delay(d time.Duration) Fault {
	return Fault{"delay of " + d.String(), func(x *exchange) {
		rec := x.apply()
		if x.wait(d) {
			x.pass(rec)
		}
	}}
}

// Late has its effect when d has passed, whether or not the client still
// waits, as a proxy's queue does.
func Late(d time.Duration) Fault {
	return Fault{d.String() + " late", func(x *exchange) {
		time.Sleep(d)
		x.r = x.r.WithContext(context.WithoutCancel(x.r.Context()))
		x.pass(x.apply())
	}}
}

// Drip answers a byte at a time.
func Drip(every time.Duration) Fault {
	return Fault{"a byte every " + every.String(), func(x *exchange) {
		rec := x.apply()
		for _, b := range rec.Body.Bytes() {
			if !x.wait(every) {
				return
			}
			if _, err := x.w.Write([]byte{b}); err != nil {
				return
			}
			http.NewResponseController(x.w).Flush()
		}
	}}
}

// Times is a fault that meets n requests in a row.
func (f Fault) Times(n int) []Fault { return slices.Repeat([]Fault{f}, n) }
