// Package plot draws for people reading a terminal: line charts, bars and
// aligned columns.
//
//	Line   a chart of one or several series
//	Bar    one value as a bar of eighth blocks, for a line per step
//	Table  rows under a header, aligned by display width
//	Style  colour, only when the reader is a terminal
//
// Everything returns text; nothing here writes.
package plot

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/guptarohit/asciigraph"
	"golang.org/x/term"
)

// A Series is one line of a chart. NaN and infinite values leave a gap.
type Series struct {
	Name   string // shown in the legend when a chart has several series
	Values []float64
}

// Options shape a chart. The zero value is a good chart.
type Options struct {
	Title  string
	Width  int      // columns of the plotting area; 0: as many as points, between 40 and 72
	Height int      // rows; 0: 10
	Min    *float64 // the lowest value shown; nil: from the data
	Max    *float64 // the highest value shown; nil: from the data
	Color  bool
}

// Limits of a chart's size, generous for any terminal.
const (
	MaxWidth  = 1000
	MaxHeight = 200
)

var palette = []asciigraph.AnsiColor{
	asciigraph.Green, asciigraph.Blue, asciigraph.Yellow, asciigraph.Magenta, asciigraph.Cyan, asciigraph.Red,
}

var marks = []string{"·", "+", "×", "o", "*"}

// Line draws series over a common axis numbered from 1, without a trailing
// newline. It refuses a chart with no finite value.
func Line(series []Series, o Options) (string, error) {
	if o.Width < 0 || o.Width > MaxWidth {
		return "", fmt.Errorf("width: got %d, want 0 to %d", o.Width, MaxWidth)
	}
	if o.Height < 0 || o.Height > MaxHeight {
		return "", fmt.Errorf("height: got %d, want 0 to %d", o.Height, MaxHeight)
	}
	longest := 0
	low, high := math.Inf(1), math.Inf(-1)
	data := make([][]float64, len(series))
	names := make([]string, len(series))
	for i, s := range series {
		longest = max(longest, len(s.Values))
		names[i] = s.Name
		data[i] = make([]float64, len(s.Values))
		for j, v := range s.Values {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				data[i][j] = math.NaN()
				continue
			}
			data[i][j] = v
			low, high = min(low, v), max(high, v)
		}
	}
	if low > high {
		return "", fmt.Errorf("got no finite value, want at least one")
	}
	width := o.Width
	if width == 0 {
		width = min(max(longest, 40), 72)
	}
	height := o.Height
	if height == 0 {
		height = 10
	}
	if longest == 1 {
		// A single point is drawn as a level: a line needs two.
		for i := range data {
			if len(data[i]) == 1 {
				data[i] = append(data[i], data[i][0])
			}
		}
	}
	for i := range data {
		for len(data[i]) < max(longest, 2) {
			data[i] = append(data[i], math.NaN())
		}
		data[i] = stretch(data[i], width)
	}
	if o.Min != nil {
		low = min(low, *o.Min)
	}
	if o.Max != nil {
		high = max(high, *o.Max)
	}
	label := axisFormat(low, high)
	if low == high || math.IsInf(high-low, 0) {
		// asciigraph counts in whole rows from 0, which such values overflow.
		unit, zero := high/2-low/2, low
		for i := range data {
			for j, v := range data[i] {
				if data[i][j] = (v/2 - zero/2) / unit; unit == 0 {
					data[i][j] = v - zero
				}
			}
		}
		shown := label
		label = func(v float64) string { return shown(zero + v*unit + v*unit) }
		low, high = 0, min(high-low, 1)
	}
	options := []asciigraph.Option{
		asciigraph.Height(height),
		asciigraph.LowerBound(low),
		asciigraph.UpperBound(high),
		asciigraph.YAxisValueFormatter(label),
		asciigraph.XAxisRange(1, float64(max(longest, 2))),
		asciigraph.XAxisTickCount(min(5, max(longest, 2))),
		asciigraph.XAxisValueFormatter(func(v float64) string { return fmt.Sprintf("%.0f", v) }),
	}
	if o.Title != "" {
		options = append(options, asciigraph.Caption(o.Title))
	}
	legend := make([]string, len(series))
	chars := make([]asciigraph.CharSet, len(series))
	colors := make([]asciigraph.AnsiColor, len(series))
	for i := range series {
		// Without colour the lines themselves must differ.
		mark := "─"
		if i > 0 && !o.Color {
			mark = marks[(i-1)%len(marks)]
			chars[i] = asciigraph.CreateCharSet(mark)
		} else {
			chars[i] = asciigraph.DefaultCharSet
		}
		colors[i] = palette[i%len(palette)]
		if o.Color {
			mark = colors[i].String() + mark + asciigraph.Default.String()
		}
		legend[i] = mark + " " + names[i]
	}
	options = append(options, asciigraph.SeriesChars(chars...))
	if o.Color {
		options = append(options, asciigraph.SeriesColors(colors...))
	}
	chart := asciigraph.PlotMany(data, options...)
	if len(series) > 1 {
		chart += "\n  " + strings.Join(legend, "   ")
	}
	lines := strings.Split(chart, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n"), nil
}

