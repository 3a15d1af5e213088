package tensor

import (
	"slices"
	"sync"

	"github.com/hudrl/hudrl/internal/kernel"
)

// A line is programs that wait to be run, or are running on another core, while
// more are built: one program with other operands each, of which none reads or
// writes what another writes. Who builds them has the graph to himself: others
// see numbers. He hands nothing on before all are done.
type line struct {
	queue   kernel.Queue
	n       int // programs in line
	batch   *batch
	recipes recipes
}

// A batch is what others see of a line.
type batch struct {
	mould
	group int // programs of an item of the queue
	// The operands of each program: memory, single values, numbers of the steps.
	mem [][]float32
	one []float32
	num [][2]float64
	out []float64 // of each program, what its folds give
	run func(i int)
}

// A mould is a program without its operands.
type mould struct {
	p          program
	mems, ones []int32 // the vals that are operands
	w          worker
}

const (
	lineLen   = 128      // programs in a line
	wakeWork  = 64 << 10 // elements to be computed from which the other core will be wanted
	lineWork  = 8 << 10  // positions from which another core is asked
	lineGroup = 4 << 10  // positions of an item of the queue
)

var moulds = sync.Pool{New: func() any { return &mould{} }}

// fits reports whether b is what m is the mould of.
func (m *mould) fits(b *program) bool { return m.p.like == b.like && m.p.n == b.n }

// set makes m the mould of b.
func (m *mould) set(b *program) {
	m.p.like, m.p.n, m.p.regs = b.like, b.n, b.regs
	m.p.steps = append(m.p.steps[:0], b.steps...)
	m.p.vals, m.mems, m.ones = m.p.vals[:0], m.mems[:0], m.ones[:0]
	for i := range b.vals {
		v := &b.vals[i]
		m.p.vals = append(m.p.vals, val{kind: v.kind, reg: v.reg})
		switch v.kind {
		case inMemory:
			m.mems = append(m.mems, int32(i))
		case oneValue:
			m.ones = append(m.ones, int32(i))
		}
	}
	m.p.folds, m.p.parts = append(m.p.folds[:0], b.folds...), b.parts
	for i := range m.p.folds {
		m.p.folds[i].out = nil
	}
	m.p.written()
}

// takes reports whether b, which has all its steps, can be in a line.
func (l *line) takes(b *program) bool {
	for i := range b.folds {
		if b.folds[i].seg.count() != 1 {
			return false
		}
	}
	return b.like != 0 && len(b.steps) > 0 && len(b.outs) == 0 && b.n < sharedLen
}

// full reports whether what is in line must be run before b joins it.
func (l *line) full(b *program) bool { return l.n == lineLen || l.n > 0 && !l.batch.fits(b) }

// add puts b at the end of a line that is not full.
func (l *line) add(b *program) {
	if l.n == 0 {
		if l.batch == nil {
			l.batch = &batch{}
			l.batch.run = l.batch.item
		}
		l.batch.start(b)
		l.queue.Start(l.batch.run)
	}
	l.batch.put(l.n, b)
	if l.n++; l.n%l.batch.group == 0 {
		l.queue.Add()
	}
}

// finish runs the programs, and ends the line.
func (l *line) finish() {
	if l.n == 0 {
		return
	}
	defer l.queue.Wait()
	b, n := l.batch, l.n
	l.n = 0
	b.sweep(n/b.group*b.group, n)
	l.queue.Wait()
	clear(b.mem[:n*len(b.mems)])
}

// start begins a batch of programs like b.
func (a *batch) start(b *program) {
	if !a.fits(b) {
		a.set(b)
	}
	a.group = max(1, lineGroup/b.n)
	a.mem = slices.Grow(a.mem[:0], lineLen*len(a.mems))[:lineLen*len(a.mems)]
	a.one = slices.Grow(a.one[:0], lineLen*len(a.ones))[:lineLen*len(a.ones)]
	a.num = slices.Grow(a.num[:0], lineLen*len(b.steps))[:lineLen*len(b.steps)]
	a.out = slices.Grow(a.out[:0], lineLen*len(b.folds))[:lineLen*len(b.folds)]
}

// put makes b program k.
func (a *batch) put(k int, b *program) {
	for i, v := range a.mems {
		a.mem[k*len(a.mems)+i] = b.vals[v].data
	}
	for i, v := range a.ones {
		a.one[k*len(a.ones)+i] = b.vals[v].one[0]
	}
	for i := range b.steps {
		a.num[k*len(b.steps)+i] = b.steps[i].p
	}
}

// item runs the programs of item i of the queue.
func (a *batch) item(i int) { a.sweep(i*a.group, (i+1)*a.group) }

// sweep runs programs from to to.
func (a *batch) sweep(from, to int) {
	if from == to {
		return
	}
	m := moulds.Get().(*mould)
	if !m.fits(&a.p) {
		m.set(&a.p)
	}
	n, tile := m.p.n, m.p.n <= tileLen
	if tile {
		m.w.begin(&m.p, n)
	}
	for k := from; k < to; k++ {
		for i, v := range m.mems {
			if x := a.mem[k*len(m.mems)+i]; tile {
				m.w.cur[v] = x[:n]
			} else {
				m.p.vals[v].data = x
			}
		}
		for i, v := range m.ones {
			m.p.vals[v].one[0] = a.one[k*len(m.ones)+i]
		}
		for i := range m.p.steps {
			m.p.steps[i].p = a.num[k*len(m.p.steps)+i]
		}
		m.p.sums = slices.Grow(m.p.sums[:0], m.p.parts)[:m.p.parts]
		if tile {
			m.w.rewind()
			m.w.tile(&m.p, 0, n)
		} else {
			m.w.run(&m.p, 0, n)
		}
		for i := range m.p.folds {
			f := &m.p.folds[i]
			f.out = a.out[k*len(m.p.folds)+i:][:1]
			f.finish(m.p.sums)
			f.out = nil
		}
	}
	for _, v := range m.mems {
		m.p.vals[v].data = nil
	}
	clear(m.w.cur)
	moulds.Put(m)
}
