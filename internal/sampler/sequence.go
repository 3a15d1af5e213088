package sampler

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hudrl/hudrl/internal/policy"
)

// sequence is a request under way. The scheduler owns it until it closes done.
type sequence struct {
	ctx context.Context
	req Request
	rng *rand.Rand
	max int // tokens at most

	cache  *policy.Cache
	text   []byte
	sent   int // bytes of text that were streamed
	result Result
	err    error

	deltas chan string   // roomy enough never to block the scheduler; nil without Stream
	done   chan struct{} // closed once result or err is final
}

func newSequence(ctx context.Context, req Request) *sequence {
	// The caller may go on before the scheduler does, when ctx ends.
	req.Prompt, req.Stop = slices.Clone(req.Prompt), slices.Clone(req.Stop)
	room := req.Model.Config.MaxContext - len(req.Prompt)
	q := &sequence{ctx: ctx, req: req, max: room, done: make(chan struct{}), rng: rand.New(rand.NewPCG(req.Seed, 0x73616d70_6c657200))}
	if req.MaxTokens > 0 {
		q.max = min(req.MaxTokens, room)
	}
	if req.Stream != nil {
		q.deltas = make(chan string, q.max+1)
	}
	return q
}

// cost is how many tokens the sequence may come to have.
func (q *sequence) cost() int { return len(q.req.Prompt) + q.max }

// advance draws the next token from logits and reports whether the sequence has
// ended.
func (q *sequence) advance(d *drawer, text Detokenizer, logits []float32) (ended bool) {
	id, logprob := d.draw(&q.req, q.rng, logits)
	if math.IsNaN(float64(logprob)) || math.IsInf(float64(logprob), 0) {
		q.fail(fmt.Errorf("sample: the model's logits are not finite after %d tokens: it has diverged", len(q.req.Prompt)+len(q.result.Tokens)))
		return true
	}
	q.result.Tokens = append(q.result.Tokens, id)
	q.result.Logprobs = append(q.result.Logprobs, logprob)
	if q.req.Top > 0 {
		q.result.Top = append(q.result.Top, d.likeliest(&q.req, logits))
	}
	if id == q.req.EOS {
		q.finish(Stop)
		return true
	}
	before := len(q.text)
	q.text = text.AppendText(q.text, id)
	if at := q.stopAt(before); at >= 0 {
		q.text = q.text[:at]
		q.finish(Stop)
		return true
	}
	if len(q.result.Tokens) == q.max {
		q.finish(Length)
		return true
	}
	if q.deltas != nil {
		q.send(q.final())
	}
	return false
}

// stopAt finds the first stop string that the bytes from before on completed,
// −1 for none.
func (q *sequence) stopAt(before int) int {
	first := -1
	for _, stop := range q.req.Stop {
		from := max(0, before-len(stop)+1)
		if i := bytes.Index(q.text[from:], []byte(stop)); i >= 0 && (first < 0 || from+i < first) {
			first = from + i
		}
	}
	return first
}

// final is how much of the text later tokens cannot take back or complete.
func (q *sequence) final() int {
	n := len(q.text)
	for _, stop := range q.req.Stop {
		for k := min(len(stop)-1, len(q.text)); k > 0; k-- {
			if strings.HasPrefix(stop, string(q.text[len(q.text)-k:])) {
				n = min(n, len(q.text)-k)
				break
			}
		}
	}
	for i := max(0, n-utf8.UTFMax+1); i < n; i++ {
		if utf8.RuneStart(q.text[i]) && !utf8.FullRune(q.text[i:n]) {
			return i
		}
	}
	return n
}

func (q *sequence) send(n int) {
	if q.deltas != nil && n > q.sent {
		q.deltas <- string(q.text[q.sent:n])
		q.sent = n
	}
}

func (q *sequence) finish(reason string) {
	q.send(len(q.text))
	q.result.Text = string(q.text)
	q.result.FinishReason = reason
	q.close()
}

func (q *sequence) fail(err error) {
	q.err = err
	q.close()
}

func (q *sequence) close() {
	if q.cache != nil {
		q.cache.Release()
		q.cache = nil
	}
	close(q.done)
}
