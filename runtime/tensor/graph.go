package tensor

import (
	"runtime"
	"slices"
	"weak"
)

// What the gradient of an operation's input reads, as bits.
const (
	readsA uint8 = 1 << iota // the first input's values
	readsB                   // the second input's
	readsY                   // the result's
)

// An opDef is a kind of recorded operation.
type opDef struct {
	name string
	// reads[i] is what the gradient of input i needs.
	reads [2]uint8
	// back adds the gradient of each input that needs one, given the result's.
	back func(p *pass, n *node, g []float32)
	elem *elem // set where it works element by element
}

// A node is a tensor and the operation that made it.
type node struct {
	t   Tensor
	op  *opDef
	in  [2]*Tensor
	aux any // what else the operation needs: a *joined where it has more inputs
	tok *token

	run   uint32  // the low bits of the run that has it in its list,
	at    int32   // and where
	k     float32 // the number in place of the second input
	freed bool
	// tiled: the gradient at a position needs nothing from other positions.
	tiled bool
	// spread: an operand repeats in some dimensions only.
	spread bool
}

// A token stands for a few graphs that keep values: it is reachable as long as
// a node of theirs is that was not run backwards, and live counts those.
type token struct {
	live int
	uses int // graphs that began with it
	self weak.Pointer[token]
	of   *Allocator // that gives it to graphs that begin
}

// tokenUses is how many graphs of an Allocator whose tensors belong to one
// goroutine share a token, because weak pointers are dear. A dropped graph may
// then count as needed while one of its neighbours is.
const tokenUses = 64

func newToken() *token {
	t := &token{}
	t.self = weak.Make(t)
	return t
}

// token is the one for a graph that begins.
func (a *Allocator) token() *token {
	if a == nil || a.run == nil || a.own {
		return newToken()
	}
	t := a.recent
	if t == nil || t.uses == tokenUses {
		t = newToken()
		t.of, a.recent = a, t
	}
	t.uses++
	return t
}

// note records that n's tensor is computed by op from a and b (nil when there
// is none), of which one at least requires grad.
func (n *node) note(op *opDef, a, b *Tensor) {
	n.op, n.t.node = op, n
	n.in[0], n.in[1] = a, b
	var reads uint8
	if a.RequiresGrad() {
		reads = op.reads[0]
	}
	if b.RequiresGrad() {
		reads |= op.reads[1]
	}
	if reads != 0 {
		n.keep(reads)
	}
}

// keep registers n with the storages whose values its gradient reads.
func (n *node) keep(reads uint8) {
	for i := range n.in { // not a copy of both: they were written a moment ago
		if t := n.in[i]; t != nil && t.node != nil && t.node.tok != nil {
			n.tok = t.node.tok
			break
		}
	}
	if n.tok == nil {
		n.tok = n.t.st.alloc.token()
	}
	n.tok.live++
	if reads&readsA != 0 {
		n.in[0].st.needed(n.tok)
	}
	if reads&readsB != 0 && n.in[1] != nil && n.in[1] != n.in[0] {
		n.in[1].st.needed(n.tok)
	}
	if reads&readsY != 0 {
		n.t.st.needed(n.tok)
	}
}

// needed notes that the graph behind tok reads the storage's values.
func (s *storage) needed(tok *token) {
	if s.locked() {
		return
	}
	if s.pending == tok.self {
		return
	}
	var none weak.Pointer[token]
	if s.pending == none {
		s.pending = tok.self
		return
	}
	r := s.seldom()
	if k := len(r.others); k > 0 && r.others[k-1] == tok.self {
		return
	}
	if k := len(r.others); k > 0 && k == cap(r.others) {
		s.prune()
	}
	r.others = append(r.others, tok.self)
}

// prune forgets graphs that were run backwards or dropped, and reports whether
// any other is left.
func (s *storage) prune() bool {
	done := func(w weak.Pointer[token]) bool {
		t := w.Value()
		return t == nil || t.live == 0
	}
	var more []weak.Pointer[token]
	if s.rare != nil {
		more = slices.DeleteFunc(s.rare.others, done)
	}
	if done(s.pending) {
		s.pending = weak.Pointer[token]{}
		if k := len(more); k > 0 {
			s.pending, more = more[k-1], more[:k-1]
		}
	}
	if s.rare != nil {
		s.rare.others = more
	}
	return s.pending != weak.Pointer[token]{}
}

// busy reports whether a graph still needs the storage's values. A graph that
// was dropped but not collected yet does not count, so it may collect garbage.
func (s *storage) busy() bool {
	if !s.prune() {
		return false
	}
	s.pending.Value().release()
	if s.rare != nil {
		for _, w := range s.rare.others {
			w.Value().release()
		}
	}
	runtime.GC()
	return s.prune()
}

// release has the allocator of a token let go of it: only graphs keep it then.
func (t *token) release() {
	if t != nil && t.of != nil && t.of.recent == t {
		t.of.recent = nil
	}
}

// free lets go of what the node kept; it cannot run backwards again. Nodes
// that keep nothing can, any number of times.
func (n *node) free() {
	if n.tok == nil || n.freed {
		return
	}
	n.freed = true
	n.tok.live--
	n.in, n.aux, n.tok = [2]*Tensor{}, nil, nil
}

// mask is the third operand, nil where there is none.
func (n *node) mask() *ref {
	if m, ok := n.aux.(*more); ok {
		return &m.mask
	}
	return nil
}

// numbers is what else the operation computes with.
func (n *node) numbers() (p [2]float64) {
	n.numbersTo(&p)
	return p
}

// numbersTo writes numbers to zeros.
func (n *node) numbersTo(p *[2]float64) {
	if m, ok := n.aux.(*more); ok {
		p[0], p[1] = float64(m.p[0]), float64(m.p[1])
	}
}

// input is the i-th input of n, of all it has.
func (n *node) input(i int) *Tensor {
	if i < 2 {
		return n.in[i]
	}
	return n.aux.(*joined).rest[i-2]
}

func (n *node) inputs() int {
	if j, ok := n.aux.(*joined); ok {
		return 2 + len(j.rest)
	}
	return 2
}
