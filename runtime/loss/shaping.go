package loss

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// RAE is role-conditioned advantage estimation: A = R − b with b the running
// mean of what the role earned before, b ← decay·b + (1 − decay)·R, from 0. It
// is for games in which a group's mean says nothing, as one role wins what the
// other loses. Its fields are its state. Source: prime-rl's algo/rae.py, decay
// 0.95; arXiv 2506.24119.
type RAE struct {
	Decay     float64            `json:"decay"`
	Baselines map[string]float64 `json:"baselines"`
}

// Advantages are those of rewards in the order in which they were earned; each
// is compared with the baseline before it moves the baseline. On error nothing
// has changed.
func (x *RAE) Advantages(rewards []float64, roles []string) ([]float64, error) {
	const op = "rae"
	switch {
	case len(roles) != len(rewards):
		return nil, invalid(op, "roles: got %d for %d rewards", len(roles), len(rewards))
	case !(x.Decay >= 0 && x.Decay < 1):
		return nil, invalid(op, "decay: got %v, want at least 0 and below 1", x.Decay)
	}
	next := maps.Clone(x.Baselines)
	if next == nil {
		next = map[string]float64{}
	}
	out := make([]float64, len(rewards))
	for i, r := range rewards {
		if math.IsNaN(r) || math.IsInf(r, 0) {
			return nil, invalid(op, "rewards: number %d: got %v, want a finite number", i+1, r)
		}
		b := next[roles[i]]
		out[i] = r - b
		next[roles[i]] = x.Decay*b + (1-x.Decay)*r
	}
	x.Baselines = next
	return out, nil
}

// HierarchicalGRPO is R − the mean of the rewards to compare with: for roles
// among episodeRoles those of the same role in the same group and episode, for
// other roles those of the role in the whole group. With a proposer of problems
// and solvers of each, solvers are compared with those of the same problem,
// proposals with those for the same task. One alone has A = 0. Source:
// prime-rl's algo/hierarchical_grpo.py.
func HierarchicalGRPO(r Rewards, roles []string, episodes []int, episodeRoles []string) ([]float64, error) {
	const op = "hierarchical_grpo"
	n := len(r.Reward)
	switch {
	case len(roles) != n:
		return nil, invalid(op, "roles: got %d for %d rewards", len(roles), n)
	case len(episodes) != n:
		return nil, invalid(op, "episodes: got %d for %d rewards", len(episodes), n)
	}
	for _, role := range episodeRoles {
		if n > 0 && !slices.Contains(roles, role) {
			return nil, unknown(op, "role", role, slices.Compact(slices.Sorted(slices.Values(roles))))
		}
	}
	peers, group := map[string]int{}, make([]int, n)
	for d, role := range roles {
		key := fmt.Sprintf("%d %q", at(r.Group, d), role)
		if slices.Contains(episodeRoles, role) {
			key += fmt.Sprintf(" %d", episodes[d])
		}
		if _, ok := peers[key]; !ok {
			peers[key] = len(peers)
		}
		group[d] = peers[key]
	}
	return MeanOnly(Rewards{Reward: r.Reward, Group: group, Traj: r.Traj}), nil
}

// A LengthTerm is one of the lengths that make an answer costly: tokens
// written, tokens read, turns.
type LengthTerm struct {
	Name   string
	Length []float64 // [D] that of the datum's whole trajectory
	Weight float64
}

