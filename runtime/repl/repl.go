// Package repl is the read-eval-print loop of a Runtime.
//
//	term, err := repl.NewTerminal()       // or repl.NewLines(os.Stdin) when it is no terminal
//	defer term.Close()
//	err = repl.Run(ctx, rt, repl.Options{Terminal: term, Out: os.Stdout, Err: os.Stderr})
//
// An unfinished statement is continued on the next line. Locals of a line are
// there on the next one. Ctrl-C stops the command that runs and keeps the
// session; a second one leaves. Nothing here needs a terminal but the one that
// NewTerminal makes.
package repl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hudrl/hudrl/runtime"
)

// A Terminal is where lines come from.
type Terminal interface {
	// Prompt reads a line without its newline. It returns ErrAborted for a
	// Ctrl-C and io.EOF at the end.
	Prompt(prompt string) (string, error)
	// Remember puts an entry, of one or more lines, into the history.
	Remember(entry string)
	// Close gives the terminal back as it was.
	Close() error
}

// ErrAborted is returned by Prompt when the user gave up the line, and by Run
// when the user interrupted a command that did not stop.
var ErrAborted = errors.New("repl: aborted")

const (
	prompt       = "> "
	continuation = ">> "
)

// Options say what a REPL reads and writes.
type Options struct {
	Terminal   Terminal                         // required
	Out        io.Writer                        // results; nil discards
	Err        io.Writer                        // errors; nil discards
	History    *History                         // nil: none
	Interrupts <-chan os.Signal                 // Ctrl-C while a command runs; nil: none come
	Require    []string                         // modules that are there from the start, under the last word of their name
	Help       func(name string) (string, bool) // what :help NAME prints; nil: nothing is known
	Report     func(w io.Writer, err error)     // writes an error for people; nil: Report of this package
}

const help = `An expression prints its values, a statement runs. An unfinished one goes on in the next line.
  :help NAME  what NAME is
  :paste      run many lines at once: end them with a line that holds a single dot
  :quit       leave (or Ctrl-D)
  Ctrl-C      give up the line, or stop the command that runs
`

// session is one Run.
type session struct {
	Options
	rt  *runtime.Runtime
	ctx context.Context
}

// Run reads and evaluates until the input ends, :quit, or os.exit, whose
// *runtime.ExitError it returns. Errors of commands are printed, not returned.
func Run(ctx context.Context, rt *runtime.Runtime, o Options) error {
	if o.Terminal == nil {
		return errors.New("repl: Options.Terminal is nil")
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	if o.Err == nil {
		o.Err = io.Discard
	}
	if o.Report == nil {
		o.Report = Report
	}
	s := &session{Options: o, rt: rt, ctx: ctx}
	if o.History != nil {
		for _, entry := range o.History.Entries() {
			o.Terminal.Remember(entry)
		}
	}
	for _, module := range o.Require {
		name := module[strings.LastIndexByte(module, '.')+1:]
		if _, err := rt.Eval(ctx, fmt.Sprintf("%s = require %q", name, module)); err != nil {
			return err
		}
	}
	for {
		src, err := s.read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, ErrAborted):
			continue
		case err != nil:
			return err
		}
		if strings.TrimSpace(src) == "" {
			continue
		}
		s.remember(src)
		if strings.HasPrefix(src, ":") {
			if src, err = s.command(src); errors.Is(err, errQuit) {
				return nil
			} else if err != nil {
				return err
			}
			if src == "" {
				continue
			}
		}
		if err := s.eval(src); err != nil {
			return err
		}
	}
}

// read reads a statement or expression, over as many lines as it takes.
func (s *session) read() (string, error) {
	var src string
	for p := prompt; ; p = continuation {
		line, err := s.line(p)
		if errors.Is(err, io.EOF) && src != "" {
			return src, nil // its error says what is missing
		}
		if err != nil {
			return "", err
		}
		if src == "" && strings.HasPrefix(line, ":") {
			return line, nil
		}
		if src != "" {
			src += "\n"
		}
		src += line
		if !runtime.Incomplete(src) {
			return src, nil
		}
	}
}

// line reads a line, until the context ends. The goroutine of an abandoned
// read ends with the terminal's next line or its end.
func (s *session) line(p string) (string, error) {
	type answer struct {
		line string
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		line, err := s.Terminal.Prompt(p)
		read <- answer{line, err}
	}()
	select {
	case a := <-read:
		return a.line, a.err
	case <-s.ctx.Done():
		return "", context.Cause(s.ctx)
	}
}

