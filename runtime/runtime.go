// Package runtime is the embeddable Lua host: it compiles and runs scripts
// inside limits, and gives Go programs a safe handle on them.
//
//	rt, err := runtime.New(runtime.Config{Stdout: os.Stdout})
//	defer rt.Close()
//	chunk, err := runtime.Compile("hello.lua", `print("hello", ...)`)
//	out, err := rt.Run(ctx, chunk, "world")
//
// Everything below has a runnable example.
//
//   - A [Config] says what a script may do; its zero value is the sandbox. Files,
//     addresses, variables and the clock come from [Capabilities], bounds from
//     [Limits], modules from Config.Modules (package bindings has all that ship;
//     a [Module] of one's own is a name and a function), output from
//     Config.Stdout or, for one call, [WithStdout].
//   - A [Chunk] is compiled source that any number of Runtimes may run.
//   - A [Runtime] is the embedder's handle: Run, Call, Eval, one call at a time,
//     with budgets per call, usable again after a stop. Values cross as plain
//     data; tensors and other Go objects as they are. A context or
//     [Runtime.Interrupt] stops a call wherever it is.
//   - [Runtime.Set] gives scripts Go functions and values, an [Object] shows
//     chosen methods of one, a [*Func] is a Lua function for the host to call.
//   - What goes wrong is an [*Error] with position, traceback and, through
//     errors.Is and errors.As, the Go error that a host function returned, even
//     after pcall; a [*LimitError] says which limit, and how to raise it.
//   - A [Pool] is several Runtimes for many callers; [Runtime.Reload] changes
//     over to a new version of a script; [Runtime.Profile] says where time goes.
//   - Host functions and modules get the [VM], valid while they hold the
//     interpreter lock. Inside one VM a script may spawn tasks (see [Task]), which
//     take turns whenever one of them waits, first come, first served, and hold some 14 KB
//     each: ten thousand that wait take 140 MB.
//
// What is not promised: the heap limit is process-wide and coarse, so code
// that means harm needs a process of its own: package isolate. Packages check,
// bindings/test and repl are the tools for scripts, to embed as well.
//
// # Lua 5.1, and what differs
//
// Scripts are Lua 5.1, and the test files of Lua 5.1 run in the sandbox. What is
// otherwise, on purpose or because gopher-lua, the interpreter beneath, is so:
//
//   - Absent, because they reach the host, other code or the collector: io,
//     debug, package, most of os, module, dofile, loadfile, getfenv, setfenv,
//     newproxy, collectgarbage, string.dump and bytecode; and what Lua 5.1
//     deprecates itself, such as table.foreach. There are no weak tables and no
//     __gc.
//   - Functions raise error objects, with code, message and hint, where Lua's
//     raise strings; tostring, .. and the string library take them as their
//     message. Errors of the language are strings, in Lua 5.1's words; inside a
//     coroutine they do not name the variable.
//   - xpcall calls its handler after the stack is unwound (the error has the
//     traceback), and passes more arguments on to the function.
//   - The metatable of strings cannot be seen or changed; s.unknown raises.
//   - Numbers print as %.14g, "inf", "-inf" and "nan" on every machine. A loop
//     takes numbers only, no numerals. The remainder by an infinity is Lua 5.3's.
//     Only whole numbers are hexadecimal.
//   - string.format checks its arguments: %d and its like want whole numbers, %s
//     takes anything. tostring always gives a string.
//   - A pattern may contain \0; %1 of a position capture is an error, where Lua
//     matches nothing.
//   - table.insert wants a position from 1 to #t+1, table.remove gives nil where
//     there is nothing, table.sort accepts any comparison. pairs goes in order
//     of insertion. A table with holes has its last item for its length.
//   - math.random draws from a stream of the task's own, from Config.Seed.
//     Dates are UTC, names those of the C locale; the clock is a capability.
//   - As in Lua 5.2: goto, __len of tables, empty statements, a call whose
//     bracket is on the next line, and load of strings.
//   - Bounds of one function: 200 locals, 255 outer locals, 10,000 constants,
//     25,550 items of a table literal; of a source text: 200 nested blocks and
//     brackets. What is beyond is refused.
package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"sync"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// A Runtime runs scripts, one call at a time. Its methods may be called from
// any goroutine: a second entrant gets ErrBusy.
type Runtime struct {
	cfg Config // a copy, with the defaults filled in

	mu      sync.Mutex
	vm      *VM // what the next call runs in: Reload changes it
	version int
	given   []given
	sets    int // of Set so far
	closed  bool
	running *callState    // nil when idle
	idle    chan struct{} // closed when running ends

	life context.Context // of whatever Reload tries: Close ends it
	die  context.CancelCauseFunc
}

