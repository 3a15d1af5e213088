package kernel

import (
	"math"
	"unsafe"
)

// The sums of this file are taken in float64, in one order with every implementation: their bits are the same.

// lanes are the sums that the elements of a slice go to, element i to lane i mod 32.
type lanes [32]float64

// total adds them up by halves.
func (s *lanes) total() float64 {
	for h := len(s) / 2; h > 0; h /= 2 {
		for j := range h {
			s[j] += s[j+h]
		}
	}
	return s[0]
}

// Sum is Σ x[i].
func Sum(x []float32) float64 {
	if active >= levelAVX2 {
		return sumSIMD(unsafe.SliceData(x), unsafe.SliceData(x), unsafe.SliceData(x), uintptr(len(x)), 0)
	}
	return SumRef(x)
}

// SumRef is the plain Go [Sum].
func SumRef[F Float](x []F) float64 {
	var s lanes
	for i, v := range x {
		s[i%len(s)] += float64(v)
	}
	return s.total()
}

// SumSquares is Σ x[i]².
func SumSquares(x []float32) float64 {
	if active >= levelAVX2 {
		return sumSquaresSIMD(unsafe.SliceData(x), unsafe.SliceData(x), unsafe.SliceData(x), uintptr(len(x)), 0)
	}
	return SumSquaresRef(x)
}

// SumSquaresRef is the plain Go [SumSquares].
func SumSquaresRef[F Float](x []F) float64 {
	var s lanes
	for i, v := range x {
		s[i%len(s)] += float64(float64(v) * float64(v))
	}
	return s.total()
}

// SumProducts is Σ x[i]·y[i], the products exact.
func SumProducts(x, y []float32) float64 {
	checkLen("SumProducts", "y", len(y), len(x))
	if active >= levelAVX2 {
		return sumProductsSIMD(unsafe.SliceData(x), unsafe.SliceData(y), unsafe.SliceData(x), uintptr(len(x)), 0)
	}
	return SumProductsRef(x, y)
}

// SumProductsRef is the plain Go [SumProducts].
func SumProductsRef[F Float](x, y []F) float64 {
	var s lanes
	for i, v := range x {
		s[i%len(s)] += float64(float64(v) * float64(y[i]))
	}
	return s.total()
}

// sumTriplesRef is Σ (x[i]·y[i])·z[i], the first product rounded.
func sumTriplesRef[F Float](x, y, z []F) float64 {
	var s lanes
	for i, v := range x {
		s[i%len(s)] += float64(float64(F(v*y[i])) * float64(z[i]))
	}
	return s.total()
}

// SumScaled is Σ (scale·x[i])·y[i], the first product rounded, the second exact.
func SumScaled(scale float32, x, y []float32) float64 {
	checkLen("SumScaled", "y", len(y), len(x))
	if active >= levelAVX2 {
		twice := uint64(math.Float32bits(scale))
		twice |= twice << 32
		return sumScaledSIMD(unsafe.SliceData(x), unsafe.SliceData(y), unsafe.SliceData(x), uintptr(len(x)), math.Float64frombits(twice))
	}
	return SumScaledRef(scale, x, y)
}

// SumScaledRef is the plain Go [SumScaled].
func SumScaledRef[F Float](scale F, x, y []F) float64 {
	var s lanes
	for i, v := range x {
		s[i%len(s)] += float64(float64(F(scale*v)) * float64(y[i]))
	}
	return s.total()
}

// CenteredSumSquares is Σ (x[i]-mean)², every step in float64: divided by n-1, the variance.
func CenteredSumSquares(x []float32, mean float64) float64 {
	if active >= levelAVX2 {
		return sumDistancesSIMD(unsafe.SliceData(x), unsafe.SliceData(x), unsafe.SliceData(x), uintptr(len(x)), mean)
	}
	return CenteredSumSquaresRef(x, mean)
}

