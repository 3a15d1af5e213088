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
	m.prepare()
	chunks := b.plan(m.Config.lanes())
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
// coefficients. When ctx ends first Accumulate returns the cause, and grad and
// out are incomplete.
func (m *Model) Accumulate(ctx context.Context, b *Batch, coef func(d int, logprobs, dlogprobs []float32), out, grad []float32) error {
	m.prepare()
	lanes := m.Config.lanes()
	chunks := b.plan(lanes)
	shares := make([]*[]float32, lanes-1) // gradients of lanes 1 and up
	kernel.Parallel(min(lanes, len(chunks)), func(i int) {
		w := lanePool.Get().(*lane)
		defer lanePool.Put(w)
		sum := grad
		for j := i; j < len(chunks) && ctx.Err() == nil; j += lanes {
			lo, hi := chunks[j][0], chunks[j][1]
			w.load(b, chunks[j])
			w.logprobs(m, true, out[b.Offsets[lo]:b.Offsets[hi]])
			if !w.ask(b, lo, hi, coef, out) || ctx.Err() != nil {
				continue
			}
			if i > 0 && shares[i-1] == nil {
				s := gradPool.Get().(*[]float32)
				clear(grow(s, len(m.Params)))
				shares[i-1], sum = s, *s
			}
			w.backward(m, sum)
		}
	})
	for _, s := range shares {
		if s != nil {
			const block = 1 << 14
			kernel.Parallel((len(grad)+block-1)/block, func(i int) {
				lo, hi := i*block, min((i+1)*block, len(grad))
				kernel.Axpy(1, (*s)[lo:hi], grad[lo:hi])
			})
			gradPool.Put(s)
		}
	}
	return context.Cause(ctx)
}

// gradPool keeps the slabs that lanes sum their gradients in.
var gradPool = sync.Pool{New: func() any { return new([]float32) }}

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
	last := t.last[:0]
	next := int32(0)
	for r, n := range t.slot {
		if n == 0 {
			t.slot[r] = -1
			continue
		}
		t.slot[r] = int32(len(w.active))
		w.active = append(w.active, int32(r))
		w.activePos = append(w.activePos, w.pos[r])
		last = append(last, next)
		next += n
	}
	t.last = last
	for at, r := range t.rowOf {
		if b.Need == nil || b.Need[base+at] {
			i := t.slot[r]
			t.score[last[i]] = score{at: int32(at), target: b.Targets[base+at]}
			last[i]++ // ends where the next row's scores begin
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

// keptLogits is how many logits a chunk keeps for its backward pass: 16 MB.
// Where there are more, headRows rows of them exist at a time and backward
// computes them again.
const (
	keptLogits = 1 << 22
	headRows   = 128
)

// headBlock is how many rows of logits exist at once.
func (w *lane) headBlock(c Config) int {
	if len(w.active)*c.Vocab <= keptLogits {
		return len(w.active)
	}
	return headRows
}

// rowLogits computes the logits of the active rows lo to hi.
func (w *lane) rowLogits(m *Model, lo, hi int) []float32 {
	out := m.output()
	logits := grow(&w.logits, (hi-lo)*out.out)
	out.apply(hi-lo, w.hf[lo*out.in:hi*out.in], logits, false)
	return logits
}

// scores are those of one active row.
func (t *trainBuffers) scores(r int) []score {
	lo := int32(0)
	if r > 0 {
		lo = t.last[r-1]
	}
	return t.score[lo:t.last[r]]
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
	block := w.headBlock(m.Config)
	for lo := 0; lo < len(w.active); lo += block {
		hi := min(lo+block, len(w.active))
		logits := w.rowLogits(m, lo, hi)
		byRows(hi-lo, 4*v, func(from, to int) {
			for r := lo + from; r < lo+to; r++ {
				row := logits[(r-lo)*v:][:v]
				lse[r] = kernel.LogSumExp(row)
				for _, s := range t.scores(r) {
					out[s.at] = row[s.target] - lse[r]
				}
			}
		})
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
