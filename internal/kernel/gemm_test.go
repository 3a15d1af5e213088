package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

var layouts = []Layout{NN, NT, TN}

// stored gives the stored rows and columns of A and B.
func stored(l Layout, m, n, k int) (ar, ac, br, bc int) {
	ar, ac, br, bc = m, k, k, n
	switch l {
	case NT:
		br, bc = n, k
	case TN:
		ar, ac = k, m
	}
	return
}

// stretch is the length of rows rows of cols values, ld apart.
func stretch(rows, cols, ld int) int {
	if rows == 0 || cols == 0 {
		return 0
	}
	return (rows-1)*ld + cols
}

// checkProduct multiplies random matrices with padded strides and compares every element with float64, the gaps
// between the rows of C and the surroundings of all three with what they were, and GemmPanel with Gemm.
func checkProduct(t *testing.T, r *rand.Rand, l Layout, m, n, k int, accumulate bool) {
	t.Helper()
	ar, ac, br, bc := stored(l, m, n, k)
	lda, ldb, ldc := ac+r.IntN(4), bc+r.IntN(4), n+r.IntN(4)
	a := newGuarded(r, stretch(ar, ac, lda), r.IntN(16), true).seal()
	b := newGuarded(r, stretch(br, bc, ldb), r.IntN(16), true).seal()
	c := newGuarded(r, stretch(m, n, ldc), r.IntN(16), false).seal()
	before := append([]float32(nil), c.x...)
	Gemm(l, m, n, k, a.x, lda, b.x, ldb, c.x, ldc, accumulate)
	name := fmt.Sprintf("%v %dx%dx%d lda=%d ldb=%d ldc=%d accumulate=%v", l, m, n, k, lda, ldb, ldc, accumulate)
	a.check(t, name+": a")
	b.check(t, name+": b")
	c.check(t, name+": c")

	want := wide(before)
	mag := make([]float64, len(want))
	GemmRef(l, m, n, k, wide(a.x), lda, wide(b.x), ldb, want, ldc, accumulate)
	abs := func(x []float32) []float64 {
		y := wide(x)
		for i := range y {
			y[i] = math.Abs(y[i])
		}
		return y
	}
	GemmRef(l, m, n, k, abs(a.x), lda, abs(b.x), ldb, mag, ldc, false)
	for i := range c.x {
		if i%ldc >= n {
			near(t, c.x[i], float64(before[i]), 0, "%s: gap at %d", name, i)
			continue
		}
		bound := (float64(min(k, maxDepth)) + float64(k)/maxDepth + 2) * eps32 * mag[i]
		if accumulate {
			bound += eps32 * (math.Abs(float64(before[i])) + mag[i])
		}
		near(t, c.x[i], want[i], bound, "%s: c[%d,%d]", name, i/ldc, i%ldc)
	}
	if l == TN {
		return
	}
	var p Panel
	p.Pack(l, n, k, b.x, ldb)
	GemmPanel(m, a.x, lda, &p, before, ldc, accumulate)
	if !sameBits(before, c.x) {
		t.Fatalf("%s: GemmPanel differs from Gemm", name)
	}
}

func TestGemm(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for _, l := range layouts {
			for _, acc := range []bool{false, true} {
				for _, m := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8 + r.IntN(4), 12, 13 + r.IntN(11), 24, 25} {
					for _, n := range []int{0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 63, 65, 90, 100, 127, 128, 129, 160} {
						checkProduct(t, r, l, m, n, r.IntN(40), acc)
					}
				}
				for n := range 70 {
					checkProduct(t, r, l, 1+r.IntN(30), n, 1+r.IntN(20), acc)
				}
				for _, s := range [][3]int{{37, 30, 385}, {5, 520, 400}, {1, 1030, 769}, {30, 30, 32}, {13, 264, 96}, {3, 16, 1500}} {
					checkProduct(t, r, l, s[0], s[1], s[2], acc)
				}
			}
		}
	})
}

