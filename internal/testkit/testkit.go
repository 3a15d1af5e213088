// Package testkit holds what tests of several packages need: checks that
// nothing leaks, and a hammer for concurrent code.
package testkit

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sync"
	"testing"
	"time"
)

// patience is how long a check waits for goroutines that are just ending.
const patience = 5 * time.Second

// NoLeaks fails t when, at its end, more goroutines or file descriptors exist
// than now. Tests that use it must not run in parallel with others of their
// package.
func NoLeaks(t testing.TB) {
	t.Helper()
	goroutines, files := runtime.NumGoroutine(), openFiles()
	t.Cleanup(func() {
		deadline := time.Now().Add(patience)
		for {
			g, f := runtime.NumGoroutine(), openFiles()
			if g <= goroutines && f <= files {
				return
			}
			if time.Now().After(deadline) {
				if g > goroutines {
					t.Errorf("goroutines leaked: %d before, %d after\n%s", goroutines, g, stacks())
				}
				if f > files {
					t.Errorf("file descriptors leaked: %d before, %d after", files, f)
				}
				return
			}
			runtime.GC() // finalizers and cleanups close what was forgotten
			runtime.Gosched()
		}
	})
}

// openFiles counts this process's file descriptors, 0 where the system does
// not show them.
func openFiles() int {
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		return 0
	}
	n := 0
	for _, l := range links {
		if _, err := os.Readlink(l); err == nil {
			n++
		}
	}
	return n
}

func stacks() string {
	var b bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&b, 1)
	return b.String()
}

// Hammer runs f n times on each of p goroutines that start together, and
// returns when all have ended. With -short it runs a tenth.
func Hammer(t testing.TB, p, n int, f func(goroutine, i int)) {
	t.Helper()
	if testing.Short() {
		n = max(n/10, 1)
	}
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	for g := range p {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			for i := range n {
				f(g, i)
			}
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
}
