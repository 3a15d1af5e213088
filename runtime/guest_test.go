package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	goruntime "runtime"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime"
)

// unit is an embedder's value that scripts get from others.
type unit struct {
	name   string
	health int
}

func (u *unit) Name() string        { return u.name }
func (u *unit) Hit(by *unit, n int) { u.health -= n; by.health++ }
func (u *unit) Weakest(of []*unit) *unit {
	for _, o := range of {
		if o.health < u.health {
			u = o
		}
	}
	return u
}

// sight is plain data.
type sight struct {
	Near      []string
	HealthMax int
	Where     struct{ X, Y float64 }
	Note      string `luar:"remark"`
	Key       string `luar:"-"`
	hidden    int
	base
}

type base struct{ Level int8 }

func TestGuestValues(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rt := open(t, runtime.Config{})
	orc, elf := &unit{"orc", 10}, &unit{"elf", 3}
	object := func(u *unit) runtime.Object {
		return runtime.Object{Value: u, Methods: []string{"Name", "Hit"}}
	}
	var kept *runtime.Func
	for name, v := range map[string]any{
		"find": func(name string) (any, error) {
			switch name {
			case "orc":
				return object(orc), nil
			case "raw":
				return orc, nil
			}
			return nil, errors.New("nobody is called " + name)
		},
		"all":     func() []runtime.Object { return []runtime.Object{object(orc), object(elf)} },
		"weakest": func(us []*unit) string { return us[0].Weakest(us).Name() },
		"look": func() sight {
			return sight{hidden: 1, Near: []string{"elf"}, Note: "n", Key: "k", base: base{Level: 2}}
		},
		"show":  func(s sight) string { return fmt.Sprintf("%+v", s) },
		"at":    func(p *struct{ X, Y float64 }) float64 { return p.X + p.Y },
		"small": func(i int8, u uint16) int { return int(i) + int(u) },
		"big":   func() int64 { return math.MaxInt64 },
		"bytes": func(b []byte) []byte { return append(b, '!') },
		"plain": func(v any) string { return fmt.Sprintf("%T %v", v, v) },
		"keyed": func(m map[string]int) int { return m["a"] },
		"wide":  func(p []struct{ X [1 << 16]int }) int { return len(p) },
		"pair":  func(p [2]int) int { return p[0] * p[1] },
		"later": func(f *runtime.Func) { kept = f },
		"tell":  func(e error) string { return e.Error() },
		"two":   func(a string, b *int) string { return fmt.Sprint(a, b) },
		"game":  map[string]any{"add": func(a, b int) int { return a + b }, "max": 3},
	} {
		if err := rt.Set(name, v); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ src, want string }{
		{`return find("orc"):name()`, "[orc]"},
		{`return find("orc") == find("orc"), find("orc") == all()[1], all()[1] == all()[2]`, "[true true false]"},
		{`local m = {} m[find("orc")] = 1 return m[all()[1]]`, "[1]"},
		{`local a = all() a[1]:hit(a[2], 4) return weakest(a)`, "[elf]"},
		{`return weakest({find("orc")})`, "[orc]"},
		{`local s = look() return s.near[1], s.health_max, s.where.x, s.remark, s.level, s.key, s.note, s.hidden`, "[elf 0 0 n 2 <nil> <nil> <nil>]"},
		{`return show{ near = {"a", "b"}, health_max = 7, where = {x = 0.5}, remark = "r", level = -3 }`, "[{Near:[a b] HealthMax:7 Where:{X:0.5 Y:0} Note:r Key: hidden:0 base:{Level:-3}}]"},
		{`return show(look()) == show(look())`, "[true]"},
		{`return at{x = 1, y = 2}`, "[3]"},
		{`return small(-128, 65535)`, "[65407]"},
		{`return bytes("a\0b")`, "[a\x00b!]"},
		{`return plain{1, 2}, plain{a = {true}}, plain(nil), plain(2.5), plain{}`, "[[]interface {} [1 2] map[string]interface {} map[a:[true]] <nil> <nil> float64 2.5 []interface {} []]"},
		{`return keyed{a = 2}, pair{3, 4}, keyed{}`, "[2 12 0]"},
		{`return game.add(2, game.max)`, "[5]"},
		{`return two("x")`, "[x<nil>]"},
		{`local ok, e = pcall(find, "x") return tell(e)`, "[nobody is called x]"},
		{`later(function(x) return x * 2 end)`, "[]"},
	} {
		out, err := mustRun(t, rt, ctx, c.src)
		if err != nil || fmt.Sprint(out) != c.want {
			t.Errorf("%s:\ngot  %v, %v\nwant %s", c.src, out, err, c.want)
		}
	}
	if out, err := rt.Call(ctx, kept, 21); err != nil || out[0] != 42.0 {
		t.Errorf("a function kept for later: got %v, %v", out, err)
	}
	out, err := mustRun(t, rt, ctx, `return find("orc")`)
	if err != nil || out[0] != any(orc) {
		t.Errorf("got %v, %v, want the pointer itself", out, err)
	}

	for _, c := range []struct{ src, want string }{
		{`find("raw")`, "find: result 1: a Go value of type *runtime_test.unit cannot be passed to Lua"},
		{`small(1.5, 0)`, "small: argument 1: got 1.5, want a whole number"},
		{`small(0/0, 0)`, "small: argument 1: got nan, want a whole number"},
		{`small(128, 0)`, "small: argument 1: got 128, want a number from -128 to 127"},
		{`small(1, -1)`, "small: argument 2: got -1, want a number from 0 to 65535"},
		{`small(1)`, "small: argument 2: got nil, want number"},
		{`small(1, 2, 3)`, "small: got 3 arguments, want 2"},
		{`small("1", 2)`, "small: argument 1: got string, want number"},
		{`big()`, "big: result 1: 9223372036854775807 is too large for a Lua number"},
		{`plain{print}`, "plain: argument 1: [1]: a Lua function cannot become a Go value"},
		{`plain(print)`, "plain: argument 1: a Lua function cannot become a Go value"},
		{`later(5)`, "later: argument 1: got number, want function"},
		{`keyed{a = 0.5}`, "keyed: argument 1: a: got 0.5, want a whole number"},
		{`keyed{1}`, "keyed: argument 1: key [1]: got number, want string"},
		{`pair{1}`, "pair: argument 1: got a list of 1, want 2"},
		{`local t = {} t[100] = {} wide(t)`, "wide: argument 1: got a list with holes"},
		{`weakest{a = 1}`, "weakest: argument 1: key a: want a list"},
		{`weakest{find("orc"), 2}`, "weakest: argument 1: [2]: got number, want *runtime_test.unit"},
		{`show{ helth_max = 1 }`, `show: argument 1: unknown name "helth_max"`},
		{`show{ key = "x" }`, `show: argument 1: unknown name "key"`},
		{`show{ hidden = 1 }`, `show: argument 1: unknown name "hidden"`},
		{`local l = {} l[1] = l show{ near = l }`, "show: argument 1: near: [1]: a table contains itself"},
		{`local l = {} l.where = l show(l)`, "show: argument 1: where: a table contains itself"},
		{`find("orc"):hit(find("orc"), "2")`, "hit: argument 2: got string, want number"},
		{`find("orc").hit(5, find("orc"), 2)`, "hit: self: got number, want the object itself (call it with a colon)"},
		{`find("orc"):weakest({})`, `runtime_test.unit: no such method "weakest"`},
		{`game.add("x", 1)`, "add: argument 1: got string, want number"},
	} {
		_, err := mustRun(t, rt, ctx, c.src)
		var e *runtime.Error
		if !errors.As(err, &e) || !strings.HasPrefix(e.Message, c.want) {
			t.Errorf("%s:\ngot  %v\nwant %s", c.src, err, c.want)
		}
	}
	_, err = mustRun(t, rt, ctx, `show{ helth_max = 1 }`)
	var e *runtime.Error
	if !errors.As(err, &e) || e.Hint != `did you mean "health_max"?` {
		t.Errorf("got hint %q", e.Hint)
	}
	for _, name := range []string{"", "a b", "end", "1x", "a.b", "é"} {
		if err := rt.Set(name, 1); err == nil || !strings.Contains(err.Error(), "want a Lua name") {
			t.Errorf("Set(%q): got %v", name, err)
		}
	}
}

