package store

import (
	"context"
	"database/sql"
)

// Retention: every step stores weights and moments, which adds up, so old
// nodes lose their blobs. Rows are kept for ever.
const (
	keepMoments = 5  // the last checkpoints, and the head, that keep moments
	keepWeights = 20 // the last checkpoints that keep weights, beside the head and the fork points
	keepEvery   = 10 // every step of this multiple keeps weights
	pruneEvery  = 16 // steps between two applications: what is due may linger that long
)

// prune applies the retention policy to a model and returns the blobs it
// released and the number of checkpoints that lost one.
func (s *Store) prune(ctx context.Context, modelID string) (released []string, checkpoints int, err error) {
	if s.opts.KeepAll {
		return nil, 0, nil
	}
	err = s.write(ctx, "prune", s.db, func(tx *sql.Tx) error {
		ctx := context.WithoutCancel(ctx)
		rows, err := tx.QueryContext(ctx, `SELECT c.id, c.step, coalesce(c.weights, ''), coalesce(c.moments, ''),
				c.id = coalesce(m.head, ''), EXISTS (SELECT 1 FROM models f WHERE f.source = c.id)
			FROM checkpoints c JOIN models m ON m.id = c.model_id WHERE c.model_id = ? ORDER BY c.seq DESC`, modelID)
		if err != nil {
			return err
		}
		defer rows.Close()
		var dropMoments, dropWeights []string
		for age := 0; rows.Next(); age++ {
			var id, weights, moments string
			var step int
			var head, forked bool
			if err := rows.Scan(&id, &step, &weights, &moments, &head, &forked); err != nil {
				return err
			}
			lost := false
			if moments != "" && !head && age >= keepMoments {
				dropMoments, released, lost = append(dropMoments, id), append(released, moments), true
			}
			if weights != "" && !head && !forked && step%keepEvery != 0 && age >= keepWeights {
				dropWeights, released, lost = append(dropWeights, id), append(released, weights), true
			}
			if lost {
				checkpoints++
			}
		}
		if err := rows.Err(); err != nil {
			return err
		}
		for _, id := range dropMoments {
			if _, err := tx.ExecContext(ctx, `UPDATE checkpoints SET moments = NULL WHERE id = ?`, id); err != nil {
				return err
			}
		}
		for _, id := range dropWeights {
			if _, err := tx.ExecContext(ctx, `UPDATE checkpoints SET weights = NULL WHERE id = ?`, id); err != nil {
				return err
			}
		}
		return nil
	})
	return released, checkpoints, err
}
