package tensor_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hudrl/hudrl/runtime/tensor"
)

// A maker makes random tensors of each other: the same ones from the same
// random numbers, whatever the allocator.
type maker struct {
	a      *tensor.Allocator
	r      *rand.Rand
	all    []T
	leaves []T
	picked []int    // since the last tensor
	seen   []string // what was made, and every value that was looked at
	values [][]float32
}

var (
	unaries = []func(T) T{T.Exp, T.Log, T.Log1p, T.Expm1, T.Sqrt, T.Abs, T.Neg, T.Sigmoid, T.LogSigmoid, T.Softplus, T.Tanh, T.ReLU, T.Square, T.Sign, T.Floor,
		T.Round, T.Not, func(x T) T { return x.Clamp(-0.5, 1) }, T.Detach, T.Clone, T.Flatten}
	binaries = []func(x, y T) T{T.Add, T.Sub, T.Mul, T.Div, T.Pow, T.Minimum, T.Maximum, T.Eq, T.Ne, T.Lt, T.Le, T.Gt, T.Ge, T.And, T.Or,
		T.Add, T.Sub, T.Mul, T.Div, T.Mul, T.Add}
	reductions = []func(x T, dim ...int) T{T.Sum, T.Mean, T.Max, T.Min, T.Norm, T.Any, T.All, T.Sum, T.Mean, T.LogSumExp, T.Var}
	lengths    = []int{3, 127, 128, 129, 1023, 1024, 1025, 2500}
)

// data is n numbers, some of them special.
func (m *maker) data(n int) []float32 {
	out := make([]float32, n)
	special := []float32{float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 0, float32(math.Copysign(0, -1)), 1e-40, 3e38}
	hostile := m.r.IntN(3) == 0
	for i := range out {
		out[i] = float32(m.r.NormFloat64())
		if m.r.IntN(8) == 0 {
			out[i] = 0
		}
		if hostile && m.r.IntN(20) == 0 {
			out[i] = special[m.r.IntN(len(special))]
		}
	}
	return out
}

func (m *maker) put(what string, x T) {
	m.seen = append(m.seen, fmt.Sprintf("%d = %s of %v → %v %v", len(m.all), what, m.picked, x.Shape(), x.Err()))
	m.picked = nil
	if x.Err() == nil && x.Len() < 20_000 {
		m.all = append(m.all, x)
	}
}

func (m *maker) pick() T {
	i := m.r.IntN(len(m.all))
	m.picked = append(m.picked, i)
	return m.all[i]
}

// like is a tensor that x broadcasts with, if it is quickly found.
func (m *maker) like(x T) T {
	for range 8 {
		if y := m.pick(); y.Len() == x.Len() || y.Len() == 1 {
			return y
		}
	}
	return m.pick()
}

func (m *maker) look(x T) {
	m.values = append(m.values, append([]float32(nil), x.Data()...))
	m.seen = append(m.seen, fmt.Sprintf("look at %v", x.Shape()))
}

func (m *maker) offsets(n int) []int {
	out := []int{0}
	for at := 0; at < n; {
		at = min(n, at+m.r.IntN(1+n/2))
		if m.r.IntN(20) == 0 {
			at = n
		}
		out = append(out, at)
	}
	return out
}

