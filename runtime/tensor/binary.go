package tensor

import (
	"math"
	"slices"

	"github.com/hudrl/hudrl/internal/kernel"
)

// A binaryOp combines elements pairwise. Its functions work on a stretch:
// operand a has as many elements as dst when sa is 1, one when sa is 0; b
// likewise.
type binaryOp struct {
	opDef
	f func(dst, a, b []float32, sa, sb int)
	// d[i] adds the gradient of operand i: nothing where g is 0.
	d [2]func(into, g, a, b, y []float32, sa, sb int)
}

const tileLen = 1024

func binary(name string, readsForA, readsForB uint8, f func(dst, a, b []float32, sa, sb int),
	da, db func(into, g, a, b, y []float32, sa, sb int)) *binaryOp {
	op := &binaryOp{f: f}
	op.d[0], op.d[1] = da, db
	op.name, op.reads = name, [2]uint8{readsForA, readsForB}
	op.back = op.backward
	return op
}

func (op *binaryOp) backward(p *pass, n *node, g []float32) {
	var a, b, y []float32
	ta, tb := n.in[0], n.in[1]
	// Only the values that were kept may be read.
	var reads uint8
	for i, t := range n.in {
		if t.RequiresGrad() {
			reads |= op.reads[i]
		}
	}
	if reads&readsA != 0 {
		a = p.values(ta)
	}
	if reads&readsB != 0 {
		b = p.values(tb)
	}
	if reads&readsY != 0 {
		y = p.values(n.y)
	}
	if p.err != nil {
		return
	}
	for i, t := range n.in {
		into := p.grad(t)
		if into == nil {
			continue
		}
		switch {
		case slices.Equal(ta.shape, tb.shape):
			op.slopes(i, into, g, a, b, y, 1, 1)
			continue
		case i == 0 && tb.n == 1 && ta.n == n.n:
			op.slopes(i, into, g, a, b, y, 1, 0)
			continue
		case i == 1 && ta.n == 1 && tb.n == n.n:
			op.slopes(i, into, g, a, b, y, 0, 1)
			continue
		}
		op.spread(p, op.d[i], i, n, into, g, a, b, y)
	}
}

// spread is the gradient of one operand of a broadcast pair. What goes to one
// element is summed in float64.
func (op *binaryOp) spread(p *pass, d func(into, g, a, b, y []float32, sa, sb int), which int, n *node, into, g, a, b, y []float32) {
	ta, tb := n.in[0], n.in[1]
	shape, err := broadcast(op.name, ta.shape, tb.shape)
	if err != nil {
		p.err = err
		return
	}
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
				d(into[at+lo:at+hi], cg, ca, cb, cy, r.sa, r.sb)
				continue
			}
			part := tile[0][:hi-lo]
			clear(part)
			d(part, cg, ca, cb, cy, r.sa, r.sb)
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

func (op *binaryOp) apply(a, b *Tensor) *Tensor {
	if f, ok := ok2(a, b); !ok {
		return f
	}
	shape, err := broadcast(op.name, a.shape, b.shape)
	if err != nil {
		return failure(err)
	}
	same := slices.Equal(a.shape, b.shape)
	n := a.n
	if !same {
		if n, err = product(op.name, shape); err != nil {
			return failure(err)
		}
	}
	out, err := alloc2(a, b).make(op.name, shape, n)
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
	dst := out.st.data
	switch {
	case n == 0:
	case same:
		op.values(dst, x, y, 1, 1)
	case b.n == 1 && a.n == n:
		op.values(dst, x, y, 1, 0)
	case a.n == 1 && b.n == n:
		op.values(dst, x, y, 0, 1)
	default:
		runs(shape, a.shape, b.shape, func(r run) {
			op.f(dst[r.at:r.at+r.n], x[r.a:r.a+1+(r.n-1)*r.sa], y[r.b:r.b+1+(r.n-1)*r.sb], r.sa, r.sb)
		})
	}
	if op.back != nil {
		record(out, &op.opDef, a, b)
	}
	return out
}

// pairwise is a binaryOp given by what it does to two numbers and by its
// partial derivatives, computed in float64.
func pairwise(name string, readsForA, readsForB uint8, f func(a, b float64) float64, da, db func(a, b, y float64) float64) *binaryOp {
	grad := func(d func(a, b, y float64) float64) func(into, g, a, b, y []float32, sa, sb int) {
		return func(into, g, a, b, y []float32, sa, sb int) {
			var yi float64
			for i, gi := range g {
				if gi == 0 {
					continue
				}
				if y != nil {
					yi = float64(y[i])
				}
				into[i] += float32(float64(gi) * d(float64(a[i*sa]), float64(b[i*sb]), yi))
			}
		}
	}
	return binary(name, readsForA, readsForB, func(dst, a, b []float32, sa, sb int) {
		for i := range dst {
			dst[i] = float32(f(float64(a[i*sa]), float64(b[i*sb])))
		}
	}, grad(da), grad(db))
}

