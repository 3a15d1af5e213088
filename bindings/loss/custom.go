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

// op begins the messages about what a custom loss function returns.
const op = "forward_backward_custom"

// Custom is the Lua function fn(data, logprobs) → loss [, metrics] as what
// hud.TrainingClient.ForwardBackwardCustom takes. It is called in the thread L
// under the interpreter lock. batch is the caller's batch, for datum.input, or
// nil. An error that fn raises comes back as it was raised.
func Custom(vm *runtime.VM, L *lua.LState, fn lua.LValue, batch *lua.LTable) hud.CustomLoss {
	if n := carried(fn); n.custom != nil {
		return n.custom
	}
	return loss.Custom(tensors.Of(vm).Allocator(), tensorLoss(vm, L, fn, batch))
}

// tensorLoss is fn(data, logprobs) → loss [, metrics] in Go.
func tensorLoss(vm *runtime.VM, L *lua.LState, fn lua.LValue, batch *lua.LTable) loss.TensorLoss {
	return func(b *loss.Batch) (*tensor.Tensor, map[string]float64, error) {
		data, logprobs, err := tables(vm, L, b, batch)
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
			return nil, nil, runtime.Faultf(runtime.CodeValidation, "%s: custom loss: got %s, want tensor", op, runtime.TypeName(out[0]))
		}
		metrics, err := Metrics(op, out[1])
		return c, metrics, err
	}
}

// Data is the data array of a forward pass: its tensors are constants. batch
// is the caller's, for datum.input, or nil.
func Data(vm *runtime.VM, L *lua.LState, p *hud.Packed, batch *lua.LTable) (*lua.LTable, error) {
	b, err := loss.NewBatch(tensors.Of(vm).Allocator(), p, false)
	if err != nil {
		return nil, err
	}
	data, _, err := tables(vm, L, b, batch)
	return data, err
}

// Metrics reads a table of numbers and one-element tensors; nil is none.
// Errors begin with op.
func Metrics(op string, v lua.LValue) (map[string]float64, error) {
	out := map[string]float64{}
	if v == lua.LNil {
		return out, nil
	}
	t, ok := v.(*lua.LTable)
	if !ok {
		return nil, runtime.Faultf(runtime.CodeValidation, "%s: metrics: got %s, want table", op, runtime.TypeName(v))
	}
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		name, ok := k.(lua.LString)
		if !ok {
			return nil, runtime.Faultf(runtime.CodeValidation, "%s: metrics: got a key of type %s, want names", op, runtime.TypeName(k))
		}
		if out[string(name)], ok = metric(v); !ok {
			return nil, runtime.Faultf(runtime.CodeValidation, "%s: metrics: %s: got %s, want number or tensor with one element", op, string(name), runtime.TypeName(v))
		}
	}
	return out, nil
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

// Weights reads the weights of a backward call: a list with a table or tensor
// for each datum, or, where the offsets of the forward pass are known, one
// packed tensor.
func Weights(a *luax.Args, param string, v lua.LValue, offsets []int) [][]float32 {
	if t, ok := luax.To[*tensor.Tensor](v); ok {
		if len(offsets) == 0 {
			a.FailHint("a pass is used up by backward, by a step and by set_head; give a list with one tensor for each datum otherwise",
				"%s: got one packed tensor for a pass whose datums are not known", param)
		}
		data, out := t.Data(), make([][]float32, len(offsets)-1)
		if want := offsets[len(offsets)-1]; len(data) != want {
			a.Fail("%s: got %d values, want %d: one for each position of the pass", param, len(data), want)
		}
		for d := range out {
			out[d] = data[offsets[d]:offsets[d+1]:offsets[d+1]]
		}
		return out
	}
	list := a.AsTable(param, v)
	out := make([][]float32, list.Len())
	for d := range out {
		e, name := list.RawGetInt(d+1), fmt.Sprintf("%s[%d]", param, d+1)
		if t, ok := luax.To[*tensor.Tensor](e); ok {
			out[d] = t.Data()
			continue
		}
		t, ok := e.(*lua.LTable)
		if !ok {
			a.Bad(name, e, "list of numbers or tensor")
		}
		out[d] = luax.Numbers[float32](a, name, t)
	}
	return out
}

// tables are the two arguments of a custom loss: the data array with its
// packed table, and the logprobs array.
func tables(vm *runtime.VM, L *lua.LState, b *loss.Batch, batch *lua.LTable) (data, logprobs *lua.LTable, err error) {
	wrap := func(t *tensor.Tensor) lua.LValue {
		if t == nil {
			return lua.LNil
		}
		return tensors.Of(vm).Wrap(L, t)
	}
	data, logprobs = vm.NewTable(b.Len(), 1), vm.NewTable(b.Len(), 0)
	for i := range b.Len() {
		d := b.Datum(i)
		l := wrap(d.Logprobs)
		logprobs.RawSetInt(i+1, l)
		t, err := datum(vm, &d, l, wrap, batch)
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
	return luax.Record(vm, "DatumTensors", t, func(L *lua.LState, t *lua.LTable) string {
		positions := 0
		if l, ok := luax.To[*tensor.Tensor](t.RawGetString("logprobs")); ok {
			positions = l.Len()
		}
		show := func(key string) string { return vm.Text(L, t.RawGetString(key)) }
		return fmt.Sprintf("DatumTensors{positions=%d, reward=%s, advantage=%s, traj_idx=%s, group_idx=%s}", positions,
			show("reward"), show("advantage"), show("traj_idx"), show("group_idx"))
	}), nil
}

// packed is data.packed.
func packed(vm *runtime.VM, b *loss.Batch, wrap func(*tensor.Tensor) lua.LValue) *lua.LTable {
	// Where there are none, advantages are 0 and groups -1.
	column := func(values []float64) lua.LValue {
		t := tensors.Of(vm).Allocator().New("packed", b.Len())
		if t.Err() == nil {
			data := t.Data()
			for i, v := range values {
				data[i] = float32(v)
			}
		}
		return wrap(t)
	}
	index := func(values []int) lua.LValue {
		list := vm.NewTable(b.Len(), 0)
		for i := range b.Len() {
			v := -1
			if values != nil {
				v = values[i]
			}
			list.RawSetInt(i+1, lua.LNumber(v))
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
	t.RawSetString("reward", column(b.Reward))
	t.RawSetString("advantage", column(b.Advantage))
	t.RawSetString("group_idx", index(b.GroupIdx))
	t.RawSetString("traj_idx", index(b.TrajIdx))
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
