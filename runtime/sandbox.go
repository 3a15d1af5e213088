package runtime

import (
	"maps"
	"math"
	"slices"
	"sync"

	lua "github.com/yuin/gopher-lua"
)

// source says who wrote a library function.
type origin int

const (
	ours     origin = iota // replaced by a function of this package
	upstream               // gopher-lua's own, found harmless
)

// allowed is the allow-list of library functions. What is not in it does not
// exist for a script; a test walks every reachable global and compares.
var allowed = map[string]map[string]struct {
	from   origin
	reason string
}{
	"_G": {
		"assert":       {ours, "gopher-lua turns error objects into strings"},
		"error":        {ours, "raises any value; a level outside the stack must not panic"},
		"getmetatable": {upstream, "reads; __metatable protects what is ours"},
		"ipairs":       {upstream, "reads one table"},
		"load":         {ours, "source limits before parsing; text chunks only"},
		"loadstring":   {ours, "source limits before parsing; text chunks only"},
		"next":         {upstream, "reads one table"},
		"pairs":        {upstream, "reads one table, in order of insertion"},
		"pcall":        {ours, "host bugs and stack overflows become error objects"},
		"print":        {ours, "writes to Config.Stdout, numbers as %.14g"},
		"rawequal":     {upstream, "compares"},
		"rawget":       {upstream, "reads one table"},
		"rawset":       {ours, "refuses indices far beyond the table's length"},
		"require":      {ours, "built-ins and Config.Roots only, never LUA_PATH"},
		"select":       {ours, "gopher-lua's is wrong for negative positions"},
		"setmetatable": {ours, "tables only: a script has no business with userdata or strings"},
		"tonumber":     {ours, "gopher-lua's does not read 1e-4"},
		"tostring":     {ours, "numbers as %.14g"},
		"type":         {upstream, "reads"},
		"unpack":       {ours, "a clear error instead of a registry overflow"},
		"xpcall":       {ours, "as pcall; passes arguments"},
	},
	"coroutine": {
		"create":  {ours, "counts, and runs under the task's budget"},
		"resume":  {ours, "refuses a coroutine that another task runs"},
		"running": {ours, "a task's main thread is none"},
		"status":  {ours, "knows tasks"},
		"wrap":    {ours, "as create and resume"},
		"yield":   {ours, "a clear error where gopher-lua would corrupt its stack"},
	},
	"string": {
		"byte":    {ours, "the number of results is bounded"},
		"char":    {ours, "refuses codes outside 0..255"},
		"find":    {ours, "a pattern matcher with a step budget"},
		"format":  {ours, "strict: types are checked, widths bounded"},
		"gmatch":  {ours, "as find, one match at a time"},
		"gsub":    {ours, "as find, within the string limit"},
		"len":     {ours, "numbers as %.14g"},
		"lower":   {ours, "bytes, as in Lua: gopher-lua's changes UTF-8"},
		"match":   {ours, "as find"},
		"rep":     {ours, "within the string limit"},
		"reverse": {ours, "as len"},
		"sub":     {ours, "as len"},
		"upper":   {ours, "as lower"},
	},
	"table": {
		"concat": {ours, "long tables, within the string limit"},
		"getn":   {upstream, "reads"},
		"insert": {ours, "refuses positions outside 1..#t+1"},
		"maxn":   {ours, "gopher-lua's passes over keys that are not whole"},
		"remove": {ours, "positions outside the table give nil"},
		"sort":   {ours, "can be stopped; a broken comparison does no harm"},
	},
	"math": {
		"abs": {upstream, "pure"}, "acos": {upstream, "pure"}, "asin": {upstream, "pure"},
		"atan": {upstream, "pure"}, "atan2": {upstream, "pure"}, "ceil": {upstream, "pure"},
		"cos": {upstream, "pure"}, "cosh": {upstream, "pure"}, "deg": {upstream, "pure"},
		"exp": {upstream, "pure"}, "floor": {upstream, "pure"}, "fmod": {upstream, "pure"},
		"frexp": {upstream, "pure"}, "ldexp": {ours, "exponents beyond the int range"},
		"log": {upstream, "pure"}, "log10": {upstream, "pure"}, "max": {ours, "numerals of any length can be stopped"},
		"min": {ours, "as max"}, "mod": {upstream, "pure"}, "modf": {ours, "infinity has the fraction 0"},
		"pow": {upstream, "pure"}, "rad": {upstream, "pure"}, "sin": {upstream, "pure"},
		"sinh": {upstream, "pure"}, "sqrt": {upstream, "pure"}, "tan": {upstream, "pure"},
		"tanh":       {upstream, "pure"},
		"random":     {ours, "a stream per task, from Config.Seed"},
		"randomseed": {ours, "restarts the task's stream; gopher-lua's does nothing"},
	},
	"os": {
		"clock":    {ours, "seconds since the VM was made"},
		"date":     {ours, "UTC; the real date only with Capabilities.Clock"},
		"difftime": {ours, "subtracts"},
		"exit":     {ours, "ends the script, not the host"},
		"time":     {ours, "the real time only with Capabilities.Clock"},
	},
}

