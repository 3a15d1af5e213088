package hud

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
)

// models are the functions of hud.models. Those about one model are a
// TrainingClient's.
func (l *library) models() map[string]lua.LGFunction {
	client := func(a *luax.Args) *hud.TrainingClient {
		return l.client(l.svc, a.String("model"), "")
	}
	return map[string]lua.LGFunction{
		"list": func(L *lua.LState) int {
			a := luax.Read(L, "list")
			a.End()
			models, err := l.svc.Models(callContext(l.vm, L))
			l.check(L, err)
			t := l.vm.NewTable(len(models), 0)
			for i, m := range models {
				t.RawSetInt(i+1, l.modelTable(m))
			}
			L.Push(t)
			return 1
		},
		"resolve": func(L *lua.LState) int {
			a := luax.Read(L, "resolve")
			name := a.String("model")
			a.End()
			m, err := l.svc.Resolve(callContext(l.vm, L), name)
			l.check(L, err)
			L.Push(l.modelTable(m))
			return 1
		},
		"fork": func(L *lua.LState) int {
			a := luax.Read(L, "fork")
			source, name := a.String("source"), a.String("name")
			a.End()
			m, err := l.fork(callContext(l.vm, L), source, name)
			l.check(L, err)
			L.Push(l.modelTable(m))
			return 1
		},
		"checkpoints": func(L *lua.LState) int {
			a := luax.Read(L, "checkpoints")
			c := client(&a)
			a.End()
			return l.pushCheckpoints(L, c)
		},
		"head": func(L *lua.LState) int {
			a := luax.Read(L, "head")
			c := client(&a)
			a.End()
			return l.pushHead(L, c)
		},
		"set_head": func(L *lua.LState) int {
			a := luax.Read(L, "set_head")
			c := client(&a)
			id := a.String("checkpoint_id")
			a.End()
			l.check(L, c.SetHead(callContext(l.vm, L), id))
			return 0
		},
	}
}

func (l *library) pushCheckpoints(L *lua.LState, c *hud.TrainingClient) int {
	l.past.asked = true
	list, err := c.Checkpoints(callContext(l.vm, L))
	l.check(L, err)
	t := l.vm.NewTable(len(list), 0)
	for i := range list {
		t.RawSetInt(i+1, l.checkpointTable(&list[i]))
	}
	L.Push(t)
	return 1
}

func (l *library) pushHead(L *lua.LState, c *hud.TrainingClient) int {
	l.past.asked = true
	head, err := c.Head(callContext(l.vm, L))
	l.check(L, err)
	if head == nil {
		L.Push(lua.LNil)
	} else {
		L.Push(l.checkpointTable(head))
	}
	return 1
}

func (l *library) modelTable(m hud.Model) *lua.LTable {
	t := l.vm.NewTable(0, 6)
	t.RawSetString("id", lua.LString(m.ID))
	t.RawSetString("name", lua.LString(m.Name))
	t.RawSetString("model_name", lua.LString(m.ModelName))
	t.RawSetString("is_trainable", lua.LBool(m.IsTrainable))
	setText(t, "sdk_agent_type", m.SDKAgentType)
	setText(t, "provider", m.Provider.Name)
	return luax.Record(l.vm, "Model", t, func(L *lua.LState, t *lua.LTable) string {
		kind := "trainable"
		if t.RawGetString("is_trainable") != lua.LTrue {
			kind = "fork it to train"
		}
		return fmt.Sprintf("%s (%s, id %s)", l.vm.Text(L, t.RawGetString("model_name")), kind, l.vm.Text(L, t.RawGetString("id")))
	})
}

func (l *library) checkpointTable(c *hud.Checkpoint) *lua.LTable {
	t := l.vm.NewTable(0, 14)
	t.RawSetString("id", lua.LString(c.ID))
	setText(t, "name", c.Name)
	setText(t, "checkpoint_name", c.CheckpointName)
	setText(t, "prev_model_checkpoint_id", c.PrevModelCheckpointID)
	t.RawSetString("is_active", lua.LBool(c.IsActive))
	if !c.CreatedAt.IsZero() {
		t.RawSetString("created_at", lua.LString(c.CreatedAt.UTC().Format("2006-01-02T15:04:05.000Z")))
	}
	setNumber(t, "num_traces", c.NumTraces)
	setNumber(t, "num_datums", c.NumDatums)
	setNumber(t, "num_tokens", c.NumTokens)
	setNumber(t, "mean_reward", c.MeanReward)
	setNumber(t, "learning_rate", c.LearningRate)
	setText(t, "loss_fn", c.LossFn)
	t.RawSetString("metrics", l.metricsTable(c.Metrics))
	if c.Step != 0 {
		t.RawSetString("step", lua.LNumber(c.Step))
	}
	return luax.Record(l.vm, "Checkpoint", t, checkpointText)
}

// setNumber sets a number field; nil is absence.
func setNumber[T int | float64](t *lua.LTable, key string, n *T) {
	if n != nil {
		t.RawSetString(key, lua.LNumber(*n))
	}
}

// checkpointText is one line: what the CLI's list shows of a checkpoint.
func checkpointText(L *lua.LState, t *lua.LTable) string {
	vm := runtime.VMOf(L)
	name := t.RawGetString("name")
	if name == lua.LNil {
		name = t.RawGetString("id")
	}
	text := "checkpoint " + vm.Text(L, name)
	if t.RawGetString("is_active") == lua.LTrue {
		text = "head " + vm.Text(L, name)
	}
	if r, ok := t.RawGetString("mean_reward").(lua.LNumber); ok {
		text += fmt.Sprintf(", mean reward %.3f", float64(r))
	}
	if fn, ok := t.RawGetString("loss_fn").(lua.LString); ok {
		text += ", " + string(fn)
	}
	return text + ", id " + vm.Text(L, t.RawGetString("id"))
}

// metricsTable is a table of numbers, names in order.
func (l *library) metricsTable(m map[string]float64) *lua.LTable {
	v, err := l.vm.ToLua(m)
	if err != nil { // numbers by name always can
		return l.vm.NewTable(0, 0)
	}
	return v.(*lua.LTable)
}
