//go:build !purego

package kernel

import "unsafe"

func (l level) panelWidth() int {
	switch l {
	case levelAVX512:
		return 32
	case levelAVX2:
		return 16
	}
	return goCols
}

// packBlock packs rows p..p+d-1 and columns j..j+n-1 of op(B) into panels of panelWidth columns, one after another.
func packBlock(lv level, l Layout, dst []float32, b []float32, ldb, p, d, j, n int) {
	nr := lv.panelWidth()
	for c := 0; c < n; c += nr {
		w := min(nr, n-c)
		panel := dst[c*d:][:nr*d]
		switch {
		case lv == levelGo:
			packPanelGo(l, panel, nr, b, ldb, p, d, j+c, w)
		case l == NT && d >= 8:
			if w < nr {
				clear(panel)
			}
			for e := 0; e < w; e += 8 {
				src := b[(j+c+e)*ldb+p:]
				transpose8AVX2(&panel[e], uintptr(nr)*4, &src[0], uintptr(ldb)*4, uintptr(d), uintptr(min(8, w-e)))
			}
		case l != NT && lv == levelAVX512:
			pack32AVX512(&panel[0], &b[p*ldb+j+c], uintptr(ldb)*4, uintptr(d), uint32(1<<w-1))
		case l != NT && w == nr:
			pack16AVX2(&panel[0], &b[p*ldb+j+c], uintptr(ldb)*4, uintptr(d))
		default:
			packPanelGo(l, panel, nr, b, ldb, p, d, j+c, w)
		}
	}
}

// inPlaceSize is the size of a part of B, in values with its gaps, that stays in a second-level cache well enough to be
// read where it is: half a megabyte.
const inPlaceSize = 1 << 17

// readsInPlace reports whether d rows and n columns of B, ldb apart, are read where they are: packing costs 3 to 10 % of
// a small product and gains nothing.
func (l level) readsInPlace(d, n, ldb int) bool {
	return l != levelGo && n >= l.panelWidth() && d*ldb < inPlaceSize
}

// multiplyBlock multiplies m rows of A, strided rs between rows and cs along them, with a block of B into C.
func multiplyBlock(lv level, sc *scratch, m int, blk *block, a []float32, rs, cs int, c []float32, ldc int, add bool) {
	switch lv {
	case levelAVX512:
		multiplyBlockAVX512(m, blk, a, rs, cs, c, ldc, add)
	case levelAVX2:
		multiplyBlockAVX2(m, blk, a, rs, cs, c, ldc, add)
	default:
		multiplyBlockGo(sc, m, blk.cols, blk.rows, a, rs, cs, blk.whole, c, ldc, add)
	}
}

func newStrip(d int, a []float32, rs, cs int, b []float32, bs, bpanel int, c []float32, ldc int, add bool) strip {
	s := strip{
		depth: uintptr(d),
		a:     unsafe.Pointer(&a[0]), rs: uintptr(rs) * 4, cs: uintptr(cs) * 4,
		b: unsafe.Pointer(&b[0]), bs: uintptr(bs) * 4, bpanel: uintptr(bpanel) * 4,
		c: unsafe.Pointer(&c[0]), ldc: uintptr(ldc) * 4,
		mask: 1<<32 - 1,
	}
	if add {
		s.add = 1
	}
	return s
}

// multiplyBlockAVX512 cuts the rows into strips of nearly equal height, at most 12: a strip costs time in proportion
// to its height only from about four rows on.
func multiplyBlockAVX512(m int, blk *block, a []float32, rs, cs int, c []float32, ldc int, add bool) {
	const nr = 32
	d, whole, rest := blk.rows, blk.cols/nr, blk.cols%nr
	var edge strip
	if rest != 0 && (whole == 0 || blk.panelStride == nr) {
		edge = newStrip(d, a, rs, cs, blk.edge, nr, 0, c[whole*nr:], ldc, add)
		edge.panels, edge.mask = 1, 1<<rest-1
	}
	var s strip
	if whole > 0 {
		s = newStrip(d, a, rs, cs, blk.whole, blk.rowStride, blk.panelStride, c, ldc, add)
		s.panels = uintptr(whole)
		if rest != 0 && edge.panels == 0 {
			s.panels, s.mask = s.panels+1, 1<<rest-1 // the edge follows the whole panels
		}
	}
	strips := (m + 11) / 12
	for i := range strips {
		at := i * m / strips
		rows := (i+1)*m/strips - at
		if s.panels > 0 {
			s.a, s.c = unsafe.Pointer(&a[at*rs]), unsafe.Pointer(&c[at*ldc])
			stripAVX512(rows, &s)
		}
		if edge.panels > 0 {
			edge.a, edge.c = unsafe.Pointer(&a[at*rs]), unsafe.Pointer(&c[at*ldc+whole*nr])
			stripAVX512(rows, &edge)
		}
	}
}

func stripAVX512(rows int, s *strip) {
	switch rows {
	case 1:
		strip1AVX512(s)
	case 2:
		strip2AVX512(s)
	case 3:
		strip3AVX512(s)
	case 4:
		strip4AVX512(s)
	case 5:
		strip5AVX512(s)
	case 6:
		strip6AVX512(s)
	case 7:
		strip7AVX512(s)
	case 8:
		strip8AVX512(s)
	case 9:
		strip9AVX512(s)
	case 10:
		strip10AVX512(s)
	case 11:
		strip11AVX512(s)
	case 12:
		strip12AVX512(s)
	}
}

// multiplyBlockAVX2 is multiplyBlockAVX512 with strips of at most 6 rows. The tile of a partial panel goes through a
// buffer: masked stores are slow on some processors that have AVX2 only.
func multiplyBlockAVX2(m int, blk *block, a []float32, rs, cs int, c []float32, ldc int, add bool) {
	const nr = 16
	d, whole, rest := blk.rows, blk.cols/nr, blk.cols%nr
	var tile [6 * nr]float32
	var s, edge strip
	if whole > 0 {
		s = newStrip(d, a, rs, cs, blk.whole, blk.rowStride, blk.panelStride, c, ldc, add)
		s.panels = uintptr(whole)
	}
	if rest > 0 {
		edge = newStrip(d, a, rs, cs, blk.edge, nr, 0, tile[:], nr, false)
		edge.panels = 1
	}
	strips := (m + 5) / 6
	for i := range strips {
		at := i * m / strips
		rows := (i+1)*m/strips - at
		if whole > 0 {
			s.a, s.c = unsafe.Pointer(&a[at*rs]), unsafe.Pointer(&c[at*ldc])
			stripAVX2(rows, &s)
		}
		if rest > 0 {
			edge.a = unsafe.Pointer(&a[at*rs])
			stripAVX2(rows, &edge)
			for r := range rows {
				storeTileRow(c[(at+r)*ldc+whole*nr:][:rest], tile[r*nr:], add)
			}
		}
	}
}

func stripAVX2(rows int, s *strip) {
	switch rows {
	case 1:
		strip1AVX2(s)
	case 2:
		strip2AVX2(s)
	case 3:
		strip3AVX2(s)
	case 4:
		strip4AVX2(s)
	case 5:
		strip5AVX2(s)
	case 6:
		strip6AVX2(s)
	}
}
