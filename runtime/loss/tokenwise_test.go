package loss_test

import (
	"encoding/json"
	"maps"
	"math"
	"testing"

	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/tests/golden"
)

// tokenwiseCase is one case of golden_tokenwise.json; each estimator has some
// of the fields.
type tokenwiseCase struct {
	Estimator                                        string
	Lengths                                          []int
	Mask                                             []float32
	Reward, Values, Logprobs, Squares, Weights       []float64
	Sampling, Ref, Advantage, Returns                []float64
	Group, Episodes                                  []int
	Roles, Scoped                                    []string
	Cut                                              []bool
	Before, After                                    map[string]float64
	Terms                                            [][]float64
	TermWeights                                      []float64
	Gamma, Lambda, Alpha, Eps, Beta, Discount, Decay float64
	LambdaValue                                      float64 `json:"lambda_value"`
	Coef, KL, Target, Horizon, Min, Max              float64
	Buffer, Factor                                   float64
	Steps                                            float64
	Whiten, Tail                                     bool
}

func (c *tokenwiseCase) layout() loss.Layout {
	at := loss.Layout{Offsets: []int{0}, Mask: c.Mask}
	for d, n := range c.Lengths {
		at.Offsets = append(at.Offsets, at.Offsets[d]+n)
	}
	return at
}

// TestTokenwiseGolden compares with the formulas written in torch 1.13, in
// float64, by tests/golden/loss_tokenwise.py.
func TestTokenwiseGolden(t *testing.T) {
	t.Parallel()
	data, err := golden.File("loss_tokenwise.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct{ Cases []tokenwiseCase }
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for i, c := range golden.Cases {
		seen[c.Estimator]++
		var got, returns []float64
		var err error
		switch c.Estimator {
		case "gae":
			got, returns, err = loss.GAE(c.layout(), c.Reward, c.Values, c.Gamma, c.Lambda, c.Whiten)
		case "vapo_gae":
			got, returns, err = loss.VAPO(c.layout(), c.Reward, c.Values, c.Gamma, c.LambdaValue, c.Lambda, c.Alpha, c.Whiten)
		case "otb":
			got, err = loss.OTB(c.layout(), c.Reward, c.Logprobs, c.Squares, c.Weights, c.Group, c.Eps, c.Tail)
		case "kl_in_advantage":
			got, err = loss.KLInAdvantage(c.layout(), c.Reward, c.Sampling, c.Ref, c.Beta, c.Discount)
		case "opd":
			got, err = loss.OPD(c.layout(), c.Ref, c.Sampling)
		case "rae":
			x := loss.RAE{Decay: c.Decay, Baselines: c.Before}
			got, err = x.Advantages(c.Reward, c.Roles)
			if !maps.EqualFunc(x.Baselines, c.After, func(a, b float64) bool { return math.Abs(a-b) < 1e-12 }) {
				t.Errorf("case %d, rae: got baselines %v, want %v", i, x.Baselines, c.After)
			}
		case "hierarchical_grpo":
			got, err = loss.HierarchicalGRPO(loss.Rewards{Reward: c.Reward, Group: c.Group}, c.Roles, c.Episodes, c.Scoped)
		case "length_shaped_grpo":
			got, err = loss.LengthShapedGRPO(loss.Rewards{Reward: c.Reward, Group: c.Group}, []loss.LengthTerm{
				{Name: "a", Length: c.Terms[0], Weight: c.TermWeights[0]}, {Name: "b", Length: c.Terms[1], Weight: c.TermWeights[1]}, {Name: "c", Length: c.Terms[2], Weight: c.TermWeights[2]}})
		case "stop_properly_penalty":
			got, err = loss.StopProperly(c.Reward, c.Cut, c.Coef)
		case "overlong_penalty":
			got, err = loss.OverlongPenalty(c.Reward, c.Max, c.Buffer, c.Factor)
		case "kl.controller_adaptive":
			var next float64
			next, err = loss.AdaptiveKL(c.Coef, c.KL, c.Target, c.Steps, c.Horizon)
			got = []float64{next}
		case "entropy_adaptive":
			coef := c.Coef
			for _, h := range c.Reward {
				var apply float64
				if coef, apply, err = loss.EntropyAdaptive(coef, h, 0.2, 0.005, c.Min, c.Max); err != nil {
					break
				}
				got = append(got, coef, apply)
			}
		case "mask_truncated":
			keep, kept := loss.MaskTruncated(c.Cut)
			got = append(keep, float64(kept))
		}
		if err != nil {
			t.Fatalf("case %d, %s: %v", i, c.Estimator, err)
		}
		alike(t, i, c.Estimator, got, c.Advantage)
		alike(t, i, c.Estimator+" returns", returns, c.Returns)
	}
	if len(seen) != 13 {
		t.Errorf("got golden cases of %d estimators, want 13", len(seen))
	}
	for name, n := range seen {
		if n < 40 {
			t.Errorf("%s: got %d golden cases, want at least 40", name, n)
		}
	}
}

func alike(t *testing.T, i int, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("case %d, %s: got %d values, want %d", i, what, len(got), len(want))
	}
	for k := range want {
		if !(math.Abs(got[k]-want[k]) <= 1e-9*math.Max(1, math.Abs(want[k]))) {
			t.Errorf("case %d, %s: value %d: got %v, want %v", i, what, k, got[k], want[k])
		}
	}
}