// stretch spreads values over n columns, straight lines between neighbours.
// Unlike the chart library's own stretching it keeps gaps as gaps.
func stretch(values []float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		at := 0.0
		if n > 1 {
			at = float64(i) * float64(len(values)-1) / float64(n-1)
		}
		left := int(at)
		right := min(left+1, len(values)-1)
		part := at - float64(left)
		switch {
		case part == 0:
			out[i] = values[left]
		default:
			out[i] = values[left] + part*(values[right]-values[left])
			if math.IsInf(out[i], 0) { // the difference was too large
				out[i] = (1-part)*values[left] + part*values[right]
			}
		}
	}
	return out
}

// axisFormat labels an axis with as many decimals as tell its ends apart.
func axisFormat(low, high float64) func(float64) string {
	span := high - low
	if span == 0 {
		span = math.Abs(high)
	}
	largest := max(math.Abs(low), math.Abs(high))
	if largest >= 1e7 || (largest > 0 && largest < 1e-4) {
		return func(v float64) string { return fmt.Sprintf("%.2e", v) }
	}
	decimals := 2
	if span > 0 {
		decimals = min(max(2-int(math.Floor(math.Log10(span))), 0), 8)
	}
	return func(v float64) string { return fmt.Sprintf("%.*f", decimals, v) }
}

// Bar draws value between 0 and full as width columns of blocks, an eighth of
// a column at a time, padded with spaces. Values outside are clipped; NaN
// draws nothing.
func Bar(value, full float64, width int) string {
	if width <= 0 {
		return ""
	}
	part := value / full
	if math.IsNaN(part) || part < 0 {
		part = 0
	}
	eighths := int(math.Round(min(part, 1) * float64(width) * 8))
	var b strings.Builder
	b.WriteString(strings.Repeat("█", eighths/8))
	used := eighths / 8
	if rest := eighths % 8; rest > 0 {
		b.WriteRune([]rune("▏▎▍▌▋▊▉")[rest-1])
		used++
	}
	b.WriteString(strings.Repeat(" ", width-used))
	return b.String()
}

// Terminal reports whether w is a terminal, and its width in columns (80 when
// it does not say). A writer is asked through its Fd method, as *os.File has,
// or its own Terminal method.
func Terminal(w io.Writer) (columns int, ok bool) {
	switch w := w.(type) {
	case interface{ Terminal() (int, bool) }:
		return w.Terminal()
	case interface{ Fd() uintptr }:
		fd := int(w.Fd())
		if !term.IsTerminal(fd) {
			return 80, false
		}
		if width, _, err := term.GetSize(fd); err == nil && width > 0 {
			return width, true
		}
		return 80, true
	}
	return 80, false
}

// short writes a count without needless digits.
func short(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
