package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/hudrl/hudrl/internal/cli"
	"github.com/hudrl/hudrl/runtime/repl"
)

// A program is one run of the command line, in process.
type program struct {
	dir   string // working directory; "" makes one
	stdin string
	env   map[string]string
	width int // columns when standard output and error are a terminal, else 0
	// terminal is who types at standard input, or nil.
	terminal repl.Terminal
	// onOutput is called with everything written to standard output so far.
	onOutput func(all string, interrupt func())
	onErrors func(all string) // the same of standard error
}

// A result is what a program left behind.
type result struct {
	code     int
	out, err string
	aborted  []int
}

// output collects what is written, for several goroutines.
type output struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	onWrite func(all string)
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf.Write(p)
	if o.onWrite != nil {
		o.onWrite(o.buf.String())
	}
	return len(p), nil
}

// run runs hudrl with args. HOME is a fresh directory, so that nothing of the
// real user's is ever read.
func (p program) run(t *testing.T, args ...string) result {
	t.Helper()
	if p.dir == "" {
		p.dir = t.TempDir()
	}
	env := map[string]string{"HOME": t.TempDir()}
	for name, value := range p.env {
		env[name] = value
	}
	interrupts := make(chan os.Signal) // unbuffered: the script goes on once its interrupt has arrived
	var out, errs output
	if p.onOutput != nil {
		out.onWrite = func(all string) { p.onOutput(all, func() { interrupts <- os.Interrupt }) }
	}
	errs.onWrite = p.onErrors
	var terminal func() (repl.Terminal, error)
	if p.terminal != nil {
		terminal = func() (repl.Terminal, error) { return p.terminal, nil }
	}
	var r result
	r.code = cli.Run(context.Background(), cli.State{
		Args:   args,
		Getenv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Dir:    p.dir,
		Self:   []string{os.Args[0], hudrlMain},
		Stdin:  strings.NewReader(p.stdin),
		Stdout: &out,
		Stderr: &errs,

		StdoutTerminal: p.width > 0,
		StderrWidth:    p.width,
		StdoutColor:    p.width > 0,
		StderrColor:    p.width > 0,

		Terminal: terminal,
		ReadFile: os.ReadFile,
		OpenNew: func(name string) (io.WriteCloser, error) {
			if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
				return nil, err
			}
			return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		},
		WriteFile: func(name string, data []byte) error {
			return errors.Join(os.MkdirAll(filepath.Dir(name), 0o777), os.WriteFile(name, data, 0o666))
		},
		TempDir:    func() (string, func(), error) { return t.TempDir(), func() {}, nil },
		DirFS:      os.DirFS,
		Interrupts: interrupts,
		Abort:      func(code int) { r.aborted = append(r.aborted, code) },
	})
	r.out, r.err = out.buf.String(), errs.buf.String()
	return r
}

