package tensor

import (
	"fmt"
	"slices"

	"github.com/hudrl/hudrl/internal/kernel"
)

// viewOp is every view: element by element the same as some elements of its
// first input, which is itself no recorded view and contiguous.
var viewOp = &opDef{name: "view"}

// copyOp is a tensor copied to storage of its own.
var copyOp = &opDef{name: "clone"}

func init() {
	viewOp.back = viewBack
	copyOp.back = func(p *pass, n *node, g []float32) {
		axpy(p.grad(n.in[0]), g)
	}
}

// view is a tensor over t's storage.
func (t *Tensor) view(shape, strides []int, off, n int) *Tensor {
	if strides == nil || isContiguous(shape, strides) {
		return t.part(packed(shape, n), off)
	}
	return t.part(&layout{shape: shape, strides: strides, n: n}, off)
}

// part is a tensor over t's storage, from off on.
func (t *Tensor) part(l *layout, off int) *Tensor {
	if l.n == 0 {
		off = t.off
	}
	if t.node == nil && t.leaf == nil {
		v := t.st.alloc.newView()
		v.layout, v.off, v.st = l, off, t.st
		return v
	}
	o := t.st.alloc.newNode()
	o.t.layout, o.t.off, o.t.st = l, off, t.st
	base := t
	if t.node != nil && t.node.op == viewOp {
		base = t.node.in[0]
	}
	o.t.node = o
	o.op, o.in[0] = viewOp, base
	o.tiled = l.strides == nil && l.n >= lateLen
	return &o.t
}

func viewBack(p *pass, n *node, g []float32) {
	base, v := n.in[0], &n.t
	if v.n == 0 {
		return
	}
	lo := v.off - base.off
	if v.strides == nil {
		into, _ := p.part(base, lo, lo+v.n, false)
		axpy(into, g)
		return
	}
	hi := lo + 1
	repeats := false
	for d, s := range v.strides {
		hi += (v.shape[d] - 1) * s
		repeats = repeats || s == 0 && v.shape[d] > 1
	}
	into, _ := p.part(base, lo, hi, false)
	switch {
	case into == nil:
	case repeats:
		sum := make([]float64, hi-lo)
		rows(v.shape, v.strides, 0, func(at, pos, n, step int) {
			for i := range n {
				sum[pos] += float64(g[at+i])
				pos += step
			}
		})
		for i, s := range sum {
			into[i] += float32(s)
		}
	default:
		rows(v.shape, v.strides, 0, func(at, pos, n, step int) {
			for i := range n {
				into[pos] += g[at+i]
				pos += step
			}
		})
	}
}

// axpy adds g to into, which may be nil.
func axpy(into, g []float32) {
	if into == nil {
		return
	}
	kernel.AddTo(into, into, g)
}

// Clone is a copy in storage of its own; gradients flow through.
func (t *Tensor) Clone() *Tensor {
	if f, ok := ok1(t); !ok {
		return f
	}
	if _, err := t.st.full("clone"); err != nil {
		return failure(err)
	}
	out, nd, err := t.st.alloc.outcome(copyOp, t.shape, t.n, t, nil)
	if err != nil {
		return failure(err)
	}
	if nd != nil {
		nd.tiled = t.n >= lateLen
	}
	gather(out.st.cur.data, t)
	if t.n >= patienceLen {
		if err := ended("clone", t.st.alloc.began()); err != nil {
			return failure(err)
		}
	}
	return out
}

// Reshape is t with another shape of as many elements; one size may be -1 and
// is then worked out. It is a view when t is contiguous, a copy otherwise.
func (t *Tensor) Reshape(shape ...int) *Tensor {
	if f, ok := ok1(t); !ok {
		return f
	}
	shape = slices.Clone(shape)
	hole, known := -1, 1
	for d, s := range shape {
		switch {
		case s == -1 && hole < 0:
			hole = d
		case s < 0:
			return failf("reshape", "got sizes %s, want sizes of at least 0 and at most one -1", shapeString(shape))
		case s > 0 && known > maxLen/s:
			return failf("reshape", "shape %s is too large", shapeString(shape))
		default:
			known *= s
		}
	}
	if hole >= 0 {
		if known == 0 || t.n%known != 0 {
			return failf("reshape", "cannot work out -1 in %s for %d elements", shapeString(shape), t.n)
		}
		shape[hole] = t.n / known
		known *= shape[hole]
	}
	if known != t.n {
		return failf("reshape", "shape %s has %d elements, want %d as %s has", shapeString(shape), known, t.n, shapeString(t.shape))
	}
	if t.strides != nil {
		if t = t.Clone(); t.err != nil {
			return t
		}
	}
	return t.view(shape, nil, t.off, t.n)
}

// Flatten is t in one dimension.
func (t *Tensor) Flatten() *Tensor { return t.Reshape(-1) }

