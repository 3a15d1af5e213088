package runtime

import (
	goruntime "runtime"
	"sync/atomic"
	"time"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// coroutine is what the host knows of a coroutine beyond its thread. It hangs
// on the gate of that thread, so that it lives as long and no longer.
type coroutine struct {
	thread *lua.LState
	fn     *lua.LFunction
	slot   *slot
	runner *Task // the task that is running it, or nil
	want   int   // how many values its last yield wants back; -1: all
}

// coroutineCount counts the live coroutines: a dead one is subtracted when it
// ends, a forgotten one when it is collected.
type coroutineCount struct{ live atomic.Int64 }

// slot is one counted coroutine. It is given back once.
type slot struct {
	count *coroutineCount
	gone  atomic.Bool
}

func (s *slot) release() {
	if !s.gone.Swap(true) {
		s.count.live.Add(-1)
	}
}

func (vm *VM) coroutineFunctions() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"create": func(L *lua.LState) int {
			L.Push(vm.newCoroutine(L, "coroutine.create"))
			return 1
		},
		"wrap": func(L *lua.LState) int {
			th := vm.newCoroutine(L, "coroutine.wrap")
			L.Push(vm.NewFunction(func(L *lua.LState) int {
				out, err := vm.resume(L, th, "coroutine.wrap", stackArgs(L, 1))
				if err != nil {
					L.Error(err, 0)
				}
				return pushAll(L, out)
			}))
			return 1
		},
		"resume": func(L *lua.LState) int {
			th := checkThread(L, "coroutine.resume")
			out, err := vm.resume(L, th, "coroutine.resume", stackArgs(L, 2))
			if err != nil {
				L.Push(lua.LFalse)
				L.Push(err)
				return 2
			}
			L.Push(lua.LTrue)
			return 1 + pushAll(L, out)
		},
		"status": func(L *lua.LState) int {
			th := checkThread(L, "coroutine.status")
			co := gateOf(th).co
			switch {
			case co != nil && co == gateOf(L).co:
				L.Push(lua.LString("running"))
			case th.Dead:
				L.Push(lua.LString("dead"))
			case co == nil || co.runner != nil:
				L.Push(lua.LString("normal"))
			default:
				L.Push(lua.LString("suspended"))
			}
			return 1
		},
		"running": func(L *lua.LState) int {
			if co := gateOf(L).co; co == nil {
				L.Push(lua.LNil)
			} else {
				L.Push(co.thread)
			}
			return 1
		},
		"yield": func(L *lua.LState) int {
			co := gateOf(L).co
			if co == nil {
				vm.Raise(L, Faultf(CodeError, "coroutine.yield: not inside a coroutine"))
			}
			want, ok := canYield(L)
			if !ok || L != co.thread {
				vm.Raise(L, &Fault{Code: CodeError,
					Message: "coroutine.yield: cannot yield across a call from Go (pcall, a metamethod, an iterator, sort, gsub), nor in a tail call under another name",
					Hint:    "yield from the coroutine's own Lua functions, or use hud.spawn: tasks may wait anywhere"})
			}
			co.want = want
			reserve(gateOf(L).caller, L.GetTop())
			return -1
		},
	}
}

func checkThread(L *lua.LState, name string) *lua.LState {
	th, ok := L.Get(1).(*lua.LState)
	if !ok {
		VMOf(L).Raise(L, Faultf(CodeValidation, "%s: coroutine: got %s, want coroutine", name, typeName(L.Get(1))))
	}
	return th
}

func stackArgs(L *lua.LState, from int) []lua.LValue {
	n := L.GetTop() - from + 1
	if n <= 0 {
		return nil
	}
	args := make([]lua.LValue, n)
	for i := range args {
		args[i] = L.Get(from + i)
	}
	return args
}

// reserve makes room for n more values at once: one by one, a stack grows in
// small steps and is copied at each.
func reserve(L *lua.LState, n int) {
	if n > 1024 {
		top := L.GetTop()
		L.SetTop(top + n)
		L.SetTop(top)
	}
}

func pushAll(L *lua.LState, values []lua.LValue) int {
	reserve(L, len(values))
	for _, v := range values {
		L.Push(v)
	}
	return len(values)
}

// exactly cuts or fills values to n: gopher-lua leaves the registers of missing
// ones as they are.
func exactly(values []lua.LValue, n int) []lua.LValue {
	if len(values) >= n {
		return values[:n]
	}
	out := make([]lua.LValue, n)
	for i := copy(out, values); i < n; i++ {
		out[i] = lua.LNil
	}
	return out
}

func (vm *VM) newCoroutine(L *lua.LState, name string) *lua.LState {
	fn, ok := L.Get(1).(*lua.LFunction)
	if !ok || fn.IsG {
		got := typeName(L.Get(1))
		if ok {
			got = "a built-in function"
		}
		vm.Raise(L, Faultf(CodeValidation, "%s: function: got %s, want a Lua function", name, got))
	}
	vm.makeRoom(L)
	th := vm.newThread(gateOf(L).task)
	co := &coroutine{thread: th, fn: fn, want: -1, slot: &slot{count: vm.coroutines}}
	gateOf(th).co = co
	vm.coroutines.live.Add(1)
	goruntime.AddCleanup(th, (*slot).release, co.slot)
	return th
}

