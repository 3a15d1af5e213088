package tensor

import (
	"context"

	"github.com/hudrl/hudrl/internal/kernel"
)

// A scanOp maps a stretch of elements to as many.
type scanOp struct {
	opDef
	f func(dst, x []float32)
	// d adds the gradient of a stretch to into.
	d func(into, y, g []float32)
}

func scan(name string, reads uint8, f func(dst, x []float32), d func(into, y, g []float32)) *scanOp {
	op := &scanOp{f: f, d: d}
	op.name, op.reads[0] = name, reads
	op.back = func(p *pass, n *node, g []float32) {
		into := p.grad(n.in[0])
		if into == nil {
			return
		}
		dims := n.aux.([3]int)
		if dims[0]*dims[1]*dims[2] == 0 {
			return
		}
		y := g // a place holder where the result is not read
		if reads&readsY != 0 {
			y = p.values(&n.t)
		}
		strips(p.ctx, dims, func(at func(s []float32) []float32, put func(s, v []float32)) {
			d := make([]float32, dims[1])
			op.d(d, at(y), at(g))
			put(into, d)
		})
		if dims[0]*dims[1]*dims[2] >= patienceLen && p.err == nil {
			p.err = ended("backward", p.ctx)
		}
	}
	return op
}

// strips calls f for each stretch along the middle of [outer n inner], with a
// function that copies the stretch out of an array and one that adds to it, until
// ctx ends.
func strips(ctx context.Context, dims [3]int, f func(at func(s []float32) []float32, put func(s, v []float32))) {
	outer, n, inner := dims[0], dims[1], dims[2]
	wait := patience{ctx: ctx}
	for o := range outer {
		for i := range inner {
			if wait.ends(n) {
				return
			}
			base := o*n*inner + i
			f(func(s []float32) []float32 {
				if inner == 1 {
					return s[base : base+n]
				}
				out := make([]float32, n)
				for k := range out {
					out[k] = s[base+k*inner]
				}
				return out
			}, func(s, v []float32) {
				for k, x := range v {
					s[base+k*inner] += x
				}
			})
		}
	}
}

func (t *Tensor) scan(op *scanOp, dim int) *Tensor {
	if f, ok := ok1(t); !ok {
		return f
	}
	d, err := axis(op.name, t.shape, dim)
	if err != nil {
		return failure(err)
	}
	out, nd, err := t.st.alloc.outcome(&op.opDef, t.shape, t.n, t, nil)
	if err != nil {
		return failure(err)
	}
	var dims [3]int
	dims[0], dims[1], dims[2] = split(t.shape, d)
	x, err := t.values(op.name)
	if err != nil {
		return failure(err)
	}
	if t.n > 0 {
		buf := make([]float32, dims[1])
		ctx := t.st.alloc.began()
		strips(ctx, dims, func(at func(s []float32) []float32, put func(s, v []float32)) {
			op.f(buf, at(x))
			put(out.st.cur.data, buf)
		})
		if t.n >= patienceLen {
			if err := ended(op.name, ctx); err != nil {
				return failure(err)
			}
		}
	}
	if nd != nil {
		nd.aux = dims
	}
	return out
}

var (
	opSoftmax    = scan("softmax", readsY, kernel.SoftmaxTo, func(into, y, g []float32) { kernel.SoftmaxBack(into, g, y) })
	opLogSoftmax = scan("log_softmax", readsY, kernel.LogSoftmaxTo, func(into, y, g []float32) { kernel.LogSoftmaxBack(into, g, y) })
	opCumsum     = scan("cumsum", 0, func(dst, x []float32) {
		s := 0.0
		for i, v := range x {
			s += float64(v)
			dst[i] = float32(s)
		}
	}, func(into, _, g []float32) {
		s := 0.0
		for i := len(g) - 1; i >= 0; i-- {
			s += float64(g[i])
			into[i] = float32(s)
		}
	})
)

// Softmax is exp(t)/Σ exp(t) along a dimension.
func (t *Tensor) Softmax(dim int) *Tensor { return t.scan(opSoftmax, dim) }

// LogSoftmax is the logarithm of Softmax.
func (t *Tensor) LogSoftmax(dim int) *Tensor { return t.scan(opLogSoftmax, dim) }

// Cumsum is the running sum along a dimension.
func (t *Tensor) Cumsum(dim int) *Tensor { return t.scan(opCumsum, dim) }
