package loss

import (
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/hudrl/hudrl/runtime/hud"
)

// CheckBatch is a batch with every kind of token: three groups of two
// trajectories, one of them of two datums; masked tokens, ratios near 1 and
// far from it, rewards of both signs, a reference. The numbers are multiples
// of 1/64, so that the steps of finite differences are exact. The inputs carry
// what the losses of this package read of their extra.
func CheckBatch(seed uint64) *hud.Packed { return checkBatch(seed, "", false) }

// checkBatch has a third answer in each group where third is a flag of its
// extra; with observations the tokens that the mask leaves out are named as
// such.
func checkBatch(seed uint64, third string, observations bool) *hud.Packed {
	r := rand.New(rand.NewPCG(seed, 0x6c6f7373))
	of64 := func(from, to int) float32 { return float32(from+r.IntN(to-from+1)) / 64 }
	var list []checkDatum
	answers, traj := 2, 0
	if third != "" {
		answers = 3
	}
	for g := range 3 {
		best := r.IntN(2)
		for k := range answers {
			reward := float64(r.IntN(3)) / 2
			if k == best {
				reward += 1.5
			}
			reward -= float64(g) / 2
			n := 1
			if g == 0 && k == 0 {
				n = 2
			}
			for range n {
				d := checkDatum{reward: reward, traj: traj, group: g, extra: map[string]any{
					extraWin: 0.75 - float64(k)/4, extraValue: 0.5, extraFromReference: k == 0,
				}}
				if k == 2 {
					d.extra[third] = true
				}
				for i := range 4 + r.IntN(3) {
					l := of64(-160, -8)
					step := of64(-12, 12)
					if i%3 == 2 {
						step = of64(-64, 64)
					}
					d.l, d.q, d.ref = append(d.l, l), append(d.q, min(0, l-step)), append(d.ref, min(0, l+of64(-40, 40)))
					d.mask = append(d.mask, float32(min(1, (i+k+g)%4)))
				}
				observed := make([]float64, len(d.mask))
				for i, m := range d.mask {
					if m == 0 {
						d.q[i] = 0 // as services fill it
						observed[i] = float64((i + 1) % 3)
					}
				}
				if observations {
					d.extra[extraObservation] = observed
				}
				list = append(list, d)
			}
			traj++
		}
	}
	return pack(list)
}

// A checkDatum is one datum of a batch that is being rearranged.
type checkDatum struct {
	l, q, ref, mask []float32
	reward          float64
	advantage       float64
	traj, group     int
	extra           map[string]any
}

func (d checkDatum) clone() checkDatum {
	d.l, d.q, d.ref, d.mask = slices.Clone(d.l), slices.Clone(d.q), slices.Clone(d.ref), slices.Clone(d.mask)
	if o, ok := d.extra[extraObservation].([]float64); ok {
		d.extra = maps.Clone(d.extra)
		d.extra[extraObservation] = slices.Clone(o)
	}
	return d
}

// extraObservation is the weight of each token as an observation.
const extraObservation = "observation_mask"

// reads reports whether a loss looks at token i: one of the mask, or of the
// observations where these are what it is for.
func (d *checkDatum) reads(i int) bool {
	if o, ok := d.extra[extraObservation].([]float64); ok {
		return o[i] != 0
	}
	return d.mask[i] != 0
}

// add appends a token that no loss looks at.
func (d *checkDatum) add() {
	d.l, d.q, d.ref, d.mask = append(d.l, 0), append(d.q, 0), append(d.ref, 0), append(d.mask, 0)
	if o, ok := d.extra[extraObservation].([]float64); ok {
		d.extra[extraObservation] = append(o, 0)
	}
}

// hide masks all tokens.
func (d *checkDatum) hide() {
	clear(d.mask)
	if o, ok := d.extra[extraObservation].([]float64); ok {
		clear(o)
	}
}

// pack makes a batch of datums; their advantages are worked out anew.
func pack(list []checkDatum) *hud.Packed {
	p := packed(list)
	p.Advantage = MeanOnly(Rewards{Reward: p.Reward, Group: p.GroupIdx, Traj: p.TrajIdx})
	return p
}

// packed keeps the advantages that the datums have.
func packed(list []checkDatum) *hud.Packed {
	p := &hud.Packed{Offsets: []int{0}, Logprobs: []float32{}, SamplingLogprobs: []float32{}, Mask: []float32{}, RefLogprobs: []float32{}}
	for _, d := range list {
		p.Logprobs, p.SamplingLogprobs = append(p.Logprobs, d.l...), append(p.SamplingLogprobs, d.q...)
		p.RefLogprobs, p.Mask = append(p.RefLogprobs, d.ref...), append(p.Mask, d.mask...)
		p.Offsets = append(p.Offsets, len(p.Logprobs))
		p.Reward, p.Advantage = append(p.Reward, d.reward), append(p.Advantage, d.advantage)
		p.TrajIdx, p.GroupIdx = append(p.TrajIdx, d.traj), append(p.GroupIdx, d.group)
		p.Extra = append(p.Extra, d.extra)
	}
	return p
}

// unpack takes a batch apart; the datums share its memory.
func unpack(p *hud.Packed) []checkDatum {
	list := make([]checkDatum, p.Len())
	for d := range list {
		lo, hi := p.Range(d)
		list[d] = checkDatum{l: p.Logprobs[lo:hi], q: p.SamplingLogprobs[lo:hi], ref: p.RefLogprobs[lo:hi], mask: p.Mask[lo:hi],
			reward: p.Reward[d], advantage: p.Advantage[d], traj: p.TrajIdx[d], group: p.GroupIdx[d], extra: p.Extra[d]}
	}
	return list
}

// changed is the batch with each datum, cloned, passed through f.
func (c *checker) changed(f func(i int, d *checkDatum)) *hud.Packed {
	list := make([]checkDatum, len(c.datums))
	for i, d := range c.datums {
		list[i] = d.clone()
		f(i, &list[i])
	}
	return packed(list)
}

// rearranged is the batch with its datums in another order, and an evaluation
// of the original in that order.
func (c *checker) rearranged(order []int) (list []checkDatum, want evaluation) {
	want = evaluation{value: c.base.value}
	for _, i := range order {
		lo, hi := c.packed.Range(i)
		list = append(list, c.datums[i])
		want.grad = append(want.grad, c.base.grad[lo:hi]...)
	}
	return list, want
}
