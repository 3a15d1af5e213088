//go:build !amd64 || purego

package kernel

// The elementwise assembly, for the compiler's sake: no call remains.

func addSIMD(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func subSIMD(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func mulSIMD(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func divSIMD(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func minimumSIMD(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func maximumSIMD(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func eqSIMD(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func neSIMD(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func ltSIMD(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func leSIMD(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func andSIMD(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func orSIMD(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func mulIfSIMD(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func axpySIMD(dst, grad, x *float32, n, sg, sx uintptr, lo, hi float32) { panic("kernel: unreachable") }

func mulAddSIMD(dst, grad, x *float32, n, sg, sx uintptr, lo, hi float32) {
	panic("kernel: unreachable")
}

func divAddSIMD(dst, grad, x *float32, n, sg, sx uintptr, lo, hi float32) {
	panic("kernel: unreachable")
}

func addIfSIMD(dst, grad, x *float32, n, sg, sx uintptr, lo, hi float32) {
	panic("kernel: unreachable")
}

func addUnlessSIMD(dst, grad, x *float32, n, sg, sx uintptr, lo, hi float32) {
	panic("kernel: unreachable")
}

func addWithinSIMD(dst, grad, x *float32, n, sg, sx uintptr, lo, hi float32) {
	panic("kernel: unreachable")
}

func addSignedSIMD(dst, grad, x *float32, n, sg, sx uintptr, lo, hi float32) {
	panic("kernel: unreachable")
}

func selectSIMD(dst, mask, a, b *float32, n, sm, sa, sb uintptr) { panic("kernel: unreachable") }

func negSIMD(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func absSIMD(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func sqrtSIMD(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func clampSIMD(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func withinSIMD(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func logSIMD(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func log1pSIMD(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func expm1SIMD(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func sigmoidSIMD(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func sigmoidSlopeSIMD(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func softplusSIMD(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func logSigmoidSIMD(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func tanhSIMD(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func squareSIMD(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func floorSIMD(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func roundSIMD(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func signSIMD(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func expSIMD(dst, x *float32, n uintptr, shift, _ float32) { panic("kernel: unreachable") }

func expDiffSIMD(dst, a, b *float32, n uintptr) { panic("kernel: unreachable") }

func sumSIMD(x, y, z *float32, n uintptr, c float64) float64 { panic("kernel: unreachable") }

func sumSquaresSIMD(x, y, z *float32, n uintptr, c float64) float64 { panic("kernel: unreachable") }

func sumProductsSIMD(x, y, z *float32, n uintptr, c float64) float64 { panic("kernel: unreachable") }

func sumTriplesSIMD(x, y, z *float32, n uintptr, c float64) float64 { panic("kernel: unreachable") }

func sumScaledSIMD(x, y, z *float32, n uintptr, c float64) float64 { panic("kernel: unreachable") }

func sumDistancesSIMD(x, y, z *float32, n uintptr, c float64) float64 { panic("kernel: unreachable") }

func sumWhereSIMD(x, y, z *float32, n uintptr, c float64) float64 { panic("kernel: unreachable") }

func maxSIMD(x *float32, n uintptr, start float32) float32 { panic("kernel: unreachable") }

func minSIMD(x *float32, n uintptr, start float32) float32 { panic("kernel: unreachable") }

func indexSIMD(x *float32, n uintptr, v float32) uintptr { panic("kernel: unreachable") }

func countSIMD(x *float32, n uintptr, v float32) uintptr { panic("kernel: unreachable") }

func minimumBackSIMD(dst, grad, a, b *float32, n, sg, sa, sb uintptr) { panic("kernel: unreachable") }

func maximumBackSIMD(dst, grad, a, b *float32, n, sg, sa, sb uintptr) { panic("kernel: unreachable") }

func expSumSIMD(x *float32, n uintptr, shift float32) (sum float64) {
	panic("kernel: unreachable")
}
