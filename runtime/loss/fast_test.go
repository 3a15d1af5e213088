package loss_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hudrl/hudrl/runtime/loss"
)

// spanOf is a datum of n tokens with log-ratios of about spread. A quarter of
// them are masked, and hold what must never be read.
func spanOf(r *rand.Rand, n int, spread float64) *loss.Span {
	s := &loss.Span{Advantage: [...]float64{1, -1, 0.37, -2.5, 0, 40}[r.IntN(6)], Reward: [...]float64{1, -0.5, 0}[r.IntN(3)]}
	weighted := r.IntN(2) == 0
	each := r.IntN(3) == 0
	for range n {
		if each {
			s.Advantages = append(s.Advantages, [...]float32{1, -1, 0.37, -2.5, 0, 40}[r.IntN(6)])
		}
		l := -float32(r.ExpFloat64())
		s.Logprobs = append(s.Logprobs, l)
		s.Sampling = append(s.Sampling, l+float32(spread*r.NormFloat64()))
		s.Reference = append(s.Reference, l+float32(r.NormFloat64()))
		s.Mask = append(s.Mask, 1)
		if weighted {
			s.Weight = append(s.Weight, float32(r.IntN(3))/2)
		}
		if r.IntN(4) == 0 {
			i := len(s.Mask) - 1
			nan, inf := float32(math.NaN()), float32(math.Inf(1-2*r.IntN(2)))
			s.Logprobs[i], s.Sampling[i], s.Reference[i], s.Mask[i] = nan, inf, nan, 0
			if r.IntN(2) == 0 {
				s.Logprobs[i], s.Sampling[i] = inf, nan
			}
			if weighted {
				s.Weight[i] = nan
			}
		}
	}
	return s
}

// configs are options some loss has, each beside the defaults.
var configs = []map[string]float64{nil, {"beta": 0.5}, {"ratio_cap": 2}, {"clip_low_threshold": 0.5, "clip_high_threshold": 2}, {"epsilon": 0.01},
	{"delta": 1.1}, {"dual_clip": 1.2}, {"dual_clip": 0.5}, {"delta_low": 0.01, "delta_high": 0.02}, {"log_clip_low": -0.01, "log_clip_high": 0.02}, {"coef": 0.3},
	{"clip_low_threshold": -1}, {"cov_ratio": 0.2, "cov_low": 0.1}, {"cov_ratio": 0.2, "coef": 2}, {"mu": 0.7}, {"alpha": 2}, {"tau": 0.5}, {"kl_tau": 0}, {"reward_threshold": 2}, {"gamma": 0.9}, {"gamma": 0.5, "length_normalization": 0}}

