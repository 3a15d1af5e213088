package tests

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/runtime"
)

// overrun is a way to exceed a limit: the body of the function P.
type overrun struct {
	name, src string
	limits    runtime.Limits
	sentinel  error
	message   string // a pattern of it
	hint      string // part of it
	stop      bool   // pcall cannot catch it
	few       bool   // reaching it collects garbage: only in some places
}

var overruns = []overrun{
	{"steps", `while true do end`, runtime.Limits{Steps: 30_000}, runtime.ErrSteps, `step limit: used 30001 of 30000`, "--max-steps", true, false},
	{"steps of a pattern", `("a"):rep(40):find(("a?"):rep(40) .. ("a"):rep(41))`, runtime.Limits{Steps: 30_000}, runtime.ErrSteps, `step limit: used 30001 of 30000`, "--max-steps", true, false},
	{"steps of coroutines", `while true do coroutine.wrap(function() for i = 1, 10 do coroutine.yield() end end)() end`, runtime.Limits{Steps: 30_000}, runtime.ErrSteps, `step limit: used 30001 of 30000`, "--max-steps", true, true},
	{"wall time", `while true do end`, runtime.Limits{WallTime: 15 * time.Millisecond}, context.DeadlineExceeded, `time limit: used 15ms of 15ms`, "--timeout", true, false},
	{"wall time of a pattern", `("a"):rep(99):find(("a?"):rep(99) .. ("a"):rep(100))`, runtime.Limits{WallTime: 15 * time.Millisecond}, context.DeadlineExceeded, `time limit: used 15ms of 15ms`, "--timeout", true, false},
	{"wall time asleep", `hud.sleep(1000)`, runtime.Limits{WallTime: 15 * time.Millisecond}, context.DeadlineExceeded, `time limit: used 15ms of 15ms`, "--timeout", true, false},
	{"call depth", `local function f() return 1 + f() end f()`, runtime.Limits{CallDepth: 150}, runtime.ErrDepth, `call depth: used 151 of 150`, "--max-depth", false, false},
	{"nested coroutines", `local f f = function() return coroutine.wrap(f)() end f()`, runtime.Limits{}, runtime.ErrDepth, `nested pcalls and coroutines: used 151 of 150`, "no flag raises it", false, false},
	{"nested calls", `local f f = function(n) if n == 0 then return coroutine.wrap(f)(120) end return 1 + f(n - 1) end f(120)`, runtime.Limits{CallDepth: 150}, runtime.ErrDepth, `calls in nested pcalls and coroutines: used \d+ of 750`, "--max-depth", false, false},
	{"coroutines", `local t = {} for i = 1, 100 do t[i] = coroutine.create(function() end) end`, runtime.Limits{Coroutines: 20}, runtime.ErrCount, `live coroutines: used 21 of 20`, "--max-coroutines", false, true},
	{"tasks", `for i = 1, 100 do hud.spawn(hud.sleep, 60) end`, runtime.Limits{Tasks: 20}, runtime.ErrCount, `tasks: used 21 of 20`, "--max-tasks", false, false},
	{"string.rep", `return ("x"):rep(1e9)`, runtime.Limits{StringBytes: 5000}, runtime.ErrSize, `string size: used 1 bytes x 1000000000 of 5000 bytes`, "--max-string", false, false},
	{"a chain of ..", `local s = ("x"):rep(2000) return s .. 1 .. s .. s`, runtime.Limits{StringBytes: 5000}, runtime.ErrSize, `string size: used 60\d+ bytes of 5000 bytes`, "--max-string", false, false},
	{"..=", `local s = "xyz" while true do s = s .. s end`, runtime.Limits{StringBytes: 5000}, runtime.ErrSize, `string size: used 6144 bytes of 5000 bytes`, "--max-string", false, false},
	{"gsub", `return (("x"):rep(2000):gsub("x", "%0%0%0"))`, runtime.Limits{StringBytes: 5000}, runtime.ErrSize, `string size: used 500\d bytes of 5000 bytes`, "--max-string", false, false},
	{"format", `return ("%s%s%s"):format(("x"):rep(2000), ("x"):rep(2000), ("x"):rep(2000))`, runtime.Limits{StringBytes: 5000}, runtime.ErrSize, `string size: used 6000 bytes of 5000 bytes`, "--max-string", false, false},
	{"table.concat", `local s = ("x"):rep(2000) return table.concat { s, s, s }`, runtime.Limits{StringBytes: 5000}, runtime.ErrSize, `string size: used 6000 bytes of 5000 bytes`, "--max-string", false, false},
	{"json.encode", `local s = ("x"):rep(2000) return hud.json.encode { s, s, s }`, runtime.Limits{StringBytes: 5000}, runtime.ErrSize, `string size: used .* of 5000 bytes`, "--max-string", false, false},
	{"a Go string", `return big()`, runtime.Limits{StringBytes: 5000}, runtime.ErrSize, `string size: used 10000 bytes of 5000 bytes`, "--max-string", false, false},
	{"a sparse table", `local t, k = {}, 5e7 t[k] = 1`, runtime.Limits{TableSize: 1 << 26}, runtime.ErrSize, `index 50000000 far beyond length 0`, "string keys", false, false},
	{"table size", `local t, k = {}, 3e6 t[k] = 1`, runtime.Limits{TableSize: 2e6}, runtime.ErrSize, `table size: used 3000000 of 2000000`, "--max-table", false, false},
	{"table size by rawset", `rawset({}, 3e6, 1)`, runtime.Limits{TableSize: 2e6}, runtime.ErrSize, `table size: used 3000000 of 2000000`, "--max-table", false, false},
	{"table size of a literal", `local k = 3e6 return { [k] = 1 }`, runtime.Limits{TableSize: 2e6}, runtime.ErrSize, `table size: used 3000000 of 2000000`, "--max-table", false, false},
	{"tensors", `return hud.tensor.zeros(1e6)`, runtime.Limits{TensorBytes: 1 << 20}, runtime.ErrSize, `tensor memory limit: \d+ bytes in use, \d+ more wanted, limit 1048576`, "--max-tensor", false, false},
	{"tensors by many", `local t = {} for i = 1, 100 do t[i] = hud.tensor.zeros(1e5) t[i]:add_(1) end`, runtime.Limits{TensorBytes: 1 << 20}, runtime.ErrSize, `tensor memory limit: \d+ bytes in use, \d+ more wanted, limit 1048576`, "--max-tensor", false, true},
	{"values on the stack", `local function f(...) return 1 + f(1, 2, 3, 4, 5, 6, 7, 8, 9, ...) end f(unpack(many))`, runtime.Limits{}, runtime.ErrSize, `values on the stack: used more than 262144 of 262144`, "no flag raises it", false, false},
	{"source bytes", `local f, e = loadstring(("x = 1 "):rep(1e3)) if not f then error(e, 0) end`, runtime.Limits{SourceBytes: 5000}, nil, `source size: used 6000 bytes of 5000 bytes`, "", false, false},
	{"source bytes of a reader", `local f, e = load(function() return "x = 1 " end) if not f then error(e, 0) end`, runtime.Limits{SourceBytes: 5000}, nil, `source size: used 500\d bytes of 5000 bytes`, "", false, false},
	{"source bytes of a module", `require "long"`, runtime.Limits{SourceBytes: 5000}, runtime.ErrSize, `source size: used 5001 bytes of 5000 bytes`, "--max-source", false, false},
	{"source nesting", `local f, e = loadstring("return " .. ("("):rep(300) .. "1" .. (")"):rep(300)) if not f then error(e, 0) end`, runtime.Limits{}, nil, `the source nests deeper than 200`, "", false, false},
	{"source operators", `local f, e = loadstring("return " .. ("not "):rep(300) .. "1") if not f then error(e, 0) end`, runtime.Limits{}, nil, `more than 100 unary operators in a row`, "", false, false},
}

