package kernel

import (
	"fmt"
	"sync"
)

// Layout says how the operands of a matrix product are stored.
type Layout int

const (
	// NN is A[m,k]·B[k,n].
	NN Layout = iota
	// NT is A[m,k]·B[n,k]ᵀ.
	NT
	// TN is A[k,m]ᵀ·B[k,n].
	TN
)

// String returns the layout's two letters.
func (l Layout) String() string {
	switch l {
	case NN:
		return "NN"
	case NT:
		return "NT"
	case TN:
		return "TN"
	}
	return fmt.Sprintf("Layout(%d)", int(l))
}

const (
	// maxDepth bounds a block of k: a strip of A (12 rows) then stays in the first-level cache.
	maxDepth = 384
	// maxWidth bounds the columns packed at once: with maxDepth 768 KB, inside a second-level cache.
	maxWidth = 512
)

// depth is the length of the blocks that k is summed in. It depends on k alone, because the order of summation
// must not depend on anything else.
func depth(k int) int {
	blocks := (k + maxDepth - 1) / maxDepth
	return ((k+blocks-1)/blocks + 7) &^ 7
}

// Gemm is C[m,n] = op(A)·op(B), or C += op(A)·op(B) when accumulate is set. lda, ldb and ldc are the row strides of
// the stored matrices. C must not overlap A or B. With k = 0 the product is zero.
//
// Every element is summed over k in blocks of at most 384, each from zero in ascending order and then added to C,
// whatever m and n are: the bits of an element depend on its row of A, its column of B and k alone. Against float64 the error of an element is below
// (min(k,384)+k/384+2)·2⁻²⁴·Σ|a·b| (plus, when it accumulates, the rounding of that addition).
//
// Large products use all cores, unless a call of [Parallel] has them already.
func Gemm(l Layout, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, accumulate bool) {
	checkGemm(l, m, n, k, a, lda, b, ldb, c, ldc)
	if m == 0 || n == 0 {
		return
	}
	if k == 0 {
		clearRows(m, n, c, ldc, accumulate)
		return
	}
	parts := shares(m, n, k)
	if parts == 1 {
		gemm(l, m, n, k, a, lda, b, ldb, c, ldc, accumulate)
		return
	}
	byRows := cutsRows(parts, m, n, true)
	Parallel(parts, func(i int) {
		a, b, c, m, n := a, b, c, m, n
		if byRows {
			lo, hi := span(i, parts, m, 1)
			at := lo * lda
			if l == TN {
				at = lo
			}
			a, c, m = a[at:], c[lo*ldc:], hi-lo
		} else {
			lo, hi := span(i, parts, n, active.panelWidth())
			at := lo
			if l == NT {
				at = lo * ldb
			}
			b, c, n = b[at:], c[lo:], hi-lo
		}
		gemm(l, m, n, k, a, lda, b, ldb, c, ldc, accumulate)
	})
}

// gemm is Gemm on the caller's goroutine, for sizes above 0.
func gemm(l Layout, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, accumulate bool) {
	lv := active
	s := scratchPool.Get().(*scratch)
	rs, cs := lda, 1
	if l == TN {
		rs, cs = 1, lda
	}
	nr, kb := lv.panelWidth(), depth(k)
	for j := 0; j < n; j += maxWidth {
		w := min(maxWidth, n-j)
		for p := 0; p < k; p += kb {
			d := min(kb, k-p)
			blk := block{rows: d, cols: w, rowStride: nr, panelStride: nr * d}
			if l != NT && lv.readsInPlace(d, w, ldb) {
				// Only the columns that do not fill a panel are packed.
				blk.whole, blk.rowStride, blk.panelStride = b[p*ldb+j:], ldb, nr
				if e := w % nr; e != 0 {
					blk.edge = s.block(d * nr)
					packBlock(lv, l, blk.edge, b, ldb, p, d, j+w-e, e)
				}
			} else {
				blk.whole = s.block(d * roundUp(w, nr))
				blk.edge = blk.whole[w/nr*nr*d:]
				packBlock(lv, l, blk.whole, b, ldb, p, d, j, w)
			}
			multiplyBlock(lv, s, m, &blk, a[p*cs:], rs, cs, c[j:], ldc, accumulate || p > 0)
		}
	}
	scratchPool.Put(s)
}

// Panel is a B operand packed once, for weights that serve many products. The zero Panel is empty; Pack fills it. A
// Panel may be read by several goroutines at once.
type Panel struct {
	N, K int // columns and rows of op(B)

	lv   level
	data []float32
}

// Pack copies op(B), [k,n] stored as l (NN or NT) says, into the panel and reuses the panel's memory.
func (p *Panel) Pack(l Layout, n, k int, b []float32, ldb int) {
	if l != NN && l != NT {
		panic(fmt.Sprintf("kernel.Panel.Pack: wrong layout: got %v, want NN or NT", l))
	}
	checkOperand("Panel.Pack", l, n, k, b, ldb)
	lv := active
	nr, kb := lv.panelWidth(), depth(max(k, 1))
	size := k * roundUp(n, nr)
	if cap(p.data) < size {
		p.data = make([]float32, size)
	}
	p.N, p.K, p.lv, p.data = n, k, lv, p.data[:size]
	off := 0
	for j := 0; j < n; j += maxWidth {
		w := min(maxWidth, n-j)
		for q := 0; q < k; q += kb {
			d := min(kb, k-q)
			size := d * roundUp(w, nr)
			packBlock(lv, l, p.data[off:off+size], b, ldb, q, d, j, w)
			off += size
		}
	}
}

