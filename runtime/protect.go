package runtime

import (
	"fmt"
	"runtime/debug"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// maxNestedCalls are calls out of a thread: protected calls and coroutines, each inside
// another. Every one takes a stretch of the Go stack, up to some megabytes when
// metamethods recurse in it.
const maxNestedCalls = 150

// catch calls the function at the bottom of L's frame with what stands above it,
// so that an error ends here. The results, or nothing, take their place. The
// error is a *lua.ApiError without a traceback.
//
// gopher-lua, when it raises, closes the upvalues of every frame of the thread,
// also of those that go on after the catch, whose closures would then no longer
// see their locals. Therefore it does not find these meanwhile.
func (vm *VM) catch(L *lua.LState) error {
	g := gateOf(L)
	if open := vm.checkNesting(L, g); open-g.frames >= vm.cfg.Limits.CallDepth {
		vm.Raise(L, vm.depthError()) // gopher-lua cannot come back to a stack that is full to the last frame
	}
	open := openUpvalues(L)
	around := *open
	*open = nil
	g.depth++
	L.Insert(vm.quiet, 1)
	err := L.PCall(L.GetTop()-1, lua.MultRet, nil)
	g.depth--
	*open = around
	vm.raising = false
	L.G.CurrentThread = L
	if api, ok := err.(*lua.ApiError); ok {
		trimPosition(api)
	}
	return err
}

// protect calls fn(args...) on a thread of its own, so that an error ends there
// and its traceback, too.
func (vm *VM) protect(L *lua.LState, fn lua.LValue, args []lua.LValue) (out []lua.LValue, tg *gate, err error) {
	g := gateOf(L)
	th := vm.nested(L, g)
	tg = gateOf(th)
	th.Push(vm.traced)
	th.Push(fn)
	for _, a := range args {
		th.Push(a)
	}
	L.G.CurrentThread = th
	err = th.PCall(1+len(args), lua.MultRet, nil)
	vm.raising = false
	L.G.CurrentThread = L
	if err != nil {
		if api, ok := err.(*lua.ApiError); ok {
			trimPosition(api)
		}
	} else if n := th.GetTop(); n > 0 {
		out = make([]lua.LValue, n)
		for i := range out {
			out[i] = th.Get(i + 1)
		}
		th.SetTop(0)
	}
	vm.keepThread(th)
	return out, tg, err
}

// nested is a thread, under L's task and context, for a call out of L.
func (vm *VM) nested(L *lua.LState, g *gate) *lua.LState {
	open := vm.checkNesting(L, g)
	th := vm.takeThread(g.task)
	tg := gateOf(th)
	tg.co, tg.caller, tg.depth, tg.frames = g.co, L, g.depth+1, open
	return th
}

// maxNestedFrames are open in a chain of nested threads, as a multiple of
// Limits.CallDepth, when no more of them may begin: to unwind a stack of a
// hundred thousand calls takes a second.
const maxNestedFrames = 5

// checkNesting raises when L is nested too deeply to call out of it, and counts
// the calls that are open in it and its callers.
func (vm *VM) checkNesting(L *lua.LState, g *gate) (open int) {
	if g.depth >= maxNestedCalls {
		vm.Raise(L, newLimit(ErrDepth, "nested pcalls and coroutines", g.depth+1, maxNestedCalls, "nothing: use a loop in place of recursion"))
	}
	open = g.frames + frames(L)
	if max := maxNestedFrames * vm.cfg.Limits.CallDepth; open > max {
		vm.Raise(L, newLimit(ErrDepth, "calls in nested pcalls and coroutines", open, max, "--max-depth or Limits.CallDepth (at most 4,000), or recurse less deeply"))
	}
	return open
}

// trimPosition takes away the blank that gopher-lua leaves where a function
// without a Lua caller has no position.
func trimPosition(api *lua.ApiError) {
	if s, ok := api.Object.(lua.LString); ok && strings.HasPrefix(string(s), " ") && !strings.HasPrefix(string(s), "  ") {
		api.Object = s[1:]
	}
}

// callQuiet calls its first argument with the others. What is raised inside
// carries a mark in place of a traceback.
func callQuiet(L *lua.LState) int { return callCaught(L, false) }

// callTraced is callQuiet with a traceback.
func callTraced(L *lua.LState) int { return callCaught(L, true) }

// stackOverflow is what gopher-lua panics with at Limits.CallDepth, and
// registryOverflow what it raises, after a position, at registryMax.
const (
	stackOverflow    = "lua callstack overflow"
	registryOverflow = "registry overflow"
)

// overflowsRegistry reports whether a thread raised text because its stack of
// values is full.
func overflowsRegistry(text string) bool {
	before, ok := strings.CutSuffix(text, registryOverflow)
	return ok && (before == "" || before == " " || strings.HasSuffix(before, ": "))
}

// callCaught writes the traceback itself: gopher-lua's takes time that is
// quadratic in the depth, and a line for every tail call ever made.
func callCaught(L *lua.LState, trace bool) int {
	returned := false
	defer func() {
		if returned {
			return
		}
		r := recover()
		api, ok := r.(*lua.ApiError)
		if ok && api.Type == lua.ApiErrorRun {
			if text, isText := api.Object.(lua.LString); isText && overflowsRegistry(string(text)) {
				r, ok = registryOverflow, false
			} else if isText {
				api.Object = lua.LString(blamed(L, string(text)))
			}
		}
		switch {
		case r == nil:
			return // runtime.Goexit
		case !ok:
			closeUpvalues(L) // as gopher-lua does when it raises
			api = &lua.ApiError{Type: lua.ApiErrorPanic, Object: lua.LString(fmt.Sprint(r)), StackTrace: rawTrace(L)}
			if r != stackOverflow && r != registryOverflow {
				api.StackTrace = string(debug.Stack()) + "\n" + api.StackTrace
			}
		case trace:
			api.StackTrace = rawTrace(L)
		default:
			api.StackTrace = "caught"
		}
		panic(api)
	}()
	if fn := L.Get(1); fn.Type() != lua.LTFunction && L.GetMetaField(fn, "__call") == lua.LNil {
		L.Error(lua.LString("attempt to call a "+typeName(fn)+" value"), 0)
	}
	L.Call(L.GetTop()-1, lua.MultRet)
	returned = true
	return L.GetTop()
}

// rawTrace is the traceback of one thread in the form that gopher-lua gives it.
func rawTrace(L *lua.LState) string {
	return "stack traceback:\n\t" + strings.Join(threadTrace(L, nil), "\n\t")
}
