package repl

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// keptEntries is how many entries a history keeps; the file is shortened to
// them when it has twice as many.
const keptEntries = 1000

// History is a file of past entries, one JSON object a line, so that an entry
// of several lines stays one.
type History struct {
	path    string
	entries []string
	lines   int // of the file
}

// record is a line of the file.
type record struct {
	Text string `json:"text"`
}

// OpenHistory reads the history at path; a missing file is an empty history.
// Lines that are no entries, such as half a line after a crash, are skipped.
func OpenHistory(path string) (*History, error) {
	h := &History{path: path}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	if err != nil {
		return nil, fmt.Errorf("repl: history: %w", err)
	}
	scanner := bufio.NewScanner(bytes.NewReader(data))
	scanner.Buffer(nil, len(data)+1)
	for scanner.Scan() {
		h.lines++
		var r record
		if json.Unmarshal(scanner.Bytes(), &r) == nil && r.Text != "" {
			h.entries = append(h.entries, r.Text)
		}
	}
	h.cut()
	return h, nil
}

// Entries are the past entries, oldest first.
func (h *History) Entries() []string { return append([]string(nil), h.entries...) }

func (h *History) cut() {
	if extra := len(h.entries) - keptEntries; extra > 0 {
		h.entries = h.entries[extra:]
	}
}

// Append adds an entry, unless it repeats the last one.
func (h *History) Append(entry string) error {
	if n := len(h.entries); n > 0 && h.entries[n-1] == entry {
		return nil
	}
	h.entries = append(h.entries, entry)
	h.cut()
	if h.lines >= 2*keptEntries {
		return h.rewrite()
	}
	line, err := json.Marshal(record{entry})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(h.path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(h.path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if half, err := endsInHalfLine(f); err == nil && half {
		line = append([]byte{'\n'}, line...)
	}
	_, err = f.Write(append(line, '\n'))
	h.lines++
	return errors.Join(err, f.Close())
}

// endsInHalfLine reports whether a crash left the last line unfinished.
func endsInHalfLine(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false, err
	}
	last := make([]byte, 1)
	_, err = f.ReadAt(last, info.Size()-1)
	return last[0] != '\n', err
}

// rewrite replaces the file by the entries that are kept.
func (h *History) rewrite() error {
	var b bytes.Buffer
	for _, e := range h.entries {
		line, err := json.Marshal(record{e})
		if err != nil {
			return err
		}
		b.Write(line)
		b.WriteByte('\n')
	}
	tmp, err := os.CreateTemp(filepath.Dir(h.path), "history-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(b.Bytes())
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), h.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	h.lines = len(h.entries)
	return nil
}
