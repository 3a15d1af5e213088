package kernel

import (
	"flag"
	"math"
	"sync"
	"testing"
)

var exhaustive = flag.Bool("exhaustive", false, "test the exponential on every float32")

// ulps is the distance of got from want in units of the last place that float32 has at want.
func ulps(got float32, want float64) float64 {
	if math.IsNaN(want) && math.IsNaN(float64(got)) || float64(got) == want {
		return 0
	}
	_, e := math.Frexp(want)
	unit := math.Ldexp(1, max(e-24, -149))
	if math.IsInf(float64(got), 0) && math.Abs(want) > math.MaxFloat32 && math.Signbit(want) == math.Signbit(float64(got)) {
		// Overflow is right from half a step above the largest number on.
		return max(0, math.MaxFloat32+0x1p103-math.Abs(want)) / 0x1p104
	}
	return math.Abs(float64(got)-want) / unit
}

// TestExpULP holds the exponential to 0.9 units in the last place against math.Exp, whose own error in float64 does
// not count here. By default it takes every 1021st float32 and every one near overflow, underflow and zero; with
// -exhaustive all of them (0.8942 with AVX2 and AVX-512, 0.5000 in plain Go).
func TestExpULP(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		const chunk = 1 << 12
		var mu sync.Mutex
		worst, at := 0.0, float32(0)
		run := func(from, to, step int) {
			steps := (to - from + step - 1) / step
			Parallel((steps+chunk-1)/chunk, func(c int) {
				var x, y [chunk]float32
				n := 0
				for i := c * chunk; n < chunk && i < steps; i++ {
					x[n] = math.Float32frombits(uint32(from + i*step))
					n++
				}
				ExpTo(y[:n], x[:n])
				most, where := 0.0, 0
				for i, got := range y[:n] {
					if u := ulps(got, math.Exp(float64(x[i]))); !(u <= most) {
						most, where = u, i
					}
				}
				mu.Lock()
				if !(most <= worst) {
					worst, at = most, x[where]
				}
				mu.Unlock()
			})
		}
		if *exhaustive {
			run(0, 1<<32, 1)
		} else {
			run(0, 1<<32, 1021)
			for _, v := range []float32{88.72, 88.73, -87.3, -87.4, -103.9, -104, 0.3465735, -0.3465735, 1, 0, float32(math.Inf(1)), float32(math.Inf(-1))} {
				b := int(math.Float32bits(v))
				run(max(b, 3000)-3000, min(b+3000, 1<<32), 1)
			}
		}
		t.Logf("largest error: %.4f ulp at %v", worst, at)
		if !(worst <= 0.9) {
			t.Errorf("error at %v: got %v ulp, want at most 0.9", at, worst)
		}
	})
}
