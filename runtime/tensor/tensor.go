// Package tensor is float32 N-dimensional arrays with NumPy broadcasting,
// views and reverse-mode gradients.
//
//	x := tensor.From([]float32{1, 2, 3}, 3).RequireGrad()
//	loss := x.Exp().Mul(tensor.Scalar(2)).Sum()
//	if err := loss.Backward(); err != nil { … }
//	x.Grad().Data() // 2·exp(x)
//
// # Errors
//
// Operations neither panic nor return an error: a failed one gives a tensor
// whose Err is set, every operation on that tensor passes the error on, and
// Backward, Item and the other ends of a chain return it. So a formula reads
// like a formula and is checked once.
//
// # Views
//
// Reshape, Transpose, Narrow, Select, Expand, Squeeze and Unsqueeze share
// their tensor's storage where the layout allows it; every other operation
// makes new storage. Gradients flow through views to what they are a view of.
//
// # Numbers
//
// Storage is float32. Reductions, and the sums a broadcast operand's gradient
// needs, accumulate in float64 in a fixed order. Where the gradient arriving
// at an elementwise operation is exactly 0, the gradient passed on is 0 too,
// even when the local derivative is infinite or NaN: a position that a mask
// (Where, or a product with 0) took out of the result can never put NaN into
// a gradient.
//
// # When values are computed
//
// Shapes are checked at once. An operation on elements whose result has 128
// elements or more then waits until something wants its values: a reader such
// as Item, Data or printing, or an operation of another kind. It runs together
// with those it reads, over tiles of 1024 positions whose intermediate values
// stay in the cache and are written to memory only where they cost more to
// compute again. Reductions take tiles as they come; Backward runs connected
// operations the same way, and the cores share large work and many small losses
// alike. Where an Allocator has a Runner, reductions of what waits, and what is
// computed of the single values they give, wait for each other too. Nothing of
// this shows in a value: each operation rounds to float32 by itself, sums add
// up 1024 positions and then those sums, and what waits reads the values that
// its operands had when it was called, also if they were assigned since.
//
// # In-place operations
//
// Assign changes a tensor's values. It is refused while a graph that was not
// yet run backwards still needs the old values, on read-only tensors, and
// where a gradient would be lost. After Backward, or once the graph was
// dropped, it is allowed, also on a leaf that requires grad: an optimizer step
// is p.Assign(p.Sub(update)).
//
// # Memory
//
// An Allocator counts storage against a Budget, a result's when the operation
// is called; what it makes belongs to the allocator of its first operand that
// has one. Storage is given back when the garbage collector finds it
// unreachable; what waits keeps what it reads, at most 24 operations deep: of
// reductions 8, or up to 256 that read 131072 elements together. What Backward
// computes with on the way is counted while it runs and kept for the next run,
// up to 16 MiB for each that runs at the same time.
//
// A tensor, and all that is connected to it by a graph, belongs to one
// goroutine at a time. Read-only tensors may be read by many.
package tensor

import (
	"errors"
	"fmt"
	"strings"
)

// An Error is the failure of an operation: bad shapes, a dimension out of
// range, an in-place change that is not allowed.
type Error struct {
	Op     string // the operation, as a script calls it: "matmul"
	Detail string // what was wrong, with the values
	Hint   string // what to do about it, or ""
	Err    error  // the cause, or nil
}

func (e *Error) Error() string { return e.Op + ": " + e.Detail }

func (e *Error) Unwrap() error { return e.Err }

// ErrorCode is "limit" when a memory limit was reached and "validation"
// otherwise; a script sees it as e.code.
func (e *Error) ErrorCode() string {
	var limit *LimitError
	if errors.As(e.Err, &limit) {
		return "limit"
	}
	return "validation"
}

// ErrorHint is Hint; a script sees it as e.hint.
func (e *Error) ErrorHint() string { return e.Hint }

// A Tensor is an N-dimensional array of float32. The zero value is not a
// tensor; make one with From, Zeros and the like.
type Tensor struct {
	*layout
	off int
	st  *storage

	node *node // what made it, nil for leaves and constants
	leaf *leaf // set on a leaf that requires grad
}

