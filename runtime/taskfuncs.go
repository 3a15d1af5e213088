package runtime

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// TaskFunctions are the Lua functions of tasks and time, for the table of the
// module that shows them: spawn, gather, map, sleep, timeout and now.
//
//	spawn(fn, ...)                     -> task; task:wait() -> results, task:cancel()
//	gather{fn or task, ...}            -> list of first results, in order
//	map(list, fn [, {concurrency = n}]) -> list of fn(item, index), in order
//	sleep(seconds)
//	timeout(seconds, fn, ...)          -> results of fn; raises code "timeout"
//	now()                              -> monotonic seconds
func TaskFunctions(vm *VM) map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"spawn":   vm.luaSpawn,
		"gather":  vm.luaGather,
		"map":     vm.luaMap,
		"sleep":   vm.luaSleep,
		"timeout": vm.luaTimeout,
		"now": func(L *lua.LState) int {
			L.Push(lua.LNumber(vm.Now().Seconds()))
			return 1
		},
	}
}

func (vm *VM) newTaskMeta() *lua.LTable {
	methods := vm.NewTable(0, 2)
	methods.RawSetString("wait", vm.NewFunction(func(L *lua.LState) int {
		t := vm.checkTask(L, "wait")
		if err := t.Wait(L); err != nil {
			vm.Raise(L, err)
		}
		return pushAll(L, t.results)
	}))
	methods.RawSetString("cancel", vm.NewFunction(func(L *lua.LState) int {
		vm.checkTask(L, "cancel").Cancel()
		return 0
	}))
	mt := vm.NewTable(0, 4)
	mt.RawSetString("__name", lua.LString("task"))
	mt.RawSetString("__metatable", lua.LString("task"))
	mt.RawSetString("__index", vm.NewFunction(func(L *lua.LState) int {
		key := L.Get(2).String()
		v := methods.RawGetString(key)
		if v == lua.LNil {
			vm.Raise(L, Faultf(CodeValidation, "task: no such method %s: a task has wait and cancel", display(L.Get(2))))
		}
		L.Push(v)
		return 1
	}))
	mt.RawSetString("__tostring", vm.NewFunction(func(L *lua.LState) int {
		t := vm.checkTask(L, "tostring")
		state := "running"
		if t.finished {
			state = "finished"
			if t.err != nil {
				state = "failed"
			}
		}
		L.Push(lua.LString(fmt.Sprintf("task %s (%s)", t.name, state)))
		return 1
	}))
	return mt
}

func (vm *VM) checkTask(L *lua.LState, name string) *Task {
	if ud, ok := L.Get(1).(*lua.LUserData); ok {
		if t, ok := ud.Value.(*Task); ok {
			return t
		}
	}
	vm.Raise(L, Faultf(CodeValidation, "%s: self: got %s, want task (call it with a colon: task:%s())", name, typeName(L.Get(1)), name))
	return nil
}

// taskName names a task by where its function is defined.
func taskName(fn lua.LValue) string {
	if f, ok := fn.(*lua.LFunction); ok && !f.IsG {
		return fmt.Sprintf("%s:%d", f.Proto.SourceName, f.Proto.LineDefined)
	}
	return "built-in"
}

func (vm *VM) luaSpawn(L *lua.LState) int {
	fn := vm.checkFunction(L, 1, "spawn")
	t := vm.SpawnCall(L, taskName(fn), fn, stackArgs(L, 2)...)
	L.Push(&lua.LUserData{Value: t, Env: vm.root.Env, Metatable: vm.taskMeta})
	return 1
}

func (vm *VM) checkFunction(L *lua.LState, i int, name string) *lua.LFunction {
	fn, ok := L.Get(i).(*lua.LFunction)
	if !ok {
		vm.Raise(L, Faultf(CodeValidation, "%s: fn: got %s, want function", name, typeName(L.Get(i))))
	}
	return fn
}

