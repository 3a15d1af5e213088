package hudtest

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/hudrl/hudrl/runtime/hud"
)

// aligned are the worked examples of the protocol's section on token
// alignment and merging.
var aligned = []struct {
	name    string
	turns   []hud.TrajectorySample
	lengths []int // of the datums
	mask    []float32
	q       []float32
}{
	{
		"one turn",
		[]hud.TrajectorySample{{PromptTokenIDs: []int{1, 2}, OutputTokenIDs: []int{3, 4}, OutputLogprobs: []float32{-0.2, -0.1}}},
		[]int{3}, []float32{0, 1, 1}, []float32{0, -0.2, -0.1},
	},
	{
		"a prompt of one token",
		[]hud.TrajectorySample{{PromptTokenIDs: []int{1}, OutputTokenIDs: []int{3}, OutputLogprobs: []float32{-2}}},
		[]int{1}, []float32{1}, []float32{-2},
	},
	{
		"a second turn that extends the first",
		[]hud.TrajectorySample{
			{PromptTokenIDs: []int{1, 2}, OutputTokenIDs: []int{3, 4}, OutputLogprobs: []float32{-0.2, -0.1}},
			{PromptTokenIDs: []int{1, 2, 3, 4, 5, 6}, OutputTokenIDs: []int{7}, OutputLogprobs: []float32{-0.5}},
		},
		[]int{6}, []float32{0, 1, 1, 0, 0, 1}, []float32{0, -0.2, -0.1, 0, 0, -0.5},
	},
	{
		"a second turn that does not",
		[]hud.TrajectorySample{
			{PromptTokenIDs: []int{1, 2}, OutputTokenIDs: []int{3, 4}, OutputLogprobs: []float32{-0.2, -0.1}},
			{PromptTokenIDs: []int{9, 5, 6}, OutputTokenIDs: []int{7}, OutputLogprobs: []float32{-0.5}},
		},
		[]int{3, 3}, []float32{0, 1, 1, 0, 0, 1}, []float32{0, -0.2, -0.1, 0, 0, -0.5},
	},
	{
		"a shorter second prompt",
		[]hud.TrajectorySample{
			{PromptTokenIDs: []int{1, 2}, OutputTokenIDs: []int{3, 4}, OutputLogprobs: []float32{-0.2, -0.1}},
			{PromptTokenIDs: []int{1, 2, 3}, OutputTokenIDs: []int{7}, OutputLogprobs: []float32{-0.5}},
		},
		[]int{3, 3}, []float32{0, 1, 1, 0, 0, 1}, []float32{0, -0.2, -0.1, 0, 0, -0.5},
	},
	{
		"no logprobs",
		[]hud.TrajectorySample{{PromptTokenIDs: []int{1, 2}, OutputTokenIDs: []int{3, 4}}},
		[]int{3}, []float32{0, 1, 1}, []float32{0, 0, 0},
	},
}

