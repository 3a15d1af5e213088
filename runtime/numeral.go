package runtime

import (
	"math"
	"strconv"

	lua "github.com/yuin/gopher-lua"
)

// longNumeral is the length from which a numeral is made short before it is
// read: strconv takes 5 ns a byte, nothing stops it, and it reads whole numbers
// of more than 800 digits with an exponent wrongly (Go 1.26: 801 nines and e-801
// give 0.1).
const longNumeral = 750

// maxDigits of a numeral can decide what it is rounded to: a float64 halfway
// between two others has at most 767, and of the rest only matters whether one
// of them is not zero.
const maxDigits = 780

// shortNumeral is a numeral without sign or spaces, of the same value as s and
// with at most maxDigits digits and an exponent.
func shortNumeral(s string) (string, bool) {
	out := make([]byte, 0, maxDigits+32)
	exp, digits := 0, 0
	more := false // a digit that is left out is not 0
	i := 0
	isDigit := func() bool { return i < len(s) && s[i]-'0' <= 9 }
	run := func(step, dropped int) { // step and dropped: what a digit adds to exp when it is kept, and left out
		start := i
		for ; len(out) == 0 && i < len(s) && s[i] == '0'; i++ {
			exp += step
		}
		for ; len(out) < maxDigits && isDigit(); i++ {
			out = append(out, s[i])
			exp += step
		}
		for ; i < len(s) && s[i] == '0'; i++ {
			exp += dropped
		}
		more = more || isDigit()
		for ; isDigit(); i++ {
			exp += dropped
		}
		digits += i - start
	}
	run(0, 1)
	if i < len(s) && s[i] == '.' {
		i++
		run(-1, 0)
	}
	if digits == 0 {
		return "", false
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		sign := 1
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			if s[i] == '-' {
				sign = -1
			}
			i++
		}
		if !isDigit() {
			return "", false
		}
		given := 0
		for ; isDigit(); i++ {
			given = min(given*10+int(s[i]-'0'), math.MaxInt32)
		}
		exp += sign * given
	}
	if i < len(s) {
		return "", false
	}
	if len(out) == 0 {
		return "0", true
	}
	if more {
		out = append(out, '1')
		exp--
	}
	out = append(out, 'e')
	return string(strconv.AppendInt(out, int64(exp), 10)), true
}

// payNumeral counts what it takes to read v as a number.
func payNumeral(vm *VM, L *lua.LState, v lua.LValue) {
	if s, ok := v.(lua.LString); ok && len(s) > longNumeral {
		if err := gateOf(L).charge(len(s) / 2); err != nil {
			vm.Raise(L, err)
		}
	}
}

// takesNumbers has the arguments of one of gopher-lua's own functions, from the
// first on, read as tonumber reads them.
func takesNumbers(first int, fn lua.LGFunction) lua.LGFunction {
	return func(L *lua.LState) int {
		for i := first; i <= L.GetTop(); i++ {
			if s, ok := L.Get(i).(lua.LString); ok {
				payNumeral(VMOf(L), L, s)
				if f, ok := parseNumber(string(s)); ok {
					L.Replace(i, lua.LNumber(f))
				} else {
					L.Replace(i, lua.LString("no number")) // as good as any other, and short
				}
			}
		}
		return fn(L)
	}
}
