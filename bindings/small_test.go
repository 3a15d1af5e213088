package bindings_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/runtime"
)

// A script is run with every module and no service.
type script struct {
	args  []string
	seed  int64
	level slog.Level
}

func (s script) run(t *testing.T, code string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	config := bindings.Default(nil)
	config.Stdout, config.Stderr = &out, &errs
	config.Seed, config.Args = s.seed, s.args
	config.Logger = slog.New(slog.NewTextHandler(&errs, &slog.HandlerOptions{
		Level: s.level,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	rt, err := runtime.New(config)
	if err != nil {
		t.Fatal(err)
	}
	chunk, err := runtime.Compile("test", "local hud = require 'hud' "+code)
	if err != nil {
		t.Fatal(err)
	}
	_, err = rt.Run(context.Background(), chunk)
	if cerr := rt.Close(); cerr != nil {
		t.Error(cerr)
	}
	return out.String(), errs.String(), err
}

func TestSmallModules(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, code, want, err string }{
		{name: "one table each", code: `for _, n in ipairs{"json", "log", "plot", "rng", "schedule", "args", "progress"} do assert(require("hud." .. n) == hud[n], n) end`},
		{name: "no such name", code: `return hud.jason`, err: `hud: no such name: "jason" (did you mean "json"?)`},

		// 5e-4·(4−s+1)/4.
		{name: "linear", code: `local f = hud.schedule.linear(5e-4, 0, 4) print(f(1), f(4))`, want: "0.0005\t0.000125\n"},
		{name: "linear past the end", code: `hud.schedule.linear(1, 0, 4)(5)`, err: "linear: step: got 5, want at most 4"},
		{name: "step type", code: `hud.schedule.linear(1, 0, 4)("1")`, err: "linear: step: got string, want number"},
		{name: "cosine with warm-up", code: `local f = hud.schedule.cosine(4, 2, 4, { warmup = 2 }) print(f(1), f(2), f(3), f(4))`, want: "2\t4\t4\t3\n"},
		{name: "constant", code: `print(hud.schedule.constant(0.1)(1e6))`, want: "0.1\n"},
		{name: "wsd", code: `local f = hud.schedule.wsd(1, 0, 5, { decay = 1 }) print(f(4), f(5))`, want: "1\t0.5\n"},
		{name: "wsd without decay", code: `hud.schedule.wsd(1, 0, 5)`, err: "wsd: decay: got nil, want number"},
		{name: "schedule option", code: `hud.schedule.linear(1, 0, 4, { warmpu = 1 })`, err: `unknown option "warmpu" (did you mean "warmup"?)`},
		{name: "schedule refused", code: `hud.schedule.linear(0, 0, 4)`, err: "linear: rate: got 0, want a finite number above 0"},

		{name: "streams are named", code: `
			local a, b, c = hud.rng.stream("q", 1), hud.rng.stream("q", 1), hud.rng.stream("q", "1")
			local x, y, z = a:float(), b:float(), c:float()
			print(x == y, x == z, x >= 0 and x < 1)`, want: "true\tfalse\ttrue\n"},
		{name: "ints", code: `local r = hud.rng.stream(1) for _ = 1, 100 do local v = r:int(-2, 2) assert(v >= -2 and v <= 2 and v == math.floor(v)) end`},
		{name: "empty range", code: `hud.rng.stream(1):int(2, 1)`, err: "int: got the empty range 2 to 1"},
		{name: "derive", code: `local a, b = hud.rng.derive("x", 1), hud.rng.derive("x", 2) print(a ~= b, a == math.floor(a), a < 2^53)`, want: "true\ttrue\ttrue\n"},
		{name: "derive nothing", code: `hud.rng.derive()`, err: "derive: got no name, want strings or whole numbers"},
		{name: "derive half", code: `hud.rng.derive(0.5)`, err: "derive: name: got 0.5, want a string or a whole number"},
		{name: "shuffle", code: `local l = hud.rng.stream(1):shuffle{1, 2, 3, 4, 5} table.sort(l) print(table.concat(l))`, want: "12345\n"},
		{name: "choice", code: `local v = hud.rng.stream(1):choice{"a", "b"} assert(v == "a" or v == "b") hud.rng.stream(1):choice{}`, err: "choice: list: got an empty list"},
		{name: "save and restore", code: `local r = hud.rng.stream(1) r:normal() local s = r:save() print(r:normal() == hud.rng.restore(s):normal())`, want: "true\n"},
		{name: "restore nonsense", code: `hud.rng.restore("{}")`, err: "restore: state: "},
		{name: "method without colon", code: `hud.rng.stream(1).float()`, err: "float: self: got nil, want Stream"},

		{name: "bar", code: `print("[" .. hud.plot.bar(0.5, 4) .. "]", "[" .. hud.plot.bar(3, 2, 4) .. "]")`, want: "[██  ]\t[█▌]\n"},
		{name: "bar width", code: `hud.plot.bar(1, 0)`, err: "bar: width: got 0, want 1 to 1000"},
		{name: "line", code: `print((hud.plot.line({ 0, 1 }, { title = "reward" }):match("reward")))`, want: "reward\n"},
		{name: "several lines", code: `print((hud.plot.line({ b = { 1 }, a = { 2, 3 } }):match("─ a   · b")))`, want: "─ a   · b\n"},
		{name: "no data", code: `hud.plot.line({})`, err: "line: got no finite value, want at least one"},
		{name: "bad data", code: `hud.plot.line({ 1, "2" })`, err: "line: series[2]: got string, want number"},
		{name: "bad series", code: `hud.plot.line({ a = 1 })`, err: "line: series.a: got number, want table"},
		{name: "bad height", code: `hud.plot.line({ 1 }, { height = 1e6 })`, err: "line: height: got 1000000, want 0 to 200"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, _, err := script{}.run(t, c.code)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("got %q, %v, want an error with %q", out, err, c.err)
				}
				return
			}
			if err != nil || out != c.want {
				t.Errorf("got %q, %v, want %q", out, err, c.want)
			}
		})
	}
}

