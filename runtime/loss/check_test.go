package loss_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/runtime/tensor"
)

func num(x float64) *tensor.Tensor { return tensor.Scalar(x) }

// surrogate is importance sampling with every care taken, from which the
// broken losses below depart in one thing each.
func surrogate(b *loss.Batch, change func(b *loss.Batch, r *tensor.Tensor) *tensor.Tensor) *tensor.Tensor {
	q := tensor.Where(b.Mask, b.SamplingLogprobs, num(0))
	l := tensor.Where(b.Mask, b.Logprobs, num(0))
	return tensor.Where(b.Mask, change(b, l.Sub(q).Clamp(-20, 20).Exp()), num(0)).Sum().Neg()
}

// advantage is the batch's, at each position.
func advantage(b *loss.Batch) *tensor.Tensor {
	x := make([]float32, b.Len())
	for i, a := range b.Advantage {
		x[i] = float32(a)
	}
	return tensor.From(x, len(x)).SegmentExpand(b.Offsets)
}

// TestCheckFinds gives losses that are wrong in one way each to Check.
func TestCheckFinds(t *testing.T) {
	t.Parallel()
	sum := func(change func(b *loss.Batch, r *tensor.Tensor) *tensor.Tensor) func(b *loss.Batch) *tensor.Tensor {
		return func(b *loss.Batch) *tensor.Tensor { return surrogate(b, change) }
	}
	times := func(b *loss.Batch, r *tensor.Tensor) *tensor.Tensor { return r.Mul(advantage(b)) }
	calls := 0
	no, yes := false, true
	for _, c := range []struct {
		name     string
		f        func(b *loss.Batch) *tensor.Tensor
		detached *bool
		failed   []string // the properties that fail
		notes    []string
		text     string // part of the report
	}{
		{name: "sound", f: sum(times), text: "the loss is sound"},
		{name: "no mask", f: func(b *loss.Batch) *tensor.Tensor {
			return b.Logprobs.Sub(b.SamplingLogprobs).Clamp(-20, 20).Exp().Mul(advantage(b)).Sum().Neg()
		}, failed: []string{"masked tokens", "masked NaN", "padding"}, text: "tensor.where(mask, x, 0)"},
		{name: "mask by product", f: func(b *loss.Batch) *tensor.Tensor {
			return b.Logprobs.Sub(b.SamplingLogprobs).Clamp(-20, 20).Exp().Mul(b.Mask).Mul(advantage(b)).Sum().Neg()
		}, failed: []string{"masked NaN"}, text: "0 times NaN is NaN"},
		{name: "ratio not held", f: func(b *loss.Batch) *tensor.Tensor {
			l, q := tensor.Where(b.Mask, b.Logprobs, num(0)), tensor.Where(b.Mask, b.SamplingLogprobs, num(0))
			return tensor.Where(b.Mask, l.Sub(q).Exp().Mul(advantage(b)), num(0)).Sum().Neg()
		}, failed: []string{"extremes"}, text: "a log-ratio of 1000"},
		{name: "held too late", f: func(b *loss.Batch) *tensor.Tensor {
			l, q := tensor.Where(b.Mask, b.Logprobs, num(0)), tensor.Where(b.Mask, b.SamplingLogprobs, num(0))
			r := l.Sub(q).Exp()
			return tensor.Where(b.Mask, r.Div(r.Add(num(1))).Mul(advantage(b)), num(0)).Sum().Neg()
		}, failed: []string{"extremes"}},
		{name: "held constant", f: sum(func(b *loss.Batch, r *tensor.Tensor) *tensor.Tensor {
			return r.Detach().Mul(advantage(b)).Mul(tensor.Where(b.Mask, b.Logprobs, num(0)))
		}), notes: []string{"gradient"}, text: "say detached = true"},
		{name: "held constant, as said", f: sum(func(b *loss.Batch, r *tensor.Tensor) *tensor.Tensor {
			return r.Detach().Mul(advantage(b)).Mul(tensor.Where(b.Mask, b.Logprobs, num(0)))
		}), detached: &yes, text: "as it says"},
		{name: "held constant, and says not", f: sum(func(b *loss.Batch, r *tensor.Tensor) *tensor.Tensor {
			return r.Detach().Mul(advantage(b)).Mul(tensor.Where(b.Mask, b.Logprobs, num(0)))
		}), detached: &no, failed: []string{"gradient"}},
		{name: "constant", f: func(b *loss.Batch) *tensor.Tensor { return tensor.Where(b.Mask, b.Logprobs.Detach(), num(0)).Sum() }, failed: []string{"reach"}, notes: []string{"gradient"}, text: "training would be refused"},
		{name: "rounded", f: sum(func(b *loss.Batch, r *tensor.Tensor) *tensor.Tensor { return r.Floor() }), failed: []string{"reach"}, text: "a comparison or a rounding"},
		{name: "one datum left out", f: sum(func(b *loss.Batch, r *tensor.Tensor) *tensor.Tensor {
			n := b.Offsets[1]
			return tensor.Cat([]*tensor.Tensor{tensor.Zeros(n), r.Mul(advantage(b)).Narrow(0, n, r.Len()-n)}, 0)
		}), failed: []string{"group order"}, notes: []string{"reach", "datum order", "chunks"}},
		{name: "mean over positions", f: func(b *loss.Batch) *tensor.Tensor {
			return sum(times)(b).Div(num(float64(b.Logprobs.Len())))
		}, failed: []string{"padding"}, notes: []string{"chunks"}, text: "not positions"},
		{name: "mean over tokens", f: func(b *loss.Batch) *tensor.Tensor { return sum(times)(b).Div(b.Mask.Sum()) },
			failed: []string{"empty batch"}, notes: []string{"chunks"}, text: "hold denominators at 1 or more"},
		{name: "mean over datums", f: func(b *loss.Batch) *tensor.Tensor { return sum(times)(b).Div(num(float64(b.Len()))) },
			notes: []string{"chunks"}, text: "divided by what is in the chunk"},
		{name: "whitened", f: sum(func(b *loss.Batch, r *tensor.Tensor) *tensor.Tensor {
			a := advantage(b).Sub(tensor.Where(b.Mask, advantage(b), num(0)).Sum().Div(b.Mask.Sum().Clamp(1, math.Inf(1))))
			return r.Mul(a)
		}), notes: []string{"chunks"}, text: "which groups are together"},
		{name: "by position", f: sum(func(b *loss.Batch, r *tensor.Tensor) *tensor.Tensor {
			x := make([]float32, b.Len())
			for i := range x {
				x[i] = float32(i + 1)
			}
			return r.Mul(tensor.From(x, len(x)).SegmentExpand(b.Offsets))
		}), failed: []string{"group order"}, notes: []string{"datum order", "chunks"}},
		{name: "reward itself", f: sum(func(b *loss.Batch, r *tensor.Tensor) *tensor.Tensor {
			x := make([]float32, b.Len())
			for i, v := range b.Reward {
				x[i] = float32(v)
			}
			return r.Mul(tensor.From(x, len(x)).SegmentExpand(b.Offsets))
		}), notes: []string{"rewards"}, text: "adding 1 to all changes it"},
		{name: "maximised", f: func(b *loss.Batch) *tensor.Tensor { return sum(times)(b).Neg() }, failed: []string{"direction"}, text: "a loss is minimised"},
		{name: "of no answer", f: sum(func(b *loss.Batch, r *tensor.Tensor) *tensor.Tensor { return r }), text: "rewards do not matter"},
		{name: "random", f: sum(func(b *loss.Batch, r *tensor.Tensor) *tensor.Tensor {
			calls++
			return r.Mul(num(rand.New(rand.NewPCG(uint64(calls), 1)).Float64()))
		}), failed: []string{"runs"}, text: "seeded stream"},
		{name: "not finite", f: sum(func(b *loss.Batch, r *tensor.Tensor) *tensor.Tensor { return r.Sub(num(20)).Log() }), failed: []string{"runs"}, text: "the loss of ordinary data is NaN"},
		{name: "an error", f: func(b *loss.Batch) *tensor.Tensor { return b.Logprobs.Add(tensor.Zeros(3)) }, failed: []string{"runs"}, text: "do not broadcast"},
		{name: "not a number", f: func(b *loss.Batch) *tensor.Tensor { return b.Logprobs.Exp() }, failed: []string{"runs"}, text: "want one element"},
		{name: "large", f: func(b *loss.Batch) *tensor.Tensor { return sum(times)(b).Mul(num(1e4)) }, notes: []string{"scale"}},
	} {
		report := loss.Check(func(b *loss.Batch) (*tensor.Tensor, map[string]float64, error) { return c.f(b), nil, nil },
			loss.CheckOptions{Detached: c.detached})
		var notes []string
		for _, p := range report.Properties {
			if p.Status == loss.StatusNote {
				notes = append(notes, p.Name)
			}
		}
		if !slices.Equal(report.Failed(), c.failed) || !slices.Equal(notes, c.notes) || !strings.Contains(report.String(), c.text) {
			t.Errorf("%s: got failed %q and notes %q, want %q and %q, with %q:\n%v", c.name, report.Failed(), notes, c.failed, c.notes, c.text, report)
		}
	}
}

