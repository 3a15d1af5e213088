package runtime

import (
	"fmt"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

func (vm *VM) stringFunctions() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"byte":   vm.luaByte,
		"char":   vm.luaChar,
		"find":   func(L *lua.LState) int { return vm.luaFind(L, "string.find", true) },
		"match":  func(L *lua.LState) int { return vm.luaFind(L, "string.match", false) },
		"format": vm.luaFormat,
		"gmatch": vm.luaGmatch,
		"gsub":   vm.luaGsub,
		"rep":    vm.luaRep,
		"sub":    vm.luaSub,
		"len": func(L *lua.LState) int {
			L.Push(lua.LNumber(len(vm.checkText(L, 1, "string.len", "s"))))
			return 1
		},
		"reverse": func(L *lua.LState) int {
			b := []byte(vm.checkText(L, 1, "string.reverse", "s"))
			slices.Reverse(b)
			L.Push(lua.LString(b))
			return 1
		},
		"lower": func(L *lua.LState) int {
			L.Push(lua.LString(mapBytes(vm.checkText(L, 1, "string.lower", "s"), 'A', 'Z')))
			return 1
		},
		"upper": func(L *lua.LState) int {
			L.Push(lua.LString(mapBytes(vm.checkText(L, 1, "string.upper", "s"), 'a', 'z')))
			return 1
		},
	}
}

// mapBytes flips the case of the letters from a to z.
func mapBytes(s string, a, z byte) string {
	b := []byte(s)
	for i, c := range b {
		if a <= c && c <= z {
			b[i] = c ^ 0x20
		}
	}
	return string(b)
}

// startIndex turns Lua's position into an offset, 0 to len+1.
func startIndex(i, length int) int {
	switch {
	case i > 0:
		return i - 1
	case i < 0 && i >= -length:
		return length + i
	}
	return 0
}

func (vm *VM) luaSub(L *lua.LState) int {
	s := vm.checkText(L, 1, "string.sub", "s")
	from := vm.checkInt(L, 2, "string.sub", "from")
	to := vm.optInt(L, 3, "string.sub", "to", -1)
	if from < 0 {
		from += len(s) + 1
	}
	if to < 0 {
		to += len(s) + 1
	}
	from, to = max(from, 1), min(to, len(s))
	if from > to {
		L.Push(lua.LString(""))
	} else {
		L.Push(lua.LString(s[from-1 : to]))
	}
	return 1
}

func (vm *VM) luaByte(L *lua.LState) int {
	s := vm.checkText(L, 1, "string.byte", "s")
	fromEnd := func(i int) int { // a position from the front, 0 before the first byte
		if i < 0 {
			return max(len(s)+i+1, 0)
		}
		return i
	}
	first := fromEnd(vm.optInt(L, 2, "string.byte", "from", 1))
	to := min(fromEnd(vm.optInt(L, 3, "string.byte", "to", first)), len(s))
	from := max(first, 1) - 1
	if to-from > maxUnpack {
		vm.Raise(L, Faultf(CodeLimit, "string.byte: %d values are too many, at most %d", to-from, maxUnpack))
	}
	n := 0
	for ; from < to; from++ {
		L.Push(lua.LNumber(s[from]))
		n++
	}
	return n
}

func (vm *VM) luaChar(L *lua.LState) int {
	b := make([]byte, L.GetTop())
	w := vm.newWork(L)
	for i := range b {
		w.spend(1 + textSize(L.Get(i+1)))
		c := vm.checkInt(L, i+1, "string.char", "code")
		if c < 0 || c > 255 {
			vm.Raise(L, Faultf(CodeValidation, "string.char: code %d: got %d, want 0 to 255", i+1, c))
		}
		b[i] = byte(c)
	}
	L.Push(lua.LString(b))
	return 1
}

func (vm *VM) luaRep(L *lua.LState) int {
	s := vm.checkText(L, 1, "string.rep", "s")
	n := vm.checkInt(L, 2, "string.rep", "n")
	if n <= 0 || s == "" {
		L.Push(lua.LString(""))
		return 1
	}
	if max := vm.cfg.Limits.StringBytes; n > max/len(s) {
		vm.Raise(L, newLimit(ErrSize, "string size", fmt.Sprintf("%d bytes x %d", len(s), n), fmt.Sprintf("%d bytes", max), "--max-string or Limits.StringBytes"))
	}
	L.Push(lua.LString(strings.Repeat(s, n)))
	return 1
}

// newMatcher makes a matcher whose steps count against the call's budget and
// that ends when the task is stopped.
func (vm *VM) newMatcher(L *lua.LState, src, pat string) *matcher {
	g := gateOf(L)
	return &matcher{src: src, pat: pat, poll: func() error { return g.charge(pollSteps) }}
}

func (vm *VM) raisePattern(L *lua.LState, fn string, err error) {
	if gateOf(L).Context.Err() != nil {
		vm.Raise(L, err)
	}
	vm.Raise(L, Faultf(CodeValidation, "%s: %w", fn, err))
}

// pushCaptures pushes the captures of the match, or the whole of it.
func (vm *VM) pushCaptures(L *lua.LState, fn string, m *matcher, s, e int, whole bool) int {
	n := m.level
	if n == 0 && whole {
		n = 1
	}
	for i := range n {
		L.Push(vm.captureValue(L, fn, m, i, s, e))
	}
	return n
}

func (vm *VM) captureValue(L *lua.LState, fn string, m *matcher, i, s, e int) lua.LValue {
	text, position, err := m.captured(i, s, e)
	if err != nil {
		vm.raisePattern(L, fn, err)
	}
	if position > 0 {
		return lua.LNumber(position)
	}
	return lua.LString(text)
}

