package policy

import (
	"context"
	"sync"

	"github.com/hudrl/hudrl/internal/kernel"
)

// Logprobs computes the log-probability of every needed target of a checked
// batch into out[N]; positions that are not needed get 0. When ctx ends first
// it returns the cause and out is incomplete.
func (m *Model) Logprobs(ctx context.Context, b *Batch, out []float32) error {
	chunks := b.plan()
	kernel.Parallel(len(chunks), func(i int) {
		if ctx.Err() != nil {
			return
		}
		w := lanePool.Get().(*lane)
		defer lanePool.Put(w)
		w.load(b, chunks[i])
		w.logprobs(m, false, out[b.Offsets[chunks[i][0]]:b.Offsets[chunks[i][1]]])
	})
	return context.Cause(ctx)
}

// Accumulate computes logprobs as Logprobs does, asks coef for the derivative
// of some cost C with respect to them, and adds dC/dparams to grad, a slab like
// Params.
//
// coef is called exactly once per datum d with the datum's logprobs and a zeroed
// slice of equal length to fill with dC/dlogprob; what it writes at positions
// that are not needed is ignored. Calls for different datums come in no set
// order and from several goroutines at once. Where all coefficients of a chunk
// of neighbouring datums are 0 the backward pass is skipped.
//
// The same batch and coefficients give the same bits, whatever computed the
// coefficients. When ctx ends first Accumulate returns the cause and leaves
// grad as it was.
func (m *Model) Accumulate(ctx context.Context, b *Batch, coef func(d int, logprobs, dlogprobs []float32), out, grad []float32) error {
	chunks := b.plan()
	var shares [lanes]*[]float32
	kernel.Parallel(min(lanes, len(chunks)), func(i int) {
		w := lanePool.Get().(*lane)
		defer lanePool.Put(w)
		for j := i; j < len(chunks) && ctx.Err() == nil; j += lanes {
			lo, hi := chunks[j][0], chunks[j][1]
			w.load(b, chunks[j])
			w.logprobs(m, true, out[b.Offsets[lo]:b.Offsets[hi]])
			if !w.ask(b, lo, hi, coef, out) {
				continue
			}
			if shares[i] == nil {
				shares[i] = gradPool.Get().(*[]float32)
				clear(grow(shares[i], len(m.Params)))
			}
			w.backward(m, *shares[i])
		}
	})
	err := context.Cause(ctx)
	if err == nil {
		addShares(grad, shares[:])
	}
	for _, s := range shares {
		if s != nil {
			gradPool.Put(s)
		}
	}
	return err
}

// gradPool keeps the slabs that lanes sum their gradients in.
var gradPool = sync.Pool{New: func() any { return new([]float32) }}

// addShares adds the lanes' gradients in lane order, and their sum to grad.
func addShares(grad []float32, shares []*[]float32) {
	var parts [][]float32
	for _, s := range shares {
		if s != nil {
			parts = append(parts, *s)
		}
	}
	if len(parts) == 0 {
		return
	}
	const block = 1 << 14
	kernel.Parallel((len(grad)+block-1)/block, func(i int) {
		lo, hi := i*block, min((i+1)*block, len(grad))
		sum := parts[0][lo:hi]
		for _, p := range parts[1:] {
			kernel.Axpy(1, p[lo:hi], sum)
		}
		kernel.Axpy(1, sum, grad[lo:hi])
	})
}

