//go:build !linux

package kernel

// yieldCore does nothing: the Go scheduler's own yielding has to do.
func yieldCore() {}
