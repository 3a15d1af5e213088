package loss_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/runtime/tensor"
)

var update = flag.Bool("update", false, "write testdata/matrix.md")

// columns are what each row of the table is tried for.
var columns = []string{"fused", "composed", "golden", "gradient", "masks", "padding", "order", "chunks", "SIMD", "threads"}

// A trial is the cells of one row; what fails is an error of the test and
// leaves a hole.
type trial struct {
	t     *testing.T
	row   loss.Row
	cells map[string]string
}

func (x *trial) yes(column string, ok bool, format string, args ...any) {
	x.t.Helper()
	if !ok {
		x.t.Errorf("%s %s: %s: %s", x.row.Section, x.row.Name, column, fmt.Sprintf(format, args...))
		return
	}
	if x.cells[column] == "" {
		x.cells[column] = "yes"
	}
}

// not says why a column does not apply.
func (x *trial) not(reason string, columns ...string) {
	for _, c := range columns {
		x.cells[c] = reason
	}
}

// legend is what the cells mean that say neither yes nor a number.
const legend = `
numbers: golden cases made by torch (tests/golden/*.py). Otherwise:

- arithmetic: worked out by hand in a test.
- constant: has no gradient: advantages, weights and coefficients are constants of a loss.
- of rewards: reads numbers for each answer, no tokens.
- batch: looks at the whole batch, so that chunks of it are other batches by definition.
- weights: multiplies the tokens of any loss; composed forms take it as they do the mask.
- float64: computed in plain Go, in float64, on one core: there is nothing to agree with.
- no mask: has no masked positions.
- drawn: draws tokens by their places.
- in order: goes by the order in which rewards were earned.
- golden: held against torch in float64; a gradient so because a part is held constant, and
  differences of the value are not it.
`

// TestMatrix tries every row of the table for every column that applies, in
// every aggregation, and holds testdata/matrix.md against it; -update writes
// it. It is not parallel: it changes the number of cores.
func TestMatrix(t *testing.T) {
	golden := goldenCases(t)
	var b strings.Builder
	fmt.Fprintf(&b, "| | loss | kind | %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)+3))
	for _, row := range loss.Table() {
		x := &trial{t: t, row: row, cells: map[string]string{}}
		if n := max(golden[string(row.Kind)+" "+row.Name], golden[row.Name]); n >= 40 {
			x.cells["golden"] = fmt.Sprint(n)
		} else if by := arithmetic[row.Name]; by != "" {
			x.cells["golden"] = "arithmetic"
			if !testExists(t, by) {
				t.Errorf("%s: there is no test %s", row.Name, by)
			}
		}
		switch row.Kind {
		case loss.KindTokens:
			x.tokens()
		case loss.KindPairs, loss.KindAnswers:
			x.answers()
		case loss.KindLogits, loss.KindValues, loss.KindScores:
			x.functions()
		case loss.KindAdvantage, loss.KindController:
			x.not("constant", "composed", "gradient", "chunks")
			x.not("float64", "SIMD", "threads")
			x.estimates()
		case loss.KindCorrection:
			x.not("weights", "chunks")
			x.not("constant", "gradient")
			x.not("golden", "SIMD")
			x.correction()
		case loss.KindAggregation:
			x.not("float64", "SIMD", "threads")
			x.aggregation()
		}
		fmt.Fprintf(&b, "| %s | %s | %s |", row.Section, row.Name, row.Kind)
		for _, c := range columns {
			if x.cells[c] == "" {
				t.Errorf("%s %s (%s): nothing for %s", row.Section, row.Name, row.Kind, c)
			}
			fmt.Fprintf(&b, " %s |", x.cells[c])
		}
		b.WriteByte('\n')
	}
	b.WriteString(legend)
	file := filepath.Join("testdata", "matrix.md")
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || string(want) != b.String() {
		t.Errorf("%s is not what was found: run go test ./runtime/loss -run TestMatrix -update (%v)", file, err)
	}
}

// arithmetic names the test that works out what torch has no part in.
var arithmetic = map[string]string{
	"sum": "TestAggregations", "token_mean": "TestAggregations", "seq_mean_token_mean": "TestAggregations", "seq_mean_token_sum": "TestAggregations",
	"seq_mean_token_sum_norm": "TestAggregations", "prompt_mean": "TestAggregations", "token_mean_legacy": "TestAggregations",
}

// testExists reports whether the package has a test of that name.
func testExists(t *testing.T, name string) bool {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		data, err := os.ReadFile(file)
		return err == nil && strings.Contains(string(data), "\nfunc "+name+"(t *testing.T)")
	})
}

