package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
)

// A Checkpoint is a node of a model's tree. Nil pointers are unknown.
type Checkpoint struct {
	ID           string
	ModelID      string
	Step         int    // unique in the model, never reused
	Parent       string // "" when it started from the model's first weights
	AdamT        int    // the optimizer's own step count
	Weights      string // blob, "" once pruned
	Moments      string // blob, "" once pruned
	CreatedAt    time.Time
	NumTraces    *int
	NumDatums    *int
	NumTokens    *int
	MeanReward   *float64
	LearningRate *float64
	LossFn       string
	Metrics      map[string]float64 // finite
}

const checkpointColumns = `id, model_id, step, coalesce(parent, ''), adam_t, coalesce(weights, ''), coalesce(moments, ''), created_at,
	num_traces, num_datums, num_tokens, mean_reward, learning_rate, loss_fn, metrics`

func scanCheckpoint(row scanner) (Checkpoint, error) {
	var c Checkpoint
	var created int64
	var metrics string
	err := row.Scan(&c.ID, &c.ModelID, &c.Step, &c.Parent, &c.AdamT, &c.Weights, &c.Moments, &created,
		&c.NumTraces, &c.NumDatums, &c.NumTokens, &c.MeanReward, &c.LearningRate, &c.LossFn, &metrics)
	if err != nil {
		return c, err
	}
	c.CreatedAt = time.UnixMicro(created).UTC()
	if err := json.Unmarshal([]byte(metrics), &c.Metrics); err != nil {
		return c, fmt.Errorf("%w: metrics of checkpoint %s: %w", ErrCorrupt, c.ID, err)
	}
	return c, nil
}

// Checkpoints lists a model's tree, oldest first.
func (s *Store) Checkpoints(ctx context.Context, modelID string) ([]Checkpoint, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+checkpointColumns+` FROM checkpoints WHERE model_id = ? ORDER BY seq`, modelID)
	if err != nil {
		return nil, s.classify("list checkpoints", err)
	}
	defer rows.Close()
	var cs []Checkpoint
	for rows.Next() {
		c, err := scanCheckpoint(rows)
		if err != nil {
			return nil, s.classify("list checkpoints", err)
		}
		cs = append(cs, c)
	}
	return cs, s.classify("list checkpoints", rows.Err())
}

