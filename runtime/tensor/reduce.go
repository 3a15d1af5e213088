package tensor

import (
	"math"
	"slices"

	"github.com/hudrl/hudrl/internal/kernel"
)

// A laneOp reduces a stretch of elements to one number.
type laneOp struct {
	opDef
	f     func(x []float32) float64
	empty bool // an empty stretch has a result
	// d adds the gradient of a stretch, given the result's. It is nil when
	// the operation has no gradient.
	d func(into, x []float32, y, g float32)
	// part, join and end are f in pieces: join combines what part makes of two,
	// end makes the result of n elements. part is nil where f needs all at once.
	part func(x []float32) float64
	join func(a, b float64) float64
	end  func(v float64, n int) float64
	// sums: part adds up.
	sums bool
	late *elem // the operation of what is late
	// even is the gradient of each of n elements where it is the same for all.
	even func(g float32, n int) float32
}

// lane makes a laneOp; its gradient reads the elements, and the result when
// readsResult is set.
func lane(name string, empty bool, reads uint8, f func(x []float32) float64, d func(into, x []float32, y, g float32)) *laneOp {
	op := &laneOp{f: f, d: d, empty: empty}
	op.name, op.reads[0] = name, reads
	op.back = func(p *pass, n *node, g []float32) {
		seg := n.aux.(*segments)
		if op.even != nil && seg.inner == 1 && p.source(n, seg, g, op.even) {
			return
		}
		into := p.grad(n.in[0])
		if into == nil {
			return
		}
		var x, y []float32
		if reads&readsA != 0 {
			x = p.values(n.in[0])
		}
		if reads&readsY != 0 {
			y = p.values(&n.t)
		}
		if p.err != nil {
			return
		}
		lanes([3]int{seg.num, seg.size, seg.inner}, into, x, func(at int, into, x []float32) {
			if g[at] == 0 {
				return
			}
			var yi float32
			if y != nil {
				yi = y[at]
			}
			op.d(into, x, yi, g[at])
		})
	}
	return op
}

// pieces is a laneOp that can be computed in pieces.
func pieces(name string, empty bool, reads uint8, part func(x []float32) float64, join func(a, b float64) float64,
	end func(v float64, n int) float64, d func(into, x []float32, y, g float32)) *laneOp {
	op := lane(name, empty, reads, func(x []float32) float64 { return end(part(x), len(x)) }, d)
	op.part, op.join, op.end = part, join, end
	op.wait()
	return op
}

// wait has results of op that are late know of it.
func (op *laneOp) wait() {
	op.late = &elem{fold: op}
	op.late.name = op.name
}

// evenly says that op is a sum, or made of one: its gradient is the same for all
// elements.
func evenly(op *laneOp, even func(g float32, n int) float32) *laneOp {
	op.even, op.sums = even, true
	op.d = func(into, _ []float32, _, g float32) { kernel.AddTo(into, into, []float32{even(g, len(into))}) }
	return op
}

func itself(v float64, _ int) float64 { return v }

// fold computes op on the segments of t, element by element in out's storage.
// What becomes of an empty one is there already. Where t is late, so is the
// result.
func (t *Tensor) fold(op *laneOp, out *Tensor, seg *segments) error {
	if t.n == 0 {
		return nil
	}
	dst := out.st.cur.data
	if t.waits(op) {
		return t.foldLater(op, &late{}, out.st, seg)
	}
	x, err := t.values(op.name)
	if err != nil {
		return err
	}
	for k := range dst {
		lo, hi := seg.at(k), seg.at(k+1)
		switch {
		case lo == hi:
		case op.part == nil:
			dst[k] = float32(op.f(x[lo:hi]))
		default:
			dst[k] = float32(op.end(stretch(x, lo, hi, op.part, op.join), hi-lo))
		}
	}
	return nil
}

// waits reports whether a reduction of t to be late is.
func (t *Tensor) waits(op *laneOp) bool {
	l := t.st.cur.late
	return l != nil && op.part != nil && l.n == t.n && l.tiled() && t.strides == nil
}

// foldLater has l fill the cells of s, which has room for the results.
func (t *Tensor) foldLater(op *laneOp, l *late, s *storage, seg *segments) error {
	c := t.st.cur
	if !t.st.locked() {
		c.captured = true
	}
	l.op, l.seg, l.n, l.in[0].c = op.late, seg, len(s.first.data), c
	s.first.late = l
	return t.st.alloc.wait(s.cur)
}

