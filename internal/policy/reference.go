package policy

import (
	"math"
	"strconv"
)

// Float is what the reference computes in.
type Float interface{ float32 | float64 }

// ReferenceLogprobs is [Model.Logprobs] for one sequence in plain loops: the
// log-probability of targets[t] after tokens[:t+1]. params is laid out as
// Config.Tensors says.
func ReferenceLogprobs[F Float](c Config, params []F, tokens, targets []int32) []F {
	return newReference(c, params, tokens).logprobs(targets)
}

// ReferenceGradient adds Σ coef[t]·∂logprob[t]/∂params to grad, in plain
// loops, and returns the logprobs.
func ReferenceGradient[F Float](c Config, params []F, tokens, targets []int32, coef, grad []F) []F {
	r := newReference(c, params, tokens)
	out := r.logprobs(targets)
	r.backward(targets, coef, grad)
	return out
}

// reference keeps every intermediate value of one sequence. Matrices are
// [T, width].
type reference[F Float] struct {
	c      Config
	w      map[string][]F
	tokens []int32
	layers []referenceLayer[F]
	x      []F // the residual stream: in the end the input of the last norm
	h      []F // the last norm's output
	logits []F
}

type referenceLayer[F Float] struct {
	in, h1, q, k, v, prob, att []F // prob is [heads, T, T]
	mid, h2, gate, up, act     []F
}

func referenceViews[F Float](c Config, slab []F) map[string][]F {
	w := map[string][]F{}
	for _, t := range c.Tensors() {
		w[t.Name] = slab[t.Offset : t.Offset+t.Len()]
	}
	if c.Tied {
		w["lm_head.weight"] = w["model.embed_tokens.weight"]
	}
	return w
}

func layerName(i int, name string) string {
	return "model.layers." + strconv.Itoa(i) + "." + name + ".weight"
}

func newReference[F Float](c Config, params []F, tokens []int32) *reference[F] {
	n, d, f := len(tokens), c.Dim, c.FFN
	hd, kvd := c.HeadDim(), c.KVHeads*c.HeadDim()
	r := &reference[F]{c: c, w: referenceViews(c, params), tokens: tokens, x: make([]F, n*d)}
	embed := r.w["model.embed_tokens.weight"]
	for t, id := range tokens {
		copy(r.x[t*d:(t+1)*d], embed[int(id)*d:])
	}
	for i := range c.Layers {
		w := func(name string) []F { return r.w[layerName(i, name)] }
		l := referenceLayer[F]{in: append([]F(nil), r.x...)}
		l.h1 = refNorm(l.in, w("input_layernorm"), c.NormEps)
		l.q = refLinear(l.h1, w("self_attn.q_proj"), d, d)
		l.k = refLinear(l.h1, w("self_attn.k_proj"), d, kvd)
		l.v = refLinear(l.h1, w("self_attn.v_proj"), d, kvd)
		refRotate(c, l.q, d, 1)
		refRotate(c, l.k, kvd, 1)
		l.prob = make([]F, c.Heads*n*n)
		l.att = make([]F, n*d)
		for h := range c.Heads {
			kh := h / (c.Heads / c.KVHeads) * hd
			for t := range n {
				p := l.prob[(h*n+t)*n:][:n]
				top := math.Inf(-1)
				for j := 0; j <= t; j++ {
					p[j] = refDot(l.q[t*d+h*hd:][:hd], l.k[j*kvd+kh:]) / F(math.Sqrt(float64(hd)))
					top = math.Max(top, float64(p[j]))
				}
				var sum F
				for j := 0; j <= t; j++ {
					p[j] = F(math.Exp(float64(p[j]) - top))
					sum += p[j]
				}
				for j := 0; j <= t; j++ {
					p[j] /= sum
					for e := range hd {
						l.att[t*d+h*hd+e] += p[j] * l.v[j*kvd+kh+e]
					}
				}
			}
		}
		refAdd(r.x, refLinear(l.att, w("self_attn.o_proj"), d, d))
		l.mid = append([]F(nil), r.x...)
		l.h2 = refNorm(l.mid, w("post_attention_layernorm"), c.NormEps)
		l.gate = refLinear(l.h2, w("mlp.gate_proj"), d, f)
		l.up = refLinear(l.h2, w("mlp.up_proj"), d, f)
		l.act = make([]F, n*f)
		for e := range l.act {
			l.act[e] = l.gate[e] * refSigmoid(l.gate[e]) * l.up[e]
		}
		refAdd(r.x, refLinear(l.act, w("mlp.down_proj"), f, d))
		r.layers = append(r.layers, l)
	}
	r.h = refNorm(r.x, r.w["model.norm.weight"], c.NormEps)
	r.logits = refLinear(r.h, r.w["lm_head.weight"], d, c.Vocab)
	return r
}

