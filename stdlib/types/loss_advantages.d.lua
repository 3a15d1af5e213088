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

---R - mean of the group: what the HUD service uses. Sources: tinker-cookbook, prime-rl.
---
---    > loss.advantages.mean_only({ 1, 0, 3, 1 }, { group_size = 2 })
---    {0.5, -0.5, 1, -1}
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.AdvantageOptions?
---@return V
function A.mean_only(rewards, opts) end

---(R - mean)/(std + eps) within the group, std divided by n-1, eps 1e-6; R in a
---group of one. Source: verl; TRL's is grpo_trl.
---
---    > loss.advantages.grpo(tensor{ 1, 0 })
---      0.7071 -0.7071
---    [float32 2]
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.ScaledAdvantageOptions?
---@return V
function A.grpo(rewards, opts) end

---(R - mean of the group)/(std of the batch + eps), eps 1e-4.
---Source: TRL (scale_rewards = "batch").
---
---    > loss.advantages.batch_std(tensor{ 1, 0, 3, 1 }, { group_size = 2 })
---      0.3973 -0.3973  0.7947 -0.7947
---    [float32 4]
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.ScaledAdvantageOptions?
---@return V
function A.batch_std(rewards, opts) end

---R - mean of the others in the group; R in a group of one. Sources: verl, TRL.
---
---    > loss.advantages.rloo({ 1, 0, 2 })
---    {0, -1.5, 1.5}
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.AdvantageOptions?
---@return V
function A.rloo(rewards, opts) end

---R - the mean of the group weighted by length; R in a group of one. Source: verl.
---
---    > loss.advantages.opo({ 1, 0 }, { length = { 3, 1 } })
---    {0.25, -0.75}
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.OPOOptions
---@return V
function A.opo(rewards, opts) end

---@class hud.MaxRLOptions: hud.AdvantageOptions
---@field form ("prime"|"skyrl")? default "prime"
---@field eps number? of form "skyrl": default 1e-6

---(R - mean)/mean within the group, 0 where the mean is not above 0; form = "skyrl" is
---(R - mean)/(mean + eps) whatever the mean, and R in a group of one. Source: prime-rl;
---SkyRL.
---
---    > loss.advantages.maxrl({ 1, 0, 0, 0 })
---    {3, -1, -1, -1}
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.MaxRLOptions?
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
---
---    > loss.advantages.grpo_trl({ 3, 1 }, { scale = "none" })
---    {1, -1}
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.GRPOTRLOptions?
---@return V
function A.grpo_trl(rewards, opts) end

---(R - mean)/(std + eps) with mean and std, divided by n, of the others in the group,
---eps 1e-6; not divided where that std is 0; 0 in a group of one. Source: NeMo RL.
---
---    > loss.advantages.grpo_loo(tensor{ 1, 0, 0 })
---      1.0000 -1.0000 -1.0000
---    [float32 3]
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.ScaledAdvantageOptions?
---@return V
function A.grpo_loo(rewards, opts) end

---R whitened over the batch's tokens: (R - mean)/sqrt(var + 1e-8), each reward counted
---length times. REINFORCE++ without discount. Source: verl.
---
---    > loss.advantages.reinforce_pp(tensor{ 1, 0 }, { length = { 3, 1 } })
---      0.5000 -1.5000
---    [float32 2]
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.OPOOptions
---@return V
function A.reinforce_pp(rewards, opts) end

---R - mean of the group (R in a group of one), whitened as reinforce_pp does. Source:
---verl.
---
---    > loss.advantages.reinforce_pp_baseline(tensor{ 1, 0, 3, 1 }, { group_size = 2, length = { 1, 1, 1, 1 } })
---      0.5477 -0.5477  1.0954 -1.0954
---    [float32 4]
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.OPOOptions
---@return V
function A.reinforce_pp_baseline(rewards, opts) end

---R - the reward of the greedy answer. Source: verl.
---
---    > loss.advantages.remax({ 1, 0 }, { greedy = 0.5 })
---    {0.5, -0.5}
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.ReMaxOptions
---@return V
function A.remax(rewards, opts) end

---(R - mean of the group)*B/n, with n the rewards other than 0 among the batch's B; the
---mean of a group of one counts as 0. Source: verl.
---
---    > loss.advantages.gpg_adv({ 1, 0, 0, 0 })
---    {3, -1, -1, -1}
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.AdvantageOptions?
---@return V
function A.gpg_adv(rewards, opts) end

---The best of each group gets R - the second best, the others 0; scale = "group"
---divides by std + eps (1e-6). Groups of one are refused. Source: verl.
---
---    > loss.advantages.passk({ 1, 0.25, 0 })
---    {0.75, 0, 0}
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.PassKOptions?
---@return V
function A.passk(rewards, opts) end

---R - mean of the group, or with baseline = "logavgexp" R - tau*log mean exp(R/tau); R
---in a group of one. Source: Trinity-RFT.
---
---    > loss.advantages.opmd({ 1, 0 })
---    {0.5, -0.5}
---    > loss.advantages.opmd(tensor{ 1, 0 }, { baseline = "logavgexp" })
---      0.3799 -0.6201
---    [float32 2]
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.OPMDAdvantageOptions?
---@return V
function A.opmd(rewards, opts) end

