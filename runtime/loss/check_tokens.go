package loss

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// masked puts other finite numbers under the mask.
func (c *checker) masked() Property {
	const name = "masked tokens"
	r := rand.New(rand.NewPCG(c.Seed, 2))
	for range 3 {
		if found := c.underMask(func() float32 { return float32(-20 * r.Float64()) }); found != "" {
			return Property{name, StatusFail, "other logprobs under the mask give " + found, "multiply by the mask, or select with tensor.where(mask, x, 0), before adding up"}
		}
	}
	return ok(name, "their logprobs do not matter, and get no gradient")
}

// nonfinite puts NaN and infinities under the mask.
func (c *checker) nonfinite() Property {
	const name = "masked NaN"
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if found := c.underMask(func() float32 { return float32(v) }); found != "" {
			return Property{name, StatusFail, fmt.Sprintf("%v under the mask gives %s", v, found), "0 times NaN is NaN: select with tensor.where(mask, x, 0) in place of x * mask"}
		}
	}
	return ok(name, "NaN and infinities under the mask do not matter")
}

// underMask says what changes when the masked tokens hold draw's numbers.
func (c *checker) underMask(draw func() float32) string {
	p := c.changed(func(_ int, d *checkDatum) {
		for i := range d.mask {
			if !d.reads(i) {
				d.l[i], d.q[i], d.ref[i] = draw(), draw(), draw()
			}
		}
	})
	e := c.eval(p)
	if found := c.differ(c.base, e); found != "" {
		return found
	}
	for k := range c.datums {
		for i := range c.datums[k].mask {
			if g := e.grad[p.Offsets[k]+i]; g != 0 && !c.datums[k].reads(i) {
				return fmt.Sprintf("a gradient, %v, to masked token %d of datum %d", g, i+1, k+1)
			}
		}
	}
	return ""
}

// extremes makes one token at a time, and then all, extreme.
func (c *checker) extremes() Property {
	const name = "extremes"
	cases := []struct {
		what   string
		change func(l, q, ref *float32)
	}{
		{"a log-ratio of 20", func(l, q, _ *float32) { *l, *q = -0.5, -20.5 }},
		{"a log-ratio of -20", func(l, q, _ *float32) { *l, *q = -20.5, -0.5 }},
		{"a log-ratio of 88", func(l, q, _ *float32) { *l, *q = -0.5, -88.5 }},
		{"a log-ratio of -88", func(l, q, _ *float32) { *l, *q = -88.5, -0.5 }},
		{"a log-ratio of 1000", func(l, q, _ *float32) { *l, *q = -0.5, -1000.5 }},
		{"a log-ratio of -1000", func(l, q, _ *float32) { *l, *q = -1000.5, -0.5 }},
		{"a logprob of -1e9", func(l, _, _ *float32) { *l = -1e9 }},
		{"a logprob of 0", func(l, _, _ *float32) { *l = 0 }},
		{"a sampling logprob of -1e9", func(_, q, _ *float32) { *q = -1e9 }},
		{"a reference 1000 above", func(l, _, ref *float32) { *l, *ref = -1000.5, -0.5 }},
		{"a reference 1000 below", func(l, _, ref *float32) { *l, *ref = -0.5, -1000.5 }},
	}
	var bad []string
	for _, x := range cases {
		all := evaluation{}
		for d := -1; d < len(c.datums); d++ {
			e := c.eval(c.changed(func(i int, datum *checkDatum) {
				for k := range datum.mask {
					if datum.reads(k) && (d < 0 || d == i) {
						x.change(&datum.l[k], &datum.q[k], &datum.ref[k])
						if d >= 0 {
							break // one token of one datum
						}
					}
				}
			}))
			if e.err != nil {
				return Property{name, StatusFail, x.what + " gives an error: " + e.err.Error(), ""}
			}
			if all = e; !e.finite() {
				break
			}
		}
		if !all.finite() {
			bad = append(bad, fmt.Sprintf("%s (the loss is %s)", x.what, all.what()))
		}
	}
	switch {
	case len(bad) == 0:
		return ok(name, "finite at log-ratios of ±20, ±88, ±1000 and logprobs of 0 and -1e9")
	case c.Overflows:
		return Property{name, StatusNote, "not finite at " + strings.Join(bad, ", ") + ": its service holds no ratio, and neither does it", "a pass that is not finite is refused; drop such tokens beforehand"}
	}
	return Property{name, StatusFail, "not finite at " + strings.Join(bad, ", "),
		"hold the log-ratio before it is exponentiated: (l - q):clamp{min = -20, max = 20}:exp(). Clamping afterwards leaves the gradient NaN"}
}

// empty masks everything.
func (c *checker) empty() Property {
	const name = "empty batch"
	mask := func(which int) evaluation {
		return c.eval(c.changed(func(i int, d *checkDatum) {
			if which < 0 || which == i {
				d.hide()
			}
		}))
	}
	one, all := mask(0), mask(-1)
	for _, x := range []struct {
		what string
		e    evaluation
	}{{"a datum", one}, {"every datum", all}} {
		if x.e.err != nil {
			return Property{name, StatusFail, x.what + " without loss tokens gives an error: " + x.e.err.Error(), ""}
		}
		if !x.e.finite() {
			return Property{name, StatusFail, fmt.Sprintf("%s without loss tokens: the loss is %s", x.what, x.e.what()), "hold denominators at 1 or more: n:clamp{min = 1}"}
		}
	}
	return ok(name, "finite where a datum, or the batch, has no loss tokens")
}

// padding appends masked tokens to every datum.
func (c *checker) padding() Property {
	const name = "padding"
	added := func(i int) int { return 1 + i%3 }
	p := c.changed(func(i int, d *checkDatum) {
		for range added(i) {
			d.add()
		}
	})
	want := evaluation{value: c.base.value}
	for d := range c.datums {
		lo, hi := c.packed.Range(d)
		want.grad = append(append(want.grad, c.base.grad[lo:hi]...), make([]float32, added(d))...)
	}
	if found := c.differ(want, c.eval(p)); found != "" {
		return Property{name, StatusFail, "masked tokens at the end of each datum give " + found, "count loss tokens, mask:sum(), not positions"}
	}
	return ok(name, "masked tokens at the end of a datum change nothing")
}
