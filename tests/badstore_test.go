package tests

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/local"
)

const goodStep = `
	local trainer = hud.TrainingClient("tiny")
	return trainer:step(..., { group_size = 4, learning_rate = 1e-3 }).step`

// failing runs source and returns the service's error, which it must raise.
func (l *lab) failing(t *testing.T, source string, args ...any) *hud.Error {
	t.Helper()
	_, err := newScript(t, l, 1).try(t.Context(), source, args...)
	var e *hud.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an error of the service", err)
	}
	return e
}

func (e *wanted) check(t *testing.T, got *hud.Error) {
	t.Helper()
	if got.Code != e.code || !strings.Contains(got.Error(), e.part) || !strings.Contains(got.Hint, e.hint) || e.hint == "" && got.Hint != "" {
		t.Errorf("got code %s: %v\nhint: %s\nwant code %s: %s\nhint: %s", got.Code, got, got.Hint, e.code, e.part, e.hint)
	}
}

// wanted is what an error must say.
type wanted struct {
	code       hud.Code
	part, hint string
}

// A store whose database is damaged, cut off, or somebody else's is refused
// when it is opened, and left as it is.
func TestDamagedDatabase(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(data []byte) []byte{
		"noise":        func(data []byte) []byte { return []byte(strings.Repeat("not a database ", 1000)) },
		"half written": func(data []byte) []byte { return data[:len(data)/2] },
		"header only":  func(data []byte) []byte { return data[:50] },
		"a page lost": func(data []byte) []byte {
			copy(data[:], append([]byte("SQLite format 4\x00"), make([]byte, 80)...))
			return data
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			l := labIn(t, dir)
			list := trajectories{rand.New(rand.NewPCG(9, 9))}.payloads(4)
			l.lua(t, goodStep, toLua(list))
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "hudrl.db")
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			bad := damage(append([]byte(nil), data...))
			if err := os.WriteFile(path, bad, 0o644); err != nil {
				t.Fatal(err)
			}
			svc, err := local.Open(dir)
			if err == nil {
				// What is missing lies beyond the pages that opening reads.
				_, err = svc.Models(t.Context())
				if err == nil {
					_, err = svc.Checkpoints(t.Context(), l.model.ID)
				}
				svc.Close()
			}
			var e *hud.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an error of the service", err)
			}
			(&wanted{hud.CodeServer, "the store is damaged", "restore the directory from a backup"}).check(t, e)
			program{}.run(t, "models", "checkpoints", "tiny", "--data", dir).
				want(t, 4, nil, []string{"the store is damaged", "hint: restore the directory from a backup"})

			// With the file back, everything is there.
			if err := os.WriteFile(path, data, 0o644); err != nil {
				t.Fatal(err)
			}
			if out := labIn(t, dir).lua(t, goodStep, toLua(list)); out[0] != 2.0 {
				t.Errorf("got step %v, want 2", out[0])
			}
		})
	}
}

// A blob that is cut off, changed or missing is noticed when it is read; the
// head stays, and once the file is back the next step works.
func TestDamagedBlob(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage func(path string, data []byte) error
		want   wanted
	}{
		"half written": {func(path string, data []byte) error { return os.WriteFile(path, data[:len(data)/2], 0o644) },
			wanted{hud.CodeServer, "the store is damaged", "restore"}},
		"one bit flipped": {func(path string, data []byte) error {
			bad := append([]byte(nil), data...)
			bad[len(bad)-5] ^= 1
			return os.WriteFile(path, bad, 0o644)
		}, wanted{hud.CodeServer, "the store is damaged", "restore"}},
		"missing": {func(path string, data []byte) error { return os.Remove(path) },
			wanted{hud.CodeNotFound, "is missing from", ""}},
	} {
		for _, what := range []string{"weights", "moments"} {
			t.Run(name+"/"+what, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				l := labIn(t, dir)
				list := trajectories{rand.New(rand.NewPCG(9, 9))}.payloads(4)
				l.lua(t, goodStep, toLua(list))
				l.Close()
				head := tree(t, dir, l.model.ID)[0]
				hash := head.Weights
				if what == "moments" {
					hash = head.Moments
				}
				path := filepath.Join(dir, "blobs", hash+".safetensors")
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := c.damage(path, data); err != nil {
					t.Fatal(err)
				}
				again := labIn(t, dir)
				c.want.check(t, again.failing(t, goodStep, toLua(list)))
				if cs := tree(t, dir, l.model.ID); len(cs) != 1 {
					t.Errorf("got %d checkpoints, want the head unchanged", len(cs))
				}
				if err := os.WriteFile(path, data, 0o644); err != nil {
					t.Fatal(err)
				}
				if out := again.lua(t, goodStep, toLua(list)); out[0] != 2.0 {
					t.Errorf("got step %v, want 2", out[0])
				}
			})
		}
	}
}

