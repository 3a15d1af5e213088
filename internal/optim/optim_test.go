package optim_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/internal/optim"
)

var torchDefaults = optim.Hyper{LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.01}

// Two steps by hand, lr 0.1, β 0.9 and 0.99, ε 0, λ 0.5, w 1, g 2 then −4.
//
// Step 1: m = 0.1·2 = 0.2, v = 0.01·4 = 0.04; m̂ = 0.2/0.1 = 2, √v̂ = √(0.04/0.01) = 2;
// w = 1·(1−0.05) − 0.1·2/2 = 0.85.
// Step 2: m = 0.18−0.4 = −0.22, v = 0.0396+0.16 = 0.1996; m̂ = −0.22/0.19 = −1.157894737,
// √v̂ = √(0.1996/0.0199) = 3.167033...; w = 0.85·0.95 + 0.1·1.157894737/3.167033 = 0.8440608.
func TestStepByHand(t *testing.T) {
	t.Parallel()
	h := optim.Hyper{LearningRate: 0.1, Beta1: 0.9, Beta2: 0.99, WeightDecay: 0.5}
	a := optim.New(1)
	w := []float32{1}
	near := func(what string, got float32, want float64) {
		t.Helper()
		if math.Abs(float64(got)-want) > 1e-6 {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	a.Step(w, []float32{2}, h, 1)
	near("w after step 1", w[0], 0.85)
	near("m after step 1", a.M[0], 0.2)
	near("v after step 1", a.V[0], 0.04)
	a.Step(w, []float32{-8}, h, 0.5)
	near("w after step 2", w[0], 0.8075+0.1*(0.22/0.19)/math.Sqrt(0.1996/0.0199))
	near("m after step 2", a.M[0], -0.22)
	near("v after step 2", a.V[0], 0.1996)
	if a.T != 2 {
		t.Errorf("t: got %d, want 2", a.T)
	}
}

// Fifty steps against the float64 reference: m within 1e-7, v and
// the weights within two roundings a step, 50·2⁻²³ relative, the weights and 1e-7 for
// the updates.
func TestStepMatchesReference(t *testing.T) {
	t.Parallel()
	const n = 70_001 // several blocks and a remainder
	rng := rand.New(rand.NewPCG(1, 2))
	w, wide := make([]float32, n), make([]float64, n)
	for i := range w {
		w[i] = float32(rng.NormFloat64())
		wide[i] = float64(w[i])
	}
	a := optim.New(n)
	m, v := make([]float64, n), make([]float64, n)
	g, gw := make([]float32, n), make([]float64, n)
	for step := 1; step <= 50; step++ {
		for i := range g {
			g[i] = float32(rng.NormFloat64() * 0.1)
			gw[i] = float64(g[i])
		}
		a.Step(w, g, torchDefaults, 0.7)
		optim.Reference(wide, gw, m, v, step, torchDefaults, 0.7)
	}
	for i := range w {
		if d := math.Abs(float64(w[i]) - wide[i]); !(d <= 50*0x1p-23*math.Abs(wide[i])+1e-7) {
			t.Fatalf("parameter %d: got %v, want %v", i, w[i], wide[i])
		}
		if d := math.Abs(float64(a.V[i]) - v[i]); !(d <= 50*0x1p-23*v[i]) {
			t.Fatalf("v[%d]: got %v, want %v", i, a.V[i], v[i])
		}
		if d := math.Abs(float64(a.M[i]) - m[i]); !(d <= 1e-7) {
			t.Fatalf("m[%d]: got %v, want %v", i, a.M[i], m[i])
		}
	}
}

func TestCloneIsIndependent(t *testing.T) {
	t.Parallel()
	a := optim.New(3)
	w := []float32{1, 2, 3}
	a.Step(w, []float32{1, 1, 1}, torchDefaults, 1)
	b, u := a.Clone(), slices.Clone(w)
	b.Step(u, []float32{5, 6, 7}, torchDefaults, 1)
	a.Step(w, []float32{5, 6, 7}, torchDefaults, 1)
	if a.T != b.T || !slices.Equal(w, u) || !slices.Equal(a.M, b.M) || !slices.Equal(a.V, b.V) {
		t.Errorf("the same step from a clone differs: %v %v, %v %v", a, w, b, u)
	}
}

func TestNorms(t *testing.T) {
	t.Parallel()
	x := make([]float32, 1<<15+2)
	x[0], x[1<<15] = 3, -4
	if got := optim.Norm(x); got != 5 {
		t.Errorf("norm: got %v, want 5", got)
	}
	if got := optim.Distance(x, make([]float32, len(x))); got != 5 {
		t.Errorf("distance: got %v, want 5", got)
	}
	if optim.Norm(nil) != 0 {
		t.Error("norm of nothing is not 0")
	}
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(-1))} {
		x[7] = bad
		if n := optim.Norm(x); !math.IsNaN(n) && !math.IsInf(n, 0) {
			t.Errorf("norm with %v: got %v, want it not finite", bad, n)
		}
	}
	x[7] = math.MaxFloat32 // its square overflows float32
	if n := optim.Norm(x); math.IsInf(n, 0) {
		t.Errorf("norm of a finite slab is %v", n)
	}
}

func TestClipScale(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ norm, limit, want float64 }{
		{5, 0, 1}, {0.5, 1, 1}, {4, 1, 1 / 4.000001}, {0, 1, 1},
	} {
		if got := optim.ClipScale(c.norm, c.limit); got != c.want {
			t.Errorf("ClipScale(%v, %v): got %v, want %v", c.norm, c.limit, got, c.want)
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	if err := torchDefaults.Validate(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*optim.Hyper){
		"learning_rate must be a finite number": func(h *optim.Hyper) { h.LearningRate = math.NaN() },
		"beta1 must be in [0, 1): got 1":        func(h *optim.Hyper) { h.Beta1 = 1 },
		"beta2 must be in [0, 1): got -0.1":     func(h *optim.Hyper) { h.Beta2 = -0.1 },
		"eps must be a finite number":           func(h *optim.Hyper) { h.Eps = math.Inf(1) },
		"weight_decay must be a finite":         func(h *optim.Hyper) { h.WeightDecay = -1 },
	} {
		h := torchDefaults
		change(&h)
		if err := h.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