// TestFast holds the kernels against float64: value, gradient, counts and
// drift, of long and short datums near and far from the sampling policy.
func TestFast(t *testing.T) {
	t.Parallel()
	for _, name := range loss.Names() {
		r := rand.New(rand.NewPCG(1, 2))
		for _, config := range configs {
			l, err := loss.New(name, config)
			if err != nil {
				continue // another loss's key
			}
			for _, n := range []int{0, 1, 7, 16, 33, 127, 129, 1000, 1024, 2500} {
				for _, spread := range []float64{0, 1e-3, 0.1, 1, 4, 40} {
					s := spanOf(r, n, spread)
					if !l.PerToken() {
						s.Advantages = nil
					}
					fast, exact := make([]float32, n), make([]float32, n)
					got, want := l.EvalSpan(s, fast), l.EvalExact(s, exact)
					root := math.Sqrt(float64(max(1, n)))
					// A sum of terms of both signs is as exact as its terms.
					if math.Abs(got.Loss-want.Loss) > 1e-6*root*math.Max(1, math.Max(math.Abs(want.Loss), 40*root)) {
						t.Errorf("%s%v, %d tokens, spread %v: got %v, want %v", name, config, n, spread, got.Loss, want.Loss)
					}
					// A token on a bound may fall to either side.
					if got.Tokens != want.Tokens || got.Clipped != want.Clipped || got.Low != want.Low {
						t.Errorf("%s%v, %d tokens, spread %v: got %d tokens, %d clipped, %d low, want %d, %d, %d", name, config, n, spread,
							got.Tokens, got.Clipped, got.Low, want.Tokens, want.Clipped, want.Low)
					}
					for i := range exact {
						if !(fast[i] == exact[i] || close1(float64(fast[i]), float64(exact[i]), 1)) {
							t.Errorf("%s%v, %d tokens, spread %v, A %v: gradient %d: got %v, want %v", name, config, n, spread, s.Advantage, i, fast[i], exact[i])
							break
						}
					}
					a, b := got.Drift, want.Drift
					for _, c := range [][2]float64{{a.Ratio, b.Ratio}, {a.Squares, b.Squares}, {a.Log, b.Log}, {a.K2, b.K2}, {a.K3, b.K3}, {a.MaxRatio, b.MaxRatio}} {
						if math.Abs(c[0]-c[1]) > 1e-6*root*math.Max(1, math.Abs(c[1])) {
							t.Errorf("%s, %d tokens, spread %v: got drift %+v, want %+v", name, n, spread, a, b)
							break
						}
					}
					if a.Tokens != b.Tokens || a.Extreme != b.Extreme || a.K3 < 0 || spread > 0 && spread < 0.01 && math.Abs(a.K3-b.K3) > 1e-2*b.K3 {
						t.Errorf("%s, %d tokens, spread %v: got drift %+v, want %+v", name, n, spread, a, b)
					}
					if v := l.EvalSpan(s, nil); v != got {
						t.Errorf("%s, %d tokens, spread %v: got %+v without gradient, want %+v", name, n, spread, v, got)
					}
				}
			}
		}
	}
}

// FuzzFast holds the kernels against float64 for one token beside an ordinary
// one, whatever its logprobs, weight and advantage are.
func FuzzFast(f *testing.F) {
	f.Add(uint8(0), float32(-1), float32(-1.5), float32(-2), float32(1), 1.0)
	f.Add(uint8(7), float32(-1), float32(-21), float32(0), float32(0.5), -2.5)
	f.Add(uint8(20), float32(-3e-8), float32(-19.9), float32(-40), float32(2), 1e3)
	f.Add(uint8(33), float32(math.Inf(-1)), float32(0), float32(math.NaN()), float32(0), 0.0)
	names := loss.Names()
	f.Fuzz(func(t *testing.T, which uint8, l, q, ref, weight float32, a float64) {
		name := names[int(which)%len(names)]
		loss, err := loss.New(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(float64(l)) > 1e4 || math.Abs(float64(ref)) > 1e4 || math.Abs(float64(weight)) > 1e3 || math.Abs(a) > 1e3 {
			return // beyond what a float32 term holds to 1e-6
		}
		s := spanOf1(l, q, ref, weight, a)
		fast, exact := make([]float32, 2), make([]float32, 2)
		got, want := loss.EvalSpan(s, fast), loss.EvalExact(s, exact)
		// Terms that cancel are as exact as the largest.
		scale := math.Max(1, math.Abs(float64(weight))) * math.Max(1, math.Abs(a)) * math.Max(1, math.Abs(float64(l))) * math.Max(1, math.Abs(float64(ref)))
		if d := float64(l) - float64(q); d > 0 && d < 89 {
			scale *= math.Exp(min(d, 89))
		}
		near := func(x, y float64) bool {
			return x == y || math.IsNaN(x) && math.IsNaN(y) || math.Abs(x-y) <= 4e-6*scale
		}
		if !near(got.Loss, want.Loss) || !near(float64(fast[0]), float64(exact[0])) || !near(float64(fast[1]), float64(exact[1])) {
			t.Errorf("%s, ℓ %v, q %v, reference %v, weight %v, A %v: got %v, %v, want %v, %v", name, l, q, ref, weight, a, got.Loss, fast, want.Loss, exact)
		}
	})
}

func spanOf1(l, q, ref, weight float32, a float64) *loss.Span {
	return &loss.Span{Logprobs: []float32{l, -1}, Sampling: []float32{q, -1.25}, Reference: []float32{ref, -1.5}, Mask: []float32{1, 1},
		Weight: []float32{weight, 1}, Advantage: a, Reward: a}
}
