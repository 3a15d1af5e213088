package hud

import (
	"context"
	"errors"
)

// Fork makes a trainable model of a model's head, source being the model's id,
// slug or display name. Where the service can fork a checkpoint too, source
// may name one as its chats do: an id, or "slug/step-0003".
func Fork(ctx context.Context, svc Service, source, name string) (Model, error) {
	id, err := NewTrainingClient(svc, source, TrainingClientOptions{}).ID(ctx)
	if err == nil {
		return svc.Fork(ctx, id, name)
	}
	var unknown *Error
	if !errors.As(err, &unknown) || unknown.Code != CodeNotFound {
		return Model{}, err
	}
	m, forkErr := svc.Fork(ctx, source, name)
	var e *Error
	if errors.As(forkErr, &e) && e.Code == CodeNotFound && e.Hint == "" {
		return Model{}, err // it is no checkpoint either: say what models there are
	}
	return m, forkErr
}
