package fs

import (
	"os"
	"syscall"
)

// procMagic is PROC_SUPER_MAGIC of statfs(2).
const procMagic = 0x9fa0

// inProc reports whether a file is of a file system of processes, wherever that
// is mounted.
func inProc(f *os.File) bool {
	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}
	var s syscall.Statfs_t
	failed := raw.Control(func(fd uintptr) { err = syscall.Fstatfs(int(fd), &s) })
	return failed == nil && err == nil && s.Type == procMagic
}
