package local

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
)

// waiters is how many wait.
func (q *queue) waiters() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// TestQueueIsFirstComeFirstServed: waiters enter in the order they arrived;
// one that gave up is passed over.
func TestQueueIsFirstComeFirstServed(t *testing.T) {
	t.Parallel()
	var q queue
	if err := q.lock(bg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(bg)
	var wg sync.WaitGroup
	var order []int // owned by whoever holds q
	for i := range 10 {
		wg.Go(func() {
			c := bg
			if i == 4 {
				c = ctx
			}
			if err := q.lock(c); err != nil {
				if i != 4 || !errors.Is(err, context.Canceled) {
					t.Errorf("waiter %d: %v", i, err)
				}
				return
			}
			order = append(order, i)
			q.unlock()
		})
		for q.waiters() != i+1 { // until it is in line
			runtime.Gosched()
		}
	}
	cancel()
	for q.waiters() != 9 {
		runtime.Gosched()
	}
	q.unlock()
	wg.Wait()
	want := []int{0, 1, 2, 3, 5, 6, 7, 8, 9}
	for i := range want {
		if len(order) != len(want) || order[i] != want[i] {
			t.Fatalf("got %v, want %v", order, want)
		}
	}
}

// TestHammerQueue: cancelling at the moment a turn comes loses no turn.
func TestHammerQueue(t *testing.T) {
	t.Parallel()
	var q queue
	var wg sync.WaitGroup
	entered := 0
	for range 8 {
		wg.Go(func() {
			for i := range 500 {
				ctx, cancel := context.WithCancel(bg)
				if i%3 == 0 {
					go cancel()
				}
				if q.lock(ctx) == nil {
					entered++
					q.unlock()
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if err := q.lock(bg); err != nil || entered == 0 {
		t.Fatalf("the queue is stuck: %v after %d turns", err, entered)
	}
}

// TestSamplingDoesNotWaitForTraining: while a model's turn is taken, its head
// answers chats, another model trains, and a pass that gives up leaves the line.
func TestSamplingDoesNotWaitForTraining(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	other := create(t, s, CreateOptions{Name: "other", Config: &tiny, Seed: 1})
	tr, unlock, err := s.enter(bg, "test", m.ID)
	if err != nil {
		t.Fatal(err)
	}
	chat(t, s, seeded("tiny", "hi", 1))
	train(t, s, other.ID, 1)
	ctx, cancel := context.WithCancel(bg)
	done := make(chan error)
	go func() {
		_, err := s.ForwardBackward(ctx, m.ID, fb("ppo", randomInputs(1, 2)))
		done <- err
	}()
	for tr.queue.waiters() != 1 {
		runtime.Gosched()
	}
	cancel()
	wantError(t, <-done, "forward_backward", hud.CodeTimeout, "stopped before it was done")
	unlock()
	train(t, s, m.ID, 1)
}
