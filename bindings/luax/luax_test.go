package luax_test

import (
	"fmt"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/runtimetest"
)

// point is the class of the tests; plain is one without fields.
type point struct{ x, y float64 }

func (p *point) String() string { return fmt.Sprintf("point %v, %v", p.x, p.y) }

type plain struct{ n int }

func config() runtime.Config {
	return runtime.Config{Modules: []runtime.Module{{Name: "m", Open: func(vm *runtime.VM) (lua.LValue, error) {
		luax.Define(vm, luax.Class[*point]{
			Name:   "point",
			Fields: []string{"x", "y"},
			Methods: map[string]lua.LGFunction{
				"moved": func(L *lua.LState) int {
					a := luax.Read(L, "moved")
					p := luax.Self[*point](&a)
					dx, dy := a.Number("dx"), a.OptNumber("dy", 0)
					a.End()
					L.Push(luax.Wrap(L, &point{p.x + dx, p.y + dy}))
					return 1
				},
				"same": func(L *lua.LState) int { // the same Go pointer in a new wrapper
					a := luax.Read(L, "same")
					L.Push(luax.Wrap(L, luax.Self[*point](&a)))
					return 1
				},
			},
			Get: func(L *lua.LState, p *point, key lua.LValue) (lua.LValue, bool) {
				switch key {
				case lua.LString("x"):
					return lua.LNumber(p.x), true
				case lua.LNumber(2), lua.LString("y"):
					return lua.LNumber(p.y), true
				}
				return nil, false
			},
			Set: func(L *lua.LState, p *point, key, value lua.LValue) bool {
				if key != lua.LString("x") {
					return false
				}
				a := luax.Read(L, "point")
				p.x = a.AsNumber("x", value)
				return true
			},
			Meta: map[string]lua.LGFunction{"__add": func(L *lua.LState) int {
				a := luax.Read(L, "add")
				p, q := luax.Object[*point](&a, "a"), luax.Object[*point](&a, "b")
				L.Push(luax.Wrap(L, &point{p.x + q.x, p.y + q.y}))
				return 1
			}},
		})
		luax.Define(vm, luax.Class[*plain]{Name: "plain", Methods: map[string]lua.LGFunction{
			"get": func(L *lua.LState) int {
				a := luax.Read(L, "get")
				L.Push(lua.LNumber(luax.Self[*plain](&a).n))
				return 1
			},
		}})
		m := luax.Module(vm, "m", map[string]lua.LGFunction{
			"point": func(L *lua.LState) int {
				a := luax.Read(L, "point")
				L.Push(luax.Wrap(L, &point{a.Number("x"), a.Number("y")}))
				return 1
			},
			"plain": func(L *lua.LState) int { L.Push(luax.Wrap(L, &plain{5})); return 1 },
			"step": func(L *lua.LState) int {
				a := luax.Read(L, "step")
				batch := a.Table("batch")
				o := a.Options("learning_rate", "weight_decay", "num_substeps", "loss_fn", "verbose", "callback", "config", "name")
				rate := o.NeedNumber("learning_rate")
				sub := o.Int("num_substeps", 1)
				fn := o.OneOf("loss_fn", "ppo", "ppo", "cispo", "importance_sampling")
				verbose := o.Bool("verbose", false)
				o.Func("callback")
				o.Table("config")
				name := o.String("name", "-")
				a.End()
				L.Push(lua.LString(fmt.Sprintf("%v %v %v %v %v %v %v %v", batch.Len(), rate, o.Number("weight_decay", 0.5), sub, fn, verbose, name, o.Has("name"))))
				return 1
			},
			"ids": func(L *lua.LState) int {
				a := luax.Read(L, "ids")
				ids := luax.Numbers[int32](&a, "tokens", a.Table("tokens"))
				fs := luax.Numbers[float32](&a, "logprobs", a.Table("logprobs"))
				names := luax.Strings(&a, "names", a.Table("names"))
				L.Push(luax.List(a.VM(), ids))
				L.Push(luax.List(a.VM(), fs))
				L.Push(luax.StringList(a.VM(), names))
				return 3
			},
			"kinds": func(L *lua.LState) int {
				a := luax.Read(L, "kinds")
				a.String("s")
				a.Int("i")
				a.Bool("b")
				a.Func("f")
				a.Value("v")
				a.OptString("os", "")
				a.OptInt("oi", 0)
				a.OptBool("ob", false)
				a.OptFunc("of")
				a.OptTable("ot")
				rest := a.Rest()
				L.Push(lua.LNumber(len(rest)))
				return 1
			},
			"record": func(L *lua.LState) int {
				vm := runtime.VMOf(L)
				t := vm.NewTable(0, 1)
				t.RawSetString("n", lua.LNumber(3))
				L.Push(luax.Record(vm, "record", t, func(L *lua.LState, t *lua.LTable) string {
					return "record of " + t.RawGetString("n").String()
				}))
				return 1
			},
		})
		return m, nil
	}}}}
}

func TestScripts(t *testing.T) {
	runtimetest.RunFiles(t, config(), "testdata/*.lua")
}

func TestValuesOfAClassComeOut(t *testing.T) {
	t.Parallel()
	h := runtimetest.New(t, config())
	out := h.Must(t, `local p = ... return p:moved(1, 2), p.x`, &point{10, 20})
	if p, ok := out[0].(*point); !ok || *p != (point{11, 22}) || out[1] != 10.0 {
		t.Errorf("got %v", out)
	}
}

// An undeclared option is the binding's bug, and says so.
func TestUndeclaredOption(t *testing.T) {
	t.Parallel()
	cfg := runtime.Config{Modules: []runtime.Module{{Name: "m", Open: func(vm *runtime.VM) (lua.LValue, error) {
		return vm.NewFunction(func(L *lua.LState) int {
			a := luax.Read(L, "f")
			o := a.Options("a")
			o.Int("b", 0)
			return 0
		}), nil
	}}}}
	runtimetest.New(t, cfg).Fails(t, `require("m")({})`, `host bug: luax: f reads option "b"`)
}

// A host function may look up fields of what it was given.
func TestFieldsFromHost(t *testing.T) {
	t.Parallel()
	var kept lua.LValue
	cfg := config()
	cfg.Modules = append(cfg.Modules, runtime.Module{Name: "host", Open: func(vm *runtime.VM) (lua.LValue, error) {
		return luax.Module(vm, "host", map[string]lua.LGFunction{
			"y": func(L *lua.LState) int {
				kept = L.Get(2)
				L.Push(L.GetField(kept, "y"))
				return 1
			},
			"kept": func(L *lua.LState) int {
				L.Push(L.GetField(kept, "y"))
				return 1
			},
		}), nil
	}})
	h := runtimetest.New(t, cfg)
	if out := h.Must(t, `return require("host").y(1, require("m").point(3, 4))`); out[0] != 4.0 {
		t.Errorf("got %v, want 4", out)
	}
	h.Fails(t, `require("host").kept()`, "a host function looked up a field of an object that it was not given")
}
