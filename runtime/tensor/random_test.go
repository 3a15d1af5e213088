package tensor_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hudrl/hudrl/runtime/tensor"
)

// plain is an array in float64 whose operations are written from their
// definitions, element by element: what random programs are compared with.
type plain struct {
	shape []int
	v     []float64
}

func count(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// at is the element of p that belongs to position index of a broadcast shape.
func (p plain) at(index []int) float64 {
	pos, step := 0, 1
	for d := len(p.shape) - 1; d >= 0; d-- {
		if i := index[len(index)-len(p.shape)+d]; p.shape[d] > 1 {
			pos += i * step
		}
		step *= p.shape[d]
	}
	return p.v[pos]
}

// build makes an array of the given shape from its positions.
func build(shape []int, f func(index []int) float64) plain {
	out := plain{shape, make([]float64, count(shape))}
	index := make([]int, len(shape))
	for i := range out.v {
		rest := i
		for d := len(shape) - 1; d >= 0; d-- {
			index[d], rest = rest%shape[d], rest/shape[d]
		}
		out.v[i] = f(index)
	}
	return out
}

func (p plain) unary(f func(x float64) float64) plain {
	return build(p.shape, func(index []int) float64 { return f(p.at(index)) })
}

func together(a, b []int) []int {
	if len(a) < len(b) {
		a, b = b, a
	}
	out := slices.Clone(a)
	for i, d := range b {
		out[len(a)-len(b)+i] = max(out[len(a)-len(b)+i], d)
	}
	return out
}

func (p plain) binary(q plain, f func(x, y float64) float64) plain {
	return build(together(p.shape, q.shape), func(index []int) float64 { return f(p.at(index), q.at(index)) })
}

// lane is the elements along dimension d through the position index of what is
// left without it.
func (p plain) lane(d int, index []int) []float64 {
	var out []float64
	for i := range p.shape[d] {
		out = append(out, p.at(slices.Insert(slices.Clone(index), d, i)))
	}
	return out
}

func (p plain) reduce(d int, f func(v []float64) float64) plain {
	return build(slices.Delete(slices.Clone(p.shape), d, d+1), func(index []int) float64 { return f(p.lane(d, index)) })
}

// A step of a program is an operation on earlier values, in both worlds.
type step struct {
	name string
	x    func(v []*tensor.Tensor) *tensor.Tensor
	ref  func(v []plain) plain
}

var smooth = []struct {
	name string
	op   func(*tensor.Tensor) *tensor.Tensor
	f    func(x float64) float64
}{
	{"tanh", (*tensor.Tensor).Tanh, math.Tanh},
	{"sigmoid", (*tensor.Tensor).Sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }},
	{"softplus", (*tensor.Tensor).Softplus, func(x float64) float64 { return math.Log1p(math.Exp(x)) }},
	{"logsigmoid", (*tensor.Tensor).LogSigmoid, func(x float64) float64 { return -math.Log1p(math.Exp(-x)) }},
	{"neg", (*tensor.Tensor).Neg, func(x float64) float64 { return -x }},
	{"abs", (*tensor.Tensor).Abs, math.Abs},
	{"relu", (*tensor.Tensor).ReLU, func(x float64) float64 { return math.Max(x, 0) }},
	{"clamp", func(t *tensor.Tensor) *tensor.Tensor { return t.Clamp(-0.7, 1.1) }, func(x float64) float64 { return math.Min(math.Max(x, -0.7), 1.1) }},
	{"square of tanh", func(t *tensor.Tensor) *tensor.Tensor { return t.Tanh().Square() }, func(x float64) float64 { return math.Tanh(x) * math.Tanh(x) }},
	{"exp of tanh", func(t *tensor.Tensor) *tensor.Tensor { return t.Tanh().Exp() }, func(x float64) float64 { return math.Exp(math.Tanh(x)) }},
	{"expm1 of sigmoid", func(t *tensor.Tensor) *tensor.Tensor { return t.Sigmoid().Expm1() }, func(x float64) float64 { return math.Expm1(1 / (1 + math.Exp(-x))) }},
	{"log1p of square", func(t *tensor.Tensor) *tensor.Tensor { return t.Square().Log1p() }, func(x float64) float64 { return math.Log1p(x * x) }},
	{"log of 1 + abs", func(t *tensor.Tensor) *tensor.Tensor { return t.Abs().Add(tensor.Scalar(1)).Log() }, func(x float64) float64 { return math.Log(1 + math.Abs(x)) }},
	{"sqrt of 1 + square", func(t *tensor.Tensor) *tensor.Tensor { return t.Square().Add(tensor.Scalar(1)).Sqrt() }, func(x float64) float64 { return math.Sqrt(1 + x*x) }},
}