// reduceLater is the reduction to one value of a t that is late.
func (t *Tensor) reduceLater(op *laneOp, seg *segments, shape []int) *Tensor {
	a, grad := t.st.alloc, op.d != nil && t.RequiresGrad()
	var nd *node
	var out *Tensor
	var s *lateScalar
	if grad {
		nd, s = a.newNode(), &lateScalar{}
		out = &nd.t
	} else {
		o := a.newReduced()
		out, s = &o.t, &o.s
	}
	out.layout, out.st = packed(shape, 1), &s.s
	s.s.alloc, s.s.cur, s.s.first.data = a, &s.s.first, s.room[:]
	if grad {
		nd.note(&op.opDef, t, nil)
		nd.aux = seg
	}
	if err := t.foldLater(op, &s.l, &s.s, seg); err != nil {
		return failure(err)
	}
	return out
}

// lanes calls f for each stretch along the middle of [outer n inner]: with its
// number, and its part of into, to be added to, and of x. Either may be nil.
func lanes(dims [3]int, into, x []float32, f func(at int, into, x []float32)) {
	outer, n, inner := dims[0], dims[1], dims[2]
	if inner == 1 {
		part := func(s []float32, o int) []float32 {
			if s == nil {
				return nil
			}
			return s[o*n : (o+1)*n]
		}
		for o := range outer {
			f(o, part(into, o), part(x, o))
		}
		return
	}
	var gi, gx []float32
	if into != nil {
		gi = make([]float32, n)
	}
	if x != nil {
		gx = make([]float32, n)
	}
	for o := range outer {
		for i := range inner {
			base := o*n*inner + i
			if x != nil {
				for k := range n {
					gx[k] = x[base+k*inner]
				}
			}
			clear(gi)
			f(o*inner+i, gi, gx)
			for k, v := range gi {
				into[base+k*inner] += v
			}
		}
	}
}

// lanesOf is how dims (none: everything) splits t, and the shape of what is
// left.
func (t *Tensor) lanesOf(op string, dims []int) (split3 [3]int, shape []int, err error) {
	switch len(dims) {
	case 0:
		return [3]int{1, t.n, 1}, nil, nil
	case 1:
		d, err := axis(op, t.shape, dims[0])
		if err != nil {
			return split3, nil, err
		}
		outer, n, inner := split(t.shape, d)
		return [3]int{outer, n, inner}, slices.Delete(slices.Clone(t.shape), d, d+1), nil
	}
	return split3, nil, errorf(op, "got %d dimensions, want one, or none for everything", len(dims))
}

func (t *Tensor) reduce(op *laneOp, dims []int) *Tensor {
	if f, ok := ok1(t); !ok {
		return f
	}
	d, shape, err := t.lanesOf(op.name, dims)
	if err != nil {
		return failure(err)
	}
	if d[1] == 0 && !op.empty {
		return failf(op.name, "shape %s has nothing to reduce", shapeString(t.shape))
	}
	var seg *segments
	if d[0] == 1 && d[2] == 1 {
		seg = whole(d[1])
	} else {
		seg = &segments{num: d[0], size: d[1], inner: d[2]}
	}
	if d[0]*d[2] == 1 && t.waits(op) {
		return t.reduceLater(op, seg, shape)
	}
	var out *Tensor
	if op.d == nil {
		out, err = t.st.alloc.make(op.name, shape, d[0]*d[2])
	} else {
		var nd *node
		if out, nd, err = t.st.alloc.outcome(&op.opDef, shape, d[0]*d[2], t, nil); nd != nil {
			nd.aux = seg
		}
	}
	if err != nil {
		return failure(err)
	}
	dst := out.st.cur.data
	if d[1] > 0 && d[2] == 1 {
		if err := t.fold(op, out, seg); err != nil {
			return failure(err)
		}
		return out
	}
	x, err := t.values(op.name)
	if err != nil {
		return failure(err)
	}
	lanes(d, nil, x, func(at int, _, x []float32) { dst[at] = float32(op.f(x)) })
	return out
}

// moments is the mean and the sum of squared distances from it.
func moments(x []float32) (mean, m2 float64) {
	mean = kernel.Sum(x) / float64(len(x))
	return mean, kernel.CenteredSumSquares(x, mean)
}

