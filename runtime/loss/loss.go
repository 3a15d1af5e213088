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
// ratio (clip_low_threshold, clip_high_threshold), not offsets from 1. A low
// bound of 0 or less bounds nothing, as no ratio is below 0.
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
	traits
	// token is the loss of one token and its derivative with respect to ℓ.
	token func(l, q, a float64) (value, slope float64, clipped bool)
}

// Name is the loss's name.
func (t *TokenLoss) Name() string { return t.name }

// Config is every option with its value.
func (t *TokenLoss) Config() map[string]float64 { return maps.Clone(t.config) }

// UsesSampling reports whether the loss looks at the sampling policy's
// logprobs: all but cross_entropy and reinforce.
func (t *TokenLoss) UsesSampling() bool { return t.sampling }

// UsesAdvantage reports whether the loss looks at the advantage: all but
// cross_entropy.
func (t *TokenLoss) UsesAdvantage() bool { return t.advantage != ignored }

// ZeroWithoutAdvantage reports whether value and gradient of a token are 0
// wherever its advantage is, also where its ratio overflows: all but
// cross_entropy and dro, whose quadratic term stays.
func (t *TokenLoss) ZeroWithoutAdvantage() bool { return t.advantage == factor }

// Clips reports whether the loss has bounds on the ratio, so that
// Sums.Clipped means something.
func (t *TokenLoss) Clips() bool {
	_, ok := t.config[keyHigh]
	return ok
}

// Eval computes the loss of one stretch of tokens that share an advantage,
// and overwrites dlogprobs[i] with the derivative of the sum with respect to
// logprobs[i]: 0 where the mask is 0. A mask other than 0 and 1 multiplies.
// All slices have the same length; sampling may be nil where UsesSampling is
// false, and dlogprobs when only the value is wanted. Nothing is allocated.
// Everything is computed in float64, so each derivative is the exact one
// rounded once (2⁻²⁴ relative).
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

// The config keys.
const (
	keyLow     = "clip_low_threshold"
	keyHigh    = "clip_high_threshold"
	keyEpsilon = "epsilon" // ppo: short for [1−ε, 1+ε]
	keyBeta    = "beta"
)

// traits are what a loss does with its inputs.
type traits struct {
	sampling  bool // reads q
	advantage role
	// surviving tokens, those that still have a gradient, take the place of
	// the number of tokens in the aggregation token_mean.
	surviving bool
}

// A role is what the advantage is to a loss.
type role int

const (
	ignored role = iota // not read
	factor              // value and slope are 0 where it is
	term                // read, with other terms beside it
)

