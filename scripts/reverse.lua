-- Learning, not only sharpening: the base model gets half of these words wrong
-- even at temperature 0.
local hud = require "hud"
local args = hud.args{
  model = "hudrl/nano", steps = 150, learning_rate = 2e-4, prompts = 32, group = 8, exam = 200,
  letters = 7, alphabet = 3, -- words of 7 letters, each a, b or c
}
assert(args.letters >= 1 and args.alphabet >= 2, "reverse: --letters must be 1 or more and --alphabet 2 or more")

local function word(r)
  local s = {}
  for i = 1, args.letters do s[i] = string.char(r:int(97, 96 + args.alphabet)) end
  return table.concat(s)
end

-- Whether a word is held out depends on all of its letters, so that training
-- sees every letter in every place.
local function is_held_out(w)
  local sum = 0
  for i = 1, #w do sum = sum + i * w:byte(i) end
  return sum % 7 == 0
end

local function words(name, count, held_out)
  local r, tasks = hud.rng.stream(name), {}
  while #tasks < count do
    local w = word(r)
    if is_held_out(w) == held_out then
      local wanted = w:reverse()
      tasks[#tasks + 1] = { prompt = ("Reverse %s."):format(w), grade = function(answer) return answer == wanted and 1 or 0 end }
    end
  end
  return hud.Taskset(name, tasks)
end

local fork = hud.models.fork(args.model, "reverse")
local trainer = hud.TrainingClient(fork.model_name)
local agent = hud.Agent(fork.model_name, { max_tokens = args.letters + 3, temperature = 1 })
local exam = words("exam", args.exam, true)
local function accuracy() return exam:run(agent, { train = false, temperature = 0 }).reward end

local before = accuracy()
print(("greedy accuracy on held-out words: %.3f before"):format(before))
local schedule = hud.schedule.linear(args.learning_rate, 0, args.steps)
for step in hud.steps(args.steps) do
  local session = hud.Job.start("reverse", { group = args.group })
  words("step " .. step, args.prompts, false):run(agent, { job = session })
  if session:has_spread() then
    trainer:step(session.runs, { learning_rate = schedule(step), group_size = args.group })
  end
  if step % 10 == 0 then print(("step %3d  mean reward %.3f"):format(step, session.reward)) end
end
print(("greedy accuracy on held-out words: %.3f before, %.3f after"):format(before, accuracy()))
