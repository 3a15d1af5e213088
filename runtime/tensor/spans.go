package tensor

import "slices"

// spans is a set of half-open ranges of flat positions.
type spans []span

type span struct{ lo, hi int }

// add puts a range into the set.
func (s spans) add(lo, hi int) spans {
	if k := len(s) - 1; k >= 0 {
		switch last := &s[k]; {
		case lo >= last.lo && hi <= last.hi:
			return s
		case lo == last.hi:
			last.hi = hi
			return s
		case hi == last.lo:
			last.lo = lo
			return s
		}
	}
	return append(s, span{lo, hi})
}

// merged is the set sorted, with ranges that meet joined.
func (s spans) merged() spans {
	if len(s) < 2 {
		return s
	}
	slices.SortFunc(s, func(a, b span) int { return a.lo - b.lo })
	out := s[:1]
	for _, x := range s[1:] {
		if last := &out[len(out)-1]; x.lo <= last.hi {
			last.hi = max(last.hi, x.hi)
		} else {
			out = append(out, x)
		}
	}
	return out
}

// overlap reports whether a merged set has an element in [lo, hi).
func (s spans) overlap(lo, hi int) bool {
	i, _ := slices.BinarySearchFunc(s, lo, func(x span, lo int) int {
		if x.hi <= lo {
			return -1
		}
		return 1
	})
	return i < len(s) && s[i].lo < hi && lo < hi
}
