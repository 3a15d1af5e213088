// Package json is hud.json: strict JSON for Lua values.
//
// What decode returns, encode writes back: lists keep that they are lists,
// null is a value of its own, numbers keep every bit. What JSON or a Lua value
// cannot hold is refused with its place, never changed in silence.
package json

import (
	"errors"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
)

// errTooLong is an output past Limits.StringBytes.
var errTooLong = errors.New("encode: the text is too long")

const maxIndent = 16

// marks are what a VM tells lists and null by.
type marks struct {
	array *lua.LTable
	null  *lua.LUserData
}

type marksKey struct{}

func marksOf(vm *runtime.VM) marks {
	if m, ok := vm.Value(marksKey{}).(marks); ok {
		return m
	}
	array := vm.NewTable(0, 1)
	array.RawSetString("__name", lua.LString("json.list"))
	nullMeta := vm.NewTable(0, 3)
	nullMeta.RawSetString("__name", lua.LString("json.null"))
	nullMeta.RawSetString("__metatable", lua.LString("json.null"))
	nullMeta.RawSetString("__tostring", vm.NewFunction(func(L *lua.LState) int {
		L.Push(lua.LString("null"))
		return 1
	}))
	m := marks{array, &lua.LUserData{Metatable: nullMeta}}
	vm.SetValue(marksKey{}, m)
	return m
}

// Decode is hud.json.decode for another module: what it returns is what a
// script would get. What is wrong with the text is a *SyntaxError.
func Decode(vm *runtime.VM, L *lua.LState, text string) (lua.LValue, error) {
	m := marksOf(vm)
	d := decoder{ctx: vm.Context(L), text: text, maxItems: vm.Limits().TableSize, array: m.array, null: m.null, table: vm.NewTable}
	return d.document()
}

// Open makes the module in a VM.
func Open(vm *runtime.VM) (lua.LValue, error) {
	m := marksOf(vm)
	array, null := m.array, m.null

	module := luax.Module(vm, "hud.json", map[string]lua.LGFunction{
		"encode": func(L *lua.LState) int {
			a := luax.Read(L, "encode")
			v := a.Any()
			o := a.Options("indent")
			indent := o.Int("indent", 0)
			a.End()
			if indent < 0 || indent > maxIndent {
				a.Fail("indent: got %d, want 0 to %d", indent, maxIndent)
			}
			e := encoder{ctx: vm.Context(L), max: vm.Limits().StringBytes, indent: strings.Repeat(" ", indent), array: array, null: null}
			switch err := e.value(v); {
			case errors.Is(err, errTooLong):
				vm.CheckString(L, e.max+1) // raises
			case err != nil:
				raise(vm, L, err)
			}
			L.Push(lua.LString(e.out))
			return 1
		},
		"decode": func(L *lua.LState) int {
			a := luax.Read(L, "decode")
			text := a.String("text")
			a.End()
			v, err := Decode(vm, L, text)
			if err != nil {
				raise(vm, L, err)
			}
			L.Push(v)
			return 1
		},
		"list": func(L *lua.LState) int {
			a := luax.Read(L, "list")
			t := a.Table("table")
			a.End()
			if t.Metatable != lua.LNil && t.Metatable != array {
				a.Fail("table: got a table with a metatable, want a plain one")
			}
			t.Metatable = array
			L.Push(t)
			return 1
		},
	})
	module.RawSetString("null", null)
	return module, nil
}

// raise gives what the encoder and decoder refuse the code of bad input; the
// end of a context stays what it is.
func raise(vm *runtime.VM, L *lua.LState, err error) {
	if cause := vm.Context(L).Err(); cause != nil {
		vm.Raise(L, err)
	}
	vm.Raise(L, runtime.Faultf(runtime.CodeValidation, "%w", err))
}
