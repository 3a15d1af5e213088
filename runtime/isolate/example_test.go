package isolate_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/isolate"
)

// Code that one does not trust at all runs in a process of its own, which is
// this program again: its main begins with [isolate.Main].
func ExampleRun() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	options := isolate.Options{
		Limits: isolate.Limits{Memory: 256 << 20, CPU: 10 * time.Second},
		Stdout: os.Stdout,
	}
	out, err := isolate.Run(ctx, isolate.Job{Name: "user.lua", Source: `print("hello") return { sum = ... + 1 }`, Args: []any{41}}, options)
	fmt.Println(out, err)

	_, err = isolate.Run(ctx, isolate.Job{Name: "user.lua", Source: `error("no")`}, options)
	var e *runtime.Error // as if it had run here
	fmt.Println(err, errors.As(err, &e), e.Line)
	// Output:
	// hello
	// [map[sum:42]] <nil>
	// user.lua:1: no true 1
}
