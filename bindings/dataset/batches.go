package dataset

import (
	"context"
	stdjson "encoding/json"
	"fmt"
	"strconv"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/dataset"
)

// batches is what data:batches returns: an iterator, and a sequence for
// hud.steps.
type batches struct {
	d     *set
	order dataset.Order // N is 0 until somebody needs it
	steps int           // batches in all, 0: those of epochs
	epoch int           // epochs in all, where steps is 0

	turn chan struct{} // holds one value while somebody reads

	done int // batches taken
	// Of files in their own order, which are streamed: where the next batch
	// begins, and how many passes and batches of this pass there were.
	at           int64
	passes, here int
}

func defineBatches(vm *runtime.VM) {
	next := func(L *lua.LState) int {
		a := luax.Read(L, "next")
		return luax.Self[*batches](&a).Next(L)
	}
	luax.Define(vm, luax.Class[*batches]{
		Name:    "Batches",
		Methods: map[string]lua.LGFunction{"next": next},
		Meta: map[string]lua.LGFunction{
			"__call": next,
			"__len": func(L *lua.LState) int {
				a := luax.Read(L, "batches")
				L.Push(lua.LNumber(luax.Self[*batches](&a).Total(L)))
				return 1
			},
		},
	})
}

func (b *batches) String() string {
	return fmt.Sprintf("Batches of %d from %s", b.order.Batch, b.d.name)
}

func newBatches(vm *runtime.VM, L *lua.LState) int {
	a := luax.Read(L, "batches")
	d := luax.Self[*set](&a)
	given := L.Get(2)
	n := a.OptInt("batch_size", d.batch)
	o := a.Options("epochs", "steps")
	b := &batches{
		d: d, turn: make(chan struct{}, 1),
		order: dataset.Order{Batch: n, DropLast: d.dropLast, Shuffle: d.shuffle, Seed: d.seed},
		epoch: o.Int("epochs", 1), steps: o.Int("steps", 0),
	}
	a.End()
	switch {
	case n < 1 && given != lua.LNil:
		a.Fail("batch_size: got %d, want a whole number of at least 1", n)
	case n == 0 && d.batch == 0:
		a.FailHint("data:batches(32), or hud.dataset(source, { batch_size = 32 })", "batch_size: got nil, want a whole number")
	case o.Has("epochs") && o.Has("steps"):
		a.Fail("epochs and steps: want one of them")
	case b.epoch < 1:
		a.Fail("epochs: got %d, want a whole number of at least 1", b.epoch)
	case o.Has("steps") && b.steps < 1:
		a.Fail("steps: got %d, want a whole number of at least 1", b.steps)
	}
	size(&a, "batch_size", n)
	if d.lines == nil {
		b.order.N = len(d.list)
		b.check(L)
	}
	luax.AddCursor(vm, "dataset "+d.name, b)
	L.Push(luax.Wrap(L, b))
	return 1
}

// check raises where there is no batch.
func (b *batches) check(L *lua.LState) {
	if err := b.order.Check(); err != nil {
		f := runtime.Faultf(runtime.CodeValidation, "dataset: %s: %w", b.d.name, err)
		b.d.vm.Raise(L, f)
	}
}

// index counts the records, once.
func (b *batches) index(L *lua.LState) {
	if b.order.N == 0 {
		b.order.N = b.d.len(L)
		b.check(L)
	}
}

// streamed reports whether the records are read as they stand.
func (b *batches) streamed() bool { return b.d.lines != nil && !b.order.Shuffle }

// Total is how many batches there are.
func (b *batches) Total(L *lua.LState) int {
	if b.steps > 0 {
		return b.steps
	}
	b.index(L)
	return b.epoch * b.order.PerPass()
}

