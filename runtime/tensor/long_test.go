package tensor_test

import (
	"math"
	"testing"

	"github.com/hudrl/hudrl/runtime/tensor"
)

// TestLongGradients compares the gradients of operations that work tile by
// tile with their derivatives from calculus, on more than two tiles and a
// remainder.
func TestLongGradients(t *testing.T) {
	t.Parallel()
	const n = 2*1024 + 13
	sigma := func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
	pos, both := make([]float32, n), make([]float32, n)
	for i := range pos {
		both[i] = float32(i%97)/8 - 6
		pos[i] = both[i] + 6.25
	}
	for _, tt := range []struct {
		name  string
		x     []float32
		op    func(x T) T
		slope func(v float64) float64
	}{
		{"square", both, T.Square, func(v float64) float64 { return 2 * v }},
		{"sqrt", pos, T.Sqrt, func(v float64) float64 { return 0.5 / math.Sqrt(v) }},
		{"log", pos, T.Log, func(v float64) float64 { return 1 / v }},
		{"log1p", pos, T.Log1p, func(v float64) float64 { return 1 / (1 + v) }},
		{"expm1", both, T.Expm1, math.Exp},
		{"tanh", both, T.Tanh, func(v float64) float64 { return 1 / (math.Cosh(v) * math.Cosh(v)) }},
		{"sigmoid", both, T.Sigmoid, func(v float64) float64 { return sigma(v) * sigma(-v) }},
		{"logsigmoid", both, T.LogSigmoid, func(v float64) float64 { return sigma(-v) }},
		{"softplus", both, T.Softplus, sigma},
		{"abs", both, T.Abs, func(v float64) float64 {
			if v == 0 {
				return 0
			}
			return math.Copysign(1, v)
		}},
		{"minimum", both, func(x T) T { return x.Minimum(tensor.Scalar(0.25)) }, func(v float64) float64 {
			switch {
			case v == 0.25:
				return 0.5
			case v < 0.25:
				return 1
			}
			return 0
		}},
		{"maximum", both, func(x T) T { return tensor.Scalar(0.25).Maximum(x) }, func(v float64) float64 {
			switch {
			case v == 0.25:
				return 0.5
			case v > 0.25:
				return 1
			}
			return 0
		}},
		{"clamp", both, func(x T) T { return x.Clamp(-1, 1) }, func(v float64) float64 {
			if math.Abs(v) <= 1 {
				return 1
			}
			return 0
		}},
	} {
		x := tensor.From(append([]float32(nil), tt.x...), n).RequireGrad()
		if err := tt.op(x).Mul(tensor.Scalar(1.5)).Sum().Backward(); err != nil {
			t.Fatal(tt.name, err)
		}
		for i, got := range x.Grad().Data() {
			if want := 1.5 * tt.slope(float64(tt.x[i])); math.Abs(float64(got)-want) > 1e-6*math.Abs(want) {
				t.Fatalf("%s: gradient at %v: got %v, want %v", tt.name, tt.x[i], got, want)
			}
		}
	}
}

// TestShared: elementwise operations long enough to be split over the cores
// give, bit for bit, what they give for a piece.
func TestShared(t *testing.T) {
	t.Parallel()
	const n, lo, hi = 600_001, 131_000, 131_200
	fill := func(n, from int) (x, y T) {
		a, b := make([]float32, n), make([]float32, n)
		for i := range a {
			a[i], b[i] = float32((i+from)%997)/200-2, float32((i+from)%331)/100+0.5
		}
		return tensor.From(a, n).RequireGrad(), tensor.From(b, n).RequireGrad()
	}
	for _, tt := range []struct {
		name string
		op   func(x, y T) T
	}{
		{"tanh", func(x, _ T) T { return x.Tanh() }},
		{"exp", func(x, _ T) T { return x.Exp() }},
		{"mul", T.Mul},
		{"div", T.Div},
		{"pow", func(x, y T) T { return y.Pow(x) }},
		{"scalars", func(x, y T) T { return tensor.Scalar(2).Sub(x).Mul(tensor.Scalar(3)).Add(y) }},
	} {
		run := func(n, from int) (x, y, z T) {
			x, y = fill(n, from)
			z = tt.op(x, y)
			if err := z.Mul(x).Add(y).Sum().Backward(); err != nil {
				t.Fatal(err)
			}
			return x.Grad(), y.Grad(), z.Detach()
		}
		x, y, z := run(n, 0)
		px, py, pz := run(hi-lo, lo)
		for _, c := range [][2]T{{x, px}, {y, py}, {z, pz}} {
			if got := c[0].Narrow(0, lo, hi-lo); !got.Equal(c[1]) {
				t.Errorf("%s: a piece differs", tt.name)
			}
		}
		last, _ := x.At(n - 1)
		qx, _, _ := run(1, n-1)
		if want, _ := qx.At(0); last != want {
			t.Errorf("%s: last gradient: got %v, want %v", tt.name, last, want)
		}
	}
}