// LengthShapedGRPO is S − the group's mean of S, with S = R − μ_g·Σ_k
// w_k·length_k/max(1, the group's largest length_k): the better a group does,
// the more long answers cost. Source: prime-rl's algo/grpo.py, whose weights
// are 0.25 for tokens written, 0.1 for tokens read and for turns.
func LengthShapedGRPO(r Rewards, terms []LengthTerm) ([]float64, error) {
	const op = "length_shaped_grpo"
	n := len(r.Reward)
	for _, t := range terms {
		if len(t.Length) != n {
			return nil, invalid(op, "%s: got %d for %d rewards", t.Name, len(t.Length), n)
		}
		if !(t.Weight >= 0) || math.IsInf(t.Weight, 0) {
			return nil, invalid(op, "weight of %s: got %v, want at least 0", t.Name, t.Weight)
		}
		for i, v := range t.Length {
			if !(v >= 0) || math.IsInf(v, 0) {
				return nil, invalid(op, "%s: number %d: got %v, want at least 0", t.Name, i+1, v)
			}
		}
	}
	// The mean counts a trajectory once, so it is spread over the datums first.
	mean := Rewards{Reward: r.Reward, Group: r.Group, Traj: r.Traj}.each(func(x, _ []float64) []float64 {
		m, _ := meanStd(x)
		return apply(x, func(float64) float64 { return m })
	})
	shaped := slices.Clone(r.Reward)
	for _, t := range terms {
		most := map[int]float64{}
		for d, v := range t.Length {
			most[at(r.Group, d)] = max(most[at(r.Group, d)], v)
		}
		for d, v := range t.Length {
			shaped[d] -= mean[d] * t.Weight * v / max(1, most[at(r.Group, d)])
		}
	}
	return MeanOnly(Rewards{Reward: shaped, Group: r.Group, Traj: r.Traj}), nil
}

// StopProperly is coef·R for answers that were cut off, R for the others.
// Source: NeMo RL's reward_functions.py (stop_properly_penalty_coef, ProRL).
func StopProperly(rewards []float64, truncated []bool, coef float64) ([]float64, error) {
	const op = "stop_properly_penalty"
	if len(truncated) != len(rewards) {
		return nil, invalid(op, "truncated: got %d for %d rewards", len(truncated), len(rewards))
	}
	if err := fraction(op, "coef", coef); err != nil {
		return nil, err
	}
	out := slices.Clone(rewards)
	for i, cut := range truncated {
		if cut {
			out[i] *= coef
		}
	}
	return out, nil
}

// MaskTruncated is 0 for answers that were cut off and 1 for the others, and
// how many of these there are. As a mask it leaves their tokens out of the loss
// and of the token counts; an aggregation that divides by datums still counts
// them, unless kept is passed as its denominator. Source: TRL's
// mask_truncated_completions, which leaves them counted.
func MaskTruncated(truncated []bool) (keep []float64, kept int) {
	keep = make([]float64, len(truncated))
	for i, cut := range truncated {
		if !cut {
			keep[i] = 1
			kept++
		}
	}
	return keep, kept
}

// OptimalValue is V* = beta·log mean exp(R/beta) over each group of rewards of
// a reference's answers: what a2po compares a reward with. Source: TRL's
// experimental/a2po, beta 0.5 (beta1).
func OptimalValue(r Rewards, beta float64) []float64 {
	return r.each(func(x, _ []float64) []float64 {
		top, sum := slices.Max(x), 0.0
		for _, v := range x {
			sum += math.Exp((v - top) / beta)
		}
		value := top + beta*math.Log(sum/float64(len(x)))
		return apply(x, func(float64) float64 { return value })
	})
}

// EntropyAdaptive is the next coefficient of an entropy bonus after a step
// whose mean entropy was measured: coef + delta where that is at most target,
// else coef − delta, held within least and most. apply is what to use in the
// next step: next, or 0 where the entropy is above target. Source: TRL's use_adaptive_entropy, target 0.2,
// delta 0.005, least 0, most 1; Skywork-OR1, arXiv 2505.22312.
func EntropyAdaptive(coef, entropy, target, delta, least, most float64) (next, apply float64, err error) {
	const op = "entropy_adaptive"
	for _, p := range []struct {
		name  string
		value float64
	}{{"coef", coef}, {"target", target}, {"delta", delta}, {"min", least}} {
		if !(p.value >= 0) || math.IsInf(p.value, 0) {
			return 0, 0, invalid(op, "%s: got %v, want at least 0", p.name, p.value)
		}
	}
	switch {
	case math.IsNaN(entropy) || math.IsInf(entropy, 0):
		return 0, 0, invalid(op, "entropy: got %v, want a finite number", entropy)
	case !(most >= least) || math.IsInf(most, 0):
		return 0, 0, invalid(op, "max: got %v, want at least min %v", most, least)
	}
	if entropy <= target {
		next = min(coef+delta, most)
		return next, next, nil
	}
	return max(coef-delta, least), 0, nil
}
