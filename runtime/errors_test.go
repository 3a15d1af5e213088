package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/runtime"
)

// serviceError stands for the error type of another package.
type serviceError struct{ detail string }

func (e *serviceError) Error() string     { return "optim_step: " + e.detail }
func (e *serviceError) ErrorCode() string { return "no_gradient" }
func (e *serviceError) ErrorHint() string { return "accumulate first" }
func (e *serviceError) ErrorStatus() int  { return 409 }

var errService = &serviceError{"nothing accumulated"}

// hostModule is a module with functions that fail in every way.
var hostModule = runtime.Module{Name: "host", Open: func(vm *runtime.VM) (lua.LValue, error) {
	t := vm.NewTable(0, 8)
	for name, fn := range map[string]lua.LGFunction{
		"fail": func(L *lua.LState) int { vm.Raise(L, errService); return 0 },
		"bug":  func(L *lua.LState) int { var s []int; return s[L.GetTop()+5] },
		"wait": func(L *lua.LState) int {
			if err := vm.Wait(L, func() { panic("in wait") }); err != nil {
				vm.Raise(L, err)
			}
			return 0
		},
		"call": func(L *lua.LState) int {
			out, err := vm.Call(L, L.Get(1))
			if err != nil {
				vm.Raise(L, err)
			}
			for _, v := range out {
				L.Push(v)
			}
			return len(out)
		},
		"ctx": func(L *lua.LState) int {
			ctx := vm.Context(L)
			_ = vm.Wait(L, func() { <-ctx.Done() })
			vm.Raise(L, context.Cause(ctx))
			return 0
		},
	} {
		t.RawSetString(name, vm.NewFunction(fn))
	}
	return t, nil
}}

func TestGoErrorsSurviveLua(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]string{
		"raised":            `host.fail()`,
		"pcall and error":   `local ok, e = pcall(host.fail) error(e)`,
		"level 0":           `local ok, e = pcall(host.fail) error(e, 0)`,
		"assert":            `assert(pcall(host.fail))`,
		"assert(false, e)":  `local ok, e = pcall(host.fail) assert(false, e)`,
		"wrap":              `local ok, e = pcall(host.fail) error(e:wrap("while stepping"))`,
		"coroutine":         `coroutine.wrap(host.call)`,
		"in a coroutine":    `coroutine.wrap(function() host.fail() end)()`,
		"resume":            `local ok, e = coroutine.resume(coroutine.create(function() host.fail() end)) error(e)`,
		"xpcall":            `local ok, e = xpcall(host.fail, function(e) return e end) error(e)`,
		"xpcall wrap":       `local ok, e = xpcall(host.fail, function(e) return e:wrap("x") end) error(e)`,
		"through Go":        `host.call(function() host.call(host.fail) end)`,
		"task":              `tasks.spawn(host.fail):wait()`,
		"unobserved task":   `tasks.spawn(host.fail) tasks.sleep(0.002)`,
		"gather":            `tasks.gather{host.fail}`,
		"map":               `tasks.map({1}, host.fail)`,
		"timeout":           `tasks.timeout(10, host.fail)`,
		"metamethod":        `local t = setmetatable({}, {__index = host.fail}) return t.x`,
		"sort":              `table.sort({2, 1}, host.fail)`,
		"gsub":              `string.gsub("x", "x", host.fail)`,
		"__tostring":        `print(setmetatable({}, {__tostring = host.fail}))`,
		"__concat":          `return "x" .. setmetatable({}, {__concat = host.fail})`,
		"twice round":       `local ok, e = pcall(function() local ok, e = pcall(host.fail) error(e) end) error(e)`,
		"raised in a while": `while true do local ok, e = pcall(host.fail) if not ok then error(e) end end`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rt := open(t, runtime.Config{Modules: []runtime.Module{taskModule, hostModule}})
			_, err := mustRun(t, rt, context.Background(), `local host, tasks = require "host", require "tasks" `+strings.ReplaceAll(src, "coroutine.wrap(host.call)", "coroutine.wrap(function() return host.call(host.fail) end)()"))
			var se *serviceError
			if !errors.Is(err, errService) || !errors.As(err, &se) {
				t.Fatalf("got %v, want the service's error", err)
			}
			var e *runtime.Error
			if !errors.As(err, &e) || e.Code != "no_gradient" || e.Hint != "accumulate first" {
				t.Errorf("got %#v", e)
			}
		})
	}
}

