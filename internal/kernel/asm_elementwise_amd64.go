//go:build !purego

package kernel

import "math"

// functionTable holds the constants of function_amd64.s, one a row. A logarithm is, for x = 2ᵉ·(1+f) with 1+f between
// √½ and √2,
//
//	log(x) = e·ln 2 + f - f²/2 + f³·(c₀ + c₁·f + … + c₈·f⁸)
//
// where the polynomial is a weighted minimax fit, to 4·10⁻⁹ of log(1+f).
//
//lint:ignore U1000 the assembly reads it
var functionTable = rows(
	math.Float32frombits(1<<31), math.Float32frombits(1<<31-1), // the sign, and all but it
	0.067466386, -0.11675651, 0.11888163, -0.12405589, 0.14219552, -0.16667996, 0.20002119, -0.2500001, 0.33333313, // c₈ to c₀
	-0.5,
	-2.1219444e-4, 0.693359375, // ln 2: the rest, and its first ten bits
	math.Float32frombits(0x3f3504f3), // √½
	0x1p-126, 0x1p25, 25,             // denormals
	1,
	float32(math.Inf(1)),
	0x1p24, // from here on log(1+x) is log(x)
	-1,
	-20, // below, exp(x)-1 is -1
	0.5,
	0x1p-26, // below, exp(x)-1 is x
	20, 2,
)

func rows(x ...float32) (t [27][8]float32) {
	for i, v := range x {
		for j := range t[i] {
			t[i][j] = v
		}
	}
	return t
}

// The functions of two slices take the bytes each advances by for eight values: 32, or 0 for one value again and again.

//go:noescape
func addAVX2(dst, a, b *float32, n, sa, sb uintptr)

//go:noescape
func subAVX2(dst, a, b *float32, n, sa, sb uintptr)

//go:noescape
func mulAVX2(dst, a, b *float32, n, sa, sb uintptr)

//go:noescape
func divAVX2(dst, a, b *float32, n, sa, sb uintptr)

//go:noescape
func minimumAVX2(dst, a, b *float32, n, sa, sb uintptr)

//go:noescape
func maximumAVX2(dst, a, b *float32, n, sa, sb uintptr)

//go:noescape
func eqAVX2(dst, a, b *float32, n, sa, sb uintptr)

//go:noescape
func neAVX2(dst, a, b *float32, n, sa, sb uintptr)

//go:noescape
func ltAVX2(dst, a, b *float32, n, sa, sb uintptr)

//go:noescape
func leAVX2(dst, a, b *float32, n, sa, sb uintptr)

//go:noescape
func andAVX2(dst, a, b *float32, n, sa, sb uintptr)

//go:noescape
func orAVX2(dst, a, b *float32, n, sa, sb uintptr)

// The functions that add into dst take lo and hi, which only addWithin reads.

//go:noescape
func mulAddAVX2(dst, grad, x *float32, n, sx uintptr, lo, hi float32)

//go:noescape
func divAddAVX2(dst, grad, x *float32, n, sx uintptr, lo, hi float32)

//go:noescape
func addIfAVX2(dst, grad, x *float32, n, sx uintptr, lo, hi float32)

//go:noescape
func addUnlessAVX2(dst, grad, x *float32, n, sx uintptr, lo, hi float32)

//go:noescape
func addWithinAVX2(dst, grad, x *float32, n, sx uintptr, lo, hi float32)

//go:noescape
func addSignedAVX2(dst, grad, x *float32, n, sx uintptr, lo, hi float32)

//go:noescape
func selectAVX2(dst, mask, a, b *float32, n uintptr)

//go:noescape
func sumAVX2(x *float32, n uintptr) float64

// The functions of one slice take lo and hi, which only clamp reads.

//go:noescape
func negAVX2(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func absAVX2(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func sqrtAVX2(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func clampAVX2(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func logAVX2(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func log1pAVX2(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func expm1AVX2(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func sigmoidAVX2(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func softplusAVX2(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func logSigmoidAVX2(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func tanhAVX2(dst, x *float32, n uintptr, lo, hi float32)
