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

// Axpy is y[i] += alpha·x[i].
func Axpy(alpha float32, x, y []float32) {
	checkLen("Axpy", "y", len(y), len(x))
	if active >= levelAVX2 {
		axpyAVX2(alpha, unsafe.SliceData(x), unsafe.SliceData(y), uintptr(len(x)))
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
		scaleAVX2(alpha, unsafe.SliceData(x), uintptr(len(x)))
		return
	}
	for i := range x {
		x[i] *= alpha
	}
}

// Sum is Σ x[i] in float64: the bits are the same with every implementation.
func Sum(x []float32) float64 {
	if active >= levelAVX2 {
		return sumAVX2(unsafe.SliceData(x), uintptr(len(x)))
	}
	return SumRef(x)
}

// SumRef is the plain Go [Sum].
func SumRef[F Float](x []F) float64 {
	var s [16]float64
	for ; len(x) >= 16; x = x[16:] {
		x := (*[16]F)(x)
		for j := range s {
			s[j] += float64(x[j])
		}
	}
	if len(x) >= 8 {
		for j, v := range x[:8] {
			s[j] += float64(v)
		}
		x = x[8:]
	}
	for j, v := range x {
		s[8+j] += float64(v)
	}
	for j := range 4 {
		s[j] = (s[j] + s[j+8]) + (s[j+4] + s[j+12])
	}
	return (s[0] + s[2]) + (s[1] + s[3])
}

// SumSquares is Σ x[i]², summed in float64.
func SumSquares(x []float32) float64 {
	if active >= levelAVX2 {
		return sumSquaresAVX2(unsafe.SliceData(x), uintptr(len(x)))
	}
	return SumSquaresRef(x)
}

// SumSquaresRef is the plain Go [SumSquares].
func SumSquaresRef[F Float](x []F) float64 {
	var s [4]float64
	i := 0
	for ; i+4 <= len(x); i += 4 {
		x := (*[4]F)(x[i:])
		for j := range s {
			v := float64(x[j])
			s[j] += float64(v * v)
		}
	}
	for ; i < len(x); i++ {
		v := float64(x[i])
		s[0] += float64(v * v)
	}
	return (s[0] + s[2]) + (s[1] + s[3])
}
