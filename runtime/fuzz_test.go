package runtime_test

import (
	"context"
	"errors"
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
