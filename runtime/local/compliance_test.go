package local

import (
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
)

// TestCompliance holds the service to the protocol, on a small model.
func TestCompliance(t *testing.T) {
	t.Parallel()
	open := func(t testing.TB) hud.Service {
		s := openIn(t, t.TempDir(), Options{})
		create(t, s, CreateOptions{Name: "tiny", Config: &tiny, Seed: 1})
		return s
	}
	hudtest.RunService(t, open, hudtest.Config{Model: "tiny", MaxContext: tiny.MaxContext})
}

// TestComplianceOfSeparateTurns does so without merging.
func TestComplianceOfSeparateTurns(t *testing.T) {
	t.Parallel()
	open := func(t testing.TB) hud.Service {
		s := openIn(t, t.TempDir(), Options{SeparateTurns: true})
		create(t, s, CreateOptions{Name: "tiny", Config: &tiny, Seed: 1})
		return s
	}
	hudtest.RunService(t, open, hudtest.Config{Model: "tiny", MaxContext: tiny.MaxContext, SeparateTurns: true})
}