// want fails unless the code is right and every part appears.
func (r result) want(t *testing.T, code int, out, err []string) {
	t.Helper()
	bad := r.code != code
	for _, part := range out {
		bad = bad || !strings.Contains(r.out, part)
	}
	for _, part := range err {
		bad = bad || !strings.Contains(r.err, part)
	}
	if bad {
		t.Fatalf("got exit %d\nstdout:\n%s\nstderr:\n%s\nwant exit %d, stdout with %q, stderr with %q", r.code, r.out, r.err, code, out, err)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name     string
		program  program
		args     []string
		code     int
		out, err []string
	}{
		{name: "no command is help", out: []string{"Examples:", "hudrl run scripts/quickstart.lua", "Work:", "models", "version"}},
		{name: "help", args: []string{"run", "--help"}, out: []string{"--max-steps N", "--allow-read DIR", "[HUDRL_HOME]", "-e, --execute CODE"}},
		{name: "version", args: []string{"version"}, out: []string{"hudrl ", "go1.", " kernels)"}},
		{name: "completion", args: []string{"completion", "bash"}, out: []string{"__hudrl"}},
		{name: "unknown command", args: []string{"rum"}, code: 2, err: []string{`unknown command "rum"`, "hint: did you mean hudrl run?"}},
		{name: "unknown models command", args: []string{"models", "lisst"}, code: 2, err: []string{"hint: did you mean hudrl models list?"}},
		{name: "unknown flag", args: []string{"run", "--sed", "3"}, code: 2, err: []string{"error: hudrl run: unknown flag --sed\n", "hint: did you mean --seed?"}},
		{name: "unknown short flag", args: []string{"run", "-z"}, code: 2, err: []string{"error: hudrl run: unknown flag -z\n", "hint: see hudrl run --help"}},
		{name: "flag without a value", args: []string{"run", "--timeout"}, code: 2, err: []string{"error: hudrl run: --timeout: missing TIME\n"}},
		{name: "bad seed", args: []string{"run", "--seed", "x", "-e", ""}, code: 2, err: []string{"error: hudrl run: --seed: got \"x\", want a whole number\n"}},
		{name: "bad chat seed", args: []string{"chat", "--seed", "-1", "m"}, code: 2, err: []string{`--seed: got "-1", want a whole number of 0 or more`}},
		{name: "bad temperature", args: []string{"chat", "--temperature", "hot", "m"}, code: 2, err: []string{`--temperature: got "hot", want a number`}},
		{name: "bad choice", args: []string{"models", "list", "--keep", "some"}, code: 2, err: []string{`--keep: got "some", want recent or all`}},
		{name: "help of nothing", args: []string{"help", "rum"}, code: 2, err: []string{`unknown command "rum"`, "hint: did you mean hudrl run?"}},
		{name: "help of a subcommand", args: []string{"help", "models", "fork"}, out: []string{"hudrl models fork SOURCE --name NAME"}},
		{name: "no file", args: []string{"run"}, code: 2, err: []string{"error: hudrl run: missing FILE", "hint: "}},
		{name: "missing file", args: []string{"run", "nope.lua"}, code: 2, err: []string{"error: cannot read nope.lua: no such file or directory\n"}},
		{name: "bad size", args: []string{"run", "--max-memory", "lots", "-e", ""}, code: 2, err: []string{`got "lots", want a size such as 512MiB, or none`}},
		{name: "bad steps", args: []string{"run", "--max-steps", "0", "-e", ""}, code: 2, err: []string{`got "0", want a whole number above 0`}},
		{name: "bad timeout", args: []string{"run", "--timeout", "soon", "-e", ""}, code: 2, err: []string{`got "soon", want a time such as 30s or 5m`}},
		{name: "another service", args: []string{"run", "--service", "hub", "-e", ""}, code: 2, err: []string{`service: got "hub", want local, hud or an address`, "hint: local is"}},
		{name: "a service at no address", args: []string{"run", "--service", "http://", "-e", ""}, code: 2, err: []string{`service: got "http://", want an address`}},
		{name: "HUD without a key", args: []string{"run", "--service", "hud", "-e", "require('hud').models.list()"}, code: 4, err: []string{"API key is required but not provided", "hint: set HUD_API_KEY"}},
		{name: "a bad setting", program: program{env: map[string]string{"HUD_RL_URL": "nowhere"}}, args: []string{"models", "list", "--service", "hud"}, code: 2, err: []string{`settings: HUD_RL_URL: got "nowhere", want an address`}},
		{name: "only the embedded service", args: []string{"models", "gc", "--service", "http://127.0.0.1:1"}, code: 2, err: []string{"hudrl models gc: only the embedded service can do this"}},
		{name: "another service by environment", program: program{env: map[string]string{"HUDRL_SERVICE": "tinker+http://x"}},
			args: []string{"models", "list"}, code: 2, err: []string{`service: got "tinker+http://x"`}},
		{name: "the local service by name", args: []string{"run", "--service", "local", "-e", "print(1)"}, out: []string{"1\n"}},
		{name: "code", args: []string{"run", "-e", "print(1 + 1, ...)", "a", "--b"}, out: []string{"2\ta\t--b\n"}},
		{name: "arg", args: []string{"run", "-e", "print(arg[0], arg[1], #arg)", "a", "b"}, out: []string{"-e\ta\t2\n"}},
		{name: "standard input", program: program{stdin: "print('in', ...)"}, args: []string{"run", "-", "x"}, out: []string{"in\tx\n"}},
		{name: "exit code", args: []string{"run", "-e", "print('before') os.exit(7) print('after')"}, code: 7, out: []string{"before\n"}},
		{name: "exit ok", args: []string{"run", "-e", "pcall(os.exit)"}},
		{name: "syntax", args: []string{"run", "-e", "local x ="}, code: 1, err: []string{"error: (command line):1:"}},
		{name: "steps", args: []string{"run", "--max-steps", "1e4", "-e", "while true do end"}, code: 3, err: []string{"step limit", "hint: raise it with --max-steps"}},
		{name: "a pcall cannot hide it", args: []string{"run", "--max-steps", "10000", "-e", "pcall(function() while true do end end)"}, code: 3},
		{name: "string", args: []string{"run", "--max-string", "1KiB", "-e", "print(#('x'):rep(2000))"}, code: 3, err: []string{"--max-string"}},
		{name: "tensors", args: []string{"run", "--max-tensor", "100", "-e", "require('hud.tensor').zeros(1000)"}, code: 3, err: []string{"tensor memory limit"}},
		{name: "deadline", args: []string{"run", "--timeout", "50ms", "-e", "while true do end"}, code: 124, err: []string{"time limit", "--timeout"}},
		{name: "no model", args: []string{"models", "checkpoints", "hudrl/mimi"}, code: 1, err: []string{"hudrl/mimi", `hint: did you mean "hudrl/mini"?`}},
		{name: "too many arguments", args: []string{"models", "head", "a", "b"}, code: 2, err: []string{`unexpected argument "b"`}},
		{name: "fork without a name", args: []string{"models", "fork", "hudrl/mini"}, code: 2, err: []string{"missing --name"}},
		{name: "create without a shape", args: []string{"models", "create", "x"}, code: 2, err: []string{"missing --shape"}},
		{name: "create an unknown shape", args: []string{"models", "create", "x", "--shape", "huge"}, code: 2, err: []string{`--shape: got "huge", want nano or mini`}},
		{name: "fork of nothing", args: []string{"models", "fork", "no", "--name", "x"}, code: 1, err: []string{"error: Fork failed: model \"no\" not found\n"}},
		{name: "no home", program: program{env: map[string]string{"HOME": ""}}, args: []string{"run", "-e", "print(1)"}, out: []string{"1\n"}},
		{name: "no home for models", program: program{env: map[string]string{"HOME": ""}}, args: []string{"models", "list"}, code: 2, err: []string{"name one with --data or HUDRL_HOME"}},
		{name: "no home for a script", program: program{env: map[string]string{"HOME": ""}}, args: []string{"run", "-e", "require('hud').models.list()"}, code: 2, err: []string{"name one with --data or HUDRL_HOME"}},
		{name: "doc", args: []string{"doc", "plot.bar"}, out: []string{"hud.plot.bar(value, width, max)\n"}},
		{name: "doc of a module", args: []string{"doc", "hud"}, out: []string{"  TrainingClient  BuiltinLoss  ", "  schedule  tensor  test\n"}},
		{name: "doc of a class", args: []string{"doc", "Trainer"}, out: []string{"  step  available_losses  "}},
		{name: "doc of nothing", args: []string{"doc", "plot.lin"}, code: 2, err: []string{"hint: did you mean plot.line?"}},
		{name: "chat without a model", args: []string{"chat"}, code: 2, err: []string{"missing MODEL"}},
		{name: "chat with nobody", args: []string{"chat", "nobody", "hi"}, code: 1, err: []string{"nobody"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.program.run(t, c.args...).want(t, c.code, c.out, c.err)
		})
	}
}

