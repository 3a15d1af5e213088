package metrics

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Columns are lines for a person, their values below each other:
//
//	step   9  reward  0.25  train/loss 1.386
//	step  10  reward 0.375  train/loss  1.29
type Columns struct {
	w     io.Writer
	show  []string // nil: all
	every int
	steps int
	last  int
	width map[string]int
}

// most is how many values a line shows unless it is said which.
const most = 8

// NewColumns writes every row to w.
func NewColumns(w io.Writer) *Columns {
	return &Columns{w: w, every: 1, width: map[string]int{}}
}

// Only shows no other names, in this order.
func (c *Columns) Only(names ...string) *Columns {
	c.show = names
	return c
}

// Every shows one of n steps, the first and then each nth.
func (c *Columns) Every(n int) *Columns {
	c.every = n
	return c
}

// Log writes a line.
func (c *Columns) Log(r Row) error {
	if c.steps == 0 || r.Step != c.last {
		c.steps++
		c.last = r.Step
	}
	if (c.steps-1)%c.every != 0 {
		return nil
	}
	values := r.Values
	if c.show != nil {
		values = nil
		for _, name := range c.show {
			if i := slices.IndexFunc(r.Values, func(v Value) bool { return v.Name == name }); i >= 0 {
				values = append(values, r.Values[i])
			}
		}
		if len(values) == 0 {
			return nil
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "step %5d", r.Step)
	for i, v := range values {
		if i == most && c.show == nil {
			fmt.Fprintf(&b, "  and %d more", len(values)-most)
			break
		}
		shown := text(v.Value)
		c.width[v.Name] = max(c.width[v.Name], utf8.RuneCountInString(shown), 6)
		fmt.Fprintf(&b, "  %s %*s", v.Name, c.width[v.Name], shown)
	}
	b.WriteByte('\n')
	_, err := io.WriteString(c.w, b.String())
	return err
}
