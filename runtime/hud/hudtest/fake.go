package hudtest

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/hudrl/hudrl/runtime/hud"
)

// FakeModel is the slug of the model a new Fake has.
const FakeModel = "fake/bigram"

// A Call is one call a Fake received.
type Call struct {
	Op    string // as a script calls it: "forward_backward"
	Model string // the model id, where the operation has one
	Req   any    // the request, or the second argument
}

// A Fake is a whole hud.Service in memory, over a policy of one table: the
// next token's logits depend on the token before it alone. It keeps the rules
// of the protocol and passes RunService, in float64 and without any code of
// the services it is used to test. Tests of clients watch its Calls and bend
// its answers with Before and After.
type Fake struct {
	// Before, when set, sees every call first; its error is the answer, and
	// the call then has no effect.
	Before func(op string, req any) error
	// After, when set, sees every answer and may change it in place, or
	// replace the outcome with an error after the effect.
	After func(op string, res any) error

	mu     sync.Mutex
	calls  []Call
	models []*fakeModel
	traces map[string]*fakeTrace
	noID   int // made-up ids
}

var (
	_ hud.Service         = (*Fake)(nil)
	_ hud.Tracer          = (*Fake)(nil)
	_ hud.TokenizerSource = (*Fake)(nil)
)

type fakeModel struct {
	hud.Model
	base    *bigram
	head    string // "" is base
	now     *bigram
	tree    []*fakeNode
	step    int
	grad    []float64
	pending bool
	why     string // what discarded the gradients
	passes  map[string]*fakePass
	stats   fakeStats
}

type fakeNode struct {
	hud.Checkpoint
	weights *bigram
}

type fakePass struct {
	data *datums
}

type fakeTrace struct {
	samples []hud.TrajectorySample
	reward  *float64
	stop    string
}

// fakeStats is what a checkpoint reports of the passes before it.
type fakeStats struct {
	rewards        []float64
	datums, tokens int
	lossFn         string
}

// NewFake makes a service with one trainable model named FakeModel.
func NewFake() *Fake {
	f := &Fake{traces: map[string]*fakeTrace{}}
	f.models = append(f.models, newFakeModel("Bigram", FakeModel, newBigram()))
	return f
}

func newFakeModel(name, slug string, base *bigram) *fakeModel {
	return &fakeModel{
		Model: hud.Model{ID: uuid.NewString(), Name: name, ModelName: slug, SDKAgentType: "openai_compatible", IsTrainable: true, Provider: hud.Provider{Name: "fake"}},
		base:  base, now: base.clone(), passes: map[string]*fakePass{}, grad: make([]float64, len(base.w)),
	}
}

// Calls are the calls so far.
func (f *Fake) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// Count is the number of calls of one operation so far.
func (f *Fake) Count(op string) int {
	n := 0
	for _, c := range f.Calls() {
		if c.Op == op {
			n++
		}
	}
	return n
}

// call records a call, runs it under the service's lock, and lets Before and
// After have their say outside it.
func call[R any](ctx context.Context, f *Fake, op, model string, req any, body func() (R, error)) (R, error) {
	var none R
	if err := ctx.Err(); err != nil {
		return none, err
	}
	f.mu.Lock()
	f.calls = append(f.calls, Call{op, model, req})
	f.mu.Unlock()
	if f.Before != nil {
		if err := f.Before(op, req); err != nil {
			return none, err
		}
	}
	f.mu.Lock()
	res, err := body()
	f.mu.Unlock()
	if err != nil {
		return none, err
	}
	if f.After != nil {
		if err := f.After(op, res); err != nil {
			return none, err
		}
	}
	return res, nil
}

func refuse(op string, code hud.Code, status int, format string, args ...any) error {
	return &hud.Error{Op: op, Code: code, Status: status, Detail: fmt.Sprintf(format, args...)}
}

func (f *Fake) model(op, id string) (*fakeModel, error) {
	for _, m := range f.models {
		if m.ID == id {
			return m, nil
		}
	}
	return nil, refuse(op, hud.CodeNotFound, 404, "model %q: not found", id)
}

// Models lists the models.
func (f *Fake) Models(ctx context.Context) ([]hud.Model, error) {
	return call(ctx, f, "models", "", nil, func() ([]hud.Model, error) {
		var out []hud.Model
		for _, m := range f.models {
			out = append(out, m.Model)
		}
		return out, nil
	})
}

// Resolve finds a model by id, slug or name.
func (f *Fake) Resolve(ctx context.Context, name string) (hud.Model, error) {
	return call(ctx, f, "resolve", "", name, func() (hud.Model, error) { return f.find("resolve", name) })
}

func (f *Fake) find(op, name string) (hud.Model, error) {
	for _, m := range f.models {
		if name != "" && (name == m.ID || name == m.ModelName || name == m.Name) {
			return m.Model, nil
		}
	}
	return hud.Model{}, refuse(op, hud.CodeNotFound, 404, "model %q: not found", name)
}

