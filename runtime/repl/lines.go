package repl

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// lines reads input that is no terminal: no prompts, no editing, lines of any
// length (liner would cut them at 4096 bytes).
type lines struct{ r *bufio.Reader }

// NewLines makes a Terminal of a plain stream.
func NewLines(r io.Reader) Terminal { return &lines{bufio.NewReader(r)} }

func (l *lines) Prompt(string) (string, error) {
	line, err := l.r.ReadString('\n')
	if errors.Is(err, io.EOF) && line != "" {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), err
}

func (l *lines) Remember(string) {}
func (l *lines) Close() error    { return nil }
