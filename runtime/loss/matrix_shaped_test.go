package loss_test

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/hudrl/hudrl/runtime/loss"
)

// An earned is what estimators that are functions of their own read of one
// datum.
type earned struct {
	mask                          []float32
	values, logp, teacher, square []float64 // of each token
	reward                        float64
	second                        float64 // component of the reward
	group, traj                   int
	role                          string
	episode                       int
	length                        float64
	truncated                     bool
}

// shaped are those functions, of datums to one list for each: of its tokens,
// or of one number.
var shaped = map[string]func(list []earned) ([]float64, error){
	"gae": func(list []earned) ([]float64, error) {
		out, _, err := loss.GAE(layout(list), rewards(list), tokens(list, func(e *earned) []float64 { return e.values }), 0.9, 0.8, true)
		return out, err
	},
	"vapo_gae": func(list []earned) ([]float64, error) {
		out, _, err := loss.VAPO(layout(list), rewards(list), tokens(list, func(e *earned) []float64 { return e.values }), 0.9, 1, 1, 0.05, true)
		return out, err
	},
	"otb": func(list []earned) ([]float64, error) {
		logp, squares := tokens(list, func(e *earned) []float64 { return e.logp }), tokens(list, func(e *earned) []float64 { return e.square })
		return loss.OTB(layout(list), rewards(list), logp, squares, nil, of(list).Group, 1e-8, true)
	},
	"opd": func(list []earned) ([]float64, error) {
		return loss.OPD(layout(list), tokens(list, func(e *earned) []float64 { return e.teacher }), tokens(list, func(e *earned) []float64 { return e.logp }))
	},
	"kl_in_advantage": func(list []earned) ([]float64, error) {
		return loss.KLInAdvantage(layout(list), rewards(list), tokens(list, func(e *earned) []float64 { return e.logp }), tokens(list, func(e *earned) []float64 { return e.teacher }), 0.1, 0.9)
	},
	"hierarchical_grpo": func(list []earned) ([]float64, error) {
		var roles []string
		var episodes []int
		for _, e := range list {
			roles, episodes = append(roles, e.role), append(episodes, e.episode)
		}
		return loss.HierarchicalGRPO(of(list), roles, episodes, []string{"solver"})
	},
	"gdpo": func(list []earned) ([]float64, error) {
		var second []float64
		for _, e := range list {
			second = append(second, e.second)
		}
		return loss.GDPO(of(list), [][]float64{rewards(list), second}, []float64{1, 0.5}, 1e-4)
	},
	"overlong_penalty": func(list []earned) ([]float64, error) { return loss.OverlongPenalty(lengths(list), 9, 4, 1) },
	"length_shaped_grpo": func(list []earned) ([]float64, error) {
		return loss.LengthShapedGRPO(of(list), []loss.LengthTerm{{Name: "output", Length: lengths(list), Weight: 0.25}})
	},
	"stop_properly_penalty": func(list []earned) ([]float64, error) {
		return loss.StopProperly(rewards(list), truncated(list), 0.5)
	},
	"mask_truncated": func(list []earned) ([]float64, error) {
		out, _ := loss.MaskTruncated(truncated(list))
		return out, nil
	},
	"high_entropy_mask": func(list []earned) ([]float64, error) {
		keep, err := loss.HighEntropyMask(tokens(list, func(e *earned) []float64 { return e.square }), layout(list).Mask, 0.2)
		out := make([]float64, len(keep))
		for i, v := range keep {
			out[i] = float64(v)
		}
		return out, err
	},
	"rae": func(list []earned) ([]float64, error) {
		var roles []string
		for _, e := range list {
			roles = append(roles, e.role)
		}
		return (&loss.RAE{Decay: 0.95}).Advantages(rewards(list), roles)
	},
}

// ofTokens are those that give a number for each position.
var ofTokens = []string{"gae", "vapo_gae", "otb", "opd", "kl_in_advantage", "high_entropy_mask"}

