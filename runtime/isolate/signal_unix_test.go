//go:build unix

package isolate_test

import (
	"os"
	"syscall"
)

// stopMyself stops this process as Ctrl-Z does: nothing in it goes on.
func stopMyself() { syscall.Kill(os.Getpid(), syscall.SIGSTOP) }

// killMyself ends it as the kernel does that is out of memory.
func killMyself() {
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}
