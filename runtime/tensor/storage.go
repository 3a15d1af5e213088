package tensor

import (
	"math"
	"sync/atomic"
	"weak"
)

// A storage is what a tensor and its views share. What its values are changes
// when they are assigned: each state of them is a cell.
type storage struct {
	cur     *cell
	alloc   *Allocator
	pending weak.Pointer[token] // a graph that needs the values
	rare    *rare
	first   cell
}

// A rare is what few storages have.
type rare struct {
	others   []weak.Pointer[token] // more graphs that need the values
	readonly bool
}

// A cell is one state of a storage's values. Whatever was computed from it, or
// is still to be, reads these values, also after the storage got others.
type cell struct {
	data []float32
	// late is how to compute data, nil once that is done.
	late *late
	lot  *lot // what counts late against the budget
	pins atomic.Int32
	// captured: something outside the storage may read data later.
	captured bool
}

// A late is an operation on elements, or a reduction of what one makes, whose
// result nobody asked for yet.
type late struct {
	op    *elem
	in    [2]ref
	more  *more
	seg   *segments // of segment_expand, or of a reduction
	n     int       // elements of the result
	prog  *program
	val   int32  // of prog
	swept uint16 // programs that computed it without keeping it
	size  uint8  // operations that are late, this one and what it reads: at least
}

// A more is what few late operations have.
type more struct {
	mask ref // the third operand
	p    [2]float32
}

// mask is the third operand, nil where there is none.
func (l *late) mask() *ref {
	if l.more == nil {
		return nil
	}
	return &l.more.mask
}

// numbers is what else the operation computes with.
func (l *late) numbers() (p [2]float64) {
	l.numbersTo(&p)
	return p
}

// numbersTo writes numbers to zeros.
func (l *late) numbersTo(p *[2]float64) {
	if l.more != nil {
		p[0], p[1] = float64(l.more.p[0]), float64(l.more.p[1])
	}
}

// A ref is an operand of a late operation: elements of a cell, one value, or
// none.
type ref struct {
	c *cell
	x int // where c is nil isOne and the bits of the value, or 0, else the first element
}

const isOne = 1 << 32

// oneRef is the operand that is one value.
func oneRef(v float32) ref { return ref{x: isOne | int(math.Float32bits(v))} }

// one is the value of an operand that is one.
func (r *ref) one() float32 { return math.Float32frombits(uint32(r.x)) }

// none reports whether there is no operand.
func (r *ref) none() bool { return r == nil || r.c == nil && r.x == 0 }

// small is a storage with room for a few values.
type small struct {
	s    storage
	room [smallLen]float32
}

// lateStorage is a storage with an operation that is to fill it.
type lateStorage struct {
	s storage
	l late
}

// lateScalar is one for a reduction to one value.
type lateScalar struct {
	s    storage
	l    late
	room [1]float32
}

// locked reports whether the values must never change.
func (s *storage) locked() bool { return s.rare != nil && s.rare.readonly }

// seldom is s.rare, made if need be.
func (s *storage) seldom() *rare {
	if s.rare == nil {
		s.rare = &rare{}
	}
	return s.rare
}

// settled computes the values if need be.
func (s *storage) settled(op string) error {
	if s.cur.late != nil {
		return s.alloc.settle(op, s.cur)
	}
	return nil
}

// full returns the values, computed if need be.
func (s *storage) full(op string) ([]float32, error) {
	if err := s.settled(op); err != nil {
		return nil, err
	}
	return s.cur.data, nil
}

// done says what the values are and lets go of how to compute them.
func (c *cell) done(data []float32) {
	l := c.late
	c.data, c.late, c.lot = data, nil, nil
	*l = late{}
}

// ref is t as an operand of an operation on n elements that may run late. t
// has one element, or is contiguous with n.
func (t *Tensor) ref(op string, n int) (ref, error) {
	s := t.st
	c := s.cur
	if c.late != nil && (t.n == 1 || t.n != c.late.n || !c.late.tiled()) {
		if err := s.settled(op); err != nil {
			return ref{}, err
		}
	}
	if t.n == 1 && n != 1 {
		return oneRef(c.data[t.off]), nil
	}
	if !s.locked() {
		c.captured = true
	}
	return ref{c, t.off}, nil
}

// replace prepares the storage for other values: what reads the present ones
// later reads a copy.
func (s *storage) replace(op string) error {
	if err := s.settled(op); err != nil {
		return err
	}
	c := s.cur
	if !c.captured {
		return nil
	}
	keep, err := s.alloc.floats(op, len(c.data))
	if err != nil {
		return err
	}
	copy(keep, c.data)
	s.cur = &cell{data: c.data}
	c.data = keep
	return nil
}