var pairsOf = []struct {
	name string
	op   func(a, b *tensor.Tensor) *tensor.Tensor
	f    func(x, y float64) float64
}{
	{"add", (*tensor.Tensor).Add, func(x, y float64) float64 { return x + y }},
	{"sub", (*tensor.Tensor).Sub, func(x, y float64) float64 { return x - y }},
	{"mul", func(a, b *tensor.Tensor) *tensor.Tensor { return a.Mul(b.Tanh()) }, func(x, y float64) float64 { return x * math.Tanh(y) }},
	{"div", func(a, b *tensor.Tensor) *tensor.Tensor { return a.Div(b.Square().Add(tensor.Scalar(1))) }, func(x, y float64) float64 { return x / (1 + y*y) }},
	{"pow", func(a, b *tensor.Tensor) *tensor.Tensor { return a.Sigmoid().Pow(b.Tanh()) }, func(x, y float64) float64 { return math.Pow(1/(1+math.Exp(-x)), math.Tanh(y)) }},
	{"minimum", (*tensor.Tensor).Minimum, math.Min},
	{"maximum", (*tensor.Tensor).Maximum, math.Max},
	{"where", func(a, b *tensor.Tensor) *tensor.Tensor { return tensor.Where(a.Gt(b), a, b.Mul(b.Sigmoid())) }, func(x, y float64) float64 {
		if x > y {
			return x
		}
		return y / (1 + math.Exp(-y))
	}},
	{"masked", func(a, b *tensor.Tensor) *tensor.Tensor { return a.Mul(b.Le(tensor.Scalar(0.3))) }, func(x, y float64) float64 {
		if y <= 0.3 {
			return x
		}
		return 0
	}},
}

var lanesOf = []struct {
	name string
	op   func(t *tensor.Tensor, dim ...int) *tensor.Tensor
	f    func(v []float64) float64
}{
	{"sum", (*tensor.Tensor).Sum, sumOf},
	{"mean", (*tensor.Tensor).Mean, func(v []float64) float64 { return sumOf(v) / float64(len(v)) }},
	{"max", (*tensor.Tensor).Max, func(v []float64) float64 { return slices.Max(v) }},
	{"min", (*tensor.Tensor).Min, func(v []float64) float64 { return slices.Min(v) }},
	{"logsumexp", (*tensor.Tensor).LogSumExp, lseOf},
	{"norm", func(t *tensor.Tensor, dim ...int) *tensor.Tensor {
		return t.Square().Add(tensor.Scalar(1)).Norm(dim...)
	}, func(v []float64) float64 {
		s := 0.0
		for _, x := range v {
			s += (1 + x*x) * (1 + x*x)
		}
		return math.Sqrt(s)
	}},
}

