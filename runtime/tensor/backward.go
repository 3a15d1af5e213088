package tensor

import (
	"math/bits"
	"slices"
	"sync"
)

// A pass is one run of a graph backwards. Its buffers never leave it: what a
// caller gets are the gradients of the leaves, which are tensors of their own.
// So a pass is used again for another graph.
type pass struct {
	alloc *Allocator
	order []*node // inputs before what is made of them
	stack []frame
	leafs []*Tensor
	pool  [40][]buffer // to use again; pool[k] holds capacities above 1<<(k−1), up to 1<<k
	held  int          // weight of pool
	run   uint64       // counts the graphs
	taken int          // elements reserved for buffers
	err   error
}

// A buffer holds gradients. The run that reserved it has it counted.
type buffer struct {
	g   []float32
	run uint64
}

// A frame is a node whose inputs from next on are to be visited.
type frame struct {
	n    *node
	next int
}

// passes keeps idle ones until the garbage collector finds them idle. Their
// buffers are not counted against a budget meanwhile, hence heldLen.
var passes = sync.Pool{New: func() any { return &pass{} }}

const heldLen = 4 << 20 // elements an idle pass may hold

// weight is a buffer's elements and what holds it.
func weight(g []float32) int { return cap(g) + 16 }

// emptied is s without elements, to be filled again unless it is long.
func emptied[E any](s []E) []E {
	if cap(s) > 1<<14 {
		return nil
	}
	clear(s)
	return s[:0]
}

// done makes the pass idle. The caller must not use it any more.
func (p *pass) done() {
	p.order, p.stack, p.leafs = emptied(p.order), emptied(p.stack[:cap(p.stack)]), emptied(p.leafs)
	p.alloc, p.err = nil, nil
	for k := len(p.pool) - 1; p.held > heldLen; k-- {
		for _, b := range p.pool[k] {
			p.held -= weight(b.g)
		}
		p.pool[k] = nil
	}
	passes.Put(p)
}

// Backward adds the gradient of t, which has one element, to every leaf it
// depends on (see Grad). A graph can be run backwards once: what it kept is
// then let go. On error no leaf changes.
func (t *Tensor) Backward() error { return t.backward(false) }

// BackwardRetain is Backward on a graph that will be run backwards again.
func (t *Tensor) BackwardRetain() error { return t.backward(true) }

func (t *Tensor) backward(retain bool) error {
	p, err := runBackward(t, retain)
	if err != nil {
		return err
	}
	defer p.done()
	for _, x := range p.leafs {
		l := x.leaf
		if l.grad == nil {
			l.grad = l.acc
		} else {
			sum := l.grad.Add(l.acc)
			if sum.err != nil {
				p.discard()
				return sum.err
			}
			l.acc = sum
		}
	}
	for _, x := range p.leafs {
		l := x.leaf
		l.grad, l.acc = l.acc, nil
		l.touched = append(l.touched, l.reached...).merged()
		l.reached = nil
	}
	return nil
}

// Gradients returns the gradient of t, which has one element, with respect to
// each of the leaves; nil for a leaf no path leads to. Their Grad stays as it
// was.
func Gradients(t *Tensor, leaves ...*Tensor) ([]*Tensor, error) {
	for i, x := range leaves {
		if err := x.Err(); err != nil {
			return nil, err
		}
		if x.leaf == nil {
			return nil, errorf("grad", "input %d is not a leaf that requires grad", i+1)
		}
	}
	p, err := runBackward(t, false)
	if err != nil {
		return nil, err
	}
	defer p.done()
	out := make([]*Tensor, len(leaves))
	for i, x := range leaves {
		out[i] = x.leaf.acc
	}
	p.discard()
	return out, nil
}

// runBackward runs t's graph backwards; the gradients are left in the leaves' acc.
func runBackward(t *Tensor, retain bool) (*pass, error) {
	if err := t.Err(); err != nil {
		return nil, err
	}
	if t.n != 1 {
		return nil, &Error{Op: "backward", Detail: "got shape " + shapeString(t.shape) + ", want one element",
			Hint: "reduce it first, with sum or mean"}
	}
	if !t.RequiresGrad() {
		return nil, &Error{Op: "backward", Detail: "the tensor does not depend on anything that requires grad",
			Hint: "comparisons, logic, detach and no_grad give constants"}
	}
	p := passes.Get().(*pass)
	p.alloc = t.st.alloc
	p.run++
	if err := p.sort(t); err != nil {
		p.done()
		return nil, err
	}
	if g := p.grad(t); g != nil {
		g[0] += 1
	}
	for i := len(p.order) - 1; i >= 0; i-- {
		n := p.order[i]
		if n.g != nil && p.err == nil {
			n.op.back(p, n, n.g)
		}
		p.recycle(n)
	}
	p.alloc.release(p.taken)
	p.taken = 0
	for _, n := range p.order {
		n.visit = nil
		if !retain && p.err == nil {
			n.free()
		}
	}
	if p.err != nil {
		p.discard()
		err := p.err
		p.done()
		return nil, err
	}
	return p, nil
}

