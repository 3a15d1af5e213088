package hud

// A ledger is what this client accumulated since the last step or head
// change.
type ledger struct {
	passes   int
	gradient bool // some pass may have accumulated a gradient
	datums   int
	unsure   bool // some of it may be gone

	clearing int // calls under way that clear what was accumulated
	cleared  int // those that have ended
}

// A begun pass knows whether something was cleared while it ran.
type begun struct{ clearing, cleared int }

func (c *TrainingClient) passBegins() begun {
	c.mu.Lock()
	defer c.mu.Unlock()
	return begun{c.ledger.clearing, c.ledger.cleared}
}

// accumulated notes a pass that succeeded.
func (c *TrainingClient) accumulated(b begun, datums int, empty bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := &c.ledger
	l.passes++
	l.datums += datums
	l.gradient = l.gradient || !empty
	l.unsure = l.unsure || b.clearing > 0 || l.clearing > 0 || l.cleared != b.cleared
}

// failed notes a training call that failed: the service may have discarded
// what there was.
func (c *TrainingClient) failed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ledger.unsure = true
}

// clears begins a call after which nothing is accumulated, if it succeeds.
// minDatums is how many datums the service must have before it, 0 where this
// client cannot tell. A service that lost the only pass says so itself.
func (c *TrainingClient) clears() (minDatums int, done func(ok bool)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := &c.ledger; !l.unsure && l.clearing == 0 && l.passes > 1 {
		minDatums = l.datums
	}
	c.ledger.clearing++
	return minDatums, func(ok bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		l := &c.ledger
		l.clearing--
		l.cleared++
		if ok {
			*l = ledger{unsure: l.clearing > 0, clearing: l.clearing, cleared: l.cleared}
		} else {
			l.unsure = true
		}
	}
}

func (c *TrainingClient) passes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ledger.passes
}