// An error shows where, the source line, the way there, and what to do.
func TestScriptError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "train.lua", "local function inner(x)\n  return x.y.z\nend\nlocal function outer(x)\n  local r = inner(x)\n  return r\nend\nouter({})\n")
	r := program{dir: dir}.run(t, "run", "train.lua")
	r.want(t, 1, nil, []string{
		"error: train.lua:2: attempt to index",
		"  2 | return x.y.z\n",
		"\ntraceback:\n  train.lua:2: in function inner\n  train.lua:5: in function outer\n  train.lua:8: in main chunk\n",
	})
}

// A script finds modules beside it and sees only the flags after its name.
func TestScriptFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "sub/main.lua", "#!/usr/bin/env hudrl\nlocal m = require 'helper'\nlocal a = require('hud').args{steps = 10, rate = 0.5, name = 'x', fast = false}\nprint(m.answer, a.steps, a.rate, a.name, a.fast, a[1])\n")
	write(t, dir, "sub/helper.lua", "return { answer = 42 }\n")
	p := program{dir: dir}
	p.run(t, "run", "--seed", "3", "sub/main.lua", "--steps", "3", "--rate=1e-4", "--fast", "data.jsonl").
		want(t, 0, []string{"42\t3\t0.0001\tx\ttrue\tdata.jsonl\n"}, nil)
	p.run(t, "run", "sub/main.lua", "--help").
		want(t, 0, []string{"usage: hudrl run sub/main.lua [flags]", "--steps N", "(default 10)"}, nil)
	p.run(t, "run", "sub/main.lua", "--stepps", "3").
		want(t, 1, nil, []string{"unknown flag --stepps (did you mean --steps?)"})
}

