package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// powers are bases and exponents at which the power function is special.
var powers = []float32{0, 1, -1, 2, -2, 3, -3, 0.5, -0.5, 1.5, -1.5, 7, 8, -7, 255, 1e-45, -1e-45, 1e-39, 0x1p-126, 0x1p-149, 3e38, -3e38, 0x1p23, 0x1p23 + 1,
	-0x1p23 - 1, 0x1p24 - 1, 1 - 0x1p24, 0x1p24, 0x1p31, -0x1p31, 0x1p62, 0x1p-149, 1 - 0x1p-24, 1 + 0x1p-23, -1 - 0x1p-23, 0.70710677, 0.70710683, 1.4142135,
	float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}

// TestPow holds the power to 0.51 units of the last place of math.Pow, for all pairs of special values, random ones of
// every size, and such as give a finite result.
func TestPow(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		var a, b []float32
		for _, x := range powers {
			for _, y := range powers {
				a, b = append(a, x), append(b, y)
			}
		}
		r := rand.New(rand.NewPCG(30, 31))
		for range 100_000 {
			a, b = append(a, math.Float32frombits(r.Uint32())), append(b, math.Float32frombits(r.Uint32()))
			x := math.Float32frombits(r.Uint32() &^ (1 << 31))
			a, b = append(a, x), append(b, float32((300*r.Float64()-150)/math.Log2(float64(x))))
			x = float32(r.NormFloat64() * 4)
			a, b = append(a, x), append(b, float32(r.IntN(41)-20))
		}
		got := make([]float32, len(a))
		PowTo(got, a, b)
		worst := 0.0
		for i, y := range got {
			want := math.Pow(float64(a[i]), float64(b[i]))
			u := ulps(y, want)
			if !(u <= 0.51) {
				t.Fatalf("PowTo(%v, %v): got %v, want %v: %v ulp", a[i], b[i], y, want, u)
			}
			if want == 0 && math.Signbit(want) != math.Signbit(float64(y)) {
				t.Fatalf("PowTo(%v, %v): got %v, want %v: the sign of 0", a[i], b[i], y, want)
			}
			worst = max(worst, u)
		}
		t.Logf("largest error: %.4f ulp", worst)
	})
}

// TestPowBack holds the slope of the power to 0.51 units of the last place in float64, for special values and random
// ones, and sees that nothing comes through where the gradient is 0.
func TestPowBack(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		var a, b []float32
		for _, x := range powers {
			for _, y := range powers {
				a, b = append(a, x), append(b, y)
			}
		}
		r := rand.New(rand.NewPCG(36, 37))
		for range 20_000 {
			x := math.Float32frombits(r.Uint32() &^ (1 << 31))
			a, b = append(a, x), append(b, float32((300*r.Float64()-150)/math.Log2(float64(x))))
			a, b = append(a, float32(r.NormFloat64()*4)), append(b, float32(r.IntN(41)-20))
		}
		got := make([]float32, len(a))
		PowBack(got, []float32{-1.5}, a, b)
		for i, y := range got {
			x, e := float64(a[i]), float64(b[i])
			want := 0.0
			if e != 0 {
				want = -1.5 * e * math.Pow(x, e-1)
			}
			if u := ulps(y, want); !(u <= 0.51) {
				t.Fatalf("PowBack(%v, %v): got %v, want %v: %v ulp", x, e, y, want, u)
			}
		}
		for i := range got {
			got[i] = 2
		}
		PowBack(got, []float32{0}, a, b)
		if CountEqual(got, 2) != len(got) {
			t.Error("PowBack with gradient 0: something was added")
		}
	})
}

