package tests

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
)

// pageLoss is the example of HUD's page on custom losses (Training, "Custom
// losses"), word for word in Lua: importance-weighted, on raw rewards.
const pageLoss = `
local function my_loss(data, logprobs)
  local loss = tensor.scalar(0)
  for i, datum in ipairs(data) do
    local policy_lp = logprobs[i]
    local ratio = (policy_lp - datum.sampling_logprobs):exp()
    loss = loss - (ratio * datum.reward * datum.mask):sum()
  end
  return loss, { trained = #data }
end
`

// centredLosses are the built-in losses written with tensors, on the reward
// minus the group's mean, each trajectory counted once. The formulas are those
// of the Tinker documentation.
const centredLosses = `
local function group_means(data)
  local sums, counts, seen = {}, {}, {}
  for _, d in ipairs(data) do
    if not seen[d.traj_idx] then
      local g = d.group_idx or -1
      seen[d.traj_idx] = true
      sums[g], counts[g] = (sums[g] or 0) + d.reward, (counts[g] or 0) + 1
    end
  end
  return function(d) local g = d.group_idx or -1 return sums[g] / counts[g] end
end

local token = {
  importance_sampling = function(p, q, a) return -(p - q):exp() * a end,
  ppo = function(p, q, a, c)
    local r = (p - q):exp()
    return -(r * a):minimum(r:clamp{ min = c.low, max = c.high } * a)
  end,
  cispo = function(p, q, a, c)
    return -(p - q):exp():clamp{ min = c.low, max = c.high }:detach() * p * a
  end,
  dro = function(p, q, a, c)
    return -(p * a - (p - q):square() * (0.5 * c.beta))
  end,
}

local function centred(name, c)
  return function(data, logprobs)
    local mean, loss = group_means(data), 0
    for i, d in ipairs(data) do
      loss = loss + (token[name](logprobs[i], d.sampling_logprobs, d.reward - mean(d), c) * d.mask):sum()
    end
    return loss
  end
end
`

// weightOf is −dC/dlogprob of one token, in float64: p the policy's logprob, q
// the sampling policy's, a the advantage; clipped says whether a bound acts.
func weightOf(name string, low, high, beta, p, q, a float64) (w float64, clipped bool) {
	r := math.Exp(p - q)
	switch name {
	case hud.LossImportanceSampling:
		return r * a, false
	case hud.LossPPO:
		if a > 0 && r > high || a < 0 && r < low {
			return 0, true
		}
		return r * a, false
	case hud.LossCISPO:
		c := min(max(r, low), high)
		return c * a, c != r
	case hud.LossDRO:
		return a - beta*(p-q), math.Abs(p-q) > 0.2 // nothing clips: far ratios stand in for it
	}
	panic(name)
}

// advantagesOf are rewards minus the mean of their contiguous groups.
func advantagesOf(list []*hud.TrajectoryPayload, group int) []float64 {
	if group == 0 {
		group = len(list)
	}
	out := make([]float64, len(list))
	for lo := 0; lo < len(list); lo += group {
		sum := 0.0
		for _, p := range list[lo : lo+group] {
			sum += p.Reward
		}
		for i := lo; i < lo+group; i++ {
			out[i] = list[i].Reward - sum/float64(group)
		}
	}
	return out
}

// checkWeights compares what a custom loss sent with a formula, relative to
// each weight.
func (l *lab) checkWeights(t *testing.T, data *hud.Packed, want func(d, i int) (w float64, clipped bool)) {
	t.Helper()
	if len(l.weights) != data.Len() {
		t.Fatalf("got weights of %d datums, want %d", len(l.weights), data.Len())
	}
	trained := 0
	for d, row := range l.weights {
		lo, hi := data.Range(d)
		if len(row) != hi-lo {
			t.Fatalf("datum %d: got %d weights, want %d", d, len(row), hi-lo)
		}
		for i, got := range row {
			w := 0.0
			if data.Mask[lo+i] == 1 {
				w, _ = want(d, lo+i)
				trained++
			}
			if math.Abs(float64(got)-w) > 1e-6*math.Abs(w) {
				t.Fatalf("datum %d, position %d: got weight %v, want %v", d, i, got, w)
			}
		}
	}
	if trained == 0 {
		t.Fatal("no action tokens")
	}
}

