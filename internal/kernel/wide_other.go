//go:build !amd64 || purego

package kernel

// The assembly that computes in float64, for the compiler's sake: no call remains.

func addScaledSIMD(dst, x, y, z *float32, n, sx, sy, sz uintptr, c, d float64) {
	panic("kernel: unreachable")
}

func lessSIMD(dst, x, y, z *float32, n, sx, sy, sz uintptr, c, d float64) {
	panic("kernel: unreachable")
}

func addLessSIMD(dst, x, y, z *float32, n, sx, sy, sz uintptr, c, d float64) {
	panic("kernel: unreachable")
}

func divBackSIMD(dst, x, y, z *float32, n, sx, sy, sz uintptr, c, d float64) {
	panic("kernel: unreachable")
}

func powBackSIMD(dst, x, y, z *float32, n, sx, sy, sz uintptr, c, d float64) {
	panic("kernel: unreachable")
}

func powSIMD(dst, x, y, z *float32, n, sx, sy, sz uintptr, c, d float64) {
	panic("kernel: unreachable")
}
