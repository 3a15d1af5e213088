package tensor

import (
	"math"
	"slices"

	"github.com/hudrl/hudrl/internal/kernel"
)

// test is an operation on two operands that gives 1 or 0, without gradient.
func test(name string, f func(dst, a, b []float32)) *elem {
	op := binary(name, 0, 0, f, nil, nil)
	op.truth = true
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
func (t *Tensor) Eq(u *Tensor) *Tensor { return opEq.of(t, u) }

// Ne is 1 where t differs from u.
func (t *Tensor) Ne(u *Tensor) *Tensor { return opNe.of(t, u) }

// Lt is 1 where t is below u.
func (t *Tensor) Lt(u *Tensor) *Tensor { return opLt.of(t, u) }

// Le is 1 where t is at most u.
func (t *Tensor) Le(u *Tensor) *Tensor { return opLe.of(t, u) }

// Gt is 1 where t is above u.
func (t *Tensor) Gt(u *Tensor) *Tensor { return opGt.of(t, u) }

// Ge is 1 where t is at least u.
func (t *Tensor) Ge(u *Tensor) *Tensor { return opGe.of(t, u) }

// And is 1 where both are not 0. It has no gradient.
func (t *Tensor) And(u *Tensor) *Tensor { return opLand.of(t, u) }

// Or is 1 where either is not 0. It has no gradient.
func (t *Tensor) Or(u *Tensor) *Tensor { return opLor.of(t, u) }

// Not is 1 where t is 0. It has no gradient.
func (t *Tensor) Not() *Tensor {
	if f, ok := ok1(t); !ok {
		return f
	}
	return opEq.with(t, 0)
}

// Equal reports whether t and u have the same shape and the same values; NaN
// equals nothing.
func (t *Tensor) Equal(u *Tensor) bool {
	if !alike(t, u) {
		return false
	}
	for i := range t.n {
		if t.value(i) != u.value(i) {
			return false
		}
	}
	return true
}

// alike reports whether t and u have values and the same shape.
func alike(t, u *Tensor) bool {
	if t.Err() != nil || u.Err() != nil || !slices.Equal(t.shape, u.shape) {
		return false
	}
	_, errT := t.st.full("equal")
	_, errU := u.st.full("equal")
	return errT == nil && errU == nil
}

// AllClose reports whether t and u have the same shape and
// |t − u| ≤ atol + rtol·|u| everywhere. Equal infinities are close; NaN is
// close to nothing.
func (t *Tensor) AllClose(u *Tensor, rtol, atol float64) bool {
	if !alike(t, u) {
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

var opWhere = func() *elem {
	op := &elem{f: func(dst, a, b, mask []float32, _ [2]float64) { kernel.SelectTo(dst, mask, a, b) }}
	op.name = "where"
	op.d[0] = func(into, g, _, _, mask, _ []float32, _ [2]float64) { kernel.AddIf(into, g, mask) }
	op.d[1] = func(into, g, _, _, mask, _ []float32, _ [2]float64) { kernel.AddUnless(into, g, mask) }
	return op.init()
}()

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
	n, err := product("where", shape)
	if err != nil {
		return failure(err)
	}
	// What the mask is at this moment is what counts.
	return opWhere.over(a.to(shape, n), b.to(shape, n), mask.Detach().to(shape, n), false, packed(shape, n), [2]float64{})
}

// to is t with n elements in the given shape, or one.
func (t *Tensor) to(shape []int, n int) *Tensor {
	if t.n == 1 || t.n == n && t.strides == nil {
		return t
	}
	if slices.Equal(t.shape, shape) {
		return t.Clone()
	}
	return t.Expand(shape...).Clone()
}
