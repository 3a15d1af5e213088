package hud

import (
	"context"
	"encoding/json"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
)

// threadKey is the context key of the Lua thread that a call is made from.
type threadKey struct{}

// callContext is L's context, carrying L, for calls into Go packages that come
// back to the service, the spawner or a Lua function.
func callContext(vm *runtime.VM, L *lua.LState) context.Context {
	return context.WithValue(vm.Context(L), threadKey{}, L)
}

// thread is the Lua thread that ctx was made for.
func thread(ctx context.Context) *lua.LState { return ctx.Value(threadKey{}).(*lua.LState) }

// A waiting service lets other tasks of the VM run while a call to the service
// is under way. Its contexts come from callContext.
type waiting struct {
	vm  *runtime.VM
	svc hud.Service
}

// await runs f without the interpreter lock.
func await[T any](vm *runtime.VM, ctx context.Context, f func() (T, error)) (value T, err error) {
	if bug := vm.Wait(thread(ctx), func() { value, err = f() }); bug != nil {
		return value, bug
	}
	return value, err
}

// awaitError is await for calls that only fail or do not.
func awaitError(vm *runtime.VM, ctx context.Context, f func() error) error {
	_, err := await(vm, ctx, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

func (w *waiting) Models(ctx context.Context) ([]hud.Model, error) {
	return await(w.vm, ctx, func() ([]hud.Model, error) { return w.svc.Models(ctx) })
}

func (w *waiting) Resolve(ctx context.Context, name string) (hud.Model, error) {
	return await(w.vm, ctx, func() (hud.Model, error) { return w.svc.Resolve(ctx, name) })
}

func (w *waiting) Fork(ctx context.Context, source, name string) (hud.Model, error) {
	return await(w.vm, ctx, func() (hud.Model, error) { return w.svc.Fork(ctx, source, name) })
}

func (w *waiting) Checkpoints(ctx context.Context, model string) ([]hud.Checkpoint, error) {
	return await(w.vm, ctx, func() ([]hud.Checkpoint, error) { return w.svc.Checkpoints(ctx, model) })
}

func (w *waiting) SetHead(ctx context.Context, model, checkpoint string) error {
	return awaitError(w.vm, ctx, func() error { return w.svc.SetHead(ctx, model, checkpoint) })
}

func (w *waiting) Losses(ctx context.Context, model string) ([]string, error) {
	return await(w.vm, ctx, func() ([]string, error) { return w.svc.Losses(ctx, model) })
}

func (w *waiting) ForwardBackward(ctx context.Context, model string, req *hud.ForwardBackwardRequest) (*hud.ForwardBackwardResult, error) {
	return await(w.vm, ctx, func() (*hud.ForwardBackwardResult, error) { return w.svc.ForwardBackward(ctx, model, req) })
}

func (w *waiting) Forward(ctx context.Context, model string, req *hud.ForwardRequest) (*hud.ForwardResult, error) {
	return await(w.vm, ctx, func() (*hud.ForwardResult, error) { return w.svc.Forward(ctx, model, req) })
}

func (w *waiting) Backward(ctx context.Context, model string, req *hud.BackwardRequest) (*hud.ForwardBackwardResult, error) {
	return await(w.vm, ctx, func() (*hud.ForwardBackwardResult, error) { return w.svc.Backward(ctx, model, req) })
}

func (w *waiting) OptimStep(ctx context.Context, model string, req *hud.OptimStepRequest) (*hud.OptimStepResult, error) {
	return await(w.vm, ctx, func() (*hud.OptimStepResult, error) { return w.svc.OptimStep(ctx, model, req) })
}

func (w *waiting) Chat(ctx context.Context, req *hud.ChatRequest) (*hud.ChatResponse, error) {
	return await(w.vm, ctx, func() (*hud.ChatResponse, error) { return w.svc.Chat(ctx, req) })
}

// EnterTrace does nothing where the service keeps no traces.
func (w *waiting) EnterTrace(ctx context.Context, t hud.TraceEnter) error {
	if tracer, ok := w.svc.(hud.Tracer); ok {
		return awaitError(w.vm, ctx, func() error { return tracer.EnterTrace(ctx, t) })
	}
	return nil
}

// ExitTrace does nothing where the service keeps no traces.
func (w *waiting) ExitTrace(ctx context.Context, t hud.TraceExit) error {
	if tracer, ok := w.svc.(hud.Tracer); ok {
		return awaitError(w.vm, ctx, func() error { return tracer.ExitTrace(ctx, t) })
	}
	return nil
}

// State is nil where the service keeps none.
func (w *waiting) State(ctx context.Context, name string) (json.RawMessage, error) {
	if keeper, ok := w.svc.(hud.StateKeeper); ok {
		return await(w.vm, ctx, func() (json.RawMessage, error) { return keeper.State(ctx, name) })
	}
	return nil, nil
}

// Tokenizer fails where the service hands out none.
func (w *waiting) Tokenizer(ctx context.Context, model string) (hud.Tokenizer, error) {
	source, ok := w.svc.(hud.TokenizerSource)
	if !ok {
		return nil, &hud.Error{Op: "tokenizer", Code: hud.CodeValidation, Detail: "the service hands out no tokenizers"}
	}
	return await(w.vm, ctx, func() (hud.Tokenizer, error) { return source.Tokenizer(ctx, model) })
}

// tasks is the rollout.Spawner of a VM: every rollout is a Lua task.
type tasks struct{ vm *runtime.VM }

// Spawn starts f on a thread of its own. It is called with the lock held, by
// whichever task ended last, on behalf of the one that ctx was made for.
func (s tasks) Spawn(ctx context.Context, f func(context.Context) error) (func(context.Context) error, error) {
	var t *runtime.Task
	t, err := s.vm.Spawn(thread(ctx), "rollout", func(L *lua.LState) error {
		// A task's context is a child of the spawning task's, and knows nothing
		// of ctx, which ends when the crowd gives up.
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		defer context.AfterFunc(ctx, t.Cancel)()
		return f(callContext(s.vm, L))
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return t.Wait(thread(ctx)) }, nil
}
