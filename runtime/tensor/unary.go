package tensor

import (
	"math"
	"sync"

	"github.com/hudrl/hudrl/internal/kernel"
)

// direct is an operation on one operand, with its gradient.
func direct(name string, reads uint8, f func(dst, x []float32), d func(into, g, x, y []float32)) *elem {
	op := &elem{f: func(dst, a, _, _ []float32, _ [2]float64) { f(dst, a) }}
	op.name, op.reads[0] = name, reads
	op.d[0] = func(into, g, a, _, _, y []float32, _ [2]float64) { d(into, g, a, y) }
	return op.init()
}

// dear marks op as one that is computed once.
func dear(op *elem) *elem {
	op.again = againDear
	return op
}

// twice marks op as one that may be computed again.
func twice(op *elem) *elem {
	op.again = againExp
	return op
}

// flat is an operation whose gradient is 0.
func flat(name string, f func(dst, x []float32)) *elem {
	return direct(name, 0, f, func(_, _, _, _ []float32) {})
}

// sloped is an operation whose derivative slope writes to d, a tile at a time.
func sloped(name string, reads uint8, f func(dst, x []float32), slope func(d, spare, x, y []float32)) *elem {
	op := direct(name, reads, f, func(into, g, x, y []float32) {
		t := tiles.Get().(*[2][tileLen]float32)
		defer tiles.Put(t)
		for lo := 0; lo < len(g); lo += tileLen {
			hi := min(lo+tileLen, len(g))
			d := t[0][:hi-lo]
			slope(d, t[1][:hi-lo], part(x, lo, hi), part(y, lo, hi))
			kernel.MulAdd(into[lo:hi], g[lo:hi], d)
		}
	})
	op.long = true
	return op
}

// part is x[lo:hi], or nil.
func part(x []float32, lo, hi int) []float32 {
	if x == nil {
		return nil
	}
	return x[lo:hi]
}

// tiles are scratch for gradients.
var tiles = sync.Pool{New: func() any { return new([2][tileLen]float32) }}

func (t *Tensor) unary(op *elem) *Tensor { return op.apply(t, nil, number{}, [2]float64{}) }

var (
	opNeg = direct("neg", 0, kernel.NegTo, func(into, g, _, _ []float32) { kernel.SubTo(into, into, g) })
	opExp = twice(direct("exp", readsY, kernel.ExpTo, func(into, g, _, y []float32) { kernel.MulAdd(into, g, y) }))
	opAbs = direct("abs", readsA, kernel.AbsTo, func(into, g, x, _ []float32) { kernel.AddSigned(into, g, x) })
	opLog = twice(direct("log", readsA, kernel.LogTo, func(into, g, x, _ []float32) { kernel.DivAdd(into, g, x) }))
	// What is above 0 is at least the smallest number there is.
	opReLU = direct("relu", readsA, func(dst, x []float32) { kernel.MaximumTo(dst, x, zero) },
		func(into, g, x, _ []float32) {
			kernel.AddWithin(into, g, x, math.SmallestNonzeroFloat32, float32(math.Inf(1)))
		})
	opClamp = clamp()

	opSquare = sloped("square", readsA, kernel.SquareTo,
		func(d, _, x, _ []float32) { kernel.AddTo(d, x, x) })
	opSqrt  = sloped("sqrt", readsY, kernel.SqrtTo, func(d, _, _, y []float32) { kernel.DivTo(d, half, y) })
	opLog1p = dear(sloped("log1p", readsA, kernel.Log1pTo, func(d, _, x, _ []float32) {
		kernel.AddTo(d, x, one)
		kernel.DivTo(d, one, d)
	}))
	opExpm1 = dear(sloped("expm1", readsA, kernel.Expm1To, func(d, _, x, _ []float32) { kernel.ExpTo(d, x) }))
	// tanh x = 2·σ(2x) − 1.
	opTanh = dear(sloped("tanh", readsA, kernel.TanhTo, func(d, _, x, _ []float32) {
		kernel.AddTo(d, x, x)
		kernel.SigmoidSlopeTo(d, d)
		kernel.MulTo(d, d, four)
	}))
	opSigmoid = dear(sloped("sigmoid", readsA, kernel.SigmoidTo, func(d, _, x, _ []float32) { kernel.SigmoidSlopeTo(d, x) }))
	// log σ(x) = −softplus(−x).
	opLogSigmoid = dear(sloped("logsigmoid", readsA, kernel.LogSigmoidTo, func(d, _, x, _ []float32) {
		kernel.NegTo(d, x)
		kernel.SigmoidTo(d, d)
	}))
	opSoftplus = dear(sloped("softplus", readsA, kernel.SoftplusTo, func(d, _, x, _ []float32) { kernel.SigmoidTo(d, x) }))
	opSign     = flat("sign", kernel.SignTo)
	opFloor    = flat("floor", kernel.FloorTo)
	opRound    = flat("round", kernel.RoundTo)
)

