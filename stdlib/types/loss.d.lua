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
---formulas: summed over tokens, with absolute bounds on the ratio.
---@class hud.loss
local M = {}

---@alias hud.Aggregation "sum"|"token_mean"|"seq_mean_token_mean"|"seq_mean_token_sum"|"seq_mean_token_sum_norm"|"prompt_mean"

---@class hud.LossOptions
---@field aggregate hud.Aggregation? default "sum"
---@field max_length number? for seq_mean_token_sum_norm
---@field denominator number? in place of the batch's own count, so that chunks add up to the whole
---@field advantage (number|number[]|tensor)? one for each datum, in place of the data's

---@class hud.ClipOptions: hud.LossOptions
---@field clip_low_threshold number?
---@field clip_high_threshold number?

---@class hud.PPOOptions: hud.ClipOptions
---@field epsilon number? short for the thresholds 1 - epsilon and 1 + epsilon

---@class hud.DROOptions: hud.LossOptions
---@field beta number? default 0.05

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

---A loss by name as a function for forward_backward_custom, so that
---`loss.as_custom("ppo")` does what `loss_fn = "ppo"` does. What is wrong with the
---options shows here, before anything is spent.
---@param name string
---@param opts? table the loss's options
---@return hud.CustomLoss
function M.as_custom(name, opts) end

---Advantage estimators. Each takes the rewards as a list or a tensor and gives
---the same kind. Groups are equal numbers in group_idx, or consecutive stretches
---of group_size; without either all are one group. Rewards with the same
---traj_idx count once.
---@class hud.loss.advantages
local A = {}
M.advantages = A

---@class hud.AdvantageOptions
---@field group_idx integer[]?
---@field group_size integer?
---@field traj_idx integer[]?

---@class hud.ScaledAdvantageOptions: hud.AdvantageOptions
---@field eps number? added to the standard deviation

---@class hud.OPOOptions: hud.AdvantageOptions
---@field length integer[] loss tokens of each

---R - mean of the group: what the HUD service uses.
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.AdvantageOptions?
---@return V
function A.mean_only(rewards, opts) end

---(R - mean)/(std + eps) within the group, std divided by n-1, eps 1e-6; R in a
---group of one.
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.ScaledAdvantageOptions?
---@return V
function A.grpo(rewards, opts) end

---(R - mean of the group)/(std of the batch + eps), eps 1e-4.
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.ScaledAdvantageOptions?
---@return V
function A.batch_std(rewards, opts) end

---R - mean of the others in the group; R in a group of one.
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.AdvantageOptions?
---@return V
function A.rloo(rewards, opts) end

---R - the mean of the group weighted by length; R in a group of one.
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.OPOOptions
---@return V
function A.opo(rewards, opts) end

---(R - mean)/mean within the group, 0 where the mean is not above 0.
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.AdvantageOptions?
---@return V
function A.maxrl(rewards, opts) end

return M
