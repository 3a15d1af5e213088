package runtime

import (
	"errors"
	"fmt"
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

func (vm *VM) baseFunctions() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"assert":       vm.luaAssert,
		"error":        vm.luaError,
		"load":         vm.luaLoad,
		"loadstring":   vm.luaLoad,
		"pcall":        vm.luaPcall,
		"print":        vm.luaPrint,
		"rawset":       vm.luaRawset,
		"require":      vm.luaRequire,
		"select":       vm.luaSelect,
		"setmetatable": vm.luaSetmetatable,
		"tonumber":     vm.luaTonumber,
		"tostring":     vm.luaTostring,
		"unpack":       vm.luaUnpack,
		"xpcall":       vm.luaXpcall,
	}
}

// badArg raises the house's argument error.
func (vm *VM) badArg(L *lua.LState, fn, arg string, got lua.LValue, want string) {
	vm.Raise(L, Faultf(CodeValidation, "%s: %s: got %s, want %s", fn, arg, typeName(got), want))
}

func (vm *VM) checkTable(L *lua.LState, i int, fn, arg string) *lua.LTable {
	t, ok := L.Get(i).(*lua.LTable)
	if !ok {
		vm.badArg(L, fn, arg, L.Get(i), "table")
	}
	return t
}

// checkText reads a string. Numbers count as strings, as everywhere in Lua, and so
// do error objects: what a library function raises is a string in Lua 5.1, and
// scripts search it.
func (vm *VM) checkText(L *lua.LState, i int, fn, arg string) string {
	switch v := L.Get(i).(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return formatNumber(float64(v))
	case *lua.LUserData:
		if o, ok := v.Value.(*errorObject); ok {
			return o.message
		}
	}
	vm.badArg(L, fn, arg, L.Get(i), "string")
	return ""
}

// checkInt reads a number and cuts off its fraction; numerals count as numbers.
func (vm *VM) checkInt(L *lua.LState, i int, fn, arg string) int {
	payNumeral(vm, L, L.Get(i))
	f, ok := asNumber(L.Get(i))
	if !ok {
		vm.badArg(L, fn, arg, L.Get(i), "number")
	}
	return clampInt(f)
}

func (vm *VM) optInt(L *lua.LState, i int, fn, arg string, def int) int {
	if L.Get(i) == lua.LNil {
		return def
	}
	return vm.checkInt(L, i, fn, arg)
}

func asNumber(v lua.LValue) (float64, bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return float64(v), true
	case lua.LString:
		return parseNumber(string(v))
	}
	return 0, false
}

// clampInt makes an int of any float64; NaN is 0.
func clampInt(f float64) int {
	switch {
	case f != f:
		return 0
	case f >= math.MaxInt32:
		return int(min(f, 1<<53))
	case f <= math.MinInt32:
		return int(max(f, -1<<53))
	}
	return int(f)
}

func (vm *VM) luaAssert(L *lua.LState) int {
	if L.GetTop() == 0 {
		vm.badArg(L, "assert", "value", lua.LNil, "a value")
	}
	if lua.LVAsBool(L.Get(1)) {
		return L.GetTop()
	}
	if L.GetTop() == 1 || L.Get(2) == lua.LNil {
		L.Error(lua.LString("assertion failed!"), 1)
	}
	L.Error(L.Get(2), 0)
	return 0
}

func (vm *VM) luaError(L *lua.LState) int {
	level := vm.optInt(L, 2, "error", "level", 1)
	if text, ok := L.Get(1).(lua.LString); ok && level > 0 && level < maxCallDepth {
		if where := L.Where(level); where != "" && !strings.HasPrefix(where, "[G]") {
			L.Error(lua.LString(where+" "+string(text)), 0)
		}
	}
	L.Error(L.Get(1), 0)
	return 0
}

// raisedValue is what pcall hands to the script for err.
func (vm *VM) raisedValue(err error) lua.LValue {
	api, ok := err.(*lua.ApiError)
	if !ok {
		return lua.LString(err.Error())
	}
	if api.Type == lua.ApiErrorPanic {
		return vm.errorUserdata(vm.panicObject(api.Object.String(), api.StackTrace))
	}
	if text, ok := api.Object.(lua.LString); ok {
		return lua.LString(explained(string(text)))
	}
	return api.Object
}

func (vm *VM) luaPcall(L *lua.LState) int {
	if L.GetTop() == 0 {
		vm.badArg(L, "pcall", "fn", lua.LNil, "function")
	}
	if err := vm.catch(L); err != nil {
		L.Push(lua.LFalse)
		L.Push(vm.raisedValue(err))
		return 2
	}
	L.Insert(lua.LTrue, 1)
	return L.GetTop()
}

