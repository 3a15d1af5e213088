// Package dataset is hud.dataset: JSON lines, or a list, in batches.
//
// The reading and the order are runtime/dataset's. Here a batch becomes a Lua
// list, and the iterator is one of the run's cursors, so that a resumed run goes
// on with the next batch.
package dataset

import (
	"context"
	"errors"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/fs"
	"github.com/hudrl/hudrl/bindings/json"
	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/dataset"
	"github.com/hudrl/hudrl/runtime/rng"
)

// A set is a data set: lines of files, or a list.
type set struct {
	vm    *runtime.VM
	name  string
	lines *dataset.Lines // nil of a list
	list  []lua.LValue

	batch    int // the default, 0 for none
	shuffle  bool
	dropLast bool
	seed     uint64
}

// Open makes the module, a function, in a VM.
func Open(vm *runtime.VM) (lua.LValue, error) {
	files, err := fs.NewReader(vm)
	if err != nil {
		return nil, err
	}
	luax.Define(vm, luax.Class[*set]{
		Name: "Dataset",
		Methods: map[string]lua.LGFunction{
			"batches": func(L *lua.LState) int { return newBatches(vm, L) },
		},
		Get: func(L *lua.LState, d *set, key lua.LValue) (lua.LValue, bool) {
			n, ok := key.(lua.LNumber)
			if !ok {
				return nil, false
			}
			return d.at(L, n), true
		},
		Meta: map[string]lua.LGFunction{
			"__len": func(L *lua.LState) int {
				a := luax.Read(L, "dataset")
				L.Push(lua.LNumber(luax.Self[*set](&a).len(L)))
				return 1
			},
		},
	})
	defineBatches(vm)
	return vm.NewFunction(func(L *lua.LState) int { return newSet(vm, files, L) }), nil
}

func (d *set) String() string { return "Dataset " + d.name }

func newSet(vm *runtime.VM, files *fs.Reader, L *lua.LState) int {
	a := luax.Read(L, "dataset")
	source := a.Value("source")
	o := a.Options("batch_size", "shuffle", "seed", "drop_last")
	d := &set{
		vm: vm, shuffle: o.Bool("shuffle", false), dropLast: o.Bool("drop_last", false),
		seed: rng.Derive(uint64(vm.Seed()), rng.Hash("hud.dataset")),
	}
	if o.Has("batch_size") {
		d.batch = size(&a, "batch_size", o.NeedInt("batch_size"))
	}
	if o.Has("seed") {
		d.seed = rng.Derive(uint64(o.NeedInt("seed")), rng.Hash("hud.dataset"))
	}
	a.End()
	switch source := source.(type) {
	case lua.LString:
		d.name = string(source)
		d.open(&a, files)
	case *lua.LTable:
		d.name = "list"
		if n, fields := source.Len(), 0; n == 0 {
			source.ForEach(func(lua.LValue, lua.LValue) { fields++ })
			if fields > 0 {
				a.Fail("source: got a table with names, want a list of records")
			}
		}
		for i := 1; i <= source.Len(); i++ {
			if i%(1<<16) == 0 && vm.Context(L).Err() != nil {
				vm.Raise(L, context.Cause(vm.Context(L)))
			}
			v := source.RawGetInt(i)
			if v == lua.LNil {
				a.Fail("source: got nil at position %d of the list, want a record", i)
			}
			d.list = append(d.list, v)
		}
	default:
		a.Bad("source", source, "the path of a file of JSON lines or a list of records")
	}
	L.Push(luax.Wrap(L, d))
	return 1
}

// maxBatch bounds a batch: it is one table.
const maxBatch = 1 << 20

func size(a *luax.Args, name string, n int) int {
	if most := min(maxBatch, a.VM().Limits().TableSize); n < 1 || n > most {
		a.Fail("%s: got %d, want a whole number of 1 to %d", name, n, most)
	}
	return n
}

