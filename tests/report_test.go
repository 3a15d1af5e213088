package tests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// hudrl report finds what scripts logged, by file, directory and run, and
// draws several over each other.
func TestReport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "train.lua", `
local hud = require "hud"
local run, eval = hud.metrics.run("metrics", { every = 0 }), hud.metrics.run("eval", { every = 0 })
for step = 1, 20 do run:log{ step = step, reward = step / 20, loss = { kl = 1 / step } } end
eval:log{ step = 20, accuracy = 0.5 }
`)
	hudrl := func(code int, out, err []string, args ...string) {
		t.Helper()
		program{dir: dir}.run(t, args...).want(t, code, out, err)
	}
	hudrl(2, nil, []string{"report: missing RUN", "hint: no script has logged metrics with hud.metrics yet"}, "report", "--data", "d")
	for range 2 {
		hudrl(0, nil, nil, "run", "-q", "--data", "d", "--metrics", "m", "train.lua")
	}
	runs, err := os.ReadDir(filepath.Join(dir, "m"))
	if err != nil || len(runs) != 2 {
		t.Fatalf("got %v, %v, want two runs", runs, err)
	}
	one := runs[0].Name()
	for _, tt := range []struct {
		args []string
		out  string
		want []string
	}{
		{[]string{"m"}, "Wrote report.html: 3 charts of 4 logs\n", []string{"<title>4 logs</title>", one + "</span>", one + "/eval"}},
		{[]string{"m/" + one, "-o", "a/b.html"}, "Wrote a/b.html: 3 charts of 2 logs\n", []string{"loss/kl", "accuracy"}},
		{[]string{"m/" + one + "/metrics.jsonl"}, "Wrote report.html: 2 charts of 1 log\n", []string{"<h1>m/" + one + "/metrics</h1>"}},
		{[]string{"-o", "-", "m/" + one + "/eval.jsonl"}, "<!doctype html>", nil},
	} {
		hudrl(0, []string{tt.out}, nil, append([]string{"report", "--data", "d"}, tt.args...)...)
		file := "report.html"
		for i, arg := range tt.args {
			if arg == "-o" {
				file = tt.args[i+1]
			}
		}
		if file == "-" {
			continue
		}
		page, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range tt.want {
			if !strings.Contains(string(page), want) {
				t.Errorf("%v: want %s in\n%s", tt.args, want, page)
			}
		}
	}
	// Without --metrics the files are beside the run's journal, and the run's
	// name finds them.
	hudrl(0, nil, nil, "run", "-q", "--data", "d", "train.lua")
	if runs, err = os.ReadDir(filepath.Join(dir, "d", "runs")); err != nil || len(runs) != 1 {
		t.Fatalf("got %v, %v, want one run", runs, err)
	}
	hudrl(0, []string{"3 charts of 2 logs"}, nil, "report", "--data", "d", runs[0].Name())
	hudrl(2, nil, []string{"nope: no such file, directory or run", "hint: the last runs that logged something: " + runs[0].Name()}, "report", "--data", "d", "nope")
	hudrl(1, nil, []string{"report failed: ", "train.lua:1: it is no row of metrics: it is no object"}, "report", "train.lua")
	hudrl(1, nil, []string{"report failed: a: no script logged metrics there"}, "report", "a")
}