// best adds g to the elements equal to y, evenly.
func best(into, x []float32, y, g float32) {
	ties := kernel.CountEqual(x, y)
	for i, v := range x {
		if v == y {
			into[i] += g / float32(ties)
		}
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

var (
	opSum  = evenly(pieces("sum", true, 0, kernel.Sum, plus64, itself, nil), func(g float32, _ int) float32 { return g })
	opMean = evenly(pieces("mean", true, 0, kernel.Sum, plus64, func(v float64, n int) float64 { return v / float64(n) }, nil),
		func(g float32, n int) float32 { return g / float32(n) })
	opVar = lane("var", true, readsA, func(x []float32) float64 {
		_, m2 := moments(x)
		return m2 / float64(max(len(x)-1, 0))
	}, func(into, x []float32, _, g float32) {
		kernel.AddCentered(into, x, kernel.Sum(x)/float64(len(x)), 2*float64(g)/float64(len(x)-1))
	})
	opStd = lane("std", true, readsA, func(x []float32) float64 {
		_, m2 := moments(x)
		return math.Sqrt(m2 / float64(max(len(x)-1, 0)))
	}, func(into, x []float32, _, g float32) {
		if mean, m2 := moments(x); m2 != 0 {
			kernel.AddCentered(into, x, mean, float64(g)/math.Sqrt(m2*float64(len(x)-1)))
		}
	})
	opMax = pieces("max", false, readsA|readsY, func(x []float32) float64 { return float64(kernel.Max(x)) },
		func(a, b float64) float64 { return max(a, b) }, itself, best)
	opMin = pieces("min", false, readsA|readsY, func(x []float32) float64 { return float64(kernel.Min(x)) },
		func(a, b float64) float64 { return min(a, b) }, itself, best)
	opLSE = lane("logsumexp", false, readsA, func(x []float32) float64 { return float64(kernel.LogSumExp(x)) },
		func(into, x []float32, _, g float32) { kernel.LogSumExpBack(into, x, g) })
	opProd = lane("prod", true, readsA, func(x []float32) float64 {
		y := 1.0
		for _, v := range x {
			y *= float64(v)
		}
		return y
	}, func(into, x []float32, _, g float32) {
		// The product of the others, without dividing by what may be 0.
		before := make([]float64, len(x))
		y := 1.0
		for i, v := range x {
			before[i] = y
			y *= float64(v)
		}
		after := 1.0
		for i := len(x) - 1; i >= 0; i-- {
			into[i] += float32(float64(g) * before[i] * after)
			after *= float64(x[i])
		}
	})
	opNorm = pieces("norm", true, readsA|readsY, kernel.SumSquares, plus64, func(v float64, _ int) float64 { return math.Sqrt(v) }, func(into, x []float32, y, g float32) {
		if y == 0 {
			return
		}
		for i, v := range x {
			into[i] += float32(float64(g) * float64(v) / float64(y))
		}
	})
	opAny = pieces("any", true, 0, func(x []float32) float64 {
		return truth(kernel.CountNonZero(x) > 0)
	}, func(a, b float64) float64 { return max(a, b) }, itself, nil)
	opAll = pieces("all", true, 0, func(x []float32) float64 { return truth(kernel.CountNonZero(x) == len(x)) },
		func(a, b float64) float64 { return min(a, b) }, itself, nil)
	opArgmax = lane("argmax", false, 0, func(x []float32) float64 { return float64(kernel.ArgMax(x)) }, nil)
	opArgmin = lane("argmin", false, 0, func(x []float32) float64 { return float64(kernel.ArgMin(x)) }, nil)
)

// Sum adds up one dimension, or everything. Reductions drop the dimension they
// reduce, and take at most one; a negative one counts from the end.
func (t *Tensor) Sum(dim ...int) *Tensor { return t.reduce(opSum, dim) }

// Mean is the average; NaN of nothing.
func (t *Tensor) Mean(dim ...int) *Tensor { return t.reduce(opMean, dim) }

// Var is the variance, divided by n−1; NaN of fewer than 2.
func (t *Tensor) Var(dim ...int) *Tensor { return t.reduce(opVar, dim) }

// Std is the square root of Var. Where it is 0 its gradient is 0.
func (t *Tensor) Std(dim ...int) *Tensor { return t.reduce(opStd, dim) }

// Max is the largest element, NaN if there is one; equals share the gradient.
func (t *Tensor) Max(dim ...int) *Tensor { return t.reduce(opMax, dim) }

// Min is the smallest element, NaN if there is one; equals share the gradient.
func (t *Tensor) Min(dim ...int) *Tensor { return t.reduce(opMin, dim) }

// LogSumExp is log Σ exp(t), without overflow.
func (t *Tensor) LogSumExp(dim ...int) *Tensor { return t.reduce(opLSE, dim) }

// Prod is the product; its gradient is right with zeros too.
func (t *Tensor) Prod(dim ...int) *Tensor { return t.reduce(opProd, dim) }

// Norm is the Euclidean norm; its gradient at 0 is 0.
func (t *Tensor) Norm(dim ...int) *Tensor { return t.reduce(opNorm, dim) }

// Any is 1 if an element is not 0. It has no gradient.
func (t *Tensor) Any(dim ...int) *Tensor { return t.reduce(opAny, dim) }

// All is 1 if no element is 0. It has no gradient.
func (t *Tensor) All(dim ...int) *Tensor { return t.reduce(opAll, dim) }

// Argmax is the 0-based position of the largest element, the first of equals.
// It has no gradient.
func (t *Tensor) Argmax(dim ...int) *Tensor { return t.reduce(opArgmax, dim) }

// Argmin is the 0-based position of the smallest element, the first of equals.
// It has no gradient.
func (t *Tensor) Argmin(dim ...int) *Tensor { return t.reduce(opArgmin, dim) }
