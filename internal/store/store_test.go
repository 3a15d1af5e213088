package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
)

var bg = context.Background()

func open(t *testing.T, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(bg, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func put(t *testing.T, s *Store, text string) string {
	t.Helper()
	h, err := s.PutBlobs([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return h[0]
}

func addModel(t *testing.T, s *Store, slug string) Model {
	t.Helper()
	m, err := s.AddModel(bg, Model{ID: uuid.NewString(), Slug: slug, Name: slug, Config: "{}", Weights: put(t, s, "base of "+slug)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// next is a step that follows what the model is now.
func next(t *testing.T, s *Store, id string) Checkpoint {
	t.Helper()
	m, err := s.Model(bg, id)
	if err != nil {
		t.Fatal(err)
	}
	return Checkpoint{
		ID: uuid.NewString(), ModelID: id, Step: m.Steps + 1, Parent: m.Head, AdamT: 1,
		Weights: put(t, s, fmt.Sprintf("weights %s %d", id, m.Steps+1)), Moments: put(t, s, fmt.Sprintf("moments %s %d", id, m.Steps+1)),
		Metrics: map[string]float64{"grad_norm": 0.1}, LossFn: "ppo", NumTraces: new(3), MeanReward: new(0.25),
	}
}

func step(t *testing.T, s *Store, id string) Checkpoint {
	t.Helper()
	c, err := s.CommitStep(bg, next(t, s, id), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestReopenGivesBackWhatWasStored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, Options{})
	m := addModel(t, s, "arith")
	c := next(t, s, m.ID)
	c, err := s.CommitStep(bg, c, map[string]json.RawMessage{"loop": json.RawMessage(`{"n":1}`)})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()

	s = open(t, dir, Options{})
	got, err := s.Checkpoints(bg, m.ID)
	if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], c) {
		t.Fatalf("checkpoints: got %+v, %v, want %+v", got, err, c)
	}
	gotModel, err := s.FindModel(bg, "arith")
	if err != nil || gotModel.Head != c.ID || gotModel.Steps != 1 {
		t.Fatalf("model: got %+v, %v, want head %s after step 1", gotModel, err, c.ID)
	}
	if v, err := s.State(bg, "loop"); err != nil || string(v) != `{"n":1}` {
		t.Fatalf("state: got %s, %v", v, err)
	}
	if v, err := s.State(bg, "other"); err != nil || v != nil {
		t.Fatalf("unknown state: got %s, %v, want nil", v, err)
	}
	if b, err := s.Blob(c.Weights); err != nil || string(b) != "weights "+m.ID+" 1" {
		t.Fatalf("blob: got %q, %v", b, err)
	}
}

func TestSlugsAreUnique(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), Options{})
	reserved := func(slug string) bool { return slug == "x-2" }
	var got []string
	for range 3 {
		m, err := s.AddModel(bg, Model{ID: uuid.NewString(), Slug: "x", Name: "x", Config: "{}", Weights: put(t, s, "w")}, reserved)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.Slug)
	}
	if want := []string{"x", "x-3", "x-4"}; !reflect.DeepEqual(got, want) {
		t.Fatalf("slugs: got %v, want %v", got, want)
	}
}

func TestCommitRefusesAMovedHead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := open(t, dir, Options{}), open(t, dir, Options{})
	m := addModel(t, a, "m")
	first, second := next(t, a, m.ID), next(t, b, m.ID)
	if _, err := a.CommitStep(bg, first, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := b.CommitStep(bg, second, map[string]json.RawMessage{"s": json.RawMessage("1")}); !errors.Is(err, ErrMoved) {
		t.Fatalf("second commit: got %v, want ErrMoved", err)
	}
	if v, _ := b.State(bg, "s"); v != nil {
		t.Fatalf("a refused commit stored state %s", v)
	}
	if cs, _ := b.Checkpoints(bg, m.ID); len(cs) != 1 {
		t.Fatalf("got %d checkpoints, want 1", len(cs))
	}
}

// TestHammerCommits has many stores on one directory racing for steps: each
// step number is taken once and the tree is a chain.
func TestHammerCommits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m := addModel(t, open(t, dir, Options{}), "m")
	const stores, steps = 4, 6
	var wg sync.WaitGroup
	for range stores {
		s := open(t, dir, Options{KeepAll: true})
		wg.Go(func() {
			for done := 0; done < steps; {
				_, err := s.CommitStep(bg, next(t, s, m.ID), nil)
				switch {
				case err == nil:
					done++
				case !errors.Is(err, ErrMoved):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	cs, err := open(t, dir, Options{}).Checkpoints(bg, m.ID)
	if err != nil || len(cs) != stores*steps {
		t.Fatalf("got %d checkpoints, %v, want %d", len(cs), err, stores*steps)
	}
	parent := ""
	for i, c := range cs {
		if c.Step != i+1 || c.Parent != parent {
			t.Fatalf("checkpoint %d: got step %d of parent %q, want step %d of %q", i, c.Step, c.Parent, i+1, parent)
		}
		parent = c.ID
	}
}

// TestRetention: after 32 steps (retention last ran at step 32) moments are
// left at the head and the last 5, weights at the last 20, every 10th and the
// fork point, and set_head says what is gone.
func TestRetention(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), Options{})
	m := addModel(t, s, "m")
	var cs []Checkpoint
	for i := range 32 {
		cs = append(cs, step(t, s, m.ID))
		if i == 2 { // a fork of step 3
			if _, err := s.AddModel(bg, Model{ID: uuid.NewString(), Slug: "fork", Name: "fork", Config: "{}", Weights: cs[2].Weights, Source: cs[2].ID}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	rows, err := s.Checkpoints(bg, m.ID)
	if err != nil || len(rows) != 32 {
		t.Fatalf("got %d rows, %v, want 32", len(rows), err)
	}
	for i, c := range rows {
		stepNo := i + 1
		wantMoments := stepNo > 27
		wantWeights := stepNo > 12 || stepNo%10 == 0 || stepNo == 3
		if (c.Moments != "") != wantMoments || (c.Weights != "") != wantWeights {
			t.Errorf("step %d: got weights %v, moments %v, want %v, %v", stepNo, c.Weights != "", c.Moments != "", wantWeights, wantMoments)
		}
		_, errW := os.Stat(s.blobPath(cs[i].Weights))
		_, errM := os.Stat(s.blobPath(cs[i].Moments))
		if (errW == nil) != wantWeights || (errM == nil) != wantMoments {
			t.Errorf("step %d: files: weights %v, moments %v", stepNo, errW, errM)
		}
	}
	if _, err := s.SetHead(bg, m.ID, cs[4].ID); !errors.Is(err, ErrPruned) {
		t.Errorf("set head to a pruned node: got %v, want ErrPruned", err)
	}
	if _, err := s.SetHead(bg, m.ID, cs[29].ID); err != nil {
		t.Errorf("set head to step 30: %v", err)
	}
	if _, err := s.SetHead(bg, m.ID, uuid.NewString()); !errors.Is(err, ErrNotFound) {
		t.Errorf("set head to nothing: got %v, want ErrNotFound", err)
	}
	for range 16 {
		step(t, s, m.ID)
	}
	if _, err := s.SetHead(bg, m.ID, cs[29].ID); !errors.Is(err, ErrPruned) {
		t.Errorf("step 30 after 16 more: got %v, want ErrPruned", err)
	}
}

func TestKeepAll(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), Options{KeepAll: true})
	m := addModel(t, s, "m")
	first := step(t, s, m.ID)
	for range 31 {
		step(t, s, m.ID)
	}
	if res, err := s.GC(bg); err != nil || res.Checkpoints != 0 || res.Files != 0 || res.KeptFiles != 65 {
		t.Fatalf("gc: got %+v, %v, want nothing removed of 65 files", res, err)
	}
	if _, err := s.SetHead(bg, m.ID, first.ID); err != nil {
		t.Fatal(err)
	}
}

func TestGC(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), Options{})
	m := addModel(t, s, "m")
	c := step(t, s, m.ID)
	old, fresh := put(t, s, "nobody's"), put(t, s, "another process's")
	temp := filepath.Join(s.dir, blobDir, tempPrefix+"123")
	if err := os.WriteFile(temp, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-2 * tempAge)
	for _, path := range []string{temp, s.blobPath(old), s.blobPath(c.Weights)} {
		if err := os.Chtimes(path, past, past); err != nil {
			t.Fatal(err)
		}
	}
	res, err := s.GC(bg)
	if err != nil || res.Files != 2 || res.KeptFiles != 3 {
		t.Fatalf("got %+v, %v, want 2 files removed, 3 blobs kept", res, err)
	}
	for hash, want := range map[string]bool{old: false, fresh: true, c.Weights: true, c.Moments: true, m.Weights: true} {
		if _, err := s.Blob(hash); (err == nil) != want {
			t.Errorf("blob %s: got %v, want it kept: %v", hash, err, want)
		}
	}
}

func TestCommitNoticesABlobThatVanished(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), Options{})
	m := addModel(t, s, "m")
	c := next(t, s, m.ID)
	if err := os.Remove(s.blobPath(c.Moments)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CommitStep(bg, c, nil); err == nil {
		t.Fatal("a step was committed whose moments are gone")
	}
	if got, _ := s.Model(bg, m.ID); got.Head != "" || got.Steps != 0 {
		t.Fatalf("the head moved: %+v", got)
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	t.Run("blob", func(t *testing.T) {
		s := open(t, t.TempDir(), Options{})
		h := put(t, s, "weights")
		for _, data := range []string{"weighty", "weigh", ""} {
			if err := os.WriteFile(s.blobPath(h), []byte(data), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Blob(h); !errors.Is(err, ErrCorrupt) {
				t.Errorf("blob holding %q: got %v, want ErrCorrupt", data, err)
			}
		}
		// Writing it again repairs a file of the wrong length.
		if got := put(t, s, "weights"); got != h {
			t.Fatalf("hash: got %s, want %s", got, h)
		}
		if _, err := s.Blob(h); err != nil {
			t.Error(err)
		}
	})
	t.Run("database of garbage", func(t *testing.T) {
		dir := t.TempDir()
		garbage := make([]byte, 8192)
		for i := range garbage {
			garbage[i] = byte(i * 7)
		}
		if err := os.WriteFile(filepath.Join(dir, databaseFile), garbage, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Open(bg, dir, Options{})
		var e *Error
		if !errors.Is(err, ErrCorrupt) || !errors.As(err, &e) || e.Hint() == "" {
			t.Fatalf("got %v, want ErrCorrupt with a hint", err)
		}
	})
	t.Run("empty database file", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, databaseFile), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		addModel(t, open(t, dir, Options{}), "m")
	})
	t.Run("truncated database", func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, dir, Options{})
		addModel(t, s, "m")
		s.Close() // moves the WAL into the database
		if err := os.Truncate(filepath.Join(dir, databaseFile), 5000); err != nil {
			t.Fatal(err)
		}
		s, err := Open(bg, dir, Options{})
		if err == nil {
			_, err = s.Models(bg)
			s.Close()
		}
		if !errors.Is(err, ErrCorrupt) {
			t.Fatalf("got %v, want ErrCorrupt", err)
		}
	})
	for name, pragma := range map[string]struct {
		stmt string
		want error
	}{
		"another program's database": {"CREATE TABLE notes (x)", ErrCorrupt},
		"a later version's":          {fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = 99", applicationID), ErrNewer},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			db, err := sql.Open("sqlite", filepath.Join(dir, databaseFile))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec(pragma.stmt); err != nil {
				t.Fatal(err)
			}
			db.Close()
			if _, err := Open(bg, dir, Options{}); !errors.Is(err, pragma.want) {
				t.Fatalf("got %v, want %v", err, pragma.want)
			}
		})
	}
}

