package loss_test

import (
	"math"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/loss"
)

// three are three answers of one token each, that belong to two datums, with
// what the losses read in extra.
const three = `
	local data = {
		logprobs = tensor{-1, -2, -3}:requires_grad_(), sampling_logprobs = tensor{-1, -2, -3}, ref_logprobs = tensor{-1.5, -1.5, -3},
		mask = tensor{1, 1, 1}, offsets = {0, 1, 2, 3}, reward = {1, 0, 0}, traj_idx = {0, 1, 2},
		{ extra = { pair = "a", desirable = true } }, { extra = { pair = "a", chosen = true, desirable = 0 } }, { extra = { pair = "a", gold = 1, mismatched = true } },
	}
`

// TestExtra pairs by what the data carry, and keeps a running mean in a table.
func TestExtra(t *testing.T) {
	t.Parallel()
	// The second answer is chosen: delta = 0.01*(-2 + 1) = -0.01; the gold one adds 3.
	got := must(t, three+`
		local l, m = loss.tpo(data)
		l:backward()
		return l:item(), m.pairs, data.logprobs.grad:tolist()`)
	near(t, "tpo, pairs", got[:2], []float64{math.Log1p(math.Exp(0.01)) + 3, 1})
	slope := 0.01 / (1 + math.Exp(-0.01))
	near(t, "gradient", got[2], []float64{slope, -slope, -1})
	// bco: x = 0.5 and -0.5, so that the mean stays 0 and counts two more each
	// time; in a state with mean 1 of 2 it moves to 0.5 of 4.
	got = must(t, three+`
		local f = loss.as_custom("bco", { beta = 1 })
		local _, one = f(data)
		local state = { mean = 1, count = 2 }
		local l, two = loss.bco(data, { beta = 1, state = state })
		return one.delta, two.delta, state.mean, state.count, l:item()`)
	near(t, "bco", got[:4], []float64{0, 0.5, 0.5, 4})
	near(t, "bco", got[4:], []float64{(math.Log(2) + math.Log1p(math.Exp(-1))) / 2})
	// kto: k = mean of the mismatched answer's 0, x = ±0.5.
	got = must(t, three+`return (loss.kto(data)):item()`)
	near(t, "kto", got, []float64{1 / (1 + math.Exp(0.05))})
}

// TestMasked leaves datums and positions out of a loss.
func TestMasked(t *testing.T) {
	t.Parallel()
	got := must(t, three+`
		local keep, kept = loss.advantages.mask_truncated({ false, true, false })
		local function ce(d, o) return (loss.cross_entropy(d, o)):item() end
		return ce(loss.masked(data, keep)), ce(loss.masked(data, keep), { aggregate = "seq_mean_token_mean", denominator = kept }),
			ce(loss.masked(data, loss.high_entropy_mask({ 1, 3, 2 }, { rho = 0.4 }))), (loss.kto(loss.masked(data, { 1, 1, 0 }))):item()`)
	near(t, "masked", got, []float64{4, 2, 2, 1 / (1 + math.Exp(0.05))})
}

// TestCalls finds every row of the table where it says that it is.
func TestCalls(t *testing.T) {
	t.Parallel()
	rt := vm(t)
	for _, r := range loss.Table() {
		if strings.Contains(r.Call(), "=") {
			continue // an option
		}
		if got, err := run(t, rt, "return type("+r.Call()+")"); err != nil || got[0] != "function" {
			t.Errorf("%s %s: %s is a %v (%v), want a function", r.Section, r.Name, r.Call(), got, err)
		}
	}
}

// TestTensorParts adds up what aggregate = "none" gives.
func TestTensorParts(t *testing.T) {
	t.Parallel()
	got := must(t, `
		local z, q = tensor{ {1, 2, 0}, {0, 0, 3} }, tensor{ {0, 1, 0}, {1, 0, 0} }
		local out = {}
		local function both(f, ...)
			local args = {...}
			local o = args[#args]
			local l = f(unpack(args))
			o.aggregate = "none"
			out[#out + 1] = l:item() - f(unpack(args)):mean():item()
		end
		both(loss.kl.exact, z, q, {})
		both(loss.sdft_topk, z, q, { top_k = 2 })
		both(loss.entropy_bonus, z, {})
		both(loss.value_clipped, z[1], { returns = {0, 1, 2}, old_values = {1, 1, 1} })
		both(loss.value_mse, z[1], { returns = {0, 1, 2} })
		both(loss.bt_rm, z[1], q[1], { margin = 0.5 })
		both(loss.bt_rm_logexp, z[1], q[1], {})
		return out`)
	near(t, "parts", got[0], make([]float64, 7))
}

