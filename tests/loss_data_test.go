package tests

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
)

// given makes payloads that carry extra.
const given = `
	local loss = require "hud.loss"
	local tok = hud.tokenizer("tiny")
	local prompt = tok:render({ { role = "user", content = "hi" } }, { add_generation_prompt = true })
	local function given(text, reward, extra)
		local ids, logprobs = tok:encode(text), {}
		for i = 1, #ids do logprobs[i] = -1 - i / 8 end
		return hud.TrajectoryPayload{ reward = reward, extra = extra,
			samples = { hud.TrajectorySample{ prompt_token_ids = prompt, output_token_ids = ids, output_logprobs = logprobs } } }
	end
	local trainer = hud.TrainingClient("tiny")
`

// TestCustomLossData: everything that data, its datums and data.packed are said
// to have is there, with its shape and kind.
func TestCustomLossData(t *testing.T) {
	t.Parallel()
	out := newLab(t).lua(t, given+`
		local batch = { given("5", 1, { weight = 2, per_token = { 1, 0.5, 0 }, pair = "a", chosen = true }), given("four", 0), given("x", 3, { weight = 4 }), given("no", 1) }
		local seen = 0
		local function is(v, kind, what) assert(type(v) == kind, what .. ": got " .. type(v)) end
		local function check(data, logprobs, constant)
			seen = seen + 1
			local p = data.packed
			local n, d = #p.logprobs, #data
			assert(d == 4 and #p.offsets == d + 1 and p.offsets[1] == 0 and p.offsets[d + 1] == n, "offsets")
			for _, name in ipairs{ "sampling_logprobs", "mask" } do assert(#p[name] == n, name) end
			assert(#p.reward == d and #p.advantage == d and p.reward:dim() == 1, "one for each datum")
			is(p.group_idx, "table", "group_idx") is(p.traj_idx, "table", "traj_idx")
			assert(#p.group_idx == d and #p.traj_idx == d, "lists")
			assert(#p.expand(p.reward) == n and p.expand({ 5, 6, 7, 8 })[p.offsets[2] + 1]:item() == 6, "expand")
			for i, x in ipairs(data) do
				local t = p.offsets[i + 1] - p.offsets[i]
				assert(#x.logprobs == t and #x.sampling_logprobs == t and #x.mask == t, "datum's tensors")
				if logprobs then assert(x.logprobs == logprobs[i], "the same tensor") end
				assert(x.logprobs[1]:item() == p.logprobs[p.offsets[i] + 1]:item(), "the same numbers")
				is(x.reward, "number", "reward") is(x.advantage, "number", "advantage") is(x.traj_idx, "number", "traj_idx")
				assert(x.traj_idx == i - 1 and x.group_idx == math.floor((i - 1) / 2) and p.group_idx[i] == x.group_idx and p.traj_idx[i] == x.traj_idx, "indices")
				assert(x.input == batch[i], "input")
				assert(x.reward == p.reward[i]:item() and math.abs(x.advantage - p.advantage[i]:item()) < 1e-7, "reward")
				if x.ref_logprobs then assert(#x.ref_logprobs == t and x.ref_logprobs[t]:item() == p.ref_logprobs[p.offsets[i + 1]]:item(), "reference") end
			end
			assert(data[1].extra.weight == 2 and data[1].extra.per_token[2] == 0.5 and data[1].extra.chosen == true and data[1].extra.pair == "a", "extra")
			assert(data[2].extra == nil and data[3].extra.weight == 4, "extra of the others")
			assert(data[1].advantage == 0.5 and data[2].advantage == -0.5 and data[3].advantage == 1, "advantage")
			assert(tostring(data[1]):match("^DatumTensors") and tostring(p):match("^packed"), "text")
			return (p.logprobs * p.mask):sum()
		end
		trainer:forward_backward_custom(batch, check, { group_size = 2 })
		trainer:forward_backward_custom(batch, function(data, logprobs)
			assert(data.packed.ref_logprobs and data[1].ref_logprobs, "reference")
			-- The reference is the model itself.
			assert(data.packed.ref_logprobs:allclose(data.packed.logprobs:detach()), "the model's own logprobs")
			return check(data, logprobs)
		end, { group_size = 2, reference = "tiny" })
		local pass = trainer:forward(batch, { group_size = 2 })
		assert(not pcall(function() check(pass.data):backward() end), "constants have no gradient")
		-- Without groups there is no group_idx.
		trainer:forward_backward_custom({ batch[1] }, function(data)
			assert(data[1].group_idx == nil and data.packed.group_idx[1] == -1 and data[1].advantage == 0, "no group")
			assert(data.packed.ref_logprobs == nil and data[1].ref_logprobs == nil, "no reference")
			return data[1].logprobs:sum()
		end)
		-- A run carries extra too.
		local job = hud.Taskset("t", { { prompt = "x", grade = function() return 1 end } }):run(hud.Agent("tiny", { max_tokens = 2 }))
		job.runs[1].extra = { mine = { 1, 2 } }
		trainer:forward_backward_custom(job.runs, function(data)
			assert(data[1].extra.mine[2] == 2 and data[1].input == job.runs[1], "extra of a run")
			return data[1].logprobs:sum()
		end)
		return seen`)
	if out[0] != 3.0 {
		t.Errorf("got %v calls, want 3", out[0])
	}
}

// counting is a service that counts forward passes.
type counting struct {
	*lab
	forwards atomic.Int32
}

func (c *counting) Forward(ctx context.Context, id string, req *hud.ForwardRequest) (*hud.ForwardResult, error) {
	c.forwards.Add(1)
	return c.lab.Forward(ctx, id, req)
}

