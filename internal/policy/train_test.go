package policy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hudrl/hudrl/internal/policy"
	"github.com/hudrl/hudrl/internal/safetensors"
)

// The same batch gives the same bits with one core, with two, and while other
// work competes for the workers.
func TestAccumulateIsDeterministic(t *testing.T) {
	c := tied(small)
	m := model(t, c, 1)
	b := batch(t, c, 2, slices.Repeat([]int{30, 41, 8, 26}, 20)...)
	coef := coefficients(3, len(b.Tokens))
	was := runtime.GOMAXPROCS(1)
	wantLP, want := run(t, m, b, coef)
	runtime.GOMAXPROCS(max(was, 2))
	defer runtime.GOMAXPROCS(was)
	var wg sync.WaitGroup
	for range 3 { // at once, so that they compete for the cores
		wg.Go(func() {
			gotLP, got := run(t, m, b, coef)
			if !slices.Equal(gotLP, wantLP) || !slices.Equal(got, want) {
				t.Error("bits depend on the number of cores or on other work")
			}
		})
	}
	wg.Wait()
}

// A datum's logprobs have the same bits alone, in any company, and whatever
// else is needed.
func TestLogprobsDoNotDependOnTheBatch(t *testing.T) {
	t.Parallel()
	c := tied(small)
	m := model(t, c, 1)
	b := batch(t, c, 2, 30, 41, 8, 26, 90, 33, 380, 12)
	all := make([]float32, len(b.Tokens))
	if err := m.Logprobs(context.Background(), b, all); err != nil {
		t.Fatal(err)
	}
	for d := range b.Len() {
		lo, hi := b.Offsets[d], b.Offsets[d+1]
		alone := new(policy.Batch)
		alone.Add(b.Tokens[lo:hi], b.Targets[lo:hi], nil)
		got := make([]float32, hi-lo)
		if err := m.Logprobs(context.Background(), alone, got); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, all[lo:hi]) {
			t.Errorf("datum %d: bits depend on the batch", d)
		}
	}
	b.Need = make([]bool, len(b.Tokens))
	for i := range b.Need {
		b.Need[i] = i%3 == 0
	}
	some, _ := run(t, m, b, coefficients(1, len(b.Tokens)))
	for i, need := range b.Need {
		if want := all[i]; need && some[i] != want || !need && some[i] != 0 {
			t.Fatalf("position %d, need %v: got %v, want %v", i, need, some[i], want)
		}
	}
}

// A group of identical prompts is run once, and its gradient is that of the
// datums one by one: within 1e-5 of the largest entry, as sums have another
// order.
func TestSharedPrefixesHaveTheSameGradient(t *testing.T) {
	t.Parallel()
	c := tied(small)
	m := model(t, c, 4)
	rng := rand.New(rand.NewPCG(1, 1))
	prompt := make([]int32, 25)
	for i := range prompt {
		prompt[i] = int32(rng.IntN(c.Vocab))
	}
	b := new(policy.Batch)
	for d := range 8 {
		s := slices.Clone(prompt)
		for range 1 + d%4 {
			s = append(s, int32(rng.IntN(c.Vocab)))
		}
		need := make([]bool, len(s)-1)
		for i := len(prompt) - 1; i < len(need); i++ {
			need[i] = true
		}
		b.Add(s[:len(s)-1], s[1:], need)
	}
	b.Add(b.Tokens[:b.Offsets[1]], b.Targets[:b.Offsets[1]], b.Need[:b.Offsets[1]]) // one datum twice
	coef := coefficients(5, len(b.Tokens))
	_, got := run(t, m, b, coef)
	want := make([]float32, len(m.Params))
	for d := range b.Len() {
		lo, hi := b.Offsets[d], b.Offsets[d+1]
		one := new(policy.Batch)
		one.Add(b.Tokens[lo:hi], b.Targets[lo:hi], b.Need[lo:hi])
		_, g := run(t, m, one, coef[lo:hi])
		for i, x := range g {
			want[i] += x
		}
	}
	var worst, top float64
	for i := range want {
		worst = max(worst, math.Abs(float64(got[i]-want[i])))
		top = max(top, math.Abs(float64(want[i])))
	}
	if !(worst <= 1e-5*top) || top == 0 {
		t.Errorf("off by %g, largest entry %g", worst, top)
	}
}