---R - (mean of the group + shift); R in a group of one. Source: Trinity-RFT.
---
---    > loss.advantages.asymre(tensor{ 1, 0 })
---      0.6000 -0.4000
---    [float32 2]
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.AsymREOptions?
---@return V
function A.asymre(rewards, opts) end

---R - beta*kl: rewards with a penalty of leaving the reference. Source: TRL (RLOO).
---
---    > loss.advantages.kl_in_reward({ 1, 0 }, { kl = { 2, 4 } })
---    {0.9, -0.2}
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.KLInRewardOptions
---@return V
function A.kl_in_reward(rewards, opts) end

---1 for rewards of groups whose rewards differ, 0 for the others: what to keep.
---Source: tinker-cookbook.
---
---    > loss.advantages.drop_constant_groups({ 1, 0, 1, 1 }, { group_size = 2 })
---    {1, 1, 0, 0}
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.AdvantageOptions?
---@return V
function A.drop_constant_groups(rewards, opts) end

---DAPO's penalty of long answers, to be added to their rewards: 0 up to
---max_length - buffer tokens, falling to -factor at max_length. Source: verl.
---
---    > loss.advantages.overlong_penalty({ 80, 95, 100 }, { max_length = 100, buffer = 10 })
---    {0, -0.5, -1}
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
---
---    > loss.advantages.gdpo({ tensor{ 1, 0 }, tensor{ 0, 0 } })
---      0.7070 -0.7070
---    [float32 2]
---@generic V: number[]|tensor
---@param components V[] one list of rewards for each component
---@param opts hud.GDPOOptions?
---@return V
function A.gdpo(components, opts) end

---@class hud.OptimalValueOptions: hud.AdvantageOptions
---@field beta number? default 0.5

---The optimal value of each group, beta*log mean exp(R/beta), from rewards of a reference's
---answers: what a2po's extra.v_star should be. Source: TRL (a2po).
---
---    > loss.advantages.optimal_value({ 1, 0 })[1]
---    0.71689041524151
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.OptimalValueOptions?
---@return V
function A.optimal_value(rewards, opts) end

---@class hud.RAEOptions
---@field roles string[] of each reward
---@field state table<string, number> the baselines by role, which the call moves: hud.state saves them with the run
---@field decay number? default 0.95

---R - the running mean of what the role earned before, which starts at 0: for games in which
---one role wins what another loses. Rewards count in their order. Source: prime-rl
---(SPIRAL).
---
---    > state = {}
---    > loss.advantages.rae({ 1, -1, 1 }, { roles = { "a", "b", "a" }, state = state, decay = 0.5 })
---    {1, -1, 0.5}
---    > state.a
---    0.75
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.RAEOptions
---@return V
function A.rae(rewards, opts) end

---@class hud.HierarchicalOptions: hud.AdvantageOptions
---@field roles string[] of each reward
---@field episodes integer[] which rewards belong to one episode
---@field episode_roles string[] the roles that are compared within their episode

---R - the mean of the role's rewards in the episode for episode_roles, in the group for the
---others: solvers are compared on one problem, proposers of problems with each other.
---Source: prime-rl.
---
---    > loss.advantages.hierarchical_grpo({ 0.5, 1, 0 }, { roles = { "proposer", "solver", "solver" },
---    >>   episodes = { 1, 1, 1 }, episode_roles = { "solver" } })
---    {0, 0.5, -0.5}
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.HierarchicalOptions
---@return V
function A.hierarchical_grpo(rewards, opts) end

---@class hud.LengthShapedOptions: hud.AdvantageOptions
---@field output_tokens (number[]|tensor)? tokens each answer wrote
---@field input_tokens (number[]|tensor)? tokens it read
---@field turns (number[]|tensor)?
---@field output_weight number? default 0.25
---@field input_weight number? default 0.1
---@field turns_weight number? default 0.1

---S - the group's mean of S, with S = R - the group's mean R*(sum of weight*length/the group's
---longest): the better a group does, the more length costs. Lengths that are not given cost
---nothing. Source: prime-rl.
---
---    > loss.advantages.length_shaped_grpo({ 1, 1 }, { output_tokens = { 10, 20 } })
---    {0.0625, -0.0625}
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.LengthShapedOptions
---@return V
function A.length_shaped_grpo(rewards, opts) end

---@class hud.StopProperlyOptions
---@field truncated (boolean|number)[] whether each answer was cut off
---@field coef number 0 to 1

---coef*R for answers that were cut off, R for the others. Source: NeMo RL (ProRL).
---
---    > loss.advantages.stop_properly_penalty({ 1, 1 }, { truncated = { true, false }, coef = 0.25 })
---    {0.25, 1}
---@generic V: number[]|tensor
---@param rewards V
---@param opts hud.StopProperlyOptions
---@return V
function A.stop_properly_penalty(rewards, opts) end

