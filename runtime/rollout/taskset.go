package rollout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/rng"
)

// A Grader scores the answer to a task's prompt. run has the conversation and
// the samples; info is kept as Run.Info. An error marks the run as failed.
type Grader func(ctx context.Context, answer string, run *hud.Run) (reward float64, info any, err error)

// An Episode talks to the agent, for as many turns as it likes, and scores
// the run itself.
type Episode func(ctx context.Context, agent *ChatSession, rc *RunContext) (reward float64, info any, err error)

// A Task is a prompt with a grader, or an episode.
type Task struct {
	Name   string        // default: the taskset's name and the task's position
	Prompt []hud.Message // with Grade
	Grade  Grader
	Run    Episode // instead of Prompt and Grade
}

// A Taskset is a list of tasks.
type Taskset struct {
	Name  string
	Tasks []Task
}

// A RunContext is what an episode knows of its run.
type RunContext struct {
	Task   string
	Index  int // position of the task, from 0
	Repeat int // position within the group, from 0
	Step   int
	Run    *hud.Run // Run.Seed is for the episode's own randomness

	svc   hud.Service
	agent *Agent

	mu       sync.Mutex
	sessions uint64
}

// Agent opens another session: an opponent, a judge. Its samples are not the
// run's. A nil agent is the run's own, asked afresh.
func (rc *RunContext) Agent(agent *Agent) (*ChatSession, error) {
	if agent == nil {
		agent = rc.agent
	}
	if err := agent.Validate(); err != nil {
		return nil, err
	}
	rc.mu.Lock()
	n := rc.sessions
	rc.sessions++
	rc.mu.Unlock()
	return newSession(rc.svc, agent, rng.Derive(rc.Run.Seed, rng.Hash("agent"), n), ""), nil
}

// Options are the arguments of Taskset.Run. The zero value is good.
type Options struct {
	Job           *Job          // append the runs to it
	Group         *int          // runs per task; nil is the job's Group, or 1
	MaxConcurrent int           // runs at once; 0 is DefaultMaxConcurrent
	Timeout       time.Duration // per run; 0 is none
	Seed          *uint64       // nil is the agent's, or 0
	Step          int           // the training step, part of every seed
	Evaluate      bool          // keep nothing for training: no samples, no trace
	Temperature   *float64      // instead of the agent's
	Spawner       Spawner       // nil is Goroutines
	Warn          func(string)  // nil is slog; told of runs that failed and of traces that cannot be reported
}

// DefaultMaxConcurrent is how many runs are under way at once unless Options
// say otherwise.
const DefaultMaxConcurrent = 256

// Run runs each task Group times and returns a Job with the runs of this
// call, the repeats of a task together, whatever ended first. A run that
// fails or times out is in it with its status; only a cancelled context, or
// arguments that make no sense, are errors, and then no job is touched.
func (ts *Taskset) Run(ctx context.Context, svc hud.Service, agent *Agent, o Options) (*Job, error) {
	p, err := ts.prepare(svc, agent, o)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	c := &crowd{ctx: ctx, spawner: o.Spawner, n: len(p.runs), body: p.run}
	if c.spawner == nil {
		c.spawner = Goroutines{}
	}
	if err := c.run(p.maxConcurrent); err != nil {
		return nil, fmt.Errorf("run: %w", err)
	}
	seconds := time.Since(start).Seconds()
	p.tell(p.runs)
	p.job.add(p.runs, seconds)
	if o.Job != nil {
		o.Job.add(p.runs, seconds)
	}
	return p.job, nil
}

// A party is one call of Taskset.Run under way. runs[i] is written by task i
// alone until the crowd has ended.
type party struct {
	Options
	tasks         []Task
	agent         *Agent
	svc           hud.Service
	tracer        hud.Tracer // nil when nothing is traced
	job           *Job
	group         int
	maxConcurrent int
	seed          uint64
	runs          []*hud.Run
	warnOnce      sync.Once
}

