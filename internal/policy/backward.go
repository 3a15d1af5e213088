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

	kv, dkv, dprob              []float32
	dx, dy, dqkv, datt, dq      []float32
	dhidden, dgateUp, dh, dxAct []float32
	slot                        []int32 // [R] index into active, −1 without
	first                       []int32 // [A] where the row's scores begin
}

// score is one wanted logprob.
type score struct {
	row    int32 // index into active
	at     int32 // position in the chunk
	target int32
}

// backward adds the gradient of Σ coef·logprob to grad, after forward with
// keep and the same rows.
func (w *lane) backward(m *Model, grad []float32) {
	c, t := m.Config, &w.train
	layers, norm, head, embed := c.views(grad)
	panels := m.backwardPanels()
	rows, act, d, width, f := len(w.tokens), len(w.active), c.Dim, c.qkvWidth(), c.FFN
	roped := width - c.KVHeads*c.HeadDim()
	scale := float32(1 / math.Sqrt(float64(c.HeadDim())))

	dh := grow(&t.dh, act*d)
	w.headBack(m, dh, head)
	dx := grow(&t.dx, act*d) // gradient of the residual stream
	clear(dx)
	for r := range act {
		at := r * d
		kernel.RMSNormBack(dx[at:at+d], norm, dh[at:at+d], w.xf[at:at+d], m.norm, w.invf[r])
	}

	for l := c.Layers - 1; l >= 0; l-- {
		a, p, lw, g := &w.layers[l], &panels[l], &m.layers[l], &layers[l]
		n := rows
		if l == c.Layers-1 {
			n = act
		}

		dhidden, dgu := grow(&t.dhidden, n*f), grow(&t.dgateUp, n*2*f)
		kernel.GemmPanel(n, dx, d, &p.down, dhidden, f, false)
		kernel.Gemm(kernel.TN, d, f, n, dx, d, a.hidden, f, g.down, f, true)
		for r := range n {
			gu, dr := a.gateUp[r*2*f:][:2*f], dgu[r*2*f:][:2*f]
			kernel.SiluMulBackTo(dr[:f], dr[f:], dhidden[r*f:(r+1)*f], gu[:f], gu[f:])
		}
		dy := grow(&t.dy, n*d)
		kernel.GemmPanel(n, dgu, 2*f, &p.gateUp, dy, d, false)
		kernel.Gemm(kernel.TN, 2*f, d, n, dgu, 2*f, a.h2, d, g.gateUp, d, true)
		for r := range n {
			at := r * d
			kernel.RMSNormBack(dx[at:at+d], g.norm2, dy[at:at+d], a.x1[at:at+d], lw.norm2, a.inv2[r])
		}

		datt := grow(&t.datt, n*d)
		kernel.GemmPanel(n, dx, d, &p.o, datt, d, false)
		kernel.Gemm(kernel.TN, d, d, n, dx, d, a.att, d, g.o, d, true)

		dqkv := grow(&t.dqkv, rows*width)
		clear(dqkv)
		if n == rows {
			w.attendBack(m, a, a.qkv, width, datt, dqkv, dqkv)
		} else {
			dq := grow(&t.dq, n*d)
			w.attendBack(m, a, a.q, d, datt, dq, dqkv)
			for i, r := range w.active {
				copy(dqkv[int(r)*width:][:d], dq[i*d:])
			}
		}
		for r, pos := range w.pos {
			row := dqkv[r*width:][:roped]
			kernel.Scale(scale, row[:d])
			m.rope.unrotate(row, int(pos))
		}
		dy = grow(&t.dy, rows*d)
		kernel.GemmPanel(rows, dqkv, width, &p.qkv, dy, d, false)
		kernel.Gemm(kernel.TN, width, d, rows, dqkv, width, a.h1, d, g.qkv, d, true)
		if n != rows {
			dx = w.spread(dx, rows, d)
		}
		for r := range rows {
			at := r * d
			kernel.RMSNormBack(dx[at:at+d], g.norm1, dy[at:at+d], a.x0[at:at+d], lw.norm1, a.inv1[r])
		}
	}
	for r, id := range w.tokens {
		kernel.Axpy(1, dx[r*d:(r+1)*d], embed[int(id)*d:][:d])
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
// the output matrix, a block of rows at a time:
// dlogits = Σ coef·(onehot(target) − softmax(logits)).
func (w *lane) headBack(m *Model, dh, dhead []float32) {
	c, t := m.Config, &w.train
	d, v := c.Dim, c.Vocab
	score := t.score
	for lo := 0; lo < len(w.active); lo += headRows {
		hi := min(lo+headRows, len(w.active))
		logits := grow(&w.logits, (hi-lo)*v)
		w.head(m, lo, hi, logits)
		for r := lo; r < hi; r++ {
			row := logits[(r-lo)*v:][:v]
			kernel.ExpSumTo(row, row, t.lse[r])
			var sum float32
			n := 0
			for n < len(score) && int(score[n].row) == r {
				sum += t.coef[score[n].at]
				n++
			}
			kernel.Scale(-sum, row)
			for _, s := range score[:n] {
				row[s.target] += t.coef[s.at]
			}
			score = score[n:]
		}
		kernel.GemmPanel(hi-lo, logits, v, &m.headBackward, dh[lo*d:], d, false)
		kernel.Gemm(kernel.TN, v, d, hi-lo, logits, v, w.hf[lo*d:], d, dhead, d, true)
	}
}
