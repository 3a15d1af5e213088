package luax

import (
	"encoding/json"
	"strconv"
	"weak"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/runtime"
)

// Cursors are the places in sequences, random streams and data sets, that a
// resumed run must find again: those made before its loop of steps. They are
// held weakly, and known by their name and by how many of that name were made
// before.
type Cursors struct {
	loop   int // of hud.steps, 0 outside of all
	step   int
	made   map[string]int
	all    []cursor
	settle func(L *lua.LState)
}

type cursor struct {
	key string
	// of is nil when the place is no longer used
	of func() place
}

type place interface {
	json.Marshaler
	json.Unmarshaler
}

// A Sequence is what hud.steps can follow: a batch for each step.
type Sequence interface {
	// Total is how many there are.
	Total(L *lua.LState) int
	// Seek makes number done+1, from 1, the next one.
	Seek(L *lua.LState, done int)
	// Next pushes what the next one is and returns how many values that are; a
	// single nil is the end.
	Next(L *lua.LState) int
}

type cursorsKey struct{}

// CursorsOf are the cursors of a VM.
func CursorsOf(vm *runtime.VM) *Cursors {
	c, ok := vm.Value(cursorsKey{}).(*Cursors)
	if !ok {
		c = &Cursors{made: map[string]int{}}
		vm.SetValue(cursorsKey{}, c)
	}
	return c
}

// AddCursor makes p one of the VM's cursors, unless it is made within a step.
func AddCursor[T any, P interface {
	*T
	place
}](vm *runtime.VM, name string, p P) {
	c := CursorsOf(vm)
	if c.step > 0 {
		return
	}
	if n := len(c.all); n == cap(c.all) { // it would grow
		c.all = alive(c.all)
	}
	c.made[name]++
	w := weak.Make((*T)(p))
	c.all = append(c.all, cursor{name + "#" + strconv.Itoa(c.made[name]), func() place {
		if p := w.Value(); p != nil {
			return P(p)
		}
		return nil
	}})
}

func alive(all []cursor) []cursor {
	kept := make([]cursor, 0, len(all))
	for _, c := range all {
		if c.of() != nil {
			kept = append(kept, c)
		}
	}
	return kept
}

// OnSettle has f called by Settle.
func (c *Cursors) OnSettle(f func(L *lua.LState)) { c.settle = f }

// Settle finds out where the run that goes on was interrupted, when nobody has
// yet. It raises when nobody can.
func (c *Cursors) Settle(L *lua.LState) {
	if c.settle != nil {
		c.settle(L)
	}
}

// Enter says which step of which loop of hud.steps is under way, which makes
// its own cursors anew whether the run was resumed or not; 0 and 0 is none.
func (c *Cursors) Enter(loop, step int) { c.loop, c.step = loop, step }

// Step is what Enter said.
func (c *Cursors) Step() (loop, step int) { return c.loop, c.step }

// Save is where the cursors are.
func (c *Cursors) Save() (map[string]json.RawMessage, error) {
	var out map[string]json.RawMessage
	for _, at := range c.all {
		p := at.of()
		if p == nil {
			continue
		}
		text, err := p.MarshalJSON()
		if err != nil {
			return nil, err
		}
		if out == nil {
			out = map[string]json.RawMessage{}
		}
		out[at.key] = text
	}
	return out, nil
}

// Restore puts the cursors where they were saved. Those that were not there
// stay where they are.
func (c *Cursors) Restore(saved map[string]json.RawMessage) error {
	for _, at := range c.all {
		text, there := saved[at.key]
		p := at.of()
		if !there || p == nil {
			continue
		}
		if err := p.UnmarshalJSON(text); err != nil {
			return err
		}
	}
	return nil
}
