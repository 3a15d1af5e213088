package loss_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// drawn is a random batch: groups of two trajectories, the first of which has
// two datums in places; log-ratios of all sizes. With extremes the log-ratios
// are also ±20, ±80 and ±1e3, and what must never be read lies under the mask.
func drawn(seed uint64, extremes bool) *hud.Packed {
	r := rand.New(rand.NewPCG(seed, 1))
	p := &hud.Packed{Offsets: []int{0}}
	traj := 0
	for g := range 2 + r.IntN(3) {
		for k := range 2 {
			reward := float64(r.IntN(5)-2) + float64(k)/2
			for range 1 + r.IntN(2)*(1-k) {
				p.Offsets = append(p.Offsets, p.Offsets[len(p.Offsets)-1]+r.IntN(9))
				p.Reward = append(p.Reward, reward)
				p.TrajIdx = append(p.TrajIdx, traj)
				p.GroupIdx = append(p.GroupIdx, g)
			}
			traj++
		}
	}
	p.Advantage = loss.MeanOnly(loss.Rewards{Reward: p.Reward, Group: p.GroupIdx, Traj: p.TrajIdx})
	bad := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 1e30}
	for range p.Offsets[len(p.Offsets)-1] {
		l := -4 * r.Float64() * r.Float64()
		d := r.NormFloat64() * math.Pow(10, -3+4*r.Float64())
		if extremes && r.IntN(3) == 0 {
			d = []float64{1e3, -1e3, 80, -80, 20.5, -20.5, 19.5, -19.5}[r.IntN(8)]
		}
		ref := l + r.NormFloat64()*math.Pow(10, -3+3*r.Float64())
		m := float32(1)
		switch r.IntN(8) {
		case 0, 1:
			m = 0
		case 2:
			m = 0.5
		}
		values := [3]float32{float32(l), float32(l - d), float32(ref)}
		if m == 0 && extremes {
			for i := range values {
				values[i] = bad[r.IntN(len(bad))]
			}
		}
		p.Logprobs, p.SamplingLogprobs, p.RefLogprobs = append(p.Logprobs, values[0]), append(p.SamplingLogprobs, values[1]), append(p.RefLogprobs, values[2])
		p.Mask = append(p.Mask, m)
	}
	return p
}

// variants are the configurations under which every loss is tried, where it
// knows the key.
var variants = []map[string]float64{nil, {"beta": 0.5}, {"ratio_cap": 2}, {"epsilon": 0.3}, {"coef": 2}, {"tau": 0.5}, {"dual_clip": 1.5}, {"delta": 1.1}, {"gamma": 0.9}, {"gamma": 0.9, "length_normalization": 0}}

// tolerance is what the two forms of a loss may differ by, where ref is the
// value and a sum has n terms.
func tolerance(ref float64, n int) float64 {
	return 1e-6 * math.Max(1, math.Abs(ref)) * math.Sqrt(float64(max(1, n)))
}

// differs reports whether two values are further apart than that; what both
// call infinite, or beyond float32, is the same.
func differs(a, b float64, n int) bool {
	a, b = float64(float32(a)), float64(float32(b))
	return a != b && !(math.Abs(a-b) <= tolerance(b, n)) && !(math.IsNaN(a) && math.IsNaN(b))
}

// TestComposed holds the tensor form of each loss against the fused one: per
// token where a token's loss is its own, per datum, and every gradient.
func TestComposed(t *testing.T) {
	t.Parallel()
	for _, name := range loss.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(24) {
				config := variants[seed%uint64(len(variants))]
				l, err := loss.New(name, config)
				if err != nil {
					continue // another loss's key
				}
				p := drawn(seed, seed%2 == 1)
				if !ofBatch[name] {
					compare(t, fmt.Sprintf("seed %d %v", seed, config), l, p)
				}
				for what, s := range settingsOf(l, p, seed) {
					got, slopes := evaluate(t, p, func(b *loss.Batch) *tensor.Tensor {
						out, err := l.Tokens(b, s)
						if err != nil {
							t.Fatal(err)
						}
						return out.Sum()
					})
					want, grad := evaluate(t, p, func(b *loss.Batch) *tensor.Tensor {
						s.Aggregate = loss.Sum
						out, _, err := l.Loss(b, s)
						if err != nil {
							t.Fatal(err)
						}
						return out
					})
					if differs(got, want, p.Tokens()) {
						t.Errorf("seed %d %v, %s: got %v, want %v", seed, config, what, got, want)
					}
					for i := range grad {
						if differs(float64(slopes[i]), float64(grad[i]), p.Tokens()) {
							t.Errorf("seed %d %v, %s: gradient %d: got %v, want %v", seed, config, what, i, slopes[i], grad[i])
						}
					}
				}
			}
		})
	}
}

