package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// check ends an example that does not go as it should.
func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// start is a Runtime for an example.
func start(cfg runtime.Config) *runtime.Runtime {
	rt, err := runtime.New(cfg)
	check(err)
	return rt
}

func mustCompile(name, src string) *runtime.Chunk {
	chunk, err := runtime.Compile(name, src)
	check(err)
	return chunk
}

// Values both ways: plain data is copied, a struct goes in as a table.
func ExampleRuntime_Run() {
	rt := start(runtime.Config{})
	defer rt.Close()
	type point struct {
		X, Y     float64
		MaxSpeed int
	}
	chunk := mustCompile("values.lua", `
		local name, list, where = ...
		return #name, list[2], where.max_speed, { x = where.x + 1 }, { "a", "b" }, nil`)
	out, err := rt.Run(context.Background(), chunk, "world", []int{7, 8}, point{X: 1, MaxSpeed: 9})
	check(err)
	for _, v := range out {
		fmt.Printf("%T %v\n", v, v)
	}
	// Output:
	// float64 5
	// float64 8
	// float64 9
	// map[string]interface {} map[x:2]
	// []interface {} [a b]
	// <nil> <nil>
}

// A script defines a function, the host calls it as often as it likes.
func ExampleRuntime_Call() {
	rt := start(runtime.Config{})
	defer rt.Close()
	ctx := context.Background()
	_, err := rt.Run(ctx, mustCompile("npc.lua", `
		function decide(seen)
			if seen.health < 20 then return "flee" end
			return "attack", seen.nearest
		end`))
	check(err)
	decide, err := rt.Func("decide")
	check(err)
	for _, health := range []int{80, 10} {
		fmt.Println(rt.Call(ctx, decide, map[string]any{"health": health, "nearest": "orc"}))
	}
	// Output:
	// [attack orc] <nil>
	// [flee] <nil>
}

// What a person types: an expression or statements, perhaps unfinished.
func ExampleRuntime_Eval() {
	rt := start(runtime.Config{})
	defer rt.Close()
	ctx := context.Background()
	fmt.Println(rt.Eval(ctx, `local n = 6`)) // stays for the next line
	fmt.Println(rt.Eval(ctx, `n * 7, "done"`))
	_, err := rt.Eval(ctx, `for i = 1, n do`)
	fmt.Println(errors.Is(err, runtime.ErrIncomplete)) // read another line
	// Output:
	// [] <nil>
	// [42 done] <nil>
	// true
}

// counter is a value of the embedder's.
type counter struct{ n int }

func (c *counter) AddMany(k int) (int, error) {
	if k < 0 {
		return 0, fmt.Errorf("add_many: got %d, want at least 0", k)
	}
	c.n += k
	return c.n, nil
}

// Reset is not for scripts.
func (c *counter) Reset() { c.n = 0 }

// A Go value with the methods that scripts may call, and no others.
func ExampleRuntime_Set() {
	rt := start(runtime.Config{})
	defer rt.Close()
	ctx := context.Background()
	check(rt.Set("counter", &counter{}, "AddMany"))
	fmt.Println(rt.Eval(ctx, `counter:add_many(2) + counter:add_many(3)`))
	for _, bad := range []string{`counter:add_many(-1)`, `counter:add_many(0.5)`, `counter:reset()`} {
		_, err := rt.Eval(ctx, bad)
		fmt.Println(err)
	}
	// Output:
	// [7] <nil>
	// stdin:1: add_many: got -1, want at least 0
	// stdin:1: add_many: argument 1: got 0.5, want a whole number
	// stdin:1: runtime_test.counter: no such method "reset"
}

