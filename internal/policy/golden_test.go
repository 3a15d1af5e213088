package policy_test

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/hudrl/hudrl/internal/policy"
	"github.com/hudrl/hudrl/internal/safetensors"
)

// golden is what testdata/llama.py wrote with the versions it names, in
// float32: Hugging Face's LlamaForCausalLM under torch's autograd.
type golden struct {
	Versions map[string]string
	Cases    []struct {
		Name            string
		Config          policy.Config
		Tokens, Targets []int32
		Coef, Logprobs  []float64
		Gradients       map[string]struct {
			Norm  float64
			At    []int
			Value []float64
		}
	}
	Safetensors []byte
}

func readGolden(t *testing.T) *golden {
	t.Helper()
	text, err := os.ReadFile("testdata/llama.json")
	if err != nil {
		t.Fatal(err)
	}
	g := new(golden)
	if err := json.Unmarshal(text, g); err != nil {
		t.Fatal(err)
	}
	return g
}

// goldenParams are the numbers that the script fills its model with.
func goldenParams(c policy.Config) []float32 {
	p := make([]float32, c.NumParams())
	tensors := c.Tensors()
	slices.SortFunc(tensors, func(a, b policy.Tensor) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	for n, t := range tensors {
		w := t.In(p)
		for i := range w {
			x := float64(uint32(uint64((n+1)*1000003+i)*2654435761))/(1<<32) - 0.5
			if len(t.Shape) == 1 {
				w[i] = float32(1 + x/2)
			} else {
				w[i] = float32(x * 0.75)
			}
		}
	}
	return p
}

// Logprobs within 2e-5 of Hugging Face's, gradients within 2e-5 of each
// tensor's norm.
func TestAgainstHuggingFace(t *testing.T) {
	t.Parallel()
	for _, c := range readGolden(t).Cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			m, err := policy.New(c.Config, goldenParams(c.Config))
			if err != nil {
				t.Fatal(err)
			}
			b := new(policy.Batch)
			b.Add(c.Tokens, c.Targets, nil)
			coef := make([]float32, len(c.Coef))
			for i, x := range c.Coef {
				coef[i] = float32(x)
			}
			lp, grad := run(t, m, b, coef)
			for i, want := range c.Logprobs {
				if math.Abs(float64(lp[i])-want) > 2e-5 {
					t.Errorf("position %d: got %v, want %v", i, lp[i], want)
				}
			}
			for _, x := range c.Config.Tensors() {
				want, ok := c.Gradients[x.Name]
				if !ok {
					t.Errorf("%s is not a parameter there", x.Name)
					continue
				}
				g := x.In(grad)
				norm := 0.0
				for _, v := range g {
					norm += float64(v) * float64(v)
				}
				if norm = math.Sqrt(norm); math.Abs(norm-want.Norm) > 2e-5*want.Norm {
					t.Errorf("%s: norm %v, want %v", x.Name, norm, want.Norm)
				}
				for i, at := range want.At {
					if math.Abs(float64(g[at])-want.Value[i]) > 2e-5*want.Norm {
						t.Errorf("%s[%d]: got %v, want %v", x.Name, at, g[at], want.Value[i])
					}
				}
			}
			if n := len(c.Config.Tensors()); n != len(c.Gradients) {
				t.Errorf("got %d tensors, want %d", n, len(c.Gradients))
			}
		})
	}
}

// A file that the safetensors library wrote.
func TestReadsTheLibrarysFile(t *testing.T) {
	t.Parallel()
	f, err := safetensors.Decode(readGolden(t).Safetensors)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []safetensors.Tensor{
		{Name: "narrow", Shape: []int{2, 2}, Data: []float32{1, -2.5, 3.140625, 0}},
		{Name: "wide", Shape: []int{3}, Data: []float32{0.1, 1e-30, -7}},
		{Name: "half", Shape: []int{2}, Data: []float32{0.5, -65504}},
	} {
		got, ok := f.Tensor(want.Name)
		if !ok || !slices.Equal(got.Shape, want.Shape) || !slices.Equal(got.Data, want.Data) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	if f.Metadata["made"] != "by hand" {
		t.Errorf("metadata: got %v", f.Metadata)
	}
}
