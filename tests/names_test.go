package tests

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/stdlib"
)

// Every name that a module has is described in stdlib/types, and every name
// that is described exists.
func TestNamesAreDescribed(t *testing.T) {
	t.Parallel()
	config := bindings.Default(nil)
	config.Capabilities = capable(t)
	rt, err := runtime.New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	chunk, err := runtime.Compile("names", `
		local module, names = require(...), {}
		if type(module) == "function" then return { "" } end
		for k, v in pairs(module) do names[#names + 1] = "." .. k end
		return names`)
	if err != nil {
		t.Fatal(err)
	}
	exists := map[string]bool{}
	modules := map[string]bool{}
	for _, m := range config.Modules {
		out, err := rt.Run(context.Background(), chunk, m.Name)
		if err != nil {
			t.Fatal(err)
		}
		modules[m.Name] = true
		for _, name := range out[0].([]any) {
			exists[m.Name+name.(string)] = true
		}
	}
	described := map[string]bool{}
	for _, e := range stdlib.Entries() {
		described[e.Name] = true
	}
	var missing []string
	for name := range exists {
		if !described[name] {
			missing = append(missing, name)
		}
	}
	for _, e := range stdlib.Entries() {
		module := e.Name[:max(strings.LastIndexByte(e.Name, '.'), 0)]
		if e.Function && modules[module] && !strings.Contains(e.Name, ":") && !exists[e.Name] {
			missing = append(missing, e.Name+" (described, but not there)")
		}
	}
	slices.Sort(missing)
	for _, name := range missing {
		t.Errorf("stdlib/types and the modules differ: %s", name)
	}
}

// Methods that are described can be called.
func TestMethodsAreThere(t *testing.T) {
	t.Parallel()
	objects := map[string]string{ // class to an expression that makes one
		"tensor":       `require("hud.tensor").zeros(2)`,
		"hud.Stream":   `require("hud").rng.stream(1)`,
		"hud.Dataset":  `require("hud").dataset({ 1 })`,
		"hud.Batches":  `require("hud").dataset({ 1 }):batches(1)`,
		"hud.Metrics":  `require("hud").metrics.run()`,
		"hud.Progress": `require("hud").progress()`,
		"hud.Trainer":  `require("hud").TrainingClient("hudrl/mini")`,
		"task":         `require("hud").spawn(function() end)`,
	}
	rt, err := runtime.New(bindings.Default(newLab(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	tried := map[string]int{}
	for _, e := range stdlib.Entries() {
		class, method, ok := strings.Cut(e.Name, ":")
		if !ok || objects[class] == "" {
			continue
		}
		tried[class]++
		out, err := rt.Eval(context.Background(), fmt.Sprintf("type(%s[%q])", objects[class], method))
		if err != nil || out[0] != "function" {
			t.Errorf("%s is described, but: %v, %v", e.Name, out, err)
		}
	}
	for class := range objects {
		if tried[class] == 0 {
			t.Errorf("no method of %s is described", class)
		}
	}
}
