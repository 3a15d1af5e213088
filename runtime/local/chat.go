package local

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hudrl/hudrl/internal/policy"
	"github.com/hudrl/hudrl/internal/sampler"
	"github.com/hudrl/hudrl/internal/store"
	"github.com/hudrl/hudrl/runtime/hud"
)

// maxChoices bounds n of one request.
const maxChoices = 128

// Chat samples completions from the model's head, or from req.Checkpoint. The
// prompt is the rendered messages; with PromptTokenIDs it is those tokens, as
// they are, followed by the messages they do not cover. Tokens and logprobs
// depend on the request and the weights alone, not on what else is running;
// without Seed they are random. A prompt that leaves no room in the model's
// context is refused; a completion that fills it ends with "length". Logprobs
// are the model's own unless LogprobsMode is "processed". A request with a
// TraceID is recorded: choice 0 becomes a turn of that trace.
//
// Tools stand in the prompt in their text form, see [hud.WithTools], unless
// PromptTokenIDs are given: those have them. Tool calls in what the model
// wrote end a choice with "tool_calls"; their ids follow from its tokens.
func (s *Service) Chat(ctx context.Context, req *hud.ChatRequest) (*hud.ChatResponse, error) {
	const op = "chat"
	if err := checkChat(op, req); err != nil {
		return nil, err
	}
	r, err := s.resolve(ctx, op, req.Model)
	if err != nil {
		return nil, err
	}
	checkpoint, weights, err := s.routed(ctx, op, r, req.Checkpoint)
	if err != nil {
		return nil, err
	}
	prompt, err := s.prompt(op, weights.Config, req)
	if err != nil {
		return nil, err
	}
	sm, err := s.samplerOf(op, r.id())
	if err != nil {
		return nil, err
	}
	told := 0 // bytes of the first choice's content
	base := request(req, weights, prompt, int32(s.tok.EndOfTurn()))
	if req.Stream != nil {
		base.Stream = func(text string) {
			told += len(text)
			req.Stream(text)
		}
		if len(req.ToolsShown()) > 0 {
			base.Stream = hud.BeforeToolCalls(base.Stream)
		}
		base.Stream = validStream(base.Stream)
	}
	results, err := s.sample(ctx, op, sm, base, max(req.N, 1))
	if err != nil {
		return nil, err
	}
	resp := &hud.ChatResponse{ID: "chatcmpl-" + newID(), Model: r.slug(), CheckpointID: checkpoint, Usage: hud.Usage{PromptTokens: len(prompt)}}
	for i, res := range results {
		output := toInts(res.Tokens)
		c := hud.Choice{FinishReason: res.FinishReason}
		c.Message = s.message(req, prompt, output, res)
		if len(c.Message.ToolCalls) > 0 && c.FinishReason == sampler.Stop {
			c.FinishReason = "tool_calls"
		}
		if req.ReturnTokenIDs {
			c.PromptTokenIDs, c.TokenIDs = prompt, output
		}
		if req.Logprobs || req.ReturnTokenIDs || req.TopLogprobs > 0 {
			c.Logprobs = res.Logprobs
		}
		if req.TopLogprobs > 0 {
			c.TopLogprobs = s.likeliest(res)
		}
		resp.Choices = append(resp.Choices, c)
		resp.Usage.CompletionTokens += len(output)
		if i == 0 {
			if content := c.Message.Content; req.Stream != nil && told < len(content) {
				req.Stream(content[told:]) // might have been a tool call
			}
			if err := s.record(ctx, op, req, r, prompt, output, res.Logprobs); err != nil {
				return nil, err
			}
		}
	}
	return resp, nil
}

