package tests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/internal/testkit"
	"github.com/hudrl/hudrl/runtime"
)

// A hostile script says in its first line under which limits it runs and how
// it must end:
//
//	-- limits: steps=1e6 wall=500ms; ends: error "call depth"
//
// The limits are steps, wall, depth, coroutines, tasks, string, table, tensor,
// heap and source; those left out are the defaults of hostileLimits. It ends
// with
//
//	ok "text"     and has printed exactly that
//	error "text"  an uncaught error that contains it, and is no stop
//	limit NAME    a stop: steps, wall or heap
//	syntax "text" it does not compile
//	exit N        os.exit
//
// "; tampers" after that says that it changes globals or modules, so that only
// what needs none of them is looked at afterwards.
type hostile struct {
	name, src string
	limits    runtime.Limits
	end, want string
	tampers   bool
	alone     bool // it has a heap limit, which counts the whole process
}

// hostileLimits are small, and far above what a script needs that is to end
// by itself: only what must be stopped reaches them.
var hostileLimits = runtime.Limits{
	Steps: 3_000_000, WallTime: 20 * time.Second, Coroutines: 500, Tasks: 1000, StringBytes: 1 << 20,
	TableSize: 1 << 22, TensorBytes: 64 << 20, HeapBytes: 2 << 30,
}

func readHostile(t testing.TB) []*hostile {
	t.Helper()
	paths, err := filepath.Glob("testdata/hostile/*.lua")
	if err != nil || len(paths) < 150 {
		t.Fatalf("got %d scripts, %v, want at least 150", len(paths), err)
	}
	var all []*hostile
	for _, p := range paths {
		src, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		h := &hostile{name: strings.TrimSuffix(filepath.Base(p), ".lua"), src: string(src), limits: hostileLimits}
		line, _, _ := strings.Cut(h.src, "\n")
		if err := h.parse(line); err != nil {
			t.Fatalf("%s: first line: %v", p, err)
		}
		all = append(all, h)
	}
	return all
}

// parse reads the first line.
func (h *hostile) parse(line string) error {
	rest, ok := strings.CutPrefix(line, "-- limits:")
	limits, rest, ok2 := strings.Cut(rest, "; ends: ")
	if !ok || !ok2 {
		return fmt.Errorf("got %q, want -- limits: …; ends: …", line)
	}
	rest, h.tampers = strings.CutSuffix(rest, "; tampers")
	for _, f := range strings.Fields(limits) {
		if err := h.limit(f); err != nil {
			return err
		}
	}
	var arg string
	h.end, arg, _ = strings.Cut(rest, " ")
	h.want = arg
	switch h.end {
	case "ok", "error", "syntax":
		text, err := strconv.Unquote(arg)
		if err != nil {
			return fmt.Errorf("got %q, want a quoted text", arg)
		}
		h.want = text
	case "limit":
		if arg != "steps" && arg != "wall" && arg != "heap" {
			return fmt.Errorf("no limit %q stops a script", arg)
		}
	case "exit":
	default:
		return fmt.Errorf("no such end: %q", h.end)
	}
	return nil
}

func (h *hostile) limit(field string) error {
	name, value, _ := strings.Cut(field, "=")
	if name == "wall" {
		d, err := time.ParseDuration(value)
		h.limits.WallTime = d
		return err
	}
	f, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return err
	}
	n := int(f)
	switch name {
	case "steps":
		h.limits.Steps = int64(n)
	case "depth":
		h.limits.CallDepth = n
	case "coroutines":
		h.limits.Coroutines = n
	case "tasks":
		h.limits.Tasks = n
	case "string":
		h.limits.StringBytes = n
	case "table":
		h.limits.TableSize = n
	case "tensor":
		h.limits.TensorBytes = int64(n)
	case "heap":
		h.limits.HeapBytes, h.alone = int64(n), true
	case "source":
		h.limits.SourceBytes = n
	default:
		return fmt.Errorf("no limit %q", name)
	}
	return nil
}

// open makes a host for it; what the script prints is in the buffer.
func (h *hostile) open(t testing.TB, limits runtime.Limits) (*runtime.Runtime, *bytes.Buffer) {
	t.Helper()
	config := bindings.Default(nil)
	config.Limits = limits
	out := &bytes.Buffer{}
	config.Stdout = out
	rt, err := runtime.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return rt, out
}

// ended compares the end of a run with what the first line says.
func (h *hostile) ended(printed string, err error) error {
	var exit *runtime.ExitError
	var limit *runtime.LimitError
	stopped := errors.Is(err, runtime.ErrSteps) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, runtime.ErrMemory)
	good := false
	switch h.end {
	case "ok":
		good = err == nil && printed == h.want
	case "error":
		good = err != nil && !stopped && strings.Contains(err.Error(), h.want)
	case "syntax":
		good = err != nil && strings.Contains(err.Error(), h.want)
	case "exit":
		good = errors.As(err, &exit) && fmt.Sprint(exit.Code) == h.want
	case "limit":
		switch h.want {
		case "steps":
			good = errors.Is(err, runtime.ErrSteps) && errors.As(err, &limit)
		case "wall":
			good = errors.Is(err, context.DeadlineExceeded)
		case "heap":
			good = errors.Is(err, runtime.ErrMemory) && errors.As(err, &limit)
		}
	}
	switch {
	case errors.Is(err, runtime.ErrHostBug):
		return fmt.Errorf("a host bug: %w", err)
	case !good:
		return fmt.Errorf("printed %s, error %s", shorten(printed), shorten(fmt.Sprint(err)))
	}
	return nil
}