// draw chooses a step; shapes are those of the values so far.
func draw(r *rand.Rand, shapes [][]int) (step, []int) {
	for {
		i, j := r.IntN(len(shapes)), r.IntN(len(shapes))
		a := shapes[i]
		switch k := r.IntN(12); {
		case k < 4:
			u := smooth[r.IntN(len(smooth))]
			return step{fmt.Sprintf("%s(%d)", u.name, i), func(v []*tensor.Tensor) *tensor.Tensor { return u.op(v[i]) },
				func(v []plain) plain { return v[i].unary(u.f) }}, a
		case k < 8:
			b := shapes[j]
			ok := true
			for d := 1; d <= min(len(a), len(b)); d++ {
				x, y := a[len(a)-d], b[len(b)-d]
				ok = ok && (x == y || x == 1 || y == 1)
			}
			if !ok {
				continue
			}
			u := pairsOf[r.IntN(len(pairsOf))]
			return step{fmt.Sprintf("%s(%d, %d)", u.name, i, j), func(v []*tensor.Tensor) *tensor.Tensor { return u.op(v[i], v[j]) },
				func(v []plain) plain { return v[i].binary(v[j], u.f) }}, together(a, b)
		case len(a) == 0:
			continue
		case k == 8:
			d := r.IntN(len(a))
			u := lanesOf[r.IntN(len(lanesOf))]
			return step{fmt.Sprintf("%s(%d, dim %d)", u.name, i, d), func(v []*tensor.Tensor) *tensor.Tensor { return u.op(v[i], d-len(a)) },
				func(v []plain) plain { return v[i].reduce(d, u.f) }}, slices.Delete(slices.Clone(a), d, d+1)
		case k == 9 && len(a) > 1:
			to := slices.Clone(a)
			n := len(a)
			to[n-1], to[n-2] = to[n-2], to[n-1]
			return step{fmt.Sprintf("transpose(%d)", i), func(v []*tensor.Tensor) *tensor.Tensor { return v[i].Transpose(-1, -2) },
				func(v []plain) plain {
					return build(to, func(index []int) float64 {
						from := slices.Clone(index)
						from[n-1], from[n-2] = from[n-2], from[n-1]
						return v[i].at(from)
					})
				}}, to
		case k == 10 && a[0] > 1:
			start := r.IntN(a[0])
			length := 1 + r.IntN(a[0]-start)
			to := slices.Clone(a)
			to[0] = length
			return step{fmt.Sprintf("narrow(%d, %d, %d)", i, start, length), func(v []*tensor.Tensor) *tensor.Tensor { return v[i].Narrow(0, start, length) },
				func(v []plain) plain {
					return build(to, func(index []int) float64 {
						from := slices.Clone(index)
						from[0] += start
						return v[i].at(from)
					})
				}}, to
		case k == 11:
			cut := r.IntN(a[0] + 1)
			offsets := []int{0, cut, cut, a[0]} // one stretch is empty
			sizes := []int{2, 0, 1}
			spread := []int{0, 2, 2, 3}
			to := slices.Clone(a)
			to[0] = 3
			return step{fmt.Sprintf("segments(%d, %d)", i, cut), func(v []*tensor.Tensor) *tensor.Tensor {
				return v[i].SegmentMean(offsets).SegmentExpand(spread)
			},
				func(v []plain) plain {
					return build(to, func(index []int) float64 {
						k := 0
						for k < 2 && index[0] >= spread[k+1] || sizes[k] == 0 {
							k++
						}
						part := v[i].lane(0, index[1:])[offsets[k]:offsets[k+1]]
						if len(part) == 0 {
							return 0
						}
						return sumOf(part) / float64(len(part))
					})
				}}, to
		}
	}
}