// message is what a completion says.
func (s *Service) message(req *hud.ChatRequest, prompt, output []int, res *sampler.Result) hud.Message {
	m := hud.Message{Role: "assistant"}
	text := res.Text
	if len(req.ToolsShown()) == 0 {
		m.Content = strings.ToValidUTF8(text, replacement)
		return m
	}
	if whole := s.tok.Decode(output); oneCall(req) && whole == text+hud.ToolCallEnd {
		text = whole // where sampling stopped belongs to the call
	}
	m.Content, m.ToolCalls = hud.ParseToolCalls(strings.ToValidUTF8(text, replacement))
	if len(m.ToolCalls) > 0 {
		id := callID(prompt, output)
		for i := range m.ToolCalls {
			m.ToolCalls[i].ID = fmt.Sprintf("call_%s%02d", id, i)
		}
	}
	return m
}

// oneCall reports whether an answer is to hold one tool call at most.
func oneCall(req *hud.ChatRequest) bool {
	return len(req.ToolsShown()) > 0 && req.ParallelToolCalls != nil && !*req.ParallelToolCalls
}

// callID tells the calls of one answer from those of the others in its
// conversation, and is the same wherever the same tokens are sampled.
func callID(prompt, output []int) string {
	h := sha256.New()
	for _, ids := range [][]int{prompt, output} {
		for _, id := range ids {
			h.Write(binary.LittleEndian.AppendUint32(nil, uint32(id)))
		}
		h.Write([]byte("/"))
	}
	return hex.EncodeToString(h.Sum(nil)[:11])
}

// likeliest are the tokens that could have been, with their texts.
func (s *Service) likeliest(res *sampler.Result) [][]hud.TokenLogprob {
	out := make([][]hud.TokenLogprob, len(res.Top))
	for i, tokens := range res.Top {
		for _, t := range tokens {
			out[i] = append(out[i], hud.TokenLogprob{TokenID: int(t.ID), Token: s.tok.Decode([]int{int(t.ID)}), Logprob: t.Logprob})
		}
	}
	return out
}

// record keeps a turn of a trace. A service opened read-only cannot, and its
// traces cannot be trained on.
func (s *Service) record(ctx context.Context, op string, req *hud.ChatRequest, r resolved, prompt, output []int, logprobs []float32) error {
	if store.TraceKey(req.TraceID) == "" || s.opts.ReadOnly {
		return nil
	}
	return storeError(op, s.store.AddSample(ctx, req.TraceID, r.slug(), store.Sample{Prompt: prompt, Output: output, Logprobs: logprobs}))
}

func checkChat(op string, req *hud.ChatRequest) error {
	switch {
	case len(req.Messages) == 0:
		return invalid(op, "messages: got 0, want at least 1")
	case req.MaxTokens < 0:
		return invalid(op, "max_tokens: got %d, want at least 1", req.MaxTokens)
	case req.Temperature != nil && !(finite(*req.Temperature) && *req.Temperature >= 0):
		return invalid(op, "temperature: got %v, want a finite number of 0 or more", *req.Temperature)
	case req.TopP != nil && !(*req.TopP > 0 && *req.TopP <= 1):
		return invalid(op, "top_p: got %v, want above 0 and at most 1", *req.TopP)
	case req.TopK < 0:
		return invalid(op, "top_k: got %d, want 0 (off) or more", req.TopK)
	case !(req.MinP >= 0 && req.MinP <= 1):
		return invalid(op, "min_p: got %v, want 0 to 1", req.MinP)
	case req.N < 0 || req.N > maxChoices:
		return invalid(op, "n: got %d, want 1 to %d", req.N, maxChoices)
	case req.LogprobsMode != "" && req.LogprobsMode != "raw" && req.LogprobsMode != "processed":
		return invalid(op, "logprobs_mode: got %q, want raw or processed", req.LogprobsMode)
	case req.ContinuationFrom < 0:
		return invalid(op, "continuation_from: got %d, want 0 or more", req.ContinuationFrom)
	case req.TopLogprobs < 0 || req.TopLogprobs > hud.MaxTopLogprobs:
		return invalid(op, "top_logprobs: got %d, want 0 to %d", req.TopLogprobs, hud.MaxTopLogprobs)
	}
	if err := checkTools(op, req); err != nil {
		return err
	}
	for i, stop := range req.Stop {
		if stop == "" {
			return invalid(op, "stop[%d]: got an empty string", i+1)
		}
	}
	return nil
}

