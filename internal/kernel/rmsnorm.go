package kernel

import (
	"math"
	"unsafe"
)

// RMSNormTo is dst[i] = gain[i]·x[i]·inv with inv = 1/√(mean(x²)+eps), which it returns for [RMSNormBack]. The mean
// is taken in float64. (Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019.)
func RMSNormTo(dst, x, gain []float32, eps float32) (inv float32) {
	checkLen("RMSNormTo", "x", len(x), len(dst))
	checkLen("RMSNormTo", "gain", len(gain), len(dst))
	if active == levelGo {
		return RMSNormRef(dst, x, gain, eps)
	}
	inv = float32(1 / math.Sqrt(SumSquares(x)/float64(len(x))+float64(eps)))
	normSIMD(unsafe.SliceData(dst), unsafe.SliceData(x), unsafe.SliceData(gain), uintptr(len(x)), inv)
	return inv
}

// RMSNormRef is the plain Go [RMSNormTo].
func RMSNormRef[F Float](dst, x, gain []F, eps F) (inv F) {
	inv = F(1 / math.Sqrt(SumSquaresRef(x)/float64(len(x))+float64(eps)))
	for i, v := range x {
		dst[i] = F(v*inv) * gain[i]
	}
	return inv
}

// RMSNormBack adds the gradients of [RMSNormTo] to dx and dgain, for the gradient dout of its result and the inv it
// returned:
//
//	dx[i]    += inv·gain[i]·dout[i] − x[i]·inv³/n·Σ gain[j]·dout[j]·x[j]
//	dgain[i] += dout[i]·x[i]·inv
func RMSNormBack(dx, dgain, dout, x, gain []float32, inv float32) {
	checkLen("RMSNormBack", "dgain", len(dgain), len(dx))
	checkLen("RMSNormBack", "dout", len(dout), len(dx))
	checkLen("RMSNormBack", "x", len(x), len(dx))
	checkLen("RMSNormBack", "gain", len(gain), len(dx))
	if active == levelGo {
		RMSNormBackRef(dx, dgain, dout, x, gain, inv)
		return
	}
	n := uintptr(len(x))
	s := float32(sumTriplesSIMD(unsafe.SliceData(gain), unsafe.SliceData(dout), unsafe.SliceData(x), n, 0)) * inv * inv * inv / float32(n)
	normBackSIMD(unsafe.SliceData(dx), unsafe.SliceData(dgain), unsafe.SliceData(dout), unsafe.SliceData(x), unsafe.SliceData(gain),
		n, inv, s)
}

// RMSNormBackRef is the plain Go [RMSNormBack].
func RMSNormBackRef[F Float](dx, dgain, dout, x, gain []F, inv F) {
	s := F(sumTriplesRef(gain, dout, x)) * inv * inv * inv / F(len(x))
	for i, v := range x {
		d := dout[i]
		dx[i] += F(F(gain[i]*inv)*d) - F(v*s)
		dgain[i] += F(d * F(v*inv))
	}
}
