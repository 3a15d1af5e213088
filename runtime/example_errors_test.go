package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
)

// What a script did wrong: one line, and the rest in fields.
func ExampleError() {
	rt := start(runtime.Config{})
	defer rt.Close()
	_, err := rt.Run(context.Background(), mustCompile("grade.lua", `
local function grade(answer)
	return answer.text + 1
end
grade{ text = "seven" }`))
	fmt.Println(err)
	var e *runtime.Error
	if errors.As(err, &e) {
		fmt.Println(e.Source, e.Line, e.Text)
		fmt.Println(e.Traceback)
	}
	// Output:
	// grade.lua:3: attempt to perform arithmetic on field 'text' (a string value)
	// grade.lua 3 	return answer.text + 1
	// grade.lua:3: in function grade
	// grade.lua:5: in main chunk
}

// What does not compile says where, and what may have been meant.
func ExampleCompile() {
	for _, src := range []string{"local x <const> = 1", "local half = 7 // 2", "for i = 1, 3 do"} {
		_, err := runtime.Compile("mine.lua", src)
		var e *runtime.Error
		errors.As(err, &e)
		fmt.Println(err, errors.Is(err, runtime.ErrIncomplete))
		fmt.Println("\t", e.Hint)
	}
	_, err := runtime.Limits{SourceBytes: 10}.Compile("mine.lua", "return 'far too long'")
	fmt.Println(err, errors.Is(err, runtime.ErrSize))
	// Output:
	// mine.lua:1: syntax error near "<" false
	// 	 attribs such as <const> are Lua 5.4: leave them out
	// mine.lua:1: syntax error near "/" false
	// 	 "//" is Lua 5.3: write math.floor(a / b)
	// mine.lua:1: the text ends too early true
	// 	 an end, a bracket or a quote is missing
	// mine.lua:1: source size: used 21 bytes of 10 bytes true
}

// A Go error goes through Lua, and through pcall, and comes out as itself; the
// script sees its code, message and hint.
func ExampleError_service() {
	rt := start(bindings.Default(hudtest.NewFake()))
	defer rt.Close()
	_, err := rt.Run(context.Background(), mustCompile("step.lua", `
		local hud = require "hud"
		local trainer = hud.TrainingClient(...)
		local ok, e = pcall(trainer.optim_step, trainer, { learning_rate = 1e-4 })
		if e.code == "no_gradient" then
			error(e:wrap("after the first batch"))
		end`), hudtest.FakeModel)
	fmt.Println(err)
	var service *hud.Error
	if errors.As(err, &service) {
		fmt.Println(service.Op, service.Code, service.Status)
	}
	// Output:
	// step.lua:4: after the first batch: optim_step: no accumulated gradients
	// optim_step no_gradient 409
}

// errEmpty is an error of the embedder's.
var errEmpty = errors.New("the inventory is empty")

// Errors of the embedder's own cross both borders.
func ExampleRuntime_Set_errors() {
	rt := start(runtime.Config{})
	defer rt.Close()
	check(rt.Set("drop", func() error { return fmt.Errorf("drop: %w", errEmpty) }))
	_, err := rt.Eval(context.Background(), `drop()`)
	fmt.Println(err, errors.Is(err, errEmpty))

	check(rt.Set("explain", func(e error) bool { return errors.Is(e, errEmpty) })) // and back
	fmt.Println(rt.Eval(context.Background(), `explain(select(2, pcall(drop)))`))

	check(rt.Set("broken", func() { panic("index out of range") }))
	_, err = rt.Eval(context.Background(), `broken()`)
	fmt.Println(err)
	fmt.Println(errors.Is(err, runtime.ErrHostBug)) // the Go stack is in Error.Traceback
	// Output:
	// stdin:1: drop: the inventory is empty true
	// [true] <nil>
	// stdin:1: host bug: index out of range (a host function panicked; the Go stack is in the traceback)
	// true
}

// Limits bound each call; scripts cannot catch a stop, and the Runtime is as good
// as new afterwards.
func ExampleLimits() {
	rt := start(runtime.Config{Limits: runtime.Limits{
		Steps:       1_000_000,
		WallTime:    5 * time.Second,
		StringBytes: 1 << 10,
		Tasks:       runtime.NoLimit,
	}})
	defer rt.Close()
	ctx := context.Background()
	for _, src := range []string{
		`while true do pcall(function() while true do end end) end`,
		`("x"):rep(600):rep(2)`,
		`"still here"`,
	} {
		out, err := rt.Eval(ctx, src)
		var limit *runtime.LimitError
		if errors.As(err, &limit) {
			fmt.Println(err)
			fmt.Println("\t", limit.ErrorHint(), errors.Is(err, runtime.ErrSteps))
			continue
		}
		fmt.Println(out, err)
	}
	// Output:
	// stdin:1: step limit: used 1000001 of 1000000
	// 	 raise it with --max-steps or Limits.Steps true
	// stdin:1: string size: used 600 bytes x 2 of 1024 bytes
	// 	 raise it with --max-string or Limits.StringBytes false
	// [still here] <nil>
}

// A context ends a call, wherever it is; its cause is in the error.
func ExampleRuntime_Run_cancel() {
	rt := start(runtime.Config{})
	defer rt.Close()
	ctx, cancel := context.WithCancelCause(context.Background())
	check(rt.Set("began", func() { cancel(errors.New("the player left")) }))
	_, err := rt.Run(ctx, mustCompile("loop.lua", `began() while true do end`))
	fmt.Println(err, errors.Is(err, context.Canceled))

	late, stop := context.WithTimeout(context.Background(), time.Millisecond)
	defer stop()
	_, err = rt.Run(late, mustCompile("loop.lua", `while true do end`))
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output:
	// loop.lua:1: the player left true
	// true
}

// Interrupt stops what runs, from any goroutine and with a cause.
func ExampleRuntime_Interrupt() {
	rt := start(runtime.Config{})
	defer rt.Close()
	errShutdown := errors.New("shutting down")
	check(rt.Set("began", func() { go rt.Interrupt(errShutdown) }))
	_, err := rt.Run(context.Background(), mustCompile("loop.lua", `began() while true do end`))
	fmt.Println(err, errors.Is(err, errShutdown))
	// Output: loop.lua:1: shutting down true
}

// One Runtime runs one call at a time: a second entrant is told so.
func ExampleRuntime_Run_busy() {
	rt := start(runtime.Config{})
	defer rt.Close()
	check(rt.Set("again", func() error {
		_, err := rt.Eval(context.Background(), `1`)
		return err
	}))
	_, err := rt.Eval(context.Background(), `again()`)
	fmt.Println(errors.Is(err, runtime.ErrBusy))
	// Output: true
}
