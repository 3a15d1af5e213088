package tensor

import (
	"math"

	"github.com/hudrl/hudrl/internal/kernel"
)

// A unaryOp maps each element.
type unaryOp struct {
	opDef
	// f computes dst from x, p being the operation's parameters.
	f func(dst, x []float32, p [2]float64)
	// d adds the gradient to into: nothing where g is 0.
	d func(into, g, x, y []float32, p [2]float64)
}

// pointwise is a unaryOp given by what it does to one number and by its
// derivative there; both are computed in float64.
func pointwise(name string, reads uint8, f func(x float64) float64, d func(x, y float64) float64) *unaryOp {
	return unary(name, reads,
		func(dst, x []float32, _ [2]float64) {
			for i, v := range x {
				dst[i] = float32(f(float64(v)))
			}
		},
		func(into, g, x, y []float32, _ [2]float64) {
			var v, w float64
			for i, gi := range g {
				if gi == 0 {
					continue
				}
				if x != nil {
					v = float64(x[i])
				}
				if y != nil {
					w = float64(y[i])
				}
				into[i] += float32(float64(gi) * d(v, w))
			}
		})
}

func unary(name string, reads uint8, f func(dst, x []float32, p [2]float64), d func(into, g, x, y []float32, p [2]float64)) *unaryOp {
	u := &unaryOp{f: f, d: d}
	u.name, u.reads[0] = name, reads
	u.back = func(p *pass, n *node, g []float32) {
		into := p.grad(n.in[0])
		if into == nil {
			return
		}
		var x, y []float32
		if reads&readsA != 0 {
			x = p.values(n.in[0])
		}
		if reads&readsY != 0 {
			y = p.values(n.y)
		}
		if p.err != nil {
			return
		}
		u.d(into, g, x, y, n.param)
	}
	return u
}

func (t *Tensor) unary(op *unaryOp, p [2]float64) *Tensor {
	if f, ok := ok1(t); !ok {
		return f
	}
	out, err := t.st.alloc.make(op.name, t.shape, t.n)
	if err != nil {
		return failure(err)
	}
	x, err := t.values(op.name)
	if err != nil {
		return failure(err)
	}
	op.f(out.st.data, x, p)
	if n := record(out, &op.opDef, t, nil); n != nil {
		n.param = p
	}
	return out
}

func zeroSlope(x, y float64) float64 { return 0 }

var (
	opNeg = unary("neg", 0,
		func(dst, x []float32, _ [2]float64) {
			for i, v := range x {
				dst[i] = -v
			}
		},
		func(into, g, _, _ []float32, _ [2]float64) {
			for i, v := range g {
				into[i] -= v
			}
		})
	opExp = unary("exp", readsY,
		func(dst, x []float32, _ [2]float64) { kernel.ExpTo(dst, x) },
		func(into, g, _, y []float32, _ [2]float64) {
			for i, v := range g {
				if v != 0 {
					into[i] += v * y[i]
				}
			}
		})
	opSquare = unary("square", readsA,
		func(dst, x []float32, _ [2]float64) {
			for i, v := range x {
				dst[i] = v * v
			}
		},
		func(into, g, x, _ []float32, _ [2]float64) {
			for i, v := range g {
				if v != 0 {
					into[i] += 2 * v * x[i]
				}
			}
		})
	opAbs = unary("abs", readsA,
		func(dst, x []float32, _ [2]float64) {
			for i, v := range x {
				dst[i] = math.Float32frombits(math.Float32bits(v) &^ (1 << 31))
			}
		},
		func(into, g, x, _ []float32, _ [2]float64) {
			for i, v := range g {
				switch {
				case x[i] > 0:
					into[i] += v
				case x[i] < 0:
					into[i] -= v
				}
			}
		})
	opReLU = unary("relu", readsA,
		func(dst, x []float32, _ [2]float64) {
			for i, v := range x {
				dst[i] = max(v, 0)
			}
		},
		func(into, g, x, _ []float32, _ [2]float64) {
			for i, v := range g {
				if x[i] > 0 {
					into[i] += v
				}
			}
		})
	opClamp = unary("clamp", readsA,
		func(dst, x []float32, p [2]float64) {
			lo, hi := float32(p[0]), float32(p[1])
			for i, v := range x {
				dst[i] = min(max(v, lo), hi)
			}
		},
		func(into, g, x, _ []float32, p [2]float64) {
			lo, hi := float32(p[0]), float32(p[1])
			for i, v := range g {
				if x[i] >= lo && x[i] <= hi {
					into[i] += v
				}
			}
		})

	opLog   = pointwise("log", readsA, math.Log, func(x, _ float64) float64 { return 1 / x })
	opLog1p = pointwise("log1p", readsA, math.Log1p, func(x, _ float64) float64 { return 1 / (1 + x) })
	opExpm1 = pointwise("expm1", readsA, math.Expm1, func(x, _ float64) float64 { return math.Exp(x) })
	opSqrt  = pointwise("sqrt", readsY, math.Sqrt, func(_, y float64) float64 { return 0.5 / y })
	opTanh  = pointwise("tanh", readsA, math.Tanh, func(x, _ float64) float64 {
		c := math.Cosh(x)
		return 1 / (c * c)
	})
	opSigmoid = pointwise("sigmoid", readsA, sigmoid, func(x, _ float64) float64 { return sigmoid(x) * sigmoid(-x) })
	// log σ(x) = −softplus(−x).
	opLogSigmoid = pointwise("logsigmoid", readsA,
		func(x float64) float64 { return -softplus(-x) }, func(x, _ float64) float64 { return sigmoid(-x) })
	opSoftplus = pointwise("softplus", readsA, softplus, func(x, _ float64) float64 { return sigmoid(x) })
	opSign     = pointwise("sign", 0, func(x float64) float64 {
		switch {
		case x > 0:
			return 1
		case x < 0:
			return -1
		}
		return x
	}, zeroSlope)
	opFloor = pointwise("floor", 0, math.Floor, zeroSlope)
	opRound = pointwise("round", 0, math.RoundToEven, zeroSlope)
)

