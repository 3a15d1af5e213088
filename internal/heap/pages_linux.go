package heap

import (
	"math"
	"unsafe"

	"golang.org/x/sys/unix"
)

const pageSize = 2 << 20

// largePages asks for pages of 2 MB under the n bytes by which the heap grows
// next, and says where. Where the system gives them to who asks, memory is
// touched for the first time at a tenth of the cost, and found sooner ever after.
// Here nothing is touched: the heap grows by a slice that nobody writes to, which
// is garbage at once. A process whose memory has a limit goes without: room that
// is not used yet counts against that.
func largePages(n int) (lo, hi uintptr) {
	for _, resource := range []int{unix.RLIMIT_DATA, unix.RLIMIT_AS} {
		var limit unix.Rlimit
		if err := unix.Getrlimit(resource, &limit); err != nil || limit.Cur != math.MaxUint64 {
			return 0, 0
		}
	}
	b := make([]byte, n)
	first := uintptr(unsafe.Pointer(&b[0]))
	lo, hi = (first+pageSize-1)&^(pageSize-1), (first+uintptr(n))&^(pageSize-1)
	_ = unix.Madvise(b[lo-first:hi-first], unix.MADV_HUGEPAGE) // it works without
	return lo, hi
}
