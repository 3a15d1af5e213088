package tensor

import (
	"math"
	"slices"
	"sort"
	"sync/atomic"

	"github.com/hudrl/hudrl/internal/kernel"
)

// checkOffsets says why offsets do not split the first dimension of a tensor
// with n positions, or nil.
func checkOffsets(op string, offsets []int, n int) error {
	if len(offsets) == 0 || offsets[0] != 0 {
		return errorf(op, "got offsets %s, want them to start at 0", short(offsets))
	}
	for i := 1; i < len(offsets); i++ {
		if offsets[i] < offsets[i-1] {
			return errorf(op, "offset %d is %d, below the one before, %d", i+1, offsets[i], offsets[i-1])
		}
	}
	if last := offsets[len(offsets)-1]; last != n {
		return errorf(op, "offsets end at %d, want %d, the length of the first dimension", last, n)
	}
	return nil
}

// short is a list as messages show it.
func short(x []int) string {
	if len(x) > 6 {
		return shapeString(x[:6]) + "…"
	}
	return shapeString(x)
}

// segments is how a first dimension, or all elements, are split.
type segments struct {
	offsets []int
	size    int // of each of num segments, where offsets is nil
	num     int
	inner   int // elements of one position
}

// whole is one segment of n.
func whole(n int) *segments {
	s := lastWhole.Load()
	if s == nil || s.size != n {
		s = &segments{size: n, num: 1, inner: 1}
		lastWhole.Store(s)
	}
	return s
}

// lastWhole is the latest: one datum is as long as the next, often.
var lastWhole atomic.Pointer[segments]

func (s *segments) count() int {
	if s.offsets == nil {
		return s.num
	}
	return len(s.offsets) - 1
}

// at is where segment k begins, and the one before it ends.
func (s *segments) at(k int) int {
	if s.offsets == nil {
		return k * s.size
	}
	return s.offsets[k]
}

// find is the segment that position lo is in.
func (s *segments) find(lo int) int {
	if s.offsets == nil {
		return lo / s.size
	}
	return sort.Search(len(s.offsets)-2, func(k int) bool { return s.offsets[k+1] > lo })
}

// same reports whether s and o split alike.
func (s *segments) same(o *segments) bool {
	return s == o || s.offsets != nil && slices.Equal(s.offsets, o.offsets) || s.offsets == nil && o.offsets == nil && s.size == o.size && s.num == o.num
}

// each calls f for the part of each segment that lies within lo and hi.
func (s *segments) each(lo, hi int, f func(k, from, to int)) {
	k := s.find(lo)
	for from := lo; from < hi; k++ {
		if to := min(hi, s.at(k+1)); to > from {
			f(k, from, to)
			from = to
		}
	}
}

// A segmentOp reduces ragged stretches of the first dimension.
type segmentOp struct {
	laneOp
	nothing float32 // what becomes of an empty one
}

func segment(of *laneOp, name string, nothing float64) *segmentOp {
	op := &segmentOp{laneOp: *of, nothing: float32(nothing)}
	op.name = name
	op.wait()
	op.back = func(p *pass, n *node, g []float32) {
		s := n.aux.(*segments)
		if op.even != nil && s.inner == 1 && p.source(n, s, g, op.even) {
			return
		}
		into := p.grad(n.in[0])
		if into == nil {
			return
		}
		x, y := into, g
		if op.reads[0]&readsA != 0 {
			x = p.values(n.in[0])
		}
		if op.reads[0]&readsY != 0 {
			y = p.values(&n.t)
		}
		if p.err != nil {
			return
		}
		for k := range s.count() {
			lo, hi := s.offsets[k], s.offsets[k+1]
			lanes([3]int{1, hi - lo, s.inner}, into[lo*s.inner:hi*s.inner], x[lo*s.inner:hi*s.inner], func(at int, into, x []float32) {
				at += k * s.inner
				if g[at] != 0 && len(into) > 0 {
					op.d(into, x, y[at], g[at])
				}
			})
		}
	}
	return op
}

func (t *Tensor) segment(op *segmentOp, offsets []int) *Tensor {
	if f, ok := ok1(t); !ok {
		return f
	}
	if len(t.shape) == 0 {
		return failf(op.name, "got a scalar, want at least one dimension")
	}
	if err := checkOffsets(op.name, offsets, t.shape[0]); err != nil {
		return failure(err)
	}
	_, _, inner := split(t.shape, 0)
	s := &segments{offsets: slices.Clone(offsets), inner: inner}
	shape := slices.Clone(t.shape)
	shape[0] = s.count()
	out, nd, err := t.st.alloc.outcome(&op.opDef, shape, s.count()*inner, t, nil)
	if err != nil {
		return failure(err)
	}
	if nd != nil {
		nd.aux = s
	}
	dst := out.st.cur.data
	for k := range dst {
		dst[k] = op.nothing
	}
	if inner == 1 {
		if err := t.fold(&op.laneOp, out, s); err != nil {
			return failure(err)
		}
		return out
	}
	x, err := t.values(op.name)
	if err != nil {
		return failure(err)
	}
	for k := range s.count() {
		lo, hi := offsets[k], offsets[k+1]
		if lo < hi {
			lanes([3]int{1, hi - lo, inner}, nil, x[lo*inner:hi*inner], func(at int, _, x []float32) {
				dst[k*inner+at] = float32(op.f(x))
			})
		}
	}
	return out
}

