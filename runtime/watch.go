package runtime

import (
	"context"
	"fmt"
	"math"
	goruntime "runtime"
	"runtime/metrics"
	"sync"
	"time"
)

// A heapWatch looks at the size of the heap while a call runs. It is a timer
// and not a goroutine: most calls end before the first look, and ending a
// goroutine wakes a thread.
type heapWatch struct {
	max       uint64
	cancel    context.CancelCauseFunc
	mu        sync.Mutex // held while it looks
	timer     *time.Timer
	ended     bool
	collected time.Time
}

const lookEvery = 10 * time.Millisecond

// watchHeap cancels when the process's Go heap passes max bytes, looking every
// 10 ms; the returned function ends it. Garbage does not count: at the limit
// it collects, and cancels only when that does not help.
func watchHeap(max int64, cancel context.CancelCauseFunc) (stop func()) {
	if max == math.MaxInt64 {
		return func() {}
	}
	w := &heapWatch{max: uint64(max), cancel: cancel}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(lookEvery, w.look)
	return w.stop
}

// stop ends it; no look is under way then.
func (w *heapWatch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.timer.Stop()
}

func (w *heapWatch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || w.passed() {
		return
	}
	w.timer.Reset(lookEvery)
}

// passed looks once, and reports whether it cancelled.
func (w *heapWatch) passed() bool {
	used := heapBytes()
	// Near the limit, garbage passes it again and again.
	if used <= w.max || time.Since(w.collected) < 100*time.Millisecond && used < w.max+w.max/4 {
		return false
	}
	goruntime.GC()
	w.collected = time.Now()
	if used = heapBytes(); used <= w.max {
		return false
	}
	w.cancel(newLimit(ErrMemory, "heap size", mebibytes(used), mebibytes(w.max), "--max-memory or Limits.HeapBytes"))
	return true
}

// heapBytes counts goroutine stacks, too: a task may hold megabytes of them.
func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64() + sample[1].Value.Uint64()
}

func mebibytes(n uint64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }
