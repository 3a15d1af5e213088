package tests

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/local"
	"github.com/hudrl/hudrl/runtime/serve"
)

// servedHere is the address of a service of its own.
func servedHere(t *testing.T, key string) string {
	t.Helper()
	svc, err := local.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(serve.Handler(svc, serve.Options{APIKey: hud.Secret(key)}))
	t.Cleanup(func() {
		server.Close()
		if err := svc.Close(); err != nil {
			t.Error(err)
		}
	})
	return server.URL
}

// onlyHTTPLacked is what used to work with the embedded service alone, and a
// loss of one's own.
const onlyHTTPLacked = `
local hud = require "hud"
local tensor = require "hud.tensor"
local m = hud.models.fork("hudrl/nano", "mine")
local tok = hud.tokenizer(m.model_name)
print(table.concat(tok:encode("a\255"), " "), tok:decode{ 72, 105 })
print(table.concat(tok:render({ { role = "system", content = "s" }, { role = "user", content = "u" } }, { add_generation_prompt = true }), " "))
print(pcall(hud.tokenizer, "nobody"))
local state = hud.state("mine", { seen = 0 })
local trainer = hud.TrainingClient("mine")
local agent = hud.Agent("mine", { max_tokens = 5, temperature = 1.3, top_p = 0.95, top_k = 50, min_p = 0.01, stop = { "9" } })
local tasks = hud.Taskset("sums", { { prompt = "What is 3 + 4?", grade = function(answer) return (answer:byte(-1) or 0) % 5 / 4 end } })
for step in hud.steps(3) do
  local runs = tasks:run(agent, { group = 4 }).runs
  for i, run in ipairs(runs) do run.extra = { weight = i / 3 } end
  local pass = trainer:forward_backward_custom(runs, function(data, logprobs)
    local total = 0
    for i, d in ipairs(data) do
      local gap = (logprobs[i] - d.ref_logprobs) * d.mask
      total = total + (gap * gap):sum() * d.extra.weight - (logprobs[i] * d.mask):sum() * d.advantage
      state.seen = state.seen + 1
    end
    return total, { weighted = data[1].extra.weight }
  end, { reference = "hudrl/nano", group_size = 4 })
  for _, name in ipairs { "loss:sum", "weighted", "offpolicy_samples:sum", "policy_lag:max" } do
    print(step, name, ("%.17g"):format(pass.metrics[name]))
  end
  trainer:optim_step { learning_rate = 1e-3 }
end
print(pcall(trainer.forward_backward_custom, trainer, tasks:run(agent).runs, function() end, { reference = "nobody" }))
print("seen " .. hud.state("mine").seen)
local reply = hud.chat { model = "mine", messages = { { role = "user", content = "What is 3 + 4?" } }, max_tokens = 6, n = 2, seed = 7,
  temperature = 1.5, logprobs_mode = "processed", checkpoint = trainer:checkpoints()[1].id }
for _, c in ipairs(reply.choices) do
  print(c.text, c.finish_reason)
  for i, lp in ipairs(c.sample.output_logprobs) do print(c.sample.output_token_ids[i], ("%.17g"):format(lp)) end
end
`

// timings are the columns of quickstart's table that no seed decides.
func withoutTimes(out string) string { return timing.ReplaceAllString(out, "$1") }

var uuids = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// A script runs unchanged with the embedded service, with the same over HTTP,
// and against a recording of either, with the same numbers to the last digit.
func TestScriptsReplay(t *testing.T) {
	t.Parallel()
	const key = "hud-key-of-the-user"
	for name, args := range map[string]string{
		"quickstart.lua":   "--steps 3 --prompts 4 --group 4 --exam 6",
		"sft.lua":          "--steps 5 --batch 4 --held_out 5",
		"selfplay.lua":     "--steps 3 --games 4 --exam 4 --pile 6",
		"reverse.lua":      "--steps 3 --prompts 3 --group 4 --exam 4 --letters 4",
		"custom_loss.lua":  "--steps 2 --prompts 3 --group 4",
		"what HTTP lacked": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			script := []string{"--seed", "3", "-e", onlyHTTPLacked}
			if strings.HasSuffix(name, ".lua") {
				script = append([]string{"--seed", "3", shipped(t, name)}, strings.Fields(args)...)
			}
			dir, outputs := t.TempDir(), map[string]string{}
			for _, service := range []string{"local", servedHere(t, key)} {
				how, _, _ := strings.Cut(service, ":")
				file := filepath.Join(dir, how+".jsonl")
				p := program{env: map[string]string{"HUD_API_KEY": key}}
				run := func(flags ...string) string {
					t.Helper()
					r := p.run(t, append(append([]string{"run"}, flags...), script...)...)
					if r.code != 0 {
						t.Fatalf("%q: exit %d\n%s%s", flags, r.code, r.out, r.err)
					}
					return withoutTimes(r.out)
				}
				recorded := run("--service", service, "--record", file)
				outputs[how] = uuids.ReplaceAllString(recorded, "ID")
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(text), key) {
					t.Errorf("%s: the key is in the recording", how)
				}
				if replayed := run("--replay", file); replayed != recorded { // ids too
					t.Errorf("%s: recorded\n%s\nreplayed\n%s", how, recorded, replayed)
				}
			}
			if outputs["local"] != outputs["http"] {
				t.Errorf("local\n%s\nHTTP\n%s", outputs["local"], outputs["http"])
			}
		})
	}
}

