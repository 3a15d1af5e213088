// Package test is hud.test: tests of scripts, in Lua, and what runs them.
//
//	results, err := test.Run(ctx, bindings.Default(svc), chunk, test.Options{})
//
// A test file describes tests with describe and it, defines global functions
// whose names begin with test_, or returns a table of functions. Assertions
// raise an error of code "check" that shows what differs. Under plain
// hudrl run a test runs where it stands, and a failure ends the script.
package test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
)

// A Result is how one test ended.
type Result struct {
	Name    string        // of the describes around it and its own, between " > "
	Err     error         // nil where it passed
	Elapsed time.Duration // of the test with its hooks
	Output  string        // what it printed
}

// Options say which tests run, and how.
type Options struct {
	Match   string        // only tests whose name contains it
	Timeout time.Duration // of one test; 0: Limits.WallTime of the Config
	Golden  Golden        // nil: golden raises
	OnEnd   func(Result)  // called after each test
}

// Golden keeps what tests compare with.
type Golden interface {
	// Golden is the text kept under a name; ok is false where there is none.
	Golden(name string) (text string, ok bool, err error)
	// Keep stores a text, and reports false where it must not.
	Keep(name, text string) (bool, error)
}

// A suite is the tests of one file.
type suite struct {
	options Options
	names   []string // of the describes around what is described now
	before  [][]*lua.LFunction
	after   [][]*lua.LFunction
	tests   []entry
	todo    []*lua.LFunction // what is to be called next
	running bool
}

type entry struct {
	name          string
	fn            *lua.LFunction
	before, after []*lua.LFunction
}

type suiteKey struct{}

// CodeCheck is the code of an assertion's error.
const CodeCheck = "check"

// Run runs the tests that chunk describes, one after another in one VM with
// the configuration; each, and each hook, is a call with budgets of its own. A failed
// test does not stop the others. The error is that of the file itself, also where
// it describes none.
func Run(ctx context.Context, config runtime.Config, chunk *runtime.Chunk, options Options) ([]Result, error) {
	s := &suite{options: options, before: [][]*lua.LFunction{nil}, after: [][]*lua.LFunction{nil}}
	out := &capture{w: config.Stdout}
	config.Stdout = out
	if options.Timeout > 0 {
		config.Limits.WallTime = options.Timeout
	}
	config.Modules = append(slices.Clone(config.Modules), runtime.Module{
		Name: "hudrl.test", Open: func(vm *runtime.VM) (lua.LValue, error) {
			vm.SetValue(suiteKey{}, s)
			return vm.NewFunction(s.next), nil
		}})
	rt, err := runtime.New(config)
	if err != nil {
		return nil, err
	}
	defer rt.Close()
	loaded, err := rt.Run(ctx, chunk)
	var exit *runtime.ExitError
	if errors.As(err, &exit) {
		return nil, runtime.Faultf(CodeCheck, "os.exit(%d): a test file describes tests and returns", exit.Code)
	}
	if err != nil {
		return nil, err
	}
	if err := s.plain(ctx, rt, loaded); err != nil {
		return nil, err
	}
	if len(s.tests) == 0 {
		f := runtime.Faultf(CodeCheck, "the file has no test")
		f.Hint = "describe one with test.it, define a function test_…, or return a table of functions"
		return nil, f
	}
	next, err := runtime.Compile("hud.test", `return require("hudrl.test")()`)
	if err != nil {
		return nil, err
	}
	var results []Result
	s.running = true
	for _, t := range s.tests {
		if !strings.Contains(t.name, options.Match) {
			continue
		}
		out.begin()
		started := time.Now()
		err := s.run(ctx, rt, next, t)
		var exit *runtime.ExitError
		if errors.As(err, &exit) {
			err = runtime.Faultf(CodeCheck, "os.exit(%d): a test ends by returning", exit.Code)
		}
		r := Result{Name: t.name, Err: err, Elapsed: time.Since(started), Output: out.end()}
		results = append(results, r)
		if options.OnEnd != nil {
			options.OnEnd(r)
		}
		if ctx.Err() != nil {
			return results, context.Cause(ctx)
		}
	}
	return results, nil
}

// run runs one test: the hooks before it up to one that fails, and always
// those after it, the innermost first.
func (s *suite) run(ctx context.Context, rt *runtime.Runtime, next *runtime.Chunk, t entry) error {
	s.todo = slices.Concat(t.before, []*lua.LFunction{t.fn}, t.after)
	list, err := rt.Run(ctx, next)
	if err != nil {
		return err
	}
	call := func(f any) error {
		fn, ok := f.(*runtime.Func)
		if !ok {
			return fmt.Errorf("hud.test: got %T, want a function", f)
		}
		_, err := rt.Call(ctx, fn)
		return err
	}
	first := len(list) - len(t.after)
	for _, f := range list[:first] {
		if err = call(f); err != nil {
			break
		}
	}
	for _, f := range slices.Backward(list[first:]) {
		if failed := call(f); err == nil {
			err = failed
		}
	}
	return err
}

// gather is Lua that lists the tests of a file that are plain functions: the
// globals test_… and those of the table it returned.
const gather = `
	local add, returned = require("hudrl.test"), ...
	local function all(t, prefix)
		local names = {}
		for name, fn in pairs(t) do
			if type(name) == "string" and type(fn) == "function" and name:find(prefix) == 1 then names[#names + 1] = name end
		end
		table.sort(names)
		for _, name in ipairs(names) do add(name, t[name]) end
	end
	all(_G, "test_")
	if type(returned) == "table" then all(returned, "") end`

