// Package luax is how the bindings talk to Lua: reading arguments and option
// tables with the house's error messages, building classes and modules, and
// turning lists into slices and back.
//
//	func step(L *lua.LState) int {
//		a := luax.Read(L, "step")
//		self := luax.Self[*trainer](&a)
//		batch := a.Table("batch")
//		o := a.Options("learning_rate", "weight_decay")
//		rate := o.NeedNumber("learning_rate") // step: learning_rate: got nil, want number
//		decay := o.Number("weight_decay", 0)
//		a.End()
//		…
//	}
//
// Every reader raises an error object of code "validation" and does not
// return: "step: batch: got nil, want table". Strings are no numbers here, and
// numbers no strings.
package luax

import (
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/runtime"
)

// Args reads the arguments of one call, in order.
type Args struct {
	L    *lua.LState
	name string
	next int
}

// Read starts reading the arguments of the function called name.
func Read(L *lua.LState, name string) Args { return Args{L: L, name: name, next: 1} }

// VM is the VM of the call.
func (a *Args) VM() *runtime.VM { return runtime.VMOf(a.L) }

// Name is the name of the function, as messages show it.
func (a *Args) Name() string { return a.name }

// Fail raises an error of code "validation": "name: " and the message.
func (a *Args) Fail(format string, args ...any) {
	a.VM().Raise(a.L, runtime.Faultf(runtime.CodeValidation, a.name+": "+format, args...))
}

// FailHint is Fail with a hint.
func (a *Args) FailHint(hint, format string, args ...any) {
	f := runtime.Faultf(runtime.CodeValidation, a.name+": "+format, args...)
	f.Hint = hint
	a.VM().Raise(a.L, f)
}

// Bad raises "name: param: got X, want Y".
func (a *Args) Bad(param string, got lua.LValue, want string) {
	a.Fail("%s: got %s, want %s", param, describe(got, want), want)
}

// describe shows the value where its type alone says nothing: when want is
// more than the name of a type.
func describe(v lua.LValue, want string) string {
	if strings.Contains(want, " ") {
		switch v := v.(type) {
		case lua.LNumber:
			return runtime.FormatNumber(float64(v))
		case lua.LString:
			return runtime.Quote(string(v))
		}
	}
	return runtime.TypeName(v)
}

// Peek is the next argument, without reading it; nil when there is none.
func (a *Args) Peek() lua.LValue { return a.L.Get(a.next) }

// Left is how many arguments have not been read.
func (a *Args) Left() int { return max(a.L.GetTop()-a.next+1, 0) }

// Any reads an argument of any type, also nil or none.
func (a *Args) Any() lua.LValue {
	v := a.L.Get(a.next)
	a.next++
	return v
}

// Value reads an argument of any type but nil.
func (a *Args) Value(param string) lua.LValue {
	v := a.Any()
	if v == lua.LNil {
		a.Bad(param, v, "a value")
	}
	return v
}

// Rest reads all arguments that are left.
func (a *Args) Rest() []lua.LValue {
	out := make([]lua.LValue, a.Left())
	for i := range out {
		out[i] = a.Any()
	}
	return out
}

// End raises when arguments are left over.
func (a *Args) End() {
	if a.Left() > 0 {
		a.Fail("got %d arguments, want at most %d", a.L.GetTop(), a.next-1)
	}
}

// String reads a string.
func (a *Args) String(param string) string { return a.AsString(param, a.Any()) }

// OptString reads a string, or gives def for nil.
func (a *Args) OptString(param, def string) string {
	if v := a.Any(); v != lua.LNil {
		return a.AsString(param, v)
	}
	return def
}

// Number reads a number.
func (a *Args) Number(param string) float64 { return a.AsNumber(param, a.Any()) }

// OptNumber reads a number, or gives def for nil.
func (a *Args) OptNumber(param string, def float64) float64 {
	if v := a.Any(); v != lua.LNil {
		return a.AsNumber(param, v)
	}
	return def
}

// Int reads a whole number.
func (a *Args) Int(param string) int { return a.AsInt(param, a.Any()) }

// OptInt reads a whole number, or gives def for nil.
func (a *Args) OptInt(param string, def int) int {
	if v := a.Any(); v != lua.LNil {
		return a.AsInt(param, v)
	}
	return def
}

// Bool reads a boolean.
func (a *Args) Bool(param string) bool { return a.AsBool(param, a.Any()) }

// OptBool reads a boolean, or gives def for nil.
func (a *Args) OptBool(param string, def bool) bool {
	if v := a.Any(); v != lua.LNil {
		return a.AsBool(param, v)
	}
	return def
}

// Table reads a table.
func (a *Args) Table(param string) *lua.LTable { return a.AsTable(param, a.Any()) }

// OptTable reads a table, or gives nil.
func (a *Args) OptTable(param string) *lua.LTable {
	if v := a.Any(); v != lua.LNil {
		return a.AsTable(param, v)
	}
	return nil
}

// Func reads a function.
func (a *Args) Func(param string) *lua.LFunction { return a.AsFunc(param, a.Any()) }

// OptFunc reads a function, or gives nil.
func (a *Args) OptFunc(param string) *lua.LFunction {
	if v := a.Any(); v != lua.LNil {
		return a.AsFunc(param, v)
	}
	return nil
}

// AsString checks a value that was found elsewhere: a field, an item.
func (a *Args) AsString(param string, v lua.LValue) string {
	s, ok := v.(lua.LString)
	if !ok {
		a.Bad(param, v, "string")
	}
	return string(s)
}

// AsNumber is AsString for numbers.
func (a *Args) AsNumber(param string, v lua.LValue) float64 {
	f, ok := v.(lua.LNumber)
	if !ok {
		a.Bad(param, v, "number")
	}
	return float64(f)
}

// AsInt is AsString for whole numbers within 2^53.
func (a *Args) AsInt(param string, v lua.LValue) int {
	f, ok := v.(lua.LNumber)
	if !ok {
		a.Bad(param, v, "number")
	}
	switch x := float64(f); {
	case math.Abs(x) > 1<<53:
		a.Bad(param, v, "a whole number up to 2^53")
	case x != math.Trunc(x):
		a.Bad(param, v, "a whole number")
	}
	return int(f)
}

// AsBool is AsString for booleans.
func (a *Args) AsBool(param string, v lua.LValue) bool {
	b, ok := v.(lua.LBool)
	if !ok {
		a.Bad(param, v, "boolean")
	}
	return bool(b)
}

// AsTable is AsString for tables.
func (a *Args) AsTable(param string, v lua.LValue) *lua.LTable {
	t, ok := v.(*lua.LTable)
	if !ok {
		a.Bad(param, v, "table")
	}
	return t
}

// AsFunc is AsString for functions.
func (a *Args) AsFunc(param string, v lua.LValue) *lua.LFunction {
	f, ok := v.(*lua.LFunction)
	if !ok {
		a.Bad(param, v, "function")
	}
	return f
}
