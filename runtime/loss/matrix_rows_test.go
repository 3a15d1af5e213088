package loss_test

import (
	"math/rand/v2"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// estimates shuffles groups and answers: the advantages go along.
func (x *trial) estimates() {
	if x.row.Kind == loss.KindController {
		x.not("of rewards", "masks", "padding", "order")
		x.yes("fused", true, "")
		return
	}
	if f := shaped[x.row.Name]; f != nil {
		x.shaped(f)
		return
	}
	info, err := loss.Estimator(x.row.Name)
	if err != nil {
		x.t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(5, 5))
	for range 5 {
		e := loss.Estimation{Options: map[string]float64{}}
		for k, v := range info.Options {
			if v != v { // needed
				e.Options[k] = 0.5
			}
		}
		for i := range 12 {
			reward := float64(r.IntN(7) - 2)
			if x.row.Name == "passk" {
				reward += float64(i) / 100 // of equals it takes the first
			}
			e.Reward = append(e.Reward, reward)
			e.Group, e.Traj = append(e.Group, i/4), append(e.Traj, i)
			if info.Length {
				e.Length = append(e.Length, 1+r.IntN(9))
			}
			if info.Values != "" {
				e.Values = append(e.Values, r.NormFloat64())
			}
		}
		if len(info.Choices) > 0 {
			e.Choice = info.Choices[r.IntN(len(info.Choices))]
		}
		x.not("of rewards", "masks", "padding")
		want, err := loss.Estimate(x.row.Name, e)
		if err != nil {
			x.yes("fused", false, "%v", err)
			return
		}
		x.yes("fused", true, "")
		order := r.Perm(12)
		s := e
		s.Reward, s.Group, s.Traj, s.Length, s.Values = nil, nil, nil, nil, nil
		for k, i := range order {
			s.Reward, s.Group, s.Traj = append(s.Reward, e.Reward[i]), append(s.Group, 2-e.Group[i]), append(s.Traj, k)
			if e.Length != nil {
				s.Length = append(s.Length, e.Length[i])
			}
			if e.Values != nil {
				s.Values = append(s.Values, e.Values[i])
			}
		}
		got, err := loss.Estimate(x.row.Name, s)
		if err != nil {
			x.yes("order", false, "%v", err)
			return
		}
		for k, i := range order {
			x.yes("order", !differs(got[k], want[i], 1), "got %v, want %v", got[k], want[i])
		}
	}
}

// correction tries what a correction does to a loss: it is a constant of it.
func (x *trial) correction() {
	bounds, low := map[string]float64{"correction_high": 1.5}, "correction_low"
	make := func() (*loss.Correction, error) { return loss.NewCorrection(x.row.Name, bounds) }
	if x.row.Name == "rejection" {
		bounds, low = map[string]float64{"rejection_high": 1.5}, "rejection_low"
		make = func() (*loss.Correction, error) { return loss.NewRejection("token_k1,seq_mean_k3", bounds) }
	}
	c, err := make()
	if err != nil {
		bounds[low] = 0.5
		if c, err = make(); err != nil {
			x.t.Fatal(err)
		}
	}
	for _, s := range []loss.Settings{{Correction: c}, {Correction: c, Aggregate: loss.TokenMean}, {Correction: c, Aggregate: loss.SeqMeanTokenMean}} {
		for seed := range uint64(2) {
			report, err := loss.CheckNamed("dapo", nil, s, loss.CheckOptions{Seed: seed + 20})
			if err != nil {
				x.yes("fused", false, "%v", err)
				return
			}
			for _, p := range report.Properties {
				if column := map[string]string{"runs": "fused", "masked tokens": "masks", "masked NaN": "masks", "padding": "padding", "datum order": "order", "group order": "order"}[p.Name]; column != "" {
					x.yes(column, p.Status == loss.StatusOK, "%s, seed %d: %s", s.Aggregate, seed, p.Text)
				}
			}
		}
	}
	x.yes("fused", true, "")
	l, err := loss.New("dapo", nil)
	if err != nil {
		x.t.Fatal(err)
	}
	f := func(b *loss.Batch) (*tensor.Tensor, error) {
		out, _, err := l.Loss(b, loss.Settings{Correction: c})
		return out, err
	}
	x.threads(f)
	for seed := range uint64(6) {
		p := drawn(seed+200, seed%2 == 1)
		got, want := x.outcome(p, func(b *loss.Batch) (*tensor.Tensor, error) {
			out, err := l.Tokens(b, loss.Settings{Correction: c})
			if err != nil {
				return nil, err
			}
			return out.Sum(), nil
		}), x.outcome(p, func(b *loss.Batch) (*tensor.Tensor, error) {
			out, _, err := l.Loss(b, loss.Settings{Correction: c, Aggregate: loss.Sum})
			return out, err
		})
		x.same("composed", p, got, want)
	}
}

// aggregation adds up tokens in both forms, and in chunks.
func (x *trial) aggregation() {
	a := loss.Aggregation(x.row.Name)
	x.not("constant", "gradient")
	l, err := loss.New("dapo", nil)
	if err != nil {
		x.t.Fatal(err)
	}
	s := loss.Settings{Aggregate: a, MaxLength: 16}
	for seed := range uint64(6) {
		p := drawn(seed+300, seed%2 == 1)
		got, want := x.outcome(p, func(b *loss.Batch) (*tensor.Tensor, error) {
			tokens, err := l.Tokens(b, s)
			if err != nil {
				return nil, err
			}
			return b.Aggregate(tokens, s)
		}), x.outcome(p, func(b *loss.Batch) (*tensor.Tensor, error) {
			out, _, err := l.Loss(b, s)
			return out, err
		})
		x.same("composed", p, got, want)
	}
	x.yes("fused", true, "")
	for seed := range uint64(2) {
		report, err := loss.CheckNamed("dapo", nil, s, loss.CheckOptions{Seed: seed + 30})
		if err != nil {
			x.t.Fatal(err)
		}
		for _, p := range report.Properties {
			column := map[string]string{"masked tokens": "masks", "masked NaN": "masks", "padding": "padding", "datum order": "order", "group order": "order", "chunks": "chunks"}[p.Name]
			if column == "chunks" && a == loss.TokenMeanLegacy {
				x.legacy(l)
				continue
			}
			if column != "" {
				x.yes(column, p.Status == loss.StatusOK, "seed %d: %s", seed, p.Text)
			}
		}
	}
}

// legacy is the mean of the chunks' token means, by definition.
func (x *trial) legacy(l *loss.TokenLoss) {
	whole := drawn(301, false)
	var sum, means float64
	cut := whole.Len() / 2
	for _, r := range [][2]int{{0, cut}, {cut, whole.Len()}} {
		p := slice(whole, r[0], r[1])
		for i, s := range []loss.Settings{{Aggregate: loss.TokenMeanLegacy, Denominator: 2}, {Aggregate: loss.TokenMean}} {
			o := x.outcome(p, func(b *loss.Batch) (*tensor.Tensor, error) {
				out, _, err := l.Loss(b, s)
				return out, err
			})
			if i == 0 {
				sum += o.value
			} else {
				means += o.value / 2
			}
		}
	}
	x.yes("chunks", !differs(sum, means, 10), "got %v, want the mean of the means %v", sum, means)
}

// slice is datums from to to of a batch.
func slice(p *hud.Packed, from, to int) *hud.Packed {
	lo, hi := p.Offsets[from], p.Offsets[to]
	out := &hud.Packed{Logprobs: p.Logprobs[lo:hi], SamplingLogprobs: p.SamplingLogprobs[lo:hi], RefLogprobs: p.RefLogprobs[lo:hi], Mask: p.Mask[lo:hi],
		Reward: p.Reward[from:to], Advantage: p.Advantage[from:to], TrajIdx: p.TrajIdx[from:to], GroupIdx: p.GroupIdx[from:to]}
	for _, o := range p.Offsets[from : to+1] {
		out.Offsets = append(out.Offsets, o-lo)
	}
	return out
}
