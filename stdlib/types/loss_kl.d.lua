---@meta _

---@class (partial) hud.loss
local M = {}

---Estimators of KL(current || reference) as losses, for tokens that the current
---policy sampled: coef times a value per token, "token_mean". They need the
---reference's logprobs: `reference =` on forward_backward_custom. x and l - q are held
---within 20 of 0. Sources: verl; TRL and Trinity-RFT (ratio_cap = 2) for k3_is; NeMo
---RL for k3_score. By name: `loss.as_custom("kl.k3")`.
---@class hud.loss.kl
local K = {}
M.kl = K

---@class hud.KLOptions: hud.LossOptions
---@field coef number? default 1

---@class hud.KLCapOptions: hud.KLOptions
---@field ratio_cap number? default 0, which caps nothing

---Per token l - l_ref. As a loss its gradient is 0 in the mean. Source: verl.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2, ref_logprobs = tensor{-1.5, -0.25, -2} }
---    > (loss.kl.k1(d))
---    0.1250
---    [float32]
---@param data table
---@param opts hud.KLOptions?
---@return tensor loss, table<string, number> metrics
function K.k1(data, opts) end

---Per token |l - l_ref|. Source: verl.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2, ref_logprobs = tensor{-1.5, -0.25, -2} }
---    > (loss.kl.abs(d))
---    0.3750
---    [float32]
---@param data table
---@param opts hud.KLOptions?
---@return tensor loss, table<string, number> metrics
function K.abs(data, opts) end

---Per token (l - l_ref)^2/2: its gradient is the divergence's. Source: verl.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2, ref_logprobs = tensor{-1.5, -0.25, -2} }
---    > (loss.kl.k2(d))
---    0.0781
---    [float32]
---@param data table
---@param opts hud.KLOptions?
---@return tensor loss, table<string, number> metrics
function K.k2(data, opts) end

---Per token e^x - x - 1 with x = l_ref - l, at most 10: the value is the divergence's, in
---the mean; the gradient is that of the opposite direction. verl, SkyRL and NeMo RL
---hold x and the value, TRL neither. Source: verl.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2, ref_logprobs = tensor{-1.5, -0.25, -2} }
---    > (loss.kl.k3(d))
---    0.0703
---    [float32]
---@param data table
---@param opts hud.KLOptions?
---@return tensor loss, table<string, number> metrics
function K.k3(data, opts) end

---k3's value with k2's gradient. Source: verl ("k3+").
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2, ref_logprobs = tensor{-1.5, -0.25, -2} }
---    > (loss.kl.k3_st(d))
---    0.0703
---    [float32]
---@param data table
---@param opts hud.KLOptions?
---@return tensor loss, table<string, number> metrics
function K.k3_st(data, opts) end

---k3*r for tokens of another policy, r at most ratio_cap where that is above 0; the
---gradient goes through both. Sources: TRL (use_bias_correction_kl); with ratio_cap = 2
---Trinity-RFT.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2, ref_logprobs = tensor{-1.5, -0.25, -2} }
---    > (loss.kl.k3_is(d))
---    0.0854
---    [float32]
---@param data table
---@param opts hud.KLCapOptions?
---@return tensor loss, table<string, number> metrics
function K.k3_is(data, opts) end

---k3 with the gradient of having sampled the token added: value and gradient are the
---divergence's. Source: NeMo RL (arXiv 2506.09477).
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2, ref_logprobs = tensor{-1.5, -0.25, -2} }
---    > (loss.kl.k3_score(d))
---    0.0703
---    [float32]
---@param data table
---@param opts hud.KLOptions?
---@return tensor loss, table<string, number> metrics
function K.k3_score(data, opts) end

---The divergence KL(policy || reference) itself, sum of p*(log p - log p_ref) over the
---vocabulary, from logits [N, V] of both; the reference is held constant. -inf is
---probability 0. Where only the policy allows a token the divergence is infinite, which
---raises. Metric: kl. Source: the definition.
---
---    > policy = tensor({ { 0, 0 } }):requires_grad_()
---    > kl = loss.kl.exact(policy, tensor({ { 0, 1.0986123 } }))
---    > kl:item()
---    0.14384104311466
---    > kl:backward()
---    > policy.grad
---      0.2747 -0.2747
---    [float32 1x2]
---@param logits tensor
---@param reference tensor
---@param opts hud.CoefOptions?
---@return tensor loss, table<string, number> metrics
function K.exact(logits, reference, opts) end

---@class hud.KLController
---@field target number the divergence to keep
---@field n number? samples since the last call, default 1
---@field horizon number? default 10000

---The next coefficient of a KL term: beta*(1 + clip(kl/target - 1, -0.2, 0.2)*n/horizon).
---Source: verl's AdaptiveKLController.
---
---    > loss.kl.controller_adaptive(0.1, 0.02, { target = 0.01, n = 100 })
---    0.1002
---@param beta number the coefficient so far
---@param kl number the divergence measured
---@param opts hud.KLController
---@return number
function K.controller_adaptive(beta, kl, opts) end

return M
