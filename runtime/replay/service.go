package replay

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/url"
	"reflect"

	"github.com/hudrl/hudrl/runtime/hud"
)

// A medium passes exchanges on: to a service, or to a recording.
type medium interface {
	// pass answers x with what live returns, or with a recorded text.
	pass(ctx context.Context, x *exchange, live func() (any, error)) (answer any, recorded []byte, err error)
}

// An exchange is a request and, in time, its answer.
type exchange struct {
	op, at  string
	request []byte
	state   []byte   // kept with a step, and not compared
	deltas  []string // what a chat streamed
	model   string   // the model that it trains, or ""
	named   string   // the model that it names, or ""
}

// A service is every call there is, through a medium.
type service struct {
	medium medium
	inner  hud.Service // whom a recording asks; nil for a player
	at     string      // the address a script gave, or ""
	names  *names
}

var (
	_ hud.Service         = (*service)(nil)
	_ hud.TokenizerSource = (*service)(nil)
	_ hud.StateKeeper     = (*service)(nil)
	_ hud.Tracer          = (*service)(nil)
	_ hud.SampleRecorder  = (*service)(nil)
	_ hud.Relocator       = (*service)(nil)
)

// through passes one call. args is a struct of the arguments.
func through[T any](ctx context.Context, s *service, x exchange, args any, live func() (T, error)) (T, error) {
	if ctx.Err() != nil {
		return gone[T](ctx, s, x.op, live)
	}
	x.at = s.at
	x.request = (&encoder{trace: s.names.of}).encode(args)
	return finish[T](ctx, s, &x, func() (any, error) { return live() })
}

// gone is a call whose caller has stopped waiting before it was made: nothing
// comes of it, and nothing is recorded.
func gone[T any](ctx context.Context, s *service, op string, live func() (T, error)) (T, error) {
	if s.inner != nil {
		return live()
	}
	var none T
	return none, &hud.Error{Op: op, Code: hud.CodeTimeout, Detail: "stopped before it was done: " + context.Cause(ctx).Error(), Err: ctx.Err()}
}

func finish[T any](ctx context.Context, s *service, x *exchange, live func() (any, error)) (T, error) {
	answer, recorded, err := s.medium.pass(ctx, x, live)
	if recorded != nil {
		v, bad := decode[T](recorded)
		if r := reflect.ValueOf(v); err == nil && bad == nil && r.Kind() == reflect.Pointer && r.IsNil() {
			bad = &hud.Error{Op: "replay", Code: hud.CodeValidation, Detail: "the recording has a " + x.op + " with neither an answer nor an error"}
		}
		return v, cmp.Or(err, bad)
	}
	v, _ := answer.(T)
	return v, err
}

// only is through for calls that only fail or do not.
func only(ctx context.Context, s *service, x exchange, args any, live func() error) error {
	_, err := through(ctx, s, x, args, func() (struct{}, error) { return struct{}{}, live() })
	return err
}

func (s *service) Models(ctx context.Context) ([]hud.Model, error) {
	return through(ctx, s, exchange{op: "models"}, struct{}{}, func() ([]hud.Model, error) { return s.inner.Models(ctx) })
}

func (s *service) Resolve(ctx context.Context, name string) (hud.Model, error) {
	return through(ctx, s, exchange{op: "resolve", named: name}, struct{ Model string }{name},
		func() (hud.Model, error) { return s.inner.Resolve(ctx, name) })
}

func (s *service) Fork(ctx context.Context, source, name string) (hud.Model, error) {
	return through(ctx, s, exchange{op: "fork", named: name}, struct{ SourceModelID, Name string }{source, name},
		func() (hud.Model, error) { return s.inner.Fork(ctx, source, name) })
}

func (s *service) Checkpoints(ctx context.Context, model string) ([]hud.Checkpoint, error) {
	return through(ctx, s, exchange{op: "checkpoints"}, struct{ ModelID string }{model},
		func() ([]hud.Checkpoint, error) { return s.inner.Checkpoints(ctx, model) })
}

func (s *service) SetHead(ctx context.Context, model, checkpoint string) error {
	return only(ctx, s, exchange{op: "set_head", model: model}, struct{ ModelID, CheckpointID string }{model, checkpoint},
		func() error { return s.inner.SetHead(ctx, model, checkpoint) })
}

func (s *service) Losses(ctx context.Context, model string) ([]string, error) {
	return through(ctx, s, exchange{op: "losses"}, struct{ ModelID string }{model},
		func() ([]string, error) { return s.inner.Losses(ctx, model) })
}

func (s *service) ForwardBackward(ctx context.Context, model string, req *hud.ForwardBackwardRequest) (*hud.ForwardBackwardResult, error) {
	args := struct {
		ModelID string
		*hud.ForwardBackwardRequest
	}{model, req}
	return through(ctx, s, exchange{op: "forward_backward", model: model}, args,
		func() (*hud.ForwardBackwardResult, error) { return s.inner.ForwardBackward(ctx, model, req) })
}

func (s *service) Forward(ctx context.Context, model string, req *hud.ForwardRequest) (*hud.ForwardResult, error) {
	args := struct {
		ModelID string
		*hud.ForwardRequest
	}{model, req}
	return through(ctx, s, exchange{op: "forward"}, args,
		func() (*hud.ForwardResult, error) { return s.inner.Forward(ctx, model, req) })
}

