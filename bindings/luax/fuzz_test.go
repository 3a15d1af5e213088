package luax_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/internal/testkit"
	"github.com/hudrl/hudrl/runtime"
)

// trial is one run of the target: what the bytes say is tried from inside a host
// function, and what is wrong is collected.
type trial struct {
	L         *lua.LState
	vm        *runtime.VM
	b         *testkit.Bytes
	index     lua.LValue // function(o, k) return o[k] end
	assign    lua.LValue // function(o, k, v) o[k] = v end
	equal     lua.LValue // function(a, b) return a == b end
	closure   lua.LValue
	module    lua.LValue
	wrong     []string
	described string
}

func (t *trial) errorf(format string, args ...any) {
	t.wrong = append(t.wrong, t.described+": "+fmt.Sprintf(format, args...))
}

// value is any Lua value.
func (t *trial) value(depth int) lua.LValue {
	switch t.b.Choose(12) {
	case 0:
		return lua.LNil
	case 1:
		return lua.LBool(t.b.Choose(2) == 1)
	case 2, 3, 4:
		return lua.LNumber(t.b.Number())
	case 5, 6:
		return lua.LString(t.b.Text())
	case 7:
		return testkit.Pick(t.b, []lua.LValue{t.closure, t.vm.NewFunction(func(*lua.LState) int { return 0 })})
	case 8:
		return testkit.Pick(t.b, []lua.LValue{luax.Wrap(t.L, &point{1, 2}), luax.Wrap(t.L, &plain{3}),
			t.vm.ErrorValue(t.L, errors.New("some error")), &lua.LUserData{}, &lua.LUserData{Value: point{}}, t.L, t.module})
	}
	return t.table(depth)
}

func (t *trial) table(depth int) *lua.LTable {
	out := t.vm.NewTable(0, 0)
	if depth > 3 {
		return out
	}
	mostly := t.b.Choose(4) // of one kind, so that lists are lists
	for i := range t.b.Choose(6) {
		switch mostly {
		case 0:
			out.RawSetInt(i+1, lua.LNumber(t.b.Number()))
		case 1:
			out.RawSetInt(i+1, lua.LString(t.b.Text()))
		default:
			out.RawSetInt(i+1, t.value(depth+1))
		}
	}
	for range t.b.Choose(4) {
		key := t.value(depth + 1)
		if n, ok := key.(lua.LNumber); key == lua.LNil || ok && (math.IsNaN(float64(n)) || n > 1000) {
			continue
		}
		out.RawSet(key, t.value(depth+1))
	}
	if t.b.Choose(8) == 1 { // readers look at what a table holds, never at what it pretends to
		mt := t.vm.NewTable(0, 1)
		mt.RawSetString("__index", t.closure)
		mt.RawSetString("__len", t.closure)
		out.Metatable = mt
	}
	return out
}

// wanted is what a reader must make of a value, and whether it takes it at all.
type wanted func(v lua.LValue) (any, bool)

func wantString(v lua.LValue) (any, bool) { s, ok := v.(lua.LString); return string(s), ok }
func wantNumber(v lua.LValue) (any, bool) { n, ok := v.(lua.LNumber); return float64(n), ok }
func wantBool(v lua.LValue) (any, bool)   { b, ok := v.(lua.LBool); return bool(b), ok }
func wantTable(v lua.LValue) (any, bool)  { b, ok := v.(*lua.LTable); return b, ok }
func wantFunc(v lua.LValue) (any, bool)   { b, ok := v.(*lua.LFunction); return b, ok }
func wantInt(v lua.LValue) (any, bool) {
	n, ok := v.(lua.LNumber)
	f := float64(n)
	return int(int64(f)), ok && f == math.Floor(f) && f >= -1<<53 && f <= 1<<53
}
func wantPoint(v lua.LValue) (any, bool) {
	ud, ok := v.(*lua.LUserData)
	if !ok {
		return nil, false
	}
	p, ok := ud.Value.(*point)
	return p, ok
}

// or is w with a default for nil.
func (w wanted) or(def any) wanted {
	return func(v lua.LValue) (any, bool) {
		if v == lua.LNil {
			return def, true
		}
		return w(v)
	}
}

