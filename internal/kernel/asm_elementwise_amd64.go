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
	math.Float32frombits(0x03530422), // VFIXUPIMMPS for log: 0 gives -Inf, +Inf itself, what is below 0 NaN
	math.Float32frombits(0x00530122), // and for log1p: 0 and +Inf give themselves, -Inf NaN
)

func rows(x ...float32) (t [29][8]float32) {
	for i, v := range x {
		for j := range t[i] {
			t[i][j] = v
		}
	}
	return t
}

// The functions of two slices take the bytes each advances by for eight values: 32, or 0 for one value again and again.

//go:noescape
func addSIMD(dst, a, b *float32, n, sa, sb uintptr)

//go:noescape
func subSIMD(dst, a, b *float32, n, sa, sb uintptr)

//go:noescape
func mulSIMD(dst, a, b *float32, n, sa, sb uintptr)

//go:noescape
func divSIMD(dst, a, b *float32, n, sa, sb uintptr)

//go:noescape
func minimumSIMD(dst, a, b *float32, n, sa, sb uintptr)

//go:noescape
func maximumSIMD(dst, a, b *float32, n, sa, sb uintptr)

//go:noescape
func eqSIMD(dst, a, b *float32, n, sa, sb uintptr)

//go:noescape
func neSIMD(dst, a, b *float32, n, sa, sb uintptr)

//go:noescape
func ltSIMD(dst, a, b *float32, n, sa, sb uintptr)

//go:noescape
func leSIMD(dst, a, b *float32, n, sa, sb uintptr)

//go:noescape
func andSIMD(dst, a, b *float32, n, sa, sb uintptr)

//go:noescape
func orSIMD(dst, a, b *float32, n, sa, sb uintptr)

//go:noescape
func mulIfSIMD(dst, a, b *float32, n, sa, sb uintptr)

// The functions that add into dst take lo and hi, which only addWithin reads.

//go:noescape
func axpySIMD(dst, grad, x *float32, n, sg, sx uintptr, lo, hi float32)

//go:noescape
func mulAddSIMD(dst, grad, x *float32, n, sg, sx uintptr, lo, hi float32)

//go:noescape
func divAddSIMD(dst, grad, x *float32, n, sg, sx uintptr, lo, hi float32)

//go:noescape
func addIfSIMD(dst, grad, x *float32, n, sg, sx uintptr, lo, hi float32)

//go:noescape
func addUnlessSIMD(dst, grad, x *float32, n, sg, sx uintptr, lo, hi float32)

//go:noescape
func addWithinSIMD(dst, grad, x *float32, n, sg, sx uintptr, lo, hi float32)

//go:noescape
func addSignedSIMD(dst, grad, x *float32, n, sg, sx uintptr, lo, hi float32)

//go:noescape
func selectSIMD(dst, mask, a, b *float32, n, sm, sa, sb uintptr)

// The functions of one slice take lo and hi, which only clamp and within read.

//go:noescape
func negSIMD(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func absSIMD(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func sqrtSIMD(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func clampSIMD(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func withinSIMD(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func logSIMD(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func log1pSIMD(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func expm1SIMD(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func sigmoidSIMD(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func sigmoidSlopeSIMD(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func softplusSIMD(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func logSigmoidSIMD(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func tanhSIMD(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func squareSIMD(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func floorSIMD(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func roundSIMD(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func signSIMD(dst, x *float32, n uintptr, lo, hi float32)

//go:noescape
func expSIMD(dst, x *float32, n uintptr, shift, _ float32)

//go:noescape
func expDiffSIMD(dst, a, b *float32, n uintptr)

// The sums take what they do not read too.

//go:noescape
func sumSIMD(x, y, z *float32, n uintptr, c float64) float64

//go:noescape
func sumSquaresSIMD(x, y, z *float32, n uintptr, c float64) float64

//go:noescape
func sumProductsSIMD(x, y, z *float32, n uintptr, c float64) float64

//go:noescape
func sumTriplesSIMD(x, y, z *float32, n uintptr, c float64) float64

//go:noescape
func sumScaledSIMD(x, y, z *float32, n uintptr, c float64) float64

//go:noescape
func sumDistancesSIMD(x, y, z *float32, n uintptr, c float64) float64

//go:noescape
func sumWhereSIMD(x, y, z *float32, n uintptr, c float64) float64

//go:noescape
func maxSIMD(x *float32, n uintptr, start float32) float32

//go:noescape
func minSIMD(x *float32, n uintptr, start float32) float32

//go:noescape
func indexSIMD(x *float32, n uintptr, v float32) uintptr

//go:noescape
func countSIMD(x *float32, n uintptr, v float32) uintptr

//go:noescape
func minimumBackSIMD(dst, grad, a, b *float32, n, sg, sa, sb uintptr)

//go:noescape
func maximumBackSIMD(dst, grad, a, b *float32, n, sg, sa, sb uintptr)

// expSumSIMD is Σ exp(x[i]-shift).
//
//go:noescape
func expSumSIMD(x *float32, n uintptr, shift float32) (sum float64)
