package tensor_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/hudrl/hudrl/runtime/tensor"
	"github.com/hudrl/hudrl/tests/golden"
)

// inputs are the case's leaves, and the views of them that the operation gets.
func inputs(c *golden.TensorCase, grad bool) (leaves, views []*tensor.Tensor) {
	for _, in := range c.In {
		leaf := tensor.From(golden.Floats(in.X), in.S...)
		if grad {
			leaf.RequireGrad()
		}
		v := leaf
		switch in.V {
		case "t":
			v = leaf.Transpose(-1, -2)
		case "n":
			v = leaf.Narrow(-1, 1, in.S[len(in.S)-1]-2)
		case "s":
			v = leaf.Select(0, 1)
		case "e":
			sizes := slices.Clone(in.S)
			sizes[0] = in.E
			v = leaf.Expand(sizes...)
		}
		leaves, views = append(leaves, leaf), append(views, v)
	}
	return leaves, views
}

// A goldenOp is how an operation is called, and how far from the truth it may
// be: results within rel·|want| + abs·scale, where scale is the largest finite
// input or 1, and gradients within grad·(|want| + the leaf's largest). Where an
// element's gradient is a sum, because it was broadcast or mixes is set, what
// arrives is a scale too.
type goldenOp struct {
	call           func(x []*tensor.Tensor, c *golden.TensorCase) *tensor.Tensor
	rel, abs, grad float64
	mixes          bool
}

func dims(c *golden.TensorCase) []int {
	if c.P.Dim == nil {
		return nil
	}
	return []int{*c.P.Dim}
}

