package policy

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"github.com/hudrl/hudrl/internal/safetensors"
)

// Encode writes a parameter slab as safetensors, F32 or BF16, under the names
// of LlamaForCausalLM, with metadata beside the format's own. A slab of
// moments, which has the same layout, can be written too.
func (c Config) Encode(w io.Writer, params []float32, dtype safetensors.DType, metadata map[string]string) error {
	if len(params) != c.NumParams() {
		return fmt.Errorf("policy: parameter slab has the wrong length: got %d, want %d", len(params), c.NumParams())
	}
	var ts []safetensors.Tensor
	for _, t := range c.Tensors() {
		ts = append(ts, safetensors.Tensor{Name: t.Name, Shape: t.Shape, Data: t.In(params)})
	}
	all := map[string]string{"format": "pt"}
	maps.Copy(all, metadata)
	return safetensors.Encode(w, ts, dtype, all)
}

// Decode reads the slab of a model of this shape from a safetensors file: see
// Params.
func (c Config) Decode(data []byte) ([]float32, error) {
	f, err := safetensors.Decode(data)
	if err != nil {
		return nil, err
	}
	return c.Params(f)
}

// Params is the slab of a model of this shape. It refuses a file with a
// missing, unknown or misshapen tensor and numbers that are not finite. A tied
// model may carry lm_head.weight, which is ignored.
func (c Config) Params(f *safetensors.File) ([]float32, error) {
	known := map[string]bool{"lm_head.weight": c.Tied}
	for _, t := range c.Tensors() {
		known[t.Name] = true
		got, ok := f.Tensor(t.Name)
		switch {
		case !ok:
			return nil, fmt.Errorf("policy: weights lack a tensor: want %s %v", t.Name, t.Shape)
		case !slices.Equal(got.Shape, t.Shape):
			return nil, fmt.Errorf("policy: tensor %s has the wrong shape: got %v, want %v", t.Name, got.Shape, t.Shape)
		}
		for i, v := range got.Data {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return nil, fmt.Errorf("policy: tensor %s is not finite at element %d: got %v", t.Name, i, v)
			}
		}
	}
	for _, t := range f.Tensors {
		if !known[t.Name] {
			return nil, fmt.Errorf("policy: weights have a tensor that the shape does not: got %s %v", t.Name, t.Shape)
		}
	}
	params := make([]float32, c.NumParams())
	for _, t := range c.Tensors() {
		got, _ := f.Tensor(t.Name)
		copy(t.In(params), got.Data)
	}
	return params, nil
}

// llamaConfig is the part of Hugging Face's LlamaConfig that matters here.
type llamaConfig struct {
	Architectures []string        `json:"architectures"`
	ModelType     string          `json:"model_type"`
	Vocab         int             `json:"vocab_size"`
	Dim           int             `json:"hidden_size"`
	FFN           int             `json:"intermediate_size"`
	Layers        int             `json:"num_hidden_layers"`
	Heads         int             `json:"num_attention_heads"`
	KVHeads       *int            `json:"num_key_value_heads"`
	HeadDim       *int            `json:"head_dim"`
	MaxContext    int             `json:"max_position_embeddings"`
	NormEps       float64         `json:"rms_norm_eps"`
	RopeTheta     float64         `json:"rope_theta"`
	RopeScaling   json.RawMessage `json:"rope_scaling"`
	Tied          bool            `json:"tie_word_embeddings"`
	Act           string          `json:"hidden_act"`
	AttentionBias bool            `json:"attention_bias"`
	MLPBias       bool            `json:"mlp_bias"`
	Init          float64         `json:"initializer_range"`
	BOS           *int            `json:"bos_token_id"` // null: the tokenizer knows
	EOS           *int            `json:"eos_token_id"`
}

// MarshalJSON gives the config.json of a LlamaForCausalLM.
func (c Config) MarshalJSON() ([]byte, error) {
	hd := 0
	if c.Heads > 0 {
		hd = c.HeadDim()
	}
	return json.Marshal(llamaConfig{
		Architectures: []string{"LlamaForCausalLM"}, ModelType: "llama",
		Vocab: c.Vocab, Dim: c.Dim, FFN: c.FFN, Layers: c.Layers, Heads: c.Heads, KVHeads: &c.KVHeads, HeadDim: &hd,
		MaxContext: c.MaxContext, NormEps: c.NormEps, RopeTheta: c.RopeTheta, RopeScaling: json.RawMessage("null"),
		Tied: c.Tied, Act: "silu", Init: 0.02,
	})
}

// UnmarshalJSON reads a config.json of a LlamaForCausalLM, with the defaults
// that transformers gives to what is absent, and refuses what this package
// does not compute: biases, scaled rotary embeddings, other activations.
func (c *Config) UnmarshalJSON(data []byte) error {
	l := llamaConfig{MaxContext: 2048, NormEps: 1e-6, RopeTheta: 10000, Act: "silu", ModelType: "llama"}
	if err := json.Unmarshal(data, &l); err != nil {
		return fmt.Errorf("policy config: %w", err)
	}
	got := Config{
		Vocab: l.Vocab, Dim: l.Dim, Layers: l.Layers, Heads: l.Heads, KVHeads: l.Heads, FFN: l.FFN,
		MaxContext: l.MaxContext, RopeTheta: l.RopeTheta, NormEps: l.NormEps, Tied: l.Tied,
	}
	if l.KVHeads != nil {
		got.KVHeads = *l.KVHeads
	}
	switch {
	case l.ModelType != "llama":
		return fmt.Errorf("policy config: unknown model_type: got %q, want \"llama\"", l.ModelType)
	case l.Act != "silu":
		return fmt.Errorf("policy config: unknown hidden_act: got %q, want \"silu\"", l.Act)
	case l.AttentionBias || l.MLPBias:
		return fmt.Errorf("policy config: biases are not supported: got attention_bias %v, mlp_bias %v", l.AttentionBias, l.MLPBias)
	case len(l.RopeScaling) > 0 && string(l.RopeScaling) != "null":
		return fmt.Errorf("policy config: rope_scaling is not supported: got %s", l.RopeScaling)
	}
	if err := got.Validate(); err != nil {
		return err
	}
	if l.HeadDim != nil && *l.HeadDim != got.HeadDim() {
		return fmt.Errorf("policy config: head_dim must be hidden_size/num_attention_heads: got %d, want %d", *l.HeadDim, got.HeadDim())
	}
	*c = got
	return nil
}
