package local

import (
	"math"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
)

// TestLossesAgainstHandDerivedGradients evaluates each loss on one token. The
// wanted values are worked out by hand from the formulas of the Tinker
// documentation; r = exp(p − q) is chosen, and p = q + ln r.
func TestLossesAgainstHandDerivedGradients(t *testing.T) {
	t.Parallel()
	const q = -1.0
	for _, tt := range []struct {
		name    string
		loss    string
		config  map[string]float64
		r, a    float64
		value   float64 // of the loss
		grad    float64 // with respect to p
		clipped bool
	}{
		// −p; p = −1 + ln 1 = −1. The reward plays no part.
		{"cross entropy", hud.LossCrossEntropy, nil, 1, 0, 1, -1, false},
		// −r·A, whose derivative is itself.
		{"importance sampling, A > 0", hud.LossImportanceSampling, nil, 1.5, 2, -3, -3, false},
		{"importance sampling, A < 0", hud.LossImportanceSampling, nil, 0.5, -2, 1, 1, false},
		// ppo: −min(r·A, clamp(r, 0.8, 1.2)·A).
		{"ppo inside, A > 0", hud.LossPPO, nil, 1.1, 2, -2.2, -2.2, false},
		{"ppo inside, A < 0", hud.LossPPO, nil, 0.9, -2, 1.8, 1.8, false},
		// r = 1.5 > 1.2, A > 0: min(3, 2.4) is the held branch.
		{"ppo above, A > 0", hud.LossPPO, nil, 1.5, 2, -2.4, 0, true},
		// r = 1.5, A < 0: min(−3, −2.4) is the free branch.
		{"ppo above, A < 0", hud.LossPPO, nil, 1.5, -2, 3, 3, false},
		// r = 0.5 < 0.8, A > 0: min(1, 1.6) is the free branch.
		{"ppo below, A > 0", hud.LossPPO, nil, 0.5, 2, -1, -1, false},
		// r = 0.5, A < 0: min(−1, −1.6) is the held branch.
		{"ppo below, A < 0", hud.LossPPO, nil, 0.5, -2, 1.6, 0, true},
		{"ppo thresholds, above, A > 0", hud.LossPPO, map[string]float64{keyLow: 0.5, keyHigh: 2}, 3, 1, -2, 0, true},
		{"ppo thresholds, below, A < 0", hud.LossPPO, map[string]float64{keyLow: 0.5, keyHigh: 2}, 0.25, -1, 0.5, 0, true},
		{"ppo thresholds, inside", hud.LossPPO, map[string]float64{keyLow: 0.5, keyHigh: 2}, 1.5, 1, -1.5, -1.5, false},
		// epsilon 0.5 is [0.5, 1.5].
		{"ppo epsilon, above", hud.LossPPO, map[string]float64{keyEpsilon: 0.5}, 2, 2, -3, 0, true},
		{"ppo epsilon, inside", hud.LossPPO, map[string]float64{keyEpsilon: 0.5}, 1.25, 2, -2.5, -2.5, false},
		// cispo: −clamp(r, 0, 4)·p·A, the weight held constant; p = −1 + ln r.
		{"cispo inside, A > 0", hud.LossCISPO, nil, 2, 3, -2 * (-1 + math.Ln2) * 3, -6, false},
		{"cispo inside, A < 0", hud.LossCISPO, nil, 2, -3, 2 * (-1 + math.Ln2) * 3, 6, false},
		{"cispo above, A > 0", hud.LossCISPO, nil, 8, 1, -4 * (-1 + 3*math.Ln2), -4, true},
		{"cispo above, A < 0", hud.LossCISPO, nil, 8, -1, 4 * (-1 + 3*math.Ln2), 4, true},
		{"cispo below, A > 0", hud.LossCISPO, map[string]float64{keyLow: 0.5, keyHigh: 2}, 0.25, 1, -0.5 * (-1 - 2*math.Ln2), -0.5, true},
		{"cispo below, A < 0", hud.LossCISPO, map[string]float64{keyLow: 0.5, keyHigh: 2}, 0.25, -1, 0.5 * (-1 - 2*math.Ln2), 0.5, true},
		// dro: −(p·A − ½·β·d²), d = ln r; dC/dp = −(A − β·d).
		{"dro, A > 0", hud.LossDRO, map[string]float64{keyBeta: 0.5}, 2, 1, -((-1 + math.Ln2) - 0.25*math.Ln2*math.Ln2), -(1 - 0.5*math.Ln2), false},
		{"dro, A < 0", hud.LossDRO, map[string]float64{keyBeta: 0.5}, 0.5, -1, -(-(-1 - math.Ln2) - 0.25*math.Ln2*math.Ln2), -(-1 + 0.5*math.Ln2), false},
		{"dro, A = 0 still pulls", hud.LossDRO, nil, 2, 0, 0.025 * math.Ln2 * math.Ln2, 0.05 * math.Ln2, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			loss, config, err := configure("test", tt.loss, tt.config)
			if err != nil {
				t.Fatal(err)
			}
			p := q + math.Log(tt.r)
			value, grad, clipped := loss.token(config, p, q, tt.a)
			if !near(value, tt.value) || !near(grad, tt.grad) || clipped != tt.clipped {
				t.Errorf("got loss %v, gradient %v, clipped %v, want %v, %v, %v", value, grad, clipped, tt.value, tt.grad, tt.clipped)
			}
			// And a central difference where the weight is not held constant.
			if tt.loss != hud.LossCISPO && !clipped {
				const h = 1e-6
				up, _, _ := loss.token(config, p+h, q, tt.a)
				down, _, _ := loss.token(config, p-h, q, tt.a)
				if d := (up - down) / (2 * h); math.Abs(d-grad) > 1e-6*max(1, math.Abs(grad)) {
					t.Errorf("difference quotient: got %v, want %v", d, grad)
				}
			}
		})
	}
}

