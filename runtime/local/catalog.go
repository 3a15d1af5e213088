package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/google/uuid"
	"github.com/hudrl/hudrl/internal/policy"
	"github.com/hudrl/hudrl/internal/store"
	"github.com/hudrl/hudrl/internal/tokenizer"
	"github.com/hudrl/hudrl/runtime/hud"
)

// provider is who serves the models of this service.
const provider = "local"

func catalogEntry(m store.Model) hud.Model {
	return hud.Model{
		ID: m.ID, Name: m.Name, ModelName: m.Slug, SDKAgentType: "openai_compatible", IsTrainable: true,
		Provider: hud.Provider{Name: provider},
	}
}

// Models lists the base models, then the trainable ones in the order they were
// made.
func (s *Service) Models(ctx context.Context) ([]hud.Model, error) {
	rows, err := s.store.Models(ctx)
	if err != nil {
		return nil, storeError("models", err)
	}
	var models []hud.Model
	for i := range bases {
		models = append(models, bases[i].model())
	}
	for _, m := range rows {
		models = append(models, catalogEntry(m))
	}
	return models, nil
}

// Resolve finds a model by slug, id in any UUID spelling, or display name (the
// latest of that name).
func (s *Service) Resolve(ctx context.Context, name string) (hud.Model, error) {
	r, err := s.resolve(ctx, "resolve", name)
	if err != nil {
		return hud.Model{}, err
	}
	return r.entry(), nil
}

// resolved is a base or a row of the store.
type resolved struct {
	base *base
	row  store.Model
}

func (r resolved) entry() hud.Model {
	if r.base != nil {
		return r.base.model()
	}
	return catalogEntry(r.row)
}

func (r resolved) id() string {
	if r.base != nil {
		return r.base.id
	}
	return r.row.ID
}

func (r resolved) slug() string {
	if r.base != nil {
		return r.base.slug
	}
	return r.row.Slug
}

func (s *Service) resolve(ctx context.Context, op, name string) (resolved, error) {
	if name == "" {
		return resolved{}, invalid(op, "model: got an empty name, want a slug or an id")
	}
	name = canonicalID(name)
	if b := baseNamed(name); b != nil {
		return resolved{base: b}, nil
	}
	row, err := s.store.FindModel(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return resolved{}, s.unknownModel(ctx, op, name)
	}
	return resolved{row: row}, storeError(op, err)
}

func (s *Service) unknownModel(ctx context.Context, op, name string) error {
	var slugs []string
	if models, err := s.Models(ctx); err == nil {
		for _, m := range models {
			slugs = append(slugs, m.ModelName)
		}
	}
	hint := hud.Suggest(name, slugs)
	if hint == "" {
		hint = "`hudrl models list` shows the models"
	}
	return hinted(notFound(op, "model %q not found", name), "%s", hint)
}

// trainable is the row of a model that can be trained.
func (s *Service) trainable(ctx context.Context, op, modelID string) (store.Model, error) {
	r, err := s.resolve(ctx, op, modelID)
	if err != nil {
		return store.Model{}, err
	}
	if r.base != nil {
		return store.Model{}, hinted(failed(op, hud.CodeValidation, http.StatusForbidden, "%s is a base model, which cannot be trained", r.base.slug),
			"fork it first: hudrl models fork %s --name NAME", r.base.slug)
	}
	return r.row, nil
}

