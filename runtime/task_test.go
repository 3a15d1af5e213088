package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/internal/testkit"
	"github.com/hudrl/hudrl/runtime"
)

var taskModule = runtime.Module{Name: "tasks", Open: func(vm *runtime.VM) (lua.LValue, error) {
	t := vm.NewTable(0, 8)
	for name, fn := range runtime.TaskFunctions(vm) {
		t.RawSetString(name, vm.NewFunction(fn))
	}
	return t, nil
}}

const withTasks = `local hud = require "tasks" `

func TestTasks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, src, want string }{
		{"results", `local t = hud.spawn(function(a, b) return a + b, "x" end, 1, 2) return t:wait()`, "[3 x]"},
		{"wait twice", `local t = hud.spawn(function() return 1 end) t:wait() return t:wait()`, "[1]"},
		{"gather", `return hud.gather{function() hud.sleep(0.002) return 1 end, function() return 2 end, hud.spawn(function() return 3 end)}`, "[[1 2 3]]"},
		{"gather nothing", `return hud.gather{}`, "[[]]"},
		{"map", `return hud.map({5, 6, 7}, function(x, i) hud.sleep((4 - i) / 1000) return x * i end)`, "[[5 12 21]]"},
		{"map narrow", `local now, most = 0, 0
			hud.map({1, 2, 3, 4, 5}, function() now = now + 1 most = math.max(most, now) hud.sleep(0.001) now = now - 1 end, {concurrency = 2})
			return most`, "[2]"},
		{"map nothing", `return hud.map({}, print)`, "[[]]"},
		{"order of starting", `local s = "" for i = 1, 9 do hud.spawn(function() s = s .. i end) end hud.sleep(0.005) return s`, "[123456789]"},
		{"inside pcall, coroutine, metamethod, sort", `
			local log = {}
			local function work(n) hud.sleep(0.001) log[#log + 1] = n end
			hud.gather{
				function() pcall(work, 1) end,
				function() coroutine.wrap(work)(2) end,
				function() local t = setmetatable({}, {__index = function() work(3) return 1 end}) return t.x end,
				function() table.sort({2, 1}, function(a, b) work(4) return a < b end) end,
				function() ("x"):gsub(".", function() work(5) end) end,
			}
			table.sort(log) return table.concat(log)`, "[12345]"},
		{"error reaches the waiter", `local t = hud.spawn(error, "boom") local ok, e = pcall(t.wait, t) return ok, tostring(e)`, "[false boom]"},
		{"gather stops the others", `local late = false
			local ok, e = pcall(hud.gather, {function() hud.sleep(0.001) error("first", 0) end, function() hud.sleep(10) late = true end})
			return ok, e, late`, "[false first false]"},
		{"cancel", `local t = hud.spawn(function() hud.sleep(10) end) t:cancel() local ok, e = pcall(t.wait, t) return ok, e.code`, "[false canceled]"},
		{"cancel cannot be caught", `local t = hud.spawn(function() while true do pcall(hud.sleep, 10) end end) t:cancel() return (pcall(t.wait, t))`, "[false]"},
		{"timeout passes results", `return hud.timeout(10, function(a) return a, 2 end, 1)`, "[1 2]"},
		{"timeout", `local ok, e = pcall(hud.timeout, 0.005, function() hud.sleep(10) end) return ok, e.code, tostring(e)`, "[false timeout timeout: it took longer than 5ms]"},
		{"timeout of a loop", `local ok, e = pcall(hud.timeout, 0.005, function() while true do pcall(hud.sleep, 1) end end) return ok, e.code`, "[false timeout]"},
		{"nested timeouts", `local ok, e = pcall(hud.timeout, 0.005, function() return hud.timeout(10, function() hud.sleep(10) end) end) return e.message`, "[timeout: it took longer than 5ms]"},
		{"inner timeout", `return hud.timeout(10, function() local ok, e = pcall(hud.timeout, 0.005, hud.sleep, 10) return e.message, 7 end)`, "[timeout: it took longer than 5ms 7]"},
		{"timeout reaches children", `local t = nil
			pcall(hud.timeout, 0.005, function() t = hud.spawn(function() hud.sleep(10) end) t:wait() end)
			local ok, e = pcall(t.wait, t) return ok, e.code`, "[false timeout]"},
		{"deadlock", `local a, b
			a = hud.spawn(function() hud.sleep(0.001) b:wait() end)
			b = hud.spawn(function() hud.sleep(0.001) a:wait() end)
			local ok, e = pcall(a.wait, a) return ok, (e.message:gsub("test.lua:%d+", "L"))`, "[false wait: deadlock: tasks wait for each other: L, L, L]"},
		{"waiting for itself", `local t t = hud.spawn(function() t:wait() end) local ok, e = pcall(t.wait, t) return e.message:match("deadlock")`, "[deadlock]"},
		{"tostring", `local t = hud.spawn(function() end) local a = tostring(t) t:wait() return a, tostring(t)`, "[task test.lua:1 (running) task test.lua:1 (finished)]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rt := open(t, tasksConfig())
			out, err := mustRun(t, rt, context.Background(), withTasks+c.src)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(out); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestTaskMisuse(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		`hud.spawn(1)`:                                 "spawn: fn: got number, want function",
		`hud.gather(1)`:                                "gather: list: got number, want table of functions and tasks",
		`hud.gather{1}`:                                "gather: item 1: got number, want function or task",
		`hud.map(1)`:                                   "map: list: got number, want table",
		`hud.map({}, 1)`:                               "map: fn: got number, want function",
		`hud.map({}, print, {concurency = 1})`:         `map: unknown option "concurency" (map takes concurrency)`,
		`hud.map({}, print, {concurrency = 0})`:        "map: concurrency: got 0, want a whole number of at least 1",
		`hud.sleep("x")`:                               `sleep: seconds: got "x", want a number of at least 0`,
		`hud.sleep(0/0)`:                               "sleep: seconds: got nan, want a number of at least 0",
		`hud.sleep(-1)`:                                "sleep: seconds: got -1, want a number of at least 0",
		`hud.timeout(1)`:                               "timeout: fn: got nil, want function",
		`hud.spawn(print).wait()`:                      "wait: self: got nil, want task (call it with a colon: task:wait())",
		`return hud.spawn(print).foo`:                  `task: no such method "foo": a task has wait and cancel`,
		`for i = 1, 20 do hud.spawn(hud.sleep, 1) end`: "unfinished tasks: used 11 of 10",
	} {
		cfg := tasksConfig()
		cfg.Limits.Tasks = 10
		rt := open(t, cfg)
		_, err := mustRun(t, rt, context.Background(), withTasks+src)
		var e *runtime.Error
		if !errors.As(err, &e) || e.Message != want {
			t.Errorf("%s: got %v, want %q", src, err, want)
		}
	}
}

func TestUnfinishedTasksEndWithTheMainChunk(t *testing.T) {
	testkit.NoLeaks(t)
	rt := open(t, tasksConfig())
	start := time.Now()
	out, err := mustRun(t, rt, context.Background(), withTasks+`
		for i = 1, 50 do hud.spawn(function() hud.sleep(100) end) end
		for i = 1, 5 do hud.spawn(function() while true do hud.sleep(0) end end) end
		hud.sleep(0.002)
		return 1`)
	if err != nil || out[0] != 1.0 || time.Since(start) > time.Minute {
		t.Errorf("got %v, %v after %v", out, err, time.Since(start))
	}
	rt.Close()
}

func TestUnobservedErrorsAreJoined(t *testing.T) {
	t.Parallel()
	rt := open(t, tasksConfig())
	_, err := mustRun(t, rt, context.Background(), withTasks+`
		hud.spawn(function() error("lost one") end)
		hud.spawn(function() error("lost two") end)
		local seen = hud.spawn(function() error("seen") end)
		pcall(seen.wait, seen)
		local stopped = hud.spawn(function() hud.sleep(10) end)
		stopped:cancel()
		hud.sleep(0.002)
		error("mine")`)
	text := fmt.Sprint(err)
	for _, want := range []string{"test.lua:9: mine", "lost one", "lost two"} {
		if !strings.Contains(text, want) {
			t.Errorf("got %q, want it to contain %q", text, want)
		}
	}
	if strings.Contains(text, "seen") || strings.Contains(text, "cancelled") {
		t.Errorf("got %q: an observed error came back", text)
	}
}

// Four tasks that resume one sleeping coroutine corrupt gopher-lua's registry
// without the guard.
func TestResumeGuard(t *testing.T) {
	t.Parallel()
	rt := open(t, tasksConfig())
	out, err := mustRun(t, rt, context.Background(), withTasks+`
		local co = coroutine.create(function() hud.sleep(0.02) return "done" end)
		local clear, done = 0, 0
		hud.map({1, 2, 3, 4, 5, 6, 7, 8}, function()
			for i = 1, 20 do
				local ok, e = coroutine.resume(co)
				if ok then done = done + 1
				elseif tostring(e):find("that task .* is running") then clear = clear + 1
				elseif not tostring(e):find("dead coroutine") then error(e, 0) end
				hud.sleep(0)
			end
		end)
		local again = coroutine.wrap(function() again() end)
		return done, clear > 0, coroutine.status(co)`)
	if err != nil || fmt.Sprint(out) != "[1 true dead]" {
		t.Errorf("got %v, %v", out, err)
	}
}

func TestCoroutines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, src, want string }{
		{"generator", `local f = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) return f(), f(), f()`, "[1 2 3]"},
		{"values both ways", `local co = coroutine.create(function(...) local a, b = coroutine.yield(select("#", ...)) return a + b end)
			local _, n = coroutine.resume(co, 1, nil, 3) local _, s = coroutine.resume(co, 4, 5) return n, s, coroutine.status(co)`, "[3 9 dead]"},
		{"error", `local co = coroutine.create(function() error({code = 7}) end) local ok, e = coroutine.resume(co) return ok, e.code, coroutine.status(co)`, "[false 7 dead]"},
		{"error object", `local co = coroutine.create(function() string.rep() end) local ok, e = coroutine.resume(co) return ok, e.code`, "[false validation]"},
		{"wrap rethrows", `local f = coroutine.wrap(function() error("x", 0) end) local ok, e = pcall(f) return ok, e`, "[false x]"},
		{"dead", `local co = coroutine.create(function() end) coroutine.resume(co) local ok, e = coroutine.resume(co) return ok, e.message`, "[false coroutine.resume: cannot resume a dead coroutine]"},
		{"dead wrap", `local f = coroutine.wrap(function() end) f() local ok, e = pcall(f) return ok, e.message`, "[false coroutine.wrap: cannot resume a dead coroutine]"},
		{"itself", `local co co = coroutine.create(function() return coroutine.resume(co) end) local _, ok, e = coroutine.resume(co) return ok, e.message`, "[false coroutine.resume: cannot resume a running coroutine]"},
		{"its resumer", `local a, b a = coroutine.create(function() return coroutine.resume(b) end) b = coroutine.create(function() return coroutine.resume(a) end)
			local _, _, ok, e = coroutine.resume(a) return ok, e.message`, "[false coroutine.resume: cannot resume a coroutine that is resuming another one]"},
		{"yield outside", `local ok, e = pcall(coroutine.yield, 1) return ok, e.message`, "[false coroutine.yield: not inside a coroutine]"},
		{"yield across pcall", `local f = coroutine.wrap(function() local ok, e = pcall(coroutine.yield) return ok, e.message:match("across") end) return f()`, "[false across]"},
		{"yield across a Lua function in pcall", `local f = coroutine.wrap(function() local ok, e = pcall(function() coroutine.yield() end) return ok, e.message:match("across") end) return f()`, "[false across]"},
		{"yield across a metamethod", `local t = setmetatable({}, {__index = function() coroutine.yield() end})
			local f = coroutine.wrap(function() local ok, e = pcall(function() return t.x end) return ok, e.message:match("across") end) return f()`, "[false across]"},
		{"yield across a metamethod, bare", `local t = setmetatable({}, {__add = function() coroutine.yield() end})
			local co = coroutine.create(function() return t + 1 end) local ok, e = coroutine.resume(co) return ok, e.message:match("across")`, "[false across]"},
		{"yield across sort", `local co = coroutine.create(function() table.sort({2, 1}, function() coroutine.yield() end) end) local ok, e = coroutine.resume(co) return ok, e.message:match("across")`, "[false across]"},
		{"yield in an iterator", `local co = coroutine.create(function() for _ in function() coroutine.yield() end do end end) local ok, e = coroutine.resume(co) return ok, e.message:match("across")`, "[false across]"},
		{"yield deep", `local function rec(n) if n == 0 then return coroutine.yield("deep") end local r = rec(n - 1) return r end
			local f = coroutine.wrap(rec) return f(100), f("back")`, "[deep back]"},
		{"yield in a tail call", `local f = coroutine.wrap(function() return coroutine.yield(1) end) return f(), f(2)`, "[1 2]"},
		{"missing values are nil", `local f = coroutine.wrap(function() local a, b, c = coroutine.yield() return tostring(a), tostring(b), tostring(c) end) f() return f(1)`, "[1 nil nil]"},
		{"surplus values are dropped", `local f = coroutine.wrap(function() local a = coroutine.yield() local b = 5 return a, b end) f() return f(1, 2, 3)`, "[1 5]"},
		{"yield as a statement", `local f = coroutine.wrap(function() local x = 7 coroutine.yield() coroutine.yield() return x end) f() f(1, 2) return f(3)`, "[7]"},
		{"yield many", `local f = coroutine.wrap(function() return select("#", coroutine.yield()) end) f() return f(1, nil, nil)`, "[3]"},
		{"yield of an alias in a tail call", `local y = coroutine.yield local co = coroutine.create(function() return y(1) end) local ok, e = coroutine.resume(co) return ok, e.message:match("across")`, "[false across]"},
		{"running", `return coroutine.running(), coroutine.wrap(function() return type(coroutine.running()) end)()`, "[<nil> thread]"},
		{"status", `local a a = coroutine.create(function() local b = coroutine.create(function() return coroutine.status(a) end) local _, s = coroutine.resume(b) return s, coroutine.status(a) end)
			local before = coroutine.status(a) local _, s, r = coroutine.resume(a) return before, s, r`, "[suspended normal running]"},
		{"built-in", `local ok, e = pcall(coroutine.create, print) return e.message`, "[coroutine.create: function: got a built-in function, want a Lua function]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rt := open(t, runtime.Config{})
			out, err := mustRun(t, rt, context.Background(), c.src)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(out); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// A coroutine outlives the call that made it, and obeys the next one's limits.
func TestCoroutineOutlivesItsCall(t *testing.T) {
	t.Parallel()
	rt := open(t, runtime.Config{Limits: runtime.Limits{Steps: 100_000}})
	ctx := context.Background()
	if _, err := mustRun(t, rt, ctx, `f = coroutine.wrap(function() coroutine.yield(1) while true do end end) return f()`); err != nil {
		t.Fatal(err)
	}
	if _, err := mustRun(t, rt, ctx, `return f()`); !errors.Is(err, runtime.ErrSteps) {
		t.Errorf("got %v, want ErrSteps", err)
	}
}

// Random numbers depend on the seed and on a task's place, never on timing.
func TestRandomStreams(t *testing.T) {
	t.Parallel()
	const src = withTasks + `
		local out = hud.map({1, 2, 3, 4}, function(_, i) hud.sleep(math.random() / 500) return math.random(1, 1e9) .. "" end, {concurrency = %d})
		out[#out + 1] = math.random(1, 1e9) .. ""
		return table.concat(out, " ")`
	draw := func(seed int64, width int) string {
		cfg := tasksConfig()
		cfg.Seed = seed
		out, err := mustRun(t, open(t, cfg), context.Background(), fmt.Sprintf(src, width))
		if err != nil {
			t.Fatal(err)
		}
		return out[0].(string)
	}
	one := draw(1, 4)
	if again := draw(1, 1); again != one {
		t.Errorf("got %s with one task at a time, %s with four", again, one)
	}
	if other := draw(2, 4); other == one {
		t.Errorf("seeds 1 and 2 both gave %s", one)
	}
	seen := map[string]bool{}
	for _, n := range strings.Fields(one) {
		if seen[n] {
			t.Errorf("two tasks drew %s", n)
		}
		seen[n] = true
	}
}

// The stream of the main chunk goes on from one call to the next, and so do
// those of the tasks it spawns.
func TestRandomStreamsGoOn(t *testing.T) {
	t.Parallel()
	draw := func(rt *runtime.Runtime) string {
		out, err := mustRun(t, rt, context.Background(), withTasks+`return math.random(1e9), hud.spawn(math.random, 1e9):wait()`)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(out)
	}
	a, b := open(t, tasksConfig()), open(t, tasksConfig())
	first, second := draw(a), draw(a)
	if first == second {
		t.Errorf("two calls both drew %s", first)
	}
	if f, s := draw(b), draw(b); f != first || s != second {
		t.Errorf("another Runtime of the same seed drew %s and %s, want %s and %s", f, s, first, second)
	}
}

// Tasks that all want to go on do so about equally often, at every measurement
// within a fifth of each other: four times as often would be unfair.
func TestTasksTakeTurns(t *testing.T) {
	t.Parallel()
	_, out, err := run(t, tasksConfig(), withTasks+`
		local turns, total, tasks = {}, 0, {}
		for i = 1, 20 do
			turns[i] = 0
			tasks[i] = function()
				while total < 30000 do
					turns[i], total = turns[i] + 1, total + 1
					hud.sleep(0)
				end
			end
		end
		hud.gather(tasks)
		table.sort(turns)
		return turns[1], turns[#turns]`)
	if err != nil {
		t.Fatal(err)
	}
	if least, most := out[0].(float64), out[1].(float64); 4*least < most {
		t.Errorf("one task had %v turns, another %v", most, least)
	}
}
