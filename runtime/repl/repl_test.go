package repl_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/internal/testkit"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/repl"
)

// typist is a Terminal whose user types the given lines; "^C" gives up a line.
type typist struct {
	mu      sync.Mutex
	lines   []string
	prompts []string
	history []string
}

func (u *typist) Prompt(p string) (string, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.prompts = append(u.prompts, p)
	if len(u.lines) == 0 {
		return "", io.EOF
	}
	line := u.lines[0]
	u.lines = u.lines[1:]
	if line == "^C" {
		return "", repl.ErrAborted
	}
	return line, nil
}
func (u *typist) Remember(entry string) { u.history = append(u.history, entry) }
func (u *typist) Close() error          { return nil }

type sink struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}
func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// session types input and returns what appears, results and errors together.
func session(t *testing.T, input string, change func(*repl.Options, *runtime.Config)) (string, *typist, error) {
	t.Helper()
	out := &sink{}
	user := &typist{lines: strings.Split(input, "\n")}
	o := repl.Options{Terminal: user, Out: out, Err: out}
	cfg := runtime.Config{Stdout: out}
	if change != nil {
		change(&o, &cfg)
	}
	rt, err := runtime.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	err = repl.Run(context.Background(), rt, o)
	return out.String(), user, err
}

func TestSession(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"expression", "1 + 1", "2\n"},
		{"several", `1, "a", nil`, "1\t\"a\"\tnil\n"},
		{"statement", "x = 5\nx * 2", "10\n"},
		{"locals stay", "local a, b = 1, 2\na + b", "3\n"},
		{"local functions stay", "local function f(n)\nreturn n + 1\nend\nf(1)", "2\n"},
		{"continuation", "for i = 1, 2 do\nprint(i)\nend", "1\n2\n"},
		{"unfinished expression", "1 +\n2", "3\n"},
		{"long string", "s = [[a\nb]]\n#s", "3\n"},
		{"comment", "-- nothing\n1", "1\n"},
		{"empty lines", "\n  \n1", "1\n"},
		{"give up a line", "for i = 1, 2 do\n^C\n7", "7\n"},
		{"end in the middle", "if x then", "error: stdin:1: the text ends too early\n  hint: an end, a bracket or a quote is missing\n"},
		{"syntax error", "x = = 1\n1", "error: stdin:1: syntax error near \"=\"\n1\n"},
		{"run-time error", "error('boom')\n1", "error: stdin:1: boom\n1\n"},
		{"hint", "io.open('x')", "error: stdin:1: attempt to index global 'io' (a nil value) with key 'open'\n  hint: there is no io: print writes, and require reads Lua files\n"},
		{"traceback", "function f()\nerror('x')\nend\nr = f()", "error: stdin:2: x\n  stdin:2: in function f\n  stdin:1: in main chunk\n"},
		{"table", "{1, 2, k = 'v'}", "{1, 2, k = \"v\"}\n"},
		{"more than a line", "setmetatable({}, {__tostring = function() return 'a\\nb' end}), 1", "a\nb\n1\n"},
		{"quit", ":quit\nprint('never')", ""},
		{"unknown command", ":foo\n1", "no such command: :foo (:help, :paste, :quit)\n1\n"},
		{"help", ":help pairs\n:help nothing", "pairs(t)\nhelp: nothing is known about \"nothing\"\n"},
		{"paste", ":paste\nlocal x = 1\n\nx = x + 1\nprint(x)\n.\nx", "2\n2\n"},
		{"paste given up", ":paste\nprint(1)\n^C\n5", "5\n"},
		{"required", "util.n, deep.n", "1\t2\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, _, err := session(t, c.in, func(o *repl.Options, cfg *runtime.Config) {
				o.Help = func(name string) (string, bool) { return name + "(t)\n", name == "pairs" }
				o.Require = []string{"util", "a.deep"}
				cfg.Roots = []fs.FS{fstest.MapFS{"util.lua": {Data: []byte("return {n = 1}")}, "a/deep.lua": {Data: []byte("return {n = 2}")}}}
			})
			if err != nil || got != c.want {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestPrompts(t *testing.T) {
	t.Parallel()
	_, user, _ := session(t, "if x then\nend\n1", nil)
	if got := fmt.Sprintf("%q", user.prompts); got != `["> " ">> " "> " "> "]` {
		t.Errorf("got %s", got)
	}
}

func TestExitEndsTheSession(t *testing.T) {
	t.Parallel()
	_, _, err := session(t, "os.exit(3)\nprint(1)", nil)
	var exit *runtime.ExitError
	if !errors.As(err, &exit) || exit.Code != 3 {
		t.Errorf("got %v, want exit 3", err)
	}
}

func TestHelpText(t *testing.T) {
	t.Parallel()
	if got, _, _ := session(t, ":help", nil); !strings.Contains(got, ":paste") || !strings.Contains(got, "Ctrl-C") {
		t.Errorf("got %q", got)
	}
}

// hang gives scripts a function that tells the test when it runs.
func hang(started chan<- struct{}, deaf bool, release <-chan struct{}) runtime.Module {
	return runtime.Module{Name: "hang", Open: func(vm *runtime.VM) (lua.LValue, error) {
		return vm.NewFunction(func(L *lua.LState) int {
			ctx := vm.Context(L)
			started <- struct{}{}
			_ = vm.Wait(L, func() {
				if deaf {
					<-release
				} else {
					<-ctx.Done()
				}
			})
			return 0
		}), nil
	}}
}

func TestInterruptKeepsTheSession(t *testing.T) {
	testkit.NoLeaks(t)
	started, interrupts := make(chan struct{}), make(chan os.Signal)
	go func() {
		for range 2 {
			<-started
			interrupts <- os.Interrupt
		}
	}()
	got, _, err := session(t, "x = 1\nrequire('hang')()\nwhile true do pcall(require('hang')) end\nx + 1", func(o *repl.Options, cfg *runtime.Config) {
		o.Interrupts = interrupts
		cfg.Modules = []runtime.Module{hang(started, false, nil)}
	})
	// Where a stop hits a command that was about to end, there is no line to name.
	if want := "error: interrupted\nerror: interrupted\n2\n"; err != nil || strings.ReplaceAll(got, "stdin:1: ", "") != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// An interrupt at the prompt does not stop the command typed after it.
func TestInterruptAtThePrompt(t *testing.T) {
	t.Parallel()
	interrupts := make(chan os.Signal, 1)
	interrupts <- os.Interrupt
	got, _, err := session(t, "for i = 1, 100 do end\n7", func(o *repl.Options, _ *runtime.Config) { o.Interrupts = interrupts })
	if err != nil || got != "7\n" {
		t.Errorf("got %q, %v, want 7", got, err)
	}
}

func TestSecondInterruptLeaves(t *testing.T) {
	testkit.NoLeaks(t)
	started, release, interrupts := make(chan struct{}), make(chan struct{}), make(chan os.Signal)
	go func() {
		<-started
		interrupts <- os.Interrupt
		interrupts <- os.Interrupt
		close(release) // or the deferred Close of the session would wait for ever
	}()
	_, _, err := session(t, "require('hang')()\nprint(1)", func(o *repl.Options, cfg *runtime.Config) {
		o.Interrupts = interrupts
		cfg.Modules = []runtime.Module{hang(started, true, release)}
	})
	if !errors.Is(err, repl.ErrAborted) {
		t.Errorf("got %v, want ErrAborted", err)
	}
}

func TestContextEndsTheSession(t *testing.T) {
	t.Parallel()
	rt, err := runtime.New(runtime.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := repl.Run(ctx, rt, repl.Options{Terminal: repl.NewLines(r)}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100_000)
	term := repl.NewLines(strings.NewReader("a\r\n" + long + "\nlast"))
	for _, want := range []string{"a", long, "last"} {
		if got, err := term.Prompt("> "); err != nil || got != want {
			t.Errorf("got %d bytes, %v, want %d", len(got), err, len(want))
		}
	}
	if _, err := term.Prompt("> "); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want EOF", err)
	}
}

func TestHistory(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sub", "history.jsonl")
	h, err := repl.OpenHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("y", 10_000)
	_, user, err := session(t, "x = 1\nfor i = 1, 2 do\nend\nx\nx\n:quit", func(o *repl.Options, _ *runtime.Config) { o.History = h })
	if err != nil {
		t.Fatal(err)
	}
	if len(user.history) != 5 {
		t.Errorf("the terminal remembers %q", user.history)
	}
	if err := h.Append(long); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, `{"text":"half a li`) // a crash
	f.Close()
	again, err := repl.OpenHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Append("after"); err != nil {
		t.Fatal(err)
	}
	third, err := repl.OpenHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"x = 1", "for i = 1, 2 do\nend", "x", ":quit", long, "after"}
	if got := third.Entries(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %.200q, want %.200q", got, want)
	}
	for i := range 2500 {
		if err := third.Append(fmt.Sprint("entry ", i)); err != nil {
			t.Fatal(err)
		}
	}
	last, err := repl.OpenHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	e := last.Entries()
	if len(e) != 1000 || e[999] != "entry 2499" || e[0] != "entry 1500" {
		t.Errorf("got %d entries, the last %q", len(e), e[len(e)-1])
	}
	if data, _ := os.ReadFile(path); strings.Count(string(data), "\n") > 2000 {
		t.Errorf("the file has %d lines", strings.Count(string(data), "\n"))
	}
}

func TestHistoryLines(t *testing.T) {
	t.Parallel()
	for entry, want := range map[string]int{"x = 1": 1, "for i = 1, 2 do\n  print(i)\nend": 1, "x = 1 -- one\ny = 2": 2, "s = [[a\nb]]": 2} {
		if got := repl.HistoryLines(entry); len(got) != want {
			t.Errorf("%q: got %q, want %d lines", entry, got, want)
		}
	}
}

func TestHistoryThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h, err := repl.OpenHistory(filepath.Join(dir, "file", "history"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got, _, err := session(t, "1\n2", func(o *repl.Options, _ *runtime.Config) { o.History = h })
	if err != nil || !strings.HasPrefix(got, "warning: the history is not kept: ") || !strings.HasSuffix(got, "\n1\n2\n") || strings.Count(got, "warning") != 1 {
		t.Errorf("got %q, %v", got, err)
	}
}
