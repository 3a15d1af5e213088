package hud

import (
	"encoding/json"
	"errors"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/journal"
	"github.com/hudrl/hudrl/runtime/rng"
)

// A state is one table of hud.state.
type state struct {
	name  string
	table *lua.LTable
}

// steps is hud.steps: a counter that the rollouts of the loop's body know.
// Each step starts the task's random stream anew, and so does the loop's end,
// so that what is drawn is the same whether the run was resumed or not.
func (l *library) steps(L *lua.LState) int {
	a := luax.Read(L, "steps")
	n, follows := 0, luax.Sequence(nil)
	if seq, ok := luax.To[luax.Sequence](a.Peek()); ok {
		a.Any()
		n, follows = seq.Total(L), seq
	} else {
		n = a.Int("n")
	}
	o := a.Options("after")
	after := o.Int("after", 0)
	a.End()
	if n < 0 || after < 0 {
		a.Fail("got n = %d, after = %d, want numbers of at least 0", n, after)
	}
	l.loops++
	loop, within, cursors := l.loops, l.step > 0, luax.CursorsOf(l.vm)
	if o.Has("after") {
		l.resume(L)
		if taken, err := l.past.journal.After(loop, n, within); err == nil && after < taken {
			l.check(L, &hud.Error{Op: "steps", Code: hud.CodeConflict, Status: 409,
				Detail: fmt.Sprintf("after: got %d, and the run that goes on has taken step %d of this loop", after, taken),
				Hint:   "without --resume a new run begins; without after the loop goes on where it was"})
		}
	} else {
		after = l.after(L, loop, n, within)
	}
	step, begun, ended := after, false, false
	L.Push(l.vm.NewFunction(func(L *lua.LState) int {
		if !begun {
			begun = true
			l.goOn(L, loop, after)
			if follows != nil && after < n {
				follows.Seek(L, after)
			}
		}
		if step >= n {
			if !ended {
				ended = true
				l.step = 0
				cursors.Enter(0, 0)
				l.past.journal.Leave(loop)
				l.vm.Reseed(L, rng.Derive(uint64(l.vm.Seed()), rng.Hash("after the steps"), uint64(n)))
			}
			L.Push(lua.LNil)
			return 1
		}
		if l.vm.Between() {
			L.Push(lua.LNil)
			return 1
		}
		step++
		l.step = step
		cursors.Enter(loop, step)
		l.past.journal.Enter(journal.Place{Loop: loop, Step: step, Of: n})
		l.vm.Reseed(L, rng.Derive(uint64(l.vm.Seed()), rng.Hash("step"), uint64(step)))
		L.Push(lua.LNumber(step))
		if follows != nil {
			return 1 + follows.Next(L)
		}
		return 1
	}))
	return 1
}

// state is hud.state: what the last acknowledged step saved under the name, or
// the default.
func (l *library) state(L *lua.LState) int {
	a := luax.Read(L, "state")
	name := a.String("name")
	def := a.OptTable("default")
	a.End()
	if name == "" {
		a.Fail("name: got an empty string")
	}
	for _, s := range l.states {
		if s.name == name {
			L.Push(s.table)
			return 1
		}
	}
	l.resume(L)
	l.past.asked = true
	var text json.RawMessage
	if l.past.journal.Continued() {
		text = l.past.journal.State(name)
	}
	if text == nil {
		var err error
		text, err = l.svc.State(callContext(l.vm, L), name)
		l.check(L, err)
	}
	t := def
	switch {
	case text != nil:
		out, err := l.vm.Call(L, l.jsonDecode, lua.LString(text))
		l.check(L, err)
		t = a.AsTable("the saved state of "+name, out[0])
	case def == nil:
		t = l.vm.NewTable(0, 0)
	default:
		l.encode(L, def) // refused now rather than after the first step was paid for
	}
	// Another task may have asked while this one waited for the service.
	for _, s := range l.states {
		if s.name == name {
			L.Push(s.table)
			return 1
		}
	}
	l.states = append(l.states, &state{name, t})
	L.Push(t)
	return 1
}

// saved is every state as it is now, for the service to keep with a step.
func (l *library) saved(L *lua.LState) map[string]json.RawMessage {
	if len(l.states) == 0 {
		return nil
	}
	out := make(map[string]json.RawMessage, len(l.states))
	for _, s := range l.states {
		text, err := l.tryEncode(L, s.table)
		if err != nil {
			what := err.Error()
			if e, ok := errors.AsType[*runtime.Error](err); ok {
				what = e.Message // without the position, which the raised error has
			}
			f := runtime.Faultf(runtime.CodeValidation, "state %q cannot be saved: %s", s.name, what)
			f.Err = err
			l.vm.Raise(L, f)
		}
		out[s.name] = text
	}
	return out
}

// encode is hud.json.encode.
func (l *library) encode(L *lua.LState, v lua.LValue) json.RawMessage {
	text, err := l.tryEncode(L, v)
	l.check(L, err)
	return text
}

func (l *library) tryEncode(L *lua.LState, v lua.LValue) (json.RawMessage, error) {
	out, err := l.vm.Call(L, l.jsonEncode, v)
	if err != nil {
		return nil, err
	}
	text, ok := out[0].(lua.LString)
	if !ok {
		return nil, fmt.Errorf("encode: got %s, want a string", runtime.TypeName(out[0]))
	}
	return json.RawMessage(text), nil
}
