package hud

import (
	"context"
	"fmt"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/rollout"
)

type (
	// An agent is a rollout.Agent in Lua, whose tools are here: see playing.
	agent struct {
		*rollout.Agent
		tools []tool
	}

	// A session is a conversation; agent in an episode is one.
	session struct{ *rollout.ChatSession }

	// An episodeContext is ctx in an episode.
	episodeContext struct {
		*rollout.RunContext
		run *lua.LTable
	}

	// A taskset is a rollout.Taskset; its tasks' functions are Lua's.
	taskset struct {
		name  string
		tasks *lua.LTable
	}
)

// counted writes a number of things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func (a *agent) String() string { return "Agent " + a.Model }
func (s *session) String() string {
	return fmt.Sprintf("session with %s, %s", s.Agent().Model, counted(s.Steps(), "turn"))
}
func (t *taskset) String() string {
	return fmt.Sprintf("Taskset %s: %s", t.name, counted(t.tasks.Len(), "task"))
}

func (l *library) defineRollouts() {
	luax.Define(l.vm, luax.Class[*agent]{
		Name: "Agent",
		Get: func(_ *lua.LState, a *agent, key lua.LValue) (lua.LValue, bool) {
			return lua.LString(a.Model), key == lua.LString("model")
		},
		Fields: []string{"model"},
	})
	luax.Define(l.vm, luax.Class[*session]{
		Name:    "session",
		Methods: map[string]lua.LGFunction{"chat": l.say},
		Get: func(_ *lua.LState, s *session, key lua.LValue) (lua.LValue, bool) {
			switch key {
			case lua.LString("samples"):
				return l.sampleList(s.Samples()), true
			case lua.LString("messages"):
				return l.messageList(s.Messages()), true
			}
			return lua.LNil, false
		},
		Fields: []string{"samples", "messages"},
	})
	luax.Define(l.vm, luax.Class[*episodeContext]{
		Name:    "context",
		Methods: map[string]lua.LGFunction{"agent": l.contextAgent},
		Get: func(_ *lua.LState, c *episodeContext, key lua.LValue) (lua.LValue, bool) {
			switch key {
			case lua.LString("task"):
				return lua.LString(c.Task), true
			case lua.LString("index"):
				return lua.LNumber(c.Index + 1), true
			case lua.LString("repeat_index"):
				return lua.LNumber(c.Repeat + 1), true
			case lua.LString("step"):
				return lua.LNumber(c.Step), true
			case lua.LString("seed"):
				return lua.LNumber(c.Run.Seed >> 11), true // the 53 bits a Lua number holds
			case lua.LString("run"):
				return c.run, true
			}
			return lua.LNil, false
		},
		Fields: []string{"task", "index", "repeat_index", "step", "seed", "run"},
	})
	luax.Define(l.vm, luax.Class[*taskset]{
		Name:    "Taskset",
		Methods: map[string]lua.LGFunction{"run": l.runTaskset},
		Get: func(_ *lua.LState, t *taskset, key lua.LValue) (lua.LValue, bool) {
			switch key {
			case lua.LString("name"):
				return lua.LString(t.name), true
			case lua.LString("tasks"):
				return t.tasks, true
			}
			return lua.LNil, false
		},
		Fields: []string{"name", "tasks"},
	})
	l.defineJob()
}

var agentOptions = []string{
	"system_prompt", "max_steps", "tools", "max_tokens", "temperature", "top_p", "top_k", "min_p", "stop", "seed",
	"checkpoint", "completion_kwargs",
}

// newAgent is hud.Agent.
func (l *library) newAgent(L *lua.LState) int {
	a := luax.Read(L, "Agent")
	model := a.String("model")
	o := a.Options(agentOptions...)
	made := l.makeAgent(&a, model, &o)
	a.End()
	L.Push(luax.Wrap(L, made))
	return 1
}

