package hud

import (
	"context"
	"encoding/json"
)

// A Service trains and samples models: HUD's hosted one over HTTP, the
// embedded one in process, or a Tinker-protocol cluster. Implementations are
// safe for concurrent use. modelID is always an id, as Resolve returns it.
type Service interface {
	Catalog
	Trainer
	Sampler
}

// A Catalog lists models and their checkpoint trees.
type Catalog interface {
	// Models lists every model.
	Models(ctx context.Context) ([]Model, error)
	// Resolve finds a model by id, slug or display name.
	Resolve(ctx context.Context, name string) (Model, error)
	// Fork makes a trainable model that starts at the source's head weights.
	Fork(ctx context.Context, sourceModelID, name string) (Model, error)
	// Checkpoints lists a model's tree, oldest first.
	Checkpoints(ctx context.Context, modelID string) ([]Checkpoint, error)
	// SetHead moves the head to a checkpoint of the model's tree.
	SetHead(ctx context.Context, modelID, checkpointID string) error
}

// A Trainer accumulates gradients and steps. Operations on one model run in
// the order they arrive.
type Trainer interface {
	Losses(ctx context.Context, modelID string) ([]string, error)
	ForwardBackward(ctx context.Context, modelID string, req *ForwardBackwardRequest) (*ForwardBackwardResult, error)
	Forward(ctx context.Context, modelID string, req *ForwardRequest) (*ForwardResult, error)
	Backward(ctx context.Context, modelID string, req *BackwardRequest) (*ForwardBackwardResult, error)
	OptimStep(ctx context.Context, modelID string, req *OptimStepRequest) (*OptimStepResult, error)
}

// A Sampler answers chats.
type Sampler interface {
	Chat(ctx context.Context, req *ChatRequest) (*ChatResponse, error)
}

// SamplingStats count what a sampler has done. Tokens drawn for a step are its
// mean batch.
type SamplingStats struct {
	Steps  int64 // times that a model was run
	Tokens int64 // drawn in them
}

// A SamplingMeter is implemented by services that count their sampling.
type SamplingMeter interface {
	SamplingStats() SamplingStats
}

// A Tokenizer turns text into token ids and back. Ids are 0-based.
type Tokenizer interface {
	Encode(text string) []int
	Decode(ids []int) string
	// Render gives the prompt ids of messages, exactly as Chat does;
	// addGenerationPrompt ends it where the assistant's turn begins.
	Render(messages []Message, addGenerationPrompt bool) ([]int, error)
	// EndOfTurn is the token that ends an assistant turn.
	EndOfTurn() int
}

// TokenizerSource is implemented by services that can hand out a model's
// tokenizer. An empty name asks for the service's only one.
type TokenizerSource interface {
	Tokenizer(ctx context.Context, model string) (Tokenizer, error)
}

// A Relocator makes the service that a script asks for by an address or a key
// of its own. It never shows the host's key to an address the script chose.
type Relocator interface {
	At(a Address) (Service, error)
}

// A StateKeeper stores OptimStepRequest.State in the step's transaction.
type StateKeeper interface {
	// State returns what the last acknowledged step stored under name, nil
	// when there is none.
	State(ctx context.Context, name string) (json.RawMessage, error)
}

// A TraceEnter opens the record of a rollout.
type TraceEnter struct {
	TraceID  string
	JobID    string
	GroupID  string
	TaskSlug string
	Model    string

	JobName string // of the job, and how many rollouts it plays of each task
	Group   int
}

// A TraceExit closes the record of a rollout. A nil Reward leaves the trace
// ungraded, and then it cannot be trained on.
type TraceExit struct {
	TraceID    string
	Status     string // "completed", "error" or "cancelled"
	Reward     *float64
	StopReason string // "done", "max_steps", "length", "timeout"
	Error      string
}

// A Tracer records rollouts so that their trace ids become training inputs.
type Tracer interface {
	EnterTrace(ctx context.Context, t TraceEnter) error
	ExitTrace(ctx context.Context, t TraceExit) error
}

// A SampleRecorder is a Tracer that also takes the turns of rollouts that were
// sampled elsewhere, as telemetry tells of them. A turn with a prompt and an
// output that the trace has already is the same turn.
type SampleRecorder interface {
	RecordSample(ctx context.Context, traceID string, s TrajectorySample) error
}