func TestErrorObject(t *testing.T) {
	t.Parallel()
	rt := open(t, runtime.Config{Modules: []runtime.Module{hostModule}})
	out, err := mustRun(t, rt, context.Background(), `local host = require "host"
local ok, e = pcall(function()
	host.fail()
end)
local w = e:wrap("while stepping")
local frozen = pcall(function() e.code = 1 end)
return e.code, e.message, e.hint, e.status, tostring(e), "got: " .. e, e .. "!", w.message, w.code, e.source, e.line, e.nothing, frozen, getmetatable(e)`)
	if err != nil {
		t.Fatal(err)
	}
	want := "[no_gradient optim_step: nothing accumulated accumulate first 409 optim_step: nothing accumulated got: optim_step: nothing accumulated optim_step: nothing accumulated! while stepping: optim_step: nothing accumulated no_gradient test.lua 3 <nil> false error]"
	if got := fmt.Sprint(out); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestErrorPositions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, src, line string
		trace           []string
	}{
		{"string", "local function f()\n\terror('boom')\nend\nf()", "test.lua:2: boom", []string{"test.lua:2: in function f", "test.lua:4: in main chunk"}},
		{"level 2", "local function f()\n\terror('boom', 2)\nend\nf()", "test.lua:4: boom", nil},
		{"nil index", "local t\nreturn t.x", "test.lua:2: attempt to index local 't' (a nil value) with key 'x'", nil},
		{"nil call", "\nfoo()", "test.lua:2: attempt to call global 'foo' (a nil value)", nil},
		{"arithmetic", "\nreturn 1 + {}", "test.lua:2: attempt to perform arithmetic on a table value", nil},
		{"concat", "\n\nreturn 'a' .. nil", "test.lua:3: attempt to concatenate a nil value", nil},
		{"store", "local t\nlocal k = 1\nt[k] = 2", "test.lua:3: attempt to index local 't' (a nil value) with key '1'", nil},
		{"assert", "\nassert(false)", "test.lua:2: assertion failed!", nil},
		{"assert message", "\nassert(nil, 'no good')", "test.lua:2: no good", nil},
		{"host", "local host = require 'host'\nhost.fail()", "test.lua:2: optim_step: nothing accumulated", []string{"test.lua:2: in main chunk"}},
		{"in a coroutine", "local co = coroutine.wrap(function()\n\trequire('host').fail()\nend)\nco()", "test.lua:2: optim_step: nothing accumulated", []string{"test.lua:2: in coroutine"}},
		{"argument", "\nstring.rep()", "test.lua:2: string.rep: s: got nil, want string", nil},
		{"loaded", "local f = load('\\nerror(\"x\")', 'other.lua')\nf()", "other.lua:2: x", nil},
		{"table", "\nerror({message = 'from a table'})", "test.lua:2: from a table", nil},
		{"number", "\nerror(5)", "test.lua:2: 5", nil},
		{"nothing", "\nerror()", "test.lua:2: nil", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rt := open(t, runtime.Config{Modules: []runtime.Module{hostModule}})
			_, err := mustRun(t, rt, context.Background(), c.src)
			var e *runtime.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if err.Error() != c.line {
				t.Errorf("got %q, want %q", err, c.line)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q is more than a line", err)
			}
			for _, want := range c.trace {
				if !strings.Contains(e.Traceback, want) {
					t.Errorf("traceback %q lacks %q", e.Traceback, want)
				}
			}
			lines := strings.Split(c.src, "\n")
			if e.Source == "test.lua" && e.Text != lines[e.Line-1] {
				t.Errorf("got source line %q, want %q", e.Text, lines[e.Line-1])
			}
		})
	}
}

func TestHostBugs(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]string{
		"panic":         `require("host").bug()`,
		"through pcall": `local ok, e = pcall(require("host").bug) error(e)`,
		"in coroutine":  `coroutine.wrap(function() require("host").bug() end)()`,
		"in task":       `require("tasks").spawn(require("host").bug):wait()`,
		"in Wait":       `require("host").wait()`,
		"metamethod":    `local t = setmetatable({}, {__index = require("host").bug}) return t.x`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rt := open(t, runtime.Config{Modules: []runtime.Module{taskModule, hostModule}})
			_, err := mustRun(t, rt, context.Background(), src)
			var e *runtime.Error
			if !errors.Is(err, runtime.ErrHostBug) || !errors.As(err, &e) {
				t.Fatalf("got %v, want ErrHostBug", err)
			}
			if !strings.Contains(e.Message, "host bug") || !strings.Contains(e.Traceback, "errors_test.go") || e.Code != "host_bug" {
				t.Errorf("got %+v", e)
			}
			if out, err := mustRun(t, rt, context.Background(), `return 1`); err != nil || out[0] != 1.0 {
				t.Errorf("after the bug: %v, %v", out, err)
			}
		})
	}
}