func (l *library) makeAgent(a *luax.Args, model string, o *luax.Options) *agent {
	made := &rollout.Agent{
		Model:        model,
		SystemPrompt: o.String("system_prompt", ""),
		MaxSteps:     positive(a, o, "max_steps"),
		MaxTokens:    positive(a, o, "max_tokens"),
		Temperature:  optNumber(o, "temperature"),
		TopP:         optNumber(o, "top_p"),
		TopK:         o.Int("top_k", 0),
		MinP:         o.Number("min_p", 0),
		Stop:         stops(a, o.Value("stop")),
		Seed:         seed(a, o),
		Checkpoint:   o.String("checkpoint", ""),
	}
	l.check(a.L, made.Validate())
	if t := o.Table("completion_kwargs"); t != nil {
		v, err := runtime.ToGo(t)
		l.check(a.L, err)
		kwargs, ok := v.(map[string]any)
		if !ok && t.Len() > 0 {
			a.Fail("completion_kwargs: got a list, want names")
		}
		l.check(a.L, made.SetKwargs(kwargs))
	}
	return &agent{made, l.tools(a, o.Table("tools"))}
}

// positive is a whole-number option of at least 1, 0 when not given.
func positive(a *luax.Args, o *luax.Options, name string) int {
	n := o.Int(name, 0)
	if o.Has(name) && n < 1 {
		a.Fail("%s: got %d, want at least 1", name, n)
	}
	return n
}

// stops reads a stop string or a list of them.
func stops(a *luax.Args, v lua.LValue) []string {
	switch v := v.(type) {
	case *lua.LNilType:
		return nil
	case lua.LString:
		return []string{string(v)}
	case *lua.LTable:
		return luax.Strings(a, "stop", v)
	}
	a.Bad("stop", v, "a string or a list of strings")
	return nil
}

// seed is the option seed, nil when not given.
func seed(a *luax.Args, o *luax.Options) *uint64 {
	if !o.Has("seed") {
		return nil
	}
	n := o.NeedInt("seed")
	if n < 0 {
		a.Fail("seed: got %d, want at least 0", n)
	}
	return new(uint64(n))
}

// newTaskset is hud.Taskset. The tasks are read when they are run.
func (l *library) newTaskset(L *lua.LState) int {
	a := luax.Read(L, "Taskset")
	t := &taskset{name: a.String("name"), tasks: a.Table("tasks")}
	a.End()
	l.readTasks(&a, t, nil)
	L.Push(luax.Wrap(L, t))
	return 1
}

// readTasks makes rollout tasks whose functions call into Lua.
func (l *library) readTasks(a *luax.Args, t *taskset, runs *runTables) []rollout.Task {
	tasks := make([]rollout.Task, t.tasks.Len())
	for i := range tasks {
		name := fmt.Sprintf("tasks[%d]", i+1)
		from := a.AsTable(name, t.tasks.RawGetInt(i+1))
		known(a, name, from, []string{"name", "prompt", "grade", "run"})
		task := &tasks[i]
		task.Name = field(name, from, "name", a.AsString)
		switch prompt := from.RawGetString("prompt").(type) {
		case *lua.LNilType:
		case lua.LString:
			task.Prompt = []hud.Message{{Role: "user", Content: string(prompt)}}
		case *lua.LTable:
			task.Prompt = l.messages(a, name+".prompt", prompt)
		default:
			a.Bad(name+".prompt", prompt, "a string or messages")
		}
		grade := field(name, from, "grade", a.AsFunc)
		run := field(name, from, "run", a.AsFunc)
		switch {
		case run != nil && (grade != nil || task.Prompt != nil):
			a.Fail("%s: got run beside prompt or grade, want one or the other", name)
		case run != nil:
			task.Run = l.episode(runs, run)
		case task.Prompt == nil:
			a.Fail("%s.prompt: got nil, want a string or messages (or an episode in run)", name)
		case grade == nil:
			a.Fail("%s.grade: got nil, want a function that scores the answer", name)
		default:
			task.Grade = l.grader(runs, grade)
		}
	}
	return tasks
}

func (l *library) grader(runs *runTables, fn *lua.LFunction) rollout.Grader {
	return func(ctx context.Context, answer string, run *hud.Run) (float64, any, error) {
		return l.score(ctx, "grade", run, fn, lua.LString(answer), runs.table(run))
	}
}

func (l *library) episode(runs *runTables, fn *lua.LFunction) rollout.Episode {
	return func(ctx context.Context, s *rollout.ChatSession, rc *rollout.RunContext) (float64, any, error) {
		return l.score(ctx, "run", rc.Run, fn, l.vm.Wrap(&session{s}), l.vm.Wrap(&episodeContext{rc, runs.table(rc.Run)}))
	}
}