func checkTools(op string, req *hud.ChatRequest) error {
	if err := hud.CheckTools(req.Tools); err != nil {
		return invalid(op, "%v", err)
	}
	named := slices.ContainsFunc(req.Tools, func(t hud.Tool) bool { return t.Name == string(req.ToolChoice) })
	switch req.ToolChoice {
	case "", hud.ToolAuto, hud.ToolNone:
		return nil
	case hud.ToolRequired:
		if named = len(req.Tools) > 0; !named {
			return invalid(op, "tool_choice: got required, want tools to choose from")
		}
	}
	if !named {
		return invalid(op, "tool_choice: got %q, which is none of the tools", req.ToolChoice)
	}
	return invalid(op, "tool_choice: got %q, want auto or none: nothing makes these models call a tool", req.ToolChoice)
}

// prompt renders the messages, or continues the tokens the caller trusts.
func (s *Service) prompt(op string, c policy.Config, req *hud.ChatRequest) ([]int, error) {
	var prompt []int
	var err error
	if len(req.PromptTokenIDs) == 0 {
		prompt, err = s.tok.Render(hud.WithTools(req.Messages, req.ToolsShown()), true)
	} else {
		for i, id := range req.PromptTokenIDs {
			if id < 0 || id >= c.Vocab {
				return nil, invalid(op, "prompt_token_ids[%d]: got %d, want a token id of 0 to %d", i+1, id, c.Vocab-1)
			}
		}
		// Covered messages are counted without the leading system message.
		covered := req.ContinuationFrom
		if req.Messages[0].Role == "system" {
			covered++
		}
		if covered > len(req.Messages) {
			return nil, invalid(op, "continuation_from: got %d, want at most the %d messages after the system message",
				req.ContinuationFrom, len(req.Messages)-covered+req.ContinuationFrom)
		}
		prompt, err = s.tok.RenderAfter(req.PromptTokenIDs, req.Messages[covered:], true)
	}
	if err != nil {
		return nil, invalid(op, "%s", strings.TrimPrefix(err.Error(), "render: "))
	}
	if len(prompt) >= c.MaxContext {
		return nil, hinted(invalid(op, "the prompt has %d tokens, want fewer than the model's context of %d", len(prompt), c.MaxContext),
			"shorten the messages: the models read bytes, one token each")
	}
	return prompt, nil
}

// routed are the weights a chat asks for and the id of their checkpoint.
func (s *Service) routed(ctx context.Context, op string, r resolved, checkpoint string) (string, *policy.Model, error) {
	if checkpoint == "" {
		id, m, err := s.serving(ctx, r)
		return id, m, storeError(op, err)
	}
	if r.base != nil {
		return "", nil, notFound(op, "checkpoint %q not found: %s is a base model and has none", checkpoint, r.base.slug)
	}
	c, err := s.checkpoint(ctx, op, r.row, checkpoint)
	if err != nil {
		return "", nil, err
	}
	if c.Weights == "" {
		return "", nil, s.pruned(op, c)
	}
	m, err := s.blobWeights(r.row.Config, c.Weights)
	return c.ID, m, storeError(op, err)
}

// request is the sampler's form of a chat.
func request(req *hud.ChatRequest, m *policy.Model, prompt []int, eos int32) sampler.Request {
	r := sampler.Request{
		Model: m, Prompt: toInt32s(prompt), MaxTokens: req.MaxTokens, Temperature: 1, TopP: 1, TopK: req.TopK, MinP: req.MinP,
		Stop: req.Stop, EOS: eos, Processed: req.LogprobsMode == "processed", Top: req.TopLogprobs,
	}
	if oneCall(req) {
		r.Stop = append(slices.Clone(r.Stop), hud.ToolCallEnd)
	}
	if req.Temperature != nil {
		r.Temperature = *req.Temperature
	}
	if req.TopP != nil {
		r.TopP = *req.TopP
	}
	if req.Seed != nil {
		r.Seed = *req.Seed
	} else {
		r.Seed = rand.Uint64()
	}
	return r
}

