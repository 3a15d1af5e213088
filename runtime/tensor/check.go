package tensor

import (
	"math"
	"slices"
)

// GradCheckOptions are the settings of GradCheck. The zero value is the
// defaults.
type GradCheckOptions struct {
	Step float64 // of the finite differences, relative to max(1, |x|); 0 is 1/64
	RTol float64 // allowed error relative to the gradient; 0 is 1e-3
	ATol float64 // allowed error beside it, in units of the result's size; 0 is 1e-3
}

// GradCheck compares the gradients of f, a function of the inputs that gives
// one element, with finite differences at every element of every input. It
// returns the largest error found relative to max(1, |gradient|), and an error
// that names the first element where it is too large. The differences are
// those of a four-point rule, h⁴/30·f⁽⁵⁾ from the truth, computed from float32
// results: about 1e-5·|f|/h.
func GradCheck(f func(inputs []*Tensor) *Tensor, inputs []*Tensor, opts GradCheckOptions) (float64, error) {
	step, rtol, atol := opts.Step, opts.RTol, opts.ATol
	if step == 0 {
		step = 1.0 / 64
	}
	if rtol == 0 {
		rtol = 1e-3
	}
	if atol == 0 {
		atol = 1e-3
	}
	leaves := make([]*Tensor, len(inputs))
	for i, x := range inputs {
		if err := x.Err(); err != nil {
			return 0, err
		}
		if leaves[i] = x.Detach().Clone().RequireGrad(); leaves[i].err != nil {
			return 0, leaves[i].err
		}
	}
	y := f(leaves)
	grads, err := Gradients(y, leaves...)
	if err != nil {
		return 0, err
	}
	value, err := y.Item()
	if err != nil {
		return 0, err
	}
	worst := 0.0
	for i, x := range inputs {
		data := slices.Clone(x.Clone().Data())
		probe := append([]*Tensor(nil), inputs...)
		for j := range data {
			want, err := slope(data, j, step, func() (float64, error) {
				probe[i] = x.st.alloc.From(append([]float32(nil), data...), x.shape...)
				return f(probe).Detach().Item()
			})
			if err != nil {
				return 0, err
			}
			got := 0.0
			if grads[i] != nil {
				got = float64(grads[i].Data()[j])
			}
			off := math.Abs(got - want)
			worst = max(worst, off/max(1, math.Abs(want)))
			if !(off <= atol*max(1, math.Abs(value))+rtol*math.Abs(want)) {
				return worst, errorf("gradcheck", "gradient of input %d at element %d: got %.6g, want %.6g by finite differences", i+1, j+1, got, want)
			}
		}
	}
	return worst, nil
}

// slope is the derivative of f with respect to data[j].
func slope(data []float32, j int, step float64, f func() (float64, error)) (float64, error) {
	x := data[j]
	defer func() { data[j] = x }()
	h := step * max(1, math.Abs(float64(x)))
	at := func(d float64) (y, moved float64, err error) {
		data[j] = float32(float64(x) + d)
		y, err = f()
		return y, float64(data[j]) - float64(x), err
	}
	// The distance really moved counts: x+h is rounded to float32.
	diff := func(d float64) (float64, error) {
		up, a, err := at(d)
		if err != nil {
			return 0, err
		}
		down, b, err := at(-d)
		return (up - down) / (a - b), err
	}
	near, err := diff(h)
	if err != nil {
		return 0, err
	}
	far, err := diff(2 * h)
	return (4*near - far) / 3, err
}
