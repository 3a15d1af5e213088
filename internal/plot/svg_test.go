package plot_test

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/internal/plot"
)

// parse reads a picture as XML and returns the d of each line and the number of
// dots; every coordinate must lie in the picture.
func parse(t *testing.T, text string, width, height float64) (lines []string, dots int) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return lines, dots
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		line := false
		for _, a := range e.Attr {
			switch a.Name.Local {
			case "stroke-linejoin":
				line = true
			case "x", "cx", "y", "cy":
				v, err := strconv.ParseFloat(a.Value, 64)
				if limit := map[bool]float64{true: width, false: height}[strings.HasSuffix(a.Name.Local, "x")]; err != nil || v < 0 || v > limit {
					t.Errorf("%s of %s: got %s, want 0 to %v", a.Name.Local, e.Name.Local, a.Value, limit)
				}
			case "style", "href", "onload":
				t.Errorf("got the attribute %s", a.Name.Local)
			}
		}
		for _, a := range e.Attr {
			if line && a.Name.Local == "d" {
				lines = append(lines, a.Value)
			}
		}
		if e.Name.Local == "circle" {
			dots++
		}
	}
}

func TestSVG(t *testing.T) {
	t.Parallel()
	nan, inf := math.NaN(), math.Inf(1)
	spike := make([]float64, 10000)
	spike[5003] = 7
	for _, tt := range []struct {
		name        string
		series      []plot.Curve
		picture     plot.Picture
		lines, dots int
	}{
		{"a line", []plot.Curve{{Values: []float64{1, 2, 3}}}, plot.Picture{}, 1, 0},
		{"one value", []plot.Curve{{Values: []float64{5}}}, plot.Picture{}, 0, 1},
		{"a gap makes two lines", []plot.Curve{{Values: []float64{1, 2, nan, 3, 4}}}, plot.Picture{}, 1, 0},
		{"a value between gaps is a dot", []plot.Curve{{Values: []float64{1, 2, inf, 3, nan, 4, 5}}}, plot.Picture{}, 1, 1},
		{"two series", []plot.Curve{{Name: "a", Values: []float64{1, 2}}, {Name: "b & <c>", Values: []float64{2, 1}}}, plot.Picture{Title: `"x" < y`}, 2, 0},
		{"places of their own", []plot.Curve{{X: []float64{3, 4, 90}, Values: []float64{1, 2, 3}}, {X: []float64{5}, Values: []float64{1}}}, plot.Picture{}, 1, 1},
		{"huge values", []plot.Curve{{Values: []float64{-math.MaxFloat64, math.MaxFloat64}}}, plot.Picture{}, 1, 0},
		{"tiny values", []plot.Curve{{Values: []float64{0, 5e-324}}}, plot.Picture{}, 1, 0},
		{"dense", []plot.Curve{{Values: spike}}, plot.Picture{Width: 200}, 1, 0},
		{"smallest", []plot.Curve{{Name: "a", Values: []float64{1, 2}}, {Name: "b"}}, plot.Picture{Title: "t", Width: 80, Height: 80}, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text, err := plot.SVG(tt.series, tt.picture)
			if err != nil {
				t.Fatal(err)
			}
			width, height := tt.picture.Width, tt.picture.Height
			if width == 0 {
				width = 640
			}
			if height == 0 {
				height = 320
			}
			lines, dots := parse(t, text, float64(width), float64(height))
			if len(lines) != tt.lines || dots != tt.dots {
				t.Errorf("got %d lines and %d dots, want %d and %d in\n%.2000s", len(lines), dots, tt.lines, tt.dots, text)
			}
			for _, line := range lines {
				if strings.Contains(line, "NaN") || strings.Contains(line, "Inf") {
					t.Errorf("got the line %s", line)
				}
			}
		})
	}
}

// The axes' ends are the data's: low at the bottom, high at the top, first at
// the left, last at the right.
func TestSVGPlaces(t *testing.T) {
	t.Parallel()
	text, err := plot.SVG([]plot.Curve{{X: []float64{2, 6, 10}, Values: []float64{10, 20, 15}}}, plot.Picture{Width: 172, Height: 138})
	if err != nil {
		t.Fatal(err)
	}
	// 58 to 158 across and 112 to 12 up, as margins of 58, 14, 26 and 12 leave.
	lines, _ := parse(t, text, 172, 138)
	if want := "M58.0 112.0L108.0 12.0L158.0 62.0"; len(lines) != 1 || lines[0] != want {
		t.Errorf("got %q, want %q", lines, want)
	}
	var ticks []string
	for _, m := range regexp.MustCompile(`text-anchor="(\w+)">([^<]*)<`).FindAllStringSubmatch(text, -1) {
		ticks = append(ticks, m[1]+" "+m[2])
	}
	if got, want := strings.Join(ticks, ", "), "end 10.0, end 15.0, end 20.0, middle 5, middle 10"; got != want {
		t.Errorf("ticks: got %s, want %s", got, want)
	}
}

// A spike of one value in ten thousand is drawn to its full height, in a
// picture of a hundred columns.
func TestSVGDense(t *testing.T) {
	t.Parallel()
	values := make([]float64, 10000)
	values[5003] = 7
	text, err := plot.SVG([]plot.Curve{{Values: values}}, plot.Picture{Width: 172, Height: 138})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, " 12.0L") || len(text) > 5000 {
		t.Errorf("got %d bytes, want at most 5000, with a point at the top:\n%s", len(text), text)
	}
}

func TestSVGRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		series  []plot.Curve
		picture plot.Picture
		want    string
	}{
		{nil, plot.Picture{}, "got no finite value, want at least one"},
		{[]plot.Curve{{Values: []float64{math.NaN()}}}, plot.Picture{}, "got no finite value"},
		{[]plot.Curve{{Values: []float64{1}}}, plot.Picture{Width: 79}, "width: got 79, want 80 to 4000 pixels"},
		{[]plot.Curve{{Values: []float64{1}}}, plot.Picture{Height: 4001}, "height: got 4001"},
		{[]plot.Curve{{Name: "a", X: []float64{1}, Values: []float64{1, 2}}}, plot.Picture{}, "a: got 2 values, want at most 1"},
		{[]plot.Curve{{X: []float64{2, 1}, Values: []float64{1, 2}}}, plot.Picture{}, "x: value 2: got 1 after 2"},
		{[]plot.Curve{{X: []float64{math.Inf(1)}, Values: []float64{1}}}, plot.Picture{}, "want a finite number"},
	} {
		if _, err := plot.SVG(tt.series, tt.picture); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
}
