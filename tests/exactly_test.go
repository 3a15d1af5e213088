package tests

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/hudrl/hudrl/runtime/serve"
)

// programVariable is set for a test binary that is to be hudrl.
const programVariable = "HUDRL_TEST_PROGRAM"

// hudrl is this test binary as the program, in a process of its own.
func hudrl(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Dir = dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "HUD") && !strings.HasPrefix(v, "HOME=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, programVariable+"=1", "HOME="+dir)
	return cmd
}

// interrupted trains with everything that must be where it was when a run
// goes on: state, a stream made before the loop, math.random, passes of both
// kinds, a fork, two passes in a step, two loops.
const interrupted = `
local hud = require "hud"
local fork = hud.models.fork("tiny", "pupil")
local trainer = hud.TrainingClient(fork.model_name)
local agent = hud.Agent(fork.model_name, { max_tokens = 4 })
local order = hud.rng.stream("order")
local book = hud.state("book", { draws = {} })
local function batch(step)
  local job, wanted = hud.Job.start("letters", { group = 4 }), order:int(0, 25)
  book.draws[#book.draws + 1] = ("%d %d %.6f"):format(step, wanted, math.random())
  hud.Taskset("letters", { {
    prompt = "letter " .. wanted,
    grade = function(answer) return ((answer:byte(1) or 0) - wanted + math.random() / 1000) / 100 end,
  } }):run(agent, { job = job })
  return job.runs
end
for step in hud.steps(3) do
  trainer:step(batch(step), { learning_rate = 1e-2, group_size = 4, loss_fn = "dro" })
end
for step in hud.steps(3) do
  trainer:forward_backward_custom(batch(step), function(data, logprobs)
    local sum = 0
    for i, d in ipairs(data) do sum = sum - (logprobs[i] * d.mask):sum() * d.advantage end
    return sum
  end, { group_size = 4 })
  trainer:forward_backward(batch(step), { group_size = 4, loss_fn = "dro" })
  trainer:optim_step{ learning_rate = 1e-2 / step }
end
print(table.concat(book.draws, "; "), order:int(0, 1e6), math.random())
`

// training POSTs, in the order of the script, by the last step of their path.
func isTraining(r *http.Request) bool {
	switch path.Base(r.URL.Path) {
	case "forward-backward", "backward", "optim-step":
		return r.Method == http.MethodPost
	}
	return false
}

// A killer is a service over HTTP that has the program killed at some of the
// training calls it gets.
type killer struct {
	inner http.Handler

	mu    sync.Mutex
	kill  func() // the program that is running
	seen  int    // training calls so far in this program's life
	at    int    // the call to kill at, from 1; 0 for none
	when  string // before, within, after
	steps int    // optimizer steps that were applied
}

func (k *killer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !isTraining(r) {
		k.inner.ServeHTTP(w, r)
		return
	}
	k.mu.Lock()
	k.seen++
	kill, when := k.kill, ""
	if k.seen == k.at {
		when = k.when
	}
	k.mu.Unlock()
	switch when {
	case "before": // it never takes place
		kill()
		return
	case "within": // it takes place, and nobody is there to hear of it
		kill()
	}
	rec := httptest.NewRecorder()
	k.inner.ServeHTTP(rec, r)
	if rec.Code == http.StatusOK && path.Base(r.URL.Path) == "optim-step" {
		k.mu.Lock()
		k.steps++
		k.mu.Unlock()
	}
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(rec.Code)
	w.Write(rec.Body.Bytes())
	if when == "after" {
		http.NewResponseController(w).Flush()
		kill()
	}
}

// killedAt serves a lab over HTTP to the script "interrupted", which may be
// killed, and is given back as often as it takes. It returns the model's
// history and what the last process printed.
func killedAt(t *testing.T, when string, points ...int) (past []history, printed string, k *killer) {
	t.Helper()
	l := newLab(t)
	k = &killer{inner: serve.Handler(l.Service, serve.Options{}), when: when}
	server := httptest.NewServer(k)
	defer server.Close()
	dir := t.TempDir()
	write(t, dir, "train.lua", interrupted)
	args := []string{"run", "--service", server.URL, "--seed", "3", "train.lua"}
	for _, at := range append(points, 0) {
		cmd := hudrl(t, dir, args...)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		k.mu.Lock()
		k.seen, k.at, k.kill = 0, at, func() { cmd.Process.Kill() }
		k.mu.Unlock()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		err := cmd.Wait()
		if (err != nil) != (at > 0) {
			t.Fatalf("%s call %d of %v: got %v\n%s%s", when, at, points, err, out.String(), errs.String())
		}
		printed = out.String()
		args = []string{"run", "--service", server.URL, "--resume", "train.lua"}
	}
	models, err := l.Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range models {
		if m.ModelName == "pupil" {
			return historyOf(tree(t, l.Dir(), m.ID)), printed, k
		}
		if strings.HasPrefix(m.ModelName, "pupil") {
			t.Errorf("the run forked again: %s", m.ModelName)
		}
	}
	t.Fatal("there is no pupil")
	return nil, "", nil
}

// A run over HTTP that is killed at whatever training call, before it takes
// place, while it does or when it was answered, and goes on with --resume, ends
// with the weights of one that was never interrupted, bit for bit, each step
// taken once, and prints the same.
func TestKilledRunsGoOn(t *testing.T) {
	t.Parallel()
	want, printed, k := killedAt(t, "")
	if len(want) != 6 || k.steps != 6 || k.seen != 3*2+3*3 || strings.Count(printed, ";") != 8 {
		t.Fatalf("got %d steps, %d calls and %q", len(want), k.seen, printed)
	}
	chains := [][]int{{1, 2, 3}, {4, 5, 1}, {2, 2, 2}, {6, 7}, {8, 9}, {10, 4}, {12}, {13, 2}, {14, 3}, {15}}
	if testing.Short() {
		chains = chains[:2]
	}
	for _, when := range []string{"before", "within", "after"} {
		for _, points := range chains {
			if last := points[len(points)-1]; when == "after" && (last == 15 || last == 3 && points[0] == 14) {
				continue // it was the last call of all: the program may end well before it is killed
			}
			t.Run(fmt.Sprint(when, points), func(t *testing.T) {
				t.Parallel()
				got, out, k := killedAt(t, when, points...)
				if len(got) != len(want) || k.steps != len(want) {
					t.Fatalf("got %d checkpoints of %d steps applied, want %d", len(got), k.steps, len(want))
				}
				for i := range want {
					if got[i] != want[i] {
						t.Fatalf("step %d: got %+v, want %+v", i+1, got[i], want[i])
					}
				}
				if out != printed {
					t.Errorf("got %q, want %q", out, printed)
				}
			})
		}
	}
}
