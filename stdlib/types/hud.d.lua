---@meta hud

---The training client, models, rollouts and tasks: `local hud = require "hud"`.
---
---Positions count from 1. Token ids are data and stay 0-based, and so do
---`traj_idx` and `group_idx`, which are the wire's numbers. Options go in one
---trailing table; an unknown option raises and names the one you may have
---meant. Failures raise an error object with `code`, `message` and `hint`.
---@class hud
local hud = {}

---What a failed call raises. `tostring(e)` and `"" .. e` give the message.
---@class hud.Error
---@field code "validation"|"auth"|"not_found"|"rate_limited"|"timeout"|"network"|"conflict"|"no_gradient"|"server"|"limit"|"canceled"|"error"
---@field message string
---@field hint string?
---@field status integer? HTTP status, or what it would have been
---@field source string? the script
---@field line integer?
---@field traceback string
local Error = {}

---The error with more about where it happened before its message; what it was
---is kept. Raise it with error().
---@param context string
---@return hud.Error
function Error:wrap(context) end

-- Training -------------------------------------------------------------------

---One turn: what the model was shown and what it said.
---@class hud.TrajectorySample
---@field prompt_token_ids integer[]
---@field output_token_ids integer[]
---@field output_logprobs number[] the sampling policy's, natural log, one per output token; may be empty for cross_entropy
---@field temperature number? how the sample was drawn; set on captured samples
---@field top_p number?
---@field top_k integer?
---@field min_p number?
---@field finish_reason string?
---@field checkpoint_id string? nil for base weights

---One trajectory with its reward.
---@class hud.TrajectoryPayload
---@field samples hud.TrajectorySample[]
---@field reward number
---@field trace_id string?
---@field extra table? numbers or per-token arrays for a custom loss; never sent

---A batch mixes trace ids, runs and payloads.
---@alias hud.Batch (string|hud.Run|hud.TrajectoryPayload)[]

---@class hud.ForwardBackwardResult
---@field metrics table<string, number> `loss:sum`, `tokens:sum`, `kl_sample_train:mean`, …
---@field num_datums integer

---@class hud.OptimStepResult
---@field step integer
---@field checkpoint_id string
---@field sampler_path string
---@field state_path string
---@field model string
---@field forward_backward hud.ForwardBackwardResult? after `step`

---@class hud.Checkpoint
---@field id string
---@field name string?
---@field checkpoint_name string?
---@field prev_model_checkpoint_id string?
---@field is_active boolean whether it is the head
---@field created_at string?
---@field num_traces integer?
---@field num_datums integer?
---@field num_tokens integer?
---@field mean_reward number?
---@field learning_rate number?
---@field loss_fn string?
---@field metrics table<string, number> `grad_norm`, `reward_std`, …
---@field step integer?

---What a custom loss knows of one datum. Several datums may share a trajectory.
---@class hud.DatumTensors
---@field logprobs tensor the current policy's, [T]; inside a custom loss the same tensor as logprobs[i]
---@field sampling_logprobs tensor the sampling policy's, [T]
---@field mask tensor 1 on action tokens, 0 on observations, [T]
---@field reward number
---@field traj_idx integer 0-based position of the trajectory in the batch
---@field group_idx integer? 0-based, nil without group_size
---@field advantage number reward minus the group's mean, each trajectory counted once
---@field input string|hud.Run|hud.TrajectoryPayload the element of the batch it came from
---@field extra table? what the input carried
---@field ref_logprobs tensor? with the option `reference`, [T]

---All datums of a batch at once, in `data.packed`: N positions of D datums. Its
---logprobs and those of the datums share one leaf: gradients add.
---@class hud.Packed
---@field logprobs tensor [N]
---@field sampling_logprobs tensor [N]
---@field mask tensor [N]
---@field ref_logprobs tensor? [N]
---@field offsets integer[] D + 1 of them, from 0: datum d is at positions offsets[d] + 1 to offsets[d + 1]
---@field reward tensor [D]
---@field advantage tensor [D]
---@field group_idx integer[] 0-based, -1 without group_size
---@field traj_idx integer[] 0-based
---@field expand fun(x: tensor|number[]): tensor one value for each datum becomes one for each position, [D] → [N]

