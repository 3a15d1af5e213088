// Package loss is the Lua module hud.loss, and what stands between Lua and
// custom losses: the data and packed tables a loss function receives, and how
// what it returns becomes a gradient.
package loss

import (
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	tensors "github.com/hudrl/hudrl/bindings/tensor"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// Module is hud.loss.
func Module() runtime.Module {
	return runtime.Module{Name: "hud.loss", Open: Open}
}

type moduleKey struct{}

// Open gives the module's table, the same for every call on one VM.
func Open(vm *runtime.VM) (lua.LValue, error) {
	if m, ok := vm.Value(moduleKey{}).(*lua.LTable); ok {
		return m, nil
	}
	f := map[string]lua.LGFunction{"as_custom": asCustom}
	kl := map[string]lua.LGFunction{"controller_adaptive": adaptiveKL}
	for _, name := range append(loss.Names(), loss.PairNames()...) {
		call := func(L *lua.LState) int {
			a := luax.Read(L, name)
			data := a.Table("data")
			t, s := configured(&a, name)
			a.End()
			return compute(&a, t, s, data)
		}
		if short, ok := strings.CutPrefix(name, "kl."); ok {
			kl[short] = call
		} else {
			f[name] = call
		}
	}
	m := luax.Module(vm, "loss", f)
	m.RawSetString("kl", luax.Module(vm, "loss.kl", kl))
	m.RawSetString("advantages", luax.Module(vm, "loss.advantages", advantages()))
	vm.SetValue(moduleKey{}, m)
	return m, nil
}

// settings are the options every loss has beside its own.
var settings = []string{"aggregate", "max_length", "denominator", "advantage", "old_logprobs", "correction", "correction_low", "correction_high"}

// options is a loss with its options read: advantage and old logprobs are of
// the data's size, checked when they are used.
type options struct {
	loss.Settings
	advantage, old lua.LValue
}

// fused is what the losses of tokens and of pairs have in common.
type fused interface {
	Check(s loss.Settings) error
	Loss(b *loss.Batch, s loss.Settings) (*tensor.Tensor, map[string]float64, error)
}

// find is the loss of that name.
func find(name string, config map[string]float64) (fused, error) {
	if slices.Contains(loss.PairNames(), name) {
		return loss.NewPair(name, config)
	}
	return loss.New(name, config)
}

// configured reads the option table of the loss of that name.
func configured(a *luax.Args, name string) (fused, options) {
	keys, others := loss.Options(name), settings
	if slices.Contains(loss.PairNames(), name) {
		others = []string{"denominator"}
	}
	o := a.Options(append(slices.Clone(keys), others...)...)
	config := map[string]float64{}
	for _, k := range keys {
		if o.Has(k) {
			config[k] = o.Number(k, 0)
		}
	}
	t, err := find(name, config)
	if err != nil {
		a.VM().Raise(a.L, err)
	}
	var s options
	if len(others) == 1 {
		s.Denominator = o.Number("denominator", 0)
		if err := t.Check(s.Settings); err != nil {
			a.VM().Raise(a.L, err)
		}
		return t, s
	}
	s.advantage, s.old = o.Value("advantage"), o.Value("old_logprobs")
	s.Aggregate = loss.Aggregation(o.OneOf("aggregate", "", loss.Aggregations()...))
	s.MaxLength, s.Denominator = o.Number("max_length", 0), o.Number("denominator", 0)
	// What is wrong with the aggregation shows here, before anything is spent.
	if err := t.Check(s.Settings); err != nil {
		a.VM().Raise(a.L, err)
	}
	bounds := map[string]float64{}
	for _, k := range []string{"correction_low", "correction_high"} {
		if o.Has(k) {
			bounds[k] = o.Number(k, 0)
		}
	}
	switch name := o.String("correction", ""); {
	case name != "":
		if s.Correction, err = loss.NewCorrection(name, bounds); err != nil {
			a.VM().Raise(a.L, err)
		}
	case len(bounds) > 0:
		a.Fail("correction: got bounds without it, want one of %s", strings.Join(loss.Corrections(), ", "))
	}
	return t, s
}

// compute pushes the loss of data and its metrics.
func compute(a *luax.Args, t fused, s options, data *lua.LTable) int {
	b := batchOf(a, data)
	s.Settings.Advantage = perDatum(a, "advantage", s.advantage, b.Len())
	switch v := s.old.(type) {
	case nil, *lua.LNilType:
	case *lua.LTable:
		s.Old = luax.Numbers[float32](a, "old_logprobs", v)
	default:
		s.Old = luax.As[*tensor.Tensor](a, "old_logprobs", v).Data()
	}
	out, metrics, err := t.Loss(b, s.Settings)
	if err != nil {
		a.VM().Raise(a.L, err)
	}
	m, err := a.VM().ToLua(metrics)
	if err != nil {
		a.VM().Raise(a.L, err)
	}
	a.L.Push(tensors.Of(a.VM()).Wrap(a.L, out))
	a.L.Push(m)
	return 2
}

// asCustom is loss.as_custom(name, options): a function to give to
// forward_backward_custom.
func asCustom(L *lua.LState) int {
	a := luax.Read(L, "as_custom")
	name := a.String("name")
	if _, err := find(name, nil); err != nil {
		a.VM().Raise(L, err)
	}
	t, s := configured(&a, name)
	a.End()
	L.Push(a.VM().NewFunction(func(L *lua.LState) int {
		a := luax.Read(L, name)
		return compute(&a, t, s, a.Table("data"))
	}))
	return 1
}

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

// batchOf reads what a loss is computed from: the data array of a custom loss,
// its packed table, one datum, or a table with the same fields.
func batchOf(a *luax.Args, data *lua.LTable) *loss.Batch {
	if packed, ok := data.RawGetString("packed").(*lua.LTable); ok {
		data = packed
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
		if t == nil {
			continue
		}
		if t.Len() != n {
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
		if list, ok := data.RawGetString(name).(*lua.LTable); ok {
			*into = luax.Numbers[int](a, "data."+name, list)
			if len(*into) != p.Len() {
				a.Fail("data.%s: got %d values for %d datums", name, len(*into), p.Len())
			}
		}
	}
	p.Advantage = perDatum(a, "data.advantage", data.RawGetString("advantage"), p.Len())
	p.Reward = perDatum(a, "data.reward", data.RawGetString("reward"), p.Len())
	return b
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
