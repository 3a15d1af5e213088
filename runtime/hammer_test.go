package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/internal/testkit"
	"github.com/hudrl/hudrl/runtime"
)

// hammerSeed fixes what every goroutine of TestHammer does, though not
// when.
const hammerSeed = 20250607

// errPlanned is raised by scripts that are meant to fail.
var errPlanned = errors.New("as planned")

// hammerWorld is a guest value that all Runtimes share.
type hammerWorld struct {
	mu    sync.Mutex
	steps int
	kept  *runtime.Func
}

func (w *hammerWorld) Step(by int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.steps += by
	return w.steps
}

func (w *hammerWorld) Fail() error { return errPlanned }

// Rest waits, and lets other tasks run meanwhile.
func (w *hammerWorld) Rest(ctx context.Context, microseconds int) error {
	timer := time.NewTimer(time.Duration(microseconds) * time.Microsecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Keep takes a function of a script, which other goroutines call.
func (w *hammerWorld) Keep(fn *runtime.Func) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept = fn
}

func (w *hammerWorld) Kept() *runtime.Func {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.kept
}

// hammered is what the goroutines share: places for Runtimes and a pool, which
// some of them replace.
type hammered struct {
	t            *testing.T
	world        *hammerWorld
	mu           sync.Mutex
	runtimes     [3]*runtime.Runtime
	pool         *runtime.Pool
	opened, shut atomic.Int64 // VMs
	count        sync.Map     // of outcomes
	interruption error
	work, pooled *runtime.Chunk
	good, bad    []*runtime.Chunk
}

// module gives scripts functions that wait, call back, spawn, fail and enter
// their own Runtime again.
func (h *hammered) module(self func() *runtime.Runtime) runtime.Module {
	return runtime.Module{Name: "host", Open: func(vm *runtime.VM) (lua.LValue, error) {
		h.opened.Add(1)
		vm.OnClose(func() { h.shut.Add(1) })
		t := vm.NewTable(0, 8)
		for name, fn := range map[string]lua.LGFunction{
			"wait": func(L *lua.LState) int { // as long as it says, or until the task is stopped
				ctx, d := vm.Context(L), time.Duration(L.CheckInt(1))*time.Microsecond
				if err := vm.Wait(L, func() {
					timer := time.NewTimer(d)
					defer timer.Stop()
					select {
					case <-timer.C:
					case <-ctx.Done():
					}
				}); err != nil {
					vm.Raise(L, err)
				}
				return 0
			},
			"call": func(L *lua.LState) int {
				out, err := vm.Call(L, L.Get(1), lua.LNumber(1))
				if err != nil {
					vm.Raise(L, err)
				}
				L.Push(lua.LNumber(len(out)))
				return 1
			},
			"spawn": func(L *lua.LState) int {
				fn := L.Get(1)
				task, err := vm.Spawn(L, "host", func(L *lua.LState) error {
					_, err := vm.Call(L, fn)
					return err
				})
				if err == nil {
					err = task.Wait(L)
				}
				if err != nil {
					vm.Raise(L, err)
				}
				return 0
			},
			"panic": func(*lua.LState) int { panic("a bug that is meant") },
			"enter": func(L *lua.LState) int {
				_, err := self().Eval(context.Background(), "1")
				if !errors.Is(err, runtime.ErrBusy) && !errors.Is(err, runtime.ErrClosed) {
					h.t.Errorf("a call from inside a host function: got %v, want ErrBusy", err)
				}
				return 0
			},
		} {
			t.RawSetString(name, vm.NewFunction(fn))
		}
		return t, nil
	}}
}

func (h *hammered) config(self func() *runtime.Runtime) runtime.Config {
	cfg := tasksConfig()
	cfg.Modules = append(cfg.Modules, h.module(self))
	cfg.Limits = runtime.Limits{Tasks: 200, Coroutines: 500, StringBytes: 1 << 20}
	out := &lineCounter{}
	cfg.Seed, cfg.Stdout, cfg.Stderr = hammerSeed, out, out
	return cfg
}

// open makes a Runtime whose script is version 1.
func (h *hammered) open() *runtime.Runtime {
	var rt *runtime.Runtime
	rt, err := runtime.New(h.config(func() *runtime.Runtime { return rt }))
	if err == nil {
		err = rt.Set("world", h.world, "Step", "Fail", "Rest", "Keep")
	}
	if err == nil {
		_, err = rt.Run(context.Background(), h.good[0])
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return rt
}

const hammerWork = withTasks + `
	local host = require "host"
	local seed = ...
	local shared = 0
	local co = coroutine.wrap(function() while true do shared = shared + 1 coroutine.yield(shared) end end)
	local lazy = coroutine.create(function() host.wait(100) coroutine.yield() hud.sleep(0.0002) end)
	local tasks = {}
	for i = 1, 8 do
		tasks[i] = hud.spawn(function()
			for j = 1, 2 do
				pcall(co)
				pcall(coroutine.resume, lazy)
				pcall(hud.timeout, 0.0003, function() host.wait(100 * j) end)
				hud.map({1, 2, 3}, function(x) return x .. math.random(10) end, {concurrency = 1 + (seed + i) % 3})
				host.call(function() host.wait(20) return 1, 2 end)
				pcall(host.spawn, function() if j == 2 then error({code = i}) end end)
				if not pcall(host.panic) then shared = shared + 1 end
				pcall(function() return world:step(1), world:fail() end)
				host.enter()
				pcall(world.rest, world, 30)
				world:keep(function() return seed, i end)
				print(i, j)
				pcall(hud.gather, {function() host.wait(10) end, function() if (seed + j) % 2 == 0 then error("one fails", 0) end end, tasks[(i + j) % 8 + 1]})
				local ok = pcall(string.rep, "x", 1e9)
				if (seed + i) % 4 == 0 then tasks[(i + j) % 8 + 1]:cancel() end
			end
			return i
		end)
	end
	local n = 0
	for i = 1, 8 do if pcall(tasks[i].wait, tasks[i]) then n = n + 1 end end
	return n`

// lineCounter is not safe for several goroutines: a Runtime with its versions,
// or a Pool, has one.
type lineCounter struct{ lines int }

func (c *lineCounter) Write(b []byte) (int, error) {
	c.lines += strings.Count(string(b), "\n")
	return len(b), nil
}

// do is one thing that a goroutine does.
func (h *hammered) do(r *rand.Rand) (what string, err error) {
	h.mu.Lock()
	at := r.IntN(len(h.runtimes))
	rt, pool := h.runtimes[at], h.pool
	h.mu.Unlock()

	ctx := context.Background()
	if r.IntN(3) == 0 {
		c, cancel := context.WithCancelCause(ctx)
		timer := time.AfterFunc(time.Duration(r.IntN(3000))*time.Microsecond, func() { cancel(errPlanned) })
		defer timer.Stop()
		defer cancel(nil)
		ctx = c
	} else if r.IntN(3) == 0 {
		c, cancel := context.WithTimeout(ctx, time.Duration(r.IntN(3000))*time.Microsecond)
		defer cancel()
		ctx = c
	}
	if r.IntN(4) == 0 {
		var printed strings.Builder
		ctx = runtime.WithStdout(ctx, &printed)
	}
	switch n := r.IntN(45); {
	case n >= 43:
		return "Pool.Set", pool.Set(ctx, "extra", r.IntN(10))
	case n >= 40:
		if fn := h.world.Kept(); fn != nil { // of this Runtime, of another, or of one that is no more
			_, err := rt.Call(ctx, fn)
			return "Call", err
		}
		return "Call", nil
	case n < 12:
		out, err := rt.Run(ctx, h.work, r.IntN(12))
		if err == nil && (out[0].(float64) < 0 || out[0].(float64) > 8) {
			h.t.Errorf("Run: got %v", out)
		}
		return "Run", err
	case n < 18:
		fn, err := rt.Func("both")
		if err != nil {
			return "Func", err
		}
		out, err := rt.Call(ctx, fn)
		if err == nil && out[0] != out[1] {
			h.t.Errorf("one call saw versions %v and %v", out[0], out[1])
		}
		return "Call", err
	case n < 21:
		_, err := rt.Eval(ctx, "local t = {} for i = 1, 500 do t[i] = i .. '' end return #table.concat(t)")
		return "Eval", err
	case n < 23:
		_, err := rt.Display(ctx, "{1, 2, world and world:step(1)}")
		return "Display", err
	case n < 26:
		rt.Interrupt(h.interruption)
		return "Interrupt", nil
	case n < 30:
		return "Reload", rt.Reload(ctx, h.good[r.IntN(len(h.good))])
	case n < 32:
		err := rt.Reload(ctx, h.bad[r.IntN(len(h.bad))])
		if err == nil {
			h.t.Error("a bad Reload succeeded")
		}
		return "Reload", err
	case n < 34:
		return "Set", rt.Set("extra", map[string]any{"xs": []int{1, 2}, "n": r.IntN(10)})
	case n < 38:
		run := pool.Run
		if n == 37 {
			run = pool.RunFresh
		}
		out, err := run(ctx, h.pooled, r.IntN(12))
		if err == nil && fmt.Sprint(out) != "[210 xxx]" {
			h.t.Errorf("pool: got %v", out)
		}
		return "Pool.Run", err
	case n < 39:
		fresh := h.open()
		h.mu.Lock()
		old := h.runtimes[at]
		h.runtimes[at] = fresh
		h.mu.Unlock()
		return "Close", old.Close()
	}
	fresh, err := runtime.NewPool(h.config(func() *runtime.Runtime { return nil }), 2)
	if err != nil {
		return "NewPool", err
	}
	h.mu.Lock()
	old := h.pool
	h.pool = fresh
	h.mu.Unlock()
	return "Pool.Close", old.Close()
}

// outcome names an error, "" where it is none that may come.
func (h *hammered) outcome(what string, err error) string {
	text := fmt.Sprint(err)
	switch {
	case err == nil:
		return "done"
	case errors.Is(err, runtime.ErrHostBug):
		return ""
	case errors.Is(err, runtime.ErrBusy):
		return "busy"
	case errors.Is(err, runtime.ErrClosed):
		return "closed"
	case errors.Is(err, h.interruption):
		return "interrupted"
	case errors.Is(err, errPlanned), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "cancelled"
	case what == "Reload" && (strings.Contains(text, "another Reload came first") || strings.Contains(text, "this version is bad")):
		return "refused"
	case what == "Call" && (strings.Contains(text, "Reload has replaced the function") || strings.Contains(text, "belongs to another Runtime")):
		return "refused"
	}
	return ""
}

// Everything that may be done to Runtimes and pools is done at once, at random
// moments. Each error is one that has its reason, each call sees one version of
// the script, and at the end nothing is left over: what lives runs a clean
// script, every VM has been closed once, and no goroutine remains.
func TestHammer(t *testing.T) {
	testkit.NoLeaks(t)
	h := &hammered{t: t, world: &hammerWorld{}, interruption: errors.New("hammered")}
	chunk := func(src string) *runtime.Chunk { return compile(t, src) }
	h.work = chunk(hammerWork)
	h.pooled = chunk(`local function sum(n) if n == 0 then return 0 end return n + sum(n - 1) end
		local co = coroutine.wrap(function() coroutine.yield(sum(20)) end)
		return co(), ("x"):rep(3)`)
	for v := range 4 {
		h.good = append(h.good, chunk(fmt.Sprintf(`local hud, host = require "tasks", require "host"
			x = %d
			world:keep(function() return x end)
			hud.map({1, 2}, function() world:rest(50) end)
			for i = 1, 3 do print("version", x) end
			function both() local a = x host.wait(20) return a, %d end`, v, v)))
	}
	h.bad = []*runtime.Chunk{
		chunk(`x = -1 error("this version is bad")`),
		chunk(`x = -1 require("host").wait(200) error("this version is bad")`),
		chunk(withTasks + `x = -1 hud.spawn(function() error("this version is bad") end):wait()`),
	}
	for i := range h.runtimes {
		h.runtimes[i] = h.open()
	}
	var err error
	if h.pool, err = runtime.NewPool(h.config(func() *runtime.Runtime { return nil }), 2); err != nil {
		t.Fatal(err)
	}

	random := make([]*rand.Rand, 6)
	for g := range random {
		random[g] = rand.New(rand.NewPCG(hammerSeed, uint64(g)))
	}
	testkit.Hammer(t, len(random), 400, func(g, i int) {
		what, err := h.do(random[g])
		outcome := h.outcome(what, err)
		if outcome == "" {
			t.Errorf("%s: got %v", what, err)
		}
		n, _ := h.count.LoadOrStore(what+" "+outcome, new(atomic.Int64))
		n.(*atomic.Int64).Add(1)
	})

	clean := compile(t, cleanScript)
	for _, rt := range h.runtimes {
		if err := rt.CheckIdle(); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		out, err := rt.Run(context.Background(), clean)
		if err != nil || fmt.Sprint(out) != "[53 50xxx 210 7 X xx]" {
			t.Errorf("a clean script afterwards: got %v, %v", out, err)
		}
		out, err = rt.Eval(context.Background(), "both()")
		if err != nil || out[0] != out[1] {
			t.Errorf("both: got %v, %v", out, err)
		}
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
	}
	if out, err := h.pool.Run(context.Background(), clean); err != nil || len(out) != 5 {
		t.Errorf("the pool afterwards: got %v, %v", out, err)
	}
	if err := h.pool.Close(); err != nil {
		t.Error(err)
	}
	if opened, shut := h.opened.Load(), h.shut.Load(); opened != shut {
		t.Errorf("%d VMs were opened, %d closed", opened, shut)
	}
	var outcomes []string
	h.count.Range(func(k, n any) bool {
		outcomes = append(outcomes, fmt.Sprintf("%v %d", k, n.(*atomic.Int64).Load()))
		return true
	})
	t.Log(strings.Join(outcomes, ", "))
}
