package tests

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/loss"
	"github.com/hudrl/hudrl/stdlib"
)

const soundLoss = `
return function(data)
  local tensor, p = require "hud.tensor", data.packed
  local r = tensor.where(p.mask, p.logprobs - p.sampling_logprobs, 0):clamp{min = -20, max = 20}:exp()
  return -tensor.where(p.mask, r * p.expand(p.advantage), 0):sum()
end`

func TestLossList(t *testing.T) {
	t.Parallel()
	out := program{}.run(t, "loss", "list")
	for _, r := range loss.Table() {
		if !strings.Contains(out.out, r.Section+" ") || !strings.Contains(out.out, " "+r.Name+" ") || !strings.Contains(out.out, r.Formula) || !strings.Contains(out.out, r.Source) {
			t.Errorf("loss list does not show %s %s: %s. %s", r.Section, r.Name, r.Formula, r.Source)
		}
	}
	var rows []struct {
		Name, Call, Section, Kind, Formula, Source, Aggregation, Needs string
		Options                                                        map[string]float64
		Reference                                                      bool
		Extra                                                          []string
	}
	if err := json.Unmarshal([]byte(program{}.run(t, "loss", "list", "--json").out), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(loss.Table()) {
		t.Errorf("got %d rows, want %d", len(rows), len(loss.Table()))
	}
	for _, r := range rows {
		switch r.Name {
		case "cispo":
			if r.Section != "B15" || r.Call != "loss.cispo" || r.Kind != "tokens" || r.Aggregation != "sum" || r.Options["clip_high_threshold"] != 4 || r.Reference {
				t.Errorf("got %+v", r)
			}
		case "dpo":
			if r.Kind != "pairs" || r.Options["beta"] != 0.1 || !r.Reference || !slices.Contains(r.Extra, "pair") {
				t.Errorf("got %+v", r)
			}
		case "kd_forward":
			if !strings.Contains(r.Needs, "logits") {
				t.Errorf("got %+v", r)
			}
		}
	}
	program{}.run(t, "loss", "list", "--kind", "aggregation").want(t, 0, []string{"E1", "sum", "E7", "token_mean_legacy"}, nil)
	program{}.run(t, "loss", "list", "--kind", "pair").want(t, 2, nil, []string{`--kind: got "pair"`})
	program{}.run(t, "loss", "lits").want(t, 2, nil, []string{"did you mean hudrl loss list?"})
}

func TestLossCheckCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"sound.lua":    soundLoss,
		"leaks.lua":    `return function(data) return data.packed.logprobs:sum() end`,
		"table.lua":    `return { name = "mine", detached = true, loss = function(data) local p = data.packed return require("hud.loss").rollout_is(data, {aggregate = "none"}):sum() end }`,
		"register.lua": `local loss = require "hud.loss" for _, n in ipairs{"one", "two"} do loss.register(n, function(data, _, o) return loss.bnpo(data) * o.k end, { defaults = { k = 1 } }) end`,
		"both.lua":     `require("hud.loss").register("three", function(data) return require("hud.loss").dpo(data) end)` + soundLoss,
		"number.lua":   `return 5`,
		"nothing.lua":  `x = 1`,
		"bad.lua":      `return { loss = 5 }`,
		"misspelt.lua": `return { loss = print, detaced = true }`,
		"broken.lua":   `return function( `,
		"raises.lua":   `error("on its way")`,
		"forever.lua":  `return function() while true do end end`,
		"lib.lua":      `return 1`,
		"requires.lua": `assert(require "lib" == 1)` + soundLoss,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args     string
		code     int
		out, err []string
	}{
		{"gspo", 0, []string{"gspo\n", "ok    gradient ", "gspo is sound"}, nil},
		{"dr_grpo", 2, nil, []string{"max_length: got 0, want above 0"}},
		{"dr_grpo --set max_length=12", 0, []string{"dr_grpo is sound"}, nil},
		{"ppo --set epsilon=0.3 --set aggregate=token_mean", 0, []string{"ppo is sound; to know: extremes"}, nil},
		{"ppo --set epsilom=0.3", 2, nil, []string{`unknown option "epsilom"`, `"epsilon"`}},
		{"ppo --set epsilon", 2, nil, []string{`--set: got "epsilon", want KEY=VALUE`}},
		{"pppo", 2, nil, []string{`unknown loss "pppo"`, "did you mean ppo?"}},
		{"gae", 2, nil, []string{"gae is of kind advantage"}},
		{"kd_forward", 2, nil, []string{"kd_forward is of kind logits", "tensor.gradcheck"}},
		{"", 2, nil, []string{"missing NAME or FILE"}},
		{"sound.lua", 0, []string{"sound.lua is sound"}, nil},
		{"./sound.lua --seed 5", 0, []string{"sound.lua is sound"}, nil},
		{"requires.lua", 0, []string{"requires.lua is sound"}, nil},
		{"leaks.lua", 5, []string{"FAIL  masked tokens", "-> ", "leaks.lua failed: masked tokens, masked NaN"}, nil},
		{"table.lua", 0, []string{"mine is sound"}, nil},
		{"table.lua --detached=false", 5, []string{"mine failed: gradient"}, nil},
		{"register.lua", 0, []string{"one is sound", "two is sound"}, nil},
		{"register.lua --set k=-2", 5, []string{"a step makes the better answers less likely", "two failed: direction"}, nil},
		{"both.lua", 0, []string{"both.lua is sound", "three is sound"}, nil},
		{"number.lua", 2, nil, []string{"number.lua: it returns a number, want a function(data, logprobs)"}},
		{"nothing.lua", 2, nil, []string{"nothing.lua has no loss", "call loss.register"}},
		{"bad.lua", 2, nil, []string{"the table it returns has no function in loss"}},
		{"misspelt.lua", 2, nil, []string{"the table it returns has detaced, want only loss, name and detached"}},
		{"broken.lua", 1, nil, []string{"broken.lua:1: "}},
		{"raises.lua", 1, nil, []string{"raises.lua:1: on its way"}},
		{"missing.lua", 2, nil, []string{"cannot read missing.lua"}},
		{"forever.lua --max-steps 100000", 3, nil, []string{"step limit"}},
		{"forever.lua --timeout 50ms", 124, nil, nil},
	} {
		args := append([]string{"loss", "check"}, strings.Fields(c.args)...)
		program{dir: dir}.run(t, args...).want(t, c.code, c.out, c.err)
	}
	program{stdin: soundLoss}.run(t, "loss", "check", "-").want(t, 0, []string{"stdin is sound"}, nil)
	var reports []struct {
		OK            bool
		Verdict, Loss string
		Properties    []loss.Property
	}
	got := program{dir: dir}.run(t, "loss", "check", "leaks.lua", "--json")
	if err := json.Unmarshal([]byte(got.out), &reports); err != nil || got.code != 5 {
		t.Fatalf("got %q with code %d: %v", got.out, got.code, err)
	}
	if r := reports[0]; r.OK || r.Loss != "leaks.lua" || len(r.Properties) != 13 || r.Properties[2].Status != loss.StatusFail || r.Properties[2].Advice == "" {
		t.Errorf("got %+v", r)
	}
}

