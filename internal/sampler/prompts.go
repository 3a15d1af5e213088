package sampler

import (
	"slices"

	"github.com/hudrl/hudrl/internal/policy"
)

// What the prompts that are kept may amount to. Groups of rollouts and the
// turns of a chat come close together, so a little is enough.
const (
	maxPrompts      = 64
	maxPromptTokens = 4096
)

// prompts are the prefills of late, the most recently used last.
type prompts struct {
	list   []*prompt
	latest *policy.Model // that of the last find
}

// prompt is a prefill: its cache is only ever forked.
type prompt struct {
	model  *policy.Model
	tokens []int32
	cache  *policy.Cache
	logits []float32
}

// find returns the longest known prompt that tokens begin with, nil for none.
func (p *prompts) find(m *policy.Model, tokens []int32) *prompt {
	p.latest = m
	best := -1
	for i, e := range p.list {
		n := len(e.tokens)
		if e.model == m && n <= len(tokens) && (best < 0 || n > len(p.list[best].tokens)) && slices.Equal(e.tokens, tokens[:n]) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	e := p.list[best]
	p.list = append(slices.Delete(p.list, best, best+1), e)
	return e
}

// add keeps a prefill; it takes the cache and copies the logits.
func (p *prompts) add(m *policy.Model, tokens []int32, cache *policy.Cache, logits []float32) *prompt {
	e := &prompt{m, tokens, cache, slices.Clone(logits)}
	p.list = append(p.list, e)
	return e
}

// trim drops the oldest beyond the limits.
func (p *prompts) trim() {
	total, keep := 0, 0
	for i := len(p.list) - 1; i >= 0 && keep < maxPrompts; i-- {
		if total += len(p.list[i].tokens); total > maxPromptTokens {
			break
		}
		keep++
	}
	old := len(p.list) - keep
	for _, e := range p.list[:old] {
		e.cache.Release()
	}
	p.list = slices.Delete(p.list, 0, old)
}

// rest drops what belongs to other models than the latest, so that an idle
// sampler does not hold on to old weights.
func (p *prompts) rest() {
	p.list = slices.DeleteFunc(p.list, func(e *prompt) bool {
		if e.model != p.latest {
			e.cache.Release()
		}
		return e.model != p.latest
	})
}

func (p *prompts) clear() {
	p.latest = nil
	p.rest()
}
