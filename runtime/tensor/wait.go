package tensor

import (
	"slices"

	"github.com/hudrl/hudrl/internal/kernel"
)

// Reductions of late values wait for each other, and so do operations on the
// single values that they give. Whoever wants one of them gets all: reductions
// that read the same in one sweep, and those of one datum after another, which
// are the same program, on several cores.
type waiting struct {
	folds   []*cell // in the order they were called
	reading int     // elements that they read
	numbers []*cell
	line    line
	cells   []*cell // of the programs in line
	room    [2][1]float32
}

const (
	maxWaiting = 8         // reductions that wait, however much they read:
	waitLen    = 128 << 10 // more of them read so many elements together,
	manyWait   = 256       // and are so many at most
)

// tiled reports whether l is computed tile by tile.
func (l *late) tiled() bool { return l.op.fold == nil && l.n > 1 }

// waits reports whether a, and what it makes, has somebody to wait for.
func (a *Allocator) waits() bool { return a != nil && a.run != nil && !a.eager }

// wait notes that the reduction c is late.
func (a *Allocator) wait(c *cell) error {
	if !a.waits() {
		return a.settle(c.late.op.name, c)
	}
	w := &a.waiting
	w.folds, w.reading = append(w.folds, c), w.reading+c.late.positions()
	if len(w.folds) <= maxWaiting || w.reading <= waitLen && len(w.folds) < manyWait {
		return nil
	}
	return a.waitNoMore(c.late.op.name)
}

// held reports whether t is one value that waits in a.
func (t *Tensor) held(a *Allocator) bool {
	if t == nil || t.st.alloc != a {
		return false
	}
	l := t.st.cur.late
	return l != nil && !l.tiled()
}

// holds reports whether an operation on single values waits with one of them.
func (a *Allocator) holds(x, y, mask *Tensor) bool {
	return a.waits() && mask == nil && (x.held(a) || y.held(a))
}

// hold has op on single values, or on one and a number, fill o later.
func (op *elem) hold(alloc *Allocator, o *lateScalar, a, b *Tensor, k bool, p [2]float64) error {
	o.s.alloc, o.s.cur = alloc, &o.s.first
	l, c := &o.l, &o.s.first
	var err error
	if l.in[0], err = a.single(op.name); err != nil {
		return err
	}
	switch {
	case k:
		l.in[1] = oneRef(float32(p[0]))
	case b != nil:
		if l.in[1], err = b.single(op.name); err != nil {
			return err
		}
	}
	if l.more, err = op.more(nil, k, 1, p); err != nil {
		return err
	}
	l.op, l.n = op, 1
	c.data, c.late = o.room[:], l
	w := &alloc.waiting
	if w.numbers = append(w.numbers, c); len(w.numbers) < manyWait {
		return nil
	}
	return alloc.waitNoMore(op.name)
}

// single is the one value of t as an operand.
func (t *Tensor) single(op string) (ref, error) {
	c := t.st.cur
	if c.late != nil {
		if !c.late.tiled() {
			return ref{c, t.off}, nil
		}
		if err := t.st.settled(op); err != nil {
			return ref{}, err
		}
	}
	return oneRef(c.data[t.off]), nil
}

// settleOne computes c, and all that waits.
func (a *Allocator) settleOne(op string, c *cell) error {
	if err := a.waitNoMore(op); err != nil || c.late == nil {
		return err
	}
	// It did not wait, or another task computes it.
	if c.late.op.fold == nil {
		return a.number(op, c)
	}
	p := newProgram(c.late.positions())
	defer p.end()
	p.reduction(c)
	return p.reduce(op, a)
}

// waitNoMore computes all that waits, which lets go of what it reads.
func (a *Allocator) waitNoMore(op string) error {
	if a == nil {
		return nil
	}
	w := &a.waiting
	if len(w.folds) > 0 {
		if err := a.reduceAll(op); err != nil {
			return err
		}
	}
	list := w.numbers
	if len(list) == 0 {
		return nil
	}
	w.numbers = nil
	for i, c := range list {
		if c.late == nil {
			continue
		}
		if err := a.number(op, c); err != nil {
			w.numbers = append(slices.Clone(list[i:]), w.numbers...)
			return err
		}
	}
	if w.numbers == nil {
		w.numbers = emptied(list)
	}
	return nil
}

