---@meta _

---@class (partial) hud.loss
local M = {}

---Options of the losses of pairs, of which each compares two answers to a prompt. A pair
---is two inputs whose extra has the same `pair`, a number or a string, or else a group of
---two trajectories, so that group_size = 2 pairs a batch. The one whose extra has
---`chosen = true`, or else that with the higher reward, is chosen; pairs with equal
---rewards are left out. What is in extra needs `data`: data.packed has none. x is the sum of
---l - l_ref over an answer's loss tokens, D = x of the chosen - x of the rejected answer,
---n its loss tokens; the loss is the mean over pairs. Metrics: pairs, ties, accuracy (the
---share with the chosen answer ahead), margin (the mean D; of mean logprobs where there
---is no reference).
---
---    trainer:forward_backward_custom(batch, loss.as_custom("dpo"), { group_size = 2, reference = checkpoint })
---@class hud.PairOptions
---@field beta number? default 0.1
---@field denominator number? in place of the number of pairs, so that chunks add up to the whole
---@field aggregate "none"? gives what each pair loses, without metrics

---@class hud.SmoothedPairOptions: hud.PairOptions
---@field label_smoothing number? the share of wrong labels e: default 0.1, exo_pair 0.001

---@class hud.DiscoPOPOptions: hud.PairOptions
---@field tau number? default 0.05

---@class hud.CPOOptions: hud.PairOptions
---@field alpha number? default 1

---@class hud.SimPOOptions: hud.PairOptions
---@field gamma number? default 0.5

---@class hud.AlphaPOOptions: hud.SimPOOptions
---@field alpha number? default 0.25

---Per pair -log sigmoid(beta*D). Needs a reference. Source: TRL.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 }, ref_logprobs = tensor{-1.5, -2, -2} }
---    > (loss.dpo(d))
---    0.6210
---    [float32]
---@param data table
---@param opts hud.PairOptions?
---@return tensor loss, table<string, number> metrics
function M.dpo(data, opts) end

---Per pair -(1-e)*log sigmoid(beta*D) - e*log sigmoid(-beta*D), e = label_smoothing.
---Needs a reference. Source: OpenRLHF.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 }, ref_logprobs = tensor{-1.5, -2, -2} }
---    > (loss.cdpo(d))
---    0.6360
---    [float32]
---@param data table
---@param opts hud.SmoothedPairOptions?
---@return tensor loss, table<string, number> metrics
function M.cdpo(data, opts) end

---Per pair (-(1-e)*log sigmoid(beta*D) + e*log sigmoid(-beta*D))/(1 - 2*e). Needs a
---reference. Source: TRL (robust).
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 }, ref_logprobs = tensor{-1.5, -2, -2} }
---    > (loss.dpo_robust(d))
---    0.6022
---    [float32]
---@param data table
---@param opts hud.SmoothedPairOptions?
---@return tensor loss, table<string, number> metrics
function M.dpo_robust(data, opts) end

---Per pair max(0, 1 - beta*D). Needs a reference. Source: TRL (hinge).
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 }, ref_logprobs = tensor{-1.5, -2, -2} }
---    > (loss.slic_hinge(d))
---    0.8500
---    [float32]
---@param data table
---@param opts hud.PairOptions?
---@return tensor loss, table<string, number> metrics
function M.slic_hinge(data, opts) end

---Per pair (x/n of the chosen - x/n of the rejected answer - 1/(2*beta))^2. Needs a
---reference. Source: TRL. prime_ipo is another thing.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 }, ref_logprobs = tensor{-1.5, -2, -2} }
---    > (loss.ipo(d))
---    14.0625
---    [float32]
---@param data table
---@param opts hud.PairOptions?
---@return tensor loss, table<string, number> metrics
function M.ipo(data, opts) end

---Per pair s*(log s - log(1-e)) + (1-s)*(log(1-s) - log e) with s = sigmoid(beta*D).
---Needs a reference. Source: TRL.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 }, ref_logprobs = tensor{-1.5, -2, -2} }
---    > (loss.exo_pair(d))
---    2.5055
---    [float32]
---@param data table
---@param opts hud.SmoothedPairOptions?
---@return tensor loss, table<string, number> metrics
function M.exo_pair(data, opts) end

---Per pair -log sigmoid(beta*xc) - log sigmoid(-beta*xc)/2 - log sigmoid(-beta*xr)/2.
---Needs a reference. Source: TRL.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 }, ref_logprobs = tensor{-1.5, -2, -2} }
---    > (loss.nca_pair(d))
---    1.3499
---    [float32]
---@param data table
---@param opts hud.PairOptions?
---@return tensor loss, table<string, number> metrics
function M.nca_pair(data, opts) end