// Ctrl-C stops whatever runs; the exit code says so.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	once := func(all string, interrupt func()) {
		if strings.HasSuffix(all, "ready\n") {
			interrupt()
		}
	}
	for name, code := range map[string]string{
		"a loop":           "print('ready') while true do end",
		"a caught loop":    "print('ready') while true do pcall(function() while true do end end) end",
		"a sleep":          "local hud = require 'hud' print('ready') hud.sleep(3600)",
		"tasks":            "local hud = require 'hud' local t = hud.spawn(function() hud.sleep(3600) end) print('ready') t:wait()",
		"a held coroutine": "print('ready') coroutine.wrap(function() while true do end end)()",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := program{onOutput: once}.run(t, "run", "-e", code)
			r.want(t, 130, nil, []string{"interrupted"})
			if len(r.aborted) != 0 {
				t.Errorf("got an abort, want none for one Ctrl-C")
			}
		})
	}
}

// A script that trains nothing leaves no trace in the data directory.
func TestNothingIsOpenedEarly(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	p := program{env: map[string]string{"HUDRL_HOME": filepath.Join(home, "data")}}
	p.run(t, "run", "-e", "local hud = require 'hud' print(hud ~= nil)").want(t, 0, []string{"true\n"}, nil)
	var found []string
	err := filepath.WalkDir(home, func(name string, d fs.DirEntry, err error) error {
		if name != home {
			found = append(found, name)
		}
		return err
	})
	if err != nil || len(found) != 0 {
		t.Errorf("got %q, %v, want an empty directory", found, err)
	}
}

func TestModels(t *testing.T) {
	t.Parallel()
	p := program{dir: t.TempDir(), env: map[string]string{"HUDRL_HOME": "data"}}

	p.run(t, "models", "list").want(t, 0, []string{"NAME", "MODEL", "TRAINABLE", "hudrl/mini", "hudrl/nano", "openai_compatible",
		"Data: " + filepath.Join(p.dir, "data")}, nil)

	fork := p.run(t, "models", "fork", "hudrl/nano", "--name", "Mine")
	fork.want(t, 0, []string{"Forked Mine\n", "slug: mine\n", "id:   ", `Train it: hud.TrainingClient("mine")`}, nil)
	id := regexp.MustCompile(`id:   (\S+)`).FindStringSubmatch(fork.out)[1]

	var models []map[string]any
	list := p.run(t, "models", "list", "--json")
	if err := json.Unmarshal([]byte(list.out), &models); err != nil || len(models) != 3 {
		t.Fatalf("got %d models, %v, want 3:\n%s", len(models), err, list.out)
	}

	p.run(t, "models", "checkpoints", "mine").want(t, 0, []string{"No checkpoints yet — this model serves its base weights\n"}, nil)
	p.run(t, "models", "checkpoints", "mine", "--json").want(t, 0, []string{"[]\n"}, nil)
	p.run(t, "models", "head", id).want(t, 0, []string{"No active checkpoint — this model serves its base weights\n"}, nil)
	p.run(t, "models", "head", "mine", "--json").want(t, 0, []string{"null\n"}, nil)
	p.run(t, "models", "head", "mine", "--set", "step-0001").want(t, 1, nil, []string{"Failed to set head", `no checkpoint "step-0001"`})

	// Two steps make a tree of two.
	p.run(t, "run", "-e", `
		local hud = require "hud"
		local trainer = hud.TrainingClient("mine")
		local payload = hud.sft{ { role = "user", content = "What is 3 + 4?" }, { role = "assistant", content = "7" } }
		for i = 1, 2 do print(trainer:step({ payload }, { loss_fn = "cross_entropy", learning_rate = 1e-4 }).step) end
	`).want(t, 0, []string{"1\n2\n"}, nil)
	p.run(t, "models", "checkpoints", "mine").want(t, 0, []string{"▶  step-0002", "cross_entropy", "step-0001"}, nil)
	p.run(t, "models", "head", "mine").want(t, 0, []string{"step-0002\n", "loss:    cross_entropy\n"}, nil)

	var tree []struct{ ID, Name string }
	text := p.run(t, "models", "checkpoints", "mine", "--json").out
	if err := json.Unmarshal([]byte(text), &tree); err != nil || len(tree) != 2 || tree[0].Name != "step-0001" {
		t.Fatalf("got %+v, %v, want step-0001 and step-0002", tree, err)
	}
	first := tree[0].ID
	p.run(t, "models", "head", "mine", "--set", "step-0001").want(t, 0, []string{"Head set to " + first + "\n"}, nil)
	p.run(t, "models", "head", "mine", "--set", first[:8]).want(t, 0, []string{"Head set to " + first + "\n"}, nil)
	p.run(t, "models", "head", "mine", "--json").want(t, 0, []string{first}, nil)

	p.run(t, "chat", "mine", "What is 3 + 4?", "--max-tokens", "4", "--seed", "1").want(t, 0, []string{"\n"}, nil)
	a := p.run(t, "chat", "mine", "What is 3 + 4?", "--checkpoint", "step-0002", "--temperature", "0")
	b := p.run(t, "chat", "mine", "What is 3 + 4?", "--checkpoint", tree[1].ID, "--temperature", "0")
	if a.code != 0 || a.out != b.out {
		t.Errorf("got %+v and %+v, want the same greedy answer by name and by id", a, b)
	}
	p.run(t, "chat", "mine", "--checkpoint", "step-0009", "hi").want(t, 1, nil, []string{`no checkpoint "step-0009"`})

	out := filepath.Join(p.dir, "out")
	p.run(t, "models", "export", "mine", "out", "--dtype", "bf16").want(t, 0, []string{"Exported mine to " + out}, nil)
	for _, name := range []string{"config.json", "model.safetensors"} {
		if _, err := os.Stat(filepath.Join(out, name)); err != nil {
			t.Error(err)
		}
	}
	p.run(t, "models", "gc").want(t, 0, []string{"Removed 0 files, 0 B; kept "}, nil)
	p.run(t, "models", "gc", "--json").want(t, 0, []string{`"kept_files"`}, nil)
	p.run(t, "models", "create", "fresh", "--shape", "nano", "--grad-clip", "1", "--seed", "7").want(t, 0, []string{"Created fresh\n"}, nil)
}

