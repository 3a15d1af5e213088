package runtime

import (
	"context"

	lua "github.com/yuin/gopher-lua"
)

// budget counts the instructions of one call, over all its tasks. Only the
// holder of the baton touches it.
type budget struct {
	used, max int64
	exceeded  func(g *gate) // stops the call; max is lower while a profile wants to look
}

// gate is the context that an LState carries. gopher-lua asks Done once per
// instruction, so that Done is an exact step counter; everything else is the
// plain cancel context beneath, so that contexts derived from a gate attach to
// that one and cost no goroutine. A gate stays on LStates: handed to other Go
// code it would count there, and race.
type gate struct {
	context.Context // the plain context of the task, or of its innermost timeout
	done            <-chan struct{}
	budget          *budget
	thread          *lua.LState // that carries the gate
	task            *Task
	co              *coroutine  // the coroutine that runs here, or nil
	caller          *lua.LState // whose call runs here: a protected call's or a resume's; nil on a task's own thread
	depth           int         // of the chain of callers
	frames          int         // open calls of the callers
}

func (g *gate) Done() <-chan struct{} {
	b := g.budget
	b.used++
	if b.used > b.max {
		b.exceeded(g)
	}
	return g.done
}

type gateKey struct{}

// Value finds the gate again from a context that was derived from it.
func (g *gate) Value(key any) any {
	if _, ok := key.(gateKey); ok {
		return g
	}
	return g.Context.Value(key)
}

// enter points the gate at a task and the task's present context.
func (g *gate) enter(t *Task) {
	g.Context, g.done, g.budget, g.task = t.ctx, t.ctx.Done(), t.vm.budget, t
}

// gateOf is the gate that L carries.
func gateOf(L *lua.LState) *gate {
	if g := findGate(L); g != nil {
		return g
	}
	panic("runtime: this LState does not belong to a running task")
}

// findGate is the gate that L carries, or nil when L is not one of this
// package's.
func findGate(L *lua.LState) *gate {
	switch ctx := L.Context().(type) {
	case *gate:
		return ctx
	case nil:
		return nil
	default:
		g, _ := ctx.Value(gateKey{}).(*gate)
		return g
	}
}

// VMOf is the VM that L belongs to. L must be running.
func VMOf(L *lua.LState) *VM { return gateOf(L).task.vm }