---Per pair -log sigmoid(beta*xc) - log sigmoid(-beta*xr). Needs a reference. Source: TRL.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 }, ref_logprobs = tensor{-1.5, -2, -2} }
---    > (loss.bco_pair(d))
---    1.3129
---    [float32]
---@param data table
---@param opts hud.PairOptions?
---@return tensor loss, table<string, number> metrics
function M.bco_pair(data, opts) end

---Per pair (xc - 1/(2*beta))^2 + (xr + 1/(2*beta))^2. Needs a reference. Source: TRL.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 }, ref_logprobs = tensor{-1.5, -2, -2} }
---    > (loss.sppo_hard(d))
---    36.2500
---    [float32]
---@param data table
---@param opts hud.PairOptions?
---@return tensor loss, table<string, number> metrics
function M.sppo_hard(data, opts) end

---Per pair 1 - sigmoid(beta*xc) + sigmoid(beta*xr). Needs a reference. Source: TRL.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 }, ref_logprobs = tensor{-1.5, -2, -2} }
---    > (loss.apo_zero(d))
---    0.9625
---    [float32]
---@param data table
---@param opts hud.PairOptions?
---@return tensor loss, table<string, number> metrics
function M.apo_zero(data, opts) end

---Per pair sigmoid(beta*xc) + 1 - sigmoid(beta*D). Needs a reference. Source: TRL.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 }, ref_logprobs = tensor{-1.5, -2, -2} }
---    > (loss.apo_down(d))
---    0.9751
---    [float32]
---@param data table
---@param opts hud.PairOptions?
---@return tensor loss, table<string, number> metrics
function M.apo_down(data, opts) end

---Per pair (1-g)*-log sigmoid(beta*D) + g*exp(-beta*D) with g = sigmoid(beta*D/tau), the
---exponent at most 20. Needs a reference. Source: TRL.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 }, ref_logprobs = tensor{-1.5, -2, -2} }
---    > (loss.discopop(d))
---    0.8493
---    [float32]
---@param data table
---@param opts hud.DiscoPOPOptions?
---@return tensor loss, table<string, number> metrics
function M.discopop(data, opts) end

---dpo of x/n. Needs a reference. Source: TRL.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 }, ref_logprobs = tensor{-1.5, -2, -2} }
---    > (loss.sigmoid_norm(d))
---    0.6326
---    [float32]
---@param data table
---@param opts hud.PairOptions?
---@return tensor loss, table<string, number> metrics
function M.sigmoid_norm(data, opts) end

---Per pair -log sigmoid(beta*(sum of l of the chosen - of the rejected answer)) -
---alpha*mean l of the chosen. Source: TRL, which takes that mean over the batch.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 } }
---    > (loss.cpo(d))
---    2.1931
---    [float32]
---@param data table
---@param opts hud.CPOOptions?
---@return tensor loss, table<string, number> metrics
function M.cpo(data, opts) end

---Per pair -log sigmoid(beta*(mean l of the chosen - of the rejected answer) - gamma).
---Source: TRL.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 } }
---    > (loss.simpo(d))
---    0.8834
---    [float32]
---@param data table
---@param opts hud.SimPOOptions?
---@return tensor loss, table<string, number> metrics
function M.simpo(data, opts) end

---simpo of (1 - exp(-alpha*mean l))/alpha in place of mean l. Source: TRL.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 } }
---    > (loss.alphapo(d))
---    0.8176
---    [float32]
---@param data table
---@param opts hud.AlphaPOOptions?
---@return tensor loss, table<string, number> metrics
function M.alphapo(data, opts) end

---Per pair -mean l of the chosen - beta*log sigmoid(oc - or), o the log-odds of
---exp(mean l). Source: TRL.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 } }
---    > (loss.orpo(d))
---    1.5168
---    [float32]
---@param data table
---@param opts hud.PairOptions?
---@return tensor loss, table<string, number> metrics
function M.orpo(data, opts) end

---@class hud.TransportOptions: hud.PairOptions
---@field label_smoothing number? default 0

---cdpo of sort(sum of l of the chosen - of the rejected) - sort(the same of the reference),
---each sorted over the batch's pairs: the distributions are compared, not the pairs.
---Needs a reference. Source: TRL.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 }, ref_logprobs = tensor{-1.5, -2, -2} }
---    > (loss.aot(d))
---    0.6210
---    [float32]
---@param data table
---@param opts hud.TransportOptions?
---@return tensor loss, table<string, number> metrics
function M.aot(data, opts) end

