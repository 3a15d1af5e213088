// Package bench holds the benchmarks that are run beside a peer: run.sh here
// runs them in turn with the peers, a Python program for each file, and writes
// one table. go test runs none of them.
package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	rt "runtime"
	"runtime/metrics"
	"testing"

	lua "github.com/yuin/gopher-lua"

	tensors "github.com/hudrl/hudrl/bindings/tensor"
	"github.com/hudrl/hudrl/internal/heap"
	"github.com/hudrl/hudrl/internal/kernel"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// TestMain runs everything under the program's own policy for its garbage, and
// like the program without samples of what is allocated.
func TestMain(m *testing.M) {
	heap.Tune()
	rt.MemProfileRate = 0 // before flags are read: -memprofilerate sets it
	os.Exit(m.Run())
}

// sizes are datums × tokens each.
var sizes = [][2]int{{64, 512}, {256, 1024}, {256, 4096}, {1024, 256}}

// batch has ratios around 1, most of them within [0.8, 1.28].
func batch(datums, tokens int) *hud.Packed {
	r := rand.New(rand.NewPCG(1, 2))
	p := &hud.Packed{Offsets: []int{0}}
	for d := range datums {
		for range tokens {
			q := -r.ExpFloat64()
			p.SamplingLogprobs = append(p.SamplingLogprobs, float32(q))
			p.Logprobs = append(p.Logprobs, float32(q+0.1*r.NormFloat64()))
			p.Mask = append(p.Mask, 1)
		}
		p.Offsets = append(p.Offsets, len(p.Logprobs))
		p.TrajIdx, p.GroupIdx = append(p.TrajIdx, d), append(p.GroupIdx, d/8)
		p.Reward = append(p.Reward, float64(d%2))
		p.Advantage = append(p.Advantage, float64(d%2)-0.5)
	}
	return p
}