var argReaders = []struct {
	name string
	read func(a *luax.Args) any
	want wanted
}{
	{"String", func(a *luax.Args) any { return a.String("p") }, wantString},
	{"OptString", func(a *luax.Args) any { return a.OptString("p", "d") }, wanted(wantString).or("d")},
	{"Number", func(a *luax.Args) any { return a.Number("p") }, wantNumber},
	{"OptNumber", func(a *luax.Args) any { return a.OptNumber("p", 4) }, wanted(wantNumber).or(4.0)},
	{"Int", func(a *luax.Args) any { return a.Int("p") }, wantInt},
	{"OptInt", func(a *luax.Args) any { return a.OptInt("p", 4) }, wanted(wantInt).or(4)},
	{"Bool", func(a *luax.Args) any { return a.Bool("p") }, wantBool},
	{"OptBool", func(a *luax.Args) any { return a.OptBool("p", true) }, wanted(wantBool).or(true)},
	{"Table", func(a *luax.Args) any { return a.Table("p") }, wantTable},
	{"OptTable", func(a *luax.Args) any { return a.OptTable("p") }, wanted(wantTable).or((*lua.LTable)(nil))},
	{"Func", func(a *luax.Args) any { return a.Func("p") }, wantFunc},
	{"OptFunc", func(a *luax.Args) any { return a.OptFunc("p") }, wanted(wantFunc).or((*lua.LFunction)(nil))},
	{"Any", func(a *luax.Args) any { return a.Any() }, func(v lua.LValue) (any, bool) { return v, true }},
	{"Value", func(a *luax.Args) any { return a.Value("p") }, func(v lua.LValue) (any, bool) { return v, v != lua.LNil }},
	{"Self", func(a *luax.Args) any { return luax.Self[*point](a) }, wantPoint},
	{"Object", func(a *luax.Args) any { return luax.Object[*point](a, "p") }, wantPoint},
}

// call runs f as the host function "f" with args; ok is false when it raised.
func (t *trial) call(f func(a *luax.Args), args ...lua.LValue) (ok bool) {
	return t.callLua(t.vm.NewFunction(func(L *lua.LState) int {
		a := luax.Read(L, "f")
		f(&a)
		return 0
	}), "f: ", args...)
}

// callLua calls fn; an error must be one that a script can act on.
func (t *trial) callLua(fn lua.LValue, prefix string, args ...lua.LValue) (ok bool) {
	_, err := t.vm.Call(t.L, fn, args...)
	if err == nil {
		return true
	}
	var e *runtime.Error
	switch {
	case errors.Is(err, runtime.ErrHostBug), !errors.As(err, &e), e.Code != runtime.CodeValidation, !strings.HasPrefix(e.Message, prefix):
		t.errorf("got the error %v", err)
	case len(e.Message) > 1000:
		t.errorf("got an error of %d bytes: %s", len(e.Message), e.Message)
	}
	return false
}

func same(a, b any) bool {
	if x, ok := a.(float64); ok {
		y, ok := b.(float64)
		return ok && math.Float64bits(x) == math.Float64bits(y)
	}
	return reflect.DeepEqual(a, b)
}

// args reads some arguments, one after the other.
func (t *trial) args() {
	values := make([]lua.LValue, t.b.Choose(5))
	for i := range values {
		values[i] = t.value(0)
	}
	end := t.b.Choose(3) // 0: End, 1: Rest, 2: neither
	var got, want []any
	good, failed := true, ""
	n := t.b.Choose(5)
	readers := argReaders[:0:0]
	for i := range n {
		r := testkit.Pick(t.b, argReaders)
		readers = append(readers, r)
		t.described += " " + r.name
		v := lua.LValue(lua.LNil)
		if i < len(values) {
			v = values[i]
			t.described += fmt.Sprintf("(%.40q)", v.String())
		}
		w, ok := r.want(v)
		if good = good && ok; !good && failed == "" {
			failed = r.name
		}
		want = append(want, w)
	}
	if end == 0 && len(values) > n {
		good = false
	}
	ok := t.call(func(a *luax.Args) {
		for _, r := range readers {
			got = append(got, r.read(a))
		}
		switch end {
		case 0:
			a.End()
		case 1:
			rest := a.Rest()
			if wantRest := max(len(values)-n, 0); len(rest) != wantRest || a.Left() != 0 {
				t.errorf("Rest: got %d, want %d", len(rest), wantRest)
			}
			for i, v := range rest {
				if !same(v, values[n+i]) && v == v { // NaN is no longer itself
					t.errorf("Rest: got %v, want %v", v, values[n+i])
				}
			}
		}
	}, values...)
	switch {
	case ok != good:
		t.errorf("got %v (%v), want %v (%s)", ok, got, good, failed)
	case ok && !slices.EqualFunc(got, want, func(a, b any) bool { return same(a, b) || a != a || b != b }):
		t.errorf("got %#v, want %#v", got, want)
	}
}

var optionNames = []string{"x", "n", "abc", "k", "learning_rate"}

