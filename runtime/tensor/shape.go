package tensor

import (
	"slices"
	"sync/atomic"
)

// A layout is what tensors of one shape have in common: it is shared, and never
// written. That of a failed one is why it failed.
type layout struct {
	shape   []int
	strides []int // nil: row-major and contiguous
	n       int   // product of shape
	err     error
}

// scalarLayout is that of all tensors without dimensions.
var scalarLayout = &layout{n: 1}

// packed is the layout of a contiguous tensor of n elements; it keeps shape.
func packed(shape []int, n int) *layout {
	switch len(shape) {
	case 0:
		return scalarLayout
	case 1:
		return vector(n)
	}
	return &layout{shape: shape, n: n}
}

// vector is the layout of a vector: the latest again if it can be.
func vector(n int) *layout {
	l := lastVector.Load()
	if l == nil || l.n != n {
		l = &layout{shape: []int{n}, n: n}
		lastVector.Store(l)
	}
	return l
}

var lastVector atomic.Pointer[layout]

// row is l without gaps.
func (l *layout) row() *layout {
	if l.strides == nil {
		return l
	}
	return packed(l.shape, l.n)
}

// product is the number of elements of shape, or an error for a negative size
// or too many.
func product(op string, shape []int) (int, error) {
	n, zero := 1, false
	for _, s := range shape {
		if s < 0 {
			return 0, errorf(op, "got shape %s, want sizes of at least 0", shapeString(shape))
		}
		if s == 0 {
			zero = true
			continue
		}
		if n > maxLen/s {
			return 0, errorf(op, "shape %s is too large: more than %d elements", shapeString(shape), maxLen)
		}
		n *= s
	}
	if zero {
		return 0, nil
	}
	return n, nil
}

// axis turns a dimension that may count from the end into a plain one.
func axis(op string, shape []int, d int) (int, error) {
	if d < -len(shape) || d >= len(shape) {
		return 0, errorf(op, "dimension %d out of range for shape %s", d, shapeString(shape))
	}
	if d < 0 {
		d += len(shape)
	}
	return d, nil
}

// broadcast is the shape a and b have together by NumPy's rules.
func broadcast(op string, a, b []int) ([]int, error) {
	if slices.Equal(a, b) || len(b) == 0 {
		return a, nil
	}
	if len(a) == 0 {
		return b, nil
	}
	out := make([]int, max(len(a), len(b)))
	for i := range out {
		x, y := 1, 1
		if k := i - len(out) + len(a); k >= 0 {
			x = a[k]
		}
		if k := i - len(out) + len(b); k >= 0 {
			y = b[k]
		}
		switch {
		case x == y || y == 1:
			out[i] = x
		case x == 1:
			out[i] = y
		default:
			return nil, errorf(op, "shapes %s and %s do not broadcast", shapeString(a), shapeString(b))
		}
	}
	return out, nil
}

// contiguousStrides are the strides of a row-major tensor.
func contiguousStrides(shape []int) []int {
	s := make([]int, len(shape))
	step := 1
	for d := len(shape) - 1; d >= 0; d-- {
		s[d] = step
		step *= shape[d]
	}
	return s
}

// isContiguous reports whether strides are those of a row-major tensor;
// dimensions of size 1 may have any.
func isContiguous(shape, strides []int) bool {
	step := 1
	for d := len(shape) - 1; d >= 0; d-- {
		if shape[d] == 0 {
			return true
		}
		if shape[d] != 1 && strides[d] != step {
			return false
		}
		step *= shape[d]
	}
	return true
}

