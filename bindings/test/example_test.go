package test_test

import (
	"context"
	"fmt"
	"log"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/bindings/test"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
)

// The tests of a script, run by a Go program.
func ExampleRun() {
	chunk, err := runtime.Compile("reward_test.lua", `
		local test = require "hud.test"
		local function reward(answer) return #answer end
		test.describe("reward", function()
			test.it("counts letters", function() test.equal(reward("four"), 4) end)
			test.it("ignores blanks", function() test.equal(reward("a b"), 2) end)
		end)`)
	if err != nil {
		log.Fatal(err)
	}
	results, err := test.Run(context.Background(), bindings.Default(hudtest.NewFake()), chunk, test.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range results {
		fmt.Println(r.Name, "-", r.Err)
	}
	// Output:
	// reward > counts letters - <nil>
	// reward > ignores blanks - reward_test.lua:6: equal: got 3, want 2
}
