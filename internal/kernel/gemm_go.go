package kernel

// Panels of the plain Go product are four columns wide and its strips two rows high: eight sums, which together with
// a row of B and an element of A fit the sixteen vector registers of amd64.
const (
	goRows = 2
	goCols = 4
)

// packPanelGo copies the columns j..j+w-1 (w ≤ nr) and rows p..p+d-1 of op(B) into dst[d,nr], zero-padded.
func packPanelGo(l Layout, dst []float32, nr int, b []float32, ldb, p, d, j, w int) {
	if l == NT {
		for c := range w {
			row := b[(j+c)*ldb+p:][:d]
			for q, v := range row {
				dst[q*nr+c] = v
			}
		}
	} else {
		for q := range d {
			copy(dst[q*nr:q*nr+w], b[(p+q)*ldb+j:])
		}
	}
	if w < nr {
		for q := range d {
			clear(dst[q*nr+w : (q+1)*nr])
		}
	}
}

// multiplyBlockGo is multiplyBlock over four-column panels.
func multiplyBlockGo(s *scratch, m, n, d int, a []float32, rs, cs int, b []float32, c []float32, ldc int, add bool) {
	for i := 0; i < m; i += goRows {
		rows := min(goRows, m-i)
		a0, a1 := a[i*rs:], a[(i+rows-1)*rs:]
		if cs != 1 {
			t := s.strip(goRows * d)
			for q := range d {
				t[q], t[d+q] = a0[q*cs], a1[q*cs]
			}
			a0, a1 = t[:d], t[d:]
		}
		c0, c1 := c[i*ldc:], c[(i+rows-1)*ldc:]
		for j := 0; j < n; j += goCols {
			tile := multiplyTileGo(a0[:d], a1[:d], b[j*d:][:goCols*d])
			w := min(goCols, n-j)
			storeTileRow(c0[j:j+w], tile[:goCols], add)
			if rows > 1 {
				storeTileRow(c1[j:j+w], tile[goCols:], add)
			}
		}
	}
}

// multiplyTileGo multiplies two rows of A with one panel of B. The conversions keep the compiler from fusing the
// multiplication into the addition, which it may do in one place and not in another.
func multiplyTileGo(a0, a1, b []float32) [goRows * goCols]float32 {
	var s00, s01, s02, s03, s10, s11, s12, s13 float32
	for q, x := range a0 {
		r := (*[goCols]float32)(b[q*goCols:])
		s00 += float32(x * r[0])
		s01 += float32(x * r[1])
		s02 += float32(x * r[2])
		s03 += float32(x * r[3])
		y := a1[q]
		s10 += float32(y * r[0])
		s11 += float32(y * r[1])
		s12 += float32(y * r[2])
		s13 += float32(y * r[3])
	}
	return [...]float32{s00, s01, s02, s03, s10, s11, s12, s13}
}

func storeTileRow(c, tile []float32, add bool) {
	if !add {
		copy(c, tile)
		return
	}
	for j := range c {
		c[j] += tile[j]
	}
}