// places are where the global P is called; what they catch they raise again.
var places = map[string]string{
	"plain":          `P()`,
	"tail call":      `return P()`,
	"gsub function":  `("x"):gsub(".", P)`,
	"gsub table":     `("x"):gsub(".", setmetatable({}, { __index = P }))`,
	"gmatch body":    `for w in ("x"):gmatch "." do P() end`,
	"sort":           `table.sort({ 3, 2, 1 }, function(a, b) P() return a < b end)`,
	"sort __lt":      `local mt = { __lt = function() P() return true end } table.sort { setmetatable({}, mt), setmetatable({}, mt) }`,
	"iterator":       `for _ in P do end`,
	"__index":        `local _ = setmetatable({}, { __index = P }).x`,
	"__newindex":     `setmetatable({}, { __newindex = P }).x = 1`,
	"computed store": `local k = {} setmetatable({}, { __newindex = P })[k] = 1`,
	"__call":         `setmetatable({}, { __call = P })()`,
	"__concat":       `local _ = setmetatable({}, { __concat = P }) .. "x"`,
	"__eq":           `local mt = { __eq = P } local _ = setmetatable({}, mt) == setmetatable({}, mt)`,
	"__lt":           `local mt = { __lt = P } local _ = setmetatable({}, mt) < setmetatable({}, mt)`,
	"__le":           `local mt = { __le = P } local _ = setmetatable({}, mt) <= setmetatable({}, mt)`,
	"__add":          `local _ = setmetatable({}, { __add = P }) + 1`,
	"__unm":          `local _ = -setmetatable({}, { __unm = P })`,
	"tostring":       `tostring(setmetatable({}, { __tostring = function() P() return "x" end }))`,
	"print":          `print(setmetatable({}, { __tostring = function() P() return "x" end }))`,
	"format":         `("%s"):format(setmetatable({}, { __tostring = function() P() return "x" end }))`,
	"wrap":           `coroutine.wrap(function() P() end)()`,
	"wrap, resumed":  `local f = coroutine.wrap(function() coroutine.yield() P() end) f() f()`,
	"resume":         `local ok, e = coroutine.resume(coroutine.create(function() P() end)) if not ok then error(e, 0) end`,
	"two coroutines": `coroutine.wrap(function() coroutine.wrap(function() P() end)() end)()`,
	"pcall":          `local ok, e = pcall(P) reached = true if not ok then error(e, 0) end`,
	"pcall in pcall": `local ok, _, e = pcall(pcall, P) reached = true error(e, 0)`,
	"xpcall":         `local ok, e = xpcall(P, function(e) return e end) reached = true if not ok then error(e, 0) end`,
	"handler":        `local ok, e = xpcall(error, P) reached = true error(e, 0)`,
	"loadstring":     `loadstring "P()" ()`,
	"reader":         `local f, e = load(P) if not f then error(e, 0) end`,
	"require":        `require "mine"`,
	"task":           `hud.spawn(P):wait()`,
	"task in a task": `hud.spawn(function() hud.spawn(P):wait() end):wait()`,
	"hud.gather":     `hud.gather { hud.spawn(P) }`,
	"hud.map":        `hud.map({ 1 }, P)`,
	"hud.timeout":    `hud.timeout(1000, P)`,
	"host function":  `call(P)`,
	"no_grad":        `hud.tensor.no_grad(P)`,
	"gradcheck":      `hud.tensor.gradcheck(function(x) P() return x:sum() end, { hud.tensor { 1 } })`,
	"custom loss": `trainer = trainer or hud.TrainingClient "tiny"
		trainer:forward_backward_custom(batch, function(data, logprobs) P() return logprobs[1]:sum() end)`,
	"JSON __index": `hud.json.encode(setmetatable({}, { __index = P }).x)`,
	"hud.steps":    `for step in hud.steps(1) do P() end`,
}

