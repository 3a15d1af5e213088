package journal

import (
	"fmt"
	"time"
)

// An Outcome is what became of what was in doubt.
type Outcome string

// The outcomes.
const (
	Applied    Outcome = "applied"
	NotApplied Outcome = "not_applied"
	Unknown    Outcome = "unknown"
)

// A Doubt is why a call may not be sent: it follows a call whose outcome is
// unknown, or passes of a step that was given up.
type Doubt struct {
	Op     Op        // of the call that was refused
	Name   string    // of the model
	Calls  []Sent    // whose outcome is unknown, oldest first; may be none
	Since  time.Time // when the first of them was sent
	Why    string    // what made it unknown
	Passes int       // acknowledged passes of the step that was given up
	Asking bool      // it is being settled by another task
}

func (d *Doubt) Error() string {
	if d.Asking {
		return "what is in doubt is being settled"
	}
	if len(d.Calls) == 0 {
		return fmt.Sprintf("%d passes of a step that did not take place are still accumulated: a pass would add to them", d.Passes)
	}
	first := d.Calls[0]
	text := fmt.Sprintf("nobody knows whether the %s sent at %s was applied", first.Op, d.Since.UTC().Format("15:04:05 MST"))
	if first.Place.Step > 0 {
		text += fmt.Sprintf(" in step %d", first.Place.Step)
	}
	return text + ": " + d.Why
}

// A Call is one that was written down and is about to be sent.
type Call struct {
	j   *Journal
	seq int
}

// Begin writes a call down, and returns once it is safe to send it: no crash
// can lose that it was. It fails with a *Doubt when something about the model
// is not settled, and with an *Error when the journal cannot be written;
// either way nothing may be sent.
func (j *Journal) Begin(s Sent) (*Call, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	m := j.state.model(s.Model)
	if m.refuses(s.Op) {
		return nil, m.doubtful(s.Op, s.Name)
	}
	if j.broken != nil {
		return nil, j.broken
	}
	s.Place = j.place
	j.seq++
	j.append(true, record{Kind: kindSent, Seq: j.seq, Sent: &s})
	c := &Call{j, j.seq}
	if j.broken != nil {
		j.append(false, record{Kind: kindFailed, Seq: c.seq})
		return nil, j.broken
	}
	return c, nil
}

// Check fails with a *Doubt when Begin would.
func (j *Journal) Check(modelID, name string, op Op) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if m := j.state.models[modelID]; m != nil && m.refuses(op) {
		return m.doubtful(op, name)
	}
	return nil
}

// refuses reports whether a call must wait until what is in doubt is settled.
func (m *model) refuses(op Op) bool {
	return len(m.doubts) > 0 || m.asking || m.stale && op != OptimStep
}

func (m *model) doubtful(op Op, name string) *Doubt {
	d := &Doubt{Op: op, Name: name, Passes: m.passes, Asking: m.asking}
	for _, e := range m.doubts {
		d.Calls = append(d.Calls, *e.sent)
	}
	if len(m.doubts) > 0 {
		d.Since, d.Why = m.doubts[0].at, m.doubts[0].why
	}
	return d
}

// Acknowledge says that the service did it. checkpoint and step are an
// optimizer step's. A line that cannot be written is no failure of the call:
// it breaks the journal, which refuses the next one.
func (c *Call) Acknowledge(checkpoint string, step int) {
	c.end(record{Kind: kindAck, Checkpoint: checkpoint, Step: step})
}

// Fail says that the call certainly had no effect; cleared, that nothing is
// accumulated any more.
func (c *Call) Fail(code, detail string, cleared bool) {
	c.end(record{Kind: kindFailed, Code: code, Detail: detail, Cleared: cleared})
}

// Lose says that nobody knows.
func (c *Call) Lose(code, detail string) {
	c.end(record{Kind: kindUnknown, Code: code, Detail: detail})
}

func (c *Call) end(r record) {
	c.j.mu.Lock()
	defer c.j.mu.Unlock()
	r.Seq = c.seq
	c.j.append(true, r)
}

// Moved says that a model's head was set to a checkpoint, "" for the base
// weights, which discards what was accumulated and answers every doubt. ours
// says that the checkpoint may be the one of the optimizer step in doubt.
func (j *Journal) Moved(modelID, checkpoint string, ours bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	m := j.state.models[modelID]
	if m == nil {
		return // it has no calls
	}
	r := record{Kind: kindMoved, Model: modelID, Checkpoint: checkpoint}
	if ours && len(m.doubts) > 0 {
		r.Outcome = Applied
	}
	j.append(len(m.doubts) > 0 || m.passes > 0, r)
}

// Ask keeps a model's calls back while somebody finds out what is in doubt,
// until done is called. ok is false while another does so, or while calls are
// under way.
func (j *Journal) Ask(modelID string) (done func(), ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	m := j.state.model(modelID)
	if m.asking || m.flying > 0 {
		return nil, false
	}
	m.asking = true
	return func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		m.asking = false
	}, true
}

// A Status is what is known of one model.
type Status struct {
	Name   string
	Where  string // of the last call in doubt, as in Sent
	Tree   *Tree  // nil: not known
	Was    *Tree  // what an earlier process knew, nil for nothing
	Flying int    // calls of this process without an answer yet
	Calls  []Sent // in doubt, oldest first
	Since  time.Time
	Why    string
	Passes int  // acknowledged since the last step
	Stale  bool // and of a step that was given up
	Called bool // some call ended
	OK     bool // and the last one that did was acknowledged
}

// Status is what is known of a model.
func (j *Journal) Status(modelID string) Status {
	j.mu.Lock()
	defer j.mu.Unlock()
	m := j.state.models[modelID]
	if m == nil {
		return Status{}
	}
	d := m.doubtful("", m.name)
	s := Status{
		Name: m.name, Flying: m.flying, Calls: d.Calls, Since: d.Since, Why: d.Why,
		Passes: m.passes, Stale: m.stale, Called: m.called, OK: m.ended,
	}
	if m.tree != nil {
		t := *m.tree
		s.Tree = &t
	}
	if m.was != nil {
		t := *m.was
		s.Was = &t
	}
	for _, c := range d.Calls {
		s.Where = c.Where
	}
	return s
}

// Settle says what became of what is in doubt of a model, Applied or
// NotApplied, and how its tree is now. cleared says that nothing is
// accumulated any more.
func (j *Journal) Settle(modelID string, o Outcome, now Tree, cleared bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.append(true, record{Kind: kindSettled, Model: modelID, Outcome: o, Head: now.Head, Newest: now.Newest, Step: now.Step, Cleared: cleared})
	return j.broken
}

// Know says how a model's tree is now, nil that it is no longer known.
func (j *Journal) Know(modelID string, t *Tree) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.state.model(modelID).tree = t
}