// step makes one more tensor.
func (m *maker) step() {
	x := m.pick()
	switch k := m.r.IntN(37); {
	case k < 7:
		i := m.r.IntN(len(unaries))
		m.put(fmt.Sprint("unary ", i), unaries[i](x))
	case k < 15:
		i := m.r.IntN(len(binaries))
		m.put(fmt.Sprint("binary ", i), binaries[i](x, m.like(x)))
	case k < 17:
		i, v := m.r.IntN(len(binaries)), math.Round(m.r.NormFloat64()*4)/4
		if m.r.IntN(2) == 0 {
			m.put(fmt.Sprint("number ", i), tensor.WithNumber(i, x, v))
		} else {
			m.put(fmt.Sprint("scalar ", i), binaries[i](m.a.Scalar(v), x))
		}
	case k < 19:
		m.put("where", tensor.Where(m.like(x), x, m.like(x)))
	case k < 22:
		i := m.r.IntN(len(reductions))
		if x.Dims() > 0 && m.r.IntN(2) == 0 {
			m.put(fmt.Sprint("reduce ", i), reductions[i](x, m.r.IntN(x.Dims())))
		} else {
			m.put(fmt.Sprint("reduce all ", i), reductions[i](x))
		}
	case k < 24 && x.Dims() > 0:
		f := []func(T, []int) T{T.SegmentSum, T.SegmentMean, T.SegmentMax}[m.r.IntN(3)]
		o := m.offsets(x.Shape()[0])
		m.put(fmt.Sprint("segment ", o), f(x, o))
	case k < 26 && x.Dims() > 0:
		o := []int{0}
		for range x.Shape()[0] {
			o = append(o, o[len(o)-1]+m.r.IntN(1+1500/x.Shape()[0]))
		}
		m.put("segment_expand", x.SegmentExpand(o))
	case k < 29 && x.Dims() > 0:
		d := m.r.IntN(x.Dims())
		n := x.Shape()[d]
		switch i := m.r.IntN(6); {
		case i == 0 && n > 0:
			m.put("select", x.Select(d, m.r.IntN(n)))
		case i == 1:
			m.put("transpose", x.Transpose(d, m.r.IntN(x.Dims())))
		case i == 2:
			m.put("unsqueeze", x.Unsqueeze(d))
		case i == 3 && n%2 == 0:
			m.put("reshape", x.Reshape(2, -1))
		default:
			lo := m.r.IntN(n + 1)
			m.put("narrow", x.Narrow(d, lo, m.r.IntN(n-lo+1)))
		}
	case k == 29 && x.Dims() > 0:
		m.put("cat", tensor.Cat([]T{x, m.like(x), x}, m.r.IntN(x.Dims())))
	case k == 30:
		err := x.Assign("set", m.like(x).Detach())
		m.seen = append(m.seen, fmt.Sprint("assign ", err))
	case k == 31:
		m.look(x)
	case k == 32:
		m.backward()
	case k >= 33 && k < 36:
		// What a loss is made of: a ratio, bounds, a mask, an advantage.
		r := x.Sub(m.like(x)).Exp()
		lo, hi := tensor.WithNumber(12, r, 0.5), tensor.WithNumber(10, r, 2)
		mask := []T{lo.Mul(hi), hi.Mul(lo), lo.And(hi), lo.Mul(tensor.WithNumber(10, x, 2))}[m.r.IntN(4)]
		m.put("mask", mask)
		m.put("masked", r.Mul(m.like(r)).Mul(mask))
		if m.r.IntN(2) == 0 {
			m.put("bound", lo)
		}
	case x.Dims() > 0 && x.Len() < 3000:
		m.put("softmax", x.Softmax(0))
	}
}

// backward runs a graph backwards and looks at the gradients.
func (m *maker) backward() {
	total := m.a.Scalar(0)
	for range 1 + m.r.IntN(3) {
		x := m.pick()
		switch m.r.IntN(3) {
		case 0:
			x = x.Sum()
		case 1:
			x = x.Mul(m.like(x)).Mean()
		default:
			// A mask that takes out what is not finite.
			x = tensor.Where(x.Sub(x).Eq(m.a.Scalar(0)), x, m.a.Scalar(0)).Sum()
		}
		total = total.Add(x)
	}
	run := total.Backward
	if m.r.IntN(3) == 0 {
		run = total.BackwardRetain
	}
	m.seen = append(m.seen, fmt.Sprint("backward ", m.picked, run()))
	for _, x := range m.leaves {
		n := x.Len()
		m.seen = append(m.seen, fmt.Sprint("touched ", x.Touched(0, n/2), x.Touched(n/2, n)))
		if g := x.Grad(); g != nil {
			m.look(g)
			if m.r.IntN(2) == 0 {
				x.ZeroGrad()
			}
		}
	}
}

func random(a *tensor.Allocator, seed uint64, steps int) *maker {
	return again(&maker{a: a, r: rand.New(rand.NewPCG(seed, 7))}, steps)
}

