package kernel

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"
)

// A function is one of function.go with its meaning in float64 from package math and its bound in units of the last
// place.
type function struct {
	name  string
	f     func(dst, x []float32)
	ref   func(x float64) float64
	bound float64
	near  []float32 // where it turns
}

var functions = []function{
	{"Neg", NegTo, func(x float64) float64 { return -x }, 0, nil},
	{"Abs", AbsTo, math.Abs, 0, nil},
	{"Sqrt", SqrtTo, math.Sqrt, 0.5, nil},
	{"Square", SquareTo, func(x float64) float64 { return x * x }, 0.5, []float32{0x1.6a09e6p-75, 0x1p64}},
	{"Floor", FloorTo, math.Floor, 0, []float32{0x1p23, -0x1p23}},
	{"Round", RoundTo, math.RoundToEven, 0, []float32{0.5, -0.5, 1.5, -2.5, 0x1p22, 0x1p23}},
	{"Sign", SignTo, func(x float64) float64 {
		if x == 0 || x != x {
			return x
		}
		return math.Copysign(1, x)
	}, 0, nil},
	{"Log", LogTo, math.Log, 1, []float32{1, 0.70710677, 1.4142135, 0x1p-126}},
	{"Log1p", Log1pTo, math.Log1p, 2, []float32{-1, -0.29289323, 0.41421354, 0x1p24, 0x1p-25, 0x1p127}},
	{"Expm1", Expm1To, math.Expm1, 2, []float32{88.72, -17.3, 0.3465735, -0.3465735, 1.0397207, 0x1p-26, -0x1p-26, 17}},
	{"Sigmoid", SigmoidTo, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, 3, []float32{-87.3, -103.9, 17, 88.7}},
	{"SigmoidSlope", SigmoidSlopeTo, func(x float64) float64 {
		e := math.Exp(math.Abs(x))
		return 1 / (e + 2 + 1/e)
	}, 4, []float32{-87.3, -103.9, 17, 88.7, 103.9}},
	{"Softplus", SoftplusTo, func(x float64) float64 {
		if x > 40 { // the rest is below 2⁻⁵⁷
			return x
		}
		return math.Log1p(math.Exp(x))
	}, 2, []float32{-87.3, -103.9, 17, 88.7, -0.88137364, 0.88137364}},
	{"LogSigmoid", LogSigmoidTo, func(x float64) float64 {
		if x < -40 {
			return x
		}
		return -math.Log1p(math.Exp(-x))
	}, 2, []float32{87.3, 103.9, -17, -88.7, -0.88137364, 0.88137364}},
	{"Tanh", TanhTo, math.Tanh, 3, []float32{9, -9, 10, 0.17, 0x1p-26}},
}

// worst is the largest error of fn over the float32 whose bits are from, from+step, … below to.
func (fn *function) worst(from, to, step int) (worst float64, at float32) {
	const chunk = 1 << 12
	var mu sync.Mutex
	steps := (to - from + step - 1) / step
	Parallel((steps+chunk-1)/chunk, func(c int) {
		var x, y [chunk]float32
		n := 0
		for i := c * chunk; n < chunk && i < steps; i++ {
			x[n] = math.Float32frombits(uint32(from + i*step))
			n++
		}
		fn.f(y[:n], x[:n])
		most, where := 0.0, 0
		for i, got := range y[:n] {
			if u := ulps(got, fn.ref(float64(x[i]))); !(u <= most) {
				most, where = u, i
			}
		}
		mu.Lock()
		defer mu.Unlock()
		if !(most <= worst) {
			worst, at = most, x[where]
		}
	})
	return worst, at
}

// TestFunctionULP holds the functions to their bounds: by default at every 4093rd float32 and all near where they
// turn and near the ends, with -exhaustive at every one.
func TestFunctionULP(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, fn := range functions {
			worst, at := 0.0, float32(0)
			run := func(from, to, step int) {
				if w, x := fn.worst(from, to, step); !(w <= worst) {
					worst, at = w, x
				}
			}
			if *exhaustive {
				run(0, 1<<32, 1)
			} else {
				run(0, 1<<32, 4093)
				for _, v := range append([]float32{0, 1, -1, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.Copysign(0, -1))}, fn.near...) {
					b := int(math.Float32bits(v))
					run(max(b, 3000)-3000, min(b+3000, 1<<32), 1)
				}
			}
			t.Logf("%s: largest error %.4f ulp at %v", fn.name, worst, at)
			if !(worst <= fn.bound) {
				t.Errorf("%s: error at %v: got %v ulp, want at most %v", fn.name, at, worst, fn.bound)
			}
		}
	})
}

