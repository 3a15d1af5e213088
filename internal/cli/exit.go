package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/replay"
)

// The exit codes.
const (
	exitOK        = 0
	exitScript    = 1
	exitUsage     = 2
	exitLimit     = 3
	exitService   = 4
	exitCheck     = 5   // a check found something wrong
	exitDeadline  = 124 // as timeout(1)
	exitInterrupt = 130 // 128 + SIGINT
)

// A usageError says that the command line is wrong.
type usageError struct {
	message string
	hint    string
}

func (e *usageError) Error() string     { return e.message }
func (e *usageError) ErrorHint() string { return e.hint }

func usagef(format string, args ...any) error {
	return &usageError{message: fmt.Sprintf(format, args...)}
}

// A commandError says what a command failed to do, and keeps why.
type commandError struct {
	what string
	err  error
}

func (e *commandError) Error() string {
	// what names the operation: a service's error need not say it again.
	var service *hud.Error
	if errors.As(e.err, &service) && service == e.err && service.Detail != "" {
		return e.what + ": " + service.Detail
	}
	return e.what + ": " + e.err.Error()
}
func (e *commandError) Unwrap() error { return e.err }

func failed(what string, err error) error {
	if err == nil {
		return nil
	}
	return &commandError{what, err}
}

// errInterrupted is the cause of a context that Ctrl-C cancelled.
var errInterrupted = errors.New("interrupted")

// exitCode is the code that tells a caller what err was. What ended the whole
// command outranks what the script made of it.
func exitCode(err error) int {
	var (
		exit    *runtime.ExitError
		usage   *usageError
		limit   *runtime.LimitError
		service *hud.Error
	)
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		return exit.Code
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, new(*replay.Divergence)):
		return exitCheck
	case errors.Is(err, errInterrupted), errors.Is(err, runtime.ErrInterrupted):
		return exitInterrupt
	case errors.As(err, &limit):
		return exitLimit
	case errors.As(err, &service):
		switch service.Code {
		case hud.CodeLimit:
			return exitLimit
		case hud.CodeServer, hud.CodeNetwork, hud.CodeTimeout, hud.CodeAuth, hud.CodeRateLimited:
			return exitService
		}
	case errors.Is(err, context.DeadlineExceeded):
		return exitDeadline
	}
	var coded interface{ ErrorCode() string }
	if errors.As(err, &coded) && coded.ErrorCode() == runtime.CodeLimit {
		return exitLimit // of tensor memory
	}
	return exitScript
}
