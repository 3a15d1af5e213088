-- Learning, not only sharpening: the base model gets many of these words wrong
-- even at temperature 0. The reward is the share of letters in the right
-- place; the exam counts only words that are wholly right.
local hud = require "hud"
local args = hud.args{
  model = "hudrl/mini", steps = 60, learning_rate = 4e-4, prompts = 16, group = 8, exam = 200, letters = 5,
}

local function word(r)
  local s = {}
  for i = 1, args.letters do s[i] = string.char(r:int(97, 122)) end
  return table.concat(s)
end

local function share_right(answer, wanted)
  local right = 0
  for i = 1, #wanted do
    if answer:sub(i, i) == wanted:sub(i, i) then right = right + 1 end
  end
  return #answer == #wanted and right / #wanted or 0
end

-- Held-out words start with a letter that no training word starts with.
local function words(name, count, held_out, grade)
  local r, tasks = hud.rng.stream(name), {}
  while #tasks < count do
    local w = word(r)
    if (w:byte(1) % 5 == 0) == held_out then
      local wanted = w:reverse()
      tasks[#tasks + 1] = { prompt = ("Reverse %s."):format(w), grade = function(answer) return grade(answer, wanted) end }
    end
  end
  return hud.Taskset(name, tasks)
end

local fork = hud.models.fork(args.model, "reverse")
local trainer = hud.TrainingClient(fork.model_name)
local agent = hud.Agent(fork.model_name, { max_tokens = args.letters + 3, temperature = 1 })
local exam = words("exam", args.exam, true, function(answer, wanted) return answer == wanted and 1 or 0 end)
local function accuracy() return exam:run(agent, { train = false, temperature = 0 }).reward end

local before = accuracy()
print(("greedy accuracy on held-out words: %.3f before"):format(before))
local schedule = hud.schedule.linear(args.learning_rate, 0, args.steps)
for step in hud.steps(args.steps) do
  local session = hud.Job.start("reverse", { group = args.group })
  words("step " .. step, args.prompts, false, share_right):run(agent, { job = session })
  if session:has_spread() then
    trainer:step(session.runs, { learning_rate = schedule(step), group_size = args.group })
  end
  if step % 5 == 0 then print(("step %3d  share of letters right %.3f"):format(step, session.reward)) end
end
print(("greedy accuracy on held-out words: %.3f before, %.3f after"):format(before, accuracy()))
