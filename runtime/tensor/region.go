package tensor

// together runs the nodes of a component that are ready, and those that become
// ready by it, tile by tile: gradients that only they need stay in registers.
func (p *pass) together(root int32) {
	r := &p.nodes[root]
	n, now := r.n.t.n, p.turns
	p.list = p.list[:0]
	for i := r.heads; i != 0; i = p.nodes[i-1].next {
		p.list = append(p.list, i-1)
	}
	r.heads, r.queued = 0, false
	number := p.list[0] + 1
	for _, i := range p.list {
		p.nodes[i].region = number
	}
	for k := 0; k < len(p.list); k++ {
		u := &p.nodes[p.list[k]]
		for k, in := range u.in {
			if in == 0 {
				continue
			}
			i := in - 1
			v := &p.nodes[i]
			v.waiting--
			switch {
			case v.waiting > 0:
			case !u.along[k]:
				p.now(i)
			case v.view && p.crosses(v.n):
				p.ready = append(p.ready, i)
				p.turns++
			default:
				v.region = number
				p.list = append(p.list, i)
			}
		}
	}
	if p.alloc.atOnce() {
		for _, i := range p.list {
			if g := p.whole(i); g != nil {
				u := p.nodes[i].n
				u.op.back(p, u, g)
			}
		}
	} else {
		p.tiled(n, now == p.turns)
		return
	}
	for _, i := range p.list {
		p.recycle(i)
	}
}

// along reports whether the gradient at a position of n's result goes to that
// position of m's, where n is tiled.
func (n *node) along(m *node) bool { return m.tiled && n.t.n == m.t.n && n.op != &opExpand.opDef }

// crosses reports whether the region has a view of v's base that is another
// part of it: what both add to must then be added one after the other.
func (p *pass) crosses(v *node) bool {
	for _, i := range p.list {
		if u := p.nodes[i].n; u.op == viewOp && u.in[0] == v.in[0] && u.t.off != v.t.off {
			return true
		}
	}
	return false
}

// tiled runs the region as a program: later, if it is last, which says that
// nothing else waits for it.
func (p *pass) tiled(n int, last bool) {
	p.poll(n * len(p.list))
	if p.prog == nil {
		p.prog = programs.Get().(*program)
	}
	b := p.prog
	b.begin(n)
	b.keeps = p.retain
	p.ends, p.line.own = emptied(p.ends), emptied(p.line.own)
	p.line.building = true
	for _, i := range p.list {
		if g := p.gradient(b, i, true); g != none {
			p.slopes(b, i, g)
		}
		if p.err != nil {
			break
		}
	}
	for i := range p.ends {
		f := &b.folds[p.ends[i].fold]
		f.out = b.results(f.seg.count())
	}
	if p.err == nil {
		p.err = b.complete("backward", nil, &p.line.recipes)
	}
	p.line.building = false
	switch {
	case p.err != nil:
	case last && p.waits(b):
		p.queue(b)
	default:
		p.join()
		b.ctx = p.ctx
		b.sweep()
		if p.err = ended("backward", p.ctx); p.err == nil {
			p.finish(b)
		}
		for _, i := range p.list {
			p.recycle(i)
		}
	}
}

// finish hands on what the region's program computed.
func (p *pass) finish(b *program) {
	b.keep()
	for _, e := range p.ends {
		into := p.grad(e.t)
		if into == nil {
			return
		}
		f := &b.folds[e.fold]
		for k, v := range f.out {
			if f.seg.at(k) < f.seg.at(k+1) {
				into[k] += float32(v)
			}
		}
	}
}

// gradient is the gradient of node i as a val of b, none if none arrived. Where
// it is complete it may be one value for all positions.
func (p *pass) gradient(b *program, i int32, complete bool) int32 {
	v := &p.nodes[i]
	switch {
	case v.val != none:
	case v.g != nil:
		p.touch(&v.n.t, 0, v.n.t.n)
		v.val = b.memory(v.g)
	case v.src != 0:
		s := &p.sources[v.src-1]
		if complete && s.next == 0 && s.seg.count() == 1 {
			v.val = b.one(s.v[0])
			break
		}
		v.val = b.register()
		b.vals[v.val].plain = true
		over := true
		for k := v.src; k != 0; k = s.next {
			s = &p.sources[k-1]
			in := b.step(doSegments)
			in.dst, in.extra, in.over = v.val, b.spread(s.v, s.seg), over
			over = false
		}
	}
	v.src = 0
	if op := v.n.op.elem; op != nil && op.long && complete && b.vals[v.val].kind == oneValue {
		s := b.step(doSegments)
		s.dst, s.extra, s.over = b.register(), b.spread([]float32{b.vals[v.val].one[0]}, whole(b.n)), true
		b.vals[s.dst].plain = true
		v.val = s.dst
	}
	return v.val
}

// into is where the gradient of t, as long as the region, is to be added.
func (p *pass) into(b *program, t *Tensor, number int32) int32 {
	if t.node == nil || p.nodes[t.node.at].region != number {
		return p.onto(b, t, 0)
	}
	i := t.node.at
	if g := p.gradient(b, i, false); g != none {
		return g
	}
	v := b.register()
	b.vals[v].fresh = true
	p.nodes[i].val = v
	return v
}

