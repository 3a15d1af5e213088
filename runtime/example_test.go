package runtime_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/local"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// A Simulator is the embedder's own environment.
type Simulator struct{ Secret string }

// LuaMethods are what scripts may call, and nothing else of it.
func (s *Simulator) LuaMethods() []string { return []string{"Task", "Judge"} }

func (s *Simulator) Task(i int) string { return fmt.Sprintf("What is %d + 1?", i) }

func (s *Simulator) Judge(i int, answer string) float64 {
	if answer == fmt.Sprint(i+1) {
		return 1
	}
	return 0
}

// A training loop in Lua, inside a Go program: the service is embedded, the
// environment is a Go value, the weights of a loss come back as a tensor.
func Example() {
	dir, err := os.MkdirTemp("", "hudrl")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	svc, err := local.Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	defer svc.Close()
	rt, err := runtime.New(bindings.Default(svc))
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()
	if err := rt.Set("simulator", &Simulator{}); err != nil {
		log.Fatal(err)
	}
	chunk, err := runtime.Compile("train.lua", `
		local hud = require "hud"
		local name, steps = ...
		local fork = hud.models.fork("hudrl/nano", name)
		local trainer = hud.TrainingClient(fork.model_name)
		local agent = hud.Agent(fork.model_name, { max_tokens = 4 })
		for step in hud.steps(steps) do
			local tasks = {}
			for i = 1, 2 do
				tasks[i] = { prompt = simulator:task(i), grade = function(answer) return simulator:judge(i, answer) end }
			end
			local job = hud.Job.start(name, { group = 4 })
			hud.Taskset(name, tasks):run(agent, { job = job })
			if job:has_spread() then
				trainer:step(job.runs, { learning_rate = 3e-4, group_size = 4 })
			end
		end
		return fork.model_name, hud.tensor.ones(2, 3)`)
	if err != nil {
		log.Fatal(err)
	}
	out, err := rt.Run(context.Background(), chunk, "arith-rl", 2)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out[0], out[1].(*tensor.Tensor).Shape())
	// Output: arith-rl [2 3]
}

// The zero Config is the sandbox: no files, no environment, no network, no
// clock, no modules, no output, and default limits.
func ExampleConfig() {
	rt, err := runtime.New(runtime.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()
	ctx := context.Background()
	fmt.Println(rt.Eval(ctx, `io, os.getenv, os.execute, dofile, debug, pcall(require, "hud.fs")`))
	fmt.Println(rt.Eval(ctx, `os.date("!%Y"), math.floor(2.5), ("x"):rep(3)`))
	_, err = rt.Eval(ctx, `local function f() return 1 + f() end f()`)
	fmt.Println(err)
	// Output:
	// [<nil> <nil> <nil> <nil> <nil> false require: no module "hud.fs"] <nil>
	// [1970 2 xxx] <nil>
	// stdin:1: call depth: used 2001 of 2000
}
