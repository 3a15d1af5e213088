// Package loss is policy losses, advantage estimators and aggregations: each
// loss computes its value and its gradient in one pass over flat slices.
//
// Notation: ℓ is the current policy's logprob of a token, q the sampling
// policy's, d = ℓ − q, r = exp d, A the advantage, m the loss mask. Losses are
// minimised. Masking is by selection: a position whose mask is 0 is not looked
// at, whatever it holds.
//
// Three ways to use one:
//
//   - [Builtin] and [TokenLoss.Eval] over slices, as a training service does;
//   - [TokenLoss.Loss] on a [Batch], as a tensor that joins a graph;
//   - [Custom] turns any loss written with tensors into what
//     hud.TrainingClient.ForwardBackwardCustom takes, and [AsCustom] does so
//     with a loss of this package.
//
// # Conventions of the names
//
// cross_entropy, importance_sampling, ppo, cispo and dro are those of the
// Tinker and HUD services: summed over tokens, with absolute bounds on the
// ratio (clip_low_threshold, clip_high_threshold), not offsets from 1.
package loss

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/hudrl/hudrl/runtime/hud"
)

// Sums is what a loss adds up over the tokens it looked at.
type Sums struct {
	Loss    float64 // Σ of the token losses
	Tokens  int     // positions with a mask other than 0
	Clipped int     // of these, where the gradient is cut or limited by a bound
}

func (s *Sums) add(o Sums) {
	s.Loss += o.Loss
	s.Tokens += o.Tokens
	s.Clipped += o.Clipped
}

// A TokenLoss is a loss whose value is a sum over tokens.
type TokenLoss struct {
	name   string
	config map[string]float64
	// weight is what takes the place of the number of tokens in the aggregation
	// token_mean: the tokens that still have a gradient.
	surviving bool
	// token is the loss of one token and its derivative with respect to ℓ.
	token func(l, q, a float64) (value, slope float64, clipped bool)
}

// Name is the loss's name.
func (t *TokenLoss) Name() string { return t.name }

// Config is every option with its value.
func (t *TokenLoss) Config() map[string]float64 { return maps.Clone(t.config) }

// Eval computes the loss of one stretch of tokens that share an advantage,
// and overwrites dlogprobs[i] with the derivative of the sum with respect to
// logprobs[i]: 0 where the mask is 0. A mask other than 0 and 1 multiplies.
// All slices have the same length; sampling may be nil for cross_entropy, and
// dlogprobs when only the value is wanted. Everything is computed in float64,
// so each derivative is the exact one rounded once (2⁻²⁴ relative).
func (t *TokenLoss) Eval(logprobs, sampling, mask []float32, advantage float64, dlogprobs []float32) Sums {
	var s Sums
	for i, m := range mask {
		if m == 0 {
			if dlogprobs != nil {
				dlogprobs[i] = 0
			}
			continue
		}
		q := 0.0
		if sampling != nil {
			q = float64(sampling[i])
		}
		value, slope, clipped := t.token(float64(logprobs[i]), q, advantage)
		s.Tokens++
		s.Loss += float64(m) * value
		if clipped {
			s.Clipped++
		}
		if dlogprobs != nil {
			dlogprobs[i] = float32(float64(m) * slope)
		}
	}
	return s
}

// A spec is one loss of the table.
type spec struct {
	defaults  map[string]float64
	check     func(c map[string]float64) error
	surviving bool
	make      func(c map[string]float64) func(l, q, a float64) (value, slope float64, clipped bool)
}

// bounds refuses ratio bounds that cannot be meant.
func bounds(c map[string]float64) error {
	lo, hi := c["clip_low_threshold"], c["clip_high_threshold"]
	if lo < 0 || hi < lo {
		return fmt.Errorf("got clip_low_threshold %v and clip_high_threshold %v, want 0 <= low <= high", lo, hi)
	}
	return nil
}

var builtins = []string{hud.LossCrossEntropy, hud.LossImportanceSampling, hud.LossPPO, hud.LossCISPO, hud.LossDRO}

