package loss

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/hudrl/hudrl/runtime/tensor"
)

// order shuffles the datums, each with its numbers of trajectory and group.
func (c *checker) order() Property {
	const name = "datum order"
	r := rand.New(rand.NewPCG(c.Seed, 3))
	for range 3 {
		list, want := c.rearranged(r.Perm(len(c.datums)))
		if found := c.differ(want, c.eval(packed(list))); found != "" {
			return Property{name, StatusNote, "the same datums in another order give " + found, "right where it goes by position; otherwise go by traj_idx and group_idx"}
		}
	}
	return ok(name, "the datums' order does not matter")
}

// groups puts the groups in another order, as a caller could have given them.
func (c *checker) groups() Property {
	const name = "group order"
	var order []int
	last := c.datums[len(c.datums)-1].group
	for g := last; g >= 0; g-- {
		for i, d := range c.datums {
			if d.group == g {
				order = append(order, i)
			}
		}
	}
	list, want := c.rearranged(order)
	traj := map[int]int{}
	for i := range list {
		if _, seen := traj[list[i].traj]; !seen {
			traj[list[i].traj] = len(traj)
		}
		list[i].traj, list[i].group = traj[list[i].traj], last-list[i].group
	}
	if found := c.differ(want, c.eval(packed(list))); found != "" && c.Draws {
		return Property{name, StatusNote, "the same groups in another order give " + found + ": the loss draws tokens by their places", ""}
	} else if found != "" {
		return Property{name, StatusFail, "the same groups in another order give " + found, "nothing says which group comes first: use group_idx only to tell groups apart"}
	}
	return ok(name, "the groups' order does not matter")
}

// chunks cuts the batch between its groups and adds up what the parts give.
func (c *checker) chunks() Property {
	const name = "chunks"
	if c.Whole != nil {
		b, err := NewBatch(c.Allocator, c.packed, false)
		if err != nil {
			return Property{name, StatusFail, err.Error(), ""}
		}
		with, err := c.Whole(b)
		if err != nil {
			return Property{name, StatusFail, err.Error(), ""}
		}
		sum, _ := c.parts(with)
		if found := c.differ(c.base, sum); found == "" {
			return ok(name, "with the whole batch's denominator chunks add up to it")
		} else if sum.err != nil {
			return Property{name, StatusFail, found, ""}
		}
	}
	sum, factors := c.parts(c.f)
	if sum.err != nil {
		return Property{name, StatusFail, "a chunk gives " + c.differ(c.base, sum), ""}
	}
	if c.differ(c.base, sum) == "" {
		return ok(name, "chunks of the batch add up to it")
	}
	if factors == nil {
		return Property{name, StatusNote, fmt.Sprintf("chunks add up to %.5g instead of %.5g, not in proportion: the loss depends on which groups are together", sum.value, c.base.value),
			"give the whole batch to one forward_backward_custom"}
	}
	return Property{name, StatusNote, fmt.Sprintf("a chunk counts %s times what it does in the whole batch: the loss is divided by what is in the chunk", spread(factors)),
		"divide by the whole batch's count when training in chunks (denominator = in this package's losses)"}
}

// parts adds up f over the batch's groups, one chunk each, and gives the
// factors of the chunks' gradients relative to the whole's; nil where they are
// not in proportion.
func (c *checker) parts(f TensorLoss) (sum evaluation, factors []float64) {
	sum.grad = make([]float32, 0, len(c.base.grad))
	proportional := true
	for from := 0; from < len(c.datums); {
		to := from
		for to < len(c.datums) && c.datums[to].group == c.datums[from].group {
			to++
		}
		e := c.evalWith(f, packed(c.datums[from:to]))
		if e.err != nil {
			return e, nil
		}
		sum.value += e.value
		sum.grad = append(sum.grad, e.grad...)
		whole := c.base.grad[c.packed.Offsets[from]:c.packed.Offsets[to]]
		var dot, norm float64
		for i, g := range whole {
			dot += float64(g) * float64(e.grad[i])
			norm += float64(g) * float64(g)
		}
		if norm > 0 {
			k := dot / norm
			factors = append(factors, k)
			for i, g := range whole {
				if math.Abs(float64(e.grad[i])-k*float64(g)) > 1e-4*(math.Abs(k)*math.Sqrt(norm)+1e-12) {
					proportional = false
				}
			}
		}
		from = to
	}
	if !proportional {
		factors = nil
	}
	return sum, factors
}