// ofBatch are losses of which a datum alone is not a part.
var ofBatch = map[string]bool{"clip_cov": true, "kl_cov": true, "chord": true, "echo": true}

// settingsOf are settings that both forms of a loss must take alike.
func settingsOf(l *loss.TokenLoss, p *hud.Packed, seed uint64) map[string]loss.Settings {
	r := rand.New(rand.NewPCG(seed, 4))
	out := map[string]loss.Settings{"nothing": {}}
	for _, name := range loss.Corrections() {
		bounds := map[string]float64{}
		if name == "off_policy_seq_mask" {
			bounds["correction_high"] = 0.1
		}
		if c, err := loss.NewCorrection(name, bounds); err == nil {
			out[name] = loss.Settings{Correction: c}
		}
	}
	if c, err := loss.NewRejection("token_k1,seq_mean_k3", map[string]float64{"rejection_high": 1.5}); err == nil {
		out["rejection"] = loss.Settings{Correction: c, NormalizeWeights: true}
	}
	old := make([]float32, p.Tokens())
	for i := range old {
		old[i] = p.Logprobs[i] + float32(r.NormFloat64())/4
	}
	out["old"] = loss.Settings{Old: old}
	if l.PerToken() && p.Tokens() != p.Len() {
		a := make([]float64, p.Tokens())
		for i := range a {
			a[i] = r.NormFloat64()
		}
		out["advantage of each token"] = loss.Settings{Advantage: a}
	}
	experts := make([]bool, p.Len())
	for d := range experts {
		experts[d] = d%2 == 1
	}
	out["experts"] = loss.Settings{Expert: experts}
	return out
}