func (vm *VM) luaGather(L *lua.LState) int {
	list, ok := L.Get(1).(*lua.LTable)
	if !ok {
		vm.Raise(L, Faultf(CodeValidation, "gather: list: got %s, want table of functions and tasks", typeName(L.Get(1))))
	}
	n := list.Len()
	items := make([]lua.LValue, n)
	for i := range items {
		v := list.RawGetInt(i + 1)
		switch v := v.(type) {
		case *lua.LFunction:
		case *lua.LUserData:
			if _, ok := v.Value.(*Task); !ok {
				vm.Raise(L, Faultf(CodeValidation, "gather: item %d: got %s, want function or task", i+1, typeName(v)))
			}
		default:
			vm.Raise(L, Faultf(CodeValidation, "gather: item %d: got %s, want function or task", i+1, typeName(v)))
		}
		items[i] = v
	}
	var own []*Task
	tasks := make([]*Task, n)
	defer cancelAll(&own)
	ended := make(chan int, n)
	for i, v := range items {
		if ud, ok := v.(*lua.LUserData); ok {
			tasks[i] = ud.Value.(*Task)
		} else {
			tasks[i] = vm.SpawnCall(L, taskName(v), v)
			own = append(own, tasks[i])
		}
		tasks[i].observed = true
		tasks[i].watch(func() { ended <- i })
	}
	for range tasks {
		if err := vm.nextEnded(L, tasks, ended); err != nil {
			vm.joinCanceled(L, own)
			vm.Raise(L, firstFailure(tasks, err))
		}
	}
	L.Push(vm.firstResults(tasks))
	return 1
}

// nextEnded waits until one of tasks has ended, whose place comes through
// ended, and returns its error.
func (vm *VM) nextEnded(L *lua.LState, tasks []*Task, ended <-chan int) error {
	at := slices.IndexFunc(tasks, func(t *Task) bool { return !t.finished })
	if at < 0 {
		return tasks[<-ended].err
	}
	i, err := waitFor(vm, L, tasks[at], ended)
	if err != nil {
		return err
	}
	return tasks[i].err
}

// firstResults is the list of what tasks returned first.
func (vm *VM) firstResults(tasks []*Task) *lua.LTable {
	out := vm.root.CreateTable(len(tasks), 0)
	for i, t := range tasks {
		if len(t.results) > 0 {
			out.RawSetInt(i+1, t.results[0])
		}
	}
	return out
}

// cancelAll stops the tasks of a gather or map that is left early.
func cancelAll(tasks *[]*Task) {
	for _, t := range *tasks {
		if !t.finished {
			t.Cancel()
		}
	}
}

// joinCanceled cancels tasks and waits until they have ended.
func (vm *VM) joinCanceled(L *lua.LState, tasks []*Task) {
	cancelAll(&tasks)
	_ = vm.Wait(L, func() {
		for _, t := range tasks {
			<-t.done
		}
	})
}

func (vm *VM) luaMap(L *lua.LState) int {
	list, ok := L.Get(1).(*lua.LTable)
	if !ok {
		vm.Raise(L, Faultf(CodeValidation, "map: list: got %s, want table", typeName(L.Get(1))))
	}
	fn := vm.checkFunction(L, 2, "map")
	n := list.Len()
	width := vm.mapWidth(L, n)
	items := make([]lua.LValue, n)
	for i := range items {
		items[i] = list.RawGetInt(i + 1)
	}
	tasks := make([]*Task, 0, n)
	defer cancelAll(&tasks)
	ended := make(chan int, n)
	for finished := range n {
		for len(tasks) < n && len(tasks)-finished < width {
			i := len(tasks)
			t := vm.SpawnCall(L, fmt.Sprintf("%s #%d", taskName(fn), i+1), fn, items[i], lua.LNumber(i+1))
			t.observed = true
			t.watch(func() { ended <- i })
			tasks = append(tasks, t)
		}
		if err := vm.nextEnded(L, tasks, ended); err != nil {
			vm.joinCanceled(L, tasks)
			vm.Raise(L, firstFailure(tasks, err))
		}
	}
	L.Push(vm.firstResults(tasks))
	return 1
}

