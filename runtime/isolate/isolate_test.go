package isolate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/isolate"
)

// The test program is its own child.
func TestMain(m *testing.M) {
	isolate.Main(func() (runtime.Config, error) {
		if os.Getenv("REFUSE") != "" {
			return runtime.Config{}, errors.New("no configuration today")
		}
		host := func(vm *runtime.VM) (lua.LValue, error) {
			t := vm.NewTable(0, 4)
			for name, fn := range map[string]lua.LGFunction{
				"exit":  func(*lua.LState) int { os.Exit(7); return 0 },
				"crash": func(*lua.LState) int { go func() { panic("broken") }(); select {} },
				"talk":  func(*lua.LState) int { os.Stdout.WriteString("{}\nnot json\n"); return 0 },
				"eat": func(*lua.LState) int { // memory that no limit inside the VM sees
					var all [][]byte
					for len(all) < 1<<20 {
						b := make([]byte, 16<<20)
						for i := range b {
							b[i] = 1
						}
						all = append(all, b)
					}
					return 0
				},
				"stop":   func(*lua.LState) int { stopMyself(); return 0 },
				"killed": func(*lua.LState) int { killMyself(); return 0 },
				"env":    func(L *lua.LState) int { L.Push(lua.LString(strings.Join(os.Environ(), " "))); return 1 },
			} {
				t.RawSetString(name, vm.NewFunction(fn))
			}
			return t, nil
		}
		heap := int64(runtime.NoLimit)
		if text := os.Getenv("HEAP"); text != "" {
			heap, _ = strconv.ParseInt(text, 10, 64)
		}
		return runtime.Config{
			Modules: []runtime.Module{{Name: "host", Open: host}},
			Limits:  runtime.Limits{HeapBytes: heap},
		}, nil
	})
	os.Exit(m.Run())
}

func TestRun(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	values, err := isolate.Run(t.Context(), isolate.Job{
		Name: "x.lua", Source: `print("hello", ...) return {1, {a = "b"}}, nil, "last", math.random(1000)`, Args: []any{1.5, "two"}, Seed: 3,
	}, isolate.Options{Stdout: &out, Stderr: &errs})
	if err != nil {
		t.Fatal(err)
	}
	want := []any{[]any{1.0, map[string]any{"a": "b"}}, nil, "last"}
	if !reflect.DeepEqual(values[:3], want) || out.String() != "hello\t1.5\ttwo\n" || errs.Len() > 0 {
		t.Errorf("got %v, printed %q and %q", values, &out, &errs)
	}
}

func TestScriptError(t *testing.T) {
	t.Parallel()
	_, err := isolate.Run(t.Context(), isolate.Job{Name: "x.lua", Source: "local t = nil\nprint(t.x)"}, isolate.Options{})
	var e *runtime.Error
	if !errors.As(err, &e) || e.Line != 2 || e.Source != "x.lua" || e.Traceback == "" || e.Text != "print(t.x)" {
		t.Errorf("got %+v", err)
	}
	_, err = isolate.Run(t.Context(), isolate.Job{Name: "x.lua", Source: "local ="}, isolate.Options{})
	if !errors.As(err, &e) || e.Line != 1 {
		t.Errorf("got %v", err)
	}
	_, err = isolate.Run(t.Context(), isolate.Job{Name: "x.lua"}, isolate.Options{Env: []string{"REFUSE=1"}})
	if err == nil || !strings.Contains(err.Error(), "no configuration today") {
		t.Errorf("got %v", err)
	}
}

// Whatever a child does, there is an answer, and the next child runs.
func TestEnded(t *testing.T) {
	t.Parallel()
	limits := isolate.Limits{Memory: 64 << 20, CPU: time.Second, Wall: time.Minute}
	if racing {
		limits.Memory = 0
	}
	for _, c := range []struct{ name, src, reason string }{
		{"exits", `require("host").exit()`, "exit status 7"},
		{"crashes", `require("host").crash()`, "crashed: broken"},
		{"talks nonsense", `require("host").talk()`, "crashed: what it sent is no answer"},
		{"eats memory", `require("host").eat()`, "memory limit"},
		{"never ends", `while true do end`, "CPU limit"},
		{"is killed", `require("host").killed()`, "killed: signal: killed from outside, perhaps because the machine ran out of memory"},
		{"is stopped", `require("host").stop()`, "time limit: 2s"},
	} {
		if c.name == "eats memory" && racing {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			first := limits
			if c.name == "is stopped" {
				first.Wall = 2 * time.Second
			}
			_, err := isolate.Run(t.Context(), isolate.Job{Name: "x.lua", Source: c.src}, isolate.Options{Limits: first})
			if err == nil || !strings.Contains(err.Error(), c.reason) {
				t.Errorf("got %v, want %q", err, c.reason)
			}
			var ended *isolate.Ended
			if errors.As(err, &ended) && strings.HasSuffix(ended.Reason, "limit") != (ended.ErrorCode() == runtime.CodeLimit) {
				t.Errorf("got code %q for %v", ended.ErrorCode(), err)
			}
			if out, err := isolate.Run(t.Context(), isolate.Job{Name: "x.lua", Source: "return 1"}, isolate.Options{Limits: limits}); err != nil || out[0] != 1.0 {
				t.Errorf("then got %v, %v", out, err)
			}
		})
	}
}

