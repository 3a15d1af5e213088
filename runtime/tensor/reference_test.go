package tensor_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hudrl/hudrl/runtime/tensor"
)

// A opCase is an operation and the same thing in plain float64, written from
// its definition. Forward values are compared with it, and gradients with
// finite differences of it.
type opCase struct {
	name   string
	shapes [][]int
	lo, hi float64 // range of the inputs
	op     func(x []*tensor.Tensor) *tensor.Tensor
	ref    func(x [][]float64) []float64
}

func each(f func(v float64) float64) func(x [][]float64) []float64 {
	return func(x [][]float64) []float64 {
		out := make([]float64, len(x[0]))
		for i, v := range x[0] {
			out[i] = f(v)
		}
		return out
	}
}

// pair broadcasts x[0] of shape [2 3] with x[1] of the given shape.
func pair(index func(r, c int) int, f func(a, b float64) float64) func(x [][]float64) []float64 {
	return func(x [][]float64) []float64 {
		out := make([]float64, 6)
		for r := range 2 {
			for c := range 3 {
				out[r*3+c] = f(x[0][r*3+c], x[1][index(r, c)])
			}
		}
		return out
	}
}

// columns reduces each column of a [2 3] array, rows each row, all everything.
func columns(f func(v []float64) float64) func(x [][]float64) []float64 {
	return func(x [][]float64) []float64 {
		var out []float64
		for c := range 3 {
			out = append(out, f([]float64{x[0][c], x[0][3+c]}))
		}
		return out
	}
}

func rowwise(f func(v []float64) float64) func(x [][]float64) []float64 {
	return func(x [][]float64) []float64 { return []float64{f(x[0][:3]), f(x[0][3:])} }
}

func all(f func(v []float64) float64) func(x [][]float64) []float64 {
	return func(x [][]float64) []float64 { return []float64{f(x[0])} }
}

func sumOf(v []float64) (s float64) {
	for _, x := range v {
		s += x
	}
	return s
}

func varOf(v []float64) (s float64) {
	m := sumOf(v) / float64(len(v))
	for _, x := range v {
		s += (x - m) * (x - m)
	}
	return s / float64(len(v)-1)
}

func lseOf(v []float64) (s float64) {
	for _, x := range v {
		s += math.Exp(x)
	}
	return math.Log(s)
}

func maxOf(v []float64) float64 {
	m := v[0]
	for _, x := range v {
		m = math.Max(m, x)
	}
	return m
}

func minOf(v []float64) float64 { return -maxOf([]float64{-v[0], -v[len(v)/2], -v[len(v)-1]}) }

func prodOf(v []float64) float64 {
	p := 1.0
	for _, x := range v {
		p *= x
	}
	return p
}

func pick(idx ...int) func(x [][]float64) []float64 {
	return func(x [][]float64) []float64 {
		var out []float64
		for _, i := range idx {
			out = append(out, x[0][i])
		}
		return out
	}
}

func matmul(m, k, n int) func(x [][]float64) []float64 {
	return func(x [][]float64) []float64 {
		out := make([]float64, m*n)
		for i := range m {
			for j := range n {
				for l := range k {
					out[i*n+j] += x[0][i*k+l] * x[1][l*n+j]
				}
			}
		}
		return out
	}
}

type T = *tensor.Tensor

