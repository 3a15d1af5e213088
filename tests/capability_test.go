package tests

import (
	"strings"
	"testing"
)

// What a script reaches beyond its VM is what flags grant, and never a key.
func TestCapabilities(t *testing.T) {
	t.Parallel()
	p := program{dir: t.TempDir(), env: map[string]string{"USER": "ada", "HUD_API_KEY": "k-secret"}}
	write(t, p.dir, "notes.txt", "hello")
	write(t, p.dir, ".env", "HUD_API_KEY=k-secret")
	for _, c := range []struct {
		name     string
		args     []string
		code     int
		out, err []string
	}{
		{"read below the working directory", []string{"-e", `print(require("hud").fs.read("notes.txt"))`}, 0, []string{"hello\n"}, nil},
		{"write without the flag", []string{"-e", `require("hud.fs").write("x.txt", "x")`}, 1, nil,
			[]string{"write: this script may not write x.txt", "--allow-write DIR allows a directory"}},
		{"write", []string{"--allow-write", "out", "-e", `local fs = require "hud.fs" fs.mkdir("out/a") fs.write("out/a/x.txt", "x") print(fs.read("out/a/x.txt"))`}, 1, nil,
			[]string{"mkdir: out/a: no such file or directory"}},
		{"write below the working directory", []string{"--allow-write", ".", "-e", `local fs = require "hud.fs" fs.mkdir("out/a") fs.write("out/a/x.txt", "x") print(fs.read("out/a/x.txt"))`}, 0, []string{"x\n"}, nil},
		{"the file with the key", []string{"-e", `print(require("hud.fs").read(".env"))`}, 1, nil, []string{"scripts never see files that hold keys"}},
		{"environment without the flag", []string{"-e", `print(require("hud").env)`}, 1, nil,
			[]string{"hud: this script has no capability for hud.env", "--allow-env NAME"}},
		{"environment", []string{"--allow-env", "USER", "--allow-env", "HUD_API_KEY", "-e",
			`local env = require "hud.env" print(env.get("USER"), pcall(env.get, "HUD_API_KEY"))`}, 0,
			[]string{"ada\tfalse\t", "scripts never see the training service's settings"}, nil},
		{"network without the flag", []string{"-e", `require "hud.http"`}, 1, nil, []string{"this script has no capability for hud.http", "--allow-net HOST:PORT"}},
		{"network", []string{"--allow-net", "127.0.0.1:1", "-e", `require("hud.http").get("http://127.0.0.1:2/")`}, 1, nil, []string{"this script may not reach 127.0.0.1:2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := p.run(t, append([]string{"run"}, c.args...)...)
			r.want(t, c.code, c.out, c.err)
			noKey(t, r)
		})
	}
}

func noKey(t *testing.T, r result) {
	t.Helper()
	for _, text := range []string{r.out, r.err} {
		if strings.Contains(text, "k-secret") {
			t.Errorf("the key is shown: %s", text)
		}
	}
}
