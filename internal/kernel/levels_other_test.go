//go:build !amd64 || purego

package kernel

import "testing"

// eachLevel runs f with every implementation the machine has.
func eachLevel(t *testing.T, f func(t *testing.T)) { t.Run("go", f) }
