package policy_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hudrl/hudrl/internal/policy"
)

// small has every feature a shape can have: grouped queries, an odd FFN, an
// untied head.
var small = policy.Config{Vocab: 37, Dim: 24, Layers: 3, Heads: 6, KVHeads: 2, FFN: 29, MaxContext: 400, RopeTheta: 1000, NormEps: 1e-5}

func tied(c policy.Config) policy.Config {
	c.Tied = true
	return c
}

// weights are larger than Init's, so that attention and activations leave
// their linear range.
func weights(c policy.Config, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	p := c.Init(seed)
	for _, t := range c.Tensors() {
		w := t.In(p)
		for i := range w {
			if len(t.Shape) > 1 {
				w[i] *= 6
			}
			w[i] += float32(rng.NormFloat64()) * 0.05
		}
	}
	return p
}

func model(t testing.TB, c policy.Config, seed uint64) *policy.Model {
	t.Helper()
	m, err := policy.New(c, weights(c, seed))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// batch draws datums of the given lengths; every third repeats the beginning
// of its predecessor.
func batch(t testing.TB, c policy.Config, seed uint64, lengths ...int) *policy.Batch {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 2))
	b := new(policy.Batch)
	var last []int32
	for d, n := range lengths {
		s := make([]int32, n+1)
		for i := range s {
			s[i] = int32(rng.IntN(c.Vocab))
		}
		if d%3 != 0 {
			copy(s[:n*2/3], last)
		}
		last = s
		b.Add(s[:n], s[1:], nil)
	}
	if err := c.Check(b); err != nil {
		t.Fatal(err)
	}
	return b
}

func coefficients(seed uint64, n int) []float32 {
	rng := rand.New(rand.NewPCG(seed, 3))
	c := make([]float32, n)
	for i := range c {
		c[i] = float32(rng.NormFloat64())
	}
	return c
}

func widen(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// run is Accumulate with given coefficients.
func run(t testing.TB, m *policy.Model, b *policy.Batch, coef []float32) (logprobs, grad []float32) {
	t.Helper()
	logprobs, grad = make([]float32, len(b.Tokens)), make([]float32, len(m.Params))
	err := m.Accumulate(context.Background(), b, func(d int, _, dlp []float32) {
		copy(dlp, coef[b.Offsets[d]:b.Offsets[d+1]])
	}, logprobs, grad)
	if err != nil {
		t.Fatal(err)
	}
	return logprobs, grad
}

// The analytic gradient in float64 against central differences, on random
// parameters of every tensor. The step is a Richardson pair (4·d(h)−d(2h))/3,
// whose error is of order h⁴.
func TestReferenceGradientMatchesFiniteDifferences(t *testing.T) {
	t.Parallel()
	for _, c := range []policy.Config{small, tied(small)} {
		t.Run(fmt.Sprintf("tied=%v", c.Tied), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(11, 0))
			b := batch(t, c, 5, 13)
			params, coef := widen(weights(c, 5)), widen(coefficients(5, 13))
			grad := make([]float64, len(params))
			policy.ReferenceGradient(c, params, b.Tokens, b.Targets, coef, grad)
			cost := func() (s float64) {
				for t, lp := range policy.ReferenceLogprobs(c, params, b.Tokens, b.Targets) {
					s += coef[t] * lp
				}
				return s
			}
			slope := func(i int, h float64) float64 {
				was := params[i]
				params[i] = was + h
				up := cost()
				params[i] = was - h
				down := cost()
				params[i] = was
				return (up - down) / (2 * h)
			}
			checked := 0
			for _, tensor := range c.Tensors() {
				for range 10 {
					i := tensor.Offset + rng.IntN(tensor.Len())
					if tensor.Name == "model.embed_tokens.weight" && !c.Tied {
						i = tensor.Offset + int(b.Tokens[rng.IntN(len(b.Tokens))])*c.Dim + rng.IntN(c.Dim)
					}
					const h = 2e-4
					want := (4*slope(i, h) - slope(i, 2*h)) / 3
					if diff := math.Abs(grad[i] - want); diff > 1e-5*math.Abs(want)+1e-9 {
						t.Errorf("%s, parameter %d: got %.12g, want %.12g", tensor.Name, i, grad[i], want)
					}
					checked++
				}
			}
			if checked < 200 {
				t.Errorf("checked %d parameters, want at least 200", checked)
			}
		})
	}
}

// The fast path in float32 against the reference in float64: logprobs within
// 2e-5, gradients within 2e-5 of each tensor's largest entry.
func TestFastMatchesReference(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		config  policy.Config
		lengths []int
		need    bool
	}{
		{"one token", small, []int{1}, false},
		{"ragged", small, []int{5, 19, 1, 33, 12, 7, 40}, false},
		{"tied", tied(small), []int{9, 31, 30, 2}, false},
		{"needed positions only", tied(small), []int{9, 31, 30, 2, 17, 17}, true},
		{"several chunks", tied(small), slices.Repeat([]int{23, 48, 31, 8}, 14), true},
		{"blocks of queries and keys", small, []int{330, 300}, false},
		{"mini", policy.Mini, []int{26, 28, 31, 70}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := model(t, c.config, 3)
			b := batch(t, c.config, 4, c.lengths...)
			coef := coefficients(6, len(b.Tokens))
			if c.need {
				b.Need = make([]bool, len(b.Tokens))
				for i := range b.Need {
					b.Need[i] = i%5 > 2
				}
			}
			gotLP, got := run(t, m, b, coef)

			params, want := widen(m.Params), make([]float64, len(m.Params))
			wide := widen(coef)
			for i := range wide {
				if b.Need != nil && !b.Need[i] {
					wide[i] = 0
				}
			}
			for d := range b.Len() {
				lo, hi := b.Offsets[d], b.Offsets[d+1]
				lps := policy.ReferenceGradient(c.config, params, b.Tokens[lo:hi], b.Targets[lo:hi], wide[lo:hi], want)
				for i, lp := range lps {
					if b.Need != nil && !b.Need[lo+i] {
						lp = 0
					}
					if g := float64(gotLP[lo+i]); math.Abs(g-lp) > 2e-5 {
						t.Errorf("datum %d, position %d: logprob %v, want %v", d, i, g, lp)
					}
				}
			}
			for _, tensor := range c.config.Tensors() {
				var worst, top float64
				for i := tensor.Offset; i < tensor.Offset+tensor.Len(); i++ {
					worst = max(worst, math.Abs(float64(got[i])-want[i]))
					top = max(top, math.Abs(want[i]))
				}
				if !(worst <= 2e-5*top) {
					t.Errorf("%s: gradient off by %.3g, largest entry %.3g", tensor.Name, worst, top)
				}
			}
		})
	}
}
