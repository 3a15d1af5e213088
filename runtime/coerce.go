package runtime

import (
	"math"

	lua "github.com/yuin/gopher-lua"
)

// gopher-lua reads strings in arithmetic as Go reads its literals: "010" + 0 is
// 8, "0b11" and "1_000" are numbers, "1e400" is none. It asks the metatable of
// strings first, so that the operators are found there, and read as tonumber
// does.
var arithmetic = map[string]*lua.LFunction{
	"__add": arith("add", func(a, b float64) float64 { return a + b }),
	"__sub": arith("sub", func(a, b float64) float64 { return a - b }),
	"__mul": arith("mul", func(a, b float64) float64 { return a * b }),
	"__div": arith("div", func(a, b float64) float64 { return a / b }),
	"__mod": arith("mod", modulo),
	"__pow": arith("pow", math.Pow),
	"__unm": {IsG: true, GFunction: Guard(func(L *lua.LState) int {
		payNumeral(VMOf(L), L, L.Get(1))
		f, ok := asNumber(L.Get(1))
		if !ok {
			L.RaiseError(badUnm)
		}
		L.Push(lua.LNumber(-f))
		return 1
	})},
}

// modulo is what gopher-lua makes of numbers.
func modulo(a, b float64) float64 {
	m := math.Mod(a, b)
	if b > 0 && m < 0 || b < 0 && m > 0 {
		m += b
	}
	return m
}

func arith(name string, op func(a, b float64) float64) *lua.LFunction {
	return &lua.LFunction{IsG: true, GFunction: Guard(func(L *lua.LState) int {
		a, b := L.Get(1), L.Get(2)
		payNumeral(VMOf(L), L, a)
		payNumeral(VMOf(L), L, b)
		x, ok := asNumber(a)
		y, ok2 := asNumber(b)
		if ok && ok2 {
			L.Push(lua.LNumber(op(x, y)))
			return 1
		}
		for _, v := range []lua.LValue{a, b} {
			if v.Type() == lua.LTString {
				continue
			}
			if fn := L.GetMetaField(v, "__"+name); fn != lua.LNil {
				L.Push(fn)
				L.Push(a)
				L.Push(b)
				L.Call(2, 1)
				return 1
			}
		}
		L.RaiseError("cannot perform %s operation between %s and %s", name, a.Type(), b.Type())
		return 0
	})}
}