// CenteredSumSquaresRef is the plain Go [CenteredSumSquares].
func CenteredSumSquaresRef[F Float](x []F, mean float64) float64 {
	var s lanes
	for i, v := range x {
		d := float64(v) - mean
		s[i%len(s)] += float64(d * d)
	}
	return s.total()
}

// SumWhere is the sum of x[i] where mask[i] is not 0. NaN and infinities elsewhere do not enter.
func SumWhere(x, mask []float32) float64 {
	checkLen("SumWhere", "mask", len(mask), len(x))
	if active >= levelAVX2 {
		return sumWhereSIMD(unsafe.SliceData(x), unsafe.SliceData(mask), unsafe.SliceData(x), uintptr(len(x)), 0)
	}
	return SumWhereRef(x, mask)
}

// SumWhereRef is the plain Go [SumWhere].
func SumWhereRef[F Float](x, mask []F) float64 {
	var s lanes
	for i, v := range x {
		if mask[i] != 0 {
			s[i%len(s)] += float64(v)
		}
	}
	return s.total()
}

// Max is the largest value of x, NaN if x holds one, and -Inf if x is empty. A zero is +0.
func Max(x []float32) float32 {
	if active >= levelAVX2 {
		return maxSIMD(unsafe.SliceData(x), uintptr(len(x)), float32(math.Inf(-1)))
	}
	return MaxRef(x)
}

// MaxRef is the plain Go [Max].
func MaxRef[F Float](x []F) F {
	m := F(math.Inf(-1))
	for _, v := range x {
		m = max(m, v)
	}
	if m == 0 {
		m = 0
	}
	return m
}

// Min is the smallest value of x, NaN if x holds one, and +Inf if x is empty. A zero is +0.
func Min(x []float32) float32 {
	if active >= levelAVX2 {
		return minSIMD(unsafe.SliceData(x), uintptr(len(x)), float32(math.Inf(1)))
	}
	return MinRef(x)
}

// MinRef is the plain Go [Min].
func MinRef[F Float](x []F) F {
	m := F(math.Inf(1))
	for _, v := range x {
		m = min(m, v)
	}
	if m == 0 {
		m = 0
	}
	return m
}

// CountNonZero is how many elements of x are not 0; NaN is not.
func CountNonZero(x []float32) int {
	if active >= levelAVX2 {
		return int(countSIMD(unsafe.SliceData(x), uintptr(len(x)), 0))
	}
	return CountNonZeroRef(x)
}

// CountNonZeroRef is the plain Go [CountNonZero].
func CountNonZeroRef[F Float](x []F) int { return len(x) - CountEqualRef(x, 0) }

// CountEqual is how many elements of x equal v: with v = [Max], how many share the gradient.
func CountEqual(x []float32, v float32) int {
	if active >= levelAVX2 {
		return len(x) - int(countSIMD(unsafe.SliceData(x), uintptr(len(x)), v))
	}
	return CountEqualRef(x, v)
}

// CountEqualRef is the plain Go [CountEqual].
func CountEqualRef[F Float](x []F, v F) (n int) {
	for _, u := range x {
		if u == v {
			n++
		}
	}
	return n
}

// ArgMax is the position of the largest value of x, the first of equals; of the first NaN if there is one; -1 if x is
// empty.
func ArgMax(x []float32) int { return Index(x, Max(x)) }

// ArgMin is the position of the smallest value of x, the first of equals; of the first NaN if there is one; -1 if x is
// empty.
func ArgMin(x []float32) int { return Index(x, Min(x)) }

// Index is the position of the first element of x that equals v, or is NaN as v is; -1 if there is none.
func Index(x []float32, v float32) int {
	if active == levelGo || v != v {
		return IndexRef(x, v)
	}
	if i := int(indexSIMD(unsafe.SliceData(x), uintptr(len(x)), v)); i < len(x) {
		return i
	}
	return -1
}

// IndexRef is the plain Go [Index].
func IndexRef[F Float](x []F, v F) int {
	for i, u := range x {
		if u == v || u != u && v != v {
			return i
		}
	}
	return -1
}