func TestLossCompletion(t *testing.T) {
	t.Parallel()
	program{}.run(t, "__complete", "loss", "check", "").want(t, 0, []string{"\ncispo\n", "\nkl.k3\n", "\ndpo\n"}, nil)
	program{}.run(t, "__complete", "loss", "").want(t, 0, []string{"check\t", "list\t"}, nil)
	program{}.run(t, "__complete", "loss", "list", "--kind", "").want(t, 0, []string{"pairs\n"}, nil)
}

// TestLossEntries: what hudrl doc says of a loss has a transcript, which is run
// elsewhere, and names whose formula it is.
func TestLossEntries(t *testing.T) {
	t.Parallel()
	entries := map[string]string{}
	for _, e := range stdlib.Entries() {
		if e.Function {
			entries[e.Name] = e.Text
		}
	}
	for _, r := range loss.Table() {
		if r.Kind == loss.KindCorrection || r.Kind == loss.KindAggregation {
			continue // options
		}
		text, ok := entries["hud."+r.Call()]
		switch {
		case !ok:
			t.Errorf("%s is not described", r.Call())
		case !strings.Contains(text, "    > ") || !strings.Contains(text, "Source"):
			t.Errorf("%s: got %q, want a transcript and a source", r.Call(), text)
		}
	}
}
