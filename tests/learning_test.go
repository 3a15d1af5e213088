package tests

import (
	"reflect"
	"slices"
	"testing"

	"github.com/hudrl/hudrl/internal/policy"
	"github.com/hudrl/hudrl/runtime/local"
)

// teaching makes a model that knows sums up to 4 + 4 but says the answer only
// about half of the time: half of the answers in its text are off by one.
const teaching = `
local steps = ...
local trainer = hud.TrainingClient("pupil")
local rate = hud.schedule.cosine(8e-3, 2e-4, steps, { warmup = 10 })
for step in hud.steps(steps) do
  local r, batch = hud.rng.stream("text", step), {}
  for i = 1, 64 do
    local a, b = r:int(0, 4), r:int(0, 4)
    local n = a + b
    if r:float() < 0.5 then n = n + (n == 0 and 1 or r:choice{ -1, 1 }) end
    batch[i] = hud.sft{ { role = "user", content = a .. "+" .. b }, { role = "assistant", content = tostring(n) } }
  end
  trainer:step(batch, { loss_fn = "cross_entropy", learning_rate = rate(step) })
end
`

// reinforcing trains a fork from rewards alone, for upto of 40 steps. It
// returns the greedy accuracy it starts from, and the mean reward of sampled
// answers before, in every step, and after.
const reinforcing = `
local model, shuffled, upto = ...
local trainer = hud.TrainingClient(model)
local agent = hud.Agent(model, { max_tokens = 3 })

local list = {} -- all 25 sums
for k = 0, 24 do
  local a, b = math.floor(k / 5), k % 5
  list[k + 1] = { prompt = a .. "+" .. b, grade = function(answer) return answer == tostring(a + b) and 1 or 0 end }
end
local sums = hud.Taskset("sums", list)
local function exam(opts) opts.train = false return sums:run(agent, opts).reward end

local known = exam{ temperature = 0 }
local rewards = { exam{ group = 40 } }
local rate = hud.schedule.linear(1.5e-3, 0, 40)
for step in hud.steps(upto) do
  local session = hud.Job.start("sums", { group = 8 })
  local runs = sums:run(agent, { job = session }).runs
  rewards[#rewards + 1] = session.reward
  if shuffled then -- within each group
    for g = 0, 24 do
      local old = {}
      for k = 1, 8 do old[k] = runs[8 * g + k].reward end
      hud.rng.stream("shuffle", step, g):shuffle(old)
      for k = 1, 8 do runs[8 * g + k].reward = old[k] end
    end
  end
  trainer:step(runs, { learning_rate = rate(step), group_size = 8 })
end
rewards[#rewards + 1] = exam{ group = 40 }
return known, rewards
`

// pupil is the shape of a model that can learn.
var pupil = policy.Config{
	Vocab: 264, Dim: 64, Layers: 2, Heads: 2, KVHeads: 2, FFN: 128, MaxContext: 64, RopeTheta: 10000, NormEps: 1e-5, Tied: true,
}

// A policy learns: sums from examples, then from rewards alone. Rewards
// shuffled within their groups teach nothing, and the same seed gives the same
// numbers to the last digit.
func TestLearning(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	m, err := l.Create(t.Context(), local.CreateOptions{Name: "pupil", Config: &pupil, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	l.lua(t, teaching, 350)

	learn := func(name string, shuffled bool, upto int) (known float64, rewards []float32, metrics []map[string]float64) {
		fork, err := l.Fork(t.Context(), m.ID, name)
		if err != nil {
			t.Fatal(err)
		}
		out := newScript(t, l, 4).must(t, reinforcing, name, shuffled, upto)
		for _, c := range tree(t, l.Dir(), fork.ID) {
			metrics = append(metrics, c.Metrics)
		}
		return out[0].(float64), numbers(t, out[1]), metrics
	}
	rise := func(rewards []float32) float32 { return rewards[len(rewards)-1] - rewards[0] }

	known, rewards, metrics := learn("trained", false, 40)
	if known < 0.85 {
		t.Errorf("taught sums: got greedy accuracy %v, want at least 0.85", known)
	}
	if r := rise(rewards); r < 0.08 {
		t.Errorf("trained on rewards: got a rise of %v, want at least 0.08: %v", r, rewards)
	}
	if _, rewards, _ := learn("control", true, 20); rise(rewards) > 0.05 {
		t.Errorf("trained on shuffled rewards: got a rise of %v, want about none: %v", rise(rewards), rewards)
	}
	_, again, same := learn("again", false, 5)
	if !slices.Equal(again[:6], rewards[:6]) || !reflect.DeepEqual(same, metrics[:5]) {
		t.Errorf("the same seed: got rewards %v, then %v\nmetrics %v, then %v", rewards[:6], again[:6], metrics[:5], same)
	}
}
