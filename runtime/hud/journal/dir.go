package journal

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// FileName is the name of a journal in its run's directory.
const FileName = "steps.jsonl"

// stamp is the time in a directory's name; six hex digits follow.
const stamp = "20060102-150405.000-"

// kept is how many runs of one name a directory keeps.
const kept = 20

// A Dir is a directory of runs, each with a directory of its own, whose name
// begins with the script's and goes on with the time.
type Dir string

// New is a journal of its own for a run. Of the older runs of the same name
// some are kept, and whatever is in doubt or still going on.
func (d Dir) New(name string, run Run) *Journal {
	d.prune(name)
	var salt [3]byte
	rand.Read(salt[:]) // never fails
	id := name + time.Now().UTC().Format("-"+stamp) + hex.EncodeToString(salt[:])
	return &Journal{path: filepath.Join(string(d), id, FileName), run: run, state: newState()}
}

// runs are the directories of the runs of a name, oldest first.
func (d Dir) runs(name string) []string {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return nil
	}
	var all []string
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), name+"-")
		if ok && e.IsDir() && len(rest) == len(stamp)+6 {
			all = append(all, filepath.Join(string(d), e.Name()))
		}
	}
	slices.Sort(all)
	return all
}

func (d Dir) prune(name string) {
	all := d.runs(name)
	for _, dir := range all[:max(0, len(all)-kept)] {
		path := filepath.Join(dir, FileName)
		f, err := openLocked(path, false)
		if err != nil {
			continue // in use
		}
		s := newState()
		_, err = read(f, s.apply)
		_ = closeLocked(f)
		if err == nil && !s.doubtful() {
			_ = os.Remove(path)
			_ = os.Remove(dir) // unless there is something else in it
		}
	}
}

// A Found is an earlier run.
type Found struct {
	Path string
	Run  Run

	Complete bool   // it ended well; then nothing of the rest is told
	Place    Place  // of its last applied optimizer step
	Doubts   []Sent // calls whose outcome is unknown; those of a run that goes on, too
	Passes   int    // acknowledged and not stepped
	Running  bool   // a process has it open
	Err      error  // it cannot be read
}

// Last is the newest run of a name that fits, nil when there is none.
func (d Dir) Last(name string, fits func(Run) bool) *Found {
	for _, dir := range slices.Backward(d.runs(name)) {
		if f := find(filepath.Join(dir, FileName), fits); f != nil {
			return f
		}
	}
	return nil
}

func find(path string, fits func(Run) bool) *Found {
	in, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer in.Close()
	line, err := bufio.NewReader(in).ReadBytes('\n')
	if err != nil {
		return nil
	}
	first, err := decode(line[:len(line)-1])
	if err != nil || first.Run == nil || !fits(*first.Run) {
		return nil
	}
	found := &Found{Path: path, Run: *first.Run}
	if f, err := openLocked(path, false); err == nil {
		_ = closeLocked(f)
	} else {
		found.Running = errors.Is(err, errLocked)
	}
	if found.Complete = lastKind(in) == kindEnd; found.Complete {
		return found
	}
	s := newState()
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		found.Err = err
		return found
	}
	_, found.Err = read(in, s.apply)
	s.orphan()
	found.Place = s.place
	for _, m := range s.models {
		for _, e := range m.doubts {
			found.Doubts = append(found.Doubts, *e.sent)
		}
		found.Passes += m.passes
	}
	return found
}

// lastKind is the kind of a file's last line, if that is a short one.
func lastKind(f *os.File) string {
	const most = 256
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return ""
	}
	tail := make([]byte, min(size, most))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil {
		return ""
	}
	line, whole := bytes.CutSuffix(tail, []byte("\n"))
	if r, err := decode(line[bytes.LastIndexByte(line, '\n')+1:]); err == nil && whole {
		return r.Kind
	}
	return ""
}
