package kernel

import "unsafe"

// Float is the type of the plain Go references: float32 in use, float64 to check gradients.
type Float interface{ ~float32 | ~float64 }

// Dot is Σ x[i]·y[i]. Its error is below (n/8+10)·2⁻²⁴·Σ|x·y|.
func Dot(x, y []float32) float32 {
	checkLen("Dot", "y", len(y), len(x))
	if active >= levelAVX2 {
		return dotAVX2(unsafe.SliceData(x), unsafe.SliceData(y), uintptr(len(x)))
	}
	return DotRef(x, y)
}

// DotRef is the plain Go [Dot].
func DotRef[F Float](x, y []F) F {
	var s [8]F
	i := 0
	for ; i+8 <= len(x); i += 8 {
		x, y := (*[8]F)(x[i:]), (*[8]F)(y[i:])
		for j := range s {
			s[j] += F(x[j] * y[j])
		}
	}
	t := ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
	for ; i < len(x); i++ {
		t += F(x[i] * y[i])
	}
	return t
}

// Axpy is y[i] += alpha·x[i], the product rounded first.
func Axpy(alpha float32, x, y []float32) {
	checkLen("Axpy", "y", len(y), len(x))
	if active >= levelAVX2 {
		axpySIMD(unsafe.SliceData(y), unsafe.SliceData(x), &alpha, uintptr(len(x)), 32, 0, 0, 0)
		return
	}
	AxpyRef(alpha, x, y)
}

// AxpyRef is the plain Go [Axpy].
func AxpyRef[F Float](alpha F, x, y []F) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += F(alpha * v)
	}
}

// Scale is x[i] *= alpha.
func Scale(alpha float32, x []float32) {
	if active >= levelAVX2 {
		mulSIMD(unsafe.SliceData(x), unsafe.SliceData(x), &alpha, uintptr(len(x)), 32, 0)
		return
	}
	for i := range x {
		x[i] *= alpha
	}
}
