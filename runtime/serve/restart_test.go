package serve_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/local"
	"github.com/hudrl/hudrl/runtime/serve"
)

// A service that begins anew between two passes has lost the first. The step
// says so, instead of stepping with half a batch, and can then be repeated.
func TestRestartBetweenPasses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	begin := func() *local.Service {
		s, err := local.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	svc := begin()
	if _, err := svc.Create(t.Context(), local.CreateOptions{Name: "tiny", Config: &tiny, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	var now atomic.Pointer[http.Handler]
	use := func(s *local.Service) { h := serve.Handler(s, serve.Options{}); now.Store(&h) }
	use(svc)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*now.Load()).ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	remote, err := hud.Dial(hud.Config{Settings: hud.Settings{APIURL: server.URL, RLURL: server.URL, GatewayURL: server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remote.Close() })
	trainer := hud.NewTrainingClient(remote, "tiny", hud.TrainingClientOptions{})
	pass := func() {
		t.Helper()
		sample := hud.TrajectorySample{PromptTokenIDs: []int{1, 2}, OutputTokenIDs: []int{3, 4}}
		_, err := trainer.ForwardBackward(t.Context(), []hud.Item{&hud.TrajectoryPayload{Samples: []hud.TrajectorySample{sample}}},
			hud.ForwardBackwardOptions{LossFn: hud.LossCrossEntropy})
		if err != nil {
			t.Fatal(err)
		}
	}
	step := func() error {
		_, err := trainer.OptimStep(t.Context(), hud.OptimStepOptions{LearningRate: 1e-4})
		return err
	}

	pass()
	if err := svc.Close(); err != nil {
		t.Fatal(err)
	}
	svc = begin()
	use(svc)
	pass()
	var e *hud.Error
	if err := step(); !errors.As(err, &e) || e.Code != hud.CodeConflict || e.Hint != "repeat the step from its first forward_backward" || e.Unknown {
		t.Fatalf("got %v, want a conflict", err)
	}
	list, err := trainer.Checkpoints(t.Context())
	if err != nil || len(list) != 0 {
		t.Fatalf("got %d checkpoints (%v) after a step that was refused, want 0", len(list), err)
	}
	for range 2 {
		pass()
		pass()
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
}
