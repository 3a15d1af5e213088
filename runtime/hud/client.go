package hud

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/hudrl/hudrl/runtime/hud/journal"
)

// A TrainingClient trains one model through a Service. Its methods, their
// defaults, checks and warnings are those of HUD's Python client. Everything
// that can be found wrong is found before anything is sent, and a training
// call is sent once, never repeated. When nobody knows what became of one, the
// model's next calls fail with CodeConflict until Recover has found out.
//
// Positions in error messages count from 1. Errors are *Error, except that
// the error of a custom loss function is returned as it is. A TrainingClient
// is safe for concurrent use; it holds no lock while it waits for the
// service.
type TrainingClient struct {
	svc   Service
	model string
	warn  func(string)

	journal *journal.Journal
	where   string

	lineage lineage

	mu     sync.Mutex
	id     string // resolved, or ""
	warned map[string]bool
	ledger ledger
}

// TrainingClientOptions are the options of NewTrainingClient; the zero value
// is good.
type TrainingClientOptions struct {
	// Warn receives one-sentence warnings. Nil sends them to slog.
	Warn func(string)

	// Journal records the training calls, so that a run survives a crash.
	// Nil keeps what is in doubt in memory, for this client alone. Clients
	// that train the same model should share one.
	Journal *journal.Journal

	// Where tells services of one journal apart: the origin of one that is
	// not the run's own, without keys.
	Where string
}

// NewTrainingClient makes a client for a model's id, slug or display name.
// Nothing is asked of the service yet: the first call that needs the id finds
// it, and later calls remember it.
func NewTrainingClient(svc Service, model string, o TrainingClientOptions) *TrainingClient {
	if o.Warn == nil {
		o.Warn = func(message string) { slog.Warn(message) }
	}
	if o.Journal == nil {
		o.Journal = journal.Memory()
	}
	return &TrainingClient{svc: svc, model: model, warn: o.Warn, journal: o.Journal, where: o.Where, warned: map[string]bool{}}
}

// Model is the name the client was made with.
func (c *TrainingClient) Model() string { return c.model }

// ID finds the model's id: a UUID in any common spelling is taken as it is,
// other names are resolved, at last by searching the list of models.
func (c *TrainingClient) ID(ctx context.Context) (string, error) { return c.resolve(ctx, "resolve") }

func (c *TrainingClient) resolve(ctx context.Context, op string) (string, error) {
	c.mu.Lock()
	id := c.id
	c.mu.Unlock()
	if id != "" {
		return id, nil
	}
	id, ok := parseUUID(c.model)
	if !ok {
		m, err := c.svc.Resolve(ctx, c.model)
		id = m.ID
		if err != nil || id == "" {
			if id, err = c.search(ctx, op, err); err != nil {
				return "", err
			}
		}
	}
	c.mu.Lock()
	c.id = id
	c.mu.Unlock()
	return id, nil
}

// search finds the model in the catalog's list after Resolve failed with
// cause.
func (c *TrainingClient) search(ctx context.Context, op string, cause error) (string, error) {
	if ctx.Err() != nil {
		return "", failure(op, cause)
	}
	models, err := c.svc.Models(ctx)
	if err != nil {
		return "", failure(op, err)
	}
	var known []string
	for _, m := range models {
		if c.model == m.ID || c.model == m.Name || c.model == m.ModelName {
			if m.ID != "" {
				return m.ID, nil
			}
			return m.ModelName, nil
		}
		known = append(known, m.ModelName, m.Name)
	}
	hint := Suggest(c.model, known)
	if refused := (*Error)(nil); hint == "" && errors.As(cause, &refused) {
		hint = refused.Hint
	}
	return "", &Error{
		Op: op, Code: CodeNotFound, Status: 404, Err: cause,
		Detail: "Model '" + c.model + "' not found. Run `hud models` to list available models.",
		Hint:   hint,
	}
}

// parseUUID accepts what Python's uuid.UUID does: 32 hex digits with braces,
// a urn:uuid: prefix and dashes anywhere ignored. The result is lower case
// and dashed.
func parseUUID(s string) (string, bool) {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "urn:", ""), "uuid:", "")
	s = strings.ReplaceAll(strings.Trim(s, "{}"), "-", "")
	if len(s) != 32 {
		return "", false
	}
	id, err := uuid.Parse(s)
	return id.String(), err == nil
}

// warnOnce warns the first time it is called for a kind.
func (c *TrainingClient) warnOnce(kind, message string) {
	c.mu.Lock()
	again := c.warned[kind]
	c.warned[kind] = true
	c.mu.Unlock()
	if !again {
		c.warn(message)
	}
}

// AvailableLosses lists the losses the service knows for the model.
func (c *TrainingClient) AvailableLosses(ctx context.Context) ([]string, error) {
	const op = "available_losses"
	id, err := c.resolve(ctx, op)
	if err != nil {
		return nil, err
	}
	losses, err := c.svc.Losses(ctx, id)
	return losses, failure(op, err)
}

// Checkpoints lists the model's checkpoint tree, oldest first.
func (c *TrainingClient) Checkpoints(ctx context.Context) ([]Checkpoint, error) {
	return c.checkpoints(ctx, "checkpoints")
}

func (c *TrainingClient) checkpoints(ctx context.Context, op string) ([]Checkpoint, error) {
	id, err := c.resolve(ctx, op)
	if err != nil {
		return nil, err
	}
	tree, err := c.svc.Checkpoints(ctx, id)
	return tree, failure(op, err)
}

// Head is the active checkpoint, or nil when the model still serves its base
// weights.
func (c *TrainingClient) Head(ctx context.Context) (*Checkpoint, error) {
	tree, err := c.checkpoints(ctx, "head")
	if err != nil {
		return nil, err
	}
	for i := range tree {
		if tree[i].IsActive {
			return &tree[i], nil
		}
	}
	return nil, nil
}