// contribute adds a step that adds gradient g, or that of operand k of op where
// there is one, to dst, or writes it there where it is the first to reach it.
func (b *program) contribute(op *elem, k int, dst, g int32) *instr {
	d := &b.vals[dst]
	over := d.fresh && (op == nil || op.first[k] != nil)
	if d.fresh && !over {
		b.step(doClear).dst = dst
	}
	d.plain = d.plain || d.fresh
	d.fresh = false
	do := doSlope
	if op == nil {
		do = doAdd
	}
	s := b.step(do)
	s.op, s.slope, s.dst, s.g, s.over = op, uint8(k), dst, g, over
	return s
}

// hand adds gradient g to t's, or makes it t's where it is the only one.
func (p *pass) hand(b *program, t *Tensor, number, g int32) {
	if t.node != nil {
		if v := &p.nodes[t.node.at]; v.region == number && v.uses == 1 && v.val == none && v.g == nil && v.src == 0 {
			v.val = g
			return
		}
	}
	if into := p.into(b, t, number); into != none {
		b.contribute(nil, 0, into, g)
	}
}

// slopes adds the gradients of node i's inputs, g being its result's.
func (p *pass) slopes(b *program, i, g int32) {
	n, number := p.nodes[i].n, p.nodes[i].region
	switch n.op {
	case viewOp:
		p.unview(b, n, number, g)
		return
	case copyOp:
		p.hand(b, n.in[0], number, g)
		return
	case &opExpand.opDef:
		p.ends = append(p.ends, ending{n.in[0], b.fold(g, opSum, n.aux.(*segments))})
		return
	}
	op := n.op.elem
	var reads uint8
	for k := range n.in {
		if n.in[k].RequiresGrad() {
			reads |= op.reads[k]
		}
	}
	var x, y, c, out int32
	if reads&readsA != 0 {
		x = p.value(b, n.in[0])
	}
	if reads&readsB != 0 {
		if n.in[1] == nil {
			y = b.one(n.k)
		} else {
			y = p.value(b, n.in[1])
		}
	}
	c = b.ref(n.mask())
	if reads&readsY != 0 {
		out = p.value(b, &n.t)
	}
	for k := range n.in {
		t := n.in[k]
		if !t.RequiresGrad() || p.err != nil {
			continue
		}
		dst := int32(none)
		switch {
		case t.n != n.t.n:
			dst = b.register()
			b.vals[dst].fresh = true
		case op.same[k]:
			p.hand(b, t, number, g)
		case op.role == times && k == 0 && p.product(b, n, k, g, y, number), op.role == times && k == 1 && p.product(b, n, k, g, x, number):
		default:
			dst = p.into(b, t, number)
		}
		if dst == none {
			continue
		}
		s := b.contribute(op, k, dst, g)
		s.a, s.b, s.c, s.y = x, y, c, out
		n.numbersTo(&s.p)
		if t.n != n.t.n {
			p.ends = append(p.ends, ending{t, b.fold(dst, opSum, whole(n.t.n))})
		}
	}
}

// product makes the first gradient that reaches operand k of a product of g and
// the other operand, x, where that is finite: then 0 times it is 0. It reports
// whether it did.
func (p *pass) product(b *program, n *node, k int, g, x, number int32) bool {
	t, other := n.in[k], n.in[1-k]
	if t.node == nil || p.nodes[t.node.at].region != number {
		return false
	}
	v := &p.nodes[t.node.at]
	if v.val != none || v.g != nil || v.src != 0 || !finite(other, n.k) {
		return false
	}
	v.val = b.register()
	s := b.step(doCompute)
	s.op, s.dst, s.a, s.b = n.op.elem, v.val, g, x
	return true
}

// finite reports whether no value of an operand, t or the number k, can be
// infinite or NaN, as far as that is quickly known.
func finite(t *Tensor, k float32) bool {
	if t == nil {
		return k-k == 0
	}
	c := t.st.cur
	switch {
	case c.late == nil:
		return t.n == 1 && c.data[t.off]-c.data[t.off] == 0
	case c.late.op.fold != nil:
		return false
	case c.late.op.truth:
		return true
	case c.late.seg != nil:
		r := c.late.in[0]
		for _, v := range r.c.data[r.x : r.x+c.late.seg.count()] {
			if v-v != 0 {
				return false
			}
		}
		return true
	case c.late.op.role == times:
		for _, r := range c.late.in {
			if r.c == nil || r.c.late == nil || r.c.late.op.fold != nil || !r.c.late.op.truth {
				return false
			}
		}
		return true
	}
	return false
}

// unview adds the gradient of a view to that of what it is a view of.
func (p *pass) unview(b *program, n *node, number, g int32) {
	base := n.in[0]
	if base.node != nil && base.n == n.t.n {
		p.hand(b, base, number, g)
		return
	}
	if into := p.onto(b, base, n.t.off-base.off); into != none {
		b.contribute(nil, 0, into, g)
	}
}

// onto is the part of t's gradient from position lo on that is as long as the
// region, to be added to.
func (p *pass) onto(b *program, t *Tensor, lo int) int32 {
	g, fresh := p.part(t, lo, lo+b.n, true)
	if g == nil {
		return none
	}
	v := b.memory(g)
	b.vals[v].fresh = b.vals[v].fresh || fresh
	return v
}

// value is the values of an operand or a result.
func (p *pass) value(b *program, t *Tensor) int32 {
	c := t.st.cur
	if c.late != nil && (c.late.n != t.n || !c.late.tiled()) {
		if err := t.st.settled("backward"); err != nil {
			p.err = err
			return none
		}
	}
	if t.n == 1 && b.n != 1 {
		return b.one(c.data[t.off])
	}
	return b.cell(c, t.off)
}
