package rollout

import (
	"context"
	"sync"
)

// A Spawner runs f as a task of its own and returns a function that waits for
// it to end. f gets a context that ends no later than ctx. The error says why
// f cannot be run.
type Spawner interface {
	Spawn(ctx context.Context, f func(ctx context.Context) error) (wait func(ctx context.Context) error, err error)
}

// Goroutines is the Spawner of plain Go programs.
type Goroutines struct{}

// Spawn starts a goroutine. Its wait always waits to the end: what f calls is
// expected to honour its context.
func (Goroutines) Spawn(ctx context.Context, f func(ctx context.Context) error) (func(context.Context) error, error) {
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = f(ctx)
	}()
	return func(context.Context) error {
		<-done
		return err
	}, nil
}

// A crowd runs body(0..n-1), each as a task, at most so many at once. Nothing
// in it blocks: the task that ends starts the next, so tasks start in index
// order and the only waiting is in the spawner's wait.
type crowd struct {
	ctx     context.Context
	cancel  context.CancelFunc
	spawner Spawner
	n       int
	body    func(ctx context.Context, i int)

	mu      sync.Mutex
	next    int
	waits   []func(context.Context) error
	refused error // why a task could not be run
}

func (c *crowd) run(limit int) error {
	// When a task cannot be run, or a spawner leaves by a panic, the others are
	// stopped, and whoever ends after that starts nobody.
	outer := c.ctx
	c.ctx, c.cancel = context.WithCancel(outer)
	defer c.cancel()
	c.waits = make([]func(context.Context) error, c.n)
	for range min(limit, c.n) {
		c.start()
	}
	var first error
	for i := range c.n {
		// By the time tasks 0 to i-1 have ended, whoever was to start task i
		// has done so: it is one of them, or this function.
		c.mu.Lock()
		wait := c.waits[i]
		c.mu.Unlock()
		if wait == nil {
			continue // cancelled, or refused
		}
		if err := wait(outer); err != nil && first == nil {
			first = err
			c.cancel()
		}
	}
	if outer.Err() != nil {
		return context.Cause(outer)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused != nil {
		return c.refused
	}
	return first
}

// start spawns the next task, if there is one and the crowd still runs.
func (c *crowd) start() {
	c.mu.Lock()
	i := c.next
	if i == c.n || c.ctx.Err() != nil {
		c.mu.Unlock()
		return
	}
	c.next++
	c.mu.Unlock()
	wait, err := c.spawner.Spawn(c.ctx, func(ctx context.Context) error {
		defer c.start()
		c.body(ctx, i)
		return nil
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waits[i] = wait
	if err != nil {
		c.refused = err
		c.cancel()
	}
}
