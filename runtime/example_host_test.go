package runtime_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing/fstest"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
)

// dice is what the VMs that have the module share.
type dice struct {
	mu     sync.Mutex
	thrown int
}

// open makes the module in one VM. Open and the functions run under the VM's
// lock; what VMs share needs its own.
func (d *dice) open(vm *runtime.VM) (lua.LValue, error) {
	t := vm.NewTable(0, 1)
	t.RawSetString("throw", vm.NewFunction(func(L *lua.LState) int {
		sides, ok := L.Get(1).(lua.LNumber)
		if !ok || sides < 1 {
			f := runtime.Faultf(runtime.CodeValidation, "dice.throw: sides: got %s, want a number from 1", runtime.TypeName(L.Get(1)))
			f.Hint = "dice.throw(6)"
			vm.Raise(L, f)
		}
		d.mu.Lock()
		d.thrown++
		d.mu.Unlock()
		L.Push(lua.LNumber(1 + vm.Rand(L).IntN(int(sides)))) // the script's own random stream
		return 1
	}))
	return t, nil
}

// A module of one's own, which scripts require.
func ExampleModule() {
	d := &dice{}
	rt := start(runtime.Config{Seed: 1, Modules: []runtime.Module{{Name: "dice", Open: d.open}}})
	defer rt.Close()
	fmt.Println(rt.Eval(context.Background(), `require("dice").throw(6) <= 6`))
	_, err := rt.Eval(context.Background(), `require("dice").throw()`)
	var e *runtime.Error
	errors.As(err, &e)
	fmt.Println(err, "-", e.Hint, "-", d.thrown)
	// Output:
	// [true] <nil>
	// stdin:1: dice.throw: sides: got nil, want a number from 1 - dice.throw(6) - 1
}

// A module that exists only where the host grants what it needs.
func ExampleModule_needs() {
	weather := runtime.Module{
		Name: "weather",
		Open: func(vm *runtime.VM) (lua.LValue, error) {
			return lua.LString("asks " + vm.Capabilities().Hosts[0]), nil
		},
		Needs: func(c runtime.Capabilities) string {
			if len(c.Hosts) == 0 {
				return "grant Capabilities.Hosts a weather service"
			}
			return ""
		},
	}
	for _, hosts := range [][]string{nil, {"weather.example:443"}} {
		rt := start(runtime.Config{
			Modules:      []runtime.Module{weather},
			Capabilities: runtime.Capabilities{Hosts: hosts},
		})
		out, err := rt.Eval(context.Background(), `require "weather"`)
		var e *runtime.Error
		if errors.As(err, &e) {
			fmt.Println(e.Message, "-", e.Hint)
		} else {
			fmt.Println(out)
		}
		rt.Close()
	}
	// Output:
	// require: this script has no capability for weather - grant Capabilities.Hosts a weather service
	// [asks weather.example:443]
}

// A host function calls back into Lua.
func ExampleVM_Call() {
	retry := runtime.Module{Name: "retry", Open: func(vm *runtime.VM) (lua.LValue, error) {
		return vm.NewFunction(func(L *lua.LState) int {
			fn := L.Get(1)
			for try := 1; ; try++ {
				out, err := vm.Call(L, fn, lua.LNumber(try))
				if err == nil {
					L.Push(out[0])
					return 1
				}
				if try == 3 || vm.Context(L).Err() != nil {
					vm.Raise(L, err) // the same value again
				}
			}
		}), nil
	}}
	rt := start(runtime.Config{Modules: []runtime.Module{retry}})
	defer rt.Close()
	fmt.Println(rt.Eval(context.Background(), `
		return require "retry" (function(n) assert(n > 2, "not yet") return "at try " .. n end)`))
	// Output: [at try 3] <nil>
}

// A host function that waits lets other tasks run, and ends with the call.
func ExampleVM_Wait() {
	answers := make(chan string, 1)
	ask := runtime.Module{Name: "ask", Open: func(vm *runtime.VM) (lua.LValue, error) {
		return vm.NewFunction(func(L *lua.LState) int {
			ctx, answer := vm.Context(L), ""
			err := vm.Wait(L, func() { // without the lock: no Lua in here
				select {
				case answer = <-answers:
				case <-ctx.Done():
				}
			})
			if err == nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				vm.Raise(L, err)
			}
			L.Push(lua.LString(answer))
			return 1
		}), nil
	}}
	rt := start(runtime.Config{Modules: []runtime.Module{ask}})
	defer rt.Close()
	answers <- "forty-two"
	fmt.Println(rt.Eval(context.Background(), `require "ask" ()`))
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := rt.Eval(ctx, `require "ask" ()`)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output:
	// [forty-two] <nil>
	// true
}

