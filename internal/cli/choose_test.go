package cli

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Of many calls that wait at once, one line every ten seconds tells.
func TestWaitsAreToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lines []string
		l := &lazyService{say: func(line string) { lines = append(lines, line) }}
		report := l.reportWait()
		for waited := 10 * time.Second; waited <= 40*time.Second; waited += 10 * time.Second {
			var calls sync.WaitGroup
			for range 50 {
				calls.Go(func() { report("chat", waited) })
			}
			calls.Wait()
			time.Sleep(10 * time.Second)
		}
		want := []string{"waiting 10 s for chat", "waiting 20 s for chat", "waiting 30 s for chat", "waiting 40 s for chat"}
		if !slices.Equal(lines, want) {
			t.Errorf("got %q, want %q", lines, want)
		}
	})
}
