package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/internal/testkit"
	"github.com/hudrl/hudrl/runtime"
)

// A crossing makes Go values and says what must come back when they have been
// through Lua.
type crossing struct {
	b   *testkit.Bytes
	bad bool // what was made cannot cross
}

// refTable is a Lua table as the documentation of ToLua describes it.
type refTable map[any]any // float64 and string keys

// Types of a host's own.
type (
	hostNumber int16
	hostString string
	hostFloat  float32
	hostList   []hostString
	hostThing  struct{ n int }
	hostError  struct{ text string }
)

func (e *hostError) Error() string { return e.text }

var (
	knownThing = &hostThing{1} // of a type that DefineType knows
	errPlain   = errors.New("plain")
	foreign    *runtime.Func // of another Runtime
)

// value makes a Go value, and what Lua sees of it.
func (c *crossing) value(depth int) (v any, in any) {
	if depth > 6 {
		return nil, nil
	}
	switch c.b.Choose(14) {
	case 0:
		return nil, nil
	case 1:
		yes := c.b.Choose(2) == 1
		return yes, yes
	case 2, 3:
		return c.whole()
	case 4:
		f := c.b.Number()
		switch c.b.Choose(3) {
		case 0:
			return float32(f), float64(float32(f))
		case 1:
			return hostFloat(f), float64(hostFloat(f))
		}
		return f, f
	case 5:
		s := c.b.Text()
		if c.b.Choose(4) == 1 {
			return hostString(s), s
		}
		return s, s
	case 6:
		list := make([]any, c.b.Choose(6))
		t := refTable{}
		for i := range list {
			list[i], t[float64(i+1)] = c.value(depth + 1)
		}
		return list, t
	case 7:
		return c.typedList()
	case 8:
		m, t := map[string]any{}, refTable{}
		for range c.b.Choose(5) {
			k := c.b.Text()
			if _, twice := m[k]; !twice {
				m[k], t[k] = c.value(depth + 1)
			}
		}
		return m, t
	case 9, 10:
		return c.anyKeys(depth)
	case 11:
		return c.deep(depth)
	case 12:
		return c.pointer()
	}
	c.bad = true
	loop := []any{1, nil}
	loop[1] = loop
	round := map[string]any{}
	round["self"] = round
	return testkit.Pick(c.b, []any{loop, round, make(chan int), complex(1, 2), []any{make(chan bool)}, map[string]any{"x": 3i}, [2]complex64{}}), nil
}

// whole makes an integer of some type.
func (c *crossing) whole() (v, in any) {
	f := c.b.Number()
	n := int64(math.MaxInt64)
	if math.Abs(f) < 1<<62 {
		n = int64(f)
	} else if f < 0 {
		n = math.MinInt64
	}
	v = testkit.Pick(c.b, []any{int(n), int8(n), int16(n), int32(n), n, uint(n), uint8(n), uint16(n), uint32(n), uint64(n), hostNumber(n)})
	r := reflect.ValueOf(v)
	if r.CanInt() {
		if i := r.Int(); i <= 1<<53 && i >= -1<<53 {
			return v, float64(i)
		}
	} else if u := r.Uint(); u <= 1<<53 {
		return v, float64(u)
	}
	c.bad = true
	return v, nil
}

func (c *crossing) typedList() (v, in any) {
	t := refTable{}
	switch c.b.Choose(9) {
	case 6:
		s := c.b.Text()
		return []byte(s), s
	case 7:
		n := c.b.Choose(256)
		return hostRecord{A: n, Items: []string{"x"}, Named: 0.5}, refTable{"a": float64(n), "items": refTable{1.0: "x"}, "weight": 0.5, "inner": nil}
	case 8:
		return []byte(nil), nil
	case 0:
		list := make([]float64, c.b.Choose(6))
		for i := range list {
			list[i] = c.b.Number()
			t[float64(i+1)] = list[i]
		}
		return list, t
	case 1:
		list := make(hostList, c.b.Choose(4))
		for i := range list {
			list[i] = hostString(c.b.Text())
			t[float64(i+1)] = string(list[i])
		}
		return list, t
	case 2:
		list := [3]int32{int32(c.b.Choose(256)), -5, math.MaxInt32}
		for i, n := range list {
			t[float64(i+1)] = float64(n)
		}
		return list, t
	case 3:
		return [][]bool{{}, {true}}, refTable{1.0: refTable{}, 2.0: refTable{1.0: true}}
	case 4:
		return []error{errPlain}, refTable{1.0: errPlain}
	}
	return []string(nil), refTable{}
}

