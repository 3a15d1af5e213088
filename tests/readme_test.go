package tests

import (
	"os"
	"regexp"
	"slices"
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

// The README's transcript is what the program prints: line by line the same
// but for numbers, which depend on the machine's kernels, and what it claims
// of learning holds.
func TestReadmeTranscript(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile(`(?s)\$ go run ./cmd/hudrl run scripts/quickstart.lua\n(.*?)\n` +
		`\$ go run ./cmd/hudrl chat quickstart 'What is 12 \+ 30\?' --temperature 0\n(.*?)\n` + "```").FindStringSubmatch(string(text))
	if shown == nil {
		t.Fatal("the README shows no quickstart with a chat after it")
	}
	data := t.TempDir()
	run := program{}.run(t, "run", "--data", data, shipped(t, "quickstart.lua"))
	run.want(t, 0, nil, nil)

	shape := func(text string) []string {
		var lines []string
		for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
			if strings.ContainsAny(line, "┤┼└") || strings.TrimSpace(line) == "…" {
				continue // the chart, and what the README leaves out
			}
			line = regexp.MustCompile(`id [0-9a-f-]{36}`).ReplaceAllString(line, "id")
			line = regexp.MustCompile(`[█▉▊▋▌▍▎▏]+ *`).ReplaceAllString(line, "bar ")
			line = regexp.MustCompile(` *\d+\.?\d*`).ReplaceAllString(line, " n")
			lines = append(lines, line)
		}
		return slices.Compact(lines)
	}
	if got, want := shape(run.out), shape(shown[1]); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant the README's\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	accuracy := run.match(t, `(?s).*held-out accuracy: (\d\.\d+) before, (\d\.\d+) after\n.*`)
	if before, after := parse(t, accuracy[0]), parse(t, accuracy[1]); after < before+0.15 {
		t.Errorf("held-out accuracy: got %v, then %v, want a rise by at least 0.15", before, after)
	}
	program{}.run(t, "chat", "--data", data, "quickstart", "What is 12 + 30?", "--temperature", "0").want(t, 0, []string{shown[2]}, nil)
}
