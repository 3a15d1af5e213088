package hud

import (
	"encoding/json"
	"time"
)

// A Model is one entry of the catalog.
type Model struct {
	ID           string   `json:"id"`             // a UUID
	Name         string   `json:"name"`           // display name
	ModelName    string   `json:"model_name"`     // the slug the gateway and Resolve accept
	SDKAgentType string   `json:"sdk_agent_type"` // "openai_compatible" for every trainable model
	IsTrainable  bool     `json:"is_trainable"`
	Provider     Provider `json:"provider"`
}

// A Provider names who serves a model.
type Provider struct {
	Name string `json:"name"`
}

// A Checkpoint is one node of a model's checkpoint tree. A nil pointer is the
// protocol's null: the service does not know.
type Checkpoint struct {
	ID                    string             `json:"id"`
	Name                  string             `json:"name,omitempty"`            // "step-0007"
	CheckpointName        string             `json:"checkpoint_name,omitempty"` // sampler path; a chat's checkpoint field accepts it
	PrevModelCheckpointID string             `json:"prev_model_checkpoint_id,omitempty"`
	IsActive              bool               `json:"is_active"`
	CreatedAt             time.Time          `json:"created_at,omitzero"`
	NumTraces             *int               `json:"num_traces,omitempty"`
	NumDatums             *int               `json:"num_datums,omitempty"`
	NumTokens             *int               `json:"num_tokens,omitempty"`
	MeanReward            *float64           `json:"mean_reward,omitempty"`
	LearningRate          *float64           `json:"learning_rate,omitempty"`
	LossFn                string             `json:"loss_fn,omitempty"`
	Metrics               map[string]float64 `json:"metrics"`

	// Step is the model-wide step number that made the checkpoint. HUD's
	// service does not send it; there it is read from a name of the form
	// step-N, and is 0 otherwise.
	Step int `json:"step,omitempty"`
}

// A TrajectorySample is one turn: what the model was shown and what it said.
// The logprobs are the sampling policy's, natural log, one per output token;
// they may be empty for cross_entropy.
type TrajectorySample struct {
	PromptTokenIDs []int             `json:"prompt_token_ids,omitempty"`
	PromptChunks   []json.RawMessage `json:"prompt_chunks,omitempty"` // authoritative when present
	OutputTokenIDs []int             `json:"output_token_ids"`
	OutputLogprobs []float32         `json:"output_logprobs"`

	// How the sample was drawn. Never sent to a service.
	Sampling *SamplingInfo `json:"-"`
}

// SamplingInfo records how a sample was drawn.
type SamplingInfo struct {
	Temperature  float64
	TopP         float64 // 1 when off
	TopK         int     // 0 when off
	MinP         float64 // 0 when off
	FinishReason string  // "stop", "length", …
	CheckpointID string  // the checkpoint that was sampled: "" for base weights, or CheckpointUnknown
}

// A TrajectoryPayload is one trajectory with its reward.
type TrajectoryPayload struct {
	Samples []TrajectorySample `json:"samples"`
	Reward  float64            `json:"reward"`
	TraceID string             `json:"trace_id,omitempty"`

	// Extra is carried to the custom loss as Datum.Extra: numbers or per-token
	// arrays by name. Never sent to a service.
	Extra map[string]any `json:"-"`
}

// A TrainInput is either the id of a recorded trace or an inline payload:
// exactly one of the two fields is set. On the wire it is a JSON string or an
// object.
type TrainInput struct {
	TraceID string
	Payload *TrajectoryPayload
}

// A ForwardBackwardRequest accumulates gradients of a built-in loss.
type ForwardBackwardRequest struct {
	Inputs       []TrainInput       `json:"inputs"`
	LossFn       string             `json:"loss_fn"` // "" is importance_sampling
	LossFnConfig map[string]float64 `json:"loss_fn_config,omitempty"`
	GroupSize    int                `json:"group_size,omitempty"` // 0 is the protocol's null: one group of everything
	RewardScale  float64            `json:"reward_scale"`
	NumSubsteps  int                `json:"num_substeps"` // 0 is 1
}

// A ForwardBackwardResult is what forward-backward and backward return.
type ForwardBackwardResult struct {
	Metrics   map[string]float64 `json:"metrics"`
	NumDatums int                `json:"num_datums"`
}

// A ForwardRequest computes logprobs under the current policy.
type ForwardRequest struct {
	Inputs      []TrainInput `json:"inputs"`
	GroupSize   int          `json:"group_size,omitempty"`
	RewardScale float64      `json:"reward_scale"`

	// Checkpoint asks for the logprobs of another model or checkpoint of the
	// same service (a frozen reference): no forward_id results. Not part of
	// HUD's protocol; a service that cannot says so with CodeValidation.
	Checkpoint string `json:"-"`
}

// A ForwardResult holds the datums of a forward pass as one packed batch.
type ForwardResult struct {
	ForwardID string
	Data      *Packed
}

// A BackwardRequest accumulates −dC/dlogprob. Weights[d][t] is aligned with
// datum d of the forward pass.
type BackwardRequest struct {
	ForwardID string             `json:"forward_id"`
	Weights   [][]float32        `json:"weights"`
	Metrics   map[string]float64 `json:"metrics"`
}