// luaXpcall calls the handler after the stack has been unwound; the error
// object has the traceback. The handler gives one value. When it fails itself,
// xpcall returns false and what the handler raised.
func (vm *VM) luaXpcall(L *lua.LState) int {
	handler := L.Get(2)
	if _, ok := handler.(*lua.LFunction); !ok {
		vm.badArg(L, "xpcall", "handler", handler, "function")
	}
	L.Remove(2)
	if err := vm.catch(L); err != nil {
		L.Push(handler)
		L.Push(vm.raisedValue(err))
		if bad := vm.catch(L); bad != nil {
			L.Push(vm.raisedValue(bad))
		}
		L.SetTop(1) // nil where the handler returned nothing
		L.Insert(lua.LFalse, 1)
		return 2
	}
	L.Insert(lua.LTrue, 1)
	return L.GetTop()
}

// Text is what tostring gives for v, with __tostring called.
func (vm *VM) Text(L *lua.LState, v lua.LValue) string {
	switch v := v.(type) {
	case lua.LString:
		return string(v)
	case lua.LNumber:
		return formatNumber(float64(v))
	case *lua.LTable, *lua.LUserData:
		fn := L.GetMetaField(v, "__tostring")
		if fn == lua.LNil {
			if ud, ok := v.(*lua.LUserData); ok {
				return fmt.Sprintf("%s: %p", typeName(v), ud)
			}
			return v.String()
		}
		L.Push(fn)
		L.Push(v)
		L.Call(1, 1)
		text := L.Get(-1)
		L.Pop(1)
		switch text := text.(type) {
		case lua.LString:
			return string(text)
		case lua.LNumber:
			return formatNumber(float64(text))
		}
		vm.Raise(L, Faultf(CodeError, "tostring: __tostring returned %s, want string", typeName(text)))
	}
	return v.String()
}

func (vm *VM) luaTostring(L *lua.LState) int {
	if L.GetTop() == 0 {
		vm.badArg(L, "tostring", "value", lua.LNil, "a value")
	}
	L.Push(lua.LString(vm.Text(L, L.Get(1))))
	return 1
}

func (vm *VM) luaPrint(L *lua.LState) int {
	var b strings.Builder
	for i := 1; i <= L.GetTop(); i++ {
		if i > 1 {
			b.WriteByte('\t')
		}
		text := vm.Text(L, L.Get(i))
		vm.CheckString(L, b.Len()+len(text))
		b.WriteString(text)
	}
	b.WriteByte('\n')
	if _, err := vm.Stdout().Write([]byte(b.String())); err != nil {
		vm.Raise(L, Faultf(CodeError, "print: %w", err))
	}
	return 0
}

func (vm *VM) luaTonumber(L *lua.LState) int {
	if L.GetTop() == 0 {
		vm.badArg(L, "tonumber", "value", lua.LNil, "a value")
	}
	if L.Get(2) != lua.LNil {
		base := vm.checkInt(L, 2, "tonumber", "base")
		if base < 2 || base > 36 {
			vm.Raise(L, Faultf(CodeValidation, "tonumber: base: got %d, want 2 to 36", base))
		}
		if base != 10 {
			L.Push(inBase(vm.checkText(L, 1, "tonumber", "value"), base))
			return 1
		}
	}
	if f, ok := asNumber(L.Get(1)); ok {
		L.Push(lua.LNumber(f))
	} else {
		L.Push(lua.LNil)
	}
	return 1
}

func inBase(s string, base int) lua.LValue {
	s = strings.Trim(s, spaces)
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	if base == 16 {
		s = strings.TrimPrefix(strings.TrimPrefix(s, "0x"), "0X")
	}
	if s == "" {
		return lua.LNil
	}
	f := 0.0
	for i := range len(s) {
		d := digit(s[i])
		if d >= base {
			return lua.LNil
		}
		f = f*float64(base) + float64(d)
	}
	if negative {
		f = -f
	}
	return lua.LNumber(f)
}

func (vm *VM) luaSelect(L *lua.LState) int {
	n := L.GetTop() - 1
	if L.Get(1) == lua.LString("#") {
		L.Push(lua.LNumber(n))
		return 1
	}
	i := vm.checkInt(L, 1, "select", "position")
	switch {
	case i < 0:
		i = n + i + 1
		if i < 1 {
			vm.Raise(L, Faultf(CodeValidation, "select: position: got %d, want at least %d", i-n-1, -n))
		}
	case i == 0:
		vm.Raise(L, Faultf(CodeValidation, "select: position: got 0, want at least 1 or at most -1"))
	}
	if i > n {
		return 0
	}
	return n - i + 1
}

func (vm *VM) luaSetmetatable(L *lua.LState) int {
	t := vm.checkTable(L, 1, "setmetatable", "table")
	mt := L.Get(2)
	if _, ok := mt.(*lua.LTable); !ok && (mt != lua.LNil || L.GetTop() < 2) {
		vm.badArg(L, "setmetatable", "metatable", mt, "table or nil")
	}
	if old, ok := t.Metatable.(*lua.LTable); ok && old.RawGetString("__metatable") != lua.LNil {
		vm.Raise(L, Faultf(CodeValidation, "setmetatable: table: its metatable is protected"))
	}
	t.Metatable = mt
	L.Push(t)
	return 1
}

