package kernel

import "unsafe"

// PrefetchWrite asks for the memory of x, which is about to be written, without waiting for it: a store that has to wait
// keeps back those behind it. It changes nothing, and a core asks for no more than a dozen cache lines, 16 values each,
// at a time.
func PrefetchWrite(x []float32) {
	if len(x) > 0 && active >= levelAVX2 {
		prefetchWrite(unsafe.SliceData(x), uintptr(len(x)+15)/16)
	}
}
