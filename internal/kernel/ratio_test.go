package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// logratios are n positions with log-ratios up to most, a part of them masked and then full of NaN and infinities.
func logratios(r *rand.Rand, n int, most float64) (x, q, mask, scale []float32) {
	x, q, mask, scale = make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range x {
		x[i] = -float32(r.ExpFloat64())
		q[i] = x[i] - float32(most*(2*r.Float64()-1))
		mask[i], scale[i] = 1, float32(r.Float64())
		if r.IntN(4) == 0 {
			nan, inf := float32(math.NaN()), float32(math.Inf(1-2*r.IntN(2)))
			x[i], q[i], mask[i], scale[i] = inf, [2]float32{nan, inf}[r.IntN(2)], 0, [2]float32{nan, 0}[r.IntN(2)]
		}
	}
	return x, q, mask, scale
}

// near32 is whether got is want rounded with an error of at most ulp units.
func near32(got float32, want, ulp float64) bool {
	return math.Abs(float64(got)-want) <= ulp*2*eps32*math.Abs(want)
}

// nearSums compares what two passes added up: terms within 2 ulp, and 16 roundings of their sums. terms bounds the size
// of a term of Loss.
func nearSums(t *testing.T, what string, got, want Ratios, terms float64) {
	t.Helper()
	n := math.Max(1, float64(want.Tokens))
	big := float64(want.MaxRatio)
	for _, c := range []struct {
		name             string
		got, want, bound float64
	}{
		{"Loss", got.Loss, want.Loss, terms},
		{"Ratio", got.Ratio, want.Ratio, big},
		{"Squares", got.Squares, want.Squares, big * big},
		{"Log", got.Log, want.Log, float64(want.MaxLog)},
		{"LogSquares", got.LogSquares, want.LogSquares, float64(want.MaxLog) * float64(want.MaxLog)},
		{"MaxRatio", float64(got.MaxRatio), float64(want.MaxRatio), big},
		{"MaxLog", float64(got.MaxLog), float64(want.MaxLog), float64(want.MaxLog)},
	} {
		if !(math.Abs(c.got-c.want) <= 1e-6*c.bound*n) {
			t.Fatalf("%s: %s: got %v, want %v", what, c.name, c.got, c.want)
		}
	}
	if got.Tokens != want.Tokens || got.Low != want.Low || got.High != want.High {
		t.Fatalf("%s: got %d positions, %d below and %d above, want %d, %d, %d", what, got.Tokens, got.Low, got.High, want.Tokens, want.Low, want.High)
	}
}

// piecewise is PiecewiseTo with its sums.
func piecewise(grad, x, q, mask, scale []float32, p *Piecewise, factor float32) (sums Ratios) {
	sums = Ratios{Loss: 1, Tokens: 2, Low: 3, High: 4} // to be overwritten
	PiecewiseTo(&sums, grad, x, q, mask, scale, p, factor)
	return sums
}

func TestPiecewise(t *testing.T) {
	inf := math.Inf(1)
	pieces := map[string]Piecewise{
		"inside":   {Low: -inf, High: inf, Slope: -1.5},
		"clipped":  {Low: -inf, High: math.Log(1.2), Slope: -2, HighValue: -2.4},
		"dropped":  {Low: math.Log(0.8), High: math.Log(1.28), Slope: 1},
		"constant": {Low: inf, High: inf, LowSlope: -1, TimesX: true},
		"weight":   {Low: math.Log(0.5), High: math.Log(4), Slope: -1, LowSlope: -0.5, HighSlope: -4, TimesX: true},
	}
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for name, p := range pieces {
			for _, n := range append(lengths(), 127, 128, 129, 1024) {
				for _, most := range []float64{0.3, 3, 19.9} {
					factor := float32(1 - 1.75*float64(n%2))
					x, q, mask, scale := logratios(r, n, most)
					g := newGuarded(r, n, n%5, false).seal()
					got := piecewise(g.x, x, q, mask, scale, &p, factor)
					g.check(t, "PiecewiseTo")
					ref := make([]float32, n)
					want := PiecewiseRef(ref, x, q, mask, scale, &p, factor)
					terms := 4.0
					if p.Slope != 0 {
						terms = 4 * math.Max(1, float64(want.MaxRatio))
					}
					nearSums(t, name, got, want, terms)
					for i := range ref {
						if !near32(g.x[i], float64(ref[i]), 4) || mask[i] == 0 && g.x[i] != 0 {
							t.Fatalf("%s, %d of %d: got %v, want %v for d = %v - %v, scale %v", name, i, n, g.x[i], ref[i], x[i], q[i], scale[i])
						}
					}
					if s := piecewise(nil, x, q, mask, scale, &p, factor); s != got {
						t.Fatalf("%s: got %+v without gradient, want %+v", name, s, got)
					}
				}
			}
		}
	})
}

