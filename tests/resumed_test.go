package tests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/hud/journal"
	"github.com/hudrl/hudrl/runtime/serve"
)

// journals are the journals of the runs that a program had in a directory.
func journals(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "runs", "*", journal.FileName))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// countsSteps trains a fake for a few steps and stops in step 3 of its first run,
// in the way that it is told.
const countsSteps = `
local hud = require "hud"
local trainer = hud.TrainingClient("fake/bigram")
local s = hud.state("s", { n = 0 })
local batch = { { samples = { { prompt_token_ids = { 1 }, output_token_ids = { 2 }, output_logprobs = { -1 } } }, reward = 1 } }
for step in hud.steps(5) do
  if ... == "stop" and step == 3 then error("stopped") end
  s.n = s.n + 1
  trainer:forward_backward(batch, { loss_fn = "cross_entropy" })
  print(step, s.n, trainer:optim_step{ learning_rate = 0.1 }.step)
end
`

// What --resume says when it cannot go on, and what a run without it does.
func TestResumeOrNot(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(serve.Handler(hudtest.NewFake(), serve.Options{}))
	defer server.Close()
	dir := t.TempDir()
	write(t, dir, "train.lua", countsSteps)
	run := func(args ...string) result {
		t.Helper()
		return program{dir: dir, env: map[string]string{"HUDRL_HOME": dir}}.run(t, append([]string{"run", "--service", server.URL}, args...)...)
	}

	run("--resume", "train.lua").want(t, 2, nil, []string{"--resume: no run of train.lua with " + server.URL, "hint: "})
	run("-e", "print(1)").want(t, 0, []string{"1\n"}, nil)
	if got := journals(t, dir); len(got) > 0 {
		t.Errorf("a run that trained nothing left %v", got)
	}
	run("--seed", "4", "train.lua", "stop").want(t, 1, []string{"2\t2\t2\n"}, []string{"stopped"})
	if got := journals(t, dir); len(got) != 1 || !regexp.MustCompile(`/train-\d{8}-\d{6}\.\d{3}-[0-9a-f]{6}/steps\.jsonl$`).MatchString(filepath.ToSlash(got[0])) {
		t.Errorf("got %v, want one journal", got)
	}
	first := journals(t, dir)[0]

	run("--resume", "--seed", "5", "train.lua", "stop").want(t, 2, nil, []string{"--seed 5: the run began with 4", "hint: "})
	run("--resume", "--replay", "x", "train.lua").want(t, 2, nil, []string{"--resume and --replay"})
	program{dir: dir, env: map[string]string{"HUDRL_HOME": dir}}.run(t, "run", "--resume", "train.lua").want(t, 2, nil, []string{"no run of train.lua with local"})
	held, err := journal.Open(first, journal.Run{})
	if err != nil {
		t.Fatal(err)
	}
	run("--resume", "train.lua", "stop").want(t, 2, nil, []string{fmt.Sprintf("process %d has it open", os.Getpid()), "hint: wait"})
	held.Close(false)

	// It begins anew, says that there was another, and leaves that alone.
	before, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	again := run("train.lua")
	again.want(t, 0, []string{"1\t1\t3\n", "5\t5\t7\n"}, []string{"note: the last run of train.lua stopped after step 2 of 5: --resume goes on with it (" + first + ")"})
	if after, err := os.ReadFile(first); err != nil || !bytes.Equal(before, after) {
		t.Error("the other run's journal was changed")
	}
	// A run that is complete goes on with other arguments only.
	run("--resume", "train.lua").want(t, 2, nil, []string{"--resume: the last run of train.lua with these arguments is complete", "hint: "})
	// The one with the same arguments goes on, however old it is, and with --seed too.
	resumed := run("--resume", "--seed", "4", "train.lua", "stop")
	resumed.want(t, 1, nil, []string{"stopped"})
	if resumed.out != "" {
		t.Errorf("got %q, want nothing before step 3", resumed.out)
	}
	// Other arguments and another text are noted.
	write(t, dir, "train.lua", countsSteps+"print('changed')")
	r := run("--resume", "train.lua", "go")
	r.want(t, 0, []string{"changed"}, []string{"other arguments", "train.lua was changed since the run began"})

	// A journal that was damaged is not gone on with.
	list := journals(t, dir)
	for _, name := range list {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, bytes.Replace(text, []byte(`"learning_rate":0.1`), []byte(`"learning_rate":0.2`), 1), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run("--resume", "train.lua", "stop").want(t, 2, nil, []string{"its checksum is wrong", "hint: "})

	// Code on the command line and standard input can go on as well.
	run("-e", countsSteps, "stop").want(t, 1, []string{"2\t2\t"}, []string{"stopped"})
	run("--resume", "-e", countsSteps).want(t, 0, []string{"3\t3\t", "5\t5\t"}, []string{"other arguments"})
	run("--resume", "-e", countsSteps+" ").want(t, 2, nil, []string{"no run of (command line)"})
}

// Ctrl-C is one more way to be interrupted, also with the embedded service.
func TestResumeInProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "train.lua", `
		local hud = require "hud"
		local fork = hud.models.fork("hudrl/nano", "mine")
		local trainer, order, s = hud.TrainingClient(fork.model_name), hud.rng.stream("order"), hud.state("s", { draws = {} })
		for step in hud.steps(6) do
			s.draws[step] = order:int(0, 1000)
			trainer:forward_backward({ hud.sft{ { role = "user", content = "hi" }, { role = "assistant", content = tostring(s.draws[step]) } } }, { loss_fn = "cross_entropy" })
			trainer:optim_step{ learning_rate = 1e-3 }
			print("step " .. step)
		end
		print(table.concat(s.draws, " "), trainer:head().step, ("%.9g"):format(trainer:head().metrics.param_norm))`)
	lines := func(out string) []string { return strings.Split(strings.TrimSpace(out), "\n") }
	straight := program{dir: dir}.run(t, "run", "--data", "a", "--seed", "2", "train.lua")
	straight.want(t, 0, []string{"step 6\n"}, nil)

	cut := program{dir: dir, onOutput: func(all string, interrupt func()) {
		if strings.HasSuffix(all, "step 4\n") {
			interrupt()
		}
	}}.run(t, "run", "--data", "b", "--seed", "2", "train.lua")
	cut.want(t, 130, []string{"step 4\n"}, nil)
	rest := program{dir: dir}.run(t, "run", "--data", "b", "--resume", "train.lua")
	rest.want(t, 0, []string{"step 6\n"}, nil)
	// Step 5 may have been taken and not printed any more.
	if got, want := lines(rest.out), lines(straight.out); got[len(got)-1] != want[len(want)-1] || slices.Contains(got, "step 4") {
		t.Errorf("got %q, want the end of %q", got, want)
	}
	program{dir: dir}.run(t, "models", "head", "mine", "--data", "b", "--set", "base").want(t, 0, []string{"Head set to base\n"}, nil)
	program{dir: dir}.run(t, "models", "head", "mine", "--data", "b").want(t, 0, []string{"No active checkpoint"}, nil)
}