// firstFailure is the error of the first task in order that failed by itself.
func firstFailure(tasks []*Task, seen error) error {
	for _, t := range tasks {
		if t.err != nil && !errors.Is(t.err, errTaskCanceled) {
			return t.err
		}
	}
	return seen
}

func (vm *VM) mapWidth(L *lua.LState, n int) int {
	width := min(n, vm.SpareTasks())
	switch opts := L.Get(3).(type) {
	case *lua.LNilType:
	case *lua.LTable:
		opts.ForEach(func(k, v lua.LValue) {
			if k != lua.LString("concurrency") {
				vm.Raise(L, Faultf(CodeValidation, "map: unknown option %s (map takes concurrency)", display(k)))
			}
			f, ok := v.(lua.LNumber)
			if !ok || f < 1 || float64(f) != math.Floor(float64(f)) {
				vm.Raise(L, Faultf(CodeValidation, "map: concurrency: got %s, want a whole number of at least 1", display(v)))
			}
			width = min(width, int(min(f, math.MaxInt32)))
		})
	default:
		vm.Raise(L, Faultf(CodeValidation, "map: options: got %s, want table", typeName(opts)))
	}
	return max(width, 1)
}

// display shows a plain value in a message.
func display(v lua.LValue) string {
	switch v := v.(type) {
	case lua.LNumber:
		return formatNumber(float64(v))
	case lua.LString:
		return Quote(string(v))
	case lua.LBool, *lua.LNilType:
		return v.String()
	}
	return typeName(v)
}

// seconds reads a duration argument.
func (vm *VM) seconds(L *lua.LState, name string) time.Duration {
	f, ok := L.Get(1).(lua.LNumber)
	if !ok || math.IsNaN(float64(f)) || f < 0 {
		vm.Raise(L, Faultf(CodeValidation, "%s: seconds: got %s, want a number of at least 0", name, display(L.Get(1))))
	}
	if s := float64(f) * float64(time.Second); s < math.MaxInt64 {
		return time.Duration(s)
	}
	return math.MaxInt64
}

func (vm *VM) luaSleep(L *lua.LState) int {
	d := vm.seconds(L, "sleep")
	ctx := vm.Context(L)
	_ = vm.Wait(L, func() {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	})
	if ctx.Err() != nil {
		vm.Raise(L, causeOf(ctx))
	}
	return 0
}

// timeoutError is what hud.timeout raises; each has its own address, so that
// an outer timeout is not mistaken for an inner one.
type timeoutError struct{ after time.Duration }

func (e *timeoutError) Error() string     { return fmt.Sprintf("timeout: it took longer than %v", e.after) }
func (e *timeoutError) Unwrap() error     { return context.DeadlineExceeded }
func (e *timeoutError) ErrorCode() string { return CodeTimeout }

func (vm *VM) luaTimeout(L *lua.LState) int {
	d := vm.seconds(L, "timeout")
	fn := vm.checkFunction(L, 2, "timeout")
	args := stackArgs(L, 3)
	out, err := vm.CallTimeout(L, d, fn, args...)
	if err != nil {
		vm.Raise(L, err)
	}
	return pushAll(L, out)
}

// CallTimeout is [VM.Call] under a deadline of its own: whatever fn waits for
// is stopped when d has passed, and so is fn at its next instruction. The
// error then has the code "timeout", and unlike a stop of the run it can be
// caught.
func (vm *VM) CallTimeout(L *lua.LState, d time.Duration, fn lua.LValue, args ...lua.LValue) ([]lua.LValue, error) {
	g := gateOf(L)
	t := g.task
	outer := t.ctx
	passed := &timeoutError{d}
	scope, leave := context.WithCancelCause(outer)
	inner, cancel := context.WithTimeoutCause(scope, d, passed)
	defer cancel()
	defer leave(errTimeoutEnded) // before cancel: tasks that were spawned inside learn why they end
	t.ctx = inner
	g.enter(t)
	defer func() {
		t.ctx = outer
		g.enter(t)
	}()
	out, err := vm.Call(L, fn, args...)
	if outer.Err() == nil && context.Cause(inner) == error(passed) {
		return nil, passed
	}
	return out, err
}
