package loss

import (
	"math"
)

// Rewards are the rewards of datums and how the datums belong together.
type Rewards struct {
	Reward []float64 // [D]
	Group  []int     // [D] datums of one group have the same number; nil: one group
	Traj   []int     // [D] datums of one trajectory count once; nil: each is its own
	Length []int     // [D] loss tokens, for the estimators that weigh by length
}

// each calls f for every group, with the rewards and lengths of its
// trajectories in order of appearance; what f returns per trajectory becomes
// the advantage of each of its datums.
func (r Rewards) each(f func(reward, length []float64) []float64) []float64 {
	type group struct {
		reward, length []float64
		datums         [][]int
		traj           map[int]int
	}
	var order []*group
	groups := map[int]*group{}
	for d, reward := range r.Reward {
		g := groups[at(r.Group, d)]
		if g == nil {
			g = &group{traj: map[int]int{}}
			groups[at(r.Group, d)] = g
			order = append(order, g)
		}
		k, seen := len(g.reward), false
		if r.Traj != nil {
			var j int
			if j, seen = g.traj[r.Traj[d]]; seen {
				k = j
			} else {
				g.traj[r.Traj[d]] = k
			}
		}
		if !seen {
			g.reward, g.length, g.datums = append(g.reward, reward), append(g.length, 0), append(g.datums, nil)
		}
		g.length[k] += float64(at(r.Length, d))
		g.datums[k] = append(g.datums[k], d)
	}
	out := make([]float64, len(r.Reward))
	for _, g := range order {
		for k, a := range f(g.reward, g.length) {
			for _, d := range g.datums[k] {
				out[d] = a
			}
		}
	}
	return out
}

// meanStd is the mean and the standard deviation divided by n−1, which is NaN
// for fewer than 2.
func meanStd(x []float64) (mean, std float64) {
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	m2 := 0.0
	for _, v := range x {
		m2 += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(m2 / float64(len(x)-1))
}

func apply(x []float64, f func(v float64) float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = f(v)
	}
	return out
}

// MeanOnly is A = R − μ_g: what the HUD service uses, and Dr. GRPO.
func MeanOnly(r Rewards) []float64 {
	return r.each(func(x, _ []float64) []float64 {
		mean, _ := meanStd(x)
		return apply(x, func(v float64) float64 { return v - mean })
	})
}

// GRPO is A = (R − μ_g)/(σ_g + eps) with σ divided by n−1; in a group of one
// A = R. verl uses eps 1e-6, TRL 1e-4. Source: verl's core_algos.py.
func GRPO(r Rewards, eps float64) []float64 {
	return r.each(func(x, _ []float64) []float64 {
		if len(x) == 1 {
			return []float64{x[0]}
		}
		mean, std := meanStd(x)
		return apply(x, func(v float64) float64 { return ratioOf(v-mean, std+eps) })
	})
}

// ratioOf is a/b, 0 when a is: a group without spread has no advantage even
// with eps 0.
func ratioOf(a, b float64) float64 {
	if a == 0 {
		return 0
	}
	return a / b
}

// BatchStd is A = (R − μ_g)/(σ + eps) with the mean of the group and the
// standard deviation, divided by n−1, of the whole batch. Source: TRL's
// scale_rewards="batch", eps 1e-4.
func BatchStd(r Rewards, eps float64) []float64 {
	var all []float64
	Rewards{Reward: r.Reward, Traj: r.Traj}.each(func(x, _ []float64) []float64 {
		all = x
		return x
	})
	_, std := meanStd(all)
	if len(all) < 2 {
		std = 1
	}
	return apply(MeanOnly(r), func(a float64) float64 { return ratioOf(a, std+eps) })
}

// RLOO is A = R − the mean of the others in the group; in a group of one
// A = R. Source: verl's core_algos.py.
func RLOO(r Rewards) []float64 {
	return r.each(func(x, _ []float64) []float64 {
		if len(x) == 1 {
			return []float64{x[0]}
		}
		n := float64(len(x))
		mean, _ := meanStd(x)
		return apply(x, func(v float64) float64 { return n / (n - 1) * (v - mean) })
	})
}

// OPO is A = R − Σ len·R / Σ len over the group, the baseline of least
// variance when the gradient grows with length; in a group of one A = R.
// Source: verl's core_algos.py.
func OPO(r Rewards) ([]float64, error) {
	if len(r.Length) != len(r.Reward) {
		return nil, invalid("opo", "length: got %d lengths for %d rewards", len(r.Length), len(r.Reward))
	}
	return r.each(func(x, length []float64) []float64 {
		if len(x) == 1 {
			return []float64{x[0]}
		}
		var sum, weight float64
		for i, v := range x {
			sum += length[i] * v
			weight += length[i]
		}
		baseline := sum / max(1, weight)
		return apply(x, func(v float64) float64 { return v - baseline })
	}), nil
}

// MaxRL is A = (R − μ_g)/μ_g, 0 where μ_g is not above 0. Source: prime-rl's
// algo/max_rl.py.
func MaxRL(r Rewards) []float64 {
	return r.each(func(x, _ []float64) []float64 {
		mean, _ := meanStd(x)
		return apply(x, func(v float64) float64 {
			if !(mean > 0) {
				return 0
			}
			return (v - mean) / mean
		})
	})
}

// MaxRLSkyRL is A = (R − μ_g)/(μ_g + eps) whatever the sign of μ_g, and R in a
// group of one; 0 where the denominator is. Source: SkyRL's ppo_utils.py, eps
// 1e-6.
func MaxRLSkyRL(r Rewards, eps float64) []float64 {
	return r.each(func(x, _ []float64) []float64 {
		if len(x) == 1 {
			return []float64{x[0]}
		}
		mean, _ := meanStd(x)
		return apply(x, func(v float64) float64 {
			if mean+eps == 0 {
				return 0
			}
			return (v - mean) / (mean + eps)
		})
	})
}