// A boss exposes itself.
type boss struct{ unit }

func (b *boss) LuaMethods() []string { return []string{"Name", "Roar"} }
func (b *boss) Roar() string         { return "roar" }
func (b *boss) Secret() string       { return "secret" }

// A liar names a method that it has not.
type liar struct{}

func (*liar) LuaMethods() []string { return []string{"Truth"} }

func TestExposer(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rt := open(t, runtime.Config{})
	b := &boss{unit{"boss", 9}}
	if err := rt.Set("boss", b); err != nil {
		t.Fatal(err)
	}
	if err := rt.Set("call", func() *boss { return b }); err != nil {
		t.Fatal(err)
	}
	out, err := rt.Run(ctx, chunk(t, `local given, list = ... return given == boss and list[1] == call(), boss:roar(), call():name(), given`), b, []*boss{b})
	if err != nil || fmt.Sprint(out[:3]) != "[true roar boss]" || out[3] != any(b) {
		t.Errorf("got %v, %v", out, err)
	}
	for _, src := range []string{`boss:secret()`, `boss:lua_methods()`, `boss:hit(boss, 1)`} {
		if _, err := rt.Run(ctx, chunk(t, src)); err == nil || !strings.Contains(err.Error(), "no such method") {
			t.Errorf("%s: got %v", src, err)
		}
	}
	if err := rt.Set("liar", &liar{}); err == nil || !strings.Contains(err.Error(), `no exported method "Truth"`) {
		t.Errorf("got %v", err)
	}
}

