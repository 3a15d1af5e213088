package runtime_test

import (
	"context"
	"errors"
	goruntime "runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/runtime"
)

// mustRun compiles and runs src in rt.
func mustRun(t *testing.T, rt *runtime.Runtime, ctx context.Context, src string, args ...any) ([]any, error) {
	t.Helper()
	chunk, err := runtime.Compile("test.lua", src)
	if err != nil {
		t.Fatal(err)
	}
	return rt.Run(ctx, chunk, args...)
}

func open(t testing.TB, cfg runtime.Config) *runtime.Runtime {
	t.Helper()
	rt, err := runtime.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rt.Close() })
	return rt
}

// tasksConfig gives scripts the task functions as globals of a module.
func tasksConfig() runtime.Config {
	return runtime.Config{Modules: []runtime.Module{taskModule}}
}

func TestStepBudget(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]string{
		"loop":            `while true do end`,
		"pcall":           `while true do pcall(function() while true do end end) end`,
		"coroutine":       `coroutine.wrap(function() while true do end end)()`,
		"old coroutine":   `local co = coroutine.create(function() while true do coroutine.yield() end end) while true do coroutine.resume(co) end`,
		"xpcall handler":  `xpcall(error, function() while true do end end)`,
		"sort":            `local t = {} for i = 1, 50 do t[i] = i end table.sort(t, function() while true do end end)`,
		"metamethod":      `local t = setmetatable({}, {__index = function() while true do end end}) return t.x`,
		"gsub":            `string.gsub("x", ".", function() while true do end end)`,
		"task":            `local hud = require "tasks" hud.spawn(function() while true do end end):wait()`,
		"task in task":    `local hud = require "tasks" hud.spawn(function() hud.spawn(function() while true do end end):wait() end):wait()`,
		"timeout":         `local hud = require "tasks" hud.timeout(60, function() while true do end end)`,
		"long set":        `string.find(("a"):rep(1e5), "[" .. ("b"):rep(1e6) .. "]c")`,
		"long capture":    `string.find(("a"):rep(4e6), "(.*)%1b")`,
		"hostile pattern": `string.find(("a"):rep(40), ("a?"):rep(40) .. ("a"):rep(41))`,
		"tostring":        `tostring(setmetatable({}, {__tostring = function() while true do end end}))`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := tasksConfig()
			cfg.Limits.Steps = 50_000
			rt := open(t, cfg)
			_, err := mustRun(t, rt, context.Background(), src)
			var limit *runtime.LimitError
			if !errors.Is(err, runtime.ErrSteps) || !errors.As(err, &limit) {
				t.Fatalf("got %v, want ErrSteps", err)
			}
			if !strings.Contains(err.Error(), "used 50001 of 50000") || limit.ErrorHint() != "raise it with --max-steps or Limits.Steps" {
				t.Errorf("got %v, hint %q", err, limit.ErrorHint())
			}
			out, err := mustRun(t, rt, context.Background(), `return 1 + 1`)
			if err != nil || out[0] != 2.0 {
				t.Errorf("after the stop: got %v, %v, want 2", out, err)
			}
		})
	}
}

// The budget is exact: a loop of n turns costs the same number of steps every
// time, and one step less is too few.
func TestStepBudgetIsExact(t *testing.T) {
	t.Parallel()
	enough := func(steps int64) bool {
		rt := open(t, runtime.Config{Limits: runtime.Limits{Steps: steps}})
		_, err := mustRun(t, rt, context.Background(), `for i = 1, 100 do end`)
		return err == nil
	}
	low, high := int64(1), int64(10_000)
	for low < high {
		mid := (low + high) / 2
		if enough(mid) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	// LOADK x3, FORPREP, 101 x FORLOOP, RETURN = 106 instructions.
	if low != 106 {
		t.Errorf("got %d steps, want 106", low)
	}
}

func TestDeadlineStopsEverything(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]string{
		"loop":           `while true do end`,
		"coroutine":      `coroutine.wrap(function() while true do end end)()`,
		"pattern":        `string.find(("a"):rep(100), ("a?"):rep(100) .. ("a"):rep(101))`,
		"pattern 2":      `string.find(("x"):rep(3000), (".-"):rep(20) .. "b")`,
		"long sort":      `local t = {} for i = 1, 300000 do t[i] = -i * 7919 % 104729 end while true do table.sort(t) table.sort(t, function(a, b) return a > b end) end`,
		"sleep":          `require("tasks").sleep(100)`,
		"pcall sleep":    `local s = require("tasks").sleep while true do pcall(s, 100) end`,
		"waiting":        `local h = require("tasks") h.spawn(function() h.sleep(100) end):wait()`,
		"map":            `local h = require("tasks") h.map({1, 2, 3}, function() h.sleep(100) end)`,
		"spin in task":   `local h = require("tasks") h.spawn(function() while true do end end) h.sleep(100)`,
		"string growing": `local s = "x" while true do s = s .. "x" end`,
	} {
		t.Run(name, func(t *testing.T) {
			rt := open(t, tasksConfig())
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
			defer cancel()
			start := time.Now()
			_, err := mustRun(t, rt, ctx, src)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want DeadlineExceeded", err)
			}
			if took := time.Since(start); took > time.Minute {
				t.Errorf("stopped after %v", took)
			}
			if out, err := mustRun(t, rt, context.Background(), `return "alive"`); err != nil || out[0] != "alive" {
				t.Errorf("after the stop: %v, %v", out, err)
			}
		})
	}
}

