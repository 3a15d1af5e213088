package kernel

import "syscall"

// yieldCore lets another thread run on this core, so that on a busy machine waiting does not take the time from what is
// waited for.
func yieldCore() { _, _, _ = syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) }