---A custom loss: a scalar to minimise, and metrics to report.
---@alias hud.CustomLoss fun(data: hud.DatumTensors[], logprobs: tensor[]): tensor, table<string, number|tensor>?

---Trains one model: accumulate gradients with any number of passes, then step.
---
---    trainer = hud.TrainingClient("my-fork")
---    trainer:step(runs, {learning_rate = 3e-4, group_size = 8})
---@class hud.Trainer
---@field model string the name it was made with
local Trainer = {}

---Makes a training client for a model's id, slug or display name.
---@param model string
---@param opts? { api_key: string?, base_url: string?, api_url: string? } another service over HTTP, or another key; an address needs --allow-net, and never sees the key of the user
---@return hud.Trainer
function hud.TrainingClient(model, opts) end

---Accumulates the gradient of a built-in loss.
---@param batch hud.Batch
---@param opts? { loss_fn: string?, loss_fn_config: table<string, number>?, group_size: integer?, reward_scale: number?, num_substeps: integer? } loss_fn defaults to "importance_sampling"
---@return hud.ForwardBackwardResult
function Trainer:forward_backward(batch, opts) end

---Accumulates the gradient of a loss of your own.
---@param batch hud.Batch
---@param loss hud.CustomLoss
---@param opts? { group_size: integer?, reward_scale: number?, reference: string? } reference is a model or checkpoint for ref_logprobs
---@return hud.ForwardBackwardResult
function Trainer:forward_backward_custom(batch, loss, opts) end

---Computes logprobs under the current policy.
---@param batch hud.Batch
---@param opts? { group_size: integer?, reward_scale: number? }
---@return { forward_id: string, data: hud.DatumTensors[] }
function Trainer:forward(batch, opts) end

---Accumulates a gradient of your own: weights[d][t] = −dC/dlogprobs of a pass.
---@param forward_id string usable once, and not after a step
---@param weights (number[]|tensor)[]|tensor one entry per datum, or one packed tensor
---@param opts? { metrics: table<string, number|tensor>? }
---@return hud.ForwardBackwardResult
function Trainer:backward(forward_id, weights, opts) end

---One AdamW step on what has accumulated; saves a checkpoint and makes it the
---head. With nothing accumulated it raises code "no_gradient".
---@param opts { learning_rate: number, beta1: number?, beta2: number?, eps: number?, weight_decay: number? } defaults 0.9, 0.95, 1e-8, 0
---@return hud.OptimStepResult
function Trainer:optim_step(opts) end

---forward_backward, then optim_step.
---@param batch hud.Batch
---@param opts { learning_rate: number, weight_decay: number?, loss_fn: string?, loss_fn_config: table<string, number>?, group_size: integer?, reward_scale: number?, num_substeps: integer? }
---@return hud.OptimStepResult
function Trainer:step(batch, opts) end

---@return string[]
function Trainer:available_losses() end

---The checkpoint tree, oldest first.
---@return hud.Checkpoint[]
function Trainer:checkpoints() end

---The active checkpoint, nil while the model serves its base weights.
---@return hud.Checkpoint?
function Trainer:head() end

---Rolls back or branches: the next step extends the tree from this checkpoint.
---@param checkpoint_id string
function Trainer:set_head(checkpoint_id) end

---The names of the built-in losses: CROSS_ENTROPY, IMPORTANCE_SAMPLING, PPO, CISPO, DRO.
---@type table<string, string>
hud.BuiltinLoss = {}

---Checks a sample; plain tables of the same shape are accepted wherever it is.
---@param fields hud.TrajectorySample
---@return hud.TrajectorySample
function hud.TrajectorySample(fields) end

---Checks a payload; plain tables of the same shape are accepted wherever it is.
---@param fields hud.TrajectoryPayload
---@return hud.TrajectoryPayload
function hud.TrajectoryPayload(fields) end

---Makes a payload whose output is the last assistant turn, for cross_entropy.
---@param messages hud.Message[]
---@param opts? { model: string? } whose tokenizer; needed where a service has several
---@return hud.TrajectoryPayload
function hud.sft(messages, opts) end

-- Models ---------------------------------------------------------------------

---@class hud.Model
---@field id string
---@field name string
---@field model_name string what TrainingClient, Agent and chat take
---@field is_trainable boolean
---@field sdk_agent_type string
---@field provider string

