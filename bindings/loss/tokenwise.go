package loss

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	tensors "github.com/hudrl/hudrl/bindings/tensor"
	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// tokenwise are the estimators with a value for each position, each f(data,
// options).
func tokenwise() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{"gae": gae, "vapo_gae": vapoGAE, "otb": otb, "opd": opd, "kl_in_advantage": klInAdvantage}
}

// columns are the fields of a data array, of its packed table or of one datum
// that an estimator reads.
type columns struct {
	a    *luax.Args
	data *lua.LTable
	at   loss.Layout
}

// columnsOf reads mask and offsets of data.
func columnsOf(a *luax.Args, data *lua.LTable) columns {
	if packed, ok := data.RawGetString("packed").(*lua.LTable); ok {
		data = packed
	}
	c := columns{a: a, data: data}
	mask := data.RawGetString("mask")
	if mask == lua.LNil {
		a.Bad("data.mask", mask, "list of numbers or tensor")
	}
	c.at.Mask = narrow(values(a, "data.mask", mask))
	c.at.Offsets = []int{0, len(c.at.Mask)}
	if list, ok := data.RawGetString("offsets").(*lua.LTable); ok {
		c.at.Offsets = luax.Numbers[int](a, "data.offsets", list)
		checkOffsets(a, c.at.Offsets, len(c.at.Mask))
	}
	return c
}

func narrow(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}

// read is the option of that name, or where it is not given the data's field;
// nil where there is neither.
func (c columns) read(o luax.Options, option, field string) []float64 {
	name, v := option, o.Value(option)
	if v == nil || v == lua.LNil {
		name, v = "data."+field, c.data.RawGetString(field)
	}
	switch v := v.(type) {
	case *lua.LNilType:
		return nil
	case lua.LNumber: // of one datum
		return []float64{float64(v)}
	}
	return values(c.a, name, v)
}

// need is read, raising where there is nothing.
func (c columns) need(o luax.Options, option, field, hint string) []float64 {
	x := c.read(o, option, field)
	if x == nil {
		c.a.FailHint(hint, "%s: got nil, want list of numbers or tensor", option)
	}
	return x
}

// group is the option group_idx or the data's field; nil where there is
// neither, and for data without groups.
func (c columns) group(o luax.Options) []int {
	list := o.Table("group_idx")
	if list == nil {
		list, _ = c.data.RawGetString("group_idx").(*lua.LTable)
	}
	if list == nil {
		return nil
	}
	return luax.Numbers[int](c.a, "group_idx", list)
}

// push pushes lists as tensors.
func push(a *luax.Args, lists ...[]float64) int {
	b := tensors.Of(a.VM())
	for _, list := range lists {
		a.L.Push(b.Wrap(a.L, ofValues(b.Allocator(), list)))
	}
	return len(lists)
}

// ofValues is a tensor of numbers.
func ofValues(alloc *tensor.Allocator, x []float64) *tensor.Tensor {
	t := alloc.Zeros(len(x))
	if t.Err() == nil {
		data := t.Data()
		for i, v := range x {
			data[i] = float32(v)
		}
	}
	return t
}

// gae is advantages.gae(data, options).
func gae(L *lua.LState) int {
	a := luax.Read(L, "gae")
	c := columnsOf(&a, a.Table("data"))
	o := a.Options("values", "rewards", "gamma", "lambda", "whiten")
	a.End()
	advantages, returns, err := loss.GAE(c.at, c.need(o, "rewards", "reward", ""), c.need(o, "values", "values", "a value model's prediction at each position"),
		o.Number("gamma", 1), o.Number("lambda", 1), o.Bool("whiten", true))
	if err != nil {
		a.VM().Raise(L, err)
	}
	return push(&a, advantages, returns)
}

