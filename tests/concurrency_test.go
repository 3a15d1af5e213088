package tests

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hudrl/hudrl/internal/testkit"
	"github.com/hudrl/hudrl/runtime"
)

// taught gives tiny some sharp edges: random weights answer almost uniformly.
const taught = `
local trainer = hud.TrainingClient("tiny")
local lesson = {}
for i = 1, 8 do
  lesson[i] = hud.sft{ { role = "user", content = "letter " .. i }, { role = "assistant", content = ("abc"):rep(i) } }
end
for i = 1, 5 do trainer:step(lesson, { loss_fn = "cross_entropy", learning_rate = 1e-2 }) end
`

// mixed is a taskset of one-turn tasks and of episodes with several turns and
// an opponent.
const mixed = `
local tasks = {}
for i = 1, 6 do
  tasks[i] = { prompt = "letter " .. i, grade = function(answer) return #answer + math.random() end }
end
tasks[7] = { prompt = { { role = "system", content = "be brief" }, { role = "user", content = "x" } }, grade = function(a) return #a end }
for i = 1, 3 do
  tasks[#tasks + 1] = { run = function(agent, ctx)
    local other = ctx:agent("tiny", { max_tokens = 3 })
    local said = "start " .. i
    for turn = 1, 1 + i do
      said = other:chat(agent:chat(said).text .. "?").text
    end
    return #said + math.random(), { said = said }
  end }
end
local taskset = hud.Taskset("mixed", tasks)
local agent = hud.Agent("tiny", { max_tokens = 9 })
`

// Tokens, logprobs, rewards and order are the same at any max_concurrent.
func TestSamplesDoNotDependOnConcurrency(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.lua(t, taught)
	play := func(concurrent int) []any {
		return l.lua(t, mixed+`
			local out = {}
			for _, run in ipairs(taskset:run(agent, { group = 3, max_concurrent = ..., seed = 5 }).runs) do
			  assert(run.status == "completed", run.error)
			  local r = { run.task, run.reward, run.tokens }
			  for _, s in ipairs(run.samples) do
			    r[#r + 1] = { s.prompt_token_ids, s.output_token_ids, s.output_logprobs, s.finish_reason }
			  end
			  out[#out + 1] = r
			end
			return out`, concurrent)
	}
	want := play(1)
	if n := len(want[0].([]any)); n != 30 {
		t.Fatalf("got %d runs, want 30", n)
	}
	for _, n := range []int{7, 64} {
		if got := play(n); !reflect.DeepEqual(got, want) {
			t.Errorf("max_concurrent %d: other runs than at 1", n)
		}
	}
}

// The trainer's logprob of every sampled token is the sampler's, in batches of
// 1, 7 and 64: one turn, several turns, up to the full context, right after
// steps and after set_head.
func TestTrainerAndSamplerAgree(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	out := l.lua(t, mixed+`
		local trainer = hud.TrainingClient("tiny")
		local worst, tokens, longest, merged = 0, 0, 0, 0
		local function compare(batch)
		  for _, d in ipairs(trainer:forward(batch).data) do
		    worst = math.max(worst, ((d.logprobs - d.sampling_logprobs) * d.mask):abs():max():item())
		    tokens = tokens + d.mask:sum():item()
		    longest = math.max(longest, #d.mask)
		    local turns = d.mask:narrow(1, 2, #d.mask - 1):gt(d.mask:narrow(1, 1, #d.mask - 1)):sum():item()
		    if turns > 1 then merged = merged + 1 end
		  end
		end
		local full = hud.Taskset("full", { { prompt = "on and on", grade = function(a) return #a end } })
		local function check()
		  local runs = taskset:run(agent, { group = 6 }).runs
		  for _, r in ipairs(full:run(hud.Agent("tiny", { temperature = 0.9 }), { group = 4 }).runs) do runs[#runs + 1] = r end
		  assert(#runs == 64)
		  for i, run in ipairs(runs) do compare{ run } end
		  for i = 1, #runs, 7 do compare{ unpack(runs, i, math.min(i + 6, #runs)) } end
		  compare(runs)
		  return runs
		end
		check()
		local ids = {}
		for i = 1, 3 do
		  ids[i] = trainer:step(check(), { learning_rate = 2e-2 }).checkpoint_id
		  check()
		end
		trainer:set_head(ids[1])
		check()
		return worst, tokens, longest, merged`)
	if w := out[0].(float64); !(w <= 1e-5) {
		t.Errorf("logprobs differ by %v, want at most 1e-5", w)
	}
	if out[1].(float64) < 5000 || out[2] != float64(tiny.MaxContext-1) || out[3].(float64) < 50 {
		t.Errorf("compared %v tokens, sequences up to %v, %v of several turns: want thousands, %d, and many", out[1], out[2], out[3], tiny.MaxContext-1)
	}
}

