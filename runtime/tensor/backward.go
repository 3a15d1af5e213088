package tensor

import (
	"context"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hudrl/hudrl/internal/kernel"
)

// A pass is one run of a graph backwards. Its buffers never leave it: what a
// caller gets are the gradients of the leaves, which are tensors of their own.
// So a pass is used again for another graph.
type pass struct {
	alloc   *Allocator
	retain  bool
	nodes   []visited
	ready   []int32 // nodes all of whose results' gradients are complete
	parts   []int32 // the same for components of tiled nodes
	list    []int32 // the region being run
	sources []source
	ends    []ending
	leafs   []*Tensor
	adopted []*node      // whose values are gradients of leafs now
	pool    [40][]buffer // to use again; pool[k] holds capacities above 1<<(k−1), up to 1<<k
	held    int          // weight of pool
	run     uint64       // the graph's number
	taken   int          // elements reserved for buffers
	room    []float32    // for sources
	turns   int          // how often a node became ready
	line    queued
	prog    *program // of the latest region
	ctx     context.Context
	work    int // elements computed since ctx was looked at
	err     error
}

// A visited is a node of the graph that is run. Indices that may be missing
// are one more than the index, 0 for none.
type visited struct {
	n       *node
	g       []float32 // the gradient of its result
	in      [2]int32  // its first inputs, and which of them are computed along
	along   [2]bool   // with it
	tiled   bool
	view    bool
	queued  bool       // of a root: in parts
	one     [1]float32 // room for g
	waiting int32      // results made of it whose gradients are not complete
	uses    int32      // all of those
	up      int32      // towards the root of its component
	next    int32      // in the root's list
	heads   int32      // of a root: nodes of its component that are ready,
	tail    int32
	val     int32 // the gradient, in the program of its region
	region  int32 // the number of its region
	src     int32 // sources of gradient that are not in g yet
}

// A source is a gradient that is one value for each segment.
type source struct {
	seg  *segments
	v    []float32
	next int32
}

// An ending adds what a region summed to the gradient of t.
type ending struct {
	t    *Tensor
	fold int
}

// A buffer holds gradients. The run that reserved it has it counted.
type buffer struct {
	g   []float32
	run uint64
}

// runs numbers the graphs that are run backwards.
var graphs atomic.Uint64

// passes keeps idle ones of no allocator until the garbage collector finds them
// idle; an Allocator keeps one. Their buffers are not counted against a budget
// meanwhile, hence heldLen.
var passes = sync.Pool{New: func() any { return &pass{} }}

const heldLen = 4 << 20 // elements an idle pass may hold

// newPass is an idle pass; done gives it back.
func (a *Allocator) newPass() *pass {
	if a != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		if p := a.pass; p != nil {
			a.pass = nil
			return p
		}
	}
	return passes.Get().(*pass)
}

// weight is a buffer's elements and what holds it.
func weight(g []float32) int { return cap(g) + 16 }

// emptied is s without elements, to be filled again unless it is long.
func emptied[E any](s []E) []E {
	if cap(s) > 1<<16 {
		return nil
	}
	clear(s)
	return s[:0]
}

// done makes the pass idle. The caller must not use it any more.
func (p *pass) done() {
	p.nodes, p.ready, p.parts, p.list = emptied(p.nodes), emptied(p.ready), emptied(p.parts), emptied(p.list)
	p.line.own = emptied(p.line.own)
	p.sources, p.ends, p.leafs, p.room = emptied(p.sources), emptied(p.ends), emptied(p.leafs), nil
	p.adopted = emptied(p.adopted)
	if p.prog != nil {
		p.prog.end()
		p.prog = nil
	}
	a := p.alloc
	p.alloc, p.ctx, p.err = nil, nil, nil
	for k := len(p.pool) - 1; p.held > heldLen; k-- {
		for _, b := range p.pool[k] {
			p.held -= weight(b.g)
		}
		p.pool[k] = nil
	}
	if a != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.pass == nil {
			a.pass = p
			return
		}
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
		if sum := l.acc.st.cur.data; l.grad != nil {
			kernel.AddTo(sum, l.grad.st.cur.data, sum)
		}
		l.grad = l.acc
		l.touched = append(l.touched, l.reached...).merged()
		l.leafPass = leafPass{}
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
	if err := t.st.alloc.waitNoMore("backward"); err != nil {
		return nil, err
	}
	p := t.st.alloc.newPass()
	p.alloc, p.retain, p.run = t.st.alloc, retain, graphs.Add(1)
	p.ctx = p.alloc.began()
	err := p.visit(t)
	if err == nil {
		p.backwards(t)
		p.alloc.release(p.taken)
		p.taken = 0
		err = p.err
	}
	for _, x := range p.leafs {
		x.leaf.fill()
	}
	if err != nil {
		for _, n := range p.adopted {
			n.free() // others may have added to the values
		}
		p.discard()
		p.done()
		return nil, err
	}
	if !retain {
		for i := range p.nodes {
			p.nodes[i].n.free()
		}
	}
	return p, nil
}

