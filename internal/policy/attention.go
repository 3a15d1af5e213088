package policy

import (
	"sync"

	"github.com/hudrl/hudrl/internal/kernel"
)

const (
	// queryBlock bounds the queries of one attention product, so that long
	// sequences skip most of what causality masks.
	queryBlock = 64
	// keyBlock is the number of keys whose weighted values are summed before
	// they are added to the result. It is fixed, and the cached decoding sums in
	// the same blocks, so that both give the same bits.
	keyBlock = kernel.PageLen
)

// trainSeq is one sequence of a chunk. Its first shared positions use rows
// that an earlier sequence with the same beginning brought along.
type trainSeq struct {
	lo, hi int // positions in lane.train.rowOf
	own    int // first position with a row of its own, as an index into rowOf
	active int // its first own active row, as an index into lane.active
	nAct   int // how many there are
	prob   int // where its attention weights begin
	dkv    int // where its gathered gradients begin, if it shares rows
}

// attentionScratch is the memory of one core in an attention.
type attentionScratch struct{ kv, dprob, score []float32 }

var attentionPool = sync.Pool{New: func() any { return new(attentionScratch) }}

// attend is the training forward pass's attention: the cores take a sequence
// and a key-value head at a time, in blocks of queries. The weights stay in
// prob for backward: by sequence, then head, then block.
func (w *lane) attend(m *Model, a *activations, q []float32, ldq int) {
	c := m.Config
	d, hd := c.Dim, c.HeadDim()
	group := c.Heads / c.KVHeads
	all := len(a.att)/d == len(w.tokens)
	prob := grow(&a.prob, w.layOutWeights(c, all))
	kernel.Parallel(len(w.train.seqs)*c.KVHeads, func(i int) {
		s, kvh := &w.train.seqs[i/c.KVHeads], i%c.KVHeads
		sc := attentionPool.Get().(*attentionScratch)
		defer attentionPool.Put(sc)
		k, v, ldkv := w.keysValues(m, sc, s, a.qkv, kvh)
		prob := prob[s.prob+kvh*group*w.headWeights(s, all):]
		for h := kvh * group; h < (kvh+1)*group; h++ {
			w.queryBlocks(s, all, func(row, rows, keys int) {
				p := prob[:rows*keys]
				prob = prob[rows*keys:]
				kernel.Gemm(kernel.NT, rows, keys, hd, q[row*ldq+h*hd:], ldq, k, ldkv, p, keys, false)
				for r := range rows {
					pr := p[r*keys : (r+1)*keys]
					see := int(w.queryPos(all, row+r)) + 1
					kernel.SoftmaxTo(pr[:see], pr[:see])
					clear(pr[see:])
				}
				out := a.att[row*d+h*hd:]
				for b := 0; b < keys; b += keyBlock {
					kernel.Gemm(kernel.NN, rows, hd, min(keyBlock, keys-b), p[b:], keys, v[b*ldkv:], ldkv, out, d, b > 0)
				}
			})
		}
	})
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

// headWeights is the number of attention weights of one head of a sequence.
func (w *lane) headWeights(s *trainSeq, all bool) int {
	n := 0
	w.queryBlocks(s, all, func(_, rows, keys int) { n += rows * keys })
	return n
}

// layOutWeights finds a place for each sequence's attention weights and
// returns how many there are.
func (w *lane) layOutWeights(c Config, all bool) int {
	n := 0
	for i := range w.train.seqs {
		s := &w.train.seqs[i]
		s.prob = n
		n += w.headWeights(s, all) * c.Heads
	}
	return n
}

// contiguous reports whether the rows of the sequence follow one another.
func (w *lane) contiguous(s *trainSeq) bool {
	rows := w.train.rowOf
	return int(rows[s.hi-1]-rows[s.lo]) == s.hi-1-s.lo
}

// keysValues returns the keys and values [T, headDim] of a sequence's head and
// their row stride: in place when its rows are neighbours, else gathered.
func (w *lane) keysValues(m *Model, sc *attentionScratch, s *trainSeq, qkv []float32, kvh int) (k, v []float32, ld int) {
	c := m.Config
	d, hd, width := c.Dim, c.HeadDim(), c.qkvWidth()
	rows := w.train.rowOf[s.lo:s.hi]
	atK := d + kvh*hd
	atV := atK + c.KVHeads*hd
	if w.contiguous(s) {
		qkv = qkv[int(rows[0])*width:]
		return qkv[atK:], qkv[atV:], width
	}
	kv := grow(&sc.kv, len(rows)*2*hd)
	for t, r := range rows {
		row := qkv[int(r)*width:]
		copy(kv[t*2*hd:][:hd], row[atK:])
		copy(kv[t*2*hd+hd:][:hd], row[atV:])
	}
	return kv, kv[hd:], 2 * hd
}

// attendBack is the gradient of attend: from datt[Rq, Dim] it fills dq (row
// stride ldq) and adds to the key and value parts of dqkv, which are zero when
// it begins. A sequence whose rows are all its own adds to them at once; those
// that share rows are added in their order afterwards.
func (w *lane) attendBack(m *Model, a *activations, q []float32, ldq int, datt, dq, dqkv []float32) {
	c := m.Config
	d, hd, width := c.Dim, c.HeadDim(), c.qkvWidth()
	kvd := c.KVHeads * hd
	group := c.Heads / c.KVHeads
	all := len(datt)/d == len(w.tokens)
	t := &w.train
	w.layOutWeights(c, all)
	gathered := 0
	for i := range t.seqs {
		if s := &t.seqs[i]; s.own > s.lo {
			s.dkv = gathered
			gathered += (s.hi - s.lo) * 2 * kvd
		}
	}
	dkv := grow(&t.dkv, gathered)
	kernel.Parallel(len(t.seqs)*c.KVHeads, func(i int) {
		s, kvh := &t.seqs[i/c.KVHeads], i%c.KVHeads
		sc := attentionPool.Get().(*attentionScratch)
		defer attentionPool.Put(sc)
		k, v, ldkv := w.keysValues(m, sc, s, a.qkv, kvh)
		to, ldto := dqkv[int(t.rowOf[s.lo])*width+d:], width
		if s.own > s.lo {
			to, ldto = dkv[s.dkv:], 2*kvd
			for r := range s.hi - s.lo {
				clear(to[r*ldto+kvh*hd:][:hd])
				clear(to[r*ldto+kvd+kvh*hd:][:hd])
			}
		}
		dk, dv := to[kvh*hd:], to[kvd+kvh*hd:]
		prob := a.prob[s.prob+kvh*group*w.headWeights(s, all):]
		for h := kvh * group; h < (kvh+1)*group; h++ {
			w.queryBlocks(s, all, func(row, n, keys int) {
				ds := grow(&sc.dprob, n*keys)
				p := prob[:n*keys]
				prob = prob[n*keys:]
				do := datt[row*d+h*hd:]
				kernel.Gemm(kernel.NT, n, keys, hd, do, d, v, ldkv, ds, keys, false)
				kernel.Gemm(kernel.TN, keys, hd, n, p, keys, do, d, dv, ldto, true)
				for r := range n {
					softmaxBack(ds[r*keys:(r+1)*keys], p[r*keys:(r+1)*keys])
				}
				kernel.Gemm(kernel.NN, n, hd, keys, ds, keys, k, ldkv, dq[row*ldq+h*hd:], ldq, false)
				kernel.Gemm(kernel.TN, keys, hd, n, ds, keys, q[row*ldq+h*hd:], ldq, dk, ldto, true)
			})
		}
	})
	byColumns(2*kvd, gathered/max(2*kvd, 1), func(lo, hi int) {
		for i := range t.seqs {
			if s := &t.seqs[i]; s.own > s.lo {
				for j, r := range t.rowOf[s.lo:s.hi] {
					kernel.Axpy(1, dkv[s.dkv+j*2*kvd:][lo:hi], dqkv[int(r)*width+d:][lo:hi])
				}
			}
		}
	})
}

// softmaxBack turns the gradient of a row of weights into that of the scores:
// d ← p∘(d − Σ p·d). Masked entries have p = 0 and become 0.
func softmaxBack(d, p []float32) {
	s := kernel.Dot(d, p)
	for i, v := range p {
		d[i] = v * (d[i] - s)
	}
}