func TestAccumulateAddsAndAsksOnce(t *testing.T) {
	t.Parallel()
	m := model(t, small, 1)
	b := batch(t, small, 2, slices.Repeat([]int{50, 60}, 10)...)
	coef := coefficients(3, len(b.Tokens))
	lp, once := run(t, m, b, coef)
	grad := slices.Clone(once)
	var calls [20]atomic.Int32
	out := make([]float32, len(b.Tokens))
	err := m.Accumulate(context.Background(), b, func(d int, logprobs, dlp []float32) {
		calls[d].Add(1)
		lo, hi := b.Offsets[d], b.Offsets[d+1]
		if !slices.Equal(logprobs, lp[lo:hi]) || slices.Max(dlp) != 0 || slices.Min(dlp) != 0 {
			t.Errorf("datum %d: wrong logprobs, or coefficients that do not begin at 0", d)
		}
		copy(dlp, coef[lo:hi])
	}, out, grad)
	if err != nil {
		t.Fatal(err)
	}
	for d := range calls {
		if n := calls[d].Load(); n != 1 {
			t.Errorf("datum %d: asked %d times", d, n)
		}
	}
	top := float64(max(slices.Max(once), -slices.Min(once)))
	for i, g := range grad {
		if math.Abs(float64(g-2*once[i])) > 1e-6*top {
			t.Fatalf("gradient %d: got %v, want twice %v", i, g, once[i])
		}
	}
	before := slices.Clone(grad)
	if err := m.Accumulate(context.Background(), b, func(int, []float32, []float32) {}, out, grad); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(before, grad) {
		t.Error("zero coefficients changed the gradient")
	}
}

