package policy

import (
	"math"
	"sync"

	"github.com/hudrl/hudrl/internal/kernel"
)

// A lane is the memory of one chunk in work. A chunk is a list of rows, one
// per token that has to be run; buffers grow to the largest chunk seen and are
// used again. Where one lane works alone, the cores share its products and
// passes over rows.
type lane struct {
	tokens []int32 // [R] the row's token
	pos    []int32 // [R] and its position in the sequence

	// active lists the rows, ascending, whose last hidden state is wanted. The
	// last layer runs queries and the feed-forward on these alone.
	active    []int32
	activePos []int32 // their positions

	layers []activations
	xf, hf []float32 // [A, Dim] input and output of the last norm
	invf   []float32 // [A] what the last norm divided by

	h, hidden []float32 // [R, Dim], [R, FFN] inputs of the product under way
	logits    []float32 // [A, Vocab], or headRows of them

	train trainBuffers
}

// activations are what one layer's backward pass needs and cannot cheaply
// compute again. Rq is R, and the number of active rows in the last layer.
type activations struct {
	x0, qkv []float32 // [R, Dim], [R, qkvWidth] queries pre-scaled
	inv1    []float32 // [R]
	q       []float32 // [Rq, Dim] gathered queries, in the last layer when it runs on fewer rows
	prob    []float32 // attention weights, see attend
	att, x1 []float32 // [Rq, Dim]
	inv2    []float32 // [Rq]
	gateUp  []float32 // [Rq, 2·FFN]
}

var lanePool = sync.Pool{New: func() any { return new(lane) }}

func grow(p *[]float32, n int) []float32 {
	if cap(*p) < n {
		*p = make([]float32, n+n/8)
	}
	*p = (*p)[:n]
	return *p
}

// attention fills a.att[Rq, Dim] of a layer from q[Rq, ·] with row stride ldq
// and the keys and values in a.qkv[R, qkvWidth].
type attention func(layer int, a *activations, q []float32, ldq int)

// forward runs all rows through the model and leaves the last hidden states of
// the active rows in hf. With keep every layer has its own activations, for
// backward; without, they share one set.
func (w *lane) forward(m *Model, keep bool, attend attention) {
	c := m.Config
	n, d, width, f := len(w.tokens), c.Dim, c.qkvWidth(), c.FFN
	sets := 1
	if keep {
		sets = c.Layers
	}
	for len(w.layers) < sets {
		w.layers = append(w.layers, activations{})
	}
	roped := width - c.KVHeads*c.HeadDim()
	scale := float32(1 / math.Sqrt(float64(c.HeadDim())))

	x := grow(&w.layers[0].x0, n*d)
	for r, id := range w.tokens {
		copy(x[r*d:(r+1)*d], m.Params[int(id)*d:])
	}
	for l := range c.Layers {
		a := &w.layers[min(l, sets-1)]
		lw := m.layer(l)
		x0, h := a.x0, grow(&w.h, n*d)
		inv1 := grow(&a.inv1, n)
		m.norms(n, h, x0, lw.norm1, inv1)
		qkv := grow(&a.qkv, n*width)
		lw.qkv.apply(n, h, qkv, false)
		byRows(n, width, func(lo, hi int) {
			for r := lo; r < hi; r++ {
				row := qkv[r*width:][:roped]
				m.rope.rotate(row, int(w.pos[r]))
				kernel.Scale(scale, row[:d])
			}
		})

		q, ldq, rows := qkv, width, n
		if l == c.Layers-1 {
			rows = len(w.active)
		}
		x1 := grow(&a.x1, rows*d)
		if rows == n {
			copy(x1, x0)
		} else {
			q, ldq = grow(&a.q, rows*d), d
			for i, r := range w.active {
				copy(q[i*d:(i+1)*d], qkv[int(r)*width:])
				copy(x1[i*d:(i+1)*d], x0[int(r)*d:])
			}
		}
		grow(&a.att, rows*d)
		attend(l, a, q, ldq)
		lw.o.apply(rows, a.att, x1, true)

		h = h[:rows*d]
		inv2 := grow(&a.inv2, rows)
		m.norms(rows, h, x1, lw.norm2, inv2)
		gateUp, hidden := grow(&a.gateUp, rows*2*f), grow(&w.hidden, rows*f)
		lw.gateUp.apply(rows, h, gateUp, false)
		next := &w.xf
		if l < c.Layers-1 {
			next = &w.layers[min(l+1, sets-1)].x0
		}
		x2 := grow(next, rows*d)
		byRows(rows, 2*f, func(lo, hi int) {
			silu(f, hidden, gateUp, lo, hi)
			copy(x2[lo*d:hi*d], x1[lo*d:hi*d])
		})
		lw.down.apply(rows, hidden, x2, true)
	}
	act := len(w.active)
	m.norms(act, grow(&w.hf, act*d), w.xf, m.norm, grow(&w.invf, act))
}

// norms is h = RMSNorm(x)·gain for n rows, and what each was multiplied by.
func (m *Model) norms(n int, h, x, gain, inv []float32) {
	d, eps := m.Config.Dim, float32(m.Config.NormEps)
	byRows(n, 2*d, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			inv[r] = kernel.RMSNormTo(h[r*d:(r+1)*d], x[r*d:(r+1)*d], gain, eps)
		}
	})
}

// silu computes the rows lo to hi of hidden from gateUp.
func silu(f int, hidden, gateUp []float32, lo, hi int) {
	for r := lo; r < hi; r++ {
		row := gateUp[r*2*f:][:2*f]
		kernel.SiluMulTo(hidden[r*f:(r+1)*f], row[:f], row[f:])
	}
}