// A conversation reads a line a message.
func TestChatConversation(t *testing.T) {
	t.Parallel()
	p := program{stdin: "What is 1 + 1?\n\n/reset\nWhat is 2 + 2?\n"}
	r := p.run(t, "chat", "hudrl/nano", "--max-tokens", "4", "--seed", "5")
	if r.code != 0 || strings.Count(r.out, "\n") != 2 {
		t.Errorf("got %+v, want two answers", r)
	}
}

// An observer types at a terminal: commands are answered, not sent.
func TestChatCommands(t *testing.T) {
	t.Parallel()
	r := program{stdin: "/help\n/reset\n", terminal: &typist{}}.run(t, "chat", "hudrl/nano")
	r.want(t, 0, nil, []string{"no such command: /help (/reset, Ctrl-D)\n", "(a new conversation)\n"})
	if r.out != "" {
		t.Errorf("got the answer %q, want none", r.out)
	}
}

// Output that was asked for and could not be delivered is an error.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"version"}, {"models", "list", "--json"}, {"--help"}, {"doc", "hud"}, {"run", "-e", "print(1)"}} {
		var errs output
		code := cli.Run(context.Background(), cli.State{
			Args: args, Dir: t.TempDir(), Stdin: strings.NewReader(""), Stdout: full{}, Stderr: &errs,
			Getenv: func(name string) (string, bool) {
				if name != "HOME" {
					return "", false
				}
				return t.TempDir(), true
			},
			ReadFile: os.ReadFile, DirFS: os.DirFS,
		})
		if code != 1 || !strings.Contains(errs.buf.String(), "no space left on device") {
			t.Errorf("%q: got exit %d, %q, want 1 and the reason", args, code, errs.buf.String())
		}
	}
}

// full is a device without space.
type full struct{}

func (full) Write([]byte) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: "/dev/stdout", Err: errors.New("no space left on device")}
}

