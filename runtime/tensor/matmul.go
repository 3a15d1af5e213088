package tensor

import (
	"context"
	"slices"

	"github.com/hudrl/hudrl/internal/kernel"
)

var matmulOp = &opDef{name: "matmul", reads: [2]uint8{readsB, readsA}}

func init() {
	matmulOp.back = func(p *pass, n *node, g []float32) {
		m, in, out := n.in[0].shape[len(n.in[0].shape)-2], n.in[0].shape[len(n.in[0].shape)-1], n.in[1].shape[len(n.in[1].shape)-1]
		batch := n.aux.([]int)
		ga, gb := p.grad(n.in[0]), p.grad(n.in[1])
		var a, b []float32
		if ga != nil {
			b = p.values(n.in[1])
		}
		if gb != nil {
			a = p.values(n.in[0])
		}
		if p.err != nil {
			return
		}
		products(batch, n.in[0].shape, n.in[1].shape, func(at, pa, pb int) {
			g := g[at*m*out : (at+1)*m*out]
			if ga != nil {
				gemm(p.ctx, kernel.NT, m, in, out, g, out, b[pb*in*out:], out, ga[pa*m*in:], in, true)
			}
			if gb != nil {
				gemm(p.ctx, kernel.TN, in, out, m, a[pa*m*in:], in, g, out, gb[pb*in*out:], out, true)
			}
		})
		p.err = ended("backward", p.ctx)
	}
}

// pieceLen is how many multiplications are made between two looks at a context:
// some milliseconds.
const pieceLen = 1 << 27

// gemm is kernel.Gemm, bit for bit, in pieces of which none begins once ctx, if
// there is one, is done.
func gemm(ctx context.Context, l kernel.Layout, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, accumulate bool) {
	if ctx == nil || m <= pieceLen/max(k, 1)/max(n, 1) {
		kernel.Gemm(l, m, n, k, a, lda, b, ldb, c, ldc, accumulate)
		return
	}
	const width = 512 // what the kernel packs at once
	rows := 256
	cols := max(1, pieceLen/rows/k/width) * width
	for j := 0; j < n; j += cols {
		for i := 0; i < m; i += rows {
			if ctx.Err() != nil {
				return
			}
			atA, atB := i*lda, j
			if l == kernel.TN {
				atA = i
			}
			if l == kernel.NT {
				atB = j * ldb
			}
			kernel.Gemm(l, min(rows, m-i), min(cols, n-j), k, a[atA:], lda, b[atB:], ldb, c[i*ldc+j:], ldc, accumulate)
		}
	}
}

// longProduct is how many multiplications take about a millisecond.
const longProduct = 1 << 25

// products calls f for each matrix product of a batch, with the number of the
// result's matrix and of each operand's.
func products(batch, a, b []int, f func(at, pa, pb int)) {
	at := 0
	runs(batch, a[:len(a)-2], b[:len(b)-2], func(r run) {
		for i := range r.n {
			f(at, r.a+i*r.sa, r.b+i*r.sb)
			at++
		}
	})
}

// MatMul is the matrix product [… m k]·[… k n] → [… m n]; leading dimensions
// broadcast. A vector on the left is a row, on the right a column, and that
// dimension goes; of two vectors it is the scalar product.
func (t *Tensor) MatMul(u *Tensor) *Tensor {
	if f, ok := ok2(t, u); !ok {
		return f
	}
	if len(t.shape) == 0 || len(u.shape) == 0 {
		return failf("matmul", "got shapes %s and %s, want at least one dimension each", shapeString(t.shape), shapeString(u.shape))
	}
	a, b := t, u
	if len(a.shape) == 1 {
		a = a.Unsqueeze(0)
	}
	if len(b.shape) == 1 {
		b = b.Unsqueeze(1)
	}
	ra, rb := len(a.shape), len(b.shape)
	m, k, n := a.shape[ra-2], a.shape[ra-1], b.shape[rb-1]
	if b.shape[rb-2] != k {
		e := errorf("matmul", "inner sizes differ: %s x %s", shapeString(t.shape), shapeString(u.shape))
		if len(u.shape) == 2 && u.shape[1] == k {
			e.Hint = "transpose the second with :t()"
		}
		return failure(e)
	}
	batch, err := broadcast("matmul", a.shape[:ra-2], b.shape[:rb-2])
	if err != nil {
		return failure(err)
	}
	shape := append(slices.Clone(batch), m, n)
	size, err := product("matmul", shape)
	if err != nil {
		return failure(err)
	}
	out, nd, err := alloc2(a, b).outcome(matmulOp, shape, size, a, b)
	if err != nil {
		return failure(err)
	}
	if size > 0 && k > 0 {
		x, err := a.values("matmul")
		if err != nil {
			return failure(err)
		}
		y, err := b.values("matmul")
		if err != nil {
			return failure(err)
		}
		dst, ctx := out.st.cur.data, out.st.alloc.began()
		err = out.st.alloc.lend("matmul", size > longProduct/k, func() {
			products(batch, a.shape, b.shape, func(at, pa, pb int) {
				gemm(ctx, kernel.NN, m, n, k, x[pa*m*k:], k, y[pb*k*n:], n, dst[at*m*n:], n, false)
			})
		}, a.st.cur, b.st.cur)
		if err == nil {
			err = ended("matmul", ctx)
		}
		if err != nil {
			return failure(err)
		}
	}
	if nd != nil {
		nd.aux = slices.Clone(batch)
	}
	if len(t.shape) == 1 {
		out = out.Select(len(out.shape)-2, 0)
	}
	if len(u.shape) == 1 {
		out = out.Select(len(out.shape)-1, 0)
	}
	return out
}
