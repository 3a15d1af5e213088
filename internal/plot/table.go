package plot

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// A Style adds colour and weight when On.
type Style struct{ On bool }

func (s Style) wrap(code, text string) string {
	if !s.On || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Bold makes text stand out.
func (s Style) Bold(text string) string { return s.wrap("1", text) }

// Dim makes text step back.
func (s Style) Dim(text string) string { return s.wrap("2", text) }

// Red is for what went wrong.
func (s Style) Red(text string) string { return s.wrap("31", text) }

// Yellow is for warnings.
func (s Style) Yellow(text string) string { return s.wrap("33", text) }

// An Align says where a column's text sits.
type Align int

// The alignments.
const (
	Left Align = iota
	Right
)

// A Column heads a table's column.
type Column struct {
	Title string
	Align Align
}

// Table lays rows out under their headers, two spaces between columns, each as
// wide as its widest cell on a terminal (so accents and CJK line up), without
// trailing spaces. Control characters in cells become spaces. Every line ends
// in a newline.
func Table(columns []Column, rows [][]string, style Style) string {
	width := make([]int, len(columns))
	for i, c := range columns {
		width[i] = runewidth.StringWidth(c.Title)
	}
	clean := make([][]string, len(rows))
	for r, row := range rows {
		clean[r] = make([]string, len(columns))
		for i := range columns {
			if i < len(row) {
				clean[r][i] = printable(row[i])
			}
			width[i] = max(width[i], runewidth.StringWidth(clean[r][i]))
		}
	}
	var b strings.Builder
	line := func(cell func(i int) string, dress func(string) string) {
		var l strings.Builder
		for i, c := range columns {
			if i > 0 {
				l.WriteString("  ")
			}
			text := cell(i)
			pad := strings.Repeat(" ", width[i]-runewidth.StringWidth(text))
			if c.Align == Right {
				text = pad + text
			} else {
				text += pad
			}
			l.WriteString(text)
		}
		b.WriteString(dress(strings.TrimRight(l.String(), " ")))
		b.WriteByte('\n')
	}
	line(func(i int) string { return columns[i].Title }, style.Bold)
	for _, row := range clean {
		line(func(i int) string { return row[i] }, func(s string) string { return s })
	}
	return b.String()
}

// printable keeps a cell on its line and the terminal in one piece.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return ' '
		}
		return r
	}, s)
}
