package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hudrl/hudrl/runtime/hud/journal"
)

// journalFlags say whether a run goes on with an earlier one.
type journalFlags struct {
	resume    bool
	seedGiven bool
	journal   *journal.Journal // of the run; nil for none
}

func (f *journalFlags) register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.resume, "resume", false, "go on with the last run of this script, where it was interrupted")
}

// hash tells texts apart without keeping them.
func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// serviceLabel is a service's name as journals have it: an address without
// what may be secret in it.
func serviceLabel(name string) string {
	if u, err := url.Parse(name); err == nil && u.Host != "" {
		return u.Scheme + "://" + u.Host
	}
	return name
}

// openJournal is the journal of a run of a script: a new one, which is made
// with its first training call, or with --resume the last one. It settles the
// run's seed.
func (f *scriptFlags) openJournal(a *app, name, source string, args []string) (*journal.Journal, error) {
	if f.record != "" && f.resume {
		return nil, &usageError{"--resume and --record: want one of them", "a replay begins at the script's beginning: it could not follow"}
	}
	if f.replay != "" {
		if f.resume {
			return nil, &usageError{"--resume and --replay: want one of them", "a replay begins where its recording does"}
		}
		return journal.Memory(), nil
	}
	dir, err := a.dataDir(f.data)
	if err != nil {
		if f.resume {
			return nil, err
		}
		return journal.Memory(), nil
	}
	runs := journal.Dir(filepath.Join(dir, "runs"))
	run := journal.Run{Script: name, Source: hash(source), Args: hash(args[1:]...), Service: serviceLabel(f.choice(a)), Seed: f.seed}
	file := name != "stdin" && name != "(command line)"
	label := strings.Trim(name, "()")
	if file {
		run.Script = a.path(name)
		label = strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
	}
	label = strings.Map(func(r rune) rune {
		if r == '.' || r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '-'
	}, label)
	same := func(r journal.Run) bool {
		return r.Script == run.Script && r.Service == run.Service && (file || r.Source == run.Source)
	}
	last := runs.Last(label, func(r journal.Run) bool { return same(r) && r.Args == run.Args })
	if last == nil {
		last = runs.Last(label, same)
	}
	if f.resume {
		return f.continued(a, name, run, last, string(runs))
	}
	if last != nil && !last.Complete && !last.Running {
		f.note(a, interrupted(name, last))
	}
	return runs.New(label, run), nil
}

// metricsDir is where a run's metrics go under the directory of a flag: by the
// run's name, which it keeps when it goes on.
func (f *scriptFlags) metricsDir(a *app, script string) string {
	id := strings.TrimSuffix(filepath.Base(script), filepath.Ext(script)) + time.Now().UTC().Format("-20060102-150405.000")
	if f.journal != nil && f.journal.Durable() {
		id = filepath.Base(filepath.Dir(f.journal.Path()))
	}
	return filepath.Join(a.path(f.metrics), id)
}

func (f *scriptFlags) note(a *app, text string) {
	if text != "" && !f.quiet {
		fmt.Fprintln(a.Stderr, "note: "+text)
	}
}

// interrupted says where an earlier run was stopped, "" when it had not begun.
func interrupted(name string, last *journal.Found) string {
	text := ""
	switch {
	case last.Err != nil:
		return ""
	case last.Place.Step > 0 && last.Place.Step < last.Place.Of:
		text = fmt.Sprintf("the last run of %s stopped after step %d of %d", name, last.Place.Step, last.Place.Of)
	case len(last.Doubts) > 0 || last.Passes > 0:
		text = fmt.Sprintf("the last run of %s was interrupted", name)
	default:
		return ""
	}
	if len(last.Doubts) > 0 {
		text += fmt.Sprintf(", and nobody knows what became of its last %s", last.Doubts[len(last.Doubts)-1].Op)
	} else if last.Passes > 0 {
		text += ", and what it had accumulated since may still be at the service"
	}
	return text + ": --resume goes on with it (" + last.Path + ")"
}

// continued opens the journal of an earlier run.
func (f *scriptFlags) continued(a *app, name string, run journal.Run, last *journal.Found, dir string) (*journal.Journal, error) {
	if last == nil {
		return nil, &usageError{
			fmt.Sprintf("--resume: no run of %s with %s is there to go on with", name, run.Service),
			"it is looked for in " + dir + ", by the script's path and the service; without --resume a new run begins",
		}
	}
	if last.Complete && last.Run.Args == run.Args {
		return nil, &usageError{
			fmt.Sprintf("--resume: the last run of %s with these arguments is complete", name),
			"without --resume a new run begins; with other arguments, more steps say, this one goes on",
		}
	}
	if f.seedGiven && f.seed != last.Run.Seed {
		return nil, &usageError{
			fmt.Sprintf("--resume: --seed %d: the run began with %d", f.seed, last.Run.Seed),
			"leave --seed out, or begin a new run without --resume",
		}
	}
	j, err := journal.Open(last.Path, run)
	if err != nil {
		var hinted interface{ ErrorHint() string }
		hint := ""
		if errors.As(err, &hinted) {
			hint = hinted.ErrorHint()
		}
		return nil, &usageError{"--resume: " + err.Error(), hint}
	}
	f.seed = last.Run.Seed
	if last.Run.Args != run.Args {
		f.note(a, "the run that goes on began with other arguments")
	}
	if last.Run.Source != run.Source && !f.watch {
		f.note(a, name+" was changed since the run began")
	}
	return j, nil
}
