package runtime_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"testing"
	"testing/fstest"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/runtime"
)

func TestValuesBothWays(t *testing.T) {
	t.Parallel()
	rt := open(t, runtime.Config{})
	chunk, err := runtime.Compile("x", `return ...`)
	if err != nil {
		t.Fatal(err)
	}
	in := []any{nil, true, "s", 1, int64(2), float32(0.5), uint8(7), []int{1, 2}, []any{}, map[string]any{"a": []string{"b"}}, map[int]string{3: "x"}, [2]bool{true, false}}
	want := []any{nil, true, "s", 1.0, 2.0, 0.5, 7.0, []any{1.0, 2.0}, []any{}, map[string]any{"a": []any{"b"}}, map[string]any{"3": "x"}, []any{true, false}}
	out, err := rt.Run(context.Background(), chunk, in...)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(out) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", out, want)
	}
	for _, bad := range []any{int64(1)<<53 + 1, uint64(math.MaxUint64), make(chan int), struct{}{}, func(chan int) {}, &struct{}{}} {
		if _, err := rt.Run(context.Background(), chunk, bad); err == nil || !strings.Contains(err.Error(), "argument 1: ") {
			t.Errorf("%T: got %v, want an error that names the argument", bad, err)
		}
	}
	for src, want := range map[string]string{
		`local t = {} t.t = t return t`:           "result 1: t: a table contains itself",
		`return coroutine.create(function() end)`: "result 1: a Lua thread cannot become a Go value",
		`return {[{}] = 1}`:                       "result 1: a table key of type table cannot become a Go value",
	} {
		if _, err := mustRun(t, rt, context.Background(), src); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %q", src, err, want)
		}
	}
}

func TestCall(t *testing.T) {
	t.Parallel()
	rt := open(t, runtime.Config{})
	ctx := context.Background()
	out, err := mustRun(t, rt, ctx, `local n = 0 return function(k) n = n + k return n end`)
	if err != nil {
		t.Fatal(err)
	}
	fn := out[0].(*runtime.Func)
	for i, want := range []float64{2, 4, 6} {
		if out, err := rt.Call(ctx, fn, 2); err != nil || out[0] != want {
			t.Errorf("call %d: got %v, %v, want %v", i+1, out, err, want)
		}
	}
	if _, err := rt.Call(ctx, fn, "x"); err == nil {
		t.Error("got no error for a string")
	}
	other := open(t, runtime.Config{})
	if _, err := other.Call(ctx, fn); err == nil || !strings.Contains(err.Error(), "another Runtime") {
		t.Errorf("got %v", err)
	}
	if _, err := rt.Func("nothing"); err == nil || !strings.Contains(err.Error(), `global "nothing": got nil, want function`) {
		t.Errorf("got %v", err)
	}
}

func TestEvalAndDisplay(t *testing.T) {
	t.Parallel()
	rt := open(t, runtime.Config{})
	ctx := context.Background()
	for _, c := range []struct{ src, want string }{
		{`1 + 1`, "[2]"},
		{`x = 5`, "[]"},
		{`x`, "[5]"},
		{`"a", {1, 2, k = "v", n = {}}, nil`, `["a" {1, 2, k = "v", n = {}} nil]`},
		{`return x`, "[5]"},
		{`for i = 1, 2 do end`, "[]"},
		{`{[3] = 1, [true] = {1}}`, "[{[3] = 1, [boolean] = {...}}]"},
		{`-- only a comment`, "[]"},
		{``, "[]"},
		{`local y, z = 7`, "[]"},
		{`y, z`, "[7 nil]"},
		{`local function fact(n) return n < 2 and 1 or n * fact(n - 1) end`, "[]"},
		{`fact(5)`, "[120]"},
		{`local q do local y = 9 end return y, q`, "[7 nil]"},
		{`setmetatable({}, {__tostring = function() return "T" end})`, "[T]"},
	} {
		got, err := rt.Display(ctx, c.src)
		if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%s: got %v, %v, want %s", c.src, got, err, c.want)
		}
	}
	out, err := rt.Eval(ctx, "x, x + 1")
	if err != nil || fmt.Sprint(out) != "[5 6]" {
		t.Errorf("got %v, %v", out, err)
	}
	if _, err := rt.Eval(ctx, "if x then"); !errors.Is(err, runtime.ErrIncomplete) {
		t.Errorf("got %v, want ErrIncomplete", err)
	}
	if _, err := rt.Eval(ctx, "error('x')"); err == nil || err.Error() != "stdin:1: x" {
		t.Errorf("got %v", err)
	}
}

// gridWorld is an embedder's own value.
type gridWorld struct {
	Secret string
	at     int
}