// sizes is t's shape and strides, as copies to change.
func (t *Tensor) sizes() (shape, strides []int) {
	if t.strides == nil {
		return slices.Clone(t.shape), contiguousStrides(t.shape)
	}
	return slices.Clone(t.shape), slices.Clone(t.strides)
}

// Transpose swaps two dimensions.
func (t *Tensor) Transpose(d, e int) *Tensor {
	if f, ok := ok1(t); !ok {
		return f
	}
	d, err := axis("transpose", t.shape, d)
	if err != nil {
		return failure(err)
	}
	e, err = axis("transpose", t.shape, e)
	if err != nil {
		return failure(err)
	}
	shape, strides := t.sizes()
	shape[d], shape[e] = shape[e], shape[d]
	strides[d], strides[e] = strides[e], strides[d]
	return t.view(shape, strides, t.off, t.n)
}

// T is the transpose of a matrix; a tensor of fewer dimensions is unchanged.
func (t *Tensor) T() *Tensor {
	if f, ok := ok1(t); !ok {
		return f
	}
	switch len(t.shape) {
	case 0, 1:
		return t
	case 2:
		return t.Transpose(0, 1)
	}
	return failf("t", "got shape %s, want at most 2 dimensions; name the two with transpose", shapeString(t.shape))
}

// Squeeze drops dimensions of size 1: the given ones, or all.
func (t *Tensor) Squeeze(dims ...int) *Tensor {
	if f, ok := ok1(t); !ok {
		return f
	}
	drop := make([]bool, len(t.shape))
	for i, s := range t.shape {
		drop[i] = len(dims) == 0 && s == 1
	}
	for _, d := range dims {
		k, err := axis("squeeze", t.shape, d)
		if err != nil {
			return failure(err)
		}
		drop[k] = t.shape[k] == 1
	}
	shape, strides := t.sizes()
	k := 0
	for d := range shape {
		if !drop[d] {
			shape[k], strides[k] = shape[d], strides[d]
			k++
		}
	}
	return t.view(shape[:k:k], strides[:k:k], t.off, t.n)
}

// Unsqueeze puts a dimension of size 1 before dimension d; -1 puts it last.
func (t *Tensor) Unsqueeze(d int) *Tensor {
	if f, ok := ok1(t); !ok {
		return f
	}
	if d < -len(t.shape)-1 || d > len(t.shape) {
		return failf("unsqueeze", "dimension %d out of range for shape %s", d, shapeString(t.shape))
	}
	if d < 0 {
		d += len(t.shape) + 1
	}
	shape, strides := t.sizes()
	return t.view(slices.Insert(shape, d, 1), slices.Insert(strides, d, 0), t.off, t.n)
}

// Expand repeats dimensions of size 1, without copying, to the given shape;
// -1 keeps a size. Dimensions may be added in front.
func (t *Tensor) Expand(shape ...int) *Tensor {
	if f, ok := ok1(t); !ok {
		return f
	}
	shape = slices.Clone(shape)
	lead := len(shape) - len(t.shape)
	if lead < 0 {
		return failf("expand", "shape %s has fewer dimensions than %s", shapeString(shape), shapeString(t.shape))
	}
	strides := make([]int, len(shape))
	for d := range shape {
		if d < lead {
			if shape[d] < 0 {
				return failf("expand", "got sizes %s, want a size for each new dimension", shapeString(shape))
			}
			continue
		}
		have := t.shape[d-lead]
		switch {
		case shape[d] == -1 || shape[d] == have:
			shape[d] = have
			if have != 1 {
				strides[d] = t.stride(d - lead)
			}
		case have != 1:
			return failf("expand", "shape %s does not expand to %s", shapeString(t.shape), shapeString(shape))
		}
	}
	n, err := product("expand", shape)
	if err != nil {
		return failure(err)
	}
	return t.view(shape, strides, t.off, n)
}

// Narrow is length positions of dimension d, from start.
func (t *Tensor) Narrow(d, start, length int) *Tensor {
	if f, ok := ok1(t); !ok {
		return f
	}
	d, err := axis("narrow", t.shape, d)
	if err != nil {
		return failure(err)
	}
	if start < 0 || length < 0 || start > t.shape[d]-length {
		return failf("narrow", "start %d and length %d out of range in dimension %d of shape %s", start, length, d, shapeString(t.shape))
	}
	if len(t.shape) == 1 && t.strides == nil {
		return t.part(vector(length), t.off+start)
	}
	shape, strides := t.sizes()
	off := t.off + start*strides[d]
	shape[d] = length
	n, _ := product("narrow", shape)
	return t.view(shape, strides, off, n)
}

