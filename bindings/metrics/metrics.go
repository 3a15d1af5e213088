// Package metrics is hud.metrics: what a script measures, step by step, for a
// person, a file and a chart.
package metrics

import (
	"errors"
	"math"
	"path/filepath"
	"regexp"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud/journal"
	"github.com/hudrl/hudrl/runtime/metrics"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// Options say where rows go beside the script's output.
type Options struct {
	// Dir is where the files are, each of which one VM writes; "" keeps none.
	Dir string
	// Journal is the run's, or nil. When it was continued, the rows of steps
	// that were never applied are cut off the files.
	Journal *journal.Journal
	// Sink, if it is not nil, gives the log of that name one more sink; a nil
	// Sink of its is none.
	Sink func(name string) metrics.Sink
}

// Module is the module hud.metrics.
func Module(o Options) runtime.Module {
	return runtime.Module{Name: "hud.metrics", Open: func(vm *runtime.VM) (lua.LValue, error) { return open(vm, o) }}
}

// A run is one log of a script.
type run struct {
	vm      *runtime.VM
	o       Options
	name    string
	log     *metrics.Log
	file    *metrics.File
	seconds float64 // that earlier processes took
	told    bool    // where the file is
	failed  bool    // a sink's error was told
}

func (r *run) String() string { return "Metrics " + r.name }

func open(vm *runtime.VM, o Options) (lua.LValue, error) {
	files := map[string]*metrics.File{}
	vm.OnClose(func() {
		for _, f := range files {
			if err := f.Close(); err != nil {
				vm.Logger().Warn("metrics: " + err.Error())
			}
		}
	})
	luax.Define(vm, luax.Class[*run]{
		Name:    "Metrics",
		Methods: map[string]lua.LGFunction{"log": logRow, "series": series, "names": names},
		Fields:  []string{"name"},
		Get: func(_ *lua.LState, r *run, key lua.LValue) (lua.LValue, bool) {
			return lua.LString(r.name), key == lua.LString("name")
		},
	})
	return luax.Module(vm, "hud.metrics", map[string]lua.LGFunction{
		"run": func(L *lua.LState) int {
			r, err := newRun(vm, o, files, L)
			if err != nil {
				vm.Raise(L, err)
			}
			L.Push(luax.Wrap(L, r))
			return 1
		},
	}), nil
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// maxFiles bounds the open files of a script.
const maxFiles = 16

func newRun(vm *runtime.VM, o Options, files map[string]*metrics.File, L *lua.LState) (*run, error) {
	a := luax.Read(L, "run")
	name := a.OptString("name", "metrics")
	opts := a.Options("every", "show")
	every := opts.Int("every", 1)
	show := opts.Table("show")
	a.End()
	if !nameForm.MatchString(name) {
		a.Fail("name: got %q, want letters, digits, dots, dashes and underscores", name)
	}
	if every < 0 {
		a.Fail("every: got %d, want a whole number of at least 0", every)
	}
	var sinks []metrics.Sink
	if every > 0 {
		columns := metrics.NewColumns(vm.Stdout()).Every(every)
		if show != nil {
			columns.Only(luax.Strings(&a, "show", show)...)
		}
		sinks = append(sinks, columns)
	}
	if o.Sink != nil {
		if s := o.Sink(name); s != nil {
			sinks = append(sinks, s)
		}
	}
	r := &run{vm: vm, o: o, name: name}
	if o.Dir == "" {
		r.log = metrics.New(sinks...)
		return r, nil
	}
	upTo := metrics.Place{Loop: math.MaxInt}
	if o.Journal != nil && o.Journal.Continued() {
		luax.CursorsOf(vm).Settle(L) // lets other tasks run
		reached := o.Journal.Reached()
		upTo = metrics.Place{Loop: reached.Loop, Step: reached.Step}
	}
	if files[name] != nil {
		a.FailHint("keep what run returned, or give this one another name", "the log %q was begun already", name)
	}
	if len(files) == maxFiles {
		a.Fail("got more than %d logs", maxFiles)
	}
	files[name] = new(metrics.File) // nobody else's, while this one is opened
	var kept []metrics.Row
	var err error
	ctx := vm.Context(L)
	waited := vm.Wait(L, func() {
		r.file, err = metrics.OpenFile(ctx, filepath.Join(o.Dir, name+".jsonl"), func(row metrics.Row) bool {
			if row.Place.After(upTo) {
				return false
			}
			kept = append(kept, row)
			return true
		})
	})
	if err = errors.Join(err, waited); err != nil {
		delete(files, name)
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, runtime.Faultf(runtime.CodeError, "run: %w", err)
	}
	files[name] = r.file
	r.log = metrics.New(append(sinks, r.file)...)
	for _, row := range kept {
		r.log.Restore(row)
		r.seconds = row.Seconds
	}
	return r, nil
}

func logRow(L *lua.LState) int {
	a := luax.Read(L, "log")
	r := luax.Self[*run](&a)
	t := a.Table("row")
	a.End()
	loop, step := luax.CursorsOf(r.vm).Step()
	row := metrics.Row{Step: step, Seconds: r.seconds + r.vm.Now().Seconds(), Place: metrics.Place{Loop: loop, Step: step}}
	if v := t.RawGetString("step"); v != lua.LNil {
		row.Step = a.AsInt("step", v)
	} else if step == 0 {
		a.Fail("step: got nil, want a whole number: outside of hud.steps nobody knows it")
	}
	f := flattener{a: &a, seen: map[*lua.LTable]bool{}}
	f.table("", t)
	row.Values = f.values
	if len(row.Values) == 0 {
		a.Fail("got a row without a value, want numbers by name")
	}
	err := r.log.Add(row)
	var sink *metrics.SinkError
	switch {
	case errors.As(err, &sink):
		// Hours of training are worth more than their curve.
		if !r.failed {
			r.failed = true
			r.vm.Logger().Warn("metrics: " + sink.Error() + "; the run goes on without")
		}
	case err != nil:
		a.Fail("%s", err)
	case r.file != nil && r.file.Written() && !r.told:
		r.told = true
		r.vm.Logger().Info("metrics are in " + r.file.Path())
	}
	return 0
}

// A flattener makes values of a table's fields, those of tables within after
// their name and a slash.
type flattener struct {
	a      *luax.Args
	values []metrics.Value
	seen   map[*lua.LTable]bool // around the field
}

func (f *flattener) table(prefix string, t *lua.LTable) {
	if f.seen[t] {
		f.a.Fail("%.40s: the table holds itself", strings.TrimSuffix(prefix, "/"))
	}
	f.seen[t] = true
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		name := ""
		switch k := k.(type) {
		case lua.LString:
			name = prefix + string(k)
		case lua.LNumber:
			name = prefix + runtime.FormatNumber(float64(k))
		default:
			f.a.Fail("got a key of type %s, want names", runtime.TypeName(k))
		}
		if name == "step" {
			continue
		}
		if len(name) > metrics.MaxName {
			f.a.Fail("got a name of %d bytes, want at most %d: %.40q…", len(name), metrics.MaxName, name)
		}
		if metrics.Reserved(name) {
			f.a.Fail("%s: the name is one of hud.metrics's own", name)
		}
		if len(f.values) == metrics.MaxNames {
			f.a.Fail("got more than %d values in a row", metrics.MaxNames)
		}
		switch v := v.(type) {
		case lua.LNumber:
			f.values = append(f.values, metrics.Value{Name: name, Value: float64(v)})
		case *lua.LTable:
			f.table(name+"/", v)
		default:
			t, ok := luax.To[*tensor.Tensor](v)
			if !ok {
				f.a.Fail("%s: got %s, want a number, a tensor of one element or a table of them", name, runtime.TypeName(v))
			}
			x, err := t.Item()
			if err != nil {
				f.a.Fail("%s: %s", name, err)
			}
			f.values = append(f.values, metrics.Value{Name: name, Value: x})
		}
	}
	delete(f.seen, t)
}

func series(L *lua.LState) int {
	a := luax.Read(L, "series")
	r := luax.Self[*run](&a)
	name := a.String("name")
	a.End()
	values := r.log.Series(name)
	if values == nil {
		known := r.log.Names()
		if near := runtime.Nearest(name, known); near != "" {
			a.Fail("name: nothing was logged as %q (did you mean %q?)", name, near)
		}
		a.Fail("name: nothing was logged as %q", name)
	}
	L.Push(luax.List(r.vm, values))
	return 1
}

func names(L *lua.LState) int {
	a := luax.Read(L, "names")
	r := luax.Self[*run](&a)
	a.End()
	L.Push(luax.StringList(r.vm, r.log.Names()))
	return 1
}