// wides are the functions of wide.go as functions of three operands.
var wides = []struct {
	name   string
	f, ref func(dst, x, y, z []float32)
}{
	{"DivBack", DivBack, DivBackRef[float32]},
	{"MinimumBack", MinimumBack, MinimumBackRef[float32]},
	{"MaximumBack", MaximumBack, MaximumBackRef[float32]},
	{"MulAdd", func(dst, x, y, _ []float32) { MulAdd(dst, x, y) }, func(dst, x, y, _ []float32) { MulAddRef(dst, x, y) }},
	{"Axpy", func(dst, x, _, _ []float32) { Axpy(-0.7, x, dst) }, func(dst, x, _, _ []float32) { AxpyRef(-0.7, x, dst) }},
	{"AddCentered", func(dst, x, _, _ []float32) { AddCentered(dst, x, 0.1, -3.7) },
		func(dst, x, _, _ []float32) { AddCenteredRef(dst, x, 0.1, -3.7) }},
	{"SoftmaxBack", func(dst, x, y, _ []float32) { SoftmaxBack(dst, x, y) }, func(dst, x, y, _ []float32) { SoftmaxBackRef(dst, x, y) }},
}

// TestWide holds them to the bits of the references at every length and offset, with special values at every place.
func TestWide(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, c := range wides {
			r := rand.New(rand.NewPCG(32, 33))
			for _, n := range lengths() {
				for _, offset := range []int{0, 1, 7} {
					dst := newGuarded(r, n, offset, false)
					x, y, z := newGuarded(r, n, offset, true), newGuarded(r, n, offset, true), newGuarded(r, n, offset+3, true)
					if offset > 0 {
						for i := range n {
							switch r.IntN(4) {
							case 0:
								x.x[i] = specials[r.IntN(len(specials))]
							case 1:
								y.x[i] = specials[r.IntN(len(specials))]
							case 2:
								z.x[i] = specials[r.IntN(len(specials))]
							}
						}
					}
					want := append([]float32(nil), dst.x...)
					if n > 2 {
						y.x[1], y.x[2] = z.x[1], z.x[2] // ties
					}
					for _, g := range []*guarded{dst, x, y, z} {
						g.seal()
					}
					c.f(dst.x, x.x, y.x, z.x)
					c.ref(want, x.x, y.x, z.x)
					for _, g := range []*guarded{dst, x, y, z} {
						g.check(t, c.name)
					}
					for i := range want {
						if !equalBits(dst.x[i], want[i]) {
							t.Fatalf("%s of %d, offset %d: %d: got %v, want %v", c.name, n, offset, i, dst.x[i], want[i])
						}
					}
				}
			}
		}
		// One value in each place.
		r := rand.New(rand.NewPCG(34, 35))
		for _, n := range []int{1, 7, 8, 13, 40} {
			for which := range 8 {
				ops := [3][]float32{randoms(r, n), randoms(r, n), randoms(r, n)}
				for i := range ops {
					if which>>i&1 != 0 {
						ops[i] = ops[i][:1]
					}
				}
				got, want := make([]float32, n), make([]float32, n)
				for _, c := range wides[:3] {
					clear(got)
					clear(want)
					c.f(got, ops[0], ops[1], ops[2])
					c.ref(want, ops[0], ops[1], ops[2])
					if !sameBits(got, want) {
						t.Fatalf("%s of %d with one value in %03b: got %v, want %v", c.name, n, which, got, want)
					}
				}
				for _, m := range masked {
					clear(got)
					clear(want)
					m.f(got, ops[0], ops[1])
					m.ref(want, ops[0], ops[1])
					if !sameBits(got, want) {
						t.Fatalf("%s of %d with one value in %03b: got %v, want %v", m.name, n, which, got, want)
					}
				}
				clear(got)
				clear(want)
				PowBack(got, ops[0], ops[1], ops[2])
				PowBackRef(want, ops[0], ops[1], ops[2])
				for i := range want {
					if !(ulps(got[i], float64(want[i])) <= 1) {
						t.Fatalf("PowBack of %d with one value in %03b: got %v, want %v", n, which, got, want)
					}
				}
				PowTo(got, ops[0], ops[1])
				PowRef(want, ops[0], ops[1])
				for i := range want {
					if !(ulps(got[i], float64(want[i])) <= 1) {
						t.Fatalf("PowTo of %d with one value in %03b: got %v, want %v", n, which, got, want)
					}
				}
			}
		}
	})
}
