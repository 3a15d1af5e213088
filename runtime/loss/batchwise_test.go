package loss_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// large is a batch of datums of every length up to 1500, some empty.
func large(datums int) *hud.Packed {
	r := rand.New(rand.NewPCG(5, 6))
	p := &hud.Packed{Offsets: []int{0}}
	for d := range datums {
		s := spanOf(r, r.IntN(1500)*min(1, r.IntN(8)), 0.3)
		p.Logprobs, p.SamplingLogprobs = append(p.Logprobs, s.Logprobs...), append(p.SamplingLogprobs, s.Sampling...)
		p.RefLogprobs, p.Mask = append(p.RefLogprobs, s.Reference...), append(p.Mask, s.Mask...)
		p.Offsets = append(p.Offsets, len(p.Logprobs))
		p.Reward, p.Advantage = append(p.Reward, s.Reward), append(p.Advantage, s.Advantage)
		p.TrajIdx, p.GroupIdx = append(p.TrajIdx, d), append(p.GroupIdx, d/4)
	}
	return p
}

// TestThreads has the same bits on one core, on two and on three.
func TestThreads(t *testing.T) {
	for _, name := range loss.Names() {
		p := large(80)
		if name == "echo" {
			for i := range p.Mask { // its tokens are those that are masked
				p.Logprobs[i] = -float32(i%7) / 8
			}
		}
		f, err := loss.AsCustom(name, nil, loss.Settings{MaxLength: 100})
		if err != nil {
			t.Fatal(err)
		}
		run := func(cores int) ([]float32, hud.CustomResult) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
			weights := make([]float32, p.Tokens())
			out, err := f(p, weights)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return weights, out
		}
		one, a := run(1)
		for _, cores := range []int{2, 3} {
			more, b := run(cores)
			if !slices.Equal(one, more) || a.Loss != b.Loss || !slices.Equal(a.Touched, b.Touched) {
				t.Errorf("%s: got loss %v on %d cores, %v on one", name, b.Loss, cores, a.Loss)
			}
			for k, v := range a.Metrics {
				if b.Metrics[k] != v {
					t.Errorf("%s: %s: got %v on %d cores, %v on one", name, k, b.Metrics[k], cores, v)
				}
			}
		}
	}
}

// TestMetrics counts by hand: ratios 2, 0.5 and 1.1 on three loss tokens, and
// one position masked.
func TestMetrics(t *testing.T) {
	t.Parallel()
	log := func(r float64) float32 { return float32(math.Log(r)) }
	p := &hud.Packed{Offsets: []int{0, 4, 5}, Logprobs: []float32{log(2), log(0.5), log(1.1), 7, 7}, SamplingLogprobs: make([]float32, 5),
		Mask: []float32{1, 1, 1, 0, 0}, Advantage: []float64{1, 1}, Reward: []float64{1, 1}, TrajIdx: []int{0, 1}}
	f, err := loss.AsCustom("cispo", map[string]float64{"clip_low_threshold": 0.8, "clip_high_threshold": 1.2}, loss.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := f(p, make([]float32, 5))
	if err != nil {
		t.Fatal(err)
	}
	k1, k2 := 0.0, 0.0
	for _, r := range []float64{2, 0.5, 1.1} {
		k1 -= math.Log(r) / 3
		k2 += math.Log(r) * math.Log(r) / 6
	}
	for name, want := range map[string]float64{
		"loss_tokens": 3, "masked_tokens": 2, "clip_fraction": 2. / 3, "clip_fraction_low": 1. / 3, "clip_fraction_high": 1. / 3,
		"ratio_mean": 3.6 / 3, "ratio_max": 2, "kl_k1": k1, "kl_k2": k2, "kl_k3": 3.6/3 - 1 + k1, "ess": 3.6 * 3.6 / (3 * (4 + 0.25 + 1.21)), "extreme_tokens": 0,
	} {
		if got, ok := out.Metrics[name]; !ok || math.Abs(got-want) > 1e-6 {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	if _, ok := out.Metrics["agg/empty"]; ok || !equal(out.Touched, []bool{true, false}) {
		t.Errorf("got %v and touched %v, want no agg/empty and the first", out.Metrics, out.Touched)
	}
	clear(p.Mask)
	out, err = f(p, make([]float32, 5))
	if err != nil || out.Loss != 0 || out.Metrics["agg/empty"] != 1 {
		t.Errorf("everything masked: got %v, %v, want loss 0 and agg/empty 1", out, err)
	}
}

// TestNotFinite refuses what no service takes, and says where it is.
func TestNotFinite(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		l, q float32
		name string
		want string
	}{
		{float32(math.NaN()), -1, "ppo", "forward_backward_custom: datum 2, position 3: weight is NaN: the policy's logprob is not finite: logprob NaN, sampling logprob -1"},
		{-1, float32(math.Inf(-1)), "importance_sampling", "forward_backward_custom: datum 2, position 3: weight is +Inf: the sampling policy's logprob is not finite: logprob -1, sampling logprob -Inf"},
		{-1, -200, "importance_sampling", "forward_backward_custom: datum 2, position 3: weight is +Inf: the loss has no finite derivative there: logprob -1, sampling logprob -200"},
		{float32(math.NaN()), -1, "grpo", "forward_backward_custom: datum 2, position 3: the loss is NaN: the policy's logprob is not finite: logprob NaN, sampling logprob -1"},
	} {
		p := &hud.Packed{Offsets: []int{0, 2, 6}, Logprobs: []float32{-1, -1, -1, -1, c.l, -1}, SamplingLogprobs: []float32{-1, -1, -1, -1, c.q, -1},
			Mask: []float32{1, 1, 1, 1, 1, 1}, Advantage: []float64{1, 1}, Reward: []float64{1, 1}, TrajIdx: []int{0, 1}}
		f, err := loss.AsCustom(c.name, nil, loss.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = f(p, make([]float32, 6))
		refused(t, err, c.want)
		l, err := loss.New(c.name, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = loss.Custom(nil, func(b *loss.Batch) (out *tensor.Tensor, m map[string]float64, err error) {
			return l.Loss(b, loss.Settings{})
		})(p, make([]float32, 6))
		refused(t, err, c.want)
	}
}
