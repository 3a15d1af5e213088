package tests

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/stdlib"
)

// samples are values of every class that a script can make without a service.
const samples = `
local hud = require "hud"
local _, err = pcall(string.rep)
local function up() return hud end
return {
	tensor = hud.tensor { 1 }, error = err, task = hud.spawn(function() end), stream = hud.rng.stream(1),
	coroutine = coroutine.create(up), wrap = coroutine.wrap(up), gmatch = ("x"):gmatch("x"), closure = up,
	schedule = hud.schedule.constant(1), decoded = hud.json.decode '[null, {"a": [1]}]', chunk = loadstring "return 1",
	progress = hud.progress(1), dataset = hud.dataset({ 1 }), batches = hud.dataset({ 1 }):batches(1), metrics = hud.metrics.run(), index = hud.tensor { 1 }.sum, string = "x",
}`

// reached are the values that are neither a standard name of runtime.Names nor
// documented in stdlib, by where they are found, with the reason why they may
// be there. A * stands for any name.
var reached = map[string]string{
	"_G table":                            "the globals",
	"_G.ipairs.<upvalue 1> Go function":   "its iterator, which it returns: reads one table",
	"_G.pairs.<upvalue 1> Go function":    "its iterator, which it returns: reads one table",
	"hud table":                           "the module",
	"hud.* table":                         "a module, or a list of names",
	"hud.*.* table":                       "a module within one",
	"hud.<metatable> table":               "refuses unknown names",
	"hud.<metatable>.__index Go function": "refuses unknown names",
	"hud.*.<metatable> table":             "refuses unknown names, or shows the value",
	"hud.*.<metatable>.* Go function":     "refuses unknown names, or shows the value",
	"hud.*.*.<metatable> table":           "refuses unknown names, or shows the value",
	"hud.*.*.<metatable>.* Go function":   "refuses unknown names, or shows the value",
	"hud.json.null userdata of <nil>":     "stands for null, holds nothing",
	"registry table":                      "gopher-lua's own; empty, and no script can name it",

	"sample table":                         "of this test",
	"sample.closure *":                     "the script's own function",
	"sample.chunk *":                       "what loadstring made",
	"sample.coroutine *":                   "the script's own",
	"sample.wrap *":                        "resumes one coroutine",
	"sample.gmatch *":                      "the next match",
	"sample.index *":                       "a method",
	"sample.schedule *":                    "a number from a number",
	"sample.decoded table":                 "what json.decode made",
	"sample.decoded.2 table":               "what json.decode made",
	"sample.decoded.2.a table":             "what json.decode made",
	"sample.decoded.2.a.<metatable> table": "marks a list, so that an empty one is encoded as one; empty",

	"sample.error userdata of *runtime.errorObject":                "a Go error, of which only the named fields are shown",
	"sample.task userdata of *runtime.Task":                        "has wait and cancel",
	"sample.tensor userdata of *tensor.Tensor":                     "has the methods of its class",
	"sample.stream userdata of *rng.Stream":                        "has the methods of its class",
	"sample.progress userdata of *progress.line":                   "has the methods of its class",
	"sample.dataset userdata of *dataset.set":                      "has the methods of its class; gives records",
	"sample.metrics userdata of *metrics.run":                      "has the methods of its class; writes one file of its own name",
	"sample.batches userdata of *dataset.batches":                  "has the methods of its class",
	"sample.*.<metatable> table":                                   "of a class; __metatable hides it from the script",
	"sample.*.<metatable>.* Go function":                           "of a class: reads its own userdata and no other",
	"sample.*.<metatable>.__index table":                           "the methods of a class",
	"sample.*.<metatable>.__index.* Go function":                   "a method, which reads its own userdata and no other",
	"sample.*.<metatable>.__index.<metatable> table":               "refuses unknown methods",
	"sample.*.<metatable>.__index.<metatable>.__index Go function": "refuses unknown methods",

	"<metatable of string> table":                                   "hidden by __metatable",
	"<metatable of string>.__index table":                           "a private copy of the string methods",
	"<metatable of string>.__index.<metatable> table":               "refuses unknown methods",
	"<metatable of string>.__index.<metatable>.__index Go function": "refuses unknown methods",
}

