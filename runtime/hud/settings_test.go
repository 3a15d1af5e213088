package hud_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
)

// world is an environment of variables and files.
func world(env map[string]string, files map[string]string) hud.Environment {
	return hud.Environment{
		Getenv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		ReadFile: func(name string) ([]byte, error) {
			text, ok := files[name]
			if !ok {
				return nil, fs.ErrNotExist
			}
			return []byte(text), nil
		},
		Dir: "/src/project", Home: "/home/me",
	}
}

func TestSettingsPrecedence(t *testing.T) {
	t.Parallel()
	const here, mine = "/src/project/.env", "/home/me/.hud/.env"
	for _, tt := range []struct {
		name       string
		env, files map[string]string
		want       hud.Settings
	}{
		{"nothing", nil, nil, hud.Settings{}},
		{"all from the environment", map[string]string{
			"HUD_API_KEY": "k", "HUD_API_URL": "https://a", "HUD_RL_URL": "https://r/", "HUD_GATEWAY_URL": "http://g:1", "HUD_TELEMETRY_ENABLED": "No",
		}, nil, hud.Settings{APIKey: "k", APIURL: "https://a", RLURL: "https://r/", GatewayURL: "http://g:1", NoTelemetry: true}},
		{"the environment before files", map[string]string{"HUD_API_KEY": "env"}, map[string]string{here: "HUD_API_KEY=here", mine: "HUD_API_KEY=mine"}, hud.Settings{APIKey: "env"}},
		{"the project before the home", nil, map[string]string{here: "HUD_API_KEY=here", mine: "HUD_API_KEY=mine\nHUD_RL_URL=https://r"}, hud.Settings{APIKey: "here", RLURL: "https://r"}},
		{"the home at last", nil, map[string]string{mine: "# HUD settings\nHUD_API_KEY=mine\n"}, hud.Settings{APIKey: "mine"}},
		{"an empty variable wins", map[string]string{"HUD_API_KEY": ""}, map[string]string{mine: "HUD_API_KEY=mine"}, hud.Settings{}},
		{"an empty value in a file wins", nil, map[string]string{here: "HUD_API_KEY=", mine: "HUD_API_KEY=mine"}, hud.Settings{}},
		{"lower case", map[string]string{"hud_api_key": "k"}, map[string]string{here: "hud_rl_url=https://r"}, hud.Settings{APIKey: "k", RLURL: "https://r"}},
		{"telemetry", nil, map[string]string{here: "HUD_TELEMETRY_ENABLED=Y"}, hud.Settings{}},
		// What python-dotenv makes of a file.
		{"spellings", map[string]string{"OTHER": "o"}, map[string]string{here: "\ufeffexport HUD_API_KEY = 'a#b$c' # comment\r\nHUD_RL_URL=\"https://${OTHER}/${none:-x}\"\n" +
			"not a line\n=1\nX='open\nHOST=h\nHUD_GATEWAY_URL=http://${HOST} # there\nHUD_API_URL=http://a/#b\n"},
			hud.Settings{}},
	} {
		got, err := hud.LoadSettings(world(tt.env, tt.files))
		if tt.name == "spellings" {
			if err == nil || !strings.Contains(err.Error(), `HUD_API_URL: got "http://a/#b"`) {
				t.Errorf("got %v, want a complaint about what follows #", err)
			}
			got, err = hud.LoadSettings(world(tt.env, map[string]string{here: strings.ReplaceAll(tt.files[here], "#b\n", "\n")}))
			tt.want = hud.Settings{APIKey: "a#b$c", RLURL: "https://o/x", GatewayURL: "http://h", APIURL: "http://a/"}
		}
		if err != nil || got != tt.want {
			t.Errorf("%s: got %#v with key %q, %v, want %#v with key %q", tt.name, got, string(got.APIKey), err, tt.want, string(tt.want.APIKey))
		}
	}
	for name, value := range map[string]string{
		"HUD_TELEMETRY_ENABLED": "maybe", "HUD_RL_URL": "", "HUD_API_URL": "hud.ai", "HUD_GATEWAY_URL": "ftp://x",
	} {
		if _, err := hud.LoadSettings(world(map[string]string{name: value}, nil)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%s: got %v, want an error that names it", name, value, err)
		}
	}
	_, err := hud.LoadSettings(world(map[string]string{"HUD_RL_URL": "http://me:password@host"}, nil))
	if err == nil || strings.Contains(err.Error(), "password@") {
		t.Errorf("got %v, want an error without the password", err)
	}
}

