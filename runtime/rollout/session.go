package rollout

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/rng"
)

// ErrMaxSteps is what Chat fails with when the session has no turns left.
var ErrMaxSteps = errors.New("the session has taken all of its turns")

// A ChatSession is a conversation with an agent. It keeps the history and the
// sampled tokens, so that each turn's prompt extends the turn before it token
// by token. One turn at a time; its methods are safe for concurrent use.
type ChatSession struct {
	svc     hud.Service
	agent   Agent
	seed    uint64
	traceID string   // of the run whose turns these are, or ""
	run     *hud.Run // whose turns these are, or nil

	mu   sync.Mutex
	busy bool
	past
	sampled  int  // tokens
	outOfRun bool // there was more to say than turns
}

// A past is what a session goes on from.
type past struct {
	steps   int
	system  string
	history []hud.Message // without the system message
	tokens  []int         // prompt and output of the last captured turn
	covered int           // history messages those tokens cover
	samples []hud.TrajectorySample
	finish  string
}

// NewSession starts a conversation of its own, outside any taskset. Its seed
// is the agent's, or 0.
func NewSession(svc hud.Service, agent *Agent) (*ChatSession, error) {
	if err := agent.Validate(); err != nil {
		return nil, err
	}
	seed := uint64(0)
	if agent.Seed != nil {
		seed = *agent.Seed
	}
	return newSession(svc, agent, seed, ""), nil
}

func newSession(svc hud.Service, agent *Agent, seed uint64, traceID string) *ChatSession {
	return &ChatSession{svc: svc, agent: *agent, seed: seed, traceID: traceID, past: past{system: agent.SystemPrompt}}
}

// A Reply is one turn of the model.
type Reply struct {
	Text         string
	Message      hud.Message
	FinishReason string                // "stop", "length", "tool_calls", …
	Sample       *hud.TrajectorySample // nil when the service returned no token ids
	Usage        hud.Usage
}

// Say is Chat with one user message.
func (s *ChatSession) Say(ctx context.Context, text string) (*Reply, error) {
	return s.Chat(ctx, hud.Message{Role: "user", Content: text})
}

// Chat appends messages to the history and the model's answer after them. A
// system message may only come first, and only when the agent has no
// system_prompt.
//
// Calls of the agent's tools are answered and the model asked again, until it
// calls none, calls one that the caller has to run, or has no turns left: the
// reply is the last. On an error the session is as it was.
func (s *ChatSession) Chat(ctx context.Context, messages ...hud.Message) (*Reply, error) {
	s.mu.Lock()
	if s.busy {
		s.mu.Unlock()
		return nil, named("chat", invalid("the session is still waiting for an answer: one turn at a time"))
	}
	s.busy = true
	before := s.past
	s.mu.Unlock()
	reply, err := s.converse(ctx, messages)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = false
	if err != nil {
		s.past = before
		return nil, err
	}
	return reply, nil
}

func (s *ChatSession) converse(ctx context.Context, messages []hud.Message) (*Reply, error) {
	for {
		reply, err := s.turn(ctx, messages)
		if err != nil || !s.agent.answers(reply.Message.ToolCalls) {
			return reply, err
		}
		s.mu.Lock()
		s.outOfRun = s.steps >= s.maxSteps()
		done := s.outOfRun
		s.mu.Unlock()
		if done {
			return reply, nil
		}
		if messages, err = s.callTools(ctx, reply.Message.ToolCalls); err != nil {
			return nil, err
		}
	}
}

