package check_test

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/check"
	"github.com/hudrl/hudrl/scripts"
)

// preamble is line 1 of every case.
const preamble = `local hud = require "hud"; local tensor, loss = require "hud.tensor", require "hud.loss"; print(hud, tensor, loss) local tr = hud.TrainingClient("m") print(tr) `

func TestSource(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		src  string   // from line 2
		want []string // "line: message [hint]"
	}{
		{"syntax", "local x = = 1", []string{`2: syntax error near "="`}},
		{"newer Lua", "print(7 // 2)", []string{`2: syntax error near "/" ["//" is Lua 5.3: write math.floor(a / b)]`}},

		{"undefined global", "local total = 1\nprint(totl, total)", []string{"3: undefined global totl [did you mean total?]"}},
		{"absent library", "print(io.read())", []string{"2: undefined global io [there is no io: print writes, and require reads Lua files]"}},
		{"absent function", "print(table.unpack({}))", []string{`2: table has no unpack [table.unpack and table.pack are Lua 5.2: write unpack(t) and {n = select("#", ...), ...}]`}},
		{"misspelt function", "print(string.formt('%d', 1), ('x'):uper())", []string{
			"2: string has no formt [did you mean format?]", "2: string has no method uper [did you mean upper?]"}},
		{"globals of the script", "count = 0\nfunction add() count = count + 1 end\nadd()", nil},
		{"global by accident", "local function f() best = 1 return best end\nprint(f())", []string{
			"2: assigns the global best inside a function [write local best, or assign it outside the function first]"}},
		{"global through _G", "_G.count = 1\nlocal function f() _G.late = 2 end\nf()\nprint(count, late)", nil},
		{"global defined later", "local function f() return later end\nlater = 1\nprint(f())", nil},

		{"unused", "local a, b, _c = 1, 2, 3\nlocal function f() return f end\nprint(b)", []string{"3: function f is never used"}},
		{"unused and written", "local n = 0\nfor i = 1, 3 do n = i end", []string{"2: local n is assigned but never read"}},
		{"unused last of several", "local ok, e = pcall(print)\nprint(ok)", []string{"2: local e is never used"}},
		{"loop variables and parameters", "for i, v in ipairs{} do end\nprint(function(a, b) end)", nil},
		{"until sees the block", "repeat local done = true until done", nil},

		{"shadowing", "local x = 1\ndo local x = 2 print(x) end\nprint(x)", []string{
			"3: local x hides the one of line 2, which is read again later [give it another name, or assign the outer one without local]"}},
		{"shadowing loop variable", "for i = 1, 3 do\n  for i = 1, 2 do print(i) end\n  print(i)\nend", []string{
			"3: local i hides the one of line 2, which is read again later [give it another name, or assign the outer one without local]"}},
		{"harmless shadowing", "local x = 1\nprint(x)\nfor x = 1, 3 do print(x) end\nlocal ok, e = pcall(print)\nprint(ok, e)\nlocal ok, e = pcall(print)\nprint(ok, e)", nil},
		{"own copy", "local n = 0\nfor _ = 1, 3 do local n = n print(n) end\nprint(n)", nil},
		{"another function's", "local i = 1\nprint(function() local i = 2 return i end)\nprint(i)", nil},

		{"unused parameter", "local function f(a, b, _c) return a end\nprint(f(1, 2, 3))", []string{"2: parameter b of f is never used [leave it out, or call it _b]"}},
		{"parameter of a callback", "local function f(a, b) return a end\nprint(f(1, 2), pcall(f))", nil},
		{"surplus argument", "local function f(a) return a end\nlocal function g(...) return ... end\nprint(f(1, 2), g(1, 2))", []string{"4: f takes 1 argument, got 2"}},
		{"function assigned twice", "local function f(a) return a end\nf = print\nf(1, 2)", nil},

		{"after a return", "local function f()\n  do return 1 end\n  print(2)\nend\nf()", []string{"4: this is never reached: return on line 3"}},
		{"after an error", "local function f(x)\n  if x then error('a') else return 1 end\n  print(2)\nend\nf(1)", []string{"4: this is never reached: both ways end on line 3"}},
		{"after a loop without an end", "while true do print(1) end\nprint(2)", []string{"3: this is never reached: a loop without an end on line 2"}},
		{"after a loop with an end", "while true do for _ = 1, 2 do break end if print() then break end end\nprint(2)", nil},
		{"a loop that is left by goto", "while true do repeat goto done until true end\n::done::\nprint(2)", nil},
		{"a label", "goto on\nprint(1)\n::on::\nprint(2)", nil},
		{"os.exit", "os.exit(1)\nprint(2)", []string{"3: this is never reached: os.exit on line 2"}},
		{"an error of one's own", "local function error(...) print(...) end\nerror('x')\nprint(2)", nil},

		{"module", `require "hud.los"`, []string{"2: there is no module hud.los [did you mean hud.log?]"}},
		{"own module", `local mine = require "mine"` + "\nmine.anything()", nil},
		{"module's name", "print(hud.modles.list())", []string{"2: hud has no modles [did you mean models?]"}},
		{"nested module", "print(hud.models.lst(), loss.kl.k4, hud.loss.ppo)", []string{
			"2: hud.loss.kl has no k4 [did you mean k1?]", "2: hud.models has no lst [did you mean list?]"}},
		{"registered loss", "loss.register('mine', print)\nprint(loss.mine, loss.other)", []string{"3: hud.loss has no other"}},
		{"method", "tr:stp({}, { learning_rate = 1e-4 })", []string{"2: hud.Trainer has no method stp [did you mean step?]"}},
		{"field of a result", "print(tr:head().metric)", []string{"2: hud.Checkpoint has no metric [did you mean metrics?]"}},
		{"element", "for _, c in ipairs(tr:checkpoints()) do print(c.stp) end", []string{"2: hud.Checkpoint has no stp [did you mean step?]"}},
		{"callback", "hud.Taskset('t', { { prompt = 'x', grade = function(answer, run) return run.rewards, answer end } })", []string{
			"2: hud.Run has no rewards [did you mean reward?]"}},
		{"named callback", "local function mine(data, logprobs)\n  return logprobs[1]:sum() * data[1].rewrd\nend\ntr:forward_backward_custom({}, mine)\ntr:optim_step{ learning_rate = 1e-4 }", []string{
			"3: hud.DatumTensors has no rewrd [did you mean reward?]"}},
		{"lost sight", "local x = hud.state('s', {})\nprint(x.anything.at.all)\nlocal y = tr\ny = nil\nprint(y.stp)", nil},

		{"option", "print(hud.Agent('m', { temprature = 1 }))", []string{`2: hud.Agent: unknown option "temprature" [did you mean temperature?]`}},
		{"option in a nested table", "hud.Taskset('t', { { promt = 'x' } })", []string{`2: hud.Task: unknown option "promt" [did you mean prompt?]`}},
		{"missing option", "tr:forward_backward({})\ntr:optim_step{ beta1 = 0.9 }", []string{"3: hud.Trainer:optim_step: missing option learning_rate"}},
		{"missing argument", "tr:step({})", []string{"2: hud.Trainer:step: missing argument opts"}},
		{"arguments from a call", "print(hud.Agent(unpack{ 'm' }))", nil},
		{"too many arguments", "print(tr:head(1))", []string{"2: hud.Trainer:head takes 0 arguments, got 1"}},
		{"dot for a method", "tr.head()\nprint(tr.head(tr))", []string{"2: hud.Trainer:head is a method [write it with a colon, so that it gets the object]"}},
		{"colon for a function", "hud:now()", []string{"2: hud.now is a function, not a method [write hud.now(…), with a dot]"}},

		{"type of an option", "print(hud.Agent('m', { max_tokens = '64', temperature = true, seed = 1.5, stop = { 'a' } }))", []string{
			"2: hud.Agent: max_tokens: got string, want number", "2: hud.Agent: seed: got 1.5, want a whole number", "2: hud.Agent: temperature: got boolean, want number"}},
		{"type of an argument", "print(hud.Agent(1), hud.Taskset('t', 'x'), hud.sft('hi'))", []string{
			"2: hud.Agent: model: got number, want string [tostring(n) writes a number]", "2: hud.Taskset: tasks: got string, want table",
			"2: hud.sft: messages: got string, want table"}},
		{"a function for a number", "print(hud.sleep(function() end), hud.spawn(3))", []string{
			"2: hud.sleep: seconds: got function, want number", "2: hud.spawn: fn: got number, want function"}},
		{"nil for a number", "hud.sleep(nil)\nprint(hud.plot.bar(1, 10, nil))", []string{"2: hud.sleep: seconds: got nil, want number"}},
		{"a tensor for a number", "local t = tensor{ 1 }\nhud.sleep(t)\nprint(hud.plot.line(t), t:add({ 1 }))", []string{
			"3: hud.sleep: seconds: got tensor, want number [t:item() is the number of a tensor of one element]",
			"4: hud.plot.line: series: got tensor, want table [t:tolist() is a table of its values]",
			"4: tensor:add: other: got table, want tensor or number"}},
		{"one of several types", "print(hud.chat{ model = 'm', messages = {}, stop = 1 }, hud.steps('x'))", []string{
			"2: hud.chat: stop: got number, want string or table", "2: hud.steps: n: got string, want number or hud.Batches"}},
		{"words", "local d = {}\nprint(loss.ppo(d, { aggregate = 'token_men' }), loss.ppo(d, { aggregate = 'token_mean' }), hud.chat{ model = 'm', messages = {}, tool_choice = 'any' })", []string{
			`3: hud.loss.ppo: aggregate: got "token_men", want one of sum, token_mean, seq_mean_token_mean, seq_mean_token_sum, seq_mean_token_sum_norm, prompt_mean, token_mean_legacy, none [did you mean "token_mean"?]`}},
		{"types nobody knows", "local n, t = ..., {}\nhud.sleep(n)\nhud.sleep(t.x)\nhud.sleep(tonumber('1'))\nprint(hud.Agent(n or 'm', { seed = t.y and 1 or 2 }))", nil},
		{"loss_fn", "tr:step({}, { learning_rate = 1e-4, loss_fn = 'pppo' })\ntr:step({}, { learning_rate = 1e-4, loss_fn = 'gspo' })\ntr:step({}, { learning_rate = 1e-4, loss_fn = 'dro' })", []string{
			`2: loss_fn: no service has a loss "pppo" [did you mean "ppo"?]`,
			`3: loss_fn: no service has a loss "gspo" [it is one of hud.loss: trainer:forward_backward_custom(batch, loss.as_custom("gspo"))]`}},
		{"as_custom", "loss.register('mine', print)\nprint(loss.as_custom('gspo'), loss.as_custom('mine'), loss.as_custom('gsppo'))", []string{
			`3: hud.loss.as_custom: there is no loss "gsppo" [did you mean gspo?]`}},
		{"as_custom's options", "print(loss.as_custom('ppo', { epsilom = 0.1 }), loss.as_custom('ppo', { epsilon = 0.1 }))", []string{
			`2: hud.loss.ppo: unknown option "epsilom" [did you mean epsilon?]`}},
		{"fields of a constructor", "print(hud.TrajectoryPayload{ reward = 1 }, hud.TrajectoryPayload{ samples = {}, rewrd = 1 })", []string{
			`2: hud.TrajectoryPayload: missing option reward`, `2: hud.TrajectoryPayload: missing option samples`,
			`2: hud.TrajectoryPayload: unknown option "rewrd" [did you mean reward?]`}},
		{"elements", "print(hud.plot.line({ 1, 'x' }), hud.plot.line({ a = { 1, true } }), hud.metrics.run('m', { show = { 'a', 1 } }))\ntr:forward_backward({}, { loss_fn_config = { epsilon = '0.2' }, group_size = 8 })\ntr:optim_step{ learning_rate = 1e-4 }", []string{
			"2: hud.metrics.run: show[2]: got number, want string [tostring(n) writes a number]",
			"2: hud.plot.line: series: a[2]: got boolean, want number",
			"2: hud.plot.line: series[2]: got string, want number",
			"3: hud.Trainer:forward_backward: loss_fn_config: epsilon: got string, want number"}},
		{"a table of tables", "print(hud.Agent('m', { tools = { add = { descripton = 'a + b', run = print }, sub = 3 } }))", []string{
			"2: hud.Agent: tools: sub: got number, want hud.Tool or function",
			`2: hud.Tool: unknown option "descripton" [did you mean description?]`}},
		{"flags", "local args = hud.args{ steps = 10, name = { 'x', 'whose' }, on = false }\nprint(args.steps, args[1], args.stpes)\nhud.sleep(args.name)", []string{
			"3: hud.args has no stpes [did you mean steps?]", "4: hud.sleep: seconds: got string, want number"}},
		{"flags and more", "local args = hud.args{ steps = 10 }\nargs.more = 1\nprint(args.more)", nil},

		{"math of a tensor", "local t = tensor{ 1 }\nprint(math.exp(t), math.max(t, 0), math.random(t:item()), math.modf(t))", []string{
			"3: math.exp takes numbers, got a tensor [write t:exp(…), or math.exp of t:item()]",
			"3: math.max takes numbers, got a tensor [write t:maximum(…), or math.max of t:item()]",
			"3: math.modf takes numbers, got a tensor [t:item() is the number of a tensor of one element]"}},
		{"own math", "local math = { exp = print }\nmath.exp(tensor{ 1 })", nil},
		{"text of a tensor", "local t = tensor{ 1 }\nprint('x' .. t:sum(), tostring(t) .. 'x', ('%d %.2f'):format(1, t), string.format('%s %%', t), tonumber(t), 'x' .. (t == t))", []string{
			"3: %f takes a number, got a tensor [write t:item() for the number, or %s for the whole tensor]",
			"3: ..: got boolean, want string or number [write tostring(…)]",
			"3: tonumber of a tensor is nil [t:item() is the number of a tensor of one element]"}},
		{"a tensor as a table", "local t = tensor{ 1 }\nfor _, v in ipairs(t) do print(v) end\nprint(table.concat(t, ' '), unpack(t))", []string{
			"3: ipairs takes a table, got a tensor [t:tolist() is a table of its values]",
			"4: table.concat takes a table, got a tensor [t:tolist() is a table of its values]",
			"4: unpack takes a table, got a tensor [t:tolist() is a table of its values]"}},
		{"in place of what the gradient is of", "local function mine(data, logprobs)\n  logprobs[1]:mul_(2)\n  logprobs[1][1] = 0\n  logprobs[1] = logprobs[1] * 2\n  return logprobs[1]:sum() * #data\nend\ntr:forward_backward_custom({}, mine)\ntr:optim_step{ learning_rate = 1e-4 }", []string{
			"3: mul_ cannot change logprobs: the gradient is of them [write mul, which makes a new tensor]",
			"4: logprobs cannot be assigned to: the gradient is of them [use tensor.where, or multiply by a mask]"}},
		{"unused result of a trial", "print(pcall(function() tensor.zeros(-1) end))\nrequire('hud.test').raises(function() tensor.ones(2):mul('x') end)", []string{
			"3: tensor:mul: other: got string, want tensor or number"}},
		{"unused result of a function", "tensor.zeros(2)\nloss.ppo({})\nlocal x = tensor.zeros(2)\nprint(x)", []string{
			"2: the result of hud.tensor.zeros is not used [assign it]", "3: the result of hud.loss.ppo is not used [assign it]"}},

		{"order", "local t = tensor{ 1, 2 }\nprint(t > 1, 1 <= t)", []string{
			"3: <= does not compare tensors [write a:le(b) for a mask, or compare t:item()]",
			"3: > does not compare tensors [write a:gt(b) for a mask, or compare t:item()]"}},
		{"equality", "local t = tensor.ones(2):exp() * 2\nprint(t == 1, t == t)", []string{
			"3: == with a number is never true of a tensor: it asks whether both are the same object [write a:eq(b) for a mask, or compare t:item()]"}},
		{"truth", "local t = tensor.ones(2)\nif t:ge(1) then print(t.grad and 1 or 2) end\nprint(t and t:ge(1))", []string{
			"3: a tensor counts as true, whatever its values [compare its value: t:item() > 0, t:any():item() == 1]",
			`4: "and" takes a tensor for true, whatever its values [write a:land(b), or a * b for masks]`}},
		{"unused result", "local t = tensor.ones(2)\nt:exp()\nt:clamp_{ min = 0 }\nt:requires_grad_()\n(t * t):sum():backward()", []string{
			"3: the result of tensor:exp is not used [assign it, or write exp_ to change the tensor itself]"}},

		{"no group_size", "local job = hud.Job.start('j', { group = 8 })\ntr:step(job.runs, { learning_rate = 1e-4 })", []string{
			"3: hud.Trainer:step without group_size: line 2 makes groups, and without it the baseline is the mean over the whole batch [pass group_size, the same number as the job's group]"}},
		{"group_size", "local job = hud.Job.start('j', { group = 8 })\ntr:step(job.runs, { learning_rate = 1e-4, group_size = 8 })", nil},
		{"supervised", "local job = hud.Job.start('j', { group = 8 })\ntr:step(job.runs, { learning_rate = 1e-4, loss_fn = 'cross_entropy' })", nil},
		{"groups of one", "local job = hud.Job.start('j', { group = 1 })\ntr:step(job.runs, { learning_rate = 1e-4 })", nil},
		{"greedy", "local a = hud.Agent('m', { temperature = 0 })\nlocal b = hud.Taskset('t', {}):run(a)\nhud.Taskset('e', {}):run(a, { train = false })\ntr:step(b.runs, { learning_rate = 1e-4 })", []string{
			"3: hud.Taskset:run at temperature 0: a group's answers are all alike, and there is nothing to learn from [sample at temperature 1 to train; train = false marks an evaluation]"}},
		{"no step", "tr:forward_backward({})", []string{
			"2: hud.Trainer:forward_backward accumulates gradients, but nothing here takes a step [call trainer:optim_step{ learning_rate = … } after it]"}},
		{"no gradient", "tr:optim_step{ learning_rate = 1e-4 }", []string{
			"2: hud.Trainer:optim_step: nothing here accumulates a gradient [call forward_backward before it]"}},
		{"step before the pass", "for _ = 1, 3 do\n  tr:optim_step{ learning_rate = 1e-4 }\n  tr:forward_backward({})\nend", []string{
			"3: hud.Trainer:optim_step comes before the first pass: nothing is accumulated yet [call forward_backward before it]"}},
		{"step of the round before", "for i = 1, 3 do\n  if i > 1 then tr:optim_step{ learning_rate = 1e-4 } end\n  tr:forward_backward({})\nend", nil},
		{"pass after the step", "tr:forward_backward({})\ntr:optim_step{ learning_rate = 1e-4 }\ntr:backward('f', {})", []string{
			"4: hud.Trainer:backward accumulates gradients that no step after it applies [call trainer:optim_step{ learning_rate = … } after it]"}},
		{"two trainers", "local other = hud.TrainingClient('o')\ntr:forward_backward({})\nother:optim_step{ learning_rate = 1e-4 }", []string{
			"3: hud.Trainer:forward_backward accumulates gradients that no step after it applies [call trainer:optim_step{ learning_rate = … } after it]",
			"4: hud.Trainer:optim_step comes before the first pass: nothing is accumulated yet [call forward_backward before it]"}},
		{"a trainer that is handed on", "local function train(t) t:optim_step{ learning_rate = 1e-4 } end\ntr:forward_backward({})\ntrain(tr)", nil},
		{"steps in functions", "local function pass() tr:forward_backward({}) end\nlocal function step() tr:optim_step{ learning_rate = 1e-4 } end\nstep() pass() step()", nil},
		{"group sizes differ", "local job = hud.Job.start('j', { group = 8 })\ntr:step(job.runs, { learning_rate = 1e-4, group_size = 4 })\ntr:step(job.runs, { learning_rate = 1e-4, group_size = 8 })", []string{
			"3: group_size 4: line 2 makes groups of 8 [a group is what one task's runs are compared with: both are the same number]"}},
		{"group sizes nobody knows", "local n = ...\nlocal job = hud.Job.start('j', { group = n })\ntr:step(job.runs, { learning_rate = 1e-4, group_size = 4 })", nil},
		{"another file trains", "local mine = require 'mine'\nmine.train(tr)\ntr:optim_step{ learning_rate = 1e-4 }", nil},
		{"learning rate", "tr:step({}, { learning_rate = 1, group_size = 8 })", []string{
			"2: learning_rate 1 is very large [adapters train around 1e-4, whole models around 1e-5]"}},

		{"excused", "local x = 1 -- nocheck: kept for the debugger", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, p := range check.Source("x.lua", preamble+"\n"+c.src, check.Options{}) {
				line := strings.TrimPrefix(p.String(), "x.lua:")
				if p.Hint != "" {
					line += " [" + p.Hint + "]"
				}
				got = append(got, line)
			}
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
			}
		})
	}
}

