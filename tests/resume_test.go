package tests

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/internal/cli"
	"github.com/hudrl/hudrl/internal/store"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/local"
)

// training takes steps of real rollouts on tiny, the way scripts do. What is
// random in the loop and in graders follows from the step's number, also
// math.random; the state is kept with the steps. It goes on where the head is.
const training = `
local hud = require "hud"
local steps = ...
local trainer = hud.TrainingClient("tiny")
local agent = hud.Agent("tiny", { max_tokens = 6 })
local head = trainer:head()
local run = hud.state("training", { rewards = {} })
local schedule = hud.schedule.linear(1e-2, 0, 10)

for step in hud.steps(steps, { after = head and head.step or 0 }) do
  local r, tasks = hud.rng.stream("questions", step), {}
  for i = 1, 3 do
    local wanted = (r:int(0, 25) + math.random(0, 25)) % 26
    tasks[i] = {
      prompt = "letter " .. wanted,
      grade = function(answer, run) -- how near the bytes of the answer are
        local sum = math.random() / 1000
        for k = 1, #answer do sum = sum - math.abs(answer:byte(k) - 97 - wanted) end
        return sum / 100
      end,
    }
  end
  local session = hud.Job.start("letters", { group = 4 })
  hud.Taskset("letters", tasks):run(agent, { job = session })
  run.rewards[step] = session.reward
  trainer:step(session.runs, { learning_rate = schedule(step), group_size = 4 })
  print("step " .. step)
end
return run.rewards
`

// childDir is set for a test binary that is to run training in that directory
// until it is killed.
const childDir = "HUDRL_TEST_TRAIN"

func TestMain(m *testing.M) {
	if os.Getenv(programVariable) != "" {
		cli.Main()
	}
	if dir := os.Getenv(childDir); dir != "" {
		if err := train(context.Background(), dir, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func train(ctx context.Context, dir string, out io.Writer) error {
	svc, err := local.Open(dir)
	if err != nil {
		return err
	}
	defer svc.Close()
	cfg := bindings.Default(svc)
	cfg.Stdout, cfg.Seed = out, 7
	rt, err := runtime.New(cfg)
	if err != nil {
		return err
	}
	defer rt.Close()
	chunk, err := runtime.Compile("training.lua", training)
	if err != nil {
		return err
	}
	_, err = rt.Run(ctx, chunk, 10)
	return err
}

// history is what must be the same however a model came to its head.
type history struct {
	Step, AdamT      int
	Weights, Moments string // hashes
	Reward           float64
}

func historyOf(cs []store.Checkpoint) []history {
	var out []history
	for _, c := range cs {
		out = append(out, history{c.Step, c.AdamT, c.Weights, c.Moments, *c.MeanReward})
	}
	return out
}

// straight trains ten steps without a break and returns the directory.
func straight(t *testing.T) (dir string, model string) {
	t.Helper()
	l := newLab(t)
	l.Close()
	if err := train(t.Context(), l.Dir(), io.Discard); err != nil {
		t.Fatal(explain(err))
	}
	return l.Dir(), l.model.ID
}

// state is what the store keeps of the training script.
func state(t *testing.T, dir string) string {
	t.Helper()
	st, err := store.Open(t.Context(), dir, store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	text, err := st.State(t.Context(), "training")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Ten steps straight equal the same script stopped after step 5 and run again,
// bit for bit: weights, moments, rewards and the script's state.
func TestResumeIsExact(t *testing.T) {
	t.Parallel()
	dir, model := straight(t)
	want, wantState := historyOf(tree(t, dir, model)), state(t, dir)
	if len(want) != 10 || !strings.HasPrefix(wantState, `{"rewards":[`) {
		t.Fatalf("got %d steps and the state %s, want 10 and the rewards", len(want), wantState)
	}

	// after stops the training of dir when it has printed step 5.
	for name, after := range map[string]func(t *testing.T, dir string){
		"killed": func(t *testing.T, dir string) {
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), childDir+"="+dir)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for lines := bufio.NewScanner(out); lines.Scan(); {
				if lines.Text() == "step 5" {
					_ = cmd.Process.Kill()
					break
				}
			}
			if err := cmd.Wait(); err == nil {
				t.Fatal("the child ended by itself")
			}
		},
		"cancelled": func(t *testing.T, dir string) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out := &output{onWrite: func(all string) {
				if strings.HasSuffix(all, "step 5\n") {
					cancel()
				}
			}}
			if err := train(ctx, dir, out); !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v, want a cancelled run", err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.Close()
			after(t, l.Dir())
			half := historyOf(tree(t, l.Dir(), l.model.ID))
			if n := len(half); n < 5 || n == 10 {
				t.Fatalf("got %d steps before the stop, want 5 or a little more", n)
			}
			out := &output{}
			if err := train(t.Context(), l.Dir(), out); err != nil {
				t.Fatal(explain(err))
			}
			if first, _, _ := strings.Cut(out.buf.String(), "\n"); first != fmt.Sprintf("step %d", len(half)+1) {
				t.Errorf("went on with %s after %d steps", first, len(half))
			}
			got := historyOf(tree(t, l.Dir(), l.model.ID))
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("step %d: got %+v, want %+v", i+1, got[i], want[i])
				}
			}
			if s := state(t, l.Dir()); s != wantState {
				t.Errorf("got state %s, want %s", s, wantState)
			}
		})
	}
}

