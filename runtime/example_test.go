package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/hudrl/hudrl/runtime"
)

func Example() {
	rt, err := runtime.New(runtime.Config{
		Stdout: os.Stdout,
		Limits: runtime.Limits{Steps: 1_000_000},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	chunk, err := runtime.Compile("hello.lua", `
		local name = ...
		print("hello", name)
		return #name, {1, 2, 3}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := rt.Run(context.Background(), chunk, "world")
	fmt.Println(out, err)

	chunk, _ = runtime.Compile("loop.lua", `while true do end`)
	_, err = rt.Run(context.Background(), chunk)
	fmt.Println(err, errors.Is(err, runtime.ErrSteps))
	// Output:
	// hello	world
	// [5 [1 2 3]] <nil>
	// loop.lua:1: step limit: used 1000001 of 1000000 true
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

func ExampleRuntime_Set() {
	rt, err := runtime.New(runtime.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	if err := rt.Set("counter", &counter{}, "AddMany"); err != nil {
		fmt.Println(err)
		return
	}
	out, err := rt.Eval(context.Background(), `counter:add_many(2) + counter:add_many(3)`)
	fmt.Println(out, err)
	_, err = rt.Eval(context.Background(), `counter:add_many(-1)`)
	fmt.Println(err)
	// Output:
	// [7] <nil>
	// stdin:1: add_many: got -1, want at least 0
}