func plus(into, g, _, _, _ []float32, _, _ int) { kernel.AddTo(into, into, g) }

func minus(into, g, _, _, _ []float32, _, _ int) { kernel.SubTo(into, into, g) }

// combine is how a kernel that takes one value for many computes a binaryOp.
func combine(f func(dst, a, b []float32)) func(dst, a, b []float32, sa, sb int) {
	return func(dst, a, b []float32, _, _ int) { f(dst, a, b) }
}

// wins is the gradient of minimum and maximum for the operand that is chosen
// where better gives 1; equals share.
func wins(better func(dst, a, b []float32)) func(into, g, a, b, y []float32, sa, sb int) {
	return func(into, g, a, b, _ []float32, sa, sb int) {
		t := tiles.Get().(*[2][tileLen]float32)
		defer tiles.Put(t)
		for lo := 0; lo < len(g); lo += tileLen {
			hi := min(lo+tileLen, len(g))
			d, ties := t[0][:hi-lo], t[1][:hi-lo]
			x, y := a, b
			if sa == 1 {
				x = a[lo:hi]
			}
			if sb == 1 {
				y = b[lo:hi]
			}
			better(d, x, y)
			kernel.EqTo(ties, x, y)
			kernel.MulAdd(d, ties, half)
			kernel.MulAdd(into[lo:hi], g[lo:hi], d)
		}
	}
}

var (
	opAdd = binary("add", 0, 0, combine(kernel.AddTo), plus, plus)
	opSub = binary("sub", 0, 0, combine(kernel.SubTo), plus, minus)
	opMul = binary("mul", readsB, readsA, combine(kernel.MulTo),
		func(into, g, _, b, _ []float32, _, _ int) { kernel.MulAdd(into, g, b) },
		func(into, g, a, _, _ []float32, _, _ int) { kernel.MulAdd(into, g, a) })
	opDiv = binary("div", readsB, readsA|readsB, combine(kernel.DivTo),
		func(into, g, _, b, _ []float32, _, _ int) { kernel.DivAdd(into, g, b) },
		func(into, g, a, b, _ []float32, sa, sb int) {
			for i, gi := range g {
				if gi != 0 {
					v := float64(b[i*sb])
					into[i] -= float32(float64(gi) * float64(a[i*sa]) / (v * v))
				}
			}
		})
	opPow = pairwise("pow", readsA|readsB, readsA|readsB|readsY, power,
		func(a, b, _ float64) float64 {
			if b == 0 {
				return 0
			}
			return b * power(a, b-1)
		},
		func(a, b, y float64) float64 {
			if a == 0 && b >= 0 {
				return 0
			}
			return y * math.Log(a)
		})
	opMinimum = binary("minimum", readsA|readsB, readsA|readsB, combine(kernel.MinimumTo), wins(kernel.LtTo), wins(above))
	opMaximum = binary("maximum", readsA|readsB, readsA|readsB, combine(kernel.MaximumTo), wins(above), wins(kernel.LtTo))
)

// above is 1 where a is above b.
func above(dst, a, b []float32) { kernel.LtTo(dst, b, a) }

// power is a**b with the common exponents exact and quick.
func power(a, b float64) float64 {
	switch b {
	case 1:
		return a
	case 2:
		return a * a
	case -1:
		return 1 / a
	}
	return math.Pow(a, b)
}

// Add is t + u.
func (t *Tensor) Add(u *Tensor) *Tensor { return opAdd.apply(t, u) }

// Sub is t − u.
func (t *Tensor) Sub(u *Tensor) *Tensor { return opSub.apply(t, u) }

// Mul is t · u, elementwise.
func (t *Tensor) Mul(u *Tensor) *Tensor { return opMul.apply(t, u) }

// Div is t / u, elementwise.
func (t *Tensor) Div(u *Tensor) *Tensor { return opDiv.apply(t, u) }

// Pow is t to the power of u, elementwise.
func (t *Tensor) Pow(u *Tensor) *Tensor { return opPow.apply(t, u) }

// Minimum is the smaller of t and u, elementwise; NaN if either is. At a tie
// each gets half the gradient.
func (t *Tensor) Minimum(u *Tensor) *Tensor { return opMinimum.apply(t, u) }

// Maximum is the larger of t and u, elementwise; NaN if either is. At a tie
// each gets half the gradient.
func (t *Tensor) Maximum(u *Tensor) *Tensor { return opMaximum.apply(t, u) }
