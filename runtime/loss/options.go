package loss

import (
	"maps"
	"math"
	"slices"
	"strings"

	"fmt"

	"github.com/hudrl/hudrl/runtime/hud"
)

// withDefaults is config over defaults. Keys other than those of defaults, and
// values that are not finite, are refused.
func withDefaults(op, name string, defaults, config map[string]float64) (map[string]float64, error) {
	known := slices.Sorted(maps.Keys(defaults))
	c := maps.Clone(defaults)
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
