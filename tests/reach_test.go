package tests

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/stdlib"
)

// samples are values of every class that a script can make, and all that it gets
// from pcall, coroutines, the service, modules of its own and the host.
const samples = `
local hud = require "hud"
local _, err = pcall(string.rep)
local function up() return hud end
local session, context
local taskset = hud.Taskset("t", { { run = function(s, c) session, context = s, c return 1 end } })
local agent = hud.Agent("tiny", { max_tokens = 2 })
local job = hud.Job.start("j", { group = 1 })
local rollouts = taskset:run(agent, { job = job })
local trainer = hud.TrainingClient "tiny"
local forward = trainer:forward(batch)
return {
	trainer = trainer, agent = agent, taskset = taskset, job = job, session = session, context = context, rollouts = rollouts, forward = forward,
	tokenizer = hud.tokenizer and hud.tokenizer "tiny", models = hud.models.list(), chat = hud.chat { model = "tiny", messages = { { role = "user", content = "x" } }, max_tokens = 1 },
	step = trainer:forward_backward(batch, { loss_fn = "cross_entropy" }), checkpoints = trainer:checkpoints(),
	raised = { pcall(error, { 1 }) }, limit = { pcall(string.rep, "x", 1e12) }, service = { pcall(hud.models.resolve, "nobody") }, bug = { pcall(require "bug") },
	failed = { coroutine.resume(coroutine.create(function() error(err) end)) }, yielded = { coroutine.resume(coroutine.create(function() coroutine.yield(hud, up) end)) },
	handled = { xpcall(error, function(e) return e, hud end, err) }, mine = require "mine", grad = hud.tensor({ 1 }):requires_grad_():sum(), steps = hud.steps(1),
	tensor = hud.tensor { 1 }, error = err, task = hud.spawn(function() end), stream = hud.rng.stream(1),
	coroutine = coroutine.create(up), wrap = coroutine.wrap(up), gmatch = ("x"):gmatch("x"), closure = up,
	schedule = hud.schedule.constant(1), decoded = hud.json.decode '[null, {"a": [1]}]', chunk = loadstring "return 1",
	progress = hud.progress(1), dataset = hud.dataset({ 1 }), batches = hud.dataset({ 1 }):batches(1), metrics = hud.metrics.run(), index = hud.tensor { 1 }.sum, string = "x",
}`

// reached are the values that are neither a standard name of runtime.Names nor
// documented in stdlib, by where they are found, with the reason why they may
// be there. A * stands for any name, ** for any path.
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

	"_G.batch table":                                 "of this test",
	"_G.batch.** table":                              "of this test",
	"_G.guest *":                                     "the host's own value",
	"_G.guest.<metatable> table":                     "hidden by __metatable",
	"_G.guest.<metatable>.* Go function":             "shows the methods that the host named",
	"_G.guest.<metatable>.__index.hello Go function": "the one that the host named",

	"sample table":                "of this test",
	"sample.** table":             "data: the script's own, or copied for it",
	"sample.** Lua function":      "the script's own, or what loadstring or require made",
	"sample.closure.** table":     "what the script's own function holds",
	"sample.coroutine *":          "the script's own",
	"sample.wrap Go function":     "resumes one coroutine",
	"sample.gmatch Go function":   "the next match",
	"sample.index Go function":    "a method",
	"sample.schedule Go function": "a number from a number",
	"sample.steps Go function":    "the next number",

	"sample.** userdata of *runtime.errorObject":                    "a Go error, of which only the named fields are shown",
	"sample.task userdata of *runtime.Task":                         "has wait and cancel",
	"sample.** userdata of *tensor.Tensor":                          "has the fields and methods of its class",
	"sample.** userdata of *rng.Stream":                             "has the fields and methods of its class",
	"sample.** userdata of *progress.line":                          "has the fields and methods of its class",
	"sample.** userdata of *dataset.set":                            "has the fields and methods of its class",
	"sample.** userdata of *dataset.batches":                        "has the fields and methods of its class",
	"sample.** userdata of *metrics.run":                            "has the fields and methods of its class",
	"sample.** userdata of *hud.tokenizer":                          "has the fields and methods of its class",
	"sample.** userdata of *hud.trainer":                            "has the fields and methods of its class",
	"sample.** userdata of *hud.agent":                              "has the fields and methods of its class",
	"sample.** userdata of *hud.session":                            "has the fields and methods of its class",
	"sample.** userdata of *hud.episodeContext":                     "has the fields and methods of its class",
	"sample.** userdata of *hud.taskset":                            "has the fields and methods of its class",
	"sample.** userdata of *hud.job":                                "has the fields and methods of its class",
	"sample.**.<metatable> table":                                   "of a class, or of what shows itself; __metatable hides it from the script",
	"sample.**.<metatable>.* Go function":                           "of a class: reads its own userdata and no other",
	"sample.**.<metatable>.__index.* Go function":                   "a method, which reads its own userdata and no other",
	"sample.**.<metatable>.__index.<metatable>.__index Go function": "refuses unknown methods",
	"sample.forward.data.packed.* Go function":                      "a method of packed data",

	"<metatable of string> table":                                   "hidden by __metatable",
	"<metatable of string>.__index table":                           "a private copy of the string methods",
	"<metatable of string>.__index.<metatable> table":               "refuses unknown methods",
	"<metatable of string>.__index.<metatable>.__index Go function": "refuses unknown methods",
}

