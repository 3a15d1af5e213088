package loss_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// distribution is softmax(z/T) and its logarithm.
func distribution(z []float32, temperature float64) (p, lp []float64, lse float64) {
	top := math.Inf(-1)
	for _, x := range z {
		top = max(top, float64(x)/temperature)
	}
	sum := 0.0
	for _, x := range z {
		sum += math.Exp(float64(x)/temperature - top)
	}
	lse = top + math.Log(sum)
	for _, x := range z {
		l := float64(x)/temperature - lse
		lp, p = append(lp, l), append(p, math.Exp(l))
	}
	return p, lp, lse
}

// distributionLoss is the value of a loss and its derivatives with respect to
// the logprobs: torch's formulas as the table of the package has them, where 0
// log 0 is 0. z_loss's derivatives are with respect to the logits.
func distributionLoss(name string, p, lp, q, lq []float64, lse float64) (value float64, g []float64) {
	g = make([]float64, len(p))
	to := func(w float64) {
		for v := range p {
			if p[v] > 0 {
				value += w * p[v] * (lp[v] - lq[v])
				g[v] += w * p[v] * (lp[v] - lq[v] + 1)
			}
		}
	}
	from := func(w float64) {
		for v := range p {
			if q[v] > 0 {
				value += w * q[v] * (lq[v] - lp[v])
				g[v] -= w * q[v]
			}
		}
	}
	switch name {
	case "kl.exact", "kd_reverse":
		to(1)
	case "kd_forward":
		from(1)
	case "kd_sym":
		from(0.5)
		to(0.5)
	case "gkd_jsd":
		for v := range p {
			lm := math.Log((p[v] + q[v]) / 2)
			if q[v] > 0 {
				value += q[v] * (lq[v] - lm) / 2
			}
			if p[v] > 0 {
				value += p[v] * (lp[v] - lm) / 2
				g[v] = p[v] * (lp[v] - lm) / 2
			}
		}
	case "entropy_bonus":
		for v := range p {
			if p[v] > 0 {
				value += p[v] * lp[v]
				g[v] = p[v] * (lp[v] + 1)
			}
		}
	case "z_loss":
		for v := range p {
			g[v] = 2 * lse * p[v]
		}
		return lse * lse, g
	}
	sum := 0.0
	for _, x := range g {
		sum += x
	}
	for v := range g {
		g[v] -= p[v] * sum
	}
	return value, g
}

// TestDistributionVocabulary: rows long enough for the kernels keep within
// 1e-6·max(1, |x|) of float64, also where logits lie far apart, where a token
// has no probability, and where a distribution is all but one token.
func TestDistributionVocabulary(t *testing.T) {
	t.Parallel()
	const rows = 6
	for _, name := range []string{"kl.exact", "kd_reverse", "kd_forward", "kd_sym", "gkd_jsd", "entropy_bonus", "z_loss"} {
		for _, vocab := range []int{128, 1000, 5003} {
			for _, temperature := range []float64{1, 0.7} {
				t.Run(fmt.Sprintf("%s %d %v", name, vocab, temperature), func(t *testing.T) {
					t.Parallel()
					config := map[string]float64{"temperature": temperature}
					if name == "z_loss" {
						if config = nil; temperature != 1 {
							return
						}
					}
					f, err := loss.NewDistribution(name, config)
					if err != nil {
						t.Fatal(err)
					}
					r := rand.New(rand.NewPCG(uint64(vocab), 19))
					z, teacher := make([]float32, rows*vocab), make([]float32, rows*vocab)
					for i := range z {
						wide := []float64{1, 4, 30, 0.01, 1, 1}[i/vocab]
						z[i] = float32(10 + wide*r.NormFloat64())
						teacher[i] = z[i] + float32(0.5*wide*r.NormFloat64())
					}
					z[4*vocab], teacher[4*vocab] = float32(math.Inf(-1)), float32(math.Inf(-1)) // of neither
					z[5*vocab], teacher[5*vocab+1] = 200, 150                                   // each of one, not the same
					mask := []float32{1, 1, 1, 1, 1, 0.5}
					x := loss.Distributions{Logits: tensor.From(z, rows, vocab).RequireGrad(), Mask: mask}
					if f.UsesTeacher() {
						x.Teacher = tensor.From(teacher, rows, vocab)
					}
					out, _, err := f.Loss(x, loss.Settings{Aggregate: loss.Sum})
					if err != nil {
						t.Fatal(err)
					}
					if err := out.Backward(); err != nil {
						t.Fatal(err)
					}
					got, _ := out.Item()
					grad, want := x.Logits.Grad().Data(), 0.0
					for i := range rows {
						p, lp, lse := distribution(z[i*vocab:(i+1)*vocab], temperature)
						q, lq, _ := distribution(teacher[i*vocab:(i+1)*vocab], temperature)
						value, g := distributionLoss(name, p, lp, q, lq, lse)
						want += float64(mask[i]) * value
						for v := range g {
							exact := float64(mask[i]) * g[v] / temperature
							if d := math.Abs(float64(grad[i*vocab+v]) - exact); !(d <= 1e-6*math.Max(1, math.Abs(exact))) {
								t.Fatalf("row %d, token %d: got gradient %v, want %v", i, v, grad[i*vocab+v], exact)
							}
						}
					}
					if !(math.Abs(got-want) <= 1e-6*math.Max(1, math.Abs(want))) {
						t.Errorf("got %v, want %v", got, want)
					}
				})
			}
		}
	}
}

// BenchmarkDistribution is losses of logits with gradient, 256 positions over
// 4,096 tokens. Floor: 12 bytes a token of logits, teacher and gradient, and two
// exponentials.
func BenchmarkDistribution(b *testing.B) {
	const rows, vocab = 256, 4096
	r := rand.New(rand.NewPCG(20, 21))
	z, teacher := make([]float32, rows*vocab), make([]float32, rows*vocab)
	for i := range z {
		z[i] = float32(3 * r.NormFloat64())
		teacher[i] = z[i] + float32(r.NormFloat64())
	}
	x, y := tensor.From(z, rows, vocab).RequireGrad(), tensor.From(teacher, rows, vocab)
	for _, name := range []string{"kl.exact", "kd_forward", "gkd_jsd", "entropy_bonus"} {
		b.Run(name, func(b *testing.B) {
			f, err := loss.NewDistribution(name, nil)
			if err != nil {
				b.Fatal(err)
			}
			in := loss.Distributions{Logits: x}
			if f.UsesTeacher() {
				in.Teacher = y
			}
			for b.Loop() {
				if _, _, err := f.Loss(in, loss.Settings{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
