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

// ExpDiffTo is dst[i] = exp(a[i]-b[i]): the difference rounded, then as [ExpTo], with the same bits.
func ExpDiffTo(dst, a, b []float32) {
	checkLen("ExpDiffTo", "a", len(a), len(dst))
	checkLen("ExpDiffTo", "b", len(b), len(dst))
	if active >= levelAVX2 {
		expDiffSIMD(unsafe.SliceData(dst), unsafe.SliceData(a), unsafe.SliceData(b), uintptr(len(dst)))
		return
	}
	ExpDiffRef(dst, a, b)
}

// ExpDiffRef is the plain Go [ExpDiffTo].
func ExpDiffRef[F Float](dst, a, b []F) {
	for i, v := range a {
		dst[i] = F(math.Exp(float64(v - b[i])))
	}
}

// ExpSumTo is dst[i] = exp(x[i]-shift); it returns Σ dst[i], summed in float64. With shift the row's [LogSumExp] dst is
// its softmax. An element's error is below (2+|x[i]-shift|)·2⁻²⁴ of it, the sum's as large.
func ExpSumTo(dst, x []float32, shift float32) float32 {
	checkLen("ExpSumTo", "x", len(x), len(dst))
	if active == levelGo {
		return ExpSumRef(dst, x, shift)
	}
	// In two passes over what stays in the first-level cache: sums that wait for exponentials would hold them up.
	const tile = 2048
	var sum float64
	for len(x) > 0 {
		n := min(len(x), tile)
		expSIMD(unsafe.SliceData(dst), unsafe.SliceData(x), uintptr(n), shift, 0)
		sum += Sum(dst[:n])
		dst, x = dst[n:], x[n:]
	}
	return float32(sum)
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

// SoftmaxTo is dst[i] = exp(x[i]) / Σ exp(x[j]), computed from x[i]-max(x), within (8+|x[i]-max(x)|)·2⁻²⁴ of the
// result. A row that holds NaN or +Inf, or nothing above -Inf, gives NaN.
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

// SoftmaxBack adds the gradient of [SoftmaxTo] to dx, for the gradient dout of its result y:
//
//	dx[i] += y[i]·(dout[i] − Σ dout[j]·y[j])
//
// The sum and each term are taken in float64 and rounded once: every implementation gives the same bits.
func SoftmaxBack(dx, dout, y []float32) {
	checkLen("SoftmaxBack", "dout", len(dout), len(dx))
	checkLen("SoftmaxBack", "y", len(y), len(dx))
	mean := SumProducts(dout, y)
	switch {
	case len(dx) == 0:
	case active >= levelAVX2:
		addScaledSIMD(unsafe.SliceData(dx), unsafe.SliceData(dout), unsafe.SliceData(y), &unit[0], uintptr(len(dx)), 32, 32, 0, mean, 1)
	default:
		SoftmaxBackRef(dx, dout, y)
	}
}

// SoftmaxBackRef is the plain Go [SoftmaxBack].
func SoftmaxBackRef[F Float](dx, dout, y []F) {
	mean := SumProductsRef(dout, y)
	for i, d := range dout {
		dx[i] += F(float64(y[i]) * (float64(d) - mean))
	}
}

// LogSoftmaxTo is dst[i] = x[i] - log Σ exp(x[j]), within half a unit of the last place and 2·2⁻²⁴. A row that holds
// NaN or +Inf, or nothing above -Inf, gives NaN.
func LogSoftmaxTo(dst, x []float32) {
	checkLen("LogSoftmaxTo", "x", len(x), len(dst))
	switch {
	case len(dst) == 0:
	case active >= levelAVX2:
		top, rest := logSumExp(x)
		lessSIMD(unsafe.SliceData(dst), unsafe.SliceData(x), &unit[0], &unit[0], uintptr(len(dst)), 32, 0, 0, float64(top)+rest, 0)
	default:
		LogSoftmaxRef(dst, x)
	}
}

// LogSoftmaxRef is the plain Go [LogSoftmaxTo].
func LogSoftmaxRef[F Float](dst, x []F) {
	top, rest := logSumExpRef(x)
	for i, v := range x {
		dst[i] = F(float64(v) - (float64(top) + rest))
	}
}

// LogSoftmaxBack adds the gradient of [LogSoftmaxTo] to dx, for the gradient dout of its result y:
//
//	dx[i] += dout[i] − exp(y[i])·Σ dout[j]
//
// within 2·2⁻²⁴ of the second term and a rounding of the sum.
func LogSoftmaxBack(dx, dout, y []float32) {
	checkLen("LogSoftmaxBack", "dout", len(dout), len(dx))
	checkLen("LogSoftmaxBack", "y", len(y), len(dx))
	if active == levelGo {
		LogSoftmaxBackRef(dx, dout, y)
		return
	}
	sum := Sum(dout)
	var tile [rowTile]float32
	for len(dx) > 0 {
		n := min(len(dx), len(tile))
		expSIMD(&tile[0], unsafe.SliceData(y), uintptr(n), 0, 0)
		addLessSIMD(unsafe.SliceData(dx), unsafe.SliceData(dout), &tile[0], &unit[0], uintptr(n), 32, 32, 0, sum, 0)
		dx, dout, y = dx[n:], dout[n:], y[n:]
	}
}

// LogSoftmaxBackRef is the plain Go [LogSoftmaxBack].
func LogSoftmaxBackRef[F Float](dx, dout, y []F) {
	sum := SumRef(dout)
	for i, d := range dout {
		dx[i] += F(float64(d) - float64(math.Exp(float64(y[i]))*sum))
	}
}

// logSumExp is the largest element of x and log Σ exp(x[i]-largest), 0 where the largest is not finite.
func logSumExp(x []float32) (top float32, rest float64) {
	top = Max(x)
	if v := float64(top); math.IsInf(v, 0) || v != v {
		return top, 0
	}
	return top, math.Log(expSumSIMD(unsafe.SliceData(x), uintptr(len(x)), top))
}

// rowTile is how many elements of a row go through memory of their own at a time.
const rowTile = 512

// LogSumExp is log Σ exp(x[i]), computed from x[i]-max(x): -Inf for an empty row or one of -Inf alone, +Inf if x
// holds +Inf, NaN if x holds NaN. Its error is below (5+|result|)·2⁻²⁴.
func LogSumExp(x []float32) float32 {
	if active == levelGo {
		return LogSumExpRef(x)
	}
	top, rest := logSumExp(x)
	return float32(float64(top) + rest)
}

// LogSumExpRef is the plain Go [LogSumExp].
func LogSumExpRef[F Float](x []F) F {
	top, rest := logSumExpRef(x)
	return F(float64(top) + rest)
}

func logSumExpRef[F Float](x []F) (top F, rest float64) {
	top = MaxRef(x)
	if v := float64(top); math.IsInf(v, 0) || v != v {
		return top, 0
	}
	var sum float64
	for _, v := range x {
		sum += math.Exp(float64(v - top))
	}
	return top, math.Log(sum)
}

// LogSumExpBack adds the gradient of [LogSumExp] to dx, for the gradient dout of its result: dout·exp(x[i]) / Σ exp(x[j]),
// each within (6+|x[i]-max(x)|)·2⁻²⁴ of itself before it is added. A row of -Inf alone adds nothing.
func LogSumExpBack(dx, x []float32, dout float32) {
	checkLen("LogSumExpBack", "x", len(x), len(dx))
	if active == levelGo {
		LogSumExpBackRef(dx, x, dout)
		return
	}
	top, rest := logSumExp(x)
	if math.IsInf(float64(top), -1) {
		return
	}
	var tile [rowTile]float32
	factor := float32(float64(dout) * math.Exp(-rest))
	for len(dx) > 0 {
		n := min(len(dx), len(tile))
		expSIMD(&tile[0], unsafe.SliceData(x), uintptr(n), top, 0)
		Axpy(factor, tile[:n], dx[:n])
		dx, x = dx[n:], x[n:]
	}
}

// LogSumExpBackRef is the plain Go [LogSumExpBack].
func LogSumExpBackRef[F Float](dx, x []F, dout F) {
	top, rest := logSumExpRef(x)
	if math.IsInf(float64(top), -1) {
		return
	}
	for i, v := range x {
		dx[i] += F(float64(dout) * math.Exp(float64(v-top)-rest))
	}
}
