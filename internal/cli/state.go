package cli

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/hudrl/hudrl/internal/heap"
	"github.com/hudrl/hudrl/internal/plot"
	"github.com/hudrl/hudrl/runtime/repl"
)

// A State is everything of the outside world that a command touches, so that
// tests run the whole program in process with their own.
type State struct {
	Args   []string // without the program's name
	Getenv func(name string) (string, bool)
	Dir    string   // the working directory
	Self   []string // the command that runs this program
	Parent *parent  // of an isolated script's process, or nil

	Stdin          io.Reader
	Stdout, Stderr io.Writer
	StdoutTerminal bool
	StderrWidth    int // columns when Stderr is a terminal that can redraw a line, else 0
	StdoutColor    bool
	StderrColor    bool

	// Terminal edits the lines that somebody types at Stdin; nil when nobody
	// does.
	Terminal func() (repl.Terminal, error)

	ReadFile  func(name string) ([]byte, error)         // reads a script
	OpenNew   func(name string) (io.WriteCloser, error) // makes a file, and its directory; fails where there is one
	WriteFile func(name string, data []byte) error      // makes or replaces a file, and makes its directory
	TempDir   func() (dir string, remove func(), err error)
	DirFS     func(dir string) fs.FS // where a script's own modules are

	// Interrupts delivers one value for each Ctrl-C. The first cancels the
	// command, the second calls Abort.
	Interrupts <-chan os.Signal
	Abort      func(code int)
}

// Main runs the program on the real world and exits. It, system and the
// functions that it names below are the only ones here that touch package os.
func Main() {
	parent := enterIsolated()
	heap.Tune()
	state := system()
	state.Parent = parent
	os.Exit(Run(context.Background(), state))
}

func system() State {
	interrupts := make(chan os.Signal, 2)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	dir, err := os.Getwd()
	if err != nil {
		dir = "."
	}
	plain := os.Getenv("NO_COLOR") != "" // as no-color.org has it: empty is unset
	dumb := os.Getenv("TERM") == "dumb"
	var terminal func() (repl.Terminal, error)
	if _, typed := plot.Terminal(os.Stdin); typed {
		terminal = repl.NewTerminal
	}
	_, stdout := plot.Terminal(os.Stdout)
	width, stderr := plot.Terminal(os.Stderr)
	if !stderr || dumb {
		width = 0
	}
	return State{
		Args:           os.Args[1:],
		Self:           self(),
		Getenv:         os.LookupEnv,
		Dir:            dir,
		Stdin:          os.Stdin,
		Stdout:         os.Stdout,
		Stderr:         os.Stderr,
		StdoutTerminal: stdout,
		StderrWidth:    width,
		StdoutColor:    stdout && !plain && !dumb,
		StderrColor:    stderr && !plain && !dumb,
		Terminal:       terminal,
		ReadFile:       readFile,
		OpenNew:        openNew,
		WriteFile:      writeFile,
		TempDir:        tempDir,
		DirFS:          os.DirFS,
		Interrupts:     interrupts,
		Abort:          os.Exit,
	}
}

// openNew makes a file that does not exist yet, and the directories above it.
func openNew(name string) (io.WriteCloser, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err // a nil *os.File is no nil WriteCloser
	}
	return f, nil
}

// writeNew writes a file that does not exist yet.
func (s State) writeNew(name string, data []byte) error {
	f, err := s.OpenNew(name)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// writeFile makes or replaces a file, and makes the directories above it.
func writeFile(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o666)
}

// tempDir makes a directory of its own.
func tempDir() (dir string, remove func(), err error) {
	dir, err = os.MkdirTemp("", "hudrl-")
	if err != nil {
		return "", nil, err
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil // a directory of the system's, which it clears itself
}

// outputs are where a script writes. At a terminal a status line stands below
// what it prints.
func (s State) outputs() (stdout, stderr io.Writer) {
	if s.StderrWidth == 0 {
		return s.Stdout, s.Stderr
	}
	screen := plot.NewScreen(s.Stderr, s.StderrWidth)
	stdout = s.Stdout
	if s.StdoutTerminal {
		stdout = screen.Writer(s.Stdout)
	}
	return stdout, screen.Writer(s.Stderr)
}

// self is the command of this program.
func self() []string {
	if name, err := os.Executable(); err == nil {
		return []string{name}
	}
	return os.Args[:1]
}

// dataDir is where the embedded service keeps its models: the flag, else
// HUDRL_HOME, else the user's data directory.
func (s State) dataDir(flag string) (string, error) {
	if flag != "" {
		return s.path(flag), nil
	}
	if home, ok := s.Getenv("HUDRL_HOME"); ok && home != "" {
		return s.path(home), nil
	}
	get := func(name string) string { value, _ := s.Getenv(name); return value }
	var base string
	switch runtime.GOOS {
	case "windows":
		base = get("LOCALAPPDATA")
	case "darwin":
		if home := get("HOME"); home != "" {
			base = filepath.Join(home, "Library", "Application Support")
		}
	default:
		base = get("XDG_DATA_HOME")
		if home := get("HOME"); !filepath.IsAbs(base) && home != "" {
			base = filepath.Join(home, ".local", "share")
		}
	}
	if base == "" {
		return "", usagef("no data directory: this user has no home; name one with --data or HUDRL_HOME")
	}
	return filepath.Join(base, "hudrl"), nil
}

// path makes a name of a person's absolute.
func (s State) path(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(s.Dir, name)
}
