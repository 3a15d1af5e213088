package loss_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	bind "github.com/hudrl/hudrl/bindings/loss"
	"github.com/hudrl/hudrl/bindings/tensor"
	"github.com/hudrl/hudrl/runtime"
)

// try runs each source, which gives what is wanted; "! " is an error.
func try(t *testing.T, cases [][2]string) {
	t.Helper()
	for _, c := range cases {
		out, err := run(t, vm(t), c[0])
		if want, ok := strings.CutPrefix(c[1], "! "); ok {
			var e *runtime.Error
			if !errors.As(err, &e) || e.Message != want {
				t.Errorf("%s\ngot %v, %v\nwant error %s", c[0], out, err, want)
			}
			continue
		}
		if got := strings.TrimSpace(fmt.Sprintln(out...)); err != nil || got != c[1] {
			t.Errorf("%s\ngot  %s, %v\nwant %s", c[0], got, err, c[1])
		}
	}
}

// The ratios of batch are 1, 1.1, 0.7, … where the mask is 0, 1, 1, …
func TestNone(t *testing.T) {
	t.Parallel()
	try(t, [][2]string{
		// −r·A = −1.1·0.5 and −0.7·0.5; nothing at the masked first token.
		{`local out custom(function(data) out = loss.importance_sampling(data, {aggregate = "none"}) return out:sum() end)
			return out:shape()[1], out[1]:item(), string.format("%.5f %.5f", out[2]:item(), out[3]:item())`, "11 0 -0.55000 -0.35000"},
		// Its sum is the loss, and its gradient the loss's.
		{`local a = custom(function(data) return loss.ppo(data, {aggregate = "none"}):sum() end)
			local b = custom(loss.as_custom("ppo"))
			for i = 1, #a do assert(math.abs(a[i] - b[i]) < 1e-6) end return #a`, "11"},
		// A token of one's own beside it, added up as the loss is.
		{`local a = custom(function(data)
				local tokens = loss.ppo(data, {aggregate = "none"}) + loss.kl.k3(data, {aggregate = "none", coef = 0.5})
				return loss.aggregate(tokens, data, {aggregate = "seq_mean_token_mean"})
			end)
			local b = custom(function(data)
				return loss.ppo(data, {aggregate = "seq_mean_token_mean"}) + loss.kl.k3(data, {aggregate = "seq_mean_token_mean", coef = 0.5})
			end)
			for i = 1, #a do assert(math.abs(a[i] - b[i]) < 1e-6) end return #a`, "11"},
		// Two pairs; their mean is the loss.
		{`local pairs, mean custom(function(data) pairs = loss.dpo(data, {aggregate = "none"}) mean = loss.dpo(data) return mean end)
			return #pairs, math.abs(pairs:mean():item() - mean:item()) < 1e-7`, "2 true"},
		{`local one custom(function(data) one = loss.kto(data, {aggregate = "none", kl = 0}) return one:sum() end) return #one`, "4"},
		{`custom(function(data) return loss.ppo(data, {aggregate = "none"}) end)`, "! forward_backward_custom: custom loss: got shape [11], want one element"},
		{`custom(function(data) return loss.ppo(data, {aggregate = "none", denominator = 3}) end)`, `! ppo: aggregate: "none" divides by nothing: got a denominator or max_length beside it`},
		{`loss.as_custom("ppo", {aggregate = "none"})`, `! as_custom: aggregate: got "none", want one of sum, token_mean, seq_mean_token_mean, seq_mean_token_sum, seq_mean_token_sum_norm, prompt_mean, token_mean_legacy`},
		{`custom(function(data) return loss.aggregate(tensor{1, 2}, data, {aggregate = "sum"}) end)`, "! aggregate: got shape [2], want [11]: one value for each position"},
		{`custom(function(data) return loss.aggregate(data.packed.logprobs, data) end)`, "! aggregate: aggregate: got nil, want one of sum, token_mean, seq_mean_token_mean, seq_mean_token_sum, seq_mean_token_sum_norm, prompt_mean, token_mean_legacy"},
		{`custom(function(data) return loss.aggregate(data.packed.logprobs, data, {aggregate = "seq_mean_token_sum_norm"}) end)`, "! aggregate: seq_mean_token_sum_norm: max_length: got 0, want above 0"},
	})
}

