package hud

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/hudrl/hudrl/internal/httpjson"
)

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// invalid is an error found before anything was sent.
func invalid(op, format string, args ...any) *Error {
	return &Error{Op: op, Code: CodeValidation, Detail: fmt.Sprintf(format, args...)}
}

// failure gives a service's error the operation's name, and makes an *Error
// of one that is not.
func failure(op string, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		if e.Op != "" || e != err { // an *Error inside a wrapper is left as it came
			return err
		}
		named := *e
		named.Op = op
		return &named
	}
	code := CodeServer
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		code = CodeTimeout
	}
	return &Error{Op: op, Code: code, Detail: err.Error(), Err: err}
}

// logprobRule says when samples must carry logprobs.
type logprobRule int

const (
	logprobsOptional logprobRule = iota // none, or one per output token
	logprobsRequired                    // one per output token
)

// checkPayload validates one inline trajectory; n is its 1-based position.
func checkPayload(op string, n int, p *TrajectoryPayload, rule logprobRule) error {
	if !finite(p.Reward) {
		return invalid(op, "trajectory %d: reward: got %v, want a finite number", n, p.Reward)
	}
	if len(p.Samples) == 0 {
		return invalid(op, "trajectory %d: samples: got 0, want at least 1", n)
	}
	for i := range p.Samples {
		if detail := checkSample(&p.Samples[i], rule); detail != "" {
			return invalid(op, "trajectory %d, sample %d: %s", n, i+1, detail)
		}
	}
	return nil
}

// checkSample returns what is wrong with a sample, or "".
func checkSample(s *TrajectorySample, rule logprobRule) string {
	if len(s.PromptTokenIDs) == 0 && len(s.PromptChunks) == 0 {
		return "prompt_token_ids: got 0 tokens, want at least 1: the first output token needs a predecessor"
	}
	if len(s.OutputTokenIDs) == 0 {
		return "output_token_ids: got 0 tokens, want at least 1"
	}
	for i, id := range s.PromptTokenIDs {
		if id < 0 {
			return fmt.Sprintf("prompt_token_ids[%d]: got %d, want a token id of 0 or more", i+1, id)
		}
	}
	for i, id := range s.OutputTokenIDs {
		if id < 0 {
			return fmt.Sprintf("output_token_ids[%d]: got %d, want a token id of 0 or more", i+1, id)
		}
	}
	if len(s.OutputLogprobs) != len(s.OutputTokenIDs) && (rule == logprobsRequired || len(s.OutputLogprobs) > 0) {
		return fmt.Sprintf("output_logprobs: got %d values for %d output tokens, want one each", len(s.OutputLogprobs), len(s.OutputTokenIDs))
	}
	for i, lp := range s.OutputLogprobs {
		if !finite(float64(lp)) {
			return fmt.Sprintf("output_logprobs[%d]: got %v, want a finite number", i+1, lp)
		}
	}
	return ""
}

// checkMetrics refuses values JSON cannot carry.
func checkMetrics(op, what string, metrics map[string]float64) error {
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		if !finite(metrics[name]) {
			return invalid(op, "%s[%q]: got %v, want a finite number", what, name, metrics[name])
		}
	}
	return nil
}

// checkWeights refuses a non-finite weight and reports whether all are zero.
func checkWeights(op string, weights [][]float32) (zero bool, err error) {
	zero = true
	for d, row := range weights {
		if t := httpjson.NotFinite(row); t >= 0 {
			return false, invalid(op, "weights: datum %d, position %d: got %v, want a finite number", d+1, t+1, row[t])
		}
		for t := 0; zero && t < len(row); t++ {
			zero = row[t] == 0
		}
	}
	return zero, nil
}

// positive checks a hyperparameter that must be finite and above 0.
func positive(op, name string, x float64) error {
	if !finite(x) || x <= 0 {
		return invalid(op, "%s: got %v, want a finite number above 0", name, x)
	}
	return nil
}

// checkPacked holds a service to the shape of a packed batch.
func checkPacked(op string, p *Packed, refLen int) error {
	bad := func(format string, args ...any) error {
		return &Error{Op: op, Code: CodeServer, Detail: "the service answered a malformed batch: " + fmt.Sprintf(format, args...)}
	}
	if p == nil || len(p.Offsets) == 0 || p.Offsets[0] != 0 {
		return bad("no offsets from 0")
	}
	for d := range p.Len() {
		if p.Offsets[d+1] < p.Offsets[d] {
			return bad("datum %d ends at %d before it starts at %d", d+1, p.Offsets[d+1], p.Offsets[d])
		}
	}
	n, count := p.Tokens(), p.Len()
	if len(p.Logprobs) != n || len(p.SamplingLogprobs) != n || len(p.Mask) != n {
		return bad("%d logprobs, %d sampling logprobs and %d mask values for %d positions", len(p.Logprobs), len(p.SamplingLogprobs), len(p.Mask), n)
	}
	if len(p.Reward) != count || len(p.TrajIdx) != count || len(p.GroupIdx) != count {
		return bad("%d rewards, %d trajectory and %d group indices for %d datums", len(p.Reward), len(p.TrajIdx), len(p.GroupIdx), count)
	}
	for d, t := range p.TrajIdx {
		if t < 0 || t >= refLen {
			return bad("datum %d is of trajectory %d, of %d sent", d+1, t, refLen)
		}
	}
	if i := httpjson.NotFinite(p.Logprobs); i >= 0 {
		return bad("logprob %d is %v", i+1, p.Logprobs[i])
	}
	return nil
}
