---@meta hud.loss

---Losses, each one call that computes value and gradient in one pass:
---`local loss = require "hud.loss"`.
---
---    trainer:forward_backward_custom(batch, loss.as_custom("ppo"), { group_size = 8 })
---
---Notation: l is the current policy's logprob of a token, q the sampling
---policy's, r = exp(l - q), A the advantage (by default reward minus the group's
---mean, each trajectory counted once). Positions whose mask is 0 are not looked
---at. Each loss takes the `data` of a custom loss (or `data.packed`), one datum,
---or any table with the fields logprobs, sampling_logprobs, mask and advantage.
---It returns the loss, to be minimised, and its metrics.
---
---cross_entropy, importance_sampling, ppo, cispo and dro are the service's own
---formulas: summed over tokens, with absolute bounds on the ratio. The others say
---which aggregation is theirs; their bounds are absolute as well. In them a
---log-ratio is held within 20 of 0 before it is exponentiated, and has no gradient
---beyond. A sequence is one datum.
---
---Metrics: loss_tokens; where there are bounds clip_fraction; where the sampling
---policy is looked at ratio_mean, ratio_max, ess (the share of the tokens that still
---counts), and kl_k1, kl_k2, kl_k3, estimates of KL(sampling || current).
---@class hud.loss
local M = {}

---@alias hud.Aggregation "sum"|"token_mean"|"seq_mean_token_mean"|"seq_mean_token_sum"|"seq_mean_token_sum_norm"|"prompt_mean"|"token_mean_legacy"

---@class hud.LossOptions
---@field aggregate (hud.Aggregation|"none")? default: the loss's own, "sum" where it names none; "none" gives what each token loses, without metrics
---@field max_length number? for seq_mean_token_sum_norm
---@field denominator number? in place of the batch's own count, so that chunks add up to the whole
---@field advantage (number|number[]|tensor)? one for each datum, in place of the data's
---@field old_logprobs (number[]|tensor)? of the policy before the first of several steps on the batch, one for each position: ratios are to it
---@field correction hud.Correction? weighs tokens for the difference between the sampling and the old policy
---@field correction_low number?
---@field correction_high number?

---With w = exp(old - sampling logprob): "tis" is min(w, high), 2; "icepop" w within low
---and high, 0.5 and 5, else 0; "seq_mask_tis" w where the sequence's geometric mean lies
---within 0.999 and 1.002, else 0; "off_policy_seq_mask" 1 where A >= 0 or the
---sequence's mean of sampling - current logprob is at most high (no default), else 0.
---Weights are constants; a token of weight 0 still counts as one. Without old_logprobs
---the first three take the current policy for the old one, which makes the loss's own
---ratios 1: right for the first step. Metrics: correction_weight, correction_fraction.
---Sources: TRL, NeMo RL.
---@alias hud.Correction "tis"|"icepop"|"seq_mask_tis"|"off_policy_seq_mask"

---@class hud.ClipOptions: hud.LossOptions
---@field clip_low_threshold number?
---@field clip_high_threshold number?

---@class hud.PPOOptions: hud.ClipOptions
---@field epsilon number? short for the thresholds 1 - epsilon and 1 + epsilon

---@class hud.DROOptions: hud.LossOptions
---@field beta number? default 0.05

---@class hud.DualClipOptions: hud.PPOOptions
---@field dual_clip number? default 3

---@class hud.DeltaOptions: hud.PPOOptions
---@field delta number? default 4

---@class hud.GRPOOptions: hud.PPOOptions
---@field beta number? default 0: the weight of kl.k3, which needs a reference

---@class hud.SAPOOptions: hud.LossOptions
---@field tau_pos number? default 1
---@field tau_neg number? default 1.05

---@class hud.VAPOOptions: hud.PPOOptions
---@field mu number? default 0.1

---@class hud.GateOptions: hud.LossOptions
---@field delta_low number?
---@field delta_high number?

---@class hud.PrimeOptions: hud.GateOptions
---@field adv_tau number? default 1
---@field kl_tau number? default 0.001

---@class hud.PrimeIPOOptions: hud.LossOptions
---@field delta number? default 0.2
---@field adv_tau number? default 1
---@field kl_tau number? default 0.001

---@class hud.RefKLOptions: hud.LossOptions
---@field delta_low number? default 0.2
---@field kl_tau number? default 0.001

---@class hud.GMPOOptions: hud.LossOptions
---@field log_clip_low number? default -0.2
---@field log_clip_high number? default 0.2

---@class hud.VESPOOptions: hud.LossOptions
---@field k_pos number? default 2
---@field lambda_pos number? default 3
---@field k_neg number? default 3
---@field lambda_neg number? default 2

---@class hud.TOPROptions: hud.LossOptions
---@field reward_threshold number? default 0

---@class hud.OPMDOptions: hud.LossOptions
---@field tau number? default 0