func FuzzDotenv(f *testing.F) {
	f.Add("HUD_API_KEY=a\nexport HUD_RL_URL='http://x' # y\n")
	f.Add("HUD_API_KEY=${HUD_API_KEY}${a:-b}\nA=\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := hud.LoadSettings(world(nil, map[string]string{"/src/project/.env": text}))
		if err == nil && s.RLURL != "" {
			if _, err := hud.HostPort(s.RLURL); err != nil {
				t.Errorf("%q: the address %q was taken: %v", text, s.RLURL, err)
			}
		}
	})
}

// A key is never shown: printed, logged or marshalled, in an error, or when a
// service throws it back.
func TestKeysAreNeverShown(t *testing.T) {
	t.Parallel()
	const key = "hud-0123456789abcdef"
	settings := hud.Settings{APIKey: key, APIURL: "http://a.test", RLURL: "http://r.test", GatewayURL: "http://g.test"}
	var shown bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		fmt.Fprintf(&shown, verb+"\n", settings)
		fmt.Fprintf(&shown, verb+"\n", settings.APIKey)
		fmt.Fprintf(&shown, verb+"\n", &settings)
	}
	text, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	shown.Write(text)
	slog.New(slog.NewJSONHandler(&shown, nil)).Info("x", "settings", settings, "key", settings.APIKey)
	slog.New(slog.NewTextHandler(&shown, nil)).Info("x", "settings", settings, "key", settings.APIKey)
	if !strings.Contains(shown.String(), "[secret]") {
		t.Errorf("nothing says that there is a key: %s", shown.String())
	}

	synctest.Test(t, func(t *testing.T) {
		echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(401)
			fmt.Fprintf(w, `{"detail":"bad token %s","code":"auth","hint":"not %s"}`, r.Header.Get("Authorization"), r.Header.Get("Authorization"))
		})
		server := hudtest.NewServer(t, echo)
		remote, err := hud.Dial(hud.Config{Settings: settings, DialContext: server.DialContext})
		if err != nil {
			t.Fatal(err)
		}
		defer remote.Close()
		server.Spoil("resolve", hudtest.Body(500, key), hudtest.Body(200, `{"id":["`+key+`"]}`), hudtest.Body(200, key), hudtest.Body(422, `{"x":"`+key+`"}`),
			hudtest.Body(200, `{"id":"`+strings.Repeat("x", 30)+key+`","id":1}`), hudtest.Body(200, strings.Repeat("y", 30)+key))
		for range 7 {
			_, err := remote.Resolve(t.Context(), "x")
			for e := err; e != nil; e = errors.Unwrap(e) {
				fmt.Fprintf(&shown, "%v %+v\n", e, e)
			}
			var e *hud.Error
			if !errors.As(err, &e) {
				t.Fatal(err)
			}
			fmt.Fprintf(&shown, "%+v\n", *e)
		}
		fmt.Fprintf(&shown, "%v %s\n", remote, remote)
		if _, err := hud.Dial(hud.Config{Settings: hud.Settings{APIKey: key + "\n"}}); err == nil {
			t.Error("a key with a line end was taken")
		} else {
			fmt.Fprintf(&shown, "%v %+v\n", err, err)
		}
	})
	for _, part := range []string{key, fmt.Sprintf("%x", key), "0123456789"} {
		if at := strings.Index(shown.String(), part); at >= 0 {
			t.Errorf("the key was shown: …%s…", shown.String()[max(0, at-80):at])
		}
	}
}

