// Package policy is the language model that the embedded service trains and
// samples: a decoder of the Llama family in float32, with its forward pass,
// its gradient and its KV-cached decoding written out by hand over
// internal/kernel.
//
// A [Config] describes the shape, a [Model] is an immutable snapshot of
// parameters. [Model.Logprobs] scores token sequences, [Model.Accumulate] adds
// the gradient of any function of those logprobs, [Model.Extend] runs many
// sequences a few tokens further against their caches. [Config.Decode] and
// [Config.Encode] exchange parameters with other tools as safetensors under the
// names of Hugging Face's LlamaForCausalLM.
//
// Per layer, with x the residual stream (one row of Dim floats per token):
//
//	h = RMSNorm(x)·g₁
//	q, k, v = rope(h·Wqᵀ), rope(h·Wkᵀ), h·Wvᵀ
//	x += softmax(causal(q·kᵀ/√d))·v·Woᵀ
//	h = RMSNorm(x)·g₂
//	x += (silu(h·Wgᵀ) ∘ h·Wuᵀ)·Wdᵀ
//
// then a last RMSNorm and the logits against the (usually tied) embedding.
//
// # Determinism
//
// The logprobs of a sequence have the same bits in every batch, at any number
// of cores, and in training and decoding alike. The bits of a gradient depend
// on the batch (its tokens, order and Need) and the coefficients, not on cores
// or timing. [ReferenceLogprobs] and [ReferenceGradient] are the same
// mathematics written plainly for one sequence at a time in float32 or float64.
package policy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/hudrl/hudrl/internal/kernel"
)

// A Config is the shape of a model.
type Config struct {
	Vocab      int     // rows of the embedding
	Dim        int     // width of the residual stream
	Layers     int     // decoder layers
	Heads      int     // query heads, each Dim/Heads wide (an even number)
	KVHeads    int     // key and value heads; divides Heads
	FFN        int     // width of the feed-forward layer
	MaxContext int     // longest sequence in tokens
	RopeTheta  float64 // base of the rotary embedding
	NormEps    float64 // added to the mean square in RMSNorm
	Tied       bool    // logits use the embedding matrix
}

// The shapes of the base models that ship with the service.
var (
	Nano = Config{Vocab: 264, Dim: 96, Layers: 3, Heads: 3, KVHeads: 3, FFN: 256, MaxContext: 512, RopeTheta: 10000, NormEps: 1e-5, Tied: true}
	Mini = Config{Vocab: 264, Dim: 128, Layers: 4, Heads: 4, KVHeads: 4, FFN: 352, MaxContext: 512, RopeTheta: 10000, NormEps: 1e-5, Tied: true}
)

// HeadDim is the width of one attention head.
func (c Config) HeadDim() int { return c.Dim / c.Heads }

// maxLayers keeps a shape read from a file from listing millions of tensors.
const maxLayers = 1024

// Validate says what is wrong with a shape.
func (c Config) Validate() error {
	for _, f := range []struct {
		name string
		n    int
	}{
		{"vocab", c.Vocab}, {"dim", c.Dim}, {"layers", c.Layers}, {"heads", c.Heads},
		{"kv_heads", c.KVHeads}, {"ffn", c.FFN}, {"max_context", c.MaxContext},
	} {
		if f.n < 1 {
			return fmt.Errorf("policy config: %s must be at least 1: got %d", f.name, f.n)
		}
		if f.n > 1<<20 {
			return fmt.Errorf("policy config: %s is too large: got %d, want at most %d", f.name, f.n, 1<<20)
		}
	}
	switch {
	case c.Layers > maxLayers:
		return fmt.Errorf("policy config: too many layers: got %d, want at most %d", c.Layers, maxLayers)
	case c.Dim%c.Heads != 0:
		return fmt.Errorf("policy config: heads must divide dim: got %d heads, dim %d", c.Heads, c.Dim)
	case c.HeadDim()%2 != 0:
		return fmt.Errorf("policy config: dim/heads must be even for rotary embeddings: got %d/%d = %d", c.Dim, c.Heads, c.HeadDim())
	case c.Heads%c.KVHeads != 0:
		return fmt.Errorf("policy config: kv_heads must divide heads: got %d kv_heads, %d heads", c.KVHeads, c.Heads)
	case !(c.RopeTheta > 1) || math.IsInf(c.RopeTheta, 0):
		return fmt.Errorf("policy config: rope_theta must be a finite number above 1: got %v", c.RopeTheta)
	case !(c.NormEps > 0) || math.IsInf(c.NormEps, 0):
		return fmt.Errorf("policy config: norm_eps must be a finite number above 0: got %v", c.NormEps)
	}
	if n := c.paramCount(); n > 1<<31 {
		return fmt.Errorf("policy config: too many parameters: got %.0f, want at most 2147483648", n)
	}
	return nil
}

