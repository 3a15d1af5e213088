package tensor

import (
	"slices"
	"sync"

	"github.com/hudrl/hudrl/internal/kernel"
)

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
	p.ctx = a.began()
	if err := a.lend(op, true, p.sweep, p.from...); err != nil {
		return err
	}
	return ended(op, p.ctx)
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
	if p.n == 0 || len(p.steps) == 0 {
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
			for p.taken[part].Load() < end && (p.ctx == nil || p.ctx.Err() == nil) {
				s := int(p.taken[part].Add(1) - 1)
				if int64(s) < end {
					w.run(p, s*shareLen, min((s+1)*shareLen, p.n))
				}
			}
		}
		workers.Put(w)
	})
}

// begin has tiles of n positions of p run.
func (w *worker) begin(p *program, n int) {
	w.regs = slices.Grow(w.regs[:0], p.regs*tileLen)[:p.regs*tileLen]
	w.cur = slices.Grow(w.cur[:0], len(p.vals))[:len(p.vals)]
	for i := range p.vals {
		switch v := &p.vals[i]; {
		case v.kind == oneValue:
			w.cur[i] = v.one[:]
		case v.kind == inRegister && v.reg >= 0:
			w.cur[i] = w.regs[int(v.reg)*tileLen:][:n]
		}
	}
	w.segs = slices.Grow(w.segs[:0], len(p.steps))[:len(p.steps)]
	w.ahead = w.ahead[:0]
}

// rewind has the steps begin with their first segments.
func (w *worker) rewind() {
	for i := range w.segs {
		w.segs[i] = -1
	}
}

// run computes positions from to to.
func (w *worker) run(p *program, from, to int) {
	w.begin(p, min(tileLen, to-from))
	w.rewind()
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
		if hi < to {
			for _, v := range p.writes {
				w.ahead = append(w.ahead, p.vals[v].data[hi:min(hi+tileLen, to)])
			}
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