---Per token -l. Advantages are not used.
---@param data table
---@param opts hud.LossOptions?
---@return tensor loss, table<string, number> metrics
function M.cross_entropy(data, opts) end

---Per token -r*A.
---@param data table
---@param opts hud.LossOptions?
---@return tensor loss, table<string, number> metrics
function M.importance_sampling(data, opts) end

---Per token -min(r*A, clip(r, low, high)*A); thresholds 0.8 and 1.2.
---@param data table
---@param opts hud.PPOOptions?
---@return tensor loss, table<string, number> metrics
function M.ppo(data, opts) end

---Per token -clip(r, low, high)*A*l with the clipped ratio held constant; thresholds 0 and 4.
---@param data table
---@param opts hud.ClipOptions?
---@return tensor loss, table<string, number> metrics
function M.cispo(data, opts) end

---Per token -(l*A - beta/2*(l - q)^2).
---@param data table
---@param opts hud.DROOptions?
---@return tensor loss, table<string, number> metrics
function M.dro(data, opts) end

---Per token -A*l.
---@param data table
---@param opts hud.LossOptions?
---@return tensor loss, table<string, number> metrics
function M.reinforce(data, opts) end

---Per token -r*A where low <= r <= high (0.8 and 1.28), nothing elsewhere, divided by the
---number of tokens inside: double-sided importance sampling. Metrics:
---trained_tokens, masked_tokens. The default aggregation is "token_mean", whose
---tokens are the trained ones.
---@param data table
---@param opts hud.ClipOptions?
---@return tensor loss, table<string, number> metrics
function M.glm_double_sided(data, opts) end

---Per token -A*l, "token_mean", to be used with advantages.gpg_adv. Source: verl.
---@param data table
---@param opts hud.LossOptions?
---@return tensor loss, table<string, number> metrics
function M.gpg(data, opts) end

---Per token -A*l/(1 + tau), "token_mean", to be used with advantages.opmd. Source:
---Trinity-RFT.
---@param data table
---@param opts hud.OPMDOptions?
---@return tensor loss, table<string, number> metrics
function M.opmd_loss(data, opts) end

---Per token -p*l with p = exp(l) held constant, "token_mean": supervised data, weighed
---as if it were sampled. Advantages are not used. Source: TRL.
---@param data table
---@param opts hud.LossOptions?
---@return tensor loss, table<string, number> metrics
function M.dft(data, opts) end

---ppo, where a token with A < 0 loses at most -dual_clip*A; thresholds 0.8 and 1.2,
---"token_mean". Source: verl.
---@param data table
---@param opts hud.DualClipOptions?
---@return tensor loss, table<string, number> metrics
function M.ppo_dual_clip(data, opts) end

---Per token -min(min(r, delta)*A, clip(r, low, high)*A); thresholds 0.8 and 1.2,
---"token_mean". Source: TRL (delta).
---@param data table
---@param opts hud.DeltaOptions?
---@return tensor loss, table<string, number> metrics
function M.ppo_delta(data, opts) end

---ppo with thresholds 0.8 and 1.28, "token_mean". Source: TRL, verl.
---@param data table
---@param opts hud.PPOOptions?
---@return tensor loss, table<string, number> metrics
function M.dapo(data, opts) end

---ppo with thresholds 0.8 and 1.2, "token_mean". Source: TRL.
---@param data table
---@param opts hud.PPOOptions?
---@return tensor loss, table<string, number> metrics
function M.bnpo(data, opts) end

---ppo with thresholds 0.8 and 1.2, "seq_mean_token_sum_norm": max_length is needed.
---Source: TRL, which divides by the datums as well; verl divides by the length only.
---@param data table
---@param opts hud.PPOOptions?
---@return tensor loss, table<string, number> metrics
function M.dr_grpo(data, opts) end

---ppo + beta*kl.k3; thresholds 0.8 and 1.2, "seq_mean_token_mean". To be used with
---advantages.grpo. Source: TRL.
---@param data table
---@param opts hud.GRPOOptions?
---@return tensor loss, table<string, number> metrics
function M.grpo(data, opts) end

---Per token -sigmoid(tau*(r - 1))*4/tau*A with tau_pos where A > 0, else tau_neg,
---"seq_mean_token_mean": a smooth gate in place of bounds. Source: TRL.
---@param data table
---@param opts hud.SAPOOptions?
---@return tensor loss, table<string, number> metrics
function M.sapo(data, opts) end

---Per token -r*A*l with r held constant where low < r < high (0.8 and 1.2), nothing
---elsewhere, "token_mean": unlike cispo, a token outside has no gradient. Source: SkyRL.
---@param data table
---@param opts hud.PPOOptions?
---@return tensor loss, table<string, number> metrics
function M.rollout_is(data, opts) end

