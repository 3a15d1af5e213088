package metrics_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/bindings/metrics"
	"github.com/hudrl/hudrl/runtime"
	rows "github.com/hudrl/hudrl/runtime/metrics"
)

// script runs code and returns what it printed and logged.
func script(t *testing.T, o metrics.Options, code string) (stdout, log string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	config := bindings.Default(nil)
	bindings.Metrics(&config, o)
	config.Stdout, config.Logger = &out, slog.New(slog.NewTextHandler(&errs, nil))
	rt, err := runtime.New(config)
	if err != nil {
		t.Fatal(err)
	}
	chunk, err := runtime.Compile("test", `local hud = require "hud" local tensor = hud.tensor `+code)
	if err != nil {
		t.Fatal(err)
	}
	_, err = rt.Run(context.Background(), chunk)
	return out.String(), errs.String(), errors.Join(err, rt.Close())
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, code, want, err string }{
		{name: "numbers", code: `hud.metrics.run():log{ step = 3, a = 1, b = 0.5 }`, want: "step     3  a      1  b    0.5\n"},
		{name: "tensors", code: `hud.metrics.run():log{ step = 3, a = tensor{ 2 }, b = tensor.scalar(3), c = tensor{ { 4 } } }`, want: "step     3  a      2  b      3  c      4\n"},
		{name: "tables", code: `hud.metrics.run():log{ step = 3, loss = { kl = 1, by = { [2] = 5 } } }`, want: "step     3  loss/kl      1  loss/by/2      5\n"},
		{name: "no numbers", code: `hud.metrics.run():log{ step = 3, a = 0/0, b = 1/0, c = -1/0 }`, want: "step     3  a    NaN  b   +Inf  c   -Inf\n"},
		{name: "a log of its own", code: `local m = hud.metrics.run() print(m == hud.metrics.run(), m, m.name)`, want: "false\tMetrics metrics\tmetrics\n"},
		{name: "the loop's step", code: `local m = hud.metrics.run("x", { show = { "a" } }) for i in hud.steps(2) do m:log{ b = 1, a = i * 10 } end`, want: "step     1  a     10\nstep     2  a     20\n"},
		{name: "every", code: `local m = hud.metrics.run("x", { every = 2 }) for i = 1, 4 do m:log{ step = i, a = i } end`, want: "step     1  a      1\nstep     3  a      3\n"},
		{name: "silent", code: `local m = hud.metrics.run("x", { every = 0 }) m:log{ step = 1, a = 1 } print(#m:series("a"), m:names()[1])`, want: "1\ta\n"},
		{name: "a curve", code: `local m = hud.metrics.run("x", { every = 0 }) for i = 1, 5000 do m:log{ step = i, a = i } end print(#m:series("a"), m:series("a")[2], #hud.plot.line(m:series("a")) > 0)`, want: "626\t9\ttrue\n"},

		{name: "no step", code: `hud.metrics.run():log{ a = 1 }`, err: "log: step: got nil, want a whole number"},
		{name: "half a step", code: `hud.metrics.run():log{ step = 1.5, a = 1 }`, err: "log: step: got 1.5, want a whole number"},
		{name: "a step back", code: `local m = hud.metrics.run("x", { every = 0 }) m:log{ step = 2, a = 1 } m:log{ step = 1, a = 1 }`, err: "log: step: got 1, want at least 2"},
		{name: "nothing", code: `hud.metrics.run():log{ step = 1 }`, err: "log: got a row without a value"},
		{name: "text", code: `hud.metrics.run():log{ step = 1, loss = { kind = "ppo" } }`, err: "log: loss/kind: got string, want a number, a tensor of one element or a table of them"},
		{name: "large tensor", code: `hud.metrics.run():log{ step = 1, a = tensor{ 1, 2 } }`, err: "log: a: item: got shape [2], want one element"},
		{name: "a circle", code: `local t = {} t.t = t hud.metrics.run():log{ step = 1, a = t }`, err: "log: a/t: the table holds itself"},
		{name: "twice in a row", code: `hud.metrics.run():log{ step = 1, a = { b = 1 }, ["a/b"] = 2 }`, err: "log: a/b: got two values of that name in a row"},
		{name: "a long name", code: `hud.metrics.run():log{ step = 1, [("x"):rep(300)] = 1 }`, err: "log: got a name of 300 bytes, want at most 256"},
		{name: "own names", code: `hud.metrics.run():log{ step = 1, _at = 1 }`, err: "log: _at: the name is one of hud.metrics's own"},
		{name: "a key", code: `hud.metrics.run():log{ step = 1, [true] = 1 }`, err: "log: got a key of type boolean, want names"},
		{name: "no table", code: `hud.metrics.run():log(1)`, err: "log: row: got number, want table"},
		{name: "a path", code: `hud.metrics.run("../x")`, err: `run: name: got "../x", want letters`},
		{name: "option", code: `hud.metrics.run("x", { evry = 1 })`, err: `run: unknown option "evry" (did you mean "every"?)`},
		{name: "unknown series", code: `local m = hud.metrics.run("x", { every = 0 }) m:log{ step = 1, reward = 1 } m:series("rewad")`, err: `series: name: nothing was logged as "rewad" (did you mean "reward"?)`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			out, _, err := script(t, metrics.Options{}, tc.code)
			if out != tc.want {
				t.Errorf("got %q, want %q", out, tc.want)
			}
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("got %v, want %q", err, tc.err)
			}
		})
	}
}

type collected []rows.Row

func (c *collected) Log(r rows.Row) error {
	*c = append(*c, r)
	return nil
}

// A host gets the rows, and says where the files are.
func TestOptions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var got collected
	o := metrics.Options{Dir: filepath.Join(dir, "m"), Sink: func(name string) rows.Sink {
		if name == "eval" {
			return &got
		}
		return nil
	}}
	_, _, err := script(t, o, `
		local eval, run = hud.metrics.run("eval"), hud.metrics.run()
		for step in hud.steps(2) do
			eval:log{ reward = step }
			run:log{ loss = 0/0 }
		end
		local ok, e = pcall(hud.metrics.run)
		assert(not ok and e.message == 'run: the log "metrics" was begun already', tostring(e))`)
	if err != nil || len(got) != 2 || got[1].Step != 2 || got[1].Values[0] != (rows.Value{Name: "reward", Value: 2}) {
		t.Errorf("got %+v, %v", got, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "m", "metrics.jsonl"))
	if err != nil || strings.Count(string(text), "\n") != 2 || !strings.Contains(string(text), `"_at":[1,2],"loss":"NaN"}`) {
		t.Errorf("got %s, %v", text, err)
	}

	// A place that cannot be is told at once.
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	o.Dir = file
	if _, _, err := script(t, o, `hud.metrics.run("x", { every = 0 }):log{ step = 1, a = 1 }`); err != nil && !strings.Contains(err.Error(), "run: ") {
		t.Errorf("got %v", err)
	}

	// What cannot be kept later is told once, and stops nothing.
	o = metrics.Options{Sink: func(string) rows.Sink { return full{} }}
	out, log, err := script(t, o, `
		local m = hud.metrics.run("x", { every = 0 })
		for i = 1, 3 do m:log{ step = i, a = i } end
		print(#m:series("a"))`)
	if err != nil || out != "3\n" || strings.Count(log, "metrics: no space; the run goes on without") != 1 {
		t.Errorf("got %q, %q, %v", out, log, err)
	}
}

type full struct{}

func (full) Log(rows.Row) error { return errors.New("no space") }
