package tensor

import (
	"math"
	"math/rand/v2"
	"slices"
)

// New is a tensor of zeros.
func (a *Allocator) New(op string, shape ...int) *Tensor {
	n, err := product(op, shape)
	if err != nil {
		return failure(err)
	}
	return a.result(op, slices.Clone(shape), n)
}

// Zeros is a tensor of zeros.
func (a *Allocator) Zeros(shape ...int) *Tensor { return a.New("zeros", shape...) }

// Full is a tensor of one value.
func (a *Allocator) Full(v float64, shape ...int) *Tensor {
	return fill(a.New("full", shape...), func(int) float64 { return v })
}

// Ones is a tensor of ones.
func (a *Allocator) Ones(shape ...int) *Tensor {
	return fill(a.New("ones", shape...), func(int) float64 { return 1 })
}

// Scalar is a tensor without dimensions.
func (a *Allocator) Scalar(v float64) *Tensor {
	t, _ := a.make("scalar", nil, 1)
	t.st.cur.data[0] = float32(v)
	return t
}

// Arange is start, start+step, … below stop (above, when step is negative).
func (a *Allocator) Arange(start, stop, step float64) *Tensor {
	n := math.Ceil((stop - start) / step)
	if step == 0 || math.IsNaN(n) || n > maxLen {
		return failf("arange", "got start %v, stop %v, step %v", start, stop, step)
	}
	return fill(a.New("arange", max(0, int(n))), func(i int) float64 { return start + float64(i)*step })
}

// Linspace is n values from start to stop, both included.
func (a *Allocator) Linspace(start, stop float64, n int) *Tensor {
	if n < 1 {
		return failf("linspace", "got %d values, want at least 1", n)
	}
	return fill(a.New("linspace", n), func(i int) float64 {
		if n == 1 {
			return start
		}
		f := float64(i) / float64(n-1)
		return start*(1-f) + stop*f
	})
}

// Rand is uniform in [0, 1).
func (a *Allocator) Rand(r *rand.Rand, shape ...int) *Tensor {
	return fill(a.New("rand", shape...), func(int) float64 { return float64(r.Float32()) })
}

// Randn is normal with mean 0 and standard deviation 1.
func (a *Allocator) Randn(r *rand.Rand, shape ...int) *Tensor {
	return fill(a.New("randn", shape...), func(int) float64 { return r.NormFloat64() })
}

func fill(t *Tensor, f func(i int) float64) *Tensor {
	if t.err == nil {
		data := t.st.cur.data
		wait := patience{ctx: t.st.alloc.began()}
		for i := range data {
			if wait.ends(1) {
				return failure(ended("fill", wait.ctx))
			}
			data[i] = float32(f(i))
		}
	}
	return t
}

// From is a tensor over data, row-major, without copying and without counting
// it: the caller owns the memory and must not change it while a graph, or a
// tensor computed from this one, may need it.
func (a *Allocator) From(data []float32, shape ...int) *Tensor {
	n, err := product("tensor", shape)
	if err != nil {
		return failure(err)
	}
	if n != len(data) {
		return failf("tensor", "got %d elements for shape %s, want %d", len(data), shapeString(shape), n)
	}
	o := a.newConstant()
	o.t.layout, o.t.st = packed(slices.Clone(shape), n), &o.s.s
	o.s.s.alloc, o.s.s.cur = a, &o.s.s.first
	o.s.s.first.data = data
	return &o.t
}

// The functions below make tensors that no Allocator counts.

// Zeros is a tensor of zeros.
func Zeros(shape ...int) *Tensor { return (*Allocator)(nil).Zeros(shape...) }

// Ones is a tensor of ones.
func Ones(shape ...int) *Tensor { return (*Allocator)(nil).Ones(shape...) }

// Full is a tensor of one value.
func Full(v float64, shape ...int) *Tensor { return (*Allocator)(nil).Full(v, shape...) }

// Scalar is a tensor without dimensions.
func Scalar(v float64) *Tensor { return (*Allocator)(nil).Scalar(v) }

// From is a tensor over data, row-major, without copying: see Allocator.From.
func From(data []float32, shape ...int) *Tensor { return (*Allocator)(nil).From(data, shape...) }