---0 for answers that were cut off, 1 for the others, for loss.masked; and how many are left.
---Masked answers leave the token counts; as `denominator` that number makes them leave the
---count of answers too. Source: TRL (mask_truncated_completions), which counts them.
---
---    > loss.advantages.mask_truncated({ true, false, false })
---    {0, 1, 1}	2
---@param truncated (boolean|number)[]
---@return number[] keep, integer kept
function A.mask_truncated(truncated) end

---@class hud.GAEOptions
---@field values number[]|tensor a value model's prediction at each position
---@field rewards (number[]|tensor)? one for each position, or for each datum, at its last loss token; default the data's
---@field gamma number? default 1
---@field lambda number? default 1
---@field whiten boolean? default true

---Generalised advantage estimation for each loss token t of a datum: A[t] = r[t] +
---gamma*V[t+1] - V[t] + gamma*lambda*A[t+1], V and A being 0 after the last token; positions
---in between, as of a tool's answer, hand V and A on. Whitened over the batch, and A + V,
---what to train the value model towards. Source: verl, NeMo RL.
---
---    > a, returns = loss.advantages.gae({ mask = { 1, 0, 1 } }, { values = { 0.5, 9, 0.25 }, rewards = { 1 }, whiten = false })
---    > a, returns
---     0.5000 0.0000 0.7500
---    [float32 3]
---     1 0 1
---    [float32 3]
---@param data table a custom loss's data, or a table with mask and, of several datums, offsets
---@param opts hud.GAEOptions
---@return tensor advantages, tensor returns
function A.gae(data, opts) end

---@class hud.VAPOAdvantageOptions: hud.GAEOptions
---@field lambda_value number? of the returns: default 1
---@field alpha number? default 0.05; 0 takes lambda for the advantages

---gae with lambda = 1 - 1/max(1, alpha*n) for the advantages of a datum of n loss tokens, and
---lambda_value for the returns. Source: NeMo RL (VAPO).
---
---    > (loss.advantages.vapo_gae({ mask = { 1, 1 } }, { values = { 0, 0 }, rewards = { 1 }, alpha = 1, whiten = false }))
---     0.5000 1.0000
---    [float32 2]
---@param data table
---@param opts hud.VAPOAdvantageOptions
---@return tensor advantages, tensor returns
function A.vapo_gae(data, opts) end

---@class hud.OTBOptions
---@field sum_pi_squared number[]|tensor sum of squared probabilities at each position: loss.sum_pi_squared
---@field rewards (number[]|tensor)? as for gae
---@field logprobs (number[]|tensor)? default the data's sampling_logprobs
---@field weights (number[]|tensor)? importance weights, whose squares scale w
---@field group_idx integer[]? default the data's
---@field eps number? default 1e-8
---@field zero_tail boolean? default true: no baseline where only the longest datum of a group is left

---The rewards from a token on less their mean over the group's datums at the t-th loss token,
---weighted by w = sum up to t of 1 - 2*p + sum of squared probabilities: the optimal token
---baseline. Source: verl.
---
---    > loss.advantages.otb({ mask = { 1, 1 }, offsets = { 0, 1, 2 } },
---    >>   { rewards = { 1, 0 }, logprobs = { -1, -1 }, sum_pi_squared = { 0.5, 0.5 } })
---      0.5000 -0.5000
---    [float32 2]
---@param data table
---@param opts hud.OTBOptions
---@return tensor advantages
function A.otb(data, opts) end

---@class hud.OPDOptions
---@field teacher (number[]|tensor)? logprobs at each position; default the data's ref_logprobs
---@field student (number[]|tensor)? default the data's logprobs

---On-policy distillation: the teacher's less the student's logprob of each token, without
---gradient. Source: NeMo RL (MOPD).
---
---    > loss.advantages.opd({ mask = { 1, 1 }, logprobs = tensor{-2, -1} }, { teacher = { -1, -1 } })
---     1 0
---    [float32 2]
---@param data table
---@param opts hud.OPDOptions?
---@return tensor advantages
function A.opd(data, opts) end

---@class hud.KLInAdvantageOptions
---@field advantage (number[]|tensor)? one for each datum or position; default the data's
---@field sampling_logprobs (number[]|tensor)? default the data's
---@field ref_logprobs (number[]|tensor)? default the data's
---@field beta number? default 0.05
---@field discount number? default 0; above it, of the sum over what follows

---A + beta*(mean kl - kl) of each token, kl = sampling - reference logprob, the mean over the
---batch: what keeps close to the reference is rewarded. With a discount, the discounted sum
---of that over the token and those after it. Source: tinker-cookbook.
---
---    > loss.advantages.kl_in_advantage({ mask = { 1, 1 }, sampling_logprobs = { -1, -1 }, ref_logprobs = { -1, -3 }, advantage = 1 }, { beta = 1 })
---     2 0
---    [float32 2]
---@param data table
---@param opts hud.KLInAdvantageOptions?
---@return tensor advantages
function A.kl_in_advantage(data, opts) end

return M