func TestLimitErrors(t *testing.T) {
	t.Parallel()
	const catch = `local ok, e = pcall(function() %s end) return ok, e.code, e.message, e.hint`
	for _, c := range []struct{ name, src, message, hint string }{
		{"rep", `("x"):rep(1e10)`, "string size: used 1 bytes x 10000000000 of 16777216 bytes", "--max-string"},
		{"doubling", `local s = "x" while true do s = s .. s end`, "string size: used 33554432 bytes of 16777216 bytes", "--max-string"},
		{"chain", `local s = ("x"):rep(2^23) return s .. s .. s`, "string size: used 25165824 bytes", "--max-string"},
		{"concat", `local s, t = ("x"):rep(2^20), {} for i = 1, 20 do t[i] = s end table.concat(t)`, "string size", "--max-string"},
		{"gsub", `local s = ("x"):rep(2^20) return s:gsub(".", ("y"):rep(100))`, "string size", "--max-string"},
		{"format", `local s = ("x"):rep(2^23) return ("%%s%%s%%s"):format(s, s, s)`, "string size", "--max-string"},
		{"sparse", `local t = {1, 2, 3} local k = 50000000 t[k] = 1`, "table size: used 50000000 of 16777216", "Limits.TableSize"},
		{"sparse constant", `local t = {1, 2, 3} t[15000000] = 1`, "index 15000000 far beyond length 3", "string keys"},
		{"sparse literal", `local t = {[15000000] = 1}`, "index 15000000 far beyond length 0", "string keys"},
		{"sparse rawset", `rawset({}, 15000000, 1)`, "index 15000000 far beyond length 0", "string keys"},
		{"sparse newindex", `local u = {} local t = setmetatable({}, {__newindex = u}) local k = 15000000 t[k] = 1`, "index 15000000 far beyond", "string keys"},
		{"sparse swap", `local t, k = {}, 15000000 t[k], t[1] = 1, 2`, "index 15000000 far beyond", "string keys"},
		{"recursion", `local function f() return 1 + f() end f()`, "call depth: used 2001 of 2000", "Limits.CallDepth"},
		{"recursion in a coroutine", `local function f() return 1 + f() end coroutine.wrap(f)()`, "call depth: used 2001 of 2000", "Limits.CallDepth"},
		{"nested coroutines", `local f f = function() return coroutine.wrap(f)() end f()`, "nested pcalls and coroutines: used 151 of 150", ""},
		{"nested pcalls", `local function f() assert(pcall(f)) end f()`, "nested pcalls and coroutines: used 151 of 150", ""},
		{"coroutines", `local t = {} for i = 1, 5000 do t[i] = coroutine.create(function() end) end`, "live coroutines: used 4097 of 4096", "Limits.Coroutines"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rt := open(t, runtime.Config{})
			out, err := mustRun(t, rt, context.Background(), strings.Replace(strings.ReplaceAll(catch, "%s", "\x00"), "\x00", strings.ReplaceAll(c.src, "%%", "%"), 1))
			if err != nil {
				t.Fatal(err)
			}
			message, _ := out[2].(string)
			hint, _ := out[3].(string)
			if out[0] != false || out[1] != "limit" || !strings.HasPrefix(message, c.message) || !strings.Contains(hint, c.hint) {
				t.Errorf("got %q, want message %q and hint %q", out, c.message, c.hint)
			}
		})
	}
}