var forwardChecks = []check{
	{"forward/tokens are aligned and turns merged", func(s *suite) {
		m := s.fork()
		for _, tt := range aligned {
			if s.SeparateTurns && len(tt.turns) > 1 && len(tt.lengths) == 1 {
				continue
			}
			res := s.forward(m, []hud.TrainInput{trajectory(1, tt.turns...)}, 0)
			p := res.Data
			if res.ForwardID == "" {
				s.Errorf("%s: no forward_id", tt.name)
			}
			var lengths []int
			for d := range p.Len() {
				lo, hi := p.Range(d)
				lengths = append(lengths, hi-lo)
				if p.TrajIdx[d] != 0 || p.GroupIdx[d] != -1 || p.Reward[d] != 1 {
					s.Errorf("%s: datum %d: got trajectory %d, group %d, reward %v, want 0, none (-1), 1", tt.name, d, p.TrajIdx[d], p.GroupIdx[d], p.Reward[d])
				}
			}
			if !slices.Equal(lengths, tt.lengths) {
				s.Errorf("%s: got datums of %v positions, want %v", tt.name, lengths, tt.lengths)
				continue
			}
			if !slices.Equal(p.Mask, tt.mask) || !slices.Equal(p.SamplingLogprobs, tt.q) {
				s.Errorf("%s: got mask %v and sampling logprobs %v, want %v and %v", tt.name, p.Mask, p.SamplingLogprobs, tt.mask, tt.q)
			}
			for i, lp := range p.Logprobs {
				if math.IsNaN(float64(lp)) || math.IsInf(float64(lp), 0) || lp > 0 {
					s.Errorf("%s: position %d: logprob %v, want a finite number of at most 0", tt.name, i, lp)
				}
			}
		}
	}},
	{"forward/indices and scaled rewards", func(s *suite) {
		m := s.fork()
		res := try(s, "forward", func() (*hud.ForwardResult, error) {
			return s.svc.Forward(s.Context(), m.ID, &hud.ForwardRequest{Inputs: mixed(), GroupSize: 2, RewardScale: 4})
		})
		p := res.Data
		rewards := []float64{4, 0, 1, 8} // four times those of mixed
		seen := map[int]int{}
		for d, k := range p.TrajIdx {
			seen[k]++
			if p.GroupIdx[d] != k/2 || p.Reward[d] != rewards[k] {
				s.Errorf("datum %d of trajectory %d: got group %d, reward %v, want %d, %v", d, k, p.GroupIdx[d], p.Reward[d], k/2, rewards[k])
			}
			if d > 0 && k < p.TrajIdx[d-1] {
				s.Errorf("datum %d of trajectory %d comes after one of %d", d, k, p.TrajIdx[d-1])
			}
		}
		want := map[int]int{0: 1, 1: 1, 2: 2, 3: 1}
		if s.SeparateTurns {
			want[0] = 2
		}
		for k, n := range want {
			if seen[k] != n {
				s.Errorf("trajectory %d has %d datums, want %d", k, seen[k], n)
			}
		}
	}},
	{"forward/logprobs do not depend on the batch", func(s *suite) {
		m := s.fork()
		all := s.forward(m, mixed(), 0).Data.Logprobs
		var one []float32
		for _, in := range mixed() {
			one = append(one, s.forward(m, []hud.TrainInput{in}, 0).Data.Logprobs...)
		}
		s.near("alone and in a batch", one, all, s.Tolerance)
	}},
	{"forward/encoded text chunks are the prompt", func(s *suite) {
		m := s.fork()
		chunked := turn([]int{9}, []int{3, 4})
		chunked.PromptChunks = []json.RawMessage{json.RawMessage(`{"type":"encoded_text","tokens":[1]}`), json.RawMessage(`{"type":"encoded_text","tokens":[2]}`)}
		res := s.forward(m, []hud.TrainInput{trajectory(1, chunked)}, 0)
		flat := s.forward(m, []hud.TrainInput{trajectory(1, turn([]int{1, 2}, []int{3, 4}))}, 0)
		s.near("chunks and a flat prompt", res.Data.Logprobs, flat.Data.Logprobs, s.Tolerance)
	}},
	{"forward/reference logprobs", func(s *suite) {
		ctx, m := s.Context(), s.fork()
		before := s.probe(m)
		s.forwardBackward(m, pass(hud.LossCrossEntropy, 0, mixed()...))
		first := s.optimStep(m)
		after := s.probe(m)
		s.moved("a step", before, after)
		s.forwardBackward(m, pass(hud.LossCrossEntropy, 0, mixed()...))
		s.optimStep(m)
		reference := func(name string) (*hud.ForwardResult, error) {
			return s.svc.Forward(ctx, m.ID, &hud.ForwardRequest{Inputs: mixed(), RewardScale: 1, Checkpoint: name})
		}
		for name, want := range map[string][]float32{s.base.ModelName: before, s.base.ID: before, first.CheckpointID: after} {
			res, err := reference(name)
			if err != nil {
				s.Errorf("reference %s: %v", name, err)
				continue
			}
			s.near("reference "+name, res.Data.Logprobs, want, s.Tolerance)
			if res.ForwardID != "" {
				s.Errorf("reference %s: got the forward_id %q, want none: it cannot be differentiated", name, res.ForwardID)
			}
		}
		_, err := reference("hudtest-nowhere")
		s.refused("an unknown reference", err, hud.CodeNotFound)
	}},
	{"inputs/bad ones are refused and accumulate nothing", func(s *suite) {
		ctx, m := s.Context(), s.fork()
		nan, inf := float32(math.NaN()), float32(math.Inf(1))
		one := func(f func(p *hud.TrajectoryPayload)) []hud.TrainInput {
			in := trajectory(1, hud.TrajectorySample{PromptTokenIDs: []int{1, 2}, OutputTokenIDs: []int{3, 4}, OutputLogprobs: []float32{-0.2, -0.1}})
			f(in.Payload)
			return []hud.TrainInput{trajectory(0, hud.TrajectorySample{PromptTokenIDs: []int{1}, OutputTokenIDs: []int{2}, OutputLogprobs: []float32{-1}}), in}
		}
		bad := map[string][]hud.TrainInput{
			"no inputs":            nil,
			"neither id nor load":  {{}},
			"no samples":           one(func(p *hud.TrajectoryPayload) { p.Samples = nil }),
			"no prompt":            one(func(p *hud.TrajectoryPayload) { p.Samples[0].PromptTokenIDs = nil }),
			"no output":            one(func(p *hud.TrajectoryPayload) { p.Samples[0].OutputTokenIDs, p.Samples[0].OutputLogprobs = nil, nil }),
			"negative token":       one(func(p *hud.TrajectoryPayload) { p.Samples[0].PromptTokenIDs[0] = -1 }),
			"token out of range":   one(func(p *hud.TrajectoryPayload) { p.Samples[0].OutputTokenIDs[1] = 1 << 30 }),
			"NaN reward":           one(func(p *hud.TrajectoryPayload) { p.Reward = math.NaN() }),
			"infinite reward":      one(func(p *hud.TrajectoryPayload) { p.Reward = math.Inf(-1) }),
			"NaN logprob":          one(func(p *hud.TrajectoryPayload) { p.Samples[0].OutputLogprobs[1] = nan }),
			"infinite logprob":     one(func(p *hud.TrajectoryPayload) { p.Samples[0].OutputLogprobs[0] = inf }),
			"a logprob is missing": one(func(p *hud.TrajectoryPayload) { p.Samples[0].OutputLogprobs = []float32{-1} }),
			"an image": one(func(p *hud.TrajectoryPayload) {
				p.Samples[0].PromptChunks = []json.RawMessage{json.RawMessage(`{"type":"image","data":"","format":"png"}`)}
			}),
		}
		if s.MaxContext > 0 {
			long := make([]int, s.MaxContext+1)
			bad["a sequence past the context"] = one(func(p *hud.TrajectoryPayload) { p.Samples[0].PromptTokenIDs = long })
		}
		for name, inputs := range bad {
			_, err := s.svc.ForwardBackward(ctx, m.ID, pass(hud.LossImportanceSampling, 0, inputs...))
			s.refused("forward_backward: "+name, err, hud.CodeValidation)
			_, err = s.svc.Forward(ctx, m.ID, &hud.ForwardRequest{Inputs: inputs, RewardScale: 1})
			s.refused("forward: "+name, err, hud.CodeValidation)
		}
		good := one(func(*hud.TrajectoryPayload) {})
		requests := map[string]*hud.ForwardBackwardRequest{
			"ragged groups":         pass(hud.LossImportanceSampling, 2, append(good, good[0])...),
			"a negative group_size": pass(hud.LossImportanceSampling, -1, good...),
			"num_substeps -1":       {Inputs: good, LossFn: hud.LossImportanceSampling, RewardScale: 1, NumSubsteps: -1},
			"an unknown loss":       pass("hudtest_loss", 0, good...),
			"an unknown setting":    {Inputs: good, LossFn: hud.LossPPO, LossFnConfig: map[string]float64{"hudtest": 1}, RewardScale: 1, NumSubsteps: 1},
			"a setting of another loss": {Inputs: good, LossFn: hud.LossImportanceSampling, LossFnConfig: map[string]float64{"beta": 1},
				RewardScale: 1, NumSubsteps: 1},
			"a NaN setting":  {Inputs: good, LossFn: hud.LossDRO, LossFnConfig: map[string]float64{"beta": math.NaN()}, RewardScale: 1, NumSubsteps: 1},
			"a NaN scale":    {Inputs: good, LossFn: hud.LossImportanceSampling, RewardScale: math.NaN(), NumSubsteps: 1},
			"no logprobs":    pass(hud.LossDRO, 0, mixed()...),
			"no logprobs IS": pass(hud.LossImportanceSampling, 0, mixed()...),
		}
		for name, req := range requests {
			_, err := s.svc.ForwardBackward(ctx, m.ID, req)
			s.refused("forward_backward: "+name, err, hud.CodeValidation)
		}
		_, err := s.svc.Forward(ctx, m.ID, &hud.ForwardRequest{Inputs: append(good, good[0]), GroupSize: 2, RewardScale: 1})
		s.refused("forward: ragged groups", err, hud.CodeValidation)
		s.noGradient("after refused passes", m)
	}},
}