// Fork makes a trainable model named name that starts at the source's head
// weights with fresh optimizer state and an empty tree. The source may also be
// a checkpoint, by id or checkpoint name. The slug is made from the name, with
// -2, -3, … appended when it is taken.
func (s *Service) Fork(ctx context.Context, source, name string) (hud.Model, error) {
	const op = "fork"
	slug, err := slugOf(op, name)
	if err != nil {
		return hud.Model{}, err
	}
	m := store.Model{ID: newID(), Slug: slug, Name: name}
	r, err := s.resolve(ctx, op, source)
	var from store.Checkpoint
	switch {
	case err == nil && r.base != nil:
		data, err := r.base.weights()
		if err != nil {
			return hud.Model{}, failed(op, hud.CodeServer, http.StatusInternalServerError, "%v", err)
		}
		config, err := r.base.config()
		if err != nil {
			return hud.Model{}, failed(op, hud.CodeServer, http.StatusInternalServerError, "%v", err)
		}
		// The fork keeps its own copy, so that another build's base models
		// do not change it.
		return s.add(ctx, op, m, config, data)
	case err == nil:
		if r.row.Head != "" {
			if from, err = s.store.Checkpoint(ctx, r.row.Head); err != nil {
				return hud.Model{}, storeError(op, err)
			}
		}
	default:
		c, model, found := s.anyCheckpoint(ctx, source)
		if !found {
			return hud.Model{}, err
		}
		from, r.row = c, model
		if from.Weights == "" {
			return hud.Model{}, s.pruned(op, from)
		}
	}
	m.Config, m.GradClip, m.Weights, m.Source = r.row.Config, r.row.GradClip, r.row.Weights, from.ID
	if from.ID != "" {
		m.Weights = from.Weights
	}
	if m, err = s.store.AddModel(ctx, m, isBaseSlug); err != nil {
		return hud.Model{}, storeError(op, err)
	}
	return catalogEntry(m), nil
}

// add stores weights and the model that starts with them.
func (s *Service) add(ctx context.Context, op string, m store.Model, c policy.Config, weights []byte) (hud.Model, error) {
	config, err := json.Marshal(c)
	if err != nil {
		return hud.Model{}, invalid(op, "%v", err)
	}
	m.Config = string(config)
	err = s.withBlobs([][]byte{weights}, func(hashes []string) (err error) {
		m.Weights = hashes[0]
		m, err = s.store.AddModel(ctx, m, isBaseSlug)
		return err
	})
	if err != nil {
		return hud.Model{}, storeError(op, err)
	}
	return catalogEntry(m), nil
}

// A ModelConfig is the shape of a model. Its fields are Vocab, the rows of the
// embedding (264 for the tokenizer of bytes that ships); Dim, the width of the
// residual stream; Layers; Heads, which share Dim in even parts; KVHeads, which
// divide Heads; FFN, the width of the feed-forward layer; MaxContext, in tokens;
// RopeTheta, NormEps, and Tied: whether logits use the embedding matrix.
type ModelConfig = policy.Config

// CreateOptions describe a model with fresh random weights.
type CreateOptions struct {
	Name     string
	Shape    string       // "nano" or "mini"; "" when Config is set
	Config   *ModelConfig // any other shape
	GradClip float64      // gradients of a larger norm are scaled down to it before each step; 0: never
	Seed     uint64       // of the initial weights
}

// Create makes a trainable model with random weights.
func (s *Service) Create(ctx context.Context, o CreateOptions) (hud.Model, error) {
	const op = "create"
	slug, err := slugOf(op, o.Name)
	if err != nil {
		return hud.Model{}, err
	}
	if !finite(o.GradClip) || o.GradClip < 0 {
		return hud.Model{}, invalid(op, "grad_clip: got %v, want a finite number of 0 or more", o.GradClip)
	}
	var c policy.Config
	switch {
	case o.Config != nil && o.Shape != "":
		return hud.Model{}, invalid(op, "shape: got %q and a config, want one of the two", o.Shape)
	case o.Config != nil:
		c = *o.Config
	case o.Shape == "nano":
		c = policy.Nano
	case o.Shape == "mini":
		c = policy.Mini
	default:
		return hud.Model{}, invalid(op, "shape: got %q, want nano or mini", o.Shape)
	}
	if err := c.Validate(); err != nil {
		return hud.Model{}, invalid(op, "%v", err)
	}
	if c.Vocab < tokenizer.Vocab {
		return hud.Model{}, invalid(op, "vocab: got %d, want at least the tokenizer's %d", c.Vocab, tokenizer.Vocab)
	}
	var weights bytes.Buffer
	if err := writeWeights(&weights, c, c.Init(o.Seed)); err != nil {
		return hud.Model{}, invalid(op, "%v", err)
	}
	return s.add(ctx, op, store.Model{ID: newID(), Slug: slug, Name: o.Name, GradClip: o.GradClip}, c, weights.Bytes())
}

