-- Makes a base model from random weights: cross-entropy on one-line tasks.
--
--   hudrl models create my-base --shape mini --grad-clip 500
--   hudrl run scripts/pretrain.lua --model my-base
--   hudrl models export my-base base/ --dtype bf16
--
-- Nearly half of the arithmetic answers in the text are off by a little, on
-- purpose: the model then knows the answers but says them only about half of
-- the time, which is what reinforcement learning needs to have something to
-- improve. The loss is a sum over about 600 answer tokens, so --grad-clip 500
-- acts like clipping the mean loss's gradient at about 1.
local hud = require "hud"

local args = hud.args{
  model = "", steps = 3500, batch = 128, learning_rate = 2e-3, warmup = 200,
  limit = 50,   -- largest number in a sum
  noise = 0.45, -- share of arithmetic answers that are off by a little
}
assert(args.model ~= "", "pretrain: --model is missing; make one with: hudrl models create NAME --shape mini --grad-clip 500")

local function letters(r, n)
  local s = {}
  for i = 1, n do s[i] = string.char(r:int(97, 122)) end
  return table.concat(s)
end

local function noisy(r, value)
  if r:float() >= args.noise then return value end
  local off = r:int(1, 3)
  if r:float() < 0.5 and value >= off then return value - off end
  return value + off
end

-- Each kind of task: its share of the text, and a question with its answer.
local kinds = {
  { 0.50, function(r)
    local a, b = r:int(0, args.limit), r:int(0, args.limit)
    return ("What is %d + %d?"):format(a, b), noisy(r, a + b)
  end },
  { 0.10, function(r)
    local a, b = r:int(0, args.limit), r:int(0, args.limit)
    if a < b then a, b = b, a end
    return ("What is %d - %d?"):format(a, b), noisy(r, a - b)
  end },
  { 0.05, function(r)
    local a, b = r:int(0, 9), r:int(0, 9)
    return ("What is %d * %d?"):format(a, b), noisy(r, a * b)
  end },
  { 0.18, function(r)
    local u = r:float() -- longer words are rare
    local w = letters(r, u < 0.015 and 8 or u < 0.04 and 7 or r:int(2, 6))
    return ("Reverse %s."):format(w), w:reverse()
  end },
  { 0.05, function(r)
    local d = {}
    for i = 1, r:int(2, 5) do d[i] = r:int(0, 9) end
    local shown = table.concat(d)
    table.sort(d)
    return ("Sort the digits of %s."):format(shown), table.concat(d)
  end },
  { 0.04, function(r)
    local w, c = letters(r, r:int(2, 6)), nil
    local i = r:int(1, #w)
    c = w:sub(i, i)
    local _, n = w:gsub(c, "")
    return ("How many %s in %s?"):format(c, w), n
  end },
  { 0.08, function(r)
    local pile = r:int(1, 20)
    return ("The pile has %d. Take 1, 2 or 3."):format(pile), r:int(1, math.min(3, pile))
  end },
}

local function draw(r)
  local u = r:float()
  for _, kind in ipairs(kinds) do
    u = u - kind[1]
    if u < 0 then return kind[2](r) end
  end
  return kinds[1][2](r)
end

local trainer = hud.TrainingClient(args.model)
local head = trainer:head()
local schedule = hud.schedule.cosine(args.learning_rate, args.learning_rate * 0.05, args.steps, { warmup = args.warmup })
local started = hud.now()

for step in hud.steps(args.steps, { after = head and head.step or 0 }) do
  local r, batch = hud.rng.stream("text", step), {}
  for i = 1, args.batch do
    local question, answer = draw(r)
    batch[i] = hud.sft{ { role = "user", content = question }, { role = "assistant", content = tostring(answer) } }
  end
  local result = trainer:step(batch, {
    loss_fn = "cross_entropy", learning_rate = schedule(step), weight_decay = 0.01,
  })
  if step == 1 or step % 50 == 0 or step == args.steps then
    local m = result.forward_backward.metrics
    print(("step %5d  nll %.4f  lr %.2e  grad %7.1f  %6.0f s"):format(
      step, m["loss:sum"] / m["tokens:sum"], schedule(step), trainer:head().metrics.grad_norm, hud.now() - started))
  end
end
