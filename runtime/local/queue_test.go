package local

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
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
	if err := q.lock(bg, nil); err != nil {
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
			if err := q.lock(c, nil); err != nil {
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

// TestQueueRunsWhatWasAbandoned: who leaves something to be done has it done
// at the turn, before whoever stood behind and after whoever stood before.
func TestQueueRunsWhatWasAbandoned(t *testing.T) {
	t.Parallel()
	var q queue
	var order []string // owned by whoever holds q
	ended, cancel := context.WithCancel(bg)
	cancel()
	note := func(what string) func() { return func() { order = append(order, what) } }
	if err := q.lock(ended, note("free")); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
	if err := q.lock(bg, nil); err != nil {
		t.Fatalf("the lock was kept: %v", err)
	}
	var wg sync.WaitGroup
	enter := func(what string) {
		n := q.waiters()
		wg.Go(func() {
			if err := q.lock(bg, nil); err != nil {
				t.Error(err)
			}
			order = append(order, what)
			q.unlock()
		})
		for q.waiters() == n {
			runtime.Gosched()
		}
	}
	enter("first")
	if err := q.lock(ended, note("second")); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
	if err := q.lock(ended, note("third")); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
	enter("fourth")
	q.unlock()
	wg.Wait()
	if want := []string{"free", "first", "second", "third", "fourth"}; !slices.Equal(order, want) {
		t.Errorf("got %v, want %v", order, want)
	}
}

// TestHammerQueue: cancelling at the moment a turn comes loses no turn.
func TestHammerQueue(t *testing.T) {
	t.Parallel()
	var q queue
	var wg sync.WaitGroup
	entered, abandoned, refused := 0, 0, atomic.Int64{}
	for range 8 {
		wg.Go(func() {
			for i := range 500 {
				ctx, cancel := context.WithCancel(bg)
				if i%3 == 0 {
					go cancel()
				}
				var abandon func()
				if i%2 == 0 {
					abandon = func() { abandoned++ }
				}
				switch err := q.lock(ctx, abandon); {
				case err == nil:
					entered++
					q.unlock()
				case abandon != nil:
					refused.Add(1)
				}
				if i%7 == 0 && q.tryLock() {
					q.unlock()
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if err := q.lock(bg, nil); err != nil || entered == 0 {
		t.Fatalf("the queue is stuck: %v after %d turns", err, entered)
	}
	if int64(abandoned) != refused.Load() {
		t.Errorf("%d of those who left had something to be done, %d were done", refused.Load(), abandoned)
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