// explained reports whether what is at path is on a list.
func explained(names map[string][]string, path, kind string) bool {
	if rest, ok := strings.CutPrefix(path, "_G."); ok {
		lib, name, nested := strings.Cut(rest, ".")
		if _, isLib := names[lib]; !nested && (isLib || slices.Contains(names["_G"], lib)) {
			return true
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
		p = strings.ReplaceAll(p, `\.\*\*`, `\..+`)
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
	config := bindings.Default(newLab(t))
	config.Capabilities = runtime.Capabilities{ReadRoots: []string{t.TempDir()}, Hosts: []string{"127.0.0.1:1"}, Env: []string{"USER"}}
	config.Roots = append(config.Roots, fstest.MapFS{"mine.lua": {Data: []byte("return { f = function() return _G end }")}})
	config.Modules = append(config.Modules, runtime.Module{Name: "bug", Open: func(vm *runtime.VM) (lua.LValue, error) {
		return vm.NewFunction(func(*lua.LState) int { panic("broken") }), nil
	}}, runtime.Module{Name: "walk", Open: func(vm *runtime.VM) (lua.LValue, error) {
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
	if err := rt.Set("guest", &guest{}, "Hello"); err != nil {
		t.Fatal(err)
	}
	chunk, err := runtime.Compile("reach.lua", `require "walk" ((function() batch = { { reward = 1, samples = { { prompt_token_ids = { 5, 6 }, output_token_ids = { 7, 8 }, output_logprobs = { -1, -1 } } } } } `+samples+` end)())`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rt.Run(context.Background(), chunk); err != nil {
		t.Fatal(err)
	}
	if len(w.found) < 300 {
		t.Errorf("reached %d values, which cannot be all", len(w.found))
	}
	for _, class := range classes(t) {
		if !slices.Contains(slices.Collect(maps.Values(w.found)), "userdata of "+class) {
			t.Errorf("no sample is a %s", class)
		}
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

// guest is a Go value of the host's.
type guest struct{ Secret string }

// Hello is shown to scripts, Hidden is not.
func (*guest) Hello() string  { return "hello" }
func (*guest) Hidden() string { return "hidden" }

// classes are the Go types that scripts meet as objects, from the source.
func classes(t *testing.T) []string {
	t.Helper()
	var all []string
	class := regexp.MustCompile(`luax\.Class\[\*([\w.]+)\]`)
	files, err := filepath.Glob("../bindings/*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range class.FindAllStringSubmatch(string(text), -1) {
			name := m[1]
			if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "../bindings/luax/") {
				continue
			}
			if !strings.Contains(name, ".") {
				name = filepath.Base(filepath.Dir(file)) + "." + name
			}
			all = append(all, "*"+name)
		}
	}
	if len(all) < 10 {
		t.Fatalf("found only %v", all)
	}
	return all
}
