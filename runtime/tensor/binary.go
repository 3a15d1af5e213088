package tensor

import (
	"math"

	"github.com/hudrl/hudrl/internal/kernel"
)

type slopeFunc = func(into, g, a, b, c, y []float32, p [2]float64)

func binary(name string, readsForA, readsForB uint8, f func(dst, a, b []float32), da, db slopeFunc) *elem {
	op := &elem{f: func(dst, a, b, _ []float32, _ [2]float64) { f(dst, a, b) }}
	op.d[0], op.d[1] = da, db
	op.name, op.reads = name, [2]uint8{readsForA, readsForB}
	return op.init()
}

// step is by how much an operand moves on for each of n positions.
func step(x []float32, n int) int {
	if len(x) == n {
		return 1
	}
	return 0
}

func plus(into, g, _, _, _, _ []float32, _ [2]float64) { kernel.AddTo(into, into, g) }

func minus(into, g, _, _, _, _ []float32, _ [2]float64) { kernel.SubTo(into, into, g) }

// passing marks the operands whose gradient is the result's.
func passing(op *elem, a, b bool) *elem {
	op.same = [2]bool{a, b}
	return op
}

func lessFirst(into, g, _, _, _, _ []float32, _ [2]float64) { kernel.SubTo(into, zero, g) }

func init() {
	opSub.first[1], opNeg.first[0] = lessFirst, lessFirst
	opMul.first[0] = func(into, g, _, b, _, _ []float32, _ [2]float64) { kernel.MulIfTo(into, g, b) }
	opMul.first[1] = func(into, g, a, _, _, _ []float32, _ [2]float64) { kernel.MulIfTo(into, g, a) }
	opExp.first[0] = func(into, g, _, _, _, y []float32, _ [2]float64) { kernel.MulIfTo(into, g, y) }
}

var (
	opAdd = passing(binary("add", 0, 0, kernel.AddTo, plus, plus), true, true)
	opSub = passing(binary("sub", 0, 0, kernel.SubTo, plus, minus), true, false)
	opMul = binary("mul", readsB, readsA, kernel.MulTo,
		func(into, g, _, b, _, _ []float32, _ [2]float64) { kernel.MulAdd(into, g, b) },
		func(into, g, a, _, _, _ []float32, _ [2]float64) { kernel.MulAdd(into, g, a) })
	opDiv = binary("div", readsB, readsA|readsB, kernel.DivTo,
		func(into, g, _, b, _, _ []float32, _ [2]float64) { kernel.DivAdd(into, g, b) },
		func(into, g, a, b, _, _ []float32, _ [2]float64) { kernel.DivBack(into, g, a, b) })
	opPow = dear(binary("pow", readsA|readsB, readsA|readsB|readsY, powerTo,
		func(into, g, a, b, _, _ []float32, _ [2]float64) { kernel.PowBack(into, g, a, b) },
		powerSlope))
	opMinimum = binary("minimum", readsA|readsB, readsA|readsB, kernel.MinimumTo,
		func(into, g, a, b, _, _ []float32, _ [2]float64) { kernel.MinimumBack(into, g, a, b) },
		func(into, g, a, b, _, _ []float32, _ [2]float64) { kernel.MinimumBack(into, g, b, a) })
	opMaximum = binary("maximum", readsA|readsB, readsA|readsB, kernel.MaximumTo,
		func(into, g, a, b, _, _ []float32, _ [2]float64) { kernel.MaximumBack(into, g, a, b) },
		func(into, g, a, b, _, _ []float32, _ [2]float64) { kernel.MaximumBack(into, g, b, a) })
)

// powerTo is a to the power of b, with the common exponents exact.
func powerTo(dst, a, b []float32) {
	switch {
	case len(b) == 1 && b[0] == 1:
		kernel.MulTo(dst, a, one)
	case len(b) == 1 && b[0] == 2:
		kernel.MulTo(dst, a, a)
	case len(b) == 1 && b[0] == -1:
		kernel.DivTo(dst, one, a)
	default:
		kernel.PowTo(dst, a, b)
	}
}

// powerSlope is the gradient of the exponent.
func powerSlope(into, g, a, b, _, y []float32, _ [2]float64) {
	sa, sb := step(a, len(g)), step(b, len(g))
	for i, gi := range g {
		if base := float64(a[i*sa]); gi != 0 && (base != 0 || b[i*sb] < 0) {
			into[i] += float32(float64(gi) * float64(y[i]) * math.Log(base))
		}
	}
}

// above is 1 where a is above b.
func above(dst, a, b []float32) { kernel.LtTo(dst, b, a) }

// of is the operation on two tensors.
func (op *elem) of(t, u *Tensor) *Tensor {
	if u == nil {
		return failure(errNil)
	}
	return op.apply(t, u, number{}, [2]float64{})
}

// with is the operation on a tensor and a number in place of the second.
func (op *elem) with(t *Tensor, v float64) *Tensor {
	return op.apply(t, nil, number{v, true}, [2]float64{})
}

// Add is t + u.
func (t *Tensor) Add(u *Tensor) *Tensor { return opAdd.of(t, u) }

// Sub is t − u.
func (t *Tensor) Sub(u *Tensor) *Tensor { return opSub.of(t, u) }

// Mul is t · u, elementwise.
func (t *Tensor) Mul(u *Tensor) *Tensor { return opMul.of(t, u) }

// Div is t / u, elementwise.
func (t *Tensor) Div(u *Tensor) *Tensor { return opDiv.of(t, u) }

// Pow is t to the power of u, elementwise.
func (t *Tensor) Pow(u *Tensor) *Tensor { return opPow.of(t, u) }

// Minimum is the smaller of t and u, elementwise; NaN if either is. At a tie
// each gets half the gradient.
func (t *Tensor) Minimum(u *Tensor) *Tensor { return opMinimum.of(t, u) }

// Maximum is the larger of t and u, elementwise; NaN if either is. At a tie
// each gets half the gradient.
func (t *Tensor) Maximum(u *Tensor) *Tensor { return opMaximum.of(t, u) }

// A Binary is an operation on two operands.
type Binary struct{ op *elem }

// BinaryOf is the operation of a name, as scripts call it: add, sub, mul, div,
// pow, minimum, maximum, eq, ne, lt, le, gt, ge, land, lor.
func BinaryOf(name string) (Binary, bool) {
	for _, op := range [...]*elem{opAdd, opSub, opMul, opDiv, opPow, opMinimum, opMaximum, opEq, opNe, opLt, opLe, opGt, opGe, opLand, opLor} {
		if op.name == name {
			return Binary{op}, true
		}
	}
	return Binary{}, false
}

// Of is the operation on two tensors.
func (b Binary) Of(t, u *Tensor) *Tensor { return b.op.of(t, u) }

// With is the operation on t and a number in place of a second tensor.
func (b Binary) With(t *Tensor, v float64) *Tensor { return b.op.with(t, v) }