// Checkpoint is the checkpoint with an id.
func (s *Store) Checkpoint(ctx context.Context, id string) (Checkpoint, error) {
	c, err := scanCheckpoint(s.db.QueryRowContext(ctx, `SELECT `+checkpointColumns+` FROM checkpoints WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return c, fmt.Errorf("checkpoint %q: %w", id, ErrNotFound)
	}
	return c, s.classify("read checkpoint", err)
}

// CheckpointAt is a model's checkpoint of a step.
func (s *Store) CheckpointAt(ctx context.Context, modelID string, step int) (Checkpoint, error) {
	c, err := scanCheckpoint(s.db.QueryRowContext(ctx, `SELECT `+checkpointColumns+` FROM checkpoints WHERE model_id = ? AND step = ?`, modelID, step))
	if errors.Is(err, sql.ErrNoRows) {
		return c, fmt.Errorf("checkpoint of step %d: %w", step, ErrNotFound)
	}
	return c, s.classify("read checkpoint", err)
}

// CommitStep inserts c, whose blobs were put before, moves its model's head to
// it and stores state, in one transaction. c.Parent is the head the step
// started from and c.Step the model's last step number plus one: if either is
// no longer so, the result is ErrMoved and nothing changed.
func (s *Store) CommitStep(ctx context.Context, c Checkpoint, state map[string]json.RawMessage) (Checkpoint, error) {
	for name, v := range c.Metrics {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return c, fmt.Errorf("commit step: metric %s is %v, want a finite number", name, v)
		}
	}
	if c.Metrics == nil {
		c.Metrics = map[string]float64{}
	}
	metrics, err := json.Marshal(c.Metrics)
	if err != nil {
		return c, fmt.Errorf("commit step: %w", err)
	}
	c.CreatedAt = time.Now().UTC().Truncate(time.Microsecond)
	err = s.write(ctx, "commit step", s.db, func(tx *sql.Tx) error {
		ctx := context.WithoutCancel(ctx)
		m, err := scanModel(tx.QueryRowContext(ctx, `SELECT `+modelColumns+` FROM models WHERE id = ?`, c.ModelID))
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("model %q: %w", c.ModelID, ErrNotFound)
		}
		if err != nil {
			return err
		}
		if m.Head != c.Parent || m.Steps != c.Step-1 {
			return fmt.Errorf("%w: the step started from checkpoint %q after step %d, the head is %q after step %d",
				ErrMoved, c.Parent, c.Step-1, m.Head, m.Steps)
		}
		if err := s.haveBlobs(c.Weights, c.Moments); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO checkpoints (id, model_id, step, parent, adam_t, weights, moments, created_at,
			num_traces, num_datums, num_tokens, mean_reward, learning_rate, loss_fn, metrics)
			VALUES (?, ?, ?, nullif(?, ''), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			c.ID, c.ModelID, c.Step, c.Parent, c.AdamT, c.Weights, c.Moments, c.CreatedAt.UnixMicro(),
			c.NumTraces, c.NumDatums, c.NumTokens, c.MeanReward, c.LearningRate, c.LossFn, string(metrics)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE models SET head = ?, steps = ? WHERE id = ?`, c.ID, c.Step, c.ModelID); err != nil {
			return err
		}
		for name, v := range state {
			if _, err := tx.ExecContext(ctx, `INSERT INTO state (name, value) VALUES (?, ?)
				ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, string(v)); err != nil {
				return err
			}
		}
		return s.at(PhaseCommit)
	})
	if err != nil {
		return c, err
	}
	if err := s.at(PhasePromotion); err != nil {
		return c, s.classify("commit step", err)
	}
	if c.Step%pruneEvery == 0 {
		// The step stands whatever becomes of the clean-up; GC repeats it.
		if hashes, _, err := s.prune(ctx, c.ModelID); err == nil {
			_ = s.removeBlobs(ctx, hashes)
		}
	}
	return c, nil
}

// SetHead moves a model's head to a checkpoint of its tree that still has its
// weights and moments, or, with "", to the weights it began with. Errors:
// ErrNotFound, ErrPruned.
func (s *Store) SetHead(ctx context.Context, modelID, checkpointID string) (Checkpoint, error) {
	var c Checkpoint
	err := s.write(ctx, "set head", s.db, func(tx *sql.Tx) (err error) {
		ctx := context.WithoutCancel(ctx)
		if checkpointID == "" {
			_, err = tx.ExecContext(ctx, `UPDATE models SET head = NULL WHERE id = ?`, modelID)
			return err
		}
		c, err = scanCheckpoint(tx.QueryRowContext(ctx, `SELECT `+checkpointColumns+` FROM checkpoints WHERE id = ? AND model_id = ?`, checkpointID, modelID))
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("checkpoint %q: %w", checkpointID, ErrNotFound)
		}
		if err != nil {
			return err
		}
		if c.Weights == "" || c.Moments == "" {
			return fmt.Errorf("checkpoint %q of step %d: %w", checkpointID, c.Step, ErrPruned)
		}
		_, err = tx.ExecContext(ctx, `UPDATE models SET head = ? WHERE id = ?`, checkpointID, modelID)
		return err
	})
	return c, err
}

// State is what the last committed step stored under a name, nil if none did.
func (s *Store) State(ctx context.Context, name string) (json.RawMessage, error) {
	var v string
	err := s.db.QueryRowContext(ctx, `SELECT value FROM state WHERE name = ?`, name).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, s.classify("read state", err)
	}
	return json.RawMessage(v), nil
}