// TestTokenwiseMasks has what must never be read where the mask is 0.
func TestTokenwiseMasks(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	at := loss.Layout{Offsets: []int{0, 3, 4, 4}, Mask: []float32{1, 0, 1, 0}}
	x := []float64{0.5, nan, 2, inf}
	// γλ = 0.5, V = x, r = 1 at the last token: δ_2 = 1 − 2, δ_0 = 2 − 0.5.
	a, returns, err := loss.GAE(at, []float64{1, 5, 7}, x, 1, 0.5, false)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "gae", a, []float64{1.5 - 0.5, 0, -1, 0})
	near(t, "returns", returns, []float64{1.5, 0, 1, 0})
	for name, f := range map[string]func() ([]float64, error){
		"vapo": func() ([]float64, error) { a, _, err := loss.VAPO(at, x, x, 1, 1, 1, 0.5, true); return a, err },
		"otb":  func() ([]float64, error) { return loss.OTB(at, x, nil, x, nil, nil, 1, true) },
		"opd":  func() ([]float64, error) { return loss.OPD(at, x, x) },
		"kl":   func() ([]float64, error) { return loss.KLInAdvantage(at, x, x, x, 1, 1) },
	} {
		got, err := f()
		if name == "otb" {
			refused(t, err, "otb: logprobs: got 0 values for 4 positions")
			continue
		}
		for i, v := range got {
			if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || at.Mask[i] == 0 && v != 0 {
				t.Errorf("%s: got %v, %v", name, got, err)
			}
		}
	}
	got, err := loss.OTB(at, x, []float64{-1, nan, -2, inf}, x, nil, nil, 1, false)
	if err != nil || got[1] != 0 || got[3] != 0 || math.IsNaN(got[0]+got[2]) {
		t.Errorf("otb: got %v, %v", got, err)
	}
	if got, _, err := loss.GAE(loss.Layout{Offsets: []int{0}}, nil, nil, 1, 1, true); err != nil || len(got) != 0 {
		t.Errorf("gae of nothing: got %v, %v", got, err)
	}
}