// A stream depends on the run's seed.
func TestStreamSeed(t *testing.T) {
	t.Parallel()
	seen := map[string]int64{}
	for seed := range int64(20) {
		out, _, err := script{seed: seed}.run(t, `print(hud.rng.derive("x"))`)
		if err != nil {
			t.Fatal(err)
		}
		if other, dup := seen[out]; dup {
			t.Errorf("seeds %d and %d give %s", other, seed, out)
		}
		seen[out] = seed
	}
}

func TestArgs(t *testing.T) {
	t.Parallel()
	const spec = `local a = hud.args{ steps = 10, learning_rate = { 1e-5, "peak rate" }, name = "x", fast = false, color = true } `
	const show = spec + `print(a.steps, a.learning_rate, a.name, a.fast, a.color, #a, a[1])`
	cases := []struct {
		args      string
		want, err string
	}{
		{args: "", want: "10\t1e-05\tx\tfalse\ttrue\t0\tnil\n"},
		{args: "--steps 3 --learning-rate=5e-4 --name y --fast --no-color a b", want: "3\t0.0005\ty\ttrue\tfalse\t2\ta\n"},
		{args: "--learning_rate 2 --fast=yes --color=off", want: "10\t2\tx\ttrue\tfalse\t0\tnil\n"},
		{args: "--name= -- --steps", want: "10\t1e-05\t\tfalse\ttrue\t1\t--steps\n"},
		{args: "-3 -", want: "10\t1e-05\tx\tfalse\ttrue\t2\t-3\n"},
		{args: "--steps -3", want: "-3\t1e-05\tx\tfalse\ttrue\t0\tnil\n"},
		{args: "--steps many", err: `args: --steps: got "many", want a finite number`},
		{args: "--steps nan", err: `want a finite number`},
		{args: "--steps", err: "args: --steps: got no value, want a number"},
		{args: "--fast=maybe", err: `args: --fast: got "maybe", want true or false`},
		{args: "--no-steps", err: "args: unknown flag --no-steps"},
		{args: "--lerning-rate 1", err: "args: unknown flag --lerning-rate (did you mean --learning-rate?)"},
		{args: "-x", err: "args: unknown flag -x, want --NAME VALUE"},
	}
	for _, c := range cases {
		out, _, err := script{args: append([]string{"t.lua"}, strings.Fields(c.args)...)}.run(t, show)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: got %q, %v, want an error with %q", c.args, out, err, c.err)
			}
			continue
		}
		if err != nil || out != c.want {
			t.Errorf("%s: got %q, %v, want %q", c.args, out, err, c.want)
		}
	}

	out, _, err := script{args: []string{"t.lua", "--steps", "3", "--help"}}.run(t, spec+`print("never")`)
	want := `usage: hudrl run t.lua [flags]

  --steps N          (default 10)
  --learning-rate N  peak rate (default 1e-05)
  --name TEXT        (default "x")
  --fast
  --[no-]color       (default yes)
  --help             this text
`
	var exit *runtime.ExitError
	if !errors.As(err, &exit) || exit.Code != 0 || out != want {
		t.Errorf("got %v and\n%s\nwant exit 0 and\n%s", err, out, want)
	}
	for _, bad := range []struct{ code, err string }{
		{`hud.args{ 1 }`, "args: defaults: a name: got number, want string"},
		{`hud.args{ ["a b"] = 1 }`, `args: defaults: got the name "a b", want letters, digits and _`},
		{`hud.args{ f = print }`, "args: f: got function, want a number, a string, a boolean, or { default, help }"},
		{`hud.args{ f = {} }`, "args: f: got nil"},
	} {
		if _, _, err := (script{}).run(t, bad.code); err == nil || !strings.Contains(err.Error(), bad.err) {
			t.Errorf("%s: got %v, want %q", bad.code, err, bad.err)
		}
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	_, errs, err := script{level: slog.LevelInfo}.run(t, `
		hud.log.debug("hidden")
		hud.log.info("step", { reward = 0.1 + 0.2, step = 3 })
		hud.log.warn("careful")
		hud.log.error(42)`)
	want := "level=INFO msg=step reward=0.3 step=3\nlevel=WARN msg=careful\nlevel=ERROR msg=42\n"
	if err != nil || errs != want {
		t.Errorf("got %q, %v, want %q", errs, err, want)
	}
	for code, want := range map[string]string{
		`hud.log.info()`:             "info: message: got nil, want a value",
		`hud.log.info("x", 3)`:       "info: fields: got number, want table",
		`hud.log.info("x", { "y" })`: "info: fields: key: got number, want string",
	} {
		if _, _, err := (script{}).run(t, code); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", code, err, want)
		}
	}
}

