//go:build unix

package isolate

import (
	"math"
	"os"
	"os/exec"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// apply sets the limits of this process.
func (l Limits) apply() error {
	set := func(resource int, soft, hard int64) error {
		return unix.Setrlimit(resource, &unix.Rlimit{Cur: uint64(soft), Max: uint64(hard)})
	}
	if l.Memory > 0 {
		most := l.Memory + slack(l.Memory)
		if err := set(unix.RLIMIT_DATA, most, most); err != nil {
			return err
		}
		debug.SetMemoryLimit(l.Memory + l.Memory/8) // so that garbage alone does not reach it
	}
	if l.CPU > 0 {
		seconds := int64(math.Ceil(l.CPU.Seconds()))
		if err := set(unix.RLIMIT_CPU, seconds, seconds+1); err != nil { // SIGXCPU, then SIGKILL
			return err
		}
	}
	return set(unix.RLIMIT_CORE, 0, 0)
}

// overCPU reports whether a process was ended for the time it used.
func overCPU(s *os.ProcessState, l Limits) bool {
	status, ok := s.Sys().(syscall.WaitStatus)
	if !ok || l.CPU <= 0 {
		return false
	}
	used := s.UserTime() + s.SystemTime()
	return status.Signaled() && status.Signal() == syscall.SIGXCPU ||
		used >= time.Duration(math.Ceil(l.CPU.Seconds()))*time.Second-100*time.Millisecond
}

// bind gives a child a process group of its own: the terminal's Ctrl-C is for
// this process, which decides.
func bind(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	dieWithParent(cmd.SysProcAttr)
}
