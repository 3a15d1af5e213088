package tensor

import (
	"math"
	"slices"

	"github.com/hudrl/hudrl/internal/kernel"
)

// An elem is an operation on elements: a position of the result needs that
// position of each operand only. Its functions work on a stretch of positions.
// An operand is as long as the stretch, or one value for all of it.
type elem struct {
	opDef
	// again is how often values are computed again rather than kept.
	again int32
	// long: the gradient that d gets is as long as the stretch. It may be one
	// value for other operations.
	long bool
	// truth: the result is 1 or 0.
	truth bool
	role  role
	// fold: it stands for that reduction, and has nothing else.
	fold *laneOp
	// same[i]: the gradient of operand i is the result's.
	same [2]bool
	f    func(dst, a, b, c []float32, p [2]float64)
	// d[i] adds the gradient of operand i to into: nothing where g is 0. Of a,
	// b, c and the result y those are given that it reads.
	d [2]func(into, g, a, b, c, y []float32, p [2]float64)
	// first[i] is d[i] into zeros, whatever into holds, where there is a quicker
	// way than to clear it. Its result is never -0.
	first [2]func(into, g, a, b, c, y []float32, p [2]float64)
}

// A role is what programs know about an operation.
type role uint8

const (
	_ role = iota
	times
	both // of two masks
	atLeast
	atMost
	difference
	exponential
)

func init() {
	opMul.role, opLand.role, opGe.role, opLe.role = times, both, atLeast, atMost
	opSub.role, opExp.role = difference, exponential
	opPow.long, opExpand.long = true, true
}

const (
	tileLen = 1024 // positions computed together; sums are of so many, added up
	lateLen = 128  // elements from which an operation waits until values are asked for
	maxLate = 24   // operations that wait for one result

	// How many programs compute values before one keeps them. Memory nobody
	// touched yet costs as much a value as two exponentials.
	againCheap, againExp, againDear = 4, 2, 0
)

// number is the operand that stands for a value.
type number struct {
	v  float64
	is bool
}

// init makes op's gradient; every elem goes through it.
func (op *elem) init() *elem {
	op.elem = op
	op.again = againCheap
	if op.d[0] != nil {
		op.back = op.backward
	}
	return op
}

// apply computes op of a, and of b, or the number k in its place, if it takes
// two operands.
func (op *elem) apply(a, b *Tensor, k number, p [2]float64) *Tensor {
	if f, ok := ok1(a); !ok {
		return f
	}
	l := a.layout
	if k.is {
		p[0] = k.v
	} else if b != nil {
		if b.err != nil {
			return failure(b.err)
		}
		switch {
		case a.layout == b.layout, len(b.shape) == 0:
		case len(a.shape) == 0:
			l = b.layout
		case !slices.Equal(a.shape, b.shape):
			shape, err := broadcast(op.name, a.shape, b.shape)
			if err != nil {
				return failure(err)
			}
			n, err := product(op.name, shape)
			if err != nil {
				return failure(err)
			}
			if a.n != n && a.n != 1 || b.n != n && b.n != 1 {
				return op.spread(a, b, shape, n)
			}
			l = packed(shape, n)
		}
	}
	return op.over(a, b, nil, k.is, l.row(), p)
}

// over computes op of operands of l.n elements, or of one.
func (op *elem) over(a, b, mask *Tensor, k bool, l *layout, p [2]float64) *Tensor {
	if a.strides != nil {
		if a = a.Clone(); a.err != nil {
			return a
		}
	}
	alloc := a.st.alloc
	if b != nil {
		if b.strides != nil {
			if b = b.Clone(); b.err != nil {
				return b
			}
		}
		if alloc == nil {
			alloc = b.st.alloc
		}
	}
	if op.back != nil && (a.RequiresGrad() || b.RequiresGrad()) {
		return op.recorded(alloc, a, b, mask, k, l, p)
	}
	n := l.n
	if n >= lateLen && !alloc.atOnce() {
		o := alloc.newDeferred()
		o.t.layout, o.t.st = l, &o.s.s
		if err := op.later(alloc, &o.s, a, b, mask, k, n, p); err != nil {
			return failure(err)
		}
		return &o.t
	}
	if n == 1 && alloc.holds(a, b, mask) {
		o := alloc.newReduced()
		o.t.layout, o.t.st = l, &o.s.s
		if err := op.hold(alloc, &o.s, a, b, k, p); err != nil {
			return failure(err)
		}
		return &o.t
	}
	o := alloc.newConstant()
	o.t.layout = l
	if err := alloc.fill(op.name, &o.t, &o.s, n); err != nil {
		return failure(err)
	}
	if err := op.now(o.t.st.cur.data, a, b, mask, k, p); err != nil {
		return failure(err)
	}
	return &o.t
}

