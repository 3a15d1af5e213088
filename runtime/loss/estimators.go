package loss

import (
	"maps"
	"math"
	"slices"
)

// Estimation is what an estimator works from.
type Estimation struct {
	Rewards
	Options map[string]float64 // those that are missing have their default
	Choice  string             // of the estimators that offer several forms; "" is the first
	Values  []float64          // [D] see EstimatorInfo.Values
}

// EstimatorInfo says what an estimator takes.
type EstimatorInfo struct {
	Options map[string]float64 // the numbers, with their defaults
	Length  bool               // it needs Rewards.Length
	Choice  string             // the name of the choice, "" where there is none
	Choices []string           // its values, the default first
	Values  string             // the name of the list it needs beside the rewards, "" for none
	atLeast map[string]float64 // least values of options, -Inf where missing
	f       func(e Estimation) ([]float64, error)
}

const (
	optEps   = "eps"
	optShift = "shift"
)

func plainEstimator(f func(r Rewards) []float64) EstimatorInfo {
	return EstimatorInfo{f: func(e Estimation) ([]float64, error) { return f(e.Rewards), nil }}
}

func epsEstimator(eps float64, f func(r Rewards, eps float64) []float64) EstimatorInfo {
	return EstimatorInfo{Options: map[string]float64{optEps: eps}, atLeast: map[string]float64{optEps: 0},
		f: func(e Estimation) ([]float64, error) { return f(e.Rewards, e.Options[optEps]), nil }}
}

var estimators = map[string]EstimatorInfo{
	"mean_only": plainEstimator(MeanOnly),
	"grpo":      epsEstimator(1e-6, GRPO),
	"batch_std": epsEstimator(1e-4, BatchStd),
	"rloo":      plainEstimator(RLOO),
	"maxrl": {Options: map[string]float64{optEps: 1e-6}, atLeast: map[string]float64{optEps: 0}, Choice: "form", Choices: []string{"prime", "skyrl"},
		f: func(e Estimation) ([]float64, error) {
			if e.Choice == "skyrl" {
				return MaxRLSkyRL(e.Rewards, e.Options[optEps]), nil
			}
			return MaxRL(e.Rewards), nil
		}},
	"opo": {Length: true, f: func(e Estimation) ([]float64, error) { return OPO(e.Rewards) }},
	"grpo_trl": {Options: map[string]float64{optEps: 1e-4}, atLeast: map[string]float64{optEps: 0},
		Choice: "scale", Choices: []string{"group", "batch", "none"},
		f: func(e Estimation) ([]float64, error) { return GRPOTRL(e.Rewards, e.Choice, e.Options[optEps]), nil }},
	"grpo_loo": epsEstimator(1e-6, GRPOLeaveOneOut),
	"reinforce_pp": {Length: true, f: func(e Estimation) ([]float64, error) {
		return whiten("reinforce_pp", e.Rewards, e.Reward)
	}},
	"reinforce_pp_baseline": {Length: true, f: func(e Estimation) ([]float64, error) {
		return whiten("reinforce_pp_baseline", e.Rewards, baselined(e.Rewards))
	}},
	"remax": {Values: "greedy", f: func(e Estimation) ([]float64, error) {
		out := make([]float64, len(e.Reward))
		for i, r := range e.Reward {
			out[i] = r - e.Values[i]
		}
		return out, nil
	}},
	"gpg_adv": plainEstimator(GPG),
	"passk": {Options: map[string]float64{optEps: 1e-6}, atLeast: map[string]float64{optEps: 0}, Choice: "scale", Choices: []string{"none", "group"},
		f: func(e Estimation) ([]float64, error) { return PassK(e.Rewards, e.Choice == "group", e.Options[optEps]) }},
	"opmd": {Options: map[string]float64{keyTau: 1}, atLeast: map[string]float64{keyTau: math.SmallestNonzeroFloat64}, Choice: "baseline", Choices: []string{"mean", "logavgexp"},
		f: func(e Estimation) ([]float64, error) {
			if e.Choice == "logavgexp" {
				return LogAvgExp(e.Rewards, e.Options[keyTau]), nil
			}
			return baselined(e.Rewards), nil
		}},
	"asymre": {Options: map[string]float64{optShift: -0.1}, f: func(e Estimation) ([]float64, error) { return AsymRE(e.Rewards, e.Options[optShift]), nil }},
	"kl_in_reward": {Options: map[string]float64{keyBeta: 0.05}, atLeast: map[string]float64{keyBeta: 0}, Values: "kl", f: func(e Estimation) ([]float64, error) {
		out := make([]float64, len(e.Reward))
		for i, r := range e.Reward {
			out[i] = r - e.Options[keyBeta]*e.Values[i]
		}
		return out, nil
	}},
	"drop_constant_groups": plainEstimator(DropConstantGroups),
	"optimal_value": {Options: map[string]float64{keyBeta: 0.5}, atLeast: map[string]float64{keyBeta: math.SmallestNonzeroFloat64},
		f: func(e Estimation) ([]float64, error) { return OptimalValue(e.Rewards, e.Options[keyBeta]), nil }},
}

