package hud

import (
	"context"

	"github.com/hudrl/hudrl/runtime/hud"
)

// absent stands for the service that a host has not given: scripts that need
// none run, the others learn why they do not.
type absent struct{}

func missing(op string) error {
	return &hud.Error{Op: op, Code: hud.CodeValidation, Detail: "this host gives scripts no service", Hint: "the program that runs the script passes one to bindings.Default"}
}

func (absent) Models(context.Context) ([]hud.Model, error) { return nil, missing("models") }
func (absent) Resolve(context.Context, string) (hud.Model, error) {
	return hud.Model{}, missing("resolve")
}
func (absent) Fork(context.Context, string, string) (hud.Model, error) {
	return hud.Model{}, missing("fork")
}
func (absent) Checkpoints(context.Context, string) ([]hud.Checkpoint, error) {
	return nil, missing("checkpoints")
}
func (absent) SetHead(context.Context, string, string) error { return missing("set_head") }
func (absent) Losses(context.Context, string) ([]string, error) {
	return nil, missing("losses")
}
func (absent) ForwardBackward(context.Context, string, *hud.ForwardBackwardRequest) (*hud.ForwardBackwardResult, error) {
	return nil, missing("forward_backward")
}
func (absent) Forward(context.Context, string, *hud.ForwardRequest) (*hud.ForwardResult, error) {
	return nil, missing("forward")
}
func (absent) Backward(context.Context, string, *hud.BackwardRequest) (*hud.ForwardBackwardResult, error) {
	return nil, missing("backward")
}
func (absent) OptimStep(context.Context, string, *hud.OptimStepRequest) (*hud.OptimStepResult, error) {
	return nil, missing("optim_step")
}
func (absent) Chat(context.Context, *hud.ChatRequest) (*hud.ChatResponse, error) {
	return nil, missing("chat")
}