// A spec is one loss of the table.
type spec struct {
	traits
	defaults map[string]float64
	make     func(c map[string]float64) func(l, q, a float64) (value, slope float64, clipped bool)
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
	hud.LossImportanceSampling: {
		traits: traits{sampling: true, advantage: factor},
		make: func(map[string]float64) func(l, q, a float64) (float64, float64, bool) {
			return func(l, q, a float64) (float64, float64, bool) {
				v := -ratio(l, q, a)
				return v, v, false
			}
		},
	},
	// −min(r·A, clip(r, lo, hi)·A).
	hud.LossPPO: {
		traits:   traits{sampling: true, advantage: factor},
		defaults: map[string]float64{keyLow: 0.8, keyHigh: 1.2},
		make: func(c map[string]float64) func(l, q, a float64) (float64, float64, bool) {
			lo, hi := c[keyLow], c[keyHigh]
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
		traits:   traits{sampling: true, advantage: factor},
		defaults: map[string]float64{keyLow: 0, keyHigh: 4},
		make: func(c map[string]float64) func(l, q, a float64) (float64, float64, bool) {
			lo, hi := c[keyLow], c[keyHigh]
			return func(l, q, a float64) (float64, float64, bool) {
				r := math.Exp(l - q)
				w := min(max(r, lo), hi) * a
				return -w * l, -w, r < lo || r > hi
			}
		},
	},
	// −(ℓ·A − ½·β·d²).
	hud.LossDRO: {
		traits:   traits{sampling: true, advantage: term},
		defaults: map[string]float64{keyBeta: 0.05},
		make: func(c map[string]float64) func(l, q, a float64) (float64, float64, bool) {
			beta := c[keyBeta]
			return func(l, q, a float64) (float64, float64, bool) {
				d := l - q
				return -(l*a - beta*d*d/2), -(a - beta*d), false
			}
		},
	},
	// −A·ℓ.
	"reinforce": {
		traits: traits{advantage: factor},
		make: func(map[string]float64) func(l, q, a float64) (float64, float64, bool) {
			return func(l, _, a float64) (float64, float64, bool) { return -a * l, -a, false }
		},
	},
	// −r·A where lo ≤ r ≤ hi, nothing elsewhere.
	"glm_double_sided": {
		traits:   traits{sampling: true, advantage: factor, surviving: true},
		defaults: map[string]float64{keyLow: 0.8, keyHigh: 1.28},
		make: func(c map[string]float64) func(l, q, a float64) (float64, float64, bool) {
			lo, hi := c[keyLow], c[keyHigh]
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
// and 1+ε; beta for dro (0.05). Errors are *hud.Error with code validation,
// and begin with the request's field, loss_fn or loss_fn_config.
func Builtin(name string, config map[string]float64) (*TokenLoss, error) {
	if !slices.Contains(builtins, name) {
		return nil, &hud.Error{Op: "loss_fn", Code: hud.CodeValidation, Hint: hud.Suggest(name, builtins),
			Detail: fmt.Sprintf("got %q, want one of %s", name, strings.Join(builtins, ", "))}
	}
	return configured("loss_fn_config", name, config)
}

// New is the loss of that name, built-in or not. Unknown config keys and
// values that are not finite are refused.
func New(name string, config map[string]float64) (*TokenLoss, error) {
	if _, ok := specs[name]; !ok {
		return nil, unknown("loss", "loss", name, Names())
	}
	return configured(name, name, config)
}

// configured is a loss of the table; op begins the errors.
func configured(op, name string, config map[string]float64) (*TokenLoss, error) {
	sp := specs[name]
	c, err := complete(op, name, config)
	if err != nil {
		return nil, err
	}
	return &TokenLoss{name: name, config: c, traits: sp.traits, token: sp.make(c)}, nil
}

// complete checks a loss's configuration and adds the defaults.
func complete(op, name string, config map[string]float64) (map[string]float64, error) {
	known := Options(name)
	c := map[string]float64{}
	maps.Copy(c, specs[name].defaults)
	for _, key := range slices.Sorted(maps.Keys(config)) {
		v := config[key]
		if !slices.Contains(known, key) {
			want := "it has no settings"
			if len(known) > 0 {
				want = "it knows " + strings.Join(known, ", ")
			}
			return nil, &hud.Error{Op: op, Code: hud.CodeValidation, Hint: hud.Suggest(key, known),
				Detail: fmt.Sprintf("unknown key %q for %s: %s", key, name, want)}
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, invalid(op, "%s: got %v, want a finite number", key, v)
		}
		c[key] = v
	}
	if eps, given := c[keyEpsilon]; given {
		for _, other := range []string{keyLow, keyHigh} {
			if _, both := config[other]; both {
				return nil, invalid(op, "got both epsilon and %s, want one of them", other)
			}
		}
		if eps < 0 {
			return nil, invalid(op, "epsilon: got %v, want at least 0", eps)
		}
		delete(c, keyEpsilon)
		c[keyLow], c[keyHigh] = 1-eps, 1+eps
	}
	if lo, hi := c[keyLow], c[keyHigh]; lo > hi {
		return nil, invalid(op, "got %s %v above %s %v, want absolute bounds on the ratio, low before high", keyLow, lo, keyHigh, hi)
	}
	if beta := c[keyBeta]; beta < 0 {
		return nil, invalid(op, "beta: got %v, want at least 0", beta)
	}
	return c, nil
}

// Options lists the config keys the loss of that name accepts.
func Options(name string) []string {
	keys := slices.Sorted(maps.Keys(specs[name].defaults))
	if name == hud.LossPPO {
		keys = append(keys, keyEpsilon)
	}
	return keys
}

func invalid(op, format string, args ...any) error {
	return &hud.Error{Op: op, Code: hud.CodeValidation, Detail: fmt.Sprintf(format, args...)}
}

func unknown(op, kind, name string, known []string) error {
	e := &hud.Error{Op: op, Code: hud.CodeValidation, Detail: fmt.Sprintf("unknown %s %q", kind, name)}
	if s := hud.Suggest(name, known); s != "" {
		e.Detail += " (" + s + ")"
	}
	e.Hint = "there is " + strings.Join(known, ", ")
	return e
}