// anyKeys makes maps whose keys are more than names.
func (c *crossing) anyKeys(depth int) (v, in any) {
	t := refTable{}
	put := func(k float64, v any) {
		if _, twice := t[k]; twice || math.IsNaN(k) || k > 1<<20 {
			c.bad = true
			return
		}
		t[k] = v
	}
	if c.b.Choose(2) == 0 {
		m := map[int]any{}
		for range c.b.Choose(5) {
			k := c.b.Choose(12) - 3
			if _, twice := m[k]; twice {
				continue
			}
			e, in := c.value(depth + 1)
			m[k] = e
			put(float64(k), in)
		}
		return m, t
	}
	m := map[any]any{}
	for range c.b.Choose(5) {
		var k, kin any
		switch c.b.Choose(3) {
		case 0:
			k = c.b.Text()
			kin = k
		case 1:
			k, kin = c.whole()
		case 2:
			f := c.b.Number()
			k, kin = f, f
			if c.b.Choose(6) == 1 {
				k = testkit.Pick(c.b, []any{true, nil, [1]int{1}, knownThing, hostThing{}}) // no keys of data
				c.bad = true
			}
		}
		if _, twice := m[k]; twice {
			continue
		}
		e, in := c.value(depth + 1)
		m[k] = e
		switch kin := kin.(type) {
		case float64:
			put(kin, in)
		case string:
			t[kin] = in
		}
	}
	return m, t
}

// deep makes lists in lists, around the bound.
func (c *crossing) deep(depth int) (v, in any) {
	levels := 190 + c.b.Choose(20)
	v, in = true, true
	for range levels {
		v, in = []any{v}, refTable{1.0: in}
	}
	if depth+levels > 200 {
		c.bad = true
	}
	return v, in
}

func (c *crossing) pointer() (v, in any) {
	one := 1
	switch c.b.Choose(11) {
	case 0:
		return knownThing, knownThing
	case 1:
		return errPlain, errPlain
	case 2:
		e := &hostError{"own"}
		return e, e
	case 3:
		return (*hostError)(nil), nil
	case 4:
		return (*runtime.Func)(nil), nil
	case 5:
		return (*runtime.Error)(nil), nil
	case 6:
		return (*int)(nil), nil
	case 7:
		return map[string]int(nil), refTable{}
	case 8:
		return []any{(*hostError)(nil), 1}, refTable{2.0: 1.0}
	case 9:
		c.bad = true
		return &one, nil
	}
	c.bad = true
	return foreign, nil
}

// back is what ToGo must make of what Lua saw; ok is false when it must refuse.
func back(in any) (out any, ok bool) {
	t, isTable := in.(refTable)
	if !isTable {
		return in, true
	}
	entries, border := 0, 0.0
	for k, v := range t {
		if v == nil {
			continue
		}
		entries++
		if n, ok := k.(float64); ok && n == math.Floor(n) && n > border && n < float64(lua.MaxArrayIndex) {
			border = n
		}
	}
	if float64(entries) == border {
		list := make([]any, entries)
		for i := range list {
			if list[i], ok = back(t[float64(i+1)]); !ok {
				return nil, false
			}
		}
		return list, true
	}
	m := map[string]any{}
	for k, v := range t {
		if v == nil {
			continue
		}
		name, isName := k.(string)
		if !isName {
			name = runtime.FormatNumber(k.(float64))
		}
		if _, twice := m[name]; twice {
			return nil, false
		}
		if m[name], ok = back(v); !ok {
			return nil, false
		}
	}
	return m, true
}

