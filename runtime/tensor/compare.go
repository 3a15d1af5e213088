package tensor

import (
	"math"
	"slices"

	"github.com/hudrl/hudrl/internal/kernel"
)

// test is a binaryOp that gives 1 or 0, without gradient.
func test(name string, f func(dst, a, b []float32)) *binaryOp {
	op := &binaryOp{f: combine(f)}
	op.name = name
	return op
}

var (
	opEq   = test("eq", kernel.EqTo)
	opNe   = test("ne", kernel.NeTo)
	opLt   = test("lt", kernel.LtTo)
	opLe   = test("le", kernel.LeTo)
	opGt   = test("gt", above)
	opGe   = test("ge", func(dst, a, b []float32) { kernel.LeTo(dst, b, a) })
	opLand = test("land", kernel.AndTo)
	opLor  = test("lor", kernel.OrTo)
)

// Eq is 1 where t equals u, 0 elsewhere. Like all comparisons it has no
// gradient, and NaN compares as IEEE 754 has it.
func (t *Tensor) Eq(u *Tensor) *Tensor { return opEq.apply(t, u) }

// Ne is 1 where t differs from u.
func (t *Tensor) Ne(u *Tensor) *Tensor { return opNe.apply(t, u) }

// Lt is 1 where t is below u.
func (t *Tensor) Lt(u *Tensor) *Tensor { return opLt.apply(t, u) }

// Le is 1 where t is at most u.
func (t *Tensor) Le(u *Tensor) *Tensor { return opLe.apply(t, u) }

// Gt is 1 where t is above u.
func (t *Tensor) Gt(u *Tensor) *Tensor { return opGt.apply(t, u) }

// Ge is 1 where t is at least u.
func (t *Tensor) Ge(u *Tensor) *Tensor { return opGe.apply(t, u) }

// And is 1 where both are not 0. It has no gradient.
func (t *Tensor) And(u *Tensor) *Tensor { return opLand.apply(t, u) }

// Or is 1 where either is not 0. It has no gradient.
func (t *Tensor) Or(u *Tensor) *Tensor { return opLor.apply(t, u) }

// Not is 1 where t is 0. It has no gradient.
func (t *Tensor) Not() *Tensor {
	if f, ok := ok1(t); !ok {
		return f
	}
	return opEq.apply(t.Detach(), Scalar(0))
}

// Equal reports whether t and u have the same shape and the same values; NaN
// equals nothing.
func (t *Tensor) Equal(u *Tensor) bool {
	if t.Err() != nil || u.Err() != nil || !slices.Equal(t.shape, u.shape) {
		return false
	}
	for i := range t.n {
		if t.value(i) != u.value(i) {
			return false
		}
	}
	return true
}

// AllClose reports whether t and u have the same shape and
// |t − u| ≤ atol + rtol·|u| everywhere. Equal infinities are close; NaN is
// close to nothing.
func (t *Tensor) AllClose(u *Tensor, rtol, atol float64) bool {
	if t.Err() != nil || u.Err() != nil || !slices.Equal(t.shape, u.shape) {
		return false
	}
	for i := range t.n {
		a, b := float64(t.value(i)), float64(u.value(i))
		if a != b && !(math.Abs(a-b) <= atol+rtol*math.Abs(b) && !math.IsInf(b, 0)) {
			return false
		}
	}
	return true
}

var whereOp = &opDef{name: "where"}

func init() {
	whereOp.back = func(p *pass, n *node, g []float32) {
		keep := n.aux.([]float32)
		if into := p.grad(n.in[0]); into != nil {
			kernel.AddIf(into, g, keep)
		}
		if into := p.grad(n.in[1]); into != nil {
			kernel.AddUnless(into, g, keep)
		}
	}
}

// Where selects a where mask is not 0 and b elsewhere; the three broadcast.
// Selecting is not multiplying: neither a value nor a gradient of the side not
// chosen can reach the result, be it NaN or infinite.
func Where(mask, a, b *Tensor) *Tensor {
	if f, ok := ok2(a, b); !ok {
		return f
	}
	if f, ok := ok1(mask); !ok {
		return f
	}
	shape, err := broadcast("where", a.shape, b.shape)
	if err == nil {
		shape, err = broadcast("where", mask.shape, shape)
	}
	if err != nil {
		return failure(err)
	}
	a, b, mask = a.to(shape), b.to(shape), mask.Detach().to(shape)
	out := alloc2(a, b).result("where", shape, a.n)
	if out.err != nil {
		return out
	}
	m, err := mask.values("where")
	if err != nil {
		return failure(err)
	}
	x, err := a.values("where")
	if err != nil {
		return failure(err)
	}
	y, err := b.values("where")
	if err != nil {
		return failure(err)
	}
	kernel.SelectTo(out.st.data, m, x, y)
	if n := record(out, whereOp, a, b); n != nil {
		// What the mask was at this moment is what counts.
		keep, err := alloc2(a, b).floats("where", len(m))
		if err != nil {
			return failure(err)
		}
		copy(keep, m)
		n.aux = keep
	}
	return out
}

// to is t expanded to shape, or t itself when it has it.
func (t *Tensor) to(shape []int) *Tensor {
	if slices.Equal(t.shape, shape) {
		return t
	}
	return t.Expand(shape...)
}
