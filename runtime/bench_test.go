package runtime_test

import (
	"context"
	goruntime "runtime"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/runtime"
)

// Orders of magnitude on a 2-core cloud machine: an empty turn of a loop 25 ns,
// a concatenation 150 ns, a store with a computed key 50 ns, a pcall 200 ns, a
// spawn with its wait 5 µs, a new Runtime 40 µs.
func BenchmarkScript(b *testing.B) {
	for _, c := range []struct{ name, src string }{
		{"loop", `for i = 1, ... do end`},
		{"call", `local function f(x) return x end for i = 1, ... do f(i) end`},
		{"concat", `for i = 1, ... do local s = "a" .. i .. "b" end`},
		{"store", `local t = {} for i = 1, ... do t[i % 1000 + 1] = i end`},
		{"append", `local t = {} for i = 1, ... do t[#t + 1] = i if #t == 1000 then t = {} end end`},
		{"field", `local t = {} for i = 1, ... do t.x = i end`},
		{"pcall", `local f = function() end for i = 1, ... do pcall(f) end`},
		{"pcall error", `local f = function() error("x", 0) end for i = 1, ... do pcall(f) end`},
		{"coroutine", `local y = coroutine.yield local f = coroutine.wrap(function() while true do y() end end) for i = 1, ... do f() end`},
		{"spawn", `local hud, f = require "tasks", function() end for i = 1, ... do hud.spawn(f):wait() end`},
		{"match", `for i = 1, ... do local a, b = ("key = value"):match("(%w+) = (%w+)") end`},
	} {
		b.Run(c.name, func(b *testing.B) {
			rt, err := runtime.New(tasksConfig())
			if err != nil {
				b.Fatal(err)
			}
			defer rt.Close()
			chunk, err := runtime.Compile("bench.lua", c.src)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			if _, err := rt.Run(context.Background(), chunk, b.N); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		rt, err := runtime.New(runtime.Config{})
		if err != nil {
			b.Fatal(err)
		}
		rt.Close()
	}
}

// BenchmarkWaitingTasks shows what a spawned task that waits costs: Go heap and
// goroutine stacks, with ten thousand of them.
func BenchmarkWaitingTasks(b *testing.B) {
	b.Run("10000", func(b *testing.B) {
		const n = 10_000
		var held uint64
		for range b.N {
			cfg := tasksConfig()
			cfg.Modules = append(cfg.Modules, runtime.Module{Name: "held", Open: func(vm *runtime.VM) (lua.LValue, error) {
				return vm.NewFunction(func(L *lua.LState) int {
					goruntime.GC()
					var m goruntime.MemStats
					goruntime.ReadMemStats(&m)
					L.Push(lua.LNumber(m.HeapAlloc + m.StackInuse))
					return 1
				}), nil
			}})
			rt, err := runtime.New(cfg)
			if err != nil {
				b.Fatal(err)
			}
			chunk, err := runtime.Compile("tasks.lua", `local hud, held = require "tasks", require "held"
				local before = held()
				for i = 1, ... do hud.spawn(function() hud.sleep(3600) end) end
				hud.sleep(0)
				return held() - before`)
			if err != nil {
				b.Fatal(err)
			}
			out, err := rt.Run(b.Context(), chunk, n)
			if err != nil {
				b.Fatal(err)
			}
			held += uint64(out[0].(float64))
			rt.Close()
		}
		b.ReportMetric(float64(held)/float64(b.N)/n/1e3, "KB/task")
	})
}

// BenchmarkRun is what a call of Run costs that does next to nothing.
func BenchmarkRun(b *testing.B) {
	rt, err := runtime.New(runtime.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer rt.Close()
	chunk, err := runtime.Compile("run.lua", `return ...`)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rt.Run(b.Context(), chunk, 1); err != nil {
			b.Fatal(err)
		}
	}
}
