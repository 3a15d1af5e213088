package check_test

import (
	"fmt"

	"github.com/hudrl/hudrl/runtime/check"
)

// What is wrong with a script, without running it.
func ExampleSource() {
	problems := check.Source("train.lua", `
local hud = require "hud"
local trainer = hud.TrainingClient()
trainer:forward_backwards(simulator:runs(), {})
print(stpes)
`, check.Options{Globals: []string{"simulator"}}) // what the host sets
	for _, p := range problems {
		fmt.Println(p)
		if p.Hint != "" {
			fmt.Println("\t" + p.Hint)
		}
	}
	// Output:
	// train.lua:3: hud.TrainingClient: missing argument model
	// train.lua:4: hud.Trainer has no method forward_backwards
	// 	did you mean forward_backward?
	// train.lua:5: undefined global stpes
}
