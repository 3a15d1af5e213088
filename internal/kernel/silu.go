package kernel

import (
	"math"
	"unsafe"
)

// SiluMulTo is the gated activation of SwiGLU: dst[i] = gate[i]·σ(gate[i])·up[i] with σ the logistic function.
// Its error is below 6·2⁻²⁴ of the result, and 1e-36 where the exponential overflows (gate below -88).
// (Shazeer, "GLU Variants Improve Transformer", 2020.)
func SiluMulTo(dst, gate, up []float32) {
	checkLen("SiluMulTo", "gate", len(gate), len(dst))
	checkLen("SiluMulTo", "up", len(up), len(dst))
	if active >= levelAVX2 {
		siluMulSIMD(unsafe.SliceData(dst), unsafe.SliceData(gate), unsafe.SliceData(up), uintptr(len(dst)))
		return
	}
	SiluMulRef(dst, gate, up)
}

// SiluMulRef is the plain Go [SiluMulTo].
func SiluMulRef[F Float](dst, gate, up []F) {
	for i, g := range gate {
		dst[i] = g / F(1+math.Exp(-float64(g))) * up[i]
	}
}

// SiluMulBackTo overwrites dgate and dup with the gradients of [SiluMulTo] for the gradient dout of its result. dgate
// may be gate and dup may be up.
func SiluMulBackTo(dgate, dup, dout, gate, up []float32) {
	checkLen("SiluMulBackTo", "dup", len(dup), len(dgate))
	checkLen("SiluMulBackTo", "dout", len(dout), len(dgate))
	checkLen("SiluMulBackTo", "gate", len(gate), len(dgate))
	checkLen("SiluMulBackTo", "up", len(up), len(dgate))
	if active >= levelAVX2 {
		siluMulBackSIMD(unsafe.SliceData(dgate), unsafe.SliceData(dup), unsafe.SliceData(dout), unsafe.SliceData(gate), unsafe.SliceData(up),
			uintptr(len(dgate)))
		return
	}
	SiluMulBackRef(dgate, dup, dout, gate, up)
}

// SiluMulBackRef is the plain Go [SiluMulBackTo].
func SiluMulBackRef[F Float](dgate, dup, dout, gate, up []F) {
	for i, g := range gate {
		s := 1 / F(1+math.Exp(-float64(g)))
		d, u := dout[i], up[i]
		dgate[i] = d * u * s * (1 + g*(1-s))
		dup[i] = d * g * s
	}
}
