package test_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hudrl/hudrl/bindings/tensor"
	script "github.com/hudrl/hudrl/bindings/test"
	"github.com/hudrl/hudrl/runtime"
)

func config() runtime.Config {
	return runtime.Config{Modules: []runtime.Module{tensor.Module(), {Name: "hud.test", Open: script.Open}}}
}

const preamble = `local test, tensor = require "hud.test", require "hud.tensor"` + "\n"

func run(t *testing.T, src string, o script.Options) ([]script.Result, error) {
	t.Helper()
	chunk, err := runtime.Compile("x_test.lua", preamble+src)
	if err != nil {
		t.Fatal(err)
	}
	return script.Run(context.Background(), config(), chunk, o)
}

func TestAssertions(t *testing.T) {
	t.Parallel()
	cases := []struct{ src, want string }{
		{"test.ok(1)", ""},
		{"test.ok(nil)", "ok: got nil"},
		{"test.ok(1 > 2, 'order')", "ok: got false: order"},
		{"test.ok(tensor{1})", "ok: value: a tensor counts as true, whatever its values"},
		{"test.equal(1, 1) test.equal('a', 'a') test.equal(nil, nil) test.equal(0/0, 0/0)", ""},
		{"test.equal(3, 4)", "equal: got 3, want 4"},
		{"test.equal(0.1 + 0.2, 0.3)", "equal: got 0.30000000000000004, want 0.3"},
		{"test.equal(1, '1')", `equal: got 1, want "1"`},
		{"test.equal('a\\nb', 'a\\nc')", `equal: line 2: got "b", want "c"`},
		{"test.equal('a\\nb\\n', 'a\\nb')", `equal: got 3 lines, want 2: the first 2 are the same`},
		{"test.equal({1, {x = 2}}, {1, {x = 2}})", ""},
		{"test.equal({1, {x = 2}}, {1, {x = 3}})", "equal: [2].x: got 2, want 3"},
		{"test.equal({1, 2}, {1})", "equal: [2]: got 2, want nil"},
		{"test.equal({a = 1}, {b = 1})", "equal: 2 differences:\n  .b: got nil, want 1\n  .a: got 1, want nil"},
		{"test.equal({['a b'] = 1}, {})", `equal: ["a b"]: got 1, want nil`},
		{"local t, u = {}, {} t.t, u.t = t, u test.equal(t, u)", ""},
		{"local t, u = {}, {} for i = 1, 1e4 do t, u = {t}, {u} end test.equal(t, u)", "equal: nested deeper than 200 tables"},
		{"os.exit(0)", "os.exit(0): a test ends by returning"},
		{"test.equal(tensor{1, 2}, tensor{1, 2})", ""},
		{"test.equal(tensor{{1, 2}, {3, 4}}, tensor{{1, 2}, {3, 5}})", "equal: [2, 2]: got 4, want 5"},
		{"test.equal(tensor{1, 2}, tensor{1, 2, 3})", "equal: shape: got [2], want [3]"},
		{"test.equal(tensor.zeros(20), tensor.ones(20))", "[1]: got 0, want 1: the largest of 20 differences in 20 values\n  [2]: got 0, want 1\n"},
		{"test.equal(tensor.zeros(20), tensor.ones(20))", "and 10 more"},
		{"test.near(tensor{{1, 2}, {3, 4}, {5, 6}}, tensor{{1, 2.2}, {3, 4.5}, {5, 6.05}}, 0.1)",
			"near: 2 differences:\n  [2, 2]: got 4, want 4.5: the largest of 2 differences in 6 values\n  [1, 2]: got 2, want 2.2"},
		{"test.near({ w = tensor{0/0, 1, 9} }, { w = tensor{1, 0/0, 1} })", "near: 3 differences:\n  .w[1]: got nan, want 1: the largest of 3 differences in 3 values"},
		{"test.near(tensor.scalar(1), tensor.scalar(2))", "near: got 1, want 2"},
		{"test.near(1, 1.000001) test.near({1, {2}}, {1.000001, {2}}) test.near(1, 1.05, 0.1)", ""},
		{"test.near(tensor{1, 2}, tensor{1, 2.1})", "near: [2]: got 2, want 2.1"},
		{"test.near(1, 1.1, {atol = 0.01})", "near: got 1, want 1.1"},
		{"test.near(1, 2, {atol = -1})", "near: got rtol 1e-05 and atol -1, want 0 or more"},
		{"test.near(1, 'x')", `near: got 1, want "x"`},
		{"test.raises(function() error('boom') end)", ""},
		{"test.raises(function() error('boom') end, 'oom')", ""},
		{"test.raises(function() end)", "raises: nothing was raised"},
		{"test.raises(function() error('boom') end, 'bang')", `raises: message: got "x_test.lua:2: boom", want "bang" in it`},
		{"test.raises(function() tensor.zeros(-1) end, {code = 'validation'})", ""},
		{"test.raises(function() tensor.zeros(-1) end, {code = 'limit'})", `raises: code: got "validation", want "limit"`},
		{"test.equal(tostring(test.raises(function() error({}) end)):sub(1, 5), 'table')", ""},
		{"test.golden('x', 'y')", "golden: there is nothing to compare with here"},
		{"test.it('inner', print)", `it: "inner" stands inside a test`},
	}
	for _, c := range cases {
		t.Run(c.src, func(t *testing.T) {
			t.Parallel()
			results, err := run(t, "function test_it() "+c.src+" end", script.Options{})
			if err != nil || len(results) != 1 {
				t.Fatalf("got %v, %v", results, err)
			}
			switch err := results[0].Err; {
			case err == nil && c.want != "":
				t.Errorf("passed, want %q", c.want)
			case err != nil && (c.want == "" || !strings.Contains(runtime.Lines(err), c.want)):
				t.Errorf("got %q, want %q", err, c.want)
			}
		})
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	const src = `
		local log = {}
		local function note(s) return function() log[#log + 1] = s end end
		function test_last() test.equal(table.concat(log, " "), "all outer inner deep undo outer shallow all all") end
		test.before_each(note "all")
		test.describe("outer", function()
			test.before_each(note "outer")
			test.describe("inner", function()
				test.before_each(note "inner")
				test.after_each(note "undo")
				test.it("deep", note "deep")
			end)
			test.it("shallow", function() note("shallow")() print("seen") error("bad") end)
		end)
		return { zeta = function() end, alpha = function() end, number = 1 }`
	var ended []string
	results, err := run(t, src, script.Options{OnEnd: func(r script.Result) { ended = append(ended, r.Name) }})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"outer > inner > deep", "outer > shallow", "test_last", "alpha", "zeta"}
	if !slices.Equal(ended, want) {
		t.Errorf("got the tests %q, want %q", ended, want)
	}
	shallow := results[1]
	var e *runtime.Error
	if !errors.As(shallow.Err, &e) || e.Line != 14 || !strings.HasSuffix(e.Message, "bad") || shallow.Output != "seen\n" {
		t.Errorf("got %+v, printed %q, want the error of line 14 and what was printed", shallow.Err, shallow.Output)
	}
	// shallow failed between its hooks; test_last sees what they did, in order:
	// "all" and "outer" before deep and shallow, "all" before itself.
	if err := results[2].Err; err == nil || !strings.Contains(err.Error(), `got "all outer inner deep undo all outer shallow all"`) {
		t.Errorf("got %v, want the order of the hooks", err)
	}

	if results, err = run(t, src, script.Options{Match: "inner"}); err != nil || len(results) != 1 || results[0].Name != want[0] {
		t.Errorf("got %v, %v, want only what matches", results, err)
	}
}

