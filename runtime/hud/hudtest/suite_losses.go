package hudtest

import (
	"math"

	"github.com/hudrl/hudrl/runtime/hud"
)

// formulas are the built-in losses as Tinker documents them, per action
// token: the loss, and minus its derivative by the logprob. r is exp(lp − q).
var formulas = []struct {
	loss   string
	config map[string]float64
	token  func(lp, q, a float64) (loss, weight float64)
}{
	{hud.LossCrossEntropy, nil, func(lp, _, _ float64) (float64, float64) { return -lp, 1 }},
	{hud.LossImportanceSampling, nil, func(lp, q, a float64) (float64, float64) {
		r := math.Exp(lp - q)
		return -r * a, r * a
	}},
	{hud.LossPPO, nil, clipped(0.8, 1.2)},
	{hud.LossPPO, map[string]float64{"clip_low_threshold": 0.5, "clip_high_threshold": 3}, clipped(0.5, 3)},
	{hud.LossCISPO, nil, func(lp, q, a float64) (float64, float64) {
		r := min(math.Exp(lp-q), 4)
		return -r * lp * a, r * a
	}},
	{hud.LossCISPO, map[string]float64{"clip_low_threshold": 0.8, "clip_high_threshold": 1.2}, func(lp, q, a float64) (float64, float64) {
		r := min(max(math.Exp(lp-q), 0.8), 1.2)
		return -r * lp * a, r * a
	}},
	{hud.LossDRO, map[string]float64{"beta": 0.05}, quadratic(0.05)},
	{hud.LossDRO, map[string]float64{"beta": 2}, quadratic(2)},
}

func clipped(lo, hi float64) func(lp, q, a float64) (float64, float64) {
	return func(lp, q, a float64) (float64, float64) {
		r := math.Exp(lp - q)
		loss := -min(r*a, min(max(r, lo), hi)*a)
		if a > 0 && r > hi || a < 0 && r < lo {
			return loss, 0
		}
		return loss, r * a
	}
}

func quadratic(beta float64) func(lp, q, a float64) (float64, float64) {
	return func(lp, q, a float64) (float64, float64) {
		d := lp - q
		return -(lp*a - beta/2*d*d), a - beta*d
	}
}

// groupMeans are scale·(reward − group mean), by trajectory.
func groupMeans(inputs []hud.TrainInput, group int, scale float64) []float64 {
	if group == 0 {
		group = len(inputs)
	}
	out := make([]float64, len(inputs))
	for i := range out {
		mean := 0.0
		for _, in := range inputs[i-i%group : i-i%group+group] {
			mean += in.Payload.Reward / float64(group)
		}
		out[i] = scale * (inputs[i].Payload.Reward - mean)
	}
	return out
}

// byHand is a pass through Forward and Backward with the formula's weights.
func (s *suite) byHand(m hud.Model, req *hud.ForwardBackwardRequest, token func(lp, q, a float64) (float64, float64)) (loss float64) {
	s.Helper()
	fwd := s.forward(m, req.Inputs, req.GroupSize)
	p := fwd.Data
	adv := groupMeans(req.Inputs, req.GroupSize, req.RewardScale)
	packed := make([]float32, p.Tokens())
	for d := range p.Len() {
		lo, hi := p.Range(d)
		for i := lo; i < hi; i++ {
			if p.Mask[i] == 0 {
				continue
			}
			l, w := token(float64(p.Logprobs[i]), float64(p.SamplingLogprobs[i]), adv[p.TrajIdx[d]])
			loss += l
			packed[i] = float32(w)
		}
	}
	try(s, "backward", func() (*hud.ForwardBackwardResult, error) {
		return s.svc.Backward(s.Context(), m.ID, &hud.BackwardRequest{ForwardID: fwd.ForwardID, Weights: cut(p, packed), Metrics: map[string]float64{}})
	})
	return loss
}

// afterStep is the tolerance of logprobs after one step of equal gradients.
const afterStep = 5e-5

