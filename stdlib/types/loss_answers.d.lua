---@meta _

---@class (partial) hud.loss
local M = {}

---Options of the losses of single answers. An answer is a trajectory, x the sum of l -
---l_ref over its loss tokens. It is desirable if its extra has `desirable = true`, or, where
---its extra says nothing, if its reward is above 0. The loss is the mean over answers, and
---all need a reference. What is in extra needs `data`: data.packed has none. Metrics:
---answers, desirable, margin (the mean x).
---
---    trainer:forward_backward_custom(batch, loss.as_custom("kto", { kl = 0 }), { reference = checkpoint })
---@class hud.AnswerOptions
---@field beta number? default 0.1
---@field denominator number? in place of the number of answers, so that chunks add up to the whole
---@field aggregate "none"? gives what each answer loses, without metrics

---@class hud.JudgedOptions: hud.AnswerOptions
---@field desirable_weight number? default 1
---@field undesirable_weight number? default 1

---@class hud.KTOOptions: hud.JudgedOptions
---@field kl number? default -1: the mean x of the answers whose extra has `mismatched = true`, at least 0

---Per answer desirable_weight*(1 - sigmoid(beta*(x - k))) if it is desirable, else
---undesirable_weight*(1 - sigmoid(beta*(k - x))), with the divergence k held constant:
---option kl, or estimated from answers that belong to another prompt. Metric: kl.
---Source: TRL.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 }, ref_logprobs = tensor{-1.5, -2, -2} }
---    > (loss.kto(d, { kl = 0 }))
---    0.4813
---    [float32]
---@param data table
---@param opts hud.KTOOptions?
---@return tensor loss, table<string, number> metrics
function M.kto(data, opts) end

---Per answer desirable_weight*(1 - sigmoid(beta*x)) if it is desirable, else
---undesirable_weight*sigmoid(beta*x). Source: TRL.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 }, ref_logprobs = tensor{-1.5, -2, -2} }
---    > (loss.apo_zero_unpaired(d))
---    0.4813
---    [float32]
---@param data table
---@param opts hud.JudgedOptions?
---@return tensor loss, table<string, number> metrics
function M.apo_zero_unpaired(data, opts) end

---@class hud.BCOOptions: hud.AnswerOptions
---@field update number? default 1; 0 leaves the running mean as it is
---@field state table? where the mean is kept, as mean and count: hud.state saves it with the run

---Per answer -log sigmoid(beta*x - m) if it is desirable, else -log sigmoid(m - beta*x),
---with m the mean of beta*x over this batch and all that the same loss.as_custom("bco") saw
---before, or that went into `state`. Metric: delta, that mean. Source: TRL.
---
---    trainer:forward_backward_custom(batch, loss.as_custom("bco", { state = hud.state("bco", {}) }), { reference = checkpoint })
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 }, ref_logprobs = tensor{-1.5, -2, -2} }
---    > (loss.bco(d))
---    0.6564
---    [float32]
---@param data table
---@param opts hud.BCOOptions?
---@return tensor loss, table<string, number> metrics
function M.bco(data, opts) end

---Per answer beta*sum of (l - l_ref)*l, the log-ratio held constant, - (p - 1/2)*sum of l,
---with p = extra.p_win, how likely the answer is preferred to that of the mixture it is
---compared with. Source: TRL.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 }, ref_logprobs = tensor{-1.5, -2, -2} }
---    > d[1], d[2] = { extra = { p_win = 0.75 } }, { extra = { p_win = 0.25 } }
---    > (loss.nash_md(d))
---    0.1250
---    [float32]
---@param data table
---@param opts hud.AnswerOptions?
---@return tensor loss, table<string, number> metrics
function M.nash_md(data, opts) end

---@class hud.A2POOptions
---@field beta2 number? default 0.001
---@field denominator number? in place of the number of answers
---@field aggregate "none"? gives what each answer loses, without metrics

---Per answer (beta2*x - (R - v))^2, with v = extra.v_star the optimal value of the prompt,
---which advantages.optimal_value makes of rewards of the reference's answers. Source: TRL.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 }, ref_logprobs = tensor{-1.5, -2, -2} }
---    > d[1], d[2] = { extra = { v_star = 0.5 } }, { extra = { v_star = 0.5 } }
---    > (loss.a2po(d))
---    0.2493
---    [float32]
---@param data table
---@param opts hud.A2POOptions?
---@return tensor loss, table<string, number> metrics
function M.a2po(data, opts) end

return M
