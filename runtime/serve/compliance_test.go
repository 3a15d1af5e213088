package serve_test

import (
	"net/http/httptest"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/serve"
)

// overHTTP is the client of a server of svc.
func overHTTP(t testing.TB, svc hud.Service, o serve.Options) *hud.Remote {
	t.Helper()
	server := httptest.NewServer(serve.Handler(svc, o))
	t.Cleanup(server.Close)
	remote, err := hud.Dial(hud.Config{Settings: hud.Settings{
		APIKey: o.APIKey, APIURL: server.URL, RLURL: server.URL, GatewayURL: server.URL,
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remote.Close() })
	return remote
}

// The compliance suite, from the client over HTTP to the service.

func TestComplianceOfAFake(t *testing.T) {
	t.Parallel()
	open := func(t testing.TB) hud.Service {
		return overHTTP(t, hudtest.NewFake(), serve.Options{APIKey: "hud-test-key"})
	}
	hudtest.RunService(t, open, hudtest.Config{Model: hudtest.FakeModel, MaxContext: 512})
}