// sigmoid is 1/(1+exp(−x)), without cancellation or overflow on either side.
func sigmoid(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + math.Exp(-x))
	}
	e := math.Exp(x)
	return e / (1 + e)
}

// softplus is log(1+exp(x)), without overflow.
func softplus(x float64) float64 {
	return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x)))
}

// Neg is −t.
func (t *Tensor) Neg() *Tensor { return t.unary(opNeg, [2]float64{}) }

// Exp is e to the power of each element.
func (t *Tensor) Exp() *Tensor { return t.unary(opExp, [2]float64{}) }

// Log is the natural logarithm: −Inf at 0, NaN below.
func (t *Tensor) Log() *Tensor { return t.unary(opLog, [2]float64{}) }

// Log1p is log(1+t), exact for small t.
func (t *Tensor) Log1p() *Tensor { return t.unary(opLog1p, [2]float64{}) }

// Expm1 is exp(t)−1, exact for small t.
func (t *Tensor) Expm1() *Tensor { return t.unary(opExpm1, [2]float64{}) }

// Sqrt is the square root, NaN below 0.
func (t *Tensor) Sqrt() *Tensor { return t.unary(opSqrt, [2]float64{}) }

// Abs is the absolute value; its gradient at 0 is 0.
func (t *Tensor) Abs() *Tensor { return t.unary(opAbs, [2]float64{}) }

// Sigmoid is 1/(1+exp(−t)).
func (t *Tensor) Sigmoid() *Tensor { return t.unary(opSigmoid, [2]float64{}) }

// LogSigmoid is log(1/(1+exp(−t))), without overflow.
func (t *Tensor) LogSigmoid() *Tensor { return t.unary(opLogSigmoid, [2]float64{}) }

// Softplus is log(1+exp(t)), without overflow.
func (t *Tensor) Softplus() *Tensor { return t.unary(opSoftplus, [2]float64{}) }

// Tanh is the hyperbolic tangent.
func (t *Tensor) Tanh() *Tensor { return t.unary(opTanh, [2]float64{}) }

// ReLU is the larger of t and 0; its gradient at 0 is 0.
func (t *Tensor) ReLU() *Tensor { return t.unary(opReLU, [2]float64{}) }

// Square is t·t.
func (t *Tensor) Square() *Tensor { return t.unary(opSquare, [2]float64{}) }

// Sign is 1, 0 or −1. Its gradient is 0.
func (t *Tensor) Sign() *Tensor { return t.unary(opSign, [2]float64{}) }

// Floor is the largest integer not above t. Its gradient is 0.
func (t *Tensor) Floor() *Tensor { return t.unary(opFloor, [2]float64{}) }

// Round is the nearest integer, the even one of two. Its gradient is 0.
func (t *Tensor) Round() *Tensor { return t.unary(opRound, [2]float64{}) }

// Clamp limits t to [lo, hi]; an infinite bound is none. The gradient is 1
// inside and at the bounds, 0 outside.
func (t *Tensor) Clamp(lo, hi float64) *Tensor {
	if !(lo <= hi) {
		return failf("clamp", "got min %v and max %v, want min at most max", lo, hi)
	}
	return t.unary(opClamp, [2]float64{lo, hi})
}
