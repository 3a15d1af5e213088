package dataset

import (
	"context"
	"fmt"

	"github.com/hudrl/hudrl/runtime/rng"
)

// An Order says which records the batches of some passes over a data set
// hold. No batch holds records of two passes: the last of a pass may be
// shorter, or is dropped.
type Order struct {
	N        int // records
	Batch    int // records of a batch, at least 1
	DropLast bool
	Shuffle  bool   // each pass in an order of its own
	Seed     uint64 // of the shuffling

	perm  []uint32 // of pass; the order of nothing else is kept
	pass  int
	drawn bool
}

// MaxRecords is how many records an index takes.
const MaxRecords = 1<<32 - 1

// PerPass is how many batches one pass over the records has.
func (o *Order) PerPass() int {
	if o.DropLast {
		return o.N / o.Batch
	}
	return (o.N + o.Batch - 1) / o.Batch
}

// Check says why there is no batch at all.
func (o *Order) Check() error {
	switch {
	case o.N > MaxRecords:
		return fmt.Errorf("got %d records, want at most %d", o.N, MaxRecords)
	case o.N == 0:
		return fmt.Errorf("got no records")
	case o.PerPass() == 0:
		return fmt.Errorf("got %d records, want at least one batch of %d, or no drop_last", o.N, o.Batch)
	}
	return nil
}

// Of appends the numbers, from 0, of the records of batch k, from 0, which
// belongs to pass k / PerPass. It depends on nothing but the exported fields.
// The error is that of the context, which a long shuffling asks.
func (o *Order) Of(ctx context.Context, k int, to []uint32) ([]uint32, error) {
	pass, in := k/o.PerPass(), k%o.PerPass()
	first := in * o.Batch
	last := min(first+o.Batch, o.N)
	if !o.Shuffle {
		for i := first; i < last; i++ {
			to = append(to, uint32(i))
		}
		return to, nil
	}
	if !o.drawn || pass != o.pass {
		if err := o.draw(ctx, pass); err != nil {
			return to, err
		}
	}
	return append(to, o.perm[first:last]...), nil
}

// draw shuffles the records for a pass.
func (o *Order) draw(ctx context.Context, pass int) error {
	const asked = 1 << 16 // records between two looks at the context
	o.drawn = false
	if len(o.perm) != o.N {
		o.perm = make([]uint32, o.N)
	}
	for i := range o.perm {
		o.perm[i] = uint32(i)
	}
	r := rng.New(rng.Derive(o.Seed, rng.Hash("pass"), uint64(pass)))
	for i := o.N - 1; i > 0; i-- {
		if i%asked == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		j, err := r.Int(0, int64(i))
		if err != nil {
			return err
		}
		o.perm[i], o.perm[j] = o.perm[j], o.perm[i]
	}
	o.pass, o.drawn = pass, true
	return nil
}