var optionReaders = []struct {
	name string
	read func(o *luax.Options, name string) any
	want wanted
}{
	{"Value", func(o *luax.Options, n string) any { return o.Value(n) }, func(v lua.LValue) (any, bool) { return v, true }},
	{"Has", func(o *luax.Options, n string) any { return o.Has(n) }, func(v lua.LValue) (any, bool) { return v != lua.LNil, true }},
	{"String", func(o *luax.Options, n string) any { return o.String(n, "d") }, wanted(wantString).or("d")},
	{"NeedString", func(o *luax.Options, n string) any { return o.NeedString(n) }, wantString},
	{"Number", func(o *luax.Options, n string) any { return o.Number(n, 4) }, wanted(wantNumber).or(4.0)},
	{"NeedNumber", func(o *luax.Options, n string) any { return o.NeedNumber(n) }, wantNumber},
	{"Int", func(o *luax.Options, n string) any { return o.Int(n, 4) }, wanted(wantInt).or(4)},
	{"NeedInt", func(o *luax.Options, n string) any { return o.NeedInt(n) }, wantInt},
	{"Bool", func(o *luax.Options, n string) any { return o.Bool(n, true) }, wanted(wantBool).or(true)},
	{"Table", func(o *luax.Options, n string) any { return o.Table(n) }, wanted(wantTable).or((*lua.LTable)(nil))},
	{"Func", func(o *luax.Options, n string) any { return o.Func(n) }, wanted(wantFunc).or((*lua.LFunction)(nil))},
	{"OneOf", func(o *luax.Options, n string) any { return o.OneOf(n, "d", "abc", "1", "x") }, wanted(func(v lua.LValue) (any, bool) {
		s, ok := v.(lua.LString)
		return string(s), ok && slices.Contains([]string{"abc", "1", "x"}, string(s))
	}).or("d")},
}

// options reads an option table.
func (t *trial) options() {
	given := t.value(0)
	if t.b.Choose(3) > 0 { // one whose names are right
		o := t.vm.NewTable(0, 4)
		for range t.b.Choose(4) {
			o.RawSetString(testkit.Pick(t.b, optionNames), t.value(1))
		}
		given = o
	}
	table, isTable := given.(*lua.LTable)
	good := isTable || given == lua.LNil
	if isTable {
		for k, _ := table.Next(lua.LNil); k != lua.LNil; k, _ = table.Next(k) {
			name, ok := k.(lua.LString)
			good = good && ok && slices.Contains(optionNames, string(name))
		}
	}
	type reading struct{ reader, name int }
	readings := make([]reading, t.b.Choose(4))
	var got, want []any
	for i := range readings {
		r := reading{t.b.Choose(len(optionReaders)), t.b.Choose(len(optionNames))}
		readings[i] = r
		t.described += " " + optionReaders[r.reader].name + " " + optionNames[r.name]
		v := lua.LValue(lua.LNil)
		if isTable {
			v = table.RawGetString(optionNames[r.name])
		}
		w, ok := optionReaders[r.reader].want(v)
		good = good && ok
		want = append(want, w)
	}
	ok := t.call(func(a *luax.Args) {
		o := a.Options(optionNames...)
		for _, r := range readings {
			got = append(got, optionReaders[r.reader].read(&o, optionNames[r.name]))
		}
		a.End()
	}, given)
	switch {
	case ok != good:
		t.errorf("got %v, want %v", ok, good)
	case ok && !slices.EqualFunc(got, want, func(a, b any) bool { return same(a, b) || a != a || b != b }):
		t.errorf("got %#v, want %#v", got, want)
	}
}

// numbers reads a list of numbers of one type, and writes it back.
func numbers[T int | int32 | int64 | float32 | float64](t *trial, table *lua.LTable) {
	good := true
	for i := 1; i <= table.Len(); i++ {
		n, ok := table.RawGetInt(i).(lua.LNumber)
		f := float64(n)
		switch any(T(0)).(type) {
		case int32:
			ok = ok && f == math.Floor(f) && f >= math.MinInt32 && f <= math.MaxInt32
		case int, int64:
			ok = ok && f == math.Floor(f) && f >= -1<<53 && f <= 1<<53
		case float32:
			ok = ok && (math.IsInf(f, 0) || !math.IsInf(float64(float32(f)), 0))
		}
		good = good && ok
	}
	var got []T
	ok := t.call(func(a *luax.Args) { got = luax.Numbers[T](a, "p", a.Table("p")) }, table)
	if ok != good {
		t.errorf("Numbers[%T]: got %v (%v), want %v", T(0), ok, got, good)
	}
	if !ok {
		return
	}
	if len(got) != table.Len() {
		t.errorf("Numbers[%T]: got %d, want %d", T(0), len(got), table.Len())
		return
	}
	back := luax.List(t.vm, got)
	for i, v := range got {
		f := float64(table.RawGetInt(i + 1).(lua.LNumber))
		if T(f) != v && f == f || float64(back.RawGetInt(i+1).(lua.LNumber)) != float64(v) && v == v {
			t.errorf("Numbers[%T]: got %v, want %v", T(0), v, f)
		}
	}
}

