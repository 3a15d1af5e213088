package loss_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	bind "github.com/hudrl/hudrl/bindings/loss"
	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/bindings/tensor"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/loss"
)

// batch has two groups of two trajectories; the second trajectory has two
// datums. Ratios lie in and out of [0.8, 1.28].
func batch() *hud.Packed {
	p := &hud.Packed{
		Offsets: []int{0, 3, 5, 6, 9, 11}, TrajIdx: []int{0, 1, 1, 2, 3}, GroupIdx: []int{0, 0, 0, 1, 1},
		Reward: []float64{1, 0, 0, 1, 3}, Advantage: []float64{.5, -.5, -.5, -1, 1},
		Extra: []map[string]any{{"weight": 2.0}, nil, nil, nil, nil},
	}
	for i, r := range []float64{1, 1.1, 0.7, 1.5, 1, 0.9, 1.2, 1.3, 0.5, 1.05, 1} {
		l := -0.1 * float64(i+1)
		p.Logprobs = append(p.Logprobs, float32(l))
		p.SamplingLogprobs = append(p.SamplingLogprobs, float32(l-math.Log(r)))
		p.Mask = append(p.Mask, float32(min(1, i%3)))
	}
	p.SamplingLogprobs[0] = 0
	for i, l := range p.Logprobs {
		p.RefLogprobs = append(p.RefLogprobs, l+0.1*float32(i%3-1))
	}
	return p
}

