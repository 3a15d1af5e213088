package tests

import (
	"context"
	"os"
	goruntime "runtime"
	"testing"
	"time"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/runtime"
)

// One host runs the whole corpus, one script after another, twice. After each of
// them it has as many goroutines and open files as before, and its heap does not
// grow, but for what the last script's stacks still hold. Not parallel: each script is to answer for itself.
func TestHostOutlivesAllScripts(t *testing.T) {
	config := bindings.Default(nil)
	config.Limits = hostileLimits
	config.Limits.Steps = 300_000
	rt, err := runtime.New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	checkClean(t, rt, false)
	goroutines, files := settled(0), openFiles(t)
	var before uint64
	for round := range 2 {
		for _, h := range readHostile(t) {
			chunk, err := runtime.Compile(h.name+".lua", h.src)
			if err != nil || h.tampers {
				continue
			}
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Millisecond)
			_, _ = rt.Run(ctx, chunk) // how it ends is TestHostile's business
			cancel()
			if n := settled(goroutines); n > goroutines {
				t.Errorf("%s: %d goroutines, want %d", h.name, n, goroutines)
			}
			if n := openFiles(t); n != files {
				t.Errorf("%s: %d open files, want %d", h.name, n, files)
			}
			if round == 1 {
				if now := grown(before); now > before+maxHeld {
					t.Errorf("%s: the heap grew from %d to %d MiB", h.name, before>>20, now>>20)
				}
			}
		}
		checkClean(t, rt, false)
		now := liveHeap()
		if round == 1 && now > before+8<<20 {
			t.Errorf("the heap grew from %d to %d MiB in one round", before>>20, now>>20)
		}
		before = now
	}
}

// maxHeld is what a host may hold of a script that has ended.
const maxHeld = 32 << 20

// settled is how many goroutines there are, once those that are about to end
// have: at most want, or what stays.
func settled(want int) int {
	n := goruntime.NumGoroutine()
	for i := 0; n > want && i < 2000; i++ {
		if i < 1000 {
			goruntime.Gosched()
		} else {
			time.Sleep(100 * time.Microsecond)
		}
		if n = goruntime.NumGoroutine(); want == 0 && i > 100 {
			break
		}
	}
	return n
}

// openFiles is how many descriptors the process holds, 0 where that is not
// known.
func openFiles(t *testing.T) int {
	t.Helper()
	if goruntime.GOOS != "linux" {
		return 0
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// grown is the live heap if one collection does not bring it near before.
func grown(before uint64) uint64 {
	var m goruntime.MemStats
	if goruntime.ReadMemStats(&m); m.HeapAlloc <= before+maxHeld {
		return m.HeapAlloc
	}
	return liveHeap()
}
