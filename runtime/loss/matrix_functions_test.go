package loss_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"

	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// inputs are the rows that a loss of tensors is a function of: x, which it is
// differentiated by, and what it holds constant.
type inputs struct {
	x    [][]float32 // logits, a prediction, or the scores of a pair
	c    [][]float64 // the teacher's logits, return and old prediction, or margin
	mask []float32
}

// inputsOf draws rows for the loss of that name.
func inputsOf(row loss.Row, n, vocab int) *inputs {
	r := rand.New(rand.NewPCG(11, uint64(len(row.Name))))
	in := &inputs{}
	width, constants := vocab, vocab
	switch row.Kind {
	case loss.KindValues:
		width, constants = 1, 2
	case loss.KindScores:
		width, constants = 2, 1
	}
	for i := range n {
		x, c := make([]float32, width), make([]float64, constants)
		for k := range x {
			x[k] = float32(math.Round(2*r.NormFloat64()*64) / 64)
		}
		for k := range c {
			c[k] = math.Round(2*r.NormFloat64()*64)/64 + 0.005
		}
		if row.Kind == loss.KindValues {
			c[1] = float64(x[0]) + 0.37*r.NormFloat64() // the old prediction
		}
		in.x, in.c, in.mask = append(in.x, x), append(in.c, c), append(in.mask, float32(min(1, i%4)))
	}
	return in
}

// picked is the rows at those positions.
func (in *inputs) picked(at ...int) *inputs {
	out := &inputs{}
	for _, i := range at {
		out.x, out.c, out.mask = append(out.x, slices.Clone(in.x[i])), append(out.c, in.c[i]), append(out.mask, in.mask[i])
	}
	return out
}

func (in *inputs) all() []int {
	at := make([]int, len(in.x))
	for i := range at {
		at[i] = i
	}
	return at
}

// flat is the rows as one tensor's elements.
func (in *inputs) flat() (x, c []float32) {
	for i := range in.x {
		x = append(x, in.x[i]...)
		for _, v := range in.c[i] {
			c = append(c, float32(v))
		}
	}
	return x, c
}

// column is the k-th of the constants.
func (in *inputs) column(k int) []float64 {
	out := make([]float64, len(in.c))
	for i := range in.c {
		out[i] = in.c[i][k]
	}
	return out
}

// function is the loss of the rows, fused, or composed and added up.
func (x *trial) function(in *inputs, s loss.Settings, composed bool) outcome {
	data, constants := in.flat()
	n := len(in.x)
	leaf := tensor.From(data, n, len(in.x[0])).RequireGrad()
	name := x.row.Name
	sum := func(parts *tensor.Tensor, err error) (*tensor.Tensor, error) {
		if err != nil {
			return nil, err
		}
		return parts.Sum(), nil
	}
	first := func(out *tensor.Tensor, _ map[string]float64, err error) (*tensor.Tensor, error) { return out, err }
	var out *tensor.Tensor
	var err error
	switch {
	case name == "aux" && composed:
		out, err = loss.AuxForm(leaf, in.mask, 2, 1)
	case name == "aux":
		out, err = first(loss.Aux(leaf, in.mask, 2, 1))
	case x.row.Kind == loss.KindValues:
		v, verr := loss.NewValue(name, nil)
		if verr != nil {
			x.t.Fatal(verr)
		}
		given := loss.Values{Values: leaf.Reshape(n), Returns: in.column(0), Old: in.column(1), Mask: in.mask}
		if composed {
			out, err = sum(v.Tokens(given))
		} else {
			out, err = first(v.Loss(given, s))
		}
	case x.row.Kind == loss.KindScores:
		chosen, rejected := leaf.Narrow(1, 0, 1).Reshape(n), leaf.Narrow(1, 1, 1).Reshape(n)
		var margin []float64
		if name == "bt_rm" {
			margin = in.column(0)
		}
		if composed {
			out, err = sum(loss.BradleyTerryPairs(name, chosen, rejected, margin))
		} else {
			out, err = first(loss.BradleyTerry(name, chosen, rejected, margin, s.Denominator))
		}
	default:
		config := map[string]float64{}
		if name == "sdft_topk" {
			config["top_k"] = 2
		}
		f, ferr := loss.NewDistribution(name, config)
		if ferr != nil {
			x.t.Fatal(ferr)
		}
		given := loss.Distributions{Logits: leaf, Mask: in.mask}
		if f.UsesTeacher() {
			given.Teacher = tensor.From(constants, n, len(in.c[0]))
		}
		if composed {
			out, err = sum(f.Tokens(given))
		} else {
			out, err = first(f.Loss(given, s))
		}
	}
	if err != nil {
		x.t.Fatalf("%s: %v", name, err)
	}
	value, err := out.Item()
	if err != nil {
		x.t.Fatal(err)
	}
	if err := out.Backward(); err != nil {
		x.t.Fatal(err)
	}
	return outcome{value, slices.Clone(leaf.Grad().Data())}
}

