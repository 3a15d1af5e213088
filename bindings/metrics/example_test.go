package metrics_test

import (
	"context"
	"fmt"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/bindings/metrics"
	"github.com/hudrl/hudrl/runtime"
	rows "github.com/hudrl/hudrl/runtime/metrics"
)

type printer struct{ name string }

func (p printer) Log(r rows.Row) error {
	fmt.Println(p.name, r.Step, r.Values)
	return nil
}

// A program takes what a script logs.
func ExampleOptions() {
	config := bindings.Default(nil)
	bindings.Metrics(&config, metrics.Options{Sink: func(name string) rows.Sink { return printer{name} }})
	rt, err := runtime.New(config)
	if err != nil {
		panic(err)
	}
	defer rt.Close()
	chunk, err := runtime.Compile("train.lua", `
		local hud = require "hud"
		local run = hud.metrics.run("sums", { every = 0 })
		for step in hud.steps(2) do run:log{ reward = step / 2, loss = { kl = 0.25 } } end`)
	if err != nil {
		panic(err)
	}
	if _, err := rt.Run(context.Background(), chunk); err != nil {
		panic(err)
	}
	// Output:
	// sums 1 [{reward 0.5} {loss/kl 0.25}]
	// sums 2 [{reward 1} {loss/kl 0.25}]
}
