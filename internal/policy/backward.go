package policy

import (
	"math"

	"github.com/hudrl/hudrl/internal/kernel"
)

// trainBuffers are a lane's part that only training uses.
type trainBuffers struct {
	seqs  []trainSeq
	rowOf []int32 // [positions of the chunk] the row of each position
	score []score // the needed positions, ordered by active row

	lse  []float32 // [A] log Σ exp of each row of logits
	coef []float32 // [positions of the chunk] dC/dlogprob

	dkv, gains             []float32
	dx, dy, dqkv, datt, dq []float32
	dhidden, dh, dxAct     []float32
	slot                   []int32 // [R] index into active, −1 without
	last                   []int32 // [A] where the row's scores end
}

// score is one wanted logprob.
type score struct {
	at     int32 // position in the chunk
	target int32
}

// backward adds the gradient of Σ coef·logprob to grad, after forward with
// keep and the same rows.
func (w *lane) backward(m *Model, grad []float32) {
	c, t := m.Config, &w.train
	layers, norm, head, embed := c.views(grad)
	rows, act, d, width, f := len(w.tokens), len(w.active), c.Dim, c.qkvWidth(), c.FFN
	roped := width - c.KVHeads*c.HeadDim()
	scale := float32(1 / math.Sqrt(float64(c.HeadDim())))

	dh := grow(&t.dh, act*d)
	w.headBack(m, dh, head)
	dx := grow(&t.dx, act*d) // gradient of the residual stream
	clear(dx)
	w.normBack(d, dx, norm, dh, w.xf, m.norm, w.invf)

	for l := c.Layers - 1; l >= 0; l-- {
		a, g := &w.layers[l], &layers[l]
		lw := m.layer(l)
		n := rows
		if l == c.Layers-1 {
			n = act
		}

		// What forward did not keep of the feed-forward's inputs.
		hidden, h := grow(&w.hidden, n*f), grow(&w.h, n*d)
		byRows(n, 2*f, func(lo, hi int) { silu(f, hidden, a.gateUp, lo, hi) })
		m.norms(n, h, a.x1, lw.norm2, a.inv2)

		dhidden := grow(&t.dhidden, n*f)
		lw.down.back(n, dx, dhidden)
		lw.down.gradient(n, dx, hidden, g.down)
		dgu := a.gateUp // nobody needs the values any more
		byRows(n, 4*f, func(lo, hi int) {
			for r := lo; r < hi; r++ {
				gu := dgu[r*2*f:][:2*f]
				kernel.SiluMulBackTo(gu[:f], gu[f:], dhidden[r*f:(r+1)*f], gu[:f], gu[f:])
			}
		})
		dy := grow(&t.dy, n*d)
		lw.gateUp.back(n, dgu, dy)
		lw.gateUp.gradient(n, dgu, h, g.gateUp)
		w.normBack(d, dx, g.norm2, dy, a.x1, lw.norm2, a.inv2)

		datt := grow(&t.datt, n*d)
		lw.o.back(n, dx, datt)
		lw.o.gradient(n, dx, a.att, g.o)

		dqkv := grow(&t.dqkv, rows*width)
		byRows(rows, width, func(lo, hi int) { clear(dqkv[lo*width : hi*width]) })
		if n == rows {
			w.attendBack(m, a, a.qkv, width, datt, dqkv, dqkv)
		} else {
			dq := grow(&t.dq, n*d)
			w.attendBack(m, a, a.q, d, datt, dq, dqkv)
			for i, r := range w.active {
				copy(dqkv[int(r)*width:][:d], dq[i*d:])
			}
		}
		byRows(rows, width, func(lo, hi int) {
			for r := lo; r < hi; r++ {
				row := dqkv[r*width:][:roped]
				kernel.Scale(scale, row[:d])
				m.rope.unrotate(row, int(w.pos[r]))
			}
		})
		h = grow(&w.h, rows*d)
		m.norms(rows, h, a.x0, lw.norm1, a.inv1)
		dy = grow(&t.dy, rows*d)
		lw.qkv.back(rows, dqkv, dy)
		lw.qkv.gradient(rows, dqkv, h, g.qkv)
		if n != rows {
			dx = w.spread(dx, rows, d)
		}
		w.normBack(d, dx, g.norm1, dy, a.x0, lw.norm1, a.inv1)
	}
	byColumns(d, rows, func(lo, hi int) {
		for r, id := range w.tokens {
			kernel.Axpy(1, dx[r*d:][lo:hi], embed[int(id)*d:][lo:hi])
		}
	})
}

// normBack adds the gradients of n rows h = RMSNorm(x)·gain to dx and dgain.
// The gain's is summed in pieces of a fixed number of rows.
func (w *lane) normBack(d int, dx, dgain, dh, x, gain, inv []float32) {
	const piece = 64
	n := len(dx) / d
	parts := (n + piece - 1) / piece
	gains := grow(&w.train.gains, parts*d)
	clear(gains)
	byRows(parts, piece*4*d, func(first, last int) {
		for p := first; p < last; p++ {
			for r := p * piece; r < min((p+1)*piece, n); r++ {
				at := r * d
				kernel.RMSNormBack(dx[at:at+d], gains[p*d:(p+1)*d], dh[at:at+d], x[at:at+d], gain, inv[r])
			}
		}
	})
	for p := range parts {
		kernel.Axpy(1, gains[p*d:(p+1)*d], dgain)
	}
}

// spread places the rows of the active gradient among all rows, zero elsewhere.
func (w *lane) spread(dx []float32, rows, d int) []float32 {
	act := grow(&w.train.dxAct, len(dx))
	copy(act, dx)
	dx = grow(&w.train.dx, rows*d)
	clear(dx)
	for i, r := range w.active {
		copy(dx[int(r)*d:][:d], act[i*d:])
	}
	return dx
}

// headBack computes the gradient dh of the last hidden states and adds that of
// the output matrix:
// dlogits = Σ coef·(onehot(target) − softmax(logits)).
func (w *lane) headBack(m *Model, dh, dhead []float32) {
	t, out := &w.train, m.output()
	d, v := out.in, out.out
	block := w.headBlock(m.Config)
	for lo := 0; lo < len(w.active); lo += block {
		hi := min(lo+block, len(w.active))
		logits := w.logits
		if block < len(w.active) {
			logits = w.rowLogits(m, lo, hi)
		}
		byRows(hi-lo, 4*v, func(from, to int) {
			for r := lo + from; r < lo+to; r++ {
				row := logits[(r-lo)*v:][:v]
				kernel.ExpSumTo(row, row, t.lse[r])
				var sum float32
				for _, s := range t.scores(r) {
					sum += t.coef[s.at]
				}
				kernel.Scale(-sum, row)
				for _, s := range t.scores(r) {
					row[s.target] += t.coef[s.at]
				}
			}
		})
		out.back(hi-lo, logits, dh[lo*d:])
		out.gradient(hi-lo, logits, w.hf[lo*d:], dhead)
	}
}