// specs holds every loss. Sources: the Tinker documentation's loss page for
// the built-in ones; verl's core_algos.py for reinforce; HUD's cookbook
// rl-training/ppo_custom_loss.py for glm_double_sided.
var specs = map[string]spec{
	// −ℓ.
	hud.LossCrossEntropy: {make: func(map[string]float64) func(l, q, a float64) (float64, float64, bool) {
		return func(l, _, _ float64) (float64, float64, bool) { return -l, -1, false }
	}},
	// −r·A.
	hud.LossImportanceSampling: {make: func(map[string]float64) func(l, q, a float64) (float64, float64, bool) {
		return func(l, q, a float64) (float64, float64, bool) {
			v := -ratio(l, q, a)
			return v, v, false
		}
	}},
	// −min(r·A, clip(r, lo, hi)·A).
	hud.LossPPO: {
		defaults: map[string]float64{"clip_low_threshold": 0.8, "clip_high_threshold": 1.2},
		check:    bounds,
		make: func(c map[string]float64) func(l, q, a float64) (float64, float64, bool) {
			lo, hi := c["clip_low_threshold"], c["clip_high_threshold"]
			return func(l, q, a float64) (float64, float64, bool) {
				r := math.Exp(l - q)
				switch {
				case a > 0 && r > hi:
					return -hi * a, 0, true
				case a < 0 && r < lo:
					return -lo * a, 0, true
				}
				v := -ratio(l, q, a)
				return v, v, false
			}
		},
	},
	// −sg(clip(r, lo, hi))·A·ℓ.
	hud.LossCISPO: {
		defaults: map[string]float64{"clip_low_threshold": 0, "clip_high_threshold": 4},
		check:    bounds,
		make: func(c map[string]float64) func(l, q, a float64) (float64, float64, bool) {
			lo, hi := c["clip_low_threshold"], c["clip_high_threshold"]
			return func(l, q, a float64) (float64, float64, bool) {
				r := math.Exp(l - q)
				w := min(max(r, lo), hi) * a
				return -w * l, -w, r < lo || r > hi
			}
		},
	},
	// −(ℓ·A − ½·β·d²).
	hud.LossDRO: {
		defaults: map[string]float64{"beta": 0.05},
		check: func(c map[string]float64) error {
			if c["beta"] < 0 {
				return fmt.Errorf("got beta %v, want at least 0", c["beta"])
			}
			return nil
		},
		make: func(c map[string]float64) func(l, q, a float64) (float64, float64, bool) {
			beta := c["beta"]
			return func(l, q, a float64) (float64, float64, bool) {
				d := l - q
				return -(l*a - beta*d*d/2), -(a - beta*d), false
			}
		},
	},
	// −A·ℓ.
	"reinforce": {make: func(map[string]float64) func(l, q, a float64) (float64, float64, bool) {
		return func(l, _, a float64) (float64, float64, bool) { return -a * l, -a, false }
	}},
	// −r·A where lo ≤ r ≤ hi, nothing elsewhere.
	"glm_double_sided": {
		defaults:  map[string]float64{"clip_low_threshold": 0.8, "clip_high_threshold": 1.28},
		check:     bounds,
		surviving: true,
		make: func(c map[string]float64) func(l, q, a float64) (float64, float64, bool) {
			lo, hi := c["clip_low_threshold"], c["clip_high_threshold"]
			return func(l, q, a float64) (float64, float64, bool) {
				// The negation also drops a ratio that is NaN.
				if r := math.Exp(l - q); !(r >= lo && r <= hi) {
					return 0, 0, true
				}
				v := -ratio(l, q, a)
				return v, v, false
			}
		},
	},
}

// ratio is exp(ℓ−q)·a, 0 when a is: also where the exponential overflows.
func ratio(l, q, a float64) float64 {
	if a == 0 {
		return 0
	}
	return math.Exp(l-q) * a
}

// Builtins lists the losses a service must offer, in the protocol's order.
func Builtins() []string { return slices.Clone(builtins) }

// Names lists every loss, sorted.
func Names() []string { return slices.Sorted(maps.Keys(specs)) }

// Builtin is the service's loss of that name. The config keys are
// clip_low_threshold and clip_high_threshold for ppo (0.8, 1.2) and cispo
// (0, 4), both absolute bounds on the ratio; epsilon for ppo, short for 1−ε
// and 1+ε; beta for dro (0.05). Errors are *hud.Error with code validation.
func Builtin(name string, config map[string]float64) (*TokenLoss, error) {
	if !slices.Contains(builtins, name) {
		return nil, unknown("loss_fn", "loss", name, builtins)
	}
	return New(name, config)
}

// New is the loss of that name, built-in or not. Unknown config keys and
// values that are not finite are refused.
func New(name string, config map[string]float64) (*TokenLoss, error) {
	sp, ok := specs[name]
	if !ok {
		return nil, unknown("loss", "loss", name, Names())
	}
	c := maps.Clone(sp.defaults)
	if c == nil {
		c = map[string]float64{}
	}
	for _, key := range slices.Sorted(maps.Keys(config)) {
		v := config[key]
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, invalid(name, "%s: got %v, want a finite number", key, v)
		}
		if _, ok := sp.defaults[key]; ok {
			c[key] = v
			continue
		}
		if name != hud.LossPPO || key != "epsilon" {
			return nil, unknown(name, "option", key, options(name))
		}
		for _, other := range []string{"clip_low_threshold", "clip_high_threshold"} {
			if _, both := config[other]; both {
				return nil, invalid(name, "got both epsilon and %s, want one of them", other)
			}
		}
		if v < 0 || v > 1 {
			return nil, invalid(name, "epsilon: got %v, want 0 to 1", v)
		}
		c["clip_low_threshold"], c["clip_high_threshold"] = 1-v, 1+v
	}
	if sp.check != nil {
		if err := sp.check(c); err != nil {
			return nil, invalid(name, "%s", err)
		}
	}
	return &TokenLoss{name: name, config: c, surviving: sp.surviving, token: sp.make(c)}, nil
}

// options lists the config keys of a loss.
func options(name string) []string {
	keys := slices.Sorted(maps.Keys(specs[name].defaults))
	if name == hud.LossPPO {
		keys = append(keys, "epsilon")
	}
	return keys
}

// Options lists the config keys the loss of that name accepts.
func Options(name string) []string { return options(name) }

func invalid(op, format string, args ...any) error {
	return &hud.Error{Op: op, Code: hud.CodeValidation, Detail: fmt.Sprintf(format, args...)}
}

func unknown(op, kind, name string, known []string) error {
	e := &hud.Error{Op: op, Code: hud.CodeValidation, Detail: fmt.Sprintf("unknown %s %q", kind, name)}
	if s := hud.Suggest(name, known); s != "" {
		e.Detail += " (" + s + ")"
	}
	e.Hint = "there is " + strings.Join(known, ", ")
	if len(known) == 0 {
		e.Hint = "there are none"
	}
	return e
}