// visit lists the nodes that t depends on, and joins those that can be run
// tile by tile together to components.
func (p *pass) visit(t *Tensor) error {
	add := func(n *node) {
		n.run, n.at = uint32(p.run), int32(len(p.nodes))
		p.nodes = longer(p.nodes)
		v := &p.nodes[n.at]
		v.n, v.up, v.tiled, v.view = n, n.at, n.tiled, n.op == viewOp
	}
	if t.node != nil {
		add(t.node)
	}
	work := 0
	for i := 0; i < len(p.nodes); i++ {
		n := p.nodes[i].n
		if n.tiled && work < wakeWork {
			if work += n.t.n; work >= wakeWork {
				kernel.Wake()
			}
		}
		if n.freed {
			return &Error{Op: "backward", Detail: "the graph was already run backwards: the values " + n.op.name + " kept are gone",
				Hint: "compute the loss again, or keep the graph the first time (retain_graph)"}
		}
		for k := range n.inputs() {
			in := n.input(k)
			if in == nil || in.node == nil {
				continue
			}
			m := in.node
			if m.run != uint32(p.run) {
				add(m)
			}
			v := &p.nodes[m.at]
			v.uses++
			v.waiting++
			if k < 2 {
				p.nodes[i].in[k] = m.at + 1
			}
			if n.tiled && n.along(m) { // and so has two inputs at most
				p.nodes[i].along[k] = true
				if a, b := p.root(int32(i)), p.root(m.at); a != b {
					p.nodes[b].up = a
				}
			}
		}
	}
	return nil
}

// root is the root of i's component.
func (p *pass) root(i int32) int32 {
	for p.nodes[i].up != i {
		p.nodes[i].up = p.nodes[p.nodes[i].up].up
		i = p.nodes[i].up
	}
	return i
}

// backwards runs the nodes, each after all that are made of it. Tiled nodes run
// together, as many as are ready once nothing else is.
func (p *pass) backwards(t *Tensor) {
	if g := p.grad(t); g != nil {
		g[0] += 1
	}
	if t.node != nil {
		p.now(t.node.at)
	}
	defer p.join()
	for p.err == nil {
		if k := len(p.ready); k > 0 {
			p.join()
			i := p.ready[k-1]
			p.ready = p.ready[:k-1]
			p.alone(i)
			continue
		}
		k := len(p.parts)
		if k == 0 {
			return
		}
		i := p.parts[k-1]
		p.parts = p.parts[:k-1]
		p.together(i)
	}
}

// now notes that node i can be run.
func (p *pass) now(i int32) {
	p.turns++
	if !p.nodes[i].tiled {
		p.ready = append(p.ready, i)
		return
	}
	r := p.root(i)
	root := &p.nodes[r]
	p.nodes[i].next = 0
	if root.heads == 0 {
		root.heads = i + 1
	} else {
		p.nodes[root.tail-1].next = i + 1
	}
	root.tail = i + 1
	if !root.queued {
		root.queued = true
		p.parts = append(p.parts, r)
	}
}

// alone runs node i by itself.
func (p *pass) alone(i int32) {
	n := p.nodes[i].n
	p.poll(n.t.n)
	if g := p.whole(i); g != nil {
		n.op.back(p, n, g)
	}
	p.recycle(i)
	for _, in := range p.nodes[i].in {
		if in != 0 {
			p.less(in - 1)
		}
	}
	for k := 2; k < n.inputs(); k++ {
		if in := n.input(k); in != nil && in.node != nil {
			p.less(in.node.at)
		}
	}
}

// less notes that node i waits for one result less.
func (p *pass) less(i int32) {
	v := &p.nodes[i]
	if v.waiting--; v.waiting == 0 {
		p.now(i)
	}
}

