package bindings

import (
	hudbind "github.com/hudrl/hudrl/bindings/hud"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/journal"
)

// Journaled is Default for a run that is to survive a crash: its training
// calls are recorded in j, and when j was continued, the script goes on where
// it was: hud.steps after the last applied step, hud.state, random streams and
// forks as they were. Config.Seed must be the same as before. A nil j is none.
func Journaled(svc hud.Service, j *journal.Journal) runtime.Config {
	config := Default(svc)
	for i := range config.Modules {
		if config.Modules[i].Name == "hud" {
			config.Modules[i] = hudbind.Module(svc, parts, j)
		}
	}
	return config
}