// A loop that a resumed run cannot follow is refused, not skipped or begun again.
func TestResumeRefuses(t *testing.T) {
	t.Parallel()
	batch := `local batch = { { samples = { { prompt_token_ids = { 1 }, output_token_ids = { 2 }, output_logprobs = { -1 } } }, reward = 1 } }
		local function step(t) t:step(batch, { learning_rate = 0.1, loss_fn = "cross_entropy" }) end `
	for name, tc := range map[string]struct{ script, want string }{
		"nested": {`local t = hud.TrainingClient("fake/bigram")
			for epoch in hud.steps(3) do for i in hud.steps(4) do if epoch == 2 and i == 2 and ... then error("stopped") end step(t) end end`,
			"loop 1 did not end before loop 3 began"},
		"left": {`local t = hud.TrainingClient("fake/bigram")
			for i in hud.steps(9) do step(t) if i == 2 then break end end
			for i in hud.steps(4) do if i == 2 and ... then error("stopped") end step(t) end`,
			"loop 1 did not end before loop 2 began"},
		"begun again": {`local t = hud.TrainingClient("fake/bigram")
			for i in hud.steps(4, { after = 0 }) do if i == 3 and ... then error("stopped") end step(t) end`,
			"after: got 0, and the run that goes on has taken step 2 of this loop"},
		"inside": {`local t, s = hud.TrainingClient("fake/bigram"), hud.state("s", { epoch = 0 })
			for epoch in hud.steps(3, { after = s.epoch }) do
				for i in hud.steps(4) do if epoch == 2 and i == 2 and ... then error("stopped") end step(t) end s.epoch = epoch end`,
			"loop 2 is inside another"},
		"in turns": {`local t = hud.TrainingClient("fake/bigram")
			for epoch in hud.steps(4) do step(t) if epoch == 3 and ... then error("stopped") end for i in hud.steps(2) do step(t) end end`,
			"loops of steps took turns"},
		"no loop": {`local t = hud.TrainingClient("fake/bigram")
			for i = 1, 4 do if i == 3 and ... then error("stopped") end step(t) end`,
			"took 2 optimizer steps outside of the steps of hud.steps"},
		"after a loop": {`local t = hud.TrainingClient("fake/bigram")
			for i in hud.steps(2) do step(t) end
			for i = 1, 4 do if i == 3 and ... then error("stopped") end step(t) end`,
			"took 2 optimizer steps outside of the steps of hud.steps"},
		"after one inside": {`local t = hud.TrainingClient("fake/bigram")
			for i in hud.steps(4) do for _ in hud.steps(1) do end if i == 3 and ... then error("stopped") end step(t) end`,
			"took 2 optimizer steps outside of the steps of hud.steps"},
		"another model": {`local t = hud.TrainingClient(... and "fake/bigram" or hud.models.fork("fake/bigram", "another").id)
			for i in hud.steps(4) do if i == 3 and ... then error("stopped") end step(t) end`,
			"the interrupted loop trained another model than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(serve.Handler(hudtest.NewFake(), serve.Options{}))
			defer server.Close()
			dir := t.TempDir()
			write(t, dir, "train.lua", `local hud = require "hud" `+batch+tc.script)
			program{dir: dir}.run(t, "run", "--data", "d", "--service", server.URL, "train.lua", "stop").want(t, 1, nil, []string{"stopped"})
			program{dir: dir}.run(t, "run", "--data", "d", "--service", server.URL, "--resume", "train.lua").want(t, 1, nil, []string{tc.want, "hint: "})
		})
	}
}

