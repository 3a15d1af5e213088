-- A loss of your own: double-sided importance sampling. Tokens whose ratio to
-- the sampling policy leaves [0.8, 1.28] are masked out; the rest is averaged
-- over the tokens that train.
local hud = require "hud"
local tensor = require "hud.tensor"
local args = hud.args{ model = "hudrl/mini", steps = 10, learning_rate = 3e-4, prompts = 8, group = 8 }

local function double_sided_is(data, logprobs)
  local sums, counts = {}, {} -- the group-mean baseline, each trajectory counted once
  local seen = {}
  for _, d in ipairs(data) do
    if not seen[d.traj_idx] then
      local g = d.group_idx or -1
      seen[d.traj_idx] = true
      sums[g], counts[g] = (sums[g] or 0) + d.reward, (counts[g] or 0) + 1
    end
  end

  local total, trained, masked = tensor.scalar(0), 0, 0
  for i, d in ipairs(data) do
    local g = d.group_idx or -1
    local advantage = d.reward - sums[g] / counts[g]
    local ratio = (logprobs[i] - d.sampling_logprobs):exp()
    local keep = d.mask * ratio:ge(0.8) * ratio:le(1.28)
    total = total - (ratio * keep):sum() * advantage
    trained = trained + keep:sum():item()
    masked = masked + (d.mask - keep):sum():item()
  end
  return total / math.max(trained, 1), { trained_tokens = trained, masked_tokens = masked }
end

local fork = hud.models.fork(args.model, "custom-loss")
local trainer = hud.TrainingClient(fork.model_name)
local agent = hud.Agent(fork.model_name, { max_tokens = 8, temperature = 1 })

for step in hud.steps(args.steps) do
  local r, tasks = hud.rng.stream("questions", step), {}
  for i = 1, args.prompts do
    local a, b = r:int(0, 50), r:int(0, 50)
    tasks[i] = {
      prompt = ("What is %d + %d?"):format(a, b),
      grade = function(answer) return answer == tostring(a + b) and 1 or 0 end,
    }
  end
  local session = hud.Job.start("sums", { group = args.group })
  hud.Taskset("sums", tasks):run(agent, { job = session })
  if session:has_spread() then
    local pass = trainer:forward_backward_custom(session.runs, double_sided_is, { group_size = args.group })
    trainer:optim_step{ learning_rate = args.learning_rate }
    print(("step %d: reward %.3f, grad norm %.3f, %d tokens trained, %d masked"):format(
      step, session.reward, trainer:head().metrics.grad_norm, pass.metrics.trained_tokens, pass.metrics.masked_tokens))
  else
    print(("step %d: reward %.3f in every rollout of each group, nothing to learn"):format(step, session.reward))
  end
end
