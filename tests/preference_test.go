package tests

import (
	"testing"
)

// TestPreferences trains on pairs named in extra, on single answers with a
// running mean that outlives the loss, and on a teacher's logprobs: each gets
// closer to what it asks for.
func TestPreferences(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	out := l.lua(t, `
		local loss = require "hud.loss"
		local tok = hud.tokenizer("tiny")
		local prompt = tok:render({ { role = "user", content = "2 + 3?" } }, { add_generation_prompt = true })
		local function given(text, extra)
			local ids, logprobs = tok:encode(text), {}
			for i = 1, #ids do logprobs[i] = -1 end
			return hud.TrajectoryPayload{ reward = 0, extra = extra,
				samples = { hud.TrajectorySample{ prompt_token_ids = prompt, output_token_ids = ids, output_logprobs = logprobs } } }
		end
		local compared = { given("5", { pair = "a", chosen = true }), given("good", { pair = "b", chosen = false }),
			given("6", { pair = "a" }), given("bad", { pair = "b", chosen = true }) }
		local first, last = {}, {}
		local function train(name, batch, fn, metric, opts)
			local model = hud.models.fork("tiny", name).model_name
			local trainer = hud.TrainingClient(model)
			for step = 1, 8 do
				local m = trainer:forward_backward_custom(batch, fn, opts).metrics
				local v
				for key, x in pairs(m) do if key:match("^" .. metric) then v = x end end
				first[name] = first[name] or v
				last[name] = v
				trainer:optim_step{ learning_rate = 3e-3 }
			end
		end
		local reference = { reference = "tiny" }
		train("dpo", compared, loss.as_custom("dpo"), "margin", reference)
		train("kto", { given("5", { desirable = true }), given("6", { desirable = false }) }, loss.as_custom("kto", { kl = 0 }), "desirable", reference)
		local state = {}
		for _, name in ipairs{ "bco", "again" } do
			train(name, { given("5", { desirable = true }), given("6", { desirable = false }) }, loss.as_custom("bco", { state = state }), "delta", reference)
		end

		-- A student that has moved away is brought back by the teacher's logprobs.
		local away = hud.models.fork("tiny", "away").model_name
		local trainer = hud.TrainingClient(away)
		trainer:step(compared, { loss_fn = "cross_entropy", learning_rate = 1e-2 })
		local gap = {}
		for step = 1, 6 do
			trainer:forward_backward_custom({ given("5"), given("good") }, function(data)
				local a = loss.advantages.opd(data)
				gap[#gap + 1] = (a * data.packed.mask):abs():sum():item()
				-- At a policy's own samples this is the gradient; here it is enough to come closer.
				return loss.reinforce(data, { advantage = a, aggregate = "sum" })
			end, { reference = "tiny" })
			trainer:optim_step{ learning_rate = 2e-3 }
		end

		local ok, e = pcall(loss.as_custom, "kd_forward")
		return first.dpo, last.dpo, state.count, gap[1], gap[#gap], e.message`)
	at := func(i int) float64 { return out[i].(float64) }
	if at(0) != 0 || at(1) <= 0.5 {
		t.Errorf("dpo: margin went from %v to %v, want from 0 upwards", out[0], out[1])
	}
	if at(2) != 32 {
		t.Errorf("bco: got a mean of %v numbers, want 2 answers in 16 steps", out[2])
	}
	if at(4) >= at(3) {
		t.Errorf("opd: the gap to the teacher went from %v to %v, want it smaller", out[3], out[4])
	}
	if want := "kd_forward: needs the logits of every token of the vocabulary, which the forward pass of a service does not return"; out[5] != want {
		t.Errorf("got %v, want %s", out[5], want)
	}
}
