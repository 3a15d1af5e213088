package tensor

import (
	"math"
	"slices"

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

// A segmentOp reduces ragged stretches of the first dimension.
type segmentOp struct {
	laneOp
}

func segment(name string, reads uint8, f func(x []float32) float64, d func(into, x []float32, y, g float32)) *segmentOp {
	op := &segmentOp{}
	op.f, op.d, op.name, op.reads[0] = f, d, name, reads
	op.back = func(p *pass, n *node, g []float32) {
		into := p.gradAt(n.in[0])
		if into == nil {
			return
		}
		x, y := into, g
		if reads&readsA != 0 {
			x = p.values(n.in[0])
		}
		if reads&readsY != 0 {
			y = p.values(n.y)
		}
		if p.err != nil {
			return
		}
		s := n.aux.(*segments)
		for k := range s.count() {
			lo, hi := s.offsets[k], s.offsets[k+1]
			lanes([3]int{1, hi - lo, s.inner}, into[lo*s.inner:hi*s.inner], x[lo*s.inner:hi*s.inner], func(at int, into, x []float32) {
				at += k * s.inner
				if g[at] != 0 && len(into) > 0 {
					op.d(into, x, y[at], g[at])
				}
			})
		}
		if l := n.in[0].leaf; l != nil {
			l.reached = l.reached.add(0, n.in[0].n)
		}
	}
	return op
}

// segments is how a first dimension is split.
type segments struct {
	offsets []int
	inner   int // elements of one position
}

func (s *segments) count() int { return len(s.offsets) - 1 }

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
	out, err := t.st.alloc.make(op.name, shape, s.count()*inner)
	if err != nil {
		return failure(err)
	}
	x, err := t.values(op.name)
	if err != nil {
		return failure(err)
	}
	dst := out.st.data
	for k := range s.count() {
		lo, hi := offsets[k], offsets[k+1]
		lanes([3]int{1, hi - lo, inner}, nil, x[lo*inner:hi*inner], func(at int, _, x []float32) {
			dst[k*inner+at] = float32(op.f(x))
		})
	}
	if n := record(out, &op.opDef, t, nil); n != nil {
		n.aux = s
	}
	return out
}

var (
	opSegmentSum  = segment("segment_sum", 0, kernel.Sum, opSum.d)
	opSegmentMean = segment("segment_mean", 0, func(x []float32) float64 {
		if len(x) == 0 {
			return 0
		}
		return kernel.Sum(x) / float64(len(x))
	}, opMean.d)
	opSegmentMax = segment("segment_max", readsA|readsY, func(x []float32) float64 {
		if len(x) == 0 {
			return math.Inf(-1)
		}
		return float64(kernel.Max(x))
	}, best)
)

// SegmentSum adds up ragged stretches of the first dimension: result k is the
// sum of positions offsets[k] to offsets[k+1], half-open. offsets start at 0,
// never fall, and end at the length of the dimension.
func (t *Tensor) SegmentSum(offsets []int) *Tensor { return t.segment(opSegmentSum, offsets) }

// SegmentMean is like SegmentSum with the average, 0 of nothing.
func (t *Tensor) SegmentMean(offsets []int) *Tensor { return t.segment(opSegmentMean, offsets) }

// SegmentMax is like SegmentSum with the largest, −Inf of nothing.
func (t *Tensor) SegmentMax(offsets []int) *Tensor { return t.segment(opSegmentMax, offsets) }

var segmentExpandOp = &opDef{name: "segment_expand"}

func init() {
	segmentExpandOp.back = func(p *pass, n *node, g []float32) {
		into := p.grad(n.in[0])
		if into == nil {
			return
		}
		s := n.aux.(*segments)
		for k := range s.count() {
			lo, hi := s.offsets[k], s.offsets[k+1]
			lanes([3]int{1, hi - lo, s.inner}, nil, g[lo*s.inner:hi*s.inner], func(at int, _, x []float32) {
				into[k*s.inner+at] += float32(kernel.Sum(x))
			})
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
	out, err := t.st.alloc.make("segment_expand", shape, n)
	if err != nil {
		return failure(err)
	}
	x, err := t.values("segment_expand")
	if err != nil {
		return failure(err)
	}
	dst := out.st.data
	for k := range len(offsets) - 1 {
		row := x[k*inner : (k+1)*inner]
		if inner == 1 {
			for at := offsets[k]; at < offsets[k+1]; at++ {
				dst[at] = row[0]
			}
			continue
		}
		for at := offsets[k]; at < offsets[k+1]; at++ {
			copy(dst[at*inner:], row)
		}
	}
	if n := record(out, segmentExpandOp, t, nil); n != nil {
		n.aux = &segments{offsets: slices.Clone(offsets), inner: inner}
	}
	return out
}
