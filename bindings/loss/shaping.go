package loss

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime/loss"
)

// shaping are the estimators that look at more than rewards in groups, each
// f(rewards, options).
func shaping() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"rae": rae, "hierarchical_grpo": hierarchicalGRPO, "length_shaped_grpo": lengthShapedGRPO,
		"stop_properly_penalty": stopProperly, "mask_truncated": maskTruncated,
	}
}

// words reads a list of strings that must be there.
func words(a *luax.Args, o luax.Options, name string) []string {
	list := o.Table(name)
	if list == nil {
		a.Bad(name, lua.LNil, "list of strings")
	}
	return luax.Strings(a, name, list)
}

// rae is advantages.rae(rewards, options). The state is a table of baselines by
// role, which the call changes.
func rae(L *lua.LState) int {
	a := luax.Read(L, "rae")
	v, rewards := column(&a, "rewards")
	o := a.Options("roles", "decay", "state")
	a.End()
	roles, state := words(&a, o, "roles"), o.Table("state")
	if state == nil {
		a.FailHint(`hud.state("baselines", {}) is saved with the run`, "state: got nil, want table of baselines by role")
	}
	x := loss.RAE{Decay: o.Number("decay", 0.95), Baselines: map[string]float64{}}
	for k, b := state.Next(lua.LNil); k != lua.LNil; k, b = state.Next(k) {
		x.Baselines[a.AsString("state: a role", k)] = a.AsNumber("state."+k.String(), b)
	}
	out, err := x.Advantages(rewards, roles)
	if err != nil {
		a.VM().Raise(L, err)
	}
	for role, b := range x.Baselines {
		state.RawSetString(role, lua.LNumber(b))
	}
	return pushLike(&a, v, out)
}

// hierarchicalGRPO is advantages.hierarchical_grpo(rewards, options).
func hierarchicalGRPO(L *lua.LState) int {
	a := luax.Read(L, "hierarchical_grpo")
	v, rewards := column(&a, "rewards")
	o := a.Options("roles", "episodes", "episode_roles", "group_idx", "group_size", "traj_idx")
	a.End()
	r := loss.Rewards{Reward: rewards}
	r.Group, r.Traj = grouping(&a, o, len(rewards))
	out, err := loss.HierarchicalGRPO(r, words(&a, o, "roles"), perReward(&a, o, "episodes", len(rewards)), words(&a, o, "episode_roles"))
	if err != nil {
		a.VM().Raise(L, err)
	}
	return pushLike(&a, v, out)
}

// lengthShapedGRPO is advantages.length_shaped_grpo(rewards, options).
func lengthShapedGRPO(L *lua.LState) int {
	a := luax.Read(L, "length_shaped_grpo")
	v, rewards := column(&a, "rewards")
	o := a.Options("output_tokens", "input_tokens", "turns", "output_weight", "input_weight", "turns_weight", "group_idx", "group_size", "traj_idx")
	a.End()
	r := loss.Rewards{Reward: rewards}
	r.Group, r.Traj = grouping(&a, o, len(rewards))
	var terms []loss.LengthTerm
	for _, t := range []struct {
		lengths, weight string
		def             float64
	}{{"output_tokens", "output_weight", 0.25}, {"input_tokens", "input_weight", 0.1}, {"turns", "turns_weight", 0.1}} {
		if !o.Has(t.lengths) {
			if o.Has(t.weight) {
				a.Fail("%s: got nil, want list of numbers or tensor: there is %s", t.lengths, t.weight)
			}
			continue
		}
		terms = append(terms, loss.LengthTerm{Name: t.lengths, Length: perDatum(&a, t.lengths, o.Value(t.lengths), len(rewards)), Weight: o.Number(t.weight, t.def)})
	}
	if terms == nil {
		a.Fail("output_tokens: got nil, want list of numbers or tensor: it, input_tokens or turns")
	}
	out, err := loss.LengthShapedGRPO(r, terms)
	if err != nil {
		a.VM().Raise(L, err)
	}
	return pushLike(&a, v, out)
}

// truths reads a list of booleans, or of numbers of which 0 is false.
func truths(a *luax.Args, param string, v lua.LValue) []bool {
	list, ok := v.(*lua.LTable)
	if !ok {
		a.Bad(param, v, "list of booleans")
	}
	out := make([]bool, list.Len())
	for i := range out {
		switch v := list.RawGetInt(i + 1).(type) {
		case lua.LBool:
			out[i] = bool(v)
		case lua.LNumber:
			out[i] = v != 0
		default:
			a.Bad(param, v, "list of booleans")
		}
	}
	return out
}

// stopProperly is advantages.stop_properly_penalty(rewards, options).
func stopProperly(L *lua.LState) int {
	a := luax.Read(L, "stop_properly_penalty")
	v, rewards := column(&a, "rewards")
	o := a.Options("truncated", "coef")
	a.End()
	cut := o.Value("truncated")
	if cut == nil {
		cut = lua.LNil
	}
	out, err := loss.StopProperly(rewards, truths(&a, "truncated", cut), o.NeedNumber("coef"))
	if err != nil {
		a.VM().Raise(L, err)
	}
	return pushLike(&a, v, out)
}

// maskTruncated is advantages.mask_truncated(truncated).
func maskTruncated(L *lua.LState) int {
	a := luax.Read(L, "mask_truncated")
	cut := truths(&a, "truncated", a.Value("truncated"))
	a.End()
	keep, kept := loss.MaskTruncated(cut)
	L.Push(luax.List(a.VM(), keep))
	L.Push(lua.LNumber(kept))
	return 2
}

// entropyAdaptive is loss.entropy_adaptive(coef, entropy, options).
func entropyAdaptive(L *lua.LState) int {
	a := luax.Read(L, "entropy_adaptive")
	coef, entropy := a.Number("coef"), a.Number("entropy")
	o := a.Options("target", "delta", "min", "max")
	a.End()
	next, apply, err := loss.EntropyAdaptive(coef, entropy, o.Number("target", 0.2), o.Number("delta", 0.005), o.Number("min", 0), o.Number("max", 1))
	if err != nil {
		a.VM().Raise(L, err)
	}
	L.Push(lua.LNumber(next))
	L.Push(lua.LNumber(apply))
	return 2
}
