//go:build !purego

package kernel

import "unsafe"

// peak runs multiply-adds from registers and the first cache line alone, as many as n rows of the widest tile hold,
// and returns the floating-point operations done: the floor that products are measured against.
func peak(n int) float64 {
	var line [32]float32
	var tile [12 * 32]float32
	s := newStrip(n, line[:], 0, 0, line[:], 0, 0, tile[:], 32, false)
	s.panels = 1
	switch active {
	case levelAVX512:
		strip12AVX512(&s)
		return float64(2 * 12 * 32 * n)
	case levelAVX2:
		s.a, s.ldc = unsafe.Pointer(&line[0]), 64
		strip6AVX2(&s)
		return float64(2 * 6 * 16 * n)
	}
	return peakGo(n)
}
