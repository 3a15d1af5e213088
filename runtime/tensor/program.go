package tensor

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// A program is operations on n positions, computed one tile of positions after
// another, so that what they hand on stays in the first-level cache.
type program struct {
	n     int
	vals  []val
	steps []instr
	regs  int             // registers of a tile each
	parts int             // numbers that sums need
	keeps bool            // values that are dear are kept for others
	ctx   context.Context // of a long sweep, which ends early with it
	like  uint64          // the same for programs that differ in their operands only; 0 is unknown

	late    []*late // in vals: to be unmarked
	outs    []int32 // vals that are to be kept
	from    []*cell // whose values are read
	folds   []fold
	spreads []spread
	last    []int32
	uses    []use
	writes  []int32        // vals in memory that are written
	taken   []atomic.Int64 // of each core's shares, the next
	free    []int32
	room    []float64
	group   []*cell // the reductions
	sums    []float64
	moves   []move  // of fuse,
	origin  []int32 // and which of the steps given each is
}

// A val is what operations of a program read and write.
type val struct {
	kind  kind
	truth bool // 1 or 0
	plain bool // never -0
	fresh bool // holds anything: nothing was added to it
	must  bool // room for data, to be kept, is a must
	reg   int32
	each  int32     // of the spreads: its values
	data  []float32 // of all positions
	one   [1]float32
	c     *cell // that gets data
}

type kind uint8

const (
	inRegister kind = iota
	inMemory
	oneValue
	perSegment
)

type instr struct {
	do            action
	slope         uint8 // which operand's gradient
	over          bool  // writes dst, does not add to it
	each          uint8 // the operands that are one value for each segment: a is 1, b is 2
	extra         int32 // the fold, or the spread
	dst           int32
	a, b, c, y, g int32
	op            *elem
	p             [2]float64
}

// A spread is a value for each segment.
type spread struct {
	v   []float32
	seg *segments
}

type action uint8

const (
	doNothing action = iota
	doCompute
	doExpDiff // exp(a-b)
	doSlope
	doClear
	doAdd
	doSegments
	doWithin
	doFold
	doCount     // the fold of 1 and 0
	doProducts  // the fold of a times b, which is 1 or 0
	doScaledSum // the same of a times the one value g, rounded, times b
)

// A fold is a reduction of stretches of positions.
type fold struct {
	op  *laneOp
	seg *segments
	at  int // of its first part
	out []float64
}

// none is the val that is no operand.
const none = 0

// sharedLen is how many positions several cores share, in shares of shareLen. No
// result depends on how the work is split.
const (
	sharedLen = 1 << 15
	shareLen  = 8 * tileLen
)

// longWork is how many values take about a millisecond to compute.
const longWork = 1 << 23

var programs = sync.Pool{New: func() any { return &program{} }}

// results is room for the results of a fold of n segments.
func (p *program) results(n int) []float64 {
	if len(p.room)+n > cap(p.room) {
		p.room = make([]float64, 0, max(64, 2*n))
	}
	k := len(p.room)
	p.room = p.room[:k+n]
	return p.room[k : k+n : k+n]
}

// newProgram is a program on n positions; end gives it back.
func newProgram(n int) *program {
	p := programs.Get().(*program)
	p.begin(n)
	return p
}

// begin makes p, which is done with, a program on n positions that does nothing
// yet.
func (p *program) begin(n int) {
	p.unmark()
	p.n, p.keeps, p.like = n, true, 0
	p.vals, p.steps, p.outs, p.from, p.folds = p.vals[:0], p.steps[:0], p.outs[:0], p.from[:0], p.folds[:0]
	p.spreads, p.room, p.group = p.spreads[:0], emptied(p.room), p.group[:0]
	p.regs, p.parts, p.ctx = 0, 0, nil
	p.register()
}

// end gives p back, which then refers to nothing.
func (p *program) end() {
	p.unmark()
	p.vals, p.steps, p.from, p.folds = forgotten(p.vals), forgotten(p.steps), forgotten(p.from), forgotten(p.folds)
	p.spreads, p.group, p.ctx = forgotten(p.spreads), forgotten(p.group), nil
	programs.Put(p)
}

// forgotten is emptied for a slice that may have been longer.
func forgotten[E any](s []E) []E { return emptied(s[:cap(s)]) }

func (p *program) unmark() {
	for _, l := range p.late {
		l.prog = nil
	}
	p.late = emptied(p.late)
}

// longer is s with a zero element more, to be filled in place: what was written
// in parts a moment ago is slow to copy as a whole.
func longer[E any](s []E) []E {
	var zero E
	if n := len(s); n < cap(s) {
		s = s[:n+1]
		s[n] = zero
		return s
	}
	return append(s, zero)
}

// val adds a val of a kind.
func (p *program) val(k kind) (int32, *val) {
	p.vals = longer(p.vals)
	i := len(p.vals) - 1
	v := &p.vals[i]
	v.kind, v.reg = k, -1
	return int32(i), v
}

// step adds a step.
func (p *program) step(do action) *instr {
	p.steps = longer(p.steps)
	s := &p.steps[len(p.steps)-1]
	s.do = do
	return s
}

func (p *program) register() int32 {
	i, _ := p.val(inRegister)
	return i
}

