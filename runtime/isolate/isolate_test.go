package isolate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"reflect"
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
				"env": func(L *lua.LState) int { L.Push(lua.LString(strings.Join(os.Environ(), " "))); return 1 },
			} {
				t.RawSetString(name, vm.NewFunction(fn))
			}
			return t, nil
		}
		return runtime.Config{
			Modules: []runtime.Module{{Name: "host", Open: host}},
			Limits:  runtime.Limits{HeapBytes: runtime.NoLimit},
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
	limits := isolate.Limits{Memory: 64 << 20, CPU: time.Second}
	if racing {
		limits.Memory = 0
	}
	for _, c := range []struct{ name, src, reason string }{
		{"exits", `require("host").exit()`, "exit status 7"},
		{"crashes", `require("host").crash()`, "crashed: broken"},
		{"talks nonsense", `require("host").talk()`, "crashed: what it sent is no answer"},
		{"eats memory", `require("host").eat()`, "memory limit"},
		{"never ends", `while true do end`, "CPU limit"},
	} {
		if c.name == "eats memory" && racing {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := isolate.Run(t.Context(), isolate.Job{Name: "x.lua", Source: c.src}, isolate.Options{Limits: limits})
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
		err := isolate.Exec(exec.Command(sh, "-c", "echo '"+said+"' >&2; exit 134"), isolate.Limits{Memory: 1 << 30})
		var ended *isolate.Ended
		if !errors.As(err, &ended) || ended.Reason != "memory limit" {
			t.Errorf("%s: got %v, want the memory limit", said, err)
		}
	}
}
