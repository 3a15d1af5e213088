package loss

import (
	"fmt"
	"maps"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// advantages are the estimators, each f(rewards, {group_idx=, traj_idx=, …}).
func advantages() map[string]lua.LGFunction {
	f := map[string]lua.LGFunction{"overlong_penalty": overlongPenalty, "gdpo": gdpo}
	maps.Copy(f, tokenwise())
	maps.Copy(f, shaping())
	for _, name := range loss.Estimators() {
		f[name] = func(L *lua.LState) int { return estimate(L, name) }
	}
	return f
}

// estimate is the estimator of that name.
func estimate(L *lua.LState, name string) int {
	a := luax.Read(L, name)
	info, err := loss.Estimator(name)
	if err != nil {
		a.VM().Raise(L, err)
	}
	v, rewards := column(&a, "rewards")
	n := len(rewards)
	keys := slices.Sorted(maps.Keys(info.Options))
	names := append([]string{"group_idx", "group_size", "traj_idx"}, keys...)
	if info.Length {
		names = append(names, "length")
	}
	for _, k := range []string{info.Choice, info.Values} {
		if k != "" {
			names = append(names, k)
		}
	}
	o := a.Options(names...)
	a.End()
	e := loss.Estimation{Options: map[string]float64{}}
	e.Reward = rewards
	e.Group, e.Traj = grouping(&a, o, n)
	for _, k := range keys {
		if o.Has(k) {
			e.Options[k] = o.Number(k, 0)
		}
	}
	if info.Length {
		e.Length = perReward(&a, o, "length", n)
	}
	if info.Choice != "" {
		e.Choice = o.OneOf(info.Choice, info.Choices[0], info.Choices...)
	}
	if info.Values != "" && o.Has(info.Values) {
		e.Values = perDatum(&a, info.Values, o.Value(info.Values), n)
	}
	out, err := loss.Estimate(name, e)
	if err != nil {
		a.VM().Raise(L, err)
	}
	return pushLike(&a, v, out)
}

// perReward is the list of integers of that name, one for each of n rewards;
// nil where there is none.
func perReward(a *luax.Args, o luax.Options, name string, n int) []int {
	list := o.Table(name)
	if list == nil {
		return nil
	}
	x := luax.Numbers[int](a, name, list)
	if len(x) != n {
		a.Fail("%s: got %d values for %d rewards", name, len(x), n)
	}
	return x
}

// grouping reads group_idx or group_size, and traj_idx.
func grouping(a *luax.Args, o luax.Options, n int) (group, traj []int) {
	group, traj = perReward(a, o, "group_idx", n), perReward(a, o, "traj_idx", n)
	if !o.Has("group_size") {
		return group, traj
	}
	size := o.Int("group_size", 0)
	if group != nil || size < 1 || n%size != 0 {
		a.Fail("group_size: got %d for %d rewards, want a divisor, and no group_idx beside it", size, n)
	}
	group = make([]int, n)
	for i := range group {
		group[i] = i / size
	}
	return group, traj
}

// gdpo is advantages.gdpo(components, options).
func gdpo(L *lua.LState) int {
	a := luax.Read(L, "gdpo")
	list := a.Table("components")
	o := a.Options("group_idx", "group_size", "traj_idx", "weights", "eps")
	a.End()
	var v lua.LValue = lua.LNil
	components := make([][]float64, list.Len())
	for k := range components {
		v = list.RawGetInt(k + 1)
		components[k] = values(&a, fmt.Sprintf("components[%d]", k+1), v)
	}
	var r loss.Rewards
	if len(components) > 0 {
		r.Group, r.Traj = grouping(&a, o, len(components[0]))
	}
	var weights []float64
	if w := o.Table("weights"); w != nil {
		weights = luax.Numbers[float64](&a, "weights", w)
	}
	out, err := loss.GDPO(r, components, weights, o.Number("eps", 1e-4))
	if err != nil {
		a.VM().Raise(L, err)
	}
	return pushLike(&a, v, out)
}

// overlongPenalty is advantages.overlong_penalty(lengths, options).
func overlongPenalty(L *lua.LState) int {
	a := luax.Read(L, "overlong_penalty")
	v, lengths := column(&a, "lengths")
	o := a.Options("max_length", "buffer", "factor")
	a.End()
	out, err := loss.OverlongPenalty(lengths, o.NeedNumber("max_length"), o.NeedNumber("buffer"), o.Number("factor", 1))
	if err != nil {
		a.VM().Raise(L, err)
	}
	return pushLike(&a, v, out)
}

// column reads a list of numbers or a tensor.
func column(a *luax.Args, param string) (lua.LValue, []float64) {
	v := a.Value(param)
	return v, values(a, param, v)
}

// values reads v, a list of numbers or a tensor.
func values(a *luax.Args, param string, v lua.LValue) []float64 {
	n := 1
	switch v := v.(type) {
	case *lua.LTable:
		n = v.Len()
	case *lua.LUserData:
		if t, ok := luax.To[*tensor.Tensor](v); ok {
			n = t.Len()
		}
	default:
		a.Bad(param, v, "list of numbers or tensor")
	}
	return perDatum(a, param, v, n)
}

// pushLike pushes out as a list if v was one, else as a tensor.
func pushLike(a *luax.Args, v lua.LValue, out []float64) int {
	if _, ok := v.(*lua.LTable); ok {
		a.L.Push(luax.List(a.VM(), out))
		return 1
	}
	return push(a, out)
}
