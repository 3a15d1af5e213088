package tensor

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

const (
	printAll  = 1000 // elements up to which everything is shown
	printEdge = 3    // positions shown at each end of a dimension beyond that
)

// String shows the elements in columns, at most 3 per edge of each dimension
// past 1000 elements, and then the type and size: [float32 2x3, grad].
func (t *Tensor) String() string {
	if err := t.Err(); err != nil {
		return "[" + err.Error() + "]"
	}
	if _, err := t.st.full("tostring"); err != nil {
		return "[" + err.Error() + "]"
	}
	p := &printer{t: t, elide: t.n > printAll}
	if t.n > 0 {
		p.measure()
	}
	if len(t.shape) == 0 {
		p.b.WriteString(p.cell(float64(t.value(0))))
		p.b.WriteByte('\n')
	} else if t.n > 0 {
		p.block(0, 0, nil)
	}
	p.b.WriteString("[float32")
	if len(t.shape) > 0 {
		p.b.WriteString(" " + sizeString(t.shape))
	}
	if t.RequiresGrad() {
		p.b.WriteString(", grad")
	}
	p.b.WriteByte(']')
	return p.b.String()
}

type printer struct {
	t      *Tensor
	elide  bool
	b      strings.Builder
	format byte
	digits int
	width  int
}

// each calls f for the positions of dimension d that are shown, and gap
// between the edges.
func (p *printer) each(d int, f func(i int), gap func()) {
	n := p.t.shape[d]
	for i := 0; i < n; i++ {
		if p.elide && i == printEdge && n > 2*printEdge {
			if gap != nil {
				gap()
			}
			i = n - printEdge
		}
		f(i)
	}
}

// shown calls f for every element that is printed.
func (p *printer) shown(d, at int, f func(v float64)) {
	if d == len(p.t.shape) {
		f(float64(p.t.value(at)))
		return
	}
	step := 1
	for _, n := range p.t.shape[d+1:] {
		step *= n
	}
	p.each(d, func(i int) { p.shown(d+1, at+i*step, f) }, nil)
}

// measure chooses one format for all cells: whole numbers, four decimals, or
// exponents where four decimals would say too little.
func (p *printer) measure() {
	whole, top, bottom := true, 0.0, math.Inf(1)
	p.shown(0, 0, func(v float64) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return
		}
		a := math.Abs(v)
		whole = whole && v == math.Trunc(v)
		top = max(top, a)
		if a > 0 {
			bottom = min(bottom, a)
		}
	})
	switch {
	case whole && top < 1e7:
		p.format, p.digits = 'f', 0
	case top >= 1e5 || top < 1e-2 && top > 0 || bottom < 1e-4 && top < 1:
		p.format, p.digits = 'e', 4
	default:
		p.format, p.digits = 'f', 4
	}
	p.shown(0, 0, func(v float64) { p.width = max(p.width, len(p.cell(v))) })
}

func (p *printer) cell(v float64) string {
	switch {
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	}
	return strconv.FormatFloat(v, p.format, p.digits, 64)
}

// block prints dimension d and those after it; index is the position in those
// before it.
func (p *printer) block(d, at int, index []int) {
	shape := p.t.shape
	if d == len(shape)-1 {
		p.each(d, func(i int) { fmt.Fprintf(&p.b, " %*s", p.width, p.cell(float64(p.t.value(at+i)))) }, func() { p.b.WriteString(" ...") })
		p.b.WriteByte('\n')
		return
	}
	if d == len(shape)-2 && len(index) > 0 {
		p.b.WriteByte('(')
		for _, i := range index {
			fmt.Fprintf(&p.b, "%d, ", i+1)
		}
		p.b.WriteString(":, :)\n")
	}
	step := 1
	for _, n := range shape[d+1:] {
		step *= n
	}
	p.each(d, func(i int) { p.block(d+1, at+i*step, append(index, i)) }, func() { p.b.WriteString(" ...\n") })
}
