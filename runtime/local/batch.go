package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/hudrl/hudrl/internal/policy"
	"github.com/hudrl/hudrl/internal/store"
	"github.com/hudrl/hudrl/runtime/hud"
)

// A batch is the datums of a request, packed.
type batch struct {
	tokens   policy.Batch // Need marks the action tokens
	mask     []float32    // [N] 1 on action tokens
	q        []float32    // [N] the sampling policy's logprob, 0 where unknown
	known    []bool       // [D] whether q is
	traj     []int        // [D] position in the request's inputs
	logprobs []float32    // [N] filled by the forward pass
}

func (b *batch) len() int { return b.tokens.Len() }

func (b *batch) at(d int) (lo, hi int) { return b.tokens.Offsets[d], b.tokens.Offsets[d+1] }

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// A sequence is a datum under construction.
type sequence struct {
	all   []int     // every token so far
	mask  []float32 // [len(all)-1]
	q     []float32
	known bool
}

// invalidAt names the sample, counting from 1.
func invalidAt(op string, traj, sample int, format string, args ...any) *hud.Error {
	e := invalid(op, format, args...)
	e.Detail = fmt.Sprintf("trajectory %d, sample %d: ", traj+1, sample+1) + e.Detail
	return e
}

// resolveInputs turns trace ids into payloads.
func (s *Service) resolveInputs(ctx context.Context, op string, inputs []hud.TrainInput) ([]*hud.TrajectoryPayload, error) {
	if len(inputs) == 0 {
		return nil, invalid(op, "inputs: got 0 trajectories, want at least 1")
	}
	payloads := make([]*hud.TrajectoryPayload, len(inputs))
	for i, in := range inputs {
		switch {
		case in.TraceID != "" && in.Payload != nil:
			return nil, invalid(op, "trajectory %d: got both a trace id and a payload, want one", i+1)
		case in.Payload != nil:
			payloads[i] = in.Payload
		case in.TraceID != "":
			p, err := s.recorded(ctx, op, i, in.TraceID)
			if err != nil {
				return nil, err
			}
			payloads[i] = p
		default:
			return nil, invalid(op, "trajectory %d: got neither a trace id nor a payload, want one", i+1)
		}
		if r := payloads[i].Reward; !finite(r) {
			return nil, invalid(op, "trajectory %d: reward: got %v, want a finite number", i+1, r)
		}
		if len(payloads[i].Samples) == 0 {
			return nil, invalid(op, "trajectory %d: samples: got 0, want at least 1", i+1)
		}
	}
	return payloads, nil
}

// recorded is a trace as a payload.
func (s *Service) recorded(ctx context.Context, op string, i int, id string) (*hud.TrajectoryPayload, error) {
	t, err := s.store.Trace(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, hinted(notFound(op, "trajectory %d: trace %q not found", i+1, id), "traces exist in the data directory whose service sampled them")
	case err != nil:
		return nil, storeError(op, err)
	case t.StopReason == "timeout":
		return nil, invalid(op, "trajectory %d: trace %q timed out: timed-out runs require an explicit training reward", i+1, id)
	case t.Reward == nil:
		return nil, invalid(op, "trajectory %d: trace %q has no reward", i+1, id)
	}
	p := &hud.TrajectoryPayload{Reward: *t.Reward, TraceID: t.ID}
	for _, sm := range t.Samples {
		if len(sm.Output) > 0 {
			p.Samples = append(p.Samples, hud.TrajectorySample{PromptTokenIDs: sm.Prompt, OutputTokenIDs: sm.Output, OutputLogprobs: sm.Logprobs})
		}
	}
	if len(p.Samples) == 0 {
		return nil, invalid(op, "trajectory %d: trace %q has no token data", i+1, id)
	}
	return p, nil
}

// datums turns trajectories first to last of payloads into one batch: turns
// whose prompt extends everything before them merge into one datum. needQ
// requires a sampling logprob of every output token.
func datums(op string, c policy.Config, payloads []*hud.TrajectoryPayload, first, last int, needQ, separate bool) (*batch, error) {
	b := &batch{}
	for i := first; i < last; i++ {
		var open *sequence
		for j := range payloads[i].Samples {
			sample := &payloads[i].Samples[j]
			prompt, err := promptOf(op, i, j, sample)
			if err != nil {
				return nil, err
			}
			if err := checkSample(op, c, i, j, prompt, sample, needQ); err != nil {
				return nil, err
			}
			if open == nil || separate || !extends(prompt, open.all) {
				b.close(open, i)
				open = &sequence{known: true}
			}
			open.append(prompt, sample)
			if n := len(open.all) - 1; n > c.MaxContext {
				return nil, invalidAt(op, i, j, "prompt and output have %d tokens, want at most %d: the model's context", len(open.all), c.MaxContext+1)
			}
		}
		b.close(open, i)
	}
	b.logprobs = make([]float32, len(b.tokens.Tokens))
	return b, nil
}

