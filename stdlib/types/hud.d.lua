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
---
---    > ok, e = pcall(hud.models.resolve, "nope")
---    > e:wrap("while looking").message, e.code
---    "while looking: resolve: model \"nope\" not found"	"not_found"
---@param context string
---@return hud.Error
function Error:wrap(context) end

---string.find in the message. The string library takes errors as their message.
---
---    > ok, e = pcall(hud.models.resolve, "nope")
---    > e:find("not found")
---    23	31
---@param pattern string
---@param from integer?
---@param plain boolean?
---@return integer?
---@return integer?
function Error:find(pattern, from, plain) end

---string.match in the message.
---
---    > ok, e = pcall(hud.models.resolve, "nope")
---    > e:match('"(.-)"')
---    "nope"
---@param pattern string
---@param from integer?
---@return string|integer|nil ...
function Error:match(pattern, from) end

---string.gsub in the message.
---
---    > ok, e = pcall(hud.models.resolve, "nope")
---    > e:gsub("^.-: ", "")
---    "model \"nope\" not found"	1
---@param pattern string
---@param replacement string|number|table|function
---@param n integer?
---@return string
---@return integer
function Error:gsub(pattern, replacement, n) end

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
---
---    > hud.TrainingClient("tiny").model
---    "tiny"
---@param model string
---@param opts? { api_key: string?, base_url: string?, api_url: string? } another service over HTTP, or another key; an address needs --allow-net, and never sees the key of the user
---@return hud.Trainer
function hud.TrainingClient(model, opts) end

---Accumulates the gradient of a built-in loss.
---
---    > trainer = hud.TrainingClient("tiny")
---    > batch = { hud.sft{ { role = "user", content = "hi" }, { role = "assistant", content = "ho" } } }
---    > trainer:forward_backward(batch, { loss_fn = "cross_entropy" }).num_datums
---    1
---@param batch hud.Batch
---@param opts? { loss_fn: string?, loss_fn_config: table<string, number>?, group_size: integer?, reward_scale: number?, num_substeps: integer? } loss_fn defaults to "importance_sampling"
---@return hud.ForwardBackwardResult
function Trainer:forward_backward(batch, opts) end