// paramCount is the number of parameters, as a float so that it cannot
// overflow before it is judged.
func (c Config) paramCount() float64 {
	d, kv := float64(c.Dim), float64(c.KVHeads)*float64(c.HeadDim())
	layer := 2*d*d + 2*d*kv + 3*d*float64(c.FFN) + 2*d
	n := float64(c.Vocab)*d + float64(c.Layers)*layer + d
	if !c.Tied {
		n += float64(c.Vocab) * d
	}
	return n
}

// A Tensor is one named part of the parameter slab.
type Tensor struct {
	Name   string // as in LlamaForCausalLM
	Shape  []int  // [out, in], or [n] for a norm
	Offset int    // of the first element in the slab
}

// Len is the number of elements.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// In returns the tensor's part of a slab.
func (t Tensor) In(slab []float32) []float32 { return slab[t.Offset : t.Offset+t.Len()] }

// Tensors lists the parameters in slab order. Query, key and value projections
// are adjacent, and so are gate and up: each group is one matrix product.
func (c Config) Tensors() []Tensor {
	var ts []Tensor
	off := 0
	add := func(name string, shape ...int) {
		t := Tensor{Name: name, Shape: shape, Offset: off}
		off += t.Len()
		ts = append(ts, t)
	}
	kv := c.KVHeads * c.HeadDim()
	add("model.embed_tokens.weight", c.Vocab, c.Dim)
	for i := range c.Layers {
		p := "model.layers." + strconv.Itoa(i) + "."
		add(p+"input_layernorm.weight", c.Dim)
		add(p+"self_attn.q_proj.weight", c.Dim, c.Dim)
		add(p+"self_attn.k_proj.weight", kv, c.Dim)
		add(p+"self_attn.v_proj.weight", kv, c.Dim)
		add(p+"self_attn.o_proj.weight", c.Dim, c.Dim)
		add(p+"post_attention_layernorm.weight", c.Dim)
		add(p+"mlp.gate_proj.weight", c.FFN, c.Dim)
		add(p+"mlp.up_proj.weight", c.FFN, c.Dim)
		add(p+"mlp.down_proj.weight", c.Dim, c.FFN)
	}
	add("model.norm.weight", c.Dim)
	if !c.Tied {
		add("lm_head.weight", c.Vocab, c.Dim)
	}
	return ts
}

// NumParams is the length of the parameter slab.
func (c Config) NumParams() int { return int(c.paramCount()) }

// Init returns a fresh parameter slab: norms 1, weights normal(0, 0.02), the
// two projections that write to the residual stream scaled by 1/√(2·Layers).
// The same seed gives the same bits everywhere.
func (c Config) Init(seed uint64) []float32 {
	p := make([]float32, c.NumParams())
	rng := rand.New(rand.NewPCG(seed, 0x68756472_6c696e69))
	residual := 0.02 / math.Sqrt(2*float64(c.Layers))
	for _, t := range c.Tensors() {
		w := t.In(p)
		std := 0.02
		switch {
		case len(t.Shape) == 1:
			for i := range w {
				w[i] = 1
			}
			continue
		case hasSuffix(t.Name, "o_proj.weight"), hasSuffix(t.Name, "down_proj.weight"):
			std = residual
		}
		for i := range w {
			w[i] = float32(rng.NormFloat64() * std)
		}
	}
	return p
}

func hasSuffix(s, suffix string) bool {
	return len(s) >= len(suffix) && s[len(s)-len(suffix):] == suffix
}

// A Model is a snapshot of parameters. It is immutable: an optimizer step
// makes another Model. It is safe for concurrent use.
type Model struct {
	Config Config

	// Params is the slab that Config.Tensors describes. Nobody may write to it
	// once the Model exists.
	Params []float32

	layers []layer
	norm   []float32 // the last norm's gain
	head   matrix    // of the logits
	rope   *ropeTable

	packing sync.Mutex
	panels  atomic.Pointer[panels]
}

