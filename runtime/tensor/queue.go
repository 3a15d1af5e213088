package tensor

// A queued is what a pass has in its line.
type queued struct {
	line
	writes   []patch // gradients that the programs write
	building bool    // another one,
	own      []patch // that reads or writes these
	spent    []int32 // nodes whose gradients they read, to be recycled
}

// A patch is some positions of the gradient of a tensor.
type patch struct {
	t      *Tensor
	lo, hi int
}

const maxPatches = 8 // to look through

// waits reports whether b, which has all its steps, may wait in the line.
func (p *pass) waits(b *program) bool {
	l := &p.line
	return len(b.folds) == 0 && l.takes(b) && len(l.writes)+len(l.own) <= maxPatches && (l.n > 0 || (len(p.parts)+1)*b.n >= lineWork)
}

// queue puts b into the line.
func (p *pass) queue(b *program) {
	l := &p.line
	if l.full(b) {
		p.join()
	}
	l.add(b)
	for _, s := range l.own {
		if k := len(l.writes) - 1; k >= 0 && l.writes[k].meets(s) {
			l.writes[k].lo, l.writes[k].hi = min(l.writes[k].lo, s.lo), max(l.writes[k].hi, s.hi)
		} else {
			l.writes = append(l.writes, s)
		}
	}
	for _, i := range p.list {
		if p.nodes[i].g != nil {
			l.spent = append(l.spent, i)
		}
	}
}

// meets reports whether s and o are one patch together.
func (s patch) meets(o patch) bool { return s.t == o.t && s.lo <= o.hi && o.lo <= s.hi }

// touch notes that the program being built needs some of the gradient of t. If
// one in the line writes there, it comes first.
func (p *pass) touch(t *Tensor, lo, hi int) {
	if !p.line.building {
		return
	}
	for _, w := range p.line.writes {
		if w.t == t && w.lo < hi && lo < w.hi {
			p.join()
			break
		}
	}
	p.line.own = append(p.line.own, patch{t, lo, hi})
}

// join runs the line to its end.
func (p *pass) join() {
	l := &p.line
	if l.n == 0 {
		return
	}
	l.finish()
	for _, i := range l.spent {
		p.recycle(i)
	}
	l.spent, l.writes = l.spent[:0], emptied(l.writes)
}