// forward is the head's view of a batch, through the Go client.
func (l *lab) forward(t *testing.T, modelID string, list []*hud.TrajectoryPayload, group int) *hud.Packed {
	t.Helper()
	o := hud.ForwardOptions{}
	if group > 0 {
		o.GroupSize = &group
	}
	res, err := hud.NewTrainingClient(l.Service, modelID, hud.TrainingClientOptions{Warn: func(string) {}}).Forward(t.Context(), items(list), o)
	if err != nil {
		t.Fatal(err)
	}
	return res.Data
}

// HUD's documented loss runs verbatim on raw rewards: each token's weight is
// ratio·reward·mask.
func TestPageLossVerbatim(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	b := trajectories{rand.New(rand.NewPCG(1, 1))}
	list := b.payloads(8)
	b.offPolicy(t, l, l.model.ID, list, 0.5)
	data := l.forward(t, l.model.ID, list, 4)
	out := l.lua(t, pageLoss+`
		local batch = ...
		local trainer = hud.TrainingClient("tiny")
		local result = trainer:forward_backward_custom(batch, my_loss, { group_size = 4 })
		trainer:optim_step{ learning_rate = 1e-3 }
		return result.metrics.trained, result.num_datums, result.metrics["loss:sum"], result.metrics.untouched_datums`, toLua(list))
	l.checkWeights(t, data, func(d, i int) (float64, bool) {
		return math.Exp(float64(data.Logprobs[i])-float64(data.SamplingLogprobs[i])) * data.Reward[d], false
	})
	loss := 0.0
	for d := range data.Len() {
		lo, hi := data.Range(d)
		for i := lo; i < hi; i++ {
			loss -= math.Exp(float64(data.Logprobs[i])-float64(data.SamplingLogprobs[i])) * data.Reward[d] * float64(data.Mask[i])
		}
	}
	n := float64(data.Len())
	if out[0] != n || out[1] != n || math.Abs(out[2].(float64)-loss) > 1e-5*math.Abs(loss) || out[3] != 0.0 {
		t.Errorf("got trained %v, num_datums %v, loss %v, untouched %v, want %v, %v, %v, 0", out[0], out[1], out[2], out[3], n, n, loss)
	}
	if len(tree(t, l.Dir(), l.model.ID)) != 1 {
		t.Error("the step made no checkpoint")
	}
}

