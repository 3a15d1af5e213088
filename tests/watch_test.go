package tests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A script that is changed goes on between two steps with what it saved.
func TestWatch(t *testing.T) {
	t.Parallel()
	const src = `local hud = require "hud"
local count = hud.state("count", { n = 0, model = "" })
if count.model == "" then count.model = hud.models.fork("hudrl/nano", "mine").model_name end
local trainer = hud.TrainingClient(count.model)
local batch = { { reward = 0, samples = { { prompt_token_ids = { 5, 6 }, output_token_ids = { 7, 8 }, output_logprobs = {} } } } }
for step in hud.steps(6) do
  count.n = count.n + 1
  trainer:step(batch, { learning_rate = 1e-3, loss_fn = "cross_entropy" })
  print("LABEL", arg.version, step, count.n)
end
`
	dir := t.TempDir()
	script := func(text string) {
		// The new text appears at once, with another time.
		if err := os.WriteFile(filepath.Join(dir, "s.new"), []byte(text), 0o666); err != nil {
			t.Error(err)
		}
		if err := os.Rename(filepath.Join(dir, "s.new"), filepath.Join(dir, "s.lua")); err != nil {
			t.Error(err)
		}
	}
	p := program{dir: dir}
	p.onOutput = func(all string, _ func()) {
		switch {
		case strings.HasSuffix(all, "one\t1\t2\t2\n"):
			script("local x = (") // does not compile: version 1 goes on
		case strings.HasSuffix(all, "one\t1\t3\t3\n"):
			script(strings.ReplaceAll(src, "LABEL", "two"))
		case strings.HasSuffix(all, "two\t2\t5\t5\n"):
			script("error('broken')" + src)
		}
	}
	p.onErrors = func(all string) {
		if strings.HasSuffix(all, "note: waiting for a new version of s.lua\n") {
			script(strings.ReplaceAll(src, "LABEL", "four"))
		}
	}
	script(strings.ReplaceAll(src, "LABEL", "one"))
	p.run(t, "run", "--watch", "--data", t.TempDir(), "s.lua").want(t, 0, []string{
		"one\t1\t1\t1\none\t1\t2\t2\none\t1\t3\t3\ntwo\t2\t4\t4\ntwo\t2\t5\t5\nfour\t4\t6\t6\n",
	}, []string{
		"error: s.lua:1: the text ends too early", "note: the version before goes on", "note: version 2 of s.lua", "error: s.lua:1: broken",
	})
}

// What editors, version control and deployments do to a file, between two steps
// of one run.
func TestWatchFiles(t *testing.T) {
	t.Parallel()
	const src = `local hud = require "hud"
local saved = hud.state("saved", { model = "", n = 0 })
if saved.model == "" then saved.model = hud.models.fork("hudrl/nano", "mine").model_name end
local trainer = hud.TrainingClient(saved.model)
local batch = { { reward = 0, samples = { { prompt_token_ids = { 5 }, output_token_ids = { 7 }, output_logprobs = {} } } } }
for step in hud.steps(9) do
  saved.n = saved.n + 1
  trainer:step(batch, { learning_rate = 1e-3, loss_fn = "cross_entropy" })
  print("LABEL", arg.version, saved.n, require("part"))
end
`
	version := func(label string) string { return strings.ReplaceAll(src, "LABEL", label) }
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	link := func(name string) {
		must(os.Symlink(name, at("new")))
		must(os.Rename(at("new"), at("s.lua")))
	}
	write(t, dir, "part.lua", "return 'p1'")
	write(t, dir, "s.lua", version("aaaa"))
	steps := []struct {
		after string // this has been printed
		do    func()
	}{
		{"aaaa\t1\t1\tp1\n", func() { must(os.Remove(at("s.lua"))) }},
		{"aaaa\t1\t2\tp1\n", func() { write(t, dir, "s.lua", version("bbbb")) }}, // it comes back
		{"bbbb\t2\t3\tp1\n", func() { write(t, dir, "s.lua", " \n") }},           // cut off, not yet written
		{"bbbb\t2\t4\tp1\n", func() { // an editor keeps a copy of the old one
			must(os.Rename(at("s.lua"), at("s.lua~")))
			write(t, dir, "s.lua", version("cccc"))
		}},
		{"cccc\t3\t5\tp1\n", func() { // as long as before, and of the same time
			info, err := os.Stat(at("s.lua"))
			must(err)
			write(t, dir, "s.lua", version("dddd"))
			must(os.Chtimes(at("s.lua"), info.ModTime(), info.ModTime()))
		}},
		{"dddd\t4\t6\tp1\n", func() { write(t, dir, "one", version("eeee")); link("one") }},
		{"eeee\t5\t7\tp1\n", func() { link("nowhere") }},
		{"eeee\t5\t8\tp1\n", func() { write(t, dir, "two", version("last")); link("two"); write(t, dir, "part.lua", "return 'p2'") }},
	}
	p := program{dir: dir}
	p.onOutput = func(all string, _ func()) {
		if len(steps) > 0 && strings.HasSuffix(all, steps[0].after) {
			do := steps[0].do
			steps = steps[1:]
			do()
		}
	}
	p.run(t, "run", "--watch", "--data", t.TempDir(), "s.lua").want(t, 0, []string{
		"aaaa\t1\t1\tp1\naaaa\t1\t2\tp1\nbbbb\t2\t3\tp1\nbbbb\t2\t4\tp1\ncccc\t3\t5\tp1\ndddd\t4\t6\tp1\neeee\t5\t7\tp1\neeee\t5\t8\tp1\nlast\t6\t9\tp2\n",
	}, []string{"cannot read s.lua", "s.lua is empty", "note: the version before goes on", "note: version 6 of s.lua"})
}

// What trains nothing, or does not compile at first, leaves no run to go on with.
func TestWatchWithoutTraining(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, src, out, err string }{
		{"steps", "local hud = require 'hud' for step in hud.steps(2) do print('one', step) end", "one\t1\nfixed\t2\n", "note: version 2 of s.lua"},
		{"an error", "error('broken')", "fixed\t2\n", "error: s.lua:1: broken"},
		{"no script", "x = = 1", "fixed\t2\n", "error: s.lua:1: syntax error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := program{dir: t.TempDir()}
			fix := func() { write(t, p.dir, "s.lua", "print('fixed', arg.version) -- longer") }
			p.onOutput = func(all string, _ func()) {
				if strings.HasSuffix(all, "one\t1\n") {
					fix()
				}
			}
			p.onErrors = func(all string) {
				if strings.HasSuffix(all, "note: waiting for a new version of s.lua\n") {
					fix()
				}
			}
			write(t, p.dir, "s.lua", c.src)
			p.run(t, "run", "--watch", "--data", t.TempDir(), "s.lua").want(t, 0, []string{c.out}, []string{c.err})
		})
	}
}

func TestWatchRefuses(t *testing.T) {
	t.Parallel()
	p := program{dir: t.TempDir()}
	p.run(t, "run", "--watch", "-").want(t, 2, nil, []string{"standard input does not change"})
	p.run(t, "run", "--watch", "--record", "f", "s.lua").want(t, 2, nil, []string{"cannot read s.lua"})
}
