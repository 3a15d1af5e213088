package kernel

import (
	"fmt"
	"unsafe"
)

// PageLen is the number of positions in a page of cached keys and values.
const PageLen = 32

// Attend is the attention of one query q[d] to the n positions in pages: out[d] = softmax(q·K)·V. A page holds, from at
// on, the keys of its positions transposed, [d, PageLen], and then their values, [PageLen, d]; a page that is not full
// holds anything behind its last position. score is memory for PageLen values a page.
//
// A score is summed over d in ascending order as by [Gemm], and a result over the positions of one page after another,
// each from zero: the bits are those of [Gemm] over the same blocks.
func Attend(out, score, q []float32, pages []*float32, at, n int) {
	d := len(q)
	if want := (n + PageLen - 1) / PageLen; n < 1 || len(pages) != want || len(score) < want*PageLen || len(out) != d {
		panic(fmt.Sprintf("kernel.Attend: sizes differ: got %d positions in %d pages, room for %d scores, %d results for %d values",
			n, len(pages), len(score), len(out), d))
	}
	if attendPages(out, score, q, pages, at, n) {
		return
	}
	const width = PageLen
	for i, p := range pages {
		keys := unsafe.Slice(p, at+d*width)[at:]
		Gemm(NN, 1, width, d, q, d, keys, width, score[i*width:], width, false)
	}
	SoftmaxTo(score[:n], score[:n])
	for i, p := range pages {
		values := unsafe.Slice(p, at+2*d*width)[at+d*width:]
		Gemm(NN, 1, d, min(width, n-i*width), score[i*width:], width, values, d, out, d, i > 0)
	}
}
