package kernel

import "unsafe"

// The functions of this file are the gradients of elementwise operations. What they leave out cannot put NaN or an
// infinity into dst. g and x may be one value, as in [AddTo]. Every implementation gives the same bits.

// MulAdd is dst[i] += g[i]·x[i] where g[i] is not 0, the product rounded first.
func MulAdd(dst, g, x []float32) {
	sg, sx := advance("MulAdd: g", len(g), len(dst)), advance("MulAdd: x", len(x), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		mulAddSIMD(unsafe.SliceData(dst), unsafe.SliceData(g), unsafe.SliceData(x), uintptr(len(dst)), sg, sx, 0, 0)
	default:
		MulAddRef(dst, g, x)
	}
}

// MulAddRef is the plain Go [MulAdd].
func MulAddRef[F Float](dst, g, x []F) {
	sg, sx := step(g, len(dst)), step(x, len(dst))
	for i := range dst {
		v := g[i*sg]
		if v != 0 {
			dst[i] += F(v * x[i*sx])
		}
	}
}

// MulIfTo is [MulAdd] into zeros: dst[i] = g[i]·x[i] where g[i] is not 0, else 0, and 0 for -0.
func MulIfTo(dst, g, x []float32) {
	sg, sx := advance("MulIfTo: g", len(g), len(dst)), advance("MulIfTo: x", len(x), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		mulIfSIMD(unsafe.SliceData(dst), unsafe.SliceData(g), unsafe.SliceData(x), uintptr(len(dst)), sg, sx)
	default:
		MulIfRef(dst, g, x)
	}
}

// MulIfRef is the plain Go [MulIfTo].
func MulIfRef[F Float](dst, g, x []F) {
	sg, sx := step(g, len(dst)), step(x, len(dst))
	for i := range dst {
		v := g[i*sg]
		if v != 0 {
			v = F(v * x[i*sx])
		}
		dst[i] = v + 0
	}
}

// DivAdd is dst[i] += g[i] / x[i] where g[i] is not 0.
func DivAdd(dst, g, x []float32) {
	sg, sx := advance("DivAdd: g", len(g), len(dst)), advance("DivAdd: x", len(x), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		divAddSIMD(unsafe.SliceData(dst), unsafe.SliceData(g), unsafe.SliceData(x), uintptr(len(dst)), sg, sx, 0, 0)
	default:
		DivAddRef(dst, g, x)
	}
}

// DivAddRef is the plain Go [DivAdd].
func DivAddRef[F Float](dst, g, x []F) {
	sg, sx := step(g, len(dst)), step(x, len(dst))
	for i := range dst {
		v := g[i*sg]
		if v != 0 {
			dst[i] += v / x[i*sx]
		}
	}
}

// AddIf is dst[i] += g[i] where x[i] is not 0.
func AddIf(dst, g, x []float32) {
	sg, sx := advance("AddIf: g", len(g), len(dst)), advance("AddIf: x", len(x), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		addIfSIMD(unsafe.SliceData(dst), unsafe.SliceData(g), unsafe.SliceData(x), uintptr(len(dst)), sg, sx, 0, 0)
	default:
		AddIfRef(dst, g, x)
	}
}

// AddIfRef is the plain Go [AddIf].
func AddIfRef[F Float](dst, g, x []F) {
	sg, sx := step(g, len(dst)), step(x, len(dst))
	for i := range dst {
		v := g[i*sg]
		if x[i*sx] != 0 {
			dst[i] += v
		}
	}
}

// AddUnless is dst[i] += g[i] where x[i] is 0.
func AddUnless(dst, g, x []float32) {
	sg, sx := advance("AddUnless: g", len(g), len(dst)), advance("AddUnless: x", len(x), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		addUnlessSIMD(unsafe.SliceData(dst), unsafe.SliceData(g), unsafe.SliceData(x), uintptr(len(dst)), sg, sx, 0, 0)
	default:
		AddUnlessRef(dst, g, x)
	}
}

// AddUnlessRef is the plain Go [AddUnless].
func AddUnlessRef[F Float](dst, g, x []F) {
	sg, sx := step(g, len(dst)), step(x, len(dst))
	for i := range dst {
		v := g[i*sg]
		if x[i*sx] == 0 {
			dst[i] += v
		}
	}
}

// AddSigned is dst[i] += g[i] where x[i] is above 0, dst[i] -= g[i] where it is below.
func AddSigned(dst, g, x []float32) {
	sg, sx := advance("AddSigned: g", len(g), len(dst)), advance("AddSigned: x", len(x), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		addSignedSIMD(unsafe.SliceData(dst), unsafe.SliceData(g), unsafe.SliceData(x), uintptr(len(dst)), sg, sx, 0, 0)
	default:
		AddSignedRef(dst, g, x)
	}
}