// A leaf is where gradients end up.
type leaf struct {
	grad    *Tensor
	touched spans
	leafPass
}

// Err is why the operation that made t failed, or nil.
func (t *Tensor) Err() error {
	if t == nil {
		return errNil
	}
	return t.err
}

var errNil = &Error{Op: "tensor", Detail: "got nil, want a tensor"}

// failure is a tensor that carries an error.
func failure(err error) *Tensor { return &Tensor{layout: &layout{err: err}} }

// failf is a failed operation; what it says follows the grammar of Error.
func failf(op, format string, args ...any) *Tensor {
	return failure(errorf(op, format, args...))
}

func errorf(op, format string, args ...any) *Error {
	return &Error{Op: op, Detail: fmt.Sprintf(format, args...)}
}

// ok1 reports whether t can be computed with; if not, it returns what to pass on.
func ok1(t *Tensor) (*Tensor, bool) {
	if t == nil {
		return failure(errNil), false
	}
	if t.err != nil {
		return failure(t.err), false
	}
	return nil, true
}

func ok2(a, b *Tensor) (*Tensor, bool) {
	if f, ok := ok1(a); !ok {
		return f, false
	}
	return ok1(b)
}

// Shape is the size of each dimension. The caller must not change it.
func (t *Tensor) Shape() []int { return t.shape }

// Dims is the number of dimensions, 0 for a scalar.
func (t *Tensor) Dims() int { return len(t.shape) }

// Len is the number of elements.
func (t *Tensor) Len() int { return t.n }

// Size is the length of dimension d; negative d counts from the end.
func (t *Tensor) Size(d int) (int, error) {
	k, err := axis("size", t.shape, d)
	if err != nil {
		return 0, err
	}
	return t.shape[k], nil
}

// Data is the elements in row-major order. For a contiguous tensor it is the
// storage itself: writing to it bypasses every check of Assign. Otherwise it
// is a copy, counted like other storage. It is nil for a failed tensor, and
// when the copy would exceed a memory limit.
func (t *Tensor) Data() []float32 {
	if t.Err() != nil {
		return nil
	}
	data, _ := t.values("data")
	return data
}

// Contiguous reports whether the elements lie in row-major order without gaps.
func (t *Tensor) Contiguous() bool { return t.strides == nil }

// Item is the value of a tensor with one element.
func (t *Tensor) Item() (float64, error) {
	if err := t.Err(); err != nil {
		return 0, err
	}
	if t.n != 1 {
		return 0, errorf("item", "got shape %s, want one element", shapeString(t.shape))
	}
	data, err := t.st.full("item")
	if err != nil {
		return 0, err
	}
	return float64(data[t.off]), nil
}

// At is the element at index, one 0-based position per dimension; negative
// positions count from the end.
func (t *Tensor) At(index ...int) (float64, error) {
	if err := t.Err(); err != nil {
		return 0, err
	}
	if len(index) != len(t.shape) {
		return 0, errorf("at", "got %d positions, want %d for shape %s", len(index), len(t.shape), shapeString(t.shape))
	}
	pos := t.off
	for d, i := range index {
		if i < -t.shape[d] || i >= t.shape[d] {
			return 0, errorf("at", "position %d out of range in dimension %d of shape %s", i, d, shapeString(t.shape))
		}
		if i < 0 {
			i += t.shape[d]
		}
		pos += i * t.stride(d)
	}
	data, err := t.st.full("at")
	if err != nil {
		return 0, err
	}
	return float64(data[pos]), nil
}

// RequiresGrad reports whether gradients flow through t.
func (t *Tensor) RequiresGrad() bool { return t != nil && (t.node != nil || t.leaf != nil) }

// IsLeaf reports whether t was not made by a recorded operation.
func (t *Tensor) IsLeaf() bool { return t.node == nil }