// TestPiecewiseTies compares log-ratios that no float32 holds with bounds as near as can be.
func TestPiecewiseTies(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		const n = 16
		x, q, one, g := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
		for range 2000 {
			for i := range x {
				x[i], q[i], one[i] = -float32(r.ExpFloat64()), -8*float32(r.ExpFloat64()), 1
			}
			// The bound is one of the log-ratios, or a little aside.
			d := float64(x[3]) - float64(q[3])
			for _, step := range []float64{0, 1e-9, -1e-9, 1e-14, -1e-14} {
				bound := d + step*math.Abs(d)
				for _, p := range []Piecewise{{Low: bound, High: math.Inf(1), Slope: 1}, {Low: math.Inf(-1), High: bound, Slope: 1}} {
					got, want := piecewise(g, x, q, one, one, &p, 1), PiecewiseRef(nil, x, q, one, one, &p, 1)
					if got.Low != want.Low || got.High != want.High {
						t.Fatalf("d %v, bound %v: got %d below, %d above, want %d, %d", d, bound, got.Low, got.High, want.Low, want.High)
					}
				}
			}
		}
	})
}

func TestRatio(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		worst := 0.0
		for _, n := range append(lengths(), 127, 128, 129, 1024, 4096) {
			for _, most := range []float64{1e-4, 0.3, 3, 19.9} {
				x, q, mask, _ := logratios(r, n, most)
				d, e := newGuarded(r, n, n%5, false).seal(), newGuarded(r, n, n%3, false).seal()
				got := RatioTo(d.x, e.x, x, q, mask)
				d.check(t, "RatioTo d")
				e.check(t, "RatioTo r")
				dRef, rRef := make([]float32, n), make([]float32, n)
				nearSums(t, "RatioTo", got, RatioRef(dRef, rRef, x, q, mask), 1)
				for i := range d.x {
					exact := 0.0
					if mask[i] != 0 {
						exact = math.Exp(float64(x[i]) - float64(q[i]))
						worst = math.Max(worst, math.Abs(float64(e.x[i])-exact)/exact/(2*eps32))
					}
					if d.x[i] != dRef[i] || !near32(e.x[i], exact, 2) {
						t.Fatalf("%d of %d: got d = %v, r = %v, want %v, %v", i, n, d.x[i], e.x[i], dRef[i], exact)
					}
				}
			}
		}
		t.Logf("r is within %.2f of 2⁻²³", worst)
	})
}

// TestRatioBroken sees every log-ratio beyond what the sums are made for.
func TestRatioBroken(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	eachLevel(t, func(t *testing.T) {
		for _, at := range []int{0, 7, 15, 16, 36} {
			for _, bad := range [][2]float32{{nan, 0}, {0, nan}, {inf, 0}, {-inf, 0}, {0, inf}, {inf, inf}, {-inf, -inf}, {-30, 0}, {100, 0}, {0, -88}, {20, 0}, {3e38, -3e38}} {
				x, q, one, d, r := make([]float32, 37), make([]float32, 37), make([]float32, 37), make([]float32, 37), make([]float32, 37)
				for i := range one {
					one[i] = 1
				}
				x[at], q[at] = bad[0], bad[1]
				s := RatioTo(d, r, x, q, one)
				p := piecewise(d, x, q, one, one, &Piecewise{Low: math.Inf(-1), High: math.Inf(1), Slope: 1}, 1)
				if s.MaxLog < MaxLogRatio || p.MaxLog < MaxLogRatio {
					t.Errorf("%v - %v at %d: got MaxLog %v and %v, want at least %v or NaN", bad[0], bad[1], at, s.MaxLog, p.MaxLog, MaxLogRatio)
				}
			}
		}
	})
}

