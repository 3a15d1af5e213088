package runtime_test

import (
	"context"
	"math"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/runtime"
)

// protections are pieces of script whose cost under this host is compared with
// that under gopher-lua alone. Each does its work n times, n being "...".
var protections = []struct{ name, src string }{
	{"loop", `local s = 0 for i = 1, ... do s = s + i * 0.5 end`},
	{"mod", `local s = 0 for i = 1, ... do s = s + i % 7 end`},
	{"while", `local i, n = 0, ... while i < n do i = i + 1 end`},
	{"array read", `local t, s = {}, 0 for i = 1, 100 do t[i] = i end for i = 1, ... do s = s + t[i % 100 + 1] end`},
	{"array write", `local t = {} for i = 1, 100 do t[i] = i end for i = 1, ... do t[i % 100 + 1] = i end`},
	{"array fill", `local t = {} for i = 1, ... do t[i] = true end`},
	{"append", `local t = {} for i = 1, ... do t[#t + 1] = i end`},
	{"insert", `local t, insert = {}, table.insert for i = 1, ... do insert(t, i) end`},
	{"field read", `local t, s = {x = 1}, 0 for i = 1, ... do s = s + t.x end`},
	{"field write", `local t = {x = 0} for i = 1, ... do t.x = i end`},
	{"hash read", `local t, k, s = {alpha = 1, beta = 2}, {"alpha", "beta"}, 0 local a, b = k[1], k[2] for i = 1, ... do s = s + t[a] + t[b] end`},
	{"hash write", `local t, k = {}, {"alpha", "beta"} local a, b = k[1], k[2] for i = 1, ... do t[a] = i t[b] = i end`},
	{"swap", `local t = {1, 2} for i = 1, ... do t[1], t[2] = t[2], t[1] end`},
	{"swap computed", `local t = {1, 2, 3, 4} for i = 1, ... do local j = i % 3 + 1 t[j], t[j + 1] = t[j + 1], t[j] end`},
	{"swap locals", `local a, b = 1, 2 for i = 1, ... do a, b = b, a end`},
	{"constructor", `for i = 1, ... do local t = {i, i, x = i} end`},
	{"ipairs", `local t = {} for i = 1, 100 do t[i] = i end local s = 0 for i = 1, ... / 100 do for _, v in ipairs(t) do s = s + v end end`},
	{"pairs", `local t = {} for i = 1, 100 do t["k" .. i] = i end local s = 0 for i = 1, ... / 100 do for _, v in pairs(t) do s = s + v end end`},
	{"concat 2", `local a, b = "left", "right" for i = 1, ... do local s = a .. b end`},
	{"concat 5", `local a = "word" for i = 1, ... do local s = a .. " " .. a .. ", " .. a end`},
	{"concat number", `for i = 1, ... do local s = "step " .. i end`},
	{"table.concat", `local t = {} for i = 1, 100 do t[i] = "word" end for i = 1, ... / 100 do local s = table.concat(t, " ") end`},
	{"format", `local format = string.format for i = 1, ... do local s = format("%d %s %.3f", i, "x", 0.5) end`},
	{"sub", `local s = "some text" for i = 1, ... do local c = s:sub(2, 5) end`},
	{"find", `local s = "some key = value" for i = 1, ... do local a, b = s:find("(%w+) = (%w+)") end`},
	{"tostring", `for i = 1, ... do local s = tostring(i) end`},
	{"host call", `local f = host for i = 1, ... do f(i) end`},
	{"math.floor", `local floor, s = math.floor, 0 for i = 1, ... do s = s + floor(i / 2) end`},
	{"Lua call", `local function f(x) return x end local s = 0 for i = 1, ... do s = s + f(i) end`},
	{"fib", `local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end for i = 1, ... / 1000 do fib(14) end`},
	{"method", `local C = {} C.__index = C function C:get() return self.x end local o = setmetatable({x = 1}, C) for i = 1, ... do o:get() end`},
	{"closure", `for i = 1, ... do local f = function() return i end f() end`},
	{"vararg", `local function f(...) return ... end for i = 1, ... do f(i, i, i) end`},
	{"select", `for i = 1, ... do local n = select("#", i, i) end`},
	{"pcall", `local function f(x) return x end local pcall = pcall for i = 1, ... do pcall(f, i) end`},
	{"pcall error", `local function f() error("x", 0) end local pcall = pcall for i = 1, ... do pcall(f) end`},
	{"coroutine", `local y = coroutine.yield local f = coroutine.wrap(function() while true do y() end end) for i = 1, ... do f() end`},
	{"sort", `local sort, t = table.sort, {} for i = 1, ... / 1000 do for j = 1, 1000 do t[j] = j * 7919 % 1009 end sort(t) end`},
	{"sort by", `local sort, t = table.sort, {} for i = 1, ... / 1000 do for j = 1, 1000 do t[j] = j * 7919 % 1009 end sort(t, function(a, b) return a > b end) end`},
}