// Userdata of objects that no script holds are let go.
func TestObjectsAreForgotten(t *testing.T) {
	t.Parallel()
	rt := open(t, runtime.Config{})
	made, gone := 0, make(chan int, 100)
	if err := rt.Set("make", func() runtime.Object {
		made++
		u := &unit{name: strings.Repeat("x", made)}
		goruntime.AddCleanup(u, func(n int) { gone <- n }, made)
		return runtime.Object{Value: u, Methods: []string{"Name"}}
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := mustRun(t, rt, context.Background(), `for i = 1, 100 do make():name() end`); err != nil {
		t.Fatal(err)
	}
	for forgotten := 0; forgotten < 90; {
		goruntime.GC()
		select {
		case <-gone:
			forgotten++
		default:
			goruntime.Gosched()
		}
	}
	if out, err := mustRun(t, rt, context.Background(), `return make():name()`); err != nil || len(out) != 1 {
		t.Errorf("got %v, %v", out, err)
	}
}

// A function with a context lets others run while it waits, and ends with the
// call.
func TestGuestContext(t *testing.T) {
	t.Parallel()
	rt := open(t, tasksConfig())
	opened := make(chan bool)
	type key struct{}
	for name, fn := range map[string]any{
		"wait": func(ctx context.Context, what string) (string, error) {
			select {
			case <-opened:
				return what + fmt.Sprint(ctx.Value(key{})), nil
			case <-ctx.Done():
				return "", context.Cause(ctx)
			}
		},
		"let_go": func() { close(opened) },
		"bug":    func(ctx context.Context) { panic("in the host") },
		"many":   func(ctx context.Context, n ...int) int { return len(n) },
	} {
		if err := rt.Set(name, fn); err != nil {
			t.Fatal(err)
		}
	}
	ctx := context.WithValue(context.Background(), key{}, 7)
	out, err := mustRun(t, rt, ctx, `
		local tasks = require "tasks"
		local a = tasks.spawn(wait, "a")
		local b = tasks.spawn(function() let_go() end)
		return a:wait(), many(1, 2, 3), many()`)
	if err != nil || fmt.Sprint(out) != "[a7 3 0]" {
		t.Errorf("got %v, %v", out, err)
	}
	opened = make(chan bool)
	stopped, cancel := context.WithCancelCause(ctx)
	why := errors.New("closing time")
	if err := rt.Set("stop", func() { cancel(why) }); err != nil {
		t.Fatal(err)
	}
	_, err = mustRun(t, rt, stopped, `
		local t = require("tasks").spawn(wait, "a")
		stop()
		t:wait()`)
	if !errors.Is(err, why) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the cause, and Canceled", err)
	}
	if _, err = mustRun(t, rt, ctx, `bug()`); !errors.Is(err, runtime.ErrHostBug) {
		t.Errorf("got %v, want ErrHostBug", err)
	} else if e := new(runtime.Error); !errors.As(err, &e) || !strings.Contains(e.Traceback, "guest_test.go") {
		t.Errorf("the Go stack is missing in %q", e.Traceback)
	}
}