// load lays out the rows of datums chunk[0] to chunk[1]: a sequence shares the
// rows of its longest common prefix with an earlier one.
func (w *lane) load(b *Batch, chunk [2]int) {
	t := &w.train
	w.tokens, w.pos, w.active, w.activePos = w.tokens[:0], w.pos[:0], w.active[:0], w.activePos[:0]
	t.seqs, t.rowOf, t.score, t.slot = t.seqs[:0], t.rowOf[:0], t.score[:0], t.slot[:0]
	base := b.Offsets[chunk[0]]
	tokens := b.Tokens[base:b.Offsets[chunk[1]]]
	for d := chunk[0]; d < chunk[1]; d++ {
		s := trainSeq{lo: b.Offsets[d] - base, hi: b.Offsets[d+1] - base}
		own := tokens[s.lo:s.hi]
		shared, from := 0, 0
		for i := range t.seqs {
			e := &t.seqs[i]
			if n := commonPrefix(tokens[e.lo:e.hi], own); n > shared {
				shared, from = n, e.lo
			}
		}
		t.rowOf = append(t.rowOf, t.rowOf[from:from+shared]...)
		s.own = s.lo + shared
		for p := shared; p < len(own); p++ {
			t.rowOf = append(t.rowOf, int32(len(w.tokens)))
			w.tokens = append(w.tokens, own[p])
			w.pos = append(w.pos, int32(p))
		}
		t.seqs = append(t.seqs, s)
	}
	w.mark(b, base)
}

// mark finds the active rows and the scores on them.
func (w *lane) mark(b *Batch, base int) {
	t := &w.train
	for range w.tokens {
		t.slot = append(t.slot, 0) // how many scores the row has
	}
	total := 0
	for at, r := range t.rowOf {
		if b.Need == nil || b.Need[base+at] {
			t.slot[r]++
			total++
		}
	}
	if cap(t.score) < total {
		t.score = make([]score, total+total/8)
	}
	t.score = t.score[:total]
	first := t.first[:0]
	next := int32(0)
	for r, n := range t.slot {
		if n == 0 {
			t.slot[r] = -1
			continue
		}
		t.slot[r] = int32(len(w.active))
		w.active = append(w.active, int32(r))
		w.activePos = append(w.activePos, w.pos[r])
		first = append(first, next)
		next += n
	}
	t.first = first
	for at, r := range t.rowOf {
		if b.Need == nil || b.Need[base+at] {
			i := t.slot[r]
			t.score[first[i]] = score{row: i, at: int32(at), target: b.Targets[base+at]}
			first[i]++
		}
	}
	for i := range t.seqs {
		s := &t.seqs[i]
		s.active, s.nAct = 0, 0
		for at := s.own; at < s.hi; at++ {
			if slot := t.slot[t.rowOf[at]]; slot >= 0 {
				if s.nAct == 0 {
					s.active = int(slot)
				}
				s.nAct++
			}
		}
	}
}

// logprobs runs the chunk forward and writes its logprobs.
func (w *lane) logprobs(m *Model, keep bool, out []float32) {
	clear(out)
	t := &w.train
	if len(w.active) == 0 {
		return
	}
	w.forward(m, keep, func(_ int, a *activations, q []float32, ldq int) { w.attend(m, a, q, ldq) })
	v := m.Config.Vocab
	lse := grow(&t.lse, len(w.active))
	score := t.score
	for lo := 0; lo < len(w.active); lo += headRows {
		hi := min(lo+headRows, len(w.active))
		logits := grow(&w.logits, (hi-lo)*v)
		w.head(m, lo, hi, logits)
		for r := lo; r < hi; r++ {
			row := logits[(r-lo)*v:][:v]
			lse[r] = kernel.LogSumExp(row)
			for len(score) > 0 && int(score[0].row) == r {
				out[score[0].at] = row[score[0].target] - lse[r]
				score = score[1:]
			}
		}
	}
}

// ask fills the chunk's coefficients and reports whether any is not zero.
func (w *lane) ask(b *Batch, lo, hi int, coef func(d int, logprobs, dlogprobs []float32), out []float32) bool {
	base := b.Offsets[lo]
	c := grow(&w.train.coef, b.Offsets[hi]-base)
	clear(c)
	for d := lo; d < hi; d++ {
		from, to := b.Offsets[d], b.Offsets[d+1]
		coef(d, out[from:to:to], c[from-base:to-base:to-base])
	}
	for _, s := range w.train.score {
		if c[s.at] != 0 {
			return true
		}
	}
	return false
}