// functions tries a loss of tensors.
func (x *trial) functions() {
	const n, vocab = 9, 5
	in := inputsOf(x.row, n, vocab)
	sum, mean := loss.Settings{Aggregate: loss.Sum}, loss.Settings{}
	if x.row.Kind == loss.KindScores {
		sum = loss.Settings{Denominator: 1}
	}
	base := x.function(in, sum, false)
	x.yes("fused", true, "")
	got := x.function(in, sum, true)
	want := base
	if x.row.Name == "aux" {
		got = x.function(in, mean, true)
	}
	x.yes("composed", !differs(got.value, want.value, n), "got %v, want %v", got.value, want.value)
	for i := range want.grad {
		x.yes("composed", !differs(float64(got.grad[i]), float64(want.grad[i]), n), "gradient %d: got %v, want %v", i, got.grad[i], want.grad[i])
	}
	x.slopes(in, sum, base)
	width := len(in.x[0])
	// Other rows under the mask, and more of them.
	if x.row.Kind == loss.KindScores {
		x.not("no mask", "masks", "padding")
	} else {
		other := in.picked(in.all()...)
		for i, m := range other.mask {
			if m == 0 {
				for k := range other.x[i] {
					other.x[i][k] = float32(math.NaN())
				}
			}
		}
		e := x.function(other, mean, false)
		ref := x.function(in, mean, false)
		x.yes("masks", e.value == ref.value && slices.Equal(e.grad, ref.grad), "NaN under the mask: got %v, want %v", e, ref)
		padded := in.picked(append(in.all(), 0, 4, 8)...) // 0, 4 and 8 are masked
		e = x.function(padded, mean, false)
		x.yes("padding", !differs(e.value, ref.value, n), "got %v, want %v", e.value, ref.value)
		for i := range ref.grad {
			x.yes("padding", !differs(float64(e.grad[i]), float64(ref.grad[i]), 1), "gradient %d: got %v, want %v", i, e.grad[i], ref.grad[i])
		}
	}
	order := rand.New(rand.NewPCG(2, 2)).Perm(n)
	shuffled := x.function(in.picked(order...), mean, false)
	ref := x.function(in, mean, false)
	x.yes("order", !differs(shuffled.value, ref.value, n), "got %v, want %v", shuffled.value, ref.value)
	for k, i := range order {
		for j := range width {
			x.yes("order", !differs(float64(shuffled.grad[k*width+j]), float64(ref.grad[i*width+j]), 1), "gradient of row %d", i)
		}
	}
	if x.row.Name == "aux" {
		x.not("batch", "chunks")
	} else {
		for _, a := range []loss.Aggregation{loss.TokenMean, loss.SeqMeanTokenSum, loss.SeqMeanTokenSumNorm} {
			s := loss.Settings{Aggregate: a, MaxLength: 16}
			whole := x.function(in, s, false)
			s.Denominator = map[loss.Aggregation]float64{loss.TokenMean: 6, loss.SeqMeanTokenSum: 1, loss.SeqMeanTokenSumNorm: 1}[a]
			if x.row.Kind == loss.KindScores {
				s.Denominator = n
			}
			one, two := x.function(in.picked(in.all()[:4]...), s, false), x.function(in.picked(in.all()[4:]...), s, false)
			x.yes("chunks", !differs(one.value+two.value, whole.value, n), "%s: got %v + %v, want %v", a, one.value, two.value, whole.value)
			for i, g := range slices.Concat(one.grad, two.grad) {
				x.yes("chunks", !differs(float64(g), float64(whole.grad[i]), 1), "%s: gradient %d: got %v, want %v", a, i, g, whole.grad[i])
			}
		}
	}
	x.not("float64", "SIMD")
	if x.row.Kind != loss.KindLogits {
		x.not("float64", "threads")
		return
	}
	many := inputsOf(x.row, 200, 257)
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	single := x.function(many, mean, false)
	runtime.GOMAXPROCS(2)
	double := x.function(many, mean, false)
	x.yes("threads", single.value == double.value && slices.Equal(single.grad, double.grad), "got %v on two cores, %v on one", double.value, single.value)
}

// slopes compares the gradient with differences of the value, of the fourth
// order: 3e-7 of the value over the step is float32's part in the error.
func (x *trial) slopes(in *inputs, s loss.Settings, base outcome) {
	const h = 1. / 64
	at := 0
	for i := range in.x {
		for k := range in.x[i] {
			v := in.x[i][k]
			value := func(step float64) float64 {
				in.x[i][k] = float32(float64(v) + step)
				defer func() { in.x[i][k] = v }()
				return x.function(in, s, false).value
			}
			up, down := value(2*h), value(-2*h)
			near, far := (value(h)-value(-h))/(2*h), (up-down)/(4*h)
			want, turn := (4*near-far)/3, (up-2*base.value+down)/(2*h)
			if got := float64(base.grad[at]); math.Abs(turn) < 0.1*math.Max(1, math.Abs(near)) { // else a kink is between
				x.yes("gradient", math.Abs(got-want) <= 1e-3*math.Max(1, math.Abs(want))+3e-7*math.Abs(base.value)/h, "row %d, %d: got %v, want %v", i, k, got, want)
			}
			at++
		}
	}
}
