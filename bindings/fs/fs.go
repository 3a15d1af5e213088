// Package fs is hud.fs: files under the directories that the host allows. It
// exists only where there is one.
//
// A relative path is below the first directory that may be read. No path leads
// out of the directories, through "..", symbolic links or otherwise: every
// access goes through os.Root. Files that hold keys are never read: those of
// Capabilities.Secrets, and any called .env. Writing replaces a file as a whole
// or not at all.
package fs

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
)

// Needs names what grants the capability.
func Needs(c runtime.Capabilities) string {
	if len(c.ReadRoots)+len(c.WriteRoots) > 0 {
		return ""
	}
	return "--allow-read DIR or --allow-write DIR grants a directory; a host program sets Capabilities.ReadRoots or WriteRoots"
}

// A library is the module's state in one VM.
type library struct {
	vm      *runtime.VM
	base    string // of relative paths
	read    []string
	write   []string
	secrets []string
}

// Open makes the module in a VM.
func Open(vm *runtime.VM) (lua.LValue, error) {
	l, err := newLibrary(vm)
	if err != nil {
		return nil, err
	}
	return luax.Module(vm, "hud.fs", map[string]lua.LGFunction{
		"read":   l.readFile,
		"write":  l.writeFile,
		"append": l.appendFile,
		"list":   l.list,
		"stat":   l.stat,
		"mkdir":  l.mkdir,
		"remove": l.remove,
	}), nil
}

func newLibrary(vm *runtime.VM) (*library, error) {
	c := vm.Capabilities()
	l := &library{vm: vm}
	var err error
	if l.read, err = absolute(append(slices.Clone(c.ReadRoots), c.WriteRoots...)); err != nil {
		return nil, err
	}
	if l.write, err = absolute(c.WriteRoots); err != nil {
		return nil, err
	}
	if l.secrets, err = absolute(c.Secrets); err != nil {
		return nil, err
	}
	l.base = l.read[0]
	return l, nil
}

func absolute(dirs []string) ([]string, error) {
	out := make([]string, len(dirs))
	for i, dir := range dirs {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, fmt.Errorf("hud.fs: %w", err)
		}
		out[i] = abs
	}
	return out, nil
}

// A target is a path inside one of the roots.
type target struct {
	a     *luax.Args
	path  string // as the script wrote it
	roots []string
	abs   string
}

// target reads a path; roots are where it may lie.
func (l *library) target(a *luax.Args, roots []string, verb, flag, field string) target {
	return l.find(a, a.String("path"), roots, verb, flag, field)
}

func (l *library) find(a *luax.Args, path string, roots []string, verb, flag, field string) target {
	if path == "" || strings.ContainsRune(path, 0) {
		a.Fail("path: got %q, want the name of a file", path)
	}
	abs := filepath.FromSlash(path)
	if !filepath.IsAbs(abs) {
		abs = filepath.Join(l.base, abs)
	}
	t := target{a: a, path: path, abs: filepath.Clean(abs)}
	for _, root := range roots {
		if _, ok := below(root, t.abs); ok {
			t.roots = append(t.roots, root)
		}
	}
	if len(t.roots) == 0 {
		a.FailHint(flag+" DIR allows a directory; a host program sets Capabilities."+field, "this script may not %s %s", verb, path)
	}
	return t
}

func (l *library) toRead(a *luax.Args) target {
	return l.target(a, l.read, "read", "--allow-read", "ReadRoots")
}

// toWrite is like toRead. Whoever writes a file of settings says where keys are
// sent.
func (l *library) toWrite(a *luax.Args) target {
	t := l.target(a, l.write, "write", "--allow-write", "WriteRoots")
	info, err := os.Stat(t.abs)
	if strings.EqualFold(filepath.Base(t.abs), ".env") || err == nil && l.secret(info) {
		a.Fail("%s: scripts never touch files that hold keys", t.path)
	}
	return t
}

// below is path's name under root.
func below(root, path string) (string, bool) {
	rel, err := filepath.Rel(root, path)
	return rel, err == nil && filepath.IsLocal(rel)
}