// What a crash leaves beside the blobs disturbs nobody.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := labIn(t, dir)
	list := trajectories{rand.New(rand.NewPCG(9, 9))}.payloads(4)
	l.lua(t, goodStep, toLua(list))
	l.Close()
	write(t, dir, "blobs/tmp-123", "half of a blob")
	write(t, dir, "blobs/"+strings.Repeat("0", 64)+".safetensors", "nothing refers to it")
	if out := labIn(t, dir).lua(t, goodStep, toLua(list)); out[0] != 2.0 {
		t.Errorf("got step %v, want 2", out[0])
	}
}

// A directory that cannot be made or written is refused with a hint; one that
// stops being writable fails the step, which can be repeated later.
func TestUnwritableDirectory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	write(t, filepath.Dir(file), "file", "")
	places := map[string]string{filepath.Join(file, "data"): "not a directory"}
	switch {
	case runtime.GOOS == "linux":
		places["/sys/hudrl"] = "the data directory cannot be written" // refused to root too
	case runtime.GOOS != "windows":
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o555); err != nil {
			t.Fatal(err)
		}
		places[filepath.Join(dir, "data")] = "the data directory cannot be written"
	}
	for place, part := range places {
		hint := ""
		if strings.HasPrefix(part, "the data") {
			hint = "hint: choose another directory with --data DIR"
		}
		program{}.run(t, "run", "--data", place, "-e", `require("hud").models.list()`).want(t, 4, nil, []string{place, part, hint})
	}

	l := newLab(t)
	list := trajectories{rand.New(rand.NewPCG(9, 9))}.payloads(4)
	l.lua(t, goodStep, toLua(list))
	blobs := filepath.Join(l.Dir(), "blobs")
	if err := os.Rename(blobs, blobs+"-away"); err != nil {
		t.Fatal(err)
	}
	write(t, l.Dir(), "blobs", "")
	if e := l.failing(t, goodStep, toLua(list)); e.Code != hud.CodeServer || e.Op != "optim_step" {
		t.Errorf("got %s %v, want a server error of optim_step", e.Code, e)
	}
	if cs := tree(t, l.Dir(), l.model.ID); len(cs) != 1 {
		t.Errorf("got %d checkpoints, want the head unchanged", len(cs))
	}
	if err := errors.Join(os.Remove(blobs), os.Rename(blobs+"-away", blobs)); err != nil {
		t.Fatal(err)
	}
	if out := l.lua(t, goodStep, toLua(list)); out[0] != 2.0 {
		t.Errorf("got step %v, want 2", out[0])
	}
}