// constants are the values in the libraries that are no functions.
var constants = map[string]map[string]lua.LValue{
	"_G":   {"_VERSION": lua.LString("Lua 5.1")},
	"math": {"pi": lua.LNumber(math.Pi), "huge": lua.LNumber(math.Inf(1))},
}

// Names are the standard names that a script sees: those of each library, and
// under "_G" the other globals, sorted.
func Names() map[string][]string {
	all := map[string][]string{"_G": {"_G", "arg"}}
	for lib, names := range allowed {
		all[lib] = slices.AppendSeq(all[lib], maps.Keys(names))
	}
	for lib, names := range constants {
		all[lib] = slices.AppendSeq(all[lib], maps.Keys(names))
	}
	for _, names := range all {
		slices.Sort(names)
	}
	return all
}

// An upstreamFunction is one of gopher-lua's own. It holds no state, so that all
// VMs share it.
type upstreamFunction struct {
	call     lua.LGFunction
	iterator lua.LGFunction // of pairs and ipairs, else nil
}

// upstreamFunctions are those of gopher-lua's functions that allowed names, by
// library and name.
var upstreamFunctions = sync.OnceValue(func() map[[2]string]upstreamFunction {
	L := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer L.Close()
	for _, open := range []lua.LGFunction{lua.OpenBase, lua.OpenString, lua.OpenTable, lua.OpenMath} {
		L.Push(L.NewFunction(open))
		L.Call(0, 0)
	}
	found := map[[2]string]upstreamFunction{}
	for lib, names := range allowed {
		from := L.G.Global
		if lib != "_G" {
			from, _ = from.RawGetString(lib).(*lua.LTable)
		}
		for name, entry := range names {
			if entry.from != upstream {
				continue
			}
			fn := from.RawGetString(name).(*lua.LFunction)
			up := upstreamFunction{call: fn.GFunction}
			if lib == "math" {
				up.call = takesNumbers(1, up.call)
			}
			up.call = Guard(up.call)
			if len(fn.Upvalues) > 0 {
				up.iterator = fn.Upvalues[0].Value().(*lua.LFunction).GFunction
			}
			found[[2]string{lib, name}] = up
		}
	}
	return found
})

// function makes the function for one VM.
func (u upstreamFunction) function(vm *VM) *lua.LFunction {
	fn := &lua.LFunction{IsG: true, Env: vm.root.Env, GFunction: u.call}
	if u.iterator != nil {
		it := &lua.Upvalue{}
		it.Close()
		it.SetValue(&lua.LFunction{IsG: true, Env: vm.root.Env, GFunction: u.iterator})
		fn.Upvalues = []*lua.Upvalue{it}
	}
	return fn
}

// openLibraries fills the globals with what the allow-list names.
func (vm *VM) openLibraries() {
	mine := map[string]map[string]lua.LGFunction{
		"_G":        vm.baseFunctions(),
		"coroutine": vm.coroutineFunctions(),
		"string":    vm.stringFunctions(),
		"table":     vm.tableFunctions(),
		"math":      vm.mathFunctions(),
		"os":        vm.osFunctions(),
	}
	from := upstreamFunctions()
	globals := vm.root.G.Global
	for lib, names := range allowed {
		into := globals
		if lib != "_G" {
			into = vm.NewTable(0, len(names)+2)
			globals.RawSetString(lib, into)
		}
		for name, entry := range names {
			if entry.from == ours {
				into.RawSetString(name, vm.NewFunction(mine[lib][name]))
			} else {
				into.RawSetString(name, from[[2]string{lib, name}].function(vm))
			}
		}
		for name, v := range constants[lib] {
			into.RawSetString(name, v)
		}
	}
	globals.RawSetString("_G", globals)
	vm.freezeStrings()
	vm.setArg()
}

// freezeStrings gives strings their methods from a private copy of the string
// library, so that no script can change what s:upper() means to another.
func (vm *VM) freezeStrings() {
	methods := vm.methods
	vm.root.G.Global.RawGetString("string").(*lua.LTable).ForEach(methods.RawSet)
	unknown := vm.NewTable(0, 1)
	unknown.RawSetString("__index", vm.NewFunction(func(L *lua.LState) int {
		key, ok := L.Get(2).(lua.LString)
		if !ok {
			vm.Raise(L, &Fault{Code: CodeError, Message: "attempt to index a string with a " + typeName(L.Get(2)) + " key", Hint: "s:sub(i, i) is the character at i"})
		}
		vm.Raise(L, Faultf(CodeError, "strings have no method or field %s", Quote(string(key))))
		return 0
	}))
	methods.Metatable = unknown
	mt := vm.NewTable(0, 2+len(arithmetic))
	mt.RawSetString("__index", methods)
	mt.RawSetString("__metatable", lua.LString("string"))
	for event, fn := range arithmetic {
		mt.RawSetString(event, fn)
	}
	vm.root.SetMetatable(lua.LString(""), mt)
}

func (vm *VM) setArg() {
	arg := vm.NewTable(len(vm.cfg.Args), 1)
	for i, a := range vm.cfg.Args {
		arg.RawSet(lua.LNumber(i), lua.LString(a))
	}
	vm.root.G.Global.RawSetString("arg", arg)
}
