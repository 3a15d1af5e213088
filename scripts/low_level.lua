-- Every operation by hand: forward, a gradient of your own, backward,
-- optim_step, and going back to an earlier checkpoint with set_head.
local hud = require "hud"
local args = hud.args{ model = "hudrl/mini", learning_rate = 3e-4 }

local fork = hud.models.fork(args.model, "low-level")
local trainer = hud.TrainingClient(fork.model_name)
local agent = hud.Agent(fork.model_name, { max_tokens = 8, temperature = 1 })

local session = hud.Job.start("sums", { group = 8 })
hud.Taskset("sums", {
  { prompt = "What is 27 + 15?", grade = function(answer) return answer == "42" and 1 or 0 end },
  { prompt = "What is 8 + 9?", grade = function(answer) return answer == "17" and 1 or 0 end },
}):run(agent, { job = session })

-- One step of policy gradient: C = -sum(ratio * advantage), so that
-- -dC/dlogprob = ratio * advantage on the action tokens.
local function step(runs)
  local pass = trainer:forward(runs, { group_size = 8 })
  local weights = {}
  for i, d in ipairs(pass.data) do
    weights[i] = (d.logprobs - d.sampling_logprobs):exp() * d.mask * d.advantage
  end
  trainer:backward(pass.forward_id, weights, { metrics = { datums = #pass.data } })
  return trainer:optim_step{ learning_rate = args.learning_rate }
end

local first = step(session.runs)
local second = step(session.runs)
print(("steps %d and %d from the same eight answers a question"):format(first.step, second.step))

trainer:set_head(first.checkpoint_id)
print("head is back at " .. trainer:head().name)

local again = step(session.runs) -- from the same weights and optimizer state as the second
print(("step %d is a branch; grad norm %.6f, as in step %d: %.6f"):format(
  again.step, trainer:head().metrics.grad_norm, second.step, trainer:checkpoints()[2].metrics.grad_norm))

local names = {}
for _, c in ipairs(trainer:checkpoints()) do
  names[c.id] = c.name
  local parent = c.prev_model_checkpoint_id and names[c.prev_model_checkpoint_id] or "base weights"
  print(("%s %s from %s"):format(c.is_active and "▶" or " ", c.name, parent))
end
