package local

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hudrl/hudrl/internal/policy"
	"github.com/hudrl/hudrl/internal/store"
	"github.com/hudrl/hudrl/runtime/hud"
)

// The child of TestKill is this test binary with these variables set.
const (
	envKillDir  = "HUDRL_TEST_KILL_DIR"
	envKillAt   = "HUDRL_TEST_KILL_AT"   // the phase to stop at, "" for none
	envKillSkip = "HUDRL_TEST_KILL_SKIP" // how many times to pass it first
)

// minute is a shape whose steps cost next to nothing but the disk.
var minute = policy.Config{Vocab: 264, Dim: 8, Layers: 1, Heads: 1, KVHeads: 1, FFN: 8, MaxContext: 64, RopeTheta: 10000, NormEps: 1e-5, Tied: true}

func TestMain(m *testing.M) {
	if dir := os.Getenv(envKillDir); dir != "" {
		skip, _ := strconv.Atoi(os.Getenv(envKillSkip))
		fmt.Println("failed:", stepUntilKilled(dir, store.Phase(os.Getenv(envKillAt)), skip))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// stepUntilKilled continues the directory's model step after step, telling its
// parent each phase it enters and each step that was acknowledged.
func stepUntilKilled(dir string, stopAt store.Phase, skip int) error {
	hook := func(p store.Phase) error {
		fmt.Println("phase", p)
		if p == stopAt {
			if skip--; skip < 0 {
				fmt.Println("stopped")
				select {}
			}
		}
		return nil
	}
	s, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	m, err := s.Resolve(bg, "killed")
	var e *hud.Error
	if errors.As(err, &e) && e.Code == hud.CodeNotFound {
		m, err = s.Create(bg, CreateOptions{Name: "killed", Config: &minute, Seed: 1})
	}
	if err != nil {
		return err
	}
	s.Close()
	// Reopened with the hook: the phases of a step only.
	if s, err = Open(dir, Options{atPhase: serialised(hook)}); err != nil {
		return err
	}
	cs, err := s.Checkpoints(bg, m.ID)
	if err != nil {
		return err
	}
	for n := len(cs) + 1; ; n++ {
		res, err := killStep(s, m.ID, n)
		if err != nil {
			return err
		}
		fmt.Println("acknowledged", res.Step, res.CheckpointID)
	}
}

// serialised lets one goroutine at a time into a hook: the two blobs of a step
// are written at once.
func serialised(hook func(store.Phase) error) func(store.Phase) error {
	token := make(chan struct{}, 1)
	return func(p store.Phase) error {
		token <- struct{}{}
		defer func() { <-token }()
		return hook(p)
	}
}

// killStep takes step n, which its batch and stored state follow from.
func killStep(s *Service, id string, n int) (*hud.OptimStepResult, error) {
	if _, err := s.ForwardBackward(bg, id, fb(hud.LossImportanceSampling, randomInputs(uint64(n), 2))); err != nil {
		return nil, err
	}
	req := adam(1e-3)
	req.State = map[string]json.RawMessage{"n": json.RawMessage(strconv.Itoa(n))}
	return s.OptimStep(bg, id, req)
}

// killRun is what a child said before it died.
type killRun struct {
	phase  store.Phase // the last it entered since its last acknowledgement, "" for none
	acks   map[int]string
	events int
}

// runAndKill starts a child in dir and kills it: at a phase, or after delay.
func runAndKill(t *testing.T, dir string, at store.Phase, skip int, delay time.Duration) killRun {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), envKillDir+"="+dir, envKillAt+"="+string(at), envKillSkip+"="+strconv.Itoa(skip))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if at == "" {
		timer := time.AfterFunc(delay, func() { cmd.Process.Kill() })
		defer timer.Stop()
	}
	run := killRun{acks: map[int]string{}}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "phase":
			run.phase = store.Phase(rest)
		case "stopped":
			cmd.Process.Kill()
		case "acknowledged":
			var step int
			var id string
			if _, err := fmt.Sscan(rest, &step, &id); err == nil && len(id) == 36 {
				run.acks[step] = id
				run.phase = ""
			}
		case "failed:":
			t.Errorf("the child failed: %s", rest)
		}
		run.events++
	}
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait()
	return run
}

