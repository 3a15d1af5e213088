package tensor

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// A Budget bounds the bytes of storage an Allocator hands out.
//
// One that also has the methods Try and Size of Limit is asked less often, and
// not made to collect garbage for what need not be kept.
type Budget interface {
	// Reserve takes bytes, or says why not. It may collect garbage first.
	Reserve(bytes int64) error
	// Release gives bytes back. It is called from any goroutine.
	Release(bytes int64)
}

// A Limit is a Budget of a fixed number of bytes. Before it refuses, it
// collects garbage and waits for what that frees.
type Limit struct {
	limit int64
	used  atomic.Int64
	mu    sync.Mutex // one collection at a time
}

// NewLimit makes a Limit of so many bytes; none are in use.
func NewLimit(bytes int64) *Limit { return &Limit{limit: bytes} }

// Used is the number of bytes taken and not yet given back.
func (l *Limit) Used() int64 { return l.used.Load() }

// A LimitError is returned when storage beyond a Limit is asked for.
type LimitError struct {
	Used, Want, Limit int64 // bytes
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("tensor memory limit: %d bytes in use, %d more wanted, limit %d", e.Used, e.Want, e.Limit)
}

// Size is the limit.
func (l *Limit) Size() int64 { return l.limit }

// Try is Reserve without collecting garbage.
func (l *Limit) Try(bytes int64) bool {
	if l.used.Add(bytes) <= l.limit {
		return true
	}
	l.used.Add(-bytes)
	return false
}

// Reserve implements Budget.
func (l *Limit) Reserve(bytes int64) error {
	if l.Try(bytes) {
		return nil
	}
	if bytes > l.limit {
		return &LimitError{Used: l.used.Load(), Want: bytes, Limit: l.limit}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for range 3 {
		collect()
		// Cleanups run beside one another: the sentinel's may be ahead of
		// others of the same collection.
		for before := int64(-1); before != l.used.Load(); {
			before = l.used.Load()
			for range 50 {
				if l.Try(bytes) {
					return nil
				}
				runtime.Gosched()
			}
		}
	}
	return &LimitError{Used: l.used.Load(), Want: bytes, Limit: l.limit}
}

// Release implements Budget.
func (l *Limit) Release(bytes int64) { l.used.Add(-bytes) }

// collect collects garbage and waits until cleanups queued by it are running.
func collect() {
	done := make(chan struct{})
	sentinel := new([4]int64)
	runtime.AddCleanup(sentinel, func(c chan struct{}) { close(c) }, done)
	runtime.KeepAlive(sentinel)
	runtime.GC()
	select {
	case <-done:
	case <-time.After(50 * time.Millisecond):
	}
}

const (
	smallLen = 4       // elements kept in the storage itself
	slabLen  = 4 << 10 // elements of a slab that small storages are cut from
	slabItem = slabLen / 8
	maxLen   = 1 << 33 // elements of the largest tensor, whatever the budget
)

// An Allocator makes tensors whose storage is counted against a Budget. A nil
// Allocator counts nothing. It is safe for concurrent use unless it has a
// Runner.
//
// Storage of up to 4 elements is not counted: it is smaller than what holds
// it. Storage of up to 2 KiB is cut from slabs of 16 KiB, counted as a whole
// until everything in them is unreachable.
type Allocator struct {
	budget   Budget
	giveBack func(bytes int64) // budget.Release
	try      func(bytes int64) bool
	lotLen   int
	mu       sync.Mutex
	slab     []float32
	lot      *lot // the latest for several
	waiting  waiting
	pass     *pass  // not in use
	recent   *token // what graphs that begin now share
	run      Runner
	context  func() context.Context
	maker    Maker
	eager    bool // for tests: operations run at once, one by one
	own      bool // for tests: each graph has a token
}

// A Runner runs work, which takes milliseconds, and returns when it is done; it
// may let others compute meanwhile. An error says that the work must not
// count.
type Runner func(work func()) error

// SetRunner makes evaluations that take long run through f: the operands are
// pinned meanwhile. It must be set before the Allocator is used, and all its
// tensors belong to one goroutine at a time then: reductions, and operations on
// the single values they give, wait for each other.
func (a *Allocator) SetRunner(f Runner) { a.run = f }

// SetContext has what takes long, evaluations and Backward, end early with an
// error once the context that f gave when it began is done. It must be set
// before the Allocator is used.
func (a *Allocator) SetContext(f func() context.Context) { a.context = f }

// began is the context of what begins, nil where there is none.
func (a *Allocator) began() context.Context {
	if a == nil || a.context == nil {
		return nil
	}
	return a.context()
}

// ended is why op, which began with ctx, is to end early, or nil.
func ended(op string, ctx context.Context) error {
	if ctx == nil || ctx.Err() == nil {
		return nil
	}
	err := context.Cause(ctx)
	return &Error{Op: op, Detail: err.Error(), Err: err}
}

// A patience looks at a context now and then, during work that takes long.
type patience struct {
	ctx  context.Context // nil: never ends
	done int
}

// patienceLen elements take about a millisecond.
const patienceLen = 1 << 18

// ends reports whether the work is to end, n elements later.
func (p *patience) ends(n int) bool {
	if p.done += n; p.done < patienceLen {
		return false
	}
	p.done = 0
	return p.ctx != nil && p.ctx.Err() != nil
}

// NewAllocator makes an Allocator; a nil budget is no limit.
func NewAllocator(b Budget) *Allocator {
	a := &Allocator{budget: b}
	if b != nil {
		a.giveBack = b.Release
		if t, ok := b.(interface{ Try(bytes int64) bool }); ok {
			a.try, a.lotLen = t.Try, lotLen
		}
		if t, ok := b.(interface{ Size() int64 }); ok && a.try != nil {
			a.lotLen = int(min(lotLen, t.Size()/(4*lotShare)))
		}
	}
	return a
}

// reserve counts n elements, op being who asks.
func (a *Allocator) reserve(op string, n int) error {
	if a == nil || a.budget == nil || a.try != nil && a.try(4*int64(n)) {
		return nil
	}
	if err := a.waitNoMore(op); err != nil {
		return err
	}
	a.forget()
	if err := a.budget.Reserve(4 * int64(n)); err != nil {
		return &Error{Op: op, Detail: err.Error(), Err: err,
			Hint: "drop tensors that are no longer needed, compute without gradients what needs none, or raise it with --max-tensor or Limits.TensorBytes"}
	}
	return nil
}

// forget lets go of the lot that is not used up.
func (a *Allocator) forget() {
	if a.run == nil {
		a.mu.Lock()
		defer a.mu.Unlock()
	}
	a.lot = nil
}

func (a *Allocator) release(n int) {
	if a != nil && a.budget != nil {
		a.budget.Release(4 * int64(n))
	}
}

// floats makes n zeroed elements that are given back once unreachable.
func (a *Allocator) floats(op string, n int) ([]float32, error) {
	if a == nil || a.budget == nil {
		return make([]float32, n), nil
	}
	if n <= slabItem {
		if s := a.cut(n); s != nil {
			return s, nil
		}
		s, err := a.counted(op, slabLen)
		if err != nil {
			return a.counted(op, n)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.slab = s[n:]
		return s[:n:n], nil
	}
	return a.counted(op, n)
}

// spare is like unset for values that can be computed again: nil where there is
// no room without collecting garbage.
func (a *Allocator) spare(n int) []float32 {
	switch {
	case a == nil || a.budget == nil:
		return uncleared(n)
	case a.try == nil || !a.try(4*int64(n)):
		return nil
	}
	s := uncleared(n)
	runtime.AddCleanup(&s[0], a.giveBack, 4*int64(n))
	return s
}

// cut is n elements of the slab, nil where it has fewer.
func (a *Allocator) cut(n int) []float32 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.slab) < n {
		return nil
	}
	s := a.slab[:n:n]
	a.slab = a.slab[n:]
	return s
}

