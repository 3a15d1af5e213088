//go:build !amd64 || purego

package kernel

// The assembly, for the compiler's sake: active is constant here and no call remains.

func siluMulSIMD(dst, gate, up *float32, n uintptr) { panic("kernel: unreachable") }

func siluMulBackSIMD(dgate, dup, dout, gate, up *float32, n uintptr) { panic("kernel: unreachable") }

func dotAVX2(x, y *float32, n uintptr) float32 { panic("kernel: unreachable") }

func normSIMD(dst, x, gain *float32, n uintptr, inv float32) { panic("kernel: unreachable") }

func normBackSIMD(dx, dgain, dout, x, gain *float32, n uintptr, inv, s float32) {
	panic("kernel: unreachable")
}

func adamwSIMD(w, grad, m, v *float32, n uintptr, f *adamwFactors[float32]) {
	panic("kernel: unreachable")
}