// statusLines is a writer that keeps a status line, as a terminal's screen.
type statusLines struct {
	bytes.Buffer
	lines []string
}

func (s *statusLines) Status(line string) { s.lines = append(s.lines, line) }

func TestProgress(t *testing.T) {
	t.Parallel()
	const code = `
		local hud = require "hud"
		local p = hud.progress(4, { label = "grading" })
		p:step("a") p:set(4) p:done() p:step("late")`
	for _, level := range []slog.Level{slog.LevelInfo, slog.LevelError} {
		var screen statusLines
		config := bindings.Default(nil)
		config.Stderr = &screen
		config.Logger = slog.New(slog.NewTextHandler(&screen, &slog.HandlerOptions{Level: level}))
		rt, err := runtime.New(config)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rt.Eval(context.Background(), code); err != nil {
			t.Fatal(err)
		}
		rt.Close()
		want := `["grading ▕                    ▏ 0/4" "grading ▕█████               ▏ 1/4  a" "grading ▕████████████████████▏ 4/4" "" ""]`
		if level == slog.LevelError {
			want = `[""]` // quiet; the last is Close tidying up
		}
		if got := fmt.Sprintf("%q", screen.lines); got != want {
			t.Errorf("level %v: got %s, want %s", level, got, want)
		}
	}

	// Without a status line nothing is shown so soon.
	if _, errs, err := (script{}).run(t, `local p = hud.progress() p:step() p:done()`); err != nil || errs != "" {
		t.Errorf("got %q, %v, want silence", errs, err)
	}
	for code, want := range map[string]string{
		`hud.progress(-1)`:              "progress: total: got -1, want a number of at least 0",
		`hud.progress(1):set(-1)`:       "set: count: got -1",
		`hud.progress(1, { labl = 1 })`: `unknown option "labl" (did you mean "label"?)`,
	} {
		if _, _, err := (script{}).run(t, code); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", code, err, want)
		}
	}
}

// A host that gives no service is told so, in place of a panic.
func TestWithoutService(t *testing.T) {
	t.Parallel()
	for _, code := range []string{
		`require("hud").models.resolve("hudrl/mini")`,
		`require("hud").models.list()`,
		`require("hud").chat{ model = "hudrl/mini", messages = { { role = "user", content = "x" } } }`,
		`require("hud").TrainingClient("hudrl/mini"):head()`,
	} {
		_, _, err := script{}.run(t, code)
		if err == nil || !strings.Contains(err.Error(), "this host gives scripts no service") {
			t.Errorf("%s: got %v", code, err)
		}
	}
}