// open finds the files and looks at each.
func (d *set) open(a *luax.Args, files *fs.Reader) {
	if files == nil {
		a.FailHint(fs.Needs(d.vm.Capabilities()), "this script may not read %s", d.name)
	}
	var all []dataset.File
	for _, source := range files.Find(a, d.name) {
		all = append(all, dataset.File{Name: source.Name, Open: func() (dataset.Handle, dataset.Stamp, error) {
			f, info, err := source.Open()
			if err != nil {
				return nil, dataset.Stamp{}, err
			}
			return f, dataset.Stamp{Size: info.Size(), Modified: info.ModTime()}, nil
		}})
	}
	var err error
	waited := d.vm.Wait(a.L, func() { d.lines, err = dataset.New(all...) })
	if err = errors.Join(err, waited); err != nil {
		d.raise(a.L, err)
	}
	if most := d.vm.Limits().StringBytes; most > 0 {
		d.lines.SetMaxLine(most)
	}
}

// raise gives err, which names its place, the code of bad input.
func (d *set) raise(L *lua.LState, err error) {
	var fault *runtime.Fault
	if d.vm.Context(L).Err() != nil || errors.As(err, &fault) {
		d.vm.Raise(L, err)
	}
	f := runtime.Faultf(runtime.CodeValidation, "dataset: %w", err)
	var long *dataset.LongError
	if errors.As(err, &long) {
		f.Code, f.Hint = runtime.CodeLimit, "hudrl run --max-string SIZE allows longer ones; a host program sets Limits.StringBytes"
	} else if errors.Is(err, dataset.ErrChanged) {
		f.Hint = "a file that is written to while it is read gives other batches than it did: copy it, or read it when it is complete"
	}
	d.vm.Raise(L, f)
}

// reading calls f while other tasks run.
func (d *set) reading(L *lua.LState, f func(ctx context.Context) error) {
	ctx := d.vm.Context(L)
	var err error
	waited := d.vm.Wait(L, func() { err = f(ctx) })
	if err = errors.Join(err, waited); err != nil {
		d.raise(L, err)
	}
}

// len is how many records there are.
func (d *set) len(L *lua.LState) int {
	if d.lines == nil {
		return len(d.list)
	}
	n := 0
	d.reading(L, func(ctx context.Context) (err error) {
		n, err = d.lines.Len(ctx)
		return err
	})
	return n
}

// at is record i, nil where there is none.
func (d *set) at(L *lua.LState, i lua.LNumber) lua.LValue {
	n := d.len(L)
	k := int(i) - 1
	if lua.LNumber(k+1) != i || k < 0 || k >= n {
		return lua.LNil
	}
	return d.records(L, []uint32{uint32(k)})[0]
}

// records are those of these numbers, from 0.
func (d *set) records(L *lua.LState, numbers []uint32) []lua.LValue {
	if d.lines == nil {
		out := make([]lua.LValue, len(numbers))
		for i, n := range numbers {
			out[i] = d.list[n]
		}
		return out
	}
	var records []dataset.Record
	d.reading(L, func(ctx context.Context) (err error) {
		records, err = d.lines.Read(ctx, numbers)
		return err
	})
	return d.decoded(L, records)
}

// decoded are the records' values.
func (d *set) decoded(L *lua.LState, records []dataset.Record) []lua.LValue {
	out := make([]lua.LValue, len(records))
	for i, r := range records {
		v, err := json.Decode(d.vm, L, string(r.Text))
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			place := d.name
			d.reading(L, func(ctx context.Context) (err error) {
				place, err = d.lines.Place(ctx, r.At)
				return err
			})
			f := runtime.Faultf(runtime.CodeValidation, "dataset: %s: column %d: %s", place, syntax.Column, syntax.Detail)
			f.Hint = "every line is one JSON value, of a record"
			d.vm.Raise(L, f)
		}
		if err != nil {
			d.raise(L, err)
		}
		out[i] = v
	}
	return out
}

// mark tells a data set from another, and from the same one changed.
func (d *set) mark() string {
	if d.lines == nil {
		return fmt.Sprintf("%d records", len(d.list))
	}
	return fmt.Sprintf("%d bytes", d.lines.Size())
}
