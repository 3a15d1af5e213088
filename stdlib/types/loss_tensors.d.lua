---@meta _

---@class (partial) hud.loss
local M = {}

---Options of the losses that are functions of tensors with a row for each position. They
---need what a service does not return, so that loss.as_custom refuses them by name. What
---is at a position whose mask is 0 is not looked at.
---@class hud.RowOptions
---@field mask (number[]|tensor)? one for each position; default 1
---@field offsets integer[]? of the datums, from 0; default one datum
---@field group_idx integer[]? of the datums, for "prompt_mean"
---@field aggregate (hud.Aggregation|"none")? default "token_mean"; "none" gives each position's loss, without metrics
---@field max_length number? for "seq_mean_token_sum_norm"
---@field denominator number? in place of the batch's own count, so that chunks add up to the whole

---@class hud.DistributionOptions: hud.RowOptions
---@field temperature number? divides both logits: default 1, gkd_jsd 0.9

---@class hud.CoefOptions: hud.DistributionOptions
---@field coef number? default 1

---Minus coef times the entropy of the policy's distributions, of logits [N, V]. Metric:
---entropy, in nats. Source: verl, TRL, prime-rl.
---
---    > bonus, metrics = loss.entropy_bonus(tensor.zeros(3, 4), { coef = 0.01 })
---    > metrics.entropy
---    1.3862943611199
---@param logits tensor
---@param opts hud.CoefOptions?
---@return tensor loss, table<string, number> metrics
function M.entropy_bonus(logits, opts) end

---@class hud.ZOptions: hud.RowOptions
---@field coef number? default 1

---coef*logsumexp(z)^2 of logits [N, V]: keeps them from drifting. Metric: z, the mean
---logsumexp. Source: ST-MoE.
---
---    > loss.z_loss(tensor.zeros(2, 4)):item()
---    1.9218120574951
---@param logits tensor
---@param opts hud.ZOptions?
---@return tensor loss, table<string, number> metrics
function M.z_loss(logits, opts) end

---Distillation: KL(teacher || student), of logits [N, V] of both; the teacher is held
---constant. Metric: kl. Source: NeMo RL; torchtune leaves the teacher's entropy out, which
---has no gradient.
---
---    > loss.kd_forward(tensor({ { 0, 0 } }), tensor({ { 0, 1.0986123 } })):item()
---    0.13081203401089
---@param student tensor
---@param teacher tensor
---@param opts hud.DistributionOptions?
---@return tensor loss, table<string, number> metrics
function M.kd_forward(student, teacher, opts) end

---Distillation: KL(student || teacher). Source: torchtune, NeMo RL.
---
---    > loss.kd_reverse(tensor({ { 0, 0 } }), tensor({ { 0, 1.0986123 } })):item()
---    0.14384104311466
---@param student tensor
---@param teacher tensor
---@param opts hud.DistributionOptions?
---@return tensor loss, table<string, number> metrics
function M.kd_reverse(student, teacher, opts) end

---@class hud.SymOptions: hud.DistributionOptions
---@field ratio number? the share of kd_forward: default 0.5

---ratio*KL(teacher || student) + (1 - ratio)*KL(student || teacher). Source: torchtune,
---NeMo RL ("mixed").
---
---    > loss.kd_sym(tensor({ { 0, 0 } }), tensor({ { 0, 1.0986123 } })):item()
---    0.13732653856277
---@param student tensor
---@param teacher tensor
---@param opts hud.SymOptions?
---@return tensor loss, table<string, number> metrics
function M.kd_sym(student, teacher, opts) end

---@class hud.JSDOptions: hud.DistributionOptions
---@field beta number? 0 to 1: default 0.5

---beta*KL(teacher || M) + (1 - beta)*KL(student || M) with M = beta*teacher +
---(1 - beta)*student; kd_forward for beta = 0 and kd_reverse for 1. It is finite whatever
---tokens either of them excludes. Source: TRL (gkd).
---
---    > loss.gkd_jsd(tensor({ { 0, 0 } }), tensor({ { 0, 1.0986123 } }), { temperature = 1 }):item()
---    0.033822078257799
---@param student tensor
---@param teacher tensor
---@param opts hud.JSDOptions?
---@return tensor loss, table<string, number> metrics
function M.gkd_jsd(student, teacher, opts) end

---@class hud.TopKOptions: hud.DistributionOptions
---@field top_k integer? default 100
---@field alpha number? gkd_jsd's beta: default 0.5
---@field tail (0|1)? default 1; 0 leaves out the other tokens, as TRL does by default

---gkd_jsd over the student's top_k tokens and one bucket of all others. Source: TRL
---(sdft, sdpo).
---
---    > loss.sdft_topk(tensor({ { 2, 1, 0, -9 } }), tensor({ { 1, 2, 0, -9 } }), { top_k = 2 }):item()
---    0.10095459222794
---@param student tensor
---@param teacher tensor
---@param opts hud.TopKOptions?
---@return tensor loss, table<string, number> metrics
function M.sdft_topk(student, teacher, opts) end

---@class hud.AuxOptions
---@field mask (number[]|tensor)?
---@field top_k integer? experts for each position: default 2
---@field coef number? default 1

---A router's load balance, from its logits [N, E]: coef*E*sum of f*P over the experts, P the
---mean probability of one, f the share of the positions that have it among their top_k;
---coef*top_k where all are used alike. f has no gradient. Metric: balance. Source:
---transformers, OpenRLHF.
---
---    > loss.aux(tensor({ { 9, 0 }, { 9, 0 } }), { top_k = 1 }):item()
---    1.999…
---@param logits tensor
---@param opts hud.AuxOptions?
---@return tensor loss, table<string, number> metrics
function M.aux(logits, opts) end

