package loss_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/runtime/tensor"
	"github.com/hudrl/hudrl/tests/golden"
)

// batchCases is tests/golden/loss_batch.json: formulas written in torch 1.13, in
// float64, by golden_batch.py.
type batchCases struct {
	Cases []struct {
		Loss                                            string
		Config                                          map[string]float64
		Logprobs, Sampling, Mask, Observation, Gradient [][]float64
		Advantage, Reward                               []float64
		Expert                                          []bool
		Chosen                                          int
		Value                                           float64
	}
	Rejections []struct {
		Mode                      string
		Low, High                 float64
		Old, Sampling, Mask, Keep [][]float64
	}
}

func readBatchCases(t *testing.T) (c batchCases) {
	t.Helper()
	data, err := golden.File("loss_batch.json")
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// packedRows is a batch of rows of one length.
func packedRows(l, q, m [][]float64) *hud.Packed {
	p := &hud.Packed{Offsets: []int{0}}
	for d := range l {
		p.Logprobs, p.SamplingLogprobs, p.Mask = append(p.Logprobs, narrow(l[d])...), append(p.SamplingLogprobs, narrow(q[d])...), append(p.Mask, narrow(m[d])...)
		p.Offsets, p.TrajIdx = append(p.Offsets, len(p.Logprobs)), append(p.TrajIdx, d)
		p.Reward = append(p.Reward, 0)
	}
	return p
}

func TestBatchGolden(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for i, c := range readBatchCases(t).Cases {
		seen[c.Loss]++
		s := loss.Settings{Advantage: c.Advantage}
		p := packedRows(c.Logprobs, c.Sampling, c.Mask)
		switch c.Loss {
		case "vapo_pos_nll":
			p.Reward = c.Reward
		case "chord":
			if s.Expert = c.Expert; i%2 == 0 { // or in extra
				s.Expert = nil
				for _, is := range c.Expert {
					p.Extra = append(p.Extra, map[string]any{"expert": is})
				}
			}
		case "echo":
			if i%2 == 0 {
				s.Observation = narrow(slices.Concat(c.Observation...))
			} else {
				for _, row := range c.Observation {
					var list []any
					for _, v := range row {
						list = append(list, v)
					}
					p.Extra = append(p.Extra, map[string]any{"observation_mask": list})
				}
			}
		}
		f, err := loss.AsCustom(c.Loss, c.Config, s)
		if err != nil {
			t.Fatal(err)
		}
		weights := make([]float32, p.Tokens())
		got, err := f(p, weights)
		if err != nil {
			t.Fatalf("case %d, %s: %v", i, c.Loss, err)
		}
		if !close1(got.Loss, c.Value, math.Sqrt(24)) {
			t.Errorf("case %d, %s%v: got %v, want %v", i, c.Loss, c.Config, got.Loss, c.Value)
		}
		if _, cov := c.Config["cov_ratio"]; cov && got.Metrics["cov_tokens"] != float64(c.Chosen) {
			t.Errorf("case %d, %s%v: chose %v tokens, want %d", i, c.Loss, c.Config, got.Metrics["cov_tokens"], c.Chosen)
		}
		for k, want := range slices.Concat(c.Gradient...) {
			if !close1(float64(-weights[k]), want, 1) {
				t.Errorf("case %d, %s%v: gradient %d: got %v, want %v", i, c.Loss, c.Config, k, -weights[k], want)
			}
		}
	}
	for _, name := range []string{"clip_cov", "kl_cov", "chord", "echo", "vapo_pos_nll"} {
		if seen[name] < 40 {
			t.Errorf("%s: got %d golden cases, want at least 40", name, seen[name])
		}
	}
}

// TestRejectionGolden: what is rejected leaves reinforce's gradient −A·m and
// the token mean's denominator.
func TestRejectionGolden(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for i, c := range readBatchCases(t).Rejections {
		seen[c.Mode]++
		config := map[string]float64{"rejection_high": c.High}
		if c.Low != 0 {
			config["rejection_low"] = c.Low
		}
		r, err := loss.NewRejection(c.Mode, config)
		if err != nil {
			t.Fatal(err)
		}
		p := packedRows(c.Old, c.Sampling, c.Mask)
		f, err := loss.AsCustom("reinforce", nil, loss.Settings{Aggregate: loss.TokenMean, Correction: r, Advantage: []float64{1, 1, 1, 1}})
		if err != nil {
			t.Fatal(err)
		}
		weights := make([]float32, p.Tokens())
		got, err := f(p, weights)
		if err != nil {
			t.Fatal(err)
		}
		keep := slices.Concat(c.Keep...)
		n, all := 0.0, 0.0
		for k, v := range keep {
			n += v
			all += float64(p.Mask[k])
		}
		for k, v := range keep {
			if want := v / max(1, n); math.Abs(float64(weights[k])-want) > 1e-7 {
				t.Errorf("case %d, %s: weight %d: got %v, want %v", i, r, k, weights[k], want)
			}
		}
		if got.Metrics["loss_tokens"] != n || math.Abs(got.Metrics["rejected_fraction"]-(all-n)/all) > 1e-12 {
			t.Errorf("case %d, %s: got %v, want %v of %v tokens left", i, r, got.Metrics, n, all)
		}
	}
	for _, mode := range loss.Rejections() {
		if seen[mode] < 40 {
			t.Errorf("%s: got %d golden cases, want at least 40", mode, seen[mode])
		}
	}
}

// TestClipCovDraw draws as many tokens as asked, of those that may be, the same
// for the same seed.
func TestClipCovDraw(t *testing.T) {
	t.Parallel()
	p := large(40)
	for i := range p.Logprobs {
		p.Logprobs[i], p.SamplingLogprobs[i], p.Mask[i] = -float32(i%11)/4, -float32(i%11)/4, 1
	}
	for d := range p.Advantage {
		p.Advantage[d] = float64(2*(d%2) - 1)
	}
	draw := func(seed float64) []int {
		f, err := loss.AsCustom("clip_cov", map[string]float64{"cov_ratio": 0.01, "seed": seed}, loss.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		weights := make([]float32, p.Tokens())
		out, err := f(p, weights)
		if err != nil {
			t.Fatal(err)
		}
		var at []int
		for d := range p.Len() {
			lo, hi := p.Range(d)
			for i := lo; i < hi; i++ {
				if weights[i] == 0 && p.Advantage[d] != 0 {
					at = append(at, i)
				}
			}
		}
		if want := p.Tokens() / 100; len(at) != want || out.Metrics["cov_tokens"] != float64(want) {
			t.Fatalf("got %d tokens and %v, want %d", len(at), out.Metrics["cov_tokens"], want)
		}
		return at
	}
	if a, b := draw(1), draw(1); !slices.Equal(a, b) {
		t.Error("seed 1: got two draws")
	}
	if a, b := draw(1), draw(2); slices.Equal(a, b) {
		t.Error("seeds 1 and 2: got one draw")
	}
}

// TestObservationsByDefault are those behind the first loss token.
func TestObservationsByDefault(t *testing.T) {
	t.Parallel()
	p := &hud.Packed{Offsets: []int{0, 6, 8}, Logprobs: make([]float32, 8), SamplingLogprobs: make([]float32, 8), Mask: []float32{0, 0, 1, 0, 1, 0, 0, 0},
		Reward: make([]float64, 2), TrajIdx: []int{0, 1}}
	f, err := loss.AsCustom("echo", map[string]float64{"alpha": 1}, loss.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	weights := make([]float32, 8)
	if _, err := f(p, weights); err != nil || !slices.Equal(weights, []float32{0, 0, 0, 0.5, 0, 0.5, 0, 0}) {
		t.Errorf("got %v, %v, want half on the fourth and the sixth", weights, err)
	}
}

// TestPerToken: one advantage for all tokens of a datum is the datum's.
func TestPerToken(t *testing.T) {
	t.Parallel()
	p := large(12)
	var each []float64
	for d, a := range p.Advantage {
		lo, hi := p.Range(d)
		each = append(each, slices.Repeat([]float64{a}, hi-lo)...)
	}
	for i := range p.Logprobs {
		if p.Mask[i] == 0 {
			p.Logprobs[i] = -1 // echo looks at it
		}
	}
	for _, name := range loss.Names() {
		l, err := loss.New(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		run := func(s loss.Settings) ([]float32, float64, error) {
			s.MaxLength = 10
			f, err := loss.AsCustom(name, nil, s)
			if err != nil {
				t.Fatal(err)
			}
			weights := make([]float32, p.Tokens())
			out, err := f(p, weights)
			return weights, out.Loss, err
		}
		want, value, err := run(loss.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		got, v, err := run(loss.Settings{Advantage: each})
		if !l.PerToken() {
			refused(t, err, name+": advantage: got one for each token, want one for each datum: the loss has one ratio per sequence")
			continue
		}
		if err != nil || !close1(v, value, 100) {
			t.Errorf("%s: got %v, %v, want %v", name, v, err, value)
		}
		for i := range want {
			if !close1(float64(got[i]), float64(want[i]), 1) {
				t.Errorf("%s: weight %d: got %v, want %v", name, i, got[i], want[i])
				break
			}
		}
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	got, err := loss.Bounds("ppo", "offset", map[string]float64{"clip_low_threshold": 0.2, "clip_high_threshold": 0.28})
	if err != nil || got["clip_low_threshold"] != 0.8 || got["clip_high_threshold"] != 1.28 {
		t.Errorf("got %v, %v, want 0.8 and 1.28", got, err)
	}
	if got, err := loss.Bounds("cispo", "absolute", map[string]float64{"clip_high_threshold": 5}); err != nil || got["clip_high_threshold"] != 5 {
		t.Errorf("got %v, %v, want 5", got, err)
	}
	for _, c := range []struct{ name, as, want string }{
		{"ppo", "ofset", `ppo: unknown convention "ofset" (did you mean "offset"?)`},
		{"dro", "offset", `dro: as: got "offset" for a loss without bounds on the ratio`},
		{"ppo", "offset", `ppo: clip_low_threshold: got the offset -0.2, want at least 0`},
	} {
		_, err := loss.Bounds(c.name, c.as, map[string]float64{"clip_low_threshold": -0.2})
		refused(t, err, c.want)
	}
}

func TestBatchOptionsRefused(t *testing.T) {
	t.Parallel()
	type config = map[string]float64
	for _, c := range []struct {
		name   string
		config config
		want   string
	}{
		{"clip_cov", config{"cov_low": 9}, "clip_cov: got cov_low 9 above cov_high 5, want bounds on the covariance, low before high"},
		{"clip_cov", config{"seed": 0.5}, "clip_cov: seed: got 0.5, want a whole number"},
		{"kl_cov", config{"cov_ratio": 1.5}, "kl_cov: cov_ratio: got 1.5, want at most 1"},
		{"chord", config{"mu": 1.5}, "chord: mu: got 1.5, want at most 1"},
		{"echo", config{"alpha": -1}, "echo: alpha: got -1, want at least 0"},
	} {
		_, err := loss.New(c.name, c.config)
		refused(t, err, c.want)
	}
	p := batch()
	for _, c := range []struct {
		name  string
		extra map[string]any
		s     loss.Settings
		want  string
	}{
		{"chord", map[string]any{"expert": 1}, loss.Settings{}, "expert: datum 1: got extra.expert 1, want true or false"},
		{"chord", nil, loss.Settings{Expert: []bool{true}}, "expert: got 1 values for 4 datums"},
		{"echo", map[string]any{"observation_mask": []any{1.0}}, loss.Settings{}, "observation_mask: datum 1: got 1 numbers, want one for each of 3 positions"},
		{"echo", map[string]any{"observation_mask": "x"}, loss.Settings{}, "observation_mask: datum 1: got 0 numbers, want one for each of 3 positions"},
		{"echo", nil, loss.Settings{Observation: []float32{1}}, "observation_mask: got 1 positions, want 9 as logprobs has"},
	} {
		p.Extra = []map[string]any{c.extra, nil, nil, nil}
		f, err := loss.AsCustom(c.name, nil, c.s)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f(p, make([]float32, 9))
		refused(t, err, c.want)
	}
	for _, c := range []struct {
		modes  string
		config config
		want   string
	}{
		{"token_k4", config{"rejection_high": 1}, `rejection: unknown criterion "token_k4" (did you mean "token_k1"?)`},
		{"token_k1", nil, "rejection: got no rejection_high, want a number: it has no default"},
		{"token_k2", config{"rejection_high": 1, "rejection_low": 0.5}, "rejection: got rejection_low, which only criteria with k1 have"},
		{"token_k1", config{"rejection_high": 1, "rejection_low": 2}, "rejection: got rejection_low 2 above rejection_high 1, want bounds on the ratio, low before high"},
		{"token_k1", config{"rejection_high": 0}, "rejection: rejection_high: got 0, want above 0"},
	} {
		_, err := loss.NewRejection(c.modes, c.config)
		refused(t, err, c.want)
	}
}

// TestCorrectionsJoined: weights multiply, one rejects, and normalised weights
// have the mean 1. Ratios to the sampling policy are 2, 0.5 and 4 on the three
// loss tokens.
func TestCorrectionsJoined(t *testing.T) {
	t.Parallel()
	log := func(r float64) float32 { return float32(math.Log(r)) }
	p := &hud.Packed{Offsets: []int{0, 4}, Logprobs: []float32{log(2), log(0.5), log(4), 9}, SamplingLogprobs: make([]float32, 4), Mask: []float32{1, 1, 1, 0},
		Reward: []float64{1}, TrajIdx: []int{0}}
	tis, err := loss.NewCorrection("tis", map[string]float64{"correction_high": 3})
	if err != nil {
		t.Fatal(err)
	}
	reject, err := loss.NewRejection("token_k1", map[string]float64{"rejection_low": 0.1, "rejection_high": 3})
	if err != nil {
		t.Fatal(err)
	}
	both := tis.With(reject)
	if got := both.String(); got != "tis[0, 3] · token_k1[0.1, 3]" {
		t.Errorf("got %s", got)
	}
	for _, c := range []struct {
		s    loss.Settings
		want []float32
	}{
		{loss.Settings{Correction: tis}, []float32{2. / 3, 0.5 / 3, 1, 0}},
		{loss.Settings{Correction: both}, []float32{2. / 2, 0.5 / 2, 0, 0}},
		{loss.Settings{Correction: tis, NormalizeWeights: true}, []float32{2 / 5.5, 0.5 / 5.5, 3 / 5.5, 0}},
	} {
		c.s.Advantage, c.s.Aggregate = []float64{1}, loss.TokenMean
		f, err := loss.AsCustom("reinforce", nil, c.s)
		if err != nil {
			t.Fatal(err)
		}
		weights := make([]float32, 4)
		if _, err := f(p, weights); err != nil {
			t.Fatal(err)
		}
		for i, w := range c.want {
			if math.Abs(float64(weights[i]-w)) > 1e-6 {
				t.Errorf("%s: got %v, want %v", c.s.Correction, weights, c.want)
				break
			}
		}
	}
}

// TestChordChunks: chunks with both kinds' denominators add up to the batch.
func TestChordChunks(t *testing.T) {
	t.Parallel()
	full := batch()
	expert := []bool{false, false, true, false}
	run := func(p *hud.Packed, s loss.Settings) ([]float32, float64) {
		f, err := loss.AsCustom("chord", map[string]float64{"mu": 0.3}, s)
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
	count := func(want bool) (n float64) {
		for d, is := range expert {
			for i := full.Offsets[d]; i < full.Offsets[d+1]; i++ {
				if is == want && full.Mask[i] != 0 {
					n++
				}
			}
		}
		return n
	}
	want, value := run(full, loss.Settings{Expert: expert})
	sum, got := 0.0, []float32{}
	for d := range full.Len() {
		lo, hi := full.Range(d)
		one := &hud.Packed{Offsets: []int{0, hi - lo}, Logprobs: full.Logprobs[lo:hi], SamplingLogprobs: full.SamplingLogprobs[lo:hi], Mask: full.Mask[lo:hi],
			Reward: full.Reward[d : d+1], Advantage: full.Advantage[d : d+1], TrajIdx: []int{0}}
		w, v := run(one, loss.Settings{Expert: expert[d : d+1], Denominator: count(false), ExpertDenominator: count(true)})
		got, sum = append(got, w...), sum+v
	}
	if !close1(sum, value, 1) {
		t.Errorf("got %v, want %v", sum, value)
	}
	for i := range want {
		if !close1(float64(got[i]), float64(want[i]), 1) {
			t.Errorf("weight %d: got %v, want %v", i, got[i], want[i])
		}
	}
}

// TestVAPODenominators: the term of rewards above 0 is aggregated over its own
// datums, chunks with both terms' denominators add up to the batch, and the
// tokens written with tensors aggregate to the same.
func TestVAPODenominators(t *testing.T) {
	t.Parallel()
	l, err := loss.New("vapo_pos_nll", map[string]float64{"mu": 0.5})
	if err != nil {
		t.Fatal(err)
	}
	// On policy, A = 1: ppo is −1 for each of 5 tokens, the other term 0.5·2 for
	// each of the 3 of the first and the last datum.
	p := &hud.Packed{Offsets: []int{0, 1, 4, 6}, Logprobs: []float32{-2, -2, -2, -2, -2, -2}, RefLogprobs: make([]float32, 6), SamplingLogprobs: []float32{-2, -2, -2, -2, -2, -2},
		Mask: []float32{1, 1, 1, 0, 1, 1}, Reward: []float64{1, -1, 2}, Advantage: []float64{1, 1, 1}, TrajIdx: []int{0, 1, 2}, GroupIdx: []int{0, 0, 1}}
	for _, c := range []struct {
		s           loss.Settings
		want        float64
		whole, some float64 // the denominators of the batch, 0 for none
	}{
		{loss.Settings{Aggregate: loss.Sum}, -5 + 3, 0, 0},
		{loss.Settings{Aggregate: loss.TokenMean}, -1 + 1, 5, 3},
		{loss.Settings{Aggregate: loss.TokenMean, PositiveDenominator: 6}, -1 + 0.5, 5, 6},
		{loss.Settings{Aggregate: loss.SeqMeanTokenMean}, -1 + 1, 3, 2},
		{loss.Settings{Aggregate: loss.SeqMeanTokenSum}, -5./3 + 3./2, 3, 2},
		{loss.Settings{Aggregate: loss.SeqMeanTokenSumNorm, MaxLength: 4}, -5./12 + 3./8, 3, 2},
		{loss.Settings{Aggregate: loss.PromptMean}, -1 + 1, 2, 2},
	} {
		run := func(p *hud.Packed, s loss.Settings) (float64, []float32, map[string]float64) {
			var metrics map[string]float64
			value, grad := evaluate(t, p, func(b *loss.Batch) *tensor.Tensor {
				out, m, err := l.Loss(b, s)
				if err != nil {
					t.Fatal(err)
				}
				metrics = m
				return out
			})
			return value, grad, metrics
		}
		value, grad, metrics := run(p, c.s)
		if !close1(value, c.want, 1) || metrics["positive_tokens"] != 3 {
			t.Errorf("%s: got %v with %v, want %v with 3 positive_tokens", c.s.Aggregate, value, metrics, c.want)
		}
		tokens, slopes := evaluate(t, p, func(b *loss.Batch) *tensor.Tensor {
			out, err := l.Tokens(b, c.s)
			if err == nil {
				out, err = b.Aggregate(out, c.s)
			}
			if err != nil {
				t.Fatal(err)
			}
			return out
		})
		s, sum, parts := c.s, 0.0, []float32{}
		s.Denominator, s.PositiveDenominator = c.whole, c.some
		for _, r := range [][2]int{{0, 2}, {2, 3}} { // between the groups
			v, g, _ := run(slice(p, r[0], r[1]), s)
			sum, parts = sum+v, append(parts, g...)
		}
		if !close1(tokens, c.want, 1) || !close1(sum, c.want, 1) {
			t.Errorf("%s: got %v of tokens and %v of chunks, want %v", c.s.Aggregate, tokens, sum, c.want)
		}
		for i, g := range grad {
			if !close1(float64(slopes[i]), float64(g), 1) || !close1(float64(parts[i]), float64(g), 1) {
				t.Errorf("%s: gradient %d: got %v of tokens and %v of chunks, want %v", c.s.Aggregate, i, slopes[i], parts[i], g)
			}
		}
	}
	_, err = loss.AsCustom("vapo_pos_nll", nil, loss.Settings{PositiveDenominator: -1})
	refused(t, err, "aggregate: got denominator -1, want above 0")
	_, err = loss.AsCustom("vapo_pos_nll", nil, loss.Settings{Aggregate: loss.Sum, PositiveDenominator: 2})
	refused(t, err, "aggregate: sum takes no denominator")
}

func TestMalformedBatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(p *hud.Packed)
		want   string
	}{
		{"kl.k3", func(p *hud.Packed) { p.RefLogprobs = []float32{1} }, "kl.k3: ref_logprobs: got 1 positions, want 9 as logprobs has"},
		{"ppo", func(p *hud.Packed) { p.GroupIdx = []int{1} }, "ppo: group_idx: got 1 values for 4 datums"},
		{"ppo", func(p *hud.Packed) { p.Advantage = []float64{1, 2} }, "ppo: advantage: got 2 values for 4 datums"},
		{"topr", func(p *hud.Packed) { p.Reward = nil }, "topr: reward: got 0 values for 4 datums"},
		{"ppo", func(p *hud.Packed) { p.Mask = p.Mask[1:] },
			"forward: the service's batch is malformed: got 9 logprobs, 9 sampling logprobs and a mask of 8 for 9 positions"},
	} {
		p := batch()
		c.change(p)
		f, err := loss.AsCustom(c.name, nil, loss.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = f(p, make([]float32, 9))
		refused(t, err, c.want)
	}
}
