package runtime

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"unicode"
	"weak"

	goruntime "runtime"

	lua "github.com/yuin/gopher-lua"
	luar "layeh.com/gopher-luar"
)

// An Object is a Go value together with the methods of it that scripts may
// call, by their Go names; they see them in snake_case, and nothing else of the
// value. It may stand wherever a Go value goes into Lua: in [Runtime.Set], as an
// argument of Run and Call, as a result of a Go function, inside lists and maps.
// A script that hands it back gives Value.
type Object struct {
	Value   any
	Methods []string
}

// An Exposer is a Go value that names the methods of it that scripts may call,
// by their Go names: wherever it goes into Lua it is an [Object] by itself.
type Exposer interface {
	LuaMethods() []string
}

// A guestClass is what all objects of one Go type and list of methods share:
// their metatable, and so their functions.
type guestClass struct {
	number int
	name   string
	index  map[string]*lua.LFunction
	names  []string
	mt     *lua.LTable
}

type classKey struct {
	t       reflect.Type
	methods string // joined
}

// guests are the values of the embedder's own that a VM knows.
type guests struct {
	classes map[classKey]*guestClass
	now     *guestCall // the call that gopher-luar is about to make
	objects *guestObjects
}

// guestObjects finds the userdata of a pointer again: one object is one value in
// Lua, equal to itself and one key of a table. Cleanups hold it: nothing in it
// may lead to the VM, or a userdata in a global would keep everything alive.
type guestObjects struct {
	mu sync.Mutex // cleanups run anywhere
	of map[objectKey]weak.Pointer[lua.LUserData]
}

// objectKey is an address, which is an object's as long as its userdata lives,
// and the number of its class.
type objectKey struct {
	address uintptr
	class   int
}

// guestCall is one call of a Go function by a script.
type guestCall struct {
	L   *lua.LState
	out []reflect.Value
}

// global is the value of a global that the host sets.
func (vm *VM) global(name string, value any, methods []string) (lua.LValue, error) {
	if len(methods) > 0 {
		return vm.object(Object{value, methods})
	}
	r := reflect.ValueOf(value)
	if r.Kind() == reflect.Func && !r.IsNil() && vm.types[r.Type()] == nil {
		return vm.guestFunc(r, name, false) // knows its name
	}
	return vm.ToLua(value)
}

// object is the userdata of o.
func (vm *VM) object(o Object) (lua.LValue, error) {
	r := reflect.ValueOf(o.Value)
	switch {
	case !r.IsValid() || (r.Kind() == reflect.Pointer || r.Kind() == reflect.Map) && r.IsNil():
		return nil, fmt.Errorf("got a nil %T", o.Value)
	case r.Kind() == reflect.Func:
		return nil, fmt.Errorf("a function has no methods: got %v", o.Methods)
	case len(o.Methods) == 0:
		return nil, fmt.Errorf("a %T shows nothing of itself: name the methods that scripts may call", o.Value)
	}
	class, err := vm.class(r.Type(), o.Methods)
	if err != nil {
		return nil, err
	}
	if r.Kind() != reflect.Pointer {
		return &lua.LUserData{Value: o.Value, Env: vm.root.Env, Metatable: class.mt}, nil
	}
	if vm.guests.objects == nil {
		vm.guests.objects = &guestObjects{of: map[objectKey]weak.Pointer[lua.LUserData]{}}
	}
	g := vm.guests.objects
	g.mu.Lock()
	defer g.mu.Unlock()
	key := objectKey{r.Pointer(), class.number}
	if ud := g.of[key].Value(); ud != nil {
		return ud, nil
	}
	ud := &lua.LUserData{Value: o.Value, Env: vm.root.Env, Metatable: class.mt}
	w := weak.Make(ud)
	g.of[key] = w
	goruntime.AddCleanup(ud, func(key objectKey) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.of[key] == w {
			delete(g.of, key)
		}
	}, key)
	return ud, nil
}

// class makes what objects of type t with these methods share.
func (vm *VM) class(t reflect.Type, methods []string) (*guestClass, error) {
	key := classKey{t, strings.Join(methods, " ")}
	if c := vm.guests.classes[key]; c != nil {
		return c, nil
	}
	c := &guestClass{number: len(vm.guests.classes), name: strings.TrimPrefix(t.String(), "*"), index: map[string]*lua.LFunction{}}
	for _, name := range methods {
		m, ok := t.MethodByName(name)
		if !ok {
			return nil, fmt.Errorf("%v has no exported method %q", t, name)
		}
		fn, err := vm.guestFunc(m.Func, snakeCase(name), true)
		if err != nil {
			return nil, fmt.Errorf("method %s: %w", name, err)
		}
		c.index[snakeCase(name)] = fn
		c.names = append(c.names, snakeCase(name))
	}
	slices.Sort(c.names)
	c.mt = vm.NewTable(0, 8)
	c.mt.RawSetString("__name", lua.LString(c.name))
	c.mt.RawSetString("__metatable", lua.LString(c.name))
	c.mt.RawSetString("__tostring", vm.NewFunction(func(L *lua.LState) int {
		text := c.name
		if ud, ok := L.Get(1).(*lua.LUserData); ok && ud.Metatable == lua.LValue(c.mt) {
			if s, ok := ud.Value.(fmt.Stringer); ok {
				text = s.String()
			}
		}
		L.Push(vm.str(L, text))
		return 1
	}))
	c.mt.RawSetString("__index", vm.NewFunction(func(L *lua.LState) int {
		key := L.Get(2).String()
		fn := c.index[key]
		if fn == nil {
			f := Faultf(CodeValidation, "%s: no such method %s", c.name, Quote(key))
			if near := Nearest(key, c.names); near != "" {
				f.Hint = fmt.Sprintf("did you mean %q?", near)
			}
			vm.Raise(L, f)
		}
		L.Push(fn)
		return 1
	}))
	if vm.guests.classes == nil {
		vm.guests.classes = map[classKey]*guestClass{}
	}
	vm.guests.classes[key] = c
	return c, nil
}

