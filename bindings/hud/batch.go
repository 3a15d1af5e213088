package hud

import (
	"encoding/json"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
)

// batch reads a list of trace ids, runs and payloads.
func (l *library) batch(a *luax.Args) (*lua.LTable, []hud.Item) {
	v := a.Any()
	if _, ok := luax.To[*job](v); ok {
		a.FailHint("a job's runs are job.runs", "batch: got Job, want table")
	}
	t := a.AsTable("batch", v)
	if t.RawGetString("samples") != lua.LNil {
		a.FailHint("put it in a list: { payload }", "batch: got one trajectory, want a list of them")
	}
	items := make([]hud.Item, t.Len())
	for i := range items {
		name := fmt.Sprintf("batch[%d]", i+1)
		switch v := t.RawGetInt(i + 1).(type) {
		case lua.LString:
			items[i] = hud.TraceID(v)
		case *lua.LTable:
			if l.isRun(v) {
				items[i] = l.run(a, name, v)
			} else {
				items[i] = l.payload(a, name, v)
			}
		default:
			a.Bad(name, v, "a trace id, a run or a payload")
		}
	}
	return t, items
}

// field checks a field of a record that a script wrote.
func field[T any](name string, t *lua.LTable, key string, as func(param string, v lua.LValue) T) (value T) {
	if v := t.RawGetString(key); v != lua.LNil {
		value = as(name+"."+key, v)
	}
	return value
}

// known refuses fields that a record does not have.
func known(a *luax.Args, name string, t *lua.LTable, fields []string) {
	for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
		key, ok := k.(lua.LString)
		if !ok {
			a.Fail("%s: got a key of type %s, want names", name, runtime.TypeName(k))
		}
		found := false
		for _, f := range fields {
			found = found || f == string(key)
		}
		if found {
			continue
		}
		if near := runtime.Nearest(string(key), fields); near != "" {
			a.Fail("%s: unknown field %q (did you mean %q?)", name, string(key), near)
		}
		a.Fail("%s: unknown field %q", name, string(key))
	}
}

var payloadFields = []string{"samples", "reward", "trace_id", "extra"}

func (l *library) payload(a *luax.Args, name string, t *lua.LTable) *hud.TrajectoryPayload {
	known(a, name, t, payloadFields)
	return &hud.TrajectoryPayload{
		Samples: l.samples(a, name+".samples", a.AsTable(name+".samples", t.RawGetString("samples"))),
		Reward:  a.AsNumber(name+".reward", t.RawGetString("reward")),
		TraceID: field(name, t, "trace_id", a.AsString),
		Extra:   extra(a, name, t),
	}
}

// extra is what a custom loss finds as datum.extra. The values stay Lua's.
func extra(a *luax.Args, name string, t *lua.LTable) map[string]any {
	from := field(name, t, "extra", a.AsTable)
	if from == nil {
		return nil
	}
	out := map[string]any{}
	for k, v := from.Next(lua.LNil); k != lua.LNil; k, v = from.Next(k) {
		out[a.AsString(name+".extra: a name", k)] = v
	}
	return out
}

func (l *library) samples(a *luax.Args, name string, t *lua.LTable) []hud.TrajectorySample {
	out := make([]hud.TrajectorySample, t.Len())
	for i := range out {
		at := fmt.Sprintf("%s[%d]", name, i+1)
		out[i] = l.sample(a, at, a.AsTable(at, t.RawGetInt(i+1)))
	}
	return out
}

var sampleFields = []string{
	"prompt_token_ids", "prompt_chunks", "output_token_ids", "output_logprobs",
	"temperature", "top_p", "top_k", "min_p", "finish_reason", "checkpoint_id",
}

func (l *library) sample(a *luax.Args, name string, t *lua.LTable) hud.TrajectorySample {
	known(a, name, t, sampleFields)
	ids := func(key string) []int {
		if list := field(name, t, key, a.AsTable); list != nil {
			return luax.Numbers[int](a, name+"."+key, list)
		}
		return nil
	}
	s := hud.TrajectorySample{
		PromptTokenIDs: ids("prompt_token_ids"),
		OutputTokenIDs: luax.Numbers[int](a, name+".output_token_ids", a.AsTable(name+".output_token_ids", t.RawGetString("output_token_ids"))),
	}
	if list := field(name, t, "output_logprobs", a.AsTable); list != nil {
		s.OutputLogprobs = luax.Numbers[float32](a, name+".output_logprobs", list)
	}
	if list := field(name, t, "prompt_chunks", a.AsTable); list != nil {
		s.PromptChunks = make([]json.RawMessage, list.Len())
		for i := range s.PromptChunks {
			s.PromptChunks[i] = json.RawMessage(l.encode(a.L, list.RawGetInt(i+1)))
		}
	}
	if t.RawGetString("temperature") != lua.LNil {
		s.Sampling = &hud.SamplingInfo{
			Temperature: field(name, t, "temperature", a.AsNumber), TopP: 1,
			TopK: field(name, t, "top_k", a.AsInt), MinP: field(name, t, "min_p", a.AsNumber),
			FinishReason: field(name, t, "finish_reason", a.AsString),
			CheckpointID: field(name, t, "checkpoint_id", a.AsString),
		}
		if v := t.RawGetString("top_p"); v != lua.LNil {
			s.Sampling.TopP = a.AsNumber(name+".top_p", v)
		}
	}
	return s
}