var (
	opSegmentSum  = segment(opSum, "segment_sum", 0)
	opSegmentMean = segment(opMean, "segment_mean", 0)
	opSegmentMax  = segment(opMax, "segment_max", math.Inf(-1))
)

// SegmentSum adds up ragged stretches of the first dimension: result k is the
// sum of positions offsets[k] to offsets[k+1], half-open. offsets start at 0,
// never fall, and end at the length of the dimension.
func (t *Tensor) SegmentSum(offsets []int) *Tensor { return t.segment(opSegmentSum, offsets) }

// SegmentMean is like SegmentSum with the average, 0 of nothing.
func (t *Tensor) SegmentMean(offsets []int) *Tensor { return t.segment(opSegmentMean, offsets) }

// SegmentMax is like SegmentSum with the largest, −Inf of nothing.
func (t *Tensor) SegmentMax(offsets []int) *Tensor { return t.segment(opSegmentMax, offsets) }

// opExpand is segment_expand: late.seg says how.
var opExpand = &elem{}

func init() {
	opExpand.name, opExpand.again, opExpand.elem = "segment_expand", math.MaxInt32, opExpand
	opExpand.back = func(p *pass, n *node, g []float32) {
		into := p.grad(n.in[0])
		if into == nil {
			return
		}
		s := n.aux.(*segments)
		for k := range s.count() {
			lo, hi := s.offsets[k], s.offsets[k+1]
			switch {
			case lo == hi:
			case s.inner == 1:
				into[k] += float32(stretch(g, lo, hi, kernel.Sum, plus64))
			default:
				lanes([3]int{1, hi - lo, s.inner}, nil, g[lo*s.inner:hi*s.inner], func(at int, _, x []float32) {
					into[k*s.inner+at] += float32(kernel.Sum(x))
				})
			}
		}
	}
}

// SegmentExpand repeats each position k of the first dimension
// offsets[k+1]−offsets[k] times: per-segment values as per-position ones.
func (t *Tensor) SegmentExpand(offsets []int) *Tensor {
	if f, ok := ok1(t); !ok {
		return f
	}
	if len(t.shape) == 0 || len(offsets) != t.shape[0]+1 {
		return failf("segment_expand", "got %d offsets for shape %s, want one more than its first dimension is long", len(offsets), shapeString(t.shape))
	}
	total := offsets[len(offsets)-1]
	if err := checkOffsets("segment_expand", offsets, total); err != nil {
		return failure(err)
	}
	_, _, inner := split(t.shape, 0)
	shape := slices.Clone(t.shape)
	shape[0] = total
	n, err := product("segment_expand", shape)
	if err != nil {
		return failure(err)
	}
	s := &segments{offsets: slices.Clone(offsets), inner: inner}
	if inner == 1 && n >= lateLen && !t.st.alloc.atOnce() {
		return t.expandLater(s, shape, n)
	}
	out, nd, err := t.st.alloc.outcome(&opExpand.opDef, shape, n, t, nil)
	if err != nil {
		return failure(err)
	}
	if nd != nil {
		nd.aux, nd.tiled = s, inner == 1 && n >= lateLen
	}
	x, err := t.values("segment_expand")
	if err != nil {
		return failure(err)
	}
	dst := out.st.cur.data
	for k := range len(offsets) - 1 {
		row := x[k*inner : (k+1)*inner]
		for at := offsets[k]; at < offsets[k+1]; at++ {
			copy(dst[at*inner:], row)
		}
	}
	return out
}

// expandLater is SegmentExpand that runs when values are asked for.
func (t *Tensor) expandLater(s *segments, shape []int, n int) *Tensor {
	if t.strides != nil {
		if t = t.Clone(); t.err != nil {
			return t
		}
	}
	if err := t.st.settled(opExpand.name); err != nil {
		return failure(err)
	}
	a := t.st.alloc
	l := late{op: opExpand, n: n, size: 1, seg: s}
	var err error
	if l.in[0], err = t.ref(opExpand.name, t.n); err != nil {
		return failure(err)
	}
	hold, err := a.promise(opExpand.name, n)
	if err != nil {
		return failure(err)
	}
	fill := func(o *lateStorage) *storage {
		o.l = l
		o.s.alloc, o.s.cur = a, &o.s.first
		o.s.first.late, o.s.first.lot = &o.l, hold
		return &o.s
	}
	if !t.RequiresGrad() {
		o := a.newDeferred()
		o.t.layout, o.t.st = packed(shape, n), fill(&o.s)
		return &o.t
	}
	o := a.newNode()
	o.t.layout, o.t.st = packed(shape, n), fill(&lateStorage{})
	o.note(&opExpand.opDef, t, nil)
	o.aux, o.tiled = s, true
	return &o.t
}