func (s *session) remember(src string) {
	s.Terminal.Remember(src)
	if s.History != nil {
		if err := s.History.Append(src); err != nil {
			fmt.Fprintf(s.Err, "warning: the history is not kept: %v\n", err)
			s.History = nil
		}
	}
}

// errQuit is :quit.
var errQuit = errors.New("quit")

// command runs a : command. What it returns, if not "", is to be evaluated.
func (s *session) command(line string) (src string, err error) {
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	rest = strings.TrimSpace(rest)
	switch word {
	case ":quit", ":q", ":exit":
		return "", errQuit
	case ":help", ":h":
		s.help(rest)
		return "", nil
	case ":paste":
		src, err := s.paste()
		if err == nil && strings.TrimSpace(src) != "" {
			s.remember(src)
		}
		if errors.Is(err, ErrAborted) {
			return "", nil
		}
		return src, err
	}
	fmt.Fprintf(s.Err, "no such command: %s (:help, :paste, :quit)\n", word)
	return "", nil
}

func (s *session) help(name string) {
	if name == "" {
		fmt.Fprint(s.Out, help)
		return
	}
	if s.Help != nil {
		if text, ok := s.Help(name); ok {
			fmt.Fprintln(s.Out, strings.TrimRight(text, "\n"))
			return
		}
	}
	fmt.Fprintf(s.Err, "help: nothing is known about %q\n", name)
}

// paste reads lines until one holds a single dot.
func (s *session) paste() (string, error) {
	var lines []string
	for {
		line, err := s.line("")
		if errors.Is(err, io.EOF) || err == nil && strings.TrimSpace(line) == "." {
			return strings.Join(lines, "\n"), nil
		}
		if err != nil {
			return "", err
		}
		lines = append(lines, line)
	}
}

// eval runs one command and prints what it gives. It returns an error only to
// end the session.
func (s *session) eval(src string) error {
	s.forget()
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	type answer struct {
		values []string
		err    error
	}
	done := make(chan answer, 1)
	go func() {
		values, err := s.rt.Display(ctx, src)
		done <- answer{values, err}
	}()
	var a answer
	interrupts := 0
wait:
	for {
		select {
		case a = <-done:
			break wait
		case <-s.Interrupts:
			if interrupts++; interrupts > 1 {
				return ErrAborted
			}
			cancel(runtime.ErrInterrupted)
		}
	}
	var exit *runtime.ExitError
	switch {
	case errors.As(a.err, &exit):
		return exit
	case a.err != nil && s.ctx.Err() != nil:
		return context.Cause(s.ctx)
	case errors.Is(a.err, runtime.ErrClosed), errors.Is(a.err, runtime.ErrBusy):
		return a.err
	case a.err != nil:
		s.Report(s.Err, a.err)
		return nil
	}
	if len(a.values) > 0 {
		sep := "\t"
		for _, v := range a.values {
			if strings.Contains(v, "\n") {
				sep = "\n"
			}
		}
		fmt.Fprintln(s.Out, strings.Join(a.values, sep))
	}
	return nil
}

// forget drops an interrupt that came at the prompt: a line editor takes
// Ctrl-C for itself, but not in a terminal too narrow for it, and kill(1)
// reaches the process anyway.
func (s *session) forget() {
	for {
		select {
		case <-s.Interrupts:
		default:
			return
		}
	}
}

// Report writes an error for people: the message, the source line when it is
// not the one just typed, the calls, and the hint.
func Report(w io.Writer, err error) {
	var e *runtime.Error
	if !errors.As(err, &e) {
		fmt.Fprintf(w, "error: %v\n", err)
		return
	}
	fmt.Fprintf(w, "error: %s\n", runtime.Lines(err))
	if e.Text != "" && e.Source != "stdin" {
		fmt.Fprintf(w, "  %s\n", strings.TrimSpace(e.Text))
	}
	if strings.Contains(e.Traceback, "\n") {
		fmt.Fprintf(w, "  %s\n", strings.ReplaceAll(e.Traceback, "\n", "\n  "))
	}
	if e.Hint != "" {
		fmt.Fprintf(w, "  hint: %s\n", e.Hint)
	}
}