// A grader that raises and runs that time out are marked, and nothing else is.
func TestFailedRuns(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := newScript(t, l, 1)
	out := s.must(t, `
		local function fine(answer) return #answer + math.random() end
		local tasks = {
		  { name = "fine", prompt = "a", grade = fine },
		  { name = "raises", prompt = "b", grade = function() error("boom") end },
		  { name = "raises a table", prompt = "b", grade = function() error({ code = "mine" }) end },
		  { name = "no reward", prompt = "b", grade = function() return "1" end },
		  { name = "nan", prompt = "b", grade = function() return 0/0 end },
		  { name = "sleeps", prompt = "c", grade = function() hud.sleep(3600) end },
		  { name = "talks on", run = function(agent) while true do agent:chat("more") end end },
		  { name = "fine too", run = function(agent) return #agent:chat("d").text + math.random() end },
		}
		local agent = hud.Agent("tiny", { max_tokens = 4, max_steps = 3 })
		session = hud.Job.start("failures", { group = 2 })
		hud.Taskset("t", tasks):run(agent, { job = session, timeout = 3 })
		local out = {}
		for _, run in ipairs(session.runs) do
		  out[#out + 1] = { run.task, run.status, run.stop_reason or "", run.error or "", run.reward }
		end
		local kept = {}
		for i, run in ipairs(session:trainable()) do kept[i] = run.task end
		return out, kept`)
	want := map[string][3]string{ // status, stop_reason, part of the error
		"fine":           {"completed", "done|length", ""},
		"fine too":       {"completed", "done|length", ""},
		"raises":         {"error", "", "boom"},
		"raises a table": {"error", "", ""},
		"no reward":      {"error", "", "grade: reward: got string, want number"},
		"nan":            {"error", "", "reward: got NaN, want a finite number"},
		"sleeps":         {"error", "timeout", "timed out after 3s"},
		"talks on":       {"error", "max_steps", "the session has taken all of its turns"},
	}
	runs := out[0].([]any)
	if len(runs) != 16 {
		t.Fatalf("got %d runs, want 16", len(runs))
	}
	for _, r := range runs {
		r := r.([]any)
		w := want[r[0].(string)]
		reason := r[2].(string)
		if r[1] != w[0] || !strings.Contains(r[3].(string), w[2]) || (w[1] == "done|length") != (reason == "done" || reason == "length") ||
			w[1] != "done|length" && reason != w[1] || (w[0] == "error") != (r[4] == 0.0) {
			t.Errorf("got %v, want %v", r, w)
		}
	}
	if !reflect.DeepEqual(out[1], []any{"fine", "fine", "fine too", "fine too"}) {
		t.Errorf("trainable: got %v, want the two groups without a failed run", out[1])
	}

	// They can be trained on all the same, with a warning that names them, but
	// not where they timed out.
	s.must(t, `
		trainer = hud.TrainingClient("tiny")
		trainer:step(session:trainable(), { group_size = 2, learning_rate = 1e-3 })
		local batch = {}
		for i = 1, 4 do batch[i] = session.runs[i] end
		trainer:step(batch, { group_size = 2, learning_rate = 1e-3 })`)
	if w := lines(s.log.String(), "training on runs whose status is error"); len(w) != 1 || !strings.Contains(w[0], "boom") {
		t.Errorf("got warnings %q, want one that names the failed run", s.log)
	}
	_, err := s.try(t.Context(), `trainer:step(session.runs, { group_size = 2, learning_rate = 1e-3 })`)
	if err == nil || !strings.Contains(err.Error(), "timed-out runs require an explicit training reward") {
		t.Errorf("got %v, want a refusal of timed-out runs", err)
	}
}

// A grader that never waits keeps everybody else waiting, for its run's timeout
// at most, even where it catches what stops it.
func TestBusyGrader(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	out := l.lua(t, `
		local function fine() return 1 end
		local tasks = {
		  { prompt = "a", grade = fine },
		  { run = function() while true do end end },
		  { prompt = "b", grade = fine },
		  { run = function() while true do pcall(function() while true do end end) end end },
		  { prompt = "c", grade = fine },
		}
		local out = {}
		for i, run in ipairs(hud.Taskset("t", tasks):run(hud.Agent("tiny", { max_tokens = 4 }), { timeout = 1, max_concurrent = 1 }).runs) do
		  out[i] = run.status .. " " .. run.stop_reason:gsub("length", "done")
		end
		return table.concat(out, ", ")`)
	if want := "completed done, error timeout, completed done, error timeout, completed done"; out[0] != want {
		t.Errorf("got %v, want %s", out[0], want)
	}
}

