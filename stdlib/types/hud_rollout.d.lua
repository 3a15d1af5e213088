---@meta _

---@class (partial) hud
local hud = {}

-- Rollouts -------------------------------------------------------------------

---@class hud.Message
---@field role "system"|"user"|"assistant"|"tool"
---@field content string may be left out beside tool_calls
---@field tool_calls hud.ToolCall[]? of an assistant
---@field tool_call_id string? of a tool: the call it answers
---@field name string? of a tool; models do not see it

---@class hud.ToolCall
---@field id string?
---@field name string
---@field arguments string|table JSON, as the model wrote it; a table is accepted too
---@field type string? "function", in a call that is given as OpenAI has it
---@field function { name: string, arguments: string|table }? of such a call

---A function that the model may call. With `run`, agents call it: it gets the
---arguments as a table and the run's table (nil outside a taskset), and what it
---returns is told to the model: text, a number, or a table as JSON. What it
---raises is told too, and warned of once.
---@class hud.Tool
---@field name string? in a list of tools
---@field description string?
---@field parameters table? a JSON schema of an object; none means no arguments
---@field strict boolean? passed on to the service
---@field run nil|fun(args: table, run: hud.Run?): any

---A list, or by name. A function alone is a tool with nothing but its run.
---@alias hud.Tools hud.Tool[]|table<string, hud.Tool|function>

---@class hud.Agent
---@field model string
local Agent = {}

---@class hud.AgentOptions
---@field system_prompt string?
---@field max_steps integer? turns a run may take, those that call tools among them; default 10
---@field tools hud.Tools?
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
---With tools, a model that calls some is told what they return and asked again,
---until it calls none or has taken max_steps turns. A call of a tool without
---`run` ends the turn instead: an episode reads `reply.tool_calls` and answers
---each with a message { role = "tool", tool_call_id = call.id, content = … }.
---
---    > hud.Agent("tiny", { max_tokens = 4, temperature = 0.7 }).model
---    "tiny"
---    > hud.Agent("tiny", { temprature = 0.7 })
---    error: stdin:1: Agent: unknown option "temprature" (did you mean "temperature"?)
---    > tools = { add = { description = "a + b", run = function(args) return args.a + args.b end } }
---    > agent = hud.Agent("hudrl/mini", { tools = tools, max_tokens = 4 })
---    > #hud.Taskset("t", { { prompt = "What is 3 + 4?", grade = function() return 1 end } }):run(agent).runs
---    1
---    > hud.Agent("tiny", { tools = { add = { descripton = "a + b" } } })
---    error: stdin:1: Agent: tools.add: unknown field "descripton" (did you mean "description"?)
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
---@field finish_reason "stop"|"length"|"tool_calls"|string
---@field tool_calls hud.ToolCall[]? for the caller to answer
---@field sample hud.TrajectorySample?
---@field usage { prompt_tokens: integer, completion_tokens: integer }

---Sends text, a message or messages, and returns the answer: after the agent's
---tools were called, the last.
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

---The raw gateway call. Tools are shown to the model and its calls are in
---`tool_calls`, of the reply and of each choice; nothing is run.
---
---    > reply = hud.chat{ model = "tiny", messages = { { role = "user", content = "hi" } }, max_tokens = 4 }
---    > reply.model, #reply.choices
---    "tiny"	1
---    > reply = hud.chat{ model = "tiny", messages = { { role = "user", content = "hi" } }, max_tokens = 2, top_logprobs = 3 }
---    > #reply.top_logprobs, #reply.top_logprobs[1]
---    2	3
---    > request = { model = "hudrl/nano", messages = { { role = "user", content = "hi" } }, tools = { now = {} }, max_tokens = 2 }
---    > hud.tokenizer("hudrl/nano"):decode(hud.chat(request).sample.prompt_token_ids):match("[^\n]*")
---    "<tools>"
---@param request { model: string, messages: hud.Message[], max_tokens: integer?, temperature: number?, top_p: number?, top_k: integer?, min_p: number?, stop: string|string[]?, seed: integer?, n: integer?, logprobs_mode: "raw"|"processed"|nil, return_token_ids: boolean?, prompt_token_ids: integer[]?, continuation_from: integer?, checkpoint: string?, trace_id: string?, tools: hud.Tools?, tool_choice: "auto"|"none"|"required"|string|nil, parallel_tool_calls: boolean?, top_logprobs: integer? }
---@return { text: string, message: hud.Message, sample: hud.TrajectorySample?, finish_reason: string, tool_calls: hud.ToolCall[]?, top_logprobs: { token_id: integer?, token: string, logprob: number }[][]?, usage: table, model: string, choices: table[] }
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
---    > ids = hud.tokenizer("tiny"):render({ { role = "user", content = "hi" } }, { tools = { now = { description = "the time" } } })
---    > print(hud.tokenizer("tiny"):decode(ids))
---    <tools>
---    {"name":"now","description":"the time"}
---    </tools>
---    To call one: <tool_call>{"name":"...","arguments":{...}}</tool_call>hi
---@param messages hud.Message[]
---@param opts? { add_generation_prompt: boolean?, tools: hud.Tools? } default false, none
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
---graders, math.random. So a resumed run goes on as if it had never stopped:
---under `hudrl run --resume` the loop starts after the last step of it that was
---applied at the service, and streams of hud.rng that were made before the loop
---are where they were when that step was saved. Steps that are taken outside
---of such a loop it cannot find: there hud.state says what is done.
---
---Batches of a data set make as many steps, and each gets one:
---`for step, batch, epoch in hud.steps(data:batches(32)) do`.
---
---    > for step in hud.steps(3) do print(step) end
---    1
---    2
---    3
---    > for step, batch, epoch in hud.steps(hud.dataset({ 1, 2, 3 }):batches(2)) do print(step, #batch, epoch) end
---    1	2	1
---    2	1	1
---@param n integer|hud.Batches
---@param opts? { after: integer? } start after this step; a resumed run refuses one before the last that was applied
---@return fun(): integer?, any[]?, integer?
function hud.steps(n, opts) end

---A table of plain values that is saved with each acknowledged optimizer step,
---all or nothing. The embedded service keeps it, and the next run finds it
---again; a run over HTTP keeps it in its journal, where --resume finds it.
---What is changed after a step's last optim_step is saved with the next one.
---
---    > state = hud.state("best", { reward = 0 })
---    > state.reward
---    0
---@param name string
---@param default? table
---@return table
function hud.state(name, default) end
