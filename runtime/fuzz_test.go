package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/hudrl/hudrl/internal/testkit"
	"github.com/hudrl/hudrl/internal/testkit/luagen"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/runtimetest"
)

// fuzzLimits are all low; the second ones let more of a program run.
var fuzzLimits = []runtime.Limits{
	{Steps: 20_000, WallTime: 100 * time.Millisecond, CallDepth: 60, Coroutines: 8, Tasks: 10, StringBytes: 4 << 10,
		TableSize: 1 << 20, HeapBytes: 1 << 30, SourceBytes: 64 << 10},
	{Steps: 200_000, WallTime: 300 * time.Millisecond, CallDepth: 500, Coroutines: 50, Tasks: 50, StringBytes: 1 << 20,
		TableSize: 1 << 22, HeapBytes: 1 << 30, SourceBytes: 64 << 10},
}

// patience is how much longer than its limit a script may take on a machine
// that is busy with other things.
const patience = 10 * time.Second

// cleanScript needs no global, which the script before it may have taken away.
const cleanScript = `
	local t, s = {3, 1, 2}, "x"
	for i = 1, 50 do t[#t + 1] = i .. s:rep(3) end
	local function sum(n) if n == 0 then return 0 end return n + sum(n - 1) end
	return #t, t[53], sum(20), ("%d %s"):format(7, s:upper()), (s:gsub(".", "%0%0"))`

// underLimits runs what a fuzzer thought of, and then a clean script in the same
// Runtime: it must end in time, with a result or an error of the script, and
// leave nothing behind.
func underLimits(t *testing.T, cfg runtime.Config, chunk *runtime.Chunk, clean *runtime.Chunk) {
	t.Helper()
	before := goruntime.NumGoroutine()
	rt, err := runtime.New(cfg)
	for end := time.Now().Add(patience); errors.Is(err, context.DeadlineExceeded) && time.Now().Before(end); {
		rt, err = runtime.New(cfg)
	}
	if err != nil {
		t.Fatal(err)
	}
	// What cannot be stopped would also hold the fuzzer for ever.
	hung := time.AfterFunc(cfg.Limits.WallTime+2*patience, func() {
		debug.SetTraceback("all")
		panic("the script does not end")
	})
	defer hung.Stop()
	ctx := context.Background()
	start := time.Now()
	out, err := rt.Run(ctx, chunk, "x", 1)
	if spent := time.Since(start); spent > cfg.Limits.WallTime+patience {
		t.Errorf("took %v, allowed are %v", spent, cfg.Limits.WallTime)
	}
	if bad := unexpected(err); bad != nil {
		t.Errorf("got %v, %v: %v", out, err, bad)
	}
	if err := rt.CheckIdle(); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	out, err = rt.Run(ctx, clean)
	for end := time.Now().Add(patience); errors.Is(err, context.DeadlineExceeded) && time.Now().Before(end); {
		out, err = rt.Run(ctx, clean)
	}
	if err != nil || fmt.Sprint(out) != "[53 50xxx 210 7 X xx]" {
		t.Errorf("a clean script afterwards: got %v, %v", out, err)
	}
	if err := rt.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	for end := time.Now().Add(patience); goruntime.NumGoroutine() > before; goruntime.Gosched() {
		if time.Now().After(end) {
			stacks := make([]byte, 64<<10)
			t.Fatalf("%d goroutines before, %d after\n%s", before, goruntime.NumGoroutine(), stacks[:goruntime.Stack(stacks, true)])
		}
	}
}

// unexpected says what is wrong with the error of a script.
func unexpected(err error) error {
	var e *runtime.Error
	var exit *runtime.ExitError
	switch {
	case err == nil, errors.As(err, &exit):
	case errors.Is(err, runtime.ErrHostBug):
		return errors.New("a host bug")
	case errors.As(err, &e):
		if e.Message == "" && e.Value == nil && e.Err == nil {
			return errors.New("it says nothing")
		}
	default:
		return errors.New("no *Error")
	}
	return nil
}

func fuzzConfig(limits runtime.Limits) runtime.Config {
	cfg := tasksConfig()
	cfg.Limits = limits
	return cfg
}

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
	for _, pattern := range []string{"../tests/testdata/hostile/*.lua", "../scripts/*.lua", "testdata/*.lua"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: got %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(strings.ReplaceAll(string(src), `require "hud"`, `require "tasks"`))
		}
	}
	clean := compile(f, cleanScript)
	f.Fuzz(func(t *testing.T, src string) {
		limits := fuzzLimits[0]
		chunk, err := limits.Compile("fuzz.lua", src)
		if err != nil {
			var e *runtime.Error
			if !errors.As(err, &e) || e.Line < 1 || e.Code == runtime.CodeHostBug {
				t.Fatalf("Compile: got %v, want an *Error with a line", err)
			}
			return
		}
		underLimits(t, fuzzConfig(limits), chunk, clean)
	})
}

func compile(t testing.TB, src string) *runtime.Chunk {
	t.Helper()
	chunk, err := runtime.Compile("clean.lua", src)
	if err != nil {
		t.Fatal(err)
	}
	return chunk
}

// Programs made of every library function and odd values compile, and then as
// FuzzSource has it.
func FuzzProgram(f *testing.F) {
	for i := range 64 {
		data := make([]byte, 120)
		for j := range data {
			data[j] = byte((j*j*7 + i*31 + j*i*13) >> (i % 3))
		}
		f.Add(data)
	}
	words := vocabulary(f)
	clean := compile(f, cleanScript)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4000 {
			return
		}
		b := testkit.NewBytes(data)
		limits := testkit.Pick(b, fuzzLimits)
		src := luagen.Program(b, words)
		chunk, err := limits.Compile("program.lua", src)
		if err != nil {
			if errors.Is(err, runtime.ErrSize) || strings.Contains(err.Error(), "nests deeper than") {
				return // the generator knows neither bound
			}
			t.Fatalf("%v\n%s", err, src)
		}
		defer func() {
			if t.Failed() {
				t.Log(src)
			}
		}()
		var bugs []error
		cfg := fuzzConfig(limits)
		cfg.Modules = append(cfg.Modules, runtimetest.HostBugs(&bugs))
		underLimits(t, cfg, chunk, clean)
		for _, bug := range bugs {
			t.Errorf("caught: %v", bug)
		}
	})
}
