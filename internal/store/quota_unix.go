//go:build unix

package store

import (
	"errors"
	"syscall"
)

// isQuota reports whether err is a full disk quota.
func isQuota(err error) bool { return errors.Is(err, syscall.EDQUOT) }
