---@meta _

---@class (partial) hud.loss
local M = {}

---@class hud.ClipOptions: hud.LossOptions
---@field clip_low_threshold number?
---@field clip_high_threshold number?
---@field as ("absolute"|"offset")? whether the thresholds are bounds on the ratio, the default, or how far it may go from 1

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
---@field positive_denominator number? denominator is for the ppo part, this for the part of rewards above 0

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

---Per token -l. Advantages are not used. Source: Tinker and HUD
---services.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.cross_entropy(d))
---    1.5000
---    [float32]
---@param data table
---@param opts hud.LossOptions?
---@return tensor loss, table<string, number> metrics
function M.cross_entropy(data, opts) end

---Per token -r*A. Summed over tokens, the ratio not held. Source: Tinker and HUD
---services.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.importance_sampling(d))
---    -4.5681
---    [float32]
---@param data table
---@param opts hud.LossOptions?
---@return tensor loss, table<string, number> metrics
function M.importance_sampling(data, opts) end

---Per token -min(r*A, clip(r, low, high)*A); thresholds 0.8 and 1.2. Summed
---over tokens. The thresholds are bounds on the ratio, where most libraries give offsets
---from 1 (as = "offset"). Source: Tinker and HUD services.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.ppo(d))
---    -4.4000
---    [float32]
---@param data table
---@param opts hud.PPOOptions?
---@return tensor loss, table<string, number> metrics
function M.ppo(data, opts) end

---Per token -clip(r, low, high)*A*l with the clipped ratio held constant; thresholds 0 and 4.
---Summed over tokens. Bounds on the ratio, as Tinker has them; verl, SkyRL and NeMo RL give
---offsets from 1, TRL an upper bound only. Source: Tinker and HUD services.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.cispo(d))
---    3.5681
---    [float32]
---@param data table
---@param opts hud.ClipOptions?
---@return tensor loss, table<string, number> metrics
function M.cispo(data, opts) end

---Per token -(l*A - beta/2*(l - q)^2). Direct reward optimisation, not the
---distributionally robust one. Source: Tinker and HUD services.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.dro(d))
---    3.0016
---    [float32]
---@param data table
---@param opts hud.DROOptions?
---@return tensor loss, table<string, number> metrics
function M.dro(data, opts) end

---Per token -A*l. Source: verl (compute_policy_loss_reinforce).
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.reinforce(d))
---    3
---    [float32]
---@param data table
---@param opts hud.LossOptions?
---@return tensor loss, table<string, number> metrics
function M.reinforce(data, opts) end

---Per token -r*A where low <= r <= high (0.8 and 1.28), nothing elsewhere, divided by the
---number of tokens inside: double-sided importance sampling. Metrics:
---trained_tokens, masked_tokens. The default aggregation is "token_mean", whose
---tokens are the trained ones. Source: HUD's cookbook.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.glm_double_sided(d))
---    -2
---    [float32]
---@param data table
---@param opts hud.ClipOptions?
---@return tensor loss, table<string, number> metrics
function M.glm_double_sided(data, opts) end

---Per token -A*l, "token_mean", to be used with advantages.gpg_adv. Source: verl.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.gpg(d))
---    1.5000
---    [float32]
---@param data table
---@param opts hud.LossOptions?
---@return tensor loss, table<string, number> metrics
function M.gpg(data, opts) end

---Per token -A*l/(1 + tau), "token_mean", to be used with advantages.opmd. Source:
---Trinity-RFT.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.opmd_loss(d))
---    1.5000
---    [float32]
---@param data table
---@param opts hud.OPMDOptions?
---@return tensor loss, table<string, number> metrics
function M.opmd_loss(data, opts) end

---Per token -p*l with p = exp(l) held constant, "token_mean": supervised data, weighed
---as if it were sampled. Advantages are not used. Source: TRL.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.dft(d))
---    0.3356
---    [float32]
---@param data table
---@param opts hud.LossOptions?
---@return tensor loss, table<string, number> metrics
function M.dft(data, opts) end