// sort lists the nodes t depends on, inputs first, without recursion.
func (p *pass) sort(t *Tensor) error {
	if t.node == nil {
		return nil
	}
	stack := append(p.stack, frame{n: t.node})
	defer func() { p.stack = stack }()
	t.node.visit = p
	var err error
	for len(stack) > 0 && err == nil {
		f := &stack[len(stack)-1]
		if f.n.freed {
			err = &Error{Op: "backward", Detail: "the graph was already run backwards: the values " + f.n.op.name + " kept are gone",
				Hint: "compute the loss again, or keep the graph the first time (retain_graph)"}
			break
		}
		if f.next == f.n.inputs() {
			p.order = append(p.order, f.n)
			stack = stack[:len(stack)-1]
			continue
		}
		in := f.n.input(f.next)
		f.next++
		if in != nil && in.node != nil && in.node.visit != p {
			in.node.visit = p
			stack = append(stack, frame{n: in.node})
		}
	}
	if err != nil {
		for _, n := range p.order {
			n.visit = nil
		}
		for _, f := range stack {
			f.n.visit = nil
		}
	}
	return err
}

// grad is the buffer that t's gradient is added to, or nil when t needs none.
func (p *pass) grad(t *Tensor) []float32 {
	g := p.gradAt(t)
	if t != nil && t.leaf != nil && g != nil {
		t.leaf.reached = t.leaf.reached.add(0, t.n)
	}
	return g
}

// gradAt is like grad for an operation that says itself which elements of a
// leaf it reached.
func (p *pass) gradAt(t *Tensor) []float32 {
	switch {
	case t == nil || p.err != nil:
		return nil
	case t.leaf != nil:
		l := t.leaf
		if l.acc == nil {
			acc, err := t.st.alloc.make("backward", t.shape, t.n)
			if err != nil {
				p.err = err
				return nil
			}
			l.acc = acc
			p.leafs = append(p.leafs, t)
		}
		return l.acc.st.data
	case t.node != nil:
		n := t.node
		if n.g == nil {
			n.g = p.take(n.n)
		}
		return n.g
	}
	return nil
}

// values is t's elements, nil after an error.
func (p *pass) values(t *Tensor) []float32 {
	x, err := t.values("backward")
	if err != nil {
		p.err = err
	}
	return x
}

// take is a zeroed buffer of n elements, nil after an error.
func (p *pass) take(n int) []float32 {
	k := bits.Len(uint(max(n, 1) - 1)) // 1<<k is at least n
	free := p.pool[k]
	for i := len(free) - 1; i >= max(0, len(free)-8); i-- {
		b := free[i]
		if cap(b.g) < n {
			continue
		}
		if b.run != p.run && !p.reserve(cap(b.g)) {
			return nil
		}
		p.pool[k] = slices.Delete(free, i, i+1)
		p.held -= weight(b.g)
		g := b.g[:n]
		clear(g)
		return g
	}
	size := n
	if n <= slabItem {
		size = 1 << k // the next one of about this length fits too
	}
	if !p.reserve(size) {
		return nil
	}
	return make([]float32, n, size)
}

// reserve counts the elements of a buffer that this run did not count yet.
func (p *pass) reserve(size int) bool {
	if size <= smallLen {
		return true
	}
	if err := p.alloc.reserve("backward", size); err != nil {
		p.err = err
		return false
	}
	p.taken += size
	return true
}

// recycle takes back the buffer of a node that is done.
func (p *pass) recycle(n *node) {
	if n.g != nil {
		k := bits.Len(uint(max(cap(n.g), 1) - 1))
		p.pool[k] = append(p.pool[k], buffer{n.g, p.run})
		p.held += weight(n.g)
		n.g = nil
	}
}

// discard forgets the gradients of the pass.
func (p *pass) discard() {
	for _, x := range p.leafs {
		x.leaf.acc, x.leaf.reached = nil, nil
	}
}

// spans is a set of half-open ranges of flat positions.
type spans []span

type span struct{ lo, hi int }

// add puts a range into the set.
func (s spans) add(lo, hi int) spans {
	if k := len(s) - 1; k >= 0 {
		switch last := &s[k]; {
		case lo >= last.lo && hi <= last.hi:
			return s
		case lo == last.hi:
			last.hi = hi
			return s
		case hi == last.lo:
			last.lo = lo
			return s
		}
	}
	return append(s, span{lo, hi})
}

// merged is the set sorted, with ranges that meet joined.
func (s spans) merged() spans {
	if len(s) < 2 {
		return s
	}
	slices.SortFunc(s, func(a, b span) int { return a.lo - b.lo })
	out := s[:1]
	for _, x := range s[1:] {
		if last := &out[len(out)-1]; x.lo <= last.hi {
			last.hi = max(last.hi, x.hi)
		} else {
			out = append(out, x)
		}
	}
	return out
}

// overlap reports whether a merged set has an element in [lo, hi).
func (s spans) overlap(lo, hi int) bool {
	i, _ := slices.BinarySearchFunc(s, lo, func(x span, lo int) int {
		if x.hi <= lo {
			return -1
		}
		return 1
	})
	return i < len(s) && s[i].lo < hi && lo < hi
}
