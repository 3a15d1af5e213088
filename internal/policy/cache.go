package policy

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/hudrl/hudrl/internal/kernel"
)

// pageTokens is how many positions a cache page holds: a block of the sums over
// positions, and the width of a panel of the matrix products.
const pageTokens = kernel.PageLen

// page holds the keys and values of pageTokens positions in all layers and
// key-value heads. Keys are stored transposed, so that the scores of a page
// are a sum of rows. A page is written by its first owner alone; pages that
// several caches share are full.
type page struct {
	refs atomic.Int32
	data []float32 // [layers, kvHeads, keysᵀ[headDim, pageTokens] then values[pageTokens, headDim]]
}

func (c Config) pageSize() int { return 2 * c.Layers * c.KVHeads * c.HeadDim() * pageTokens }

var pagePools sync.Map // from page size to *sync.Pool

func newPage(size int) *page {
	pool, ok := pagePools.Load(size)
	if !ok {
		pool, _ = pagePools.LoadOrStore(size, &sync.Pool{New: func() any { return &page{data: make([]float32, size)} }})
	}
	p := pool.(*sync.Pool).Get().(*page)
	p.refs.Store(1)
	return p
}

func (p *page) release() {
	if p.refs.Add(-1) == 0 {
		pool, _ := pagePools.Load(len(p.data))
		pool.(*sync.Pool).Put(p)
	}
}

// A Cache holds the keys and values of one sequence under one model. It
// belongs to one goroutine at a time.
type Cache struct {
	model *Model
	pages []*page
	data  []*float32 // that of the pages
	n     int
}

// NewCache returns the cache of an empty sequence.
func (m *Model) NewCache() *Cache { return &Cache{model: m} }

// Len is the number of tokens in the cache.
func (c *Cache) Len() int { return c.n }

// Fork returns a cache with the same tokens that goes on by itself. Full pages
// are shared.
func (c *Cache) Fork() *Cache {
	f := &Cache{model: c.model, n: c.n, pages: make([]*page, len(c.pages), len(c.pages)+1)}
	copy(f.pages, c.pages)
	for i, p := range f.pages {
		if (i+1)*pageTokens <= c.n {
			p.refs.Add(1)
		} else {
			f.pages[i] = newPage(len(p.data))
			copy(f.pages[i].data, p.data)
		}
		f.data = append(f.data, &f.pages[i].data[0])
	}
	return f
}

// Release gives the cache's memory back; the cache is empty afterwards.
func (c *Cache) Release() {
	for _, p := range c.pages {
		p.release()
	}
	c.pages, c.data, c.n = nil, nil, 0
}

// reserve makes room for n more tokens.
func (c *Cache) reserve(n int) {
	for len(c.pages)*pageTokens < c.n+n {
		p := newPage(c.model.Config.pageSize())
		c.pages, c.data = append(c.pages, p), append(c.data, &p.data[0])
	}
}

// Workers take at least minRows rows in Extend, and about maxRows at most.
const (
	minRows = 8
	maxRows = 48
)

// cut splits sequences into pieces of similar numbers of rows, as evenly as the
// cores want: no row's bits depend on it. A piece is enough work for a core to
// itself; where there is but one, the cores share each of its products.
func cut(tokens [][]int32) []int {
	total := 0
	for _, ids := range tokens {
		total += len(ids)
	}
	cores := kernel.Cores()
	n := (total + cores*maxRows - 1) / (cores * maxRows) * cores
	n = max(min(n, total/minRows), 1)
	if n < cores {
		n = 1
	}
	cuts, rows := []int{0}, 0
	for i, ids := range tokens {
		rows += len(ids)
		if rows*n >= len(cuts)*total || i == len(tokens)-1 {
			cuts = append(cuts, i+1)
		}
	}
	return cuts
}

// Extend runs tokens[i] (at least one) after what caches[i] holds, adds them to
// the cache, and writes the logits that follow each sequence's last token to
// row i of logits[len(caches), Vocab]. Sequences are independent of one
// another: every row has the bits that [Model.Logprobs] computes with, whatever
// else is in the call and however the tokens were spread over calls. Nothing is
// changed when it returns an error.
func (m *Model) Extend(caches []*Cache, tokens [][]int32, logits []float32) error {
	c := m.Config
	if len(tokens) != len(caches) || len(logits) != len(caches)*c.Vocab {
		return fmt.Errorf("policy extend: lengths differ: got %d token lists and %d logits, want %d and %d", len(tokens), len(logits), len(caches), len(caches)*c.Vocab)
	}
	for i, ids := range tokens {
		switch {
		case caches[i].model != m:
			return fmt.Errorf("policy extend: cache %d belongs to another model", i)
		case len(ids) == 0:
			return fmt.Errorf("policy extend: no tokens for cache %d", i)
		case caches[i].n+len(ids) > c.MaxContext:
			return fmt.Errorf("policy extend: cache %d would be longer than the model's context: got %d tokens, want at most %d", i, caches[i].n+len(ids), c.MaxContext)
		}
		for _, id := range ids {
			if err := c.checkToken("token", id); err != nil {
				return fmt.Errorf("policy extend: cache %d: %w", i, err)
			}
		}
	}
	m.pack()
	cuts := cut(tokens)
	kernel.Parallel(len(cuts)-1, func(i int) {
		lo, hi := cuts[i], cuts[i+1]
		w := lanePool.Get().(*lane)
		defer lanePool.Put(w)
		w.extend(m, caches[lo:hi], tokens[lo:hi], logits[lo*c.Vocab:hi*c.Vocab])
	})
	return nil
}