// Go functions, alone or as a table. One that waits takes the context of the
// call: it ends with it, and the script's other tasks run meanwhile.
func ExampleRuntime_Set_functions() {
	rt := start(runtime.Config{})
	defer rt.Close()
	type move struct{ DX, DY int }
	check(rt.Set("game", map[string]any{
		"width": 10,
		"move":  func(m move) string { return fmt.Sprint("moved by ", m.DX, ",", m.DY) },
		"fetch": func(ctx context.Context, url string) (string, error) {
			select {
			case <-time.After(time.Millisecond): // an HTTP request, a query, …
				return "contents of " + url, nil
			case <-ctx.Done():
				return "", context.Cause(ctx)
			}
		},
	}))
	fmt.Println(rt.Eval(context.Background(), `game.move{ dx = game.width, dy = -1 }, game.fetch("x")`))
	_, err := rt.Eval(context.Background(), `game.move{ dz = 1 }`)
	fmt.Println(err)
	// Output:
	// [moved by 10,-1 contents of x] <nil>
	// stdin:1: move: argument 1: unknown name "dz"
}

// A script hands a function to the host, which calls it later.
func ExampleFunc() {
	rt := start(runtime.Config{})
	defer rt.Close()
	ctx := context.Background()
	handlers := map[string]*runtime.Func{}
	check(rt.Set("on", func(event string, f *runtime.Func) { handlers[event] = f }))
	_, err := rt.Run(ctx, mustCompile("events.lua", `
		local hits = 0
		on("hit", function(by) hits = hits + 1 return hits .. " by " .. by end)`))
	check(err)
	for range 2 {
		fmt.Println(rt.Call(ctx, handlers["hit"], "orc"))
	}
	// Output:
	// [1 by orc] <nil>
	// [2 by orc] <nil>
}

// monster is what a game's scripts meet.
type monster struct{ name string }

func (m *monster) Name() string            { return m.name }
func (m *monster) Greet(o *monster) string { return m.name + " greets " + o.name }
func (m *monster) String() string          { return "monster " + m.name }
func shown(m *monster) runtime.Object {
	return runtime.Object{Value: m, Methods: []string{"Name", "Greet"}}
}
func spawn(name string) runtime.Object { return shown(&monster{name}) }
func names(ms []*monster) (out []string) {
	for _, m := range ms {
		out = append(out, m.name)
	}
	return out
}

// Objects go wherever values go: arguments, results, lists. One Go pointer is
// one value in Lua, and comes back as itself.
func ExampleObject() {
	rt := start(runtime.Config{})
	defer rt.Close()
	check(rt.Set("spawn", spawn))
	check(rt.Set("names", names))
	orc := &monster{"orc"}
	out, err := rt.Run(context.Background(), mustCompile("meet.lua", `
		local orc, again = ...
		local elf = spawn("elf")
		return orc, orc == again[1], elf:greet(orc), names{ orc, elf }, tostring(elf)`),
		shown(orc), []runtime.Object{shown(orc)})
	fmt.Println(out[0] == orc, out[1:], err)
	// Output: true [true elf greets orc [orc elf] monster elf] <nil>
}

// Tensors go in and come out as they are: nothing is copied.
func ExampleRuntime_Run_tensors() {
	rt := start(bindings.Default(hudtest.NewFake()))
	defer rt.Close()
	w := tensor.From([]float32{1, 2, 3, 4}, 2, 2)
	out, err := rt.Run(context.Background(), mustCompile("double.lua", `
		local w = ...
		w:mul_(2)            -- in place
		return w, w:sum()    -- the same tensor, and a new one`), w)
	check(err)
	fmt.Println(out[0] == w, w.Data())
	fmt.Println(out[1].(*tensor.Tensor).Item())
	// Output:
	// true [2 4 6 8]
	// 20 <nil>
}

// Results as typed values: what does not fit is the script's mistake, and an
// error that says so.
func ExampleScan() {
	rt := start(runtime.Config{})
	defer rt.Close()
	for _, src := range []string{
		`return "move", { x = 3, y = -1 }, { "north", "east" }`,
		`return "move", { x = 0.5 }`,
	} {
		out, err := rt.Run(context.Background(), mustCompile("npc.lua", src))
		check(err)
		var (
			action string
			by     struct{ X, Y int }
			path   []string
		)
		err = runtime.Scan(out, &action, &by, &path)
		fmt.Println(action, by, path, err)
	}
	// Output:
	// move {3 -1} [north east] <nil>
	// move {0 0} [] result 2: x: got 0.5, want a whole number
}
