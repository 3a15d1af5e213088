---@meta hud.loss

---Losses, each one call that computes value and gradient in one pass:
---`local loss = require "hud.loss"`.
---
---    trainer:forward_backward_custom(batch, loss.as_custom("ppo"), { group_size = 8 })
---
---Notation: l is the current policy's logprob of a token, q the sampling
---policy's, r = exp(l - q), A the advantage (by default reward minus the group's
---mean, each trajectory counted once). Positions whose mask is 0 are not looked
---at. Each loss takes the `data` of a custom loss (or `data.packed`), one datum, a list
---of datums, or any table with the fields logprobs, sampling_logprobs, mask and advantage.
---It returns the loss, to be minimised, and its metrics.
---
---cross_entropy, importance_sampling, ppo, cispo and dro are the service's own
---formulas: summed over tokens, with absolute bounds on the ratio. The others say
---which aggregation is theirs; their bounds are absolute as well. In them a
---log-ratio is held within 20 of 0 before it is exponentiated, and has no gradient
---beyond. A sequence is one datum.
---
---Metrics: loss_tokens and masked_tokens, the positions the mask leaves out; agg/empty, 1
---where no token is left; where there are bounds clip_fraction, and its parts
---clip_fraction_low and clip_fraction_high; where the sampling policy is looked at
---ratio_mean, ratio_max, ess (the share of the tokens that still counts), extreme_tokens
---(log-ratios beyond 20), and kl_k1, kl_k2, kl_k3, estimates of KL(sampling || current).
---@class hud.loss
local M = {}

---@alias hud.Aggregation "sum"|"token_mean"|"seq_mean_token_mean"|"seq_mean_token_sum"|"seq_mean_token_sum_norm"|"prompt_mean"|"token_mean_legacy"

---@class hud.LossOptions
---@field aggregate (hud.Aggregation|"none")? default: the loss's own, "sum" where it names none; "none" gives what each token loses, without metrics
---@field max_length number? for seq_mean_token_sum_norm
---@field denominator number? in place of the batch's own count, so that chunks add up to the whole
---@field advantage (number|number[]|tensor)? one for each datum or each position, in place of the data's; losses with one ratio per sequence take one for each datum
---@field old_logprobs (number[]|tensor)? of the policy before the first of several steps on the batch, one for each position: ratios are to it
---@field correction hud.Correction? weighs tokens for the difference between the sampling and the old policy
---@field correction_low number?
---@field correction_high number?
---@field rejection string? criteria by which tokens or sequences leave the loss and its denominators: see hud.Rejection
---@field rejection_low number?
---@field rejection_high number?
---@field normalize_weights boolean? divide a correction's weights by their mean over the loss tokens

---With w = exp(old - sampling logprob): "tis" is min(w, high), 2; "seq_tis" the same of the
---sequence's product of w, on each of its tokens; "icepop" w within low
---and high, 0.5 and 5, else 0; "seq_mask_tis" w where the sequence's geometric mean lies
---within 0.999 and 1.002, else 0; "off_policy_seq_mask" 1 where A >= 0 or the
---sequence's mean of sampling - current logprob is at most high (no default), else 0.
---Weights are constants; a token of weight 0 still counts as one. Without old_logprobs
---all but the last take the current policy for the old one, which makes the loss's own
---ratios 1: right for the first step. Metrics: correction_weight, correction_fraction.
---Sources: TRL, NeMo RL; verl for seq_tis.
---@alias hud.Correction "tis"|"seq_tis"|"icepop"|"seq_mask_tis"|"off_policy_seq_mask"

---One criterion, or several with commas between them, all of which a token must meet. With
---d = old - sampling logprob, k1 is -d, k2 d^2/2, k3 exp(d) - 1 - d, of each token, or as
---sum, mean or maximum over the sequence. For k1 the bounds are on the ratio exp(d),
---rejection_low 1/rejection_high unless given; for the others rejection_high is on the
---value. It has no default. What is rejected does not count as a token. Metric:
---rejected_fraction. Source: verl (rollout_rs).
---
---    > d = { logprobs = tensor{-1, -3}, sampling_logprobs = tensor{-2, -3}, mask = tensor{1, 1}, advantage = 1 }
---    > (loss.reinforce(d, { rejection = "token_k1", rejection_high = 2, aggregate = "token_mean" }))
---    3
---    [float32]
---@alias hud.Rejection "token_k1"|"token_k2"|"token_k3"|"seq_sum_k1"|"seq_sum_k2"|"seq_sum_k3"|"seq_mean_k1"|"seq_mean_k2"|"seq_mean_k3"|"seq_max_k2"|"seq_max_k3"

---A loss by name as a function for forward_backward_custom, so that
---`loss.as_custom("ppo")` does what `loss_fn = "ppo"` does. What is wrong with the
---options shows here, and a missing reference when it is used, before anything is
---spent. Losses that need more than a service's forward pass returns, whole
---distributions say, are refused, with what to use instead. The script's own losses
---(see register) are found as well.
---
---    > ppo = loss.as_custom("ppo", { epsilon = 0.1 })
---    > trainer = hud.TrainingClient("tiny")
---    > payload = hud.sft{ { role = "user", content = "hi" }, { role = "assistant", content = "ho" } }
---    > trainer:forward_backward_custom({ payload }, ppo).num_datums
---    1
---    > loss.as_custom("ppo", { epsilom = 0.1 })
---    error: stdin:1: as_custom: unknown option "epsilom" (did you mean "epsilon"?)
---@param name string
---@param opts? table the loss's options
---@return hud.CustomLoss
function M.as_custom(name, opts) end