// TestFunctionSigns: an odd function keeps the sign of zero.
func TestFunctionSigns(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		zero := float32(math.Copysign(0, -1))
		for _, fn := range functions {
			switch fn.name {
			case "Log1p", "Expm1", "Tanh", "Sqrt", "Floor", "Round", "Sign":
				y := []float32{1}
				fn.f(y, []float32{zero})
				if math.Float32bits(y[0]) != 1<<31 {
					t.Errorf("%s(-0): got %v (%#x), want -0", fn.name, y[0], math.Float32bits(y[0]))
				}
			}
		}
	})
}

// TestPosition: the bits of a result depend neither on where the element is nor on how many there are, also in place,
// and nothing outside the slices is written.
func TestPosition(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(20, 21))
		x, b := randoms(r, 200), randoms(r, 200)
		for i := range x {
			x[i] *= 20
			if i%5 == 0 {
				b[i] = x[i]
			}
			if i%7 == 0 {
				b[i] = 0
			}
		}
		x[3], x[50], b[60] = float32(math.NaN()), float32(math.Inf(-1)), float32(math.NaN())
		check := func(name string, f func(dst, x, b []float32)) {
			want := make([]float32, len(x))
			f(want, x, b)
			for _, n := range lengths()[:68] {
				for _, at := range []int{0, 1, 5, 31} {
					g := newGuarded(r, n, at, false)
					copy(g.x, x[at:])
					g.seal()
					f(g.x, g.x, b[at:at+n])
					g.check(t, name)
					if !sameBits(g.x, want[at:at+n]) {
						t.Fatalf("%s: %d from %d on differ", name, n, at)
					}
				}
			}
		}
		for _, fn := range functions {
			check(fn.name, func(dst, x, _ []float32) { fn.f(dst, x) })
		}
		check("Clamp", func(dst, x, _ []float32) { ClampTo(dst, x, -0.5, 0.75) })
		check("Within", func(dst, x, _ []float32) { WithinTo(dst, x, -0.5, 0.75) })
		check("ExpDiff", ExpDiffTo)
		for _, p := range pairs {
			check(p.name, p.f)
			check(p.name+" with one", func(dst, x, _ []float32) { p.f(dst, x, []float32{0.5}) })
			check("one with "+p.name, func(dst, x, _ []float32) { p.f(dst, []float32{0.5}, x) })
		}
		check("Pow", PowTo)
		for _, m := range masked {
			from0 := func(dst, g, x []float32) {
				g = append([]float32(nil), g...)
				clear(dst)
				m.f(dst, g, x)
			}
			check(m.name, from0)
			check(m.name+" one", func(dst, x, _ []float32) { from0(dst, x, []float32{0.5}) })
		}
		check("Select", func(dst, x, b []float32) { SelectTo(dst, b, x, b) })
		check("Select with one mask", func(dst, x, b []float32) { SelectTo(dst, []float32{0}, x, b) })
		check("Select one", func(dst, x, b []float32) { SelectTo(dst, b, []float32{0.5}, x) })
		check("Select or one", func(dst, x, b []float32) { SelectTo(dst, b, x, []float32{-0.5}) })
	})
}

var pairs = []struct {
	name   string
	f, ref func(dst, a, b []float32)
}{
	{"Add", AddTo, AddRef[float32]}, {"Sub", SubTo, SubRef[float32]}, {"Mul", MulTo, MulRef[float32]}, {"Div", DivTo, DivRef[float32]},
	{"Minimum", MinimumTo, MinimumRef[float32]}, {"Maximum", MaximumTo, MaximumRef[float32]},
	{"Eq", EqTo, EqRef[float32]}, {"Ne", NeTo, NeRef[float32]}, {"Lt", LtTo, LtRef[float32]}, {"Le", LeTo, LeRef[float32]},
	{"MulIf", MulIfTo, MulIfRef[float32]}, {"And", AndTo, AndRef[float32]}, {"Or", OrTo, OrRef[float32]},
}

var masked = []struct {
	name   string
	f, ref func(dst, g, x []float32)
}{
	{"MulAdd", MulAdd, MulAddRef[float32]}, {"DivAdd", DivAdd, DivAddRef[float32]}, {"AddIf", AddIf, AddIfRef[float32]},
	{"AddUnless", AddUnless, AddUnlessRef[float32]}, {"AddSigned", AddSigned, AddSignedRef[float32]},
	{"AddWithin", func(dst, g, x []float32) { AddWithin(dst, g, x, -1, 1) }, func(dst, g, x []float32) { AddWithinRef(dst, g, x, -1, 1) }},
}