func compare(t *testing.T, what string, l *loss.TokenLoss, p *hud.Packed) {
	t.Helper()
	b, err := loss.NewBatch(nil, p, true)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := l.Tokens(b, loss.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	values := tokens.Data()
	if err := tokens.Sum().Backward(); err != nil {
		t.Fatal(err)
	}
	var slopes []float32
	if g := b.Logprobs.Grad(); g != nil {
		slopes = g.Data()
	} else {
		slopes = make([]float32, p.Tokens())
	}
	for d := range p.Len() {
		lo, hi := p.Range(d)
		grad := make([]float32, hi-lo)
		want := l.EvalExact(&loss.Span{Logprobs: p.Logprobs[lo:hi], Sampling: p.SamplingLogprobs[lo:hi], Reference: p.RefLogprobs[lo:hi],
			Mask: p.Mask[lo:hi], Advantage: p.Advantage[d], Reward: p.Reward[d]}, grad)
		sum := 0.0
		for i := lo; i < hi; i++ {
			sum += float64(values[i])
			if differs(float64(slopes[i]), float64(grad[i-lo]), want.Tokens) {
				t.Errorf("%s: gradient %d of datum %d, l=%v q=%v ref=%v A=%v: got %v, want %v", what, i-lo, d, p.Logprobs[i], p.SamplingLogprobs[i], p.RefLogprobs[i], p.Advantage[d], slopes[i], grad[i-lo])
			}
			if p.Mask[i] == 0 && (values[i] != 0 || slopes[i] != 0) {
				t.Errorf("%s: masked token %d of datum %d: got %v with gradient %v, want 0", what, i-lo, d, values[i], slopes[i])
			}
		}
		if differs(sum, want.Loss, want.Tokens) {
			t.Errorf("%s: datum %d: got %v, want %v", what, d, sum, want.Loss)
		}
	}
}

// answersDrawn is drawn for losses of pairs and answers: what they read of the
// inputs, and where third is named a third answer in each group that has it.
func answersDrawn(seed uint64, extremes bool, third string) *hud.Packed {
	p := drawn(seed, extremes)
	out := &hud.Packed{Offsets: []int{0}}
	add := func(d int, reward float64, traj int, extra map[string]any) {
		lo, hi := p.Range(d)
		out.Logprobs, out.SamplingLogprobs = append(out.Logprobs, p.Logprobs[lo:hi]...), append(out.SamplingLogprobs, p.SamplingLogprobs[lo:hi]...)
		out.RefLogprobs, out.Mask = append(out.RefLogprobs, p.RefLogprobs[lo:hi]...), append(out.Mask, p.Mask[lo:hi]...)
		out.Offsets = append(out.Offsets, len(out.Logprobs))
		out.Reward, out.TrajIdx, out.GroupIdx = append(out.Reward, reward), append(out.TrajIdx, traj), append(out.GroupIdx, p.GroupIdx[d])
		out.Extra = append(out.Extra, extra)
	}
	traj := -1
	for d := range p.Len() {
		if d == 0 || p.TrajIdx[d] != p.TrajIdx[d-1] {
			traj++
			if third != "" && d > 0 && p.GroupIdx[d] == p.GroupIdx[d-1] {
				add((d+1)%p.Len(), -1, traj, map[string]any{third: 1.0, "p_win": 0.25, "v_star": 0.5})
				out.GroupIdx[len(out.GroupIdx)-1] = p.GroupIdx[d]
				traj++
			}
		}
		reward := p.Reward[d]
		if seed%3 == 0 && p.GroupIdx[d] == 1 {
			reward = 1 // a tie
		}
		add(d, reward, traj, map[string]any{"p_win": float64(traj%5) / 4, "v_star": 0.5, "from_reference": float64(traj % 2), "desirable": float64(traj % 3)})
	}
	return out
}

// TestComposedPairs holds the tensor forms of the losses of pairs and answers
// against the fused ones.
func TestComposedPairs(t *testing.T) {
	t.Parallel()
	third := map[string]string{"tpo": "gold", "tpo_l": "gold", "kto": "mismatched"}
	variants := append([]map[string]float64{{"label_smoothing": 0.2}, {"alpha": 0.3}, {"gamma": 0.1}, {"kl": 0.5}, {"beta2": 0.5}, {"alpha": 0}}, variants...)
	for _, name := range append(loss.PairNames(), loss.AnswerNames()...) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(48) {
				config := variants[seed%uint64(len(variants))]
				l, err := loss.NewBatchLoss(name, config)
				if err != nil {
					continue // another loss's key
				}
				third := third[name]
				if third == "gold" && config["alpha"] == 0 && config != nil {
					if _, given := config["alpha"]; given {
						third = ""
					}
				}
				p := answersDrawn(seed, seed%2 == 1, third)
				what := fmt.Sprintf("seed %d %v", seed, config)
				form := composedParts(t, l)
				got, slopes := evaluate(t, p, func(b *loss.Batch) *tensor.Tensor { return form(b).Sum() })
				n := 1.0
				want, grad := evaluate(t, p, func(b *loss.Batch) *tensor.Tensor {
					n = float64(max(1, form(b).Len()))
					out, _, err := l.Loss(b, loss.Settings{Denominator: 1})
					if err != nil {
						t.Fatal(what, err)
					}
					return out
				})
				if differs(got, want, p.Tokens()) {
					t.Errorf("%s: got %v, want %v", what, got, want)
				}
				for i := range grad {
					if differs(float64(slopes[i]), float64(grad[i]), p.Tokens()) || p.Mask[i] == 0 && slopes[i] != 0 {
						t.Errorf("%s: gradient %d of %v: got %v, want %v", what, i, n, slopes[i], grad[i])
					}
				}
			}
		})
	}
}

// composedParts is the composed form of a loss of any kind.
func composedParts(t *testing.T, l loss.BatchLoss) func(b *loss.Batch) *tensor.Tensor {
	return func(b *loss.Batch) *tensor.Tensor {
		t.Helper()
		var out *tensor.Tensor
		var err error
		switch l := l.(type) {
		case *loss.TokenLoss:
			out, err = l.Tokens(b, loss.Settings{})
		case *loss.PairLoss:
			out, err = l.Pairs(b, loss.Settings{})
		case *loss.AnswerLoss:
			out, err = l.Answers(b, loss.Settings{})
		}
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// evaluate is a loss of a batch with its gradient, finite or not.
func evaluate(t *testing.T, p *hud.Packed, f func(b *loss.Batch) *tensor.Tensor) (float64, []float32) {
	t.Helper()
	b, err := loss.NewBatch(nil, p, true)
	if err != nil {
		t.Fatal(err)
	}
	out := f(b)
	value, err := out.Item()
	if err != nil {
		t.Fatal(err)
	}
	grad := make([]float32, p.Tokens())
	if !out.RequiresGrad() {
		return value, grad
	}
	if err := out.Backward(); err != nil {
		t.Fatal(err)
	}
	if g := b.Logprobs.Grad(); g != nil {
		copy(grad, g.Data())
	}
	return value, grad
}
