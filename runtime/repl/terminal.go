package repl

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/peterh/liner"
)

// lineEditor is liner on the process's own terminal. Between prompts the
// terminal is in its original mode, so that Ctrl-C is a signal again while a
// command runs and a crash leaves a usable shell.
type lineEditor struct {
	state    *liner.State
	original liner.ModeApplier
	editing  liner.ModeApplier
}

// NewTerminal opens the terminal of standard input. It fails where that is no
// terminal: use NewLines then.
func NewTerminal() (Terminal, error) {
	original, err := liner.TerminalMode()
	if err != nil {
		return nil, fmt.Errorf("repl: standard input is no terminal: %w", err)
	}
	t := &lineEditor{state: liner.NewLiner(), original: original}
	t.state.SetCtrlCAborts(true)
	t.state.SetWordCompleter(tab)
	t.editing, err = liner.TerminalMode()
	if err == nil {
		err = t.original.ApplyMode()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("repl: %w", err), t.state.Close())
	}
	return t, nil
}

// tab is what the Tab key does: a tab, so that pasted text keeps those of its
// strings. Without a completer liner drops them.
func tab(line string, pos int) (head string, completions []string, tail string) {
	runes := []rune(line)
	return string(runes[:pos]), []string{"\t"}, string(runes[pos:])
}

func (t *lineEditor) Prompt(prompt string) (string, error) {
	if err := t.editing.ApplyMode(); err != nil {
		return "", fmt.Errorf("repl: %w", err)
	}
	line, err := t.state.Prompt(prompt)
	if restore := t.original.ApplyMode(); restore != nil && err == nil {
		err = fmt.Errorf("repl: %w", restore)
	}
	switch {
	case errors.Is(err, liner.ErrPromptAborted):
		return "", ErrAborted
	case errors.Is(err, io.EOF):
		return "", io.EOF
	}
	return line, err
}

// Remember joins the lines of an entry, because liner edits one line. An entry
// with comments cannot be joined: its lines are remembered one by one.
func (t *lineEditor) Remember(entry string) {
	for _, line := range HistoryLines(entry) {
		t.state.AppendHistory(line)
	}
}

// HistoryLines is how an entry appears in a one-line editor.
func HistoryLines(entry string) []string {
	parts := strings.Split(entry, "\n")
	if len(parts) > 1 && !strings.Contains(entry, "--") && !strings.Contains(entry, "[[") && !strings.Contains(entry, "[=") {
		for i, p := range parts {
			parts[i] = strings.TrimSpace(p)
		}
		return []string{strings.Join(parts, " ")}
	}
	return parts
}

func (t *lineEditor) Close() error {
	return errors.Join(t.state.Close(), t.original.ApplyMode())
}
