package runtime

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"sort"

	lua "github.com/yuin/gopher-lua"
)

// maxNested bounds how deep converted data may nest.
const maxNested = 200

// ToLua makes a Lua value of a Go one: nil, booleans, numbers, strings and byte
// slices (as strings), other slices and arrays (as lists), maps with string or
// number keys and structs (as tables), functions, [Object]s and [Exposer]s, errors (as error
// objects), and Go values whose type [VM.DefineType] knows. Data is copied. Of a
// struct that is passed by value the exported fields are, with their names in
// snake_case or what a tag luar:"name" says; luar:"-" hides one. A whole number
// that a float64 cannot hold is an error, never rounded.
func (vm *VM) ToLua(v any) (lua.LValue, error) { return vm.fromGo(v, 0) }

func (vm *VM) fromGo(v any, depth int) (lua.LValue, error) {
	if depth > maxNested {
		return nil, fmt.Errorf("data nests deeper than %d", maxNested)
	}
	switch v := v.(type) {
	case nil:
		return lua.LNil, nil
	case lua.LValue:
		return v, nil
	case bool:
		return lua.LBool(v), nil
	case string:
		if len(v) > vm.cfg.Limits.StringBytes {
			return nil, vm.stringLimit(len(v))
		}
		return lua.LString(v), nil
	case float64:
		return lua.LNumber(v), nil
	case int:
		return wholeNumber(int64(v))
	case *Func:
		if v == nil {
			return lua.LNil, nil
		}
		if v.vm != vm {
			return nil, fmt.Errorf("a function of another Runtime cannot be passed")
		}
		return v.fn, nil
	case []byte:
		if v == nil {
			return lua.LNil, nil
		}
		return vm.fromGo(string(v), depth)
	case Object:
		return vm.object(v)
	case *Error:
		if v != nil && v.raw != nil && v.vm == vm {
			return v.raw, nil
		}
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.Pointer && r.IsNil() {
		return lua.LNil, nil // also of a type with methods
	}
	if mt := vm.types[reflect.TypeOf(v)]; mt != nil {
		return vm.Wrap(v), nil
	}
	if e, ok := v.(Exposer); ok {
		return vm.object(Object{v, e.LuaMethods()})
	}
	if err, ok := v.(error); ok {
		return vm.errorUserdata(&errorObject{err: err, message: err.Error(), code: errorCode(err), hint: errorHint(err), status: errorStatus(err)}), nil
	}
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Bool:
		return lua.LBool(r.Bool()), nil
	case reflect.String:
		return vm.fromGo(r.String(), depth)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return wholeNumber(r.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if u := r.Uint(); u <= math.MaxInt64 {
			return wholeNumber(int64(u))
		}
		return nil, fmt.Errorf("%d is too large for a Lua number: pass it as a string", r.Uint())
	case reflect.Float32, reflect.Float64:
		return lua.LNumber(r.Float()), nil
	case reflect.Slice, reflect.Array:
		t := vm.root.CreateTable(r.Len(), 0)
		for i := range r.Len() {
			e, err := vm.fromGo(r.Index(i).Interface(), depth+1)
			if err != nil {
				return nil, err
			}
			t.RawSetInt(i+1, e)
		}
		return t, nil
	case reflect.Map:
		return vm.fromMap(r, depth)
	case reflect.Struct:
		if fields := structFields(r.Type()); len(fields) > 0 {
			return vm.fromStruct(r, fields, depth)
		}
	case reflect.Func:
		if r.IsNil() {
			return lua.LNil, nil
		}
		return vm.guestFunc(r, "function", false)
	}
	return nil, fmt.Errorf("a Go value of type %T cannot be passed to Lua: pass plain data, or name the methods that scripts may call (runtime.Object)", v)
}

// fromNamed is fromGo of what stands under a key, by which a function is called
// in messages.
func (vm *VM) fromNamed(key lua.LValue, v reflect.Value, depth int) (lua.LValue, error) {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if v.Kind() == reflect.Func && !v.IsNil() && vm.types[v.Type()] == nil {
		return vm.guestFunc(v, key.String(), false)
	}
	if !v.IsValid() {
		return lua.LNil, nil
	}
	return vm.fromGo(v.Interface(), depth)
}

func (vm *VM) fromStruct(r reflect.Value, fields []structField, depth int) (lua.LValue, error) {
	t := vm.NewTable(0, len(fields))
	for _, f := range fields {
		v, err := r.FieldByIndexErr(f.Index)
		if err != nil {
			continue // of an embedded pointer that is nil
		}
		e, err := vm.fromNamed(lua.LString(f.name), v, depth+1)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		t.RawSetString(f.name, e)
	}
	return t, nil
}

func (vm *VM) fromMap(r reflect.Value, depth int) (lua.LValue, error) {
	keys := r.MapKeys()
	// Tables remember the order of insertion: sorted keys make it repeatable.
	sort.Slice(keys, func(i, j int) bool { return fmt.Sprint(keys[i]) < fmt.Sprint(keys[j]) })
	t := vm.NewTable(0, len(keys))
	several, seen := r.Type().Key().Kind() == reflect.Interface, map[lua.LValue]bool{}
	for _, k := range keys {
		key, err := vm.fromGo(k.Interface(), depth+1)
		if err != nil {
			return nil, err
		}
		value, err := vm.fromNamed(key, r.MapIndex(k), depth+1)
		if err != nil {
			return nil, fmt.Errorf("%v: %w", k, err)
		}
		if err := checkMapKey(key); err != nil {
			return nil, fmt.Errorf("map key %v %w", k, err)
		}
		if several { // types of keys: 1 and 1.0 are two keys in Go
			if seen[key] {
				return nil, fmt.Errorf("map key %v is one number with another of another type", k)
			}
			seen[key] = true
		}
		t.RawSet(key, value)
	}
	return t, nil
}

// checkMapKey says why key cannot be the key of a map that becomes a table.
func checkMapKey(key lua.LValue) error {
	switch n := key.(type) {
	case lua.LString:
	case lua.LNumber:
		if float64(n) > sparseFree || math.IsNaN(float64(n)) {
			return errors.New("cannot be a table index: use strings")
		}
	default:
		return fmt.Errorf("is a %s for Lua, want a string or a number", typeName(key))
	}
	return nil
}

func wholeNumber(n int64) (lua.LValue, error) {
	if n > 1<<53 || n < -1<<53 {
		return nil, fmt.Errorf("%d is too large for a Lua number: pass it as a string", n)
	}
	return lua.LNumber(n), nil
}

// ToGo makes plain Go data of a Lua value: nil, bool, float64, string, []any
// for a list, map[string]any for any other table (an empty table is an empty
// list; number keys become strings, none of which may be there twice), and for a userdata the Go value in it. Functions,
// coroutines, tables that contain themselves and more than 1,048,576 values
// (a table counts wherever it is met again) are errors.
func ToGo(v lua.LValue) (any, error) { return toGoAtMost(v, 1<<20) }

func toGoAtMost(v lua.LValue, max int) (any, error) {
	met := 0
	c := &converter{open: map[*lua.LTable]bool{}, poll: func(n int) error {
		if met += n; met > max {
			return fmt.Errorf("more than %d values", max)
		}
		return nil
	}}
	return c.value(v)
}

// toGo is ToGo that also hands out functions, for the results of Run, as many as
// the budget of L allows.
func (vm *VM) toGo(L *lua.LState, v lua.LValue) (any, error) {
	g, work := gateOf(L), 0
	c := &converter{vm: vm, open: map[*lua.LTable]bool{}, poll: func(n int) error {
		if work += 8 * n; work < pollSteps {
			return nil
		}
		work = 0
		return g.charge(max(pollSteps, 8*n))
	}}
	return c.value(v)
}

// converter makes Go data of Lua values. A table that holds another twice, which
// holds another twice, is small and has no end: poll is told of every value.
type converter struct {
	vm   *VM                  // nil: functions are errors
	open map[*lua.LTable]bool // around the value
	poll func(values int) error
}

func (c *converter) value(v lua.LValue) (any, error) {
	switch v := v.(type) {
	case *lua.LNilType:
		return nil, nil
	case lua.LBool:
		return bool(v), nil
	case lua.LNumber:
		return float64(v), nil
	case lua.LString:
		return string(v), nil
	case *lua.LUserData:
		if o, ok := v.Value.(*errorObject); ok {
			return o.err, nil
		}
		return v.Value, nil
	case *lua.LFunction:
		if c.vm != nil {
			return &Func{vm: c.vm, fn: v}, nil
		}
	case *lua.LTable:
		return c.table(v)
	}
	return nil, fmt.Errorf("a Lua %s cannot become a Go value", v.Type())
}

func (c *converter) table(t *lua.LTable) (any, error) {
	if c.open[t] {
		return nil, fmt.Errorf("a table contains itself")
	}
	if len(c.open) >= maxNested {
		return nil, fmt.Errorf("tables nest deeper than %d", maxNested)
	}
	c.open[t] = true
	defer delete(c.open, t)

	n, entries := t.Len(), 0
	for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
		entries++
		if err := c.poll(1); err != nil {
			return nil, err
		}
	}
	if err := c.poll(1); err != nil {
		return nil, err
	}
	if entries == n {
		list := make([]any, n)
		for i := range list {
			e, err := c.value(t.RawGetInt(i + 1))
			if err != nil {
				return nil, fmt.Errorf("[%d]: %w", i+1, err)
			}
			list[i] = e
		}
		return list, nil
	}
	out := make(map[string]any, entries)
	for k, e := t.Next(lua.LNil); k != lua.LNil; k, e = t.Next(k) {
		var key string
		switch k := k.(type) {
		case lua.LString:
			key = string(k)
		case lua.LNumber:
			key = formatNumber(float64(k))
		default:
			return nil, fmt.Errorf("a table key of type %s cannot become a Go value", k.Type())
		}
		if _, twice := out[key]; twice {
			return nil, fmt.Errorf("two table keys are both %s as text", Quote(key))
		}
		value, err := c.value(e)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		out[key] = value
	}
	return out, nil
}
