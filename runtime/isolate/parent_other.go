//go:build unix && !linux

package isolate

import "syscall"

// dieWithParent needs Linux: elsewhere a child outlives a parent that is killed.
func dieWithParent(*syscall.SysProcAttr) {}
