package hudtest

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"github.com/hudrl/hudrl/runtime/hud"
)

// datums are a request's inputs, aligned and packed.
type datums struct {
	packed   *hud.Packed
	input    []int // [N] the token before each target
	target   []int // [N]
	adv      []float64
	constant []bool // of a group whose rewards are all equal
	raw      []float64
	spreads  int
}

// build resolves traces, merges turns whose prompt extends everything before
// them, and computes group-mean advantages.
func (f *Fake) build(op string, inputs []hud.TrainInput, groupSize int, scale float64, policy *bigram, needLogprobs bool) (*datums, error) {
	if len(inputs) == 0 {
		return nil, refuse(op, hud.CodeValidation, 422, "inputs: got 0, want at least 1")
	}
	if math.IsNaN(scale) || math.IsInf(scale, 0) {
		return nil, refuse(op, hud.CodeValidation, 422, "reward_scale: got %v, want a finite number", scale)
	}
	if groupSize < 0 || groupSize > 0 && len(inputs)%groupSize != 0 {
		return nil, refuse(op, hud.CodeValidation, 422, "group_size: %d inputs do not divide evenly into groups of %d", len(inputs), groupSize)
	}
	d := &datums{packed: &hud.Packed{Offsets: []int{0}}}
	p := d.packed
	for k, in := range inputs {
		samples, reward, err := f.trajectory(op, k, in)
		if err != nil {
			return nil, err
		}
		d.raw = append(d.raw, reward)
		var seq, mask []int
		var q []float64
		flush := func() {
			if len(seq) == 0 {
				return
			}
			for t := range len(seq) - 1 {
				d.input, d.target = append(d.input, seq[t]), append(d.target, seq[t+1])
				p.Mask = append(p.Mask, float32(mask[t+1]))
				p.SamplingLogprobs = append(p.SamplingLogprobs, float32(q[t+1]))
				p.Logprobs = append(p.Logprobs, float32(policy.logprobs(seq[t])[seq[t+1]]))
			}
			p.Offsets = append(p.Offsets, len(p.Logprobs))
			p.TrajIdx = append(p.TrajIdx, k)
			seq, mask, q = nil, nil, nil
		}
		for s, sample := range samples {
			sample, err := flatten(op, k, s, sample)
			if err != nil {
				return nil, err
			}
			if err := checkFakeSample(op, k, s, sample, reward, needLogprobs); err != nil {
				return nil, err
			}
			if len(seq) == 0 || len(sample.PromptTokenIDs) < len(seq) || !slices.Equal(seq, sample.PromptTokenIDs[:len(seq)]) {
				flush()
			}
			for _, id := range sample.PromptTokenIDs[len(seq):] {
				seq, mask, q = append(seq, id), append(mask, 0), append(q, 0)
			}
			for i, id := range sample.OutputTokenIDs {
				lp := 0.0
				if len(sample.OutputLogprobs) > 0 {
					lp = float64(sample.OutputLogprobs[i])
				}
				seq, mask, q = append(seq, id), append(mask, 1), append(q, lp)
			}
			if len(seq) > fakeContext {
				return nil, refuse(op, hud.CodeValidation, 422, "inputs[%d]: got %d tokens, want at most %d", k, len(seq), fakeContext)
			}
		}
		flush()
	}
	size := groupSize
	if size == 0 {
		size = len(inputs)
	}
	adv, constant := make([]float64, len(inputs)), make([]bool, len(inputs))
	for g := 0; g < len(inputs); g += size {
		group := d.raw[g : g+size]
		equal, sum := true, 0.0
		for _, r := range group {
			equal = equal && r == group[0]
			sum += r
		}
		if equal {
			d.spreads++
		}
		for i := range size {
			constant[g+i] = equal
			if !equal {
				adv[g+i] = scale * (group[i] - sum/float64(size))
			}
		}
	}
	for _, k := range p.TrajIdx {
		p.Reward = append(p.Reward, scale*d.raw[k])
		group := -1
		if groupSize > 0 {
			group = k / groupSize
		}
		p.GroupIdx = append(p.GroupIdx, group)
		d.adv, d.constant = append(d.adv, adv[k]), append(d.constant, constant[k])
	}
	return d, nil
}