// What the shell completes, asked as its script asks.
func TestCompletion(t *testing.T) {
	t.Parallel()
	p := program{dir: t.TempDir(), env: map[string]string{"HUDRL_HOME": "data"}}
	p.run(t, "__complete", "chat", "").want(t, 0, []string{":4\n"}, nil) // no directory: nothing to offer
	if _, err := os.Stat(filepath.Join(p.dir, "data")); err == nil {
		t.Error("got a data directory, want completion to leave none")
	}
	p.run(t, "models", "fork", "hudrl/nano", "--name", "mine").want(t, 0, nil, nil)
	p.run(t, "run", "-e", `
		local hud = require "hud"
		local payload = hud.sft{ { role = "user", content = "a" }, { role = "assistant", content = "b" } }
		hud.TrainingClient("mine"):step({ payload }, { loss_fn = "cross_entropy", learning_rate = 1e-4 })
	`).want(t, 0, nil, nil)
	for line, want := range map[string]string{
		"chat ":                         "\nmine\n",
		"models head ":                  "\nmine\n",
		"models head mine --set ":       "step-0001\n",
		"chat mine --checkpoint ":       "step-0001\n",
		"models list --keep ":           "recent\nall\n",
		"models create --shape ":        "nano\nmini\n",
		"models export mine x --dtype ": "f32\nbf16\n",
		"run ":                          "lua\n:8\n",
		"doc ":                          "\nhud.plot.bar\n",
		"help models ":                  "fork\n",
	} {
		p.run(t, append([]string{"__complete"}, strings.Split(line, " ")...)...).want(t, 0, []string{want}, nil)
	}
}

// What a model is called by mistake is refused before anything is made.
func TestBadDataDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "file", "not a directory")
	program{dir: dir}.run(t, "models", "list", "--data", "file").want(t, 4, nil, []string{"file"})
}

// A script that is stopped goes on where it stopped, with the numbers that an
// undisturbed run prints.
func TestQuickstartResumes(t *testing.T) {
	t.Parallel()
	script, err := filepath.Abs("../scripts/quickstart.lua")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"run", "--seed", "2", script, "--steps", "4", "--prompts", "4", "--exam", "8"}
	row := regexp.MustCompile(`(?m)^ +\d+  \d\.\d{3}  .*$`)
	rows := func(r result) []string {
		var out []string
		for _, line := range row.FindAllString(r.out, -1) {
			columns := strings.Fields(line)
			out = append(out, strings.Join(columns[:len(columns)-2], " ")) // the last two are times
		}
		return out
	}

	whole := program{}.run(t, args...)
	whole.want(t, 0, []string{"training quickstart", "mean reward by step", "held-out accuracy: "}, nil)
	want := rows(whole)
	if len(want) != 4 {
		t.Fatalf("got %d rows, want 4:\n%s", len(want), whole.out)
	}

	p := program{dir: t.TempDir(), env: map[string]string{"HUDRL_HOME": "data"}}
	var once sync.Once
	p.onOutput = func(all string, interrupt func()) {
		if len(row.FindAllString(all, -1)) == 2 && strings.HasSuffix(all, "\n") {
			once.Do(interrupt)
		}
	}
	stopped := p.run(t, args...)
	stopped.want(t, 130, nil, []string{"interrupted"})
	p.onOutput = nil
	resumed := p.run(t, args...)
	resumed.want(t, 0, []string{"continuing quickstart at step 3 of 4\n"}, nil)
	if got := append(rows(stopped), rows(resumed)...); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	p.run(t, args...).want(t, 0, []string{"training quickstart-2"}, nil)
}

// At a terminal there is colour, and progress stands below the output; -q
// leaves neither progress nor warnings.
func TestTerminal(t *testing.T) {
	t.Parallel()
	const code = `local hud = require "hud" local p = hud.progress(2) p:step() print("out") hud.log.warn("care" .. "ful") p:done() error("no")`
	loud := program{width: 80}.run(t, "run", "-e", code)
	loud.want(t, 1, []string{"out\n"}, []string{"▕██████████          ▏ 1/2\r\x1b[K", "\x1b[33mwarning:\x1b[0m careful\n", "\x1b[31merror:\x1b[0m"})
	quiet := program{}.run(t, "run", "-q", "-e", code)
	quiet.want(t, 1, []string{"out\n"}, nil)
	if strings.Contains(quiet.err, "careful") || strings.Contains(quiet.err, "1/2") || strings.Contains(quiet.err, "\x1b") {
		t.Errorf("got %q, want only the error", quiet.err)
	}
}