---@class hud.MaskOptions
---@field mask (number[]|tensor)? one for each position; default 1

---The entropy of each position's distribution, in nats, of logits [N, V]; without gradient.
---
---    > loss.entropies(tensor.zeros(2, 4)):tolist()
---    {1.3862943649292, 1.3862943649292}
---@param logits tensor
---@param opts hud.MaskOptions?
---@return tensor
function M.entropies(logits, opts) end

---The sum of squared probabilities of each position, of logits [N, V]: what
---advantages.otb needs.
---
---    > loss.sum_pi_squared(tensor.zeros(2, 4)):tolist()
---    {0.25, 0.25}
---@param logits tensor
---@param opts hud.MaskOptions?
---@return tensor
function M.sum_pi_squared(logits, opts) end

---@class hud.EntropyMaskOptions: hud.MaskOptions
---@field rho number? the share of the tokens to keep, 0 to 1: default 0.2

---1 for the loss tokens with the highest entropies, 0 elsewhere: those at or above the
---quantile 1 - rho, equals included. loss.masked puts it to use. Source: TRL
---(top_entropy_quantile).
---
---    > loss.high_entropy_mask({ 0.1, 2, 0.3, 1, 0.2 }, { rho = 0.4 })
---     0 1 0 1 0
---    [float32 5]
---@param entropies number[]|tensor
---@param opts hud.EntropyMaskOptions?
---@return tensor
function M.high_entropy_mask(entropies, opts) end

---The data of a custom loss with mask 0 wherever keep, one for each datum or one for each
---position, is 0: for any loss of data.
---
---    > data = { logprobs = tensor{-1, -2}, sampling_logprobs = tensor{-1, -2}, mask = tensor{1, 1} }
---    > (loss.cross_entropy(loss.masked(data, { 0, 1 }))):item()
---    2
---@param data table
---@param keep number[]|tensor
---@return table data
function M.masked(data, keep) end

---@class hud.EntropyController
---@field target number? nats per token: default 0.2
---@field delta number? default 0.005
---@field min number? default 0
---@field max number? default 1

---The next coefficient of an entropy bonus after a step with that mean entropy: coef +
---delta where it is at most target, else coef - delta, within min and max; and the one to
---apply, which is 0 where the entropy is above target. Source: TRL
---(use_adaptive_entropy), Skywork-OR1.
---
---    > loss.entropy_adaptive(0.01, 0.1)
---    0.015	0.015
---    > loss.entropy_adaptive(0.01, 0.9)
---    0.005	0
---@param coef number
---@param entropy number
---@param opts hud.EntropyController?
---@return number next, number apply
function M.entropy_adaptive(coef, entropy, opts) end

---@class hud.ValueOptions
---@field returns number[]|tensor one for each position
---@field mask (number[]|tensor)? one for each position; default 1
---@field offsets integer[]? of the datums, from 0; default one datum
---@field group_idx integer[]? of the datums, for "prompt_mean"
---@field aggregate (hud.Aggregation|"none")? default "token_mean"; "none" gives each position's loss, without metrics
---@field max_length number? for "seq_mean_token_sum_norm"
---@field denominator number? in place of the batch's own count

---@class hud.ValueClipOptions: hud.ValueOptions
---@field old_values number[]|tensor the predictions before the step
---@field epsilon number? default 0.2

---@class hud.ValueMSEOptions: hud.ValueOptions
---@field scale number? default 1

---A value model's loss, max((V - R)^2, (clip(V, old - epsilon, old + epsilon) - R)^2)/2.
---Metrics: value_mean, return_mean, explained_variance, clip_fraction. Source: verl,
---OpenRLHF.
---
---    > loss.value_clipped(tensor{1, 0.5}, { returns = { 2, 0 }, old_values = { 0, 0.5 } }):item()
---    0.8725000…
---@param values tensor
---@param opts hud.ValueClipOptions
---@return tensor loss, table<string, number> metrics
function M.value_clipped(values, opts) end

---A value model's loss, scale*(V - R)^2/2; scale = 2 is the plain square. Source: NeMo RL.
---
---    > loss.value_mse(tensor{1, 0.5}, { returns = { 2, 0 } }):item()
---    0.3125
---@param values tensor
---@param opts hud.ValueMSEOptions
---@return tensor loss, table<string, number> metrics
function M.value_mse(values, opts) end

---@class hud.ScoreOptions
---@field denominator number? in place of the number of pairs
---@field aggregate "none"? gives each pair's loss, without metrics

---@class hud.MarginOptions: hud.ScoreOptions
---@field margin (number|number[]|tensor)? how far apart the scores should be: default 0

---A reward model's loss on scores [P] of chosen and rejected answers: the mean of
----log sigmoid(chosen - rejected - margin). Metrics: pairs, accuracy, margin. Source:
---OpenRLHF.
---
---    > loss.bt_rm(tensor{1}, tensor{1}):item()
---    0.6931471824646
---@param chosen tensor
---@param rejected tensor
---@param opts hud.MarginOptions?
---@return tensor loss, table<string, number> metrics
function M.bt_rm(chosen, rejected, opts) end

---The mean of log(1 + exp(rejected - chosen)): bt_rm without margins, as OpenRLHF names it.
---Source: OpenRLHF (LogExpLoss).
---
---    > loss.bt_rm_logexp(tensor{1}, tensor{1}):item()
---    0.6931471824646
---@param chosen tensor
---@param rejected tensor
---@param opts hud.ScoreOptions?
---@return tensor loss, table<string, number> metrics
function M.bt_rm_logexp(chosen, rejected, opts) end