// sample draws every choice at once. Choice 0 has the request's seed, the
// others seeds made from it, so that choice 0 is the same whatever n.
func (s *Service) sample(ctx context.Context, op string, sm *sampler.Sampler, base sampler.Request, n int) ([]*sampler.Result, error) {
	run, cancel := context.WithCancel(ctx)
	defer cancel()
	results, errs := make([]*sampler.Result, n), make([]error, n)
	finished := make(chan struct{}, n)
	for i := 1; i < n; i++ {
		r := base
		r.Seed, r.Stream = choiceSeed(base.Seed, i), nil
		go func() {
			defer func() { finished <- struct{}{} }()
			results[i], errs[i] = sm.Submit(run, r)
		}()
	}
	if results[0], errs[0] = sm.Submit(run, base); errs[0] != nil {
		cancel()
	}
	for range n - 1 {
		<-finished
	}
	for i, err := range errs {
		switch {
		case err == nil:
		case errors.Is(err, sampler.ErrClosed):
			return nil, errClosed(op)
		case ctx.Err() != nil:
			return nil, stopped(op, ctx)
		default:
			return nil, failed(op, hud.CodeServer, http.StatusInternalServerError, "choice %d: %v", i+1, err)
		}
	}
	return results, nil
}

// replacement stands for a run of bytes that are no UTF-8, which models of
// bytes may well say.
const replacement = "\uFFFD"

// validStream makes of the pieces of a text what strings.ToValidUTF8 makes of
// the whole. No piece cuts a character.
func validStream(emit func(string)) func(string) {
	broken := false // the text so far ends with such a run
	return func(delta string) {
		text := strings.ToValidUTF8(delta, replacement)
		if r, size := utf8.DecodeRuneInString(delta); broken && r == utf8.RuneError && size == 1 {
			text = text[len(replacement):]
		}
		r, size := utf8.DecodeLastRuneInString(delta)
		broken = r == utf8.RuneError && size == 1
		if text != "" {
			emit(text)
		}
	}
}

// choiceSeed is the seed of choice i > 0: the i-th output of a generator
// seeded with the request's.
func choiceSeed(seed uint64, i int) uint64 {
	rng := rand.New(rand.NewPCG(seed, 0x63686f69_63650000))
	var v uint64
	for range i {
		v = rng.Uint64()
	}
	return v
}

// maxSamplers is how many samplers keep their prompts, and the weights these
// belong to, between requests.
const maxSamplers = 4

// samplerOf is a model's sampler, started on first use.
func (s *Service) samplerOf(op, modelID string) (*sampler.Sampler, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed(op)
	}
	sm := s.samplers[modelID]
	if sm == nil {
		sm = sampler.New(s.tok, sampler.Options{})
		s.samplers[modelID] = sm
	}
	if i := slices.Index(s.sampling, sm); i >= 0 {
		s.sampling = slices.Delete(s.sampling, i, i+1)
	} else if len(s.sampling) == maxSamplers {
		s.sampling[0].Forget()
		s.sampling = slices.Delete(s.sampling, 0, 1)
	}
	s.sampling = append(s.sampling, sm)
	return sm, nil
}

func toInts(ids []int32) []int {
	out := make([]int, len(ids))
	for i, id := range ids {
		out[i] = int(id)
	}
	return out
}

func toInt32s(ids []int) []int32 {
	out := make([]int32, len(ids))
	for i, id := range ids {
		out[i] = int32(id)
	}
	return out
}
