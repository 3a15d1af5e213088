package runtimetest_test

import (
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/runtimetest"
)

func TestRunFiles(t *testing.T) {
	runtimetest.RunFiles(t, runtime.Config{}, "testdata/*.lua")
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ src, want string }{
		{"local x = 1", ""},
		{"error('a')", "x.lua:1: a"},
		{"local x = 1 --! nothing", `x.lua:1: got no error, want "nothing"`},
		{"error('a') --! b", `x.lua:1: got "a", want "b"`},
		{"local x\nerror('a')\nx = 1 --! a", "x.lua:3: the error is elsewhere: x.lua:2: a"},
		{"error('a') --! (", "x.lua:1: error parsing regexp"},
		{"error('a') --! a\nerror('b') --! b", "x.lua:2: a chunk can fail only once"},
		{"error('a') --! a\n---\nerror('b') --! b\n---\n\nerror('c')", "x.lua:6: c"},
		{"= 1", "x.lua:1: syntax error"},
	} {
		got := strings.Join(runtimetest.Check(t, runtime.Config{}, "x.lua", c.src), "\n")
		if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.src, got, c.want)
		}
	}
}

func TestHost(t *testing.T) {
	t.Parallel()
	h := runtimetest.New(t, runtime.Config{})
	if out := h.Must(t, `print(...) return select("#", ...)`, 1, "b"); out[0] != 2.0 {
		t.Errorf("got %v, want 2", out)
	}
	if got := h.Output(); got != "1\tb\n" {
		t.Errorf("got %q", got)
	}
	if got := h.Output(); got != "" {
		t.Errorf("the second Output: got %q", got)
	}
	err := h.Fails(t, "\nio.open('x')", "test.lua:2: attempt to index")
	if text := runtimetest.Describe(err); !strings.Contains(text, "io.open('x')") || !strings.Contains(text, "hint: there is no io") || !strings.Contains(text, "in main chunk") {
		t.Errorf("got %s", text)
	}
}
