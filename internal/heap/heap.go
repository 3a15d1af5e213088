// Package heap decides when the program collects garbage.
//
// Go's rule, a share of what was live after the last collection, suits neither
// kind of heap this program has. A loss in Lua keeps a few megabytes alive and
// makes many more anew with each step: a share of so little collects hundreds
// of times a second. A trained model keeps hundreds of megabytes of numbers
// alive, which hold no pointers and so cost nothing to collect: a share of so
// much only wastes memory. [Tune] lets garbage grow to what makes its
// collection cheap for the heap at hand, and has such a heap grow by large pages
// where the system gives them.
package heap

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// floor is the heap size in bytes below which nothing is collected.
	floor = 64 << 20
	// minimum is what Go takes a smaller heap for.
	minimum = 4 << 20
	// first is the percent until the first collection: Go then begins it at 8 MB,
	// which a short script does not reach.
	first = 200
)

// Tune sets the policy for the rest of the process, unless the environment
// has GOGC or GOMEMLIMIT: somebody who sets those gets what Go does with them.
func Tune() {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		if os.Getenv(name) != "" {
			return
		}
	}
	debug.SetGCPercent(first)
	t := &tuner{percent: first, samples: []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/heap:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"},
	}}
	t.watch()
}

// A tuner sets the GC percent again after each collection.
type tuner struct {
	samples []metrics.Sample
	percent int
	grown   bool // the heap has large pages
}

// watch has adjust called once the collection that comes next is over: that
// is when an object nobody refers to is finalized.
func (t *tuner) watch() {
	type sentinel struct{ _ *byte } // a pointer keeps it out of the allocator for tiny objects
	runtime.SetFinalizer(&sentinel{}, func(*sentinel) {
		if !t.grown {
			t.grown, t.percent = true, -1
			debug.SetGCPercent(-1) // what largePages makes does not count while it is made
			largePages(floor)
		}
		t.adjust()
		t.watch()
	})
}

func (t *tuner) adjust() {
	metrics.Read(t.samples)
	var b [4]uint64
	for i := range b {
		b[i] = t.samples[i].Value.Uint64()
	}
	p := percent(b[0], b[1], b[2]+b[3])
	if p != t.percent { // every setting stops the world for a moment
		t.percent = p
		debug.SetGCPercent(p)
	}
}

// percent is the garbage to allow: what is missing to the floor; at least half
// of what a collection has to scan, so that scanning stays a bounded share of
// the work; and at least an eighth of all. Go counts it in percent of the live
// heap, stacks and globals together. Steps of an eighth keep it from changing
// with every collection.
func percent(live, scan, roots uint64) int {
	garbage := max((scan+roots)/2, live/8)
	if live < floor {
		garbage = max(garbage, floor-live)
	}
	base := max(live+roots, minimum)
	eighths := (8*garbage + base - 1) / base
	return int(eighths * 100 / 8)
}