// The built-in losses equal the same formulas written in Lua: per-token
// weights, the accumulated gradient, and the logprobs after a step.
func TestBuiltinEqualsCustom(t *testing.T) {
	t.Parallel()
	const none = math.MaxFloat64
	for _, c := range []struct {
		name            string
		low, high, beta float64
		config          string // loss_fn_config in Lua
	}{
		{name: hud.LossImportanceSampling, high: none, config: "nil"},
		{name: hud.LossPPO, low: 0.8, high: 1.2, config: "nil"}, // the defaults
		{name: hud.LossPPO, low: 0.9, high: 1.3, config: "{ clip_low_threshold = 0.9, clip_high_threshold = 1.3 }"},
		{name: hud.LossPPO, low: 0.7, high: 1.3, config: "{ epsilon = 0.3 }"},
		{name: hud.LossCISPO, low: 0.8, high: 1.2, config: "{ clip_low_threshold = 0.8, clip_high_threshold = 1.2 }"},
		{name: hud.LossCISPO, low: 0, high: 4, config: "nil"}, // the defaults
		{name: hud.LossDRO, beta: 0.05, high: none, config: "nil"},
		{name: hud.LossDRO, beta: 0.5, high: none, config: "{ beta = 0.5 }"},
	} {
		for _, group := range []int{4, 0} {
			t.Run(fmt.Sprintf("%s/%s/group %d", c.name, c.config, group), func(t *testing.T) {
				t.Parallel()
				l := newLab(t)
				b := trajectories{rand.New(rand.NewPCG(2, uint64(group)))}
				list := b.payloads(12)
				noise := 0.5
				if c.high == 4 {
					noise = 1.5 // some ratios above 4
				}
				b.offPolicy(t, l, l.model.ID, list, noise)
				data := l.forward(t, l.model.ID, list, group)
				builtin, custom := l.fork(t, "builtin"), l.fork(t, "custom")

				size := "nil"
				if group > 0 {
					size = fmt.Sprint(group)
				}
				out := l.lua(t, centredLosses+fmt.Sprintf(`
					local batch, name = ...
					local size, config, c = %s, %s, { low = %g, high = %g, beta = %g }
					local function logprobs(trainer)
					  local all = {}
					  for i, d in ipairs(trainer:forward(batch).data) do all[i] = d.logprobs:tolist() end
					  return all
					end
					local a, b = hud.TrainingClient("builtin"), hud.TrainingClient("custom")
					local before = logprobs(a)
					local ra = a:forward_backward(batch, { loss_fn = name, loss_fn_config = config, group_size = size })
					local rb = b:forward_backward_custom(batch, centred(name, c), { group_size = size })
					a:optim_step{ learning_rate = 1e-3 }
					b:optim_step{ learning_rate = 1e-3 }
					return before, logprobs(a), logprobs(b), ra.metrics["loss:sum"], rb.metrics["loss:sum"], ra.num_datums, rb.num_datums`,
					size, c.config, c.low, c.high, c.beta), toLua(list), c.name)

				adv := advantagesOf(list, group)
				var sides [2][2]bool // advantage's sign × clipped or not
				l.checkWeights(t, data, func(d, i int) (float64, bool) {
					a := adv[data.TrajIdx[d]]
					w, clipped := weightOf(c.name, c.low, c.high, c.beta, float64(data.Logprobs[i]), float64(data.SamplingLogprobs[i]), a)
					sign, side := 0, 0
					if a < 0 {
						sign = 1
					}
					if clipped {
						side = 1
					}
					sides[sign][side] = true
					return w, clipped
				})
				if c.name != hud.LossImportanceSampling && sides != [2][2]bool{{true, true}, {true, true}} {
					t.Errorf("got advantages × bounds %v, want every branch taken", sides)
				}

				g, h := firstGradient(t, l.Dir(), builtin.ID), firstGradient(t, l.Dir(), custom.ID)
				if d, top := worst(g, h), largest(g); top == 0 || d > 1e-6*top {
					t.Errorf("accumulated gradients differ by %v, want at most 1e-6 of the largest entry %v", d, top)
				}
				before, x, y := numbers(t, out[0]), numbers(t, out[1]), numbers(t, out[2])
				if d := worst(x, y); d > 2e-4 {
					t.Errorf("after one step logprobs differ by %v, want at most 2e-4", d)
				}
				if d := worst(x, before); !(d > 1e-2) {
					t.Errorf("the largest move of a logprob is %v, want above 1e-2", d)
				}
				if x, y := out[3].(float64), out[4].(float64); math.Abs(x-y) > 1e-5*max(1, math.Abs(x)) {
					t.Errorf("got loss:sum %v and %v, want them equal", x, y)
				}
				if out[5] != out[6] || out[5].(float64) <= float64(len(list)) {
					t.Errorf("got %v and %v datums of %d trajectories, want the same and more", out[5], out[6], len(list))
				}
			})
		}
	}
}