// extend is Extend for the sequences of one piece.
func (w *lane) extend(m *Model, caches []*Cache, tokens [][]int32, logits []float32) {
	w.tokens, w.pos, w.active, w.activePos = w.tokens[:0], w.pos[:0], w.active[:0], w.activePos[:0]
	for i, ids := range tokens {
		caches[i].reserve(len(ids))
		for j, id := range ids {
			w.tokens = append(w.tokens, id)
			w.pos = append(w.pos, int32(caches[i].n+j))
		}
		w.active = append(w.active, int32(len(w.tokens)-1))
		w.activePos = append(w.activePos, w.pos[len(w.pos)-1])
	}
	if len(m.Params) >= wakeParams && kernel.Cores() > 1 {
		kernel.Wake()
	}
	w.forward(m, false, func(layer int, a *activations, q []float32, ldq int) {
		w.attendCached(m, layer, a, q, ldq, caches, tokens)
	})
	out := m.output()
	out.apply(len(w.active), w.hf, logits, false)
	for i, ids := range tokens {
		caches[i].n += len(ids)
	}
}

// wakeParams is the number of parameters from which a second core helps even
// with one token: it reads its half of the weights from a cache of its own.
const wakeParams = 1 << 18

// attendCached stores the new keys and values of a layer and attends to all
// that each sequence has: the cores take a sequence and a key-value head at a
// time.
func (w *lane) attendCached(m *Model, layer int, a *activations, q []float32, ldq int, caches []*Cache, tokens [][]int32) {
	c := m.Config
	d, hd, width := c.Dim, c.HeadDim(), c.qkvWidth()
	group := c.Heads / c.KVHeads
	headSize := 2 * hd * pageTokens
	all := len(a.att)/d == len(w.tokens)
	seen := 0
	for _, cache := range caches {
		seen += cache.n
	}
	items := len(caches) * c.KVHeads
	byRows(items, (seen+2*len(w.tokens))*group*hd/len(caches), func(from, to int) {
		sc := attentionPool.Get().(*attentionScratch)
		defer attentionPool.Put(sc)
		row, i := 0, 0
		for item := from; item < to; item++ {
			for ; i < item/c.KVHeads; i++ {
				row += len(tokens[i])
			}
			cache, ids, kvh := caches[i], tokens[i], item%c.KVHeads
			at := (layer*c.KVHeads + kvh) * headSize
			for j := range ids {
				pos := cache.n + j
				head, slot := cache.pages[pos/pageTokens].data[at:][:headSize], pos%pageTokens
				k := a.qkv[(row+j)*width+d+kvh*hd:][:hd]
				v := a.qkv[(row+j)*width+d+(c.KVHeads+kvh)*hd:][:hd]
				for e, x := range k {
					head[e*pageTokens+slot] = x
				}
				copy(head[(pageTokens+slot)*hd:][:hd], v)
			}
			first, rows := row, len(ids) // of the queries
			if !all {
				first, rows = i, 1
			}
			for h := kvh * group; h < (kvh+1)*group; h++ {
				sc.attendHead(cache, at, hd, cache.n+len(ids), rows, q[first*ldq+h*hd:], ldq, a.att[first*d+h*hd:], d)
			}
		}
	})
}

// attendHead is one head's queries, those of the last rows of n positions, against
// the cache. A score is summed over the head and a result over the positions of
// a keyBlock, in ascending order, as the matrix products of attend do.
func (sc *attentionScratch) attendHead(cache *Cache, at, hd, n, rows int, q []float32, ldq int, out []float32, ldo int) {
	pages := (n + pageTokens - 1) / pageTokens
	ld := pages * pageTokens
	score := grow(&sc.score, rows*ld)
	if rows == 1 {
		kernel.Attend(out[:hd], score, q[:hd], cache.data[:pages], at, n)
		return
	}
	for i := range pages {
		keys := cache.pages[i].data[at:]
		kernel.Gemm(kernel.NN, rows, pageTokens, hd, q, ldq, keys, pageTokens, score[i*pageTokens:], ld, false)
	}
	for r := range rows {
		s := score[r*ld : (r+1)*ld]
		see := n - rows + r + 1
		kernel.SoftmaxTo(s[:see], s[:see])
		clear(s[see:])
	}
	for i := range pages {
		values := cache.pages[i].data[at+hd*pageTokens:]
		seen := min(pageTokens, n-i*pageTokens)
		kernel.Gemm(kernel.NN, rows, hd, seen, score[i*pageTokens:], ld, values, hd, out, ldo, i > 0)
	}
}
