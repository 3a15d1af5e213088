// Package args is hud.args: a script's command line.
package args

import (
	"io"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
)

// Open makes the module, a function, in a VM.
func Open(vm *runtime.VM) (lua.LValue, error) {
	return vm.NewFunction(func(L *lua.LState) int {
		a := luax.Read(L, "args")
		flags := readFlags(&a, a.Table("defaults"))
		a.End()

		script, words := "", vm.Args()
		if len(words) > 0 {
			script, words = words[0], words[1:]
		}
		fallbacks := usage(script, flags) // before parse overwrites the defaults
		rest, help, err := parse(flags, words)
		if err != nil {
			f := runtime.Faultf(runtime.CodeValidation, "%w", err)
			f.Hint = "--help shows the flags; those of hudrl run itself come before the script's name"
			vm.Raise(L, f)
		}
		if help {
			io.WriteString(vm.Stdout(), fallbacks)
			vm.Raise(L, &runtime.ExitError{})
		}
		t := vm.NewTable(len(rest), len(flags))
		for _, f := range flags {
			v, err := vm.ToLua(f.value)
			if err != nil {
				a.Fail("%s: %s", f.name, err)
			}
			t.RawSetString(f.name, v)
		}
		for i, word := range rest {
			t.RawSetInt(i+1, lua.LString(word))
		}
		L.Push(t)
		return 1
	}), nil
}

// readFlags reads the table of defaults: name = default, or
// name = { default, help }.
func readFlags(a *luax.Args, t *lua.LTable) []*flag {
	var flags []*flag
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		name, ok := k.(lua.LString)
		if !ok {
			a.Bad("defaults: a name", k, "string")
		}
		f := &flag{name: string(name)}
		if !validName(f.name) {
			a.Fail("defaults: got the name %q, want letters, digits and _", f.name)
		}
		if pair, ok := v.(*lua.LTable); ok {
			v = pair.RawGetInt(1)
			if text := pair.RawGetInt(2); text != lua.LNil {
				f.help = a.AsString(f.name+": help", text)
			}
		}
		switch v := v.(type) {
		case lua.LNumber:
			f.value = float64(v)
		case lua.LString:
			f.value = string(v)
		case lua.LBool:
			f.value = bool(v)
		default:
			a.Bad(f.name, v, "a number, a string, a boolean, or { default, help }")
		}
		flags = append(flags, f)
	}
	return flags
}

func validName(name string) bool {
	for i, r := range name {
		if r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || i > 0 && r >= '0' && r <= '9' {
			continue
		}
		return false
	}
	return name != "" && name != "help"
}
