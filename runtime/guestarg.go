package runtime

import (
	"fmt"
	"math"
	"reflect"
	"sync"

	lua "github.com/yuin/gopher-lua"
)

// guestArg makes the arguments of a Go function. gopher-luar would make 3 of
// 3.9, 255 of -1, a map[any]any of a list, and something callable of a function
// anywhere in a table: it gets only what fits.
type guestArg struct {
	vm   *VM
	L    *lua.LState
	w    *work                // made with the first table
	open map[*lua.LTable]bool // around the value
}

// fit returns what to give gopher-luar for v, where a t is wanted.
func (g *guestArg) fit(v lua.LValue, t reflect.Type) (lua.LValue, error) {
	k := t.Kind()
	switch n := v.(type) { // what gopher-luar converts rightly
	case lua.LNumber:
		if reflect.Int <= k && k <= reflect.Float64 && k != reflect.Uintptr {
			return v, fits(float64(n), t)
		}
	case lua.LString:
		if k == reflect.String {
			return v, nil
		}
	case lua.LBool:
		if k == reflect.Bool {
			return v, nil
		}
	}
	r, err := g.value(v, t)
	if err != nil || v == lua.LNil || t.Implements(lvalueType) {
		return v, err
	}
	data := r.Interface()
	if data == nil { // a userdata with nothing in it
		return lua.LNil, nil
	}
	return &lua.LUserData{Value: data}, nil
}

// value is v as a t.
func (g *guestArg) value(v lua.LValue, t reflect.Type) (reflect.Value, error) {
	none := reflect.Value{}
	if r := reflect.ValueOf(v); t.Implements(lvalueType) {
		if !r.Type().AssignableTo(t) {
			return none, mismatch(v, t)
		}
		return r, nil
	}
	if t == anyType {
		data, err := g.plain(v)
		if err != nil || data == nil {
			return reflect.Zero(t), err
		}
		return reflect.ValueOf(data), nil
	}
	if k := v.Type(); t.Kind() == reflect.Pointer && t.Elem().Kind() != reflect.Struct && (k == lua.LTBool || k == lua.LTNumber || k == lua.LTString) {
		r, err := g.value(v, t.Elem())
		if err != nil {
			return none, err
		}
		p := reflect.New(t.Elem()) // may be left out
		p.Elem().Set(r)
		return p, nil
	}
	switch v := v.(type) {
	case *lua.LNilType:
		if nilable(t) {
			return reflect.Zero(t), nil
		}
	case lua.LBool:
		if t.Kind() == reflect.Bool {
			return reflect.ValueOf(bool(v)).Convert(t), nil
		}
	case lua.LString:
		if isText(t) {
			return reflect.ValueOf(string(v)).Convert(t), nil
		}
	case lua.LNumber:
		return number(float64(v), t)
	case *lua.LUserData:
		value := v.Value
		if o, ok := value.(*errorObject); ok {
			value = o.err
		}
		if r := reflect.ValueOf(value); r.IsValid() && r.Type().AssignableTo(t) {
			return r, nil
		}
	case *lua.LFunction:
		if t == funcType {
			return reflect.ValueOf(&Func{vm: g.vm, fn: v}), nil
		}
	case *lua.LTable:
		return g.table(v, t)
	}
	return none, mismatch(v, t)
}

func mismatch(v lua.LValue, t reflect.Type) error {
	return fmt.Errorf("got %s, want %s", typeName(v), luaType(t))
}

// number is f as a t, if it is one.
func number(f float64, t reflect.Type) (reflect.Value, error) {
	if err := fits(f, t); err != nil {
		return reflect.Value{}, err
	}
	return reflect.ValueOf(f).Convert(t), nil
}

// fits reports why f is no t.
func fits(f float64, t reflect.Type) error {
	var lo, hi float64
	switch t.Kind() {
	case reflect.Float32, reflect.Float64:
		if t.Bits() == 32 && math.IsInf(float64(float32(f)), 0) && !math.IsInf(f, 0) {
			return fmt.Errorf("got %s, want a number within %s", formatNumber(f), formatNumber(math.MaxFloat32))
		}
		return nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		hi = math.Ldexp(1, t.Bits()-1)
		lo = -hi
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		hi = math.Ldexp(1, t.Bits())
	default:
		return mismatch(lua.LNumber(f), t)
	}
	if f != math.Trunc(f) { // NaN, too
		return fmt.Errorf("got %s, want a whole number", formatNumber(f))
	}
	if f < lo || f >= hi {
		return fmt.Errorf("got %s, want a number from %s to %s", formatNumber(f), formatNumber(lo), formatNumber(hi-1))
	}
	return nil
}

// plain makes the same Go data of v as the results of Run are made of.
func (g *guestArg) plain(v lua.LValue) (any, error) {
	c := &converter{open: map[*lua.LTable]bool{}, poll: func(n int) error {
		g.spend(n)
		return nil
	}}
	return c.value(v)
}

// spend has the budget pay for n values.
func (g *guestArg) spend(n int) {
	if g.w == nil {
		g.w = g.vm.newWork(g.L)
	}
	g.w.spend(8 * n)
}

