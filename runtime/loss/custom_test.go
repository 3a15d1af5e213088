package loss_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// batch has datums of 3, 0, 5 and 1 positions, ratios in and out of the bounds.
func batch() *hud.Packed {
	r := rand.New(rand.NewPCG(1, 2))
	p := &hud.Packed{
		Offsets: []int{0, 3, 3, 8, 9}, Reward: []float64{1, 0, 0, 2}, Advantage: []float64{.5, -.5, -.5, 1},
		TrajIdx: []int{0, 1, 1, 2}, GroupIdx: []int{0, 0, 0, 1},
	}
	for i := range 9 {
		p.Logprobs = append(p.Logprobs, float32(-r.ExpFloat64()))
		p.SamplingLogprobs = append(p.SamplingLogprobs, p.Logprobs[i]+float32(.3*r.NormFloat64()))
		p.Mask = append(p.Mask, float32(i%4%2))
	}
	p.Mask[8] = 1
	return p
}

// TestCustomPage is the loss of HUD's documentation, against its derivative
// −R·r·m by hand; what is handed over is minus that.
func TestCustomPage(t *testing.T) {
	t.Parallel()
	p := batch()
	weights := make([]float32, p.Tokens())
	out, err := loss.Custom(nil, func(b *loss.Batch) (*tensor.Tensor, map[string]float64, error) {
		total := tensor.Zeros()
		for i := range b.Len() {
			d := b.Datum(i)
			ratio := d.Logprobs.Sub(d.SamplingLogprobs).Exp()
			total = total.Sub(ratio.Mul(d.Mask).Sum().Mul(tensor.Scalar(d.Reward)))
		}
		return total, map[string]float64{"datums": float64(b.Len())}, nil
	})(p, weights)
	if err != nil {
		t.Fatal(err)
	}
	total := 0.0
	for d := range p.Len() {
		lo, hi := p.Range(d)
		for i := lo; i < hi; i++ {
			want := p.Reward[d] * math.Exp(float64(p.Logprobs[i])-float64(p.SamplingLogprobs[i])) * float64(p.Mask[i])
			total -= want
			if math.Abs(float64(weights[i])-want) > 1e-6*math.Max(1, want) {
				t.Errorf("weight %d: got %v, want %v", i, weights[i], want)
			}
		}
	}
	if math.Abs(out.Loss-total) > 1e-6 || out.Metrics["datums"] != 4 {
		t.Errorf("got loss %v and metrics %v, want %v and 4 datums", out.Loss, out.Metrics, total)
	}
	// The empty second datum has no position that could be reached.
	if want := []bool{true, false, true, true}; !equal(out.Touched, want) {
		t.Errorf("touched: got %v, want %v", out.Touched, want)
	}
}

func equal(a, b []bool) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

