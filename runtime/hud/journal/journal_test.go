package journal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hudrl/hudrl/runtime/hud/journal"
)

// TestMain may be a process that holds a journal until it is killed.
func TestMain(m *testing.M) {
	if path := os.Getenv("HUDRL_TEST_JOURNAL"); path != "" {
		j, err := journal.Open(path, journal.Run{})
		if err == nil {
			_, err = j.Begin(pass)
		}
		fmt.Println("open", err)
		time.Sleep(time.Hour)
	}
	os.Exit(m.Run())
}

const model = "8c1f2f2e-0000-4000-8000-000000000001"

var (
	pass = journal.Sent{Op: journal.ForwardBackward, Model: model, Name: "m", Hash: "h"}
	step = journal.Sent{Op: journal.OptimStep, Model: model, Name: "m", LearningRate: 1e-3, Tree: &journal.Tree{}}
)

func open(t *testing.T, path string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(path, journal.Run{Script: "train.lua", Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close(false) })
	return j
}

func begin(t *testing.T, j *journal.Journal, s journal.Sent) *journal.Call {
	t.Helper()
	c, err := j.Begin(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// train takes whole steps of a loop, each of a pass and an optimizer step.
func train(t *testing.T, j *journal.Journal, loop, from, to, of int) {
	t.Helper()
	for n := from; n <= to; n++ {
		j.Enter(journal.Place{Loop: loop, Step: n, Of: of})
		begin(t, j, pass).Acknowledge("", 0)
		s := step
		s.State = map[string]json.RawMessage{"n": json.RawMessage(fmt.Sprint(n))}
		begin(t, j, s).Acknowledge(fmt.Sprintf("c%d", n), n)
	}
}

func file(t *testing.T) string { return filepath.Join(t.TempDir(), "a", "b", journal.FileName) }

func TestJournalGoesOn(t *testing.T) {
	t.Parallel()
	path := file(t)
	j := open(t, path)
	if _, err := os.Stat(filepath.Dir(path)); err == nil {
		t.Error("there is a directory before the first call")
	}
	if j.Continued() || !j.Durable() || j.Path() != path || journal.Memory().Durable() {
		t.Error("a new journal is not one")
	}
	j.Forked(journal.Fork{Source: "base", Name: "a", Model: "1"})
	j.Forked(journal.Fork{Source: "base", Name: "a", Model: "2"})
	train(t, j, 1, 1, 3, 3)
	j.Leave(1)
	train(t, j, 2, 1, 4, 9)
	if err := j.Close(false); err != nil {
		t.Fatal(err)
	}

	for range 2 { // it can be continued again
		j = open(t, path)
		if !j.Continued() || j.Run().Seed != 7 || j.Run().Script != "train.lua" || len(j.Models()) > 0 {
			t.Fatalf("got %v, %+v, %v in doubt", j.Continued(), j.Run(), j.Models())
		}
		for loop, want := range []int{1: 3, 2: 4, 3: 0} {
			if loop == 0 {
				continue
			}
			n := []int{0, 3, 9, 5}[loop]
			if got, err := j.After(loop, n, false); err != nil || got != want {
				t.Errorf("loop %d: got %d, %v, want %d", loop, got, err, want)
			}
		}
		if got := []bool{j.Resumes(2, 4), j.Resumes(2, 3), j.Resumes(1, 3), j.Trained(model), j.Trained("other")}; !reflect.DeepEqual(got, []bool{true, false, false, true, false}) {
			t.Errorf("got %v", got)
		}
		if got := []string{j.Forks("base", "b"), j.Forks("base", "a"), j.Forks("base", "a"), j.Forks("base", "a")}; !reflect.DeepEqual(got, []string{"", "1", "2", ""}) {
			t.Errorf("got the forks %q", got)
		}
		if got := j.State("n"); string(got) != "4" || j.State("m") != nil || j.Last().Step != 4 {
			t.Errorf("got %s, %+v", got, j.Last())
		}
		if st := j.Status(model); st.Was == nil || st.Was.Head != "c4" || st.Was.Step != 4 || st.Tree != nil || !st.OK {
			t.Errorf("got %+v, was %+v", st, st.Was)
		}
		j.Close(false)
	}
	// A loop with fewer steps than were taken is over.
	if got, err := open(t, path).After(2, 3, false); err != nil || got != 3 {
		t.Errorf("got %d, %v, want 3", got, err)
	}
}

// A loop that did not end before another began was left, or has it inside:
// nobody can say where it goes on.
func TestNestedLoops(t *testing.T) {
	t.Parallel()
	path := file(t)
	j := open(t, path)
	train(t, j, 1, 1, 1, 3)
	train(t, j, 2, 1, 2, 5)
	j.Close(false)
	j = open(t, path)
	var e *journal.Error
	if _, err := j.After(1, 3, false); !errors.As(err, &e) || !strings.Contains(e.Hint, "after = step") {
		t.Errorf("got %v, want a refusal with a hint", err)
	}
	if got, err := j.After(2, 5, false); err != nil || got != 2 {
		t.Errorf("got %d, %v, want 2", got, err)
	}
}

// A step with fewer optimizer steps than the one before it was cut, perhaps.
func TestCutSteps(t *testing.T) {
	t.Parallel()
	path := file(t)
	j := open(t, path)
	train(t, j, 1, 1, 1, 3)
	train(t, j, 1, 1, 1, 3) // twice in step 1
	train(t, j, 1, 2, 2, 3)
	j.Close(false)
	j = open(t, path)
	if applied, before, cut := j.Cut(); applied != 1 || before != 2 || !cut {
		t.Errorf("got %d, %d, %v", applied, before, cut)
	}
	train(t, j, 1, 2, 2, 3)
	if _, _, cut := j.Cut(); cut {
		t.Error("a whole step is taken for one that was cut")
	}
}

func TestDoubt(t *testing.T) {
	t.Parallel()
	for name, j := range map[string]*journal.Journal{"file": open(t, file(t)), "memory": journal.Memory()} {
		begin(t, j, pass).Acknowledge("", 0)
		begin(t, j, step).Lose("timeout", "silence")
		var d *journal.Doubt
		for _, s := range []journal.Sent{pass, step} {
			if _, err := j.Begin(s); !errors.As(err, &d) || d.Op != s.Op || len(d.Calls) != 1 || d.Calls[0].Op != journal.OptimStep || d.Passes != 1 ||
				!strings.Contains(err.Error(), "silence") || j.Check(model, "m", s.Op) == nil {
				t.Errorf("%s: got %+v, want a doubt of the step", name, d)
			}
		}
		other := pass
		other.Model = "another"
		begin(t, j, other).Fail("validation", "no", false)
		if err := j.Settle(model, journal.NotApplied, journal.Tree{Head: "h", Newest: "h", Step: 3}, false); err != nil {
			t.Fatal(err)
		}
		if _, err := j.Begin(pass); !errors.As(err, &d) || len(d.Calls) != 0 || d.Passes != 1 {
			t.Errorf("%s: got %v, want the pass refused that would add to the first", name, err)
		}
		begin(t, j, step).Fail("no_gradient", "", true)
		begin(t, j, pass).Lose("network", "cut")
		if got := j.Models(); !reflect.DeepEqual(got, []string{model}) {
			t.Errorf("%s: got %v in doubt", name, got)
		}
		j.Moved(model, "h", false)
		j.Moved("nobody", "h", false)
		begin(t, j, pass).Acknowledge("", 0)
		begin(t, j, step).Acknowledge("c", 4)
		if st := j.Status(model); st.Passes != 0 || len(st.Calls) != 0 || !st.OK || st.Flying != 0 {
			t.Errorf("%s: got %+v", name, st)
		}
	}
}

// Passes that an ended process had not stepped are of no step that can go on.
func TestOrphans(t *testing.T) {
	t.Parallel()
	path := file(t)
	j := open(t, path)
	train(t, j, 1, 1, 2, 9)
	j.Enter(journal.Place{Loop: 1, Step: 3, Of: 9})
	begin(t, j, pass).Acknowledge("", 0)
	j.Close(false)
	j = open(t, path)
	if got := j.Models(); len(got) != 1 {
		t.Fatalf("got %v in doubt, want the model", got)
	}
	var d *journal.Doubt
	if _, err := j.Begin(pass); !errors.As(err, &d) {
		t.Errorf("got %v, want a doubt", err)
	}
	if err := j.Settle(model, journal.NotApplied, journal.Tree{}, true); err != nil {
		t.Fatal(err)
	}
	begin(t, j, pass).Acknowledge("", 0)

	// A step that turns out to be applied counts for the loop, and an older
	// one of another process that is taken since does not undo that.
	path = file(t)
	j = open(t, path)
	train(t, j, 1, 1, 2, 9)
	j.Enter(journal.Place{Loop: 1, Step: 3, Of: 9})
	begin(t, j, step)
	j.Close(false)
	j = open(t, path)
	if got, _ := j.After(1, 9, false); got != 2 {
		t.Errorf("got %d, want 2", got)
	}
	if err := j.Settle(model, journal.Applied, journal.Tree{Head: "c3", Newest: "c3", Step: 3}, true); err != nil {
		t.Fatal(err)
	}
	if got, _ := j.After(1, 9, false); got != 3 {
		t.Errorf("got %d, want 3", got)
	}
}

// written is a journal's text, of three steps.
func written(t *testing.T) (path string, text []byte) {
	t.Helper()
	path = file(t)
	j := open(t, path)
	train(t, j, 1, 1, 3, 3)
	j.Leave(1)
	if err := j.Close(true); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, text
}

// However much of its last line a crash left, a journal goes on, without it.
func TestTornLine(t *testing.T) {
	t.Parallel()
	path, text := written(t)
	for cut := len(text); cut > 0; cut -= 7 {
		if err := os.WriteFile(path, text[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := journal.Open(path, journal.Run{})
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		whole := bytes.LastIndexByte(text[:cut], '\n') + 1
		if j.Continued() != (whole > 0) {
			t.Errorf("cut at %d: continued %v", cut, j.Continued())
		}
		j.Close(false)
		now, err := os.ReadFile(path)
		if err != nil || !bytes.HasPrefix(now, text[:whole]) || bytes.Count(now, []byte("\n")) != bytes.Count(text[:whole], []byte("\n"))+1 {
			t.Errorf("cut at %d: got %q (%v)", cut, now, err)
		}
		if j, err = journal.Open(path, journal.Run{}); err != nil || !j.Continued() {
			t.Fatalf("cut at %d, again: %v", cut, err)
		}
		j.Close(false)
	}
}

// A line that is whole and wrong is refused, and the file left as it is.
func TestDamagedLines(t *testing.T) {
	t.Parallel()
	path, text := written(t)
	lines := strings.SplitAfter(string(text), "\n")
	for name, tc := range map[string]struct{ text, want string }{
		"a flipped bit":   {strings.Replace(string(text), `"learning_rate":0.001`, `"learning_rate":0.002`, 1), "line 4: its checksum is wrong"},
		"no journal":      {"hello\n" + string(text), "line 1: it is no line of a journal"},
		"an empty line":   {lines[0] + "\n" + lines[1], "line 2: it is no line of a journal"},
		"a missing line":  {lines[0] + lines[2] + lines[3], "line 2: the end of call 1, which was never sent"},
		"no beginning":    {strings.Join(lines[1:], ""), "line 1: it does not begin as a journal does"},
		"a line twice":    {lines[0] + lines[1] + lines[2] + lines[2], "line 4: the end of call 1"},
		"zeros at an end": {string(text) + strings.Repeat("\x00", 300) + "\n", "it is no line of a journal"},
	} {
		if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		var e *journal.Error
		if _, err := journal.Open(path, journal.Run{}); !errors.As(err, &e) || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) || e.Hint == "" {
			t.Errorf("%s: got %v, want %q with the file and a hint", name, err, tc.want)
		}
		if now, err := os.ReadFile(path); err != nil || string(now) != tc.text {
			t.Errorf("%s: the file was changed", name)
		}
	}
	// Zeros without an end are a torn line.
	if err := os.WriteFile(path, append(text, make([]byte, 300)...), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

// One process at a time has a journal, and one that is killed has it no more.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	path := file(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), "HUDRL_TEST_JOURNAL="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 64)
	if n, err := out.Read(line); err != nil || string(line[:n]) != "open <nil>\n" {
		t.Fatalf("got %q, %v", line[:n], err)
	}
	var e *journal.Error
	if _, err := journal.Open(path, journal.Run{}); !errors.As(err, &e) || !strings.Contains(err.Error(), fmt.Sprintf("process %d has it open", cmd.Process.Pid)) || e.Hint == "" {
		t.Errorf("got %v, want the process that has it", err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	j := open(t, path)
	if len(j.Models()) != 1 {
		t.Error("the killed process's call is not in doubt")
	}
	// Also within one process.
	if _, err := journal.Open(path, journal.Run{}); err == nil {
		t.Error("it was opened twice")
	}
	// Two that begin one journal: the second call is refused, not lost.
	path = file(t)
	a, b := open(t, path), open(t, path)
	begin(t, a, pass)
	if _, err := b.Begin(pass); !errors.As(err, &e) {
		t.Errorf("got %v, want a refusal", err)
	}
}

// A call that cannot be written down is not sent.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// Whether it is found out at once depends on the system.
	if j, err := journal.Open(filepath.Join(blocked, "steps.jsonl"), journal.Run{}); err == nil {
		for range 2 {
			var e *journal.Error
			if _, err := j.Begin(pass); !errors.As(err, &e) {
				t.Errorf("got %v, want an error", err)
			}
		}
	}
	j := open(t, file(t))
	begin(t, j, pass).Acknowledge("", 0)
	j.Close(true)
	j.Close(true)
	var e *journal.Error
	if _, err := j.Begin(pass); !errors.As(err, &e) || !strings.Contains(err.Error(), "closed") {
		t.Errorf("got %v, want a closed journal", err)
	}
}

func TestDir(t *testing.T) {
	t.Parallel()
	dir := journal.Dir(filepath.Join(t.TempDir(), "runs"))
	any := func(journal.Run) bool { return true }
	if f := dir.Last("train", any); f != nil {
		t.Errorf("found %+v in nothing", f)
	}
	untouched := dir.New("train", journal.Run{})
	untouched.Close(true)
	if _, err := os.Stat(string(dir)); err == nil {
		t.Error("a run without a call left a directory")
	}
	names := []string{"train", "train-2", "train"}
	var paths []string
	for i, name := range names {
		j := dir.New(name, journal.Run{Script: name, Seed: int64(i)})
		train(t, j, 1, 1, i+1, 5)
		if i == 2 {
			begin(t, j, pass).Acknowledge("", 0)
			begin(t, j, step)
		}
		if err := j.Close(i == 0); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, j.Path())
	}
	f := dir.Last("train", func(r journal.Run) bool { return r.Seed == 2 })
	if f == nil || f.Path != paths[2] || f.Complete || f.Running || f.Place != (journal.Place{Loop: 1, Step: 3, Of: 5}) || len(f.Doubts) != 1 || f.Passes != 1 {
		t.Errorf("got %+v, want the third", f)
	}
	if f := dir.Last("train", func(r journal.Run) bool { return r.Seed == 0 }); f == nil || !f.Complete {
		t.Errorf("got %+v, want the first, complete", f)
	}
	if f := dir.Last("train-2", any); f == nil || f.Path != paths[1] {
		t.Errorf("got %+v, want the other script's", f)
	}
	j := open(t, paths[0])
	if f := dir.Last("train", func(r journal.Run) bool { return r.Seed == 0 }); f == nil || !f.Running {
		t.Errorf("got %+v, want one that is running", f)
	}
	// Old runs go, but not those in use or in doubt.
	for range 25 {
		j := dir.New("train", journal.Run{})
		train(t, j, 1, 1, 1, 5)
		j.Close(true)
	}
	left, err := os.ReadDir(string(dir))
	if err != nil || len(left) > 20+1+3 {
		t.Errorf("got %d runs (%v), want about 20", len(left), err)
	}
	for _, path := range paths {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s is gone", path)
		}
	}
	j.Close(false)
}

// Many tasks may have calls under way.
func TestConcurrentCalls(t *testing.T) {
	t.Parallel()
	path := file(t)
	j := open(t, path)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			s := pass
			s.Model = fmt.Sprint(i % 3)
			for range 20 {
				c, err := j.Begin(s)
				if err != nil {
					t.Error(err)
					return
				}
				c.Acknowledge("", 0)
				j.Status(s.Model)
			}
		})
	}
	wg.Wait()
	j.Close(false)
	if got := len(open(t, path).Models()); got != 3 {
		t.Errorf("got %d models with passes, want 3", got)
	}
}
