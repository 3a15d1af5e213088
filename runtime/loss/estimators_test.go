package loss_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/tests/golden"
)

// TestEstimatorsGolden compares with the formulas written in torch 1.13, in
// float64, by tests/golden/loss_advantages.py. Rewards near 1e4 that differ by
// less than 1 leave 1e-11 of the differences to rounding.
func TestEstimatorsGolden(t *testing.T) {
	t.Parallel()
	data, err := golden.File("loss_advantages.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			Estimator                 string
			Options                   map[string]float64
			Choice                    string
			Reward, Values, Advantage []float64
			Group, Length             []int
		}
		GDPO []struct {
			Components         [][]float64
			Weights, Advantage []float64
			Group              []int
			Eps                float64
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for i, c := range golden.Cases {
		seen[c.Estimator]++
		e := loss.Estimation{Rewards: loss.Rewards{Reward: c.Reward, Group: c.Group, Length: c.Length}, Options: c.Options, Choice: c.Choice, Values: c.Values}
		got, err := loss.Estimate(c.Estimator, e)
		if err != nil {
			t.Fatal(err)
		}
		for k, want := range c.Advantage {
			if !(math.Abs(got[k]-want) <= 1e-9*math.Max(1, math.Abs(want))) {
				t.Errorf("case %d, %s %v %s: advantage %d: got %v, want %v", i, c.Estimator, c.Options, c.Choice, k, got[k], want)
			}
		}
	}
	if len(golden.GDPO) < 40 {
		t.Errorf("gdpo: got %d golden cases, want at least 40", len(golden.GDPO))
	}
	for i, c := range golden.GDPO {
		got, err := loss.GDPO(loss.Rewards{Group: c.Group}, c.Components, c.Weights, c.Eps)
		if err != nil {
			t.Fatal(err)
		}
		for k, want := range c.Advantage {
			if !(math.Abs(got[k]-want) <= 1e-9*math.Max(1, math.Abs(want))) {
				t.Errorf("gdpo case %d: advantage %d: got %v, want %v", i, k, got[k], want)
			}
		}
	}
	for _, name := range loss.Estimators() {
		if seen[name] < 40 {
			t.Errorf("%s: got %d golden cases, want at least 40", name, seen[name])
		}
	}
}

func TestEstimateRefuses(t *testing.T) {
	t.Parallel()
	rewards := loss.Rewards{Reward: []float64{1, 2}}
	type options = map[string]float64
	for _, c := range []struct {
		name string
		e    loss.Estimation
		want string
	}{
		{"rlo", loss.Estimation{Rewards: rewards}, `advantages: unknown estimator "rlo" (did you mean "rloo"?)`},
		{"grpo", loss.Estimation{Rewards: rewards, Options: options{"esp": 1}}, `grpo: unknown option "esp" (did you mean "eps"?)`},
		{"grpo", loss.Estimation{Rewards: rewards, Options: options{"eps": -1}}, `grpo: eps: got -1, want at least 0`},
		{"grpo", loss.Estimation{Rewards: rewards, Options: options{"eps": math.NaN()}}, `grpo: eps: got NaN, want a finite number`},
		{"opmd", loss.Estimation{Rewards: rewards, Options: options{"tau": 0}}, `opmd: tau: got 0, want above 0`},
		{"grpo_trl", loss.Estimation{Rewards: rewards, Choice: "gruop"}, `grpo_trl: unknown scale "gruop" (did you mean "group"?)`},
		{"reinforce_pp", loss.Estimation{Rewards: rewards}, `reinforce_pp: length: got 0 lengths for 2 rewards`},
		{"reinforce_pp", loss.Estimation{Rewards: loss.Rewards{Reward: []float64{1}, Length: []int{-1}}}, `reinforce_pp: length: got -1, want at least 0`},
		{"remax", loss.Estimation{Rewards: rewards}, `remax: greedy: got 0 values for 2 rewards`},
		{"passk", loss.Estimation{Rewards: loss.Rewards{Reward: []float64{1}}}, `passk: got a group of one, want at least 2 in each`},
	} {
		_, err := loss.Estimate(c.name, c.e)
		refused(t, err, c.want)
	}
	for want, c := range map[string][3]float64{
		"overlong_penalty: max_length: got 0, want above 0":            {0, 1, 1},
		"overlong_penalty: buffer: got 0, want above 0":                {10, 0, 1},
		"overlong_penalty: buffer: got 11, want at most max_length 10": {10, 11, 1},
		"overlong_penalty: factor: got -1, want at least 0":            {10, 4, -1},
		"overlong_penalty: max_length: got NaN, want above 0":          {math.NaN(), 4, 1},
	} {
		_, err := loss.OverlongPenalty([]float64{1}, c[0], c[1], c[2])
		refused(t, err, want)
	}
	for want, c := range map[string]struct {
		components [][]float64
		weights    []float64
		eps        float64
	}{
		"gdpo: components: got none, want at least one list of rewards":  {nil, nil, 1},
		"gdpo: weights: got 1 for 2 components":                          {[][]float64{{1}, {2}}, []float64{1}, 1},
		"gdpo: components: got 1 rewards in the first and 2 in number 2": {[][]float64{{1}, {2, 3}}, nil, 1},
		"gdpo: eps: got -1, want at least 0":                             {[][]float64{{1}}, nil, -1},
	} {
		_, err := loss.GDPO(loss.Rewards{}, c.components, c.weights, c.eps)
		refused(t, err, want)
	}
	// From 6 tokens on by 1/4 for each, times 2.
	got, err := loss.OverlongPenalty([]float64{0, 6, 7, 10, 12}, 10, 4, 2)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "overlong_penalty", got, []float64{0, 0, -.5, -2, -2})
	// The adaptive coefficient: 1 + clip(0.1/0.05 − 1, ±0.2)·10/100 = 1.02; below the target 1 − 0.02.
	for kl, want := range map[float64]float64{0.1: 0.51, 0.0: 0.49, 0.0525: 0.5025} {
		if got, err := loss.AdaptiveKL(0.5, kl, 0.05, 10, 100); err != nil || math.Abs(got-want) > 1e-12 {
			t.Errorf("kl %v: got %v, %v, want %v", kl, got, err, want)
		}
	}
}
