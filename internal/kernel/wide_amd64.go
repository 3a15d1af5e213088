//go:build !purego

package kernel

import "math"

// wideTable holds the constants of wide_amd64.s, one a row. For |x| = 2ᵉ·m with m between √½ and √2, and
// s = (m-1)/(m+1),
//
//	log₂|x| = e + s·(2/ln 2)·(1 + s²/3 + s⁴/5 + … + s¹⁴/15)
//
// is right to 2⁻⁴⁴, and with t = y·log₂|x| and n the nearest integer
//
//	|x|ʸ = 2ⁿ·exp((t-n)·ln 2)
//
// to 2⁻⁴² by the series of the exponential to the tenth power: the result is rounded to float32 once more.
//
//lint:ignore U1000 the assembly reads it
var wideTable = wideRows(
	math.Float64frombits(1<<63-1),                               // all but the sign
	math.Float64frombits(0x3ff0000000000000-0x3fe6a09e667f3bcd), // 1 less √½
	0x1p52, 0x1p52+1023, // an integer in the last bits, and the bias of the exponent
	math.Float64frombits(1<<52-1),            // the mantissa
	math.Float64frombits(0x3fe6a09e667f3bcd), // √½
	1,
	2/math.Ln2/15, 2/math.Ln2/13, 2/math.Ln2/11, 2/math.Ln2/9, 2/math.Ln2/7, 2/math.Ln2/5, 2/math.Ln2/3, 2/math.Ln2,
	math.Inf(1), math.Inf(-1),
	1024, -1023, // the exponents of float64 that are +Inf and 0
	math.Ln2,
	1./3628800, 1./362880, 1./40320, 1./5040, 1./720, 1./120, 1./24, 1./6, 1./2,
	math.Float64frombits(1<<63), // the sign
)

func wideRows(x ...float64) (t [30][4]float64) {
	for i, v := range x {
		for j := range t[i] {
			t[i][j] = v
		}
	}
	return t
}

// The functions of this file compute in float64. An operand advances by sx, sy or sz bytes for eight values: 32, or 0
// for one value again and again.

// addScaledSIMD is dst[i] += (x[i]-c)·d·y[i].
//
//go:noescape
func addScaledSIMD(dst, x, y, z *float32, n, sx, sy, sz uintptr, c, d float64)

// lessSIMD is dst[i] = x[i]-y[i]·c.
//
//go:noescape
func lessSIMD(dst, x, y, z *float32, n, sx, sy, sz uintptr, c, d float64)

// addLessSIMD is dst[i] += x[i]-y[i]·c.
//
//go:noescape
func addLessSIMD(dst, x, y, z *float32, n, sx, sy, sz uintptr, c, d float64)

// divBackSIMD is dst[i] -= x[i]·y[i]/z[i]² where x[i] is not 0.
//
//go:noescape
func divBackSIMD(dst, x, y, z *float32, n, sx, sy, sz uintptr, c, d float64)

// powSIMD is dst[i] = x[i] to the power of y[i].
//
//go:noescape
func powSIMD(dst, x, y, z *float32, n, sx, sy, sz uintptr, c, d float64)

// powBackSIMD is dst[i] += z[i]·y[i]·x[i] to the power of y[i]-1 where neither y[i] nor z[i] is 0.
//
//go:noescape
func powBackSIMD(dst, x, y, z *float32, n, sx, sy, sz uintptr, c, d float64)