// TestAsCustom holds losses against the same written with tensors, and bit by
// bit against what a service computes.
func TestAsCustom(t *testing.T) {
	t.Parallel()
	s := tensor.Scalar
	forms := map[string]func(l, q *tensor.Tensor, a float64) *tensor.Tensor{
		"cross_entropy":       func(l, _ *tensor.Tensor, _ float64) *tensor.Tensor { return l.Neg() },
		"importance_sampling": func(l, q *tensor.Tensor, a float64) *tensor.Tensor { return l.Sub(q).Exp().Mul(s(-a)) },
		"ppo": func(l, q *tensor.Tensor, a float64) *tensor.Tensor {
			r := l.Sub(q).Exp()
			return r.Mul(s(a)).Minimum(r.Clamp(.8, 1.2).Mul(s(a))).Neg()
		},
		"cispo": func(l, q *tensor.Tensor, a float64) *tensor.Tensor {
			return l.Sub(q).Exp().Clamp(0, 4).Detach().Mul(l).Mul(s(-a))
		},
		"dro": func(l, q *tensor.Tensor, a float64) *tensor.Tensor {
			return l.Mul(s(-a)).Add(l.Sub(q).Square().Mul(s(.025)))
		},
		"reinforce": func(l, _ *tensor.Tensor, a float64) *tensor.Tensor { return l.Mul(s(-a)) },
		"glm_double_sided": func(l, q *tensor.Tensor, a float64) *tensor.Tensor {
			r := l.Sub(q).Exp()
			return r.Mul(r.Ge(s(.8))).Mul(r.Le(s(1.28))).Mul(s(-a))
		},
		"gpg": func(l, _ *tensor.Tensor, a float64) *tensor.Tensor { return l.Mul(s(-a)) },
		"dft": func(l, _ *tensor.Tensor, _ float64) *tensor.Tensor { return l.Exp().Detach().Mul(l).Neg() },
		"dapo": func(l, q *tensor.Tensor, a float64) *tensor.Tensor {
			r := l.Sub(q).Exp()
			return r.Mul(s(a)).Minimum(r.Clamp(.8, 1.28).Mul(s(a))).Neg()
		},
		"ppo_dual_clip": func(l, q *tensor.Tensor, a float64) *tensor.Tensor {
			r := l.Sub(q).Exp()
			v := r.Mul(s(a)).Minimum(r.Clamp(.8, 1.2).Mul(s(a))).Neg()
			if a < 0 {
				v = v.Minimum(s(-3 * a))
			}
			return v
		},
		"ppo_delta": func(l, q *tensor.Tensor, a float64) *tensor.Tensor {
			r := l.Sub(q).Exp()
			return r.Clamp(0, 4).Mul(s(a)).Minimum(r.Clamp(.8, 1.2).Mul(s(a))).Neg()
		},
		"sapo": func(l, q *tensor.Tensor, a float64) *tensor.Tensor {
			tau := 1.05
			if a > 0 {
				tau = 1
			}
			return l.Sub(q).Exp().Sub(s(1)).Mul(s(tau)).Sigmoid().Mul(s(-4 / tau * a))
		},
		"rollout_is": func(l, q *tensor.Tensor, a float64) *tensor.Tensor {
			r := l.Sub(q).Exp().Detach()
			return r.Mul(r.Gt(s(.8))).Mul(r.Lt(s(1.2))).Mul(l).Mul(s(-a))
		},
		"dppo_tv": func(l, q *tensor.Tensor, a float64) *tensor.Tensor {
			diff := l.Exp().Sub(q.Exp()).Mul(s(a)).Detach()
			return l.Sub(q).Exp().Mul(diff.Le(s(.2 * math.Abs(a)))).Mul(s(-a))
		},
		"prime_default": func(l, q *tensor.Tensor, a float64) *tensor.Tensor {
			diff := l.Exp().Sub(q.Exp()).Mul(s(a)).Detach()
			return l.Sub(q).Exp().Mul(diff.Le(s(.2 * math.Abs(a)))).Mul(s(-a)).Add(l.Sub(q).Square().Mul(s(1e-3)))
		},
		"prime_ipo": func(l, q *tensor.Tensor, a float64) *tensor.Tensor {
			diff := l.Exp().Sub(q.Exp()).Abs().Detach()
			return l.Sub(q).Exp().Mul(diff.Le(s(.2))).Mul(s(-a)).Add(l.Sub(q).Square().Mul(s(1e-3)))
		},
	}
	for name := range forms {
		p := batch()
		fused, composed := make([]float32, p.Tokens()), make([]float32, p.Tokens())
		f, err := loss.AsCustom(name, nil, loss.Settings{Aggregate: loss.Sum})
		if err != nil {
			t.Fatal(err)
		}
		got, err := f(p, fused)
		if err != nil {
			t.Fatal(err)
		}
		want, err := loss.Custom(nil, func(b *loss.Batch) (*tensor.Tensor, map[string]float64, error) {
			total := tensor.Scalar(0)
			for i := range b.Len() {
				d := b.Datum(i)
				x := forms[name](d.Logprobs, d.SamplingLogprobs, d.Advantage)
				total = total.Add(tensor.Where(d.Mask, x, s(0)).Sum())
			}
			return total, nil, nil
		})(p, composed)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got.Loss-want.Loss) > 1e-6*math.Max(1, math.Abs(want.Loss))*3 {
			t.Errorf("%s: got %v, want %v", name, got.Loss, want.Loss)
		}
		for i := range fused {
			if math.Abs(float64(fused[i]-composed[i])) > 1e-6*math.Max(1, math.Abs(float64(composed[i]))) {
				t.Errorf("%s: weight %d: got %v, want %v", name, i, fused[i], composed[i])
			}
		}
		l, _ := loss.New(name, nil)
		for d := range p.Len() {
			lo, hi := p.Range(d)
			service := make([]float32, hi-lo)
			l.Eval(p.Logprobs[lo:hi], p.SamplingLogprobs[lo:hi], p.Mask[lo:hi], p.Advantage[d], service)
			for i, v := range service {
				if fused[lo+i] != -v {
					t.Errorf("%s: weight %d: got %v, want the bits of %v", name, lo+i, fused[lo+i], -v)
				}
			}
		}
	}
}