func (s *service) Backward(ctx context.Context, model string, req *hud.BackwardRequest) (*hud.ForwardBackwardResult, error) {
	args := struct {
		ModelID string
		*hud.BackwardRequest
	}{model, req}
	return through(ctx, s, exchange{op: "backward", model: model}, args,
		func() (*hud.ForwardBackwardResult, error) { return s.inner.Backward(ctx, model, req) })
}

func (s *service) OptimStep(ctx context.Context, model string, req *hud.OptimStepRequest) (*hud.OptimStepResult, error) {
	compared := *req
	compared.State = nil
	args := struct {
		ModelID string
		*hud.OptimStepRequest
	}{model, &compared}
	x := exchange{op: "optim_step", model: model}
	if req.State != nil {
		x.state = new(encoder).encode(req.State)
	}
	return through(ctx, s, x, args,
		func() (*hud.OptimStepResult, error) { return s.inner.OptimStep(ctx, model, req) })
}

func (s *service) Chat(ctx context.Context, req *hud.ChatRequest) (*hud.ChatResponse, error) {
	if ctx.Err() != nil {
		return gone(ctx, s, "chat", func() (*hud.ChatResponse, error) { return s.inner.Chat(ctx, req) })
	}
	asked := *req
	asked.TraceID = ""
	args := struct {
		*hud.ChatRequest
		Traced bool
	}{&asked, req.TraceID != ""}
	x := &exchange{op: "chat", at: s.at, named: req.Model, request: new(encoder).encode(args)}
	s.names.say(req.TraceID, x.request)
	live := *req
	if req.Stream != nil {
		live.Stream = func(delta string) {
			x.deltas = append(x.deltas, delta)
			req.Stream(delta)
		}
	}
	res, err := finish[*hud.ChatResponse](ctx, s, x, func() (any, error) { return s.inner.Chat(ctx, &live) })
	if s.inner == nil && req.Stream != nil {
		if x.deltas == nil && err == nil && len(res.Choices) > 0 {
			x.deltas = []string{res.Choices[0].Message.Content}
		}
		for _, delta := range x.deltas {
			req.Stream(delta)
		}
	}
	return res, err
}

// State is nil where the service keeps none.
func (s *service) State(ctx context.Context, name string) (json.RawMessage, error) {
	return through(ctx, s, exchange{op: "state"}, struct{ Name string }{name}, func() (json.RawMessage, error) {
		if keeper, ok := s.inner.(hud.StateKeeper); ok {
			return keeper.State(ctx, name)
		}
		return nil, nil
	})
}

// EnterTrace does nothing where the service keeps no traces.
func (s *service) EnterTrace(ctx context.Context, t hud.TraceEnter) error {
	s.names.enter(t.TraceID)
	args := struct {
		TaskSlug, Model, JobName string
		Group                    int
	}{t.TaskSlug, t.Model, t.JobName, t.Group}
	return only(ctx, s, exchange{op: "enter_trace"}, args, func() error {
		if tracer, ok := s.inner.(hud.Tracer); ok {
			return tracer.EnterTrace(ctx, t)
		}
		return nil
	})
}

// ExitTrace does nothing where the service keeps no traces.
func (s *service) ExitTrace(ctx context.Context, t hud.TraceExit) error {
	return only(ctx, s, exchange{op: "exit_trace"}, t, func() error {
		if tracer, ok := s.inner.(hud.Tracer); ok {
			return tracer.ExitTrace(ctx, t)
		}
		return nil
	})
}

// RecordSample fails where the service takes none.
func (s *service) RecordSample(ctx context.Context, traceID string, sample hud.TrajectorySample) error {
	args := struct {
		TraceID string
		hud.TrajectorySample
	}{traceID, sample}
	return only(ctx, s, exchange{op: "record_sample"}, args, func() error {
		if recorder, ok := s.inner.(hud.SampleRecorder); ok {
			return recorder.RecordSample(ctx, traceID, sample)
		}
		return &hud.Error{Op: "record_sample", Code: hud.CodeNotFound, Status: 404, Detail: "this service takes no samples"}
	})
}

// A relocated service is at an address that a script gave. Who asked for it
// closes it.
type relocated struct{ *service }

func (r *relocated) Close() error {
	if closer, ok := r.inner.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// At implements hud.Relocator. The key is in no recording.
func (s *service) At(a hud.Address) (hud.Service, error) {
	moved := &relocated{&service{medium: s.medium, names: s.names}}
	args := struct {
		BaseURL string
		APIURL  string `json:"api_url"`
		WithKey bool
	}{withoutUser(a.BaseURL), withoutUser(a.APIURL), a.APIKey != ""}
	moved.at = cmp.Or(args.BaseURL, args.APIURL, "the same address")
	_, err := through(context.Background(), s, exchange{op: "at"}, args, func() (struct{}, error) {
		relocator, ok := s.inner.(hud.Relocator)
		if !ok {
			return struct{}{}, &hud.Error{Op: "TrainingClient", Code: hud.CodeValidation,
				Detail: "base_url: this service is not reached over the network", Hint: "leave it out: the host chose the service"}
		}
		var err error
		moved.inner, err = relocator.At(a)
		return struct{}{}, err
	})
	if err != nil {
		return nil, err
	}
	return moved, nil
}

// withoutUser is an address without the name and password it may hold.
func withoutUser(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.User == nil {
		return address
	}
	u.User = nil
	return u.String()
}
