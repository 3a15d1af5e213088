// Package plot is hud.plot: charts as text.
package plot

import (
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/internal/plot"
	"github.com/hudrl/hudrl/runtime"
)

// Open makes the module in a VM.
func Open(vm *runtime.VM) (lua.LValue, error) {
	return luax.Module(vm, "hud.plot", map[string]lua.LGFunction{
		"line": line,
		"bar":  bar,
	}), nil
}

func line(L *lua.LState) int {
	a := luax.Read(L, "line")
	series := readSeries(&a, a.Table("series"))
	o := a.Options("title", "width", "height", "min", "max")
	options := plot.Options{Title: o.String("title", ""), Width: o.Int("width", 0), Height: o.Int("height", 0)}
	for name, bound := range map[string]**float64{"min": &options.Min, "max": &options.Max} {
		if o.Has(name) {
			v := o.NeedNumber(name)
			*bound = &v
		}
	}
	a.End()
	text, err := plot.Line(series, options)
	if err != nil {
		a.Fail("%s", err)
	}
	L.Push(lua.LString(text))
	return 1
}

// readSeries takes a list of numbers as one series, and a table of lists as
// several, by name.
func readSeries(a *luax.Args, t *lua.LTable) []plot.Series {
	var series []plot.Series
	first, _ := t.Next(lua.LNil)
	if first.Type() == lua.LTString || first == lua.LNil {
		for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
			name, ok := k.(lua.LString)
			if !ok {
				a.Fail("series: got names and positions, want one or the other")
			}
			list := a.AsTable("series."+string(name), v)
			series = append(series, plot.Series{Name: string(name), Values: luax.Numbers[float64](a, "series."+string(name), list)})
		}
		// By name, so that a chart does not depend on the order of assignment.
		slices.SortFunc(series, func(x, y plot.Series) int {
			if x.Name < y.Name {
				return -1
			}
			return 1
		})
		return series
	}
	return []plot.Series{{Values: luax.Numbers[float64](a, "series", t)}}
}

func bar(L *lua.LState) int {
	a := luax.Read(L, "bar")
	value := a.Number("value")
	width := a.Int("width")
	full := a.OptNumber("max", 1)
	a.End()
	if width < 1 || width > plot.MaxWidth {
		a.Fail("width: got %d, want 1 to %d", width, plot.MaxWidth)
	}
	if !(full > 0) {
		a.Fail("max: got %v, want a number above 0", full)
	}
	L.Push(lua.LString(plot.Bar(value, full, width)))
	return 1
}
