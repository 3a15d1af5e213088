package runtime_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hudrl/hudrl/runtime"
)

// Whatever the source, compiling and running it under limits ends soon, with a
// result or an error of the script, and leaves the Runtime usable.
func FuzzSource(f *testing.F) {
	for _, seed := range []string{
		`return 1`, `local t = {} for i = 1, 10 do t[i] = i .. "x" end return #t`,
		`return coroutine.wrap(function() coroutine.yield(1) end)()`, `error({})`, `x = "\65" .. [[a]]`,
		`local a, b = ... a.b[1], c = 1, 2`, `goto x ::x::`, `return ("x"):rep(10):gsub("x", "%0")`,
		`require("tasks").map({1, 2}, function() end)`, `for k, v in pairs(_G) do pcall(v) end`,
		`return pcall(pcall, error, setmetatable({}, {__index = error}))`, `if x then`, "a\x00b", `--[==[`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		chunk, err := runtime.Compile("fuzz.lua", src)
		if err != nil {
			var e *runtime.Error
			if !errors.As(err, &e) || e.Line < 1 {
				t.Fatalf("Compile: got %v, want an *Error with a line", err)
			}
			return
		}
		cfg := tasksConfig()
		cfg.Limits = runtime.Limits{Steps: 20_000, StringBytes: 1 << 20, Tasks: 50, Coroutines: 50, WallTime: 5 * time.Second}
		rt, err := runtime.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer rt.Close()
		if _, err := rt.Run(context.Background(), chunk); errors.Is(err, runtime.ErrHostBug) {
			t.Fatalf("host bug: %v", err)
		}
		if out, err := rt.Eval(context.Background(), "1 + 1"); err != nil || out[0] != 2.0 {
			t.Fatalf("afterwards: %v, %v", out, err)
		}
	})
}

// Patterns never panic, and find agrees with gmatch and gsub on the first match.
func FuzzPattern(f *testing.F) {
	for _, seed := range [][2]string{
		{"hello world", "(%w+) (%w+)"}, {"f(a(b))", "%b()"}, {"THE (quick) fox", "%f[%a]%a+"}, {"aaa", "a-$"},
		{"x", "[^%a-z]"}, {"key=val", "^(.-)=(.*)$"}, {"", "()"}, {"]", "[]]"}, {"a", "[a-]"}, {"ab", "(a)%1?"},
	} {
		f.Add(seed[0], seed[1])
	}
	chunk, err := runtime.Compile("pattern.lua", `
		local s, p = ...
		local ok, i, j = pcall(string.find, s, p)
		local ok2, m = pcall(function() for m in s:gmatch("()" .. p) do return m end end)
		local ok3, n = pcall(function() return select(2, s:gsub(p, "", 1)) end)
		return ok, i, ok2, m, ok3, n`)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s, p string) {
		rt, err := runtime.New(runtime.Config{Limits: runtime.Limits{Steps: 100_000, WallTime: 5 * time.Second}})
		if err != nil {
			t.Fatal(err)
		}
		defer rt.Close()
		out, err := rt.Run(context.Background(), chunk, s, p)
		if errors.Is(err, runtime.ErrHostBug) {
			t.Fatal(err)
		}
		if err != nil || out[0] != true || out[2] != true || out[4] != true || !strings.ContainsAny(p, "^$*+?.([%-") {
			return // refused, out of steps, or a plain search
		}
		if strings.HasPrefix(p, "^") || strings.Contains(p, "%") || strings.Contains(p, "(") {
			return // an anchor is plain text in gmatch, and "()" shifts the captures
		}
		if (out[1] != nil) != (out[5] == 1.0) || out[1] != nil && out[3] != out[1] {
			t.Errorf("%q in %q: find %v, gmatch %v, gsub %v", p, s, out[1], out[3], out[5])
		}
	})
}
