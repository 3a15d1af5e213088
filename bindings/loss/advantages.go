package loss

import (
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	tensors "github.com/hudrl/hudrl/bindings/tensor"
	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// advantages are the estimators, each f(rewards, {group_idx=, traj_idx=, …}).
func advantages() map[string]lua.LGFunction {
	f := map[string]lua.LGFunction{}
	add := func(name string, estimate func(r loss.Rewards, eps float64) ([]float64, error), eps float64, extra ...string) {
		f[name] = func(L *lua.LState) int {
			a := luax.Read(L, name)
			v := a.Value("rewards")
			n := 1
			switch v := v.(type) {
			case *lua.LTable:
				n = v.Len()
			case *lua.LUserData:
				if t, ok := luax.To[*tensor.Tensor](v); ok {
					n = t.Len()
				}
			default:
				a.Bad("rewards", v, "list of numbers or tensor")
			}
			r := loss.Rewards{Reward: perDatum(&a, "rewards", v, n)}
			o := a.Options(append([]string{"group_idx", "group_size", "traj_idx"}, extra...)...)
			a.End()
			index := func(name string) []int {
				list := o.Table(name)
				if list == nil {
					return nil
				}
				x := luax.Numbers[int](&a, name, list)
				if len(x) != n {
					a.Fail("%s: got %d values for %d rewards", name, len(x), n)
				}
				return x
			}
			r.Group, r.Traj = index("group_idx"), index("traj_idx")
			if o.Has("group_size") {
				size := o.Int("group_size", 0)
				if r.Group != nil || size < 1 || n%size != 0 {
					a.Fail("group_size: got %d for %d rewards, want a divisor, and no group_idx beside it", size, n)
				}
				r.Group = make([]int, n)
				for i := range r.Group {
					r.Group[i] = i / size
				}
			}
			e := eps
			switch {
			case slices.Contains(extra, "eps"):
				if e = o.Number("eps", eps); !(e >= 0) {
					a.Fail("eps: got %v, want at least 0", e)
				}
			case slices.Contains(extra, "length"):
				r.Length = index("length")
			}
			out, err := estimate(r, e)
			if err != nil {
				a.VM().Raise(L, err)
			}
			if _, ok := v.(*lua.LTable); ok {
				L.Push(luax.List(a.VM(), out))
				return 1
			}
			b := tensors.Of(a.VM())
			t := b.Allocator().Zeros(n)
			for i, x := range out {
				if t.Err() == nil {
					t.Data()[i] = float32(x)
				}
			}
			L.Push(b.Wrap(L, t))
			return 1
		}
	}
	plain := func(g func(r loss.Rewards) []float64) func(r loss.Rewards, _ float64) ([]float64, error) {
		return func(r loss.Rewards, _ float64) ([]float64, error) { return g(r), nil }
	}
	add("mean_only", plain(loss.MeanOnly), 0)
	add("rloo", plain(loss.RLOO), 0)
	add("maxrl", plain(loss.MaxRL), 0)
	add("grpo", func(r loss.Rewards, eps float64) ([]float64, error) { return loss.GRPO(r, eps), nil }, 1e-6, "eps")
	add("batch_std", func(r loss.Rewards, eps float64) ([]float64, error) { return loss.BatchStd(r, eps), nil }, 1e-4, "eps")
	add("opo", func(r loss.Rewards, _ float64) ([]float64, error) { return loss.OPO(r) }, 0, "length")
	return f
}