var lossChecks = []check{
	{"losses/values and gradients are the documented ones", func(s *suite) {
		source := s.fork()
		before := s.probe(source)
		inputs := s.sampled(source, mixed(), offPolicy)
		for _, f := range formulas {
			for _, group := range []int{0, 2} {
				a, b := s.fork(), s.fork()
				req := pass(f.loss, group, inputs...)
				req.LossFnConfig, req.RewardScale = f.config, 1.5
				res := s.forwardBackward(a, req)
				s.checkedMetrics(f.loss, res.Metrics)
				want := s.byHand(b, req, f.token)
				if got, ok := res.Metrics["loss:sum"]; !ok || math.Abs(got-want) > 1e-3*max(1, math.Abs(want)) {
					s.Errorf("%s %v, group %d: got loss:sum %v, want %v", f.loss, f.config, group, got, want)
				}
				wantDatums := 5
				if s.SeparateTurns {
					wantDatums = 6
				}
				if res.NumDatums != wantDatums {
					s.Errorf("%s: got %d datums, want %d", f.loss, res.NumDatums, wantDatums)
				}
				s.optimStep(a)
				s.optimStep(b)
				after := s.probe(b)
				s.moved(f.loss, before, after)
				s.near(f.loss, s.probe(a), after, afterStep)
			}
		}
	}},
	{"losses/cross_entropy takes samples without logprobs", func(s *suite) {
		a, b := s.fork(), s.fork()
		s.forwardBackward(a, pass(hud.LossCrossEntropy, 0, mixed()...))
		s.forwardBackward(b, pass(hud.LossCrossEntropy, 2, s.sampled(b, mixed(), offPolicy)...)) // logprobs, groups and rewards do not matter
		s.optimStep(a)
		s.optimStep(b)
		s.near("with and without logprobs", s.probe(a), s.probe(b), afterStep)
	}},
	{"losses/passes add up", func(s *suite) {
		a, b := s.fork(), s.fork()
		before := s.probe(a)
		inputs := s.sampled(a, mixed(), onPolicy)
		s.forwardBackward(a, pass(hud.LossImportanceSampling, 2, inputs...))
		s.forwardBackward(b, pass(hud.LossImportanceSampling, 2, inputs[:2]...))
		s.forwardBackward(b, pass(hud.LossImportanceSampling, 2, inputs[2:]...))
		s.optimStep(a)
		s.optimStep(b)
		s.moved("a step", before, s.probe(a))
		s.near("one pass and two", s.probe(b), s.probe(a), afterStep)
	}},
	{"losses/num_substeps only splits the work", func(s *suite) {
		a := s.fork()
		inputs := s.sampled(a, mixed(), offPolicy)
		want := s.forwardBackward(a, pass(hud.LossPPO, 2, inputs...))
		s.optimStep(a)
		after := s.probe(a)
		for _, n := range []int{2, 3, 100} {
			b := s.fork()
			req := pass(hud.LossPPO, 2, inputs...)
			req.NumSubsteps = n
			got := s.forwardBackward(b, req)
			if d := math.Abs(got.Metrics["loss:sum"] - want.Metrics["loss:sum"]); d > 1e-4 || got.NumDatums != want.NumDatums {
				s.Errorf("num_substeps %d: got %v over %d datums, want %v over %d", n, got.Metrics["loss:sum"], got.NumDatums, want.Metrics["loss:sum"], want.NumDatums)
			}
			if head := s.head(b); head != "" {
				s.Errorf("num_substeps %d stepped the optimizer", n)
			}
			s.optimStep(b)
			s.near("num_substeps", s.probe(b), after, afterStep)
		}
	}},
	{"losses/groups without spread accumulate nothing", func(s *suite) {
		m := s.fork()
		inputs := s.sampled(m, mixed(), offPolicy)
		constant := make([]hud.TrainInput, len(inputs))
		for i, in := range inputs {
			p := *in.Payload
			p.Reward = []float64{0.1, 0.1, 0.7, 0.7}[i]
			constant[i] = hud.TrainInput{Payload: &p}
		}
		for _, loss := range []string{hud.LossImportanceSampling, hud.LossPPO, hud.LossCISPO} {
			res := s.forwardBackward(m, pass(loss, 2, constant...))
			if res.Metrics["loss:sum"] != 0 || res.NumDatums < 5 {
				s.Errorf("%s: got loss:sum %v over %d datums, want 0 over all", loss, res.Metrics["loss:sum"], res.NumDatums)
			}
			s.noGradient(loss+" on constant groups", m)
			s.forwardBackward(m, pass(loss, 1, inputs...))
			s.noGradient(loss+" on groups of one", m)
			s.forwardBackward(m, pass(loss, 0, constant[:1]...))
			s.noGradient(loss+" on one trajectory", m)
		}
		// (0.1 + 0.1 + 0.1)/3 is not 0.1 in floating point: what counts is that
		// the rewards are equal.
		tenths := make([]hud.TrainInput, 3)
		for i := range tenths {
			p := *inputs[i].Payload
			p.Reward = 0.1
			tenths[i] = hud.TrainInput{Payload: &p}
		}
		s.forwardBackward(m, pass(hud.LossImportanceSampling, 0, tenths...))
		s.noGradient("three rewards of 0.1", m)
		zero := pass(hud.LossImportanceSampling, 2, inputs...)
		zero.RewardScale = 0
		s.forwardBackward(m, zero)
		s.noGradient("a reward_scale of 0", m)
		// Without groups the same rewards have spread; dro and cross_entropy
		// never need any.
		s.forwardBackward(m, pass(hud.LossImportanceSampling, 0, constant...))
		s.optimStep(m)
		for _, loss := range []string{hud.LossDRO, hud.LossCrossEntropy} {
			s.forwardBackward(m, pass(loss, 2, constant...))
			s.optimStep(m)
		}
	}},
}
