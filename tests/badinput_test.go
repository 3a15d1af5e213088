package tests

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// harness runs one row: set up, accumulate a gradient (unless the row wants
// none), do the bad thing, and see that nothing changed. It returns the
// error's code and text, and the number of the step taken afterwards.
const harness = `
local batch, pending = ...
local trainer = hud.TrainingClient("case")
local agent = hud.Agent("case", { max_tokens = 4 })
local tasks = hud.Taskset("t", { { prompt = "x", grade = function() return 1 end } })
local nan, inf = 0/0, 1/0
local function with(field, value) -- a copy of the batch whose second trajectory differs
  local copy = { unpack(batch) }
  local p = { samples = { {} }, reward = batch[2].reward }
  for k, v in pairs(batch[2].samples[1]) do p.samples[1][k] = v end
  if field == "reward" or field == "samples" then p[field] = value else p.samples[1][field] = value end
  copy[2] = p
  return copy
end
local function changed(list, i, value)
  local copy = { unpack(list) }
  copy[i] = value
  return copy
end
local x = (function() %s end)()
if pending then trainer:forward_backward(batch, { group_size = 2 }) end
local before = trainer:head()
local ok, e = pcall(function() %s end)
if ok then error("nothing was raised") end
local after = trainer:head()
assert((before and before.id) == (after and after.id), "the head moved")
if not pending then trainer:forward_backward(batch, { group_size = 2 }) end
local step = trainer:optim_step{ learning_rate = 1e-3 }
assert(trainer:step(batch, { group_size = 2, learning_rate = 1e-3 }).step == step.step + 1)
return e.code, tostring(e) .. " | " .. (e.hint or ""), step.step
`

// A badInput is a wrong call and what it must say.
type badInput struct {
	name  string
	setup string // Lua that returns x
	call  string // Lua that must raise
	code  string
	part  string // of the message and hint
	empty bool   // without a pending gradient
}