// Hundreds of rollouts and tasks run in one VM.
func TestManyRollouts(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	out := l.lua(t, `
		local tasks = {}
		for i = 1, 100 do
		  tasks[i] = { prompt = "letter " .. i, grade = function(answer, run) return i, #answer end }
		end
		local agent = hud.Agent("tiny", { max_tokens = 4 })
		local runs = hud.Taskset("many", tasks):run(agent, { group = 8, max_concurrent = 800 }).runs
		for k, run in ipairs(runs) do
		  assert(run.reward == math.floor((k - 1) / 8) + 1 and run.status == "completed", run)
		end
		local list = {}
		for i = 1, 800 do list[i] = i end
		local replies = hud.map(list, function(i)
		  return hud.chat{ model = "tiny", messages = { { role = "user", content = "n " .. i } }, max_tokens = 2, seed = i }.usage.completion_tokens
		end)
		return #runs, #replies`)
	if out[0] != 800.0 || out[1] != 800.0 {
		t.Errorf("got %v runs and replies, want 800 each", out)
	}
}

// Cancelling in the middle of rollouts or of training leaves nothing behind,
// neither goroutines nor files, and VM and service go on.
func TestCancelLeavesNothing(t *testing.T) {
	for name, source := range map[string]string{
		"rollouts": `
			local tasks = {}
			for i = 1, 200 do
			  tasks[i] = { prompt = "letter " .. i, grade = function() if i == 20 then print("now") end return 1 end }
			end
			hud.Taskset("t", tasks):run(hud.Agent("tiny"), { max_concurrent = 50 })`,
		"episodes": `
			local tasks = {}
			for i = 1, 50 do
			  tasks[i] = { run = function(agent, ctx)
			    for turn = 1, 1e9 do
			      agent:chat("a") ctx:agent("tiny", { max_tokens = 2 }):chat("b")
			      if i == 20 then print("now") end
			    end
			  end }
			end
			hud.Taskset("t", tasks):run(hud.Agent("tiny", { max_tokens = 4, max_steps = 1e9 }))`,
		"tasks": `
			local list = {}
			for i = 1, 100 do list[i] = hud.spawn(function() hud.sleep(3600) end) end
			hud.spawn(function() print("now") end)
			hud.gather(list)`,
		"training": `
			local trainer, agent = hud.TrainingClient("tiny"), hud.Agent("tiny", { max_tokens = 4 })
			local tasks = { { prompt = "x", grade = function(answer) return #answer + math.random() end } }
			for step in hud.steps(1e6) do
			  local runs = hud.Taskset("t", tasks):run(agent, { group = 4 }).runs
			  trainer:step(runs, { learning_rate = 1e-4 })
			  if step == 3 then print("now") end
			end`,
	} {
		t.Run(name, func(t *testing.T) {
			testkit.NoLeaks(t)
			l := newLab(t)
			s := newScript(t, l, 1)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			chunk, err := runtime.Compile("test.lua", prelude+strings.ReplaceAll(source, `print("now")`, "cancel:now()"))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Set("cancel", &canceller{cancel}, "Now"); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			_, err = s.Run(ctx, chunk)
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v, want a cancelled run", err)
			}
			if d := time.Since(start); d > time.Minute {
				t.Errorf("it took %v to stop", d)
			}
			s.must(t, `
				local runs = hud.Taskset("t", { { prompt = "x", grade = function() return 1 end } }):run(hud.Agent("tiny", { max_tokens = 2 })).runs
				assert(runs[1].status == "completed")
				hud.TrainingClient("tiny"):step(runs, { loss_fn = "cross_entropy", learning_rate = 1e-4 })`)
		})
	}
}

// A canceller is a Go value whose method cancels a context.
type canceller struct{ cancel context.CancelFunc }

func (c *canceller) Now() { c.cancel() }

// Long work lets other tasks run, and what these do, or what ends them, is none
// of its business.
func TestTasksKeepTheirContexts(t *testing.T) {
	t.Parallel()
	s := newScript(t, nil, 1)
	out, err := s.try(t.Context(), `
		local x, y, big = tensor.rand(5000, 1200), tensor.rand(1200, 2), tensor.rand(20000000)
		local a = hud.spawn(function() return (x:exp() * 2):log():tanh():exp():log():tanh():matmul(y):sum():item() end)
		local b = hud.spawn(function() return big:exp():tanh():exp():log():sum():item() end)
		hud.sleep(0.003)
		local t = hud.now()
		while hud.now() - t < 0.15 do end
		b:cancel()
		return a:wait()`)
	if err != nil || out[0].(float64) <= 0 {
		t.Errorf("got %v, %v, want a sum", out, err)
	}
}