---ppo, where a token with A < 0 loses at most -dual_clip*A; thresholds 0.8 and 1.2,
---"token_mean". Source: verl.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.ppo_dual_clip(d))
---    -2.2000
---    [float32]
---@param data table
---@param opts hud.DualClipOptions?
---@return tensor loss, table<string, number> metrics
function M.ppo_dual_clip(data, opts) end

---Per token -min(min(r, delta)*A, clip(r, low, high)*A); thresholds 0.8 and 1.2,
---"token_mean". Source: TRL (delta).
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.ppo_delta(d))
---    -2.2000
---    [float32]
---@param data table
---@param opts hud.DeltaOptions?
---@return tensor loss, table<string, number> metrics
function M.ppo_delta(data, opts) end

---ppo with thresholds 0.8 and 1.28, "token_mean". Source: TRL, verl.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.dapo(d))
---    -2.2800
---    [float32]
---@param data table
---@param opts hud.PPOOptions?
---@return tensor loss, table<string, number> metrics
function M.dapo(data, opts) end

---ppo with thresholds 0.8 and 1.2, "token_mean". Source: TRL.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.bnpo(d))
---    -2.2000
---    [float32]
---@param data table
---@param opts hud.PPOOptions?
---@return tensor loss, table<string, number> metrics
function M.bnpo(data, opts) end

---ppo with thresholds 0.8 and 1.2, "seq_mean_token_sum_norm": max_length is needed.
---Source: TRL, which divides by the datums as well; verl divides by the length only.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.dr_grpo(d, { max_length = 10 }))
---    -0.4400
---    [float32]
---@param data table
---@param opts hud.PPOOptions?
---@return tensor loss, table<string, number> metrics
function M.dr_grpo(data, opts) end

---ppo + beta*kl.k3; thresholds 0.8 and 1.2, "seq_mean_token_mean". To be used with
---advantages.grpo. Source: TRL.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2, ref_logprobs = tensor{-1.5, -0.25, -2} }
---    > (loss.grpo(d, { beta = 0.1 }))
---    -2.1930
---    [float32]
---@param data table
---@param opts hud.GRPOOptions?
---@return tensor loss, table<string, number> metrics
function M.grpo(data, opts) end

---Per token -sigmoid(tau*(r - 1))*4/tau*A with tau_pos where A > 0, else tau_neg,
---"seq_mean_token_mean": a smooth gate in place of bounds. Source: TRL.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.sapo(d))
---    -4.2821
---    [float32]
---@param data table
---@param opts hud.SAPOOptions?
---@return tensor loss, table<string, number> metrics
function M.sapo(data, opts) end

---Per token -r*A*l with r held constant where low < r < high (0.8 and 1.2), nothing
---elsewhere, "token_mean": unlike cispo, a token outside has no gradient. Source: SkyRL.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.rollout_is(d))
---    0.5000
---    [float32]
---@param data table
---@param opts hud.PPOOptions?
---@return tensor loss, table<string, number> metrics
function M.rollout_is(data, opts) end

---ppo, and - mu*l on datums with a reward above 0, "token_mean" of each part by itself: the
---second is divided by the tokens of those datums alone, and `aggregate = "none"` gives it
---undivided, as the first; thresholds 0.8 and 1.28. Metric: positive_tokens, the loss tokens
---of those datums. Source: NeMo RL (VAPO, arXiv 2504.05118).
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2, reward = 1 }
---    > (loss.vapo_pos_nll(d))
---    -2.2050
---    [float32]
---@param data table
---@param opts hud.VAPOOptions?
---@return tensor loss, table<string, number> metrics
function M.vapo_pos_nll(data, opts) end

---Per token -r*A, dropped where A > 0 and p - p_sampling > delta_high, or A < 0 and
---p_sampling - p > delta_low (0.2 and 0.2), "token_mean". Source: SkyRL.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.dppo_tv(d))
---    -2.2840
---    [float32]
---@param data table
---@param opts hud.GateOptions?
---@return tensor loss, table<string, number> metrics
function M.dppo_tv(data, opts) end

