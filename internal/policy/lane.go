package policy

import (
	"math"
	"sync"

	"github.com/hudrl/hudrl/internal/kernel"
)

// A lane is the memory of one chunk in work. A chunk is a list of rows, one
// per token that has to be run; buffers grow to the largest chunk seen and are
// used again.
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

	logits []float32 // [headRows, Vocab]

	scores []float32 // [rows, pages·pageTokens] of one head in attendHead

	train trainBuffers
}

// activations are what one layer's backward pass needs. Rq is R, and the
// number of active rows in the last layer.
type activations struct {
	x0, h1, qkv    []float32 // [R, Dim], [R, Dim], [R, qkvWidth] queries pre-scaled
	inv1           []float32 // [R]
	q              []float32 // [Rq, Dim] gathered queries, in the last layer when it runs on fewer rows
	prob           []float32 // attention weights, one block after another
	att, x1, h2    []float32 // [Rq, Dim]
	inv2           []float32 // [Rq]
	gateUp, hidden []float32 // [Rq, 2·FFN], [Rq, FFN]
}

// headRows is how many rows of logits exist at once.
const headRows = 64

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
	panels := m.forwardPanels()
	rows, d, width, f := len(w.tokens), c.Dim, c.qkvWidth(), c.FFN
	sets := 1
	if keep {
		sets = c.Layers
	}
	for len(w.layers) < sets {
		w.layers = append(w.layers, activations{})
	}
	roped := width - c.KVHeads*c.HeadDim()
	scale := float32(1 / math.Sqrt(float64(c.HeadDim())))
	eps := float32(c.NormEps)

	x := grow(&w.layers[0].x0, rows*d)
	for r, id := range w.tokens {
		copy(x[r*d:(r+1)*d], m.Params[int(id)*d:])
	}
	for l := range c.Layers {
		a, p, lw := &w.layers[min(l, sets-1)], &panels[l], &m.layers[l]
		x0 := a.x0
		h1, inv1 := grow(&a.h1, rows*d), grow(&a.inv1, rows)
		for r := range rows {
			inv1[r] = kernel.RMSNormTo(h1[r*d:(r+1)*d], x0[r*d:(r+1)*d], lw.norm1, eps)
		}
		qkv := grow(&a.qkv, rows*width)
		kernel.GemmPanel(rows, h1, d, &p.qkv, qkv, width, false)
		for r, pos := range w.pos {
			row := qkv[r*width:][:roped]
			m.rope.rotate(row, int(pos))
			kernel.Scale(scale, row[:d])
		}

		q, ldq, n := qkv, width, rows
		if l == c.Layers-1 {
			n = len(w.active)
		}
		x1 := grow(&a.x1, n*d)
		if n == rows {
			copy(x1, x0)
		} else {
			q, ldq = grow(&a.q, n*d), d
			for i, r := range w.active {
				copy(q[i*d:(i+1)*d], qkv[int(r)*width:])
				copy(x1[i*d:(i+1)*d], x0[int(r)*d:])
			}
		}
		grow(&a.att, n*d)
		attend(l, a, q, ldq)
		kernel.GemmPanel(n, a.att, d, &p.o, x1, d, true)

		h2, inv2 := grow(&a.h2, n*d), grow(&a.inv2, n)
		for r := range n {
			inv2[r] = kernel.RMSNormTo(h2[r*d:(r+1)*d], x1[r*d:(r+1)*d], lw.norm2, eps)
		}
		gateUp, hidden := grow(&a.gateUp, n*2*f), grow(&a.hidden, n*f)
		kernel.GemmPanel(n, h2, d, &p.gateUp, gateUp, 2*f, false)
		for r := range n {
			row := gateUp[r*2*f:][:2*f]
			kernel.SiluMulTo(hidden[r*f:(r+1)*f], row[:f], row[f:])
		}
		var next []float32
		switch {
		case l == c.Layers-1:
			next = grow(&w.xf, n*d)
		default:
			next = grow(&w.layers[min(l+1, sets-1)].x0, n*d)
		}
		copy(next, x1)
		kernel.GemmPanel(n, hidden, f, &p.down, next, d, true)
	}
	n := len(w.active)
	hf, invf := grow(&w.hf, n*d), grow(&w.invf, n)
	for r := range n {
		invf[r] = kernel.RMSNormTo(hf[r*d:(r+1)*d], w.xf[r*d:(r+1)*d], m.norm, eps)
	}
}

// head computes the logits of the active rows lo to hi into out[hi-lo, Vocab].
func (w *lane) head(m *Model, lo, hi int, out []float32) {
	d := m.Config.Dim
	kernel.GemmPanel(hi-lo, w.hf[lo*d:hi*d], d, &m.headForward, out, m.Config.Vocab, false)
}
