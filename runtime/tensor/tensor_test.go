package tensor_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/tensor"
)

func from(v ...float32) T { return tensor.From(v, len(v)) }

func mustData(t *testing.T, x T, want ...float32) {
	t.Helper()
	if err := x.Err(); err != nil {
		t.Fatal(err)
	}
	if got := x.Data(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func wantErr(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("got error %v, want %s", err, want)
	}
}

func TestShapeErrors(t *testing.T) {
	t.Parallel()
	a := tensor.Zeros(2, 3)
	for want, x := range map[string]T{
		"add: shapes [2 3] and [4] do not broadcast":                                   a.Add(tensor.Zeros(4)),
		"matmul: inner sizes differ: [2 3] x [2 3]":                                    a.MatMul(a),
		"matmul: got shapes [2 3] and [], want at least one dimension each":            a.MatMul(tensor.Scalar(1)),
		"reshape: shape [4 2] has 8 elements, want 6 as [2 3] has":                     a.Reshape(4, 2),
		"reshape: cannot work out -1 in [4 -1] for 6 elements":                         a.Reshape(4, -1),
		"reshape: got sizes [-1 -1], want sizes of at least 0 and at most one -1":      a.Reshape(-1, -1),
		"reshape: shape [4294967296 4294967296] is too large":                          a.Reshape(1<<32, 1<<32),
		"zeros: shape [65536 65536 65536] is too large: more than 8589934592 elements": tensor.Zeros(1<<16, 1<<16, 1<<16),
		"zeros: got shape [2 -1], want sizes of at least 0":                            tensor.Zeros(2, -1),
		"sum: dimension 2 out of range for shape [2 3]":                                a.Sum(2),
		"sum: got 2 dimensions, want one, or none for everything":                      a.Sum(0, 1),
		"max: shape [0 3] has nothing to reduce":                                       tensor.Zeros(0, 3).Max(),
		"softmax: dimension -3 out of range for shape [2 3]":                           a.Softmax(-3),
		"narrow: start 2 and length 2 out of range in dimension 1 of shape [2 3]":      a.Narrow(1, 2, 2),
		"select: position 2 out of range in dimension 0 of shape [2 3]":                a.Select(0, 2),
		"expand: shape [2 3] does not expand to [4 3]":                                 a.Expand(4, 3),
		"expand: shape [3] has fewer dimensions than [2 3]":                            a.Expand(3),
		"unsqueeze: dimension 4 out of range for shape [2 3]":                          a.Unsqueeze(4),
		"t: got shape [1 2 3], want at most 2 dimensions; name the two with transpose": tensor.Zeros(1, 2, 3).T(),
		"cat: got no tensors": tensor.Cat(nil, 0),
		"cat: tensor 2 has shape [3 3], which differs from the first's [2 3] outside the joined dimension": tensor.Cat([]T{a, tensor.Zeros(3, 3)}, 1),
		"cat: tensor 2 has shape [3], want 2 dimensions as the first has":                                  tensor.Cat([]T{a, tensor.Zeros(3)}, 0),
		"stack: tensor 2 has shape [3 2], want [2 3] as the first has":                                     tensor.Stack([]T{a, tensor.Zeros(3, 2)}, 0),
		"tensor: got 3 elements for shape [2 2], want 4":                                                   tensor.From(make([]float32, 3), 2, 2),
		"clamp: got min 2 and max 1, want min at most max":                                                 a.Clamp(2, 1),
		"segment_sum: got offsets [1 2], want them to start at 0":                                          a.SegmentSum([]int{1, 2}),
		"segment_sum: offset 3 is 1, below the one before, 2":                                              a.SegmentSum([]int{0, 2, 1}),
		"segment_max: offsets end at 3, want 2, the length of the first dimension":                         a.SegmentMax([]int{0, 3}),
		"segment_expand: got 2 offsets for shape [2 3], want one more than its first dimension is long":    a.SegmentExpand([]int{0, 2}),
		"where: shapes [2] and [3] do not broadcast":                                                       tensor.Where(tensor.Zeros(3), tensor.Zeros(2), tensor.Zeros(3)),
		"tensor: got nil, want a tensor":                                                                   a.Add(nil),
	} {
		wantErr(t, x.Err(), want)
		// It goes on through whatever follows, to the end of the chain.
		later := x.Exp().Sum()
		wantErr(t, later.Err(), want)
		wantErr(t, later.Backward(), want)
	}
	var e *tensor.Error
	if !errors.As(tensor.Zeros(2, 3).MatMul(tensor.Zeros(2, 3)).Err(), &e) || e.Hint != "transpose the second with :t()" {
		t.Errorf("matmul: got hint %q", e.Hint)
	}
	if _, err := a.Item(); err == nil || err.Error() != "item: got shape [2 3], want one element" {
		t.Errorf("item: got %v", err)
	}
}

func TestBackwardRules(t *testing.T) {
	t.Parallel()
	x := from(1, 2).RequireGrad()
	wantErr(t, x.Exp().Backward(), "backward: got shape [2], want one element")
	wantErr(t, from(1, 2).Sum().Backward(), "backward: the tensor does not depend on anything that requires grad")
	wantErr(t, x.Lt(tensor.Scalar(2)).Sum().Backward(), "backward: the tensor does not depend on anything that requires grad")

	y := x.Exp().Sum()
	if err := y.BackwardRetain(); err != nil {
		t.Fatal(err)
	}
	if err := y.Backward(); err != nil {
		t.Fatal(err)
	}
	wantErr(t, y.Backward(), "backward: the graph was already run backwards: the values exp kept are gone")
	e1, e2 := float32(2*math.E), float32(2*math.E*math.E)
	if g := x.Grad().Data(); math.Abs(float64(g[0]-e1)) > 1e-6 || math.Abs(float64(g[1]-e2)) > 2e-6 {
		t.Errorf("two passes: got %v, want %v", g, []float32{e1, e2})
	}
	x.ZeroGrad()
	if x.Grad() != nil {
		t.Error("zero_grad left a gradient")
	}

	// Passing over views and sums twice is fine: they keep nothing.
	v := x.Narrow(0, 1, 1)
	for range 2 {
		if err := v.Sum().Backward(); err != nil {
			t.Fatal(err)
		}
	}
	mustData(t, x.Grad(), 0, 2)
	if x.Touched(0, 1) || !x.Touched(1, 2) || !x.Touched(0, 2) || x.Touched(1, 1) {
		t.Error("touched: want the second element only")
	}

	grads, err := tensor.Gradients(x.Square().Sum(), x)
	if err != nil {
		t.Fatal(err)
	}
	mustData(t, grads[0], 2, 4)
	mustData(t, x.Grad(), 0, 2)
	// A deep graph needs no deep stack.
	deep := x.Sum()
	for range 200_000 {
		deep = deep.Add(tensor.Scalar(0))
	}
	x.ZeroGrad()
	if err := deep.Backward(); err != nil {
		t.Fatal(err)
	}
	mustData(t, x.Grad(), 1, 1)
}

// TestMaskedNaN lets NaN and infinities into every position that is masked
// out: neither the result nor a gradient may see them.
func TestMaskedNaN(t *testing.T) {
	t.Parallel()
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	logp, q := from(inf, -1, nan, -2, 800), from(0, -1, 0, -2, 0)
	mask := from(0, 1, 0, 1, 0)
	x := logp.Detach().RequireGrad()
	ratio := x.Sub(q).Exp()
	sum := tensor.Where(mask, ratio.Mul(ratio), tensor.Scalar(0)).Sum()
	mustData(t, sum, 2)
	if err := sum.Backward(); err != nil {
		t.Fatal(err)
	}
	mustData(t, x.Grad(), 0, 2, 0, 2, 0)

	// A product with 0 has a value that IEEE 754 makes NaN, but the gradient
	// is that of the positions that count.
	for name, f := range map[string]func(x T) T{
		"exp":  T.Exp,
		"log":  func(x T) T { return x.Sub(x.Detach()).Log() },
		"sqrt": func(x T) T { return x.Sub(x.Detach()).Sqrt() },
		"div":  func(x T) T { return x.Div(x.Sub(x.Detach())) },
		"pow":  func(x T) T { return x.Sub(x.Detach()).Pow(tensor.Scalar(-1)) },
	} {
		x := from(800, 800).RequireGrad()
		if err := f(x).Mul(tensor.Zeros(2)).Sum().Backward(); err != nil {
			t.Fatal(err)
		}
		if g := x.Grad().Data(); g[0] != 0 || g[1] != 0 {
			t.Errorf("%s: got gradient %v behind a product with 0", name, g)
		}
	}
}

func TestReductionsOfSpecials(t *testing.T) {
	t.Parallel()
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	mustData(t, from(-inf, -inf).LogSumExp(), -inf)
	mustData(t, from(inf, 1).LogSumExp(), inf)
	mustData(t, from(1e38, 1e38, -1e38, -1e38).Sum(), 0) // no overflow on the way
	mustData(t, from(3, 3).Std(), 0)
	for name, x := range map[string]T{"mean of nothing": tensor.Zeros(0).Mean(), "var of one": from(1).Var(), "max with NaN": from(1, nan, 2).Max()} {
		if v := x.Data()[0]; v == v {
			t.Errorf("%s: got %v, want NaN", name, v)
		}
	}
	mustData(t, from(1, nan, 5).Argmax(), 1)
	mustData(t, from(1, 5, 5, 0).Argmax(), 1)
	mustData(t, from(1, 0, 5, 0).Argmin(), 1)
	mustData(t, from(0, 2).Any(), 1)
	mustData(t, from(0, 2).All(), 0)
	mustData(t, tensor.Zeros(0).All(), 1)
	mustData(t, tensor.Zeros(2, 0).Sum(0))
	mustData(t, tensor.Zeros(2, 0).Sum(1), 0, 0)
	mustData(t, tensor.Zeros(0, 2).SegmentMax([]int{0, 0}), -inf, -inf)
	mustData(t, from(0.5, 1.5, 2.5, -0.5).Round(), 0, 2, 2, float32(math.Copysign(0, -1)))
	// Ties share the gradient: 1/2 each of the two largest.
	x := from(2, 1, 2).RequireGrad()
	if err := x.Max().Backward(); err != nil {
		t.Fatal(err)
	}
	mustData(t, x.Grad(), .5, 0, .5)
	// The product of the others, with one zero and with two.
	for _, c := range [][2][]float32{{{2, 0, 3}, {0, 6, 0}}, {{0, 0, 3}, {0, 0, 0}}} {
		x := from(c[0]...).RequireGrad()
		if err := x.Prod().Backward(); err != nil {
			t.Fatal(err)
		}
		mustData(t, x.Grad(), c[1]...)
	}
	// A float32 sum of a million tenths is off by 1 %; in float64 it is not.
	if v, _ := tensor.Full(0.1, 1_000_000).Sum().Item(); math.Abs(v-100000.00149) > 0.01 {
		t.Errorf("sum of a million tenths: got %v", v)
	}
	w := tensor.Scalar(1).RequireGrad()
	if err := w.Mul(tensor.Full(0.1, 1_000_000)).Sum().Backward(); err != nil {
		t.Fatal(err)
	}
	if v, _ := w.Grad().Item(); math.Abs(v-100000.00149) > 0.01 {
		t.Errorf("gradient of a broadcast scalar: got %v", v)
	}
}

func TestAssign(t *testing.T) {
	t.Parallel()
	w := from(1, 2).RequireGrad()
	y := w.Square().Sum()
	wantErr(t, w.Assign("sub_", from(1, 1)), "sub_: a graph that was not run backwards yet still needs the tensor's values")
	mustData(t, w, 1, 2)
	if err := y.Backward(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := w.Assign("sub_", w.Detach().Sub(w.Grad())); err != nil {
			t.Fatal(err)
		}
	}
	mustData(t, w, -5, -10)

	// A graph that was dropped does not count.
	for range 100 {
		w.Square().Exp().Sum()
	}
	if err := w.Assign("fill_", tensor.Scalar(0)); err != nil {
		t.Error(err)
	}
	mustData(t, w, 0, 0)

	// Neither does one that reads nothing.
	z := w.Add(from(1, 1)).Sum()
	if err := w.Assign("fill_", tensor.Scalar(3)); err != nil {
		t.Error(err)
	}
	if err := z.Backward(); err != nil {
		t.Error(err)
	}

	wantErr(t, w.Exp().Assign("add_", from(1, 1)), "add_: the tensor was made by a graph and cannot be changed in place")
	wantErr(t, from(1, 2).Assign("add_", w), "add_: the new values require grad, which would be lost")
	wantErr(t, from(1, 2).Assign("add_", tensor.Zeros(3)), "add_: shapes [2] and [3] do not broadcast")
	wantErr(t, tensor.Zeros(1).Assign("add_", tensor.Zeros(3)), "add_: shape [3] does not fit into [1]")
	wantErr(t, from(1).Expand(2).Assign("add_", tensor.Zeros(2)), "add_: the tensor is expanded: several positions are one element")
	wantErr(t, from(1).ReadOnly().Reshape(1, 1).Assign("add_", tensor.Zeros(1)), "add_: the tensor is read-only")
	p := from(1)
	p.Pin()
	wantErr(t, p.Assign("add_", tensor.Zeros(1)), "add_: another task is computing with the tensor")
	p.Unpin()
	if err := p.Assign("add_", from(4)); err != nil {
		t.Error(err)
	}

	// Writing through a view; a view of itself as the source.
	m := tensor.From([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	if err := m.T().Select(0, 1).Assign("copy_", from(20, 50)); err != nil {
		t.Fatal(err)
	}
	mustData(t, m, 1, 20, 3, 4, 50, 6)
	s := from(1, 2, 3, 4)
	if err := s.Narrow(0, 1, 3).Assign("copy_", s.Narrow(0, 0, 3)); err != nil {
		t.Fatal(err)
	}
	mustData(t, s, 1, 1, 2, 3)
	sq := tensor.From([]float32{1, 2, 3, 4}, 2, 2)
	if err := sq.Assign("copy_", sq.T()); err != nil {
		t.Fatal(err)
	}
	mustData(t, sq, 1, 3, 2, 4)
}

func TestLeafOfView(t *testing.T) {
	t.Parallel()
	x := tensor.From([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	y := x.T().RequireGrad()
	if err := y.Select(0, 2).Mul(from(10, 20)).Sum().Backward(); err != nil {
		t.Fatal(err)
	}
	mustData(t, y.Grad(), 0, 0, 0, 0, 10, 20)
	z := x.Narrow(0, 1, 1).RequireGrad()
	if err := z.Select(1, 1).Sum().Backward(); err != nil {
		t.Fatal(err)
	}
	mustData(t, z.Grad(), 0, 1, 0)
}

func TestMemory(t *testing.T) {
	limit := tensor.NewLimit(10 * 4 << 10)
	a := tensor.NewAllocator(limit)
	keep := a.Full(1, 1<<10)
	for range 20_000 {
		x := keep.Add(keep)
		if err := x.Err(); err != nil {
			t.Fatal(err)
		}
	}
	var all []T
	var err error
	for err == nil {
		x := a.Zeros(1 << 10)
		if err = x.Err(); err == nil {
			all = append(all, x)
		}
	}
	var e *tensor.LimitError
	if len(all) != 9 || !errors.As(err, &e) || e.Limit != 40960 || !strings.HasPrefix(err.Error(), "zeros: tensor memory limit: ") {
		t.Errorf("got %d tensors and then %v, want 9 and a limit error", len(all), err)
	}
	if err := keep.Detach().RequireGrad().Exp().Sum().Backward(); !errors.As(err, &e) {
		t.Errorf("backward at the limit: got %v", err)
	}
	runtime.KeepAlive(all)
	all = nil
	if err := a.Zeros(9 << 10).Err(); err != nil {
		t.Errorf("after dropping all: %v", err)
	}
	runtime.KeepAlive(keep)
	keep = nil
	// Everything is given back in the end.
	for i := 0; limit.Used() > 0 && i < 50; i++ {
		_ = a.Zeros(10 << 10).Err()
		runtime.GC()
	}
	if err := a.Zeros(10 << 10).Err(); err != nil {
		t.Error(err)
	}
}

// TestBackwardAtLimit fails half way: no leaf may change.
func TestBackwardAtLimit(t *testing.T) {
	t.Parallel()
	const n = 1 << 12
	a := tensor.NewAllocator(tensor.NewLimit(4 * (3*n + n/2)))
	x, y := a.Full(1, n).RequireGrad(), a.Full(2, n).RequireGrad()
	z := x.Mul(y)
	s := z.Sum() // 2 in use: room for the gradient of one leaf
	var e *tensor.LimitError
	if err := s.Backward(); !errors.As(err, &e) {
		t.Fatalf("got %v, want a limit error", err)
	}
	if x.Grad() != nil || y.Grad() != nil || x.Touched(0, n) || y.Touched(0, n) {
		t.Error("a failed pass left gradients")
	}
	runtime.KeepAlive(z)
}

func TestGradCheck(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	x, y := (*tensor.Allocator)(nil).Randn(r, 2, 3), (*tensor.Allocator)(nil).Rand(r, 3)
	off, err := tensor.GradCheck(func(in []T) T { return in[0].Mul(in[1]).Tanh().LogSumExp() }, []T{x, y}, tensor.GradCheckOptions{})
	if err != nil || off > 1e-3 {
		t.Errorf("got %v, %v", off, err)
	}
	// A gradient cut by detach is found.
	_, err = tensor.GradCheck(func(in []T) T { return in[0].Mul(in[0].Detach()).Sum() }, []T{from(1, 2)}, tensor.GradCheckOptions{})
	wantErr(t, err, "gradcheck: gradient of input 1 at element 1: got 1, want 2 by finite differences")
}

func TestFused(t *testing.T) {
	t.Parallel()
	x, y := from(1, 2).RequireGrad(), from(3).RequireGrad()
	l := tensor.Fused("mine", 7, []T{x, y, x}, [][]float32{{1, 2}, {5}, {10, 10}}).Mul(tensor.Scalar(2))
	if err := l.Backward(); err != nil {
		t.Fatal(err)
	}
	mustData(t, l, 14)
	mustData(t, x.Grad(), 22, 24)
	mustData(t, y.Grad(), 10)
	wantErr(t, tensor.Fused("mine", 0, []T{x}, [][]float32{{1}}).Err(), "mine: gradient 1 has 1 elements, want 2")
}

func TestString(t *testing.T) {
	t.Parallel()
	big := (*tensor.Allocator)(nil).Arange(0, 2000, 1).Reshape(2, 1000)
	for _, c := range []struct {
		x    T
		want string
	}{
		{tensor.From([]float32{.5, 1, 1.5, 2}, 2, 2).RequireGrad(), " 0.5000 1.0000\n 1.5000 2.0000\n[float32 2x2, grad]"},
		{tensor.Scalar(0.25), "0.2500\n[float32]"},
		{from(1, -20, 3), "   1 -20   3\n[float32 3]"},
		{from(1, float32(math.NaN()), float32(math.Inf(-1))), "    1  nan -inf\n[float32 3]"},
		{from(1e-6, 2), " 0.0000 2.0000\n[float32 2]"},
		{from(1e-6, 2e-6), " 1.0000e-06 2.0000e-06\n[float32 2]"},
		{tensor.Zeros(0, 3), "[float32 0x3]"},
		{tensor.From([]float32{1, 2, 3, 4}, 2, 1, 2), "(1, :, :)\n 1 2\n(2, :, :)\n 3 4\n[float32 2x1x2]"},
		{big, "    0    1    2 ...  997  998  999\n 1000 1001 1002 ... 1997 1998 1999\n[float32 2x1000]"},
		{tensor.Zeros(2).Add(tensor.Zeros(3)), "[add: shapes [2] and [3] do not broadcast]"},
	} {
		if got := c.x.String(); got != c.want {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
}

func TestCreate(t *testing.T) {
	t.Parallel()
	var a *tensor.Allocator
	mustData(t, a.Arange(1, 2, .25), 1, 1.25, 1.5, 1.75)
	mustData(t, a.Arange(3, 0, -1), 3, 2, 1)
	mustData(t, a.Arange(3, 0, 1))
	wantErr(t, a.Arange(0, 1, 0).Err(), "arange: got start 0, stop 1, step 0")
	mustData(t, a.Linspace(0, 1, 5), 0, .25, .5, .75, 1)
	mustData(t, a.Linspace(2, 9, 1), 2)
	mustData(t, tensor.Ones(2), 1, 1)
	// Moments of the generators: 10,000 draws, five standard errors.
	r := rand.New(rand.NewPCG(1, 1))
	u, n := a.Rand(r, 10_000), a.Randn(r, 10_000)
	for _, c := range []struct {
		what      string
		x         T
		want, off float64
	}{
		{"rand mean", u.Mean(), .5, 5 * math.Sqrt(1./12) / 100}, {"rand min", u.Min(), 0, .01}, {"rand max", u.Max(), 1, .01},
		{"randn mean", n.Mean(), 0, .05}, {"randn std", n.Std(), 1, 5 / math.Sqrt(2) / 100},
	} {
		if v, _ := c.x.Item(); math.Abs(v-c.want) > c.off {
			t.Errorf("%s: got %v, want %v within %v", c.what, v, c.want, c.off)
		}
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	nan := float32(math.NaN())
	a, b := from(1, 2, 3, nan), from(2, 2, 2, nan)
	mustData(t, a.Eq(b), 0, 1, 0, 0)
	mustData(t, a.Ne(b), 1, 0, 1, 1)
	mustData(t, a.Lt(b), 1, 0, 0, 0)
	mustData(t, a.Le(b), 1, 1, 0, 0)
	mustData(t, a.Gt(b), 0, 0, 1, 0)
	mustData(t, a.Ge(tensor.Scalar(2)), 0, 1, 1, 0)
	mustData(t, from(0, 2, 0).And(from(1, 1, 0)), 0, 1, 0)
	mustData(t, from(0, 2, 0).Or(from(1, 1, 0)), 1, 1, 0)
	mustData(t, from(0, 2).Not(), 1, 0)
	if !b.Narrow(0, 0, 3).Equal(from(2, 2, 2)) || a.Equal(a) || from(1).Equal(tensor.Scalar(1)) {
		t.Error("equal is wrong")
	}
	inf := float32(math.Inf(1))
	if !from(1, inf).AllClose(from(1.000001, inf), 1e-5, 0) || from(1).AllClose(from(1.1), 1e-2, 0) || from(inf).AllClose(from(1), 1, 1) || from(1).AllClose(from(inf), 1, 1) {
		t.Error("allclose is wrong")
	}
}

// Of fewer than 2 values there is no variance: NaN, as torch 1.13 has it.
func TestVarianceOfFew(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]*tensor.Tensor{
		"var of none":          tensor.Zeros(0).Var(),
		"std of none":          tensor.Zeros(0).Std(),
		"var of an empty lane": tensor.Zeros(1, 0).Var(1),
		"std of one":           tensor.Zeros(1).Std(),
	} {
		if v, err := x.Item(); err != nil || !math.IsNaN(v) {
			t.Errorf("%s: got %v, %v, want NaN", name, v, err)
		}
	}
}