// in calls f with the root that the path lies in, while other tasks run.
func (l *library) in(t target, f func(root *os.Root, name string) error) {
	var err error
	waited := l.vm.Wait(t.a.L, func() {
		for _, dir := range t.roots {
			name, _ := below(dir, t.abs)
			var root *os.Root
			if root, err = os.OpenRoot(dir); err != nil {
				continue
			}
			err = errors.Join(f(root, name), root.Close())
			if err == nil {
				return
			}
		}
	})
	if err = errors.Join(err, waited); err != nil {
		l.raise(t, err)
	}
}

// raise says what went wrong without the host's own paths.
func (l *library) raise(t target, err error) {
	l.vm.Raise(t.a.L, plain(t.a.Name(), t.path, err))
}

// plain is err as a script may see it.
func plain(op, path string, err error) *runtime.Fault {
	var fault *runtime.Fault
	if errors.As(err, &fault) {
		return fault
	}
	code, text := runtime.CodeError, ""
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		code, text = "not_found", "no such file or directory"
	case errors.Is(err, iofs.ErrPermission):
		text = "permission denied"
	case errors.Is(err, iofs.ErrExist):
		text = "exists already"
	default:
		var at *iofs.PathError
		var link *os.LinkError
		if errors.As(err, &at) {
			err = at.Err
		} else if errors.As(err, &link) {
			err = link.Err
		}
		text = err.Error()
	}
	return &runtime.Fault{Code: code, Message: op + ": " + path + ": " + text}
}

// open opens a regular file that is no secret.
func (l *library) open(root *os.Root, name string) (*os.File, os.FileInfo, error) {
	info, err := root.Stat(name)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for its other end
		return nil, nil, runtime.Faultf(runtime.CodeError, "read: %s: not a regular file", name)
	}
	if err := l.notSecret(root, name, info); err != nil {
		return nil, nil, err
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, nil, err
	}
	if now, err := f.Stat(); err != nil || !os.SameFile(info, now) {
		return nil, nil, errors.Join(err, f.Close(), runtime.Faultf(runtime.CodeError, "read: %s: it was replaced meanwhile", name))
	}
	if err := ofKernel(f, "read", name); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

// ofKernel refuses files that show or change processes: one of them holds this
// process's environment, with the key.
func ofKernel(f *os.File, verb, name string) error {
	if !inProc(f) {
		return nil
	}
	return runtime.Faultf(runtime.CodeValidation, "%s: %s: scripts never touch files that show processes", verb, name)
}

// notSecret refuses files that hold keys, under whatever name.
func (l *library) notSecret(root *os.Root, name string, info os.FileInfo) error {
	called := filepath.Base(name)
	if real, err := filepath.EvalSymlinks(filepath.Join(root.Name(), name)); err == nil && strings.EqualFold(filepath.Base(real), ".env") {
		called = ".env"
	}
	if !strings.EqualFold(called, ".env") && !l.secret(info) {
		return nil
	}
	return &runtime.Fault{Code: runtime.CodeValidation, Message: "read: " + name + ": scripts never see files that hold keys", Hint: "pass values as arguments, in arg and hud.args"}
}

// secret reports whether a file is one of those that hold keys.
func (l *library) secret(info os.FileInfo) bool {
	files := slices.Clone(l.secrets)
	for _, root := range l.read {
		files = append(files, filepath.Join(root, ".env"))
	}
	return slices.ContainsFunc(files, func(file string) bool {
		other, err := os.Stat(file)
		return err == nil && os.SameFile(info, other)
	})
}

func (l *library) readFile(L *lua.LState) int {
	a := luax.Read(L, "read")
	t := l.toRead(&a)
	a.End()
	most := l.vm.Limits().StringBytes
	var text []byte
	size := 0
	l.in(t, func(root *os.Root, name string) error {
		f, info, err := l.open(root, name)
		if err != nil {
			return err
		}
		defer f.Close()
		if info.Size() > int64(most) {
			size = int(min(info.Size(), 1<<53))
			return nil
		}
		text, err = io.ReadAll(io.LimitReader(f, int64(most)+1))
		size = len(text)
		return err
	})
	l.vm.CheckString(L, size)
	L.Push(lua.LString(text))
	return 1
}

