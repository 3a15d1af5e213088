package tests

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/stdlib"
)

// identifiers are the string literals of the glue that could be Lua names:
// every method and field is among them.
func identifiers(t *testing.T) []string {
	t.Helper()
	name := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	seen := map[string]bool{}
	for _, root := range []string{"../bindings", "../runtime"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				if root == "../runtime" && d != nil && d.IsDir() && path != root {
					return filepath.SkipDir
				}
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if s, err := strconv.Unquote(lit.Value); err == nil && name.MatchString(s) {
						seen[s], seen[s+"_"] = true, true // a trailing underscore works in place
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var out []string
	for s := range seen {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// instances makes one value of every class that the stubs describe, by class.
const instances = `
local trainer = hud.TrainingClient("tiny")
local made = {
  tensor = tensor.zeros(2), ["hud.Trainer"] = trainer, ["hud.Agent"] = hud.Agent("tiny", { max_tokens = 3 }),
  ["hud.Tokenizer"] = hud.tokenizer("tiny"), ["hud.Stream"] = hud.rng.stream(1), ["hud.Progress"] = hud.progress(),
  task = hud.spawn(function() end), ["hud.Message"] = { role = "user", content = "x" },
  ["hud.Task"] = { name = "n", prompt = "p", grade = function() return math.random() end },
}
made["hud.Taskset"] = hud.Taskset("t", { made["hud.Task"], { run = function(agent, ctx)
  made["hud.Session"], made["hud.RunContext"], made["hud.Reply"] = agent, ctx, agent:chat("x")
  return math.random()
end } })
made["hud.Job"] = made["hud.Taskset"]:run(made["hud.Agent"], { group = 2 })
made["hud.Run"] = made["hud.Job"].runs[1]
made["hud.TrajectorySample"] = made["hud.Run"].samples[1]
made["hud.TrajectoryPayload"] = hud.sft{ { role = "user", content = "x" }, { role = "assistant", content = "y" } }
trainer:forward_backward_custom(made["hud.Job"].runs, function(data, logprobs)
  made["hud.DatumTensors"], made["hud.Packed"] = data[1], data.packed
  return logprobs[1]:sum()
end)
made["hud.OptimStepResult"] = trainer:step(made["hud.Job"].runs, { learning_rate = 1e-3 })
made["hud.ForwardBackwardResult"] = made["hud.OptimStepResult"].forward_backward
made["hud.Checkpoint"] = trainer:head()
made["hud.Model"] = hud.models.resolve("tiny")
made["hud.LossReport"] = require("hud.loss").check("dpo")
made["hud.LossProperty"] = require("hud.loss").check(function() error("x") end).properties[1]
made["hud.LossRow"] = require("hud.loss").list()[40]
local ok, e = pcall(trainer.set_head, trainer, "nope")
made["hud.Error"] = e
`

// What values have is described, and what is described they have: methods,
// fields of objects, and keys of plain tables.
func TestMembersAreDescribed(t *testing.T) {
	t.Parallel()
	described := map[string]bool{} // "class.member"
	optional := map[string]bool{}
	classes := map[string]bool{}
	for _, e := range stdlib.Entries() {
		if e.Function && !strings.Contains(e.Name, ":") {
			continue // of a module
		}
		described[strings.ReplaceAll(e.Name, ":", ".")] = true
		if !e.Function {
			classes[e.Name] = true
			kind, _, _ := strings.Cut(strings.TrimSpace(e.Text), " ")
			optional[e.Name] = strings.HasSuffix(kind, "?") || strings.Contains(kind, "nil") || kind == "any"
		}
	}
	out := newLab(t).lua(t, instances+`
		local has, candidates = {}, ...
		for class, value in pairs(made) do
		  local members = {}
		  if type(value) == "table" then
		    for k in pairs(value) do if type(k) == "string" then members[#members + 1] = k end end
		  else
		    for _, name in ipairs(candidates) do
		      local ok, member = pcall(function() return value[name] end)
		      if ok and member ~= nil then members[#members + 1] = name end
		    end
		  end
		  has[class] = members
		end
		return has`, identifiers(t))
	has := map[string]bool{}
	made := out[0].(map[string]any)
	for class, members := range made {
		if !classes[class] {
			t.Errorf("%s is not described", class)
			continue
		}
		for _, m := range members.([]any) {
			full := class + "." + m.(string)
			has[full] = true
			if !described[full] {
				t.Errorf("%s is not described", full)
			}
		}
	}
	for full := range described {
		class := full[:max(strings.LastIndexByte(full, '.'), 0)]
		if made[class] != nil && !has[full] && !optional[full] {
			t.Errorf("%s is described, but not there", full)
		}
	}
}