// Without a key nothing is sent, except to this machine.
func TestWithoutAKey(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		settings hud.Settings
		sent     bool
	}{
		{hud.Settings{}, false},
		{hud.Settings{APIURL: "http://127.0.0.1:1", RLURL: "http://localhost:2", GatewayURL: "http://[::1]:3"}, true},
		{hud.Settings{APIURL: "http://127.0.0.1:1", RLURL: "http://localhost:2"}, false},
		{hud.Settings{APIURL: "http://10.0.0.1", RLURL: "http://10.0.0.1", GatewayURL: "http://10.0.0.1"}, false},
		{hud.Settings{APIURL: "http://127.0.0.1.evil.test", RLURL: "http://127.0.0.1", GatewayURL: "http://127.0.0.1"}, false},
	} {
		var headers http.Header
		server := hudtest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			headers = r.Header
			io.WriteString(w, `{"items":[]}`)
		}))
		remote, err := hud.Dial(hud.Config{Settings: tt.settings, DialContext: server.DialContext})
		if err != nil {
			t.Fatal(err)
		}
		_, err = remote.Models(t.Context())
		remote.Close()
		var e *hud.Error
		switch {
		case tt.sent && (err != nil || headers.Get("Authorization") != ""):
			t.Errorf("%+v: got %v and %v, want a call without a key", tt.settings, err, headers)
		case !tt.sent && (!errors.As(err, &e) || e.Code != hud.CodeAuth || e.Detail != "API key is required but not provided" || e.Hint == "" || server.Dialled() > 0):
			t.Errorf("%+v: got %v and %d connections, want HUD's words and none", tt.settings, err, server.Dialled())
		}
	}
}

// Relocated clients carry the host's key to the host's addresses only.
func TestAt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		at   hud.Address
		want string // the Authorization header at the training address
		host string
	}{
		{hud.Address{APIKey: "theirs"}, "Bearer theirs", "rl.test"},
		{hud.Address{BaseURL: "http://127.0.0.1:9/", APIKey: "theirs"}, "Bearer theirs", "127.0.0.1:9"},
		{hud.Address{BaseURL: "http://script.test"}, "", ""}, // no key: nothing is sent
		{hud.Address{APIURL: "http://script.test"}, "", ""},
		{hud.Address{APIURL: "http://script.test", APIKey: "theirs"}, "Bearer theirs", "rl.test"},
	} {
		remote, server := cannedRemote(t, `{"losses":[]}`)
		svc, err := remote.At(tt.at)
		if err != nil {
			t.Fatal(err)
		}
		_, err = svc.Losses(t.Context(), "m")
		if (err == nil) != (tt.want != "") || len(server.got) > 0 != (tt.want != "") {
			t.Errorf("%+v: got %v and %d calls, want sent %v", tt.at, err, len(server.got), tt.want != "")
		}
		for _, r := range server.got {
			if r.Header.Get("Authorization") != tt.want || r.Host != tt.host {
				t.Errorf("%+v: %s was shown %q, want %s and %q", tt.at, r.Host, r.Header.Get("Authorization"), tt.host, tt.want)
			}
		}
	}
	remote, _ := cannedRemote(t, ``)
	for _, bad := range []string{"rl.test", "http://u:p@h", "http://", "http://h?x=1"} {
		if _, err := remote.At(hud.Address{BaseURL: bad}); err == nil {
			t.Errorf("%s: want an error", bad)
		}
	}
}

