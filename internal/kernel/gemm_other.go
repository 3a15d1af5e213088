//go:build !amd64 || purego

package kernel

func (l level) panelWidth() int { return goCols }

// packBlock packs rows p..p+d-1 and columns j..j+n-1 of op(B) into panels of panelWidth columns, one after another.
func packBlock(_ level, l Layout, dst []float32, b []float32, ldb, p, d, j, n int) {
	for c := 0; c < n; c += goCols {
		packPanelGo(l, dst[c*d:], goCols, b, ldb, p, d, j+c, min(goCols, n-c))
	}
}

// multiplyBlock multiplies m rows of A, d deep and strided rs between rows and cs along them, with a packed block of
// n columns into C.
func multiplyBlock(_ level, s *scratch, m, n, d int, a []float32, rs, cs int, b []float32, c []float32, ldc int, add bool) {
	multiplyBlockGo(s, m, n, d, a, rs, cs, b, c, ldc, add)
}
