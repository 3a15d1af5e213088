//go:build !purego

package kernel

//go:noescape
func prefetchWrite(x *float32, lines uintptr)
