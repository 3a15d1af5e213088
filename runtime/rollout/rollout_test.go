package rollout_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
	"github.com/hudrl/hudrl/runtime/rollout"
)

var agent = &rollout.Agent{Model: hudtest.FakeModel, MaxTokens: 6}

func user(text string) []hud.Message { return []hud.Message{{Role: "user", Content: text}} }

// digits scores an answer by its first digit.
func digits(_ context.Context, answer string, _ *hud.Run) (float64, any, error) {
	if answer == "" {
		return 0, nil, nil
	}
	return float64(answer[0] - '0'), "first " + answer[:1], nil
}

func sums(n int) *rollout.Taskset {
	ts := &rollout.Taskset{Name: "sums"}
	for i := range n {
		ts.Tasks = append(ts.Tasks, rollout.Task{Prompt: user(fmt.Sprintf("What is %d + 1?", i)), Grade: digits})
	}
	return ts
}

func play(t *testing.T, svc hud.Service, ts *rollout.Taskset, o rollout.Options) *rollout.Job {
	t.Helper()
	job, err := ts.Run(t.Context(), svc, agent, o)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// said is what the runs said, token by token.
func said(runs []*hud.Run) [][]int {
	var out [][]int
	for _, r := range runs {
		for _, s := range r.Samples {
			out = append(out, s.OutputTokenIDs)
		}
	}
	return out
}

func TestRunsAreInTaskOrderAndKeyed(t *testing.T) {
	t.Parallel()
	fake := hudtest.NewFake()
	job := play(t, fake, sums(5), rollout.Options{Group: new(3), MaxConcurrent: 4})
	runs := job.Runs()
	if len(runs) != 15 {
		t.Fatalf("got %d runs, want 15", len(runs))
	}
	traces, groups := map[string]bool{}, map[string]int{}
	for i, r := range runs {
		traces[r.TraceID] = true
		groups[r.GroupID]++
		if want := "sums-" + strconv.Itoa(i/3+1); r.Task != want || r.Repeat != i%3 || r.GroupID != runs[i-i%3].GroupID {
			t.Errorf("run %d: got task %s, repeat %d, want %s, %d in its group", i, r.Task, r.Repeat, want, i%3)
		}
		if r.Status != hud.StatusCompleted || len(r.Samples) != 1 || r.Tokens != len(r.Samples[0].OutputTokenIDs) || len(r.Messages) != 2 {
			t.Errorf("run %d: got %+v, want a completed run of one turn", i, r)
		}
		answer := r.Messages[1].Content
		if want, info, _ := digits(t.Context(), answer, r); r.Reward != want || r.Info != info {
			t.Errorf("run %d: got reward %v and info %v for %q, want %v and %v", i, r.Reward, r.Info, answer, want, info)
		}
		if want := map[string]string{"stop": hud.StopDone, "length": hud.StopLength}[r.Samples[0].Sampling.FinishReason]; r.StopReason != want {
			t.Errorf("run %d: got stop reason %q, want %q", i, r.StopReason, want)
		}
	}
	if len(traces) != 15 || len(groups) != 5 {
		t.Errorf("got %d trace ids and %d groups, want 15 and 5", len(traces), len(groups))
	}
	// The batch trains as it is.
	trainer := hud.NewTrainingClient(fake, hudtest.FakeModel, hud.TrainingClientOptions{Warn: func(m string) { t.Error(m) }})
	res, err := trainer.Step(t.Context(), hud.Items(runs), hud.StepOptions{LearningRate: 1e-3, ForwardBackwardOptions: hud.ForwardBackwardOptions{GroupSize: new(3)}})
	if err != nil {
		t.Fatal(err)
	}
	if m := res.ForwardBackward.Metrics; m["policy_lag:max"] != 0 || m["offpolicy_samples:sum"] != 0 {
		t.Errorf("got %v, want fresh samples of the policy itself", m)
	}
}

func TestRandomnessBelongsToTheRun(t *testing.T) {
	t.Parallel()
	fake := hudtest.NewFake()
	opts := func(o rollout.Options) rollout.Options {
		o.Group, o.Seed = new(4), new(uint64(11))
		return o
	}
	want := said(play(t, fake, sums(16), opts(rollout.Options{MaxConcurrent: 1, Step: 3})).Runs())
	for _, n := range []int{7, 64, 0} {
		if got := said(play(t, fake, sums(16), opts(rollout.Options{MaxConcurrent: n, Step: 3})).Runs()); !reflect.DeepEqual(got, want) {
			t.Errorf("max_concurrent %d gave other tokens than 1", n)
		}
	}
	other := map[string]rollout.Options{"step": opts(rollout.Options{Step: 4}), "seed": {Group: new(4), Seed: new(uint64(12)), Step: 3}}
	for name, o := range other {
		if got := said(play(t, fake, sums(16), o).Runs()); reflect.DeepEqual(got, want) {
			t.Errorf("another %s gave the same tokens", name)
		}
	}
	// Two calls in one step of a job differ, and do so again in a new process.
	var calls [2][][]int
	for process := range 2 {
		job, err := rollout.NewJob("j", 4)
		if err != nil {
			t.Fatal(err)
		}
		if process == 0 { // a straight run has had earlier steps
			play(t, fake, sums(2), rollout.Options{Job: job, Step: 2})
		}
		a := said(play(t, fake, sums(16), rollout.Options{Job: job, Seed: new(uint64(11)), Step: 3}).Runs())
		b := said(play(t, fake, sums(16), rollout.Options{Job: job, Seed: new(uint64(11)), Step: 3}).Runs())
		if reflect.DeepEqual(a, b) {
			t.Error("two calls in one step gave the same tokens")
		}
		calls[process] = append(a, b...)
	}
	if !reflect.DeepEqual(calls[0], calls[1]) {
		t.Error("a resumed step gave other tokens than the straight run")
	}
}

func TestFailuresStayInTheirRun(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	grade := func(f rollout.Grader) rollout.Task { return rollout.Task{Prompt: user("hi"), Grade: f} }
	ts := &rollout.Taskset{Name: "mixed", Tasks: []rollout.Task{
		grade(digits),
		grade(func(context.Context, string, *hud.Run) (float64, any, error) { return 1, nil, boom }),
		grade(func(context.Context, string, *hud.Run) (float64, any, error) { return math.NaN(), nil, nil }),
		grade(func(ctx context.Context, _ string, _ *hud.Run) (float64, any, error) {
			<-ctx.Done()
			return 1, nil, ctx.Err()
		}),
		{Name: "endless", Run: func(ctx context.Context, s *rollout.ChatSession, _ *rollout.RunContext) (float64, any, error) {
			for {
				if _, err := s.Say(ctx, "more"); err != nil {
					return 0, nil, err
				}
			}
		}},
	}}
	job := play(t, hudtest.NewFake(), ts, rollout.Options{Timeout: time.Second})
	runs := job.Runs()
	want := []struct{ status, stop, text string }{
		{hud.StatusCompleted, "", ""},
		{hud.StatusError, "", "boom"},
		{hud.StatusError, "", "task mixed-3: reward: got NaN, want a finite number"},
		{hud.StatusError, hud.StopTimeout, "timed out after 1s"},
		{hud.StatusError, hud.StopMaxSteps, "chat: the session has taken all of its turns"},
	}
	for i, w := range want {
		r := runs[i]
		if r.Status != w.status || r.Error != w.text || i > 0 && (r.StopReason != w.stop || r.Reward != 0) {
			t.Errorf("run %d: got %s, %q, stop %q, reward %v, want %+v", i, r.Status, r.Error, r.StopReason, r.Reward, w)
		}
		if len(r.Samples) == 0 || len(r.Messages) < 2 {
			t.Errorf("run %d: what was said before is lost", i)
		}
	}
	if !errors.Is(runs[1].Err, boom) || !errors.Is(runs[4].Err, rollout.ErrMaxSteps) {
		t.Errorf("got causes %v and %v", runs[1].Err, runs[4].Err)
	}
	if n := len(runs[4].Samples); n != rollout.DefaultMaxSteps {
		t.Errorf("the endless episode took %d turns, want %d", n, rollout.DefaultMaxSteps)
	}
	kept, err := job.Trainable()
	if err != nil || len(kept) != 1 || kept[0] != runs[0] {
		t.Errorf("got %d trainable runs, %v, want the first", len(kept), err)
	}
}

func TestServiceErrorsMarkTheRun(t *testing.T) {
	t.Parallel()
	fake := hudtest.NewFake()
	fake.Before = func(op string, _ any) error {
		if op == "chat" {
			return &hud.Error{Op: op, Code: hud.CodeRateLimited, Detail: "slow down"}
		}
		return nil
	}
	job := play(t, fake, sums(1), rollout.Options{Group: new(2)})
	var e *hud.Error
	if r := job.Runs()[0]; r.Status != hud.StatusError || !errors.As(r.Err, &e) || e.Code != hud.CodeRateLimited {
		t.Errorf("got %+v, want the service's error", r)
	}
	_, err := job.Trainable()
	if err == nil || !strings.Contains(err.Error(), "all 1 groups have a failed run; the first: run "+job.Runs()[0].TraceID+" of task sums-1: chat: slow down") {
		t.Errorf("got %v, want the reason nothing is left", err)
	}
}

func TestCancelledCall(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	boss, err := rollout.NewJob("boss", 2)
	if err != nil {
		t.Fatal(err)
	}
	var started atomic.Int32
	ts := &rollout.Taskset{Name: "slow", Tasks: slices.Repeat([]rollout.Task{{Run: func(ctx context.Context, _ *rollout.ChatSession, _ *rollout.RunContext) (float64, any, error) {
		if started.Add(1) == 3 {
			cancel()
		}
		<-ctx.Done()
		return 0, nil, ctx.Err()
	}}}, 50)}
	job, err := ts.Run(ctx, hudtest.NewFake(), agent, rollout.Options{Job: boss, MaxConcurrent: 3})
	if !errors.Is(err, context.Canceled) || job != nil {
		t.Errorf("got %v, %v, want context.Canceled and no job", job, err)
	}
	if n := started.Load(); n != 3 {
		t.Errorf("%d runs were started, want 3", n)
	}
	if n := len(boss.Runs()); n != 0 {
		t.Errorf("the job got %d runs of a cancelled call", n)
	}
}

func TestEpisodeWithAnOpponent(t *testing.T) {
	t.Parallel()
	fake := hudtest.NewFake()
	ts := &rollout.Taskset{Name: "game", Tasks: []rollout.Task{{Name: "g", Run: func(ctx context.Context, me *rollout.ChatSession, rc *rollout.RunContext) (float64, any, error) {
		them, err := rc.Agent(&rollout.Agent{Model: hudtest.FakeModel, SystemPrompt: "Play badly.", MaxTokens: 3})
		if err != nil {
			return 0, nil, err
		}
		move := "begin"
		for range 3 {
			mine, err := me.Say(ctx, move)
			if err != nil {
				return 0, nil, err
			}
			theirs, err := them.Say(ctx, mine.Text)
			if err != nil {
				return 0, nil, err
			}
			move = theirs.Text
		}
		if len(them.Samples()) != 3 || them.Messages()[0].Role != "system" {
			return 0, nil, fmt.Errorf("the opponent has %d samples", len(them.Samples()))
		}
		return float64(rc.Repeat), rc.Run.Seed, nil
	}}}}
	runs := play(t, fake, ts, rollout.Options{Group: new(2), Seed: new(uint64(4))}).Runs()
	seeds := map[any]bool{}
	for i, r := range runs {
		if r.Status != hud.StatusCompleted || r.Reward != float64(i) || len(r.Samples) != 3 || len(r.Messages) != 6 {
			t.Fatalf("run %d: got %+v, want three turns", i, r)
		}
		seeds[r.Info] = true
		for k, s := range r.Samples[1:] { // every turn extends the one before it
			before := append(slices.Clone(r.Samples[k].PromptTokenIDs), r.Samples[k].OutputTokenIDs...)
			if !slices.Equal(s.PromptTokenIDs[:len(before)], before) {
				t.Errorf("run %d: turn %d does not extend turn %d", i, k+2, k+1)
			}
		}
	}
	if len(seeds) != 2 {
		t.Error("two repeats have one seed")
	}
	// Only the run's own turns carry its trace id, so that the trace holds
	// nothing of the opponent.
	turns := map[string]int{}
	for _, c := range fake.Calls() {
		if req, ok := c.Req.(*hud.ChatRequest); ok {
			turns[req.TraceID]++
			if (req.TraceID == "") != (len(req.Messages) > 0 && req.Messages[0].Role == "system") {
				t.Errorf("the wrong session carries trace %q", req.TraceID)
			}
		}
	}
	if turns[""] != 6 || turns[runs[0].TraceID] != 3 || turns[runs[1].TraceID] != 3 {
		t.Errorf("got turns by trace %v", turns)
	}
	again := play(t, hudtest.NewFake(), ts, rollout.Options{Group: new(2), Seed: new(uint64(4)), MaxConcurrent: 1}).Runs()
	if !reflect.DeepEqual(said(again), said(runs)) {
		t.Error("the same game again went differently")
	}
	res, err := hud.NewTrainingClient(fake, hudtest.FakeModel, hud.TrainingClientOptions{}).Forward(t.Context(), hud.Items(runs), hud.ForwardOptions{})
	if err != nil || res.Data.Len() != 2 {
		t.Errorf("got %+v, %v, want one merged datum per run", res, err)
	}
}

func TestEvaluationKeepsNothing(t *testing.T) {
	t.Parallel()
	fake := hudtest.NewFake()
	job := play(t, fake, sums(2), rollout.Options{Evaluate: true, Temperature: new(0.0)})
	for _, r := range job.Runs() {
		if r.Status != hud.StatusCompleted || r.Samples != nil || r.Tokens == 0 {
			t.Errorf("got %+v, want a graded run without samples", r)
		}
	}
	for _, c := range fake.Calls() {
		if req, ok := c.Req.(*hud.ChatRequest); c.Op != "chat" || ok && (req.TraceID != "" || *req.Temperature != 0) {
			t.Errorf("an evaluation called %s with %+v", c.Op, c.Req)
		}
	}
	if agent.Temperature != nil {
		t.Error("the agent was changed")
	}
	if _, err := job.Trainable(); err == nil || !strings.Contains(err.Error(), "no samples were captured") {
		t.Errorf("got %v, want no trainable runs", err)
	}
}

func TestTracesAreReported(t *testing.T) {
	t.Parallel()
	fake := hudtest.NewFake()
	runs := play(t, fake, sums(3), rollout.Options{Group: new(2)}).Runs()
	var batch []hud.Item
	for _, r := range runs {
		batch = append(batch, hud.TraceID(r.TraceID))
	}
	trainer := hud.NewTrainingClient(fake, hudtest.FakeModel, hud.TrainingClientOptions{})
	byTrace, err := trainer.Forward(t.Context(), batch, hud.ForwardOptions{})
	if err != nil {
		t.Fatal(err)
	}
	inline, err := trainer.Forward(t.Context(), hud.Items(runs), hud.ForwardOptions{})
	if err != nil || !slices.Equal(inline.Data.Reward, byTrace.Data.Reward) || !slices.Equal(inline.Data.SamplingLogprobs, byTrace.Data.SamplingLogprobs) {
		t.Errorf("the traces hold other trajectories than the runs (%v)", err)
	}

	// A service that cannot record costs one warning and no run.
	fake = hudtest.NewFake()
	fake.Before = func(op string, _ any) error {
		if strings.HasSuffix(op, "_trace") {
			return errors.New("full")
		}
		return nil
	}
	var mu sync.Mutex
	var warnings []string
	job := play(t, fake, sums(3), rollout.Options{Warn: func(m string) {
		mu.Lock()
		defer mu.Unlock()
		warnings = append(warnings, m)
	}})
	if kept, err := job.Trainable(); err != nil || len(kept) != 3 {
		t.Errorf("got %d trainable runs, %v, want 3", len(kept), err)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "full") {
		t.Errorf("got warnings %q, want one", warnings)
	}
}

func TestRefusedOptions(t *testing.T) {
	t.Parallel()
	good := sums(1).Tasks[0]
	episode := func(context.Context, *rollout.ChatSession, *rollout.RunContext) (float64, any, error) {
		return 0, nil, nil
	}
	set := func(tasks ...rollout.Task) *rollout.Taskset { return &rollout.Taskset{Name: "x", Tasks: tasks} }
	tests := []struct {
		want  string
		ts    *rollout.Taskset
		agent *rollout.Agent
		o     rollout.Options
	}{
		{"run: group: got 0, want at least 1", set(good), agent, rollout.Options{Group: new(0)}},
		{"run: max_concurrent: got -1", set(good), agent, rollout.Options{MaxConcurrent: -1}},
		{"run: timeout: got -1s", set(good), agent, rollout.Options{Timeout: -time.Second}},
		{"run: step: got -1", set(good), agent, rollout.Options{Step: -1}},
		{"run: taskset x: got 0 tasks", set(), agent, rollout.Options{}},
		{"run: task 2: grade: got none", set(good, rollout.Task{Prompt: user("hi")}), agent, rollout.Options{}},
		{"run: task 1: prompt: got none", set(rollout.Task{Grade: digits}), agent, rollout.Options{}},
		{"run: task 1: got an episode and a prompt or grader", set(rollout.Task{Run: episode, Grade: digits}), agent, rollout.Options{}},
		{"agent: temperature: got -1", set(good), agent, rollout.Options{Temperature: new(-1.0)}},
		{"agent: got nil", set(good), nil, rollout.Options{}},
		{"agent: model: got an empty name", set(good), &rollout.Agent{}, rollout.Options{}},
		{"agent: max_steps: got -1", set(good), &rollout.Agent{Model: "m", MaxSteps: -1}, rollout.Options{}},
		{"agent: max_tokens: got -1", set(good), &rollout.Agent{Model: "m", MaxTokens: -1}, rollout.Options{}},
		{"agent: temperature: got NaN", set(good), &rollout.Agent{Model: "m", Temperature: new(math.NaN())}, rollout.Options{}},
		{"agent: top_p: got 0", set(good), &rollout.Agent{Model: "m", TopP: new(0.0)}, rollout.Options{}},
		{"agent: top_k: got -1", set(good), &rollout.Agent{Model: "m", TopK: -1}, rollout.Options{}},
		{"agent: min_p: got 2", set(good), &rollout.Agent{Model: "m", MinP: 2}, rollout.Options{}},
		{"agent: stop: got an empty string", set(good), &rollout.Agent{Model: "m", Stop: []string{""}}, rollout.Options{}},
	}
	for _, tt := range tests {
		fake := hudtest.NewFake()
		_, err := tt.ts.Run(t.Context(), fake, tt.agent, tt.o)
		var e *hud.Error
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) || !errors.As(err, &e) || e.Code != hud.CodeValidation {
			t.Errorf("got error %v, want %q", err, tt.want)
		}
		if n := len(fake.Calls()); n != 0 {
			t.Errorf("%s: the service was called", tt.want)
		}
	}
	if _, err := rollout.NewJob("j", 0); err == nil || err.Error() != "job: group: got 0, want at least 1" {
		t.Errorf("got %v", err)
	}
}

