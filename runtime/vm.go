package runtime

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// A VM is what modules and host functions get: one interpreter. Its methods
// may be used only while they hold the interpreter lock, that is from inside
// Open and from inside a host function, on the goroutine that called it; the
// exceptions say so.
type VM struct {
	cfg   Config
	owner atomic.Pointer[Runtime] // Reload changes it
	birth time.Time
	root  *lua.LState // holds the globals; no script runs on it
	baton baton

	raising bool // an error of a script, or a host bug that has become one, is on its way to whoever catches it

	budget  *budget
	profile *profiler  // or nil
	call    *callState // the call that is running, or nil

	methods    *lua.LTable // of strings
	errorMeta  *lua.LTable
	taskMeta   *lua.LTable
	quiet      *lua.LFunction // callQuiet
	traced     *lua.LFunction // callTraced
	free       []*lua.LState  // threads whose calls have ended
	types      map[reflect.Type]*lua.LTable
	guests     guests
	values     map[any]any
	loader     *loader
	sources    map[string]*string // source texts, by chunk name
	evals      []string           // chunk names made by load and Eval, oldest first
	evalBytes  int                // of sources
	coroutines *coroutineCount    // on its own: cleanups hold it, and must not hold the VM
	crowded    time.Time          // when a collection last found no forgotten coroutine
	tasks      int                // unfinished tasks

	random   *rand.Rand // the stream of the main tasks, which goes on from call to call
	children uint64     // tasks they have spawned

	closers []func()
}

// callState is one Run, Call or Eval.
type callState struct {
	ctx      context.Context
	stdout   io.Writer // of WithStdout, or nil
	cancel   context.CancelCauseFunc
	main     *Task
	group    sync.WaitGroup // the goroutines of its tasks
	failures []*Task        // failed tasks, in order of failing
}

// NewFunction makes a Lua function of fn. A panic of fn becomes an error that
// says it is a host bug and keeps the Go stack.
func (vm *VM) NewFunction(fn lua.LGFunction) *lua.LFunction {
	return &lua.LFunction{IsG: true, Env: vm.root.Env, GFunction: Guard(fn)}
}

// Guard is the wrapper that [VM.NewFunction] puts around fn.
func Guard(fn lua.LGFunction) lua.LGFunction {
	return func(L *lua.LState) (n int) {
		returned := false
		defer func() {
			if returned {
				return
			}
			vm := VMOf(L)
			if vm.raising {
				return // to recover and panic again at each of a thousand levels would take seconds
			}
			r := recover()
			if r == nil {
				return // runtime.Goexit
			}
			vm.raising = true
			if _, ok := r.(*lua.ApiError); ok || r == stackOverflow {
				panic(r)
			}
			vm.Raise(L, &hostBug{value: r, stack: string(debug.Stack())})
		}()
		profile := profiled.Load() > 0
		if profile {
			VMOf(L).profileCall(L)
		}
		n = fn(L)
		returned = true
		if profile {
			VMOf(L).profileReturn(L)
		}
		return n
	}
}

// Context is the context of the task that runs L: it ends when the run is
// interrupted, at a deadline, at a limit, when the task is cancelled, and when
// the enclosing hud.timeout passes. Whatever waits takes it. It may be used
// without the lock.
func (vm *VM) Context(L *lua.LState) context.Context { return gateOf(L).Context }

// Wait lets other tasks run while f blocks. f must not touch Lua, and must
// return soon after the context of L ends. A panic of f becomes an error.
func (vm *VM) Wait(L *lua.LState, f func()) (err error) {
	thread := L.G.CurrentThread
	vm.baton.release()
	defer func() {
		if r := recover(); r != nil {
			err = &hostBug{value: r, stack: string(debug.Stack())}
		}
		vm.baton.acquire()
		L.G.CurrentThread = thread
		if profiled.Load() > 0 {
			vm.profileWait(L)
		}
	}()
	f()
	return nil
}

// Call calls fn in L and returns its results. An error that comes back is an
// [*Error]; [VM.Raise] raises the same value again. This is how a host
// function calls back into Lua.
func (vm *VM) Call(L *lua.LState, fn lua.LValue, args ...lua.LValue) ([]lua.LValue, error) {
	out, g, err := vm.protect(L, fn, args)
	if err != nil {
		err = vm.failure(g, err)
	}
	g.caller, g.co = nil, nil // the thread is kept for another call, and keeps nothing alive
	return out, err
}

// Stdout is where print writes.
func (vm *VM) Stdout() io.Writer {
	if vm.call != nil && vm.call.stdout != nil {
		return vm.call.stdout
	}
	return vm.cfg.Stdout
}