// RequireGrad makes t, a tensor no graph made, a leaf that collects gradients,
// and returns it. A view with gaps gets storage of its own first. Calling it
// again changes nothing.
func (t *Tensor) RequireGrad() *Tensor {
	if f, ok := ok1(t); !ok {
		return f
	}
	if t.RequiresGrad() {
		return t
	}
	if t.strides != nil {
		c := t.Clone()
		if c.err != nil {
			return c
		}
		t.layout, t.off, t.st = c.layout, 0, c.st
	}
	if err := t.st.settled("requires_grad_"); err != nil {
		return failure(err)
	}
	t.leaf = &leaf{}
	return t
}

// Detach is a view of t's storage that no gradient flows through.
func (t *Tensor) Detach() *Tensor {
	if f, ok := ok1(t); !ok {
		return f
	}
	v := t.st.alloc.newView()
	v.layout, v.off, v.st = t.layout, t.off, t.st
	return v
}

// Grad is the gradient collected since ZeroGrad, shaped like t, or nil when
// none arrived.
func (t *Tensor) Grad() *Tensor {
	if t == nil || t.leaf == nil {
		return nil
	}
	return t.leaf.grad
}

// ZeroGrad forgets the collected gradient and which elements it reached.
func (t *Tensor) ZeroGrad() {
	if t != nil && t.leaf != nil {
		t.leaf.grad, t.leaf.touched = nil, nil
	}
}

// Touched reports whether any path of the graphs run backwards since ZeroGrad
// led to an element of the leaf between the flat positions lo and hi
// (half-open), whatever the gradient's value.
func (t *Tensor) Touched(lo, hi int) bool {
	return t != nil && t.leaf != nil && t.leaf.touched.overlap(lo, hi)
}

// ReadOnly marks t's storage, shared by all its views, as never to be changed
// in place, and returns t.
func (t *Tensor) ReadOnly() *Tensor {
	if t.Err() == nil {
		if err := t.st.settled("read-only"); err != nil {
			return failure(err)
		}
		t.st.seldom().readonly = true
	}
	return t
}

// Pin keeps t from being changed in place until Unpin: for a computation that
// reads it on another goroutine.
func (t *Tensor) Pin() {
	if t.Err() == nil {
		t.st.cur.pins.Add(1)
	}
}

// Unpin undoes one Pin.
func (t *Tensor) Unpin() {
	if t.Err() == nil {
		t.st.cur.pins.Add(-1)
	}
}

// SharesStorage reports whether t and u are the same elements of the same
// storage.
func (t *Tensor) SharesStorage(u *Tensor) bool {
	return t.Err() == nil && u.Err() == nil && t.st == u.st && t.off == u.off
}

// stride is the distance between neighbours in dimension d.
func (t *Tensor) stride(d int) int {
	if t.strides != nil {
		return t.strides[d]
	}
	s := 1
	for _, n := range t.shape[d+1:] {
		s *= n
	}
	return s
}

// values is the elements in row-major order, for op: the storage when it can
// be, else a copy.
func (t *Tensor) values(op string) ([]float32, error) {
	data, err := t.st.full(op)
	if err != nil {
		return nil, err
	}
	if t.strides == nil {
		return data[t.off : t.off+t.n : t.off+t.n], nil
	}
	out, err := t.st.alloc.floats(op, t.n)
	if err != nil {
		return nil, err
	}
	gather(out, t)
	if t.n >= patienceLen {
		if err := ended(op, t.st.alloc.began()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// value is element i in row-major order of a tensor whose storage is full.
func (t *Tensor) value(i int) float32 {
	data := t.st.cur.data
	if t.strides == nil {
		return data[t.off+i]
	}
	pos := t.off
	for d := len(t.shape) - 1; d >= 0; d-- {
		pos += i % t.shape[d] * t.strides[d]
		i /= t.shape[d]
	}
	return data[pos]
}

// shapeString writes a shape as messages show it: [2 3].
func shapeString(shape []int) string {
	return fmt.Sprint(shape)
}

// sizeString writes a shape as printing shows it: 2x3.
func sizeString(shape []int) string {
	var b strings.Builder
	for i, n := range shape {
		if i > 0 {
			b.WriteByte('x')
		}
		fmt.Fprint(&b, n)
	}
	return b.String()
}