func near(x, y float64) bool { return math.Abs(x-y) <= 1e-12*max(1, math.Abs(y)) }

func TestLossConfigIsChecked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, loss string
		config     map[string]float64
		part       string
	}{
		{"unknown loss", "pp0", nil, `loss_fn: got "pp0", want one of cross_entropy, importance_sampling, ppo, cispo, dro`},
		{"unknown key", "ppo", map[string]float64{"clip_low": 1}, `unknown key "clip_low" for ppo: it knows clip_high_threshold, clip_low_threshold, epsilon`},
		{"key of another loss", "dro", map[string]float64{"epsilon": 1}, `unknown key "epsilon" for dro: it knows beta`},
		{"key of a loss without any", "importance_sampling", map[string]float64{"beta": 1}, "it has no settings"},
		{"epsilon is ppo's", "cispo", map[string]float64{"epsilon": 0.2}, `unknown key "epsilon"`},
		{"nan", "dro", map[string]float64{"beta": math.NaN()}, "beta: got NaN, want a finite number"},
		{"negative beta", "dro", map[string]float64{"beta": -1}, "beta: got -1, want at least 0"},
		{"negative epsilon", "ppo", map[string]float64{"epsilon": -0.1}, "epsilon: got -0.1, want at least 0"},
		{"epsilon and thresholds", "ppo", map[string]float64{"epsilon": 0.1, "clip_low_threshold": 0.9}, "got epsilon and clip_low_threshold"},
		{"crossed thresholds", "ppo", map[string]float64{"clip_low_threshold": 1.3}, "got clip_low_threshold 1.3 above clip_high_threshold 1.2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := configure("forward_backward", tt.loss, tt.config)
			wantError(t, err, "forward_backward", hud.CodeValidation, tt.part)
		})
	}
}

func TestAdvantages(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		rewards  []float64
		size     int
		scale    float64
		want     []float64
		noSpread int
	}{
		{"one group", []float64{1, 0, 0, 1}, 0, 1, []float64{0.5, -0.5, -0.5, 0.5}, 0},
		{"pairs, no division by the deviation", []float64{1, 0, 4, 0}, 2, 1, []float64{0.5, -0.5, 2, -2}, 0},
		{"scaled", []float64{1, 0}, 2, 3, []float64{1.5, -1.5}, 0},
		// The mean of three 0.1 is 0.10000000000000002 in float64.
		{"equal rewards give exactly 0", []float64{0.1, 0.1, 0.1, 1, 2, 3}, 3, 1, []float64{0, 0, 0, -1, 0, 1}, 1},
		{"groups of one", []float64{5, 7}, 1, 1, []float64{0, 0}, 2},
		{"a single trajectory", []float64{5}, 0, 1, []float64{0}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, noSpread := advantages(tt.rewards, tt.size, tt.scale)
			if noSpread != tt.noSpread {
				t.Errorf("groups without spread: got %d, want %d", noSpread, tt.noSpread)
			}
			for i := range tt.want {
				if got[i] != tt.want[i] {
					t.Errorf("got %v, want %v", got, tt.want)
					break
				}
			}
		})
	}
}
