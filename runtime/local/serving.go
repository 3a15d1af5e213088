package local

import (
	"context"

	"github.com/hudrl/hudrl/internal/policy"
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