// A model of the interrupted run that somebody removed is not made anew.
func TestResumeWithoutItsModel(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "train.lua", `local hud = require "hud"
		local t = hud.TrainingClient(hud.models.fork("hudrl/nano", "mine").model_name)
		for step in hud.steps(2) do
			if step == 2 then error("stopped") end
			t:step({ hud.sft{ { role = "user", content = "hi" }, { role = "assistant", content = "ho" } } }, { learning_rate = 1e-3, loss_fn = "cross_entropy" })
		end`)
	program{dir: dir}.run(t, "run", "--data", "d", "train.lua").want(t, 1, nil, []string{"stopped"})
	program{dir: dir}.run(t, "models", "rm", "mine", "--yes", "--data", "d").want(t, 0, nil, nil)
	program{dir: dir}.run(t, "run", "--data", "d", "--resume", "train.lua").want(t, 1, nil, []string{
		"fork: model mine, which the interrupted run forked of hudrl/nano, is gone", "hint: without --resume a new run begins",
	})
}

// A script that takes its steps without hud.steps goes on where its state says.
func TestResumeByState(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(serve.Handler(hudtest.NewFake(), serve.Options{}))
	defer server.Close()
	dir := t.TempDir()
	write(t, dir, "train.lua", `local hud = require "hud"
		local t, s = hud.TrainingClient("fake/bigram"), hud.state("s", { done = 0 })
		local batch = { { samples = { { prompt_token_ids = { 1 }, output_token_ids = { 2 }, output_logprobs = { -1 } } }, reward = 1 } }
		while s.done < 4 do
			if s.done == 2 and ... then error("stopped") end
			s.done = s.done + 1
			print(s.done, t:step(batch, { learning_rate = 0.1, loss_fn = "cross_entropy" }).step)
		end`)
	program{dir: dir}.run(t, "run", "--data", "d", "--service", server.URL, "train.lua", "stop").want(t, 1, []string{"1\t1\n2\t2\n"}, []string{"stopped"})
	r := program{dir: dir}.run(t, "run", "--data", "d", "--service", server.URL, "--resume", "train.lua")
	r.want(t, 0, []string{"3\t3\n4\t4\n"}, nil)
	if strings.Contains(r.out, "1\t") {
		t.Errorf("got %q, want no step twice", r.out)
	}
}

