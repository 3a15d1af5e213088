package tests

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The Lua of the README runs, in the order in which it is read.
func TestReadme(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	blocks := regexp.MustCompile("(?s)```lua\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) < 2 {
		t.Fatalf("got %d Lua blocks, want at least 2", len(blocks))
	}
	for _, b := range blocks {
		script.WriteString(b[1])
	}
	r := program{stdin: script.String()}.run(t, "run", "-")
	r.want(t, 0, []string{"1\t0.", "\n10\t"}, nil)
}
