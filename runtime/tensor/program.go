package tensor

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hudrl/hudrl/internal/kernel"
)

// A program is operations on n positions, computed one tile of positions after
// another, so that what they hand on stays in the first-level cache.
type program struct {
	n     int
	vals  []val
	steps []instr
	regs  int    // registers of a tile each
	parts int    // numbers that sums need
	keeps bool   // values that are dear are kept for others
	like  uint64 // the same for programs that differ in their operands only; 0 is unknown

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
	p.n, p.keeps, p.like = n, true, 0
	p.vals = append(p.vals, val{kind: inRegister, reg: -1})
	return p
}

func (p *program) end() {
	p.unmark()
	p.vals, p.steps, p.outs, p.from, p.folds = emptied(p.vals), emptied(p.steps), emptied(p.outs), emptied(p.from), emptied(p.folds)
	p.spreads, p.room, p.group = emptied(p.spreads), emptied(p.room), emptied(p.group)
	p.regs, p.parts = 0, 0
	programs.Put(p)
}

func (p *program) unmark() {
	for _, l := range p.late {
		l.prog = nil
	}
	p.late = emptied(p.late)
}

func (p *program) add(v val) int32 {
	p.vals = append(p.vals, v)
	return int32(len(p.vals) - 1)
}

func (p *program) register() int32 { return p.add(val{kind: inRegister, reg: -1}) }

// memory is n elements somewhere.
func (p *program) memory(data []float32) int32 {
	for i := len(p.vals) - 1; i > 0 && len(data) > 0; i-- {
		if v := &p.vals[i]; v.kind == inMemory && v.c == nil && &v.data[0] == &data[0] {
			return int32(i)
		}
	}
	return p.add(val{kind: inMemory, data: data})
}