func (g *gridWorld) Step(action string, n int) (int, bool, error) {
	switch action {
	case "right":
		g.at += n
	case "fall":
		return 0, true, errService
	case "panic":
		panic("a bug in the world")
	default:
		return 0, false, fmt.Errorf("step: action: got %q, want right", action)
	}
	return g.at, g.at > 2, nil
}
func (g *gridWorld) NextState() []float64 { return []float64{float64(g.at), 0.5} }
func (g *gridWorld) Info() map[string]any { return map[string]any{"at": g.at} }
func (g *gridWorld) Reset()               { g.at = 0 }
func (g *gridWorld) Each(f func(int))     { f(1) }
func (g *gridWorld) String() string       { return fmt.Sprintf("grid at %d", g.at) }
func (g *gridWorld) Hidden() string       { return g.Secret }
func (g *gridWorld) SumAll(n ...int) (sum int) {
	for _, v := range n {
		sum += v
	}
	return sum
}

func TestSet(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rt := open(t, runtime.Config{})
	world := &gridWorld{Secret: "s"}
	if err := rt.Set("world", world, "Step", "NextState", "Info", "Reset", "SumAll"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ src, want string }{
		{`return world:step("right", 2)`, "[2 false]"},
		{`return world:step("right", 2)`, "[4 true]"},
		{`local s = world:next_state() return #s, s[1], table.concat(s, " ")`, "[2 4 4 0.5]"},
		{`for i, v in ipairs(world:next_state()) do x = v end return x`, "[0.5]"},
		{`return world:info().at, tostring(world), world:sum_all(1, 2, 3)`, "[4 grid at 4 6]"},
		{`world:reset() return world:next_state()[1]`, "[0]"},
		{`local ok, e = pcall(world.step, world, "fall", 1) return ok, e.code, e.message`, "[false no_gradient optim_step: nothing accumulated]"},
		{`local ok, e = pcall(world.step, world, "up", 1) return e.message`, `[step: action: got "up", want right]`},
		{`local ok, e = pcall(world.step, world, "panic", 1) return e.code`, "[host_bug]"},
		{`local ok, e = pcall(world.step, nil, "right") return e.message`, "[step: self: got nil, want the object itself (call it with a colon)]"},
		{`local ok, e = pcall(function() return world.Secret end) return ok`, "[false]"},
		{`local ok, e = pcall(function() return world:hidden() end) return e.message`, `[runtime_test.gridWorld: no such method "hidden"]`},
		{`local ok, e = pcall(function() return world:stp() end) return e.hint`, `[did you mean "step"?]`},
		{`return (pcall(function() world.x = 1 end))`, "[false]"},
		{`return (pcall(world.step, world, "right"))`, "[false]"},
		{`return (pcall(world.step, world, {}, 1))`, "[false]"},
		{`return type(getmetatable(world))`, "[string]"},
	} {
		out, err := mustRun(t, rt, ctx, c.src)
		if err != nil || fmt.Sprint(out) != c.want {
			t.Errorf("%s: got %v, %v, want %s", c.src, out, err, c.want)
		}
	}
	_, err := mustRun(t, rt, ctx, `world:step("fall", 1)`)
	if !errors.Is(err, errService) {
		t.Errorf("got %v, want the world's error", err)
	}
	for _, c := range []struct {
		value   any
		methods []string
		want    string
	}{
		{world, nil, "name the methods"},
		{world, []string{"Fly"}, `no exported method "Fly"`},
		{world, []string{"Each"}, "parameter 1 is a func"},
		{(*gridWorld)(nil), []string{"Step"}, "nil *runtime_test.gridWorld"},
		{func(f func()) {}, nil, "parameter 1 is a func"},
	} {
		if err := rt.Set("x", c.value, c.methods...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Set(%T, %v): got %v, want %q", c.value, c.methods, err, c.want)
		}
	}
	if err := rt.Set("data", map[string]any{"xs": []int{1, 2}}); err != nil {
		t.Fatal(err)
	}
	if out, err := mustRun(t, rt, ctx, `return #data.xs`); err != nil || out[0] != 2.0 {
		t.Errorf("got %v, %v", out, err)
	}
}

