package runtime_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime"
)

// run runs src in a fresh sandbox and returns what it printed.
func run(t *testing.T, cfg runtime.Config, src string, args ...any) (string, []any, error) {
	t.Helper()
	var out bytes.Buffer
	cfg.Stdout = &out
	rt, err := runtime.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	chunk, err := runtime.Compile("test.lua", src)
	if err != nil {
		return out.String(), nil, err
	}
	values, err := rt.Run(context.Background(), chunk, args...)
	return out.String(), values, err
}

func TestPrints(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ src, want string }{
		{`print(0.1 + 0.2, 1e15, 1e14, 123456, -0.5, 1/0, -1/0, 2^53)`, "0.3\t1e+15\t1e+14\t123456\t-0.5\tinf\t-inf\t9.007199254741e+15"},
		{`print("a" .. 1 .. 0.1 + 0.2 .. "b")`, "a10.3b"},
		{`print(tonumber("1e-4"), tonumber("0x10"), tonumber("z", 36), tonumber("x"), tonumber("  5  "))`, "0.0001\t16\t35\tnil\t5"},
		{`local t = {} for i = 1, 5000 do t[i] = i end print(#table.concat(t, ","), select("#", unpack(t)))`, "23892\t5000"},
		{`print(("x"):rep(3), ("%5.2f|%-5s|%05d|%x"):format(3.14159, "ab", 42, -1))`, "xxx\t 3.14|ab   |00042|ffffffffffffffff"},
		{`print(pcall(error, {code = 1}))`, "table"},
		{`local t = setmetatable({}, {__concat = function(a, b) return "C" end}) print("a" .. t, t .. "b", 1 .. t .. 2)`, "C\tC\t1C"},
		{`local t = {1, 2, 3} t[1], t[2] = t[2], t[1] print(t[1], t[2], t[3])`, "2\t1\t3"},
		{`local i, t = 1, {} i, t[i] = i + 1, 20 print(i, t[1], t[2])`, "2\t20\tnil"},
		{`local t, i = {}, 0 i, t.x, t.x, t[i + 1] = 5, 1, 2, 3 print(i, t.x, t[1], t[6])`, "5\t1\t3\tnil"}, // the last is stored first, as in Lua 5.1
		// What closures share outlives a stack overflow, and a pcall of a full stack.
		{`local f, g pcall(function() local x = 42 f = function() return x end g = function(v) x = v end local function r() return r() + 1 end r() end) pcall(function() local a, b, c = 1, 2, 3 g(f() + 1) print(f(), a, b, c) end)`, "43\t1\t2\t3"},
		{`local f local co = coroutine.create(function() local x = 42 f = function() return x end local function r() return r() + 1 end r() end) coroutine.resume(co) print(f())`, "42"},
		{`local x, n, g = 1, 0 local function f() n = n + 1 local y = n g = function() y = y + 1 return x + y end pcall(f) x = x + 1 return y end f() print(n, g(), x)`, "150\t301\t150"},
		{`print(string.find("hello world", "o w"), string.match("key=val", "(%w+)=(%w+)"))`, "5\tkey\tval"},
		{`print(("hello world"):gsub("o", "0"), ("abc"):gsub("%w", "%0%0"))`, "hell0 w0rld\taabbcc\t3"},
		{`for k, v in string.gmatch("a=1, b=2", "(%w+)=(%w+)") do io = (io or "") .. k .. v end print(io)`, "a1b2"},
		{`local co = coroutine.wrap(function(a) local b = coroutine.yield(a + 1) return b * 2 end) print(co(1), co(10))`, "2\t20"},
		{`print(select(-1, 1, 2, 3), select("#"), select(2, "a", "b"))`, "3\t0\tb"},
		{`print(xpcall(function(a) return a end, print, 7))`, "true\t7"},
		{`print(...)`, "7\tx"},
	} {
		got, _, err := run(t, runtime.Config{}, c.src, 7, "x")
		if err != nil {
			t.Errorf("%s: %v", c.src, err)
			continue
		}
		if !strings.HasPrefix(strings.TrimSuffix(got, "\n"), c.want) && !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.src, got, c.want)
		}
	}
}
