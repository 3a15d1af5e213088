package runtime

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// A Pool runs chunks on several Runtimes of one Config, truly in parallel.
// They share nothing: values cross as copies. Its methods may be called from
// any goroutine.
type Pool struct {
	idle   chan *Runtime
	closed chan struct{}
	once   sync.Once
	all    []*Runtime
}

// NewPool makes a Pool of n Runtimes.
func NewPool(cfg Config, n int) (*Pool, error) {
	if n < 1 {
		return nil, fmt.Errorf("runtime: NewPool: n: got %d, want at least 1", n)
	}
	p := &Pool{idle: make(chan *Runtime, n), closed: make(chan struct{})}
	for range n {
		rt, err := New(cfg)
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
		p.all = append(p.all, rt)
		p.idle <- rt
	}
	return p, nil
}

// Run runs chunk on the next idle Runtime, for which it waits until ctx ends.
// Globals that a chunk sets stay in its Runtime; which one runs next is not
// promised.
func (p *Pool) Run(ctx context.Context, chunk *Chunk, args ...any) ([]any, error) {
	select {
	case <-p.closed:
		return nil, ErrClosed
	default:
	}
	select {
	case <-p.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, causeOf(ctx)
	case rt := <-p.idle:
		defer func() { p.idle <- rt }()
		return rt.Run(ctx, chunk, args...)
	}
}

// Close interrupts what runs, waits for it and closes the Runtimes.
func (p *Pool) Close() error {
	var errs []error
	p.once.Do(func() {
		close(p.closed)
		for _, rt := range p.all {
			errs = append(errs, rt.Close())
		}
	})
	return errors.Join(errs...)
}