---cdpo of sort(xc) - sort(xr), each sorted over the batch. Needs a reference. Source: TRL.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 }, ref_logprobs = tensor{-1.5, -2, -2} }
---    > (loss.aot_unpaired(d))
---    0.6210
---    [float32]
---@param data table
---@param opts hud.TransportOptions?
---@return tensor loss, table<string, number> metrics
function M.aot_unpaired(data, opts) end

---Per pair -log sigmoid(beta*(f(xc) - f(xr))) with f(x) = -exp(-x), the exponent at most
---80: DPO with the forward KL divergence. Needs a reference. Source: TRL.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 }, ref_logprobs = tensor{-1.5, -2, -2} }
---    > (loss.dpo_forward_kl(d))
---    0.5931
---    [float32]
---@param data table
---@param opts hud.PairOptions?
---@return tensor loss, table<string, number> metrics
function M.dpo_forward_kl(data, opts) end

---Per pair -log sigmoid(beta*(f(xc) - f(xr))) with f(x) = log sigmoid(x): DPO with the
---Jensen-Shannon divergence. Needs a reference. Source: TRL.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 }, ref_logprobs = tensor{-1.5, -2, -2} }
---    > (loss.dpo_js(d))
---    0.6521
---    [float32]
---@param data table
---@param opts hud.PairOptions?
---@return tensor loss, table<string, number> metrics
function M.dpo_js(data, opts) end

---@class hud.AlphaDPOOptions: hud.PairOptions
---@field alpha number? default 0.5

---Per pair -log sigmoid(beta*(f(xc) - f(xr))) with f(x) = exp((alpha-1)*x)/(alpha-1), the
---exponent at most 80, and x for alpha = 1: DPO with an alpha divergence. Needs a
---reference. Source: TRL.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 }, ref_logprobs = tensor{-1.5, -2, -2} }
---    > (loss.dpo_alpha(d))
---    0.6099
---    [float32]
---@param data table
---@param opts hud.AlphaDPOOptions?
---@return tensor loss, table<string, number> metrics
function M.dpo_alpha(data, opts) end

---@class hud.TPOOptions: hud.TransportOptions
---@field beta number? default 0.01
---@field alpha number? default 1: the weight of the gold answer; 0 does without one

---@class hud.TPOLengthOptions: hud.TPOOptions
---@field gamma number? default 0.5

---cdpo of beta*(sum of l of the chosen - of the rejected) - alpha*mean l of a third
---answer of the pair, whose extra has `gold = true`. Source: TRL.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 1, 2, 3 }, reward = { 1, 0, 0 }, group_idx = { 0, 0, 0 }, traj_idx = { 0, 1, 2 } }
---    > d[3] = { extra = { gold = true } }
---    > (loss.tpo(d))
---    3.6882
---    [float32]
---@param data table
---@param opts hud.TPOOptions?
---@return tensor loss, table<string, number> metrics
function M.tpo(data, opts) end

---tpo of beta*(mean l of the chosen - of the rejected) - gamma. Source: TRL.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 1, 2, 3 }, reward = { 1, 0, 0 }, group_idx = { 0, 0, 0 }, traj_idx = { 0, 1, 2 } }
---    > d[3] = { extra = { gold = true } }
---    > (loss.tpo_l(d))
---    3.9679
---    [float32]
---@param data table
---@param opts hud.TPOLengthOptions?
---@return tensor loss, table<string, number> metrics
function M.tpo_l(data, opts) end

---@class hud.XPOOptions: hud.PairOptions
---@field alpha number? default 1e-5

---dpo + alpha*sum of l of the answer that the reference gave, whose extra has
---`from_reference = true`. Needs a reference. Source: TRL.
---
---    > d = { logprobs = tensor{-1, -2, -3}, sampling_logprobs = tensor{-1, -2, -3}, mask = tensor{1, 1, 1},
---    >>   offsets = { 0, 2, 3 }, reward = { 1, 0 }, group_idx = { 0, 0 }, traj_idx = { 0, 1 }, ref_logprobs = tensor{-1.5, -2, -2} }
---    > d[1] = { extra = { from_reference = true } }
---    > (loss.xpo(d))
---    0.6209
---    [float32]
---@param data table
---@param opts hud.XPOOptions?
---@return tensor loss, table<string, number> metrics
function M.xpo(data, opts) end

return M