// maxUnpack bounds the values that one call may put on the stack.
const maxUnpack = 200_000

func (vm *VM) luaUnpack(L *lua.LState) int {
	t := vm.checkTable(L, 1, "unpack", "list")
	from := vm.optInt(L, 2, "unpack", "from", 1)
	to := vm.optInt(L, 3, "unpack", "to", -1)
	if L.Get(3) == lua.LNil {
		to = t.Len()
	}
	if from > to {
		return 0
	}
	n := to - from + 1
	if n > maxUnpack {
		vm.Raise(L, Faultf(CodeLimit, "unpack: %d values are too many, at most %d", n, maxUnpack))
	}
	reserve(L, n)
	for i := from; i <= to; i++ {
		L.Push(t.RawGet(lua.LNumber(i)))
	}
	return n
}

// maxChunkName bounds the names that load takes: each stays in memory.
const maxChunkName = 200

// luaLoad is load and loadstring: text, or a function that returns pieces of
// it; nil and a message when it does not compile.
func (vm *VM) luaLoad(L *lua.LState) int {
	var src string
	switch v := L.Get(1).(type) {
	case lua.LString:
		src = string(v)
	case *lua.LFunction:
		var b strings.Builder
		given := L.Get(2)
		for {
			L.SetTop(0)
			L.Push(v)
			if err := vm.catch(L); err != nil { // of the reader, and one more thing that keeps the chunk from being loaded
				L.Push(lua.LNil)
				L.Push(vm.raisedValue(err))
				return 2
			}
			piece := L.Get(1)
			text, ok := piece.(lua.LString)
			if !ok && piece != lua.LNil {
				L.Push(lua.LNil)
				L.Push(lua.LString("load: the reader must return a string or nil: got " + typeName(piece)))
				return 2
			}
			if text == "" {
				break
			}
			b.WriteString(string(text))
			if b.Len() > vm.cfg.Limits.SourceBytes {
				break // enough for the error below
			}
		}
		src = b.String()
		L.SetTop(1)
		L.Push(given)
	default:
		vm.badArg(L, "load", "chunk", v, "string or function")
	}
	name := "=" + firstLine(src)
	if L.Get(2) != lua.LNil {
		name = vm.checkText(L, 2, "load", "name")
	}
	name = strings.TrimPrefix(strings.TrimPrefix(name, "="), "@")
	if len(name) > maxChunkName {
		name = name[:maxChunkName] + "..."
	}
	chunk, err := vm.compileStoppable(L, name, src)
	if err != nil {
		text := err.Error()
		var e *Error
		if errors.As(err, &e) && e.Hint != "" && !errors.Is(err, ErrIncomplete) {
			text += " (" + e.Hint + ")"
		}
		L.Push(lua.LNil)
		L.Push(lua.LString(text))
		return 2
	}
	L.Push(vm.load(chunk))
	return 1
}

// firstLine names a chunk that has no name, as [string "..."].
func firstLine(src string) string {
	line, _, cut := strings.Cut(src, "\n")
	if len(line) > 40 {
		line, cut = line[:40], true
	}
	if cut {
		line += "..."
	}
	return fmt.Sprintf("[string %q]", line)
}

// display is one result line of a REPL.
func (vm *VM) display(L *lua.LState, v lua.LValue) string {
	switch v := v.(type) {
	case lua.LString:
		return fmt.Sprintf("%q", string(v))
	case *lua.LTable:
		if L.GetMetaField(v, "__tostring") == lua.LNil {
			return vm.displayTable(L, v)
		}
	}
	return vm.Text(L, v)
}

// displayTable opens one level of a table, at most 20 entries: on one line, or
// one a line where that would be long.
func (vm *VM) displayTable(L *lua.LState, t *lua.LTable) string {
	const most, wide = 20, 100
	var parts []string
	position := 1.0
	brief := func(v lua.LValue) string {
		if t, ok := v.(*lua.LTable); ok {
			if L.GetMetaField(t, "__tostring") != lua.LNil {
				return vm.Text(L, t)
			}
			if t.Len() == 0 {
				if k, _ := t.Next(lua.LNil); k == lua.LNil {
					return "{}"
				}
			}
			return "{...}"
		}
		return display(v)
	}
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		if len(parts) == most {
			parts = append(parts, "...")
			break
		}
		switch key := k.(type) {
		case lua.LNumber:
			if float64(key) == position {
				position++
				parts = append(parts, brief(v))
				continue
			}
			parts = append(parts, "["+display(key)+"] = "+brief(v))
		case lua.LString:
			parts = append(parts, string(key)+" = "+brief(v))
		default:
			parts = append(parts, "["+typeName(k)+"] = "+brief(v))
		}
	}
	if line := "{" + strings.Join(parts, ", ") + "}"; len(line) <= wide {
		return line
	}
	return "{\n  " + strings.Join(parts, ",\n  ") + "\n}"
}
