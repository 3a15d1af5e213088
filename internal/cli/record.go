package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/local"
	"github.com/hudrl/hudrl/runtime/replay"
)

// recordFlags are where the traffic with the service goes, or comes from.
type recordFlags struct {
	record, replay string
	script, source string // whose traffic it is, and a hash of its text
}

func (f *recordFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.record, "record", "", "write what the service is asked, and answers, to a new `FILE`")
	flags.StringVar(&f.replay, "replay", "", "take the answers from a recording in `FILE`, offline, and stop where the script asks anything else")
}

// open is the service of a script. What the script sees of it goes through the
// recording, if there is one.
func (f *scriptFlags) open(a *app) (*lazyService, error) {
	switch {
	case f.record != "" && f.replay != "":
		return nil, &usageError{"--record and --replay: want one of them", "a replay asks no service: there is nothing to record"}
	case f.replay != "" && f.service != "":
		return nil, &usageError{"--replay and --service: want one of them", "the answers come from the recording"}
	case f.replay != "":
		return a.replayed(f)
	}
	l, err := f.serviceFlags.open(a)
	if err != nil || f.record == "" {
		return l, err
	}
	return l, a.recorded(f, l)
}

// recorded makes scripts' calls of l leave a recording.
func (a *app) recorded(f *scriptFlags, l *lazyService) error {
	file, err := a.OpenNew(a.path(f.record))
	if errors.Is(err, fs.ErrExist) {
		return &usageError{fmt.Sprintf("--record: %s: there is such a file", f.record), "a recording is never overwritten: name another file, or remove this one"}
	}
	if err != nil {
		return fileError("--record: cannot write", f.record, err)
	}
	tape, err := replay.Record(l, file, replay.Options{
		About:   f.about(a),
		OnError: func(err error) { l.say(fmt.Sprintf("%s: %v; the run goes on unrecorded", f.record, err)) },
	})
	if err != nil {
		return errors.Join(fileError("--record: cannot write", f.record, err), file.Close())
	}
	l.scripts = tape
	l.end = func() error { return failed(f.record, errors.Join(tape.Close(), file.Close())) }
	return nil
}

// about is what is recorded, or asked of a recording.
func (f *scriptFlags) about(a *app) replay.About {
	return replay.About{
		Hudrl: version(), Kernels: local.Kernels(), Service: origin(f.choice(a)), Script: f.script, Source: f.source, Seed: &f.seed,
	}
}

// origin is a service as it was chosen, without a name and password in its
// address.
func origin(choice string) string {
	if host, err := hud.HostPort(choice); err == nil {
		return host
	}
	return choice
}

// fileError is that of a file a flag names.
func fileError(what, name string, err error) error {
	var failure *fs.PathError
	if errors.As(err, &failure) {
		err = failure.Err // the path is not what was typed
	}
	return usagef("%s %s: %v", what, name, err)
}

// replayed is the service that answers from a recording. The script is stopped
// where it asks for anything else, whatever it would do without an answer.
func (a *app) replayed(f *scriptFlags) (*lazyService, error) {
	text, err := a.ReadFile(a.path(f.replay))
	if err != nil {
		return nil, fileError("--replay: cannot read", f.replay, err)
	}
	var about replay.About
	player, err := replay.Open(bytes.NewReader(text), replay.PlayOptions{OnDivergence: func(d *replay.Divergence) {
		d.Hint = hintAt(d, about, f.about(a))
		a.cancel(d)
	}})
	if err != nil {
		return nil, &usageError{fmt.Sprintf("%s: %v", f.replay, err), ""}
	}
	about = player.About()
	l := &lazyService{where: "Recording: " + f.replay, say: func(line string) { fmt.Fprintln(a.Stderr, line) }}
	l.open = func() (backend, error) { return player, nil }
	l.scripts = player
	l.end = func() error {
		if player.Divergence() == nil && a.ctx.Err() != nil {
			return nil // somebody stopped the command: there is more in the recording
		}
		err := player.Close()
		if d := (*replay.Divergence)(nil); errors.As(err, &d) {
			d.Hint = hintAt(d, about, f.about(a))
		}
		return err
	}
	return l, nil
}

// told is what to report of a command's error. A replay that went another way
// is told as near to the script as there is something; that a script ended
// before its recording is no news where it failed.
func told(err error) error {
	var d *replay.Divergence
	if !errors.As(err, &d) {
		return err
	}
	var others []error
	for _, part := range parts(err) {
		switch {
		case !errors.As(part, new(*replay.Divergence)):
			others = append(others, part)
		case d.Op != "":
			return part
		}
	}
	if len(others) > 0 && d.Op == "" {
		return errors.Join(others...)
	}
	return err
}

// parts are the errors that were joined to err.
func parts(err error) (all []error) {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	for _, part := range joined.Unwrap() {
		all = append(all, parts(part)...)
	}
	return all
}

// hintAt says why a replay may have gone another way: what is not as it was
// when the recording was made.
func hintAt(d *replay.Divergence, then, now replay.About) string {
	switch {
	case then.Seed != nil && *then.Seed != *now.Seed:
		return fmt.Sprintf("the recording was made with --seed %d", *then.Seed)
	case d.Line == 0 && d.Cut:
		return "" // there is no more of it
	case then.Source != now.Source:
		return "the script was changed since it was recorded"
	case then.Hudrl != now.Hudrl:
		return "the recording was made with hudrl " + then.Hudrl
	case then.Kernels != now.Kernels:
		return fmt.Sprintf("the recording was made with %s kernels, here are %s: last digits differ", then.Kernels, now.Kernels)
	}
	return "the script's arguments are not those of the recording, or what it does depends on the clock"
}
