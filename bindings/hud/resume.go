package hud

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/journal"
)

// A resumption is what the VM knows of its run's journal.
type resumption struct {
	journal *journal.Journal

	// elsewhere are the services at addresses of the script's own.
	elsewhere map[string]hud.Service

	settled  bool          // what earlier processes left in doubt is settled
	settling chan struct{} // closed when the task that does it is done
	asked    bool          // the script asked where it was: for a state, a head, checkpoints
	within   bool          // a loop that was under way went on, and nothing was trained yet
}

// placeOf names a service of the script's own in the journal.
func placeOf(at hud.Address) string {
	if u, err := url.Parse(cmp.Or(at.BaseURL, at.APIURL)); err == nil && u.Host != "" {
		return u.Scheme + "://" + u.Host
	}
	return "a key of the script's own"
}

// client is a training client whose calls are in the journal.
func (l *library) client(svc hud.Service, model, where string) *hud.TrainingClient {
	return hud.NewTrainingClient(svc, model, hud.TrainingClientOptions{Warn: l.warn, Journal: l.past.journal, Where: where})
}

// resume settles what earlier processes of the run left in doubt.
func (l *library) resume(L *lua.LState) {
	for !l.past.settled && l.past.journal.Continued() {
		if others := l.past.settling; others != nil {
			ctx := callContext(l.vm, L)
			l.check(L, awaitError(l.vm, ctx, func() error {
				select {
				case <-others:
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}))
			continue
		}
		l.past.settling = make(chan struct{})
		err := l.settle(L)
		close(l.past.settling)
		l.past.settling = nil
		l.check(L, err)
		l.past.settled = true
	}
}

func (l *library) settle(L *lua.LState) error {
	const op = "resume"
	for _, id := range l.past.journal.Models() {
		st := l.past.journal.Status(id)
		var svc hud.Service = l.svc
		if st.Where != "" {
			if svc = l.past.elsewhere[st.Where]; svc == nil {
				return &hud.Error{Op: op, Code: hud.CodeConflict, Status: 409,
					Detail: fmt.Sprintf("something is in doubt of model %s at %s", st.Name, st.Where),
					Hint:   "make its hud.TrainingClient before hud.steps, hud.state and hud.metrics.run"}
			}
		}
		r, err := l.client(svc, id, st.Where).Recover(callContext(l.vm, L), hud.RecoverOptions{Discard: true})
		if err != nil {
			return err
		}
		if r.Outcome == journal.Unknown {
			return &hud.Error{Op: op, Code: hud.CodeConflict, Status: 409,
				Detail: fmt.Sprintf("nobody can tell where the run of model %s was interrupted", st.Name), Hint: r.Hint}
		}
		l.vm.Logger().Info(fmt.Sprintf("resuming %s: %s", st.Name, r.Hint))
	}
	return nil
}

// after is the step after which a loop begins.
func (l *library) after(L *lua.LState, loop, n int, within bool) int {
	l.resume(L)
	after, err := l.past.journal.After(loop, n, within)
	if err != nil {
		e := &hud.Error{Op: "steps", Code: hud.CodeConflict, Status: 409, Detail: err.Error(), Err: err}
		if hinted, ok := err.(interface{ ErrorHint() string }); ok {
			e.Hint = hinted.ErrorHint()
		}
		l.check(L, e)
	}
	return after
}

// goOn puts everything where it was when a loop goes on that an earlier
// process was in.
func (l *library) goOn(L *lua.LState, loop, after int) {
	j := l.past.journal
	if !j.Resumes(loop, after) {
		return
	}
	l.check(L, luax.CursorsOf(l.vm).Restore(j.Last().Cursors))
	l.past.within = true
	if applied, before, cut := j.Cut(); cut {
		l.warn(fmt.Sprintf("step %d was interrupted after %d of %d optimizer steps, and is taken as done", after, applied, before))
	}
}

// ready is called before t trains.
func (l *library) ready(L *lua.LState, t *trainer) {
	l.resume(L)
	if n := l.past.journal.Outside(); n > 0 && !l.past.asked {
		l.check(L, &hud.Error{Op: "resume", Code: hud.CodeConflict, Status: 409,
			Detail: fmt.Sprintf("the interrupted run took %d optimizer steps outside of the steps of hud.steps, and would take them again", n),
			Hint:   "train in `for step in hud.steps(n) do`, with no other hud.steps inside (n may be batches of a data set), or keep in hud.state what is done; without --resume a new run begins"})
	}
	if !l.past.within {
		return
	}
	id, err := t.ID(callContext(l.vm, L))
	l.check(L, err)
	if !l.past.journal.Trained(id) {
		l.check(L, &hud.Error{Op: "resume", Code: hud.CodeConflict, Status: 409,
			Detail: fmt.Sprintf("the interrupted loop trained another model than %s", t.Model()),
			Hint:   "train the same one: keep its name in hud.state, or let the script fork it by the same name before the loop"})
	}
	l.past.within = false
}

// cursors are where random streams and data sets are.
func (l *library) cursors(L *lua.LState) map[string]json.RawMessage {
	if !l.past.journal.Durable() {
		return nil
	}
	saved, err := luax.CursorsOf(l.vm).Save()
	l.check(L, err)
	return saved
}

// fork is hud.models.fork. A run that goes on, and begins its script again,
// finds the models that it forked before its loop.
func (l *library) fork(ctx context.Context, source, name string) (hud.Model, error) {
	if l.step > 0 {
		return hud.Fork(ctx, l.svc, source, name)
	}
	if id := l.past.journal.Forks(source, name); id != "" {
		m, err := l.svc.Resolve(ctx, id)
		if e, ok := errors.AsType[*hud.Error](err); ok && e.Code == hud.CodeNotFound {
			err = &hud.Error{Op: "fork", Code: e.Code, Status: e.Status, Err: e,
				Detail: fmt.Sprintf("model %s, which the interrupted run forked of %s, is gone", name, source),
				Hint:   "without --resume a new run begins, with a new fork"}
		}
		return m, err
	}
	m, err := hud.Fork(ctx, l.svc, source, name)
	if err == nil {
		l.past.journal.Forked(journal.Fork{Source: source, Name: name, Model: m.ID})
	}
	return m, err
}

// recover is trainer:recover.
func (l *library) recover(L *lua.LState) int {
	a := luax.Read(L, "recover")
	t := luax.Self[*trainer](&a)
	o := a.Options("discard")
	options := hud.RecoverOptions{Discard: o.Bool("discard", false)}
	a.End()
	r, err := t.Recover(callContext(l.vm, L), options)
	l.check(L, err)
	if options.Discard {
		clear(t.offsets)
	}
	out := l.vm.NewTable(0, 4)
	out.RawSetString("outcome", lua.LString(r.Outcome))
	if r.Step > 0 {
		out.RawSetString("step", lua.LNumber(r.Step))
	}
	if r.CheckpointID != "" {
		out.RawSetString("checkpoint_id", lua.LString(r.CheckpointID))
	}
	out.RawSetString("hint", lua.LString(r.Hint))
	L.Push(luax.Record(l.vm, "Recovery", out, func(L *lua.LState, t *lua.LTable) string {
		return l.vm.Text(L, t.RawGetString("outcome")) + ": " + l.vm.Text(L, t.RawGetString("hint"))
	}))
	return 1
}
