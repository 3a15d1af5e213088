package loss_test

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/tests/golden"
)

// TestGolden compares with the formulas written in torch 1.13, in float64, by
// tests/golden/loss.py.
func TestGolden(t *testing.T) {
	t.Parallel()
	data, err := golden.File("loss.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			Loss                                          string
			Config                                        map[string]float64
			Logprobs, Sampling, Reference, Mask, Gradient []float64
			Advantage, Reward, Value                      float64
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for i, c := range golden.Cases {
		seen[c.Loss]++
		l, err := loss.New(c.Loss, c.Config)
		if err != nil {
			t.Fatal(err)
		}
		grad := make([]float32, len(c.Logprobs))
		span := loss.Span{Logprobs: narrow(c.Logprobs), Sampling: narrow(c.Sampling), Reference: narrow(c.Reference), Mask: narrow(c.Mask),
			Advantage: c.Advantage, Reward: c.Reward}
		got := l.EvalExact(&span, grad)
		if math.Abs(got.Loss-c.Value) > 1e-12*math.Max(1, math.Abs(c.Value)) {
			t.Errorf("case %d, %s: got loss %v, want %v", i, c.Loss, got.Loss, c.Value)
		}
		for k, want := range c.Gradient {
			// A slope beyond float32 rounds to infinity on both sides.
			if grad[k] != float32(want) && math.Abs(float64(grad[k])-want) > 6e-8*math.Abs(want) {
				t.Errorf("case %d, %s: gradient %d: got %v, want %v", i, c.Loss, k, grad[k], want)
			}
		}
		if got := l.EvalSpan(&span, grad); !close1(got.Loss, c.Value, math.Sqrt(8)) {
			t.Errorf("case %d, %s: in float32: got loss %v, want %v", i, c.Loss, got.Loss, c.Value)
		}
		for k, want := range c.Gradient {
			if grad[k] != float32(want) && !close1(float64(grad[k]), want, 1) {
				t.Errorf("case %d, %s: in float32: gradient %d: got %v, want %v", i, c.Loss, k, grad[k], want)
			}
		}
	}
	for _, name := range loss.Names() {
		if slices.Contains([]string{"minillm", "clip_cov", "kl_cov", "chord", "echo"}, name) {
			continue // has its own test, as the losses that look at whole batches have
		}
		if seen[name] < 40 {
			t.Errorf("%s: got %d golden cases, want at least 40", name, seen[name])
		}
	}
}

// close1 is whether got is within 1e-6·max(1, |want|), times more.
func close1(got, want, more float64) bool {
	return math.Abs(got-want) <= 1e-6*math.Max(1, math.Abs(want))*more
}

func narrow(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}

// TestBranches has one token in and out of every clip branch, for advantages
// of both signs. With q = 0 and ℓ = log r the ratio is r; the expected values
// are the formulas of the package documentation worked out by hand.
func TestBranches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		config       map[string]float64
		r, a         float64
		value, slope float64
		clipped      int
	}{
		{"cross_entropy", nil, 0.5, 7, math.Ln2, -1, 0},
		{"importance_sampling", nil, 2, 3, -6, -6, 0},
		{"importance_sampling", nil, 0.5, -3, 1.5, 1.5, 0},
		{"ppo", nil, 1.1, 2, -2.2, -2.2, 0},
		{"ppo", nil, 1.5, 2, -2.4, 0, 1}, // above, A > 0: −1.2·2, flat
		{"ppo", nil, 0.5, 2, -1, -1, 0},  // below, A > 0: r·A is the minimum
		{"ppo", nil, 0.5, -2, 1.6, 0, 1}, // below, A < 0: 0.8·2, flat
		{"ppo", nil, 1.5, -2, 3, 3, 0},   // above, A < 0: r·A is the minimum
		{"ppo", map[string]float64{"epsilon": 0.5}, 1.4, 1, -1.4, -1.4, 0},
		{"ppo", map[string]float64{"epsilon": 0.5}, 1.75, 1, -1.5, 0, 1},
		{"ppo", map[string]float64{"clip_low_threshold": 0.5, "clip_high_threshold": 2}, 3, 1, -2, 0, 1},
		{"ppo", map[string]float64{"clip_low_threshold": 0.5, "clip_high_threshold": 2}, 0.25, -1, 0.5, 0, 1},
		{"ppo", map[string]float64{"epsilon": 2}, 0.001, -1, 0.001, 0.001, 0}, // no ratio is below 1 − 2
		{"cispo", nil, 2, 3, -6 * math.Ln2, -6, 0},
		{"cispo", nil, 8, 3, -12 * 3 * math.Ln2, -12, 1}, // weight held at 4·3
		{"cispo", nil, 8, -1, 4 * 3 * math.Ln2, 4, 1},
		{"cispo", map[string]float64{"clip_low_threshold": 0.8, "clip_high_threshold": 1.2}, 0.5, 1, 0.8 * math.Ln2, -0.8, 1},
		{"cispo", map[string]float64{"clip_low_threshold": 0.8, "clip_high_threshold": 1.2}, 0.5, -1, -0.8 * math.Ln2, 0.8, 1},
		// d = ln 2: −(d·A − β/2·d²), −(A − β·d).
		{"dro", nil, 2, 1, -(math.Ln2 - 0.025*math.Ln2*math.Ln2), -(1 - 0.05*math.Ln2), 0},
		{"dro", map[string]float64{"beta": 2}, 0.5, 0, math.Ln2 * math.Ln2, -2 * math.Ln2, 0},
		{"reinforce", nil, 0.5, 2, 2 * math.Ln2, -2, 0},
		{"glm_double_sided", nil, 1.25, -2, 2.5, 2.5, 0},
		{"glm_double_sided", nil, 1.3, 2, 0, 0, 1},
		{"glm_double_sided", nil, 0.75, -2, 0, 0, 1},
	} {
		l, err := loss.New(c.name, c.config)
		if err != nil {
			t.Fatal(err)
		}
		grad := []float32{9}
		got := l.Eval([]float32{float32(math.Log(c.r))}, []float32{0}, []float32{1}, c.a, grad)
		if math.Abs(got.Loss-c.value) > 1e-6 || math.Abs(float64(grad[0])-c.slope) > 1e-6 || got.Clipped != c.clipped {
			t.Errorf("%s%v, r=%v, A=%v: got %v, slope %v, clipped %d, want %v, %v, %d", c.name, c.config, c.r, c.a,
				got.Loss, grad[0], got.Clipped, c.value, c.slope, c.clipped)
		}
	}
}