func TestResultLimit(t *testing.T) {
	t.Parallel()
	_, err := isolate.Run(t.Context(), isolate.Job{Name: "x.lua", Source: `return ("x"):rep(1e6)`}, isolate.Options{MaxResult: 1000})
	if err == nil || !strings.Contains(err.Error(), "result limit: more than 1000 bytes") {
		t.Errorf("got %v", err)
	}
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("enough")
	started := writerFunc(func(p []byte) { cancel(stop) })
	_, err := isolate.Run(ctx, isolate.Job{Name: "x.lua", Source: `print("started") while true do end`}, isolate.Options{Stdout: started})
	if !errors.Is(err, stop) {
		t.Errorf("got %v, want the cause", err)
	}
}

// What comes back is what the script returned and printed, or an error.
func TestAnswers(t *testing.T) {
	t.Parallel()
	run := func(src string) ([]any, string, error) {
		var out bytes.Buffer
		values, err := isolate.Run(t.Context(), isolate.Job{Name: "x.lua", Source: src}, isolate.Options{Stdout: &out, Limits: isolate.Limits{Wall: time.Minute}})
		return values, out.String(), err
	}
	if _, out, err := run(`print("\255\0\n") print(("\1"):rep(1e6))`); err != nil || out != "\xff\x00\n\n"+strings.Repeat("\x01", 1e6)+"\n" {
		t.Errorf("got %v, printed %d bytes", err, len(out))
	}
	_, _, err := run(`os.exit(9)`)
	var exit *runtime.ExitError
	if !errors.As(err, &exit) || exit.Code != 9 {
		t.Errorf("os.exit: got %v", err)
	}
	for src, want := range map[string]error{
		`("x"):rep(1e9)`: runtime.ErrSize,
		`local function f() return 1 + f() end f()`: runtime.ErrDepth,
		`error("mine")`: nil,
	} {
		_, _, err := run(src)
		var e *runtime.Error
		if !errors.As(err, &e) || want != nil && !errors.Is(err, want) || errors.Is(err, runtime.ErrSteps) {
			t.Errorf("%s: got %#v, want %v", src, err, want)
		}
	}
	for src, want := range map[string]string{
		`return "\255"`:            "result 1 cannot be sent: a string is not UTF-8",
		`return 1, {1, {0 / 0}}`:   "result 2 cannot be sent: got NaN, want a finite number",
		`return print`:             "result 1 cannot be sent: got a *runtime.Func",
		`return {["\200"] = true}`: "a string is not UTF-8",
	} {
		if _, _, err := run(src); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", src, err, want)
		}
	}
}

// A program that is not there is an error of its own.
func TestNoProgram(t *testing.T) {
	t.Parallel()
	err := isolate.Exec(t.Context(), exec.Command("/nonexistent/program"), isolate.Limits{})
	if err == nil || !strings.Contains(err.Error(), "the process cannot be started") {
		t.Errorf("got %v", err)
	}
}

// In a child with both limits the heap's is reached first, and says more.
func TestHeapLimitComesFirst(t *testing.T) {
	t.Parallel()
	if racing {
		return
	}
	for name, src := range map[string]string{
		"strings": `local t = {} while true do t[#t + 1] = ("x"):rep(1e5) .. #t end`,
		"tables":  `local t = {} while true do t[#t + 1] = {} end`,
		"long":    `local s = "x" local t = {} while true do s = ("y"):rep(1.6e7) .. #t t[#t + 1] = s end`,
	} {
		_, err := isolate.Run(t.Context(), isolate.Job{Name: "x.lua", Source: src},
			isolate.Options{Env: []string{"HEAP=100663296"}, Limits: isolate.Limits{Memory: 96 << 20, Wall: time.Minute}})
		if !errors.Is(err, runtime.ErrMemory) || !strings.Contains(err.Error(), "heap size: used ") {
			t.Errorf("%s: got %v, want the heap's limit", name, err)
		}
	}
}

type writerFunc func(p []byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

// The child sees none of this process's environment.
func TestEnvironment(t *testing.T) {
	t.Setenv("HUD_API_KEY", "k-secret")
	out, err := isolate.Run(t.Context(), isolate.Job{Name: "x.lua", Source: `return require("host").env()`}, isolate.Options{Env: []string{"A=1"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(out[0]); strings.Contains(got, "k-secret") || !strings.Contains(got, "A=1") || strings.Contains(got, "HUDRL_ISOLATED") {
		t.Errorf("got %s", got)
	}
}

// What a process says that finds no memory for a thread, with and without cgo.
func TestStarvedThreads(t *testing.T) {
	t.Parallel()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Log(err) // nothing to test on this system
		return
	}
	for _, said := range []string{"runtime/cgo: pthread_create failed: Resource temporarily unavailable", "runtime: failed to create new OS thread"} {
		err := isolate.Exec(t.Context(), exec.Command(sh, "-c", "echo '"+said+"' >&2; exit 134"), isolate.Limits{Memory: 1 << 30})
		var ended *isolate.Ended
		if !errors.As(err, &ended) || ended.Reason != "memory limit" {
			t.Errorf("%s: got %v, want the memory limit", said, err)
		}
	}
}
