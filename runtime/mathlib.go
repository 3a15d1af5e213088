package runtime

import (
	"fmt"
	"math"

	lua "github.com/yuin/gopher-lua"
)

func (vm *VM) mathFunctions() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"random": vm.luaRandom,
		"max":    func(L *lua.LState) int { return vm.luaExtreme(L, "math.max", func(a, b float64) bool { return a > b }) },
		"min":    func(L *lua.LState) int { return vm.luaExtreme(L, "math.min", func(a, b float64) bool { return a < b }) },
		"randomseed": func(L *lua.LState) int {
			f, ok := asNumber(L.Get(1))
			if !ok || math.IsNaN(f) || math.IsInf(f, 0) {
				vm.Raise(L, Faultf(CodeValidation, "math.randomseed: seed: got %s, want a finite number", display(L.Get(1))))
			}
			t := gateOf(L).task
			t.random = newRandom(mix(math.Float64bits(f)))
			return 0
		},
		"modf": func(L *lua.LState) int {
			f, ok := asNumber(L.Get(1))
			if !ok {
				vm.badArg(L, "math.modf", "x", L.Get(1), "number")
			}
			whole, fraction := math.Modf(f)
			if math.IsInf(f, 0) {
				fraction = 0
			}
			L.Push(lua.LNumber(whole))
			L.Push(lua.LNumber(fraction))
			return 2
		},
		"ldexp": func(L *lua.LState) int {
			f, ok := asNumber(L.Get(1))
			if !ok {
				vm.badArg(L, "math.ldexp", "m", L.Get(1), "number")
			}
			e := vm.checkInt(L, 2, "math.ldexp", "e")
			L.Push(lua.LNumber(math.Ldexp(f, max(-5000, min(5000, e)))))
			return 1
		},
	}
}

// luaExtreme is math.max and math.min.
func (vm *VM) luaExtreme(L *lua.LState, fn string, better func(a, b float64) bool) int {
	n := L.GetTop()
	if n == 0 {
		vm.badArg(L, fn, "argument 1", lua.LNil, "number")
	}
	var best float64
	w := vm.newWork(L)
	for i := 1; i <= n; i++ {
		w.spend(1 + textSize(L.Get(i)))
		f, ok := asNumber(L.Get(i))
		if !ok {
			vm.badArg(L, fn, fmt.Sprintf("argument %d", i), L.Get(i), "number")
		}
		if i == 1 || better(f, best) {
			best = f
		}
	}
	L.Push(lua.LNumber(best))
	return 1
}

// luaRandom is math.random: [0, 1), 1..m or m..n, from the task's stream.
func (vm *VM) luaRandom(L *lua.LState) int {
	r := gateOf(L).task.stream()
	low, high := 1.0, 0.0
	switch L.GetTop() {
	case 0:
		L.Push(lua.LNumber(r.Float64()))
		return 1
	case 1:
		high = vm.bound(L, 1, "m")
		if high < 1 {
			vm.Raise(L, Faultf(CodeValidation, "math.random: m: got %s, want at least 1", formatNumber(high)))
		}
	case 2:
		low, high = vm.bound(L, 1, "m"), vm.bound(L, 2, "n")
		if low > high {
			vm.Raise(L, Faultf(CodeValidation, "math.random: the interval is empty: got %s to %s", formatNumber(low), formatNumber(high)))
		}
	default:
		vm.Raise(L, Faultf(CodeValidation, "math.random: got %d arguments, want at most 2", L.GetTop()))
	}
	span := high - low + 1
	if span > 1<<53 {
		vm.Raise(L, Faultf(CodeValidation, "math.random: the interval is wider than 2^53"))
	}
	L.Push(lua.LNumber(low + float64(r.Uint64N(uint64(span)))))
	return 1
}

func (vm *VM) bound(L *lua.LState, i int, arg string) float64 {
	f, ok := asNumber(L.Get(i))
	if !ok {
		vm.badArg(L, "math.random", arg, L.Get(i), "number")
	}
	f = math.Floor(f)
	if !(math.Abs(f) <= 1<<53) {
		vm.Raise(L, Faultf(CodeValidation, "math.random: %s: got %s, want a number within 2^53", arg, formatNumber(f)))
	}
	return f
}