// TestKill kills a stepping process with SIGKILL at 200 moments: 20 times in
// each phase of a commit by name, and 120 times after a random delay. After
// each, the store opens, has every acknowledged step and at most one that was
// not acknowledged, whole: the tree is a chain, its last node is the head with
// weights, moments and the state stored in its transaction. At the end the
// weights are those of a run that nobody killed, bit for bit.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 2))
	byPhase, kills := map[store.Phase]int{}, 0
	acks := map[int]string{}
	known := 0
	check := func(run killRun) {
		t.Helper()
		kills++
		byPhase[run.phase]++
		for step, id := range run.acks {
			acks[step] = id
		}
		known = checkKilled(t, dir, acks, known)
	}
	phases := []store.Phase{store.PhaseBlobWrite, store.PhaseRename, store.PhaseCommit, store.PhasePromotion}
	for i := range 20 {
		for _, p := range phases {
			run := runAndKill(t, dir, p, i%3, 0)
			if run.phase != p {
				t.Errorf("wanted a kill at %q, got one at %q", p, run.phase)
			}
			check(run)
		}
	}
	for range 120 {
		check(runAndKill(t, dir, "", 0, time.Duration(rng.IntN(60_000))*time.Microsecond))
	}
	t.Logf("%d kills: %v; %d steps", kills, byPhase, known)
	for _, p := range phases {
		if byPhase[p] < 20 {
			t.Errorf("phase %q was hit %d times, want at least 20", p, byPhase[p])
		}
	}

	s := openIn(t, t.TempDir(), Options{})
	m := create(t, s, CreateOptions{Name: "straight", Config: &minute, Seed: 1})
	for n := 1; n <= known; n++ {
		if _, err := killStep(s, m.ID, n); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := paramsOf(t, openIn(t, dir, Options{}), "killed"), paramsOf(t, s, m.ID); !slices.Equal(got, want) {
		t.Errorf("after %d steps the weights differ from an undisturbed run's by up to %v", known, difference(got, want))
	}
}

// checkKilled returns the number of steps in the tree.
func checkKilled(t *testing.T, dir string, acks map[int]string, before int) int {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatalf("open after a kill: %v", err)
	}
	defer s.Close()
	m, err := s.Resolve(bg, "killed")
	if err != nil {
		if len(acks) > 0 {
			t.Fatalf("the model is gone: %v", err)
		}
		return 0
	}
	cs, err := s.Checkpoints(bg, m.ID)
	if err != nil {
		t.Fatal(err)
	}
	parent := ""
	last := 0
	for step := range acks {
		last = max(last, step)
	}
	for i, c := range cs {
		if c.Step != i+1 || c.PrevModelCheckpointID != parent || c.IsActive != (i == len(cs)-1) {
			t.Fatalf("node %d of %d: got step %d, parent %q, active %v", i+1, len(cs), c.Step, c.PrevModelCheckpointID, c.IsActive)
		}
		if id, ok := acks[c.Step]; ok && id != c.ID {
			t.Fatalf("step %d: got checkpoint %s, %s was acknowledged", c.Step, c.ID, id)
		}
		parent = c.ID
	}
	// One step at most can have been committed without an acknowledgement
	// since the last look.
	if len(cs) < last || len(cs) < before || len(cs) > max(last, before)+1 {
		t.Fatalf("got %d steps; %d were acknowledged, %d there before", len(cs), last, before)
	}
	if len(cs) == 0 {
		return 0
	}
	state, err := s.State(bg, "n")
	if err != nil || string(state) != strconv.Itoa(len(cs)) {
		t.Fatalf("state: got %s, %v, want %d", state, err, len(cs))
	}
	// The trainer reads weights and moments as the next step would.
	tr, unlock, err := s.enter(bg, "test", m.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if err := tr.load(bg, "test"); err != nil {
		t.Fatal(err)
	}
	if err := tr.loadOptimizer(bg, "test"); err != nil || tr.opt.T != len(cs) {
		t.Fatalf("optimizer state: got count %d, %v, want %d", tr.opt.T, err, len(cs))
	}
	return len(cs)
}

// TestKillDuringCreation kills a process at random moments of its first
// fraction of a second in a new directory: whatever is there opens.
func TestKillDuringCreation(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		dir := t.TempDir()
		run := runAndKill(t, dir, "", 0, time.Duration(rng.IntN(50_000))*time.Microsecond)
		checkKilled(t, dir, run.acks, 0)
	}
}
