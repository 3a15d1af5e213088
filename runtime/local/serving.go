package local

import (
	"context"

	"github.com/hudrl/hudrl/internal/policy"
	"github.com/hudrl/hudrl/runtime/hud"
)

// serving are the checkpoint id ("" for base weights) and the weights that a
// model serves now: its head as the database has it.
func (s *Service) serving(ctx context.Context, r resolved) (string, *policy.Model, error) {
	if r.base != nil {
		m, err := s.baseWeights(r.base)
		return "", m, err
	}
	return s.headWeights(ctx, r.row)
}

// SamplingStats implements hud.SamplingMeter.
func (s *Service) SamplingStats() (sum hud.SamplingStats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sm := range s.samplers {
		steps, tokens := sm.Stats()
		sum.Steps += steps
		sum.Tokens += tokens
	}
	return sum
}