// A RemoveResult says what Remove removed.
type RemoveResult struct {
	Model       hud.Model `json:"model"`
	Checkpoints int       `json:"checkpoints"`
}

// Remove removes a model and its tree for good; its blobs stay until GC. It
// waits for the training operation under way and refuses where gradients wait
// for their step (CodeConflict), where models were forked from the tree
// (CodeConflict), and a base model. Chats under way end as they would have;
// other processes find the model gone at their next call.
func (s *Service) Remove(ctx context.Context, name string) (RemoveResult, error) {
	const op = "rm"
	r, err := s.resolve(ctx, op, name)
	if err != nil {
		return RemoveResult{}, err
	}
	if r.base != nil {
		return RemoveResult{}, failed(op, hud.CodeValidation, http.StatusForbidden, "%s is a base model, which is part of this program", r.base.slug)
	}
	t, unlock, err := s.enter(ctx, op, r.row.ID)
	if err != nil {
		return RemoveResult{}, err
	}
	defer unlock()
	if n := t.pending.passes; n > 0 {
		return RemoveResult{}, hinted(conflict(op, "%s is being trained: %d passes wait for their optim_step", t.row.Slug, n), "end the step first, or discard it with set_head")
	}
	n, err := s.store.RemoveModel(ctx, t.row.ID)
	if err != nil {
		err := storeError(op, err)
		if e := (*hud.Error)(nil); errors.Is(err, store.ErrForked) && errors.As(err, &e) {
			e.Hint = "remove the forks first"
		}
		return RemoveResult{}, err
	}
	t.discard("rm")
	t.release()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.trainers, t.id)
	s.loadedBy = slices.DeleteFunc(s.loadedBy, func(o *trainer) bool { return o == t })
	if sm := s.samplers[t.id]; sm != nil {
		sm.Forget() // those under way end; Close ends the sampler
	}
	return RemoveResult{catalogEntry(t.row), n}, nil
}

const maxName = 200

// slugOf makes a URL-safe slug of a display name.
func slugOf(op, name string) (string, error) {
	if strings.TrimSpace(name) == "" {
		return "", invalid(op, "name: got %q, want at least one letter or digit", name)
	}
	if len(name) > maxName {
		return "", invalid(op, "name: got %d bytes, want at most %d", len(name), maxName)
	}
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", invalid(op, "name: got %q, want characters that can be shown", name)
	}
	slug := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_', r == '.', r == '/':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, strings.TrimSpace(name))
	if strings.Trim(slug, "-_./") == "" {
		return "", invalid(op, "name: got %q, want at least one letter or digit", name)
	}
	if _, last, ok := cutLast(slug, "/"); ok {
		if _, ok := stepOf(last); ok {
			return "", invalid(op, "name: got %q, which reads as a checkpoint; want a name", name)
		}
	}
	if _, err := uuid.Parse(slug); err == nil {
		return "", invalid(op, "name: got %q, which reads as an id; want a name", name)
	}
	return slug, nil
}

// Checkpoints lists a model's tree, oldest first. A base model has none.
func (s *Service) Checkpoints(ctx context.Context, modelID string) ([]hud.Checkpoint, error) {
	const op = "checkpoints"
	r, err := s.resolve(ctx, op, modelID)
	if err != nil || r.base != nil {
		return nil, err
	}
	rows, err := s.store.Checkpoints(ctx, r.row.ID)
	if err != nil {
		return nil, storeError(op, err)
	}
	list := make([]hud.Checkpoint, 0, len(rows))
	for _, c := range rows {
		list = append(list, hud.Checkpoint{
			ID: c.ID, Name: stepName(c.Step), CheckpointName: samplerPath(r.row.Slug, c.Step),
			PrevModelCheckpointID: c.Parent, IsActive: c.ID == r.row.Head, CreatedAt: c.CreatedAt,
			NumTraces: c.NumTraces, NumDatums: c.NumDatums, NumTokens: c.NumTokens,
			MeanReward: c.MeanReward, LearningRate: c.LearningRate, LossFn: c.LossFn, Metrics: c.Metrics, Step: c.Step,
		})
	}
	return list, nil
}

