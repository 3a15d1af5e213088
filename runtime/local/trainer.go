package local

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hudrl/hudrl/internal/optim"
	"github.com/hudrl/hudrl/internal/policy"
	"github.com/hudrl/hudrl/internal/store"
)

// A trainer is a model's training state. Its queue orders the operations;
// whoever holds it owns every other field.
type trainer struct {
	svc   *Service
	id    string
	queue queue

	row     store.Model   // as of the last enter
	weights *policy.Model // of row.Head; nil until needed
	opt     *optim.AdamW  // of row.Head; nil until needed
	idle    *optim.AdamW  // memory for the next step's state, or nil
	pending pending       // accumulated since the last step
	spare   []float32     // a cleared slab, or nil
	passes  forwardTable  // forward passes not yet used
	lost    string        // what discarded pending gradients, for the next refusal
}

// pending is what accumulated since the last step or head change.
type pending struct {
	grad   []float32 // nil until a pass accumulated a gradient
	passes int       // also those that accumulated nothing
	stats  stepStats
}

// enter waits for the model's turn and reads its head from the database: other
// processes may have moved it. The caller must call unlock.
func (s *Service) enter(ctx context.Context, op, modelID string) (*trainer, func(), error) {
	return s.enterOr(ctx, op, modelID, nil)
}

// enterOr is enter for an operation that must leave something done when ctx
// ends first: abandon runs at its turn.
func (s *Service) enterOr(ctx context.Context, op, modelID string, abandon func(*trainer)) (*trainer, func(), error) {
	reading := ctx
	if abandon != nil {
		reading = context.WithoutCancel(ctx)
	}
	row, err := s.trainable(reading, op, modelID)
	if err != nil {
		return nil, nil, err
	}
	t, err := s.trainer(op, row.ID)
	if err != nil {
		return nil, nil, err
	}
	var leave func()
	if abandon != nil {
		leave = func() { abandon(t) }
	}
	if err := t.queue.lock(ctx, leave); err != nil {
		return nil, nil, stopped(op, ctx)
	}
	if err := t.sync(reading, op); err != nil {
		t.queue.unlock()
		return nil, nil, err
	}
	s.used(t)
	return t, t.queue.unlock, nil
}

// sync reads the model's row, which may have changed while its turn came. What
// was accumulated on a head that another process moved is discarded.
func (t *trainer) sync(ctx context.Context, op string) error {
	t.svc.mu.Lock()
	closed := t.svc.closed
	t.svc.mu.Unlock()
	if closed {
		return errClosed(op)
	}
	row, err := t.svc.store.Model(ctx, t.id)
	if err != nil {
		return storeError(op, err)
	}
	before := t.row
	t.row = row
	if before.ID == "" || before.Head == row.Head {
		return nil
	}
	t.unload()
	why := fmt.Sprintf("another process moved the head from %s to %s", headName(before), headName(row))
	passes, had := t.pending.passes, t.pending.grad != nil
	t.discard(why)
	if had && op != "set_head" {
		t.lost = ""
		return hinted(conflict(op, "%s: the gradients of %d passes belonged to the old head and were discarded", why, passes),
			"repeat the step from its first forward_backward; run one trainer per model")
	}
	return nil
}

func headName(m store.Model) string {
	if m.Head == "" {
		return "the base weights"
	}
	return "checkpoint " + m.Head
}

// unload forgets the head's weights and optimizer state, to be read again.
func (t *trainer) unload() { t.weights, t.opt = nil, nil }

// discard drops pending gradients and forward passes, and remembers why.
func (t *trainer) discard(why string) {
	t.drop(why)
	t.passes.invalidate(why)
}

// drop drops pending gradients, and remembers why for the next refusal.
func (t *trainer) drop(why string) {
	if t.pending.passes > 0 {
		t.svc.log.Info("discarded accumulated gradients", "model", t.row.Slug, "passes", t.pending.passes, "reason", why)
		if t.pending.grad != nil {
			t.lost = fmt.Sprintf("%s discarded those of %d passes", why, t.pending.passes)
		}
	}
	t.clear()
}

// clear drops pending gradients.
func (t *trainer) clear() {
	if t.pending.grad != nil {
		clear(t.pending.grad)
		t.spare = t.pending.grad
	}
	t.pending = pending{}
}

// release gives back the memory of a trainer with nothing under way, and
// reports whether it could.
func (t *trainer) release() bool {
	if t.pending.passes > 0 || len(t.passes.live) > 0 {
		return false
	}
	t.unload()
	t.idle, t.spare = nil, nil
	return true
}

// load makes sure of the head's weights.
func (t *trainer) load(ctx context.Context, op string) error {
	if t.weights != nil {
		return nil
	}
	_, m, err := t.svc.headWeights(ctx, t.row)
	if err != nil {
		return storeError(op, err)
	}
	t.weights = m
	return nil
}

