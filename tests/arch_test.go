// Package tests holds the end-to-end tests: the command line, the REPL, the
// protocol, embedding, and the import rules of the house.
package tests

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/hudrl/hudrl"

// A room is a part of the tree and the in-module imports it may have. A
// pattern is a directory, or a directory followed by /... for everything in
// and below it. The first room whose pattern matches a package owns it, so
// special rooms come before general ones.
type room struct {
	pattern string
	imports []string
}

// below is what sits under the Lua line: no Lua above it is ever imported
// from here.
var below = []string{
	"runtime/dataset", "runtime/hud", "runtime/hud/journal", "runtime/local", "runtime/loss", "runtime/metrics", "runtime/rng", "runtime/rollout",
	"runtime/schedule", "runtime/tensor", "runtime/tinker", "runtime/serve",
	"internal/httpjson", "internal/kernel", "internal/optim", "internal/plot", "internal/policy",
	"internal/sampler", "internal/store", "internal/tfevents", "internal/tokenizer",
}

// rooms is the plan of the building: every arrow that may exist.
var rooms = []room{
	// Above the Lua line.
	{"cmd/hudrl", []string{"internal/cli"}},
	{"internal/cli", append([]string{"bindings", "bindings/env", "bindings/metrics", "bindings/test", "runtime", "runtime/repl", "runtime/check", "runtime/isolate", "scripts", "stdlib"},
		"runtime/dataset", "runtime/hud", "runtime/hud/journal", "runtime/local", "runtime/loss", "runtime/metrics", "runtime/replay", "runtime/serve", "runtime/tinker", "internal/heap", "internal/plot")},
	{"bindings/luax", []string{"runtime", "runtime/hud"}},
	{"bindings", append([]string{"bindings/...", "runtime", "stdlib"}, below...)},
	// Glue follows the arrows of what it wraps, where it hands Lua objects on.
	{"bindings/hud", append([]string{"bindings/luax", "bindings/loss", "bindings/tensor", "runtime"}, below...)},
	{"bindings/loss", append([]string{"bindings/luax", "bindings/tensor", "runtime"}, below...)},
	{"bindings/dataset", append([]string{"bindings/fs", "bindings/json", "bindings/luax", "runtime"}, below...)}, // reads what scripts may read
	{"bindings/test", append([]string{"bindings/luax", "runtime"}, below...)},                                    // compares tensors
	{"bindings/...", append([]string{"bindings/luax", "runtime"}, below...)},
	{"runtime/repl", []string{"runtime"}},
	{"runtime/check", []string{"runtime", "stdlib"}}, // reads scripts, runs none
	{"runtime/isolate", []string{"runtime"}},
	{"runtime/runtimetest", []string{"runtime", "internal/testkit"}},
	{"runtime", nil}, // modules arrive in its Config
	{"scripts/embed", []string{"bindings", "runtime", "runtime/hud", "runtime/local", "runtime/rollout", "runtime/tensor"}},
	{"scripts", nil},
	{"stdlib/...", nil},
	{"tests/...", []string{"..."}},

	// Below it.
	{"runtime/serve/...", []string{"runtime/hud", "internal/httpjson", "internal/plot"}},
	{"runtime/replay", []string{"runtime/hud", "internal/httpjson"}},
	{"runtime/tinker/...", []string{"runtime/hud", "internal/httpjson", "internal/tokenizer"}},
	{"runtime/metrics/...", []string{"internal/plot", "internal/tfevents"}},
	{"runtime/local", []string{"runtime/hud", "runtime/loss", "internal/kernel", "internal/optim", "internal/policy",
		"internal/safetensors", "internal/sampler", "internal/store", "internal/tokenizer"}},
	{"runtime/rollout", []string{"runtime/hud", "runtime/rng"}},
	{"runtime/loss", []string{"runtime/hud", "runtime/tensor", "internal/kernel"}},
	{"runtime/tensor", []string{"internal/kernel", "internal/safetensors"}},
	{"runtime/hud/hudtest", []string{"runtime/hud"}},
	{"runtime/hud/journal", nil},
	{"runtime/hud", []string{"runtime/hud/journal", "internal/httpjson"}}, // no tensors
	{"runtime/dataset", []string{"runtime/rng"}},
	{"runtime/rng", nil},
	{"runtime/schedule", nil},
	{"internal/heap", nil},
	{"internal/kernel", nil},
	{"internal/safetensors", nil},
	{"internal/policy", []string{"internal/kernel", "internal/safetensors"}}, // calls kernels directly, never the autograd
	{"internal/optim", []string{"internal/kernel"}},
	{"internal/sampler", []string{"internal/kernel", "internal/policy", "internal/tokenizer"}},
	{"internal/tokenizer", []string{"runtime/hud"}}, // for hud.Message
	{"internal/store", []string{"runtime/hud"}},
	{"internal/httpjson", nil},
	{"internal/tfevents", nil},
	{"internal/plot", nil},
	{"internal/testkit/luagen", []string{"internal/testkit"}},
	{"internal/testkit/...", nil},
}

