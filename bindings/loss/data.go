package loss

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	tensors "github.com/hudrl/hudrl/bindings/tensor"
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// batchOf reads what a loss is computed from: the data array of a custom loss,
// its packed table, one datum, a list of datums, or a table with the same
// fields; with extra also what the inputs carried, which a packed table has
// not.
func batchOf(a *luax.Args, data *lua.LTable, extra bool) *loss.Batch {
	whole := data
	if packed, ok := data.RawGetString("packed").(*lua.LTable); ok {
		data = packed
	} else if _, list := data.RawGetInt(1).(*lua.LTable); list && data.RawGetString("logprobs") == lua.LNil {
		data = joined(a, data)
	}
	field := func(name string) *tensor.Tensor {
		t := luax.As[*tensor.Tensor](a, "data."+name, data.RawGetString(name))
		if t.Dims() != 1 {
			a.Fail("data.%s: got shape %v, want one dimension", name, t.Shape())
		}
		return t
	}
	b := &loss.Batch{Packed: &hud.Packed{}, Logprobs: field("logprobs")}
	b.SamplingLogprobs, b.Mask = field("sampling_logprobs"), field("mask")
	if data.RawGetString("ref_logprobs") != lua.LNil {
		b.RefLogprobs = field("ref_logprobs")
	}
	n := b.Logprobs.Len()
	for name, t := range map[string]*tensor.Tensor{"sampling_logprobs": b.SamplingLogprobs, "mask": b.Mask, "ref_logprobs": b.RefLogprobs} {
		if t != nil && t.Len() != n {
			a.Fail("data.%s: got %d positions, want %d as logprobs has", name, t.Len(), n)
		}
	}
	p := b.Packed
	p.Logprobs, p.SamplingLogprobs, p.Mask = b.Logprobs.Data(), b.SamplingLogprobs.Data(), b.Mask.Data()
	if b.RefLogprobs != nil {
		p.RefLogprobs = b.RefLogprobs.Data()
	}
	p.Offsets = []int{0, n}
	if list, ok := data.RawGetString("offsets").(*lua.LTable); ok {
		p.Offsets = luax.Numbers[int](a, "data.offsets", list)
		checkOffsets(a, p.Offsets, n)
	}
	for name, into := range map[string]*[]int{"group_idx": &p.GroupIdx, "traj_idx": &p.TrajIdx} {
		switch v := data.RawGetString(name).(type) {
		case *lua.LTable:
			*into = luax.Numbers[int](a, "data."+name, v)
			if len(*into) != p.Len() {
				a.Fail("data.%s: got %d values for %d datums", name, len(*into), p.Len())
			}
		case lua.LNumber: // of one datum
			*into = []int{a.AsInt("data."+name, v)}
		}
	}
	p.Advantage = perDatum(a, "data.advantage", data.RawGetString("advantage"), p.Len())
	p.Reward = perDatum(a, "data.reward", data.RawGetString("reward"), p.Len())
	if extra {
		p.Extra = extras(a, whole, p.Len())
	}
	return b
}

// joined is a list of datums as one packed table.
func joined(a *luax.Args, list *lua.LTable) *lua.LTable {
	vm, n := a.VM(), list.Len()
	datums := make([]*lua.LTable, n)
	for i := range datums {
		datums[i] = a.AsTable(fmt.Sprintf("data[%d]", i+1), list.RawGetInt(i+1))
	}
	out := vm.NewTable(0, 9)
	for _, name := range []string{"logprobs", "sampling_logprobs", "mask", "ref_logprobs"} {
		if name == "ref_logprobs" && datums[0].RawGetString(name) == lua.LNil {
			continue
		}
		parts := make([]*tensor.Tensor, n)
		for i, d := range datums {
			parts[i] = luax.As[*tensor.Tensor](a, fmt.Sprintf("data[%d].%s", i+1, name), d.RawGetString(name))
		}
		t := tensor.Cat(parts, 0)
		if err := t.Err(); err != nil {
			vm.Raise(a.L, err)
		}
		out.RawSetString(name, tensors.Of(vm).Wrap(a.L, t))
		if name == "logprobs" {
			offsets := vm.NewTable(n+1, 0)
			offsets.Append(lua.LNumber(0))
			at := 0
			for _, p := range parts {
				at += p.Len()
				offsets.Append(lua.LNumber(at))
			}
			out.RawSetString("offsets", offsets)
		}
	}
	for _, name := range []string{"reward", "advantage", "group_idx", "traj_idx"} {
		column := vm.NewTable(n, 0)
		for i, d := range datums {
			v := d.RawGetString(name)
			if v == lua.LNil && i == 0 {
				column = nil
				break
			}
			column.Append(lua.LNumber(a.AsNumber(fmt.Sprintf("data[%d].%s", i+1, name), v)))
		}
		if column != nil {
			out.RawSetString(name, column)
		}
	}
	return out
}