func TestForgottenCoroutinesDoNotCount(t *testing.T) {
	t.Parallel()
	rt := open(t, runtime.Config{Limits: runtime.Limits{Coroutines: 200}})
	out, err := mustRun(t, rt, context.Background(), `
		local n = 0
		for i = 1, 2000 do
			local co = coroutine.wrap(function() coroutine.yield() end)
			co()
			n = n + 1
		end
		for i = 1, 2000 do coroutine.wrap(function() n = n + 1 end)() end
		return n`)
	if err != nil || out[0] != 4000.0 {
		t.Errorf("got %v, %v, want 4000", out, err)
	}
}

func TestHeapLimit(t *testing.T) {
	rt := open(t, runtime.Config{Limits: runtime.Limits{HeapBytes: 96 << 20}})
	_, err := mustRun(t, rt, context.Background(), `local t = {} while true do t[#t + 1] = ("x"):rep(1000) .. #t end`)
	var limit *runtime.LimitError
	if !errors.Is(err, runtime.ErrMemory) || !errors.As(err, &limit) || !strings.Contains(limit.Raise, "--max-memory") {
		t.Errorf("got %v, want ErrMemory", err)
	}
}

func TestWallTime(t *testing.T) {
	t.Parallel()
	rt := open(t, runtime.Config{Limits: runtime.Limits{WallTime: 20 * time.Millisecond}})
	_, err := mustRun(t, rt, context.Background(), `while true do pcall(function() end) end`)
	var e *runtime.Error
	if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &e) || e.Code != "limit" || !strings.Contains(e.Hint, "--timeout") {
		t.Errorf("got %#v, want a wall time limit", err)
	}
}

func TestHostileSource(t *testing.T) {
	t.Parallel()
	many := func(s string, n int) string { return strings.Repeat(s, n) }
	for name, src := range map[string]string{
		"braces":      "return " + many("{", 100_000) + many("}", 100_000),
		"parens":      "return " + many("(", 100_000) + "1" + many(")", 100_000),
		"not":         "return " + many("not ", 100_000) + "1",
		"minus":       "return " + many("- ", 100_000) + "1",
		"do":          many("do ", 100_000) + many("end ", 100_000),
		"functions":   many("return function() ", 50_000) + many("end ", 50_000),
		"concat":      "return " + many("1 ..", 100_000) + "1",
		"plus":        "return " + many("1+", 100_000) + "1",
		"power":       "return " + many("2^", 100_000) + "2",
		"index":       "return a" + many("[1]", 100_000),
		"calls":       "f" + many("()", 100_000),
		"elseif":      "if a then " + many("elseif b then ", 50_000) + "end",
		"constants":   "local t = {" + numbers(70_000) + "}",
		"items":       "local t = {" + many("1,", 30_000) + "}",
		"too long":    many(" ", 2<<20),
		"bytecode":    "\x1bLua",
		"locals":      many("local a ", 300),
		"unfinished":  "if x then",
		"open string": "x = [[",
		"NULs":        "\x00\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			_, err := runtime.Compile("hostile.lua", src)
			var e *runtime.Error
			if !errors.As(err, &e) || e.Source != "hostile.lua" || e.Line < 1 {
				t.Errorf("got %v, want an *Error with a position", err)
			}
			if took := time.Since(start); took > time.Minute {
				t.Errorf("took %v", took)
			}
		})
	}
}

func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(runtime.FormatNumber(float64(i) + 0.5))
		b.WriteByte(',')
	}
	return b.String()
}

func TestIncomplete(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]bool{
		"if x then":         true,
		"f(":                true,
		"x = [[abc":         true,
		"function f()":      true,
		"local t = {1, 2,":  true,
		"x = ":              true,
		"--[[ open comment": true,
		"x = = 1":           false,
		"end":               false,
		"f(]":               false,
	} {
		_, err := runtime.Compile("x", src)
		if err == nil || errors.Is(err, runtime.ErrIncomplete) != want {
			t.Errorf("%q: got %v, want incomplete %v", src, err, want)
		}
	}
}