// Programs of random operations give what the same programs in float64 give,
// their gradients what finite differences of those give, and everything they
// made on the way stays what it was when it was made.
func TestRandomPrograms(t *testing.T) {
	t.Parallel()
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 5))
		n, tries := 4, 4 // gradients are compared at so many elements of a leaf
		if seed%40 == 0 {
			n, tries = 1100, 1
		}
		leafShapes := [][]int{{3, n}, {n}, {3, 1}, {}, {2, 1, n}}
		var in []plain
		var leaves []*tensor.Tensor
		for _, s := range leafShapes {
			p := build(s, func([]int) float64 { return float64(float32(r.Float64()*3 - 1.5)) })
			x := make([]float32, len(p.v))
			for i, v := range p.v {
				x[i] = float32(v)
			}
			in, leaves = append(in, p), append(leaves, tensor.From(x, s...).RequireGrad())
		}
		shapes := slices.Clone(leafShapes)
		var steps []step
		for range 4 + r.IntN(14) {
			s, shape := draw(r, shapes)
			if count(shape) > 50*n {
				continue
			}
			steps, shapes = append(steps, s), append(shapes, shape)
		}
		weights := make([]float64, len(shapes))
		for i := range weights {
			weights[i] = math.Round(r.Float64()*8-4) / 4
		}
		weights[len(weights)-1] = 1

		// In float64: Σ weight·mean over all values, and what has a kink nearby.
		run := func(in []plain) (float64, []plain) {
			v := slices.Clone(in)
			for _, s := range steps {
				v = append(v, s.ref(v))
			}
			total := 0.0
			for i, p := range v {
				total += weights[i] * sumOf(p.v) / float64(len(p.v))
			}
			return total, v
		}
		want, refs := run(in)

		values := slices.Clone(leaves)
		shown := map[int][]float32{}
		for i, s := range steps {
			y := s.x(values)
			values = append(values, y)
			if r.IntN(3) == 0 { // looked at before the others are made
				shown[len(leaves)+i] = slices.Clone(y.Detach().Clone().Data())
			}
		}
		total := tensor.Scalar(0)
		for i, y := range values {
			total = total.Add(y.Mean().Mul(tensor.Scalar(weights[i])))
		}
		fail := func(format string, args ...any) {
			t.Helper()
			var names []string
			for i, s := range steps {
				names = append(names, fmt.Sprintf("%d = %s", len(leaves)+i, s.name))
			}
			t.Errorf("seed %d: %s\nprogram: %v", seed, fmt.Sprintf(format, args...), names)
		}
		got, err := total.Item()
		if err != nil {
			fail("%v", err)
			continue
		}
		if math.Abs(got-want) > 1e-5*(1+math.Abs(want)) {
			fail("got %v, want %v", got, want)
		}
		check := func(when string) {
			t.Helper()
			for i, y := range values {
				data := y.Detach().Clone().Data()
				for k, w := range refs[i].v {
					if math.Abs(float64(data[k])-w) > 2e-5*(1+math.Abs(w)) {
						fail("%s: value %d, element %d: got %v, want %v", when, i, k, data[k], w)
						return
					}
				}
				if old, ok := shown[i]; ok && !slices.Equal(old, data) {
					fail("%s: value %d changed from %v to %v", when, i, old, data)
				}
			}
		}
		if r.IntN(2) == 0 {
			check("before backward")
		}
		if err := total.Backward(); err != nil {
			fail("backward: %v", err)
			continue
		}
		check("after backward")
		for i, leaf := range leaves {
			grad := make([]float32, leaf.Len())
			if g := leaf.Grad(); g != nil {
				grad = g.Data()
			}
			for range tries {
				k := r.IntN(len(in[i].v))
				slope, bent := difference(run, in, i, k)
				if bent {
					continue // a kink is near
				}
				if math.Abs(float64(grad[k])-slope) > 1e-4*(2/float64(len(grad))+math.Abs(slope)) {
					fail("gradient of leaf %d at %d: got %v, want %v", i, k, grad[k], slope)
				}
			}
		}
	}
}

// difference is the slope of a program at an element of an input, and whether
// the slopes on both sides differ.
func difference(run func(in []plain) (float64, []plain), in []plain, i, k int) (slope float64, bent bool) {
	x := in[i].v[k]
	defer func() { in[i].v[k] = x }()
	at := func(d float64) float64 {
		in[i].v[k] = x + d
		y, _ := run(in)
		return y
	}
	const h = 1e-5
	up, mid, down := at(h), at(0), at(-h)
	right, left := (up-mid)/h, (mid-down)/h
	return (up - down) / (2 * h), math.Abs(right-left) > 1e-3*(1/float64(len(in[i].v))+math.Abs(right))
}