// alone calls f while no other task is in it: reading lets other tasks run.
func (b *batches) alone(L *lua.LState, f func() int) int {
	select {
	case b.turn <- struct{}{}:
	default:
		b.d.reading(L, func(ctx context.Context) error {
			select {
			case b.turn <- struct{}{}:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	}
	defer func() { <-b.turn }()
	return f()
}

// Next pushes the next batch and its epoch, from 1.
func (b *batches) Next(L *lua.LState) int { return b.alone(L, func() int { return b.next(L) }) }

func (b *batches) next(L *lua.LState) int {
	if b.steps > 0 && b.done >= b.steps {
		L.Push(lua.LNil)
		return 1
	}
	var records []lua.LValue
	pass := 0
	if b.streamed() {
		if records, pass = b.stream(L); records == nil {
			L.Push(lua.LNil)
			return 1
		}
	} else {
		if b.done >= b.Total(L) {
			L.Push(lua.LNil)
			return 1
		}
		b.index(L)
		var numbers []uint32
		b.d.reading(L, func(ctx context.Context) (err error) {
			numbers, err = b.order.Of(ctx, b.done, nil)
			return err
		})
		records = b.d.records(L, numbers)
		pass = b.done / b.order.PerPass()
	}
	b.done++
	t := b.d.vm.NewTable(len(records), 0)
	for i, v := range records {
		t.RawSetInt(i+1, v)
	}
	L.Push(t)
	L.Push(lua.LNumber(pass + 1))
	return 2
}

// stream reads the next batch of files in their own order; nil is the end.
func (b *batches) stream(L *lua.LState) ([]lua.LValue, int) {
	for {
		if b.steps == 0 && b.passes == b.epoch {
			return nil, 0
		}
		var lines []dataset.Record
		next := b.at
		b.d.reading(L, func(ctx context.Context) (err error) {
			lines, next, err = b.d.lines.Next(ctx, b.at, b.order.Batch)
			return err
		})
		if len(lines) == b.order.Batch || len(lines) > 0 && !b.order.DropLast {
			records := b.d.decoded(L, lines)
			b.at = next
			b.here++
			return records, b.passes
		}
		b.turnOver(L, len(lines))
	}
}

// turnOver begins the next pass; left is how many records were left over.
func (b *batches) turnOver(L *lua.LState, left int) {
	if b.here == 0 {
		b.order.N = left // less than a batch
		b.check(L)
	}
	b.passes, b.here, b.at = b.passes+1, 0, 0
}

// Seek makes the batch after the first done ones the next.
func (b *batches) Seek(L *lua.LState, done int) {
	b.alone(L, func() int {
		if b.done == done {
			return 0
		}
		if !b.streamed() {
			b.done = done
			return 0
		}
		b.done, b.at, b.passes, b.here = 0, 0, 0, 0
		for b.done < done {
			skipped, next := 0, b.at
			b.d.reading(L, func(ctx context.Context) (err error) {
				skipped, next, err = b.d.lines.Skip(ctx, b.at, b.order.Batch)
				return err
			})
			if skipped == b.order.Batch || skipped > 0 && !b.order.DropLast {
				b.at = next
				b.here++
				b.done++
				continue
			}
			b.turnOver(L, skipped)
		}
		return 0
	})
}

// A place is an iterator's cursor as the journal has it.
type place struct {
	Done   int    `json:"done"`
	At     int64  `json:"at,omitempty"`
	Passes int    `json:"passes,omitempty"`
	Here   int    `json:"here,omitempty"`
	Of     string `json:"of"` // what it was a cursor of
}

// of says what decides which batch is which.
func (b *batches) of() string {
	text := b.d.mark() + ", batches of " + strconv.Itoa(b.order.Batch)
	if b.order.DropLast {
		text += ", the last dropped"
	}
	if b.order.Shuffle {
		text += ", shuffled by seed " + strconv.FormatUint(b.order.Seed, 16)
	}
	return text
}

// MarshalJSON is where the iterator is.
func (b *batches) MarshalJSON() ([]byte, error) {
	return stdjson.Marshal(place{b.done, b.at, b.passes, b.here, b.of()})
}

// UnmarshalJSON puts it where another was, of the same batches.
func (b *batches) UnmarshalJSON(text []byte) error {
	var p place
	if err := stdjson.Unmarshal(text, &p); err != nil {
		return fmt.Errorf("dataset: %s: %w", b.d.name, err)
	}
	if want := b.of(); p.Of != want {
		f := runtime.Faultf("conflict", "dataset: %s: got %s, and the interrupted run had %s", b.d.name, want, p.Of)
		f.Hint = "go on with the same data and batch size, or begin a new run without --resume"
		return f
	}
	b.done, b.at, b.passes, b.here = p.Done, p.At, p.Passes, p.Here
	return nil
}
