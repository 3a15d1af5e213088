package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/hudrl/hudrl/internal/optim"
	"github.com/hudrl/hudrl/internal/policy"
	"github.com/hudrl/hudrl/internal/sampler"
)

// The models, 0.94 and 12.2 million parameters; policy.py has the same.
var (
	small  = policy.Config{Vocab: 512, Dim: 128, Layers: 4, Heads: 4, KVHeads: 4, FFN: 352, MaxContext: 512, RopeTheta: 10000, NormEps: 1e-5}
	medium = policy.Config{Vocab: 2048, Dim: 384, Layers: 6, Heads: 6, KVHeads: 6, FFN: 1024, MaxContext: 512, RopeTheta: 10000, NormEps: 1e-5}
)

func fresh(b *testing.B, c policy.Config) *policy.Model {
	m, err := policy.New(c, c.Init(1))
	if err != nil {
		b.Fatal(err)
	}
	return m
}

// BenchmarkTrain is a training step on random tokens: cross-entropy of every
// position, its gradient, AdamW and the next model. Peer: the same model and a
// GPT of the same size in torch, the faster of one and two threads. Floor: 6
// operations a parameter and token besides the embedding, and attention's, at
// the peak of both cores.
func BenchmarkTrain(b *testing.B) {
	for _, s := range []struct {
		name           string
		c              policy.Config
		datums, tokens int
		flops          float64
	}{
		{"small", small, 16, 128, 6 * (4*(4*128*128+3*128*352) + 512*128) * 16 * 128},
		{"medium", medium, 8, 256, 6 * (6*(4*384*384+3*384*1024) + 2048*384) * 8 * 256},
	} {
		b.Run(s.name, func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			var batch policy.Batch
			for range s.datums {
				ids := make([]int32, s.tokens+1)
				for i := range ids {
					ids[i] = int32(r.IntN(s.c.Vocab))
				}
				batch.Add(ids[:s.tokens], ids[1:], nil)
			}
			m := fresh(b, s.c)
			n := s.datums * s.tokens
			out, grad, state := make([]float32, n), make([]float32, len(m.Params)), optim.New(len(m.Params))
			step := func() {
				clear(grad)
				err := m.Accumulate(context.Background(), &batch, func(_ int, _, d []float32) {
					for i := range d {
						d[i] = -1 / float32(n)
					}
				}, out, grad)
				if err != nil {
					b.Fatal(err)
				}
				params := slices.Clone(m.Params)
				state.Step(params, grad, optim.Hyper{LearningRate: 1e-4, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.01}, 1)
				if m, err = policy.New(s.c, params); err != nil {
					b.Fatal(err)
				}
			}
			step()
			for b.Loop() {
				step()
			}
			seconds := b.Elapsed().Seconds() / float64(b.N)
			b.ReportMetric(float64(n)/seconds, "tokens/s")
			b.ReportMetric(s.flops/seconds/1e9, "GFLOP/s")
			b.ReportMetric(peakMB(b), "peak-MB")
		})
	}
}

// peakMB is the most memory that the process has had so far: run one benchmark
// in a process to learn its own.
func peakMB(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Maxrss) / 1e3
}

// text makes every token a letter.
type text struct{}

func (text) AppendText(dst []byte, id int32) []byte { return append(dst, byte('a'+id%26)) }

// BenchmarkSample generates 112 tokens after prompts of 16 through the sampler.
// Peer: the small model and a GPT of the same size in torch, with a KV cache.
// Floor: 3.4 MB of weights a step through the cache they fit in.
func BenchmarkSample(b *testing.B) {
	for _, n := range []int{1, 32} {
		for _, temperature := range []float64{0, 1} {
			name := map[float64]string{0: "greedy", 1: "drawn"}[temperature]
			b.Run(fmt.Sprintf("%d-%s", n, name), func(b *testing.B) {
				m := fresh(b, small)
				s := sampler.New(text{}, sampler.Options{})
				defer s.Close()
				r := rand.New(rand.NewPCG(1, 2))
				run := func() {
					var wg sync.WaitGroup
					for i := range n {
						prompt := make([]int32, 16) // a new one each time: nothing is in the prompt cache
						for j := range prompt {
							prompt[j] = int32(r.IntN(small.Vocab))
						}
						wg.Go(func() {
							res, err := s.Submit(context.Background(), sampler.Request{Model: m, Prompt: prompt, MaxTokens: 112, Temperature: temperature, TopP: 1, Seed: uint64(i), EOS: -1})
							if err != nil || len(res.Tokens) != 112 {
								b.Errorf("got %v, %v, want 112 tokens", res, err)
							}
						})
					}
					wg.Wait()
				}
				run()
				for b.Loop() {
					run()
				}
				b.ReportMetric(float64(n*112)/(b.Elapsed().Seconds()/float64(b.N)), "tokens/s")
			})
		}
	}
}