// A script that meets a doubt asks, and does what it is told; and the host's
// key is not in the journal, nor the script's own.
func TestScriptRecovers(t *testing.T) {
	t.Parallel()
	const mine, theirs = "hud-key-of-the-user", "hud-key-of-the-script"
	fake := hudtest.NewFake()
	inner := serve.Handler(fake, serve.Options{})
	var call atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isTraining(r) {
			inner.ServeHTTP(w, r)
			return
		}
		// Of seven calls the third and the fifth are lost, the one before it
		// took place, the other after.
		n := call.Add(1)
		if n != 3 {
			rec := httptest.NewRecorder()
			inner.ServeHTTP(rec, r)
			if n%7 != 5 {
				w.WriteHeader(rec.Code)
				w.Write(rec.Body.Bytes())
				return
			}
		}
		panic(http.ErrAbortHandler)
	}))
	defer server.Close()
	dir := t.TempDir()
	script := `
		local hud = require "hud"
		local trainer = hud.TrainingClient("fake/bigram", { base_url = "` + server.URL + `", api_url = "` + server.URL + `", api_key = "` + theirs + `" })
		local batch = { { samples = { { prompt_token_ids = { 1 }, output_token_ids = { 2 }, output_logprobs = { -1 } } }, reward = 1 } }
		for step in hud.steps(4) do
			local done
			while not done do
				local ok, e = pcall(trainer.step, trainer, batch, { learning_rate = 0.1, loss_fn = "cross_entropy" })
				done = ok
				if not ok then
					print(step, e.code, e.hint:match("trainer:recover%(%)"))
					local again, refused = pcall(trainer.optim_step, trainer, { learning_rate = 0.1 })
					assert(not again)
					print("in doubt", refused.code, refused.status, refused.hint:match("trainer:recover%(%)"))
					local r = trainer:recover{ discard = true }
					print(r.outcome, r.step, tostring(r))
					done = r.outcome == "applied"
				end
			end
		end
		print(#trainer:checkpoints())`
	r := program{dir: dir, env: map[string]string{"HUD_API_KEY": mine}}.run(t, "run", "--data", "d",
		"--allow-net", strings.TrimPrefix(server.URL, "http://"), "-e", script)
	r.want(t, 0, []string{
		"2\tnetwork\ttrainer:recover()\nin doubt\tconflict\t409\ttrainer:recover()\nnot_applied\t1\tnot_applied: the outcome of a forward_backward is not known",
		"2\tnetwork\ttrainer:recover()\nin doubt\tconflict\t409\ttrainer:recover()\napplied\t2\tapplied: the step was applied",
		"\n4\n",
	}, nil)
	for _, name := range journals(t, filepath.Join(dir, "d")) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), mine) || strings.Contains(string(text), theirs) || !strings.Contains(string(text), `"where":"`+server.URL+`"`) {
			t.Errorf("got %s, want the address without a key", text)
		}
	}
	// Resumed, it must be told where that model is.
	name := journals(t, filepath.Join(dir, "d"))[0]
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(text, []byte(`{"kind":"acknowledged"`))
	if err := os.WriteFile(name, text[:at], 0o600); err != nil {
		t.Fatal(err)
	}
	r = program{dir: dir}.run(t, "run", "--data", "d", "--resume", "--allow-net", strings.TrimPrefix(server.URL, "http://"), "-e", script)
	r.want(t, 0, []string{"4\n"}, []string{"resuming fake/bigram: the step was applied"})
}