func (ts *Taskset) prepare(svc hud.Service, agent *Agent, o Options) (*party, error) {
	const op = "run"
	p := &party{Options: o, svc: svc, maxConcurrent: o.MaxConcurrent, group: 1}
	if svc == nil {
		return nil, named(op, invalid("service: got nil"))
	}
	if err := agent.Validate(); err != nil {
		return nil, err
	}
	played := *agent
	if o.Temperature != nil {
		played.Temperature = o.Temperature
		if err := played.Validate(); err != nil {
			return nil, err
		}
	}
	p.agent = &played
	if o.Job != nil {
		p.group = o.Job.Group
	}
	if o.Group != nil {
		p.group = *o.Group
	}
	switch {
	case p.group < 1:
		return nil, named(op, invalid("group: got %d, want at least 1", p.group))
	case o.MaxConcurrent < 0:
		return nil, named(op, invalid("max_concurrent: got %d, want at least 1", o.MaxConcurrent))
	case o.Timeout < 0:
		return nil, named(op, invalid("timeout: got %v, want at least 0", o.Timeout))
	case o.Step < 0:
		return nil, named(op, invalid("step: got %d, want at least 0", o.Step))
	case len(ts.Tasks) == 0:
		return nil, named(op, invalid("taskset %s: got 0 tasks, want at least 1", ts.Name))
	}
	if p.maxConcurrent == 0 {
		p.maxConcurrent = DefaultMaxConcurrent
	}
	p.tasks = make([]Task, len(ts.Tasks))
	for i, t := range ts.Tasks {
		switch {
		case t.Run != nil && (t.Grade != nil || len(t.Prompt) > 0):
			return nil, named(op, invalid("task %d: got an episode and a prompt or grader, want one or the other", i+1))
		case t.Run == nil && len(t.Prompt) == 0:
			return nil, named(op, invalid("task %d: prompt: got none, want a prompt with a grader, or an episode", i+1))
		case t.Run == nil && t.Grade == nil:
			return nil, named(op, invalid("task %d: grade: got none, want a function that scores the answer", i+1))
		}
		if t.Name == "" {
			t.Name = fmt.Sprintf("%s-%d", ts.Name, i+1)
		}
		p.tasks[i] = t
	}
	if p.Warn == nil {
		p.Warn = func(message string) { slog.Warn(message) }
	}
	if tracer, ok := svc.(hud.Tracer); ok && !o.Evaluate {
		p.tracer = tracer
	}

	base := uint64(0)
	if agent.Seed != nil {
		base = *agent.Seed
	}
	if o.Seed != nil {
		base = *o.Seed
	}
	p.job = &Job{ID: newID(), Name: ts.Name, Group: p.group}
	call := uint64(0)
	if o.Job != nil {
		p.job.ID, p.job.Name = o.Job.ID, o.Job.Name
		call = o.Job.begin(uint64(o.Step))
	}
	p.seed = rng.Derive(base, rng.Hash(ts.Name), uint64(o.Step), call)

	p.runs = make([]*hud.Run, len(p.tasks)*p.group)
	for i := range p.tasks {
		id := newID()
		for r := range p.group {
			p.runs[i*p.group+r] = &hud.Run{TraceID: newID(), GroupID: id, Task: p.tasks[i].Name, Repeat: r, Status: hud.StatusCancelled}
		}
	}
	return p, nil
}

