package tests

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/serve"
)

// A scripted service answers the first turns of a chat with calls: the turn is
// how many answers the messages hold.
type scripted struct {
	*hudtest.Fake
	turns [][]hud.ToolCall

	mu   sync.Mutex
	last *hud.ChatRequest
}

func (s *scripted) Chat(ctx context.Context, req *hud.ChatRequest) (*hud.ChatResponse, error) {
	s.mu.Lock()
	s.last = req
	s.mu.Unlock()
	res, err := s.Fake.Chat(ctx, req)
	if err != nil {
		return nil, err
	}
	turn := 0
	for _, m := range req.Messages {
		if m.Role == "assistant" {
			turn++
		}
	}
	c := &res.Choices[0]
	c.FinishReason = "stop"
	if turn < len(s.turns) && len(req.ToolsShown()) > 0 {
		c.Message.ToolCalls, c.FinishReason = s.turns[turn], "tool_calls"
	}
	return res, nil
}

func calls(pairs ...string) []hud.ToolCall {
	var out []hud.ToolCall
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, hud.ToolCall{ID: fmt.Sprintf("id%d", i/2+1), Name: pairs[i], Arguments: pairs[i+1]})
	}
	return out
}

// Tools in Lua, over the service itself and over HTTP.
func TestLuaTools(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		turns  [][]hud.ToolCall
		source string
		want   string // what was printed
		log    string // a warning, once
	}{
		{"by name, with what it sees and says", [][]hud.ToolCall{calls("add", `{"a": 1, "b": [2, null]}`, "say", `{}`), calls("nothing", "", "flag", "{}", "table", "{}")}, `
			local tools = {
			  add = { description = "a + b", parameters = { type = "object" }, run = function(args, run)
			    run.extra = run.extra or {}
			    run.extra.calls = (run.extra.calls or 0) + 1
			    return args.a + args.b[1] + (args.b[2] == hud.json.null and 0.5 or 0)
			  end },
			  say = function() return "words" end, nothing = function() end, flag = function() return true end,
			  table = function() return { x = { 1, 2 } } end,
			}
			local agent = hud.Agent("fake/bigram", { tools = tools, max_tokens = 4 })
			local run = hud.Taskset("t", { { prompt = "hi", grade = function(answer, run) print(run.extra.calls, #run.messages) return 1 end } }):run(agent).runs[1]
			print(run.status, run.error, run.stop_reason, #run.samples)
			for _, m in ipairs(run.messages) do if m.role == "tool" then print(m.name, m.tool_call_id, m.content) end end
			print(run.messages[2].tool_calls[1], #run.messages[2].tool_calls, run.messages[2].tool_calls[1].id)`,
			"1\t9\ncompleted\tnil\tdone\t3\nadd\tid1\t3.5\nsay\tid2\twords\nnothing\tid1\tTool executed successfully\nflag\tid2\ttrue\ntable\tid3\t{\"x\":[1,2]}\nadd{\"a\": 1, \"b\": [2, null]}\t2\tid1\n", ""},
		{"failures are told", [][]hud.ToolCall{calls("fail", "{}"), calls("fail", "{}", "odd", "{}"), calls("halve", "{}", "fail", "[]")}, `
			local tools = { { name = "fail", run = function() error("no such city") end }, { type = "function", ["function"] = { name = "odd", run = function() return print end } } }
			local run = hud.Taskset("t", { { run = function(agent) print(agent:chat("hi").finish_reason) return 1 end } }):run(hud.Agent("fake/bigram", { tools = tools, max_tokens = 4 })).runs[1]
			for _, m in ipairs(run.messages) do if m.role == "tool" then print(m.content) end end`,
			"stop\nerror: no such city\nerror: no such city\nerror: encode: value: got function, want nil, a boolean, a number, a string or a table\n" +
				"error: no tool \"halve\", want one of fail, odd\nerror: the arguments are no JSON object\n",
			"the model was told that tool fail failed: test.lua:2: no such city"},
		{"calls for the episode", [][]hud.ToolCall{calls("ask", `{"q":1}`), calls("ask", "{")}, `
			local run = hud.Taskset("t", { { run = function(agent)
			  local reply = agent:chat("hi")
			  print(reply.finish_reason, #reply.tool_calls, reply.tool_calls[1].arguments, reply.message.tool_calls[1].name)
			  reply = agent:chat{ role = "tool", tool_call_id = reply.tool_calls[1].id, content = "42" }
			  print(reply.finish_reason, reply.tool_calls[1].arguments)
			  reply = agent:chat{ { role = "tool", tool_call_id = "id1", content = "?" } }
			  print(reply.finish_reason, reply.tool_calls)
			  return 1
			end } }):run(hud.Agent("fake/bigram", { tools = { ask = {} }, max_tokens = 4 })).runs[1]
			print(run.status, run.error, #run.samples)`,
			"tool_calls\t1\t{\"q\":1}\task\ntool_calls\t{\nstop\tnil\ncompleted\tnil\t3\n", ""},
		{"as many turns as there are", [][]hud.ToolCall{calls("again", "{}"), calls("again", "{}"), calls("again", "{}")}, `
			local run = hud.Taskset("t", { { prompt = "hi", grade = function() return 1 end } }):run(hud.Agent("fake/bigram", { tools = { again = function() return "" end }, max_steps = 2, max_tokens = 4 })).runs[1]
			print(run.status, run.stop_reason, #run.samples, #run.messages)`,
			"completed\tmax_steps\t2\t4\n", ""},
		{"an opponent's tools see the run", [][]hud.ToolCall{calls("count", "{}")}, `
			local run = hud.Taskset("t", { { run = function(_, ctx)
			  ctx:agent("fake/bigram", { tools = { count = function(_, run) run.extra = { counted = true } end }, max_tokens = 4 }):chat("hi")
			  return 1
			end } }):run(hud.Agent("fake/bigram")).runs[1]
			print(run.status, run.error, run.extra.counted, #run.samples)`,
			"completed\tnil\ttrue\t0\n", ""},
		{"a limit is no result", [][]hud.ToolCall{calls("wait", "{}")}, `
			local run = hud.Taskset("t", { { prompt = "hi", grade = function() return 1 end } }):run(hud.Agent("fake/bigram", { tools = { wait = function() hud.sleep(60) end }, max_tokens = 4 }), { timeout = 0.05 }).runs[1]
			print(run.status, run.stop_reason, run.error)`,
			"error\ttimeout\ttimed out after 50ms\n", ""},
		{"the raw call", [][]hud.ToolCall{calls("add", `{"a":1}`)}, `
			local reply = hud.chat{ model = "fake/bigram", messages = {
			  { role = "user", content = "x" },
			  { role = "user", content = "hi", name = "ann" } }, tools = { add = { parameters = { type = "object" }, strict = true } }, tool_choice = "auto", parallel_tool_calls = false, max_tokens = 4 }
			print(reply.finish_reason, reply.tool_calls[1], reply.choices[1].tool_calls[1].id, reply.message.tool_calls[1].arguments)
			reply = hud.chat{ model = "fake/bigram", messages = { { role = "assistant", tool_calls = { { id = "a", name = "add", arguments = { a = 1 } },
			  { id = "b", type = "function", ["function"] = { name = "now", arguments = "{}" } } } }, { role = "tool", content = "1", tool_call_id = "a" } }, max_tokens = 4 }
			print(reply.finish_reason, reply.tool_calls)`,
			"tool_calls\tadd{\"a\":1}\tid1\t{\"a\":1}\nstop\tnil\n", ""},
		{"random numbers follow from the run", [][]hud.ToolCall{calls("roll", "{}"), calls("roll", "{}")}, `
			local function play(n)
			  local said = {}
			  local agent = hud.Agent("fake/bigram", { tools = { roll = function() return math.random(1e9) end }, max_tokens = 4 })
			  for _, run in ipairs(hud.Taskset("t", { { prompt = "a", grade = function() return 1 end }, { prompt = "b", grade = function() return 1 end } }):run(agent, { group = 5, max_concurrent = n, seed = 3 }).runs) do
			    for _, m in ipairs(run.messages) do if m.role == "tool" then said[#said + 1] = m.content end end
			  end
			  return said
			end
			local a, b = play(1), play(7)
			print(#a, table.concat(a, " ") == table.concat(b, " "), a[1] ~= a[2], a[1] ~= a[3])`,
			"20\ttrue\ttrue\ttrue\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			direct := &scripted{Fake: hudtest.NewFake(), turns: tt.turns}
			behind := &scripted{Fake: hudtest.NewFake(), turns: tt.turns}
			server := httptest.NewServer(serve.Handler(behind, serve.Options{}))
			defer server.Close()
			client, err := hud.Dial(hud.Config{Settings: hud.Settings{APIKey: "none", APIURL: server.URL, RLURL: server.URL, GatewayURL: server.URL}})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			for where, svc := range map[string]hud.Service{"in process": direct, "over HTTP": client} {
				s := newScript(t, svc, 1)
				s.must(t, tt.source)
				if got := s.out.String(); got != tt.want {
					t.Errorf("%s: printed\n%swant\n%s", where, got, tt.want)
				}
				if tt.log != "" && strings.Count(s.log.String(), tt.log) != 1 {
					t.Errorf("%s: logged %s, want %q once", where, s.log, tt.log)
				}
			}
		})
	}
}

// A tool cannot outlive the script's own limits.
func TestToolsAreStopped(t *testing.T) {
	t.Parallel()
	s := newScript(t, &scripted{Fake: hudtest.NewFake(), turns: [][]hud.ToolCall{calls("spin", "{}")}}, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := s.try(ctx, `
		local agent = hud.Agent("fake/bigram", { tools = { spin = function() while true do end end }, max_tokens = 4 })
		hud.Taskset("t", { { prompt = "hi", grade = function() return 1 end } }):run(agent)`)
	if err == nil || s.log.Len() > 0 {
		t.Errorf("got %v and %s, want an error and no tale of a failed tool", err, s.log)
	}
}