// TestFailingDisk injects the system's errors at every phase: the commit fails
// with the right sentinel, leaves no temporary file, and the head where it was.
func TestFailingDisk(t *testing.T) {
	t.Parallel()
	for _, phase := range []Phase{PhaseBlobWrite, PhaseRename, PhaseCommit} {
		for _, tt := range []struct {
			inject error
			want   error
		}{
			{syscall.ENOSPC, ErrFull},
			{syscall.EROFS, ErrReadOnly},
			{syscall.EACCES, ErrReadOnly},
		} {
			t.Run(fmt.Sprintf("%s %v", phase, tt.want), func(t *testing.T) {
				var armed bool
				s := open(t, t.TempDir(), Options{AtPhase: func(p Phase) error {
					if armed && p == phase {
						return &os.PathError{Op: "write", Path: "x", Err: tt.inject}
					}
					return nil
				}})
				m := addModel(t, s, "m")
				c := next(t, s, m.ID)
				armed = true
				_, err := s.PutBlobs([]byte("fresh weights"), []byte("fresh moments"))
				if err == nil {
					_, err = s.CommitStep(bg, c, map[string]json.RawMessage{"s": json.RawMessage("1")})
				}
				var e *Error
				if !errors.Is(err, tt.want) || !errors.As(err, &e) || e.Hint() == "" {
					t.Fatalf("got %v, want %v with a hint", err, tt.want)
				}
				if got, _ := s.Model(bg, m.ID); got.Head != "" || got.Steps != 0 {
					t.Errorf("the head moved: %+v", got)
				}
				if v, _ := s.State(bg, "s"); v != nil {
					t.Errorf("state was stored: %s", v)
				}
				if temps, _ := filepath.Glob(filepath.Join(s.dir, blobDir, tempPrefix+"*")); len(temps) != 0 {
					t.Errorf("temporary files were left: %v", temps)
				}
				armed = false
				if _, err := s.CommitStep(bg, c, nil); err != nil {
					t.Errorf("the same step once the disk works again: %v", err)
				}
			})
		}
	}
}