// poll has the pass end early if it is to, after so many elements more.
func (p *pass) poll(n int) {
	if p.work += n; p.work >= sharedLen && p.err == nil {
		p.work, p.err = 0, ended("backward", p.ctx)
	}
}

// whole is the gradient of node i, nil if none arrived.
func (p *pass) whole(i int32) []float32 {
	v := &p.nodes[i]
	if v.src != 0 && v.g == nil {
		p.flush(i)
	}
	return p.nodes[i].g
}

// flush puts the sources of node i into a buffer.
func (p *pass) flush(i int32) {
	v := &p.nodes[i]
	g := p.zeros(v)
	if g == nil {
		return
	}
	for k := v.src; k != 0; k = p.sources[k-1].next {
		s := &p.sources[k-1]
		s.seg.each(0, v.n.t.n, func(k, from, to int) { put(g[from:to], s.v[k], false) })
	}
	v.g, v.src = g, 0
}

// source notes that the gradient of n's input is the same for all elements of
// a segment. It reports false where that must be added at once.
func (p *pass) source(n *node, seg *segments, g []float32, even func(g float32, n int) float32) bool {
	in := n.in[0]
	if in.node == nil || !in.node.tiled || p.alloc.atOnce() {
		return false
	}
	v := &p.nodes[in.node.at]
	if v.g != nil || in.n == 0 {
		return false
	}
	if len(p.room) < len(g) {
		p.room = make([]float32, max(256, len(g)))
	}
	vals := p.room[:len(g):len(g)]
	p.room = p.room[len(g):]
	for k := range vals {
		if m := seg.at(k+1) - seg.at(k); m > 0 && g[k] != 0 {
			vals[k] = 0 + even(g[k], m) // never −0, as a sum is not
		}
	}
	p.sources = append(p.sources, source{seg: seg, v: vals})
	last := &v.src
	for *last != 0 {
		last = &p.sources[*last-1].next
	}
	*last = int32(len(p.sources))
	return true
}

// grad is the buffer that t's gradient is added to, or nil when t needs none.
func (p *pass) grad(t *Tensor) []float32 {
	if t == nil {
		return nil
	}
	g, _ := p.part(t, 0, t.n, false)
	return g
}

// part is positions lo to hi of the gradient of t, or nil when t needs none.
// Where it is fresh they hold anything, and the caller, who said that it
// overwrites them, has to.
func (p *pass) part(t *Tensor, lo, hi int, overwrites bool) (g []float32, fresh bool) {
	switch {
	case p.err != nil:
		return nil, false
	case t.leaf != nil:
		p.touch(t, lo, hi)
		l := t.leaf
		if l.acc == nil {
			acc, err := t.st.alloc.blank("backward", t.shape, t.n)
			if err != nil {
				p.err = err
				return nil, false
			}
			l.acc = acc
			p.leafs = append(p.leafs, t)
		}
		fresh = l.reach(lo, hi, overwrites)
		return l.acc.st.cur.data[lo:hi], fresh
	case t.node != nil:
		p.touch(t, lo, hi)
		i := t.node.at
		if v := &p.nodes[i]; v.g == nil {
			if v.src != 0 {
				p.flush(i)
			} else {
				v.g = p.zeros(v)
			}
		}
		if g = p.nodes[i].g; g != nil {
			g = g[lo:hi]
		}
	}
	return g, false
}

// values is t's elements, nil after an error.
func (p *pass) values(t *Tensor) []float32 {
	x, err := t.values("backward")
	if err != nil {
		p.err = err
	}
	return x
}

// zeros is a buffer for the gradient of v, nil after an error.
func (p *pass) zeros(v *visited) []float32 {
	if v.n.t.n == 1 {
		v.one[0] = 0
		return v.one[:]
	}
	return p.take(v.n.t.n)
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
func (p *pass) recycle(i int32) {
	v := &p.nodes[i]
	if len(v.g) != 1 && v.g != nil {
		k := bits.Len(uint(max(cap(v.g), 1) - 1))
		p.pool[k] = append(p.pool[k], buffer{v.g, p.run})
		p.held += weight(v.g)
	}
	v.g = nil
}

// discard forgets the gradients of the pass.
func (p *pass) discard() {
	for _, x := range p.leafs {
		x.leaf.leafPass = leafPass{}
	}
}