func goldenOps() map[string]goldenOp {
	type T = *tensor.Tensor
	ops := map[string]goldenOp{}
	one := func(rel float64, f func(T) T) goldenOp {
		return goldenOp{func(x []T, _ *golden.TensorCase) T { return f(x[0]) }, rel, 0, 1e-6, false}
	}
	two := func(rel float64, f func(a, b T) T) goldenOp {
		return goldenOp{func(x []T, _ *golden.TensorCase) T { return f(x[0], x[1]) }, rel, 0, 1e-6, false}
	}
	reduce := func(rel, abs float64, f func(t T, dim ...int) T) goldenOp {
		return goldenOp{func(x []T, c *golden.TensorCase) T { return f(x[0], dims(c)...) }, rel, abs, 1e-6, false}
	}
	scan := func(abs float64, f func(t T, dim int) T) goldenOp {
		return goldenOp{func(x []T, c *golden.TensorCase) T { return f(x[0], *c.P.Dim) }, 1e-6, abs, 1e-6, true}
	}
	ragged := func(rel float64, f func(t T, offsets []int) T) goldenOp {
		return goldenOp{func(x []T, c *golden.TensorCase) T { return f(x[0], c.P.Offsets) }, rel, 0, 1e-6, false}
	}
	shape := func(f func(x []T, c *golden.TensorCase) T) goldenOp { return goldenOp{f, 0, 0, 1e-6, false} }

	// 6e-8 is half a unit in the last place: the true result, rounded. 0 is
	// the very value.
	for name, f := range map[string]func(T) T{
		"abs": T.Abs, "neg": T.Neg, "relu": T.ReLU, "sign": T.Sign, "floor": T.Floor, "round": T.Round, "lnot": T.Not, "clone": T.Clone, "t": T.T,
	} {
		ops[name] = one(0, f)
	}
	for name, f := range map[string]func(T) T{"sqrt": T.Sqrt, "square": T.Square} {
		ops[name] = one(6e-8, f)
	}
	for name, f := range map[string]func(T) T{
		"exp": T.Exp, "log": T.Log, "log1p": T.Log1p, "expm1": T.Expm1, "sigmoid": T.Sigmoid, "logsigmoid": T.LogSigmoid,
		"softplus": T.Softplus, "tanh": T.Tanh,
	} {
		ops[name] = one(4e-7, f)
	}
	for name, f := range map[string]func(a, b T) T{
		"add": T.Add, "sub": T.Sub, "mul": T.Mul, "div": T.Div, "pow": T.Pow,
	} {
		ops[name] = two(6e-8, f)
	}
	for name, f := range map[string]func(a, b T) T{
		"minimum": T.Minimum, "maximum": T.Maximum, "eq": T.Eq, "ne": T.Ne, "lt": T.Lt, "le": T.Le, "gt": T.Gt, "ge": T.Ge, "land": T.And, "lor": T.Or,
	} {
		ops[name] = two(0, f)
	}
	for name, f := range map[string]func(t T, dim ...int) T{
		"max": T.Max, "min": T.Min, "any": T.Any, "all": T.All, "argmax": T.Argmax, "argmin": T.Argmin,
	} {
		ops[name] = reduce(0, 0, f)
	}
	// They add up in float64: what is left is the rounding of the result.
	for name, f := range map[string]func(t T, dim ...int) T{
		"sum": T.Sum, "mean": T.Mean, "var": T.Var, "std": T.Std, "logsumexp": T.LogSumExp, "prod": T.Prod, "norm": T.Norm,
	} {
		ops[name] = reduce(1.2e-7, 1e-15, f)
	}
	ops["softmax"], ops["log_softmax"], ops["cumsum"] = scan(0, T.Softmax), scan(4e-7, T.LogSoftmax), scan(1e-15, T.Cumsum)
	ops["segment_sum"], ops["segment_mean"] = ragged(1.2e-7, T.SegmentSum), ragged(1.2e-7, T.SegmentMean)
	ops["segment_max"], ops["segment_expand"] = ragged(0, T.SegmentMax), ragged(0, T.SegmentExpand)
	ops["matmul"] = goldenOp{func(x []T, _ *golden.TensorCase) T { return x[0].MatMul(x[1]) }, 1e-6, 1e-6, 1e-6, false}

	ops["where"] = shape(func(x []T, _ *golden.TensorCase) T { return tensor.Where(x[0], x[1], x[2]) })
	ops["clamp"] = shape(func(x []T, c *golden.TensorCase) T {
		lo, hi := math.Inf(-1), math.Inf(1)
		if c.P.Min != nil {
			lo = *c.P.Min
		}
		if c.P.Max != nil {
			hi = *c.P.Max
		}
		return x[0].Clamp(lo, hi)
	})
	ops["reshape"] = shape(func(x []T, c *golden.TensorCase) T { return x[0].Reshape(c.P.Sizes...) })
	ops["transpose"] = shape(func(x []T, c *golden.TensorCase) T { return x[0].Transpose(c.P.Dims[0], c.P.Dims[1]) })
	ops["squeeze"] = shape(func(x []T, c *golden.TensorCase) T { return x[0].Squeeze(c.P.Dims...) })
	ops["unsqueeze"] = shape(func(x []T, c *golden.TensorCase) T { return x[0].Unsqueeze(*c.P.Dim) })
	ops["expand"] = shape(func(x []T, c *golden.TensorCase) T { return x[0].Expand(c.P.Sizes...) })
	ops["narrow"] = shape(func(x []T, c *golden.TensorCase) T { return x[0].Narrow(*c.P.Dim, int(c.P.Start), c.P.Length) })
	ops["select"] = shape(func(x []T, c *golden.TensorCase) T { return x[0].Select(*c.P.Dim, c.P.Index) })
	ops["cat"] = shape(func(x []T, c *golden.TensorCase) T { return tensor.Cat(x, *c.P.Dim) })
	ops["stack"] = shape(func(x []T, c *golden.TensorCase) T { return tensor.Stack(x, *c.P.Dim) })
	var none *tensor.Allocator
	ops["arange"] = shape(func(_ []T, c *golden.TensorCase) T { return none.Arange(c.P.Start, c.P.Stop, c.P.Step) })
	ops["linspace"] = goldenOp{call: func(_ []T, c *golden.TensorCase) T { return none.Linspace(c.P.Start, c.P.Stop, c.P.N) }, rel: 1.2e-7, abs: 1e-15}
	return ops
}

// far says where got is further from want than rel·|want| + abs, or "".
// Subnormal results may be off by one step of theirs, 2⁻¹⁴⁹.
func far(got []float32, want []golden.Number, rel, abs float64) string {
	if len(got) != len(want) {
		return fmt.Sprintf("got %d elements, want %d", len(got), len(want))
	}
	for i, w := range want {
		g, w := float64(got[i]), float64(w)
		switch {
		case math.IsNaN(w) && math.IsNaN(g), g == w:
		case !(math.Abs(g-w) <= rel*math.Abs(w)+abs+0x1p-149*min(rel*1e300, 1)) || math.IsInf(w, 0):
			return fmt.Sprintf("element %d: got %v, want %v", i, g, w)
		}
	}
	return ""
}