// AddSignedRef is the plain Go [AddSigned].
func AddSignedRef[F Float](dst, g, x []F) {
	sg, sx := step(g, len(dst)), step(x, len(dst))
	for i := range dst {
		v := g[i*sg]
		switch {
		case x[i*sx] > 0:
			dst[i] += v
		case x[i*sx] < 0:
			dst[i] -= v
		}
	}
}

// AddWithin is dst[i] += g[i] where lo ≤ x[i] ≤ hi.
func AddWithin(dst, g, x []float32, lo, hi float32) {
	sg, sx := advance("AddWithin: g", len(g), len(dst)), advance("AddWithin: x", len(x), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		addWithinSIMD(unsafe.SliceData(dst), unsafe.SliceData(g), unsafe.SliceData(x), uintptr(len(dst)), sg, sx, lo, hi)
	default:
		AddWithinRef(dst, g, x, lo, hi)
	}
}

// AddWithinRef is the plain Go [AddWithin].
func AddWithinRef[F Float](dst, g, x []F, lo, hi F) {
	sg, sx := step(g, len(dst)), step(x, len(dst))
	for i := range dst {
		v := g[i*sg]
		if x[i*sx] >= lo && x[i*sx] <= hi {
			dst[i] += v
		}
	}
}

// MinimumBack is the gradient of [MinimumTo] with respect to a, or to b with both changed over: dst[i] += g[i] where
// a[i] < b[i], and half of it where they are equal. Each of the three may be one value.
func MinimumBack(dst, g, a, b []float32) {
	sg := advance("MinimumBack: g", len(g), len(dst))
	sa, sb := advance("MinimumBack: a", len(a), len(dst)), advance("MinimumBack: b", len(b), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		minimumBackSIMD(unsafe.SliceData(dst), unsafe.SliceData(g), unsafe.SliceData(a), unsafe.SliceData(b), uintptr(len(dst)), sg, sa, sb)
	default:
		MinimumBackRef(dst, g, a, b)
	}
}

// MinimumBackRef is the plain Go [MinimumBack].
func MinimumBackRef[F Float](dst, g, a, b []F) {
	sg, sa, sb := step(g, len(dst)), step(a, len(dst)), step(b, len(dst))
	for i := range dst {
		switch x, y := a[i*sa], b[i*sb]; {
		case x < y:
			dst[i] += g[i*sg]
		case x == y:
			dst[i] += F(g[i*sg] * 0.5)
		}
	}
}

// MaximumBack is the gradient of [MaximumTo] with respect to a, or to b with both changed over: dst[i] += g[i] where
// a[i] > b[i], and half of it where they are equal. Each of the three may be one value.
func MaximumBack(dst, g, a, b []float32) {
	sg := advance("MaximumBack: g", len(g), len(dst))
	sa, sb := advance("MaximumBack: a", len(a), len(dst)), advance("MaximumBack: b", len(b), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		maximumBackSIMD(unsafe.SliceData(dst), unsafe.SliceData(g), unsafe.SliceData(a), unsafe.SliceData(b), uintptr(len(dst)), sg, sa, sb)
	default:
		MaximumBackRef(dst, g, a, b)
	}
}

// MaximumBackRef is the plain Go [MaximumBack].
func MaximumBackRef[F Float](dst, g, a, b []F) { MinimumBackRef(dst, g, b, a) }

// SelectTo is dst[i] = a[i] where mask[i] is not 0, else b[i]. Each of the three may be one value.
func SelectTo(dst, mask, a, b []float32) {
	sm := advance("SelectTo: mask", len(mask), len(dst))
	sa, sb := advance("SelectTo: a", len(a), len(dst)), advance("SelectTo: b", len(b), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		selectSIMD(unsafe.SliceData(dst), unsafe.SliceData(mask), unsafe.SliceData(a), unsafe.SliceData(b), uintptr(len(dst)), sm, sa, sb)
	default:
		SelectRef(dst, mask, a, b)
	}
}

// SelectRef is the plain Go [SelectTo].
func SelectRef[F Float](dst, mask, a, b []F) {
	sm, sa, sb := step(mask, len(dst)), step(a, len(dst)), step(b, len(dst))
	for i := range dst {
		if mask[i*sm] != 0 {
			dst[i] = a[i*sa]
		} else {
			dst[i] = b[i*sb]
		}
	}
}