// specials are the values at which comparisons, minima and divisions differ from what they do elsewhere.
var specials = []float32{0, float32(math.Copysign(0, -1)), 1, -1, 0.5, 3e38, -3e38, 1e-45, 1e-39, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}

// TestPairs compares every pair of special values, and random ones, with the plain Go: the arithmetic, whose exact
// result IEEE 754 fixes, bit for bit, NaN as NaN.
func TestPairs(t *testing.T) {
	var a, b []float32
	for _, x := range specials {
		for _, y := range specials {
			a, b = append(a, x), append(b, y)
		}
	}
	r := rand.New(rand.NewPCG(22, 23))
	a, b = append(a, randoms(r, 1000)...), append(b, randoms(r, 1000)...)
	eachLevel(t, func(t *testing.T) {
		got, want := make([]float32, len(a)), make([]float32, len(a))
		for _, p := range pairs {
			p.f(got, a, b)
			p.ref(want, a, b)
			for i := range got {
				if !equalBits(got[i], want[i]) {
					t.Errorf("%s(%v, %v): got %v, want %v", p.name, a[i], b[i], got[i], want[i])
				}
			}
		}
		for _, m := range masked {
			for _, from := range []float32{0.25, float32(math.Copysign(0, -1))} {
				for i := range got {
					got[i], want[i] = from, from
				}
				m.f(got, a, b)
				m.ref(want, a, b)
				for i := range got {
					if !equalBits(got[i], want[i]) {
						t.Errorf("%s(%v, %v, %v): got %v, want %v", m.name, from, a[i], b[i], got[i], want[i])
					}
				}
			}
		}
		clear(want)
		MulIfTo(got, a, b)
		MulAddRef(want, a, b)
		for i := range got {
			if !equalBits(got[i], want[i]) {
				t.Errorf("MulIf(%v, %v): got %v, want what MulAdd makes of 0, %v", a[i], b[i], got[i], want[i])
			}
		}
		ExpDiffTo(got, a, b)
		SubTo(want, a, b)
		ExpTo(want, want)
		for i := range got {
			if !equalBits(got[i], want[i]) {
				t.Errorf("ExpDiff(%v, %v): got %v, want the exponential of the difference, %v", a[i], b[i], got[i], want[i])
			}
		}
		SelectTo(got, b, a, b)
		SelectRef(want, b, a, b)
		for i := range got {
			if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
				t.Errorf("Select(%v, %v, %v): got %v, want %v", b[i], a[i], b[i], got[i], want[i])
			}
		}
		for _, limits := range [][2]float32{{-1, 0.75}, {0, 1}, {-1, float32(math.Copysign(0, -1))}} {
			ClampTo(got, a, limits[0], limits[1])
			ClampRef(want, a, limits[0], limits[1])
			for i := range got {
				if !equalBits(got[i], want[i]) {
					t.Errorf("Clamp(%v, %v): got %v, want %v", a[i], limits, got[i], want[i])
				}
			}
			WithinTo(got, a, limits[0], limits[1])
			WithinRef(want, a, limits[0], limits[1])
			for i := range got {
				if !equalBits(got[i], want[i]) {
					t.Errorf("Within(%v, %v): got %v, want %v", a[i], limits, got[i], want[i])
				}
			}
		}
	})
}

func TestElementwiseLengths(t *testing.T) {
	x, y, one := make([]float32, 3), make([]float32, 2), make([]float32, 1)
	wantPanic(t, "kernel.AddTo: b has another length: got 2, want 3", func() { AddTo(x, x, y) })
	wantPanic(t, "kernel.LogTo: x has another length: got 1, want 3", func() { LogTo(x, one) })
	wantPanic(t, "kernel.MulAdd: g has another length: got 2, want 3", func() { MulAdd(x, y, x) })
	wantPanic(t, "kernel.PowTo: b has another length: got 2, want 3", func() { PowTo(x, x, y) })
	wantPanic(t, "kernel.SumWhere: mask has another length: got 1, want 3", func() { SumWhere(x, one) })
	wantPanic(t, "kernel.MinimumBack: b has another length: got 0, want 3", func() { MinimumBack(x, one, one, nil) })
	wantPanic(t, "kernel.SelectTo: mask has another length: got 2, want 3", func() { SelectTo(x, y, x, x) })
	AddTo(nil, nil, one)
	AddTo(one, one, one)
}

// TestPrefetch: a hint changes nothing, at any length.
func TestPrefetch(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(28, 29))
		for _, n := range lengths() {
			g := newGuarded(r, n, n%7, true).seal()
			PrefetchWrite(g.x)
			g.check(t, "PrefetchWrite")
		}
	})
}
