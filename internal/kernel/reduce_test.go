package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// reductions are the sums with their references; y is the second operand, or a mask.
var reductions = []struct {
	name string
	f    func(x, y []float32) float64
	ref  func(x, y []float32) float64
}{
	{"Sum", func(x, _ []float32) float64 { return Sum(x) }, func(x, _ []float32) float64 { return SumRef(x) }},
	{"SumSquares", func(x, _ []float32) float64 { return SumSquares(x) }, func(x, _ []float32) float64 { return SumSquaresRef(x) }},
	{"SumProducts", SumProducts, SumProductsRef[float32]},
	{"SumScaled", func(x, y []float32) float64 { return SumScaled(-0.3, x, y) }, func(x, y []float32) float64 { return SumScaledRef(-0.3, x, y) }},
	{"CenteredSumSquares", func(x, _ []float32) float64 { return CenteredSumSquares(x, 0.3) },
		func(x, _ []float32) float64 { return CenteredSumSquaresRef(x, 0.3) }},
	{"SumWhere", SumWhere, SumWhereRef[float32]},
	{"Max", func(x, _ []float32) float64 { return float64(Max(x)) }, func(x, _ []float32) float64 { return float64(MaxRef(x)) }},
	{"Min", func(x, _ []float32) float64 { return float64(Min(x)) }, func(x, _ []float32) float64 { return float64(MinRef(x)) }},
	{"CountNonZero", func(x, _ []float32) float64 { return float64(CountNonZero(x)) },
		func(x, _ []float32) float64 { return float64(CountNonZeroRef(x)) }},
	{"ArgMax", func(x, _ []float32) float64 { return float64(ArgMax(x)) }, func(x, _ []float32) float64 { return float64(IndexRef(x, MaxRef(x))) }},
	{"ArgMin", func(x, _ []float32) float64 { return float64(ArgMin(x)) }, func(x, _ []float32) float64 { return float64(IndexRef(x, MinRef(x))) }},
	{"Index", func(x, y []float32) float64 { return float64(Index(x, one(y))) }, func(x, y []float32) float64 { return float64(IndexRef(x, one(y))) }},
	{"CountEqual", func(x, y []float32) float64 { return float64(CountEqual(x, one(y))) },
		func(x, y []float32) float64 { return float64(CountEqualRef(x, one(y))) }},
}

// one is the first of x, or 0.
func one(x []float32) float32 {
	if len(x) > 0 {
		return x[0]
	}
	return 0
}

func sameBits64(x, y float64) bool {
	return math.Float64bits(x) == math.Float64bits(y) || x != x && y != y
}

// TestReductions holds the sums and extremes to the bits of the reference at every length, wherever the slices begin
// and whatever a special value does at any place.
func TestReductions(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(24, 25))
		for _, c := range reductions {
			for _, n := range lengths() {
				for _, offset := range []int{0, 1, 5} {
					x, y := newGuarded(r, n, offset, true), newGuarded(r, n, offset+2, true)
					for i := range y.x {
						y.x[i] *= float32(r.IntN(2))
						x.x[i] *= float32(math.Exp2(float64(r.IntN(60) - 30)))
						if r.IntN(3) == 0 {
							x.x[i] = 0
						}
					}
					x.seal()
					y.seal()
					got, want := c.f(x.x, y.x), c.ref(x.x, y.x)
					x.check(t, c.name)
					y.check(t, c.name)
					if !sameBits64(got, want) {
						t.Fatalf("%s of %d: got %v, want %v", c.name, n, got, want)
					}
				}
			}
			for _, n := range []int{1, 9, 21, 35, 70, 130} {
				for _, v := range specials {
					for at := range n {
						x, y := randoms(r, n), randoms(r, n)
						x[at], y[at] = v, float32(at%2)
						if got, want := c.f(x, y), c.ref(x, y); !sameBits64(got, want) {
							t.Fatalf("%s of %d with %v at %d: got %v, want %v", c.name, n, v, at, got, want)
						}
						clear(x)
						x[at] = v
						if got, want := c.f(x, y), c.ref(x, y); !sameBits64(got, want) {
							t.Fatalf("%s of zeros and %v at %d of %d: got %v, want %v", c.name, v, at, n, got, want)
						}
					}
				}
			}
		}
	})
}

// TestSumValues holds the sums to exact ones of small integers.
func TestSumValues(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, n := range lengths() {
			x, odd := make([]float32, n), make([]float32, n)
			for i := range x {
				x[i], odd[i] = float32(i+1), float32((i+1)%2)
			}
			k := float64(n)
			h := math.Ceil(k / 2) // odd numbers up to n
			for _, tt := range []struct {
				name      string
				got, want float64
			}{
				{"Sum", Sum(x), k * (k + 1) / 2},
				{"SumSquares", SumSquares(x), k * (k + 1) * (2*k + 1) / 6},
				{"SumProducts", SumProducts(x, x), k * (k + 1) * (2*k + 1) / 6},
				{"SumScaled", SumScaled(3, x, odd), 3 * h * h},
				{"SumWhere", SumWhere(x, odd), h * h},
				{"CenteredSumSquares", CenteredSumSquares(x, (k+1)/2), k * (k*k - 1) / 12},
				{"CountNonZero", float64(CountNonZero(odd)), h},
				{"CountEqual", float64(CountEqual(odd, 0)), k - h},
			} {
				if tt.got != tt.want {
					t.Fatalf("%s of 1 to %d: got %v, want %v", tt.name, n, tt.got, tt.want)
				}
			}
		}
		for _, tt := range []struct {
			x        []float32
			max, min float64
		}{
			{nil, math.Inf(-1), math.Inf(1)},
			{[]float32{3, -2, 5}, 5, -2},
			{[]float32{1, float32(math.NaN()), 2}, math.NaN(), math.NaN()},
			{[]float32{float32(math.Copysign(0, -1))}, 0, 0},
		} {
			near(t, Max(tt.x), tt.max, 0, "Max(%v)", tt.x)
			near(t, Min(tt.x), tt.min, 0, "Min(%v)", tt.x)
			if math.Signbit(float64(Max(tt.x))) && tt.max == 0 {
				t.Errorf("Max(%v): got -0, want 0", tt.x)
			}
		}
	})
}

// TestArgMax: the first of equals wins, a NaN before all, and zeros are equal.
func TestArgMax(t *testing.T) {
	nan, minus := float32(math.NaN()), float32(math.Copysign(0, -1))
	eachLevel(t, func(t *testing.T) {
		for _, tt := range []struct {
			x        []float32
			max, min int
		}{
			{nil, -1, -1},
			{[]float32{3}, 0, 0},
			{[]float32{1, 3, 2, 3, 1}, 1, 0},
			{[]float32{2, nan, 9, nan}, 1, 1},
			{[]float32{minus, 0, minus}, 0, 0},
			{append(make([]float32, 40), 1, -1, 1), 40, 41},
		} {
			if got := ArgMax(tt.x); got != tt.max {
				t.Errorf("ArgMax(%v): got %d, want %d", tt.x, got, tt.max)
			}
			if got := ArgMin(tt.x); got != tt.min {
				t.Errorf("ArgMin(%v): got %d, want %d", tt.x, got, tt.min)
			}
		}
	})
}