// table makes a slice, an array, a map or a struct.
func (g *guestArg) table(v *lua.LTable, t reflect.Type) (reflect.Value, error) {
	none := reflect.Value{}
	if g.open[v] {
		return none, fmt.Errorf("a table contains itself")
	}
	if len(g.open) >= maxNested {
		return none, fmt.Errorf("tables nest deeper than %d", maxNested)
	}
	if g.open == nil {
		g.open = map[*lua.LTable]bool{}
	}
	g.open[v] = true
	defer delete(g.open, v)

	switch k := t.Kind(); {
	case k == reflect.Slice:
		return g.list(v, t)
	case k == reflect.Array:
		if v.Len() != t.Len() {
			return none, fmt.Errorf("got a list of %d, want %d", v.Len(), t.Len())
		}
		return g.list(v, t)
	case k == reflect.Map:
		return g.keyed(v, t)
	case k == reflect.Struct && len(structFields(t)) > 0:
		s := reflect.New(t)
		return s.Elem(), g.fields(v, s.Elem())
	case k == reflect.Pointer && t.Elem().Kind() == reflect.Struct && len(structFields(t.Elem())) > 0: // else it is no data
		s := reflect.New(t.Elem())
		return s, g.fields(v, s.Elem())
	}
	return none, mismatch(v, t)
}

// list makes a slice or an array. It counts before it makes room: a table may
// have one element, at place 16,777,216.
func (g *guestArg) list(v *lua.LTable, t reflect.Type) (reflect.Value, error) {
	n, met := v.Len(), 0
	for k, _ := v.Next(lua.LNil); k != lua.LNil; k, _ = v.Next(k) {
		g.spend(1)
		at, ok := k.(lua.LNumber)
		if i := int(at); !ok || lua.LNumber(i) != at || i < 1 || i > n {
			return reflect.Value{}, fmt.Errorf("key %s: want a list", keyText(k))
		}
		met++
	}
	if met < n {
		return reflect.Value{}, fmt.Errorf("got a list with holes")
	}
	out := reflect.New(t).Elem()
	if t.Kind() == reflect.Slice {
		out.Set(reflect.MakeSlice(t, n, n))
	}
	for i := range n {
		r, err := g.value(v.RawGetInt(i+1), t.Elem())
		if err != nil {
			return reflect.Value{}, fmt.Errorf("[%d]: %w", i+1, err)
		}
		out.Index(i).Set(r)
	}
	return out, nil
}

func (g *guestArg) keyed(v *lua.LTable, t reflect.Type) (reflect.Value, error) {
	out := reflect.MakeMap(t)
	for k, e := v.Next(lua.LNil); k != lua.LNil; k, e = v.Next(k) {
		g.spend(1)
		key, err := g.value(k, t.Key())
		if err != nil {
			return out, fmt.Errorf("key %s: %w", keyText(k), err)
		}
		r, err := g.value(e, t.Elem())
		if err != nil {
			return out, fmt.Errorf("%s: %w", keyText(k), err)
		}
		out.SetMapIndex(key, r)
	}
	return out, nil
}

// fields fills a struct.
func (g *guestArg) fields(v *lua.LTable, out reflect.Value) error {
	fields := structFields(out.Type())
	for k, e := v.Next(lua.LNil); k != lua.LNil; k, e = v.Next(k) {
		g.spend(1)
		name, ok := k.(lua.LString)
		if !ok {
			return fmt.Errorf("key %s: want a name", keyText(k))
		}
		f, err := fieldNamed(fields, string(name))
		if err != nil {
			return err
		}
		to, err := field(out, f.Index)
		if err != nil {
			return fmt.Errorf("%s: %w", string(name), err)
		}
		r, err := g.value(e, f.Type)
		if err != nil {
			return fmt.Errorf("%s: %w", string(name), err)
		}
		to.Set(r)
	}
	return nil
}

// keyText shows a table key in a message.
func keyText(k lua.LValue) string {
	switch k := k.(type) {
	case lua.LNumber:
		return "[" + formatNumber(float64(k)) + "]"
	case lua.LString:
		if len(k) > maxQuoted {
			return Quote(string(k))
		}
		return string(k)
	}
	return typeName(k)
}

// luaType says what a script should pass for a Go type.
func luaType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "string"
	case reflect.Float32, reflect.Float64, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "number"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "table"
	}
	if t == funcType {
		return "function"
	}
	return t.String()
}

// A structField is an exported field and its name in Lua.
type structField struct {
	reflect.StructField
	name string
}

var structCache sync.Map // from reflect.Type to []structField

// structFields are the exported fields of a struct, those of embedded structs
// among them. The tag luar:"name" renames one, luar:"-" hides it.
func structFields(t reflect.Type) []structField {
	if known, ok := structCache.Load(t); ok {
		return known.([]structField)
	}
	var out []structField
	for _, f := range reflect.VisibleFields(t) {
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		name := f.Tag.Get("luar")
		switch {
		case !f.IsExported(), name == "-", f.Anonymous && inner.Kind() == reflect.Struct:
			continue // what an embedded struct holds follows
		case name == "":
			name = snakeCase(f.Name)
		}
		out = append(out, structField{f, name})
	}
	structCache.Store(t, out)
	return out
}

// field is a field to set; embedded structs on the way are made.
func field(out reflect.Value, index []int) (reflect.Value, error) {
	for i, at := range index {
		if i > 0 && out.Kind() == reflect.Pointer {
			if out.IsNil() {
				if !out.CanSet() {
					return out, fmt.Errorf("cannot be set in an unexported embedded pointer")
				}
				out.Set(reflect.New(out.Type().Elem()))
			}
			out = out.Elem()
		}
		out = out.Field(at)
	}
	return out, nil
}

func fieldNamed(fields []structField, name string) (structField, error) {
	names := make([]string, len(fields))
	for i, f := range fields {
		if f.name == name {
			return f, nil
		}
		names[i] = f.name
	}
	f := Faultf(CodeValidation, "unknown name %s", Quote(name))
	if near := Nearest(name, names); near != "" {
		f.Hint = fmt.Sprintf("did you mean %q?", near)
	}
	return structField{}, f
}
