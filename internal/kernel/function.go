package kernel

import (
	"math"
	"unsafe"
)

// The functions of this file hold their bounds, in units of the last place, over every float32: denormal results
// are right, infinities and NaN give what the limit is. AVX2 and AVX-512 give the same bits.

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

// SigmoidSlopeTo is the derivative of the sigmoid, σ(x[i])·σ(-x[i]), without cancellation, within 4 ulp.
func SigmoidSlopeTo(dst, x []float32) {
	checkLen("SigmoidSlopeTo", "x", len(x), len(dst))
	if active >= levelAVX2 {
		sigmoidSlopeSIMD(unsafe.SliceData(dst), unsafe.SliceData(x), uintptr(len(x)), 0, 0)
		return
	}
	SigmoidSlopeRef(dst, x)
}

// SigmoidSlopeRef is the plain Go [SigmoidSlopeTo].
func SigmoidSlopeRef[F Float](dst, x []F) {
	for i, v := range x {
		e := math.Exp(-math.Abs(float64(v)))
		dst[i] = F(e / ((1 + e) * (1 + e)))
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

// SquareTo is dst[i] = x[i]², rounded once.
func SquareTo(dst, x []float32) {
	checkLen("SquareTo", "x", len(x), len(dst))
	if active >= levelAVX2 {
		squareSIMD(unsafe.SliceData(dst), unsafe.SliceData(x), uintptr(len(x)), 0, 0)
		return
	}
	SquareRef(dst, x)
}

// SquareRef is the plain Go [SquareTo].
func SquareRef[F Float](dst, x []F) {
	for i, v := range x {
		dst[i] = v * v
	}
}

// FloorTo is dst[i] = the largest integer not above x[i].
func FloorTo(dst, x []float32) {
	checkLen("FloorTo", "x", len(x), len(dst))
	if active >= levelAVX2 {
		floorSIMD(unsafe.SliceData(dst), unsafe.SliceData(x), uintptr(len(x)), 0, 0)
		return
	}
	FloorRef(dst, x)
}

// FloorRef is the plain Go [FloorTo].
func FloorRef[F Float](dst, x []F) {
	for i, v := range x {
		dst[i] = F(math.Floor(float64(v)))
	}
}

// RoundTo is dst[i] = the integer nearest to x[i], the even one of two.
func RoundTo(dst, x []float32) {
	checkLen("RoundTo", "x", len(x), len(dst))
	if active >= levelAVX2 {
		roundSIMD(unsafe.SliceData(dst), unsafe.SliceData(x), uintptr(len(x)), 0, 0)
		return
	}
	RoundRef(dst, x)
}

// RoundRef is the plain Go [RoundTo].
func RoundRef[F Float](dst, x []F) {
	for i, v := range x {
		dst[i] = F(math.RoundToEven(float64(v)))
	}
}

// SignTo is dst[i] = 1 where x[i] is above 0, -1 where it is below; zeros and NaN stay.
func SignTo(dst, x []float32) {
	checkLen("SignTo", "x", len(x), len(dst))
	if active >= levelAVX2 {
		signSIMD(unsafe.SliceData(dst), unsafe.SliceData(x), uintptr(len(x)), 0, 0)
		return
	}
	SignRef(dst, x)
}

// SignRef is the plain Go [SignTo].
func SignRef[F Float](dst, x []F) {
	for i, v := range x {
		switch {
		case v > 0:
			v = 1
		case v < 0:
			v = -1
		}
		dst[i] = v
	}
}

// ClampTo is dst[i] = x[i] limited to [lo, hi]; NaN stays, and so does a zero that equals a limit.
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
		if v < lo {
			v = lo
		}
		if v > hi {
			v = hi
		}
		dst[i] = v
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
