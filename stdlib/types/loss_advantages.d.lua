---@meta _

---@class (partial) hud.loss
local M = {}

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

---@class hud.GRPOTRLOptions: hud.ScaledAdvantageOptions
---@field scale ("group"|"batch"|"none")? default "group"

---@class hud.PassKOptions: hud.ScaledAdvantageOptions
---@field scale ("none"|"group")? default "none"

---@class hud.ReMaxOptions: hud.AdvantageOptions
---@field greedy number|number[]|tensor the reward of the greedy answer to each prompt

---@class hud.OPMDAdvantageOptions: hud.AdvantageOptions
---@field baseline ("mean"|"logavgexp")? default "mean"
---@field tau number? default 1

---@class hud.AsymREOptions: hud.AdvantageOptions
---@field shift number? default -0.1

---@class hud.KLInRewardOptions: hud.AdvantageOptions
---@field kl number|number[]|tensor the sum of l - l_ref of each
---@field beta number? default 0.05

---@class hud.OverlongOptions
---@field max_length number the longest answer possible
---@field buffer number the tokens before it over which the penalty grows
---@field factor number? default 1

---(R - mean)/(std + eps) within the group, eps 1e-4; scale = "batch" divides by the
---batch's std, "none" by nothing. 0 in a group of one. Source: TRL.
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.GRPOTRLOptions?
---@return V
function A.grpo_trl(rewards, opts) end

---(R - mean)/(std + eps) with mean and std, divided by n, of the others in the group,
---eps 1e-6; not divided where that std is 0; 0 in a group of one. Source: NeMo RL.
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.ScaledAdvantageOptions?
---@return V
function A.grpo_loo(rewards, opts) end

---R whitened over the batch's tokens: (R - mean)/sqrt(var + 1e-8), each reward counted
---length times. REINFORCE++ without discount. Source: verl.
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.OPOOptions
---@return V
function A.reinforce_pp(rewards, opts) end

---R - mean of the group (R in a group of one), whitened as reinforce_pp does. Source:
---verl.
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.OPOOptions
---@return V
function A.reinforce_pp_baseline(rewards, opts) end

---R - the reward of the greedy answer. Source: verl.
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.ReMaxOptions
---@return V
function A.remax(rewards, opts) end

---(R - mean of the group)*B/n, with n the rewards other than 0 among the batch's B; the
---mean of a group of one counts as 0. Source: verl.
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.AdvantageOptions?
---@return V
function A.gpg_adv(rewards, opts) end

---The best of each group gets R - the second best, the others 0; scale = "group"
---divides by std + eps (1e-6). Groups of one are refused. Source: verl.
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.PassKOptions?
---@return V
function A.passk(rewards, opts) end

---R - mean of the group, or with baseline = "logavgexp" R - tau*log mean exp(R/tau); R
---in a group of one. Source: Trinity-RFT.
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.OPMDAdvantageOptions?
---@return V
function A.opmd(rewards, opts) end

---R - (mean of the group + shift); R in a group of one. Source: Trinity-RFT.
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.AsymREOptions?
---@return V
function A.asymre(rewards, opts) end

---R - beta*kl: rewards with a penalty of leaving the reference. Source: TRL (RLOO).
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.KLInRewardOptions
---@return V
function A.kl_in_reward(rewards, opts) end

---1 for rewards of groups whose rewards differ, 0 for the others: what to keep.
---Source: tinker-cookbook.
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.AdvantageOptions?
---@return V
function A.drop_constant_groups(rewards, opts) end

---DAPO's penalty of long answers, to be added to their rewards: 0 up to
---max_length - buffer tokens, falling to -factor at max_length. Source: verl.
---@generic V: number[]|tensor
---@param lengths V
---@param opts hud.OverlongOptions
---@return V
function A.overlong_penalty(lengths, opts) end

---@class hud.GDPOOptions: hud.ScaledAdvantageOptions
---@field weights number[]? of the components, default 1 each

---Advantages from several rewards of each answer: the weighted sum of every component's
---(R - mean)/(std + eps) within its group, normalised in the same way over the batch;
---eps 1e-4. Source: TRL (normalize_then_sum).
---@generic V: number[]|tensor
---@param components V[] one list of rewards for each component
---@param opts hud.GDPOOptions?
---@return V
function A.gdpo(components, opts) end

return M