// vm runs Lua with hud.tensor, hud.loss and a function custom(fn), which runs
// fn as forward_backward_custom would and returns weights, loss, metrics and
// touched datums.
func vm(t *testing.T) *runtime.Runtime {
	t.Helper()
	rt, err := runtime.New(runtime.Config{Modules: []runtime.Module{tensor.Module(), bind.Module(), {Name: "custom", Open: func(vm *runtime.VM) (lua.LValue, error) {
		return vm.NewFunction(func(L *lua.LState) int {
			a := luax.Read(L, "forward_backward_custom")
			p := batch()
			inputs := vm.NewTable(4, 0)
			for i := range 4 {
				inputs.RawSetInt(i+1, lua.LString(fmt.Sprint("trace-", i+1)))
			}
			weights := make([]float32, p.Tokens())
			out, err := bind.Custom(vm, L, a.Func("loss"), inputs)(p, weights)
			if err != nil {
				vm.Raise(L, err)
			}
			for _, v := range []any{slices.Clone(weights), out.Loss, out.Metrics, out.Touched} {
				x, err := vm.ToLua(v)
				if err != nil {
					vm.Raise(L, err)
				}
				L.Push(x)
			}
			return 4
		}), nil
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close() })
	return rt
}

func run(t *testing.T, rt *runtime.Runtime, src string) ([]any, error) {
	t.Helper()
	c, err := runtime.Compile("test.lua", `local tensor, loss, custom = require "hud.tensor", require "hud.loss", require "custom" `+src)
	if err != nil {
		t.Fatal(err)
	}
	return rt.Run(context.Background(), c)
}

func must(t *testing.T, src string) []any {
	t.Helper()
	out, err := run(t, vm(t), src)
	if err != nil {
		t.Fatalf("%s\n%v", src, err)
	}
	return out
}

func near(t *testing.T, what string, got any, want []float64) {
	t.Helper()
	list := got.([]any)
	if len(list) != len(want) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
	for i, v := range list {
		if math.Abs(v.(float64)-want[i]) > 1e-6*math.Max(1, math.Abs(want[i])) {
			t.Errorf("%s: element %d: got %v, want %v", what, i, v, want[i])
		}
	}
}

// want is f(ratio, mask, datum) at every position.
func want(f func(r, m float64, d int) float64) []float64 {
	p := batch()
	var out []float64
	for d := range p.Len() {
		lo, hi := p.Range(d)
		for i := lo; i < hi; i++ {
			out = append(out, f(math.Exp(float64(p.Logprobs[i])-float64(p.SamplingLogprobs[i])), float64(p.Mask[i]), d))
		}
	}
	return out
}

// TestPageLoss is the loss of HUD's documentation, word for word: its weights
// are R·r·m.
func TestPageLoss(t *testing.T) {
	t.Parallel()
	p := batch()
	out := must(t, `return custom(function(data, logprobs)
		local total = tensor.scalar(0)
		for i, d in ipairs(data) do
			local logp = logprobs[i]
			local ratio = (logp - d.sampling_logprobs):exp()
			total = total - (ratio * d.mask):sum() * d.reward
		end
		return total, { datums = #data, mean = total / #data }
	end)`)
	weights := want(func(r, m float64, d int) float64 { return p.Reward[d] * r * m })
	near(t, "weights", out[0], weights)
	total := 0.0
	for _, w := range weights {
		total -= w
	}
	near(t, "loss", []any{out[1], out[2].(map[string]any)["datums"], out[2].(map[string]any)["mean"]}, []float64{total, 5, total / 5})
}

// TestCentred subtracts the trajectory-weighted group mean in Lua; weights and
// value are those of importance_sampling, fused and as a custom loss.
func TestCentred(t *testing.T) {
	t.Parallel()
	p := batch()
	weights := want(func(r, m float64, d int) float64 { return p.Advantage[d] * r * m })
	for name, src := range map[string]string{
		"in Lua": `local function centred(data)
			local sum, count, seen = {}, {}, {}
			for _, d in ipairs(data) do
				local g = d.group_idx or -1
				if not seen[d.traj_idx] then
					seen[d.traj_idx] = true
					sum[g], count[g] = (sum[g] or 0) + d.reward, (count[g] or 0) + 1
				end
			end
			return sum, count
		end
		return custom(function(data, logprobs)
			local sum, count = centred(data)
			local total = 0
			for i, d in ipairs(data) do
				local a = d.reward - sum[d.group_idx] / count[d.group_idx]
				total = total - ((logprobs[i] - d.sampling_logprobs):exp() * d.mask):sum() * a
			end
			return total
		end)`,
		"advantage": `return custom(function(data, logprobs)
			local total = 0
			for i, d in ipairs(data) do
				assert(d.logprobs == logprobs[i])
				total = total - ((d.logprobs - d.sampling_logprobs):exp() * d.mask):sum() * d.advantage
			end
			return total
		end)`,
		"packed": `return custom(function(data)
			local p = data.packed
			return -((p.logprobs - p.sampling_logprobs):exp() * p.mask * p.expand(p.advantage)):sum()
		end)`,
		"as_custom":   `return custom(loss.as_custom("importance_sampling"))`,
		"fused":       `return custom(function(data) return loss.importance_sampling(data.packed) end)`,
		"fused datum": `return custom(function(data) local total = 0 for _, d in ipairs(data) do total = total + loss.importance_sampling(d) end return total end)`,
		"estimator": `return custom(function(data)
			local p = data.packed
			local a = loss.advantages.mean_only(p.reward, {group_idx = p.group_idx, traj_idx = p.traj_idx})
			return loss.importance_sampling(data, {advantage = a})
		end)`,
	} {
		out := must(t, src)
		near(t, name, out[0], weights)
		total := 0.0
		for _, w := range weights {
			total -= w
		}
		near(t, name, []any{out[1]}, []float64{total})
	}
}

// TestDoubleSided is the importance-sampling loss with a hard mask outside
// [0.8, 1.28], divided by the number of trained tokens, as plain Lua and fused.
func TestDoubleSided(t *testing.T) {
	t.Parallel()
	p := batch()
	trained, masked := 0.0, 0.0
	want(func(r, m float64, _ int) float64 {
		if m == 1 && r >= .8 && r <= 1.28 {
			trained++
		} else if m == 1 {
			masked++
		}
		return 0
	})
	weights := want(func(r, m float64, d int) float64 {
		if r < .8 || r > 1.28 {
			return 0
		}
		return p.Advantage[d] * r * m / trained
	})
	for name, src := range map[string]string{
		"plain": `return custom(function(data, logprobs)
			local total, trained, all = tensor.scalar(0), 0, 0
			for i, d in ipairs(data) do
				local ratio = (logprobs[i] - d.sampling_logprobs):exp()
				local keep = ratio:ge(0.8):land(ratio:le(1.28)):land(d.mask)
				total = total - tensor.where(keep, ratio, 0):sum() * d.advantage
				trained = trained + keep:sum():item()
				all = all + d.mask:sum():item()
			end
			return total / math.max(1, trained), { trained_tokens = trained, masked_tokens = all - trained }
		end)`,
		"fused": `return custom(loss.as_custom("glm_double_sided"))`,
	} {
		out := must(t, src)
		near(t, name, out[0], weights)
		m := out[2].(map[string]any)
		near(t, name, []any{m["trained_tokens"], m["masked_tokens"]}, []float64{trained, masked})
	}
}

// TestBuiltins holds every fused loss on the packed batch against the same
// datum by datum.
func TestBuiltins(t *testing.T) {
	t.Parallel()
	for _, name := range loss.Names() {
		if strings.HasSuffix(name, "_cov") {
			continue // what it chooses depends on the batch
		}
		out := must(t, fmt.Sprintf(`
			local a = custom(loss.as_custom(%q, {aggregate = "sum"}))
			local b = custom(function(data) local total = 0 for _, d in ipairs(data) do total = total + (rawget(loss, %q) or loss.kl[%q])(d, {aggregate = "sum"}) end return total end)
			return a, b`, name, name, strings.TrimPrefix(name, "kl.")))
		var w []float64
		for _, v := range out[1].([]any) {
			w = append(w, v.(float64))
		}
		near(t, name, out[0], w)
	}
}

func TestData(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{`local n; local _, _, _, touched = custom(function(data, l) n = #data; return l[2]:sum() + data.packed.logprobs[7] end); return n, touched`, "5 [false true false true false]"},
		{`local s; custom(function(data, l) s = {tostring(data[4]), tostring(data.packed), data[4].input, data[1].extra.weight, data[5].group_idx, data[1].ref_logprobs == nil}; return l[1]:sum() end); return s[1], s[2], s[3], s[4], s[5], s[6]`,
			"DatumTensors{positions=3, reward=1, advantage=-1, traj_idx=2, group_idx=1} packed{datums=5, positions=11} trace-3 2 1 false"},
		{`local p; custom(function(data, l) p = data.packed; return l[1]:sum() end); return p.offsets, p.reward:tolist(), p.group_idx, p.traj_idx, p.expand({1,2,3,4,5}):tolist()`,
			"[0 3 5 6 9 11] [1 0 0 1 3] [0 0 0 1 1] [0 1 1 2 3] [1 1 1 2 2 3 4 4 4 5 5]"},
		// What a script keeps stays right across calls.
		{`local kept; local function f(data, l) kept = (l[1] - 1); return kept:sum() end; custom(f); local first = kept; custom(f); return first:tolist()[1] == kept:tolist()[1], first.grad == nil`, "true true"},
		{`return string.format('%.6f', loss.advantages.grpo({1,0}, {eps=0})[2]), loss.advantages.rloo({1,0,0,0}, {group_size=4})[1], loss.advantages.opo({1,0}, {length={1,3}}), loss.advantages.maxrl{1,0}, loss.advantages.batch_std({1,1})`,
			"-0.707107 1 [0.75 -0.25] [1 -1] [0 0]"},
		{`local l, m = loss.ppo({logprobs = tensor{-1,-1}, sampling_logprobs = tensor{-3,-1}, mask = tensor{1,1}, advantage = 1}, {aggregate = "token_mean"}); return l:item(), m.clip_fraction, m.loss_tokens`, "-1.100000023841858 0.5 2"},
		// d = 2, 0: ratios e² and 1.
		{`local l, m = loss.dapo({logprobs = tensor{-1,-1}, sampling_logprobs = tensor{-3,-1}, mask = tensor{1,1}, advantage = 1}); return string.format("%.4f %.4f %.4f %.4f %.4f", l:item(), m.ratio_mean, m.ratio_max, m.kl_k1, m.kl_k2)`, "-1.1400 4.1945 7.3891 -1.0000 1.0000"},
		{`return loss.kl.controller_adaptive(0.1, 3, {target = 1, n = 100, horizon = 1000}), loss.kl.controller_adaptive(0.1, 0, {target = 1, horizon = 1})`, "0.10200000000000001 0.08000000000000002"},
		{`loss.kl.controller_adaptive(0.1, 3, {target = 0})`, "! controller_adaptive: target: got 0, want above 0"},
		{`loss.kl.k3({logprobs = tensor{-1}, sampling_logprobs = tensor{-1}, mask = tensor{1}})`, "! kl.k3: ref_logprobs: got none, want the reference's logprobs"},
		{`loss.topr({logprobs = tensor{-1}, sampling_logprobs = tensor{-1}, mask = tensor{1}})`, "! topr: reward: got 0 values for 1 datums"},
		{`loss.as_custom("dr_grpo")`, "! aggregate: seq_mean_token_sum_norm: max_length: got 0, want above 0"},
		{`loss.as_custom("sapo", {tau_pos = 0})`, "! sapo: tau_pos: got 0, want above 0"},
		{`loss.as_custom("gmpo", {log_clip_low = 1})`, "! gmpo: got log_clip_low 1 above log_clip_high 0.2, want bounds on the log-ratio, low before high"},

		{`custom(function() return 5 end)`, "! forward_backward_custom: custom loss: got number, want tensor"},
		{`custom(function() end)`, "! forward_backward_custom: custom loss: got nil, want tensor"},
		{`custom(5)`, "! forward_backward_custom: loss: got number, want function"},
		{`custom(function(data, l) return l[1] end)`, "! forward_backward_custom: custom loss: got shape [3], want one element"},
		{`custom(function(data, l) return l[1]:sum(), {x = "y"} end)`, "! forward_backward_custom: metrics: x: got string, want number or tensor with one element"},
		{`custom(function(data, l) return l[1]:sum(), {1} end)`, "! forward_backward_custom: metrics: got a key of type number, want names"},
		{`custom(function(data, l) return l[1]:sum(), 7 end)`, "! forward_backward_custom: metrics: got number, want table"},
		{`custom(function(data, l) data[1].mask:mul_(0) end)`, "! mul_: the tensor is read-only"},
		{`custom(function(data, l) return (l[1] + l[2]):sum() end)`, "! add: shapes [3] and [2] do not broadcast"},
		{`custom(function(data, l) error({mine = 1}) end)`, "! "},
		{`loss.as_custom("pppo")`, `! loss: unknown loss "pppo" (did you mean "ppo"?)`},
		{`loss.as_custom("ppo", {clip_high_treshold = 2})`, `! as_custom: unknown option "clip_high_treshold" (did you mean "clip_high_threshold"?)`},
		{`loss.as_custom("ppo", {epsilon = 0.2, clip_low_threshold = 1})`, "! ppo: got both epsilon and clip_low_threshold, want one of them"},
		{`loss.as_custom("ppo", {aggregate = "seq_mean_token_sum_norm"})`, "! aggregate: seq_mean_token_sum_norm: max_length: got 0, want above 0"},
		{`loss.ppo({})`, "! ppo: data.logprobs: got nil, want tensor"},
		// A list of some of the datums: their losses added up.
		{`local a, b; custom(function(data) a = loss.ppo({data[1], data[4]}) b = loss.ppo(data[1]) + loss.ppo(data[4]) return a end); return math.abs(a:item() - b:item()) < 1e-6`, "true"},
		{`local w, v = custom(function(data) return loss.ppo({data[1], data[4]}) end), custom(function(data) return loss.ppo(data[1]) + loss.ppo(data[4]) end); for i = 1, #w do assert(math.abs(w[i] - v[i]) < 1e-6) end return #w`, "11"},
		{`local m; custom(function(data) local l, n = loss.dpo({data[1], data[2], data[3]}) m = n return l end); return m.pairs`, "1"},
		{`local l; custom(function(data) l = loss.echo({data[1], data[4]}) return data[1].logprobs:sum() end); return l:dim()`, "0"},
		{`loss.ppo({{logprobs = tensor{1}, sampling_logprobs = tensor{1}, mask = tensor{1}}, 5})`, "! ppo: data[2]: got number, want table"},
		{`loss.ppo({{logprobs = tensor{1}, sampling_logprobs = tensor{1}, mask = tensor{1}}, {}})`, "! ppo: data[2].logprobs: got nil, want tensor"},
		{`loss.ppo({{logprobs = tensor{1}, sampling_logprobs = tensor{1}, mask = tensor{1,1}}, {logprobs = tensor{1}, sampling_logprobs = tensor{1}, mask = tensor{1}}})`, "! ppo: data.mask: got 3 positions, want 2 as logprobs has"},
		{`loss.pppo({})`, `! loss: no such name: "pppo" (did you mean "ppo"?)`},
		{`loss.ppo({logprobs = tensor{1}, sampling_logprobs = tensor{1,2}, mask = tensor{1}})`, "! ppo: data.sampling_logprobs: got 2 positions, want 1 as logprobs has"},
		{`loss.ppo({logprobs = tensor{1}, sampling_logprobs = tensor{1}, mask = tensor{1}, offsets = {0, 2}})`, "! ppo: data.offsets: want them to go from 0 to 1, the number of positions"},
		{`loss.ppo({logprobs = tensor{1}, sampling_logprobs = tensor{1}, mask = tensor{1}, advantage = {1, 2}})`, "! ppo: data.advantage: got 2 values for 1 datums"},
		{`return loss.advantages.remax({1,0}, {greedy = {0.5,0.5}}), loss.advantages.overlong_penalty({5,8,10}, {max_length = 10, buffer = 4}), loss.advantages.passk({3,1,0}), loss.advantages.grpo_trl(tensor{1,0}, {scale = "none"}):tolist(), loss.advantages.reinforce_pp({1,1}, {length = {1,2}})`,
			"[0.5 -0.5] [0 -0.5 -1] [2 0 0] [0.5 -0.5] [0 0]"},
		{`loss.advantages.grpo_trl({1,2}, {scale = "gruop"})`, `! grpo_trl: scale: got "gruop", want one of group, batch, none (did you mean "group"?)`},
		{`loss.advantages.remax({1,2})`, "! remax: greedy: got 0 values for 2 rewards"},
		{`loss.advantages.remax({1,2}, {greedy = {1}})`, "! remax: greedy: got 1 values for 2 datums"},
		{`loss.advantages.overlong_penalty({1}, {buffer = 4})`, "! overlong_penalty: max_length: got nil, want number"},
		{`loss.advantages.grpo({1,2}, {eps = -1})`, "! grpo: eps: got -1, want at least 0"},
		// Ratios e and 1 as weights, the first at most 2; the loss's own ratios are 1.
		{`local l, m = loss.ppo({logprobs = tensor{-1,-1}, sampling_logprobs = tensor{-2,-1}, mask = tensor{1,1}, advantage = 1}, {correction = "tis"}); return l:item(), m.correction_fraction, m.correction_weight`, "-3 0.5 1.5"},
		{`return loss.importance_sampling({logprobs = tensor{-1}, sampling_logprobs = tensor{-2}, mask = tensor{1}, advantage = 1}, {old_logprobs = {-1}}):item()`, "-1"},
		// An offset of 0.1 holds e at 1.1; an advantage for each position.
		{`return loss.ppo({logprobs = tensor{-1,-1}, sampling_logprobs = tensor{-2,-1}, mask = tensor{1,1}, advantage = 1}, {as = "offset", clip_high_threshold = 0.1}):item()`, "-2.0999999046325684"},
		{`return loss.reinforce({logprobs = tensor{-1,-1}, sampling_logprobs = tensor{-2,-1}, mask = tensor{1,1}}, {advantage = {1, 3}}):item()`, "4"},
		{`loss.reinforce({logprobs = tensor{-1,-1}, sampling_logprobs = tensor{-2,-1}, mask = tensor{1,1}}, {advantage = {1, 3, 4}})`, "! reinforce: advantage: got 3 values, want one for each of 1 datums or 2 positions"},
		{`loss.gspo({logprobs = tensor{-1,-1}, sampling_logprobs = tensor{-2,-1}, mask = tensor{1,1}}, {advantage = {1, 3}})`, "! gspo: advantage: got one for each token, want one for each datum: the loss has one ratio per sequence"},
		// k1 = −1 and 0: the ratio e is above 2, and the token leaves the mean.
		{`local l, m = loss.reinforce({logprobs = tensor{-1,-3}, sampling_logprobs = tensor{-2,-3}, mask = tensor{1,1}, advantage = 1}, {rejection = "token_k1", rejection_high = 2, aggregate = "token_mean"}); return l:item(), m.rejected_fraction`, "3 0.5"},
		// Weights e held at 2, and 1, divided by their mean 1.5.
		{`return string.format("%.4f", loss.reinforce({logprobs = tensor{-1,-3}, sampling_logprobs = tensor{-2,-3}, mask = tensor{1,1}, advantage = 1}, {correction = "tis", normalize_weights = true}):item())`, "3.3333"},
		{`loss.as_custom("ppo", {rejection = "token_k4", rejection_high = 2})`, `! rejection: unknown criterion "token_k4" (did you mean "token_k1"?)`},
		{`loss.as_custom("ppo", {rejection_high = 2})`, "! as_custom: rejection: got bounds without it, want one or more of token_k1, token_k2, token_k3, seq_sum_k1, seq_sum_k2, seq_sum_k3, seq_mean_k1, seq_mean_k2, seq_mean_k3, seq_max_k2, seq_max_k3"},
		{`loss.as_custom("ppo", {normalize_weights = true})`, "! as_custom: normalize_weights: got it without a correction"},
		{`loss.as_custom("ppo", {as = "ofset"})`, `! as_custom: as: got "ofset", want one of absolute, offset (did you mean "offset"?)`},
		{`loss.as_custom("dro", {as = "offset"})`, `! as_custom: unknown option "as" (as_custom takes beta, max_length, denominator, advantage, old_logprobs, correction, correction_low, correction_high, rejection, rejection_low, rejection_high, normalize_weights, aggregate)`},
		// μ = 0.1 of −ℓ·p(1 − p), p = e⁻¹, of the second datum, 0.9 of −A of the first.
		{`local d = {logprobs = tensor{-1,-1}, sampling_logprobs = tensor{-1,-1}, mask = tensor{1,1}, offsets = {0,1,2}, advantage = 1, reward = {1, 0}}; return string.format("%.5f %.5f", loss.vapo_pos_nll(d):item(), loss.vapo_pos_nll(d, {positive_denominator = 4}):item())`, "-0.90000 -0.97500"},
		{`local d = {logprobs = tensor{-1,-1}, sampling_logprobs = tensor{-1,-1}, mask = tensor{1,1}, offsets = {0,1,2}, advantage = 1}; return string.format("%.5f %.5f", loss.chord(d, {expert = {false, true}}):item(), loss.chord(d, {expert = {false, true}, phi = 0}):item())`, "-0.87675 -0.80000"},
		{`local d = {logprobs = tensor{-1,-1}, sampling_logprobs = tensor{-1,-1}, mask = tensor{1,1}, offsets = {0,1,2}, advantage = 1, {}, {extra = {expert = true}}}; return string.format("%.5f", loss.chord(d, {phi = 0}):item())`, "-0.80000"},
		// 0.1 of −ℓ of the observations: behind the first loss token, or those named.
		{`local d = {logprobs = tensor{-1,-2,-4}, sampling_logprobs = tensor{-1,-1,-1}, mask = tensor{0,1,0}}; return string.format("%.2f %.2f", loss.echo(d):item(), loss.echo(d, {observation_mask = {1, 0, 0}}):item())`, "0.40 0.10"},
		{`loss.as_custom("ppo", {correction = "tsi"})`, `! correction: unknown correction "tsi" (did you mean "tis"?)`},
		{`loss.as_custom("ppo", {correction_high = 2})`, "! as_custom: correction: got bounds without it, want one of icepop, off_policy_seq_mask, seq_mask_tis, seq_tis, tis"},
		{`loss.ppo({logprobs = tensor{-1}, sampling_logprobs = tensor{-2}, mask = tensor{1}}, {old_logprobs = tensor{1,2}})`, "! ppo: old_logprobs: got 2 positions, want 1 as logprobs has"},
		// The better of each group's two trajectories is chosen. Sums of l − l_ref: −0.1
		// against −0.1, and 0 against −0.1; the mean of log 2 and log(1 + exp(−0.01)).
		{`local w, l, m = custom(loss.as_custom("dpo")); return string.format("%.4f", l), m.pairs, m.ties`, "0.6907 2 0"},
		{`return string.format("%.4f", loss.simpo({logprobs = tensor{-1,-2}, sampling_logprobs = tensor{0,0}, mask = tensor{1,1}, offsets = {0,1,2}, reward = {0,1}, group_idx = {0,0}, traj_idx = {0,1}}, {beta = 1, gamma = 0}):item())`, "1.3133"},
		{`loss.dpo({logprobs = tensor{-1}, ref_logprobs = tensor{-1}, sampling_logprobs = tensor{-1}, mask = tensor{1}, reward = 1})`, "! dpo: want a batch in groups, with group_idx, traj_idx and reward for each datum"},
		{`loss.as_custom("dpo", {aggregate = "sum"})`, `! as_custom: unknown option "aggregate" (as_custom takes beta, denominator)`},
		{`loss.as_custom("rloo")`, `! loss: rloo is of kind advantage, want a loss of tokens, pairs or answers`},
		{`loss.as_custom("tis")`, `! loss: tis is of kind correction, want a loss of tokens, pairs or answers`},
		{`loss.as_custom("ppo", {denominator = 0})`, `! as_custom: denominator: got 0, want above 0`},
		{`loss.as_custom("ppo", {rejection = "token_k1"})`, `! rejection: got no rejection_high, want a number: it has no default`},
		{`loss.as_custom("dop")`, `! loss: unknown loss "dop" (did you mean "dpo"?)`},
		{`loss.as_custom("dpo", {denominator = -1})`, "! as_custom: denominator: got -1, want above 0"},
		// Both components say the same, ±1/√2 each; S = ±√2 has the deviation 2.
		{`local a = loss.advantages.gdpo({{1,0}, {100,0}}, {eps = 0}); return string.format("%.6f %.6f", a[1], a[2])`, "0.707107 -0.707107"},
		{`loss.advantages.gdpo({{1,0}, 5})`, "! gdpo: components[2]: got 5, want list of numbers or tensor"},
		{`loss.advantages.gdpo({})`, "! gdpo: components: got none, want at least one list of rewards"},
		{`loss.advantages.grpo({1,2,3}, {group_size = 2})`, "! grpo: group_size: got 2 for 3 rewards, want a divisor, and no group_idx beside it"},
		{`loss.advantages.grpo(true)`, "! grpo: rewards: got boolean, want list of numbers or tensor"},
		{`loss.advantages.opo({1,2})`, "! opo: length: got 0 lengths for 2 rewards"},
	} {
		out, err := run(t, vm(t), c[0])
		if want, ok := strings.CutPrefix(c[1], "! "); ok {
			var e *runtime.Error
			if !errors.As(err, &e) || want != "" && e.Message != want {
				t.Errorf("%s\ngot %v, %v\nwant error %s", c[0], out, err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s\ngot error %v", c[0], err)
			continue
		}
		if got := strings.TrimSpace(fmt.Sprintln(out...)); got != c[1] {
			t.Errorf("%s\ngot  %s\nwant %s", c[0], got, c[1])
		}
	}
}

func TestWeights(t *testing.T) {
	t.Parallel()
	rt, err := runtime.New(runtime.Config{Modules: []runtime.Module{tensor.Module(), {Name: "weights", Open: func(vm *runtime.VM) (lua.LValue, error) {
		return vm.NewFunction(func(L *lua.LState) int {
			a := luax.Read(L, "backward")
			var out []any
			for _, w := range bind.Weights(&a, "weights", a.Any(), []int{0, 1, 3}) {
				out = append(out, w)
			}
			v, err := vm.ToLua(out)
			if err != nil {
				vm.Raise(L, err)
			}
			L.Push(v)
			return 1
		}), nil
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close() })
	for src, want := range map[string]string{
		`{{1}, {2,3}}`:              "[[[1] [2 3]]]",
		`{tensor{1}, -tensor{2,3}}`: "[[[1] [-2 -3]]]",
		`tensor{1,2,3}`:             "[[[1] [2 3]]]",
		`tensor{1,2}`:               "backward: weights: got 2 values, want 3: one for each position of the pass",
		`{{1}, {2,true}}`:           "backward: weights[2][2]: got boolean, want number",
		`{{1}, 5}`:                  "backward: weights[2]: got 5, want list of numbers or tensor",
		`5`:                         "backward: weights: got number, want table",
	} {
		c, err := runtime.Compile("test.lua", `local tensor = require "hud.tensor" return require "weights"(`+src+`)`)
		if err != nil {
			t.Fatal(err)
		}
		out, err := rt.Run(context.Background(), c)
		got := fmt.Sprint(out)
		var e *runtime.Error
		if errors.As(err, &e) {
			got = e.Message
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", src, got, want)
		}
	}
}