// What scripts may touch outside: directories, addresses, variables, the clock,
// arguments. Each module says what would grant it.
func ExampleCapabilities() {
	dir, err := os.MkdirTemp("", "hudrl")
	check(err)
	defer os.RemoveAll(dir)
	check(os.WriteFile(filepath.Join(dir, "tasks.txt"), []byte("2 + 2"), 0o600))

	cfg := bindings.Default(hudtest.NewFake())
	cfg.Capabilities = runtime.Capabilities{
		ReadRoots: []string{dir},
		Hosts:     []string{"127.0.0.1:8080"},
		Env:       []string{"LEVEL"},
		Getenv:    func(name string) (string, bool) { return "hard", true },
		Clock:     true,
	}
	cfg.Args = []string{"train.lua", "--fast"}
	rt := start(cfg)
	defer rt.Close()
	ctx := context.Background()
	fmt.Println(rt.Eval(ctx, `require("hud.fs").read("tasks.txt"), require("hud.env").get("LEVEL"), arg[1], os.time() > 1.7e9`))
	for _, src := range []string{
		`require("hud.fs").read("/etc/passwd")`,
		`require("hud.fs").write("tasks.txt", "")`,
		`require("hud.env").get("HOME")`,
		`require("hud.http").get("http://example.org/")`,
	} {
		_, err := rt.Eval(ctx, src)
		fmt.Println(err)
	}
	// Output:
	// [2 + 2 hard --fast true] <nil>
	// stdin:1: read: this script may not read /etc/passwd
	// stdin:1: write: this script may not write tasks.txt
	// stdin:1: get: this script may not read HOME
	// stdin:1: get: this script may not reach example.org:80
}

// Lua files beside a script, from any file system.
func ExampleConfig_roots() {
	rt := start(runtime.Config{Roots: []fs.FS{fstest.MapFS{ // os.DirFS, an embed.FS, …
		"rewards/length.lua": {Data: []byte(`return function(answer) return -#answer end`)},
	}}})
	defer rt.Close()
	fmt.Println(rt.Eval(context.Background(), `require("rewards.length")("four")`))
	// Output: [-4] <nil>
}

// What a script prints, by Config for all calls and by context for one.
func ExampleWithStdout() {
	rt := start(runtime.Config{Stdout: os.Stdout})
	defer rt.Close()
	hello := mustCompile("hello.lua", `print("hello", ...)`)
	var page bytes.Buffer
	for _, w := range []io.Writer{os.Stdout, &page} {
		_, err := rt.Run(runtime.WithStdout(context.Background(), w), hello, 1.5, true)
		check(err)
	}
	fmt.Printf("%q\n", page.String())
	// Output:
	// hello	1.5	true
	// "hello\t1.5\ttrue\n"
}

// plainLog writes log lines without the time.
func plainLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// The host's logger gets what scripts log with hud.log, and what the host has to
// say of them.
func ExampleConfig_logger() {
	cfg := bindings.Default(hudtest.NewFake())
	cfg.Logger = plainLog(os.Stdout).With("script", "train.lua")
	rt := start(cfg)
	defer rt.Close()
	_, err := rt.Eval(context.Background(), `require("hud.log").warn("no spread", { step = 3 })`)
	check(err)
	// Output: level=WARN msg="no spread" script=train.lua step=3
}

// Tasks take turns inside one VM: what waits, such as 8 rollouts, waits at once.
func ExampleTask() {
	cfg := bindings.Default(hudtest.NewFake())
	rt := start(cfg)
	defer rt.Close()
	check(rt.Set("ask", func(ctx context.Context, n int) int { return n * n })) // may wait
	fmt.Println(rt.Eval(context.Background(), `
		local hud = require "hud"
		local squares = hud.map({ 1, 2, 3 }, function(n) return ask(n) end, { concurrency = 2 })
		local task = hud.spawn(function() hud.sleep(0.001) return "later" end)
		return squares, task:wait()`))
	// A task's error is never lost, even if nobody waits for it.
	_, err := rt.Eval(context.Background(), `
		local hud = require "hud"
		hud.spawn(function() error("in the background") end)
		hud.sleep(0.001)`)
	fmt.Println(strings.Contains(err.Error(), "in the background"))
	// Output:
	// [[1 4 9] later] <nil>
	// true
}

// Several Runtimes, one chunk: whoever waits gets the next one that is idle, in
// the order of coming.
func ExamplePool() {
	pool, err := runtime.NewPool(runtime.Config{Limits: runtime.Limits{Steps: 100_000}}, 2)
	check(err)
	defer pool.Close()
	reward := mustCompile("reward.lua", `local answer, want = ... return answer == want and 1 or 0`)
	rewards := make([]any, 4)
	var all sync.WaitGroup
	for i := range rewards {
		all.Go(func() {
			out, err := pool.Run(context.Background(), reward, fmt.Sprint(i%2), "1")
			check(err)
			rewards[i] = out[0]
		})
	}
	all.Wait()
	fmt.Println(rewards, pool.Waiting())
	// Output: [0 1 0 1] 0
}

