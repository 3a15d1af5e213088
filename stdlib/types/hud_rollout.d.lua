---@meta _

---@class (partial) hud
local hud = {}

-- Rollouts -------------------------------------------------------------------

---@class hud.Message
---@field role "system"|"user"|"assistant"|"tool"
---@field content string

---@class hud.Agent
---@field model string
local Agent = {}

---@class hud.AgentOptions
---@field system_prompt string?
---@field max_steps integer? turns a run may take; default 10
---@field max_tokens integer? per turn; default up to the model's context
---@field temperature number? default 1
---@field top_p number?
---@field top_k integer?
---@field min_p number?
---@field stop string|string[]?
---@field seed integer?
---@field checkpoint string? sample this checkpoint instead of the head
---@field completion_kwargs table? request fields by name

---Says which model answers, and how it is sampled. Token ids are always captured.
---
---    > hud.Agent("tiny", { max_tokens = 4, temperature = 0.7 }).model
---    "tiny"
---    > hud.Agent("tiny", { temprature = 0.7 })
---    error: stdin:1: Agent: unknown option "temprature" (did you mean "temperature"?)
---@param model string
---@param opts? hud.AgentOptions
---@return hud.Agent
function hud.Agent(model, opts) end

---The same function as hud.Agent.
---
---    > hud.create_agent("tiny").model
---    "tiny"
---@param model string
---@param opts? hud.AgentOptions
---@return hud.Agent
function hud.create_agent(model, opts) end

---A conversation. Continuation is token by token: a turn's prompt extends the
---turn before it.
---@class hud.Session
---@field samples hud.TrajectorySample[]
---@field messages hud.Message[]
local Session = {}

---@class hud.Reply
---@field text string
---@field message hud.Message
---@field finish_reason string
---@field sample hud.TrajectorySample?
---@field usage { prompt_tokens: integer, completion_tokens: integer }

