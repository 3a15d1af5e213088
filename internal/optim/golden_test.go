package optim_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/hudrl/hudrl/internal/optim"
)

// Six steps of torch.optim.AdamW in float64, written by testdata/adamw.py with
// the version it names: the reference to the last few bits, the float32 step
// within 1e-6.
func TestAgainstTorch(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/adamw.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		Hyper struct {
			LR          float64
			Betas       [2]float64
			Eps         float64
			WeightDecay float64 `json:"weight_decay"`
		}
		Start []float64
		Steps []struct{ Grad, W, M, V []float64 }
	}
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	h := optim.Hyper{LearningRate: g.Hyper.LR, Beta1: g.Hyper.Betas[0], Beta2: g.Hyper.Betas[1], Eps: g.Hyper.Eps, WeightDecay: g.Hyper.WeightDecay}
	n := len(g.Start)
	w, m, v := append([]float64(nil), g.Start...), make([]float64, n), make([]float64, n)
	a, narrow := optim.New(n), make([]float32, n)
	for i, x := range g.Start {
		narrow[i] = float32(x)
	}
	near := func(step int, what string, got, want, bound float64) {
		t.Helper()
		if !(math.Abs(got-want) <= bound) {
			t.Errorf("step %d, %s: got %v, want %v", step, what, got, want)
		}
	}
	for s, want := range g.Steps {
		optim.Reference(w, want.Grad, m, v, s+1, h, 1)
		grad := make([]float32, n)
		for i, x := range want.Grad {
			grad[i] = float32(x)
		}
		a.Step(narrow, grad, h, 1)
		for i := range n {
			near(s+1, "reference w", w[i], want.W[i], 1e-14)
			near(s+1, "reference m", m[i], want.M[i], 1e-14)
			near(s+1, "reference v", v[i], want.V[i], 1e-14)
			near(s+1, "w", float64(narrow[i]), want.W[i], 1e-6)
			near(s+1, "m", float64(a.M[i]), want.M[i], 1e-6)
			near(s+1, "v", float64(a.V[i]), want.V[i], 1e-6)
		}
	}
}