// explained reports whether what is at path is on a list.
func explained(names map[string][]string, path, kind string) bool {
	if rest, ok := strings.CutPrefix(path, "_G."); ok {
		lib, name, nested := strings.Cut(rest, ".")
		if !nested {
			_, isLib := names[lib]
			return isLib || slices.Contains(names["_G"], lib)
		}
		if slices.Contains(names[lib], name) {
			return true
		}
	}
	if len(stdlib.Lookup(path)) > 0 {
		return true
	}
	for pattern := range reached {
		p := regexp.QuoteMeta(pattern)
		p = strings.ReplaceAll(strings.ReplaceAll(p, `\.\*`, `\.[^.<>]+`), ` \*`, ` .+`)
		if regexp.MustCompile("^" + p + "$").MatchString(path + " " + kind) {
			return true
		}
	}
	return false
}

// walker visits every value that can be reached: by indexing, through
// metatables, environments and upvalues, also where a script itself could not
// look.
type walker struct {
	seen  map[any]bool
	found map[string]string // path: what is there
}

func (w *walker) walk(path string, v lua.LValue) {
	switch v := v.(type) {
	case *lua.LTable:
		if w.first(path, "table", v) {
			v.ForEach(func(k, e lua.LValue) {
				w.walk(path+"."+k.String(), e)
				if _, plain := k.(lua.LString); !plain {
					w.walk(path+".<key>", k)
				}
			})
			w.walk(path+".<metatable>", v.Metatable)
		}
	case *lua.LFunction:
		kind := "Lua function"
		if v.IsG {
			kind = "Go function"
		}
		if w.first(path, kind, v) {
			for i, u := range v.Upvalues {
				w.walk(fmt.Sprintf("%s.<upvalue %d>", path, i+1), u.Value())
			}
			if v.Env != nil {
				w.walk(path+".<env>", v.Env)
			}
		}
	case *lua.LUserData:
		if w.first(path, fmt.Sprintf("userdata of %T", v.Value), v) {
			w.walk(path+".<metatable>", v.Metatable)
			if v.Env != nil {
				w.walk(path+".<env>", v.Env)
			}
		}
	case *lua.LState:
		if w.first(path, "coroutine", v) && v.Env != nil {
			w.walk(path+".<env>", v.Env)
		}
	case lua.LChannel:
		w.first(path, "channel", v)
	}
}

func (w *walker) first(path, kind string, v any) bool {
	if w.seen[v] {
		return false
	}
	w.seen[v] = true
	w.found[path] = kind
	return true
}

// Whatever can be reached from the globals, the modules and a value of every
// class is on a list: the runtime's allow-list, the documentation, or reached.
func TestReachableValues(t *testing.T) {
	t.Parallel()
	w := &walker{seen: map[any]bool{}, found: map[string]string{}}
	config := bindings.Default(nil)
	config.Modules = append(config.Modules, runtime.Module{Name: "walk", Open: func(vm *runtime.VM) (lua.LValue, error) {
		return vm.NewFunction(func(L *lua.LState) int {
			w.walk("_G", L.G.Global)
			w.walk("registry", L.G.Registry)
			for _, m := range bindings.Default(nil).Modules {
				if v := vm.Module(m.Name); v != nil {
					w.walk(m.Name, v)
				}
			}
			w.walk("sample", L.Get(1))
			for name, v := range map[string]lua.LValue{"string": lua.LString(""), "number": lua.LNumber(0), "boolean": lua.LTrue,
				"nil": lua.LNil, "function": vm.NewFunction(func(*lua.LState) int { return 0 }), "thread": L} {
				w.walk("<metatable of "+name+">", L.GetMetatable(v))
			}
			return 0
		}), nil
	}})
	rt, err := runtime.New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	chunk, err := runtime.Compile("reach.lua", `require "walk" ((function() `+samples+` end)())`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rt.Run(context.Background(), chunk); err != nil {
		t.Fatal(err)
	}
	if len(w.found) < 300 {
		t.Errorf("reached %d values, which cannot be all", len(w.found))
	}
	names := runtime.Names()
	for _, p := range []string{"_G.debug", "_G.os.execute", "hud.secret", "hud.json.secret", "_G.pairs.<upvalue 1>.<env>.dofile"} {
		if explained(names, p, "Go function") {
			t.Errorf("the lists would allow %s", p)
		}
	}
	for path, kind := range w.found {
		if !explained(names, path, kind) {
			t.Errorf("reached %s, a %s, which is on no list", path, kind)
		}
	}
}