// owners lists the external modules that only some rooms may import. A module
// of golang.org/x that is not listed needs an entry like any other.
var owners = map[string][]string{
	"github.com/yuin/gopher-lua":       {"runtime", "runtime/check", "runtime/isolate", "runtime/repl", "runtime/runtimetest", "bindings/...", "scripts/embed", "tests/..."},
	"layeh.com/gopher-luar":            {"runtime"},
	"github.com/peterh/liner":          {"runtime/repl"},
	"modernc.org/sqlite":               {"internal/store"},
	"github.com/spf13/cobra":           {"internal/cli"},
	"github.com/spf13/pflag":           {"internal/cli"},
	"github.com/google/pprof":          {"runtime", "tests"},
	"github.com/guptarohit/asciigraph": {"internal/plot"},
	"github.com/mattn/go-runewidth":    {"internal/plot"},
	"golang.org/x/term":                {"internal/plot", "internal/cli", "runtime/repl"},
	"golang.org/x/sys":                 {"runtime/isolate", "internal/heap", "internal/kernel", "internal/store", "internal/cli", "runtime/local", "runtime/repl"},
	"github.com/google/uuid":           {"runtime/hud/...", "runtime/local", "runtime/rollout", "runtime/serve", "runtime/tinker", "internal/store"},
	"github.com/joho/godotenv":         {"runtime/hud", "internal/cli"},
}

// oneFile lists the external modules that a single file of the module imports.
var oneFile = []string{"layeh.com/gopher-luar", "github.com/peterh/liner"}

// kernelOnly is what internal/kernel may import beside the standard library.
const kernelOnly = "golang.org/x/sys/cpu"

// matches reports whether a package directory is covered by a pattern.
func matches(pattern, dir string) bool {
	if pattern == "..." {
		return true
	}
	if prefix, deep := strings.CutSuffix(pattern, "/..."); deep {
		return dir == prefix || strings.HasPrefix(dir, prefix+"/")
	}
	return dir == pattern
}

func matchesAny(patterns []string, dir string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, dir) })
}

func roomOf(dir string) (room, bool) {
	i := slices.IndexFunc(rooms, func(r room) bool { return matches(r.pattern, dir) })
	if i < 0 {
		return room{}, false
	}
	return rooms[i], true
}

// A file is one Go file and what it imports.
type file struct {
	path    string // relative to the module, with slashes
	imports []string
}

func (f file) dir() string { return path.Dir(f.path) }
func (f file) test() bool  { return strings.HasSuffix(f.path, "_test.go") }