func TestOptionsGlobals(t *testing.T) {
	t.Parallel()
	if got := check.Source("x.lua", "print(simulator.state)", check.Options{Globals: []string{"simulator"}}); len(got) > 0 {
		t.Errorf("got %v, want nothing: the host sets it", got)
	}
}

// What is found in a text that is no script has bounds.
func TestBounds(t *testing.T) {
	t.Parallel()
	var src strings.Builder
	for i := range 10 {
		src.WriteString("do local _ = function() ")
		for k := range 800 {
			fmt.Fprintf(&src, "g%d = 1 print(u%d) ", i*800+k, i*800+k)
		}
		src.WriteString("end end ")
	}
	got := check.Source("x.lua", src.String(), check.Options{})
	size := 0
	for _, p := range got {
		size += len(p.Message) + len(p.Hint) + len(p.Text)
	}
	if len(got) != 1000 || size > 500_000 {
		t.Errorf("got %d problems of %d bytes, want 1000 with the beginning of their lines", len(got), size)
	}
	if again := check.Source("x.lua", src.String()+"-- nocheck", check.Options{}); len(again) > 0 {
		t.Errorf("got %v of a line that is excused", again[0])
	}
}

// What ships is an example of how to write.
func TestShippedScripts(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(scripts.FS, "*.lua")
	if err != nil || len(files) < 5 {
		t.Fatalf("got %d scripts, %v", len(files), err)
	}
	for _, name := range files {
		text, err := fs.ReadFile(scripts.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range check.Source(name, string(text), check.Options{}) {
			t.Errorf("%s [%s]", p, p.Hint)
		}
	}
}

// Whatever the text, there is an answer.
func FuzzSource(f *testing.F) {
	for _, src := range []string{
		"", "local x <const> = 1", "return ...", "for i = 1, 2 do goto on ::on:: end", "a.b.c = function(...) return ... end",
		preamble + "tr:step(hud.Job.start('x', {group = 8}).runs, {learning_rate = 1})", "local function f(x) return f(x) end f = nil",
		"local t = {f = function(self) return self end} function t.g.h:i() return self end", "#!/usr/bin/hudrl\nprint(1)", "\ufeffprint(1)",
	} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		for _, p := range check.Source("x.lua", src, check.Options{}) {
			if p.Line < 1 || p.Message == "" || p.Rule == "" {
				t.Errorf("got %+v", p)
			}
		}
	})
}
