package loss_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/tests/golden"
)

// pair is a group of two datums, the first of them chosen.
func pair(logprobs, ref, mask []float32, chosen int) *hud.Packed {
	return &hud.Packed{Offsets: []int{0, chosen, len(logprobs)}, Logprobs: logprobs, SamplingLogprobs: make([]float32, len(logprobs)), Mask: mask,
		Reward: []float64{1, 0}, TrajIdx: []int{0, 1}, GroupIdx: []int{0, 0}, RefLogprobs: ref}
}

// TestPairsGolden compares with the formulas written in torch 1.13, in
// float64, by tests/golden/loss_pairs.py, rounded to float32. A custom loss hands over minus the
// gradient.
func TestPairsGolden(t *testing.T) {
	t.Parallel()
	data, err := golden.File("loss_pairs.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			Loss                                string
			Config                              map[string]float64
			Logprobs, Reference, Mask, Gradient []float64
			Chosen                              int
			Value                               float64
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for i, c := range golden.Cases {
		seen[c.Loss]++
		f, err := loss.AsCustom(c.Loss, c.Config, loss.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		weights := make([]float32, len(c.Logprobs))
		got, err := f(pair(narrow(c.Logprobs), narrow(c.Reference), narrow(c.Mask), c.Chosen), weights)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got.Loss-c.Value) > 6e-8*math.Max(1, math.Abs(c.Value)) {
			t.Errorf("case %d, %s%v: got loss %v, want %v", i, c.Loss, c.Config, got.Loss, c.Value)
		}
		for k, want := range c.Gradient {
			// 1e-15 is left to cancelling terms.
			if math.Abs(-float64(weights[k])-want) > 6e-8*math.Abs(want)+1e-15 {
				t.Errorf("case %d, %s%v: gradient %d: got %v, want %v", i, c.Loss, c.Config, k, -weights[k], want)
			}
		}
	}
	if len(seen) < 17 {
		t.Errorf("got golden cases of %d losses, want 17", len(seen))
	}
	for name := range seen {
		if seen[name] < 40 {
			t.Errorf("%s: got %d golden cases, want at least 40", name, seen[name])
		}
	}
}

// TestPairs has a pair whose second answer is chosen and has two datums, a tie
// and masked positions with what must never be read.
func TestPairs(t *testing.T) {
	t.Parallel()
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	p := &hud.Packed{
		Offsets: []int{0, 2, 3, 5, 6, 7}, Reward: []float64{0, 1, 1, 2, 2}, TrajIdx: []int{0, 1, 1, 2, 3}, GroupIdx: []int{0, 0, 0, 1, 1},
		Logprobs: []float32{-1, nan, -2, -3, inf, -1, -1}, SamplingLogprobs: make([]float32, 7), Mask: []float32{1, 0, 1, 1, 0, 1, 1},
		RefLogprobs: []float32{-1.5, inf, -1, -2.5, nan, -1, -1},
	}
	// Δ = (−5 + 3.5) − (−1 + 1.5) = −2; −log σ(−0.2), slope ∓0.1·σ(0.2).
	slope := 0.1 / (1 + math.Exp(-0.2))
	for _, c := range []struct{ denominator, whole float64 }{{0, 1}, {4, 4}} {
		f, err := loss.AsCustom("dpo", nil, loss.Settings{Denominator: c.denominator})
		if err != nil {
			t.Fatal(err)
		}
		weights := make([]float32, 7)
		got, err := f(p, weights)
		if err != nil {
			t.Fatal(err)
		}
		if want := math.Log1p(math.Exp(0.2)) / c.whole; math.Abs(got.Loss-want) > 1e-7 {
			t.Errorf("got loss %v, want %v", got.Loss, want)
		}
		for i, want := range []float64{-slope, 0, slope, slope, 0, 0, 0} {
			if math.Abs(float64(weights[i])-want/c.whole) > 1e-8 {
				t.Errorf("weight %d: got %v, want %v", i, weights[i], want/c.whole)
			}
		}
		if m := got.Metrics; m["pairs"] != 1 || m["ties"] != 1 || m["accuracy"] != 0 || m["margin"] != -2 {
			t.Errorf("got metrics %v", m)
		}
	}
}

func TestPairsRefuse(t *testing.T) {
	t.Parallel()
	type config = map[string]float64
	for _, c := range []struct {
		name   string
		config config
		set    loss.Settings
		want   string
	}{
		{"dop", nil, loss.Settings{}, `loss: unknown loss "dop" (did you mean "dpo"?)`},
		{"dpo", config{"bta": 1}, loss.Settings{}, `dpo: unknown key "bta" for dpo: it knows beta`},
		{"dpo", config{"beta": 0}, loss.Settings{}, `dpo: beta: got 0, want above 0`},
		{"cdpo", config{"label_smoothing": 0.5}, loss.Settings{}, `cdpo: label_smoothing: got 0.5, want above 0 and below 0.5`},
		{"discopop", config{"tau": 0}, loss.Settings{}, `discopop: tau: got 0, want above 0`},
		{"dpo", nil, loss.Settings{Aggregate: loss.Sum}, `dpo: got settings of a token loss, want at most a denominator: it is averaged over pairs`},
		{"dpo", nil, loss.Settings{Denominator: -1}, `dpo: denominator: got -1, want above 0`},
	} {
		_, err := loss.AsCustom(c.name, c.config, c.set)
		refused(t, err, c.want)
	}
	f, err := loss.AsCustom("dpo", nil, loss.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(p *hud.Packed){
		"dpo: ref_logprobs: got none, want the reference's logprobs":                      func(p *hud.Packed) { p.RefLogprobs = nil },
		"dpo: group 0: got 1 trajectories, want 2: a pair":                                func(p *hud.Packed) { p.TrajIdx = []int{0, 0} },
		"dpo: the batch has no groups":                                                    func(p *hud.Packed) { p.GroupIdx = []int{-1, -1} },
		"dpo: want a batch in groups, with group_idx, traj_idx and reward for each datum": func(p *hud.Packed) { p.GroupIdx = nil },
	} {
		p := pair([]float32{-1, -1}, []float32{-1, -1}, []float32{1, 1}, 1)
		change(p)
		_, err := f(p, make([]float32, 2))
		refused(t, err, want)
	}
}