var backwardChecks = []check{
	{"backward/weights raise the logprobs they are positive on, masked or not", func(s *suite) {
		m := s.fork()
		inputs := []hud.TrainInput{trajectory(1, turn([]int{1, 2}, []int{3, 4}))}
		for position := range 3 { // position 0 is an observation
			fwd := s.forward(m, inputs, 0)
			w := []float32{0, 0, 0}
			w[position] = 1
			res := try(s, "backward", func() (*hud.ForwardBackwardResult, error) {
				return s.svc.Backward(s.Context(), m.ID, &hud.BackwardRequest{ForwardID: fwd.ForwardID, Weights: [][]float32{w}, Metrics: map[string]float64{"mine": 3}})
			})
			s.checkedMetrics("backward", res.Metrics)
			if res.NumDatums != 1 || res.Metrics["mine"] != 3 {
				s.Errorf("got %+v, want one datum and the caller's metric", res)
			}
			s.optimStep(m)
			before, after := fwd.Data.Logprobs[position], s.forward(m, inputs, 0).Data.Logprobs[position]
			if !(after > before) {
				s.Errorf("position %d: the logprob went from %v to %v, want it raised", position, before, after)
			}
		}
	}},
	{"backward/weights of 0 accumulate nothing", func(s *suite) {
		m := s.fork()
		fwd := s.forward(m, mixed(), 2)
		try(s, "backward", func() (*hud.ForwardBackwardResult, error) {
			return s.svc.Backward(s.Context(), m.ID, &hud.BackwardRequest{ForwardID: fwd.ForwardID, Weights: cut(fwd.Data, make([]float32, fwd.Data.Tokens()))})
		})
		s.noGradient("a backward of zeros", m)
	}},
	{"backward/weights of the wrong shape are refused", func(s *suite) {
		m := s.fork()
		fwd := s.forward(m, mixed(), 0)
		ones := make([]float32, fwd.Data.Tokens())
		for i := range ones {
			ones[i] = 1
		}
		good := cut(fwd.Data, ones)
		nan, inf := clone(good), clone(good)
		nan[1][0], inf[0][0] = float32(math.NaN()), float32(math.Inf(1))
		short, long := clone(good), clone(good)
		short[0], long[1] = short[0][1:], append(long[1], 1)
		for name, w := range map[string][][]float32{
			"none": nil, "one datum too few": good[1:], "one too many": append(clone(good), []float32{1}), "short": short, "long": long, "NaN": nan, "Inf": inf,
		} {
			_, err := s.svc.Backward(s.Context(), m.ID, &hud.BackwardRequest{ForwardID: fwd.ForwardID, Weights: w})
			s.refused("weights: "+name, err, hud.CodeValidation)
		}
		s.noGradient("after refused weights", m)
	}},
	{"backward/a forward pass serves once, and not after a step or a head change", func(s *suite) {
		ctx, m := s.Context(), s.fork()
		back := func(fwd *hud.ForwardResult) error {
			w := make([]float32, fwd.Data.Tokens())
			for i := range w {
				w[i] = 1
			}
			_, err := s.svc.Backward(ctx, m.ID, &hud.BackwardRequest{ForwardID: fwd.ForwardID, Weights: cut(fwd.Data, w)})
			return err
		}
		once := s.forward(m, mixed(), 0)
		if err := back(once); err != nil {
			s.Fatal(err)
		}
		s.refused("a second backward", back(once), hud.CodeConflict, hud.CodeNotFound)
		stale := s.forward(m, mixed(), 0)
		first := s.optimStep(m)
		s.refused("after a step", back(stale), hud.CodeConflict, hud.CodeNotFound)
		stale = s.forward(m, mixed(), 0)
		if err := s.svc.SetHead(ctx, m.ID, first.CheckpointID); err != nil {
			s.Fatal(err)
		}
		s.refused("after set_head", back(stale), hud.CodeConflict, hud.CodeNotFound)
		s.refused("an unknown forward_id", back(&hud.ForwardResult{ForwardID: "hudtest", Data: stale.Data}), hud.CodeNotFound, hud.CodeConflict)
		other := s.fork()
		theirs := s.forward(other, mixed(), 0)
		s.refused("another model's forward_id", back(theirs), hud.CodeNotFound, hud.CodeConflict)
		s.noGradient("after refused backwards", m)
	}},
	{"backward/a forward pass may outlive other passes", func(s *suite) {
		m := s.fork()
		fwd := s.forward(m, mixed(), 0)
		s.forwardBackward(m, pass(hud.LossCrossEntropy, 0, mixed()...))
		w := make([]float32, fwd.Data.Tokens())
		w[0] = 1
		if _, err := s.svc.Backward(s.Context(), m.ID, &hud.BackwardRequest{ForwardID: fwd.ForwardID, Weights: cut(fwd.Data, w)}); err != nil {
			s.Errorf("backward after another pass: %v", err)
		}
		s.optimStep(m)
	}},
}

// cut slices packed values by datum.
func cut(p *hud.Packed, packed []float32) [][]float32 {
	out := make([][]float32, p.Len())
	for d := range out {
		lo, hi := p.Range(d)
		out[d] = packed[lo:hi:hi]
	}
	return out
}

func clone(w [][]float32) [][]float32 {
	out := make([][]float32, len(w))
	for i, row := range w {
		out[i] = slices.Clone(row)
	}
	return out
}
