package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hudrl/hudrl/runtime/metrics"
)

func (a *app) reportCommand() *cobra.Command {
	var out, data string
	cmd := &cobra.Command{
		Use:   "report RUN…",
		Short: "make a page of charts of what runs logged",
		Long: `Makes a page of HTML, for a browser, of what scripts logged with hud.metrics: a
chart of each name, and a table of how it went. Several runs are drawn over
each other.

RUN is a file of metrics, a directory that has some, such as that of "hudrl run
--metrics DIR", or the name of a run in the data directory. A run that is still
going on can be looked at too.`,
		Example: "  hudrl report out\n  hudrl report out/a out/b -o compared.html",
		Args:    cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			runs, err := a.runsDir(data)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return &usageError{"hudrl report: missing RUN", a.lastRuns(runs)}
			}
			var files []logFile
			for _, arg := range args {
				found, err := a.logFiles(arg, runs)
				if err != nil {
					return err
				}
				files = append(files, found...)
			}
			return a.writeReport(out, files)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&out, "output", "o", "report.html", "write the page to `FILE`; - is standard output")
	flags.StringVar(&data, "data", "", "look for runs under `DIR` [HUDRL_HOME] (default: the user's data directory)")
	return cmd
}

// A logFile is a file of metrics and what its run is called.
type logFile struct{ path, name string }

func (a *app) runsDir(data string) (string, error) {
	dir, err := a.dataDir(data)
	return filepath.Join(dir, "runs"), err
}

// logFiles are the logs that an argument names.
func (a *app) logFiles(arg, runs string) ([]logFile, error) {
	for _, path := range []string{a.path(arg), filepath.Join(runs, arg)} {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, failed("report failed", err)
		}
		if !info.IsDir() {
			return []logFile{{path, strings.TrimSuffix(arg, filepath.Ext(arg))}}, nil
		}
		if found := logsBelow(path, filepath.Base(path)); found != nil {
			return found, nil
		}
		return nil, failed("report failed", fmt.Errorf("%s: no script logged metrics there", arg))
	}
	return nil, &usageError{fmt.Sprintf("hudrl report: %s: no such file, directory or run", arg), a.lastRuns(runs)}
}

// logsBelow finds the logs in a directory and in those in it, by name.
func logsBelow(dir, name string) (found []logFile) {
	for _, pattern := range []string{"*.jsonl", filepath.Join("*", "*.jsonl")} {
		paths, _ := filepath.Glob(filepath.Join(escaped(dir), pattern)) // the pattern is well-formed
		for _, path := range paths {
			inside, err := filepath.Rel(dir, path)
			base := filepath.Base(path)
			if err != nil || base == "steps.jsonl" { // a run's journal
				continue
			}
			called := name
			if sub := filepath.Dir(inside); sub != "." {
				called = filepath.ToSlash(sub)
			}
			if base != "metrics.jsonl" {
				called += "/" + strings.TrimSuffix(base, ".jsonl")
			}
			found = append(found, logFile{path, called})
		}
	}
	return found
}

// escaped makes a path a pattern that matches it alone.
func escaped(path string) string {
	if filepath.Separator == '\\' {
		return path // where nothing escapes, and what needs it is in no name
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// lastRuns advises the latest runs that logged something.
func (a *app) lastRuns(runs string) string {
	logs := logsBelow(runs, "")
	slices.SortStableFunc(logs, func(x, y logFile) int { return modified(y.path).Compare(modified(x.path)) })
	var names []string
	for _, l := range logs {
		if run := filepath.Base(filepath.Dir(l.path)); !slices.Contains(names, run) && len(names) < 5 {
			names = append(names, run)
		}
	}
	if len(names) == 0 {
		return "no script has logged metrics with hud.metrics yet: see hudrl doc metrics"
	}
	return "the last runs that logged something: " + strings.Join(names, ", ")
}

func modified(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

func (a *app) writeReport(out string, files []logFile) error {
	if len(files) > metrics.MaxCompared {
		return &usageError{fmt.Sprintf("hudrl report: got %d logs, want at most %d", len(files), metrics.MaxCompared), "name some of the runs"}
	}
	var logs []*metrics.Recorded
	title := ""
	for _, f := range files {
		file, err := os.Open(f.path)
		if err != nil {
			return failed("report failed", err)
		}
		log, err := metrics.Record(file, f.path)
		if err := errors.Join(err, file.Close()); err != nil {
			return failed("report failed", err)
		}
		log.Name = f.name
		title = f.name
		logs = append(logs, log)
	}
	if len(files) > 1 {
		title = fmt.Sprintf("%d logs", len(files))
	}
	var page bytes.Buffer
	shown, err := metrics.Report(&page, title, logs)
	if err != nil {
		return failed("report failed", err)
	}
	if out == "-" {
		_, err := a.Stdout.Write(page.Bytes())
		return err
	}
	if err := a.WriteFile(a.path(out), page.Bytes()); err != nil {
		return failed("report failed", err)
	}
	fmt.Fprintf(a.Stdout, "Wrote %s: %s of %s\n", out, counted(shown, "chart"), counted(len(logs), "log"))
	return nil
}