// makeRoom raises when too many coroutines live, after a collection that finds
// the forgotten ones.
func (vm *VM) makeRoom(L *lua.LState) {
	max := vm.cfg.Limits.Coroutines
	if vm.coroutines.live.Load() < int64(max) {
		return
	}
	rounds := 10
	if time.Since(vm.crowded) < 100*time.Millisecond {
		rounds = 0 // a script that tries again and again must not collect all the time
	}
	ctx := vm.Context(L)
	for range rounds {
		collected := make(chan struct{})
		go func() {
			goruntime.GC()
			close(collected)
		}()
		select {
		case <-collected:
		case <-ctx.Done():
			vm.Raise(L, causeOf(ctx))
		}
		// Cleanups run on a goroutine of the Go runtime, soon after.
		deadline := time.Now().Add(10 * time.Millisecond)
		for time.Now().Before(deadline) {
			if vm.coroutines.live.Load() < int64(max) {
				return
			}
			goruntime.Gosched()
		}
		if ctx.Err() != nil {
			vm.Raise(L, causeOf(ctx))
		}
	}
	if rounds > 0 {
		vm.crowded = time.Now()
	}
	vm.Raise(L, newLimit(ErrCount, "live coroutines", max+1, max, "--max-coroutines or Limits.Coroutines"))
}

// resume runs th until it yields, returns or raises. The error is the raised
// value.
func (vm *VM) resume(L, th *lua.LState, name string, args []lua.LValue) ([]lua.LValue, lua.LValue) {
	g := gateOf(L)
	tg := gateOf(th)
	co := tg.co
	refuse := func(format string, a ...any) lua.LValue {
		return vm.ErrorValue(L, Faultf(CodeError, name+": "+format, a...))
	}
	switch {
	case co == nil:
		return nil, refuse("cannot resume the main thread of a task")
	case co == g.co:
		return nil, refuse("cannot resume a running coroutine")
	case th.Dead:
		return nil, refuse("cannot resume a dead coroutine")
	case co.runner == g.task:
		return nil, refuse("cannot resume a coroutine that is resuming another one")
	case co.runner != nil:
		return nil, refuse("cannot resume a coroutine that task %s is running; it may be waiting inside a host function", co.runner.name)
	}
	open := vm.checkNesting(L, g)
	if co.want >= 0 {
		args = exactly(args, co.want)
	}
	co.runner = g.task
	tg.enter(g.task)
	tg.caller, tg.depth, tg.frames = L, g.depth+1, open
	reserve(th, len(args))
	state, err, out := L.Resume(th, co.fn, args...)
	vm.raising = false
	L.G.CurrentThread = L
	co.runner, tg.caller = nil, nil
	if cap(out) == L.GetTop()+1 {
		out = nil // gopher-lua makes a nil of no values: the room that it makes is for true and what was given
	}
	if state == lua.ResumeError {
		th.Dead = true
		co.slot.release()
		var raised lua.LValue = lua.LString("coroutine failed")
		if api, ok := err.(*lua.ApiError); ok {
			raised = vm.coroutineError(th, api.Object)
		}
		return nil, raised
	}
	if th.Dead {
		co.slot.release()
	}
	return out, nil
}

// canYield reports whether every call between L's base and its top is one that
// gopher-lua can leave and come back to, a Lua function entered by a call
// instruction, and how many values the innermost wants.
func canYield(L *lua.LState) (want int, ok bool) {
	innermost := parentFrame(currentFrame(L))
	for f := innermost; f != nil; f = parentFrame(f) {
		fn, pc := *(**lua.LFunction)(unsafe.Add(f, fnOffset)), *(*int)(unsafe.Add(f, pcOffset))-1
		if fn.IsG || pc < 0 || pc >= len(fn.Proto.Code) || opcode(fn.Proto.Code[pc]) != lua.OP_CALL {
			return 0, false
		}
		if f == innermost {
			want = results(fn.Proto.Code[pc])
		}
	}
	return want, true
}

// coroutineError is what a coroutine raised. The traceback of the dead thread
// is kept in an error object; plain strings stay plain.
func (vm *VM) coroutineError(th *lua.LState, raised lua.LValue) lua.LValue {
	text, ok := raised.(lua.LString)
	if !ok {
		return raised
	}
	if full := overflowsRegistry(string(text)); full || text == stackOverflow {
		err := vm.depthError()
		if full {
			err = valuesError()
		}
		o := &errorObject{err: err, message: err.Error(), code: errorCode(err), hint: errorHint(err)}
		o.source, o.line = position(th)
		o.traceback = traceback(th)
		return vm.errorUserdata(o)
	}
	return lua.LString(explained(unnamed(string(text))))
}
