package loss

import (
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// settings are the options that every loss of tokens has beside its own and
// aggregate.
var settings = []string{"max_length", "denominator", "advantage", "old_logprobs", "correction", "correction_low", "correction_high",
	"rejection", "rejection_low", "rejection_high", "normalize_weights"}

// settingsOf are those of the loss of that name, which has the given keys.
func settingsOf(name string, keys []string) []string {
	out := slices.Clone(settings)
	if slices.Contains(keys, "clip_low_threshold") {
		out = append(out, "as")
	}
	switch name {
	case "chord":
		out = append(out, "expert", "expert_denominator")
	case "echo":
		out = append(out, "observation_mask")
	case "vapo_pos_nll":
		out = append(out, "positive_denominator")
	}
	return out
}

// sized are the options that are of the data's size; nil where not given.
type sized struct{ advantage, old, expert, observation lua.LValue }

// read reads the settings of the loss of that name.
func (c *configuration) read(a *luax.Args, name string, o luax.Options) {
	value := func(name string) lua.LValue {
		if v := o.Value(name); v != lua.LNil {
			return v
		}
		return nil
	}
	c.advantage, c.old = value("advantage"), value("old_logprobs")
	s := &c.settings
	s.MaxLength = positive(a, o, "max_length")
	s.Correction = correction(a, o).With(rejection(a, o))
	s.NormalizeWeights = o.Bool("normalize_weights", false)
	if s.NormalizeWeights && s.Correction == nil {
		a.Fail("normalize_weights: got it without a correction")
	}
	switch name {
	case "chord":
		c.extra, c.expert, s.ExpertDenominator = true, value("expert"), o.Number("expert_denominator", 0)
	case "echo":
		c.extra, c.observation = true, value("observation_mask")
	case "vapo_pos_nll":
		s.PositiveDenominator = positive(a, o, "positive_denominator")
	}
}

// fit reads what is of the size of b.
func (c *configuration) fit(a *luax.Args, b *loss.Batch, s *loss.Settings) {
	if c.advantage != nil {
		if n, number := c.advantage.(lua.LNumber); number {
			s.Advantage = perDatum(a, "advantage", n, b.Len())
		} else if s.Advantage = values(a, "advantage", c.advantage); len(s.Advantage) != b.Len() && len(s.Advantage) != b.Tokens() {
			a.Fail("advantage: got %d values, want one for each of %d datums or %d positions", len(s.Advantage), b.Len(), b.Tokens())
		}
	}
	s.Old, s.Observation = positions(a, "old_logprobs", c.old), positions(a, "observation_mask", c.observation)
	if c.expert != nil {
		list := a.AsTable("expert", c.expert)
		s.Expert = make([]bool, list.Len())
		for i := range s.Expert {
			switch v := list.RawGetInt(i + 1).(type) {
			case lua.LBool:
				s.Expert[i] = bool(v)
			case lua.LNumber:
				s.Expert[i] = v != 0
			default:
				a.Bad("expert", v, "list of booleans")
			}
		}
	}
}

// positions reads one number for each position, nil where there is none.
func positions(a *luax.Args, name string, v lua.LValue) []float32 {
	if v == nil {
		return nil
	}
	if t, ok := v.(*lua.LTable); ok {
		return luax.Numbers[float32](a, name, t)
	}
	return luax.As[*tensor.Tensor](a, name, v).Data()
}

// bounds is config with the bounds on the ratio that option as speaks of.
func bounds(name string, keys []string, o luax.Options, config map[string]float64) (map[string]float64, error) {
	if !slices.Contains(keys, "clip_low_threshold") {
		return config, nil
	}
	return loss.Bounds(name, o.OneOf("as", "absolute", "absolute", "offset"), config)
}

// positive reads an option that has to be above 0 where it is given: 0 is none.
func positive(a *luax.Args, o luax.Options, key string) float64 {
	x := o.Number(key, 0)
	if o.Has(key) && x <= 0 {
		a.Fail("%s: got %v, want above 0", key, x)
	}
	return x
}

// limits reads the low and high bound of a correction or rejection.
func limits(o luax.Options, name string) map[string]float64 {
	out := map[string]float64{}
	for _, end := range []string{"low", "high"} {
		if k := name + "_" + end; o.Has(k) {
			out[k] = o.Number(k, 0)
		}
	}
	return out
}

// correction reads the options of a correction, nil where there is none.
func correction(a *luax.Args, o luax.Options) *loss.Correction {
	name, bounds := o.String("correction", ""), limits(o, "correction")
	if name == "" {
		if len(bounds) > 0 {
			a.Fail("correction: got bounds without it, want one of %s", strings.Join(loss.Corrections(), ", "))
		}
		return nil
	}
	c, err := loss.NewCorrection(name, bounds)
	if err != nil {
		a.VM().Raise(a.L, err)
	}
	return c
}

// rejection reads the options of rejection sampling, nil where there is none.
func rejection(a *luax.Args, o luax.Options) *loss.Correction {
	modes, bounds := o.String("rejection", ""), limits(o, "rejection")
	if modes == "" {
		if len(bounds) > 0 {
			a.Fail("rejection: got bounds without it, want one or more of %s", strings.Join(loss.Rejections(), ", "))
		}
		return nil
	}
	c, err := loss.NewRejection(modes, bounds)
	if err != nil {
		a.VM().Raise(a.L, err)
	}
	return c
}