func (l *library) writeFile(L *lua.LState) int {
	a := luax.Read(L, "write")
	t := l.toWrite(&a)
	text := a.String("text")
	a.End()
	l.in(t, func(root *os.Root, name string) error {
		if info, err := root.Stat(name); err == nil && !info.Mode().IsRegular() {
			return runtime.Faultf(runtime.CodeError, "write: %s: not a regular file", t.path)
		}
		part := name + "." + rand.Text() + ".part"
		f, err := root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err != nil {
			return err
		}
		_, err = f.WriteString(text)
		if err = errors.Join(err, f.Close()); err == nil {
			err = root.Rename(part, name)
		}
		if err != nil {
			return errors.Join(err, root.Remove(part))
		}
		return nil
	})
	return 0
}

func (l *library) appendFile(L *lua.LState) int {
	a := luax.Read(L, "append")
	t := l.toWrite(&a)
	text := a.String("text")
	a.End()
	l.in(t, func(root *os.Root, name string) error {
		if info, err := root.Stat(name); err == nil && !info.Mode().IsRegular() {
			return runtime.Faultf(runtime.CodeError, "append: %s: not a regular file", t.path)
		}
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
		if err != nil {
			return err
		}
		if err = ofKernel(f, "append", t.path); err == nil {
			_, err = f.WriteString(text)
		}
		return errors.Join(err, f.Close())
	})
	return 0
}

// maxEntries of one directory are listed.
const maxEntries = 100_000

func (l *library) list(L *lua.LState) int {
	if L.GetTop() == 0 {
		L.Push(lua.LString("."))
	}
	a := luax.Read(L, "list")
	t := l.toRead(&a)
	a.End()
	var names []string
	l.in(t, func(root *os.Root, name string) error {
		names = nil
		if info, err := root.Stat(name); err != nil {
			return err
		} else if !info.IsDir() { // opening a pipe would wait for its other end
			return runtime.Faultf(runtime.CodeError, "list: %s: not a directory", t.path)
		}
		f, err := root.Open(name)
		if err != nil {
			return err
		}
		entries, err := f.ReadDir(maxEntries + 1)
		if err = errors.Join(ignoreEOF(err), f.Close()); err != nil {
			return err
		}
		if len(entries) > maxEntries {
			return runtime.Faultf(runtime.CodeLimit, "list: %s: more than %d entries", t.path, maxEntries)
		}
		for _, e := range entries {
			shown := e.Name()
			if e.IsDir() {
				shown += "/"
			}
			names = append(names, shown)
		}
		slices.Sort(names)
		return nil
	})
	L.Push(luax.StringList(l.vm, names))
	return 1
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (l *library) stat(L *lua.LState) int {
	a := luax.Read(L, "stat")
	t := l.toRead(&a)
	a.End()
	var info os.FileInfo
	l.in(t, func(root *os.Root, name string) (err error) {
		info, err = root.Stat(name)
		if errors.Is(err, iofs.ErrNotExist) {
			info, err = nil, nil
		}
		return err
	})
	if info == nil {
		L.Push(lua.LNil)
		return 1
	}
	out := l.vm.NewTable(0, 3)
	out.RawSetString("size", lua.LNumber(info.Size()))
	out.RawSetString("dir", lua.LBool(info.IsDir()))
	out.RawSetString("modified", lua.LNumber(float64(info.ModTime().UnixMicro())/1e6))
	L.Push(out)
	return 1
}

func (l *library) mkdir(L *lua.LState) int {
	a := luax.Read(L, "mkdir")
	t := l.toWrite(&a)
	a.End()
	l.in(t, func(root *os.Root, name string) error { return root.MkdirAll(name, 0o777) })
	return 0
}

func (l *library) remove(L *lua.LState) int {
	a := luax.Read(L, "remove")
	t := l.toWrite(&a)
	a.End()
	l.in(t, func(root *os.Root, name string) error {
		if name == "." {
			return runtime.Faultf(runtime.CodeValidation, "remove: %s: it is the directory that the host allows", t.path)
		}
		return root.Remove(name)
	})
	return 0
}
