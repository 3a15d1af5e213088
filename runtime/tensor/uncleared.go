package tensor

import (
	"runtime"
	"strings"
	"unsafe"
)

// uncleared is n elements that hold anything, for who writes them all: to clear
// a gradient of a hundred thousand takes longer than to compute it. A
// strings.Builder is what the standard library has for memory that is not
// cleared; nobody has a string of it.
func uncleared(n int) []float32 {
	var b strings.Builder
	b.Grow(4 * n)
	_ = b.WriteByte(0)
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.StringData(b.String()))), n)
}

// unset is like floats; what the elements hold is anything.
func (a *Allocator) unset(op string, n int) ([]float32, error) {
	if n <= slabItem {
		return a.floats(op, n)
	}
	if a == nil || a.budget == nil {
		return uncleared(n), nil
	}
	if err := a.reserve(op, n); err != nil {
		return nil, err
	}
	s := uncleared(n)
	runtime.AddCleanup(&s[0], a.giveBack, 4*int64(n))
	return s, nil
}

// blank is like make; what the elements are is for the caller to say.
func (a *Allocator) blank(op string, shape []int, n int) (*Tensor, error) {
	if n <= slabItem {
		return a.make(op, shape, n)
	}
	data, err := a.unset(op, n)
	if err != nil {
		return nil, err
	}
	return a.holding(shape, data), nil
}

// holding is a constant whose elements are data.
func (a *Allocator) holding(shape []int, data []float32) *Tensor {
	o := a.newConstant()
	o.t.layout, o.t.st = packed(shape, len(data)), &o.s.s
	o.s.s.alloc, o.s.s.cur = a, &o.s.s.first
	o.s.s.first.data = data
	return &o.t
}

// count counts elements that somebody else made, until they are unreachable.
func (a *Allocator) count(op string, data []float32) error {
	if a == nil || a.budget == nil {
		return nil
	}
	if err := a.reserve(op, len(data)); err != nil {
		return err
	}
	runtime.AddCleanup(&data[0], a.giveBack, 4*int64(len(data)))
	return nil
}