func (r *reference[F]) logprobs(targets []int32) []F {
	out := make([]F, len(targets))
	for t, id := range targets {
		row := r.logits[t*r.c.Vocab:][:r.c.Vocab]
		out[t] = row[id] - refLogSumExp(row)
	}
	return out
}

func (r *reference[F]) backward(targets []int32, coef, grad []F) {
	c := r.c
	g := referenceViews(c, grad)
	n, d, f := len(r.tokens), c.Dim, c.FFN
	hd, kvd := c.HeadDim(), c.KVHeads*c.HeadDim()

	dlogits := make([]F, n*c.Vocab)
	for t, id := range targets {
		row := r.logits[t*c.Vocab:][:c.Vocab]
		lse := refLogSumExp(row)
		for v := range row {
			dlogits[t*c.Vocab+v] = -coef[t] * F(math.Exp(float64(row[v]-lse)))
		}
		dlogits[t*c.Vocab+int(id)] += coef[t]
	}
	dh := refLinearBack(dlogits, r.h, r.w["lm_head.weight"], g["lm_head.weight"], d, c.Vocab)
	dx := refNormBack(dh, r.x, r.w["model.norm.weight"], g["model.norm.weight"], c.NormEps)

	for i := c.Layers - 1; i >= 0; i-- {
		l := &r.layers[i]
		back := func(dy, x []F, name string, in, out int) []F {
			return refLinearBack(dy, x, r.w[layerName(i, name)], g[layerName(i, name)], in, out)
		}
		dact := back(dx, l.act, "mlp.down_proj", f, d)
		dgate, dup := make([]F, n*f), make([]F, n*f)
		for e, da := range dact {
			s := refSigmoid(l.gate[e])
			dup[e] = da * l.gate[e] * s
			dgate[e] = da * l.up[e] * s * (1 + l.gate[e]*(1-s))
		}
		dh2 := back(dgate, l.h2, "mlp.gate_proj", d, f)
		refAdd(dh2, back(dup, l.h2, "mlp.up_proj", d, f))
		refAdd(dx, refNormBack(dh2, l.mid, r.w[layerName(i, "post_attention_layernorm")], g[layerName(i, "post_attention_layernorm")], c.NormEps))

		datt := back(dx, l.att, "self_attn.o_proj", d, d)
		dq, dk, dv := make([]F, n*d), make([]F, n*kvd), make([]F, n*kvd)
		scale := F(1 / math.Sqrt(float64(hd)))
		for h := range c.Heads {
			kh := h / (c.Heads / c.KVHeads) * hd
			for t := range n {
				p := l.prob[(h*n+t)*n:][:n]
				do := datt[t*d+h*hd:][:hd]
				dp := make([]F, t+1)
				var mean F
				for j := range dp {
					dp[j] = refDot(do, l.v[j*kvd+kh:])
					mean += p[j] * dp[j]
				}
				for j := range dp {
					ds := p[j] * (dp[j] - mean) * scale
					for e := range hd {
						dv[j*kvd+kh+e] += p[j] * do[e]
						dq[t*d+h*hd+e] += ds * l.k[j*kvd+kh+e]
						dk[j*kvd+kh+e] += ds * l.q[t*d+h*hd+e]
					}
				}
			}
		}
		refRotate(c, dq, d, -1)
		refRotate(c, dk, kvd, -1)
		dh1 := back(dq, l.h1, "self_attn.q_proj", d, d)
		refAdd(dh1, back(dk, l.h1, "self_attn.k_proj", d, kvd))
		refAdd(dh1, back(dv, l.h1, "self_attn.v_proj", d, kvd))
		refAdd(dx, refNormBack(dh1, l.in, r.w[layerName(i, "input_layernorm")], g[layerName(i, "input_layernorm")], c.NormEps))
	}
	embed := g["model.embed_tokens.weight"]
	for t, id := range r.tokens {
		refAdd(embed[int(id)*d:][:d], dx[t*d:])
	}
}