---What each token loses, added up: for arithmetic of one's own with the tokens that
---`aggregate = "none"` gives. Positions whose mask is 0 are left out, whatever they hold.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 0} }
---    > tokens = loss.reinforce(d, { advantage = 2, aggregate = "none" })
---    > tokens
---     2 4 0
---    [float32 3]
---    > loss.aggregate(tokens * tokens, d, { aggregate = "token_mean" })
---    10
---    [float32]
---@param tokens tensor one value for each position
---@param data table
---@param opts hud.AggregateOptions
---@return tensor
function M.aggregate(tokens, data, opts) end

---@class hud.AggregateOptions
---@field aggregate hud.Aggregation
---@field max_length number? for seq_mean_token_sum_norm
---@field denominator number? in place of the batch's own count

---@class hud.RegisterOptions
---@field defaults table? the options of the loss with their defaults; others are refused
---@field formula string? for loss.list
---@field reference boolean? it needs a reference's logprobs: as_custom then refuses to go without
---@field detached boolean? it holds a part constant on purpose, for loss.check; false: it does not

---Adds a loss of the script's own, which is then there under its name as every other:
---`loss.NAME(data, opts)`, `loss.as_custom(NAME, opts)`, `loss.check(NAME)`, `loss.list()`.
---The function is called with data, the list of logprobs (of a packed table or one datum:
---its logprobs), and its options. A name that is there already is refused.
---
---    > loss.register("scaled", function(data, logprobs, o)
---    >>   return (data.logprobs * data.mask):sum() * -o.k
---    >> end, { defaults = { k = 2 }, formula = "-k*l" })
---    > d = { logprobs = tensor{-1, -2}, mask = tensor{1, 1} }
---    > loss.scaled(d)
---    6
---    [float32]
---    > loss.scaled(d, { k = 0.5 })
---    1.5000
---    [float32]
---@param name string lower-case letters, digits and _
---@param fn fun(data: table, logprobs: table|tensor, opts: table): tensor, table<string, number>?
---@param opts hud.RegisterOptions?
function M.register(name, fn, opts) end

---@class hud.LossRow
---@field name string
---@field call string how it is written: "loss.kl.k3", 'correction = "tis"'
---@field section string? "B4"
---@field kind string advantage, tokens, pairs, answers, logits, values, scores, controller, correction, aggregation; registered
---@field formula string?
---@field defaults string? its options with their defaults, and the aggregation
---@field source string?
---@field reference boolean needs a reference's logprobs
---@field sampling boolean? needs the sampling policy's logprobs
---@field extra string[]? the fields of an input's extra that it reads
---@field needs string? what it needs beside what a service's forward pass returns

---The table of everything here, and the script's own losses: `hudrl loss list` prints it.
---
---    > for _, row in ipairs(loss.list()) do
---    >>   if row.section == "B4" then print(row.call, row.formula, row.defaults) end
---    >> end
---    loss.ppo	−min(r·A, clip(r, low, high)·A)	clip_high_threshold 1.2, clip_low_threshold 0.8, aggregate sum
---@return hud.LossRow[]
function M.list() end

---@class hud.CheckOptions
---@field name string? for the report
---@field seed integer? of the batch that the loss is tried on, default 1
---@field detached boolean? whether the loss holds a part constant on purpose; nil: not known
---@field options table? the options of a loss that is named

---@class hud.LossProperty
---@field name string
---@field status "ok"|"note"|"fail"
---@field text string what was found
---@field advice string? what to do about it

---@class hud.LossReport
---@field loss string
---@field ok boolean nothing failed
---@field verdict string
---@field failed string[] the names of what failed
---@field properties hud.LossProperty[]
---@field text string all of it, as tostring gives it

---Tries a loss, a function for forward_backward_custom or a name, on a small batch made
---for it: is the gradient the derivative of the value (a part held constant, by detach
---say, is a note), do masked tokens leak whatever they hold, do log-ratios of 20, 88 and
---1000 leave it finite, do padding and the order of datums and groups matter, do chunks
---add up to the whole, which datums get a gradient, how large is it beside
---importance_sampling's, what do other rewards do, does a step make the better answers
---likelier. The loss is called some hundred times.
---`hudrl loss check` does the same with a file or a name.
---
---    > report = loss.check(function(data, logprobs)
---    >>   local total = 0
---    >>   for i, d in ipairs(data) do
---    >>     total = total - ((logprobs[i] - d.sampling_logprobs):exp() * d.mask):sum() * d.advantage
---    >>   end
---    >>   return total
---    >> end)
---    > report.failed
---    {"masked NaN", "extremes"}
---    > report.properties[4].advice
---    "0 times NaN is NaN: select with tensor.where(mask, x, 0) in place of x * mask"
---    > loss.check("gspo").verdict
---    "gspo is sound; to know: reach"
---@param what string|hud.CustomLoss
---@param opts hud.CheckOptions?
---@return hud.LossReport
function M.check(what, opts) end

return M
