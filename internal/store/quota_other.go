//go:build !unix

package store

// isQuota reports whether err is a full disk quota.
func isQuota(error) bool { return false }