// one is a value for all positions.
func (p *program) one(v float32) int32 {
	return p.add(val{kind: oneValue, reg: -1, one: [1]float32{v}})
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
	in := instr{do: doCompute, op: l.op, p: l.numbers()}
	if l.seg != nil {
		r := l.in[0]
		p.from = append(p.from, r.c)
		in.do, in.over = doSegments, true
		in.extra = p.spread(r.c.data[r.x:r.x+l.seg.count()], l.seg)
	} else if x, lo, hi, ok := l.between(p); ok {
		in.a, in.p, in.do = p.ref(x), [2]float64{lo, hi}, doWithin
	} else {
		in.a, in.b, in.c = p.ref(&l.in[0]), p.ref(&l.in[1]), p.ref(l.mask())
	}
	l.swept++
	if p.keeps && int32(l.swept) > l.op.again {
		in.dst = p.add(val{kind: inMemory, c: c})
		p.outs = append(p.outs, in.dst)
	} else {
		in.dst = p.register()
	}
	d := &p.vals[in.dst]
	d.truth = l.op.truth || in.do == doWithin || in.b != none && l.op.role == times && p.vals[in.a].truth && p.vals[in.b].truth
	l.prog, l.val = p, in.dst
	p.late = append(p.late, l)
	p.steps = append(p.steps, in)
	return in.dst
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
	p.steps = append(p.steps, instr{do: doFold, a: v, extra: int32(k)})
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

// A worker runs tiles of a program, one after the other.
type worker struct {
	regs  []float32
	cur   [][]float32
	segs  []int       // for each step, the segment it is at
	ahead [][]float32 // what the next tile writes to memory
}

var workers = sync.Pool{New: func() any { return &worker{} }}

// run computes the program for op. Where that takes long others may compute
// meanwhile, if a says so.
func (p *program) run(op string, a *Allocator) error {
	r := known.Get().(*recipes)
	defer known.Put(r)
	if err := p.complete(op, a, r); err != nil {
		return err
	}
	return p.lent(op, a)
}

// lent sweeps the program, which is complete.
func (p *program) lent(op string, a *Allocator) error {
	if p.n*len(p.steps) < longWork {
		p.sweep()
		return nil
	}
	return a.lend(op, true, p.sweep, p.from...)
}

// complete makes the program, which has all its steps, ready to be swept.
func (p *program) complete(op string, a *Allocator, r *recipes) error {
	p.unmark()
	if err := p.furnish(op, a); err != nil {
		return err
	}
	p.prepare(r)
	return nil
}

// sweep runs the steps.
func (p *program) sweep() {
	if p.n == 0 {
		return
	}
	p.sums = slices.Grow(p.sums[:0], p.parts)[:p.parts]
	p.written()
	if p.n < sharedLen {
		w := workers.Get().(*worker)
		w.run(p, 0, p.n)
		workers.Put(w)
	} else {
		p.share()
	}
	for i := range p.folds {
		p.folds[i].finish(p.sums)
	}
}

// written lists the vals in memory that are written.
func (p *program) written() {
	p.writes = p.writes[:0]
	for i := range p.steps {
		if v := p.steps[i].dst; p.vals[v].kind == inMemory && !slices.Contains(p.writes, v) {
			p.writes = append(p.writes, v)
		}
	}
}

// share runs the program on several cores. Each begins where it began in the
// sweep before this one, whose operands its cache may hold, and helps the next
// when it is done.
func (p *program) share() {
	shares := (p.n + shareLen - 1) / shareLen
	cores := min(kernel.Cores(), shares)
	p.taken = slices.Grow(p.taken[:0], cores)[:cores]
	for i := range p.taken {
		p.taken[i].Store(int64(i * shares / cores))
	}
	kernel.Parallel(cores, func(i int) {
		w := workers.Get().(*worker)
		for k := range cores {
			part := (i + k) % cores
			end := int64((part + 1) * shares / cores)
			for p.taken[part].Load() < end {
				s := int(p.taken[part].Add(1) - 1)
				if int64(s) < end {
					w.run(p, s*shareLen, min((s+1)*shareLen, p.n))
				}
			}
		}
		workers.Put(w)
	})
}

// run computes positions from to to.
func (w *worker) run(p *program, from, to int) {
	w.regs = slices.Grow(w.regs[:0], p.regs*tileLen)[:p.regs*tileLen]
	w.cur = slices.Grow(w.cur[:0], len(p.vals))[:len(p.vals)]
	for i := range p.vals {
		if v := &p.vals[i]; v.kind == oneValue {
			w.cur[i] = v.one[:]
		}
	}
	w.segs = slices.Grow(w.segs[:0], len(p.steps))[:len(p.steps)]
	for i := range p.steps {
		w.segs[i] = -1
	}
	for lo := from; lo < to; lo += tileLen {
		hi := min(lo+tileLen, to)
		for i := range p.vals {
			switch v := &p.vals[i]; {
			case v.kind == inMemory:
				w.cur[i] = v.data[lo:hi]
			case v.kind == inRegister && v.reg >= 0 && len(w.cur[i]) != hi-lo:
				w.cur[i] = w.regs[int(v.reg)*tileLen:][:hi-lo]
			}
		}
		w.ahead = w.ahead[:0]
		for _, v := range p.writes {
			w.ahead = append(w.ahead, p.vals[v].data[hi:min(hi+tileLen, to)])
		}
		w.tile(p, lo, hi)
	}
	clear(w.cur)
	clear(w.ahead)
}

// segment is the one of s in which position lo is, for step i.
func (w *worker) segment(i int, s *segments, lo int) int {
	k := w.segs[i]
	if k < 0 {
		return s.find(lo)
	}
	for s.at(k+1) <= lo {
		k++
	}
	return k
}

// tile runs the operations on positions lo to hi.
func (w *worker) tile(p *program, lo, hi int) {
	cur := w.cur
	some := tileLen/len(p.steps) + 1
	for i := range p.steps {
		s := &p.steps[i]
		for _, x := range w.ahead {
			kernel.PrefetchWrite(x[min(i*some, len(x)):min((i+1)*some, len(x))])
		}
		switch s.do {
		case doCompute:
			if s.each != 0 {
				w.tileEach(p, i, lo, hi)
				continue
			}
			s.op.f(cur[s.dst], cur[s.a], cur[s.b], cur[s.c], s.p)
		case doSlope:
			d := &s.op.d
			if s.over {
				d = &s.op.first
			}
			d[s.slope](cur[s.dst], cur[s.g], cur[s.a], cur[s.b], cur[s.c], cur[s.y], s.p)
		case doClear:
			clear(cur[s.dst])
		case doExpDiff:
			kernel.ExpDiffTo(cur[s.dst], cur[s.a], cur[s.b])
		case doWithin:
			kernel.WithinTo(cur[s.dst], cur[s.a], float32(s.p[0]), float32(s.p[1]))
		case doAdd:
			if s.over {
				kernel.AddTo(cur[s.dst], cur[s.g], zero)
				continue
			}
			kernel.AddTo(cur[s.dst], cur[s.dst], cur[s.g])
		case doSegments:
			x, dst := &p.spreads[s.extra], cur[s.dst]
			k := w.segment(i, x.seg, lo)
			for from := lo; from < hi; k++ {
				if to := min(hi, x.seg.at(k+1)); to > from {
					put(dst[from-lo:to-lo], x.v[k], s.over)
					from = to
				}
			}
			w.segs[i] = k - 1
		default:
			w.tileFold(p, i, lo, hi)
		}
	}
}

// tileEach computes step i, of which an operand is one value for each segment.
func (w *worker) tileEach(p *program, i, lo, hi int) {
	s := &p.steps[i]
	x, dst, a, b := &p.spreads[s.extra], w.cur[s.dst], w.cur[s.a], w.cur[s.b]
	k := w.segment(i, x.seg, lo)
	for from := lo; from < hi; k++ {
		to := min(hi, x.seg.at(k+1))
		if to <= from {
			continue
		}
		l, r := cut(a, from-lo, to-lo, hi-lo), cut(b, from-lo, to-lo, hi-lo)
		if s.each&1 != 0 {
			l = p.spreads[p.vals[s.a].each].v[k : k+1]
		}
		if s.each&2 != 0 {
			r = p.spreads[p.vals[s.b].each].v[k : k+1]
		}
		s.op.f(dst[from-lo:to-lo], l, r, nil, s.p)
		from = to
	}
	w.segs[i] = k - 1
}

// tileFold reduces what step i does.
func (w *worker) tileFold(p *program, i, lo, hi int) {
	s := &p.steps[i]
	f, x, y, g := &p.folds[s.extra], w.cur[s.a], w.cur[s.b], w.cur[s.g]
	parts := p.sums[f.at+lo/tileLen:]
	k := w.segment(i, f.seg, lo)
	for from := lo; from < hi; k++ {
		to := min(hi, f.seg.at(k+1))
		if to <= from {
			continue
		}
		part := x[from-lo : to-lo]
		switch s.do {
		case doFold:
			parts[k] = f.op.part(part)
		case doCount:
			parts[k] = float64(kernel.CountNonZero(part))
		case doProducts:
			parts[k] = kernel.SumProducts(part, y[from-lo:to-lo])
		case doScaledSum:
			var v float32
			switch {
			case s.each != 0:
				v = p.spreads[p.vals[s.g].each].v[k]
			case len(g) == 1:
				v = g[0]
			default:
				v = g[from-lo]
			}
			parts[k] = kernel.SumScaled(v, part, y[from-lo:to-lo])
		}
		from = to
	}
	w.segs[i] = k - 1
}

// put writes v to dst, or adds it.
func put(dst []float32, v float32, over bool) {
	if over {
		kernel.MulTo(dst, []float32{v}, one) // exact
		return
	}
	kernel.AddTo(dst, dst, []float32{v})
}

// finish joins each segment's parts in order.
func (f *fold) finish(parts []float64) {
	for k := range f.seg.count() {
		lo, hi := f.seg.at(k), f.seg.at(k+1)
		if lo == hi {
			continue
		}
		first, last := lo/tileLen, (hi-1)/tileLen
		v := parts[f.at+first+k]
		for t := first + 1; t <= last; t++ {
			v = f.op.join(v, parts[f.at+t+k])
		}
		f.out[k] = v
	}
}

// stretch is what part and join make of positions lo to hi of x.
func stretch(x []float32, lo, hi int, part func(x []float32) float64, join func(a, b float64) float64) float64 {
	end := min(hi, (lo/tileLen+1)*tileLen)
	v := part(x[lo:end])
	for lo = end; lo < hi; lo = end {
		end = min(hi, lo+tileLen)
		v = join(v, part(x[lo:end]))
	}
	return v
}

func plus64(a, b float64) float64 { return a + b }