// A REPL reads lines from anywhere, keeps what they define, and reports errors
// without ending.
func TestREPL(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "setup.lua", "answer = 42 + #arg\nprint('ready')\n")
	p := program{dir: dir, stdin: "answer\nlocal x = {\n1, 2}\n#x\nnope.field\nhud.json.encode{a = 1}\n:help plot.bar\nos.exit(3)\nprint('never')\n"}
	r := p.run(t, "repl", "setup.lua", "a")
	r.want(t, 3, []string{"ready\n43\n2\n", `"{\"a\":1}"`, "hud.plot.bar(value, width, max)"}, []string{"error: stdin:1: "})
	if strings.Contains(r.out, "never") {
		t.Errorf("got %q, want nothing after os.exit", r.out)
	}
	program{}.run(t, "repl", "-").want(t, 2, nil, []string{"got - for FILE"})
	program{dir: dir}.run(t, "repl", "nope.lua").want(t, 2, nil, []string{"nope.lua"})
}

// A typist answers prompts with lines.
type typist struct {
	lines []string
	saved []string
}

func (p *typist) Prompt(string) (string, error) {
	if len(p.lines) == 0 {
		return "", io.EOF
	}
	line := p.lines[0]
	p.lines = p.lines[1:]
	return line, nil
}

func (p *typist) Remember(entry string) { p.saved = append(p.saved, entry) }
func (p *typist) Close() error          { return nil }

// At a terminal Ctrl-C stops the command and keeps the session, whose history
// the next one has.
func TestREPLAtTerminal(t *testing.T) {
	t.Parallel()
	p := program{dir: t.TempDir(), env: map[string]string{"HUDRL_HOME": "data"}}
	p.terminal = &typist{lines: []string{"kept = 7", "print('ready') while true do end", "print('still', kept)"}}
	var once sync.Once
	p.onOutput = func(all string, interrupt func()) {
		if strings.HasSuffix(all, "ready\n") {
			once.Do(interrupt)
		}
	}
	p.run(t, "repl").want(t, 0, []string{"ready\nstill\t7\n"}, []string{"interrupted"})

	next := &typist{lines: []string{"1"}}
	p.terminal, p.onOutput = next, nil
	p.run(t, "repl").want(t, 0, []string{"1\n"}, nil)
	if len(next.saved) != 4 || next.saved[0] != "kept = 7" {
		t.Errorf("got the history %q, want the earlier session's three entries and 1", next.saved)
	}
}

// A checkpoint can be forked by name; what is neither a model nor a checkpoint
// is said to be no model.
func TestForkCheckpoint(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	program{}.run(t, "run", "--keep", "all", "--data", data, shipped(t, "quickstart.lua"), "--steps", "2", "--prompts", "2", "--exam", "2").want(t, 0, nil, nil)
	program{}.run(t, "models", "fork", "quickstart/step-0001", "--name", "branch", "--data", data).want(t, 0, []string{"slug: branch"}, nil)
	program{}.run(t, "models", "fork", "quickstart/step-0009", "--name", "branch", "--data", data).want(t, 1, nil, []string{`"quickstart/step-0009" not found`})
	program{}.run(t, "models", "list", "--keep", "some", "--data", data).want(t, 2, nil, []string{`--keep: got "some", want recent or all`})
}

// init copies a shipped script and never overwrites one.
func TestInit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program{dir: dir}.run(t, "init", "mine").want(t, 0, []string{"Wrote " + filepath.Join("mine", "quickstart.lua")}, nil)
	program{dir: dir}.run(t, "init", "custom_loss", "mine").want(t, 0, []string{"hudrl run " + filepath.Join("mine", "custom_loss.lua")}, nil)
	for _, name := range []string{"quickstart.lua", "custom_loss.lua"} {
		got, err := os.ReadFile(filepath.Join(dir, "mine", name))
		want, wantErr := os.ReadFile(shipped(t, name))
		if err != nil || wantErr != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %d bytes, %v; want %d, %v", name, len(got), err, len(want), wantErr)
		}
	}
	program{dir: dir}.run(t, "init", "mine").want(t, 1, nil, []string{"init failed"})
	program{dir: dir}.run(t, "init", "quickstrat", "mine").want(t, 2, nil, []string{"did you mean quickstart?"})
	program{dir: dir}.run(t, "init").want(t, 2, nil, []string{"missing DIR"})
}