func (vm *VM) luaFind(L *lua.LState, fn string, find bool) int {
	s := vm.checkText(L, 1, fn, "s")
	pat := vm.checkText(L, 2, fn, "pattern")
	from := startIndex(vm.optInt(L, 3, fn, "from", 1), len(s))
	if from > len(s) {
		from = len(s) // Lua 5.1 starts at the end at the latest
	}
	if find && (lua.LVAsBool(L.Get(4)) || !strings.ContainsAny(pat, "^$*+?.([%-")) {
		i := strings.Index(s[from:], pat)
		if i < 0 {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(lua.LNumber(from + i + 1))
		L.Push(lua.LNumber(from + i + len(pat)))
		return 2
	}
	m := vm.newMatcher(L, s, pat)
	start, end, err := m.find(from)
	if err != nil {
		vm.raisePattern(L, fn, err)
	}
	if start < 0 {
		L.Push(lua.LNil)
		return 1
	}
	if !find {
		return vm.pushCaptures(L, fn, m, start, end, true)
	}
	L.Push(lua.LNumber(start + 1))
	L.Push(lua.LNumber(end))
	return 2 + vm.pushCaptures(L, fn, m, start, end, false)
}

func (vm *VM) luaGmatch(L *lua.LState) int {
	const fn = "string.gmatch"
	s := vm.checkText(L, 1, fn, "s")
	pat := vm.checkText(L, 2, fn, "pattern")
	at := 0
	L.Push(vm.NewFunction(func(L *lua.LState) int {
		m := vm.newMatcher(L, s, pat)
		for ; at <= len(s); at++ {
			end, err := m.at(at, 0)
			if err != nil {
				vm.raisePattern(L, fn, err)
			}
			if end < 0 {
				continue
			}
			start := at
			at = end
			if end == start {
				at++
			}
			return vm.pushCaptures(L, fn, m, start, end, true)
		}
		L.Push(lua.LNil)
		return 1
	}))
	return 1
}

func (vm *VM) luaGsub(L *lua.LState) int {
	const fn = "string.gsub"
	s := vm.checkText(L, 1, fn, "s")
	pat := vm.checkText(L, 2, fn, "pattern")
	repl := L.Get(3)
	switch repl.(type) {
	case lua.LString, lua.LNumber, *lua.LTable, *lua.LFunction:
	default:
		vm.badArg(L, fn, "replacement", repl, "string, table or function")
	}
	most := vm.optInt(L, 4, fn, "n", len(s)+1)
	p := 0
	anchored := strings.HasPrefix(pat, "^")
	if anchored {
		p = 1
	}
	m := vm.newMatcher(L, s, pat)
	var b strings.Builder
	at, count := 0, 0
	for count < most {
		end, err := m.at(at, p)
		if err != nil {
			vm.raisePattern(L, fn, err)
		}
		if end >= 0 {
			count++
			vm.replace(L, &b, m, repl, at, end)
			vm.CheckString(L, b.Len())
		}
		switch {
		case end > at:
			at = end
		case at < len(s):
			b.WriteByte(s[at])
			at++
		default:
			at++
		}
		if at > len(s) || anchored {
			break
		}
	}
	if at < len(s) {
		b.WriteString(s[at:])
	}
	vm.CheckString(L, b.Len())
	L.Push(lua.LString(b.String()))
	L.Push(lua.LNumber(count))
	return 2
}

// textSize is how many bytes must be read to see whether v is a number.
func textSize(v lua.LValue) int {
	if s, ok := v.(lua.LString); ok {
		return len(s)
	}
	return 0
}

// replace writes the replacement of the match src[s:e].
func (vm *VM) replace(L *lua.LState, b *strings.Builder, m *matcher, repl lua.LValue, s, e int) {
	const fn = "string.gsub"
	var value lua.LValue
	switch r := repl.(type) {
	case *lua.LTable:
		value = L.GetTable(r, vm.captureValue(L, fn, m, 0, s, e))
	case *lua.LFunction:
		L.Push(r)
		n := vm.pushCaptures(L, fn, m, s, e, true)
		L.Call(n, 1)
		value = L.Get(-1)
		L.Pop(1)
	default:
		vm.expand(L, b, m, vm.Text(L, r), s, e)
		return
	}
	switch v := value.(type) {
	case lua.LString:
		b.WriteString(string(v))
	case lua.LNumber:
		b.WriteString(formatNumber(float64(v)))
	default:
		if lua.LVAsBool(value) {
			vm.Raise(L, Faultf(CodeValidation, "%s: the replacement: got %s, want string", fn, typeName(value)))
		}
		b.WriteString(m.src[s:e])
	}
}

// expand writes a replacement string, with its %0 to %9.
func (vm *VM) expand(L *lua.LState, b *strings.Builder, m *matcher, repl string, s, e int) {
	w := vm.newWork(L)
	for i := 0; i < len(repl); i++ {
		w.spend(1)
		if repl[i] != '%' || i+1 == len(repl) {
			b.WriteByte(repl[i])
			continue
		}
		i++
		switch c := repl[i]; {
		case c == '0':
			b.WriteString(m.src[s:e])
		case c >= '1' && c <= '9':
			b.WriteString(vm.Text(L, vm.captureValue(L, "string.gsub", m, int(c-'1'), s, e)))
		default:
			b.WriteByte(c)
		}
		vm.CheckString(L, b.Len())
	}
}
