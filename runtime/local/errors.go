package local

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hudrl/hudrl/internal/store"
	"github.com/hudrl/hudrl/runtime/hud"
)

func failed(op string, code hud.Code, status int, format string, args ...any) *hud.Error {
	return &hud.Error{Op: op, Code: code, Status: status, Detail: fmt.Sprintf(format, args...)}
}

func invalid(op, format string, args ...any) *hud.Error {
	return failed(op, hud.CodeValidation, http.StatusUnprocessableEntity, format, args...)
}

func notFound(op, format string, args ...any) *hud.Error {
	return failed(op, hud.CodeNotFound, http.StatusNotFound, format, args...)
}

func conflict(op, format string, args ...any) *hud.Error {
	return failed(op, hud.CodeConflict, http.StatusConflict, format, args...)
}

// hinted adds a hint.
func hinted(e *hud.Error, format string, args ...any) *hud.Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

func errClosed(op string) *hud.Error {
	return failed(op, hud.CodeServer, http.StatusServiceUnavailable, "the service is closed")
}

const prunedHint = "retention removed it: fork from a checkpoint that still has its weights, or open the service with --keep all from the start to keep every one"

// storeError gives an error of the store its code and hint; nil stays nil.
func storeError(op string, err error) error {
	if err == nil {
		return nil
	}
	var already *hud.Error
	if errors.As(err, &already) {
		return err
	}
	if errors.Is(err, store.ErrClosed) {
		return errClosed(op)
	}
	e := failed(op, hud.CodeServer, http.StatusInternalServerError, "%s", strings.TrimPrefix(err.Error(), op+": "))
	e.Err = err
	var se *store.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e.Code, e.Status, e.Detail = hud.CodeTimeout, http.StatusGatewayTimeout, fmt.Sprintf("stopped before it was done: %v", err)
	case errors.Is(err, store.ErrPruned):
		e.Code, e.Status, e.Hint = hud.CodeNotFound, http.StatusNotFound, prunedHint
	case errors.Is(err, store.ErrNotFound):
		e.Code, e.Status = hud.CodeNotFound, http.StatusNotFound
	case errors.Is(err, store.ErrMoved), errors.Is(err, store.ErrForked):
		e.Code, e.Status = hud.CodeConflict, http.StatusConflict
	case errors.As(err, &se):
		e.Hint = se.Hint()
		switch se.Err {
		case store.ErrFull:
			e.Status = http.StatusInsufficientStorage
		case store.ErrBusy:
			e.Status = http.StatusServiceUnavailable
		}
	}
	return e
}

// stopped is the error of an operation whose context ended.
func stopped(op string, ctx context.Context) error {
	e := failed(op, hud.CodeTimeout, http.StatusGatewayTimeout, "stopped before it was done: %v", context.Cause(ctx))
	// Both, so that errors.Is finds context.Canceled whatever the cause was.
	e.Err = errors.Join(ctx.Err(), context.Cause(ctx))
	return e
}
