package tensor

import "slices"

// A use is how the steps of a program use a val.
type use struct {
	reads, writes  int32 // by how many steps
	reader, writer int32 // the last that does
	first          int32 // the first that does either
}

// fuse joins steps where one hands a tile to another only. What each computes
// stays the same in every bit. A program without segments may be prepared as one
// was that looked the same: see prepared for what may decide.
func (p *program) fuse() {
	p.count()
	for i := range p.steps {
		switch s := &p.steps[i]; s.do {
		case doAdd:
			p.direct(s, int32(i))
		case doFold:
			p.factors(s, int32(i))
		case doCompute:
			p.minuend(s, int32(i))
		}
	}
	for i := range p.steps {
		if s := &p.steps[i]; s.do == doSegments && s.over && p.runs(s.dst, s.extra) {
			p.vals[s.dst].kind, p.vals[s.dst].each = perSegment, s.extra
			s.do = doNothing
		}
	}
	kept := p.steps[:0]
	for i := range p.steps {
		if p.steps[i].do != doNothing {
			kept, p.origin = append(kept, p.steps[i]), append(p.origin, int32(i))
		}
	}
	clear(p.steps[len(kept):])
	p.steps = kept
}

func (p *program) count() {
	p.uses = slices.Grow(p.uses[:0], len(p.vals))[:len(p.vals)]
	for i := range p.uses {
		p.uses[i] = use{first: -1}
	}
	for i := range p.steps {
		s, at := &p.steps[i], int32(i)
		for _, v := range [...]int32{s.a, s.b, s.c, s.y, s.g} {
			u := &p.uses[v]
			u.reads, u.reader = u.reads+1, at
			if u.first < 0 {
				u.first = at
			}
		}
		u := &p.uses[s.dst]
		u.writes, u.writer = u.writes+1, at
		if u.first < 0 {
			u.first = at
		}
	}
}

// direct has a gradient that step i adds to memory computed there, if it is the
// first and nobody wants it afterwards.
func (p *program) direct(s *instr, i int32) {
	g, dst := &p.vals[s.g], &p.vals[s.dst]
	u := p.uses[s.g]
	if !s.over || dst.kind != inMemory || p.uses[s.dst].first != i ||
		g.kind != inRegister || !g.plain || u.reader != i || u.writer > i {
		return
	}
	g.kind, g.data = inMemory, dst.data
	p.moves = append(p.moves, move{s.g, s.dst})
	p.uses[s.g].writes++ // others may add to it from now on
	s.do = doNothing
}

// minuend has an exponential take the difference it is of.
func (p *program) minuend(s *instr, i int32) {
	if s.op.role != exponential {
		return
	}
	w := p.once(s.a, difference)
	if w == nil || !p.full(w.a) || !p.full(w.b) {
		return
	}
	w.do, s.do, s.a, s.b = doNothing, doExpDiff, w.a, w.b
	p.uses[s.a].reader, p.uses[s.b].reader = max(i, p.uses[s.a].reader), max(i, p.uses[s.b].reader)
}

// full reports whether v has a value for each position that no spread gives.
func (p *program) full(v int32) bool {
	return p.vals[v].kind == inMemory || p.vals[v].kind == inRegister && p.steps[p.uses[v].writer].do != doSegments
}

// once is the step that computes v, by an operation of a role, for one other step
// only, or nil.
func (p *program) once(v int32, r role) *instr {
	u := p.uses[v]
	if p.vals[v].kind != inRegister || u.reads != 1 || u.writes != 1 {
		return nil
	}
	if w := &p.steps[u.writer]; w.do == doCompute && w.op.role == r && p.steady(w.a) && p.steady(w.b) {
		return w
	}
	return nil
}

// steady reports whether a val is the same for all steps that read it.
func (p *program) steady(v int32) bool {
	return v != none && p.uses[v].writes <= 1
}

// factors makes the sum i of a product with a mask one of its factors: what is
// added is as exact as the product.
func (p *program) factors(s *instr, i int32) {
	f := &p.folds[s.extra]
	if !f.op.sums {
		return
	}
	if p.vals[s.a].truth {
		s.do = doCount
		return
	}
	w := p.once(s.a, times)
	if w == nil {
		return
	}
	x, m := w.a, w.b
	if !p.vals[m].truth {
		x, m = m, x
	}
	if !p.vals[m].truth || p.vals[x].kind == oneValue {
		return
	}
	w.do, s.do, s.a, s.b = doNothing, doProducts, x, m
	p.uses[x].reader, p.uses[m].reader = max(i, p.uses[x].reader), max(i, p.uses[m].reader)
	if w = p.once(x, times); w == nil {
		return
	}
	x, g := w.a, w.b
	if !p.scales(g, f.seg) {
		x, g = g, x
	}
	if !p.scales(g, f.seg) || p.vals[x].kind == oneValue {
		return
	}
	w.do, s.do, s.a, s.g = doNothing, doScaledSum, x, g
	p.uses[x].reader, p.uses[g].reader = max(i, p.uses[x].reader), max(i, p.uses[g].reader)
}

// scales reports whether v is one value in each segment.
func (p *program) scales(v int32, seg *segments) bool {
	if p.vals[v].kind == oneValue {
		return true
	}
	u := p.uses[v]
	if p.vals[v].kind != inRegister || u.writes != 1 {
		return false
	}
	w := &p.steps[u.writer]
	return w.do == doSegments && p.spreads[w.extra].seg.same(seg)
}

// shortRun is the mean length of segments below which their values are written
// to a tile once rather than handed to several steps one by one.
const shortRun = 64

// runs lets the steps that read v, the values of a spread, take one value for
// each of its segments, if all of them can.
func (p *program) runs(v, spread int32) bool {
	u := p.uses[v]
	seg := p.spreads[spread].seg
	if p.vals[v].kind != inRegister || u.writes != 1 || u.reads > 1 && p.n < shortRun*seg.count() {
		return false
	}
	for i := range p.steps {
		s := &p.steps[i]
		switch {
		case s.do == doNothing, s.a != v && s.b != v && s.c != v && s.y != v && s.g != v:
		case s.do == doScaledSum && s.g == v && s.a != v && s.b != v:
		case s.do == doCompute && s.b != none && s.c == none && !s.op.long && (s.each == 0 || p.spreads[s.extra].seg.same(seg)):
		default:
			return false
		}
	}
	for i := range p.steps {
		switch s := &p.steps[i]; {
		case s.do == doScaledSum && s.g == v:
			s.each = 1
		case s.do == doCompute && (s.a == v || s.b == v):
			s.extra = spread
			if s.a == v {
				s.each |= 1
			}
			if s.b == v {
				s.each |= 2
			}
		}
	}
	return true
}
