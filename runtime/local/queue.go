package local

import (
	"context"
	"slices"
	"sync"
)

// A queue is a lock that is handed over first come, first served, and that a
// waiter may give up on.
type queue struct {
	mu      sync.Mutex
	held    bool
	waiting []*waiter
}

type waiter struct {
	turn    chan struct{} // closed when it has come
	abandon func()        // what to do at the turn of one who left, or nil
}

// lock waits for its turn, or returns ctx's error. In that case abandon, if it
// is not nil, runs in place of the turn, whenever it comes.
func (q *queue) lock(ctx context.Context, abandon func()) error {
	if err := ctx.Err(); err != nil && abandon == nil {
		return err
	}
	q.mu.Lock()
	if !q.held {
		q.held = true
		q.mu.Unlock()
		return q.unlessEnded(ctx, abandon)
	}
	w := &waiter{turn: make(chan struct{})}
	q.waiting = append(q.waiting, w)
	q.mu.Unlock()
	select {
	case <-w.turn:
		return nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	if i := slices.Index(q.waiting, w); i >= 0 {
		if w.abandon = abandon; abandon == nil {
			q.waiting = slices.Delete(q.waiting, i, i+1)
		}
		q.mu.Unlock()
		return ctx.Err()
	}
	q.mu.Unlock()
	return q.unlessEnded(ctx, abandon) // the turn came at the same moment
}

// unlessEnded keeps the lock that the caller holds unless ctx has ended.
func (q *queue) unlessEnded(ctx context.Context, abandon func()) error {
	err := ctx.Err()
	if err != nil {
		if abandon != nil {
			abandon()
		}
		q.unlock()
	}
	return err
}

// tryLock takes the lock if nobody holds it.
func (q *queue) tryLock() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	free := !q.held
	q.held = true
	return free
}

// unlock hands the lock to the longest waiter.
func (q *queue) unlock() {
	for {
		q.mu.Lock()
		if len(q.waiting) == 0 {
			q.held = false
			q.mu.Unlock()
			return
		}
		w := q.waiting[0]
		q.waiting = slices.Delete(q.waiting, 0, 1)
		q.mu.Unlock()
		if w.abandon == nil { // it may still leave: then it hands the lock on
			close(w.turn)
			return
		}
		w.abandon()
	}
}
