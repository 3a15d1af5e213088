package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// readScript reads a script and says how errors call it and where its own
// modules are.
func (a *app) readScript(file string) (name, source, dir string, err error) {
	return a.readScriptWithin(0, file)
}

// readScriptWithin is readScript with an end, if wall is not 0.
func (a *app) readScriptWithin(wall time.Duration, file string) (name, source, dir string, err error) {
	if file == "-" {
		text, err := a.readText("standard input", wall, a.readStdin)
		if err != nil {
			return "", "", "", failed("stdin", err)
		}
		return "stdin", string(text), "", nil
	}
	text, err := a.readText(file, wall, func() ([]byte, error) { return a.ReadFile(a.path(file)) })
	if err != nil {
		var failure *fs.PathError
		if errors.As(err, &failure) {
			err = failure.Err // the path is not what was typed
		}
		if context.Cause(a.ctx) != nil || errors.Is(err, context.DeadlineExceeded) {
			return "", "", "", err
		}
		return "", "", "", usagef("cannot read %s: %v", file, err)
	}
	return file, string(text), filepath.Dir(a.path(file)), nil
}

// maxStream is read of what is no file and may have no end.
const maxStream = 64 << 20

var errEndless = fmt.Errorf("it is no file, and has more than %d MiB", maxStream>>20)

func (a *app) readStdin() ([]byte, error) { return readStream(a.Stdin) }

func readStream(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxStream+1))
	if err == nil && len(text) > maxStream {
		return nil, errEndless
	}
	return text, err
}

// readFile is os.ReadFile, with an end: of pipes and devices, too, which have no
// size.
func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil || info.Mode().IsRegular() || info.IsDir() {
		return os.ReadFile(name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	text, err := readStream(f)
	return text, errors.Join(err, f.Close())
}

// slowRead is when it is said what is being waited for.
const slowRead = time.Second

// readText reads a script from what may be a pipe that nobody writes to: it ends
// with the command or after wall, and says what it waits for.
func (a *app) readText(name string, wall time.Duration, read func() ([]byte, error)) ([]byte, error) {
	ctx := a.ctx
	if wall > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, wall, fmt.Errorf("time limit: no script from %s within %v: %w", name, wall, context.DeadlineExceeded))
		defer stop()
	}
	type outcome struct {
		text []byte
		err  error
	}
	done := make(chan outcome, 1)
	go func() {
		text, err := read()
		done <- outcome{text, err}
	}()
	slow := time.NewTimer(slowRead)
	defer slow.Stop()
	for {
		select {
		case o := <-done:
			return o.text, o.err
		case <-slow.C:
			fmt.Fprintf(a.Stderr, "waiting for %s, which is no file\n", name)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// stuckAfter its deadline a script that has not stopped is left behind: it waits
// for something outside that never comes, for a terminal or pipe, say, to take
// what it prints.
const stuckAfter = 2 * time.Second

// errStuck is why a command ends without its script.
type errStuck struct{ cause error }

func (e *errStuck) Error() string { return e.cause.Error() + ", and the script did not stop" }
func (e *errStuck) Unwrap() error { return e.cause }
func (e *errStuck) ErrorHint() string {
	return "it waits for something outside: for a pipe to take what it prints, say"
}

// unstuck is run(), but returns when that has not ended some time after the
// command was cancelled or wall has passed. The program then ends at once.
func (a *app) unstuck(wall time.Duration, run func() error) error {
	done := make(chan error, 1)
	go func() { done <- run() }()
	ctx := a.ctx
	if wall > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, wall+100*time.Millisecond, fmt.Errorf("time limit: %v: %w", wall, context.DeadlineExceeded))
		defer stop()
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	late := time.NewTimer(stuckAfter)
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
		return &errStuck{context.Cause(ctx)}
	}
}
