package loss

import (
	"maps"
	"math"
	"slices"

	"github.com/hudrl/hudrl/runtime/tensor"
)

// A ValueLoss trains a value model: it is a function of its predictions V, one
// for each position, and of the returns they should have been.
type ValueLoss struct {
	name   string
	config map[string]float64
	old    bool
	f      valueFunc
}

// A valueFunc is the loss of one position, its derivative with respect to v,
// and whether the clipped branch was taken.
type valueFunc = func(v, old, target float64) (value, slope float64, clipped bool)

// Values are what a ValueLoss is a function of.
type Values struct {
	Values  *tensor.Tensor // [N] V
	Returns []float64      // [N]
	Old     []float64      // [N] the predictions before the step; for value_clipped
	Mask    []float32      // [N] nil: 1 everywhere
	Offsets []int          // of the datums, [D+1]; nil: one datum
	Group   []int          // [D] for prompt_mean; nil: one group
}

const keyScale = "scale"

type valueSpec struct {
	old      bool
	defaults map[string]float64
	f        func(c map[string]float64) valueFunc
}

// valueSpecs: sources are verl's compute_value_loss and OpenRLHF's ValueLoss
// for value_clipped, NeMo RL's MseValueLossFn for value_mse.
var valueSpecs = map[string]valueSpec{
	// ½·max((V − R)², (clip(V, V_old − ε, V_old + ε) − R)²).
	"value_clipped": {old: true, defaults: map[string]float64{keyEpsilon: 0.2}, f: func(c map[string]float64) valueFunc {
		eps := c[keyEpsilon]
		return func(v, old, target float64) (float64, float64, bool) {
			d := v - target
			held := min(max(v, old-eps), old+eps)
			if h := held - target; h*h > d*d {
				// Clipped further from the target than V is: constant.
				return h * h / 2, 0, true
			}
			return d * d / 2, d, false
		}
	}},
	// ½·scale·(V − R)².
	"value_mse": {defaults: map[string]float64{keyScale: 1}, f: func(c map[string]float64) valueFunc {
		scale := c[keyScale]
		return func(v, _, target float64) (float64, float64, bool) {
			d := v - target
			return scale * d * d / 2, scale * d, false
		}
	}},
}

// ValueNames lists the losses of value models, sorted.
func ValueNames() []string { return slices.Sorted(maps.Keys(valueSpecs)) }

// NewValue is the value loss of that name.
func NewValue(name string, config map[string]float64) (*ValueLoss, error) {
	sp, ok := valueSpecs[name]
	if !ok {
		return nil, unknown("loss", "value loss", name, ValueNames())
	}
	c, err := withDefaults(name, name, slices.Sorted(maps.Keys(sp.defaults)), sp.defaults, config)
	if err != nil {
		return nil, err
	}
	for k, v := range c {
		if v < 0 {
			return nil, invalid(name, "%s: got %v, want at least 0", k, v)
		}
	}
	return &ValueLoss{name: name, config: c, old: sp.old, f: sp.f(c)}, nil
}

// Check finds what is wrong with s; see [DistributionLoss.Check].
func (t *ValueLoss) Check(s Settings) error { return onlyAggregation(t.name, s) }

// Loss is the loss as a tensor, with its gradient with respect to V, and the
// metrics loss_tokens, value_mean, return_mean, explained_variance (1 − Var(R −
// V)/Var(R)) and, for value_clipped, clip_fraction. Nothing is read where the
// mask is 0.
func (t *ValueLoss) Loss(x Values, s Settings) (*tensor.Tensor, map[string]float64, error) {
	if err := t.Check(s); err != nil {
		return nil, nil, err
	}
	n, scale, tokens, err := t.shapes(x, s)
	if err != nil {
		return nil, nil, err
	}
	data, grad := x.Values.Data(), make([]float32, n)
	var total, clipped float64
	var values, returns, apart []float64
	for i, f := range scale {
		if f == 0 {
			continue
		}
		v, target, old := float64(data[i]), x.Returns[i], 0.0
		if t.old {
			old = x.Old[i]
		}
		value, slope, cut := t.f(v, old, target)
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return nil, nil, invalid(t.name, "position %d: got value %v and return %v, want finite numbers", i+1, v, target)
		}
		total += f * value
		grad[i] = float32(f * slope)
		if cut {
			clipped++
		}
		values, returns, apart = append(values, v), append(returns, target), append(apart, target-v)
	}
	metrics := map[string]float64{"loss_tokens": float64(tokens)}
	if len(values) > 0 {
		metrics["value_mean"], _ = meanStd(values)
		mean, std := meanStd(returns)
		metrics["return_mean"] = mean
		if _, rest := meanStd(apart); std > 0 {
			metrics["explained_variance"] = 1 - rest*rest/(std*std)
		}
	}
	if t.old {
		metrics["clip_fraction"] = clipped / max(1, float64(len(values)))
	}
	out := tensor.Fused(t.name, total, []*tensor.Tensor{x.Values}, [][]float32{grad})
	return out, metrics, out.Err()
}

