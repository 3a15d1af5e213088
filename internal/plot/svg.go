package plot

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// A Picture shapes a chart drawn by SVG. The zero value is a good chart.
type Picture struct {
	Title  string
	Bare   bool     // without a legend, where the page has one
	Width  int      // pixels; 0: 640
	Height int      // pixels; 0: 320
	Min    *float64 // the lowest value shown; nil: from the data
	Max    *float64 // the highest value shown; nil: from the data
}

// A Curve is one line of a picture. NaN and infinite values leave a gap.
type Curve struct {
	Name   string    // shown in the legend when a picture has several curves
	X      []float64 // where each value is, finite and ascending; nil: 1, 2, 3, …
	Values []float64
}

// Limits of a picture's sides, in pixels.
const (
	MinPixels = 80
	MaxPixels = 4000
)

// inks tell series apart on white and on black.
var inks = []string{"#2a78d6", "#d65f2a", "#2a9d5c", "#9455c9", "#b8860b", "#c23b5a"}

// Ink is the colour of a picture's curve i, from 0, as CSS writes it.
func Ink(i int) string { return inks[i%len(inks)] }

// SVG draws curves over a common axis as an SVG document, to be saved or put
// into a page: it has no style sheet, script or reference, and its text has the
// colour of the text around it. NaN and infinite values leave a gap. A curve
// of more points than the picture has pixels is drawn by the lowest and highest
// value of each column, so that no spike is lost. It refuses a chart with no
// finite value.
func SVG(curves []Curve, p Picture) (string, error) {
	width, height := p.Width, p.Height
	if width == 0 {
		width = 640
	}
	if height == 0 {
		height = 320
	}
	for _, side := range []struct {
		name   string
		pixels int
	}{{"width", width}, {"height", height}} {
		if side.pixels < MinPixels || side.pixels > MaxPixels {
			return "", fmt.Errorf("%s: got %d, want %d to %d pixels", side.name, side.pixels, MinPixels, MaxPixels)
		}
	}
	x := scale{low: math.Inf(1), high: math.Inf(-1)}
	y, whole := x, true // values are at whole numbers
	for _, s := range curves {
		if s.X != nil && len(s.Values) > len(s.X) {
			return "", fmt.Errorf("%s: got %d values, want at most %d, one for each x", s.Name, len(s.Values), len(s.X))
		}
		for i, v := range s.Values {
			if at := s.at(i); finite(at) {
				x.include(at)
				whole = whole && at == math.Trunc(at)
			} else {
				return "", fmt.Errorf("x: value %d: got %v, want a finite number", i+1, at)
			}
			if i > 0 && s.at(i) < s.at(i-1) {
				return "", fmt.Errorf("x: value %d: got %v after %v, want them ascending", i+1, s.at(i), s.at(i-1))
			}
			if finite(v) {
				y.include(v)
			}
		}
	}
	if y.low > y.high {
		return "", fmt.Errorf("got no finite value, want at least one")
	}
	if p.Min != nil {
		y.low = min(y.low, *p.Min)
	}
	if p.Max != nil {
		y.high = max(y.high, *p.Max)
	}
	x.widen()
	y.widen()

	const left, right, bottom = 58, 14, 26
	top := 12
	if p.Title != "" {
		top += 20
	}
	foot := bottom
	if len(curves) > 1 && !p.Bare {
		foot += 18
	}
	x.from, x.to = left, float64(width-right)
	y.from, y.to = float64(height-foot), float64(top)

	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s" font-family="sans-serif" font-size="11" fill="currentColor">`+"\n",
		width, height, width, height, html.EscapeString(p.Title))
	if p.Title != "" {
		fmt.Fprintf(&b, `<text x="%d" y="18" font-size="13" font-weight="bold">%s</text>`+"\n", left, html.EscapeString(printable(p.Title)))
	}
	label := axisFormat(y.low, y.high)
	for _, v := range y.ticks(max(2, (height-top-foot)/40)) {
		at := y.pixel(v)
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="currentColor" stroke-opacity="0.15"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, at, width-right, left-6, at+4, label(v))
	}
	for _, v := range x.ticks(max(2, (width-left-right)/80)) {
		if whole && v != math.Trunc(v) {
			continue // between two values there is none
		}
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", x.pixel(v), height-foot+16, short(v))
	}
	legend := float64(left)
	for i := range curves {
		s := &curves[i]
		ink := Ink(i)
		line, dots := s.path(x, y)
		name := html.EscapeString(printable(s.Name))
		if line != "" {
			fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="%s" stroke-width="1.5" stroke-linejoin="round"><title>%s</title></path>`+"\n", line, ink, name)
		}
		for _, d := range dots {
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="2.5" fill="%s"/>`+"\n", d[0], d[1], ink)
		}
		if len(curves) > 1 && !p.Bare && legend+30 < x.to { // the others' names are shown where they are pointed at
			fmt.Fprintf(&b, `<path d="M%.0f %dh14" stroke="%s" stroke-width="3"/><text x="%.0f" y="%d">%s</text>`+"\n",
				legend, height-10, ink, legend+18, height-6, name)
			legend += 18 + 7*float64(len([]rune(s.Name))) + 14
		}
	}
	b.WriteString("</svg>\n")
	return b.String(), nil
}

