package runtime

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"

	lua "github.com/yuin/gopher-lua"
	luar "layeh.com/gopher-luar"
)

// guest makes a Lua value of an embedder's own: plain data is copied, anything
// with methods goes through gopher-luar with only the methods that the
// embedder named. gopher-luar alone would show every exported method and
// field, in two spellings.
func (vm *VM) guest(L *lua.LState, value any, methods []string) (lua.LValue, error) {
	if len(methods) == 0 {
		if v, err := vm.ToLua(value); err == nil {
			return v, nil
		}
	}
	r := reflect.ValueOf(value)
	if r.Kind() == reflect.Func {
		if len(methods) > 0 {
			return nil, fmt.Errorf("a function has no methods: got %v", methods)
		}
		if err := refuseCallbacks(r.Type(), 0); err != nil {
			return nil, err
		}
		return vm.guestCall(luar.New(L, value).(*lua.LFunction), r.Type()), nil
	}
	if r.Kind() == reflect.Pointer && r.IsNil() {
		return nil, fmt.Errorf("got a nil %T", value)
	}
	if len(methods) == 0 {
		return nil, fmt.Errorf("a %T shows nothing of itself: name the methods that scripts may call", value)
	}
	object := vm.root.CreateTable(0, len(methods))
	names := make([]string, 0, len(methods))
	ud := &lua.LUserData{Value: value, Env: vm.root.Env}
	for _, name := range methods {
		m := r.MethodByName(name)
		if !m.IsValid() {
			return nil, fmt.Errorf("%T has no exported method %q", value, name)
		}
		if err := refuseCallbacks(m.Type(), 0); err != nil {
			return nil, fmt.Errorf("method %s: %w", name, err)
		}
		bound := luar.New(L, m.Interface()).(*lua.LFunction)
		object.RawSetString(snakeCase(name), vm.guestMethod(vm.guestCall(bound, m.Type()), ud, snakeCase(name)))
		names = append(names, snakeCase(name))
	}
	mt := vm.root.NewTable()
	typeName := strings.TrimPrefix(r.Type().String(), "*")
	mt.RawSetString("__name", lua.LString(typeName))
	mt.RawSetString("__metatable", lua.LString(typeName))
	mt.RawSetString("__tostring", vm.NewFunction(func(L *lua.LState) int {
		if s, ok := value.(fmt.Stringer); ok {
			L.Push(vm.str(L, s.String()))
		} else {
			L.Push(lua.LString(typeName))
		}
		return 1
	}))
	mt.RawSetString("__index", vm.NewFunction(func(L *lua.LState) int {
		key := L.Get(2).String()
		v := object.RawGetString(key)
		if v == lua.LNil {
			f := Faultf(CodeValidation, "%s: no such method %s", typeName, Quote(key))
			if near := Nearest(key, names); near != "" {
				f.Hint = fmt.Sprintf("did you mean %q?", near)
			}
			vm.Raise(L, f)
		}
		L.Push(v)
		return 1
	}))
	ud.Metatable = mt
	return ud, nil
}

// refuseCallbacks rejects functions that take functions: gopher-luar would
// call them on a thread that no budget watches.
func refuseCallbacks(t reflect.Type, from int) error {
	for i := from; i < t.NumIn(); i++ {
		if in := t.In(i); in.Kind() == reflect.Func || in.Kind() == reflect.Chan {
			return fmt.Errorf("parameter %d is a %s, which a script cannot give: use a module with a hand-written function", i+1, in.Kind())
		}
	}
	return nil
}

// guestMethod drops self from the arguments of a bound method.
func (vm *VM) guestMethod(call *lua.LFunction, self *lua.LUserData, name string) *lua.LFunction {
	return vm.NewFunction(func(L *lua.LState) int {
		if L.Get(1) != lua.LValue(self) {
			vm.badArg(L, name, "self", L.Get(1), "the object itself (call it with a colon)")
		}
		L.Remove(1)
		return call.GFunction(L)
	})
}

var errorType = reflect.TypeFor[error]()

// guestCall calls a Go function of type t through gopher-luar, turns its
// results into plain Lua values, and raises its last result when that is an
// error.
func (vm *VM) guestCall(fn *lua.LFunction, t reflect.Type) *lua.LFunction {
	fails := t.NumOut() > 0 && t.Out(t.NumOut()-1) == errorType
	return vm.NewFunction(func(L *lua.LState) int {
		args := stackArgs(L, 1)
		top := L.GetTop()
		L.Push(fn)
		pushAll(L, args)
		L.Call(len(args), lua.MultRet)
		n := L.GetTop() - top
		if fails && n == t.NumOut() {
			switch v := L.Get(-1).(type) {
			case *lua.LNilType:
			case *lua.LUserData:
				if err, ok := v.Value.(error); ok {
					vm.Raise(L, err)
				}
			default: // an error type of a plain kind, such as a string
				vm.Raise(L, Faultf(CodeError, "%s", v.String()))
			}
			L.Pop(1)
			n--
		}
		for i := top + 1; i <= top+n; i++ {
			if ud, ok := L.Get(i).(*lua.LUserData); ok {
				if v, err := vm.ToLua(ud.Value); err == nil {
					L.Replace(i, v)
				}
			}
		}
		return n
	})
}

// snakeCase turns a Go name into a Lua one: NextState is next_state.
func snakeCase(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, c := range runes {
		if unicode.IsUpper(c) {
			if i > 0 && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
				b.WriteByte('_')
			}
			c = unicode.ToLower(c)
		}
		b.WriteRune(c)
	}
	return b.String()
}
