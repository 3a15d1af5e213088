package luax

import (
	"fmt"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/runtime"
)

// Options is an option table whose keys have been checked.
type Options struct {
	a     *Args
	t     *lua.LTable // nil when no table was given
	names []string
}

// Options reads the trailing option table, which may be left out. A key that
// is none of names raises, with a suggestion.
func (a *Args) Options(names ...string) Options {
	v := a.Any()
	if v == lua.LNil {
		return Options{a: a, names: names}
	}
	t, ok := v.(*lua.LTable)
	if !ok {
		a.Bad("options", v, "table")
	}
	return a.AsOptions(t, names...)
}

// AsOptions is Options of a table that was found elsewhere.
func (a *Args) AsOptions(t *lua.LTable, names ...string) Options {
	for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
		key, ok := k.(lua.LString)
		if !ok {
			a.Fail("options: got a key of type %s, want names (%s)", runtime.TypeName(k), strings.Join(names, ", "))
		}
		if slices.Contains(names, string(key)) {
			continue
		}
		if near := runtime.Nearest(string(key), names); near != "" {
			a.Fail("unknown option %s (did you mean %q?)", runtime.Quote(string(key)), near)
		}
		a.Fail("unknown option %s (%s takes %s)", runtime.Quote(string(key)), a.name, strings.Join(names, ", "))
	}
	return Options{a: a, t: t, names: names}
}

// Value is the option's value, nil when it was not given.
func (o *Options) Value(name string) lua.LValue {
	if !slices.Contains(o.names, name) {
		panic(fmt.Sprintf("luax: %s reads option %q, which it does not declare", o.a.name, name))
	}
	if o.t == nil {
		return lua.LNil
	}
	return o.t.RawGetString(name)
}

// Has reports whether the option was given.
func (o *Options) Has(name string) bool { return o.Value(name) != lua.LNil }

// String is the option, or def.
func (o *Options) String(name, def string) string {
	if v := o.Value(name); v != lua.LNil {
		return o.a.AsString(name, v)
	}
	return def
}

// NeedString raises when the option is missing.
func (o *Options) NeedString(name string) string { return o.a.AsString(name, o.Value(name)) }

// Number is the option, or def.
func (o *Options) Number(name string, def float64) float64 {
	if v := o.Value(name); v != lua.LNil {
		return o.a.AsNumber(name, v)
	}
	return def
}

// NeedNumber raises when the option is missing.
func (o *Options) NeedNumber(name string) float64 { return o.a.AsNumber(name, o.Value(name)) }

// Int is the option, or def.
func (o *Options) Int(name string, def int) int {
	if v := o.Value(name); v != lua.LNil {
		return o.a.AsInt(name, v)
	}
	return def
}

// NeedInt raises when the option is missing.
func (o *Options) NeedInt(name string) int { return o.a.AsInt(name, o.Value(name)) }

// Bool is the option, or def.
func (o *Options) Bool(name string, def bool) bool {
	if v := o.Value(name); v != lua.LNil {
		return o.a.AsBool(name, v)
	}
	return def
}

// Table is the option, or nil.
func (o *Options) Table(name string) *lua.LTable {
	if v := o.Value(name); v != lua.LNil {
		return o.a.AsTable(name, v)
	}
	return nil
}

// Func is the option, or nil.
func (o *Options) Func(name string) *lua.LFunction {
	if v := o.Value(name); v != lua.LNil {
		return o.a.AsFunc(name, v)
	}
	return nil
}

// OneOf is a string option that must be one of values; def when not given.
func (o *Options) OneOf(name, def string, values ...string) string {
	v := o.Value(name)
	if v == lua.LNil {
		return def
	}
	s := o.a.AsString(name, v)
	if !slices.Contains(values, s) {
		if near := runtime.Nearest(s, values); near != "" {
			o.a.Fail("%s: got %q, want one of %s (did you mean %q?)", name, s, strings.Join(values, ", "), near)
		}
		o.a.Fail("%s: got %s, want one of %s", name, runtime.Quote(s), strings.Join(values, ", "))
	}
	return s
}