---Per token -r*A, dropped where the divergence of {token, any other} between sampling
---policy and current exceeds delta_high for A > 0 and a probability that rose, or
---delta_low for A < 0 and one that fell (0.05 and 0.05), "token_mean". Source: SkyRL.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.dppo_kl(d))
---    -2.2840
---    [float32]
---@param data table
---@param opts hud.GateOptions?
---@return tensor loss, table<string, number> metrics
function M.dppo_kl(data, opts) end

---dppo_tv (0.2 and 0.2) with A times adv_tau, + kl_tau*(l - q)^2 on every token.
---Source: prime-rl.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.prime_default(d))
---    -4.5680
---    [float32]
---@param data table
---@param opts hud.PrimeOptions?
---@return tensor loss, table<string, number> metrics
function M.prime_default(data, opts) end

---Per token -r*A*adv_tau where |p - p_sampling| <= delta, + kl_tau*(l - q)^2 on every
---token. Not the preference loss IPO. Source: prime-rl.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.prime_ipo(d))
---    -4.5680
---    [float32]
---@param data table
---@param opts hud.PrimeIPOOptions?
---@return tensor loss, table<string, number> metrics
function M.prime_ipo(data, opts) end

---Per token -(l_ref - l)*r with the difference held constant where
---p - p_sampling >= -delta_low, + kl_tau*(l - q)^2 on every token. Needs a reference;
---advantages are not used. Source: prime-rl.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2, ref_logprobs = tensor{-1.5, -0.25, -2} }
---    > (loss.ref_kl_pg(d))
---    0.3921
---    [float32]
---@param data table
---@param opts hud.RefKLOptions?
---@return tensor loss, table<string, number> metrics
function M.ref_kl_pg(data, opts) end

---ppo with s = exp(mean of l - q over the sequence) in place of r; thresholds 0.9997
---and 1.0004, "seq_mean_token_mean". verl's, which differentiates each token's own ratio, is
---gspo_token; with one advantage for each sequence the gradients agree. Source: TRL.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.gspo(d))
---    -2.0008
---    [float32]
---@param data table
---@param opts hud.PPOOptions?
---@return tensor loss, table<string, number> metrics
function M.gspo(data, opts) end

---gspo with "seq_mean_token_sum", so that long answers count as their tokens do.
---Source: TRL.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.luspo(d))
---    -4.0016
---    [float32]
---@param data table
---@param opts hud.PPOOptions?
---@return tensor loss, table<string, number> metrics
function M.luspo(data, opts) end

---gspo with the gradient of each token's own logprob, log s at most 10. Source: verl.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.gspo_token(d))
---    -2.0008
---    [float32]
---@param data table
---@param opts hud.PPOOptions?
---@return tensor loss, table<string, number> metrics
function M.gspo_token(data, opts) end

---Per sequence -A*exp(mean of l - q), each l - q held below log_clip_high for A > 0 and
---above log_clip_low for A < 0, "seq_mean_token_mean". Source: verl (geo_mean).
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.gmpo(d))
---    -2.2103
---    [float32]
---@param data table
---@param opts hud.GMPOOptions?
---@return tensor loss, table<string, number> metrics
function M.gmpo(data, opts) end

---Per token -phi*A*l with phi = exp(lambda + k*log w - lambda*w) held constant and
---w = exp(sum of l - q), log w within [log 1e-8, 20]; k_pos, lambda_pos for A >= 0, else
---k_neg, lambda_neg; "token_mean". Source: TRL.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.vespo(d))
---    1.0548
---    [float32]
---@param data table
---@param opts hud.VESPOOptions?
---@return tensor loss, table<string, number> metrics
function M.vespo(data, opts) end

