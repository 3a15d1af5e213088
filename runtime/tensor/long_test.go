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
