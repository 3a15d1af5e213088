package loss

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	tensors "github.com/hudrl/hudrl/bindings/tensor"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// Custom is the Lua function fn(data, logprobs) → loss [, metrics] as what
// hud.TrainingClient.ForwardBackwardCustom takes; param names it in errors. It
// must be called in the thread of a, under the interpreter lock. batch is the
// caller's batch, for datum.input, or nil. An error that fn raises comes back
// as it was raised.
func Custom(a *luax.Args, param string, fn lua.LValue, batch *lua.LTable) hud.CustomLoss {
	a.AsFunc(param, fn)
	vm, L, name := a.VM(), a.L, a.Name()
	fault := func(format string, args ...any) error {
		return runtime.Faultf(runtime.CodeValidation, name+": "+format, args...)
	}
	return loss.Custom(tensors.Of(vm).Allocator(), func(b *loss.Batch) (*tensor.Tensor, map[string]float64, error) {
		data, logprobs, err := tables(L, b, batch)
		if err != nil {
			return nil, nil, err
		}
		out, err := vm.Call(L, fn, data, logprobs)
		if err != nil {
			return nil, nil, err
		}
		out = append(out, lua.LNil, lua.LNil)
		c, ok := luax.To[*tensor.Tensor](out[0])
		if !ok {
			return nil, nil, fault("custom loss: got %s, want tensor", runtime.TypeName(out[0]))
		}
		metrics := map[string]float64{}
		if out[1] == lua.LNil {
			return c, metrics, nil
		}
		t, ok := out[1].(*lua.LTable)
		if !ok {
			return nil, nil, fault("metrics: got %s, want table", runtime.TypeName(out[1]))
		}
		for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
			key, ok := k.(lua.LString)
			if !ok {
				return nil, nil, fault("metrics: got a key of type %s, want names", runtime.TypeName(k))
			}
			if metrics[string(key)], ok = metric(v); !ok {
				return nil, nil, fault("metrics: %s: got %s, want number or tensor with one element", string(key), runtime.TypeName(v))
			}
		}
		return c, metrics, nil
	})
}

// metric is a number or the value of a one-element tensor.
func metric(v lua.LValue) (float64, bool) {
	if n, ok := v.(lua.LNumber); ok {
		return float64(n), true
	}
	t, ok := luax.To[*tensor.Tensor](v)
	if !ok {
		return 0, false
	}
	n, err := t.Item()
	return n, err == nil
}

// Metric reads a metric: a number or a tensor with one element.
func Metric(a *luax.Args, param string, v lua.LValue) float64 {
	n, ok := metric(v)
	if !ok {
		a.Bad(param, v, "number or tensor with one element")
	}
	return n
}

// Data is the data array of a forward pass: its tensors are constants. batch
// is the caller's, for datum.input, or nil.
func Data(L *lua.LState, p *hud.Packed, batch *lua.LTable) (*lua.LTable, error) {
	b, err := loss.NewBatch(tensors.Of(runtime.VMOf(L)).Allocator(), p, false)
	if err != nil {
		return nil, err
	}
	data, _, err := tables(L, b, batch)
	return data, err
}

// tables are the two arguments of a custom loss: the data array with its
// packed table, and the logprobs array.
func tables(L *lua.LState, b *loss.Batch, batch *lua.LTable) (data, logprobs *lua.LTable, err error) {
	vm := runtime.VMOf(L)
	wrap := func(t *tensor.Tensor) lua.LValue {
		if t == nil {
			return lua.LNil
		}
		return tensors.Of(vm).Wrap(L, t)
	}
	data, logprobs = vm.NewTable(len(b.Datums), 1), vm.NewTable(len(b.Datums), 0)
	for i := range b.Datums {
		d := &b.Datums[i]
		l := wrap(d.Logprobs)
		logprobs.RawSetInt(i+1, l)
		t, err := datum(vm, d, l, wrap, batch)
		if err != nil {
			return nil, nil, err
		}
		data.RawSetInt(i+1, t)
	}
	data.RawSetString("packed", packed(vm, b, wrap))
	return data, logprobs, nil
}