// BenchmarkProtections compares the time of each piece of script under
// gopher-lua alone, gopher-lua with a context, a Runtime with its default
// limits, and one with a budget of steps and wall time. The least of b.N
// rounds, in which the four take turns, counts:
//
//	go test -run '^$' -bench Protections -benchtime 20x ./runtime
func BenchmarkProtections(b *testing.B) {
	identity := func(L *lua.LState) int {
		L.SetTop(1)
		return 1
	}
	plain := func(b *testing.B, src string, ctx context.Context) func(n int) {
		L := lua.NewState()
		b.Cleanup(L.Close)
		if ctx != nil {
			L.SetContext(ctx)
		}
		L.SetGlobal("host", L.NewFunction(identity))
		fn, err := L.LoadString(src)
		if err != nil {
			b.Fatal(err)
		}
		return func(n int) {
			L.Push(fn)
			L.Push(lua.LNumber(n))
			L.Call(1, 0)
		}
	}
	ours := func(b *testing.B, src string, limits runtime.Limits) func(n int) {
		rt, err := runtime.New(runtime.Config{Limits: limits, Modules: []runtime.Module{{Name: "host", Open: func(vm *runtime.VM) (lua.LValue, error) {
			return vm.NewFunction(identity), nil
		}}}})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { rt.Close() })
		if _, err := rt.Eval(b.Context(), `host = require "host"`); err != nil {
			b.Fatal(err)
		}
		chunk, err := runtime.Compile("bench.lua", src)
		if err != nil {
			b.Fatal(err)
		}
		return func(n int) {
			if _, err := rt.Run(b.Context(), chunk, n); err != nil {
				b.Fatal(err)
			}
		}
	}
	for _, p := range protections {
		b.Run(p.name, func(b *testing.B) {
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			kinds := []struct {
				name string
				run  func(n int)
				best float64
			}{
				{name: "plain", run: plain(b, p.src, nil)},
				{name: "context", run: plain(b, p.src, ctx)},
				{name: "default", run: ours(b, p.src, runtime.Limits{})},
				{name: "budget", run: ours(b, p.src, runtime.Limits{Steps: 1 << 50, WallTime: time.Hour})},
			}
			n := 1000
			for ; n < 1e6; n *= 2 {
				start := time.Now()
				kinds[1].run(n)
				if time.Since(start) > 2*time.Millisecond {
					break
				}
			}
			for i := range kinds {
				kinds[i].best = math.Inf(1)
			}
			for range b.N {
				for i := range kinds {
					start := time.Now()
					kinds[i].run(n)
					kinds[i].best = min(kinds[i].best, float64(time.Since(start).Nanoseconds())/float64(n))
				}
			}
			b.ReportMetric(0, "ns/op")
			for _, k := range kinds {
				b.ReportMetric(k.best, k.name+"-ns")
			}
			b.ReportMetric(kinds[2].best/kinds[1].best, "x-default")
			b.ReportMetric(kinds[3].best/kinds[1].best, "x-budget")
		})
	}
}