// samplerPath names a checkpoint's weights; a chat's checkpoint field accepts
// it. Steps are never reused, so neither is the path.
func samplerPath(slug string, step int) string { return slug + "/" + stepName(step) }

// statePath names a checkpoint's training state.
func statePath(slug string, step int) string { return slug + "/state/" + stepName(step) }

// checkpoint finds a checkpoint of a model by id, display name or sampler path.
func (s *Service) checkpoint(ctx context.Context, op string, m store.Model, name string) (store.Checkpoint, error) {
	c, err := s.store.Checkpoint(ctx, canonicalID(name))
	if err == nil && c.ModelID == m.ID {
		return c, nil
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return c, storeError(op, err)
	}
	if step, ok := stepOf(strings.TrimPrefix(name, m.Slug+"/")); ok {
		c, err := s.store.CheckpointAt(ctx, m.ID, step)
		if err == nil || !errors.Is(err, store.ErrNotFound) {
			return c, storeError(op, err)
		}
	}
	return c, hinted(notFound(op, "checkpoint %q not found in the tree of %s", name, m.Slug), "`hudrl models checkpoints %s` shows the tree", m.Slug)
}

// anyCheckpoint finds a checkpoint of whatever model by id or sampler path.
func (s *Service) anyCheckpoint(ctx context.Context, name string) (store.Checkpoint, store.Model, bool) {
	c, err := s.store.Checkpoint(ctx, canonicalID(name))
	if err != nil {
		slug, last, ok := cutLast(name, "/")
		step, isStep := stepOf(last)
		if !ok || !isStep {
			return c, store.Model{}, false
		}
		m, err := s.store.FindModel(ctx, slug)
		if err != nil {
			return c, m, false
		}
		c, err = s.store.CheckpointAt(ctx, m.ID, step)
		return c, m, err == nil
	}
	m, err := s.store.Model(ctx, c.ModelID)
	return c, m, err == nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// stepOf reads step-0007.
func stepOf(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, "step-")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n > 0
}

func (s *Service) pruned(op string, c store.Checkpoint) error {
	return storeError(op, fmt.Errorf("checkpoint %s of step %d: %w", c.ID, c.Step, store.ErrPruned))
}

// SetHead moves the head to a checkpoint of the model's tree, with the
// optimizer state it was saved with. Gradients accumulated and forward passes
// not yet used are discarded: they belong to another policy. The next step
// continues the model's numbering and the checkpoint's own Adam count.
// hud.BaseCheckpoint goes back to the weights the model began with.
func (s *Service) SetHead(ctx context.Context, modelID, checkpointID string) error {
	const op = "set_head"
	t, unlock, err := s.enter(ctx, op, modelID)
	if err != nil {
		return err
	}
	defer unlock()
	if checkpointID == hud.BaseCheckpoint {
		if _, err := s.store.SetHead(ctx, t.row.ID, ""); err != nil {
			return storeError(op, err)
		}
		t.discard("set_head to the base weights")
		t.row.Head = ""
		t.unload()
		return nil
	}
	c, err := s.checkpoint(ctx, op, t.row, checkpointID)
	if err != nil {
		return err
	}
	path := samplerPath(t.row.Slug, c.Step)
	if c, err = s.store.SetHead(ctx, t.row.ID, c.ID); err != nil {
		err := storeError(op, err)
		var e *hud.Error
		if errors.Is(err, store.ErrPruned) && errors.As(err, &e) && c.Weights != "" {
			e.Detail = fmt.Sprintf("checkpoint %s: its optimizer state was pruned", path)
			e.Hint = fmt.Sprintf("its weights are kept: fork %s to continue from them with a fresh optimizer, or use --keep all from the start", path)
		}
		return err
	}
	t.discard(fmt.Sprintf("set_head to %s", stepName(c.Step)))
	t.row.Head = c.ID
	t.unload()
	return nil
}