// TestGemmShared compares products that several cores share with those of one, bit by bit.
func TestGemmShared(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for _, s := range [][3]int{{301, 250, 260}, {33, 1000, 600}, {1000, 37, 500}, {700, 96, 290}} {
			m, n, k := s[0], s[1], s[2]
			for _, l := range layouts {
				ar, ac, br, bc := stored(l, m, n, k)
				a, b, c := randoms(r, ar*ac), randoms(r, br*bc), randoms(r, m*n)
				want, packed := append([]float32(nil), c...), append([]float32(nil), c...)
				Gemm(l, m, n, k, a, ac, b, bc, c, n, true)
				gemm(l, m, n, k, a, ac, b, bc, want, n, true)
				if !sameBits(c, want) {
					t.Fatalf("Gemm %v %v: shared differs", l, s)
				}
				if l == TN {
					continue
				}
				var p Panel
				p.Pack(l, n, k, b, bc)
				GemmPanel(m, a, ac, &p, packed, n, true)
				if !sameBits(packed, want) {
					t.Fatalf("GemmPanel %v %v: shared differs", l, s)
				}
				row := make([]float32, n) // few rows are shared while a worker is awake
				GemmPanel(1, a, ac, &p, row, n, false)
				gemm(l, 1, n, k, a, ac, b, bc, want, n, false)
				if !sameBits(row, want[:n]) {
					t.Fatalf("GemmPanel %v %v, one row: shared differs", l, s)
				}
			}
		}
	})
}

// TestGemmExact multiplies small integers, whose products and sums float32 holds exactly: 2x3 by 3x2 by hand.
func TestGemmExact(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, tt := range []struct {
			l    Layout
			a, b []float32
			lda  int
			ldb  int
		}{
			{NN, []float32{1, 2, 3, 4, 5, 6}, []float32{7, 8, 9, 10, 11, 12}, 3, 2},
			{NT, []float32{1, 2, 3, 4, 5, 6}, []float32{7, 9, 11, 8, 10, 12}, 3, 3},
			{TN, []float32{1, 4, 2, 5, 3, 6}, []float32{7, 8, 9, 10, 11, 12}, 2, 2},
		} {
			c := []float32{1, 1, 1, 1}
			Gemm(tt.l, 2, 2, 3, tt.a, tt.lda, tt.b, tt.ldb, c, 2, true)
			// [1 2 3]·[7 9 11] = 58, [1 2 3]·[8 10 12] = 64, [4 5 6]·[7 9 11] = 139, [4 5 6]·[8 10 12] = 154.
			if want := []float32{59, 65, 140, 155}; !sameBits(c, want) {
				t.Errorf("%v: got %v, want %v", tt.l, c, want)
			}
		}
	})
}

// TestGemmBatchInvariance computes one row in the company of others, at other offsets, strides and positions, packed
// and not, and wants the same bits.
func TestGemmBatchInvariance(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for _, l := range layouts {
			for _, s := range [][2]int{{30, 32}, {96, 96}, {264, 128}, {33, 700}, {600, 400}} {
				n, k := s[0], s[1]
				row := randoms(r, k)
				_, _, br, bc := stored(l, 1, n, k)
				b := randoms(r, br*bc)
				base := randoms(r, n)
				want := append([]float32(nil), base...)
				gemmRow(l, row, b, bc, want)
				var p Panel
				if l != TN {
					p.Pack(l, n, k, b, bc)
				}
				for _, m := range []int{1, 2, 3, 4, 5, 6, 7, 12, 13, 23, 64, 128} {
					for _, at := range []int{0, m / 2, m - 1} {
						pad, off := r.IntN(3), r.IntN(9)
						ar, ac, _, _ := stored(l, m, n, k)
						lda, ldc := ac+pad, n+pad
						a := randoms(r, off+ar*lda)[off:]
						for q, v := range row {
							if l == TN {
								a[q*lda+at] = v
							} else {
								a[at*lda+q] = v
							}
						}
						c := randoms(r, off+m*ldc)[off:]
						copy(c[at*ldc:], base)
						c2 := append([]float32(nil), c...)
						Gemm(l, m, n, k, a, lda, b, bc, c, ldc, true)
						if !sameBits(c[at*ldc:][:n], want) {
							t.Fatalf("%v n=%d k=%d: row %d of %d differs from the row alone", l, n, k, at, m)
						}
						if l == TN {
							continue
						}
						GemmPanel(m, a, lda, &p, c2, ldc, true)
						if !sameBits(c2[at*ldc:][:n], want) {
							t.Fatalf("%v n=%d k=%d: GemmPanel: row %d of %d differs from the row alone", l, n, k, at, m)
						}
					}
				}
			}
		}
	})
}