// score calls a grader or an episode under the run's deadline. Its randomness
// follows from the run's seed, not from which task of the VM it happens to be.
func (l *library) score(ctx context.Context, name string, run *hud.Run, fn *lua.LFunction, args ...lua.LValue) (float64, any, error) {
	l.vm.Reseed(thread(ctx), run.Seed)
	out, err := l.callUntil(ctx, fn, args...)
	if err != nil {
		return 0, nil, err
	}
	var reward, info lua.LValue = lua.LNil, lua.LNil
	if len(out) > 0 {
		reward = out[0]
	}
	if len(out) > 1 {
		info = out[1]
	}
	n, ok := reward.(lua.LNumber)
	if !ok {
		return 0, nil, runtime.Faultf(runtime.CodeValidation, "%s: reward: got %s, want number", name, runtime.TypeName(reward))
	}
	return float64(n), info, nil
}

// runTaskset is taskset:run.
func (l *library) runTaskset(L *lua.LState) int {
	a := luax.Read(L, "run")
	t := luax.Self[*taskset](&a)
	with := luax.Object[*agent](&a, "agent")
	o := a.Options("job", "group", "max_concurrent", "timeout", "seed", "train", "temperature")
	options := rollout.Options{
		Group:         optInt(&o, "group"),
		MaxConcurrent: positive(&a, &o, "max_concurrent"),
		Seed:          seed(&a, &o),
		Step:          l.step,
		Evaluate:      !o.Bool("train", true),
		Temperature:   optNumber(&o, "temperature"),
		Spawner:       tasks{l.vm},
		Warn:          l.warn,
	}
	// A VM with few tasks takes longer rather than fail. A rollout that ends
	// starts the next while it still counts.
	if options.MaxConcurrent == 0 {
		options.MaxConcurrent = rollout.DefaultMaxConcurrent
	}
	options.MaxConcurrent = max(1, min(options.MaxConcurrent, l.vm.SpareTasks()-1))
	if options.Seed == nil && with.Seed == nil {
		options.Seed = new(uint64(l.vm.Seed()))
	}
	var into *job
	if o.Has("job") {
		into = luax.As[*job](&a, "job", o.Value("job"))
		options.Job = into.Job
	}
	if o.Has("timeout") {
		s := o.NeedNumber("timeout")
		if !(s > 0 && s <= 1e9) {
			a.Fail("timeout: got %s, want seconds above 0", runtime.FormatNumber(s))
		}
		options.Timeout = time.Duration(s * float64(time.Second))
	}
	a.End()
	runs := newRunTables(l)
	ts := &rollout.Taskset{Name: t.name, Tasks: l.readTasks(&a, t, runs)}
	played := l.playing(with, func(run *hud.Run) lua.LValue {
		if run == nil {
			return lua.LNil
		}
		return runs.table(run)
	})
	done, err := ts.Run(callContext(l.vm, L), l.svc, played, options)
	l.check(L, err)
	for _, run := range done.Runs() {
		runs.finish(run)
	}
	if into != nil {
		into.tables.adopt(runs)
	}
	L.Push(luax.Wrap(L, &job{done, runs}))
	return 1
}

// say is session:chat.
func (l *library) say(L *lua.LState) int {
	a := luax.Read(L, "chat")
	s := luax.Self[*session](&a)
	var messages []hud.Message
	switch v := a.Any().(type) {
	case lua.LString:
		messages = []hud.Message{{Role: "user", Content: string(v)}}
	case *lua.LTable:
		if v.RawGetString("role") != lua.LNil {
			messages = []hud.Message{l.message(&a, "message", v)}
		} else {
			messages = l.messages(&a, "messages", v)
		}
	default:
		a.Bad("messages", v, "text, a message or messages")
	}
	a.End()
	reply, err := s.Chat(context.WithValue(callContext(l.vm, L), inEpisode{}, true), messages...)
	l.check(L, err)
	t := l.vm.NewTable(0, 5)
	t.RawSetString("text", lua.LString(reply.Text))
	t.RawSetString("message", l.messageTable(reply.Message))
	t.RawSetString("finish_reason", lua.LString(reply.FinishReason))
	if calls := reply.Message.ToolCalls; len(calls) > 0 {
		t.RawSetString("tool_calls", l.toolCallList(calls))
	}
	if reply.Sample != nil {
		t.RawSetString("sample", l.sampleTable(*reply.Sample))
	}
	t.RawSetString("usage", l.usageTable(reply.Usage))
	L.Push(luax.Record(l.vm, "reply", t, replyText))
	return 1
}

