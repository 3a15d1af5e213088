---@meta _

---@class (partial) hud.loss
local M = {}

---Options of the losses of pairs, of which each compares two answers to a prompt. A pair
---is a group of two trajectories, so that group_size = 2 pairs a batch: the one with the
---higher reward is chosen, groups with equal rewards are left out. x is the sum of
---l - l_ref over an answer's loss tokens, D = x of the chosen - x of the rejected answer,
---n its loss tokens; the loss is the mean over pairs. Metrics: pairs, ties, accuracy (the
---share with the chosen answer ahead), margin (the mean D; of mean logprobs where there
---is no reference).
---
---    trainer:forward_backward_custom(batch, loss.as_custom("dpo"), { group_size = 2, reference = checkpoint })
---@class hud.PairOptions
---@field beta number? default 0.1
---@field denominator number? in place of the number of pairs, so that chunks add up to the whole

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
---@param data table
---@param opts hud.PairOptions?
---@return tensor loss, table<string, number> metrics
function M.dpo(data, opts) end

---Per pair -(1-e)*log sigmoid(beta*D) - e*log sigmoid(-beta*D), e = label_smoothing.
---Needs a reference. Source: OpenRLHF.
---@param data table
---@param opts hud.SmoothedPairOptions?
---@return tensor loss, table<string, number> metrics
function M.cdpo(data, opts) end

---Per pair (-(1-e)*log sigmoid(beta*D) + e*log sigmoid(-beta*D))/(1 - 2*e). Needs a
---reference. Source: TRL (robust).
---@param data table
---@param opts hud.SmoothedPairOptions?
---@return tensor loss, table<string, number> metrics
function M.dpo_robust(data, opts) end

---Per pair max(0, 1 - beta*D). Needs a reference. Source: TRL (hinge).
---@param data table
---@param opts hud.PairOptions?
---@return tensor loss, table<string, number> metrics
function M.slic_hinge(data, opts) end

---Per pair (x/n of the chosen - x/n of the rejected answer - 1/(2*beta))^2. Needs a
---reference. Source: TRL. prime_ipo is another thing.
---@param data table
---@param opts hud.PairOptions?
---@return tensor loss, table<string, number> metrics
function M.ipo(data, opts) end

---Per pair s*(log s - log(1-e)) + (1-s)*(log(1-s) - log e) with s = sigmoid(beta*D).
---Needs a reference. Source: TRL.
---@param data table
---@param opts hud.SmoothedPairOptions?
---@return tensor loss, table<string, number> metrics
function M.exo_pair(data, opts) end

---Per pair -log sigmoid(beta*xc) - log sigmoid(-beta*xc)/2 - log sigmoid(-beta*xr)/2.
---Needs a reference. Source: TRL.
---@param data table
---@param opts hud.PairOptions?
---@return tensor loss, table<string, number> metrics
function M.nca_pair(data, opts) end

---Per pair -log sigmoid(beta*xc) - log sigmoid(-beta*xr). Needs a reference. Source: TRL.
---@param data table
---@param opts hud.PairOptions?
---@return tensor loss, table<string, number> metrics
function M.bco_pair(data, opts) end

---Per pair (xc - 1/(2*beta))^2 + (xr + 1/(2*beta))^2. Needs a reference. Source: TRL.
---@param data table
---@param opts hud.PairOptions?
---@return tensor loss, table<string, number> metrics
function M.sppo_hard(data, opts) end

---Per pair 1 - sigmoid(beta*xc) + sigmoid(beta*xr). Needs a reference. Source: TRL.
---@param data table
---@param opts hud.PairOptions?
---@return tensor loss, table<string, number> metrics
function M.apo_zero(data, opts) end

---Per pair sigmoid(beta*xc) + 1 - sigmoid(beta*D). Needs a reference. Source: TRL.
---@param data table
---@param opts hud.PairOptions?
---@return tensor loss, table<string, number> metrics
function M.apo_down(data, opts) end

---Per pair (1-g)*-log sigmoid(beta*D) + g*exp(-beta*D) with g = sigmoid(beta*D/tau), the
---exponent at most 20. Needs a reference. Source: TRL.
---@param data table
---@param opts hud.DiscoPOPOptions?
---@return tensor loss, table<string, number> metrics
function M.discopop(data, opts) end

---dpo of x/n. Needs a reference. Source: TRL.
---@param data table
---@param opts hud.PairOptions?
---@return tensor loss, table<string, number> metrics
function M.sigmoid_norm(data, opts) end

---Per pair -log sigmoid(beta*(sum of l of the chosen - of the rejected answer)) -
---alpha*mean l of the chosen. Source: TRL, which takes that mean over the batch.
---@param data table
---@param opts hud.CPOOptions?
---@return tensor loss, table<string, number> metrics
function M.cpo(data, opts) end

---Per pair -log sigmoid(beta*(mean l of the chosen - of the rejected answer) - gamma).
---Source: TRL.
---@param data table
---@param opts hud.SimPOOptions?
---@return tensor loss, table<string, number> metrics
function M.simpo(data, opts) end

---simpo of (1 - exp(-alpha*mean l))/alpha in place of mean l. Source: TRL.
---@param data table
---@param opts hud.AlphaPOOptions?
---@return tensor loss, table<string, number> metrics
function M.alphapo(data, opts) end

---Per pair -mean l of the chosen - beta*log sigmoid(oc - or), o the log-odds of
---exp(mean l). Source: TRL.
---@param data table
---@param opts hud.PairOptions?
---@return tensor loss, table<string, number> metrics
function M.orpo(data, opts) end

return M
