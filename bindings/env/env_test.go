package env_test

import (
	"context"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/bindings/env"
	"github.com/hudrl/hudrl/runtime"
)

func TestEnv(t *testing.T) {
	t.Parallel()
	config := runtime.Config{
		Modules: []runtime.Module{{Name: "hud.env", Open: env.Open, Needs: env.Needs}},
		Capabilities: runtime.Capabilities{
			Env: []string{"USER", "EMPTY", "UNSET", "HUD_API_KEY", "hudrl_home"},
			Getenv: func(name string) (string, bool) {
				v, ok := map[string]string{"USER": "ada", "EMPTY": "", "HUD_API_KEY": "k-secret", "hudrl_home": "/h", "OTHER": "x"}[name]
				return v, ok
			},
		},
	}
	rt, err := runtime.New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	for _, c := range []struct{ src, want string }{
		{`env.get("USER")`, "ada"},
		{`env.get("EMPTY") == ""`, "true"},
		{`env.get("UNSET")`, "<nil>"},
		{`env.get("UNSET", "none")`, "none"},
		{`table.concat(env.names(), " ")`, "EMPTY UNSET USER"},
		{`env.get("OTHER")`, "get: this script may not read OTHER"},
		{`env.get("HUD_API_KEY")`, "get: HUD_API_KEY: scripts never see the training service's settings"},
		{`env.get("hudrl_home")`, "get: hudrl_home: scripts never see"},
		{`env.gett("USER")`, `(did you mean "get"?)`},
	} {
		out, err := rt.Eval(context.Background(), `env = env or require "hud.env" return `+c.src)
		got := ""
		if err != nil {
			got = err.Error()
		} else if got = "<nil>"; len(out) > 0 && out[0] != nil {
			got = strings.TrimSpace(strings.ReplaceAll(sprint(out[0]), "\n", " "))
		}
		if !strings.Contains(got, c.want) || strings.Contains(got, "k-secret") {
			t.Errorf("%s: got %q, want %q", c.src, got, c.want)
		}
	}
}

func sprint(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		if v {
			return "true"
		}
	}
	return "?"
}

// Without a name the module does not exist, and says what would make it.
func TestWithheld(t *testing.T) {
	t.Parallel()
	rt, err := runtime.New(runtime.Config{Modules: []runtime.Module{{Name: "hud.env", Open: env.Open, Needs: env.Needs}}})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	_, err = rt.Eval(context.Background(), `require "hud.env"`)
	if err == nil || !strings.Contains(err.Error(), "require: this script has no capability for hud.env") {
		t.Errorf("got %v", err)
	}
}