// GemmPanel is [Gemm] with the packed operand p: C[m,p.N] = A[m,p.K]·P, or += when accumulate is set. Its bits are
// those of Gemm. Where it uses several cores for few rows, each core reads the same columns of P every time, and so finds
// them in a cache of its own.
func GemmPanel(m int, a []float32, lda int, p *Panel, c []float32, ldc int, accumulate bool) {
	n, k := p.N, p.K
	checkMatrix("GemmPanel", "a", m, k, a, lda)
	checkMatrix("GemmPanel", "c", m, n, c, ldc)
	if m == 0 || n == 0 {
		return
	}
	if k == 0 {
		clearRows(m, n, c, ldc, accumulate)
		return
	}
	parts := shares(m, n, k)
	if parts == 1 {
		p.multiply(m, 0, n, a, lda, c, ldc, accumulate)
		return
	}
	byRows := cutsRows(parts, m, n, false)
	Parallel(parts, func(i int) {
		if byRows {
			lo, hi := span(i, parts, m, 1)
			p.multiply(hi-lo, 0, n, a[lo*lda:], lda, c[lo*ldc:], ldc, accumulate)
			return
		}
		lo, hi := span(i, parts, n, p.lv.panelWidth())
		p.multiply(m, lo, hi, a, lda, c, ldc, accumulate)
	})
}

// multiply computes the columns lo to hi of C; lo is the first of a panel.
func (p *Panel) multiply(m, lo, hi int, a []float32, lda int, c []float32, ldc int, accumulate bool) {
	nr, kb := p.lv.panelWidth(), depth(p.K)
	for j := lo / maxWidth * maxWidth; j < hi; j += maxWidth {
		from, to := max(lo-j, 0), min(hi-j, maxWidth)
		wide := roundUp(min(maxWidth, p.N-j), nr)
		for q := 0; q < p.K; q += kb {
			d := min(kb, p.K-q)
			blk := block{rows: d, cols: to - from, whole: p.data[j*p.K+q*wide+from*d:], rowStride: nr, panelStride: nr * d}
			blk.edge = blk.whole[blk.cols/nr*nr*d:]
			multiplyBlock(p.lv, nil, m, &blk, a[q:], lda, 1, c[j+from:], ldc, accumulate || q > 0)
		}
	}
}

// block is a part of op(B), rows by cols, as panels of panelWidth columns.
type block struct {
	rows, cols  int
	whole       []float32 // the panels all of whose columns exist, panelStride apart, their rows rowStride apart
	rowStride   int
	panelStride int
	edge        []float32 // a last panel with fewer columns, padded and contiguous
}

// scratch is the memory of one running product.
type scratch struct {
	b []float32 // the packed block of B
	a []float32 // a strip of a transposed A
}

var scratchPool = sync.Pool{New: func() any { return new(scratch) }}

func (s *scratch) block(n int) []float32 { return grow(&s.b, n) }
func (s *scratch) strip(n int) []float32 { return grow(&s.a, n) }

func grow(p *[]float32, n int) []float32 {
	if cap(*p) < n {
		*p = make([]float32, n)
	}
	return (*p)[:n]
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

func clearRows(m, n int, c []float32, ldc int, accumulate bool) {
	if accumulate {
		return
	}
	for i := range m {
		clear(c[i*ldc : i*ldc+n])
	}
}

func checkGemm(l Layout, m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int) {
	if min(m, n, k) < 0 {
		panic(fmt.Sprintf("kernel.Gemm: negative size: got m=%d, n=%d, k=%d", m, n, k))
	}
	switch l {
	case NN, NT:
		checkMatrix("Gemm", "a", m, k, a, lda)
	case TN:
		checkMatrix("Gemm", "a", k, m, a, lda)
	default:
		panic(fmt.Sprintf("kernel.Gemm: unknown layout: got %v, want NN, NT or TN", l))
	}
	checkOperand("Gemm", l, n, k, b, ldb)
	checkMatrix("Gemm", "c", m, n, c, ldc)
}

func checkOperand(fn string, l Layout, n, k int, b []float32, ldb int) {
	if l == NT {
		checkMatrix(fn, "b", n, k, b, ldb)
	} else {
		checkMatrix(fn, "b", k, n, b, ldb)
	}
}

// checkMatrix panics unless x holds rows rows of cols values, ld apart.
func checkMatrix(fn, arg string, rows, cols int, x []float32, ld int) {
	switch {
	case rows < 0 || cols < 0:
		panic(fmt.Sprintf("kernel.%s: %s has a negative size: got [%d %d]", fn, arg, rows, cols))
	case ld < cols:
		panic(fmt.Sprintf("kernel.%s: row stride of %s is too small: got %d, want at least %d", fn, arg, ld, cols))
	case rows > 0 && cols > 0 && len(x) < (rows-1)*ld+cols:
		panic(fmt.Sprintf("kernel.%s: %s is too short: got %d values, want [%d %d] with stride %d", fn, arg, len(x), rows, cols, ld))
	}
}
