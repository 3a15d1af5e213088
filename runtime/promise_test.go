package runtime_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/internal/testkit"
	"github.com/hudrl/hudrl/runtime"
)

// The defaults of Limits, as its documentation has them.
func TestDefaultLimits(t *testing.T) {
	t.Parallel()
	want := runtime.Limits{
		Steps: math.MaxInt64, WallTime: math.MaxInt64, CallDepth: 2_000, Coroutines: 4_096, Tasks: 10_000,
		StringBytes: 16 << 20, TableSize: 1 << 24, TensorBytes: 1 << 30, HeapBytes: 2 << 30, SourceBytes: 1 << 20,
	}
	var got runtime.Limits
	see := runtime.Module{Name: "see", Open: func(vm *runtime.VM) (lua.LValue, error) { got = vm.Limits(); return lua.LTrue, nil }}
	open(t, runtime.Config{Modules: []runtime.Module{see}})
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	open(t, runtime.Config{Modules: []runtime.Module{see}, Limits: runtime.Limits{CallDepth: runtime.NoLimit, Tasks: runtime.NoLimit, HeapBytes: 5}})
	if got.CallDepth != 4_000 || got.Tasks != math.MaxInt || got.HeapBytes != 5 {
		t.Errorf("got %+v", got)
	}
}

// What the caller does to a Config after New has no effect, nor what a module
// does to what it is shown.
func TestConfigIsCopied(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	var seen runtime.Capabilities
	see := runtime.Module{Name: "see", Open: func(vm *runtime.VM) (lua.LValue, error) {
		seen = vm.Capabilities()
		vm.Capabilities().Hosts[0] = "evil:1"
		return vm.NewFunction(func(L *lua.LState) int { L.Push(lua.LString(vm.Capabilities().Hosts[0])); return 1 }), nil
	}}
	cfg := runtime.Config{
		Modules: []runtime.Module{see},
		Roots:   []fs.FS{fstest.MapFS{"a.lua": {Data: []byte("return 1")}}},
		Args:    []string{"x.lua", "arg"},
		Capabilities: runtime.Capabilities{
			ReadRoots: []string{"/r"}, WriteRoots: []string{"/w"}, Hosts: []string{"h:1"}, Env: []string{"E"}, Secrets: []string{"/s"},
		},
	}
	rt := open(t, cfg)
	cfg.Modules[0] = runtime.Module{}
	cfg.Roots[0] = nil
	cfg.Args[1] = "changed"
	c := cfg.Capabilities
	for _, list := range [][]string{c.ReadRoots, c.WriteRoots, c.Hosts, c.Env, c.Secrets} {
		list[0] = "changed"
	}
	check := func(when string) {
		t.Helper()
		out, err := mustRun(t, rt, ctx, `return require "a", arg[1], require("see")()`)
		if err != nil || fmt.Sprint(out) != "[1 arg h:1]" {
			t.Errorf("%s: got %v, %v", when, out, err)
		}
		if got := fmt.Sprint(seen.ReadRoots, seen.WriteRoots, seen.Hosts, seen.Env, seen.Secrets); got != "[/r] [/w] [h:1] [E] [/s]" {
			t.Errorf("%s: got %s", when, got)
		}
	}
	check("after New")
	if err := rt.Reload(ctx, chunk(t, "")); err != nil {
		t.Fatal(err)
	}
	check("after Reload")
}