// shapes checks x and gives the factor of each position's value.
func (t *ValueLoss) shapes(x Values, s Settings) (n int, scale []float64, tokens int, err error) {
	switch {
	case x.Values == nil:
		return 0, nil, 0, invalid(t.name, "values: got none, want a tensor [N]")
	case x.Values.Err() != nil:
		return 0, nil, 0, x.Values.Err()
	case x.Values.Dims() != 1:
		return 0, nil, 0, invalid(t.name, "values: got shape %v, want [N]", x.Values.Shape())
	}
	n = x.Values.Len()
	switch {
	case len(x.Returns) != n:
		return 0, nil, 0, invalid(t.name, "returns: got %d values for %d positions", len(x.Returns), n)
	case t.old && len(x.Old) != n:
		return 0, nil, 0, invalid(t.name, "old_values: got %d values for %d positions", len(x.Old), n)
	}
	scale, tokens, err = positions(t.name, n, x.Mask, x.Offsets, x.Group, s)
	return n, scale, tokens, err
}

// checkScores checks the scores of pairs.
func checkScores(op string, chosen, rejected *tensor.Tensor, margin []float64) error {
	for i, t := range []*tensor.Tensor{chosen, rejected} {
		name := [...]string{"chosen", "rejected"}[i]
		switch {
		case t == nil:
			return invalid(op, "%s: got none, want a tensor [P]", name)
		case t.Err() != nil:
			return t.Err()
		case t.Dims() != 1:
			return invalid(op, "%s: got shape %v, want [P]", name, t.Shape())
		}
	}
	n := chosen.Len()
	switch {
	case rejected.Len() != n:
		return invalid(op, "rejected: got %d scores, want %d as chosen has", rejected.Len(), n)
	case margin != nil && len(margin) != n:
		return invalid(op, "margin: got %d values for %d pairs", len(margin), n)
	}
	return nil
}

// BradleyTerry is the loss of a reward model on pairs of scores, [P] each: the
// mean of −log σ(s_c − s_r − margin). margin is nil, or one for each pair.
// denominator, where above 0, takes the place of the number of pairs. Metrics:
// pairs, accuracy and margin, the mean of s_c − s_r. Source: OpenRLHF's
// PairWiseLoss; its LogExpLoss, log(1 + exp(s_r − s_c)), is this without
// margins, written in another way.
func BradleyTerry(op string, chosen, rejected *tensor.Tensor, margin []float64, denominator float64) (*tensor.Tensor, map[string]float64, error) {
	if err := checkScores(op, chosen, rejected, margin); err != nil {
		return nil, nil, err
	}
	n := chosen.Len()
	if denominator < 0 || math.IsNaN(denominator) {
		return nil, nil, invalid(op, "denominator: got %v, want above 0", denominator)
	}
	whole := max(1, float64(n))
	if denominator > 0 {
		whole = denominator
	}
	c, r := chosen.Data(), rejected.Data()
	dc, dr := make([]float32, n), make([]float32, n)
	var total, ahead, apart float64
	for i := range c {
		d := float64(c[i]) - float64(r[i])
		z := d
		if margin != nil {
			z -= margin[i]
		}
		if math.IsNaN(z) || math.IsInf(z, 0) {
			return nil, nil, invalid(op, "pair %d: got scores %v and %v, want finite numbers", i+1, c[i], r[i])
		}
		value, slope := smoothed(z, 1, 0)
		total += value / whole
		dc[i], dr[i] = float32(slope/whole), float32(-slope/whole)
		apart += d
		if d > 0 {
			ahead++
		}
	}
	out := tensor.Fused(op, total, []*tensor.Tensor{chosen, rejected}, [][]float32{dc, dr})
	pairs := max(1, float64(n))
	return out, map[string]float64{"pairs": float64(n), "accuracy": ahead / pairs, "margin": apart / pairs}, out.Err()
}
