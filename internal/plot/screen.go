package plot

import (
	"io"
	"strings"
	"sync"

	"github.com/mattn/go-runewidth"
)

// A Screen lets a status line stand below what a program prints to a
// terminal. Whatever is written through Stdout or Stderr erases the line
// first and draws it again after, once the output is at the start of a line.
type Screen struct {
	mu     sync.Mutex
	tty    io.Writer // where the status line is drawn
	width  int
	status string
	drawn  bool
	inLine bool // the output is in the middle of a line
}

// NewScreen draws on tty, a terminal of width columns.
func NewScreen(tty io.Writer, width int) *Screen {
	return &Screen{tty: tty, width: width}
}

// Writer is w with the status line kept out of its way.
func (s *Screen) Writer(w io.Writer) *ScreenWriter { return &ScreenWriter{s, w} }

// Status replaces the status line; "" removes it.
func (s *Screen) Status(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = runewidth.Truncate(printable(line), s.width-1, "…")
	s.erase()
	s.draw()
}

func (s *Screen) erase() {
	if s.drawn {
		io.WriteString(s.tty, "\r\x1b[K")
		s.drawn = false
	}
}

func (s *Screen) draw() {
	if s.status != "" && !s.inLine {
		io.WriteString(s.tty, s.status)
		s.drawn = true
	}
}

// A ScreenWriter is one of a Screen's outputs.
type ScreenWriter struct {
	screen *Screen
	w      io.Writer
}

func (w *ScreenWriter) Write(p []byte) (int, error) {
	s := w.screen
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	n, err := w.w.Write(p)
	if n > 0 {
		s.inLine = p[n-1] != '\n'
	}
	s.draw()
	return n, err
}

// Status replaces the screen's status line; "" removes it.
func (w *ScreenWriter) Status(line string) { w.screen.Status(line) }

// Progress is a status line: a label, a bar, a count, and a note.
func Progress(label string, done, total float64, note string) string {
	var b strings.Builder
	if label != "" {
		b.WriteString(label + " ")
	}
	if total > 0 {
		b.WriteString("▕" + Bar(done, total, 20) + "▏ ")
		b.WriteString(short(done) + "/" + short(total))
	} else {
		b.WriteString(short(done))
	}
	if note != "" {
		b.WriteString("  " + note)
	}
	return b.String()
}