// headWeights are the checkpoint id ("" for the first weights) and weights
// that a model serves.
func (s *Service) headWeights(ctx context.Context, row store.Model) (string, *policy.Model, error) {
	hash := row.Weights
	if row.Head != "" {
		c, err := s.store.Checkpoint(ctx, row.Head)
		if err != nil {
			return "", nil, err
		}
		hash = c.Weights
	}
	m, err := s.blobWeights(row.Config, hash)
	return row.Head, m, err
}

// loadOptimizer makes sure of the head's optimizer state: zeros before the
// first step.
func (t *trainer) loadOptimizer(ctx context.Context, op string) error {
	if t.opt != nil {
		return nil
	}
	if t.row.Head == "" {
		t.opt = optim.New(len(t.weights.Params))
		return nil
	}
	c, err := t.svc.store.Checkpoint(ctx, t.row.Head)
	if err != nil {
		return storeError(op, err)
	}
	if c.Moments == "" {
		return t.svc.pruned(op, c)
	}
	data, err := t.svc.store.Blob(c.Moments)
	if err != nil {
		return storeError(op, err)
	}
	t.opt, err = decodeMoments(t.weights.Config, data, c.AdamT)
	return storeError(op, err)
}

// accumulate adds the gradient of a cost to what is pending; coef says its
// derivative with respect to the logprobs of a batch's datum (see
// policy.Model.Accumulate). check runs when all parts are done: if it, ctx or
// a part fails, nothing was added.
func (t *trainer) accumulate(ctx context.Context, op string, parts []*batch, coef func(part, d int, logprobs, dlogprobs []float32), keep bool, check func() error) error {
	grad := t.spare
	t.spare = nil
	if grad == nil {
		grad = make([]float32, len(t.weights.Params))
	}
	var err error
	for i, b := range parts {
		if err = t.weights.Accumulate(ctx, &b.tokens, func(d int, lp, dlp []float32) { coef(i, d, lp, dlp) }, b.logprobs, grad); err != nil {
			err = stopped(op, ctx)
			break
		}
	}
	if err == nil {
		err = check()
	}
	switch {
	case err != nil || !keep:
		clear(grad)
		t.spare = grad
	case t.pending.grad == nil:
		t.pending.grad = grad
	default:
		for i, g := range grad {
			t.pending.grad[i] += g
		}
		clear(grad)
		t.spare = grad
	}
	if err == nil {
		t.pending.passes++
	}
	return err
}

// A forwardTable keeps the forward passes that a backward may still use.
type forwardTable struct {
	live  map[string]*forwardPass
	order []string          // open ids, oldest first
	dead  map[string]string // why an id is no longer good
	grave []string          // dead ids, oldest first
}

// A forwardPass is what Backward needs of a Forward.
type forwardPass struct {
	batch      *batch
	stats      stepStats
	expires    time.Time
	advantages []float64 // of the request's trajectories, for metrics
}

// forwardTTL is how long a forward pass waits for its backward.
const forwardTTL = time.Hour

// Open passes and remembered ids are bounded, so that a script that never
// calls backward cannot exhaust memory.
const (
	maxOpen = 64
	maxDead = 4096
)

var errUnknownPass = errors.New("unknown")

func (f *forwardTable) add(id string, p *forwardPass) {
	if f.live == nil {
		f.live, f.dead = map[string]*forwardPass{}, map[string]string{}
	}
	f.live[id] = p
	f.order = append(f.order, id)
	if len(f.order) > maxOpen {
		f.kill(f.order[0], fmt.Sprintf("more than %d forward passes wait for their backward", maxOpen))
	}
}

// peek returns a pass that can be used, or why not: errUnknownPass, or an
// error that says what became of it.
func (f *forwardTable) peek(id string, now time.Time) (*forwardPass, error) {
	if p := f.live[id]; p != nil {
		if now.After(p.expires) {
			f.kill(id, fmt.Sprintf("it expired after %v", forwardTTL))
			return nil, errors.New(f.dead[id])
		}
		return p, nil
	}
	if why, ok := f.dead[id]; ok {
		return nil, errors.New(why)
	}
	return nil, errUnknownPass
}

// kill ends one pass.
func (f *forwardTable) kill(id, why string) {
	delete(f.live, id)
	for i, o := range f.order {
		if o == id {
			f.order = append(f.order[:i:i], f.order[i+1:]...)
			break
		}
	}
	f.dead[id] = why
	f.grave = append(f.grave, id)
	if len(f.grave) > maxDead {
		delete(f.dead, f.grave[0])
		f.grave = f.grave[1:]
	}
}

// invalidate ends every pass.
func (f *forwardTable) invalidate(why string) {
	for len(f.order) > 0 {
		f.kill(f.order[0], "stale after "+why)
	}
}
