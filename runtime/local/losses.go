package local

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/hudrl/hudrl/runtime/hud"
)

// A builtin is one of the protocol's losses: a function of one token, summed
// over the action tokens of all datums. With p the policy's logprob of the
// token, q the sampling policy's, A the advantage and r = exp(p − q), as the
// Tinker documentation defines them:
//
//	cross_entropy        −p
//	importance_sampling  −r·A
//	ppo                  −min(r·A, clamp(r, low, high)·A)
//	cispo                −stopgrad(clamp(r, low, high))·p·A
//	dro                  −(p·A − ½·β·(p − q)²)
type builtin struct {
	name     string
	defaults map[string]float64 // the configuration keys it knows
	weighs   bool               // uses q and the advantages
	centred  bool               // its gradient is 0 where the advantage is

	// token returns the loss, its derivative with respect to p, and whether
	// the ratio was outside the thresholds in the direction that clips.
	token func(c map[string]float64, p, q, a float64) (loss, dp float64, clipped bool)
}

const (
	keyLow     = "clip_low_threshold"  // absolute bounds on the ratio
	keyHigh    = "clip_high_threshold" //
	keyEpsilon = "epsilon"             // ppo: clip to [1−ε, 1+ε]
	keyBeta    = "beta"
)

var builtins = []builtin{
	{
		name: hud.LossCrossEntropy,
		token: func(_ map[string]float64, p, _, _ float64) (float64, float64, bool) {
			return -p, -1, false
		},
	},
	{
		name: hud.LossImportanceSampling, weighs: true, centred: true,
		token: func(_ map[string]float64, p, q, a float64) (float64, float64, bool) {
			ra := math.Exp(p-q) * a
			return -ra, -ra, false
		},
	},
	{
		name: hud.LossPPO, weighs: true, centred: true,
		defaults: map[string]float64{keyLow: 0.8, keyHigh: 1.2},
		token: func(c map[string]float64, p, q, a float64) (float64, float64, bool) {
			r := math.Exp(p - q)
			free, held := r*a, clamp(r, c)*a
			if held < free {
				return -held, 0, true
			}
			return -free, -free, false
		},
	},
	{
		name: hud.LossCISPO, weighs: true, centred: true,
		defaults: map[string]float64{keyLow: 0, keyHigh: 4},
		token: func(c map[string]float64, p, q, a float64) (float64, float64, bool) {
			r := math.Exp(p - q)
			w := clamp(r, c)
			return -w * p * a, -w * a, w != r
		},
	},
	{
		name: hud.LossDRO, weighs: true,
		defaults: map[string]float64{keyBeta: 0.05},
		token: func(c map[string]float64, p, q, a float64) (float64, float64, bool) {
			d, beta := p-q, c[keyBeta]
			return -(p*a - 0.5*beta*d*d), -(a - beta*d), false
		},
	},
}

func clamp(r float64, c map[string]float64) float64 { return min(max(r, c[keyLow]), c[keyHigh]) }

// lossNames lists the built-in losses.
func lossNames() []string {
	names := make([]string, len(builtins))
	for i, b := range builtins {
		names[i] = b.name
	}
	return names
}

// configure finds a loss and completes its configuration.
func configure(op, name string, config map[string]float64) (*builtin, map[string]float64, error) {
	i := slices.IndexFunc(builtins, func(b builtin) bool { return b.name == name })
	if i < 0 {
		return nil, nil, hinted(invalid(op, "loss_fn: got %q, want one of %s", name, strings.Join(lossNames(), ", ")), "%s", hud.Suggest(name, lossNames()))
	}
	b := &builtins[i]
	known := slices.Sorted(maps.Keys(b.defaults))
	if name == hud.LossPPO {
		known = append(known, keyEpsilon)
	}
	full := maps.Clone(b.defaults)
	for _, key := range slices.Sorted(maps.Keys(config)) {
		v := config[key]
		if !slices.Contains(known, key) {
			want := "it has no settings"
			if len(known) > 0 {
				want = "it knows " + strings.Join(known, ", ")
			}
			return nil, nil, hinted(invalid(op, "loss_fn_config: unknown key %q for %s: %s", key, name, want), "%s", hud.Suggest(key, known))
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, nil, invalid(op, "loss_fn_config: %s: got %v, want a finite number", key, v)
		}
		full[key] = v
	}
	if eps, given := full[keyEpsilon]; given {
		for _, key := range []string{keyLow, keyHigh} {
			if _, both := config[key]; both {
				return nil, nil, invalid(op, "loss_fn_config: got epsilon and %s, want one way to say where to clip", key)
			}
		}
		if eps < 0 {
			return nil, nil, invalid(op, "loss_fn_config: epsilon: got %v, want at least 0", eps)
		}
		full[keyLow], full[keyHigh] = 1-eps, 1+eps
		delete(full, keyEpsilon)
	}
	if low, high := full[keyLow], full[keyHigh]; low > high {
		return nil, nil, invalid(op, "loss_fn_config: thresholds: got %s %v above %s %v, want absolute bounds on the ratio, low before high", keyLow, low, keyHigh, high)
	}
	if beta := full[keyBeta]; beta < 0 {
		return nil, nil, invalid(op, "loss_fn_config: beta: got %v, want at least 0", beta)
	}
	return b, full, nil
}

// describe is a loss as a checkpoint's row names it.
func describe(names []string) string {
	switch {
	case len(names) == 0:
		return ""
	case len(names) == 1:
		return names[0]
	}
	return fmt.Sprintf("mixed (%s)", strings.Join(names, ", "))
}