func (a *Allocator) counted(op string, n int) ([]float32, error) {
	if err := a.reserve(op, n); err != nil {
		return nil, err
	}
	s := make([]float32, n)
	runtime.AddCleanup(&s[0], a.giveBack, 4*int64(n))
	return s, nil
}

// make is a tensor of zeros, a constant. n is the product of shape, which it
// keeps.
func (a *Allocator) make(op string, shape []int, n int) (*Tensor, error) {
	o := a.newConstant()
	o.t.layout = packed(shape, n)
	if err := a.fill(op, &o.t, &o.s, n); err != nil {
		return nil, err
	}
	return &o.t, nil
}

// fill gives t a storage of zeros.
func (a *Allocator) fill(op string, t *Tensor, s *small, n int) error {
	t.st = &s.s
	s.s.alloc, s.s.cur = a, &s.s.first
	if n <= smallLen {
		s.s.first.data = s.room[:n]
		return nil
	}
	d, err := a.floats(op, n)
	s.s.first.data = d
	return err
}

// outcome is a tensor of zeros for the result of op on a and b (nil when there
// is none), recorded where a gradient flows through either.
func (al *Allocator) outcome(op *opDef, shape []int, n int, a, b *Tensor) (*Tensor, *node, error) {
	if !a.RequiresGrad() && !b.RequiresGrad() {
		t, err := al.make(op.name, shape, n)
		return t, nil, err
	}
	o, s := al.newNode(), &small{}
	o.t.layout = packed(shape, n)
	if err := al.fill(op.name, &o.t, s, n); err != nil {
		return nil, nil, err
	}
	o.note(op, a, b)
	return &o.t, o, nil
}

// result is like make, with the error in the tensor.
func (a *Allocator) result(op string, shape []int, n int) *Tensor {
	t, err := a.make(op, shape, n)
	if err != nil {
		return failure(err)
	}
	return t
}

// alloc2 is where the result of an operation on a and b belongs.
func alloc2(a, b *Tensor) *Allocator {
	if a.st.alloc != nil {
		return a.st.alloc
	}
	return b.st.alloc
}