func again(m *maker, steps int) *maker {
	a := m.a
	n := lengths[m.r.IntN(len(lengths))]
	for range 4 {
		x := a.From(m.data(n), n)
		if m.r.IntN(2) == 0 {
			m.leaves = append(m.leaves, x.RequireGrad())
		}
		m.put("input", x)
	}
	s := a.Full(0.5).RequireGrad()
	small := a.From(m.data(5), 5).RequireGrad()
	grid := a.From(m.data(6*n), 6, n)
	m.leaves = append(m.leaves, s, small)
	for _, x := range []T{s, small, grid, a.From(m.data(6), 6, 1), a.From(m.data(n), n).Sub(a.Scalar(1)).Exp()} {
		m.put("input", x)
	}
	for range steps {
		m.step()
	}
	m.backward()
	for _, x := range m.all {
		m.look(x)
	}
	return m
}

// TestLateEqualsAtOnce: operations that wait and run tile by tile give, bit for
// bit, what they give one by one: values, gradients and errors.
func TestLateEqualsAtOnce(t *testing.T) {
	t.Parallel()
	rounds := uint64(1000)
	if testing.Short() {
		rounds = 150
	}
	for seed := range rounds {
		same(t, seed, 30)
	}
}

func FuzzLate(f *testing.F) {
	f.Add(uint64(1), uint8(20))
	f.Add(uint64(114), uint8(177)) // has a gradient that nothing passes on
	f.Fuzz(func(t *testing.T, seed uint64, steps uint8) { same(t, seed, int(steps)) })
}

func same(t *testing.T, seed uint64, steps int) {
	t.Helper()
	// Every other one lets reductions wait for each other.
	a := tensor.Late()
	if seed%2 == 0 {
		a.SetRunner(func(work func()) error { work(); return nil })
	}
	late, once := random(a, seed, steps), random(tensor.Eager(), seed, steps)
	for i := range min(len(late.seen), len(once.seen)) {
		if late.seen[i] != once.seen[i] {
			t.Fatalf("seed %d, step %d: got %s, want %s", seed, i, late.seen[i], once.seen[i])
		}
	}
	for i, v := range late.values {
		w := once.values[i]
		for k := range w {
			if math.Float32bits(v[k]) != math.Float32bits(w[k]) && (v[k] == v[k] || w[k] == w[k]) {
				t.Fatalf("seed %d: value %d of %d that was looked at, element %d of %d: got %v, want %v", seed, i, len(late.values), k, len(w), v[k], w[k])
			}
		}
	}
}

// TestChains: a chain of any length neither grows a tree of what waits nor a
// deep stack, nor does it keep what it no longer needs.
func TestChains(t *testing.T) {
	t.Parallel()
	a := tensor.NewAllocator(tensor.NewLimit(4 << 20))
	x := a.Zeros(1 << 10)
	for range 20_000 {
		x = x.Add(tensor.Scalar(1))
	}
	doubled := a.Ones(200)
	for range 100 {
		doubled = doubled.Add(doubled)
	}
	if v, err := x.At(7); err != nil || v != 20_000 {
		t.Errorf("a long chain: got %v, %v", v, err)
	}
	if v, err := doubled.At(7); err != nil || v != math.Exp2(100) {
		t.Errorf("a number that doubles: got %v, %v", v, err)
	}
	// A value that is detached and used again does not keep the graph behind it.
	w := a.Ones(1 << 10).RequireGrad()
	h := a.Ones(1 << 10)
	for range 2000 {
		h = h.Mul(w).Detach()
	}
	if v, err := h.At(7); err != nil || v != 1 {
		t.Errorf("detached values: got %v, %v", v, err)
	}
}

