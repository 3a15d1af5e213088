// Package metrics keeps what a training run measures: a row for each step, in
// a file of JSON lines, in columns for a person, and thinned for a chart.
//
//	log := metrics.New(metrics.NewColumns(os.Stdout), file)
//	log.Add(metrics.Row{Step: 1, Values: []metrics.Value{{"reward", 0.5}}})
//	log.Series("reward")
//
// A log holds a bounded amount of memory, however many steps there are.
package metrics

import (
	"fmt"
	"math"
	"slices"
)

// A Value is one number of a row.
type Value struct {
	Name  string // "train/loss": a slash stands for a table within
	Value float64
}

// A Place says in which loop of steps, from 1, and in which step of it a row
// was made; zero is outside of all. Loops follow each other.
type Place struct{ Loop, Step int }

// After reports whether p comes after q.
func (p Place) After(q Place) bool { return p.Loop > q.Loop || p.Loop == q.Loop && p.Step > q.Step }

// A Row is what is known of a step.
type Row struct {
	Step    int
	Seconds float64 // since the run began
	Place   Place
	Values  []Value
}

// A Sink takes rows, in order.
type Sink interface {
	Log(Row) error
}

// The bounds of a log.
const (
	MaxNames  = 1000 // different ones
	MaxName   = 256  // bytes of one
	MaxPoints = 1024 // of a series
)

// A Log gives rows to sinks. It is used by one goroutine at a time.
type Log struct {
	sinks  []Sink
	rows   int             // added or taken over
	added  bool            // one was added
	last   int             // step
	names  map[string]bool // of the last step
	series map[string]*series
}

// New is a log without rows.
func New(sinks ...Sink) *Log {
	return &Log{sinks: sinks, names: map[string]bool{}, series: map[string]*series{}}
}

// Restore takes over a row of an earlier process, which no sink is told of.
func (l *Log) Restore(r Row) { l.note(r) }

// Add gives a row to every sink. Steps never go back; of one step there may be
// several rows, of different names. What a run that goes on says again of steps
// that it took over is left out. The first error of a sink is returned; the
// others are told all the same.
func (l *Log) Add(r Row) error {
	if r.Step < 0 {
		return fmt.Errorf("step: got %d, want a whole number of at least 0", r.Step)
	}
	if l.rows > 0 && r.Step <= l.last {
		if !l.added {
			return nil
		}
		if r.Step < l.last {
			return fmt.Errorf("step: got %d, want at least %d, the last one: steps do not go back", r.Step, l.last)
		}
		for _, v := range r.Values {
			if l.names[v.Name] {
				return fmt.Errorf("%s: it was logged for step %d already", v.Name, r.Step)
			}
		}
	}
	fresh := 0
	for i, v := range r.Values {
		if len(v.Name) > MaxName {
			return fmt.Errorf("got a name of %d bytes, want at most %d: %.40q…", len(v.Name), MaxName, v.Name)
		}
		if slices.ContainsFunc(r.Values[:i], func(w Value) bool { return w.Name == v.Name }) {
			return fmt.Errorf("%s: got two values of that name in a row", v.Name)
		}
		if l.series[v.Name] == nil {
			fresh++
		}
	}
	if len(l.series)+fresh > MaxNames {
		return fmt.Errorf("got more than %d different names, %s the last: is a value part of the name?", MaxNames, r.Values[len(r.Values)-1].Name)
	}
	l.note(r)
	l.added = true
	var first error
	for _, s := range l.sinks {
		if err := s.Log(r); err != nil && first == nil {
			first = &SinkError{err}
		}
	}
	return first
}

// A SinkError is a row that was right and could not be kept somewhere.
type SinkError struct{ Err error }

func (e *SinkError) Error() string { return e.Err.Error() }
func (e *SinkError) Unwrap() error { return e.Err }

func (l *Log) note(r Row) {
	if l.rows == 0 || r.Step != l.last {
		clear(l.names)
	}
	l.rows++
	l.last = r.Step
	for _, v := range r.Values {
		l.names[v.Name] = true
		s := l.series[v.Name]
		if s == nil {
			if len(l.series) == MaxNames {
				continue
			}
			s = &series{every: 1}
			l.series[v.Name] = s
		}
		s.add(v.Value)
	}
}

// Names are the names of all rows so far, sorted.
func (l *Log) Names() []string {
	names := make([]string, 0, len(l.series))
	for name := range l.series {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Series are the values of a name, oldest first: all of them up to MaxPoints,
// then every second, every fourth and so on, and always the last. It is nil for
// a name that no row has.
func (l *Log) Series(name string) []float64 {
	s := l.series[name]
	if s == nil {
		return nil
	}
	out := slices.Clone(s.kept)
	if (s.count-1)%s.every != 0 {
		out = append(out, s.last)
	}
	return out
}

// A series keeps every so many-th value.
type series struct {
	kept  []float64
	every int
	count int
	last  float64
}

func (s *series) add(v float64) {
	if s.count%s.every == 0 {
		if len(s.kept) == MaxPoints {
			for i := range MaxPoints / 2 {
				s.kept[i] = s.kept[2*i]
			}
			s.kept = s.kept[:MaxPoints/2]
			s.every *= 2
		}
		if s.count%s.every == 0 {
			s.kept = append(s.kept, v)
		}
	}
	s.count++
	s.last = v
}

// text is v as columns show it.
func text(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e6 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.4g", v)
}