// A service opened read-only samples and reads and refuses the rest.
func TestReadOnlyService(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := labIn(t, dir)
	list := trajectories{rand.New(rand.NewPCG(9, 9))}.payloads(4)
	l.lua(t, goodStep, toLua(list))
	svc, err := local.Open(dir, local.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer svc.Close()
	ro := &lab{Service: svc, model: l.model}
	out := ro.lua(t, `
		local job = hud.Taskset("t", { { prompt = "x", grade = function() return 1 end } }):run(hud.Agent("tiny", { max_tokens = 3 }))
		return job.runs[1].status, hud.TrainingClient("tiny"):head().step`)
	if out[0] != "completed" || out[1] != 1.0 {
		t.Errorf("got %v, want a completed run and step 1", out)
	}
	(&wanted{hud.CodeServer, "the data directory cannot be written", "choose another directory"}).check(t, ro.failing(t, goodStep, toLua(list)))
	(&wanted{hud.CodeServer, "the data directory cannot be written", "choose another directory"}).check(t, ro.failing(t, `hud.models.fork("tiny", "n")`))
}

// Two services on one directory, as two processes have: a step that started
// from a head the other one moved is refused, and can be repeated; sampling
// and the tree follow the other's steps at once; different models do not
// disturb each other.
func TestTwoServices(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, two := labIn(t, dir), labIn(t, dir)
	other := one.fork(t, "other")
	list := toLua(trajectories{rand.New(rand.NewPCG(9, 9))}.payloads(4))

	a, b := newScript(t, one, 1), newScript(t, two, 1)
	a.must(t, `t = hud.TrainingClient("tiny") t:forward_backward(..., { group_size = 4 })`, list)
	if out := b.must(t, goodStep, list); out[0] != 1.0 {
		t.Errorf("the other service: got step %v, want 1", out[0])
	}
	if out := a.must(t, `return t:head().step`); out[0] != 1.0 {
		t.Errorf("the first service sees step %v, want 1", out[0])
	}
	_, err := a.try(t.Context(), `t:optim_step{ learning_rate = 1e-3 }`)
	var e *hud.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a conflict", err)
	}
	(&wanted{hud.CodeConflict, "another process moved the head", "repeat the step from its first forward_backward"}).check(t, e)
	if out := a.must(t, goodStep, list); out[0] != 2.0 {
		t.Errorf("after the conflict: got step %v, want 2", out[0])
	}
	if out := b.must(t, goodStep, list); out[0] != 3.0 {
		t.Errorf("the other service: got step %v, want 3", out[0])
	}
	cs := tree(t, dir, one.model.ID)
	for i, c := range cs {
		if i > 0 && c.Parent != cs[i-1].ID || c.AdamT != i+1 {
			t.Errorf("step %d: got parent %s and Adam's count %d, want a line", c.Step, c.Parent, c.AdamT)
		}
	}

	text := `
		local trainer = hud.TrainingClient(select(2, ...))
		for i = 1, 5 do trainer:step(..., { group_size = 4, learning_rate = 1e-3 }) end`
	done := make(chan error, 2)
	for s, model := range map[*script]string{a: "other", b: "tiny"} {
		go func() {
			_, err := s.try(t.Context(), text, list, model)
			done <- err
		}()
	}
	if err := errors.Join(<-done, <-done); err != nil {
		t.Error(err)
	}
	if x, y := len(tree(t, dir, other.ID)), len(tree(t, dir, one.model.ID)); x != 5 || y != 8 {
		t.Errorf("got %d and %d checkpoints, want 5 and 8", x, y)
	}
}

// Two processes use one directory: one trains a model that the other samples
// all the while, as it trains another.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	other := l.fork(t, "other")
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+l.Dir())
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	child := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		if err != nil {
			cancel() // nobody will move the head
		}
		child <- err
	}()
	out, err := newScript(t, l, 1).try(ctx, `
		local trainer, tiny = hud.TrainingClient("other"), hud.TrainingClient("tiny")
		local agent = hud.Agent("tiny", { max_tokens = 4 })
		local tasks = hud.Taskset("t", { { prompt = "x", grade = function() return math.random() end } })
		local steps, seen = 0, 0
		repeat
		  local runs = tasks:run(agent, { group = 4 }).runs
		  for _, run in ipairs(runs) do assert(run.status == "completed", run.error) end
		  trainer:step(runs, { learning_rate = 1e-3 })
		  steps = steps + 1
		  local head = tiny:head()
		  assert((head and head.step or 0) >= seen, "the head went back")
		  seen = head and head.step or 0
		until seen == 10
		return steps`)
	if err != nil {
		_ = cmd.Process.Kill() // if it still runs
	}
	if bad := <-child; bad != nil || err != nil {
		t.Fatalf("got %v; the child: %v\n%s", err, bad, errs.String())
	}
	if n := len(tree(t, l.Dir(), other.ID)); float64(n) != out[0] {
		t.Errorf("got %d checkpoints of the other model, want %v", n, out[0])
	}
	if n := len(tree(t, l.Dir(), l.model.ID)); n != 10 {
		t.Errorf("got %d checkpoints of the child's model, want 10", n)
	}
}
