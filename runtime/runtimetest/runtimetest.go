// Package runtimetest gives the authors of modules a ready Runtime in a test,
// and runs test scripts that carry their expected errors in the margin:
//
//	local t = {1, 2}
//	assert(#t == 2)
//	---
//	table.insert(t, 5, 1)   --! table: got nil, want table
//
// A line of three dashes starts a new chunk, which runs in a Runtime of its
// own. A chunk with a "--!" comment must fail on that line with a message that
// matches the regular expression after it; any other chunk must succeed.
package runtimetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hudrl/hudrl/runtime"
)

// patience ends a script that hangs.
const patience = time.Minute

// A Host is a Runtime whose output a test can read.
type Host struct {
	*runtime.Runtime
	out *buffer
}

// buffer collects output; tasks may write while the test reads.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// New makes a Host that t closes at its end. When cfg has no Stdout, Output
// collects what the scripts print.
func New(t testing.TB, cfg runtime.Config) *Host {
	t.Helper()
	h := &Host{out: &buffer{}}
	if cfg.Stdout == nil {
		cfg.Stdout = h.out
	}
	rt, err := runtime.New(cfg)
	if err != nil {
		t.Fatalf("runtime.New: %v", err)
	}
	t.Cleanup(func() {
		if err := rt.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	h.Runtime = rt
	return h
}

// Output is what has been printed since the last call of Output.
func (h *Host) Output() string {
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	s := h.out.b.String()
	h.out.b.Reset()
	return s
}

// Try compiles and runs src as test.lua.
func (h *Host) Try(src string, args ...any) ([]any, error) {
	chunk, err := runtime.Compile("test.lua", src)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return h.Run(ctx, chunk, args...)
}

// Must is Try that ends the test on an error.
func (h *Host) Must(t testing.TB, src string, args ...any) []any {
	t.Helper()
	out, err := h.Try(src, args...)
	if err != nil {
		t.Fatal(Describe(err))
	}
	return out
}

// Fails runs src, which must fail with a message that matches the regular
// expression want, and returns the error.
func (h *Host) Fails(t testing.TB, src, want string) error {
	t.Helper()
	_, err := h.Try(src)
	switch {
	case err == nil:
		t.Fatalf("%s: got no error, want %q", src, want)
	case !regexp.MustCompile(want).MatchString(err.Error()):
		t.Fatalf("%s: got %s, want %q", src, Describe(err), want)
	}
	return err
}

// Describe is an error with its traceback and hint.
func Describe(err error) string {
	text := err.Error()
	var e *runtime.Error
	if errors.As(err, &e) {
		if e.Text != "" {
			text += "\n\t" + strings.TrimSpace(e.Text)
		}
		if e.Traceback != "" {
			text += "\n" + e.Traceback
		}
		if e.Hint != "" {
			text += "\nhint: " + e.Hint
		}
	}
	return text
}

// RunFiles runs the test scripts that match the pattern, each as a subtest. No
// match is a failure.
func RunFiles(t *testing.T, cfg runtime.Config, pattern string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no test script matches %s", pattern)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".lua"), func(t *testing.T) {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, problem := range Check(t, cfg, file, string(src)) {
				t.Error(problem)
			}
		})
	}
}

// Check runs the chunks of one test script and returns what is wrong, a line
// each. It takes t for the Runtimes only.
func Check(t testing.TB, cfg runtime.Config, file, src string) (problems []string) {
	for _, c := range split(src) {
		if problem := c.check(t, cfg, file); problem != "" {
			problems = append(problems, problem)
		}
	}
	return problems
}

// chunk is a part of a script, padded so that its lines keep their numbers.
type chunk struct {
	src   string
	first int
	line  int    // where an error is expected, or 0
	want  string // what it must match
	extra int    // a second expectation's line, or 0
}

func split(src string) []chunk {
	chunks := []chunk{{first: 1}}
	for i, line := range strings.Split(src, "\n") {
		c := &chunks[len(chunks)-1]
		if strings.TrimRight(line, " \t\r") == "---" {
			chunks = append(chunks, chunk{src: strings.Repeat("\n", i+1), first: i + 2})
			continue
		}
		c.src += line + "\n"
		if _, want, ok := strings.Cut(line, "--!"); ok {
			if c.line != 0 {
				c.extra = i + 1
			} else {
				c.line, c.want = i+1, strings.TrimSpace(want)
			}
		}
	}
	return chunks
}

func (c *chunk) check(t testing.TB, cfg runtime.Config, file string) string {
	if c.extra != 0 {
		return fmt.Sprintf("%s:%d: a chunk can fail only once: separate it with ---", file, c.extra)
	}
	re, err := regexp.Compile(c.want)
	if err != nil {
		return fmt.Sprintf("%s:%d: %v", file, c.line, err)
	}
	h := New(t, cfg)
	compiled, err := runtime.Compile(file, c.src)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_, err = h.Run(ctx, compiled)
	}
	var e *runtime.Error
	switch {
	case err == nil && c.line == 0:
		return ""
	case err == nil:
		return fmt.Sprintf("%s:%d: got no error, want %q", file, c.line, c.want)
	case c.line == 0:
		return Describe(err)
	case !errors.As(err, &e) || e.Source != file || e.Line != c.line:
		return fmt.Sprintf("%s:%d: the error is elsewhere: %s", file, c.line, Describe(err))
	case !re.MatchString(e.Message):
		return fmt.Sprintf("%s:%d: got %q, want %q", file, c.line, e.Message, c.want)
	}
	return ""
}