func shorten(s string) string {
	if len(s) > 400 {
		s = s[:300] + " … " + s[len(s)-100:]
	}
	return strconv.Quote(s)
}

// cleanCore needs no global: nothing that a script does to its globals and
// modules may change what these lines mean.
const cleanCore = `
local t, n = {}, 0
for i = 1, 100 do t[i] = i * i end
for i = #t, 1, -1 do n = n + t[i] end
t[2 ^ 21 + 0.5] = "far"
local up = ("abc" .. n .. "x"):upper():rep(2):gsub("C", "-")
local object = { v = 3 }
function object:add(k) self.v = self.v + k return self.v end
local function fib(k) if k < 2 then return k end return fib(k - 1) + fib(k - 2) end
return up, object:add(4), fib(15), ("%5.2f|%s"):format(1 / 3, "q"), #t, t[2 ^ 21 + 0.5], ("k=v"):match("(%w+)=(%w+)")`

const cleanCoreWant = `[AB-338350XAB-338350X 7 610  0.33|q 100 far k v]`

// cleanFull uses the libraries and modules, too.
const cleanFull = `
local hud = require "hud"
local out = {}
local function put(v) out[#out + 1] = tostring(v) end
put(pcall(error, "x"))
put(select(2, pcall(error, { 1 }))[1])
local co = coroutine.wrap(function(a) local b = coroutine.yield(a + 1) return b * 2 end)
put(co(1)) put(co(21))
local tasks = {}
for i = 1, 5 do tasks[i] = hud.spawn(function() hud.sleep(0) return i end) end
local sum = 0
for i = 1, 5 do sum = sum + tasks[i]:wait() end
put(sum)
put(table.concat(hud.map({ 3, 1, 2 }, function(x) return x * 2 end), "+"))
put(hud.json.encode(hud.json.decode('{"a":[1,2,{"b":null}]}')))
local x = hud.tensor({ 1, 2, 3 }):requires_grad_();
(x * x):sum():backward()
put(table.concat(x.grad:tolist(), "/"))
local s = { 3, 1, 2 } table.sort(s, function(a, b) return a > b end)
put(table.concat(s))
put(loadstring("return 6 * 7")())
put(math.max(1, 5, 3)) put(tonumber("1e-4")) put(#tostring(print) > 5)
return table.concat(out, " ")`

const cleanFullWant = `[false 1 2 42 15 6+2+4 {"a":[1,2,{"b":null}]} 2/4/6 321 42 5 0.0001 true]`

func checkClean(t testing.TB, rt *runtime.Runtime, core bool) {
	t.Helper()
	name, src, want := "clean.lua", cleanFull, cleanFullWant
	if core {
		src, want = cleanCore, cleanCoreWant
	}
	chunk, err := runtime.Compile(name, src)
	if err != nil {
		t.Fatal(err)
	}
	out, err := rt.Run(context.Background(), chunk)
	if got := fmt.Sprint(out); err != nil || got != want {
		t.Errorf("afterwards the clean script gave %s, %v, want %s", got, err, want)
	}
}

// run runs it to its end, twice on one host, and cleanly after each.
func (h *hostile) run(t *testing.T) {
	start := time.Now()
	rt, out := h.open(t, h.limits)
	defer rt.Close()
	times := 2
	if h.tampers {
		times = 1
	}
	for range times {
		out.Reset()
		chunk, err := runtime.Compile(h.name+".lua", h.src)
		if err == nil {
			_, err = rt.Run(context.Background(), chunk)
		}
		if bad := h.ended(strings.TrimSuffix(out.String(), "\n"), err); bad != nil {
			t.Errorf("%s: want %s %q: %v", h.name, h.end, h.want, bad)
		}
		checkClean(t, rt, true)
		if !h.tampers {
			checkClean(t, rt, false)
		}
	}
	if took := time.Since(start); took > time.Second {
		t.Logf("%s took %v", h.name, took)
	}
}

// Every script of the corpus ends as its first line says, and the host that
// ran it then runs another one right. In the end no goroutine, no file and no
// memory is left over.
func TestHostile(t *testing.T) {
	all := readHostile(t)
	testkit.NoLeaks(t)
	warm, _ := (&hostile{}).open(t, hostileLimits)
	checkClean(t, warm, false)
	if err := warm.Close(); err != nil {
		t.Fatal(err)
	}
	before := liveHeap()
	t.Run("many", func(t *testing.T) {
		for _, h := range all {
			if h.alone {
				continue
			}
			t.Run(h.name, func(t *testing.T) {
				t.Parallel()
				h.run(t)
			})
		}
	})
	for _, h := range all {
		if h.alone {
			t.Run("alone/"+h.name, h.run)
		}
	}
	// Kernels keep room for their next product, more of it where both cores were
	// free. A VM that stayed behind for one script in ten would be more.
	after := liveHeap()
	for end := time.Now().Add(20 * time.Second); after > before+64<<20 && time.Now().Before(end); after = liveHeap() {
		goruntime.Gosched() // a source that was given up is still being compiled
	}
	if after > before+64<<20 {
		t.Errorf("the heap grew from %d MiB to %d MiB", before>>20, after>>20)
	}
}

// liveHeap is what the heap holds after a collection, cleanups included.
func liveHeap() uint64 {
	var m goruntime.MemStats
	for range 3 {
		goruntime.GC()
	}
	goruntime.ReadMemStats(&m)
	return m.HeapAlloc
}
