package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// A Pool runs chunks on several Runtimes of one Config, truly in parallel. They
// share nothing but what the host gives them: modules, values of Set, and the
// writers, of which each Write is one whole. Whoever waits for a Runtime gets
// one in the order of coming. A new version of a script is another chunk, given
// to the next Run. Its methods may be called from any goroutine.
type Pool struct {
	cfg     Config
	setting chan struct{} // held by Set, which needs all Runtimes

	mu      sync.Mutex
	idle    []*member // the last one used at the end
	waiting []chan *member
	all     []*member
	closed  bool
	ended   chan struct{} // closed when Close has closed them all
}

// A member is a Runtime and whether a script has run in it.
type member struct {
	rt   *Runtime
	used bool
}

// NewPool makes a Pool of n Runtimes.
func NewPool(cfg Config, n int) (*Pool, error) {
	if n < 1 {
		return nil, fmt.Errorf("runtime: NewPool: n: got %d, want at least 1", n)
	}
	cfg.shareOutput()
	p := &Pool{cfg: cfg, setting: make(chan struct{}, 1), ended: make(chan struct{})}
	for range n {
		rt, err := New(cfg)
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
		m := &member{rt: rt}
		p.all = append(p.all, m)
		p.idle = append(p.idle, m)
	}
	return p, nil
}

// Run runs chunk as [Runtime.Run] does, on a Runtime that is idle, for which it
// waits until ctx ends or the Pool is closed. Globals that a chunk sets, modules
// that it requires and random streams stay with their Runtime, and which one
// runs next is not promised: see RunFresh. A function among the results cannot be
// called: return what it gives.
func (p *Pool) Run(ctx context.Context, chunk *Chunk, args ...any) ([]any, error) {
	m, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	defer p.put(m)
	m.used = true
	return m.rt.Run(ctx, chunk, args...)
}

// RunFresh is Run in a Runtime in which nothing has run before, for scripts that
// must not see what others leave. It costs what [New] does.
func (p *Pool) RunFresh(ctx context.Context, chunk *Chunk, args ...any) ([]any, error) {
	m, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	defer p.put(m)
	if m.used {
		if err := p.renew(m); err != nil {
			return nil, err
		}
	}
	m.used = true
	return m.rt.Run(ctx, chunk, args...)
}

// Set gives every Runtime a value as [Runtime.Set] does. Go code behind it is
// called from all of them at once. It waits for those that are running.
func (p *Pool) Set(ctx context.Context, name string, value any, methods ...string) error {
	if ctx == nil {
		return errNoContext
	}
	select {
	case p.setting <- struct{}{}:
	case <-ctx.Done():
		return withContext(ctx, causeOf(ctx))
	}
	var taken []*member
	defer func() {
		<-p.setting
		for _, m := range taken {
			p.put(m)
		}
	}()
	for range len(p.all) {
		m, err := p.take(ctx)
		if err != nil {
			return err
		}
		taken = append(taken, m)
	}
	for _, m := range taken {
		if err := m.rt.Set(name, value, methods...); err != nil {
			return err
		}
	}
	return nil
}

// Waiting is how many calls wait for a Runtime now: a service that is asked for
// more than it can do turns some away.
func (p *Pool) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiting)
}

// Close interrupts what runs, turns away what waits, and closes the Runtimes. A
// second Close waits for the first.
func (p *Pool) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		<-p.ended
		return nil
	}
	p.closed = true
	for _, turn := range p.waiting {
		close(turn)
	}
	p.waiting, p.idle = nil, nil
	rts := make([]*Runtime, len(p.all))
	for i, m := range p.all {
		rts[i] = m.rt
	}
	p.mu.Unlock()
	defer close(p.ended)
	for _, rt := range rts {
		rt.Interrupt(ErrClosed) // all at once, before waiting for each
	}
	var errs []error
	for _, rt := range rts {
		errs = append(errs, rt.Close())
	}
	return errors.Join(errs...)
}

// take waits for a Runtime.
func (p *Pool) take(ctx context.Context) (*member, error) {
	if ctx == nil {
		return nil, errNoContext
	}
	if ctx.Err() != nil {
		return nil, withContext(ctx, causeOf(ctx))
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	if n := len(p.idle); n > 0 {
		m := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return m, nil
	}
	turn := make(chan *member, 1)
	p.waiting = append(p.waiting, turn)
	p.mu.Unlock()

	select {
	case m, ok := <-turn:
		if !ok {
			return nil, ErrClosed
		}
		return m, nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	i := slices.Index(p.waiting, turn)
	if i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
	p.mu.Unlock()
	if i < 0 { // it was this call's turn meanwhile
		if m, ok := <-turn; ok {
			p.put(m)
		}
	}
	return nil, withContext(ctx, causeOf(ctx))
}

// put hands m to whoever has waited longest.
func (p *Pool) put(m *member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
	case len(p.waiting) > 0:
		p.waiting[0] <- m
		p.waiting = slices.Delete(p.waiting, 0, 1)
	default:
		p.idle = append(p.idle, m)
	}
}

// renew gives m a new Runtime with what Set has given the old one.
func (p *Pool) renew(m *member) error {
	next, err := New(p.cfg)
	if err != nil {
		return err
	}
	m.rt.mu.Lock()
	values := slices.Clone(m.rt.given)
	m.rt.mu.Unlock()
	if err := next.setAll(values); err != nil {
		return errors.Join(err, next.Close())
	}
	p.mu.Lock()
	old := m.rt
	closed := p.closed
	if !closed {
		m.rt = next
	}
	p.mu.Unlock()
	if closed {
		return errors.Join(ErrClosed, next.Close())
	}
	return old.Close()
}
