package hudtest

import (
	"math"

	"github.com/hudrl/hudrl/runtime/hud"
)

var stepChecks = []check{
	{"optim_step/is an atomic step, save and promotion", func(s *suite) {
		ctx, m := s.Context(), s.fork()
		s.noGradient("a fresh fork", m)
		inputs := s.sampled(m, mixed(), onPolicy)
		prev := ""
		for n := 1; n <= 3; n++ {
			s.forwardBackward(m, pass(hud.LossPPO, 2, inputs...))
			res := s.optimStep(m)
			if res.Step != n || res.CheckpointID == "" || res.SamplerPath == "" || res.StatePath == "" || res.Model == "" {
				s.Errorf("got %+v, want step %d and every name", res, n)
			}
			if got := s.head(m); got != res.CheckpointID {
				s.Errorf("the head is %q after the step to %q", got, res.CheckpointID)
			}
			s.noGradient("after a step", m)
			tree := try(s, "checkpoints", func() ([]hud.Checkpoint, error) { return s.svc.Checkpoints(ctx, m.ID) })
			if len(tree) != n {
				s.Fatalf("got %d checkpoints after %d steps", len(tree), n)
			}
			c := tree[n-1]
			if c.ID != res.CheckpointID || c.PrevModelCheckpointID != prev || !c.IsActive {
				s.Errorf("got %+v last, want %s after %q, active", c, res.CheckpointID, prev)
			}
			if c.Name == "" || c.CheckpointName == "" || c.CreatedAt.IsZero() || c.LossFn != hud.LossPPO {
				s.Errorf("got %+v, want a name, a checkpoint_name, a time and the loss", c)
			}
			s.checkedMetrics("checkpoint", c.Metrics)
			datums, tokens := 5, 6+4+2+4+4 // of the inputs: a sequence without its last token
			if s.SeparateTurns {
				datums, tokens = 6, 3+6+4+2+4+4
			}
			for _, count := range []struct {
				name string
				got  *int
				want int
			}{{"num_traces", c.NumTraces, 4}, {"num_datums", c.NumDatums, datums}, {"num_tokens", c.NumTokens, tokens}} {
				if count.got == nil || *count.got != count.want {
					s.Errorf("%s: got %v, want %d", count.name, deref(count.got), count.want)
				}
			}
			// (1 + 0 + 0.25 + 2) / 4.
			if c.MeanReward == nil || math.Abs(*c.MeanReward-0.8125) > 1e-9 || c.LearningRate == nil || *c.LearningRate != gentle.LearningRate {
				s.Errorf("got mean_reward %v and learning_rate %v, want 0.8125 and %v", deref(c.MeanReward), deref(c.LearningRate), gentle.LearningRate)
			}
			prev = c.ID
		}
	}},
	{"optim_step/hyperparameters that make no sense are refused and cost nothing", func(s *suite) {
		m := s.fork()
		s.forwardBackward(m, pass(hud.LossCrossEntropy, 0, mixed()...))
		for name, spoil := range map[string]func(*hud.OptimStepRequest){
			"learning_rate 0":    func(r *hud.OptimStepRequest) { r.LearningRate = 0 },
			"learning_rate -1":   func(r *hud.OptimStepRequest) { r.LearningRate = -1 },
			"weight_decay -0.01": func(r *hud.OptimStepRequest) { r.WeightDecay = -0.01 },
		} {
			req := gentle
			spoil(&req)
			_, err := s.svc.OptimStep(s.Context(), m.ID, &req)
			s.refused(name, err, hud.CodeValidation)
		}
		if res := s.optimStep(m); res.Step != 1 {
			s.Errorf("got step %d after refused ones, want 1", res.Step)
		}
	}},
	{"optim_step/is refused where fewer datums accumulated than the caller knows of", func(s *suite) {
		m := s.fork()
		req, datums := gentle, 0
		for range 2 {
			datums += s.forwardBackward(m, pass(hud.LossCrossEntropy, 0, mixed()...)).NumDatums
		}
		req.MinDatums = datums + 1
		_, err := s.svc.OptimStep(s.Context(), m.ID, &req)
		s.refused("min_datums", err, hud.CodeConflict)
		if head := s.head(m); head != "" {
			s.Errorf("the refused step made %q the head", head)
		}
		// Nothing of the step that was refused is in the next one.
		_, err = s.svc.OptimStep(s.Context(), m.ID, &gentle)
		s.refused("nothing left", err, hud.CodeNoGradient)
		for range 2 {
			s.forwardBackward(m, pass(hud.LossCrossEntropy, 0, mixed()...))
		}
		req.MinDatums = datums
		try(s, "optim_step", func() (*hud.OptimStepResult, error) { return s.svc.OptimStep(s.Context(), m.ID, &req) })
	}},
	{"optim_step/weight decay is decoupled", func(s *suite) {
		a, b := s.fork(), s.fork()
		for m, decay := range map[hud.Model]float64{a: 0, b: 0.5} {
			s.forwardBackward(m, pass(hud.LossCrossEntropy, 0, mixed()...))
			req := gentle
			req.WeightDecay = decay
			try(s, "optim_step", func() (*hud.OptimStepResult, error) { return s.svc.OptimStep(s.Context(), m.ID, &req) })
		}
		s.moved("weight decay", s.probe(a), s.probe(b))
	}},
	{"set_head/rolls back weights and optimizer, and steps count on", func(s *suite) {
		ctx, m := s.Context(), s.fork()
		inputs := s.sampled(m, mixed(), onPolicy)
		var ids []string
		probes := [][]float32{s.probe(m)}
		for range 4 {
			s.forwardBackward(m, pass(hud.LossImportanceSampling, 2, inputs...))
			ids = append(ids, s.optimStep(m).CheckpointID)
			probes = append(probes, s.probe(m))
		}
		if err := s.svc.SetHead(ctx, m.ID, ids[1]); err != nil {
			s.Fatal(err)
		}
		if got := s.head(m); got != ids[1] {
			s.Errorf("the head is %q after set_head to %q", got, ids[1])
		}
		s.near("rolled back to step 2", s.probe(m), probes[2], 0)
		// The batch that made step 3 makes it again, moments and all, under a
		// new number and a new parent.
		s.forwardBackward(m, pass(hud.LossImportanceSampling, 2, inputs...))
		res := s.optimStep(m)
		if res.Step != 5 {
			s.Errorf("got step %d after four steps and a rollback, want 5", res.Step)
		}
		s.near("step 3 again", s.probe(m), probes[3], s.Tolerance)
		tree := try(s, "checkpoints", func() ([]hud.Checkpoint, error) { return s.svc.Checkpoints(ctx, m.ID) })
		if last := tree[len(tree)-1]; len(tree) != 5 || last.ID != res.CheckpointID || last.PrevModelCheckpointID != ids[1] {
			s.Errorf("got %d checkpoints, the last %s after %s, want 5, %s after %s", len(tree), last.ID, last.PrevModelCheckpointID, res.CheckpointID, ids[1])
		}
	}},
	{"set_head/discards pending gradients", func(s *suite) {
		m := s.fork()
		s.forwardBackward(m, pass(hud.LossCrossEntropy, 0, mixed()...))
		id := s.optimStep(m).CheckpointID
		s.forwardBackward(m, pass(hud.LossCrossEntropy, 0, mixed()...))
		if err := s.svc.SetHead(s.Context(), m.ID, id); err != nil {
			s.Fatal(err)
		}
		s.noGradient("after set_head", m)
	}},
	{"set_head/only within the model's tree", func(s *suite) {
		a, b := s.fork(), s.fork()
		s.forwardBackward(a, pass(hud.LossCrossEntropy, 0, mixed()...))
		theirs := s.optimStep(a).CheckpointID
		for _, id := range []string{theirs, unknownID, "", "hudtest"} {
			err := s.svc.SetHead(s.Context(), b.ID, id)
			s.refused("set_head "+id, err, hud.CodeNotFound, hud.CodeValidation)
		}
	}},
}

// deref is what p points to, for messages.
func deref[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}
