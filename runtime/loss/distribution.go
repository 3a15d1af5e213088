package loss

import (
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/hudrl/hudrl/internal/kernel"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// A DistributionLoss is a function of whole distributions over the vocabulary,
// one for each position, given by their logits: divergences from a teacher or
// a reference, an entropy bonus. A service returns the logprobs of the tokens
// that were sampled only, so it is for models whose logits one has.
type DistributionLoss struct {
	name   string
	config map[string]float64
	spec   distributionSpec
	row    rowFunc
	quick  quickFunc // row with the kernels; nil where there is none
}

// Distributions are what a DistributionLoss is a function of.
type Distributions struct {
	Logits  *tensor.Tensor // [N, V] the policy's, or the student's; −Inf is probability 0
	Teacher *tensor.Tensor // [N, V] the teacher's or the reference's, held constant; nil for a loss without one
	Mask    []float32      // [N] as a TokenLoss has it; nil: 1 everywhere
	Offsets []int          // of the datums, [D+1]; nil: one datum
	Group   []int          // [D] for prompt_mean; nil: one group
}

// row is the distribution at one position, and what a rowFunc gives.
type row struct {
	at    int       // the position
	lse   float64   // log Σ exp(z/T)
	p, lp []float64 // of the policy, and their logarithms
	q, lq []float64 // of the teacher; nil without one
	grad  []float64 // the result's derivatives with respect to lp, as if these were free
	zgrad bool      // grad holds those with respect to z instead
	stat  float64   // what is reported, NaN for the value
	order []int     // scratch
}

func newRow(vocab int, teacher bool) *row {
	r := &row{p: make([]float64, vocab), lp: make([]float64, vocab), grad: make([]float64, vocab)}
	if teacher {
		r.q, r.lq = make([]float64, vocab), make([]float64, vocab)
	}
	return r
}

// A rowFunc is the value at one position; it fills x.grad, which is 0 before.
type rowFunc func(x *row) (value float64, err error)

type distributionSpec struct {
	teacher  bool
	scaled   bool // knows temperature
	metric   string
	defaults map[string]float64
	f        func(op string, c map[string]float64) rowFunc
	form     func(lp, lq *tensor.Tensor, z *tensor.Tensor, c map[string]float64) *tensor.Tensor
}

const (
	keyTemperature = "temperature"
	keyRatio       = "ratio"
	keyTopK        = "top_k"
	keyTail        = "tail"
)

// DistributionNames lists the losses of whole distributions, sorted; aux is
// another function, [Aux].
func DistributionNames() []string { return slices.Sorted(maps.Keys(distributionSpecs)) }

// NewDistribution is the loss of whole distributions of that name.
func NewDistribution(name string, config map[string]float64) (*DistributionLoss, error) {
	sp, ok := distributionSpecs[name]
	if !ok {
		return nil, unknown("loss", "loss of distributions", name, DistributionNames())
	}
	c, err := withDefaults(name, name, slices.Sorted(maps.Keys(sp.defaults)), sp.defaults, config)
	if err != nil {
		return nil, err
	}
	if v, ok := c[keyCoef]; ok && v < 0 {
		return nil, invalid(name, "%s: got %v, want at least 0", keyCoef, v)
	}
	for _, k := range []string{keyRatio, keyAlpha, keyBeta} {
		if v, ok := c[k]; ok {
			if err := fraction(name, k, v); err != nil {
				return nil, err
			}
		}
	}
	if v, ok := c[keyTemperature]; ok && !(v > 0) {
		return nil, invalid(name, "%s: got %v, want above 0", keyTemperature, v)
	}
	if v, ok := c[keyTopK]; ok && !(v >= 1 && v == math.Trunc(v)) {
		return nil, invalid(name, "%s: got %v, want a whole number of at least 1", keyTopK, v)
	}
	t := &DistributionLoss{name: name, config: c, spec: sp, row: sp.f(name, c)}
	if quick := quickDistributions[name]; quick != nil {
		t.quick = quick(c)
	}
	return t, nil
}

// UsesTeacher reports whether the loss looks at a second distribution.
func (t *DistributionLoss) UsesTeacher() bool { return t.spec.teacher }

// Check finds what is wrong with s: of the settings of a token loss these take
// the aggregation, with its denominator and longest answer. It is token_mean
// where nothing else is asked for.
func (t *DistributionLoss) Check(s Settings) error { return onlyAggregation(t.name, s) }

func onlyAggregation(op string, s Settings) error {
	if s.Advantage != nil || s.Correction != nil || s.Old != nil {
		return invalid(op, "got settings of a policy loss, want at most an aggregation")
	}
	_, err := aggregationOr(s, TokenMean).Scales(nil, nil, s.MaxLength, s.Denominator)
	return err
}

func aggregationOr(s Settings, own Aggregation) Aggregation {
	if s.Aggregate == "" {
		return own
	}
	return s.Aggregate
}

// positions checks shapes and gives the factor of each position's value:
// mask times the aggregation's scale, and the number of loss tokens.
func positions(op string, n int, mask []float32, offsets, group []int, s Settings) (scale []float64, tokens int, err error) {
	if mask != nil && len(mask) != n {
		return nil, 0, invalid(op, "mask: got %d values for %d positions", len(mask), n)
	}
	if offsets == nil {
		offsets = []int{0, n}
	}
	if mask == nil {
		mask = make([]float32, n)
		for i := range mask {
			mask[i] = 1
		}
	}
	at := Layout{Offsets: offsets, Mask: mask}
	if err := at.check(op, nil); err != nil {
		return nil, 0, err
	}
	if group != nil && len(group) != at.Len() {
		return nil, 0, invalid(op, "group_idx: got %d values for %d datums", len(group), at.Len())
	}
	counts := make([]int, at.Len())
	for d := range counts {
		counts[d] = at.count(d)
		tokens += counts[d]
	}
	scales, err := aggregationOr(s, TokenMean).Scales(counts, group, s.MaxLength, s.Denominator)
	if err != nil {
		return nil, 0, err
	}
	scale = make([]float64, n)
	for d, f := range scales {
		for i := offsets[d]; i < offsets[d+1]; i++ {
			scale[i] = f * float64(mask[i])
		}
	}
	return scale, tokens, nil
}

// matrix checks that a tensor is [N, V].
func matrix(op, name string, t *tensor.Tensor) (n, v int, err error) {
	if t == nil {
		return 0, 0, invalid(op, "%s: got none, want a tensor [N, V]", name)
	}
	if err := t.Err(); err != nil {
		return 0, 0, err
	}
	if t.Dims() != 2 || t.Shape()[1] == 0 && t.Shape()[0] > 0 {
		return 0, 0, invalid(op, "%s: got shape %v, want [N, V]", name, t.Shape())
	}
	return t.Shape()[0], t.Shape()[1], nil
}

// logSoftmax fills p and out with the probabilities of z/temperature and their
// logarithms, and returns log Σ exp.
func logSoftmax(op, name string, at int, z []float32, temperature float64, p, out []float64) (float64, error) {
	top := math.Inf(-1)
	for v, x := range z {
		if x := float64(x); !(x <= math.MaxFloat64) {
			return 0, invalid(op, "%s: position %d: token %d: got %v, want a number or -Inf", name, at+1, v, x)
		}
		top = max(top, float64(x))
	}
	if math.IsInf(top, -1) {
		return 0, invalid(op, "%s: position %d: got -Inf for every token, want a number for one at least", name, at+1)
	}
	sum := 0.0
	for v, x := range z {
		out[v] = (float64(x) - top) / temperature
		p[v] = math.Exp(out[v])
		sum += p[v]
	}
	rest := math.Log(sum)
	for v := range out {
		out[v] -= rest
		p[v] /= sum
	}
	return top/temperature + rest, nil
}

// gradientOf is room for the gradient of t, of 0, which counts as t's memory
// does; nil where t needs none.
func gradientOf(t *tensor.Tensor) ([]float32, error) {
	if !t.RequiresGrad() {
		return nil, nil
	}
	g := t.Detach().Clone()
	if err := g.Err(); err != nil {
		return nil, err
	}
	data := g.Data()
	clear(data)
	return data, nil
}

// rowsPerPart is the rows that one core takes at a time.
const rowsPerPart = 16

// Loss is the loss as a tensor, computed in one pass over the rows whose mask is
// not 0, with its gradient with respect to the logits, and the metrics
// loss_tokens and the mean over these of kl, entropy or z. Nothing is read where
// the mask is 0. Rows of 128 tokens or more are computed in float32 with sums in
// float64, value and each derivative within 1e-6·max(1, |x|) of those in
// float64; shorter ones, sdft_topk, and rows where that does not do, as where a
// token has no probability, in float64.
func (t *DistributionLoss) Loss(x Distributions, s Settings) (*tensor.Tensor, map[string]float64, error) {
	if err := t.Check(s); err != nil {
		return nil, nil, err
	}
	n, vocab, scale, tokens, err := t.shapes(x, s)
	if err != nil {
		return nil, nil, err
	}
	temperature := 1.0
	if t.spec.scaled {
		temperature = t.config[keyTemperature]
	}
	logits := x.Logits.Data()
	grad, err := gradientOf(x.Logits)
	if err != nil {
		return nil, nil, err
	}
	var teacher []float32
	if t.spec.teacher {
		teacher = x.Teacher.Data()
	}
	values, means := make([]float64, n), make([]float64, n)
	var mu sync.Mutex
	var first error // of the first position
	failed := n
	kernel.Parallel((n+rowsPerPart-1)/rowsPerPart, func(lot int) {
		var r *row
		quick := quickRows.Get().(*quickRow)
		defer quickRows.Put(quick)
		for i := lot * rowsPerPart; i < min(n, (lot+1)*rowsPerPart); i++ {
			if scale[i] == 0 {
				continue
			}
			lo, hi := i*vocab, (i+1)*vocab
			if t.quick != nil && vocab >= quickVocab {
				if value, stat, ok := t.quickly(quick, temperature, logits[lo:hi], part(teacher, lo, hi), part(grad, lo, hi), scale[i]/temperature); ok {
					values[i], means[i] = scale[i]*value, stat
					continue
				}
			}
			if r == nil {
				r = newRow(vocab, teacher != nil)
			}
			value, err := t.eval(r, i, temperature, logits, teacher)
			if err != nil {
				mu.Lock()
				if i < failed {
					first, failed = err, i
				}
				mu.Unlock()
				return
			}
			values[i], means[i] = scale[i]*value, value
			if !math.IsNaN(r.stat) {
				means[i] = r.stat
			}
			if grad != nil {
				r.intoLogits(scale[i]/temperature, grad[i*vocab:(i+1)*vocab])
			}
		}
	})
	if first != nil {
		return nil, nil, first
	}
	var value, mean float64
	for i := range values {
		value += values[i]
		mean += means[i]
	}
	if math.Abs(value) > math.MaxFloat32 {
		return nil, nil, invalid(t.name, "got a loss of %v, which no float32 holds", value)
	}
	out := tensor.Fused(t.name, value, []*tensor.Tensor{x.Logits}, [][]float32{grad})
	return out, map[string]float64{"loss_tokens": float64(tokens), t.spec.metric: mean / max(1, float64(tokens))}, out.Err()
}

// shapes checks x and gives the factor of each position's value.
func (t *DistributionLoss) shapes(x Distributions, s Settings) (n, vocab int, scale []float64, tokens int, err error) {
	if n, vocab, err = matrix(t.name, "logits", x.Logits); err != nil {
		return
	}
	if t.spec.teacher {
		m, other, err := matrix(t.name, "teacher", x.Teacher)
		if err != nil {
			return n, vocab, nil, 0, err
		}
		if m != n || other != vocab {
			return n, vocab, nil, 0, invalid(t.name, "teacher: got shape %v, want %v as logits has", x.Teacher.Shape(), x.Logits.Shape())
		}
	} else if x.Teacher != nil {
		return n, vocab, nil, 0, invalid(t.name, "teacher: got one, want none: the loss looks at one distribution")
	}
	scale, tokens, err = positions(t.name, n, x.Mask, x.Offsets, x.Group, s)
	return
}

// eval is the value at position i.
func (t *DistributionLoss) eval(r *row, i int, temperature float64, logits, teacher []float32) (value float64, err error) {
	vocab := len(r.lp)
	r.at, r.stat = i, math.NaN()
	clear(r.grad)
	if r.lse, err = logSoftmax(t.name, "logits", i, logits[i*vocab:(i+1)*vocab], temperature, r.p, r.lp); err != nil {
		return 0, err
	}
	if teacher != nil {
		if _, err = logSoftmax(t.name, "teacher", i, teacher[i*vocab:(i+1)*vocab], temperature, r.q, r.lq); err != nil {
			return 0, err
		}
	}
	return t.row(r)
}

// intoLogits writes the derivatives with respect to the logits, times scale:
// g − p·Σg of those with respect to the logprobs.
func (r *row) intoLogits(scale float64, out []float32) {
	if r.zgrad {
		for v, g := range r.grad {
			out[v] = float32(scale * g)
		}
		return
	}
	sum := 0.0
	for _, g := range r.grad {
		sum += g
	}
	for v, g := range r.grad {
		out[v] = float32(scale * (g - r.p[v]*sum))
	}
}

// Tokens is the loss at each position, [N], written with tensor operations, 0
// where the mask is: for arithmetic of one's own. Softmax and logarithm are
// those of float32; sdft_topk's choice of tokens is a constant.
func (t *DistributionLoss) Tokens(x Distributions) (*tensor.Tensor, error) {
	n, _, _, _, err := t.shapes(x, Settings{})
	if err != nil {
		return nil, err
	}
	mask := tensor.Ones(n)
	if x.Mask != nil {
		mask = tensor.From(x.Mask, n)
	}
	// By selection: what is masked may hold anything.
	on, none := mask.Ne(tensor.Scalar(0)).Unsqueeze(1), tensor.Scalar(0)
	z := tensor.Where(on, x.Logits, none)
	temperature := 1.0
	if t.spec.scaled {
		temperature = t.config[keyTemperature]
	}
	z = z.Div(tensor.Scalar(temperature))
	var lq *tensor.Tensor
	if t.spec.teacher {
		lq = tensor.Where(on, x.Teacher.Detach(), none).Div(tensor.Scalar(temperature)).LogSoftmax(1)
	}
	v := t.spec.form(z.LogSoftmax(1), lq, z, t.config)
	out := tensor.Where(mask, v.Mul(mask), none)
	return out, out.Err()
}
