package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/hudrl/hudrl/internal/plot"
	"github.com/hudrl/hudrl/runtime"
)

// errChanged stops a script between two steps, because there is a new version
// of it.
var errChanged = errors.New("the script was changed")

// A watch runs a script again and again: the newest version that compiles,
// from where the one before it was.
type watch struct {
	*app
	f          *scriptFlags
	name, file string
	dir        string
	args       []string
	running    bool
	seen       string         // what the files were when they were last looked at
	next       *runtime.Chunk // the new version, once seen
	source     string         // of next
}

// lookEvery is how often a watch looks, where no step makes it.
const lookEvery = 200 * time.Millisecond

// runWatched runs a script until a version of it ends well.
func (a *app) runWatched(f *scriptFlags, name, source, dir string, args []string) error {
	w := &watch{app: a, f: f, name: name, file: args[0], dir: dir, args: args}
	w.seen = w.look()
	f.between = w.between
	for version := 1; ; version++ {
		f.version = version
		w.running = true
		err := a.runScript(f, name, source, dir, args)
		w.running = false
		switch {
		case err == nil, a.ctx.Err() != nil:
			return err
		case errors.Is(err, errChanged):
		case errors.As(err, new(*usageError)), errors.As(err, new(*runtime.ExitError)):
			return err
		default:
			report(a.Stderr, plot.Style{On: a.StderrColor}, err)
			f.note(a, "waiting for a new version of "+name)
			if err := w.wait(); err != nil {
				return err
			}
		}
		f.note(a, fmt.Sprintf("version %d of %s", version+1, name))
		source, w.next = w.source, nil
		f.resume = f.resume || f.journal != nil && f.journal.Written()
	}
}

// look is what the script and the Lua files beside it are now: of the script
// also its text, because a change within one tick of the file system's clock may
// leave its time and size as they were.
func (w *watch) look() string {
	dir := w.DirFS(w.dir)
	files, _ := fs.Glob(dir, "*.lua")
	more, _ := fs.Glob(dir, "*/*.lua")
	parts := []string{}
	for _, file := range slices.Concat(files, more) {
		if info, err := fs.Stat(dir, file); err == nil {
			parts = append(parts, fmt.Sprintf("%s %d %d", file, info.Size(), info.ModTime().UnixNano()))
		}
	}
	if _, source, _, err := w.readScript(w.file); err == nil {
		parts = append(parts, source)
	}
	return hash(parts...)
}

// settled is what the files are when they have not changed for a while: an
// editor may write in pieces, or move the old file away before the new one comes.
func (w *watch) settled() string {
	now := w.look()
	for range 50 {
		select {
		case <-w.ctx.Done():
			return now
		case <-time.After(20 * time.Millisecond):
		}
		before := now
		if now = w.look(); now == before {
			break
		}
	}
	return now
}

// changed reports whether there is a new version that compiles, and says of one
// that does not why.
func (w *watch) changed() bool {
	now := w.look()
	if now == w.seen {
		return w.next != nil
	}
	now = w.settled()
	if now == w.seen {
		return w.next != nil
	}
	w.seen = now
	_, source, _, err := w.readScript(w.file)
	if err == nil && strings.TrimSpace(source) == "" {
		err = fmt.Errorf("%s is empty", w.name) // would end the training well
	}
	if err == nil {
		var chunk *runtime.Chunk
		if chunk, err = w.f.limits().Compile(w.name, source); err == nil {
			w.next, w.source = chunk, source
			return true
		}
	}
	w.next = nil
	report(w.Stderr, plot.Style{On: w.StderrColor}, err)
	if w.running {
		w.f.note(w.app, "the version before goes on")
	}
	return false
}

// between is called before each step of the script.
func (w *watch) between() error {
	if w.changed() {
		return errChanged
	}
	return nil
}

// wait returns when there is a new version.
func (w *watch) wait() error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for !w.changed() {
		select {
		case <-ticker.C:
		case <-w.ctx.Done():
			return context.Cause(w.ctx)
		}
	}
	return nil
}
