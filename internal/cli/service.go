package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/spf13/cobra"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/local"
)

// serviceFlags choose the training service.
type serviceFlags struct {
	service, data string
	keep          choice
}

func (f *serviceFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.keep = choice{"recent", []string{"recent", "all"}}
	flags.StringVar(&f.service, "service", "", "the training `SERVICE`: local, the one inside this program [HUDRL_SERVICE]")
	flags.StringVar(&f.data, "data", "", "keep models under `DIR` [HUDRL_HOME] (default: the user's data directory)")
	flags.Var(&f.keep, "keep", "keep the weights and optimizer state of `WHICH` checkpoints: recent or all")
	f.keep.complete(cmd, "keep")
	(&choice{want: []string{"local"}}).complete(cmd, "service")
}

// open checks the flags and returns the service, which does nothing before it
// is first used.
func (f *serviceFlags) open(a *app) (*lazyService, error) {
	name := f.service
	if name == "" {
		name, _ = a.Getenv("HUDRL_SERVICE")
	}
	if name != "" && name != "local" {
		return nil, &usageError{
			message: "service " + name + ": this build has only the embedded service",
			hint:    "want --service local, or none",
		}
	}
	dir, err := a.dataDir(f.data)
	return &lazyService{dir: dir, err: err, options: local.Options{KeepAll: f.keep.value == "all"}, opened: a.notePortable}, nil
}

// notePortable says what to expect where the fast kernels are missing.
func (a *app) notePortable() {
	if local.Portable() {
		fmt.Fprintln(a.Stderr, "note: portable kernels (no AVX2 here): the quickstart takes about half a minute, --steps after the script's name shortens it")
	}
}

// A lazyService opens the embedded service when it is first asked something:
// a script that trains nothing starts at once and leaves no directory behind.
type lazyService struct {
	dir     string // "" when there is none: err says why
	options local.Options
	opened  func() // called once, after the first Open

	mu     sync.Mutex
	svc    *local.Service
	err    error // a failed Open is not tried again
	closed bool
}

var errServiceClosed = errors.New("the training service is closed")

// get is the open service.
func (l *lazyService) get() (*local.Service, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, errServiceClosed
	case l.svc == nil && l.err == nil:
		if l.svc, l.err = local.Open(l.dir, l.options); l.err == nil {
			l.opened()
		}
	}
	return l.svc, l.err
}

// Close closes the service if it was ever opened.
func (l *lazyService) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.svc == nil {
		return nil
	}
	err := l.svc.Close()
	l.svc = nil
	return err
}

var (
	_ hud.Service         = (*lazyService)(nil)
	_ hud.TokenizerSource = (*lazyService)(nil)
	_ hud.StateKeeper     = (*lazyService)(nil)
	_ hud.Tracer          = (*lazyService)(nil)
)

// with calls f with the open service.
func with[T any](l *lazyService, f func(*local.Service) (T, error)) (T, error) {
	svc, err := l.get()
	if err != nil {
		var zero T
		return zero, err
	}
	return f(svc)
}

func (l *lazyService) Models(ctx context.Context) ([]hud.Model, error) {
	return with(l, func(s *local.Service) ([]hud.Model, error) { return s.Models(ctx) })
}

func (l *lazyService) Resolve(ctx context.Context, name string) (hud.Model, error) {
	return with(l, func(s *local.Service) (hud.Model, error) { return s.Resolve(ctx, name) })
}

func (l *lazyService) Fork(ctx context.Context, sourceModelID, name string) (hud.Model, error) {
	return with(l, func(s *local.Service) (hud.Model, error) { return s.Fork(ctx, sourceModelID, name) })
}

func (l *lazyService) Checkpoints(ctx context.Context, modelID string) ([]hud.Checkpoint, error) {
	return with(l, func(s *local.Service) ([]hud.Checkpoint, error) { return s.Checkpoints(ctx, modelID) })
}

func (l *lazyService) SetHead(ctx context.Context, modelID, checkpointID string) error {
	svc, err := l.get()
	if err != nil {
		return err
	}
	return svc.SetHead(ctx, modelID, checkpointID)
}

func (l *lazyService) Losses(ctx context.Context, modelID string) ([]string, error) {
	return with(l, func(s *local.Service) ([]string, error) { return s.Losses(ctx, modelID) })
}

func (l *lazyService) ForwardBackward(ctx context.Context, modelID string, req *hud.ForwardBackwardRequest) (*hud.ForwardBackwardResult, error) {
	return with(l, func(s *local.Service) (*hud.ForwardBackwardResult, error) {
		return s.ForwardBackward(ctx, modelID, req)
	})
}

func (l *lazyService) Forward(ctx context.Context, modelID string, req *hud.ForwardRequest) (*hud.ForwardResult, error) {
	return with(l, func(s *local.Service) (*hud.ForwardResult, error) { return s.Forward(ctx, modelID, req) })
}

func (l *lazyService) Backward(ctx context.Context, modelID string, req *hud.BackwardRequest) (*hud.ForwardBackwardResult, error) {
	return with(l, func(s *local.Service) (*hud.ForwardBackwardResult, error) { return s.Backward(ctx, modelID, req) })
}

func (l *lazyService) OptimStep(ctx context.Context, modelID string, req *hud.OptimStepRequest) (*hud.OptimStepResult, error) {
	return with(l, func(s *local.Service) (*hud.OptimStepResult, error) { return s.OptimStep(ctx, modelID, req) })
}

func (l *lazyService) Chat(ctx context.Context, req *hud.ChatRequest) (*hud.ChatResponse, error) {
	return with(l, func(s *local.Service) (*hud.ChatResponse, error) { return s.Chat(ctx, req) })
}

func (l *lazyService) Tokenizer(ctx context.Context, model string) (hud.Tokenizer, error) {
	return with(l, func(s *local.Service) (hud.Tokenizer, error) { return s.Tokenizer(ctx, model) })
}

func (l *lazyService) State(ctx context.Context, name string) (json.RawMessage, error) {
	return with(l, func(s *local.Service) (json.RawMessage, error) { return s.State(ctx, name) })
}

func (l *lazyService) EnterTrace(ctx context.Context, t hud.TraceEnter) error {
	svc, err := l.get()
	if err != nil {
		return err
	}
	return svc.EnterTrace(ctx, t)
}

func (l *lazyService) ExitTrace(ctx context.Context, t hud.TraceExit) error {
	svc, err := l.get()
	if err != nil {
		return err
	}
	return svc.ExitTrace(ctx, t)
}
