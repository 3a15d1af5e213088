//go:build !purego

package kernel

import (
	"math"
	"unsafe"
)

// strip describes a strip of C: some rows of A times a run of panels of B. The assembly reads its fields by name
// (go_asm.h); sizes and strides are in bytes except depth and panels.
type strip struct {
	depth  uintptr
	a      unsafe.Pointer
	rs, cs uintptr // between rows of A, and along them
	b      unsafe.Pointer
	bs     uintptr // between rows of a panel
	bpanel uintptr // between panels
	c      unsafe.Pointer
	ldc    uintptr
	panels uintptr
	mask   uint64 // bit i: the last panel has column i (AVX-512 only)
	add    uint64 // not 0: add to C
}

//go:noescape
func strip1AVX512(s *strip)

//go:noescape
func strip2AVX512(s *strip)

//go:noescape
func strip3AVX512(s *strip)

//go:noescape
func strip4AVX512(s *strip)

//go:noescape
func strip5AVX512(s *strip)

//go:noescape
func strip6AVX512(s *strip)

//go:noescape
func strip7AVX512(s *strip)

//go:noescape
func strip8AVX512(s *strip)

//go:noescape
func strip9AVX512(s *strip)

//go:noescape
func strip10AVX512(s *strip)

//go:noescape
func strip11AVX512(s *strip)

//go:noescape
func strip12AVX512(s *strip)

//go:noescape
func strip1AVX2(s *strip)

//go:noescape
func strip2AVX2(s *strip)

//go:noescape
func strip3AVX2(s *strip)

//go:noescape
func strip4AVX2(s *strip)

//go:noescape
func strip5AVX2(s *strip)

//go:noescape
func strip6AVX2(s *strip)

// expTable holds the constants of the exponential, one a row. With n = round(x/ln 2) and r = x - n·ln 2, |r| ≤ ln 2/2,
//
//	exp(x) = 2ⁿ·(1 + r·(1 + r·(c₂ + r·(c₃ + r·(c₄ + r·(c₅ + r·c₆))))))
//
// where the polynomial is a minimax fit on that interval, to 3·10⁻⁹ relative. Subtracting n times the upper part of ln 2
// is exact.
//
//lint:ignore U1000 the assembly reads it
var expTable = [...][8]float32{
	{1.442695, 1.442695, 1.442695, 1.442695, 1.442695, 1.442695, 1.442695, 1.442695},                                                 // 1/ln 2
	{0.6931472, 0.6931472, 0.6931472, 0.6931472, 0.6931472, 0.6931472, 0.6931472, 0.6931472},                                         // ln 2 to float32
	{-1.9046542e-09, -1.9046542e-09, -1.9046542e-09, -1.9046542e-09, -1.9046542e-09, -1.9046542e-09, -1.9046542e-09, -1.9046542e-09}, // ln 2, the rest
	{0.001381492, 0.001381492, 0.001381492, 0.001381492, 0.001381492, 0.001381492, 0.001381492, 0.001381492},                         // c₆
	{0.008368731, 0.008368731, 0.008368731, 0.008368731, 0.008368731, 0.008368731, 0.008368731, 0.008368731},                         // c₅
	{0.04166839, 0.04166839, 0.04166839, 0.04166839, 0.04166839, 0.04166839, 0.04166839, 0.04166839},                                 // c₄
	{0.16666521, 0.16666521, 0.16666521, 0.16666521, 0.16666521, 0.16666521, 0.16666521, 0.16666521},                                 // c₃
	{0.49999994, 0.49999994, 0.49999994, 0.49999994, 0.49999994, 0.49999994, 0.49999994, 0.49999994},                                 // c₂
	{89, 89, 89, 89, 89, 89, 89, 89},                 // above: +Inf
	{-104, -104, -104, -104, -104, -104, -104, -104}, // below: 0
	{1, 1, 1, 1, 1, 1, 1, 1},
	{0x1.8p23, 0x1.8p23, 0x1.8p23, 0x1.8p23, 0x1.8p23, 0x1.8p23, 0x1.8p23, 0x1.8p23}, // added, it rounds to an integer
}

// tailMask, read from 8-k on, selects the first k of 8 lanes.
//
//lint:ignore U1000 the assembly reads it
var tailMask = [16]int32{-1, -1, -1, -1, -1, -1, -1, -1}

// laneMask, read from 32-k on, selects the first k of 32 lanes.
//
//lint:ignore U1000 the assembly reads it
var laneMask = [64]int32{
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
	-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
}

// minusInf is math.Inf(-1), for the assembly.
//
//lint:ignore U1000 the assembly reads it
var minusInf = float32(math.Inf(-1))

// pack32AVX512 copies depth rows of 32 values, those that mask has, from src (stride bytes apart) to dst and fills up
// with zeros.
//
//go:noescape
func pack32AVX512(dst, src *float32, stride, depth uintptr, mask uint32)

// pack16AVX2 copies depth rows of 16 values from src (stride bytes apart) to dst.
//
//go:noescape
func pack16AVX2(dst, src *float32, stride, depth uintptr)

// transpose8AVX2 writes depth (at least 8) rows of 8 values, dstStride bytes apart, from the columns of rows (1 to 8)
// rows of src, srcStride bytes apart. The last row stands in for missing ones.
//
//go:noescape
func transpose8AVX2(dst *float32, dstStride uintptr, src *float32, srcStride, depth, rows uintptr)

// pause idles for some tens of nanoseconds.
//
//go:noescape
func pause()

//go:noescape
func siluMulSIMD(dst, gate, up *float32, n uintptr)

//go:noescape
func siluMulBackSIMD(dgate, dup, dout, gate, up *float32, n uintptr)

//go:noescape
func dotAVX2(x, y *float32, n uintptr) float32

// normSIMD is dst[i] = x[i]·inv·gain[i].
//
//go:noescape
func normSIMD(dst, x, gain *float32, n uintptr, inv float32)

// normBackSIMD is dx[i] += inv·gain[i]·dout[i] - x[i]·s and dgain[i] += dout[i]·x[i]·inv.
//
//go:noescape
func normBackSIMD(dx, dgain, dout, x, gain *float32, n uintptr, inv, s float32)

//go:noescape
func adamwSIMD(w, grad, m, v *float32, n uintptr, f *adamwFactors[float32])
