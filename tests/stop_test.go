//go:build unix

package tests

import (
	"context"
	"errors"
	goruntime "runtime"
	"syscall"
	"testing"
	"time"

	"github.com/hudrl/hudrl/runtime"
)

// BenchmarkHostileStop lets every script run without a step limit until a
// deadline passes, and shows how long after it each came back, in milliseconds:
// by the clock, or by the processor time of this process if that is less, so
// that others on the machine do not count.
//
//	go test ./tests -run "^$" -bench HostileStop -benchtime 1x | sort -k 5 -n
func BenchmarkHostileStop(b *testing.B) {
	for _, h := range readHostile(b) {
		chunk, err := runtime.Compile(h.name+".lua", h.src)
		if err != nil {
			continue
		}
		b.Run(h.name, func(b *testing.B) {
			var worst time.Duration
			for range b.N {
				for _, after := range []time.Duration{30 * time.Millisecond, 150 * time.Millisecond} {
					worst = max(worst, h.late(b, chunk, after))
				}
			}
			b.ReportMetric(float64(worst.Microseconds())/1000, "ms-late")
		})
	}
}

// late is how long after the deadline a script came back, 0 when it ended by
// itself.
func (h *hostile) late(b *testing.B, chunk *runtime.Chunk, after time.Duration) time.Duration {
	limits := h.limits
	limits.Steps, limits.WallTime = runtime.NoLimit, runtime.NoLimit
	rt, _ := h.open(b, limits)
	defer rt.Close()
	goruntime.GC()
	passed := make(chan time.Duration, 1)
	ctx, cancel := context.WithTimeout(context.Background(), after)
	defer cancel()
	context.AfterFunc(ctx, func() { passed <- processorTime() })
	deadline, _ := ctx.Deadline()
	_, err := rt.Run(ctx, chunk)
	late, used := time.Since(deadline), processorTime()
	if !errors.Is(err, context.DeadlineExceeded) {
		return 0
	}
	return min(late, used-<-passed)
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