// extras are what the inputs of a data array, or of one datum, carried: the
// numbers, strings, truths and lists of numbers of it.
func extras(a *luax.Args, data *lua.LTable, n int) []map[string]any {
	out := make([]map[string]any, n)
	for d := range out {
		datum := data
		if of, ok := data.RawGetInt(d + 1).(*lua.LTable); ok {
			datum = of
		}
		from, ok := datum.RawGetString("extra").(*lua.LTable)
		if !ok {
			continue
		}
		out[d] = map[string]any{}
		for k, v := from.Next(lua.LNil); k != lua.LNil; k, v = from.Next(k) {
			key, ok := k.(lua.LString)
			if !ok {
				continue
			}
			if x, ok := scalar(v); ok {
				out[d][string(key)] = x
				continue
			}
			switch v := v.(type) {
			case *lua.LTable:
				if _, list := v.RawGetInt(1).(lua.LNumber); list {
					out[d][string(key)] = luax.Numbers[float64](a, fmt.Sprintf("data[%d].extra.%s", d+1, string(key)), v)
				}
			default:
				if t, ok := luax.To[*tensor.Tensor](v); ok {
					values := make([]float64, t.Len())
					for i, x := range t.Data() {
						values[i] = float64(x)
					}
					out[d][string(key)] = values
				}
			}
		}
	}
	return out
}

func checkOffsets(a *luax.Args, offsets []int, n int) {
	if len(offsets) == 0 || offsets[0] != 0 || offsets[len(offsets)-1] != n {
		a.Fail("data.offsets: want them to go from 0 to %d, the number of positions", n)
	}
	for i := 1; i < len(offsets); i++ {
		if offsets[i] < offsets[i-1] {
			a.Fail("data.offsets: offset %d is below the one before", i+1)
		}
	}
}

// perDatum reads one number for each of n datums: a number for all, a list, or
// a tensor. nil gives nil.
func perDatum(a *luax.Args, param string, v lua.LValue, n int) []float64 {
	var out []float64
	switch v := v.(type) {
	case nil, *lua.LNilType:
		return nil
	case lua.LNumber:
		out = make([]float64, n)
		for i := range out {
			out[i] = float64(v)
		}
	case *lua.LTable:
		out = luax.Numbers[float64](a, param, v)
	default:
		t := luax.As[*tensor.Tensor](a, param, v)
		for _, x := range t.Data() {
			out = append(out, float64(x))
		}
	}
	if len(out) != n {
		a.Fail("%s: got %d values for %d datums", param, len(out), n)
	}
	return out
}

// scalar is a number, a string or a boolean of Lua in Go.
func scalar(v any) (x any, ok bool) {
	switch v := v.(type) {
	case lua.LNumber:
		return float64(v), true
	case lua.LString:
		return string(v), true
	case lua.LBool:
		return bool(v), true
	}
	return nil, false
}

// scalars are a batch's extras as far as they are scalars.
func scalars(extras []map[string]any) []map[string]any {
	out := make([]map[string]any, len(extras))
	for d, extra := range extras {
		for k, v := range extra {
			if x, ok := scalar(v); ok {
				if out[d] == nil {
					out[d] = map[string]any{}
				}
				out[d][k] = x
			}
		}
	}
	return out
}