// Stderr is where warnings and progress go.
func (vm *VM) Stderr() io.Writer { return vm.cfg.Stderr }

// Logger is never nil.
func (vm *VM) Logger() *slog.Logger { return vm.cfg.Logger }

// Args are the script's arguments; Args()[0] is the script.
func (vm *VM) Args() []string { return append([]string(nil), vm.cfg.Args...) }

// Seed is Config.Seed, the root of every random stream.
func (vm *VM) Seed() int64 { return vm.cfg.Seed }

// Limits are the limits in force, with the defaults filled in.
func (vm *VM) Limits() Limits { return vm.cfg.Limits }

// Capabilities are what the script may touch.
func (vm *VM) Capabilities() Capabilities { return vm.cfg.Capabilities.clone() }

// Now is the monotonic time since the VM was made, as hud.now shows it.
func (vm *VM) Now() time.Duration { return time.Since(vm.birth) }

// Value is what a module stored with SetValue under key, or nil.
func (vm *VM) Value(key any) any { return vm.values[key] }

// SetValue stores a module's per-VM state. Keys follow the rule of
// context.WithValue: an unexported type of the module's own.
func (vm *VM) SetValue(key, value any) { vm.values[key] = value }

// OnClose has f called by Close, after the last script has ended; the last
// one registered is the first called.
func (vm *VM) OnClose(f func()) { vm.closers = append(vm.closers, f) }

// DefineType sets the metatable that Go values of type t have in Lua, so that
// [VM.Wrap] and the arguments of Run accept them.
func (vm *VM) DefineType(t reflect.Type, metatable *lua.LTable) { vm.types[t] = metatable }

// Metatable is what DefineType stored for t, or nil.
func (vm *VM) Metatable(t reflect.Type) *lua.LTable { return vm.types[t] }

// Wrap makes a userdata of v, whose type must be known by DefineType.
func (vm *VM) Wrap(v any) *lua.LUserData {
	mt := vm.types[reflect.TypeOf(v)]
	if mt == nil {
		panic(fmt.Sprintf("runtime: no metatable is defined for %T", v))
	}
	return &lua.LUserData{Value: v, Env: vm.root.Env, Metatable: mt}
}

// NewTable makes an empty table with room for narray elements and nhash keys.
func (vm *VM) NewTable(narray, nhash int) *lua.LTable {
	t := vm.root.CreateTable(narray, nhash)
	if nhash > 0 {
		order(t, nhash)
	}
	return t
}

// str makes a Lua string, within Limits.StringBytes.
func (vm *VM) str(L *lua.LState, s string) lua.LValue {
	vm.CheckString(L, len(s))
	return lua.LString(s)
}

// CheckString raises when a string of n bytes would be larger than
// Limits.StringBytes. Call it before building one.
func (vm *VM) CheckString(L *lua.LState, n int) {
	if max := vm.cfg.Limits.StringBytes; n > max || n < 0 {
		vm.Raise(L, vm.stringLimit(n))
	}
}

func (vm *VM) stringLimit(n int) error {
	return newLimit(ErrSize, "string size", fmt.Sprintf("%d bytes", n),
		fmt.Sprintf("%d bytes", vm.cfg.Limits.StringBytes), "--max-string or Limits.StringBytes")
}

// newThread makes a Lua thread for t.
func (vm *VM) newThread(t *Task) *lua.LState {
	th, _ := vm.root.NewThread() // the root carries no context: nothing to cancel
	g := &gate{thread: th}
	g.enter(t)
	th.SetContext(g)
	return th
}

// The threads that a VM keeps for further calls: how many, and with room for how
// many values, since a stack never shrinks.
const (
	keptThreads = 16
	keptStack   = 8 << 10
)

// takeThread is a thread for t on which nothing runs: a new one costs 15 KB of
// garbage.
func (vm *VM) takeThread(t *Task) *lua.LState {
	n := len(vm.free)
	if n == 0 {
		return vm.newThread(t)
	}
	th := vm.free[n-1]
	vm.free = vm.free[:n-1]
	g := gateOf(th)
	g.co, g.caller, g.depth, g.frames = nil, nil, 0, 0
	g.enter(t)
	return th
}

// keepThread keeps a thread whose call has ended.
func (vm *VM) keepThread(th *lua.LState) {
	gateOf(th).task = nil // whose results may be large
	if len(vm.free) < keptThreads && stackSize(th) <= keptStack && currentFrame(th) == nil {
		th.SetTop(0)
		vm.free = append(vm.free, th)
	}
}
