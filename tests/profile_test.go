package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/pprof/profile"
)

// A profile names the script's functions and lines.
func TestProfileFlag(t *testing.T) {
	t.Parallel()
	p := program{dir: t.TempDir()}
	write(t, p.dir, "s.lua", "local function busy()\n  local s = 0\n  repeat s = s + 1 until os.clock() > 0.5\n  return s\nend\nprint(busy() > 0)\nerror('late')")
	p.run(t, "run", "--profile", "out/s.pb.gz", "s.lua").want(t, 1, []string{"true\n"}, []string{"late"})
	f, err := os.Open(filepath.Join(p.dir, "out", "s.pb.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := profile.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(got.Function, func(f *profile.Function) bool { return f.Name == "busy" && f.Filename == "s.lua" }) {
		t.Errorf("got %v, want the function busy", got.Function)
	}
}

// Functions have the names that they are written with, however they are called,
// and the time of a kernel is on the line that calls it, also in tasks and
// coroutines.
func TestProfileNamesAndLines(t *testing.T) {
	t.Parallel()
	p := program{dir: t.TempDir()}
	write(t, p.dir, "s.lua", `local hud = require "hud"
local a = hud.tensor.randn(300, 300)
local M = {}
local function spin(until_) repeat local _ = #("x") until hud.now() > until_ end
function M.plain() spin(hud.now() + 0.1) end
function M:method() spin(hud.now() + 0.1) end
M.assigned = function() spin(hud.now() + 0.1) end
local function kernel(n)
  for _ = 1, n do
    a:matmul(a)
  end
end
local function worker() kernel(40) end
local alias = M.plain
alias() M:method() M.assigned()
hud.gather{ hud.spawn(worker), hud.spawn(worker) }
local co = coroutine.wrap(function() kernel(40) coroutine.yield() kernel(40) end)
co() co()
kernel(40)
`)
	p.run(t, "run", "--profile", "s.pb.gz", "s.lua").want(t, 0, nil, nil)
	f, err := os.Open(filepath.Join(p.dir, "s.pb.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := profile.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	begins := map[string]int64{}
	for _, fn := range got.Function {
		begins[fn.Name] = fn.StartLine
	}
	for name, line := range map[string]int64{
		"main chunk": 0, "spin": 4, "M.plain": 5, "M:method": 6, "M.assigned": 7, "kernel": 8, "worker": 13, "function at line 17": 17, "matmul (Go)": 0,
	} {
		if at, ok := begins[name]; !ok || at != line {
			t.Errorf("%s: got line %d, %v, want %d (of %v)", name, at, ok, line, begins)
		}
	}
	callers := map[string]bool{} // of kernel, where it waits for matmul
	for _, s := range got.Sample {
		if len(s.Location) < 3 || s.Location[0].Line[0].Function.Name != "matmul (Go)" {
			continue
		}
		if in := s.Location[1].Line[0]; in.Function.Name != "kernel" || in.Line != 10 {
			t.Errorf("got matmul called by %s at line %d, want kernel at 10", in.Function.Name, in.Line)
		}
		caller := s.Location[2].Line[0]
		callers[fmt.Sprintf("%s %d", caller.Function.Name, caller.Line)] = true
	}
	for _, want := range []string{"worker 13", "function at line 17 17", "main chunk 19"} {
		if !callers[want] {
			t.Errorf("got the callers %v, want %s", callers, want)
		}
	}
}
