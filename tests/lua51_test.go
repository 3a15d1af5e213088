package tests

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/runtime"
)

// The official tests of Lua 5.1, and those of gopher-lua, as gopher-lua's module
// carries them. They are run from there, in the sandbox, file by file.

// excluded is a piece of one of these files that does not apply here.
type excluded struct {
	file string
	text string // exactly one piece of the file; "…" stands for what is between
	by   string // what runs in its place: nothing, mostly
	why  string
}

// standIns are what the files need to get at their subject, and scripts here do
// not have. None of them is what a file tests; assert counts.
const standIns = `
local n = 0
function assert(...)
  n = n + 1
  if not ... then error(select(2, ...) or "assertion failed!", 2) end
  return ...
end
function asserted() return n end
function collectgarbage() return 0 end
function table.foreach(t, f) for k, v in pairs(t) do local r = f(k, v) if r ~= nil then return r end end end
local line = require "line"
debug = {getinfo = function(level) return {currentline = line(level)} end}
io = {tmpfile = function()
  local parts = {}
  return {
    write = function(_, ...) for i = 1, select("#", ...) do parts[#parts + 1] = tostring((select(i, ...))) end end,
    seek = function() end,
    read = function() return table.concat(parts) end,
    close = function() return true end,
  }
end}
`

// lineModule tells which line of a script is running.
var lineModule = runtime.Module{Name: "line", Open: func(vm *runtime.VM) (lua.LValue, error) {
	return vm.NewFunction(func(L *lua.LState) int {
		_, line, _ := strings.Cut(strings.TrimSuffix(L.Where(L.CheckInt(1)+1), ":"), "]:")
		n, _ := strconv.Atoi(line)
		L.Push(lua.LNumber(n))
		return 1
	}), nil
}}

// gopherLua is the directory of gopher-lua's module.
func gopherLua(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/yuin/gopher-lua").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// find is where e's text stands in src.
func (e excluded) find(src string) (from, to int, err error) {
	head, tail, gap := strings.Cut(e.text, "…")
	if n := strings.Count(src, head); n != 1 {
		return 0, 0, fmt.Errorf("%q occurs %d times, want once", head, n)
	}
	from = strings.Index(src, head)
	to = from + len(head)
	if gap {
		i := strings.Index(src[to:], tail)
		if i < 0 {
			return 0, 0, fmt.Errorf("after %q there is no %q", head, tail)
		}
		to += i + len(tail)
	}
	return from, to, nil
}

// without is src without the pieces, except the one numbered keep; lines keep
// their numbers.
func without(src string, pieces []excluded, keep int) (string, error) {
	for i, e := range pieces {
		if i == keep {
			continue
		}
		from, to, err := e.find(src)
		if err != nil {
			return "", err
		}
		lines := strings.Count(src[from:to], "\n") - strings.Count(e.by, "\n")
		src = src[:from] + e.by + strings.Repeat("\n", lines) + src[to:]
	}
	return src, nil
}

// runUpstream runs one file and says how many assertions it made.
func runUpstream(dir, name, src string) (asserted int, err error) {
	cfg := runtime.Config{Stdout: io.Discard, Roots: []fs.FS{os.DirFS(dir)}, Modules: []runtime.Module{lineModule}}
	cfg.Limits.StringBytes = 64 << 20
	rt, err := runtime.New(cfg)
	if err != nil {
		return 0, err
	}
	defer rt.Close()
	ctx := context.Background()
	prelude, err := runtime.Compile("stand-ins", standIns)
	if err != nil {
		return 0, err
	}
	if _, err := rt.Run(ctx, prelude); err != nil {
		return 0, err
	}
	if name == "big.lua" { // all.lua runs this one in a coroutine
		src = "return coroutine.wrap(function(...) " + src + " end)"
	}
	chunk, err := runtime.Compile(name, src)
	if err != nil {
		return 0, err
	}
	count, err := rt.Func("asserted")
	if err != nil {
		return 0, err
	}
	results, err := rt.Run(ctx, chunk)
	if name == "big.lua" && err == nil {
		for _, want := range []string{"b", "a"} {
			got, err := rt.Call(ctx, results[0].(*runtime.Func))
			if err != nil || got[0] != want {
				return 0, fmt.Errorf("got %v, %v, want %s", got, err, want)
			}
		}
	}
	out, bad := rt.Call(ctx, count)
	if bad != nil {
		return 0, bad
	}
	return int(out[0].(float64)), err
}

// codeLines counts the lines of src with more than a comment.
func codeLines(src string) (n int) {
	for line := range strings.Lines(src) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "--") {
			n++
		}
	}
	return n
}

