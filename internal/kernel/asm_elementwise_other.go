//go:build !amd64 || purego

package kernel

// The elementwise assembly, for the compiler's sake: no call remains.

func addAVX2(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func subAVX2(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func mulAVX2(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func divAVX2(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func minimumAVX2(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func maximumAVX2(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func eqAVX2(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func neAVX2(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func ltAVX2(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func leAVX2(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func andAVX2(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func orAVX2(dst, a, b *float32, n, sa, sb uintptr) { panic("kernel: unreachable") }

func mulAddAVX2(dst, grad, x *float32, n, sx uintptr, lo, hi float32) { panic("kernel: unreachable") }

func divAddAVX2(dst, grad, x *float32, n, sx uintptr, lo, hi float32) { panic("kernel: unreachable") }

func addIfAVX2(dst, grad, x *float32, n, sx uintptr, lo, hi float32) { panic("kernel: unreachable") }

func addUnlessAVX2(dst, grad, x *float32, n, sx uintptr, lo, hi float32) {
	panic("kernel: unreachable")
}

func addWithinAVX2(dst, grad, x *float32, n, sx uintptr, lo, hi float32) {
	panic("kernel: unreachable")
}

func addSignedAVX2(dst, grad, x *float32, n, sx uintptr, lo, hi float32) {
	panic("kernel: unreachable")
}

func selectAVX2(dst, mask, a, b *float32, n uintptr) { panic("kernel: unreachable") }

func sumAVX2(x *float32, n uintptr) float64 { panic("kernel: unreachable") }

func negAVX2(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func absAVX2(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func sqrtAVX2(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func clampAVX2(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func logAVX2(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func log1pAVX2(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func expm1AVX2(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func sigmoidAVX2(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func softplusAVX2(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func logSigmoidAVX2(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }

func tanhAVX2(dst, x *float32, n uintptr, lo, hi float32) { panic("kernel: unreachable") }
