package tests

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/check"
	"github.com/hudrl/hudrl/stdlib"
)

// typed is what somebody types in a transcript, without the inputs that are
// shown to fail. A prompt's globals live on, an expression alone is printed.
func typed(tr transcript) string {
	var src strings.Builder
	src.WriteString("local hud, tensor, loss = require 'hud', require 'hud.tensor', require 'hud.loss' print(hud, tensor, loss) ")
	var input []string
	failed := false
	flush := func() {
		text := strings.Join(input, "\n")
		if !failed && text != "" {
			if printed := check.Source("x", "print("+text+"\n)", check.Options{}); len(printed) == 0 || printed[0].Rule != check.Syntax {
				text = "print(" + text + "\n)"
			}
			src.WriteString(strings.ReplaceAll(text, "\n", " ") + "\n")
		}
		input, failed = nil, false
	}
	for _, line := range tr.lines {
		if text, ok := strings.CutPrefix(line, "> "); ok {
			flush()
			input = []string{text}
		} else if text, ok := strings.CutPrefix(line, ">> "); ok {
			input = append(input, text)
		} else if strings.HasPrefix(line, "error: ") {
			failed = true
		}
	}
	flush()
	return src.String()
}

// Nothing is found where nothing is wrong: in what the documentation shows, in
// the README's examples and in the scripts of this tree.
func TestNothingIsFoundInWhatIsRight(t *testing.T) {
	t.Parallel()
	checked := 0
	clean := func(place, src string) {
		t.Helper()
		checked++
		for _, p := range check.Source(place, src, check.Options{}) {
			t.Errorf("%s [%s] %s\n\t%s", p, p.Hint, p.Rule, p.Text)
		}
	}
	files, err := fs.Glob(stdlib.Types, "types/*.d.lua")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := stdlib.Types.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, tr := range transcripts(name, string(text)) {
			clean(tr.place, typed(tr))
		}
	}
	if checked < 300 {
		t.Errorf("checked %d transcripts, which cannot be all", checked)
	}

	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var examples strings.Builder // each goes on where the one before ended
	for _, block := range regexp.MustCompile("(?s)```lua\n(.*?)```").FindAllStringSubmatch(string(readme), -1) {
		examples.WriteString(block[1])
	}
	clean("README.md", examples.String())

	for _, pattern := range []string{"../scripts/*.lua", "interop/*.lua", "bench/*.lua", "golden/*.lua"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			clean(name, string(text))
		}
	}
}