// TestReadBeforeAssign: what reads values that are then assigned, reads what
// they were when it was called, whenever it runs.
func TestReadBeforeAssign(t *testing.T) {
	t.Parallel()
	const n = 300
	a := tensor.NewAllocator(tensor.NewLimit(1 << 20))
	x := a.Ones(n)
	sum, two := x.Add(x), x.Mul(tensor.Scalar(2)).Narrow(0, 10, 20)
	mask := x.Gt(tensor.Scalar(0.5))
	leaf := a.Full(3, n).RequireGrad()
	picked := tensor.Where(x, leaf, leaf.Mul(tensor.Scalar(5))).Sum()
	for v := range 3 {
		if err := x.Assign("fill_", tensor.Scalar(float64(v)*7)); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Narrow(0, 0, 10).Assign("fill_", tensor.Scalar(0)); err != nil {
		t.Fatal(err)
	}
	if err := picked.Backward(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		x         T
		at, count int
		want      float64
	}{
		"a sum": {sum, 5, n, 2}, "a view of a product": {two, 5, 20, 2}, "a comparison": {mask, 5, n, 1},
		"the tensor itself": {x, 50, n, 14}, "where it was assigned in part": {x, 5, n, 0},
		"the gradient through where": {leaf.Grad(), 5, n, 1},
	} {
		if v, err := c.x.At(c.at); err != nil || v != c.want || c.x.Len() != c.count {
			t.Errorf("%s: got %v of %d, %v, want %v of %d", name, v, c.x.Len(), err, c.want, c.count)
		}
	}
}

// TestLimitSettles: tensors that wait for each other's memory get it when what
// waits is computed.
func TestLimitSettles(t *testing.T) {
	const n = 4 << 10
	a := tensor.NewAllocator(tensor.NewLimit(6 * 4 * n))
	a.SetRunner(func(work func()) error { work(); return nil })
	x := a.Ones(n)
	var sums []T
	for range 50 {
		x = x.Add(tensor.Scalar(1)).Mul(tensor.Scalar(1)) // the chain would need 100
		sums = append(sums, x.Sum())
	}
	if v, err := x.At(0); err != nil || v != 51 {
		t.Errorf("got %v, %v, want 51", v, err)
	}
	for i, s := range sums {
		if v, err := s.Item(); err != nil || v != float64((i+2)*n) {
			t.Fatalf("sum %d: got %v, %v, want %d", i, v, err, (i+2)*n)
		}
	}
}

// TestContextEnds: an evaluation, or a pass, that ends early leaves everything
// as it was, and can be had later.
func TestContextEnds(t *testing.T) {
	t.Parallel()
	stopped, stop := context.WithCancelCause(t.Context())
	stop(errors.New("stopped"))
	ctx := t.Context()
	a := tensor.NewAllocator(nil)
	a.SetRunner(func(work func()) error { work(); return nil })
	a.SetContext(func() context.Context { return ctx })
	const n = 1 << 20
	x := a.Ones(n).RequireGrad()
	y := x
	for range 8 {
		y = y.Add(x)
	}
	s := y.Square().Sum()
	ctx = stopped
	if _, err := s.Item(); err == nil || err.Error() != "item: stopped" {
		t.Errorf("got %v, want item: stopped", err)
	}
	if err := s.Backward(); err == nil || err.Error() != "backward: stopped" || x.Grad() != nil {
		t.Errorf("got %v and gradient %v, want backward: stopped and none", err, x.Grad())
	}
	ctx = t.Context()
	if v, err := s.Item(); err != nil || v != 81*n {
		t.Errorf("got %v, %v, want %v", v, err, 81*n)
	}
	if err := s.Backward(); err != nil || x.Grad().Data()[n-1] != 162 {
		t.Errorf("got %v, gradient %v, want 9·2·9", err, x.Grad())
	}
}

// TestRunnerRefuses: the same where it is not begun.
func TestRunnerRefuses(t *testing.T) {
	t.Parallel()
	stop := true
	var ran int
	a := tensor.NewAllocator(nil)
	a.SetRunner(func(work func()) error {
		if stop {
			return errors.New("stopped")
		}
		ran++
		work()
		return nil
	})
	x := a.Ones(1 << 22)
	y := x
	for range 8 {
		y = y.Add(x)
	}
	s := y.Sum()
	if _, err := s.Item(); err == nil || err.Error() != "item: stopped" {
		t.Errorf("got %v, want item: stopped", err)
	}
	stop = false
	if v, err := s.Item(); err != nil || v != 9*(1<<22) || ran != 1 {
		t.Errorf("got %v, %v after %d runs, want %v after one", v, err, ran, 9*(1<<22))
	}
	if err := x.Assign("fill_", tensor.Scalar(2)); err != nil {
		t.Errorf("the operands are still pinned: %v", err)
	}
}
