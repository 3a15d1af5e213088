-- Trains a small language model to answer sums, from rewards alone, offline.
local hud = require "hud"
local args = hud.args{ steps = 40, learning_rate = 5e-4, prompts = 16, group = 8, exam = 200 }

local function questions(name, n, held_out) -- held-out sums are never trained on
  local r, tasks = hud.rng.stream(name), {}
  while #tasks < n do
    local a, b = r:int(0, 50), r:int(0, 50)
    if ((3 * a + b) % 11 == 0) == held_out then
      tasks[#tasks + 1] = {
        prompt = ("What is %d + %d?"):format(a, b),
        grade = function(answer) return answer == tostring(a + b) and 1 or 0 end,
      }
    end
  end
  return hud.Taskset(name, tasks)
end

local schedule = hud.schedule.linear(args.learning_rate, 0, args.steps)
local run, id = hud.state("quickstart", { step = 0 }), hud.rng.derive("quickstart") -- saved with every step
if run.id ~= id or run.step >= args.steps then
  run.model, run.id, run.step, run.before = hud.models.fork("hudrl/mini", "quickstart").model_name, id, 0, nil
  print("training " .. run.model .. ", a fork of hudrl/mini")
else
  print(("continuing %s at step %d of %d"):format(run.model, run.step + 1, args.steps))
end

local trainer = hud.TrainingClient(run.model)
local agent = hud.Agent(run.model, { max_tokens = 8, temperature = 1 })
local exam = questions("exam", args.exam, true)
run.before = run.before or exam:run(agent, { train = false }).reward

print("step  reward                        entropy  grad norm         KL  tokens/s  seconds")
for step in hud.steps(args.steps, { after = run.step }) do
  local started, session = hud.now(), hud.Job.start("quickstart", { group = args.group })
  local batch = questions("step " .. step, args.prompts, false):run(agent, { job = session })
  run.step = step
  if session:has_spread() then -- else every advantage is 0
    local m = trainer:step(batch.runs, { learning_rate = schedule(step), group_size = args.group }).forward_backward.metrics
    print(("%4d  %.3f  %s  %7.3f  %9.2f  %9.6f  %8.0f  %7.2f"):format(step, batch.reward, hud.plot.bar(batch.reward, 20),
      m["entropy_sampled:mean"], trainer:head().metrics.grad_norm, m["kl_sample_train:mean"],
      batch.tokens / batch.seconds, hud.now() - started))
  else print(("%4d  %.3f  nothing to learn: each question's answers are equally good"):format(step, batch.reward)) end
end

local rewards = {}
for i, checkpoint in ipairs(trainer:checkpoints()) do rewards[i] = checkpoint.mean_reward end
if #rewards > 0 then print(hud.plot.line(rewards, { title = "mean reward by step" })) end
print(("held-out accuracy: %.3f before, %.3f after"):format(run.before, exam:run(agent, { train = false }).reward))
print(("%s\nnext: hudrl chat %s 'What is 12 + 30?', or read scripts/custom_loss.lua"):format(trainer:head() or "no step was taken", run.model))
