package tensor

import "runtime"

// A lot is elements reserved together, for values of late operations. They are
// given back when everything that holds the lot is unreachable.
type lot struct {
	left int
	_    *lot // an object of its own, which a plain number need not be
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
		return a.newLot(n), nil
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
	return a.newLot(n), nil
}

// shared is n elements of a lot for several, or nil.
func (a *Allocator) shared(n int) *lot {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.lot
	if l == nil || l.left < n {
		if !a.try(4 * int64(a.lotLen)) {
			return nil
		}
		l = a.newLot(a.lotLen)
		a.lot = l
	}
	l.left -= n
	return l
}

// newLot is a lot of n elements that were reserved.
func (a *Allocator) newLot(n int) *lot {
	l := &lot{left: n}
	runtime.AddCleanup(l, a.giveBack, 4*int64(n))
	return l
}
