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
	flags.StringVar(&f.service, "service", "", "the training `SERVICE`: local, inside this program; hud; or an address [HUDRL_SERVICE]")
	flags.StringVar(&f.data, "data", "", "keep models and the journals of runs under `DIR` [HUDRL_HOME] (default: the user's data directory)")
	flags.Var(&f.keep, "keep", "keep the weights and optimizer state of `WHICH` checkpoints: recent or all")
	f.keep.complete(cmd, "keep")
	(&choice{want: []string{localName, "hud"}}).complete(cmd, "service")
}

// notePortable says what to expect where the fast kernels are missing.
func (a *app) notePortable() {
	if local.Portable() {
		fmt.Fprintln(a.Stderr, "note: portable kernels (no AVX2 here): the quickstart takes about half a minute, --steps after the script's name shortens it")
	}
}

// A lazyService opens the chosen service when it is first asked something: a
// script that trains nothing starts at once and leaves no directory behind.
type lazyService struct {
	dir   string // where the embedded service's models are, "" for nowhere
	where string // the service, for people

	web, gateway string // of HUD's service: where its pages and its chats are

	open func() (backend, error)
	say  func(line string) // tells the user something; set before the first use

	scripts hud.Service  // what scripts are given instead, or nil
	end     func() error // of that, when the service is closed; may be nil

	mu     sync.Mutex
	svc    backend
	err    error // a failed open is not tried again
	closed bool
}

var errServiceClosed = errors.New("the training service is closed")

// get is the open service.
func (l *lazyService) get() (backend, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, errServiceClosed
	case l.svc == nil && l.err == nil:
		l.svc, l.err = l.open()
	}
	return l.svc, l.err
}

// forScripts is the service that scripts are given.
func (l *lazyService) forScripts() hud.Service {
	if l.scripts != nil {
		return l.scripts
	}
	return l
}

// Close closes the service if it was ever opened.
func (l *lazyService) Close() error {
	var ended error
	if l.end != nil {
		ended = l.end()
		l.end = nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.svc == nil {
		return ended
	}
	err := l.svc.Close()
	l.svc = nil
	return errors.Join(ended, err)
}

var (
	_ hud.Service         = (*lazyService)(nil)
	_ hud.TokenizerSource = (*lazyService)(nil)
	_ hud.StateKeeper     = (*lazyService)(nil)
	_ hud.Tracer          = (*lazyService)(nil)
	_ hud.Relocator       = (*lazyService)(nil)
)

// with calls f with the open service.
func with[T any](l *lazyService, f func(backend) (T, error)) (T, error) {
	svc, err := l.get()
	if err != nil {
		var zero T
		return zero, err
	}
	return f(svc)
}

func (l *lazyService) Models(ctx context.Context) ([]hud.Model, error) {
	return with(l, func(s backend) ([]hud.Model, error) { return s.Models(ctx) })
}

func (l *lazyService) Resolve(ctx context.Context, name string) (hud.Model, error) {
	return with(l, func(s backend) (hud.Model, error) { return s.Resolve(ctx, name) })
}

func (l *lazyService) Fork(ctx context.Context, sourceModelID, name string) (hud.Model, error) {
	return with(l, func(s backend) (hud.Model, error) { return s.Fork(ctx, sourceModelID, name) })
}

func (l *lazyService) Checkpoints(ctx context.Context, modelID string) ([]hud.Checkpoint, error) {
	return with(l, func(s backend) ([]hud.Checkpoint, error) { return s.Checkpoints(ctx, modelID) })
}

func (l *lazyService) SetHead(ctx context.Context, modelID, checkpointID string) error {
	svc, err := l.get()
	if err != nil {
		return err
	}
	return svc.SetHead(ctx, modelID, checkpointID)
}

func (l *lazyService) Losses(ctx context.Context, modelID string) ([]string, error) {
	return with(l, func(s backend) ([]string, error) { return s.Losses(ctx, modelID) })
}

func (l *lazyService) ForwardBackward(ctx context.Context, modelID string, req *hud.ForwardBackwardRequest) (*hud.ForwardBackwardResult, error) {
	return with(l, func(s backend) (*hud.ForwardBackwardResult, error) {
		return s.ForwardBackward(ctx, modelID, req)
	})
}

func (l *lazyService) Forward(ctx context.Context, modelID string, req *hud.ForwardRequest) (*hud.ForwardResult, error) {
	return with(l, func(s backend) (*hud.ForwardResult, error) { return s.Forward(ctx, modelID, req) })
}

func (l *lazyService) Backward(ctx context.Context, modelID string, req *hud.BackwardRequest) (*hud.ForwardBackwardResult, error) {
	return with(l, func(s backend) (*hud.ForwardBackwardResult, error) { return s.Backward(ctx, modelID, req) })
}

func (l *lazyService) OptimStep(ctx context.Context, modelID string, req *hud.OptimStepRequest) (*hud.OptimStepResult, error) {
	return with(l, func(s backend) (*hud.OptimStepResult, error) { return s.OptimStep(ctx, modelID, req) })
}

func (l *lazyService) Chat(ctx context.Context, req *hud.ChatRequest) (*hud.ChatResponse, error) {
	return with(l, func(s backend) (*hud.ChatResponse, error) { return s.Chat(ctx, req) })
}

// Tokenizer fails where the service hands out none.
func (l *lazyService) Tokenizer(ctx context.Context, model string) (hud.Tokenizer, error) {
	return with(l, func(s backend) (hud.Tokenizer, error) {
		if source, ok := s.(hud.TokenizerSource); ok {
			return source.Tokenizer(ctx, model)
		}
		return nil, &hud.Error{Op: "tokenizer", Code: hud.CodeValidation, Detail: "the service hands out no tokenizers"}
	})
}

// State is nil where the service keeps none.
func (l *lazyService) State(ctx context.Context, name string) (json.RawMessage, error) {
	return with(l, func(s backend) (json.RawMessage, error) {
		if keeper, ok := s.(hud.StateKeeper); ok {
			return keeper.State(ctx, name)
		}
		return nil, nil
	})
}

// trace calls f with the service where it keeps traces.
func (l *lazyService) trace(f func(hud.Tracer) error) error {
	svc, err := l.get()
	if err != nil {
		return err
	}
	if tracer, ok := svc.(hud.Tracer); ok {
		return f(tracer)
	}
	return nil
}

func (l *lazyService) EnterTrace(ctx context.Context, t hud.TraceEnter) error {
	return l.trace(func(tracer hud.Tracer) error { return tracer.EnterTrace(ctx, t) })
}

func (l *lazyService) ExitTrace(ctx context.Context, t hud.TraceExit) error {
	return l.trace(func(tracer hud.Tracer) error { return tracer.ExitTrace(ctx, t) })
}
