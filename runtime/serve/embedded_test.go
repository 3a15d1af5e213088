package serve_test

import (
	"testing"

	"github.com/hudrl/hudrl/internal/policy"
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/local"
	"github.com/hudrl/hudrl/runtime/serve"
)

var tiny = policy.Config{
	Vocab: 264, Dim: 16, Layers: 2, Heads: 2, KVHeads: 1, FFN: 24, MaxContext: 96, RopeTheta: 10000, NormEps: 1e-5, Tied: true,
}

// open is the embedded service with a tiny model.
func open(t testing.TB) *local.Service {
	t.Helper()
	s, err := local.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if _, err := s.Create(t.Context(), local.CreateOptions{Name: "tiny", Config: &tiny, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	return s
}

// embedded is the client of a server of the embedded service.
func embedded(t testing.TB) hud.Service { return overHTTP(t, open(t), serve.Options{}) }

func TestComplianceOfTheEmbeddedService(t *testing.T) {
	t.Parallel()
	hudtest.RunService(t, embedded, hudtest.Config{Model: "tiny", MaxContext: tiny.MaxContext})
}