func opCases() []opCase {
	s23 := [][]int{{2, 3}}
	u := func(name string, lo, hi float64, op func(t T) T, f func(v float64) float64) opCase {
		return opCase{name, s23, lo, hi, func(x []T) T { return op(x[0]) }, each(f)}
	}
	one := func(name string, op func(t T) T, ref func(x [][]float64) []float64) opCase {
		return opCase{name, s23, -2, 2, func(x []T) T { return op(x[0]) }, ref}
	}
	two := func(name string, lo, hi float64, other []int, index func(r, c int) int, op func(a, b T) T, f func(a, b float64) float64) opCase {
		return opCase{name, [][]int{{2, 3}, other}, lo, hi, func(x []T) T { return op(x[0], x[1]) }, pair(index, f)}
	}
	same := func(r, c int) int { return r*3 + c }
	row := func(_, c int) int { return c }
	col := func(r, _ int) int { return r }
	scalar := func(_, _ int) int { return 0 }
	add := func(a, b float64) float64 { return a + b }
	sub := func(a, b float64) float64 { return a - b }
	mul := func(a, b float64) float64 { return a * b }
	div := func(a, b float64) float64 { return a / b }
	sigma := func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }

	cases := []opCase{
		u("neg", -2, 2, T.Neg, func(v float64) float64 { return -v }),
		u("exp", -3, 3, T.Exp, math.Exp),
		u("log", 0.2, 3, T.Log, math.Log),
		u("log1p", -0.5, 3, T.Log1p, func(v float64) float64 { return math.Log(1 + v) }),
		u("expm1", -2, 2, T.Expm1, func(v float64) float64 { return math.Exp(v) - 1 }),
		u("sqrt", 0.2, 3, T.Sqrt, math.Sqrt),
		u("abs", -2, 2, T.Abs, math.Abs),
		u("sigmoid", -4, 4, T.Sigmoid, sigma),
		u("logsigmoid", -4, 4, T.LogSigmoid, func(v float64) float64 { return math.Log(sigma(v)) }),
		u("softplus", -4, 4, T.Softplus, func(v float64) float64 { return math.Log(1 + math.Exp(v)) }),
		u("tanh", -2, 2, T.Tanh, math.Tanh),
		u("relu", -2, 2, T.ReLU, func(v float64) float64 { return math.Max(v, 0) }),
		u("square", -2, 2, T.Square, func(v float64) float64 { return v * v }),
		u("sign", -2, 2, T.Sign, func(v float64) float64 { return math.Copysign(1, v) }),
		u("floor", -2, 2, T.Floor, math.Floor),
		u("round", -2, 2, T.Round, math.RoundToEven),
		u("clamp", -2, 2, func(t T) T { return t.Clamp(-0.7, 0.9) }, func(v float64) float64 { return math.Min(math.Max(v, -0.7), 0.9) }),
		u("clone", -2, 2, T.Clone, func(v float64) float64 { return v }),

		two("add", -2, 2, []int{2, 3}, same, T.Add, add),
		two("add row", -2, 2, []int{3}, row, T.Add, add),
		two("sub column", -2, 2, []int{2, 1}, col, T.Sub, sub),
		two("sub scalar", -2, 2, nil, scalar, T.Sub, sub),
		two("rsub", -2, 2, nil, scalar, func(a, b T) T { return b.Sub(a) }, func(a, b float64) float64 { return b - a }),
		two("mul", -2, 2, []int{2, 3}, same, T.Mul, mul),
		two("mul row", -2, 2, []int{1, 3}, row, T.Mul, mul),
		two("mul column", -2, 2, []int{2, 1}, col, func(a, b T) T { return b.Mul(a) }, mul),
		two("mul scalar", -2, 2, []int{1}, scalar, T.Mul, mul),
		two("div", 0.5, 2, []int{2, 3}, same, T.Div, div),
		two("div column", 0.5, 2, []int{2, 1}, col, T.Div, div),
		two("div by scalar", 0.5, 2, nil, scalar, T.Div, div),
		two("pow", 0.5, 2, []int{2, 3}, same, T.Pow, math.Pow),
		two("pow row", 0.5, 2, []int{3}, row, T.Pow, math.Pow),
		two("minimum", -2, 2, []int{2, 3}, same, T.Minimum, math.Min),
		two("maximum row", -2, 2, []int{3}, row, T.Maximum, math.Max),
		two("where", -2, 2, []int{3}, row, func(a, b T) T {
			return tensor.Where(tensor.From([]float32{1, 0, 0, 0, 1, 1}, 2, 3), a, b)
		}, nil),

		one("sum", func(t T) T { return t.Sum() }, all(sumOf)),
		one("sum 0", func(t T) T { return t.Sum(0) }, columns(sumOf)),
		one("sum -1", func(t T) T { return t.Sum(-1) }, rowwise(sumOf)),
		one("mean", func(t T) T { return t.Mean() }, all(func(v []float64) float64 { return sumOf(v) / float64(len(v)) })),
		one("mean 0", func(t T) T { return t.Mean(0) }, columns(func(v []float64) float64 { return sumOf(v) / 2 })),
		one("var", func(t T) T { return t.Var() }, all(varOf)),
		one("var 1", func(t T) T { return t.Var(1) }, rowwise(varOf)),
		one("std 0", func(t T) T { return t.Std(0) }, columns(func(v []float64) float64 { return math.Sqrt(varOf(v)) })),
		one("max", func(t T) T { return t.Max() }, all(maxOf)),
		one("max 0", func(t T) T { return t.Max(0) }, columns(maxOf)),
		one("min 1", func(t T) T { return t.Min(1) }, rowwise(minOf)),
		one("logsumexp", func(t T) T { return t.LogSumExp() }, all(lseOf)),
		one("logsumexp 0", func(t T) T { return t.LogSumExp(0) }, columns(lseOf)),
		one("prod", func(t T) T { return t.Prod() }, all(prodOf)),
		one("prod 1", func(t T) T { return t.Prod(1) }, rowwise(prodOf)),
		one("norm", func(t T) T { return t.Norm() }, all(func(v []float64) float64 {
			s := 0.0
			for _, x := range v {
				s += x * x
			}
			return math.Sqrt(s)
		})),
		one("softmax 1", func(t T) T { return t.Softmax(1) }, func(x [][]float64) []float64 {
			out := make([]float64, 6)
			for i, v := range x[0] {
				out[i] = math.Exp(v - lseOf(x[0][i/3*3:i/3*3+3]))
			}
			return out
		}),
		one("log_softmax 0", func(t T) T { return t.LogSoftmax(0) }, func(x [][]float64) []float64 {
			out := make([]float64, 6)
			for i, v := range x[0] {
				out[i] = v - lseOf([]float64{x[0][i%3], x[0][3+i%3]})
			}
			return out
		}),
		one("cumsum 1", func(t T) T { return t.Cumsum(1) }, func(x [][]float64) []float64 {
			v := x[0]
			return []float64{v[0], v[0] + v[1], v[0] + v[1] + v[2], v[3], v[3] + v[4], v[3] + v[4] + v[5]}
		}),
		one("cumsum 0", func(t T) T { return t.Cumsum(0) }, func(x [][]float64) []float64 {
			v := x[0]
			return []float64{v[0], v[1], v[2], v[0] + v[3], v[1] + v[4], v[2] + v[5]}
		}),

		one("reshape", func(t T) T { return t.Reshape(3, -1) }, pick(0, 1, 2, 3, 4, 5)),
		one("transpose", func(t T) T { return t.T() }, pick(0, 3, 1, 4, 2, 5)),
		one("reshape of transpose", func(t T) T { return t.T().Reshape(6) }, pick(0, 3, 1, 4, 2, 5)),
		one("view of view", func(t T) T { return t.T().Narrow(0, 1, 2).Select(1, 1).Unsqueeze(0) }, pick(4, 5)),
		one("squeeze", func(t T) T { return t.Unsqueeze(1).Squeeze() }, pick(0, 1, 2, 3, 4, 5)),
		one("narrow", func(t T) T { return t.Narrow(1, 1, 2) }, pick(1, 2, 4, 5)),
		one("select", func(t T) T { return t.Select(0, -1) }, pick(3, 4, 5)),
		one("expand", func(t T) T { return t.Select(0, 0).Expand(2, 3) }, pick(0, 1, 2, 0, 1, 2)),
		one("expand column", func(t T) T { return t.Narrow(1, 2, 1).Expand(2, 2) }, pick(2, 2, 5, 5)),
		one("cat", func(t T) T { return tensor.Cat([]T{t, t.Narrow(1, 0, 1), t}, 1) }, pick(0, 1, 2, 0, 0, 1, 2, 3, 4, 5, 3, 3, 4, 5)),
		one("stack", func(t T) T { return tensor.Stack([]T{t.Select(0, 1), t.Select(0, 0), t.Select(0, 1)}, 1) }, pick(3, 0, 3, 4, 1, 4, 5, 2, 5)),

		{"matmul", [][]int{{2, 3}, {3, 4}}, -2, 2, func(x []T) T { return x[0].MatMul(x[1]) }, matmul(2, 3, 4)},
		{"matmul vector", [][]int{{2, 3}, {3}}, -2, 2, func(x []T) T { return x[0].MatMul(x[1]) }, matmul(2, 3, 1)},
		{"vector matmul", [][]int{{3}, {3, 2}}, -2, 2, func(x []T) T { return x[0].MatMul(x[1]) }, matmul(1, 3, 2)},
		{"dot", [][]int{{3}, {3}}, -2, 2, func(x []T) T { return x[0].MatMul(x[1]) }, matmul(1, 3, 1)},
		{"matmul transposed", [][]int{{2, 3}, {3, 4}}, -2, 2, func(x []T) T { return x[1].T().MatMul(x[0].T()).T() }, matmul(2, 3, 4)},
		{"matmul batch", [][]int{{2, 2, 3}, {3, 2}}, -2, 2, func(x []T) T { return x[0].MatMul(x[1]) },
			func(x [][]float64) []float64 {
				f := matmul(2, 3, 2)
				return append(f([][]float64{x[0][:6], x[1]}), f([][]float64{x[0][6:], x[1]})...)
			}},
		{"segment_sum", [][]int{{5}}, -2, 2, func(x []T) T { return x[0].SegmentSum([]int{0, 2, 2, 5}) },
			func(x [][]float64) []float64 { return []float64{sumOf(x[0][:2]), 0, sumOf(x[0][2:])} }},
		{"segment_mean", [][]int{{3, 2}}, -2, 2, func(x []T) T { return x[0].SegmentMean([]int{0, 2, 3}) },
			func(x [][]float64) []float64 {
				v := x[0]
				return []float64{(v[0] + v[2]) / 2, (v[1] + v[3]) / 2, v[4], v[5]}
			}},
		{"segment_max", [][]int{{5}}, -2, 2, func(x []T) T { return x[0].SegmentMax([]int{0, 2, 5}) },
			func(x [][]float64) []float64 { return []float64{maxOf(x[0][:2]), maxOf(x[0][2:])} }},
		{"segment_expand", [][]int{{3}}, -2, 2, func(x []T) T { return x[0].SegmentExpand([]int{0, 2, 2, 5}) }, pick(0, 0, 2, 2, 2)},
		{"used twice", [][]int{{2, 3}}, -2, 2, func(x []T) T { return x[0].Mul(x[0]).Add(x[0].Exp()) },
			each(func(v float64) float64 { return v*v + math.Exp(v) })},
	}
	for i := range cases {
		if cases[i].name == "where" {
			cases[i].ref = func(x [][]float64) []float64 {
				return []float64{x[0][0], x[1][1], x[1][2], x[1][0], x[0][4], x[0][5]}
			}
		}
	}
	return cases
}