// goldenCases counts the cases of each name in tests/golden, advantages and
// corrections with their kind before it: grpo is a loss too.
func goldenCases(t *testing.T) map[string]int {
	t.Helper()
	files, err := filepath.Glob("../../tests/golden/loss*.json")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var lists map[string]json.RawMessage
		if err := json.Unmarshal(data, &lists); err != nil {
			t.Fatal(err)
		}
		for key, list := range lists {
			var cases []struct{ Loss, Estimator, Correction string }
			if json.Unmarshal(list, &cases) != nil {
				continue // the version
			}
			for _, c := range cases {
				switch {
				case c.Loss != "":
					seen[c.Loss]++
				case strings.HasPrefix(c.Estimator, "kl.") || c.Estimator == "entropy_adaptive":
					seen[c.Estimator]++ // controllers
				case c.Estimator != "":
					seen["advantage "+c.Estimator]++
				case c.Correction != "":
					seen["correction "+c.Correction]++
				case key == "rejections":
					seen["correction rejection"]++
				default:
					seen["advantage "+key]++
				}
			}
		}
	}
	return seen
}

// whole is the loss of the row.
func (x *trial) whole() loss.BatchLoss {
	l, err := loss.NewBatchLoss(x.row.Name, nil)
	if err != nil {
		x.t.Fatal(err)
	}
	return l
}

// properties runs loss.Check in every aggregation.
func (x *trial) properties(settings []loss.Settings) {
	for i, s := range settings {
		for seed := range uint64(max(1, 2-i)) { // the first on two batches
			report, err := loss.CheckNamed(x.row.Name, nil, s, loss.CheckOptions{Seed: 10 + seed + uint64(i)})
			if err != nil {
				x.yes("fused", false, "%v", err)
				return
			}
			for _, p := range report.Properties {
				column := map[string]string{"runs": "fused", "gradient": "gradient", "masked tokens": "masks", "masked NaN": "masks", "padding": "padding",
					"datum order": "order", "group order": "order", "chunks": "chunks"}[p.Name]
				switch {
				case column == "" || column == "chunks" && s.Aggregate == loss.TokenMeanLegacy || x.cells[column] != "" && x.cells[column] != "yes":
				default:
					x.yes(column, p.Status == loss.StatusOK, "%s, seed %d: %s", s.Aggregate, seed, p.Text)
				}
			}
		}
	}
	x.yes("fused", true, "")
}

func (x *trial) tokens() {
	l, err := loss.New(x.row.Name, nil)
	if err != nil {
		x.t.Fatal(err)
	}
	var settings []loss.Settings
	for _, a := range loss.Aggregations() {
		settings = append(settings, loss.Settings{Aggregate: loss.Aggregation(a), MaxLength: 16})
	}
	if byBatch[x.row.Name] {
		x.not("batch", "chunks")
	}
	if x.row.Name == "clip_cov" {
		x.not("drawn", "order")
	}
	if l.Detached() {
		x.not("golden", "gradient")
	}
	x.properties(settings)
	for seed := range uint64(6) {
		p := drawn(seed+100, seed%2 == 1)
		got, want := x.both(p, composedParts(x.t, l), func(b *loss.Batch) (*tensor.Tensor, error) {
			out, _, err := l.Loss(b, loss.Settings{Aggregate: loss.Sum})
			return out, err
		})
		x.same("composed", p, got, want)
		for d := range p.Len() {
			lo, hi := p.Range(d)
			span := &loss.Span{Logprobs: p.Logprobs[lo:hi], Sampling: p.SamplingLogprobs[lo:hi], Reference: p.RefLogprobs[lo:hi],
				Mask: p.Mask[lo:hi], Advantage: p.Advantage[d], Reward: p.Reward[d]}
			fast, exact := make([]float32, hi-lo), make([]float32, hi-lo)
			a, b := l.EvalSpan(span, fast), l.EvalExact(span, exact)
			x.yes("SIMD", !differs(a.Loss, b.Loss, b.Tokens), "got %v, want %v", a.Loss, b.Loss)
			for i := range exact {
				x.yes("SIMD", !differs(float64(fast[i]), float64(exact[i]), 1), "gradient %d: got %v, want %v", i, fast[i], exact[i])
			}
		}
	}
	x.threads(func(b *loss.Batch) (*tensor.Tensor, error) {
		out, _, err := l.Loss(b, loss.Settings{MaxLength: 600})
		return out, err
	})
}

// byBatch are losses that look at the whole batch.
var byBatch = map[string]bool{"clip_cov": true, "kl_cov": true, "kto": true, "bco": true, "aot": true, "aot_unpaired": true}

// third is the third answer that a loss wants in a group.
var third = map[string]string{"tpo": "gold", "tpo_l": "gold", "kto": "mismatched"}