func refDot[F Float](x, y []F) (s F) {
	for i, v := range x {
		s += v * y[i]
	}
	return s
}

func refAdd[F Float](dst, x []F) {
	for i := range dst {
		dst[i] += x[i]
	}
}

func refSigmoid[F Float](x F) F { return F(1 / (1 + math.Exp(-float64(x)))) }

func refLogSumExp[F Float](x []F) F {
	top := math.Inf(-1)
	for _, v := range x {
		top = math.Max(top, float64(v))
	}
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(float64(v) - top)
	}
	return F(top + math.Log(sum))
}

// refLinear is y[T,out] = x[T,in]·w[out,in]ᵀ.
func refLinear[F Float](x, w []F, in, out int) []F {
	n := len(x) / in
	y := make([]F, n*out)
	for t := range n {
		for o := range out {
			y[t*out+o] = refDot(x[t*in:][:in], w[o*in:])
		}
	}
	return y
}

// refLinearBack adds dyᵀ·x to dw and returns dy·w.
func refLinearBack[F Float](dy, x, w, dw []F, in, out int) []F {
	n := len(x) / in
	dx := make([]F, n*in)
	for t := range n {
		for o := range out {
			g := dy[t*out+o]
			for i := range in {
				dw[o*in+i] += g * x[t*in+i]
				dx[t*in+i] += g * w[o*in+i]
			}
		}
	}
	return dx
}

func refNorm[F Float](x, gain []F, eps float64) []F {
	d := len(gain)
	y := make([]F, len(x))
	for t := 0; t < len(x); t += d {
		inv := F(1 / math.Sqrt(float64(refDot(x[t:t+d], x[t:t+d]))/float64(d)+eps))
		for i, g := range gain {
			y[t+i] = x[t+i] * inv * g
		}
	}
	return y
}

// refNormBack adds the gain's gradient to dgain and returns the input's.
func refNormBack[F Float](dy, x, gain, dgain []F, eps float64) []F {
	d := len(gain)
	dx := make([]F, len(x))
	for t := 0; t < len(x); t += d {
		inv := F(1 / math.Sqrt(float64(refDot(x[t:t+d], x[t:t+d]))/float64(d)+eps))
		var s F
		for i, g := range gain {
			s += dy[t+i] * g * x[t+i]
			dgain[i] += dy[t+i] * x[t+i] * inv
		}
		for i, g := range gain {
			dx[t+i] = inv * (dy[t+i]*g - x[t+i]*inv*inv*s/F(d))
		}
	}
	return dx
}

// refRotate applies the rotary embedding to every head of every row; sign −1
// is its transpose.
func refRotate[F Float](c Config, x []F, width int, sign float64) {
	hd := c.HeadDim()
	for t := range len(x) / width {
		for h := t * width; h < (t+1)*width; h += hd {
			for i := range hd / 2 {
				s, co := math.Sincos(sign * ropeAngle(c.RopeTheta, hd, t, i))
				a, b := x[h+i], x[h+i+hd/2]
				x[h+i] = a*F(co) - b*F(s)
				x[h+i+hd/2] = b*F(co) + a*F(s)
			}
		}
	}
}
