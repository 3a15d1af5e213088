package runtime

import (
	"io"
	"reflect"
	"sync"
)

// sharedWriter lets several VMs write to one writer: those of a Pool, and the
// old and the new version at a Reload. Each Write is one whole.
type sharedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (s *sharedWriter) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(b)
}

// statusWriter is a writer with a line of its own for what goes on, as a
// terminal's has.
type statusWriter interface {
	io.Writer
	Status(line string)
}

type sharedStatus struct {
	sharedWriter
	status statusWriter
}

func (s *sharedStatus) Status(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Status(line)
}

// shareOutput makes the writers of c safe for several VMs. Where one writer is
// both, one lock guards it.
func (c *Config) shareOutput() {
	out, mu := share(c.Stdout, nil)
	if !same(c.Stdout, c.Stderr) {
		mu = nil
	}
	c.Stdout = out
	c.Stderr, _ = share(c.Stderr, mu)
}

func share(w io.Writer, mu *sync.Mutex) (io.Writer, *sync.Mutex) {
	switch w := w.(type) {
	case nil:
		return nil, nil
	case *sharedWriter:
		return w, w.mu
	case *sharedStatus:
		return w, w.mu
	}
	if mu == nil {
		mu = &sync.Mutex{}
	}
	shared := sharedWriter{mu, w}
	if s, ok := w.(statusWriter); ok {
		return &sharedStatus{shared, s}, mu
	}
	return &shared, mu
}

func same(a, b io.Writer) bool {
	return a != nil && b != nil && reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.TypeOf(a).Comparable() && a == b
}