// Fork copies a model's head.
func (f *Fake) Fork(ctx context.Context, source, name string) (hud.Model, error) {
	return call(ctx, f, "fork", source, name, func() (hud.Model, error) {
		m, err := f.model("fork", source)
		if err != nil {
			return hud.Model{}, err
		}
		if name == "" {
			return hud.Model{}, refuse("fork", hud.CodeValidation, 422, "name: got an empty string")
		}
		if _, err := f.find("fork", name); err == nil {
			return hud.Model{}, refuse("fork", hud.CodeConflict, 409, "name: %q is taken", name)
		}
		base := m.now.clone()
		base.m, base.v, base.t = make([]float64, len(base.w)), make([]float64, len(base.w)), 0
		fork := newFakeModel(name, name, base)
		f.models = append(f.models, fork)
		return fork.Model, nil
	})
}

// Checkpoints lists a model's tree.
func (f *Fake) Checkpoints(ctx context.Context, id string) ([]hud.Checkpoint, error) {
	return call(ctx, f, "checkpoints", id, nil, func() ([]hud.Checkpoint, error) {
		m, err := f.model("checkpoints", id)
		if err != nil {
			return nil, err
		}
		var out []hud.Checkpoint
		for _, n := range m.tree {
			c := n.Checkpoint
			c.IsActive = c.ID == m.head
			c.Metrics = maps.Clone(c.Metrics)
			out = append(out, c)
		}
		return out, nil
	})
}

// SetHead moves the head and discards gradients.
func (f *Fake) SetHead(ctx context.Context, id, checkpoint string) error {
	_, err := call(ctx, f, "set_head", id, checkpoint, func() (struct{}, error) {
		m, err := f.model("set_head", id)
		if err != nil {
			return struct{}{}, err
		}
		n := m.node(checkpoint)
		if n == nil {
			return struct{}{}, refuse("set_head", hud.CodeNotFound, 404, "checkpoint %q: not found", checkpoint)
		}
		m.head, m.now = n.ID, n.weights.clone()
		m.clear("the head was moved")
		return struct{}{}, nil
	})
	return err
}

func (m *fakeModel) node(id string) *fakeNode {
	for _, n := range m.tree {
		if id != "" && (n.ID == id || n.CheckpointName == id) {
			return n
		}
	}
	return nil
}

func (m *fakeModel) clear(why string) {
	clear(m.grad)
	m.pending, m.why, m.stats = false, why, fakeStats{}
	clear(m.passes)
}

// weights finds what a chat or a reference forward asks for: the checkpoint,
// a model's head, or the model's own head.
func (f *Fake) weights(op string, m *fakeModel, checkpoint string) (*bigram, string, error) {
	if checkpoint == "" {
		return m.now, m.head, nil
	}
	for _, other := range f.models {
		if n := other.node(checkpoint); n != nil {
			return n.weights, n.ID, nil
		}
	}
	if found, err := f.find(op, checkpoint); err == nil {
		other, _ := f.model(op, found.ID)
		return other.now, other.head, nil
	}
	return nil, "", refuse(op, hud.CodeNotFound, 404, "checkpoint %q: not found", checkpoint)
}

// Losses lists the built-in losses.
func (f *Fake) Losses(ctx context.Context, id string) ([]string, error) {
	return call(ctx, f, "losses", id, nil, func() ([]string, error) {
		_, err := f.model("losses", id)
		return []string{hud.LossCrossEntropy, hud.LossImportanceSampling, hud.LossPPO, hud.LossCISPO, hud.LossDRO}, err
	})
}

// Tokenizer hands out the one tokenizer.
func (f *Fake) Tokenizer(context.Context, string) (hud.Tokenizer, error) { return fakeTokenizer{}, nil }

// EnterTrace opens a trace.
func (f *Fake) EnterTrace(ctx context.Context, t hud.TraceEnter) error {
	_, err := call(ctx, f, "enter_trace", "", t, func() (struct{}, error) {
		f.trace(t.TraceID)
		return struct{}{}, nil
	})
	return err
}

// ExitTrace closes a trace.
func (f *Fake) ExitTrace(ctx context.Context, t hud.TraceExit) error {
	_, err := call(ctx, f, "exit_trace", "", t, func() (struct{}, error) {
		tr := f.trace(t.TraceID)
		tr.reward, tr.stop = t.Reward, t.StopReason
		return struct{}{}, nil
	})
	return err
}

func (f *Fake) trace(id string) *fakeTrace {
	id = traceKey(id)
	if f.traces[id] == nil {
		f.traces[id] = &fakeTrace{}
	}
	return f.traces[id]
}

// traceKey makes the spellings of an id equal.
func traceKey(id string) string { return strings.ToLower(strings.ReplaceAll(id, "-", "")) }

const fakeContext = 512