// gopher-lua's own traceback has a line for every tail call ever made: 16
// bytes each, and a million of them took 60 MB to report. Not parallel, so
// that nothing else allocates.
func TestTailCallsCostNothingInTheEnd(t *testing.T) {
	rt := open(t, tasksConfig())
	for name, src := range map[string]string{
		"raised": `local function f(n) if n == 0 then error("end") end return f(n - 1) end f(1e6)`,
		"object": `local function f(n) if n == 0 then error({}) end return f(n - 1) end f(1e6)`,
		"caught": `local function f(n) if n == 0 then error("end") end return f(n - 1) end pcall(f, 1e6) error("end")`,
		"depth":  `local function f(n) if n == 0 then f(0) return 1 end return f(n - 1) end f(1e6)`,
		"task": `local hud = require "tasks"
			local function f(n) if n == 0 then error("end") end return f(n - 1) end
			hud.spawn(f, 1e6):wait()`,
		"yielding": `local function f(n) if n == 0 then coroutine.yield() return 1 end return f(n - 1) end
			local co = coroutine.wrap(function() f(1e6) error("end") end)
			co() co()`,
	} {
		var before, after goruntime.MemStats
		goruntime.ReadMemStats(&before)
		_, err := mustRun(t, rt, context.Background(), src)
		goruntime.ReadMemStats(&after)
		var e *runtime.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: got %v, want an error", name, err)
		} else if n := strings.Count(e.Traceback, "\n"); n > 24 {
			t.Errorf("%s: got a traceback of %d lines", name, n)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
			t.Errorf("%s: allocated %d bytes, want at most 16 MiB", name, used)
		}
	}
}

// Each of these took gopher-lua's compiler, which cannot be stopped, between
// one and six seconds, or half a gigabyte.
func TestSourceThatIsSlowToCompileIsRefused(t *testing.T) {
	t.Parallel()
	numbered := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(format, "#", strconv.Itoa(i)))
		}
		return b.String()
	}
	for _, c := range []struct{ name, src, want string }{
		{"labels", numbered(20_000, "::l#:: "), "more than 10000 labels and gotos"},
		{"gotos", numbered(20_000, "goto l#  ::l#:: "), "more than 10000 labels and gotos"},
		{"uses of constants", numbered(9_000, "x=# ") + strings.Repeat("x=8999 ", 100_000), "too many constants and uses of them"},
		{"functions", strings.Repeat("f=function() end ", 20_000), "more than 10000 functions"},
	} {
		_, err := runtime.Compile("slow.lua", c.src)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	for _, src := range []string{numbered(4_000, "goto l# ::l#:: "), numbered(9_000, "x=# "), strings.Repeat("f=function() end ", 9_000)} {
		if _, err := runtime.Compile("fine.lua", src); err != nil {
			t.Error(err)
		}
	}
}

// A store on a thread that a host function made itself is checked, too.
func TestStoresOnThreadsOfHostFunctions(t *testing.T) {
	t.Parallel()
	cfg := runtime.Config{Modules: []runtime.Module{{Name: "aside", Open: func(vm *runtime.VM) (lua.LValue, error) {
		return vm.NewFunction(func(L *lua.LState) int {
			th, cancel := L.NewThread()
			defer cancel()
			th.Push(L.Get(1))
			var raised *lua.ApiError
			if errors.As(th.PCall(0, 0, nil), &raised) {
				L.Error(raised.Object, 0)
			}
			return 0
		}), nil
	}}}}
	_, _, err := run(t, cfg, `require "aside"(function() local t, k = {}, 5e7 t[k] = 1 end)`)
	if want := "table size"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want an error with %q", err, want)
	}
}

// A table limit holds however low it is, in each VM its own.
func TestSmallTables(t *testing.T) {
	t.Parallel()
	small, large := open(t, runtime.Config{Limits: runtime.Limits{TableSize: 10}}), open(t, runtime.Config{})
	for _, src := range []string{
		`local t = {} for i = 1, 11 do t[i] = i end`, `local t = {} for i = 1, 11 do t[#t + 1] = i end`,
		`local t = {} for i = 1, 11 do table.insert(t, i) end`, `local t = {} for i = 1, 11 do rawset(t, i, i) end`,
	} {
		if _, err := mustRun(t, large, t.Context(), src); err != nil {
			t.Errorf("%s: got %v without a limit", src, err)
		}
		_, err := mustRun(t, small, t.Context(), src)
		if !errors.Is(err, runtime.ErrSize) || !strings.Contains(err.Error(), "used 11 of 10") {
			t.Errorf("%s: got %v, want table size: used 11 of 10", src, err)
		}
	}
	if _, err := mustRun(t, small, t.Context(), `local t = {} for i = 1, 10 do t[i] = i end t[2^60], t[-1], t.x = 1, 2, 3`); err != nil {
		t.Error(err)
	}
}