// Estimators lists the names that Estimate knows, sorted.
func Estimators() []string { return slices.Sorted(maps.Keys(estimators)) }

// Estimator is what the estimator of that name takes.
func Estimator(name string) (EstimatorInfo, error) {
	info, ok := estimators[name]
	if !ok {
		return info, unknown("advantages", "estimator", name, Estimators())
	}
	return info, nil
}

// Estimate is the estimator of that name by its name. An option it does not
// have, a value that is no number or too small, and lists of another length
// than the rewards' are refused.
func Estimate(name string, e Estimation) ([]float64, error) {
	info, err := Estimator(name)
	if err != nil {
		return nil, err
	}
	options := maps.Clone(info.Options)
	for _, k := range slices.Sorted(maps.Keys(e.Options)) {
		v := e.Options[k]
		least, bounded := info.atLeast[k]
		switch _, ok := info.Options[k]; {
		case !ok:
			return nil, unknown(name, "option", k, slices.Sorted(maps.Keys(info.Options)))
		case math.IsNaN(v) || math.IsInf(v, 0):
			return nil, invalid(name, "%s: got %v, want a finite number", k, v)
		case bounded && v < least && least > 0:
			return nil, invalid(name, "%s: got %v, want above 0", k, v)
		case bounded && v < least:
			return nil, invalid(name, "%s: got %v, want at least %v", k, v, least)
		}
		options[k] = v
	}
	e.Options = options
	if e.Choice == "" && len(info.Choices) > 0 {
		e.Choice = info.Choices[0]
	}
	if len(info.Choices) > 0 && !slices.Contains(info.Choices, e.Choice) {
		return nil, unknown(name, info.Choice, e.Choice, info.Choices)
	}
	n := len(e.Reward)
	if info.Length && len(e.Length) != n {
		return nil, invalid(name, "length: got %d lengths for %d rewards", len(e.Length), n)
	}
	if info.Values != "" && len(e.Values) != n {
		return nil, invalid(name, "%s: got %d values for %d rewards", info.Values, len(e.Values), n)
	}
	return info.f(e)
}

// baselined is R − μ_g, and R in a group of one.
func baselined(r Rewards) []float64 {
	return r.each(func(x, _ []float64) []float64 {
		mean := 0.0
		if len(x) > 1 {
			mean, _ = meanStd(x)
		}
		return apply(x, func(v float64) float64 { return v - mean })
	})
}

// GRPOTRL is A = (R − μ_g)/(σ + eps), with σ, divided by n−1, that of the
// group ("group") or the batch ("batch"), or not divided at all ("none"). A
// group of one has A = 0. Source: TRL's grpo_trainer.py (scale_rewards), eps
// 1e-4.
func GRPOTRL(r Rewards, scale string, eps float64) []float64 {
	switch scale {
	case "batch":
		return BatchStd(r, eps)
	case "none":
		return MeanOnly(r)
	}
	return r.each(func(x, _ []float64) []float64 {
		mean, std := meanStd(x)
		return apply(x, func(v float64) float64 { return ratioOf(v-mean, std+eps) })
	})
}