func TestRunErrors(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"error('no')": "no",
		"":            "the file has no test",
		"test.describe('x', function() end) return {}":                  "the file has no test",
		"return { function() end, alpha = function() end }":             "the file returns a function at [1], without a name",
		"return { function() end }":                                     "the file returns a function at [1], without a name",
		"return { 1, [3] = 'x', [2.5] = print, alpha = function() end}": "the file returns a function at [2.5], without a name",
		"test.it('a', print) test.it('a', print)":                       `there are two tests called "a"`,
		"require('hudrl.test')()":                                       "this is for hudrl test itself",
	} {
		if _, err := run(t, src, script.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", src, err, want)
		}
	}
}

// A test that never ends fails by its timeout, and the next one runs.
func TestTimeout(t *testing.T) {
	t.Parallel()
	results, err := run(t, "function test_a() while true do end end function test_b() end", script.Options{Timeout: 50 * time.Millisecond})
	if err != nil || len(results) != 2 || results[0].Err == nil || results[1].Err != nil {
		t.Fatalf("got %+v, %v", results, err)
	}
	if !errors.Is(results[0].Err, context.DeadlineExceeded) {
		t.Errorf("got %v, want a deadline", results[0].Err)
	}
}

// Where nobody collects tests they run at once.
func TestPlainRun(t *testing.T) {
	t.Parallel()
	rt, err := runtime.New(config())
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	_, err = rt.Eval(context.Background(), `test = require "hud.test" test.describe("sums", function() test.it("adds", function() test.equal(1 + 1, 3) end) end)`)
	if err == nil || !strings.Contains(err.Error(), "sums: ") || !strings.Contains(err.Error(), "adds: ") || !strings.Contains(err.Error(), "equal: got 2, want 3") {
		t.Errorf("got %v", err)
	}
}

type kept map[string]string

func (k kept) Golden(name string) (string, bool, error) { text, ok := k[name]; return text, ok, nil }
func (k kept) Keep(name, text string) (bool, error) {
	if _, update := k["update"]; update {
		k[name] = text
		return true, nil
	}
	return false, nil
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kept      kept
		src, want string
	}{
		{kept{"x": "y"}, "test.golden('x', 'y')", ""},
		{kept{"x": "a\nb"}, "test.golden('x', 'a\\nc')", `golden: x: line 2: got "c", want "b"`},
		{kept{}, "test.golden('x', 'y')", "golden: there is no x yet"},
		{kept{"update": ""}, "test.golden('x', 'y')", ""},
		{kept{}, "test.golden('../x', 'y')", `golden: name: got "../x", want a file name without a path`},
	} {
		results, err := run(t, "function test_it() "+c.src+" end", script.Options{Golden: c.kept})
		if err != nil {
			t.Fatal(err)
		}
		if err := results[0].Err; (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.src, err, c.want)
		}
	}
}