// recorded is over where a gradient is wanted.
func (op *elem) recorded(alloc *Allocator, a, b, mask *Tensor, k bool, l *layout, p [2]float64) *Tensor {
	o, n := alloc.newNode(), l.n
	var m *more
	o.t.layout = l
	if n >= lateLen && !alloc.atOnce() {
		s := &lateStorage{}
		o.t.st = &s.s
		if err := op.later(alloc, s, a, b, mask, k, n, p); err != nil {
			return failure(err)
		}
		m = s.l.more
	} else if n == 1 && alloc.holds(a, b, mask) {
		s := &lateScalar{}
		o.t.st = &s.s
		if err := op.hold(alloc, s, a, b, k, p); err != nil {
			return failure(err)
		}
		m = s.l.more
	} else {
		s := &small{}
		if err := alloc.fill(op.name, &o.t, s, n); err != nil {
			return failure(err)
		}
		if err := op.now(s.s.first.data, a, b, mask, k, p); err != nil {
			return failure(err)
		}
		var err error
		if m, err = op.more(mask, k, n, p); err != nil {
			return failure(err)
		}
	}
	o.note(&op.opDef, a, b)
	if m != nil {
		o.aux = m
	}
	o.k, o.tiled = float32(p[0]), n >= lateLen
	return &o.t
}

// later fills o with the operation, which runs when values are asked for.
func (op *elem) later(alloc *Allocator, o *lateStorage, a, b, mask *Tensor, k bool, n int, p [2]float64) error {
	l := &o.l
	l.op, l.n, l.size = op, n, 1
	var err error
	if l.in[0], err = a.ref(op.name, n); err != nil {
		return err
	}
	switch {
	case k:
		l.in[1] = oneRef(float32(p[0]))
	case b != nil:
		if l.in[1], err = b.ref(op.name, n); err != nil {
			return err
		}
	}
	if l.more, err = op.more(mask, k, n, p); err != nil {
		return err
	}
	o.s.alloc, o.s.cur = alloc, &o.s.first
	o.s.first.late = l
	if err := alloc.bound(l); err != nil {
		return err
	}
	o.s.first.lot, err = alloc.promise(op.name, n)
	return err
}

// more is what few operations have: nil where op on n elements is none of them.
func (op *elem) more(mask *Tensor, k bool, n int, p [2]float64) (m *more, err error) {
	if mask == nil && (k || math.Float64bits(p[0])|math.Float64bits(p[1]) == 0) {
		return nil, nil
	}
	m = &more{p: [2]float32{float32(p[0]), float32(p[1])}}
	if mask != nil {
		m.mask, err = mask.ref(op.name, n)
	}
	return m, err
}

// operand is the values of an operand as f takes it.
func (t *Tensor) operand(op string) ([]float32, error) {
	if t == nil {
		return nil, nil
	}
	return t.values(op)
}

// now computes dst.
func (op *elem) now(dst []float32, a, b, mask *Tensor, k bool, p [2]float64) error {
	if len(dst) == 0 {
		return nil
	}
	x, err := a.values(op.name)
	if err != nil {
		return err
	}
	y, err := b.operand(op.name)
	if err != nil {
		return err
	}
	c, err := mask.operand(op.name)
	if err != nil {
		return err
	}
	if k {
		y = []float32{float32(p[0])}
	}
	op.f(dst, x, y, c, p)
	return nil
}

// spread is apply where an operand repeats in some dimensions but not in all.
func (op *elem) spread(a, b *Tensor, shape []int, n int) *Tensor {
	var out *Tensor
	var err error
	if op.back == nil {
		out, err = alloc2(a, b).make(op.name, shape, n)
	} else {
		var nd *node
		if out, nd, err = alloc2(a, b).outcome(&op.opDef, shape, n, a, b); nd != nil {
			nd.spread = true
		}
	}
	if err != nil {
		return failure(err)
	}
	x, err := a.values(op.name)
	if err != nil {
		return failure(err)
	}
	y, err := b.values(op.name)
	if err != nil {
		return failure(err)
	}
	dst := out.st.cur.data
	runs(shape, a.shape, b.shape, func(r run) {
		op.f(dst[r.at:r.at+r.n], x[r.a:r.a+1+(r.n-1)*r.sa], y[r.b:r.b+1+(r.n-1)*r.sb], nil, [2]float64{})
	})
	return out
}

