-- Supervised fine-tuning: teach a new skill from examples with cross_entropy,
-- and measure it on examples the model never saw.
local hud = require "hud"
local args = hud.args{ model = "hudrl/mini", steps = 30, batch = 32, learning_rate = 1e-3, held_out = 100 }

local function example(r) -- "Double 21." → "42."
  local n = r:int(0, 499)
  return n, hud.sft{
    { role = "user", content = ("Double %d."):format(n) },
    { role = "assistant", content = tostring(2 * n) },
  }
end

local function held_out(n) return n % 7 == 3 end

local function examples(name, count, wanted)
  local r, list = hud.rng.stream(name), {}
  while #list < count do
    local n, payload = example(r)
    if held_out(n) == wanted then list[#list + 1] = payload end
  end
  return list
end

local fork = hud.models.fork(args.model, "sft")
local trainer = hud.TrainingClient(fork.model_name)
local test = examples("test", args.held_out, true)

local function nll() -- mean negative log-likelihood of a held-out answer token, in nats
  local sum, count = 0, 0
  for _, payload in ipairs(test) do
    local d = trainer:forward{ payload }.data[1]
    sum = sum - (d.logprobs * d.mask):sum():item()
    count = count + d.mask:sum():item()
  end
  return sum / count
end

local before = nll()
print(("held-out nll %.4f before"):format(before))
local schedule = hud.schedule.cosine(args.learning_rate, args.learning_rate * 0.1, args.steps)
for step in hud.steps(args.steps) do
  local batch = examples("step " .. step, args.batch, false)
  local result = trainer:step(batch, { loss_fn = "cross_entropy", learning_rate = schedule(step), weight_decay = 0.01 })
  local m = result.forward_backward.metrics
  if step % 5 == 0 then print(("step %3d  train nll %.4f"):format(step, m["loss:sum"] / m["tokens:sum"])) end
end
local after = nll()
print(("held-out nll %.4f after, %.0f%% lower"):format(after, 100 * (1 - after / before)))
