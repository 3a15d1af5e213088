// Package sampler generates text from policies: one scheduler goroutine runs
// every request that is under way as one batch, lets new ones join between two
// tokens and finished ones leave.
//
// A request draws from its own random stream, and a row of the policy has the
// same bits in every batch, so its tokens and logprobs do not depend on what
// else is running or on when it arrived. Requests with the same prompt share
// its prefill.
package sampler

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/hudrl/hudrl/internal/policy"
)

// ErrClosed is what requests get once the sampler is closed.
var ErrClosed = errors.New("sampler: closed")

// Finish reasons.
const (
	Stop   = "stop"   // the end token or a stop string
	Length = "length" // MaxTokens, or the model's context is full
)

// A Request asks for one completion.
type Request struct {
	Model     *policy.Model // sampled as it is, whatever is trained meanwhile
	Prompt    []int32       // at least one token, fewer than the model's context
	MaxTokens int           // 0: as many as the context holds

	Temperature float64 // 0: the most likely token, the lowest id among equals
	TopP        float64 // in (0, 1]; 1: off
	TopK        int     // 0: off
	MinP        float64 // in [0, 1]; 0: off
	Seed        uint64  // of the request's own random stream

	Stop []string // texts that end the completion; they are not part of its text
	EOS  int32    // the token that ends it, −1 for none

	// Processed reports the logprobs of the distribution that was drawn from,
	// after temperature and filters, instead of the model's own.
	Processed bool

	// Top is how many of the likeliest tokens are told at each position.
	Top int

	// Stream, when set, is called from Submit's goroutine with pieces of the
	// text as they are final: what may yet turn out to begin a stop string or
	// is half a UTF-8 character is held back.
	Stream func(delta string)
}

// A Result is a completion.
type Result struct {
	Tokens       []int32   // with the end token, when it was sampled
	Logprobs     []float32 // natural log, one per token
	Text         string    // of the tokens up to a stop string; any bytes
	FinishReason string    // Stop or Length
	Top          [][]Token // one list per token, the likeliest first; nil without Request.Top
}

// A Token is one that could have been drawn.
type Token struct {
	ID      int32
	Logprob float32
}

// A Detokenizer turns tokens into text.
type Detokenizer interface {
	// AppendText appends the bytes of one token to dst.
	AppendText(dst []byte, token int32) []byte
}

// Options are a sampler's limits. The zero value is good.
type Options struct {
	// MaxBatchTokens bounds the tokens that requests under way may come to
	// have together, and so the memory of their caches; further requests wait
	// their turn. 0: 32768.
	MaxBatchTokens int
}

// A Sampler runs requests. It is safe for concurrent use.
type Sampler struct {
	text  Detokenizer
	limit int
	wake  chan struct{} // holds one signal that something changed
	done  chan struct{} // closed when the scheduler has ended

	steps, drawn atomic.Int64

	mu      sync.Mutex
	arrived []*sequence
	forget  bool
	closed  bool
}

// New starts a sampler. Close ends it.
func New(text Detokenizer, opts Options) *Sampler {
	s := &Sampler{text: text, limit: opts.MaxBatchTokens, wake: make(chan struct{}, 1), done: make(chan struct{})}
	if s.limit <= 0 {
		s.limit = 32768
	}
	go s.schedule()
	return s
}

// Close ends the requests under way with ErrClosed and waits for the scheduler
// to end. It may be called more than once.
func (s *Sampler) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.signal()
	<-s.done
}

// Forget lets go of prefills, and of the model they belong to, as soon as no
// request is under way.
func (s *Sampler) Forget() {
	s.mu.Lock()
	s.forget = true
	s.mu.Unlock()
	s.signal()
}

// Stats is how many steps have been made and how many tokens were drawn in
// them: their ratio is the mean batch.
func (s *Sampler) Stats() (steps, tokens int64) { return s.steps.Load(), s.drawn.Load() }

func (s *Sampler) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Submit runs a request to its end. When ctx ends first the request leaves the
// batch and Submit returns the cause.
func (s *Sampler) Submit(ctx context.Context, req Request) (*Result, error) {
	if err := req.validate(); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	q := newSequence(ctx, req)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, ErrClosed
	}
	s.arrived = append(s.arrived, q)
	s.mu.Unlock()
	s.signal()
	for {
		select {
		case delta := <-q.deltas:
			req.Stream(delta)
		case <-q.done:
			for len(q.deltas) > 0 {
				req.Stream(<-q.deltas)
			}
			if q.err != nil {
				return nil, q.err
			}
			return &q.result, nil
		case <-ctx.Done():
			s.signal()
			return nil, context.Cause(ctx)
		}
	}
}

func (r *Request) validate() error {
	if r.Model == nil {
		return errors.New("sample: no model")
	}
	c := r.Model.Config
	finite := func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
	switch {
	case len(r.Prompt) == 0:
		return errors.New("sample: the prompt is empty")
	case len(r.Prompt) >= c.MaxContext:
		return fmt.Errorf("sample: the prompt leaves no room in the model's context: got %d tokens, want fewer than %d", len(r.Prompt), c.MaxContext)
	case r.MaxTokens < 0:
		return fmt.Errorf("sample: max_tokens must be at least 1: got %d", r.MaxTokens)
	case !finite(r.Temperature) || r.Temperature < 0:
		return fmt.Errorf("sample: temperature must be a finite number, at least 0: got %v", r.Temperature)
	case !(r.TopP > 0 && r.TopP <= 1):
		return fmt.Errorf("sample: top_p must be in (0, 1]: got %v", r.TopP)
	case r.TopK < 0:
		return fmt.Errorf("sample: top_k must be at least 0: got %d", r.TopK)
	case r.Top < 0:
		return fmt.Errorf("sample: top must be at least 0: got %d", r.Top)
	case !(r.MinP >= 0 && r.MinP <= 1):
		return fmt.Errorf("sample: min_p must be in [0, 1]: got %v", r.MinP)
	}
	for i, id := range r.Prompt {
		if id < 0 || int(id) >= c.Vocab {
			return fmt.Errorf("sample: prompt token %d outside the vocabulary: got %d, want 0 to %d", i, id, c.Vocab-1)
		}
	}
	for i, stop := range r.Stop {
		if stop == "" {
			return fmt.Errorf("sample: stop string %d is empty", i)
		}
	}
	return nil
}
