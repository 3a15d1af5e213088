package policy_test

import (
	"math"
	"testing"

	"github.com/hudrl/hudrl/internal/policy"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// llama is the model once more, in tensor operations: their reverse-mode
// gradients know nothing of the ones written out here.
type llama struct {
	c policy.Config
	w map[string]*tensor.Tensor
}

func (l *llama) norm(x *tensor.Tensor, gain string) *tensor.Tensor {
	mean := x.Square().Mean(-1).Unsqueeze(-1)
	return x.Div(mean.Add(tensor.Scalar(l.c.NormEps)).Sqrt()).Mul(l.w[gain])
}

func (l *llama) linear(x *tensor.Tensor, name string) *tensor.Tensor {
	return x.MatMul(l.w[name+".weight"].T())
}

// pick is rows of x as a product with a one-hot matrix.
func pick(x *tensor.Tensor, ids []int32) *tensor.Tensor {
	n := x.Shape()[0]
	hot := make([]float32, len(ids)*n)
	for i, id := range ids {
		hot[i*n+int(id)] = 1
	}
	return tensor.From(hot, len(ids), n).MatMul(x)
}

// rope rotates one head [T, d]: x·cos + rotate_half(x)·sin.
func (l *llama) rope(x *tensor.Tensor) *tensor.Tensor {
	n, d := x.Shape()[0], x.Shape()[1]
	cos, sin := make([]float32, n*d), make([]float32, n*d)
	for t := range n {
		for i := range d {
			s, c := math.Sincos(float64(t) / math.Pow(l.c.RopeTheta, float64(2*(i%(d/2)))/float64(d)))
			cos[t*d+i], sin[t*d+i] = float32(c), float32(s)
		}
	}
	half := tensor.Cat([]*tensor.Tensor{x.Narrow(1, d/2, d/2).Neg(), x.Narrow(1, 0, d/2)}, 1)
	return x.Mul(tensor.From(cos, n, d)).Add(half.Mul(tensor.From(sin, n, d)))
}

// logprobs of one sequence's targets.
func (l *llama) logprobs(tokens, targets []int32) *tensor.Tensor {
	n, hd := len(tokens), l.c.HeadDim()
	mask := make([]float32, n*n)
	for i := range mask {
		if i%n > i/n {
			mask[i] = -1e30
		}
	}
	x := pick(l.w["model.embed_tokens.weight"], tokens)
	for _, p := range []string{"model.layers.0.", "model.layers.1.", "model.layers.2."}[:l.c.Layers] {
		h := l.norm(x, p+"input_layernorm.weight")
		q, k, v := l.linear(h, p+"self_attn.q_proj"), l.linear(h, p+"self_attn.k_proj"), l.linear(h, p+"self_attn.v_proj")
		var heads []*tensor.Tensor
		for i := range l.c.Heads {
			j := i * l.c.KVHeads / l.c.Heads
			scores := l.rope(q.Narrow(1, i*hd, hd)).MatMul(l.rope(k.Narrow(1, j*hd, hd)).T())
			scores = scores.Mul(tensor.Scalar(1 / math.Sqrt(float64(hd)))).Add(tensor.From(mask, n, n))
			heads = append(heads, scores.Softmax(-1).MatMul(v.Narrow(1, j*hd, hd)))
		}
		x = x.Add(l.linear(tensor.Cat(heads, 1), p+"self_attn.o_proj"))
		h = l.norm(x, p+"post_attention_layernorm.weight")
		gate := l.linear(h, p+"mlp.gate_proj")
		x = x.Add(l.linear(gate.Mul(gate.Sigmoid()).Mul(l.linear(h, p+"mlp.up_proj")), p+"mlp.down_proj"))
	}
	head := l.w["model.embed_tokens.weight"]
	if !l.c.Tied {
		head = l.w["lm_head.weight"]
	}
	logp := l.norm(x, "model.norm.weight").MatMul(head.T()).LogSoftmax(-1)
	hot := make([]float32, n*l.c.Vocab)
	for t, id := range targets {
		hot[t*l.c.Vocab+int(id)] = 1
	}
	return logp.Mul(tensor.From(hot, n, l.c.Vocab)).Sum(-1)
}

// Logprobs within 2e-5 and gradients within 3e-5 of each tensor's largest
// entry of what the autograd says, both in float32.
func TestAgainstAutograd(t *testing.T) {
	t.Parallel()
	for _, c := range []policy.Config{small, tied(small)} {
		m := model(t, c, 12)
		b := batch(t, c, 13, 21, 17, 30)
		coef := coefficients(14, len(b.Tokens))
		lp, grad := run(t, m, b, coef)
		l := &llama{c, map[string]*tensor.Tensor{}}
		for _, x := range c.Tensors() {
			l.w[x.Name] = tensor.From(x.In(m.Params), x.Shape...).RequireGrad()
		}
		cost := tensor.Scalar(0)
		for d := range b.Len() {
			lo, hi := b.Offsets[d], b.Offsets[d+1]
			want := l.logprobs(b.Tokens[lo:hi], b.Targets[lo:hi])
			if want.Err() != nil {
				t.Fatal(want.Err())
			}
			for i, v := range want.Data() {
				if math.Abs(float64(lp[lo+i]-v)) > 2e-5 {
					t.Errorf("datum %d, position %d: got %v, want %v", d, i, lp[lo+i], v)
				}
			}
			cost = cost.Add(want.Mul(tensor.From(coef[lo:hi], hi-lo)).Sum())
		}
		if err := cost.Backward(); err != nil {
			t.Fatal(err)
		}
		for _, x := range c.Tensors() {
			want, got := l.w[x.Name].Grad().Data(), x.In(grad)
			var worst, top float64
			for i, v := range want {
				worst, top = max(worst, math.Abs(float64(got[i]-v))), max(top, math.Abs(float64(v)))
			}
			if !(worst <= 3e-5*top) || top == 0 {
				t.Errorf("tied %v, %s: off by %.3g, largest entry %.3g", c.Tied, x.Name, worst, top)
			}
		}
	}
}