// TestCheckKinks: losses with a kink or a jump everywhere in reach are not
// called wrong.
func TestCheckKinks(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(b *loss.Batch) *tensor.Tensor{
		"relu of the ratio": func(b *loss.Batch) *tensor.Tensor {
			d := tensor.Where(b.Mask, b.Logprobs.Sub(b.SamplingLogprobs), num(0))
			return d.ReLU().Sum().Add(d.Sub(num(0.25)).ReLU().Sum())
		},
		"a gate": func(b *loss.Batch) *tensor.Tensor {
			d := tensor.Where(b.Mask, b.Logprobs.Sub(b.SamplingLogprobs), num(0)).Clamp(-20, 20)
			return tensor.Where(d.Gt(num(0.125)), num(0), d.Exp()).Sum()
		},
	} {
		no := false
		report := loss.Check(func(b *loss.Batch) (*tensor.Tensor, map[string]float64, error) { return f(b), nil, nil }, loss.CheckOptions{Detached: &no})
		if slices.Contains(report.Failed(), "gradient") {
			t.Errorf("%s: %v", name, report)
		}
	}
}

// TestCheckNamed: every loss of the package is sound by its own check.
func TestCheckNamed(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Concat(loss.Names(), loss.PairNames(), loss.AnswerNames()) {
		for seed := range uint64(2) {
			var settings loss.Settings
			if l, err := loss.New(name, nil); err == nil && l.Aggregation() == loss.SeqMeanTokenSumNorm {
				settings.MaxLength = 10
			}
			report, err := loss.CheckNamed(name, nil, settings, loss.CheckOptions{Seed: seed})
			if err != nil {
				t.Errorf("%s: %v", name, err)
			} else if len(report.Failed()) > 0 {
				t.Errorf("seed %d: %v", seed, report)
			}
		}
	}
	if _, err := loss.CheckNamed("pppo", nil, loss.Settings{}, loss.CheckOptions{}); err == nil || !strings.Contains(err.Error(), `did you mean "ppo"`) {
		t.Errorf("got %v, want a suggestion", err)
	}
	if _, err := loss.CheckNamed("ppo", map[string]float64{"epsilom": 1}, loss.Settings{}, loss.CheckOptions{}); err == nil {
		t.Error("a bad option was taken")
	}
	if _, err := loss.CheckNamed("dr_grpo", nil, loss.Settings{}, loss.CheckOptions{}); err == nil {
		t.Error("a missing max_length was taken")
	}
}
