package store

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What can go wrong, for errors.Is.
var (
	ErrNotFound = errors.New("not found")                                 // no such model, checkpoint, trace or blob
	ErrMoved    = errors.New("the head moved")                            // a commit started from a head that is no longer the head
	ErrForked   = errors.New("forked")                                    // other models were forked from the model's tree
	ErrPruned   = errors.New("pruned")                                    // retention removed the weights or the moments
	ErrCorrupt  = errors.New("the store is damaged")                      // a file does not hold what it should
	ErrNewer    = errors.New("the store was made by a later version")     // unknown schema version
	ErrReadOnly = errors.New("the data directory cannot be written")      // permissions, a read-only mount, or Options.ReadOnly
	ErrFull     = errors.New("the disk is full")                          // no space, or a quota
	ErrClosed   = errors.New("the store is closed")                       // Close was called
	ErrBusy     = errors.New("another process holds the database's lock") // for longer than the busy timeout
)

// An Error is a failure of the disk or of the database.
type Error struct {
	Op    string // what was being done
	Dir   string // the store's directory
	Err   error  // one of the sentinels, or nil
	Cause error  // what the system said
}

func (e *Error) Error() string {
	if e.Err == nil || errors.Is(e.Cause, e.Err) {
		return fmt.Sprintf("%s: data directory %s: %v", e.Op, e.Dir, e.Cause)
	}
	return fmt.Sprintf("%s: data directory %s: %v: %v", e.Op, e.Dir, e.Err, e.Cause)
}

func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Cause}
	}
	return []error{e.Err, e.Cause}
}

// Hint says what a person can do about it, or "".
func (e *Error) Hint() string {
	switch e.Err {
	case ErrReadOnly:
		return "choose another directory with --data DIR or HUDRL_HOME, or make this one writable"
	case ErrFull:
		return "free some space, or run `hudrl models gc` to remove blobs nothing refers to"
	case ErrCorrupt:
		return "restore the directory from a backup, or start a new one with --data DIR"
	case ErrNewer:
		return "use the hudrl that made it, or another directory with --data DIR"
	case ErrBusy:
		return "wait for the other process, or stop it"
	}
	if errors.Is(e.Cause, syscall.ENOTDIR) || errors.Is(e.Cause, fs.ErrNotExist) {
		return "choose another directory with --data DIR or HUDRL_HOME"
	}
	return ""
}

// classify attaches the sentinel to errors of the system and of SQLite, and
// passes through errors that already say what they are.
func (s *Store) classify(op string, err error) error {
	if err == nil {
		return nil
	}
	var done *Error
	if errors.As(err, &done) {
		return err
	}
	for _, e := range []error{ErrNotFound, ErrMoved, ErrForked, ErrPruned} {
		if errors.Is(err, e) {
			return err
		}
	}
	if s.closed.Load() {
		return fmt.Errorf("%s: %w", op, ErrClosed)
	}
	e := &Error{Op: op, Dir: s.dir, Cause: err}
	var sq *sqlite.Error
	switch {
	case errors.Is(err, ErrCorrupt):
		e.Err = ErrCorrupt
	case errors.Is(err, ErrNewer):
		e.Err = ErrNewer
	case errors.Is(err, syscall.ENOSPC) || isQuota(err):
		e.Err = ErrFull
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS):
		e.Err = ErrReadOnly
	case errors.As(err, &sq):
		switch sq.Code() & 0xff {
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			e.Err = ErrCorrupt
		case sqlite3.SQLITE_FULL:
			e.Err = ErrFull
		case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN:
			e.Err = ErrReadOnly
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			e.Err = ErrBusy
		}
	}
	return e
}
