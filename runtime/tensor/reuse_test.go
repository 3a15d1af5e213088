package tensor_test

import (
	"math"
	"slices"
	"testing"

	"github.com/hudrl/hudrl/runtime/tensor"
)

// doubleSided is −A·Σ r·m / Σ m with r = exp(x−y) and m = 1 where r is within
// [0.8, 1.28], and everything computed on the way.
func doubleSided(x, y T, adv float64) (loss T, between []T) {
	keep := func(t T) T {
		between = append(between, t)
		return t
	}
	r := keep(keep(x.Sub(y)).Exp())
	m := keep(keep(r.Ge(tensor.Scalar(0.8))).Mul(keep(r.Le(tensor.Scalar(1.28)))))
	s := keep(keep(keep(r.Mul(tensor.Scalar(adv))).Mul(m)).Sum())
	return keep(s.Div(keep(m.Sum()))).Neg(), between
}

// TestKeptAcrossSteps: whatever is kept from a step, gradients too, stays what
// it was while later steps of other lengths run.
func TestKeptAcrossSteps(t *testing.T) {
	t.Parallel()
	a := tensor.NewAllocator(tensor.NewLimit(1 << 28))
	type kept struct {
		t    T
		want []float32
	}
	var all []kept
	keep := func(ts ...T) {
		for _, t := range ts {
			all = append(all, kept{t, slices.Clone(t.Data())})
		}
	}
	for step := range 60 {
		n := 1 + step*step*3
		x, y := a.Full(-1-float64(step)/100, n).RequireGrad(), a.Full(-1, n)
		loss, between := doubleSided(x, y, 0.5)
		keep(between...)
		if err := loss.Backward(); err != nil {
			t.Fatal(err)
		}
		keep(loss, x, x.Grad())
		// d/dx of −0.5·Σ exp(x−y)/n.
		want, got := -0.5*math.Exp(-float64(step)/100)/float64(n), float64(x.Grad().Data()[n-1])
		if step <= 22 && math.Abs(got-want) > 1e-5*math.Abs(want) {
			t.Fatalf("step %d: gradient: got %v, want %v", step, got, want)
		}
	}
	for i, k := range all {
		if got := k.t.Data(); !slices.EqualFunc(got, k.want, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
			t.Fatalf("tensor %d of %d changed", i, len(all))
		}
	}
}

// TestBackwardBudget: buffers that are used again count again, and a run that
// the budget refuses leaves the next one right.
func TestBackwardBudget(t *testing.T) {
	const n = 10_000
	free := tensor.NewAllocator(nil)
	x := free.Full(-1, n).RequireGrad()
	for range 3 {
		if err := x.Exp().Exp().Sum().Backward(); err != nil {
			t.Fatal(err)
		}
	}
	// Room for the leaf, not for its gradient.
	limit := tensor.NewLimit(4*2*n - 4)
	a := tensor.NewAllocator(limit)
	y := a.Full(-1, n).RequireGrad()
	if err := y.Exp().Exp().Sum().Backward(); err == nil {
		t.Fatal("backward beyond the limit succeeded")
	}
	if y.Grad() != nil {
		t.Fatal("a refused run left a gradient")
	}
	x.ZeroGrad()
	if err := x.Exp().Exp().Sum().Backward(); err != nil {
		t.Fatal(err)
	}
	e := math.Exp(-1)
	if got, want := float64(x.Grad().Data()[n-1]), e*math.Exp(e); math.Abs(got-want) > 1e-6 {
		t.Errorf("gradient: got %v, want %v", got, want)
	}
}

// TestLateLeaf: a scalar that became a leaf after it was used gets its
// gradient.
func TestLateLeaf(t *testing.T) {
	t.Parallel()
	x, s := tensor.From([]float32{1, 2, 3}, 3).RequireGrad(), tensor.Scalar(2)
	y := x.Add(s).Sum()
	s.RequireGrad()
	if err := y.Backward(); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Grad().Item(); err != nil || got != 3 {
		t.Errorf("got %v, %v, want 3", got, err)
	}
}

// TestSteadyAllocations bounds what a loss called every step allocates: two
// objects an operation that is recorded, one where nothing is.
func TestSteadyAllocations(t *testing.T) {
	a := tensor.NewAllocator(tensor.NewLimit(1 << 30))
	x, y := a.Full(-1, 64).RequireGrad(), a.Full(-1.1, 64)
	got := testing.AllocsPerRun(200, func() {
		loss, _ := doubleSided(x, y, 0.5)
		if err := loss.Backward(); err != nil {
			t.Fatal(err)
		}
	})
	if got > 36 {
		t.Errorf("got %v allocations a step, want at most 36", got)
	}
}
