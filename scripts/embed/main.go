// Command embed shows the runtime inside a Go program: the environment is a Go
// value, the training loop is Lua text, and the program gets the script's
// result back.
//
//	go run ./scripts/embed
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/local"
)

// A Thermostat is the environment. The script sees its methods question and
// judge, and nothing else of it.
type Thermostat struct{ Target int }

// Question is what the model is asked about a room of that temperature.
func (t *Thermostat) Question(room int) string {
	return fmt.Sprintf("What is %d - %d?", t.Target, room)
}

// Judge scores an answer: 1 when it is the number of degrees to heat.
func (t *Thermostat) Judge(room int, answer string) float64 {
	if answer == fmt.Sprint(t.Target-room) {
		return 1
	}
	return 0
}

const script = `
local hud = require "hud"
local steps = ...

local fork = hud.models.fork("hudrl/mini", "thermostat")
local trainer = hud.TrainingClient(fork.model_name)
local agent = hud.Agent(fork.model_name, { max_tokens = 8 })
local first, last

for step in hud.steps(steps) do
  local r, tasks = hud.rng.stream("rooms", step), {}
  for i = 1, 8 do
    local room = r:int(0, 24)
    tasks[i] = {
      prompt = thermostat:question(room),
      grade = function(answer) return thermostat:judge(room, answer) end,
    }
  end
  local session = hud.Job.start("thermostat", { group = 8 })
  hud.Taskset("rooms", tasks):run(agent, { job = session })
  if session:has_spread() then
    trainer:step(session.runs, { learning_rate = 3e-4, group_size = 8 })
  end
  first, last = first or session.reward, session.reward
  print(("step %d  reward %.3f"):format(step, session.reward))
end
return fork.model_name, first, last
`

func main() {
	steps := flag.Int("steps", 30, "training steps, 1 or more")
	data := flag.String("data", "", "keep models in this directory (default: a temporary one)")
	flag.Parse()
	log.SetFlags(0)
	if *steps < 1 {
		log.Fatalf("embed: -steps: got %d, want 1 or more", *steps)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *data, *steps); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, data string, steps int) error {
	if data == "" {
		dir, err := os.MkdirTemp("", "embed")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		data = dir
	}
	svc, err := local.Open(data)
	if err != nil {
		return err
	}
	defer svc.Close()

	cfg := bindings.Default(svc)
	cfg.Stdout = os.Stdout
	rt, err := runtime.New(cfg)
	if err != nil {
		return err
	}
	defer rt.Close()
	if err := rt.Set("thermostat", &Thermostat{Target: 24}, "Question", "Judge"); err != nil {
		return err
	}
	chunk, err := runtime.Compile("thermostat.lua", script)
	if err != nil {
		return err
	}
	out, err := rt.Run(ctx, chunk, steps)
	if err != nil {
		return err
	}
	fmt.Printf("%v: reward %.3f in the first step, %.3f in the last\n", out...)
	return nil
}