// Equal per-token coefficients give bit-equal weights, whichever way they came:
// a built-in loss, weights computed in Lua, or a loss function in Lua.
func TestEqualCoefficientsEqualBits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, loss string
		onPolicy   bool
		weight     string // of datum d, in Lua
	}{
		// cross_entropy: every action token weighs 1.
		{"cross_entropy", `{ loss_fn = "cross_entropy" }`, false, `d.mask`},
		// On policy the ratio is exp(0) = 1: the advantage itself.
		{"importance_sampling", `{ group_size = 4 }`, true, `d.mask * d.advantage`},
		{"ppo", `{ loss_fn = "ppo", group_size = 4 }`, true, `d.mask * d.advantage`},
		{"cispo", `{ loss_fn = "cispo", group_size = 4 }`, true, `d.mask * d.advantage`},
		{"dro", `{ loss_fn = "dro", group_size = 4 }`, true, `d.mask * d.advantage`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			b := trajectories{rand.New(rand.NewPCG(3, 3))}
			list := b.payloads(12)
			noise := 0.5
			if c.onPolicy {
				noise = 0
			}
			b.offPolicy(t, l, l.model.ID, list, noise)
			models := []hud.Model{l.fork(t, "one"), l.fork(t, "two"), l.fork(t, "three"), l.fork(t, "four")}
			l.lua(t, `
				local batch = ...
				local size = { group_size = 4 }
				local one, two, three, four = hud.TrainingClient("one"), hud.TrainingClient("two"), hud.TrainingClient("three"), hud.TrainingClient("four")
				one:forward_backward(batch, `+c.loss+`)

				local pass, weights = two:forward(batch, size), {}
				for i, d in ipairs(pass.data) do weights[i] = `+c.weight+` end
				two:backward(pass.forward_id, weights)

				pass = three:forward(batch, size)
				for i, d in ipairs(pass.data) do weights[i] = (`+c.weight+`):tolist() end
				three:backward(pass.forward_id, weights)

				four:forward_backward_custom(batch, function(data, logprobs)
				  local loss = 0
				  for i, d in ipairs(data) do loss = loss - (logprobs[i] * (`+c.weight+`)):sum() end
				  return loss
				end, size)
				for _, t in ipairs{ one, two, three, four } do t:optim_step{ learning_rate = 1e-3 } end`, toLua(list))
			want := tree(t, l.Dir(), models[0].ID)[0]
			for i, m := range models[1:] {
				// Blobs are named by the hash of their bytes.
				got := tree(t, l.Dir(), m.ID)[0]
				if got.Weights != want.Weights || got.Moments != want.Moments {
					t.Errorf("way %d: other bits: weights %v, moments %v", i+2, got.Weights == want.Weights, got.Moments == want.Moments)
				}
			}
		})
	}
}

// The documented double-sided importance-sampling loss, as scripts/custom_loss.lua
// has it: group-mean baseline, hard mask outside [0.8, 1.28], division by the
// number of tokens that train.
func TestDoubleSidedLoss(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../scripts/custom_loss.lua")
	if err != nil {
		t.Fatal(err)
	}
	from := strings.Index(string(text), "local function double_sided_is")
	to := strings.Index(string(text)[max(from, 0):], "\nend\n")
	if from < 0 || to < 0 {
		t.Fatal("scripts/custom_loss.lua has no function double_sided_is")
	}
	source := string(text)[from:from+to] + "\nend\n"

	for _, group := range []int{4, 0} {
		t.Run(fmt.Sprintf("group %d", group), func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			b := trajectories{rand.New(rand.NewPCG(4, 4))}
			list := b.payloads(12)
			b.offPolicy(t, l, l.model.ID, list, 0.3)
			data := l.forward(t, l.model.ID, list, group)
			size := "{}"
			if group > 0 {
				size = fmt.Sprintf("{ group_size = %d }", group)
			}
			out := l.lua(t, source+`
				local trainer = hud.TrainingClient("tiny")
				local m = trainer:forward_backward_custom(..., double_sided_is, `+size+`).metrics
				local step = trainer:optim_step{ learning_rate = 1e-3 }
				return m.trained_tokens, m.masked_tokens, m["loss:sum"], step.step`, toLua(list))

			adv := advantagesOf(list, group)
			trained, masked, loss := 0, 0, 0.0
			kept := func(d, i int) (ratio, a float64, keep bool) {
				ratio = math.Exp(float64(data.Logprobs[i]) - float64(data.SamplingLogprobs[i]))
				return ratio, adv[data.TrajIdx[d]], ratio >= 0.8 && ratio <= 1.28
			}
			for d := range data.Len() {
				lo, hi := data.Range(d)
				for i := lo; i < hi; i++ {
					r, a, keep := kept(d, i)
					switch {
					case data.Mask[i] == 0:
					case keep:
						trained++
						loss -= r * a
					default:
						masked++
					}
				}
			}
			loss /= float64(trained)
			l.checkWeights(t, data, func(d, i int) (float64, bool) {
				r, a, keep := kept(d, i)
				if !keep {
					return 0, true
				}
				return r * a / float64(trained), false
			})
			if trained == 0 || masked == 0 || out[0] != float64(trained) || out[1] != float64(masked) || math.Abs(out[2].(float64)-loss) > 1e-5 || out[3] != 1.0 {
				t.Errorf("got trained_tokens %v, masked_tokens %v, loss %v, step %v, want %d, %d, %v, 1", out[0], out[1], out[2], out[3], trained, masked, loss)
			}
		})
	}
}