func (f *Fake) trajectory(op string, k int, in hud.TrainInput) ([]hud.TrajectorySample, float64, error) {
	if in.Payload == nil && in.TraceID == "" {
		return nil, 0, refuse(op, hud.CodeValidation, 422, "inputs[%d]: got neither a trace id nor a payload", k)
	}
	if in.Payload != nil {
		if len(in.Payload.Samples) == 0 {
			return nil, 0, refuse(op, hud.CodeValidation, 422, "inputs[%d]: samples: got 0, want at least 1", k)
		}
		return in.Payload.Samples, in.Payload.Reward, nil
	}
	tr := f.traces[traceKey(in.TraceID)]
	if tr == nil {
		return nil, 0, refuse(op, hud.CodeNotFound, 404, "inputs[%d]: trace %q: not found", k, in.TraceID)
	}
	if len(tr.samples) == 0 || tr.reward == nil || tr.stop == hud.StopTimeout {
		return nil, 0, refuse(op, hud.CodeValidation, 422, "inputs[%d]: trace %q has no tokens or no reward", k, in.TraceID)
	}
	return tr.samples, *tr.reward, nil
}

// flatten makes a flat prompt of text chunks, which win over one given.
func flatten(op string, k, i int, s hud.TrajectorySample) (hud.TrajectorySample, error) {
	if len(s.PromptChunks) > 0 {
		s.PromptTokenIDs = nil
	}
	for _, raw := range s.PromptChunks {
		var chunk struct {
			Type   string
			Tokens []int
		}
		if err := json.Unmarshal(raw, &chunk); err != nil || chunk.Type != "encoded_text" {
			return s, refuse(op, hud.CodeValidation, 422, "inputs[%d]: samples[%d]: prompt_chunks: got %s, want encoded_text", k, i, raw)
		}
		s.PromptTokenIDs = append(s.PromptTokenIDs, chunk.Tokens...)
	}
	return s, nil
}

func checkFakeSample(op string, k, i int, s hud.TrajectorySample, reward float64, needLogprobs bool) error {
	bad := func(what string) error {
		return refuse(op, hud.CodeValidation, 422, "inputs[%d]: samples[%d]: %s", k, i, what)
	}
	if math.IsNaN(reward) || math.IsInf(reward, 0) {
		return bad("reward: not a finite number")
	}
	if len(s.PromptTokenIDs) == 0 || len(s.OutputTokenIDs) == 0 {
		return bad("an empty prompt or output")
	}
	if n := len(s.OutputLogprobs); n != len(s.OutputTokenIDs) && (needLogprobs || n > 0) {
		return bad("output_logprobs: not one per output token")
	}
	for _, id := range slices.Concat(s.PromptTokenIDs, s.OutputTokenIDs) {
		if id < 0 || id >= fakeVocab {
			return bad("token " + strconv.Itoa(id) + " is outside the vocabulary")
		}
	}
	for _, lp := range s.OutputLogprobs {
		if x := float64(lp); math.IsNaN(x) || math.IsInf(x, 0) {
			return bad("output_logprobs: not a finite number")
		}
	}
	return nil
}

// coefficient is −dloss/dlp of one action token.
type coefficient func(lp, q, adv float64) (loss, weight float64)

