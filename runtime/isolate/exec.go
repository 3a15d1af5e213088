package isolate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// slack is what the operating system grants beyond Limits.Memory: what a child
// needs before any script runs, the Go heap's arenas of 64 MiB, and room for the
// heap's own limit to be reached first, whose error says more.
func slack(memory int64) int64 { return 128<<20 + memory/2 }

// limitsName is the variable that tells a child its limits.
const limitsName = "HUDRL_ISOLATED"

// Enter reports whether this process is a child of Exec and, in one, takes on
// its limits. A program with a protocol of its own calls it in place of Main,
// before anything else.
func Enter() bool {
	text, child := os.LookupEnv(limitsName)
	if !child {
		return false
	}
	os.Unsetenv(limitsName)
	var l Limits
	if _, err := fmt.Sscanf(text, "%d %d", &l.Memory, &l.CPU); err != nil {
		fmt.Fprintln(os.Stderr, "fatal error: isolate: "+limitsName+": "+err.Error())
		os.Exit(2)
	}
	if err := l.apply(); err != nil {
		fmt.Fprintln(os.Stderr, "fatal error: isolate: the limits cannot be set: "+err.Error())
		os.Exit(2)
	}
	return true
}

// Exec runs cmd, a program whose main calls Main or Enter and which ctx ends (as
// exec.CommandContext has it), to its end under limits. The error is an *Ended where the process was ended, else what
// cmd.Run gives. What it says on standard error goes to cmd.Stderr.
func Exec(ctx context.Context, cmd *exec.Cmd, l Limits) error {
	cmd.Env = append(cmd.Environ(), fmt.Sprintf("%s=%d %d", limitsName, l.Memory, l.CPU), "GOTRACEBACK=none")
	errs := &filter{w: cmd.Stderr}
	cmd.Stderr = errs
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = time.Second // pipes that a grandchild holds
	}
	bind(cmd)
	err := runWithin(ctx, cmd, l.Wall)
	if errors.As(err, new(*Ended)) {
		return err // whoever holds cmd.Stderr may still be writing
	}
	if failed := errs.pass(); err == nil {
		err = failed
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	said := errs.said
	switch {
	case overCPU(exit.ProcessState, l):
		return &Ended{"CPU limit", fmt.Sprintf("used %v of %v", (exit.UserTime() + exit.SystemTime()).Round(time.Millisecond), l.CPU)}
	case l.Memory > 0 && starved(said):
		return &Ended{"memory limit", fmt.Sprintf("the process needed more than the operating system's limit of %d MiB, which is above that of the heap (Limits.HeapBytes)", (l.Memory+slack(l.Memory))>>20)}
	case said != "":
		return &Ended{"crashed", said}
	case !exit.Exited():
		return &Ended{"killed", exit.String() + " from outside, perhaps because the machine ran out of memory"}
	}
	return err
}

// A killed process that has not ended after this time is left behind: it is
// stuck in the kernel, where nothing ends it.
const killWait = 5 * time.Second

// runWithin is cmd.Run with an end, whatever the process does.
func runWithin(ctx context.Context, cmd *exec.Cmd, wall time.Duration) error {
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("isolate: the process cannot be started: %w", err)
	}
	waited := make(chan error, 1)
	go func() { waited <- cmd.Wait() }()
	var late <-chan time.Time
	if wall > 0 {
		timer := time.NewTimer(wall)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case err := <-waited:
		return err
	case <-ctx.Done(): // cmd ends it
		select {
		case err := <-waited:
			return err
		case <-time.After(cmd.WaitDelay + killWait):
			return &Ended{"killed", "it does not end"}
		}
	case <-late:
		ended := &Ended{"time limit", wall.String()}
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("isolate: %w, and the process cannot be ended: %w", ended, err)
		}
		select {
		case <-waited:
		case <-time.After(cmd.WaitDelay + killWait):
			ended.Detail += "; it does not end"
		}
		return ended
	}
}

// starved reports whether the Go runtime gave up for want of memory. Where its
// collector finds none for itself, it reads address 0; where a thread finds no
// stack, it is not made.
func starved(said string) bool {
	for _, why := range []string{"out of memory", "cannot allocate memory", "SIGSEGV: ", "newosproc", "failed to create new OS thread", "pthread_create failed"} {
		if strings.Contains(said, why) {
			return true
		}
	}
	return false
}

// A filter passes on what a process writes, line by line, up to where the Go
// runtime says why it gives up: what follows is a dump of its goroutines.
type filter struct {
	w    io.Writer
	line []byte // the last, not yet whole
	said string // why it gave up
}

// maxLine is where a line is passed on in parts.
const maxLine = 4096

func (f *filter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 && f.said == "" {
		end := bytes.IndexByte(p, '\n') + 1
		whole := end > 0
		if !whole {
			end = len(p)
		}
		f.line, p = append(f.line, p[:end]...), p[end:]
		if whole || len(f.line) > maxLine {
			if err := f.pass(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

// pass hands on the line.
func (f *filter) pass() error {
	for _, mark := range []string{"fatal error: ", "panic: ", "SIGSEGV: ", "SIGBUS: ", "runtime: ", "runtime/cgo: "} {
		if said, ok := bytes.CutPrefix(f.line, []byte(mark)); ok {
			if strings.HasPrefix(mark, "SIG") || strings.HasPrefix(mark, "runtime") {
				said = f.line // the mark says something
			}
			f.said = strings.TrimSpace(string(said))
			return nil
		}
	}
	var err error
	if f.w != nil {
		_, err = f.w.Write(f.line)
	}
	f.line = f.line[:0]
	return err
}