// A returning makes Lua values and says what Go must see of them.
type returning struct {
	vm     *runtime.VM
	L      *lua.LState
	b      *testkit.Bytes
	bad    bool
	fns    int // functions in it, which only results of a call may be
	hollow int // userdata with nothing in them
	all    []*lua.LTable
}

func (r *returning) value(depth int) (v lua.LValue, out any) {
	if depth > 6 {
		return lua.LNil, nil
	}
	switch r.b.Choose(10) {
	case 0:
		return lua.LNil, nil
	case 1:
		yes := r.b.Choose(2) == 1
		return lua.LBool(yes), yes
	case 2, 3:
		f := r.b.Number()
		return lua.LNumber(f), f
	case 4, 5:
		s := r.b.Text()
		return lua.LString(s), s
	case 6:
		switch r.b.Choose(6) {
		case 0:
			return r.vm.Wrap(knownThing), knownThing
		case 1:
			return r.vm.ErrorValue(r.L, errPlain), errPlain
		case 2:
			r.fns++
			return r.vm.NewFunction(func(*lua.LState) int { return 0 }), (*runtime.Func)(nil)
		case 3:
			r.bad = true
			return r.L, nil
		case 4:
			r.hollow++
			return &lua.LUserData{Metatable: lua.LNil}, nil
		}
		if len(r.all) > 0 { // once more, or around itself
			r.bad = true // said to be: sharing is found out below
			return testkit.Pick(r.b, r.all), nil
		}
	}
	t := r.vm.NewTable(0, 0)
	in := refTable{}
	r.all = append(r.all, t)
	for i := range r.b.Choose(5) {
		e, out := r.value(depth + 1)
		t.RawSetInt(i+1, e)
		in[float64(i+1)] = out
		if e == lua.LNil {
			delete(in, float64(i+1))
		} else if out == nil {
			in[float64(i+1)] = hidden{}
		}
	}
	for range r.b.Choose(3) {
		var key lua.LValue
		var k any
		switch r.b.Choose(4) {
		case 0:
			f := r.b.Number()
			if math.IsNaN(f) || f > 1<<20 {
				continue
			}
			key, k = lua.LNumber(f), f
		case 1:
			key, k = lua.LTrue, nil
		default:
			s := r.b.Text()
			key, k = lua.LString(s), s
		}
		e, out := r.value(depth + 1)
		if e == lua.LNil || t.RawGet(key) != lua.LNil {
			continue
		}
		if k == nil {
			r.bad = true
			k = "a boolean"
		} else if out == nil {
			out = hidden{}
		}
		t.RawSet(key, e)
		in[k] = out
	}
	if r.b.Choose(8) == 1 {
		mt := r.vm.NewTable(0, 1)
		mt.RawSetString("__index", lua.LString("x"))
		t.Metatable = mt
	}
	return t, in
}

// hidden is a userdata with nothing in it, in a table: there it counts.
type hidden struct{}

// show replaces what only stands for something.
func show(out any) any {
	switch out := out.(type) {
	case hidden:
		return nil
	case *runtime.Func:
		return (*runtime.Func)(nil)
	case []any:
		shown := make([]any, len(out))
		for i, e := range out {
			shown[i] = show(e)
		}
		return shown
	case map[string]any:
		shown := map[string]any{}
		for k, e := range out {
			shown[k] = show(e)
		}
		return shown
	}
	return out
}

