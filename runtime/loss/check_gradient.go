package loss

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/hudrl/hudrl/runtime/hud"
)

// slopeSteps is how often the step of the finite differences is halved, from
// 1/16.
const slopeSteps = 5

// difference is the derivative of the value with respect to a logprob, by
// central differences at falling steps, each two of them combined so that the
// error is of the fourth order, and how uncertain it is. A kink within reach,
// a jump, or noise give a large uncertainty: the value is a float32, which
// bounds how small a step can be.
func (c *checker) difference(at *float32, p *hud.Packed) (slope, doubt float64, err error) {
	x := *at
	defer func() { *at = x }()
	noise := c.base.size() * 0x1p-22
	var previous, bend float64
	doubt = math.Inf(1)
	for k := range slopeSteps {
		h := 1. / float64(int(16)<<k)
		var side [2]float64
		for i, sign := range []float64{1, -1} {
			*at = float32(float64(x) + sign*h)
			if side[i], err = c.value(p); err != nil {
				return 0, 0, err
			}
		}
		central := (side[0] - side[1]) / (2 * h)
		// How much the slope changes at the point: falls with h where the loss
		// is smooth, stays where it has a kink.
		turn := math.Abs(side[0]-2*c.base.value+side[1]) / h
		if k > 0 {
			estimate := (4*central - previous) / 3
			off := math.Abs(estimate-central) + 2*noise/h
			if turn > 0.7*bend && turn > 8*noise/h {
				off = max(off, turn)
			}
			if off < doubt {
				slope, doubt = estimate, off
			}
		}
		previous, bend = central, turn
	}
	return slope, doubt, nil
}

// reads is checkDatum.reads of a position of the batch.
func (c *checker) reads(i int) bool {
	d := sort.SearchInts(c.packed.Offsets, i+1) - 1
	return c.datums[d].reads(i - c.packed.Offsets[d])
}

// gradient compares the gradient with finite differences at every loss token.
func (c *checker) gradient() Property {
	const name = "gradient"
	p := packed(unpack(c.packed)) // to be changed
	size := c.base.size()
	var tried, skipped, wrong int
	var worst float64
	first := ""
	for i := range p.Mask {
		if !c.reads(i) {
			continue
		}
		want, doubt, err := c.difference(&p.Logprobs[i], p)
		if err != nil {
			return Property{name, StatusFail, err.Error(), ""}
		}
		got := float64(c.base.grad[i])
		off := math.Abs(got - want)
		switch {
		case doubt > 0.02*max(math.Abs(got), math.Abs(want)) && off <= 4*doubt && doubt > 1e-4*size:
			skipped++
			continue
		case off <= 4*doubt+2e-3*math.Abs(want):
			worst = max(worst, off/max(math.Abs(want), size/float64(len(p.Mask))))
		default:
			if wrong++; first == "" {
				first = fmt.Sprintf("token %d has %.5g where the value changes by %.5g", i+1, got, want)
			}
		}
		tried++
	}
	text := fmt.Sprintf("agrees with finite differences at %s, largest error %.1g", count(tried, "token"), worst)
	if wrong > 0 {
		text = fmt.Sprintf("differs from finite differences at %d of %s: %s", wrong, count(tried, "token"), first)
	}
	if skipped > 0 {
		text += fmt.Sprintf("; %s at a kink left out", count(skipped, "token"))
	}
	out := Property{name, StatusOK, text, ""}
	switch {
	case tried == 0:
		return Property{name, StatusNote, text, "no token could be tried: the loss is not smooth anywhere"}
	case wrong == 0:
	case c.Detached == nil:
		out.Status = StatusNote
		out.Advice = "a part is held constant: by detach, no_grad, item, a comparison, or numbers taken out of a tensor. If it is meant so, as cispo's weight is, say detached = true; if not, keep tensors to the end"
	case *c.Detached:
		out.Text += "; a part is held constant, as it says"
	default:
		out.Status = StatusFail
		out.Advice = "the loss says that it holds nothing constant: its gradient is wrong"
	}
	return out
}

// touched finds datums that no path of the graph leads to, or no gradient.
func (c *checker) touched() Property {
	const name = "reach"
	var none []int
	reached := 0
	for d, touched := range c.base.touched {
		lo, hi := c.packed.Range(d)
		if touched {
			reached++
		}
		if !slices.ContainsFunc(c.base.grad[lo:hi], func(g float32) bool { return g != 0 }) {
			none = append(none, d+1)
		}
	}
	switch {
	case reached == 0:
		return Property{name, StatusFail, "no datum's logprobs lead to the loss: training would be refused",
			"compute it from data.packed.logprobs or logprobs[i], without detach and item"}
	case len(none) == len(c.base.touched):
		return Property{name, StatusFail, "the gradient is 0 everywhere: a step would be refused", "see whether a comparison or a rounding stands between the logprobs and the loss"}
	case len(none) > 0:
		return Property{name, StatusNote, fmt.Sprintf("no gradient reaches %s: %v", count(len(none), "datum"), none), "right where they are left out on purpose"}
	}
	return ok(name, "a gradient reaches every datum")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