// fakeLoss has the built-in losses by Tinker's formulas.
func fakeLoss(op, name string, config map[string]float64) (coefficient, error) {
	allowed := map[string][]string{
		hud.LossCrossEntropy: nil, hud.LossImportanceSampling: nil,
		hud.LossPPO: {"clip_low_threshold", "clip_high_threshold"}, hud.LossCISPO: {"clip_low_threshold", "clip_high_threshold"},
		hud.LossDRO: {"beta"},
	}
	keys, known := allowed[name]
	if !known {
		return nil, refuse(op, hud.CodeValidation, 422, "loss_fn: got %q, want a built-in loss", name)
	}
	for k, v := range config {
		if !slices.Contains(keys, k) || math.IsNaN(v) {
			return nil, refuse(op, hud.CodeValidation, 422, "loss_fn_config: %s: setting %q: got %v", name, k, v)
		}
	}
	set := func(key string, def float64) float64 {
		if v, ok := config[key]; ok {
			return v
		}
		return def
	}
	switch name {
	case hud.LossCrossEntropy:
		return func(lp, _, _ float64) (float64, float64) { return -lp, 1 }, nil
	case hud.LossImportanceSampling:
		return func(lp, q, a float64) (float64, float64) { r := math.Exp(lp - q); return -r * a, r * a }, nil
	case hud.LossPPO:
		lo, hi := set("clip_low_threshold", 0.8), set("clip_high_threshold", 1.2)
		return func(lp, q, a float64) (float64, float64) {
			r := math.Exp(lp - q)
			clipped := min(max(r, lo), hi) * a
			if r*a <= clipped {
				return -r * a, r * a
			}
			return -clipped, 0
		}, nil
	case hud.LossCISPO:
		lo, hi := set("clip_low_threshold", 0), set("clip_high_threshold", 4)
		return func(lp, q, a float64) (float64, float64) {
			r := min(max(math.Exp(lp-q), lo), hi)
			return -r * lp * a, r * a
		}, nil
	}
	beta := set("beta", 0.05)
	return func(lp, q, a float64) (float64, float64) {
		return -(lp*a - beta/2*(lp-q)*(lp-q)), a - beta*(lp-q)
	}, nil
}

// ForwardBackward accumulates a built-in loss.
func (f *Fake) ForwardBackward(ctx context.Context, id string, req *hud.ForwardBackwardRequest) (*hud.ForwardBackwardResult, error) {
	return call(ctx, f, "forward_backward", id, req, func() (*hud.ForwardBackwardResult, error) {
		const op = "forward_backward"
		m, err := f.model(op, id)
		if err != nil {
			return nil, err
		}
		name := req.LossFn
		if name == "" {
			name = hud.LossImportanceSampling
		}
		loss, err := fakeLoss(op, name, req.LossFnConfig)
		if err != nil {
			return nil, err
		}
		if req.NumSubsteps < 0 {
			return nil, refuse(op, hud.CodeValidation, 422, "num_substeps: got %d, want at least 1 (or 0 for the default)", req.NumSubsteps)
		}
		ratio := name != hud.LossCrossEntropy
		d, err := f.build(op, req.Inputs, req.GroupSize, req.RewardScale, m.now, ratio)
		if err != nil {
			return nil, err
		}
		total := 0.0
		p := d.packed
		for i := range p.Len() {
			if ratio && name != hud.LossDRO && d.adv[i] == 0 {
				continue
			}
			m.pending = true
			lo, hi := p.Range(i)
			for t := lo; t < hi; t++ {
				if p.Mask[t] == 0 {
					continue
				}
				lp := m.now.logprobs(d.input[t])[d.target[t]]
				l, w := loss(lp, float64(p.SamplingLogprobs[t]), d.adv[i])
				total += l
				m.now.backward(m.grad, d.input[t], d.target[t], -w)
			}
		}
		m.account(d, name)
		return &hud.ForwardBackwardResult{NumDatums: p.Len(), Metrics: map[string]float64{
			"loss:sum": total, "tokens:sum": float64(p.Tokens()), "groups_no_spread:sum": float64(d.spreads),
		}}, nil
	})
}

func (m *fakeModel) account(d *datums, loss string) {
	m.stats.rewards = append(m.stats.rewards, d.raw...)
	m.stats.datums += d.packed.Len()
	m.stats.tokens += d.packed.Tokens()
	m.stats.lossFn = loss
}

// Forward computes logprobs and keeps the pass for Backward.
func (f *Fake) Forward(ctx context.Context, id string, req *hud.ForwardRequest) (*hud.ForwardResult, error) {
	return call(ctx, f, "forward", id, req, func() (*hud.ForwardResult, error) {
		const op = "forward"
		m, err := f.model(op, id)
		if err != nil {
			return nil, err
		}
		w, _, err := f.weights(op, m, req.Checkpoint)
		if err != nil {
			return nil, err
		}
		d, err := f.build(op, req.Inputs, req.GroupSize, req.RewardScale, w, false)
		if err != nil {
			return nil, err
		}
		res := &hud.ForwardResult{Data: d.packed}
		if req.Checkpoint == "" {
			f.noID++
			res.ForwardID = "forward-" + strconv.Itoa(f.noID)
			m.passes[res.ForwardID] = &fakePass{data: d}
		}
		return res, nil
	})
}