// datum is one DatumTensors table.
func datum(vm *runtime.VM, d *loss.Datum, logprobs lua.LValue, wrap func(*tensor.Tensor) lua.LValue, batch *lua.LTable) (*lua.LTable, error) {
	t := vm.NewTable(0, 10)
	t.RawSetString("logprobs", logprobs)
	t.RawSetString("sampling_logprobs", wrap(d.SamplingLogprobs))
	t.RawSetString("mask", wrap(d.Mask))
	t.RawSetString("reward", lua.LNumber(d.Reward))
	t.RawSetString("advantage", lua.LNumber(d.Advantage))
	t.RawSetString("traj_idx", lua.LNumber(d.TrajIdx))
	if d.GroupIdx >= 0 {
		t.RawSetString("group_idx", lua.LNumber(d.GroupIdx))
	}
	if d.RefLogprobs != nil {
		t.RawSetString("ref_logprobs", wrap(d.RefLogprobs))
	}
	if batch != nil {
		t.RawSetString("input", batch.RawGetInt(d.TrajIdx+1))
	}
	if d.Extra != nil {
		v, err := vm.ToLua(d.Extra)
		if err != nil {
			return nil, fmt.Errorf("extra of trajectory %d: %w", d.TrajIdx+1, err)
		}
		t.RawSetString("extra", v)
	}
	return luax.Record(vm, "DatumTensors", t, func(_ *lua.LState, t *lua.LTable) string {
		positions := 0
		if l, ok := luax.To[*tensor.Tensor](t.RawGetString("logprobs")); ok {
			positions = l.Len()
		}
		return fmt.Sprintf("DatumTensors{positions=%d, reward=%s, advantage=%s, traj_idx=%s, group_idx=%s}", positions,
			t.RawGetString("reward"), t.RawGetString("advantage"), t.RawGetString("traj_idx"), t.RawGetString("group_idx"))
	}), nil
}

// packed is data.packed.
func packed(vm *runtime.VM, b *loss.Batch, wrap func(*tensor.Tensor) lua.LValue) *lua.LTable {
	column := func(f func(d *loss.Datum) float64) lua.LValue {
		t := tensors.Of(vm).Allocator().New("packed", len(b.Datums))
		if t.Err() == nil {
			data := t.Data()
			for i := range b.Datums {
				data[i] = float32(f(&b.Datums[i]))
			}
		}
		return wrap(t)
	}
	index := func(f func(d *loss.Datum) int) lua.LValue {
		list := vm.NewTable(len(b.Datums), 0)
		for i := range b.Datums {
			list.RawSetInt(i+1, lua.LNumber(f(&b.Datums[i])))
		}
		return list
	}
	t := vm.NewTable(0, 10)
	t.RawSetString("logprobs", wrap(b.Logprobs))
	t.RawSetString("sampling_logprobs", wrap(b.SamplingLogprobs))
	t.RawSetString("mask", wrap(b.Mask))
	if b.RefLogprobs != nil {
		t.RawSetString("ref_logprobs", wrap(b.RefLogprobs))
	}
	t.RawSetString("offsets", luax.List(vm, b.Offsets))
	t.RawSetString("reward", column(func(d *loss.Datum) float64 { return d.Reward }))
	t.RawSetString("advantage", column(func(d *loss.Datum) float64 { return d.Advantage }))
	t.RawSetString("group_idx", index(func(d *loss.Datum) int { return d.GroupIdx }))
	t.RawSetString("traj_idx", index(func(d *loss.Datum) int { return d.TrajIdx }))
	t.RawSetString("expand", vm.NewFunction(func(L *lua.LState) int {
		a := luax.Read(L, "expand")
		v := a.Value("x")
		x, ok := luax.To[*tensor.Tensor](v)
		if !ok {
			x = tensors.Of(vm).From(&a, "x", v)
		}
		a.End()
		L.Push(wrap(x.SegmentExpand(b.Offsets)))
		return 1
	}))
	return luax.Record(vm, "packed", t, func(*lua.LState, *lua.LTable) string {
		return fmt.Sprintf("packed{datums=%d, positions=%d}", b.Len(), b.Tokens())
	})
}
