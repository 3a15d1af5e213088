package bench

import (
	"testing"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/internal/policy"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/local"
)

// stepsScript trains as the quickstart does, on as little as there is.
const stepsScript = `
	local hud, probe = require "hud", require "probe"
	local warm, steps = ...
	local trainer, agent = hud.TrainingClient("tiny"), hud.Agent("tiny", { max_tokens = 2 })
	local function task(prompt)
		local graded = 0
		return { prompt = prompt, grade = function() graded = graded + 1 return graded % 2 end }
	end
	local taskset = hud.Taskset("n", { task "a", task "b" })
	for step in hud.steps(warm + steps) do
		local session = hud.Job.start("soak", { group = 2 })
		local batch = taskset:run(agent, { job = session })
		assert(session:has_spread())
		trainer:step(batch.runs, { learning_rate = 1e-3, group_size = 2 })
		if step == warm or step == warm + steps then probe() end
	end
	assert(trainer:head().step == warm + steps)`

// soak trains for warm steps and then for steps more, and gives what the probe
// saw before and after those.
func soak(t testing.TB, warm, steps int) *probe {
	svc, err := local.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = svc.Close() }()
	shape := policy.Config{Vocab: 264, Dim: 16, Layers: 1, Heads: 1, KVHeads: 1, FFN: 16, MaxContext: 64, RopeTheta: 10000, NormEps: 1e-5, Tied: true}
	if _, err := svc.Create(t.Context(), local.CreateOptions{Name: "tiny", Config: &shape, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	p := &probe{}
	cfg := bindings.Default(svc)
	cfg.Modules = append(cfg.Modules, p.module())
	host, err := runtime.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = host.Close() }()
	chunk, err := runtime.Compile("steps.lua", stepsScript)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := host.Run(t.Context(), chunk, warm, steps); err != nil {
		t.Fatal(err)
	}
	return p
}

// BenchmarkSteps is a long run: rollouts, training and checkpoints with the
// embedded service. It reports what a step allocates, and what is still there
// afterwards. Ten thousand steps take some minutes:
//
//	go test -run '^$' -bench Steps -benchtime 10000x ./tests/bench
func BenchmarkSteps(b *testing.B) {
	b.Run("tiny", func(b *testing.B) {
		p := soak(b, 200, b.N)
		b.ReportMetric(float64(p.total[1]-p.total[0])/float64(b.N)/1e3, "KB/step")
		b.ReportMetric((float64(p.inUse[1])-float64(p.inUse[0]))/float64(b.N)/1e3, "kept-KB/step")
		b.ReportMetric(float64(p.goroutines[1]-p.goroutines[0]), "goroutines")
	})
}

// A long run keeps next to nothing of a step: 300 of them show it.
func TestStepsLeaveNothing(t *testing.T) {
	const warm, steps = 60, 240
	p := soak(t, warm, steps)
	if grown := p.goroutines[1] - p.goroutines[0]; grown > 0 {
		t.Errorf("%d goroutines more after %d steps", grown, steps)
	}
	if kept := (float64(p.inUse[1]) - float64(p.inUse[0])) / steps; kept > 4e3 {
		t.Errorf("%.0f bytes kept of each of %d steps, want at most 4,000", kept, steps)
	}
	t.Logf("%.0f bytes kept and %.0f allocated a step", (float64(p.inUse[1])-float64(p.inUse[0]))/steps, float64(p.total[1]-p.total[0])/steps)
}