// Error responses become HUD's words and hints.
func TestErrorResponses(t *testing.T) {
	t.Parallel()
	const key, pro = "set HUD_API_KEY", "upgrade at https://hud.ai/project/billing"
	for _, tt := range []struct {
		status       int
		body         string
		code         hud.Code
		detail, hint string
	}{
		{400, `{"detail":"no such loss"}`, hud.CodeValidation, "no such loss", ""},
		{400, `{"error":"x"}`, hud.CodeValidation, `Request failed with status 400 - JSON response: {"error":"x"}`, ""},
		{400, `{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6}`, hud.CodeValidation, "Request failed with status 400", ""},
		{400, `{"detail":""}`, hud.CodeValidation, `Request failed with status 400 - JSON response: {"detail":""}`, ""},
		{400, `["x"]`, hud.CodeValidation, "Request failed with status 400", ""},
		{422, `{"detail":[{"loc":["body","inputs",0,"reward"],"msg":"field required","type":"x"},{"loc":[],"msg":"bad"}]}`, hud.CodeValidation, "inputs.0.reward: field required; bad", ""},
		{422, `{"detail":{"why":1}}`, hud.CodeValidation, `{"why":1}`, ""},
		{401, ``, hud.CodeAuth, "Request failed with status 401", key},
		{402, `{"detail":"pay"}`, hud.CodeAuth, "pay", "top up"},
		{403, `{"detail":"not yours"}`, hud.CodeAuth, "not yours", key},
		{403, `{"detail":"This requires Pro."}`, hud.CodeAuth, "This requires Pro.", pro},
		{403, `{"detail":"Pro users only"}`, hud.CodeAuth, "Pro users only", pro},
		{403, `{"detail":"x","more":"your Pro Plan is over"}`, hud.CodeAuth, "x", pro},
		{404, `{"detail":"gone"}`, hud.CodeNotFound, "gone", ""},
		{409, `{"detail":"no accumulated gradients: x"}`, hud.CodeNoGradient, "no accumulated gradients: x", ""},
		{409, `{"detail":"stale"}`, hud.CodeConflict, "stale", ""},
		{409, `{"detail":"stale","code":"no_gradient","hint":"train first"}`, hud.CodeNoGradient, "stale", "train first"},
		{422, `{"detail":"x","code":"sudo","hint":7}`, hud.CodeValidation, "x", ""},
		{429, `{}`, hud.CodeRateLimited, "Request failed with status 429", "lower max_concurrent"},
		{413, ``, hud.CodeValidation, "Request failed with status 413", ""},
		{500, `{"detail":"` + strings.Repeat("x", 1000) + `"}`, hud.CodeServer, strings.Repeat("x", 500) + "…", ""},
		{301, ``, hud.CodeServer, "Request failed with status 301", "redirects are not followed"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.server.Spoil("resolve", hudtest.Body(tt.status, tt.body).Times(5)...) // 429 is tried again
			_, err := r.remote.Resolve(t.Context(), "x")
			var e *hud.Error
			if !errors.As(err, &e) || e.Code != tt.code || e.Detail != tt.detail || !strings.HasPrefix(e.Hint, tt.hint) || tt.hint == "" && e.Hint != "" || e.Status != tt.status || e.Op != "resolve" {
				t.Errorf("%d %.60s: got %+v, want %s %q with hint %q", tt.status, tt.body, e, tt.code, tt.detail, tt.hint)
			}
		})
	}
}

// A service's Retry-After is heeded: by chats as the OpenAI client does, by
// what changes nothing as HUD's does, and by training calls not at all: they
// are sent once.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	type span [2]time.Duration
	exactly := func(d time.Duration) span { return span{d, d} }
	asIfAbsent := span{375 * time.Millisecond, 500 * time.Millisecond}
	for _, tt := range []struct {
		text         string
		chat, models span
	}{
		{"7", exactly(7 * time.Second), exactly(7 * time.Second)},
		{"0.25", exactly(250 * time.Millisecond), exactly(250 * time.Millisecond)},
		{"0", asIfAbsent, exactly(0)},
		{"3600", asIfAbsent, exactly(30 * time.Second)},
		{"-1", asIfAbsent, exactly(2 * time.Second)},
		{"inf", asIfAbsent, exactly(2 * time.Second)},
		{"soon", asIfAbsent, exactly(2 * time.Second)},
	} {
		for _, call := range []string{"chat", "models", "training"} {
			synctest.Test(t, func(t *testing.T) {
				seen := 0
				server := hudtest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					// A connection without buffers breaks when the server answers first.
					_, _ = io.Copy(io.Discard, r.Body)
					if seen++; seen == 1 {
						w.Header().Set("Retry-After", tt.text)
						w.WriteHeader(429)
						return
					}
					io.WriteString(w, `{"choices":[{"message":{"content":"x"}}],"items":[]}`)
				}))
				remote, err := hud.Dial(hud.Config{
					Settings:    hud.Settings{APIKey: "k", APIURL: server.URL, RLURL: server.URL, GatewayURL: server.URL},
					DialContext: server.DialContext,
				})
				if err != nil {
					t.Fatal(err)
				}
				defer remote.Close()
				start := time.Now()
				want := tt.chat
				switch call {
				case "chat":
					_, err = remote.Chat(t.Context(), &hud.ChatRequest{Model: "m"})
				case "models":
					want = tt.models
					_, err = remote.Models(t.Context())
				default:
					_, err = remote.OptimStep(t.Context(), "m", &hud.OptimStepRequest{LearningRate: 1})
					var e *hud.Error
					if !errors.As(err, &e) || e.Code != hud.CodeRateLimited || e.Unknown || seen != 1 {
						t.Errorf("a training call: got %v after %d attempts, want rate_limited after 1", err, seen)
					}
					return
				}
				if took := time.Since(start); err != nil || took < want[0] || took > want[1] {
					t.Errorf("%s, Retry-After %s: waited %v (%v), want %v to %v", call, tt.text, took, err, want[0], want[1])
				}
			})
		}
	}
}
