package loss_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/runtime/tensor"
	"github.com/hudrl/hudrl/tests/golden"
)

// distributionCase is one case of golden_distribution.json; each loss has some
// of the fields.
type distributionCase struct {
	Loss                     string
	Config                   map[string]float64
	Shape, Lengths           []int
	Logits, Teacher          []float64
	Mask                     []float32
	Aggregate                loss.Aggregation
	Value                    float64
	Gradient                 []float64
	Values, Old, Returns     []float64
	Chosen, Rejected, Margin []float64
	Topk                     int
	Entropy, Keep            []float64
	Rho, Advantage           float64
	Logprobs, Sampling, Ref  []float64
}

// logits are numbers as float32, with -1e30 for minus infinity.
func logits(x []float64) []float32 {
	out := narrow(x)
	for i, v := range out {
		if v < -1e29 {
			out[i] = float32(math.Inf(-1))
		}
	}
	return out
}

func (c *distributionCase) offsets() []int {
	out := []int{0}
	for d, n := range c.Lengths {
		out = append(out, out[d]+n)
	}
	return out
}

// TestDistributionGolden compares with the formulas written in torch 1.13, in
// float64, by tests/golden/loss_distribution.py, rounded to float32.
func TestDistributionGolden(t *testing.T) {
	t.Parallel()
	data, err := golden.File("loss_distribution.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct{ Cases []distributionCase }
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for i, c := range golden.Cases {
		seen[c.Loss]++
		set := loss.Settings{Aggregate: c.Aggregate}
		var inputs []*tensor.Tensor
		leaf := func(x []float64, shape ...int) *tensor.Tensor {
			l := tensor.From(logits(x), shape...).RequireGrad()
			inputs = append(inputs, l)
			return l
		}
		var got *tensor.Tensor
		var err error
		switch c.Loss {
		case "value_clipped", "value_mse":
			f, ferr := loss.NewValue(c.Loss, c.Config)
			if ferr != nil {
				t.Fatal(ferr)
			}
			got, _, err = f.Loss(loss.Values{Values: leaf(c.Values, len(c.Values)), Returns: c.Returns, Old: c.Old, Mask: c.Mask, Offsets: c.offsets()}, set)
		case "bt_rm", "bt_rm_logexp":
			got, _, err = loss.BradleyTerry(c.Loss, leaf(c.Chosen, len(c.Chosen)), leaf(c.Rejected, len(c.Rejected)), c.Margin, 0)
		case "aux":
			got, _, err = loss.Aux(leaf(c.Logits, c.Shape...), c.Mask, c.Topk, 1)
		case "high_entropy_mask":
			keep, err := loss.HighEntropyMask(c.Entropy, c.Mask, c.Rho)
			if err != nil || !slices.Equal(keep, narrow(c.Keep)) {
				t.Errorf("case %d, high_entropy_mask: got %v, %v, want %v", i, keep, err, c.Keep)
			}
			continue
		case "minillm":
			f, ferr := loss.New(c.Loss, c.Config)
			if ferr != nil {
				t.Fatal(ferr)
			}
			n := len(c.Logprobs)
			mask := make([]float32, n)
			for k := range mask {
				mask[k] = 1
			}
			b, berr := loss.NewBatch(nil, &hud.Packed{Offsets: []int{0, n}, Logprobs: narrow(c.Logprobs), SamplingLogprobs: narrow(c.Sampling), RefLogprobs: narrow(c.Ref),
				Mask: mask, Reward: []float64{0}, TrajIdx: []int{0}, Advantage: []float64{c.Advantage}}, true)
			if berr != nil {
				t.Fatal(berr)
			}
			inputs = append(inputs, b.Logprobs)
			got, _, err = f.Loss(b, loss.Settings{})
		default:
			f, ferr := loss.NewDistribution(c.Loss, c.Config)
			if ferr != nil {
				t.Fatal(ferr)
			}
			x := loss.Distributions{Logits: leaf(c.Logits, c.Shape...), Mask: c.Mask, Offsets: c.offsets()}
			if f.UsesTeacher() {
				x.Teacher = tensor.From(logits(c.Teacher), c.Shape...)
			}
			got, _, err = f.Loss(x, set)
		}
		if err != nil {
			t.Fatalf("case %d, %s: %v", i, c.Loss, err)
		}
		value, err := got.Item()
		rounding, free := 6e-8, 1e-13 // the latter is left to terms of up to 100 that cancel
		if c.Loss == "minillm" {
			rounding, free = 1e-6, 1e-6 // a loss of tokens, in float32
		}
		if err != nil || math.Abs(value-c.Value) > rounding*math.Max(1, math.Abs(c.Value)) {
			t.Errorf("case %d, %s%v: got loss %v, %v, want %v", i, c.Loss, c.Config, value, err, c.Value)
		}
		if err := got.Backward(); err != nil {
			t.Fatal(err)
		}
		var grad []float32
		for _, in := range inputs {
			grad = append(grad, in.Grad().Data()...)
		}
		for k, want := range c.Gradient {
			if g := float64(grad[k]); math.Abs(g-want) > rounding*math.Abs(want)+free {
				t.Errorf("case %d, %s%v: gradient %d: got %v, want %v", i, c.Loss, c.Config, k, g, want)
			}
		}
	}
	for _, name := range slices.Concat(loss.DistributionNames(), loss.ValueNames(), []string{"bt_rm", "bt_rm_logexp", "aux", "high_entropy_mask", "minillm"}) {
		if seen[name] < 40 {
			t.Errorf("%s: got %d golden cases, want at least 40", name, seen[name])
		}
	}
}

// TestDistributionForms holds the tensor form of each loss against the fused
// one, value and gradient, with masked rows of NaN and pruned tokens.
func TestDistributionForms(t *testing.T) {
	t.Parallel()
	inf := float32(math.Inf(-1))
	nan := float32(math.NaN())
	z := []float32{0.5, -1, 2, inf, nan, nan, nan, nan, -30, 3, 0.25, inf, 0, 0, 0, 0}
	q := []float32{1, 1, -2, inf, nan, 1, 2, 3, 4, -5, 6, inf, 1, 2, 3, 4}
	mask := []float32{1, 0, 0.5, 1}
	type form struct {
		name   string
		config map[string]float64
	}
	forms := []form{{"sdft_topk", map[string]float64{"top_k": 2}}, {"sdft_topk", map[string]float64{"top_k": 2, "tail": 0, "alpha": 1}}, {"gkd_jsd", map[string]float64{"beta": 0}}}
	for _, name := range loss.DistributionNames() {
		forms = append(forms, form{name, nil})
	}
	for _, c := range forms {
		name := c.name
		f, err := loss.NewDistribution(name, c.config)
		if err != nil {
			t.Fatal(err)
		}
		x := loss.Distributions{Logits: tensor.From(slices.Clone(z), 4, 4).RequireGrad(), Mask: mask}
		if f.UsesTeacher() {
			x.Teacher = tensor.From(q, 4, 4)
		}
		want, metrics, err := f.Loss(x, loss.Settings{Aggregate: loss.Sum})
		if err != nil {
			t.Fatal(err)
		}
		if metrics["loss_tokens"] != 3 {
			t.Errorf("%s: got metrics %v, want 3 tokens", name, metrics)
		}
		value, _ := want.Item()
		if err := want.Backward(); err != nil {
			t.Fatal(err)
		}
		exact := slices.Clone(x.Logits.Grad().Data())
		for k, g := range exact {
			if math.IsNaN(float64(g)) || math.IsInf(float64(g), 0) || (k/4 == 1 || z[k] == inf) && g != 0 {
				t.Errorf("%s: gradient %d: got %v", name, k, g)
			}
		}
		x.Logits.ZeroGrad()
		tokens, err := f.Tokens(x)
		if err != nil {
			t.Fatal(err)
		}
		sum := tokens.Sum()
		if got, _ := sum.Item(); math.Abs(got-value) > 1e-6*math.Max(1, math.Abs(value)) {
			t.Errorf("%s: got %v with tensors, want %v", name, got, value)
		}
		if err := sum.Backward(); err != nil {
			t.Fatal(err)
		}
		for k, g := range x.Logits.Grad().Data() {
			if math.Abs(float64(g-exact[k])) > 2e-6*math.Max(1, math.Abs(float64(exact[k]))) {
				t.Errorf("%s: gradient %d: got %v with tensors, want %v", name, k, g, exact[k])
			}
		}
	}
}

// TestDistributionChunks adds up the losses of two halves of a batch, with the
// whole's denominator.
func TestDistributionChunks(t *testing.T) {
	t.Parallel()
	const n, vocab = 70, 33 // more than one part of rows
	z, q := make([]float32, n*vocab), make([]float32, n*vocab)
	for i := range z {
		z[i], q[i] = float32(math.Sin(float64(i))), float32(3*math.Cos(float64(2*i)))
	}
	for _, name := range loss.DistributionNames() {
		f, err := loss.NewDistribution(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		part := func(lo, hi int) float64 {
			x := loss.Distributions{Logits: tensor.From(z[lo*vocab:hi*vocab], hi-lo, vocab)}
			if f.UsesTeacher() {
				x.Teacher = tensor.From(q[lo*vocab:hi*vocab], hi-lo, vocab)
			}
			out, _, err := f.Loss(x, loss.Settings{Denominator: n})
			if err != nil {
				t.Fatal(err)
			}
			v, _ := out.Item()
			return v
		}
		if whole, parts := part(0, n), part(0, 20)+part(20, n); math.Abs(whole-parts) > 1e-6*math.Max(1, math.Abs(whole)) {
			t.Errorf("%s: got %v in parts, want %v", name, parts, whole)
		}
	}
}

func TestDistributionExtremes(t *testing.T) {
	t.Parallel()
	for _, name := range loss.DistributionNames() {
		for _, apart := range []float32{1e3, 1e30} {
			f, err := loss.NewDistribution(name, nil)
			if err != nil {
				t.Fatal(err)
			}
			x := loss.Distributions{Logits: tensor.From([]float32{apart, 0, -apart}, 1, 3).RequireGrad()}
			if f.UsesTeacher() {
				x.Teacher = tensor.From([]float32{0, apart, 0}, 1, 3)
			}
			got, _, err := f.Loss(x, loss.Settings{})
			if name == "z_loss" && apart == 1e30 {
				if err == nil {
					t.Error("z_loss of 1e30: got no error, want one: its square is no float32")
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			v, _ := got.Item()
			if err := got.Backward(); err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("%s, %v apart: got %v, %v", name, apart, v, err)
			}
			for _, g := range x.Logits.Grad().Data() {
				if math.IsNaN(float64(g)) || math.IsInf(float64(g), 0) {
					t.Errorf("%s, %v apart: got gradient %v", name, apart, g)
				}
			}
		}
		// Nothing, and nothing but masked rows.
		f, _ := loss.NewDistribution(name, nil)
		for _, n := range []int{0, 2} {
			x := loss.Distributions{Logits: tensor.Full(math.NaN(), n, 3), Mask: make([]float32, n)}
			if f.UsesTeacher() {
				x.Teacher = tensor.Full(math.NaN(), n, 3)
			}
			got, _, err := f.Loss(x, loss.Settings{})
			if err != nil {
				t.Fatal(err)
			}
			if v, _ := got.Item(); v != 0 {
				t.Errorf("%s of %d masked rows: got %v, want 0", name, n, v)
			}
		}
	}
}

func TestDistributionRefuses(t *testing.T) {
	t.Parallel()
	inf := float32(math.Inf(-1))
	type config = map[string]float64
	two := func(x ...float32) *tensor.Tensor { return tensor.From(x, 1, len(x)) }
	run := func(name string, c config, z, q *tensor.Tensor, s loss.Settings) error {
		f, err := loss.NewDistribution(name, c)
		if err == nil {
			_, _, err = f.Loss(loss.Distributions{Logits: z, Teacher: q}, s)
		}
		return err
	}
	value := func(name string, c config, x loss.Values, s loss.Settings) error {
		f, err := loss.NewValue(name, c)
		if err == nil {
			_, _, err = f.Loss(x, s)
		}
		return err
	}
	v := loss.Values{Values: tensor.From([]float32{1, 2}, 2), Returns: []float64{1, math.NaN()}}
	_, _, auxK := loss.Aux(two(1, 2), nil, 3, 1)
	_, _, rm := loss.BradleyTerry("bt_rm", tensor.From([]float32{1}, 1), tensor.From([]float32{1, 2}, 2), nil, 0)
	_, _, rmNaN := loss.BradleyTerry("bt_rm", tensor.From([]float32{float32(math.Inf(1))}, 1), tensor.From([]float32{1}, 1), nil, 0)
	_, rho := loss.HighEntropyMask([]float64{1}, nil, 2)
	_, entropyNaN := loss.HighEntropyMask([]float64{math.NaN()}, nil, 1)
	_, allOut := loss.Entropies(two(inf, inf), nil)
	for want, err := range map[string]error{
		`loss: unknown loss of distributions "kd_fwd" (did you mean "gkd_jsd"?)`:                                               run("kd_fwd", nil, nil, nil, loss.Settings{}),
		`gkd_jsd: temperature: got 0, want above 0`:                                                                            run("gkd_jsd", config{"temperature": 0}, nil, nil, loss.Settings{}),
		`gkd_jsd: beta: got 2, want 0 to 1`:                                                                                    run("gkd_jsd", config{"beta": 2}, nil, nil, loss.Settings{}),
		`sdft_topk: top_k: got 0.5, want a whole number of at least 1`:                                                         run("sdft_topk", config{"top_k": 0.5}, nil, nil, loss.Settings{}),
		`kd_sym: unknown key "ration" for kd_sym: it knows ratio, temperature`:                                                 run("kd_sym", config{"ration": 0.5}, nil, nil, loss.Settings{}),
		`entropy_bonus: coef: got -1, want at least 0`:                                                                         run("entropy_bonus", config{"coef": -1}, nil, nil, loss.Settings{}),
		`kl.exact: logits: got none, want a tensor [N, V]`:                                                                     run("kl.exact", nil, nil, nil, loss.Settings{}),
		`kl.exact: logits: got shape [2], want [N, V]`:                                                                         run("kl.exact", nil, tensor.Zeros(2), nil, loss.Settings{}),
		`kl.exact: teacher: got shape [1 3], want [1 2] as logits has`:                                                         run("kl.exact", nil, two(1, 2), two(1, 2, 3), loss.Settings{}),
		`z_loss: teacher: got one, want none: the loss looks at one distribution`:                                              run("z_loss", nil, two(1, 2), two(1, 2), loss.Settings{}),
		`kl.exact: position 1: token 1 has a probability in the student and none in the teacher: the divergence is infinite`:   run("kl.exact", nil, two(1, 2), two(1, inf), loss.Settings{}),
		`kd_forward: position 1: token 0 has a probability in the teacher and none in the student: the divergence is infinite`: run("kd_forward", nil, two(inf, 2), two(1, 2), loss.Settings{}),
		`kl.exact: logits: position 1: token 0: got NaN, want a number or -Inf`:                                                run("kl.exact", nil, two(float32(math.NaN()), 2), two(1, 2), loss.Settings{}),
		`kl.exact: teacher: position 1: got -Inf for every token, want a number for one at least`:                              run("kl.exact", nil, two(1, 2), two(inf, inf), loss.Settings{}),
		`kl.exact: got settings of a policy loss, want at most an aggregation`:                                                 run("kl.exact", nil, two(1, 2), two(1, 2), loss.Settings{Advantage: []float64{1}}),
		`aggregate: seq_mean_token_sum_norm: max_length: got 0, want above 0`:                                                  run("kl.exact", nil, two(1, 2), two(1, 2), loss.Settings{Aggregate: loss.SeqMeanTokenSumNorm}),
		`value_mse: position 2: got value 2 and return NaN, want finite numbers`:                                               value("value_mse", nil, v, loss.Settings{}),
		`value_clipped: old_values: got 0 values for 2 positions`:                                                              value("value_clipped", nil, v, loss.Settings{}),
		`value_clipped: epsilon: got -1, want at least 0`:                                                                      value("value_clipped", config{"epsilon": -1}, v, loss.Settings{}),
		`value_mse: returns: got 1 values for 2 positions`:                                                                     value("value_mse", nil, loss.Values{Values: v.Values, Returns: []float64{1}}, loss.Settings{}),
		`value_mse: values: got shape [1 2], want [N]`:                                                                         value("value_mse", nil, loss.Values{Values: two(1, 2)}, loss.Settings{}),
		`aux: top_k: got 3, want 1 to 2`:                                                                                       auxK,
		`bt_rm: rejected: got 2 scores, want 1 as chosen has`:                                                                  rm,
		`bt_rm: pair 1: got scores +Inf and 1, want finite numbers`:                                                            rmNaN,
		`high_entropy_mask: rho: got 2, want 0 to 1`:                                                                           rho,
		`high_entropy_mask: entropies: position 1: got NaN, want a finite number`:                                              entropyNaN,
		`entropies: logits: position 1: got -Inf for every token, want a number for one at least`:                              allOut,
	} {
		refused(t, err, want)
	}
	// What one side excludes. p = (1, 0), q = (½, ½): KL(p‖q) = log 2, and with m =
	// (¾, ¼) half of KL(q‖m) + KL(p‖m).
	one, half := two(1, inf), two(1, 1)
	for name, want := range map[string]float64{
		"kd_reverse": math.Ln2, "kl.exact": math.Ln2,
		"gkd_jsd": (0.5*math.Log(2./3) + 0.5*math.Log(2) + math.Log(4./3)) / 2,
	} {
		f, err := loss.NewDistribution(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		out, _, err := f.Loss(loss.Distributions{Logits: one, Teacher: half}, loss.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		if v, _ := out.Item(); math.Abs(v-want) > 1e-7 {
			t.Errorf("%s: got %v, want %v", name, v, want)
		}
	}
	if err := run("kd_forward", nil, half, one, loss.Settings{}); err != nil { // KL((1, 0)‖(½, ½))
		t.Errorf("kd_forward: got %v, want a finite loss", err)
	}
	_, gamma := loss.New("minillm", config{"gamma": 2})
	refused(t, gamma, "minillm: gamma: got 2, want 0 to 1")
	// Four tokens alike: log 4 and 4/16; one left out: log 3 and 3/9.
	h, err := loss.Entropies(tensor.From([]float32{1, 1, 1, 1, 2, 2, 2, inf}, 2, 4), nil)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "entropies", h, []float64{math.Log(4), math.Log(3)})
	sq, err := loss.SumSquares(tensor.From([]float32{1, 1, 1, 1, 2, 2, 2, inf}, 2, 4), nil)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "sum_pi_squared", sq, []float64{1. / 4, 1. / 3})
}

// TestDistributionMemory counts the gradient of logits against a limit, and
// makes none where none is wanted.
func TestDistributionMemory(t *testing.T) {
	t.Parallel()
	const n, vocab = 8, 1024 // 32 KiB
	f, err := loss.NewDistribution("entropy_bonus", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		grad  bool
		bytes int64
		fits  bool
	}{{false, 40 << 10, true}, {true, 40 << 10, false}, {true, 80 << 10, true}} {
		z := tensor.NewAllocator(tensor.NewLimit(c.bytes)).Zeros(n, vocab)
		if c.grad {
			z.RequireGrad()
		}
		out, _, err := f.Loss(loss.Distributions{Logits: z}, loss.Settings{})
		if (err == nil) != c.fits {
			t.Errorf("%v: got %v, %v", c, out, err)
		}
	}
}
