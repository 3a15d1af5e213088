package loss_test

import (
	"math"
	"testing"

	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// TestTensorGradients holds the gradients of the losses of tensors against
// finite differences.
func TestTensorGradients(t *testing.T) {
	t.Parallel()
	const n, vocab = 3, 5
	data := func(seed float64, n int) []float32 {
		out := make([]float32, n)
		for i := range out {
			out[i] = float32(2 * math.Sin(seed+3*float64(i*i)))
		}
		return out
	}
	mask := []float32{1, 0, 0.5}
	check := func(name string, f func(x []*tensor.Tensor) *tensor.Tensor, inputs ...*tensor.Tensor) {
		if _, err := tensor.GradCheck(f, inputs, tensor.GradCheckOptions{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	must := func(out *tensor.Tensor, _ map[string]float64, err error) *tensor.Tensor {
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, name := range loss.DistributionNames() {
		for _, config := range []map[string]float64{nil, {"temperature": 2}, {"top_k": 3, "tail": 0}, {"top_k": 2}, {"beta": 0.2}, {"ratio": 0.9}} {
			f, err := loss.NewDistribution(name, config)
			if err != nil {
				continue // the loss has other options
			}
			var teacher *tensor.Tensor
			if f.UsesTeacher() {
				teacher = tensor.From(data(5, n*vocab), n, vocab)
			}
			check(name, func(x []*tensor.Tensor) *tensor.Tensor {
				return must(f.Loss(loss.Distributions{Logits: x[0], Teacher: teacher, Mask: mask}, loss.Settings{}))
			}, tensor.From(data(1, n*vocab), n, vocab))
		}
	}
	old, returns := []float64{0.4, 2, -0.3}, []float64{1, -1, 0.25}
	for _, name := range loss.ValueNames() {
		f, err := loss.NewValue(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		check(name, func(x []*tensor.Tensor) *tensor.Tensor {
			return must(f.Loss(loss.Values{Values: x[0], Returns: returns, Old: old, Mask: mask}, loss.Settings{Aggregate: loss.Sum}))
		}, tensor.From(data(2, n), n))
	}
	check("bt_rm", func(x []*tensor.Tensor) *tensor.Tensor {
		return must(loss.BradleyTerry("bt_rm", x[0], x[1], []float64{0, 1, 2}, 0))
	}, tensor.From(data(3, n), n), tensor.From(data(4, n), n))
	check("aux", func(x []*tensor.Tensor) *tensor.Tensor { return must(loss.Aux(x[0], mask, 2, 0.5)) }, tensor.From(data(6, n*vocab), n, vocab))
}

// FuzzDistribution gives any logits to the losses of distributions: what comes
// back is an error, or finite.
func FuzzDistribution(f *testing.F) {
	f.Add(uint8(0), float32(0), float32(1), float32(2), float32(3), float32(-1), float32(0))
	f.Add(uint8(3), float32(math.Inf(-1)), float32(1), float32(2), float32(math.Inf(-1)), float32(-1), float32(0))
	f.Add(uint8(5), float32(1e30), float32(-1e30), float32(0), float32(0), float32(1e30), float32(math.NaN()))
	f.Add(uint8(7), float32(math.MaxFloat32), float32(0), float32(0), float32(0), float32(0), float32(0))
	f.Fuzz(func(t *testing.T, which uint8, a, b, c, d, e, g float32) {
		names := loss.DistributionNames()
		name := names[int(which)%len(names)]
		l, err := loss.NewDistribution(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		x := loss.Distributions{Logits: tensor.From([]float32{a, b, c}, 1, 3).RequireGrad()}
		if l.UsesTeacher() {
			x.Teacher = tensor.From([]float32{d, e, g}, 1, 3)
		}
		out, _, err := l.Loss(x, loss.Settings{})
		if err != nil {
			return
		}
		v, err := out.Item()
		if err == nil {
			err = out.Backward()
		}
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			t.Fatalf("%s: got %v, %v", name, v, err)
		}
		for _, g := range x.Logits.Grad().Data() {
			if math.IsNaN(float64(g)) || math.IsInf(float64(g), 0) {
				t.Fatalf("%s: got gradient %v", name, x.Logits.Grad().Data())
			}
		}
	})
}
