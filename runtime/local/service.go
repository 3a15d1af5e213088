// Package local is the embedded training service: a hud.Service in process
// that needs no network and no account. It keeps small language models in one
// directory, samples them, accumulates gradients, steps, checkpoints and rolls
// back, deterministically for a seed.
//
//	svc, err := local.Open(dir)
//	defer svc.Close()
//	m, err := svc.Fork(ctx, "hudrl/mini", "arith-rl")
//	trainer := hud.NewTrainingClient(svc, m.ModelName, hud.TrainingClientOptions{})
//
// The base models hudrl/nano and hudrl/mini are part of the binary; a fork of
// one, or a model that [Service.Create] made, can be trained.
//
// Operations on one model's training state run one at a time in the order they
// arrive. Different models proceed in parallel, and sampling waits for nobody:
// it serves the head as of when the request arrives.
//
// A step is one atomic act ([Service.OptimStep]): weights, optimizer state,
// checkpoint row and promotion exist together or not at all, whatever kills
// the process. Several processes may open one directory; a step that started
// from a head another process moved is refused with CodeConflict.
package local

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/hudrl/hudrl/internal/sampler"
	"github.com/hudrl/hudrl/internal/store"
	"github.com/hudrl/hudrl/internal/tokenizer"
	"github.com/hudrl/hudrl/runtime/hud"
)

// Options configure Open. The zero value is good.
type Options struct {
	// KeepAll keeps weights and optimizer moments of every checkpoint. By
	// default moments are kept for the head and the last 5, weights for the
	// head, fork points, every 10th step and the last 20 (what is due goes
	// every 16 steps), and rows for ever.
	KeepAll bool

	// ReadOnly opens an existing directory for sampling and reading only.
	ReadOnly bool

	// SeparateTurns makes one datum of every sample instead of merging turns
	// whose prompt extends everything before it.
	SeparateTurns bool

	// Logger gets notes about discarded gradients and clean-up; nil for none.
	Logger *slog.Logger

	// atPhase is the store's hook, for tests of interrupted commits.
	atPhase func(store.Phase) error
	// now is the clock of forward passes' lifetimes; nil for time.Now.
	now func() time.Time
}

// A Service is an open directory. It implements hud.Service,
// hud.TokenizerSource, hud.StateKeeper and hud.Tracer, and is safe for
// concurrent use.
type Service struct {
	store  *store.Store
	opts   Options
	log    *slog.Logger
	tok    *hud.ByteTokenizer
	loaded weightsCache

	mu       sync.Mutex
	closed   bool
	trainers map[string]*trainer // by model id
	loadedBy []*trainer          // that may hold memory, the latest used last
	samplers map[string]*sampler.Sampler
	sampling []*sampler.Sampler // that may hold prompts and weights, the latest used last
}

var (
	_ hud.Service         = (*Service)(nil)
	_ hud.TokenizerSource = (*Service)(nil)
	_ hud.StateKeeper     = (*Service)(nil)
	_ hud.Tracer          = (*Service)(nil)
	_ hud.SampleRecorder  = (*Service)(nil)
	_ hud.SamplingMeter   = (*Service)(nil)
)

// Open opens the service in dir, creating the directory when it does not
// exist; at most one Options. No weights are read until they are used. Errors
// are *hud.Error with a hint: a directory that cannot be written, a damaged or
// foreign database, a full disk.
func Open(dir string, options ...Options) (*Service, error) {
	const op = "open"
	if len(options) > 1 {
		return nil, invalid(op, "options: got %d, want at most 1", len(options))
	}
	s := &Service{tok: tokenizer.New(), trainers: map[string]*trainer{}, samplers: map[string]*sampler.Sampler{}}
	if len(options) == 1 {
		s.opts = options[0]
	}
	s.log = s.opts.Logger
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.opts.now == nil {
		s.opts.now = time.Now
	}
	st, err := store.Open(context.Background(), dir, store.Options{ReadOnly: s.opts.ReadOnly, KeepAll: s.opts.KeepAll, AtPhase: s.opts.atPhase})
	if err != nil {
		return nil, storeError(op, err)
	}
	s.store = st
	return s, nil
}

// Dir is the absolute path of the data directory.
func (s *Service) Dir() string { return s.store.Dir() }

// Close ends sampling, waits for the training operations under way and closes
// the store. Calls made afterwards fail.
func (s *Service) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	trainers, samplers := s.trainers, s.samplers
	s.mu.Unlock()
	for _, sm := range samplers {
		sm.Close()
	}
	for _, t := range trainers {
		// Nobody can enter any more; the last to have entered leaves.
		if err := t.queue.lock(context.Background(), nil); err == nil {
			t.queue.unlock()
		}
	}
	return s.store.Close()
}

// trainer is the training state of a model, made on first use.
func (s *Service) trainer(op, modelID string) (*trainer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed(op)
	}
	t := s.trainers[modelID]
	if t == nil {
		t = &trainer{svc: s, id: modelID}
		s.trainers[modelID] = t
	}
	return t, nil
}

// maxTrainers is how many models' training states stay in memory, beside those
// with gradients or forward passes pending: 24 bytes a parameter.
const maxTrainers = 4

// used notes that the caller, whose turn it is, uses t, and releases what was
// not used for longest.
func (s *Service) used(t *trainer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loadedBy = append(slices.DeleteFunc(s.loadedBy, func(o *trainer) bool { return o == t }), t)
	for i := 0; i < len(s.loadedBy)-1 && len(s.loadedBy) > maxTrainers; {
		old := s.loadedBy[i]
		released := false
		if old.queue.tryLock() {
			released = old.release()
			old.queue.unlock()
		}
		if released {
			s.loadedBy = slices.Delete(s.loadedBy, i, i+1)
		} else {
			i++
		}
	}
}

// Tokenizer hands out the byte-level tokenizer every embedded model uses.
func (s *Service) Tokenizer(ctx context.Context, model string) (hud.Tokenizer, error) {
	if model != "" {
		if _, err := s.resolve(ctx, "tokenizer", model); err != nil {
			return nil, err
		}
	}
	return s.tok, nil
}

// State is what the last acknowledged step stored under name, nil if none did.
func (s *Service) State(ctx context.Context, name string) (json.RawMessage, error) {
	v, err := s.store.State(ctx, name)
	return v, storeError("state", err)
}

// GC applies the retention policy now and removes blobs nothing refers to.
func (s *Service) GC(ctx context.Context) (GCResult, error) {
	res, err := s.store.GC(ctx)
	return GCResult(res), storeError("gc", err)
}

// A GCResult counts what GC did.
type GCResult struct {
	Checkpoints int   `json:"checkpoints"` // checkpoints that lost weights or moments to retention
	Files       int   `json:"files"`       // files removed
	Bytes       int64 `json:"bytes"`       // their size
	KeptFiles   int   `json:"kept_files"`  // blobs still referred to
	KeptBytes   int64 `json:"kept_bytes"`
}

// newID is a random UUID.
func newID() string { return uuid.NewString() }

// canonicalID is the dashed lower-case form of a UUID in any spelling, and
// anything else as it is.
func canonicalID(s string) string {
	if id, err := uuid.Parse(strings.TrimSpace(s)); err == nil {
		return id.String()
	}
	return s
}

// stepName is a checkpoint's display name.
func stepName(step int) string { return fmt.Sprintf("step-%04d", step) }
