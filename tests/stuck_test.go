//go:build unix

package tests

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// process is this test program as a process of its own.
func process(t *testing.T, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0], append([]string{hudrlMain}, args...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"HOME=" + cmd.Dir}
	return cmd
}

func exitOf(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit == nil {
		return 0
	}
	return exit.ExitCode()
}

// A pipe that nobody reads, or writes to, is waited for no longer than a
// deadline allows, with --isolate, too.
func TestStuckOnPipes(t *testing.T) {
	t.Parallel()
	for _, isolate := range []string{"--isolate=false", "--isolate"} {
		t.Run("prints"+isolate, func(t *testing.T) {
			t.Parallel()
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			defer w.Close()
			cmd := process(t, "run", isolate, "--timeout", "300ms", "-e", `while true do print(("x"):rep(1e5)) end`)
			var errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = w, &errs
			if code := exitOf(t, cmd.Run()); code != 124 || !strings.Contains(errs.String(), "the script did not stop") {
				t.Errorf("exit %d, stderr %q", code, &errs)
			}
		})
		t.Run("reads"+isolate, func(t *testing.T) {
			t.Parallel()
			cmd := process(t, "run", isolate, "--timeout", "1500ms", "script")
			if err := syscall.Mkfifo(filepath.Join(cmd.Dir, "script"), 0o600); err != nil {
				t.Fatal(err)
			}
			var errs bytes.Buffer
			cmd.Stderr = &errs
			if code := exitOf(t, cmd.Run()); code != 124 || !strings.Contains(errs.String(), "waiting for script, which is no file") {
				t.Errorf("exit %d, stderr %q", code, &errs)
			}
		})
	}
	t.Run("standard input", func(t *testing.T) {
		t.Parallel()
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		cmd := process(t, "run", "--timeout", "1500ms", "-")
		var errs bytes.Buffer
		cmd.Stdin, cmd.Stderr = r, &errs
		if code := exitOf(t, cmd.Run()); code != 124 || !strings.Contains(errs.String(), "waiting for standard input") {
			t.Errorf("exit %d, stderr %q", code, &errs)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		t.Parallel()
		cmd := process(t, "run", "script")
		if err := syscall.Mkfifo(filepath.Join(cmd.Dir, "script"), 0o600); err != nil {
			t.Fatal(err)
		}
		var errs output
		errs.onWrite = func(all string) {
			if strings.HasSuffix(all, "which is no file\n") {
				cmd.Process.Signal(os.Interrupt)
			}
		}
		cmd.Stderr = &errs
		if code := exitOf(t, cmd.Run()); code != 130 {
			t.Errorf("exit %d, stderr %q", code, &errs.buf)
		}
	})
}

// A pipe that somebody writes to is as good as a file; a device without an end
// is not.
func TestScriptsFromPipes(t *testing.T) {
	t.Parallel()
	cmd := process(t, "run", "script")
	name := filepath.Join(cmd.Dir, "script")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	wrote := make(chan error, 1)
	go func() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err == nil {
			_, err = io.WriteString(f, "print(6 * 7)")
			err = errors.Join(err, f.Close())
		}
		wrote <- err
	}()
	out, err := cmd.Output()
	if err != nil || string(out) != "42\n" {
		t.Errorf("got %q, %v", out, err)
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
	cmd = process(t, "run", "/dev/zero")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if code := exitOf(t, cmd.Run()); code != 2 || !strings.Contains(errs.String(), "cannot read /dev/zero: it is no file, and has more than 64 MiB") {
		t.Errorf("exit %d, stderr %q", code, &errs)
	}
}
