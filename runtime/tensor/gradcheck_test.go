package tensor_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hudrl/hudrl/runtime/tensor"
	"github.com/hudrl/hudrl/tests/golden"
)

// spread draws n values whose distances from each other and from 0 are larger
// than the steps of a finite difference: between lo and hi, a quarter apart.
func spread(r *rand.Rand, n int, lo, hi float64) []float32 {
	var grid []float32
	for v := lo + 0.125; v < hi; v += 0.25 {
		grid = append(grid, float32(v))
	}
	r.Shuffle(len(grid), func(i, j int) { grid[i], grid[j] = grid[j], grid[i] })
	out := make([]float32, n)
	for i := range out {
		out[i] = grid[i%len(grid)]
	}
	return out
}

// A gradientCase is an operation at random shapes.
type gradientCase struct {
	lo, hi float64
	draw   func(r *rand.Rand) ([][]int, func(x []*tensor.Tensor) *tensor.Tensor)
}

// size is a random shape of up to 3 dimensions and at most so many elements.
func size(r *rand.Rand, most int) []int {
	for {
		shape := make([]int, r.IntN(4))
		for d := range shape {
			shape[d] = 1 + r.IntN(5)
		}
		if count(shape) <= most {
			return shape
		}
	}
}

func gradientCases() map[string]gradientCase {
	type T = *tensor.Tensor
	all := map[string]gradientCase{}
	one := func(lo, hi float64, f func(T) T) gradientCase {
		return gradientCase{lo, hi, func(r *rand.Rand) ([][]int, func([]T) T) {
			return [][]int{size(r, 20)}, func(x []T) T { return f(x[0]) }
		}}
	}
	for name, f := range map[string]func(T) T{
		"exp": T.Exp, "expm1": T.Expm1, "abs": T.Abs, "neg": T.Neg, "sigmoid": T.Sigmoid, "logsigmoid": T.LogSigmoid,
		"softplus": T.Softplus, "tanh": T.Tanh, "relu": T.ReLU, "square": T.Square, "clone": T.Clone,
		"clamp": func(t T) T { return t.Clamp(-1, 0.75) }, "reshape": func(t T) T { return t.Reshape(-1).Mul(t.Reshape(-1)) },
		"sign": T.Sign, "floor": func(t T) T { return t.Floor().Add(t) }, "round": func(t T) T { return t.Add(tensor.Scalar(0.5)).Round().Mul(t) },
	} {
		all[name] = one(-2.5, 2.5, f)
	}
	for name, f := range map[string]func(T) T{"log": T.Log, "log1p": T.Log1p, "sqrt": T.Sqrt} {
		all[name] = one(0.5, 5.5, f)
	}
	two := func(lo, hi float64, f func(a, b T) T) gradientCase {
		return gradientCase{lo, hi, func(r *rand.Rand) ([][]int, func([]T) T) {
			a := size(r, 20)
			b := slices.Clone(a)
			for d := range b { // one of them is stretched here and there
				switch r.IntN(4) {
				case 0:
					b[d] = 1
				case 1:
					a[d] = 1
				}
			}
			b = b[r.IntN(len(b)+1):]
			if r.IntN(2) == 0 {
				a, b = b, a
			}
			return [][]int{a, b}, func(x []T) T { return f(x[0], x[1]) }
		}}
	}
	for name, f := range map[string]func(a, b T) T{
		"add": T.Add, "sub": T.Sub, "mul": T.Mul, "minimum": T.Minimum, "maximum": T.Maximum,
		"where": func(a, b T) T { return tensor.Where(a.Gt(tensor.Scalar(0)), a.Mul(b), b) },
	} {
		all[name] = two(-3.5, 3.5, f)
	}
	all["div"], all["pow"] = two(1, 8, T.Div), two(1, 3, T.Pow)
	lane := func(f func(t T, dim ...int) T) gradientCase {
		return gradientCase{-6, 6, func(r *rand.Rand) ([][]int, func([]T) T) {
			shape := append(size(r, 6), 2+r.IntN(3))
			if d := r.IntN(len(shape) + 1); d < len(shape) && shape[d] > 1 {
				return [][]int{shape}, func(x []T) T { return f(x[0], d-len(shape)) }
			}
			return [][]int{shape}, func(x []T) T { return f(x[0]) }
		}}
	}
	for name, f := range map[string]func(t T, dim ...int) T{
		"sum": T.Sum, "mean": T.Mean, "var": T.Var, "std": T.Std, "max": T.Max, "min": T.Min, "logsumexp": T.LogSumExp, "norm": T.Norm,
	} {
		all[name] = lane(f)
	}
	all["prod"] = gradientCase{0.5, 1.75, lane(T.Prod).draw}
	scan := func(f func(t T, dim int) T) gradientCase {
		return gradientCase{-3.5, 3.5, func(r *rand.Rand) ([][]int, func([]T) T) {
			shape := append(size(r, 6), 1+r.IntN(4))
			d := r.IntN(len(shape))
			return [][]int{shape}, func(x []T) T { return f(x[0], d) }
		}}
	}
	all["softmax"], all["log_softmax"], all["cumsum"] = scan(T.Softmax), scan(T.LogSoftmax), scan(T.Cumsum)
	ragged := func(f func(t T, offsets []int) T, expand bool) gradientCase {
		return gradientCase{-3.5, 3.5, func(r *rand.Rand) ([][]int, func([]T) T) {
			offsets := []int{0}
			for range 1 + r.IntN(4) {
				offsets = append(offsets, offsets[len(offsets)-1]+r.IntN(4))
			}
			first := offsets[len(offsets)-1]
			if expand {
				first = len(offsets) - 1
			}
			shape := []int{first}
			if r.IntN(2) == 0 {
				shape = append(shape, 2)
			}
			return [][]int{shape}, func(x []T) T {
				y := f(x[0], offsets)
				return tensor.Where(y.Gt(tensor.Scalar(-1e30)), y, tensor.Scalar(0)) // the maximum of nothing
			}
		}}
	}
	all["segment_sum"], all["segment_mean"] = ragged(T.SegmentSum, false), ragged(T.SegmentMean, false)
	all["segment_max"], all["segment_expand"] = ragged(T.SegmentMax, false), ragged(T.SegmentExpand, true)
	all["matmul"] = gradientCase{-2.5, 2.5, func(r *rand.Rand) ([][]int, func([]T) T) {
		m, k, n := 1+r.IntN(3), 1+r.IntN(3), 1+r.IntN(3)
		a, b := []int{m, k}, []int{k, n}
		switch r.IntN(5) {
		case 0:
			a = []int{k}
		case 1:
			b = []int{k}
		case 2:
			a = []int{2, m, k}
		case 3:
			a, b = []int{2, 1, m, k}, []int{3, k, n}
		}
		return [][]int{a, b}, func(x []T) T { return x[0].MatMul(x[1]) }
	}}
	views := func(f func(r *rand.Rand, shape []int) func(T) T) gradientCase {
		return gradientCase{-3.5, 3.5, func(r *rand.Rand) ([][]int, func([]T) T) {
			shape := append(size(r, 6), 1+r.IntN(4))
			g := f(r, shape)
			return [][]int{shape}, func(x []T) T { return g(x[0].Square()) }
		}}
	}
	all["transpose"] = views(func(r *rand.Rand, shape []int) func(T) T {
		a, b := r.IntN(len(shape)), r.IntN(len(shape))
		return func(t T) T { return t.Transpose(a, b-len(shape)) }
	})
	all["t"] = views(func(_ *rand.Rand, shape []int) func(T) T {
		return func(t T) T { return t.Reshape(-1, shape[len(shape)-1]).T() }
	})
	all["squeeze"] = views(func(*rand.Rand, []int) func(T) T { return func(t T) T { return t.Squeeze() } })
	all["unsqueeze"] = views(func(r *rand.Rand, shape []int) func(T) T {
		d := r.IntN(len(shape) + 1)
		return func(t T) T { return t.Unsqueeze(d) }
	})
	all["expand"] = views(func(r *rand.Rand, shape []int) func(T) T {
		to := append([]int{2}, shape...)
		return func(t T) T { return t.Expand(to...) }
	})
	all["narrow"] = views(func(r *rand.Rand, shape []int) func(T) T {
		d := r.IntN(len(shape))
		start := r.IntN(shape[d])
		length := 1 + r.IntN(shape[d]-start)
		return func(t T) T { return t.Narrow(d, start, length) }
	})
	all["select"] = views(func(r *rand.Rand, shape []int) func(T) T {
		d := r.IntN(len(shape))
		i := r.IntN(shape[d])
		return func(t T) T { return t.Select(d, i) }
	})
	join := func(f func(parts []T, d int) T) gradientCase {
		return gradientCase{-3.5, 3.5, func(r *rand.Rand) ([][]int, func([]T) T) {
			shape := append(size(r, 6), 1+r.IntN(3))
			d := r.IntN(len(shape))
			return [][]int{shape, shape}, func(x []T) T { return f([]T{x[0], x[1].Square(), x[0].Exp()}, d) }
		}}
	}
	all["cat"], all["stack"] = join(tensor.Cat), join(tensor.Stack)
	return all
}