---Accumulates the gradient of a loss of your own.
---
---    > trainer = hud.TrainingClient("tiny")
---    > batch = { hud.sft{ { role = "user", content = "hi" }, { role = "assistant", content = "ho" } } }
---    > nll = function(data, logprobs) return -logprobs[1]:sum(), { tokens = #logprobs[1] } end
---    > trainer:forward_backward_custom(batch, nll).metrics["tokens"]
---    7
---@param batch hud.Batch
---@param loss hud.CustomLoss
---@param opts? { group_size: integer?, reward_scale: number?, reference: string? } reference is a model or checkpoint for ref_logprobs
---@return hud.ForwardBackwardResult
function Trainer:forward_backward_custom(batch, loss, opts) end

---Computes logprobs under the current policy.
---
---    > trainer = hud.TrainingClient("tiny")
---    > batch = { hud.sft{ { role = "user", content = "hi" }, { role = "assistant", content = "ho" } } }
---    > trainer:forward(batch).data[1].logprobs:shape()
---    [7]
---@param batch hud.Batch
---@param opts? { group_size: integer?, reward_scale: number? }
---@return { forward_id: string, data: hud.DatumTensors[] }
function Trainer:forward(batch, opts) end

---Accumulates a gradient of your own: weights[d][t] = −dC/dlogprobs of a pass.
---
---    > trainer = hud.TrainingClient("tiny")
---    > batch = { hud.sft{ { role = "user", content = "hi" }, { role = "assistant", content = "ho" } } }
---    > pass = trainer:forward(batch)
---    > trainer:backward(pass.forward_id, { { 1, 1, 1 } })
---    error: stdin:1: backward: weights: datum 1: got 3 positions, want 7 as forward returned
---    > trainer:backward(pass.forward_id, { tensor.ones(7) }).num_datums
---    1
---@param forward_id string usable once, and not after a step
---@param weights (number[]|tensor)[]|tensor one entry per datum, or one packed tensor
---@param opts? { metrics: table<string, number|tensor>? }
---@return hud.ForwardBackwardResult
function Trainer:backward(forward_id, weights, opts) end

---One AdamW step on what has accumulated; saves a checkpoint and makes it the
---head. With nothing accumulated it raises code "no_gradient".
---
---    > trainer = hud.TrainingClient("tiny")
---    > batch = { hud.sft{ { role = "user", content = "hi" }, { role = "assistant", content = "ho" } } }
---    > trainer:optim_step{ learning_rate = 1e-3 }
---    error: stdin:1: optim_step: no accumulated gradients: no pass since the last step
---      hint: call forward_backward first
---    > _ = trainer:forward_backward(batch, { loss_fn = "cross_entropy" })
---    > trainer:optim_step{ learning_rate = 1e-3 }.step
---    1
---@param opts { learning_rate: number, beta1: number?, beta2: number?, eps: number?, weight_decay: number? } defaults 0.9, 0.95, 1e-8, 0
---@return hud.OptimStepResult
function Trainer:optim_step(opts) end

---forward_backward, then optim_step.
---
---    > trainer = hud.TrainingClient("tiny")
---    > batch = { hud.sft{ { role = "user", content = "hi" }, { role = "assistant", content = "ho" } } }
---    > trainer:step(batch, { learning_rate = 1e-3, loss_fn = "cross_entropy" }).step
---    1
---@param batch hud.Batch
---@param opts { learning_rate: number, weight_decay: number?, loss_fn: string?, loss_fn_config: table<string, number>?, group_size: integer?, reward_scale: number?, num_substeps: integer? }
---@return hud.OptimStepResult
function Trainer:step(batch, opts) end

---The names that loss_fn may have.
---
---    > table.concat(hud.TrainingClient("tiny"):available_losses(), " ")
---    "cross_entropy importance_sampling ppo cispo dro"
---@return string[]
function Trainer:available_losses() end

---The checkpoint tree, oldest first.
---
---    > trainer = hud.TrainingClient("tiny")
---    > batch = { hud.sft{ { role = "user", content = "hi" }, { role = "assistant", content = "ho" } } }
---    > _ = trainer:step(batch, { learning_rate = 1e-3, loss_fn = "cross_entropy" })
---    > #trainer:checkpoints(), trainer:checkpoints()[1].is_active
---    1	true
---@return hud.Checkpoint[]
function Trainer:checkpoints() end

---The active checkpoint, nil while the model serves its base weights.
---
---    > hud.TrainingClient("tiny"):head()
---    nil
---@return hud.Checkpoint?
function Trainer:head() end

---Rolls back or branches: the next step extends the tree from this checkpoint.
---
---    > trainer = hud.TrainingClient("tiny")
---    > batch = { hud.sft{ { role = "user", content = "hi" }, { role = "assistant", content = "ho" } } }
---    > first = trainer:step(batch, { learning_rate = 1e-3, loss_fn = "cross_entropy" })
---    > second = trainer:step(batch, { learning_rate = 1e-3, loss_fn = "cross_entropy" })
---    > trainer:set_head(first.checkpoint_id)
---    > trainer:head().id == first.checkpoint_id
---    true
---@param checkpoint_id string an id or a name of the tree; "base" for the weights before the first step, where the service can go back to them
function Trainer:set_head(checkpoint_id) end

---What became of what was in doubt.
---@class hud.Recovery
---@field outcome "applied"|"not_applied"|"unknown" of the optimizer step; "unknown" also for passes, which nobody can see
---@field step integer? the model's last step that is known to be applied
---@field checkpoint_id string? of the step in doubt, when it was applied
---@field hint string what is known, and what to do

---Finds out from the head and the checkpoints whether an optimizer step took
---place whose answer never came: after a timeout, a cut connection or a crash.
---Until then the model's passes and steps raise code "conflict". After
---"applied" the loop goes on, after "not_applied" the step is repeated.
---
---With discard what was accumulated is discarded too, by set_head to where the
---head is, so that the step can be repeated from its first pass in any case.
---
---    > trainer = hud.TrainingClient("tiny")
---    > batch = { hud.sft{ { role = "user", content = "hi" }, { role = "assistant", content = "ho" } } }
---    > _ = trainer:step(batch, { learning_rate = 1e-3, loss_fn = "cross_entropy" })
---    > r = trainer:recover()
---    > r.outcome, r.step, r.hint
---    "applied"	1	"nothing is in doubt"
---    > _ = trainer:forward_backward(batch, { loss_fn = "cross_entropy" })
---    > print(trainer:recover{ discard = true })
---    not_applied: the step they were for was given up: what was accumulated is discarded; repeat the step from its first pass
---@param opts? { discard: boolean? }
---@return hud.Recovery
function Trainer:recover(opts) end

---The names of the built-in losses: CROSS_ENTROPY, IMPORTANCE_SAMPLING, PPO, CISPO, DRO.
---@type table<string, string>
hud.BuiltinLoss = {}

---Checks a sample; plain tables of the same shape are accepted wherever it is.
---
---    > hud.TrajectorySample{ prompt_token_ids = { 1 }, output_token_ids = { 2, 3 }, output_logprobs = { -0.5, -1 } }
---    TrajectorySample: 1 prompt tokens, 2 output tokens
---@param fields hud.TrajectorySample
---@return hud.TrajectorySample
function hud.TrajectorySample(fields) end

---Checks a payload; plain tables of the same shape are accepted wherever it is.
---
---    > sample = { prompt_token_ids = { 1 }, output_token_ids = { 2, 3 }, output_logprobs = { -0.5, -1 } }
---    > hud.TrajectoryPayload{ samples = { sample }, reward = 1 }
---    TrajectoryPayload: 1 samples, reward 1
---    > hud.TrajectoryPayload{ reward = 1 }
---    error: stdin:1: TrajectoryPayload: fields.samples: got nil, want table
---@param fields hud.TrajectoryPayload
---@return hud.TrajectoryPayload
function hud.TrajectoryPayload(fields) end

---Makes a payload whose output is the last assistant turn, for cross_entropy.
---
---    > payload = hud.sft{ { role = "user", content = "hi" }, { role = "assistant", content = "ho" } }
---    > #payload.samples, #payload.samples[1].output_token_ids
---    1	3
---@param messages hud.Message[]
---@param opts? { model: string?, tools: hud.Tools? } whose tokenizer, needed where a service has several; tools that the prompt shows
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

---All models.
---
---    > for _, m in ipairs(hud.models.list()) do if m.name == "tiny" then print(m.is_trainable) end end
---    true
---@return hud.Model[]
function hud.models.list() end

---Makes a trainable model that starts at the source's head. Outside hud.steps,
---a run that goes on with `hudrl run --resume` gets the fork it made before.
---
---    > hud.models.fork("tiny", "mine").name
---    "mine"
---@param source string
---@param name string
---@return hud.Model
function hud.models.fork(source, name) end

---A model's checkpoint tree, oldest first.
---
---    > #hud.models.checkpoints("tiny")
---    0
---@param model string
---@return hud.Checkpoint[]
function hud.models.checkpoints(model) end

---A model's active checkpoint, nil while it serves its base weights.
---
---    > hud.models.head("tiny")
---    nil
---@param model string
---@return hud.Checkpoint?
function hud.models.head(model) end

---Makes a checkpoint a model's head.
---
---    > trainer = hud.TrainingClient("tiny")
---    > batch = { hud.sft{ { role = "user", content = "hi" }, { role = "assistant", content = "ho" } } }
---    > first = trainer:step(batch, { learning_rate = 1e-3, loss_fn = "cross_entropy" })
---    > hud.models.set_head("tiny", first.checkpoint_id)
---    > hud.models.head("tiny").is_active
---    true
---@param model string
---@param checkpoint_id string
function hud.models.set_head(model, checkpoint_id) end

---Finds a model by id, slug or display name.
---
---    > hud.models.resolve("tiny").is_trainable
---    true
---@param model string
---@return hud.Model
function hud.models.resolve(model) end

---The parts, which are also modules of their own.
---@type tensor
hud.tensor = require "hud.tensor"
---@type loss
hud.loss = require "hud.loss"

return hud