func largest(x []golden.Number) float64 {
	top := 0.0
	for _, v := range x {
		if a := math.Abs(float64(v)); a > top && !math.IsInf(a, 0) {
			top = a
		}
	}
	return top
}

func readGolden(t *testing.T) map[string][]golden.TensorCase {
	t.Helper()
	ops, err := golden.TensorOps()
	if err != nil {
		t.Fatal(err)
	}
	return ops
}

// Every operation gives what torch gives, forwards and backwards.
func TestGolden(t *testing.T) {
	t.Parallel()
	ops := goldenOps()
	cases := readGolden(t)
	for name, op := range ops {
		gradients := 0
		for _, c := range cases[name] {
			if c.D != nil {
				gradients++
			}
		}
		if len(cases[name]) < 40 || gradients > 0 && gradients < 40 {
			t.Errorf("%s: got %d cases, %d with gradients, want at least 40", name, len(cases[name]), gradients)
		}
		for i, c := range cases[name] {
			leaves, views := inputs(&c, c.D != nil)
			if name == "where" && c.D != nil {
				mask, _ := inputs(&c, false)
				leaves[0], views[0] = mask[0], mask[0]
			}
			y := op.call(views, &c)
			if err := y.Err(); err != nil {
				t.Errorf("%s, case %d: %v", name, i, err)
				continue
			}
			if !slices.Equal(y.Shape(), c.Ys) {
				t.Errorf("%s, case %d: got shape %v, want %v", name, i, y.Shape(), c.Ys)
				continue
			}
			scale := 1.0
			for _, in := range c.In {
				scale = max(scale, largest(in.X))
			}
			if at := far(y.Detach().Clone().Data(), c.Y, op.rel, op.abs*scale); at != "" {
				t.Errorf("%s, case %d: %s", name, i, at)
			}
			if c.D == nil {
				continue
			}
			if err := y.Mul(tensor.From(golden.Floats(c.G), c.Ys...)).Sum().Backward(); err != nil {
				t.Errorf("%s, case %d: backward: %v", name, i, err)
				continue
			}
			d := 0
			for k, leaf := range leaves {
				if !leaf.RequiresGrad() {
					continue
				}
				want := c.D[d]
				d++
				got := make([]float32, leaf.Len())
				if g := leaf.Grad(); g != nil {
					got = g.Data()
				}
				if want == nil {
					want = make([]golden.Number, leaf.Len())
				}
				scale := largest(want)
				if op.mixes || leaf.Len() != y.Len() {
					scale = max(scale, largest(c.G))
				}
				if at := far(got, want, op.grad, op.grad*scale); at != "" {
					t.Errorf("%s, case %d, gradient of input %d: %s", name, i, k, at)
				}
			}
		}
		delete(cases, name)
	}
	for name := range cases {
		t.Errorf("nothing runs the cases of %s", name)
	}
}

// A value does not depend on where it stands, nor on how many stand beside it:
// the elements of all cases, in one long row, give the bits they give alone.
func TestGoldenLong(t *testing.T) {
	t.Parallel()
	ops, cases := goldenOps(), readGolden(t)
	for _, name := range []string{
		"exp", "log", "log1p", "expm1", "sqrt", "abs", "neg", "sigmoid", "logsigmoid", "softplus", "tanh", "relu", "square",
		"sign", "floor", "round", "lnot",
	} {
		op := func(x []float32) *tensor.Tensor {
			return ops[name].call([]*tensor.Tensor{tensor.From(x, len(x))}, nil)
		}
		var x []float32
		for _, c := range cases[name] {
			x = append(x, golden.Floats(c.In[0].X)...)
		}
		row := slices.Repeat(x, 5000/len(x)+1)
		long := op(row).Data()
		for i := range x {
			alone := op(x[i : i+1]).Data()[0]
			for at := i; at < len(row); at += len(x) {
				if got := long[at]; math.Float32bits(got) != math.Float32bits(alone) && (got == got || alone == alone) {
					t.Fatalf("%s of %v: got %v at %d of %d, %v alone", name, x[i], got, at, len(row), alone)
				}
			}
		}
	}
}