// What a replay says where it goes another way, and where it cannot begin.
func TestReplayFromTheCommandLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := program{dir: dir}
	const script = `local hud = require "hud"
local m = hud.models.resolve("hudrl/nano")
local reply = hud.chat{ model = "hudrl/nano", messages = { { role = "user", content = TEXT } }, max_tokens = 3 }
print(reply.text)`
	with := func(text string) string { return strings.Replace(script, "TEXT", fmt.Sprintf("%q", text), 1) }
	first := p.run(t, "run", "--record", "a/run.jsonl", "-e", with("hi"))
	first.want(t, 0, nil, nil)
	recording, err := os.ReadFile(filepath.Join(dir, "a", "run.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	const twice = `require "hud".models.resolve("hudrl/nano" .. (... or ""))`
	p.run(t, "run", "--record", "b/run.jsonl", "-e", twice).want(t, 0, nil, nil)
	whole := strings.Split(string(recording), "\n") // a head, chat, resolve, an end
	write(t, dir, "cut.jsonl", strings.Join(whole[:2], "\n")+"\n"+whole[2][:20])
	for _, c := range []struct {
		name     string
		args     []string
		code     int
		out, err []string
	}{
		{"the same", []string{"--replay", "a/run.jsonl", "-e", with("hi")}, 0, []string{first.out}, nil},
		{"another text", []string{"--replay", "a/run.jsonl", "-e", with("ho")}, 5, nil, []string{
			`error: (command line):3: replay: chat: messages[1].content: the script has "ho"; line 2 of the recording has "hi"`,
			"  3 | local reply = hud.chat{", "traceback:", "hint: the script was changed since it was recorded"}},
		{"another seed", []string{"--seed", "4", "--replay", "a/run.jsonl", "-e", with("hi")}, 5, nil, []string{"chat: seed: the script has ", "hint: the recording was made with --seed 0"}},
		{"other arguments", []string{"--replay", "b/run.jsonl", "-e", twice, "3"}, 5, nil, []string{
			`replay: resolve: model: the script has "hudrl/nano3"; line 2 of the recording has "hudrl/nano"`, "hint: the script's arguments are not those of the recording, or"}},
		{"a caught difference", []string{"--replay", "a/run.jsonl", "-e", `pcall(require "hud".chat, { model = "x", messages = { { role = "user", content = "hi" } } }) while true do end`}, 5, nil, []string{
			`replay: chat: max_tokens: the script has none; line 2 of the recording has 3`}},
		{"a caught difference at the end", []string{"--replay", "a/run.jsonl", "-e", `pcall(require "hud".models.list)`}, 5, nil, []string{"replay: the script asks models {}; line 2 of the recording has chat {"}},
		{"less than is recorded", []string{"--replay", "a/run.jsonl", "-e", ``}, 5, nil, []string{"error: replay: the script has ended; line 2 of the recording has chat {"}},
		{"cut short", []string{"--replay", "cut.jsonl", "-e", with("hi")}, 5, nil, []string{"replay: the script asks resolve", "; the recording ends at line 2, where its run was cut short"}},
		{"its own exit code", []string{"--replay", "a/run.jsonl", "-e", with("hi") + " os.exit(9)"}, 9, nil, nil},
		{"a script error", []string{"--replay", "a/run.jsonl", "-e", with("hi") + " error('mine')"}, 1, nil, []string{"mine"}},
		{"a script error before the end", []string{"--replay", "a/run.jsonl", "-e", "error('mine')"}, 1, nil, []string{"error: (command line):1: mine\n"}},
		{"an exit before the end", []string{"--replay", "a/run.jsonl", "-e", "os.exit(7)"}, 7, nil, nil},
		{"no such recording", []string{"--replay", "none.jsonl", "-e", ""}, 2, nil, []string{"error: --replay: cannot read none.jsonl: no such file"}},
		{"no recording", []string{"--replay", "cli_test.go", "-e", ""}, 2, nil, []string{"cli_test.go: replay: line 1: this is no recording"}},
		{"both", []string{"--replay", "a", "--record", "b", "-e", ""}, 2, nil, []string{"--record and --replay: want one of them"}},
		{"a replay of a service", []string{"--replay", "a", "--service", "hud", "-e", ""}, 2, nil, []string{"--replay and --service: want one of them"}},
		{"a resumed run", []string{"--record", "b", "--resume", "-e", ""}, 2, nil, []string{"--resume and --record: want one of them"}},
		{"a resumed replay", []string{"--replay", "a", "--resume", "-e", ""}, 2, nil, []string{"--resume and --replay: want one of them"}},
		{"a recording that is there", []string{"--record", "a/run.jsonl", "-e", ""}, 2, nil, []string{"--record: a/run.jsonl: there is such a file", "never overwritten"}},
		{"a recording in a file", []string{"--record", "a/run.jsonl/b", "-e", ""}, 2, nil, []string{"--record: cannot write a/run.jsonl/b: "}},
		{"another service's address", []string{"--replay", "a/run.jsonl", "--allow-net", "127.0.0.1:1", "-e", `require "hud".TrainingClient("m", { base_url = "http://127.0.0.1:1", api_url = "http://127.0.0.1:1" })`}, 5, nil, []string{"the script asks at {"}},
	} {
		write(t, dir, "cli_test.go", "package x\n")
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p.run(t, append([]string{"run"}, c.args...)...).want(t, c.code, c.out, c.err)
		})
	}
	again, err := os.ReadFile(filepath.Join(dir, "a", "run.jsonl"))
	if err != nil || string(again) != string(recording) {
		t.Errorf("the recording changed: %v", err)
	}
}

