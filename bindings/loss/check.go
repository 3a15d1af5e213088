package loss

import (
	"errors"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	tensors "github.com/hudrl/hudrl/bindings/tensor"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// check is loss.check(what, options).
func check(L *lua.LState) int {
	a := luax.Read(L, "check")
	vm := a.VM()
	v := a.Value("loss")
	o := a.Options("name", "seed", "detached", "options")
	a.End()
	c := loss.CheckOptions{Name: o.String("name", ""), Allocator: tensors.Of(vm).Allocator()}
	seed := o.Int("seed", 1)
	if seed < 0 {
		a.Fail("seed: got %d, want at least 0", seed)
	}
	c.Seed = uint64(seed)
	if o.Has("detached") {
		detached := o.Bool("detached", false)
		c.Detached = &detached
	}
	var report *loss.Report
	switch v := v.(type) {
	case *lua.LFunction:
		if o.Has("options") {
			a.Fail("options: a function has none of its own; write check(function(data, logprobs) return fn(data, logprobs, options) end)")
		}
		report = checkFunction(&a, v, c)
	case lua.LString:
		report = checkName(&a, string(v), o.Table("options"), c)
	default:
		a.Bad("loss", v, "function or the name of a loss")
	}
	L.Push(reportTable(vm, report))
	return 1
}

// checkName checks a loss by name: the script's own, or the package's.
func checkName(a *luax.Args, name string, options *lua.LTable, c loss.CheckOptions) *loss.Report {
	lib := of(a.VM())
	if c.Name == "" {
		c.Name = name
	}
	read := luax.Read(a.L, name) // reads options as the loss itself does
	a.L.SetTop(0)
	if options != nil {
		a.L.Push(options)
	}
	if own := lib.find(name); own != nil {
		if c.Detached == nil && own.saysDetached {
			c.Detached = &own.detached
		}
		return checkFunction(a, own.custom(&read), c)
	}
	if !slices.Contains(lossNames(), name) && loss.Needs(name) == "" {
		a.VM().Raise(a.L, lib.unknown("check", name))
	}
	l := configured(&read, name, false)
	read.End()
	if l.sized != (sized{}) {
		a.Fail("options: advantage, old_logprobs, expert and observation_mask are of a batch's size, and the check makes its own batch")
	}
	report, err := loss.CheckNamed(name, l.loss.Config(), l.settings, c)
	if err != nil {
		a.VM().Raise(a.L, err)
	}
	return report
}

// checkFunction checks fn(data, logprobs). What stops the script, a limit or
// an interrupt, stops the check.
func checkFunction(a *luax.Args, fn *lua.LFunction, c loss.CheckOptions) *loss.Report {
	vm := a.VM()
	f := tensorLoss(vm, a.L, fn, nil)
	var stopped error
	report := loss.Check(func(b *loss.Batch) (*tensor.Tensor, map[string]float64, error) {
		if stopped != nil {
			return nil, nil, stopped
		}
		out, metrics, err := f(b)
		if err != nil && stops(vm, a.L, err) {
			stopped = err
		}
		return out, metrics, err
	}, c)
	if stopped != nil {
		vm.Raise(a.L, stopped)
	}
	return report
}

// stops reports whether err ends more than the call it came from.
func stops(vm *runtime.VM, L *lua.LState, err error) bool {
	var coded interface{ ErrorCode() string }
	return vm.Context(L).Err() != nil || errors.As(err, new(*runtime.LimitError)) || errors.As(err, new(*runtime.ExitError)) ||
		errors.Is(err, runtime.ErrInterrupted) || errors.As(err, &coded) && coded.ErrorCode() == runtime.CodeLimit
}

// reportTable is a report in Lua.
func reportTable(vm *runtime.VM, r *loss.Report) *lua.LTable {
	t := vm.NewTable(0, 6)
	properties := vm.NewTable(len(r.Properties), 0)
	for _, p := range r.Properties {
		row := vm.NewTable(0, 4)
		row.RawSetString("name", lua.LString(p.Name))
		row.RawSetString("status", lua.LString(p.Status))
		row.RawSetString("text", lua.LString(p.Text))
		if p.Advice != "" {
			row.RawSetString("advice", lua.LString(p.Advice))
		}
		properties.Append(row)
	}
	failed := r.Failed()
	t.RawSetString("loss", lua.LString(r.Loss))
	t.RawSetString("ok", lua.LBool(len(failed) == 0))
	t.RawSetString("verdict", lua.LString(r.Verdict()))
	t.RawSetString("failed", luax.StringList(vm, failed))
	t.RawSetString("properties", properties)
	text := r.String()
	t.RawSetString("text", lua.LString(text))
	return luax.Record(vm, "LossReport", t, func(L *lua.LState, t *lua.LTable) string { return vm.Text(L, t.RawGetString("text")) })
}
