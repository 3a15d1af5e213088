package runtime_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"
	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/runtime"
)

func TestProfile(t *testing.T) {
	t.Parallel()
	var stop func() error
	var early []error
	rt, err := runtime.New(runtime.Config{Modules: []runtime.Module{{Name: "host", Open: func(vm *runtime.VM) (lua.LValue, error) {
		table := vm.NewTable(0, 1)
		table.RawSetString("slow", vm.NewFunction(func(L *lua.LState) int {
			for started := time.Now(); time.Since(started) < 200*time.Millisecond; {
			}
			early = append(early, stop()) // a call runs: nothing is lost
			return 0
		}))
		return table, nil
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	chunk, err := runtime.Compile("work.lua", `
local function busy(n)
  local s = 0
  for i = 1, n do s = s + i % 7 end
  return s
end
local function outer() return (busy(2e6)) end
local co = coroutine.wrap(function() busy(1e6) end)
pcall(outer) co()
local host = require "host"
host.slow()
`)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	stop, err = rt.Profile(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rt.Profile(&b); err == nil {
		t.Error("got a second profile, want an error")
	}
	if _, err := rt.Run(context.Background(), chunk); err != nil {
		t.Fatal(err)
	}
	if len(early) != 1 || !errors.Is(early[0], runtime.ErrBusy) {
		t.Errorf("stop while a call runs: got %v, want ErrBusy", early)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err == nil {
		t.Error("stopped twice without an error")
	}
	p, err := profile.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	var total, inLoop int64
	stacks := map[string]bool{}
	for _, s := range p.Sample {
		var names []string
		for _, l := range s.Location {
			names = append(names, l.Line[0].Function.Name)
		}
		stacks[strings.Join(names, " < ")] = true
		total += s.Value[1]
		if l := s.Location[0].Line[0]; l.Function.Filename == "work.lua" && l.Line == 4 {
			inLoop += s.Value[1]
		}
	}
	if total == 0 || float64(inLoop) < 0.5*float64(total) {
		t.Errorf("got %d of %d ns on line 4, want most: %v", inLoop, total, stacks)
	}
	for _, want := range []string{"busy < outer < pcall (Go) < main chunk", "busy < function at line 8 < co (Go) < main chunk", "slow (Go) < main chunk"} {
		if !stacks[want] {
			t.Errorf("got the stacks %v, want %q", stacks, want)
		}
	}
}

// A loop that calls a host function is not the host function's.
func TestProfileSharesFairly(t *testing.T) {
	t.Parallel()
	rt, err := runtime.New(runtime.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	chunk, err := runtime.Compile("work.lua", `
local function loop(n)
  local s = 0
  for i = 1, n do
    s = s + 1 s = s + 1 s = s + 1 s = s + 1 s = s + 1 s = s + 1 s = s + 1 s = s + 1
    math.floor(1)
  end
end
loop(3e5)`)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	stop, err := rt.Profile(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rt.Run(context.Background(), chunk); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	p, err := profile.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	var total, host int64
	for _, s := range p.Sample {
		total += s.Value[1]
		if s.Location[0].Line[0].Function.Name == "floor (Go)" {
			host += s.Value[1]
		}
	}
	if total == 0 || float64(host) > 0.6*float64(total) {
		t.Errorf("got %d of %d ns in math.floor, want less than the loop around it", host, total)
	}
}