// newSample is hud.TrajectorySample{…}.
func (l *library) newSample(L *lua.LState) int {
	a := luax.Read(L, "TrajectorySample")
	t := a.Table("fields")
	a.End()
	L.Push(l.sampleTable(l.sample(&a, "fields", t)))
	return 1
}

// newPayload is hud.TrajectoryPayload{…}.
func (l *library) newPayload(L *lua.LState) int {
	a := luax.Read(L, "TrajectoryPayload")
	t := a.Table("fields")
	a.End()
	L.Push(l.payloadTable(l.payload(&a, "fields", t)))
	return 1
}

func (l *library) sampleTable(s hud.TrajectorySample) *lua.LTable {
	t := l.vm.NewTable(0, 9)
	if s.PromptTokenIDs != nil {
		t.RawSetString("prompt_token_ids", luax.List(l.vm, s.PromptTokenIDs))
	}
	if s.PromptChunks != nil {
		chunks := l.vm.NewTable(len(s.PromptChunks), 0)
		for i, c := range s.PromptChunks {
			var data any
			if json.Unmarshal(c, &data) == nil {
				if v, err := l.vm.ToLua(data); err == nil {
					chunks.RawSetInt(i+1, v)
				}
			}
		}
		t.RawSetString("prompt_chunks", chunks)
	}
	t.RawSetString("output_token_ids", luax.List(l.vm, s.OutputTokenIDs))
	t.RawSetString("output_logprobs", luax.List(l.vm, s.OutputLogprobs))
	if d := s.Sampling; d != nil {
		t.RawSetString("temperature", lua.LNumber(d.Temperature))
		t.RawSetString("top_p", lua.LNumber(d.TopP))
		t.RawSetString("top_k", lua.LNumber(d.TopK))
		t.RawSetString("min_p", lua.LNumber(d.MinP))
		setText(t, "finish_reason", d.FinishReason)
		setText(t, "checkpoint_id", d.CheckpointID)
	}
	return luax.Record(l.vm, "TrajectorySample", t, func(_ *lua.LState, t *lua.LTable) string {
		return fmt.Sprintf("TrajectorySample: %d prompt tokens, %d output tokens", length(t, "prompt_token_ids"), length(t, "output_token_ids"))
	})
}

func (l *library) payloadTable(p *hud.TrajectoryPayload) *lua.LTable {
	t := l.vm.NewTable(0, 4)
	samples := l.vm.NewTable(len(p.Samples), 0)
	for i, s := range p.Samples {
		samples.RawSetInt(i+1, l.sampleTable(s))
	}
	t.RawSetString("samples", samples)
	t.RawSetString("reward", lua.LNumber(p.Reward))
	setText(t, "trace_id", p.TraceID)
	if p.Extra != nil {
		t.RawSetString("extra", l.extraTable(p.Extra))
	}
	return luax.Record(l.vm, "TrajectoryPayload", t, func(L *lua.LState, t *lua.LTable) string {
		return fmt.Sprintf("TrajectoryPayload: %d samples, reward %s", length(t, "samples"), l.vm.Text(L, t.RawGetString("reward")))
	})
}

func (l *library) extraTable(extra map[string]any) *lua.LTable {
	v, err := l.vm.ToLua(extra)
	if err != nil {
		return l.vm.NewTable(0, 0)
	}
	return v.(*lua.LTable)
}

// length is how many elements the list in a field has.
func length(t *lua.LTable, key string) int {
	if list, ok := t.RawGetString(key).(*lua.LTable); ok {
		return list.Len()
	}
	return 0
}

// setText sets a string field; an empty string is absence.
func setText(t *lua.LTable, key, text string) {
	if text != "" {
		t.RawSetString(key, lua.LString(text))
	}
}

// sft is hud.sft: a payload for cross_entropy.
func (l *library) sft(L *lua.LState) int {
	a := luax.Read(L, "sft")
	messages := l.messages(&a, "messages", a.Table("messages"))
	o := a.Options("model", "tools")
	model := o.String("model", "")
	tools := described(l.tools(&a, o.Table("tools")))
	a.End()
	tok, err := l.svc.Tokenizer(callContext(l.vm, L), model)
	l.check(L, err)
	payload, err := hud.SFT(tok, hud.WithTools(messages, tools))
	l.check(L, err)
	L.Push(l.payloadTable(payload))
	return 1
}