// contextAgent is ctx:agent.
func (l *library) contextAgent(L *lua.LState) int {
	a := luax.Read(L, "agent")
	c := luax.Self[*episodeContext](&a)
	var with *agent
	switch v := a.Any().(type) {
	case *lua.LNilType:
	case lua.LString:
		o := a.Options(agentOptions...)
		with = l.makeAgent(&a, string(v), &o)
	default:
		with = luax.As[*agent](&a, "model_or_agent", v)
	}
	a.End()
	var played *rollout.Agent // nil: the run's own
	if with != nil {
		played = l.playing(with, func(*hud.Run) lua.LValue { return c.run })
	}
	s, err := c.Agent(played)
	l.check(L, err)
	L.Push(luax.Wrap(L, &session{s}))
	return 1
}

// message reads { role =, content = } and what a message about tools has.
func (l *library) message(a *luax.Args, name string, t *lua.LTable) hud.Message {
	known(a, name, t, []string{"role", "content", "tool_calls", "tool_call_id", "name"})
	m := hud.Message{
		Role:       a.AsString(name+".role", t.RawGetString("role")),
		ToolCallID: field(name, t, "tool_call_id", a.AsString),
		Name:       field(name, t, "name", a.AsString),
	}
	if roles := []string{"system", "user", "assistant", "tool"}; !slices.Contains(roles, m.Role) {
		a.Fail("%s.role: got %q, want system, user, assistant or tool", name, m.Role)
	}
	if calls := field(name, t, "tool_calls", a.AsTable); calls != nil {
		m.ToolCalls = l.toolCalls(a, name+".tool_calls", calls)
	}
	if content := t.RawGetString("content"); content != lua.LNil || len(m.ToolCalls) == 0 {
		m.Content = a.AsString(name+".content", content)
	}
	return m
}

func (l *library) messages(a *luax.Args, name string, t *lua.LTable) []hud.Message {
	out := make([]hud.Message, t.Len())
	for i := range out {
		at := fmt.Sprintf("%s[%d]", name, i+1)
		out[i] = l.message(a, at, a.AsTable(at, t.RawGetInt(i+1)))
	}
	if len(out) == 0 {
		a.Fail("%s: got none, want at least one message", name)
	}
	return out
}

func (l *library) messageTable(m hud.Message) *lua.LTable {
	t := l.vm.NewTable(0, 2)
	t.RawSetString("role", lua.LString(m.Role))
	t.RawSetString("content", lua.LString(m.Content))
	if len(m.ToolCalls) > 0 {
		t.RawSetString("tool_calls", l.toolCallList(m.ToolCalls))
	}
	setText(t, "tool_call_id", m.ToolCallID)
	setText(t, "name", m.Name)
	return t
}

func (l *library) messageList(messages []hud.Message) *lua.LTable {
	t := l.vm.NewTable(len(messages), 0)
	for i, m := range messages {
		t.RawSetInt(i+1, l.messageTable(m))
	}
	return t
}

func (l *library) sampleList(samples []hud.TrajectorySample) *lua.LTable {
	t := l.vm.NewTable(len(samples), 0)
	for i, s := range samples {
		t.RawSetInt(i+1, l.sampleTable(s))
	}
	return t
}

func (l *library) usageTable(u hud.Usage) *lua.LTable {
	t := l.vm.NewTable(0, 2)
	t.RawSetString("prompt_tokens", lua.LNumber(u.PromptTokens))
	t.RawSetString("completion_tokens", lua.LNumber(u.CompletionTokens))
	return t
}

func replyText(L *lua.LState, t *lua.LTable) string {
	return runtime.VMOf(L).Text(L, t.RawGetString("text"))
}