func TestTokenwiseRefuses(t *testing.T) {
	t.Parallel()
	at := loss.Layout{Offsets: []int{0, 2}, Mask: []float32{1, 1}}
	x := []float64{1, 2}
	gae := func(at loss.Layout, r, v []float64, g, l float64) error {
		_, _, err := loss.GAE(at, r, v, g, l, true)
		return err
	}
	vapo := func(lv, l, a float64) error { _, _, err := loss.VAPO(at, x, x, 1, lv, l, a, true); return err }
	_, otb := loss.OTB(at, x, x, x, nil, nil, 0, true)
	_, otbGroup := loss.OTB(at, x, x, x, nil, []int{1, 2}, 1, true)
	_, kl := loss.KLInAdvantage(at, []float64{1, 2, 3}, x, x, 1, 0)
	_, klBeta := loss.KLInAdvantage(at, x, x, x, -1, 0)
	_, opd := loss.OPD(at, x, []float64{math.Inf(-1), 0})
	_, rae := (&loss.RAE{Decay: 1}).Advantages(x, []string{"a", "b"})
	_, roles := (&loss.RAE{}).Advantages(x, nil)
	_, scoped := loss.HierarchicalGRPO(loss.Rewards{Reward: x}, []string{"solver", "proposer"}, []int{0, 0}, []string{"solvr"})
	_, length := loss.LengthShapedGRPO(loss.Rewards{Reward: x}, []loss.LengthTerm{{Name: "output_tokens", Length: []float64{1, -1}}})
	_, coef := loss.StopProperly(x, []bool{true, false}, 2)
	_, _, target := loss.EntropyAdaptive(0, math.NaN(), 1, 1, 0, 1)
	_, _, most := loss.EntropyAdaptive(0, 1, 1, 1, 2, 1)
	for want, err := range map[string]error{
		"gae: gamma: got 1.5, want 0 to 1":                                                       gae(at, x, x, 1.5, 1),
		"gae: lambda: got NaN, want 0 to 1":                                                      gae(at, x, x, 1, math.NaN()),
		"gae: values: got 1 values for 2 positions":                                              gae(at, x, x[:1], 1, 1),
		"gae: values: position 2: got NaN, want a finite number":                                 gae(at, x, []float64{1, math.NaN()}, 1, 1),
		"gae: rewards: got 3, want 2 for the positions or 1 for the datums":                      gae(at, []float64{1, 2, 3}, x, 1, 1),
		"gae: rewards: position 2: got +Inf, want a finite number":                               gae(at, []float64{math.Inf(1)}, x, 1, 1),
		"gae: offsets: want them to end at 2, the number of positions":                           gae(loss.Layout{Offsets: []int{0, 1}, Mask: at.Mask}, x, x, 1, 1),
		"gae: offsets: got 1 in place 1, want them to start at 0 and never to fall":              gae(loss.Layout{Offsets: []int{1, 2}, Mask: at.Mask}, x, x, 1, 1),
		"vapo_gae: alpha: got -1, want at least 0":                                               vapo(1, 1, -1),
		"vapo_gae: lambda_value: got 2, want 0 to 1":                                             vapo(2, 1, 0),
		"otb: eps: got 0, want above 0":                                                          otb,
		"otb: group_idx: got 2 values for 1 datums":                                              otbGroup,
		"kl_in_advantage: advantage: got 3 values, want 2 for the positions or 1 for the datums": kl,
		"kl_in_advantage: beta: got -1, want at least 0":                                         klBeta,
		"opd: logprobs: position 1: got -Inf, want a finite number":                              opd,
		"rae: decay: got 1, want at least 0 and below 1":                                         rae,
		"rae: roles: got 0 for 2 rewards":                                                        roles,
		`hierarchical_grpo: unknown role "solvr" (did you mean "solver"?)`:                       scoped,
		"length_shaped_grpo: output_tokens: number 2: got -1, want at least 0":                   length,
		"stop_properly_penalty: coef: got 2, want 0 to 1":                                        coef,
		"entropy_adaptive: entropy: got NaN, want a finite number":                               target,
		"entropy_adaptive: max: got 1, want at least min 2":                                      most,
	} {
		refused(t, err, want)
	}
	// Below the target the coefficient grows and is used; above it shrinks, and
	// nothing is applied.
	for _, c := range [][4]float64{{0.1, 0.1, 0.105, 0.105}, {0.1, 0.3, 0.095, 0}, {1, 0.2, 1, 1}, {0.001, 5, 0, 0}} {
		next, apply, err := loss.EntropyAdaptive(c[0], c[1], 0.2, 0.005, 0, 1)
		if err != nil || math.Abs(next-c[2]) > 1e-12 || math.Abs(apply-c[3]) > 1e-12 {
			t.Errorf("entropy_adaptive(%v, %v): got %v, %v, %v, want %v, %v", c[0], c[1], next, apply, err, c[2], c[3])
		}
	}
	if keep, kept := loss.MaskTruncated([]bool{true, false, false}); kept != 2 || keep[0] != 0 || keep[1] != 1 {
		t.Errorf("mask_truncated: got %v, %d", keep, kept)
	}
}

// TestMasked trains the first and the third of three datums, by datum and by
// position.
func TestMasked(t *testing.T) {
	t.Parallel()
	b, err := loss.NewBatch(nil, packed([]goldenDatum{two(0, -1, 0, 1, nil), two(1, -2, 0, 0, nil), two(2, -4, 0, 0, nil)}), true)
	if err != nil {
		t.Fatal(err)
	}
	f, err := loss.New("cross_entropy", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, keep := range [][]float64{{1, 0, 1}, {1, 1, 0, 1, 0.5, 1}} {
		m, err := b.Masked(keep)
		if err != nil {
			t.Fatal(err)
		}
		out, _, err := f.Loss(m, loss.Settings{Aggregate: loss.SeqMeanTokenMean, Denominator: 2})
		if err != nil {
			t.Fatal(err)
		}
		if v, _ := out.Item(); v != 2.5 {
			t.Errorf("keep %v: got %v, want (1 + 4)/2", keep, v)
		}
		b.Logprobs.ZeroGrad()
		if err := out.Backward(); err != nil {
			t.Fatal(err)
		}
		if g := b.Logprobs.Grad().Data(); g[0] != -0.5 || g[2] != 0 || g[4] != -0.5 {
			t.Errorf("keep %v: got gradient %v", keep, g)
		}
	}
	_, err = b.Masked([]float64{1})
	refused(t, err, "masked: keep: got 1 values, want 3 for the datums or 6 for the positions")
}
