package policy_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/internal/kernel"
	"github.com/hudrl/hudrl/internal/policy"
)

// decoded scores a sequence through a cache, fed in pieces of the given sizes
// (the last size repeats), beside n−1 other sequences.
func decoded(t *testing.T, m *policy.Model, tokens, targets []int32, others int, sizes ...int) []float32 {
	t.Helper()
	v := m.Config.Vocab
	rng := rand.New(rand.NewPCG(9, uint64(others)))
	caches := make([]*policy.Cache, others+1)
	for i := range caches {
		caches[i] = m.NewCache()
		defer caches[i].Release()
	}
	out := make([]float32, 0, len(tokens))
	for step := 0; len(out) < len(tokens); step++ {
		at := len(out)
		n := min(sizes[min(step, len(sizes)-1)], len(tokens)-at)
		feed := make([][]int32, len(caches))
		for i := range feed {
			feed[i] = []int32{int32(rng.IntN(v))}
		}
		mine := others / 2
		feed[mine] = tokens[at : at+n]
		logits := make([]float32, len(caches)*v)
		if err := m.Extend(caches, feed, logits); err != nil {
			t.Fatal(err)
		}
		// Extend gives the last position's logits alone.
		for range n - 1 {
			out = append(out, 0)
		}
		row := logits[mine*v:][:v]
		out = append(out, row[targets[at+n-1]]-kernel.LogSumExp(row))
	}
	return out
}

// Decoding against a cache gives the trainer's bits: token by token or after a
// prefill, alone or in a batch, up to a full context.
func TestExtendMatchesLogprobs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		config policy.Config
		length int
		others int
		sizes  []int
	}{
		{"alone", small, 70, 0, []int{1}},
		{"after a prefill", small, 70, 0, []int{33, 1}},
		{"in a batch of 7", small, 70, 6, []int{33, 1}},
		{"in a batch of 64", small, 40, 63, []int{20, 1}},
		{"long", small, 390, 2, []int{250, 1}},
		{"mini at full context", policy.Mini, 512, 0, []int{500, 1}},
		{"nano in pieces", policy.Nano, 60, 3, []int{22, 4, 30, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := model(t, c.config, 8)
			b := batch(t, c.config, 7, c.length, 3, c.length/2)
			want := make([]float32, len(b.Tokens))
			if err := m.Logprobs(context.Background(), b, want); err != nil {
				t.Fatal(err)
			}
			got := decoded(t, m, b.Tokens[:c.length], b.Targets[:c.length], c.others, c.sizes...)
			for i, lp := range got {
				if lp != 0 && lp != want[i] {
					t.Fatalf("position %d: got %v, want %v (off by %g)", i, lp, want[i], lp-want[i])
				}
			}
		})
	}
}

func TestForkSharesAndDiverges(t *testing.T) {
	t.Parallel()
	m := model(t, small, 1)
	v := small.Vocab
	rng := rand.New(rand.NewPCG(3, 3))
	prompt := make([]int32, 75)
	for i := range prompt {
		prompt[i] = int32(rng.IntN(v))
	}
	root := m.NewCache()
	logits := make([]float32, 3*v)
	if err := m.Extend([]*policy.Cache{root}, [][]int32{prompt}, logits[:v]); err != nil {
		t.Fatal(err)
	}
	left, right := root.Fork(), root.Fork()
	root.Release()
	run := func(c *policy.Cache, tail []int32) []float32 {
		out := make([]float32, v)
		for _, id := range tail {
			if err := m.Extend([]*policy.Cache{c}, [][]int32{{id}}, out); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	tails := [][]int32{make([]int32, 40), make([]int32, 40)}
	for i := range 40 {
		tails[0][i], tails[1][i] = int32(i%v), int32((i*7+3)%v)
	}
	var got [2][]float32
	got[0] = run(left, tails[0])
	got[1] = run(right, tails[1])
	for i, tail := range tails {
		c := m.NewCache()
		want := make([]float32, v)
		if err := m.Extend([]*policy.Cache{c}, [][]int32{append(slices.Clone(prompt), tail...)}, want); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got[i], want) {
			t.Errorf("fork %d differs from a cache of its own", i)
		}
		if c.Len() != 115 {
			t.Errorf("length: got %d, want 115", c.Len())
		}
	}
}

func TestExtendRefuses(t *testing.T) {
	t.Parallel()
	m, other := model(t, small, 1), model(t, small, 2)
	for _, c := range []struct {
		want   string
		cache  *policy.Cache
		tokens []int32
		logits int
	}{
		{"another model", other.NewCache(), []int32{1}, small.Vocab},
		{"no tokens", m.NewCache(), nil, small.Vocab},
		{"longer than the model's context", m.NewCache(), make([]int32, small.MaxContext+1), small.Vocab},
		{"outside the vocabulary: got 37, want 0 to 36", m.NewCache(), []int32{37}, small.Vocab},
		{"lengths differ", m.NewCache(), []int32{1}, 3},
	} {
		err := m.Extend([]*policy.Cache{c.cache}, [][]int32{c.tokens}, make([]float32, c.logits))
		if err == nil || !strings.Contains(err.Error(), c.want) || c.cache.Len() != 0 {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, n := range []int{1, 32, 128} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m, err := policy.New(policy.Mini, policy.Mini.Init(1))
			if err != nil {
				b.Fatal(err)
			}
			caches, feed := make([]*policy.Cache, n), make([][]int32, n)
			prompt := make([]int32, 22)
			logits := make([]float32, n*policy.Mini.Vocab)
			fill := func() {
				for i := range caches {
					if caches[i] != nil {
						caches[i].Release()
					}
					caches[i], feed[i] = m.NewCache(), prompt
				}
				if err := m.Extend(caches, feed, logits); err != nil {
					b.Fatal(err)
				}
				for i := range feed {
					feed[i] = prompt[:1]
				}
			}
			fill()
			steps := 0
			for b.Loop() {
				if steps++; steps%100 == 0 {
					b.StopTimer()
					fill()
					b.StartTimer()
				}
				if err := m.Extend(caches, feed, logits); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}
