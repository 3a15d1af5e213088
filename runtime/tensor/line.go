package tensor

import (
	"slices"
	"sync"

	"github.com/hudrl/hudrl/internal/kernel"
)

// A line is regions that wait to be run, or are running on another core, while
// the pass builds more. They are one program with other operands each, and none
// reads or writes what another writes. The pass alone knows the graph: others
// see numbers. What the regions were for is handed nothing before all are done.
type line struct {
	queue  kernel.Queue
	n      int // programs in line
	batch  *batch
	writes []patch // gradients that they write
	own    []patch // those that the program being built reads or writes
	spent  []int32 // nodes whose gradients they read, to be recycled
}

// A batch is what others see of a line.
type batch struct {
	mould
	group int // programs of an item of the queue
	// The operands of each program: memory, single values, numbers of the steps.
	mem [][]float32
	one []float32
	num [][2]float64
	run func(i int)
}

// A mould is a program without its operands.
type mould struct {
	p          program
	mems, ones []int32 // the vals that are operands
	w          worker
}

// A patch is some positions of the gradient of a tensor.
type patch struct {
	t      *Tensor
	lo, hi int
}

const (
	lineLen   = 128      // programs in a line
	wakeWork  = 64 << 10 // results of operations from which the other core will be wanted
	lineWork  = 8 << 10  // positions from which another core is asked
	lineGroup = 4 << 10  // positions of an item of the queue
	lineWrite = 8        // patches to look through
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
	m.p.written()
}

// waits reports whether b, which has all its steps, may wait in the line.
func (p *pass) waits(b *program) bool {
	l := &p.line
	return b.like != 0 && len(b.folds) == 0 && len(b.outs) == 0 && b.n < sharedLen &&
		len(l.writes)+len(l.own) <= lineWrite && (l.n > 0 || (len(p.parts)+1)*b.n >= lineWork)
}

// queue puts b at the end of the line.
func (p *pass) queue(b *program) {
	l := &p.line
	if l.n > 0 && !l.batch.fits(b) {
		p.join()
	}
	if l.n == 0 {
		if l.batch == nil {
			l.batch = &batch{}
			l.batch.run = l.batch.item
		}
		l.batch.start(b)
		l.queue.Start(l.batch.run)
	}
	l.batch.put(l.n, b)
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
	if l.n++; l.n%l.batch.group == 0 {
		l.queue.Add()
	}
	if l.n == lineLen {
		p.join()
	}
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
	for k := from; k < to; k++ {
		for i, v := range m.mems {
			m.p.vals[v].data = a.mem[k*len(m.mems)+i]
		}
		for i, v := range m.ones {
			m.p.vals[v].one[0] = a.one[k*len(m.ones)+i]
		}
		for i := range m.p.steps {
			m.p.steps[i].p = a.num[k*len(m.p.steps)+i]
		}
		m.w.run(&m.p, 0, m.p.n)
	}
	for _, v := range m.mems {
		m.p.vals[v].data = nil
	}
	moulds.Put(m)
}

// meets reports whether s and o are one patch together.
func (s patch) meets(o patch) bool { return s.t == o.t && s.lo <= o.hi && o.lo <= s.hi }

// touch notes that the program being built needs some of the gradient of t. If
// one in the line writes there, it comes first.
func (p *pass) touch(t *Tensor, lo, hi int) {
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
	defer l.queue.Wait()
	b := l.batch
	b.sweep(l.n/b.group*b.group, l.n)
	l.queue.Wait()
	for _, i := range l.spent {
		p.recycle(i)
	}
	clear(b.mem[:l.n*len(b.mems)])
	l.n, l.spent, l.writes = 0, l.spent[:0], emptied(l.writes)
}
