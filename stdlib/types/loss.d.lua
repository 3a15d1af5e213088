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
---@field aggregate hud.Aggregation? default: the loss's own, "sum" where it names none
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

---A loss by name as a function for forward_backward_custom, so that
---`loss.as_custom("ppo")` does what `loss_fn = "ppo"` does. What is wrong with the
---options shows here, before anything is spent.
---@param name string
---@param opts? table the loss's options
---@return hud.CustomLoss
function M.as_custom(name, opts) end

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

---Per token l - l_ref. As a loss its gradient is 0 in the mean.
---@param data table
---@param opts hud.KLOptions?
---@return tensor loss, table<string, number> metrics
function K.k1(data, opts) end

---Per token |l - l_ref|.
---@param data table
---@param opts hud.KLOptions?
---@return tensor loss, table<string, number> metrics
function K.abs(data, opts) end

---Per token (l - l_ref)^2/2: its gradient is the divergence's.
---@param data table
---@param opts hud.KLOptions?
---@return tensor loss, table<string, number> metrics
function K.k2(data, opts) end

---Per token e^x - x - 1 with x = l_ref - l, at most 10: the value is the divergence's, in
---the mean; the gradient is that of the opposite direction.
---@param data table
---@param opts hud.KLOptions?
---@return tensor loss, table<string, number> metrics
function K.k3(data, opts) end

---k3's value with k2's gradient.
---@param data table
---@param opts hud.KLOptions?
---@return tensor loss, table<string, number> metrics
function K.k3_st(data, opts) end

---k3*r for tokens of another policy, r at most ratio_cap where that is above 0; the
---gradient goes through both.
---@param data table
---@param opts hud.KLCapOptions?
---@return tensor loss, table<string, number> metrics
function K.k3_is(data, opts) end

---k3 with the gradient of having sampled the token added: value and gradient are the
---divergence's.
---@param data table
---@param opts hud.KLOptions?
---@return tensor loss, table<string, number> metrics
function K.k3_score(data, opts) end

---@class hud.KLController
---@field target number the divergence to keep
---@field n number? samples since the last call, default 1
---@field horizon number? default 10000

---The next coefficient of a KL term: beta*(1 + clip(kl/target - 1, -0.2, 0.2)*n/horizon).
---Source: verl's AdaptiveKLController.
---@param beta number the coefficient so far
---@param kl number the divergence measured
---@param opts hud.KLController
---@return number
function K.controller_adaptive(beta, kl, opts) end

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