---Sends text, a message or messages, and returns the answer.
---
---    > taskset = hud.Taskset("t", { { run = function(agent) print(#agent:chat("hi").sample.output_token_ids) return 1 end } })
---    > _ = taskset:run(hud.Agent("tiny", { max_tokens = 4 }))
---    …
---@param messages string|hud.Message|hud.Message[]
---@return hud.Reply
function Session:chat(messages) end

---What an episode knows of its run.
---@class hud.RunContext
---@field task string
---@field index integer position of the task
---@field repeat_index integer position in the group
---@field step integer
---@field seed integer for the episode's own randomness
---@field run hud.Run
local RunContext = {}

---Opens another session, an opponent or a judge; its samples are not the run's.
---
---    > judge = function(agent, ctx) print(#ctx:agent("tiny", { max_tokens = 2 }):chat("hi").sample.output_token_ids, #agent.samples) return 1 end
---    > taskset = hud.Taskset("t", { { run = judge } })
---    > _ = taskset:run(hud.Agent("tiny"))
---    …	0
---@param model_or_agent string|hud.Agent
---@param opts? hud.AgentOptions
---@return hud.Session
function RunContext:agent(model_or_agent, opts) end

---The record of one rollout.
---@class hud.Run
---@field reward number
---@field group_id string
---@field trace_id string
---@field task string
---@field samples hud.TrajectorySample[]
---@field status "completed"|"error"|"cancelled"
---@field stop_reason "done"|"length"|"max_steps"|"timeout"|nil
---@field error string?
---@field messages hud.Message[]
---@field info any what the grader or the episode returned beside the reward
---@field extra table? carried to a custom loss
---@field tokens integer
---@field seconds number

---@class hud.Task
---@field name string?
---@field prompt string|hud.Message[]|nil with grade
---@field grade nil|fun(answer: string, run: hud.Run): number, any reward, and info
---@field run nil|fun(agent: hud.Session, ctx: hud.RunContext): number, any instead of prompt and grade

---@class hud.Taskset
---@field name string
---@field tasks hud.Task[]
local Taskset = {}

---Tasks under a name.
---
---    > #hud.Taskset("sums", { { prompt = "1+1?", grade = function(answer) return answer == "2" and 1 or 0 end } }).tasks
---    1
---@param name string
---@param tasks hud.Task[]
---@return hud.Taskset
function hud.Taskset(name, tasks) end

---Runs each task `group` times, concurrently. The order of the runs is by task,
---then by repeat. With `job` the runs are appended to it; the returned job
---holds those of this call. `train = false` is an evaluation.
---
---    > tasks = hud.Taskset("sums", { { prompt = "1+1?", grade = function(answer) return #answer % 2 end } })
---    > agent = hud.Agent("tiny", { max_tokens = 4 })
---    > #tasks:run(agent, { group = 4 }).runs
---    4
---@param agent hud.Agent
---@param opts? { job: hud.Job?, group: integer?, max_concurrent: integer?, timeout: number?, seed: integer?, train: boolean?, temperature: number? }
---@return hud.Job
function Taskset:run(agent, opts) end

---@class hud.Job
---@field id string
---@field name string
---@field group integer
---@field runs hud.Run[]
---@field reward number mean over the runs
---@field tokens integer sampled
---@field seconds number spent rolling out
hud.Job = {}

---A job to collect runs in.
---
---    > job = hud.Job.start("arith", { group = 4 })
---    > job.name, job.group, #job.runs
---    "arith"	4	0
---@param name string
---@param opts? { group: integer? } runs per task, default 1
---@return hud.Job
function hud.Job.start(name, opts) end

---Whether some group's rewards differ; without that there is nothing to learn.
---
---    > tasks = hud.Taskset("t", { { prompt = "x", grade = function() return 1 end } })
---    > tasks:run(hud.Agent("tiny", { max_tokens = 2 }), { group = 2 }):has_spread()
---    false
---@return boolean
function hud.Job:has_spread() end

---The runs of the groups without a failed run; nil and the reason when none is left.
---
---    > tasks = hud.Taskset("sums", { { prompt = "1+1?", grade = function(answer) return #answer % 2 end } })
---    > agent = hud.Agent("tiny", { max_tokens = 4 })
---    > #tasks:run(agent, { group = 4 }):trainable()
---    4
---@return hud.Run[]?
---@return string? reason
function hud.Job:trainable() end

---The raw gateway call.
---
---    > reply = hud.chat{ model = "tiny", messages = { { role = "user", content = "hi" } }, max_tokens = 4 }
---    > reply.model, #reply.choices
---    "tiny"	1
---@param request { model: string, messages: hud.Message[], max_tokens: integer?, temperature: number?, top_p: number?, top_k: integer?, min_p: number?, stop: string|string[]?, seed: integer?, n: integer?, logprobs_mode: "raw"|"processed"|nil, return_token_ids: boolean?, prompt_token_ids: integer[]?, continuation_from: integer?, checkpoint: string?, trace_id: string? }
---@return { text: string, sample: hud.TrajectorySample?, finish_reason: string, usage: table, model: string, choices: table[] }
function hud.chat(request) end

---@class hud.Tokenizer
local Tokenizer = {}

---The tokenizer of a model.
---
---    > hud.tokenizer("tiny"):encode("hi")
---    {104, 105}
---@param model? string
---@return hud.Tokenizer
function hud.tokenizer(model) end

---The token ids of a text.
---
---    > hud.tokenizer("tiny"):encode("hi")
---    {104, 105}
---@param text string
---@return integer[] ids 0-based
function Tokenizer:encode(text) end

---The text of token ids.
---
---    > tokenizer = hud.tokenizer("tiny")
---    > tokenizer:decode(tokenizer:encode("hi"))
---    "hi"
---@param ids integer[]
---@return string
function Tokenizer:decode(ids) end

---The prompt ids of messages, exactly as chat makes them.
---
---    > ids = hud.tokenizer("tiny"):render({ { role = "user", content = "hi" } }, { add_generation_prompt = true })
---    > hud.tokenizer("tiny"):decode(ids)
---    "hi"
---@param messages hud.Message[]
---@param opts? { add_generation_prompt: boolean? } default false
---@return integer[]
function Tokenizer:render(messages, opts) end

-- Tasks, time and state ------------------------------------------------------

---@class task
local task = {}

---Waits for the task and returns what its function returned; raises its error.
---
---    > t = hud.spawn(function() return "done", 2 end); print(t:wait())
---    done	2
---@return any ...
function task:wait() end

---Stops the task; waiting for it then raises.
---
---    > t = hud.spawn(hud.sleep, 60); t:cancel(); print(pcall(t.wait, t))
---    false	task: it was cancelled
function task:cancel() end

---Starts fn(...) as a task. Tasks take turns: others run whenever one waits.
---
---    > t = hud.spawn(function(a, b) return a + b end, 1, 2); print(t:wait())
---    3
---@param fn function
---@param ... any
---@return task
function hud.spawn(fn, ...) end

---Runs functions (or waits for tasks) and returns their first results in order.
---
---    > all = hud.gather{ function() return 1 end, hud.spawn(function() return 2 end) }
---    > all[1], all[2]
---    1	2
---@param list (function|task)[]
---@return any[]
function hud.gather(list) end

---Calls fn(item, index) for each element, concurrently; results in order.
---
---    > hud.map({ 1, 2, 3 }, function(x) return x * x end, { concurrency = 2 })
---    {1, 4, 9}
---@param list any[]
---@param fn function
---@param opts? { concurrency: integer? }
---@return any[]
function hud.map(list, fn, opts) end

---Waits; other tasks run meanwhile.
---
---    > hud.sleep(0.001)
---@param seconds number
function hud.sleep(seconds) end

---Calls fn(...) and returns its results, or raises code "timeout".
---
---    > hud.timeout(1, function(x) return x + 1 end, 2)
---    3
---    > hud.timeout(0.001, hud.sleep, 60)
---    error: stdin:1: timeout: it took longer than 1ms
---@param seconds number
---@param fn function
---@param ... any
---@return any ...
function hud.timeout(seconds, fn, ...) end

---Monotonic seconds.
---
---    > start = hud.now()
---    > hud.now() >= start
---    true
---@return number
function hud.now() end

---Counts training steps: `for step in hud.steps(n) do`. All randomness inside
---the loop follows from the run's --seed and the step's number: rollouts,
---graders, math.random. So a resumed run goes on as if it had never stopped.
---
---    > for step in hud.steps(3) do print(step) end
---    1
---    2
---    3
---@param n integer
---@param opts? { after: integer? } start after this step, default 0
---@return fun(): integer?
function hud.steps(n, opts) end

---A table of plain values that is saved with each acknowledged optimizer step,
---all or nothing, and found again by the next run.
---
---    > state = hud.state("best", { reward = 0 })
---    > state.reward
---    0
---@param name string
---@param default? table
---@return table
function hud.state(name, default) end
