// Package loss is the Lua module hud.loss, and what stands between Lua and
// custom losses: the data and packed tables a loss function receives, and how
// what it returns becomes a gradient.
//
//	loss.go       the module
//	options.go    options of the losses, and a loss of data
//	settings.go   those that all losses of tokens share
//	data.go       what a loss is computed from
//	custom.go     a Lua function as a custom loss
//	distribution.go, tokenwise.go, shaping.go   functions of tensors, and of more than rewards
//	register.go   losses of the script's own, and the list of all
//	check.go      loss.check
package loss

import (
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/loss"
)

// Module is hud.loss.
func Module() runtime.Module {
	return runtime.Module{Name: "hud.loss", Open: Open}
}

type moduleKey struct{}

// A library is the module in one VM.
type library struct {
	table *lua.LTable
	own   []*registered // in the order of registration
}

// of is the module of a VM that has it.
func of(vm *runtime.VM) *library { return vm.Value(moduleKey{}).(*library) }

// Open gives the module's table, the same for every call on one VM.
func Open(vm *runtime.VM) (lua.LValue, error) {
	if l, ok := vm.Value(moduleKey{}).(*library); ok {
		return l.table, nil
	}
	all := functions()
	l := &library{table: luax.Module(vm, "loss", all.losses)}
	l.table.RawSetString("kl", luax.Module(vm, "loss.kl", all.kl))
	l.table.RawSetString("advantages", luax.Module(vm, "loss.advantages", all.advantages))
	vm.SetValue(moduleKey{}, l)
	return l.table, nil
}

// moduleFunctions are those of the module's three tables.
type moduleFunctions struct{ losses, kl, advantages map[string]lua.LGFunction }

// functions are the same for every VM.
var functions = sync.OnceValue(func() moduleFunctions {
	f := map[string]lua.LGFunction{
		"as_custom": asCustom, "aggregate": aggregate, "register": register, "list": list, "check": check,
	}
	kl := map[string]lua.LGFunction{"controller_adaptive": adaptiveKL}
	for _, name := range lossNames() {
		call := func(L *lua.LState) int {
			a := luax.Read(L, name)
			data := a.Table("data")
			c := configured(&a, name, true)
			a.End()
			return c.compute(&a, data)
		}
		if short, ok := strings.CutPrefix(name, "kl."); ok {
			kl[short] = call
		} else {
			f[name] = call
		}
	}
	for name, call := range tensorLosses() {
		if short, ok := strings.CutPrefix(name, "kl."); ok {
			kl[short] = call
		} else {
			f[name] = call
		}
	}
	return moduleFunctions{f, kl, advantages()}
})

// adaptiveKL is loss.kl.controller_adaptive(beta, kl, options).
func adaptiveKL(L *lua.LState) int {
	a := luax.Read(L, "controller_adaptive")
	beta, kl := a.Number("beta"), a.Number("kl")
	o := a.Options("target", "n", "horizon")
	a.End()
	next, err := loss.AdaptiveKL(beta, kl, o.NeedNumber("target"), o.Number("n", 1), o.Number("horizon", 10000))
	if err != nil {
		a.VM().Raise(L, err)
	}
	L.Push(lua.LNumber(next))
	return 1
}