// New makes a Runtime and opens its modules.
func New(cfg Config) (*Runtime, error) {
	cfg.shareOutput()
	return newRuntime(cfg, max(cfg.Version, 1))
}

func newRuntime(original Config, version int) (*Runtime, error) {
	cfg, err := original.resolve()
	if err != nil {
		return nil, err
	}
	resolved := cfg
	if version > 1 {
		cfg.Logger = cfg.Logger.With("version", version)
	}
	checkAbove(int64(cfg.Limits.TableSize))
	vm := &VM{
		cfg:     cfg,
		birth:   time.Now(),
		types:   map[reflect.Type]*lua.LTable{},
		values:  map[any]any{},
		sources: map[string]*string{},
		budget:  &budget{max: math.MaxInt64},

		coroutines: &coroutineCount{},
	}
	vm.root = lua.NewState(lua.Options{
		CallStackSize:       cfg.Limits.CallDepth,
		RegistrySize:        256, // 17 KB a thread with its first frames, against 106 KB by default
		RegistryMaxSize:     registryMax,
		RegistryGrowStep:    1024,
		SkipOpenLibs:        true,
		MinimizeStackMemory: true,
	})
	vm.root.G.MainThread = vm.root // otherwise the first thread to run would become it
	vm.root.G.CurrentThread = vm.root
	vm.methods = vm.NewTable(0, len(allowed["string"]))
	vm.errorMeta = vm.newErrorMeta()
	vm.taskMeta = vm.newTaskMeta()
	vm.quiet = vm.NewFunction(callQuiet)
	vm.traced = &lua.LFunction{IsG: true, Env: vm.root.Env, GFunction: callTraced}
	vm.openLibraries()
	vm.loader = newLoader(vm)

	vm.setVersion(version)

	rt := &Runtime{cfg: resolved, vm: vm, version: version}
	rt.life, rt.die = context.WithCancelCause(context.Background())
	vm.owner.Store(rt)
	_, err = rt.enter(context.Background(), func(vm *VM, L *lua.LState) ([]lua.LValue, error) {
		return nil, vm.loader.open(L)
	})
	if err != nil {
		rt.Close()
		return nil, err
	}
	return rt, nil
}

// registryMax bounds the values on one thread's stack.
const registryMax = 256 << 10

// Run runs chunk with args as its "..." and returns what the chunk returns.
// Tasks that are unfinished then are cancelled and joined. The error is an
// [*Error], or an [*ExitError] after os.exit; an error of a task that nobody
// waited for is joined to it.
//
// Arguments become Lua values as [VM.ToLua] says, results Go values as [ToGo]
// does: nil, bool, float64, string, []any, map[string]any, and as they are the
// Go values that Lua holds, such as a *tensor.Tensor, the Value of an [Object]
// or an error. A Lua function is a [*Func].
func (rt *Runtime) Run(ctx context.Context, chunk *Chunk, args ...any) ([]any, error) {
	if err := checkChunk("Run", chunk); err != nil {
		return nil, err
	}
	return rt.enterAny(ctx, args, func(vm *VM, L *lua.LState) (lua.LValue, error) {
		return vm.load(chunk), nil
	})
}

type stdoutKey struct{}

// WithStdout has print write to w, in place of Config.Stdout, in the calls that
// get the context: what one request printed, say, where a Pool serves many.
func WithStdout(ctx context.Context, w io.Writer) context.Context {
	return context.WithValue(ctx, stdoutKey{}, w)
}

func checkChunk(verb string, c *Chunk) error {
	if c == nil || c.proto == nil {
		return fmt.Errorf("runtime: %s: chunk: got nil, want what Compile returned", verb)
	}
	return nil
}

// Func is a Lua function that came out of a Runtime. It belongs to it.
type Func struct {
	vm   *VM
	fn   *lua.LFunction
	name string // of a global, else ""
}

// Call calls fn with args and returns its results. A function that Func found
// by its name is the newest of that name; any other ends with the code that it
// is part of.
func (rt *Runtime) Call(ctx context.Context, fn *Func, args ...any) ([]any, error) {
	if fn == nil || fn.vm == nil {
		return nil, errors.New("runtime: Call: fn: got nil, want a function that came out of the Runtime")
	}
	if fn.vm.owner.Load() != rt {
		return nil, errors.New("runtime: Call: the function belongs to another Runtime")
	}
	return rt.enterAny(ctx, args, func(vm *VM, L *lua.LState) (lua.LValue, error) {
		if fn.vm == vm {
			return fn.fn, nil
		}
		if fn.name == "" {
			return nil, errors.New("runtime: Call: Reload has replaced the function: find it by its name with Func")
		}
		return global(L, fn.name)
	})
}