var (
	errorType   = reflect.TypeFor[error]()
	contextType = reflect.TypeFor[context.Context]()
	funcType    = reflect.TypeFor[*Func]()
	lvalueType  = reflect.TypeFor[lua.LValue]()
	anyType     = reflect.TypeFor[any]()
)

// guestFunc is fn, a function or with self a method expression, as a Lua
// function. gopher-luar converts what has been found to fit, and calls; results
// become plain Lua values, and a last one that is an error is raised. Where the
// first parameter (after self) is a context, fn gets the call's, and other tasks
// run meanwhile.
func (vm *VM) guestFunc(fn reflect.Value, name string, self bool) (*lua.LFunction, error) {
	t := fn.Type()
	first := 0
	if self {
		first = 1
	}
	waits := t.NumIn() > first && t.In(first) == contextType
	in := make([]reflect.Type, 0, t.NumIn())
	for i := range t.NumIn() {
		if waits && i == first {
			continue
		}
		if err := checkParameter(t.In(i), waits); err != nil {
			return nil, fmt.Errorf("parameter %d %w", i+1-first, err)
		}
		in = append(in, t.In(i))
	}
	fails := t.NumOut() > 0 && t.Out(t.NumOut()-1) == errorType

	shim := reflect.MakeFunc(reflect.FuncOf(in, nil, t.IsVariadic()), func(args []reflect.Value) []reflect.Value {
		c := vm.guests.now
		vm.guests.now = nil // or the results would live until the next call
		call := fn.Call
		if t.IsVariadic() {
			call = fn.CallSlice
		}
		if !waits {
			c.out = call(args)
			return nil
		}
		args = slices.Insert(args, first, reflect.ValueOf(vm.Context(c.L)))
		if err := vm.Wait(c.L, func() { c.out = call(args) }); err != nil {
			vm.Raise(c.L, err)
		}
		return nil
	})
	bound := luar.New(vm.root, shim.Interface()).(*lua.LFunction)
	return vm.NewFunction(func(L *lua.LState) int {
		vm.guestArgs(L, name, in, t.IsVariadic(), self)
		c := &guestCall{L: L}
		vm.guests.now = c
		n := L.GetTop()
		L.Insert(bound, 1)
		L.Call(n, 0)

		out := c.out
		if fails {
			if err, ok := out[len(out)-1].Interface().(error); ok {
				vm.Raise(L, err)
			}
			out = out[:len(out)-1]
		}
		for i, r := range out {
			v, err := vm.ToLua(r.Interface())
			if err != nil {
				fault := Faultf(CodeValidation, "%s: result %d: %w", name, i+1, err)
				if limit := (*LimitError)(nil); errors.As(err, &limit) {
					fault.Code, fault.Hint = CodeLimit, limit.ErrorHint()
				}
				vm.Raise(L, fault)
			}
			L.Push(v)
		}
		return len(out)
	}), nil
}

// checkParameter refuses what a script cannot give. gopher-luar would call a
// Lua function on a thread that no budget watches.
func checkParameter(t reflect.Type, waits bool) error {
	switch {
	case t.Kind() == reflect.Func:
		return fmt.Errorf("is a func, which a script cannot give: take a *runtime.Func, for Runtime.Call")
	case t.Kind() == reflect.Chan:
		return fmt.Errorf("is a chan, which a script cannot give: take plain data")
	case waits && t.Implements(lvalueType):
		return fmt.Errorf("is a Lua value, which must not be touched while other tasks run: take plain data")
	}
	return nil
}

// guestArgs fits the arguments on L's stack to the parameters of a Go function.
func (vm *VM) guestArgs(L *lua.LState, name string, in []reflect.Type, variadic, self bool) {
	from, most := 1, len(in)
	if self {
		from = 2
		ud, ok := L.Get(1).(*lua.LUserData)
		if !ok || reflect.TypeOf(ud.Value) != in[0] {
			vm.badArg(L, name, "self", L.Get(1), "the object itself (call it with a colon)")
		}
	}
	fixed := len(in)
	if variadic {
		fixed--
	}
	if n := L.GetTop(); n > most && !variadic {
		vm.Raise(L, Faultf(CodeValidation, "%s: got %d arguments, want %d", name, n-from+1, most-from+1))
	}
	for L.GetTop() < fixed { // what may be nil may be left out
		L.Push(lua.LNil)
	}
	g := guestArg{vm: vm, L: L}
	for i := from; i <= L.GetTop(); i++ {
		t := in[min(i, len(in))-1]
		if variadic && i >= len(in) {
			t = t.Elem()
		}
		v, err := g.fit(L.Get(i), t)
		if err != nil {
			vm.Raise(L, &Fault{Code: CodeValidation, Message: fmt.Sprintf("%s: argument %d: %v", name, i-from+1, err), Hint: errorHint(err), Err: err})
		}
		L.Replace(i, v)
	}
}

// keywords are the names that Lua keeps for itself.
const keywords = " and break do else elseif end false for function goto if in local nil not or repeat return then true until while "

// isName reports whether a script can write name as a global.
func isName(name string) bool {
	for i, c := range []byte(name) {
		if !isWordByte(c) || i == 0 && c <= '9' {
			return false
		}
	}
	return name != "" && !strings.Contains(keywords, " "+name+" ")
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
