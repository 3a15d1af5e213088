-- The two losses that HUD documents for forward_backward_custom, in Lua.
-- hudrl run --service URL losses.lua ORDER trains a model with one of them as
-- ORDER, a JSON object, says and prints every gradient as JSON.
local hud = require "hud"
local tensor = require "hud.tensor"
local order = hud.json.decode((...))

local losses = {}

-- The reference page's: importance-weighted, on raw rewards.
function losses.page(data, logprobs)
  local loss = tensor.scalar(0)
  for i, d in ipairs(data) do
    local ratio = (logprobs[i] - d.sampling_logprobs):exp()
    loss = loss - (ratio * d.reward * d.mask):sum()
  end
  return loss, { trained = #data }
end

-- The cookbook's: tokens whose ratio leaves [0.8, 1.28] have no gradient, and
-- the others are averaged. Its baseline counts every datum of a group.
function losses.glm(data, logprobs)
  local sums, counts = {}, {}
  for _, d in ipairs(data) do
    local g = d.group_idx or -1
    sums[g], counts[g] = (sums[g] or 0) + d.reward, (counts[g] or 0) + 1
  end
  local total, trained, masked = tensor.scalar(0), tensor.scalar(0), 0
  for i, d in ipairs(data) do
    local g = d.group_idx or -1
    local ratio = (logprobs[i] - d.sampling_logprobs):exp()
    local keep = d.mask * (ratio:ge(1 - 0.2) * ratio:le(1 + 0.28))
    total = total - (ratio * (d.reward - sums[g] / counts[g]) * keep):sum()
    trained = trained + keep:sum()
    masked = masked + (d.mask:sum() - keep:sum()):item()
  end
  return total / trained:clamp{ min = 1 }, { trained_tokens = trained:item(), masked_tokens = masked }
end

local trainer = hud.TrainingClient(order.model)
local steps = {}
for i, batch in ipairs(order.batches) do
  local packed -- one leaf behind the logprobs of all datums
  local pass = trainer:forward_backward_custom(batch, function(data, logprobs)
    packed = data.packed
    return losses[order.loss](data, logprobs)
  end, { group_size = order.group_size })
  trainer:optim_step{ learning_rate = order.learning_rate }
  steps[i] = {
    offsets = packed.offsets, gradients = packed.logprobs.grad:tolist(), logprobs = packed.logprobs:detach():tolist(),
    metrics = pass.metrics, grad_norm = trainer:head().metrics.grad_norm,
  }
end
print(hud.json.encode(steps))
