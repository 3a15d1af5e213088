package repl_test

import (
	"context"
	"log"
	"os"
	"strings"

	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/repl"
)

// A prompt inside a program: here it reads lines of text, at a terminal
// NewTerminal has history and completion.
func ExampleRun() {
	rt, err := runtime.New(runtime.Config{Stdout: os.Stdout})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()
	if err := rt.Set("speed", 3); err != nil {
		log.Fatal(err)
	}
	typed := strings.NewReader("speed * 2\nlocal t = {1, 2,\n  3}\nt\nnothing.x\n")
	err = repl.Run(context.Background(), rt, repl.Options{Terminal: repl.NewLines(typed), Out: os.Stdout, Err: os.Stdout})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// 6
	// {1, 2, 3}
	// error: stdin:1: attempt to index global 'nothing' (a nil value) with key 'x'
}
