package golden_test

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
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

// counts is how many cases a file has of each thing: lists by name, or lists of
// cases that say what they are of.
func counts(t *testing.T, f map[string]json.RawMessage) map[string]int {
	t.Helper()
	n := map[string]int{}
	for key, text := range f {
		var lists map[string][]json.RawMessage
		var cases []struct{ Loss, Estimator, Correction, Mode string }
		switch {
		case key == "torch":
		case json.Unmarshal(text, &lists) == nil:
			for what, list := range lists {
				n[what] += len(list)
			}
		case json.Unmarshal(text, &cases) == nil:
			for _, c := range cases {
				n[cmp.Or(c.Loss, c.Estimator, c.Correction, c.Mode, key)]++
			}
		default:
			t.Errorf("%s: neither a list nor lists", key)
		}
	}
	if len(n) == 0 {
		t.Error("no cases")
	}
	return n
}
