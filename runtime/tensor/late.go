package tensor

// atOnce reports whether operations run as soon as they are called.
func (a *Allocator) atOnce() bool { return a != nil && a.eager }

// lend runs work that reads the cells, through the Runner where it is long.
func (a *Allocator) lend(op string, long bool, work func(), reads ...*cell) error {
	if !long || a == nil || a.run == nil {
		work()
		return nil
	}
	for _, c := range reads {
		c.pins.Add(1)
	}
	defer func() {
		for _, c := range reads {
			c.pins.Add(-1)
		}
	}()
	if err := a.run(work); err != nil {
		return &Error{Op: op, Detail: err.Error(), Err: err}
	}
	return nil
}

// settle computes a late cell's values.
func (a *Allocator) settle(op string, c *cell) error {
	switch {
	case c.late == nil:
		return nil
	case c.late.op.fold != nil:
		return a.reduce(op, c)
	}
	p := newProgram(c.late.n)
	defer p.end()
	p.store(p.cell(c, 0), c)
	if err := p.run(op, a); err != nil {
		return err
	}
	p.keep()
	return nil
}

// bound keeps the number of operations that wait for one result small: what l
// reads is computed when they were too many.
func (a *Allocator) bound(l *late) error {
	for {
		size, most := int32(1), (*cell)(nil)
		for _, r := range [...]*ref{&l.in[0], &l.in[1], l.mask()} {
			if r == nil || r.c == nil || r.c.late == nil {
				continue
			}
			size += int32(r.c.late.size)
			if most == nil || r.c.late.size > most.late.size {
				most = r.c
			}
		}
		if size <= maxLate {
			l.size = uint8(size)
			return nil
		}
		if err := a.settle(l.op.name, most); err != nil {
			return err
		}
	}
}

// refValues is the n values of an operand, whole.
func (p *pass) refValues(r ref, n int) []float32 {
	if r.c == nil {
		return []float32{r.one()}
	}
	if r.c.late != nil {
		if err := p.alloc.settle("backward", r.c); err != nil {
			p.err = err
			return nil
		}
	}
	return r.c.data[r.x : r.x+n]
}

// maxWaiting is how many reductions may be late: each keeps what it reads.
const maxWaiting = 8

// wait notes that the reduction c is late: others of as many positions that
// are wanted soon are computed in one sweep with it.
func (a *Allocator) wait(c *cell) error {
	if a == nil || a.run == nil {
		return a.settle(c.late.op.name, c)
	}
	a.waiting = append(a.waiting, c)
	if len(a.waiting) <= maxWaiting {
		return nil
	}
	return a.settle(c.late.op.name, a.waiting[0])
}

// together takes the reductions that wait with c out of the list.
func (a *Allocator) together(c *cell, group []*cell) []*cell {
	group = append(group, c)
	if a == nil || len(a.waiting) == 0 {
		return group
	}
	kept := a.waiting[:0]
	for _, w := range a.waiting {
		switch {
		case w == c || w.late == nil:
		case w.late.positions() == c.late.positions():
			group = append(group, w)
		default:
			kept = append(kept, w)
		}
	}
	clear(a.waiting[len(kept):])
	a.waiting = kept
	return group
}

// waitNoMore computes the reductions that are late, which lets go of what they
// read.
func (a *Allocator) waitNoMore(op string) error {
	for len(a.waiting) > 0 {
		if err := a.settle(op, a.waiting[0]); err != nil {
			return err
		}
	}
	return nil
}

// positions is how many elements a reduction reads.
func (l *late) positions() int { return l.seg.at(l.seg.count()) }

// reduce computes the late reduction c, and those that wait with it.
func (a *Allocator) reduce(op string, c *cell) error {
	p := newProgram(c.late.positions())
	defer p.end()
	p.group = a.together(c, p.group[:0])
	for _, w := range p.group {
		l := w.late
		k := p.fold(p.ref(&l.in[0]), l.op.fold, l.seg)
		p.folds[k].out = p.results(l.n)
	}
	if err := p.run(op, a); err != nil {
		return err
	}
	p.keep()
	for k, w := range p.group {
		if w.late == nil {
			continue
		}
		l := w.late
		for i := range w.data {
			if n := l.seg.at(i+1) - l.seg.at(i); n > 0 {
				w.data[i] = float32(l.op.fold.end(p.folds[k].out[i], n))
			}
		}
		w.done(w.data)
	}
	return nil
}
