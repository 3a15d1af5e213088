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
	case !c.late.tiled():
		return a.settleOne(op, c)
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