// plain adds the tests that are plain functions.
func (s *suite) plain(ctx context.Context, rt *runtime.Runtime, returned []any) error {
	chunk, err := runtime.Compile("hud.test", gather)
	if err != nil {
		return err
	}
	if len(returned) > 1 {
		returned = returned[:1]
	}
	if len(returned) == 1 {
		if err := named(returned[0]); err != nil {
			return err
		}
	}
	_, err = rt.Run(ctx, chunk, returned...)
	return err
}

// named refuses functions at positions of what a file returns: a test has a
// name to be told by.
func named(returned any) error {
	at := func(key string, v any) error {
		if _, ok := v.(*runtime.Func); !ok {
			return nil
		}
		f := runtime.Faultf(CodeCheck, "the file returns a function at [%s], without a name", key)
		f.Hint = "return { adds = function() … end }"
		return f
	}
	switch returned := returned.(type) {
	case []any:
		for i, v := range returned {
			if err := at(strconv.Itoa(i+1), v); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(returned)) {
			if _, err := strconv.ParseFloat(key, 64); err != nil {
				continue
			}
			if err := at(key, returned[key]); err != nil {
				return err
			}
		}
	}
	return nil
}

// next is what Run calls inside the VM: with arguments it adds a plain
// function, without any it gives out what is to be called.
func (s *suite) next(L *lua.LState) int {
	if L.GetTop() > 0 {
		s.tests = append(s.tests, entry{name: L.CheckString(1), fn: L.CheckFunction(2), before: s.before[0], after: s.after[0]})
		return 0
	}
	vm, list := runtime.VMOf(L), s.todo
	s.todo = nil
	if list == nil {
		vm.Raise(L, runtime.Faultf(runtime.CodeValidation, "hudrl.test: this is for hudrl test itself; write require \"hud.test\""))
	}
	for _, f := range list {
		L.Push(f)
	}
	return len(list)
}

// of is the suite that collects the tests of L's VM, nil under plain run.
func of(L *lua.LState) *suite {
	s, _ := runtime.VMOf(L).Value(suiteKey{}).(*suite)
	return s
}

// Open makes the module in a VM.
func Open(vm *runtime.VM) (lua.LValue, error) {
	return luax.Module(vm, "hud.test", map[string]lua.LGFunction{
		"describe":    describe,
		"it":          it,
		"before_each": hook("before_each", func(s *suite) *[]*lua.LFunction { return &s.before[len(s.before)-1] }),
		"after_each":  hook("after_each", func(s *suite) *[]*lua.LFunction { return &s.after[len(s.after)-1] }),
		"ok":          ok,
		"equal":       equal,
		"near":        near,
		"raises":      raises,
		"golden":      golden,
	}), nil
}

func describe(L *lua.LState) int {
	a := luax.Read(L, "describe")
	name, fn := a.String("name"), a.Func("fn")
	a.End()
	vm, s := a.VM(), of(L)
	if s == nil {
		call(L, fn, name)
		return 0
	}
	if s.running {
		a.Fail("%q stands inside a test: describe tests before they run", name)
	}
	s.names = append(s.names, name)
	s.before = append(s.before, nil)
	s.after = append(s.after, nil)
	_, err := vm.Call(L, fn)
	s.names = s.names[:len(s.names)-1]
	s.before = s.before[:len(s.before)-1]
	s.after = s.after[:len(s.after)-1]
	if err != nil {
		vm.Raise(L, err)
	}
	return 0
}

func it(L *lua.LState) int {
	a := luax.Read(L, "it")
	name, fn := a.String("name"), a.Func("fn")
	a.End()
	s := of(L)
	if s == nil {
		call(L, fn, name)
		return 0
	}
	full := strings.Join(append(slices.Clone(s.names), name), " > ")
	if s.running {
		a.Fail("%q stands inside a test: describe tests before they run", name)
	}
	if slices.ContainsFunc(s.tests, func(t entry) bool { return t.name == full }) {
		a.Fail("there are two tests called %q", full)
	}
	s.tests = append(s.tests, entry{full, fn, slices.Concat(s.before...), slices.Concat(s.after...)})
	return 0
}

// call runs a test at once, where nobody collects them.
func call(L *lua.LState, fn *lua.LFunction, name string) {
	vm := runtime.VMOf(L)
	if _, err := vm.Call(L, fn); err != nil {
		vm.Raise(L, fmt.Errorf("%s: %w", name, err))
	}
}

func hook(name string, list func(*suite) *[]*lua.LFunction) lua.LGFunction {
	return func(L *lua.LState) int {
		a := luax.Read(L, name)
		fn := a.Func("fn")
		a.End()
		s := of(L)
		if s == nil {
			a.FailHint("run the file with hudrl test", "nothing collects tests here")
		}
		*list(s) = append(*list(s), fn)
		return 0
	}
}

// A capture keeps what one test prints; the rest goes on to w.
type capture struct {
	w    io.Writer
	on   bool
	text strings.Builder
}

func (c *capture) Write(p []byte) (int, error) {
	if c.on {
		return c.text.Write(p)
	}
	if c.w == nil {
		return len(p), nil
	}
	return c.w.Write(p)
}

func (c *capture) begin() { c.on = true; c.text.Reset() }

func (c *capture) end() string { c.on = false; return c.text.String() }