// at is where value i is.
func (s *Curve) at(i int) float64 {
	if s.X == nil {
		return float64(i + 1)
	}
	return s.X[i]
}

// path is the line through a curve's values, and the points that no line touches
// since there is none beside them.
func (s *Curve) path(x, y scale) (line string, dots [][2]float64) {
	values := s.Values
	var b strings.Builder
	var run [][2]float64 // points of one column or more, with nothing missing between them
	end := func() {
		switch len(run) {
		case 0:
			return
		case 1:
			dots = append(dots, run[0])
		default:
			for i, at := range run {
				letter := "L"
				if i == 0 {
					letter = "M"
				}
				b.WriteString(letter + strconv.FormatFloat(at[0], 'f', 1, 64) + " " + strconv.FormatFloat(at[1], 'f', 1, 64))
			}
		}
		run = run[:0]
	}
	dense := float64(len(values)) > x.to-x.from
	for i := 0; i < len(values); i++ {
		if !finite(values[i]) {
			end()
			continue
		}
		at := x.pixel(s.at(i))
		if !dense {
			run = append(run, [2]float64{at, y.pixel(values[i])})
			continue
		}
		low, high := values[i], values[i]
		for i+1 < len(values) && finite(values[i+1]) && math.Floor(x.pixel(s.at(i+1))) == math.Floor(at) {
			i++
			low, high = min(low, values[i]), max(high, values[i])
		}
		run = append(run, [2]float64{at, y.pixel(low)})
		if high != low {
			run = append(run, [2]float64{at, y.pixel(high)})
		}
	}
	end()
	return b.String(), dots
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// A scale maps low to high onto the pixels from to to.
type scale struct{ low, high, from, to float64 }

func (s *scale) include(v float64) { s.low, s.high = min(s.low, v), max(s.high, v) }

// widen gives a scale of one value a width.
func (s *scale) widen() {
	if s.low == s.high {
		by := max(math.Abs(s.low)/10, 0.5)
		s.low, s.high = s.low-by, s.high+by
	}
}

func (s scale) pixel(v float64) float64 {
	part := (v - s.low) / (s.high - s.low)
	if math.IsInf(s.high-s.low, 0) {
		part = (v/2 - s.low/2) / (s.high/2 - s.low/2)
	}
	return s.from + (s.to-s.from)*part
}

// ticks are about n round numbers from low to high, at least two of them: 1, 2
// or 5 times a power of ten apart.
func (s scale) ticks(n int) []float64 {
	raw := s.high/float64(n) - s.low/float64(n)
	power := math.Pow(10, math.Ceil(math.Log10(raw)))
	fractions := []float64{1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01}
	for i, m := range fractions {
		if fractions[min(i+1, len(fractions)-1)]*power >= raw {
			continue // the next is large enough too
		}
		step := m * power
		from, to := math.Ceil(s.low/step), math.Floor(s.high/step)
		if !(to-from >= 1 && to-from < 1000) { // too few, or the step is 0 or infinite
			continue
		}
		var out []float64
		for k := from; k <= to; k++ {
			out = append(out, k*step)
		}
		return out
	}
	return []float64{s.low, s.high}
}