// memory is n elements somewhere.
func (p *program) memory(data []float32) int32 {
	for i := len(p.vals) - 1; i > 0 && len(data) > 0; i-- {
		if v := &p.vals[i]; v.kind == inMemory && v.c == nil && &v.data[0] == &data[0] {
			return int32(i)
		}
	}
	i, v := p.val(inMemory)
	v.data = data
	return i
}

// one is a value for all positions.
func (p *program) one(v float32) int32 {
	i, x := p.val(oneValue)
	x.one[0] = v
	return i
}

// ref is an operand.
func (p *program) ref(r *ref) int32 {
	switch {
	case r.none():
		return none
	case r.c == nil:
		return p.one(r.one())
	}
	return p.cell(r.c, r.x)
}

// cell is n values from off on of a cell.
func (p *program) cell(c *cell, off int) int32 {
	l := c.late
	if l == nil {
		p.from = append(p.from, c)
		return p.memory(c.data[off : off+p.n])
	}
	if l.prog == p {
		return l.val
	}
	var s *instr
	truth := l.op.truth
	if l.seg != nil {
		r := &l.in[0]
		p.from = append(p.from, r.c)
		s = p.step(doSegments)
		s.over = true
		s.extra = p.spread(r.c.data[r.x:r.x+l.seg.count()], l.seg)
	} else if x, lo, hi, ok := l.between(p); ok {
		a := p.ref(x)
		s = p.step(doWithin)
		s.a, s.p[0], s.p[1], truth = a, lo, hi, true
	} else {
		a, b, c := p.ref(&l.in[0]), p.ref(&l.in[1]), p.ref(l.mask())
		s = p.step(doCompute)
		s.a, s.b, s.c = a, b, c
		l.numbersTo(&s.p)
		truth = truth || b != none && l.op.role == times && p.vals[a].truth && p.vals[b].truth
	}
	s.op = l.op
	l.swept++
	var d *val
	if p.keeps && int32(l.swept) > l.op.again {
		s.dst, d = p.val(inMemory)
		d.c = c
		p.outs = append(p.outs, s.dst)
	} else {
		s.dst, d = p.val(inRegister)
	}
	d.truth = truth
	l.prog, l.val = p, s.dst
	p.late = append(p.late, l)
	return s.dst
}

// between reports whether l is the product of x ≥ lo and x ≤ hi, which no other
// operation of p needs by themselves.
func (l *late) between(p *program) (x *ref, lo, hi float64, ok bool) {
	a, b := l.in[0].c, l.in[1].c
	if l.op.role != times && l.op.role != both || a == nil || b == nil || a.late == nil || b.late == nil {
		return nil, 0, 0, false
	}
	ge, le := a.late, b.late
	if ge.op.role == atMost {
		ge, le = le, ge
	}
	if ge.op.role != atLeast || le.op.role != atMost || ge.prog == p || le.prog == p || ge.in[1].c != nil || le.in[1].c != nil ||
		ge.in[0] != le.in[0] || ge.in[0].c == nil {
		return nil, 0, 0, false
	}
	return &ge.in[0], float64(ge.in[1].one()), float64(le.in[1].one()), true
}

func (p *program) spread(v []float32, seg *segments) int32 {
	p.spreads = append(p.spreads, spread{v, seg})
	return int32(len(p.spreads) - 1)
}

// fold adds a reduction of v by segments, op or a sum. It returns its number.
func (p *program) fold(v int32, op *laneOp, seg *segments) int {
	tiles := (p.n + tileLen - 1) / tileLen
	k := len(p.folds)
	p.folds = append(p.folds, fold{op: op, seg: seg, at: p.parts})
	p.parts += tiles + seg.count()
	s := p.step(doFold)
	s.a, s.extra = v, int32(k)
	return k
}

// allot gives registers to the vals that need one.
func (p *program) allot() {
	p.last = slices.Grow(p.last[:0], len(p.vals))[:len(p.vals)]
	clear(p.last)
	for i := range p.steps {
		s, at := &p.steps[i], int32(i)
		p.last[s.dst], p.last[s.a], p.last[s.b], p.last[s.c], p.last[s.y], p.last[s.g] = at, at, at, at, at, at
	}
	p.free = p.free[:0]
	for i := range p.steps {
		s, at := &p.steps[i], int32(i)
		// An operation that computes may overwrite an operand it is the last to read.
		if s.computes() {
			p.give(s.a, at)
			p.give(s.b, at)
			p.give(s.c, at)
		}
		if x := &p.vals[s.dst]; s.dst != none && x.kind == inRegister && x.reg < 0 {
			if k := len(p.free); k > 0 {
				x.reg, p.free = p.free[k-1], p.free[:k-1]
			} else {
				x.reg = int32(p.regs)
				p.regs++
			}
		}
		if !s.computes() {
			p.give(s.a, at)
			p.give(s.b, at)
			p.give(s.c, at)
		}
		p.give(s.y, at)
		p.give(s.g, at)
		p.give(s.dst, at)
	}
}

// give frees the register of v where step at is the last to use it.
func (p *program) give(v, at int32) {
	if v == none || p.last[v] != at {
		return
	}
	if x := &p.vals[v]; x.kind == inRegister && x.reg >= 0 {
		p.free = append(p.free, x.reg)
		p.last[v] = -1
	}
}

// computes reports whether a step writes dst position by position from a, b and
// c, whatever dst held.
func (s *instr) computes() bool { return s.do == doCompute || s.do == doWithin || s.do == doExpDiff }
