package hud_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
)

// A service that is none of hudrl's is asked once whether it knows more than
// HUD's protocol, and is then sent nothing that it does not know.
func TestServicesWithoutExtensions(t *testing.T) {
	t.Parallel()
	for _, fault := range []hudtest.Fault{
		hudtest.Body(404, "404 page not found"), hudtest.Body(405, ""), hudtest.Body(422, `{"detail":"no"}`), hudtest.Redirect,
		hudtest.Garbage, hudtest.Empty, hudtest.Body(200, `{"status":"ok"}`), hudtest.Body(200, `{"extensions":["another"]}`),
	} {
		r := newRig(t)
		r.server.Spoil("v1", fault.Times(10)...)
		for range 2 {
			_, err := r.remote.Tokenizer(t.Context(), "")
			wantUnknown(t, fault.Name, err, "the service hands out no tokenizers")
			// Without the address's slash at the end it is the same origin.
			_, err = r.remote.Forward(t.Context(), r.model.ID, &hud.ForwardRequest{Inputs: inputs(), RewardScale: 1, Checkpoint: "base"})
			wantUnknown(t, fault.Name, err, "the service computes no logprobs of another model or checkpoint")
		}
		if v1, all := r.server.Seen("v1"), len(r.server.Headers()); v1 != 1 || all != 1 {
			t.Errorf("%s: the service saw %d questions and %d requests, want 1 in all", fault.Name, v1, all)
		}
	}
}

func wantUnknown(t *testing.T, name string, err error, want string) {
	t.Helper()
	var e *hud.Error
	if !errors.As(err, &e) || e.Code != hud.CodeValidation || e.Detail != want || !strings.Contains(e.Hint, "hudrl serve") || e.Unknown {
		t.Errorf("%s: got %+v, want %s", name, err, want)
	}
}

// What is wrong with the line or the key says nothing about the service.
func TestExtensionsAreAskedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			fault hudtest.Fault
			code  hud.Code
			seen  int
		}{
			{hudtest.Body(500, ""), hud.CodeServer, 1}, {hudtest.Body(401, ""), hud.CodeAuth, 1},
			{hudtest.Body(503, ""), hud.CodeServer, 5}, {hudtest.DropBefore, hud.CodeNetwork, 5},
		} {
			r := newRig(t)
			r.server.Spoil("v1", c.fault.Times(c.seen)...)
			var e *hud.Error
			if _, err := r.remote.Tokenizer(t.Context(), ""); !errors.As(err, &e) || e.Code != c.code || r.server.Seen("v1") != c.seen {
				t.Errorf("%s: got %v after %d calls", c.fault.Name, err, r.server.Seen("v1"))
			}
			for range 3 {
				if _, err := r.remote.Tokenizer(t.Context(), ""); err != nil {
					t.Errorf("%s: then: %v", c.fault.Name, err)
				}
			}
			if v1, asked := r.server.Seen("v1"), r.server.Seen("tokenizer"); v1 != c.seen+1 || asked != 1 {
				t.Errorf("%s: saw %d and %d calls, want %d and 1", c.fault.Name, v1, asked, c.seen+1)
			}
		}
	})
}

// A definition that is none is the service's fault.
func TestBadDefinitionsOverHTTP(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"kind":"bpe"}`: `kind: got "bpe"`, `{"kind":"bytes","vocab":"x"}`: "vocab: got", `{}`: `kind: got ""`,
		`{"kind":"bytes","vocab":300,"bos":256,"end":257,"roles":{"assistant":3}}`: "roles.assistant: got 3",
	} {
		r := newRig(t)
		r.server.Spoil("tokenizer", hudtest.Body(200, text))
		tok, err := r.remote.Tokenizer(t.Context(), "")
		if tok != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, %v, want %s", text, tok, err, want)
		}
		if _, err := r.remote.Tokenizer(t.Context(), ""); err != nil {
			t.Errorf("%s: then: %v", text, err)
		}
	}
}

// Who waits for a service that is not there is told why.
func TestWaitsSayWhatFailed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []string
		r := newRig(t, func(c *hud.Config) {
			c.OnWait = func(what string, _ time.Duration) { told = append(told, what) }
		})
		r.server.Spoil("resolve", hudtest.Body(http.StatusServiceUnavailable, `{"detail":"starting up"}`).Times(5)...)
		if _, err := r.remote.Resolve(t.Context(), "m"); err == nil {
			t.Fatal("got no error")
		}
		// After 2, 6 and 14 s it was tried again; at 30 s it is over.
		want := []string{"resolve (tried 3 times: starting up)", "resolve (tried 4 times: starting up)"}
		if len(told) < 2 || !slices.Equal(told[:2], want) {
			t.Errorf("got %q, want %q", told, want)
		}
	})
}