---ppo - mu*l on datums with a reward above 0; thresholds 0.8 and 1.28, "token_mean"
---for both terms. Source: NeMo RL.
---@param data table
---@param opts hud.VAPOOptions?
---@return tensor loss, table<string, number> metrics
function M.vapo_pos_nll(data, opts) end

---Per token -r*A, dropped where A > 0 and p - p_sampling > delta_high, or A < 0 and
---p_sampling - p > delta_low (0.2 and 0.2), "token_mean". Source: SkyRL.
---@param data table
---@param opts hud.GateOptions?
---@return tensor loss, table<string, number> metrics
function M.dppo_tv(data, opts) end

---Per token -r*A, dropped where the divergence of {token, any other} between sampling
---policy and current exceeds delta_high for A > 0 and a probability that rose, or
---delta_low for A < 0 and one that fell (0.05 and 0.05), "token_mean". Source: SkyRL.
---@param data table
---@param opts hud.GateOptions?
---@return tensor loss, table<string, number> metrics
function M.dppo_kl(data, opts) end

---dppo_tv (0.2 and 0.2) with A times adv_tau, + kl_tau*(l - q)^2 on every token.
---Source: prime-rl.
---@param data table
---@param opts hud.PrimeOptions?
---@return tensor loss, table<string, number> metrics
function M.prime_default(data, opts) end

---Per token -r*A*adv_tau where |p - p_sampling| <= delta, + kl_tau*(l - q)^2 on every
---token. Not the preference loss IPO. Source: prime-rl.
---@param data table
---@param opts hud.PrimeIPOOptions?
---@return tensor loss, table<string, number> metrics
function M.prime_ipo(data, opts) end

---Per token -(l_ref - l)*r with the difference held constant where
---p - p_sampling >= -delta_low, + kl_tau*(l - q)^2 on every token. Needs a reference;
---advantages are not used. Source: prime-rl.
---@param data table
---@param opts hud.RefKLOptions?
---@return tensor loss, table<string, number> metrics
function M.ref_kl_pg(data, opts) end

---ppo with s = exp(mean of l - q over the sequence) in place of r; thresholds 0.9997
---and 1.0004, "seq_mean_token_mean". Source: TRL.
---@param data table
---@param opts hud.PPOOptions?
---@return tensor loss, table<string, number> metrics
function M.gspo(data, opts) end

---gspo with "seq_mean_token_sum", so that long answers count as their tokens do.
---Source: TRL.
---@param data table
---@param opts hud.PPOOptions?
---@return tensor loss, table<string, number> metrics
function M.luspo(data, opts) end

---gspo with the gradient of each token's own logprob, log s at most 10. Source: verl.
---@param data table
---@param opts hud.PPOOptions?
---@return tensor loss, table<string, number> metrics
function M.gspo_token(data, opts) end

---Per sequence -A*exp(mean of l - q), each l - q held below log_clip_high for A > 0 and
---above log_clip_low for A < 0, "seq_mean_token_mean". Source: verl (geo_mean).
---@param data table
---@param opts hud.GMPOOptions?
---@return tensor loss, table<string, number> metrics
function M.gmpo(data, opts) end

---Per token -phi*A*l with phi = exp(lambda + k*log w - lambda*w) held constant and
---w = exp(sum of l - q), log w within [log 1e-8, 20]; k_pos, lambda_pos for A >= 0, else
---k_neg, lambda_neg; "token_mean". Source: TRL.
---@param data table
---@param opts hud.VESPOOptions?
---@return tensor loss, table<string, number> metrics
function M.vespo(data, opts) end

---Per token -alpha*R*l with alpha = 1 where the reward R > reward_threshold, else
---min(1, exp(sum of l - q)) held constant, "token_mean". Advantages are not used.
---Source: Trinity-RFT.
---@param data table
---@param opts hud.TOPROptions?
---@return tensor loss, table<string, number> metrics
function M.topr(data, opts) end

---@class hud.MiniLLMOptions: hud.PPOOptions
---@field gamma number? default 0: how much the gains of later tokens count
---@field length_normalization number? default 1: divide the gains by what they count; 0: not

---ppo with the advantage A + the sum over this and later tokens of gamma^steps*(l_ref - l),
---held constant and divided by the sum of gamma^steps, where the reference is the teacher;
---thresholds 0.8 and 1.2, "token_mean". For distillation alone pass advantage = 0. Needs a
---reference. Source: TRL (experimental/minillm).
---@param data table
---@param opts hud.MiniLLMOptions?
---@return tensor loss, table<string, number> metrics
function M.minillm(data, opts) end

---A loss by name as a function for forward_backward_custom, so that
---`loss.as_custom("ppo")` does what `loss_fn = "ppo"` does. What is wrong with the
---options shows here, and a missing reference when it is used, before anything is
---spent. Losses that need more than a service's forward pass returns, whole
---distributions say, are refused, with what to use instead. The script's own losses
---(see register) are found as well.
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
---importance_sampling's, what do other rewards do. The loss is called some hundred times.
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