// TestChunks adds up the gradients of two chunks of a batch, each with the
// whole batch's denominator, for every loss in every aggregation.
func TestChunks(t *testing.T) {
	t.Parallel()
	full := batch()
	for i, l := range full.Logprobs {
		full.RefLogprobs = append(full.RefLogprobs, l+float32(i%3-1)*.2)
	}
	cut := func(from, to int) *hud.Packed {
		lo, hi := full.Offsets[from], full.Offsets[to]
		p := &hud.Packed{Logprobs: full.Logprobs[lo:hi], SamplingLogprobs: full.SamplingLogprobs[lo:hi], Mask: full.Mask[lo:hi], RefLogprobs: full.RefLogprobs[lo:hi],
			Reward: full.Reward[from:to], Advantage: full.Advantage[from:to], TrajIdx: full.TrajIdx[from:to], GroupIdx: full.GroupIdx[from:to]}
		for _, o := range full.Offsets[from : to+1] {
			p.Offsets = append(p.Offsets, o-lo)
		}
		return p
	}
	run := func(name string, s loss.Settings, p *hud.Packed) ([]float32, float64) {
		f, err := loss.AsCustom(name, nil, s)
		if err != nil {
			t.Fatal(err)
		}
		weights := make([]float32, p.Tokens())
		out, err := f(p, weights)
		if err != nil {
			t.Fatal(err)
		}
		return weights, out.Loss
	}
	for _, name := range loss.Names() {
		if name == "clip_cov" || name == "kl_cov" {
			continue // their means are the batch's
		}
		for _, c := range []struct {
			aggregate loss.Aggregation
			whole     float64
		}{{loss.Sum, 0}, {loss.SeqMeanTokenMean, 4}, {loss.SeqMeanTokenSum, 4}, {loss.SeqMeanTokenSumNorm, 4}, {loss.PromptMean, 2}} {
			s := loss.Settings{Aggregate: c.aggregate, MaxLength: 10}
			want, value := run(name, s, full)
			s.Denominator, s.PositiveDenominator = c.whole, min(c.whole, 2) // two datums have a reward above 0, one in each group
			// The cut lies between the groups.
			first, a := run(name, s, cut(0, 3))
			second, b := run(name, s, cut(3, 4))
			if math.Abs(a+b-value) > 1e-6*math.Max(1, math.Abs(value)) {
				t.Errorf("%s, %s: got %v + %v, want %v", name, c.aggregate, a, b, value)
			}
			for i, v := range append(first, second...) {
				if math.Abs(float64(v-want[i])) > 1e-6*math.Max(1, math.Abs(float64(want[i]))) {
					t.Errorf("%s, %s: weight %d: got %v, want %v", name, c.aggregate, i, v, want[i])
				}
			}
		}
	}
}

// TestAccumulation adds up two halves with the whole batch's denominator.
func TestAccumulation(t *testing.T) {
	t.Parallel()
	tokens, groups := []int{2, 3, 1, 4}, []int{0, 0, 1, 1}
	for name, whole := range map[loss.Aggregation]float64{loss.TokenMean: 10, loss.SeqMeanTokenMean: 4, loss.SeqMeanTokenSum: 4, loss.PromptMean: 2} {
		full, err := name.Scales(tokens, groups, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		first, _ := name.Scales(tokens[:2], groups[:2], 0, whole)
		second, _ := name.Scales(tokens[2:], groups[2:], 0, whole)
		near(t, string(name), append(first, second...), full)
	}
}

func TestCustomRefuses(t *testing.T) {
	t.Parallel()
	run := func(f func(b *loss.Batch) *tensor.Tensor) (hud.CustomResult, error) {
		p := batch()
		return loss.Custom(nil, func(b *loss.Batch) (*tensor.Tensor, map[string]float64, error) { return f(b), nil, nil })(p, make([]float32, p.Tokens()))
	}
	_, err := run(func(b *loss.Batch) *tensor.Tensor { return b.Logprobs.Exp() })
	var e *hud.Error
	if !errors.As(err, &e) || e.Code != hud.CodeValidation || e.Error() != "forward_backward_custom: custom loss: got shape [9], want one element" {
		t.Errorf("not a scalar: got %v", err)
	}
	out, err := run(func(*loss.Batch) *tensor.Tensor { return tensor.Scalar(1) })
	if err != nil || !equal(out.Touched, make([]bool, 4)) {
		t.Errorf("a constant: got %v, %v, want nothing touched", out.Touched, err)
	}
	out, err = run(func(b *loss.Batch) *tensor.Tensor { return b.Datum(2).Logprobs.Mul(tensor.Scalar(0)).Sum() })
	if err != nil || !equal(out.Touched, []bool{false, false, true, false}) {
		t.Errorf("one datum: got %v, %v, want only the third touched", out.Touched, err)
	}
	out, err = run(func(b *loss.Batch) *tensor.Tensor { return b.Logprobs.Narrow(0, 7, 2).Sum() })
	if err != nil || !equal(out.Touched, []bool{false, false, true, true}) {
		t.Errorf("part of the packed logprobs: got %v, %v, want the last two touched", out.Touched, err)
	}
	_, err = run(func(b *loss.Batch) *tensor.Tensor {
		return b.Logprobs.Add(tensor.Zeros(4)).Sum()
	})
	if err == nil || err.Error() != "add: shapes [9] and [4] do not broadcast" {
		t.Errorf("a failed operation: got %v", err)
	}
	if err := batchOf(t).Mask.Assign("mul_", tensor.Scalar(0)); err == nil || err.Error() != "mul_: the tensor is read-only" {
		t.Errorf("changing the mask: got %v", err)
	}
}

func batchOf(t *testing.T) *loss.Batch {
	t.Helper()
	b, err := loss.NewBatch(nil, batch(), true)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
