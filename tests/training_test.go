package tests

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// Runs, their trace ids, and payloads made by hand of their samples train
// alike; keyed groups that arrive interleaved are brought together.
func TestOneBatchManyForms(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	out := l.lua(t, mixed+`
		local job = hud.Job.start("forms", { group = 2 })
		local runs = taskset:run(agent, { job = job }).runs
		local payloads, ids, woven = {}, {}, {}
		for i, run in ipairs(runs) do
		  payloads[i] = hud.TrajectoryPayload{ samples = run.samples, reward = run.reward }
		  ids[i] = i % 3 == 0 and run or run.trace_id
		end
		for i = 1, #runs / 2 do woven[i], woven[#runs / 2 + i] = runs[2 * i - 1], runs[2 * i] end
		for i, run in ipairs(woven) do run.extra = { place = i } end

		local forms = { runs = runs, payloads = payloads, ids = ids, woven = woven }
		for _, name in ipairs{ "runs", "payloads", "ids", "woven" } do
		  local fork = hud.models.fork("tiny", name).model_name
		  hud.TrainingClient(fork):step(forms[name], { group_size = 2, learning_rate = 1e-3 })
		end

		-- In a custom loss trajectories have the caller's order.
		hud.TrainingClient("tiny"):forward_backward_custom(woven, function(data, logprobs)
		  local loss = 0
		  for i, d in ipairs(data) do
		    assert(d.input == woven[d.traj_idx + 1] and d.extra.place == d.traj_idx + 1, "input and extra")
		    assert(d.reward == d.input.reward, "reward")
		    local partner = woven[(d.traj_idx + #woven / 2) % #woven + 1]
		    assert(math.abs(d.advantage - (d.reward - partner.reward) / 2) < 1e-12, "advantage")
		    loss = loss + (logprobs[i] * d.mask):sum()
		  end
		  return loss
		end, { group_size = 2 })
		return #runs`)
	if out[0] != 20.0 {
		t.Fatalf("got %v runs, want 20", out[0])
	}
	models, err := l.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var want string
	for _, m := range models {
		switch m.ModelName {
		case "runs", "payloads", "ids", "woven":
			got := tree(t, l.Dir(), m.ID)[0].Weights
			if want == "" {
				want = got
			}
			if got != want {
				t.Errorf("%s: other weights than from runs", m.ModelName)
			}
		}
	}
}

// The warnings have their conditions, and come once for each client.
func TestWarnings(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	list := trajectories{rand.New(rand.NewPCG(12, 12))}.payloads(4)
	for _, p := range list {
		p.Reward = 1
	}
	const spread = "no GRPO group has any reward spread"
	const drawn = "were not drawn from the policy itself"
	for _, c := range []struct {
		name, code, part string
		times            int
	}{
		{"no spread", `trainer:forward_backward(batch)`, spread, 1},
		{"twice", `trainer:forward_backward(batch) trainer:forward_backward(batch, { loss_fn = "ppo" })`, spread, 1},
		{"another client", `trainer:forward_backward(batch) hud.TrainingClient("tiny"):forward_backward(batch)`, spread, 2},
		{"forward too", `trainer:forward(batch)`, spread, 1},
		{"cross_entropy", `trainer:forward_backward(batch, { loss_fn = "cross_entropy" })`, spread, 0},
		{"dro", `trainer:forward_backward(batch, { loss_fn = "dro" })`, spread, 0},
		{"one trajectory", `trainer:forward_backward({ batch[1] })`, spread, 0},
		{"spread in one group", `batch[1].reward = 0 trainer:forward_backward(batch, { group_size = 2 })`, spread, 0},
		{"spread between groups only", `batch[1].reward, batch[2].reward = 0, 0 trainer:forward_backward(batch, { group_size = 2 })`, spread, 1},
		{"on policy", `trainer:forward_backward(rollouts(1))`, drawn, 0},
		{"another temperature", `for i = 1, 2 do trainer:forward_backward(rollouts(0.5)) end`, drawn, 1},
		{"truncated", `trainer:forward_backward(rollouts(1, 5))`, drawn, 1},
		{"another temperature, cross_entropy", `trainer:forward_backward(rollouts(0.5), { loss_fn = "cross_entropy" })`, drawn, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScript(t, l, 1)
			s.must(t, `
				local batch = ...
				local trainer = hud.TrainingClient("tiny")
				local function rollouts(temperature, top_k)
				  local tasks = { { prompt = "x", grade = function() return math.random() end } }
				  return hud.Taskset("t", tasks):run(hud.Agent("tiny", { max_tokens = 3, temperature = temperature, top_k = top_k }), { group = 4 }).runs
				end
				`+c.code, toLua(list))
			if got := lines(s.log.String(), c.part); len(got) != c.times {
				t.Errorf("got %d warnings, want %d: %s", len(got), c.times, s.log)
			}
		})
	}
}

