//go:build !purego

package kernel

import "testing"

// eachLevel runs f with every implementation the machine has.
func eachLevel(t *testing.T, f func(t *testing.T)) {
	saved := active
	defer func() { active = saved }()
	for active = levelGo; active <= saved; active++ {
		t.Run(active.String(), f)
	}
}