// TestGemmColumns computes some columns without the others and wants the same bits.
func TestGemmColumns(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(14, 15))
		for _, l := range layouts {
			for _, m := range []int{1, 2, 3, 7, 30} {
				for _, k := range []int{5, 96, 500} {
					const n = 150
					ar, ac, br, bc := stored(l, m, n, k)
					a, b, want := randoms(r, ar*ac), randoms(r, br*bc), make([]float32, m*n)
					Gemm(l, m, n, k, a, ac, b, bc, want, n, false)
					for range 8 {
						from := r.IntN(n)
						w := 1 + r.IntN(n-from)
						part := b[from:]
						if l == NT {
							part = b[from*bc:]
						}
						c := make([]float32, m*w)
						Gemm(l, m, w, k, a, ac, part, bc, c, w, false)
						for i := range m {
							if !sameBits(c[i*w:(i+1)*w], want[i*n+from:][:w]) {
								t.Fatalf("%v m=%d k=%d: columns %d to %d of row %d differ without the others", l, m, k, from, from+w, i)
							}
						}
					}
				}
			}
		}
	})
}

// gemmRow is the single row row·op(B) added to c.
func gemmRow(l Layout, row, b []float32, ldb int, c []float32) {
	lda := len(row)
	if l == TN {
		lda = 1
	}
	Gemm(l, 1, len(c), len(row), row, lda, b, ldb, c, len(c), true)
}

// TestGemmSpecial places one NaN, infinity or denormal and wants it in its row or column only.
func TestGemmSpecial(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		inf := float32(math.Inf(1))
		for _, l := range layouts {
			const m, n, k = 17, 37, 21
			ar, ac, br, bc := stored(l, m, n, k)
			ones := func(n int) []float32 {
				x := make([]float32, n)
				for i := range x {
					x[i] = 1
				}
				return x
			}
			for _, v := range []float32{float32(math.NaN()), inf, -inf} {
				a, b, c := ones(ar*ac), ones(br*bc), make([]float32, m*n)
				at := 5*ac + 2 // row 5 of A, or row 2 when A is transposed
				row := 5
				if l == TN {
					row = 2
				}
				a[at] = v
				Gemm(l, m, n, k, a, ac, b, bc, c, n, false)
				for i, got := range c {
					want := float64(k)
					if i/n == row {
						want = float64(v)
					}
					near(t, got, want, 0, "%v: %v in a: c[%d,%d]", l, v, i/n, i%n)
				}
			}
			a, b, c := ones(ar*ac), ones(br*bc), make([]float32, m*n)
			for i := range b {
				b[i] = 1e-45 // the smallest denormal: sums of it are exact
			}
			Gemm(l, m, n, k, a, ac, b, bc, c, n, false)
			for i, got := range c {
				near(t, got, k*float64(float32(1e-45)), 0, "%v: denormal: c[%d]", l, i)
			}
		}
	})
}

func TestGemmPanics(t *testing.T) {
	x := make([]float32, 12)
	wantPanic(t, "kernel.Gemm: a is too short: got 12 values, want [4 4] with stride 4", func() { Gemm(NN, 4, 1, 4, x, 4, x, 1, x, 1, false) })
	wantPanic(t, "kernel.Gemm: row stride of b is too small: got 2, want at least 3", func() { Gemm(NN, 1, 3, 2, x, 2, x, 2, x, 3, false) })
	wantPanic(t, "kernel.Gemm: negative size: got m=-1, n=2, k=0", func() { Gemm(TN, -1, 2, 0, x, 2, x, 2, x, 2, false) })
	wantPanic(t, "kernel.Gemm: unknown layout: got Layout(3), want NN, NT or TN", func() { Gemm(3, 1, 1, 1, x, 1, x, 1, x, 1, false) })
	wantPanic(t, "kernel.Panel.Pack: wrong layout: got TN, want NN or NT", func() { new(Panel).Pack(TN, 1, 1, x, 1) })
	wantPanic(t, "kernel.Dot: y has another length: got 11, want 12", func() { Dot(x, x[1:]) })
}

func FuzzGemm(f *testing.F) {
	f.Add(uint64(1), uint8(3), uint16(40), uint16(50), uint8(0), false)
	f.Add(uint64(2), uint8(64), uint16(33), uint16(500), uint8(1), true)
	f.Add(uint64(3), uint8(1), uint16(600), uint16(20), uint8(2), true)
	f.Fuzz(func(t *testing.T, seed uint64, m uint8, n, k uint16, l uint8, acc bool) {
		r := rand.New(rand.NewPCG(seed, 5))
		checkProduct(t, r, layouts[l%3], int(m), int(n%700), int(k%900), acc)
	})
}
