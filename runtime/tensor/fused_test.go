package tensor_test

import (
	"slices"
	"testing"

	"github.com/hudrl/hudrl/runtime/tensor"
)

// TestFusedKept: what a fused loss kept becomes the gradient of a leaf, not a
// copy, where nothing else needs it.
func TestFusedKept(t *testing.T) {
	t.Parallel()
	const n = 1000
	limit := tensor.NewLimit(1 << 20)
	a := tensor.NewAllocator(limit)
	for _, tt := range []struct {
		name     string
		backward func(l T) error
		want     float32
		kept     bool
	}{
		{"once", T.Backward, 3, true},
		{"scaled", func(l T) error { return l.Mul(tensor.Scalar(2)).Backward() }, 6, false},
		{"retained", T.BackwardRetain, 3, false},
		{"twice", func(l T) error { return l.Add(l).Backward() }, 6, false},
	} {
		x, d := a.Full(1, n).RequireGrad(), slices.Repeat([]float32{3}, n)
		before := limit.Used()
		l := tensor.Fused("mine", 7, []T{x}, [][]float32{d})
		if err := tt.backward(l); err != nil {
			t.Fatal(err)
		}
		g := x.Grad().Data()
		if !slices.Equal(g, slices.Repeat([]float32{tt.want}, n)) || slices.Max(d) != 3 {
			t.Errorf("%s: got %v…, want %v", tt.name, g[:3], tt.want)
		}
		if kept := &g[0] == &d[0]; kept != tt.kept {
			t.Errorf("%s: kept: got %v, want %v", tt.name, kept, tt.kept)
		}
		if used := limit.Used() - before; used < 4*n {
			t.Errorf("%s: %d bytes counted, want %d at least", tt.name, used, 4*n)
		}
		if tt.name != "retained" {
			wantErr(t, tt.backward(l), "backward: the graph was already run backwards: the values fused kept are gone")
			continue
		}
		if err := l.Backward(); err != nil || x.Grad().Data()[n-1] != 6 {
			t.Errorf("again: got %v, %v, want 6", x.Grad().Data()[n-1], err)
		}
	}

	// A second loss adds to it.
	x := a.Full(1, n).RequireGrad()
	for range 2 {
		if err := tensor.Fused("mine", 7, []T{x}, [][]float32{slices.Repeat([]float32{3}, n)}).Backward(); err != nil {
			t.Fatal(err)
		}
	}
	if g := x.Grad().Data(); g[0] != 6 || g[n-1] != 6 {
		t.Errorf("got %v and %v, want 6", g[0], g[n-1])
	}
}

// TestFusedKeptNot: where the pass fails after that, no leaf changes, and the
// values that others may have added to do not count again.
func TestFusedKeptNot(t *testing.T) {
	t.Parallel()
	const n = 10_000
	limit := tensor.NewLimit(1 << 20)
	a := tensor.NewAllocator(limit)
	x, y := a.Full(1, n).RequireGrad(), a.Full(1, 30_000).RequireGrad()
	d := slices.Repeat([]float32{3}, n)
	l := tensor.Fused("mine", 7, []T{x, y}, [][]float32{d, slices.Repeat([]float32{4}, 30_000)})
	room := limit.Size() - limit.Used() - 4*n
	if err := limit.Reserve(room); err != nil {
		t.Fatal(err)
	}
	wantErr(t, l.Backward(), "backward: tensor memory limit: 1048576 bytes in use, 120000 more wanted, limit 1048576")
	if x.Grad() != nil || y.Grad() != nil {
		t.Error("a leaf has a gradient")
	}
	limit.Release(room)
	wantErr(t, l.Backward(), "backward: the graph was already run backwards: the values fused kept are gone")
}