// script runs Lua over a batch, as tensors: lp and q packed, adv a number for
// each datum.
func script(b *testing.B, datums, tokens int, src string) {
	p := batch(datums, tokens)
	host, err := runtime.New(runtime.Config{Modules: []runtime.Module{tensors.Module(), {Name: "batch", Open: func(vm *runtime.VM) (lua.LValue, error) {
		return vm.NewFunction(func(L *lua.LState) int {
			bind := tensors.Of(vm)
			adv := make([]float32, datums)
			for d, a := range p.Advantage {
				adv[d] = float32(a)
			}
			L.Push(bind.Wrap(L, bind.Allocator().From(p.Logprobs, p.Tokens())))
			L.Push(bind.Wrap(L, bind.Allocator().From(p.SamplingLogprobs, p.Tokens())))
			L.Push(bind.Wrap(L, tensor.From(adv, datums)))
			return 3
		}), nil
	}}}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = host.Close() }()
	compile := func(src string) func() {
		c, err := runtime.Compile("bench.lua", src)
		if err != nil {
			b.Fatal(err)
		}
		return func() {
			if _, err := host.Run(context.Background(), c); err != nil {
				b.Fatal(err)
			}
		}
	}
	compile(fmt.Sprintf(`D, T = %d, %d
		base, q, advantage = require("batch")()
		adv, qs, offsets = advantage:tolist(), {}, {}
		for i = 1, D do qs[i] = q:narrow(1, (i - 1) * T + 1, T) end
		for i = 0, D do offsets[i + 1] = i * T end
		function step() %s end`, datums, tokens, src))()
	step := compile("step()")
	warm(step)
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
}

// warm runs step until the heap has its size: to touch its memory for the first
// time is what a run does once, and costs as much as a step of little.
func warm(step func()) {
	made := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(made)
	for until := made[0].Value.Uint64() + 128<<20; made[0].Value.Uint64() < until; metrics.Read(made) {
		step()
	}
}

func each(b *testing.B, prefix string, f func(b *testing.B, datums, tokens int)) {
	for _, s := range sizes {
		b.Run(fmt.Sprintf("%s%dx%d", prefix, s[0], s[1]), func(b *testing.B) { f(b, s[0], s[1]) })
	}
}

// BenchmarkLoop is a loss in Lua, one datum after another: value and gradient.
// Peer: the same loop in torch. Floor: 12 bytes in and 4 out a token, and 10
// calls from Lua a datum.
func BenchmarkLoop(b *testing.B) {
	each(b, "", func(b *testing.B, datums, tokens int) {
		script(b, datums, tokens, `
			local leaf, total = base:detach():requires_grad_(), 0
			for i = 1, D do
				local r = (leaf:narrow(1, (i - 1) * T + 1, T) - qs[i]):exp()
				local m = r:ge(0.8) * r:le(1.28)
				total = total - (r * adv[i] * m):sum() / m:sum()
			end
			total:backward()`)
	})
}

// BenchmarkPacked is the same loss in Lua on the packed batch, as plain tensor
// arithmetic. Peer: torch on a padded batch.
func BenchmarkPacked(b *testing.B) {
	each(b, "", func(b *testing.B, datums, tokens int) {
		script(b, datums, tokens, `
			local leaf = base:detach():requires_grad_()
			local r = (leaf - q):exp()
			local m = r:ge(0.8) * r:le(1.28)
			local s = (r * advantage:segment_expand(offsets) * m):segment_sum(offsets)
			local total = -(s / m:segment_sum(offsets)):sum()
			total:backward()`)
	})
}

// BenchmarkFused is losses of runtime/loss, value and gradient: that of the
// others, a clipped one, one of whole sequences and one of pairs. Peer: torch's
// loop, and torch on a padded batch. Floor: memory, which BenchmarkStream is for
// the 12 bytes in and 4 out a token; gspo and dpo write theirs behind a
// sequence's sums, from the second level cache. On a Xeon at 2.7 GHz with two
// cores that is 0.002, 0.06, 0.27 and 0.06 ms: at 256x4096 a loop of 6.5 ms, as
// torch's of dpo, cannot be beaten 40 times, nor a padded batch of 1.4 ms, as
// torch's of gspo, 8 times. Or arithmetic: on two ports for vectors of 16 tokens
// 28 instructions with the sums of the drift (0.33 ns a token), 21 without a
// gradient, 14 for a pair's sums; and 0.05 µs a datum for each pass.
func BenchmarkFused(b *testing.B) {
	for _, name := range []string{"glm_double_sided", "ppo", "gspo", "dpo"} {
		each(b, name+"-", func(b *testing.B, datums, tokens int) {
			p := batch(datums, tokens)
			if name == "dpo" {
				p.RefLogprobs = p.SamplingLogprobs
				for d := range p.GroupIdx {
					p.GroupIdx[d] = d / 2
				}
			}
			f, err := loss.AsCustom(name, nil, loss.Settings{})
			if err != nil {
				b.Fatal(err)
			}
			weights := make([]float32, p.Tokens())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f(p, weights); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkStream reads three slices and writes a fourth, each core its part: what
// memory asks of a fused loss.
func BenchmarkStream(b *testing.B) {
	each(b, "", func(b *testing.B, datums, tokens int) {
		n := datums * tokens
		x := make([][]float32, 4)
		for i := range x {
			x[i] = make([]float32, n)
			for k := range x[i] {
				x[i][k] = 1
			}
		}
		cores := kernel.Cores()
		b.SetBytes(int64(16 * n))
		for b.Loop() {
			kernel.Parallel(cores, func(i int) {
				lo, hi := i*n/cores, (i+1)*n/cores
				kernel.SelectTo(x[3][lo:hi], x[0][lo:hi], x[1][lo:hi], x[2][lo:hi])
			})
		}
	})
}

// BenchmarkExp is the exponential of a million values. Peer: torch.exp with
// out=. Floor: about 20 vector instructions for 16 values.
func BenchmarkExp(b *testing.B) {
	const n = 1 << 20
	r := rand.New(rand.NewPCG(1, 2))
	x, y := make([]float32, n), make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	b.Run("1M", func(b *testing.B) {
		for b.Loop() {
			kernel.ExpTo(y, x)
		}
	})
}

// BenchmarkTiny is ten thousand products of three elements from Lua; divide by
// as many. Peer: the same in torch.
func BenchmarkTiny(b *testing.B) {
	b.Run("10000", func(b *testing.B) {
		script(b, 1, 3, `local x, y = base, q; for _ = 1, 10000 do local _ = x * y end`)
	})
}