// turn asks the model once.
func (s *ChatSession) turn(ctx context.Context, messages []hud.Message) (*Reply, error) {
	req, history, system, err := s.request(messages)
	if err != nil {
		return nil, err
	}
	res, err := s.svc.Chat(ctx, req)
	if err == nil && len(res.Choices) == 0 {
		err = &hud.Error{Op: "chat", Code: hud.CodeServer, Detail: "the service answered without a choice"}
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.finishTurn(req, res, history, system), nil
}

// request checks a turn and makes its request.
func (s *ChatSession) request(messages []hud.Message) (req *hud.ChatRequest, history []hud.Message, system string, err error) {
	const op = "chat"
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(messages) == 0:
		return nil, nil, "", named(op, invalid("messages: got 0, want at least 1"))
	case s.steps >= s.maxSteps():
		s.outOfRun = true
		e := named(op, &hud.Error{Code: hud.CodeLimit, Err: ErrMaxSteps, Hint: "the agent's option max_steps sets the number of turns"})
		e.Detail = ErrMaxSteps.Error()
		return nil, nil, "", e
	}
	system = s.system
	if messages[0].Role == "system" && len(s.history) == 0 {
		if system != "" {
			return nil, nil, "", named(op, invalid("messages: got a system message, but the agent has a system_prompt"))
		}
		system, messages = messages[0].Content, messages[1:]
	}
	for i, m := range messages {
		switch m.Role {
		case "user", "assistant", "tool":
		case "system":
			return nil, nil, "", named(op, invalid("messages[%d]: got a system message, which may only open the conversation", i+1))
		default:
			return nil, nil, "", named(op, invalid("messages[%d]: role: got %q, want system, user, assistant or tool", i+1, m.Role))
		}
	}
	history = append(slices.Clip(s.history), messages...)
	if len(history) == 0 {
		return nil, nil, "", named(op, invalid("messages: got only a system message, want something to answer"))
	}
	wire := history
	if system != "" {
		wire = append([]hud.Message{{Role: "system", Content: system}}, history...)
	}
	a := &s.agent
	temperature := 1.0
	if a.Temperature != nil {
		temperature = *a.Temperature
	}
	req = &hud.ChatRequest{
		Model: a.Model, Messages: wire, MaxTokens: a.MaxTokens,
		Temperature: &temperature, TopP: a.TopP, TopK: a.TopK, MinP: a.MinP, Stop: a.Stop,
		Seed:     new(rng.Derive(s.seed, uint64(s.steps))),
		Logprobs: true, ReturnTokenIDs: true,
		PromptTokenIDs: s.tokens, ContinuationFrom: s.covered,
		Checkpoint: a.Checkpoint, TraceID: s.traceID,
		ToolChoice: a.ToolChoice, ParallelToolCalls: a.ParallelToolCalls,
	}
	for i := range a.Tools {
		req.Tools = append(req.Tools, a.Tools[i].Tool)
	}
	return req, history, system, nil
}

// finishTurn records the answer. The caller holds the lock.
func (s *ChatSession) finishTurn(req *hud.ChatRequest, res *hud.ChatResponse, history []hud.Message, system string) *Reply {
	c := res.Choices[0]
	message := c.Message
	if message.Role == "" {
		message.Role = "assistant"
	}
	s.steps++
	s.system = system
	s.history = append(slices.Clip(history), message)
	s.sampled += len(c.TokenIDs)
	s.finish = c.FinishReason
	reply := &Reply{Text: message.Content, Message: message, FinishReason: c.FinishReason, Usage: res.Usage}
	if len(c.TokenIDs) == 0 || len(c.PromptTokenIDs) == 0 {
		if len(c.TokenIDs) == 0 {
			s.sampled += res.Usage.CompletionTokens
		}
		return reply // the tokens known so far stay good for the messages they cover
	}
	s.tokens = append(slices.Clone(c.PromptTokenIDs), c.TokenIDs...)
	s.covered = len(s.history)
	info := &hud.SamplingInfo{
		Temperature: *req.Temperature, TopP: 1, TopK: req.TopK, MinP: req.MinP,
		FinishReason: c.FinishReason, CheckpointID: res.CheckpointID,
	}
	if req.TopP != nil {
		info.TopP = *req.TopP
	}
	reply.Sample = &hud.TrajectorySample{
		PromptTokenIDs: c.PromptTokenIDs, OutputTokenIDs: c.TokenIDs, OutputLogprobs: c.Logprobs, Sampling: info,
	}
	s.samples = append(slices.Clip(s.samples), *reply.Sample)
	return reply
}

func (s *ChatSession) maxSteps() int {
	if s.agent.MaxSteps > 0 {
		return s.agent.MaxSteps
	}
	return DefaultMaxSteps
}

// Agent is how the session samples.
func (s *ChatSession) Agent() Agent { return s.agent }

// Run is the run whose turns these are, nil for none: an opponent's, say.
func (s *ChatSession) Run() *hud.Run { return s.run }

// Samples are the turns captured so far.
func (s *ChatSession) Samples() []hud.TrajectorySample {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.samples)
}

// Messages is the conversation so far, the system message first.
func (s *ChatSession) Messages() []hud.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.system == "" {
		return slices.Clone(s.history)
	}
	return append([]hud.Message{{Role: "system", Content: s.system}}, s.history...)
}

// Steps is the number of turns taken.
func (s *ChatSession) Steps() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.steps
}

// Tokens is the number of tokens sampled.
func (s *ChatSession) Tokens() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sampled
}

// stopReason says why a session that is over stopped.
func (s *ChatSession) stopReason() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.outOfRun:
		return hud.StopMaxSteps
	case s.finish == "length":
		return hud.StopLength
	}
	return hud.StopDone
}

func named(op string, e *hud.Error) *hud.Error {
	e.Op = op
	return e
}
