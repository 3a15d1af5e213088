package bindings_test

import (
	"context"
	"fmt"
	"log"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
)

// Every module that ships, over any service; a Config is a plain struct to change.
func ExampleDefault() {
	cfg := bindings.Default(hudtest.NewFake()) // local.Open(dir), hud.Dial(…), …
	cfg.Seed = 7
	cfg.Limits.Steps = 1_000_000
	rt, err := runtime.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()
	fmt.Println(rt.Eval(context.Background(), `
		local hud = require "hud"
		return hud.json.encode{ models = #hud.models.list() }, hud.tensor{ 1, 2, 3 }:sum():item()`))
	// Output: [{"models":1} 6] <nil>
}
