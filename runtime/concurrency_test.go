package runtime_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/internal/testkit"
	"github.com/hudrl/hudrl/runtime"
)

// What a script leaves in its globals does not keep a closed Runtime alive.
func TestClosedRuntimesAreCollected(t *testing.T) {
	for what, src := range map[string]string{
		"nothing":               `x = {}`,
		"a suspended coroutine": `co = coroutine.create(function() coroutine.yield(1) end) coroutine.resume(co)`,
		"a new coroutine":       `co = coroutine.create(function() end)`,
		"a wrapped one":         `f = coroutine.wrap(function() coroutine.yield(1) end) f()`,
		"a guest value":         `kept = world`,
	} {
		gone := make(chan bool)
		func() {
			sentinel := new([1 << 10]int)
			goruntime.AddCleanup(sentinel, func(gone chan bool) { close(gone) }, gone)
			cfg := tasksConfig()
			cfg.Modules = append(cfg.Modules, runtime.Module{Name: "sentinel", Open: func(vm *runtime.VM) (lua.LValue, error) {
				return &lua.LUserData{Value: sentinel, Metatable: lua.LNil}, nil
			}})
			rt, err := runtime.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if err := rt.Set("world", &hammerWorld{}, "Step"); err != nil {
				t.Fatal(err)
			}
			if _, err := rt.Run(context.Background(), compile(t, src)); err != nil {
				t.Fatal(err)
			}
			if err := rt.Close(); err != nil {
				t.Fatal(err)
			}
		}()
		collected := false
		for end := time.Now().Add(5 * time.Second); !collected && time.Now().Before(end); {
			goruntime.GC()
			select {
			case <-gone:
				collected = true
			default:
				goruntime.Gosched()
			}
		}
		if !collected {
			t.Errorf("%s: the Runtime is never collected", what)
		}
	}
}

// A host function that ends its goroutine, as testing.T.Fatal does, ends the
// call and nothing else.
func TestHostFunctionEndsItsGoroutine(t *testing.T) {
	testkit.NoLeaks(t)
	cfg := tasksConfig()
	cfg.Modules = append(cfg.Modules, runtime.Module{Name: "leave", Open: func(vm *runtime.VM) (lua.LValue, error) {
		return vm.NewFunction(func(L *lua.LState) int {
			goruntime.Goexit()
			return 0
		}), nil
	}})
	rt := open(t, cfg)
	for what, src := range map[string]string{
		"at once":         `require("leave")()`,
		"in pcall":        `pcall(pcall, require("leave"))`,
		"in a coroutine":  `coroutine.wrap(function() require("leave")() end)()`,
		"with tasks left": withTasks + `hud.spawn(hud.sleep, 3600) hud.spawn(function() while true do hud.sleep(0) end end) hud.sleep(0) require("leave")()`,
	} {
		chunk := compile(t, src)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = rt.Run(context.Background(), chunk)
			t.Errorf("%s: Run returned", what)
		}()
		<-ended
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		done := make(chan error, 1)
		go func() {
			out, err := rt.Eval(ctx, "1 + 1")
			if err == nil && fmt.Sprint(out) != "[2]" {
				err = fmt.Errorf("got %v", out)
			}
			done <- err
		}()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("%s: afterwards: %v", what, err)
			}
		case <-ctx.Done():
			t.Fatalf("%s: the Runtime is stuck", what)
		}
		cancel()
		if err := rt.CheckIdle(); err != nil {
			t.Errorf("%s: afterwards: %v", what, err)
		}
	}
}

// The Runtimes of a pool, and the versions of a Runtime, write to one Stdout and
// one Stderr, which need not be safe for that.
func TestOutputIsWrittenByOneAtATime(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	var out bytes.Buffer
	cfg := runtime.Config{Stdout: &out, Stderr: &out, Modules: []runtime.Module{{Name: "warn", Open: func(vm *runtime.VM) (lua.LValue, error) {
		return vm.NewFunction(func(L *lua.LState) int {
			fmt.Fprintln(vm.Stderr(), "warned")
			return 0
		}), nil
	}}}}
	chunk := compile(t, `local warn = require "warn" for i = 1, 200 do print("printed") warn() end`)
	pool, err := runtime.NewPool(cfg, 3)
	if err != nil {
		t.Fatal(err)
	}
	testkit.Hammer(t, 3, 2, func(g, i int) {
		if _, err := pool.Run(ctx, chunk); err != nil {
			t.Error(err)
		}
	})
	if err := pool.Close(); err != nil {
		t.Error(err)
	}
	rt := open(t, cfg)
	testkit.Hammer(t, 2, 2, func(g, i int) {
		var err error
		if g == 0 {
			err = rt.Reload(ctx, chunk)
		} else {
			_, err = rt.Run(ctx, chunk)
		}
		if err != nil && !errors.Is(err, runtime.ErrBusy) {
			t.Error(err)
		}
	})
	lines := bytes.Split(bytes.TrimSuffix(out.Bytes(), []byte("\n")), []byte("\n"))
	for _, l := range lines {
		if s := string(l); s != "printed" && s != "warned" {
			t.Fatalf("got the line %q", s)
		}
	}
}

// Runtimes share a chunk and nothing else.
func TestChunkInManyRuntimes(t *testing.T) {
	testkit.NoLeaks(t)
	chunk, err := runtime.Compile("x.lua", `local t = {} for i = 1, 200 do t[i] = i .. "" end return table.concat(t):len(), ...`)
	if err != nil {
		t.Fatal(err)
	}
	testkit.Hammer(t, 4, 10, func(g, i int) {
		rt, err := runtime.New(runtime.Config{})
		if err != nil {
			t.Error(err)
			return
		}
		defer rt.Close()
		out, err := rt.Run(context.Background(), chunk, g)
		if err != nil || fmt.Sprint(out) != fmt.Sprintf("[492 %d]", g) {
			t.Errorf("got %v, %v", out, err)
		}
	})
}

// A thousand tasks wait at once, in all the places where Lua can call Lua.
func TestThousandTasks(t *testing.T) {
	testkit.NoLeaks(t)
	rt, err := runtime.New(tasksConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	out, err := mustRun(t, rt, context.Background(), withTasks+`
		local list = {}
		for i = 1, 1000 do list[i] = i end
		local mt = {__index = function(t, k) hud.sleep(0.001) return k end}
		local r = hud.map(list, function(i)
			local k = i % 5
			if k == 0 then hud.sleep(0.001) return i end
			if k == 1 then return select(2, pcall(function() hud.sleep(0.001) return i end)) end
			if k == 2 then return coroutine.wrap(function() hud.sleep(0.001) coroutine.yield(i) end)() end
			if k == 3 then return setmetatable({}, mt)[i] end
			local t = {i, i - 1} table.sort(t, function(a, b) hud.sleep(0.0005) return a < b end) return t[2]
		end)
		local sum = 0
		for i, v in ipairs(r) do assert(v == i) sum = sum + v end
		return sum`)
	if err != nil || out[0] != 500500.0 {
		t.Errorf("got %v, %v, want 500500", out, err)
	}
}
