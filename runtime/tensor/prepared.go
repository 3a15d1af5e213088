package tensor

import (
	"sync"
	"sync/atomic"
)

// A prepared is what fuse and allot made of a program. The losses of a batch,
// one datum after another, are the same program many times.
type prepared struct {
	// What they were given; the numbers in steps do not count.
	given  []instr
	traits []trait
	folds  []*laneOp
	// What they made of it.
	steps []instr
	from  []int32 // which of given each step was
	kinds []kind  // of the vals
	regs  []int32
	moves []move
	count int // of registers
	like  uint64
}

// A trait is what fuse and allot know of a val.
type trait struct {
	kind                kind
	truth, plain, fresh bool
}

// A move is a gradient that is computed where it was to be added.
type move struct{ g, dst int32 }

// recipes is the latest programs that were prepared.
type recipes struct {
	all    [4]prepared
	latest int
}

var (
	known = sync.Pool{New: func() any { return &recipes{} }}
	likes atomic.Uint64 // numbers them
)

// prepare is fuse and allot. Where the program has segments, which say what can
// be joined, they always look.
func (p *program) prepare(r *recipes) {
	p.moves, p.origin = p.moves[:0], p.origin[:0]
	if len(p.spreads) > 0 {
		p.fuse()
		p.allot()
		return
	}
	for range r.all {
		if k := &r.all[r.latest]; k.fits(p) {
			k.apply(p)
			return
		}
		r.latest = (r.latest + 1) % len(r.all)
	}
	r.latest = (r.latest + len(r.all) - 1) % len(r.all)
	r.all[r.latest].note(p)
}

// note prepares p and keeps how.
func (k *prepared) note(p *program) {
	k.given = append(k.given[:0], p.steps...)
	k.traits, k.folds, k.kinds, k.regs = k.traits[:0], k.folds[:0], k.kinds[:0], k.regs[:0]
	for i := range p.vals {
		k.traits = append(k.traits, p.vals[i].trait())
	}
	for i := range p.folds {
		k.folds = append(k.folds, p.folds[i].op)
	}
	p.fuse()
	p.allot()
	k.like = likes.Add(1)
	k.steps, k.count, p.like = append(k.steps[:0], p.steps...), p.regs, k.like
	k.from, k.moves = append(k.from[:0], p.origin...), append(k.moves[:0], p.moves...)
	for i := range p.vals {
		k.kinds, k.regs = append(k.kinds, p.vals[i].kind), append(k.regs, p.vals[i].reg)
	}
}

// fits reports whether p is the program that k was made from, but for values.
func (k *prepared) fits(p *program) bool {
	if len(k.given) != len(p.steps) || len(k.traits) != len(p.vals) || len(k.folds) != len(p.folds) {
		return false
	}
	for i := range p.steps {
		if !k.given[i].same(&p.steps[i]) {
			return false
		}
	}
	for i := range p.vals {
		if k.traits[i] != p.vals[i].trait() {
			return false
		}
	}
	for i := range p.folds {
		if k.folds[i] != p.folds[i].op {
			return false
		}
	}
	return true
}

// apply prepares p as k was.
func (k *prepared) apply(p *program) {
	for i, from := range k.from {
		numbers := p.steps[from].p // from is i at least
		p.steps[i] = k.steps[i]
		p.steps[i].p = numbers
	}
	p.steps = p.steps[:len(k.steps)]
	for _, m := range k.moves {
		p.vals[m.g].data = p.vals[m.dst].data
	}
	for i := range p.vals {
		p.vals[i].kind, p.vals[i].reg = k.kinds[i], k.regs[i]
	}
	p.regs, p.like = k.count, k.like
}

func (v *val) trait() trait { return trait{v.kind, v.truth, v.plain, v.fresh} }

// same reports whether two steps do the same with the same vals.
func (s *instr) same(t *instr) bool {
	return s.op == t.op && s.do == t.do && s.slope == t.slope && s.over == t.over && s.each == t.each && s.extra == t.extra &&
		s.dst == t.dst && s.a == t.a && s.b == t.b && s.c == t.c && s.y == t.y && s.g == t.g
}