func layout(list []earned) loss.Layout {
	at := loss.Layout{Offsets: []int{0}}
	for _, e := range list {
		at.Mask = append(at.Mask, e.mask...)
		at.Offsets = append(at.Offsets, len(at.Mask))
	}
	return at
}

func tokens(list []earned, f func(e *earned) []float64) (out []float64) {
	for i := range list {
		out = append(out, f(&list[i])...)
	}
	return out
}

func rewards(list []earned) (out []float64) {
	for _, e := range list {
		out = append(out, e.reward)
	}
	return out
}

func lengths(list []earned) (out []float64) {
	for _, e := range list {
		out = append(out, e.length)
	}
	return out
}

func truncated(list []earned) (out []bool) {
	for _, e := range list {
		out = append(out, e.truncated)
	}
	return out
}

func of(list []earned) (r loss.Rewards) {
	for _, e := range list {
		r.Reward, r.Group, r.Traj = append(r.Reward, e.reward), append(r.Group, e.group), append(r.Traj, e.traj)
	}
	return r
}

// shaped tries one of these functions.
func (x *trial) shaped(f func(list []earned) ([]float64, error)) {
	r := rand.New(rand.NewPCG(8, 8))
	var list []earned
	for d := range 8 {
		e := earned{reward: math.Round(4*r.NormFloat64()) / 2, second: float64(r.IntN(3)), group: d / 4, traj: d, role: []string{"solver", "judge"}[d%2],
			episode: d / 2, length: float64(3 + r.IntN(7)), truncated: r.IntN(3) == 0}
		for i := range 3 + r.IntN(4) {
			e.mask = append(e.mask, float32(min(1, (i+d)%4)))
			e.values, e.logp = append(e.values, r.NormFloat64()), append(e.logp, -2*r.Float64())
			e.teacher, e.square = append(e.teacher, -2*r.Float64()), append(e.square, r.Float64())
		}
		list = append(list, e)
	}
	perToken := slices.Contains(ofTokens, x.row.Name)
	each := func(list []earned) (out [][]float64) {
		all, err := f(list)
		if err != nil {
			x.t.Fatalf("%s: %v", x.row.Name, err)
		}
		at := 0
		for _, e := range list {
			n := 1
			if perToken {
				n = len(e.mask)
			}
			out = append(out, all[at:at+n])
			at += n
		}
		return out
	}
	same := func(column string, got, want []float64) {
		for i := range want {
			x.yes(column, !differs(got[i], want[i], 1), "got %v, want %v", got, want)
		}
	}
	want := each(list)
	x.yes("fused", true, "")
	if x.row.Name == "rae" {
		x.not("in order", "order")
	} else {
		order := r.Perm(len(list))
		var moved []earned
		for _, d := range order {
			moved = append(moved, list[d])
		}
		for k, got := range each(moved) {
			same("order", got, want[order[k]])
		}
	}
	if !perToken {
		x.not("of rewards", "masks", "padding")
		return
	}
	var other, padded []earned
	for _, e := range list {
		o, p := e, e
		for _, v := range []*[]float64{&o.values, &o.logp, &o.teacher, &o.square} {
			*v = slices.Clone(*v)
			for i, m := range e.mask {
				if m == 0 {
					(*v)[i] = math.NaN()
				}
			}
		}
		p.mask = append(slices.Clone(p.mask), 0)
		for _, v := range []*[]float64{&p.values, &p.logp, &p.teacher, &p.square} {
			*v = append(slices.Clone(*v), 7)
		}
		other, padded = append(other, o), append(padded, p)
	}
	got, more := each(other), each(padded)
	for d, e := range list {
		for i, m := range e.mask {
			if m != 0 {
				same("masks", got[d][i:i+1], want[d][i:i+1])
				same("padding", more[d][i:i+1], want[d][i:i+1])
			}
		}
	}
}