// Go values that went through Lua, and Lua values that went through Go, are what
// they were, or an error said why not.
func FuzzConvert(f *testing.F) {
	for kind := range byte(24) {
		for seed := range byte(5) {
			f.Add([]byte{2, kind, seed + 2, seed * 3, 6, seed, 9, 2, 1, seed, 8, 4, kind, seed * 31, 2, 0, 1, 2, 3})
		}
	}
	for kind := range byte(14) {
		for seed := range byte(8) {
			f.Add([]byte{0, kind, seed, seed * 3, 6, seed, 9, 2, 1, seed, 8, 4, kind, seed * 31, 2, 0, 1, 2, 3})
			f.Add([]byte{1, kind, seed, seed * 3, 6, seed, 9, 2, 1, seed, 8, 4, kind, seed * 31, 2, 0, 1, 2, 3})
		}
	}
	module := runtime.Module{Name: "make", Open: func(vm *runtime.VM) (lua.LValue, error) {
		vm.DefineType(reflect.TypeFor[*hostThing](), vm.NewTable(0, 0))
		return vm.NewFunction(func(L *lua.LState) int {
			making.vm, making.L = vm, L
			v, out := making.value(0)
			L.Push(v)
			going, madeLast = out, v
			public, publicErr = runtime.ToGo(v)
			return 1
		}), nil
	}}
	rt := open(f, runtime.Config{Modules: []runtime.Module{module}, Limits: runtime.Limits{WallTime: 10 * time.Second}})
	same, err := runtime.Compile("same.lua", `return ...`)
	if err != nil {
		f.Fatal(err)
	}
	made, err := runtime.Compile("make.lua", `return require("make")()`)
	if err != nil {
		f.Fatal(err)
	}
	echoing, err := runtime.Compile("echo.lua", `local v = require("make")() local ok, e = pcall(_G["echo_" .. ...], v) return ok, e, v`)
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range echoes {
		if err := rt.Set("echo_"+e.name, e.fn); err != nil {
			f.Fatal(err)
		}
	}
	other := open(f, runtime.Config{})
	out, err := other.Eval(context.Background(), "print")
	if err != nil {
		f.Fatal(err)
	}
	foreign = out[0].(*runtime.Func)
	ctx := context.Background()
	f.Fuzz(func(t *testing.T, data []byte) {
		b := testkit.NewBytes(data)
		mode := b.Choose(3)
		if mode == 2 {
			e := testkit.Pick(b, echoes)
			checkEcho(t, rt, echoing, e, &returning{b: b})
			return
		}
		if mode == 0 {
			c := &crossing{b: b}
			v, in := c.value(0)
			want, ok := back(in)
			out, err := rt.Run(ctx, same, v)
			checkCrossing(t, fmt.Sprintf("%.200s", describe(v)), out, err, want, ok && !c.bad)
			return
		}
		making = &returning{b: b}
		out, err := rt.Run(ctx, made)
		want, ok := back(going)
		if making.bad { // by a table that stands in several places, or cannot come out
			if errors.Is(err, runtime.ErrHostBug) {
				t.Fatal(err)
			}
		} else {
			checkCrossing(t, "made in Lua", show(out).([]any), err, show(want), ok)
		}
		if (publicErr != nil) != (err != nil || callable(out[0])) {
			t.Errorf("ToGo: got %v, Run gave %v", publicErr, err)
		}
		if err != nil {
			return
		}
		first := out[0]
		if again, err := rt.Run(ctx, same, first); err == nil && !equalData(show(again[0]), show(first)) && !shrinks(first) {
			t.Errorf("a second time: got %v, want %v", show(again[0]), show(first))
		}
	})
}

var (
	making    *returning // what make gives the script
	madeLast  lua.LValue
	going     any // what it must become in Go
	public    any
	publicErr error
)

// shrinks reports whether data in v is no longer the same after a second round
// because of a nil in it, which a table does not hold.
func shrinks(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case []any:
		for _, e := range v {
			if shrinks(e) {
				return true
			}
		}
	case map[string]any:
		for _, e := range v {
			if shrinks(e) {
				return true
			}
		}
	}
	return false
}

func describe(v any) string {
	defer func() { _ = recover() }()
	if s, ok := v.(string); ok {
		return strconv.Quote(s)
	}
	return fmt.Sprintf("%T", v)
}

func checkCrossing(t *testing.T, what string, out []any, err error, want any, ok bool) {
	t.Helper()
	switch {
	case errors.Is(err, runtime.ErrHostBug):
		t.Fatalf("%s: %v", what, err)
	case (err == nil) != ok:
		t.Errorf("%s: got %v, %v, want it to cross: %v", what, out, err, ok)
	case ok && (len(out) != 1 || !equalData(out[0], want)):
		t.Errorf("%s: got %#v, want %#v", what, out, want)
	}
}