// rows calls f for each innermost row of a strided array, in row-major order,
// with the row's position in the row-major array and in the strided one. The
// inner row has length n and distance step.
func rows(shape, strides []int, off int, f func(at, pos, n, step int)) {
	if len(shape) == 0 {
		f(0, off, 1, 0)
		return
	}
	for _, s := range shape {
		if s == 0 {
			return
		}
	}
	last := len(shape) - 1
	n, step := shape[last], strides[last]
	index := make([]int, last)
	pos := off
	for at := 0; ; at += n {
		f(at, pos, n, step)
		d := last - 1
		for ; d >= 0; d-- {
			index[d]++
			pos += strides[d]
			if index[d] < shape[d] {
				break
			}
			pos -= index[d] * strides[d]
			index[d] = 0
		}
		if d < 0 {
			return
		}
	}
}

// gather copies the elements of t, whose storage is full, to dst in row-major
// order.
func gather(dst []float32, t *Tensor) {
	src := t.st.cur.data
	if t.strides == nil {
		copy(dst, src[t.off:t.off+t.n])
		return
	}
	wait, over := patience{ctx: t.st.alloc.began()}, false
	rows(t.shape, t.strides, t.off, func(at, pos, n, step int) {
		if over = over || wait.ends(n); over {
			return // whoever asked finds the context ended
		}
		if step == 1 {
			copy(dst[at:at+n], src[pos:])
			return
		}
		for i := range n {
			dst[at+i] = src[pos]
			pos += step
		}
	})
}

// scatter copies src, in row-major order, to t's elements.
func scatter(t *Tensor, src []float32) {
	if t.strides == nil {
		copy(t.st.cur.data[t.off:t.off+t.n], src)
		return
	}
	dst := t.st.cur.data
	rows(t.shape, t.strides, t.off, func(at, pos, n, step int) {
		for i := range n {
			dst[pos] = src[at+i]
			pos += step
		}
	})
}

// strideOf is how far apart neighbours of a row-major tensor of the given
// shape are when it is broadcast to out: 0 where it repeats.
func strideOf(shape, out []int) []int {
	s := make([]int, len(out))
	step := 1
	for d := len(shape) - 1; d >= 0; d-- {
		if shape[d] != 1 {
			s[len(out)-len(shape)+d] = step
		}
		step *= shape[d]
	}
	return s
}

// A run is a stretch of a broadcast pair: n results starting at element at,
// from positions a and b with steps sa and sb (0 or 1).
type run struct{ at, a, b, n, sa, sb int }

// runs splits the broadcast of shapes a and b to out into stretches as long as
// possible. The shapes are known to broadcast.
func runs(out, a, b []int, f func(r run)) {
	sa, sb := strideOf(a, out), strideOf(b, out)
	// Merge neighbouring dimensions that both operands walk through evenly.
	shape := make([]int, 0, len(out))
	ta, tb := make([]int, 0, len(out)), make([]int, 0, len(out))
	for d, n := range out {
		if n == 0 {
			return
		}
		if n == 1 {
			continue
		}
		if k := len(shape) - 1; k >= 0 && ta[k] == sa[d]*n && tb[k] == sb[d]*n {
			shape[k] *= n
			ta[k], tb[k] = sa[d], sb[d]
			continue
		}
		shape, ta, tb = append(shape, n), append(ta, sa[d]), append(tb, sb[d])
	}
	if len(shape) == 0 {
		f(run{n: 1})
		return
	}
	last := len(shape) - 1
	n := shape[last]
	index := make([]int, last)
	r := run{n: n, sa: ta[last], sb: tb[last]}
	for {
		f(r)
		r.at += n
		d := last - 1
		for ; d >= 0; d-- {
			index[d]++
			r.a += ta[d]
			r.b += tb[d]
			if index[d] < shape[d] {
				break
			}
			r.a -= index[d] * ta[d]
			r.b -= index[d] * tb[d]
			index[d] = 0
		}
		if d < 0 {
			return
		}
	}
}

// split views shape around dimension d as [outer n inner].
func split(shape []int, d int) (outer, n, inner int) {
	outer, inner = 1, 1
	for _, s := range shape[:d] {
		outer *= s
	}
	for _, s := range shape[d+1:] {
		inner *= s
	}
	return outer, shape[d], inner
}