var badInputs = []badInput{
	// Unknown names, with a suggestion.
	{name: "step option", call: `trainer:step(batch, { learning_rat = 1e-3 })`, code: "validation", part: `step: unknown option "learning_rat" (did you mean "learning_rate"?)`},
	{name: "forward_backward option", call: `trainer:forward_backward(batch, { groupsize = 2 })`, code: "validation", part: `forward_backward: unknown option "groupsize" (did you mean "group_size"?)`},
	{name: "custom option", call: `trainer:forward_backward_custom(batch, print, { referenc = "x" })`, code: "validation", part: `(did you mean "reference"?)`},
	{name: "forward option", call: `trainer:forward(batch, { reward_scal = 1 })`, code: "validation", part: `forward: unknown option "reward_scal" (did you mean "reward_scale"?)`},
	{name: "backward option", call: `trainer:backward("id", {}, { metric = {} })`, code: "validation", part: `(did you mean "metrics"?)`},
	{name: "optim_step option", call: `trainer:optim_step{ learning_rate = 1, weightdecay = 0 }`, code: "validation", part: `optim_step: unknown option "weightdecay" (did you mean "weight_decay"?)`},
	{name: "client option", call: `hud.TrainingClient("case", { baseurl = "x" })`, code: "validation", part: `TrainingClient: unknown option "baseurl" (did you mean "base_url"?)`},
	{name: "agent option", call: `hud.Agent("case", { temprature = 1 })`, code: "validation", part: `(did you mean "temperature"?)`},
	{name: "agent kwarg", call: `hud.Agent("case", { completion_kwargs = { max_token = 1 } })`, code: "validation", part: `max_tokens`},
	{name: "run option", call: `tasks:run(agent, { max_concurent = 1 })`, code: "validation", part: `run: unknown option "max_concurent" (did you mean "max_concurrent"?)`},
	{name: "job option", call: `hud.Job.start("j", { groups = 2 })`, code: "validation", part: `(did you mean "group"?)`},
	{name: "chat field", call: `hud.chat{ model = "case", mesages = {} }`, code: "validation", part: `(did you mean "messages"?)`},
	{name: "payload field", call: `hud.TrajectoryPayload{ samples = {}, rewards = 1 }`, code: "validation", part: `unknown field "rewards" (did you mean "reward"?)`},
	{name: "sample field", call: `trainer:forward(with("output_logprob", {}))`, code: "validation", part: `batch[2].samples[1]: unknown field "output_logprob" (did you mean "output_logprobs"?)`},
	{name: "task field", call: `hud.Taskset("t", { { promt = "x" } })`, code: "validation", part: `tasks[1]: unknown field "promt" (did you mean "prompt"?)`},
	{name: "method", call: `trainer:forward_backwards(batch)`, code: "validation", part: `(did you mean "forward_backward"?)`},
	{name: "module name", call: `hud.TrainerClient("case")`, code: "validation", part: `hud: no such name: "TrainerClient" (did you mean "TrainingClient"?)`},
	{name: "builtin loss name", call: `return hud.BuiltinLoss.PPOO`, code: "validation", part: `(did you mean "PPO"?)`},
	{name: "absent name", call: `return hud.environment`, code: "validation", part: `hud: no such name: "environment"`},

	// Wrong types.
	{name: "learning_rate type", call: `trainer:step(batch, { learning_rate = "1e-3" })`, code: "validation", part: `step: learning_rate: got string, want number`},
	{name: "learning_rate missing", call: `trainer:step(batch, {})`, code: "validation", part: `step: learning_rate: got nil, want number`},
	{name: "optim_step without options", call: `trainer:optim_step()`, code: "validation", part: `optim_step: learning_rate: got nil, want number`},
	{name: "batch type", call: `trainer:step("x", { learning_rate = 1e-3 })`, code: "validation", part: `step: batch: got string, want table`},
	{name: "batch is one payload", call: `trainer:forward(batch[1])`, code: "validation", part: `got one trajectory, want a list of them`},
	{name: "batch is a job", call: `trainer:forward(hud.Job.start("j"))`, code: "validation", part: `job.runs`},
	{name: "batch element type", call: `trainer:forward(changed(batch, 2, 7))`, code: "validation", part: `forward: batch[2]: got 7, want a trace id, a run or a payload`},
	{name: "reward type", call: `trainer:forward(with("reward", "1"))`, code: "validation", part: `batch[2].reward: got string, want number`},
	{name: "reward missing", call: `hud.TrajectoryPayload{ samples = batch[1].samples }`, code: "validation", part: `reward: got nil, want number`},
	{name: "token type", call: `trainer:forward(with("output_token_ids", { 97, "b" }))`, code: "validation", part: `batch[2].samples[1].output_token_ids[2]: got string, want number`},
	{name: "token fraction", call: `trainer:forward(with("output_token_ids", { 97.5 }))`, code: "validation", part: `output_token_ids[1]: got 97.5, want a whole number`},
	{name: "token negative", call: `trainer:forward(with("prompt_token_ids", { 256, -1 }))`, code: "validation", part: `trajectory 2, sample 1: prompt_token_ids[2]: got -1`},
	{name: "token out of the vocabulary", call: `trainer:forward(with("prompt_token_ids", { 256, 264 }))`, code: "validation", part: `trajectory 2, sample 1: prompt_token_ids[2]: got 264, want a token id of 0 to 263`},
	{name: "group_size fraction", call: `trainer:forward(batch, { group_size = 1.5 })`, code: "validation", part: `forward: group_size: got 1.5, want a whole number`},
	{name: "loss_fn type", call: `trainer:forward_backward(batch, { loss_fn = print })`, code: "validation", part: `loss_fn: got function, want string`},
	{name: "config type", call: `trainer:forward_backward(batch, { loss_fn = "ppo", loss_fn_config = { epsilon = true } })`, code: "validation", part: `loss_fn_config.epsilon: got boolean, want number`},
	{name: "method without colon", call: `trainer.step(batch, { learning_rate = 1 })`, code: "validation", part: `step: self: got table, want TrainingClient`},
	{name: "agent type", call: `tasks:run("case")`, code: "validation", part: `run: agent: got string, want Agent`},
	{name: "task without grader", call: `hud.Taskset("t", { { prompt = "x" } })`, code: "validation", part: `tasks[1].grade: got nil`},
	{name: "too many arguments", call: `trainer:head(1)`, code: "validation", part: `head: got 2 arguments, want at most 1`},

	// Batches and groups.
	{name: "empty batch", call: `trainer:step({}, { learning_rate = 1e-3 })`, code: "validation", part: `batch: got 0 trajectories, want at least 1`},
	{name: "empty samples", call: `trainer:forward(with("samples", {}))`, code: "validation", part: `trajectory 2: samples: got 0, want at least 1`},
	{name: "empty output", call: `trainer:forward(with("output_token_ids", {}))`, code: "validation", part: `trajectory 2, sample 1: output_token_ids: got 0 tokens, want at least 1`},
	{name: "empty prompt", call: `trainer:forward(with("prompt_token_ids", {}))`, code: "validation", part: `trajectory 2, sample 1: prompt_token_ids: got 0 tokens, want at least 1`},
	{name: "ragged groups", call: `trainer:forward_backward(batch, { group_size = 3 })`, code: "validation", part: `4 trajectories do not divide evenly into groups of 3`},
	{name: "incomplete groups", setup: `local job = hud.Job.start("j", { group = 2 })
		hud.Taskset("t", { { prompt = "a", grade = function() return 1 end }, { prompt = "b", grade = function() return 0 end } }):run(agent, { job = job })
		return job.runs`, call: `trainer:forward_backward({ x[1], x[2], x[3], x[1] }, { group_size = 2 })`, code: "validation", part: `incomplete GRPO groups: [`},
	{name: "group_size 0", call: `trainer:forward_backward(batch, { group_size = 0 })`, code: "validation", part: `group_size: got 0, want at least 1`},
	{name: "group_size negative", call: `trainer:forward(batch, { group_size = -2 })`, code: "validation", part: `group_size: got -2, want at least 1`},
	{name: "num_substeps 0", call: `trainer:forward_backward(batch, { num_substeps = 0 })`, code: "validation", part: `num_substeps: got 0, want at least 1`},
	{name: "longer than the context", call: `local ids = {} for i = 1, 200 do ids[i] = 97 end trainer:forward(with("prompt_token_ids", ids))`, code: "validation", part: `trajectory 2, sample 1: prompt and output have`},

	// Hyperparameters.
	{name: "learning_rate 0", call: `trainer:step(batch, { learning_rate = 0 })`, code: "validation", part: `step: learning_rate: got 0, want a finite number above 0`},
	{name: "learning_rate negative", call: `trainer:optim_step{ learning_rate = -1 }`, code: "validation", part: `optim_step: learning_rate: got -1`},
	{name: "learning_rate nan", call: `trainer:optim_step{ learning_rate = nan }`, code: "validation", part: `learning_rate: got NaN`},
	{name: "weight_decay negative", call: `trainer:step(batch, { learning_rate = 1, weight_decay = -1 })`, code: "validation", part: `weight_decay: got -1`},
	{name: "beta1 1", call: `trainer:optim_step{ learning_rate = 1, beta1 = 1 }`, code: "validation", part: `beta1: got 1, want a number in [0, 1)`},
	{name: "eps 0", call: `trainer:optim_step{ learning_rate = 1, eps = 0 }`, code: "validation", part: `eps: got 0`},
	{name: "reward_scale inf", call: `trainer:forward_backward(batch, { reward_scale = inf })`, code: "validation", part: `reward_scale: got +Inf, want a finite number`},

	// Numbers that are none: the datum and the position are named.
	{name: "reward nan", call: `trainer:step(with("reward", nan), { learning_rate = 1e-3 })`, code: "validation", part: `step: trajectory 2: reward: got NaN, want a finite number`},
	{name: "reward inf", call: `trainer:forward_backward(with("reward", -inf))`, code: "validation", part: `forward_backward: trajectory 2: reward: got -Inf`},
	{name: "logprob nan", call: `trainer:forward_backward(with("output_logprobs", { -1, nan, -1 }))`, code: "validation", part: `trajectory 2, sample 1: output_logprobs[2]: got NaN, want a finite number`},
	{name: "logprob inf", call: `trainer:forward(with("output_logprobs", { -inf, -1, -1 }))`, code: "validation", part: `trajectory 2, sample 1: output_logprobs[1]: got -Inf`},
	{name: "logprob enormous", call: `trainer:forward_backward(with("output_logprobs", { -1, -1e30, -1 }))`, code: "validation", part: `trajectory 2, datum 2, position`},
	{name: "weight nan", setup: `return trainer:forward(batch)`, call: `local w = {} for i, d in ipairs(x.data) do w[i] = (d.mask * 0):tolist() end w[3][2] = nan trainer:backward(x.forward_id, w)`, code: "validation", part: `backward: weights: datum 3, position 2: got NaN, want a finite number`},
	{name: "weight inf in a tensor", setup: `return trainer:forward(batch)`, call: `trainer:backward(x.forward_id, x.data.packed.mask * inf)`, code: "validation", part: `backward: weights: datum 1, position`},
	{name: "metric nan", setup: `return trainer:forward(batch)`, call: `trainer:backward(x.forward_id, x.data.packed.mask, { metrics = { m = nan } })`, code: "validation", part: `metrics["m"]: got NaN, want a finite number`},

	// Lengths.
	{name: "logprobs too short", call: `trainer:forward_backward(with("output_logprobs", { -1 }))`, code: "validation", part: `trajectory 2, sample 1: output_logprobs: got 1 values for 3 output tokens, want one each`},
	{name: "logprobs missing", call: `trainer:forward_backward(with("output_logprobs", {}))`, code: "validation", part: `output_logprobs: got 0 values for 3 output tokens`},
	{name: "weights of too few datums", setup: `return trainer:forward(batch)`, call: `trainer:backward(x.forward_id, { x.data[1].mask })`, code: "validation", part: `weights: got 1 datums, want 4`},
	{name: "weights of no datum", setup: `return trainer:forward(batch)`, call: `trainer:backward(x.forward_id, {})`, code: "validation", part: `weights: got 0 datums`},
	{name: "weights too short", setup: `return trainer:forward(batch)`, call: `local w = {} for i, d in ipairs(x.data) do w[i] = d.mask end w[2] = { 1 } trainer:backward(x.forward_id, w)`, code: "validation", part: `weights: datum 2: got 1 positions, want`},
	{name: "packed weights too short", setup: `return trainer:forward(batch)`, call: `trainer:backward(x.forward_id, tensor{ 1, 2, 3 })`, code: "validation", part: `weights: got`},

	// Names of things that do not exist.
	{name: "unknown model", call: `hud.TrainingClient("caze"):head()`, code: "not_found", part: `Model 'caze' not found`},
	{name: "unknown model to sample", call: `hud.chat{ model = "caze", messages = { { role = "user", content = "x" } } }`, code: "not_found", part: `model "caze" not found`},
	{name: "unknown model to fork", call: `hud.models.fork("caze", "n")`, code: "not_found", part: `caze`},
	{name: "unknown model to resolve", call: `hud.models.resolve("caze")`, code: "not_found", part: `model "caze" not found`},
	{name: "unknown checkpoint", call: `trainer:set_head("step-0099")`, code: "not_found", part: `set_head: checkpoint "step-0099" not found`},
	{name: "unknown checkpoint to sample", call: `hud.chat{ model = "case", checkpoint = "nope", messages = { { role = "user", content = "x" } } }`, code: "not_found", part: `nope`},
	{name: "unknown reference", call: `trainer:forward_backward_custom(batch, function() error("not called") end, { reference = "nope" })`, code: "not_found", part: `reference: neither a checkpoint nor a model: "nope" not found`},
	{name: "unknown forward_id", call: `trainer:backward("nope", { { 1 } })`, code: "not_found", part: `backward: forward_id "nope" not found`},
	{name: "unknown trace", call: `trainer:forward_backward{ "0123456789abcdef0123456789abcdef" }`, code: "not_found", part: `trajectory 1: trace "0123456789abcdef0123456789abcdef" not found`},
	{name: "trace without a reward", setup: `return hud.Taskset("t", { { prompt = "x", grade = function() error("boom") end } }):run(agent).runs[1]`,
		call: `trainer:forward_backward{ x.trace_id }`, code: "validation", part: `trajectory 1: trace "`},
	{name: "trace that was never trained for", setup: `return hud.Taskset("t", { { prompt = "x", grade = function() return 1 end } }):run(agent, { train = false }).runs[1]`,
		call: `trainer:forward_backward{ x }`, code: "not_found", part: `trajectory 1: trace "`},
	{name: "empty trace", call: `trainer:forward_backward{ "" }`, code: "validation", part: `trajectory 1: got an empty trace id`},
	{name: "unknown loss", call: `trainer:forward_backward(batch, { loss_fn = "pppo" })`, code: "validation", part: `loss_fn: got "pppo", want one of cross_entropy, importance_sampling, ppo, cispo, dro | did you mean "ppo"?`},
	{name: "unknown config key", call: `trainer:forward_backward(batch, { loss_fn = "ppo", loss_fn_config = { clip_low = 0.8 } })`, code: "validation", part: `loss_fn_config: unknown key "clip_low" for ppo`},
	{name: "config of a loss without settings", call: `trainer:forward_backward(batch, { loss_fn_config = { beta = 1 } })`, code: "validation", part: `loss_fn_config: unknown key "beta" for importance_sampling`},
	{name: "epsilon and thresholds", call: `trainer:forward_backward(batch, { loss_fn = "ppo", loss_fn_config = { epsilon = 0.2, clip_low_threshold = 0.8 } })`, code: "validation", part: `got epsilon and clip_low_threshold, want one way to say where to clip`},
	{name: "thresholds crossed", call: `trainer:forward_backward(batch, { loss_fn = "cispo", loss_fn_config = { clip_low_threshold = 5 } })`, code: "validation", part: `clip_low_threshold 5 above clip_high_threshold 4`},
	{name: "training a base model", call: `hud.TrainingClient("hudrl/nano"):forward(batch)`, code: "validation", part: `hudrl/nano is a base model, which cannot be trained | fork it first`},
	{name: "name without letters", call: `hud.models.fork("case", " ")`, code: "validation", part: `fork: name: got " "`},

	// Forward passes that are no longer good, and steps of nothing.
	{name: "used forward_id", setup: `local p = trainer:forward(batch) trainer:backward(p.forward_id, p.data.packed.mask) trainer:optim_step{ learning_rate = 1e-3 }
		p = trainer:forward(batch) return { forward_id = p.forward_id, w = { p.data[1].mask * 0, p.data[2].mask * 0, p.data[3].mask * 0, p.data[4].mask * 0 } }`,
		call: `trainer:backward(x.forward_id, x.w) trainer:backward(x.forward_id, x.w)`, code: "conflict", part: `cannot be used: it was used by a backward already | run forward again`},
	{name: "forward_id stale after a step", setup: `local p = trainer:forward(batch) local w = {} for i, d in ipairs(p.data) do w[i] = d.mask end trainer:step(batch, { learning_rate = 1e-3 }) return { p.forward_id, w }`,
		call: `trainer:backward(x[1], x[2])`, code: "conflict", part: `stale after optim_step to step-0001 | run forward again`},
	{name: "forward_id stale after set_head", setup: `local a = trainer:step(batch, { learning_rate = 1e-3 }) trainer:step(batch, { learning_rate = 1e-3 })
		local p = trainer:forward(batch) local w = {} for i, d in ipairs(p.data) do w[i] = d.mask end trainer:set_head(a.checkpoint_id) return { p.forward_id, w }`,
		call: `trainer:backward(x[1], x[2])`, code: "conflict", part: `stale after set_head to step-0001`},
	{name: "packed weights of a stale pass", setup: `local p = trainer:forward(batch) trainer:step(batch, { learning_rate = 1e-3 }) return p`,
		call: `trainer:backward(x.forward_id, x.data.packed.mask)`, code: "validation", part: `weights: got one packed tensor for a pass whose datums are not known`},
	{name: "a step of nothing", empty: true, call: `trainer:optim_step{ learning_rate = 1e-3 }`, code: "no_gradient", part: `no accumulated gradients: no pass since the last step | call forward_backward first`},
	{name: "a step after equal rewards", empty: true, call: `trainer:step({ batch[1], batch[1] }, { learning_rate = 1e-3 })`, code: "no_gradient", part: `no accumulated gradients: 1 passes since the last step, none with a gradient`},
	{name: "a step after weights of 0", empty: true, call: `local p = trainer:forward(batch) trainer:backward(p.forward_id, p.data.packed.mask * 0) trainer:optim_step{ learning_rate = 1e-3 }`, code: "no_gradient", part: `none with a gradient: every advantage or weight was 0 | `},
	{name: "a step after set_head", empty: true, setup: `local a = trainer:step(batch, { learning_rate = 1e-3 }) trainer:forward_backward(batch) trainer:set_head(a.checkpoint_id)`,
		call: `trainer:optim_step{ learning_rate = 1e-3 }`, code: "no_gradient", part: `set_head to step-0001 discarded those of 1 passes`},

	// Custom losses.
	{name: "loss is a vector", call: `trainer:forward_backward_custom(batch, function(_, lp) return lp[1] end)`, code: "validation", part: `custom loss: got shape`},
	{name: "loss is a number", call: `trainer:forward_backward_custom(batch, function() return 1 end)`, code: "validation", part: `custom loss: got number, want tensor`},
	{name: "loss is nothing", call: `trainer:forward_backward_custom(batch, function() end)`, code: "validation", part: `custom loss: got nil, want tensor`},
	{name: "loss is no function", call: `trainer:forward_backward_custom(batch, "ppo")`, code: "validation", part: `loss: got string, want function`},
	{name: "loss touches no datum", call: `trainer:forward_backward_custom(batch, function() return tensor.scalar(1) end)`, code: "validation", part: `custom loss produced no gradient for any of the 4 datums' logprobs`},
	{name: "loss of constants", call: `trainer:forward_backward_custom(batch, function(_, lp) return lp[1]:detach():sum() end)`, code: "validation", part: `custom loss produced no gradient for any of the 4 datums' logprobs`},
	{name: "loss is nan", call: `trainer:forward_backward_custom(batch, function(_, lp) return lp[1]:sum() * nan end)`, code: "validation", part: `datum 1, position 1: weight is NaN: the loss has no finite derivative there`},
	{name: "gradient is inf", call: `trainer:forward_backward_custom(batch, function(_, lp) return (lp[2] * 0):sqrt():sum() + lp[1]:sum() end)`, code: "validation", part: `datum 2, position 1: weight is NaN`},
	{name: "loss raises", call: `trainer:forward_backward_custom(batch, function() error({ code = "mine" }) end)`, code: "mine", part: ""},
	{name: "loss metric type", call: `trainer:forward_backward_custom(batch, function(_, lp) return lp[1]:sum(), { m = "x" } end)`, code: "validation", part: `m: got string, want number`},
	{name: "loss metric vector", call: `trainer:forward_backward_custom(batch, function(_, lp) return lp[1]:sum(), { m = lp[1] } end)`, code: "validation", part: `m: `},

	// Rollouts and chats.
	{name: "agent max_tokens 0", call: `hud.Agent("case", { max_tokens = 0 })`, code: "validation", part: `max_tokens: got 0, want at least 1`},
	{name: "agent temperature", call: `hud.Agent("case", { temperature = -1 })`, code: "validation", part: `temperature: got -1`},
	{name: "agent tools", call: `hud.Agent("case", { tools = {} })`, code: "validation", part: `Agent: tools: got none, want at least one`},
	{name: "agent tool without a name", call: `hud.Agent("case", { tools = { { run = print } } })`, code: "validation", part: `Agent: tools[1].name: got nil, want string`},
	{name: "agent tool with two names", call: `hud.Agent("case", { tools = { a = { name = "b" } } })`, code: "validation", part: `Agent: tools.a.name: got "b", want "a" or nothing`},
	{name: "agent tool names", call: `hud.Agent("case", { tools = { { name = "a b" } } })`, code: "validation", part: `Agent: tools[1].name: got "a b", want 1 to 64 letters`},
	{name: "agent tool that is no function", call: `hud.Agent("case", { tools = { a = 1 } })`, code: "validation", part: `Agent: tools.a: got number, want table`},
	{name: "agent tool run", call: `hud.Agent("case", { tools = { a = { run = "f" } } })`, code: "validation", part: `Agent: tools.a.run: got string, want function`},
	{name: "agent tool parameters", call: `hud.Agent("case", { tools = { a = { parameters = { 1 } } } })`, code: "validation", part: `Agent: tools[1].parameters: got [1], want a JSON schema: an object`},
	{name: "chat tool choice", call: `hud.chat{ model = "case", messages = { { role = "user", content = "x" } }, tools = { a = {} }, tool_choice = "a" }`, code: "validation", part: `tool_choice: got "a", want auto or none: nothing makes these models call a tool`},
	{name: "chat top_logprobs", call: `hud.chat{ model = "case", messages = { { role = "user", content = "x" } }, top_logprobs = 50 }`, code: "validation", part: `top_logprobs: got 50, want 0 to 20`},
	{name: "tool call arguments", call: `hud.chat{ model = "case", messages = { { role = "assistant", tool_calls = { { name = "f", arguments = 1 } } } } }`, code: "validation", part: `messages[1].tool_calls[1].arguments: got 1, want a table or its JSON`},
	{name: "message without content", call: `hud.chat{ model = "case", messages = { { role = "assistant" } } }`, code: "validation", part: `messages[1].content: got nil, want string`},
	{name: "agent top_p", call: `hud.Agent("case", { top_p = 2 })`, code: "validation", part: `top_p: got 2`},
	{name: "no tasks", call: `hud.Taskset("t", {}):run(agent)`, code: "validation", part: `taskset t: got 0 tasks, want at least 1`},
	{name: "group 0", call: `tasks:run(agent, { group = 0 })`, code: "validation", part: `group: got 0, want at least 1`},
	{name: "timeout 0", call: `tasks:run(agent, { timeout = 0 })`, code: "validation", part: `timeout: got 0, want seconds above 0`},
	{name: "max_concurrent 0", call: `tasks:run(agent, { max_concurrent = 0 })`, code: "validation", part: `max_concurrent: got 0, want at least 1`},
	{name: "job of group 0", call: `hud.Job.start("j", { group = 0 })`, code: "validation", part: `group: got 0, want at least 1`},
	{name: "message role", call: `hud.chat{ model = "case", messages = { { role = "bot", content = "x" } } }`, code: "validation", part: `messages[1].role: got "bot", want system, user, assistant or tool`},
	{name: "no messages", call: `hud.chat{ model = "case", messages = {} }`, code: "validation", part: `messages: got none, want at least one message`},
	{name: "prompt without room", call: `hud.chat{ model = "case", messages = { { role = "user", content = ("x"):rep(200) } } }`, code: "validation", part: `context`},
	{name: "sft without an answer", call: `hud.sft{ { role = "user", content = "x" } }`, code: "validation", part: `sft: messages: got 1, want a prompt and an answer`},
	{name: "state that is no data", setup: `local s = hud.state("s", {}) s.f = nil return s`, call: `x.f = print local ok, e = pcall(trainer.optim_step, trainer, { learning_rate = 1e-3 }) x.f = nil assert(ok, e)`, code: "validation", part: `state "s" cannot be saved: encode: value.f: got function`},
	{name: "steps below 0", call: `hud.steps(-1)`, code: "validation", part: `steps: got n = -1`},
	{name: "step past the schedule", call: `hud.schedule.linear(1e-3, 0, 10)(11)`, code: "validation", part: `11`},
	{name: "schedule type", call: `hud.schedule.linear("1e-3", 0, 10)`, code: "validation", part: `linear: `},
	{name: "spawn of nothing", call: `hud.spawn()`, code: "validation", part: `spawn: fn: got nil, want function`},
	{name: "map option", call: `hud.map({}, print, { concurency = 2 })`, code: "validation", part: `concurrency`},
	{name: "tensor shapes", call: `return tensor.zeros(2, 3) + tensor.zeros(4)`, code: "validation", part: `add: shapes [2 3] and [4] do not broadcast`},
	{name: "loss module option", call: `hud.loss.as_custom("ppo", { epsilom = 0.2 })`, code: "validation", part: `(did you mean "epsilon"?)`},
	{name: "loss module name", call: `hud.loss.as_custom("pppo")`, code: "validation", part: `pppo`},
	{name: "key for the embedded service", call: `hud.TrainingClient("case", { api_key = "k" })`, code: "validation", part: `api_key`},
}

