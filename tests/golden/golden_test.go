package golden_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/tests/golden"
)

// Every file comes from a generator beside it, says from which torch, and has
// at least 40 cases for each thing it is about.
func TestFiles(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("got %v, %v, want files", names, err)
	}
	generators, err := filepath.Glob("*.py")
	if err != nil || len(generators) != len(names) {
		t.Errorf("got %d generators of %d files", len(generators), len(names))
	}
	for _, name := range names {
		if _, err := os.Stat(strings.TrimSuffix(name, ".json") + ".py"); err != nil {
			t.Errorf("%s: no generator: %v", name, err)
		}
		data, err := golden.File(name)
		if err != nil {
			t.Fatal(err)
		}
		var f map[string]json.RawMessage
		if err := json.Unmarshal(data, &f); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if v := string(f["torch"]); !strings.HasPrefix(v, `"1.`) && !strings.HasPrefix(v, `"2.`) {
			t.Errorf("%s: got torch %s, want its version", name, v)
		}
		for what, n := range counts(t, f) {
			if n < 40 {
				t.Errorf("%s: got %d cases of %s, want at least 40", name, n, what)
			}
		}
	}
}

// counts is how many cases a file has of each thing.
func counts(t *testing.T, f map[string]json.RawMessage) map[string]int {
	t.Helper()
	n := map[string]int{}
	var ops map[string][]json.RawMessage
	if json.Unmarshal(f["ops"], &ops) == nil {
		for what, cases := range ops {
			n[what] = len(cases)
		}
	}
	if len(n) == 0 {
		t.Errorf("no cases among %v", slices.Sorted(func(yield func(string) bool) {
			for k := range f {
				if !yield(k) {
					return
				}
			}
		}))
	}
	return n
}