func TestExit(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]int{
		`os.exit()`:                           0,
		`os.exit(3)`:                          3,
		`os.exit(true)`:                       0,
		`os.exit(false)`:                      1,
		`while true do pcall(os.exit, 4) end`: 4,
		`coroutine.wrap(function() os.exit(5) end)()`:                   5,
		`require("tasks").spawn(os.exit, 6):wait()`:                     6,
		`require("tasks").spawn(os.exit, 7) require("tasks").sleep(10)`: 7,
		`require("tasks").timeout(5, os.exit, 8)`:                       8,
	} {
		rt := open(t, tasksConfig())
		_, err := mustRun(t, rt, context.Background(), src)
		var exit *runtime.ExitError
		if !errors.As(err, &exit) || exit.Code != want {
			t.Errorf("%s: got %v, want exit %d", src, err, want)
		}
	}
	rt := open(t, runtime.Config{})
	if _, err := mustRun(t, rt, context.Background(), `os.exit(300)`); err == nil || !strings.Contains(err.Error(), "want 0 to 255") {
		t.Errorf("got %v", err)
	}
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	cause := errors.New("pulled the plug")
	rt := open(t, runtime.Config{Modules: []runtime.Module{hostModule, {Name: "stop", Open: func(vm *runtime.VM) (lua.LValue, error) {
		return lua.LString("x"), nil
	}}}})
	rt.Interrupt(cause) // nothing runs: no effect
	if err := rt.Set("interrupt", func() { rt.Interrupt(cause) }); err != nil {
		t.Fatal(err)
	}
	_, err := mustRun(t, rt, context.Background(), `pcall(function() while true do interrupt() end end) while true do end`)
	if !errors.Is(err, cause) {
		t.Errorf("got %v, want the cause", err)
	}
	if out, err := mustRun(t, rt, context.Background(), `return 1`); err != nil || out[0] != 1.0 {
		t.Errorf("afterwards: %v, %v", out, err)
	}
	if err := rt.Set("interrupt", func() { rt.Interrupt(nil) }); err != nil {
		t.Fatal(err)
	}
	if _, err = mustRun(t, rt, context.Background(), `interrupt() require("host").ctx()`); !errors.Is(err, runtime.ErrInterrupted) {
		t.Errorf("got %v, want ErrInterrupted", err)
	}
}

func TestBusyAndClosed(t *testing.T) {
	t.Parallel()
	rt, err := runtime.New(runtime.Config{})
	if err != nil {
		t.Fatal(err)
	}
	chunk, err := runtime.Compile("x", `return again()`)
	if err != nil {
		t.Fatal(err)
	}
	if err := rt.Set("again", func() error {
		_, err := rt.Run(context.Background(), chunk)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := rt.Run(context.Background(), chunk); !errors.Is(err, runtime.ErrBusy) {
		t.Errorf("re-entry: got %v, want ErrBusy", err)
	}
	fn, err := rt.Func("again")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := rt.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	_, err1 := rt.Run(context.Background(), chunk)
	_, err2 := rt.Call(context.Background(), fn)
	_, err3 := rt.Eval(context.Background(), "1")
	err4 := rt.Set("x", 1)
	for i, err := range []error{err1, err2, err3, err4} {
		if !errors.Is(err, runtime.ErrClosed) {
			t.Errorf("call %d after Close: got %v, want ErrClosed", i+1, err)
		}
	}
	rt.Interrupt(nil)
}

func TestCallerContext(t *testing.T) {
	t.Parallel()
	rt := open(t, runtime.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := mustRun(t, rt, ctx, `return 1`); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}
}

// A value that a script raised stays in its Runtime: another one gets the
// error, not the table.
func TestRaisedValuesStayAtHome(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	home, abroad := open(t, runtime.Config{}), open(t, runtime.Config{})
	_, err := mustRun(t, home, ctx, `raised = {message = "mine"} error(raised)`)
	if err == nil {
		t.Fatal("got no error")
	}
	out, err2 := mustRun(t, abroad, ctx, `local e = ... pcall(function() e.message = "changed" end) return type(e), tostring(e), e.code`, err)
	if err2 != nil || fmt.Sprint(out) != "[userdata test.lua:1: mine error]" {
		t.Errorf("abroad: got %v, %v", out, err2)
	}
	if out, err2 = mustRun(t, home, ctx, `return raised.message, (...) == raised`, err); err2 != nil || fmt.Sprint(out) != "[mine true]" {
		t.Errorf("at home: got %v, %v", out, err2)
	}
}
