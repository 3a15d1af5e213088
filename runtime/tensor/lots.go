package tensor

import (
	"math/bits"
	"runtime"
	"sync/atomic"
	"weak"
)

// A lot is elements reserved together, for values of late operations and for
// gradients. They are given back when everything that holds the lot is
// unreachable.
type lot struct {
	left int
	tank *tank // where the lot is for one cell
}

// A tank is the memory of a lot, which is used again once the lot is
// unreachable: then no cell has it. That needs everything that computes with a
// cell's values to hold the cell meanwhile.
type tank struct {
	a     *Allocator
	n     int
	buf   []float32
	shown atomic.Bool // somebody has the values without the cell
}

const (
	lotLen   = 64 << 10 // elements of a lot for several, at most,
	lotItem  = 1 << 10  // of a promise from one,
	lotShare = 256      // and the share of the budget that is one
)

// promise counts n elements that l will have, which may be computed later.
// Where they do not fit, what l reads is computed before garbage is collected:
// what it waits for may be all that holds the memory.
func (a *Allocator) promise(l *late) (*lot, error) {
	if a == nil || a.budget == nil {
		return nil, nil
	}
	n := l.n
	if n <= lotItem && n < a.lotLen {
		if hold := a.shared(n); hold != nil {
			return hold, nil
		}
	}
	if a.try != nil && a.try(4*int64(n)) {
		return a.newLot(n, false), nil
	}
	for _, r := range [...]*ref{&l.in[0], &l.in[1], l.mask} {
		if r != nil && r.c != nil && r.c.late != nil {
			if err := a.compute(l.op.name, r.c, true); err != nil {
				return nil, err
			}
		}
	}
	if err := a.reserve(l.op.name, n); err != nil {
		return nil, err
	}
	return a.newLot(n, false), nil
}

// shared is n elements of a lot for several, or nil.
func (a *Allocator) shared(n int) *lot {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.lot.Value()
	if l == nil || l.left < n {
		if !a.try(4 * int64(a.lotLen)) {
			return nil
		}
		l = a.newLot(a.lotLen, true)
		a.lot = weak.Make(l)
	}
	l.left -= n
	return l
}

// newLot is a lot of n elements that were reserved, for one cell or several.
func (a *Allocator) newLot(n int, several bool) *lot {
	l := &lot{left: n}
	if several || n < tankLen {
		runtime.AddCleanup(l, a.giveBack, 4*int64(n))
		return l
	}
	l.tank = &tank{a: a, n: n}
	runtime.AddCleanup(l, (*tank).drain, l.tank)
	return l
}

const (
	tankLen = 4 << 10 // elements from which memory is used again
	idleLen = 4 << 20 // elements that may wait for that
)

// idle is memory to use again, by size.
type idle struct {
	bufs [64][][]float32
	held int
}

// sized is the smallest of four sizes to a power of two that holds n, and its
// number.
func sized(n int) (size, class int) {
	k := bits.Len(uint(n-1)) - 3 // n is at most 8<<k
	size = (n + 1<<k - 1) >> k << k
	return size, (4*k + size>>k - 5) % 64
}

// drain gives a lot back.
func (t *tank) drain() {
	a := t.a
	if t.buf != nil && !t.shown.Load() {
		size, class := sized(t.n)
		a.mu.Lock()
		if a.idle.held+size <= idleLen {
			a.idle.held += size
			a.idle.bufs[class] = append(a.idle.bufs[class], t.buf[:size])
		}
		a.mu.Unlock()
	}
	a.giveBack(4 * int64(t.n))
}

// memory is n elements with any values, to belong to a cell that holds l.
func (l *lot) memory(n int) []float32 {
	if l == nil || l.tank == nil {
		return make([]float32, n)
	}
	a := l.tank.a
	size, class := sized(n)
	a.mu.Lock()
	defer a.mu.Unlock()
	if free := a.idle.bufs[class]; len(free) > 0 {
		k := len(free) - 1
		if b := free[k]; len(b) == size {
			free[k] = nil
			a.idle.bufs[class] = free[:k]
			a.idle.held -= size
			return b[:n]
		}
	}
	return make([]float32, n, size)
}

// gradient is a tensor of zeros whose memory is used again.
func (a *Allocator) gradient(op string, shape []int, n int) (*Tensor, error) {
	if a == nil || a.budget == nil || n < tankLen {
		return a.make(op, shape, n)
	}
	if err := a.reserve(op, n); err != nil {
		return nil, err
	}
	o := &constant{}
	o.t.shape, o.t.n, o.t.st = shape, n, &o.s.s
	c := &o.s.s.first
	o.s.s.alloc, o.s.s.cur = a, c
	c.lot = a.newLot(n, false)
	c.data = c.lot.memory(n)
	c.lot.tank.buf = c.data
	clear(c.data)
	return &o.t, nil
}