// The gradients of every operation, at random shapes and through views of other
// layouts, are those of finite differences.
func TestGradientsOfEverything(t *testing.T) {
	t.Parallel()
	cases := gradientCases()
	for name, c := range cases {
		for seed := range uint64(12) {
			r := rand.New(rand.NewPCG(seed, 9))
			shapes, f := c.draw(r)
			var in []*tensor.Tensor
			var layout []int
			for _, s := range shapes {
				k := r.IntN(4)
				if len(s) == 0 {
					k = 0
				}
				base := slices.Clone(s)
				switch k {
				case 1: // the last of two
					base = append([]int{2}, base...)
				case 2: // without an edge
					base[len(base)-1] += 2
				case 3: // the dimensions in another order
					slices.Reverse(base)
				}
				n := 1
				for _, d := range base {
					n *= d
				}
				in, layout = append(in, tensor.From(spread(r, n, c.lo, c.hi), base...)), append(layout, k)
			}
			var weights *tensor.Tensor
			worst, err := tensor.GradCheck(func(x []*tensor.Tensor) *tensor.Tensor {
				v := slices.Clone(x)
				for i := range v {
					switch layout[i] {
					case 1:
						v[i] = v[i].Select(0, 1)
					case 2:
						v[i] = v[i].Narrow(-1, 1, shapes[i][len(shapes[i])-1])
					case 3:
						for d := range v[i].Dims() / 2 {
							v[i] = v[i].Transpose(d, -1-d)
						}
					}
				}
				y := f(v)
				if y.Err() == nil && weights == nil {
					weights = tensor.From(spread(r, y.Len(), -2, 2), y.Shape()...)
				}
				return y.Mul(weights).Sum()
			}, in, tensor.GradCheckOptions{})
			if err != nil {
				t.Errorf("%s, seed %d, shapes %v, layouts %v: %v (worst %.2g)", name, seed, shapes, layout, err, worst)
				break
			}
		}
	}
	for name, known := range readGolden(t) {
		_, ok := cases[name]
		if hasGradient := slices.ContainsFunc(known, func(c golden.TensorCase) bool { return c.D != nil }); hasGradient != ok {
			t.Errorf("%s: has a gradient: %t, is checked here: %t", name, hasGradient, ok)
		}
	}
}
