package kernel

import (
	"math"
	"unsafe"
)

// The functions of this file hold their bounds, in units of the last place, over every float32: denormal results
// are right, infinities and NaN give what the limit is.

// NegTo is dst[i] = -x[i].
func NegTo(dst, x []float32) {
	checkLen("NegTo", "x", len(x), len(dst))
	if active >= levelAVX2 {
		negSIMD(unsafe.SliceData(dst), unsafe.SliceData(x), uintptr(len(x)), 0, 0)
		return
	}
	NegRef(dst, x)
}

// NegRef is the plain Go [NegTo].
func NegRef[F Float](dst, x []F) {
	for i, v := range x {
		dst[i] = -v
	}
}

// AbsTo is dst[i] = |x[i]|.
func AbsTo(dst, x []float32) {
	checkLen("AbsTo", "x", len(x), len(dst))
	if active >= levelAVX2 {
		absSIMD(unsafe.SliceData(dst), unsafe.SliceData(x), uintptr(len(x)), 0, 0)
		return
	}
	AbsRef(dst, x)
}

// AbsRef is the plain Go [AbsTo].
func AbsRef[F Float](dst, x []F) {
	for i, v := range x {
		dst[i] = F(math.Abs(float64(v)))
	}
}

// SqrtTo is dst[i] = √x[i], rounded once, NaN below 0.
func SqrtTo(dst, x []float32) {
	checkLen("SqrtTo", "x", len(x), len(dst))
	if active >= levelAVX2 {
		sqrtSIMD(unsafe.SliceData(dst), unsafe.SliceData(x), uintptr(len(x)), 0, 0)
		return
	}
	SqrtRef(dst, x)
}

// SqrtRef is the plain Go [SqrtTo].
func SqrtRef[F Float](dst, x []F) {
	for i, v := range x {
		dst[i] = F(math.Sqrt(float64(v)))
	}
}

// LogTo is dst[i] = the natural logarithm of x[i]: -Inf at 0, NaN below, within 1 ulp.
func LogTo(dst, x []float32) {
	checkLen("LogTo", "x", len(x), len(dst))
	if active >= levelAVX2 {
		logSIMD(unsafe.SliceData(dst), unsafe.SliceData(x), uintptr(len(x)), 0, 0)
		return
	}
	LogRef(dst, x)
}

// LogRef is the plain Go [LogTo].
func LogRef[F Float](dst, x []F) {
	for i, v := range x {
		dst[i] = F(math.Log(float64(v)))
	}
}

// Log1pTo is dst[i] = log(1+x[i]): -Inf at -1, NaN below, within 2 ulp.
func Log1pTo(dst, x []float32) {
	checkLen("Log1pTo", "x", len(x), len(dst))
	if active >= levelAVX2 {
		log1pSIMD(unsafe.SliceData(dst), unsafe.SliceData(x), uintptr(len(x)), 0, 0)
		return
	}
	Log1pRef(dst, x)
}

// Log1pRef is the plain Go [Log1pTo].
func Log1pRef[F Float](dst, x []F) {
	for i, v := range x {
		dst[i] = F(math.Log1p(float64(v)))
	}
}

// Expm1To is dst[i] = exp(x[i])-1, within 2 ulp.
func Expm1To(dst, x []float32) {
	checkLen("Expm1To", "x", len(x), len(dst))
	if active >= levelAVX2 {
		expm1SIMD(unsafe.SliceData(dst), unsafe.SliceData(x), uintptr(len(x)), 0, 0)
		return
	}
	Expm1Ref(dst, x)
}

// Expm1Ref is the plain Go [Expm1To].
func Expm1Ref[F Float](dst, x []F) {
	for i, v := range x {
		dst[i] = F(math.Expm1(float64(v)))
	}
}

// SigmoidTo is dst[i] = 1/(1+exp(-x[i])), within 3 ulp.
func SigmoidTo(dst, x []float32) {
	checkLen("SigmoidTo", "x", len(x), len(dst))
	if active >= levelAVX2 {
		sigmoidSIMD(unsafe.SliceData(dst), unsafe.SliceData(x), uintptr(len(x)), 0, 0)
		return
	}
	SigmoidRef(dst, x)
}

// SigmoidRef is the plain Go [SigmoidTo].
func SigmoidRef[F Float](dst, x []F) {
	for i, v := range x {
		dst[i] = F(sigmoid(float64(v)))
	}
}

// SoftplusTo is dst[i] = log(1+exp(x[i])), without overflow, within 2 ulp.
func SoftplusTo(dst, x []float32) {
	checkLen("SoftplusTo", "x", len(x), len(dst))
	if active >= levelAVX2 {
		softplusSIMD(unsafe.SliceData(dst), unsafe.SliceData(x), uintptr(len(x)), 0, 0)
		return
	}
	SoftplusRef(dst, x)
}

// SoftplusRef is the plain Go [SoftplusTo].
func SoftplusRef[F Float](dst, x []F) {
	for i, v := range x {
		dst[i] = F(softplus(float64(v)))
	}
}

// LogSigmoidTo is dst[i] = log(1/(1+exp(-x[i]))), without overflow, within 2 ulp.
func LogSigmoidTo(dst, x []float32) {
	checkLen("LogSigmoidTo", "x", len(x), len(dst))
	if active >= levelAVX2 {
		logSigmoidSIMD(unsafe.SliceData(dst), unsafe.SliceData(x), uintptr(len(x)), 0, 0)
		return
	}
	LogSigmoidRef(dst, x)
}

// LogSigmoidRef is the plain Go [LogSigmoidTo].
func LogSigmoidRef[F Float](dst, x []F) {
	for i, v := range x {
		dst[i] = F(-softplus(-float64(v)))
	}
}

// TanhTo is dst[i] = the hyperbolic tangent of x[i], within 3 ulp.
func TanhTo(dst, x []float32) {
	checkLen("TanhTo", "x", len(x), len(dst))
	if active >= levelAVX2 {
		tanhSIMD(unsafe.SliceData(dst), unsafe.SliceData(x), uintptr(len(x)), 0, 0)
		return
	}
	TanhRef(dst, x)
}

// TanhRef is the plain Go [TanhTo].
func TanhRef[F Float](dst, x []F) {
	for i, v := range x {
		dst[i] = F(math.Tanh(float64(v)))
	}
}

// ClampTo is x[i] limited to [lo, hi]; NaN stays.
func ClampTo(dst, x []float32, lo, hi float32) {
	checkLen("ClampTo", "x", len(x), len(dst))
	if active >= levelAVX2 {
		clampSIMD(unsafe.SliceData(dst), unsafe.SliceData(x), uintptr(len(x)), lo, hi)
		return
	}
	ClampRef(dst, x, lo, hi)
}

// ClampRef is the plain Go [ClampTo].
func ClampRef[F Float](dst, x []F, lo, hi F) {
	for i, v := range x {
		dst[i] = min(max(v, lo), hi)
	}
}

// sigmoid is 1/(1+exp(-x)), without cancellation or overflow on either side.
func sigmoid(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + math.Exp(-x))
	}
	e := math.Exp(x)
	return e / (1 + e)
}

// softplus is log(1+exp(x)), without overflow.
func softplus(x float64) float64 {
	return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x)))
}