// Chat samples the policy. A request's randomness comes from its seed alone.
func (f *Fake) Chat(ctx context.Context, req *hud.ChatRequest) (*hud.ChatResponse, error) {
	return call(ctx, f, "chat", req.Model, req, func() (*hud.ChatResponse, error) {
		const op = "chat"
		found, err := f.find(op, req.Model)
		if err != nil {
			return nil, err
		}
		m, _ := f.model(op, found.ID)
		w, checkpoint, err := f.weights(op, m, req.Checkpoint)
		if err != nil {
			return nil, err
		}
		prompt, err := fakePrompt(req)
		if err != nil {
			return nil, err
		}
		temperature := 1.0
		if req.Temperature != nil {
			temperature = *req.Temperature
		}
		if temperature < 0 || math.IsNaN(temperature) {
			return nil, refuse(op, hud.CodeValidation, 422, "temperature: got %v, want at least 0", temperature)
		}
		if err := hud.CheckTools(req.Tools); err != nil {
			return nil, refuse(op, hud.CodeValidation, 422, "%v", err)
		}
		if req.TopLogprobs < 0 || req.TopLogprobs > hud.MaxTopLogprobs {
			return nil, refuse(op, hud.CodeValidation, 422, "top_logprobs: got %d, want 0 to %d", req.TopLogprobs, hud.MaxTopLogprobs)
		}
		if req.N > 128 {
			return nil, refuse(op, hud.CodeValidation, 422, "n: got %d, want 1 to 128", req.N)
		}
		seed := uint64(0)
		if req.Seed != nil {
			seed = *req.Seed
		}
		res := &hud.ChatResponse{ID: uuid.NewString(), Model: m.ModelName, CheckpointID: checkpoint}
		res.Usage.PromptTokens = len(prompt)
		for n := range max(req.N, 1) {
			c := w.sample(prompt, req, temperature, seed+uint64(n)*0x9e3779b97f4a7c15)
			res.Usage.CompletionTokens += len(c.TokenIDs)
			if req.TraceID != "" && n == 0 {
				tr := f.trace(req.TraceID)
				tr.samples = append(tr.samples, hud.TrajectorySample{PromptTokenIDs: prompt, OutputTokenIDs: c.TokenIDs, OutputLogprobs: c.Logprobs})
			}
			if n == 0 && req.Stream != nil {
				req.Stream(c.Message.Content)
			}
			if req.ReturnTokenIDs {
				c.PromptTokenIDs = slices.Clone(prompt)
			} else {
				c.TokenIDs = nil
				if !req.Logprobs {
					c.Logprobs = nil
				}
			}
			res.Choices = append(res.Choices, c)
		}
		return res, nil
	})
}

// fakePrompt renders a request: trusted tokens for the messages they cover,
// then the rest.
func fakePrompt(req *hud.ChatRequest) ([]int, error) {
	const op = "chat"
	if len(req.Messages) == 0 {
		return nil, refuse(op, hud.CodeValidation, 422, "messages: got 0, want at least 1")
	}
	prompt, rest := []int{tokBOS}, hud.WithTools(req.Messages, req.ToolsShown())
	if len(req.PromptTokenIDs) > 0 {
		rest = req.Messages
		covered := req.ContinuationFrom
		if rest[0].Role == "system" {
			covered++
		}
		if req.ContinuationFrom < 0 || covered > len(rest) {
			return nil, refuse(op, hud.CodeValidation, 422, "continuation_from: got %d for %d messages", req.ContinuationFrom, len(rest))
		}
		for i, id := range req.PromptTokenIDs {
			if id < 0 || id >= fakeVocab {
				return nil, refuse(op, hud.CodeValidation, 422, "prompt_token_ids[%d]: got %d, want 0 to %d", i, id, fakeVocab-1)
			}
		}
		prompt, rest = slices.Clone(req.PromptTokenIDs), rest[covered:]
	}
	for _, msg := range rest {
		var err error
		if prompt, err = appendMessage(prompt, msg); err != nil {
			return nil, err
		}
	}
	prompt = append(prompt, tokAssistant)
	if len(prompt) >= fakeContext {
		return nil, refuse(op, hud.CodeValidation, 422, "prompt: got %d tokens, want fewer than %d", len(prompt), fakeContext)
	}
	return prompt, nil
}

func (m *fakeModel) promote(next *bigram, req *hud.OptimStepRequest, metrics map[string]float64) *hud.OptimStepResult {
	m.step++
	s := m.stats
	mean, traces, datumCount, tokens, rate := 0.0, len(s.rewards), s.datums, s.tokens, req.LearningRate
	for _, r := range s.rewards {
		mean += r / float64(traces)
	}
	n := &fakeNode{weights: next, Checkpoint: hud.Checkpoint{
		ID: uuid.NewString(), Name: fmt.Sprintf("step-%04d", m.step), CheckpointName: fmt.Sprintf("%s/step-%04d", m.ModelName, m.step),
		PrevModelCheckpointID: m.head, CreatedAt: time.Now().UTC(), Step: m.step, LossFn: s.lossFn,
		NumTraces: &traces, NumDatums: &datumCount, NumTokens: &tokens, MeanReward: &mean, LearningRate: &rate, Metrics: metrics,
	}}
	m.tree = append(m.tree, n)
	m.head, m.now = n.ID, next.clone()
	m.clear("the step before used them")
	return &hud.OptimStepResult{Step: m.step, CheckpointID: n.ID, SamplerPath: n.CheckpointName, StatePath: n.CheckpointName + "/state", Model: m.ModelName}
}