---Per token -alpha*R*l with alpha = 1 where the reward R > reward_threshold, else
---min(1, exp(sum of l - q)) held constant, "token_mean". Advantages are not used.
---Source: Trinity-RFT.
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2, reward = 1 }
---    > (loss.topr(d))
---    0.7500
---    [float32]
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
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2, ref_logprobs = tensor{-1.5, -0.25, -2} }
---    > (loss.minillm(d))
---    -2.0250
---    [float32]
---@param data table
---@param opts hud.MiniLLMOptions?
---@return tensor loss, table<string, number> metrics
function M.minillm(data, opts) end

---@class hud.ClipCovOptions: hud.PPOOptions
---@field cov_ratio number? default 0.0002: the share of the loss tokens, at least one token
---@field cov_low number? default 1
---@field cov_high number? default 5
---@field seed number? default 0: of the draw

---ppo without cov_ratio of the loss tokens, drawn from those whose covariance (A - mean A)
---*(l - mean l) lies between cov_low and cov_high and that ppo does not clip: they move the
---entropy most. thresholds 0.8 and 1.2, "token_mean". The means are the batch's, so that
---chunks do not add up to it. Metric: cov_tokens. Source: verl (arXiv 2505.22617).
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.clip_cov(d))
---    -2.2000
---    [float32]
---@param data table
---@param opts hud.ClipCovOptions?
---@return tensor loss, table<string, number> metrics
function M.clip_cov(data, opts) end

---@class hud.KLCovOptions: hud.LossOptions
---@field cov_ratio number? default 0.0002: the share of the loss tokens, at least one token
---@field coef number? default 1

---Per token -r*A, and + coef*|l - q| on the cov_ratio of the loss tokens with the greatest
---covariance (A - mean A)*(l - mean l), "token_mean". The means are the batch's, so that
---chunks do not add up to it. Metric: cov_tokens. Source: verl (arXiv 2505.22617).
---
---    > d = { logprobs = tensor{-1, -0.5, -2}, sampling_logprobs = tensor{-1.25, -0.5, -1.75},
---    >>   mask = tensor{1, 1, 0}, advantage = 2 }
---    > (loss.kl_cov(d))
---    -2.1590
---    [float32]
---@param data table
---@param opts hud.KLCovOptions?
---@return tensor loss, table<string, number> metrics
function M.kl_cov(data, opts) end

---@class hud.CHORDOptions: hud.PPOOptions
---@field mu number? default 0.1: the weight of the expert's part
---@field phi number? default 1: weigh the expert's tokens by p*(1 - p); 0: do not
---@field expert boolean[]? which datums are an expert's; default: those whose extra has expert = true
---@field expert_denominator number? denominator is for the policy's own part, this for the expert's

---(1 - mu)*ppo on datums of the policy's own, and -mu*p*(1 - p)*l, the weight held
---constant, on those of an expert, "token_mean" of each part by itself; thresholds 0.8 and
---1.2. A schedule of mu is up to the script. Source: Trinity-RFT (arXiv 2508.11408).
---
---    > d = { logprobs = tensor{-1, -1}, sampling_logprobs = tensor{-1, -1}, mask = tensor{1, 1},
---    >>   offsets = { 0, 1, 2 }, advantage = 1 }
---    > (loss.chord(d, { expert = { false, true } }))
---    -0.8767
---    [float32]
---@param data table
---@param opts hud.CHORDOptions?
---@return tensor loss, table<string, number> metrics
function M.chord(data, opts) end

---@class hud.EchoOptions: hud.LossOptions
---@field alpha number? default 0.1
---@field observation_mask (number[]|tensor)? the weight of each position as an observation; default: each datum's extra.observation_mask, or else the positions that the mask leaves out behind the first loss token

---Per observation token -alpha*l, "token_mean" over these: to be added to a policy loss, so
---that the policy also learns what its actions lead to. Advantages and the mask are not
---used. Source: prime-rl.
---
---    > d = { logprobs = tensor{-1, -2, -4}, sampling_logprobs = tensor{-1, -1, -1}, mask = tensor{0, 1, 0} }
---    > (loss.echo(d))
---    0.4000
---    [float32]
---@param data table
---@param opts hud.EchoOptions?
---@return tensor loss, table<string, number> metrics
function M.echo(data, opts) end

return M