const registerMine = `loss.register("mine", function(data, logprobs, o)
	local total = 0
	if data.packed then
		for i, d in ipairs(data) do assert(d.logprobs == logprobs[i]) end
		data = data.packed
	else
		assert(data.logprobs == logprobs)
	end
	return -(data.logprobs * data.mask):sum() * o.k, {k = o.k}
end, {defaults = {k = 2}, formula = "-k*l", reference = true}) `

func TestRegister(t *testing.T) {
	t.Parallel()
	try(t, [][2]string{
		{registerMine + `local w, value, metrics = custom(loss.as_custom("mine", {k = 3})) return w[1] == 0, w[2], metrics.k`, "true 3 3"},
		{registerMine + `local w = custom(function(data) return loss.mine(data) end) return w[2]`, "2"},
		{registerMine + `local w = custom(function(data) return loss.mine(data.packed, {k = 0.5}) end) return w[2]`, "0.5"},
		{registerMine + `local w = custom(function(data) return loss.mine(data[1]) end) return w[2]`, "2"},
		{registerMine + `local rows = loss.list() local r = rows[#rows] return r.name, r.call, r.kind, r.formula, r.reference, tostring(r)`, "mine loss.mine registered -k*l true mine: -k*l"},
		{registerMine + `return loss.check("mine", {options = {k = 1}}).failed[1]`, "masked NaN"},
		{registerMine + `loss.as_custom("mine", {kk = 1})`, `! as_custom: unknown option "kk" (did you mean "k"?)`},
		{registerMine + `loss.mine({}, {kk = 1})`, `! mine: unknown option "kk" (did you mean "k"?)`},
		{registerMine + registerMine, `! register: name: "mine" is there already`},
		{registerMine + `loss.as_custom("mime")`, `! loss: unknown loss "mime" (did you mean "mine"?)`},
		{`loss.register("bare", function(data, logprobs, o) return logprobs[1]:sum() end) return #custom(loss.as_custom("bare"))`, "11"},
		{`loss.register("bare", function() end) loss.as_custom("bare", {x = 1})`, `! as_custom: unknown option "x": bare has none`},
		{`loss.register("ppo", function() end)`, `! register: name: "ppo" is there already`},
		{`loss.register("as_custom", function() end)`, `! register: name: "as_custom" is there already`},
		{`loss.register("kl", function() end)`, `! register: name: "kl" is there already`},
		{`loss.register("gae", function() end)`, `! register: name: "gae" is there already`},
		{`loss.register("My-loss", function() end)`, `! register: name: got "My-loss", want a name of lower-case letters, digits and _, such as "my_loss"`},
		{`loss.register("repeat", function() end)`, `! register: name: got "repeat", want a name of lower-case letters, digits and _, such as "my_loss"`},
		{`loss.register("", function() end)`, `! register: name: got "", want a name of lower-case letters, digits and _, such as "my_loss"`},
		{`loss.register("x")`, `! register: loss: got nil, want function`},
		{`loss.register("x", function() end, {default = {}})`, `! register: unknown option "default" (did you mean "defaults"?)`},
		{`loss.register("x", function() error("boo") end) loss.x({})`, `! boo`},
	})
}

