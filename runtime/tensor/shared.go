package tensor

import "github.com/hudrl/hudrl/internal/kernel"

// Elements from which on both cores share an elementwise operation, and of a
// share. Waking a core takes as long as some hundred thousand elements do. No
// result depends on how the work is split.
const (
	sharedLen = 1 << 19
	shareLen  = 1 << 15
)

// shares calls f for parts of n elements, at the same time where it can.
func shares(n int, f func(lo, hi int)) {
	kernel.Parallel((n+shareLen-1)/shareLen, func(i int) { f(i*shareLen, min((i+1)*shareLen, n)) })
}

// part is x[lo:hi], or nil.
func part(x []float32, lo, hi int) []float32 {
	if x == nil {
		return nil
	}
	return x[lo:hi]
}

// stepped is part of an operand that advances by step: the whole, one value,
// where that is 0.
func stepped(x []float32, lo, hi, step int) []float32 {
	if step == 0 {
		return x
	}
	return part(x, lo, hi)
}

// values computes dst.
func (op *unaryOp) values(dst, x []float32, p [2]float64) {
	if len(dst) < sharedLen {
		op.f(dst, x, p)
		return
	}
	shares(len(dst), func(lo, hi int) { op.f(dst[lo:hi], x[lo:hi], p) })
}

// slopes adds the gradient to into.
func (op *unaryOp) slopes(into, g, x, y []float32, p [2]float64) {
	if len(g) < sharedLen {
		op.d(into, g, x, y, p)
		return
	}
	shares(len(g), func(lo, hi int) { op.d(into[lo:hi], g[lo:hi], part(x, lo, hi), part(y, lo, hi), p) })
}

// values computes dst, one run.
func (op *binaryOp) values(dst, a, b []float32, sa, sb int) {
	if len(dst) < sharedLen {
		op.f(dst, a, b, sa, sb)
		return
	}
	shares(len(dst), func(lo, hi int) { op.f(dst[lo:hi], stepped(a, lo, hi, sa), stepped(b, lo, hi, sb), sa, sb) })
}

// slopes adds the gradient of operand i, one run and as long as the result.
func (op *binaryOp) slopes(i int, into, g, a, b, y []float32, sa, sb int) {
	d := op.d[i]
	if len(g) < sharedLen {
		d(into, g, a, b, y, sa, sb)
		return
	}
	shares(len(g), func(lo, hi int) {
		d(into[lo:hi], g[lo:hi], stepped(a, lo, hi, sa), stepped(b, lo, hi, sb), part(y, lo, hi), sa, sb)
	})
}
