package runtime

import lua "github.com/yuin/gopher-lua"

// work counts what a library function does inside one instruction, so that the
// budget pays for it and a stop reaches it.
type work struct {
	vm   *VM
	L    *lua.LState
	g    *gate
	done int
}

func (vm *VM) newWork(L *lua.LState) *work { return &work{vm: vm, L: L, g: gateOf(L)} }

// spend counts n pieces of work, each worth some nanoseconds, and raises when the
// task has been stopped.
func (w *work) spend(n int) {
	if w.done += n; w.done < pollSteps {
		return
	}
	if err := w.g.charge(w.done); err != nil {
		w.vm.Raise(w.L, err)
	}
	w.done = 0
}

// charge counts n pieces of work against the budget, as so many instructions as
// take the time, and returns why the task has been stopped.
func (g *gate) charge(n int) error {
	g.budget.used += int64(n / 16)
	if g.budget.used > g.budget.max {
		g.budget.exceeded(g)
	}
	if g.Context.Err() != nil {
		return causeOf(g.Context)
	}
	return nil
}
