package heap

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestPercent(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	for _, tt := range []struct {
		live, scan, roots uint64
		want              int
	}{
		{12 * mb, 4 * mb, 0, 437},      // 52 MB to the floor, rounded up to 35/8
		{1 * mb, 1 * mb, 1 * mb, 1575}, // 63 MB of it, in percent of 4 MB
		{0, 0, 0, 1600},                // no division by nothing
		{64 * mb, 64 * mb, 0, 50},      // half of it
		{60 * mb, 60 * mb, 0, 50},      // no collection every few megabytes near the floor
		{63 * mb, 1 * mb, 0, 12},       // nor where there is little to scan
		{400 * mb, 8 * mb, 0, 12},      // weights
		{400 * mb, 400 * mb, 0, 50},    // tables
		{4096 * mb, 1024 * mb, 0, 12},  // a quarter of it tables
		{1000 * mb, 600 * mb, 0, 37},   // 300 MB, rounded up to 3/8
		{400 * mb, 0, 400 * mb, 25},    // a deep stack
	} {
		if got := percent(tt.live, tt.scan, tt.roots); got != tt.want {
			t.Errorf("percent(%d MB, %d MB, %d MB): got %d, want %d", tt.live/mb, tt.scan/mb, tt.roots/mb, got, tt.want)
		}
	}
}

var kept []byte

// TestTune collects garbage with little and with much alive and waits until
// the percent follows.
func TestTune(t *testing.T) {
	was := debug.SetGCPercent(100)
	defer debug.SetGCPercent(was)
	t.Setenv("GOGC", "70")
	Tune()
	if got := debug.SetGCPercent(100); got != 100 {
		t.Fatalf("with GOGC set: got %d, want 100 as before", got)
	}
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	Tune()
	follows := func(what string, ok func(percent int) bool) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); ; {
			runtime.GC()
			p := debug.SetGCPercent(100)
			debug.SetGCPercent(p)
			if ok(p) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s: the percent is %d", what, p)
			}
		}
	}
	follows("a small heap", func(p int) bool { return p >= 200 && p != first })
	kept = make([]byte, 256<<20)
	follows("256 MB of bytes", func(p int) bool { return p <= 50 })
	kept = nil
	follows("a small heap again", func(p int) bool { return p >= 200 })
}
