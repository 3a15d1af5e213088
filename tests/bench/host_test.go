package bench

import (
	"context"
	"math"
	rt "runtime"
	"slices"
	"sync"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
)

// BenchmarkVM makes a VM with every module. The time is the least of all.
func BenchmarkVM(b *testing.B) {
	b.Run("all", func(b *testing.B) {
		cfg := bindings.Default(nil)
		b.ReportAllocs()
		best := math.Inf(1)
		for b.Loop() {
			start := time.Now()
			host, err := runtime.New(cfg)
			best = min(best, float64(time.Since(start).Nanoseconds()))
			if err != nil {
				b.Fatal(err)
			}
			if err := host.Close(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(best, "ns/op")
	})
}

// A crowd is a service that answers chats when all of n wait for one, at once
// and always the same.
type crowd struct {
	*hudtest.Fake
	n      int
	full   func() // called before the answers
	answer *hud.ChatResponse

	mu      sync.Mutex
	waiting int
	gate    chan struct{}
}

func (c *crowd) Chat(ctx context.Context, req *hud.ChatRequest) (*hud.ChatResponse, error) {
	c.mu.Lock()
	gate := c.gate
	if c.waiting++; c.waiting == c.n {
		c.full()
		close(gate)
		c.waiting, c.gate = 0, make(chan struct{})
	}
	c.mu.Unlock()
	select {
	case <-gate:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	answer := *c.answer
	answer.Choices = slices.Clone(answer.Choices)
	return &answer, nil
}

// BenchmarkRollouts plays rollouts that are all under way at once, in one VM
// and with a service that costs nothing: what is left is the host's. It reports
// the least time of each, and the memory that one takes while it waits.
func BenchmarkRollouts(b *testing.B) {
	const n = 1000
	b.Run("1000", func(b *testing.B) {
		fake := hudtest.NewFake()
		answer, err := fake.Chat(b.Context(), &hud.ChatRequest{Model: hudtest.FakeModel, Messages: []hud.Message{{Role: "user", Content: "hello"}},
			MaxTokens: 8, ReturnTokenIDs: true, Logprobs: true})
		if err != nil {
			b.Fatal(err)
		}
		held := 0.0
		c := &crowd{Fake: fake, n: n, answer: answer, gate: make(chan struct{}), full: func() {}}
		host, err := runtime.New(bindings.Default(c))
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = host.Close() }()
		run := func(src string) {
			chunk, err := runtime.Compile("rollouts.lua", src)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := host.Run(b.Context(), chunk, n, hudtest.FakeModel); err != nil {
				b.Fatal(err)
			}
		}
		run(`
			local hud, n, model = require "hud", ...
			local tasks = {}
			for i = 1, n do tasks[i] = { prompt = "What is " .. i .. " + 1?", grade = function(text) return #text > 3 and 1 or 0 end } end
			local taskset, agent = hud.Taskset("sums", tasks), hud.Agent(model, { max_tokens = 8 })
			function play()
				local runs = taskset:run(agent, { max_concurrent = n }).runs
				assert(#runs == n and runs[n].status == "completed", runs[n])
			end`)
		run("play()")
		before := inUse()
		c.full = func() { held = max(held, float64(inUse())-float64(before)) }
		run("play()")
		c.full = func() {}
		best := math.Inf(1)
		for b.Loop() {
			start := time.Now()
			run("play()")
			best = min(best, float64(time.Since(start).Nanoseconds()))
		}
		b.ReportMetric(best/n, "ns/op")
		b.ReportMetric(held/n/1e3, "KB/task")
	})
}

// inUse is the memory of what lives: heap and stacks.
func inUse() uint64 {
	rt.GC()
	var m rt.MemStats
	rt.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// A probe is a module whose function tells what the process holds.
type probe struct {
	inUse      []uint64
	goroutines []int
	total      []uint64 // bytes allocated so far
}

func (p *probe) module() runtime.Module {
	return runtime.Module{Name: "probe", Open: func(vm *runtime.VM) (lua.LValue, error) {
		return vm.NewFunction(func(*lua.LState) int {
			p.inUse = append(p.inUse, inUse())
			p.goroutines = append(p.goroutines, rt.NumGoroutine())
			var m rt.MemStats
			rt.ReadMemStats(&m)
			p.total = append(p.total, m.TotalAlloc)
			return 0
		}), nil
	}}
}
