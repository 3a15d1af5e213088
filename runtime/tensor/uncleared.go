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
	o := a.newConstant()
	o.t.layout, o.t.st = packed(shape, n), &o.s.s
	o.s.s.alloc, o.s.s.cur = a, &o.s.s.first
	o.s.s.first.data = data
	return &o.t, nil
}
