package runtime

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// The causes with which tasks end before their time: when the main chunk
// returns, when the task or the hud.timeout that they were spawned in does, and
// by task:cancel.
var (
	errFinished     = &Fault{Code: CodeCanceled, Message: "task: it was stopped when the main chunk returned", Hint: "wait for it there, which in a REPL is in the same line"}
	errSpawnerEnded = &Fault{Code: CodeCanceled, Message: "task: it was stopped when the task that spawned it returned", Hint: "wait for it there, or spawn it from the outer task"}
	errTimeoutEnded = &Fault{Code: CodeCanceled, Message: "task: it was stopped when the hud.timeout that it was spawned in returned", Hint: "wait for it there, or spawn it outside"}
	errTaskCanceled = &Fault{Code: CodeCanceled, Message: "task: it was cancelled"}
)

// A Task is a piece of script that takes turns with the others under the
// interpreter lock, on a goroutine and a Lua thread of its own. Its fields
// belong to the holder of the lock.
type Task struct {
	vm      *VM
	name    string
	number  uint64 // its place among its parent's children
	thread  *lua.LState
	spawner *lua.LState
	ctx     context.Context // of the innermost timeout
	cancel  context.CancelCauseFunc

	done     chan struct{} // closed at the end
	finished bool
	results  []lua.LValue
	err      error
	observed bool // somebody has seen err
	watchers []func()

	waitsFor *Task       // for the search of deadlocks
	waitsIn  *lua.LState // the thread that waits
	children uint64
	seed     uint64
	random   *rand.Rand
	values   map[any]any
}

// newTask makes a task whose context is a child of ctx.
func (vm *VM) newTask(ctx context.Context, parent *Task, name string) *Task {
	t := &Task{vm: vm, name: name, done: make(chan struct{})}
	t.ctx, t.cancel = context.WithCancelCause(ctx)
	if parent == nil {
		t.seed = mix(uint64(vm.cfg.Seed))
		t.random, t.children = vm.random, vm.children // where the last call left off
	} else {
		parent.children++
		t.number = parent.children
		t.seed = mix(parent.seed ^ mix(t.number))
	}
	t.thread = vm.takeThread(t)
	return t
}

// CurrentTask is the task that runs L.
func (vm *VM) CurrentTask(L *lua.LState) *Task { return gateOf(L).task }

// Name says what the task is, for messages.
func (t *Task) Name() string { return t.name }

// Value is what a module stored with SetValue on this task, or nil. A task
// does not inherit its parent's values.
func (t *Task) Value(key any) any { return t.values[key] }

// SetValue stores a module's state of one task: mode flags such as no_grad.
func (t *Task) SetValue(key, value any) {
	if t.values == nil {
		t.values = map[any]any{}
	}
	t.values[key] = value
}

// Spawn starts fn as a task of its own: fn gets a new thread L and the lock
// whenever it runs. The task's context is a child of the one L has now.
// The error says that there are too many tasks.
func (vm *VM) Spawn(L *lua.LState, name string, fn func(L *lua.LState) error) (*Task, error) {
	t, err := vm.spawnable(L, name)
	if err != nil {
		return nil, err
	}
	body := func(L *lua.LState) int {
		if err := fn(L); err != nil {
			vm.Raise(L, err)
		}
		return 0
	}
	vm.start(t, vm.NewFunction(body))
	return t, nil
}

// SpawnCall starts fn(args...) as a task; [Task.Results] has what it returns.
// It raises when there are too many tasks.
func (vm *VM) SpawnCall(L *lua.LState, name string, fn lua.LValue, args ...lua.LValue) *Task {
	t, err := vm.spawnable(L, name)
	if err != nil {
		vm.Raise(L, err)
	}
	vm.start(t, fn, args...)
	return t
}

// SpareTasks is how many more tasks may be spawned now.
func (vm *VM) SpareTasks() int { return vm.cfg.Limits.Tasks - vm.tasks }

func (vm *VM) spawnable(L *lua.LState, name string) (*Task, error) {
	if max := vm.cfg.Limits.Tasks; vm.tasks >= max {
		return nil, newLimit(ErrCount, "unfinished tasks", vm.tasks+1, max, "--max-tasks or Limits.Tasks, or wait for some first")
	}
	parent := gateOf(L).task
	t := vm.newTask(parent.ctx, parent, name)
	t.spawner = L
	return t, nil
}

// start queues t for the lock, so that tasks begin in the order of spawning.
func (vm *VM) start(t *Task, fn lua.LValue, args ...lua.LValue) {
	c := vm.call
	vm.tasks++
	c.group.Add(1)
	turn := vm.baton.enqueue()
	go func() {
		defer c.group.Done()
		if turn != nil {
			<-turn
		}
		defer vm.baton.release()
		defer vm.finish(t)
		t.run(fn, args)
	}()
}

