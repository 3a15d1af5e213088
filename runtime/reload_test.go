package runtime_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/runtime"
)

func chunk(t *testing.T, src string) *runtime.Chunk {
	t.Helper()
	c, err := runtime.Compile("grader.lua", src)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestReload(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	var log bytes.Buffer
	rt, err := runtime.New(runtime.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	if err := rt.Set("bonus", 10); err != nil {
		t.Fatal(err)
	}
	if err := rt.Reload(ctx, chunk(t, "count = 0 function grade(x) count = count + 1 return x + bonus, arg.version, count end"), "unused"); err != nil {
		t.Fatal(err)
	}
	grade, err := rt.Func("grade")
	if err != nil {
		t.Fatal(err)
	}
	call := func(want string) {
		t.Helper()
		out, err := rt.Call(ctx, grade, 1)
		if got := fmt.Sprint(out, err); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	call("[11 2 1] <nil>")

	// What fails leaves the code, and what it has counted, as they were.
	for _, bad := range []string{"error('at the top')", "function grade( end", "while true do end"} {
		c, err := runtime.Compile("grader.lua", bad)
		if err != nil {
			continue // it never gets that far
		}
		stopped, cancel := context.WithCancelCause(ctx)
		if strings.Contains(bad, "while") {
			cancel(errors.New("enough"))
		}
		if err := rt.Reload(stopped, c); err == nil {
			t.Errorf("%s: reloaded", bad)
		}
		cancel(nil)
	}
	call("[11 2 2] <nil>")
	if rt.Version() != 2 {
		t.Errorf("got version %d, want 2", rt.Version())
	}

	if err := rt.Reload(ctx, chunk(t, "function grade(x) return -x, arg.version end return function() end")); err != nil {
		t.Fatal(err)
	}
	call("[-1 3] <nil>")
	if !strings.Contains(log.String(), `msg=reloaded script=grader.lua version=3`) {
		t.Errorf("the log says %s", &log)
	}
	if err := rt.Reload(ctx, chunk(t, "grade = nil")); err != nil {
		t.Fatal(err)
	}
	call(`[] runtime: Func: global "grade": got nil, want function`)
}

// A function without a name ends with its version.
func TestReloadDropsFunctions(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rt, err := runtime.New(runtime.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	out, err := rt.Run(ctx, chunk(t, "return function() return 1 end"))
	if err != nil {
		t.Fatal(err)
	}
	fn := out[0].(*runtime.Func)
	if err := rt.Reload(ctx, chunk(t, "")); err != nil {
		t.Fatal(err)
	}
	if _, err := rt.Call(ctx, fn); err == nil || !strings.Contains(err.Error(), "Reload has replaced the function") {
		t.Errorf("got %v", err)
	}
}

// Close ends a Reload whose chunk would not end.
func TestCloseDuringReload(t *testing.T) {
	t.Parallel()
	started := make(chan bool, 1)
	rt, err := runtime.New(runtime.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := rt.Set("started", func() { started <- true }); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- rt.Reload(context.Background(), chunk(t, "started() while true do end")) }()
	<-started
	if err := rt.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, runtime.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

// A value that is set while a version is tried reaches that version.
func TestSetDuringReload(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	started, goOn := make(chan bool), make(chan bool)
	rt, err := runtime.New(runtime.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	if err := rt.Set("wait", func() { started <- true; <-goOn }); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- rt.Reload(ctx, chunk(t, "wait() function get() return bonus end")) }()
	<-started
	if err := rt.Set("bonus", 7); err != nil {
		t.Error(err)
	}
	close(goOn)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if out, err := rt.Eval(ctx, "return get()"); err != nil || fmt.Sprint(out) != "[7]" {
		t.Errorf("got %v, %v, want 7", out, err)
	}
}

// Calls and reloads from everywhere: each call sees one whole version.
func TestReloadHammer(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	version := func(n int) *runtime.Chunk {
		return chunk(t, fmt.Sprintf("local a = %d b = %d function both() local s = 0 for i = 1, 200 do s = s + i end return a, b end", n, n))
	}
	rt, err := runtime.New(runtime.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := rt.Reload(ctx, version(0)); err != nil {
		t.Fatal(err)
	}
	both, err := rt.Func("both")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for range 200 {
				out, err := rt.Call(ctx, both)
				if errors.Is(err, runtime.ErrBusy) {
					continue
				}
				if err != nil || out[0] != out[1] {
					t.Errorf("got %v, %v", out, err)
					return
				}
			}
		})
	}
	all.Go(func() {
		for n := range 50 {
			if err := rt.Reload(ctx, version(n+1)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	all.Wait()
	if rt.Version() != 52 {
		t.Errorf("got version %d, want 52", rt.Version())
	}
	if err := rt.Close(); err != nil {
		t.Error(err)
	}
	if err := rt.Reload(ctx, version(1)); !errors.Is(err, runtime.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

// What a version logs says which one it is.
func TestReloadIsSeenInLogs(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	var log bytes.Buffer
	rt, err := runtime.New(runtime.Config{
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Modules: []runtime.Module{{Name: "say", Open: func(vm *runtime.VM) (lua.LValue, error) {
			return vm.NewFunction(func(L *lua.LState) int { vm.Logger().Info("said"); return 0 }), nil
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	say := chunk(t, `require("say")() function again() require("say")() end`)
	if _, err := rt.Run(ctx, say); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := rt.Reload(ctx, say); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := rt.Eval(ctx, "again()"); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(log.String()) {
		_, text, _ := strings.Cut(line, "msg=")
		got = append(got, strings.TrimSpace(text))
	}
	want := "said; said version=2; reloaded script=grader.lua version=2; said version=3; reloaded script=grader.lua version=3; said version=3"
	if s := strings.Join(got, "; "); s != want {
		t.Errorf("got %s, want %s", s, want)
	}
}