// run plays run k and records how it went.
//
// The trace is reported under ctx and not under the run's own deadline, so
// that a timed-out run is reported too.
func (p *party) run(ctx context.Context, k int) {
	run, task := p.runs[k], p.tasks[k/p.group]
	start := time.Now()
	p.report(func() error {
		return p.tracer.EnterTrace(ctx, hud.TraceEnter{
			TraceID: run.TraceID, JobID: p.job.ID, GroupID: run.GroupID, TaskSlug: task.Name, Model: p.agent.Model,
			JobName: p.job.Name, Group: p.group,
		})
	})

	play := ctx
	if p.Timeout > 0 {
		var cancel context.CancelFunc
		play, cancel = context.WithTimeoutCause(ctx, p.Timeout, errTimeout)
		defer cancel()
	}
	seed := rng.Derive(p.seed, uint64(k/p.group), uint64(run.Repeat))
	run.Seed = rng.Derive(seed, rng.Hash("run")) // apart from those of the turns, Derive(seed, 0), Derive(seed, 1), …
	trace := run.TraceID
	if p.Evaluate {
		trace = ""
	}
	session := newSession(p.svc, p.agent, seed, trace)
	session.run = run
	reward, info, err := p.play(play, task, session, run, k)
	switch {
	case err == nil && (math.IsNaN(reward) || math.IsInf(reward, 0)):
		err = fmt.Errorf("task %s: reward: got %v, want a finite number", task.Name, reward)
		fallthrough
	case err != nil:
		p.fail(ctx, play, run, err)
	default:
		run.Status, run.StopReason = hud.StatusCompleted, session.stopReason()
		run.Reward, run.Info = reward, info
	}
	run.Seconds = time.Since(start).Seconds()

	p.report(func() error {
		exit := hud.TraceExit{TraceID: run.TraceID, Status: run.Status, StopReason: run.StopReason, Error: run.Error}
		if run.Status == hud.StatusCompleted {
			exit.Reward = &run.Reward
		}
		return p.tracer.ExitTrace(ctx, exit)
	})
}

// errTimeout is the cause of a run's own deadline.
var errTimeout = errors.New("timed out")

// passed reports whether ctx's deadline has passed, which a host's own timer
// may have noticed before ctx's did.
func passed(ctx context.Context) bool {
	end, bounded := ctx.Deadline()
	return bounded && !time.Now().Before(end)
}

func (p *party) play(ctx context.Context, task Task, session *ChatSession, run *hud.Run, k int) (float64, any, error) {
	if task.Run != nil {
		defer p.record(run, session)
		return task.Run(ctx, session, &RunContext{
			Task: task.Name, Index: k / p.group, Repeat: run.Repeat, Step: p.Step, Run: run, svc: p.svc, agent: p.agent,
		})
	}
	reply, err := session.Chat(ctx, task.Prompt...)
	p.record(run, session)
	if err != nil {
		return 0, nil, err
	}
	return task.Grade(ctx, reply.Text, run)
}

// record copies what the session has so far into the run.
func (p *party) record(run *hud.Run, session *ChatSession) {
	run.Messages, run.Tokens = session.Messages(), session.Tokens()
	if !p.Evaluate {
		run.Samples = session.Samples()
	}
}

// tell warns of runs that failed: their reward is 0, and nothing else may say so.
func (p *party) tell(runs []*hud.Run) {
	failed, first := 0, ""
	for _, r := range runs {
		if r.Status == hud.StatusError {
			if failed++; failed == 1 {
				first = r.Error
			}
		}
	}
	if failed > 0 {
		p.Warn(fmt.Sprintf("%d of %d runs failed, and have reward 0: the first: %s", failed, len(runs), first))
	}
}

// fail marks a run: cancelled when the whole call was, else an error.
func (p *party) fail(ctx, play context.Context, run *hud.Run, err error) {
	run.Status, run.Error, run.Err = hud.StatusError, err.Error(), err
	switch {
	case ctx.Err() != nil:
		run.Status = hud.StatusCancelled
	case context.Cause(play) == errTimeout || passed(play):
		run.StopReason = hud.StopTimeout
		run.Error = fmt.Sprintf("timed out after %v", p.Timeout)
	case errors.Is(err, ErrMaxSteps):
		run.StopReason = hud.StopMaxSteps
	}
}

// report tells the tracer; a trace that cannot be recorded warns once and
// costs the run nothing.
func (p *party) report(f func() error) {
	if p.tracer == nil {
		return
	}
	if err := f(); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		p.warnOnce.Do(func() { p.Warn("rollout: a trace could not be recorded: " + err.Error()) })
	}
}
