package tensor

import "runtime"

// A late value has no elements yet, but what describes it takes room too: up to
// promiseLen elements' worth is counted for it, so that a script cannot keep any
// number of them. The elements are counted when they are made.
const promiseLen = 256

// A lot is elements reserved together for several late values. They are given
// back when everything that holds the lot is unreachable.
type lot struct {
	left int
	_    *lot // an object of its own, which a plain number need not be
}

const (
	lotLen   = 64 << 10 // elements of a lot at most,
	lotShare = 256      // and the share of the budget that is one
)

// promise counts a late value of n elements. One that the budget could never
// hold is refused.
func (a *Allocator) promise(op string, n int) (*lot, error) {
	if a == nil || a.budget == nil {
		return nil, nil
	}
	if a.lotLen > 0 && n > a.lotLen*lotShare {
		if err := a.reserve(op, n); err != nil {
			return nil, err
		}
		a.release(n)
	}
	n = min(n, promiseLen)
	if n < a.lotLen {
		if l := a.shared(n); l != nil {
			return l, nil
		}
	}
	if err := a.reserve(op, n); err != nil {
		return nil, err
	}
	return a.newLot(n), nil
}

// shared is n elements of a lot for several, or nil.
func (a *Allocator) shared(n int) *lot {
	if a.run == nil {
		a.mu.Lock()
		defer a.mu.Unlock()
	}
	if l := a.lot; l != nil && l.left >= n {
		l.left -= n
		return l
	}
	if !a.try(4 * int64(a.lotLen)) {
		return nil
	}
	l := a.newLot(a.lotLen)
	l.left -= n
	a.lot = l
	return l
}

// newLot is a lot of n elements that were reserved.
func (a *Allocator) newLot(n int) *lot {
	l := &lot{left: n}
	runtime.AddCleanup(l, a.giveBack, 4*int64(n))
	return l
}
