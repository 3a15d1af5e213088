package tensor

import (
	"slices"

	"github.com/hudrl/hudrl/internal/kernel"
)

// joined is what an operation on any number of inputs has beside the first two.
type joined struct {
	rest []*Tensor
	dims [3]int      // of the result of cat
	d    [][]float32 // the derivatives of fused
}

var catOp = &opDef{name: "cat"}

func init() {
	catOp.back = func(p *pass, n *node, g []float32) {
		dims := n.aux.(*joined).dims
		outer, total, inner := dims[0], dims[1], dims[2]
		from := 0
		for i := range n.inputs() {
			x := n.input(i)
			if x == nil {
				continue
			}
			length := x.n / max(1, outer*inner)
			if into := p.grad(x); into != nil {
				for o := range outer {
					at := (o*total + from) * inner
					axpy(into[o*length*inner:(o+1)*length*inner], g[at:at+length*inner])
				}
			}
			from += length
		}
	}
}

// Cat joins tensors along a dimension; their other sizes agree.
func Cat(parts []*Tensor, dim int) *Tensor {
	if len(parts) == 0 {
		return failf("cat", "got no tensors")
	}
	for _, x := range parts {
		if f, ok := ok1(x); !ok {
			return f
		}
	}
	first := parts[0]
	d, err := axis("cat", first.shape, dim)
	if err != nil {
		return failure(err)
	}
	shape := slices.Clone(first.shape)
	var alloc *Allocator
	grad := false
	shape[d] = 0
	for i, x := range parts {
		if len(x.shape) != len(shape) {
			return failf("cat", "tensor %d has shape %s, want %d dimensions as the first has", i+1, shapeString(x.shape), len(shape))
		}
		for e := range shape {
			if e != d && x.shape[e] != shape[e] {
				return failf("cat", "tensor %d has shape %s, which differs from the first's %s outside the joined dimension",
					i+1, shapeString(x.shape), shapeString(first.shape))
			}
		}
		shape[d] += x.shape[d]
		if alloc == nil {
			alloc = x.st.alloc
		}
		grad = grad || x.RequiresGrad()
	}
	n, err := product("cat", shape)
	if err != nil {
		return failure(err)
	}
	out, nd, err := alloc.many(catOp, shape, n, grad)
	if err != nil {
		return failure(err)
	}
	outer, total, inner := split(shape, d)
	from := 0
	for _, x := range parts {
		src, err := x.values("cat")
		if err != nil {
			return failure(err)
		}
		length := x.shape[d]
		for o := range outer {
			copy(out.st.cur.data[(o*total+from)*inner:], src[o*length*inner:(o+1)*length*inner])
		}
		from += length
	}
	if nd != nil {
		j := &joined{dims: [3]int{outer, total, inner}}
		nd.in[0], nd.aux = first, j
		if len(parts) > 1 {
			nd.in[1], j.rest = parts[1], slices.Clone(parts[2:])
		}
	}
	return out
}

// many is a tensor of zeros for the result of an operation on any number of
// inputs, which the caller notes in the node where there is one.
func (a *Allocator) many(op *opDef, shape []int, n int, grad bool) (*Tensor, *node, error) {
	if !grad {
		t, err := a.make(op.name, shape, n)
		return t, nil, err
	}
	o := a.newNode()
	o.op, o.t.layout, o.t.node = op, packed(shape, n), o
	return &o.t, o, a.fill(op.name, &o.t, &small{}, n)
}

// Stack joins tensors of one shape along a new dimension.
func Stack(parts []*Tensor, dim int) *Tensor {
	if len(parts) == 0 {
		return failf("stack", "got no tensors")
	}
	up := make([]*Tensor, len(parts))
	for i, x := range parts {
		if f, ok := ok1(x); !ok {
			return f
		}
		if !slices.Equal(x.shape, parts[0].shape) {
			return failf("stack", "tensor %d has shape %s, want %s as the first has", i+1, shapeString(x.shape), shapeString(parts[0].shape))
		}
		if dim < -len(x.shape)-1 || dim > len(x.shape) {
			return failf("stack", "dimension %d out of range for shape %s with one more", dim, shapeString(x.shape))
		}
		up[i] = x.Unsqueeze(dim)
	}
	return Cat(up, dim)
}

var fusedOp = &opDef{name: "fused"}

func init() {
	fusedOp.back = func(p *pass, n *node, g []float32) {
		for i, d := range n.aux.(*joined).d {
			x := n.input(i)
			if x == nil || g[0] == 1 && p.adopt(n, x, d) {
				continue
			}
			switch into, fresh := p.part(x, 0, x.n, true); {
			case into == nil:
			case fresh && g[0] == 0: // whatever d holds
				clear(into)
			case fresh:
				kernel.MulTo(into, d, g[:1])
			case g[0] != 0:
				kernel.Axpy(g[0], d, into)
			}
		}
	}
}

// Fused is a scalar that somebody else computed, together with its derivative
// with respect to each element of each input: how a loss written as one loop
// joins a graph. grads[i] is as long as inputs[i] and is kept, not copied: it
// may become the gradient of a leaf. It is nil when input i needs no gradient.
func Fused(op string, value float64, inputs []*Tensor, grads [][]float32) *Tensor {
	if len(inputs) == 0 || len(grads) != len(inputs) {
		return failf(op, "got %d gradients for %d inputs", len(grads), len(inputs))
	}
	grad := false
	for i, x := range inputs {
		if f, ok := ok1(x); !ok {
			return f
		}
		if grads[i] != nil && len(grads[i]) != x.n {
			return failf(op, "gradient %d has %d elements, want %d", i+1, len(grads[i]), x.n)
		}
		grad = grad || grads[i] != nil && x.RequiresGrad()
	}
	out, nd, err := inputs[0].st.alloc.many(fusedOp, nil, 1, grad)
	if err != nil {
		return failure(err)
	}
	out.st.cur.data[0] = float32(value)
	if nd != nil {
		j := &joined{d: grads}
		nd.aux = j
		put := func(i int, x *Tensor) {
			if grads[i] == nil {
				x = nil
			}
			if i < 2 {
				nd.in[i] = x
			} else {
				j.rest = append(j.rest, x)
			}
		}
		for i, x := range inputs {
			put(i, x)
		}
		nd.keep(0)
	}
	return out
}

// adopt makes d, which the fused n kept, the gradient of the leaf x, where that
// is all of it so far and n is not run again. It reports whether it did.
func (p *pass) adopt(n *node, x *Tensor, d []float32) bool {
	l := x.leaf
	if p.retain || p.err != nil || l == nil || l.acc != nil || x.n <= slabItem {
		return false
	}
	if err := x.st.alloc.count("backward", d); err != nil {
		p.err = err
		return false
	}
	l.acc = x.st.alloc.holding(x.shape, d)
	l.reach(0, x.n, true)
	p.leafs, p.adopted = append(p.leafs, x), append(p.adopted, n)
	return true
}
