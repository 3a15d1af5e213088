package kernel

import (
	"fmt"
	"unsafe"
)

// The functions of this file that take a and b accept one value in place of a slice: it stands for as many as are
// needed. Each result is the exact one rounded once, with every implementation.

// advance is by how many bytes an operand of got values moves on for eight of want.
func advance(name string, got, want int) uintptr {
	if got == want {
		return 32
	}
	return standing(name, got, want)
}

// standing is what is rare of advance, apart so that the rest is inlined.
//
//go:noinline
func standing(name string, got, want int) uintptr {
	if got != 1 {
		panic(fmt.Sprintf("kernel.%s has another length: got %d, want %d", name, got, want))
	}
	return 0
}

// step is by how many elements an operand moves on for one of n.
func step[F Float](x []F, n int) int {
	if len(x) == n {
		return 1
	}
	return 0
}

// AddTo is dst[i] = a[i] + b[i].
func AddTo(dst, a, b []float32) {
	sa, sb := advance("AddTo: a", len(a), len(dst)), advance("AddTo: b", len(b), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		addSIMD(unsafe.SliceData(dst), unsafe.SliceData(a), unsafe.SliceData(b), uintptr(len(dst)), sa, sb)
	default:
		AddRef(dst, a, b)
	}
}

// AddRef is the plain Go [AddTo].
func AddRef[F Float](dst, a, b []F) {
	sa, sb := step(a, len(dst)), step(b, len(dst))
	for i := range dst {
		dst[i] = a[i*sa] + b[i*sb]
	}
}

// SubTo is dst[i] = a[i] - b[i].
func SubTo(dst, a, b []float32) {
	sa, sb := advance("SubTo: a", len(a), len(dst)), advance("SubTo: b", len(b), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		subSIMD(unsafe.SliceData(dst), unsafe.SliceData(a), unsafe.SliceData(b), uintptr(len(dst)), sa, sb)
	default:
		SubRef(dst, a, b)
	}
}

// SubRef is the plain Go [SubTo].
func SubRef[F Float](dst, a, b []F) {
	sa, sb := step(a, len(dst)), step(b, len(dst))
	for i := range dst {
		dst[i] = a[i*sa] - b[i*sb]
	}
}

// MulTo is dst[i] = a[i]·b[i].
func MulTo(dst, a, b []float32) {
	sa, sb := advance("MulTo: a", len(a), len(dst)), advance("MulTo: b", len(b), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		mulSIMD(unsafe.SliceData(dst), unsafe.SliceData(a), unsafe.SliceData(b), uintptr(len(dst)), sa, sb)
	default:
		MulRef(dst, a, b)
	}
}

// MulRef is the plain Go [MulTo].
func MulRef[F Float](dst, a, b []F) {
	sa, sb := step(a, len(dst)), step(b, len(dst))
	for i := range dst {
		dst[i] = a[i*sa] * b[i*sb]
	}
}

// DivTo is dst[i] = a[i] / b[i].
func DivTo(dst, a, b []float32) {
	sa, sb := advance("DivTo: a", len(a), len(dst)), advance("DivTo: b", len(b), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		divSIMD(unsafe.SliceData(dst), unsafe.SliceData(a), unsafe.SliceData(b), uintptr(len(dst)), sa, sb)
	default:
		DivRef(dst, a, b)
	}
}

// DivRef is the plain Go [DivTo].
func DivRef[F Float](dst, a, b []F) {
	sa, sb := step(a, len(dst)), step(b, len(dst))
	for i := range dst {
		dst[i] = a[i*sa] / b[i*sb]
	}
}

// MinimumTo is dst[i] = the smaller of a[i] and b[i], NaN if either is.
func MinimumTo(dst, a, b []float32) {
	sa, sb := advance("MinimumTo: a", len(a), len(dst)), advance("MinimumTo: b", len(b), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		minimumSIMD(unsafe.SliceData(dst), unsafe.SliceData(a), unsafe.SliceData(b), uintptr(len(dst)), sa, sb)
	default:
		MinimumRef(dst, a, b)
	}
}

// MinimumRef is the plain Go [MinimumTo].
func MinimumRef[F Float](dst, a, b []F) {
	sa, sb := step(a, len(dst)), step(b, len(dst))
	for i := range dst {
		dst[i] = min(a[i*sa], b[i*sb])
	}
}

// MaximumTo is dst[i] = the larger of a[i] and b[i], NaN if either is.
func MaximumTo(dst, a, b []float32) {
	sa, sb := advance("MaximumTo: a", len(a), len(dst)), advance("MaximumTo: b", len(b), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		maximumSIMD(unsafe.SliceData(dst), unsafe.SliceData(a), unsafe.SliceData(b), uintptr(len(dst)), sa, sb)
	default:
		MaximumRef(dst, a, b)
	}
}

// MaximumRef is the plain Go [MaximumTo].
func MaximumRef[F Float](dst, a, b []F) {
	sa, sb := step(a, len(dst)), step(b, len(dst))
	for i := range dst {
		dst[i] = max(a[i*sa], b[i*sb])
	}
}

