package policy

import "github.com/hudrl/hudrl/internal/kernel"

const (
	// queryBlock bounds the queries of one attention product, so that long
	// sequences skip most of what causality masks.
	queryBlock = 64
	// keyBlock is the number of keys whose weighted values are summed before
	// they are added to the result. It is fixed, and the cached decoding sums in
	// the same blocks, so that both give the same bits.
	keyBlock = 32
)

// trainSeq is one sequence of a chunk. Its first shared positions use rows
// that an earlier sequence with the same beginning brought along.
type trainSeq struct {
	lo, hi int // positions in lane.train.rowOf
	own    int // first position with a row of its own, as an index into rowOf
	active int // its first own active row, as an index into lane.active
	nAct   int // how many there are
}

// contiguous reports whether the rows of the sequence follow one another.
func (w *lane) contiguous(s *trainSeq) bool {
	rows := w.train.rowOf
	return int(rows[s.hi-1]-rows[s.lo]) == s.hi-1-s.lo
}

// attend is the training forward pass's attention: sequence by sequence, head
// by head, in blocks of queries. The weights stay in prob for backward.
func (w *lane) attend(m *Model, a *activations, q []float32, ldq int) {
	c, qkv, att := m.Config, a.qkv, a.att
	d, hd, width := c.Dim, c.HeadDim(), c.qkvWidth()
	kvd := c.KVHeads * hd
	group := c.Heads / c.KVHeads
	all := len(att)/d == len(w.tokens)
	prob := grow(&a.prob, w.probLen(c, all))
	for i := range w.train.seqs {
		s := &w.train.seqs[i]
		kv, ldkv := w.keysValues(s, qkv, d, width, 2*kvd)
		w.queryBlocks(s, all, func(row, rows, keys int) {
			for h := range c.Heads {
				k, v := h/group*hd, kvd+h/group*hd
				p := prob[:rows*keys]
				prob = prob[rows*keys:]
				kernel.Gemm(kernel.NT, rows, keys, hd, q[row*ldq+h*hd:], ldq, kv[k:], ldkv, p, keys, false)
				for r := range rows {
					pr := p[r*keys : (r+1)*keys]
					see := int(w.queryPos(all, row+r)) + 1
					kernel.SoftmaxTo(pr[:see], pr[:see])
					clear(pr[see:])
				}
				out := att[row*d+h*hd:]
				for b := 0; b < keys; b += keyBlock {
					kernel.Gemm(kernel.NN, rows, hd, min(keyBlock, keys-b), p[b:], keys, kv[b*ldkv+v:], ldkv, out, d, b > 0)
				}
			}
		})
	}
}

// queryBlocks calls f for blocks of a sequence's query rows: row is the first,
// an index into all rows or into the active ones, and keys the number of
// positions that the last of them sees.
func (w *lane) queryBlocks(s *trainSeq, all bool, f func(row, rows, keys int)) {
	first, n := s.active, s.nAct
	if all {
		first, n = int(w.train.rowOf[s.hi-1])+1-(s.hi-s.own), s.hi-s.own
	}
	for i := 0; i < n; i += queryBlock {
		rows := min(queryBlock, n-i)
		f(first+i, rows, int(w.queryPos(all, first+i+rows-1))+1)
	}
}

// queryPos is the position of a query row.
func (w *lane) queryPos(all bool, row int) int32 {
	if all {
		return w.pos[row]
	}
	return w.activePos[row]
}

// probLen is the number of attention weights that attend keeps.
func (w *lane) probLen(c Config, all bool) int {
	n := 0
	for i := range w.train.seqs {
		w.queryBlocks(&w.train.seqs[i], all, func(_, rows, keys int) { n += rows * keys * c.Heads })
	}
	return n
}

// keysValues returns the keys and values [T, w2] of a sequence and their row
// stride: in place when its rows are neighbours, else gathered.
func (w *lane) keysValues(s *trainSeq, qkv []float32, skip, width, w2 int) ([]float32, int) {
	rows := w.train.rowOf[s.lo:s.hi]
	if w.contiguous(s) {
		return qkv[int(rows[0])*width+skip:], width
	}
	kv := grow(&w.train.kv, len(rows)*w2)
	for t, r := range rows {
		copy(kv[t*w2:(t+1)*w2], qkv[int(r)*width+skip:])
	}
	return kv, w2
}

// attendBack is the gradient of attend: from datt[Rq, Dim] it fills dq (row
// stride ldq) and adds to the key and value parts of dqkv, which are zero when
// it begins.
func (w *lane) attendBack(m *Model, a *activations, q []float32, ldq int, datt, dq, dqkv []float32) {
	c := m.Config
	d, hd, width := c.Dim, c.HeadDim(), c.qkvWidth()
	kvd := c.KVHeads * hd
	group := c.Heads / c.KVHeads
	all := len(datt)/d == len(w.tokens)
	prob := a.prob
	t := &w.train
	for i := range t.seqs {
		s := &t.seqs[i]
		kv, ldkv := w.keysValues(s, a.qkv, d, width, 2*kvd)
		rows := t.rowOf[s.lo:s.hi]
		joined := w.contiguous(s)
		dkv, lddkv := dqkv[int(rows[0])*width+d:], width
		if !joined {
			dkv, lddkv = grow(&t.dkv, len(rows)*2*kvd), 2*kvd
			clear(dkv)
		}
		w.queryBlocks(s, all, func(row, n, keys int) {
			ds := grow(&t.dprob, n*keys)
			for h := range c.Heads {
				k, v := h/group*hd, kvd+h/group*hd
				p := prob[:n*keys]
				prob = prob[n*keys:]
				do := datt[row*d+h*hd:]
				kernel.Gemm(kernel.NT, n, keys, hd, do, d, kv[v:], ldkv, ds, keys, false)
				kernel.Gemm(kernel.TN, keys, hd, n, p, keys, do, d, dkv[v:], lddkv, true)
				for r := range n {
					softmaxBack(ds[r*keys:(r+1)*keys], p[r*keys:(r+1)*keys])
				}
				kernel.Gemm(kernel.NN, n, hd, keys, ds, keys, kv[k:], ldkv, dq[row*ldq+h*hd:], ldq, false)
				kernel.Gemm(kernel.TN, keys, hd, n, ds, keys, q[row*ldq+h*hd:], ldq, dkv[k:], lddkv, true)
			}
		})
		if !joined {
			for j, r := range rows {
				kernel.Axpy(1, dkv[j*2*kvd:(j+1)*2*kvd], dqkv[int(r)*width+d:][:2*kvd])
			}
		}
	}
}

// softmaxBack turns the gradient of a row of weights into that of the scores:
// d ← p∘(d − Σ p·d). Masked entries have p = 0 and become 0.
func softmaxBack(d, p []float32) {
	s := kernel.Dot(d, p)
	for i, v := range p {
		d[i] = v * (d[i] - s)
	}
}