// A server that is killed in the middle of a step, at any moment of it, and
// started again: the client finds out, and goes on to the same weights.
func TestServerIsKilledInAStep(t *testing.T) {
	t.Parallel()
	batch := []hud.Item{}
	for i := range 2 {
		batch = append(batch, &hud.TrajectoryPayload{Reward: float64(i), Samples: []hud.TrajectorySample{{
			PromptTokenIDs: []int{104, 105}, OutputTokenIDs: []int{97 + i, 98, 99}, OutputLogprobs: []float32{-1, -2, -3},
		}}})
	}
	step := func(ctx context.Context, c *hud.TrainingClient) error {
		_, err := c.Step(ctx, batch, hud.StepOptions{LearningRate: 1e-2})
		return err
	}
	quiet := hud.TrainingClientOptions{Warn: func(string) {}}
	straight := newLab(t)
	for range 4 {
		if err := step(t.Context(), hud.NewTrainingClient(straight, "tiny", quiet)); err != nil {
			t.Fatal(err)
		}
	}
	want := historyOf(tree(t, straight.Dir(), straight.model.ID))

	const answered = -1 // when it was answered, which nobody hears
	for _, delay := range []time.Duration{answered, 0, time.Millisecond, 2 * time.Millisecond, 4 * time.Millisecond} {
		for _, call := range []string{"forward-backward", "optim-step"} {
			t.Run(call+" "+delay.String(), func(t *testing.T) {
				t.Parallel()
				data := newLab(t)
				data.Close()
				var backend atomic.Pointer[url.URL]
				var kill func()
				start := func() {
					cmd := hudrl(t, data.Dir(), "serve", "--addr", "127.0.0.1:0", "--data", data.Dir(), "-q")
					out, err := cmd.StdoutPipe()
					if err != nil {
						t.Fatal(err)
					}
					if err := cmd.Start(); err != nil {
						t.Fatal(err)
					}
					var said []byte
					for buf := make([]byte, 4096); ; {
						n, err := out.Read(buf)
						said = append(said, buf[:n]...)
						if m := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).Find(said); m != nil {
							u, err := url.Parse(string(m))
							if err != nil {
								t.Fatal(err)
							}
							backend.Store(u)
							break
						}
						if err != nil {
							t.Fatalf("it said %q and ended", said)
						}
					}
					kill = sync.OnceFunc(func() {
						cmd.Process.Kill()
						cmd.Wait()
					})
				}
				start()
				defer func() { kill() }()

				// The line between the two: it breaks in the third step.
				var calls atomic.Int64
				proxy := &httputil.ReverseProxy{
					Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(backend.Load()) },
					ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
					ModifyResponse: func(r *http.Response) error {
						if delay == answered && path.Base(r.Request.URL.Path) == call && calls.Load() == 3 {
							calls.Add(1)
							kill()
							return errors.New("killed")
						}
						return nil
					},
				}
				line := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if path.Base(r.URL.Path) == call && calls.Add(1) == 3 && delay != answered {
						timer := time.AfterFunc(delay, kill)
						defer timer.Stop()
					}
					proxy.ServeHTTP(w, r)
				}))
				defer line.Close()
				line.Config.ErrorLog = nil
				remote, err := hud.Dial(hud.Config{Settings: hud.Settings{APIURL: line.URL, RLURL: line.URL, GatewayURL: line.URL}})
				if err != nil {
					t.Fatal(err)
				}
				defer remote.Close()
				c := hud.NewTrainingClient(remote, "tiny", quiet)
				for n := 1; n <= 4; {
					err := step(t.Context(), c)
					if err == nil {
						n++
						continue
					}
					var e *hud.Error
					if !errors.As(err, &e) || e.Code != hud.CodeNetwork {
						t.Fatalf("step %d: got %v, want a failure of the network", n, err)
					}
					kill() // in case it was not yet
					start()
					r, err := c.Recover(t.Context(), hud.RecoverOptions{Discard: true})
					if err != nil || r.Outcome == journal.Unknown {
						t.Fatalf("step %d: got %+v, %v", n, r, err)
					}
					t.Log(r.Outcome)
					if r.Outcome == journal.Applied {
						n++
					}
				}
				kill()
				if got := historyOf(tree(t, data.Dir(), data.model.ID)); !slices.Equal(got, want) {
					t.Errorf("got %+v, want %+v", got, want)
				}
			})
		}
	}
}

// Tasks that all ask at once settle what is in doubt once.
func TestTasksResumeTogether(t *testing.T) {
	t.Parallel()
	fake := hudtest.NewFake()
	inner := serve.Handler(fake, serve.Options{})
	var lose atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if lose.Load() && isTraining(r) {
			panic(http.ErrAbortHandler)
		}
		inner.ServeHTTP(w, r)
	}))
	defer server.Close()
	const script = `
		local hud = require "hud"
		local trainer = hud.TrainingClient("fake/bigram")
		local batch = { { samples = { { prompt_token_ids = { 1 }, output_token_ids = { 2 }, output_logprobs = { -1 } } }, reward = 1 } }
		local tasks = {}
		for i = 1, 6 do
			tasks[i] = hud.spawn(function()
				hud.state("s" .. i)
				return trainer:forward_backward(batch, { loss_fn = "cross_entropy" }).num_datums
			end)
		end
		local sum = 0
		for _, task in ipairs(tasks) do sum = sum + task:wait() end
		trainer:optim_step{ learning_rate = 0.1 }
		print("datums", sum)`
	dir := t.TempDir()
	write(t, dir, "train.lua", script)
	run := func(args ...string) result {
		return program{dir: dir}.run(t, append([]string{"run", "--data", "d", "--service", server.URL}, args...)...)
	}
	run("train.lua").want(t, 0, []string{"datums\t6\n"}, nil)
	lose.Store(true)
	if r := run("train.lua", "lost"); r.code == 0 { // the network's failure, or a refusal after another task's
		t.Fatalf("got %+v, want a failure", r)
	}
	lose.Store(false)
	run("--resume", "train.lua", "lost").want(t, 0, []string{"datums\t6\n"}, []string{"resuming fake/bigram"})
	if n := fake.Count("set_head"); n != 1 {
		t.Errorf("the head was set %d times, want once", n)
	}
}
