// Package schedule is hud.schedule: learning-rate schedules as Lua functions.
package schedule

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/schedule"
)

// Open makes the module in a VM.
func Open(vm *runtime.VM) (lua.LValue, error) {
	return luax.Module(vm, "hud.schedule", map[string]lua.LGFunction{
		"constant": func(L *lua.LState) int {
			a := luax.Read(L, "constant")
			rate := a.Number("rate")
			return function(&a, func(w schedule.Warmup) (schedule.Func, error) { return schedule.Constant(rate, w) })
		},
		"linear": func(L *lua.LState) int { return between(L, "linear", schedule.Linear) },
		"cosine": func(L *lua.LState) int { return between(L, "cosine", schedule.Cosine) },
		"wsd": func(L *lua.LState) int {
			a := luax.Read(L, "wsd")
			peak, to, steps := a.Number("peak"), a.Number("to"), a.Int("steps")
			o := a.Options("warmup", "decay")
			decay, warmup := o.NeedInt("decay"), schedule.Warmup(o.Int("warmup", 0))
			a.End()
			f, err := schedule.WSD(peak, to, steps, decay, warmup)
			return push(&a, f, err)
		},
	}), nil
}

// between is a schedule from one rate to another.
func between(L *lua.LState, name string, of func(from, to float64, n int, w schedule.Warmup) (schedule.Func, error)) int {
	a := luax.Read(L, name)
	from, to, steps := a.Number("from"), a.Number("to"), a.Int("steps")
	return function(&a, func(w schedule.Warmup) (schedule.Func, error) { return of(from, to, steps, w) })
}

// function reads the options and pushes the schedule.
func function(a *luax.Args, of func(schedule.Warmup) (schedule.Func, error)) int {
	o := a.Options("warmup")
	warmup := o.Int("warmup", 0)
	a.End()
	f, err := of(schedule.Warmup(warmup))
	return push(a, f, err)
}

func push(a *luax.Args, f schedule.Func, err error) int {
	refuse(a, err)
	name := a.Name()
	a.L.Push(a.VM().NewFunction(func(L *lua.LState) int {
		a := luax.Read(L, name)
		step := a.Int("step")
		a.End()
		rate, err := f(step)
		refuse(&a, err)
		L.Push(lua.LNumber(rate))
		return 1
	}))
	return 1
}

// refuse raises an error of the schedule package, which names the function.
func refuse(a *luax.Args, err error) {
	if err != nil {
		a.VM().Raise(a.L, runtime.Faultf(runtime.CodeValidation, "%w", err))
	}
}