// restore takes the comment signs away from a piece of src.
func restore(src string, e excluded) (string, error) {
	from, to, err := e.find(src)
	if err != nil {
		return "", err
	}
	lines := strings.Split(src[from:to], "\n")
	for i, line := range lines {
		line = strings.TrimPrefix(strings.TrimPrefix(line, "--"), " ")
		if line == "[[" || line == "]]" {
			line = ""
		}
		lines[i] = line
	}
	return src[:from] + strings.Join(lines, "\n") + src[to:], nil
}

// upstream is one file with what does not apply.
type upstream struct {
	dir, name, src string
	pieces         []excluded
}

func readUpstream(t *testing.T) (files []*upstream) {
	t.Helper()
	module := gopherLua(t)
	byName := map[string]*upstream{}
	for _, dir := range []string{lua51, glua} {
		paths, err := filepath.Glob(filepath.Join(module, dir, "*.lua"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: got %d files, %v", dir, len(paths), err)
		}
		for _, p := range paths {
			src, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			f := &upstream{dir: filepath.Dir(p), name: dir + filepath.Base(p), src: string(src)}
			byName[f.name] = f
			if wholeFiles[f.name] == "" {
				files = append(files, f)
			}
		}
	}
	for _, r := range restored {
		f := byName[r.file]
		if f == nil {
			t.Fatalf("%s: no such file", r.file)
		}
		src, err := restore(f.src, r)
		if err != nil {
			t.Fatalf("%s: %v", r.file, err)
		}
		f.src = src
	}
	for _, e := range exclusions {
		f := byName[e.file]
		if f == nil || wholeFiles[e.file] != "" {
			t.Fatalf("%s: no such file is run", e.file)
		}
		f.pieces = append(f.pieces, e)
	}
	for name := range wholeFiles {
		if byName[name] == nil {
			t.Errorf("%s: no such file", name)
		}
	}
	return files
}

func TestUpstream(t *testing.T) {
	t.Parallel()
	files := readUpstream(t)
	var mu sync.Mutex
	var table strings.Builder
	ran, lines, out := 0, 0, 0
	t.Run("files", func(t *testing.T) {
		for _, f := range files {
			t.Run(strings.TrimSuffix(f.name, ".lua"), func(t *testing.T) {
				t.Parallel()
				src, err := without(f.src, f.pieces, -1)
				if err != nil {
					t.Fatalf("an exclusion no longer matches: %v", err)
				}
				n, err := runUpstream(f.dir, filepath.Base(f.name), src)
				if err != nil {
					t.Fatal(err)
				}
				code, all := codeLines(src), codeLines(f.src)
				mu.Lock()
				defer mu.Unlock()
				fmt.Fprintf(&table, "%-26s %7d assertions %5d lines, %4d excluded in %2d pieces\n", f.name, n, code, all-code, len(f.pieces))
				ran, lines, out = ran+n, lines+code, out+all-code
			})
		}
	})
	t.Logf("\n%s%d assertions on %d lines ran; %d lines in %d pieces, and %d whole files, are excluded",
		table.String(), ran, lines, out, len(exclusions), len(wholeFiles))
}

// An exclusion whose piece works by now must go.
func TestUpstreamExclusionsAreNeeded(t *testing.T) {
	t.Parallel()
	for _, f := range readUpstream(t) {
		for i, e := range f.pieces {
			if e.why == tooSlow {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d", strings.TrimSuffix(f.name, ".lua"), i), func(t *testing.T) {
				t.Parallel()
				src, err := without(f.src, f.pieces, i)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := runUpstream(f.dir, filepath.Base(f.name), src); err == nil {
					t.Errorf("%q works: exclude it no longer", e.text)
				}
			})
		}
	}
}