func TestConfigIsValidated(t *testing.T) {
	t.Parallel()
	caps := func(c runtime.Capabilities) runtime.Config { return runtime.Config{Capabilities: c} }
	for _, c := range []struct {
		cfg  runtime.Config
		want string
	}{
		{caps(runtime.Capabilities{ReadRoots: []string{"a", ""}}), `Capabilities.ReadRoots: got "", want a directory`},
		{caps(runtime.Capabilities{WriteRoots: []string{""}}), `Capabilities.WriteRoots: got "", want a directory`},
		{caps(runtime.Capabilities{Secrets: []string{""}}), `Capabilities.Secrets: got "", want a file`},
		{caps(runtime.Capabilities{Hosts: []string{"example.org"}}), `Capabilities.Hosts: got "example.org", want "host:port"`},
		{caps(runtime.Capabilities{Hosts: []string{":80"}}), `Capabilities.Hosts: got ":80", want "host:port"`},
		{caps(runtime.Capabilities{Hosts: []string{"http://example.org:80"}}), `want "host:port"`},
		{caps(runtime.Capabilities{Env: []string{"A=b"}}), `Capabilities.Env: got "A=b", want the name of a variable`},
		{runtime.Config{Version: -1}, "Version: got -1, want at least 0"},
		{runtime.Config{Roots: []fs.FS{nil}}, "Roots: number 1 is nil, want an fs.FS"},
	} {
		if _, err := runtime.New(c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

// What a caller forgets is an error that says so, never a panic.
func TestNilArguments(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rt := open(t, runtime.Config{})
	p, err := runtime.NewPool(runtime.Config{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	c := chunk(t, "")
	var none context.Context
	errs := func(_ []any, err error) error { return err }
	for _, e := range []struct {
		err  error
		want string
	}{
		{errs(rt.Run(ctx, nil)), "runtime: Run: chunk: got nil, want what Compile returned"},
		{errs(rt.Run(ctx, &runtime.Chunk{})), "runtime: Run: chunk: got nil, want what Compile returned"},
		{errs(p.Run(ctx, nil)), "runtime: Run: chunk: got nil, want what Compile returned"},
		{rt.Reload(ctx, nil), "runtime: Reload: chunk: got nil, want what Compile returned"},
		{errs(rt.Call(ctx, nil)), "runtime: Call: fn: got nil, want a function that came out of the Runtime"},
		{errs(rt.Call(ctx, &runtime.Func{})), "runtime: Call: fn: got nil, want a function that came out of the Runtime"},
		{errs(rt.Run(none, c)), "runtime: ctx: got nil, want a context"},
		{errs(rt.Eval(none, "1")), "runtime: ctx: got nil, want a context"},
		{rt.Reload(none, c), "runtime: ctx: got nil, want a context"},
		{errs(p.Run(none, c)), "runtime: ctx: got nil, want a context"},
		{p.Set(none, "x", 1), "runtime: ctx: got nil, want a context"},
	} {
		if e.err == nil || e.err.Error() != e.want {
			t.Errorf("got %v, want %s", e.err, e.want)
		}
	}
	if out, err := rt.Run(ctx, c); err != nil || len(out) != 0 {
		t.Errorf("afterwards: got %v, %v", out, err)
	}
}

// Error is one line, whatever a script raises; the rest is in fields.
func TestErrorIsOneLine(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rt := open(t, tasksConfig())
	for _, src := range []string{
		"error('a\\nb\\r\\nc\\rd')", "error({message = 'a\\nb'})", "error('x\\n', 0)",
		"local tasks = require 'tasks' tasks.spawn(error, 'a\\nb') tasks.spawn(error, 'c') tasks.sleep(0.001)",
		"local tasks = require 'tasks' tasks.spawn(error, 'a') tasks.sleep(0.001) error('main')",
		"load('x = = 1', 'a\\nb')()",
	} {
		_, err := mustRun(t, rt, ctx, src)
		if err == nil || strings.ContainsAny(err.Error(), "\n\r") {
			t.Errorf("%s: got %q, want one line", src, err)
		}
		if !errors.As(err, new(*runtime.Error)) {
			t.Errorf("%s: got %T, want an *Error in it", src, err)
		}
	}
	_, err := mustRun(t, rt, ctx, "error('a\\nb')")
	var e *runtime.Error
	if !errors.As(err, &e) || e.Message != "a\nb" || e.Value != "test.lua:1: a\nb" || runtime.Lines(err) != "test.lua:1: a\nb" {
		t.Errorf("got %#v", e)
	}
	_, err = mustRun(t, rt, ctx, "local tasks = require 'tasks' tasks.spawn(error, 'a') tasks.sleep(0.001) error('main')")
	if got := runtime.Lines(fmt.Errorf("step 3: %w", err)); !strings.HasPrefix(got, "step 3: test.lua:1: main; task ") {
		t.Errorf("got %q", got)
	}
}

// A context that was ended with a cause is both: the cause, and the error that
// the context has.
func TestCausesOfTheContext(t *testing.T) {
	t.Parallel()
	why := errors.New("the client left")
	forever := chunk(t, "began() while true do end")
	rt := open(t, runtime.Config{})
	canceled, cancel := context.WithCancelCause(context.Background())
	if err := rt.Set("began", func() { cancel(why) }); err != nil {
		t.Fatal(err)
	}
	late, stop := context.WithTimeoutCause(context.Background(), time.Millisecond, why)
	defer stop()
	for _, c := range []struct {
		ctx  context.Context
		want error
		code string
	}{{canceled, context.Canceled, runtime.CodeCanceled}, {late, context.DeadlineExceeded, runtime.CodeTimeout}} {
		for range 2 { // while it runs, and before it begins
			_, err := rt.Run(c.ctx, forever)
			if !errors.Is(err, why) || !errors.Is(err, c.want) || !strings.HasSuffix(err.Error(), "the client left") {
				t.Errorf("got %v, want the cause and %v", err, c.want)
			}
			if e := new(runtime.Error); !errors.As(err, &e) || e.Code != c.code {
				t.Errorf("got code %q, want %q", e.Code, c.code)
			}
		}
		if err := rt.Reload(c.ctx, forever); !errors.Is(err, why) || !errors.Is(err, c.want) {
			t.Errorf("Reload: got %v, want the cause and %v", err, c.want)
		}
	}
	_, err := mustRun(t, rt, context.Background(), "error('x')")
	if errors.Is(err, context.Canceled) {
		t.Errorf("got %v, which is no cancelling", err)
	}
}

// Steps and wall time are per call, also after a call that used them up.
func TestBudgetsArePerCall(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rt := open(t, runtime.Config{Limits: runtime.Limits{Steps: 10_000, WallTime: time.Minute}})
	if _, err := mustRun(t, rt, ctx, "function work() for i = 1, 3000 do end end function forever() while true do end end"); err != nil {
		t.Fatal(err)
	}
	work, err := rt.Func("work")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 9 {
		if _, err := rt.Call(ctx, work); err != nil {
			t.Fatalf("call %d: %v", i+1, err)
		}
		if _, err := rt.Eval(ctx, "work()"); err != nil {
			t.Fatalf("call %d: %v", i+1, err)
		}
		if _, err := rt.Eval(ctx, "forever()"); !errors.Is(err, runtime.ErrSteps) {
			t.Fatalf("got %v, want ErrSteps", err)
		}
	}
}

// A second entrant gets ErrBusy from every verb, wherever it comes from, while
// Interrupt goes through; all of them go on working afterwards.
func TestSecondEntrant(t *testing.T) {
	testkit.NoLeaks(t)
	ctx := context.Background()
	rt := open(t, runtime.Config{})
	began, stop := make(chan bool), errors.New("stop")
	if err := rt.Set("began", func() { began <- true }); err != nil {
		t.Fatal(err)
	}
	fn := chunk(t, "function f() end return f")
	out, err := rt.Run(ctx, fn)
	if err != nil {
		t.Fatal(err)
	}
	busy := func() []error {
		_, err1 := rt.Run(ctx, fn)
		_, err2 := rt.Call(ctx, out[0].(*runtime.Func))
		_, err3 := rt.Eval(ctx, "1")
		_, err4 := rt.Display(ctx, "1")
		_, err5 := rt.Func("f")
		return []error{err1, err2, err3, err4, err5, rt.Set("x", 1)}
	}
	ended := make(chan error)
	go func() {
		_, err := rt.Run(ctx, chunk(t, "began() while true do end"))
		ended <- err
	}()
	<-began
	for i, err := range busy() {
		if err != runtime.ErrBusy {
			t.Errorf("verb %d: got %v, want ErrBusy", i+1, err)
		}
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { rt.Interrupt(stop) })
	}
	all.Wait()
	if err := <-ended; !errors.Is(err, stop) {
		t.Errorf("got %v, want the cause", err)
	}
	for i, err := range busy() {
		if err != nil {
			t.Errorf("verb %d: got %v", i+1, err)
		}
	}
	for range 4 {
		all.Go(func() {
			if err := rt.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i, err := range busy() {
		if err != runtime.ErrClosed {
			t.Errorf("verb %d: got %v, want ErrClosed", i+1, err)
		}
	}
}

// What a call prints goes where its context says.
func TestWithStdout(t *testing.T) {
	t.Parallel()
	var all, one bytes.Buffer
	rt := open(t, runtime.Config{Stdout: &all})
	say := chunk(t, "print(...)")
	ctx := context.Background()
	for _, c := range []struct {
		ctx  context.Context
		text string
	}{{ctx, "a"}, {runtime.WithStdout(ctx, &one), "b"}, {ctx, "c"}, {runtime.WithStdout(ctx, io.Discard), "d"}} {
		if _, err := rt.Run(c.ctx, say, c.text); err != nil {
			t.Error(err)
		}
	}
	if all.String() != "a\nc\n" || one.String() != "b\n" {
		t.Errorf("got %q and %q", &all, &one)
	}
}

// A stop where a script ends is on its last line, not after it.
func TestStopAtTheEnd(t *testing.T) {
	t.Parallel()
	why := errors.New("stop")
	rt := open(t, runtime.Config{})
	if err := rt.Set("stop", func() { rt.Interrupt(why) }); err != nil {
		t.Fatal(err)
	}
	for src, want := range map[string]string{
		"stop()":                           "test.lua:1: stop",
		"\nfor i = 1, 1 do stop() end\n\n": "test.lua:2: stop",
		"local function f()\n stop() end\nf() x = 1": "test.lua:2: stop",
	} {
		if _, err := mustRun(t, rt, context.Background(), src); !errors.Is(err, why) || err.Error() != want {
			t.Errorf("%q: got %v, want %s", src, err, want)
		}
	}
}
