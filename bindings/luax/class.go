package luax

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/runtime"
)

// Class says what Go values of type T look like from Lua.
type Class[T any] struct {
	Name    string                                                              // "TrainingClient": what messages and tostring call it
	Methods map[string]lua.LGFunction                                           // each reads its self with Self[T]
	Meta    map[string]lua.LGFunction                                           // "__add", "__tostring", "__len", …
	Get     func(L *lua.LState, self T, key lua.LValue) (v lua.LValue, ok bool) // fields and indices; asked after Methods
	Set     func(L *lua.LState, self T, key, value lua.LValue) (ok bool)        // assignments; without it they raise
	Fields  []string                                                            // names that Get knows, for suggestions
}

// Define makes the class's metatable in vm. From then on [Wrap] and the
// arguments of Run accept values of type T. Equality is that of the Go values,
// unless Meta has its own __eq. A host function that looks up a field itself
// must have got the object as an argument: see [runtime.VM.Indexed]. Methods
// become Lua functions when they are first used: a VM has hundreds, a script
// calls few.
func Define[T comparable](vm *runtime.VM, c Class[T]) {
	mt := vm.NewTable(0, 6+len(c.Meta))
	mt.RawSetString("__name", lua.LString(c.Name))
	mt.RawSetString("__metatable", lua.LString(c.Name))
	methods := vm.NewTable(0, 0)
	missing := vm.NewTable(0, 1)
	missing.RawSetString("__index", vm.NewFunction(func(L *lua.LState) int {
		key := L.Get(2)
		if name, ok := key.(lua.LString); ok && c.Methods[string(name)] != nil {
			m := vm.NewFunction(c.Methods[string(name)])
			methods.RawSetString(string(name), m)
			L.Push(m)
			return 1
		}
		if c.Get != nil {
			L.Replace(1, vm.Indexed(L, mt))
			a := Read(L, c.Name)
			if v, ok := c.Get(L, Self[T](&a), key); ok {
				L.Push(v)
				return 1
			}
		}
		names := slices.AppendSeq(slices.Clone(c.Fields), maps.Keys(c.Methods))
		slices.Sort(names)
		raiseUnknown(L, c.Name, "no such method or field", key, names)
		return 0
	}))
	methods.Metatable = missing
	mt.RawSetString("__index", methods)
	mt.RawSetString("__newindex", vm.NewFunction(func(L *lua.LState) int {
		a := Read(L, c.Name)
		self := Self[T](&a)
		if c.Set == nil || !c.Set(L, self, L.Get(2), L.Get(3)) {
			a.Fail("cannot assign to %s", showKey(L.Get(2)))
		}
		return 0
	}))
	mt.RawSetString("__tostring", vm.NewFunction(func(L *lua.LState) int {
		a := Read(L, "tostring")
		self := Self[T](&a)
		text := c.Name
		if s, ok := any(self).(fmt.Stringer); ok {
			text = s.String()
		}
		L.Push(lua.LString(text))
		return 1
	}))
	mt.RawSetString("__eq", vm.NewFunction(func(L *lua.LState) int {
		x, okX := To[T](L.Get(1))
		y, okY := To[T](L.Get(2))
		L.Push(lua.LBool(okX && okY && x == y))
		return 1
	}))
	for name, fn := range c.Meta {
		mt.RawSetString(name, vm.NewFunction(fn))
	}
	vm.DefineType(reflect.TypeFor[T](), mt)
}

func showKey(key lua.LValue) string {
	if s, ok := key.(lua.LString); ok {
		return runtime.Quote(string(s))
	}
	if n, ok := key.(lua.LNumber); ok {
		return "[" + runtime.FormatNumber(float64(n)) + "]"
	}
	return "a key of type " + runtime.TypeName(key)
}

func raiseUnknown(L *lua.LState, owner, what string, key lua.LValue, names []string) {
	f := runtime.Faultf(runtime.CodeValidation, "%s: %s: %s", owner, what, showKey(key))
	if s, ok := key.(lua.LString); ok {
		if needs := runtime.VMOf(L).Withheld(owner + "." + string(s)); needs != "" {
			f.Message, f.Hint = fmt.Sprintf("%s: this script has no capability for %s.%s", owner, owner, string(s)), needs
		} else if near := runtime.Nearest(string(s), names); near != "" {
			f.Message += fmt.Sprintf(" (did you mean %q?)", near)
		}
	}
	runtime.VMOf(L).Raise(L, f)
}

// Wrap makes a Lua value of v, whose class must be defined in L's VM.
func Wrap[T any](L *lua.LState, v T) lua.LValue { return runtime.VMOf(L).Wrap(v) }

// To is the Go value in a Lua one.
func To[T any](v lua.LValue) (T, bool) {
	if ud, ok := v.(*lua.LUserData); ok {
		t, ok := ud.Value.(T)
		return t, ok
	}
	var none T
	return none, false
}

// className names T as its metatable does.
func className[T any](a *Args) string {
	if mt := a.VM().Metatable(reflect.TypeFor[T]()); mt != nil {
		if name, ok := mt.RawGetString("__name").(lua.LString); ok {
			return string(name)
		}
	}
	return reflect.TypeFor[T]().String()
}

// Self reads the object that a method was called on.
func Self[T any](a *Args) T {
	v := a.Any()
	t, ok := To[T](v)
	if !ok {
		a.FailHint("call methods with a colon: object:"+a.name+"(…)",
			"self: got %s, want %s", runtime.TypeName(v), className[T](a))
	}
	return t
}

// Object reads an argument of class T.
func Object[T any](a *Args, param string) T { return As[T](a, param, a.Any()) }

// As checks that a value found elsewhere is of class T.
func As[T any](a *Args, param string, v lua.LValue) T {
	t, ok := To[T](v)
	if !ok {
		a.Bad(param, v, className[T](a))
	}
	return t
}

// Module makes a module's table of functions. Reading a name that it does not
// have raises, with a suggestion. More names may be added with RawSetString.
func Module(vm *runtime.VM, name string, functions map[string]lua.LGFunction) *lua.LTable {
	t := vm.NewTable(0, len(functions))
	names := make([]string, 0, len(functions))
	for n := range functions {
		names = append(names, n)
	}
	slices.Sort(names) // tables remember the order of insertion
	for _, n := range names {
		t.RawSetString(n, vm.NewFunction(functions[n]))
	}
	mt := vm.NewTable(0, 3)
	mt.RawSetString("__name", lua.LString(name))
	mt.RawSetString("__metatable", lua.LString(name))
	mt.RawSetString("__index", vm.NewFunction(func(L *lua.LState) int {
		var known []string
		for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
			known = append(known, k.String())
		}
		raiseUnknown(L, name, "no such name", L.Get(2), known)
		return 0
	}))
	t.Metatable = mt
	return t
}

// recordKey finds the metatable of a kind of records in a VM.
type recordKey struct{ kind string }

// Record gives a plain table a __tostring; all tables of one kind share it.
func Record(vm *runtime.VM, kind string, t *lua.LTable, text func(L *lua.LState, t *lua.LTable) string) *lua.LTable {
	mt, ok := vm.Value(recordKey{kind}).(*lua.LTable)
	if !ok {
		mt = vm.NewTable(0, 2)
		mt.RawSetString("__name", lua.LString(kind))
		mt.RawSetString("__tostring", vm.NewFunction(func(L *lua.LState) int {
			a := Read(L, "tostring")
			L.Push(lua.LString(text(L, a.Table("self"))))
			return 1
		}))
		vm.SetValue(recordKey{kind}, mt)
	}
	t.Metatable = mt
	return t
}