// Func is the global function of that name.
func (rt *Runtime) Func(name string) (*Func, error) {
	var found *Func
	_, err := rt.enter(context.Background(), func(vm *VM, L *lua.LState) ([]lua.LValue, error) {
		fn, err := global(L, name)
		found = &Func{vm, fn, name}
		return nil, err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

func global(L *lua.LState, name string) (*lua.LFunction, error) {
	v := L.GetGlobal(name)
	fn, ok := v.(*lua.LFunction)
	if !ok {
		return nil, fmt.Errorf("runtime: Func: global %q: got %s, want function", name, typeName(v))
	}
	return fn, nil
}

// Eval runs one expression or some statements, as a REPL does, and returns
// the values. The outermost locals of src become globals. An error that wraps
// ErrIncomplete says that src ends too early.
func (rt *Runtime) Eval(ctx context.Context, src string) ([]any, error) {
	return rt.enterAny(ctx, nil, func(vm *VM, L *lua.LState) (lua.LValue, error) {
		chunk, err := compileEval(src, vm.cfg.Limits.SourceBytes)
		if err != nil {
			return nil, err
		}
		return vm.load(chunk), nil
	})
}

// Display is Eval for people: the values as tostring shows them, strings
// quoted, tables opened one level.
func (rt *Runtime) Display(ctx context.Context, src string) ([]string, error) {
	var out []string
	_, err := rt.enter(ctx, func(vm *VM, L *lua.LState) ([]lua.LValue, error) {
		chunk, err := compileEval(src, vm.cfg.Limits.SourceBytes)
		if err != nil {
			return nil, err
		}
		values, err := vm.Call(L, vm.load(chunk))
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			out = append(out, vm.display(L, v))
		}
		return nil, nil
	})
	return out, err
}

// Set gives the script a Go value as a global. Plain data (numbers, strings,
// slices, maps, structs) is copied; with methods the value becomes an [Object]
// that shows those and no others, as an [Exposer] does by itself. A Go function becomes a Lua one: its arguments
// must fit its parameters, a last result that is an error is raised, and where
// its first parameter is a context.Context it gets that of the call, and the
// script's other tasks run meanwhile: whatever waits should have one, and heed
// it. A function that a script passes arrives as a *Func, for Call.
func (rt *Runtime) Set(name string, value any, methods ...string) error {
	if !isName(name) {
		return fmt.Errorf("runtime: Set: name: got %q, want a Lua name", name)
	}
	_, err := rt.enter(context.Background(), func(vm *VM, L *lua.LState) ([]lua.LValue, error) {
		v, err := vm.global(name, value, methods)
		if err != nil {
			return nil, fmt.Errorf("runtime: Set: %s: %w", name, err)
		}
		vm.root.G.Global.RawSetString(name, v)
		rt.mu.Lock()
		defer rt.mu.Unlock()
		rt.given = append(slices.DeleteFunc(rt.given, func(g given) bool { return g.name == name }), given{name, value, methods})
		rt.sets++
		return nil, nil
	})
	return err
}

// Interrupt stops the running call, if there is one, with cause (or
// ErrInterrupted); scripts cannot catch it. Unlike most methods it never
// waits, and may be called from anywhere, also from inside a host function.
func (rt *Runtime) Interrupt(cause error) {
	if cause == nil {
		cause = ErrInterrupted
	}
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if rt.running != nil {
		rt.running.cancel(cause)
	}
}

// Close interrupts what runs, waits for it and releases the VM. A second
// Close does nothing. It must not be called from inside a host function.
func (rt *Runtime) Close() error {
	rt.mu.Lock()
	if rt.closed {
		idle := rt.idle
		rt.mu.Unlock()
		if idle != nil {
			<-idle
		}
		return nil
	}
	rt.closed = true
	if rt.running != nil {
		rt.running.cancel(ErrClosed)
	}
	rt.die(ErrClosed)
	idle := rt.idle
	rt.mu.Unlock()
	if idle != nil {
		<-idle
	}
	rt.vm.close()
	return nil
}

// close releases what the VM's modules hold. Nothing runs in it.
func (vm *VM) close() {
	for i := len(vm.closers) - 1; i >= 0; i-- {
		vm.closers[i]()
	}
	vm.root.Close()
}

// begin claims the Runtime, and the VM it has now, for one call.
func (rt *Runtime) begin(ctx context.Context) (*callState, *VM, error) {
	if ctx == nil {
		return nil, nil, errNoContext
	}
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if rt.closed {
		return nil, nil, ErrClosed
	}
	if rt.running != nil {
		return nil, nil, ErrBusy
	}
	c := &callState{}
	c.stdout, _ = ctx.Value(stdoutKey{}).(io.Writer)
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	rt.running = c
	rt.idle = make(chan struct{})
	return c, rt.vm, nil
}

func (rt *Runtime) end() {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	rt.running = nil
	close(rt.idle)
	rt.idle = nil
}

// enter runs f as the main task of a new call.
func (rt *Runtime) enter(ctx context.Context, f func(vm *VM, L *lua.LState) ([]lua.LValue, error)) ([]lua.LValue, error) {
	c, vm, err := rt.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer rt.end()
	defer c.cancel(errFinished)

	limits := vm.cfg.Limits
	main := c.ctx
	if limits.WallTime < math.MaxInt64 {
		var stop context.CancelFunc
		main, stop = context.WithTimeoutCause(c.ctx, limits.WallTime, &wallTimeError{limits.WallTime})
		defer stop()
	}
	defer watchHeap(limits.HeapBytes, c.cancel)()

	vm.baton.acquire()
	vm.call, vm.crowded = c, time.Time{}
	vm.budget = vm.profiling(&budget{max: limits.Steps, exceeded: func(*gate) {
		c.cancel(newLimit(ErrSteps, "step limit", limits.Steps+1, limits.Steps, "--max-steps or Limits.Steps"))
	}})
	t := vm.newTask(main, nil, "main")
	c.main = t
	out, err := vm.runMain(t, f)
	if err != nil {
		var exit *ExitError
		if errors.As(err, &exit) {
			return out, exit
		}
		return nil, withContext(ctx, err)
	}
	return out, nil
}

// runMain runs f in the main task and joins the others. It does so also when a
// host function ends the goroutine, as testing.T.Fatal does. The caller holds
// the lock, which it gives back.
func (vm *VM) runMain(t *Task, f func(vm *VM, L *lua.LState) ([]lua.LValue, error)) (out []lua.LValue, err error) {
	c := vm.call
	defer func() {
		vm.finish(t)
		vm.random, vm.children = t.random, t.children
		vm.baton.release()

		c.cancel(errFinished)
		c.group.Wait()

		vm.baton.acquire()
		err = joinTasks(err, c.failures)
		vm.call = nil
		vm.root.G.CurrentThread = vm.root
		vm.raising = false
		vm.baton.release()
	}()
	t.observed = true
	t.run(vm.NewFunction(func(L *lua.LState) int {
		out, err = f(vm, L)
		return 0
	}), nil)
	if err == nil {
		err = t.err
	}
	return out, err
}

// maxFailures of tasks are listed one by one.
const maxFailures = 8

// joinTasks adds the errors of tasks that nobody waited for.
func joinTasks(err error, failures []*Task) error {
	var errs []error
	if err != nil {
		errs = append(errs, err)
	}
	listed, more := 0, 0
	for _, t := range failures {
		cause := errors.Unwrap(t.err)
		switch {
		case t.observed || errors.Is(t.err, errFinished) || errors.Is(t.err, errTaskCanceled):
		case err != nil && cause != nil && errors.Is(err, cause): // the same stop reached both
		case listed == maxFailures:
			more++
		default:
			listed++
			errs = append(errs, fmt.Errorf("task %s failed, and nobody waited for it: %w", t.name, t.err))
		}
	}
	if more > 0 {
		errs = append(errs, fmt.Errorf("%d more tasks failed, and nobody waited for them", more))
	}
	if listed == 0 {
		return err
	}
	return &taskErrors{errs}
}

// enterAny is enter with Go values in and out.
func (rt *Runtime) enterAny(ctx context.Context, args []any, get func(*VM, *lua.LState) (lua.LValue, error)) ([]any, error) {
	var results []any
	_, err := rt.enter(ctx, func(vm *VM, L *lua.LState) ([]lua.LValue, error) {
		in := make([]lua.LValue, len(args))
		for i, a := range args {
			v, err := vm.ToLua(a)
			if err != nil {
				return nil, fmt.Errorf("runtime: argument %d: %w", i+1, err)
			}
			in[i] = v
		}
		fn, err := get(vm, L)
		if err != nil {
			return nil, err
		}
		out, err := vm.Call(L, fn, in...)
		if err != nil {
			return nil, err
		}
		for i, v := range out {
			g, err := vm.toGo(L, v)
			if err != nil {
				return nil, &Error{Message: fmt.Sprintf("result %d: %v", i+1, err), Code: errorCode(err), Hint: errorHint(err), Err: err}
			}
			results = append(results, g)
		}
		return nil, nil
	})
	return results, err
}