// GRPOLeaveOneOut is A = (R − μ)/(σ + eps) with μ and σ, divided by n, of the
// others in the group; not divided where σ is 0, and 0 in a group of one.
// Source: NeMo RL's algorithms/utils.py, eps 1e-6.
func GRPOLeaveOneOut(r Rewards, eps float64) []float64 {
	return r.each(func(x, _ []float64) []float64 {
		out := make([]float64, len(x))
		if len(x) == 1 {
			return out
		}
		others := make([]float64, 0, len(x)-1)
		for i, v := range x {
			others = append(append(others[:0], x[:i]...), x[i+1:]...)
			mean := 0.0
			for _, o := range others {
				mean += o / float64(len(others))
			}
			squares, spread := 0.0, false
			for _, o := range others {
				squares += (o - mean) * (o - mean)
				spread = spread || o != others[0]
			}
			out[i] = v - mean
			if spread {
				out[i] /= math.Sqrt(squares/float64(len(others))) + eps
			}
		}
		return out
	})
}

// whiten is (x − μ)/sqrt(σ² + 1e-8) with mean and variance over all tokens: a
// datum counts as often as it has loss tokens, and the variance is divided by
// their number less one. Source: verl's core_algos.py, REINFORCE++ without
// discount.
func whiten(name string, r Rewards, x []float64) ([]float64, error) {
	var n, mean float64
	for d, v := range x {
		if r.Length[d] < 0 {
			return nil, invalid(name, "length: got %d, want at least 0", r.Length[d])
		}
		n += float64(r.Length[d])
		mean += float64(r.Length[d]) * v
	}
	if n < 2 {
		return make([]float64, len(x)), nil
	}
	mean /= n
	squares := 0.0
	for d, v := range x {
		squares += float64(r.Length[d]) * (v - mean) * (v - mean)
	}
	scale := math.Sqrt(squares/(n-1) + 1e-8)
	return apply(x, func(v float64) float64 { return (v - mean) / scale }), nil
}

// GPG is A = α(R − μ_g) with α = B/the number of rewards other than 0, which
// makes up for groups without a gradient; in a group of one A = αR. Source:
// verl's core_algos.py.
func GPG(r Rewards) []float64 {
	var count, nonzero float64
	r.each(func(x, _ []float64) []float64 {
		for _, v := range x {
			count++
			if v != 0 {
				nonzero++
			}
		}
		return x
	})
	alpha := count / max(1, nonzero)
	return apply(baselined(r), func(a float64) float64 { return alpha * a })
}

// PassK gives the best of a group the difference to the second, and the others
// 0; scaled divides by the group's standard deviation + eps. Groups of one are
// refused. Source: verl's core_algos.py (pass@k).
func PassK(r Rewards, scaled bool, eps float64) ([]float64, error) {
	small := false
	out := r.each(func(x, _ []float64) []float64 {
		out := make([]float64, len(x))
		if len(x) < 2 {
			small = true
			return out
		}
		best, second := 0, math.Inf(-1)
		for i, v := range x[1:] {
			if v > x[best] {
				best, second = i+1, x[best]
			} else {
				second = max(second, v)
			}
		}
		out[best] = x[best] - second
		if scaled {
			_, std := meanStd(x)
			out[best] = ratioOf(out[best], std+eps)
		}
		return out
	})
	if small {
		return nil, invalid("passk", "got a group of one, want at least 2 in each")
	}
	return out, nil
}

// LogAvgExp is A = R − τ·log mean exp(R/τ) over the group; in a group of one
// A = R. Source: Trinity-RFT's opmd.
func LogAvgExp(r Rewards, tau float64) []float64 {
	return r.each(func(x, _ []float64) []float64 {
		baseline := 0.0
		if len(x) > 1 {
			top, sum := slices.Max(x), 0.0
			for _, v := range x {
				sum += math.Exp((v - top) / tau)
			}
			baseline = top + tau*math.Log(sum/float64(len(x)))
		}
		return apply(x, func(v float64) float64 { return v - baseline })
	})
}

