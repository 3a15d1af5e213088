package loss

import (
	"maps"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	tensors "github.com/hudrl/hudrl/bindings/tensor"
	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// tensorLosses are the functions of tensors that no service returns: logits,
// values, scores.
func tensorLosses() map[string]lua.LGFunction {
	f := map[string]lua.LGFunction{
		"aux": aux, "entropies": perPosition("entropies", loss.Entropies), "sum_pi_squared": perPosition("sum_pi_squared", loss.SumSquares),
		"high_entropy_mask": highEntropyMask, "entropy_adaptive": entropyAdaptive, "masked": masked,
		"bt_rm": bradleyTerry("bt_rm", "margin", "denominator", "aggregate"), "bt_rm_logexp": bradleyTerry("bt_rm_logexp", "denominator", "aggregate"),
	}
	for _, name := range loss.ValueNames() {
		f[name] = valueLoss(name)
	}
	for _, name := range loss.DistributionNames() {
		f[name] = distribution(name)
	}
	return f
}

// whole are the options of a loss that is added up over positions.
var whole = []string{"mask", "offsets", "group_idx", "aggregate", "max_length", "denominator"}

// place is where the positions of a tensor lie, and how they are added up.
type place struct {
	mask           []float32
	offsets, group []int
	settings       loss.Settings
	parts          bool // aggregate = "none"
}

// placed reads the options of whole.
func placed(a *luax.Args, o luax.Options) place {
	var p place
	p.mask = maskOf(a, o)
	if list := o.Table("offsets"); list != nil {
		p.offsets = luax.Numbers[int](a, "offsets", list)
	}
	if list := o.Table("group_idx"); list != nil {
		p.group = luax.Numbers[int](a, "group_idx", list)
	}
	p.settings.Aggregate = loss.Aggregation(o.OneOf("aggregate", "", append(loss.Aggregations(), none)...))
	p.settings.MaxLength, p.settings.Denominator = positive(a, o, "max_length"), positive(a, o, "denominator")
	if p.parts = p.settings.Aggregate == none; p.parts {
		p.settings.Aggregate = ""
		if o.Has("denominator") || o.Has("max_length") {
			a.Fail("aggregate: \"none\" divides by nothing: got a denominator or max_length beside it")
		}
	}
	return p
}

// maskOf is the option mask, nil where there is none.
func maskOf(a *luax.Args, o luax.Options) []float32 {
	if !o.Has("mask") {
		return nil
	}
	return narrow(values(a, "mask", o.Value("mask")))
}

// numbers are the options of that loss with the values given.
func numbers(o luax.Options, keys []string) map[string]float64 {
	config := map[string]float64{}
	for _, k := range keys {
		if o.Has(k) {
			config[k] = o.Number(k, 0)
		}
	}
	return config
}

// result pushes a loss and its metrics.
func result(a *luax.Args, out *tensor.Tensor, metrics map[string]float64, err error) int {
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

// part pushes what a loss adds up.
func part(a *luax.Args, out *tensor.Tensor, err error) int {
	if err != nil {
		a.VM().Raise(a.L, err)
	}
	a.L.Push(tensors.Of(a.VM()).Wrap(a.L, out))
	return 1
}

// distribution is loss.NAME(logits [, teacher], options).
func distribution(name string) lua.LGFunction {
	return func(L *lua.LState) int {
		a := luax.Read(L, name)
		row, _ := loss.Find(name, loss.KindLogits)
		f, err := loss.NewDistribution(name, nil)
		if err != nil {
			a.VM().Raise(L, err)
		}
		x := loss.Distributions{Logits: luax.Object[*tensor.Tensor](&a, "logits")}
		if f.UsesTeacher() {
			x.Teacher = luax.Object[*tensor.Tensor](&a, "teacher")
		}
		keys := slices.Sorted(maps.Keys(row.Options))
		o := a.Options(append(keys, whole...)...)
		a.End()
		if f, err = loss.NewDistribution(name, numbers(o, keys)); err != nil {
			a.VM().Raise(L, err)
		}
		p := placed(&a, o)
		x.Mask, x.Offsets, x.Group = p.mask, p.offsets, p.group
		if p.parts {
			out, err := f.Tokens(x)
			return part(&a, out, err)
		}
		out, metrics, err := f.Loss(x, p.settings)
		return result(&a, out, metrics, err)
	}
}

// valueLoss is loss.NAME(values, options).
func valueLoss(name string) lua.LGFunction {
	return func(L *lua.LState) int {
		a := luax.Read(L, name)
		row, _ := loss.Find(name, loss.KindValues)
		x := loss.Values{Values: luax.Object[*tensor.Tensor](&a, "values")}
		keys := slices.Sorted(maps.Keys(row.Options))
		o := a.Options(append(slices.Concat(keys, whole), "returns", "old_values")...)
		a.End()
		f, err := loss.NewValue(name, numbers(o, keys))
		if err != nil {
			a.VM().Raise(L, err)
		}
		p := placed(&a, o)
		x.Mask, x.Offsets, x.Group = p.mask, p.offsets, p.group
		if o.Has("returns") {
			x.Returns = values(&a, "returns", o.Value("returns"))
		}
		if o.Has("old_values") {
			x.Old = values(&a, "old_values", o.Value("old_values"))
		}
		if p.parts {
			out, err := f.Tokens(x)
			return part(&a, out, err)
		}
		out, metrics, err := f.Loss(x, p.settings)
		return result(&a, out, metrics, err)
	}
}

// bradleyTerry is loss.NAME(chosen, rejected, options).
func bradleyTerry(name string, options ...string) lua.LGFunction {
	return func(L *lua.LState) int {
		a := luax.Read(L, name)
		chosen, rejected := luax.Object[*tensor.Tensor](&a, "chosen"), luax.Object[*tensor.Tensor](&a, "rejected")
		o := a.Options(options...)
		a.End()
		var margin []float64
		if slices.Contains(options, "margin") && o.Has("margin") {
			margin = perDatum(&a, "margin", o.Value("margin"), chosen.Len())
		}
		if o.OneOf("aggregate", "", none) == none {
			if o.Has("denominator") {
				a.Fail("aggregate: \"none\" divides by nothing: got a denominator beside it")
			}
			out, err := loss.BradleyTerryPairs(name, chosen, rejected, margin)
			return part(&a, out, err)
		}
		out, metrics, err := loss.BradleyTerry(name, chosen, rejected, margin, positive(&a, o, "denominator"))
		return result(&a, out, metrics, err)
	}
}

// aux is loss.aux(logits, options).
func aux(L *lua.LState) int {
	a := luax.Read(L, "aux")
	logits := luax.Object[*tensor.Tensor](&a, "logits")
	o := a.Options("mask", "top_k", "coef")
	a.End()
	out, metrics, err := loss.Aux(logits, maskOf(&a, o), o.Int("top_k", 2), o.Number("coef", 1))
	return result(&a, out, metrics, err)
}

// perPosition is f of logits [N, V] as a tensor [N] without gradient.
func perPosition(name string, f func(logits *tensor.Tensor, mask []float32) ([]float64, error)) lua.LGFunction {
	return func(L *lua.LState) int {
		a := luax.Read(L, name)
		logits := luax.Object[*tensor.Tensor](&a, "logits")
		o := a.Options("mask")
		a.End()
		out, err := f(logits, maskOf(&a, o))
		if err != nil {
			a.VM().Raise(L, err)
		}
		return push(&a, out)
	}
}

// highEntropyMask is loss.high_entropy_mask(entropies, options).
func highEntropyMask(L *lua.LState) int {
	a := luax.Read(L, "high_entropy_mask")
	_, entropies := column(&a, "entropies")
	o := a.Options("mask", "rho")
	a.End()
	keep, err := loss.HighEntropyMask(entropies, maskOf(&a, o), o.Number("rho", 0.2))
	if err != nil {
		a.VM().Raise(L, err)
	}
	b := tensors.Of(a.VM())
	L.Push(b.Wrap(L, b.Allocator().From(keep, len(keep))))
	return 1
}