// baton is a lock handed between tasks, as an interpreter's is.
type baton struct{ mu sync.Mutex }

func (b *baton) wait(f func()) {
	b.mu.Unlock()
	defer b.mu.Lock()
	f()
}

// Spawn runs f under the lock.
func (b *baton) Spawn(ctx context.Context, f func(context.Context) error) (func(context.Context) error, error) {
	done := make(chan struct{})
	var err error
	go func() {
		defer close(done)
		b.mu.Lock()
		defer b.mu.Unlock()
		err = f(ctx)
	}()
	return func(context.Context) error {
		b.wait(func() { <-done })
		return err
	}, nil
}

// released is a service whose chats release the lock while they wait.
type released struct {
	*hudtest.Fake
	b *baton
}

func (r released) Chat(ctx context.Context, req *hud.ChatRequest) (res *hud.ChatResponse, err error) {
	r.b.wait(func() { res, err = r.Fake.Chat(ctx, req) })
	return res, err
}

// A host that runs graders under a lock of its own needs nothing but a
// Spawner and a Service that release it: no two graders ever run at once, no
// more runs than asked are under way, and nothing deadlocks.
func TestUnderAnInterpreterLock(t *testing.T) {
	t.Parallel()
	var b baton
	var inside, under, most int // guarded by the lock
	episode := func(ctx context.Context, s *rollout.ChatSession, _ *rollout.RunContext) (float64, any, error) {
		under++
		most = max(most, under)
		defer func() { under-- }()
		for range 3 {
			if inside++; inside != 1 {
				t.Error("two episodes hold the lock")
			}
			inside--
			if _, err := s.Say(ctx, "go"); err != nil {
				return 0, nil, err
			}
		}
		return 1, nil, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	ts := &rollout.Taskset{Name: "locked", Tasks: slices.Repeat([]rollout.Task{{Run: episode}}, 20)}
	job, err := ts.Run(t.Context(), released{hudtest.NewFake(), &b}, agent, rollout.Options{Group: new(2), MaxConcurrent: 5, Spawner: &b})
	if err != nil {
		t.Fatal(err)
	}
	if len(job.Runs()) != 40 || job.Reward() != 1 {
		t.Errorf("got %d runs with mean reward %v, want 40 and 1", len(job.Runs()), job.Reward())
	}
	if most > 5 {
		t.Errorf("%d runs were under way at once, want at most 5", most)
	}
}

// A spawner that cannot run a task says why, and the call fails with it.
func TestSpawnerThatRefuses(t *testing.T) {
	t.Parallel()
	full := errors.New("too many tasks")
	n := 0
	_, err := sums(6).Run(t.Context(), hudtest.NewFake(), agent, rollout.Options{MaxConcurrent: 2, Spawner: spawnFunc(func(ctx context.Context, f func(context.Context) error) (func(context.Context) error, error) {
		if n++; n > 3 {
			return nil, full
		}
		err := f(ctx)
		return func(context.Context) error { return err }, nil
	})})
	if !errors.Is(err, full) {
		t.Errorf("got %v, want %v", err, full)
	}
}

type spawnFunc func(context.Context, func(context.Context) error) (func(context.Context) error, error)

func (s spawnFunc) Spawn(ctx context.Context, f func(context.Context) error) (func(context.Context) error, error) {
	return s(ctx, f)
}

// A spawner may leave by a panic, as a script's error does. The runs under
// way then start no others.
func TestSpawnerThatPanics(t *testing.T) {
	t.Parallel()
	var tasks sync.WaitGroup
	var spawned atomic.Int32
	release := make(chan struct{})
	spawner := spawnFunc(func(ctx context.Context, f func(context.Context) error) (func(context.Context) error, error) {
		if spawned.Add(1) == 3 {
			panic("raised")
		}
		tasks.Go(func() {
			<-release
			_ = f(ctx)
		})
		return func(context.Context) error { return nil }, nil
	})
	func() {
		defer func() {
			if r := recover(); r != "raised" {
				t.Errorf("recovered %v, want the spawner's panic", r)
			}
		}()
		_, _ = sums(9).Run(t.Context(), hudtest.NewFake(), agent, rollout.Options{MaxConcurrent: 4, Spawner: spawner})
	}()
	close(release)
	tasks.Wait()
	if n := spawned.Load(); n != 3 {
		t.Errorf("%d tasks were spawned, want none after the panic of the third", n)
	}
}

// A grader that fails does not pass for one that gave 0, also where nothing is
// trained.
func TestFailedRunsAreTold(t *testing.T) {
	t.Parallel()
	for _, evaluate := range []bool{false, true} {
		set := sums(3)
		set.Tasks[1].Grade = func(context.Context, string, *hud.Run) (float64, any, error) {
			return 0, nil, errors.New("reward: got boolean")
		}
		var warnings []string
		play(t, hudtest.NewFake(), set, rollout.Options{Evaluate: evaluate, Warn: func(m string) { warnings = append(warnings, m) }})
		if want := "1 of 3 runs failed, and have reward 0: the first: "; len(warnings) != 1 || !strings.HasPrefix(warnings[0], want) || !strings.Contains(warnings[0], "got boolean") {
			t.Errorf("got %q, want one warning: %s", warnings, want)
		}
	}
}