// Every bad input gets a clear error and loses nothing: the head and the
// accumulated gradient are as they were, and the next good step works.
func TestBadInput(t *testing.T) {
	t.Parallel()
	for _, c := range badInputs {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			b := trajectories{rand.New(rand.NewPCG(7, 7))}
			list := b.payloads(1)
			for i := range 3 {
				p := *list[0]
				p.Reward += float64(i + 1)
				list = append(list, &p)
			}
			for _, p := range list {
				p.Samples[0].OutputTokenIDs = b.tokens(3)
				p.Samples[0].OutputLogprobs = []float32{-5, -6, -5.5}
			}
			// The same script without the bad call says what the step gives.
			want := l.fork(t, "want")
			text := func(model, call string) string {
				return strings.ReplaceAll(fmt.Sprintf(harness, c.setup, call), `"case"`, `"`+model+`"`)
			}
			good := l.lua(t, text("want", `error({ code = "none" })`), toLua(list), !c.empty)

			bad := l.fork(t, "case")
			out := l.lua(t, text("case", c.call), toLua(list), !c.empty)
			if out[0] != c.code || !strings.Contains(out[1].(string), c.part) {
				t.Errorf("got code %v: %v\nwant code %s: %s", out[0], out[1], c.code, c.part)
			}
			if out[2] != good[2] {
				t.Errorf("the next step is %v, want %v", out[2], good[2])
			}
			x, y := tree(t, l.Dir(), bad.ID), tree(t, l.Dir(), want.ID)
			if len(x) != len(y) {
				t.Fatalf("got %d checkpoints, want %d", len(x), len(y))
			}
			for i := range x {
				if x[i].Weights != y[i].Weights || x[i].Moments != y[i].Moments {
					t.Errorf("checkpoint %d differs from one without the bad call: something had changed", i+1)
				}
			}
		})
	}
}

// A loss that leaves datums out is no mistake: they get zeros and are counted.
func TestUntouchedDatums(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	list := trajectories{rand.New(rand.NewPCG(8, 8))}.payloads(4)
	out := l.lua(t, `
		local trainer = hud.TrainingClient("tiny")
		local r = trainer:forward_backward_custom(..., function(data, logprobs)
		  return -(logprobs[2] * data[2].mask):sum() - (logprobs[#data] * 0):sum()
		end)
		trainer:optim_step{ learning_rate = 1e-3 }
		return r.metrics.untouched_datums, r.num_datums`, toLua(list))
	if n := out[1].(float64); out[0] != n-2 { // a zero gradient is a touch
		t.Errorf("got untouched_datums %v of %v, want all but 2", out[0], n)
	}
	for d, w := range l.weights {
		if zero := largest(w) == 0; zero != (d != 1) {
			t.Errorf("datum %d: got weights %v", d, w)
		}
	}
}