// spread writes factors: all, where they are the same.
func spread(factors []float64) string {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, k := range factors {
		lo, hi = min(lo, k), max(hi, k)
	}
	if hi-lo < 1e-3*hi {
		return fmt.Sprintf("%.3g", hi)
	}
	return fmt.Sprintf("%.3g to %.3g", lo, hi)
}

// size compares the gradient with importance_sampling's.
func (c *checker) size() Property {
	const name = "scale"
	l, err := New("importance_sampling", nil)
	if err != nil {
		return Property{name, StatusFail, err.Error(), ""}
	}
	usual := c.evalWith(func(b *Batch) (*tensor.Tensor, map[string]float64, error) { return l.Loss(b, Settings{}) }, c.packed)
	norm := c.base.norm()
	p := ok(name, "value %.4g, gradient %.3g long: %.3g of importance_sampling's, which is a sum over tokens", c.base.value, norm, norm/usual.norm())
	if norm > 100*usual.norm() {
		p.Status, p.Advice = StatusNote, "gradients this large meet grad_clip, and weigh more than other terms beside them"
	}
	return p
}

// rewards doubles the rewards, and adds 1 to them.
func (c *checker) rewards() Property {
	const name = "rewards"
	change := func(f func(d *checkDatum)) evaluation {
		return c.eval(c.changed(func(_ int, d *checkDatum) { f(d) }))
	}
	double := change(func(d *checkDatum) { d.reward *= 2; d.advantage *= 2 })
	shift := change(func(d *checkDatum) { d.reward++ })
	for _, e := range []evaluation{double, shift} {
		if e.err != nil {
			return Property{name, StatusFail, "other rewards give an error: " + e.err.Error(), ""}
		}
	}
	var text string
	switch k := double.norm() / c.base.norm(); {
	case c.differ(c.base, double) == "" || c.base.norm() == 0 && double.norm() == 0:
		text = "doubling them changes nothing"
	case math.Abs(k-2) < 1e-4:
		text = "doubling them doubles the gradient"
	default:
		text = fmt.Sprintf("doubling them makes the gradient %.3g times as long", k)
	}
	if c.differ(c.base, shift) == "" {
		return ok(name, "%s, adding 1 to all nothing", text)
	}
	return Property{name, StatusNote, text + ", adding 1 to all changes it", "it uses rewards as they are; d.advantage is the reward minus its group's mean"}
}

// direction turns the rewards around, and looks whether what that changes in
// the gradient makes answers of higher rewards likelier.
func (c *checker) direction() Property {
	const name = "direction"
	turned := c.eval(c.changed(func(_ int, d *checkDatum) { d.reward, d.advantage = -d.reward, -d.advantage }))
	if turned.err != nil {
		return Property{name, StatusFail, "rewards turned around give an error: " + turned.err.Error(), ""}
	}
	// The cosine between what the rewards add to the descent and the advantages.
	var dot, descent, advantages float64
	for d := range c.datums {
		a := c.datums[d].advantage
		for i, hi := c.packed.Range(d); i < hi; i++ {
			if c.reads(i) {
				by := float64(turned.grad[i]) - float64(c.base.grad[i])
				dot, descent, advantages = dot+by*a, descent+by*by, advantages+a*a
			}
		}
	}
	if descent <= 1e-8*c.base.norm()*c.base.norm() || advantages == 0 {
		return ok(name, "rewards do not matter")
	}
	cosine := dot / math.Sqrt(descent*advantages)
	switch {
	case cosine < 0.1 && c.Turns:
		return Property{name, StatusNote, fmt.Sprintf("a step makes the better answers less likely (cosine with the advantages %.2f) where margins are small", cosine), ""}
	case cosine <= -0.5:
		return Property{name, StatusFail, fmt.Sprintf("a step makes the better answers less likely (cosine with the advantages %.2f)", cosine),
			"a loss is minimised: give it the sign of -advantage * logprob"}
	case cosine < 0.1:
		return Property{name, StatusNote, fmt.Sprintf("a step hardly makes the better answers likelier (cosine with the advantages %.2f)", cosine),
			"see which answers it counts as better, and with which sign"}
	}
	return ok(name, "a step makes the better answers likelier (cosine with the advantages %.2f)", cosine)
}
