package fs

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
)

// A Reader opens files for another module: those that hud.fs.read may read.
type Reader struct{ l *library }

// NewReader is nil where the VM may read no files; Needs says what grants it.
func NewReader(vm *runtime.VM) (*Reader, error) {
	if Needs(vm.Capabilities()) != "" {
		return nil, nil
	}
	l, err := newLibrary(vm)
	return &Reader{l}, err
}

// A Source is a file that may be read.
type Source struct {
	Name string // as the script wrote it
	op   string
	l    *library
	t    target
}

// maxPattern bounds what each of a directory's names is compared with.
const maxPattern = 255

// Find is the file at a path, or, where there is none and the path's last
// element has *, ? or [ in it, those that match, by name; a leading dot must be
// written. It raises when there are none.
func (r *Reader) Find(a *luax.Args, name string) []Source {
	source := func(name string) Source {
		t := r.l.find(a, name, r.l.read, "read", "--allow-read", "ReadRoots")
		t.a = nil // outlives the call
		return Source{Name: name, op: a.Name(), l: r.l, t: t}
	}
	one := source(name)
	dir, pattern := path.Split(filepath.ToSlash(name))
	if !strings.ContainsAny(pattern, "*?[") {
		return []Source{one}
	}
	if len(pattern) > maxPattern {
		a.Fail("path: got a pattern of %d bytes, want at most %d", len(pattern), maxPattern)
	}
	t := r.l.find(a, path.Join(dir, "."), r.l.read, "read", "--allow-read", "ReadRoots")
	var names []string
	r.l.in(t, func(root *os.Root, at string) error {
		names = nil
		if _, err := root.Stat(path.Join(filepath.ToSlash(at), pattern)); err == nil {
			names = []string{pattern}
			return nil
		}
		if info, err := root.Stat(at); err != nil {
			return err
		} else if !info.IsDir() { // opening a pipe would wait for its other end
			return runtime.Faultf(runtime.CodeError, "%s: %s: not a directory", a.Name(), t.path)
		}
		f, err := root.Open(at)
		if err != nil {
			return err
		}
		entries, err := f.ReadDir(maxEntries)
		if err = errors.Join(ignoreEOF(err), f.Close()); err != nil {
			return err
		}
		for _, e := range entries {
			ok, err := path.Match(pattern, e.Name())
			if err != nil {
				return runtime.Faultf(runtime.CodeValidation, "%s: %s: %w", a.Name(), name, err)
			}
			hidden := strings.HasPrefix(e.Name(), ".") && pattern[0] != '.'
			if ok && !hidden && !e.IsDir() {
				names = append(names, e.Name())
			}
		}
		if len(names) == 0 {
			return runtime.Faultf("not_found", "%s: %s: no such file or directory", a.Name(), name)
		}
		return nil
	})
	slices.Sort(names)
	var all []Source
	for _, n := range names {
		all = append(all, source(dir+n))
	}
	return all
}

// Open opens the file, or says as a script may see it why it cannot. It does
// not touch Lua.
func (s Source) Open() (*os.File, os.FileInfo, error) {
	var err error
	for _, dir := range s.t.roots {
		var root *os.Root
		if root, err = os.OpenRoot(dir); err != nil {
			continue
		}
		var f *os.File
		var info os.FileInfo
		name, _ := below(dir, s.t.abs)
		f, info, err = s.l.open(root, name)
		if err = errors.Join(err, root.Close()); err == nil {
			return f, info, nil
		}
	}
	return nil, nil, plain(s.op, s.Name, err)
}