// A script in a process of its own is recorded, and replayed, there.
func TestReplayIsolated(t *testing.T) {
	t.Parallel()
	p := program{dir: t.TempDir()}
	const script = `print(require "hud".chat{ model = "hudrl/nano", messages = { { role = "user", content = "hi" } }, max_tokens = 3 }.text)`
	recorded := p.run(t, "run", "--data", t.TempDir(), "--isolate", "--record", "r.jsonl", "-e", script)
	recorded.want(t, 0, nil, nil)
	p.run(t, "run", "--isolate", "--replay", "r.jsonl", "-e", script).want(t, 0, []string{recorded.out}, nil)
	p.run(t, "run", "--replay", "r.jsonl", "-e", script).want(t, 0, []string{recorded.out}, nil)
	p.run(t, "run", "--isolate", "--replay", "r.jsonl", "-e", script+" require'hud'.models.list()").want(t, 5, nil, []string{"replay: the script asks models"})
}

// A recorded failure ends a replay as it ended the run.
func TestReplayOfAFailure(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fake := hudtest.NewFake()
	fake.Before = func(op string, _ any) error {
		if op == "optim_step" {
			return &hud.Error{Op: op, Code: "server", Status: 500, Detail: "out of order"}
		}
		return nil
	}
	server := httptest.NewServer(serve.Handler(fake, serve.Options{}))
	defer server.Close()
	args := []string{"-e", `local t = require "hud".TrainingClient("` + hudtest.FakeModel + `")
t:forward_backward({ { samples = { { prompt_token_ids = { 1 }, output_token_ids = { 2 } } }, reward = 1 } }, { loss_fn = "cross_entropy" })
t:optim_step{ learning_rate = 1 }`}
	p := program{dir: dir}
	recorded := p.run(t, append([]string{"run", "--service", server.URL, "--record", "r.jsonl"}, args...)...)
	recorded.want(t, 4, nil, []string{"optim_step: out of order"})
	p.run(t, append([]string{"run", "--replay", "r.jsonl"}, args...)...).want(t, 4, nil, []string{recorded.err})
}