// run calls fn on t's thread. The caller holds the lock.
func (t *Task) run(fn lua.LValue, args []lua.LValue) {
	th := t.thread
	th.G.CurrentThread = th
	g := gateOf(th)
	if t.ctx.Err() != nil {
		cause := causeOf(t.ctx)
		t.err = &Error{Message: stopMessage(cause), Err: cause, Code: errorCode(cause), Hint: errorHint(cause)}
		return
	}
	th.Push(t.vm.traced)
	th.Push(fn)
	for _, a := range args {
		th.Push(a)
	}
	err := th.PCall(1+len(args), lua.MultRet, nil)
	t.vm.raising = false
	if err != nil {
		t.err = t.vm.failure(g, err)
		return
	}
	// A stop that came while the last instruction ran still counts.
	if t.ctx.Err() != nil {
		t.err = t.vm.failureIn(true, g, &lua.ApiError{Object: lua.LNil})
		return
	}
	t.results = make([]lua.LValue, th.GetTop())
	for i := range t.results {
		t.results[i] = th.Get(i + 1)
	}
}

// finish ends t: its thread is let go, its context cancelled. A task that was
// stopped from outside has not failed: whoever stopped it knows.
func (vm *VM) finish(t *Task) {
	if t.finished {
		return
	}
	t.finished = true
	if t != vm.call.main {
		vm.tasks--
	}
	if t.err != nil && !t.observed && t.ctx.Err() == nil {
		vm.call.failures = append(vm.call.failures, t)
	}
	vm.keepThread(t.thread)
	t.thread, t.spawner = nil, nil
	if t == vm.call.main {
		t.cancel(errFinished)
	} else {
		t.cancel(errSpawnerEnded)
	}
	close(t.done)
	for _, f := range t.watchers {
		f()
	}
	t.watchers = nil
}

// watch has f called, under the lock, when t has ended.
func (t *Task) watch(f func()) {
	if t.finished {
		f()
	} else {
		t.watchers = append(t.watchers, f)
	}
}

// Cancel has the task stop at its next instruction, or at once where it waits.
func (t *Task) Cancel() { t.cancel(errTaskCanceled) }

// Done is closed when the task has ended. It may be used without the lock.
func (t *Task) Done() <-chan struct{} { return t.done }

// Wait lets other tasks run until t has ended, and returns its error. When the
// waiting task is stopped first, it returns the cause of that.
func (t *Task) Wait(L *lua.LState) error {
	t.observed = true
	if !t.finished {
		if _, err := waitFor(t.vm, L, t, t.done); err != nil {
			return err
		}
	}
	return t.err
}

// Results are what the function of an ended task returned.
func (t *Task) Results() []lua.LValue { return t.results }

// waitFor receives from c, which the task target will send on or close.
func waitFor[T any](vm *VM, L *lua.LState, target *Task, c <-chan T) (v T, err error) {
	self := gateOf(L).task
	ring := []*Task{self}
	for t := target; t != nil; t = t.waitsFor {
		if t == self {
			return v, newDeadlock(ring)
		}
		ring = append(ring, t)
	}
	ctx := vm.Context(L)
	self.waitsFor, self.waitsIn = target, L
	err = vm.Wait(L, func() {
		select {
		case v = <-c:
		case <-ctx.Done():
		}
	})
	self.waitsFor, self.waitsIn = nil, nil
	if err == nil && ctx.Err() != nil {
		err = causeOf(ctx)
	}
	return v, err
}

// maxRing bounds how many tasks of a deadlock are listed.
const maxRing = 16

// deadlock is a ring of tasks, each of which waits for the next.
type deadlock struct {
	names string
	waits string // where each of them waits, but for the first, whose error it is
}

func newDeadlock(ring []*Task) *deadlock {
	var names, waits strings.Builder
	for i, t := range ring {
		if i == maxRing {
			fmt.Fprintf(&names, "%d more, ", len(ring)-maxRing)
			break
		}
		names.WriteString(t.name + ", ")
		if i > 0 {
			fmt.Fprintf(&waits, "\ntask %s waits at\n%s", t.name, traceback(t.waitsIn))
		}
	}
	names.WriteString(ring[0].name)
	return &deadlock{names.String(), waits.String()}
}

func (d *deadlock) Error() string {
	return "wait: deadlock: tasks wait for each other: " + d.names
}
func (d *deadlock) Unwrap() error     { return ErrDeadlock }
func (d *deadlock) ErrorCode() string { return CodeError }
func (d *deadlock) ErrorHint() string {
	return "the traceback shows where each of them waits: let one of them not wait"
}

// causeOf is why ctx ended.
func causeOf(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return ctx.Err()
}

// Rand is the random stream of the task that runs L, a function of Config.Seed
// and of the task's place in the tree of tasks, never of timing.
func (vm *VM) Rand(L *lua.LState) *rand.Rand { return gateOf(L).task.stream() }

// Reseed starts the random stream of the task that runs L anew: what it and
// the tasks that it spawns from now on draw follows from seed alone.
func (vm *VM) Reseed(L *lua.LState, seed uint64) {
	t := gateOf(L).task
	t.seed, t.random, t.children = mix(seed), nil, 0
}

func (t *Task) stream() *rand.Rand {
	if t.random == nil {
		t.random = newRandom(t.seed)
	}
	return t.random
}

func newRandom(seed uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, mix(seed)))
}

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood 2014): it spreads
// near seeds apart.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
