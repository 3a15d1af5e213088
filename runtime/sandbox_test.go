package runtime_test

import (
	"context"
	"sort"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime"
)

// reachable is every name that a script in the sandbox can reach from its
// globals and from a string. A new one must be added here and, with a reason,
// to the allow-list.
const reachable = `
_G _VERSION arg arg.version assert error getmetatable ipairs load loadstring next pairs pcall print rawequal rawget rawset
require select setmetatable tonumber tostring type unpack xpcall
coroutine coroutine.create coroutine.resume coroutine.running coroutine.status coroutine.wrap coroutine.yield
math math.abs math.acos math.asin math.atan math.atan2 math.ceil math.cos math.cosh math.deg math.exp math.floor
math.fmod math.frexp math.huge math.ldexp math.log math.log10 math.max math.min math.mod math.modf math.pi math.pow
math.rad math.random math.randomseed math.sin math.sinh math.sqrt math.tan math.tanh
os os.clock os.date os.difftime os.exit os.time
string string.byte string.char string.find string.format string.gmatch string.gsub string.len string.lower
string.match string.rep string.reverse string.sub string.upper
table table.concat table.getn table.insert table.maxn table.remove table.sort`

func TestReachableGlobals(t *testing.T) {
	t.Parallel()
	rt := open(t, runtime.Config{})
	out, err := mustRun(t, rt, context.Background(), `
		local seen, names = {}, {}
		local function walk(prefix, t)
			seen[t] = true
			for k, v in pairs(t) do
				names[#names + 1] = prefix .. tostring(k)
				if type(v) == "table" and not seen[v] then walk(prefix .. k .. ".", v) end
				local mt = getmetatable(v)
				if type(mt) == "table" then names[#names + 1] = "metatable of " .. prefix .. k end
			end
		end
		walk("", _G)
		return table.concat(names, " "), type(getmetatable("")), type(getmetatable(_G))`)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(out[0].(string))
	want := strings.Fields(reachable)
	sort.Strings(got)
	sort.Strings(want)
	if g, w := strings.Join(got, " "), strings.Join(want, " "); g != w {
		t.Errorf("reachable:\ngot  %s\nwant %s", g, w)
	}
	if out[1] != "string" || out[2] != "nil" {
		t.Errorf("metatables: got %v", out[1:])
	}
}

func TestSandboxHoles(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]string{
		"poison strings":     `getmetatable("").__index.upper = function() return "bad" end`,
		"string metatable":   `setmetatable("", {})`,
		"replace upper":      `string.upper = function() return "bad" end assert(("x"):upper() == "X") error("fine")`,
		"error metatable":    `local ok, e = pcall(string.rep) setmetatable(e, {})`,
		"userdata":           `local ok, e = pcall(string.rep) getmetatable(e).__index = 1`,
		"bytecode":           `assert(load("\27Lua"))`,
		"helper by its name": `local s = "\0hudrl" .. ".store" s(5, 6, 7)`,
		"dump":               `string.dump(print)`,
		"files":              `require("../secret")`,
		"absolute":           `require("/etc/passwd")`,
		"reserved":           `require("hud.secret")`,
		"env":                `os.getenv("HOME")`,
		"process":            `os.execute("true")`,
		"debug":              `debug.getinfo(1)`,
		"fenv":               `getfenv(print)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := mustRun(t, open(t, runtime.Config{}), context.Background(), src); err == nil {
				t.Error("got no error")
			}
		})
	}
}

func TestHintsForWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		`io.open("x")`:           "there is no io",
		`os.getenv("HOME")`:      "cannot see the environment",
		`debug.traceback()`:      "e.traceback",
		`table.unpack({})`:       "Lua 5.2",
		`dofile("x")`:            "require",
		`local b = bit32.band`:   "bit32",
		`package.path = "x"`:     "require",
		`collectgarbage()`:       "collects",
		`math.tointeger(1)`:      "one number type",
		`require("hud.tensr")`:   `did you mean "hud.tensor"?`,
		`require("hud.unknown")`: "names that start with hud are built in: hud.tensor, tasks",
		`require("nothing")`:     "no directory",
	} {
		cfg := tasksConfig()
		tensor := taskModule
		tensor.Name = "hud.tensor"
		cfg.Modules = append(cfg.Modules, tensor)
		_, err := mustRun(t, open(t, cfg), context.Background(), src)
		e, ok := err.(*runtime.Error)
		if !ok || !strings.Contains(e.Hint, want) {
			t.Errorf("%s: got %v with hint %q, want %q", src, err, hintOf(e), want)
		}
	}
}

func hintOf(e *runtime.Error) string {
	if e == nil {
		return ""
	}
	return e.Hint
}