func TestCancelledAccumulateRunsNoBackward(t *testing.T) {
	t.Parallel()
	m := model(t, small, 1)
	b := batch(t, small, 2, slices.Repeat([]int{50, 60}, 10)...)
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("enough")
	grad := make([]float32, len(m.Params))
	err := m.Accumulate(ctx, b, func(_ int, _, dlp []float32) {
		dlp[0] = 1
		cancel(why)
	}, make([]float32, len(b.Tokens)), grad)
	if !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
	if slices.Max(grad) != 0 || slices.Min(grad) != 0 {
		t.Error("the gradient was touched")
	}
	if err := m.Logprobs(ctx, b, make([]float32, len(b.Tokens))); !errors.Is(err, why) {
		t.Errorf("logprobs: got %v, want %v", err, why)
	}
}

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	for want, b := range map[string]*policy.Batch{
		"no datums":                      {},
		"offsets do not span":            {Offsets: []int{0, 2}, Tokens: []int32{1}, Targets: []int32{1}},
		"targets have the wrong length":  {Offsets: []int{0, 1}, Tokens: []int32{1}},
		"need has the wrong length":      {Offsets: []int{0, 1}, Tokens: []int32{1}, Targets: []int32{1}, Need: []bool{}},
		"datum 1 is empty":               {Offsets: []int{0, 1, 1}, Tokens: []int32{1}, Targets: []int32{1}},
		"datum 0 ends outside the batch": {Offsets: []int{0, 5, 1}, Tokens: []int32{1}, Targets: []int32{1}},
		"longer than the model's context: got 401 tokens, want at most 400": {Offsets: []int{0, 401}, Tokens: make([]int32, 401), Targets: make([]int32, 401)},
		"datum 0, position 1: token outside the vocabulary: got -1":         {Offsets: []int{0, 2}, Tokens: []int32{1, -1}, Targets: []int32{1, 1}},
		"datum 0, position 0: target outside the vocabulary: got 37":        {Offsets: []int{0, 1}, Tokens: []int32{1}, Targets: []int32{37}},
	} {
		if err := small.Check(b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	// 264·128 + 4·(4·128² + 3·128·352 + 2·128) + 128 and likewise for nano: the
	// shapes of the base models.
	for c, want := range map[policy.Config]int{policy.Mini: 837760, policy.Nano: 357792} {
		if got := c.NumParams(); got != want {
			t.Errorf("parameters: got %d, want %d", got, want)
		}
		ts := c.Tensors()
		last := ts[len(ts)-1]
		if last.Offset+last.Len() != want {
			t.Errorf("tensors end at %d, want %d", last.Offset+last.Len(), want)
		}
	}
	for want, change := range map[string]func(*policy.Config){
		"layers must be at least 1: got 0": func(c *policy.Config) { c.Layers = 0 },
		"vocab is too large":               func(c *policy.Config) { c.Vocab = 1 << 40 },
		"heads must divide dim":            func(c *policy.Config) { c.Heads = 5 },
		"too many layers":                  func(c *policy.Config) { c.Layers = 2000 },
		"must be even":                     func(c *policy.Config) { c.Heads, c.KVHeads = 24, 24 },
		"kv_heads must divide heads":       func(c *policy.Config) { c.KVHeads = 4 },
		"rope_theta":                       func(c *policy.Config) { c.RopeTheta = math.NaN() },
		"norm_eps":                         func(c *policy.Config) { c.NormEps = 0 },
		"too many parameters": func(c *policy.Config) {
			c.Dim, c.FFN = 1<<18*6, 1<<20
			c.Dim = 1 << 20
			c.Heads = 1 << 10
			c.KVHeads = 1
		},
	} {
		c := small
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if _, err := policy.New(c, nil); err == nil {
			t.Errorf("a model of an invalid shape: %q", want)
		}
	}
	if _, err := policy.New(small, make([]float32, 3)); err == nil || !strings.Contains(err.Error(), "got 3, want") {
		t.Errorf("a short slab: got %v", err)
	}
}

func TestConfigJSON(t *testing.T) {
	t.Parallel()
	for _, want := range []policy.Config{policy.Mini, small} {
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got policy.Config
		if err := json.Unmarshal(text, &got); err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	// A config.json as transformers 4.x writes it, shortened.
	text := `{"architectures":["LlamaForCausalLM"],"attention_bias":false,"hidden_act":"silu","hidden_size":64,
		"intermediate_size":172,"max_position_embeddings":256,"model_type":"llama","num_attention_heads":8,
		"num_hidden_layers":5,"rms_norm_eps":1e-05,"rope_scaling":null,"tie_word_embeddings":false,
		"torch_dtype":"float32","transformers_version":"4.41.0","vocab_size":512}`
	want := policy.Config{Vocab: 512, Dim: 64, Layers: 5, Heads: 8, KVHeads: 8, FFN: 172, MaxContext: 256, RopeTheta: 10000, NormEps: 1e-5}
	var got policy.Config
	if err := json.Unmarshal([]byte(text), &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for want, change := range map[string][2]string{
		"unknown hidden_act":      {`"silu"`, `"gelu"`},
		"biases":                  {`"attention_bias":false`, `"attention_bias":true`},
		"rope_scaling":            {`"rope_scaling":null`, `"rope_scaling":{"factor":2}`},
		"unknown model_type":      {`"llama"`, `"mistral"`},
		"head_dim must be":        {`"model_type"`, `"head_dim":16,"model_type"`},
		"dim must be at least 1":  {`"hidden_size":64`, `"hidden_size":0`},
		"policy config: json: ca": {`"hidden_size":64`, `"hidden_size":"x"`},
	} {
		kept := got
		err := json.Unmarshal([]byte(strings.Replace(text, change[0], change[1], 1)), &got)
		if err == nil || !strings.Contains(err.Error(), want) || got != kept {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func FuzzConfig(f *testing.F) {
	for _, c := range []policy.Config{policy.Mini, small} {
		text, err := json.Marshal(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var c, again policy.Config
		if json.Unmarshal(text, &c) != nil {
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatalf("an invalid shape was read: %v", err)
		}
		if _, err := c.Decode([]byte("{}")); err == nil {
			t.Fatal("weights were read from nothing")
		}
		text, err := json.Marshal(c)
		if err != nil || json.Unmarshal(text, &again) != nil || c != again {
			t.Fatalf("got %+v, %v, want %+v", again, err, c)
		}
	})
}

func TestWeightsFile(t *testing.T) {
	t.Parallel()
	c := tied(small)
	params := weights(c, 1)
	var b bytes.Buffer
	if err := c.Encode(&b, params, safetensors.F32, nil); err != nil {
		t.Fatal(err)
	}
	got, err := c.Decode(b.Bytes())
	if err != nil || !slices.Equal(got, params) {
		t.Fatalf("read back differs: %v", err)
	}
	var untied, narrow bytes.Buffer
	if err := small.Encode(&untied, weights(small, 1), safetensors.F32, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Decode(untied.Bytes()); err != nil {
		t.Errorf("lm_head.weight beside a tied embedding: %v", err)
	}
	if _, err := small.Decode(b.Bytes()); err == nil || !strings.Contains(err.Error(), "weights lack a tensor: want lm_head.weight [37 24]") {
		t.Errorf("got %v", err)
	}
	if err := c.Encode(&narrow, params, safetensors.BF16, nil); err != nil {
		t.Fatal(err)
	}
	got, err = c.Decode(narrow.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		// bfloat16 keeps eight bits.
		if math.Abs(float64(v-params[i])) > math.Abs(float64(params[i]))/256 {
			t.Fatalf("parameter %d: got %v, want about %v", i, v, params[i])
		}
	}
	deeper := c
	deeper.Layers--
	if _, err := deeper.Decode(b.Bytes()); err == nil || !strings.Contains(err.Error(), "have a tensor that the shape does not") {
		t.Errorf("got %v", err)
	}
	wider := c
	wider.FFN++
	if _, err := wider.Decode(b.Bytes()); err == nil || !strings.Contains(err.Error(), "gate_proj.weight has the wrong shape: got [29 24], want [30 24]") {
		t.Errorf("got %v", err)
	}
	params[5] = float32(math.NaN())
	b.Reset()
	if err := c.Encode(&b, params, safetensors.F32, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Decode(b.Bytes()); err == nil || !strings.Contains(err.Error(), "not finite at element 5") {
		t.Errorf("got %v", err)
	}
	if err := c.Encode(&b, params[1:], safetensors.F32, nil); err == nil {
		t.Error("a short slab was written")
	}
}

// chats makes a batch as pretraining does: about 28 tokens a datum, of which
// the last few are trained.
func chats(n int) *policy.Batch {
	rng := rand.New(rand.NewPCG(1, 1))
	b := new(policy.Batch)
	for range n {
		s := make([]int32, 27+rng.IntN(4))
		for i := range s {
			s[i] = int32(rng.IntN(policy.Mini.Vocab))
		}
		need := make([]bool, len(s)-1)
		for i := len(need) - 4; i < len(need); i++ {
			need[i] = true
		}
		b.Add(s[:len(s)-1], s[1:], need)
	}
	return b
}

func BenchmarkAccumulate(b *testing.B) {
	grouped := new(policy.Batch) // 16 prompts with 8 answers each
	plain := chats(128)
	for d := range plain.Len() {
		lo, hi := plain.Offsets[d], plain.Offsets[d+1]
		s := slices.Clone(plain.Tokens[lo:hi])
		first := plain.Offsets[d/8*8]
		copy(s[:min(22, len(s))], plain.Tokens[first:first+22])
		grouped.Add(s, plain.Targets[lo:hi], plain.Need[lo:hi])
	}
	dense := *plain
	dense.Need = nil
	for _, c := range []struct {
		name  string
		batch *policy.Batch
	}{{"dense", &dense}, {"answers", plain}, {"groups", grouped}} {
		b.Run(c.name, func(b *testing.B) {
			m, err := policy.New(policy.Mini, policy.Mini.Init(1))
			if err != nil {
				b.Fatal(err)
			}
			out, grad := make([]float32, len(c.batch.Tokens)), make([]float32, len(m.Params))
			for b.Loop() {
				err := m.Accumulate(context.Background(), c.batch, func(_ int, _, dlp []float32) {
					for i := range dlp {
						dlp[i] = -1
					}
				}, out, grad)
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(out)*b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}