func TestRatioPanics(t *testing.T) {
	x, y := make([]float32, 2), make([]float32, 3)
	wantPanic(t, "kernel.PiecewiseTo: q has another length: got 3, want 2", func() { piecewise(x, x, y, x, x, &Piecewise{}, 1) })
	wantPanic(t, "kernel.PiecewiseTo: grad has another length: got 3, want 2", func() { piecewise(y, x, x, x, x, &Piecewise{}, 1) })
	wantPanic(t, "kernel.RatioTo: mask has another length: got 3, want 2", func() { RatioTo(x, x, x, x, y) })
}

// TestPiecewiseLevels compares the gradients of AVX-512 and AVX2, which agree in every bit.
func TestPiecewiseLevels(t *testing.T) {
	type run struct {
		level string
		grads [][]float32
	}
	var runs []run
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(9, 10))
		now := run{level: Implementation()}
		for _, n := range []int{5, 64, 1003} {
			for _, most := range []float64{0.3, 7, 19} {
				x, q, mask, scale := logratios(r, n, most)
				for _, p := range []Piecewise{{Low: math.Log(0.8), High: math.Log(1.28), Slope: -0.3}, {Low: -1, High: math.Inf(1), Slope: 2, LowValue: 3}} {
					g := make([]float32, n)
					piecewise(g, x, q, mask, scale, &p, -0.7)
					now.grads = append(now.grads, g)
				}
			}
		}
		runs = append(runs, now)
	})
	var vector [][][]float32
	for _, x := range runs {
		if x.level != "go" {
			vector = append(vector, x.grads)
		}
	}
	for _, grads := range vector {
		for i, g := range grads {
			if !sameBits(g, vector[0][i]) {
				t.Errorf("gradient %d differs between AVX-512 and AVX2", i)
			}
		}
	}
}

func TestRatioSums(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(11, 12))
		for _, n := range append(lengths(), 127, 128, 129, 1024) {
			for _, most := range []float64{0.3, 3, 19.9} {
				x, q, mask, scale := logratios(r, n, most)
				want := PiecewiseRef(nil, x, q, mask, scale, &Piecewise{Low: math.Inf(-1), High: math.Inf(-1), HighValue: 1}, 1)
				want.High = 0
				got := Ratios{Loss: 1, Tokens: 2, Low: 3, High: 4}
				RatioSums(&got, x, q, mask, scale)
				nearSums(t, "RatioSums", got, want, 1)
			}
		}
		nan := float32(math.NaN())
		var s Ratios
		if RatioSums(&s, []float32{0, nan}, []float32{0, 0}, []float32{1, 1}, []float32{1, 1}); s.MaxLog < MaxLogRatio {
			t.Errorf("NaN: got MaxLog %v, want at least %v or NaN", s.MaxLog, MaxLogRatio)
		}
	})
}

// BenchmarkPiecewise is one pass over a loss's tokens in L2: 16 bytes and about 28 vector instructions for 16 of them.
func BenchmarkPiecewise(b *testing.B) {
	const n = 1 << 14
	r := rand.New(rand.NewPCG(7, 8))
	x, q, one, g := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range x {
		x[i] = -float32(r.ExpFloat64())
		q[i], one[i] = x[i]+0.1*float32(r.NormFloat64()), 1
	}
	p := Piecewise{Low: math.Log(0.8), High: math.Log(1.28), Slope: 1}
	b.SetBytes(16 * n)
	for b.Loop() {
		piecewise(g, x, q, one, one, &p, 1)
	}
}

// BenchmarkRatioSums is such a pass without a gradient: 12 bytes and 22 instructions.
func BenchmarkRatioSums(b *testing.B) {
	const n = 1 << 14
	r := rand.New(rand.NewPCG(7, 8))
	x, q, one := make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range x {
		x[i] = -float32(r.ExpFloat64())
		q[i], one[i] = x[i]+0.1*float32(r.NormFloat64()), 1
	}
	var sums Ratios
	b.SetBytes(12 * n)
	for b.Loop() {
		RatioSums(&sums, x, q, one, one)
	}
}
