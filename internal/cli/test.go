package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hudrl/hudrl/bindings/test"
	"github.com/hudrl/hudrl/runtime"
)

func (a *app) testCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test [FILE or DIR]…",
		Short: "run the tests of scripts",
		Long: `Runs the tests in files called *_test.lua, those under the working directory
where none is named, one after another by name. A file describes tests with
describe and it of require "hud.test", defines global functions test_…, or returns
a table of functions; one without any test fails. Each file has a VM of its own
and, unless --data names a directory, an embedded service without any models but
the built-in ones. The exit code is 5 when a test failed, and when none ran.`,
		Example: `  hudrl test
  hudrl test losses_test.lua --match clip --timeout 30s
  hudrl test --update          keep what test.golden got`,
	}
	var f scriptFlags
	flags := cmd.Flags()
	match := flags.String("match", "", "only tests whose name contains this `TEXT`")
	update := flags.Bool("update", false, "write the files that test.golden compares with")
	asJSON := flags.Bool("json", false, "print JSON")
	f.register(cmd)
	flags.Lookup("timeout").Usage = "fail a test that takes longer than this `TIME`"
	flags.Lookup("timeout").DefValue = "1m0s"
	f.timeout = deadline(time.Minute)
	cmd.ValidArgsFunction = completeScript
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			args = []string{"."}
		}
		var files []string
		for _, arg := range args {
			found, err := a.scripts([]string{arg})
			if err != nil {
				return err
			}
			for _, file := range found {
				if file == arg || strings.HasSuffix(file, "_test.lua") {
					files = append(files, file)
				}
			}
		}
		s := &testRun{app: a, flags: &f, match: *match, update: *update, json: *asJSON, started: time.Now()}
		for _, file := range files {
			if err := s.file(file); err != nil {
				return err
			}
		}
		return s.end(args)
	}
	return cmd
}

// A testRun is one run of hudrl test.
type testRun struct {
	*app
	flags          *scriptFlags
	match          string
	update, json   bool
	started        time.Time
	results        []testResult
	passed, failed int
}

type testResult struct {
	File    string  `json:"file"`
	Name    string  `json:"name,omitempty"` // none: the file itself
	OK      bool    `json:"ok"`
	Seconds float64 `json:"seconds"`
	Line    int     `json:"line,omitempty"`
	Error   string  `json:"error,omitempty"`
	Output  string  `json:"output,omitempty"`
}

// file runs the tests of one file.
func (s *testRun) file(name string) error {
	shown, source, dir, err := s.readScript(name)
	if err != nil {
		return err
	}
	flags := *s.flags
	if flags.data == "" {
		scratch, remove, err := s.TempDir()
		if err != nil {
			return failed("a directory for the tests' models", err)
		}
		defer remove()
		flags.data = scratch
	}
	svc, err := flags.open(s.app)
	if err != nil {
		return err
	}
	err = func() error {
		chunk, err := flags.limits().Compile(shown, source)
		if err != nil {
			return err
		}
		_, err = test.Run(s.ctx, s.host(&flags, svc, dir, []string{shown}), chunk, test.Options{
			Match:  s.match,
			Golden: &goldenFiles{app: s.app, dir: filepath.Join(dir, "testdata"), update: s.update},
			OnEnd:  func(r test.Result) { s.ended(shown, r) },
		})
		return err
	}()
	if closing := svc.Close(); err == nil && closing != nil {
		return closing
	}
	if err != nil && s.ctx.Err() == nil {
		s.ended(shown, test.Result{Err: err})
		return nil
	}
	return err
}

// ended tells of one test.
func (s *testRun) ended(file string, r test.Result) {
	out := testResult{File: file, Name: r.Name, OK: r.Err == nil, Seconds: r.Elapsed.Seconds()}
	style := s.style()
	if out.OK {
		s.passed++
		if s.flags.verbose && !s.json {
			fmt.Fprintf(s.Stdout, "%s   %s: %s (%v)\n", style.Dim("ok"), file, r.Name, r.Elapsed.Round(100*time.Microsecond))
			s.indented(r.Output)
		}
	} else {
		s.failed++
		out.Error, out.Output = runtime.Lines(r.Err), r.Output
		var e *runtime.Error
		if errors.As(r.Err, &e) {
			out.Line = e.Line
		}
		if !s.json {
			name := r.Name
			if name == "" {
				name = "the file does not run"
			}
			fmt.Fprintf(s.Stdout, "%s %s: %s\n", style.Red("FAIL"), file, name)
			s.indented(r.Output)
			var b strings.Builder
			report(&b, style, r.Err)
			s.indented(b.String())
		}
	}
	s.results = append(s.results, out)
}

func (s *testRun) indented(text string) {
	if text = strings.TrimRight(text, "\n"); text != "" {
		fmt.Fprintf(s.Stdout, "  %s\n", strings.ReplaceAll(text, "\n", "\n  "))
	}
}

// end counts, and fails where no test ran.
func (s *testRun) end(args []string) error {
	if s.json {
		if s.results == nil {
			s.results = []testResult{}
		}
		if err := s.printJSON(s.results); err != nil {
			return err
		}
	} else if len(s.results) > 0 {
		fmt.Fprintf(s.Stdout, "%d passed, %d failed in %v\n", s.passed, s.failed, time.Since(s.started).Round(time.Millisecond))
	}
	if len(s.results) == 0 {
		what := "files called *_test.lua"
		if s.match != "" {
			what = fmt.Sprintf("test whose name contains %q", s.match)
		}
		fmt.Fprintf(s.Stderr, "no test ran: no %s in %s\n", what, strings.Join(args, ", "))
		return &runtime.ExitError{Code: exitCheck}
	}
	if s.failed > 0 {
		return &runtime.ExitError{Code: exitCheck}
	}
	return nil
}

// goldenFiles are testdata/NAME beside a test file.
type goldenFiles struct {
	*app
	dir    string
	update bool
}

func (g *goldenFiles) Golden(name string) (string, bool, error) {
	text, err := g.ReadFile(filepath.Join(g.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	return string(text), err == nil, err
}

func (g *goldenFiles) Keep(name, text string) (bool, error) {
	if !g.update {
		return false, nil
	}
	return true, g.WriteFile(filepath.Join(g.dir, name), []byte(text))
}
