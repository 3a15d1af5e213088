// Package env is hud.env: the environment variables that the host allows by
// name. It exists only where there is one. A variable that holds a key of the
// training service is never shown, whatever the host allows.
package env

import (
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
)

// Needs names what grants the capability.
func Needs(c runtime.Capabilities) string {
	if len(c.Env) > 0 {
		return ""
	}
	return "--allow-env NAME grants one variable; a host program sets Capabilities.Env"
}

// Key reports whether a variable may hold a key of a training service.
func Key(name string) bool {
	name = strings.ToUpper(name)
	return strings.HasPrefix(name, "HUD_") || strings.HasPrefix(name, "HUDRL_") || strings.HasPrefix(name, "TINKER_")
}

// Open makes the module in a VM.
func Open(vm *runtime.VM) (lua.LValue, error) {
	allowed := vm.Capabilities()
	return luax.Module(vm, "hud.env", map[string]lua.LGFunction{
		"get": func(L *lua.LState) int {
			a := luax.Read(L, "get")
			name := a.String("name")
			otherwise := a.Any()
			a.End()
			if Key(name) {
				a.Fail("%s: scripts never see the training service's settings", name)
			}
			if !slices.Contains(allowed.Env, name) {
				a.FailHint("--allow-env "+name+" allows it; a host program sets Capabilities.Env", "this script may not read %s", name)
			}
			value, ok := allowed.Getenv(name)
			if !ok {
				L.Push(otherwise)
				return 1
			}
			vm.CheckString(L, len(value))
			L.Push(lua.LString(value))
			return 1
		},
		"names": func(L *lua.LState) int {
			a := luax.Read(L, "names")
			a.End()
			names := slices.DeleteFunc(slices.Sorted(slices.Values(allowed.Env)), Key)
			L.Push(luax.StringList(vm, slices.Compact(names)))
			return 1
		},
	}), nil
}
