package tests

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/pprof/profile"
)

// A profile names the script's functions and lines.
func TestProfileFlag(t *testing.T) {
	t.Parallel()
	p := program{dir: t.TempDir()}
	write(t, p.dir, "s.lua", "local function busy()\n  local s = 0\n  repeat s = s + 1 until os.clock() > 0.5\n  return s\nend\nprint(busy() > 0)\nerror('late')")
	p.run(t, "run", "--profile", "out/s.pb.gz", "s.lua").want(t, 1, []string{"true\n"}, []string{"late"})
	f, err := os.Open(filepath.Join(p.dir, "out", "s.pb.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := profile.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(got.Function, func(f *profile.Function) bool { return f.Name == "busy" && f.Filename == "s.lua" }) {
		t.Errorf("got %v, want the function busy", got.Function)
	}
}
