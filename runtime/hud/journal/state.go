package journal

import (
	"fmt"
	"slices"
	"time"
)

// state is what the lines of a journal come to. It is a function of them
// alone: apply is called with those that are read and those that are written.
type state struct {
	models map[string]*model
	calls  map[int]*entry // without an end
	ended  map[int]bool   // loops that ended by themselves
	forks  []Fork
	done   bool  // the run ended well
	last   *Sent // the last applied optim_step
	place  Place // of the last applied optim_step in a loop

	outside int  // applied optim_steps outside of all loops
	mixed   bool // a loop had one after a later loop had: one is in the other, or they ran at once

	trained            map[string]bool // models with an applied step in place's loop
	steps, stepsBefore int             // optimizer steps applied in place's step, and in the one before it
}

// A model is what is known of one model's training.
type model struct {
	name   string
	tree   *Tree    // nil: not known
	was    *Tree    // what an earlier process knew
	flying int      // calls under way
	doubts []*entry // calls whose outcome is unknown, oldest first
	passes int      // acknowledged, and not stepped since
	stale  bool     // they belong to a step that was given up
	ended  bool     // the last call that ended was acknowledged
	called bool     // there was one
	asking bool     // what is in doubt is being settled
}

// An entry is a call and its number.
type entry struct {
	seq  int
	at   time.Time
	sent *Sent
	why  string // what made its outcome unknown
}

func newState() state {
	return state{models: map[string]*model{}, calls: map[int]*entry{}, ended: map[int]bool{}}
}

func (s *state) model(id string) *model {
	m := s.models[id]
	if m == nil {
		m = &model{}
		s.models[id] = m
	}
	return m
}

// doubtful reports whether some call's outcome is unknown, or not known yet.
func (s *state) doubtful() bool {
	for _, m := range s.models {
		if len(m.doubts) > 0 || m.flying > 0 {
			return true
		}
	}
	return false
}

// apply takes in one record, and fails when it does not follow from those
// before.
func (s *state) apply(r *record) error {
	switch r.Kind {
	case kindRun:
		s.orphan()
		s.done = false
	case kindSent:
		if r.Sent == nil || r.Seq < 1 {
			return fmt.Errorf("a call without what was sent")
		}
		if s.calls[r.Seq] != nil {
			return fmt.Errorf("call %d, which was sent before and has not ended", r.Seq)
		}
		if r.Sent.Op == OptimStep && r.Sent.Tree != nil {
			t := *r.Sent.Tree
			s.model(r.Sent.Model).tree = &t
		}
		s.calls[r.Seq] = &entry{seq: r.Seq, at: r.At, sent: r.Sent}
		m := s.model(r.Sent.Model)
		m.name = r.Sent.Name
		m.flying++
	case kindAck, kindFailed, kindUnknown:
		e := s.calls[r.Seq]
		if e == nil {
			return fmt.Errorf("the end of call %d, which was never sent or ended before", r.Seq)
		}
		delete(s.calls, r.Seq)
		m := s.model(e.sent.Model)
		m.flying--
		switch r.Kind {
		case kindAck:
			s.acknowledged(m, e.sent, r.Checkpoint, r.Step)
		case kindFailed:
			m.called, m.ended = true, false
			if r.Cleared {
				m.passes, m.stale = 0, false
			}
		case kindUnknown:
			e.why = r.Detail
			m.doubt(e)
		}
	case kindMoved:
		m := s.model(r.Model)
		if len(m.doubts) > 0 {
			m.called, m.ended = true, false
		}
		// A head that no earlier step made is the step's in doubt: whoever set
		// it has decided so.
		for _, e := range m.doubts {
			if e.sent.Op == OptimStep && r.Outcome == Applied {
				s.applied(e.sent)
				m.ended = true
			}
		}
		m.doubts, m.passes, m.stale = nil, 0, false
		if m.tree != nil {
			m.tree.Head = r.Checkpoint
		}
	case kindSettled:
		s.settled(s.model(r.Model), r)
	case kindLoop:
		s.ended[r.Loop] = true
	case kindFork:
		if r.Fork == nil {
			return fmt.Errorf("a fork without what was forked")
		}
		s.forks = append(s.forks, *r.Fork)
	case kindEnd:
		s.done = true
	default:
		return fmt.Errorf("a line of kind %q, which this program does not know", r.Kind)
	}
	return nil
}

func (m *model) doubt(e *entry) {
	at, _ := slices.BinarySearchFunc(m.doubts, e.seq, func(d *entry, seq int) int { return d.seq - seq })
	m.doubts = slices.Insert(m.doubts, at, e)
}

func (s *state) acknowledged(m *model, c *Sent, checkpoint string, step int) {
	m.called, m.ended = true, true
	if c.Op != OptimStep {
		m.passes++
		return
	}
	m.passes, m.stale = 0, false
	if m.tree != nil {
		m.tree.Head, m.tree.Newest = checkpoint, checkpoint
		m.tree.Step = max(m.tree.Step, step)
	}
	s.applied(c)
}

// applied counts an optimizer step that took place.
func (s *state) applied(c *Sent) {
	s.last = c
	if c.Step == 0 {
		s.outside++
		return
	}
	s.mixed = s.mixed || c.Loop < s.place.Loop
	if s.trained == nil || c.Loop != s.place.Loop {
		s.trained = map[string]bool{}
	}
	s.trained[c.Model] = true
	if c.Place == s.place {
		s.steps++
		return
	}
	s.stepsBefore = s.steps
	if c.Loop != s.place.Loop {
		s.stepsBefore = 0
	}
	s.place, s.steps = c.Place, 1
}

func (s *state) settled(m *model, r *record) {
	m.called, m.ended = true, r.Outcome == Applied
	for _, e := range m.doubts {
		switch {
		case e.sent.Op != OptimStep:
			m.passes++ // perhaps
		case r.Outcome == Applied:
			s.applied(e.sent)
		}
	}
	m.doubts = nil
	m.stale = m.passes > 0 && r.Outcome != Applied
	if r.Outcome == Applied || r.Cleared {
		m.passes, m.stale = 0, false
	}
	m.tree = &Tree{Head: r.Head, Newest: r.Newest, Step: r.Step}
}

// orphan ends what an ended process left: calls without an end are in doubt,
// and passes that were not stepped are of a step that was given up.
func (s *state) orphan() {
	for _, e := range s.calls {
		m := s.model(e.sent.Model)
		m.flying--
		e.why = "the program ended before the answer came"
		m.doubt(e)
	}
	clear(s.calls)
	for _, m := range s.models {
		m.stale = m.stale || m.passes > 0
		if m.tree != nil {
			m.was, m.tree = m.tree, nil // what was not watched may have changed
		}
	}
}
