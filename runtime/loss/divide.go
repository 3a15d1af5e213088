package loss

import (
	"sync/atomic"

	"github.com/hudrl/hudrl/internal/kernel"
)

const (
	// pieceTokens is how many tokens one core takes at a time, at least.
	pieceTokens = 1 << 12
	// manyTokens is from where on a batch is worth a second core.
	manyTokens = 1 << 15
)

// divide calls f with 0 to n-1, each once, on all cores if there are tokens
// enough. Each core has a stretch of its own, the same in every call, so that
// it finds in its cache what it had there, and then helps others with theirs.
// With back it begins at the end of its stretch: with what it had last.
func divide(n, tokens int, back bool, f func(i int)) {
	cores := 1
	if tokens >= manyTokens {
		cores = min(kernel.Cores(), n)
	}
	if cores <= 1 {
		for i := range n {
			f(i)
		}
		return
	}
	type counter struct {
		atomic.Int64
		_ [56]byte // of the cache line, which cores would take from each other
	}
	taken := make([]counter, cores)
	kernel.Parallel(cores, func(core int) {
		for k := range cores {
			whose := (core + k) % cores
			lo, hi := whose*n/cores, (whose+1)*n/cores
			for i := int(taken[whose].Add(1)) - 1; i < hi-lo; i = int(taken[whose].Add(1)) - 1 {
				if back {
					f(hi - 1 - i)
				} else {
					f(lo + i)
				}
			}
		}
	})
}
