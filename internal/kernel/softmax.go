package kernel

import (
	"math"
	"unsafe"
)

// ExpTo is dst[i] = exp(x[i]), within 0.9 ulp over every float32: denormal results are right, overflow is +Inf,
// exp(-Inf) is 0 and exp(NaN) is NaN.
func ExpTo(dst, x []float32) {
	checkLen("ExpTo", "x", len(x), len(dst))
	if active >= levelAVX2 {
		expSIMD(unsafe.SliceData(dst), unsafe.SliceData(x), uintptr(len(x)), 0, 0)
		return
	}
	ExpRef(dst, x)
}

// ExpRef is the plain Go [ExpTo].
func ExpRef[F Float](dst, x []F) {
	for i, v := range x {
		dst[i] = F(math.Exp(float64(v)))
	}
}

// ExpSumTo is dst[i] = exp(x[i]-shift); it returns Σ dst[i]. With shift the row's [LogSumExp] dst is its
// softmax. For |x[i]-shift| of a few units the error of the sum is below (n/8+12)·2⁻²⁴ of it.
func ExpSumTo(dst, x []float32, shift float32) float32 {
	checkLen("ExpSumTo", "x", len(x), len(dst))
	switch active {
	case levelAVX512:
		return expSumAVX512(unsafe.SliceData(dst), unsafe.SliceData(x), uintptr(len(x)), shift)
	case levelAVX2:
		return expSumAVX2(unsafe.SliceData(dst), unsafe.SliceData(x), uintptr(len(x)), shift)
	}
	return ExpSumRef(dst, x, shift)
}

// ExpSumRef is the plain Go [ExpSumTo].
func ExpSumRef[F Float](dst, x []F, shift F) F {
	var sum float64
	for i, v := range x {
		e := F(math.Exp(float64(v - shift)))
		dst[i] = e
		sum += float64(e)
	}
	return F(sum)
}

// Max is the largest value of x, NaN if x holds one, and -Inf if x is empty.
func Max(x []float32) float32 {
	if active >= levelAVX2 {
		return maxAVX2(unsafe.SliceData(x), uintptr(len(x)))
	}
	return MaxRef(x)
}

// MaxRef is the plain Go [Max].
func MaxRef[F Float](x []F) F {
	m := F(math.Inf(-1))
	for _, v := range x {
		m = max(m, v)
	}
	return m
}

// SoftmaxTo is dst[i] = exp(x[i]) / Σ exp(x[j]), computed from x[i]-max(x), within (n/8+20)·2⁻²⁴ of the result for
// |x[i]-max(x)| of a few units. A row that holds NaN or +Inf, or nothing
// above -Inf, gives NaN.
func SoftmaxTo(dst, x []float32) {
	checkLen("SoftmaxTo", "x", len(x), len(dst))
	Scale(1/ExpSumTo(dst, x, Max(x)), dst)
}

// SoftmaxRef is the plain Go [SoftmaxTo].
func SoftmaxRef[F Float](dst, x []F) {
	f := 1 / ExpSumRef(dst, x, MaxRef(x))
	for i := range dst {
		dst[i] *= f
	}
}

// LogSumExp is log Σ exp(x[i]), computed from x[i]-max(x): -Inf for an empty row or one of -Inf alone, +Inf if x
// holds +Inf, NaN if x holds NaN. Its error is below (n/8+12+|result|)·2⁻²⁴.
func LogSumExp(x []float32) float32 {
	if active == levelGo {
		return LogSumExpRef(x)
	}
	m := Max(x)
	if math.IsInf(float64(m), 0) {
		return m
	}
	var sum float32
	if active == levelAVX512 {
		sum = expSumAVX512(nil, unsafe.SliceData(x), uintptr(len(x)), m)
	} else {
		sum = expSumAVX2(nil, unsafe.SliceData(x), uintptr(len(x)), m)
	}
	return m + float32(math.Log(float64(sum)))
}

// LogSumExpRef is the plain Go [LogSumExp].
func LogSumExpRef[F Float](x []F) F {
	m := MaxRef(x)
	if math.IsInf(float64(m), 0) {
		return m
	}
	var sum float64
	for _, v := range x {
		sum += math.Exp(float64(v - m))
	}
	return m + F(math.Log(sum))
}
