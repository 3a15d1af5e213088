package tensor

// A leafPass is what a leaf has of the pass that runs.
type leafPass struct {
	acc     *Tensor // the gradient: it holds anything
	reached spans   // outside of these,
	filled  bool    // unless this is set
}

// maxReached is how many ranges are searched for one that overlaps another.
const maxReached = 16

// reach notes that positions lo to hi get gradients. Those that nothing reached
// before are 0 now, except where the caller overwrites all of them: then they
// are fresh.
func (l *leafPass) reach(lo, hi int, overwrites bool) (fresh bool) {
	if !l.filled {
		apart, within := true, false
		for _, s := range l.reached {
			apart = apart && (hi <= s.lo || s.hi <= lo)
			within = within || s.lo <= lo && hi <= s.hi
		}
		switch {
		case within:
		case !apart || len(l.reached) == maxReached:
			l.fill()
		case overwrites:
			fresh = true
		default:
			clear(l.acc.st.cur.data[lo:hi])
		}
	}
	l.reached = l.reached.add(lo, hi)
	return fresh
}

// fill makes the gradient 0 where nothing reached it.
func (l *leafPass) fill() {
	if l.filled {
		return
	}
	l.filled, l.reached = true, l.reached.merged()
	data, at := l.acc.st.cur.data, 0
	for _, s := range l.reached {
		if s.lo > at {
			clear(data[at:s.lo])
		}
		at = max(at, s.hi)
	}
	clear(data[at:])
}