// Select is position i of dimension d, which goes; negative i counts from the
// end.
func (t *Tensor) Select(d, i int) *Tensor {
	if f, ok := ok1(t); !ok {
		return f
	}
	d, err := axis("select", t.shape, d)
	if err != nil {
		return failure(err)
	}
	if i < -t.shape[d] || i >= t.shape[d] {
		return failf("select", "position %d out of range in dimension %d of shape %s", i, d, shapeString(t.shape))
	}
	if i < 0 {
		i += t.shape[d]
	}
	if d == 0 && t.strides == nil {
		n := t.n / t.shape[0]
		return t.part(packed(t.shape[1:], n), t.off+i*n)
	}
	shape, strides := t.sizes()
	off := t.off + i*strides[d]
	shape, strides = slices.Delete(shape, d, d+1), slices.Delete(strides, d, d+1)
	n, _ := product("select", shape)
	return t.view(shape, strides, off, n)
}

// checkAssign says why t may not be changed in place by op, or nil.
func (t *Tensor) checkAssign(op string) error {
	switch {
	case t.node != nil && !(t.node.op == viewOp && t.node.in[0].leaf != nil):
		return &Error{Op: op, Detail: "the tensor was made by a graph and cannot be changed in place",
			Hint: "use the form that returns a new tensor, or detach it first"}
	case t.st.locked():
		return &Error{Op: op, Detail: "the tensor is read-only", Hint: "change a clone"}
	case t.st.cur.pins.Load() > 0:
		return &Error{Op: op, Detail: "another task is computing with the tensor", Hint: "change a clone"}
	}
	for d, s := range t.strides {
		if s == 0 && t.shape[d] > 1 {
			return &Error{Op: op, Detail: "the tensor is expanded: several positions are one element", Hint: "change a clone"}
		}
	}
	if t.st.busy() {
		return &Error{Op: op, Detail: "a graph that was not run backwards yet still needs the tensor's values",
			Hint: "run backward first, drop the graph, or compute what needs no gradient from detach() or inside no_grad"}
	}
	return nil
}

// Assign writes u, broadcast to t's shape, over t's elements, in the name of
// op. It is refused where the package documentation says so, and when u
// requires grad.
func (t *Tensor) Assign(op string, u *Tensor) error {
	if f, ok := ok2(t, u); !ok {
		return f.err
	}
	if u.RequiresGrad() {
		return &Error{Op: op, Detail: "the new values require grad, which would be lost",
			Hint: "use the form that returns a new tensor, or detach the values first"}
	}
	return t.Update(op, u)
}

// Update is Assign that takes the values of a u that requires grad without
// the gradient.
func (t *Tensor) Update(op string, u *Tensor) error {
	if f, ok := ok2(t, u); !ok {
		return f.err
	}
	if err := t.checkAssign(op); err != nil {
		return err
	}
	out, err := broadcast(op, t.shape, u.shape)
	if err != nil {
		return err
	}
	if !slices.Equal(out, t.shape) {
		return errorf(op, "shape %s does not fit into %s", shapeString(u.shape), shapeString(t.shape))
	}
	if !slices.Equal(u.shape, t.shape) {
		u = u.Detach().Expand(t.shape...)
	}
	src, err := u.values(op)
	if err != nil {
		return err
	}
	if u.st == t.st && u.strides == nil {
		src = slices.Clone(src) // the views may overlap
	}
	if err := t.st.replace(op); err != nil {
		return err
	}
	scatter(t, src)
	return nil
}

// AssignWhere writes v over t's elements where mask, of t's shape, is not 0, in
// the name of op: one value, or as many in one dimension as are selected, in
// row-major order. It is refused where Assign is.
func (t *Tensor) AssignWhere(op string, mask, v *Tensor) error {
	if f, ok := ok2(t, mask); !ok {
		return f.err
	}
	if f, ok := ok1(v); !ok {
		return f.err
	}
	if !slices.Equal(mask.shape, t.shape) {
		return errorf(op, "got a mask of shape %s, want %s as the tensor has", shapeString(mask.shape), shapeString(t.shape))
	}
	if v.RequiresGrad() {
		return t.Assign(op, v) // which says no
	}
	m, err := mask.values(op)
	if err != nil {
		return err
	}
	n := kernel.CountNonZero(m)
	if v.n != 1 && (v.n != n || len(v.shape) != 1) {
		return &Error{Op: op, Detail: fmt.Sprintf("got shape %s for %d selected positions, want one value or as many", shapeString(v.shape), n),
			Hint: "where takes the elements that are at the same positions"}
	}
	x, err := v.values(op)
	if err != nil {
		return err
	}
	u := t.Detach().Clone()
	if u.err != nil {
		return u.err
	}
	dst, next := u.st.cur.data, 0
	for i, on := range m {
		if on != 0 {
			dst[i] = x[next]
			if v.n > 1 {
				next++
			}
		}
	}
	return t.Assign(op, u)
}
