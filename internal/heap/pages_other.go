//go:build !linux

package heap

func largePages(int) (lo, hi uintptr) { return 0, 0 }