// Backward accumulates a caller's gradient.
func (f *Fake) Backward(ctx context.Context, id string, req *hud.BackwardRequest) (*hud.ForwardBackwardResult, error) {
	return call(ctx, f, "backward", id, req, func() (*hud.ForwardBackwardResult, error) {
		const op = "backward"
		m, err := f.model(op, id)
		if err != nil {
			return nil, err
		}
		pass := m.passes[req.ForwardID]
		if pass == nil {
			n, err := strconv.Atoi(trimForward(req.ForwardID))
			if err == nil && n <= f.noID {
				return nil, refuse(op, hud.CodeConflict, 409, "forward_id %q: used, or stale after a step or head change", req.ForwardID)
			}
			return nil, refuse(op, hud.CodeNotFound, 404, "forward_id %q: not found", req.ForwardID)
		}
		p := pass.data.packed
		if len(req.Weights) != p.Len() {
			return nil, refuse(op, hud.CodeValidation, 422, "weights: got %d datums, want %d", len(req.Weights), p.Len())
		}
		for i, row := range req.Weights {
			lo, hi := p.Range(i)
			if len(row) != hi-lo {
				return nil, refuse(op, hud.CodeValidation, 422, "weights[%d]: got %d values, want %d", i, len(row), hi-lo)
			}
			for t, w := range row {
				if x := float64(w); math.IsNaN(x) || math.IsInf(x, 0) {
					return nil, refuse(op, hud.CodeValidation, 422, "weights[%d][%d]: got %v, want a finite number", i, t, w)
				}
			}
		}
		delete(m.passes, req.ForwardID)
		total := 0.0
		for i, row := range req.Weights {
			lo, _ := p.Range(i)
			for t, w := range row {
				if w == 0 {
					continue
				}
				m.pending = true
				in, target := pass.data.input[lo+t], pass.data.target[lo+t]
				total -= float64(w) * m.now.logprobs(in)[target]
				m.now.backward(m.grad, in, target, -float64(w))
			}
		}
		m.account(pass.data, "custom")
		res := &hud.ForwardBackwardResult{NumDatums: len(req.Weights), Metrics: map[string]float64{"loss:sum": total}}
		for k, v := range req.Metrics {
			res.Metrics[k] = v
		}
		return res, nil
	})
}

func trimForward(id string) string {
	if len(id) > 8 && id[:8] == "forward-" {
		return id[8:]
	}
	return id
}

// OptimStep steps, saves and promotes, or refuses and leaves the head.
func (f *Fake) OptimStep(ctx context.Context, id string, req *hud.OptimStepRequest) (*hud.OptimStepResult, error) {
	return call(ctx, f, "optim_step", id, req, func() (*hud.OptimStepResult, error) {
		const op = "optim_step"
		m, err := f.model(op, id)
		if err != nil {
			return nil, err
		}
		if !(req.LearningRate > 0) || req.WeightDecay < 0 {
			return nil, refuse(op, hud.CodeValidation, 422, "learning_rate %v, weight_decay %v: want above 0 and at least 0", req.LearningRate, req.WeightDecay)
		}
		if got := m.stats.datums; got < req.MinDatums {
			m.clear("some of them were lost")
			return nil, refuse(op, hud.CodeConflict, 409, "got %d accumulated datums, want at least %d", got, req.MinDatums)
		}
		if !m.pending {
			return nil, refuse(op, hud.CodeNoGradient, 409, "no accumulated gradients%s", reason(m.why))
		}
		norm := 0.0
		for _, g := range m.grad {
			norm += g * g
		}
		if math.IsNaN(norm) || math.IsInf(norm, 0) {
			m.clear("they were not finite")
			return nil, refuse(op, hud.CodeServer, 500, "the gradient is not finite")
		}
		next := m.now.clone()
		next.adamw(m.grad, req)
		return m.promote(next, req, map[string]float64{"grad_norm": math.Sqrt(norm)}), nil
	})
}

func reason(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}
