//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package journal

import (
	"errors"
	"os"
)

// openLocked refuses: this system has no lock that ends with its process, and
// two writers would lose each other's lines.
func openLocked(path string, create bool) (*os.File, error) {
	if _, err := os.Stat(path); err != nil && !create {
		return nil, err
	}
	return nil, &os.PathError{Op: "open", Path: path, Err: errors.ErrUnsupported}
}

func closeLocked(f *os.File) error { return f.Close() }