---@class hud.models
hud.models = {}

---@return hud.Model[]
function hud.models.list() end

---Makes a trainable model that starts at the source's head.
---@param source string
---@param name string
---@return hud.Model
function hud.models.fork(source, name) end

---@param model string
---@return hud.Checkpoint[]
function hud.models.checkpoints(model) end

---@param model string
---@return hud.Checkpoint?
function hud.models.head(model) end

---@param model string
---@param checkpoint_id string
function hud.models.set_head(model, checkpoint_id) end

---Finds a model by id, slug or display name.
---@param model string
---@return hud.Model
function hud.models.resolve(model) end

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
---@param model string
---@param opts? hud.AgentOptions
---@return hud.Agent
function hud.Agent(model, opts) end

---The same function as hud.Agent.
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

---@param name string
---@param tasks hud.Task[]
---@return hud.Taskset
function hud.Taskset(name, tasks) end

---Runs each task `group` times, concurrently. The order of the runs is by task,
---then by repeat. With `job` the runs are appended to it; the returned job
---holds those of this call. `train = false` is an evaluation.
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

---@param name string
---@param opts? { group: integer? } runs per task, default 1
---@return hud.Job
function hud.Job.start(name, opts) end

---Whether some group's rewards differ; without that there is nothing to learn.
---@return boolean
function hud.Job:has_spread() end

---The runs of the groups without a failed run; nil and the reason when none is left.
---@return hud.Run[]?
---@return string? reason
function hud.Job:trainable() end

---The raw gateway call.
---@param request { model: string, messages: hud.Message[], max_tokens: integer?, temperature: number?, top_p: number?, top_k: integer?, min_p: number?, stop: string|string[]?, seed: integer?, n: integer?, logprobs_mode: "raw"|"processed"|nil, return_token_ids: boolean?, prompt_token_ids: integer[]?, continuation_from: integer?, checkpoint: string?, trace_id: string? }
---@return { text: string, sample: hud.TrajectorySample?, finish_reason: string, usage: table, model: string, choices: table[] }
function hud.chat(request) end

---@class hud.Tokenizer
local Tokenizer = {}

---@param model? string
---@return hud.Tokenizer
function hud.tokenizer(model) end

---@param text string
---@return integer[] ids 0-based
function Tokenizer:encode(text) end

---@param ids integer[]
---@return string
function Tokenizer:decode(ids) end

---The prompt ids of messages, exactly as chat makes them.
---@param messages hud.Message[]
---@param opts? { add_generation_prompt: boolean? } default false
---@return integer[]
function Tokenizer:render(messages, opts) end

-- Tasks, time and state ------------------------------------------------------

---@class task
local task = {}

---Waits for the task and returns what its function returned; raises its error.
---@return any ...
function task:wait() end

function task:cancel() end

---Starts fn(...) as a task. Tasks take turns: others run whenever one waits.
---@param fn function
---@param ... any
---@return task
function hud.spawn(fn, ...) end

---Runs functions (or waits for tasks) and returns their first results in order.
---@param list (function|task)[]
---@return any[]
function hud.gather(list) end

---Calls fn(item, index) for each element, concurrently; results in order.
---@param list any[]
---@param fn function
---@param opts? { concurrency: integer? }
---@return any[]
function hud.map(list, fn, opts) end

---@param seconds number
function hud.sleep(seconds) end

---Calls fn(...) and returns its results, or raises code "timeout".
---@param seconds number
---@param fn function
---@param ... any
---@return any ...
function hud.timeout(seconds, fn, ...) end

---Monotonic seconds.
---@return number
function hud.now() end

---Counts training steps: `for step in hud.steps(n) do`. All randomness inside
---the loop follows from the run's --seed and the step's number: rollouts,
---graders, math.random. So a resumed run goes on as if it had never stopped.
---@param n integer
---@param opts? { after: integer? } start after this step, default 0
---@return fun(): integer?
function hud.steps(n, opts) end

---A table of plain values that is saved with each acknowledged optimizer step,
---all or nothing, and found again by the next run.
---@param name string
---@param default? table
---@return table
function hud.state(name, default) end

---The parts, which are also modules of their own.
---@type tensor
hud.tensor = require "hud.tensor"
---@type loss
hud.loss = require "hud.loss"

return hud