// AsymRE is A = R − (μ_g + shift); in a group of one A = R. A shift below 0
// lets good answers count for more than bad ones. Source: Trinity-RFT.
func AsymRE(r Rewards, shift float64) []float64 {
	return r.each(func(x, _ []float64) []float64 {
		baseline := 0.0
		if len(x) > 1 {
			mean, _ := meanStd(x)
			baseline = mean + shift
		}
		return apply(x, func(v float64) float64 { return v - baseline })
	})
}

// DropConstantGroups is 1 for datums of groups whose rewards differ, and 0 for
// the others, a group of one among them. Source: tinker-cookbook's
// remove_constant_reward_groups.
func DropConstantGroups(r Rewards) []float64 {
	return r.each(func(x, _ []float64) []float64 {
		keep := 0.0
		if slices.ContainsFunc(x, func(v float64) bool { return v != x[0] }) {
			keep = 1
		}
		return apply(x, func(float64) float64 { return keep })
	})
}

// OverlongPenalty is DAPO's penalty of long answers, to be added to their
// rewards: 0 up to maxLength − buffer tokens, falling to −factor at maxLength.
// Source: verl's DAPO reward manager.
func OverlongPenalty(length []float64, maxLength, buffer, factor float64) ([]float64, error) {
	const op = "overlong_penalty"
	for _, p := range []struct {
		name  string
		value float64
	}{{"max_length", maxLength}, {"buffer", buffer}} {
		if !(p.value > 0) || math.IsInf(p.value, 0) {
			return nil, invalid(op, "%s: got %v, want above 0", p.name, p.value)
		}
	}
	switch {
	case buffer > maxLength:
		return nil, invalid(op, "buffer: got %v, want at most max_length %v", buffer, maxLength)
	case !(factor >= 0) || math.IsInf(factor, 0):
		return nil, invalid(op, "factor: got %v, want at least 0", factor)
	}
	return apply(length, func(n float64) float64 {
		return 0 - min(max(n-(maxLength-buffer), 0), buffer)/buffer*factor
	}), nil
}

// GDPO normalises each component of a reward on its own before they are added
// up, so that one with a wide range does not drown the others: A = (S − mean
// S)/(σ_S + eps) over the batch, with S = Σ_k w_k·(R_k − μ_g)/(σ_g + eps) and
// standard deviations divided by n−1. components is [K][D]; weights [K], nil
// is 1 each; r.Reward is not read. A group of one has S = 0. Source: TRL's
// normalize_then_sum, eps 1e-4.
func GDPO(r Rewards, components [][]float64, weights []float64, eps float64) ([]float64, error) {
	const op = "gdpo"
	switch {
	case len(components) == 0:
		return nil, invalid(op, "components: got none, want at least one list of rewards")
	case weights != nil && len(weights) != len(components):
		return nil, invalid(op, "weights: got %d for %d components", len(weights), len(components))
	case !(eps >= 0) || math.IsInf(eps, 0):
		return nil, invalid(op, "eps: got %v, want at least 0", eps)
	}
	sum := make([]float64, len(components[0]))
	for k, x := range components {
		if len(x) != len(sum) {
			return nil, invalid(op, "components: got %d rewards in the first and %d in number %d", len(sum), len(x), k+1)
		}
		w := 1.0
		if weights != nil {
			w = weights[k]
		}
		for i, z := range GRPOTRL(Rewards{Reward: x, Group: r.Group, Traj: r.Traj}, "group", eps) {
			sum[i] += w * z
		}
	}
	return Rewards{Reward: sum, Traj: r.Traj}.each(func(x, _ []float64) []float64 {
		if len(x) < 2 {
			return make([]float64, len(x))
		}
		mean, std := meanStd(x)
		return apply(x, func(v float64) float64 { return ratioOf(v-mean, std+eps) })
	}), nil
}
