//go:build !purego

package kernel

import "unsafe"

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