// An OptimStepRequest is one AdamW step with decoupled weight decay.
type OptimStepRequest struct {
	LearningRate float64 `json:"learning_rate"`
	Beta1        float64 `json:"beta1"`
	Beta2        float64 `json:"beta2"`
	Eps          float64 `json:"eps"`
	WeightDecay  float64 `json:"weight_decay"`

	// MinDatums is how many datums the caller knows to have accumulated, 0 if
	// it does not know. A service that has fewer, since it began anew between
	// two passes or another client stepped, refuses with CodeConflict. Over
	// HTTP only services of hudrl's are told.
	MinDatums int `json:"-"`

	// State is script state (hud.state) that a StateKeeper stores in the same
	// transaction as the step. Never sent over HTTP.
	State map[string]json.RawMessage `json:"-"`
}

// An OptimStepResult names what an optimizer step saved and promoted.
type OptimStepResult struct {
	Step         int    `json:"step"`
	CheckpointID string `json:"checkpoint_id"`
	SamplerPath  string `json:"sampler_path"`
	StatePath    string `json:"state_path"`
	Model        string `json:"model"`
}

// A Message is one turn of a chat.
type Message struct {
	Role    string `json:"role"` // "system", "user", "assistant" or "tool"
	Content string `json:"content"`

	ToolCalls  []ToolCall `json:"tool_calls,omitempty"`   // of an assistant
	ToolCallID string     `json:"tool_call_id,omitempty"` // of a tool: the call it answers
	Name       string     `json:"name,omitempty"`         // of a tool or a participant; models do not see it
}

// A ChatRequest asks the gateway for completions. Pointer fields distinguish
// absent from zero.
type ChatRequest struct {
	Model       string    `json:"model"`
	Messages    []Message `json:"messages"`
	MaxTokens   int       `json:"max_tokens,omitempty"` // 0: up to the model's context
	Temperature *float64  `json:"temperature,omitempty"`
	TopP        *float64  `json:"top_p,omitempty"`
	TopK        int       `json:"top_k,omitempty"` // 0: off
	MinP        float64   `json:"min_p,omitempty"`
	Stop        []string  `json:"stop,omitempty"`
	Seed        *uint64   `json:"seed,omitempty"`
	N           int       `json:"n,omitempty"` // 0: one
	Logprobs    bool      `json:"logprobs,omitempty"`

	// TopLogprobs is how many of the likeliest tokens are told at each
	// position, at most MaxTopLogprobs; it implies Logprobs.
	TopLogprobs int `json:"top_logprobs,omitempty"`

	// Tools are functions that the model may ask for: see Choice.
	Tools             []Tool     `json:"tools,omitempty"`
	ToolChoice        ToolChoice `json:"tool_choice,omitempty"`
	ParallelToolCalls *bool      `json:"parallel_tool_calls,omitempty"` // false: at most one call an answer

	// ReturnTokenIDs asks for prompt and output ids and implies Logprobs.
	ReturnTokenIDs bool `json:"return_token_ids,omitempty"`

	// LogprobsMode is "raw" (the model's own at temperature 1; the default) or
	// "processed" (the distribution actually sampled).
	LogprobsMode string `json:"logprobs_mode,omitempty"`

	// PromptTokenIDs are trusted tokens covering the first ContinuationFrom
	// messages, the leading system message not counted.
	PromptTokenIDs   []int `json:"prompt_token_ids,omitempty"`
	ContinuationFrom int   `json:"continuation_from,omitempty"`

	// Checkpoint routes to this checkpoint (id or checkpoint_name) instead of
	// the head.
	Checkpoint string `json:"checkpoint,omitempty"`

	// TraceID is the Trace-Id header.
	TraceID string `json:"-"`

	// Stream, when set, is called with pieces of choice 0's content as they
	// are decoded, from the goroutine that called Chat. Together they are the
	// content; tool calls are none of it.
	Stream func(delta string) `json:"-"`
}

// MaxTopLogprobs is what OpenAI's protocol allows.
const MaxTopLogprobs = 20

// CheckpointUnknown is the checkpoint of an answer whose service does not say
// which one it came from, as HUD's does not.
const CheckpointUnknown = "unknown"

// A ChatResponse is the gateway's answer.
type ChatResponse struct {
	ID           string
	Model        string
	CheckpointID string // "" for base weights, or CheckpointUnknown
	Choices      []Choice
	Usage        Usage
}

// A Choice is one completion. TokenIDs include the stop token when one was
// sampled; Logprobs has one entry per token id, and so has TopLogprobs, the
// likeliest first, where it was asked for. The tokens are those of the whole
// text: that of tool calls, which the message has as ToolCalls, too.
type Choice struct {
	Message        Message
	FinishReason   string // "stop", "length" or "tool_calls"
	PromptTokenIDs []int
	TokenIDs       []int
	Logprobs       []float32
	TopLogprobs    [][]TokenLogprob
}

// A TokenLogprob is a token that could have been.
type TokenLogprob struct {
	TokenID int    // -1 where the service does not say
	Token   string // its text, which need not be UTF-8; "" for a marker
	Logprob float32
}

// Usage counts tokens.
type Usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
}

// BuiltinLoss names of the protocol.
const (
	LossCrossEntropy       = "cross_entropy"
	LossImportanceSampling = "importance_sampling"
	LossPPO                = "ppo"
	LossCISPO              = "cispo"
	LossDRO                = "dro"
)
