package stdlib_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/stdlib"
)

func TestLookup(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		want []string // entries' names
		text string   // part of the first one's text
	}{
		{"hud.plot.line", []string{"hud.plot.line"}, "hud.plot.line(series, options)\nA line chart."},
		{"plot.bar", []string{"hud.plot.bar"}, "  value: number"},
		{"Stream:int", []string{"hud.Stream:int"}, "  returns integer"},
		{"Stream.int", []string{"hud.Stream:int"}, ""},
		{"hud.schedule", []string{"hud.schedule"}, "Learning-rate schedules"},
		{"json.null", []string{"hud.json.null"}, "stands for null"},
		{"tensor", []string{"tensor"}, ""},
		{"tensor.grad", []string{"hud.tensor.grad", "tensor.grad"}, "hud.tensor.grad(fn)"},
		{"hud.tensor.zeros", []string{"hud.tensor.zeros"}, "returns tensor"},
		{"step", []string{"hud.Trainer:step", "hud.Progress:step"}, ""},
		{"nonsense", nil, ""},
		{"", nil, ""},
	}
	for _, c := range cases {
		got := stdlib.Lookup(c.name)
		found := map[string]bool{}
		for _, e := range got {
			found[e.Name] = true
		}
		for _, name := range c.want {
			if !found[name] {
				t.Errorf("%q: got %v, want %s", c.name, got, name)
			}
		}
		if c.want == nil && len(got) > 0 {
			t.Errorf("%q: got %v, want nothing", c.name, got)
		}
		if c.text != "" && (len(got) == 0 || !strings.Contains(got[0].String(), c.text)) {
			t.Errorf("%q: got %v, want %q in it", c.name, got, c.text)
		}
	}
}

func TestEveryFunctionIsDescribed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	functions := 0
	for _, e := range stdlib.Entries() {
		if !e.Function { // a class may have its constructor's name
			continue
		}
		if seen[e.Name] {
			t.Errorf("%s has two entries", e.Name)
		}
		seen[e.Name] = true
		functions++
		if e.Text == "" && !strings.HasSuffix(e.Signature, "()") {
			t.Errorf("%s: got no description", e.Signature)
		}
	}
	if functions < 30 {
		t.Errorf("got %d functions, want all of them", functions)
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]string{
		"hud":         {"TrainingClient", "BuiltinLoss", "models", "Job", "steps", "json", "tensor"},
		"hud.models":  {"list", "fork", "checkpoints", "head", "set_head", "resolve"},
		"hud.Trainer": {"forward_backward", "step", "set_head"},
		"hud.loss":    {"ppo", "advantages"},
		"tensor":      {"exp", "add_"},
		"hud.Job":     {"start", "has_spread", "trainable"},
		"hud.Run":     nil, // fields only
		"nonsense":    nil,
	} {
		got := stdlib.Members(name)
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("%s: got %v, want %s among them", name, got, w)
			}
		}
		if want == nil && got != nil || len(got) != len(slices.Compact(slices.Sorted(slices.Values(got)))) {
			t.Errorf("%s: got %v, want %v, each once", name, got, want)
		}
		for _, g := range got {
			if strings.ContainsAny(g, ".:") || strings.HasPrefix(g, "Trainer") {
				t.Errorf("%s: got %q among its members", name, g)
			}
		}
	}
	if got := stdlib.Lookup("step"); len(got) < 3 || !got[0].Function || got[len(got)-1].Function {
		t.Errorf("got %v, want functions before fields", got)
	}
	if got := stdlib.Lookup("hud.tensor"); len(got) != 1 {
		t.Errorf("got %d entries for hud.tensor, want 1", len(got))
	}
}
