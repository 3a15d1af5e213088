package tests

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/repl"
	"github.com/hudrl/hudrl/stdlib"
)

// A comment of stdlib/types may show what a person types at the prompt and what
// is printed, indented by four:
//
//	---    > x = tensor{1, 2}
//	---    > for _, v in ipairs(x:tolist()) do
//	---    >>  print(v)
//	---    >> end
//	---    1
//	---    2
//
// A transcript ends with the indentation. Those of one comment are one session,
// which starts afresh: seed 1, and a service of its own with the model "tiny".
// It may touch what capable grants. In what is printed … stands for any text within a line: what differs between
// machines.
type transcript struct {
	place string // file:line of the first prompt
	lines []string
}

const transcriptIndent = "---    "

// transcripts are those of one file, all of one comment together.
func transcripts(name, text string) []transcript {
	var all []transcript
	var current transcript
	shown := false // the line before was part of a transcript
	for i, line := range strings.Split(text, "\n") {
		rest, indented := strings.CutPrefix(line, transcriptIndent)
		shown = indented && (shown || strings.HasPrefix(rest, "> "))
		switch {
		case shown:
			if current.lines == nil {
				current.place = fmt.Sprintf("%s:%d", name, i+1)
			}
			current.lines = append(current.lines, rest)
		case !strings.HasPrefix(line, "---") && current.lines != nil:
			all, current = append(all, current), transcript{}
		}
	}
	return all
}

// capable grants a directory with the file notes.txt, the variable USER and an
// address where nobody answers.
func capable(t *testing.T) runtime.Capabilities {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "notes.txt", "hello\n")
	return runtime.Capabilities{
		ReadRoots: []string{dir}, WriteRoots: []string{dir}, Hosts: []string{"127.0.0.1:1"},
		Env: []string{"USER"}, Getenv: func(name string) (string, bool) { return "ada", name == "USER" },
	}
}

// player is a Terminal at which the prompts of a transcript are typed; it
// shows them as a terminal does.
type player struct {
	lines []string
	out   io.Writer
}

func (p *player) Prompt(prompt string) (string, error) {
	if len(p.lines) == 0 {
		return "", io.EOF
	}
	line := p.lines[0]
	p.lines = p.lines[1:]
	fmt.Fprintf(p.out, "%s%s\n", prompt, line)
	return line, nil
}

func (p *player) Remember(string) {}
func (p *player) Close() error    { return nil }

// play is what a session prints in which somebody types what tr's prompts show.
func play(t *testing.T, tr transcript) []string {
	t.Helper()
	var out bytes.Buffer
	var typed []string
	for _, line := range tr.lines {
		for _, prompt := range []string{"> ", ">> "} {
			if input, ok := strings.CutPrefix(line, prompt); ok {
				typed = append(typed, input)
			}
		}
	}
	var svc hud.Service
	if strings.Contains(strings.Join(typed, "\n"), "hud.") {
		svc = newLab(t) // the others need none
	}
	cfg := bindings.Default(svc)
	cfg.Stdout, cfg.Seed = &out, 1
	cfg.Capabilities = capable(t)
	rt, err := runtime.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	if err := repl.Run(t.Context(), rt, repl.Options{
		Terminal: &player{typed, &out}, Out: &out, Err: &out, Require: []string{"hud", "hud.tensor", "hud.loss"},
	}); err != nil {
		t.Fatalf("%s: %v", tr.place, err)
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

// shownAs reports whether got is want, where … in want stands for any text.
func shownAs(got, want string) bool {
	if !strings.Contains(want, "…") {
		return got == want
	}
	pattern := strings.ReplaceAll(regexp.QuoteMeta(want), "…", ".*")
	return regexp.MustCompile("^(?:" + pattern + ")$").MatchString(got)
}

// What the comments of stdlib/types show is what happens.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(stdlib.Types, "types/*.d.lua")
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	for _, name := range files {
		text, err := stdlib.Types.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, tr := range transcripts(name, string(text)) {
			played++
			if got := play(t, tr); !slices.EqualFunc(got, tr.lines, shownAs) {
				t.Errorf("%s: it shows\n%s\ngot\n%s", tr.place, strings.Join(tr.lines, "\n"), strings.Join(got, "\n"))
			}
		}
	}
	if played == 0 {
		t.Error("stdlib/types shows no transcript")
	}
}

// Whoever asks for help with a function sees it at work.
func TestFunctionsAreShown(t *testing.T) {
	t.Parallel()
	shown := 0
	for _, e := range stdlib.Entries() {
		if !e.Function {
			continue
		}
		shown++
		if before, after, ok := strings.Cut(e.Text, "\n    > "); !ok || strings.TrimSpace(before) == "" || after == "" {
			t.Errorf("%s: want a sentence and a transcript, got\n%s", e.Name, e.Text)
		}
	}
	if shown == 0 {
		t.Error("stdlib/types describes no function")
	}
}

// TestTranscriptForm checks that a transcript is found where one is, and that
// a wrong one is seen.
func TestTranscriptForm(t *testing.T) {
	t.Parallel()
	text := strings.Join([]string{
		"---Prose.", "---", "---    an example that is not run", "---",
		"---    > f = function(x)", "---    >>   return x", "---    >> end", "---    > f(1), hud.now()", "---    1\t…", "---More prose.",
		"---    > f(2)", "---    3", "function M.f(x) end", "---    > 7", "---    7", "local x",
	}, "\n")
	all := transcripts("x.d.lua", text)
	if len(all) != 2 || all[0].place != "x.d.lua:5" || all[1].place != "x.d.lua:14" {
		t.Fatalf("got %+v, want two transcripts, at lines 5 and 14", all)
	}
	got := play(t, all[0])
	want := []string{"> f = function(x)", ">>   return x", ">> end", "> f(1), hud.now()", "1\t…", "> f(2)", "2"}
	if !slices.EqualFunc(got, want, shownAs) {
		t.Errorf("got %q, want %q", got, want)
	}
	if slices.EqualFunc(got, all[0].lines, shownAs) {
		t.Error("a transcript with a wrong line was taken for right")
	}
}
