package metrics

import (
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/hudrl/hudrl/internal/plot"
)

// A Curve is one name of a log: its values and the steps they were logged for.
type Curve struct {
	Steps, Values []float64
}

// A Recorded log is one that was read back whole.
type Recorded struct {
	Name    string // shown where several are compared
	Names   []string
	Curves  map[string]*Curve
	Rows    int
	Seconds float64 // that the run took until its last row
}

// Record reads a log back; name is that of its file, for errors.
func Record(in io.Reader, name string) (*Recorded, error) {
	log := &Recorded{Curves: map[string]*Curve{}}
	err := Read(in, name, func(r Row) {
		log.Rows++
		log.Seconds = max(log.Seconds, r.Seconds)
		for _, v := range r.Values {
			c := log.Curves[v.Name]
			if c == nil {
				c = new(Curve)
				log.Curves[v.Name] = c
				log.Names = append(log.Names, v.Name)
			}
			c.Steps, c.Values = append(c.Steps, float64(r.Step)), append(c.Values, v.Value)
		}
	})
	return log, err
}

//go:embed report.html
var reportHTML string

var reportPage = sync.OnceValue(func() *template.Template { return template.Must(template.New("report").Parse(reportHTML)) })

// MaxCompared is how many logs a report shows beside each other.
const MaxCompared = 24

type legend struct{ Ink, Name string }

type reportRow struct {
	Name, Run, First, Last, Mean, Least, Most string
	Rows, LeastAt, MostAt                     int
}

// Report writes a page of HTML that needs nothing else: a chart of each name,
// with a line of each log that has it, and a table of how each went. It says
// how many names it showed.
func Report(w io.Writer, title string, logs []*Recorded) (shown int, err error) {
	if len(logs) == 0 || len(logs) > MaxCompared {
		return 0, fmt.Errorf("report: got %d logs, want 1 to %d", len(logs), MaxCompared)
	}
	page := struct {
		Title, About, Note string
		Style              template.CSS
		Legend             []legend
		Charts             []template.HTML
		Rows               []reportRow
	}{Title: title, Style: template.CSS(plot.PageCSS)}
	rows, seconds := 0, 0.0
	var names []string
	for _, l := range logs {
		rows += l.Rows
		seconds += l.Seconds
		for _, name := range l.Names {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	page.About = fmt.Sprintf("%d rows in %v", rows, time.Duration(seconds*float64(time.Second)).Round(100*time.Millisecond))
	if len(logs) > 1 {
		page.About = fmt.Sprintf("%d logs, %s", len(logs), page.About)
		for i, l := range logs {
			page.Legend = append(page.Legend, legend{plot.Ink(i), l.Name})
		}
	}
	if len(names) == 0 {
		return 0, errors.New("report: the log has no values")
	}
	var empty []string
	for _, name := range names {
		chart, err := chartOf(name, logs)
		if err != nil {
			empty = append(empty, name)
		} else {
			page.Charts = append(page.Charts, template.HTML(chart)) // its text is escaped
		}
		for _, l := range logs {
			if c := l.Curves[name]; c != nil {
				page.Rows = append(page.Rows, rowOf(name, l.Name, c))
			}
		}
	}
	if len(empty) > 0 {
		page.Note = fmt.Sprintf("without a finite value: %q", empty)
	}
	return len(names), reportPage().Execute(w, page)
}

// chartOf draws the curves of one name.
func chartOf(name string, logs []*Recorded) (string, error) {
	var curves []plot.Curve
	for _, l := range logs {
		curve := plot.Curve{Name: l.Name} // also of a log that has none: a log has one colour
		if c := l.Curves[name]; c != nil {
			curve.X, curve.Values = c.Steps, c.Values
		}
		curves = append(curves, curve)
	}
	return plot.SVG(curves, plot.Picture{Title: name, Bare: true, Width: 420, Height: 220})
}

func rowOf(name, run string, c *Curve) reportRow {
	least, most, at := math.Inf(1), math.Inf(-1), [2]int{}
	sum, n := 0.0, 0
	for i, v := range c.Values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		sum += v
		n++
		if v < least {
			least, at[0] = v, int(c.Steps[i])
		}
		if v > most {
			most, at[1] = v, int(c.Steps[i])
		}
	}
	r := reportRow{Name: name, Run: run, Rows: len(c.Values), First: text(c.Values[0]), Last: text(c.Values[len(c.Values)-1])}
	if n > 0 {
		r.Mean, r.Least, r.Most, r.LeastAt, r.MostAt = text(sum/float64(n)), text(least), text(most), at[0], at[1]
	}
	return r
}