// extends reports whether a prompt starts with all tokens so far.
func extends(prompt, all []int) bool {
	return len(prompt) >= len(all) && slices.Equal(prompt[:len(all)], all)
}

// append adds a turn: what is new of its prompt, then its output. Position t
// predicts token t+1.
func (s *sequence) append(prompt []int, sample *hud.TrajectorySample) {
	fresh := prompt[len(s.all):]
	observed := len(fresh)
	if len(s.all) == 0 {
		observed-- // nothing predicts the first token
	}
	s.all = append(append(s.all, fresh...), sample.OutputTokenIDs...)
	for range observed {
		s.mask, s.q = append(s.mask, 0), append(s.q, 0)
	}
	for k := range sample.OutputTokenIDs {
		s.mask = append(s.mask, 1)
		if len(sample.OutputLogprobs) > 0 {
			s.q = append(s.q, sample.OutputLogprobs[k])
		} else {
			s.q = append(s.q, 0)
			s.known = false
		}
	}
}

// close adds a finished sequence to the batch.
func (b *batch) close(s *sequence, traj int) {
	if s == nil {
		return
	}
	ids := make([]int32, len(s.all))
	for i, id := range s.all {
		ids[i] = int32(id)
	}
	need := make([]bool, len(s.mask))
	for i, m := range s.mask {
		need[i] = m != 0
	}
	b.tokens.Add(ids[:len(ids)-1], ids[1:], need)
	b.mask, b.q = append(b.mask, s.mask...), append(b.q, s.q...)
	b.known, b.traj = append(b.known, s.known), append(b.traj, traj)
}

// promptOf is a sample's prompt; chunks are authoritative.
func promptOf(op string, i, j int, s *hud.TrajectorySample) ([]int, error) {
	if len(s.PromptChunks) == 0 {
		return s.PromptTokenIDs, nil
	}
	var ids []int
	for k, raw := range s.PromptChunks {
		var chunk struct {
			Type   string `json:"type"`
			Tokens []int  `json:"tokens"`
		}
		if err := json.Unmarshal(raw, &chunk); err != nil {
			return nil, invalidAt(op, i, j, "prompt_chunks[%d]: %v", k+1, err)
		}
		if chunk.Type != "encoded_text" {
			return nil, invalidAt(op, i, j, "prompt_chunks[%d]: type: got %q, want encoded_text: this model reads text only", k+1, chunk.Type)
		}
		ids = append(ids, chunk.Tokens...)
	}
	return ids, nil
}

func checkSample(op string, c policy.Config, i, j int, prompt []int, s *hud.TrajectorySample, needQ bool) error {
	if len(prompt) == 0 {
		return invalidAt(op, i, j, "prompt_token_ids: got 0 tokens, want at least 1: the first output token needs a predecessor")
	}
	if len(s.OutputTokenIDs) == 0 {
		return invalidAt(op, i, j, "output_token_ids: got 0 tokens, want at least 1")
	}
	for _, list := range []struct {
		name string
		ids  []int
	}{{"prompt_token_ids", prompt}, {"output_token_ids", s.OutputTokenIDs}} {
		for k, id := range list.ids {
			if id < 0 || id >= c.Vocab {
				return invalidAt(op, i, j, "%s[%d]: got %d, want a token id of 0 to %d", list.name, k+1, id, c.Vocab-1)
			}
		}
	}
	if n := len(s.OutputLogprobs); n != len(s.OutputTokenIDs) && (needQ || n > 0) {
		return invalidAt(op, i, j, "output_logprobs: got %d values for %d output tokens, want one each", n, len(s.OutputTokenIDs))
	}
	for k, lp := range s.OutputLogprobs {
		if !finite(float64(lp)) {
			return invalidAt(op, i, j, "output_logprobs[%d]: got %v, want a finite number", k+1, lp)
		}
	}
	return nil
}

// checkGroups validates what a group size means for n trajectories.
func checkGroups(op string, n, size int) error {
	if size < 0 {
		return invalid(op, "group_size: got %d, want at least 1", size)
	}
	if size > 0 && n%size != 0 {
		return invalid(op, "%d trajectories do not divide evenly into groups of %d; GRPO normalizes advantages within each group, so every group must be full", n, size)
	}
	return nil
}
