package runtime

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"sort"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// loader is require: built-ins first, then files. LUA_PATH and package.path do
// not exist.
type loader struct {
	vm     *VM
	loaded map[string]lua.LValue
	busy   map[string]*loading
}

// loading is a file module whose chunk is running.
type loading struct {
	task *Task
	done chan struct{}
}

func newLoader(vm *VM) *loader {
	return &loader{vm: vm, loaded: map[string]lua.LValue{}, busy: map[string]*loading{}}
}

// open opens the built-in modules, in the order of Config.Modules.
func (l *loader) open(L *lua.LState) error {
	for name := range allowed { // require "string" is the global of that name
		l.loaded[name] = l.vm.root.G.Global.RawGetString(name)
	}
	for _, m := range l.vm.cfg.Modules {
		if m.Needs != nil && m.Needs(l.vm.cfg.Capabilities) != "" {
			continue
		}
		v, err := m.Open(l.vm)
		if err != nil {
			return fmt.Errorf("runtime: module %s: %w", m.Name, err)
		}
		if v == nil || v == lua.LNil {
			return fmt.Errorf("runtime: module %s: Open returned no value", m.Name)
		}
		l.loaded[m.Name] = v
	}
	return nil
}

// Withheld says what would grant the capability that a module needs, where this
// VM lacks the module for want of that; else "".
func (vm *VM) Withheld(module string) string {
	for _, m := range vm.cfg.Modules {
		if m.Name == module && m.Needs != nil {
			return m.Needs(vm.cfg.Capabilities)
		}
	}
	return ""
}

// Module is the value of an opened built-in or required module, or nil. A
// module whose table holds others finds them here; they must come before it in
// Config.Modules.
func (vm *VM) Module(name string) lua.LValue { return vm.loader.loaded[name] }

func (vm *VM) luaRequire(L *lua.LState) int {
	name, ok := L.Get(1).(lua.LString)
	if !ok {
		vm.badArg(L, "require", "name", L.Get(1), "string")
	}
	v, err := vm.loader.require(L, string(name))
	if err != nil {
		vm.Raise(L, err)
	}
	L.Push(v)
	return 1
}

func (l *loader) require(L *lua.LState, name string) (lua.LValue, error) {
	for {
		if v, ok := l.loaded[name]; ok {
			return v, nil
		}
		other := l.busy[name]
		if other == nil {
			break
		}
		if other.task == gateOf(L).task {
			return nil, Faultf(CodeError, "require: module %q requires itself, directly or through others", name)
		}
		if _, err := waitFor(l.vm, L, other.task, other.done); err != nil {
			return nil, err
		}
	}
	chunk, err := l.find(name)
	if err != nil {
		return nil, err
	}
	mine := &loading{task: gateOf(L).task, done: make(chan struct{})}
	l.busy[name] = mine
	defer func() {
		delete(l.busy, name)
		close(mine.done)
	}()
	out, err := l.vm.Call(L, l.vm.load(chunk), lua.LString(name))
	if err != nil {
		return nil, err
	}
	var v lua.LValue = lua.LTrue
	if len(out) > 0 && out[0] != lua.LNil {
		v = out[0]
	}
	l.loaded[name] = v
	return v, nil
}

// find reads and compiles the file of a module: a.b is a/b.lua or a/b/init.lua.
func (l *loader) find(name string) (*Chunk, error) {
	if !validModuleName(name) {
		return nil, Faultf(CodeValidation, "require: name: got %s, want words of letters, digits, _ and - with dots between", Quote(name))
	}
	roots := l.vm.cfg.Roots
	if reserved(name) {
		roots = nil
		if l.vm.cfg.Library != nil {
			roots = []fs.FS{l.vm.cfg.Library}
		}
	}
	base := strings.ReplaceAll(name, ".", "/")
	for _, root := range roots {
		for _, path := range []string{base + ".lua", base + "/init.lua"} {
			src, err := readSource(root, path, l.vm.cfg.Limits.SourceBytes)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("require: %s: %w", name, err)
			}
			return compile(path, src, l.vm.cfg.Limits.SourceBytes)
		}
	}
	return nil, l.missing(name)
}

// readSource reads at most one byte more than a source may have.
func readSource(root fs.FS, path string, max int) (string, error) {
	f, err := root.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return "", err
	} else if info.IsDir() {
		return "", fs.ErrNotExist
	}
	if max < math.MaxInt {
		max++
	}
	src, err := io.ReadAll(io.LimitReader(f, int64(max)))
	return string(src), err
}

func validModuleName(name string) bool {
	if len(name) > 200 {
		return false
	}
	for _, part := range strings.Split(name, ".") {
		if part == "" {
			return false
		}
		for _, c := range []byte(part) {
			if !isWordByte(c) && c != '-' {
				return false
			}
		}
	}
	return true
}

func (l *loader) missing(name string) error {
	known := make([]string, 0, len(l.vm.cfg.Modules))
	for _, m := range l.vm.cfg.Modules {
		known = append(known, m.Name)
	}
	sort.Strings(known)
	if needs := l.vm.Withheld(name); needs != "" {
		f := Faultf(CodeValidation, "require: this script has no capability for %s", name)
		f.Hint = needs
		return f
	}
	f := Faultf("not_found", "require: no module %q", name)
	switch near := Nearest(name, known); {
	case near != "":
		f.Hint = fmt.Sprintf("did you mean %q?", near)
	case reserved(name):
		f.Hint = "names that start with hud are built in: " + strings.Join(known, ", ")
	case len(l.vm.cfg.Roots) == 0:
		f.Hint = "the host gave no directory to require from"
	}
	return f
}

// Nearest is the candidate that name was probably meant to be, or "": at most
// a third of its letters differ, or one of two.
func Nearest(name string, candidates []string) string {
	if len(name) > 64 {
		return "" // no name
	}
	best, distance := "", len(name)/3+1
	if len(name) == 2 {
		distance = 2
	}
	for _, c := range candidates {
		if d := editDistance(name, c); d < distance || d == distance && best != "" && len(c) < len(best) {
			best, distance = c, d
		}
	}
	return best
}

// editDistance counts insertions, deletions, replacements and swaps of
// neighbours (optimal string alignment).
func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	previous, row, older := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		older, previous, row = previous, row, older
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(previous[j]+1, row[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
