// Package plot is hud.plot: charts as text and as SVG.
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
		"svg":  svg,
	}), nil
}

func line(L *lua.LState) int {
	a := luax.Read(L, "line")
	series := readSeries(&a, a.Table("series"))
	o := a.Options("title", "width", "height", "min", "max")
	options := plot.Options{Title: o.String("title", ""), Width: o.Int("width", 0), Height: o.Int("height", 0)}
	bounds(&o, &options.Min, &options.Max)
	a.End()
	text, err := plot.Line(series, options)
	if err != nil {
		a.Fail("%s", err)
	}
	L.Push(lua.LString(text))
	return 1
}

func svg(L *lua.LState) int {
	a := luax.Read(L, "svg")
	series := readSeries(&a, a.Table("series"))
	o := a.Options("title", "width", "height", "min", "max", "x")
	p := plot.Picture{Title: o.String("title", ""), Width: o.Int("width", 0), Height: o.Int("height", 0)}
	bounds(&o, &p.Min, &p.Max)
	var x []float64
	if t := o.Table("x"); t != nil {
		x = luax.Numbers[float64](&a, "x", t)
	}
	a.End()
	if len(series) > maxPictureSeries {
		a.Fail("series: got %d, want at most %d", len(series), maxPictureSeries)
	}
	curves := make([]plot.Curve, len(series))
	for i, s := range series {
		curves[i] = plot.Curve{Name: s.Name, X: x, Values: s.Values}
	}
	text, err := plot.SVG(curves, p)
	if err != nil {
		a.Fail("%s", err)
	}
	L.Push(lua.LString(text))
	return 1
}

// maxPictureSeries bounds a picture: no one tells more lines apart.
const maxPictureSeries = 64

// bounds reads the limits of a chart's axis.
func bounds(o *luax.Options, low, high **float64) {
	for name, bound := range map[string]**float64{"min": low, "max": high} {
		if o.Has(name) {
			v := o.NeedNumber(name)
			*bound = &v
		}
	}
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