// goFiles parses the imports of every Go file of the module, whatever its
// build tags.
func goFiles(root string) ([]file, error) {
	var files []file
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if name != root && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		f := file{path: filepath.ToSlash(rel)}
		for _, spec := range parsed.Imports {
			target, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return fmt.Errorf("%s: import %s: %w", rel, spec.Path.Value, err)
			}
			f.imports = append(f.imports, target)
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

// violations returns one line for each import that the plan does not allow.
// Test files may look anywhere inside the module, but bind no foreign library
// their package may not.
func violations(files []file) []string {
	var bad []string
	report := func(f file, target, why string) {
		bad = append(bad, fmt.Sprintf("%s: %s → %s: %s", f.path, f.dir(), target, why))
	}
	users := map[string][]string{}
	for _, f := range files {
		r, known := roomOf(f.dir())
		if !known {
			bad = append(bad, fmt.Sprintf("%s: no room for package %s in tests/arch_test.go", f.path, f.dir()))
			continue
		}
		for _, target := range f.imports {
			if inside, ok := strings.CutPrefix(target, module+"/"); ok {
				if inside == f.dir() || f.test() || matchesAny(r.imports, inside) {
					continue
				}
				report(f, inside, "no such arrow; allowed: "+describe(r.imports))
				continue
			}
			if target == "C" {
				report(f, target, "no cgo")
				continue
			}
			if !strings.Contains(strings.SplitN(target, "/", 2)[0], ".") {
				continue // the standard library
			}
			owner := ownerOf(target)
			switch {
			case owner == "":
				report(f, target, "unknown dependency; name its owner in tests/arch_test.go and its reason in RATIONALE.md")
			case !matchesAny(owners[owner], f.dir()):
				report(f, target, "only imported by "+describe(owners[owner]))
			case f.dir() == "internal/kernel" && target != kernelOnly:
				report(f, target, "internal/kernel needs only the standard library and "+kernelOnly)
			}
			if slices.Contains(oneFile, owner) {
				users[owner] = append(users[owner], f.path)
			}
		}
	}
	for _, owner := range oneFile {
		if len(users[owner]) > 1 {
			bad = append(bad, fmt.Sprintf("%s: imported by %s: got %d files, want one",
				owner, strings.Join(users[owner], ", "), len(users[owner])))
		}
	}
	return bad
}

func ownerOf(target string) string {
	for owner := range owners {
		if target == owner || strings.HasPrefix(target, owner+"/") {
			return owner
		}
	}
	return ""
}

func describe(patterns []string) string {
	if len(patterns) == 0 {
		return "nothing of this module"
	}
	return strings.Join(patterns, ", ")
}

func TestArchitecture(t *testing.T) {
	t.Parallel()
	files, err := goFiles("..")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(files, func(f file) bool { return f.dir() == "runtime/hud" }) {
		t.Fatalf("got %d Go files without runtime/hud, want the whole module", len(files))
	}
	for _, line := range violations(files) {
		t.Error(line)
	}
}

// The rules themselves are tried on imports that break each of them.
func TestArchitectureRulesBite(t *testing.T) {
	t.Parallel()
	in := func(name string, imports ...string) []file { return []file{{path: name, imports: imports}} }
	cases := []struct {
		name  string
		files []file
		want  string // part of the only complaint, or "" for none
	}{
		{"lua below the line", in("runtime/tensor/x.go", "github.com/yuin/gopher-lua"), "runtime/tensor → github.com/yuin/gopher-lua"},
		{"lua below the line in a test", in("runtime/hud/x_test.go", "github.com/yuin/gopher-lua/parse"), "runtime/hud → github.com/yuin/gopher-lua/parse"},
		{"hud looks at tensors", in("runtime/hud/x.go", module+"/runtime/tensor"), "runtime/hud → runtime/tensor"},
		{"an arrow upwards", in("internal/policy/x.go", module+"/runtime/local"), "internal/policy → runtime/local"},
		{"the policy uses the autograd", in("internal/policy/x.go", module+"/runtime/tensor"), "internal/policy → runtime/tensor"},
		{"its test may", in("internal/policy/x_test.go", module+"/runtime/tensor"), ""},
		{"the host knows the domain", in("runtime/x.go", module+"/runtime/hud"), "runtime → runtime/hud"},
		{"glue imports glue", in("bindings/json/x.go", module+"/bindings/args"), "bindings/json → bindings/args"},
		{"glue of losses hands out tensors", in("bindings/loss/x.go", module+"/bindings/tensor"), ""},
		{"the list of glue", in("bindings/bindings.go", module+"/bindings/tensor"), ""},
		{"main does more", in("cmd/hudrl/main.go", module+"/runtime"), "cmd/hudrl → runtime"},
		{"sqlite elsewhere", in("runtime/local/x.go", "modernc.org/sqlite"), "runtime/local → modernc.org/sqlite"},
		{"cobra elsewhere", in("cmd/hudrl/main.go", "github.com/spf13/cobra"), "cmd/hudrl → github.com/spf13/cobra"},
		{"kernel and x/sys", in("internal/kernel/x.go", "golang.org/x/sys/unix"), "internal/kernel → golang.org/x/sys/unix"},
		{"kernel and x/sys/cpu", in("internal/kernel/x.go", "golang.org/x/sys/cpu"), ""},
		{"an unknown dependency", in("runtime/rng/x.go", "example.org/dice"), "unknown dependency"},
		{"cgo", in("internal/kernel/x.go", "C"), "no cgo"},
		{"an unknown room", in("pkg/util/x.go"), "no room for package pkg/util"},
		{"two files of liner", []file{
			{path: "runtime/repl/a.go", imports: []string{"github.com/peterh/liner"}},
			{path: "runtime/repl/b.go", imports: []string{"github.com/peterh/liner"}},
		}, "got 2 files, want one"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := violations(c.files)
			if c.want == "" {
				if len(got) != 0 {
					t.Fatalf("got %q, want no complaint", got)
				}
				return
			}
			if len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Fatalf("got %q, want one complaint with %q", got, c.want)
			}
		})
	}
}

// Every file holds one thing: hand-written Go stays under 600 lines.
func TestFileLength(t *testing.T) {
	t.Parallel()
	files, err := goFiles("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(f.path)))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), "\n"); n >= 600 {
			t.Errorf("%s: got %d lines, want under 600", f.path, n)
		}
	}
}
