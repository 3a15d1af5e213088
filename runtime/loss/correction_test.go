package loss_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/tests/golden"
)

// TestCorrectionsGolden compares with the formulas written in torch 1.13, in
// float64, by tests/golden/loss_corrections.py.
func TestCorrectionsGolden(t *testing.T) {
	t.Parallel()
	data, err := golden.File("loss_corrections.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			Correction                             string
			Config                                 map[string]float64
			Logprobs, Old, Sampling, Mask, Weights []float64
			Advantage                              float64
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for i, c := range golden.Cases {
		seen[c.Correction]++
		correction, err := loss.NewCorrection(c.Correction, c.Config)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, len(c.Mask))
		correction.Weights(&loss.Span{Logprobs: narrow(c.Logprobs), Mask: narrow(c.Mask), Advantage: c.Advantage}, narrow(c.Old), narrow(c.Sampling), got)
		for k, want := range c.Weights {
			if math.Abs(float64(got[k])-want) > 1e-6*math.Abs(want) {
				t.Errorf("case %d, %v: weight %d: got %v, want %v", i, correction, k, got[k], want)
			}
		}
	}
	for _, name := range loss.Corrections() {
		if seen[name] < 40 {
			t.Errorf("%s: got %d golden cases, want at least 40", name, seen[name])
		}
	}
}

// TestCorrected multiplies the tokens of reinforce by hand: its loss is
// −Σ w·A·ℓ, and that of importance_sampling with the current policy for the
// old one −Σ w·A, with the gradient −w·A.
func TestCorrected(t *testing.T) {
	t.Parallel()
	correction, err := loss.NewCorrection("tis", map[string]float64{"correction_high": 1.05})
	if err != nil {
		t.Fatal(err)
	}
	p := batch()
	for _, c := range []struct {
		name  string
		value func(w, a, l float64) float64
	}{
		{"reinforce", func(w, a, l float64) float64 { return -w * a * l }},
		{"importance_sampling", func(w, a, _ float64) float64 { return -w * a }},
	} {
		f, err := loss.AsCustom(c.name, nil, loss.Settings{Correction: correction})
		if err != nil {
			t.Fatal(err)
		}
		weights := make([]float32, p.Tokens())
		got, err := f(p, weights)
		if err != nil {
			t.Fatal(err)
		}
		total, limited, tokens := 0.0, 0.0, 0.0
		for d := range p.Len() {
			lo, hi := p.Range(d)
			for i := lo; i < hi; i++ {
				want := 0.0
				if p.Mask[i] != 0 {
					w := math.Exp(float64(p.Logprobs[i]) - float64(p.SamplingLogprobs[i]))
					tokens++
					if w > 1.05 {
						w = 1.05
						limited++
					}
					want = w * p.Advantage[d]
					total += c.value(w, p.Advantage[d], float64(p.Logprobs[i]))
				}
				if math.Abs(float64(weights[i])-want) > 2e-7 {
					t.Errorf("%s: weight %d: got %v, want %v", c.name, i, weights[i], want)
				}
			}
		}
		if math.Abs(got.Loss-total) > 1e-6 || limited == 0 || math.Abs(got.Metrics["correction_fraction"]-limited/tokens) > 1e-12 {
			t.Errorf("%s: got %v, %v, want loss %v and %v of %v limited", c.name, got.Loss, got.Metrics, total, limited, tokens)
		}
	}
	// Ratios are to the old policy: to itself they are 1.
	f, err := loss.AsCustom("importance_sampling", nil, loss.Settings{Old: p.Logprobs})
	if err != nil {
		t.Fatal(err)
	}
	weights := make([]float32, p.Tokens())
	if _, err := f(p, weights); err != nil || weights[1] != float32(p.Advantage[0]) {
		t.Errorf("old policy: got %v, %v, want %v in the second place", weights, err, p.Advantage[0])
	}
}

func TestCorrectionRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		config map[string]float64
		want   string
	}{
		{"tsi", nil, `correction: unknown correction "tsi" (did you mean "tis"?)`},
		{"tis", map[string]float64{"correction_low": 1}, "correction: tis has no correction_low"},
		{"tis", map[string]float64{"correction_high": -1}, "correction: correction_high: got -1, want at least 0"},
		{"icepop", map[string]float64{"correction_low": 6}, "correction: got correction_low 6 above correction_high 5"},
		{"off_policy_seq_mask", nil, "correction: off_policy_seq_mask: got no correction_high, want a number: it has no default"},
	} {
		_, err := loss.NewCorrection(c.name, c.config)
		refused(t, err, c.want)
	}
}

// TestOffPolicyPerToken: q − ℓ is 1 in the mean, above the bound, so that of
// three tokens the one with A < 0 is dropped.
func TestOffPolicyPerToken(t *testing.T) {
	t.Parallel()
	c, err := loss.NewCorrection("off_policy_seq_mask", map[string]float64{"correction_high": 0.5})
	if err != nil {
		t.Fatal(err)
	}
	s := &loss.Span{Logprobs: []float32{-2, -2, -2}, Sampling: []float32{-1, -1, -1}, Mask: []float32{1, 1, 1}, Advantages: []float32{1, -1, 0}}
	got := make([]float32, 3)
	if n := c.Weights(s, s.Logprobs, s.Sampling, got); n != 1 || got[0] != 1 || got[1] != 0 || got[2] != 1 {
		t.Errorf("got %v and %d limited, want the second dropped", got, n)
	}
}