func TestRequire(t *testing.T) {
	t.Parallel()
	root := fstest.MapFS{
		"util.lua":       {Data: []byte(`return {name = ..., n = (count or 0) + 1}`)},
		"a/b.lua":        {Data: []byte(`return "a.b"`)},
		"pkg/init.lua":   {Data: []byte(`return "pkg"`)},
		"nothing.lua":    {Data: []byte(`count = (count or 0) + 1`)},
		"cycle1.lua":     {Data: []byte(`return require "cycle2"`)},
		"cycle2.lua":     {Data: []byte(`return require "cycle1"`)},
		"broken.lua":     {Data: []byte("local x =\n= 1")},
		"fails.lua":      {Data: []byte("\nerror('no')")},
		"hud.lua":        {Data: []byte(`return "fake"`)},
		"hud/tensor.lua": {Data: []byte(`return "fake"`)},
		"tasks.lua":      {Data: []byte(`return "fake"`)},
		"slow.lua":       {Data: []byte(`slow = (slow or 0) + 1 require("tasks").sleep(0.003) return {slow}`)},
		"left.lua":       {Data: []byte(`require("tasks").sleep(0.003) return require "right"`)},
		"right.lua":      {Data: []byte(`require("tasks").sleep(0.003) return require "left"`)},
		"large.lua":      {Data: bytes.Repeat([]byte(" "), 2<<20)},
		"dir.lua/x":      {Data: nil},
	}
	library := fstest.MapFS{"hud/extra.lua": {Data: []byte(`return "extra"`)}}
	cfg := tasksConfig()
	cfg.Roots = []fs.FS{fstest.MapFS{"first.lua": {Data: []byte(`return 1`)}}, root}
	cfg.Library = library
	for _, c := range []struct{ src, want string }{
		{`local u = require "util" return u.name, u == require "util"`, "[util true]"},
		{`return require "a.b", require "pkg", require "first"`, "[a.b pkg 1]"},
		{`require "nothing" return require "nothing", count`, "[true 1]"},
		{`return require "hud.extra"`, "[extra]"},
		{`return type(require "tasks")`, "[table]"},
		{`local ok, e = pcall(require, "hud.tensor") return e.code, e.message`, `[not_found require: no module "hud.tensor"]`},
		{`local ok, e = pcall(require, "hud") return e.code`, `[not_found]`},
		{`local ok, e = pcall(require, "cycle1") return e.message`, `[require: module "cycle1" requires itself, directly or through others]`},
		{`local ok, e = pcall(require, "broken") return e.message, e.source, e.line`, `[syntax error near "=" broken.lua 2]`},
		{`local ok, e = pcall(require, "fails") return e`, `[fails.lua:2: no]`},
		{`local ok, e = pcall(require, "fails") local ok2, e2 = pcall(require, "fails") return e == e2`, `[true]`},
		{`local ok, e = pcall(require, 5) return e.message`, `[require: name: got number, want string]`},
		{`local ok, e = pcall(require, "../x") return e.message`, `[require: name: got "../x", want words of letters, digits, _ and - with dots between]`},
		{`local ok, e = pcall(require, "large") return e.code, e.message`, `[limit source size: used 1048577 bytes of 1048576 bytes]`},
		{`local ok, e = pcall(require, "dir") return e.code`, `[not_found]`},
		{`local t = require "tasks" local r = t.map({1, 2, 3}, function() return require "slow" end) return slow, r[1] == r[3]`, `[1 true]`},
		{`local t = require "tasks" local a = t.spawn(require, "left") local b = t.spawn(require, "right") pcall(b.wait, b) local x, e = pcall(a.wait, a) return x, (e.message:match("deadlock") or e.message:match("requires itself")) ~= nil`, `[false true]`},
	} {
		out, err := mustRun(t, open(t, cfg), context.Background(), c.src)
		if err != nil || fmt.Sprint(out) != c.want {
			t.Errorf("%s:\ngot  %v, %v\nwant %s", c.src, out, err, c.want)
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	ok := runtime.Module{Name: "a", Open: func(*runtime.VM) (lua.LValue, error) { return lua.LTrue, nil }}
	for _, c := range []struct {
		cfg  runtime.Config
		want string
	}{
		{runtime.Config{Modules: []runtime.Module{{}}}, "module 1 has no name"},
		{runtime.Config{Modules: []runtime.Module{{Name: "x"}}}, `module "x" has no Open`},
		{runtime.Config{Modules: []runtime.Module{ok, ok}}, `module "a" is given twice`},
		{runtime.Config{Limits: runtime.Limits{Steps: -2}}, "Limits.Steps: got -2"},
		{runtime.Config{Limits: runtime.Limits{CallDepth: 5000}}, "want at most 4000"},
		{runtime.Config{Modules: []runtime.Module{{Name: "x", Open: func(*runtime.VM) (lua.LValue, error) { return nil, errService }}}}, "module x: optim_step"},
		{runtime.Config{Modules: []runtime.Module{{Name: "x", Open: func(*runtime.VM) (lua.LValue, error) { return nil, nil }}}}, "returned no value"},
		{runtime.Config{Modules: []runtime.Module{{Name: "x", Open: func(*runtime.VM) (lua.LValue, error) { panic("boom") }}}}, "host bug: boom"},
	} {
		if _, err := runtime.New(c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
	none := runtime.Limits{Steps: -1, WallTime: -1, CallDepth: -1, Coroutines: -1, Tasks: -1, StringBytes: -1, TableSize: -1, TensorBytes: -1, HeapBytes: -1, SourceBytes: -1}
	rt := open(t, runtime.Config{Limits: none, Args: []string{"script.lua", "a"}})
	out, err := mustRun(t, rt, context.Background(), `local t = {} t[3000000] = 1 return #("x"):rep(2^25), arg[0], arg[1], #arg`)
	if err != nil || fmt.Sprint(out) != "[3.3554432e+07 script.lua a 1]" {
		t.Errorf("got %v, %v", out, err)
	}
}

func TestCloseOrder(t *testing.T) {
	t.Parallel()
	var order []string
	rt := open(t, runtime.Config{Modules: []runtime.Module{{Name: "x", Open: func(vm *runtime.VM) (lua.LValue, error) {
		for _, n := range []string{"1", "2", "3"} {
			vm.OnClose(func() { order = append(order, n) })
		}
		return lua.LTrue, nil
	}}}})
	rt.Close()
	rt.Close()
	if got := strings.Join(order, ""); got != "321" {
		t.Errorf("got %s, want 321", got)
	}
}