func (t *trial) lists() {
	table := t.table(0)
	switch t.b.Choose(6) {
	case 0:
		numbers[int](t, table)
	case 1:
		numbers[int32](t, table)
	case 2:
		numbers[int64](t, table)
	case 3:
		numbers[float32](t, table)
	case 4:
		numbers[float64](t, table)
	case 5:
		good := true
		for i := 1; i <= table.Len(); i++ {
			_, ok := table.RawGetInt(i).(lua.LString)
			good = good && ok
		}
		var got []string
		ok := t.call(func(a *luax.Args) { got = luax.Strings(a, "p", a.Table("p")) }, table)
		if ok != good {
			t.errorf("Strings: got %v, want %v", ok, good)
		}
		back := luax.StringList(t.vm, got)
		for i, s := range got {
			if table.RawGetInt(i+1) != lua.LString(s) || back.RawGetInt(i+1) != lua.LString(s) {
				t.errorf("Strings: item %d is %q", i+1, s)
			}
		}
	}
}

// classes indexes, assigns to and compares an object, and looks into a module.
func (t *trial) classes() {
	p := luax.Wrap(t.L, &point{1, 2})
	key, value := t.value(0), t.value(0)
	t.described += fmt.Sprintf(" [%.40q]", key.String())
	isNumber := value.Type() == lua.LTNumber
	switch t.b.Choose(5) {
	case 0:
		good := key == lua.LNumber(2) || slices.Contains([]lua.LValue{lua.LString("x"), lua.LString("y"), lua.LString("moved"), lua.LString("same")}, key)
		if ok := t.callLua(t.index, "point: ", p, key); ok != good {
			t.errorf("index: got %v, want %v", ok, good)
		}
	case 1:
		good := key == lua.LString("x") && isNumber
		if ok := t.callLua(t.assign, "point: ", p, key, value); ok != good {
			t.errorf("assignment: got %v, want %v", ok, good)
		}
	case 2:
		same, _ := t.vm.Call(t.L, t.equal, p, value)
		q, isPoint := wantPoint(value)
		want := isPoint && q == p.(*lua.LUserData).Value
		if len(same) != 1 || same[0] != lua.LBool(want) {
			t.errorf("equality: got %v, want %v", same, want)
		}
	case 3:
		name, ok := key.(lua.LString)
		good := ok && slices.Contains([]string{"point", "plain", "step", "ids", "kinds", "record", "try"}, string(name))
		if ok := t.callLua(t.index, "m: ", t.module, key); ok != good {
			t.errorf("module: got %v, want %v", ok, good)
		}
	case 4: // its methods and metamethods, called on anything
		mt := p.(*lua.LUserData).Metatable.(*lua.LTable)
		name := testkit.Pick(t.b, []string{"__index", "__newindex", "__tostring", "__eq", "__add"})
		fn := mt.RawGetString(name)
		if methods, ok := fn.(*lua.LTable); ok {
			fn = methods.Metatable.(*lua.LTable).RawGetString(name)
		}
		t.callLua(fn, "", t.value(0), key, value)
	}
}

// Whatever a script gives them, the readers hand out what it was or raise an
// error of code "validation" that names the function.
func FuzzArgs(f *testing.F) {
	for mode := range byte(4) {
		for seed := range byte(24) {
			f.Add([]byte{mode, seed, 3, seed * 7, 1, seed * 11, 2, seed * 5, 6, seed, 9, seed * 3, 4, 1, seed})
		}
	}
	cfg := config()
	open := cfg.Modules[0].Open
	var failures []string
	var data []byte
	cfg.Modules[0].Open = func(vm *runtime.VM) (lua.LValue, error) {
		m, err := open(vm)
		m.(*lua.LTable).RawSetString("try", vm.NewFunction(func(L *lua.LState) int {
			t := &trial{L: L, vm: vm, b: testkit.NewBytes(data), module: m,
				index: L.Get(1), assign: L.Get(2), equal: L.Get(3), closure: L.Get(4)}
			tries := []func(*trial){(*trial).args, (*trial).options, (*trial).lists, (*trial).classes}
			testkit.Pick(t.b, tries)(t)
			failures = t.wrong
			return 0
		}))
		return m, err
	}
	cfg.Limits.WallTime = 10 * time.Second
	rt, err := runtime.New(cfg)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { rt.Close() })
	chunk, err := runtime.Compile("args.lua", `require("m").try(function(o, k) return o[k] end, function(o, k, v) o[k] = v end,
		function(a, b) return a == b end, function() return 1 end)`)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		data, failures = input, nil
		if _, err := rt.Run(context.Background(), chunk); err != nil {
			t.Fatal(err)
		}
		for _, w := range failures {
			t.Error(w)
		}
	})
}
