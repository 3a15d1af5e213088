// Package bindings is the one list of every Lua module that ships.
//
//	rt, err := runtime.New(bindings.Default(svc))
//
// Each folder here holds the glue of one module and has the name of what it
// wraps. An embedder who wants fewer modules edits Config.Modules.
package bindings

import (
	"slices"

	"github.com/hudrl/hudrl/bindings/args"
	"github.com/hudrl/hudrl/bindings/dataset"
	"github.com/hudrl/hudrl/bindings/env"
	"github.com/hudrl/hudrl/bindings/fs"
	"github.com/hudrl/hudrl/bindings/http"
	hudbind "github.com/hudrl/hudrl/bindings/hud"
	"github.com/hudrl/hudrl/bindings/json"
	"github.com/hudrl/hudrl/bindings/log"
	"github.com/hudrl/hudrl/bindings/loss"
	"github.com/hudrl/hudrl/bindings/metrics"
	"github.com/hudrl/hudrl/bindings/plot"
	"github.com/hudrl/hudrl/bindings/progress"
	"github.com/hudrl/hudrl/bindings/rng"
	"github.com/hudrl/hudrl/bindings/schedule"
	"github.com/hudrl/hudrl/bindings/tensor"
	"github.com/hudrl/hudrl/bindings/test"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
)

// parts are the modules that are also fields of hud: hud.json is
// require "hud.json". They open before it.
var parts = []runtime.Module{
	{Name: "hud.args", Open: args.Open},
	{Name: "hud.dataset", Open: dataset.Open},
	{Name: "hud.env", Open: env.Open, Needs: env.Needs},
	{Name: "hud.fs", Open: fs.Open, Needs: fs.Needs},
	{Name: "hud.http", Open: http.Open, Needs: http.Needs},
	{Name: "hud.json", Open: json.Open},
	{Name: "hud.log", Open: log.Open},
	{Name: "hud.loss", Open: loss.Open},
	metrics.Module(metrics.Options{}),
	{Name: "hud.plot", Open: plot.Open},
	{Name: "hud.progress", Open: progress.Open},
	{Name: "hud.rng", Open: rng.Open},
	{Name: "hud.schedule", Open: schedule.Open},
	{Name: "hud.tensor", Open: tensor.Open},
	{Name: "hud.test", Open: test.Open},
}

// Default is a configuration with every module, for scripts that train on
// svc; without one (nil) what needs it raises. Everything else about it is the sandbox of the zero Config.
func Default(svc hud.Service) runtime.Config {
	modules := append(slices.Clone(parts), hudbind.Module(svc, parts, nil))
	return runtime.Config{Modules: modules}
}