// TestLossNeeds: what a loss needs and is not there is found before a forward
// pass.
func TestLossNeeds(t *testing.T) {
	t.Parallel()
	svc := &counting{lab: newLab(t)}
	for _, c := range []struct{ src, want string }{
		{`loss.as_custom("dpo")`, "forward_backward_custom: reference: got nil: dpo compares with a reference's logprobs"},
		{`loss.as_custom("kl.k3")`, "forward_backward_custom: reference: got nil: kl.k3 compares with a reference's logprobs"},
		{`loss.as_custom("grpo", { beta = 0.1 })`, "forward_backward_custom: reference: got nil: grpo compares with a reference's logprobs"},
		{`loss.as_custom("mine")`, "forward_backward_custom: reference: got nil: mine compares with a reference's logprobs"},
		{`loss.as_custom("kd_forward")`, "kd_forward: needs the logits of every token of the vocabulary"},
		{`loss.as_custom("value_mse")`, "value_mse: needs the predictions of a value model"},
		{`loss.as_custom("ppo", { aggregate = "seq_mean_token_sum_norm" })`, "aggregate: seq_mean_token_sum_norm: max_length: got 0, want above 0"},
		{`loss.as_custom("dapo", { correction = "rejectoin" })`, `correction: unknown correction "rejectoin"`},
	} {
		_, err := newScript(t, svc, 1).try(t.Context(), given+`
			loss.register("mine", function(data) return data.packed.logprobs:sum() end, { reference = true })
			trainer:forward_backward_custom({ given("5", 1), given("6", 0) }, `+c.src+`, { group_size = 2 })`)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.src, err, c.want)
		}
	}
	if n := svc.forwards.Load(); n != 0 {
		t.Errorf("got %d forward passes, want none", n)
	}
	newScript(t, svc, 1).must(t, given+`
		for _, name in ipairs{ "dpo", "kl.k3", "grpo" } do
			trainer:forward_backward_custom({ given("5", 1), given("6", 0) }, loss.as_custom(name), { group_size = 2, reference = "tiny" })
		end
		trainer:forward_backward_custom({ given("5", 1), given("6", 0) }, loss.as_custom("grpo"), { group_size = 2 })`)
	if svc.forwards.Load() == 0 {
		t.Error("got no forward passes with a reference")
	}
}

// TestLossReady: what a batch lacks for a loss of pairs or answers is found
// before a forward pass too, also that of the reference.
func TestLossReady(t *testing.T) {
	t.Parallel()
	svc := &counting{lab: newLab(t)}
	for _, c := range []struct{ loss, batch, options, want string }{
		{`"cpo"`, `given("5", 1), given("6", 0)`, ``, "cpo: the batch has no groups"},
		{`"cpo"`, `given("5", 1), given("6", 0), given("7", 0)`, `group_size = 3`, "cpo: group 0: got 3 trajectories, want 2: a pair"},
		{`"dpo"`, `given("5", 1, { pair = "a" }), given("6", 0)`, `reference = "tiny"`, "dpo: trajectory 2: extra.pair: got none, want one as others have"},
		{`"dpo"`, `given("5", 1, { pair = "a", chosen = true }), given("6", 0, { pair = "a", chosen = true })`, `reference = "tiny"`, `dpo: pair "a": got two with extra.chosen true, want one`},
		{`"tpo"`, `given("5", 1), given("6", 0), given("7", 0)`, `group_size = 3`, "tpo: group 0: got no answer with extra.gold, want 1"},
		{`"xpo"`, `given("5", 1), given("6", 0)`, `group_size = 2, reference = "tiny"`, "xpo: group 0: want extra.from_reference true for one of the two"},
		{`"kto"`, `given("5", 1), given("6", 0)`, `reference = "tiny"`, "kto: got no answers with extra.mismatched"},
		{`"bco"`, `given("5", 1, { desirable = "yes" })`, `reference = "tiny"`, "bco: trajectory 1: extra.desirable: got yes, want a number"},
		{`"nash_md"`, `given("5", 1, { p_win = 0.5 }), given("6", 0)`, `reference = "tiny"`, "nash_md: trajectory 2: extra.p_win: got none"},
		{`"a2po"`, `given("5", 1), given("6", 0)`, `reference = "tiny"`, "a2po: trajectory 1: extra.v_star: got none"},
		{`"chord"`, `given("5", 1, { expert = 2 }), given("6", 0)`, ``, "expert: datum 1: got extra.expert 2, want true or false"},
	} {
		_, err := newScript(t, svc, 1).try(t.Context(), given+`
			trainer:forward_backward_custom({ `+c.batch+` }, loss.as_custom(`+c.loss+`), { `+c.options+` })`)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.loss, err, c.want)
		}
	}
	if n := svc.forwards.Load(); n != 0 {
		t.Errorf("got %d forward passes, want none", n)
	}
	newScript(t, svc, 1).must(t, given+`
		local pair = { given("5", 1), given("6", 0) }
		trainer:forward_backward_custom(pair, loss.as_custom("cpo"), { group_size = 2 })
		local bco = loss.as_custom("bco")
		for _ = 1, 2 do trainer:forward_backward_custom(pair, bco, { reference = "tiny" }) end
		trainer:forward_backward_custom({ given("5", 1, { pair = 7 }), given("four", 0, { pair = 7 }) }, loss.as_custom("dpo"), { reference = "tiny" })
		trainer:forward_backward_custom({ given("5", 1, { p_win = 0.9 }), given("6", 0, { p_win = 0.2 }) }, loss.as_custom("nash_md"), { reference = "tiny" })`)
}
