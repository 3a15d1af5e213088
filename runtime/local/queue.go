package local

import (
	"context"
	"sync"
)

// A queue is a lock that is handed over first come, first served, and that a
// waiter may give up on.
type queue struct {
	mu      sync.Mutex
	held    bool
	waiting []chan struct{}
}

// lock waits for its turn, or returns ctx's error.
func (q *queue) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	q.mu.Lock()
	if !q.held {
		q.held = true
		q.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	q.waiting = append(q.waiting, turn)
	q.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, w := range q.waiting {
		if w == turn {
			q.waiting = append(q.waiting[:i], q.waiting[i+1:]...)
			return ctx.Err()
		}
	}
	// The turn came at the same moment: pass it on.
	q.next()
	return ctx.Err()
}

// unlock hands the lock to the longest waiter.
func (q *queue) unlock() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.next()
}

func (q *queue) next() {
	if len(q.waiting) == 0 {
		q.held = false
		return
	}
	close(q.waiting[0])
	q.waiting = q.waiting[1:]
}