// Scripts of people who must not see what others leave. What each prints, and
// how long it may run, is its own.
func ExamplePool_RunFresh() {
	pool, err := runtime.NewPool(runtime.Config{Limits: runtime.Limits{Steps: 100_000}}, 1)
	check(err)
	defer pool.Close()
	ctx := context.Background()
	check(pool.Set(ctx, "distance", func(a, b string) int { return len(a) - len(b) }))
	for _, src := range []string{
		`math.floor = nil; mine = "secret"; print("spoilt") return distance("abc", "a")`,
		`while true do end`,
		`return math.floor(2.5), mine`,
	} {
		var printed bytes.Buffer
		out, err := pool.RunFresh(runtime.WithStdout(ctx, &printed), mustCompile("user.lua", src))
		fmt.Printf("%v %v %q\n", out, err, printed.String())
	}
	// Output:
	// [2] <nil> "spoilt\n"
	// [] user.lua:1: step limit: used 100001 of 100000 ""
	// [2 <nil>] <nil> ""
}

// A new version of a script takes over between two calls; one that fails
// changes nothing.
func ExampleRuntime_Reload() {
	rt := start(runtime.Config{Logger: plainLog(os.Stdout)})
	defer rt.Close()
	ctx := context.Background()
	check(rt.Set("bonus", 10))
	check(rt.Reload(ctx, mustCompile("reward.lua", `function reward(n) return n + bonus, arg.version end`)))
	reward, err := rt.Func("reward")
	check(err)
	fmt.Println(rt.Call(ctx, reward, 1))

	for _, src := range []string{
		`function reward(n return n end`,
		`error("no tasks")`,
		`function reward(n) return n * bonus, arg.version end`,
	} {
		chunk, err := runtime.Compile("reward.lua", src) // checked before anything changes
		if err == nil {
			err = rt.Reload(ctx, chunk)
		}
		fmt.Println(err)
		fmt.Println(rt.Call(ctx, reward, 2)) // the newest of that name
	}
	// Output:
	// level=INFO msg=reloaded script=reward.lua version=2
	// [11 2] <nil>
	// reward.lua:1: syntax error near "return"
	// [12 2] <nil>
	// reward.lua:1: no tasks
	// [12 2] <nil>
	// level=INFO msg=reloaded script=reward.lua version=3
	// <nil>
	// [20 3] <nil>
}

// A host stops a training loop between two steps, where nothing is half done: to
// go on with new code, say, from what hud.state saved.
func ExampleConfig_between() {
	errDeploy := errors.New("a new version is there")
	steps := 0
	cfg := bindings.Default(hudtest.NewFake())
	cfg.Stdout = os.Stdout
	cfg.Between = func() error {
		if steps++; steps > 2 {
			return errDeploy
		}
		return nil
	}
	rt := start(cfg)
	defer rt.Close()
	_, err := rt.Eval(context.Background(), `for step in require("hud").steps(100) do print("step", step) end`)
	fmt.Println(err, errors.Is(err, errDeploy))
	// Output:
	// step	1
	// step	2
	// stdin:1: a new version is there true
}

// os.exit ends the script, not the host.
func ExampleExitError() {
	rt := start(runtime.Config{})
	defer rt.Close()
	_, err := rt.Eval(context.Background(), `pcall(os.exit, 3)`)
	var exit *runtime.ExitError
	fmt.Println(errors.As(err, &exit), exit.Code)
	// Output: true 3
}

// Random streams follow from the seed alone, also those of tasks.
func ExampleConfig_seed() {
	draw := mustCompile("draw.lua", `return math.random(1000), math.random(1000)`)
	var seen []string
	for _, seed := range []int64{1, 1, 2} {
		rt := start(runtime.Config{Seed: seed})
		out, err := rt.Run(context.Background(), draw)
		check(err)
		seen = append(seen, fmt.Sprint(out))
		rt.Close()
	}
	fmt.Println(seen[0] == seen[1], seen[0] == seen[2])
	// Output: true false
}

// Where the time goes, in pprof's format.
func ExampleRuntime_Profile() {
	rt := start(runtime.Config{})
	defer rt.Close()
	var profile bytes.Buffer // go tool pprof -top FILE
	stop, err := rt.Profile(&profile)
	check(err)
	_, err = rt.Run(context.Background(), mustCompile("work.lua", `
		local function work() local s = 0 for i = 1, 1e5 do s = s + i end return s end
		return work()`))
	check(err)
	check(stop())
	fmt.Println(profile.Len() > 0)
	// Output: true
}
