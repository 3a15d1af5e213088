package kernel

import (
	"math"
	"unsafe"
)

// The functions of this file compute each element in float64 and round it to float32 once, and once more where it is
// added to another. One value may stand for many. Except for the last units of [PowTo] and [PowBack] every implementation gives the
// same bits.

var unit = [1]float32{1}

// PowTo is dst[i] = a[i] to the power of b[i], within 0.51 ulp, with the special cases of [math.Pow].
func PowTo(dst, a, b []float32) {
	sa, sb := advance("PowTo: a", len(a), len(dst)), advance("PowTo: b", len(b), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		x, y := unsafe.SliceData(a), unsafe.SliceData(b)
		powSIMD(unsafe.SliceData(dst), x, y, &unit[0], uintptr(len(dst)), sa, sb, 0, 0, 0)
	default:
		PowRef(dst, a, b)
	}
}

// PowRef is the plain Go [PowTo].
func PowRef[F Float](dst, a, b []F) {
	sa, sb := step(a, len(dst)), step(b, len(dst))
	for i := range dst {
		dst[i] = F(math.Pow(float64(a[i*sa]), float64(b[i*sb])))
	}
}

// PowBack is the gradient of a[i]^b[i] with respect to a: dst[i] += g[i]·b[i]·a[i]^(b[i]-1) where neither g[i] nor b[i] is
// 0, the term within 0.51 ulp before it is added.
func PowBack(dst, g, a, b []float32) {
	sg := advance("PowBack: g", len(g), len(dst))
	sa, sb := advance("PowBack: a", len(a), len(dst)), advance("PowBack: b", len(b), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		powBackSIMD(unsafe.SliceData(dst), unsafe.SliceData(a), unsafe.SliceData(b), unsafe.SliceData(g), uintptr(len(dst)), sa, sb, sg, 0, 0)
	default:
		PowBackRef(dst, g, a, b)
	}
}

// PowBackRef is the plain Go [PowBack].
func PowBackRef[F Float](dst, g, a, b []F) {
	sg, sa, sb := step(g, len(dst)), step(a, len(dst)), step(b, len(dst))
	for i := range dst {
		if v, y := float64(g[i*sg]), float64(b[i*sb]); v != 0 && y != 0 {
			dst[i] += F(math.Pow(float64(a[i*sa]), y-1) * y * v)
		}
	}
}

// DivBack is the gradient of a[i]/b[i] with respect to b: dst[i] -= g[i]·a[i]/b[i]² where g[i] is not 0.
func DivBack(dst, g, a, b []float32) {
	sg := advance("DivBack: g", len(g), len(dst))
	sa, sb := advance("DivBack: a", len(a), len(dst)), advance("DivBack: b", len(b), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		divBackSIMD(unsafe.SliceData(dst), unsafe.SliceData(g), unsafe.SliceData(a), unsafe.SliceData(b), uintptr(len(dst)), sg, sa, sb, 0, 0)
	default:
		DivBackRef(dst, g, a, b)
	}
}

// DivBackRef is the plain Go [DivBack].
func DivBackRef[F Float](dst, g, a, b []F) {
	sg, sa, sb := step(g, len(dst)), step(a, len(dst)), step(b, len(dst))
	for i := range dst {
		if v, w := float64(g[i*sg]), float64(b[i*sb]); v != 0 {
			dst[i] -= F(float64(v*float64(a[i*sa])) / float64(w*w))
		}
	}
}

// AddCentered is dst[i] += scale·(x[i]-mean): the gradient of a variance.
func AddCentered(dst, x []float32, mean, scale float64) {
	checkLen("AddCentered", "x", len(x), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		addScaledSIMD(unsafe.SliceData(dst), unsafe.SliceData(x), &unit[0], &unit[0], uintptr(len(dst)), 32, 0, 0, mean, scale)
	default:
		AddCenteredRef(dst, x, mean, scale)
	}
}

// AddCenteredRef is the plain Go [AddCentered].
func AddCenteredRef[F Float](dst, x []F, mean, scale float64) {
	for i, v := range x {
		dst[i] += F((float64(v) - mean) * scale)
	}
}