// After set_head to step 3 the identical step makes step 4's weights, bit for
// bit, with Adam's count going on from the checkpoint and the model's step
// number from the last one given out.
func TestRollbackIsExact(t *testing.T) {
	t.Parallel()
	dir, model := straight(t)
	want := historyOf(tree(t, dir, model))
	l := labIn(t, dir)

	// The same script: its rollouts under step 3's weights ask, answer and
	// train as the first time.
	out := newScript(t, l, 7).must(t, `
		local trainer = hud.TrainingClient("tiny")
		trainer:set_head("step-0003")
		return trainer:head().step`)
	if out[0] != 3.0 {
		t.Fatalf("got head %v, want step 3", out[0])
	}
	s := newScript(t, l, 7)
	chunk, err := runtime.Compile("training.lua", training)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context(), chunk, 4); err != nil {
		t.Fatal(explain(err))
	}
	got := historyOf(tree(t, dir, model))
	if len(got) != 11 || !reflect.DeepEqual(got[:10], want) {
		t.Fatalf("got %d checkpoints, want the ten and a branch", len(got))
	}
	again := want[3]
	again.Step = 11
	if got[10] != again {
		t.Errorf("got %+v, want %+v", got[10], again)
	}

	// And a batch that is given, not sampled.
	list := toLua(trajectories{rand.New(rand.NewPCG(10, 10))}.payloads(4))
	l.lua(t, `
		local batch = ...
		local trainer = hud.TrainingClient("tiny")
		local function step() return trainer:step(batch, { group_size = 4, learning_rate = 1e-3 }) end
		local first = step()
		step()
		trainer:set_head(first.checkpoint_id)
		step()
		trainer:set_head(first.checkpoint_id)
		for _ = 1, 2 do step() end`, list)
	cs := historyOf(tree(t, dir, model))[11:]
	if len(cs) != 5 {
		t.Fatalf("got %d new checkpoints, want 5", len(cs))
	}
	for i := range cs {
		cs[i].Step = 0
	}
	if cs[1] != cs[2] || cs[1] != cs[3] || cs[3] == cs[4] {
		t.Errorf("got %+v, want the 2nd, 3rd and 4th the same", cs)
	}
}

// hud.state is kept with an acknowledged step, all or nothing, and not without.
func TestStateIsKeptWithTheStep(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	list := toLua(trajectories{rand.New(rand.NewPCG(11, 11))}.payloads(4))
	const text = `
		local batch, act = ...
		local trainer = hud.TrainingClient("tiny")
		local s = hud.state("s", { n = 0, list = { 1, 2 }, empty = {} })
		local found = s.n
		s.n = s.n + 1
		if act == "step" then trainer:step(batch, { group_size = 4, learning_rate = 1e-3 }) end
		if act == "optim" then
		  trainer:forward_backward(batch, { group_size = 4 })
		  trainer:optim_step{ learning_rate = 1e-3 }
		end
		if act == "refused" then assert(not pcall(trainer.step, trainer, batch, { learning_rate = 0 })) end
		if act == "nothing" then assert(not pcall(trainer.optim_step, trainer, { learning_rate = 1e-3 })) end
		if act == "pass" then trainer:forward_backward(batch, { group_size = 4 }) end
		assert(hud.state("s") == s, "one table a name")
		return found, #s.list, next(s.empty) == nil, hud.state("t").x == nil`
	n := 0.0
	for i, act := range []string{"none", "step", "none", "refused", "nothing", "optim", "pass", "step"} {
		out := l.lua(t, text, list, act)
		if !reflect.DeepEqual(out, []any{n, 2.0, true, true}) {
			t.Errorf("run %d (%s): got %v, want %v and the rest as it was", i+1, act, out, n)
		}
		if act == "step" || act == "optim" {
			n++
		}
	}
}
