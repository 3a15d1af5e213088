package hud

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/rollout"
)

// A job is a rollout.Job with the tables that stand for its runs. The tables
// are what scripts see and may change: they are the truth, and sync brings the
// Go records up to date before the job looks at them.
type job struct {
	*rollout.Job
	tables *runTables
}

func (j *job) String() string {
	return fmt.Sprintf("Job %s: %s, mean reward %.3f", j.Name, counted(len(j.Runs()), "run"), j.Reward())
}

// runTables keeps one table for each run, so that a run is the same table
// wherever it is met.
type runTables struct {
	l  *library
	of map[*hud.Run]*lua.LTable
}

func newRunTables(l *library) *runTables { return &runTables{l, map[*hud.Run]*lua.LTable{}} }

// runKind names the records that are runs.
const runKind = "Run"

// isRun reports whether a table was made for a run.
func (l *library) isRun(t *lua.LTable) bool {
	mt, ok := t.Metatable.(*lua.LTable)
	return ok && mt.RawGetString("__name") == lua.LString(runKind)
}

// table is the run's table as a grader or an episode sees it: what is known
// before the end.
func (r *runTables) table(run *hud.Run) *lua.LTable {
	t := r.of[run]
	if t == nil {
		t = r.l.vm.NewTable(0, 16)
		r.of[run] = r.begin(t, run)
	}
	if run.Messages != nil && t.RawGetString("messages") == lua.LNil {
		t.RawSetString("messages", r.l.messageList(run.Messages))
	}
	return t
}

func (r *runTables) begin(t *lua.LTable, run *hud.Run) *lua.LTable {
	t.RawSetString("trace_id", lua.LString(run.TraceID))
	setText(t, "group_id", run.GroupID)
	setText(t, "task", run.Task)
	return luax.Record(r.l.vm, runKind, t, func(L *lua.LState, t *lua.LTable) string {
		return fmt.Sprintf("run of %s: reward %s, %s", r.l.vm.Text(L, t.RawGetString("task")),
			r.l.vm.Text(L, t.RawGetString("reward")), r.l.vm.Text(L, t.RawGetString("status")))
	})
}

// finish fills in what is known at the end. What a grader set itself (extra)
// stays.
func (r *runTables) finish(run *hud.Run) {
	t := r.table(run)
	t.RawSetString("reward", lua.LNumber(run.Reward))
	t.RawSetString("status", lua.LString(run.Status))
	setText(t, "stop_reason", run.StopReason)
	setText(t, "error", run.Error)
	t.RawSetString("samples", r.l.sampleList(run.Samples))
	t.RawSetString("messages", r.l.messageList(run.Messages))
	if info, ok := run.Info.(lua.LValue); ok {
		t.RawSetString("info", info)
	}
	t.RawSetString("tokens", lua.LNumber(run.Tokens))
	t.RawSetString("seconds", lua.LNumber(run.Seconds))
}

// adopt takes over the tables of another job's runs.
func (r *runTables) adopt(from *runTables) {
	for run, t := range from.of {
		r.of[run] = t
	}
}

// run reads a run's table back.
func (l *library) run(a *luax.Args, name string, t *lua.LTable) *hud.Run {
	run := &hud.Run{}
	l.readRun(a, name, t, run)
	if list := field(name, t, "samples", a.AsTable); list != nil {
		run.Samples = l.samples(a, name+".samples", list)
	}
	return run
}

// readRun reads the fields of a run that decide how it is trained on.
func (l *library) readRun(a *luax.Args, name string, t *lua.LTable, run *hud.Run) {
	run.TraceID = field(name, t, "trace_id", a.AsString)
	run.GroupID = field(name, t, "group_id", a.AsString)
	run.Task = field(name, t, "task", a.AsString)
	run.Reward = field(name, t, "reward", a.AsNumber)
	run.Status = field(name, t, "status", a.AsString)
	run.StopReason = field(name, t, "stop_reason", a.AsString)
	run.Error = field(name, t, "error", a.AsString)
	run.Extra = extra(a, name, t)
}

// sync copies what a script changed in the tables to the job's own records.
func (j *job) sync(a *luax.Args) {
	for i, run := range j.Runs() {
		if t := j.tables.of[run]; t != nil {
			j.tables.l.readRun(a, fmt.Sprintf("runs[%d]", i+1), t, run)
		}
	}
}

func (l *library) runList(j *job, runs []*hud.Run) *lua.LTable {
	t := l.vm.NewTable(len(runs), 0)
	for i, run := range runs {
		t.RawSetInt(i+1, j.tables.table(run))
	}
	return t
}

func (l *library) defineJob() {
	luax.Define(l.vm, luax.Class[*job]{
		Name: "Job",
		Methods: map[string]lua.LGFunction{
			"has_spread": func(L *lua.LState) int {
				a := luax.Read(L, "has_spread")
				j := luax.Self[*job](&a)
				a.End()
				j.sync(&a)
				L.Push(lua.LBool(j.HasSpread()))
				return 1
			},
			"trainable": func(L *lua.LState) int {
				a := luax.Read(L, "trainable")
				j := luax.Self[*job](&a)
				a.End()
				j.sync(&a)
				runs, err := j.Trainable()
				if err != nil {
					L.Push(lua.LNil)
					L.Push(lua.LString(err.Error()))
					return 2
				}
				L.Push(l.runList(j, runs))
				return 1
			},
		},
		Get: func(L *lua.LState, j *job, key lua.LValue) (lua.LValue, bool) {
			switch key {
			case lua.LString("id"):
				return lua.LString(j.ID), true
			case lua.LString("name"):
				return lua.LString(j.Name), true
			case lua.LString("group"):
				return lua.LNumber(j.Group), true
			case lua.LString("runs"):
				return l.runList(j, j.Runs()), true
			case lua.LString("reward"):
				a := luax.Read(L, "reward")
				j.sync(&a)
				return lua.LNumber(j.Reward()), true
			case lua.LString("tokens"):
				return lua.LNumber(j.Tokens()), true
			case lua.LString("seconds"):
				return lua.LNumber(j.Seconds()), true
			}
			return lua.LNil, false
		},
		Fields: []string{"id", "name", "group", "runs", "reward", "tokens", "seconds"},
	})
}

// startJob is hud.Job.start.
func (l *library) startJob(L *lua.LState) int {
	a := luax.Read(L, "start")
	name := a.String("name")
	o := a.Options("group")
	group := o.Int("group", 1)
	a.End()
	j, err := rollout.NewJob(name, group)
	l.check(L, err)
	L.Push(luax.Wrap(L, &job{j, newRunTables(l)}))
	return 1
}