// hud.loss's own built-ins are the service's.
func TestLossModuleEqualsService(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"cross_entropy", "importance_sampling", "ppo", "cispo", "dro"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			b := trajectories{rand.New(rand.NewPCG(5, 5))}
			list := b.payloads(8)
			b.offPolicy(t, l, l.model.ID, list, 0.5)
			one, two := l.fork(t, "one"), l.fork(t, "two")
			l.lua(t, `
				local batch, name = ...
				local one, two = hud.TrainingClient("one"), hud.TrainingClient("two")
				one:step(batch, { loss_fn = name, group_size = 4, learning_rate = 1e-3 })
				two:forward_backward_custom(batch, hud.loss.as_custom(name), { group_size = 4 })
				two:optim_step{ learning_rate = 1e-3 }`, toLua(list), name)
			g, h := firstGradient(t, l.Dir(), one.ID), firstGradient(t, l.Dir(), two.ID)
			if d, top := worst(g, h), largest(g); top == 0 || d > 1e-6*top {
				t.Errorf("gradients differ by %v, want at most 1e-6 of the largest entry %v", d, top)
			}
		})
	}
}

// Gradients add up: a batch in parts, by num_substeps or by hand, is the batch.
func TestAccumulation(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	b := trajectories{rand.New(rand.NewPCG(6, 6))}
	list := b.payloads(12)
	b.offPolicy(t, l, l.model.ID, list, 0.5)
	var models []hud.Model
	for i := range 4 {
		models = append(models, l.fork(t, fmt.Sprintf("m%d", i)))
	}
	l.lua(t, `
		local batch = ...
		local function client(i) return hud.TrainingClient("m" .. i) end
		local whole, parts, hand, scaled = client(0), client(1), client(2), client(3)
		whole:forward_backward(batch, { group_size = 4 })
		parts:forward_backward(batch, { group_size = 4, num_substeps = 5 })
		for i = 1, 12, 4 do
		  local part = { batch[i], batch[i + 1], batch[i + 2], batch[i + 3] }
		  if i == 5 then
		    local pass, weights = hand:forward(part, { group_size = 4 }), {}
		    for k, d in ipairs(pass.data) do weights[k] = (d.logprobs - d.sampling_logprobs):exp() * d.mask * d.advantage end
		    hand:backward(pass.forward_id, weights)
		  else
		    hand:forward_backward(part)
		  end
		end
		scaled:forward_backward(batch, { group_size = 4, reward_scale = 0.25 })
		for i = 0, 3 do client(i):optim_step{ learning_rate = 1e-3 } end`, toLua(list))
	want := firstGradient(t, l.Dir(), models[0].ID)
	for i, m := range models[1:] {
		got := firstGradient(t, l.Dir(), m.ID)
		if i == 2 {
			for k := range got {
				got[k] *= 4
			}
		}
		if d, top := worst(got, want), largest(want); d > 1e-6*top {
			t.Errorf("model m%d: gradients differ by %v, want at most 1e-6 of the largest entry %v", i+1, d, top)
		}
	}
}