// TestMaskSelects puts what must never be read into masked positions.
func TestMaskSelects(t *testing.T) {
	t.Parallel()
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, name := range loss.Names() {
		l, err := loss.New(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		grad := []float32{nan, nan, nan, nan}
		got := l.EvalSpan(&loss.Span{Logprobs: []float32{nan, -0.5, inf, -inf}, Sampling: []float32{inf, -0.5, nan, inf},
			Reference: []float32{-inf, -0.25, nan, inf}, Mask: []float32{0, 1, 0, 0}, Weight: []float32{nan, 1, inf, 1}, Advantage: 1, Reward: 1}, grad)
		alone := []float32{0}
		want := l.EvalSpan(&loss.Span{Logprobs: []float32{-0.5}, Sampling: []float32{-0.5}, Reference: []float32{-0.25}, Mask: []float32{1}, Advantage: 1, Reward: 1}, alone)
		if got != want || grad[0] != 0 || grad[1] != alone[0] || grad[2] != 0 || grad[3] != 0 {
			t.Errorf("%s: got %+v and %v, want %+v and %v in the second place only", name, got, grad, want, alone)
		}
	}
}

func TestConfigRefused(t *testing.T) {
	t.Parallel()
	type config = map[string]float64
	for _, c := range []struct {
		name   string
		config config
		want   string
	}{
		{"cross_entropy", config{"beta": 1}, `unknown key "beta" for cross_entropy: it has no settings`},
		{"importance_sampling", config{"beta": 1}, `unknown key "beta" for importance_sampling: it has no settings`},
		{"ppo", config{"clip_low": 1}, `unknown key "clip_low" for ppo: it knows clip_high_threshold, clip_low_threshold, epsilon`},
		{"dro", config{"epsilon": 1}, `unknown key "epsilon" for dro: it knows beta`},
		{"cispo", config{"epsilon": 0.2}, `unknown key "epsilon" for cispo: it knows clip_high_threshold, clip_low_threshold`},
		{"ppo", config{"epsilon": 0.2, "clip_low_threshold": 0.8}, `got both epsilon and clip_low_threshold, want one of them`},
		{"ppo", config{"epsilon": 0.2, "clip_high_threshold": 1.2}, `got both epsilon and clip_high_threshold, want one of them`},
		{"ppo", config{"epsilon": -0.1}, `epsilon: got -0.1, want at least 0`},
		{"ppo", config{"clip_low_threshold": 2}, `got clip_low_threshold 2 above clip_high_threshold 1.2, want absolute bounds on the ratio, low before high`},
		{"cispo", config{"clip_high_threshold": math.Inf(1)}, `clip_high_threshold: got +Inf, want a finite number`},
		{"dro", config{"beta": math.NaN()}, `beta: got NaN, want a finite number`},
		{"dro", config{"beta": -1}, `beta: got -1, want at least 0`},
	} {
		_, err := loss.New(c.name, c.config)
		refused(t, err, c.name+": "+c.want)
		_, err = loss.Builtin(c.name, c.config)
		refused(t, err, "loss_fn_config: "+c.want)
	}
	_, err := loss.New("ppo", config{"clip_high_treshold": 1})
	if e := new(hud.Error); !errors.As(err, &e) || e.Hint != `did you mean "clip_high_threshold"?` {
		t.Errorf("got %#v, want a hint", err)
	}
	_, err = loss.New("pppo", nil)
	refused(t, err, `loss: unknown loss "pppo" (did you mean "ppo"?)`)
	for name, hint := range map[string]string{"pppo": `did you mean "ppo"?`, "reinforce": ""} {
		_, err := loss.Builtin(name, nil)
		refused(t, err, `loss_fn: got "`+name+`", want one of cross_entropy, importance_sampling, ppo, cispo, dro`)
		if e := new(hud.Error); !errors.As(err, &e) || e.Hint != hint {
			t.Errorf("%s: got %#v, want hint %q", name, err, hint)
		}
	}
}

func refused(t *testing.T, err error, want string) {
	t.Helper()
	var e *hud.Error
	if !errors.As(err, &e) || e.Code != hud.CodeValidation || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestTraits holds what each loss says of its inputs against what Eval does
// with them, inside the bounds and where the ratio overflows.
func TestTraits(t *testing.T) {
	t.Parallel()
	for _, name := range loss.Names() {
		l, err := loss.New(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		eval := func(q, ref float32, a, reward float64) (s loss.Sums, slope float32) {
			grad := make([]float32, 1)
			s = l.EvalSpan(&loss.Span{Logprobs: []float32{-1}, Sampling: []float32{q}, Reference: []float32{ref}, Mask: []float32{1}, Advantage: a, Reward: reward}, grad)
			return s, grad[0]
		}
		base, slope := eval(-0.9999, -1.2, 1, -1)
		for _, c := range []struct {
			what      string
			q, ref    float32
			a, reward float64
			want      bool
		}{
			{what: "sampling logprob", q: -0.9998, ref: -1.2, a: 1, reward: -1, want: l.UsesSampling()},
			{what: "reference", q: -0.9999, ref: -1.3, a: 1, reward: -1, want: l.UsesReference()},
			{what: "advantage", q: -0.9999, ref: -1.2, a: -1, reward: -1, want: l.UsesAdvantage()},
			{what: "reward", q: -0.9999, ref: -1.2, a: 1, reward: 1, want: l.UsesReward()},
		} {
			if s, d := eval(c.q, c.ref, c.a, c.reward); (s != base || d != slope) != c.want {
				t.Errorf("%s: another %s: got %v, %v after %v, %v, want it used %v", name, c.what, s, d, base, slope, c.want)
			}
		}
		zero, clips := true, false
		for _, q := range []float32{-1.1, 1e3, -1e3} {
			s, d := eval(q, -1.2, 0, 1)
			zero = zero && s.Loss == 0 && d == 0
			for _, a := range []float64{1, -1} {
				s, _ := eval(q, -1.2, a, -1)
				clips = clips || s.Clipped > 0
			}
		}
		if zero != l.ZeroWithoutAdvantage() {
			t.Errorf("%s: without advantage: got zero %v, want %v", name, zero, l.ZeroWithoutAdvantage())
		}
		if clips != l.Clips() {
			t.Errorf("%s: extreme ratios: got clipped %v, want %v", name, clips, l.Clips())
		}
	}
}

// TestExtremes holds value and gradient finite wherever ℓ and q are. The
// services' five and glm_double_sided follow their services, where a ratio
// overflows.
func TestExtremes(t *testing.T) {
	t.Parallel()
	services := append(loss.Builtins(), "glm_double_sided")
	for _, name := range loss.Names() {
		if slices.Contains(services, name) {
			continue
		}
		for _, config := range []map[string]float64{nil, {"beta": 1}, {"ratio_cap": 2}} {
			l, err := loss.New(name, config)
			if err != nil {
				continue // another loss's key
			}
			for _, d := range []float32{1e3, -1e3, 88.8, -104, 19.99, 20.01, 1e-30} {
				for _, ref := range []float32{-1e3, 1e3, -2} {
					for _, a := range []float64{1, -1, 0, 1e4} {
						grad := make([]float32, 3)
						s := l.EvalSpan(&loss.Span{Logprobs: []float32{-1, -2, d - 3}, Sampling: []float32{-1 - d, -2 - d, -3}, Reference: []float32{ref, -2, ref},
							Mask: []float32{1, 1, 1}, Advantage: a, Reward: -a}, grad)
						for _, v := range []float64{s.Loss, float64(grad[0]), float64(grad[1]), float64(grad[2])} {
							if math.IsNaN(v) || math.IsInf(v, 0) {
								t.Errorf("%s%v, d=%v, reference %v, A=%v: got %v, %v, want finite numbers", name, config, d, ref, a, s.Loss, grad)
								break
							}
						}
					}
				}
			}
		}
	}
}

// TestGradCheck compares the gradient with central differences of the value,
// for every loss that holds nothing constant. The step is a power of 2 that
// float32 adds exactly; 3e-7·h⁻¹ and the third derivative bound the error.
func TestGradCheck(t *testing.T) {
	t.Parallel()
	const h = 1. / 4096
	for _, name := range loss.Names() {
		for _, config := range []map[string]float64{nil, {"beta": 0.5}, {"ratio_cap": 2}, {"clip_low_threshold": 0.5, "clip_high_threshold": 2}} {
			l, err := loss.New(name, config)
			if err != nil || l.Detached() {
				continue
			}
			for _, a := range []float64{1, -1} {
				// Multiples of 1/64, so that adding h is exact; log-ratios 0.25, −0.5,
				// 1, −1.25 and their mean lie off every bound.
				span := loss.Span{Logprobs: []float32{-0.5, -1.25, -0.75, -2}, Sampling: []float32{-0.75, -0.75, -1.75, -0.75},
					Reference: []float32{-1, -1.5, -0.25, -1.5}, Mask: []float32{1, 1, 1, 1}, Weight: []float32{1, 0.5, 1, 2}, Advantage: a, Reward: a}
				grad := make([]float32, 4)
				l.EvalExact(&span, grad)
				for i := range grad {
					at := span.Logprobs[i]
					span.Logprobs[i] = at + h
					up := l.EvalExact(&span, nil).Loss
					span.Logprobs[i] = at - h
					down := l.EvalExact(&span, nil).Loss
					span.Logprobs[i] = at
					if want := (up - down) / (2 * h); math.Abs(float64(grad[i])-want) > 1e-5*math.Max(1, math.Abs(want)) {
						t.Errorf("%s%v, A=%v: gradient %d: got %v, want %v", name, config, a, i, grad[i], want)
					}
				}
			}
		}
	}
}

func TestEvalAllocatesNothing(t *testing.T) {
	x, mask, grad := []float32{-1, -2, -3}, []float32{1, 0, 1}, make([]float32, 3)
	for _, name := range loss.Names() {
		if name == "clip_cov" || name == "kl_cov" {
			continue // a datum alone is a batch, of which they choose
		}
		l, err := loss.New(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		s := &loss.Span{Logprobs: x, Sampling: x, Reference: x, Mask: mask, Advantage: 1, Reward: 1}
		least := math.Inf(1)
		for range 40 { // the race detector makes a pool forget now and then
			least = min(least, testing.AllocsPerRun(1, func() { l.EvalSpan(s, grad) }))
		}
		if least != 0 {
			t.Errorf("%s: got %v allocations, want 0", name, least)
		}
	}
}

func TestAggregations(t *testing.T) {
	t.Parallel()
	tokens, groups := []int{1, 3, 0, 4}, []int{0, 0, 1, 1}
	for _, c := range []struct {
		name                loss.Aggregation
		length, denominator float64
		want                []float64
	}{
		{"", 0, 0, []float64{1, 1, 1, 1}},
		{loss.TokenMean, 0, 0, []float64{1. / 8, 1. / 8, 1. / 8, 1. / 8}},
		{loss.TokenMean, 0, 16, []float64{1. / 16, 1. / 16, 1. / 16, 1. / 16}},
		{loss.SeqMeanTokenMean, 0, 0, []float64{1. / 4, 1. / 12, 1. / 4, 1. / 16}},
		{loss.SeqMeanTokenSum, 0, 0, []float64{1. / 4, 1. / 4, 1. / 4, 1. / 4}},
		{loss.SeqMeanTokenSumNorm, 10, 0, []float64{1. / 40, 1. / 40, 1. / 40, 1. / 40}},
		{loss.TokenMeanLegacy, 0, 0, []float64{1. / 8, 1. / 8, 1. / 8, 1. / 8}},
		{loss.TokenMeanLegacy, 0, 4, []float64{1. / 32, 1. / 32, 1. / 32, 1. / 32}}, // the mean of 4 chunks' means
		{loss.PromptMean, 0, 0, []float64{1. / 8, 1. / 8, 1. / 8, 1. / 8}},          // 2 groups of 4 tokens each
	} {
		got, err := c.name.Scales(tokens, groups, c.length, c.denominator)
		if err != nil {
			t.Fatal(err)
		}
		near(t, string(c.name), got, c.want)
	}
	for name, want := range map[loss.Aggregation]string{
		"token_maen":             `aggregate: unknown aggregation "token_maen" (did you mean "token_mean"?)`,
		loss.SeqMeanTokenSumNorm: `aggregate: seq_mean_token_sum_norm: max_length: got 0, want above 0`,
	} {
		if _, err := name.Scales(tokens, nil, 0, 0); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func near(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-12 {
			t.Errorf("%s: got %v, want %v", what, got, want)
			return
		}
	}
}

// TestAdvantages uses groups {1, 0, 0, 1} and {3}; the second trajectory of
// the first group has two datums. The group's mean is 1/2, its squared
// distances 1/4 each, so its standard deviation is sqrt((4·1/4)/3).
func TestAdvantages(t *testing.T) {
	t.Parallel()
	r := loss.Rewards{
		Reward: []float64{1, 0, 0, 0, 1, 3},
		Group:  []int{0, 0, 0, 0, 0, 1},
		Traj:   []int{0, 1, 1, 2, 3, 4},
		Length: []int{2, 1, 2, 3, 4, 5},
	}
	std := math.Sqrt(1. / 3)
	near(t, "mean_only", loss.MeanOnly(r), []float64{.5, -.5, -.5, -.5, .5, 0})
	near(t, "grpo", loss.GRPO(r, 1e-6), []float64{.5 / (std + 1e-6), -.5 / (std + 1e-6), -.5 / (std + 1e-6), -.5 / (std + 1e-6), .5 / (std + 1e-6), 3})
	near(t, "rloo", loss.RLOO(r), []float64{2. / 3, -2. / 3, -2. / 3, -2. / 3, 2. / 3, 3})
	near(t, "maxrl", loss.MaxRL(r), []float64{1, -1, -1, -1, 1, 0})
	// All rewards 1, 0, 0, 1, 3: mean 1, squared distances 0+1+1+0+4 over 4.
	all := math.Sqrt(6. / 4)
	near(t, "batch_std", loss.BatchStd(r, 0), []float64{.5 / all, -.5 / all, -.5 / all, -.5 / all, .5 / all, 0})
	// Lengths 2, 1+2, 3, 4: the baseline is (2·1 + 4·1)/12.
	opo, err := loss.OPO(r)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "opo", opo, []float64{.5, -.5, -.5, -.5, .5, 3})
	near(t, "no spread, eps 0", loss.GRPO(loss.Rewards{Reward: []float64{1, 1}}, 0), []float64{0, 0})
	if _, err := loss.OPO(loss.Rewards{Reward: []float64{1}}); err == nil {
		t.Error("opo without lengths: got no error")
	}
}
