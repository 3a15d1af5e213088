package tests

import (
	"os"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/internal/cli"
)

// hudrlMain as the first argument makes this test program the real one.
const hudrlMain = "-hudrl"

func init() {
	if len(os.Args) > 1 && os.Args[1] == hudrlMain {
		os.Args = append(os.Args[:1], os.Args[2:]...)
		cli.Main()
	}
	if os.Getenv("HUDRL_ISOLATED") != "" { // the child of such a one
		cli.Main()
	}
}

func TestIsolate(t *testing.T) {
	t.Parallel()
	p := program{dir: t.TempDir(), env: map[string]string{"HUD_API_KEY": "k-secret", "USER": "ada"}}
	write(t, p.dir, "mine.lua", "return { n = 41 }")
	write(t, p.dir, "s.lua", `print(require("mine").n + 1, ...) for i = 0, #arg do io = (io or "") .. arg[i] .. " " end print(io)`)
	for _, c := range []struct {
		name     string
		args     []string
		code     int
		out, err []string
	}{
		{"a script with its modules and arguments", []string{"s.lua", "--isolate", "x"}, 0, []string{"42\t--isolate\tx\n", "s.lua --isolate x \n"}, nil},
		{"an error", []string{"-e", "local t = nil\nprint(t.x)"}, 1, nil, []string{"error: (command line):2:", "2 | print(t.x)"}},
		{"its own exit code", []string{"-e", "os.exit(9)"}, 9, nil, nil},
		{"wall time", []string{"--timeout", "300ms", "-e", "while true do end"}, 124, nil, []string{"time limit"}},
		{"CPU time", []string{"--max-cpu", "1s", "-e", "while true do end"}, 3, nil, []string{"the script's process ended: CPU limit", "hint: raise it with --max-cpu"}},
		{"the service", []string{"-e", `local hud = require "hud" print(hud.models.fork("hudrl/nano", "mine").name)`}, 0, []string{"mine\n"}, nil},
		{"the flag again", []string{"--isolate=1", "-e", "print('once')"}, 0, []string{"once\n"}, nil},
		{"a key that is allowed", []string{"--allow-env", "HUD_API_KEY", "--allow-read", "/", "-e", `print(pcall(require("hud.fs").read, "/proc/self/environ"), pcall(require("hud.env").get, "HUD_API_KEY"))`}, 0, nil, nil},
		{"an allowed variable", []string{"--allow-env", "USER", "-e", `print(require("hud.env").get("USER"))`}, 0, []string{"ada\n"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := p.run(t, append([]string{"run", "--isolate", "--data", t.TempDir()}, c.args...)...)
			r.want(t, c.code, c.out, c.err)
			if strings.Contains(r.out+r.err, "k-secret") || strings.Count(r.err, "error:") > 1 {
				t.Errorf("stdout %q, stderr %q", r.out, r.err)
			}
		})
	}
	program{stdin: "print('from stdin')"}.run(t, "run", "--isolate", "-").want(t, 0, []string{"from stdin\n"}, nil)
	p.run(t, "run", "--max-cpu", "1s", "s.lua").want(t, 2, nil, []string{"--max-cpu bounds a process of its own", "add --isolate"})
}

// The same script gives the same in a process of its own.
func TestIsolatedTraining(t *testing.T) {
	t.Parallel()
	const script = `local hud = require "hud"
local fork = hud.models.fork("hudrl/nano", "mine")
local batch = { { reward = 0, samples = { { prompt_token_ids = { 5, 6 }, output_token_ids = { 7, 8 }, output_logprobs = {} } } } }
local trainer = hud.TrainingClient("mine")
for i = 1, 3 do print(("%.17g"):format(trainer:step(batch, { learning_rate = 1e-3, loss_fn = "cross_entropy" }).forward_backward.metrics["loss:sum"])) end`
	p := program{dir: t.TempDir()}
	write(t, p.dir, "s.lua", script)
	here := p.run(t, "run", "--data", t.TempDir(), "s.lua")
	here.want(t, 0, nil, nil)
	p.run(t, "run", "--data", t.TempDir(), "--isolate", "s.lua").want(t, 0, []string{here.out}, nil)
}
