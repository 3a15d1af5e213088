//go:build !amd64 || purego

package kernel

// The assembly, for the compiler's sake: active is constant here and no call remains.

func siluMulAVX512(dst, gate, up *float32, n uintptr) { panic("kernel: unreachable") }

func siluMulAVX2(dst, gate, up *float32, n uintptr) { panic("kernel: unreachable") }

func siluMulBackAVX512(dgate, dup, dout, gate, up *float32, n uintptr) { panic("kernel: unreachable") }

func siluMulBackAVX2(dgate, dup, dout, gate, up *float32, n uintptr) { panic("kernel: unreachable") }

func dotAVX2(x, y *float32, n uintptr) float32 { panic("kernel: unreachable") }

func normSIMD(dst, x, gain *float32, n uintptr, inv float32) { panic("kernel: unreachable") }

func normBackSIMD(dx, dgain, dout, x, gain *float32, n uintptr, inv, s float32) {
	panic("kernel: unreachable")
}

func adamwSIMD(w, grad, m, v *float32, n uintptr, f *adamwFactors[float32]) {
	panic("kernel: unreachable")
}