// vapoGAE is advantages.vapo_gae(data, options).
func vapoGAE(L *lua.LState) int {
	a := luax.Read(L, "vapo_gae")
	c := columnsOf(&a, a.Table("data"))
	o := a.Options("values", "rewards", "gamma", "lambda_value", "lambda", "alpha", "whiten")
	a.End()
	advantages, returns, err := loss.VAPO(c.at, c.need(o, "rewards", "reward", ""), c.need(o, "values", "values", "a value model's prediction at each position"),
		o.Number("gamma", 1), o.Number("lambda_value", 1), o.Number("lambda", 1), o.Number("alpha", 0.05), o.Bool("whiten", true))
	if err != nil {
		a.VM().Raise(L, err)
	}
	return push(&a, advantages, returns)
}

// otb is advantages.otb(data, options).
func otb(L *lua.LState) int {
	a := luax.Read(L, "otb")
	c := columnsOf(&a, a.Table("data"))
	o := a.Options("sum_pi_squared", "rewards", "logprobs", "weights", "group_idx", "eps", "zero_tail")
	a.End()
	squares := c.need(o, "sum_pi_squared", "sum_pi_squared", "loss.sum_pi_squared(logits) makes them of whole distributions, which a service does not return")
	out, err := loss.OTB(c.at, c.need(o, "rewards", "reward", ""), c.need(o, "logprobs", "sampling_logprobs", ""), squares, c.read(o, "weights", "weights"), c.group(o),
		o.Number("eps", 1e-8), o.Bool("zero_tail", true))
	if err != nil {
		a.VM().Raise(L, err)
	}
	return push(&a, out)
}

// opd is advantages.opd(data, options).
func opd(L *lua.LState) int {
	a := luax.Read(L, "opd")
	c := columnsOf(&a, a.Table("data"))
	o := a.Options("teacher", "student")
	a.End()
	out, err := loss.OPD(c.at, c.need(o, "teacher", "ref_logprobs", "name the teacher as the reference of forward_backward_custom"), c.need(o, "student", "logprobs", ""))
	if err != nil {
		a.VM().Raise(L, err)
	}
	return push(&a, out)
}

// klInAdvantage is advantages.kl_in_advantage(data, options).
func klInAdvantage(L *lua.LState) int {
	a := luax.Read(L, "kl_in_advantage")
	c := columnsOf(&a, a.Table("data"))
	o := a.Options("advantage", "sampling_logprobs", "ref_logprobs", "beta", "discount")
	a.End()
	advantage := c.read(o, "advantage", "advantage")
	if advantage == nil {
		advantage = make([]float64, c.at.Len())
	}
	out, err := loss.KLInAdvantage(c.at, advantage, c.need(o, "sampling_logprobs", "sampling_logprobs", ""),
		c.need(o, "ref_logprobs", "ref_logprobs", "name a checkpoint as the reference of forward_backward_custom"), o.Number("beta", 0.05), o.Number("discount", 0))
	if err != nil {
		a.VM().Raise(L, err)
	}
	return push(&a, out)
}

// masked is loss.masked(data, keep): data whose mask is 0 where keep is, which
// has a value for each datum or for each position.
func masked(L *lua.LState) int {
	a := luax.Read(L, "masked")
	data := a.Table("data")
	keep := values(&a, "keep", a.Value("keep"))
	a.End()
	c := columnsOf(&a, data)
	mask, err := c.at.Keep(keep)
	if err != nil {
		a.VM().Raise(L, err)
	}
	out := a.VM().NewTable(data.Len(), 10)
	for k, v := c.data.Next(lua.LNil); k != lua.LNil; k, v = c.data.Next(k) {
		out.RawSet(k, v)
	}
	for d := 1; d <= data.Len(); d++ { // for what extra a datum carries
		out.RawSetInt(d, data.RawGetInt(d))
	}
	b := tensors.Of(a.VM())
	out.RawSetString("mask", b.Wrap(L, b.Allocator().From(mask, len(mask))))
	L.Push(out)
	return 1
}