// layer is one layer's parameters.
type layer struct {
	norm1, norm2         []float32
	qkv, o, gateUp, down matrix
}

// layerWeights are views of one layer's part of a slab: parameters or gradients.
type layerWeights struct {
	norm1, qkv, o, norm2, gateUp, down []float32
}

// panels are a model's matrices packed for y = x·Wᵀ.
type panels struct {
	layers []struct{ qkv, o, gateUp, down kernel.Panel }
	head   kernel.Panel
}

// New makes a model of a parameter slab, which it keeps.
func New(c Config, params []float32) (*Model, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if len(params) != c.NumParams() {
		return nil, fmt.Errorf("policy: parameter slab has the wrong length: got %d, want %d", len(params), c.NumParams())
	}
	m := &Model{Config: c, Params: params, rope: ropeFor(c)}
	layers, norm, head, _ := c.views(params)
	for _, w := range layers {
		m.layers = append(m.layers, layer{
			norm1: w.norm1, norm2: w.norm2,
			qkv:    matrix{out: c.qkvWidth(), in: c.Dim, w: w.qkv},
			o:      matrix{out: c.Dim, in: c.Dim, w: w.o},
			gateUp: matrix{out: 2 * c.FFN, in: c.Dim, w: w.gateUp},
			down:   matrix{out: c.Dim, in: c.FFN, w: w.down},
		})
	}
	m.norm, m.head = norm, matrix{out: c.Vocab, in: c.Dim, w: head}
	return m, nil
}

// views cuts a slab into what the passes use. embed and head are the same
// slice when they are tied.
func (c Config) views(slab []float32) (layers []layerWeights, norm, head, embed []float32) {
	kv := c.KVHeads * c.HeadDim()
	take := func(n int) []float32 {
		v := slab[:n:n]
		slab = slab[n:]
		return v
	}
	embed = take(c.Vocab * c.Dim)
	for range c.Layers {
		layers = append(layers, layerWeights{
			norm1:  take(c.Dim),
			qkv:    take((c.Dim + 2*kv) * c.Dim),
			o:      take(c.Dim * c.Dim),
			norm2:  take(c.Dim),
			gateUp: take(2 * c.FFN * c.Dim),
			down:   take(c.Dim * c.FFN),
		})
	}
	norm = take(c.Dim)
	head = embed
	if !c.Tied {
		head = take(c.Vocab * c.Dim)
	}
	return layers, norm, head, embed
}

// qkvWidth is the width of one row of queries, keys and values.
func (c Config) qkvWidth() int { return c.Dim + 2*c.KVHeads*c.HeadDim() }

// pack makes panels of all matrices, once. Decoding wants them; long passes
// pack what they use into a cache as they go and take panels where they exist,
// since those double the memory of the weights.
func (m *Model) pack() {
	if m.panels.Load() != nil {
		return
	}
	m.packing.Lock()
	defer m.packing.Unlock()
	if m.panels.Load() != nil {
		return
	}
	p := &panels{}
	p.layers = make([]struct{ qkv, o, gateUp, down kernel.Panel }, len(m.layers))
	put := func(to *kernel.Panel, w *matrix) { to.Pack(kernel.NT, w.out, w.in, w.w, w.in) }
	kernel.Parallel(len(m.layers), func(i int) {
		to, w := &p.layers[i], &m.layers[i]
		put(&to.qkv, &w.qkv)
		put(&to.o, &w.o)
		put(&to.gateUp, &w.gateUp)
		put(&to.down, &w.down)
	})
	put(&p.head, &m.head)
	m.panels.Store(p)
}

// prepare makes panels for a pass over many rows where they are small.
func (m *Model) prepare() {
	if len(m.Params) <= smallModel {
		m.pack()
	}
}

// layer returns layer l, with the panels that exist.
func (m *Model) layer(l int) layer {
	w := m.layers[l]
	if p := m.panels.Load(); p != nil {
		to := &p.layers[l]
		w.qkv.panel, w.o.panel, w.gateUp.panel, w.down.panel = &to.qkv, &to.o, &to.gateUp, &to.down
	}
	return w
}

// output returns the matrix of the logits, with its panel if it exists.
func (m *Model) output() matrix {
	w := m.head
	if p := m.panels.Load(); p != nil {
		w.panel = &p.head
	}
	return w
}