// EqTo is dst[i] = 1 where a[i] = b[i], else 0.
func EqTo(dst, a, b []float32) {
	sa, sb := advance("EqTo: a", len(a), len(dst)), advance("EqTo: b", len(b), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		eqSIMD(unsafe.SliceData(dst), unsafe.SliceData(a), unsafe.SliceData(b), uintptr(len(dst)), sa, sb)
	default:
		EqRef(dst, a, b)
	}
}

// EqRef is the plain Go [EqTo].
func EqRef[F Float](dst, a, b []F) {
	sa, sb := step(a, len(dst)), step(b, len(dst))
	for i := range dst {
		dst[i] = truth[F](a[i*sa] == b[i*sb])
	}
}

// NeTo is dst[i] = 1 where a[i] ≠ b[i], else 0.
func NeTo(dst, a, b []float32) {
	sa, sb := advance("NeTo: a", len(a), len(dst)), advance("NeTo: b", len(b), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		neSIMD(unsafe.SliceData(dst), unsafe.SliceData(a), unsafe.SliceData(b), uintptr(len(dst)), sa, sb)
	default:
		NeRef(dst, a, b)
	}
}

// NeRef is the plain Go [NeTo].
func NeRef[F Float](dst, a, b []F) {
	sa, sb := step(a, len(dst)), step(b, len(dst))
	for i := range dst {
		dst[i] = truth[F](a[i*sa] != b[i*sb])
	}
}

// LtTo is dst[i] = 1 where a[i] < b[i], else 0.
func LtTo(dst, a, b []float32) {
	sa, sb := advance("LtTo: a", len(a), len(dst)), advance("LtTo: b", len(b), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		ltSIMD(unsafe.SliceData(dst), unsafe.SliceData(a), unsafe.SliceData(b), uintptr(len(dst)), sa, sb)
	default:
		LtRef(dst, a, b)
	}
}

// LtRef is the plain Go [LtTo].
func LtRef[F Float](dst, a, b []F) {
	sa, sb := step(a, len(dst)), step(b, len(dst))
	for i := range dst {
		dst[i] = truth[F](a[i*sa] < b[i*sb])
	}
}

// LeTo is dst[i] = 1 where a[i] ≤ b[i], else 0.
func LeTo(dst, a, b []float32) {
	sa, sb := advance("LeTo: a", len(a), len(dst)), advance("LeTo: b", len(b), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		leSIMD(unsafe.SliceData(dst), unsafe.SliceData(a), unsafe.SliceData(b), uintptr(len(dst)), sa, sb)
	default:
		LeRef(dst, a, b)
	}
}

// LeRef is the plain Go [LeTo].
func LeRef[F Float](dst, a, b []F) {
	sa, sb := step(a, len(dst)), step(b, len(dst))
	for i := range dst {
		dst[i] = truth[F](a[i*sa] <= b[i*sb])
	}
}

// AndTo is dst[i] = 1 where neither a[i] nor b[i] is 0, else 0.
func AndTo(dst, a, b []float32) {
	sa, sb := advance("AndTo: a", len(a), len(dst)), advance("AndTo: b", len(b), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		andSIMD(unsafe.SliceData(dst), unsafe.SliceData(a), unsafe.SliceData(b), uintptr(len(dst)), sa, sb)
	default:
		AndRef(dst, a, b)
	}
}

// AndRef is the plain Go [AndTo].
func AndRef[F Float](dst, a, b []F) {
	sa, sb := step(a, len(dst)), step(b, len(dst))
	for i := range dst {
		dst[i] = truth[F](a[i*sa] != 0 && b[i*sb] != 0)
	}
}

// OrTo is dst[i] = 1 where a[i] or b[i] is not 0, else 0.
func OrTo(dst, a, b []float32) {
	sa, sb := advance("OrTo: a", len(a), len(dst)), advance("OrTo: b", len(b), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		orSIMD(unsafe.SliceData(dst), unsafe.SliceData(a), unsafe.SliceData(b), uintptr(len(dst)), sa, sb)
	default:
		OrRef(dst, a, b)
	}
}

// OrRef is the plain Go [OrTo].
func OrRef[F Float](dst, a, b []F) {
	sa, sb := step(a, len(dst)), step(b, len(dst))
	for i := range dst {
		dst[i] = truth[F](a[i*sa] != 0 || b[i*sb] != 0)
	}
}

// WithinTo is dst[i] = 1 where lo ≤ x[i] ≤ hi, else 0.
func WithinTo(dst, x []float32, lo, hi float32) {
	checkLen("WithinTo", "x", len(x), len(dst))
	if active >= levelAVX2 {
		withinSIMD(unsafe.SliceData(dst), unsafe.SliceData(x), uintptr(len(x)), lo, hi)
		return
	}
	WithinRef(dst, x, lo, hi)
}

// WithinRef is the plain Go [WithinTo].
func WithinRef[F Float](dst, x []F, lo, hi F) {
	for i, v := range x {
		dst[i] = truth[F](v >= lo && v <= hi)
	}
}

// truth is 1 or 0.
func truth[F Float](b bool) F {
	if b {
		return 1
	}
	return 0
}