// Results say how far the samples are from the policy, and a checkpoint what
// its step did.
func TestMetrics(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	out := l.lua(t, `
		local trainer = hud.TrainingClient("tiny")
		local function runs(temperature)
		  local tasks = { { prompt = "x", grade = function() return math.random() end } }
		  return hud.Taskset("t", tasks):run(hud.Agent("tiny", { max_tokens = 3, temperature = temperature }), { group = 4 }).runs
		end
		local old = runs(0.5)
		local first = trainer:step(old, { learning_rate = 1e-2 }).forward_backward.metrics
		trainer:step(runs(1), { learning_rate = 1e-2 })
		local late = trainer:step(old, { learning_rate = 1e-2, loss_fn = "ppo" }).forward_backward.metrics
		local head = trainer:head()
		return first, late, head.metrics, head.loss_fn, head.num_traces, head.name`)
	first, late, head := out[0].(map[string]any), out[1].(map[string]any), out[2].(map[string]any)
	if first["offpolicy_samples:sum"] != 4.0 || first["policy_lag:max"] != 0.0 || late["policy_lag:max"] != 2.0 {
		t.Errorf("provenance: got %v, then %v, want 4 off-policy samples, lag 0, then 2", first, late)
	}
	if kl := first["kl_sample_train:mean"].(float64); kl > 1e-6 || kl < -1e-6 {
		t.Errorf("on the policy that sampled: got KL %v, want about 0", kl)
	}
	for _, name := range []string{"loss:sum", "tokens:sum", "kl_sample_train:mean", "ratio:max", "clip_fraction:mean", "entropy_sampled:mean", "advantage_abs:mean", "groups_no_spread:sum"} {
		if _, ok := late[name].(float64); !ok {
			t.Errorf("a pass's metrics lack %s: %v", name, late)
		}
	}
	for _, name := range []string{"grad_norm", "update_norm", "param_norm", "reward_std", "reward_min", "reward_max", "sampling_logprob_mean"} {
		if _, ok := head[name].(float64); !ok {
			t.Errorf("a checkpoint's metrics lack %s: %v", name, head)
		}
	}
	if out[3] != "ppo" || out[4] != 4.0 || out[5] != "step-0003" {
		t.Errorf("got %v, want ppo, 4 traces, step-0003", out[3:])
	}
}

// A perfect task trained for fifty steps neither dies nor drifts: where every
// answer is right there is nothing to learn, and the guard shows it.
func TestPerfectTask(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := newScript(t, l, 1)
	out := s.must(t, `
		local trainer = hud.TrainingClient("tiny")
		local tasks = {}
		for i = 1, 2 do tasks[i] = { prompt = "x" .. i, grade = function() return 1 end } end
		local perfect, agent = hud.Taskset("perfect", tasks), hud.Agent("tiny", { max_tokens = 4 })
		local refused, guarded = 0, 0
		for step in hud.steps(50) do
		  local job = hud.Job.start("perfect", { group = 4 })
		  perfect:run(agent, { job = job })
		  if not job:has_spread() then guarded = guarded + 1 end
		  local ok, e = pcall(trainer.step, trainer, job.runs, { learning_rate = 1e-3, group_size = 4 })
		  if not ok and e.code == "no_gradient" then refused = refused + 1 end
		end
		return refused, guarded, trainer:head() == nil`)
	if out[0] != 50.0 || out[1] != 50.0 || out[2] != true {
		t.Errorf("got %v, want 50 refusals, 50 without spread, and base weights", out)
	}
	if n := len(lines(s.log.String(), "no GRPO group")); n != 1 {
		t.Errorf("got %d warnings, want one: %s", n, s.log)
	}
	// Rewards that are equal only up to rounding are no spread either:
	// 0.1 + 0.2 three times has a mean that differs from it by an ulp.
	out = s.must(t, `
		local job = hud.Taskset("t", { { prompt = "x", grade = function() return 0.1 + 0.2 end } }):run(hud.Agent("tiny", { max_tokens = 3 }), { group = 3 })
		local ok, e = pcall(function() return hud.TrainingClient("tiny"):step(job.runs, { learning_rate = 1e-3 }) end)
		return ok, e.code, tostring(e)`)
	if out[0] != false || out[1] != "no_gradient" || !strings.Contains(out[2].(string), "no accumulated gradients") {
		t.Errorf("got %v, want a refusal", out)
	}
}