func (x *trial) answers() {
	x.not("golden", "SIMD")
	if byBatch[x.row.Name] {
		x.not("batch", "chunks")
	}
	if l, ok := x.whole().(*loss.AnswerLoss); ok && l.Detached() {
		x.not("golden", "gradient")
	}
	x.properties([]loss.Settings{{}})
	for seed := range uint64(6) {
		p := answersDrawn(seed+100, seed%2 == 1, third[x.row.Name])
		form := composedParts(x.t, x.whole())
		got, want := x.both(p, form, func(b *loss.Batch) (*tensor.Tensor, error) {
			out, _, err := x.whole().Loss(b, loss.Settings{Denominator: 1})
			return out, err
		})
		x.same("composed", p, got, want)
	}
	x.threadsOf(longAnswers(third[x.row.Name]), func(b *loss.Batch) (*tensor.Tensor, error) {
		out, _, err := x.whole().Loss(b, loss.Settings{})
		return out, err
	})
}

// longAnswers is long in groups of two answers, or of three with the flag third.
func longAnswers(third string) *hud.Packed {
	p := long()
	size := 2
	if third != "" {
		size = 3
	}
	p = slice(p, 0, p.Len()/size*size)
	p.Reward, p.GroupIdx = slices.Clone(p.Reward), slices.Clone(p.GroupIdx)
	for d := range p.Len() {
		k := d % size
		p.Reward[d], p.GroupIdx[d] = float64(k), d/size
		extra := map[string]any{"p_win": 0.75, "v_star": 0.5, "from_reference": k == 0}
		if k == 2 {
			extra[third] = true
		}
		p.Extra = append(p.Extra, extra)
	}
	return p
}

// An outcome is a value and its gradient.
type outcome struct {
	value float64
	grad  []float32
}

// both evaluates two forms of a loss.
func (x *trial) both(p *hud.Packed, composed func(b *loss.Batch) *tensor.Tensor, fused func(b *loss.Batch) (*tensor.Tensor, error)) (got, want outcome) {
	return x.outcome(p, func(b *loss.Batch) (*tensor.Tensor, error) { return composed(b).Sum(), nil }), x.outcome(p, fused)
}

func (x *trial) outcome(p *hud.Packed, f func(b *loss.Batch) (*tensor.Tensor, error)) outcome {
	b, err := loss.NewBatch(nil, p, true)
	if err != nil {
		x.t.Fatal(err)
	}
	out, err := f(b)
	if err != nil {
		x.t.Fatalf("%s: %v", x.row.Name, err)
	}
	value, err := out.Item()
	if err != nil {
		x.t.Fatal(err)
	}
	o := outcome{value, make([]float32, p.Tokens())}
	if !out.RequiresGrad() {
		return o
	}
	if err := out.Backward(); err != nil {
		x.t.Fatal(err)
	}
	if g := b.Logprobs.Grad(); g != nil {
		copy(o.grad, g.Data())
	}
	return o
}

func (x *trial) same(column string, p *hud.Packed, got, want outcome) {
	x.yes(column, !differs(got.value, want.value, p.Tokens()), "got %v, want %v", got.value, want.value)
	for i := range want.grad {
		x.yes(column, !differs(float64(got.grad[i]), float64(want.grad[i]), p.Tokens()), "gradient %d: got %v, want %v", i, got.grad[i], want.grad[i])
	}
}

// threads compares the bits of a long batch on one core and on two.
func (x *trial) threads(f func(b *loss.Batch) (*tensor.Tensor, error)) { x.threadsOf(long(), f) }

func (x *trial) threadsOf(p *hud.Packed, f func(b *loss.Batch) (*tensor.Tensor, error)) {
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	one := x.outcome(p, f)
	runtime.GOMAXPROCS(2)
	two := x.outcome(p, f)
	x.yes("threads", one.value == two.value && slices.Equal(one.grad, two.grad), "got %v on two cores, %v on one", two.value, one.value)
}

// long is a batch of 40 000 tokens, which two cores share.
func long() *hud.Packed {
	p := &hud.Packed{Offsets: []int{0}}
	for d := range 80 {
		for i := range 500 {
			l := -1 - math.Sin(float64(d*500+i))
			p.Logprobs = append(p.Logprobs, float32(l))
			p.SamplingLogprobs = append(p.SamplingLogprobs, float32(l-math.Cos(float64(7*i+d))/4))
			p.RefLogprobs = append(p.RefLogprobs, float32(l-math.Cos(float64(3*i+d))/2))
			p.Mask = append(p.Mask, float32(min(1, i%5)))
		}
		p.Offsets = append(p.Offsets, len(p.Logprobs))
		p.Reward, p.TrajIdx, p.GroupIdx = append(p.Reward, float64(d%7)), append(p.TrajIdx, d), append(p.GroupIdx, d/4)
	}
	p.Advantage = loss.MeanOnly(loss.Rewards{Reward: p.Reward, Group: p.GroupIdx, Traj: p.TrajIdx})
	return p
}
