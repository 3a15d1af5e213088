package sampler

import (
	"context"
	"runtime"
	"slices"

	"github.com/hudrl/hudrl/internal/policy"
)

// scheduler is the state of the one goroutine that runs the model.
type scheduler struct {
	*Sampler
	waiting  []*sequence // in order of arrival
	running  []*sequence // each has drawn a token that the model has not seen
	reserved int         // tokens that running may come to have
	prompts  prompts
	draw     drawer
	feeds    []feed // of the step under way
	logits   []float32
}

// feed is what one cache is extended by: the last token of a running sequence,
// or what is missing of a prompt.
type feed struct {
	model   *policy.Model
	cache   *policy.Cache
	tokens  []int32
	prompt  []int32 // nil for a running sequence
	waiters []*sequence
}

func (s *Sampler) schedule() {
	defer close(s.done)
	c := &scheduler{Sampler: s}
	defer c.prompts.clear()
	for {
		// Whoever is about to ask does so before the next step, not after the
		// last: on one core a short request would else be done before others
		// could join it.
		runtime.Gosched()
		s.mu.Lock()
		c.waiting = append(c.waiting, s.arrived...)
		s.arrived = nil
		closed := s.closed
		s.mu.Unlock()
		if closed {
			c.drop(func(*sequence) error { return ErrClosed })
			return
		}
		c.drop(func(q *sequence) error {
			if q.ctx.Err() == nil {
				return nil
			}
			return context.Cause(q.ctx)
		})
		if len(c.waiting)+len(c.running) == 0 {
			c.rest()
			<-s.wake
			continue
		}
		c.step()
	}
}

// rest lets go of what an idle sampler should not hold on to.
func (c *scheduler) rest() {
	c.mu.Lock()
	forget := c.forget
	c.forget = false
	c.mu.Unlock()
	if forget {
		c.prompts.clear()
	}
	c.prompts.rest()
}

// drop ends the sequences for which why gives an error.
func (c *scheduler) drop(why func(*sequence) error) {
	c.waiting = slices.DeleteFunc(c.waiting, func(q *sequence) bool {
		err := why(q)
		if err != nil {
			q.fail(err)
		}
		return err != nil
	})
	c.running = slices.DeleteFunc(c.running, func(q *sequence) bool {
		err := why(q)
		if err != nil {
			c.reserved -= q.cost()
			q.fail(err)
		}
		return err != nil
	})
}

// maxPrefill bounds the prompt tokens that one step takes on, so that long
// prompts do not stall what is running.
const maxPrefill = 2048

// step brings every running sequence one token further, and starts those that
// fit.
func (c *scheduler) step() {
	c.steps.Add(1)
	c.feeds = c.feeds[:0]
	for _, q := range c.running {
		t := q.result.Tokens
		c.feeds = append(c.feeds, feed{model: q.req.Model, cache: q.cache, tokens: t[len(t)-1:], waiters: []*sequence{q}})
	}
	known := c.admit()
	c.running = c.running[:0]
	for _, k := range known {
		c.start(k.q, k.p)
	}
	for len(c.feeds) > 0 {
		c.extend()
	}
	clear(c.running[len(c.running):cap(c.running)]) // hold on to no old weights
}

// known is an admitted sequence whose prompt has been run before.
type known struct {
	q *sequence
	p *prompt
}

// admit takes sequences from the queue while they fit. Those with a prompt
// that has to be run are added to the feeds, one feed for each prompt.
func (c *scheduler) admit() (ready []known) {
	decoding, rows := len(c.feeds), 0
	n := 0
	for ; n < len(c.waiting) && rows < maxPrefill; n++ {
		q := c.waiting[n]
		if c.reserved > 0 && c.reserved+q.cost() > c.limit {
			break
		}
		c.reserved += q.cost()
		same := func(f feed) bool { return f.model == q.req.Model && slices.Equal(f.prompt, q.req.Prompt) }
		if i := slices.IndexFunc(c.feeds[decoding:], same); i >= 0 {
			f := &c.feeds[decoding+i]
			f.waiters = append(f.waiters, q)
			continue
		}
		p := c.prompts.find(q.req.Model, q.req.Prompt)
		if p != nil && len(p.tokens) == len(q.req.Prompt) {
			ready = append(ready, known{q, p})
			continue
		}
		f := feed{model: q.req.Model, prompt: q.req.Prompt, tokens: q.req.Prompt, waiters: []*sequence{q}}
		if p != nil {
			f.cache, f.tokens = p.cache.Fork(), q.req.Prompt[len(p.tokens):]
		} else {
			f.cache = q.req.Model.NewCache()
		}
		rows += len(f.tokens)
		c.feeds = append(c.feeds, f)
	}
	c.waiting = slices.Delete(c.waiting, 0, n)
	return ready
}

// extend runs the feeds of the first feed's model and removes them.
func (c *scheduler) extend() {
	m := c.feeds[0].model
	var mine []feed
	c.feeds = slices.DeleteFunc(c.feeds, func(f feed) bool {
		if f.model == m {
			mine = append(mine, f)
		}
		return f.model == m
	})
	caches, tokens := make([]*policy.Cache, len(mine)), make([][]int32, len(mine))
	for i, f := range mine {
		caches[i], tokens[i] = f.cache, f.tokens
	}
	v := m.Config.Vocab
	if cap(c.logits) < len(mine)*v {
		c.logits = make([]float32, len(mine)*v)
	}
	logits := c.logits[:len(mine)*v]
	err := m.Extend(caches, tokens, logits)
	for i, f := range mine {
		row := logits[i*v : (i+1)*v]
		switch {
		case err != nil:
			for _, q := range f.waiters {
				c.reserved -= q.cost()
				q.fail(err)
			}
		case f.prompt == nil:
			c.advance(f.waiters[0], row)
		default:
			p := c.prompts.add(m, f.prompt, f.cache, row)
			for _, q := range f.waiters {
				c.start(q, p)
			}
		}
	}
	c.prompts.trim()
}

// start lets a sequence draw its first token after a prompt.
func (c *scheduler) start(q *sequence, p *prompt) {
	q.cache = p.cache.Fork()
	c.advance(q, p.logits)
}

func (c *scheduler) advance(q *sequence, logits []float32) {
	c.drawn.Add(1)
	if q.advance(&c.draw, c.text, logits) {
		c.reserved -= q.cost()
		return
	}
	c.running = append(c.running, q)
}
