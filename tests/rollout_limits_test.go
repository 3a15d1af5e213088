package tests

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/runtime"
)

// newSmallScript is newScript with room for few tasks.
func newSmallScript(t testing.TB, l *lab, tasks int) *script {
	t.Helper()
	s := &script{out: &bytes.Buffer{}, log: &bytes.Buffer{}}
	cfg := bindings.Default(l)
	cfg.Stdout, cfg.Limits.Tasks = s.out, tasks
	var err error
	if s.Runtime, err = runtime.New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// A taskset takes longer rather than fail when the VM has few tasks to spare.
func TestRolloutsFitIntoTheTaskLimit(t *testing.T) {
	t.Parallel()
	s := newSmallScript(t, newLab(t), 3)
	out := s.must(t, `
		local most, now = 0, 0
		local taskset = hud.Taskset("few", { { prompt = "x", grade = function()
		  now = now + 1
		  most = math.max(most, now)
		  hud.sleep(0.001)
		  now = now - 1
		  return 1
		end } })
		local agent = hud.Agent("tiny", { max_tokens = 2 })
		local a = taskset:run(agent, { group = 20, max_concurrent = 1000 })
		local b = taskset:run(agent, { group = 20 })
		return #a.runs, #b.runs, a.reward + b.reward, most`)
	if out[0] != 20.0 || out[1] != 20.0 || out[2] != 2.0 || out[3].(float64) > 3 {
		t.Errorf("got %v, want 20 and 20 completed runs, at most 3 at once", out)
	}
}

// When a rollout cannot be started, because other tasks took the last places,
// the call fails with the limit's error, and leaves nothing running.
func TestRolloutsThatCannotStartStopTheOthers(t *testing.T) {
	t.Parallel()
	s := newSmallScript(t, newLab(t), 6)
	out := s.must(t, `
		local blockers, running = {}, 0
		local taskset = hud.Taskset("blocked", { { run = function(agent, ctx)
		  running = running + 1
		  if ctx.repeat_index == 1 then -- takes the places of those that have not started
		    while running < 3 do hud.sleep(0.001) end
		    outer.fill()
		    return 1
		  end
		  hud.sleep(3600)
		end } })
		outer = { fill = function() blocking = true while not blocked do hud.sleep(0.001) end end }
		local blocker = hud.spawn(function()
		  while not blocking do hud.sleep(0.001) end
		  while pcall(function() blockers[#blockers + 1] = hud.spawn(function() hud.sleep(3600) end) end) do end
		  blocked = true
		  hud.sleep(3600)
		end)
		local ok, e = pcall(taskset.run, taskset, hud.Agent("tiny", { max_tokens = 2 }), { group = 30, max_concurrent = 3 })
		blocker:cancel()
		pcall(blocker.wait, blocker)
		local again = hud.Taskset("fine", { { prompt = "x", grade = function() return 1 end } }):run(hud.Agent("tiny", { max_tokens = 2 }), { group = 6 })
		return ok, e and e.code, tostring(e), again.reward`)
	if out[0] != false || out[1] != runtime.CodeLimit || !strings.Contains(out[2].(string), "unfinished tasks") || out[3] != 1.0 {
		t.Errorf("got %v, want the limit's error, and room again afterwards", out)
	}
}

// A cancelled task takes its rollouts, and theirs, with it.
func TestCancelReachesRollouts(t *testing.T) {
	t.Parallel()
	s := newScript(t, newLab(t), 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := s.try(ctx, `
		local alive = 0
		local agent = hud.Agent("tiny", { max_tokens = 2 })
		local inner = hud.Taskset("inner", { { prompt = "x", grade = function() alive = alive + 1 hud.sleep(3600) return 1 end } })
		local outer = hud.Taskset("outer", { { run = function() return inner:run(agent, { group = 3 }).reward end } })
		local t = hud.spawn(function() return outer:run(agent, { group = 2 }) end)
		while alive < 6 do hud.sleep(0.001) end
		t:cancel()
		local ok, e = pcall(t.wait, t)
		local _, late = pcall(hud.timeout, 0.01, function() return outer:run(agent, { group = 2 }) end)
		return ok, e.code, late.code`)
	if err != nil || out[0] != false || out[1] != runtime.CodeCanceled || out[2] != runtime.CodeTimeout {
		t.Errorf("got %v, %v", out, err)
	}
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) {
		t.Error("the host's deadline passed first")
	}
}

// Records show numbers as Lua does, and their fields in one order.
func TestRecordsReadWell(t *testing.T) {
	t.Parallel()
	s := newScript(t, newLab(t), 1)
	out := s.must(t, `
		local trainer = hud.TrainingClient("tiny")
		local function payload(reward)
		  return { samples = { { prompt_token_ids = { 65 }, output_token_ids = { 66 }, output_logprobs = { -1 } } }, reward = reward }
		end
		local shown
		local res = trainer:forward_backward_custom({ payload(0.1 + 0.2), payload(0) }, function(data, logprobs)
		  shown = tostring(data[1])
		  return logprobs[1]:sum(), { b = 1, a = 2 }
		end)
		local names = {}
		for name in pairs(res.metrics) do names[#names + 1] = name end
		local sorted = { unpack(names) }
		table.sort(sorted)
		local at = 0
		for _, name in ipairs(names) do
		  at = assert(tostring(res):find(", " .. name .. " ", at + 1, true), tostring(res))
		end
		return shown, table.concat(names, " ") == table.concat(sorted, " ")`)
	if want := "DatumTensors{positions=1, reward=0.3, advantage=0.15, traj_idx=0, group_idx=nil}"; out[0] != want || out[1] != true {
		t.Errorf("got %v, want %q and metrics in order", out, want)
	}
}