var somePlaces = []string{"plain", "gsub function", "__concat", "wrap", "pcall", "task", "custom loss"}

// Every limit holds in every place, says what was used of what and what raises
// it, is catchable or not as documented, and the next script runs.
func TestLimitsHoldEverywhere(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for _, o := range overruns {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			rt := limited(t, l, o.limits)
			for place, src := range places {
				if o.few && !slices.Contains(somePlaces, place) {
					continue
				}
				_, err := run(t, rt, "local hud = require 'hud' P = function() "+o.src+" end reached = nil "+src)
				o.check(t, place, err)
				out, err := inTime(t, rt, `local r = reached reached = nil local s = 0 for i = 1, 10 do s = s + #("x" .. i) end return r, s, pcall(error, "x")`)
				if err != nil || out[1] != 21.0 || out[2] != false {
					t.Fatalf("%s: afterwards: got %v, %v", place, out, err)
				}
				if o.stop && out[0] != nil {
					t.Errorf("%s: pcall held it", place)
				}
			}
		})
	}
}

// The heap belongs to the whole process: not parallel.
func TestHeapLimitHoldsEverywhere(t *testing.T) {
	l := newLab(t)
	o := overrun{name: "heap", src: `local t = {} while true do t[#t + 1] = ("x"):rep(1e5) .. #t end`,
		sentinel: runtime.ErrMemory, message: `heap size: used \d+ MiB of \d+ MiB`, hint: "--max-memory", stop: true}
	o.limits = runtime.Limits{HeapBytes: int64(liveHeap()) + 40<<20}
	rt := limited(t, l, o.limits)
	for _, place := range somePlaces {
		_, err := run(t, rt, "local hud = require 'hud' P = function() "+o.src+" end reached = nil "+places[place])
		o.check(t, place, err)
		if out, err := run(t, rt, `return reached`); err != nil || out[0] != nil {
			t.Errorf("%s: afterwards: got %v, %v", place, out, err)
		}
	}
}

