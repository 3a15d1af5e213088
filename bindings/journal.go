package bindings

import (
	"path/filepath"

	hudbind "github.com/hudrl/hudrl/bindings/hud"
	"github.com/hudrl/hudrl/bindings/metrics"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/journal"
)

// Journaled is Default for a run that is to survive a crash: its training
// calls are recorded in j, and when j was continued, the script goes on where
// it was: hud.steps after the last applied step, hud.state, random streams and
// forks as they were, hud.metrics without the steps that will be taken again. Config.Seed must be the same as before. A nil j is none.
func Journaled(svc hud.Service, j *journal.Journal) runtime.Config {
	config := Default(svc)
	for i := range config.Modules {
		if config.Modules[i].Name == "hud" {
			config.Modules[i] = hudbind.Module(svc, parts, j)
		}
	}
	o := metrics.Options{Journal: j}
	if j != nil && j.Durable() {
		o.Dir = filepath.Dir(j.Path())
	}
	Metrics(&config, o)
	return config
}

// Metrics says where what scripts log with hud.metrics goes, beside their
// output: nowhere after Default, beside the journal after Journaled.
func Metrics(c *runtime.Config, o metrics.Options) {
	for i := range c.Modules {
		if c.Modules[i].Name == "hud.metrics" {
			c.Modules[i] = metrics.Module(o)
		}
	}
}