// SetHead rolls back or branches: the next step extends the tree from the
// checkpoint, and chats use it at once. Gradients not yet stepped are
// discarded by the service, which settles whatever was in doubt.
// BaseCheckpoint stands for the weights before the first step.
func (c *TrainingClient) SetHead(ctx context.Context, checkpointID string) error {
	const op = "set_head"
	if checkpointID == "" {
		return invalid(op, "checkpoint_id: got an empty string")
	}
	id, err := c.resolve(ctx, op)
	if err != nil {
		return err
	}
	_, cleared := c.clears()
	err = c.svc.SetHead(ctx, id, checkpointID)
	cleared(err == nil)
	if err != nil {
		return failure(op, err)
	}
	if checkpointID == BaseCheckpoint {
		c.lineage.moved("")
	} else {
		c.lineage.moved(checkpointID)
	}
	c.decided(ctx, id, checkpointID)
	return nil
}

// OptimStepOptions are the arguments of OptimStep. A nil pointer is the
// default.
type OptimStepOptions struct {
	LearningRate float64  // above 0, required
	Beta1        *float64 // default 0.9, in [0, 1)
	Beta2        *float64 // default 0.95, in [0, 1)
	Eps          *float64 // default 1e-8, above 0
	WeightDecay  float64  // default 0, at least 0; decoupled, as AdamW

	// State is saved with the step, by a service that is a StateKeeper and in
	// the journal.
	State map[string]json.RawMessage

	// Cursors are saved in the journal alone: where random streams and data
	// sets are.
	Cursors map[string]json.RawMessage
}

func (o OptimStepOptions) request(op string) (*OptimStepRequest, error) {
	req := &OptimStepRequest{
		LearningRate: o.LearningRate,
		Beta1:        or(o.Beta1, 0.9),
		Beta2:        or(o.Beta2, 0.95),
		Eps:          or(o.Eps, 1e-8),
		WeightDecay:  o.WeightDecay,
		State:        o.State,
	}
	if err := positive(op, "learning_rate", req.LearningRate); err != nil {
		return nil, err
	}
	for _, beta := range []struct {
		name string
		x    float64
	}{{"beta1", req.Beta1}, {"beta2", req.Beta2}} {
		if !(beta.x >= 0 && beta.x < 1) {
			return nil, invalid(op, "%s: got %v, want a number in [0, 1)", beta.name, beta.x)
		}
	}
	if err := positive(op, "eps", req.Eps); err != nil {
		return nil, err
	}
	if !finite(req.WeightDecay) || req.WeightDecay < 0 {
		return nil, invalid(op, "weight_decay: got %v, want a finite number of at least 0", req.WeightDecay)
	}
	return req, nil
}

// or is *p, or def when p is nil.
func or[T any](p *T, def T) T {
	if p == nil {
		return def
	}
	return *p
}

// OptimStep updates the weights from the accumulated gradients, saves a
// checkpoint and makes it the head. With nothing accumulated it fails with
// CodeNoGradient and the head stays.
func (c *TrainingClient) OptimStep(ctx context.Context, o OptimStepOptions) (*OptimStepResult, error) {
	const op = "optim_step"
	req, err := o.request(op)
	if err != nil {
		return nil, err
	}
	id, err := c.resolve(ctx, op)
	if err != nil {
		return nil, err
	}
	return c.optimStep(ctx, op, id, req, o.Cursors)
}

func (c *TrainingClient) optimStep(ctx context.Context, op, id string, req *OptimStepRequest, cursors map[string]json.RawMessage) (*OptimStepResult, error) {
	if err := c.settled(op, id, journal.OptimStep); err != nil {
		return nil, err
	}
	before, err := c.tree(ctx, op, id)
	if err != nil {
		return nil, err
	}
	call, err := c.begin(op, journal.Sent{
		Op: journal.OptimStep, Model: id, LearningRate: req.LearningRate, State: req.State, Cursors: cursors, Tree: before,
	}, req.hash)
	if err != nil {
		return nil, err
	}
	var cleared func(bool)
	req.MinDatums, cleared = c.clears()
	res, err := c.svc.OptimStep(ctx, id, req)
	if err != nil {
		defer cleared(false) // explain looks at what there was
		c.lost(call, id, err)
		return nil, c.explain(op, failure(op, err))
	}
	call.Acknowledge(res.CheckpointID, res.Step)
	c.stepped(before, res)
	c.lineage.stepped(res.CheckpointID)
	cleared(true)
	return res, nil
}

const noGradientHint = "every reward within every group was equal, or every weight was 0; check job:has_spread() before the step"

// explain makes a refused step say CodeNoGradient when this client's passes
// cannot have accumulated anything. The service is asked all the same: another
// client may have accumulated something on the model. HUD's own service fails
// in such a case without saying why.
func (c *TrainingClient) explain(op string, err error) error {
	e, ok := err.(*Error)
	if !ok {
		return err
	}
	c.mu.Lock()
	empty := c.ledger.passes > 0 && !c.ledger.gradient
	c.mu.Unlock()
	switch {
	case e.Code == CodeNoGradient && e.Hint == "" && empty:
		told := *e
		told.Hint = noGradientHint
		return &told
	case e.Code != CodeNoGradient && empty && e.Status >= 400 &&
		(e.Code == CodeConflict || e.Code == CodeServer || e.Code == CodeValidation):
		return &Error{
			Op: op, Code: CodeNoGradient, Status: 409, Err: e, Hint: noGradientHint,
			Detail: "no accumulated gradients: " + strconv.Itoa(c.passes()) + " passes since the last step, none with a gradient",
		}
	}
	return err
}