// reading is the values that the gradients of n need.
func (op *elem) reading(p *pass, n *node) (a, b, c, y []float32) {
	var reads uint8
	for i, t := range n.in {
		if t.RequiresGrad() {
			reads |= op.reads[i]
		}
	}
	if reads&readsA != 0 {
		a = p.values(n.in[0])
	}
	if reads&readsB != 0 {
		if n.in[1] == nil {
			b = []float32{n.k}
		} else {
			b = p.values(n.in[1])
		}
	}
	if m := n.mask(); !m.none() {
		c = p.refValues(*m, n.t.n)
	}
	if reads&readsY != 0 {
		y = p.values(&n.t)
	}
	return a, b, c, y
}

// backward adds the gradients of a node on its own.
func (op *elem) backward(p *pass, n *node, g []float32) {
	a, b, c, y := op.reading(p, n)
	if p.err != nil {
		return
	}
	for i, t := range n.in {
		into := p.grad(t)
		if into == nil {
			continue
		}
		switch {
		case n.spread:
			op.unspread(p, i, n, into, g, a, b, y)
		case t.n == n.t.n:
			op.d[i](into, g, a, b, c, y, n.numbers())
		default:
			into[0] += float32(op.total(i, g, a, b, c, y, n.numbers()))
		}
	}
}

// cut is positions lo to hi of an operand, or the one value it is.
func cut(x []float32, lo, hi, n int) []float32 {
	if x == nil || len(x) != n {
		return x
	}
	return x[lo:hi]
}

// total is the gradient of an operand i that is one value.
func (op *elem) total(i int, g, a, b, c, y []float32, p [2]float64) float64 {
	tile := tiles.Get().(*[2][tileLen]float32)
	defer tiles.Put(tile)
	sum, n := 0.0, len(g)
	for lo := 0; lo < n; lo += tileLen {
		hi := min(lo+tileLen, n)
		part := tile[0][:hi-lo]
		clear(part)
		op.d[i](part, g[lo:hi], cut(a, lo, hi, n), cut(b, lo, hi, n), cut(c, lo, hi, n), cut(y, lo, hi, n), p)
		sum += kernel.Sum(part)
	}
	return sum
}

// unspread is the gradient of operand i of a broadcast pair. What goes to one
// element is summed in float64.
func (op *elem) unspread(p *pass, which int, n *node, into, g, a, b, y []float32) {
	ta, tb := n.in[0], n.in[1]
	shape, err := broadcast(op.name, ta.shape, tb.shape)
	if err != nil {
		p.err = err
		return
	}
	d := op.d[which]
	var sums []float64
	if len(into) != len(g) {
		sums = make([]float64, len(into))
	}
	tile := tiles.Get().(*[2][tileLen]float32)
	defer tiles.Put(tile)
	cut := func(x []float32, at, step, lo, hi int) []float32 {
		switch {
		case x == nil:
			return nil
		case step == 0:
			return x[at : at+1]
		}
		return x[at+lo : at+hi]
	}
	runs(shape, ta.shape, tb.shape, func(r run) {
		at, step := r.a, r.sa
		if which == 1 {
			at, step = r.b, r.sb
		}
		for lo := 0; lo < r.n; lo += tileLen {
			hi := min(lo+tileLen, r.n)
			ca, cb := cut(a, r.a, r.sa, lo, hi), cut(b, r.b, r.sb, lo, hi)
			cy, cg := cut(y, r.at, 1, lo, hi), g[r.at+lo:r.at+hi]
			if sums == nil {
				d(into[at+lo:at+hi], cg, ca, cb, nil, cy, n.numbers())
				continue
			}
			part := tile[0][:hi-lo]
			clear(part)
			d(part, cg, ca, cb, nil, cy, n.numbers())
			if step == 1 {
				for i, v := range part {
					sums[at+lo+i] += float64(v)
				}
				continue
			}
			sums[at] += kernel.Sum(part)
		}
	})
	for i, s := range sums {
		into[i] += float32(s)
	}
}