// TestFullDatabase lets SQLite itself run out of pages.
func TestFullDatabase(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), Options{})
	m := addModel(t, s, "m")
	s.db.SetMaxOpenConns(1)
	var pages int
	if err := s.db.QueryRow(`PRAGMA page_count`).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.Exec(fmt.Sprintf(`PRAGMA max_page_count = %d`, pages)); err != nil {
		t.Fatal(err)
	}
	big, _ := json.Marshal(make([]int, 100_000))
	c := next(t, s, m.ID)
	if _, err := s.CommitStep(bg, c, map[string]json.RawMessage{"big": big}); !errors.Is(err, ErrFull) {
		t.Fatalf("got %v, want ErrFull", err)
	}
	if got, _ := s.Model(bg, m.ID); got.Head != "" {
		t.Fatalf("the head moved: %+v", got)
	}
}

func TestDirectoryThatCannotBeMade(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	var e *Error
	if _, err := Open(bg, filepath.Join(file, "data"), Options{}); !errors.As(err, &e) {
		t.Errorf("below a file: got %v, want an Error", err)
	}
	if _, err := Open(bg, "", Options{}); err == nil {
		t.Error("an empty name was accepted")
	}
	if runtime.GOOS == "linux" { // /sys refuses new directories, even to root
		if _, err := Open(bg, "/sys/hudrl", Options{}); !errors.Is(err, ErrReadOnly) {
			t.Errorf("below /sys: got %v, want ErrReadOnly", err)
		}
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Open(bg, dir, Options{ReadOnly: true}); !errors.Is(err, ErrNotFound) {
		t.Fatalf("an empty directory: got %v, want ErrNotFound", err)
	}
	s := open(t, dir, Options{})
	m := addModel(t, s, "m")
	c := next(t, s, m.ID)
	ro := open(t, dir, Options{ReadOnly: true})
	if ms, err := ro.Models(bg); err != nil || len(ms) != 1 {
		t.Fatalf("models: got %v, %v", ms, err)
	}
	if b, err := ro.Blob(m.Weights); err != nil || string(b) != "base of m" {
		t.Fatalf("blob: got %q, %v", b, err)
	}
	if _, err := ro.PutBlobs([]byte("x")); !errors.Is(err, ErrReadOnly) {
		t.Errorf("put: got %v, want ErrReadOnly", err)
	}
	if _, err := ro.CommitStep(bg, c, nil); !errors.Is(err, ErrReadOnly) {
		t.Errorf("commit: got %v, want ErrReadOnly", err)
	}
}

func TestTraces(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), Options{})
	id := uuid.NewString()
	key := TraceKey(id)
	if _, err := s.Trace(bg, id); !errors.Is(err, ErrNotFound) {
		t.Fatalf("got %v, want ErrNotFound", err)
	}
	samples := []Sample{
		{Prompt: []int{256, 1}, Output: []int{2, 261}, Logprobs: []float32{-0.5, -1.25}},
		{Prompt: []int{256, 1, 2, 261, 3}, Output: []int{4}, Logprobs: []float32{-3}},
	}
	if err := s.AddSample(bg, key, "m", samples[0]); err != nil {
		t.Fatal(err)
	}
	if err := s.EnterTrace(bg, Trace{ID: id, JobID: "j", TaskSlug: "t", Model: "m"}); err != nil {
		t.Fatal(err)
	}
	if err := s.AddSample(bg, id, "m", samples[1]); err != nil {
		t.Fatal(err)
	}
	if err := s.ExitTrace(bg, Trace{ID: key, Status: "completed", Reward: new(0.0), StopReason: "done"}); err != nil {
		t.Fatal(err)
	}
	got, err := s.Trace(bg, id)
	want := Trace{ID: key, JobID: "j", TaskSlug: "t", Model: "m", Status: "completed", Reward: new(0.0), StopReason: "done", Samples: samples}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v, want %+v", got, err, want)
	}
}

// TestCancelledWriteDoesNothing: a context that is over before the transaction
// begins leaves no trace; one that ends later does not tear it.
func TestCancelledWriteDoesNothing(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), Options{})
	m := addModel(t, s, "m")
	c := next(t, s, m.ID)
	ctx, cancel := context.WithCancel(bg)
	cancel()
	if _, err := s.CommitStep(ctx, c, nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
	ctx, cancel = context.WithCancel(bg)
	s.opts.AtPhase = func(p Phase) error {
		if p == PhaseCommit {
			cancel()
		}
		return nil
	}
	if _, err := s.CommitStep(ctx, c, nil); err != nil {
		t.Fatalf("cancelled inside the transaction: %v", err)
	}
}
