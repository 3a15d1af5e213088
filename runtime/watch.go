package runtime

import (
	"context"
	"fmt"
	"math"
	goruntime "runtime"
	"runtime/metrics"
	"time"
)

// watchHeap cancels when the process's Go heap passes max bytes, looking every
// 10 ms; the returned function ends it. Garbage does not count: at the limit
// it collects, and cancels only when that does not help.
func watchHeap(max int64, cancel context.CancelCauseFunc) (stop func()) {
	if max == math.MaxInt64 {
		return func() {}
	}
	quit := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var collected time.Time
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
			}
			used := heapBytes()
			if used <= uint64(max) {
				continue
			}
			// Near the limit, garbage passes it again and again.
			if time.Since(collected) < 100*time.Millisecond && used < uint64(max)+uint64(max)/4 {
				continue
			}
			goruntime.GC()
			collected = time.Now()
			if used = heapBytes(); used > uint64(max) {
				cancel(newLimit(ErrMemory, "heap size", mebibytes(used), mebibytes(uint64(max)), "--max-memory or Limits.HeapBytes"))
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-ended
	}
}

func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func mebibytes(n uint64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }
