package kernel

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestParallelRunsEachItemOnce(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 17, 1000} {
		ran := make([]atomic.Int32, n)
		Parallel(n, func(i int) { ran[i].Add(1) })
		for i := range ran {
			if got := ran[i].Load(); got != 1 {
				t.Fatalf("n=%d: item %d ran %d times, want 1", n, i, got)
			}
		}
	}
}

func TestParallelNested(t *testing.T) {
	var sum atomic.Int64
	Parallel(8, func(i int) {
		Parallel(8, func(j int) { sum.Add(int64(8*i + j)) })
	})
	if got := sum.Load(); got != 63*64/2 {
		t.Errorf("got %d, want %d", got, 63*64/2)
	}
}

func TestParallelHammer(t *testing.T) {
	const callers, loops = 8, 200
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for n := range loops {
				var sum atomic.Int64
				Parallel(n, func(i int) { sum.Add(int64(i)) })
				if got, want := sum.Load(), int64(n*(n-1)/2); got != want {
					t.Errorf("n=%d: got %d, want %d", n, got, want)
				}
			}
		})
	}
	wg.Wait()
}

func TestParallelPanic(t *testing.T) {
	var ran atomic.Int32
	wantPanic(t, "item 3", func() {
		Parallel(10, func(i int) {
			ran.Add(1)
			if i == 3 {
				panic("item 3")
			}
		})
	})
	if runtime.GOMAXPROCS(0) > 1 && ran.Load() != 10 {
		t.Errorf("items run: got %d, want 10", ran.Load())
	}
	Parallel(3, func(int) {}) // the pool still works
}

// TestParallelEnds waits, with a deadline and no fixed sleep, until the pool has no goroutine left.
func TestParallelEnds(t *testing.T) {
	Parallel(4, func(int) {})
	for end := time.Now().Add(30 * time.Second); workers.alive.Load() > 0; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("workers alive: got %d, want 0", workers.alive.Load())
		}
	}
}

func TestQueueRunsEachItemOnce(t *testing.T) {
	var q Queue
	for _, n := range []int{0, 1, 2, 3, 17, 1000} {
		ran := make([]atomic.Int32, n)
		q.Start(func(i int) {
			ran[i].Add(1)
			Parallel(3, func(int) {}) // others compute meanwhile
		})
		for i := range n {
			q.Add()
			if i%5 == 0 {
				runtime.Gosched()
			}
		}
		q.Wait()
		for i := range ran {
			if got := ran[i].Load(); got != 1 {
				t.Fatalf("n=%d: item %d ran %d times, want 1", n, i, got)
			}
		}
	}
	Parallel(1, func(int) {
		q.Wait() // not in use
	})
}

func TestQueueWithoutWorkers(t *testing.T) {
	var ran atomic.Int32
	Parallel(2, func(i int) {
		if i > 0 {
			return
		}
		var q Queue
		q.Start(func(int) { ran.Add(1) })
		q.Add()
		if runtime.GOMAXPROCS(0) > 1 && ran.Load() != 1 {
			t.Errorf("items run: got %d, want 1 at once", ran.Load())
		}
		q.Wait()
	})
	if got := ran.Load(); got != 1 {
		t.Errorf("items run: got %d, want 1", got)
	}
}

func TestQueuePanic(t *testing.T) {
	var q Queue
	var ran atomic.Int32
	wantPanic(t, "item 3", func() {
		q.Start(func(i int) {
			ran.Add(1)
			if i == 3 {
				panic("item 3")
			}
		})
		for range 10 {
			q.Add()
		}
		q.Wait()
	})
	if runtime.GOMAXPROCS(0) > 1 && ran.Load() != 10 {
		t.Errorf("items run: got %d, want 10", ran.Load())
	}
	Parallel(3, func(int) {}) // the pool still works
}