// A loss registered in one script is not there in another.
func TestRegisterIsPerVM(t *testing.T) {
	t.Parallel()
	if _, err := run(t, vm(t), registerMine); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, vm(t), `return loss.mine`); err == nil {
		t.Error("the other VM has it too")
	}
	rt := vm(t)
	for _, src := range []string{registerMine, `assert(loss.mine and loss.check("mine"))`} {
		if _, err := run(t, rt, src); err != nil {
			t.Errorf("the next script on the VM: %v", err)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const careful = `local function careful(data)
		local p = data.packed
		local r = tensor.where(p.mask, p.logprobs - p.sampling_logprobs, 0):clamp{min = -20, max = 20}:exp()
		return -tensor.where(p.mask, r * p.expand(p.advantage), 0):sum()
	end `
	try(t, [][2]string{
		{careful + `local r = loss.check(careful) return r.ok, r.verdict, #r.failed, #r.properties, r.properties[2].name, r.properties[2].status`, "true the loss is sound 0 13 gradient ok"},
		{careful + `return loss.check(careful, {name = "mine"}).verdict`, "mine is sound"},
		{careful + `local r = loss.check(careful) return tostring(r) == r.text, r.text:match("^[^\n]*"), r.text:match("[^\n]*$")`, "true the loss the loss is sound"},
		{`local r = loss.check(function(data) return (data.packed.logprobs * data.packed.mask):sum():detach() end) return r.ok, r.failed[1]`, "false reach"},
		{`return loss.check(function(data, logprobs) return (logprobs[1]:detach() * logprobs[1]):sum() end).properties[2].status`, "note"},
		{`return loss.check(function(data, logprobs) return (logprobs[1]:detach() * logprobs[1]):sum() end, {detached = true}).properties[2].status`, "ok"},
		{`return loss.check(function(data, logprobs) return (logprobs[1]:detach() * logprobs[1]):sum() end, {detached = false}).properties[2].status`, "fail"},
		{`return loss.check(function() return 5 end).properties[1].text`, "forward_backward_custom: custom loss: got number, want tensor"},
		{`local r = loss.check(function() error({code = "mine"}) end) return r.failed[1]`, "runs"},
		{`return loss.check("ppo", {options = {epsilon = 0.5}, seed = 3}).verdict`, "ppo is sound; to know: extremes"},
		{`return loss.check("tpo").ok, loss.check("kto").ok, loss.check("bco").ok, loss.check("minillm").ok`, "true true true true"},
		{`loss.check("pppo")`, `! check: unknown loss "pppo" (did you mean "ppo"?)`},
		{`loss.check("ppo", {options = {epsilom = 0.5}})`, `! ppo: unknown option "epsilom" (did you mean "epsilon"?)`},
		{`loss.check("ppo", {options = {advantage = 1}})`, "! check: options: advantage, old_logprobs, expert and observation_mask are of a batch's size, and the check makes its own batch"},
		{`loss.check("dr_grpo")`, "! aggregate: seq_mean_token_sum_norm: max_length: got 0, want above 0"},
		{`loss.check(5)`, "! check: loss: got 5, want function or the name of a loss"},
		{`loss.check("ppo", {sed = 5})`, `! check: unknown option "sed" (did you mean "seed"?)`},
		{`loss.check("ppo", {seed = -1})`, "! check: seed: got -1, want at least 0"},
		{`loss.check(print, {options = {}})`, "! check: options: a function has none of its own; write check(function(data, logprobs) return fn(data, logprobs, options) end)"},
	})
}

// What stops a script stops a check.
func TestCheckStops(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limits runtime.Limits
		src    string
		want   func(err error) bool
	}{
		"steps": {runtime.Limits{Steps: 1e5}, `require("hud.loss").check(function() while true do end end)`, func(err error) bool { return errors.Is(err, runtime.ErrSteps) }},
		"memory": {runtime.Limits{TensorBytes: 1 << 20}, `require("hud.loss").check(function() return require("hud.tensor").zeros(1e6) end)`, func(err error) bool {
			var e interface{ ErrorCode() string }
			return errors.As(err, &e) && e.ErrorCode() == runtime.CodeLimit
		}},
		"exit": {runtime.Limits{}, `require("hud.loss").check(function() os.exit(3) end)`, func(err error) bool { return errors.As(err, new(*runtime.ExitError)) }},
	} {
		rt, err := runtime.New(runtime.Config{Limits: c.limits, Modules: []runtime.Module{tensor.Module(), bind.Module()}})
		if err != nil {
			t.Fatal(err)
		}
		chunk, err := runtime.Compile("stop.lua", c.src)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rt.Run(context.Background(), chunk); !c.want(err) {
			t.Errorf("%s: got %v", name, err)
		}
		_ = rt.Close()
	}
}

func TestAsCustomRefuses(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"kd_forward", "gkd_jsd", "kl.exact", "value_mse", "bt_rm"} {
		_, err := run(t, vm(t), `loss.as_custom("`+name+`")`)
		var e *runtime.Error
		if !errors.As(err, &e) || !strings.HasPrefix(e.Message, name+": needs ") || e.Hint == "" {
			t.Errorf("%s: got %v, want what it needs and what to do", name, err)
		}
	}
}