// TestOperations holds every operation and its gradient against float64.
func TestOperations(t *testing.T) {
	for k, c := range opCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(8) {
				r := rand.New(rand.NewPCG(seed, uint64(k)))
				var in []T
				var x [][]float64
				for _, shape := range c.shapes {
					n := 1
					for _, s := range shape {
						n *= s
					}
					data, wide := make([]float32, n), make([]float64, n)
					for i := range data {
						data[i] = float32(c.lo + (c.hi-c.lo)*r.Float64())
						wide[i] = float64(data[i])
					}
					in, x = append(in, tensor.From(data, shape...).RequireGrad()), append(x, wide)
				}
				checkCase(t, c, r, in, x)
			}
		})
	}
}

func checkCase(t *testing.T, c opCase, r *rand.Rand, in []T, x [][]float64) {
	t.Helper()
	y := c.op(in)
	if err := y.Err(); err != nil {
		t.Fatal(err)
	}
	want := c.ref(x)
	if y.Len() != len(want) {
		t.Fatalf("got shape %v, want %d elements", y.Shape(), len(want))
	}
	weights, wide := make([]float32, len(want)), make([]float64, len(want))
	for i, v := range y.Data() {
		if math.Abs(float64(v)-want[i]) > 2e-6*math.Max(1, math.Abs(want[i])) {
			t.Fatalf("element %d: got %v, want %v", i, v, want[i])
		}
		weights[i] = float32(r.NormFloat64())
		wide[i] = float64(weights[i])
	}
	loss := y.Mul(tensor.From(weights, y.Shape()...)).Sum()
	if err := loss.Backward(); err != nil {
		t.Fatal(err)
	}
	value := func() float64 {
		s := 0.0
		for i, v := range c.ref(x) {
			s += wide[i] * v
		}
		return s
	}
	for k := range x {
		got := in[k].Grad().Data()
		for i := range x[k] {
			const h = 1e-5
			v := x[k][i]
			x[k][i] = v + h
			up := value()
			x[k][i] = v - h
			down := value()
			x[k][i] = v
			want := (up - down) / (2 * h)
			if math.Abs(float64(got[i])-want) > 1e-5*math.Max(1, math.Abs(want)) {
				t.Fatalf("gradient of input %d at %d: got %v, want %v", k, i, got[i], want)
			}
		}
	}
}