// TestRowErrors has what a person gets wrong.
func TestRowErrors(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		`loss.as_custom("kl.exact")`:                                                  "kl.exact: needs the logits of every token of the vocabulary, which the forward pass of a service does not return",
		`loss.as_custom("value_mse")`:                                                 "value_mse: needs the predictions of a value model, which the forward pass of a service does not return",
		`loss.kl.exact(tensor.zeros(1, 2))`:                                           "kl.exact: teacher: got nil, want tensor",
		`loss.kl.exact(tensor.zeros(1, 2), tensor.zeros(1, 3))`:                       "kl.exact: teacher: got shape [1 3], want [1 2] as logits has",
		`loss.gkd_jsd(tensor.zeros(1, 2), tensor.zeros(1, 2), { temperature = 0 })`:   "gkd_jsd: temperature: got 0, want above 0",
		`loss.kd_forward(tensor.zeros(1, 2), tensor.zeros(1, 2), { temprature = 1 })`: `kd_forward: unknown option "temprature" (did you mean "temperature"?)`,
		`loss.value_mse(tensor{1}, {})`:                                               "value_mse: returns: got 0 values for 1 positions",
		`loss.bt_rm(tensor{1}, tensor{1, 2})`:                                         "bt_rm: rejected: got 2 scores, want 1 as chosen has",
		`loss.aux(tensor.zeros(1, 2), { top_k = 3 })`:                                 "aux: top_k: got 3, want 1 to 2",
		`loss.masked(data, { 1 })`:                                                    "masked: keep: got 1 values, want 3 for the datums or 3 for the positions",
		`loss.high_entropy_mask({ 1 }, { rho = 2 })`:                                  "high_entropy_mask: rho: got 2, want 0 to 1",
		`loss.bco(data, { state = { mean = "x" } })`:                                  "bco: state.mean: got string, want number",
		`loss.dpo(data, { state = {} })`:                                              `dpo: unknown option "state" (dpo takes beta, denominator, aggregate)`,
		`loss.advantages.gae(data, {})`:                                               "gae: values: got nil, want list of numbers or tensor",
		`loss.advantages.gae({}, { values = { 1 } })`:                                 "gae: data.mask: got nil, want list of numbers or tensor",
		`loss.advantages.gae(data, { values = { 1 } })`:                               "gae: values: got 1 values for 3 positions",
		`loss.advantages.otb(data)`:                                                   "otb: sum_pi_squared: got nil, want list of numbers or tensor",
		`loss.advantages.opd({ mask = { 1 }, logprobs = tensor{-1} })`:                "opd: teacher: got nil, want list of numbers or tensor",
		`loss.advantages.rae({ 1 }, { roles = { "a" } })`:                             "rae: state: got nil, want table of baselines by role",
		`loss.advantages.rae({ 1 }, { roles = { "a" }, state = { a = "x" } })`:        "rae: state.a: got string, want number",
		`loss.advantages.rae({ 1 }, { state = {} })`:                                  "rae: roles: got nil, want list of strings",
		`loss.advantages.hierarchical_grpo({ 1 }, { roles = { "a" }, episodes = { 1 }, episode_roles = { "b" } })`: `hierarchical_grpo: unknown role "b" (did you mean "a"?)`,
		`loss.advantages.length_shaped_grpo({ 1 }, {})`:                                                            "length_shaped_grpo: output_tokens: got nil, want list of numbers or tensor: it, input_tokens or turns",
		`loss.advantages.length_shaped_grpo({ 1 }, { turns_weight = 1 })`:                                          "length_shaped_grpo: turns: got nil, want list of numbers or tensor: there is turns_weight",
		`loss.advantages.stop_properly_penalty({ 1 }, { truncated = { "x" }, coef = 1 })`:                          "stop_properly_penalty: truncated: got \"x\", want list of booleans",
		`loss.advantages.mask_truncated(3)`:                                                                        "mask_truncated: truncated: got 3, want list of booleans",
	} {
		got := must(t, three+`local ok, e = pcall(function() `+src+` end)
			return e.message, e.code`)
		if got[0] != want || got[1] != "validation" {
			t.Errorf("%s: got %v of code %v, want %s", src, got[0], got[1], want)
		}
	}
}
