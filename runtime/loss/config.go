package loss

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/hudrl/hudrl/runtime/hud"
)

// The config keys.
const (
	keyLow     = "clip_low_threshold"
	keyHigh    = "clip_high_threshold"
	keyEpsilon = "epsilon" // short for [1−ε, 1+ε]
	keyLogLow  = "log_clip_low"
	keyLogHigh = "log_clip_high"
	keyBeta    = "beta"
	keyDual    = "dual_clip"
	keyDelta   = "delta"
	keyDeltaLo = "delta_low"
	keyDeltaHi = "delta_high"
	keyTau     = "tau"
	keyTauPos  = "tau_pos"
	keyTauNeg  = "tau_neg"
	keyAdvTau  = "adv_tau"
	keyKLTau   = "kl_tau"
	keyKPos    = "k_pos"
	keyKNeg    = "k_neg"
	keyLamPos  = "lambda_pos"
	keyLamNeg  = "lambda_neg"
	keyMu      = "mu"
	keyReward  = "reward_threshold"
	keyCoef    = "coef"
	keyCap     = "ratio_cap"
)

// What a key's value must be.
var (
	atLeast0 = []string{keyBeta, keyDeltaLo, keyDeltaHi, keyAdvTau, keyKLTau, keyKPos, keyKNeg, keyLamPos, keyLamNeg, keyMu, keyCoef, keyCap, keyTau, keyAlpha, keyCovRatio}
	above0   = []string{keyDual, keyDelta, keyTauPos, keyTauNeg}
)

// complete checks a loss's configuration and adds the defaults.
func complete(op, name string, config map[string]float64) (map[string]float64, error) {
	c, err := withDefaults(op, name, Options(name), defaults(name), config)
	if err != nil {
		return nil, err
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
	if lo, hi := c[keyLogLow], c[keyLogHigh]; lo > hi {
		return nil, invalid(op, "got %s %v above %s %v, want bounds on the log-ratio, low before high", keyLogLow, lo, keyLogHigh, hi)
	}
	if lo, hi := c[keyCovLow], c[keyCovHigh]; lo > hi {
		return nil, invalid(op, "got %s %v above %s %v, want bounds on the covariance, low before high", keyCovLow, lo, keyCovHigh, hi)
	}
	for _, key := range slices.Sorted(maps.Keys(c)) {
		switch {
		case name == "chord" && key == keyMu && c[key] > 1, key == keyCovRatio && c[key] > 1:
			return nil, invalid(op, "%s: got %v, want at most 1", key, c[key])
		case name == "minillm" && key == keyGamma && !(c[key] >= 0 && c[key] <= 1):
			return nil, invalid(op, "%s: got %v, want 0 to 1", key, c[key])
		case key == keySeed && (c[key] != math.Trunc(c[key]) || math.Abs(c[key]) > 1<<53):
			return nil, invalid(op, "%s: got %v, want a whole number", key, c[key])
		case slices.Contains(atLeast0, key) && c[key] < 0:
			return nil, invalid(op, "%s: got %v, want at least 0", key, c[key])
		case slices.Contains(above0, key) && !(c[key] > 0):
			return nil, invalid(op, "%s: got %v, want above 0", key, c[key])
		}
	}
	return c, nil
}

// withDefaults is config over defaults. Keys that are not known, and values
// that are not finite, are refused.
func withDefaults(op, name string, known []string, defaults, config map[string]float64) (map[string]float64, error) {
	c := map[string]float64{}
	maps.Copy(c, defaults)
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
	return c, nil
}

// defaults are those of a loss of tokens, pairs or answers.
func defaults(name string) map[string]float64 {
	if sp, ok := pairSpecs[name]; ok {
		return sp.defaults
	}
	if sp, ok := answerSpecs[name]; ok {
		return sp.defaults
	}
	return specs[name].defaults
}

// Bounds is the configuration of the loss of that name with its bounds on the
// ratio given as as says: "absolute", or "" for that, leaves clip_low_threshold
// and clip_high_threshold as they are; with "offset" they are how far the ratio
// may go from 1, as in most libraries, and become 1 − low and 1 + high. Bounds
// that are not given keep their default.
func Bounds(name, as string, config map[string]float64) (map[string]float64, error) {
	switch as {
	case "", "absolute":
		return config, nil
	case "offset":
	default:
		return nil, unknown(name, "convention", as, []string{"absolute", "offset"})
	}
	if _, ok := defaults(name)[keyHigh]; !ok {
		return nil, invalid(name, `as: got "offset" for a loss without bounds on the ratio`)
	}
	out := maps.Clone(config)
	for _, key := range []string{keyLow, keyHigh} {
		v, ok := config[key]
		if !ok {
			continue
		}
		if !(v >= 0) {
			return nil, invalid(name, "%s: got the offset %v, want at least 0", key, v)
		}
		if out[key] = 1 + v; key == keyLow {
			out[key] = 1 - v
		}
	}
	return out, nil
}

// Options lists the config keys the loss of that name accepts.
func Options(name string) []string {
	keys := slices.Sorted(maps.Keys(defaults(name)))
	if specs[name].short {
		keys = append(keys, keyEpsilon)
	}
	return keys
}
