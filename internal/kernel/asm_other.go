//go:build !amd64 || purego

package kernel

// The assembly, for the compiler's sake: active is constant here and no call remains.

func expSumAVX512(dst, x *float32, n uintptr, shift float32) (sum float32) {
	panic("kernel: unreachable")
}

func expSumAVX2(dst, x *float32, n uintptr, shift float32) (sum float32) {
	panic("kernel: unreachable")
}

func siluMulAVX512(dst, gate, up *float32, n uintptr) { panic("kernel: unreachable") }

func siluMulAVX2(dst, gate, up *float32, n uintptr) { panic("kernel: unreachable") }

func siluMulBackAVX512(dgate, dup, dout, gate, up *float32, n uintptr) { panic("kernel: unreachable") }

func siluMulBackAVX2(dgate, dup, dout, gate, up *float32, n uintptr) { panic("kernel: unreachable") }

func dotAVX2(x, y *float32, n uintptr) float32 { panic("kernel: unreachable") }

func dot3AVX2(x, y, z *float32, n uintptr) float32 { panic("kernel: unreachable") }

func axpyAVX2(alpha float32, x, y *float32, n uintptr) { panic("kernel: unreachable") }

func scaleAVX2(alpha float32, x *float32, n uintptr) { panic("kernel: unreachable") }

func maxAVX2(x *float32, n uintptr) float32 { panic("kernel: unreachable") }

func sumSquaresAVX2(x *float32, n uintptr) float64 { panic("kernel: unreachable") }

func normAVX2(dst, x, gain *float32, n uintptr, inv float32) { panic("kernel: unreachable") }

func normBackAVX2(dx, dgain, dout, x, gain *float32, n uintptr, inv, s float32) {
	panic("kernel: unreachable")
}

func adamwAVX2(w, grad, m, v *float32, n uintptr, f *adamwFactors[float32]) {
	panic("kernel: unreachable")
}
