//go:build !amd64 || purego

package kernel

func (l level) panelWidth() int { return goCols }

// packBlock packs rows p..p+d-1 and columns j..j+n-1 of op(B) into panels of panelWidth columns, one after another.
func packBlock(_ level, l Layout, dst []float32, b []float32, ldb, p, d, j, n int) {
	for c := 0; c < n; c += goCols {
		packPanelGo(l, dst[c*d:], goCols, b, ldb, p, d, j+c, min(goCols, n-c))
	}
}

// readsInPlace reports whether a part of B is read where it is: never, four columns in a row suit the plain loop better.
func (l level) readsInPlace(_, _, _ int) bool { return false }

// multiplyBlock multiplies m rows of A, strided rs between rows and cs along them, with a block of B into C.
func multiplyBlock(_ level, sc *scratch, m int, blk *block, a []float32, rs, cs int, c []float32, ldc int, add bool) {
	multiplyBlockGo(sc, m, blk.cols, blk.rows, a, rs, cs, blk.whole, c, ldc, add)
}
