-- The plain training loop: sample groups, step on their rewards, print.
local hud = require "hud"
local args = hud.args{ model = "hudrl/mini", steps = 10, learning_rate = 3e-4, prompts = 8, group = 8 }

local fork = hud.models.fork(args.model, "simple-train")
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
    local result = trainer:step(session.runs, { learning_rate = args.learning_rate, group_size = args.group })
    -- The loss is about 0 here, whatever is learned: each ratio is 1 and the
    -- advantages of a group add up to 0. The gradient is what to look at.
    print(("step %d: reward %.3f, loss %.4f, grad norm %.1f"):format(
      result.step, session.reward, result.forward_backward.metrics["loss:sum"], trainer:head().metrics.grad_norm))
  else
    print(("no spread in step %d (reward %.3f): nothing to learn from it"):format(step, session.reward))
  end
end