func run(t *testing.T, rt *runtime.Runtime, src string) ([]any, error) {
	t.Helper()
	chunk, err := runtime.Compile("limits.lua", src)
	if err != nil {
		t.Fatal(err)
	}
	return rt.Run(t.Context(), chunk)
}

func limited(t *testing.T, l *lab, limits runtime.Limits) *runtime.Runtime {
	t.Helper()
	cfg := bindings.Default(l)
	cfg.Modules = append(cfg.Modules, runtime.Module{Name: "caller", Open: func(vm *runtime.VM) (lua.LValue, error) {
		return vm.NewFunction(func(L *lua.LState) int {
			if _, err := vm.Call(L, L.Get(1)); err != nil {
				vm.Raise(L, err)
			}
			return 0
		}), nil
	}})
	var out bytes.Buffer
	cfg.Stdout, cfg.Limits = &out, limits
	cfg.Roots = append(cfg.Roots, fstest.MapFS{
		"mine.lua": {Data: []byte("package_mine = 1 return P()")},
		"long.lua": {Data: []byte(strings.Repeat("x = 1 ", 1000))},
	})
	rt, err := runtime.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rt.Close() })
	if err := rt.Set("big", func() string { return strings.Repeat("x", 10_000) }); err != nil {
		t.Fatal(err)
	}
	setup := `call = require "caller" many = {} for i = 1, 1e5 do many[i] = i end
		batch = { { reward = 1, samples = { { prompt_token_ids = { 5, 6 }, output_token_ids = { 7, 8 }, output_logprobs = { -1, -1 } } } } }`
	if limits.Steps != 0 || limits.WallTime != 0 {
		setup = strings.Replace(setup, "1e5", "10", 1)
	}
	if _, err := inTime(t, rt, setup); err != nil {
		t.Fatal(err)
	}
	return rt
}

// inTime is run, again where a busy machine took longer than a small limit.
func inTime(t *testing.T, rt *runtime.Runtime, src string) (out []any, err error) {
	t.Helper()
	for range 100 {
		if out, err = run(t, rt, src); !errors.Is(err, context.DeadlineExceeded) {
			break
		}
	}
	return out, err
}

func (o *overrun) check(t *testing.T, place string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: nothing was raised", place)
		return
	}
	if o.sentinel != nil && !errors.Is(err, o.sentinel) || errors.Is(err, runtime.ErrHostBug) {
		t.Errorf("%s: got %v, want %v", place, err, o.sentinel)
	}
	if o.stop != (errors.Is(err, runtime.ErrSteps) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, runtime.ErrMemory)) {
		t.Errorf("%s: got %v, a stop or not", place, err)
	}
	if !regexp.MustCompile(o.message).MatchString(err.Error()) {
		t.Errorf("%s: got %q, want %q", place, err, o.message)
	}
	var e *runtime.Error
	if o.sentinel == nil {
		return // load gives text
	}
	if !errors.As(err, &e) || e.Code != runtime.CodeLimit || !strings.Contains(e.Hint, o.hint) {
		t.Errorf("%s: got %#v, want a limit whose hint has %q", place, e, o.hint)
	}
}

// Every limit of a host is a flag, too.
func TestLimitsAreFlags(t *testing.T) {
	t.Parallel()
	flags := map[string]string{
		"Steps": "--max-steps N", "WallTime": "--timeout TIME", "CallDepth": "--max-depth N", "Coroutines": "--max-coroutines N", "Tasks": "--max-tasks N",
		"StringBytes": "--max-string SIZE", "TableSize": "--max-table N", "TensorBytes": "--max-tensor SIZE", "HeapBytes": "--max-memory SIZE", "SourceBytes": "--max-source SIZE",
	}
	for _, command := range []string{"run", "repl", "test"} {
		help := program{}.run(t, command, "--help").out
		for field := range reflect.TypeFor[runtime.Limits]().Fields() {
			flag := flags[field.Name]
			if flag == "" || !strings.Contains(help, flag+" ") {
				t.Errorf("hudrl %s: Limits.%s has no flag %q", command, field.Name, flag)
			}
		}
	}
}
