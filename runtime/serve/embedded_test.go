package serve_test

import (
	"fmt"
	"sync"
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
	hudtest.RunService(t, embedded, hudtest.Config{Model: "tiny", MaxContext: tiny.MaxContext, NoReferences: true})
}

// Two hundred small chats at once: none fails, and none answers otherwise than
// alone.
func TestManyChatsAtOnce(t *testing.T) {
	t.Parallel()
	svc := embedded(t)
	ask := func(seed uint64) string {
		res, err := svc.Chat(t.Context(), &hud.ChatRequest{
			Model: "tiny", Messages: []hud.Message{{Role: "user", Content: "hi"}}, MaxTokens: 4, Seed: &seed, ReturnTokenIDs: true,
		})
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(res.Choices[0].TokenIDs, res.Choices[0].Logprobs)
	}
	var wg sync.WaitGroup
	answers := make([]string, 200)
	for i := range answers {
		wg.Go(func() { answers[i] = ask(uint64(i)) })
	}
	wg.Wait()
	for i, got := range answers {
		if want := ask(uint64(i)); got != want {
			t.Errorf("chat %d: got %s among others, %s alone", i, got, want)
		}
	}
}