func clamp() *elem {
	op := &elem{f: func(dst, x, _, _ []float32, p [2]float64) { kernel.ClampTo(dst, x, float32(p[0]), float32(p[1])) }}
	op.name, op.reads[0] = "clamp", readsA
	op.d[0] = func(into, g, x, _, _, _ []float32, p [2]float64) {
		kernel.AddWithin(into, g, x, float32(p[0]), float32(p[1]))
	}
	return op.init()
}

// One value stands for as many as are needed.
var zero, half, one, four = []float32{0}, []float32{0.5}, []float32{1}, []float32{4}

// Neg is −t.
func (t *Tensor) Neg() *Tensor { return t.unary(opNeg) }

// Exp is e to the power of each element.
func (t *Tensor) Exp() *Tensor { return t.unary(opExp) }

// Log is the natural logarithm: −Inf at 0, NaN below.
func (t *Tensor) Log() *Tensor { return t.unary(opLog) }

// Log1p is log(1+t), exact for small t.
func (t *Tensor) Log1p() *Tensor { return t.unary(opLog1p) }

// Expm1 is exp(t)−1, exact for small t.
func (t *Tensor) Expm1() *Tensor { return t.unary(opExpm1) }

// Sqrt is the square root, NaN below 0.
func (t *Tensor) Sqrt() *Tensor { return t.unary(opSqrt) }

// Abs is the absolute value; its gradient at 0 is 0.
func (t *Tensor) Abs() *Tensor { return t.unary(opAbs) }

// Sigmoid is 1/(1+exp(−t)).
func (t *Tensor) Sigmoid() *Tensor { return t.unary(opSigmoid) }

// LogSigmoid is log(1/(1+exp(−t))), without overflow.
func (t *Tensor) LogSigmoid() *Tensor { return t.unary(opLogSigmoid) }

// Softplus is log(1+exp(t)), without overflow.
func (t *Tensor) Softplus() *Tensor { return t.unary(opSoftplus) }

// Tanh is the hyperbolic tangent.
func (t *Tensor) Tanh() *Tensor { return t.unary(opTanh) }

// ReLU is the larger of t and 0; its gradient at 0 is 0.
func (t *Tensor) ReLU() *Tensor { return t.unary(opReLU) }

// Square is t·t.
func (t *Tensor) Square() *Tensor { return t.unary(opSquare) }

// Sign is 1, 0 or −1. Its gradient is 0.
func (t *Tensor) Sign() *Tensor { return t.unary(opSign) }

// Floor is the largest integer not above t. Its gradient is 0.
func (t *Tensor) Floor() *Tensor { return t.unary(opFloor) }

// Round is the nearest integer, the even one of two. Its gradient is 0.
func (t *Tensor) Round() *Tensor { return t.unary(opRound) }

// Clamp limits t to [lo, hi]; an infinite bound is none. The gradient is 1
// inside and at the bounds, 0 outside.
func (t *Tensor) Clamp(lo, hi float64) *Tensor {
	if !(lo <= hi) {
		return failf("clamp", "got min %v and max %v, want min at most max", lo, hi)
	}
	return opClamp.apply(t, nil, number{}, [2]float64{lo, hi})
}