// number computes an operation on single values.
func (a *Allocator) number(op string, c *cell) error {
	l := c.late
	for i := range l.in {
		if r := &l.in[i]; r.c != nil {
			if err := a.settle(op, r.c); err != nil {
				return err
			}
		}
	}
	var x [2][]float32
	for i := range l.in {
		switch r := &l.in[i]; {
		case r.none():
		case r.c == nil:
			x[i] = a.waiting.room[i][:]
			x[i][0] = r.one()
		default:
			x[i] = r.c.data[r.x : r.x+1]
		}
	}
	l.op.f(c.data, x[0], x[1], nil, l.numbers())
	c.done(c.data)
	return nil
}

// reduceAll computes the reductions that wait.
func (a *Allocator) reduceAll(op string) (err error) {
	w := &a.waiting
	list, reading := w.folds, w.reading
	w.folds, w.reading = nil, 0
	if reading >= wakeWork {
		kernel.Wake()
	}
	defer func() {
		w.flush()
		if err != nil {
			for _, c := range list {
				if c != nil && c.late != nil {
					w.folds, w.reading = append(w.folds, c), w.reading+c.late.positions()
				}
			}
		} else if w.folds == nil {
			w.folds = emptied(list)
		}
	}()
	p := newProgram(0)
	defer p.end()
	for i, c := range list {
		if c == nil || c.late == nil {
			continue
		}
		p.begin(c.late.positions())
		p.reduction(c)
		for k := i + 1; k < min(len(list), i+maxWaiting); k++ {
			if c := list[k]; c != nil && c.late != nil && p.reads(c.late) {
				p.reduction(c)
				list[k] = nil
			}
		}
		if reading < lineWork {
			err = p.reduce(op, a)
		} else {
			err = a.reduceInLine(op, p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// reduceInLine is reduce, perhaps later and on another core.
func (a *Allocator) reduceInLine(op string, p *program) error {
	w := &a.waiting
	if err := p.complete(op, a, &w.line.recipes); err != nil {
		return err
	}
	if !w.line.takes(p) {
		w.flush() // others may compute, and wait, meanwhile
		return p.reduced(op, a)
	}
	if w.line.full(p) {
		w.flush()
	}
	w.line.add(p)
	w.cells = append(w.cells, p.group...)
	return nil
}

// flush runs the line to its end and hands on what it gave.
func (w *waiting) flush() {
	if w.line.n == 0 {
		return
	}
	cells := w.cells
	w.cells = nil // nobody's, should a program panic
	w.line.finish()
	for i, c := range cells {
		c.reduced(w.line.batch.out[i : i+1])
	}
	w.cells = emptied(cells)
}

// positions is how many elements a reduction reads.
func (l *late) positions() int { return l.seg.at(l.seg.count()) }

// reads reports whether a reduction is of what the program computes, or of
// something made of it, as far as that is quickly known.
func (p *program) reads(l *late) bool {
	if l.positions() != p.n {
		return false
	}
	if p.n >= sharedLen {
		return true
	}
	of := l.in[0].c.late
	if of == nil || of.prog == p {
		return of != nil
	}
	for i := range of.in {
		if c := of.in[i].c; c != nil && c.late != nil && c.late.prog == p {
			return true
		}
	}
	return false
}

// reduction adds a late reduction to the program.
func (p *program) reduction(c *cell) {
	l := c.late
	k := p.fold(p.ref(&l.in[0]), l.op.fold, l.seg)
	p.folds[k].out = p.results(l.n)
	p.group = append(p.group, c)
}

// reduce computes the program's reductions.
func (p *program) reduce(op string, a *Allocator) error {
	r := known.Get().(*recipes)
	defer known.Put(r)
	if err := p.complete(op, a, r); err != nil {
		return err
	}
	return p.reduced(op, a)
}

// reduced is reduce of a program that is complete.
func (p *program) reduced(op string, a *Allocator) error {
	if err := p.lent(op, a); err != nil {
		return err
	}
	p.keep()
	for k, c := range p.group {
		c.reduced(p.folds[k].out)
	}
	return nil
}

// reduced gives c the results of its reduction.
func (c *cell) reduced(out []float64) {
	l := c.late
	if l == nil {
		return
	}
	for i := range c.data {
		if n := l.seg.at(i+1) - l.seg.at(i); n > 0 {
			c.data[i] = float32(l.op.fold.end(out[i], n))
		}
	}
	c.done(c.data)
}
